//! Translated code against real processors: the oracle's vectors, each compiled at first sight.
//!
//! Runs in Node alone, because it reads `build/oracle-*.jsonl`, which `./build.sh test` makes.

#![cfg(target_arch = "wasm32")]

use isa::oracle::{Vector, World, not_comparable, not_comparable_sse, sequences};
use isa::tally::Tally;
use jit::engine::{Engine, Options};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web::wasm_host::WasmHost;

#[wasm_bindgen(module = "fs")]
extern "C" {
    #[wasm_bindgen(js_name = readFileSync, catch)]
    fn read_file(path: &str, encoding: &str) -> Result<String, JsValue>;
}

#[wasm_bindgen_test]
fn integer_vectors_agree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/oracle-int.jsonl");
    let Ok(text) = read_file(path, "utf8") else {
        console_log!("SKIPPED: no vectors at {path}");
        return;
    };
    let mut world = World::new().unwrap();
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 20, ..Options::default() };
    world.processor().set_translator(Box::new(Engine::new(host, options)));
    let mut tally = Tally::default();
    for line in text.lines() {
        let v = Vector::parse(line).expect("a vector");
        let i = world.decode(&v).expect("code");
        match not_comparable(&v, &i) {
            Some(reason) => tally.skip(reason),
            None => tally.note(&v.kind(), world.check_loop(&v, &i)),
        }
    }
    let (passed, failed) = tally.totals();
    let figures = world.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    console_log!("{passed} passed, {failed} failed; {executed} instructions in translated code; {figures:?}");
    assert!(failed == 0, "{}", tally.report());
    assert!(executed > passed as f64 / 2.0, "hardly anything was translated");
}

#[wasm_bindgen_test]
fn sequences_of_the_real_processor_agree() {
    for class in ["seq", "seqfp"] {
        let path = format!("{}/../../build/oracle-{class}.jsonl", env!("CARGO_MANIFEST_DIR"));
        let Ok(text) = read_file(&path, "utf8") else {
            console_log!("SKIPPED: no vectors at {path}");
            continue;
        };
        let mut world = World::new().unwrap();
        let host = WasmHost::new().expect("wasm may be compiled here");
        let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 20, ..Options::default() };
        world.processor().set_translator(Box::new(Engine::new(host, options)));
        let mut tally = Tally::default();
        let lines = text.lines().map(str::to_owned);
        let figures = sequences::check_all(&mut world, lines, &mut [], &mut tally);
        let (passed, failed) = tally.totals();
        let translated = world.processor().translator_figures();
        let executed = translated.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
        console_log!("{class}: {passed} passed, {failed} failed, {executed} in translated code; {figures:?}");
        assert!(failed == 0, "{}", tally.report());
        assert!(executed > figures.compared as f64 / 2.0, "hardly anything was translated");
    }
}

/// A small generator of numbers, the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }
    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}

/// Opcodes with a ModRM byte, and how many bytes of immediate follow.
const ONE_BYTE: [(u8, usize); 26] = [
    (0x01, 0),
    (0x03, 0),
    (0x0B, 0),
    (0x11, 0),
    (0x13, 0),
    (0x19, 0),
    (0x1B, 0),
    (0x21, 0),
    (0x29, 0),
    (0x2A, 0),
    (0x31, 0),
    (0x39, 0),
    (0x3B, 0),
    (0x38, 0),
    (0x85, 0),
    (0x87, 0),
    (0x88, 0),
    (0x89, 0),
    (0x8B, 0),
    (0x8D, 0),
    (0xC1, 1),
    (0xD1, 0),
    (0xD3, 0),
    (0xC0, 1),
    (0xF7, 0),
    (0x83, 1),
];
/// The same after 0F.
const TWO_BYTE: [(u8, usize); 16] = [
    (0xAF, 0),
    (0xB6, 0),
    (0xBF, 0),
    (0x94, 0),
    (0x9C, 0),
    (0x42, 0),
    (0x4F, 0),
    (0xA3, 0),
    (0xAB, 0),
    (0xBA, 1),
    (0xA4, 1),
    (0xAD, 0),
    (0xBC, 0),
    (0xBD, 0),
    (0xC1, 0),
    (0xB1, 0),
];
/// Without operands, or with one in the opcode.
const PLAIN: [u8; 18] = [
    0x40, 0x4B, 0x50, 0x5E, 0x98, 0x99, 0x9F, 0x9E, 0xF5, 0xF8, 0xF9, 0x41, 0x49, 0x53, 0x5A, 0x9C, 0x60,
    0x90,
];

