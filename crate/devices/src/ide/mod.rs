//! IDE: function 1 of the 82371AB (PIIX4), with disks and CD-ROM drives.
//!
//! Sources: 82371AB data sheet (Intel order 290562), section 5, for the function and its bus master; ATA/ATAPI-6 (T13/1410D)
//! for the channels and the drives; MMC-2 (NCITS 333) for what a packet says.
//!
//! | File | What |
//! |---|---|
//! | `mod.rs` | the PCI function: decoding, timing registers, saved state |
//! | `channel.rs` | a cable: selection, device control, the interrupt |
//! | `bus_master.rs` | a channel's bus master and its descriptor tables |
//! | `drive.rs`, `front.rs` | what drives have in common: registers, phases, the buffer |
//! | `disk.rs`, `cdrom/` | the two kinds of drives |
//! | `medium.rs` | requests to the host |
//!
//! **Time.** A command that needs its medium asks the host at once, and its answer is due after a time that depends on its
//! length alone (`Latency`). Until then BSY is set. If the host is later than that, the drive waits for it. All
//! else takes no time: registers, blocks between two requests, commands that move nothing.
//!
//! **Throughput.** One request carries up to 1 MB, whatever the protocol.
//!
//! **Decoding.** The channels' ports are fixed (the board places them), and answer when the function's I/O space and the
//! channel's IDETIM are enabled. The bus master's 16 ports are where base address register 4 says.
//!
//! Not here: timing (the timing registers keep what is written); SMART, security, SET MAX, queued and overlapped commands,
//! READ and WRITE LONG, FORMAT TRACK; raw sectors and audio of a CD, writing one, DVD structures. A request that fails does so
//! as a whole: its first sector is reported as the one in error.

mod bus_master;
mod cdrom;
mod channel;
mod disk;
mod drive;
mod front;
mod identify;
mod medium;
mod spec;

pub use drive::Attached;

use crate::pci::spec::{Command, Status, header};
use crate::pci::{ConfigSpace, ConfigSpaceV1, Identity};
use bus::{
    BusMaster, Clock, Device, Dma, HostWait, IoError, IoResult, Line, PciFunction, PciWindow, Port, PortIo,
    Region, Saved, Snapshot, SnapshotError, Time, Timer, Width, decode, encode,
};
use channel::{Channel, ChannelV1};
use drive::Drive;
use host::block::Block;
use serde::{Deserialize, Serialize};
use spec::{IdeTiming, config as register};

const BUS_MASTER: usize = 4;
const BUS_MASTER_LEN: u16 = 2 * bus_master::LEN;

const REGIONS: [Region; 5] = [
    Region { name: "primary", len: 8 },
    Region { name: "primary_control", len: 1 },
    Region { name: "secondary", len: 8 },
    Region { name: "secondary_control", len: 1 },
    Region { name: "bus_master", len: BUS_MASTER_LEN as u64 },
];

/// One of the two cables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cable {
    /// Ports 1F0h and 3F6h, interrupt 14 on a PC.
    Primary,
    /// Ports 170h and 376h, interrupt 15.
    Secondary,
}

/// The place of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The cable.
    pub cable: Cable,
    /// Device 1 of it (the slave).
    pub second: bool,
}

/// The IDE function.
#[derive(Debug)]
pub struct Piix4Ide {
    // Parts.
    config: ConfigSpace,
    primary: Channel,
    secondary: Channel,
}

impl Piix4Ide {
    /// The function with the interrupt wires of its channels, and what is plugged in: device 0 and 1 of the primary
    /// channel, then of the secondary.
    #[must_use]
    pub fn new(irqs: [Line; 2], clock: &Clock, drives: [[Attached; 2]; 2]) -> Self {
        let status = Status::new().with_fast_back_to_back(true).with_devsel_timing(1);
        let command = Command::new().with_io_space(true).with_bus_master(true);
        let timing = IdeTiming::new()
            .with_drive_0(0xF)
            .with_drive_1(0xF)
            .with_recovery_time(3)
            .with_iordy_sample_point(3)
            .with_slave_timing(true)
            .with_decode_enable(true);
        let config = ConfigSpace::new(Identity {
            vendor: 0x8086,
            device: 0x7111,
            revision: 1,
            // A bus master; both channels at their fixed places.
            class: (0x01, 0x01, 0x80),
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        })
        .with_value(header::STATUS, u32::from(status.into_bits()))
        .with_writable(header::COMMAND, u32::from(command.into_bits()))
        .with_io_bar(4, BUS_MASTER, BUS_MASTER_LEN.into())
        .with_writable(header::INTERRUPT_LINE, 0xFF)
        .with_writable(register::IDETIM, u32::from(timing.into_bits()))
        .with_writable(register::IDETIM + 2, u32::from(timing.into_bits()))
        .with_writable(register::SIDETIM, 0xFF)
        .with_writable(register::UDMACTL, 0x0F)
        .with_writable(register::UDMATIM, 0x3333);
        let [primary, secondary] = drives;
        let mut numbers = 0u8..;
        let mut cable = |irq: Line, drives: [Attached; 2]| {
            let drives = drives.map(|drive| Drive::new(drive, clock.clone(), numbers.next().unwrap_or(0)));
            Channel::new(irq, drives)
        };
        let [irq_primary, irq_secondary] = irqs;
        let primary = cable(irq_primary, primary);
        let secondary = cable(irq_secondary, secondary);
        Self { config, primary, secondary }
    }

