//! The controller on a bench, with a small driver, a DMA controller and RAM.

use super::*;
use crate::dma8237::Dma8237;
use crate::testing::{Bench, TestRam, shake};
use bus::{BusMaster, ClockControl, DmaPort, Lines, Saved, Snapshot};
use host::block::{self, BlockError, Completion, Medium, Memory, Operation, Request, SECTOR};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// DMA modes of channel 2, single mode.
const VERIFY: u8 = 0x42;
const TO_MEMORY: u8 = 0x46;
const FROM_MEMORY: u8 = 0x4A;
/// Where the driver's buffer is.
const BUFFER: usize = 0x1_0000;

const DOR: u16 = 2;
const MSR: u16 = 4;
const FIFO: u16 = 5;

/// The first bytes of a sector say which it is; the rest is the same in all.
fn disk(bytes: usize) -> Vec<u8> {
    let mut disk = vec![0xA5; bytes];
    for (n, sector) in disk.chunks_mut(SECTOR).enumerate() {
        sector[..4].copy_from_slice(&(n as u32).to_le_bytes());
    }
    disk
}

struct Driver {
    bench: Bench<Floppy>,
    dma: Dma8237,
    ram: TestRam,
}

impl Driver {
    /// Drive 0 holds `medium`; the controller is out of reset, its motor on, the heads at track 0.
    fn new(medium: impl Block + 'static) -> Self {
        let mut driver = Self::empty();
        driver.bench.device.insert(0, Box::new(medium)).unwrap();
        driver
    }

    fn empty() -> Self {
        let mut dma = Dma8237::new();
        dma.stand_in_for_firmware();
        let channel = dma.channel(2);
        let bench = Bench::new(|control, lines| {
            Floppy::new(lines.line(0), channel.clone(), control.clock(), [true, true])
        });
        let mut driver = Self { bench, dma, ram: TestRam::new(0x4_0000) };
        driver.bench.write(0, DOR, 0x3C);
        driver.wait();
        for drive in 0..4 {
            assert_eq!(driver.command(&[0x08]), [0xC0 | drive, 0], "polled");
        }
        driver.command(&[0x03, 0xAF, 0x02]);
        driver.bench.write(1, 0, 0);
        driver
    }

    fn irq(&self) -> bool {
        self.bench.lines.levels() & 1 != 0
    }

    /// Fires what is due next, and lends the bus.
    fn step(&mut self) -> bool {
        let Some(due) = self.bench.device.deadline() else { return false };
        self.bench.control.advance_to(due);
        let now = self.bench.control.clock().now();
        self.bench.device.fire(now);
        if self.dma.wants_bus() {
            self.dma.master(&mut self.ram);
        }
        true
    }

    /// Lets time pass until the interrupt comes.
    fn wait(&mut self) {
        for _ in 0..100_000 {
            if self.irq() {
                return;
            }
            assert!(self.step(), "nothing will ever happen");
        }
        panic!("no interrupt");
    }

    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            assert_eq!(self.bench.read(0, MSR) & 0xC0, 0x80, "ready for a command's byte");
            self.bench.write(0, FIFO, byte);
        }
    }

    fn results(&mut self) -> Vec<u8> {
        let mut results = Vec::new();
        while self.bench.read(0, MSR) & 0xD0 == 0xD0 {
            results.push(self.bench.read(0, FIFO));
        }
        results
    }

    /// A command without an execution phase.
    fn command(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.put(bytes);
        self.results()
    }

    /// A command that ends with an interrupt and a result phase.
    fn run(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.put(bytes);
        self.wait();
        let results = self.results();
        assert!(!self.irq(), "reading the results takes the interrupt away");
        results
    }

    fn seek(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.put(bytes);
        self.wait();
        self.command(&[0x08])
    }

    fn program_dma(&mut self, mode: u8, bytes: usize) {
        let [low, high, ..] = (bytes - 1).to_le_bytes();
        for (region, offset, value) in [
            (0, 0x0A, 6),
            (0, 0x0C, 0),
            (0, 0x0B, mode),
            (0, 4, 0),
            (0, 4, 0),
            (2, 0, (BUFFER >> 16) as u8),
            (0, 5, low),
            (0, 5, high),
            (0, 0x0A, 2),
        ] {
            PortIo::write(&mut self.dma, region, offset, Width::Byte, value.into()).unwrap();
        }
    }

    /// Which sectors the buffer begins with.
    fn sectors(&self, count: usize) -> Vec<u32> {
        let bytes = &self.ram.bytes[BUFFER..BUFFER + count * SECTOR];
        bytes.chunks(SECTOR).map(|s| u32::from_le_bytes(s[..4].try_into().unwrap())).collect()
    }

    fn restart(&mut self) {
        let bytes = self.bench.device.save();
        self.bench.device.restore(Saved { version: 1, bytes: &bytes }).unwrap();
        assert_eq!(self.bench.device.save(), bytes);
    }
}

