//! Vectors of `oracle/oracle.c`, and the world its programs live in.
//!
//! The oracle's programs run in user mode, in a flat 32-bit segment or in a 16-bit segment of the LDT based
//! at the window; nothing else of the low 4 GB is mapped. So it is here: the window is mapped for users; the
//! tables, handlers and stack of a minimal kernel lie in supervisor pages far above. Most ways of running
//! look at the exception undelivered; the main loop delivers it through gate, stack switch and frame.

pub mod segments;
pub mod sequences;

use crate::executor::Executor;
use crate::undefined;
use cpu::decode::{BlockDecoder, ends_block};
use cpu::exec::Exec;
use cpu::harness::{Harness, SegmentState, State, TableState};
use cpu::insn::{Helper, Insn, Op, StringOp, Width};
use cpu::mmu::OutOfMemory;
use cpu::{Cpu, Stop};
use serde::Deserialize;
use std::fmt::Write;
use x86::{cr0, eflags, gpr, vector};

/// Linear address of the window, and base of the 16-bit segments.
pub const WINDOW: u32 = 0x40_0000;
/// Its length.
pub const SPAN: u32 = 0x1_0000;
/// Offset of the code in it.
const CODE: u32 = 0x1000;
/// Offset from which on the oracle shows changed memory.
const SHOWN: u32 = 0x2000;
/// Steps after which a repeated instruction is given up.
const MOST_STEPS: usize = 400;
/// The flags the oracle prints: status and direction.
const FLAGS: u32 = eflags::STATUS | eflags::DF;

// Physical memory.
const RAM: u64 = 1 << 20;
const DIRECTORY: u32 = 0;
const WINDOW_TABLE: u32 = 0x1000;
const KERNEL_TABLE: u32 = 0x2000;
const GDT: u32 = 0x3000;
const LDT: u32 = 0x3100;
const TSS: u32 = 0x3200;
const IDT: u32 = 0x3400;
const HANDLERS: u32 = 0x4000;
const STACK_TOP: u32 = 0x6000;
const WINDOW_AT: u32 = 0x1_0000;
/// Linear address of physical address 0.
const KERNEL: u32 = 0xC000_0000;
/// Bytes between two handlers, each a HLT.
const HANDLER: u32 = 16;

/// Registers of a vector; what it does not name has not changed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Regs {
    ax: Option<String>,
    cx: Option<String>,
    dx: Option<String>,
    bx: Option<String>,
    sp: Option<String>,
    bp: Option<String>,
    si: Option<String>,
    di: Option<String>,
    ip: Option<String>,
    fl: Option<String>,
    mxcsr: Option<u32>,
    xmm: Option<Vec<String>>,
}

/// One line of the oracle.
#[derive(Debug, Deserialize)]
struct Line {
    m: u32,
    b: String,
    i: Regs,
    ram: Vec<(String, String)>,
    f: Regs,
    mem: Vec<(String, String)>,
    ex: Option<String>,
    cr2: Option<String>,
}

/// Integer registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// In the order of their numbers.
    pub gpr: [u32; 8],
    /// Instruction pointer.
    pub ip: u32,
    /// Flags, those the oracle prints.
    pub flags: u32,
}

/// The SSE registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sse {
    /// The first eight, each as its low and high half.
    pub xmm: [[u64; 2]; 8],
    /// Control and status.
    pub mxcsr: u32,
}

/// A test vector.
#[derive(Clone, Debug)]
pub struct Vector {
    /// 16 or 32.
    pub mode: u32,
    /// The instruction.
    pub bytes: Vec<u8>,
    /// Before.
    pub before: Registers,
    /// Memory before: linear address and bytes; the rest of the window is zero.
    pub ram: Vec<(u32, Vec<u8>)>,
    /// After.
    pub after: Registers,
    /// SSE registers before and after, where the class has them.
    pub sse: Option<[Sse; 2]>,
    /// What changed in memory.
    pub changed: Vec<(u32, Vec<u8>)>,
    /// The signal's name for the exception.
    pub exception: Option<String>,
    /// CR2 after a page fault.
    pub cr2: u32,
}

fn hex(s: &str) -> Option<u32> {
    u64::from_str_radix(s, 16).ok().map(|v| v as u32)
}

