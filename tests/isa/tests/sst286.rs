//! Vectors captured from an 80286 in real mode: a sample in this tree, or the folder PAGEVM_SST286 names.

use isa::executor::{Evaluated, General};
use isa::moo::{self, BP, SP, Test};
use isa::real_mode::RealMode;
use isa::tally::Tally;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What later processors do otherwise, and why.
struct Differs {
    reason: &'static str,
    /// Of the opcode (prefixes stripped) and the test.
    applies: fn(&[u8], &Test) -> bool,
    /// The exception our processor raises there.
    ours: Option<u8>,
}

/// All that may differ; every other test must pass.
const DIFFERS: [Differs; 5] = [
    Differs {
        reason: "since the 80386, LOCK is #UD but before instructions that modify memory (the 80286 ignores it)",
        applies: |_, t| t.bytes.iter().take_while(|b| is_prefix(b)).any(|b| *b == 0xF0),
        ours: Some(6),
    },
    Differs {
        reason: "the 80286 moves SI and DI although a word at offset FFFF faults; later ones restart",
        applies: |op, t| {
            matches!(op, [0x6D | 0x6F | 0xA5 | 0xA7 | 0xAB | 0xAD | 0xAF, ..]) && t.exception == Some(13)
        },
        ours: Some(13),
    },
    Differs {
        reason: "POP of a segment register, RET, RETF, LEAVE at the end of the stack: 13 on the 80286, 12 since the 80386",
        applies: |op, t| {
            // LEAVE reads where BP points.
            let at = t.before.registers[if op.first() == Some(&0xC9) { BP } else { SP }];
            matches!(op, [0x07 | 0x17 | 0x1F | 0xC2 | 0xC3 | 0xC9 | 0xCA | 0xCB, ..])
                && t.exception == Some(13)
                && at.is_some_and(|at| at >= 0xFFFD)
        },
        ours: Some(12),
    },
    Differs {
        reason: "the longest instruction has 10 bytes on the 80286, 15 since the 80386",
        // The HLT that ends a test is among its bytes.
        applies: |_, t| t.bytes.len() - 1 > 10 && t.exception == Some(13),
        ours: None,
    },
    Differs {
        reason: "FS and GS exist since the 80386",
        applies: |op, t| {
            matches!(op, [0x8C | 0x8E, m, ..] if matches!(m >> 3 & 7, 4 | 5)) && t.exception == Some(6)
        },
        ours: None,
    },
];

fn is_prefix(b: &u8) -> bool {
    matches!(b, 0x26 | 0x2E | 0x36 | 0x3E | 0xF0 | 0xF2 | 0xF3)
}

/// Why a test may differ, if our processor does there what the later ones do.
fn excuse(t: &Test, world: &mut RealMode) -> Option<&'static str> {
    let prefixes = t.bytes.iter().take_while(|b| is_prefix(b)).count();
    let row = DIFFERS.iter().find(|d| (d.applies)(&t.bytes[prefixes..], t))?;
    (world.exception(t, &mut General) == row.ours).then_some(row.reason)
}

/// The mask of defined flags, by form.
fn flags_mask(metadata: &Value, form: &str) -> u16 {
    let (opcode, extension) = form.split_once('.').map_or((form, None), |(o, e)| (o, Some(e)));
    let entry = &metadata["opcodes"][opcode];
    let entry = extension.map_or(entry, |e| &entry["reg"][e]);
    entry["flags-mask"].as_u64().map_or(0xFFFF, |m| m as u16)
}

fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("the vectors' folder");
    let mut out: Vec<(String, PathBuf)> = entries
        .filter_map(|e| {
            let path = e.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".MOO.gz")?.to_owned();
            Some((name, path))
        })
        .collect();
    out.sort();
    out
}

#[test]
fn does_what_an_80286_does_except_where_later_ones_do_not() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sst286");
    let folder = std::env::var_os("PAGEVM_SST286").map_or(own, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("metadata.json")).expect("metadata");
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let mut world = RealMode::new().expect("host memory");
    // As captured; and what is left of that once the known differences are taken out.
    let (mut raw, mut tally) = (Tally::default(), Tally::default());
    let mut excused = BTreeMap::<&str, u64>::new();
    let files = files(&folder);
    assert!(files.len() >= 325, "only {} forms in {}", files.len(), folder.display());
    for (form, path) in &files {
        let data = moo::unpack(&std::fs::read(path).expect("a file")).expect("gzip");
        let mask = flags_mask(&metadata, form);
        for t in moo::parse(&data).unwrap_or_else(|| panic!("{form} is not a MOO file")) {
            let results = [world.check_loop(&t, mask), world.check(&t, mask, &mut Evaluated)];
            raw.note(form, results[0].clone());
            let excuse = if results.iter().any(Result::is_err) { excuse(&t, &mut world) } else { None };
            match excuse {
                Some(reason) => *excused.entry(reason).or_default() += 1,
                None => results.into_iter().for_each(|r| tally.note(form, r)),
            }
        }
    }
    report(&raw, &excused);
    let (_, failed) = tally.totals();
    assert!(failed == 0, "{failed} results differ:\n{}", tally.report());
}

/// The share that passes, past the capture of the test harness.
fn report(raw: &Tally, excused: &BTreeMap<&str, u64>) {
    let share = |(passed, failed): (u64, u64)| 100.0 * passed as f64 / (passed + failed) as f64;
    let (passed, failed) = raw.totals();
    let forms = raw.kinds().count();
    let mut out = format!(
        "80286: {passed} of {} tests of {forms} forms pass ({:.2} %)",
        passed + failed,
        share((passed, failed))
    );
    for (reason, n) in excused {
        let _ = write!(out, "\n  {n} differ: {reason}");
    }
    let below: Vec<&str> = raw.kinds().filter(|k| raw.of(k).1 > 0).collect();
    let _ = write!(out, "\n  forms below 100 %:");
    for kind in below {
        let _ = write!(out, " {kind} {:.1}", share(raw.of(kind)));
    }
    let _ = writeln!(std::io::stderr(), "{out}");
}
