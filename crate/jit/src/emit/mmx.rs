//! MMX in translated code: the registers are the significands of the x87 registers, in the processor's state; what is
//! done with them is what SSE does with the low half of a vector.
//!
//! Absent: sums of absolute differences, and stores under a mask, which are interpreted.

use super::values::{Id, Ty};
use super::{Emitter, local, mem};
use crate::ir::{self, Op};
use cpu::insn::Width;
use cpu::state::mode;
use wasm_encoder::Instruction as W;

/// ES in the x87 status word: an unmasked exception is pending.
const ES: u32 = 1 << 7;
/// TOP in it.
const TOP: u32 = 7 << 11;

/// Whether an operation is translated.
pub(super) const fn translates(op: &Op, mode_bits: u32) -> bool {
    match op {
        // Elsewhere it is #NM or #UD.
        Op::mmx_enter {} => mode_bits & mode::NO_X87 == 0,
        Op::mmx { .. } | Op::set_mmx { .. } | Op::mmx_touch { .. } => true,
        _ => false,
    }
}

impl Emitter<'_> {
    /// Emits operation `n` of an instruction, if it is one of these.
    pub(super) fn mmx_op(&mut self, ir: &ir::Block, n: usize) {
        match ir.ops[n] {
            Op::mmx_enter {} => {
                self.get(local::CTX);
                self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
                self.const_32(ES);
                self.put(W::I32And);
                self.open_if(None);
                self.leave_undone();
                self.end();
            }
            Op::mmx { r } => {
                self.get(local::CTX);
                self.load_at(Width::W64, self.register(r));
                let temp = self.temp(Ty::I64);
                self.set(temp);
                let v = self.values.local(Ty::I64, temp);
                self.result(ir, n, v);
            }
            Op::set_mmx { r, v } => {
                let v = self.take(v.0);
                self.set_mmx(r, v);
            }
            Op::mmx_touch { empty } => {
                self.get(local::CTX);
                self.get(local::CTX);
                self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
                self.const_32(!TOP);
                self.put(W::I32And);
                self.put(W::I32Store16(mem(self.layout.x87_status, 1)));
                self.get(local::CTX);
                self.const_32(if empty { 0xFF } else { 0 });
                self.put(W::I32Store8(mem(self.layout.x87_empty, 0)));
            }
            // `translates` rules the rest out.
            _ => {}
        }
    }

    const fn register(&self, r: u8) -> u32 {
        self.layout.st + 16 * (r & 7) as u32
    }

    fn set_mmx(&mut self, r: u8, v: Id) {
        let at = self.register(r);
        self.get(local::CTX);
        self.push(v);
        self.put(W::I64Store(mem(at, 3)));
        self.get(local::CTX);
        self.const_32(0xFFFF);
        self.put(W::I32Store16(mem(at + 8, 1)));
    }
}
