//! Virtual time as a function of the instructions executed.
//!
//! Within a slice, time is a straight line through (`base_count`, `base`) with a slope of `rate`. The line is
//! set anew at the beginning of a slice and when an idle processor lets time jump; in between nothing asks
//! the host. Counted: the slope is a constant, [`NS_PER_INSTRUCTION`]. Real: the slope leads from where time is to
//! where the host's time will be at the end of the slice, as far as the host's speed was measured.
//!
//! Rules of the real clock, all against the host's time as this machine has seen it pass:
//! - Time never runs backwards, and it does not jump while the processor runs: a guest that measures one clock with
//!   another, in a loop, would be misled by a jump between two readings. Where time lags behind the host at the
//!   beginning of a slice (the guest was idle, or ran slower than expected) it runs faster for that slice, by
//!   [`FASTEST`] at the most.
//! - It is never ahead by more than one slice: a slice ends when virtual time reaches its end, and an idle
//!   processor lets time jump within the slice but not beyond.
//! - A jump of the host's clock between two slices that is longer than the wait we asked for by more than
//!   [`LARGEST_JUMP`] (a laptop asleep, a tab frozen) counts as one of that length. The guest's time then stays
//!   behind, as on a machine that was stopped.

use bus::{Clock, ClockControl, Time};

/// Virtual nanoseconds per instruction of the counted clock: a processor of 250 million instructions per
/// second.
pub(crate) const NS_PER_INSTRUCTION: u64 = 4;
/// The longest unexpected jump of the host's clock that passes as time.
pub(crate) const LARGEST_JUMP: u64 = 1_000_000_000;

/// Fraction bits of a rate.
const FRACTION: u32 = 16;
const ONE: u64 = 1 << FRACTION;
/// A rate in the real clock lies between 1 ns and 1 µs per instruction.
const RATES: (u64, u64) = (ONE, 1000 * ONE);
/// Before anything was measured: 10 ns.
const FIRST_RATE: u64 = 10 * ONE;
/// How much faster than the host's time virtual time runs at the most to catch up with it.
const FASTEST: u64 = 8;
/// A host that comes back later than it was asked to by more than so many slices stood still.
const LATE: u64 = 4;
/// A measurement over fewer instructions, or less time, says nothing: the host's clock may be as coarse as 100 µs.
const MEASURABLE: (u64, u64) = (10_000, 1_000_000);
/// So many instructions that took less time than that are fast, whatever the clock says.
const MANY: u64 = 30_000;

/// Virtual time within a slice.
#[derive(Debug)]
pub(crate) struct VirtualTime {
    control: ClockControl,
    base: Time,
    base_count: u64,
    /// Nanoseconds per instruction, in 1/65536.
    rate: u64,
}

impl VirtualTime {
    /// At power-on.
    pub(crate) fn new() -> Self {
        Self { control: ClockControl::new(), base: Time(0), base_count: 0, rate: NS_PER_INSTRUCTION * ONE }
    }

    /// A reading end for a device.
    pub(crate) fn clock(&self) -> Clock {
        self.control.clock()
    }

    /// The time when `count` instructions have been executed.
    pub(crate) fn at(&self, count: u64) -> Time {
        let n = count.saturating_sub(self.base_count);
        self.base.after(n.saturating_mul(self.rate) >> FRACTION)
    }

    /// The first count of instructions at which it is `time` or later.
    pub(crate) fn count_at(&self, time: Time) -> u64 {
        let ns = u128::from(time.since(self.base));
        let n = (ns << FRACTION).div_ceil(u128::from(self.rate));
        self.base_count.saturating_add(u64::try_from(n).unwrap_or(u64::MAX))
    }

    /// Shows the devices the time at `count`.
    pub(crate) fn show(&self, count: u64) {
        self.control.advance_to(self.at(count));
    }

    /// From `count` on, time goes on from `time` (if that is later than it would be) at `rate`.
    fn rebase(&mut self, count: u64, time: Time, rate: u64) {
        let now = self.at(count);
        self.base = now.max(time);
        self.base_count = count;
        self.rate = rate.max(1);
        self.control.advance_to(self.base);
    }

    /// An idle processor: time jumps to `time`.
    pub(crate) fn skip_to(&mut self, count: u64, time: Time) {
        self.rebase(count, time, self.rate);
    }

