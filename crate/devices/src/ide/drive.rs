//! A drive on a channel: its face and what is behind it, and the commands that disks and CD-ROM drives share.

use super::cdrom::{CdRom, CdRomV1};
use super::disk::{Disk, DiskV1};
use super::front::{Front, FrontV1, Phase, Power, Signature};
use super::medium::{Latency, MediumPort};
use super::spec::{Command, Feature};
use bus::{Clock, Dma, DmaError, PhysAddr, Time, Width};
use host::block::Block;
use serde::{Deserialize, Serialize};

/// What is plugged in at one place of a channel.
#[derive(Default)]
pub enum Attached {
    /// Nothing.
    #[default]
    Nothing,
    /// A disk.
    Disk(Box<dyn Block>),
    /// A CD-ROM drive, with a medium or empty.
    CdRom(Option<Box<dyn Block>>),
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Disk(_) => "Disk",
            Self::CdRom(None) => "CdRom(empty)",
            Self::CdRom(Some(_)) => "CdRom",
        })
    }
}

#[derive(Debug)]
enum Kind {
    Disk(Disk),
    CdRom(CdRom),
}

#[derive(Debug)]
pub(super) struct Drive {
    // Parts.
    pub(super) front: Front,
    kind: Kind,
}

impl Drive {
    /// The drive at place `number` (0 to 3) of the controller.
    pub(super) fn new(attached: Attached, clock: Clock, number: u8) -> Option<Self> {
        let (block, latency) = match attached {
            Attached::Nothing => return None,
            Attached::Disk(block) => (Some(block), None),
            Attached::CdRom(block) => (block, Some(Latency::CD)),
        };
        let medium = MediumPort::new(block, latency.unwrap_or(Latency::DISK));
        let kind = match latency {
            None => Kind::Disk(Disk::new(medium.sectors())),
            Some(_) => Kind::CdRom(CdRom::new()),
        };
        let mut drive = Self { front: Front::new(clock, medium, number), kind };
        drive.reset(true);
        Some(drive)
    }

    fn signature(&self) -> Signature {
        match self.kind {
            Kind::Disk(_) => Signature::ATA,
            Kind::CdRom(_) => Signature::ATAPI,
        }
    }

    /// See [`Front::reset`].
    pub(super) fn reset(&mut self, hard: bool) {
        self.front.reset(hard, self.signature());
        let Self { front, kind } = self;
        match kind {
            Kind::Disk(disk) => disk.reset(front, hard),
            Kind::CdRom(cdrom) => cdrom.reset(hard),
        }
    }

    /// A write to the Command register while this drive is selected.
    pub(super) fn command(&mut self, command: Command) {
        let packet_device = matches!(self.kind, Kind::CdRom(_));
        if command == Command::DEVICE_RESET && packet_device {
            let dev = self.front.task.device.dev();
            self.reset(false);
            self.front.task.device.set_dev(dev);
            return;
        }
        if self.front.phase() != Phase::Idle || self.front.power == Power::Sleep {
            return;
        }
        let Self { front, kind } = self;
        front.begin();
        match kind {
            Kind::Disk(disk) => disk.command(front, command),
            Kind::CdRom(cdrom) => cdrom.command(front, command),
        }
    }

    /// The block that was being moved is through.
    fn moved(&mut self) {
        let Self { front, kind } = self;
        match kind {
            Kind::Disk(disk) => disk.moved(front),
            Kind::CdRom(cdrom) => cdrom.moved(front),
        }
    }

    pub(super) fn read_data(&mut self, width: Width) -> u32 {
        let (value, through) = self.front.read_data(width);
        if through {
            self.moved();
        }
        value
    }

    pub(super) fn write_data(&mut self, width: Width, value: u32) {
        if self.front.write_data(width, value) {
            self.moved();
        }
    }

    /// Asks for the bus master (DMARQ), which is to write to memory or read from it.
    pub(super) fn dma_request(&self) -> Option<DmaDirection> {
        match self.front.phase() {
            Phase::DmaIn => Some(DmaDirection::ToMemory),
            Phase::DmaOut => Some(DmaDirection::FromMemory),
            Phase::Idle | Phase::Busy | Phase::PioIn | Phase::PioOut => None,
        }
    }

    /// Moves at most `len` bytes between the buffer and `ram`; how many.
    pub(super) fn dma(&mut self, ram: &mut dyn Dma, at: PhysAddr, len: usize) -> Result<usize, DmaError> {
        let moved = match self.dma_request() {
            Some(DmaDirection::ToMemory) => {
                let data = self.front.dma_out(len);
                ram.write(at, data)?;
                data.len()
            }
            Some(DmaDirection::FromMemory) => {
                let space = self.front.dma_in(len);
                ram.read(at, space)?;
                space.len()
            }
            None => return Ok(0),
        };
        if self.front.dma_moved(moved) {
            self.moved();
        }
        Ok(moved)
    }

    /// Goes on if its medium has answered.
    pub(super) fn advance(&mut self, now: Time) {
        if let Some((operation, result)) = self.front.collect(now) {
            let Self { front, kind } = self;
            match kind {
                Kind::Disk(disk) => disk.answered(front, &operation, result),
                Kind::CdRom(cdrom) => cdrom.answered(front, result),
            }
        }
    }

