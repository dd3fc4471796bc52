//! High precision event timer: a counter of 64 bits and three timers that compare with it.
//!
//! IA-PC HPET specification 1.0a (October 2004); section numbers in this folder are its. All three timers are alike: 64 bits,
//! one-shot or periodic, edge- or level-triggered.
//!
//! Nothing counts. The counter is a function of the time, and a timer knows up to which value of the counter its matches have
//! been dealt with; however late it is looked at, all later matches follow by arithmetic. Matches that fell together are one
//! interrupt.
//!
//! Where interrupts go. A timer's own route leads to one of four inputs of the I/O APIC, which nothing else uses. With the legacy
//! replacement route, timers 0 and 1 take the places of the 8254 and of the real-time clock at IRQ 0 and IRQ 8. The board does
//! that: a wire tells it ([`Wires::legacy`]).
//!
//! An access of 64 bits comes as two of 32, the low half first. So VAL_SET_CNF, which a write of the comparator clears, covers
//! the low half only, as for software that makes such accesses by itself (it sets the bit again for the high half).
//!
//! Not here: interrupts by FSB message, which are not announced; narrower accesses than 32 bits, which the specification rules
//! out.

mod spec;
#[cfg(test)]
mod tests;

use bus::{
    Clock, Device, IoError, IoResult, Line, Mmio, PhysAddr, Region, Saved, Snapshot, SnapshotError, Time,
};
use bus::{Timer, Width};
use serde::{Deserialize, Serialize};
use spec::{
    Capabilities, Configuration, FIRST_TIMER, Register, TIMER_BLOCK, TimerConfiguration, TimerRegister,
};

/// Where PCs have the registers.
pub const DEFAULT_BASE: PhysAddr = PhysAddr(0xFED0_0000);
/// The counter's frequency.
pub const HPET_HZ: u64 = 100_000_000;
/// Its period in femtoseconds.
const PERIOD_FS: u32 = (1_000_000_000_000_000 / HPET_HZ) as u32;
/// Timers.
pub const TIMERS: usize = 3;
/// The inputs of the I/O APIC that a timer may be routed to.
pub const FIRST_PIN: u8 = 20;
/// How many there are.
pub const PINS: usize = 4;
/// The same as INT_ROUTE_CAP has them.
const ROUTES: u32 = 0xF << FIRST_PIN;

/// Low half of the capabilities, which ACPI's table repeats: event timer block ID.
pub const BLOCK_ID: u32 = CAPABILITIES.into_bits() as u32;

const CAPABILITIES: Capabilities = Capabilities::new()
    .with_revision(1)
    .with_last_timer(TIMERS as u8 - 1)
    .with_counter_64(true)
    .with_legacy_route(true)
    .with_vendor(0x8086)
    .with_period(PERIOD_FS);

/// The wires of an HPET.
#[derive(Clone, Debug)]
pub struct Wires {
    /// To the I/O APIC's inputs from [`FIRST_PIN`] on.
    pub pins: [Line; PINS],
    /// In the place of the 8254's and the real-time clock's interrupt.
    pub replacements: [Line; 2],
    /// High while they are to be in that place.
    pub legacy: Line,
}

/// One timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Comparator {
    config: TimerConfiguration,
    /// The next match.
    value: u64,
    /// What is added to it in periodic mode.
    period: u64,
    /// Matches up to this value of the counter have been dealt with.
    seen: u64,
    /// An edge is to be driven.
    fired: bool,
}

impl Comparator {
    const fn new() -> Self {
        Self { config: TimerConfiguration::new(), value: u64::MAX, period: 0, seen: 0, fired: false }
    }

    /// The bits that are compared.
    const fn mask(&self) -> u64 {
        if self.config.mode_32() { 0xFFFF_FFFF } else { u64::MAX }
    }

    /// Ticks from what has been seen to the next match: 1 to 2^32 or 2^64 (which is told as 2^64 - 1).
    const fn distance(&self) -> u64 {
        let mask = self.mask();
        let ticks = self.value.wrapping_sub(self.seen).wrapping_sub(1) & mask;
        ticks.saturating_add(1)
    }

    const fn is_periodic(&self) -> bool {
        self.config.periodic() && self.period & self.mask() != 0
    }

    /// Goes to a later value of the counter; true if there was a match on the way.
    fn advance(&mut self, counter: u64) -> bool {
        let passed = counter.wrapping_sub(self.seen);
        let distance = self.distance();
        self.seen = counter;
        if passed < distance {
            return false;
        }
        if self.is_periodic() {
            let (mask, period) = (self.mask(), self.period & self.mask());
            let periods = (passed - distance) / period + 1;
            self.value = self.value.wrapping_add(period.wrapping_mul(periods)) & mask;
        }
        true
    }
}

/// The timer block.
#[derive(Debug)]
pub struct Hpet {
    // Glue.
    wires: Wires,
    clock: Clock,
    // Registers.
    config: Configuration,
    /// A bit for each timer.
    status: u8,
    timers: [Comparator; TIMERS],
    /// The counter while it stands; while it runs, what is added to the ticks since power-on.
    counter: u64,
}