/// One instruction that mostly does not fault. Memory operands lie near EBX, ESI or EDI.
fn instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let operands = |n: &mut Numbers, code: &mut Vec<u8>, imm: usize| {
        let reg = n.byte() & 0x38;
        if n.below(2) == 0 {
            code.push(0xC0 | reg | n.byte() & 7);
        } else {
            code.extend([0x40 | reg | [3, 6, 7][n.below(3)], n.byte()]);
        }
        code.extend((0..imm).map(|_| n.byte()));
    };
    if n.below(8) == 0 {
        code.push(0x66);
    }
    match n.below(10) {
        0..5 => {
            let (op, imm) = ONE_BYTE[n.below(ONE_BYTE.len())];
            code.push(op);
            operands(n, code, imm);
        }
        5 | 6 => {
            let (op, imm) = TWO_BYTE[n.below(TWO_BYTE.len())];
            code.extend([0x0F, op]);
            operands(n, code, imm);
        }
        7 | 8 => code.push(PLAIN[n.below(PLAIN.len())]),
        // A short jump, on any condition, mostly forward.
        _ => code.extend([0x70 | n.byte() & 15, (n.byte() & 31).wrapping_sub(8)]),
    }
}

/// A processor in flat 32-bit code at `CODE`; any exception ends in shutdown.
fn flat(h: &mut cpu::harness::Harness, n: &mut Numbers) {
    use cpu::harness::SegmentState;
    const CODE: u64 = 0x8000;
    h.reset();
    let mut s = h.state();
    let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(0xC09B);
    s.cr0 |= 1;
    s.eflags = 2 | n.next() as u32 & 0x8D5;
    s.eip = CODE;
    for r in s.gpr.iter_mut().take(8) {
        *r = n.next() & 0xFFFF_FFFF;
    }
    for r in [3, 4, 6, 7] {
        s.gpr[r] = 0x2_0000 + (n.next() & 0xFFFF);
    }
    let mut code = Vec::new();
    while code.len() < 150 {
        instruction(n, &mut code);
    }
    code.push(0xF4);
    h.set_state(&s);
    h.write_memory(CODE, &code);
}

#[wasm_bindgen_test]
fn sequences_end_as_in_the_interpreter() {
    use cpu::harness::Harness;
    let (mut plain, mut other) = (Harness::new(1 << 18).unwrap(), Harness::new(1 << 18).unwrap());
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 18, ..Options::default() };
    other.processor().set_translator(Box::new(Engine::new(host, options)));
    for seed in 1..=1500u64 {
        for h in [&mut plain, &mut other] {
            let mut n = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            flat(h, &mut n);
            let p = h.processor();
            // In pieces, so that budgets end anywhere.
            let end = p.cpu.count + 400;
            while p.cpu.count < end && p.run((p.cpu.count + 1 + n.next() % 90).min(end)) == cpu::Exit::Limit {
            }
        }
        let (a, b) = (plain.state(), other.state());
        assert_eq!(a, b, "seed {seed}");
        let ram = |h: &mut Harness| h.processor().mmu.ram().slice(0, 1 << 18).map(<[u8]>::to_vec);
        assert!(ram(&mut plain) == ram(&mut other), "seed {seed}: memory differs");
    }
    let figures = other.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    assert!(executed > 5_000.0, "only {executed} instructions in translated code");
}

// ---- x87 and MMX ----

/// How many instructions translated code has executed.
fn executed(h: &mut cpu::harness::Harness) -> f64 {
    let figures = h.processor().translator_figures();
    figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n)
}

/// Two processors over memory of a size; the second compiles everything at first sight.
fn plain_and_translated(ram: u64) -> [cpu::harness::Harness; 2] {
    let [plain, mut other] = [0; 2].map(|_| cpu::harness::Harness::new(ram).unwrap());
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 18, ..Options::default() };
    other.processor().set_translator(Box::new(Engine::new(host, options)));
    [plain, other]
}

