use super::*;

/// Blocks on the disc.
const BLOCKS: usize = 2000;
const BLOCK: usize = 2048;

const PLACE: Place = Place { cable: Cable::Secondary, second: false };

fn disc() -> Gated {
    Gated::new(pattern(BLOCKS * 4))
}

/// A drive as device 0 of the secondary channel, past its power-on attention.
fn rig(disc: Option<&Gated>) -> Rig {
    let mut rig = Rig::new(|| {
        let block = disc.map(|disc| Box::new(disc.clone()) as Box<dyn Block>);
        [Default::default(), [Attached::CdRom(block), Attached::Nothing]]
    });
    rig.channel = 2;
    assert_eq!(command(&mut rig, &[0x00]), Err([6, 0x29, 0]), "power was off");
    rig
}

/// Sends a packet with a byte count limit.
fn packet(rig: &mut Rig, packet: &[u8], limit: u16, features: u8) {
    let [low, high] = limit.to_le_bytes();
    for (register, value) in [(6, 0xA0), (1, features), (4, low), (5, high), (7, 0xA0)] {
        rig.out(register, value);
    }
    assert_eq!((rig.alternate(), rig.inb(2)), (DRQ, 1), "it asks for the packet");
    assert!(!rig.irq());
    let mut bytes = [0; 12];
    bytes[..packet.len()].copy_from_slice(packet);
    rig.write_block(&bytes);
}

/// Takes the data of a packet by PIO; the data and the lengths of the blocks, or the sense key.
fn data(rig: &mut Rig) -> Result<(Vec<u8>, Vec<usize>), u8> {
    let (mut data, mut lens) = (Vec::new(), Vec::new());
    loop {
        let status = rig.wait();
        match (status, rig.inb(2)) {
            (DRQ, 2) => {
                let len = usize::from(u16::from_le_bytes([rig.inb(4), rig.inb(5)]));
                lens.push(len);
                let mut block = rig.read_block(len.next_multiple_of(2));
                block.truncate(len);
                data.extend(block);
            }
            (DRDY, 3) => return Ok((data, lens)),
            (ERR, 3) => return Err(rig.inb(1)),
            other => panic!("status and reason {other:x?}"),
        }
    }
}

/// A whole command; its data or its sense.
fn command(rig: &mut Rig, bytes: &[u8]) -> Result<Vec<u8>, [u8; 3]> {
    packet(rig, bytes, 0xFFFE, 0);
    data(rig).map(|(data, _)| data).map_err(|error| {
        let sense = sense(rig);
        assert_eq!(error, sense[0] << 4 | 4);
        sense
    })
}

fn sense(rig: &mut Rig) -> [u8; 3] {
    packet(rig, &[0x03, 0, 0, 0, 18], 0xFFFE, 0);
    let (data, _) = data(rig).unwrap();
    assert_eq!((data.len(), data[0], data[7]), (18, 0x70, 10));
    [data[2], data[12], data[13]]
}

fn read_10(first: u32, count: u16) -> [u8; 10] {
    let ([a, b, c, d], [e, f]) = (first.to_be_bytes(), count.to_be_bytes());
    [0x28, 0, a, b, c, d, 0, e, f, 0]
}

const NOT_READY: [u8; 3] = [2, 0x3A, 1];
const TRAY_OPEN: [u8; 3] = [2, 0x3A, 2];
const OUT_OF_RANGE: [u8; 3] = [5, 0x21, 0];
const INVALID_FIELD: [u8; 3] = [5, 0x24, 0];
const CHANGED: [u8; 3] = [6, 0x28, 0];

#[test]
fn a_drive_says_what_it_is() {
    let mut rig = rig(Some(&disc()));
    rig.out(7, 0xEC);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04));
    assert_eq!([rig.inb(4), rig.inb(5)], [0x14, 0xEB]);
    rig.out(7, 0xA1);
    let data = rig.pio_in(1, 1);
    assert_eq!([word(&data, 0), word(&data, 88), word(&data, 82)], [0x85C0, 0x0407, 0x4218]);
    assert_eq!(&data[54..68], b"aPegMVC -DOR M");
    let inquiry = command(&mut rig, &[0x12, 0, 0, 0, 96]).unwrap();
    assert_eq!((inquiry.len(), inquiry[0], inquiry[1], inquiry[3]), (36, 5, 0x80, 0x21));
    assert_eq!(&inquiry[8..], b"PageVM  CD-ROM          1.0 ");
    assert_eq!(command(&mut rig, &[0x12, 0, 0, 0, 5]), Ok(vec![5, 0x80, 0, 0x21, 31]));
    assert_eq!(command(&mut rig, &[0x12, 1, 0x80, 0, 96]), Err(INVALID_FIELD));
}

