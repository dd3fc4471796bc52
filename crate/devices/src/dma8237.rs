//! DMA controllers: two 8237A, one behind the other, and their page registers.
//!
//! Intel 8237A data sheet (231466), sections "Register description" and "Programming"; for the way the two are
//! joined, the page registers and the shift of the channels of 16 bits, IBM PC AT Technical Reference (6280070), "DMA
//! channels", and the DMA registers of the 82371AB (PIIX4) data sheet (290562).
//!
//! A device has the far end of a channel ([`bus::DmaChannel`]), which it gets from [`Dma8237::channel`]. Bytes move
//! when the board lends RAM: all that the devices are ready for, channel by channel. Between two runs of the
//! processor no time passes, so single, demand and block mode differ only in this: a request by software is for block
//! mode, and runs to terminal count. A block that a device began goes on as the device is ready, as with a device
//! that uses IOCHRDY; its DRQ says so. For the same reason priority, compressed timing and extended write are kept
//! and have no effect.
//!
//! Channel 4 is where the first controller enters: it must be unmasked and in cascade mode, or channels 0 to 3 do
//! nothing. Firmware sees to that; [`Dma8237::stand_in_for_firmware`] does it for a kernel that is booted without.
//!
//! Where nothing is, as on the bus: reads of memory that does not exist are all ones, and writes are lost.
//!
//! The page registers are 81h to 8Fh. That at 80h belongs to no channel and has the port of POST codes.
//!
//! Not here: memory-to-memory transfers, which no AT could use and the PIIX4 has not (the command bit is kept,
//! nothing moves); the polarity of DREQ and DACK (kept); high page and extended mode registers (EISA).

use bitfield_struct::bitfield;
use bus::{
    BusMaster, Device, Dma, DmaChannel, DmaError, DmaPort, IoError, IoResult, PhysAddr, PortIo, Region,
};
use bus::{Saved, Snapshot, SnapshotError, Width};
use open_enum::open_enum;
use serde::{Deserialize, Serialize};

// Registers.

/// "Software command codes" and "Word count and address register command codes": offsets from 8 up. Below are address
/// and count of each channel in turn.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Register {
    /// Status (read), command (write).
    STATUS_COMMAND = 0x8,
    REQUEST = 0x9,
    SINGLE_MASK = 0xA,
    MODE = 0xB,
    CLEAR_FLIP_FLOP = 0xC,
    /// Temporary register (read), master clear (write).
    TEMPORARY_MASTER_CLEAR = 0xD,
    CLEAR_MASK = 0xE,
    ALL_MASKS = 0xF,
}

/// "Command register".
#[bitfield(u8)]
struct Command {
    memory_to_memory: bool,
    hold_channel_0: bool,
    disable: bool,
    compressed: bool,
    rotating: bool,
    extended_write: bool,
    dreq_low: bool,
    dack_high: bool,
}

/// "Mode register". The two lowest bits, which select the channel, are not kept.
#[bitfield(u8)]
struct Mode {
    #[bits(2)]
    __: u8,
    #[bits(2)]
    transfer: u8,
    autoinitialize: bool,
    decrement: bool,
    /// Demand, single, block, cascade.
    #[bits(2)]
    service: u8,
}

/// Values of the mode register's transfer field. Verify is 0; 3 is illegal, and moves as little.
mod transfer {
    /// To memory.
    pub(super) const WRITE: u8 = 1;
    /// From memory.
    pub(super) const READ: u8 = 2;
}

/// Values of the mode register's service field.
mod service {
    pub(super) const BLOCK: u8 = 2;
    pub(super) const CASCADE: u8 = 3;
}

/// "Request register" and the single mask register: a channel, and what its bit becomes.
#[bitfield(u8)]
struct OneBit {
    #[bits(2)]
    channel: u8,
    set: bool,
    #[bits(5)]
    __: u8,
}

