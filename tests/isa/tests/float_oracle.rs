//! x87, MMX and SSE instructions against this machine's processor, with all exceptions masked and with some unmasked at
//! random: registers, status, tags and memory; what is stored, pushed and popped when an exception withholds the result,
//! the pending exception, #XM; page faults and misalignment; images of the state.
//!
//! Not compared: the pointers in an x87 environment (newer processors keep them for exceptions only), RCP and
//! RSQRT (the maker's choice), and SSE4A, which we have not. The x87 transcendental instructions may
//! differ by one unit in the last place (SDM vol. 1, 8.3.10), and then in C1. AMD's processors set the flags of a
//! comparison although an unmasked IE forbids it (SDM vol. 2, FCOM and FCOMI), and leave the x87 unit in MMX
//! state after #XM in a conversion to or from MMX registers.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use cpu::decode::BlockDecoder;
use cpu::exec::Exec;
use cpu::float::F80;
use cpu::insn::{Helper, Insn, Op, X87Env};
use cpu::micro::Micro;
use cpu::mmu::{Mmu, Ram};
use cpu::state::Segment;
use cpu::{Cpu, EmptyBus, Stop};
use isa::executor::{self, Executor};
use isa::silicon::Exceptions::{self, Masked, Unmasked};
use isa::silicon::{self, bytes, hex, places};
use isa::tally::Tally;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use x86::descriptor::Rights;
use x86::{cr0, cr4, eflags, vector};

const VECTORS: u32 = 20_000;
/// The window of the oracle's programs. Physical memory is linear memory here; only the window is mapped.
const WINDOW: u32 = 0x40_0000;
const SPAN: usize = 0x1_0000;
const CODE: u32 = 0x1000;
/// The oracle does not show what changes below.
const SHOWN: usize = 0x2000;
const FLAGS: u32 = eflags::STATUS | eflags::DF;
const C1: u16 = 1 << 9;
const CONDITIONS: u16 = 0x4700;

/// What is compared, before or after.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    gpr: [u32; 8],
    ip: u32,
    flags: u32,
    control: u16,
    status: u16,
    used: u8,
    mxcsr: u32,
    /// In the order of the stack.
    st: [F80; 8],
    xmm: [u128; 8],
}

/// The physical register that ST(n) is.
fn slot(status: u16, n: usize) -> usize {
    (usize::from(status >> 11) + n) & 7
}

impl Shown {
    fn parse(v: &Value, old: Option<&Shown>) -> Self {
        let names = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
        let number = |name: &str, old: u32| v[name].as_u64().map_or(old, |n| n as u32);
        Self {
            gpr: std::array::from_fn(|n| match old {
                Some(old) if v[names[n]].is_null() => old.gpr[n],
                _ => hex(&v[names[n]]) as u32,
            }),
            ip: hex(&v["ip"]) as u32,
            flags: hex(&v["fl"]) as u32 & FLAGS,
            control: number("fcw", old.map_or(0, |o| o.control.into())) as u16,
            status: number("fsw", old.map_or(0, |o| o.status.into())) as u16,
            used: number("ftw", old.map_or(0, |o| o.used.into())) as u8,
            mxcsr: number("mxcsr", old.map_or(0, |o| o.mxcsr)),
            st: std::array::from_fn(|n| match old {
                Some(old) if v["st"].is_null() => old.st[n],
                _ => F80::from_bytes(bytes(&v["st"][n]).try_into().unwrap_or_default()),
            }),
            xmm: std::array::from_fn(|n| match old {
                Some(old) if v["xmm"].is_null() => old.xmm[n],
                _ => u128::from_le_bytes(bytes(&v["xmm"][n]).try_into().unwrap_or_default()),
            }),
        }
    }

