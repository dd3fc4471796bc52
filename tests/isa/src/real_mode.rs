//! The world of the 80286's vectors: real mode, 16 MB of RAM, A20 open.

use crate::executor::Executor;
use crate::moo::{CS, FLAGS, IP, REGISTERS, SP, SS, Test};
use cpu::decode::{BlockDecoder, MAX_LEN};
use cpu::harness::{Ended, Harness};
use cpu::helpers::interrupt::{Delivered, deliver_fault};
use cpu::insn::{Helper, Insn, Op};
use cpu::mmu::OutOfMemory;
use cpu::state::Segment;
use cpu::{Cpu, Stop};
use std::fmt::Write;
use x86::{Seg, gpr};

const RAM: u64 = 16 << 20;
/// Instructions after which a test is given up; repeated ones count each time.
const MOST: u64 = 200_000;
/// An 80286 has no flags above these in real mode.
const EXISTING: u16 = 0x0FFF;

/// General registers in the order of a MOO file: their places there, and their numbers.
const GENERAL: [(usize, u8); 8] = [
    (0, gpr::AX),
    (1, gpr::BX),
    (2, gpr::CX),
    (3, gpr::DX),
    (8, gpr::SP),
    (9, gpr::BP),
    (10, gpr::SI),
    (11, gpr::DI),
];
const SEGMENTS: [(usize, Seg); 4] = [(CS, Seg::Cs), (SS, Seg::Ss), (6, Seg::Ds), (7, Seg::Es)];

/// See the module documentation.
#[derive(Debug)]
pub struct RealMode {
    harness: Harness,
    reset: Cpu,
}

impl RealMode {
    /// Builds it.
    ///
    /// # Errors
    /// When the host does not have the memory.
    pub fn new() -> Result<Self, OutOfMemory> {
        let mut harness = Harness::new(RAM)?;
        let reset = harness.processor().cpu.clone();
        Ok(Self { harness, reset })
    }

    fn prepare(&mut self, t: &Test) {
        let p = self.harness.processor();
        p.cpu = self.reset.clone();
        let get = |n: usize| t.before.registers[n].unwrap_or(0);
        for (n, r) in GENERAL {
            p.cpu.regs[usize::from(r)] = u64::from(get(n));
        }
        for (n, s) in SEGMENTS {
            p.cpu.segs[s as usize] = Segment::real(get(n), s == Seg::Cs);
        }
        p.cpu.idtr.limit = 0x3FF;
        p.cpu.eip = u64::from(get(IP));
        p.cpu.set_eflags(u32::from(get(FLAGS) & EXISTING));
        for (at, v) in &t.before.ram {
            p.mmu.load_ram(u64::from(*at), &[*v]);
        }
        p.leave = false;
        p.index = 0;
        p.limit = u64::MAX;
        p.state_changed();
    }

    fn clean(&mut self, t: &Test) {
        let p = self.harness.processor();
        for (at, _) in t.before.ram.iter().chain(&t.after.ram) {
            p.mmu.load_ram(u64::from(*at), &[0]);
        }
    }