fn standard() -> (Driver, Memory) {
    let medium = Memory::new(disk(1_474_560), false);
    (Driver::new(medium.clone()), medium)
}

#[test]
fn reset_interrupts_once_and_is_sensed_four_times() {
    let (mut driver, _) = standard();
    assert_eq!(driver.command(&[0x08]), [0x80], "no more than four");
    driver.bench.write(0, DOR, 0x38);
    assert_eq!(driver.bench.read(0, MSR), 0);
    driver.bench.write(0, DOR, 0x3C);
    assert!(!driver.irq(), "not at once");
    assert_eq!(driver.bench.run(RESET_NS), 1);
    assert_eq!(driver.bench.read(0, MSR), 0x80);
    for drive in 0..4 {
        assert!(driver.irq() == (drive == 0));
        assert_eq!(driver.command(&[0x08]), [0xC0 | drive, 0]);
    }
    driver.bench.write(0, MSR, 0x80);
    assert_eq!(driver.bench.read(0, MSR), 0, "reset by DSR");
    assert_eq!(driver.bench.run(RESET_NS), 1);
    assert_eq!(driver.command(&[0x08]), [0xC0, 0]);
    // Without polling there is no interrupt.
    driver.command(&[0x13, 0, 0x10, 0]);
    driver.bench.write(0, MSR, 0x80);
    assert_eq!(driver.bench.run(10 * RESET_NS), 0);
    assert_eq!(driver.bench.read(0, MSR), 0x80);
}

#[test]
fn is_recognized_as_82077aa() {
    let (mut driver, _) = standard();
    assert_eq!(driver.command(&[0x10]), [0x90]);
    driver.command(&[0x13, 0, 0x57, 0x20]);
    driver.command(&[0x12, 0x84]);
    driver.command(&[0x03, 0xDF, 0x02]);
    assert_eq!(driver.command(&[0x0E]), [0, 0, 0, 0, 0xDF, 0x02, 0, 0x04, 0x57, 0x20]);
    assert_eq!(driver.command(&[0x94]), [0x10], "locked");
    driver.bench.write(0, MSR, 0x80);
    driver.bench.run(RESET_NS);
    assert_eq!(driver.command(&[0x0E])[7..], [0x84, 0x57, 0x20], "kept by LOCK");
    assert_eq!(driver.command(&[0x14]), [0x00]);
    driver.bench.write(0, MSR, 0x80);
    driver.bench.run(RESET_NS);
    assert_eq!(driver.command(&[0x0E])[7..], [0x04, 0x70, 0x00]);
    // No PART ID, no scan, nothing else.
    for invalid in [0x18, 0x00, 0x01, 0x11, 0x19, 0x1D, 0xFF, 0xD1, 0x4F] {
        assert_eq!(driver.command(&[invalid]), [0x80], "{invalid:#x}");
    }
}

#[test]
fn seeks_take_time_and_clear_the_change_line() {
    let (mut driver, _) = standard();
    assert_eq!(driver.bench.read(1, 0), 0xFF, "changed since power-on");
    assert_eq!(driver.seek(&[0x07, 0]), [0x20, 0]);
    assert_eq!(driver.bench.read(1, 0), 0xFF, "no step, no change");
    assert_eq!(driver.command(&[0x04, 4]), [0x3C], "track 0, head 1");
    driver.put(&[0x0F, 0, 10]);
    assert!(!driver.irq());
    assert_eq!(driver.bench.read(0, MSR), 0x81, "the drive is busy, not the controller");
    assert_eq!(driver.bench.run(SETTLE_NS + 10 * STEP_NS - 1), 0);
    assert_eq!(driver.bench.run(1), 1);
    assert_eq!(driver.bench.read(0, MSR), 0x81);
    assert_eq!(driver.command(&[0x08]), [0x20, 10]);
    assert_eq!((driver.bench.read(0, MSR), driver.irq()), (0x80, false));
    assert_eq!(driver.bench.read(1, 0), 0x7F);
    assert_eq!(driver.command(&[0x04, 0]), [0x28]);
    assert_eq!(driver.seek(&[0xCF, 0, 5]), [0x20, 15], "relative, inwards");
    assert_eq!(driver.seek(&[0x8F, 0, 14]), [0x20, 1]);
    assert_eq!(driver.seek(&[0x07, 0]), [0x20, 0]);
    // Two drives at once.
    driver.put(&[0x0F, 0, 3, 0x0F, 1, 5]);
    assert_eq!(driver.bench.read(0, MSR), 0x83);
    while driver.step() {}
    assert_eq!(driver.command(&[0x08]), [0x20, 3]);
    assert!(driver.irq(), "one more");
    assert_eq!(driver.command(&[0x08]), [0x21, 5]);
    assert!(!driver.irq());
    // A drive that is not there.
    assert_eq!(driver.seek(&[0x07, 2]), [0x72, 0]);
}

