//! Programs that load segment registers, go from one code segment to another, and access memory through what they have
//! loaded, against this machine's processor.
//!
//! `oracle/segments.c` describes the vectors. Its first line is the LDT as Linux made it, which is laid down here.
//! Everything is compared after each step: registers, flags, selectors, the window, and the exception with its error
//! code. None of the instructions leaves a flag undefined.

use super::{
    FLAGS, GDT, LDT, Registers, Regs, SPAN, WINDOW, WINDOW_AT, World, bytes, hex, places, registers,
    user_registers,
};
use crate::executor::Executor;
use crate::tally::Tally;
use cpu::decode::BlockDecoder;
use cpu::exec::Exec;
use cpu::insn::Insn;
use cpu::state::Segment;
use serde::Deserialize;
use x86::descriptor::{Descriptor, Selector};
use x86::{Seg, gpr, vector};

/// Bytes between the LDT and what follows it.
const LDT_ROOM: usize = 0x100;
/// What of a page fault's error code is compared: whether it was a write. The rest depends on what else is mapped, and on
/// the paging mode.
const PAGE_FAULT_ERROR: u32 = 2;

/// The first line of the oracle.
#[derive(Debug, Deserialize)]
struct WorldLine {
    ldt: String,
    ram: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
struct StepLine {
    #[serde(flatten)]
    regs: Regs,
    sel: [u16; 6],
    #[serde(default)]
    n: u64,
    #[serde(default)]
    mem: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
struct Line {
    m: u32,
    i: StepLine,
    ram: Vec<(String, String)>,
    steps: Vec<StepLine>,
    ex: Option<u8>,
    #[serde(default)]
    err: u32,
    cr2: Option<String>,
}

/// An exception: its number, its error code as far as it is compared, and CR2 after a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raised {
    vector: u8,
    error: u32,
    cr2: u32,
}

impl Raised {
    const fn new(vector: u8, error: u32, cr2: u32) -> Self {
        let is_page_fault = vector == vector::PF;
        Self {
            vector,
            error: if is_page_fault { error & PAGE_FAULT_ERROR } else { error },
            cr2: if is_page_fault { cr2 } else { 0 },
        }
    }
}

/// What a program can be seen to have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    registers: Registers,
    selectors: [u16; 6],
    raised: Option<Raised>,
}

impl Seen {
    /// `selectors` without the RPL of null ones, as the oracle prints them.
    fn new(registers: Registers, selectors: [u16; 6], raised: Option<Raised>) -> Self {
        let visible = |s: u16| if Selector(s).is_null() { 0 } else { s };
        Self { registers, selectors: selectors.map(visible), raised }
    }
}

#[derive(Debug)]
struct Step {
    seen: Seen,
    /// Instructions, each repetition of a string instruction being one.
    instructions: u64,
    changed: Vec<(u32, Vec<u8>)>,
}

/// A program and what it did on the real processor.
#[derive(Debug)]
pub struct Program {
    mode: u32,
    before: Seen,
    ram: Vec<(u32, Vec<u8>)>,
    steps: Vec<Step>,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Figures {
    /// Programs.
    pub programs: usize,
    /// Steps compared.
    pub steps: usize,
    /// Programs that end in an exception.
    pub exceptions: usize,
}

impl Program {
    fn parse(line: &str) -> Option<Self> {
        let l: Line = serde_json::from_str(line).ok()?;
        let nothing = Registers { gpr: [0; 8], ip: 0, flags: 0 };
        let before = Seen::new(registers(&l.i.regs, &nothing)?, l.i.sel, None);
        let cr2 = l.cr2.as_deref().map_or(Some(0), hex)?;
        let (mut steps, mut now, last) = (Vec::new(), before, l.steps.len());
        for (n, s) in l.steps.iter().enumerate() {
            let raised = l.ex.filter(|_| n + 1 == last).map(|vector| Raised::new(vector, l.err, cr2));
            now = Seen::new(registers(&s.regs, &now.registers)?, s.sel, raised);
            steps.push(Step { seen: now, instructions: s.n, changed: places(&s.mem)? });
        }
        Some(Self { mode: l.m, before, ram: places(&l.ram)?, steps })
    }

    fn before_step(&self, n: usize) -> &Seen {
        if n == 0 { &self.before } else { &self.steps[n - 1].seen }
    }