#[test]
fn blocks_are_read_in_pieces_the_host_takes() {
    let disc = disc();
    let mut rig = rig(Some(&disc));
    assert_eq!(command(&mut rig, &[0x25]), Ok([1999u32.to_be_bytes(), 2048u32.to_be_bytes()].concat()));
    let wanted = &pattern(BLOCKS * 4)[100 * BLOCK..110 * BLOCK];
    for (limit, lens) in [
        (2048, vec![2048; 10]),
        (0xFFFF, vec![20_480]),
        (8001, vec![8000, 8000, 4480]),
        (0xFFFE, vec![20_480]),
    ] {
        packet(&mut rig, &read_10(100, 10), limit, 0);
        assert_eq!(rig.alternate(), DRDY | BSY);
        assert_eq!(data(&mut rig), Ok((wanted.to_vec(), lens)));
    }
    packet(&mut rig, &read_10(100, 10), 0, 0);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x04), "blocks of no bytes");
    disc.asked.borrow_mut().clear();
    let whole = command(&mut rig, &[0xA8, 0, 0, 0, 0, 0, 0, 0, 7, 0xD0]).unwrap();
    assert!(whole == pattern(BLOCKS * 4));
    assert_eq!(disc.asked.borrow().len(), 4, "1 MB at a time");
    let cooked = [0xBE, 0x08, 0, 0, 0, 100, 0, 0, 10, 0x10];
    assert_eq!(command(&mut rig, &cooked), Ok(wanted.to_vec()));
    assert_eq!(command(&mut rig, &[0xBE, 0, 0, 0, 0, 100, 0, 0, 10, 0xF8]), Err(INVALID_FIELD));
    assert_eq!(command(&mut rig, &[0xBE, 4, 0, 0, 0, 100, 0, 0, 10, 0x10]), Err([5, 0x64, 0]));
    assert_eq!(command(&mut rig, &read_10(2000, 0)), Ok(vec![]));
    assert_eq!(command(&mut rig, &read_10(1999, 2)), Err(OUT_OF_RANGE));
    assert_eq!(command(&mut rig, &read_10(u32::MAX, 2)), Err(OUT_OF_RANGE));
    assert_eq!(command(&mut rig, &[0x2B, 0, 0, 0, 7, 0xD0]), Err(OUT_OF_RANGE));
    assert_eq!(command(&mut rig, &[0x2B, 0, 0, 0, 7, 0xCF]), Ok(vec![]));
}

#[test]
fn blocks_are_read_by_the_bus_master() {
    let mut rig = rig(Some(&disc()));
    rig.ram.table(0x8000, &[(0x10_0000, 0), (0x11_0000, 0)]);
    packet(&mut rig, &read_10(3, 64), 0, 1);
    for (offset, value) in [(13, 0x80), (8, 9)] {
        rig.bench.write(BUS_MASTER, offset, value);
    }
    assert_eq!((rig.wait(), rig.inb(2)), (DRDY, 3));
    assert_eq!(rig.bench.read(BUS_MASTER, 10), 4);
    assert!(rig.ram.0[0x10_0000..0x12_0000] == pattern(BLOCKS * 4)[3 * BLOCK..67 * BLOCK]);
    packet(&mut rig, &[0x12, 0, 0, 0, 5], 0, 1);
    for value in [8, 9] {
        rig.bench.write(BUS_MASTER, 8, value);
    }
    assert_eq!((rig.wait(), rig.inb(2)), (DRDY, 3));
    assert_eq!(rig.ram.0[0x10_0000..0x10_0005], [5, 0x80, 0, 0x21, 31]);
    rig.out(1, 2);
    rig.out(7, 0xA0);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 4), "overlap");
}

#[test]
fn what_the_medium_refuses_is_a_sense_key() {
    let disc = disc();
    let mut rig = rig(Some(&disc));
    for (error, sense) in [
        (BlockError::Failed, [3, 0x11, 0]),
        (BlockError::OutOfRange, OUT_OF_RANGE),
        (BlockError::NoMedium, NOT_READY),
    ] {
        *disc.bad.borrow_mut() = vec![(402, error)];
        assert_eq!(command(&mut rig, &read_10(90, 20)), Err(sense));
        assert_eq!(self::sense(&mut rig), [0; 3], "told once");
    }
    for code in [0x04, 0x2A, 0x55, 0x45, 0xFF] {
        assert_eq!(command(&mut rig, &[code]), Err([5, 0x20, 0]));
    }
}

