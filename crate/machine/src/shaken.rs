//! The whole machine under random programming of its bus masters: descriptors, commands, media, answers.
//!
//! The chips' own tests shake each alone, over memory that is made up. Here they are on the board, and what they move goes
//! through the machine's memory: nothing may panic, nothing may reach what no bus master is to reach, and a state saved in
//! the middle of it goes on like the one it was saved from.

use crate::board::port;
use crate::memory_map::RamDma;
use crate::{ClockMode, Config, DriveConfig, DriveName, Machine, Outcome};
use bus::{Dma, PhysAddr, Port, Width};
use cpu::platform::Platform;
use host::block::{BlockError, Completion, Operation, Request, SECTOR};
use host::entropy::Seeded;
use std::collections::BTreeMap;

const MEMORY_MB: u32 = 4;
const RAM: u64 = (MEMORY_MB as u64) << 20;
/// Where the guest of this test has put what may be put anywhere.
const BUS_MASTER: u16 = 0xC000;

fn config() -> Config {
    let drive =
        |name, sectors, cdrom| DriveConfig { name, cdrom, sectors, read_only: false, write_through: false };
    Config {
        memory_mb: MEMORY_MB,
        clock: ClockMode::Counted,
        drives: vec![
            drive(DriveName::Hda, Some(5000), false),
            drive(DriveName::Hdb, Some(5000), false),
            drive(DriveName::Hdc, Some(4000), true),
            drive(DriveName::Fda, Some(2880), false),
            drive(DriveName::Fdb, None, false),
        ],
        ..Config::default()
    }
}

/// A machine, and the dice.
struct Shaken {
    machine: Machine,
    random: Seeded,
    /// What the host has been asked and has not answered yet.
    asked: Vec<(DriveName, Request)>,
    /// How often it was asked.
    requests: usize,
    /// Media that were changed.
    media: BTreeMap<DriveName, (Option<u64>, bool)>,
}

impl Shaken {
    fn new(seed: u64) -> Self {
        let Ok(mut machine) = Machine::new(config()) else { panic!("these options are possible") };
        let bios = vec![0xF4; 1 << 16];
        assert_eq!(machine.load_firmware(bios, Vec::new()), Ok(()));
        let mut shaken = Self {
            machine,
            random: Seeded::new(seed),
            asked: Vec::new(),
            requests: 0,
            media: BTreeMap::new(),
        };
        shaken.place();
        shaken
    }

    /// Has the IDE function decode its two channels, says where its bus master is found, and lets it be one.
    fn place(&mut self) {
        self.configure(1, 0x40, 0x8000_8000);
        self.configure(1, 0x20, u32::from(BUS_MASTER) | 1);
        self.configure(1, 0x04, 5);
    }

    fn dice(&mut self, sides: u64) -> u64 {
        self.random.next_u64() % sides
    }

    fn out(&mut self, at: u16, width: Width, value: u32) {
        let count = self.machine.processor.cpu.count;
        self.machine.board_mut().port_write(count, Port(at), width, value);
    }

    fn outb(&mut self, at: u16, value: u64) {
        self.out(at, Width::Byte, value as u32);
    }

    fn configure(&mut self, function: u32, offset: u32, value: u32) {
        self.out(port::PCI_ADDRESS, Width::Dword, 1 << 31 | 1 << 11 | function << 8 | offset);
        self.out(port::PCI_DATA, Width::Dword, value);
    }

    /// An address: mostly in RAM, at its ends, or where RAM is not.
    fn address(&mut self) -> u64 {
        let r = self.random.next_u64();
        match r & 7 {
            0 => r >> 32,
            1 => RAM - (r >> 32) % 0x3000,
            2 => 0xA_0000 - (r >> 32) % 0x3000,
            3 => 0xFD00_0000 + (r >> 32) % 0x200_0000,
            4 => 0xFFFF_0000 + (r >> 32) % 0x1_0000,
            _ => (r >> 32) % RAM,
        }
    }

    /// Fills a page with entries that make sense to the IDE function's bus master, or almost.
    fn descriptors(&mut self) {
        let page = self.dice(RAM >> 12) << 12;
        let mut bytes = Vec::new();
        while bytes.len() < 0x1000 {
            let (base, r) = (self.address() as u32, self.random.next_u64());
            let len = [0, 1, 2, 512, 2048, 0xFFFE][(r % 6) as usize] as u32;
            let last = u32::from(r >> 8 & 7 == 0) << 31;
            bytes.extend((base & !(r as u32 >> 20 & 1)).to_le_bytes());
            bytes.extend((len | last).to_le_bytes());
        }
        if let Some(at) = self.machine.processor.mmu.ram_mut().slice_mut(page, bytes.len()) {
            at.copy_from_slice(&bytes);
        }
        let at = BUS_MASTER + 8 * self.dice(2) as u16 + 4;
        let table = page + self.dice(0x1000);
        self.out(at, Width::Dword, table as u32);
    }

