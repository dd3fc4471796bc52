//! Real-time clock and CMOS RAM: MC146818A, as the 82371AB (PIIX4) has it.
//!
//! Motorola MC146818A data sheet, sections named below; the index port as in the 82371AB data
//! sheet (290562), RTCI: bit 7 of the index masks NMI.
//!
//! Nothing ticks. The registers hold the time of the last update cycle that was looked at; the next one's
//! time is known, and `Rtc::advance` makes up for all that have passed, be it seconds or years. The
//! interrupt flags follow in the same way, so that they are right also when nobody asked for an
//! interrupt. Time is held as the guest wrote it, in BCD or binary, 12 or 24 hours: changing the format
//! does not convert it, as in the chip.
//!
//! Beyond the chip: the century at 32h follows the year, as PC firmware expects (in the format of the
//! others). The chip keeps time through a hard reset; its RAM is the board's to fill ([`Rtc::set_cmos`]).
//!
//! Not here: daylight saving (the DSE bit is kept and ignored, as in the PIIX4), the square wave output,
//! other crystals than 32.768 kHz.

use bitfield_struct::bitfield;
use bus::{Clock, Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Time};
use bus::{Timer, Width};
use open_enum::open_enum;
use serde::{Deserialize, Serialize};

// Registers.

/// "Address map"; everything else is RAM.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Register {
    SECONDS = 0x00,
    SECONDS_ALARM = 0x01,
    MINUTES = 0x02,
    MINUTES_ALARM = 0x03,
    HOURS = 0x04,
    HOURS_ALARM = 0x05,
    DAY_OF_WEEK = 0x06,
    DAY_OF_MONTH = 0x07,
    MONTH = 0x08,
    YEAR = 0x09,
    A = 0x0A,
    B = 0x0B,
    C = 0x0C,
    D = 0x0D,
    CENTURY = 0x32,
}

/// "Register A".
#[bitfield(u8)]
struct RegisterA {
    /// Rate of the periodic interrupt.
    #[bits(4)]
    rs: u8,
    /// Divider control: 010 is the PC's crystal, 11x holds the divider in reset.
    #[bits(3)]
    dv: u8,
    /// An update is in progress or near. Not kept: it follows from the time.
    uip: bool,
}

/// "Register B".
#[bitfield(u8)]
struct RegisterB {
    /// Daylight saving.
    dse: bool,
    /// 24 hours.
    hours_24: bool,
    /// Binary.
    dm: bool,
    /// Square wave.
    sqwe: bool,
    /// Update-ended interrupt enable.
    uie: bool,
    /// Alarm interrupt enable.
    aie: bool,
    /// Periodic interrupt enable.
    pie: bool,
    /// The guest sets the time: no updates.
    set: bool,
}

/// "Register C".
#[bitfield(u8)]
struct RegisterC {
    #[bits(4)]
    __: u8,
    uf: bool,
    af: bool,
    pf: bool,
    /// Any flag whose interrupt is enabled. Not kept.
    irqf: bool,
}

/// "Register D": RAM and time are valid.
const VALID: u8 = 0x80;

/// The index port.
#[bitfield(u8)]
struct Index {
    #[bits(7)]
    address: u8,
    nmi_mask: bool,
}

/// Bytes of time, registers and RAM together.
const CMOS: usize = 128;
/// The crystal.
const CRYSTAL_HZ: u64 = 32_768;
const SECOND: u64 = 1_000_000_000;
/// An update cycle ends half a second after the divider is released ("Divider control").
const FIRST_UPDATE: u64 = SECOND / 2;
/// "Update cycle": UIP is set 244 µs before the cycle, which takes 1984 µs.
const UPDATE_IN_PROGRESS: u64 = (244 + 1984) * 1000;
/// Bits 6 and 7 set in an alarm byte: "don't care".
const DONT_CARE: u8 = 0xC0;
/// The hour's PM bit.
const PM: u8 = 0x80;
const SECONDS_IN_DAY: u64 = 86_400;

/// Days since 1 January 1970 of a day of the Gregorian calendar.
fn days_of(year: u64, month: u64, day: u64) -> u64 {
    // Years begin in March here, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    days.saturating_sub(719_469)
}