/// Which page register belongs to channels 0 to 7 (IBM, "Page register addresses"), counted from 80h.
const PAGE_OF: [usize; 8] = [0x7, 0x3, 0x1, 0x2, 0xF, 0xB, 0x9, 0xA];
/// The channel of the second controller where the first one enters.
const CASCADE: usize = 4;
/// RAM exists in such pieces: a transfer is cut there, so that each piece is all memory or none.
const PAGE: u32 = 4096;

/// The regions, in the order of [`Device::regions`]. Pages begin at 81h.
const REGIONS: [Region; 3] = [
    Region { name: "first", len: 16 },
    Region { name: "second", len: 32 },
    Region { name: "pages", len: 15 },
];

/// One channel's registers.
#[derive(Clone, Copy, Debug)]
struct Channel {
    base_address: u16,
    base_count: u16,
    address: u16,
    count: u16,
    mode: Mode,
}

impl Channel {
    const fn new() -> Self {
        Self { base_address: 0, base_count: 0, address: 0, count: 0, mode: Mode::new() }
    }
}

/// One 8237A.
#[derive(Clone, Debug)]
struct Controller {
    channels: [Channel; 4],
    command: Command,
    /// A bit for each channel, as in `request` and `terminal_count`.
    mask: u8,
    /// Requests by software.
    request: u8,
    /// Terminal count was reached since status was read.
    terminal_count: u8,
    /// The flip-flop: the next byte of an address or count is the high one.
    high_byte: bool,
}

impl Controller {
    const fn new() -> Self {
        Self {
            channels: [Channel::new(); 4],
            command: Command::new(),
            mask: 0x0F,
            request: 0,
            terminal_count: 0,
            high_byte: false,
        }
    }

    fn master_clear(&mut self) {
        let Self { channels: _, command, mask, request, terminal_count, high_byte } = self;
        *command = Command::new();
        *mask = 0x0F;
        *request = 0;
        *terminal_count = 0;
        *high_byte = false;
    }

    /// Whether it is the high byte's turn, which it is in turn.
    fn flip(&mut self) -> bool {
        self.high_byte = !self.high_byte;
        !self.high_byte
    }

    /// Reads an address or count, the byte whose turn it is.
    fn read_word(&mut self, offset: u16) -> u8 {
        let Some(channel) = self.channels.get(usize::from(offset >> 1)) else { return 0xFF };
        let word = if offset & 1 == 0 { channel.address } else { channel.count };
        let [low, high] = word.to_le_bytes();
        if self.flip() { high } else { low }
    }

    /// Writes a byte of an address or count: the base and the current register.
    fn write_word(&mut self, offset: u16, value: u8) {
        let second = self.flip();
        let Some(channel) = self.channels.get_mut(usize::from(offset >> 1)) else { return };
        let Channel { base_address, base_count, address, count, mode: _ } = channel;
        let (base, current) = if offset & 1 == 0 { (base_address, address) } else { (base_count, count) };
        let [low, high] = base.to_le_bytes();
        *base = u16::from_le_bytes(if second { [low, value] } else { [value, high] });
        let [low, high] = current.to_le_bytes();
        *current = u16::from_le_bytes(if second { [low, value] } else { [value, high] });
    }

    fn write(&mut self, offset: u16, value: u8) -> IoResult<()> {
        match Register(offset) {
            Register(0..=7) => self.write_word(offset, value),
            Register::STATUS_COMMAND => self.command = Command::from_bits(value),
            Register::REQUEST => set_bit(&mut self.request, OneBit::from_bits(value)),
            Register::SINGLE_MASK => set_bit(&mut self.mask, OneBit::from_bits(value)),
            Register::MODE => {
                if let Some(channel) = self.channels.get_mut(usize::from(value & 3)) {
                    channel.mode = Mode::from_bits(value & !3);
                }
            }
            Register::CLEAR_FLIP_FLOP => self.high_byte = false,
            Register::TEMPORARY_MASTER_CLEAR => self.master_clear(),
            Register::CLEAR_MASK => self.mask = 0,
            Register::ALL_MASKS => self.mask = value & 0x0F,
            _ => return Err(IoError::NoRegister),
        }
        Ok(())
    }
}

