//! MMX, SSE and what followed it, up to SSE4.2 and AES, against this machine's processor. MXCSR, the x87 unit and memory are compared too.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use cpu::decode::BlockDecoder;
use cpu::float::F80;
use cpu::harness::{Harness, SegmentState};
use cpu::insn::{Insn, Op};
use cpu::micro::SseArith;
use cpu::semantics::mmx::MmxOp;
use cpu::semantics::sse::SseOp;
use cpu::semantics::x87::X87Op;
use cpu::state::Cpu;
use isa::executor::{self, Executor};
use isa::silicon::{self, Exceptions};
use isa::tally::Tally;
use serde::Deserialize;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use x86::{cr0, cr4, eflags, vector};

const VECTORS: u32 = 20_000;
/// Vectors of the extensions in the short tests.
const FEW: u32 = 2000;
const WINDOW: u32 = 0x40_0000;
const SPAN: usize = 0x1_0000;
const CODE: u32 = 0x1000;
/// Offset from which on the oracle shows changed memory.
const SHOWN: usize = 0x2000;
/// Where the window lies in physical memory, between the page tables and the end.
const WINDOW_AT: u64 = 0x1_0000;

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
    fcw: Option<u16>,
    fsw: Option<u16>,
    ftw: Option<u8>,
    mxcsr: Option<u32>,
    st: Option<[String; 8]>,
    xmm: Option<Vec<String>>,
}

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

fn number(s: &str) -> u64 {
    u64::from_str_radix(s, 16).unwrap_or_else(|_| panic!("not a number: {s}"))
}

fn bytes(s: &str) -> Vec<u8> {
    (0..s.len() / 2).map(|n| number(&s[2 * n..2 * n + 2]) as u8).collect()
}

/// Puts the registers a vector names into a processor.
fn apply(r: &Regs, cpu: &mut Cpu) {
    let named = [&r.ax, &r.cx, &r.dx, &r.bx, &r.sp, &r.bp, &r.si, &r.di];
    for (slot, s) in cpu.regs.iter_mut().zip(named) {
        *slot = s.as_deref().map_or(*slot, number);
    }
    cpu.eip = r.ip.as_deref().map_or(cpu.eip, number);
    if let Some(fl) = &r.fl {
        cpu.set_eflags(number(fl) as u32 & (eflags::STATUS | eflags::DF) | eflags::ONE | eflags::IF);
    }
    cpu.fpu.control = r.fcw.unwrap_or(cpu.fpu.control);
    cpu.fpu.status = r.fsw.unwrap_or(cpu.fpu.status);
    cpu.fpu.empty = r.ftw.map_or(cpu.fpu.empty, |valid| !valid);
    cpu.mxcsr = r.mxcsr.unwrap_or(cpu.mxcsr);
    let top = usize::from(cpu.fpu.status >> 11 & 7);
    for (n, s) in r.st.iter().flatten().enumerate() {
        let value: [u8; 10] = bytes(s).try_into().expect("ten bytes");
        cpu.fpu.st[(top + n) % 8] = F80::from_bytes(value);
    }
    for (slot, s) in cpu.xmm.iter_mut().zip(r.xmm.iter().flatten()) {
        let value: [u8; 16] = bytes(s).try_into().expect("sixteen bytes");
        let v = u128::from_le_bytes(value);
        *slot = [v as u64, (v >> 64) as u64];
    }
}

/// User mode with the window mapped, and nothing else.
fn world() -> Harness {
    let mut h = Harness::new(1 << 20).expect("host memory");
    let mut word = |at: u64, v: u32| h.write_memory(at, &v.to_le_bytes());
    word(u64::from(WINDOW >> 22) * 4, 0x1007);
    for page in 0..SPAN as u32 >> 12 {
        word(0x1000 + u64::from(page) * 4, (WINDOW_AT as u32 + (page << 12)) | 7);
    }
    let mut s = h.state();
    s.cr0 = cr0::PE | cr0::PG | cr0::NE | cr0::ET | cr0::MP;
    s.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
    s.cr3 = 0;
    s.cpl = 3;
    h.set_state(&s);
    h
}