    pub(super) fn cdrom(&mut self) -> Option<(&mut Front, &mut CdRom)> {
        match &mut self.kind {
            Kind::Disk(_) => None,
            Kind::CdRom(cdrom) => Some((&mut self.front, cdrom)),
        }
    }

    pub(super) fn cdrom_ref(&self) -> Option<&CdRom> {
        match &self.kind {
            Kind::Disk(_) => None,
            Kind::CdRom(cdrom) => Some(cdrom),
        }
    }
}

/// Which way a bus master moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DmaDirection {
    ToMemory,
    FromMemory,
}

/// SET FEATURES (section 8.46). `ultra` is the fastest Ultra DMA mode.
pub(super) fn set_features(front: &mut Front, ultra: u8, disk: bool) {
    let settings = &mut front.settings;
    match Feature(front.task.features.current) {
        Feature::SET_TRANSFER_MODE => {
            let mode = front.task.count.current;
            // PIO default without and with IORDY, PIO with flow control 0 to 4, multiword DMA, Ultra DMA.
            let known = match (mode >> 3, mode & 7) {
                (0, mode) => mode <= 1,
                (1, mode) => mode <= 4,
                (4, mode) => mode <= 2,
                (8, mode) => mode <= ultra,
                _ => false,
            };
            if !known {
                return front.abort();
            }
            // A PIO mode leaves the DMA mode as it is.
            if mode >= 0x20 {
                settings.transfer_mode = mode;
            }
        }
        Feature::ENABLE_WRITE_CACHE if disk => settings.write_cache = true,
        Feature::DISABLE_WRITE_CACHE if disk => settings.write_cache = false,
        Feature::ENABLE_LOOK_AHEAD if disk => settings.look_ahead = true,
        Feature::DISABLE_LOOK_AHEAD if disk => settings.look_ahead = false,
        Feature::KEEP_SETTINGS => settings.revert = false,
        Feature::REVERT_SETTINGS => settings.revert = true,
        _ => return front.abort(),
    }
    front.finish(true);
}

/// The power management commands (section 6.12), whose numbers were others once. False if it is none of them.
pub(super) fn power_command(front: &mut Front, command: Command) -> bool {
    match command {
        Command::STANDBY_IMMEDIATE
        | Command::STANDBY
        | Command::STANDBY_IMMEDIATE_OLD
        | Command::STANDBY_OLD => front.power = Power::Standby,
        Command::IDLE_IMMEDIATE | Command::IDLE | Command::IDLE_IMMEDIATE_OLD | Command::IDLE_OLD => {
            front.power = Power::Idle;
        }
        Command::SLEEP | Command::SLEEP_OLD => front.power = Power::Sleep,
        Command::CHECK_POWER_MODE | Command::CHECK_POWER_MODE_OLD => {
            front.task.count.current = match front.power {
                Power::Standby | Power::Sleep => 0x00,
                Power::Idle => 0x80,
                Power::Active => 0xFF,
            };
        }
        _ => return false,
    }
    front.finish(true);
    true
}

// Snapshot.

#[derive(Clone, Debug, Serialize, Deserialize)]
enum KindV1 {
    Disk(DiskV1),
    CdRom(CdRomV1),
}

/// Saved [`Drive`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DriveV1 {
    front: FrontV1,
    kind: KindV1,
}

impl Drive {
    pub(super) fn save(&self) -> DriveV1 {
        let Self { front, kind } = self;
        let kind = match kind {
            Kind::Disk(disk) => KindV1::Disk(disk.save()),
            Kind::CdRom(cdrom) => KindV1::CdRom(cdrom.save()),
        };
        DriveV1 { front: front.save(), kind }
    }

    pub(super) fn check(&self, saved: &DriveV1) -> Result<(), &'static str> {
        let DriveV1 { front, kind } = saved;
        self.front.check(front)?;
        match (&self.kind, kind) {
            (Kind::Disk(_), KindV1::Disk(_)) if !self.front.same_medium(front) => {
                Err("a disk of another size")
            }
            (Kind::Disk(_), KindV1::Disk(disk)) => Disk::check(disk),
            (Kind::CdRom(_), KindV1::CdRom(cdrom)) => CdRom::check(cdrom),
            _ => Err("another kind of drive"),
        }
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub(super) fn restore(&mut self, saved: DriveV1) {
        let DriveV1 { front, kind } = saved;
        let same = self.front.same_medium(&front);
        self.front.restore(front);
        match (&mut self.kind, kind) {
            (Kind::Disk(disk), KindV1::Disk(saved)) => disk.restore(saved),
            (Kind::CdRom(cdrom), KindV1::CdRom(saved)) => {
                cdrom.restore(saved);
                // The snapshot may have been of an empty drive; then it is empty again, and nothing was changed.
                if !same && self.front.medium.medium().is_some() {
                    cdrom.medium_changed();
                }
            }
            _ => {}
        }
    }
}
