//! Arithmetic and logic (SDM vol. 1, 7.3.2 and 7.3.4).

use super::{Form, close, num, open, read0, read1};
use crate::insn::{AluOp, Insn, Width};
use crate::micro::{BinOp, CmpOp, FlagOp, Micro, UnOp};
use x86::eflags::ZF;
use x86::{Cond, gpr};

/// The result of a two-operand operation, and how the flags follow from it.
#[inline(always)]
fn compute<M: Micro>(m: &mut M, op: AluOp, w: Width, a: M::I, b: M::I) -> (M::I, FlagOp) {
    match op {
        AluOp::Add => (m.bin(BinOp::Add, w, a, b), FlagOp::Add),
        AluOp::Sub | AluOp::Cmp => (m.bin(BinOp::Sub, w, a, b), FlagOp::Sub),
        AluOp::And | AluOp::Test => (m.bin(BinOp::And, w, a, b), FlagOp::Logic),
        AluOp::Or => (m.bin(BinOp::Or, w, a, b), FlagOp::Logic),
        AluOp::Xor => (m.bin(BinOp::Xor, w, a, b), FlagOp::Logic),
        AluOp::Adc | AluOp::Sbb => {
            let (op, flags) =
                if op == AluOp::Adc { (BinOp::Add, FlagOp::Add) } else { (BinOp::Sub, FlagOp::Sub) };
            let carry = m.cond(Cond::B);
            let carry = if w == Width::W64 { m.zext(Width::W32, w, carry) } else { carry };
            let t = m.bin(op, w, a, b);
            (m.bin(op, w, t, carry), flags)
        }
    }
}

/// ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST: r/m, r; r, r/m; r/m, imm. `******`, logic `0**?*0`.
#[inline(always)]
pub fn alu<M: Micro>(m: &mut M, i: &Insn, f: Form, op: AluOp) -> Result<(), M::Stop> {
    if matches!(op, AluOp::Cmp | AluOp::Test) {
        let a = read0(m, i, f)?;
        let b = read1(m, i, f)?;
        let (r, flags) = compute(m, op, f.w, a, b);
        m.set_flags(flags, f.w, a, b, r);
        return Ok(());
    }
    let b = read1(m, i, f)?;
    let (place, a) = open(m, i, f)?;
    let (r, flags) = compute(m, op, f.w, a, b);
    m.set_flags(flags, f.w, a, b, r);
    close(m, i, f, place, r);
    Ok(())
}

/// INC, DEC r/m. `*****-`.
#[inline(always)]
pub fn inc_dec<M: Micro>(m: &mut M, i: &Insn, f: Form, up: bool) -> Result<(), M::Stop> {
    let (place, a) = open(m, i, f)?;
    let one = num(m, f.w, 1);
    let (op, flags) = if up { (BinOp::Add, FlagOp::Inc) } else { (BinOp::Sub, FlagOp::Dec) };
    let r = m.bin(op, f.w, a, one);
    m.set_flags(flags, f.w, a, one, r);
    close(m, i, f, place, r);
    Ok(())
}

/// NOT r/m. `------`.
#[inline(always)]
pub fn not<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let (place, a) = open(m, i, f)?;
    let r = m.un(UnOp::Not, f.w, a);
    close(m, i, f, place, r);
    Ok(())
}

/// NEG r/m. `******`.
#[inline(always)]
pub fn neg<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let (place, a) = open(m, i, f)?;
    let zero = num(m, f.w, 0);
    let r = m.un(UnOp::Neg, f.w, a);
    m.set_flags(FlagOp::Sub, f.w, zero, a, r);
    close(m, i, f, place, r);
    Ok(())
}

/// Writes a double-width result: AX for bytes, else DX:AX.
#[inline(always)]
fn set_wide<M: Micro>(m: &mut M, w: Width, hi: M::I, lo: M::I) {
    if w == Width::W8 {
        m.set_reg(w, gpr::AX, lo);
        m.set_reg(w, gpr::AX | crate::insn::HIGH_BYTE, hi);
    } else {
        m.set_reg(w, gpr::AX, lo);
        m.set_reg(w, gpr::DX, hi);
    }
}

/// MUL, IMUL r/m. `*????*`.
#[inline(always)]
pub fn multiply<M: Micro>(m: &mut M, i: &Insn, f: Form, signed: bool) -> Result<(), M::Stop> {
    let b = read0(m, i, f)?;
    let a = m.reg(f.w, gpr::AX);
    let lo = m.bin(BinOp::Mul, f.w, a, b);
    let hi = m.bin(if signed { BinOp::MulHiS } else { BinOp::MulHiU }, f.w, a, b);
    let plain = if signed {
        let sign = num(m, f.w, u64::from(f.w.bits()) - 1);
        m.bin(BinOp::Sar, f.w, lo, sign)
    } else {
        num(m, f.w, 0)
    };
    let over = m.compare(CmpOp::Ne, f.w, hi, plain);
    m.set_flags(FlagOp::Explicit, f.w, over, over, lo);
    set_wide(m, f.w, hi, lo);
    Ok(())
}

