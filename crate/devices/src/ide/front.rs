//! What every drive has towards its channel: the command block registers, the status, and a buffer which the host
//! moves block by block through the data port, or the bus master as it can.
//!
//! A drive is in one phase at a time, and BSY and DRQ follow from it. What the phases mean for a command is the
//! drive's ([`super::disk`], [`super::cdrom`]): it is told when a block has been moved and when its medium has answered.

use super::medium::{MediumPort, MediumPortV1, Outcome};
use super::spec::{DIAGNOSTIC_PASSED, DeviceHead, Error, Register, Status};
use bus::{Clock, Time, Width};
use host::block::{MAX_SECTORS, Operation, SECTOR};
use serde::{Deserialize, Serialize};

/// The largest buffer.
pub(super) const BUFFER: usize = MAX_SECTORS as usize * SECTOR;

/// One register and what it held before (the HOB half of a 48-bit command).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) current: u8,
    pub(super) previous: u8,
}

impl Pair {
    const fn write(&mut self, value: u8) {
        self.previous = self.current;
        self.current = value;
    }

    const fn read(self, hob: bool) -> u8 {
        if hob { self.previous } else { self.current }
    }
}

impl From<u8> for Pair {
    fn from(current: u8) -> Self {
        Self { current, previous: 0 }
    }
}

/// The registers a command takes its parameters from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TaskFile {
    pub(super) features: Pair,
    pub(super) count: Pair,
    pub(super) low: Pair,
    pub(super) mid: Pair,
    pub(super) high: Pair,
    pub(super) device: DeviceHead,
}

/// What moves next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Nothing: a command may come.
    Idle,
    /// The medium has to answer.
    Busy,
    /// The host reads the data port.
    PioIn,
    /// The host writes the data port.
    PioOut,
    /// The bus master takes the buffer (DMARQ).
    DmaIn,
    /// The bus master fills the buffer.
    DmaOut,
}

/// What the drive does with its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Power {
    Active,
    Idle,
    Standby,
    /// Only a reset wakes it.
    Sleep,
}

/// What SET FEATURES sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// As SET FEATURES codes it: 08h PIO, 20h multiword DMA, 40h Ultra DMA, plus the mode.
    pub(super) transfer_mode: u8,
    pub(super) write_cache: bool,
    pub(super) look_ahead: bool,
    /// A software reset undoes all this.
    pub(super) revert: bool,
}

impl Settings {
    /// The mode is the fastest of the controller, as firmware would set it.
    pub(super) const POWER_ON: Self =
        Self { transfer_mode: 0x42, write_cache: true, look_ahead: true, revert: false };

    /// The bit of the multiword DMA mode that is selected, of IDENTIFY DEVICE's word 63.
    pub(super) const fn multiword(self) -> u16 {
        if self.transfer_mode >> 3 == 4 { 1 << (self.transfer_mode & 7) } else { 0 }
    }

    /// The same of Ultra DMA, of word 88.
    pub(super) const fn ultra(self) -> u16 {
        if self.transfer_mode >> 3 == 8 { 1 << (self.transfer_mode & 7) } else { 0 }
    }
}

/// A drive's face.
#[derive(Debug)]
pub(super) struct Front {
    // Glue.
    pub(super) clock: Clock,
    // Parts.
    pub(super) medium: MediumPort,
    /// 0 to 3 on the controller.
    pub(super) number: u8,
    // State.
    pub(super) task: TaskFile,
    /// Without BSY and DRQ, which follow from the phase.
    status: Status,
    error: u8,
    interrupt: bool,
    phase: Phase,
    buffer: Vec<u8>,
    /// What of the buffer has been moved.
    at: usize,
    /// Where the block that is being moved ends.
    end: usize,
    pub(super) power: Power,
    pub(super) settings: Settings,
}

const READY: Status = Status::new().with_drdy(true).with_dsc(true);

impl Front {
    pub(super) fn new(clock: Clock, medium: MediumPort, number: u8) -> Self {
        Self {
            clock,
            medium,
            number,
            task: TaskFile::default(),
            status: Status::new(),
            error: 0,
            interrupt: false,
            phase: Phase::Idle,
            buffer: Vec::new(),
            at: 0,
            end: 0,
            power: Power::Active,
            settings: Settings::POWER_ON,
        }
    }

    /// A hardware reset, or (not `hard`) one by SRST, DEVICE RESET or EXECUTE DEVICE DIAGNOSTIC. Whatever was under way
    /// is given up.
    pub(super) fn reset(&mut self, hard: bool, signature: Signature) {
        let revert = hard || self.settings.revert;
        let Self {
            clock: _,
            medium,
            number: _,
            task,
            status: _,
            error: _,
            interrupt,
            phase,
            buffer,
            at,
            end,
            power,
            settings,
        } = self;
        medium.give_up();
        *interrupt = false;
        *phase = Phase::Idle;
        *buffer = Vec::new();
        (*at, *end) = (0, 0);
        *power = Power::Active;
        if hard {
            *task = TaskFile::default();
        }
        if revert {
            *settings = Settings::POWER_ON;
        }
        self.sign(signature);
    }