/// Year, month and day of a count of days since 1 January 1970.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (year * 365 + year / 4 - year / 100);
    let month = (of_year * 5 + 2) / 153;
    let day = of_year - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// The regions, in the order of [`Device::regions`].
const REGIONS: [Region; 2] = [Region { name: "index", len: 1 }, Region { name: "data", len: 1 }];

/// The clock and its RAM.
#[derive(Debug)]
pub struct Rtc {
    // Glue.
    irq: Line,
    clock: Clock,
    // Registers and RAM.
    index: Index,
    cmos: [u8; CMOS],
    flags: RegisterC,
    // Time.
    /// When the divider chain was released.
    divider_start: Time,
    /// When the next update cycle ends.
    next_update: Time,
    /// Up to when the flags are right.
    at: Time,
}

impl Rtc {
    /// A clock that interrupts by `irq` and shows `seconds` since 1 January 1970 UTC at power-on, in BCD and
    /// 24 hours.
    #[must_use]
    pub fn new(irq: Line, clock: Clock, seconds: u64) -> Self {
        let now = clock.now();
        let mut rtc = Self {
            irq,
            clock,
            index: Index::new(),
            cmos: [0; CMOS],
            flags: RegisterC::new(),
            divider_start: now,
            next_update: now.after(SECOND),
            at: now,
        };
        // The usual rate, 1024 Hz, and the PC's crystal.
        rtc.put(Register::A, RegisterA::new().with_rs(6).with_dv(2).into_bits());
        rtc.put(Register::B, RegisterB::new().with_hours_24(true).into_bits());
        let day = seconds / SECONDS_IN_DAY;
        rtc.put(Register::DAY_OF_WEEK, ((day + 4) % 7 + 1) as u8); // 1 January 1970 was a Thursday, 5
        rtc.put_time(seconds);
        rtc
    }

    /// Fills a byte of RAM. The clock's own registers are left alone.
    pub fn set_cmos(&mut self, index: u8, value: u8) {
        if index > Register::D.0
            && let Some(byte) = self.cmos.get_mut(usize::from(index))
        {
            *byte = value;
        }
    }

    /// A byte of RAM or a register as it was last kept.
    #[must_use]
    pub fn cmos(&self, index: u8) -> u8 {
        self.cmos.get(usize::from(index)).copied().unwrap_or(0xFF)
    }

    /// The guest has masked NMI.
    #[must_use]
    pub const fn nmi_masked(&self) -> bool {
        self.index.nmi_mask()
    }

    fn get(&self, register: Register) -> u8 {
        self.cmos(register.0)
    }

    fn put(&mut self, register: Register, value: u8) {
        if let Some(byte) = self.cmos.get_mut(usize::from(register.0)) {
            *byte = value;
        }
    }

    fn a(&self) -> RegisterA {
        RegisterA::from_bits(self.get(Register::A))
    }

    fn b(&self) -> RegisterB {
        RegisterB::from_bits(self.get(Register::B))
    }

    /// A register's number, in the format of register B.
    fn decode(&self, raw: u8) -> u64 {
        if self.b().dm() { raw.into() } else { u64::from(raw >> 4) * 10 + u64::from(raw & 15) }
    }

    fn encode(&self, value: u64) -> u8 {
        let value = (value % 100) as u8;
        if self.b().dm() { value } else { (value / 10 * 16) | (value % 10) }
    }

    /// Hour 0 to 23 of an hours register.
    fn decode_hour(&self, raw: u8) -> u64 {
        if self.b().hours_24() {
            return self.decode(raw);
        }
        self.decode(raw & !PM) % 12 + if raw & PM != 0 { 12 } else { 0 }
    }

    fn encode_hour(&self, hour: u64) -> u8 {
        if self.b().hours_24() {
            return self.encode(hour);
        }
        let raw = self.encode((hour + 11) % 12 + 1);
        if hour >= 12 { raw | PM } else { raw }
    }