/// IMUL r, r/m; IMUL r, r/m, imm. `*????*`.
#[inline(always)]
pub fn multiply_truncating<M: Micro>(m: &mut M, i: &Insn, f: Form, with_imm: bool) -> Result<(), M::Stop> {
    let a = read1(m, i, f)?;
    let b = if with_imm { m.imm(f.w, i.imm as u64) } else { m.reg(f.w, i.r0) };
    let lo = m.bin(BinOp::Mul, f.w, a, b);
    let hi = m.bin(BinOp::MulHiS, f.w, a, b);
    let sign = num(m, f.w, u64::from(f.w.bits()) - 1);
    let plain = m.bin(BinOp::Sar, f.w, lo, sign);
    let over = m.compare(CmpOp::Ne, f.w, hi, plain);
    m.set_flags(FlagOp::Explicit, f.w, over, over, lo);
    m.set_reg(f.w, i.r0, lo);
    Ok(())
}

/// DIV, IDIV r/m. `??????`; kept.
#[inline(always)]
pub fn divide<M: Micro>(m: &mut M, i: &Insn, f: Form, signed: bool) -> Result<(), M::Stop> {
    let d = read0(m, i, f)?;
    let lo = m.reg(f.w, gpr::AX);
    let hi = m.reg(f.w, if f.w == Width::W8 { gpr::AX | crate::insn::HIGH_BYTE } else { gpr::DX });
    m.div_check(f.w, signed, hi, lo, d)?;
    let q = m.quot(f.w, signed, hi, lo, d);
    let t = m.bin(BinOp::Mul, f.w, q, d);
    let r = m.bin(BinOp::Sub, f.w, lo, t);
    set_wide(m, f.w, r, q);
    Ok(())
}

/// XADD r/m, r. `******`.
pub fn xadd<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let b = m.reg(f.w, i.r1);
    let (place, a) = open(m, i, f)?;
    let r = m.bin(BinOp::Add, f.w, a, b);
    m.set_flags(FlagOp::Add, f.w, a, b, r);
    m.set_reg(f.w, i.r1, a);
    close(m, i, f, place, r);
    Ok(())
}

/// CMPXCHG r/m, r: always writes. `******`.
pub fn cmpxchg<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let b = m.reg(f.w, i.r1);
    let acc = m.reg(f.w, gpr::AX);
    let (place, a) = open(m, i, f)?;
    let d = m.bin(BinOp::Sub, f.w, acc, a);
    m.set_flags(FlagOp::Sub, f.w, acc, a, d);
    let same = m.compare(CmpOp::Eq, f.w, acc, a);
    let r = m.select(f.w, same, b, a);
    let differs = m.compare(CmpOp::Ne, f.w, acc, a);
    close(m, i, f, place, r);
    m.when(differs, |m| {
        m.set_reg(f.w, gpr::AX, a);
        Ok(())
    })
}

/// CMPXCHG8B m64: always writes. `--*---`.
pub fn cmpxchg8b<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let wide = Width::W64;
    let at = super::ea(m, i, f);
    let place = m.rmw(wide, f.seg, at)?;
    let a = m.peek(wide, place);
    let shift = num(m, wide, 32);
    let mut pair = |lo: u8, hi: u8| {
        let lo = m.reg(Width::W32, lo);
        let hi = m.reg(Width::W32, hi);
        let lo = m.zext(Width::W32, wide, lo);
        let hi = m.zext(Width::W32, wide, hi);
        let hi = m.bin(BinOp::Shl, wide, hi, shift);
        m.bin(BinOp::Or, wide, lo, hi)
    };
    let expected = pair(gpr::AX, gpr::DX);
    let new = pair(gpr::BX, gpr::CX);
    let same = m.compare(CmpOp::Eq, wide, a, expected);
    let r = m.select(wide, same, new, a);
    m.poke(wide, place, r);
    let bit = num(m, Width::W32, u64::from(ZF.trailing_zeros()));
    let zf = m.bin(BinOp::Shl, Width::W32, same, bit);
    m.put_flags(ZF, zf);
    let differs = m.compare(CmpOp::Ne, wide, a, expected);
    m.when(differs, |m| {
        let hi = m.bin(BinOp::Shr, wide, a, shift);
        let lo = m.trunc(wide, Width::W32, a);
        let hi = m.trunc(wide, Width::W32, hi);
        m.set_reg(Width::W32, gpr::AX, lo);
        m.set_reg(Width::W32, gpr::DX, hi);
        Ok(())
    })
}

/// CBW, CWDE. `------`.
pub fn cbw<M: Micro>(m: &mut M, _: &Insn, f: Form) -> Result<(), M::Stop> {
    let half = match f.w {
        Width::W64 => Width::W32,
        Width::W32 => Width::W16,
        _ => Width::W8,
    };
    let v = m.reg(half, gpr::AX);
    let v = m.sext(half, f.w, v);
    m.set_reg(f.w, gpr::AX, v);
    Ok(())
}

/// CWD, CDQ. `------`.
#[inline(always)]
pub fn cwd<M: Micro>(m: &mut M, _: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = m.reg(f.w, gpr::AX);
    let n = num(m, f.w, u64::from(f.w.bits()) - 1);
    let sign = m.bin(BinOp::Sar, f.w, v, n);
    m.set_reg(f.w, gpr::DX, sign);
    Ok(())
}