    /// Leaves the signature in the registers (section 9.12).
    pub(super) fn sign(&mut self, signature: Signature) {
        let Signature { mid, high, ready } = signature;
        self.task = TaskFile {
            features: self.task.features,
            count: 1.into(),
            low: 1.into(),
            mid: mid.into(),
            high: high.into(),
            device: self.task.device.with_head(0).with_lba(false).with_dev(false),
        };
        self.error = DIAGNOSTIC_PASSED;
        self.status = if ready { READY } else { Status::new() };
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    // ---- registers ----

    pub(super) fn status(&self) -> Status {
        match self.phase {
            Phase::Idle => self.status,
            Phase::Busy => self.status.with_bsy(true),
            Phase::PioIn | Phase::PioOut | Phase::DmaIn | Phase::DmaOut => self.status.with_drq(true),
        }
    }

    /// A register but Data and Status.
    pub(super) fn read(&self, register: Register, hob: bool) -> u8 {
        match register {
            Register::ERROR_FEATURES => self.error,
            Register::SECTOR_COUNT => self.task.count.read(hob),
            Register::LBA_LOW => self.task.low.read(hob),
            Register::LBA_MID => self.task.mid.read(hob),
            Register::LBA_HIGH => self.task.high.read(hob),
            Register::DEVICE => self.task.device.into_bits(),
            _ => 0,
        }
    }

    /// A register but Data and Command.
    pub(super) fn write(&mut self, register: Register, value: u8) {
        match register {
            Register::ERROR_FEATURES => self.task.features.write(value),
            Register::SECTOR_COUNT => self.task.count.write(value),
            Register::LBA_LOW => self.task.low.write(value),
            Register::LBA_MID => self.task.mid.write(value),
            Register::LBA_HIGH => self.task.high.write(value),
            Register::DEVICE => {
                self.task.device = DeviceHead::from_bits(value).with_obsolete_5(true).with_obsolete_7(true);
            }
            _ => {}
        }
    }

    pub(super) fn interrupt(&self) -> bool {
        self.interrupt
    }

    pub(super) fn clear_interrupt(&mut self) {
        self.interrupt = false;
    }

    pub(super) fn raise_interrupt(&mut self) {
        self.interrupt = true;
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    // ---- ends ----

    /// The command is taken: what the one before left is gone.
    pub(super) fn begin(&mut self) {
        self.interrupt = false;
        self.error = 0;
        self.status = READY;
    }

    /// The command has ended well.
    pub(super) fn finish(&mut self, interrupt: bool) {
        self.stop();
        self.interrupt |= interrupt;
    }

    /// The command has ended with these bits of the Error register.
    pub(super) fn fail(&mut self, error: Error) {
        self.fail_with(error.into_bits(), false);
    }

    /// The same, with any value of the register, and perhaps a fault of the device (DF).
    pub(super) fn fail_with(&mut self, error: u8, fault: bool) {
        self.stop();
        self.error = error;
        self.status = READY.with_err(true).with_df(fault);
        self.interrupt = true;
    }

    /// The command is not known, or not with these parameters.
    pub(super) fn abort(&mut self) {
        self.fail(Error::new().with_abrt(true));
    }

    fn stop(&mut self) {
        self.phase = Phase::Idle;
        self.buffer = Vec::new();
        (self.at, self.end) = (0, 0);
    }

    // ---- the medium ----

    pub(super) fn ask(&mut self, operation: Operation) {
        self.phase = Phase::Busy;
        self.power = Power::Active;
        let now = self.now();
        self.medium.ask(operation, now);
    }

    pub(super) fn collect(&mut self, now: Time) -> Option<Outcome> {
        self.medium.collect(now)
    }

    // ---- data ----

    /// The host is to have `data`, by bus master or in blocks of at most `block` bytes.
    pub(super) fn send(&mut self, data: Vec<u8>, dma: bool, block: usize) {
        self.buffer = data;
        self.at = 0;
        self.end = if dma { self.buffer.len() } else { block.min(self.buffer.len()) };
        self.phase = if dma { Phase::DmaIn } else { Phase::PioIn };
    }

    /// The host is to give `len` bytes, by bus master or in blocks of at most `block` bytes.
    pub(super) fn receive(&mut self, len: usize, dma: bool, block: usize) {
        let len = len.min(BUFFER);
        self.buffer = vec![0; len];
        self.at = 0;
        self.end = if dma { len } else { block.min(len) };
        self.phase = if dma { Phase::DmaOut } else { Phase::PioOut };
    }

    /// The next block of the buffer, if not all has been moved; its length.
    pub(super) fn next_block(&mut self, block: usize) -> Option<usize> {
        let rest = self.buffer.len().saturating_sub(self.end);
        let len = block.min(rest);
        self.end += len;
        (len > 0).then_some(len)
    }

    /// Length of the buffer.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The buffer, which is then gone.
    pub(super) fn take(&mut self) -> Vec<u8> {
        (self.at, self.end) = (0, 0);
        std::mem::take(&mut self.buffer)
    }

    fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Reads the data port. True if that was the end of the block.
    pub(super) fn read_data(&mut self, width: Width) -> (u32, bool) {
        if self.phase != Phase::PioIn {
            return (0, false);
        }
        // The data port is 16 bits wide; of a byte, the drive counts two.
        let len = self.left().min(if width == Width::Dword { 4 } else { 2 });
        let bytes = self.buffer.get(self.at..self.at + len).unwrap_or_default();
        let value = match *bytes {
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            ref some => some.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)),
        };
        self.at += len;
        (value & width.ones(), self.left() == 0)
    }

