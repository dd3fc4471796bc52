//! A whole machine with a small guest, translated and not: the same state at the same counts, and the same end.

use jit::engine::{Engine, Options};
use machine::{ClockMode, Config, Machine, Outcome};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Room for a machine with 4 MB.
const ARENA: usize = 32 << 20;
/// Instructions between two looks at the state.
const BETWEEN: u64 = 20_000;

/// Assembles a guest of `tests/guests`; `None`, and a word why, if it cannot be done here.
fn guest(name: &str) -> Option<Vec<u8>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(format!("{name}.asm"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.bin"));
    let folder = format!("-I{}/", source.parent()?.display());
    let status = Command::new("nasm").args(["-f", "bin", &folder, "-o"]).arg(&out).arg(&source).status();
    if let Err(e) = status {
        // Past the test harness's capture, so that a skipped test is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no nasm: {e}");
        return None;
    }
    Some(std::fs::read(out).expect("nasm assembles the guest"))
}

/// How a run ends: why, at which count, what came by COM1, and the state on the way.
#[derive(Debug, PartialEq)]
struct End {
    outcome: Outcome,
    instructions: u64,
    output: Vec<u8>,
    hashes: String,
}

fn machine(image: &[u8]) -> Machine {
    let hash_at = (1..100).map(|n| n * BETWEEN).collect();
    let config =
        Config { memory_mb: 4, clock: ClockMode::Counted, reboot: false, hash_at, ..Config::default() };
    let mut machine = Machine::new(config).expect("a machine");
    machine.load_multiboot(image.to_vec(), "", Vec::new()).expect("a multiboot kernel");
    machine
}

fn run(mut machine: Machine) -> (End, f64) {
    let mut outcome = Outcome::Time;
    for n in 0..1000 {
        outcome = machine.run(n * 4_000_000, 4_000_000);
        if !matches!(outcome, Outcome::Time | Outcome::Idle) {
            break;
        }
    }
    let figures = machine.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    let (instructions, output) = (machine.instructions(), machine.serial_output(0));
    (End { outcome, instructions, output, hashes: machine.hashes() }, executed)
}

fn ends_as_in_the_interpreter(name: &str, outcome: Outcome, least: f64) {
    let Some(image) = guest(name) else { return };
    let (plain, _) = run(machine(&image));
    assert_eq!(plain.outcome, outcome);
    for threshold in [0, 50] {
        let options = Options { threshold, batch: 1, ..Options::default() };
        let translated = native_engine::within(ARENA, |host| {
            let mut machine = machine(&image);
            machine.set_translator(Box::new(Engine::new(host, options)));
            machine
        });
        let (end, executed) = run(translated);
        assert_eq!(end, plain, "{name}, translated after {threshold} entries");
        assert!(executed > least, "only {executed} instructions translated");
    }
}

#[test]
fn code_that_changes_code_ends_as_in_the_interpreter() {
    ends_as_in_the_interpreter("smc", Outcome::Exit(0), 10_000.0);
}

#[test]
fn a_guest_with_a_timer_ends_as_in_the_interpreter() {
    ends_as_in_the_interpreter("ticks", Outcome::Exit(0), 100.0);
}

#[test]
fn a_supervisor_under_smap_ends_as_in_the_interpreter() {
    ends_as_in_the_interpreter("smap", Outcome::Exit(0), 10_000.0);
}

#[test]
fn an_interrupt_that_has_to_wait_keeps_no_code_from_being_translated() {
    ends_as_in_the_interpreter("waiting", Outcome::Exit(0), 4_500_000.0);
}
