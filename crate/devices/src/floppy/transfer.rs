//! Commands with an execution phase: they look for sectors, and move their data.
//!
//! A command goes through steps, and each ends at a time: it looks for the first sector (and for a read, the host is
//! asked meanwhile); it moves data, sector by sector; after the last sector of a track, or the last of all, a write
//! goes to the host. On the other side of a disk (multi-track) it begins anew.
//!
//! Data goes by DMA, a sector at a time: the channel has until the sector has passed, and the disk then turns on
//! until it is ready. Or it goes through the processor, in bursts whose length depends on the FIFO's threshold, each
//! with an interrupt.

use super::geometry::Geometry;
use super::spec::{Command, LONGEST_COMMAND, Options, St0, St1, St2, Unit, code};
use super::{BURST_NS, Floppy, LATENCY_NS, NOT_FOUND_NS, OVERRUN_NS, SECTOR_NS, SETTLE_NS, STEP_NS};
use bus::Time;
use host::block::{BlockError, Operation, SECTOR};
use serde::{Deserialize, Serialize};

/// Code of sectors of 512 bytes: N.
const N_512: u8 = 2;
/// Bytes that FORMAT TRACK wants for each sector.
const FORMAT_ID: usize = 4;
/// Bytes of the FIFO.
const FIFO: u16 = 16;
/// The most bytes that a transfer holds: a track of 36 sectors.
pub(super) const LARGEST_BUFFER: usize = 36 * SECTOR;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    Read,
    ReadDeleted,
    ReadTrack,
    Verify,
    Write,
    Format,
    ReadId,
}

impl Task {
    /// The host is asked before any data can move.
    const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadDeleted | Self::ReadTrack | Self::Verify)
    }

    const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Format)
    }

    /// Bytes that move at a time.
    const fn piece(self) -> usize {
        if matches!(self, Self::Format) { FORMAT_ID } else { SECTOR }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// It will fail, with the status that it has.
    Failing,
    /// On the way to the first sector of a track.
    Opening,
    /// Data of a sector moves.
    Data,
    /// The host stores what was written.
    Store,
}

/// What follows a sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Then {
    Sector,
    /// The other side.
    Side,
    Normal,
    EndOfCylinder,
    /// The next sector does not exist.
    NoData,
}

/// A command in its execution phase.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) task: Task,
    pub(super) options: u8,
    pub(super) drive: u8,
    pub(super) head: u8,
    /// C, H, R and N: the address that is looked for, and that the result phase reports.
    pub(super) id: [u8; 4],
    pub(super) eot: u8,
    /// Sectors to go, where a command counts them (FORMAT TRACK, READ TRACK, VERIFY with EC); 0 where it does not.
    pub(super) left: u16,
    pub(super) fill: u8,
    /// Heads were moved on the way.
    pub(super) sought: bool,
    pub(super) st1: u8,
    pub(super) st2: u8,
    pub(super) step: Step,
    pub(super) then: Then,
    /// Data goes through the processor.
    pub(super) by_processor: bool,
    /// The sector that the buffer begins with.
    pub(super) from: u8,
    pub(super) buffer: Vec<u8>,
    /// What was read up to here has gone.
    pub(super) at: u16,
    /// Bytes of this sector that are still to go through the processor, and how many of them now.
    pub(super) piece: u16,
    pub(super) burst: u16,
    /// A request for data that is not served by then is an overrun.
    pub(super) patience: Time,
}

