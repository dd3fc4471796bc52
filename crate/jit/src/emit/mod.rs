//! Regions to wasm functions.
//!
//! A function gets the address of the processor's state, a budget of instructions, the number of the block to
//! begin with, the pages that may be entered and the EIP of the region's first block, wherever it is entered.
//! Guest registers and the operands of the last flag-setting operation live in locals, are loaded at entry and
//! written back at exits.
//!
//! A region is left in one of two ways. To code that another region may hold it *goes on*: with the address in
//! hand it looks into the table of regions itself and calls on, or returns [`GOES_ON`] and is called again
//! ([`Linkage`]). For everything else it returns the number of an [`Exit`].
//!
//! How blocks become nested loops is in [`control`].
//!
//! What an access cannot do directly (a fault, a device, code overwritten) it leaves undone: the function exits
//! before the instruction, and the interpreter does it. That is exact, because all that may fail comes before
//! anything that commits, and a store done twice is the same store.
//!
//! What 16-bit code and code segments that are not flat need beyond that is in [`segments`].

mod control;
mod divide;
mod exits;
mod flags;
mod float;
mod memory;
mod mmx;
mod ops;
mod segments;
mod sse4;
mod text;
mod values;
mod vector;
mod x87;

use crate::found::Where;
use crate::imports::Import;
use crate::ir::{self, Op};
use crate::lift;
use crate::opt::{self, drop_dead_flags};
use crate::region::{self, Block, Region};
use cpu::exec::{FastTables, Layout};
use cpu::insn::{Insn, Touches, Width};
use cpu::translator::StepRun;
use flags::Flags;
use float::Floats;
pub use text::Text;
use values::{Id, Node, Ty, Values, bin_instruction, un_instruction};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, MemArgTarget, ValType};

/// What a region returns when it goes on at `cpu.eip`, with `Link::left` of its budget left. Other numbers are
/// those of its exits; then `Link::region` says whose.
pub const GOES_ON: u32 = u32::MAX;

/// How a region gets to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// It looks the next one up and calls it in its own place, through the table it imports.
    TailCall,
    /// It returns to the loop that called it, which looks up the next one.
    Return,
}

/// Why a region is left to Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Code at this distance from the entry, in a page that was not known when the region was entered.
    Page(i32),
    /// The instruction at this distance from the entry, which the interpreter has to do.
    Interpreter(i32),
    /// The block at this distance from the entry, which the interpreter has to do as far as its segment goes.
    Block(i32),
    /// Wherever the interpreted instruction has led; the state is settled.
    Settled,
}

/// An exit of a region to Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Why, and where to.
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
    /// EIP of the first block.
    pub(super) const EIP: u32 = 4;
    pub(super) const REGS: u32 = 5;
    /// Which operation set the flags, and its operands; 0 if `cpu.flags` holds them.
    pub(super) const KIND: u32 = 13;
    pub(super) const A: u32 = 14;
    pub(super) const B: u32 = 15;
    pub(super) const R: u32 = 16;
    /// Number of the exit, or `GOES_ON` and where to.
    pub(super) const EXIT: u32 = 17;
    pub(super) const TARGET: u32 = 18;
    /// The last x87 instruction: its opcode, marked, or 0 if the state has it all; its distance.
    pub(super) const NOTE: u32 = 19;
    pub(super) const NOTE_AT: u32 = 20;
    /// Its operand: the segment's number, from 1; 0 if the state has it. The offset.
    pub(super) const DATA_SEG: u32 = 21;
    pub(super) const DATA_AT: u32 = 22;
    pub(super) const TEMPS: u32 = 23;
    /// Numbers of 64-bit locals until it is known how many 32-bit ones there are.
    pub(super) const WIDE: u32 = 1 << 16;
    /// The same for vectors.
    pub(super) const VECTOR: u32 = 2 << 16;
}

pub(crate) const fn mem(offset: u32, align: u32) -> MemArg {
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
    /// The local of a window's host address; 0 if it cannot be used.
    Window(u32),
}

/// How the instruction at work goes on.
#[derive(Clone, Copy, Debug)]
enum Go {
    Next,
    To(Width, i32),
    If(Id, Width, i32),
    Dynamic(Id),
}

