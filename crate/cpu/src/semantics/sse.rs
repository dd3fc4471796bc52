//! SSE to SSE4.2, AES and PCLMULQDQ (SDM vol. 1, chapters 10 to 12). Only COMIS*, UCOMIS*, PTEST and the comparisons of
//! strings define flags.

mod sse4;

pub use sse4::StringResult;

use super::{Form, ea, read0, read1_as, write0};
use crate::insn::{Insn, Kind, Width};
use crate::micro::{Micro, Shuffle, SseArith, SseConvert, VecOp};
use x86::eflags;

/// Instructions on SSE registers. `w` is the width of an element, where there are elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SseOp {
    /// MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ, MOVNTDQA.
    MovAligned,
    /// MOVUPS, MOVUPD, MOVDQU, LDDQU.
    MovUnaligned,
    /// MOVDDUP.
    MovTwice,
    /// MOVSS, MOVSD.
    MovScalar,
    /// MOVQ.
    MovQ,
    /// MOVD xmm, r/m32.
    MovDIn,
    /// MOVD r/m32, xmm.
    MovDOut,
    /// MOVLPS, MOVLPD; MOVHPS, MOVHPD.
    MovHalf {
        /// Which half.
        high: bool,
    },
    /// MOVHLPS.
    MovHighToLow,
    /// MOVLHPS.
    MovLowToHigh,
    /// MOVDQ2Q.
    MovToMmx,
    /// MOVQ2DQ.
    MovFromMmx,
    /// Packed integers and logic.
    Int(VecOp),
    /// Shifts by an immediate.
    IntImm(VecOp),
    /// PSHUFD, PSHUFLW, PSHUFHW, SHUFPS, SHUFPD, MOVSHDUP, MOVSLDUP, PALIGNR and what else has an immediate.
    Shuffle(Shuffle),
    /// PMOVSX*, PMOVZX*; `w` is how much of a memory operand is read.
    Widen(VecOp),
    /// PBLENDVB, BLENDVPS, BLENDVPD.
    Blend,
    /// INSERTPS.
    InsertPs,
    /// PTEST.
    Test,
    /// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
    Strings {
        /// EAX and EDX are the lengths.
        lengths: bool,
        /// What results.
        result: StringResult,
    },
    /// HADDPS, HADDPD, HSUBPS, HSUBPD.
    Horizontal(SseArith),
    /// ROUNDSS, ROUNDSD.
    Round,
    /// ROUNDPS, ROUNDPD.
    RoundAll,
    /// DPPS, DPPD.
    Dot,
    /// ADDPS, ADDPD and their kin.
    Packed(SseArith),
    /// ADDSS, ADDSD and their kin.
    Scalar(SseArith),
    /// COMISS, COMISD; UCOMISS, UCOMISD.
    Compare {
        /// Quiet NaNs are no invalid operands.
        quiet: bool,
    },
    /// CVTSS2SD, CVTSD2SS.
    Convert(SseConvert),
    /// CVTPS2PD, CVTDQ2PD: of 64 bits.
    ConvertLow(SseConvert),
    /// CVTPD2PS, CVTDQ2PS, CVTPS2DQ, CVTPD2DQ and the truncating ones: of 128 bits.
    ConvertAll(SseConvert),
    /// CVTSI2SS, CVTSI2SD.
    FromInt(SseConvert),
    /// CVTSS2SI, CVTSD2SI and the truncating ones.
    ToInt(SseConvert),
    /// CVTPI2PS, CVTPI2PD.
    FromMmx(SseConvert),
    /// CVTPS2PI, CVTPD2PI and the truncating ones.
    ToMmx(SseConvert),
    /// PINSRB, PINSRW, PINSRD.
    Insert,
    /// PEXTRB, PEXTRW, PEXTRD, EXTRACTPS.
    Extract,
    /// MOVMSKPS, MOVMSKPD, PMOVMSKB.
    Signs,
    /// MASKMOVDQU.
    StoreMasked,
    /// LDMXCSR.
    Ldmxcsr,
    /// STMXCSR.
    Stmxcsr,
    /// CLFLUSH.
    Clflush,
}

