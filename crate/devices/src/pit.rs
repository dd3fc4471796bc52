//! Interval timer: 8254, with the PC's system control port B.
//!
//! Intel 82C54 data sheet (231244), sections "Write operations" to "Mode definitions"; port B as in the
//! 82371AB (PIIX4) data sheet (290562), NMISC.
//!
//! A counter does not count. It knows the tick at which it was last brought up to date, and from there
//! every later state follows by arithmetic: `Counter::advance` goes to any later tick in a bounded number of
//! steps (a load, an expiry, whole periods at once), however long nobody looked. So reads are
//! exact, and late timers lose no phase. One thing is lost when the timer is fired late, as it would be in
//! an interrupt controller: ticks that fell together are one edge.
//!
//! The wire of counter 0 follows OUT, except that in the periodic modes it falls only just before it rises
//! again: an interrupt controller that sees the request withdrawn would forget it, and no PC software relies
//! on that.
//!
//! A count that is still to be loaded on the next tick reads as if it were loaded already. An access takes a PC about
//! a microsecond, more than a tick, so its software never reads the count from before. Here hundreds of
//! instructions fit into a tick, and software that writes a count and reads it at once (Linux, when it measures the
//! time-stamp counter) would be misled.
//!
//! Not here: what the data sheet calls illegal (a count of 1 in modes 2 and 3) makes no edges.

use bitfield_struct::bitfield;
use bus::{Clock, Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Time};
use bus::{Timer, Width};
use serde::{Deserialize, Serialize};

/// The input clock of all three counters.
pub const PIT_HZ: u64 = 1_193_182;

// Registers.

/// "Control word format".
#[bitfield(u8)]
struct ControlWord {
    bcd: bool,
    #[bits(3)]
    mode: u8,
    /// 0 is the counter latch command.
    #[bits(2)]
    rw: u8,
    /// 3 is the read-back command.
    #[bits(2)]
    select: u8,
}

/// "Read-back command format". The two latch bits are active low.
#[bitfield(u8)]
struct ReadBack {
    __: bool,
    counter_0: bool,
    counter_1: bool,
    counter_2: bool,
    no_status: bool,
    no_count: bool,
    #[bits(2)]
    ones: u8,
}

/// "Status byte".
#[bitfield(u8)]
struct Status {
    bcd: bool,
    #[bits(3)]
    mode: u8,
    #[bits(2)]
    rw: u8,
    null_count: bool,
    out: bool,
}

/// System control port B.
#[bitfield(u8)]
struct PortB {
    /// GATE of counter 2.
    gate_2: bool,
    /// OUT of counter 2 reaches the loudspeaker.
    speaker: bool,
    parity_off: bool,
    channel_check_off: bool,
    /// Toggles with every refresh request.
    refresh: bool,
    out_2: bool,
    channel_check: bool,
    parity: bool,
}

/// Refresh requests come every 18 ticks: 15.085 µs.
const REFRESH_TICKS: u64 = 18;

/// Which bytes of a count are read and written; the values are the control word's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Access {
    Low = 1,
    High = 2,
    Both = 3,
}

/// "Mode definitions"; the values are the control word's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    TerminalCount = 0,
    OneShot = 1,
    RateGenerator = 2,
    SquareWave = 3,
    SoftwareStrobe = 4,
    HardwareStrobe = 5,
}

impl Mode {
    const fn of(bits: u8) -> Self {
        match bits & 7 {
            0 => Self::TerminalCount,
            1 => Self::OneShot,
            2 | 6 => Self::RateGenerator,
            3 | 7 => Self::SquareWave,
            4 => Self::SoftwareStrobe,
            _ => Self::HardwareStrobe,
        }
    }

    const fn periodic(self) -> bool {
        matches!(self, Self::RateGenerator | Self::SquareWave)
    }

    /// A rise of GATE starts it, a written count does not.
    const fn triggered(self) -> bool {
        matches!(self, Self::OneShot | Self::HardwareStrobe)
    }

    const fn strobe(self) -> bool {
        matches!(self, Self::SoftwareStrobe | Self::HardwareStrobe)
    }
}

