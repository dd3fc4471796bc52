//! Tests of translated code, in one text for wherever it runs: natively in an embedded engine, and in Node.
//!
//! * [`integer_vectors`]: the oracle's vectors, each compiled at first sight, against what the silicon did;
//! * [`programs`]: its vectors of other classes, singly and joined, against the interpreter;
//! * [`sequences`]: random code against the interpreter;
//! * [`real_sequences`]: programs of the oracle's, against what the silicon did;
//! * [`x87`], [`sse`]: floating point, where translated code has ways of its own;
//! * [`pages`]: one page mapped at several addresses;
//! * [`soak`]: a small cache, code that is overwritten and mapped anew all the time, against the interpreter.
//!
//! They panic with what differs. Time is never looked at.

pub mod pages;
pub mod programs;
pub mod sequences;
pub mod soak;
pub mod sse;
pub mod x87;

use crate::oracle::{Vector, World, not_comparable};
use crate::tally::Tally;
use cpu::Processor;
use cpu::harness::Harness;
use cpu::insn::Insn;
use jit::engine::{Engine, Host, Options};

/// Where translated code runs.
pub trait Workbench {
    /// What compiles and calls it.
    type Host: Host + 'static;
    /// Makes a processor and its translator, which gets this host.
    fn set_up<T>(&self, make: impl FnOnce(Self::Host) -> T) -> T;
}

/// Every block is translated before it is entered for the first time.
pub const AT_FIRST_SIGHT: Options =
    Options { threshold: 0, batch: 1, cache_bytes: 1 << 18, ..Options::USUAL };

/// A harness with a translator.
///
/// # Panics
/// Without memory.
pub fn harness(bench: &impl Workbench, ram: u64, options: Options) -> Harness {
    bench.set_up(|host| {
        let mut h = Harness::new(ram).expect("host memory");
        h.processor().set_translator(Box::new(Engine::new(host, options)));
        h
    })
}

/// The oracle's world with a translator at first sight.
///
/// # Panics
/// Without memory.
pub fn world(bench: &impl Workbench) -> World {
    bench.set_up(|host| {
        let mut world = World::new().expect("host memory");
        world.processor().set_translator(Box::new(Engine::new(host, AT_FIRST_SIGHT)));
        world
    })
}

/// One of the translator's figures; 0 if there is none of that name.
#[must_use]
pub fn figure(p: &Processor, name: &str) -> f64 {
    p.translator_figures().iter().find(|(n, _)| *n == name).map_or(0.0, |(_, v)| *v)
}

/// Runs the oracle's vectors of class `int`. The results, and how many instructions translated code has executed.
///
/// # Panics
/// If a line is not a vector.
pub fn integer_vectors(
    bench: &impl Workbench,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
) -> (Tally, f64) {
    vectors(bench, lines, not_comparable)
}

/// Runs vectors, but for those that a reason is given against.
fn vectors(
    bench: &impl Workbench,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
    against: impl Fn(&Vector, &Insn) -> Option<&'static str>,
) -> (Tally, f64) {
    let mut world = world(bench);
    let mut tally = Tally::default();
    for line in lines {
        let line = line.as_ref();
        let v = Vector::parse(line).unwrap_or_else(|| panic!("not a vector: {line}"));
        let i = world.decode(&v).unwrap_or_else(|| panic!("not decoded: {line}"));
        match against(&v, &i) {
            Some(reason) => tally.skip(reason),
            None => tally.note(&v.kind(), world.check_loop(&v, &i)),
        }
    }
    (tally, figure(world.processor(), "executed"))
}

/// Runs random sequences of at most so many instructions, prepared from their numbers, in the interpreter and translated
/// at first sight, and compares. How many instructions translated code has executed.
fn random_sequences(
    bench: &impl Workbench,
    ram: usize,
    most: u64,
    sequences: std::ops::Range<u64>,
    prepare: impl Fn(&mut Harness, &mut Numbers),
) -> f64 {
    let mut plain = Harness::new(ram as u64).expect("host memory");
    let mut other = harness(bench, ram as u64, AT_FIRST_SIGHT);
    for seed in sequences {
        for h in [&mut plain, &mut other] {
            let mut n = Numbers::new(seed + 1);
            prepare(h, &mut n);
            run_in_pieces(h.processor(), &mut n, most);
        }
        assert_same(&mut plain, &mut other, ram, &format!("sequence {seed}"));
    }
    figure(other.processor(), "executed")
}

/// Runs programs of the oracle's. The results, how many instructions were compared, and how many translated code has
/// executed.
///
/// # Panics
/// If a line is not one.
pub fn real_sequences(
    bench: &impl Workbench,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
) -> (Tally, u64, f64) {
    let mut world = world(bench);
    let mut tally = Tally::default();
    let lines = lines.into_iter().map(|line| line.as_ref().to_owned());
    let done = crate::oracle::sequences::check_all(&mut world, lines, &mut [], &mut tally);
    (tally, done.compared as u64, figure(world.processor(), "executed"))
}

/// A small generator of numbers, the same every time.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 16) as usize % n
    }

    pub(crate) fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}

/// Runs `n` instructions, in pieces, so that budgets end anywhere; fewer, if something else ends it.
pub(crate) fn run_in_pieces(p: &mut Processor, n: &mut Numbers, count: u64) {
    let end = p.cpu.count + count;
    let mut run = |limit: u64| {
        p.begin_slice();
        (p.run(limit), p.cpu.count)
    };
    let mut count = end - count;
    while count < end {
        let (exit, now) = run((count + 1 + n.next() % 90).min(end));
        if exit != cpu::Exit::Limit {
            break;
        }
        count = now;
    }
}

/// Panics if two processors differ in their state, the instructions executed, or the first `ram` bytes of memory.
pub(crate) fn assert_same(plain: &mut Harness, other: &mut Harness, ram: usize, what: &str) {
    let (want, got) = (plain.state(), other.state());
    assert_eq!(want, got, "{what}: state differs");
    assert_eq!(plain.count(), other.count(), "{what}: instructions executed");
    let [want, got] = [plain, other].map(|h| h.processor().mmu.ram().slice(0, ram).unwrap_or_default());
    if want != got {
        let at = (0..ram).find(|at| want[*at] != got[*at]).unwrap_or(0);
        panic!("{what}: at {at:#x} {:#x}, got {:#x}", want[at], got[at]);
    }
}
