//! Integer instructions against this machine's processor, through every way of running them.

use isa::executor;
use isa::oracle::{Vector, World, not_comparable};
use isa::silicon::{self, Exceptions};
use isa::tally::Tally;
use std::path::Path;

const VECTORS: u32 = 20_000;

fn run(program: &Path, mode: u32, seed: u32, tally: &mut Tally) {
    let mut world = World::new().expect("host memory");
    let mut executors = executor::all();
    silicon::each_line(program, (mode, "int"), VECTORS, seed, |line| {
        let v = Vector::parse(line).unwrap_or_else(|| panic!("not a vector: {line}"));
        let Some(i) = world.decode(&v) else { panic!("not decoded: {line}") };
        if let Some(reason) = not_comparable(&v, &i) {
            tally.skip(reason);
            return;
        }
        let kind = v.kind();
        if !v.repeats_over_itself(&i) {
            for e in &mut executors {
                tally.note(&kind, world.check(&v, &i, &mut **e));
            }
        }
        tally.note(&kind, world.check_loop(&v, &i));
    });
}

fn all_defined_results_agree(mode: u32) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiled = silicon::compile(folder, silicon::SOURCE, (mode, "int"), Exceptions::Masked);
    let Some(program) = compiled else { return };
    let mut tally = Tally::default();
    for seed in silicon::seeds() {
        run(&program, mode, seed, &mut tally);
    }
    silicon::conclude(&format!("int, {mode} bits"), &tally);
}

#[test]
fn defined_results_of_32_bit_code_agree() {
    all_defined_results_agree(32);
}

#[test]
fn defined_results_of_16_bit_code_agree() {
    all_defined_results_agree(16);
}