impl Transfer {
    fn new(command: Command, bytes: [u8; LONGEST_COMMAND], by_processor: bool) -> Self {
        let [first, unit, c, h, r, n, eot, _, count] = bytes;
        let unit = Unit::from_bits(unit);
        let options = Options::from_bits(first);
        let task = match command {
            Command::READ_DATA => Task::Read,
            Command::READ_DELETED_DATA => Task::ReadDeleted,
            Command::READ_TRACK => Task::ReadTrack,
            Command::VERIFY => Task::Verify,
            Command::WRITE_DATA | Command::WRITE_DELETED_DATA => Task::Write,
            Command::FORMAT_TRACK => Task::Format,
            _ => Task::ReadId,
        };
        let counted = |count: u8| if count == 0 { 256 } else { u16::from(count) };
        let (id, eot, left) = match task {
            // N, sectors of a track, gap, pattern.
            Task::Format => ([0, unit.head(), 1, c], h, counted(h)),
            Task::ReadId => ([0, unit.head(), 1, N_512], 0, 0),
            Task::ReadTrack => ([c, h, 1, n], eot, counted(eot)),
            Task::Verify if unit.enable_count() => ([c, h, r, n], eot, counted(count)),
            _ => ([c, h, r, n], eot, 0),
        };
        // READ TRACK begins with sector 1, and says if that was not the one asked for.
        let other_sector = task == Task::ReadTrack && r != 1;
        Self {
            task,
            options: options.into_bits(),
            drive: unit.drive(),
            head: unit.head(),
            id,
            eot,
            left,
            fill: n,
            sought: false,
            st1: St1::new().with_no_data(other_sector).into_bits(),
            st2: 0,
            step: Step::Opening,
            then: Then::Sector,
            by_processor,
            from: 1,
            buffer: Vec::new(),
            at: 0,
            piece: 0,
            burst: 0,
            patience: Time(0),
        }
    }

    fn options(&self) -> Options {
        Options::from_bits(self.options)
    }

    pub(super) fn head(&self) -> u8 {
        self.head
    }

    /// Data goes through the processor.
    pub(super) fn by_processor(&self) -> bool {
        self.by_processor && self.moves()
    }

    /// The processor may read or write a byte.
    pub(super) fn wants_processor(&self) -> bool {
        self.step == Step::Data && self.burst > 0
    }

    pub(super) fn to_processor(&self) -> bool {
        self.task.reads()
    }

    /// Whether data goes anywhere: not for VERIFY, and not for sectors that are skipped.
    fn moves(&self) -> bool {
        match self.task {
            Task::Verify | Task::ReadId => false,
            Task::ReadDeleted => !self.options().skip(),
            _ => true,
        }
    }

    /// The host has something to do for it.
    pub(super) fn at_host(&self) -> bool {
        self.step == Step::Store || self.step == Step::Opening && self.task.reads()
    }

    fn fail(&mut self, st1: St1, st2: St2) {
        self.st1 |= st1.into_bits();
        self.st2 |= st2.into_bits();
        self.step = Step::Failing;
    }

    /// The address that the result phase reports after the end of a sector that was the last.
    fn advance(&mut self) {
        let multi_track = self.options().multi_track();
        let [c, h, r, _] = &mut self.id;
        if *r != self.eot {
            *r = r.wrapping_add(1);
            return;
        }
        *r = 1;
        if !multi_track || self.head == 1 {
            *c = c.wrapping_add(1);
        }
        if multi_track {
            *h ^= 1;
        }
    }

    /// After a sector; `ended` if it was the last that was wanted.
    fn next(&mut self, ended: bool, geometry: Option<Geometry>) -> Then {
        let last = match self.task {
            Task::ReadTrack => self.left == 0,
            _ => {
                let [_, _, r, _] = self.id;
                r == self.eot
            }
        };
        if ended {
            self.advance();
            return Then::Normal;
        }
        if last && self.options().multi_track() && self.head == 0 && self.task != Task::ReadTrack {
            let [_, h, r, _] = &mut self.id;
            (*h, *r) = (*h ^ 1, 1);
            return Then::Side;
        }
        if last {
            self.advance();
            return Then::EndOfCylinder;
        }
        let [_, _, r, _] = &mut self.id;
        *r = r.wrapping_add(1);
        let exists = geometry.is_some_and(|geometry| (1..=geometry.sectors).contains(r));
        if exists { Then::Sector } else { Then::NoData }
    }
}

