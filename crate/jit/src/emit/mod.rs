//! Regions to wasm functions.
//!
//! A function gets the address of the processor's state, a budget of instructions, the number of the block to
//! begin with and the pages that may be entered; it returns the number of the exit it left by. `cpu.eip` is that of the region's first block, wherever
//! it is entered. Guest registers and the operands of the last flag-setting operation live in locals,
//! are loaded at entry and written back at exits.
//!
//! Blocks stand one after the other, each inside the labels of those that follow: an edge forward is a branch
//! to a label, an edge backward goes through the `br_table` at the head, a block's edge to itself to a loop of
//! its own.
//!
//! What an access cannot do directly (a fault, a device, code overwritten) it leaves undone: the function exits
//! before the instruction, and the interpreter does it. That is exact, because all that may fail comes before
//! anything that commits, and a store done twice is the same store.

mod divide;
mod flags;
mod memory;
mod ops;
mod values;
mod vector;

use crate::imports::Import;
use crate::ir::{self, Op};
use crate::lift;
use crate::region::Region;
use cpu::exec::Layout;
use cpu::insn::Insn;
use cpu::translator::StepRun;
use flags::Flags;
use values::{Bin, Id, Node, Ty, Values, bin_instruction, un_instruction};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, MemArgTarget, ValType};

/// Where a region is left to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Code at this distance from the entry.
    Delta(i32),
    /// The address in `next_eip`.
    Dynamic,
    /// Code at this distance, in a page that was not known when the region was entered.
    Page(i32),
    /// The instruction at this distance from the entry, which the interpreter has to do.
    Interpreter(i32),
    /// Wherever the interpreted instruction has led; the state is settled.
    Settled,
}

/// An exit of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Where to.
    pub to: To,
    /// Instructions executed since the budget was last charged.
    pub executed: u32,
}

/// A translated region, not yet compiled.
#[derive(Debug)]
pub struct Emitted {
    /// Its wasm function.
    pub function: Function,
    /// Exits by number.
    pub exits: Vec<Exit>,
    /// Interpreted runs by number.
    pub steps: Vec<StepRun>,
}

/// Locals of every function, by index. The guest's registers come first, then these.
mod local {
    pub(super) const CTX: u32 = 0;
    pub(super) const BUDGET: u32 = 1;
    /// Number of the block to go to, at entry and on edges backward.
    pub(super) const NEXT: u32 = 2;
    /// The pages of the region that the TLB holds, a bit each.
    pub(super) const PAGES: u32 = 3;
    pub(super) const REGS: u32 = 4;
    pub(super) const EIP: u32 = 12;
    pub(super) const EXIT: u32 = 19;
    /// Result of the last flag-setting operation, sign-extended, and its carries, if `KIND` is 0.
    pub(super) const RES: u32 = 13;
    pub(super) const AUX: u32 = 14;
    /// Which operation set the flags, and its operands, if not 0.
    pub(super) const KIND: u32 = 15;
    pub(super) const A: u32 = 16;
    pub(super) const B: u32 = 17;
    pub(super) const R: u32 = 18;
    pub(super) const TEMPS: u32 = 20;
    /// Numbers of 64-bit locals until it is known how many 32-bit ones there are.
    pub(super) const WIDE: u32 = 1 << 16;
    /// The same for vectors.
    pub(super) const VECTOR: u32 = 2 << 16;
}

const fn mem(offset: u32, align: u32) -> MemArg {
    MemArg { offset: offset as u64, align, target: MemArgTarget::Memory(0), ordering: None }
}

/// An IR value while its instruction is emitted.
#[derive(Clone, Copy, Debug)]
enum Val {
    Nothing,
    I(Id),
    /// Host offset of a place in memory.
    Place(Id),
    /// A vector's local.
    V(u32),
}

/// How the instruction at work goes on.
#[derive(Clone, Copy, Debug)]
enum Go {
    Next,
    To(i32),
    If(Id, i32),
    Dynamic(Id),
}