fn set_bit(bits: &mut u8, written: OneBit) {
    let bit = 1u8 << written.channel();
    *bits = if written.set() { *bits | bit } else { *bits & !bit };
}

/// The AT's DMA controllers.
#[derive(Debug)]
pub struct Dma8237 {
    // Glue.
    ports: [DmaPort; 8],
    // State.
    controllers: [Controller; 2],
    /// Page registers 80h to 8Fh; the first is not reached.
    pages: [u8; 16],
}

impl Default for Dma8237 {
    fn default() -> Self {
        Self::new()
    }
}

impl Dma8237 {
    /// Controllers with no devices.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ports: std::array::from_fn(|_| DmaPort::new()),
            controllers: [const { Controller::new() }; 2],
            pages: [0; 16],
        }
    }

    /// The device's end of channel 0 to 7 (higher numbers wrap). Channel 4 never moves anything.
    #[must_use]
    pub fn channel(&self, number: usize) -> DmaChannel {
        let [zero, ..] = &self.ports;
        self.ports.get(number & 7).unwrap_or(zero).channel()
    }

    /// Joins the two controllers, as firmware does.
    pub fn stand_in_for_firmware(&mut self) {
        let [_, second] = &mut self.controllers;
        let [cascade, ..] = &mut second.channels;
        cascade.mode = Mode::new().with_service(service::CASCADE);
        second.mask &= !1;
    }

    /// The controller of a channel, the channel's bit in its registers, and its own registers.
    fn parts(&mut self, channel: usize) -> Option<(&mut Controller, u8, usize)> {
        let controller = self.controllers.get_mut(channel >> 2)?;
        Some((controller, 1 << (channel & 3), channel & 3))
    }

    /// Whether the second controller passes on what the first one asks.
    fn joined(&self) -> bool {
        let [_, second] = &self.controllers;
        let [cascade, ..] = &second.channels;
        cascade.mode.service() == service::CASCADE && second.mask & 1 == 0 && !second.command.disable()
    }

    /// How many bytes or words a channel is to move now.
    fn due(&self, channel: usize) -> u32 {
        let (Some(controller), Some(port)) = (self.controllers.get(channel >> 2), self.ports.get(channel))
        else {
            return 0;
        };
        let Some(registers) = controller.channels.get(channel & 3) else { return 0 };
        let bit = 1u8 << (channel & 3);
        if controller.command.disable()
            || registers.mode.service() == service::CASCADE
            || channel == CASCADE
            || channel < CASCADE && !self.joined()
        {
            return 0;
        }
        let left = u32::from(registers.count) + 1;
        if controller.request & bit != 0 && registers.mode.service() == service::BLOCK {
            return left; // by software; a mask does not stop that
        }
        if controller.mask & bit != 0 {
            return 0;
        }
        let ready = port.ready() / unit(channel) as usize;
        left.min(u32::try_from(ready).unwrap_or(u32::MAX))
    }

    /// Moves what a channel is to move.
    fn serve(&mut self, channel: usize, ram: &mut dyn Dma) {
        loop {
            let due = self.due(channel);
            if due == 0 || !self.move_run(channel, due, ram) {
                return;
            }
        }
    }

    /// Moves at most `due` bytes or words: those up to the next edge of a page. False if RAM is not here yet.
    fn move_run(&mut self, channel: usize, due: u32, ram: &mut dyn Dma) -> bool {
        let unit = unit(channel);
        let page = PAGE_OF.get(channel).and_then(|&n| self.pages.get(n)).copied().unwrap_or(0);
        let Some((controller, bit, index)) = self.parts(channel) else { return false };
        let Some(registers) = controller.channels.get_mut(index) else { return false };
        let per_page = PAGE / unit;
        let in_page = u32::from(registers.address) % per_page;
        let down = registers.mode.decrement();
        let run = due.min(if down { in_page + 1 } else { per_page - in_page });
        let lowest = u32::from(registers.address) - if down { run - 1 } else { 0 };
        let at = match unit {
            1 => u32::from(page) << 16 | lowest,
            // Address bit 16 comes from the address register; the page register's lowest bit is not used.
            _ => u32::from(page & !1) << 16 | lowest << 1,
        };
        let at = PhysAddr(u64::from(at));
        let mode = registers.mode;
        let Some(port) = self.ports.get(channel) else { return false };
        let mut bytes = vec![0xFF; (run * unit) as usize];
        match mode.transfer() {
            transfer::WRITE => {
                port.peek(&mut bytes);
                turn(&mut bytes, unit, down);
                match ram.write(at, &bytes) {
                    Err(DmaError::NotHere) => return false,
                    Err(DmaError::NoMemory) | Ok(()) => port.take(bytes.len()),
                }
            }
            transfer::READ => {
                match ram.read(at, &mut bytes) {
                    Err(DmaError::NotHere) => return false,
                    Err(DmaError::NoMemory) => bytes.fill(0xFF),
                    Ok(()) => turn(&mut bytes, unit, down),
                }
                port.give(&bytes);
            }
            _ => port.take(bytes.len()),
        }
        self.count(channel, bit, run);
        true
    }

    /// `run` transfers are done.
    fn count(&mut self, channel: usize, bit: u8, run: u32) {
        let Some((controller, _, index)) = self.parts(channel) else { return };
        let Some(registers) = controller.channels.get_mut(index) else { return };
        let (moved, last) = (run as u16, run > u32::from(registers.count));
        registers.address = match registers.mode.decrement() {
            true => registers.address.wrapping_sub(moved),
            false => registers.address.wrapping_add(moved),
        };
        registers.count = registers.count.wrapping_sub(moved);
        if !last {
            return;
        }
        if registers.mode.autoinitialize() {
            registers.address = registers.base_address;
            registers.count = registers.base_count;
        } else {
            controller.mask |= bit;
        }
        controller.terminal_count |= bit;
        controller.request &= !bit;
        if let Some(port) = self.ports.get(channel) {
            port.terminal_count();
        }
    }

    /// "Status register", which forgets terminal counts when it is read.
    fn read_status(&mut self, number: usize) -> u8 {
        let [first, _] = &self.controllers;
        let asks = |channel: usize| self.ports.get(channel).is_some_and(|port| port.ready() > 0);
        let through = (0..4).any(|channel| (first.mask >> channel & 1 == 0) && asks(channel));
        let requests = (0..4).fold(0, |bits, n| {
            let channel = number * 4 + n;
            bits | u8::from(if channel == CASCADE { through } else { asks(channel) }) << n
        });
        let Some(controller) = self.controllers.get_mut(number) else { return 0xFF };
        let ended = std::mem::take(&mut controller.terminal_count);
        (requests | controller.request) << 4 | ended
    }
}