    /// The registers' time as seconds since 1970. Fields out of range count as the nearest in range.
    fn time(&self) -> u64 {
        let field = |register, least: u64, most: u64| self.decode(self.get(register)).clamp(least, most);
        let year = field(Register::CENTURY, 19, 99) * 100 + field(Register::YEAR, 0, 99);
        let days = days_of(year, field(Register::MONTH, 1, 12), field(Register::DAY_OF_MONTH, 1, 31));
        let hour = self.decode_hour(self.get(Register::HOURS)).min(23);
        days * SECONDS_IN_DAY
            + hour * 3600
            + field(Register::MINUTES, 0, 59) * 60
            + field(Register::SECONDS, 0, 59)
    }

    fn put_time(&mut self, seconds: u64) {
        let (year, month, day) = date_of(seconds / SECONDS_IN_DAY);
        let of_day = seconds % SECONDS_IN_DAY;
        let fields = [
            (Register::SECONDS, of_day % 60),
            (Register::MINUTES, of_day / 60 % 60),
            (Register::DAY_OF_MONTH, day),
            (Register::MONTH, month),
            (Register::YEAR, year % 100),
            (Register::CENTURY, year / 100),
        ];
        for (register, value) in fields {
            self.put(register, self.encode(value));
        }
        self.put(Register::HOURS, self.encode_hour(of_day / 3600));
    }

    /// Seconds from the registers' time to the next that the alarm matches, at least 1; `None` if never.
    fn alarm_in(&self) -> Option<u64> {
        let (second, minute, hour) = (
            self.get(Register::SECONDS_ALARM),
            self.get(Register::MINUTES_ALARM),
            self.get(Register::HOURS_ALARM),
        );
        let matches = |raw: u8, wanted: u64, now: u64| raw & DONT_CARE == DONT_CARE || wanted == now;
        let (s, m, h) = (self.decode(second), self.decode(minute), self.decode_hour(hour));
        let now = self.time() % SECONDS_IN_DAY;
        let mut time = now + 1;
        // Skip to the next hour, minute or second that could match; a day and an hour hold every case.
        while time <= now + SECONDS_IN_DAY {
            if !matches(hour, h, time / 3600 % 24) {
                time = (time / 3600 + 1) * 3600;
            } else if !matches(minute, m, time / 60 % 60) {
                time = (time / 60 + 1) * 60;
            } else if !matches(second, s, time % 60) {
                time += 1;
            } else {
                return Some(time - now);
            }
        }
        None
    }

    /// The divider chain runs.
    fn running(&self) -> bool {
        self.a().dv() < 6
    }

    /// Updates change the time.
    fn updating(&self) -> bool {
        self.running() && !self.b().set()
    }

    /// Crystal periods between periodic interrupts ("Periodic interrupt rate", 32.768 kHz column).
    fn period(&self) -> Option<u64> {
        match self.a().rs() {
            _ if !self.running() => None,
            0 => None,
            rs @ 1..=2 => Some(1 << (rs + 6)),
            rs => Some(1 << (rs - 1)),
        }
    }

    /// Whole periodic interrupt periods from the divider's start to `time`.
    fn periods(&self, period: u64, time: Time) -> u64 {
        Time(time.since(self.divider_start)).ticks(CRYSTAL_HZ) / period
    }

    /// Makes up for all that happened until now.
    fn advance(&mut self) {
        let now = self.clock.now();
        if let Some(period) = self.period()
            && self.periods(period, now) > self.periods(period, self.at)
        {
            self.flags.set_pf(true);
        }
        self.at = now;
        if self.running() && now >= self.next_update {
            let seconds = now.since(self.next_update) / SECOND + 1;
            self.next_update = self.next_update.after(seconds.saturating_mul(SECOND));
            if self.updating() {
                self.update(seconds);
            }
        }
        self.update_irq();
    }

    /// That many update cycles.
    fn update(&mut self, seconds: u64) {
        if self.alarm_in().is_some_and(|alarm| alarm <= seconds) {
            self.flags.set_af(true);
        }
        self.flags.set_uf(true);
        let old = self.time();
        let new = old.saturating_add(seconds);
        let days = new / SECONDS_IN_DAY - old / SECONDS_IN_DAY;
        let weekday = self.decode(self.get(Register::DAY_OF_WEEK)).clamp(1, 7);
        let weekday = self.encode((weekday - 1 + days) % 7 + 1);
        self.put(Register::DAY_OF_WEEK, weekday);
        self.put_time(new);
    }