/// Vectors with exceptions unmasked at random, interpreted and translated: all state must be equal. (That the
/// interpreter agrees with processors is tested natively.)
fn vectors_end_as_in_the_interpreter(class: &str) {
    use isa::float::{RAM, SPAN, Start, WINDOW};
    let path = format!("{}/../../build/oracle-{class}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = read_file(&path, "utf8") else {
        console_log!("SKIPPED: no vectors at {path}");
        return;
    };
    let [mut plain, mut other] = plain_and_translated(RAM);
    let mut vectors = 0;
    for line in text.lines() {
        let v = Start::parse(line).expect("a vector");
        vectors += 1;
        for h in [&mut plain, &mut other] {
            v.load(h);
        }
        // Found, compiled, known.
        for round in 0..3 {
            for h in [&mut plain, &mut other] {
                v.put(h);
                h.run(2);
            }
            let (a, b) = (plain.state(), other.state());
            assert_eq!(a, b, "{:02x?}, round {round}: {line}", v.code);
        }
        let same = {
            let [a, b] = [&mut plain, &mut other].map(|h| h.processor().mmu.ram().slice(WINDOW.into(), SPAN));
            a.is_some() && a == b
        };
        assert!(same, "memory of {:02x?}: {line}", v.code);
    }
    let executed = executed(&mut other);
    console_log!("{class}: {vectors} vectors, {executed} instructions in translated code");
    assert!(executed > f64::from(vectors) / 2.0, "hardly anything was translated");
}

#[wasm_bindgen_test]
fn x87_vectors_end_as_in_the_interpreter() {
    vectors_end_as_in_the_interpreter("x87");
}

#[wasm_bindgen_test]
fn mmx_vectors_end_as_in_the_interpreter() {
    vectors_end_as_in_the_interpreter("mmx");
}

/// A number of ten bytes: ordinary, or one of the others.
fn ten_bytes(n: &mut Numbers) -> [u8; 10] {
    let random = n.next();
    let mantissa = match n.below(8) {
        0 => 1 << 63,
        1 => u64::MAX,
        2 => random & (u64::MAX >> 1),
        3 => 0,
        4 => 1 << 63 | random & !0 << 52,
        _ => 1 << 63 | random,
    };
    let exponent = match n.below(10) {
        0 => 0,
        1 => 0x7FFF,
        2 => random as u16 & 0x7FFF,
        _ => 0x3FF0 + (n.byte() & 0x3F) as u16,
    };
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&mantissa.to_le_bytes());
    bytes[8..].copy_from_slice(&(exponent | u16::from(n.byte() & 0x80) << 8).to_le_bytes());
    bytes
}

/// One x87 or MMX instruction, or what stands around them. Memory operands lie near EBX, ESI or EDI.
fn float_instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let memory = |n: &mut Numbers, code: &mut Vec<u8>, reg: u8| {
        code.extend([0x40 | reg << 3 | [3, 6, 7][n.below(3)], n.byte()]);
    };
    match n.below(40) {
        // FNINIT, FNCLEX, EMMS, WAIT
        0 => code.extend([0xDB, [0xE3, 0xE2][n.below(2)]]),
        1 => code.extend([[0x0F, 0x77], [0x9B, 0x90]][n.below(2)]),
        // FNSTSW AX; SAHF
        2 | 3 => code.extend([0xDF, 0xE0, 0x9E]),
        // FNSTCW m; FLDCW m
        4 => {
            code.push(0xD9);
            let reg = 5 + 2 * u8::from(n.below(8) != 0);
            memory(n, code, reg);
        }
        // PADDW mm, mm; PMULHW mm, m; MOVD mm, r
        5 => code.extend([0x0F, [0xFD, 0xE5, 0x6E, 0x7E, 0x61, 0x71][n.below(5)], 0xC0 | n.byte()]),
        6 => {
            code.extend([0x0F, [0x6F, 0x7F, 0xEF, 0x63, 0x69, 0xF9][n.below(6)]]);
            let reg = n.byte() & 7;
            memory(n, code, reg);
        }
        // LEA, ADD and a short jump on a condition: past the next instruction, mostly.
        7 => {
            code.push([0x8D, 0x03][n.below(2)]);
            memory(n, code, 0);
        }
        8 => code.extend([0x70 | n.byte() & 15, 3]),
        9..20 => {
            code.push(0xD8 | n.byte() & 7);
            let reg = n.byte() & 7;
            memory(n, code, reg);
        }
        // Pushes, so that the stack is not empty all the time.
        20..24 => match n.below(3) {
            0 => code.extend([0xD9, [0xE8, 0xEE, 0xEB][n.below(3)]]),
            1 => code.extend([0xD9, 0xC0 | n.byte() & 7]),
            _ => {
                code.push(0xDD);
                memory(n, code, 0);
            }
        },
        _ => code.extend([0xD8 | n.byte() & 7, 0xC0 | n.byte()]),
    }
}

