//! SSE in translated code: moves, packed integers and shuffles, by wasm's own vectors; by a call where those do not help
//! (AES, PHMINPOSUW, MPSADBW, PCLMULQDQ). The registers stay in the processor's state.

use super::values::{Id, Ty};
use super::{Emitter, local, mem};
use crate::ir::{self, Op};
use cpu::exec::SseCall;
use cpu::insn::Width;
use cpu::micro::{Shuffle, VecOp};
use wasm_encoder::{Instruction as W, ValType};
use x86::Seg;

/// Whether a packed operation is translated: shifts by bytes, only if it is known how many.
pub(super) fn translates(ops: &[Op], op: VecOp, b: ir::Value) -> bool {
    !matches!(op, VecOp::ShlBytes | VecOp::ShrBytes) || byte_count(ops, b).is_some()
}

/// The low half of a vector that is a constant.
pub(super) fn byte_count(ops: &[Op], v: ir::Value) -> Option<u64> {
    let Op::vec_join { low, .. } = ops[v.0 as usize] else { return None };
    let Op::imm { value, .. } = ops[low.0.0 as usize] else { return None };
    Some(value)
}

impl Emitter<'_> {
    pub(super) fn vector_temp(&mut self) -> u32 {
        let temp = local::VECTOR + self.temps[2];
        self.temps[2] += 1;
        self.most_temps[2] = self.most_temps[2].max(self.temps[2]);
        temp
    }

    /// The vector on the stack gets a local.
    pub(super) fn vector(&mut self) -> u32 {
        let temp = self.vector_temp();
        self.set(temp);
        temp
    }

    pub(super) fn xmm(&mut self, r: u8) -> u32 {
        self.get(local::CTX);
        self.put(W::V128Load(mem(self.layout.xmm + 16 * u32::from(r & 15), 3)));
        self.vector()
    }

    pub(super) fn set_xmm(&mut self, r: u8, v: u32) {
        self.get(local::CTX);
        self.get(v);
        self.put(W::V128Store(mem(self.layout.xmm + 16 * u32::from(r & 15), 3)));
    }

    const fn part_at(&self, w: Width, r: u8, lane: u8) -> u32 {
        self.layout.xmm + 16 * (r & 15) as u32 + lane as u32 * w.bytes()
    }

    pub(super) fn xmm_part(&mut self, w: Width, r: u8, lane: u8) -> Id {
        let at = self.part_at(w, r, lane);
        self.get(local::CTX);
        self.load_at(w, at);
        self.loaded(w)
    }

    pub(super) fn set_xmm_part(&mut self, w: Width, r: u8, lane: u8, v: Id) {
        let at = self.part_at(w, r, lane);
        self.get(local::CTX);
        self.push(v);
        self.store_at(w, at);
    }

    pub(super) fn load_vec(&mut self, seg: Seg, aligned: bool, ea: Id) -> u32 {
        let (lin, entry) = self.vector_place(seg, aligned, ea, false);
        self.hit(self.tables().read, lin, entry);
        self.put(W::V128Load(mem(self.layout.ram, 0)));
        self.vector()
    }

    pub(super) fn store_vec(&mut self, seg: Seg, aligned: bool, ea: Id, v: u32) {
        let (lin, entry) = self.vector_place(seg, aligned, ea, true);
        self.hit(self.tables().write, lin, entry);
        self.get(v);
        self.put(W::V128Store(mem(self.layout.ram, 0)));
    }

    /// Bytes whose mask says no are written as they were.
    pub(super) fn store_masked(&mut self, seg: Seg, ea: Id, v: u32, mask: u32) {
        let (lin, entry) = self.vector_place(seg, false, ea, true);
        let place = self.temp(Ty::I32);
        self.hit(self.tables().write, lin, entry);
        self.put(W::LocalTee(place));
        self.get(v);
        self.get(place);
        self.put(W::V128Load(mem(self.layout.ram, 0)));
        self.get(mask);
        self.const_32(7);
        self.put(W::I8x16ShrS);
        self.put(W::V128Bitselect);
        self.put(W::V128Store(mem(self.layout.ram, 0)));
    }

    /// Makes sure that 16 bytes can be accessed directly: the locals of their linear address and fast entry.
    fn vector_place(&mut self, seg: Seg, aligned: bool, ea: Id, write: bool) -> (u32, u32) {
        let lin = self.linear(seg, ea, 16, write);
        if aligned {
            self.get(lin);
            self.const_32(15);
            self.put(W::I32And);
            self.open_if(None);
            self.leave_undone();
            self.end();
        }
        (lin, self.reachable(lin, 16, write))
    }

    pub(super) fn vec_join(&mut self, low: Id, high: Id) -> u32 {
        self.push(low);
        self.put(W::I64x2Splat);
        self.push(high);
        self.put(W::I64x2ReplaceLane(1));
        self.vector()
    }

    pub(super) fn vec_part(&mut self, w: Width, lane: u8, v: u32) -> Id {
        self.get(v);
        self.put(match w {
            Width::W8 => W::I8x16ExtractLaneU(lane & 15),
            Width::W16 => W::I16x8ExtractLaneU(lane & 7),
            Width::W32 => W::I32x4ExtractLane(lane & 3),
            Width::W64 => W::I64x2ExtractLane(lane & 1),
        });
        self.loaded(w)
    }

    pub(super) fn vec_with(&mut self, w: Width, lane: u8, v: u32, x: Id) -> u32 {
        self.get(v);
        self.push(x);
        self.put(match w {
            Width::W8 => W::I8x16ReplaceLane(lane & 15),
            Width::W16 => W::I16x8ReplaceLane(lane & 7),
            Width::W32 => W::I32x4ReplaceLane(lane & 3),
            Width::W64 => W::I64x2ReplaceLane(lane & 1),
        });
        self.vector()
    }

    pub(super) fn vec_signs(&mut self, w: Width, v: u32) -> Id {
        self.get(v);
        self.put(match w {
            Width::W8 => W::I8x16Bitmask,
            Width::W16 => W::I16x8Bitmask,
            Width::W32 => W::I32x4Bitmask,
            Width::W64 => W::I64x2Bitmask,
        });
        self.loaded(Width::W32)
    }

    fn shuffle_bytes(&mut self, a: u32, b: u32, lanes: [u8; 16]) -> u32 {
        self.get(a);
        self.get(b);
        self.put(W::I8x16Shuffle(lanes));
        self.vector()
    }

    pub(super) fn vec_shuffle(&mut self, op: Shuffle, imm: u8, a: u32, b: u32) -> u32 {
        if let Some(call) = SseCall::shuffle(op, imm) {
            return self.call_on_vectors(call, a, b);
        }
        let chosen = |size: u8, count: u8| {
            // Elements of `b`, which come after those of `a`, where a bit is set.
            std::array::from_fn(|n| n as u8 + if imm >> (n as u8 / size % count) & 1 != 0 { 16 } else { 0 })
        };
        let pick = |n: u8| imm >> (2 * n) & 3;
        // Elements of `size` bytes, numbered through `a` and `b`.
        let lanes = |size: u8, from: [u8; 8]| {
            let mut lanes = [0; 16];
            for (n, lane) in (0u8..).zip(&mut lanes) {
                *lane = from[usize::from(n / size)] * size + n % size;
            }
            lanes
        };
        let lanes = match op {
            Shuffle::D => lanes(4, [4 + pick(0), 4 + pick(1), 4 + pick(2), 4 + pick(3), 0, 0, 0, 0]),
            Shuffle::Ps => lanes(4, [pick(0), pick(1), 4 + pick(2), 4 + pick(3), 0, 0, 0, 0]),
            Shuffle::Pd => lanes(8, [imm & 1, 2 + (imm >> 1 & 1), 0, 0, 0, 0, 0, 0]),
            Shuffle::LowW => lanes(2, [8 + pick(0), 8 + pick(1), 8 + pick(2), 8 + pick(3), 12, 13, 14, 15]),
            Shuffle::HighW => {
                lanes(2, [8, 9, 10, 11, 12 + pick(0), 12 + pick(1), 12 + pick(2), 12 + pick(3)])
            }
            Shuffle::BlendW => chosen(2, 8),
            Shuffle::BlendPs => chosen(4, 4),
            Shuffle::BlendPd => chosen(8, 2),
            Shuffle::Align if imm <= 16 => {
                return self.shuffle_bytes(b, a, std::array::from_fn(|n| n as u8 + imm));
            }
            _ => return self.shift_bytes(false, a, u64::from(imm).saturating_sub(16)),
        };
        self.shuffle_bytes(a, b, lanes)
    }

    pub(super) fn vec_int(&mut self, op: VecOp, a: u32, b: u32) -> u32 {
        if let Some((size, high)) = interleaves(op) {
            let mut lanes = [0; 16];
            let first = if high { 8 } else { 0 };
            for (n, lane) in (0u8..).zip(&mut lanes) {
                let element = n / size;
                let from = if element % 2 == 0 { 0 } else { 16 };
                *lane = from + first + element / 2 * size + n % size;
            }
            return self.shuffle_bytes(a, b, lanes);
        }
        if let Some((bits, shift)) = shifts(op) {
            return self.shift_elements(bits, shift, a, b);
        }
        if matches!(op, VecOp::MulUD | VecOp::MulD) {
            // The even elements side by side, then their products.
            let lanes = [0, 1, 2, 3, 8, 9, 10, 11, 0, 0, 0, 0, 0, 0, 0, 0];
            let (a, b) = (self.shuffle_bytes(a, a, lanes), self.shuffle_bytes(b, b, lanes));
            self.get(a);
            self.get(b);
            self.put(if op == VecOp::MulUD { W::I64x2ExtMulLowI32x4U } else { W::I64x2ExtMulLowI32x4S });
            return self.vector();
        }
        if matches!(op, VecOp::MulHighW | VecOp::MulHighUW) {
            // The products of each half, then their high words.
            let products = match op {
                VecOp::MulHighW => [W::I32x4ExtMulLowI16x8S, W::I32x4ExtMulHighI16x8S],
                _ => [W::I32x4ExtMulLowI16x8U, W::I32x4ExtMulHighI16x8U],
            };
            for product in products {
                self.get(a);
                self.get(b);
                self.put(product);
            }
            self.put(W::I8x16Shuffle([2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31]));
            return self.vector();
        }
        if op == VecOp::SadB {
            return self.sums_of_differences(a, b);
        }
        if let Some(v) = self.vec_int_later(op, a, b) {
            return v;
        }
        let (a, b) = if op == VecOp::AndNot { (b, a) } else { (a, b) };
        self.get(a);
        self.get(b);
        self.put(simple(op));
        self.vector()
    }

    /// Sums of the absolute differences of each eight bytes.
    fn sums_of_differences(&mut self, a: u32, b: u32) -> u32 {
        for (x, y) in [(a, b), (b, a)] {
            self.get(x);
            self.get(y);
            self.put(W::I8x16SubSatU);
        }
        self.put(W::V128Or);
        self.put(W::I16x8ExtAddPairwiseI8x16U);
        self.put(W::I32x4ExtAddPairwiseI16x8U);
        let halves = self.vector();
        // The two sums of each half, added where nothing stands above.
        self.get(halves);
        self.const_32(32);
        self.put(W::I64x2Shl);
        self.get(halves);
        self.put(W::I32x4Add);
        self.const_32(32);
        self.put(W::I64x2ShrU);
        self.vector()
    }

    /// A shift of the whole vector, zeros coming in.
    pub(super) fn shift_bytes(&mut self, left: bool, v: u32, bytes: u64) -> u32 {
        let bytes = bytes.min(16) as u8;
        self.put(W::V128Const(0));
        let zero = self.vector();
        let first = if left { 16 - bytes } else { 16 + bytes };
        // Of 48 bytes, zeros on both sides: those from `first` on; the shuffle knows one side.
        let mut lanes = [0; 16];
        for (n, lane) in (0u8..).zip(&mut lanes) {
            let at = first + n;
            *lane = if (16..32).contains(&at) { at } else { 0 };
        }
        self.shuffle_bytes(zero, v, lanes)
    }

    /// Shifts of each element by the low 64 bits of `b`: beyond the width, all bits go.
    fn shift_elements(&mut self, bits: i64, shift: W<'static>, a: u32, b: u32) -> u32 {
        let count = self.temp(Ty::I64);
        self.get(b);
        self.put(W::I64x2ExtractLane(0));
        self.set(count);
        let arithmetic = matches!(shift, W::I16x8ShrS | W::I32x4ShrS);
        self.get(a);
        if arithmetic {
            // What goes leaves the sign.
            self.get(count);
            self.put(W::I64Const(bits - 1));
            self.get(count);
            self.put(W::I64Const(bits));
            self.put(W::I64LtU);
            self.put(W::Select);
        } else {
            self.get(count);
        }
        self.put(W::I32WrapI64);
        self.put(shift);
        if !arithmetic {
            self.put(W::V128Const(0));
            self.get(count);
            self.put(W::I64Const(bits));
            self.put(W::I64LtU);
            self.put(W::TypedSelect(ValType::V128));
        }
        self.vector()
    }
}

