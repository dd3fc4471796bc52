//! Sequences of instructions against this machine's processor, through every way of running them.

use isa::executor;
use isa::oracle::World;
use isa::oracle::sequences::{self, Figures};
use isa::silicon::{self, Exceptions, say};
use isa::tally::Tally;
use std::path::Path;

const SEQUENCES: u32 = 500;

fn run(program: &Path, mode: u32, class: &str, seed: u32, tally: &mut Tally) -> Figures {
    let lines = silicon::lines(program, (mode, class), SEQUENCES, seed);
    let mut world = World::new().expect("host memory");
    sequences::check_all(&mut world, lines.into_iter(), &mut executor::all(), tally)
}

/// Runs the seeds; every defined result must agree, and enough of them must have been looked at.
fn all_defined_results_agree(mode: u32, class: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiled = silicon::compile(folder, silicon::SOURCE, (mode, class), Exceptions::Masked);
    let Some(program) = compiled else { return };
    let mut tally = Tally::default();
    for seed in silicon::seeds() {
        let f = run(&program, mode, class, seed, &mut tally);
        say(&format!(
            "{class}, {mode} bits, seed {seed}: {} sequences, {} of {} instructions compared, {} to an exception, \
             {} modify themselves; cut: {:?}",
            f.sequences, f.compared, f.executed, f.exceptions, f.self_modifying, f.cut
        ));
        assert!(f.compared > f.executed / 2, "only {} of {} instructions", f.compared, f.executed);
        assert!(f.exceptions > f.sequences / 4, "only {} exceptions", f.exceptions);
        assert!(f.self_modifying > f.sequences / 10, "only {} modify themselves", f.self_modifying);
    }
    silicon::conclude(&format!("{class}, {mode} bits"), &tally);
}

#[test]
fn defined_results_of_32_bit_sequences_agree() {
    all_defined_results_agree(32, "seq");
}

#[test]
fn defined_results_of_16_bit_sequences_agree() {
    all_defined_results_agree(16, "seq");
}

#[test]
fn defined_results_of_32_bit_sequences_with_floating_point_agree() {
    all_defined_results_agree(32, "seqfp");
}

#[test]
fn defined_results_of_16_bit_sequences_with_floating_point_agree() {
    all_defined_results_agree(16, "seqfp");
}