/// The second operand: a register, or 16 bytes of memory.
#[inline(always)]
fn vector1<M: Micro>(m: &mut M, i: &Insn, aligned: bool) -> Result<M::V, M::Stop> {
    if i.k1 == Kind::Mem {
        let at = ea(m, i, Form::of(i));
        m.load_vec(i.mem.seg, aligned, at)
    } else {
        Ok(m.xmm(i.r1))
    }
}

/// The second operand: the low element of a register, or as much memory.
#[inline(always)]
fn element1<M: Micro>(m: &mut M, i: &Insn, w: Width) -> Result<M::I, M::Stop> {
    if i.k1 == Kind::Mem {
        let at = ea(m, i, Form::of(i));
        m.load(w, i.mem.seg, at)
    } else {
        Ok(m.xmm_part(w, i.r1, 0))
    }
}

/// Writes the first operand where it is memory of width `w`.
fn store_element<M: Micro>(m: &mut M, i: &Insn, w: Width, lane: u8) -> Result<(), M::Stop> {
    let v = m.xmm_part(w, i.r1, lane);
    let at = ea(m, i, Form::of(i));
    m.store(w, i.mem.seg, at, v)
}

/// An element with zeros above.
fn alone<M: Micro>(m: &mut M, w: Width, v: M::I) -> M::V {
    let low = if w == Width::W64 { v } else { m.zext(w, Width::W64, v) };
    let zero = m.imm(Width::W64, 0);
    m.vec_join(low, zero)
}

/// MOVAPS and its kin: 128 bits.
#[inline(always)]
fn mov<M: Micro>(m: &mut M, i: &Insn, aligned: bool) -> Result<(), M::Stop> {
    let v = vector1(m, i, aligned)?;
    if i.k0 == Kind::Mem {
        let at = ea(m, i, Form::of(i));
        m.store_vec(i.mem.seg, aligned, at, v)
    } else {
        m.set_xmm(i.r0, v);
        Ok(())
    }
}

/// MOVSS, MOVSD: from memory with zeros above, between registers the element only.
fn mov_scalar<M: Micro>(m: &mut M, i: &Insn) -> Result<(), M::Stop> {
    if i.k0 == Kind::Mem {
        return store_element(m, i, i.w, 0);
    }
    let v = element1(m, i, i.w)?;
    if i.k1 == Kind::Mem {
        let v = alone(m, i.w, v);
        m.set_xmm(i.r0, v);
    } else {
        m.set_xmm_part(i.w, i.r0, 0, v);
    }
    Ok(())
}

/// Moves that are less than a register.
fn mov_part<M: Micro>(m: &mut M, i: &Insn, op: SseOp) -> Result<(), M::Stop> {
    let w64 = Width::W64;
    match op {
        SseOp::MovQ if i.k0 == Kind::Mem => return store_element(m, i, w64, 0),
        SseOp::MovQ => {
            let v = element1(m, i, w64)?;
            let v = alone(m, w64, v);
            m.set_xmm(i.r0, v);
        }
        SseOp::MovDIn => {
            let v = read1_as(m, i, Form::of(i), Width::W32)?;
            let v = alone(m, Width::W32, v);
            m.set_xmm(i.r0, v);
        }
        SseOp::MovDOut => {
            let v = m.xmm_part(Width::W32, i.r1, 0);
            write0(m, i, Form { w: Width::W32, ..Form::of(i) }, v)?;
        }
        SseOp::MovHalf { high } if i.k0 == Kind::Mem => return store_element(m, i, w64, u8::from(high)),
        SseOp::MovHalf { high } => {
            let v = element1(m, i, w64)?;
            m.set_xmm_part(w64, i.r0, u8::from(high), v);
        }
        SseOp::MovTwice => {
            let v = element1(m, i, w64)?;
            let v = m.vec_join(v, v);
            m.set_xmm(i.r0, v);
        }
        SseOp::MovHighToLow => {
            let v = m.xmm_part(w64, i.r1, 1);
            m.set_xmm_part(w64, i.r0, 0, v);
        }
        SseOp::MovLowToHigh => {
            let v = m.xmm_part(w64, i.r1, 0);
            m.set_xmm_part(w64, i.r0, 1, v);
        }
        SseOp::MovToMmx => {
            m.mmx_enter()?;
            let v = m.xmm_part(w64, i.r1, 0);
            m.mmx_touch(false);
            m.set_mmx(i.r0, v);
        }
        _ => {
            m.mmx_enter()?;
            m.mmx_touch(false);
            let v = m.mmx(i.r1);
            let v = alone(m, w64, v);
            m.set_xmm(i.r0, v);
        }
    }
    Ok(())
}

