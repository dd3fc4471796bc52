//! A channel: a cable with up to two drives, which share their registers' addresses and one interrupt.
//!
//! Both drives take every write to the command block; the one that is selected takes the command and answers reads. Where
//! only device 0 is there, it answers for device 1 too, with a status of zero (ATA/ATAPI-6, section 9.16). Where the
//! selected device is missing otherwise, nobody drives the data wires: they float high but for DD7, which the host
//! pulls down so that BSY reads as zero.

use super::bus_master::{BusMasterChannel, BusMasterChannelV1};
use super::drive::{Drive, DriveV1};
use super::front::Phase;
use super::spec::{Command, DeviceControl, DeviceHead, Register, Status};
use bus::{Dma, IoError, IoResult, Line, Time, Width};
use serde::{Deserialize, Serialize};

/// Wires that nobody drives.
const FLOATING: u8 = 0x7F;

#[derive(Debug)]
pub(super) struct Channel {
    // Glue.
    irq: Line,
    // Parts.
    drives: [Option<Drive>; 2],
    pub(super) bus_master: BusMasterChannel,
    // State.
    control: DeviceControl,
    /// Device 1 is selected.
    second: bool,
}

impl Channel {
    pub(super) fn new(irq: Line, drives: [Option<Drive>; 2]) -> Self {
        Self {
            irq,
            drives,
            bus_master: BusMasterChannel::default(),
            control: DeviceControl::new(),
            second: false,
        }
    }

    /// The drives there are.
    pub(super) fn drives(&mut self) -> impl Iterator<Item = &mut Drive> {
        self.drives.iter_mut().flatten()
    }

    pub(super) fn reset(&mut self) {
        let Self { irq, drives, bus_master, control, second } = self;
        for drive in drives.iter_mut().flatten() {
            drive.reset(true);
        }
        bus_master.reset();
        *control = DeviceControl::new();
        *second = false;
        irq.set(false);
    }

    pub(super) fn drive_mut(&mut self, second: bool) -> Option<&mut Drive> {
        let [first, last] = &mut self.drives;
        if second { last.as_mut() } else { first.as_mut() }
    }

    pub(super) fn drive(&self, second: bool) -> Option<&Drive> {
        let [first, last] = &self.drives;
        if second { last.as_ref() } else { first.as_ref() }
    }

    // ---- accesses ----

    /// The Status register, or the Alternate Status register.
    fn status(&self) -> u8 {
        match (self.drive(self.second), self.drive(false)) {
            (None, None) => FLOATING,
            (None, Some(_)) => 0,
            (Some(_), _) if self.control.srst() => Status::new().with_bsy(true).into_bits(),
            (Some(drive), _) => drive.front.status().into_bits(),
        }
    }

