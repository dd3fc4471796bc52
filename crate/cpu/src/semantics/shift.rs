//! Shifts and rotates (SDM vol. 1, 7.3.6).

use super::{Form, close, num, open};
use crate::insn::{Insn, Kind, ShiftOp, Width};
use crate::micro::{BinOp, FlagOp, Micro};
use x86::eflags::{CF, OF};
use x86::{Cond, gpr};

/// Bit `n` of `v`.
#[inline(always)]
fn bit<M: Micro>(m: &mut M, w: Width, v: M::I, n: u32) -> M::I {
    let n = num(m, w, u64::from(n));
    let one = num(m, w, 1);
    let v = m.bin(BinOp::Shr, w, v, n);
    m.bin(BinOp::And, w, v, one)
}

/// The count: immediate or CL, modulo 32 (64). `None` for an immediate count of zero.
#[inline(always)]
fn count<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Option<M::I> {
    let mask = if f.w == Width::W64 { 63 } else { 31 };
    if f.k1 == Kind::Imm {
        let n = i.imm as u64 & mask;
        return (n != 0).then(|| num(m, f.w, n));
    }
    let c = m.reg(Width::W8, gpr::CX);
    let c = if f.w == Width::W8 { c } else { m.zext(Width::W8, f.w, c) };
    let mask = num(m, f.w, mask);
    Some(m.bin(BinOp::And, f.w, c, mask))
}

/// Sets only CF and OF.
#[inline(always)]
fn put_carry_overflow<M: Micro>(m: &mut M, w: Width, cf: M::I, of: M::I) {
    let eleven = num(m, Width::W32, 11);
    let (cf, of) =
        if w == Width::W64 { (m.trunc(w, Width::W32, cf), m.trunc(w, Width::W32, of)) } else { (cf, of) };
    let of = m.bin(BinOp::Shl, Width::W32, of, eleven);
    let v = m.bin(BinOp::Or, Width::W32, cf, of);
    m.put_flags(CF | OF, v);
}

/// ROL, ROR, RCL, RCR r/m, imm8 or CL: `*----*`. SHL, SHR, SAR: `***?**`. A count of zero changes nothing.
#[inline(always)]
pub fn shift<M: Micro>(m: &mut M, i: &Insn, f: Form, op: ShiftOp) -> Result<(), M::Stop> {
    let Some(c) = count(m, i, f) else {
        return unchanged(m, i, f);
    };
    let (place, a) = open(m, i, f)?;
    let r = result(m, f.w, op, a, c);
    if f.k1 == Kind::Imm {
        set_flags(m, f.w, op, a, c, r)?;
    } else {
        m.when(c, |m| set_flags(m, f.w, op, a, c, r))?;
    }
    close(m, i, f, place, r);
    Ok(())
}

/// A count of zero: memory is still checked for writing.
fn unchanged<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let (place, a) = open(m, i, f)?;
    close(m, i, f, place, a);
    Ok(())
}

#[inline(always)]
fn result<M: Micro>(m: &mut M, w: Width, op: ShiftOp, a: M::I, c: M::I) -> M::I {
    match op {
        ShiftOp::Shl => m.bin(BinOp::Shl, w, a, c),
        ShiftOp::Shr => m.bin(BinOp::Shr, w, a, c),
        ShiftOp::Sar => m.bin(BinOp::Sar, w, a, c),
        ShiftOp::Rol => m.bin(BinOp::Rol, w, a, c),
        ShiftOp::Ror => m.bin(BinOp::Ror, w, a, c),
        ShiftOp::Rcl | ShiftOp::Rcr => {
            let (_, low) = through_carry(m, w, op, a, c);
            low
        }
    }
}

/// Rotates the width + 1 bits of CF:a: the new CF and the new operand.
fn through_carry<M: Micro>(m: &mut M, w: Width, op: ShiftOp, a: M::I, c: M::I) -> (M::I, M::I) {
    let wide = Width::W64;
    let bits = u64::from(w.bits());
    let total = num(m, wide, bits + 1);
    let c = m.zext(w, wide, c);
    // Modulo width + 1; a 32-bit operand's count is below 33 anyway.
    let c = if w == Width::W32 {
        c
    } else {
        let zero = num(m, wide, 0);
        let q = m.quot(wide, false, zero, c, total);
        let t = m.bin(BinOp::Mul, wide, q, total);
        m.bin(BinOp::Sub, wide, c, t)
    };
    let cf = m.cond(Cond::B);
    let cf = m.zext(Width::W32, wide, cf);
    let top = num(m, wide, bits);
    let cf = m.bin(BinOp::Shl, wide, cf, top);
    let a = m.zext(w, wide, a);
    let x = m.bin(BinOp::Or, wide, a, cf);
    let rest = m.bin(BinOp::Sub, wide, total, c);
    let (left, right) = if op == ShiftOp::Rcl { (c, rest) } else { (rest, c) };
    let hi = m.bin(BinOp::Shl, wide, x, left);
    let lo = m.bin(BinOp::Shr, wide, x, right);
    let x = m.bin(BinOp::Or, wide, hi, lo);
    let cf = bit(m, wide, x, w.bits());
    (cf, m.trunc(wide, w, x))
}

