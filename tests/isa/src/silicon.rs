//! The oracle as a program: compiled here, and run on this machine's processor.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Its source, which some tests change before they compile it.
pub const SOURCE: &str = include_str!("../oracle/oracle.c");
/// Where what it includes lies.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle");

/// Output goes past the test harness's capture, so that a skipped test is seen.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The seeds to run: three, or those that `ORACLE_SEEDS` names by the first and the last (`4-33`).
///
/// # Panics
/// If it names none.
#[must_use]
pub fn seeds() -> RangeInclusive<u32> {
    let Ok(text) = std::env::var("ORACLE_SEEDS") else { return 1..=3 };
    let ends = text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    match ends {
        Some((first, last)) if first <= last => first..=last,
        _ => panic!("ORACLE_SEEDS is two numbers, as in 4-33, and not {text:?}"),
    }
}

/// Compiles the oracle from `source` to `folder`, and has it print a vector of a class; `None`, and a word why, if it
/// cannot run here.
///
/// # Panics
/// If the folder cannot be written to.
#[must_use]
pub fn compile(folder: &Path, name: &str, source: &str, mode: u32, class: &str) -> Option<PathBuf> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        say("SKIPPED: the oracle runs on x86-64 Linux only");
        return None;
    }
    let (file, program) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&file, source).expect("a temporary file");
    let compiled =
        Command::new("gcc").args(["-O2", "-w", "-I", FOLDER, "-o"]).arg(&program).arg(&file).status();
    if !compiled.is_ok_and(|s| s.success()) {
        say("SKIPPED: the oracle needs gcc");
        return None;
    }
    let tried = Command::new(&program).args([&mode.to_string(), class, "1", "1"]).output();
    if !tried.is_ok_and(|o| o.status.success() && !o.stdout.is_empty()) {
        say("SKIPPED: the oracle cannot trace processes here, or the processor has not all of that class");
        return None;
    }
    Some(program)
}

/// Has a compiled oracle print so many vectors of a class, and hands on each line.
///
/// # Panics
/// If it fails, or prints hardly any.
pub fn each_line(
    program: &Path,
    (mode, class): (u32, &str),
    vectors: u32,
    seed: u32,
    mut line: impl FnMut(&str),
) {
    let mut child = Command::new(program)
        .args([&mode.to_string(), class, &vectors.to_string(), &seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the oracle runs");
    let mut seen = 0;
    for text in BufReader::new(child.stdout.take().expect("piped")).lines() {
        line(&text.expect("the oracle prints text"));
        seen += 1;
    }
    assert!(child.wait().is_ok_and(|s| s.success()), "the oracle failed");
    // A few never finish and are not printed.
    assert!(seen > vectors * 9 / 10, "only {seen} vectors of {vectors}");
}

/// A hexadecimal number of a vector; 0 if there is none.
#[must_use]
pub fn hex(v: &Value) -> u64 {
    v.as_str().and_then(|s| u64::from_str_radix(s, 16).ok()).unwrap_or_default()
}

/// Bytes of a vector.
#[must_use]
pub fn bytes(v: &Value) -> Vec<u8> {
    let s = v.as_str().unwrap_or_default();
    (0..s.len() / 2).filter_map(|n| u8::from_str_radix(&s[2 * n..2 * n + 2], 16).ok()).collect()
}

/// Addresses and what lies there.
#[must_use]
pub fn places(v: &Value) -> Vec<(u32, Vec<u8>)> {
    let list = v.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|p| (hex(&p[0]) as u32, bytes(&p[1]))).collect()
}

/// What this machine's processor is called.
#[must_use]
pub fn processor_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    name.unwrap_or("unknown processor").to_owned()
}