    /// Writes the data port. True if that was the end of the block.
    pub(super) fn write_data(&mut self, width: Width, value: u32) -> bool {
        if self.phase != Phase::PioOut {
            return false;
        }
        let len = self.left().min(if width == Width::Dword { 4 } else { 2 });
        let bytes = self.buffer.get_mut(self.at..self.at + len).unwrap_or_default();
        for (to, from) in bytes.iter_mut().zip(value.to_le_bytes()) {
            *to = from;
        }
        self.at += len;
        self.left() == 0
    }

    /// What the bus master may take (up to `len` bytes).
    pub(super) fn dma_out(&self, len: usize) -> &[u8] {
        let len = self.left().min(len);
        self.buffer.get(self.at..self.at + len).unwrap_or_default()
    }

    /// What the bus master may fill (up to `len` bytes).
    pub(super) fn dma_in(&mut self, len: usize) -> &mut [u8] {
        let len = self.left().min(len);
        self.buffer.get_mut(self.at..self.at + len).unwrap_or_default()
    }

    /// The bus master has moved `len` bytes. True if that was all.
    pub(super) fn dma_moved(&mut self, len: usize) -> bool {
        self.at += len.min(self.left());
        self.left() == 0
    }
}

/// What a drive says it is after a reset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    mid: u8,
    high: u8,
    /// A packet device does not say that it is ready until it has had a command.
    ready: bool,
}

impl Signature {
    pub(super) const ATA: Self = Self { mid: 0, high: 0, ready: true };
    pub(super) const ATAPI: Self = Self { mid: 0x14, high: 0xEB, ready: false };
}

// Snapshot.

/// Saved [`Front`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FrontV1 {
    medium: MediumPortV1,
    registers: [Pair; 5],
    device: u8,
    status: u8,
    error: u8,
    interrupt: bool,
    phase: Phase,
    buffer: Vec<u8>,
    at: u32,
    end: u32,
    power: Power,
    settings: Settings,
}

impl Front {
    pub(super) fn save(&self) -> FrontV1 {
        let Self {
            clock: _,
            medium,
            number: _,
            task: TaskFile { features, count, low, mid, high, device },
            status,
            error,
            interrupt,
            phase,
            buffer,
            at,
            end,
            power,
            settings,
        } = self;
        FrontV1 {
            medium: medium.save(),
            registers: [*features, *count, *low, *mid, *high],
            device: device.into_bits(),
            status: status.into_bits(),
            error: *error,
            interrupt: *interrupt,
            phase: *phase,
            buffer: buffer.clone(),
            at: *at as u32,
            end: *end as u32,
            power: *power,
            settings: *settings,
        }
    }

    pub(super) fn check(&self, saved: &FrontV1) -> Result<(), &'static str> {
        MediumPort::check(&saved.medium)?;
        let in_order = saved.at <= saved.end && saved.end as usize <= saved.buffer.len();
        if !in_order || saved.buffer.len() > BUFFER {
            return Err("a transfer outside its buffer");
        }
        let moves = !matches!(saved.phase, Phase::Idle | Phase::Busy);
        if moves && saved.at == saved.end {
            return Err("a transfer with nothing to move");
        }
        if (saved.phase == Phase::Busy) != saved.medium.asked() {
            return Err("busy without a request, or a request without being busy");
        }
        if saved.status & (Status::new().with_bsy(true).with_drq(true).into_bits()) != 0 {
            return Err("status bits that follow from others");
        }
        Ok(())
    }

    /// Whether the medium is the one that was here, as far as can be told.
    pub(super) fn same_medium(&self, saved: &FrontV1) -> bool {
        self.medium.same_medium(&saved.medium)
    }

    /// Takes over a saved form that [`Self::check`] has passed.
    pub(super) fn restore(&mut self, saved: FrontV1) {
        let FrontV1 {
            medium,
            registers: [features, count, low, mid, high],
            device,
            status,
            error,
            interrupt,
            phase,
            buffer,
            at,
            end,
            power,
            settings,
        } = saved;
        self.medium.restore(medium);
        self.task =
            TaskFile { features, count, low, mid, high, device: DeviceHead::from_bits(device | 0xA0) };
        self.status = Status::from_bits(status);
        self.error = error;
        self.interrupt = interrupt;
        self.phase = phase;
        self.buffer = buffer;
        (self.at, self.end) = (at as usize, end as usize);
        self.power = power;
        self.settings = settings;
    }
}
