//! Floating-point SSE in translated code: wasm's own operations, where they are provably the same.
//!
//! Each operation is done by wasm first. Its result counts if a test says that neither it nor the flags can
//! differ from what `cpu::float::sse` computes; otherwise a call does the operation anew (`Import::Sse`). The
//! tests are those of `cpu::float::sse`'s own fast path, or stricter:
//!
//! * No operand is denormal, and the result is _fine_: zero or normal, and then not the least normal number, to
//!   which a tiny result may have been rounded. So there was no NaN and no infinity either, IE, DE, ZE, OE and UE
//!   are clear, and flush-to-zero and denormals-are-zero do not matter. Where a zero may be an underflow (products,
//!   quotients, narrowing) it must follow from an operand, or is not fine.
//! * MXCSR is _simple_: it rounds to nearest, and PE is set and masked. Then PE is what it was, too. Comparisons,
//!   minimum, maximum and conversions that are exact need not ask, because they round nothing.
//!
//! MXCSR is looked at once in a block: only what is not simple can become so in between, except by the
//! operations after which it is looked at again. What is known to be fine in the low element of a register, or in all of
//! them, need not be tested again as an operand. That is a fact of the code only as long as no call has
//! given anything else; so a local, `careful`, is set when one does, and whoever builds on the fact asks it as well.
//!
//! A NaN that wasm computes never reaches the guest: its sign and payload are the host's choice, and no test lets
//! it pass.
//!
//! Absent: an own test of exactness while PE is not set yet (calls do that); fusing of a comparison with
//! the branch after it; registers kept in locals.

use super::values::{Id, Ty};
use super::{Emitter, Val, local, mem};
use crate::imports::Import;
use crate::ir::{self, Op};
use cpu::exec::SseCall;
use cpu::insn::Width;
use cpu::micro::{BinOp, SseArith, SseConvert};
use wasm_encoder::{Ieee32, Ieee64, Instruction as W};
use x86::eflags;

/// Bits of MXCSR that decide whether it is simple: RC, PM, PE (SDM vol. 1, 10.2.3).
const MXCSR_ASKED: u32 = 0x7020;
/// Their values if it is.
const MXCSR_SIMPLE: u32 = 0x1020;

/// A register of which elements of width `w` are fine: the lowest one, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fine {
    w: Width,
    all: bool,
}

/// What is known about floating point in the block at work.
#[derive(Debug, Default)]
pub(super) struct Floats {
    /// The local that says whether to be careful: MXCSR is not simple, or something counted as fine is not.
    careful: Option<u32>,
    fine: [Option<Fine>; 16],
}

/// Whether a value laid out as EFLAGS is known to have ZF, PF and CF only.
pub(super) fn is_comparison(ops: &[Op], v: ir::Value) -> bool {
    match ops[v.0 as usize] {
        Op::sse_compare_flags { .. } | Op::vec_test { .. } => true,
        // POPCNT.
        Op::bin { op: BinOp::Shl, a, b, .. } => {
            matches!(ops[a.0.0 as usize], Op::compare { .. })
                && matches!(ops[b.0.0 as usize], Op::imm { value: 6, .. })
        }
        _ => false,
    }
}

/// Bits of a fraction, and one for the sign.
const fn below_field(w: Width) -> u32 {
    if matches!(w, Width::W64) { 53 } else { 24 }
}

// ---- what is known ----

