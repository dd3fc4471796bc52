//! MMX (SDM vol. 1, chapter 9), and what SSE, SSE2 and SSSE3 added to it. No flags.
//!
//! Every MMX instruction raises what [`Micro::mmx_enter`] says, and once nothing else can fault makes all
//! x87 registers valid and TOP zero ([`Micro::mmx_touch`]; SDM vol. 1, 9.5.1), whether it writes an MMX
//! register or not.

use super::{Form, ea, read1_as, write0};
use crate::insn::{Insn, Kind, Width};
use crate::micro::{Micro, Shuffle, VecOp};

/// MMX instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MmxOp {
    /// MOVQ, MOVNTQ.
    MovQ,
    /// MOVD mm, r/m32.
    MovDIn,
    /// MOVD r/m32, mm.
    MovDOut,
    /// Packed integers; `w` is how much of a memory operand is read.
    Int(VecOp),
    /// Shifts by an immediate.
    IntImm(VecOp),
    /// PSHUFW.
    Shuffle,
    /// PALIGNR.
    Align,
    /// PINSRW.
    Insert,
    /// PEXTRW.
    Extract,
    /// PMOVMSKB.
    Signs,
    /// MASKMOVQ.
    StoreMasked,
    /// EMMS.
    Empty,
}

/// The second operand: an MMX register, or `w` bits of memory.
fn source<M: Micro>(m: &mut M, i: &Insn, w: Width) -> Result<M::I, M::Stop> {
    if i.k1 == Kind::Mem {
        let at = ea(m, i, Form::of(i));
        let v = m.load(w, i.mem.seg, at)?;
        return Ok(if w == Width::W64 { v } else { m.zext(w, Width::W64, v) });
    }
    Ok(m.mmx(i.r1))
}

/// A 64-bit value as the low half of a vector.
fn widen<M: Micro>(m: &mut M, low: M::I) -> M::V {
    let zero = m.imm(Width::W64, 0);
    m.vec_join(low, zero)
}

/// A packed operation on 64 bits by the one on 128: the low half, except where halves change places.
fn packed<M: Micro>(m: &mut M, op: VecOp, a: M::I, b: M::I) -> M::I {
    match op {
        VecOp::PackSWB
        | VecOp::PackSDW
        | VecOp::PackUWB
        | VecOp::HAddW
        | VecOp::HAddD
        | VecOp::HAddSW
        | VecOp::HSubW
        | VecOp::HSubD
        | VecOp::HSubSW => {
            let both = m.vec_join(a, b);
            let r = m.vec_int(op, both, both);
            m.vec_part(Width::W64, 0, r)
        }
        VecOp::ShuffleB => {
            // Of two equal halves, so that the fourth bit of a number does not matter.
            let (a, b) = (m.vec_join(a, a), widen(m, b));
            let r = m.vec_int(op, a, b);
            m.vec_part(Width::W64, 0, r)
        }
        VecOp::UnpackHighB => unpack_high(m, VecOp::UnpackLowB, a, b),
        VecOp::UnpackHighW => unpack_high(m, VecOp::UnpackLowW, a, b),
        VecOp::UnpackHighD => unpack_high(m, VecOp::UnpackLowD, a, b),
        _ => {
            let (a, b) = (widen(m, a), widen(m, b));
            let r = m.vec_int(op, a, b);
            m.vec_part(Width::W64, 0, r)
        }
    }
}

/// The low halves interleaved are 128 bits, of which this is the upper half.
fn unpack_high<M: Micro>(m: &mut M, op: VecOp, a: M::I, b: M::I) -> M::I {
    let (a, b) = (widen(m, a), widen(m, b));
    let r = m.vec_int(op, a, b);
    m.vec_part(Width::W64, 1, r)
}

/// Writes the first operand, an MMX register.
fn put<M: Micro>(m: &mut M, i: &Insn, v: M::I) {
    m.mmx_touch(false);
    m.set_mmx(i.r0, v);
}

/// Does one MMX instruction.
///
/// # Errors
/// Why it did not finish.
pub fn mmx<M: Micro>(m: &mut M, i: &Insn, op: MmxOp) -> Result<(), M::Stop> {
    let f = Form::of(i);
    m.mmx_enter()?;
    match op {
        MmxOp::MovQ => {
            let v = source(m, i, Width::W64)?;
            if i.k0 == Kind::Mem {
                let at = ea(m, i, f);
                m.store(Width::W64, i.mem.seg, at, v)?;
                m.mmx_touch(false);
            } else {
                put(m, i, v);
            }
        }
        MmxOp::MovDIn => {
            let v = read1_as(m, i, f, Width::W32)?;
            let v = m.zext(Width::W32, Width::W64, v);
            put(m, i, v);
        }
        MmxOp::MovDOut => {
            let v = m.mmx(i.r1);
            let v = m.trunc(Width::W64, Width::W32, v);
            write0(m, i, Form { w: Width::W32, ..f }, v)?;
            m.mmx_touch(false);
        }
        MmxOp::Int(op) => {
            let a = m.mmx(i.r0);
            let b = source(m, i, i.w)?;
            let r = packed(m, op, a, b);
            put(m, i, r);
        }
        MmxOp::IntImm(op) => {
            let a = m.mmx(i.r0);
            let count = m.imm(Width::W64, u64::from(i.imm as u8));
            let r = packed(m, op, a, count);
            put(m, i, r);
        }
        MmxOp::Shuffle => {
            let b = source(m, i, Width::W64)?;
            let b = widen(m, b);
            let r = m.vec_shuffle(Shuffle::LowW, i.imm as u8, b, b);
            let r = m.vec_part(Width::W64, 0, r);
            put(m, i, r);
        }
        MmxOp::Align => {
            let a = m.mmx(i.r0);
            let b = source(m, i, Width::W64)?;
            let both = m.vec_join(b, a);
            let count = m.imm(Width::W64, u64::from(i.imm as u8));
            let count = widen(m, count);
            let r = m.vec_int(VecOp::ShrBytes, both, count);
            let r = m.vec_part(Width::W64, 0, r);
            put(m, i, r);
        }
        MmxOp::Insert => {
            let x = read1_as(m, i, f, Width::W16)?;
            let a = m.mmx(i.r0);
            let a = widen(m, a);
            let r = m.vec_with(Width::W16, i.imm as u8 & 3, a, x);
            let r = m.vec_part(Width::W64, 0, r);
            put(m, i, r);
        }
        MmxOp::Extract => {
            let a = m.mmx(i.r1);
            let a = widen(m, a);
            let x = m.vec_part(Width::W16, i.imm as u8 & 3, a);
            let x = m.zext(Width::W16, Width::W32, x);
            m.mmx_touch(false);
            m.set_reg(Width::W32, i.r0, x);
        }
        MmxOp::Signs => {
            let a = m.mmx(i.r1);
            let a = widen(m, a);
            let x = m.vec_signs(Width::W8, a);
            m.mmx_touch(false);
            m.set_reg(Width::W32, i.r0, x);
        }
        MmxOp::StoreMasked => {
            let (v, mask) = (m.mmx(i.r0), m.mmx(i.r1));
            let (v, mask) = (widen(m, v), widen(m, mask));
            let at = ea(m, i, f);
            m.store_masked(i.mem.seg, 8, at, v, mask)?;
            m.mmx_touch(false);
        }
        MmxOp::Empty => m.mmx_touch(true),
    }
    Ok(())
}
