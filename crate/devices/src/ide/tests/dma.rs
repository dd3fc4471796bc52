use super::*;

const SECTORS: usize = 4096;

fn rig() -> (Rig, Gated) {
    let disk = Gated::new(pattern(SECTORS));
    (Rig::with_disk(&disk), disk)
}

/// Bus master registers of the primary channel.
fn status(rig: &mut Rig) -> u8 {
    rig.bench.read(BUS_MASTER, 2)
}

fn start(rig: &mut Rig, table: u32, command: u8) {
    for (n, byte) in table.to_le_bytes().into_iter().enumerate() {
        rig.bench.write(BUS_MASTER, 4 + n as u16, byte);
    }
    rig.bench.write(BUS_MASTER, 0, command & 8);
    rig.bench.write(BUS_MASTER, 2, 6);
    rig.bench.write(BUS_MASTER, 0, command | 1);
}

#[test]
fn sectors_go_to_the_pieces_of_the_table() {
    let (mut rig, disk) = rig();
    // Pieces that end within sectors, one of 64 KB.
    let pieces = [(0x10_0000, 700), (0x20_0002, 2), (0x30_0000, 0), (0x14_0000, 131_072 - 65_536 - 702)];
    rig.ram.table(0x8000, &pieces);
    rig.command(0xC8, 0, 9, 0);
    start(&mut rig, 0x8000, 8);
    assert_eq!(status(&mut rig), 1);
    rig.settle();
    assert_eq!(status(&mut rig), 4, "done, with an interrupt");
    assert_eq!(rig.wait(), DRDY);
    let mut got = Vec::new();
    for (base, bytes) in pieces {
        let bytes = if bytes == 0 { 0x1_0000 } else { bytes as usize };
        got.extend_from_slice(&rig.ram.0[base as usize..base as usize + bytes]);
    }
    assert_eq!(got, pattern(SECTORS)[9 * SECTOR..265 * SECTOR]);
    assert_eq!(disk.asked.borrow().len(), 1);
    rig.bench.write(BUS_MASTER, 0, 8);
    rig.bench.write(BUS_MASTER, 2, 0x64);
    assert_eq!(status(&mut rig), 0x60);
}

#[test]
fn sectors_come_from_the_pieces_of_the_table() {
    let (mut rig, disk) = rig();
    let data: Vec<u8> = (0..3000 * SECTOR).map(|n| (n / 5) as u8).collect();
    rig.ram.0[0x10_0000..0x10_0000 + data.len()].copy_from_slice(&data);
    let pieces: Vec<_> = (0..24).map(|n| (0x10_0000 + (n << 16), if n < 23 { 0 } else { 28_672 })).collect();
    rig.ram.table(0x8000, &pieces);
    start(&mut rig, 0x8000, 0);
    assert_eq!(status(&mut rig), 1, "the drive is not ready yet");
    rig.master();
    rig.command_ext(0x35, 0, 1000, 3000);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(status(&mut rig), 4);
    assert_eq!(disk.inner.contents()[1000 * SECTOR..4000 * SECTOR], data);
    assert_eq!(disk.asked.borrow().len(), 2);
}

#[test]
fn a_table_may_be_longer_or_shorter_than_the_command() {
    let (mut rig, _) = rig();
    rig.ram.table(0x8000, &[(0x10_0000, 4096)]);
    rig.command(0xC8, 0, 0, 1);
    start(&mut rig, 0x8000, 8);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(status(&mut rig), 5, "still active");
    rig.bench.write(BUS_MASTER, 0, 0);
    assert_eq!(status(&mut rig), 4);
    rig.command(0xC8, 0, 0, 16);
    start(&mut rig, 0x8000, 8);
    rig.settle();
    assert_eq!((status(&mut rig), rig.irq(), rig.alternate()), (0, false, DRQ), "the drive still asks");
    rig.control(4);
    rig.control(0);
    assert_eq!(rig.inb(7), DRDY);
}

#[test]
fn memory_that_is_not_there_stops_it() {
    let (mut rig, _) = rig();
    for table in [0x8000, 0x7F_0000] {
        rig.ram.table(0x8000, &[(0x7F_0000, 512)]);
        rig.command(0xC8, 0, 0, 1);
        start(&mut rig, table, 8);
        rig.settle();
        assert_eq!((status(&mut rig), rig.irq()), (2, false));
        rig.bench.write(BUS_MASTER, 0, 0);
        rig.bench.write(BUS_MASTER, 2, 2);
        assert_eq!(status(&mut rig), 0);
        rig.control(4);
        rig.control(0);
    }
}

#[test]
fn it_needs_the_direction_and_the_permission() {
    let (mut rig, _) = rig();
    rig.ram.table(0x8000, &[(0x10_0000, 512)]);
    rig.command(0xC8, 0, 0, 1);
    start(&mut rig, 0x8000, 0);
    rig.settle();
    assert_eq!((status(&mut rig), rig.alternate()), (1, DRQ), "the wrong way");
    start(&mut rig, 0x8000, 8);
    rig.bench.device.config_write(4, 1, 0xFFFF);
    assert!(!rig.bench.device.wants_bus());
    rig.bench.device.config_write(4, 5, 0xFFFF);
    assert_eq!(rig.wait(), DRDY);
}

#[test]
fn a_page_that_comes_later_is_waited_for() {
    struct Slow<'a>(&'a mut Ram, u32);
    impl Slow<'_> {
        fn here(&mut self) -> Result<(), DmaError> {
            self.1 += 1;
            if self.1.is_multiple_of(3) { Err(DmaError::NotHere) } else { Ok(()) }
        }
    }
    impl Dma for Slow<'_> {
        fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
            self.here()?;
            self.0.read(from, into)
        }
        fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
            self.here()?;
            self.0.write(to, data)
        }
    }
    let (mut rig, _) = rig();
    rig.ram.table(0x8000, &[(0x10_0000, 512), (0x10_0200, 512), (0x10_0400, 512), (0x10_0600, 512)]);
    rig.command(0xC8, 0, 5, 4);
    start(&mut rig, 0x8000, 8);
    rig.bench.run(1_000_000);
    let mut tries = 0;
    while rig.bench.device.wants_bus() {
        tries += 1;
        rig.bench.device.master(&mut Slow(&mut rig.ram, tries));
    }
    assert!(tries > 2);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(rig.ram.0[0x10_0000..0x10_0800], pattern(SECTORS)[5 * SECTOR..9 * SECTOR]);
}
