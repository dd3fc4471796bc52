//! The main loop: interrupts, finding blocks, running them, delivering what they raise.

use super::{Exec, Fast};
use crate::blocks::BlockCache;
use crate::fault::Stop;
use crate::helpers::interrupt::{self, Delivered};
use crate::insn::{AluOp, Helper, Insn, Kind, Op, Prefix, ShiftOp, Width};
use crate::mmu::{Mmu, OutOfMemory, Ram};
use crate::platform::Platform;
use crate::semantics::{self, Form};
use crate::state::{Cpu, event};
use x86::{Cond, Seg, eflags};

/// Why `run` returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The instruction limit is reached.
    Limit,
    /// Halted, waiting for an interrupt.
    Halted,
    /// The platform asked for it (`Poll::stop`).
    Platform,
    /// Triple fault.
    Shutdown,
    /// A page of guest RAM is needed that is not loaded.
    NotHere,
}

/// One processor with its memory, the machine around it, and its decoded code.
#[derive(Debug)]
pub struct Processor {
    exec: Box<Exec<'static>>,
    /// Decoded blocks.
    pub blocks: BlockCache,
}

impl std::ops::Deref for Processor {
    type Target = Exec<'static>;
    fn deref(&self) -> &Self::Target {
        &self.exec
    }
}

impl std::ops::DerefMut for Processor {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.exec
    }
}

impl Processor {
    /// A processor at reset over `ram_size` bytes of RAM.
    ///
    /// # Errors
    /// When the host does not have that much memory.
    pub fn new(ram_size: u64, plat: Box<dyn Platform>) -> Result<Self, OutOfMemory> {
        let mmu = Mmu::new(Ram::new(ram_size)?);
        Ok(Self { exec: Box::new(Exec::new(mmu, plat)), blocks: BlockCache::default() })
    }

    /// The machine around the processor, if it is a `P`.
    pub fn platform<P: Platform>(&mut self) -> Option<&mut P> {
        let any: &mut dyn std::any::Any = &mut *self.exec.plat;
        any.downcast_mut()
    }

    /// Back to the state after power-on; memory keeps its content.
    pub fn reset(&mut self) {
        let count = self.cpu.count;
        self.cpu = Cpu { count, ..Cpu::new() };
        self.mmu.set_watch(false);
        self.mmu.flush_all();
    }

    /// To be called after the state or RAM was changed from outside (a loader, a snapshot, DMA): derived
    /// state follows.
    pub fn state_changed(&mut self) {
        let Self { exec: x, blocks } = self;
        x.cpu.update_mode();
        x.cpu.update_events();
        x.mmu.update_class(&x.cpu);
        x.mmu.set_watch(x.cpu.dr[7] & 0xFF != 0);
        blocks.invalidate_written(&mut x.mmu);
    }

    /// Drops all decoded code.
    pub fn drop_blocks(&mut self) {
        let Self { exec, blocks } = self;
        blocks.clear(&mut exec.mmu);
    }

    /// Runs until `limit` instructions have been executed since reset, or something else ends it. The
    /// count never exceeds the limit but for the delivery of an exception.
    pub fn run(&mut self, limit: u64) -> Exit {
        let Self { exec, blocks } = self;
        let x = &mut **exec;
        if x.mmu.code.has_hits() {
            blocks.invalidate_written(&mut x.mmu);
        }
        x.limit = limit;
        x.leave = false;
        x.index = 0;
        x.cpu.update_events();
        x.mmu.update_class(&x.cpu);
        if x.attend() {
            return Exit::Platform;
        }
        loop {
            let stop = x.run_hot(blocks);
            if let Err(stop) = stop
                && let Err(exit) = x.stopped(stop)
            {
                return exit;
            }
            if x.leave {
                x.leave = false;
                if x.mmu.code.has_hits() {
                    blocks.invalidate_written(&mut x.mmu);
                }
                if x.plat.needs_attention() && x.attend() {
                    return Exit::Platform;
                }
                continue;
            }
            // The hot loop had nothing it could run as it is.
            let mut most = u64::MAX;
            if x.cpu.events != 0 {
                match x.before_block() {
                    Ok(n) => most = n,
                    Err(exit) => return exit,
                }
            }
            if x.cpu.count >= limit {
                return Exit::Limit;
            }
            most = most.min(limit - x.cpu.count);
            let stop = match blocks.find(x, x.linear_eip()) {
                Ok(b) if b.insns > 0 => x.run_some(blocks.insns(b), most),
                Ok(_) => Err(x.gp0()),
                Err(stop) => Err(stop),
            };
            if let Err(stop) = stop
                && let Err(exit) = x.stopped(stop)
            {
                return exit;
            }
        }
    }
}