    /// As a snapshot has it.
    pub(crate) fn restore(&mut self, count: u64, time: Time) {
        self.base = time;
        self.base_count = count;
        self.control.restore(time);
    }
}

/// The host's clock, as the real clock follows it.
#[derive(Debug, Default)]
pub(crate) struct HostTime {
    /// The host's clock at the last slice.
    last: Option<u64>,
    /// Virtual time that has passed on the host, without jumps.
    pub(crate) passed: Time,
    /// Of the time between the last two slices, that in which the host would have heard of its user, in ns: not what it stood
    /// still for.
    pub(crate) listened: u64,
    /// How long we asked to be left alone.
    pub(crate) asked: u64,
    /// The processor was halted when the last slice ended.
    pub(crate) halted: bool,
    /// Instructions and nanoseconds since the speed was last measured.
    unmeasured: (u64, u64),
    /// Measured nanoseconds per instruction, in 1/65536.
    rate: Option<u64>,
}

impl HostTime {
    /// Begins a slice of `budget` ns at the host's time `now`: sets time and rate, and returns the time at
    /// which the slice ends.
    pub(crate) fn begin(&mut self, time: &mut VirtualTime, count: u64, now: u64, budget: u64) -> Time {
        match self.last {
            None => (self.passed, self.listened) = (time.at(count), 0),
            Some(last) => {
                let jump = now.saturating_sub(last);
                self.passed = self.passed.after(jump.min(LARGEST_JUMP.saturating_add(self.asked)));
                let late = LATE.saturating_mul(budget);
                self.listened = if jump > self.asked.saturating_add(late) { late } else { jump };
            }
        }
        self.last = Some(self.last.unwrap_or(0).max(now));
        self.asked = 0;
        if std::mem::take(&mut self.halted) {
            time.skip_to(count, self.passed);
        }
        let end = self.passed.after(budget);
        let now = time.at(count);
        let measured = self.rate.unwrap_or(FIRST_RATE);
        // The slope by which the instructions of `budget` ns lead from `now` to `end`.
        let rate = u128::from(measured) * u128::from(end.since(now)) / u128::from(budget.max(1));
        let rate = u64::try_from(rate).unwrap_or(u64::MAX).min(measured.saturating_mul(FASTEST));
        time.rebase(count, now, rate);
        end
    }

    /// The host's time now, as far as we can tell without asking: `ran` instructions after the slice began.
    pub(crate) fn estimate(&self, ran: u64) -> Time {
        self.passed.after(ran.saturating_mul(self.rate.unwrap_or(FIRST_RATE)) >> FRACTION)
    }

    /// Learns that `ran` instructions took `ns`. Short slices count together: a machine that is taken for slow has
    /// nothing but short slices, and must be able to find out that it is not.
    pub(crate) fn measured(&mut self, ran: u64, ns: u64) {
        // Of a short slice that ended idle, most was not spent on instructions.
        if self.halted && ran < MEASURABLE.0 {
            return;
        }
        let (ran, ns) = (self.unmeasured.0.saturating_add(ran), self.unmeasured.1.saturating_add(ns));
        self.unmeasured = (ran, ns);
        if ran < MEASURABLE.0 || ns < MEASURABLE.1 && ran < MANY {
            return;
        }
        self.unmeasured = (0, 0);
        let sample = (ns.saturating_mul(ONE) / ran).clamp(RATES.0, RATES.1);
        // A slice in which the host did something else for a while says little.
        let rate = self.rate.map_or(sample, |rate| (rate + sample.clamp(rate / 4, rate * 4)) / 2);
        self.rate = Some(rate.clamp(RATES.0, RATES.1));
    }

