//! Translated code, natively: see `isa::translated`. The long tests run all the vectors that the interpreter's tests do.

use isa::silicon::Exceptions::{self, Masked, UnmaskedSse};
use isa::silicon::{self, say};
use isa::tally::Tally;
use isa::translated::programs::Pair;
use isa::translated::{self, Workbench, pages, sequences, soak, sse, x87};
use native_engine::NativeHost;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Room for a processor with its caches and up to 2 MB of RAM.
const ARENA: usize = 8 << 20;
/// Vectors of each class in a short test, and of each seed in a long one.
const FEW: u32 = 2000;
const MANY: u32 = 20_000;

struct Native;

impl Workbench for Native {
    type Host = NativeHost;
    fn set_up<T>(&self, make: impl FnOnce(NativeHost) -> T) -> T {
        native_engine::within(ARENA, make)
    }
}

/// Compiles the oracle; `None`, and a word why, if it cannot run here.
fn oracle(mode: u32, class: &str, exceptions: Exceptions) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    silicon::compile(folder, silicon::SOURCE, (mode, class), exceptions)
}

/// Enough of what was compared must have run in translated code.
fn conclude(what: &str, tally: &Tally, executed: f64, compared: f64) {
    silicon::conclude(what, tally);
    say(&format!("{what}: {executed} instructions translated"));
    assert!(executed > compared / 2.0, "hardly anything was translated");
}

fn integer_vectors_agree(mode: u32, vectors: u32, seeds: RangeInclusive<u32>) {
    let Some(program) = oracle(mode, "int", Masked) else { return };
    let lines = seeds.flat_map(|seed| silicon::lines(&program, (mode, "int"), vectors, seed));
    let (tally, executed) = translated::integer_vectors(&Native, lines);
    conclude(&format!("int, {mode} bits"), &tally, executed, tally.totals().0 as f64);
}

fn extension_vectors_agree(mode: u32, vectors: u32, seeds: RangeInclusive<u32>) {
    let Some(program) = oracle(mode, "ext", Masked) else { return };
    let lines = seeds.flat_map(|seed| silicon::lines(&program, (mode, "ext"), vectors, seed));
    let (tally, executed) = sse::vectors(&Native, lines);
    conclude(&format!("ext, {mode} bits"), &tally, executed, tally.totals().0 as f64);
}

fn programs_agree(mode: u32, class: &str, exceptions: Exceptions, vectors: u32, seeds: RangeInclusive<u32>) {
    let Some(program) = oracle(mode, class, exceptions) else { return };
    let mut pair = Pair::new(&Native);
    let mut run = 0.0;
    for seed in seeds {
        silicon::each_line(&program, (mode, class), vectors, seed, |line| {
            pair.check(line);
            run += 1.0;
        });
    }
    let executed = pair.executed();
    say(&format!("{class}, {mode} bits, {exceptions:?}: {run} vectors, {executed} instructions translated"));
    assert!(executed > run / 2.0, "hardly anything was translated");
}

#[test]
fn integer_vectors_of_32_bit_code_agree() {
    integer_vectors_agree(32, FEW, 1..=1);
}

#[test]
fn integer_vectors_of_16_bit_code_agree() {
    integer_vectors_agree(16, FEW, 1..=1);
}

#[test]
fn x87_programs_end_as_in_the_interpreter() {
    programs_agree(32, "x87", Masked, FEW, 1..=1);
}

#[test]
fn mmx_programs_end_as_in_the_interpreter() {
    programs_agree(32, "mmx", Masked, FEW, 1..=1);
}

#[test]
fn sse_programs_end_as_in_the_interpreter() {
    programs_agree(32, "sse", Masked, FEW, 1..=1);
}

#[test]
fn programs_of_extensions_end_as_in_the_interpreter() {
    programs_agree(32, "ext", Masked, FEW, 1..=1);
    programs_agree(32, "ext", UnmaskedSse, FEW / 2, 2..=2);
}