    /// Mostly what makes sense, and now and then anything.
    fn mostly(&mut self, value: u64) -> u64 {
        if self.dice(12) == 0 { self.random.next_u64() } else { value }
    }

    /// A command for one of the IDE drives, with its transfer started.
    fn ide(&mut self) {
        const PACKET: u64 = 0xA0;
        let disk = self.dice(3) != 0;
        let (base, bus_master) = if disk { (0x1F0, BUS_MASTER) } else { (0x170, BUS_MASTER + 8) };
        let commands: &[u64] = match (disk, self.dice(8)) {
            (true, 0) => &[0xEC, 0xC6, 0xE7, 0xEF],
            (true, 1..4) => &[0x20, 0x30, 0x24, 0x34, 0x29, 0x39, 0xC4, 0xC5],
            (true, _) => &[0xC8, 0xCA, 0x25, 0x35],
            (false, 0) => &[0xA1, 0x08, 0xEF],
            (false, _) => &[PACKET],
        };
        let command = commands[self.dice(commands.len() as u64) as usize];
        let command = self.mostly(command) & 0xFF;
        let drive = self.dice(2) << 4 | 0xE0;
        let drive = self.mostly(drive);
        self.outb(base + 6, drive);
        let (sectors, low, middle) = (self.dice(40) + 1, self.dice(256), self.dice(18));
        let features = u64::from(!disk);
        // Twice, as the wider commands take them.
        let registers =
            [(2, 0), (3, 0), (4, 0), (5, 0), (1, features), (2, sectors), (3, low), (4, middle), (5, 0)];
        for (register, value) in registers {
            let value = self.mostly(value);
            self.outb(base + register, value);
        }
        self.outb(base + 7, command);
        if command == PACKET {
            let operation = [0x28, 0x28, 0xA8, 0xBE, 0x12, 0x43, 0x5A, 0x1B][self.dice(8) as usize];
            // Operation; a block; a count in the third or fourth of the next words.
            let (block, blocks) = (self.dice(1000), self.dice(16));
            let words =
                [operation, 0, (block & 0xFF) << 8 | block >> 8, (blocks & 0xFF) << 8, blocks << 8, 0];
            for word in words {
                let word = self.mostly(word);
                self.out(base, Width::Word, word as u32);
            }
        }
        let to_memory = u64::from(!matches!(command, 0xCA | 0x35)) << 3;
        let start = self.mostly(to_memory | 1);
        self.outb(bus_master, 0);
        self.outb(bus_master, start);
        let count = self.machine.processor.cpu.count;
        let width = [Width::Word, Width::Dword][self.dice(2) as usize];
        for _ in 0..self.dice(2) * self.dice(600) {
            if matches!(command, 0x30 | 0x34 | 0x39 | 0xC5) {
                self.out(base, width, count as u32);
            } else {
                self.machine.board_mut().port_read(count, Port(base), width);
            }
        }
    }

    /// What the drives of a channel are in the middle of is given up, so that they take commands again.
    fn soft_reset(&mut self) {
        for control in [0x3F6, 0x376] {
            self.outb(control, 4);
            self.outb(control, 0);
        }
        self.machine.processor.cpu.count += 1_000_000;
        self.machine.settled();
    }

    /// A command for the floppy controller, with a channel programmed for it.
    fn floppy(&mut self) {
        let at = self.address();
        self.outb(0x0A, 6);
        self.outb(0x0C, 0);
        for value in [at, at >> 8] {
            self.outb(0x04, value & 0xFF);
        }
        for value in [self.dice(256), self.dice(64)] {
            self.outb(0x05, value);
        }
        self.outb(0x81, at >> 16 & 0xFF);
        let mode = 2 | self.dice(16) << 4 | self.dice(4) << 2;
        self.outb(0x0B, mode);
        self.outb(0x0A, 2);
        let drive = self.dice(4);
        self.outb(0x3F2, 0x0C | 0x10 << drive | drive);
        let command = [0xE6, 0xC5, 0x4D, 0x0F, 0x07, 0x4A, 0x08, 0xD9, 0x5C][self.dice(9) as usize];
        self.outb(0x3F5, command);
        for _ in 0..self.dice(9) {
            let value = self.dice(20);
            self.outb(0x3F5, value);
        }
        let count = self.machine.processor.cpu.count;
        self.machine.board_mut().port_read(count, Port(0x3F5), Width::Byte);
    }