    /// After a snapshot was restored: virtual time goes on from where it is.
    pub(crate) fn forget(&mut self) {
        self.last = None;
        self.asked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_at_is_the_first_count_at_or_after_a_time() {
        let mut time = VirtualTime::new();
        time.rebase(7, Time(1000), 3 * ONE / 2);
        for t in [1000, 1001, 1002, 1003, 999_999] {
            let count = time.count_at(Time(t));
            assert!(time.at(count) >= Time(t));
            assert!(count == 7 || time.at(count - 1) < Time(t));
        }
    }

    #[test]
    fn counted_time_does_not_depend_on_where_it_is_rebased() {
        let (a, mut b) = (VirtualTime::new(), VirtualTime::new());
        b.skip_to(12345, Time(0));
        assert_eq!(a.at(99999), b.at(99999));
        assert_eq!(a.at(10), Time(10 * NS_PER_INSTRUCTION));
    }

    #[test]
    fn a_frozen_tab_does_not_make_time_leap() {
        let mut time = VirtualTime::new();
        let mut host = HostTime::default();
        let ms = 1_000_000;
        assert_eq!(host.begin(&mut time, 0, 50 * ms, 4 * ms), Time(4 * ms));
        host.halted = true;
        let end = host.begin(&mut time, 100, 3_600_000 * ms, 4 * ms);
        assert_eq!(end, Time(LARGEST_JUMP + 4 * ms));
        // But a wait that we asked for passes.
        host.asked = 10_000 * ms;
        let end = host.begin(&mut time, 200, 3_610_000 * ms, 4 * ms);
        assert_eq!(end, Time(LARGEST_JUMP + 10_004 * ms));
    }

    #[test]
    fn a_host_that_was_very_slow_at_first_is_found_to_be_fast() {
        let (mut time, mut host) = (VirtualTime::new(), HostTime::default());
        let (ms, mut count, mut now) = (1_000_000, 0, 0);
        // An engine that begins with an interpreter of its own; its clock counts whole milliseconds.
        for slice in 0..4000 {
            let end = host.begin(&mut time, count, now / ms * ms, 4 * ms);
            let next = time.count_at(end);
            let after = now + (next - count) * if slice < 20 { 2000 } else { 3 };
            host.measured(next - count, (after / ms - now / ms) * ms);
            (count, now) = (next, after + 20_000);
        }
        let rate = host.rate.unwrap_or(0);
        assert!(rate < 10 * ONE, "{} ns an instruction", rate / ONE);
    }

    #[test]
    fn time_that_lags_behind_runs_faster_but_does_not_jump() {
        let (mut time, mut host) = (VirtualTime::new(), HostTime::default());
        let (ms, mut count, mut now) = (1_000_000, 0, 0);
        // A host that needs 20 ns for an instruction, then 50 ns, then 2 ns, and sleeps for 300 ms at times.
        for slice in 0..3000u64 {
            let cost = [20, 50, 2][slice as usize / 1000];
            let before = time.at(count);
            let end = host.begin(&mut time, count, now, 4 * ms);
            assert_eq!(time.at(count), before, "slice {slice}");
            let next = time.count_at(end);
            let step = time.at(next).since(before) / (next - count).max(1);
            assert!(step <= FASTEST * 4 * 50, "slice {slice}: {step} ns an instruction");
            let took = (next - count) * cost + if slice % 500 == 499 { 300 * ms } else { 0 };
            host.measured(next - count, took);
            (count, now) = (next, now + took.max(1000));
            if slice % 500 == 498 {
                let off = now.abs_diff(time.at(count).0);
                assert!(off < 8 * ms, "slice {slice}: off by {off} ns");
            }
        }
    }

    #[test]
    fn a_host_taken_for_slow_is_found_to_be_fast() {
        let (mut time, mut host) = (VirtualTime::new(), HostTime::default());
        let (ms, mut count, mut now) = (1_000_000, 0, 0);
        // For a while hardly anything runs; then 5 ns an instruction.
        for slice in 0..2000u64 {
            let end = host.begin(&mut time, count, now, 4 * ms);
            let ran = time.count_at(end) - count;
            let took = if slice < 100 { 50 * ms } else { ran * 5 };
            host.measured(ran, took);
            count += ran;
            now += took.max(10_000);
        }
        let end = host.begin(&mut time, count, now, 4 * ms);
        let ran = time.count_at(end) - count;
        assert!(ran > 400_000, "{ran} instructions in a slice");
    }

    #[test]
    fn time_ahead_of_the_host_waits_for_it() {
        let mut time = VirtualTime::new();
        let mut host = HostTime::default();
        let ms = 1_000_000;
        let end = host.begin(&mut time, 0, 0, 4 * ms);
        time.skip_to(0, end);
        let end = host.begin(&mut time, 0, ms, 4 * ms);
        assert_eq!((time.at(0), end), (Time(4 * ms), Time(5 * ms)));
        let backwards = host.begin(&mut time, 0, 0, 4 * ms);
        assert_eq!((time.at(0), backwards), (Time(4 * ms), Time(5 * ms)));
    }
}
