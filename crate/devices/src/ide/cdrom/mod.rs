//! A CD-ROM drive: the packet protocol, the tray, and reading. Sources: ATA/ATAPI-6, sections 8.23 and 9.8; MMC-2
//! (NCITS 333).
//!
//! PACKET takes 12 bytes through the data port; what they ask for then goes to the host by bus master, or in blocks
//! which are no longer than the host's byte count limit. The answer of a command that needs no data of the medium is
//! made at once ([`replies`]); a read asks the medium for as much as one request may, and goes on when that has been moved.

mod replies;

use super::drive;
use super::front::{Front, Pair};
use super::identify;
use super::spec::Error as ErrorBits;
use super::spec::{Command, InterruptReason, Packet, PacketFeatures, Sense};
use host::block::{Block, BlockError, MAX_SECTORS, Operation, SECTOR};
use serde::{Deserialize, Serialize};

/// Bytes of a block of data on a CD.
const BLOCK: usize = 2048;
/// Sectors of requests in one.
const SECTORS: u32 = (BLOCK / SECTOR) as u32;
/// Length of a command packet.
const PACKET: usize = 12;
/// The fastest Ultra DMA mode.
const ULTRA_MAX: u8 = 2;

/// What the data port moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Nothing, or data of a command that is not a packet.
    None,
    /// The packet.
    Packet,
    /// Data that the packet asked for.
    Data,
}

/// What GET EVENT STATUS NOTIFICATION tells next, of the class media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Event {
    None,
    EjectRequest,
    NewMedia,
    MediaRemoval,
}

/// Blocks that are still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    next: u32,
    left: u32,
}

impl Reading {
    /// Blocks of the next request.
    fn chunk(self) -> u32 {
        self.left.min(MAX_SECTORS / SECTORS)
    }
}

#[derive(Debug)]
pub(in crate::ide) struct CdRom {
    // State.
    stage: Stage,
    dma: bool,
    /// The host's byte count limit.
    limit: u16,
    reading: Option<Reading>,
    sense: Sense,
    /// A unit attention that the host has not been told of.
    attention: Option<Sense>,
    /// Told to keep the medium.
    locked: bool,
    tray_open: bool,
    event: Event,
}

impl CdRom {
    pub(in crate::ide) fn new() -> Self {
        Self {
            stage: Stage::None,
            dma: false,
            limit: 0,
            reading: None,
            sense: Sense::NONE,
            attention: Some(Sense::POWER_ON),
            locked: false,
            tray_open: false,
            event: Event::None,
        }
    }

    pub(in crate::ide) fn reset(&mut self, hard: bool) {
        let Self { stage, dma, limit, reading, sense, attention, locked, tray_open: _, event } = self;
        *stage = Stage::None;
        *dma = false;
        *limit = 0;
        *reading = None;
        if hard {
            *sense = Sense::NONE;
            *attention = Some(Sense::POWER_ON);
            *locked = false;
            *event = Event::None;
        }
    }

    // ---- the tray ----

    pub(in crate::ide) const fn tray_open(&self) -> bool {
        self.tray_open
    }

    pub(in crate::ide) const fn locked(&self) -> bool {
        self.locked
    }

    /// The medium is another one, or was out of the drive.
    pub(in crate::ide) fn medium_changed(&mut self) {
        self.attention = Some(Sense::MEDIUM_CHANGED);
        self.event = Event::NewMedia;
    }

    /// Puts a medium in and closes the tray.
    pub(in crate::ide) fn insert(&mut self, front: &mut Front, block: Box<dyn Block>) {
        front.medium.replace(Some(block));
        self.tray_open = false;
        self.medium_changed();
    }

    /// Takes the medium out, whatever the guest says. The tray is left open.
    pub(in crate::ide) fn eject(&mut self, front: &mut Front) {
        front.medium.replace(None);
        self.open_tray();
    }

    /// The button. A guest that keeps the medium is told that somebody wants it.
    pub(in crate::ide) fn press_eject(&mut self) -> bool {
        if self.locked {
            self.event = Event::EjectRequest;
            return false;
        }
        self.open_tray();
        true
    }