    /// A descriptor for the firmware configuration device.
    fn fw_cfg(&mut self) {
        let at = self.dice(RAM / 16) * 16;
        let (key, control) = (self.dice(64) as u32, self.dice(32) as u32);
        let (len, to) = (self.dice(1 << 20) as u32 >> self.dice(18), self.address());
        let mut bytes = Vec::from((key << 16 | control).to_be_bytes());
        bytes.extend(len.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        if let Some(place) = self.machine.processor.mmu.ram_mut().slice_mut(at, bytes.len()) {
            place.copy_from_slice(&bytes);
        }
        self.out(0x514, Width::Dword, 0);
        self.out(0x518, Width::Dword, (at as u32).swap_bytes());
    }

    /// The host's part: answers, right and wrong ones, early and late; now and then another medium.
    fn host(&mut self) {
        let asked = self.machine.disk_requests();
        self.requests += asked.len();
        self.asked.extend(asked);
        // One throw per drive, so that a request that nobody waits for any more changes nothing.
        let fates = DriveName::ALL.map(|_| self.dice(12));
        let asked = std::mem::take(&mut self.asked);
        for (drive, request) in asked {
            let result = match (&request.operation, fates[drive as usize]) {
                (_, 0..5) => {
                    self.asked.push((drive, request));
                    continue;
                }
                (_, 5) => Err(BlockError::Failed),
                (_, 6) => Err(BlockError::OutOfRange),
                (Operation::Read { .. }, 7) => Ok(vec![7; 100]),
                (Operation::Read { sectors, .. }, _) => Ok(vec![0x5A; *sectors as usize * SECTOR]),
                (Operation::Write { .. } | Operation::Flush, _) => Ok(Vec::new()),
            };
            self.machine.answer_disk(drive, Completion { id: request.id, result });
        }
        if self.dice(50) == 0 {
            let drive = [DriveName::Hdc, DriveName::Fda, DriveName::Fdb][self.dice(3) as usize];
            let sectors = [None, Some(2880), Some(1440)][self.dice(3) as usize];
            self.asked.retain(|(of, _)| *of != drive);
            let read_only = self.dice(2) == 0;
            self.media.insert(drive, (sectors, read_only));
            assert_eq!(self.machine.change_medium(drive, sectors, read_only), Ok(()));
        }
    }

    fn step(&mut self) {
        if self.dice(4) == 0 {
            self.soft_reset();
        }
        match self.dice(8) {
            0..4 => self.ide(),
            4 => self.floppy(),
            5 => self.fw_cfg(),
            _ => self.descriptors(),
        }
        self.host();
        self.machine.processor.cpu.count += 1 << self.dice(22);
        // The guest does nothing but wait with interrupts off; a power-off by chance is undone.
        if self.machine.run(0, 1) == Outcome::PowerOff {
            self.machine.reset();
            self.place();
        }
    }
}

#[test]
fn random_bus_masters_reach_ram_and_nothing_else() {
    for seed in 0..12 {
        let mut shaken = Shaken::new(seed);
        let bios = |machine: &mut Machine| {
            let mut bytes = vec![0; 1 << 16];
            let (_, mmu) = machine.board_and_memory();
            assert_eq!(RamDma::new(mmu).read(PhysAddr(0xFFFF_0000), &mut bytes), Ok(()));
            bytes
        };
        for _ in 0..1500 {
            shaken.step();
        }
        // It was not all refused: what the media hold has reached RAM, many times.
        let ram = shaken.machine.processor.mmu.ram();
        let sectors = (0..RAM).step_by(SECTOR);
        let read = sectors.filter(|at| ram.slice(*at, SECTOR).is_some_and(|s| s.contains(&0x5A))).count();
        assert!(shaken.requests > 40 && read > 40, "{} requests, {read} sectors", shaken.requests);
        assert!(bios(&mut shaken.machine) == vec![0xF4; 1 << 16], "seed {seed}: the flash was written");
    }
}

#[test]
fn a_state_saved_while_transfers_are_under_way_goes_on_like_the_first() {
    for seed in 100..106 {
        let mut first = Shaken::new(seed);
        for _ in 0..300 {
            first.step();
        }
        let saved = first.machine.save();
        let mut second = Shaken::new(seed);
        for (drive, (sectors, read_only)) in &first.media {
            assert_eq!(second.machine.change_medium(*drive, *sectors, *read_only), Ok(()));
        }
        assert_eq!(second.machine.restore(&saved), Ok(()));
        assert_eq!(second.machine.state_hash(), first.machine.state_hash(), "seed {seed}");
        first.asked.extend(first.machine.disk_requests());
        // What was asked and is still waited for is asked anew.
        second.asked = second.machine.disk_requests();
        second.random = first.random.clone();
        for n in 0..200 {
            first.step();
            second.step();
            if n % 20 == 0 {
                assert_eq!(second.machine.state_hash(), first.machine.state_hash(), "seed {seed}, {n}");
            }
        }
    }
}