impl Emitter<'_> {
    /// Nothing is known: at the beginning of a block, and after anything may have happened.
    pub(super) fn forget_floats(&mut self) {
        self.floats = Floats::default();
    }

    /// The local that says whether to be careful.
    pub(super) fn careful(&mut self) -> u32 {
        if let Some(careful) = self.floats.careful {
            return careful;
        }
        let careful = self.temp(Ty::I32);
        self.get(local::CTX);
        self.put(W::I32Load(mem(self.layout.mxcsr, 2)));
        self.const_32(MXCSR_ASKED);
        self.put(W::I32And);
        self.const_32(MXCSR_SIMPLE);
        self.put(W::I32Ne);
        self.set(careful);
        self.floats.careful = Some(careful);
        careful
    }

    /// What is known of a value, given that there is no need to be careful.
    fn fine(&self, ir: &ir::Block, v: ir::Value) -> Option<Fine> {
        match ir.ops[v.0 as usize] {
            Op::sse_scalar { op, w, .. } if !op.compares() => Some(Fine { w, all: false }),
            Op::sse_packed { op, w, .. } if !op.compares() => Some(Fine { w, all: true }),
            Op::sse_round { w, .. } => Some(Fine { w, all: false }),
            Op::sse_round_packed { w, .. } => Some(Fine { w, all: true }),
            Op::sse_convert { op, .. } => op.result().map(|w| Fine { w, all: false }),
            Op::sse_convert_packed { op, .. } => op.result().map(|w| Fine { w, all: true }),
            Op::xmm { r } => self.floats.fine[usize::from(r & 15)],
            Op::xmm_part { w, r, lane: 0 } => {
                self.floats.fine[usize::from(r & 15)].filter(|f| f.w == w).map(|_| Fine { w, all: false })
            }
            _ => None,
        }
    }

    pub(super) fn fine_element(&self, ir: &ir::Block, v: ir::Value, w: Width) -> bool {
        self.fine(ir, v).is_some_and(|f| f.w == w)
    }

    pub(super) fn fine_vector(&self, ir: &ir::Block, v: ir::Value, w: Width) -> bool {
        self.fine(ir, v) == Some(Fine { w, all: true })
    }

    /// A register was written.
    pub(super) fn wrote_xmm(&mut self, ir: &ir::Block, r: u8, v: ir::Value) {
        self.floats.fine[usize::from(r & 15)] = self.fine(ir, v);
    }

    /// An element of a register was written.
    pub(super) fn wrote_xmm_part(&mut self, ir: &ir::Block, w: Width, r: u8, lane: u8, v: ir::Value) {
        let new = self.fine(ir, v);
        let old = &mut self.floats.fine[usize::from(r & 15)];
        *old = match *old {
            // The rest is as it was.
            Some(f) if f.w == w && new.is_some_and(|n| n.w == w) => Some(f),
            Some(f) if u32::from(lane) * w.bytes() >= f.w.bytes() => Some(Fine { all: false, ..f }),
            _ if lane == 0 => new.map(|f| Fine { all: false, ..f }),
            _ => None,
        };
    }
}

// ---- operations ----

