//! Sequences of instructions: programs that branch, loop, call, fault and overwrite themselves.
//!
//! A vector (see `oracle/sequences.c`) says what *each* executed instruction did. That is what makes random
//! programs comparable at all: a flag that the manual leaves undefined is masked from then on until an
//! instruction defines it, and the comparison ends before the first instruction that would use it, or whose
//! result is itself undefined. What came before still counts.
//!
//! [`World::check_sequence`] runs a program in the processor's main loop: one instruction at a time, compared
//! after each; then as a whole, when its code is new and when it is known; and in pieces, so that budgets end
//! anywhere. If the processor has a translator, the whole runs are what it sees. [`World::check_sequence_by`]
//! runs it step by step in an executor.
//!
//! Vectors of class `seqfp` have x87, MMX and SSE instructions too, and their registers, which are then compared in
//! the same way.
//!
//! Absent: the x87 unit's pointers to instruction and operand; exceptions of floating point, all of which the
//! vectors mask.

use super::{
    MOST_STEPS, Outcome, Registers, Regs, SPAN, Vector, WINDOW, WINDOW_AT, World, any_memory, bytes,
    differences, hex, not_comparable, places, registers, undefined_register, user_registers,
};
use crate::executor::Executor;
use crate::tally::Tally;
use crate::undefined;
use cpu::Cpu;
use cpu::decode::BlockDecoder;
use cpu::exec::Exec;
use cpu::float::F80;
use cpu::insn::{Insn, Op};
use cpu::semantics::mmx::MmxOp;
use cpu::semantics::sse::SseOp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use x86::gpr;

/// Most bytes of an instruction.
const MAX_LEN: usize = 15;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StepLine {
    #[serde(flatten)]
    regs: Regs,
    fcw: Option<u16>,
    fsw: Option<u16>,
    ftw: Option<u8>,
    mxcsr: Option<u32>,
    st: Vec<(String, String)>,
    xmm: Vec<(String, String)>,
    mem: Vec<(String, String)>,
}

/// One line of the oracle.
#[derive(Debug, Deserialize)]
struct Line {
    m: u32,
    code: String,
    i: StepLine,
    ram: Vec<(String, String)>,
    steps: Vec<StepLine>,
    ex: Option<String>,
    cr2: Option<String>,
}

/// Registers of x87, MMX and SSE.
#[derive(Clone, Debug, Default, PartialEq)]
struct Floats {
    control: u16,
    status: u16,
    used: u8,
    mxcsr: u32,
    /// R0 to R7.
    x87: [F80; 8],
    xmm: [[u64; 2]; 8],
}

impl Floats {
    /// What a line says, on top of what was before.
    fn read(line: &StepLine, old: &Self) -> Option<Self> {
        let mut out = old.clone();
        out.control = line.fcw.unwrap_or(old.control);
        out.status = line.fsw.unwrap_or(old.status);
        out.used = line.ftw.unwrap_or(old.used);
        out.mxcsr = line.mxcsr.unwrap_or(old.mxcsr);
        for (n, data) in places(&line.st)? {
            *out.x87.get_mut(n as usize)? = F80::from_bytes(data.try_into().ok()?);
        }
        for (n, data) in places(&line.xmm)? {
            let v = u128::from_le_bytes(data.try_into().ok()?);
            *out.xmm.get_mut(n as usize)? = [v as u64, (v >> 64) as u64];
        }
        Some(out)
    }

    fn of(cpu: &Cpu) -> Self {
        let f = &cpu.fpu;
        let xmm = std::array::from_fn(|n| cpu.xmm[n]);
        let (control, status, used) = (f.control, f.status, !f.empty);
        Self { control, status, used, mxcsr: cpu.mxcsr, x87: f.st, xmm }
    }

    fn put(&self, cpu: &mut Cpu) {
        cpu.fpu.control = self.control;
        cpu.fpu.status = self.status;
        cpu.fpu.empty = !self.used;
        cpu.fpu.st = self.x87;
        cpu.mxcsr = self.mxcsr;
        cpu.xmm[..8].copy_from_slice(&self.xmm);
    }