/// Conversions.
fn convert<M: Micro>(m: &mut M, i: &Insn, op: SseOp) -> Result<(), M::Stop> {
    match op {
        SseOp::Convert(c) => {
            let v = element1(m, i, i.w)?;
            let r = m.sse_convert(c, v)?;
            m.set_xmm_part(result_width(c), i.r0, 0, r);
        }
        SseOp::ConvertLow(c) => {
            let v = element1(m, i, Width::W64)?;
            let v = alone(m, Width::W64, v);
            let r = m.sse_convert_packed(c, v)?;
            m.set_xmm(i.r0, r);
        }
        SseOp::ConvertAll(c) => {
            let v = vector1(m, i, true)?;
            let r = m.sse_convert_packed(c, v)?;
            m.set_xmm(i.r0, r);
        }
        SseOp::FromInt(c) => {
            let v = read1_as(m, i, Form::of(i), Width::W32)?;
            let r = m.sse_convert(c, v)?;
            m.set_xmm_part(result_width(c), i.r0, 0, r);
        }
        SseOp::ToInt(c) => {
            let v = element1(m, i, i.w)?;
            let r = m.sse_convert(c, v)?;
            m.set_reg(Width::W32, i.r0, r);
        }
        SseOp::FromMmx(c) => from_mmx(m, i, c)?,
        SseOp::ToMmx(c) => {
            m.mmx_enter()?;
            let v = match c {
                SseConvert::F64ToI32 | SseConvert::F64TruncI32 => vector1(m, i, true)?,
                _ => {
                    let v = element1(m, i, Width::W64)?;
                    alone(m, Width::W64, v)
                }
            };
            let r = m.sse_convert_packed(c, v)?;
            let r = m.vec_part(Width::W64, 0, r);
            m.mmx_touch(false);
            m.set_mmx(i.r0, r);
        }
        _ => {}
    }
    Ok(())
}

/// The width of an element after a conversion.
fn result_width(c: SseConvert) -> Width {
    match c {
        SseConvert::I32ToF64 | SseConvert::F32ToF64 => Width::W64,
        _ => Width::W32,
    }
}

/// CVTPI2PS, which keeps the upper half, and CVTPI2PD. From memory they leave the x87 unit alone (CVTPI2PD:
/// SDM vol. 2; CVTPI2PS: observed on silicon), but only CVTPI2PD does not look for a pending exception.
fn from_mmx<M: Micro>(m: &mut M, i: &Insn, c: SseConvert) -> Result<(), M::Stop> {
    let double = result_width(c) == Width::W64;
    let is_register = i.k1 != Kind::Mem;
    if is_register || !double {
        m.mmx_enter()?;
    }
    let v = if is_register { m.mmx(i.r1) } else { element1(m, i, Width::W64)? };
    let v = alone(m, Width::W64, v);
    let r = m.sse_convert_packed(c, v)?;
    if is_register {
        m.mmx_touch(false);
    }
    if double {
        m.set_xmm(i.r0, r);
    } else {
        let low = m.vec_part(Width::W64, 0, r);
        m.set_xmm_part(Width::W64, i.r0, 0, low);
    }
    Ok(())
}

/// COMISS, COMISD, UCOMISS, UCOMISD. O S Z A P C: 0 0 * 0 * *.
fn compare<M: Micro>(m: &mut M, i: &Insn, quiet: bool) -> Result<(), M::Stop> {
    let b = element1(m, i, i.w)?;
    let a = m.xmm_part(i.w, i.r0, 0);
    let flags = m.sse_compare_flags(i.w, quiet, a, b)?;
    m.put_flags(eflags::STATUS, flags);
    Ok(())
}

/// The element an immediate chooses.
const fn lane(i: &Insn) -> u8 {
    i.imm as u8 & (16 / i.w.bytes() as u8 - 1)
}