impl Emitter<'_> {
    /// Emits an operation of floating-point SSE; false if it is none.
    pub(super) fn float_op(&mut self, ir: &ir::Block, n: usize) -> bool {
        let id = match ir.ops[n] {
            Op::sse_scalar { op, w, a, b } => self.sse_scalar(ir, op, w, a.0, b.0),
            Op::sse_convert { op, a } => self.sse_convert(ir, op, a.0),
            Op::sse_compare_flags { w, quiet, a, b } => self.sse_compare(ir, w, quiet, a.0, b.0),
            Op::sse_packed { op, w, a, b } => {
                let v = self.sse_packed(ir, op, w, a.0, b.0);
                self.vals[n] = Val::V(v);
                return true;
            }
            Op::sse_convert_packed { op, a } => {
                let v = self.sse_convert_packed(ir, op, a.0);
                self.vals[n] = Val::V(v);
                return true;
            }
            Op::mxcsr {} => {
                self.get(local::CTX);
                self.put(W::I32Load(mem(self.layout.mxcsr, 2)));
                self.loaded(Width::W32)
            }
            Op::set_mxcsr { v } => {
                let v = self.take(v.0);
                self.call_or_leave(SseCall::SetMxcsr, [Some(v), None]);
                self.forget_floats();
                return true;
            }
            _ => return self.sse4_op(ir, n),
        };
        self.result(ir, n, id);
        true
    }

    fn sse_scalar(&mut self, ir: &ir::Block, op: SseArith, w: Width, a: ir::Value, b: ir::Value) -> Id {
        let (fine_a, fine_b) = (self.fine_element(ir, a, w), self.fine_element(ir, b, w));
        let (a, b) = (self.take(a), self.take(b));
        let call = SseCall::Scalar(op, w);
        if matches!(op, SseArith::Rcp | SseArith::Rsqrt) {
            // No flags, but not always fine.
            let careful = self.careful();
            self.call_tracked(call, [None, Some(b)], careful);
            return self.called(w);
        }
        let (a, b) = (self.in_local(a), self.in_local(b));
        let r = self.temp(Ty::of(w));
        if op.compares() {
            self.scalar_test(op, w, a, b);
            // All ones if it holds.
            if w == Width::W64 {
                self.put(W::I64ExtendI32U);
                self.set(r);
                self.put(W::I64Const(0));
                self.get(r);
                self.put(W::I64Sub);
            } else {
                self.set(r);
                self.const_32(0);
                self.get(r);
                self.put(W::I32Sub);
            }
            self.set(r);
            self.operands_not_fine(w, [(a, fine_a), (b, fine_b)]);
            return self.or_called(call, w, r, [Some(a), Some(b)], None);
        }
        let careful = self.careful();
        match op {
            SseArith::Min | SseArith::Max => {
                self.push(a);
                self.push(b);
                self.scalar_test(
                    if op == SseArith::Min { SseArith::Less } else { SseArith::NotLessOrEqual },
                    w,
                    a,
                    b,
                );
                self.put(W::Select);
                self.set(r);
                self.operands_not_fine(w, [(a, fine_a), (b, fine_b)]);
            }
            SseArith::Sqrt => {
                self.push_float(w, b);
                self.put(scalar_arithmetic(op, w));
                self.set_bits(w, r);
                self.get(careful);
                self.or_denormal(w, b, fine_b);
                self.get(r);
                self.not_fine(w);
                self.put(W::I32Or);
            }
            _ => {
                self.push_float(w, a);
                self.push_float(w, b);
                self.put(scalar_arithmetic(op, w));
                self.set_bits(w, r);
                self.get(careful);
                self.or_denormal(w, a, fine_a);
                self.or_denormal(w, b, fine_b);
                self.get(r);
                if matches!(op, SseArith::Add | SseArith::Sub) {
                    self.not_fine(w);
                } else {
                    self.not_surely_normal(w);
                }
                self.put(W::I32Or);
            }
        }
        self.or_called(call, w, r, [Some(a), Some(b)], Some(careful))
    }

    fn sse_convert(&mut self, ir: &ir::Block, op: SseConvert, a: ir::Value) -> Id {
        let fine = self.fine_element(ir, a, Width::W32);
        let a = self.take(a);
        let a = self.in_local(a);
        let w = op.result().unwrap_or(Width::W32);
        let r = self.temp(Ty::of(w));
        if op == SseConvert::I32ToF64 {
            self.push(a);
            self.put(W::F64ConvertI32S);
            self.set_bits(w, r);
            return self.values.local(Ty::I64, r);
        }
        let careful = self.careful();
        match op {
            SseConvert::I32ToF32 | SseConvert::I32ToF64 => {
                self.push(a);
                self.put(W::F32ConvertI32S);
                self.set_bits(w, r);
                self.get(careful);
                // Up to 2^24 there is nothing to round.
                self.push(a);
                self.const_32(1 << 24);
                self.put(W::I32Add);
                self.const_32(1 << 25);
                self.put(W::I32GtU);
                self.put(W::I32And);
            }
            SseConvert::F32ToF64 => {
                self.push_float(Width::W32, a);
                self.put(W::F64PromoteF32);
                self.set_bits(w, r);
                if fine {
                    self.get(careful);
                } else {
                    self.push(a);
                    self.not_fine(Width::W32);
                }
            }
            SseConvert::F64ToF32 => {
                self.push_float(Width::W64, a);
                self.put(W::F32DemoteF64);
                self.set_bits(w, r);
                // Only zero becomes zero.
                self.get(r);
                self.not_surely_normal(w);
                self.push(a);
                self.put(W::I64Const(1));
                self.put(W::I64Shl);
                self.put(W::I64Const(0));
                self.put(W::I64Ne);
                self.put(W::I32And);
                self.get(careful);
                self.put(W::I32Or);
            }
            SseConvert::F32ToI32 => self.integer_of(Width::W32, true, a, r, careful),
            SseConvert::F32TruncI32 => self.integer_of(Width::W32, false, a, r, careful),
            SseConvert::F64ToI32 => self.integer_of(Width::W64, true, a, r, careful),
            SseConvert::F64TruncI32 => self.integer_of(Width::W64, false, a, r, careful),
        }
        let tracked = op.result().map(|_| careful);
        self.or_called(SseCall::Convert(op), w, r, [Some(a), None], tracked)
    }

    /// The integer in `r`, and pushes whether it may be wrong: what does not fit, wasm saturates.
    fn integer_of(&mut self, w: Width, round: bool, a: Id, r: u32, careful: u32) {
        let wide = w == Width::W64;
        for range in [false, true] {
            self.push_float(w, a);
            if round {
                self.put(if wide { W::F64Nearest } else { W::F32Nearest });
            }
            if !range {
                self.put(if wide { W::I32TruncSatF64S } else { W::I32TruncSatF32S });
                self.set(r);
            }
        }
        // A NaN is not less than anything.
        self.put(if wide { W::F64Abs } else { W::F32Abs });
        self.too_large(w);
        self.put(if wide { W::F64Lt } else { W::F32Lt });
        self.put(W::I32Eqz);
        self.get(careful);
        self.put(W::I32Or);
    }

    /// Pushes 2^31, the first magnitude that no integer has.
    fn too_large(&mut self, w: Width) {
        self.put(if w == Width::W64 {
            W::F64Const(Ieee64::from(2_147_483_648.0))
        } else {
            W::F32Const(Ieee32::from(2_147_483_648.0))
        });
    }

    fn sse_compare(&mut self, ir: &ir::Block, w: Width, quiet: bool, a: ir::Value, b: ir::Value) -> Id {
        let fine = [self.fine_element(ir, a, w), self.fine_element(ir, b, w)];
        let (a, b) = (self.take(a), self.take(b));
        let (a, b) = (self.in_local(a), self.in_local(b));
        let r = self.temp(Ty::I32);
        self.scalar_test(SseArith::Less, w, a, b);
        self.scalar_test(SseArith::Equal, w, a, b);
        self.const_32(eflags::ZF.trailing_zeros());
        self.put(W::I32Shl);
        self.put(W::I32Or);
        self.set(r);
        self.operands_not_fine(w, [(a, fine[0]), (b, fine[1])]);
        self.or_called(SseCall::CompareFlags(w, quiet), Width::W32, r, [Some(a), Some(b)], None)
    }

    /// The status flags from a value laid out as EFLAGS; of a comparison, ZF, PF and CF alone may be set.
    pub(super) fn put_status(&mut self, v: Id, comparison: bool) {
        let v = self.in_local(v);
        // As `cpu::flags` represents them: a result that is zero or not, then parity set right.
        self.get(local::CTX);
        self.push(v);
        self.const_32(eflags::ZF);
        self.put(W::I32And);
        self.const_32(eflags::ZF);
        self.put(W::I32Xor);
        self.const_32(2);
        self.put(W::I32Shl);
        self.put(W::I64ExtendI32S);
        self.put(W::I64Store(mem(self.layout.flags_res, 3)));
        self.get(local::CTX);
        self.push(v);
        self.const_32(31);
        self.put(W::I32Shl);
        self.push(v);
        self.const_32(31);
        self.put(W::I32Shl);
        self.const_32(1);
        self.put(W::I32ShrU);
        self.put(W::I32Or);
        self.push(v);
        self.const_32(eflags::PF);
        self.put(W::I32And);
        self.const_32(eflags::PF);
        self.put(W::I32Xor);
        self.const_32(6);
        self.put(W::I32Shl);
        self.put(W::I32Or);
        if !comparison {
            // OF to bit 30, which it flips; AF to 3, SF to 0.
            for (flag, left, right) in [(eflags::OF, 19, 0), (eflags::AF, 0, 1), (eflags::SF, 0, 7)] {
                self.push(v);
                self.const_32(flag);
                self.put(W::I32And);
                self.const_32(left + right);
                self.put(if left > 0 { W::I32Shl } else { W::I32ShrU });
                self.put(W::I32Xor);
            }
        }
        self.put(W::I32Store(mem(self.layout.flags_aux, 2)));
        self.flags = super::flags::Flags::Settled;
    }

    fn sse_packed(&mut self, ir: &ir::Block, op: SseArith, w: Width, a: ir::Value, b: ir::Value) -> u32 {
        let (fine_a, fine_b) = (self.fine_vector(ir, a, w), self.fine_vector(ir, b, w));
        let (a, b) = (self.take_vector(a), self.take_vector(b));
        let call = SseCall::Packed(op, w);
        if op.compares() {
            let r = self.vector_temp();
            self.packed_test(op, w, a, b);
            self.set(r);
            self.vectors_not_fine(w, [(a, fine_a), (b, fine_b)]);
            return self.or_called_vector(call, r, a, Some(b), None);
        }
        let careful = self.careful();
        if matches!(op, SseArith::Rcp | SseArith::Rsqrt) {
            self.store_operands(a, Some(b));
            self.call_tracked(call, [None, None], careful);
            return self.called_vector();
        }
        let r = self.vector_temp();
        if matches!(op, SseArith::Min | SseArith::Max) {
            // Wasm's take the first operand where neither holds, the processor's the second.
            self.get(b);
            self.get(a);
            self.put(packed_arithmetic(op, w));
            self.set(r);
            self.vectors_not_fine(w, [(a, fine_a), (b, fine_b)]);
            return self.or_called_vector(call, r, a, Some(b), Some(careful));
        }
        let unary = op == SseArith::Sqrt;
        if !unary {
            self.get(a);
        }
        self.get(b);
        if op == SseArith::AddSub {
            self.put(packed_arithmetic(SseArith::Sub, w));
            self.get(a);
            self.get(b);
            self.put(packed_arithmetic(SseArith::Add, w));
            // Bytes of the second where the element is odd.
            let lanes = std::array::from_fn(|n| n as u8 + if n as u32 & w.bytes() != 0 { 16 } else { 0 });
            self.put(W::I8x16Shuffle(lanes));
        } else {
            self.put(packed_arithmetic(op, w));
        }
        self.set(r);
        self.get(careful);
        if !unary {
            self.or_any_denormal(w, a, fine_a);
        }
        self.or_any_denormal(w, b, fine_b);
        self.any_not_fine(w, r);
        self.put(W::I32Or);
        if matches!(op, SseArith::Mul | SseArith::Div) {
            // A zero must come from a zero.
            let zero = self.vector_temp();
            let [eq, ne] = match w {
                Width::W64 => [W::F64x2Eq, W::F64x2Ne],
                _ => [W::F32x4Eq, W::F32x4Ne],
            };
            self.get(r);
            self.const_32(0);
            self.put(W::I32x4Splat);
            self.put(W::LocalTee(zero));
            self.put(eq);
            self.get(a);
            self.get(zero);
            self.put(ne.clone());
            self.put(W::V128And);
            if op == SseArith::Mul {
                self.get(b);
                self.get(zero);
                self.put(ne);
                self.put(W::V128And);
            }
            self.put(W::V128AnyTrue);
            self.put(W::I32Or);
        }
        self.or_called_vector(call, r, a, Some(b), Some(careful))
    }

    fn sse_convert_packed(&mut self, ir: &ir::Block, op: SseConvert, a: ir::Value) -> u32 {
        let fine = self.fine_vector(ir, a, Width::W32);
        let a = self.take_vector(a);
        let r = self.vector_temp();
        if op == SseConvert::I32ToF64 {
            self.get(a);
            self.put(W::F64x2ConvertLowI32x4S);
            self.set(r);
            return r;
        }
        let careful = self.careful();
        match op {
            SseConvert::I32ToF32 | SseConvert::I32ToF64 => {
                self.get(a);
                self.put(W::F32x4ConvertI32x4S);
                self.set(r);
                self.get(careful);
            }
            SseConvert::F32ToF64 => {
                self.get(a);
                self.put(W::F64x2PromoteLowF32x4);
                self.set(r);
                // What is above the low half is zero, or does not harm.
                self.vectors_not_fine(Width::W32, [(a, fine)]);
            }
            SseConvert::F64ToF32 => {
                self.get(a);
                self.put(W::F32x4DemoteF64x2Zero);
                self.set(r);
                self.get(careful);
                self.any_not_fine(Width::W32, r);
                self.put(W::I32Or);
                // Only zeros become zeros.
                for (v, eq, bits) in [(r, W::F32x4Eq, W::I32x4Bitmask), (a, W::F64x2Eq, W::I64x2Bitmask)] {
                    self.get(v);
                    self.const_32(0);
                    self.put(W::I32x4Splat);
                    self.put(eq);
                    self.put(bits);
                    self.const_32(3);
                    self.put(W::I32And);
                }
                self.put(W::I32Ne);
                self.put(W::I32Or);
            }
            SseConvert::F32ToI32 | SseConvert::F32TruncI32 => {
                self.get(a);
                if op == SseConvert::F32ToI32 {
                    self.put(W::F32x4Nearest);
                }
                self.put(W::LocalTee(r));
                self.put(W::F32x4Abs);
                self.too_large(Width::W32);
                self.put(W::F32x4Splat);
                self.put(W::F32x4Lt);
                self.put(W::I32x4AllTrue);
                self.put(W::I32Eqz);
                self.get(careful);
                self.put(W::I32Or);
                self.get(r);
                self.put(W::I32x4TruncSatF32x4S);
                self.set(r);
            }
            SseConvert::F64ToI32 | SseConvert::F64TruncI32 => {
                self.get(a);
                if op == SseConvert::F64ToI32 {
                    self.put(W::F64x2Nearest);
                }
                self.put(W::LocalTee(r));
                self.put(W::F64x2Abs);
                self.too_large(Width::W64);
                self.put(W::F64x2Splat);
                self.put(W::F64x2Lt);
                self.put(W::I64x2AllTrue);
                self.put(W::I32Eqz);
                self.get(careful);
                self.put(W::I32Or);
                self.get(r);
                self.put(W::I32x4TruncSatF64x2SZero);
                self.set(r);
            }
        }
        let tracked = op.result().map(|_| careful);
        self.or_called_vector(SseCall::ConvertPacked(op), r, a, None, tracked)
    }
}

