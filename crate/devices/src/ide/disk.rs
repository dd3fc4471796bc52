//! A disk: the commands of the general feature set, with 28-bit and 48-bit addresses and cylinders, heads and sectors.
//!
//! A command that moves sectors is a [`Job`]. It asks the medium for as much at once as a request may ask for, and moves
//! that through the buffer in the blocks of its protocol, so a command of 256 sectors is one request. A write is
//! collected the same way before it is made.

use super::front::{Front, Pair, Power};
use super::spec::{Command, Error};
use super::{drive, identify};
use host::block::{BlockError, MAX_SECTORS, Operation, SECTOR};
use serde::{Deserialize, Serialize};

/// Sectors of a block of READ MULTIPLE at most.
pub(super) const MULTIPLE_MAX: u8 = 16;
/// The fastest Ultra DMA mode.
pub(super) const ULTRA_MAX: u8 = 5;
/// Addresses that 28 bits reach.
pub(super) const LBA28_SECTORS: u64 = 0x0FFF_FFFF;

/// Cylinders, heads and sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Geometry {
    pub(super) cylinders: u16,
    pub(super) heads: u8,
    pub(super) sectors: u8,
}

impl Geometry {
    /// What a disk of that size has by default.
    fn default_of(total: u64) -> Self {
        Self::with(total, 16, 63, 16_383)
    }

    fn with(total: u64, heads: u8, sectors: u8, most: u16) -> Self {
        let per_cylinder = u64::from(heads) * u64::from(sectors);
        // A disk smaller than a cylinder has one all the same, with sectors that are not there.
        let cylinders = total.checked_div(per_cylinder).unwrap_or(0).clamp(1, most.into());
        Self { cylinders: cylinders as u16, heads, sectors }
    }

    /// Sectors that can be reached by it.
    pub(super) fn reach(self) -> u32 {
        u32::from(self.cylinders) * u32::from(self.heads) * u32::from(self.sectors)
    }

    fn to_lba(self, cylinder: u16, head: u8, sector: u8) -> Option<u64> {
        let exists = cylinder < self.cylinders && head < self.heads && (1..=self.sectors).contains(&sector);
        let track = u64::from(cylinder) * u64::from(self.heads) + u64::from(head);
        exists.then(|| track * u64::from(self.sectors) + u64::from(sector) - 1)
    }

    /// Cylinder, head and sector.
    fn of_lba(self, lba: u64) -> Option<(u16, u8, u8)> {
        let (sectors, heads) = (u64::from(self.sectors), u64::from(self.heads));
        let track = lba.checked_div(sectors)?;
        let cylinder = track.checked_div(heads)?;
        Some((cylinder as u16, (track % heads) as u8, (lba % sectors) as u8 + 1))
    }
}

/// How a command gave its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Addressing {
    Chs,
    Lba28,
    Lba48,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Action {
    Read,
    Write,
    Verify,
    Flush,
}

/// How the data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Way {
    /// A block of this many sectors for each DRQ.
    Pio(u8),
    Dma,
}

/// The command that is being done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Job {
    action: Action,
    way: Way,
    addressing: Addressing,
    next: u64,
    left: u32,
}

impl Job {
    /// Sectors of the next request.
    fn chunk(self) -> u32 {
        self.left.min(MAX_SECTORS)
    }

    fn dma(self) -> bool {
        self.way == Way::Dma
    }

    /// Bytes of a DRQ block.
    fn block(self) -> usize {
        match self.way {
            Way::Pio(sectors) => usize::from(sectors.max(1)) * SECTOR,
            Way::Dma => usize::MAX,
        }
    }
}

#[derive(Debug)]
pub(super) struct Disk {
    // Parts.
    /// As delivered.
    pub(super) geometry: Geometry,
    // State.
    /// As INITIALIZE DEVICE PARAMETERS has set it.
    pub(super) translation: Geometry,
    /// Sectors of a block of READ MULTIPLE, or zero.
    pub(super) multiple: u8,
    job: Option<Job>,
}

impl Disk {
    pub(super) fn new(sectors: u64) -> Self {
        let geometry = Geometry::default_of(sectors);
        Self { geometry, translation: geometry, multiple: 0, job: None }
    }