    fn interrupting(&self) -> bool {
        let (b, c) = (self.b(), self.flags);
        b.pie() && c.pf() || b.aie() && c.af() || b.uie() && c.uf()
    }

    fn update_irq(&mut self) {
        self.irq.set(self.interrupting());
    }

    fn update_in_progress(&self) -> bool {
        self.updating() && self.next_update.since(self.clock.now()) <= UPDATE_IN_PROGRESS
    }

    fn read_data(&mut self) -> u8 {
        let register = Register(self.index.address());
        match register {
            Register::A => self.a().with_uip(self.update_in_progress()).into_bits(),
            Register::C => {
                let c = self.flags.with_irqf(self.interrupting());
                self.flags = RegisterC::new();
                c.into_bits()
            }
            Register::D => VALID,
            _ => self.get(register),
        }
    }

    fn write_data(&mut self, value: u8) {
        let register = Register(self.index.address());
        match register {
            Register::A => {
                let was_running = self.running();
                self.put(register, RegisterA::from_bits(value).with_uip(false).into_bits());
                if self.running() && !was_running {
                    let now = self.clock.now();
                    self.divider_start = now;
                    self.next_update = now.after(FIRST_UPDATE);
                }
            }
            Register::B => {
                let b = RegisterB::from_bits(value);
                // "SET": a one also clears UIE.
                let b = if b.set() { b.with_uie(false) } else { b };
                self.put(register, b.into_bits());
            }
            Register::C | Register::D => {} // read only
            _ => self.put(register, value),
        }
    }
}

