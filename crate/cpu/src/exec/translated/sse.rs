//! SSE for translated code: one call per micro-operation, where wasm's own operations are not provably the same, or there
//! are none.
//!
//! Operands that are vectors, and all results, lie in [`Link::vectors`](super::Link::vectors). An operation that
//! raises an unmasked exception leaves nothing behind: the interpreter does the instruction again.
//!
//! Absent: operations that touch memory or registers; translated code does those.

use super::Exec;
use crate::fault::Stop;
use crate::float::sse::Ieee;
use crate::insn::Width;
use crate::micro::{Micro, Shuffle, SseArith, SseConvert, VecOp};

/// A micro-operation that translated code calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseCall {
    /// `Micro::sse_scalar`.
    Scalar(SseArith, Width),
    /// `Micro::sse_packed`.
    Packed(SseArith, Width),
    /// `Micro::sse_convert`.
    Convert(SseConvert),
    /// `Micro::sse_convert_packed`.
    ConvertPacked(SseConvert),
    /// `Micro::sse_compare_flags`, and whether quiet NaNs are no invalid operands.
    CompareFlags(Width, bool),
    /// `Micro::set_mxcsr`.
    SetMxcsr,
    /// `Micro::sse_round`.
    Round(Width, u8),
    /// `Micro::sse_round_packed`.
    RoundPacked(Width, u8),
    /// `Micro::sse_dot`.
    Dot(Width, u8),
    /// `Micro::vec_int`.
    Int(VecOp),
    /// `Micro::vec_shuffle`.
    Shuffle(Shuffle, u8),
    /// `Micro::vec_strings`, and whether lengths are given.
    Strings(u8, bool),
    /// `Micro::crc32`.
    Crc32(Width),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SseDone {
    /// Nothing was done: the instruction is left to the interpreter.
    Undone = 0,
    /// The result is there; its elements are zero or normal.
    Fine = 1,
    /// The result is there.
    Other = 2,
}

/// Operations by number.
const ARITH: [SseArith; 18] = [
    SseArith::Add,
    SseArith::Mul,
    SseArith::Sub,
    SseArith::Min,
    SseArith::Div,
    SseArith::Max,
    SseArith::Sqrt,
    SseArith::Rcp,
    SseArith::Rsqrt,
    SseArith::AddSub,
    SseArith::Equal,
    SseArith::Less,
    SseArith::LessOrEqual,
    SseArith::Unordered,
    SseArith::NotEqual,
    SseArith::NotLess,
    SseArith::NotLessOrEqual,
    SseArith::Ordered,
];
const CONVERT: [SseConvert; 8] = [
    SseConvert::I32ToF32,
    SseConvert::I32ToF64,
    SseConvert::F32ToF64,
    SseConvert::F64ToF32,
    SseConvert::F32ToI32,
    SseConvert::F32TruncI32,
    SseConvert::F64ToI32,
    SseConvert::F64TruncI32,
];
/// Packed integers that wasm has nothing for.
const INT: [VecOp; 6] =
    [VecOp::MinPosW, VecOp::AesEnc, VecOp::AesEncLast, VecOp::AesDec, VecOp::AesDecLast, VecOp::AesMix];
/// The same with immediates.
const SHUFFLE: [Shuffle; 3] = [Shuffle::SadBlocks, Shuffle::MulCarryless, Shuffle::AesKey];
const CRC: [Width; 3] = [Width::W8, Width::W16, Width::W32];
/// A second flag of an operation, beside its number.
const SECOND: u32 = 1 << 5;
const KIND: u32 = 1 << 6;
/// Where an immediate begins.
const IMM: u32 = 16;

impl SseCall {
    /// Its number in translated code.
    #[must_use]
    pub const fn number(self) -> u32 {
        const fn wide(w: Width) -> u32 {
            if matches!(w, Width::W64) { SECOND } else { 0 }
        }
        const fn at(imm: u8) -> u32 {
            (imm as u32) << IMM
        }
        match self {
            Self::Scalar(op, w) => op as u32 | wide(w),
            Self::Packed(op, w) => KIND | op as u32 | wide(w),
            Self::Convert(op) => 2 * KIND | op as u32,
            Self::ConvertPacked(op) => 3 * KIND | op as u32,
            Self::CompareFlags(w, quiet) => 4 * KIND | quiet as u32 | wide(w),
            Self::SetMxcsr => 5 * KIND,
            Self::Round(w, imm) => 6 * KIND | wide(w) | at(imm),
            Self::RoundPacked(w, imm) => 7 * KIND | wide(w) | at(imm),
            Self::Dot(w, imm) => 8 * KIND | wide(w) | at(imm),
            Self::Int(op) => 9 * KIND | op as u32 - VecOp::MinPosW as u32,
            Self::Shuffle(op, imm) => 10 * KIND | op as u32 | at(imm),
            Self::Strings(imm, lengths) => 11 * KIND | lengths as u32 | at(imm),
            Self::Crc32(w) => 12 * KIND | w as u32,
        }
    }

