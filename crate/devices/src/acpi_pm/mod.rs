//! The ACPI hardware of the PIIX4: fixed events, control, the power management timer, general purpose
//! events, and the APM ports.
//!
//! Source: 82371AB (PIIX4) data sheet, Intel order 290562, section 7.2; ACPI 1.0, section 4.7. This is
//! the chip alone: [`crate::piix::Piix4Power`] is its socket, a PCI function that gives it a place.
//!
//! For the writer of ACPI tables, who must say the same as the chip does:
//!
//! | field | value |
//! |---|---|
//! | PM base | [`SUGGESTED_PM_BASE`]; whoever stands in for firmware sets it with `Piix4Power::assign_pm_base` |
//! | PM1a_EVT_BLK, length 4 | base + [`EVENT_BLOCK`] |
//! | PM1a_CNT_BLK, length 2 | base + [`CONTROL_BLOCK`] |
//! | PM_TMR_BLK, length 4 | base + [`TIMER_BLOCK`]; TMR_VAL_EXT only with [`TimerWidth::Bits32`] |
//! | GPE0_BLK, length 4 | base + [`GPE0_BLOCK`] |
//! | SCI_INT | [`SCI_IRQ`], level, active high at the 8259A (PIIX4 fixes it to IRQ 9) |
//! | SMI_CMD | [`SMI_COMMAND_PORT`] |
//! | ACPI_ENABLE, ACPI_DISABLE | [`ApmCommand::ACPI_ENABLE`], [`ApmCommand::ACPI_DISABLE`] |
//! | \_S5 SLP_TYPa | [`S5_SLEEP_TYPE`] |
//!
//! What PC firmware for virtual machines leaves to the chip, the chip does: on the two APM commands it sets and clears SCI_EN
//! at once, besides whatever SMI its socket raises ([`crate::piix`]). Other sources of SMI# than APMC do not exist. Sleeps other
//! than soft off are not entered; the tables must not offer them.
//!
//! The timer needs no events: its value is a function of the clock, and its overflow status is brought
//! up to date before each look at it. Only when the overflow can raise the SCI is there a deadline.

mod spec;

pub use spec::{ApmCommand, PmControl, PmEvents, SleepType};

use bus::{Clock, IoError, IoResult, Line, Time, Width};
use serde::{Deserialize, Serialize};
use spec::{Dword, GlobalControl};

/// Where PC firmware of this chipset puts the block.
pub const SUGGESTED_PM_BASE: u16 = 0xB000;
/// Offset of PM1a status and enable in the block.
pub const EVENT_BLOCK: u16 = 0x00;
/// Offset of PM1a control.
pub const CONTROL_BLOCK: u16 = 0x04;
/// Offset of the timer.
pub const TIMER_BLOCK: u16 = 0x08;
/// Offset of GPE0 status and enable (two bytes each).
pub const GPE0_BLOCK: u16 = 0x0C;
/// Length of the block.
pub const PM_BLOCK_LEN: u64 = 64;
/// The interrupt that PIIX4 gives to the SCI.
pub const SCI_IRQ: u8 = 9;
/// The fixed port of APMC; APMS follows it.
pub const SMI_COMMAND_PORT: u16 = 0xB2;
/// SLP_TYP of soft off.
pub const S5_SLEEP_TYPE: u8 = SleepType::SOFT_OFF.0;
/// Frequency of the power management timer.
pub const PM_TIMER_HZ: u64 = 3_579_545;

/// Width of the timer's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerWidth {
    /// As PIIX4 has it.
    Bits24,
    /// As later chips have it; FADT's TMR_VAL_EXT says so.
    Bits32,
}

/// The power management registers.
#[derive(Debug)]
pub struct AcpiPm {
    // Glue.
    clock: Clock,
    sci: Line,
    power_off: Line,
    // Parts.
    width: TimerWidth,
    // State.
    regs: Registers,
}

