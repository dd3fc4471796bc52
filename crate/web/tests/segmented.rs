//! Translated code that is not flat against the interpreter: random sequences, the whole state and memory compared.
//! The oracle's 16-bit vectors are in `translated.rs`.

#![cfg(target_arch = "wasm32")]

use cpu::harness::{Harness, SegmentState, State};
use isa::segmented::{Case, Numbers, RAM, WORLDS, memory, run};
use jit::engine::{Engine, Options};
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web::wasm_host::WasmHost;

fn translating(ram: u64, threshold: u32) -> Harness {
    let mut h = Harness::new(ram).unwrap();
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold, batch: 1, cache_bytes: 1 << 18, ..Options::default() };
    h.processor().set_translator(Box::new(Engine::new(host, options)));
    h
}

fn figure(h: &mut Harness, name: &str) -> f64 {
    let figures = h.processor().translator_figures();
    figures.iter().find(|(n, _)| *n == name).map_or(0.0, |(_, n)| *n)
}

/// Runs a case in both and compares.
fn same(case: &Case, again: bool, seed: u64, [plain, other]: [&mut Harness; 2]) {
    let end = |h: &mut Harness| -> (State, u64) {
        case.prepare(h, again);
        let before = h.count();
        run(h, &mut Numbers::new(seed), 600);
        (h.state(), h.count() - before)
    };
    let (a, b) = (end(plain), end(other));
    assert_eq!(a, b, "seed {seed}, again: {again}, {:?}", case.world);
    assert!(memory(plain) == memory(other), "seed {seed}, again: {again}, {:?}: memory differs", case.world);
}

fn sequences(threshold: u32, seeds: std::ops::Range<u64>) {
    let (mut plain, mut other) = (Harness::new(RAM).unwrap(), translating(RAM, threshold));
    let mut executed = [0.0; WORLDS.len()];
    for seed in seeds {
        let before = figure(&mut other, "executed");
        let case = Case::new(seed);
        same(&case, false, seed, [&mut plain, &mut other]);
        let n = &mut Numbers::new(seed ^ 0x5555);
        for _ in 0..2 {
            if let Some(moved) = case.moved(n) {
                same(&moved, true, seed, [&mut plain, &mut other]);
            }
        }
        executed[seed as usize % WORLDS.len()] += figure(&mut other, "executed") - before;
    }
    console_log!("{:?}", other.processor().translator_figures());
    for (world, executed) in WORLDS.iter().zip(executed) {
        console_log!("{world:?}: {executed} instructions in translated code");
        assert!(executed > 200.0, "{world:?}: hardly anything was translated");
    }
}

#[wasm_bindgen_test]
fn sequences_at_first_sight_end_as_in_the_interpreter() {
    sequences(0, 1..211);
}

#[wasm_bindgen_test]
fn sequences_of_hot_code_end_as_in_the_interpreter() {
    sequences(3, 3000..3700);
}

/// A loop at FFFF:0200, that is, at 1001F0h, or with A20 closed at 1F0h: its result.
fn loop_above_1_mb(h: &mut Harness) -> u64 {
    h.reset();
    let mut s = h.state();
    s.segments[1] = SegmentState { selector: 0xFFFF, base: 0xF_FFF0, limit: 0xFFFF, rights: 0x9B };
    s.eip = 0x200;
    s.gpr = [0; 16];
    s.gpr[1] = 100;
    h.set_state(&s);
    h.run_to_halt(10_000);
    let s = h.state();
    assert!(s.halted);
    s.gpr[0]
}

#[wasm_bindgen_test]
fn code_is_found_through_a20() {
    let mut h = translating(2 << 20, 0);
    // again: add ax, n; loop again; hlt
    let code = |n: u8| [0x83, 0xC0, n, 0xE2, 0xFB, 0xF4];
    h.write_memory(0x1F0, &code(1));
    h.write_memory(0x10_01F0, &code(2));
    for _ in 0..2 {
        h.processor().mmu.set_a20(true);
        assert_eq!(loop_above_1_mb(&mut h), 200);
        h.processor().mmu.set_a20(false);
        assert_eq!(loop_above_1_mb(&mut h), 100);
    }
    // Overwritten where it lies, not where it runs.
    h.write_memory(0x1F0, &code(3));
    assert_eq!(loop_above_1_mb(&mut h), 300);
    assert!(figure(&mut h, "executed") > 500.0);
    assert!(figure(&mut h, "invalidated") > 0.0);
}