    /// How `got` differs, in words.
    fn differences(&self, got: &Self) -> String {
        let mut out = String::new();
        let words = |f: &Self| [f.control, f.status, u16::from(f.used), f.mxcsr as u16];
        for ((name, want), got) in ["fcw", "fsw", "ftw", "mxcsr"].iter().zip(words(self)).zip(words(got)) {
            if want != got {
                let _ = write!(out, " {name} {want:x}, got {got:x};");
            }
        }
        for n in 0..8 {
            if self.x87[n] != got.x87[n] {
                let _ = write!(out, " R{n} {:x?}, got {:x?};", self.x87[n], got.x87[n]);
            }
            if self.xmm[n] != got.xmm[n] {
                let _ = write!(out, " xmm{n} {:x?}, got {:x?} (low, high);", self.xmm[n], got.xmm[n]);
            }
        }
        out
    }
}

/// What one executed instruction did.
#[derive(Debug)]
struct Step {
    /// State before and after, what changed in memory, the exception.
    v: Vector,
    /// The instruction.
    insn: Insn,
    /// It lies in the window; if not, fetching it is what faults.
    fetched: bool,
    /// The flags that are undefined after it.
    undefined: u32,
    /// The other registers after it, if the vector has them.
    floats: Option<Box<Floats>>,
}

/// A program, what it starts from, and what it did on the real processor as far as that is defined.
#[derive(Debug)]
pub struct Sequence {
    mode: u32,
    before: Registers,
    floats: Option<Box<Floats>>,
    /// The window before, and after the last step.
    first: Vec<u8>,
    last: Vec<u8>,
    steps: Vec<Step>,
    /// The program's bytes.
    code: Vec<u8>,
    /// Why steps that were executed are left out, if some are.
    cut: Option<&'static str>,
    executed: usize,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Figures {
    /// Sequences.
    pub sequences: usize,
    /// Instructions the real processor executed.
    pub executed: usize,
    /// Those of them that are compared.
    pub compared: usize,
    /// Sequences that end in an exception, and are compared to it.
    pub exceptions: usize,
    /// Sequences that overwrite their own code.
    pub self_modifying: usize,
    /// Sequences compared only in part, by reason.
    pub cut: BTreeMap<&'static str, usize>,
}

fn put(window: &mut [u8], linear: u32, data: &[u8]) -> Option<()> {
    let at = linear.wrapping_sub(WINDOW) as usize;
    window.get_mut(at..at.checked_add(data.len())?)?.copy_from_slice(data);
    Some(())
}

/// The instruction at an offset in the window, and whether all of it lies there.
fn decode(window: &[u8], at: u32, mode: u32) -> Option<(Insn, bool)> {
    let there = window.get(at as usize..).unwrap_or_default();
    let there = &there[..there.len().min(MAX_LEN)];
    let mut code = [0xF4; 2 * MAX_LEN];
    code[..there.len()].copy_from_slice(there);
    let insn = BlockDecoder::new(&code, mode).next_insn().ok()?;
    Some((insn, usize::from(insn.len) <= there.len()))
}

impl Step {
    /// Why it cannot be compared, the flags of `undefined` being undefined before it.
    fn beyond(&self, undefined: u32) -> Option<&'static str> {
        let cl = self.v.before.gpr[usize::from(gpr::CX)] as u8;
        if !self.fetched {
            return None;
        }
        if undefined::reads(&self.insn, cl) & undefined != 0 {
            return Some("uses an undefined flag");
        }
        // Their registers are in the vector.
        if self.floats.is_some() && matches!(self.v.opcode().0, [0xD8..=0xDF, ..]) {
            return None;
        }
        let scan = undefined_register(&self.v, &self.insn).map(|_| "scan of zero");
        not_comparable(&self.v, &self.insn).or(scan)
    }
}

impl Sequence {
    /// Offset in the window of an instruction pointer.
    fn offset(mode: u32, ip: u32) -> u32 {
        if mode == 16 { ip } else { ip.wrapping_sub(WINDOW) }
    }