    fn of(cpu: &Cpu, ip: u64) -> Self {
        let f = &cpu.fpu;
        Self {
            gpr: std::array::from_fn(|n| cpu.regs[n] as u32),
            ip: ip as u32,
            flags: cpu.eflags() & FLAGS,
            control: f.control,
            status: f.status,
            used: !f.empty,
            mxcsr: cpu.mxcsr,
            st: std::array::from_fn(|n| f.st[slot(f.status, n)]),
            xmm: std::array::from_fn(|n| u128::from(cpu.xmm[n][0]) | u128::from(cpu.xmm[n][1]) << 64),
        }
    }

    fn put(&self, cpu: &mut Cpu) {
        for (to, v) in cpu.regs.iter_mut().zip(self.gpr) {
            *to = v.into();
        }
        cpu.eip = self.ip.into();
        cpu.set_eflags(self.flags | eflags::ONE | eflags::IF);
        cpu.fpu.control = self.control;
        cpu.fpu.status = self.status;
        cpu.fpu.empty = !self.used;
        cpu.mxcsr = self.mxcsr;
        for (n, v) in self.st.into_iter().enumerate() {
            cpu.fpu.st[slot(self.status, n)] = v;
        }
        for (to, v) in cpu.xmm.iter_mut().zip(self.xmm) {
            *to = [v as u64, (v >> 64) as u64];
        }
    }

    /// What differs, in words.
    fn differences(&self, got: &Self, wrong: &mut String) {
        let mut note = |name: &str, want: String, got: String| {
            if want != got {
                let _ = write!(wrong, " {name} {want}, got {got};");
            }
        };
        let f80 = |v: F80| format!("{:04x}.{:016x}", v.se, v.mant);
        note("gpr", format!("{:x?}", self.gpr), format!("{:x?}", got.gpr));
        note("ip", format!("{:x}", self.ip), format!("{:x}", got.ip));
        note("flags", format!("{:x}", self.flags), format!("{:x}", got.flags));
        note("control", format!("{:x}", self.control), format!("{:x}", got.control));
        note("status", format!("{:x}", self.status), format!("{:x}", got.status));
        note("used", format!("{:x}", self.used), format!("{:x}", got.used));
        note("mxcsr", format!("{:x}", self.mxcsr), format!("{:x}", got.mxcsr));
        for n in 0..8 {
            note(&format!("st{n}"), f80(self.st[n]), f80(got.st[n]));
            note(&format!("xmm{n}"), format!("{:032x}", self.xmm[n]), format!("{:032x}", got.xmm[n]));
        }
    }
}

struct Vector {
    mode: u32,
    bytes: Vec<u8>,
    before: Shown,
    ram: Vec<(u32, Vec<u8>)>,
    after: Shown,
    changed: Vec<(u32, Vec<u8>)>,
    exception: Option<String>,
    cr2: u32,
}

impl Vector {
    fn parse(line: &str) -> Option<Self> {
        let v: Value = serde_json::from_str(line).ok()?;
        let before = Shown::parse(&v["i"], None);
        Some(Self {
            mode: v["m"].as_u64()? as u32,
            bytes: bytes(&v["b"]),
            after: Shown::parse(&v["f"], Some(&before)),
            before,
            ram: places(&v["ram"]),
            changed: places(&v["mem"]),
            exception: v["ex"].as_str().map(str::to_owned),
            cr2: hex(&v["cr2"]) as u32,
        })
    }

    /// The last of the mandatory prefixes that counts, and the bytes from the opcode on (past 0F).
    fn opcode(&self) -> (u8, &[u8]) {
        let n = self.bytes.iter().take_while(|b| matches!(b, 0x66 | 0xF2 | 0xF3)).count();
        let prefixes = &self.bytes[..n];
        let repeat = prefixes.iter().rfind(|b| **b != 0x66);
        let prefix = repeat.or(prefixes.last()).copied().unwrap_or(0);
        let rest = &self.bytes[n..];
        (prefix, rest.strip_prefix(&[0x0F]).unwrap_or(rest))
    }