    /// Stands in for firmware: switches both channels on and places the bus master's registers at `bus_master`
    /// (a multiple of 16).
    pub fn assign(&mut self, bus_master: Port) {
        let decode = u32::from(IdeTiming::new().with_decode_enable(true).into_bits());
        self.config.write(register::IDETIM, decode << 16 | decode, !0);
        self.config.write(header::BASE_ADDRESS_0 + 16, bus_master.0.into(), !0);
        let command = Command::new().with_io_space(true).with_bus_master(true);
        self.config.write(header::COMMAND, command.into_bits().into(), 0xFFFF);
        self.config.mark_remapped();
    }

    /// For a clock that follows the host's: no time is modelled for what the media do.
    pub fn as_fast_as_the_host(&mut self) {
        for channel in [&mut self.primary, &mut self.secondary] {
            channel.drives().for_each(|drive| drive.front.medium.as_fast_as_the_host());
        }
    }

    // ---- what is plugged in ----

    fn channel(&self, cable: Cable) -> &Channel {
        match cable {
            Cable::Primary => &self.primary,
            Cable::Secondary => &self.secondary,
        }
    }

    fn drive_mut(&mut self, at: Place) -> Option<&mut Drive> {
        let channel = match at.cable {
            Cable::Primary => &mut self.primary,
            Cable::Secondary => &mut self.secondary,
        };
        channel.drive_mut(at.second)
    }

    /// Puts a medium into a CD-ROM drive, in place of the one that may be in it. False if there is no such drive.
    pub fn insert(&mut self, at: Place, medium: Box<dyn Block>) -> bool {
        let Some((front, cdrom)) = self.drive_mut(at).and_then(Drive::cdrom) else { return false };
        cdrom.insert(front, medium);
        true
    }

    /// Takes the medium out of a CD-ROM drive, even if the guest wants to keep it. False if there is no such drive.
    pub fn eject(&mut self, at: Place) -> bool {
        let Some((front, cdrom)) = self.drive_mut(at).and_then(Drive::cdrom) else { return false };
        cdrom.eject(front);
        true
    }

    /// Presses a CD-ROM drive's button. False if the tray did not open: the guest keeps it shut, and has been told; or there
    /// is no such drive. The medium lies in the open tray then, until [`Self::eject`].
    pub fn press_eject(&mut self, at: Place) -> bool {
        self.drive_mut(at).and_then(Drive::cdrom).is_some_and(|(_, cdrom)| cdrom.press_eject())
    }

    /// Whether the tray of a CD-ROM drive is open (the guest may have opened it).
    #[must_use]
    pub fn tray_open(&self, at: Place) -> bool {
        let drive = self.channel(at.cable).drive(at.second);
        drive.and_then(Drive::cdrom_ref).is_some_and(cdrom::CdRom::tray_open)
    }

    /// Whether the guest keeps the tray of a CD-ROM drive shut.
    #[must_use]
    pub fn tray_locked(&self, at: Place) -> bool {
        let drive = self.channel(at.cable).drive(at.second);
        drive.and_then(Drive::cdrom_ref).is_some_and(cdrom::CdRom::locked)
    }

    // ---- decoding ----