    /// Runs a test through the main loop.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn check_loop(&mut self, t: &Test, flags_mask: u16) -> Result<(), String> {
        self.prepare(t);
        let ended = self.harness.run_to_halt(MOST);
        self.conclude(t, flags_mask, ended == Ended::Halted)
    }

    /// Runs a test through an executor.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn check(&mut self, t: &Test, flags_mask: u16, by: &mut dyn Executor) -> Result<(), String> {
        self.prepare(t);
        let halted = (0..MOST).find_map(|_| self.step(by)).unwrap_or(false);
        self.conclude(t, flags_mask, halted)
    }

    /// The exception that a test's instruction itself raises.
    pub fn exception(&mut self, t: &Test, by: &mut dyn Executor) -> Option<u8> {
        self.prepare(t);
        let x = self.harness.processor();
        let start = x.cpu.eip;
        let i = decode(&x.cpu, x.mmu.ram().slice(x.cpu.segs[Seg::Cs as usize].base + start, MAX_LEN))?;
        x.cpu.next_eip = start + u64::from(i.len) & 0xFFFF;
        let result = by.step(x, &i);
        let vector = x.cpu.fault.vector;
        self.clean(t);
        result.is_err().then_some(vector)
    }

    /// One instruction; at the end, whether it is that of a halted processor.
    fn step(&mut self, by: &mut dyn Executor) -> Option<bool> {
        let x = self.harness.processor();
        let start = x.cpu.eip;
        let Some(i) = decode(&x.cpu, x.mmu.ram().slice(x.cpu.segs[Seg::Cs as usize].base + start, MAX_LEN))
        else {
            return Some(false);
        };
        x.cpu.next_eip = start + u64::from(i.len) & 0xFFFF;
        let outside = start + u64::from(i.len) > 0x1_0000;
        x.jumped = false;
        let result = if outside { Err(x.gp0()) } else { by.step(x, &i) };
        match result {
            Ok(()) => x.cpu.eip = x.cpu.next_eip,
            Err(Stop::Fault) if deliver_fault(x) == Delivered::Handler => {}
            Err(_) => return Some(false),
        }
        (i.op == Op::Helper(Helper::Hlt)).then_some(true)
    }

    fn conclude(&mut self, t: &Test, flags_mask: u16, halted: bool) -> Result<(), String> {
        let mut wrong = if halted { String::new() } else { " not halted;".to_owned() };
        self.compare(t, flags_mask, &mut wrong);
        self.clean(t);
        if wrong.is_empty() { Ok(()) } else { Err(describe(t, &wrong)) }
    }

    fn compare(&mut self, t: &Test, flags_mask: u16, wrong: &mut String) {
        let p = self.harness.processor();
        let want = |n: usize| t.after.registers[n].or(t.before.registers[n]).unwrap_or(0);
        let general = GENERAL.map(|(n, r)| (n, p.cpu.regs[usize::from(r)] as u16));
        let segments = SEGMENTS.map(|(n, s)| (n, p.cpu.seg(s).selector));
        for (n, got) in general.into_iter().chain(segments).chain([(IP, p.cpu.eip as u16)]) {
            if got != want(n) {
                let _ = write!(wrong, " {} {:x}, got {got:x};", REGISTERS[n], want(n));
            }
        }
        let mask = flags_mask & EXISTING;
        let got = p.cpu.eflags() as u16;
        let differ = (got ^ want(FLAGS)) & mask;
        if differ != 0 {
            let _ = write!(wrong, " flags {:x}, got {got:x} (differ in {differ:x});", want(FLAGS) & EXISTING);
        }
        // Where the flags were pushed, if they were.
        let pushed = t.exception.map(|_| {
            let base = u32::from(t.before.registers[SS].unwrap_or(0)) << 4;
            base + u32::from(t.before.registers[SP].unwrap_or(0).wrapping_sub(2))
        });
        for (at, v) in &t.after.ram {
            let mut mask = 0xFF;
            if pushed == Some(*at) {
                mask = flags_mask as u8;
            } else if pushed.is_some_and(|p| p + 1 == *at) {
                mask = ((flags_mask & EXISTING) >> 8) as u8;
            }
            let got = p.mmu.ram().slice(u64::from(*at), 1).map_or(0, |b| b[0]);
            if (got ^ v) & mask != 0 {
                let _ = write!(wrong, " [{at:x}] {v:02x}, got {got:02x};");
            }
        }
        let kept = t.before.ram.iter().filter(|(at, _)| !t.after.ram.iter().any(|(a, _)| a == at));
        for (at, v) in kept {
            let got = p.mmu.ram().slice(u64::from(*at), 1).map_or(0, |b| b[0]);
            // Flags pushed over bytes that held the same value.
            if got != *v && !pushed.is_some_and(|p| p == *at || p + 1 == *at) {
                let _ = write!(wrong, " [{at:x}] kept {v:02x}, got {got:02x};");
            }
        }
    }
}

fn decode(cpu: &Cpu, bytes: Option<&[u8]>) -> Option<Insn> {
    BlockDecoder::new(bytes?, cpu.mode).next_insn().ok()
}

fn describe(t: &Test, wrong: &str) -> String {
    let hex: String = t.bytes.iter().fold(String::new(), |s, b| s + &format!("{b:02x}"));
    let before: Vec<String> = REGISTERS
        .iter()
        .zip(t.before.registers)
        .map(|(name, v)| format!("{name} {:x}", v.unwrap_or(0)))
        .collect();
    let exception = t.exception.map_or_else(String::new, |v| format!(" (exception {v})"));
    format!("#{} {hex} ({}), before: {}; expected{exception}{wrong}", t.index, t.name, before.join(" "))
}
