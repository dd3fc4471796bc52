//! SSSE3 and SSE4 in translated code, as far as they are not like something before them.
//!
//! Rounding to integral numbers is wasm's own where the operand is _fine_ (see [`super::float`]): wasm then rounds as the
//! processor does, and only PE and the mode of MXCSR have to be asked for. Strings that a zero ends, compared element
//! by element, are sets of bits.
//!
//! Done by calls: AES, PCLMULQDQ, PHMINPOSUW, MPSADBW, dot products, the other comparisons of strings, CRC32.

use super::values::{Id, Ty};
use super::{Emitter, Val};
use crate::ir::{self, Op};
use cpu::exec::SseCall;
use cpu::insn::Width;
use cpu::micro::VecOp;
use wasm_encoder::Instruction as W;
use x86::eflags::{CF, OF, SF, ZF};

/// Whether strings are compared element by element.
pub(super) const fn compares_each(imm: u8) -> bool {
    imm & 0b1100 == 0b1000
}

impl Emitter<'_> {
    /// Emits an operation that SSE4 brought; false if it is none.
    pub(super) fn sse4_op(&mut self, ir: &ir::Block, n: usize) -> bool {
        let id = match ir.ops[n] {
            Op::sse_round { w, imm, a } => self.sse_round(ir, w, imm, a.0),
            Op::sse_round_packed { w, imm, a } => {
                let v = self.sse_round_packed(ir, w, imm, a.0);
                self.vals[n] = Val::V(v);
                return true;
            }
            Op::sse_dot { w, imm, a, b } => {
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                self.store_operands(a, Some(b));
                self.call_or_leave(SseCall::Dot(w, imm), [None, None]);
                let v = self.called_vector();
                self.vals[n] = Val::V(v);
                return true;
            }
            Op::vec_strings { imm, lengths, a, b, len_a, len_b } => {
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                let (len_a, len_b) = (self.take(len_a.0), self.take(len_b.0));
                if !lengths && compares_each(imm) {
                    let equal = self.equal_each(imm, a, b);
                    self.result(ir, n, equal);
                    return true;
                }
                self.store_operands(a, Some(b));
                self.call_sse(SseCall::Strings(imm, lengths), [Some(len_a), Some(len_b)]);
                self.put(W::Drop);
                self.called(Width::W32)
            }
            Op::crc32 { w, crc, v } => {
                let (crc, v) = (self.take(crc.0), self.take(v.0));
                self.call_sse(SseCall::Crc32(w), [Some(crc), Some(v)]);
                self.put(W::Drop);
                self.called(Width::W32)
            }
            _ => return false,
        };
        self.result(ir, n, id);
        true
    }

    fn sse_round(&mut self, ir: &ir::Block, w: Width, imm: u8, a: ir::Value) -> Id {
        let fine = self.fine_element(ir, a, w);
        let a = self.take(a);
        let a = self.in_local(a);
        let careful = self.careful();
        let r = self.temp(Ty::of(w));
        self.push_float(w, a);
        self.put(scalar_rounding(imm, w));
        self.set_bits(w, r);
        self.operands_not_fine(w, [(a, fine)]);
        self.or_careful(imm, careful);
        self.or_called(SseCall::Round(w, imm), w, r, [Some(a), None], Some(careful))
    }

    fn sse_round_packed(&mut self, ir: &ir::Block, w: Width, imm: u8, a: ir::Value) -> u32 {
        let fine = self.fine_vector(ir, a, w);
        let a = self.take_vector(a);
        let careful = self.careful();
        let r = self.vector_temp();
        self.get(a);
        self.put(packed_rounding(imm, w));
        self.set(r);
        self.vectors_not_fine(w, [(a, fine)]);
        self.or_careful(imm, careful);
        self.or_called_vector(SseCall::RoundPacked(w, imm), r, a, None, Some(careful))
    }

    /// Ors to what is on the stack whether to be careful, if rounding may raise PE or asks MXCSR how (SDM vol. 2,
    /// ROUNDPD).
    fn or_careful(&mut self, imm: u8, careful: u32) {
        if imm & 0b1100 != 0b1000 {
            self.get(careful);
            self.put(W::I32Or);
        }
    }

    /// What SSSE3 and SSE4 brought, where it is not one instruction.
    pub(super) fn vec_int_later(&mut self, op: VecOp, a: u32, b: u32) -> Option<u32> {
        if let Some(call) = SseCall::int(op) {
            return Some(self.call_on_vectors(call, a, b));
        }
        if let Some(steps) = widening(op) {
            self.get(b);
            for step in steps {
                self.put(step.clone());
            }
            return Some(self.vector());
        }
        match op {
            VecOp::ShuffleB => {
                // Numbers from 16 on give zero, as those with bit 7 set are then.
                self.get(a);
                self.get(b);
                self.splat_bytes(0x8F);
                self.put(W::V128And);
                self.put(W::I8x16Swizzle);
            }
            VecOp::HAddW => self.of_neighbours(2, W::I16x8Add, a, b),
            VecOp::HAddD => self.of_neighbours(4, W::I32x4Add, a, b),
            VecOp::HAddSW => self.of_neighbours(2, W::I16x8AddSatS, a, b),
            VecOp::HSubW => self.of_neighbours(2, W::I16x8Sub, a, b),
            VecOp::HSubD => self.of_neighbours(4, W::I32x4Sub, a, b),
            VecOp::HSubSW => self.of_neighbours(2, W::I16x8SubSatS, a, b),
            VecOp::MulAddUB => self.products_of_bytes(a, b),
            VecOp::MulHighRoundW => {
                self.get(a);
                self.get(b);
                self.put(W::I16x8Q15MulrSatS);
                // The one product that saturates there and wraps here.
                for v in [a, b] {
                    self.get(v);
                    self.const_32(0x8000);
                    self.put(W::I16x8Splat);
                    self.put(W::I16x8Eq);
                }
                self.put(W::V128And);
                self.put(W::V128Xor);
            }
            VecOp::SignB => self.with_sign([W::I8x16ShrS, W::I8x16Sub, W::I8x16Ne], 7, a, b),
            VecOp::SignW => self.with_sign([W::I16x8ShrS, W::I16x8Sub, W::I16x8Ne], 15, a, b),
            VecOp::SignD => self.with_sign([W::I32x4ShrS, W::I32x4Sub, W::I32x4Ne], 31, a, b),
            VecOp::AbsB | VecOp::AbsW | VecOp::AbsD => {
                self.get(b);
                self.put(match op {
                    VecOp::AbsB => W::I8x16Abs,
                    VecOp::AbsW => W::I16x8Abs,
                    _ => W::I32x4Abs,
                });
            }
            VecOp::BitsB => self.spread_bits(b),
            VecOp::BitsW => {
                self.get(b);
                self.put(W::I16x8ExtractLaneU(0));
                self.put(W::I16x8Splat);
                self.put(W::V128Const(POWERS));
                self.put(W::V128And);
                self.put(W::V128Const(POWERS));
                self.put(W::I16x8Eq);
            }
            _ => return None,
        }
        Some(self.vector())
    }

    fn splat_bytes(&mut self, byte: u32) {
        self.const_32(byte);
        self.put(W::I8x16Splat);
    }

    /// An operation on neighbours: all even elements with all odd ones.
    fn of_neighbours(&mut self, size: u8, op: W<'static>, a: u32, b: u32) {
        for odd in [0, size] {
            self.get(a);
            self.get(b);
            self.put(W::I8x16Shuffle(std::array::from_fn(|n| {
                n as u8 / size * 2 * size + odd + n as u8 % size
            })));
        }
        self.put(op);
    }

    /// Sums, saturated, of neighbouring products of unsigned and signed bytes.
    fn products_of_bytes(&mut self, a: u32, b: u32) {
        self.get(a);
        self.const_32(0xFF);
        self.put(W::I16x8Splat);
        self.put(W::V128And);
        self.get(b);
        self.const_32(8);
        self.put(W::I16x8Shl);
        self.const_32(8);
        self.put(W::I16x8ShrS);
        self.put(W::I16x8Mul);
        for (v, shift) in [(a, W::I16x8ShrU), (b, W::I16x8ShrS)] {
            self.get(v);
            self.const_32(8);
            self.put(shift);
        }
        self.put(W::I16x8Mul);
        self.put(W::I16x8AddSatS);
    }

    /// Negated where `b` is negative, and zero where it is.
    fn with_sign(&mut self, [shift, sub, ne]: [W<'static>; 3], top: u32, a: u32, b: u32) {
        let sign = self.vector_temp();
        self.get(a);
        self.get(b);
        self.const_32(top);
        self.put(shift);
        self.put(W::LocalTee(sign));
        self.put(W::V128Xor);
        self.get(sign);
        self.put(sub);
        self.get(b);
        self.put(W::V128Const(0));
        self.put(ne);
        self.put(W::V128And);
    }

    /// All ones in the bytes whose bit is set.
    fn spread_bits(&mut self, b: u32) {
        const BITS: i128 = i128::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128]);
        self.get(b);
        self.get(b);
        self.put(W::I8x16Shuffle([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]));
        self.put(W::V128Const(BITS));
        self.put(W::V128And);
        self.put(W::V128Const(BITS));
        self.put(W::I8x16Eq);
    }

    pub(super) fn vec_blend(&mut self, w: Width, a: u32, b: u32, mask: u32) -> u32 {
        self.get(b);
        self.get(a);
        self.get(mask);
        self.const_32(w.bits() - 1);
        self.put(match w {
            Width::W8 => W::I8x16ShrS,
            Width::W16 => W::I16x8ShrS,
            Width::W32 => W::I32x4ShrS,
            Width::W64 => W::I64x2ShrS,
        });
        self.put(W::V128Bitselect);
        self.vector()
    }

    /// Strings that end with a zero, compared element by element: what `vec_strings` gives.
    fn equal_each(&mut self, imm: u8, a: u32, b: u32) -> Id {
        let words = imm & 1 != 0;
        let all = if words { 0xFF } else { 0xFFFF };
        let [zeros_a, zeros_b, ends_a, ends_b, bits] = [0; 5].map(|_| self.temp(Ty::I32));
        let equal = |e: &mut Self| {
            e.put(if words { W::I16x8Eq } else { W::I8x16Eq });
            e.put(if words { W::I16x8Bitmask } else { W::I8x16Bitmask });
        };
        for (v, zeros, ends) in [(a, zeros_a, ends_a), (b, zeros_b, ends_b)] {
            self.get(v);
            self.put(W::V128Const(0));
            equal(self);
            self.put(W::LocalTee(zeros));
            // From the lowest zero on.
            self.const_32(0);
            self.get(zeros);
            self.put(W::I32Sub);
            self.put(W::I32Or);
            self.set(ends);
        }
        // Equal before both ends, or behind both.
        self.get(a);
        self.get(b);
        equal(self);
        self.get(ends_a);
        self.get(ends_b);
        self.put(W::I32Or);
        self.const_32(u32::MAX);
        self.put(W::I32Xor);
        self.put(W::I32And);
        self.get(ends_a);
        self.get(ends_b);
        self.put(W::I32And);
        self.put(W::I32Or);
        match imm >> 4 & 3 {
            1 => {
                self.const_32(u32::MAX);
                self.put(W::I32Xor);
            }
            3 => {
                self.get(ends_b);
                self.put(W::I32Xor);
                self.const_32(u32::MAX);
                self.put(W::I32Xor);
            }
            _ => {}
        }
        self.const_32(all);
        self.put(W::I32And);
        self.put(W::LocalTee(bits));
        for (from, flag) in [(bits, CF), (zeros_b, ZF), (zeros_a, SF)] {
            self.get(from);
            self.const_32(0);
            self.put(W::I32Ne);
            self.const_32(16 + flag.trailing_zeros());
            self.put(W::I32Shl);
            self.put(W::I32Or);
        }
        self.get(bits);
        self.const_32(1);
        self.put(W::I32And);
        self.const_32(16 + OF.trailing_zeros());
        self.put(W::I32Shl);
        self.put(W::I32Or);
        self.loaded(Width::W32)
    }

    pub(super) fn vec_test(&mut self, a: u32, b: u32) -> Id {
        self.get(a);
        self.get(b);
        self.put(W::V128And);
        self.put(W::V128AnyTrue);
        self.put(W::I32Eqz);
        self.const_32(ZF.trailing_zeros());
        self.put(W::I32Shl);
        self.get(b);
        self.get(a);
        self.put(W::V128AndNot);
        self.put(W::V128AnyTrue);
        self.put(W::I32Eqz);
        self.put(W::I32Or);
        self.loaded(Width::W32)
    }
}