impl Device for Rtc {
    fn reset(&mut self) {
        self.advance();
        // "RESET" clears enables and flags; time, calendar and RAM go on.
        let Self { irq: _, clock: _, index, cmos: _, flags, divider_start: _, next_update: _, at: _ } = self;
        *index = Index::new();
        *flags = RegisterC::new();
        let b = self.b().with_pie(false).with_aie(false).with_uie(false).with_sqwe(false);
        self.put(Register::B, b.into_bits());
        self.update_irq();
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

impl PortIo for Rtc {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match (region, offset) {
            (0 | 1, 0) if width != Width::Byte => Err(IoError::BadWidth),
            (1, 0) => {
                self.advance();
                let value = self.read_data();
                self.update_irq();
                Ok(value.into())
            }
            _ => Err(IoError::NoRegister), // the index cannot be read
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (region, offset) {
            (0 | 1, 0) if width != Width::Byte => Err(IoError::BadWidth),
            (0, 0) => {
                self.index = Index::from_bits(value as u8);
                Ok(())
            }
            (1, 0) => {
                self.advance();
                self.write_data(value as u8);
                self.update_irq();
                Ok(())
            }
            _ => Err(IoError::NoRegister),
        }
    }
}

impl Timer for Rtc {
    fn deadline(&self) -> Option<Time> {
        // While the wire is high, nothing that happens can be seen before register C is read.
        if self.interrupting() {
            return None;
        }
        let b = self.b();
        let periodic = self.period().filter(|_| b.pie()).map(|period| {
            let tick = (self.periods(period, self.at) + 1) * period;
            self.divider_start.after(Time::of_tick(tick, CRYSTAL_HZ).0)
        });
        let update = (self.updating() && b.uie()).then_some(self.next_update);
        let alarm = if self.updating() && b.aie() { self.alarm_in() } else { None };
        let alarm = alarm.map(|seconds| self.next_update.after((seconds - 1).saturating_mul(SECOND)));
        [periodic, update, alarm].into_iter().flatten().min()
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct RtcV1 {
    index: u8,
    cmos: Vec<u8>,
    flags: u8,
    divider_start: u64,
    next_update: u64,
    at: u64,
}

const PART: &str = "rtc";

impl Snapshot for Rtc {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { irq: _, clock: _, index, cmos, flags, divider_start, next_update, at } = self;
        bus::encode(&RtcV1 {
            index: index.into_bits(),
            cmos: cmos.to_vec(),
            flags: flags.into_bits(),
            divider_start: divider_start.0,
            next_update: next_update.0,
            at: at.0,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let RtcV1 { index, cmos, flags, divider_start, next_update, at } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        let Ok(cmos) = <[u8; CMOS]>::try_from(cmos) else { return invalid("not 128 bytes of RAM") };
        if RegisterC::from_bits(flags).irqf() || flags & 0x0F != 0 {
            return invalid("flags set that do not exist");
        }
        if divider_start > at {
            return invalid("a divider started in the future");
        }
        self.index = Index::from_bits(index);
        self.cmos = cmos;
        self.flags = RegisterC::from_bits(flags);
        self.divider_start = Time(divider_start);
        self.next_update = Time(next_update);
        self.at = Time(at);
        self.update_irq();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};

    /// Thursday, 29 February 2024, 23:59:58 UTC.
    const LEAP_DAY: u64 = 1_709_251_198;
    const MS: u64 = 1_000_000;

    fn bench(seconds: u64) -> Bench<Rtc> {
        Bench::new(move |control, lines| Rtc::new(lines.line(0), control.clock(), seconds))
    }

    fn get(bench: &mut Bench<Rtc>, register: u8) -> u8 {
        bench.write(0, 0, register);
        bench.read(1, 0)
    }

    fn put(bench: &mut Bench<Rtc>, register: u8, value: u8) {
        bench.write(0, 0, register);
        bench.write(1, 0, value);
    }

    fn shown(bench: &mut Bench<Rtc>) -> Vec<u8> {
        [0x32, 9, 8, 7, 6, 4, 2, 0].map(|register| get(bench, register)).to_vec()
    }

    #[test]
    fn the_calendar_is_right_for_centuries() {
        let mut day = 0;
        for year in 1970..2500u64 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (month, days) in
                [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].iter().enumerate()
            {
                for of_month in 1..=*days {
                    let date = (year, month as u64 + 1, of_month);
                    assert_eq!(date_of(day), date);
                    assert_eq!(days_of(date.0, date.1, date.2), day);
                    day += 1;
                }
            }
        }
    }

    #[test]
    fn time_starts_as_given_and_goes_on() {
        let mut bench = bench(LEAP_DAY);
        assert_eq!(shown(&mut bench), [0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58]);
        bench.run(2 * SECOND);
        assert_eq!(shown(&mut bench), [0x20, 0x24, 0x03, 0x01, 6, 0, 0, 0]);
        bench.run(306 * SECONDS_IN_DAY * SECOND);
        assert_eq!(shown(&mut bench), [0x20, 0x25, 0x01, 0x01, 4, 0, 0, 0]);
        assert_eq!(get(&mut bench, 0x0D), 0x80);
    }

    #[test]
    fn binary_and_twelve_hours() {
        let mut bench = bench(LEAP_DAY);
        put(&mut bench, 0x0B, 0x84);
        for (register, value) in [(4, 11), (2, 59), (0, 59)] {
            put(&mut bench, register, value);
        }
        bench.run(10 * SECOND);
        assert_eq!(get(&mut bench, 0), 59, "SET holds the time");
        put(&mut bench, 0x0B, 0x04);
        bench.run(SECOND);
        assert_eq!((get(&mut bench, 4), get(&mut bench, 2), get(&mut bench, 0)), (0x8C, 0, 0));
        bench.run(3600 * SECOND);
        assert_eq!(get(&mut bench, 4), 0x81);
        bench.run(11 * 3600 * SECOND);
        assert_eq!(get(&mut bench, 4), 12);
    }

    #[test]
    fn uip_announces_each_update() {
        let mut bench = bench(LEAP_DAY);
        bench.run(SECOND - 2229 * 1000);
        assert_eq!(get(&mut bench, 0x0A), 0x26);
        bench.run(2000);
        assert_eq!(get(&mut bench, 0x0A), 0xA6);
        assert_eq!(get(&mut bench, 0), 0x58);
        bench.run(2227 * 1000);
        assert_eq!((get(&mut bench, 0x0A), get(&mut bench, 0)), (0x26, 0x59));
    }

    #[test]
    fn releasing_the_divider_gives_half_a_second() {
        let mut bench = bench(LEAP_DAY);
        put(&mut bench, 0x0A, 0x76);
        bench.run(5 * SECOND);
        assert_eq!(get(&mut bench, 0), 0x58);
        put(&mut bench, 0x0A, 0x26);
        bench.run(499 * MS);
        assert_eq!(get(&mut bench, 0), 0x58);
        bench.run(2 * MS);
        assert_eq!(get(&mut bench, 0), 0x59);
    }

    #[test]
    fn periodic_interrupts_come_at_their_rate_and_wait_for_register_c() {
        let mut bench = bench(LEAP_DAY);
        put(&mut bench, 0x0B, 0x42);
        assert_eq!(bench.run(SECOND), 1);
        assert_eq!(get(&mut bench, 0x0C), 0xD0);
        assert_eq!(get(&mut bench, 0x0C), 0);
        assert_eq!(bench.lines.levels(), 0);
        let mut count = 0;
        for _ in 0..1000 {
            count += bench.run(MS);
            get(&mut bench, 0x0C);
        }
        assert!((990..=1000).contains(&count), "{count}: 1024 Hz, asked 1000 times");
        put(&mut bench, 0x0A, 0x2F);
        let mut count = 0;
        for _ in 0..1000 {
            count += bench.run(10 * MS);
            get(&mut bench, 0x0C);
        }
        assert_eq!(count, 20);
    }

    #[test]
    fn update_interrupts_come_once_a_second() {
        let mut bench = bench(LEAP_DAY);
        put(&mut bench, 0x0B, 0x12);
        for _ in 0..3 {
            assert_eq!(bench.run(SECOND), 1);
            assert_eq!(get(&mut bench, 0x0C) & 0x90, 0x90);
        }
    }

    #[test]
    fn the_alarm_rings_at_its_time_with_wildcards() {
        let mut bench = bench(LEAP_DAY);
        for (register, value) in [(1, 0x05), (3, 0xC0), (5, 0xFF), (0x0B, 0x22)] {
            put(&mut bench, register, value);
        }
        assert_eq!(bench.run(6 * SECOND), 0);
        assert_eq!(bench.run(SECOND), 1);
        assert_eq!(get(&mut bench, 0x0C) & 0xA0, 0xA0);
        assert_eq!(bench.run(59 * SECOND), 0);
        assert_eq!(bench.run(SECOND), 1);
        get(&mut bench, 0x0C);
        for (register, value) in [(3, 0x30), (5, 0x06)] {
            put(&mut bench, register, value);
        }
        assert_eq!(bench.run(6 * 3600 * SECOND), 0);
        assert_eq!(bench.run(3600 * SECOND), 1);
        put(&mut bench, 5, 0x33);
        get(&mut bench, 0x0C);
        assert_eq!(bench.device.deadline(), None, "no such hour");
    }

    #[test]
    fn ram_is_kept_and_reset_leaves_time_alone() {
        let mut bench = bench(LEAP_DAY);
        bench.device.set_cmos(0x15, 0x80);
        bench.device.set_cmos(0x0B, 0xFF);
        bench.device.set_cmos(0xF0, 1);
        put(&mut bench, 0x7F, 0x5A);
        bench.write(0, 0, 0x8F);
        assert!(bench.device.nmi_masked());
        put(&mut bench, 0x0B, 0x72);
        bench.run(2 * SECOND);
        assert_eq!(bench.lines.levels(), 1);
        bench.device.reset();
        assert_eq!(bench.lines.levels(), 0);
        assert_eq!((get(&mut bench, 0x15), get(&mut bench, 0x7F)), (0x80, 0x5A));
        assert_eq!((get(&mut bench, 0x0B), get(&mut bench, 7)), (0x02, 0x01));
    }

    #[test]
    fn survives_anything() {
        shake(
            |control, lines| Rtc::new(lines.line(0), control.clock(), LEAP_DAY),
            |rtc, random| {
                let what = random.next_u64();
                rtc.set_cmos(what as u8, (what >> 8) as u8);
            },
        );
    }
}