fn bytes(s: &str) -> Option<Vec<u8>> {
    (0..s.len() / 2).map(|n| u8::from_str_radix(s.get(2 * n..2 * n + 2)?, 16).ok()).collect()
}

fn places(list: &[(String, String)]) -> Option<Vec<(u32, Vec<u8>)>> {
    list.iter().map(|(at, data)| Some((hex(at)?, bytes(data)?))).collect()
}

fn registers(r: &Regs, default: &Registers) -> Option<Registers> {
    let get = |s: &Option<String>, old: u32| s.as_deref().map_or(Some(old), hex);
    let named = [&r.ax, &r.cx, &r.dx, &r.bx, &r.sp, &r.bp, &r.si, &r.di];
    let mut out = *default;
    for (slot, s) in out.gpr.iter_mut().zip(named) {
        *slot = get(s, *slot)?;
    }
    out.ip = get(&r.ip, out.ip)?;
    out.flags = get(&r.fl, out.flags)? & FLAGS;
    Some(out)
}

/// SSE registers, if they are named.
fn sse(r: &Regs) -> Option<Sse> {
    let mut xmm = [[0; 2]; 8];
    for (slot, s) in xmm.iter_mut().zip(r.xmm.as_ref()?) {
        let v = u128::from_le_bytes(bytes(s)?.try_into().ok()?);
        *slot = [v as u64, (v >> 64) as u64];
    }
    Some(Sse { xmm, mxcsr: r.mxcsr? })
}

impl Vector {
    /// Reads one line of the oracle; `None` if it is not one.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let l: Line = serde_json::from_str(line).ok()?;
        let before = registers(&l.i, &Registers { gpr: [0; 8], ip: 0, flags: 0 })?;
        Some(Self {
            mode: l.m,
            bytes: bytes(&l.b)?,
            before,
            ram: places(&l.ram)?,
            after: registers(&l.f, &before)?,
            sse: sse(&l.i).map(|before| [before, sse(&l.f).unwrap_or(before)]),
            changed: places(&l.mem)?,
            exception: l.ex,
            cr2: l.cr2.as_deref().map_or(Some(0), hex)?,
        })
    }

    /// The bytes after the prefixes, and whether one of them was F2 or F3.
    fn opcode(&self) -> (&[u8], bool) {
        let is_prefix = |b: &u8| matches!(b, 0x26 | 0x2E | 0x36 | 0x3E | 0x64..=0x67 | 0xF0 | 0xF2 | 0xF3);
        let n = self.bytes.iter().take_while(|b| is_prefix(b)).count();
        (&self.bytes[n..], self.bytes[..n].iter().any(|b| matches!(b, 0xF2 | 0xF3)))
    }

    /// Opcode bytes, and the ModRM extension of those that have one, for grouping.
    #[must_use]
    pub fn kind(&self) -> String {
        let (op, _) = self.opcode();
        let ext = |n: usize| op.get(n).map_or(0, |b| b >> 3 & 7);
        match op {
            [0x0F, b @ 0xBA, ..] => format!("{} bits: 0F{b:02X}/{}", self.mode, ext(2)),
            [0x0F, b, ..] => format!("{} bits: 0F{b:02X}", self.mode),
            [b @ (0x80..=0x83 | 0xC0 | 0xC1 | 0xD0..=0xD3 | 0xF6 | 0xF7 | 0xFE | 0xFF), ..] => {
                format!("{} bits: {b:02X}/{}", self.mode, ext(1))
            }
            [b, ..] => format!("{} bits: {b:02X}", self.mode),
            [] => "no opcode".to_owned(),
        }
    }

    /// Whether it is a repeated string instruction that may have overwritten itself: another goes on in its place then, which is
    /// the main loop's to see.
    #[must_use]
    pub fn repeats_over_itself(&self, i: &Insn) -> bool {
        let writes = matches!(i.op, Op::Helper(Helper::String(StringOp::Movs | StringOp::Stos)));
        let di = |r: &Registers| r.gpr[usize::from(gpr::DI)] & i.mem.asz.mask() as u32;
        let (a, b) = (di(&self.before), di(&self.after));
        // Code and destination are in segments of the same base.
        let (begin, end) = (self.before.ip, self.before.ip.saturating_add(u32::from(i.len)));
        i.repeats() && writes && a.min(b) < end && begin <= a.max(b).saturating_add(i.w.bytes())
    }

    /// Why the vector says nothing about our processor, if so.
    #[must_use]
    pub fn beyond(&self) -> Option<&'static str> {
        let (op, repeat) = self.opcode();
        let is_register = |b: &u8| *b >= 0xC0;
        match op {
            // Class int prints no x87 state.
            [0xD8..=0xDF, ..] => Some("x87 state not in the vector"),
            [0x0F, 0xBC | 0xBD, ..] if repeat => Some("TZCNT and LZCNT are not announced"),
            // Reserved; F3 makes AMD's LOOPNE a LOOPE, and F2 the other way round.
            [0xE0 | 0xE1, ..] if repeat => Some("LOOPE and LOOPNE with F2 or F3 are the maker's choice"),
            // AMD: #UD; Intel: a reserved NOP.
            [0x0F, 0x0D, m, ..] if is_register(m) => Some("0F0D with a register is the maker's choice"),
            _ => None,
        }
    }
}