/// Flat code at `CODE` that goes through a sequence of instructions a few times.
fn float_loop(h: &mut cpu::harness::Harness, n: &mut Numbers) {
    const CODE: u64 = 0x8000;
    flat(h, n);
    let mut s = h.state();
    // Mostly all exceptions are masked; rounding and precision are random.
    s.x87.control =
        0x40 | (n.next() as u16 & 0xF00) | if n.below(3) == 0 { n.next() as u16 & 0x3F } else { 0x3F };
    s.x87.status = n.next() as u16 & 0x7F00;
    s.x87.empty = [0, 0xFF, n.byte()][n.below(3)];
    s.x87.registers = [0; 8].map(|_| ten_bytes(n));
    s.cr4 = 0x200;
    s.gpr[1] = 2 + n.next() % 4;
    let mut code = Vec::new();
    let length = 8 + n.below(70);
    while code.len() < length {
        float_instruction(n, &mut code);
    }
    // DEC ECX; JNZ to the first.
    let back = -(code.len() as i32 + 7);
    code.extend([0x49, 0x0F, 0x85]);
    code.extend(back.to_le_bytes());
    code.push(0xF4);
    let mut data = Vec::new();
    while data.len() < 0x1_0200 {
        match n.below(3) {
            0 => data.extend(ten_bytes(n)),
            1 => data.extend((n.next() as i64 as f64 / 4096.0).to_le_bytes()),
            _ => data.extend([n.next().to_le_bytes(), (n.next() % 1000).to_le_bytes()].concat()),
        }
    }
    h.write_memory(0x1_FF00, &data);
    h.write_memory(CODE, &[0; 160]);
    h.write_memory(CODE, &code);
    h.set_state(&s);
}

#[wasm_bindgen_test]
fn x87_sequences_end_as_in_the_interpreter() {
    const RAM: u64 = 1 << 18;
    let [mut plain, mut other] = plain_and_translated(RAM);
    for seed in 1..=300u64 {
        for h in [&mut plain, &mut other] {
            let mut n = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            float_loop(h, &mut n);
            let p = h.processor();
            let end = p.cpu.count + 300;
            while p.cpu.count < end && p.run((p.cpu.count + 1 + n.next() % 90).min(end)) == cpu::Exit::Limit {
            }
        }
        let (a, b) = (plain.state(), other.state());
        assert_eq!(a, b, "seed {seed}: {:02x?}", plain.read_memory(0x8000, 100));
        let ram = |h: &mut cpu::harness::Harness| h.read_memory(0, RAM as usize);
        assert!(ram(&mut plain) == ram(&mut other), "seed {seed}: memory differs");
    }
    let executed = executed(&mut other);
    console_log!("{executed} instructions in translated code");
    assert!(executed > 1_500.0, "only {executed} instructions in translated code");
}

// ---- floating-point SSE ----

#[wasm_bindgen_test]
fn sse_vectors_agree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/oracle-sse.jsonl");
    let Ok(text) = read_file(path, "utf8") else {
        console_log!("SKIPPED: no vectors at {path}");
        return;
    };
    let mut world = World::new().unwrap();
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 20, ..Options::default() };
    world.processor().set_translator(Box::new(Engine::new(host, options)));
    let mut tally = Tally::default();
    for line in text.lines() {
        let v = Vector::parse(line).expect("a vector");
        let i = world.decode(&v).expect("code");
        match not_comparable_sse(&v, &i) {
            Some(reason) => tally.skip(reason),
            None => tally.note(&v.kind(), world.check_loop(&v, &i)),
        }
    }
    let (passed, failed) = tally.totals();
    let figures = world.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    console_log!("{passed} passed, {failed} failed; {executed} instructions in translated code; {figures:?}");
    assert!(failed == 0, "{}", tally.report());
    assert!(executed > passed as f64 / 2.0, "hardly anything was translated");
}

