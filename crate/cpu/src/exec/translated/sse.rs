//! Floating-point SSE for translated code: one call per micro-operation, where wasm's own operations are not
//! provably the same.
//!
//! Operands that are vectors, and all results, lie in [`Link::vectors`](super::Link::vectors). An operation that
//! raises an unmasked exception leaves nothing behind: the interpreter does the instruction again.
//!
//! Absent: operations that touch memory or registers; translated code does those.

use super::Exec;
use crate::fault::Stop;
use crate::float::sse::Ieee;
use crate::insn::Width;
use crate::micro::{Micro, SseArith, SseConvert};

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
const ARITH: [SseArith; 17] = [
    SseArith::Add,
    SseArith::Mul,
    SseArith::Sub,
    SseArith::Min,
    SseArith::Div,
    SseArith::Max,
    SseArith::Sqrt,
    SseArith::Rcp,
    SseArith::Rsqrt,
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
/// A second flag of an operation, beside its number.
const SECOND: u32 = 1 << 5;
const KIND: u32 = 1 << 6;

impl SseCall {
    /// Its number in translated code.
    #[must_use]
    pub const fn number(self) -> u32 {
        const fn wide(w: Width) -> u32 {
            if matches!(w, Width::W64) { SECOND } else { 0 }
        }
        match self {
            Self::Scalar(op, w) => op as u32 | wide(w),
            Self::Packed(op, w) => KIND | op as u32 | wide(w),
            Self::Convert(op) => 2 * KIND | op as u32,
            Self::ConvertPacked(op) => 3 * KIND | op as u32,
            Self::CompareFlags(w, quiet) => 4 * KIND | quiet as u32 | wide(w),
            Self::SetMxcsr => 5 * KIND,
        }
    }

    /// The call with this number.
    const fn of(number: u32) -> Option<Self> {
        let w = if number & SECOND != 0 { Width::W64 } else { Width::W32 };
        let n = (number & (SECOND - 1)) as usize;
        Some(match number / KIND {
            0 if n < ARITH.len() => Self::Scalar(ARITH[n], w),
            1 if n < ARITH.len() => Self::Packed(ARITH[n], w),
            2 if n < CONVERT.len() => Self::Convert(CONVERT[n]),
            3 if n < CONVERT.len() => Self::ConvertPacked(CONVERT[n]),
            4 => Self::CompareFlags(w, n & 1 != 0),
            5 => Self::SetMxcsr,
            _ => return None,
        })
    }

    /// The width of the floating-point numbers that result, if there are any.
    const fn numbers(self) -> Option<Width> {
        match self {
            Self::Scalar(op, w) | Self::Packed(op, w) if !op.compares() => Some(w),
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
    /// A micro-operation of floating-point SSE; scalar operands are given, vectors lie in the link. The result
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
            .collect();
        for call in &calls {
            assert_eq!(SseCall::of(call.number()), Some(*call));
        }
        let numbered = (0..1 << 10).filter(|&n| SseCall::of(n).is_some_and(|call| call.number() == n));
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