/// Bytes that a channel moves at a time.
const fn unit(channel: usize) -> u32 {
    if channel < CASCADE { 1 } else { 2 }
}

/// Turns bytes round that go to falling addresses; words stay whole.
fn turn(bytes: &mut [u8], unit: u32, down: bool) {
    if down {
        bytes.reverse();
        if unit == 2 {
            bytes.chunks_exact_mut(2).for_each(|word| word.reverse());
        }
    }
}

impl Device for Dma8237 {
    fn reset(&mut self) {
        let Self { ports: _, controllers, pages } = self;
        *controllers = [const { Controller::new() }; 2];
        *pages = [0; 16];
    }

    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }

    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }

    fn bus_master(&mut self) -> Option<&mut dyn BusMaster> {
        Some(self)
    }
}

impl BusMaster for Dma8237 {
    fn wants_bus(&self) -> bool {
        (0..8).any(|channel| self.due(channel) > 0)
    }

    fn master(&mut self, ram: &mut dyn Dma) {
        for channel in 0..8 {
            self.serve(channel, ram);
        }
    }
}

/// Which controller a region is, and the register there. The second one's are two ports apart.
fn register(region: usize, offset: u16) -> IoResult<(usize, u16)> {
    match region {
        0 if offset < 16 => Ok((0, offset)),
        1 if offset < 32 => Ok((1, offset >> 1)),
        _ => Err(IoError::NoRegister),
    }
}

