//! Bit operations (SDM vol. 1, 7.3.7).

use super::{Form, close, ea, num, open, read1, read1_as};
use crate::insn::{BitOp, Insn, Kind, Width};
use crate::micro::{BinOp, CmpOp, FlagOp, Micro, UnOp};
use x86::eflags::{CF, STATUS, ZF};

/// BT, BTS, BTR, BTC r/m, r; r/m, imm8. `?-???*`. With a register index, memory is a bit string: the index
/// reaches outside the operand.
pub(super) fn bit<M: Micro>(m: &mut M, i: &Insn, f: Form, op: BitOp) -> Result<(), M::Stop> {
    let w = f.w;
    let index = if f.k1 == Kind::Imm { m.imm(w, i.imm as u64) } else { m.reg(w, i.r1) };
    let mask = num(m, w, u64::from(w.bits()) - 1);
    let n = m.bin(BinOp::And, w, index, mask);
    let change = |m: &mut M, a: M::I| {
        let one = num(m, w, 1);
        let bit = m.bin(BinOp::Shl, w, one, n);
        let r = match op {
            BitOp::Bt => a,
            BitOp::Bts => m.bin(BinOp::Or, w, a, bit),
            BitOp::Btc => m.bin(BinOp::Xor, w, a, bit),
            BitOp::Btr => {
                let keep = m.un(UnOp::Not, w, bit);
                m.bin(BinOp::And, w, a, keep)
            }
        };
        let v = m.bin(BinOp::Shr, w, a, n);
        let cf = m.bin(BinOp::And, w, v, one);
        let cf = if w == Width::W64 { m.trunc(w, Width::W32, cf) } else { cf };
        m.put_flags(CF, cf);
        r
    };
    if f.k0 != Kind::Mem {
        let a = m.reg(w, i.r0);
        let r = change(m, a);
        if op != BitOp::Bt {
            m.set_reg(w, i.r0, r);
        }
        return Ok(());
    }
    let base = ea(m, i, f);
    let at = if f.k1 == Kind::Imm {
        base
    } else {
        // Operands further on: the index's upper bits, signed, times the operand's bytes.
        let log = w.bits().trailing_zeros();
        let log = num(m, w, u64::from(log));
        let far = m.bin(BinOp::Sar, w, index, log);
        let far = if w == f.asz {
            far
        } else if w < f.asz {
            m.sext(w, f.asz, far)
        } else {
            m.trunc(w, f.asz, far)
        };
        let scale = num(m, f.asz, u64::from(w.bytes().trailing_zeros()));
        let far = m.bin(BinOp::Shl, f.asz, far, scale);
        m.bin(BinOp::Add, f.asz, base, far)
    };
    if op == BitOp::Bt {
        let a = m.load(w, f.seg, at)?;
        change(m, a);
    } else {
        let place = m.rmw(w, f.seg, at)?;
        let a = m.peek(w, place);
        let r = change(m, a);
        m.poke(w, place, r);
    }
    Ok(())
}

/// BSF, BSR r, r/m. `??*???`; a source of zero leaves the destination as it was.
pub(super) fn scan<M: Micro>(m: &mut M, i: &Insn, f: Form, forward: bool) -> Result<(), M::Stop> {
    let a = read1(m, i, f)?;
    let zero = num(m, f.w, 0);
    m.set_flags(FlagOp::Logic, f.w, a, a, a);
    let some = m.compare(CmpOp::Ne, f.w, a, zero);
    m.when(some, |m| {
        let r = if forward {
            m.un(UnOp::Ctz, f.w, a)
        } else {
            let n = m.un(UnOp::Clz, f.w, a);
            let top = num(m, f.w, u64::from(f.w.bits()) - 1);
            m.bin(BinOp::Sub, f.w, top, n)
        };
        m.set_reg(f.w, i.r0, r);
        Ok(())
    })
}

/// POPCNT r, r/m. `00*000`.
pub(super) fn popcnt<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let a = read1(m, i, f)?;
    let zero = num(m, f.w, 0);
    let none = m.compare(CmpOp::Eq, f.w, a, zero);
    let place = num(m, Width::W32, ZF.trailing_zeros().into());
    let flags = m.bin(BinOp::Shl, Width::W32, none, place);
    m.put_flags(STATUS, flags);
    let n = m.un(UnOp::Popcnt, f.w, a);
    m.set_reg(f.w, i.r0, n);
    Ok(())
}

/// CRC32 r32, r/m. `------`.
pub(super) fn crc32<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = read1_as(m, i, f, i.w2)?;
    let v = if i.w2 == Width::W32 { v } else { m.zext(i.w2, Width::W32, v) };
    let crc = m.reg(Width::W32, i.r0);
    let r = m.crc32(i.w2, crc, v);
    m.set_reg(Width::W32, i.r0, r);
    Ok(())
}

/// BSWAP r. `------`. A 16-bit operand is undefined; processors give zero.
pub(super) fn bswap<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let (place, a) = open(m, i, f)?;
    let r = if f.w == Width::W16 { num(m, f.w, 0) } else { m.un(UnOp::Bswap, f.w, a) };
    close(m, i, f, place, r);
    Ok(())
}
