//! The main loop: interrupts, finding blocks, running them, delivering what they raise.

use super::Exec;
use crate::blocks::BlockCache;
use crate::fault::Stop;
use crate::helpers::cpuid::Identity;
use crate::helpers::interrupt::{self, Delivered};
use crate::helpers::smm;
use crate::insn::{Helper, Insn, Op, Prefix};
use crate::mmu::{Mmu, OutOfMemory, Ram};
use crate::platform::Platform;
use crate::semantics;
use crate::state::{Cpu, event};
use crate::translator::{Entered, Translator};
use x86::{Seg, cr0, eflags, vector};

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
    translator: Option<Box<dyn Translator>>,
    slice_begins: bool,
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
        Ok(Self::with_memory(Mmu::new(Ram::new(ram_size)?), plat))
    }

    /// One processor with this memory.
    #[must_use]
    pub fn with_memory(mmu: Mmu, plat: Box<dyn Platform>) -> Self {
        Self {
            exec: Box::new(Exec::new(mmu, plat)),
            blocks: BlockCache::default(),
            translator: None,
            slice_begins: true,
        }
    }

    /// A slice of the host's time begins: before the next run the translator may compile what waits.
    pub fn begin_slice(&mut self) {
        self.slice_begins = true;
    }

    /// Has hot code translated from now on.
    pub fn set_translator(&mut self, translator: Box<dyn Translator>) {
        self.blocks.set_threshold(translator.threshold());
        self.translator = Some(translator);
        self.drop_blocks();
    }

    /// The translator's figures, by name.
    #[must_use]
    pub fn translator_figures(&self) -> Vec<(&'static str, f64)> {
        self.translator.as_ref().map_or_else(Vec::new, |t| t.figures())
    }

    /// More of them, as [`Translator::report`] says.
    #[must_use]
    pub fn translator_report(&self) -> String {
        self.translator.as_ref().map_or_else(String::new, |t| t.report())
    }

    /// The translation of the code at a linear address as text, or a sentence that says why there is none to show.
    #[must_use]
    pub fn dump_region(&self, lin: u64) -> String {
        match &self.translator {
            Some(translator) => translator.dump(&self.exec, &self.blocks, lin),
            None => "There is no translator: all code is interpreted.\n".into(),
        }
    }

    /// Drops what was made of code that has been overwritten.
    fn invalidate_written(&mut self) {
        let Self { exec: x, blocks, translator, .. } = self;
        let hits = blocks.invalidate_written(&mut x.mmu);
        if let Some(translator) = translator {
            for key in translator.written(x, &hits) {
                blocks.overwritten(key);
            }
            for (page, _) in hits {
                x.mmu.note_code_chunks(page, translator.watched(page));
            }
        }
    }

    /// If all decoded blocks have been dropped to make room: the translations stay, and their code has to be
    /// watched again.
    fn watch_translated(&mut self) {
        let Self { exec: x, blocks, translator, .. } = self;
        if blocks.take_cleared()
            && let Some(translator) = translator
        {
            for page in translator.watched_pages() {
                x.mmu.note_code_chunks(page, translator.watched(page));
            }
        }
    }

    /// Hands hot code to the translator. Whether the hot loop can go on; if not, how many instructions the
    /// interpreter has to do first.
    fn translated(&mut self) -> Result<Option<u64>, Stop> {
        let Self { exec: x, blocks, translator, .. } = self;
        let Some(translator) = translator else {
            blocks.cool(x, u32::MAX);
            return Ok(Some(u64::MAX));
        };
        if translator.threshold() == 0 && x.cpu.events == 0 && x.cpu.count < x.limit {
            // At first sight: the block has to be decoded for that.
            let found = blocks.find(x, x.linear_eip());
            self.watch_translated();
            found?;
        }
        let Self { exec: x, blocks, translator: Some(translator), .. } = self else { return Ok(None) };
        if x.cpu.events != 0 || !blocks.is_hot(x) {
            return Ok(Some(u64::MAX));
        }
        let count = x.cpu.count;
        match translator.enter(x, blocks) {
            Entered::Interpret(entries) => {
                if let Some(entries) = entries {
                    blocks.cool(x, entries);
                }
                Ok(if x.cpu.count == count { Some(u64::MAX) } else { None })
            }
            Entered::One => Ok(Some(1)),
            Entered::Stepped => match x.link.stepped.take() {
                Some(stop) => Err(stop),
                None => Ok(None),
            },
        }
    }

    /// The machine around the processor, if it is a `P`.
    pub fn platform<P: Platform>(&mut self) -> Option<&mut P> {
        let any: &mut dyn std::any::Any = &mut *self.exec.plat;
        any.downcast_mut()
    }

    /// The chipset raises SMI#: remembered until it can be taken.
    pub fn raise_smi(&mut self) {
        self.cpu.events |= event::SMI;
    }

    /// Whether memory is to be seen as in system management mode from now on: in it, or about to enter it. The machine sees
    /// to that, then calls [`Processor::enter_smm`].
    #[must_use]
    pub fn wants_smm(&self) -> bool {
        self.cpu.smm.active != 0 || smm::is_ready(&self.exec)
    }

    /// With memory as [`Processor::wants_smm`] said: takes the system management interrupt that waits, if one can be taken.
    pub fn enter_smm(&mut self) {
        self.cpu.events &= !event::MAP;
        if smm::is_ready(&self.exec) {
            smm::enter(&mut self.exec);
            self.exec.leave = false;
        }
    }

    /// Makes it another processor, at reset.
    pub fn set_identity(&mut self, identity: Identity) {
        self.cpu.identity = identity;
        self.drop_blocks();
        self.reset();
    }

    /// Back to the state after power-on; memory keeps its content.
    pub fn reset(&mut self) {
        let count = self.cpu.count;
        self.cpu = Cpu { count, ..Cpu::of(self.cpu.identity) };
        let x = &mut *self.exec;
        x.mmu.update_class(&x.cpu);
        x.mmu.flush_all();
    }

    /// To be called after the state or RAM was changed from outside (a loader, a snapshot, DMA): derived
    /// state follows.
    pub fn state_changed(&mut self) {
        let x = &mut self.exec;
        x.cpu.update_mode();
        x.cpu.update_events();
        x.mmu.update_class(&x.cpu);
        self.invalidate_written();
    }

    /// Drops all decoded code.
    pub fn drop_blocks(&mut self) {
        let Self { exec, blocks, translator, .. } = self;
        blocks.clear(&mut exec.mmu);
        blocks.take_cleared();
        if let Some(translator) = translator {
            translator.clear(exec);
        }
    }

    /// Runs until `limit` instructions have been executed since reset, or something else ends it. The
    /// count never exceeds the limit but for the delivery of an exception.
    pub fn run(&mut self, limit: u64) -> Exit {
        if self.mmu.code.has_hits() {
            self.invalidate_written();
        }
        let x = &mut *self.exec;
        x.mmu.begin_run();
        x.limit = limit;
        x.leave = false;
        x.index = 0;
        x.cpu.update_events();
        x.mmu.update_class(&x.cpu);
        if x.attend() {
            return Exit::Platform;
        }
        if std::mem::take(&mut self.slice_begins)
            && let Some(translator) = &mut self.translator
        {
            translator.slice(&mut self.exec);
        }
        loop {
            // Before anything runs that may just have been overwritten.
            if self.exec.leave {
                self.exec.leave = false;
                if self.mmu.code.has_hits() {
                    self.invalidate_written();
                }
                let x = &mut *self.exec;
                if x.plat.needs_attention() && x.attend() {
                    return Exit::Platform;
                }
            }
            let mut stop = self.exec.run_hot(&self.blocks);
            let mut most = Some(u64::MAX);
            if stop.is_ok() && !self.exec.leave {
                match self.translated() {
                    Ok(n) => most = n,
                    Err(s) => stop = Err(s),
                }
            }
            if let Err(stop) = stop
                && let Err(exit) = self.exec.stopped(stop)
            {
                return exit;
            }
            let Some(most) = most.filter(|_| !self.exec.leave) else { continue };
            if let Err(exit) = self.interpret(most, limit) {
                return exit;
            }
        }
    }

    /// One block, or at most so many instructions of it, which the hot loop could not run as it is.
    fn interpret(&mut self, most: u64, limit: u64) -> Result<(), Exit> {
        let Self { exec, blocks, .. } = self;
        let x = &mut **exec;
        let mut most = most;
        if x.cpu.events != 0 {
            most = most.min(x.before_block()?);
        }
        if x.cpu.count >= limit {
            return Err(Exit::Limit);
        }
        if x.cpu.events & event::DEBUG != 0 && x.stops_at_breakpoint() {
            return Ok(());
        }
        let calm = most == u64::MAX && x.cpu.events == 0;
        most = most.min(limit - x.cpu.count);
        let known = blocks.knows(x);
        let found = match blocks.entered_again(x) {
            Some(b) => Ok(b),
            None => blocks.find(x, x.linear_eip()),
        };
        let hot = calm && !known && found.is_ok() && blocks.is_hot(x);
        // Before anything can be written.
        self.watch_translated();
        if hot && self.translator.is_some() {
            // It was, before the jump cache lost it (a change of the address space does that).
            return Ok(());
        }
        let Self { exec, blocks, .. } = self;
        let x = &mut **exec;
        let stop = match found {
            Ok(b) if b.insns > 0 => x.run_some(blocks.insns(b), most),
            Ok(_) => Err(x.gp0()),
            Err(stop) => Err(stop),
        };
        match stop {
            Err(stop) => x.stopped(stop),
            Ok(()) => Ok(()),
        }
    }
}

