//! Code that is not flat: 16-bit code, and code in a segment with a base or a limit.
//!
//! Nothing of the code segment is a constant in a translation: where regions are looked up by linear address the base
//! is added, and the limit is read from the state. So the same code is translated once, whatever segments it runs in.
//!
//! A region is entered only if all of it lies within the limit, and before the last byte of 64 KB if its code is
//! 16-bit, as seen from the EIP it is entered at. Inside of it, then, neither limit nor wrapping matters. What leads out of it is
//! checked against the limit where the processor does it, in the branch.
//!
//! A region that lies within the limit only in part is not entered at all: the interpreter has its blocks.

use super::values::{Bin, Id, Ty};
use super::{Emitter, Exit, To, local, mem};
use crate::region::Block;
use cpu::insn::Width;
use wasm_encoder::Instruction;
use x86::Seg;

impl Emitter<'_> {
    /// At the region's entry, in the label that leads to the epilogue: leaves it if it does not fit into its segment.
    pub(super) fn check_limit(&mut self) {
        let region = self.region;
        if region.is_flat() {
            return;
        }
        let (lowest, bytes) = region.extent();
        let last = bytes.saturating_sub(1);
        let begin = local::TARGET;
        self.get(local::EIP);
        self.const_32(lowest as u32);
        self.put(Instruction::I32Add);
        self.put(Instruction::LocalTee(begin));
        // Where it begins, EIP may not have wrapped either.
        self.const_32(region.last_eip().saturating_sub(bytes));
        self.put(Instruction::I32GtU);
        self.get(begin);
        self.const_32(last);
        self.put(Instruction::I32Add);
        self.code_limit();
        self.put(Instruction::I32GtU);
        self.put(Instruction::I32Or);
        self.open_if(None);
        // One exit for each block that it may be entered at.
        self.const_32(self.exits.len() as u32);
        self.get(local::NEXT);
        self.put(Instruction::I32Add);
        self.set(local::EXIT);
        let exit = |b: &Block| Exit { to: To::Block(b.delta), executed: 0 };
        self.exits.extend(region.blocks.iter().map(exit));
        self.put(Instruction::Br(self.depth));
        self.end();
    }

    /// Pushes the highest valid EIP.
    fn code_limit(&mut self) {
        let at = self.layout.segment(Seg::Cs) + self.layout.seg_max;
        self.get(local::CTX);
        self.put(Instruction::I32Load(mem(at, 2)));
    }

    /// The EIP of the code at `delta`, as a branch of this width has it.
    pub(super) fn target(&mut self, w: Width, delta: i32) -> Id {
        let eip = self.eip_at(delta);
        let mask = self.values.i32(w.mask() as u32);
        self.values.bin(Bin::And, Ty::I32, eip, mask)
    }

    /// A branch to this EIP, which must cost nothing to push twice: left undone if it lies outside the segment.
    pub(super) fn check_target(&mut self, eip: Id) {
        if self.region.is_flat() {
            return;
        }
        self.push(eip);
        self.code_limit();
        self.put(Instruction::I32GtU);
        self.open_if(None);
        self.leave_undone();
        self.end();
    }

    /// The same for a branch to the code at `delta`, which happens only if `c` is not zero, if that is given.
    pub(super) fn check_branch(&mut self, w: Width, delta: i32, c: Option<Id>) {
        // The region lies within the limit.
        if self.region.is_flat() || self.region.find(delta, self.mode).is_some() {
            return;
        }
        let eip = self.target(w, delta);
        let Some(c) = c else { return self.check_target(eip) };
        self.push(c);
        self.open_if(None);
        self.check_target(eip);
        self.end();
    }
}
