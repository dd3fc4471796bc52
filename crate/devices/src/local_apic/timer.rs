//! The local APIC's timer (section 10.5.4).
//!
//! Nothing counts: the time is known at which the count reaches zero, and the current count follows from it.

use super::spec::{Divide, TimerMode};
use bus::Time;

/// A tick of the timer's clock, before it is divided: 100 MHz, the bus clock of a late P6 system.
pub const TICK_NS: u64 = 10;

/// The timer. Its mode is in the local vector table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ApicTimer {
    pub(super) initial: u32,
    pub(super) divide: Divide,
    /// When the count reaches zero (or the time-stamp counter the deadline); `None` while it stands.
    pub(super) due: Option<Time>,
    /// IA32_TSC_DEADLINE; zero when disarmed.
    pub(super) deadline: u64,
    /// What the processor adds to nanoseconds to make its time-stamp counter.
    pub(super) tsc_offset: u64,
}

impl ApicTimer {
    fn tick(&self) -> u64 {
        TICK_NS << self.divide.shift()
    }

    /// The current count register.
    pub(super) fn current(&self, now: Time, mode: TimerMode) -> u32 {
        match (mode, self.due) {
            (TimerMode::TscDeadline, _) | (_, None) => 0,
            (_, Some(due)) => {
                let left = due.since(now).div_ceil(self.tick());
                u32::try_from(left).unwrap_or(u32::MAX)
            }
        }
    }

    /// Goes to `now`; true if the count reached zero on the way.
    pub(super) fn advance(&mut self, now: Time, mode: TimerMode) -> bool {
        let Some(due) = self.due.filter(|due| *due <= now) else { return false };
        let period = u64::from(self.initial) * self.tick();
        self.due = match mode {
            // Periods that were missed are not made up for: the request would have been the same bit.
            TimerMode::Periodic if period != 0 => {
                let periods = now.since(due) / period + 1;
                Some(due.after(periods.saturating_mul(period)))
            }
            _ => None,
        };
        self.deadline = 0;
        true
    }

    /// Begins to count.
    pub(super) fn start(&mut self, now: Time, initial: u32) {
        self.initial = initial;
        self.count_from(now, initial);
    }

    fn count_from(&mut self, now: Time, count: u32) {
        self.due = (count != 0).then(|| now.after(u64::from(count) * self.tick()));
    }

    /// The count goes on from where it is, at another rate.
    pub(super) fn set_divide(&mut self, now: Time, divide: Divide, mode: TimerMode) {
        let left = self.current(now, mode);
        self.divide = divide;
        if mode != TimerMode::TscDeadline {
            self.count_from(now, left);
        }
    }

    /// Stops what counts.
    pub(super) fn disarm(&mut self) {
        self.due = None;
        self.deadline = 0;
    }

    /// Arms it for a value of the time-stamp counter. Zero disarms.
    pub(super) fn set_deadline(&mut self, now: Time, deadline: u64) {
        self.deadline = deadline;
        let tsc = now.0.wrapping_add(self.tsc_offset);
        self.due = (deadline != 0).then(|| now.after(deadline.saturating_sub(tsc)));
    }

    /// The time-stamp counter was set.
    pub(super) fn set_tsc_offset(&mut self, now: Time, offset: u64) {
        self.tsc_offset = offset;
        if self.deadline != 0 {
            self.set_deadline(now, self.deadline);
        }
    }
}