    fn of(l: Line, cpu: &Cpu) -> Option<Self> {
        let before = registers(&l.i.regs, &Registers { gpr: [0; 8], ip: 0, flags: 0 })?;
        let mut first = vec![0; SPAN as usize];
        for (at, data) in places(&l.ram)? {
            put(&mut first, at, &data)?;
        }
        let executed = l.steps.len();
        let mut floats = match l.i.fcw {
            Some(_) => Some(Box::new(Floats::read(&l.i, &Floats::default())?)),
            None => None,
        };
        let mut out = Self {
            mode: l.m,
            before,
            floats: floats.clone(),
            last: first.clone(),
            first,
            steps: Vec::with_capacity(executed),
            code: bytes(&l.code)?,
            cut: None,
            executed,
        };
        let (mut state, mut undefined) = (before, 0);
        for (n, line) in l.steps.iter().enumerate() {
            let at = Self::offset(l.m, state.ip);
            let (insn, fetched) = decode(&out.last, at, cpu.mode)?;
            let there = out.last.get(at as usize..).unwrap_or_default();
            let exception = l.ex.clone().filter(|_| n + 1 == executed);
            let v = Vector {
                mode: l.m,
                bytes: there[..there.len().min(usize::from(insn.len))].to_vec(),
                before: state,
                ram: Vec::new(),
                after: registers(&line.regs, &state)?,
                changed: places(&line.mem)?,
                exception,
                cr2: l.cr2.as_deref().map_or(Some(0), hex)?,
                sse: None,
            };
            state = v.after;
            if let Some(f) = &mut floats {
                **f = Floats::read(line, f)?;
            }
            let mut step = Step { v, insn, fetched, undefined, floats: floats.clone() };
            out.cut = step.beyond(undefined);
            if out.cut.is_some() {
                break;
            }
            if step.v.exception.is_none() {
                let cx = step.v.before.gpr[usize::from(gpr::CX)];
                undefined &= !undefined::defines(&step.insn, cx);
                undefined |= undefined::flags(&step.insn, cx as u8);
                step.undefined = undefined;
            }
            for (at, data) in &step.v.changed {
                put(&mut out.last, *at, data)?;
            }
            out.steps.push(step);
        }
        Some(out)
    }

    /// Whether it stores over its own code.
    fn modifies_itself(&self) -> bool {
        let code = self.before.ip & 0xFFFF;
        let end = code + self.code.len() as u32;
        let inside = |(at, _): &(u32, Vec<u8>)| (code..end).contains(&at.wrapping_sub(WINDOW));
        self.steps.iter().any(|s| s.v.changed.iter().any(inside))
    }

    /// Whether its last step that is compared is an exception's.
    fn ends_in_exception(&self) -> bool {
        self.steps.last().is_some_and(|s| s.v.exception.is_some())
    }

    /// The outcome of step `n` against the real one.
    fn compare(&self, n: usize, got: &Outcome, cpu: &Cpu) -> String {
        let step = &self.steps[n];
        let mut wrong = differences(&step.v, &step.insn, got, step.undefined);
        if let Some(want) = &step.floats {
            let mut got = Floats::of(cpu);
            let to_mmx = matches!(
                step.insn.op,
                Op::Sse(SseOp::ToMmx(_) | SseOp::FromMmx(_)) | Op::Mmx(MmxOp::StoreMasked)
            );
            if step.v.exception.is_some() && to_mmx {
                // Whether the x87 unit goes over to MMX when the instruction faults, the manual does not say.
                (got.status, got.used, got.x87) = (want.status, want.used, want.x87);
            }
            wrong += &want.differences(&got);
        }
        wrong
    }

    /// What went wrong at step `n`, and how it came to that.
    fn describe(&self, n: usize, by: &str, wrong: &str) -> String {
        let hex = |b: &[u8]| b.iter().fold(String::new(), |s, b| s + &format!("{b:02x}"));
        let step = &self.steps[n];
        let mut out = format!(
            "step {} of {}, {} ({:?}, {} bits) through {by}: before {:x?} ip {:x} flags {:x}; expected{wrong}",
            n + 1,
            self.steps.len(),
            hex(&step.v.bytes),
            step.insn.op,
            step.insn.w.bits(),
            step.v.before.gpr,
            step.v.before.ip,
            step.v.before.flags
        );
        let _ = write!(
            out,
            "\n      program {} from {:x?} flags {:x}\n      ",
            hex(&self.code),
            self.before.gpr,
            self.before.flags
        );
        for s in &self.steps[..=n] {
            let _ = write!(out, " {:x}:{}", s.v.before.ip, hex(&s.v.bytes));
        }
        out
    }
}