/// Bytes of an element, and which half, of an interleaving.
const fn interleaves(op: VecOp) -> Option<(u8, bool)> {
    Some(match op {
        VecOp::UnpackLowB => (1, false),
        VecOp::UnpackLowW => (2, false),
        VecOp::UnpackLowD => (4, false),
        VecOp::UnpackLowQ => (8, false),
        VecOp::UnpackHighB => (1, true),
        VecOp::UnpackHighW => (2, true),
        VecOp::UnpackHighD => (4, true),
        VecOp::UnpackHighQ => (8, true),
        _ => return None,
    })
}

const fn shifts(op: VecOp) -> Option<(i64, W<'static>)> {
    Some(match op {
        VecOp::ShlW => (16, W::I16x8Shl),
        VecOp::ShlD => (32, W::I32x4Shl),
        VecOp::ShlQ => (64, W::I64x2Shl),
        VecOp::ShrW => (16, W::I16x8ShrU),
        VecOp::ShrD => (32, W::I32x4ShrU),
        VecOp::ShrQ => (64, W::I64x2ShrU),
        VecOp::SarW => (16, W::I16x8ShrS),
        VecOp::SarD => (32, W::I32x4ShrS),
        _ => return None,
    })
}

/// Operations that are one wasm instruction.
const fn simple(op: VecOp) -> W<'static> {
    match op {
        VecOp::AddB => W::I8x16Add,
        VecOp::AddW => W::I16x8Add,
        VecOp::AddD => W::I32x4Add,
        VecOp::AddQ => W::I64x2Add,
        VecOp::AddSB => W::I8x16AddSatS,
        VecOp::AddSW => W::I16x8AddSatS,
        VecOp::AddUB => W::I8x16AddSatU,
        VecOp::AddUW => W::I16x8AddSatU,
        VecOp::SubB => W::I8x16Sub,
        VecOp::SubW => W::I16x8Sub,
        VecOp::SubD => W::I32x4Sub,
        VecOp::SubQ => W::I64x2Sub,
        VecOp::SubSB => W::I8x16SubSatS,
        VecOp::SubSW => W::I16x8SubSatS,
        VecOp::SubUB => W::I8x16SubSatU,
        VecOp::SubUW => W::I16x8SubSatU,
        VecOp::MulLowW => W::I16x8Mul,
        VecOp::MulAddW => W::I32x4DotI16x8S,
        VecOp::AvgB => W::I8x16AvgrU,
        VecOp::AvgW => W::I16x8AvgrU,
        VecOp::MinUB => W::I8x16MinU,
        VecOp::MaxUB => W::I8x16MaxU,
        VecOp::MinSW => W::I16x8MinS,
        VecOp::MaxSW => W::I16x8MaxS,
        VecOp::And => W::V128And,
        VecOp::AndNot => W::V128AndNot,
        VecOp::Or => W::V128Or,
        VecOp::EqB => W::I8x16Eq,
        VecOp::EqW => W::I16x8Eq,
        VecOp::EqD => W::I32x4Eq,
        VecOp::GtB => W::I8x16GtS,
        VecOp::GtW => W::I16x8GtS,
        VecOp::GtD => W::I32x4GtS,
        VecOp::PackSWB => W::I8x16NarrowI16x8S,
        VecOp::PackSDW => W::I16x8NarrowI32x4S,
        VecOp::PackUWB => W::I8x16NarrowI16x8U,
        VecOp::PackUDW => W::I16x8NarrowI32x4U,
        VecOp::MulLowD => W::I32x4Mul,
        VecOp::MinSB => W::I8x16MinS,
        VecOp::MaxSB => W::I8x16MaxS,
        VecOp::MinUW => W::I16x8MinU,
        VecOp::MaxUW => W::I16x8MaxU,
        VecOp::MinSD => W::I32x4MinS,
        VecOp::MaxSD => W::I32x4MaxS,
        VecOp::MinUD => W::I32x4MinU,
        VecOp::MaxUD => W::I32x4MaxU,
        VecOp::EqQ => W::I64x2Eq,
        VecOp::GtQ => W::I64x2GtS,
        // `translates` and the cases before rule the others out.
        _ => W::V128Xor,
    }
}