struct Emitter<'a> {
    region: &'a Region,
    layout: &'a Layout,
    linkage: Linkage,
    found: Where,
    /// The blocks written down.
    lifted: &'a [ir::Block],
    /// Which of them may look at the flags they are entered with.
    looks_at_flags: &'a [bool],
    /// Number of this region, for `Import::Step`.
    number: u32,
    code: Vec<Instruction<'static>>,
    values: Values,
    flags: Flags,
    floats: Floats,
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
    /// Labels opened around it, the outermost first.
    labels: Vec<control::Label>,
    /// Blocks set `NEXT` to 0.
    resets_next: bool,
    /// The block at work.
    at: usize,
    /// The mode bits there.
    mode: u32,
    /// Values of the block's operations.
    vals: Vec<Val>,
    /// How often each value is an operand, but for flags, and how often it still will be.
    uses: Vec<u32>,
    left: Vec<u32>,
    /// Operations whose values may still be needed.
    live: Vec<u32>,
    quotient: Option<Id>,
    // The instruction at work: where it leads, how many of the block come before it, and its distance from the
    // region's entry.
    go: Go,
    before: u32,
    here: i32,
    /// The next instruction's distance.
    after: i32,
    /// There are x87 instructions, which note where they were.
    notes: bool,
}

/// What translation depends on, but for the code.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Where the state is.
    pub layout: &'a Layout,
    /// How regions get to each other.
    pub linkage: Linkage,
    /// Where they are found.
    pub found: Where,
    /// Which passes run.
    pub passes: opt::Enabled,
}

/// Writes a region's blocks down; `watch` is shown what each pass made of each block.
#[must_use]
pub fn lift(
    region: &Region,
    passes: opt::Enabled,
    mut watch: impl FnMut(usize, &opt::Pass, &ir::Block),
) -> Vec<ir::Block> {
    let one = |(n, b): (usize, &Block)| {
        let block = lift::block(&b.insns, |ops, from| ops::translates(ops, from, b.mode));
        opt::run(block, passes, |pass, block| watch(n, pass, block))
    };
    region.blocks.iter().enumerate().map(one).collect()
}

/// Translates a region.
#[must_use]
pub fn emit(region: &Region, target: &Target<'_>, number: u32) -> Emitted {
    emit_watched(region, target, number, &mut |_| {})
}

