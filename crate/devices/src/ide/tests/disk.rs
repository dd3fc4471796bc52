use super::*;

const SECTORS: usize = 40_000;

fn rig() -> (Rig, Gated) {
    let disk = Gated::new(pattern(SECTORS));
    (Rig::with_disk(&disk), disk)
}

fn identify(rig: &mut Rig) -> Vec<u8> {
    rig.out(7, 0xEC);
    rig.pio_in(1, 1)
}

#[test]
fn a_disk_says_what_it_is() {
    let (mut rig, _) = rig();
    let data = identify(&mut rig);
    assert_eq!(word(&data, 0), 0x0040);
    assert_eq!([word(&data, 1), word(&data, 3), word(&data, 6)], [39, 16, 63]);
    assert_eq!(&data[54..70], b"aPegMVD si k    ");
    assert_eq!([word(&data, 60), word(&data, 61)], [SECTORS as u16, 0]);
    assert_eq!([word(&data, 100), word(&data, 101)], [SECTORS as u16, 0]);
    assert_eq!(word(&data, 88), 0x043F, "Ultra DMA to 5, 2 is selected");
    assert_eq!(data.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
}

#[test]
fn the_transfer_mode_is_what_set_features_says() {
    let (mut rig, _) = rig();
    for (mode, ultra, multiword) in [(0x45, 0x203F, 0x0007), (0x22, 0x003F, 0x0407), (0x0C, 0x003F, 0x0407)] {
        rig.out(1, 3);
        rig.command(0xEF, 0, 0, mode);
        assert_eq!(rig.wait(), DRDY);
        let data = identify(&mut rig);
        assert_eq!([word(&data, 88), word(&data, 63)], [ultra, multiword]);
    }
    for mode in [0x46, 0x23, 0x0D, 0x02, 0x80] {
        rig.command(0xEF, 0, 0, mode);
        assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04));
    }
    rig.out(1, 0x82);
    rig.out(7, 0xEF);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(word(&identify(&mut rig), 85), 0x4048, "no write cache");
}

#[test]
fn sectors_are_read_one_by_one_from_one_request() {
    let (mut rig, disk) = rig();
    rig.command(0x20, 0, 1000, 0);
    assert_eq!(rig.alternate() & BSY, BSY);
    assert!(!rig.irq());
    assert_eq!(rig.pio_in(256, 1), pattern(SECTORS)[1000 * SECTOR..1256 * SECTOR]);
    assert_eq!(*disk.asked.borrow(), [block::Operation::Read { first: 1000, sectors: 256 }]);
    assert_eq!([rig.inb(2), rig.inb(3), rig.inb(4)], [0, 0xE7, 0x04], "the last sector's address");
}

#[test]
fn an_answer_takes_its_time() {
    let (mut rig, _) = rig();
    rig.command(0x20, 0, 0, 4);
    assert_eq!(rig.bench.run(20_000 + 2047), 0);
    assert_eq!(rig.bench.run(1), 1);
    assert_eq!(rig.inb(7), DRQ);
}

#[test]
fn what_is_written_can_be_read() {
    let (mut rig, disk) = rig();
    let data: Vec<u8> = (0..5 * SECTOR).map(|n| (n * 7) as u8).collect();
    rig.command(0x30, 0, 77, 5);
    rig.pio_out(&data, 1);
    assert_eq!(disk.inner.contents()[77 * SECTOR..82 * SECTOR], data);
    rig.command(0x20, 0, 77, 5);
    assert_eq!(rig.pio_in(5, 1), data);
    rig.out(7, 0xE7);
    assert_eq!(rig.alternate(), DRDY | BSY);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(disk.asked.borrow().last(), Some(&block::Operation::Flush));
}

#[test]
fn without_the_cache_a_write_ends_when_it_is_safe() {
    let (mut rig, disk) = rig();
    rig.out(1, 0x82);
    rig.out(7, 0xEF);
    rig.wait();
    rig.command(0x30, 0, 0, 1);
    rig.pio_out(&[9; SECTOR], 1);
    assert_eq!(disk.asked.borrow().last(), Some(&block::Operation::Flush));
}