/// What a guest can change, and what follows from it.
#[derive(Clone, Debug, Default)]
struct Registers {
    status: PmEvents,
    enable: PmEvents,
    control: PmControl,
    gpe_status: u16,
    gpe_enable: u16,
    processor: u32,
    global_status: u16,
    device_status: u32,
    global_enable: u16,
    global_control: u32,
    device_control: u32,
    outputs: u32,
    apm_control: u8,
    apm_status: u8,
    /// Changes of the timer's top bit that `status` has seen.
    halves_seen: u64,
}

impl AcpiPm {
    /// The block with its interrupt (`sci`, a level) and the wire that cuts the power (`power_off`, high
    /// from soft off to the next reset).
    #[must_use]
    pub fn new(clock: Clock, sci: Line, power_off: Line, width: TimerWidth) -> Self {
        let mut pm = Self { clock, sci, power_off, width, regs: Registers::default() };
        pm.reset();
        pm
    }

    /// Back to the state after power-on.
    pub fn reset(&mut self) {
        let Self { clock: _, sci: _, power_off, width: _, regs } = self;
        *regs = Registers::default();
        power_off.set(false);
        self.regs.halves_seen = self.halves();
        self.drive_sci();
    }

    /// Reads a register of the block.
    ///
    /// # Errors
    /// [`IoError`] where there is no register, or the access crosses a dword.
    pub fn read(&mut self, offset: u16, width: Width) -> IoResult<u32> {
        let shift = crate::pci::shift_in_dword(offset, width)?;
        self.catch_up();
        let regs = &self.regs;
        let dword = match Dword(offset & !3) {
            Dword::EVENTS => both(regs.status.into_bits(), regs.enable.into_bits()),
            Dword::CONTROL => u32::from(regs.control.into_bits()),
            Dword::TIMER => self.timer_value(),
            Dword::GENERAL_PURPOSE => both(regs.gpe_status, regs.gpe_enable),
            Dword::PROCESSOR => regs.processor,
            // Reading a level enters C2 or C3: this processor is awake again at once.
            Dword::LEVELS => 0,
            Dword::GLOBAL_STATUS => u32::from(regs.global_status),
            Dword::DEVICE_STATUS => regs.device_status,
            Dword::GLOBAL_ENABLE => u32::from(regs.global_enable),
            Dword::GLOBAL_CONTROL => regs.global_control,
            Dword::DEVICE_CONTROL => regs.device_control,
            Dword::INPUTS => 0,
            Dword::OUTPUTS => regs.outputs,
            _ => return Err(IoError::NoRegister),
        };
        Ok(dword >> shift & width.ones())
    }

    /// Writes a register of the block.
    ///
    /// # Errors
    /// [`IoError`] where there is no register, or the access crosses a dword.
    pub fn write(&mut self, offset: u16, width: Width, value: u32) -> IoResult<()> {
        let shift = crate::pci::shift_in_dword(offset, width)?;
        let (value, mask) = ((value & width.ones()) << shift, width.ones() << shift);
        let merge = |old: u32| old & !mask | value;
        let low = |dword: u32| dword as u16;
        let high = |dword: u32| (dword >> 16) as u16;
        self.catch_up();
        let regs = &mut self.regs;
        match Dword(offset & !3) {
            Dword::EVENTS => {
                regs.status = PmEvents::from_bits(regs.status.into_bits() & !low(value));
                let enable = high(merge(u32::from(regs.enable.into_bits()) << 16));
                regs.enable = PmEvents::from_bits(enable & PmEvents::ENABLES.into_bits());
            }
            Dword::CONTROL => {
                let written = PmControl::from_bits(low(merge(u32::from(regs.control.into_bits()))));
                regs.control = PmControl::new()
                    .with_sci_enable(written.sci_enable())
                    .with_bus_master_reload(written.bus_master_reload())
                    .with_sleep_type(written.sleep_type());
                if written.sleep_enable() && SleepType(written.sleep_type()) == SleepType::SOFT_OFF {
                    self.power_off.set(true);
                }
            }
            Dword::GENERAL_PURPOSE => {
                regs.gpe_status &= !low(value);
                regs.gpe_enable = high(merge(u32::from(regs.gpe_enable) << 16));
            }
            Dword::PROCESSOR => regs.processor = merge(regs.processor),
            Dword::GLOBAL_STATUS => regs.global_status &= !low(value),
            Dword::DEVICE_STATUS => regs.device_status &= !value,
            Dword::GLOBAL_ENABLE => regs.global_enable = low(merge(u32::from(regs.global_enable))),
            Dword::GLOBAL_CONTROL => regs.global_control = merge(regs.global_control),
            Dword::DEVICE_CONTROL => regs.device_control = merge(regs.device_control),
            Dword::OUTPUTS => regs.outputs = merge(regs.outputs),
            _ => return Err(IoError::NoRegister),
        }
        self.drive_sci();
        Ok(())
    }