#[test]
fn the_table_of_contents_has_one_track_of_data() {
    let mut rig = rig(Some(&disc()));
    let mut toc = |msf: u8, format: u8, first: u8, len: u8, control: u8| {
        command(&mut rig, &[0x43, msf, format, 0, 0, 0, first, 0, len, control])
    };
    let track = [0, 0x14, 1, 0, 0, 0, 0, 0];
    let end = [0, 0x14, 0xAA, 0, 0, 0, 7, 0xD0];
    assert_eq!(toc(0, 0, 0, 255, 0), Ok([vec![0, 18, 1, 1], track.into(), end.into()].concat()));
    assert_eq!(toc(0, 0, 0xAA, 255, 0), Ok([vec![0, 10, 1, 1], end.into()].concat()));
    let in_minutes = [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0, 0, 0x14, 0xAA, 0, 0, 0, 28, 50];
    assert_eq!(toc(2, 0, 1, 255, 0), Ok(in_minutes.into()));
    assert_eq!(toc(0, 0, 0, 4, 0), Ok(vec![0, 18, 1, 1]));
    assert_eq!(toc(0, 1, 0, 255, 0), Ok([vec![0, 10, 1, 1], track.into()].concat()));
    assert_eq!(toc(0, 0, 0, 255, 0x40), Ok([vec![0, 10, 1, 1], track.into()].concat()), "as of old");
    assert_eq!(toc(2, 2, 0, 255, 0).unwrap().len(), 4 + 4 * 11);
    assert_eq!(toc(0, 0, 2, 255, 0), Err(INVALID_FIELD));
    assert_eq!(toc(0, 5, 0, 255, 0), Err(INVALID_FIELD));
}

#[test]
fn questions_about_the_drive_are_answered() {
    let mut rig = rig(Some(&disc()));
    let page = command(&mut rig, &[0x5A, 0, 0x2A, 0, 0, 0, 0, 0, 255]).unwrap();
    assert_eq!((page.len(), page[1], page[2], page[8], page[9]), (28, 26, 1, 0x2A, 18));
    assert_eq!(command(&mut rig, &[0x1A, 0, 0x2A, 0, 255]).unwrap()[4..], page[8..]);
    let fixed = command(&mut rig, &[0x5A, 0, 0x7F, 0, 0, 0, 0, 0, 255]).unwrap();
    assert_eq!(fixed[8..], [vec![1, 6], vec![0; 6], vec![0x2A, 18], vec![0; 18]].concat());
    assert_eq!(command(&mut rig, &[0x5A, 0, 0x0D, 0, 0, 0, 0, 0, 255]), Err(INVALID_FIELD));
    assert_eq!(command(&mut rig, &[0x5A, 0, 0xEA, 0, 0, 0, 0, 0, 255]), Err([5, 0x39, 0]));
    let all = command(&mut rig, &[0x46, 0, 0, 0, 0, 0, 0, 1, 0]).unwrap();
    assert_eq!(all[..8], [0, 0, 0, all.len() as u8 - 4, 0, 0, 0, 8]);
    let one = command(&mut rig, &[0x46, 2, 0, 3, 0, 0, 0, 1, 0]).unwrap();
    assert_eq!(one[8..], [0, 3, 3, 4, 0x29, 0, 0, 0]);
    assert_eq!(command(&mut rig, &[0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8]), Ok(vec![0, 0, 0, 0, 0, 1, 0, 0]));
    let information = command(&mut rig, &[0x51, 0, 0, 0, 0, 0, 0, 0, 34]).unwrap();
    assert_eq!((information.len(), information[1], information[2]), (34, 32, 0x0E));
    assert_eq!(command(&mut rig, &[0x42, 2, 0, 1, 0, 0, 0, 0, 4]), Ok(vec![0, 0x15, 0, 0]));
    assert_eq!(command(&mut rig, &[0x42, 2, 0x40, 1, 0, 0, 0, 0, 255]).unwrap().len(), 16);
    assert_eq!(command(&mut rig, &[0xBB, 0, 0xFF, 0xFF]), Ok(vec![]));
}

/// The media event and the state of tray and medium.
fn event(rig: &mut Rig) -> (u8, u8) {
    let event = command(rig, &[0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8]).unwrap();
    assert_eq!(event[..4], [0, 6, 4, 0x10]);
    (event[4], event[5])
}