/// One counter. Counts are kept in binary, also in BCD mode.
#[derive(Clone, Debug)]
struct Counter {
    // Programmed.
    mode: Mode,
    access: Access,
    bcd: bool,
    /// The count register: a count of 1 to 10000h (or 9999 + 1).
    reload: u32,
    gate: bool,
    // Bytes on the way in and out.
    /// The low byte of a count whose high byte is still to come.
    low_written: Option<u8>,
    /// The next byte read is the high one.
    read_high: bool,
    latched_count: Option<u16>,
    latched_status: Option<u8>,
    // Counting.
    /// A count has been written since the control word.
    written: bool,
    /// A count has been loaded since the control word.
    loaded: bool,
    null_count: bool,
    /// The tick at which the count register goes to the counting element.
    load_at: Option<u64>,
    /// One shots: the end of the count will change OUT.
    armed: bool,
    out: bool,
    /// The tick for which all this holds.
    at: u64,
    /// The counting element: what is left, 0 to `max`; in mode 3 the ticks left of this half.
    count: u32,
    /// Mode 3: the count that the current half belongs to.
    period: u32,
    /// OUT rose since somebody asked.
    rose: bool,
}

impl Counter {
    const fn new() -> Self {
        Self {
            mode: Mode::TerminalCount,
            access: Access::Both,
            bcd: false,
            reload: 0x10000,
            gate: true,
            low_written: None,
            read_high: false,
            latched_count: None,
            latched_status: None,
            written: false,
            loaded: false,
            null_count: true,
            load_at: None,
            armed: false,
            // Undefined until programmed; high, so that the first control word makes no edge.
            out: true,
            at: 0,
            count: 0,
            period: 0x10000,
            rose: false,
        }
    }

    /// The largest count, which is written as 0.
    const fn max(&self) -> u32 {
        if self.bcd { 10_000 } else { 0x10000 }
    }

    fn set_out(&mut self, out: bool) {
        self.rose |= out && !self.out;
        self.out = out;
    }

    /// Ticks of the high and of the low half of a square wave.
    const fn halves(period: u32) -> (u32, u32) {
        let (high, low) = (period.div_ceil(2), period / 2);
        (if high == 0 { 1 } else { high }, if low == 0 { 1 } else { low })
    }

    /// The counting element counts at the moment.
    const fn counting(&self) -> bool {
        self.loaded
            && match self.mode {
                Mode::TerminalCount => self.gate && self.low_written.is_none(),
                Mode::OneShot | Mode::HardwareStrobe => true,
                Mode::RateGenerator | Mode::SquareWave | Mode::SoftwareStrobe => self.gate,
            }
    }

    /// Goes to tick `to`.
    fn advance(&mut self, to: u64) {
        if let Some(load_at) = self.load_at.filter(|&load_at| load_at <= to) {
            // On the tick of the load the counting element loads and does not count.
            self.run(load_at.saturating_sub(self.at).saturating_sub(1));
            self.at = self.at.max(load_at);
            self.load();
        }
        self.run(to.saturating_sub(self.at));
        self.at = self.at.max(to);
    }

    /// The count register goes to the counting element.
    fn load(&mut self) {
        self.load_at = None;
        self.loaded = true;
        self.null_count = false;
        self.period = self.reload;
        match self.mode {
            Mode::SquareWave => {
                self.set_out(true);
                self.count = Self::halves(self.period).0;
            }
            Mode::OneShot => {
                self.set_out(false);
                self.count = self.reload;
                self.armed = true;
            }
            Mode::RateGenerator => {
                self.set_out(true);
                self.count = self.reload;
            }
            Mode::TerminalCount => {
                self.count = self.reload;
                self.armed = true;
            }
            Mode::SoftwareStrobe | Mode::HardwareStrobe => {
                self.set_out(true);
                self.count = self.reload;
                self.armed = true;
            }
        }
    }

    /// Counts `ticks` down without a load from outside.
    fn run(&mut self, ticks: u64) {
        if ticks == 0 || !self.counting() {
            // A strobe ends whether or not GATE lets the count go on.
            if ticks > 0 && self.mode.strobe() {
                self.set_out(true);
            }
            return;
        }
        match self.mode {
            Mode::RateGenerator => self.run_rate(ticks),
            Mode::SquareWave => self.run_square(ticks),
            Mode::TerminalCount | Mode::OneShot => {
                if self.armed && ticks >= u64::from(self.count) {
                    self.armed = false;
                    self.set_out(true);
                }
                self.wrap(ticks);
            }
            Mode::SoftwareStrobe | Mode::HardwareStrobe => {
                let left = u64::from(self.count);
                if self.armed && ticks >= left {
                    self.armed = false;
                    self.set_out(false);
                    if ticks > left {
                        self.set_out(true);
                    }
                } else {
                    self.set_out(true);
                }
                self.wrap(ticks);
            }
        }
    }