    pub(super) fn reset(&mut self, front: &Front, hard: bool) {
        let Self { geometry, translation, multiple, job } = self;
        *job = None;
        if hard || front.settings.revert {
            *translation = *geometry;
            *multiple = 0;
        }
    }

    pub(super) fn command(&mut self, front: &mut Front, command: Command) {
        use Action::{Read, Verify, Write};
        self.job = None;
        let (one, multiple) = (Way::Pio(1), Way::Pio(self.multiple));
        match command {
            Command::READ_SECTORS | Command::READ_SECTORS_NO_RETRY => self.start(front, Read, one, false),
            Command::READ_SECTORS_EXT => self.start(front, Read, one, true),
            Command::READ_DMA | Command::READ_DMA_NO_RETRY => self.start(front, Read, Way::Dma, false),
            Command::READ_DMA_EXT => self.start(front, Read, Way::Dma, true),
            Command::READ_MULTIPLE => self.start(front, Read, multiple, false),
            Command::READ_MULTIPLE_EXT => self.start(front, Read, multiple, true),
            Command::WRITE_SECTORS | Command::WRITE_SECTORS_NO_RETRY => self.start(front, Write, one, false),
            Command::WRITE_SECTORS_EXT => self.start(front, Write, one, true),
            Command::WRITE_DMA | Command::WRITE_DMA_NO_RETRY => self.start(front, Write, Way::Dma, false),
            Command::WRITE_DMA_EXT => self.start(front, Write, Way::Dma, true),
            Command::WRITE_MULTIPLE => self.start(front, Write, multiple, false),
            Command::WRITE_MULTIPLE_EXT => self.start(front, Write, multiple, true),
            Command::READ_VERIFY_SECTORS | Command::READ_VERIFY_SECTORS_NO_RETRY => {
                self.start(front, Verify, one, false);
            }
            Command::READ_VERIFY_SECTORS_EXT => self.start(front, Verify, one, true),
            Command::FLUSH_CACHE | Command::FLUSH_CACHE_EXT => self.flush(front),
            Command::IDENTIFY_DEVICE => {
                let data = identify::disk(front, self);
                front.send(data, false, SECTOR);
                front.raise_interrupt();
            }
            Command::SET_FEATURES => drive::set_features(front, ULTRA_MAX, true),
            Command::SET_MULTIPLE_MODE => self.set_multiple(front),
            Command::INITIALIZE_DEVICE_PARAMETERS => self.set_translation(front),
            Command::READ_NATIVE_MAX_ADDRESS => self.native_max(front, Addressing::Lba28),
            Command::READ_NATIVE_MAX_ADDRESS_EXT => self.native_max(front, Addressing::Lba48),
            Command(0x10..=0x1F) => front.finish(true),
            Command(0x70..=0x7F) => self.seek(front),
            command => {
                if !drive::power_command(front, command) {
                    front.abort();
                }
            }
        }
    }

    // ---- addresses ----

    /// The address in the registers; nothing if there is no such cylinder, head or sector.
    fn address(&self, front: &Front, addressing: Addressing) -> Option<u64> {
        let task = &front.task;
        let bytes = [task.low, task.mid, task.high];
        let [low, mid, high] = bytes.map(|pair| pair.current);
        let [low_hob, mid_hob, high_hob] = bytes.map(|pair| pair.previous);
        let head = task.device.head();
        match addressing {
            Addressing::Lba48 => Some(u64::from_le_bytes([low, mid, high, low_hob, mid_hob, high_hob, 0, 0])),
            Addressing::Lba28 => Some(u64::from(u32::from_le_bytes([low, mid, high, head]))),
            Addressing::Chs => self.translation.to_lba(u16::from_le_bytes([mid, high]), head, low),
        }
    }

    fn show_address(&self, front: &mut Front, addressing: Addressing, lba: u64) {
        let task = &mut front.task;
        let [a, b, c, d, e, f, ..] = lba.to_le_bytes();
        match addressing {
            Addressing::Lba48 => {
                task.low = Pair { current: a, previous: d };
                task.mid = Pair { current: b, previous: e };
                task.high = Pair { current: c, previous: f };
            }
            Addressing::Lba28 => {
                (task.low.current, task.mid.current, task.high.current) = (a, b, c);
                task.device.set_head(d & 0xF);
            }
            Addressing::Chs => {
                if let Some((cylinder, head, sector)) = self.translation.of_lba(lba) {
                    [task.mid.current, task.high.current] = cylinder.to_le_bytes();
                    task.low.current = sector;
                    task.device.set_head(head & 0xF);
                }
            }
        }
    }