fn template(h: &mut Harness, mode: u32) -> Cpu {
    let mut s = h.state();
    let seg = |selector: u16, base: u32, limit: u32, rights: u16| SegmentState {
        selector,
        base: u64::from(base),
        limit,
        rights,
    };
    let (code, data) = if mode == 16 {
        (seg(7, WINDOW, 0xFFFF, 0x00FB), seg(15, WINDOW, 0xFFFF, 0x00F3))
    } else {
        (seg(0x23, 0, u32::MAX, 0xC0FB), seg(0x2B, 0, u32::MAX, 0xC0F3))
    };
    s.segments = [data, code, data, data, SegmentState::default(), SegmentState::default()];
    h.set_state(&s);
    h.processor().cpu.clone()
}

fn load(h: &mut Harness, linear: u64, data: &[u8]) {
    h.processor().mmu.load_ram(WINDOW_AT + linear - u64::from(WINDOW), data);
}

/// Opcode bytes with the prefixes that choose the instruction.
fn kind(l: &Line, code: &[u8]) -> String {
    let is_prefix = |b: &u8| matches!(b, 0x26 | 0x2E | 0x36 | 0x3E | 0x64..=0x67 | 0xF0 | 0xF2 | 0xF3);
    let n = code.iter().take_while(|b| is_prefix(b)).count();
    let (prefixes, op) = code.split_at(n);
    let last = prefixes.iter().rev().find(|b| matches!(b, 0xF2 | 0xF3));
    let chooser = last.or_else(|| prefixes.iter().find(|b| **b == 0x66));
    let chooser = chooser.map_or(String::new(), |b| format!("{b:02X} "));
    let three = matches!(op, [0x0F, 0x38 | 0x3A, ..]);
    let op: String = op.iter().take(if three { 3 } else { 2 }).map(|b| format!("{b:02X}")).collect();
    format!("{} bits: {chooser}{op}", l.m)
}

/// What the vector's processor has and ours does not: SSE4A.
fn is_sse4a(kind: &str) -> bool {
    let op = kind.split_once(": ").map_or(kind, |(_, op)| op);
    matches!(op, "F2 0F78" | "66 0F78" | "F2 0F79" | "66 0F79" | "F2 0F2B" | "F3 0F2B")
}

/// Whether the tests are about it.
fn is_of_the_class(op: Op) -> bool {
    matches!(op, Op::Mmx(_) | Op::Sse(_) | Op::Undefined | Op::Mov | Op::Nop)
        || matches!(op, Op::Popcnt | Op::Crc32 | Op::Movbe | Op::X87(X87Op::StoreTruncated))
}

/// RCP and RSQRT are the maker's choice within 1.5 × 2⁻¹² (SDM vol. 2, RCPPS).
fn is_estimate(i: &Insn) -> bool {
    use SseArith::{Rcp, Rsqrt};
    matches!(i.op, Op::Sse(SseOp::Packed(Rcp | Rsqrt) | SseOp::Scalar(Rcp | Rsqrt)))
}

fn close(want: u32, got: u32) -> bool {
    let (w, g) = (f32::from_bits(want), f32::from_bits(got));
    // Each may be off in its own direction. A tiny result may be zero.
    want == got || (w - g).abs() <= w.abs() * 3.0 / 4096.0 || g == 0.0 && w.abs() < 1.2e-38
}

/// Makes values that need only be close the same.
fn forgive(want: &Cpu, got: &mut Cpu) {
    for (w, g) in want.xmm.iter().flatten().zip(got.xmm.iter_mut().flatten()) {
        for shift in [0, 32] {
            let (a, b) = ((*w >> shift) as u32, (*g >> shift) as u32);
            if close(a, b) {
                *g = *g & !(0xFFFF_FFFF << shift) | u64::from(a) << shift;
            }
        }
    }
}