    /// Counts down through zero.
    fn wrap(&mut self, ticks: u64) {
        let max = u64::from(self.max());
        self.count = ((u64::from(self.count) + max - ticks % max) % max) as u32;
    }

    fn run_rate(&mut self, mut ticks: u64) {
        let left = u64::from(self.count);
        if ticks < left {
            self.count -= ticks as u32;
        } else {
            // The last tick of the period is the low one, so reloading is a rise.
            ticks -= left;
            self.null_count = false;
            self.period = self.reload;
            let period = u64::from(self.period);
            self.count = (period - ticks % period) as u32;
            if self.period > 1 {
                self.out = false;
                self.set_out(true);
            }
        }
        self.out = self.count != 1;
    }

    fn run_square(&mut self, mut ticks: u64) {
        if ticks >= u64::from(self.count) {
            ticks -= u64::from(self.count);
            self.flip();
            let (high, low) = Self::halves(self.period);
            let period = u64::from(high) + u64::from(low);
            if ticks >= period {
                self.rose |= self.period > 1;
                ticks %= period;
            }
            while ticks >= u64::from(self.count) {
                ticks -= u64::from(self.count);
                self.flip();
            }
        }
        self.count -= ticks as u32;
    }

    /// The other half of the square wave begins.
    fn flip(&mut self) {
        self.null_count = false;
        self.period = self.reload;
        let (high, low) = Self::halves(self.period);
        let up = !self.out;
        self.count = if up { high } else { low };
        if self.period > 1 {
            self.set_out(up);
        } else {
            self.out = up;
        }
    }

    /// The tick of the next rise of OUT, if nobody interferes.
    fn next_rise(&self) -> Option<u64> {
        let strobe = u64::from(self.mode.strobe());
        if self.mode.strobe() && !self.out {
            return Some(self.at.saturating_add(1));
        }
        if let Some(load_at) = self.load_at {
            if self.mode.periodic() && !self.out {
                return Some(load_at);
            }
            if self.mode.periodic() && self.reload < 2 {
                return None;
            }
            let counts = self.gate || self.mode.triggered();
            return counts.then(|| load_at.saturating_add(u64::from(self.reload) + strobe));
        }
        if !self.counting() {
            return None;
        }
        let left = match self.mode {
            Mode::RateGenerator | Mode::SquareWave if self.reload < 2 => return None,
            Mode::RateGenerator => self.count,
            Mode::SquareWave if self.out => self.count + Self::halves(self.reload).1,
            Mode::SquareWave => self.count,
            _ if self.armed => self.count,
            _ => return None,
        };
        Some(self.at.saturating_add(u64::from(left) + strobe))
    }

    fn set_gate(&mut self, gate: bool) {
        let rises = gate && !self.gate;
        let falls = !gate && self.gate;
        self.gate = gate;
        if rises && self.written && (self.mode.triggered() || self.mode.periodic()) {
            self.load_at = Some(self.at.saturating_add(1));
        }
        if falls && self.mode.periodic() {
            self.set_out(true);
        }
    }

    fn control(&mut self, word: ControlWord, access: Access) {
        // What is not named here begins anew.
        let Self { gate, at, count, out, rose, .. } = *self;
        let mode = Mode::of(word.mode());
        *self = Self { gate, at, out, rose, mode, access, bcd: word.bcd(), ..Self::new() };
        self.count = count % self.max();
        self.reload = self.max();
        self.period = self.max();
        self.set_out(mode != Mode::TerminalCount);
    }

    fn write(&mut self, value: u8) {
        let bytes = match (self.access, self.low_written.take()) {
            (Access::Low, _) => [value, 0],
            (Access::High, _) => [0, value],
            (Access::Both, Some(low)) => [low, value],
            (Access::Both, None) => {
                self.low_written = Some(value);
                if self.mode == Mode::TerminalCount {
                    self.armed = false;
                    self.set_out(false);
                }
                return;
            }
        };
        let written = self.binary(u16::from_le_bytes(bytes));
        self.reload = if written == 0 { self.max() } else { written };
        self.null_count = true;
        let first = !std::mem::replace(&mut self.written, true);
        if self.mode == Mode::TerminalCount {
            self.armed = false;
            self.set_out(false);
        }
        if !self.mode.triggered() && (first || !self.mode.periodic()) {
            self.load_at = Some(self.at.saturating_add(1));
        }
    }