/// How the hot loop goes on after an instruction.
enum Flow {
    /// With the next one.
    Next,
    /// In another block, at `cpu.next_eip`.
    Jump,
    /// Not at all: it stopped, or there is something to look at.
    Leave(Result<(), Stop>),
}

impl Exec<'_> {
    /// Asks the platform how things stand; true if `run` must return.
    fn attend(&mut self) -> bool {
        let poll = self.plat.poll(self.cpu.count);
        if poll.intr {
            self.cpu.events |= event::INTR;
        } else {
            self.cpu.events &= !event::INTR;
        }
        poll.stop
    }

    /// Interrupts, halt, single steps: what comes before the next block. How many instructions may run.
    #[inline(never)]
    fn before_block(&mut self) -> Result<u64, Exit> {
        let events = self.cpu.events;
        if events & event::SHUTDOWN != 0 {
            return Err(Exit::Shutdown);
        }
        if events & (event::SHADOW | event::SHADOW_SS) == 0 {
            let taken = if events & event::NMI != 0 && self.cpu.nmi_blocked == 0 {
                self.cpu.events &= !(event::NMI | event::HALT);
                Some(interrupt::deliver_nmi(self))
            } else if events & event::INTR != 0 && self.cpu.eflags & eflags::IF != 0 {
                self.cpu.events &= !event::HALT;
                let vector = self.plat.acknowledge(self.cpu.count);
                Some(interrupt::deliver_external(self, vector))
            } else {
                None
            };
            if let Some(delivered) = taken {
                self.cpu.count += 1;
                self.leave = true;
                if delivered == Delivered::Shutdown {
                    self.cpu.events |= event::SHUTDOWN;
                    return Err(Exit::Shutdown);
                }
                if self.attend() {
                    return Err(Exit::Platform);
                }
            }
        }
        if self.cpu.events & event::HALT != 0 {
            return Err(Exit::Halted);
        }
        let one = event::TRAP | event::DEBUG | event::SHADOW | event::SHADOW_SS;
        Ok(if self.cpu.events & one != 0 { 1 } else { u64::MAX })
    }

    /// The linear address of the next instruction.
    #[inline(always)]
    fn linear_eip(&self) -> u64 {
        self.cpu.segs[Seg::Cs as usize].base.wrapping_add(self.cpu.eip) & 0xFFFF_FFFF
    }

    /// Runs whole blocks one after the other, as long as there is nothing else to look at: no event, the
    /// block known to the jump cache, and the limit not within the block.
    #[inline(never)]
    fn run_hot(&mut self, blocks: &BlockCache) -> Result<(), Stop> {
        let all = blocks.all();
        let Some(mut at) = self.next_hot(blocks) else { return Ok(()) };
        while let Some(i) = all.get(at) {
            self.index = i.index;
            match self.step_fast(i) {
                Flow::Next => at += 1,
                Flow::Jump => {
                    self.cpu.count += u64::from(i.index) + 1;
                    self.cpu.eip = self.cpu.next_eip;
                    match self.next_hot(blocks) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
                Flow::Leave(result) => return self.left(i, result),
            }
        }
        self.index = 0;
        Ok(())
    }

    /// Index of the first instruction of the next block, if it can be run in the hot loop.
    #[inline(always)]
    fn next_hot(&self, blocks: &BlockCache) -> Option<usize> {
        if self.cpu.events != 0 {
            return None;
        }
        let b = blocks.jump(self.linear_eip(), self.cpu.mode, self.mmu.generation())?;
        (self.cpu.count + u64::from(b.insns) <= self.limit).then_some(b.first as usize)
    }

    /// Settles the state after a block was left with instruction `i`, done or not.
    #[inline(never)]
    fn left(&mut self, i: &Insn, result: Result<(), Stop>) -> Result<(), Stop> {
        self.cpu.count += u64::from(i.index) + u64::from(result.is_ok());
        self.index = 0;
        self.cpu.eip = if result.is_err() {
            self.eip_of(i32::from(i.start))
        } else if i.prefix.has(Prefix::LAST) || self.jumped {
            self.cpu.next_eip
        } else {
            self.eip_of(i.end())
        };
        self.jumped = false;
        result
    }

    /// Runs at most `most` instructions of a block, the first of which may need care.
    #[inline(never)]
    fn run_some(&mut self, insns: &[Insn], most: u64) -> Result<(), Stop> {
        if most == 1 && self.cpu.events != 0 {
            return self.single_step(insns);
        }
        let max = u64::from(self.cpu.seg(Seg::Cs).max);
        let inside = insns.iter().take_while(|i| self.cpu.eip + i.end() as u64 - 1 <= max).count();
        if inside == 0 {
            return Err(self.gp0());
        }
        let n = usize::try_from(most).unwrap_or(usize::MAX).min(inside);
        for i in &insns[..n] {
            self.index = i.index;
            let result = self.step_one(i);
            let last = usize::from(i.index) + 1 == n || i.prefix.has(Prefix::LAST);
            if result.is_err() || self.leave || self.jumped || last {
                return self.left(i, result);
            }
        }
        Ok(())
    }

    /// One instruction in the general way; where it goes on is preset to the next byte.
    #[inline]
    fn step_one(&mut self, i: &Insn) -> Result<(), Stop> {
        self.cpu.next_eip = self.eip_of(i.end());
        self.jumped = false;
        semantics::step(self, i)
    }

    /// One instruction with everything that may surround it: shadow, breakpoints, trap.
    #[inline(never)]
    fn single_step(&mut self, insns: &[Insn]) -> Result<(), Stop> {
        let Some(i) = insns.first() else { return Ok(()) };
        let events = self.cpu.events;
        self.cpu.events &= !(event::SHADOW | event::SHADOW_SS);
        if events & event::DEBUG != 0 && events & event::SHADOW_SS == 0 {
            let hits = interrupt::instruction_breakpoint(&self.cpu);
            if hits != 0 {
                self.cpu.count += 1;
                self.leave = true;
                if interrupt::deliver_trap_debug(self, hits) == Delivered::Shutdown {
                    self.cpu.events |= event::SHUTDOWN;
                }
                return Ok(());
            }
        }
        let before = self.cpu.eflags;
        self.debug_hits = 0;
        if self.cpu.eip + i.end() as u64 - 1 > u64::from(self.cpu.seg(Seg::Cs).max) {
            return Err(self.gp0());
        }
        self.step_one(i)?;
        self.jumped = false;
        self.cpu.count += 1;
        self.cpu.eip = self.cpu.next_eip;
        if before & eflags::RF != 0 && i.op != Op::Helper(Helper::Iret) {
            self.cpu.eflags &= !eflags::RF;
            self.cpu.update_events();
        }
        let mut bits = self.debug_hits;
        let software = matches!(i.op, Op::Helper(Helper::Int | Helper::Int1 | Helper::Int3 | Helper::Into));
        if before & eflags::TF != 0 && !software {
            bits |= 1 << 14;
        }
        if bits != 0 && self.cpu.events & event::SHADOW_SS == 0 {
            self.cpu.count += 1;
            self.leave = true;
            if interrupt::deliver_trap_debug(self, bits) == Delivered::Shutdown {
                self.cpu.events |= event::SHUTDOWN;
            }
        }
        Ok(())
    }

    /// Delivers what an instruction (at `cpu.eip`) raised.
    #[inline(never)]
    fn stopped(&mut self, stop: Stop) -> Result<(), Exit> {
        self.leave = true;
        self.index = 0;
        match stop {
            Stop::NotHere => Err(Exit::NotHere),
            Stop::Fault => {
                self.cpu.count += 1;
                self.cpu.events &= !(event::SHADOW | event::SHADOW_SS);
                if interrupt::deliver_fault(self) == Delivered::Shutdown {
                    self.cpu.events |= event::SHUTDOWN;
                    return Err(Exit::Shutdown);
                }
                Ok(())
            }
        }
    }

    /// One instruction: its specialised arm, or the general way.
    #[inline(always)]
    fn step_fast(&mut self, i: &Insn) -> Flow {
        use Kind::{Imm, Mem, None as No, Reg};
        const W: Width = Width::W32;
        const B: Width = Width::W8;
        macro_rules! form {
            ($w:expr, $k0:expr, $k1:expr) => {
                const { Form::flat($w, $k0, $k1) }
            };
        }
        // What cannot fault needs no look back; what ends the block goes on elsewhere.
        macro_rules! flow {
            (Reg, Reg, $result:expr) => {{
                let _: Result<(), Stop> = $result;
                Flow::Next
            }};
            (Reg, Imm, $result:expr) => {
                flow!(Reg, Reg, $result)
            };
            (Reg, No, $result:expr) => {
                flow!(Reg, Reg, $result)
            };
            (Jump, $result:expr) => {{
                let result: Result<(), Stop> = $result;
                if result.is_ok() && !self.leave { Flow::Jump } else { Flow::Leave(result) }
            }};
            ($k0:tt, $k1:tt, $result:expr) => {{
                let result: Result<(), Stop> = $result;
                if result.is_ok() && !self.leave { Flow::Next } else { Flow::Leave(result) }
            }};
        }
        macro_rules! alu {
            ($op:ident, $w:expr, $k0:tt, $k1:tt) => {
                flow!($k0, $k1, semantics::alu(self, i, form!($w, $k0, $k1), AluOp::$op))
            };
        }
        macro_rules! shift {
            ($op:ident, $k1:expr) => {
                flow!(Reg, Reg, semantics::shift(self, i, form!(W, Reg, $k1), ShiftOp::$op))
            };
        }
        macro_rules! jcc {
            ($cc:ident) => {{
                self.jumped = false;
                let result = semantics::jcc(self, i, W, Cond::$cc);
                if result.is_err() {
                    Flow::Leave(result)
                } else if self.jumped {
                    self.jumped = false;
                    Flow::Jump
                } else {
                    Flow::Next
                }
            }};
        }
        match i.fast {
            Fast::None => {
                let result = self.step_general(i);
                if result.is_err() || self.leave {
                    Flow::Leave(result)
                } else if self.jumped || i.prefix.has(Prefix::LAST) {
                    self.jumped = false;
                    Flow::Jump
                } else {
                    Flow::Next
                }
            }
            Fast::End => {
                // Not an instruction, so not counted.
                self.cpu.next_eip = self.eip_of(i.end());
                self.cpu.count = self.cpu.count.wrapping_sub(1);
                Flow::Jump
            }
            Fast::MovRR => flow!(Reg, Reg, semantics::mov(self, i, form!(W, Reg, Reg))),
            Fast::MovRI => flow!(Reg, Imm, semantics::mov(self, i, form!(W, Reg, Imm))),
            Fast::MovRM => flow!(Reg, Mem, semantics::mov(self, i, form!(W, Reg, Mem))),
            Fast::MovMR => flow!(Mem, Reg, semantics::mov(self, i, form!(W, Mem, Reg))),
            Fast::MovMI => flow!(Mem, Imm, semantics::mov(self, i, form!(W, Mem, Imm))),
            Fast::Mov8RM => flow!(Reg, Mem, semantics::mov(self, i, form!(B, Reg, Mem))),
            Fast::Mov8MR => flow!(Mem, Reg, semantics::mov(self, i, form!(B, Mem, Reg))),
            Fast::Mov8RR => flow!(Reg, Reg, semantics::mov(self, i, form!(B, Reg, Reg))),
            Fast::Mov8MI => flow!(Mem, Imm, semantics::mov(self, i, form!(B, Mem, Imm))),
            Fast::Mov8RI => flow!(Reg, Imm, semantics::mov(self, i, form!(B, Reg, Imm))),
            Fast::Mov16RM => flow!(Reg, Mem, semantics::mov(self, i, form!(Width::W16, Reg, Mem))),
            Fast::Mov16MR => flow!(Mem, Reg, semantics::mov(self, i, form!(Width::W16, Mem, Reg))),
            Fast::Lea => flow!(Reg, Reg, semantics::lea(self, i, form!(W, Reg, Mem))),
            Fast::Movzx8R => flow!(Reg, Reg, semantics::movzx(self, i, form!(W, Reg, Reg), B)),
            Fast::Movzx8M => flow!(Reg, Mem, semantics::movzx(self, i, form!(W, Reg, Mem), B)),
            Fast::Movzx16R => flow!(Reg, Reg, semantics::movzx(self, i, form!(W, Reg, Reg), Width::W16)),
            Fast::Movzx16M => flow!(Reg, Mem, semantics::movzx(self, i, form!(W, Reg, Mem), Width::W16)),
            Fast::Movsx8R => flow!(Reg, Reg, semantics::movsx(self, i, form!(W, Reg, Reg), B)),
            Fast::Movsx8M => flow!(Reg, Mem, semantics::movsx(self, i, form!(W, Reg, Mem), B)),
            Fast::Movsx16R => flow!(Reg, Reg, semantics::movsx(self, i, form!(W, Reg, Reg), Width::W16)),
            Fast::Movsx16M => flow!(Reg, Mem, semantics::movsx(self, i, form!(W, Reg, Mem), Width::W16)),
            Fast::AddRR => alu!(Add, W, Reg, Reg),
            Fast::AddRI => alu!(Add, W, Reg, Imm),
            Fast::AddRM => alu!(Add, W, Reg, Mem),
            Fast::AddMR => alu!(Add, W, Mem, Reg),
            Fast::AddMI => alu!(Add, W, Mem, Imm),
            Fast::SubRR => alu!(Sub, W, Reg, Reg),
            Fast::SubRI => alu!(Sub, W, Reg, Imm),
            Fast::SubRM => alu!(Sub, W, Reg, Mem),
            Fast::SubMR => alu!(Sub, W, Mem, Reg),
            Fast::SubMI => alu!(Sub, W, Mem, Imm),
            Fast::AndRR => alu!(And, W, Reg, Reg),
            Fast::AndRI => alu!(And, W, Reg, Imm),
            Fast::AndRM => alu!(And, W, Reg, Mem),
            Fast::AndMR => alu!(And, W, Mem, Reg),
            Fast::AndMI => alu!(And, W, Mem, Imm),
            Fast::OrRR => alu!(Or, W, Reg, Reg),
            Fast::OrRI => alu!(Or, W, Reg, Imm),
            Fast::OrRM => alu!(Or, W, Reg, Mem),
            Fast::OrMR => alu!(Or, W, Mem, Reg),
            Fast::OrMI => alu!(Or, W, Mem, Imm),
            Fast::XorRR => alu!(Xor, W, Reg, Reg),
            Fast::XorRI => alu!(Xor, W, Reg, Imm),
            Fast::XorRM => alu!(Xor, W, Reg, Mem),
            Fast::XorMR => alu!(Xor, W, Mem, Reg),
            Fast::AdcRR => alu!(Adc, W, Reg, Reg),
            Fast::AdcRI => alu!(Adc, W, Reg, Imm),
            Fast::AdcRM => alu!(Adc, W, Reg, Mem),
            Fast::SbbRR => alu!(Sbb, W, Reg, Reg),
            Fast::SbbRI => alu!(Sbb, W, Reg, Imm),
            Fast::SbbRM => alu!(Sbb, W, Reg, Mem),
            Fast::CmpRR => alu!(Cmp, W, Reg, Reg),
            Fast::CmpRI => alu!(Cmp, W, Reg, Imm),
            Fast::CmpRM => alu!(Cmp, W, Reg, Mem),
            Fast::CmpMR => alu!(Cmp, W, Mem, Reg),
            Fast::CmpMI => alu!(Cmp, W, Mem, Imm),
            Fast::TestRR => alu!(Test, W, Reg, Reg),
            Fast::TestRI => alu!(Test, W, Reg, Imm),
            Fast::TestMI => alu!(Test, W, Mem, Imm),
            Fast::TestMR => alu!(Test, W, Mem, Reg),
            Fast::Cmp8RR => alu!(Cmp, B, Reg, Reg),
            Fast::Cmp8RI => alu!(Cmp, B, Reg, Imm),
            Fast::Cmp8RM => alu!(Cmp, B, Reg, Mem),
            Fast::Cmp8MR => alu!(Cmp, B, Mem, Reg),
            Fast::Cmp8MI => alu!(Cmp, B, Mem, Imm),
            Fast::Test8RR => alu!(Test, B, Reg, Reg),
            Fast::Test8RI => alu!(Test, B, Reg, Imm),
            Fast::Test8MI => alu!(Test, B, Mem, Imm),
            Fast::And8RI => alu!(And, B, Reg, Imm),
            Fast::Or8RI => alu!(Or, B, Reg, Imm),
            Fast::Or8RR => alu!(Or, B, Reg, Reg),
            Fast::Xor8RR => alu!(Xor, B, Reg, Reg),
            Fast::Add8RI => alu!(Add, B, Reg, Imm),
            Fast::Sub8RI => alu!(Sub, B, Reg, Imm),
            Fast::IncR => flow!(Reg, No, semantics::inc_dec(self, i, form!(W, Reg, No), true)),
            Fast::DecR => flow!(Reg, No, semantics::inc_dec(self, i, form!(W, Reg, No), false)),
            Fast::IncM => flow!(Mem, No, semantics::inc_dec(self, i, form!(W, Mem, No), true)),
            Fast::DecM => flow!(Mem, No, semantics::inc_dec(self, i, form!(W, Mem, No), false)),
            Fast::NegR => flow!(Reg, No, semantics::neg(self, i, form!(W, Reg, No))),
            Fast::NotR => flow!(Reg, No, semantics::not(self, i, form!(W, Reg, No))),
            Fast::ShlRI => shift!(Shl, Imm),
            Fast::ShrRI => shift!(Shr, Imm),
            Fast::SarRI => shift!(Sar, Imm),
            Fast::RolRI => shift!(Rol, Imm),
            Fast::RorRI => shift!(Ror, Imm),
            Fast::ShlRC => shift!(Shl, Reg),
            Fast::ShrRC => shift!(Shr, Reg),
            Fast::ImulRR => {
                flow!(Reg, Reg, semantics::multiply_truncating(self, i, form!(W, Reg, Reg), false))
            }
            Fast::ImulRM => {
                flow!(Reg, Mem, semantics::multiply_truncating(self, i, form!(W, Reg, Mem), false))
            }
            Fast::ImulRRI => {
                flow!(Reg, Reg, semantics::multiply_truncating(self, i, form!(W, Reg, Reg), true))
            }
            Fast::PushR => flow!(Mem, Mem, semantics::push(self, i, form!(W, Reg, No))),
            Fast::PushI => flow!(Mem, Mem, semantics::push(self, i, form!(W, Imm, No))),
            Fast::PushM => flow!(Mem, Mem, semantics::push(self, i, form!(W, Mem, No))),
            Fast::PopR => flow!(Mem, Mem, semantics::pop(self, i, form!(W, Reg, No))),
            Fast::Leave => flow!(Mem, Mem, semantics::leave(self, i, form!(W, No, No))),
            Fast::Call => flow!(Jump, semantics::call(self, i, form!(W, Imm, No), W)),
            Fast::CallR => flow!(Jump, semantics::call_indirect(self, i, form!(W, Reg, No))),
            Fast::CallM => flow!(Jump, semantics::call_indirect(self, i, form!(W, Mem, No))),
            Fast::Ret => flow!(Jump, semantics::ret(self, i, form!(W, No, No))),
            Fast::Jmp => flow!(Jump, semantics::jmp(self, i, W)),
            Fast::JmpR => flow!(Jump, semantics::jmp_indirect(self, i, form!(W, Reg, No))),
            Fast::JmpM => flow!(Jump, semantics::jmp_indirect(self, i, form!(W, Mem, No))),
            Fast::Nop => Flow::Next,
            Fast::JccO => jcc!(O),
            Fast::JccNo => jcc!(No),
            Fast::JccB => jcc!(B),
            Fast::JccAe => jcc!(Ae),
            Fast::JccE => jcc!(E),
            Fast::JccNe => jcc!(Ne),
            Fast::JccBe => jcc!(Be),
            Fast::JccA => jcc!(A),
            Fast::JccS => jcc!(S),
            Fast::JccNs => jcc!(Ns),
            Fast::JccP => jcc!(P),
            Fast::JccNp => jcc!(Np),
            Fast::JccL => jcc!(L),
            Fast::JccGe => jcc!(Ge),
            Fast::JccLe => jcc!(Le),
            Fast::JccG => jcc!(G),
            Fast::SetccR => match i.op {
                Op::Setcc(cc) => flow!(Reg, No, semantics::setcc(self, i, form!(B, Reg, No), cc)),
                _ => Flow::Next,
            },
            Fast::CmovRR => match i.op {
                Op::Cmovcc(cc) => flow!(Reg, Reg, semantics::cmov(self, i, form!(W, Reg, Reg), cc)),
                _ => Flow::Next,
            },
            Fast::Cdq => flow!(Reg, Reg, semantics::cwd(self, i, form!(W, No, No))),
        }
    }

    /// One instruction through its specialised arm, as the main loop does it: for tests.
    ///
    /// # Errors
    /// Why it did not finish.
    #[inline(never)]
    pub fn step_specialised(&mut self, i: &Insn) -> Result<(), Stop> {
        self.cpu.next_eip = self.eip_of(i.end());
        match self.step_fast(i) {
            Flow::Leave(result) => result,
            Flow::Next | Flow::Jump => Ok(()),
        }
    }

    #[inline(never)]
    fn step_general(&mut self, i: &Insn) -> Result<(), Stop> {
        self.step_one(i)
    }
}