// ---- tests ----

impl Emitter<'_> {
    /// Pushes bits as a number.
    pub(super) fn push_float(&mut self, w: Width, id: Id) {
        self.push(id);
        self.put(if w == Width::W64 { W::F64ReinterpretI64 } else { W::F32ReinterpretI32 });
    }

    /// Keeps the number on the stack as bits.
    pub(super) fn set_bits(&mut self, w: Width, to: u32) {
        self.put(if w == Width::W64 { W::I64ReinterpretF64 } else { W::I32ReinterpretF32 });
        self.set(to);
    }

    /// Pushes an integer constant of the width.
    fn const_bits(&mut self, w: Width, v: u32) {
        if w == Width::W64 {
            self.put(W::I64Const(v.into()));
        } else {
            self.const_32(v);
        }
    }

    /// Pushes whether a predicate holds, given that neither operand is a NaN.
    fn scalar_test(&mut self, op: SseArith, w: Width, a: Id, b: Id) {
        if matches!(op, SseArith::Ordered | SseArith::Unordered) {
            return self.const_32((op == SseArith::Ordered).into());
        }
        self.push_float(w, a);
        self.push_float(w, b);
        let wide = w == Width::W64;
        self.put(match op {
            SseArith::Less if wide => W::F64Lt,
            SseArith::Less => W::F32Lt,
            SseArith::LessOrEqual if wide => W::F64Le,
            SseArith::LessOrEqual => W::F32Le,
            SseArith::NotEqual if wide => W::F64Ne,
            SseArith::NotEqual => W::F32Ne,
            SseArith::NotLess if wide => W::F64Ge,
            SseArith::NotLess => W::F32Ge,
            SseArith::NotLessOrEqual if wide => W::F64Gt,
            SseArith::NotLessOrEqual => W::F32Gt,
            _ if wide => W::F64Eq,
            _ => W::F32Eq,
        });
    }

    /// Takes bits from the stack and pushes whether they are neither zero nor a normal number above the least.
    ///
    /// Without its sign, a number stands at the top of `s`. Infinities and NaNs are the greatest: as signed
    /// integers they lie just below zero, denormal numbers just above. Folded at zero, all that is not
    /// fine lies between zero and one binade.
    fn not_fine(&mut self, w: Width) {
        let s = self.temp(Ty::of(w));
        let wide = w == Width::W64;
        self.const_bits(w, 1);
        self.put(if wide { W::I64Shl } else { W::I32Shl });
        self.put(W::LocalTee(s));
        self.get(s);
        self.const_bits(w, w.bits() - 1);
        self.put(if wide { W::I64ShrS } else { W::I32ShrS });
        self.put(if wide { W::I64Xor } else { W::I32Xor });
        self.const_bits(w, 1);
        self.put(if wide { W::I64Sub } else { W::I32Sub });
        self.const_bits(w, below_field(w));
        self.put(if wide { W::I64ShrU } else { W::I32ShrU });
        self.put(if wide { W::I64Eqz } else { W::I32Eqz });
    }

    /// Takes bits from the stack and pushes whether they are anything but a normal number above the lowest binade.
    fn not_surely_normal(&mut self, w: Width) {
        let wide = w == Width::W64;
        self.const_bits(w, 1);
        self.put(if wide { W::I64Shl } else { W::I32Shl });
        self.const_bits(w, below_field(w));
        self.put(if wide { W::I64ShrU } else { W::I32ShrU });
        self.const_bits(w, 2);
        self.put(if wide { W::I64Sub } else { W::I32Sub });
        self.const_bits(w, if wide { 0x7FD } else { 0xFD });
        self.put(if wide { W::I64GeU } else { W::I32GeU });
    }

    /// Ors to what is on the stack whether a number is denormal (or the least normal one), unless it is known to be
    /// fine; the caller asks whether to be careful.
    fn or_denormal(&mut self, w: Width, v: Id, fine: bool) {
        if fine {
            return;
        }
        let wide = w == Width::W64;
        self.push(v);
        self.const_bits(w, 1);
        self.put(if wide { W::I64Shl } else { W::I32Shl });
        self.const_bits(w, 1);
        self.put(if wide { W::I64Sub } else { W::I32Sub });
        self.const_bits(w, below_field(w));
        self.put(if wide { W::I64ShrU } else { W::I32ShrU });
        self.put(if wide { W::I64Eqz } else { W::I32Eqz });
        self.put(W::I32Or);
    }

    /// Pushes whether one of the operands is not fine.
    pub(super) fn operands_not_fine<const N: usize>(&mut self, w: Width, operands: [(Id, bool); N]) {
        let mut first = true;
        if operands.iter().any(|(_, fine)| *fine) {
            let careful = self.careful();
            self.get(careful);
            first = false;
        }
        for (v, _) in operands.into_iter().filter(|(_, fine)| !fine) {
            self.push(v);
            self.not_fine(w);
            if !std::mem::replace(&mut first, false) {
                self.put(W::I32Or);
            }
        }
    }

    /// The same for all elements.
    pub(super) fn vectors_not_fine<const N: usize>(&mut self, w: Width, operands: [(u32, bool); N]) {
        let mut first = true;
        if operands.iter().any(|(_, fine)| *fine) {
            let careful = self.careful();
            self.get(careful);
            first = false;
        }
        for (v, _) in operands.into_iter().filter(|(_, fine)| !fine) {
            self.any_not_fine(w, v);
            if !std::mem::replace(&mut first, false) {
                self.put(W::I32Or);
            }
        }
    }

    /// Pushes whether an element of a vector is not fine; see `not_fine`.
    fn any_not_fine(&mut self, w: Width, v: u32) {
        let s = self.vector_temp();
        let wide = w == Width::W64;
        self.get(v);
        self.const_32(1);
        self.put(if wide { W::I64x2Shl } else { W::I32x4Shl });
        self.put(W::LocalTee(s));
        self.get(s);
        self.const_32(w.bits() - 1);
        self.put(if wide { W::I64x2ShrS } else { W::I32x4ShrS });
        self.put(W::V128Xor);
        self.any_below(w);
    }

    /// Ors to what is on the stack whether an element is denormal; see `or_denormal`.
    fn or_any_denormal(&mut self, w: Width, v: u32, fine: bool) {
        if fine {
            return;
        }
        self.get(v);
        self.const_32(1);
        self.put(if w == Width::W64 { W::I64x2Shl } else { W::I32x4Shl });
        self.any_below(w);
        self.put(W::I32Or);
    }

    /// Takes a vector and pushes whether an element is between zero and one binade.
    fn any_below(&mut self, w: Width) {
        let wide = w == Width::W64;
        self.const_32(u32::MAX);
        self.put(W::I32x4Splat);
        self.put(if wide { W::I64x2Add } else { W::I32x4Add });
        self.const_32(below_field(w));
        self.put(if wide { W::I64x2ShrU } else { W::I32x4ShrU });
        self.put(if wide { W::I64x2AllTrue } else { W::I32x4AllTrue });
        self.put(W::I32Eqz);
    }

    /// Pushes all ones where a predicate holds, given that no element is a NaN.
    fn packed_test(&mut self, op: SseArith, w: Width, a: u32, b: u32) {
        if matches!(op, SseArith::Ordered | SseArith::Unordered) {
            self.const_32(if op == SseArith::Ordered { u32::MAX } else { 0 });
            return self.put(W::I32x4Splat);
        }
        self.get(a);
        self.get(b);
        let wide = w == Width::W64;
        self.put(match op {
            SseArith::Less if wide => W::F64x2Lt,
            SseArith::Less => W::F32x4Lt,
            SseArith::LessOrEqual if wide => W::F64x2Le,
            SseArith::LessOrEqual => W::F32x4Le,
            SseArith::NotEqual if wide => W::F64x2Ne,
            SseArith::NotEqual => W::F32x4Ne,
            SseArith::NotLess if wide => W::F64x2Ge,
            SseArith::NotLess => W::F32x4Ge,
            SseArith::NotLessOrEqual if wide => W::F64x2Gt,
            SseArith::NotLessOrEqual => W::F32x4Gt,
            _ if wide => W::F64x2Eq,
            _ => W::F32x4Eq,
        });
    }
}