    /// A written count in binary, below `max`.
    fn binary(&self, value: u16) -> u32 {
        if !self.bcd {
            return value.into();
        }
        let digits = [12, 8, 4, 0].map(|shift| u32::from(value >> shift & 0xF));
        digits.into_iter().fold(0, |sum, digit| sum * 10 + digit) % 10_000
    }

    /// The counting element as it is read; the module documentation says why a load is not waited for.
    fn value(&self) -> u16 {
        if self.load_at.is_some() {
            let mut loaded = self.clone();
            loaded.load();
            return loaded.value();
        }
        let count = if self.mode == Mode::SquareWave && self.loaded {
            // Counted in twos; an odd count starts one less, and its high half ends at zero.
            let odd_high = self.period % 2 == 1 && self.out;
            self.count.saturating_sub(u32::from(odd_high)) * 2
        } else {
            self.count
        } % self.max();
        if !self.bcd {
            return count as u16;
        }
        [1000, 100, 10, 1].into_iter().fold(0, |bcd, unit| bcd << 4 | (count / unit % 10) as u16)
    }

    fn status(&self) -> u8 {
        Status::new()
            .with_bcd(self.bcd)
            .with_mode(self.mode as u8)
            .with_rw(self.access as u8)
            .with_null_count(self.null_count)
            .with_out(self.out)
            .into_bits()
    }

    fn latch_count(&mut self) {
        if self.latched_count.is_none() {
            self.latched_count = Some(self.value());
        }
    }

    fn latch_status(&mut self) {
        if self.latched_status.is_none() {
            self.latched_status = Some(self.status());
        }
    }

    fn read(&mut self) -> u8 {
        if let Some(status) = self.latched_status.take() {
            return status;
        }
        let [low, high] = self.latched_count.unwrap_or_else(|| self.value()).to_le_bytes();
        let high_now = match self.access {
            Access::Low => false,
            Access::High => true,
            Access::Both => {
                self.read_high = !self.read_high;
                !self.read_high
            }
        };
        if high_now || self.access == Access::Low {
            self.latched_count = None;
        }
        if high_now { high } else { low }
    }
}

/// The regions, in the order of [`Device::regions`].
const REGIONS: [Region; 2] = [Region { name: "timers", len: 4 }, Region { name: "port61", len: 1 }];

/// The three counters of a PC: 0 is the system timer, 1 asked for refresh, 2 is the loudspeaker's.
#[derive(Debug)]
pub struct Pit {
    // Glue.
    irq: Line,
    clock: Clock,
    // Parts.
    counters: [Counter; 3],
    // State.
    port_b: PortB,
}

impl Pit {
    /// A timer whose counter 0 drives `irq`.
    #[must_use]
    pub fn new(irq: Line, clock: Clock) -> Self {
        let mut pit = Self { irq, clock, counters: [const { Counter::new() }; 3], port_b: PortB::new() };
        pit.clear();
        pit
    }

    /// The level at the loudspeaker.
    pub fn speaker(&mut self) -> bool {
        self.advance();
        let [_, _, counter] = &self.counters;
        self.port_b.speaker() && counter.out
    }

    fn clear(&mut self) {
        let at = self.clock.now().ticks(PIT_HZ);
        for counter in &mut self.counters {
            *counter = Counter { at, ..Counter::new() };
        }
        let [_, _, speaker] = &mut self.counters;
        speaker.gate = false;
        self.port_b = PortB::new();
        self.irq.set(false);
    }

    /// Brings all counters, and the wire, up to now.
    fn advance(&mut self) {
        let now = self.clock.now().ticks(PIT_HZ);
        for counter in &mut self.counters {
            counter.advance(now);
        }
        self.update_irq();
    }

    fn update_irq(&mut self) {
        let [system, ..] = &mut self.counters;
        if std::mem::take(&mut system.rose) {
            self.irq.set(false);
            self.irq.set(true);
        }
        if !system.mode.periodic() && !system.out {
            self.irq.set(false);
        }
    }