    fn describe(&self, n: usize, by: &str, got: &Seen) -> String {
        let code = self.ram.first().map_or(&[][..], |(_, data)| data);
        let code = code.iter().fold(String::new(), |s, b| s + &format!("{b:02x}"));
        let before = self.before_step(n);
        format!(
            "step {} of {} through {by}: program {code}\n      from     {before:x?}\n      expected {:x?}\n      got      {got:x?}",
            n + 1,
            self.steps.len(),
            self.steps[n].seen
        )
    }
}

/// The programs' world: that of the other oracle, with segments of every kind in its LDT.
#[derive(Debug)]
pub struct Segments {
    world: World,
    /// The window before any program is put in it, and as it should be now.
    background: Vec<u8>,
    expected: Vec<u8>,
}

fn put(window: &mut [u8], places: &[(u32, Vec<u8>)]) -> Option<()> {
    for (at, data) in places {
        let from = at.wrapping_sub(WINDOW) as usize;
        window.get_mut(from..from.checked_add(data.len())?)?.copy_from_slice(data);
    }
    Some(())
}

impl Segments {
    /// Lays the tables down; `None` if that is not the oracle's first line, or the host lacks memory.
    #[must_use]
    pub fn new(first_line: &str) -> Option<Self> {
        let line: WorldLine = serde_json::from_str(first_line).ok()?;
        let ldt = bytes(&line.ldt)?;
        if ldt.len() > LDT_ROOM {
            return None;
        }
        let mut world = World::new().ok()?;
        world.harness.write_memory(u64::from(LDT), &ldt);
        for cpu in &mut world.templates {
            cpu.ldtr.limit = ldt.len() as u32 - 1;
        }
        let mut background = vec![0; SPAN as usize];
        put(&mut background, &places(&line.ram)?)?;
        world.load(WINDOW, &background);
        Some(Self { world, expected: background.clone(), background })
    }

    /// What a segment register holds that Linux has loaded with a selector of user mode.
    fn loaded(&self, selector: u16) -> Segment {
        let s = Selector(selector);
        if s.is_null() {
            return Segment::null(selector);
        }
        let at = u64::from(if s.is_local() { LDT } else { GDT } + s.offset());
        let raw = self.world.harness.read_memory(at, 8);
        let d = Descriptor(u64::from_le_bytes(raw.try_into().unwrap_or_default()));
        Segment::new(selector, u64::from(d.base()), d.limit(), d.rights())
    }

    fn window(&mut self) -> &[u8] {
        let ram = self.world.harness.processor().mmu.ram();
        ram.slice(u64::from(WINDOW_AT), SPAN as usize).unwrap_or_default()
    }

    /// Memory and processor as they were before the program. What memory holds already is not written, so that code
    /// stays known.
    fn set_out(&mut self, p: &Program) {
        const PAGE: usize = 0x1000;
        self.expected.copy_from_slice(&self.background);
        put(&mut self.expected, &p.ram);
        for at in (0..SPAN as usize).step_by(PAGE) {
            let ram = self.world.harness.processor().mmu.ram();
            let wanted = &self.expected[at..at + PAGE];
            if ram.slice(u64::from(WINDOW_AT) + at as u64, PAGE) != Some(wanted) {
                self.world.load(WINDOW + at as u32, wanted);
            }
        }
        self.world.prepare_processor(p.mode, &p.before.registers);
        let segs = p.before.selectors.map(|s| self.loaded(s));
        let processor = self.world.processor();
        processor.cpu.segs = segs;
        processor.state_changed();
    }

    /// The user's state, from the handler's frame if an exception has been delivered.
    fn seen(&mut self) -> Seen {
        let p = self.world.processor();
        let mut selectors = p.cpu.segs.map(|s| s.selector);
        if p.cpu.cpl != 0 {
            return Seen::new(user_registers(&p.cpu, p.cpu.eip as u32), selectors, None);
        }
        let (number, error, frame) = self.world.handler_frame();
        let p = self.world.processor();
        let mut registers = user_registers(&p.cpu, frame[0]);
        registers.flags = frame[2] & FLAGS;
        registers.gpr[usize::from(gpr::SP)] = frame[3];
        selectors[Seg::Cs as usize] = frame[1] as u16;
        selectors[Seg::Ss as usize] = frame[4] as u16;
        Seen::new(registers, selectors, Some(Raised::new(number, error, p.cpu.cr2 as u32)))
    }

    /// Step `n` of the program against what is to be seen now.
    fn compare(&mut self, p: &Program, n: usize, by: &str, got: &Seen) -> Result<(), String> {
        put(&mut self.expected, &p.steps[n].changed);
        if *got != p.steps[n].seen {
            return Err(p.describe(n, by, got));
        }
        let expected = std::mem::take(&mut self.expected);
        let now = self.window();
        // Equality first, which is quick.
        let wrong = if now == expected { None } else { now.iter().zip(&expected).position(|(a, b)| a != b) };
        self.expected = expected;
        let Some(at) = wrong else { return Ok(()) };
        let (want, is) = (self.expected[at], self.window()[at]);
        let linear = WINDOW as usize + at;
        Err(format!("{} [{linear:x}] {want:02x}, got {is:02x}", p.describe(n, by, got)))
    }