impl Floppy {
    pub(super) fn begin_transfer(&mut self, command: Command, bytes: [u8; LONGEST_COMMAND]) {
        self.forget_polled();
        let [_, non_dma] = self.specified;
        let mut transfer = Transfer::new(command, bytes, non_dma & 1 != 0);
        let mut due = self.clock.now().after(LATENCY_NS);
        if transfer.task != Task::ReadId {
            self.last_count = transfer.eot;
        }
        if self.configuration.implied_seek() && !matches!(transfer.task, Task::ReadId | Task::Format) {
            due = due.after(self.implied_seek(&mut transfer));
        }
        let transfer = self.open(transfer, due);
        self.transfer = Some(transfer);
    }

    /// Moves the heads to the cylinder of a command; how long that takes.
    fn implied_seek(&mut self, transfer: &mut Transfer) -> u64 {
        let number = usize::from(transfer.drive);
        let [c, ..] = transfer.id;
        let (Some(position), Some(drive)) = (self.positions.get_mut(number), self.drives.get_mut(number))
        else {
            return 0;
        };
        let steps = c.abs_diff(position.cylinder);
        if steps == 0 {
            return 0;
        }
        drive.step(c > position.cylinder, steps);
        position.cylinder = c;
        transfer.sought = true;
        SETTLE_NS + STEP_NS * u64::from(steps)
    }

    /// Begins with the first sector on a side.
    fn open(&mut self, mut transfer: Transfer, due: Time) -> Transfer {
        transfer.step = Step::Opening;
        transfer.buffer.clear();
        transfer.at = 0;
        let [_, _, r, _] = transfer.id;
        transfer.from = r;
        self.due = Some(due);
        match self.check(&mut transfer) {
            Ok(()) => self.ask_host(&transfer),
            Err((st1, st2)) => {
                transfer.fail(st1, st2);
                self.due = Some(due.after(NOT_FOUND_NS));
            }
        }
        transfer
    }

    /// Whether the disk has what a command looks for.
    fn check(&self, transfer: &mut Transfer) -> Result<(), (St1, St2)> {
        let number = usize::from(transfer.drive);
        let no_mark = (St1::new().with_missing_address_mark(true), St2::new());
        let drive = self.drives.get(number).filter(|_| self.motor(number)).ok_or(no_mark)?;
        let geometry = drive.geometry().ok_or(no_mark)?;
        if transfer.task.writes() && drive.read_only() {
            return Err((St1::new().with_not_writable(true), St2::new()));
        }
        if !transfer.options().mfm()
            || !geometry.has_rate(self.dsr.rate())
            || drive.cylinder >= geometry.cylinders
            || transfer.head >= geometry.heads
        {
            return Err(no_mark);
        }
        let [c, h, r, n] = transfer.id;
        let here = |st2| (St1::new().with_no_data(true), st2);
        let other_cylinder = c != drive.cylinder;
        let right = h == transfer.head && n == N_512 && (1..=geometry.sectors).contains(&r);
        match transfer.task {
            Task::ReadId => Ok(()),
            Task::Format if n == N_512 && transfer.eot == geometry.sectors => Ok(()),
            Task::Format => Err(here(St2::new())),
            // It reads whatever passes, and says whether it was what was asked for.
            Task::ReadTrack if n == N_512 => {
                if other_cylinder || !right {
                    transfer.st1 |= St1::new().with_no_data(true).into_bits();
                }
                Ok(())
            }
            _ if other_cylinder => {
                Err(here(St2::new().with_wrong_cylinder(true).with_bad_cylinder(c == 0xFF)))
            }
            _ if right => Ok(()),
            _ => Err(here(St2::new())),
        }
    }

    /// Asks the host for what a transfer needs of it now, if anything.
    pub(super) fn ask_host(&mut self, transfer: &Transfer) {
        self.request = None;
        let Some(drive) = self.drives.get_mut(usize::from(transfer.drive)) else { return };
        let Some(geometry) = drive.geometry().filter(|_| transfer.at_host()) else { return };
        let track = geometry.first_sector(drive.cylinder, transfer.head);
        let first = track + u64::from(transfer.from).saturating_sub(1);
        let operation = if transfer.step == Step::Store {
            Operation::Write { first, data: transfer.buffer.clone() }
        } else {
            let last = match transfer.task {
                Task::ReadTrack => u8::try_from(transfer.left).unwrap_or(u8::MAX),
                _ if transfer.eot < transfer.from => geometry.sectors,
                _ => transfer.eot,
            };
            let sectors = last.min(geometry.sectors).saturating_sub(transfer.from).saturating_add(1);
            Operation::Read { first, sectors: sectors.into() }
        };
        self.request = drive.ask(operation);
    }