#[inline(always)]
fn set_flags<M: Micro>(m: &mut M, w: Width, op: ShiftOp, a: M::I, c: M::I, r: M::I) -> Result<(), M::Stop> {
    let top = w.bits() - 1;
    match op {
        ShiftOp::Shl | ShiftOp::Shr | ShiftOp::Sar => {
            let one = num(m, w, 1);
            let before = m.bin(BinOp::Sub, w, c, one);
            let last = result(m, w, op, a, before);
            let (cf, of) = match op {
                ShiftOp::Shl => {
                    let cf = bit(m, w, last, top);
                    let sign = bit(m, w, r, top);
                    (cf, m.bin(BinOp::Xor, w, sign, cf))
                }
                ShiftOp::Shr => {
                    let cf = bit(m, w, last, 0);
                    let (s, t) = (bit(m, w, r, top), bit(m, w, r, top - 1));
                    (cf, m.bin(BinOp::Xor, w, s, t))
                }
                _ => (bit(m, w, last, 0), num(m, w, 0)),
            };
            m.set_flags(FlagOp::Explicit, w, cf, of, r);
        }
        ShiftOp::Rol => {
            let cf = bit(m, w, r, 0);
            let sign = bit(m, w, r, top);
            let of = m.bin(BinOp::Xor, w, sign, cf);
            put_carry_overflow(m, w, cf, of);
        }
        ShiftOp::Ror => {
            let cf = bit(m, w, r, top);
            let next = bit(m, w, r, top - 1);
            let of = m.bin(BinOp::Xor, w, cf, next);
            put_carry_overflow(m, w, cf, of);
        }
        ShiftOp::Rcl | ShiftOp::Rcr => {
            let (cf, _) = through_carry(m, w, op, a, c);
            let sign = bit(m, w, r, top);
            let of = if op == ShiftOp::Rcl {
                let sign = m.zext(w, Width::W64, sign);
                m.bin(BinOp::Xor, Width::W64, sign, cf)
            } else {
                let next = bit(m, w, r, top - 1);
                let of = m.bin(BinOp::Xor, w, sign, next);
                m.zext(w, Width::W64, of)
            };
            put_carry_overflow(m, Width::W64, cf, of);
        }
    }
    Ok(())
}

/// SHLD, SHRD r/m, r, imm8 or CL. `***?**`; a count above the width is undefined.
pub(super) fn shift_double<M: Micro>(m: &mut M, i: &Insn, f: Form, left: bool) -> Result<(), M::Stop> {
    let Some(c) = count(m, i, f) else {
        return unchanged(m, i, f);
    };
    let b = m.reg(f.w, i.r1);
    let (place, a) = open(m, i, f)?;
    // In a double-width value, so that counts above the width stay harmless.
    let (w, wide) = (f.w, Width::W64);
    let bits = num(m, wide, u64::from(w.bits()));
    let (a64, b64, c64) = (m.zext(w, wide, a), m.zext(w, wide, b), m.zext(w, wide, c));
    let one = num(m, wide, 1);
    let before = m.bin(BinOp::Sub, wide, c64, one);
    let before = {
        let mask = num(m, wide, 31);
        m.bin(BinOp::And, wide, before, mask)
    };
    let (r, cf) = if left {
        let hi = m.bin(BinOp::Shl, wide, a64, bits);
        let x = m.bin(BinOp::Or, wide, hi, b64);
        let r = m.bin(BinOp::Shl, wide, x, c64);
        let r = m.bin(BinOp::Shr, wide, r, bits);
        let last = m.bin(BinOp::Shl, wide, a64, before);
        (m.trunc(wide, w, r), bit(m, wide, last, w.bits() - 1))
    } else {
        let hi = m.bin(BinOp::Shl, wide, b64, bits);
        let x = m.bin(BinOp::Or, wide, hi, a64);
        let r = m.bin(BinOp::Shr, wide, x, c64);
        let last = m.bin(BinOp::Shr, wide, x, before);
        (m.trunc(wide, w, r), bit(m, wide, last, 0))
    };
    let cf = m.trunc(wide, w, cf);
    let change = m.bin(BinOp::Xor, w, a, r);
    let of = bit(m, w, change, w.bits() - 1);
    let keep = i.k1 != Kind::Imm;
    if keep {
        m.when(c, |m| {
            m.set_flags(FlagOp::Explicit, w, cf, of, r);
            Ok(())
        })?;
    } else {
        m.set_flags(FlagOp::Explicit, w, cf, of, r);
    }
    close(m, i, f, place, r);
    Ok(())
}
