//! Hosts that answer late, and snapshots while they are at it.

use super::*;

fn rig() -> (Rig, Gated) {
    let disk = Gated::new(pattern(64));
    disk.open.set(false);
    (Rig::with_disk(&disk), disk)
}

fn saved(rig: &Rig) -> Vec<u8> {
    rig.bench.device.save()
}

fn restore(rig: &mut Rig, bytes: &[u8]) {
    rig.bench.device.restore(Saved { version: 1, bytes }).unwrap();
}

#[test]
fn a_late_answer_is_waited_for() {
    let (mut rig, disk) = rig();
    rig.command(0x20, 0, 7, 1);
    assert!(!rig.bench.device.waits(), "it is not due yet");
    rig.bench.run(1_000_000);
    assert!(rig.bench.device.waits());
    assert_eq!((rig.bench.device.deadline(), rig.alternate()), (None, DRDY | BSY));
    rig.bench.device.answered(rig.bench.control.clock().now());
    assert!(rig.bench.device.waits());
    disk.open.set(true);
    rig.bench.device.answered(rig.bench.control.clock().now());
    assert!(!rig.bench.device.waits());
    assert_eq!(rig.pio_in(1, 1), pattern(8)[7 * SECTOR..]);
}

#[test]
fn an_early_answer_is_not_taken_early() {
    let (mut rig, disk) = rig();
    disk.open.set(true);
    rig.command(0x20, 0, 7, 1);
    rig.bench.device.answered(rig.bench.control.clock().now());
    assert_eq!((rig.irq(), rig.alternate()), (false, DRDY | BSY));
    rig.bench.device.fire(Time(20_511));
    assert!(!rig.irq());
    rig.bench.device.fire(Time(20_512));
    assert!(rig.irq());
}

#[test]
fn an_answer_to_what_was_given_up_is_nobodys() {
    let (mut rig, disk) = rig();
    rig.command(0x20, 0, 7, 1);
    rig.bench.run(1_000_000);
    rig.control(4);
    rig.control(0);
    assert!(!rig.bench.device.waits());
    rig.command(0x20, 0, 9, 1);
    disk.open.set(true);
    assert_eq!(rig.pio_in(1, 1), pattern(10)[9 * SECTOR..]);
}

#[test]
fn a_request_in_flight_is_made_again_after_a_restore() {
    let (mut rig, disk) = rig();
    rig.command(0x30, 0, 7, 1);
    rig.write_block(&[0xAB; SECTOR]);
    rig.bench.run(1000);
    let bytes = saved(&rig);
    // Another machine, with another host and the old medium.
    let other = Gated::new(pattern(64));
    let mut twin = Rig::with_disk(&other);
    restore(&mut twin, &bytes);
    assert_eq!(saved(&twin), bytes);
    assert_eq!(twin.bench.device.deadline(), rig.bench.device.deadline());
    assert_eq!(twin.wait(), DRDY);
    assert_eq!(other.inner.contents()[7 * SECTOR..8 * SECTOR], [0xAB; SECTOR]);
    // The same machine, twice: the answers of the first time are not taken for those of the second.
    disk.bad.borrow_mut().push((7, BlockError::Failed));
    restore(&mut rig, &bytes);
    disk.open.set(true);
    assert_eq!(rig.wait(), 0x71);
    disk.bad.borrow_mut().clear();
    restore(&mut rig, &bytes);
    assert_eq!(rig.wait(), DRDY);
    assert_eq!(disk.asked.borrow().len(), 3);
}

#[test]
fn a_transfer_goes_on_after_a_restore() {
    let (mut rig, disk) = rig();
    disk.open.set(true);
    rig.command(0x20, 0, 3, 2);
    rig.wait();
    let mut data = rig.read_block(SECTOR + 100 - SECTOR);
    let bytes = saved(&rig);
    let mut twin = Rig::with_disk(&disk);
    restore(&mut twin, &bytes);
    data.extend(twin.read_block(SECTOR - 100));
    assert_eq!(twin.wait(), DRQ);
    data.extend(twin.read_block(SECTOR));
    assert_eq!(twin.inb(7), DRDY);
    assert_eq!(data, pattern(5)[3 * SECTOR..]);
}

#[test]
fn a_snapshot_of_other_drives_is_refused() {
    let (rig, disk) = rig();
    let bytes = saved(&rig);
    let refused = |drives: [[Attached; 2]; 2]| {
        let drives = RefCell::new(Some(drives));
        let mut other = Rig::new(|| drives.borrow_mut().take().unwrap_or_default());
        let before = other.bench.device.save();
        let result = other.bench.device.restore(Saved { version: 1, bytes: &bytes });
        assert_eq!(other.bench.device.save(), before, "nothing has changed");
        result.map_err(|error| error.to_string())
    };
    let one = |drive| [[drive, Attached::Nothing], Default::default()];
    let why = |text: &str| Err(format!("piix4_ide: the saved state is not valid: {text}"));
    assert_eq!(refused(one(Attached::Nothing)), why("other drives"));
    assert_eq!(refused(one(Attached::CdRom(None))), why("another kind of drive"));
    assert_eq!(
        refused(one(Attached::Disk(Box::new(Gated::new(pattern(65)))))),
        why("a disk of another size")
    );
    assert_eq!(refused(one(Attached::Disk(Box::new(disk.clone())))), Ok(()));
}

#[test]
fn another_disc_after_a_restore_is_a_change() {
    let make = |sectors: usize| {
        Rig::new(move || {
            let disc = (sectors > 0).then(|| Box::new(Gated::new(pattern(sectors))) as Box<dyn Block>);
            [[Attached::CdRom(disc), Attached::Nothing], Default::default()]
        })
    };
    let place = Place { cable: Cable::Primary, second: false };
    let test_unit_ready = |rig: &mut Rig| {
        rig.out(7, 0xA0);
        rig.write_block(&[0; 12]);
        (rig.wait(), rig.inb(1))
    };
    let mut rig = make(80);
    test_unit_ready(&mut rig);
    assert_eq!(test_unit_ready(&mut rig).0, DRDY);
    let bytes = saved(&rig);
    for (sectors, answer) in [(80, (DRDY, 0)), (160, (ERR, 0x64)), (0, (ERR, 0x24))] {
        let mut other = make(sectors);
        restore(&mut other, &bytes);
        assert_eq!(test_unit_ready(&mut other), answer);
    }
    rig.bench.device.eject(place);
    let bytes = saved(&rig);
    let mut other = make(80);
    restore(&mut other, &bytes);
    assert_eq!(other.bench.device.save(), bytes, "an empty drive is empty again");
}