impl PortIo for Dma8237 {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if region == 2 {
            let page = self.pages.get(usize::from(offset) + 1).ok_or(IoError::NoRegister)?;
            return if width == Width::Byte { Ok(u32::from(*page)) } else { Err(IoError::BadWidth) };
        }
        let (number, offset) = register(region, offset)?;
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        let controller = self.controllers.get_mut(number).ok_or(IoError::NoRegister)?;
        let value = match Register(offset) {
            Register(0..=7) => controller.read_word(offset),
            Register::STATUS_COMMAND => self.read_status(number),
            // Nothing was ever moved from memory to memory.
            Register::TEMPORARY_MASTER_CLEAR => 0,
            Register::ALL_MASKS => controller.mask,
            _ => return Err(IoError::NoRegister),
        };
        Ok(u32::from(value))
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if region == 2 {
            let page = self.pages.get_mut(usize::from(offset) + 1).ok_or(IoError::NoRegister)?;
            if width != Width::Byte {
                return Err(IoError::BadWidth);
            }
            *page = value as u8;
            return Ok(());
        }
        let (number, offset) = register(region, offset)?;
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.controllers.get_mut(number).ok_or(IoError::NoRegister)?.write(offset, value as u8)
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct ChannelV1 {
    base_address: u16,
    base_count: u16,
    address: u16,
    count: u16,
    mode: u8,
}

#[derive(Serialize, Deserialize)]
struct ControllerV1 {
    channels: [ChannelV1; 4],
    command: u8,
    mask: u8,
    request: u8,
    terminal_count: u8,
    high_byte: bool,
}

#[derive(Serialize, Deserialize)]
struct Dma8237V1 {
    controllers: [ControllerV1; 2],
    pages: [u8; 16],
}

const PART: &str = "dma8237";

impl Controller {
    fn save(&self) -> ControllerV1 {
        let Self { channels, command, mask, request, terminal_count, high_byte } = self;
        ControllerV1 {
            channels: channels.map(|Channel { base_address, base_count, address, count, mode }| ChannelV1 {
                base_address,
                base_count,
                address,
                count,
                mode: mode.into_bits(),
            }),
            command: command.into_bits(),
            mask: *mask,
            request: *request,
            terminal_count: *terminal_count,
            high_byte: *high_byte,
        }
    }

    fn restored(saved: ControllerV1) -> Option<Self> {
        let ControllerV1 { channels, command, mask, request, terminal_count, high_byte } = saved;
        let real = channels.iter().all(|c| c.mode & 3 == 0) && (mask | request | terminal_count) & 0xF0 == 0;
        real.then(|| Self {
            channels: channels.map(|ChannelV1 { base_address, base_count, address, count, mode }| Channel {
                base_address,
                base_count,
                address,
                count,
                mode: Mode::from_bits(mode),
            }),
            command: Command::from_bits(command),
            mask,
            request,
            terminal_count,
            high_byte,
        })
    }
}

impl Snapshot for Dma8237 {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { ports: _, controllers: [first, second], pages } = self;
        bus::encode(&Dma8237V1 { controllers: [first.save(), second.save()], pages: *pages })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let Dma8237V1 { controllers: [first, second], pages } = bus::decode(PART, saved.bytes)?;
        let (Some(first), Some(second)) = (Controller::restored(first), Controller::restored(second)) else {
            return Err(SnapshotError::Invalid { part: PART, why: "bits set that do not exist" });
        };
        self.controllers = [first, second];
        self.pages = pages;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, TestRam, shake};