    /// The host's answer: `None` if it is still to come.
    fn answer(&mut self, transfer: &Transfer) -> Option<Result<Vec<u8>, BlockError>> {
        let gone = Some(Err(BlockError::NoMedium));
        let Some(id) = self.request else { return gone };
        let Some(drive) = self.drives.get_mut(usize::from(transfer.drive)) else { return gone };
        let completion = drive.answer(id)?;
        self.request = None;
        Some(completion.result)
    }

    /// A disk was taken out of a drive.
    pub(super) fn disk_is_gone(&mut self, drive: usize) {
        if let Some(transfer) = self.transfer.as_mut().filter(|t| usize::from(t.drive) == drive) {
            transfer.fail(St1::new().with_missing_address_mark(true), St2::new());
            self.request = None;
            self.late = false;
            self.due = Some(self.clock.now().after(NOT_FOUND_NS));
            self.dma.withdraw();
        }
    }

    /// The command's time has come, or an answer that was late may be here.
    pub(super) fn transfer_due(&mut self, now: Time) {
        self.due = None;
        self.late = false;
        let Some(transfer) = self.transfer.take() else { return };
        self.transfer = match transfer.step {
            Step::Failing => self.finish(transfer, code::ABNORMAL),
            Step::Opening if transfer.task.reads() => self.opened(transfer, now),
            Step::Opening if transfer.task == Task::ReadId => self.read_id(transfer, now),
            Step::Opening => self.start_piece(transfer, now),
            Step::Data => self.data_due(transfer, now),
            Step::Store => self.stored(transfer, now),
        };
    }

    fn read_id(&mut self, mut transfer: Transfer, now: Time) -> Option<Transfer> {
        let drive = self.drives.get(usize::from(transfer.drive));
        let (cylinder, sectors) = drive.map_or((0, 1), |drive| {
            (drive.cylinder, drive.geometry().map_or(1, |geometry| geometry.sectors))
        });
        // The disk turns.
        let passing = (now.0 / SECTOR_NS % u64::from(sectors)) as u8 + 1;
        transfer.id = [cylinder, transfer.head, passing, N_512];
        self.finish(transfer, code::NORMAL)
    }

    fn opened(&mut self, mut transfer: Transfer, now: Time) -> Option<Transfer> {
        match self.answer(&transfer) {
            None => {
                self.late = true;
                Some(transfer)
            }
            Some(Ok(data)) if data.len() <= LARGEST_BUFFER => {
                transfer.buffer = data;
                self.start_piece(transfer, now)
            }
            Some(Ok(_)) => self.host_failed(transfer, BlockError::Failed),
            Some(Err(error)) => self.host_failed(transfer, error),
        }
    }

    fn stored(&mut self, transfer: Transfer, now: Time) -> Option<Transfer> {
        match self.answer(&transfer) {
            None => {
                self.late = true;
                Some(transfer)
            }
            Some(Ok(_)) => {
                let then = transfer.then;
                self.proceed(transfer, then, now)
            }
            Some(Err(error)) => self.host_failed(transfer, error),
        }
    }

    fn host_failed(&mut self, mut transfer: Transfer, error: BlockError) -> Option<Transfer> {
        let (st1, st2) = match error {
            BlockError::NoMedium => (St1::new().with_missing_address_mark(true), St2::new()),
            BlockError::OutOfRange => (St1::new().with_no_data(true), St2::new()),
            BlockError::ReadOnly => (St1::new().with_not_writable(true), St2::new()),
            BlockError::Failed => (St1::new().with_data_error(true), St2::new().with_data_error(true)),
        };
        transfer.fail(st1, st2);
        self.finish(transfer, code::ABNORMAL)
    }

