//! What SSE3 and SSE4 brought, but for what is like something before it.

use super::{SseOp, alone, element1, vector1};
use crate::insn::{Insn, Kind, Width};
use crate::micro::{BinOp, CmpOp, Micro, Shuffle, SseArith, UnOp, VecOp};
use x86::{eflags, gpr};

/// What a comparison of strings results in, beside flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StringResult {
    /// In ECX, the number of the first or last element that matched.
    Index,
    /// In XMM0, a mask of bits or elements.
    Mask,
}

/// INSERTPS: an element of a register, or memory; then some become zero.
fn insert<M: Micro>(m: &mut M, i: &Insn) -> Result<(), M::Stop> {
    let imm = i.imm as u8;
    let x =
        if i.k1 == Kind::Mem { element1(m, i, Width::W32)? } else { m.xmm_part(Width::W32, i.r1, imm >> 6) };
    let v = m.xmm(i.r0);
    let v = m.vec_with(Width::W32, imm >> 4 & 3, v, x);
    let kept = |n: u8| if imm >> n & 1 != 0 { 0 } else { 0xFFFF_FFFF << (32 * (n & 1)) };
    let low = m.imm(Width::W64, kept(0) | kept(1));
    let high = m.imm(Width::W64, kept(2) | kept(3));
    let mask = m.vec_join(low, high);
    let r = m.vec_int(VecOp::And, v, mask);
    m.set_xmm(i.r0, r);
    Ok(())
}

/// HADDPS and its kin: the even elements and the odd ones of both, side by side, and then as ever.
fn horizontal<M: Micro>(m: &mut M, i: &Insn, op: SseArith) -> Result<(), M::Stop> {
    let b = vector1(m, i, true)?;
    let a = m.xmm(i.r0);
    let (shuffle, even, odd) = if i.w == Width::W64 {
        (Shuffle::Pd, 0b00, 0b11)
    } else {
        (Shuffle::Ps, 0b10_00_10_00, 0b11_01_11_01)
    };
    let x = m.vec_shuffle(shuffle, even, a, b);
    let y = m.vec_shuffle(shuffle, odd, a, b);
    let r = m.sse_packed(op, i.w, x, y)?;
    m.set_xmm(i.r0, r);
    Ok(())
}

/// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. O S Z A P C: * * * 0 0 *. Memory need not be aligned.
fn strings<M: Micro>(m: &mut M, i: &Insn, lengths: bool, result: StringResult) -> Result<(), M::Stop> {
    let w = Width::W32;
    let imm = i.imm as u8;
    let b = vector1(m, i, false)?;
    let a = m.xmm(i.r0);
    let (len_a, len_b) =
        if lengths { (m.reg(w, gpr::AX), m.reg(w, gpr::DX)) } else { (m.imm(w, 0), m.imm(w, 0)) };
    let r = m.vec_strings(imm, lengths, a, b, len_a, len_b);
    let place = m.imm(w, 16);
    let flags = m.bin(BinOp::Shr, w, r, place);
    m.put_flags(eflags::STATUS, flags);
    let low = m.imm(w, 0xFFFF);
    let bits = m.bin(BinOp::And, w, r, low);
    let words = imm & 1 != 0;
    // Bit 6: the last one, not the first; elements, not bits.
    let other = imm & 0x40 != 0;
    match result {
        StringResult::Mask => {
            let v = alone(m, w, bits);
            let v = match (other, words) {
                (false, _) => v,
                (true, false) => m.vec_int(VecOp::BitsB, v, v),
                (true, true) => m.vec_int(VecOp::BitsW, v, v),
            };
            m.set_xmm(0, v);
        }
        StringResult::Index => {
            let count = if words { 8 } else { 16 };
            let index = if other {
                let (zero, none, top) = (m.imm(w, 0), m.imm(w, count), m.imm(w, 31));
                let before = m.un(UnOp::Clz, w, bits);
                let last = m.bin(BinOp::Sub, w, top, before);
                let some = m.compare(CmpOp::Ne, w, bits, zero);
                m.select(w, some, last, none)
            } else {
                let end = m.imm(w, 1 << count);
                let ended = m.bin(BinOp::Or, w, bits, end);
                m.un(UnOp::Ctz, w, ended)
            };
            m.set_reg(w, gpr::CX, index);
        }
    }
    Ok(())
}

/// Does one of these.
pub(super) fn sse4<M: Micro>(m: &mut M, i: &Insn, op: SseOp) -> Result<(), M::Stop> {
    let imm = i.imm as u8;
    match op {
        SseOp::Widen(op) => {
            let v = if i.k1 == Kind::Mem {
                let x = element1(m, i, i.w)?;
                alone(m, i.w, x)
            } else {
                m.xmm(i.r1)
            };
            let r = m.vec_int(op, v, v);
            m.set_xmm(i.r0, r);
        }
        SseOp::Blend => {
            let b = vector1(m, i, true)?;
            let (a, mask) = (m.xmm(i.r0), m.xmm(0));
            let r = m.vec_blend(i.w, a, b, mask);
            m.set_xmm(i.r0, r);
        }
        SseOp::InsertPs => insert(m, i)?,
        SseOp::Test => {
            // O S Z A P C: 0 0 * 0 0 *.
            let b = vector1(m, i, true)?;
            let a = m.xmm(i.r0);
            let flags = m.vec_test(a, b);
            m.put_flags(eflags::STATUS, flags);
        }
        SseOp::Strings { lengths, result } => strings(m, i, lengths, result)?,
        SseOp::Horizontal(op) => horizontal(m, i, op)?,
        SseOp::Round => {
            let v = element1(m, i, i.w)?;
            let r = m.sse_round(i.w, imm & 15, v)?;
            m.set_xmm_part(i.w, i.r0, 0, r);
        }
        SseOp::RoundAll => {
            let v = vector1(m, i, true)?;
            let r = m.sse_round_packed(i.w, imm & 15, v)?;
            m.set_xmm(i.r0, r);
        }
        _ => {
            let b = vector1(m, i, true)?;
            let a = m.xmm(i.r0);
            let r = m.sse_dot(i.w, imm, a, b)?;
            m.set_xmm(i.r0, r);
        }
    }
    Ok(())
}