    /// Runs a program in the main loop: step by step; then whole, its code new and its code known.
    ///
    /// # Errors
    /// The first difference, in words.
    fn check_loop(&mut self, p: &Program) -> Result<(), String> {
        self.set_out(p);
        for (n, step) in p.steps.iter().enumerate() {
            for _ in 0..step.instructions {
                let processor = self.world.processor();
                let limit = processor.cpu.count + 1;
                processor.run(limit);
            }
            let got = self.seen();
            self.compare(p, n, "main loop, stepping", &got)?;
        }
        let Some(last) = p.steps.len().checked_sub(1) else { return Ok(()) };
        self.world.processor().drop_blocks();
        for by in ["main loop, code new", "main loop, code known"] {
            self.set_out(p);
            let processor = self.world.processor();
            let all: u64 = p.steps.iter().map(|s| s.instructions).sum();
            let limit = processor.cpu.count + all;
            processor.run(limit);
            for step in &p.steps[..last] {
                put(&mut self.expected, &step.changed);
            }
            let got = self.seen();
            self.compare(p, last, by, &got)?;
        }
        Ok(())
    }

    /// Runs a program step by step in an executor, as far as its code lies in the window and its segment: what cannot be
    /// fetched is the main loop's.
    ///
    /// # Errors
    /// The first difference, in words.
    fn check_by(&mut self, p: &Program, by: &mut dyn Executor) -> Result<(), String> {
        self.set_out(p);
        for (n, step) in p.steps.iter().enumerate() {
            let mut raised = None;
            for _ in 0..step.instructions {
                let Some((insn, result)) = step_by(self.world.processor(), by) else { return Ok(()) };
                raised = result.err();
                // An executor may make any number of repetitions at once.
                let done =
                    insn.repeats() && self.world.processor().cpu.eip as u32 != p.before_step(n).registers.ip;
                if raised.is_some() || done {
                    break;
                }
            }
            let cpu = &self.world.processor().cpu;
            let selectors = cpu.segs.map(|s| s.selector);
            let got = Seen::new(user_registers(cpu, cpu.eip as u32), selectors, raised);
            self.compare(p, n, by.name(), &got)?;
        }
        Ok(())
    }

    /// Runs one line of the oracle in every way; notes in `tally` what came of it.
    ///
    /// # Panics
    /// If the line is not a program.
    pub fn check(
        &mut self,
        line: &str,
        executors: &mut [Box<dyn Executor>],
        tally: &mut Tally,
        figures: &mut Figures,
    ) {
        let p = Program::parse(line).unwrap_or_else(|| panic!("not a program: {line}"));
        figures.programs += 1;
        figures.steps += p.steps.len();
        figures.exceptions += usize::from(p.steps.last().is_some_and(|s| s.seen.raised.is_some()));
        tally.note("main loop", self.check_loop(&p));
        for e in executors {
            let result = self.check_by(&p, &mut **e);
            tally.note(e.name(), result);
        }
    }
}

/// The instruction at CS:EIP, run, and what it raised; `None` if it cannot be fetched.
fn step_by(x: &mut Exec<'_>, by: &mut dyn Executor) -> Option<(Insn, Result<(), Raised>)> {
    const MAX_LEN: u32 = 15;
    let (cs, start) = (*x.cpu.seg(Seg::Cs), x.cpu.eip as u32);
    let at = (cs.base as u32).wrapping_add(start).wrapping_sub(WINDOW);
    if start > cs.limit || at > SPAN - MAX_LEN {
        return None;
    }
    let code = x.mmu.ram().slice(u64::from(WINDOW_AT + at), MAX_LEN as usize)?.to_vec();
    let insn = BlockDecoder::new(&code, x.cpu.mode).next_insn().ok()?;
    if start + u32::from(insn.len) - 1 > cs.limit {
        return None;
    }
    x.cpu.next_eip = u64::from(start.wrapping_add(u32::from(insn.len)));
    (x.jumped, x.leave) = (false, false);
    if by.step(x, &insn).is_err() {
        let fault = x.cpu.fault;
        return Some((insn, Err(Raised::new(fault.vector, fault.error, x.cpu.cr2 as u32))));
    }
    x.cpu.eip = x.cpu.next_eip;
    Some((insn, Ok(())))
}