fn differences(want: &Cpu, got: &Cpu) -> String {
    let mut out = String::new();
    for n in 0..8 {
        if want.regs[n] != got.regs[n] {
            let _ = write!(out, " r{n} {:x}, got {:x};", want.regs[n], got.regs[n]);
        }
        if want.xmm[n] != got.xmm[n] {
            let [[wl, wh], [gl, gh]] = [want.xmm[n], got.xmm[n]];
            let _ = write!(out, " xmm{n} {wh:016x}{wl:016x}, got {gh:016x}{gl:016x};");
        }
        if want.fpu.st[n] != got.fpu.st[n] {
            let _ = write!(out, " R{n} {:x?}, got {:x?};", want.fpu.st[n], got.fpu.st[n]);
        }
    }
    let pairs = [
        ("eip", want.eip as u32, got.eip as u32),
        ("flags", want.eflags(), got.eflags()),
        ("mxcsr", want.mxcsr, got.mxcsr),
        ("status", u32::from(want.fpu.status), u32::from(got.fpu.status)),
        ("empty", u32::from(want.fpu.empty), u32::from(got.fpu.empty)),
    ];
    for (name, w, g) in pairs {
        if w != g {
            let _ = write!(out, " {name} {w:x}, got {g:x};");
        }
    }
    out
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

/// A page fault of an access past the last byte of a 4 GB segment, which may be a limit violation or wrap
/// around (SDM vol. 3, 5.3).
fn at_the_top(got: &Cpu) -> bool {
    got.fault.vector == vector::PF && got.cr2 as u32 > u32::MAX - 16
}

/// Runs one vector.
fn check(h: &mut Harness, template: &Cpu, l: &Line, i: &Insn, by: &mut dyn Executor) -> Result<(), String> {
    h.processor().mmu.load_ram(WINDOW_AT, &vec![0; SPAN]);
    let mut expected = vec![0; SPAN];
    let code = bytes(&l.b);
    let code = [(u64::from(WINDOW + CODE), code)];
    let place = |(at, data): &(String, String)| (number(at), bytes(data));
    for (at, data) in code.into_iter().chain(l.ram.iter().map(place)) {
        load(h, at, &data);
        expected[(at - u64::from(WINDOW)) as usize..][..data.len()].copy_from_slice(&data);
    }
    for (at, data) in l.mem.iter().map(place) {
        expected[(at - u64::from(WINDOW)) as usize..][..data.len()].copy_from_slice(&data);
    }
    let mut before = template.clone();
    apply(&l.i, &mut before);
    let mut want = before.clone();
    apply(&l.f, &mut want);

    let p = h.processor();
    p.cpu = before;
    p.state_changed();
    p.leave = false;
    p.index = 0;
    p.cpu.next_eip = p.cpu.eip + u64::from(i.len);
    let result = by.step(p, i);
    let mut got = p.cpu.clone();
    let mut wrong = String::new();
    match (&l.ex, result) {
        (None, Ok(())) => got.eip = got.next_eip,
        (Some(name), Err(_)) if same_exception(name, got.fault.vector) => {
            let cr2 = l.cr2.as_deref().map_or(0, number);
            if name == "PF" && cr2 != got.cr2 {
                let _ = write!(wrong, " CR2 {cr2:x}, got {:x};", got.cr2);
            }
        }
        (Some(name), Err(_)) if matches!(name.as_str(), "GP" | "SS") && at_the_top(&got) => {}
        (name, result) => {
            let _ = write!(wrong, " exception {name:?}, got {result:?} {};", got.fault.vector);
        }
    }
    let to_mmx = matches!(i.op, Op::Sse(SseOp::ToMmx(_) | SseOp::FromMmx(_)) | Op::Mmx(MmxOp::StoreMasked));
    if l.ex.is_some() && to_mmx {
        // This silicon goes over to MMX although the instruction faults; the manual does not say.
        (got.fpu.status, got.fpu.empty, got.fpu.st) = (want.fpu.status, want.fpu.empty, want.fpu.st);
    }
    if is_estimate(i) {
        forgive(&want, &mut got);
    }
    wrong += &differences(&want, &got);
    let window = p.mmu.ram().slice(WINDOW_AT, SPAN).unwrap_or_default();
    for at in (SHOWN..SPAN).filter(|&at| window[at] != expected[at]).take(4) {
        let _ = write!(wrong, " [{:x}] {:02x}, got {:02x};", WINDOW as usize + at, expected[at], window[at]);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} ({:?}, imm {:x}) through {}, mxcsr {:x?}:{wrong}",
        l.b,
        i.op,
        i.imm,
        by.name(),
        l.i.mxcsr
    ))
}