    /// The call that does a packed operation, if one does.
    #[must_use]
    pub fn int(op: VecOp) -> Option<Self> {
        INT.contains(&op).then_some(Self::Int(op))
    }

    /// The call that does what an immediate steers, if one does.
    #[must_use]
    pub fn shuffle(op: Shuffle, imm: u8) -> Option<Self> {
        SHUFFLE.contains(&op).then_some(Self::Shuffle(op, imm))
    }

    /// The call with this number.
    fn of(number: u32) -> Option<Self> {
        let imm = (number >> IMM) as u8;
        let w = if number & SECOND != 0 { Width::W64 } else { Width::W32 };
        let n = (number & (SECOND - 1)) as usize;
        Some(match (number & ((1 << IMM) - 1)) / KIND {
            0 if n < ARITH.len() => Self::Scalar(ARITH[n], w),
            1 if n < ARITH.len() => Self::Packed(ARITH[n], w),
            2 if n < CONVERT.len() => Self::Convert(CONVERT[n]),
            3 if n < CONVERT.len() => Self::ConvertPacked(CONVERT[n]),
            4 => Self::CompareFlags(w, n & 1 != 0),
            5 => Self::SetMxcsr,
            6 => Self::Round(w, imm),
            7 => Self::RoundPacked(w, imm),
            8 => Self::Dot(w, imm),
            9 => Self::Int(INT.into_iter().find(|op| Self::Int(*op).number() == number)?),
            10 => {
                Self::Shuffle(SHUFFLE.into_iter().find(|op| Self::Shuffle(*op, imm).number() == number)?, imm)
            }
            11 => Self::Strings(imm, n & 1 != 0),
            12 if n < CRC.len() => Self::Crc32(CRC[n]),
            _ => return None,
        })
    }

    /// The width of the floating-point numbers that result, if there are any.
    const fn numbers(self) -> Option<Width> {
        match self {
            Self::Scalar(op, w) | Self::Packed(op, w) if !op.compares() => Some(w),
            Self::Round(w, _) | Self::RoundPacked(w, _) => Some(w),
            Self::Convert(op) | Self::ConvertPacked(op) => op.result(),
            _ => None,
        }
    }
}

/// Zero or normal.
fn is_fine<T: Ieee>(x: T) -> bool {
    x.magnitude() == 0 || x.field() != 0 && x.field() != T::FIELD_MAX
}