impl Hpet {
    /// A block that stands.
    #[must_use]
    pub fn new(wires: Wires, clock: Clock) -> Self {
        let mut hpet = Self {
            wires,
            clock,
            config: Configuration::new(),
            status: 0,
            timers: [Comparator::new(); TIMERS],
            counter: 0,
        };
        hpet.drive();
        hpet
    }

    /// The main counter now.
    fn count(&self) -> u64 {
        if self.config.enable() {
            self.clock.now().ticks(HPET_HZ).wrapping_add(self.counter)
        } else {
            self.counter
        }
    }

    /// Deals with all matches until now.
    fn advance(&mut self) {
        if !self.config.enable() {
            return;
        }
        let count = self.count();
        for (n, timer) in self.timers.iter_mut().enumerate() {
            if timer.advance(count) {
                if timer.config.level() {
                    self.status |= 1 << n;
                } else {
                    timer.fired = true;
                }
            }
        }
        self.drive();
    }

    /// Whether the timers 0 and 1 are in the places of 8254 and real-time clock (section 2.3.5, LEG_RT_CNF).
    fn legacy(&self) -> bool {
        self.config.enable() && self.config.legacy_route()
    }

    /// The wires as the state has them, with the edges that are due.
    fn drive(&mut self) {
        let legacy = self.legacy();
        self.wires.legacy.set(legacy);
        let mut pins = [false; PINS];
        let mut replacements = [false; 2];
        for (n, timer) in self.timers.iter_mut().enumerate() {
            let on = self.config.enable() && timer.config.enable();
            let high = on && timer.config.level() && self.status >> n & 1 != 0;
            let pulse = std::mem::take(&mut timer.fired) && on;
            let (line, level) = match (legacy, self.wires.replacements.get(n)) {
                (true, Some(line)) => (line, replacements.get_mut(n)),
                _ => {
                    let pin = usize::from(timer.config.route().wrapping_sub(FIRST_PIN));
                    let Some(line) = self.wires.pins.get(pin) else { continue };
                    (line, pins.get_mut(pin))
                }
            };
            if pulse {
                line.pulse();
            }
            if let Some(level) = level {
                *level |= high;
            }
        }
        let lines = self.wires.pins.iter().chain(&self.wires.replacements);
        for (line, high) in lines.zip(pins.into_iter().chain(replacements)) {
            line.set(high);
        }
    }

    // ---- registers ----

    /// The timer whose block an offset lies in, and the offset there.
    fn timer_at(offset: u64) -> Option<(usize, u64)> {
        let at = offset.checked_sub(FIRST_TIMER)?;
        Some(((at / TIMER_BLOCK) as usize, at % TIMER_BLOCK)).filter(|(n, _)| *n < TIMERS)
    }

    /// A register of 64 bits.
    fn read_register(&self, offset: u64) -> u64 {
        match Register(offset) {
            Register::CAPABILITIES => CAPABILITIES.into_bits(),
            Register::CONFIGURATION => self.config.into_bits(),
            Register::STATUS => self.status.into(),
            Register::COUNTER => self.count(),
            _ => self.read_timer(offset).unwrap_or(0),
        }
    }

    fn read_timer(&self, offset: u64) -> Option<u64> {
        let (n, offset) = Self::timer_at(offset)?;
        let timer = self.timers.get(n)?;
        match TimerRegister(offset) {
            TimerRegister::CONFIGURATION => {
                let config = timer.config.with_can_be_periodic(true).with_is_64(true).with_routes(ROUTES);
                Some(config.into_bits())
            }
            TimerRegister::COMPARATOR => Some(timer.value),
            _ => None,
        }
    }

    /// Writes the bits in `mask` of a register.
    fn write_register(&mut self, offset: u64, value: u64, mask: u64) {
        let merge = |old: u64| old & !mask | value & mask;
        match Register(offset) {
            Register::CONFIGURATION => {
                let new = merge(self.config.into_bits()) & Configuration::WRITABLE;
                self.configure(Configuration::from_bits(new));
            }
            Register::STATUS => self.status &= !((value & mask) as u8),
            // The specification allows writes only while the counter stands.
            Register::COUNTER if !self.config.enable() => {
                self.counter = merge(self.counter);
                let before = self.counter.wrapping_sub(1);
                for timer in &mut self.timers {
                    timer.seen = before;
                }
            }
            _ => self.write_timer(offset, value, mask),
        }
        self.drive();
    }

    fn configure(&mut self, new: Configuration) {
        let count = self.count();
        self.config = new;
        let ticks = self.clock.now().ticks(HPET_HZ);
        self.counter = if new.enable() { count.wrapping_sub(ticks) } else { count };
    }