    /// A sector (an address, of FORMAT TRACK) begins to move.
    fn start_piece(&mut self, mut transfer: Transfer, now: Time) -> Option<Transfer> {
        transfer.step = Step::Data;
        transfer.patience = now.after(OVERRUN_NS);
        self.due = Some(now.after(SECTOR_NS));
        let size = transfer.task.piece();
        let at = usize::from(transfer.at);
        if transfer.task.reads() && transfer.buffer.get(at..at + size).is_none() {
            transfer.fail(St1::new().with_no_data(true), St2::new());
            return self.finish(transfer, code::ABNORMAL);
        }
        if !transfer.moves() {
            return Some(transfer);
        }
        if transfer.by_processor {
            transfer.piece = size as u16;
            self.open_burst(&mut transfer);
            return Some(transfer);
        }
        self.dma.withdraw();
        match transfer.buffer.get(at..at + size) {
            Some(data) if transfer.task.reads() => self.dma.offer(data),
            _ => self.dma.want(size),
        }
        Some(transfer)
    }

    /// The processor may have some bytes, and is told.
    fn open_burst(&mut self, transfer: &mut Transfer) {
        let size =
            if self.configuration.fifo_off() { 1 } else { FIFO - u16::from(self.configuration.threshold()) };
        transfer.burst = size.min(transfer.piece);
        self.due = Some(transfer.patience);
        self.interrupt = true;
    }

    fn data_due(&mut self, mut transfer: Transfer, now: Time) -> Option<Transfer> {
        if !transfer.moves() {
            return self.piece_done(transfer, false, now);
        }
        if transfer.by_processor {
            if transfer.burst > 0 {
                return self.overrun(transfer);
            }
            if transfer.piece > 0 {
                transfer.patience = now.after(OVERRUN_NS);
                self.open_burst(&mut transfer);
                return Some(transfer);
            }
            return self.piece_done(transfer, false, now);
        }
        let ended = self.dma.take_terminal_count();
        if !ended && self.dma.pending() > 0 {
            if now >= transfer.patience {
                return self.overrun(transfer);
            }
            self.due = Some(now.after(SECTOR_NS));
            return Some(transfer);
        }
        if transfer.task.writes() {
            // What is missing after terminal count is zeros.
            let mut data = self.dma.received();
            data.resize(transfer.task.piece(), 0);
            transfer.buffer.extend(data);
        }
        self.dma.withdraw();
        self.piece_done(transfer, ended, now)
    }

    fn overrun(&mut self, mut transfer: Transfer) -> Option<Transfer> {
        transfer.fail(St1::new().with_overrun(true), St2::new());
        self.finish(transfer, code::ABNORMAL)
    }

    /// A sector has passed; `ended` with terminal count.
    fn piece_done(&mut self, mut transfer: Transfer, ended: bool, now: Time) -> Option<Transfer> {
        let counts = transfer.left > 0;
        transfer.left = transfer.left.saturating_sub(1);
        if transfer.task == Task::Format {
            return if ended || transfer.left == 0 {
                self.store_format(transfer, now)
            } else {
                self.start_piece(transfer, now)
            };
        }
        if transfer.task.reads() {
            transfer.at = transfer.at.saturating_add(SECTOR as u16);
        }
        let ended = ended || transfer.task == Task::Verify && counts && transfer.left == 0;
        let geometry = self.geometry(usize::from(transfer.drive));
        let then = if transfer.task == Task::ReadDeleted {
            // No sector here has the mark that it looks for.
            transfer.st2 |= St2::new().with_control_mark(true).into_bits();
            if transfer.options().skip() { transfer.next(false, geometry) } else { Then::Normal }
        } else {
            transfer.next(ended, geometry)
        };
        if transfer.task == Task::Write && then != Then::Sector {
            return self.store(transfer, then, now);
        }
        self.proceed(transfer, then, now)
    }