    fn addressing(front: &Front, ext: bool) -> Addressing {
        match (ext, front.task.device.lba()) {
            (true, _) => Addressing::Lba48,
            (false, true) => Addressing::Lba28,
            (false, false) => Addressing::Chs,
        }
    }

    // ---- sectors ----

    fn start(&mut self, front: &mut Front, action: Action, way: Way, ext: bool) {
        // READ MULTIPLE before SET MULTIPLE MODE; a 48-bit command with an address that is not a block address.
        if way == Way::Pio(0) || ext && !front.task.device.lba() {
            return front.abort();
        }
        let addressing = Self::addressing(front, ext);
        let count = front.task.count;
        let left = match (ext, u32::from(count.current), u32::from(count.previous)) {
            (true, 0, 0) => 0x1_0000,
            (true, low, high) => high << 8 | low,
            (false, 0, _) => 0x100,
            (false, low, _) => low,
        };
        let sectors = front.medium.sectors();
        let first = self.address(front, addressing);
        let Some(next) = first.filter(|first| first.saturating_add(left.into()) <= sectors) else {
            // The first address that is not there.
            if let Some(first) = first {
                self.show_address(front, addressing, first.max(sectors));
            }
            return front.fail(Error::new().with_idnf(true));
        };
        if action == Action::Write && front.medium.read_only() {
            return front.fail(Error::new().with_unc(true).with_abrt(true));
        }
        let job = Job { action, way, addressing, next, left };
        self.job = Some(job);
        self.go_on(front, job, false);
    }

    /// The next part of a job.
    fn go_on(&mut self, front: &mut Front, job: Job, interrupt: bool) {
        match job.action {
            Action::Read | Action::Verify => {
                front.ask(Operation::Read { first: job.next, sectors: job.chunk() });
            }
            Action::Write => {
                front.power = Power::Active;
                front.receive(job.chunk() as usize * SECTOR, job.dma(), job.block());
                if interrupt && !job.dma() {
                    front.raise_interrupt();
                }
            }
            Action::Flush => front.ask(Operation::Flush),
        }
    }

    /// So many sectors are done. True if that was all.
    fn progress(&mut self, front: &mut Front, mut job: Job, sectors: u32) -> bool {
        job.next = job.next.saturating_add(sectors.into());
        job.left = job.left.saturating_sub(sectors);
        self.job = Some(job);
        self.show_address(front, job.addressing, job.next.saturating_sub(1));
        let [low, high, ..] = job.left.to_le_bytes();
        front.task.count = Pair { current: low, previous: high };
        job.left == 0
    }

    /// The block that was being moved is through.
    pub(super) fn moved(&mut self, front: &mut Front) {
        let Some(job) = self.job else {
            // What is not of a job is IDENTIFY DEVICE.
            return front.finish(false);
        };
        if front.next_block(job.block()).is_some() {
            return front.raise_interrupt();
        }
        match job.action {
            Action::Write => {
                let data = front.take();
                front.ask(Operation::Write { first: job.next, data });
            }
            Action::Read | Action::Verify | Action::Flush => {
                let sectors = (front.len() / SECTOR) as u32;
                if self.progress(front, job, sectors) {
                    // The interrupt of a PIO read comes before each block, not after the last.
                    self.end(front, job.dma());
                } else if let Some(job) = self.job {
                    self.go_on(front, job, true);
                }
            }
        }
    }

    /// The medium has answered.
    pub(super) fn answered(
        &mut self,
        front: &mut Front,
        operation: &Operation,
        result: Result<Vec<u8>, BlockError>,
    ) {
        let Some(job) = self.job else { return front.abort() };
        let data = match result {
            Ok(data) => data,
            Err(error) => return self.failed(front, job, error),
        };
        let through = match operation {
            Operation::Read { .. } if job.action == Action::Read => {
                front.send(data, job.dma(), job.block());
                if !job.dma() {
                    front.raise_interrupt();
                }
                return;
            }
            Operation::Read { sectors, .. } => self.progress(front, job, *sectors),
            Operation::Write { data, .. } => {
                let sectors = (data.len() / SECTOR) as u32;
                let through = self.progress(front, job, sectors);
                // Without the cache, what is written is safe when the command ends.
                if through && !front.settings.write_cache {
                    return self.flush(front);
                }
                through
            }
            Operation::Flush => true,
        };
        if through {
            self.end(front, true);
        } else if let Some(job) = self.job {
            self.go_on(front, job, true);
        }
    }