#[test]
fn reads_until_terminal_count() {
    let (mut driver, _) = standard();
    driver.seek(&[0x0F, 0, 1]);
    driver.program_dma(TO_MEMORY, 3 * SECTOR);
    let results = driver.run(&[0xE6, 4, 1, 1, 5, 2, 18, 0x1B, 0xFF]);
    assert_eq!(results, [0x04, 0, 0, 1, 1, 8, 2]);
    assert_eq!(driver.sectors(4), [58, 59, 60, 0]);
    // Across heads, to the end of the cylinder.
    driver.program_dma(TO_MEMORY, 20 * SECTOR);
    let results = driver.run(&[0xE6, 0, 1, 0, 17, 2, 18, 0x1B, 0xFF]);
    assert_eq!(results, [0x04, 0, 0, 2, 0, 1, 2]);
    assert_eq!(driver.sectors(20), (52..72).collect::<Vec<_>>());
    // Terminal count within a sector.
    driver.program_dma(TO_MEMORY, 100);
    assert_eq!(driver.run(&[0x46, 0, 1, 0, 18, 2, 18, 0x1B, 0xFF]), [0, 0, 0, 2, 0, 1, 2]);
    // Without it, the cylinder ends.
    driver.program_dma(TO_MEMORY, 4 * SECTOR);
    assert_eq!(driver.run(&[0x46, 0, 1, 0, 16, 2, 18, 0x1B, 0xFF]), [0x40, 0x80, 0, 2, 0, 1, 2]);
    // DMA's verify reads the disk and nothing else.
    driver.ram.bytes.fill(0);
    driver.program_dma(VERIFY, SECTOR);
    assert_eq!(driver.run(&[0x46, 0, 1, 0, 1, 2, 18, 0x1B, 0xFF])[..3], [0, 0, 0]);
    assert!(driver.ram.bytes.iter().all(|&byte| byte == 0));
}

#[test]
fn writes_reach_the_medium() {
    let (mut driver, medium) = standard();
    driver.ram.bytes[BUFFER..BUFFER + 4 * SECTOR].fill(0x11);
    driver.program_dma(FROM_MEMORY, 4 * SECTOR);
    assert_eq!(driver.run(&[0xC5, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF]), [0x04, 0, 0, 0, 1, 3, 2]);
    let contents = medium.contents();
    assert!(contents[16 * SECTOR..20 * SECTOR].iter().all(|&byte| byte == 0x11));
    assert_eq!((contents[15 * SECTOR], contents[20 * SECTOR]), (15, 20));
    // What is missing after terminal count is zeros.
    driver.program_dma(FROM_MEMORY, 10);
    assert_eq!(driver.run(&[0x49, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]), [0, 0, 0, 0, 0, 2, 2]);
    let sector = medium.contents()[..SECTOR].to_vec();
    assert_eq!((sector[9], sector[10], sector[511]), (0x11, 0, 0));
    // The next sector of a track that has none is not found, but those before are stored.
    driver.program_dma(FROM_MEMORY, 4 * SECTOR);
    assert_eq!(driver.run(&[0x45, 0, 0, 0, 18, 2, 20, 0x1B, 0xFF])[..3], [0x40, 0x04, 0]);
    assert_eq!(medium.contents()[17 * SECTOR], 0x11);
}