    /// The channel behind a region, if its ports are decoded; and whether it is the control block.
    fn decoded(&mut self, region: usize) -> IoResult<(&mut Channel, bool)> {
        let [low_0, high_0, low_1, high_1] = self.config.read(register::IDETIM).to_le_bytes();
        let on = |low, high| IdeTiming::from_bits(u16::from_le_bytes([low, high])).decode_enable();
        let (channel, on) = match region {
            0 | 1 => (&mut self.primary, on(low_0, high_0)),
            2 | 3 => (&mut self.secondary, on(low_1, high_1)),
            _ => return Err(IoError::NoRegister),
        };
        if on && self.config.command().io_space() {
            Ok((channel, region & 1 != 0))
        } else {
            Err(IoError::NoRegister)
        }
    }

    /// The channel whose bus master has the register at `offset`, and where it has it.
    fn bus_master_at(&mut self, offset: u16) -> Option<(&mut Channel, u16)> {
        match offset {
            0..bus_master::LEN => Some((&mut self.primary, offset)),
            bus_master::LEN..BUS_MASTER_LEN => Some((&mut self.secondary, offset - bus_master::LEN)),
            _ => None,
        }
    }

    fn masters(&self) -> bool {
        self.config.command().bus_master()
    }
}

impl Device for Piix4Ide {
    fn reset(&mut self) {
        let Self { config, primary, secondary } = self;
        config.reset();
        primary.reset();
        secondary.reset();
    }
    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
    fn bus_master(&mut self) -> Option<&mut dyn BusMaster> {
        Some(self)
    }
    fn host_wait(&mut self) -> Option<&mut dyn HostWait> {
        Some(self)
    }
}

impl PortIo for Piix4Ide {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if region == BUS_MASTER {
            let (channel, offset) = self.bus_master_at(offset).ok_or(IoError::NoRegister)?;
            // Wider accesses are as good as their bytes: reading changes nothing.
            return match width {
                Width::Byte => Ok(channel.bus_master.read(offset).into()),
                Width::Word | Width::Dword => Err(IoError::BadWidth),
            };
        }
        match self.decoded(region)? {
            (channel, false) => channel.read(offset, width),
            (channel, true) if offset == 0 => channel.read_control(width),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if region == BUS_MASTER {
            let (channel, offset) = self.bus_master_at(offset).ok_or(IoError::NoRegister)?;
            if width != Width::Byte {
                return Err(IoError::BadWidth);
            }
            channel.bus_master.write(offset, value as u8);
            return Ok(());
        }
        match self.decoded(region)? {
            (channel, false) => channel.write(offset, width, value),
            (channel, true) if offset == 0 => channel.write_control(width, value),
            _ => Err(IoError::NoRegister),
        }
    }
}

impl PciFunction for Piix4Ide {
    fn config_read(&self, offset: u8) -> u32 {
        self.config.read(offset)
    }

    fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
        self.config.write(offset, value, mask);
    }

    fn windows(&self) -> Vec<PciWindow> {
        self.config.windows()
    }

    fn take_remapped(&mut self) -> bool {
        self.config.take_remapped()
    }
}

impl Timer for Piix4Ide {
    fn deadline(&self) -> Option<Time> {
        [self.primary.deadline(), self.secondary.deadline()].into_iter().flatten().min()
    }

    fn fire(&mut self, now: Time) {
        self.primary.advance(now);
        self.secondary.advance(now);
    }
}

impl HostWait for Piix4Ide {
    fn waits(&self) -> bool {
        self.primary.waits() || self.secondary.waits()
    }

    fn answered(&mut self, now: Time) {
        self.fire(now);
    }
}

impl BusMaster for Piix4Ide {
    fn wants_bus(&self) -> bool {
        self.masters() && (self.primary.wants_bus() || self.secondary.wants_bus())
    }

    fn master(&mut self, ram: &mut dyn Dma) {
        if self.masters() {
            self.primary.master(ram);
            self.secondary.master(ram);
        }
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct Piix4IdeV1 {
    config: ConfigSpaceV1,
    primary: ChannelV1,
    secondary: ChannelV1,
}

impl Snapshot for Piix4Ide {
    fn saved_as(&self) -> (&'static str, u16) {
        ("piix4_ide", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { config, primary, secondary } = self;
        encode(&Piix4IdeV1 { config: config.save(), primary: primary.save(), secondary: secondary.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: Piix4IdeV1 = decode(part, saved.bytes)?;
        let Self { config, primary, secondary } = self;
        let invalid = |why| SnapshotError::Invalid { part, why };
        primary.check(&saved.primary).map_err(invalid)?;
        secondary.check(&saved.secondary).map_err(invalid)?;
        config.restore(&saved.config).map_err(invalid)?;
        primary.restore(saved.primary);
        secondary.restore(saved.secondary);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