impl Exec<'_> {
    /// Asks the platform how things stand; true if `run` must return.
    fn attend(&mut self) -> bool {
        let poll = self.plat.poll(self.cpu.count);
        self.cpu.intr = poll.intr;
        self.cpu.update_events();
        if poll.nmi {
            self.cpu.events |= event::NMI;
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
        if events & event::MAP != 0 || smm::is_ready(self) {
            return Err(Exit::Platform);
        }
        if events & (event::SHADOW | event::SHADOW_SS) == 0 {
            let taken = if events & event::NMI != 0 && self.cpu.nmi_blocked == 0 {
                self.cpu.events &= !(event::NMI | event::HALT);
                Some(interrupt::deliver_nmi(self))
            } else if events & event::INTR != 0 {
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
        if self.cpu.events & event::VIRTUAL != 0 {
            let stop = self.gp0();
            self.stopped(stop)?;
        }
        let one = event::TRAP | event::DEBUG | event::SHADOW | event::SHADOW_SS;
        Ok(if self.cpu.events & one != 0 { 1 } else { u64::MAX })
    }

    /// The linear address of the next instruction.
    #[inline(always)]
    #[must_use]
    pub fn linear_eip(&self) -> u64 {
        self.cpu.segs[Seg::Cs as usize].base.wrapping_add(self.cpu.eip) & 0xFFFF_FFFF
    }

    /// Settles the state after a block was left with instruction `i`, done or not.
    ///
    /// # Errors
    /// The instruction's, as they were given.
    #[inline(never)]
    pub fn left(&mut self, i: &Insn, result: Result<(), Stop>) -> Result<(), Stop> {
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
            let result = self.step(i);
            if self.ends(i, &result) || usize::from(i.index) + 1 == n {
                return self.left(i, result);
            }
        }
        Ok(())
    }

    /// Presets where instruction `i` of the block at work goes on: at the next byte.
    #[inline]
    pub fn begin(&mut self, i: &Insn) {
        self.index = i.index;
        self.cpu.next_eip = self.eip_of(i.end());
        self.jumped = false;
    }

    /// Does instruction `i` of the block at work in the general way.
    ///
    /// # Errors
    /// What it raises.
    #[inline]
    pub fn step(&mut self, i: &Insn) -> Result<(), Stop> {
        self.begin(i);
        semantics::step(self, i)
    }

    /// Whether the block at work is left after instruction `i`.
    #[inline]
    #[must_use]
    pub fn ends(&self, i: &Insn, result: &Result<(), Stop>) -> bool {
        result.is_err() || self.leave || self.jumped || i.prefix.has(Prefix::LAST)
    }

    /// One instruction with everything that may surround it: shadow, breakpoints, trap.
    #[inline(never)]
    fn single_step(&mut self, insns: &[Insn]) -> Result<(), Stop> {
        let Some(i) = insns.first() else { return Ok(()) };
        let before = self.cpu.eflags();
        self.debug_hits = (self.cpu.events & event::HELD) >> event::HELD_SHIFT;
        self.cpu.events &= !(event::SHADOW | event::SHADOW_SS | event::HELD);
        if self.cpu.eip + i.end() as u64 - 1 > u64::from(self.cpu.seg(Seg::Cs).max) {
            return Err(self.gp0());
        }
        self.step(i)?;
        self.jumped = false;
        self.cpu.count += 1;
        self.cpu.eip = self.cpu.next_eip;
        if before & eflags::RF != 0 && i.op != Op::Helper(Helper::Iret) {
            self.cpu.eflags &= !eflags::RF;
            self.cpu.update_events();
        }
        let mut bits = self.debug_hits;
        let software = match i.op {
            Op::Helper(Helper::Int | Helper::Int1 | Helper::Int3) => true,
            Op::Helper(Helper::Into) => before & eflags::OF != 0,
            _ => false,
        };
        if before & eflags::TF != 0 && !software {
            bits |= 1 << 14;
        }
        if self.cpu.events & event::SHADOW_SS != 0 {
            // A step is not made up for, a data breakpoint is (SDM vol. 3, 6.8.3).
            self.cpu.events |= self.debug_hits << event::HELD_SHIFT & event::HELD;
        } else if bits != 0 {
            self.trap(bits);
        }
        Ok(())
    }

    /// Whether there is an instruction breakpoint on the next instruction, which is delivered then: before any fault of
    /// fetching it (SDM vol. 3, table 6-2).
    #[inline(never)]
    fn stops_at_breakpoint(&mut self) -> bool {
        if self.cpu.events & event::SHADOW_SS != 0 {
            return false;
        }
        let hits = interrupt::instruction_breakpoint(&self.cpu);
        if hits != 0 {
            self.cpu.events &= !event::SHADOW;
            self.trap(hits);
        }
        hits != 0
    }

    /// Delivers #DB for the DR6 bits `bits`.
    fn trap(&mut self, bits: u32) {
        self.cpu.count += 1;
        self.leave = true;
        if interrupt::deliver_trap_debug(self, bits) == Delivered::Shutdown {
            self.cpu.events |= event::SHUTDOWN;
        }
    }

    /// Delivers what an instruction (at `cpu.eip`) raised.
    #[inline(never)]
    fn stopped(&mut self, stop: Stop) -> Result<(), Exit> {
        self.leave = true;
        self.index = 0;
        match stop {
            Stop::NotHere => Err(Exit::NotHere),
            // FERR# is asserted, and the processor waits.
            Stop::Fault if self.cpu.fault.vector == vector::MF && self.cpu.cr0 & cr0::NE == 0 => {
                self.cpu.events |= event::HALT;
                Ok(())
            }
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
}
