//! The one source of time for devices and the time-stamp counter.
//!
//! Virtual time is a count of nanoseconds since power-on. Within a slice it is a linear function of the
//! instructions executed, and the host's clock is looked at only between slices; so reading the time never asks the
//! host. The run loop sets it before each register access or timer, and devices only read it.

use std::cell::Cell;
use std::rc::Rc;

/// A point in virtual time: nanoseconds since power-on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// This many nanoseconds later.
    #[must_use]
    pub const fn after(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds since `earlier`, zero if that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole periods of a `hz` oscillator from power-on to now (rounded down).
    #[must_use]
    pub const fn ticks(self, hz: u64) -> u64 {
        (self.0 as u128 * hz as u128 / 1_000_000_000) as u64
    }

    /// The first point in time at which `ticks(hz)` is `n`.
    #[must_use]
    pub const fn of_tick(n: u64, hz: u64) -> Self {
        let ns = (n as u128 * 1_000_000_000).div_ceil(hz as u128);
        Self(if ns > u64::MAX as u128 { u64::MAX } else { ns as u64 })
    }
}

/// The reading end: cheap to clone, one per device.
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<Cell<u64>>);

impl Clock {
    /// Virtual time now.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(self.0.get())
    }
}

/// The writing end, held by the run loop (and by tests).
#[derive(Debug, Default)]
pub struct ClockControl(Clock);

impl ClockControl {
    /// A clock standing at power-on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reading end.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clone()
    }

    /// Moves time forward to `now`; an earlier time is ignored, so that time never runs backwards.
    pub fn advance_to(&self, now: Time) {
        if now.0 > self.0.0.get() {
            self.0.0.set(now.0);
        }
    }

    /// Sets time as a snapshot has it, backwards too.
    pub fn restore(&self, now: Time) {
        self.0.0.set(now.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_tick_is_the_first_time_with_that_many_ticks() {
        for hz in [1_193_182, 32_768, 3_579_545, 1] {
            for n in [0, 1, 2, 17, 1_000_003, 9_999_999_999] {
                let t = Time::of_tick(n, hz);
                assert_eq!(t.ticks(hz), n);
                assert!(n == 0 || Time(t.0 - 1).ticks(hz) == n - 1);
            }
        }
    }

    #[test]
    fn time_never_runs_backwards() {
        let control = ClockControl::new();
        let clock = control.clock();
        control.advance_to(Time(5));
        control.advance_to(Time(3));
        assert_eq!(clock.now(), Time(5));
    }
}
