//! Translated code against real processors: the oracle's vectors, each compiled at first sight.
//!
//! Runs in Node alone, because it reads `build/oracle-int-*.jsonl`, which `./build.sh test` makes.

#![cfg(target_arch = "wasm32")]

use isa::oracle::{Vector, World, not_comparable};
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
fn integer_vectors_of_32_bit_code_agree() {
    agree(32);
}

#[wasm_bindgen_test]
fn integer_vectors_of_16_bit_code_agree() {
    agree(16);
}

fn agree(bits: u32) {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/oracle-int-{}.jsonl"), bits);
    let Ok(text) = read_file(&path, "utf8") else {
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