#[test]
fn multiple_moves_blocks_of_sectors() {
    let (mut rig, disk) = rig();
    rig.command(0xC4, 0, 0, 1);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04), "not before SET MULTIPLE MODE");
    for (count, status) in [(3, ERR), (32, ERR), (8, DRDY)] {
        rig.command(0xC6, 0, 0, count);
        assert_eq!(rig.wait(), status);
    }
    assert_eq!(word(&identify(&mut rig), 59), 0x0108);
    rig.command(0xC4, 0, 10, 20);
    assert_eq!(rig.pio_in(20, 8), pattern(SECTORS)[10 * SECTOR..30 * SECTOR]);
    rig.command_ext(0x39, 0, 100, 19);
    rig.pio_out(&[5; 19 * SECTOR], 8);
    assert_eq!(disk.inner.contents()[100 * SECTOR..119 * SECTOR], [5; 19 * SECTOR]);
}

#[test]
fn the_data_port_takes_32_bits_too() {
    let (mut rig, disk) = rig();
    rig.command(0x20, 0, 3, 1);
    rig.wait();
    let data: Vec<u8> = (0..SECTOR / 4).flat_map(|_| rig.data(Width::Dword).to_le_bytes()).collect();
    assert_eq!(data, pattern(4)[3 * SECTOR..]);
    assert_eq!(rig.data(Width::Dword), 0, "there is no more");
    rig.command(0x30, 0, 4, 1);
    for n in 0..SECTOR as u32 / 4 {
        rig.put(Width::Dword, n * 0x0101_0101);
    }
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(disk.inner.contents()[4 * SECTOR + 8..4 * SECTOR + 12], [2; 4]);
}

#[test]
fn lba48_reaches_further_and_counts_higher() {
    let (mut rig, disk) = rig();
    rig.command_ext(0x24, 0, 35_000, 3000);
    assert_eq!(rig.pio_in(3000, 1), pattern(SECTORS)[35_000 * SECTOR..38_000 * SECTOR]);
    let asked =
        [(35_000, 2048), (37_048, 952)].map(|(first, sectors)| block::Operation::Read { first, sectors });
    assert_eq!(*disk.asked.borrow(), asked);
    // Registers as they were before their last write.
    rig.command_ext(0x42, 0, 0x0001_2233_4455, 0x0607);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x10));
    rig.out(2, 0x11);
    rig.out(2, 0x22);
    rig.control(0x80);
    assert_eq!(rig.inb(2), 0x11);
    rig.out(3, 0);
    assert_eq!(rig.inb(2), 0x22, "any write ends that");
    rig.out(7, 0x27);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!([rig.inb(3), rig.inb(4), rig.inb(5)], [0x3F, 0x9C, 0]);
    rig.out(7, 0xF8);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!([rig.inb(3), rig.inb(4), rig.inb(5), rig.inb(6)], [0x3F, 0x9C, 0, 0xE0]);
}

#[test]
fn cylinders_heads_and_sectors_are_translated() {
    let (mut rig, _) = rig();
    let read = |rig: &mut Rig, cylinder: u8, head: u8, sector: u8| {
        for (register, value) in [(6, 0xA0 | head), (2, 1), (3, sector), (4, cylinder), (5, 0), (7, 0x20)] {
            rig.out(register, value);
        }
        rig.settle();
        match rig.inb(7) {
            DRQ => Some(rig.read_block(SECTOR)),
            status => {
                assert_eq!((status, rig.inb(1)), (ERR, 0x10));
                None
            }
        }
    };
    let sector = |lba: usize| Some(pattern(SECTORS)[lba * SECTOR..(lba + 1) * SECTOR].to_vec());
    assert_eq!(read(&mut rig, 2, 3, 4), sector((2 * 16 + 3) * 63 + 3));
    for (cylinder, head, bad) in [(0, 0, 0), (0, 0, 64), (39, 0, 1)] {
        assert_eq!(read(&mut rig, cylinder, head, bad), None);
    }
    // 4 heads of 17 sectors.
    rig.out(6, 0xA3);
    rig.out(2, 17);
    rig.out(7, 0x91);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(read(&mut rig, 2, 3, 17), sector((2 * 4 + 3) * 17 + 16));
    assert_eq!(read(&mut rig, 2, 4, 1), None);
    let data = identify(&mut rig);
    assert_eq!([word(&data, 54), word(&data, 55), word(&data, 56)], [588, 4, 17]);
    assert_eq!(word(&data, 1), 39, "the default is still told");
}