    fn write_control(&mut self, value: u8) {
        let word = ControlWord::from_bits(value);
        if word.select() == 3 {
            let command = ReadBack::from_bits(value);
            let chosen = [command.counter_0(), command.counter_1(), command.counter_2()];
            for (counter, _) in self.counters.iter_mut().zip(chosen).filter(|(_, chosen)| *chosen) {
                if !command.no_count() {
                    counter.latch_count();
                }
                if !command.no_status() {
                    counter.latch_status();
                }
            }
        } else if let Some(counter) = self.counters.get_mut(usize::from(word.select())) {
            match word.rw() {
                0 => counter.latch_count(),
                1 => counter.control(word, Access::Low),
                2 => counter.control(word, Access::High),
                _ => counter.control(word, Access::Both),
            }
        }
    }

    fn read_port_b(&self) -> u8 {
        let [_, _, speaker] = &self.counters;
        let refresh = self.clock.now().ticks(PIT_HZ) / REFRESH_TICKS % 2 == 1;
        self.port_b.with_refresh(refresh).with_out_2(speaker.out).into_bits()
    }

    fn write_port_b(&mut self, value: u8) {
        self.port_b = PortB::from_bits(value & 0x0F);
        let [_, _, speaker] = &mut self.counters;
        speaker.set_gate(self.port_b.gate_2());
    }
}

impl Device for Pit {
    fn reset(&mut self) {
        let Self { irq: _, clock: _, counters: _, port_b: _ } = self;
        self.clear();
    }

    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }

    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }

    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
}

impl PortIo for Pit {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let value = match (region, self.counters.get_mut(usize::from(offset))) {
            (0, Some(counter)) => counter.read(),
            (1, _) if offset == 0 => self.read_port_b(),
            _ => return Err(IoError::NoRegister),
        };
        Ok(value.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let value = value as u8;
        match (region, self.counters.get_mut(usize::from(offset))) {
            (0, Some(counter)) => counter.write(value),
            (0, None) if offset == 3 => self.write_control(value),
            (1, _) if offset == 0 => self.write_port_b(value),
            _ => return Err(IoError::NoRegister),
        }
        self.update_irq();
        Ok(())
    }
}