/// What an instruction did.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    registers: Registers,
    /// The exception, and CR2.
    exception: Option<(u8, u32)>,
}

/// The user's world; see the module documentation.
#[derive(Debug)]
pub struct World {
    harness: Harness,
    /// State at the beginning of a test, for 16 and for 32 bits.
    templates: [Cpu; 2],
    /// The window as it should be.
    expected: Vec<u8>,
}

fn descriptor(base: u32, limit: u32, access: u8, flags: u8) -> u64 {
    let (b, l) = (u64::from(base), u64::from(limit));
    l & 0xFFFF
        | (b & 0xFF_FFFF) << 16
        | u64::from(access) << 40
        | (l >> 16 & 15) << 48
        | u64::from(flags) << 52
        | (b >> 24) << 56
}

fn user_state(mode: u32) -> State {
    let mut h = Harness::new(0x1000).expect("host memory");
    let mut s = {
        h.reset();
        h.state()
    };
    let seg = |selector: u16, base: u32, limit: u32, rights: u16| SegmentState {
        selector,
        base: u64::from(base),
        limit,
        rights,
    };
    let null = SegmentState::default();
    let (code, data) = if mode == 16 {
        (seg(7, WINDOW, 0xFFFF, 0x00FB), seg(15, WINDOW, 0xFFFF, 0x00F3))
    } else {
        (seg(0x23, 0, u32::MAX, 0xC0FB), seg(0x2B, 0, u32::MAX, 0xC0F3))
    };
    s.segments = [data, code, data, data, null, null];
    s.gdtr = TableState { base: u64::from(KERNEL + GDT), limit: 0x3F };
    s.idtr = TableState { base: u64::from(KERNEL + IDT), limit: 0xFF };
    s.ldtr = seg(0x38, KERNEL + LDT, 0xF, 0x82);
    s.tr = seg(0x30, KERNEL + TSS, 0x67, 0x8B);
    s.cr0 = cr0::PE | cr0::PG | cr0::WP | cr0::NE | cr0::ET | cr0::MP;
    s.cr3 = u64::from(DIRECTORY);
    s.cr4 = x86::cr4::OSFXSR | x86::cr4::OSXMMEXCPT;
    s.cpl = 3;
    s.eflags = eflags::ONE | eflags::IF;
    s
}