/// A number's bits: ordinary ones, integers, zeros, and what needs care; of either precision.
fn float(n: &mut Numbers, double: bool) -> u64 {
    let (fraction, bias) = if double { (52, 1023u64) } else { (23, 127) };
    let field_max = 2 * bias + 1;
    let sign = (n.next() >> 40 & 1) << if double { 63 } else { 31 };
    let random = n.next() & ((1 << fraction) - 1);
    let number = |field: u64, fraction_bits: u64| sign | field << fraction | fraction_bits;
    match n.below(24) {
        0 => sign,
        1 => number(0, random),
        2 => number(0, 1),
        3 => number(field_max, 0),
        4 => number(field_max, random | 1),
        5 => number(field_max, random | 1 << (fraction - 1)),
        6 => number(1, if n.below(2) == 0 { 0 } else { random }),
        7 => number(field_max - 1, random),
        // Near the ends of the range, or such that products get there.
        8 => number(1 + n.next() % 60, random),
        9 => number(field_max - 1 - n.next() % 60, random),
        10 => number(bias / 2 + n.next() % 8, random),
        // Integers, halves, and the ends of the 32-bit integers.
        11..=14 => {
            let v = [n.next() as i32 >> n.below(32), i32::MIN, i32::MAX, 3][n.below(4)];
            let v = f64::from(v) + [0.0, 0.5, -0.5, 1.0][n.below(4)];
            if double { v.to_bits() } else { u64::from((v as f32).to_bits()) }
        }
        // Few bits, so that results are often exact.
        15 | 16 => number(bias - 8 + n.next() % 16, random >> (fraction - 4) << (fraction - 4)),
        _ => number(bias - 20 + n.next() % 40, random),
    }
}

/// Eight bytes of numbers, mostly of one precision.
fn floats(n: &mut Numbers) -> [u8; 8] {
    if n.below(2) == 0 {
        float(n, true).to_le_bytes()
    } else {
        (float(n, false) | float(n, false) << 32).to_le_bytes()
    }
}

/// Mostly as programs have it.
fn mxcsr(n: &mut Numbers) -> u32 {
    let random = n.next() as u32;
    match n.below(8) {
        0 => 0x1F80 | random & 0xE07F,
        1 => 0x1F80,
        2 => 0x1FA0 | random & 0x8040,
        3 if n.below(4) == 0 => random & 0xFFFF | 0x1000,
        _ => 0x1FA0 | random & 0x1F,
    }
}

/// Opcodes after 0F whose prefix (none, 66, F3, F2) chooses precision and whether all elements count.
const ANY_PREFIX: [u8; 9] = [0x51, 0x58, 0x59, 0x5A, 0x5C, 0x5D, 0x5E, 0x5F, 0xC2];
/// Prefixes (0: none) and opcodes of the others; no form reaches the MMX registers.
const OTHERS: [(u8, u8); 40] = [
    (0x00, 0x52),
    (0xF3, 0x52),
    (0x00, 0x53),
    (0xF3, 0x53),
    (0x00, 0x5B),
    (0x66, 0x5B),
    (0xF3, 0x5B),
    (0xF2, 0x2A),
    (0xF3, 0x2A),
    (0xF2, 0x2C),
    (0xF3, 0x2C),
    (0xF2, 0x2D),
    (0xF3, 0x2D),
    (0x00, 0x2E),
    (0x66, 0x2E),
    (0x00, 0x2F),
    (0x66, 0x2F),
    (0x66, 0xE6),
    (0xF2, 0xE6),
    (0xF3, 0xE6),
    (0xF2, 0x10),
    (0xF3, 0x10),
    (0xF2, 0x11),
    (0xF3, 0x11),
    (0x00, 0x28),
    (0x66, 0x29),
    (0x66, 0xD6),
    (0xF3, 0x7E),
    (0x66, 0x6E),
    (0x00, 0x14),
    (0x66, 0x15),
    (0x66, 0xC6),
    (0x00, 0x54),
    (0x00, 0x57),
    (0x66, 0xF6),
    (0x66, 0xE4),
    (0x66, 0xE5),
    (0x66, 0x16),
    (0x00, 0x50),
    (0x66, 0xFA),
];

