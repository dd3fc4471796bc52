//! Memory accesses in translated code: segment checks, the fast table's lookup, and what happens on a miss.

use super::values::{Bin, Id, Node, Ty};
use super::{Emitter, local, mem};
use crate::imports::Import;
use cpu::insn::Width;
use wasm_encoder::{Instruction, ValType};
use x86::Seg;

impl Emitter<'_> {
    /// The linear address of an access in a local, checked against its segment.
    pub(super) fn linear(&mut self, seg: Seg, ea: Id, bytes: u32, write: bool) -> u32 {
        let lin = if seg == Seg::Flat { ea } else { self.segmented(seg, ea, bytes, write) };
        match self.values.node(lin) {
            Node::Local(_, l) => l,
            _ => {
                let temp = self.temp(Ty::I32);
                self.push(lin);
                self.set(temp);
                temp
            }
        }
    }

    fn segmented(&mut self, seg: Seg, ea: Id, bytes: u32, write: bool) -> Id {
        let at = self.layout.segment(seg);
        let ea = self.in_local(ea);
        let ctx = |e: &mut Self, offset: u32| {
            e.get(local::CTX);
            e.put(Instruction::I32Load(mem(at + offset, 2)));
        };
        // Not allowed, or below the lowest offset, or above the highest.
        self.get(local::CTX);
        let allowed = if write { self.layout.seg_writable } else { self.layout.seg_readable };
        self.put(Instruction::I32Load8U(mem(at + allowed, 0)));
        self.put(Instruction::I32Eqz);
        self.push(ea);
        ctx(self, self.layout.seg_min);
        self.put(Instruction::I32LtU);
        self.put(Instruction::I32Or);
        self.push(ea);
        ctx(self, self.layout.seg_max);
        self.put(Instruction::I32GtU);
        self.put(Instruction::I32Or);
        if bytes > 1 {
            // max - ea < bytes - 1
            ctx(self, self.layout.seg_max);
            self.push(ea);
            self.put(Instruction::I32Sub);
            self.const_32(bytes - 1);
            self.put(Instruction::I32LtU);
            self.put(Instruction::I32Or);
        }
        self.open_if(None);
        self.leave_undone();
        self.end();
        let temp = self.temp(Ty::I32);
        ctx(self, 0);
        self.push(ea);
        self.put(Instruction::I32Add);
        self.set(temp);
        self.values.local(Ty::I32, temp)
    }

    /// Pushes whether the fast table misses, and leaves the offset of its entry in a local.
    pub(super) fn misses(&mut self, table: u32, lin: u32, bytes: u32) -> u32 {
        let entry = self.temp(Ty::I32);
        self.get(lin);
        self.const_32(8);
        self.put(Instruction::I32ShrU);
        self.const_32(self.layout.slots << 4);
        self.put(Instruction::I32And);
        self.set(entry);
        self.misses_again(table, lin, entry, bytes);
        entry
    }

    /// Pushes whether the fast table misses, its entry being known.
    pub(super) fn misses_again(&mut self, table: u32, lin: u32, entry: u32, bytes: u32) {
        self.get(entry);
        self.put(Instruction::I32Load(mem(table, 2)));
        self.get(lin);
        if bytes > 1 {
            self.const_32(bytes - 1);
            self.put(Instruction::I32Add);
        }
        self.const_32(0xFFFF_F000);
        self.put(Instruction::I32And);
        self.put(Instruction::I32Ne);
    }

    /// Makes sure that bytes can be accessed directly: the local of their fast entry. The first byte fills the entry in;
    /// what crosses the page is the interpreter's.
    pub(super) fn reachable(&mut self, lin: u32, bytes: u32, write: bool) -> u32 {
        let (table, fill) =
            if write { (self.tables().write, Import::Place) } else { (self.tables().read, Import::Load) };
        let entry = self.misses(table, lin, bytes);
        self.open_if(None);
        self.get(local::CTX);
        self.get(lin);
        self.const_32(Width::W8 as u32);
        self.call(fill);
        self.put(Instruction::I32Eqz);
        self.misses_again(table, lin, entry, bytes);
        self.put(Instruction::I32Or);
        self.open_if(None);
        self.leave_undone();
        self.end();
        self.end();
        entry
    }

    /// Pushes the RAM offset of a hit.
    pub(super) fn hit(&mut self, table: u32, lin: u32, entry: u32) {
        self.get(lin);
        self.get(entry);
        self.put(Instruction::I32Load(mem(table + 8, 2)));
        self.put(Instruction::I32Add);
    }

    pub(super) fn load_at(&mut self, w: Width, base: u32) {
        self.put(match w {
            Width::W8 => Instruction::I32Load8U(mem(base, 0)),
            Width::W16 => Instruction::I32Load16U(mem(base, 0)),
            Width::W32 => Instruction::I32Load(mem(base, 0)),
            Width::W64 => Instruction::I64Load(mem(base, 0)),
        });
    }

    pub(super) fn store_at(&mut self, w: Width, base: u32) {
        self.put(match w {
            Width::W8 => Instruction::I32Store8(mem(base, 0)),
            Width::W16 => Instruction::I32Store16(mem(base, 0)),
            Width::W32 => Instruction::I32Store(mem(base, 0)),
            Width::W64 => Instruction::I64Store(mem(base, 0)),
        });
    }

    /// Has Rust do what missed. It leaves the instruction to the interpreter if it cannot.
    fn slowly(&mut self, f: Import, w: Width, lin: u32, v: Option<Id>) {
        self.get(local::CTX);
        self.get(lin);
        self.const_32(w as u32);
        if let Some(v) = v {
            self.push(v);
            if w != Width::W64 {
                self.put(Instruction::I64ExtendI32U);
            }
        }
        self.call(f);
        self.put(Instruction::I32Eqz);
        self.open_if(None);
        self.leave_undone();
        self.end();
    }

    fn load_slowly(&mut self, w: Width, lin: u32) {
        self.slowly(Import::Load, w, lin, None);
        self.get(local::CTX);
        self.load_at(w, self.layout.loaded);
    }

    /// The value on the stack gets a local.
    pub(super) fn loaded(&mut self, w: Width) -> Id {
        let temp = self.temp(Ty::of(w));
        self.set(temp);
        self.values.local(Ty::of(w), temp)
    }

    pub(super) fn load(&mut self, w: Width, seg: Seg, ea: Id) -> Id {
        let lin = self.linear(seg, ea, w.bytes(), false);
        let entry = self.misses(self.tables().read, lin, w.bytes());
        self.open_if(Some(ValType::from(Ty::of(w))));
        self.load_slowly(w, lin);
        self.put(Instruction::Else);
        self.hit(self.tables().read, lin, entry);
        self.load_at(w, self.layout.ram);
        self.end();
        self.loaded(w)
    }

    pub(super) fn store(&mut self, w: Width, seg: Seg, ea: Id, v: Id) {
        let lin = self.linear(seg, ea, w.bytes(), true);
        let v = self.simple(v);
        let entry = self.misses(self.tables().write, lin, w.bytes());
        self.open_if(None);
        self.slowly(Import::Store, w, lin, Some(v));
        self.put(Instruction::Else);
        self.hit(self.tables().write, lin, entry);
        self.push(v);
        self.store_at(w, self.layout.ram);
        self.end();
    }

    /// The value as one that costs nothing to push twice.
    fn simple(&mut self, v: Id) -> Id {
        match self.values.node(v) {
            Node::Const(..) | Node::Local(..) => v,
            _ => self.in_local(v),
        }
    }

    /// The RAM offset of a place that may be read and written.
    pub(super) fn rmw(&mut self, w: Width, seg: Seg, ea: Id) -> Id {
        let lin = self.linear(seg, ea, w.bytes(), true);
        let entry = self.misses(self.tables().write, lin, w.bytes());
        self.open_if(None);
        self.slowly(Import::Place, w, lin, None);
        self.end();
        // What was missing has been filled in.
        let place = self.temp(Ty::I32);
        self.hit(self.tables().write, lin, entry);
        self.set(place);
        self.values.local(Ty::I32, place)
    }

    // ---- windows ----

    /// The host address of `len` bytes from `root + lo` on, or 0 if they do not lie in one page that the fast table
    /// holds, in a local.
    pub(super) fn window(&mut self, write: bool, lo: i32, len: u32, root: Id) -> u32 {
        let table = if write { self.tables().write } else { self.tables().read };
        let lo = self.values.i32(lo as u32);
        let begin = self.values.bin(Bin::Add, Ty::I32, root, lo);
        let lin = self.linear(Seg::Flat, begin, len, write);
        let win = self.temp(Ty::I32);
        let entry = self.misses(table, lin, len);
        self.open_if(Some(ValType::I32));
        self.const_32(0);
        self.put(Instruction::Else);
        self.hit(table, lin, entry);
        self.const_32(self.layout.ram);
        self.put(Instruction::I32Add);
        self.end();
        self.set(win);
        win
    }

    pub(super) fn load_in(&mut self, w: Width, win: u32, offset: u32, ea: Id) -> Id {
        self.get(win);
        self.open_if(Some(ValType::from(Ty::of(w))));
        self.get(win);
        self.load_at(w, offset);
        self.put(Instruction::Else);
        let lin = self.linear_here(ea);
        self.load_slowly(w, lin);
        self.end();
        self.loaded(w)
    }

    pub(super) fn store_in(&mut self, w: Width, win: u32, offset: u32, ea: Id, v: Id) {
        let v = self.simple(v);
        self.get(win);
        self.open_if(None);
        self.get(win);
        self.push(v);
        self.store_at(w, offset);
        self.put(Instruction::Else);
        let lin = self.linear_here(ea);
        self.slowly(Import::Store, w, lin, Some(v));
        self.end();
    }

    pub(super) fn rmw_in(&mut self, w: Width, win: u32, offset: u32, ea: Id) -> Id {
        let place = self.temp(Ty::I32);
        self.get(win);
        self.open_if(Some(ValType::I32));
        self.get(win);
        // As a RAM offset, like those of other places.
        self.const_32(offset.wrapping_sub(self.layout.ram));
        self.put(Instruction::I32Add);
        self.put(Instruction::Else);
        let lin = self.linear_here(ea);
        let entry = self.misses(self.tables().write, lin, w.bytes());
        self.open_if(None);
        self.slowly(Import::Place, w, lin, None);
        self.end();
        self.hit(self.tables().write, lin, entry);
        self.end();
        self.set(place);
        self.values.local(Ty::I32, place)
    }

    /// A flat address in a local, in code that does not always run.
    fn linear_here(&mut self, ea: Id) -> u32 {
        let outer = std::mem::replace(&mut self.conditional, true);
        let lin = self.linear(Seg::Flat, ea, 1, false);
        self.conditional = outer;
        lin
    }

    pub(super) fn peek(&mut self, w: Width, place: Id) -> Id {
        self.push(place);
        self.load_at(w, self.layout.ram);
        let temp = self.temp(Ty::of(w));
        self.set(temp);
        self.values.local(Ty::of(w), temp)
    }

    pub(super) fn poke(&mut self, w: Width, place: Id, v: Id) {
        self.push(place);
        self.push(v);
        self.store_at(w, self.layout.ram);
    }

    /// The effective address of a memory operand.
    pub(super) fn ea(&mut self, m: cpu::insn::Mem) -> Id {
        let mut sum = self.reg_or_zero(m.base);
        if m.index < 8 {
            let index = self.reg_or_zero(m.index);
            let scale = self.values.i32((m.scale & 3).into());
            let index = self.values.bin(Bin::Shl, Ty::I32, index, scale);
            sum = self.values.bin(Bin::Add, Ty::I32, sum, index);
        }
        let disp = self.values.i32(m.disp as u32);
        let sum = self.values.bin(Bin::Add, Ty::I32, sum, disp);
        let mask = self.values.i32(m.asz.mask() as u32);
        self.values.bin(Bin::And, Ty::I32, sum, mask)
    }

    fn reg_or_zero(&mut self, r: u8) -> Id {
        if r < 8 { self.reg(r) } else { self.values.i32(0) }
    }
}