/// A power of two in each word.
const POWERS: i128 = 0x0080_0040_0020_0010_0008_0004_0002_0001;

/// The instructions of a widening.
const fn widening(op: VecOp) -> Option<&'static [W<'static>]> {
    Some(match op {
        VecOp::WidenSBW => &[W::I16x8ExtendLowI8x16S],
        VecOp::WidenSBD => &[W::I16x8ExtendLowI8x16S, W::I32x4ExtendLowI16x8S],
        VecOp::WidenSBQ => &[W::I16x8ExtendLowI8x16S, W::I32x4ExtendLowI16x8S, W::I64x2ExtendLowI32x4S],
        VecOp::WidenSWD => &[W::I32x4ExtendLowI16x8S],
        VecOp::WidenSWQ => &[W::I32x4ExtendLowI16x8S, W::I64x2ExtendLowI32x4S],
        VecOp::WidenSDQ => &[W::I64x2ExtendLowI32x4S],
        VecOp::WidenUBW => &[W::I16x8ExtendLowI8x16U],
        VecOp::WidenUBD => &[W::I16x8ExtendLowI8x16U, W::I32x4ExtendLowI16x8U],
        VecOp::WidenUBQ => &[W::I16x8ExtendLowI8x16U, W::I32x4ExtendLowI16x8U, W::I64x2ExtendLowI32x4U],
        VecOp::WidenUWD => &[W::I32x4ExtendLowI16x8U],
        VecOp::WidenUWQ => &[W::I32x4ExtendLowI16x8U, W::I64x2ExtendLowI32x4U],
        VecOp::WidenUDQ => &[W::I64x2ExtendLowI32x4U],
        _ => return None,
    })
}

const fn scalar_rounding(imm: u8, w: Width) -> W<'static> {
    let wide = matches!(w, Width::W64);
    match imm & 7 {
        1 if wide => W::F64Floor,
        1 => W::F32Floor,
        2 if wide => W::F64Ceil,
        2 => W::F32Ceil,
        3 if wide => W::F64Trunc,
        3 => W::F32Trunc,
        // By MXCSR, which is asked.
        _ if wide => W::F64Nearest,
        _ => W::F32Nearest,
    }
}

const fn packed_rounding(imm: u8, w: Width) -> W<'static> {
    let wide = matches!(w, Width::W64);
    match imm & 7 {
        1 if wide => W::F64x2Floor,
        1 => W::F32x4Floor,
        2 if wide => W::F64x2Ceil,
        2 => W::F32x4Ceil,
        3 if wide => W::F64x2Trunc,
        3 => W::F32x4Trunc,
        _ if wide => W::F64x2Nearest,
        _ => W::F32x4Nearest,
    }
}