    /// What was written goes to the host.
    fn store(&mut self, mut transfer: Transfer, then: Then, now: Time) -> Option<Transfer> {
        transfer.then = then;
        transfer.step = Step::Store;
        self.due = Some(now.after(SECTOR_NS));
        self.ask_host(&transfer);
        Some(transfer)
    }

    /// The addresses for a track have come. They must be those that the disk has.
    fn store_format(&mut self, mut transfer: Transfer, now: Time) -> Option<Transfer> {
        let drive = self.drives.get(usize::from(transfer.drive));
        let (cylinder, sectors) = drive.map_or((0, 0), |drive| {
            (drive.cylinder, drive.geometry().map_or(0, |geometry| geometry.sectors))
        });
        let mut found = 0u64;
        for id in transfer.buffer.chunks_exact(FORMAT_ID) {
            if let [c, h, r, n] = *id
                && (c, h, n) == (cylinder, transfer.head, N_512)
                && (1..=sectors).contains(&r)
            {
                found |= 1 << (r & 63);
            }
        }
        if found.count_ones() != u32::from(sectors) {
            transfer.fail(St1::new().with_no_data(true), St2::new());
            return self.finish(transfer, code::ABNORMAL);
        }
        transfer.buffer = vec![transfer.fill; usize::from(sectors) * SECTOR];
        transfer.from = 1;
        self.store(transfer, Then::Normal, now)
    }

    fn proceed(&mut self, mut transfer: Transfer, then: Then, now: Time) -> Option<Transfer> {
        match then {
            Then::Sector => self.start_piece(transfer, now),
            Then::Side => {
                transfer.head = 1;
                Some(self.open(transfer, now.after(SECTOR_NS)))
            }
            Then::Normal => self.finish(transfer, code::NORMAL),
            Then::EndOfCylinder if transfer.task == Task::Verify => self.finish(transfer, code::NORMAL),
            Then::EndOfCylinder => {
                transfer.fail(St1::new().with_end_of_cylinder(true), St2::new());
                self.finish(transfer, code::ABNORMAL)
            }
            Then::NoData => {
                transfer.fail(St1::new().with_no_data(true), St2::new());
                self.finish(transfer, code::ABNORMAL)
            }
        }
    }

    /// The result phase begins.
    fn finish(&mut self, transfer: Transfer, code: u8) -> Option<Transfer> {
        let st0 = St0::new()
            .with_drive(transfer.drive)
            .with_head(transfer.head != 0)
            .with_seek_end(transfer.sought)
            .with_code(code);
        self.results.extend([st0.into_bits(), transfer.st1, transfer.st2]);
        self.results.extend(transfer.id);
        self.interrupt = true;
        self.request = None;
        self.due = None;
        self.dma.withdraw();
        None
    }

    /// The processor reads a byte in the execution phase.
    pub(super) fn read_data(&mut self) -> u8 {
        let Some(transfer) = self.transfer.as_mut().filter(|t| t.wants_processor() && t.to_processor())
        else {
            return 0;
        };
        let at = usize::from(transfer.at) + SECTOR - usize::from(transfer.piece);
        let byte = transfer.buffer.get(at).copied().unwrap_or(0);
        self.byte_has_gone();
        byte
    }

    /// The processor writes a byte in the execution phase.
    pub(super) fn write_data(&mut self, byte: u8) {
        let Some(transfer) = self.transfer.as_mut().filter(|t| t.wants_processor() && !t.to_processor())
        else {
            return;
        };
        transfer.buffer.push(byte);
        self.byte_has_gone();
    }

    fn byte_has_gone(&mut self) {
        let now = self.clock.now();
        let Some(transfer) = &mut self.transfer else { return };
        transfer.piece = transfer.piece.saturating_sub(1);
        transfer.burst = transfer.burst.saturating_sub(1);
        if transfer.burst > 0 {
            return;
        }
        // As long as more of the sector is to come, after a moment; then the next sector.
        self.due = Some(now.after(if transfer.piece > 0 { BURST_NS } else { SECTOR_NS }));
        self.interrupt = false;
    }
}