/// One instruction of floating-point SSE, or one that looks at what it did.
fn sse_instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let operands = |n: &mut Numbers, code: &mut Vec<u8>, memory: bool| {
        // The few registers used make results operands.
        let reg = (n.byte() & 3) << 3;
        if memory {
            code.extend([0x40 | reg | [3, 6, 7][n.below(3)], n.byte() & 0xF0]);
        } else {
            code.push(0xC0 | reg | n.byte() & 3);
        }
    };
    let memory = n.below(3) == 0;
    match n.below(16) {
        0..8 => {
            let prefix = [0, 0x66, 0xF3, 0xF2][n.below(4)];
            code.extend((prefix != 0).then_some(prefix));
            let op = ANY_PREFIX[n.below(ANY_PREFIX.len())];
            code.extend([0x0F, op]);
            operands(n, code, memory);
            if op == 0xC2 {
                code.push(n.byte() & 7);
            }
        }
        8..13 => {
            let (prefix, op) = OTHERS[n.below(OTHERS.len())];
            code.extend((prefix != 0).then_some(prefix));
            code.extend([0x0F, op]);
            operands(n, code, op == 0x16 || memory && op != 0x50);
            if op == 0xC6 {
                code.push(n.byte());
            }
        }
        // MASKMOVDQU to EDI; PSLLDQ, PSRLDQ; STMXCSR and, from the table at EBP, LDMXCSR.
        13 => match n.below(6) {
            0 => code.extend([0x66, 0x0F, 0xF7, 0xC1]),
            1 | 2 => code.extend([0x66, 0x0F, 0x73, [0xD8, 0xF8][n.below(2)] | n.byte() & 3, n.byte() % 18]),
            3 | 4 => code.extend([0x0F, 0xAE, 0x5B, n.byte() & 0xFC]),
            _ => code.extend([0x0F, 0xAE, 0x55, n.byte() & 0x7C]),
        },
        // A condition, stored, or jumped on.
        14 => code.extend([0x0F, 0x90 | n.byte() & 15, 0x43, n.byte()]),
        _ => {
            let mut over = Vec::new();
            sse_instruction(n, &mut over);
            code.extend([0x70 | n.byte() & 15, over.len() as u8]);
            code.extend(over);
        }
    }
}

/// A processor in flat 32-bit code, an endless loop of floating point; any exception ends in shutdown.
fn flat_floats(h: &mut cpu::harness::Harness, n: &mut Numbers) {
    use cpu::harness::SegmentState;
    const CODE: u64 = 0x8000;
    const CONTROLS: u64 = 0x4000;
    h.reset();
    let mut s = h.state();
    let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(0xC09B);
    s.cr0 |= 1;
    s.cr4 = 1 << 9 | 1 << 10;
    s.eflags = 2 | n.next() as u32 & 0x8D5;
    s.eip = CODE;
    for r in s.gpr.iter_mut().take(3) {
        *r = n.next() & 0xFFFF_FFFF;
    }
    for r in [3, 4, 6, 7] {
        s.gpr[r] = 0x2_0000 + (n.next() & 0xFFF0);
    }
    s.gpr[5] = CONTROLS;
    s.mxcsr = mxcsr(n);
    for r in s.xmm.iter_mut().take(8) {
        let (low, high) = r.split_at_mut(8);
        low.copy_from_slice(&floats(n));
        high.copy_from_slice(&floats(n));
    }
    let mut code = Vec::new();
    while code.len() < 110 {
        sse_instruction(n, &mut code);
    }
    code.extend([0x90; 16]);
    let back = -(code.len() as i32 + 5);
    code.push(0xE9);
    code.extend(back.to_le_bytes());
    h.set_state(&s);
    h.write_memory(CODE, &code);
    for word in 0..32 {
        h.write_memory(CONTROLS + 4 * word, &mxcsr(n).to_le_bytes());
    }
    for r in [3, 6, 7] {
        for at in (0..0x100u64).step_by(8) {
            h.write_memory(s.gpr[r] + at - 0x80, &floats(n));
        }
    }
}

#[wasm_bindgen_test]
fn sequences_of_floating_point_end_as_in_the_interpreter() {
    use cpu::harness::Harness;
    let (mut plain, mut other) = (Harness::new(1 << 18).unwrap(), Harness::new(1 << 18).unwrap());
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 18, ..Options::default() };
    other.processor().set_translator(Box::new(Engine::new(host, options)));
    for seed in 1..=2000u64 {
        for h in [&mut plain, &mut other] {
            let mut n = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            flat_floats(h, &mut n);
            let p = h.processor();
            // In pieces, so that budgets end anywhere.
            let end = p.cpu.count + 300;
            while p.cpu.count < end && p.run((p.cpu.count + 1 + n.next() % 90).min(end)) == cpu::Exit::Limit {
            }
        }
        let (a, b) = (plain.state(), other.state());
        assert_eq!(a, b, "seed {seed}");
        let ram = |h: &mut Harness| h.processor().mmu.ram().slice(0, 1 << 18).map(<[u8]>::to_vec);
        assert!(ram(&mut plain) == ram(&mut other), "seed {seed}: memory differs");
    }
    let figures = other.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    console_log!("{executed} instructions in translated code; {figures:?}");
    assert!(executed > 100_000.0, "only {executed} instructions in translated code");
}
