use super::*;
use crate::testing::{Bench, shake};

fn chip() -> Bench<IoApic> {
    Bench::new(|_, _| IoApic::new())
}

impl Bench<IoApic> {
    fn get(&mut self, register: u8) -> u32 {
        Mmio::write(&mut self.device, 0, 0, Width::Dword, register.into()).expect("IOREGSEL");
        Mmio::read(&mut self.device, 0, 0x10, Width::Dword).expect("IOWIN")
    }

    fn put(&mut self, register: u8, value: u32) {
        Mmio::write(&mut self.device, 0, 0, Width::Dword, register.into()).expect("IOREGSEL");
        Mmio::write(&mut self.device, 0, 0x10, Width::Dword, value).expect("IOWIN");
    }

    fn entry(&mut self, pin: u8, value: u64) {
        self.put(0x11 + 2 * pin, (value >> 32) as u32);
        self.put(0x10 + 2 * pin, value as u32);
    }

    /// The vectors that are sent now, if they are accepted.
    fn send(&mut self, accepted: bool) -> Vec<u8> {
        let requests = self.device.requests();
        let pins = (0..32).filter(|pin| requests >> pin & 1 != 0);
        pins.map(|pin| {
            let message = self.device.message(pin).expect("an input");
            self.device.sent(pin, accepted);
            message.vector
        })
        .collect()
    }
}

const LEVEL: u64 = 1 << 15;
const LOW: u64 = 1 << 13;
const MASK: u64 = 1 << 16;

#[test]
fn identity_and_version() {
    let mut bench = chip();
    assert_eq!(bench.get(1), 0x0017_0011);
    bench.put(0, 0xFF00_0000);
    assert_eq!((bench.get(0), bench.get(2)), (0x0F00_0000, 0x0F00_0000));
    for pin in 0..24 {
        assert_eq!((bench.get(0x10 + 2 * pin), bench.get(0x11 + 2 * pin)), (MASK as u32, 0));
    }
    assert_eq!((bench.get(3), bench.get(0x40)), (0, 0));
}

#[test]
fn an_entry_keeps_what_it_has_bits_for() {
    let mut bench = chip();
    bench.entry(5, u64::MAX);
    assert_eq!((bench.get(0x1A), bench.get(0x1B)), (0x0001_AFFF, 0xFF00_0000));
}

#[test]
fn an_edge_is_sent_once() {
    let mut bench = chip();
    bench.device.inputs(1 << 4, 1 << 4);
    bench.device.inputs(0, 0);
    assert!(bench.send(true).is_empty(), "masked: lost");
    bench.entry(4, 0x0300_0000_0000_0941);
    assert!(bench.send(true).is_empty());
    bench.device.inputs(1 << 4, 1 << 4);
    let message = bench.device.message(4).expect("an input");
    let Message { destination, logical, mode, vector, level } = message;
    assert_eq!((destination, logical, vector, level), (3, true, 0x41, false));
    assert_eq!(mode, DeliveryMode::LOWEST_PRIORITY);
    assert_eq!(bench.send(true), [0x41]);
    bench.device.inputs(1 << 4, 0);
    assert!(bench.send(true).is_empty());
    // A pulse between two looks; one that nobody takes.
    bench.device.inputs(0, 0);
    bench.device.inputs(0, 1 << 4);
    assert_eq!(bench.send(false), [0x41]);
    assert!(bench.send(true).is_empty());
}

#[test]
fn a_falling_edge_is_one_if_the_input_is_active_low() {
    let mut bench = chip();
    bench.entry(6, 0x42 | LOW);
    bench.device.inputs(1 << 6, 1 << 6);
    assert!(bench.send(true).is_empty());
    bench.device.inputs(0, 0);
    assert_eq!(bench.send(true), [0x42]);
}