#[test]
fn vectors_of_extensions_agree() {
    extension_vectors_agree(32, FEW, 1..=1);
}

#[test]
fn sse_programs_with_unmasked_exceptions_end_as_in_the_interpreter() {
    programs_agree(32, "sse", UnmaskedSse, FEW, 1..=1);
}

#[test]
fn integer_sequences_end_as_in_the_interpreter() {
    let executed = sequences::end_as_in_the_interpreter(&Native, 0..250);
    assert!(executed > 500.0, "only {executed} instructions in translated code");
}

#[test]
fn sequences_of_the_real_processor_agree() {
    for class in ["seq", "seqfp"] {
        let Some(program) = oracle(32, class, Masked) else { return };
        let lines = silicon::lines(&program, (32, class), 100, 1);
        let (tally, compared, executed) = translated::real_sequences(&Native, lines);
        conclude(class, &tally, executed, compared as f64);
    }
}

#[test]
fn x87_sequences_end_as_in_the_interpreter() {
    let executed = x87::sequences_end_as_in_the_interpreter(&Native, 0..60);
    assert!(executed > 300.0, "only {executed} instructions in translated code");
}

#[test]
fn sse_sequences_end_as_in_the_interpreter() {
    let executed = sse::sequences_end_as_in_the_interpreter(&Native, 0..100);
    assert!(executed > 5_000.0, "only {executed} instructions in translated code");
}

#[test]
fn a_page_at_three_addresses_is_translated_once() {
    pages::are_translated_once(&Native);
}

/// Guests by seed, so many bursts each, with up to four regions to a module; what the translator had to do for all of them.
fn soak(seeds: std::ops::Range<u64>, bursts: u32) {
    let mut all = [0.0; 3];
    let least = f64::from(bursts) * (seeds.end - seeds.start) as f64;
    for seed in seeds {
        let done = soak::ends_as_in_the_interpreter(&Native, seed, 1 + seed as usize % 4, bursts);
        say(&format!("soak {seed}: {done:?}"));
        for (sum, one) in all.iter_mut().zip([done.executed, done.invalidated, done.evicted]) {
            *sum += one;
        }
    }
    let [executed, invalidated, evicted] = all;
    assert!(executed > 20.0 * least, "hardly anything was translated: {executed} instructions");
    assert!(invalidated > least / 10.0, "hardly any code was overwritten: {invalidated} regions");
    assert!(evicted > least / 4.0, "the cache was large enough: {evicted} regions");
}

#[test]
fn a_small_cache_over_changing_code_ends_as_in_the_interpreter() {
    // Each by itself.
    for seed in 0..3 {
        soak(seed..seed + 1, 100);
    }
}

// ---- the long ones: `./build.sh fuzz` ----

#[test]
#[ignore = "minutes"]
fn all_vectors_agree() {
    for mode in [32, 16] {
        integer_vectors_agree(mode, MANY, silicon::seeds());
        for (class, exceptions) in [("x87", Masked), ("mmx", Masked), ("sse", Masked), ("sse", UnmaskedSse)] {
            programs_agree(mode, class, exceptions, MANY, silicon::seeds());
        }
    }
}

#[test]
#[ignore = "minutes"]
fn all_vectors_of_extensions_agree() {
    for mode in [32, 16] {
        extension_vectors_agree(mode, MANY, silicon::seeds());
        for exceptions in [Masked, UnmaskedSse] {
            programs_agree(mode, "ext", exceptions, MANY, silicon::seeds());
        }
    }
}

#[test]
#[ignore = "minutes"]
fn very_many_integer_sequences_end_as_in_the_interpreter() {
    sequences::end_as_in_the_interpreter(&Native, 250..20_000);
}

#[test]
#[ignore = "minutes"]
fn a_long_soak_ends_as_in_the_interpreter() {
    // Many guests and not long ones: after some hundred bursts one has overwritten most of its code with data.
    soak(3..63, 400);
}
