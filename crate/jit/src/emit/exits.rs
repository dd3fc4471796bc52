//! Ways out of a block: edges within the region, indirect jumps, exits to other regions and to Rust.

use super::values::{Bin, Id, Ty};
use super::{Block, Emitter, Exit, GOES_ON, Linkage, To, local, mem};
use crate::found::BLOCK_BITS;
use crate::imports::Import;
use cpu::insn::{Insn, Op, Width};
use wasm_encoder::Instruction;

impl Emitter<'_> {
    /// An indirect jump: to where calls of this region return to, or out of it.
    pub(super) fn dynamic(&mut self, i: &Insn, target: Id, executed: u32) {
        let target = self.in_local(target);
        if i.op == Op::Ret {
            for site in self.return_sites(self.mode) {
                let site_eip = self.eip_at(site);
                let same = self.values.bin(Bin::Eq, Ty::I32, target, site_eip);
                self.push(same);
                self.open_if(None);
                self.cold(|e| e.edge(i.w, site, executed));
                self.end();
            }
        } else if i.op == Op::JmpInd && self.region.blocks.len() > 1 && self.region.is_flat() {
            self.jump_within(target, executed);
        }
        self.go_on(target, executed);
    }

    /// Goes to the block of this region that the table of regions has for an address, if it has one that this call may
    /// enter.
    fn jump_within(&mut self, target: Id, executed: u32) {
        let found = self.found;
        let field = |offset: u32| Instruction::I32Load(mem(found.table + offset, 2));
        let tag = Instruction::I64Load(mem(found.table + found.tag, 3));
        let entry = self.temp(Ty::I32);
        self.push(target);
        self.set(local::TARGET);
        for i in found.entry(local::TARGET) {
            self.put(i);
        }
        self.put(Instruction::LocalTee(entry));
        self.put(field(found.region));
        self.const_32(self.number);
        self.put(Instruction::I32Eq);
        self.open_if(None);
        // The right address, of this very place, still valid, and worth it.
        self.get(entry);
        self.put(field(found.lin));
        self.get(local::TARGET);
        self.put(Instruction::I32Eq);
        self.get(local::TARGET);
        self.get(entry);
        self.put(field(found.delta));
        self.put(Instruction::I32Sub);
        self.get(local::EIP);
        self.put(Instruction::I32Eq);
        self.put(Instruction::I32And);
        for now in [self.layout.tag_any, self.layout.tag_global] {
            self.get(entry);
            self.put(tag.clone());
            self.get(local::CTX);
            self.put(Instruction::I64Load(mem(now, 3)));
            self.put(Instruction::I64Eq);
        }
        self.put(Instruction::I32Or);
        self.put(Instruction::I32And);
        self.get(local::BUDGET);
        self.const_32(executed);
        self.put(Instruction::I32Sub);
        self.get(entry);
        self.put(field(found.insns));
        self.put(Instruction::I32GeU);
        self.put(Instruction::I32And);
        self.open_if(None);
        self.cold(|e| {
            e.flags_to_locals();
            e.charge(executed);
            e.get(entry);
            e.put(field(found.pages));
            e.set(local::PAGES);
            e.get(entry);
            e.put(field(found.at));
            e.const_32((1 << BLOCK_BITS) - 1);
            e.put(Instruction::I32And);
            e.set(local::NEXT);
            e.branch_to_next();
        });
        self.end();
        self.end();
    }

    /// Where calls of this region return to under these mode bits, the first few.
    pub(super) fn return_sites(&self, mode_bits: u32) -> Vec<i32> {
        let calls = self.region.blocks.iter().filter(|b| b.calls());
        calls.map(Block::end).filter(|d| self.region.find(*d, mode_bits).is_some()).take(4).collect()
    }

    /// Goes to the code at `delta` after `executed` instructions of the block, EIP being cut to a width.
    pub(super) fn edge(&mut self, w: Width, delta: i32, executed: u32) {
        let Some(to) = self.region.find(delta, self.mode) else {
            let eip = self.target(w, delta);
            return self.go_on(eip, executed);
        };
        let block = &self.region.blocks[to];
        self.charge(executed);
        // The budget has to cover the whole block; otherwise the interpreter carries on.
        self.get(local::BUDGET);
        self.const_32(block.insns.len() as u32);
        self.put(Instruction::I32LtU);
        self.open_if(None);
        self.cold(|e| e.exit_from(To::Interpreter(delta), 0));
        self.end();
        let others = block.pages & !self.region.blocks[self.at].pages;
        if others != 0 {
            self.get(local::PAGES);
            self.const_32(others);
            self.put(Instruction::I32And);
            if others.is_power_of_two() {
                self.put(Instruction::I32Eqz);
            } else {
                self.const_32(others);
                self.put(Instruction::I32Ne);
            }
            self.open_if(None);
            self.cold(|e| e.exit_from(To::Page(delta), 0));
            self.end();
        }
        if self.looks_at_flags[to] {
            self.flags_to_locals();
        }
        self.branch_to(to);
    }

    /// The EIP of the code at `delta`.
    pub(super) fn eip_at(&mut self, delta: i32) -> Id {
        let eip = self.values.local(Ty::I32, local::EIP);
        let delta = self.values.i32(delta as u32);
        self.values.bin(Bin::Add, Ty::I32, eip, delta)
    }

    /// Takes executed instructions off the budget.
    pub(super) fn charge(&mut self, executed: u32) {
        self.get(local::BUDGET);
        self.const_32(executed);
        self.put(Instruction::I32Sub);
        self.set(local::BUDGET);
    }

    /// Leaves the region to wherever the code at `target` is, `executed` instructions into the block.
    pub(super) fn go_on(&mut self, target: Id, executed: u32) {
        self.push(target);
        self.set(local::TARGET);
        self.flags_to_locals();
        self.charge(executed);
        self.leave(GOES_ON);
    }

    /// Leaves the region to Rust, `executed` instructions into the block.
    pub(super) fn exit_from(&mut self, to: To, executed: u32) {
        self.flags_to_locals();
        let number = self.exits.len() as u32;
        self.exits.push(Exit { to, executed });
        self.leave(number);
    }

    fn leave(&mut self, exit: u32) {
        self.const_32(exit);
        self.set(local::EXIT);
        self.branch_out();
    }

    /// Leaves before the instruction at work, which the interpreter has to do: for code that does not always
    /// run.
    pub(super) fn leave_undone(&mut self) {
        self.cold(|e| e.exit_from(To::Interpreter(e.here), e.before));
    }

    pub(super) fn epilogue(&mut self) {
        self.store_registers(0xFF);
        self.store_flags();
        self.x87_store_notes();
        self.get(local::EXIT);
        self.const_32(GOES_ON);
        self.put(Instruction::I32Eq);
        self.open_if(None);
        self.get(local::CTX);
        self.get(local::BUDGET);
        self.get(local::TARGET);
        self.put(match self.linkage {
            Linkage::TailCall => Instruction::ReturnCall(Import::Go as u32),
            Linkage::Return => Instruction::Call(Import::Go as u32),
        });
        if self.linkage == Linkage::Return {
            self.put(Instruction::Return);
        }
        self.end();
        self.store_eip(local::EIP);
        self.get(local::CTX);
        self.get(local::BUDGET);
        self.put(Instruction::I32Store(mem(self.layout.left, 2)));
        self.store_region();
        self.get(local::EXIT);
        self.put(Instruction::End);
    }
}