impl World {
    /// Builds it.
    ///
    /// # Errors
    /// When the host does not have the memory.
    pub fn new() -> Result<Self, OutOfMemory> {
        const PRESENT_WRITABLE: u32 = 3;
        const USER: u32 = 4;
        let mut harness = Harness::new(RAM)?;
        let h = &mut harness;
        let word = |h: &mut Harness, at: u32, v: u32| h.write_memory(u64::from(at), &v.to_le_bytes());
        word(h, DIRECTORY + (WINDOW >> 22) * 4, WINDOW_TABLE | PRESENT_WRITABLE | USER);
        word(h, DIRECTORY + (KERNEL >> 22) * 4, KERNEL_TABLE | PRESENT_WRITABLE);
        for page in 0..SPAN >> 12 {
            word(h, WINDOW_TABLE + page * 4, WINDOW_AT + (page << 12) | PRESENT_WRITABLE | USER);
            word(h, KERNEL_TABLE + page * 4, page << 12 | PRESENT_WRITABLE);
        }
        let gdt = [
            (1, descriptor(0, 0xF_FFFF, 0x9B, 0xC)),
            (2, descriptor(0, 0xF_FFFF, 0x9B, 0xC)),
            (3, descriptor(0, 0xF_FFFF, 0x93, 0xC)),
            (4, descriptor(0, 0xF_FFFF, 0xFB, 0xC)),
            (5, descriptor(0, 0xF_FFFF, 0xF3, 0xC)),
            (6, descriptor(KERNEL + TSS, 0x67, 0x8B, 0)),
            (7, descriptor(KERNEL + LDT, 0xF, 0x82, 0)),
        ];
        for (n, d) in gdt {
            h.write_memory(u64::from(GDT) + n * 8, &d.to_le_bytes());
        }
        h.write_memory(u64::from(LDT), &descriptor(WINDOW, 0xFFFF, 0xFB, 0).to_le_bytes());
        h.write_memory(u64::from(LDT) + 8, &descriptor(WINDOW, 0xFFFF, 0xF3, 0).to_le_bytes());
        word(h, TSS + 4, KERNEL + STACK_TOP);
        word(h, TSS + 8, 0x18);
        word(h, TSS + 0x64, 0x68 << 16);
        for n in 0..32 {
            let at = KERNEL + HANDLERS + n * HANDLER;
            let gate = u64::from(at & 0xFFFF) | 8 << 16 | 0x8E00 << 32 | u64::from(at >> 16) << 48;
            h.write_memory(u64::from(IDT + n * 8), &gate.to_le_bytes());
            h.write_memory(u64::from(HANDLERS + n * HANDLER), &[0xF4]);
        }
        let templates = [16, 32].map(|mode| {
            h.set_state(&user_state(mode));
            h.processor().cpu.clone()
        });
        Ok(Self { harness, templates, expected: vec![0; SPAN as usize] })
    }

    /// The processor, to be given a translator.
    pub fn processor(&mut self) -> &mut cpu::Processor {
        self.harness.processor()
    }

    /// Runs a program from a state of user mode until it leaves it, by an exception (which HLT is too), or for so many
    /// instructions. Memory is what the vector says, and stays as it is afterwards.
    pub(crate) fn run_program(
        &mut self,
        mode: u32,
        code: &[u8],
        ram: &[(u32, Vec<u8>)],
        most: u64,
        set: impl FnOnce(&mut Cpu),
    ) {
        self.load(WINDOW, &[0; SPAN as usize]);
        for (at, data) in ram {
            self.load(*at, data);
        }
        self.load(WINDOW + CODE, code);
        let p = self.harness.processor();
        let count = p.cpu.count;
        p.cpu = Cpu { count, ..self.templates[usize::from(mode == 32)].clone() };
        set(&mut p.cpu);
        p.state_changed();
        p.run(count + most);
    }

    /// The processor, its memory and all.
    pub(crate) fn harness(&mut self) -> &mut Harness {
        &mut self.harness
    }

    /// Copies bytes into the window.
    fn load(&mut self, linear: u32, data: &[u8]) {
        let at = linear.wrapping_sub(WINDOW);
        if at < SPAN {
            self.harness.processor().mmu.load_ram(u64::from(WINDOW_AT + at), data);
        }
    }

    fn expect(&mut self, linear: u32, data: &[u8]) {
        let at = linear.wrapping_sub(WINDOW) as usize;
        if let Some(room) = self.expected.get_mut(at..at + data.len()) {
            room.copy_from_slice(data);
        }
    }

    /// Brings processor and memory to the state before the vector; the code stays as it is if `again`.
    fn prepare(&mut self, v: &Vector, again: bool) {
        if !again {
            let code = [&v.bytes[..], &[0xF4]].concat();
            self.load(WINDOW + CODE, &code);
        }
        for (at, data) in &v.ram {
            self.load(*at, data);
        }
        self.prepare_processor(v.mode, &v.before);
        if let Some([before, _]) = v.sse {
            let p = self.harness.processor();
            p.cpu.xmm[..8].copy_from_slice(&before.xmm);
            p.cpu.mxcsr = before.mxcsr;
        }
    }

