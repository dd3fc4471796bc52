//! Counts of what passed, and the first mismatches of each kind.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Mismatches described per kind.
const EXAMPLES: usize = 3;

#[derive(Debug, Default)]
struct Kind {
    passed: u64,
    failed: u64,
    examples: Vec<String>,
}

/// Results by kind of instruction.
#[derive(Debug, Default)]
pub struct Tally {
    kinds: BTreeMap<String, Kind>,
    /// Left out, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Notes one result; `Err` describes the mismatch.
    pub fn note(&mut self, kind: &str, result: Result<(), String>) {
        let k = match self.kinds.get_mut(kind) {
            Some(k) => k,
            None => self.kinds.entry(kind.to_owned()).or_default(),
        };
        match result {
            Ok(()) => k.passed += 1,
            Err(what) => {
                k.failed += 1;
                if k.examples.len() < EXAMPLES {
                    k.examples.push(what);
                }
            }
        }
    }

    /// Notes a test left out.
    pub fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// Passed and failed.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        self.kinds.values().fold((0, 0), |(p, f), k| (p + k.passed, f + k.failed))
    }

    /// Passed and failed of one kind.
    #[must_use]
    pub fn of(&self, kind: &str) -> (u64, u64) {
        self.kinds.get(kind).map_or((0, 0), |k| (k.passed, k.failed))
    }

    /// The kinds seen.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// The mismatches, in words.
    #[must_use]
    pub fn report(&self) -> String {
        let mut out = String::new();
        for (name, k) in self.kinds.iter().filter(|(_, k)| k.failed > 0) {
            let _ = writeln!(out, "{name}: {} of {} differ", k.failed, k.passed + k.failed);
            for e in &k.examples {
                let _ = writeln!(out, "    {e}");
            }
        }
        out
    }
}