    fn kind(&self) -> String {
        let (prefix, op) = self.opcode();
        match *op {
            [a @ 0xD8..=0xDF, b, ..] if self.bytes[0] == a && b >= 0xC0 => {
                format!("{a:02X} {:02X}", if a == 0xD9 { b } else { b & 0xF8 })
            }
            [a @ 0xD8..=0xDF, b, ..] if self.bytes[0] == a => format!("{a:02X} /{}", b >> 3 & 7),
            [a, ..] => format!("{prefix:02X} 0F {a:02X}"),
            [] => String::new(),
        }
    }

    /// Why the vector says nothing about our processor, if so.
    fn beyond(&self) -> Option<&'static str> {
        let (prefix, op) = self.opcode();
        let (a, b) = (op[0], op.get(1).copied().unwrap_or(0));
        if (0xD8..=0xDF).contains(&self.bytes[0]) {
            let top = self.before.status >> 11 & 7;
            return match (a, b >> 3 & 7) {
                (0xD9, 3) if b >= 0xC0 && self.before.used >> top & 1 == 0 => {
                    Some("FSTPNCE of an empty register is undocumented")
                }
                _ => None,
            };
        }
        if self.is_masked_store() && self.exception.is_some() {
            return Some("MASKMOVQ that faults is the maker's choice");
        }
        match (prefix, a) {
            (0xF2 | 0xF3, 0x2B) | (0x66 | 0xF2, 0x78 | 0x79) => Some("there is no SSE4A"),
            _ => None,
        }
    }

    /// Whether a value is the maker's choice: RCPPS, RCPSS, RSQRTPS, RSQRTSS.
    fn is_estimate(&self) -> bool {
        let (prefix, op) = self.opcode();
        self.bytes[0] != op[0] && matches!((prefix, op[0]), (0 | 0xF3, 0x52 | 0x53))
    }

    /// F2XM1, FYL2X, FPTAN, FPATAN, FYL2XP1, FSINCOS, FSIN, FCOS.
    fn is_transcendental(&self) -> bool {
        matches!(self.bytes[..], [0xD9, 0xF0..=0xF3 | 0xF9 | 0xFB | 0xFE | 0xFF, ..])
    }

    /// MASKMOVQ, MASKMOVDQU: which faults there are for bytes left out, and whether the x87 unit is in MMX state
    /// after one, is the maker's choice.
    fn is_masked_store(&self) -> bool {
        let (_, op) = self.opcode();
        self.bytes[0] != op[0] && op[0] == 0xF7
    }

    /// FCOM, FUCOM, FICOM, FTST, FCOMI, FUCOMI, with P or PP or without, that raised an unmasked IE.
    fn is_compared_in_vain(&self) -> bool {
        let compares = match self.bytes[..] {
            [0xD8 | 0xDA | 0xDC | 0xDE, b, ..] if b < 0xC0 => matches!(b >> 3 & 7, 2 | 3),
            [0xD8 | 0xDC | 0xDE, b, ..] => (0xD0..0xE0).contains(&b),
            [0xD9, 0xE4] | [0xDA, 0xE9] => true,
            [0xDD, b, ..] => b >= 0xE0,
            [0xDB | 0xDF, b, ..] => b >= 0xE8,
            _ => false,
        };
        compares && self.after.status & !self.after.control & 1 != 0
    }

    /// CVTPI2PS and its kin, that raised #XM.
    fn is_withheld_mmx(&self) -> bool {
        let (prefix, op) = self.opcode();
        let converts = matches!((prefix, op[0]), (0 | 0x66, 0x2A | 0x2C | 0x2D)) && self.bytes[0] != op[0];
        converts && self.exception.as_deref() == Some("MF")
    }
}