#[test]
fn addresses_beyond_the_end_are_not_found() {
    let (mut rig, disk) = rig();
    for (command, lba, count) in
        [(0x20, 39_999, 2), (0x30, 40_000, 1), (0x40, 0x0FFF_FFFF, 0), (0x70, 40_000, 0)]
    {
        rig.command(command, 0, lba, count);
        assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x10), "{command:#x}");
    }
    assert!(disk.asked.borrow().is_empty());
    rig.command(0x70, 0, 39_999, 0);
    assert_eq!(rig.wait(), DRDY);
    rig.command(0x10, 0, 0, 0);
    assert_eq!(rig.wait(), DRDY);
}

#[test]
fn what_the_medium_refuses_is_an_error_of_the_drive() {
    let (mut rig, disk) = rig();
    for (error, read, write) in [
        (BlockError::Failed, (ERR, 0x40), (0x71, 0x04)),
        (BlockError::OutOfRange, (ERR, 0x10), (ERR, 0x10)),
        (BlockError::ReadOnly, (ERR, 0x44), (ERR, 0x44)),
        (BlockError::NoMedium, (ERR, 0x06), (ERR, 0x06)),
    ] {
        *disk.bad.borrow_mut() = vec![(500, error)];
        rig.command(0x20, 0, 500, 1);
        assert_eq!((rig.wait(), rig.inb(1)), read);
        assert_eq!([rig.inb(3), rig.inb(4)], [0xF4, 0x01]);
        rig.command(0x40, 0, 490, 20);
        assert_eq!((rig.wait(), rig.inb(1)), read);
        rig.command(0x30, 0, 500, 1);
        rig.write_block(&[0; SECTOR]);
        assert_eq!((rig.wait(), rig.inb(1)), write);
    }
    disk.bad.borrow_mut().clear();
    rig.command(0x20, 0, 500, 1);
    assert_eq!(rig.pio_in(1, 1), pattern(SECTORS)[500 * SECTOR..501 * SECTOR]);
    let read_only = block::Memory::new(pattern(10), true);
    let mut rig =
        Rig::new(|| [[Attached::Disk(Box::new(read_only.clone())), Attached::Nothing], Default::default()]);
    rig.command(0x30, 0, 0, 1);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x44), "before anything is moved");
}

#[test]
fn unknown_commands_are_aborted() {
    let (mut rig, _) = rig();
    for command in [0x00, 0x08, 0xB0, 0xA0, 0xA1, 0xFF, 0xF1] {
        rig.command(command, 0, 0, 1);
        assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04), "{command:#x}");
    }
    rig.out(6, 0xA0);
    rig.out(7, 0x24);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04), "48-bit commands want LBA");
}

#[test]
fn the_power_mode_can_be_asked_for() {
    let (mut rig, _) = rig();
    for (command, mode) in [(0xE0, 0x00), (0xE3, 0x80), (0x94, 0x00), (0x95, 0x80)] {
        rig.command(command, 0, 0, 0);
        assert_eq!(rig.wait(), DRDY);
        rig.out(7, 0xE5);
        assert_eq!((rig.wait(), rig.inb(2)), (DRDY, mode));
    }
    rig.command(0x40, 0, 0, 1);
    assert_eq!(rig.wait(), DRDY);
    rig.out(7, 0x98);
    assert_eq!((rig.wait(), rig.inb(2)), (DRDY, 0xFF));
    rig.out(7, 0xE6);
    rig.wait();
    rig.out(7, 0xEC);
    assert_eq!(rig.inb(7), DRDY, "asleep");
    rig.control(4);
    rig.control(0);
    identify(&mut rig);
}