// ---- calls ----

impl Emitter<'_> {
    /// Calls, and pushes how that ended.
    pub(super) fn call_sse(&mut self, call: SseCall, operands: [Option<Id>; 2]) {
        self.get(local::CTX);
        self.const_32(call.number());
        for operand in operands {
            match operand {
                Some(v) => {
                    self.push(v);
                    if self.values.ty(v) == Ty::I32 {
                        self.put(W::I64ExtendI32U);
                    }
                }
                None => self.put(W::I64Const(0)),
            }
        }
        self.call(Import::Sse);
    }

    /// Calls; if that did nothing, the instruction is left to the interpreter.
    pub(super) fn call_or_leave(&mut self, call: SseCall, operands: [Option<Id>; 2]) {
        self.call_sse(call, operands);
        self.put(W::I32Eqz);
        self.open_if(None);
        self.leave_undone();
        self.end();
    }

    /// The same for a result that counts as fine, which it may not be.
    fn call_tracked(&mut self, call: SseCall, operands: [Option<Id>; 2], careful: u32) {
        let done = self.temp(Ty::I32);
        self.call_sse(call, operands);
        self.put(W::LocalTee(done));
        self.put(W::I32Eqz);
        self.open_if(None);
        self.leave_undone();
        self.end();
        // 1 is fine, 2 is not.
        self.get(done);
        self.const_32(1);
        self.put(W::I32ShrU);
        self.get(careful);
        self.put(W::I32Or);
        self.set(careful);
    }

    /// What a call gave.
    pub(super) fn called(&mut self, w: Width) -> Id {
        self.get(local::CTX);
        self.load_at(w, self.layout.vectors);
        self.loaded(w)
    }

    /// The same for a vector.
    pub(super) fn called_vector(&mut self) -> u32 {
        self.get(local::CTX);
        self.put(W::V128Load(mem(self.layout.vectors, 3)));
        self.vector()
    }

    /// An operation on vectors that a call does, always.
    pub(super) fn call_on_vectors(&mut self, call: SseCall, a: u32, b: u32) -> u32 {
        self.store_operands(a, Some(b));
        self.call_sse(call, [None, None]);
        self.put(W::Drop);
        self.called_vector()
    }

    /// The result in the local `r`; or that of a call, if what is on the stack is not zero.
    pub(super) fn or_called(
        &mut self,
        call: SseCall,
        w: Width,
        r: u32,
        operands: [Option<Id>; 2],
        careful: Option<u32>,
    ) -> Id {
        self.open_if(None);
        match careful {
            Some(careful) => self.call_tracked(call, operands, careful),
            None => self.call_or_leave(call, operands),
        }
        self.get(local::CTX);
        self.load_at(w, self.layout.vectors);
        self.set(r);
        self.end();
        self.values.local(Ty::of(w), r)
    }

    pub(super) fn store_operands(&mut self, a: u32, b: Option<u32>) {
        for (v, at) in [(Some(a), 0), (b, 16)] {
            if let Some(v) = v {
                self.get(local::CTX);
                self.get(v);
                self.put(W::V128Store(mem(self.layout.vectors + at, 3)));
            }
        }
    }

    /// As `or_called`, for vectors.
    pub(super) fn or_called_vector(
        &mut self,
        call: SseCall,
        r: u32,
        a: u32,
        b: Option<u32>,
        careful: Option<u32>,
    ) -> u32 {
        self.open_if(None);
        self.store_operands(a, b);
        match careful {
            Some(careful) => self.call_tracked(call, [None, None], careful),
            None => self.call_or_leave(call, [None, None]),
        }
        self.get(local::CTX);
        self.put(W::V128Load(mem(self.layout.vectors, 3)));
        self.set(r);
        self.end();
        r
    }
}