    pub(super) fn read(&mut self, offset: u16, width: Width) -> IoResult<u32> {
        let register = Register(offset);
        match (register, width) {
            (Register::DATA, _) => {
                let Some(drive) = self.drive_mut(self.second) else {
                    return Ok(u32::from_le_bytes([FLOATING, 0xFF, FLOATING, 0xFF]) & width.ones());
                };
                let value = drive.read_data(width);
                self.update_irq();
                Ok(value)
            }
            (Register(0..=7), Width::Byte) => Ok(self.read_register(register).into()),
            (Register(0..=7), _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }

    fn read_register(&mut self, register: Register) -> u8 {
        if register == Register::STATUS_COMMAND {
            let status = self.status();
            if let Some(drive) = self.drive_mut(self.second) {
                drive.front.clear_interrupt();
            }
            self.update_irq();
            return status;
        }
        let hob = self.control.hob();
        // Device 0 answers for a device 1 that is not there.
        let drive = self.drive(self.second).or(self.drive(false));
        drive.map_or(FLOATING, |drive| drive.front.read(register, hob))
    }

    pub(super) fn write(&mut self, offset: u16, width: Width, value: u32) -> IoResult<()> {
        let register = Register(offset);
        match (register, width) {
            (Register::DATA, _) => {
                if let Some(drive) = self.drive_mut(self.second) {
                    drive.write_data(width, value);
                }
            }
            (Register(0..=7), Width::Byte) => self.write_register(register, value as u8),
            (Register(0..=7), _) => return Err(IoError::BadWidth),
            _ => return Err(IoError::NoRegister),
        }
        self.update_irq();
        Ok(())
    }

    fn write_register(&mut self, register: Register, value: u8) {
        self.control.set_hob(false);
        if self.control.srst() {
            return;
        }
        if register == Register::STATUS_COMMAND {
            return self.command(Command(value));
        }
        // While a command is at work, the registers are the drive's.
        if self.drive(self.second).is_some_and(|drive| drive.front.phase() != Phase::Idle) {
            return;
        }
        for drive in self.drives.iter_mut().flatten() {
            drive.front.write(register, value);
        }
        if register == Register::DEVICE {
            self.second = DeviceHead::from_bits(value).dev();
        }
    }

    fn command(&mut self, command: Command) {
        if command != Command::EXECUTE_DEVICE_DIAGNOSTIC {
            if let Some(drive) = self.drive_mut(self.second) {
                drive.command(command);
            }
            return;
        }
        // Both devices do it, whichever is selected, and device 0 tells (section 9.10).
        if self.drive(self.second).is_some_and(|drive| drive.front.phase() != Phase::Idle) {
            return;
        }
        self.reset_drives();
        if let Some(drive) = self.drive_mut(false) {
            drive.front.raise_interrupt();
        }
    }

    fn reset_drives(&mut self) {
        for drive in self.drives.iter_mut().flatten() {
            drive.reset(false);
        }
        self.second = false;
    }

    /// Reads the Alternate Status register, which acknowledges nothing.
    pub(super) fn read_control(&self, width: Width) -> IoResult<u32> {
        if width == Width::Byte { Ok(self.status().into()) } else { Err(IoError::BadWidth) }
    }

    /// Writes the Device Control register.
    pub(super) fn write_control(&mut self, width: Width, value: u32) -> IoResult<()> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        let written = DeviceControl::from_bits(value as u8);
        let was_reset = self.control.srst();
        self.control =
            DeviceControl::new().with_nien(written.nien()).with_srst(written.srst()).with_hob(written.hob());
        // The drives stand still as long as the bit is set; what they were doing is over at once.
        if written.srst() && !was_reset {
            self.reset_drives();
        }
        self.update_irq();
        Ok(())
    }

    // ---- interrupt ----

    fn level(&self) -> bool {
        let pending = self.drive(self.second).is_some_and(|drive| drive.front.interrupt());
        pending && !self.control.nien() && !self.control.srst()
    }

    fn update_irq(&mut self) {
        let level = self.level();
        if level && !self.irq.level() {
            self.bus_master.interrupt();
        }
        self.irq.set(level);
    }

    // ---- time and memory ----

    pub(super) fn deadline(&self) -> Option<Time> {
        self.drives.iter().flatten().filter_map(|drive| drive.front.medium.deadline()).min()
    }

    pub(super) fn waits(&self) -> bool {
        self.drives.iter().flatten().any(|drive| drive.front.medium.waits())
    }

    pub(super) fn advance(&mut self, now: Time) {
        for drive in self.drives.iter_mut().flatten() {
            drive.advance(now);
        }
        self.update_irq();
    }

    pub(super) fn wants_bus(&self) -> bool {
        self.drive(self.second).is_some_and(|drive| self.bus_master.ready(drive))
    }

    pub(super) fn master(&mut self, ram: &mut dyn Dma) {
        let [first, last] = &mut self.drives;
        if let Some(drive) = if self.second { last } else { first } {
            self.bus_master.run(drive, ram);
        }
        self.update_irq();
    }
}

// Snapshot.

/// Saved [`Channel`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ChannelV1 {
    drives: [Option<DriveV1>; 2],
    bus_master: BusMasterChannelV1,
    control: u8,
    second: bool,
}

impl Channel {
    pub(super) fn save(&self) -> ChannelV1 {
        let Self { irq: _, drives, bus_master, control, second } = self;
        let [first, last] = drives;
        ChannelV1 {
            drives: [first, last].map(|drive| drive.as_ref().map(Drive::save)),
            bus_master: bus_master.save(),
            control: control.into_bits(),
            second: *second,
        }
    }

    pub(super) fn check(&self, saved: &ChannelV1) -> Result<(), &'static str> {
        for pair in self.drives.iter().zip(&saved.drives) {
            match pair {
                (Some(drive), Some(saved)) => drive.check(saved)?,
                (None, None) => {}
                _ => return Err("other drives"),
            }
        }
        Ok(())
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub(super) fn restore(&mut self, saved: ChannelV1) {
        let ChannelV1 { drives, bus_master, control, second } = saved;
        for (drive, saved) in self.drives.iter_mut().flatten().zip(drives.into_iter().flatten()) {
            drive.restore(saved);
        }
        self.bus_master.restore(bus_master);
        self.control = DeviceControl::from_bits(control & 0x86);
        self.second = second;
        self.irq.set(self.level());
    }
}