#[test]
fn a_medium_can_be_changed() {
    let disc = disc();
    let mut rig = rig(None);
    assert_eq!(command(&mut rig, &[0x00]), Err(NOT_READY));
    assert_eq!(command(&mut rig, &read_10(0, 1)), Err(NOT_READY));
    assert_eq!(event(&mut rig), (0, 0));
    assert!(rig.bench.device.insert(PLACE, Box::new(disc.clone())));
    assert_eq!(event(&mut rig), (2, 2));
    assert_eq!(event(&mut rig), (0, 2));
    assert!(command(&mut rig, &[0x12, 0, 0, 0, 36]).is_ok(), "INQUIRY does not care");
    assert_eq!(command(&mut rig, &[0x00]), Err(CHANGED));
    assert_eq!(command(&mut rig, &[0x00]), Ok(vec![]));
    // The guest keeps it.
    assert_eq!(command(&mut rig, &[0x1E, 0, 0, 0, 1]), Ok(vec![]));
    assert!(rig.bench.device.tray_locked(PLACE));
    assert!(!rig.bench.device.press_eject(PLACE));
    assert_eq!(event(&mut rig), (1, 2));
    assert_eq!(command(&mut rig, &[0x1B, 0, 0, 0, 2]), Err([5, 0x53, 2]));
    assert_eq!(command(&mut rig, &[0x1E]), Ok(vec![]));
    // The guest opens and closes the tray.
    assert_eq!(command(&mut rig, &[0x1B, 0, 0, 0, 2]), Ok(vec![]));
    assert!(rig.bench.device.tray_open(PLACE));
    assert_eq!(command(&mut rig, &[0x00]), Err(TRAY_OPEN));
    assert_eq!(event(&mut rig), (3, 1));
    assert_eq!(command(&mut rig, &[0x1B, 0, 0, 0, 3]), Ok(vec![]));
    assert_eq!(command(&mut rig, &read_10(0, 1)), Err(CHANGED));
    assert_eq!(command(&mut rig, &read_10(0, 1)).unwrap().len(), BLOCK);
    // It is taken away in the middle of a read.
    packet(&mut rig, &read_10(0, 1), 0xFFFE, 0);
    assert!(rig.bench.device.eject(PLACE));
    assert_eq!(data(&mut rig), Err(0x24));
    assert_eq!(sense(&mut rig), TRAY_OPEN);
    // Another one is put in between two requests of a read.
    assert!(rig.bench.device.insert(PLACE, Box::new(disc.clone())));
    assert_eq!(command(&mut rig, &[0x00]), Err(CHANGED));
    packet(&mut rig, &read_10(0, 513), 0x8000, 0);
    assert_eq!(rig.wait(), DRQ);
    assert!(rig.bench.device.insert(PLACE, Box::new(disc.clone())));
    for _ in 0..31 {
        rig.read_block(0x8000);
        assert_eq!(rig.wait(), DRQ);
    }
    rig.read_block(0x8000);
    assert_eq!((rig.wait(), rig.inb(1)), (ERR, 0x64));
    // There is no drive there, or one that keeps its medium.
    for at in [Place { second: true, ..PLACE }, Place { cable: Cable::Primary, second: false }] {
        assert!(!rig.bench.device.insert(at, Box::new(disc.clone())));
        assert!(!rig.bench.device.eject(at));
        assert!(!rig.bench.device.tray_open(at));
    }
}

#[test]
fn a_packet_device_is_reset_alone() {
    let disk = Gated::new(pattern(64));
    let disc = disc();
    let mut rig = Rig::new(|| {
        let drives = [Attached::Disk(Box::new(disk.clone())), Attached::CdRom(Some(Box::new(disc.clone())))];
        [drives, Default::default()]
    });
    rig.out(6, 0xB0);
    rig.out(7, 0xA0);
    rig.write_block(&[0; 12]);
    assert_eq!(rig.wait(), ERR, "the power-on attention");
    let mut read = [0; 12];
    read[..10].copy_from_slice(&read_10(0, 5));
    rig.out(7, 0xA0);
    rig.write_block(&read);
    assert_eq!(rig.alternate(), DRDY | BSY);
    rig.out(7, 0x08);
    assert_eq!((rig.alternate(), rig.irq()), (0, false));
    assert_eq!([1, 2, 3, 4, 5].map(|register| rig.inb(register)), [1, 1, 1, 0x14, 0xEB]);
    assert_eq!(rig.inb(6) & 0x10, 0x10, "still selected");
    assert_eq!(rig.bench.device.deadline(), None);
}