#[test]
fn a_protected_disk_is_not_written() {
    let medium = Memory::new(disk(1_474_560), true);
    let mut driver = Driver::new(medium.clone());
    assert_eq!(driver.command(&[0x04, 0]), [0x78]);
    driver.program_dma(FROM_MEMORY, SECTOR);
    assert_eq!(driver.run(&[0x45, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], [0x40, 0x02, 0]);
    assert_eq!(driver.run(&[0x4D, 0, 2, 18, 0x1B, 0xF6])[..3], [0x40, 0x02, 0]);
    assert_eq!(medium.contents(), disk(1_474_560));
    assert_eq!(driver.bench.read(0, 0) & 0x02, 0, "write protect in status A");
}

#[test]
fn what_is_not_on_the_disk_is_not_found() {
    let (mut driver, _) = standard();
    let mut status = |bytes: [u8; 9]| {
        driver.program_dma(TO_MEMORY, SECTOR);
        driver.run(&bytes)[..3].to_vec()
    };
    assert_eq!(status([0x46, 0, 0, 0, 19, 2, 19, 0x1B, 0xFF]), [0x40, 0x04, 0], "sector");
    assert_eq!(status([0x46, 0, 0, 0, 0, 2, 18, 0x1B, 0xFF]), [0x40, 0x04, 0]);
    assert_eq!(status([0x46, 0, 0, 1, 1, 2, 18, 0x1B, 0xFF]), [0x40, 0x04, 0], "head");
    assert_eq!(status([0x46, 0, 3, 0, 1, 2, 18, 0x1B, 0xFF]), [0x40, 0x04, 0x10], "cylinder");
    assert_eq!(status([0x46, 0, 255, 0, 1, 2, 18, 0x1B, 0xFF]), [0x40, 0x04, 0x12], "bad cylinder");
    assert_eq!(status([0x46, 0, 0, 0, 1, 3, 18, 0x1B, 0xFF]), [0x40, 0x04, 0], "size");
    assert_eq!(status([0x06, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]), [0x40, 0x01, 0], "FM");
    assert_eq!(status([0x46, 1, 0, 0, 1, 2, 18, 0x1B, 0xFF]), [0x41, 0x01, 0], "no disk");
    driver.bench.write(1, 0, 2);
    assert_eq!(driver.run(&[0x4A, 0])[..3], [0x40, 0x01, 0], "data rate");
    driver.bench.write(1, 0, 0);
    assert_eq!(driver.run(&[0x4A, 0])[..6], [0, 0, 0, 0, 0, driver_sector(&driver)]);
    driver.bench.write(0, DOR, 0x0C);
    assert_eq!(driver.run(&[0x4A, 0])[..3], [0x40, 0x01, 0], "motor");
    // A disk with one side.
    let mut driver = Driver::new(Memory::new(disk(163_840), false));
    driver.bench.write(1, 0, 2);
    assert_eq!(driver.run(&[0x4A, 0])[..3], [0, 0, 0]);
    assert_eq!(driver.run(&[0x4A, 4])[..3], [0x44, 0x01, 0]);
    driver.seek(&[0x0F, 0, 40]);
    assert_eq!(driver.run(&[0x4A, 0])[..3], [0x40, 0x01, 0], "tracks end");
}

/// The sector that passes under the heads.
fn driver_sector(driver: &Driver) -> u8 {
    (driver.bench.control.clock().now().0 / SECTOR_NS % 18) as u8 + 1
}

#[test]
fn configured_seeks_are_implied() {
    let (mut driver, _) = standard();
    driver.command(&[0x13, 0, 0x57, 0]);
    driver.program_dma(TO_MEMORY, SECTOR);
    assert_eq!(driver.run(&[0x46, 0, 40, 0, 1, 2, 18, 0x1B, 0xFF]), [0x20, 0, 0, 40, 0, 2, 2]);
    assert_eq!(driver.sectors(1), [40 * 36]);
    assert_eq!(driver.command(&[0x0E])[0], 40);
    driver.program_dma(TO_MEMORY, SECTOR);
    assert_eq!(driver.run(&[0x46, 0, 40, 0, 2, 2, 18, 0x1B, 0xFF])[0], 0x00, "no seek");
}

#[test]
fn tracks_are_read_verified_and_searched_for_marks() {
    let (mut driver, _) = standard();
    driver.program_dma(TO_MEMORY, SECTOR);
    assert_eq!(
        driver.run(&[0x42, 0, 0, 0, 7, 2, 18, 0x1B, 0xFF])[..3],
        [0, 0x04, 0],
        "not what was asked for"
    );
    driver.program_dma(TO_MEMORY, 18 * SECTOR);
    assert_eq!(driver.run(&[0x42, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], [0, 0, 0]);
    assert_eq!(driver.sectors(18), (0..18).collect::<Vec<_>>(), "from the index hole on");
    // VERIFY: to EOT, a count of sectors, and beyond the track.
    assert_eq!(driver.run(&[0x56, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], [0, 0, 0]);
    assert_eq!(driver.run(&[0xD6, 0x80, 0, 0, 1, 2, 18, 0x1B, 20]), [0x04, 0, 0, 0, 1, 3, 2]);
    assert_eq!(driver.run(&[0x56, 0, 0, 0, 1, 2, 19, 0x1B, 0xFF])[..3], [0x40, 0x04, 0]);
    // Nothing is marked as deleted.
    driver.program_dma(TO_MEMORY, 2 * SECTOR);
    assert_eq!(driver.run(&[0x4C, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF]), [0, 0, 0x40, 0, 0, 3, 2]);
    assert_eq!(driver.sectors(1), [2]);
    driver.program_dma(TO_MEMORY, 2 * SECTOR);
    assert_eq!(driver.run(&[0x6C, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF])[..3], [0x40, 0x80, 0x40], "skipped all");
}

#[test]
fn a_track_is_formatted_as_the_disk_is() {
    let (mut driver, medium) = standard();
    driver.seek(&[0x0F, 0, 2]);
    let mut format = |ids: &[u8], sectors: u8| {
        driver.ram.bytes[BUFFER..BUFFER + ids.len()].copy_from_slice(ids);
        driver.program_dma(FROM_MEMORY, ids.len());
        driver.run(&[0x4D, 4, 2, sectors, 0x54, 0xF6])[..3].to_vec()
    };
    // Interleaved.
    let ids: Vec<u8> = (0..18).flat_map(|n| [2, 1, n * 7 % 18 + 1, 2]).collect();
    let twice: Vec<u8> = (0..18).flat_map(|_| [2, 1, 1, 2]).collect();
    assert_eq!(format(&twice, 18), [0x44, 0x04, 0], "a sector twice");
    assert_eq!(format(&ids[..60], 15), [0x44, 0x04, 0], "another format");
    assert_eq!(format(&ids[..64], 18), [0x44, 0x04, 0], "terminal count too soon");
    assert_eq!(medium.contents(), disk(1_474_560));
    assert_eq!(format(&ids, 18), [0x04, 0, 0]);
    let contents = medium.contents();
    assert!(contents[90 * SECTOR..108 * SECTOR].iter().all(|&byte| byte == 0xF6));
    assert_eq!((contents[89 * SECTOR], contents[108 * SECTOR]), (89, 108));
}

#[test]
fn every_format_can_be_read_to_its_last_sector() {
    for (kb, rate) in
        [(160, 2), (180, 1), (320, 2), (360, 1), (720, 2), (1200, 0), (1440, 0), (1680, 0), (2880, 3)]
    {
        let mut driver = Driver::new(Memory::new(disk(kb * 1024), false));
        let Geometry { cylinders, heads, sectors, .. } = driver.bench.device.geometry(0).unwrap();
        driver.bench.write(1, 0, rate);
        driver.seek(&[0x0F, 0, cylinders - 1]);
        driver.program_dma(TO_MEMORY, SECTOR);
        let unit = (heads - 1) << 2;
        let bytes = [0x46, unit, cylinders - 1, heads - 1, sectors, 2, sectors, 0x1B, 0xFF];
        assert_eq!(driver.run(&bytes), [unit, 0, 0, cylinders, heads - 1, 1, 2], "{kb} KB");
        assert_eq!(driver.sectors(1), [kb as u32 * 2 - 1]);
    }
}

#[test]
fn data_can_go_through_the_processor() {
    let (mut driver, medium) = standard();
    driver.command(&[0x03, 0xAF, 0x03]);
    for fifo in [0x20, 0x07] {
        driver.command(&[0x13, 0, fifo, 0]);
        driver.put(&[0x46, 0, 0, 0, 3, 2, 4, 0x1B, 0xFF]);
        let (mut bytes, mut interrupts) = (Vec::new(), 0);
        loop {
            driver.wait();
            if driver.bench.read(0, MSR) & 0x20 == 0 {
                break;
            }
            interrupts += 1;
            while driver.bench.read(0, MSR) == 0xF0 {
                bytes.push(driver.bench.read(0, FIFO));
            }
            assert!(!driver.irq());
            assert_eq!(driver.bench.read(0, MSR) & 0xB0, 0x30, "none ready");
        }
        assert_eq!(driver.results(), [0x40, 0x80, 0, 1, 0, 1, 2], "nobody gives terminal count");
        assert_eq!(bytes, disk(1_474_560)[2 * SECTOR..4 * SECTOR]);
        // One byte, or 16 less the threshold.
        assert_eq!(interrupts, if fifo == 0x20 { 1024 } else { 2 * 57 });
    }
    driver.put(&[0x45, 0, 0, 0, 3, 2, 3, 0x1B, 0xFF]);
    let mut sent = 0u16;
    loop {
        driver.wait();
        if driver.bench.read(0, MSR) & 0x20 == 0 {
            break;
        }
        while driver.bench.read(0, MSR) == 0xB0 {
            driver.bench.write(0, FIFO, sent as u8);
            sent += 1;
            driver.restart();
        }
    }
    assert_eq!((sent, driver.results()), (512, vec![0x40, 0x80, 0, 1, 0, 1, 2]));
    let expected: Vec<u8> = (0..512u16).map(|n| n as u8).collect();
    assert_eq!(medium.contents()[2 * SECTOR..3 * SECTOR], expected);
    // A byte that nobody fetches.
    driver.put(&[0x46, 0, 0, 0, 3, 2, 4, 0x1B, 0xFF]);
    driver.wait();
    driver.bench.run(OVERRUN_NS + 1);
    assert_eq!(driver.results()[..3], [0x40, 0x10, 0]);
}

#[test]
fn a_dma_that_is_not_set_up_is_an_overrun() {
    let (mut driver, _) = standard();
    assert_eq!(driver.run(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], [0x40, 0x10, 0]);
    assert!(driver.bench.control.clock().now().0 > OVERRUN_NS);
    // Set up late, it goes on.
    driver.put(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    driver.bench.run(OVERRUN_NS / 2);
    driver.program_dma(TO_MEMORY, SECTOR);
    driver.wait();
    assert_eq!(driver.results()[..3], [0, 0, 0]);
    // The gate in DOR holds interrupt and DRQ back.
    driver.bench.write(0, DOR, 0x14);
    driver.program_dma(TO_MEMORY, SECTOR);
    driver.put(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    while driver.step() {}
    assert!(!driver.irq());
    assert_eq!(driver.results()[..3], [0x40, 0x10, 0]);
}

#[test]
fn a_disk_can_be_changed() {
    let (mut driver, _) = standard();
    driver.seek(&[0x0F, 0, 1]);
    assert_eq!(driver.bench.read(1, 0), 0x7F);
    driver.put(&[0x46, 0, 1, 0, 1, 2, 18, 0x1B, 0xFF]);
    assert!(driver.bench.device.eject(0).is_some());
    driver.wait();
    assert_eq!(driver.results()[..3], [0x40, 0x01, 0], "taken out in the middle");
    driver.seek(&[0x0F, 0, 2]);
    assert_eq!(driver.bench.read(1, 0), 0xFF, "stays while the drive is empty");
    driver.bench.device.insert(0, Box::new(Memory::new(disk(737_280), true))).unwrap();
    assert_eq!(driver.bench.device.geometry(0).unwrap().name, "720 KB");
    assert_eq!(driver.bench.read(1, 0), 0xFF);
    driver.seek(&[0x0F, 0, 1]);
    assert_eq!(driver.bench.read(1, 0), 0x7F);
    let refused = driver.bench.device.insert(0, Box::new(Memory::new(vec![0; 1000], false))).unwrap_err();
    assert_eq!(refused, InsertError::UnknownSize(UnknownSize(1024)));
    assert_eq!(driver.bench.device.insert(0, Box::new(block::Null::default())), Err(InsertError::NoMedium));
    assert_eq!(driver.bench.device.insert(2, Box::new(block::Null::default())), Err(InsertError::NoDrive));
    assert!(driver.bench.device.geometry(0).is_none());
}

/// A host that answers when it is told to, with what it is told to.
#[derive(Clone)]
struct Slow {
    inner: Memory,
    ready: Rc<Cell<bool>>,
    fails: Rc<Cell<Option<BlockError>>>,
    asked: Rc<RefCell<Vec<Operation>>>,
}

impl Slow {
    fn new() -> Self {
        let inner = Memory::new(disk(1_474_560), false);
        Self { inner, ready: Rc::default(), fails: Rc::default(), asked: Rc::default() }
    }
}

impl Block for Slow {
    fn medium(&self) -> Option<Medium> {
        self.inner.medium()
    }
    fn submit(&mut self, request: Request) {
        self.asked.borrow_mut().push(request.operation.clone());
        self.inner.submit(request);
    }
    fn poll(&mut self) -> Option<Completion> {
        let completion = self.ready.get().then(|| self.inner.poll()).flatten()?;
        Some(match self.fails.get() {
            Some(error) => Completion { result: Err(error), ..completion },
            None => completion,
        })
    }
}

#[test]
fn a_late_host_is_waited_for() {
    let slow = Slow::new();
    let mut driver = Driver::new(slow.clone());
    driver.program_dma(TO_MEMORY, SECTOR);
    driver.put(&[0x46, 0, 0, 0, 5, 2, 18, 0x1B, 0xFF]);
    assert_eq!(*slow.asked.borrow(), [Operation::Read { first: 4, sectors: 14 }], "to the end of the track");
    assert!(!driver.bench.device.waits());
    while driver.step() {}
    assert!(driver.bench.device.waits());
    let now = driver.bench.control.clock().now();
    driver.bench.device.answered(now);
    assert!(driver.bench.device.waits(), "still not");
    // A snapshot asks again, and takes only the answer to that.
    driver.restart();
    driver.bench.device.reset();
    assert!(!driver.bench.device.waits(), "a reset forgets it");
    driver.bench.write(0, DOR, 0x1C);
    driver.wait();
    driver.bench.write(1, 0, 0);
    driver.command(&[0x08]);
    driver.command(&[0x03, 0xAF, 0x02]);
    driver.put(&[0x46, 0, 0, 0, 9, 2, 9, 0x1B, 0xFF]);
    while driver.step() {}
    driver.restart();
    assert!(driver.bench.device.waits());
    slow.ready.set(true);
    assert!(driver.bench.device.deadline().is_none());
    driver.bench.device.answered(now);
    assert!(!driver.bench.device.waits());
    driver.dma.master(&mut driver.ram);
    driver.wait();
    assert_eq!(driver.results()[..3], [0, 0, 0]);
    assert_eq!(driver.sectors(1), [8], "no stale answer was taken");
    // A write that is late.
    slow.ready.set(false);
    driver.program_dma(FROM_MEMORY, SECTOR);
    driver.put(&[0x45, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF]);
    while driver.step() {}
    assert!(driver.bench.device.waits());
    slow.ready.set(true);
    let now = driver.bench.control.clock().now();
    driver.bench.device.answered(now);
    assert!(driver.irq());
    assert_eq!(driver.results()[..3], [0, 0, 0]);
}

#[test]
fn what_the_host_says_becomes_a_status() {
    let slow = Slow::new();
    slow.ready.set(true);
    let mut driver = Driver::new(slow.clone());
    for (error, status) in [
        (BlockError::Failed, [0x40, 0x20, 0x20]),
        (BlockError::ReadOnly, [0x40, 0x02, 0]),
        (BlockError::OutOfRange, [0x40, 0x04, 0]),
        (BlockError::NoMedium, [0x40, 0x01, 0]),
    ] {
        slow.fails.set(Some(error));
        driver.program_dma(TO_MEMORY, SECTOR);
        assert_eq!(driver.run(&[0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], status);
        driver.program_dma(FROM_MEMORY, SECTOR);
        assert_eq!(driver.run(&[0x45, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF])[..3], status);
    }
}

#[test]
fn a_snapshot_at_any_moment_changes_nothing() {
    let run = |snapshots: bool| {
        let (mut driver, medium) = standard();
        driver.ram.bytes[BUFFER..BUFFER + 20 * SECTOR].fill(7);
        let mut times = Vec::new();
        for (mode, command) in [(TO_MEMORY, 0xC6), (FROM_MEMORY, 0xC5)] {
            driver.program_dma(mode, 20 * SECTOR);
            driver.put(&[command, 0, 0, 0, 10, 2, 18, 0x1B, 0xFF]);
            while !driver.irq() {
                assert!(driver.step());
                if snapshots {
                    driver.restart();
                }
            }
            times.push((driver.bench.control.clock().now(), driver.results()));
        }
        (times, driver.ram.bytes, medium.contents(), driver.bench.device.save())
    };
    assert!(run(false) == run(true));
}

#[test]
fn a_restored_machine_with_another_disk_sees_a_change() {
    let (mut driver, _) = standard();
    driver.seek(&[0x0F, 0, 1]);
    let bytes = driver.bench.device.save();
    let (mut other, _) = standard();
    other.bench.device.insert(0, Box::new(Memory::new(disk(737_280), false))).unwrap();
    other.bench.device.restore(Saved { version: 1, bytes: &bytes }).unwrap();
    assert_eq!(other.bench.read(1, 0), 0xFF);
}

/// A host whose answers depend on the request alone, so that twins get the same.
struct Moody {
    answers: VecDeque<Completion>,
    sectors: u64,
}

impl Block for Moody {
    fn medium(&self) -> Option<Medium> {
        Some(Medium { sectors: self.sectors, read_only: false })
    }
    fn submit(&mut self, Request { id, operation }: Request) {
        let result = match operation {
            Operation::Read { first, .. } if first % 5 == 4 => Err(BlockError::Failed),
            Operation::Read { first, .. } if first % 7 == 6 => Ok(vec![1; 100_000]),
            Operation::Read { first, .. } if first % 11 == 10 => Ok(vec![1; 700]),
            Operation::Read { first, sectors } => Ok(vec![first as u8; sectors as usize * SECTOR]),
            Operation::Write { first, .. } if first % 3 == 2 => Err(BlockError::ReadOnly),
            Operation::Write { .. } | Operation::Flush => Ok(Vec::new()),
        };
        self.answers.push_back(Completion { id, result });
    }
    fn poll(&mut self) -> Option<Completion> {
        self.answers.pop_front()
    }
}

/// Writes a command that makes sense, or nearly.
fn something_sensible(floppy: &mut Floppy, what: u64) {
    let commands: [u8; 16] =
        [0xE6, 0x46, 0xC5, 0x45, 0x4D, 0x4A, 0x42, 0xD6, 0x4C, 0x6C, 0x0F, 0x07, 0x08, 0x13, 0x03, 0xC9];
    let command = commands[(what >> 8 & 15) as usize];
    let (drive, side, sector) = (what >> 12 & 1, what >> 13 & 1, what >> 14 & 15);
    let unit = (drive | side << 2) as u8;
    let track = (what >> 20 & 3) as u8;
    let bytes = match command {
        0x4D => [command, unit, 2, 18, 0, what as u8, 0, 0, 0],
        0x03 => [command, 0xAF, 2 | (what >> 24 & 1) as u8, 0, 0, 0, 0, 0, 0],
        0x13 => [command, 0, (what >> 24 & 0x7F) as u8, 0, 0, 0, 0, 0, 0],
        0x0F => [command, unit, track, 0, 0, 0, 0, 0, 0],
        _ => [command, unit, track, side as u8, sector as u8 + 1, 2, 18, 0, 0xFF],
    };
    let _ = floppy.write(0, DOR, Width::Byte, 0x3C);
    let _ = floppy.write(INPUT, 0, Width::Byte, 0);
    let following = spec::Command::decode(command).map_or(0, |(_, following)| following);
    for byte in bytes.into_iter().take(following + 1) {
        let _ = floppy.write(0, FIFO, Width::Byte, byte.into());
    }
}

/// Moves some bytes, most often all.
fn serve(port: &DmaPort, what: u64) {
    let count = port.ready().min((what >> 8 & 0x3FF) as usize);
    port.give(&vec![what as u8; count]);
    if what >> 32 & 7 == 0 {
        port.terminal_count();
    }
}

/// What happens outside: commands, fetched results, changed disks.
fn outside(floppy: &mut Floppy, what: u64) {
    match what & 7 {
        0..=2 => something_sensible(floppy, what),
        3 => {
            for _ in 0..what >> 8 & 0x3FF {
                let _ = floppy.read(0, FIFO, Width::Byte);
            }
        }
        4 if what >> 8 & 3 == 0 => {
            let sectors = [2880, 1440][(what >> 12 & 1) as usize];
            floppy.eject(1);
            let _ = floppy.insert(0, Box::new(Moody { answers: VecDeque::new(), sectors: 2880 }));
            let _ = floppy.insert(1, Box::new(Moody { answers: VecDeque::new(), sectors }));
            let _ = floppy.insert(1, Box::new(Moody { answers: VecDeque::new(), sectors: 2880 }));
        }
        _ => {
            let now = floppy.clock.now();
            floppy.answered(now);
        }
    }
}

#[test]
fn survives_anything() {
    let make = |control: &ClockControl, lines: &Lines| {
        let mut floppy = Floppy::new(lines.line(0), DmaChannel::unconnected(), control.clock(), [true, true]);
        for drive in 0..2 {
            floppy.insert(drive, Box::new(Moody { answers: VecDeque::new(), sectors: 2880 })).unwrap();
        }
        floppy
    };
    shake(make, |floppy, random| {
        // A controller that sees what the chip's channel sees, for a moment.
        let port = DmaPort::new();
        port.channel().restore(floppy.dma.save());
        match random.next_u64() {
            what if what & 1 == 0 => outside(floppy, what >> 1),
            what => {
                serve(&port, what >> 1);
                floppy.dma.restore(port.channel().save());
            }
        }
    });
}

#[test]
fn survives_a_host_that_answers_at_any_time() {
    let mut random = host::entropy::Seeded::new(5);
    for _ in 0..20 {
        let slow = Slow::new();
        let mut driver = Driver::new(slow.clone());
        for _ in 0..2000 {
            let what = random.next_u64();
            slow.ready.set(what & 3 == 0);
            slow.fails.set((what & 0xF0 == 0).then_some(BlockError::Failed));
            match what >> 8 & 7 {
                0 | 1 => something_sensible(&mut driver.bench.device, random.next_u64()),
                2 => driver.program_dma([VERIFY, TO_MEMORY, FROM_MEMORY][(what >> 12) as usize % 3], 3000),
                3 if what >> 12 & 7 == 0 => driver.restart(),
                4 => drop(driver.results()),
                5 => {
                    let now = driver.bench.control.clock().now();
                    driver.bench.device.answered(now);
                }
                6 if what >> 12 & 31 == 0 => {
                    let medium = driver.bench.device.eject(0);
                    if let Some(medium) = medium {
                        driver.bench.device.insert((what >> 20 & 1) as usize, medium).unwrap();
                    } else {
                        driver.bench.device.insert(0, Box::new(slow.clone())).unwrap();
                    }
                }
                _ => drop(driver.step()),
            }
            let waits = driver.bench.device.waits();
            assert!(!waits || driver.bench.device.due.is_none());
            assert!(driver.bench.device.transfer.is_none() || waits || driver.bench.device.due.is_some());
        }
    }
}