    /// Reads APMC (offset 0) or APMS (1).
    ///
    /// # Errors
    /// [`IoError`] for anything but a byte at 0 or 1.
    pub fn read_apm(&self, offset: u16, width: Width) -> IoResult<u32> {
        match (offset, width) {
            (0, Width::Byte) => Ok(u32::from(self.regs.apm_control)),
            (1, Width::Byte) => Ok(u32::from(self.regs.apm_status)),
            (0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }

    /// Writes APMC, which is a command, or APMS.
    ///
    /// # Errors
    /// [`IoError`] for anything but a byte at 0 or 1.
    pub fn write_apm(&mut self, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (offset, width) {
            (0, Width::Byte) => {
                self.catch_up();
                self.regs.apm_control = value as u8;
                match ApmCommand(value as u8) {
                    ApmCommand::ACPI_ENABLE => self.regs.control.set_sci_enable(true),
                    ApmCommand::ACPI_DISABLE => self.regs.control.set_sci_enable(false),
                    _ => {}
                }
                self.drive_sci();
                Ok(())
            }
            (1, Width::Byte) => {
                self.regs.apm_status = value as u8;
                Ok(())
            }
            (0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }

    /// SMI_EN of GLBCTL: the chip may raise SMI#.
    #[must_use]
    pub fn smi_enabled(&self) -> bool {
        GlobalControl::from_bits(self.regs.global_control).smi_enable()
    }

    /// Someone pressed the power button. True if the guest has asked to be told; if not, nobody will
    /// act on it.
    pub fn press_power_button(&mut self) -> bool {
        self.catch_up();
        self.regs.status.set_power_button(true);
        self.drive_sci();
        self.regs.control.sci_enable() && self.regs.enable.power_button()
    }

    /// A general purpose event (bit 0 to 15 of GPE0).
    pub fn raise_gpe(&mut self, bit: u8) {
        self.catch_up();
        self.regs.gpe_status |= 1 << (bit & 15);
        self.drive_sci();
    }

    /// When the timer next raises the SCI.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let regs = &self.regs;
        let wanted =
            regs.control.sci_enable() && regs.enable.timer_overflow() && !regs.status.timer_overflow();
        wanted.then(|| Time::of_tick((regs.halves_seen + 1) << self.half_shift(), PM_TIMER_HZ))
    }

    /// Brings the overflow status up to date.
    pub fn fire(&mut self) {
        self.catch_up();
        self.drive_sci();
    }

    /// Ticks between two changes of the timer's top bit, as a power of two.
    fn half_shift(&self) -> u32 {
        match self.width {
            TimerWidth::Bits24 => 23,
            TimerWidth::Bits32 => 31,
        }
    }

    fn timer_value(&self) -> u32 {
        let ticks = self.clock.now().ticks(PM_TIMER_HZ) as u32;
        match self.width {
            TimerWidth::Bits24 => ticks & 0x00FF_FFFF,
            TimerWidth::Bits32 => ticks,
        }
    }

    fn halves(&self) -> u64 {
        self.clock.now().ticks(PM_TIMER_HZ) >> self.half_shift()
    }

    fn catch_up(&mut self) {
        self.regs = self.caught_up();
    }

    /// The registers as of now. Saving uses it too, so that a snapshot does not depend on when the chip
    /// was last looked at.
    fn caught_up(&self) -> Registers {
        let mut regs = self.regs.clone();
        let halves = self.halves();
        if halves > regs.halves_seen {
            regs.halves_seen = halves;
            regs.status.set_timer_overflow(true);
        }
        regs
    }

    fn drive_sci(&self) {
        let regs = &self.regs;
        let fixed = regs.status.into_bits() & regs.enable.into_bits();
        let general = regs.gpe_status & regs.gpe_enable;
        self.sci.set(regs.control.sci_enable() && fixed | general != 0);
    }

    /// The saved form.
    #[must_use]
    pub fn save(&self) -> AcpiPmV1 {
        let Registers {
            status,
            enable,
            control,
            gpe_status,
            gpe_enable,
            processor,
            global_status,
            device_status,
            global_enable,
            global_control,
            device_control,
            outputs,
            apm_control,
            apm_status,
            halves_seen,
        } = self.caught_up();
        AcpiPmV1 {
            status: status.into_bits(),
            enable: enable.into_bits(),
            control: control.into_bits(),
            gpe_status,
            gpe_enable,
            processor,
            global_status,
            device_status,
            global_enable,
            global_control,
            device_control,
            outputs,
            apm_control,
            apm_status,
            halves_seen,
            powered_off: self.power_off.level(),
        }
    }

    /// Whether `saved` is a state of this chip; [`Self::restore`] then takes it.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn check(&self, saved: &AcpiPmV1) -> Result<(), &'static str> {
        if saved.halves_seen >= u64::MAX >> (self.half_shift() + 1) {
            return Err("the timer has run for longer than time has");
        }
        Ok(())
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub fn restore(&mut self, saved: AcpiPmV1) {
        let AcpiPmV1 {
            status,
            enable,
            control,
            gpe_status,
            gpe_enable,
            processor,
            global_status,
            device_status,
            global_enable,
            global_control,
            device_control,
            outputs,
            apm_control,
            apm_status,
            halves_seen,
            powered_off,
        } = saved;
        self.regs = Registers {
            status: PmEvents::from_bits(status),
            enable: PmEvents::from_bits(enable),
            control: PmControl::from_bits(control),
            gpe_status,
            gpe_enable,
            processor,
            global_status,
            device_status,
            global_enable,
            global_control,
            device_control,
            outputs,
            apm_control,
            apm_status,
            halves_seen,
        };
        self.power_off.set(powered_off);
        self.drive_sci();
    }
}

/// Two registers of 16 bits in one dword.
fn both(low: u16, high: u16) -> u32 {
    u32::from(low) | u32::from(high) << 16
}

/// Saved [`AcpiPm`], a part of the function that holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcpiPmV1 {
    status: u16,
    enable: u16,
    control: u16,
    gpe_status: u16,
    gpe_enable: u16,
    processor: u32,
    global_status: u16,
    device_status: u32,
    global_enable: u16,
    global_control: u32,
    device_control: u32,
    outputs: u32,
    apm_control: u8,
    apm_status: u8,
    halves_seen: u64,
    powered_off: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus::{ClockControl, Lines};

    struct Bench {
        time: ClockControl,
        lines: Lines,
        pm: AcpiPm,
    }

    fn bench(width: TimerWidth) -> Bench {
        let (time, lines) = (ClockControl::new(), Lines::new());
        let pm = AcpiPm::new(time.clock(), lines.line(0), lines.line(1), width);
        Bench { time, lines, pm }
    }

    const ENABLE: u32 = ApmCommand::ACPI_ENABLE.0 as u32;

    #[test]
    fn the_timer_counts_its_oscillator() {
        let mut b = bench(TimerWidth::Bits24);
        b.time.advance_to(Time::of_tick(0x0123_4567, PM_TIMER_HZ));
        assert_eq!(b.pm.read(8, Width::Dword), Ok(0x0023_4567));
        assert_eq!(b.pm.read(9, Width::Byte), Ok(0x45));
        let mut b = bench(TimerWidth::Bits32);
        b.time.advance_to(Time::of_tick(0x0123_4567, PM_TIMER_HZ));
        assert_eq!(b.pm.read(8, Width::Dword), Ok(0x0123_4567));
    }

    #[test]
    fn overflow_raises_the_sci_at_its_deadline() {
        let mut b = bench(TimerWidth::Bits24);
        assert_eq!(b.pm.deadline(), None);
        b.pm.write_apm(0, Width::Byte, ENABLE).unwrap();
        b.pm.write(2, Width::Word, 1).unwrap();
        let due = b.pm.deadline().unwrap();
        assert_eq!(due, Time::of_tick(1 << 23, PM_TIMER_HZ));
        b.time.advance_to(Time(due.0 - 1));
        assert_eq!(b.pm.read(0, Width::Word), Ok(0));
        b.time.advance_to(due);
        b.pm.fire();
        assert_eq!(b.lines.levels(), 1);
        assert_eq!(b.pm.deadline(), None);
        b.pm.write(0, Width::Word, 1).unwrap();
        assert_eq!(b.lines.levels(), 0);
        assert_eq!(b.pm.deadline(), Some(Time::of_tick(2 << 23, PM_TIMER_HZ)));
    }

    #[test]
    fn acpi_is_switched_on_and_off_through_the_command_port() {
        let mut b = bench(TimerWidth::Bits24);
        b.pm.write_apm(0, Width::Byte, ENABLE).unwrap();
        assert_eq!(b.pm.read(4, Width::Word), Ok(1));
        b.pm.write_apm(1, Width::Byte, 0x5A).unwrap();
        assert_eq!(b.pm.read_apm(1, Width::Byte), Ok(0x5A));
        b.pm.write_apm(0, Width::Byte, u32::from(ApmCommand::ACPI_DISABLE.0)).unwrap();
        assert_eq!(b.pm.read(4, Width::Word), Ok(0));
    }

    #[test]
    fn the_power_button_reaches_a_guest_that_asked_for_it() {
        let mut b = bench(TimerWidth::Bits24);
        assert!(!b.pm.press_power_button());
        b.pm.write(0, Width::Word, 0x100).unwrap();
        b.pm.write_apm(0, Width::Byte, ENABLE).unwrap();
        b.pm.write(3, Width::Byte, 1).unwrap();
        assert!(b.pm.press_power_button());
        assert_eq!(b.lines.levels(), 1);
        assert_eq!(b.pm.read(0, Width::Dword), Ok(0x0100_0100));
        b.pm.write(1, Width::Byte, 1).unwrap();
        assert_eq!(b.lines.levels(), 0);
    }

    #[test]
    fn soft_off_needs_type_and_enable() {
        let mut b = bench(TimerWidth::Bits24);
        b.pm.write(
            4,
            Width::Word,
            u32::from(PmControl::new().with_sleep_type(5).with_sleep_enable(true).into_bits()),
        )
        .unwrap();
        assert_eq!(b.lines.levels(), 0);
        b.pm.write(4, Width::Word, u32::from(PmControl::new().with_sleep_type(S5_SLEEP_TYPE).into_bits()))
            .unwrap();
        assert_eq!(b.lines.levels(), 0);
        b.pm.write(5, Width::Byte, 0x20).unwrap();
        assert_eq!(b.lines.levels(), 2);
        b.pm.reset();
        assert_eq!(b.lines.levels(), 0);
    }

    #[test]
    fn general_events_share_the_sci() {
        let mut b = bench(TimerWidth::Bits24);
        b.pm.write_apm(0, Width::Byte, ENABLE).unwrap();
        b.pm.write(0x0E, Width::Word, 1 << 4).unwrap();
        b.pm.raise_gpe(3);
        assert_eq!(b.lines.levels(), 0);
        b.pm.raise_gpe(4);
        assert_eq!(b.lines.levels(), 1);
        b.pm.write(0x0C, Width::Word, 1 << 4).unwrap();
        assert_eq!(b.lines.levels(), 0);
        assert_eq!(b.pm.read(0x0C, Width::Word), Ok(1 << 3));
    }

    #[test]
    fn saving_does_not_depend_on_the_last_look() {
        let (mut looked, not) = (bench(TimerWidth::Bits24), bench(TimerWidth::Bits24));
        for b in [&looked, &not] {
            b.time.advance_to(Time(5_000_000_000));
        }
        looked.pm.read(0, Width::Word).unwrap();
        assert_eq!(bus::encode(&looked.pm.save()), bus::encode(&not.pm.save()));
    }
}