/// The same; `watch` is shown each instruction.
#[must_use]
pub fn emit_watched(
    region: &Region,
    target: &Target<'_>,
    number: u32,
    watch: &mut dyn FnMut(&Instruction<'static>),
) -> Emitted {
    let lifted = lift(region, target.passes, |_, _, _| {});
    let all = !target.passes.has("drop_dead_flags");
    let looks: Vec<bool> = lifted.iter().map(|ir| all || drop_dead_flags::looks_at_flags(ir)).collect();
    let mut e = Emitter {
        region,
        layout: target.layout,
        linkage: target.linkage,
        found: target.found,
        lifted: &lifted,
        looks_at_flags: &looks,
        number,
        code: Vec::new(),
        values: Values::default(),
        flags: Flags::Dynamic,
        floats: Floats::default(),
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
        mode: region.mode,
        labels: Vec::new(),
        resets_next: false,
        vals: Vec::new(),
        uses: Vec::new(),
        left: Vec::new(),
        live: Vec::new(),
        quotient: None,
        go: Go::Next,
        before: 0,
        here: 0,
        after: 0,
        notes: lifted.iter().any(|ir| x87::is_one(&ir.ops)),
    };
    e.registers();
    e.prologue();
    e.blocks();
    e.epilogue();
    e.finish(watch)
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

    /// The fast tables for what accesses memory.
    const fn tables(&self) -> FastTables {
        self.layout.tables(self.mode)
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
        for op in self.lifted.iter().flat_map(|ir| &ir.ops) {
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

    /// Loads those of the registers that the region has to do with.
    fn load_registers(&mut self, which: u8) {
        for r in 0..8 {
            if self.used & which & 1 << r != 0 {
                self.get(local::CTX);
                self.put(Instruction::I32Load(mem(self.layout.regs + 8 * r, 2)));
                self.set(local::REGS + r);
            }
        }
    }

    /// Stores those of the registers that the region writes.
    fn store_registers(&mut self, which: u8) {
        for r in 0..8 {
            if self.written & which & 1 << r != 0 {
                self.get(local::CTX);
                self.get(local::REGS + r);
                self.put(Instruction::I32Store(mem(self.layout.regs + 8 * r, 2)));
            }
        }
    }

    fn prologue(&mut self) {
        self.load_registers(0xFF);
        for (to, from) in self.link() {
            self.get(local::CTX);
            self.put(Instruction::I32Load(mem(from, 2)));
            self.set(to);
        }
    }

    fn block(&mut self, at: usize) {
        self.at = at;
        self.values.clear();
        self.flags = Flags::Dynamic;
        self.forget_floats();
        self.regs = [None; 8];
        self.temps = [0; 3];
        let region = self.region;
        let block = &region.blocks[at];
        self.mode = block.mode;
        if self.resets_next {
            self.const_32(0);
            self.set(local::NEXT);
        }
        let ir = &self.lifted[at];
        self.count_uses(ir);
        self.go = Go::Next;
        // Instructions of the block that are behind us.
        let mut done = 0;
        let mut n = 0;
        while let Some(op) = ir.ops.get(n) {
            match *op {
                Op::insn { .. } | Op::step { .. } if self.goes_on(block, done) => break,
                Op::insn { index } => {
                    self.before = index.into();
                    let i = &block.insns[usize::from(index)];
                    self.here = block.delta.wrapping_add(i.start.into());
                    self.after = block.delta.wrapping_add(i.end());
                    done = self.before + 1;
                }
                Op::step { first, n: count } => {
                    let run = usize::from(first)..usize::from(first) + usize::from(count);
                    done = run.end as u32;
                    self.step(block.delta, &block.insns[run]);
                }
                Op::when { c, len } => {
                    let body = n + 1..n + 1 + len as usize;
                    n = body.end;
                    self.when(ir, c.0, body);
                    continue;
                }
                _ => {
                    if let Some(end) = self.x87(ir, n) {
                        n = end;
                        continue;
                    }
                    self.op(ir, n);
                }
            }
            n += 1;
        }
        if n == ir.ops.len() && !self.goes_on(block, done) {
            self.edge(Width::W32, block.end(), done);
        }
    }

    fn count_uses(&mut self, ir: &ir::Block) {
        self.vals.clear();
        self.vals.resize(ir.ops.len(), Val::Nothing);
        self.uses.clear();
        self.uses.resize(ir.ops.len(), 0);
        self.left.clear();
        self.left.resize(ir.ops.len(), 0);
        self.live.clear();
        for op in &ir.ops {
            let counts = !matches!(op, Op::set_flags { .. });
            op.operands(|v, _| {
                self.left[v.0 as usize] += 1;
                self.uses[v.0 as usize] += u32::from(counts);
            });
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

    /// After so many instructions of the block: where the last one leads. Whether the block ends with it.
    fn goes_on(&mut self, block: &Block, done: u32) -> bool {
        match self.go {
            Go::Next => return false,
            Go::To(w, offset) => self.edge(w, block.delta.wrapping_add(offset), done),
            Go::If(c, w, offset) => {
                self.push(c);
                self.open_if(None);
                self.cold(|e| e.edge(w, block.delta.wrapping_add(offset), done));
                self.end();
                self.go = Go::Next;
                return false;
            }
            Go::Dynamic(target) => self.dynamic(&block.insns[self.before as usize], target, done),
        }
        self.go = Go::Next;
        true
    }

    /// Code that does not always run.
    fn cold(&mut self, code: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.conditional, true);
        code(self);
        self.conditional = outer;
    }

    /// Has the interpreter do instructions. Only what they have to do with goes where Rust finds it, and comes back, unless
    /// they stop the code.
    fn step(&mut self, delta: i32, insns: &[Insn]) {
        let touches = insns.iter().fold(Touches::NONE, |all, i| all.and(i.touches()));
        if touches.flags {
            self.flags_to_locals();
            self.store_flags();
        }
        let number = self.steps.len() as u32;
        let goes_on = insns.last().is_some_and(region::falls_through);
        self.mode = insns.last().map_or(self.mode, |i| region::mode_after(self.mode, i));
        let (flags, mode) = (touches.flags, self.mode);
        self.steps.push(StepRun { delta, flags, goes_on, mode, insns: insns.into() });
        self.store_registers(touches.reads);
        self.store_eip(local::EIP);
        self.x87_store_notes();
        self.x87_forget_notes();
        self.get(local::CTX);
        self.const_32(self.number);
        self.const_32(number);
        self.get(local::BUDGET);
        self.call(Import::Step);
        self.open_if(None);
        self.store_registers(!touches.reads);
        if !touches.flags {
            self.cold(Self::flags_to_locals);
            self.store_flags();
        }
        self.store_region();
        self.const_32(self.exits.len() as u32);
        self.exits.push(Exit { to: To::Settled, executed: 0 });
        self.put(Instruction::Return);
        self.end();
        if goes_on {
            self.get(local::CTX);
            self.put(Instruction::I32Load(mem(self.layout.left, 2)));
            self.set(local::BUDGET);
        }
        for r in (0..8).filter(|r| touches.writes >> r & 1 != 0) {
            self.about_to_write(local::REGS + r);
            self.regs[r as usize] = None;
        }
        self.load_registers(touches.writes);
        if touches.flags {
            self.flags = Flags::Settled;
        }
        self.forget_floats();
    }

    /// Locals of the operation that set the flags, and where the processor has them.
    const fn link(&self) -> [(u32, u32); 4] {
        let l = self.layout;
        [(local::KIND, l.kind), (local::A, l.a), (local::B, l.b), (local::R, l.r)]
    }

    /// Flags where Rust finds them.
    fn store_flags(&mut self) {
        for (from, to) in self.link() {
            self.get(local::CTX);
            self.get(from);
            self.put(Instruction::I32Store(mem(to, 2)));
        }
    }

    fn store_eip(&mut self, from: u32) {
        self.get(local::CTX);
        self.get(from);
        self.put(Instruction::I64ExtendI32U);
        self.put(Instruction::I64Store(mem(self.layout.eip, 3)));
    }

    /// Says which region is left.
    fn store_region(&mut self) {
        self.get(local::CTX);
        self.const_32(self.number);
        self.put(Instruction::I32Store(mem(self.layout.region, 2)));
    }

    fn finish(self, watch: &mut dyn FnMut(&Instruction<'static>)) -> Emitted {
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
            let i = match i {
                Instruction::LocalGet(l) => Instruction::LocalGet(place(l)),
                Instruction::LocalSet(l) => Instruction::LocalSet(place(l)),
                Instruction::LocalTee(l) => Instruction::LocalTee(place(l)),
                other => other,
            };
            watch(&i);
            function.instruction(&i);
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
            Val::Nothing | Val::V(_) | Val::Window(_) => self.values.i32(0),
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

    /// The window's local, as an operand.
    fn take_window(&mut self, v: ir::Value) -> u32 {
        match self.vals[v.0 as usize] {
            Val::Window(l) => l,
            // The lifter's types rule this out.
            _ => local::TEMPS,
        }
    }

    /// Whether the first to take the result of operation `n` is the register it is written to: then it lies there.
    fn goes_to_register(&self, ir: &ir::Block, n: usize) -> bool {
        let taker = ir.ops[n + 1..].iter().find(|op| {
            let mut takes = false;
            op.operands(|v, _| takes |= v.0 as usize == n);
            takes
        });
        matches!(taker, Some(Op::set_reg { w: Width::W32, .. })) && !self.conditional
    }

    /// An integer result. What is needed more than once gets a local.
    fn result(&mut self, ir: &ir::Block, n: usize, id: Id) {
        self.live.push(n as u32);
        let simple = matches!(self.values.node(id), Node::Const(..) | Node::Local(..));
        let id = if self.uses[n] > 1 && !simple && !self.goes_to_register(ir, n) {
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
        let left = &self.left;
        self.live.retain(|n| left[*n as usize] > 0);
        let mut roots: Vec<Id> = self
            .live
            .iter()
            .filter_map(|n| match self.vals[*n as usize] {
                Val::I(id) | Val::Place(id) => Some(id),
                Val::Nothing | Val::V(_) | Val::Window(_) => None,
            })
            .collect();
        self.flags.values(&mut roots);
        match self.go {
            Go::If(id, ..) | Go::Dynamic(id) => roots.push(id),
            Go::Next | Go::To(..) => {}
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