fn run(program: &Path, mode: u32, class: &str, vectors: u32, seed: u32, tally: &mut Tally) {
    let mut h = world();
    let template = template(&mut h, mode);
    let mut executors = executor::all();
    silicon::each_line(program, (mode, class), vectors, seed, |line| {
        let l: Line = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let mut code = bytes(&l.b);
        let kind = kind(&l, &code);
        code.resize(code.len() + 16, 0xF4);
        let i = BlockDecoder::new(&code, template.mode).next_insn().expect("bytes enough");
        if i.op == Op::Undefined && l.ex.as_deref() != Some("UD") && is_sse4a(&kind) {
            tally.skip("SSE4A");
            return;
        }
        if !is_of_the_class(i.op) {
            tally.skip("other instructions");
            return;
        }
        for e in &mut executors {
            tally.note(&kind, check(&mut h, &template, &l, &i, &mut **e));
        }
    });
}

fn all_defined_results_agree(mode: u32, class: &str, exceptions: Exceptions) {
    results_agree(mode, class, exceptions, VECTORS, silicon::seeds());
}

fn results_agree(mode: u32, class: &str, exceptions: Exceptions, vectors: u32, seeds: RangeInclusive<u32>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiled = silicon::compile(folder, silicon::SOURCE, (mode, class), exceptions);
    let Some(program) = compiled else { return };
    let mut tally = Tally::default();
    for seed in seeds {
        run(&program, mode, class, vectors, seed, &mut tally);
    }
    silicon::conclude(&format!("{class}, {mode} bits, {exceptions:?}"), &tally);
}

#[test]
fn mmx_in_32_bit_code_agrees() {
    all_defined_results_agree(32, "mmx", Exceptions::Masked);
}

#[test]
fn mmx_in_16_bit_code_agrees() {
    all_defined_results_agree(16, "mmx", Exceptions::Masked);
}

#[test]
fn sse_in_32_bit_code_agrees() {
    all_defined_results_agree(32, "sse", Exceptions::Masked);
}

#[test]
fn sse_in_16_bit_code_agrees() {
    all_defined_results_agree(16, "sse", Exceptions::Masked);
}

#[test]
fn extensions_in_32_bit_code_agree() {
    results_agree(32, "ext", Exceptions::Masked, FEW, 1..=1);
}

#[test]
fn extensions_in_16_bit_code_agree() {
    results_agree(16, "ext", Exceptions::Masked, FEW, 1..=1);
}

#[test]
fn unmasked_exceptions_agree() {
    all_defined_results_agree(32, "sse", Exceptions::UnmaskedSse);
}

#[test]
fn unmasked_exceptions_of_extensions_agree() {
    results_agree(32, "ext", Exceptions::UnmaskedSse, FEW, 1..=1);
}

#[test]
#[ignore = "minutes: ./build.sh fuzz runs it"]
fn many_extensions_agree() {
    let (masked, unmasked) = (Exceptions::Masked, Exceptions::UnmaskedSse);
    for (mode, exceptions) in [(32, masked), (16, masked), (32, unmasked)] {
        results_agree(mode, "ext", exceptions, VECTORS, silicon::seeds());
    }
}