/// FLDENV, FNSTENV, FRSTOR, FNSAVE.
fn is_x87_image(i: &Insn) -> bool {
    use X87Env::{Fldenv, Fnsave, Fnstenv, Frstor};
    matches!(i.op, Op::Helper(Helper::X87Env(Fldenv | Fnstenv | Frstor | Fnsave)))
}

/// Those that store one.
fn stores_image(i: &Insn) -> bool {
    matches!(i.op, Op::Helper(Helper::X87Env(X87Env::Fnstenv | X87Env::Fnsave | X87Env::Fxsave)))
}

/// Whether a byte of an image is not compared: the pointers, and MXCSR_MASK.
fn is_hidden(i: &Insn, at: usize) -> bool {
    match i.op {
        Op::Helper(Helper::X87Env(X87Env::Fnstenv | X87Env::Fnsave)) => {
            let w = i.w.bytes() as usize;
            (3 * w..7 * w).contains(&at)
        }
        Op::Helper(Helper::X87Env(X87Env::Fxsave)) => (6..24).contains(&at) || (28..32).contains(&at),
        _ => false,
    }
}

/// A processor in user mode; only the window is mapped.
fn processor(mode: u32) -> Exec<'static> {
    let mut mmu = Mmu::new(Ram::new(u64::from(WINDOW) + SPAN as u64).expect("host memory"));
    let mut word = |at: u64, v: u32| mmu.load_ram(at, &v.to_le_bytes());
    word(u64::from(WINDOW >> 22) * 4, 0x1000 | 7);
    for page in 0..SPAN as u32 >> 12 {
        word(0x1000 + u64::from(page) * 4, (WINDOW + (page << 12)) | 7);
    }
    let mut x = Exec::new(mmu, Box::new(EmptyBus));
    let (code, data) = if mode == 16 {
        let base = u64::from(WINDOW);
        (Segment::new(7, base, 0xFFFF, Rights(0xFB)), Segment::new(15, base, 0xFFFF, Rights(0xF3)))
    } else {
        (Segment::new(0x23, 0, u32::MAX, Rights(0xC0FB)), Segment::new(0x2B, 0, u32::MAX, Rights(0xC0F3)))
    };
    let null = Segment::null(0);
    x.cpu.segs = [data, code, data, data, null, null];
    x.cpu.cpl = 3;
    x.cpu.cr0 = cr0::PE | cr0::PG | cr0::WP | cr0::NE | cr0::ET | cr0::MP;
    x.cpu.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
    x.cpu.update_mode();
    let Exec { cpu, mmu, .. } = &mut x;
    mmu.update_class(cpu);
    x
}

/// Neighbours, counted in units of the last place.
fn close(a: F80, b: F80) -> bool {
    let line = |v: F80| i128::from(v.se & 0x7FFF) << 63 | i128::from(v.mant & (u64::MAX >> 1));
    a.se >> 15 == b.se >> 15 && (line(a) - line(b)).abs() <= 1
}

fn same_exception(name: &str, number: u8) -> bool {
    match name {
        "UD" => number == vector::UD,
        "GP" => number == vector::GP,
        "SS" => number == vector::SS,
        "PF" => number == vector::PF,
        "MF" => matches!(number, vector::MF | vector::XM),
        _ => false,
    }
}

struct World {
    exec: Exec<'static>,
    expected: Vec<u8>,
}

