//! Messages about the machine, for people. Nothing the guest can see depends on them.

use crate::Tape;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// How much a message matters; the first is the most important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The machine cannot go on as asked.
    Error,
    /// Something is not as it should be; the machine goes on.
    Warn,
    /// Milestones: started, reset, powered off.
    Info,
    /// For a developer of one part.
    Debug,
    /// Every access.
    Trace,
}

impl Level {
    /// Lower-case name, as on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Takes messages.
pub trait Log {
    /// False lets the caller skip making the message.
    fn enabled(&self, level: Level, target: &'static str) -> bool;
    /// One message; `target` names the part it is about, such as `"pit"`.
    fn log(&mut self, level: Level, target: &'static str, message: fmt::Arguments<'_>);
}

/// Takes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Log for Null {
    fn enabled(&self, _level: Level, _target: &'static str) -> bool {
        false
    }

    fn log(&mut self, _level: Level, _target: &'static str, _message: fmt::Arguments<'_>) {}
}

/// A message that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How much it matters.
    pub level: Level,
    /// The part it is about.
    pub target: &'static str,
    /// The text.
    pub message: String,
}

/// Keeps the last messages up to a level.
#[derive(Clone, Debug)]
pub struct Memory {
    most: Level,
    keep: usize,
    entries: Tape<Entry>,
}

impl Memory {
    /// Keeps the last `keep` messages that matter at least as much as `most`.
    #[must_use]
    pub fn new(most: Level, keep: usize) -> Self {
        Self { most, keep, entries: Tape::new() }
    }

    /// Takes what was kept, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Entry> {
        self.entries.take()
    }
}

impl Log for Memory {
    fn enabled(&self, level: Level, _target: &'static str) -> bool {
        level <= self.most
    }

    fn log(&mut self, level: Level, target: &'static str, message: fmt::Arguments<'_>) {
        if level <= self.most {
            self.entries.push(Entry { level, target, message: message.to_string() });
            self.entries.keep_last(self.keep);
        }
    }
}

/// Notes every message and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<L> {
    inner: L,
    tape: Tape<Entry>,
}

impl<L: Log> Recording<L> {
    /// Records what goes to `inner`.
    #[must_use]
    pub fn new(inner: L) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The messages, of all levels.
    #[must_use]
    pub fn tape(&self) -> Tape<Entry> {
        self.tape.clone()
    }
}

impl<L: Log> Log for Recording<L> {
    fn enabled(&self, _level: Level, _target: &'static str) -> bool {
        true
    }

    fn log(&mut self, level: Level, target: &'static str, message: fmt::Arguments<'_>) {
        self.tape.push(Entry { level, target, message: message.to_string() });
        if self.inner.enabled(level, target) {
            self.inner.log(level, target, message);
        }
    }
}

/// One part's way to the log: cheap to clone, shared by all parts of a machine.
#[derive(Clone)]
pub struct Logger {
    log: Rc<RefCell<Box<dyn Log>>>,
    target: &'static str,
}

impl Logger {
    /// A way to `log` under the name `target`.
    #[must_use]
    pub fn new(log: Box<dyn Log>, target: &'static str) -> Self {
        Self { log: Rc::new(RefCell::new(log)), target }
    }

    /// A way to nowhere.
    #[must_use]
    pub fn null() -> Self {
        Self::new(Box::new(Null), "")
    }

    /// The same log under another name.
    #[must_use]
    pub fn target(&self, target: &'static str) -> Self {
        Self { log: Rc::clone(&self.log), target }
    }

    /// One message: `logger.log(Level::Warn, format_args!("..."))`.
    pub fn log(&self, level: Level, message: fmt::Arguments<'_>) {
        // A log that logs while it logs loses that message rather than the machine.
        if let Ok(mut log) = self.log.try_borrow_mut()
            && log.enabled(level, self.target)
        {
            log.log(level, self.target, message);
        }
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_important_messages_are_kept() {
        let memory = Memory::new(Level::Info, 2);
        let recording = Recording::new(memory.clone());
        let tape = recording.tape();
        let logger = Logger::new(Box::new(recording), "machine");
        logger.log(Level::Info, format_args!("one"));
        logger.target("pit").log(Level::Warn, format_args!("two"));
        logger.log(Level::Debug, format_args!("not kept"));
        logger.log(Level::Error, format_args!("{}", 3));
        let kept: Vec<_> = memory.take().into_iter().map(|e| (e.target, e.message)).collect();
        assert_eq!(kept, [("pit", "two".to_owned()), ("machine", "3".to_owned())]);
        assert_eq!(tape.len(), 4);
        Logger::null().log(Level::Error, format_args!("nobody hears"));
    }
}