    fn open_tray(&mut self) {
        if !self.tray_open {
            self.event = Event::MediaRemoval;
        }
        self.tray_open = true;
        // There is nothing to pay attention to any more.
        self.attention = self.attention.filter(|sense| *sense != Sense::MEDIUM_CHANGED);
    }

    fn close_tray(&mut self, front: &Front) {
        if std::mem::take(&mut self.tray_open) && front.medium.medium().is_some() {
            self.medium_changed();
        }
    }

    /// Blocks on the medium, if one can be read.
    fn blocks(&self, front: &Front) -> Result<u32, Sense> {
        match front.medium.medium() {
            _ if self.tray_open => Err(Sense::NO_MEDIUM_TRAY_OPEN),
            None => Err(Sense::NO_MEDIUM_TRAY_CLOSED),
            Some(medium) => Ok(u32::try_from(medium.sectors / u64::from(SECTORS)).unwrap_or(u32::MAX)),
        }
    }

    // ---- commands ----

    pub(in crate::ide) fn command(&mut self, front: &mut Front, command: Command) {
        self.stage = Stage::None;
        self.reading = None;
        match command {
            Command::PACKET => self.accept_packet(front),
            Command::IDENTIFY_PACKET_DEVICE => {
                front.send(identify::cdrom(front), false, SECTOR);
                front.raise_interrupt();
            }
            // The way to find out what kind of device this is (section 8.15.5.2).
            Command::IDENTIFY_DEVICE | Command::READ_SECTORS => {
                let dev = front.task.device.dev();
                front.sign(super::front::Signature::ATAPI);
                front.task.device.set_dev(dev);
                front.abort();
            }
            Command::SET_FEATURES => drive::set_features(front, ULTRA_MAX, false),
            command => {
                if !drive::power_command(front, command) {
                    front.abort();
                }
            }
        }
    }

    fn accept_packet(&mut self, front: &mut Front) {
        let features = PacketFeatures::from_bits(front.task.features.current);
        if features.overlapped() {
            return front.abort();
        }
        self.dma = features.dma();
        self.limit = u16::from_le_bytes([front.task.mid.current, front.task.high.current]);
        self.stage = Stage::Packet;
        show_reason(front, InterruptReason::new().with_command(true));
        front.receive(PACKET, false, PACKET);
    }

    /// The block that was being moved is through.
    pub(in crate::ide) fn moved(&mut self, front: &mut Front) {
        match self.stage {
            Stage::None => front.finish(false),
            Stage::Packet => {
                let packet = front.take();
                let mut bytes = [0; PACKET];
                for (to, from) in bytes.iter_mut().zip(packet) {
                    *to = from;
                }
                self.stage = Stage::Data;
                if let Err(sense) = self.execute(front, bytes) {
                    self.check_condition(front, sense);
                }
            }
            Stage::Data => match (front.next_block(self.block()), self.reading) {
                (Some(len), _) => self.announce(front, len),
                (None, Some(reading)) if reading.left > 0 => match self.attention.take() {
                    // What is left would be of another medium.
                    Some(attention) => self.check_condition(front, attention),
                    None => self.go_on(front, reading),
                },
                (None, _) => self.good(front),
            },
        }
    }

