//! A small driver of the controller, and what the tests of its parts do with it.

mod cdrom;
mod disk;
mod dma;
mod late;
mod shaken;

use super::*;
use crate::testing::Bench;
use bus::{ClockControl, DmaError, Lines, PhysAddr};
use host::block::{self, BlockError, Completion, Medium, Request, SECTOR};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Status values as the standard writes them.
const BSY: u8 = 0x80;
const DRDY: u8 = 0x50;
const DRQ: u8 = 0x58;
const ERR: u8 = 0x51;

/// Where the tests let the board put the bus master.
const BASE: Port = Port(0xC000);

/// A medium whose sector n is full of a pattern of n.
fn pattern(sectors: usize) -> Vec<u8> {
    (0..sectors * SECTOR).map(pattern_at).collect()
}

fn pattern_at(byte: usize) -> u8 {
    let sector = byte / SECTOR;
    (byte % 251 + 3 * sector + (sector >> 8)) as u8
}

/// A medium that answers only while its gate is open, and fails at the sectors it is told to.
#[derive(Clone)]
struct Gated {
    inner: block::Memory,
    open: Rc<Cell<bool>>,
    bad: Rc<RefCell<Vec<(u64, BlockError)>>>,
    asked: Rc<RefCell<Vec<block::Operation>>>,
    answers: VecDeque<Completion>,
}

impl Gated {
    fn new(contents: Vec<u8>) -> Self {
        Self {
            inner: block::Memory::new(contents, false),
            open: Rc::new(Cell::new(true)),
            bad: Rc::default(),
            asked: Rc::default(),
            answers: VecDeque::new(),
        }
    }
}

impl Block for Gated {
    fn medium(&self) -> Option<Medium> {
        self.inner.medium()
    }

    fn submit(&mut self, request: Request) {
        self.asked.borrow_mut().push(request.operation.clone());
        let range = match &request.operation {
            block::Operation::Read { first, sectors } => *first..*first + u64::from(*sectors),
            block::Operation::Write { first, data } => *first..*first + (data.len() / SECTOR) as u64,
            block::Operation::Flush => u64::MAX - 1..u64::MAX,
        };
        if let Some((_, error)) = self.bad.borrow().iter().find(|(sector, _)| range.contains(sector)) {
            self.answers.push_back(Completion { id: request.id, result: Err(*error) });
            return;
        }
        self.inner.submit(request);
        self.answers.extend(self.inner.poll());
    }

    fn poll(&mut self) -> Option<Completion> {
        if self.open.get() { self.answers.pop_front() } else { None }
    }
}

/// RAM from address zero.
struct Ram(Vec<u8>);

impl Ram {
    fn range(&self, at: PhysAddr, len: usize) -> Result<std::ops::Range<usize>, DmaError> {
        let start = at.0 as usize;
        if start + len <= self.0.len() { Ok(start..start + len) } else { Err(DmaError::NoMemory) }
    }

    /// A descriptor table at `at`: address, bytes; the last one is marked.
    fn table(&mut self, at: usize, entries: &[(u32, u32)]) {
        for (n, (base, bytes)) in entries.iter().enumerate() {
            let last = if n + 1 == entries.len() { 0x8000_0000 } else { 0 };
            let entry = [base.to_le_bytes(), (bytes & 0xFFFF | last).to_le_bytes()].concat();
            self.0[at + 8 * n..at + 8 * n + 8].copy_from_slice(&entry);
        }
    }
}

impl Dma for Ram {
    fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
        let range = self.range(from, into.len())?;
        into.copy_from_slice(&self.0[range]);
        Ok(())
    }

    fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
        let range = self.range(to, data.len())?;
        self.0[range].copy_from_slice(data);
        Ok(())
    }
}

/// A controller, its memory, and a driver for one channel.
struct Rig {
    bench: Bench<Piix4Ide>,
    ram: Ram,
    /// First region of the channel: 0 or 2.
    channel: usize,
}

impl Rig {
    fn new(drives: impl Fn() -> [[Attached; 2]; 2]) -> Self {
        let bench = Bench::new(|control, lines| make(control, lines, drives()));
        Self { bench, ram: Ram(vec![0; 4 << 20]), channel: 0 }
    }

    /// A disk as device 0.
    fn with_disk(disk: &Gated) -> Self {
        Self::new(|| [[Attached::Disk(Box::new(disk.clone())), Attached::Nothing], Default::default()])
    }

    fn out(&mut self, register: u16, value: u8) {
        self.bench.write(self.channel, register, value);
    }

    fn inb(&mut self, register: u16) -> u8 {
        self.bench.read(self.channel, register)
    }

    fn alternate(&mut self) -> u8 {
        self.bench.read(self.channel + 1, 0)
    }

    fn control(&mut self, value: u8) {
        self.bench.write(self.channel + 1, 0, value);
    }

    /// The interrupt wire.
    fn irq(&self) -> bool {
        self.bench.lines.levels() >> (self.channel / 2) & 1 != 0
    }

    fn data(&mut self, width: Width) -> u32 {
        let channel = self.channel;
        self.bench.device.read(channel, 0, width).unwrap()
    }

    fn put(&mut self, width: Width, value: u32) {
        let channel = self.channel;
        self.bench.device.write(channel, 0, width, value).unwrap();
    }

