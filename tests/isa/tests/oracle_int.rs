//! Integer instructions against this machine's processor, through every way of running them.

use isa::executor;
use isa::oracle::{Vector, World, not_comparable};
use isa::silicon::{self, say};
use isa::tally::Tally;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const VECTORS: &str = "20000";

/// Compiles the oracle; `None`, and a word why, if it cannot run here.
fn oracle(mode: u32) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    silicon::compile(folder, &format!("oracle-{mode}"), silicon::SOURCE, mode, "int")
}

fn run(program: &Path, mode: u32, seed: u32, tally: &mut Tally) {
    let mut child = Command::new(program)
        .args([&mode.to_string(), "int", VECTORS, &seed.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the oracle runs");
    let mut world = World::new().expect("host memory");
    let mut executors = executor::all();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("the oracle prints text");
        let v = Vector::parse(&line).unwrap_or_else(|| panic!("not a vector: {line}"));
        let Some(i) = world.decode(&v) else { panic!("not decoded: {line}") };
        seen += 1;
        if let Some(reason) = not_comparable(&v, &i) {
            tally.skip(reason);
            continue;
        }
        let kind = v.kind();
        if !v.repeats_over_itself(&i) {
            for e in &mut executors {
                tally.note(&kind, world.check(&v, &i, &mut **e));
            }
        }
        tally.note(&kind, world.check_loop(&v, &i));
    }
    assert!(child.wait().is_ok_and(|s| s.success()), "the oracle failed");
    // A few of the 20,000 never finish and are not printed.
    assert!(seen > 19_000, "only {seen} vectors");
}

fn all_defined_results_agree(mode: u32) {
    let Some(program) = oracle(mode) else { return };
    let mut tally = Tally::default();
    for seed in silicon::seeds() {
        run(&program, mode, seed, &mut tally);
    }
    let (passed, failed) = tally.totals();
    say(&format!("{mode} bits: {passed} passed, {failed} failed, left out: {:?}", tally.skipped));
    assert!(
        failed == 0,
        "{failed} results differ from this machine's {}:\n{}",
        silicon::processor_model(),
        tally.report()
    );
}

#[test]
fn defined_results_of_32_bit_code_agree() {
    all_defined_results_agree(32);
}

#[test]
fn defined_results_of_16_bit_code_agree() {
    all_defined_results_agree(16);
}