impl World {
    /// Reads one line of the oracle; `None` if it is not a sequence.
    #[must_use]
    pub fn sequence(&self, line: &str) -> Option<Sequence> {
        let l: Line = serde_json::from_str(line).ok()?;
        let cpu = &self.templates[usize::from(l.m == 32)];
        Sequence::of(l, cpu)
    }

    fn window(&mut self) -> &[u8] {
        self.harness.processor().mmu.ram().slice(u64::from(WINDOW_AT), SPAN as usize).unwrap_or_default()
    }

    /// The state before the program. What memory holds already is not written, so that code stays known.
    fn set_out(&mut self, s: &Sequence) {
        let now = self.window().to_vec();
        let mut at = 0;
        while let Some(n) = now[at..].iter().zip(&s.first[at..]).position(|(a, b)| a != b) {
            let from = at + n;
            let same = now[from..].iter().zip(&s.first[from..]).position(|(a, b)| a == b);
            at = same.map_or(now.len(), |n| from + n);
            self.load(WINDOW + from as u32, &s.first[from..at]);
        }
        self.prepare_processor(s.mode, &s.before);
        if let Some(floats) = &s.floats {
            floats.put(&mut self.processor().cpu);
        }
    }

    /// Memory at the end, against the real one.
    fn compare_window(&mut self, s: &Sequence) -> String {
        let mut wrong = String::new();
        let Some(step) = s.steps.last() else { return wrong };
        let now = self.window();
        if any_memory(&step.v, &step.insn) || now == s.last {
            return wrong;
        }
        let differ = now.iter().zip(&s.last).enumerate().filter(|(_, (got, want))| got != want);
        for (at, (got, want)) in differ.take(8) {
            let _ = write!(wrong, " [{:x}] {want:02x}, got {got:02x};", WINDOW as usize + at);
        }
        wrong
    }

    /// What step `n` changed in memory, against the real changes.
    fn compare_changes(&mut self, s: &Sequence, n: usize) -> String {
        let step = &s.steps[n];
        let mut wrong = String::new();
        if any_memory(&step.v, &step.insn) {
            return wrong;
        }
        let now = self.window();
        for (at, data) in &step.v.changed {
            let from = at.wrapping_sub(WINDOW) as usize;
            let got = now.get(from..from + data.len()).unwrap_or_default();
            if got != data {
                let _ = write!(wrong, " [{at:x}] {data:02x?}, got {got:02x?};");
            }
        }
        wrong
    }