    fn end(&mut self, front: &mut Front, interrupt: bool) {
        self.job = None;
        front.finish(interrupt);
    }

    fn failed(&mut self, front: &mut Front, job: Job, error: BlockError) {
        self.job = None;
        if job.action != Action::Flush {
            self.show_address(front, job.addressing, job.next);
        }
        let bits = match (error, job.action) {
            (BlockError::NoMedium, _) => Error::new().with_nm(true).with_abrt(true),
            (BlockError::OutOfRange, _) => Error::new().with_idnf(true),
            // The same bit is UNC of a read and WP of a write.
            (BlockError::ReadOnly, _) => Error::new().with_unc(true).with_abrt(true),
            (BlockError::Failed, Action::Read | Action::Verify) => Error::new().with_unc(true),
            (BlockError::Failed, Action::Write | Action::Flush) => Error::new().with_abrt(true),
        };
        let fault = error == BlockError::Failed && matches!(job.action, Action::Write | Action::Flush);
        front.fail_with(bits.into_bits(), fault);
    }

    // ---- commands without sectors ----

    fn flush(&mut self, front: &mut Front) {
        let addressing = Addressing::Lba48;
        let job = Job { action: Action::Flush, way: Way::Dma, addressing, next: 0, left: 0 };
        self.job = Some(job);
        self.go_on(front, job, true);
    }

    fn seek(&mut self, front: &mut Front) {
        let address = self.address(front, Self::addressing(front, false));
        match address {
            Some(lba) if lba < front.medium.sectors() => front.finish(true),
            _ => front.fail(Error::new().with_idnf(true)),
        }
    }

    fn set_multiple(&mut self, front: &mut Front) {
        let count = front.task.count.current;
        // Zero switches it off.
        if count > MULTIPLE_MAX || count != 0 && !count.is_power_of_two() {
            return front.abort();
        }
        self.multiple = count;
        front.finish(true);
    }

    fn set_translation(&mut self, front: &mut Front) {
        let (sectors, heads) = (front.task.count.current, front.task.device.head() + 1);
        if sectors == 0 {
            return front.abort();
        }
        self.translation = Geometry::with(front.medium.sectors(), heads, sectors, u16::MAX);
        front.finish(true);
    }

    fn native_max(&mut self, front: &mut Front, addressing: Addressing) {
        let last = front.medium.sectors().saturating_sub(1);
        let shown = if addressing == Addressing::Lba28 { last.min(LBA28_SECTORS - 1) } else { last };
        self.show_address(front, addressing, shown);
        front.finish(true);
    }
}

// Snapshot.

/// Saved [`Disk`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DiskV1 {
    translation: Geometry,
    multiple: u8,
    job: Option<Job>,
}

impl Disk {
    pub(super) fn save(&self) -> DiskV1 {
        let Self { geometry: _, translation, multiple, job } = self;
        DiskV1 { translation: *translation, multiple: *multiple, job: *job }
    }

    pub(super) fn check(saved: &DiskV1) -> Result<(), &'static str> {
        let DiskV1 { translation, multiple, job } = saved;
        if translation.sectors == 0 || translation.heads == 0 || translation.heads > 16 {
            return Err("a geometry without sectors");
        }
        if *multiple > MULTIPLE_MAX {
            return Err("blocks of more sectors than there may be");
        }
        let endless = |job: &Job| job.action != Action::Flush && (job.left == 0 || job.left > 0x1_0000);
        if job.as_ref().is_some_and(endless) { Err("a command of no possible length") } else { Ok(()) }
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub(super) fn restore(&mut self, saved: DiskV1) {
        let DiskV1 { translation, multiple, job } = saved;
        let Self { geometry: _, translation: live_translation, multiple: live_multiple, job: live_job } =
            self;
        *live_translation = translation;
        *live_multiple = multiple;
        *live_job = job;
    }
}