    fn write_timer(&mut self, offset: u64, value: u64, mask: u64) {
        let before = self.count().wrapping_sub(1);
        let Some((n, offset)) = Self::timer_at(offset) else { return };
        let Some(timer) = self.timers.get_mut(n) else { return };
        let merge = |old: u64| old & !mask | value & mask;
        match TimerRegister(offset) {
            TimerRegister::CONFIGURATION => {
                let new = merge(timer.config.into_bits()) & TimerConfiguration::WRITABLE;
                let new = TimerConfiguration::from_bits(new);
                // A route that there is not cannot be written.
                let route = if ROUTES >> new.route() & 1 != 0 { new.route() } else { timer.config.route() };
                timer.config = new.with_route(route);
                if timer.config.mode_32() {
                    timer.value &= timer.mask();
                    timer.period &= timer.mask();
                }
                if !timer.config.level() {
                    self.status &= !(1 << n);
                }
            }
            TimerRegister::COMPARATOR => {
                let bits = timer.mask();
                if !timer.config.periodic() || timer.config.set_value() {
                    timer.value = merge(timer.value) & bits;
                    // A comparator that is written as what the counter is matches.
                    timer.seen = before;
                }
                if timer.config.periodic() {
                    timer.period = merge(timer.period) & bits;
                }
                timer.config.set_set_value(false);
            }
            _ => {}
        }
    }
}

impl Device for Hpet {
    fn reset(&mut self) {
        let Self { wires: _, clock: _, config, status, timers, counter } = self;
        *config = Configuration::new();
        (*status, *counter) = (0, 0);
        *timers = [Comparator::new(); TIMERS];
        self.drive();
    }

    fn regions(&self) -> &'static [Region] {
        &[Region { name: "registers", len: 0x400 }]
    }

    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        Some(self)
    }

    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
}

/// Which half of its register of 64 bits an access is.
fn half(region: usize, offset: u64, width: Width) -> IoResult<u32> {
    match (region, width, offset & 3) {
        (0, Width::Dword, 0) => Ok(if offset & 4 == 0 { 0 } else { 32 }),
        _ => Err(IoError::NoRegister),
    }
}

impl Mmio for Hpet {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        let shift = half(region, offset, width)?;
        self.advance();
        Ok((self.read_register(offset & !7) >> shift) as u32)
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        let shift = half(region, offset, width)?;
        self.advance();
        self.write_register(offset & !7, u64::from(value) << shift, 0xFFFF_FFFF << shift);
        Ok(())
    }
}

impl Timer for Hpet {
    fn deadline(&self) -> Option<Time> {
        if !self.config.enable() {
            return None;
        }
        // A level that is asked for already does not become more so.
        let heard = |n: usize, timer: &Comparator| {
            timer.config.enable() && !(timer.config.level() && self.status >> n & 1 != 0)
        };
        let (now, count) = (self.clock.now().ticks(HPET_HZ), self.count());
        let ahead = |timer: &Comparator| timer.distance().saturating_sub(count.wrapping_sub(timer.seen));
        let heard = self.timers.iter().enumerate().filter(|(n, timer)| heard(*n, timer));
        let ticks = heard.filter_map(|(_, timer)| now.checked_add(ahead(timer)));
        ticks.min().map(|tick| Time::of_tick(tick, HPET_HZ))
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct ComparatorV1 {
    config: u64,
    value: u64,
    period: u64,
    seen: u64,
}

#[derive(Serialize, Deserialize)]
struct HpetV1 {
    config: u64,
    status: u8,
    timers: [ComparatorV1; TIMERS],
    counter: u64,
}

const PART: &str = "hpet";

impl Comparator {
    const fn save(&self) -> ComparatorV1 {
        // An edge is driven in the access that made it.
        let Self { config, value, period, seen, fired: _ } = *self;
        ComparatorV1 { config: config.into_bits(), value, period, seen }
    }

    fn restored(saved: ComparatorV1) -> Result<Self, SnapshotError> {
        let ComparatorV1 { config, value, period, seen } = saved;
        if config & !TimerConfiguration::WRITABLE != 0 {
            return Err(SnapshotError::Invalid { part: PART, why: "bits set that do not exist" });
        }
        let timer = Self { config: TimerConfiguration::from_bits(config), value, period, seen, fired: false };
        if value & !timer.mask() != 0 && timer.config.mode_32() || period & !timer.mask() != 0 {
            return Err(SnapshotError::Invalid { part: PART, why: "a value wider than its timer" });
        }
        Ok(timer)
    }
}

impl Snapshot for Hpet {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { wires: _, clock: _, config, status, timers, counter } = self;
        let timers = timers.map(|timer| timer.save());
        bus::encode(&HpetV1 { config: config.into_bits(), status: *status, timers, counter: *counter })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let HpetV1 { config, status, timers, counter } = bus::decode(PART, saved.bytes)?;
        if config & !Configuration::WRITABLE != 0 || status >> TIMERS != 0 {
            return Err(SnapshotError::Invalid { part: PART, why: "bits set that do not exist" });
        }
        let [a, b, c] = timers;
        let timers = [Comparator::restored(a)?, Comparator::restored(b)?, Comparator::restored(c)?];
        self.config = Configuration::from_bits(config);
        (self.status, self.timers, self.counter) = (status, timers, counter);
        self.drive();
        Ok(())
    }
}