struct Emitter<'a> {
    region: &'a Region,
    layout: &'a Layout,
    /// The instructions of each block written down; `None` for those that are interpreted.
    lifted: &'a [Vec<Option<ir::Block>>],
    /// Number of this region, for `Import::Step`.
    number: u32,
    code: Vec<Instruction<'static>>,
    values: Values,
    flags: Flags,
    regs: [Option<Id>; 8],
    exits: Vec<Exit>,
    steps: Vec<StepRun>,
    /// Registers the region reads or writes, and those it writes.
    used: u8,
    written: u8,
    temps: [u32; 3],
    most_temps: [u32; 3],
    /// Labels opened inside the block at work.
    depth: u32,
    /// In code that does not always run: values must not be bound to locals set here.
    conditional: bool,
    /// The block at work, and its own loop's label.
    at: usize,
    own_loop: bool,
    // The instruction at work.
    vals: Vec<Val>,
    /// How often each value is an operand, but for flags, and how often it still will be.
    uses: Vec<u32>,
    left: Vec<u32>,
    quotient: Option<Id>,
    go: Go,
    /// Instructions of the block before this one, and this one's distance from the region's entry.
    before: u32,
    here: i32,
}

/// Translates a region.
#[must_use]
pub fn emit(region: &Region, layout: &Layout, number: u32) -> Emitted {
    let lift = |i: &Insn| Some(lift::instruction(i)).filter(|ir| ops::translates(ir, region.mode));
    let lifted: Vec<Vec<_>> = region.blocks.iter().map(|b| b.insns.iter().map(lift).collect()).collect();
    let mut e = Emitter {
        region,
        layout,
        lifted: &lifted,
        number,
        code: Vec::new(),
        values: Values::default(),
        flags: Flags::Dynamic,
        regs: [None; 8],
        exits: Vec::new(),
        steps: Vec::new(),
        used: 0,
        written: 0,
        temps: [0; 3],
        most_temps: [0; 3],
        depth: 0,
        conditional: false,
        at: 0,
        own_loop: false,
        vals: Vec::new(),
        uses: Vec::new(),
        left: Vec::new(),
        quotient: None,
        go: Go::Next,
        before: 0,
        here: 0,
    };
    e.registers();
    e.prologue();
    e.blocks();
    e.epilogue();
    e.finish()
}