impl Exec<'_> {
    /// A micro-operation of SSE; scalar operands are given, vectors lie in the link. The result
    /// lies in the first vector of the link.
    pub fn translated_sse(&mut self, number: u32, a: u64, b: u64) -> SseDone {
        let Some(call) = SseCall::of(number) else { return SseDone::Undone };
        let before = self.cpu.mxcsr;
        match self.sse_call(call, a, b) {
            Ok(result) => {
                self.link.vectors[0] = [result as u64, (result >> 64) as u64];
                let elements = [0, 32, 64, 96].map(|n| (result >> n) as u32);
                let fine = match call.numbers() {
                    Some(Width::W64) => self.link.vectors[0].into_iter().all(is_fine),
                    Some(_) => elements.into_iter().all(is_fine),
                    None => true,
                };
                if fine { SseDone::Fine } else { SseDone::Other }
            }
            Err(_) => {
                self.cpu.mxcsr = before;
                SseDone::Undone
            }
        }
    }

    fn sse_call(&mut self, call: SseCall, a: u64, b: u64) -> Result<u128, Stop> {
        let [x, y] = self.link.vectors.map(|[low, high]| u128::from(low) | u128::from(high) << 64);
        Ok(match call {
            SseCall::Scalar(op, w) => self.sse_scalar(op, w, a, b)?.into(),
            SseCall::Packed(op, w) => self.sse_packed(op, w, x, y)?,
            SseCall::Convert(op) => self.sse_convert(op, a)?.into(),
            SseCall::ConvertPacked(op) => self.sse_convert_packed(op, x)?,
            SseCall::CompareFlags(w, quiet) => self.sse_compare_flags(w, quiet, a, b)?.into(),
            SseCall::SetMxcsr => {
                self.set_mxcsr(a)?;
                0
            }
            SseCall::Round(w, imm) => self.sse_round(w, imm, a)?.into(),
            SseCall::RoundPacked(w, imm) => self.sse_round_packed(w, imm, x)?,
            SseCall::Dot(w, imm) => self.sse_dot(w, imm, x, y)?,
            SseCall::Int(op) => self.vec_int(op, x, y),
            SseCall::Shuffle(op, imm) => self.vec_shuffle(op, imm, x, y),
            SseCall::Strings(imm, lengths) => self.vec_strings(imm, lengths, x, y, a, b).into(),
            SseCall::Crc32(w) => self.crc32(w, a, b).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Harness;

    #[test]
    fn every_call_has_its_number() {
        let widths = [Width::W32, Width::W64];
        let arith = ARITH.iter().flat_map(|&op| widths.map(|w| (op, w)));
        let calls: Vec<SseCall> = arith
            .flat_map(|(op, w)| [SseCall::Scalar(op, w), SseCall::Packed(op, w)])
            .chain(CONVERT.iter().flat_map(|&op| [SseCall::Convert(op), SseCall::ConvertPacked(op)]))
            .chain(widths.iter().flat_map(|&w| [true, false].map(|q| SseCall::CompareFlags(w, q))))
            .chain([SseCall::SetMxcsr])
            .chain(INT.iter().map(|&op| SseCall::Int(op)))
            .chain(CRC.iter().map(|&w| SseCall::Crc32(w)))
            .chain((0..=255).flat_map(|imm| SHUFFLE.map(|op| SseCall::Shuffle(op, imm))))
            .chain((0..=255).flat_map(|imm| [true, false].map(|lengths| SseCall::Strings(imm, lengths))))
            .chain((0..=255).flat_map(|imm| {
                let each = widths
                    .map(|w| [SseCall::Round(w, imm), SseCall::RoundPacked(w, imm), SseCall::Dot(w, imm)]);
                each.into_iter().flatten()
            }))
            .collect();
        for call in &calls {
            assert_eq!(SseCall::of(call.number()), Some(*call));
        }
        let numbers = (0..256).flat_map(|imm| (0..1 << 10).map(move |n| imm << IMM | n));
        let numbered = numbers.filter(|&n| SseCall::of(n).is_some_and(|call| call.number() == n));
        assert_eq!(numbered.count(), calls.len());
        assert_eq!(SseCall::of(u32::MAX), None);
    }

    #[test]
    fn an_unmasked_exception_leaves_nothing_behind() {
        let mut h = Harness::new(0x1000).unwrap();
        let x = h.processor();
        // Division by zero is unmasked; precision is not, and would be raised as well by another element.
        x.cpu.mxcsr = 0x1F80 & !(1 << 9);
        let operands = [[1.0f64.to_bits(); 2], [3.0f64.to_bits(), 0]];
        x.link.vectors = operands;
        let divide = SseCall::Packed(SseArith::Div, Width::W64).number();
        assert_eq!(x.translated_sse(divide, 0, 0), SseDone::Undone);
        assert_eq!(x.cpu.mxcsr, 0x1D80);
        assert_eq!(x.translated_sse(SseCall::SetMxcsr.number(), 0x1_0000, 0), SseDone::Undone);
        assert_eq!(x.translated_sse(SseCall::SetMxcsr.number(), 0x1F80, 0), SseDone::Fine);
        // Masked, it gives an infinity.
        x.link.vectors = operands;
        assert_eq!(x.translated_sse(divide, 0, 0), SseDone::Other);
        assert_eq!(x.link.vectors[0], [1.0f64 / 3.0, f64::INFINITY].map(f64::to_bits));
        assert_eq!(x.cpu.mxcsr, 0x1F80 | 1 << 2 | 1 << 5);
        let add = SseCall::Scalar(SseArith::Add, Width::W64).number();
        assert_eq!(x.translated_sse(add, 1.0f64.to_bits(), 2.0f64.to_bits()), SseDone::Fine);
        assert_eq!(x.link.vectors[0][0], 3.0f64.to_bits());
        assert_eq!(x.translated_sse(add, 1, 0), SseDone::Other);
    }
}