impl World {
    fn check(&mut self, v: &Vector, i: &Insn, by: &mut dyn Executor) -> Result<(), String> {
        let x = &mut self.exec;
        let window = x.mmu.ram_mut().slice_mut(WINDOW.into(), SPAN).expect("in RAM");
        window.fill(0);
        self.expected.fill(0);
        let program = [(WINDOW + CODE, v.bytes.clone())];
        for (at, data) in program.iter().chain(&v.ram) {
            let at = (at - WINDOW) as usize;
            window[at..at + data.len()].copy_from_slice(data);
            self.expected[at..at + data.len()].copy_from_slice(data);
        }
        for (at, data) in &v.changed {
            let at = (at - WINDOW) as usize;
            self.expected[at..at + data.len()].copy_from_slice(data);
        }
        v.before.put(&mut x.cpu);
        let operand = x.ea(i.mem) as usize;
        x.cpu.next_eip = x.cpu.eip + u64::from(i.len);
        let (ip, exception) = match by.step(x, i) {
            Ok(()) => (x.cpu.next_eip, None),
            Err(Stop::Fault) => (x.cpu.eip, Some(x.cpu.fault.vector)),
            Err(Stop::NotHere) => return Err("page not here".into()),
        };
        let mut wrong = String::new();
        match (v.exception.as_deref(), exception) {
            (None, None) => {}
            (Some(name), Some(number)) if same_exception(name, number) => {
                let cr2 = x.cpu.cr2 as u32;
                // Of an image that crosses into an unmapped page, any byte may be the first.
                if number == vector::PF && cr2 != v.cr2 && !is_x87_image(i) {
                    let _ = write!(wrong, " CR2 {:x}, got {cr2:x};", v.cr2);
                }
            }
            // Past the last byte of a 4 GB segment is a limit violation, or wraps to an unmapped page.
            (Some("GP" | "SS"), Some(vector::PF)) if v.mode == 32 && x.cpu.cr2 as u32 > u32::MAX - 512 => {}
            (want, got) => {
                let _ = write!(wrong, " exception {want:?}, got {got:?};");
            }
        }
        let mut got = Shown::of(&x.cpu, ip);
        if v.is_transcendental() {
            for n in 0..2 {
                if close(v.after.st[n], got.st[n]) {
                    got.st[n] = v.after.st[n];
                }
            }
            got.status = got.status & !C1 | v.after.status & C1;
        }
        if v.is_estimate() {
            got.xmm = v.after.xmm;
        }
        if v.is_compared_in_vain() {
            got.status = got.status & !CONDITIONS | v.after.status & CONDITIONS;
            got.flags = v.after.flags;
        }
        if v.is_withheld_mmx() {
            (got.status, got.used, got.st) = (v.after.status, v.after.used, v.after.st);
        }
        v.after.differences(&got, &mut wrong);
        let base = if v.mode == 16 { operand } else { operand.wrapping_sub(WINDOW as usize) };
        let window = x.mmu.ram().slice(WINDOW.into(), SPAN).expect("in RAM");
        // An image may have been written in part before a fault.
        let partial = stores_image(i) && v.exception.is_some();
        let same = partial || window[SHOWN..] == self.expected[SHOWN..];
        for at in if same { 0..0 } else { SHOWN..SPAN } {
            if window[at] != self.expected[at] && !is_hidden(i, at.wrapping_sub(base)) {
                let _ = write!(
                    wrong,
                    " [+{:x}] {:02x}, got {:02x};",
                    at.wrapping_sub(base),
                    self.expected[at],
                    window[at]
                );
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let hex: String = v.bytes.iter().map(|b| format!("{b:02x}")).collect();
        let b = &v.before;
        let st: String = b.st.iter().map(|v| format!(" {:04x}.{:016x}", v.se, v.mant)).collect();
        let before = format!(
            "cw {:x} sw {:x} used {:x} mxcsr {:x} st{st} xmm {:x?}",
            b.control, b.status, b.used, b.mxcsr, b.xmm
        );
        Err(format!("{hex} {:?} by {}:{wrong}\n        before: {before}", i.op, by.name()))
    }
}

/// What one vector shows, by every way of running it.
fn check(world: &mut World, executors: &mut [Box<dyn Executor>], line: &str, tally: &mut Tally) {
    let v = Vector::parse(line).unwrap_or_else(|| panic!("not a vector: {line}"));
    if let Some(reason) = v.beyond() {
        tally.skip(reason);
        return;
    }
    let mut code = v.bytes.clone();
    code.resize(32, 0xF4);
    let i = BlockDecoder::new(&code, world.exec.cpu.mode).next_insn().expect("enough bytes");
    for e in executors {
        tally.note(&v.kind(), world.check(&v, &i, &mut **e));
    }
}

/// Runs the class, or the instructions that are given instead of one.
fn all_defined_results_agree(mode: u32, class: &str, exceptions: Exceptions, given: Option<&str>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiled = silicon::compile(folder, silicon::SOURCE, (mode, class), exceptions);
    let Some(program) = compiled else { return };
    let mut world = World { exec: processor(mode), expected: vec![0; SPAN] };
    let mut tally = Tally::default();
    let mut executors = executor::all();
    let mut each = |line: &str| check(&mut world, &mut executors, line, &mut tally);
    match given {
        Some(instructions) => silicon::each_line_of(&program, mode, 2, instructions, each),
        None => silicon::seeds()
            .for_each(|seed| silicon::each_line(&program, (mode, class), VECTORS, seed, &mut each)),
    }
    let class = if given.is_some() { "images" } else { class };
    silicon::conclude(&format!("{class}, {mode} bits, {exceptions:?}"), &tally);
}

#[test]
fn x87_results_of_32_bit_code_agree() {
    all_defined_results_agree(32, "x87", Masked, None);
}

#[test]
fn x87_results_of_16_bit_code_agree() {
    all_defined_results_agree(16, "x87", Masked, None);
}

#[test]
fn x87_results_of_32_bit_code_with_unmasked_exceptions_agree() {
    all_defined_results_agree(32, "x87", Unmasked, None);
}

#[test]
fn x87_results_of_16_bit_code_with_unmasked_exceptions_agree() {
    all_defined_results_agree(16, "x87", Unmasked, None);
}

#[test]
fn mmx_results_with_unmasked_exceptions_agree() {
    all_defined_results_agree(32, "mmx", Unmasked, None);
}

#[test]
fn sse_results_of_32_bit_code_with_unmasked_exceptions_agree() {
    all_defined_results_agree(32, "sse", Unmasked, None);
}

#[test]
fn sse_results_of_16_bit_code_with_unmasked_exceptions_agree() {
    all_defined_results_agree(16, "sse", Unmasked, None);
}

/// Images in both sizes, and WAIT, many times over.
fn images(mode: u32) -> String {
    // At 40A000, and at the top of the stack, where there are random bytes.
    let forms = if mode == 16 {
        ["D93600A0", "D92600A0", "DD3600A0", "DD2600A0", "0FAE0600A0", "0FAE0E00A0"].to_vec()
    } else {
        vec![
            "D93500A04000",
            "D92500A04000",
            "DD3500A04000",
            "DD2500A04000",
            "0FAE0500A04000",
            "0FAE0D00A04000",
            "D93424",
            "D92424",
            "DD3424",
            "DD2424",
            "0FAE0424",
            "0FAE0C24",
        ]
    };
    let mut text = String::from("9B\n");
    for form in forms {
        for _ in 0..50 {
            let _ = writeln!(text, "{form}\n66{form}");
        }
    }
    text
}

#[test]
fn images_of_32_bit_code_agree() {
    // Besides: FXSAVE misaligned; FXRSTOR, LDMXCSR and FLDCW of zeros; STMXCSR; EMMS; FNINIT.
    let more = "0fae0508b04000\n0fae0d00b04000\n0fae1500b04000\nd92d00b04000\n0fae1d00b04000\n0f77\ndbe3\n";
    let all = images(32) + &more.repeat(50);
    all_defined_results_agree(32, "x87", Masked, Some(&all));
    all_defined_results_agree(32, "x87", Unmasked, Some(&all));
}

#[test]
fn images_of_16_bit_code_agree() {
    all_defined_results_agree(16, "x87", Masked, Some(&images(16)));
    all_defined_results_agree(16, "x87", Unmasked, Some(&images(16)));
}