impl Timer for Pit {
    fn deadline(&self) -> Option<Time> {
        let [system, ..] = &self.counters;
        system.next_rise().map(|tick| Time::of_tick(tick, PIT_HZ))
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct CounterV1 {
    mode: Mode,
    access: Access,
    bcd: bool,
    reload: u32,
    gate: bool,
    low_written: Option<u8>,
    read_high: bool,
    latched_count: Option<u16>,
    latched_status: Option<u8>,
    written: bool,
    loaded: bool,
    null_count: bool,
    load_at: Option<u64>,
    armed: bool,
    out: bool,
    at: u64,
    count: u32,
    period: u32,
}

#[derive(Serialize, Deserialize)]
struct PitV1 {
    counters: [CounterV1; 3],
    port_b: u8,
    /// The wire of counter 0, which in the periodic modes is not OUT.
    irq: bool,
}

const PART: &str = "pit";

impl Counter {
    fn save(&self) -> CounterV1 {
        let Self {
            mode,
            access,
            bcd,
            reload,
            gate,
            low_written,
            read_high,
            latched_count,
            latched_status,
            written,
            loaded,
            null_count,
            load_at,
            armed,
            out,
            at,
            count,
            period,
            rose: _, // only within one access; counters 1 and 2 are not asked
        } = *self;
        CounterV1 {
            mode,
            access,
            bcd,
            reload,
            gate,
            low_written,
            read_high,
            latched_count,
            latched_status,
            written,
            loaded,
            null_count,
            load_at,
            armed,
            out,
            at,
            count,
            period,
        }
    }

    fn restored(saved: CounterV1) -> Result<Self, SnapshotError> {
        let CounterV1 {
            mode,
            access,
            bcd,
            reload,
            gate,
            low_written,
            read_high,
            latched_count,
            latched_status,
            written,
            loaded,
            null_count,
            load_at,
            armed,
            out,
            at,
            count,
            period,
        } = saved;
        let counter = Self {
            mode,
            access,
            bcd,
            reload,
            gate,
            low_written,
            read_high,
            latched_count,
            latched_status,
            written,
            loaded,
            null_count,
            load_at,
            armed,
            out,
            at,
            count,
            period,
            rose: false,
        };
        let max = counter.max();
        // A periodic counter that has been loaded always has something left.
        let least = u32::from(loaded && mode.periodic());
        let counts = (1..=max).contains(&reload) && (1..=max).contains(&period);
        if !counts || !(least..=max).contains(&count) {
            return Err(SnapshotError::Invalid { part: PART, why: "a count out of range" });
        }
        Ok(counter)
    }
}

impl Snapshot for Pit {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { irq, clock: _, counters, port_b } = self;
        let [a, b, c] = counters;
        bus::encode(&PitV1 {
            counters: [a.save(), b.save(), c.save()],
            port_b: port_b.into_bits(),
            irq: irq.level(),
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let PitV1 { counters: [a, b, c], port_b, irq } = bus::decode(PART, saved.bytes)?;
        if port_b & 0xF0 != 0 {
            return Err(SnapshotError::Invalid { part: PART, why: "bits set that do not exist" });
        }
        self.counters = [Counter::restored(a)?, Counter::restored(b)?, Counter::restored(c)?];
        self.port_b = PortB::from_bits(port_b);
        self.irq.set(irq);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};

    fn bench() -> Bench<Pit> {
        Bench::new(|control, lines| Pit::new(lines.line(0), control.clock()))
    }

    /// Goes to `tick`, firing what is due; returns the rises of IRQ 0.
    fn to_tick(bench: &mut Bench<Pit>, tick: u64) -> u32 {
        let now = bench.control.clock().now();
        bench.run(Time::of_tick(tick, PIT_HZ).since(now))
    }

    fn program(bench: &mut Bench<Pit>, counter: u8, mode: u8, count: u16) {
        bench.write(0, 3, counter << 6 | 0x30 | mode << 1);
        for byte in count.to_le_bytes() {
            bench.write(0, counter.into(), byte);
        }
    }

    fn count(bench: &mut Bench<Pit>, counter: u8) -> u16 {
        bench.write(0, 3, counter << 6);
        let low = bench.read(0, counter.into());
        u16::from_le_bytes([low, bench.read(0, counter.into())])
    }

    fn out_2(bench: &mut Bench<Pit>) -> bool {
        bench.read(1, 0) & 0x20 != 0
    }

    #[test]
    fn mode_0_rises_after_n_plus_1_ticks() {
        let mut bench = bench();
        program(&mut bench, 0, 0, 4);
        assert_eq!(to_tick(&mut bench, 4), 0);
        assert_eq!(count(&mut bench, 0), 1);
        assert_eq!(to_tick(&mut bench, 5), 1);
        assert_eq!(bench.lines.levels(), 1);
        assert_eq!(to_tick(&mut bench, 100_000), 0, "once only");
        bench.write(0, 0, 9);
        assert_eq!(bench.lines.levels(), 0, "the first byte of a new count takes OUT low");
    }

    #[test]
    fn mode_1_is_retriggered_by_the_gate() {
        let mut bench = bench();
        program(&mut bench, 2, 1, 10);
        assert!(out_2(&mut bench));
        bench.write(1, 0, 1);
        to_tick(&mut bench, 1);
        assert!(!out_2(&mut bench));
        to_tick(&mut bench, 8);
        bench.write(1, 0, 0);
        bench.write(1, 0, 1);
        to_tick(&mut bench, 18);
        assert!(!out_2(&mut bench));
        to_tick(&mut bench, 19);
        assert!(out_2(&mut bench));
    }

    #[test]
    fn mode_2_has_one_edge_a_period_and_keeps_its_phase() {
        let mut bench = bench();
        program(&mut bench, 0, 2, 1000);
        assert_eq!(to_tick(&mut bench, 1000), 0);
        assert_eq!(to_tick(&mut bench, 1001), 1);
        assert_eq!(to_tick(&mut bench, 10_001), 9);
        assert_eq!(count(&mut bench, 0), 1000);
        // Fired late: one edge, and the next where it should be.
        bench.control.advance_to(Time::of_tick(123_456, PIT_HZ));
        assert_eq!(bench.run(0), 1);
        assert_eq!(count(&mut bench, 0), 1000 - 455);
        assert_eq!(bench.device.deadline(), Some(Time::of_tick(124_001, PIT_HZ)));
    }

    #[test]
    fn mode_2_reloads_on_gate_rise() {
        let mut bench = bench();
        bench.write(1, 0, 1);
        program(&mut bench, 2, 2, 100);
        to_tick(&mut bench, 51);
        assert_eq!(count(&mut bench, 2), 50);
        bench.write(1, 0, 0);
        to_tick(&mut bench, 500);
        assert_eq!(count(&mut bench, 2), 50);
        bench.write(1, 0, 1);
        to_tick(&mut bench, 501);
        assert_eq!(count(&mut bench, 2), 100);
        to_tick(&mut bench, 600);
        assert!(!out_2(&mut bench));
    }

    #[test]
    fn mode_2_takes_a_new_count_at_the_end_of_the_period() {
        let mut bench = bench();
        program(&mut bench, 0, 2, 100);
        to_tick(&mut bench, 11);
        bench.write(0, 0, 50);
        bench.write(0, 0, 0);
        bench.write(0, 3, 0xE2);
        assert_eq!(bench.read(0, 0), 0xF4, "null count");
        assert_eq!(to_tick(&mut bench, 100), 0);
        assert_eq!(to_tick(&mut bench, 151), 2);
        bench.write(0, 3, 0xE2);
        assert_eq!(bench.read(0, 0), 0xB4);
    }

    #[test]
    fn mode_3_is_a_square_wave_also_with_odd_counts() {
        for period in [10u16, 11] {
            let mut bench = bench();
            bench.write(1, 0, 1);
            program(&mut bench, 2, 3, period);
            program(&mut bench, 0, 3, period);
            let mut wave = Vec::new();
            for tick in 1..=u64::from(period) * 2 {
                to_tick(&mut bench, tick);
                wave.push((out_2(&mut bench), count(&mut bench, 2)));
            }
            let high = period.div_ceil(2) as usize;
            let (first, second) = wave.split_at(period.into());
            assert_eq!(first, second);
            assert!(first[..high].iter().all(|(out, _)| *out));
            assert!(first[high..].iter().all(|(out, _)| !out));
            let even = period & !1;
            assert_eq!((first[0].1, first[1].1, first[high].1), (even, even - 2, even));
            let last = u64::from(period) * 2;
            assert_eq!(to_tick(&mut bench, last + 1000 * u64::from(period)), 1000);
        }
    }

    #[test]
    fn mode_4_strobes_once_for_one_tick() {
        let mut bench = bench();
        program(&mut bench, 0, 4, 20);
        assert_eq!(to_tick(&mut bench, 20), 0);
        assert_eq!(bench.lines.take_rose(), 0);
        bench.control.advance_to(Time::of_tick(21, PIT_HZ));
        bench.write(0, 3, 0xE2);
        assert_eq!(bench.read(0, 0) & 0x80, 0);
        assert_eq!(to_tick(&mut bench, 22), 1);
        bench.write(0, 3, 0xE2);
        assert_eq!(bench.read(0, 0) & 0x80, 0x80);
        assert_eq!(to_tick(&mut bench, 200_000), 0);
        program(&mut bench, 0, 4, 20);
        assert_eq!(to_tick(&mut bench, 200_022), 1, "armed again by a new count");
    }

    #[test]
    fn mode_5_strobes_after_a_trigger() {
        let mut bench = bench();
        program(&mut bench, 2, 5, 3);
        to_tick(&mut bench, 100);
        bench.write(1, 0, 1);
        let wave: Vec<bool> = (101..=106)
            .map(|tick| {
                to_tick(&mut bench, tick);
                out_2(&mut bench)
            })
            .collect();
        assert_eq!(wave, [true, true, true, false, true, true]);
    }

    #[test]
    fn counter_2_measures_time_as_an_operating_system_does() {
        // Mode 0, gate on, poll OUT2: how the time-stamp counter is calibrated.
        let mut bench = bench();
        bench.write(1, 0, 1);
        program(&mut bench, 2, 0, 11_932);
        to_tick(&mut bench, 11_932);
        assert!(!out_2(&mut bench));
        to_tick(&mut bench, 11_933);
        assert!(out_2(&mut bench));
    }

    #[test]
    fn a_count_can_be_read_as_soon_as_it_is_written() {
        for (mode, shown) in [(0, 4321), (2, 4321), (3, 4320), (4, 4321)] {
            let mut bench = bench();
            bench.write(1, 0, 1);
            program(&mut bench, 2, mode, 4321);
            assert_eq!(count(&mut bench, 2), shown, "mode {mode}");
            to_tick(&mut bench, 1);
            assert_eq!(count(&mut bench, 2), shown, "mode {mode}: loading takes a tick");
        }
    }

    #[test]
    fn an_operating_system_may_watch_the_high_byte_fall() {
        // Mode 0 from FFFFh; bytes read in pairs, without a latch, by a loop of 80 ns: Linux's quick_pit_calibrate.
        let mut bench = bench();
        let old = bench.read(1, 0);
        bench.write(1, 0, old & !2 | 1);
        program(&mut bench, 2, 0, 0xFFFF);
        let high = |bench: &mut Bench<Pit>| {
            bench.read(0, 2);
            bench.read(0, 2)
        };
        high(&mut bench);
        let mut at = Vec::new();
        for expected in (0xF0..=0xFF).rev() {
            let mut seen = 0;
            while high(&mut bench) == expected {
                bench.run(80);
                seen += 1;
            }
            assert!((6..50_000).contains(&seen), "{expected:x}: {seen} times");
            at.push(bench.control.clock().now());
        }
        let [first, .., last] = at[..] else { unreachable!() };
        assert!(last.since(first).abs_diff(15 * 256 * 1_000_000_000 / PIT_HZ) <= 1000);
    }

    #[test]
    fn bcd_counts_in_decimal() {
        let mut bench = bench();
        bench.write(0, 3, 0x35);
        bench.write(0, 0, 0x00);
        bench.write(0, 0, 0x10);
        to_tick(&mut bench, 2);
        assert_eq!(count(&mut bench, 0), 0x0999);
        bench.write(0, 3, 0x35);
        bench.write(0, 0, 0);
        bench.write(0, 0, 0);
        to_tick(&mut bench, 4);
        assert_eq!(count(&mut bench, 0), 0x9999);
    }

    #[test]
    fn latches_hold_until_read_and_status_comes_first() {
        let mut bench = bench();
        program(&mut bench, 0, 2, 0x1234);
        to_tick(&mut bench, 5);
        bench.write(0, 3, 0xC2);
        to_tick(&mut bench, 50);
        assert_eq!(bench.read(0, 0), 0xB4);
        assert_eq!(bench.read(0, 0), 0x30);
        bench.write(0, 3, 0);
        assert_eq!(bench.read(0, 0), 0x12, "a second latch is ignored");
        bench.write(0, 3, 0x10);
        bench.write(0, 0, 7);
        to_tick(&mut bench, 51);
        assert_eq!((bench.read(0, 0), bench.read(0, 0)), (7, 7), "low byte only");
    }

    #[test]
    fn the_refresh_bit_toggles() {
        let mut bench = bench();
        let mut toggles = 0;
        let mut old = bench.read(1, 0) & 0x10;
        for us in 1..=1000 {
            bench.run(1000);
            let new = bench.read(1, 0) & 0x10;
            toggles += u32::from(new != old);
            old = new;
            assert!(us > 0);
        }
        assert_eq!(toggles, 66);
    }

    #[test]
    fn survives_anything() {
        shake(
            |control, lines| Pit::new(lines.line(0), control.clock()),
            |pit, _| {
                pit.speaker();
            },
        );
    }

    /// A counter that goes tick by tick is in the same state as one that leaps.
    #[test]
    fn leaps_lead_where_steps_lead() {
        let mut random = host::entropy::Seeded::new(5);
        for round in 0..600u32 {
            let mut steps = Counter::new();
            let word = ControlWord::new().with_mode((round % 6) as u8).with_bcd(round % 5 == 0);
            steps.control(word, Access::Low);
            let mut leaps = steps.clone();
            let mut now = 0;
            for _ in 0..40 {
                let what = random.next_u64();
                match what & 3 {
                    0 => {
                        steps.write((what >> 8 & 15) as u8 + 2);
                        leaps.write((what >> 8 & 15) as u8 + 2);
                    }
                    1 => {
                        steps.set_gate(what & 4 != 0);
                        leaps.set_gate(what & 4 != 0);
                    }
                    _ => {}
                }
                let end = now + (what >> 16) % 60;
                let predicted = leaps.next_rise();
                let mut seen = None;
                (steps.rose, leaps.rose) = (false, false);
                while now < end {
                    now += 1;
                    steps.advance(now);
                    if steps.rose && seen.is_none() {
                        seen = Some(now);
                    }
                }
                leaps.advance(now);
                assert_eq!(format!("{steps:?}"), format!("{leaps:?}"), "round {round}");
                assert_eq!(seen, predicted.filter(|&tick| tick <= end), "round {round}");
            }
        }
    }
}
