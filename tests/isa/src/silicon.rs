//! The oracle as a program: compiled here, and run on this machine's processor.

use crate::tally::Tally;
use serde_json::Value;
use std::fmt::Write as _;
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

/// Which exceptions of x87 and SSE the oracle has unmasked: see its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceptions {
    /// None, and no flag of MXCSR is set.
    Masked,
    /// Any, and mostly none.
    Unmasked,
    /// Any of SSE, with any flags.
    UnmaskedSse,
}

/// Compiles the oracle from `source` to `folder`, and has it print a vector of a class; `None`, and a word why, if it
/// cannot run here.
///
/// # Panics
/// If the folder cannot be written to, or the source is wrong.
#[must_use]
pub fn compile(
    folder: &Path,
    source: &str,
    (mode, class): (u32, &str),
    exceptions: Exceptions,
) -> Option<PathBuf> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        say("SKIPPED: the oracle runs on x86-64 Linux only");
        return None;
    }
    // Tests that run at the same time must not write the same file.
    let tests = std::env::current_exe().expect("a test is a program");
    let tests = tests.file_stem().unwrap_or_default().to_string_lossy();
    let test = std::thread::current().name().unwrap_or_default().replace("::", "-");
    let name = format!("{tests}-{test}-{class}-{mode}-{exceptions:?}");
    let (file, program) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&file, source).expect("a temporary file");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-w", "-I", FOLDER, "-o"]).arg(&program).arg(&file);
    gcc.args(match exceptions {
        Exceptions::Masked => None,
        Exceptions::Unmasked => Some("-DUNMASKED"),
        Exceptions::UnmaskedSse => Some("-DUNMASKED_SSE"),
    });
    let Ok(status) = gcc.status() else {
        say("SKIPPED: the oracle needs gcc");
        return None;
    };
    assert!(status.success(), "gcc does not compile {}", file.display());
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
    line: impl FnMut(&str),
) {
    let arguments = [&mode.to_string(), class, &vectors.to_string(), &seed.to_string()];
    run(Command::new(program).args(arguments), vectors, Stdio::null(), line);
}

/// All these lines.
///
/// # Panics
/// As [`each_line`].
#[must_use]
pub fn lines(program: &Path, of: (u32, &str), vectors: u32, seed: u32) -> Vec<String> {
    let mut lines = Vec::new();
    each_line(program, of, vectors, seed, |line| lines.push(line.to_owned()));
    lines
}

/// Has a compiled oracle execute the instructions given, one to a line in hexadecimal, and hands on each line it prints.
///
/// # Panics
/// If it fails, or prints hardly any.
pub fn each_line_of(program: &Path, mode: u32, seed: u32, instructions: &str, line: impl FnMut(&str)) {
    let file = program.with_extension("hex");
    std::fs::write(&file, instructions).expect("a temporary file");
    let input = std::fs::File::open(&file).expect("just written");
    let count = instructions.lines().count() as u32;
    let arguments = [&mode.to_string(), "raw", &count.to_string(), &seed.to_string()];
    run(Command::new(program).args(arguments), count, input.into(), line);
}

fn run(command: &mut Command, vectors: u32, input: Stdio, mut line: impl FnMut(&str)) {
    let mut child =
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the oracle runs");
    let mut seen = 0;
    for text in BufReader::new(child.stdout.take().expect("piped")).lines() {
        line(&text.expect("the oracle prints text"));
        seen += 1;
    }
    assert!(child.wait().is_ok_and(|s| s.success()), "the oracle failed");
    // A few never finish and are not printed.
    assert!(seen > vectors / 20 * 19, "only {seen} vectors of {vectors}");
}

/// Says what came of a test.
///
/// # Panics
/// If a result differs from this machine's processor, or none was compared.
pub fn conclude(what: &str, tally: &Tally) {
    let (passed, failed) = tally.totals();
    let mut text = format!("{what}: {passed} passed, {failed} failed");
    if !tally.skipped.is_empty() {
        let _ = write!(text, ", left out: {:?}", tally.skipped);
    }
    say(&text);
    let model = processor_model();
    assert!(failed == 0, "{failed} results differ from this machine's {model}:\n{}", tally.report());
    assert!(passed > 0, "nothing was compared");
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

fn processor_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|l| l.starts_with("model name")).and_then(|l| l.split(": ").nth(1));
    name.unwrap_or("unknown processor").to_owned()
}
