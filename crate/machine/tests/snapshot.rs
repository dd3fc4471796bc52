//! The same run gives the same state; a saved machine goes on as if nothing had happened; damage is refused.

mod common;

use common::{ECHO, FILL, TIMER, config, kernel, machine, run};
use host::entropy::Seeded;
use machine::{Config, ErrorCode, Machine, Outcome};

/// The hashes of a run at the given counts.
fn hashes(code: &[u8], at: &[u64], mut between: impl FnMut(&mut Machine)) -> String {
    let mut machine = machine(code, Config { hash_at: at.to_vec(), ..config() });
    let most = at.iter().max().copied().unwrap_or(0);
    let mut out = String::new();
    for _ in 0..10_000 {
        let outcome = machine.run(0, 1);
        out += &machine.hashes();
        between(&mut machine);
        if machine.instructions() >= most || !matches!(outcome, Outcome::Time | Outcome::Idle) {
            break;
        }
    }
    out
}

#[test]
fn two_counted_runs_have_the_same_hashes() {
    let at: Vec<u64> = (1..30).map(|n| n * 997).collect();
    let one = hashes(TIMER, &at, |_| {});
    assert_eq!(one.lines().count(), at.len());
    assert_eq!(one, hashes(TIMER, &at, |_| {}));
    let mut different: Vec<_> = one.lines().map(|l| l.rsplit(' ').next()).collect();
    different.dedup();
    assert_eq!(different.len(), at.len());
}

#[test]
fn a_machine_with_another_processor_is_refused_by_name() {
    let with = |cpu: &str| machine(FILL, Config { cpu: cpu.into(), ..config() });
    let saved = with("pentium3,-sse").save();
    for other in ["", "pentium3", "pentium3,-fxsr"] {
        let error = with(other).restore(&saved).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadSnapshot);
        assert!(error.message.contains("\"pentium3,-sse\""), "{}", error.message);
    }
    let mut same = with("pentium3,-SSE");
    same.restore(&saved).unwrap();
    assert_eq!(same.state_hash(), with("pentium3,-sse").state_hash());
    assert_ne!(with("").state_hash(), with("pentium").state_hash());
    assert_eq!(with("").state_hash(), with("core2").state_hash());
}

#[test]
fn looking_does_not_change_the_run() {
    let at = [5000, 20_000, 30_000];
    let one = hashes(TIMER, &at, |_| {});
    // More checkpoints, frames, saves and hashes on the way.
    let many: Vec<u64> = (1..300).map(|n| n * 101).chain(at).collect();
    let other = hashes(TIMER, &many, |machine| {
        machine.frame();
        let _ = (machine.save(), machine.state_hash(), machine.screen_text());
    });
    for line in one.lines() {
        assert!(other.lines().any(|l| l == line), "{line} is missing");
    }
    assert_eq!(one.lines().count(), 3);
}

#[test]
fn a_restored_machine_goes_on_as_the_saved_one() {
    for (code, input) in
        [(TIMER, &b""[..]), (FILL, b""), (ECHO, b"some text to echo, more than fits into a FIFO")]
    {
        for stop in [1, 1000, 7777, 21_001] {
            let mut one = machine(code, Config { max_instructions: Some(stop), ..config() });
            one.serial_input(0, input);
            run(&mut one);
            let (hash, saved) = (one.state_hash(), one.save());
            // Neither has the limit of the first any more.
            let mut other = Machine::new(config()).unwrap();
            let mut third = machine(FILL, config());
            other.restore(&saved).unwrap();
            third.restore(&saved).unwrap();
            assert_eq!(other.state_hash(), hash, "at {stop}");
            assert_eq!(third.state_hash(), hash, "over another guest");
            for _ in 0..3 {
                assert_eq!(other.run(0, 1), third.run(0, 1));
                assert_eq!(other.state_hash(), third.state_hash());
            }
            let mut whole =
                machine(code, Config { max_instructions: Some(other.instructions()), ..config() });
            whole.serial_input(0, input);
            run(&mut whole);
            assert_eq!(whole.state_hash(), other.state_hash(), "from {stop} on");
        }
    }
}

#[test]
fn a_restored_machine_can_be_reset() {
    let mut one = machine(TIMER, config());
    one.run(0, 1);
    let mut other = Machine::new(config()).unwrap();
    other.restore(&one.save()).unwrap();
    other.reset();
    assert_eq!(run(&mut other), Outcome::Exit(42));
}

#[track_caller]
fn refused(machine: &mut Machine, bytes: &[u8], words: &str) {
    let before = machine.state_hash();
    let e = machine.restore(bytes).unwrap_err();
    assert_eq!(e.code, ErrorCode::BadSnapshot);
    assert!(e.message.contains(words), "{}", e.message);
    assert_eq!(machine.state_hash(), before);
}

#[test]
fn what_cannot_be_restored_is_refused_by_name() {
    let mut saved = machine(ECHO, config());
    saved.run(0, 1);
    let bytes = saved.save();
    let mut other = machine(TIMER, config());
    other.run(0, 1);
    refused(&mut other, b"", "not a saved machine");
    refused(&mut other, &kernel(ECHO), "not a saved machine");
    refused(&mut other, &bytes[..15], "ends too soon");
    refused(&mut other, &bytes[..bytes.len() - 1], "checksum");
    let mut version = bytes.clone();
    version[8] = 9;
    refused(&mut other, &version, "format version 9");
    let mut larger = Machine::new(Config { memory_mb: 8, ..config() }).unwrap();
    refused(&mut larger, &bytes, "memory: it has 4 MB");
}

#[test]
fn damage_with_a_right_checksum_is_refused_or_harmless() {
    let mut saved = machine(TIMER, config());
    saved.run(0, 1);
    let bytes = saved.save();
    let mut random = Seeded::new(1);
    let mut other = machine(FILL, config());
    for _ in 0..300 {
        let mut damaged = bytes.clone();
        let at = 20 + random.next_u64() as usize % (damaged.len() - 20);
        damaged[at] ^= 1 << (random.next_u64() % 8);
        if random.next_u64().is_multiple_of(4) {
            damaged.truncate(at.max(20));
        }
        let sum = xxhash_rust::xxh3::xxh3_64(&damaged[20..]);
        damaged[12..20].copy_from_slice(&sum.to_le_bytes());
        let before = other.state_hash();
        match other.restore(&damaged) {
            Ok(()) => {
                other.run(0, 1);
            }
            Err(_) => assert_eq!(other.state_hash(), before),
        }
    }
}
