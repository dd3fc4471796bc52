//! Wires: interrupt requests, A20, reset, power.
//!
//! A bank of up to 64 wires is shared by those who drive it and the one that reads it. The reader wants
//! two things: the level of each wire now, and whether a wire rose since it last looked (an
//! edge-triggered input must not miss a pulse that came and went within one register access).

use std::cell::Cell;
use std::rc::Rc;

#[derive(Debug, Default)]
struct State {
    level: Cell<u64>,
    rose: Cell<u64>,
    changed: Cell<bool>,
}

/// A bank of wires, seen by its reader.
#[derive(Clone, Debug, Default)]
pub struct Lines(Rc<State>);

impl Lines {
    /// A bank with all wires low.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The driving end of wire `bit` (0 to 63; higher numbers wrap).
    #[must_use]
    pub fn line(&self, bit: u32) -> Line {
        Line { state: Rc::clone(&self.0), bit: bit & 63 }
    }

    /// The levels, one bit per wire.
    #[must_use]
    pub fn levels(&self) -> u64 {
        self.0.level.get()
    }

    /// True once after any wire changed.
    pub fn take_changed(&self) -> bool {
        self.0.changed.replace(false)
    }

    /// Wires that rose since the last call.
    pub fn take_rose(&self) -> u64 {
        self.0.rose.replace(0)
    }

    /// Puts the levels back as a snapshot has them; no wire counts as risen.
    pub fn restore(&self, levels: u64) {
        self.0.level.set(levels);
        self.0.rose.set(0);
        self.0.changed.set(true);
    }
}

/// The driving end of one wire.
#[derive(Clone, Debug)]
pub struct Line {
    state: Rc<State>,
    bit: u32,
}

impl Line {
    /// A wire that leads nowhere, for a chip on its own.
    #[must_use]
    pub fn unconnected() -> Self {
        Lines::new().line(0)
    }

    /// Drives the wire high or low.
    pub fn set(&self, high: bool) {
        let mask = 1u64 << self.bit;
        let old = self.state.level.get();
        let new = if high { old | mask } else { old & !mask };
        if new != old {
            self.state.level.set(new);
            self.state.changed.set(true);
            if high {
                self.state.rose.set(self.state.rose.get() | mask);
            }
        }
    }

    /// High for a moment: an edge without a lasting level.
    pub fn pulse(&self) {
        self.set(true);
        self.set(false);
    }

    /// The level this wire has now.
    #[must_use]
    pub fn level(&self) -> bool {
        self.state.level.get() >> self.bit & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_remembered_as_a_rise() {
        let bank = Lines::new();
        bank.line(3).pulse();
        assert_eq!(bank.levels(), 0);
        assert!(bank.take_changed());
        assert_eq!(bank.take_rose(), 1 << 3);
        assert_eq!(bank.take_rose(), 0);
    }

    #[test]
    fn restoring_levels_raises_no_edge() {
        let bank = Lines::new();
        bank.restore(1 << 5);
        assert!(bank.line(5).level());
        assert_eq!(bank.take_rose(), 0);
    }
}