    /// Runs a sequence in the main loop, in all the ways the module documentation names.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn check_sequence(&mut self, s: &Sequence) -> Result<(), String> {
        let Some(last) = s.steps.len().checked_sub(1) else { return Ok(()) };
        self.set_out(s);
        let start = self.processor().cpu.count;
        for n in 0..=last {
            let got = self.step_of_loop(&s.steps[n]);
            let wrong = s.compare(n, &got, &self.processor().cpu) + &self.compare_changes(s, n);
            if !wrong.is_empty() {
                return Err(s.describe(n, "main loop, stepping", &wrong));
            }
        }
        let count = self.processor().cpu.count - start;
        let wrong = self.compare_window(s);
        if !wrong.is_empty() {
            return Err(s.describe(last, "main loop, stepping (memory at the end)", &wrong));
        }
        // New to the block cache, so to speak: stepping has decoded some of it.
        self.processor().drop_blocks();
        let ways: [(&str, &[u64]); 3] = [
            ("main loop, code new", &[u64::MAX]),
            ("main loop, code known", &[u64::MAX]),
            ("main loop, in pieces", &[5, 1, 8, 3, 13, 2]),
        ];
        for (name, pieces) in ways {
            self.set_out(s);
            let p = self.processor();
            let end = p.cpu.count + count;
            for piece in pieces.iter().cycle() {
                let limit = p.cpu.count.saturating_add(*piece).min(end);
                p.run(limit);
                if p.cpu.count >= end || p.cpu.count < limit {
                    break;
                }
            }
            let got = self.delivered();
            let wrong = s.compare(last, &got, &self.processor().cpu) + &self.compare_window(s);
            if !wrong.is_empty() {
                return Err(s.describe(last, name, &wrong));
            }
        }
        Ok(())
    }

    /// One step of a sequence: one instruction, with all its iterations.
    fn step_of_loop(&mut self, step: &Step) -> Outcome {
        for _ in 0..MOST_STEPS {
            let p = self.processor();
            let limit = p.cpu.count + 1;
            p.run(limit);
            let unfinished = p.cpu.cpl != 0 && p.cpu.eip as u32 == step.v.before.ip;
            if !(unfinished && step.fetched && step.insn.repeats()) {
                break;
            }
        }
        self.delivered()
    }

    /// Runs a sequence step by step in an executor. An instruction that does not lie in the window ends it:
    /// fetching is the main loop's.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn check_sequence_by(&mut self, s: &Sequence, by: &mut dyn Executor) -> Result<(), String> {
        self.set_out(s);
        for (n, step) in s.steps.iter().enumerate() {
            if step.v.repeats_over_itself(&step.insn) {
                // What came before agreed.
                return Ok(());
            }
            let at = Sequence::offset(s.mode, self.processor().cpu.eip as u32);
            let mode = self.processor().cpu.mode;
            let Some((insn, true)) = decode(self.window(), at, mode) else { break };
            let got = step_by(self.processor(), &insn, by);
            let wrong = s.compare(n, &got, &self.processor().cpu) + &self.compare_changes(s, n);
            if !wrong.is_empty() {
                return Err(s.describe(n, by.name(), &wrong));
            }
            let x = self.processor();
            x.cpu.eip = u64::from(step.v.after.ip);
        }
        let wrong = self.compare_window(s);
        let last = s.steps.len().saturating_sub(1);
        if wrong.is_empty() { Ok(()) } else { Err(s.describe(last, by.name(), &wrong)) }
    }

    /// Makes the window zero again.
    fn leave_sequences(&mut self) {
        self.load(WINDOW, &[0; SPAN as usize]);
    }
}

/// One instruction, repeated until it is finished; exceptions undelivered.
fn step_by(x: &mut Exec<'_>, i: &Insn, by: &mut dyn Executor) -> Outcome {
    let start = x.cpu.eip;
    for _ in 0..MOST_STEPS {
        x.cpu.next_eip = start.wrapping_add(u64::from(i.len)) & 0xFFFF_FFFF;
        (x.jumped, x.leave) = (false, false);
        match by.step(x, i) {
            Err(_) => {
                let exception = Some((x.cpu.fault.vector, x.cpu.cr2 as u32));
                return Outcome { registers: user_registers(&x.cpu, start as u32), exception };
            }
            Ok(()) if x.cpu.next_eip == start && i.repeats() => {}
            Ok(()) => break,
        }
    }
    Outcome { registers: user_registers(&x.cpu, x.cpu.next_eip as u32), exception: None }
}

/// Runs the oracle's lines in the main loop of `world`, with whatever translator its processor has, and in the
/// executors; notes in `tally` what came of it.
///
/// # Panics
/// If a line is not a sequence.
pub fn check_all(
    world: &mut World,
    lines: impl Iterator<Item = String>,
    executors: &mut [Box<dyn Executor>],
    tally: &mut Tally,
) -> Figures {
    let mut out = Figures::default();
    for line in lines {
        let s = world.sequence(&line).unwrap_or_else(|| panic!("not a sequence: {line}"));
        out.sequences += 1;
        out.executed += s.executed;
        out.compared += s.steps.len();
        out.exceptions += usize::from(s.ends_in_exception());
        out.self_modifying += usize::from(s.modifies_itself());
        if let Some(reason) = s.cut {
            *out.cut.entry(reason).or_default() += 1;
        }
        let class = if s.floats.is_some() { "all" } else { "integer" };
        let kind = |way: &str| format!("{} bits, {class}, {way}", s.mode);
        tally.note(&kind("main loop"), world.check_sequence(&s));
        for e in &mut *executors {
            let result = world.check_sequence_by(&s, &mut **e);
            tally.note(&kind(e.name()), result);
        }
    }
    world.leave_sequences();
    out
}