const fn scalar_arithmetic(op: SseArith, w: Width) -> W<'static> {
    let wide = matches!(w, Width::W64);
    match op {
        SseArith::Add if wide => W::F64Add,
        SseArith::Add => W::F32Add,
        SseArith::Sub if wide => W::F64Sub,
        SseArith::Sub => W::F32Sub,
        SseArith::Mul if wide => W::F64Mul,
        SseArith::Mul => W::F32Mul,
        SseArith::Div if wide => W::F64Div,
        SseArith::Div => W::F32Div,
        _ if wide => W::F64Sqrt,
        _ => W::F32Sqrt,
    }
}

const fn packed_arithmetic(op: SseArith, w: Width) -> W<'static> {
    let wide = matches!(w, Width::W64);
    match op {
        SseArith::Add if wide => W::F64x2Add,
        SseArith::Add => W::F32x4Add,
        SseArith::Sub if wide => W::F64x2Sub,
        SseArith::Sub => W::F32x4Sub,
        SseArith::Mul if wide => W::F64x2Mul,
        SseArith::Mul => W::F32x4Mul,
        SseArith::Div if wide => W::F64x2Div,
        SseArith::Div => W::F32x4Div,
        SseArith::Min if wide => W::F64x2PMin,
        SseArith::Min => W::F32x4PMin,
        SseArith::Max if wide => W::F64x2PMax,
        SseArith::Max => W::F32x4PMax,
        _ if wide => W::F64x2Sqrt,
        _ => W::F32x4Sqrt,
    }
}