impl Emitter<'_> {
    fn put(&mut self, i: Instruction<'static>) {
        self.code.push(i);
    }

    fn get(&mut self, local: u32) {
        self.put(Instruction::LocalGet(local));
    }

    fn set(&mut self, local: u32) {
        self.put(Instruction::LocalSet(local));
    }

    fn const_32(&mut self, v: u32) {
        self.put(Instruction::I32Const(v as i32));
    }

    fn open_if(&mut self, result: Option<ValType>) {
        self.put(Instruction::If(result.map_or(BlockType::Empty, BlockType::Result)));
        self.depth += 1;
    }

    fn end(&mut self) {
        self.put(Instruction::End);
        self.depth -= 1;
    }

    fn call(&mut self, f: Import) {
        self.put(Instruction::Call(f as u32));
    }

    fn temp(&mut self, ty: Ty) -> u32 {
        let (n, base) = match ty {
            Ty::I32 => (0, local::TEMPS),
            Ty::I64 => (1, local::WIDE),
        };
        let temp = base + self.temps[n];
        self.temps[n] += 1;
        self.most_temps[n] = self.most_temps[n].max(self.temps[n]);
        temp
    }

    /// Finds out which registers matter.
    fn registers(&mut self) {
        for op in self.lifted.iter().flatten().flatten().flat_map(|ir| &ir.ops) {
            match op {
                Op::reg { r, .. } => self.used |= 1 << (r & 7),
                Op::set_reg { r, .. } => {
                    self.used |= 1 << (r & 7);
                    self.written |= 1 << (r & 7);
                }
                Op::ea { mem } => {
                    for r in [mem.base, mem.index] {
                        if r < 8 {
                            self.used |= 1 << r;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn load_state(&mut self) {
        for r in 0..8 {
            if self.used & 1 << r != 0 {
                self.get(local::CTX);
                self.put(Instruction::I32Load(mem(self.layout.regs + 8 * r, 2)));
                self.set(local::REGS + r);
            }
        }
        self.get(local::CTX);
        self.put(Instruction::I32Load(mem(self.layout.flags_res, 2)));
        self.set(local::RES);
        self.get(local::CTX);
        self.put(Instruction::I32Load(mem(self.layout.flags_aux, 2)));
        self.set(local::AUX);
    }

    fn store_registers(&mut self) {
        for r in 0..8 {
            if self.written & 1 << r != 0 {
                self.get(local::CTX);
                self.get(local::REGS + r);
                self.put(Instruction::I32Store(mem(self.layout.regs + 8 * r, 2)));
            }
        }
    }

    fn prologue(&mut self) {
        self.load_state();
        for (to, from) in self.link() {
            self.get(local::CTX);
            self.put(Instruction::I32Load(mem(from, 2)));
            self.set(to);
        }
        self.get(local::CTX);
        self.put(Instruction::I32Load(mem(self.layout.eip, 2)));
        self.set(local::EIP);
    }

    fn blocks(&mut self) {
        let n = self.region.blocks.len();
        self.put(Instruction::Block(BlockType::Empty)); // left to reach the epilogue
        self.put(Instruction::Loop(BlockType::Empty));
        if n > 1 {
            for _ in 0..n {
                self.put(Instruction::Block(BlockType::Empty));
            }
            self.get(local::NEXT);
            let labels: Vec<u32> = (0..n as u32).collect();
            self.put(Instruction::BrTable(labels.into(), 0));
        }
        for at in 0..n {
            if n > 1 {
                self.put(Instruction::End);
            }
            self.block(at);
        }
        self.put(Instruction::End);
        self.put(Instruction::End);
    }

    fn block(&mut self, at: usize) {
        self.at = at;
        self.values.clear();
        self.flags = Flags::Dynamic;
        self.regs = [None; 8];
        self.temps = [0; 3];
        let region = self.region;
        let block = &region.blocks[at];
        self.own_loop = region.blocks.len() > 1 && block.targets().any(|to| to == block.delta);
        if self.own_loop {
            self.put(Instruction::Loop(BlockType::Empty));
            self.depth += 1;
        }
        // The budget has to cover the whole block; otherwise the interpreter carries on.
        let len = block.insns.len() as u32;
        self.get(local::BUDGET);
        self.const_32(len);
        self.put(Instruction::I32LtU);
        self.open_if(None);
        self.exit_from(To::Interpreter(block.delta), 0);
        self.end();
        let lifted = &self.lifted[at];
        let mut n = 0;
        while let Some(i) = block.insns.get(n) {
            self.before = n as u32;
            self.here = block.delta.wrapping_add(i.start.into());
            if let Some(ir) = &lifted[n] {
                self.instruction(ir);
                n += 1;
                self.goes_on(block.delta, i, n as u32);
                if matches!(self.go, Go::To(_) | Go::Dynamic(_)) {
                    break;
                }
            } else {
                let run = lifted[n..].iter().take_while(|ir| ir.is_none()).count();
                self.step(block.delta, &block.insns[n..n + run]);
                n += run;
            }
        }
        if n == block.insns.len() && !matches!(self.go, Go::To(_) | Go::Dynamic(_)) {
            self.edge(block.end(), len);
        }
        self.go = Go::Next;
        if self.own_loop {
            self.put(Instruction::Unreachable);
            self.end();
            self.put(Instruction::Unreachable);
        }
    }

    /// Emits one instruction's operations.
    fn instruction(&mut self, ir: &ir::Block) {
        self.go = Go::Next;
        self.vals.clear();
        self.vals.resize(ir.ops.len(), Val::Nothing);
        self.uses.clear();
        self.uses.resize(ir.ops.len(), 0);
        self.left.clear();
        self.left.resize(ir.ops.len(), 0);
        for op in &ir.ops {
            for v in op.operands() {
                self.left[v.0 as usize] += 1;
                if !matches!(op, Op::set_flags { .. }) {
                    self.uses[v.0 as usize] += 1;
                }
            }
        }
        let mut n = 0;
        while let Some(op) = ir.ops.get(n) {
            if let Op::when { c, len } = op {
                let body = n + 1..n + 1 + *len as usize;
                self.when(ir, c.0, body.clone());
                n = body.end;
            } else {
                self.op(ir, n);
                n += 1;
            }
        }
    }

    /// Operations that happen only if a value is not zero.
    fn when(&mut self, ir: &ir::Block, c: ir::Value, body: std::ops::Range<usize>) {
        let ops = &ir.ops[body.clone()];
        let c = self.take(c);
        let flags = ops.iter().any(|op| matches!(op, Op::set_flags { .. } | Op::put_flags { .. }));
        // What the body changes is found again, after it, only where it always lies.
        let c = self.in_local(c);
        if flags {
            self.flags_to_locals();
        }
        for op in ops {
            if let Op::set_reg { r, .. } = op {
                self.about_to_write(local::REGS + u32::from(r & 7));
            }
        }
        self.push(c);
        self.open_if(None);
        let outer = std::mem::replace(&mut self.conditional, true);
        for n in body {
            self.op(ir, n);
        }
        if flags {
            self.flags_to_locals();
        }
        self.conditional = outer;
        self.end();
        for op in ops {
            if let Op::set_reg { r, .. } = op {
                self.regs[usize::from(r & 7)] = None;
            }
        }
        if flags {
            self.flags = Flags::Dynamic;
        }
    }

    /// After an instruction: where its branch leads.
    fn goes_on(&mut self, delta: i32, i: &Insn, executed: u32) {
        match self.go {
            Go::Next => {}
            Go::To(offset) => self.edge(delta.wrapping_add(offset), executed),
            Go::If(c, offset) => {
                self.push(c);
                self.open_if(None);
                let outer = std::mem::replace(&mut self.conditional, true);
                self.edge(delta.wrapping_add(offset), executed);
                self.conditional = outer;
                self.end();
            }
            Go::Dynamic(target) => self.dynamic(i, target, executed),
        }
    }

    /// An indirect jump: to where calls of this region return to, or out of it.
    fn dynamic(&mut self, i: &Insn, target: Id, executed: u32) {
        let target = self.in_local(target);
        if i.op == cpu::insn::Op::Ret {
            let region = self.region;
            let calls = region.blocks.iter().filter(|b| b.calls());
            let sites: Vec<i32> =
                calls.map(super::region::Block::end).filter(|d| self.find(*d).is_some()).take(4).collect();
            for site in sites {
                let eip = self.values.local(Ty::I32, local::EIP);
                let d = self.values.i32(site as u32);
                let site_eip = self.values.bin(Bin::Add, Ty::I32, eip, d);
                let same = self.values.bin(Bin::Eq, Ty::I32, target, site_eip);
                self.push(same);
                self.open_if(None);
                let outer = std::mem::replace(&mut self.conditional, true);
                self.edge(site, executed);
                self.conditional = outer;
                self.end();
            }
        }
        self.get(local::CTX);
        self.push(target);
        self.put(Instruction::I64ExtendI32U);
        self.put(Instruction::I64Store(mem(self.layout.next_eip, 3)));
        self.exit_from(To::Dynamic, executed);
    }

    fn find(&self, delta: i32) -> Option<usize> {
        self.region.blocks.iter().position(|b| b.delta == delta)
    }

    /// Goes to the code at `delta` after `executed` instructions of the block.
    fn edge(&mut self, delta: i32, executed: u32) {
        let Some(to) = self.find(delta) else { return self.exit_from(To::Delta(delta), executed) };
        self.flags_to_locals();
        let page = self.region.blocks[to].page;
        if page != self.region.blocks[self.at].page {
            self.get(local::PAGES);
            self.const_32(1 << page);
            self.put(Instruction::I32And);
            self.put(Instruction::I32Eqz);
            self.open_if(None);
            self.exit_from(To::Page(delta), executed);
            self.end();
        }
        self.get(local::BUDGET);
        self.const_32(executed);
        self.put(Instruction::I32Sub);
        self.set(local::BUDGET);
        let n = self.region.blocks.len();
        let inner = self.depth;
        if to == self.at && self.own_loop {
            self.put(Instruction::Br(inner - 1));
        } else if to > self.at {
            self.put(Instruction::Br(inner + (to - self.at - 1) as u32));
        } else {
            if n > 1 {
                self.const_32(to as u32);
                self.set(local::NEXT);
            }
            self.put(Instruction::Br(inner + (n - 1 - self.at) as u32));
        }
    }

    /// Leaves the region, `executed` instructions into the block.
    fn exit_from(&mut self, to: To, executed: u32) {
        self.flags_to_locals();
        let number = self.exits.len() as u32;
        self.exits.push(Exit { to, executed });
        self.const_32(number);
        self.set(local::EXIT);
        let outer = (self.region.blocks.len() - self.at) as u32;
        self.put(Instruction::Br(self.depth + outer));
    }

    /// Leaves before the instruction at work, which the interpreter has to do: for code that does not always
    /// run.
    fn leave_undone(&mut self) {
        let outer = std::mem::replace(&mut self.conditional, true);
        self.exit_from(To::Interpreter(self.here), self.before);
        self.conditional = outer;
    }

    /// Has the interpreter do instructions.
    fn step(&mut self, delta: i32, insns: &[Insn]) {
        self.flags_to_locals();
        let number = self.steps.len() as u32;
        self.steps.push(StepRun { delta, insns: insns.into() });
        self.store_registers();
        self.store_flags();
        self.get(local::CTX);
        self.const_32(self.number);
        self.const_32(number);
        self.get(local::BUDGET);
        self.call(Import::Step);
        self.open_if(None);
        self.const_32(self.exits.len() as u32);
        self.exits.push(Exit { to: To::Settled, executed: 0 });
        self.put(Instruction::Return);
        self.end();
        self.load_state();
        self.regs = [None; 8];
        self.flags = Flags::Settled;
    }

    /// Locals of the operation that set the flags, and where the processor has them.
    const fn link(&self) -> [(u32, u32); 4] {
        let l = self.layout;
        [(local::KIND, l.kind), (local::A, l.a), (local::B, l.b), (local::R, l.r)]
    }

    /// Flags where Rust finds them.
    fn store_flags(&mut self) {
        for (from, to) in self.link().into_iter().chain([(local::AUX, self.layout.flags_aux)]) {
            self.get(local::CTX);
            self.get(from);
            self.put(Instruction::I32Store(mem(to, 2)));
        }
        self.get(local::CTX);
        self.get(local::RES);
        self.put(Instruction::I64ExtendI32S);
        self.put(Instruction::I64Store(mem(self.layout.flags_res, 3)));
    }

    fn epilogue(&mut self) {
        self.store_registers();
        self.store_flags();
        self.get(local::CTX);
        self.get(local::BUDGET);
        self.put(Instruction::I32Store(mem(self.layout.left, 2)));
        self.get(local::EXIT);
        self.put(Instruction::End);
    }

    fn finish(self) -> Emitted {
        let narrow = local::TEMPS - local::REGS + self.most_temps[0];
        let wide_base = local::REGS + narrow;
        let vector_base = wide_base + self.most_temps[1];
        let mut function = Function::new([
            (narrow, ValType::I32),
            (self.most_temps[1], ValType::I64),
            (self.most_temps[2], ValType::V128),
        ]);
        let place = |l: u32| match l {
            local::VECTOR.. => vector_base + l - local::VECTOR,
            local::WIDE.. => wide_base + l - local::WIDE,
            l => l,
        };
        for i in self.code {
            function.instruction(&match i {
                Instruction::LocalGet(l) => Instruction::LocalGet(place(l)),
                Instruction::LocalSet(l) => Instruction::LocalSet(place(l)),
                Instruction::LocalTee(l) => Instruction::LocalTee(place(l)),
                other => other,
            });
        }
        Emitted { function, exits: self.exits, steps: self.steps }
    }

    // ---- values ----

    /// Pushes a value on the wasm stack.
    fn push(&mut self, id: Id) {
        match self.values.node(id) {
            Node::Const(Ty::I32, v) => self.const_32(v as u32),
            Node::Const(Ty::I64, v) => self.put(Instruction::I64Const(v as i64)),
            Node::Local(_, l) => self.get(l),
            Node::Bin(op, ty, a, b) => {
                self.push(a);
                self.push(b);
                self.put(bin_instruction(op, ty));
            }
            Node::Un(op, a) => {
                let ty = self.values.ty(a);
                self.push(a);
                self.put(un_instruction(op, ty));
            }
            Node::Select(c, a, b) => {
                self.push(a);
                self.push(b);
                self.push(c);
                if self.values.ty(c) == Ty::I64 {
                    self.put(Instruction::I64Eqz);
                    self.put(Instruction::I32Eqz);
                }
                self.put(Instruction::Select);
            }
        }
    }

    /// The value as a constant or in a local.
    fn in_local(&mut self, id: Id) -> Id {
        let node = self.values.node(id);
        let ty = self.values.ty(id);
        if matches!(node, Node::Const(..)) {
            return id;
        }
        if let Node::Local(_, l) = node
            && l >= local::TEMPS
        {
            return id;
        }
        let temp = self.temp(ty);
        self.push(id);
        self.set(temp);
        if self.conditional || matches!(node, Node::Local(..)) {
            return self.values.local(ty, temp);
        }
        self.values.rebind(id, temp);
        id
    }

    /// Takes an IR value as an operand.
    fn take(&mut self, v: ir::Value) -> Id {
        let n = v.0 as usize;
        self.left[n] = self.left[n].saturating_sub(1);
        match self.vals[n] {
            Val::I(id) | Val::Place(id) => id,
            // The lifter's types rule this out.
            Val::Nothing | Val::V(_) => self.values.i32(0),
        }
    }

    /// Takes a vector as an operand.
    fn take_vector(&mut self, v: ir::Value) -> u32 {
        let n = v.0 as usize;
        self.left[n] = self.left[n].saturating_sub(1);
        match self.vals[n] {
            Val::V(l) => l,
            // The lifter's types rule this out.
            _ => local::VECTOR,
        }
    }

    /// An integer result. What is needed more than once gets a local.
    fn result(&mut self, n: usize, id: Id) {
        let id = if self.uses[n] > 1 && !matches!(self.values.node(id), Node::Const(..) | Node::Local(..)) {
            let temp = self.temp(self.values.ty(id));
            self.push(id);
            self.set(temp);
            let ty = self.values.ty(id);
            self.values.local(ty, temp)
        } else {
            id
        };
        self.vals[n] = Val::I(id);
    }

    /// The value of a guest register (its low 32 bits).
    fn reg(&mut self, r: u8) -> Id {
        if r >= 8 {
            return self.values.i32(0);
        }
        if let Some(id) = self.regs[usize::from(r)] {
            return id;
        }
        let id = self.values.local(Ty::I32, local::REGS + u32::from(r));
        self.regs[usize::from(r)] = Some(id);
        id
    }

    /// Before a local is overwritten: whoever still needs its value gets a copy.
    fn about_to_write(&mut self, l: u32) {
        let live = self.vals.iter().zip(&self.left).filter(|(_, left)| **left > 0);
        let mut roots: Vec<Id> = live
            .filter_map(|(v, _)| match v {
                Val::I(id) | Val::Place(id) => Some(*id),
                Val::Nothing | Val::V(_) => None,
            })
            .collect();
        self.flags.values(&mut roots);
        match self.go {
            Go::If(id, _) | Go::Dynamic(id) => roots.push(id),
            Go::Next | Go::To(_) => {}
        }
        if !roots.iter().any(|id| self.values.reads(*id, l)) {
            // Nobody looks at them again.
            self.values.rebind_all(l, u32::MAX);
            return;
        }
        let temp = self.temp(Ty::I32);
        self.get(l);
        self.set(temp);
        self.values.rebind_all(l, temp);
    }
}