    fn prepare_processor(&mut self, mode: u32, before: &Registers) {
        let p = self.harness.processor();
        p.cpu = self.templates[usize::from(mode == 32)].clone();
        for (slot, value) in p.cpu.regs.iter_mut().zip(before.gpr) {
            *slot = u64::from(value);
        }
        p.cpu.eip = u64::from(before.ip);
        p.cpu.set_eflags(before.flags | eflags::ONE | eflags::IF);
        p.leave = false;
        p.index = 0;
        p.limit = u64::MAX;
        p.state_changed();
    }

    /// Makes everything the vector touched zero again, or, if anything may have gone wrong, everything.
    fn clean(&mut self, v: &Vector, passed: bool) {
        let zeros = vec![0; SPAN as usize];
        if passed {
            for (at, data) in v.ram.iter().chain(&v.changed) {
                self.load(*at, &zeros[..data.len()]);
                self.expect(*at, &zeros[..data.len()]);
            }
        } else {
            self.load(WINDOW, &zeros);
            self.expected.fill(0);
        }
        let code = v.bytes.len() + 1;
        self.load(WINDOW + CODE, &zeros[..code]);
        self.expect(WINDOW + CODE, &zeros[..code]);
        self.scrub(code);
    }

    /// Undoes what the instruction wrote over itself and around, leaving decoded code valid if there is nothing.
    fn restore_code(&mut self, v: &Vector) {
        let code = [&v.bytes[..], &[0xF4]].concat();
        let at = u64::from(WINDOW_AT + CODE);
        if self.harness.processor().mmu.ram().slice(at, code.len()) != Some(&code[..]) {
            self.load(WINDOW + CODE, &code);
        }
        self.scrub(code.len());
    }

    /// Undoes writes below what the oracle shows, the `code` bytes of the program excepted.
    fn scrub(&mut self, code: usize) {
        let low = self
            .harness
            .processor()
            .mmu
            .ram()
            .slice(u64::from(WINDOW_AT), SHOWN as usize)
            .unwrap_or_default();
        let keep = CODE as usize..CODE as usize + code;
        let dirty = |(at, b): (usize, &u8)| (*b != 0 && !keep.contains(&at)).then_some(at);
        let found: Vec<usize> = low.iter().enumerate().filter_map(dirty).collect();
        for at in found {
            self.load(WINDOW + at as u32, &[0]);
        }
    }

    /// The vector's instruction, decoded.
    #[must_use]
    pub fn decode(&self, v: &Vector) -> Option<Insn> {
        let mode = self.templates[usize::from(v.mode == 32)].mode;
        let mut code = v.bytes.clone();
        code.resize(v.bytes.len() + 16, 0xF4);
        BlockDecoder::new(&code, mode).next_insn().ok()
    }