#[test]
fn a_software_reset_leaves_signatures() {
    let (disk, disc) = (Gated::new(pattern(64)), Gated::new(pattern(64)));
    let mut rig = Rig::new(|| {
        let drives = [Attached::Disk(Box::new(disk.clone())), Attached::CdRom(Some(Box::new(disc.clone())))];
        [Default::default(), drives]
    });
    rig.channel = 2;
    rig.command(0x20, 0, 0, 4);
    rig.control(4);
    assert_eq!((rig.alternate(), rig.irq()), (BSY, false));
    rig.out(2, 0x55);
    rig.control(0);
    assert_eq!(rig.bench.device.deadline(), None, "the command is given up");
    for (device, status, signature) in [(0xA0, DRDY, [1, 1, 1, 0, 0]), (0xB0, 0x00, [1, 1, 1, 0x14, 0xEB])] {
        rig.out(6, device);
        assert_eq!(rig.inb(7), status);
        assert_eq!([1, 2, 3, 4, 5].map(|register| rig.inb(register)), signature);
    }
    rig.out(7, 0x90);
    assert_eq!(rig.inb(6) & 0x10, 0, "device 0 answers");
    assert!(rig.irq());
    assert_eq!((rig.inb(7), rig.inb(1)), (DRDY, 1));
}

#[test]
fn device_0_answers_for_a_device_1_that_is_not_there() {
    let (mut rig, _) = rig();
    rig.out(6, 0xB0);
    assert_eq!((rig.inb(7), rig.alternate()), (0, 0));
    rig.out(2, 0x5A);
    rig.out(3, 0xA5);
    assert_eq!([rig.inb(2), rig.inb(3), rig.inb(6)], [0x5A, 0xA5, 0xB0]);
    rig.out(7, 0xEC);
    assert_eq!((rig.inb(7), rig.irq()), (0, false));
    rig.out(7, 0x90);
    assert_eq!((rig.inb(7), rig.inb(6)), (DRDY, 0xA0));
    rig.channel = 2;
    for register in 1..8 {
        assert_eq!(rig.inb(register), 0x7F);
    }
    assert_eq!(rig.data(Width::Word), 0xFF7F);
    rig.out(7, 0x90);
    assert!(!rig.irq());
}

#[test]
fn two_disks_keep_apart() {
    let (first, second) = (Gated::new(pattern(64)), Gated::new(vec![7; 64 * SECTOR]));
    let mut rig = Rig::new(|| {
        [[&first, &second].map(|disk| Attached::Disk(Box::new(disk.clone()))), Default::default()]
    });
    rig.command(0x20, 0x10, 3, 1);
    rig.out(6, 0xE0);
    assert_eq!(rig.alternate(), DRDY | BSY, "a busy drive is not deselected");
    assert_eq!(rig.pio_in(1, 1), [7; SECTOR]);
    rig.command(0x20, 0, 3, 1);
    assert_eq!(rig.pio_in(1, 1), pattern(4)[3 * SECTOR..]);
}

#[test]
fn nien_holds_the_interrupt_back() {
    let (mut rig, _) = rig();
    rig.control(2);
    rig.command(0x20, 0, 0, 1);
    rig.settle();
    assert_eq!((rig.irq(), rig.alternate()), (false, DRQ));
    rig.control(0);
    assert!(rig.irq());
    assert_eq!(rig.alternate(), DRQ);
    assert!(rig.irq(), "the alternate status acknowledges nothing");
    assert_eq!(rig.inb(7), DRQ);
    assert!(!rig.irq());
}
