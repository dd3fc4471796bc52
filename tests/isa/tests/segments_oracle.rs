//! Segment loads, far transfers and accesses to segments of every kind against this machine's processor.

use isa::executor;
use isa::oracle::segments::{Figures, Segments};
use isa::silicon::{self, Exceptions, say};
use isa::tally::Tally;
use std::path::Path;

const PROGRAMS: u32 = 5000;
const SOURCE: &str = include_str!("../oracle/segments.c");
const CLASS: &str = "seg";

fn run(program: &Path, mode: u32, seed: u32, tally: &mut Tally) -> Figures {
    let (mut world, mut figures, mut executors) = (None, Figures::default(), executor::all());
    silicon::each_line(program, (mode, CLASS), PROGRAMS, seed, |line| match &mut world {
        None => world = Some(Segments::new(line).unwrap_or_else(|| panic!("not the first line: {line}"))),
        Some(world) => world.check(line, &mut executors, tally, &mut figures),
    });
    figures
}

fn everything_agrees(mode: u32) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(program) = silicon::compile(folder, SOURCE, (mode, CLASS), Exceptions::Masked) else { return };
    let mut tally = Tally::default();
    for seed in silicon::seeds() {
        let f = run(&program, mode, seed, &mut tally);
        say(&format!(
            "{mode} bits, seed {seed}: {} programs, {} steps, {} to an exception",
            f.programs, f.steps, f.exceptions
        ));
        assert!(f.steps > f.programs, "only {} steps", f.steps);
        assert!(f.exceptions > f.programs / 4, "only {} exceptions", f.exceptions);
    }
    silicon::conclude(&format!("segments, {mode} bits"), &tally);
}

#[test]
fn segments_of_32_bit_programs_agree() {
    everything_agrees(32);
}

#[test]
fn segments_of_16_bit_programs_agree() {
    everything_agrees(16);
}