    /// Runs a vector through an executor.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn check(&mut self, v: &Vector, i: &Insn, by: &mut dyn Executor) -> Result<(), String> {
        self.prepare(v, false);
        let outcome = step(self.harness.processor(), i, by);
        let result = self.compare(v, i, &outcome).map_err(|e| describe(v, i, by.name(), &e));
        self.clean(v, result.is_ok());
        result
    }

    /// Runs a vector through the main loop: one instruction at a time; then, with the block known, whole.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn check_loop(&mut self, v: &Vector, i: &Insn) -> Result<(), String> {
        self.prepare(v, false);
        let mut steps = 0;
        loop {
            let p = self.harness.processor();
            let limit = p.cpu.count + 1;
            p.run(limit);
            steps += 1;
            if p.cpu.cpl == 0 || p.cpu.eip != u64::from(v.before.ip) || steps >= MOST_STEPS {
                break;
            }
        }
        let outcome = self.after_delivery(v);
        let mut result = self.compare(v, i, &outcome).map_err(|e| describe(v, i, "main loop, stepping", &e));
        // The HLT after it, which is #GP here, belongs to the block unless the instruction ends it. A branch
        // taken out of a block finds another HLT, if there is room for one.
        let block = if ends_block(i.op) { 1 } else { 2 };
        let target =
            v.after.ip.wrapping_add(if v.mode == 16 { WINDOW } else { 0 }).wrapping_sub(WINDOW + CODE);
        let taken = matches!(i.op, Op::Jcc(_) | Op::Loop | Op::Loope | Op::Loopne | Op::Jcxz)
            && target != u32::from(i.len);
        let room = !taken || target > u32::from(i.len) && target < SHOWN - CODE;
        if result.is_ok() && steps == 1 && room {
            for name in ["main loop, block decoded", "main loop, block known"] {
                self.prepare(v, true);
                for (at, data) in &v.changed {
                    if !v.ram.iter().any(|(a, d)| a <= at && at + data.len() as u32 <= a + d.len() as u32) {
                        self.load(*at, &vec![0; data.len()]);
                    }
                }
                for (at, data) in &v.ram {
                    self.load(*at, data);
                }
                self.restore_code(v);
                if taken {
                    self.load(WINDOW + CODE + target, &[0xF4]);
                }
                self.expected.fill(0);
                let p = self.harness.processor();
                let limit = p.cpu.count + block;
                p.run(limit);
                let outcome = self.after_delivery(v);
                result = result.and(self.compare(v, i, &outcome).map_err(|e| describe(v, i, name, &e)));
            }
        }
        self.clean(v, result.is_ok());
        result
    }

    /// The outcome as the main loop leaves it: from the handler's frame, if one was entered.
    fn after_delivery(&mut self, v: &Vector) -> Outcome {
        let outcome = self.delivered();
        // What comes from the HLT after the instruction does not count.
        let exception = outcome.exception.filter(|_| outcome.registers.ip == v.before.ip);
        Outcome { exception, ..outcome }
    }

    /// The same, whatever instruction raised the exception.
    fn delivered(&mut self) -> Outcome {
        let p = self.harness.processor();
        if p.cpu.cpl != 0 {
            return Outcome { registers: user_registers(&p.cpu, p.cpu.eip as u32), exception: None };
        }
        let (number, _, frame) = self.handler_frame();
        let p = self.harness.processor();
        let mut registers = user_registers(&p.cpu, frame[0]);
        registers.flags = frame[2] & FLAGS;
        registers.gpr[usize::from(gpr::SP)] = frame[3];
        Outcome { registers, exception: Some((number, p.cpu.cr2 as u32)) }
    }

    /// The exception whose handler was entered last, its error code (0 if it has none), and what lies above that on the
    /// handler's stack: EIP, CS, EFLAGS, ESP, SS.
    fn handler_frame(&mut self) -> (u8, u32, [u32; 5]) {
        let p = self.harness.processor();
        let number = ((p.cpu.eip as u32).wrapping_sub(KERNEL + HANDLERS) / HANDLER) as u8;
        let has_error = matches!(number, 8 | 10..=14 | 17);
        let top = (p.cpu.regs[usize::from(gpr::SP)] as u32).wrapping_sub(KERNEL);
        let word = |at: u32| {
            let bytes = p.mmu.ram().slice(u64::from(at), 4).and_then(|b| b.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let (error, frame) = if has_error { (word(top), top + 4) } else { (0, top) };
        (number, error, std::array::from_fn(|n| word(frame + 4 * n as u32)))
    }

    fn compare(&mut self, v: &Vector, i: &Insn, got: &Outcome) -> Result<(), String> {
        let cl = v.before.gpr[usize::from(gpr::CX)] as u8;
        let undefined = if v.exception.is_some() { 0 } else { undefined::flags(i, cl) };
        let mut wrong = differences(v, i, got, undefined);
        self.compare_sse(v, &mut wrong);
        if !any_memory(v, i) {
            self.compare_memory(v, i, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn compare_sse(&mut self, v: &Vector, wrong: &mut String) {
        let Some([before, after]) = v.sse else { return };
        let cpu = &self.harness.processor().cpu;
        for (n, (want, got)) in after.xmm.iter().zip(&cpu.xmm).enumerate() {
            if want != got {
                let _ = write!(wrong, " xmm{n} {want:x?}, got {got:x?};");
            }
        }
        if cpu.mxcsr != after.mxcsr {
            let _ = write!(wrong, " mxcsr {:x}, got {:x};", after.mxcsr, cpu.mxcsr);
        }
        if !wrong.is_empty() {
            let _ = write!(wrong, " from {before:x?}");
        }
    }

    fn compare_memory(&mut self, v: &Vector, i: &Insn, wrong: &mut String) {
        let code = [&v.bytes[..], &[0xF4]].concat();
        self.expect(WINDOW + CODE, &code);
        for (at, data) in v.ram.iter().chain(&v.changed) {
            self.expect(*at, data);
        }
        if i.op == Op::Helper(Helper::Pushf) {
            // The oracle's single step is in the pushed flags.
            let base = if v.mode == 16 { WINDOW } else { 0 };
            let at = base.wrapping_add(v.after.gpr[usize::from(gpr::SP)] + 1).wrapping_sub(WINDOW) as usize;
            if let Some(b) = self.expected.get_mut(at) {
                *b &= !1;
            }
        }
        let window =
            self.harness.processor().mmu.ram().slice(u64::from(WINDOW_AT), SPAN as usize).unwrap_or_default();
        let shown = SHOWN as usize;
        if window[shown..] == self.expected[shown..] {
            return;
        }
        let differ =
            window.iter().zip(&self.expected).enumerate().skip(shown).filter(|(_, (got, want))| got != want);
        for (at, (got, want)) in differ.take(8) {
            let _ = write!(wrong, " [{:x}] {want:02x}, got {got:02x};", WINDOW as usize + at);
        }
    }
}

/// How registers and exception differ from the vector's, in words; flags of `undefined` are not compared.
fn differences(v: &Vector, i: &Insn, got: &Outcome, undefined: u32) -> String {
    let mut wrong = String::new();
    match (&v.exception, got.exception) {
        (None, None) => {}
        (Some(name), Some((number, cr2))) => {
            if !(same_exception(name, number) || at_the_top(v, i, number, cr2)) {
                let _ = write!(wrong, " exception {name}, got {number};");
            } else if number == vector::PF && name == "PF" && cr2 != v.cr2 && !other_operand(v, i, cr2) {
                let _ = write!(wrong, " CR2 {:x}, got {cr2:x};", v.cr2);
            }
        }
        (want, got) => {
            let _ = write!(wrong, " exception {want:?}, got {got:x?};");
        }
    }
    let undefined_register = undefined_register(v, i);
    for (n, name) in ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"].iter().enumerate() {
        let (want, got) = (v.after.gpr[n], got.registers.gpr[n]);
        if want != got && undefined_register != Some(n) {
            let _ = write!(wrong, " {name} {want:x}, got {got:x};");
        }
    }
    if v.after.ip != got.registers.ip {
        let _ = write!(wrong, " ip {:x}, got {:x};", v.after.ip, got.registers.ip);
    }
    let differ = (v.after.flags ^ got.registers.flags) & FLAGS & !undefined;
    if differ != 0 {
        let _ = write!(
            wrong,
            " flags {:x}, got {:x} (differ in {differ:x});",
            v.after.flags, got.registers.flags
        );
    }
    wrong
}

/// A fault within ENTER may come after some of its pushes, or before.
fn any_memory(v: &Vector, i: &Insn) -> bool {
    i.op == Op::Helper(Helper::Enter) && v.exception.is_some()
}

fn user_registers(cpu: &Cpu, ip: u32) -> Registers {
    Registers { gpr: std::array::from_fn(|n| cpu.regs[n] as u32), ip, flags: cpu.eflags() & FLAGS }
}

/// One instruction, repeated until it is finished; exceptions undelivered.
fn step(x: &mut Exec<'_>, i: &Insn, by: &mut dyn Executor) -> Outcome {
    let start = x.cpu.eip;
    for _ in 0..MOST_STEPS {
        x.cpu.next_eip = start.wrapping_add(u64::from(i.len)) & 0xFFFF_FFFF;
        x.jumped = false;
        match by.step(x, i) {
            Err(Stop::Fault) => {
                let exception = Some((x.cpu.fault.vector, x.cpu.cr2 as u32));
                return Outcome { registers: user_registers(&x.cpu, start as u32), exception };
            }
            Err(Stop::NotHere) => break,
            // A repetition, or a LOOP to itself: the oracle steps until the instruction pointer moves.
            Ok(()) if x.cpu.next_eip == start => {}
            Ok(()) => break,
        }
    }
    Outcome { registers: user_registers(&x.cpu, x.cpu.next_eip as u32), exception: None }
}

/// Linux makes one signal of several exceptions.
fn same_exception(name: &str, number: u8) -> bool {
    match name {
        "UD" => number == vector::UD,
        "DE" => number == vector::DE,
        "GP" => matches!(number, vector::GP | vector::BR | vector::OF),
        "SS" => matches!(number, vector::SS | vector::NP),
        "PF" => number == vector::PF,
        "MF" => matches!(number, vector::MF | vector::XM),
        "AC" => number == vector::AC,
        _ => false,
    }
}

/// An access past the last byte of a 4 GB segment may be a limit violation or wrap around (SDM vol. 3, 5.3).
/// Nothing is mapped up there, so that wrapping ends in a page fault.
fn at_the_top(v: &Vector, i: &Insn, number: u8, cr2: u32) -> bool {
    let near = |at: u32| at > u32::MAX - if v.sse.is_some() { 16 } else { 8 };
    // CMPS may have faulted at its other operand.
    let compares = i.op == Op::Helper(Helper::String(StringOp::Cmps));
    let at = near(cr2) || compares && near(v.before.gpr[usize::from(gpr::DI)]);
    matches!(v.exception.as_deref(), Some("GP" | "SS")) && v.mode == 32 && number == vector::PF && at
}

/// CMPS has two operands, and the manual does not say which is read first.
fn other_operand(v: &Vector, i: &Insn, cr2: u32) -> bool {
    let near = |r: u8, at: u32| at.wrapping_sub(v.before.gpr[usize::from(r)]) < i.w.bytes();
    let operands = [gpr::SI, gpr::DI];
    let is_operand = |at: u32| operands.iter().any(|r| near(*r, at));
    i.op == Op::Helper(Helper::String(StringOp::Cmps)) && is_operand(cr2) && is_operand(v.cr2)
}

/// The register that a scan of zero leaves undefined.
fn undefined_register(v: &Vector, i: &Insn) -> Option<usize> {
    let scan = matches!(i.op, Op::Bsf | Op::Bsr);
    (scan && v.exception.is_none() && v.after.flags & eflags::ZF != 0).then_some(usize::from(i.r0))
}

fn describe(v: &Vector, i: &Insn, by: &str, wrong: &str) -> String {
    let hex: String = v.bytes.iter().fold(String::new(), |s, b| s + &format!("{b:02x}"));
    let width = |w: Width| w.bits();
    format!(
        "{hex} ({:?}, {} bits) through {by}: before {:x?} ip {:x} flags {:x}; expected{wrong}",
        i.op,
        width(i.w),
        v.before.gpr,
        v.before.ip,
        v.before.flags
    )
}

/// Why a vector of class sse decoded to `i` cannot be compared here, if so.
#[must_use]
pub fn not_comparable_sse(v: &Vector, i: &Insn) -> Option<&'static str> {
    use cpu::micro::SseArith::{Rcp, Rsqrt};
    use cpu::semantics::sse::SseOp;
    match i.op {
        Op::Undefined if v.exception.as_deref() != Some("UD") => Some("SSE4A"),
        Op::Sse(SseOp::Scalar(Rcp | Rsqrt) | SseOp::Packed(Rcp | Rsqrt)) => {
            Some("estimates are the maker's choice")
        }
        Op::Sse(SseOp::MovToMmx | SseOp::MovFromMmx | SseOp::FromMmx(_) | SseOp::ToMmx(_)) | Op::Mmx(_) => {
            Some("x87 state not looked at")
        }
        Op::Sse(_) | Op::Undefined | Op::Popcnt | Op::Crc32 | Op::Movbe => None,
        _ => Some("other instructions"),
    }
}

/// Why a vector decoded to `i` cannot be compared, if so.
#[must_use]
pub fn not_comparable(v: &Vector, i: &Insn) -> Option<&'static str> {
    let cl = v.before.gpr[usize::from(gpr::CX)] as u8;
    v.beyond().or_else(|| undefined::result(i, cl).then_some("undefined result"))
}