#[test]
fn a_level_is_sent_until_it_is_taken_and_again_after_its_end() {
    let mut bench = chip();
    bench.entry(9, 0x51 | LEVEL);
    bench.device.inputs(1 << 9, 1 << 9);
    assert_eq!(bench.send(false), [0x51]);
    assert_eq!(bench.get(0x22), 0x51 | 1 << 15 | 1 << 12, "waiting to be accepted");
    assert_eq!(bench.send(true), [0x51]);
    assert_eq!(bench.get(0x22), 0x51 | 1 << 15 | 1 << 14);
    assert!(bench.send(true).is_empty());
    bench.device.end_of_interrupt(0x50);
    assert!(bench.send(true).is_empty(), "another vector");
    bench.device.end_of_interrupt(0x51);
    assert_eq!(bench.send(true), [0x51]);
    bench.device.inputs(0, 0);
    bench.device.end_of_interrupt(0x51);
    assert!(bench.send(true).is_empty());
}

#[test]
fn a_level_withdrawn_or_masked_is_forgotten() {
    let mut bench = chip();
    bench.entry(9, 0x51 | LEVEL);
    bench.device.inputs(1 << 9, 1 << 9);
    bench.entry(9, 0x51 | LEVEL | MASK);
    assert!(bench.send(true).is_empty());
    bench.entry(9, 0x51 | LEVEL);
    assert_eq!(bench.send(true), [0x51], "it is still active");
    // The remote IRR cannot be written, but goes when the entry becomes edge-triggered.
    bench.entry(9, 0x51 | LEVEL | MASK);
    assert_eq!(bench.get(0x22), 0x51 | 1 << 16 | 1 << 15 | 1 << 14);
    bench.entry(9, 0x51 | MASK);
    bench.entry(9, 0x51 | LEVEL);
    assert_eq!(bench.get(0x22), 0x51 | 1 << 15 | 1 << 12);
    assert_eq!(bench.send(true), [0x51]);
    // Active low: not active now.
    bench.device.end_of_interrupt(0x51);
    bench.entry(9, 0x51 | LEVEL | LOW);
    assert!(bench.send(true).is_empty());
    bench.device.inputs(0, 0);
    assert_eq!(bench.send(true), [0x51]);
}

#[test]
fn an_nmi_is_an_edge_whatever_the_entry_says() {
    let mut bench = chip();
    assert!(!bench.device.wakes());
    bench.entry(2, 0x400 | LEVEL);
    assert!(bench.device.wakes());
    bench.device.inputs(1 << 2, 1 << 2);
    assert_eq!(bench.device.message(2).map(|m| (m.mode, m.level)), Some((DeliveryMode::NMI, false)));
    assert_eq!(bench.send(true).len(), 1);
    assert!(bench.send(true).is_empty());
}

#[test]
fn other_widths_reach_the_index_only() {
    let mut bench = chip();
    assert_eq!(Mmio::write(&mut bench.device, 0, 0, Width::Byte, 1), Ok(()));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0, Width::Byte), Ok(1));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x10, Width::Byte), Err(IoError::NoRegister));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x04, Width::Dword), Err(IoError::NoRegister));
}

#[test]
fn survives_anything() {
    shake(
        |_, _| IoApic::new(),
        |chip, random| {
            let what = random.next_u64();
            match what & 3 {
                0 => chip.inputs((what >> 8) as u32 & 0xFF_FFFF, (what >> 32) as u32 & 0xFF_FFFF),
                1 => chip.end_of_interrupt((what >> 8) as u8),
                2 => {
                    // Entries that are not masked, or there is little to shake.
                    let _ = Mmio::write(chip, 0, 0, Width::Dword, 0x10 + (what >> 8) as u32 % 48);
                    let _ = Mmio::write(chip, 0, 0x10, Width::Dword, (what >> 16) as u32 & !(1 << 16));
                }
                _ => {
                    let pin = (what >> 8) as u32 & 31;
                    if chip.message(pin).is_some() {
                        chip.sent(pin, what & 4 != 0);
                    }
                }
            }
        },
    );
}