    /// Ports by their places in an AT.
    fn out(bench: &mut Bench<Dma8237>, port: u16, value: u8) {
        match port {
            0x00..=0x0F => bench.write(0, port, value),
            0xC0..=0xDF => bench.write(1, port - 0xC0, value),
            _ => bench.write(2, port - 0x81, value),
        }
    }

    fn bench() -> Bench<Dma8237> {
        let mut bench = Bench::new(|_, _| Dma8237::new());
        for (port, value) in [(0x0D, 0), (0xDA, 0), (0xD6, 0xC0), (0xD4, 0)] {
            out(&mut bench, port, value);
        }
        bench
    }

    /// Programs channel 2.
    fn program(bench: &mut Bench<Dma8237>, mode: u8, at: u32, count: u16) {
        let ([low, high, page, _], [c_low, c_high]) = (at.to_le_bytes(), count.to_le_bytes());
        let writes = [(0x0A, 6), (0x0C, 0), (0x0B, mode | 2), (0x04, low), (0x04, high), (0x81, page)];
        for (port, value) in writes.into_iter().chain([(0x05, c_low), (0x05, c_high), (0x0A, 2)]) {
            out(bench, port, value);
        }
    }

    fn word(bench: &mut Bench<Dma8237>, region: usize, offset: u16) -> u16 {
        u16::from_le_bytes([bench.read(region, offset), bench.read(region, offset)])
    }

    #[test]
    fn registers_have_two_bytes_and_a_flip_flop() {
        let mut bench = bench();
        program(&mut bench, 0x44, 0x12_3456, 0x01FF);
        out(&mut bench, 0x0C, 0);
        assert_eq!((word(&mut bench, 0, 4), word(&mut bench, 0, 5)), (0x3456, 0x01FF));
        assert_eq!(bench.read(2, 0), 0x12);
        bench.read(0, 4);
        out(&mut bench, 0x0C, 0);
        assert_eq!(bench.read(0, 4), 0x56, "cleared");
        assert_eq!(bench.read(0, 0xF), 0x0B, "all but channel 2 masked");
        out(&mut bench, 0x0F, 5);
        assert_eq!(bench.read(0, 0xF), 5);
        out(&mut bench, 0x0E, 0);
        assert_eq!(bench.read(0, 0xF), 0);
        out(&mut bench, 0x0D, 0);
        assert_eq!((bench.read(0, 0xF), bench.read(0, 8)), (0x0F, 0));
        assert_eq!(word(&mut bench, 0, 4), 0x3456, "master clear leaves addresses");
        // The second controller's registers are two ports apart.
        out(&mut bench, 0xC4, 0x78);
        out(&mut bench, 0xC5, 0x56);
        assert_eq!(word(&mut bench, 1, 4), 0x5678);
    }