    fn read_block(&mut self, bytes: usize) -> Vec<u8> {
        (0..bytes / 2).flat_map(|_| (self.data(Width::Word) as u16).to_le_bytes()).collect()
    }

    fn write_block(&mut self, data: &[u8]) {
        for pair in data.chunks_exact(2) {
            self.put(Width::Word, u16::from_le_bytes([pair[0], pair[1]]).into());
        }
    }

    /// Puts a 28-bit command into the registers.
    fn command(&mut self, command: u8, device: u8, lba: u32, count: u8) {
        let [low, mid, high, top] = lba.to_le_bytes();
        for (register, value) in
            [(6, device | 0xE0 | top), (2, count), (3, low), (4, mid), (5, high), (7, command)]
        {
            self.out(register, value);
        }
    }

    /// Puts a 48-bit command into the registers.
    fn command_ext(&mut self, command: u8, device: u8, lba: u64, count: u16) {
        let lba = lba.to_le_bytes();
        let count = count.to_le_bytes();
        self.out(6, device | 0xE0);
        for (register, value) in [(2, count[1]), (3, lba[3]), (4, lba[4]), (5, lba[5])] {
            self.out(register, value);
        }
        for (register, value) in [(2, count[0]), (3, lba[0]), (4, lba[1]), (5, lba[2]), (7, command)] {
            self.out(register, value);
        }
    }

    /// The bus master is given what it asks for.
    fn master(&mut self) {
        let Self { bench, ram, .. } = self;
        if bench.device.wants_bus() {
            bench.device.master(ram);
            assert!(!bench.device.wants_bus(), "there was nothing to wait for");
        }
    }

    /// Lets time pass until nothing is due and the bus master has done what it can.
    fn settle(&mut self) {
        loop {
            self.master();
            let Some(due) = self.bench.device.deadline() else { return };
            let now = self.bench.control.clock().now();
            self.bench.run(due.since(now));
        }
    }

    /// Waits for the interrupt and reads Status, which takes it back.
    fn wait(&mut self) -> u8 {
        self.settle();
        assert!(self.irq(), "an interrupt");
        let status = self.inb(7);
        assert!(!self.irq(), "reading Status acknowledges it");
        status
    }

    /// Reads sectors by PIO in blocks of `block` sectors.
    fn pio_in(&mut self, sectors: usize, block: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < sectors * SECTOR {
            assert_eq!(self.wait(), DRQ);
            let left = sectors * SECTOR - data.len();
            data.extend(self.read_block(left.min(block * SECTOR)));
        }
        assert!(!self.irq(), "none after the last block");
        assert_eq!(self.inb(7), DRDY);
        data
    }

    /// Writes sectors by PIO in blocks of `block` sectors.
    fn pio_out(&mut self, data: &[u8], block: usize) {
        assert_eq!(self.alternate(), DRQ);
        assert!(!self.irq(), "none before the first block");
        let mut blocks = data.chunks(block * SECTOR).peekable();
        while let Some(block) = blocks.next() {
            self.write_block(block);
            assert_eq!(self.wait(), if blocks.peek().is_some() { DRQ } else { DRDY });
        }
    }
}

fn make(control: &ClockControl, lines: &Lines, drives: [[Attached; 2]; 2]) -> Piix4Ide {
    let mut ide = Piix4Ide::new([lines.line(0), lines.line(1)], &control.clock(), drives);
    ide.assign(BASE);
    ide
}

fn word(data: &[u8], n: usize) -> u16 {
    u16::from_le_bytes([data[2 * n], data[2 * n + 1]])
}

#[test]
fn it_is_function_1_of_a_piix4() {
    let lines = Lines::new();
    let clock = ClockControl::new().clock();
    let mut ide = Piix4Ide::new([lines.line(0), lines.line(1)], &clock, Default::default());
    assert_eq!(ide.config_read(0), 0x7111_8086);
    assert_eq!(ide.config_read(8), 0x0101_8001);
    assert_eq!(ide.config_read(0x3C), 0, "its interrupts are not those of PCI");
    ide.config_write(0x20, !0, !0);
    assert_eq!(ide.config_read(0x20), 0xFFFF_FFF1);
    ide.config_write(0x20, 0xC000, !0);
    ide.config_write(4, 5, 0xFFFF);
    assert_eq!(ide.windows(), [PciWindow::Io { region: BUS_MASTER, base: BASE }]);
}

#[test]
fn ports_are_decoded_when_switched_on() {
    let disk = Gated::new(pattern(64));
    let mut rig = Rig::with_disk(&disk);
    assert_eq!(rig.bench.device.read(0, 7, Width::Byte), Ok(DRDY.into()));
    assert_eq!(rig.bench.device.read(0, 2, Width::Word), Err(IoError::BadWidth));
    rig.bench.device.config_write(0x40, 0, 0xFFFF);
    assert_eq!(rig.bench.device.read(0, 7, Width::Byte), Err(IoError::NoRegister));
    assert_eq!(rig.bench.device.read(2, 7, Width::Byte), Ok(0x7F), "the other channel has no drives");
    rig.bench.device.config_write(0x40, 0x8000, 0xFFFF);
    rig.bench.device.config_write(4, 0, 0xFFFF);
    assert_eq!(rig.bench.device.read(1, 0, Width::Byte), Err(IoError::NoRegister));
}