    fn execute(&mut self, front: &mut Front, packet: [u8; PACKET]) -> Result<(), Sense> {
        let code = Packet(packet[0]);
        let regardless = matches!(
            code,
            Packet::INQUIRY
                | Packet::REQUEST_SENSE
                | Packet::GET_CONFIGURATION
                | Packet::GET_EVENT_STATUS_NOTIFICATION
        );
        if !regardless && let Some(attention) = self.attention.take() {
            return Err(attention);
        }
        if code != Packet::REQUEST_SENSE {
            self.sense = Sense::NONE;
        }
        let (long, short) = (|at| long(packet, at), |at| u32::from(short(packet, at)));
        let blocks = self.blocks(front);
        match code {
            Packet::TEST_UNIT_READY => {
                blocks?;
                self.good(front);
            }
            Packet::READ_10 => self.read(front, long(2), short(7))?,
            Packet::READ_12 => self.read(front, long(2), long(6))?,
            Packet::READ_CD => {
                let [_, kind, .., length, _, _, what, _, _] = packet;
                let count = u32::from_be_bytes([0, length, 0, 0]) | short(7);
                // Any kind of sector or mode 1, of which only the user data is here.
                match (kind >> 2 & 7, what & 0xFE) {
                    (0 | 2, 0x10) => self.read(front, long(2), count)?,
                    (0 | 2, 0x00) => self.read(front, long(2), 0)?,
                    (0 | 2, _) => return Err(Sense::INVALID_FIELD),
                    _ => return Err(Sense::ILLEGAL_MODE_FOR_TRACK),
                }
            }
            Packet::SEEK_10 => {
                if long(2) >= blocks? {
                    return Err(Sense::ADDRESS_OUT_OF_RANGE);
                }
                self.good(front);
            }
            Packet::START_STOP_UNIT => {
                let [_, _, _, _, what, ..] = packet;
                match what & 3 {
                    2 if self.locked => return Err(Sense::REMOVAL_PREVENTED),
                    2 => self.open_tray(),
                    3 => self.close_tray(front),
                    _ => {}
                }
                self.good(front);
            }
            Packet::PREVENT_ALLOW_MEDIUM_REMOVAL => {
                let [_, _, _, _, what, ..] = packet;
                self.locked = what & 1 != 0;
                self.good(front);
            }
            Packet::STOP_PLAY_SCAN => {
                blocks?;
                self.good(front);
            }
            // It is as fast as it is.
            Packet::SET_CD_SPEED => self.good(front),
            _ => {
                let (data, allocated) = self.reply(front, code, &packet)?;
                self.answer(front, data, allocated)?;
            }
        }
        Ok(())
    }

    // ---- ends ----

    fn good(&mut self, front: &mut Front) {
        self.stage = Stage::None;
        self.reading = None;
        show_reason(front, InterruptReason::new().with_command(true).with_to_host(true));
        front.finish(true);
    }

    fn check_condition(&mut self, front: &mut Front, sense: Sense) {
        self.stage = Stage::None;
        self.reading = None;
        self.sense = sense;
        show_reason(front, InterruptReason::new().with_command(true).with_to_host(true));
        let bits = ErrorBits::new().with_abrt(true).into_bits();
        front.fail_with(sense.key << 4 | bits, false);
    }

    // ---- data ----

    /// Bytes of the largest block the host takes: even, unless it is the last.
    fn block(&self) -> usize {
        usize::from(self.limit.min(0xFFFE) & !1)
    }

    /// Sends as much of `data` as the host has allocated.
    fn answer(&mut self, front: &mut Front, mut data: Vec<u8>, allocated: usize) -> Result<(), Sense> {
        data.truncate(allocated);
        if data.is_empty() {
            self.good(front);
            return Ok(());
        }
        self.send(front, data);
        Ok(())
    }

    fn send(&mut self, front: &mut Front, data: Vec<u8>) {
        let len = data.len().min(self.block());
        if !self.dma && len == 0 {
            // Nothing can be moved in blocks of no bytes.
            self.stage = Stage::None;
            self.reading = None;
            return front.abort();
        }
        front.send(data, self.dma, len);
        if self.dma {
            show_reason(front, InterruptReason::new().with_to_host(true));
        } else {
            self.announce(front, len);
        }
    }

    /// A block waits for the host.
    fn announce(&mut self, front: &mut Front, len: usize) {
        let [low, high, ..] = len.to_le_bytes();
        front.task.mid = low.into();
        front.task.high = high.into();
        show_reason(front, InterruptReason::new().with_to_host(true));
        front.raise_interrupt();
    }