/// Elements and signs to and from general registers, and the rest.
fn other<M: Micro>(m: &mut M, i: &Insn, op: SseOp) -> Result<(), M::Stop> {
    let f = Form { w: Width::W32, ..Form::of(i) };
    match op {
        SseOp::Insert => {
            let x = read1_as(m, i, f, i.w)?;
            m.set_xmm_part(i.w, i.r0, lane(i), x);
        }
        SseOp::Extract if i.k0 == Kind::Mem => return store_element(m, i, i.w, lane(i)),
        SseOp::Extract => {
            let x = m.xmm_part(i.w, i.r1, lane(i));
            let x = if i.w == Width::W32 { x } else { m.zext(i.w, Width::W32, x) };
            m.set_reg(Width::W32, i.r0, x);
        }
        SseOp::Signs => {
            let v = m.xmm(i.r1);
            let x = m.vec_signs(i.w, v);
            m.set_reg(Width::W32, i.r0, x);
        }
        SseOp::StoreMasked => {
            let (v, mask) = (m.xmm(i.r0), m.xmm(i.r1));
            let at = ea(m, i, f);
            m.store_masked(i.mem.seg, 16, at, v, mask)?;
        }
        SseOp::Ldmxcsr => {
            let v = read0(m, i, f)?;
            m.set_mxcsr(v)?;
        }
        _ => {
            let v = m.mxcsr();
            write0(m, i, f, v)?;
        }
    }
    Ok(())
}

/// Does one SSE instruction.
///
/// # Errors
/// Why it did not finish.
pub fn sse<M: Micro>(m: &mut M, i: &Insn, op: SseOp) -> Result<(), M::Stop> {
    if op == SseOp::Clflush {
        // Nothing is cached, but the address is checked as for a read; CR0 and CR4 do not matter.
        let at = ea(m, i, Form::of(i));
        return m.probe(i.mem.seg, 1, false, at);
    }
    m.sse_enter()?;
    match op {
        SseOp::MovAligned => return mov(m, i, true),
        SseOp::MovUnaligned => return mov(m, i, false),
        SseOp::MovScalar => return mov_scalar(m, i),
        SseOp::Int(op) => {
            let b = vector1(m, i, true)?;
            let a = m.xmm(i.r0);
            let r = m.vec_int(op, a, b);
            m.set_xmm(i.r0, r);
        }
        SseOp::IntImm(op) => {
            let count = m.imm(Width::W64, u64::from(i.imm as u8));
            let b = alone(m, Width::W64, count);
            let a = m.xmm(i.r0);
            let r = m.vec_int(op, a, b);
            m.set_xmm(i.r0, r);
        }
        SseOp::Shuffle(op) => {
            let b = vector1(m, i, true)?;
            let a = m.xmm(i.r0);
            let r = m.vec_shuffle(op, i.imm as u8, a, b);
            m.set_xmm(i.r0, r);
        }
        SseOp::Packed(op) => {
            let b = vector1(m, i, true)?;
            let a = m.xmm(i.r0);
            let r = m.sse_packed(op, i.w, a, b)?;
            m.set_xmm(i.r0, r);
        }
        SseOp::Scalar(op) => {
            let b = element1(m, i, i.w)?;
            let a = m.xmm_part(i.w, i.r0, 0);
            let r = m.sse_scalar(op, i.w, a, b)?;
            m.set_xmm_part(i.w, i.r0, 0, r);
        }
        SseOp::Compare { quiet } => return compare(m, i, quiet),
        SseOp::Widen(_)
        | SseOp::Blend
        | SseOp::InsertPs
        | SseOp::Test
        | SseOp::Strings { .. }
        | SseOp::Horizontal(_)
        | SseOp::Round
        | SseOp::RoundAll
        | SseOp::Dot => return sse4::sse4(m, i, op),
        SseOp::MovQ
        | SseOp::MovTwice
        | SseOp::MovDIn
        | SseOp::MovDOut
        | SseOp::MovHalf { .. }
        | SseOp::MovHighToLow
        | SseOp::MovLowToHigh
        | SseOp::MovToMmx
        | SseOp::MovFromMmx => return mov_part(m, i, op),
        SseOp::Convert(_)
        | SseOp::ConvertLow(_)
        | SseOp::ConvertAll(_)
        | SseOp::FromInt(_)
        | SseOp::ToInt(_)
        | SseOp::FromMmx(_)
        | SseOp::ToMmx(_) => return convert(m, i, op),
        _ => return other(m, i, op),
    }
    Ok(())
}
