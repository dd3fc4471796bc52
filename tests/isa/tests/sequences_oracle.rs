//! Sequences of instructions against this machine's processor, through every way of running them.

use isa::executor;
use isa::oracle::World;
use isa::oracle::sequences::{self, Figures};
use isa::silicon::{self, say};
use isa::tally::Tally;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SEQUENCES: usize = 500;

/// Compiles the oracle; `None`, and a word why, if it cannot run here.
fn oracle(name: &str, mode: u32, class: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    silicon::compile(folder, &format!("oracle-{name}-{class}-{mode}"), silicon::SOURCE, mode, class)
}

fn run(program: &Path, mode: u32, class: &str, seed: u32, tally: &mut Tally) -> Figures {
    let mut child = Command::new(program)
        .args([&mode.to_string(), class, &SEQUENCES.to_string(), &seed.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the oracle runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut world = World::new().expect("host memory");
    let lines = lines.map(|l| l.expect("the oracle prints text"));
    let figures = sequences::check_all(&mut world, lines, &mut executor::all(), tally);
    assert!(child.wait().is_ok_and(|s| s.success()), "the oracle failed");
    figures
}

/// Runs the seeds; every defined result must agree, and enough of them must have been looked at.
fn all_defined_results_agree(name: &str, mode: u32, class: &str, seeds: RangeInclusive<u32>) {
    let Some(program) = oracle(name, mode, class) else { return };
    let mut tally = Tally::default();
    for seed in seeds {
        let f = run(&program, mode, class, seed, &mut tally);
        say(&format!(
            "{class}, {mode} bits, seed {seed}: {} sequences, {} of {} instructions compared, {} to an exception, \
             {} modify themselves; cut: {:?}",
            f.sequences, f.compared, f.executed, f.exceptions, f.self_modifying, f.cut
        ));
        assert!(f.sequences > SEQUENCES * 9 / 10, "only {} sequences", f.sequences);
        assert!(f.compared > f.executed / 2, "only {} of {} instructions", f.compared, f.executed);
        assert!(f.exceptions > f.sequences / 4, "only {} exceptions", f.exceptions);
        assert!(f.self_modifying > f.sequences / 10, "only {} modify themselves", f.self_modifying);
    }
    let (passed, failed) = tally.totals();
    say(&format!("{class}, {mode} bits: {passed} passed, {failed} failed"));
    assert!(
        failed == 0,
        "{failed} sequences differ from this machine's {}:\n{}",
        silicon::processor_model(),
        tally.report()
    );
}

#[test]
fn defined_results_of_32_bit_sequences_agree() {
    all_defined_results_agree("few", 32, "seq", silicon::seeds());
}

#[test]
fn defined_results_of_16_bit_sequences_agree() {
    all_defined_results_agree("few", 16, "seq", silicon::seeds());
}

#[test]
fn defined_results_of_32_bit_sequences_with_floating_point_agree() {
    all_defined_results_agree("few", 32, "seqfp", silicon::seeds());
}

#[test]
fn defined_results_of_16_bit_sequences_with_floating_point_agree() {
    all_defined_results_agree("few", 16, "seqfp", silicon::seeds());
}

#[test]
#[ignore = "thirty seeds: ./build.sh fuzz runs it"]
fn defined_results_of_many_sequences_agree() {
    for mode in [32, 16] {
        for class in ["seq", "seqfp"] {
            all_defined_results_agree("many", mode, class, 4..=33);
        }
    }
}