    #[test]
    fn bytes_go_to_memory_and_from_it_and_terminal_count_masks() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x4_0000), bench.device.channel(2));
        program(&mut bench, 0x44, 0x2_0010, 3);
        device.offer(&[1, 2]);
        assert!(bench.device.wants_bus());
        assert_eq!(bench.read(0, 8), 0x40);
        bench.device.master(&mut ram);
        assert!(!bench.device.wants_bus() && !device.take_terminal_count());
        device.offer(&[3, 4, 5]);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x2_0010..0x2_0015], [1, 2, 3, 4, 0]);
        assert!(device.take_terminal_count());
        assert_eq!((device.pending(), bench.read(0, 0xF)), (1, 0x0F));
        assert_eq!((bench.read(0, 8), bench.read(0, 8)), (0x44, 0x40), "status forgets");
        assert_eq!((word(&mut bench, 0, 4), word(&mut bench, 0, 5)), (0x0014, 0xFFFF));
        device.withdraw();

        program(&mut bench, 0x48, 0x2_0010, 3);
        device.want(10);
        bench.device.master(&mut ram);
        assert_eq!((device.received(), device.pending()), (vec![1, 2, 3, 4], 6));
        assert!(device.take_terminal_count());
        assert_eq!(ram.bytes[0x2_0010..0x2_0015], [1, 2, 3, 4, 0]);
    }

    #[test]
    fn verify_moves_nothing_and_counts() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x1000), bench.device.channel(2));
        program(&mut bench, 0x40, 0x10, 3);
        device.offer(&[9; 4]);
        bench.device.master(&mut ram);
        assert!(device.take_terminal_count());
        assert_eq!(device.pending(), 0);
        assert!(ram.bytes.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn addresses_wrap_within_64_kb() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x4_0000), bench.device.channel(2));
        program(&mut bench, 0x44, 0x1_FFFE, 3);
        device.offer(&[1, 2, 3, 4]);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x1_FFFE..0x2_0002], [1, 2, 0, 0]);
        assert_eq!(ram.bytes[0x1_0000..0x1_0002], [3, 4]);
        program(&mut bench, 0x64, 0x1_0001, 3);
        device.offer(&[5, 6, 7, 8]);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x1_FFFE..0x2_0000], [8, 7], "downwards");
        assert_eq!(ram.bytes[0x1_0000..0x1_0002], [6, 5]);
        // 64 KB at once.
        program(&mut bench, 0x84, 0x2_8000, 0xFFFF);
        let all: Vec<u8> = (0..0x1_0000u32).map(|n| (n % 253) as u8).collect();
        device.offer(&all);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x2_8000..0x3_0000], all[..0x8000]);
        assert_eq!(ram.bytes[0x2_0000..0x2_8000], all[0x8000..]);
        assert!(device.take_terminal_count());
    }

    #[test]
    fn autoinitialize_goes_round() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x1000), bench.device.channel(2));
        program(&mut bench, 0x54, 0x100, 3);
        device.offer(&[1, 2, 3, 4, 5, 6]);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x100..0x105], [5, 6, 3, 4, 0]);
        assert_eq!(bench.read(0, 8), 0x04);
        assert_eq!(bench.read(0, 0xF), 0x0B, "not masked");
        assert_eq!((word(&mut bench, 0, 4), word(&mut bench, 0, 5)), (0x102, 1));
        // A device that ends at terminal count is not served beyond it.
        device.end_at_terminal_count();
        device.withdraw();
        device.offer(&[7; 6]);
        bench.device.master(&mut ram);
        assert_eq!((device.pending(), bench.device.wants_bus()), (4, false));
        assert!(device.take_terminal_count() && bench.device.wants_bus());
    }

    #[test]
    fn channels_of_16_bits_count_words() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x6_0000), bench.device.channel(5));
        // 5FFFCh: address 2FFFEh in words, of which the page has what is above 17 bits.
        for (port, value) in [(0xD6, 0x45), (0xC4, 0xFE), (0xC4, 0xFF), (0x8B, 0x05), (0xC6, 2), (0xC6, 0)] {
            out(&mut bench, port, value);
        }
        out(&mut bench, 0xD4, 1);
        device.offer(&[1]);
        assert!(!bench.device.wants_bus(), "half a word");
        device.offer(&[2, 3, 4, 5, 6]);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x5_FFFC..0x6_0000], [1, 2, 3, 4]);
        assert_eq!(ram.bytes[0x4_0000..0x4_0002], [5, 6], "128 KB are one page");
        assert_eq!(bench.read(1, 0x10), 0x02);
        for (port, value) in
            [(0xD6, 0x69), (0xC4, 1), (0xC4, 0), (0x8B, 0x04), (0xC6, 1), (0xC6, 0), (0xD4, 1)]
        {
            out(&mut bench, port, value);
        }
        ram.bytes[0x4_0002..0x4_0004].copy_from_slice(&[7, 8]);
        device.want(4);
        bench.device.master(&mut ram);
        assert_eq!(device.received(), [7, 8, 5, 6], "downwards, words whole");
    }

    #[test]
    fn software_requests_run_a_block_to_its_end() {
        let mut bench = bench();
        let mut ram = TestRam::new(0x1000);
        program(&mut bench, 0x44, 0x10, 1);
        out(&mut bench, 0x09, 6);
        assert!(!bench.device.wants_bus(), "only in block mode");
        program(&mut bench, 0x84, 0x10, 1);
        out(&mut bench, 0x0A, 6);
        assert!(bench.device.wants_bus(), "masked or not");
        assert_eq!(bench.read(0, 8), 0x40);
        bench.device.master(&mut ram);
        assert_eq!(ram.bytes[0x10..0x13], [0xFF, 0xFF, 0]);
        assert_eq!((bench.read(0, 8), bench.device.wants_bus()), (0x04, false));
    }

    #[test]
    fn nothing_moves_when_something_is_off() {
        let mut bench = bench();
        let device = bench.device.channel(2);
        program(&mut bench, 0x44, 0x10, 3);
        device.offer(&[1]);
        for (off, on) in [((0x08, 4), (0x08, 0)), ((0xD0, 4), (0xD0, 0)), ((0xD4, 4), (0xD4, 0))] {
            out(&mut bench, off.0, off.1);
            assert!(!bench.device.wants_bus());
            out(&mut bench, on.0, on.1);
            assert!(bench.device.wants_bus());
        }
        out(&mut bench, 0xD6, 0x00);
        assert!(!bench.device.wants_bus(), "not joined");
        bench.device.stand_in_for_firmware();
        assert!(bench.device.wants_bus());
        bench.device.reset();
        assert!(!bench.device.wants_bus());
    }

    #[test]
    fn memory_that_is_not_there() {
        let mut bench = bench();
        let (mut ram, device) = (TestRam::new(0x1000), bench.device.channel(2));
        program(&mut bench, 0x44, 0x0FFE, 3);
        device.offer(&[1, 2, 3, 4]);
        ram.not_here = true;
        bench.device.master(&mut ram);
        assert_eq!((device.pending(), bench.device.wants_bus()), (4, true), "later");
        ram.not_here = false;
        bench.device.master(&mut ram);
        assert_eq!((ram.bytes[0x0FFE..].to_vec(), device.pending()), (vec![1, 2], 0), "lost beyond the end");
        program(&mut bench, 0x48, 0x0FFE, 3);
        device.want(4);
        bench.device.master(&mut ram);
        assert_eq!(device.received(), [1, 2, 0xFF, 0xFF]);
    }

    #[test]
    fn survives_anything() {
        let make = |_: &_, _: &_| Dma8237::new();
        shake(make, |dma, random| {
            let mut ram = TestRam::new(0x2_0000);
            let what = random.next_u64();
            if what & 3 == 0 {
                dma.stand_in_for_firmware();
            }
            // Devices begin and end here: what is on its way would be part of their state.
            let channels: Vec<_> = (0..8).map(|n| dma.channel(n)).collect();
            for (n, channel) in channels.iter().enumerate() {
                match what >> (8 + n * 4) & 7 {
                    0..=2 => channel.offer(&vec![n as u8; (what >> 48 & 0x3FFF) as usize]),
                    3..=5 => channel.want((what >> 40 & 0x3FFF) as usize),
                    _ => {}
                }
            }
            ram.not_here = what & 0xF0 == 0;
            dma.master(&mut ram);
            assert!(ram.not_here || !dma.wants_bus(), "all that can move has moved");
            channels.iter().for_each(DmaChannel::withdraw);
        });
    }
}