    fn read(&mut self, front: &mut Front, first: u32, count: u32) -> Result<(), Sense> {
        let blocks = self.blocks(front)?;
        if first.checked_add(count).is_none_or(|end| end > blocks) {
            return Err(Sense::ADDRESS_OUT_OF_RANGE);
        }
        if count == 0 {
            self.good(front);
        } else {
            self.go_on(front, Reading { next: first, left: count });
        }
        Ok(())
    }

    fn go_on(&mut self, front: &mut Front, reading: Reading) {
        self.reading = Some(reading);
        let first = u64::from(reading.next) * u64::from(SECTORS);
        front.ask(Operation::Read { first, sectors: reading.chunk() * SECTORS });
    }

    /// The medium has answered.
    pub(in crate::ide) fn answered(&mut self, front: &mut Front, result: Result<Vec<u8>, BlockError>) {
        match (result, self.reading) {
            (Ok(data), Some(reading)) if !self.tray_open => {
                let chunk = reading.chunk();
                self.reading =
                    Some(Reading { next: reading.next.saturating_add(chunk), left: reading.left - chunk });
                self.send(front, data);
            }
            (Err(BlockError::OutOfRange), _) => self.check_condition(front, Sense::ADDRESS_OUT_OF_RANGE),
            (Err(BlockError::Failed | BlockError::ReadOnly), _) => {
                self.check_condition(front, Sense::UNRECOVERED_READ_ERROR);
            }
            _ if self.tray_open => self.check_condition(front, Sense::NO_MEDIUM_TRAY_OPEN),
            _ => self.check_condition(front, Sense::NO_MEDIUM_TRAY_CLOSED),
        }
    }
}

/// Four bytes of a packet.
fn long(packet: [u8; PACKET], at: usize) -> u32 {
    u32::from(short(packet, at)) << 16 | u32::from(short(packet, at + 2))
}

/// Two bytes of a packet.
fn short(packet: [u8; PACKET], at: usize) -> u16 {
    let byte = |at: usize| packet.get(at).copied().unwrap_or(0);
    u16::from_be_bytes([byte(at), byte(at + 1)])
}

fn show_reason(front: &mut Front, reason: InterruptReason) {
    front.task.count = Pair::from(reason.into_bits());
}

// Snapshot.

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SenseV1 {
    key: u8,
    asc: u8,
    ascq: u8,
}

impl From<Sense> for SenseV1 {
    fn from(Sense { key, asc, ascq }: Sense) -> Self {
        Self { key, asc, ascq }
    }
}

impl From<SenseV1> for Sense {
    fn from(SenseV1 { key, asc, ascq }: SenseV1) -> Self {
        Self { key, asc, ascq }
    }
}

/// Saved [`CdRom`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::ide) struct CdRomV1 {
    stage: Stage,
    dma: bool,
    limit: u16,
    reading: Option<Reading>,
    sense: SenseV1,
    attention: Option<SenseV1>,
    locked: bool,
    tray_open: bool,
    event: Event,
}

impl CdRom {
    pub(in crate::ide) fn save(&self) -> CdRomV1 {
        let Self { stage, dma, limit, reading, sense, attention, locked, tray_open, event } = self;
        CdRomV1 {
            stage: *stage,
            dma: *dma,
            limit: *limit,
            reading: *reading,
            sense: (*sense).into(),
            attention: attention.map(Into::into),
            locked: *locked,
            tray_open: *tray_open,
            event: *event,
        }
    }

    pub(in crate::ide) fn check(saved: &CdRomV1) -> Result<(), &'static str> {
        let senses = std::iter::once(&saved.sense).chain(&saved.attention);
        if senses.clone().any(|sense| sense.key > 0xF) { Err("no such sense key") } else { Ok(()) }
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub(in crate::ide) fn restore(&mut self, saved: CdRomV1) {
        let CdRomV1 { stage, dma, limit, reading, sense, attention, locked, tray_open, event } = saved;
        *self = Self {
            stage,
            dma,
            limit,
            reading,
            sense: sense.into(),
            attention: attention.map(Into::into),
            locked,
            tray_open,
            event,
        };
    }
}
