//! The host's time. The run loop alone asks it, once a slice; devices ask `bus::Clock`.

use crate::Tape;
use std::cell::Cell;
use std::rc::Rc;

/// Host time.
pub trait HostClock {
    /// Nanoseconds since a point of the host's choosing; never less than the last answer.
    fn now_ns(&mut self) -> u64;
}

/// Time stands still: for counted runs, which need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl HostClock for Null {
    fn now_ns(&mut self) -> u64 {
        0
    }
}

/// A clock moved by hand; clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Memory(Rc<Cell<u64>>);

impl Memory {
    /// At zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time forward.
    pub fn advance(&self, ns: u64) {
        self.0.set(self.0.get().saturating_add(ns));
    }
}

impl HostClock for Memory {
    fn now_ns(&mut self) -> u64 {
        self.0.get()
    }
}

/// Notes every answer and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<C> {
    inner: C,
    tape: Tape<u64>,
}

impl<C: HostClock> Recording<C> {
    /// Records the answers of `inner`.
    #[must_use]
    pub fn new(inner: C) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The answers given.
    #[must_use]
    pub fn tape(&self) -> Tape<u64> {
        self.tape.clone()
    }
}

impl<C: HostClock> HostClock for Recording<C> {
    fn now_ns(&mut self) -> u64 {
        let now = self.inner.now_ns();
        self.tape.push(now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moved_by_hand_is_seen_by_all() {
        let hand = Memory::new();
        let mut clock = Recording::new(hand.clone());
        assert_eq!(clock.now_ns(), 0);
        hand.advance(5);
        assert_eq!(clock.now_ns(), 5);
        assert_eq!(clock.tape().take(), [0, 5]);
        assert_eq!(Null.now_ns(), 0);
    }
}
