use super::*;
use crate::testing::{Bench, shake};
use bus::{ClockControl, Lines};

/// Wires of the bench: the pins, the replacements, and whether they replace.
const REPLACEMENT: u32 = 4;
const LEGACY: u32 = 6;
const TICK: u64 = 10;

fn make(clock: &ClockControl, lines: &Lines) -> Hpet {
    let wires = Wires {
        pins: [0, 1, 2, 3].map(|n| lines.line(n)),
        replacements: [lines.line(REPLACEMENT), lines.line(REPLACEMENT + 1)],
        legacy: lines.line(LEGACY),
    };
    Hpet::new(wires, clock.clock())
}

impl Bench<Hpet> {
    fn get(&mut self, offset: u64) -> u64 {
        let mut half = |offset| Mmio::read(&mut self.device, 0, offset, Width::Dword).map_or(0, u64::from);
        half(offset) | half(offset + 4) << 32
    }

    fn put(&mut self, offset: u64, value: u32) {
        Mmio::write(&mut self.device, 0, offset, Width::Dword, value).expect("a register");
    }

    /// Lets this many ticks pass, and counts the rises of each of the first eight wires.
    fn ticks(&mut self, ticks: u64) -> [u32; 8] {
        let mut rises = [0; 8];
        let end = self.control.clock().now().after(ticks * TICK);
        while let Some(due) = self.device.deadline().filter(|due| *due <= end) {
            self.control.advance_to(due);
            self.device.fire(due);
            let rose = self.lines.take_rose();
            for (n, count) in rises.iter_mut().enumerate() {
                *count += u32::from(rose >> n & 1 != 0);
            }
        }
        self.control.advance_to(end);
        rises
    }
}

fn block() -> Bench<Hpet> {
    Bench::new(make)
}

const CONFIG: u64 = 0x10;
const STATUS: u64 = 0x20;
const COUNTER: u64 = 0xF0;
const T0: u64 = 0x100;
const T1: u64 = 0x120;
const T2: u64 = 0x140;
const VALUE: u64 = 8;
const LEVEL: u32 = 1 << 1;
const ENABLE: u32 = 1 << 2;
const PERIODIC: u32 = 1 << 3;
const SET: u32 = 1 << 6;
const MODE_32: u32 = 1 << 8;
const PIN_20: u32 = 20 << 9;
const PIN_23: u32 = 23 << 9;

#[test]
fn capabilities() {
    let mut bench = block();
    assert_eq!(bench.get(0), 0x0098_9680_8086_A201);
    assert_eq!(BLOCK_ID, 0x8086_A201);
    for timer in [T0, T1, T2] {
        assert_eq!(bench.get(timer), 0x00F0_0000_0000_0030);
        assert_eq!(bench.get(timer + VALUE), u64::MAX);
    }
    bench.put(T0, u32::MAX);
    assert_eq!(bench.get(T0) as u32, 0x017E, "no route 31, no FSB interrupts");
    assert_eq!(bench.get(T2 + 0x20), 0, "no fourth timer");
}

#[test]
fn the_counter_counts_while_it_is_enabled() {
    let mut bench = block();
    bench.ticks(5);
    assert_eq!(bench.get(COUNTER), 0);
    bench.put(COUNTER, 0xFFFF_FFF0);
    bench.put(COUNTER + 4, 1);
    bench.put(CONFIG, 1);
    bench.ticks(0x20);
    assert_eq!(bench.get(COUNTER), 0x2_0000_0010);
    bench.put(COUNTER, 0);
    assert_eq!(bench.get(COUNTER), 0x2_0000_0010, "not written while it runs");
    bench.put(CONFIG, 0);
    bench.ticks(100);
    assert_eq!(bench.get(COUNTER), 0x2_0000_0010);
    bench.put(CONFIG, 1);
    bench.ticks(1);
    assert_eq!(bench.get(COUNTER), 0x2_0000_0011);
}

#[test]
fn a_one_shot_comes_when_the_counter_gets_there() {
    let mut bench = block();
    bench.put(CONFIG, 1);
    bench.put(T2, ENABLE | PIN_23);
    bench.put(T2 + VALUE, 100);
    bench.put(T2 + VALUE + 4, 0);
    assert_eq!(bench.ticks(99), [0; 8]);
    assert_eq!(bench.ticks(1), [0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(bench.ticks(1000), [0; 8]);
    // A value that has passed is not there again for a long time.
    bench.put(T2 + VALUE, 50);
    assert_eq!(bench.ticks(100_000), [0; 8]);
    assert_eq!(bench.get(STATUS), 0);
}

#[test]
fn a_timer_of_32_bits_comes_with_every_round_of_the_counter() {
    let mut bench = block();
    bench.put(COUNTER + 4, 7);
    bench.put(CONFIG, 1);
    bench.put(T1, ENABLE | MODE_32 | PIN_20);
    bench.put(T1 + VALUE, 1000);
    assert_eq!(bench.get(T1 + VALUE), 1000);
    assert_eq!(bench.ticks(1000)[0], 1);
    assert_eq!(bench.ticks((1 << 32) - 1)[0], 0);
    assert_eq!(bench.ticks(1)[0], 1);
}

#[test]
fn a_periodic_timer_accumulates() {
    let mut bench = block();
    bench.put(T0, ENABLE | PERIODIC | SET | MODE_32 | PIN_20);
    bench.put(T0 + VALUE, 500);
    bench.put(T0 + VALUE, 100);
    bench.put(CONFIG, 1);
    assert_eq!(bench.ticks(499)[0], 0);
    assert_eq!(bench.get(T0 + VALUE), 500);
    assert_eq!(bench.ticks(1)[0], 1);
    assert_eq!(bench.get(T0 + VALUE), 600);
    assert_eq!(bench.ticks(1000)[0], 10);
    // Nobody looked for a while: one interrupt, and the phase is kept.
    let late = bench.control.clock().now().after(12_345 * TICK);
    bench.control.advance_to(late);
    bench.device.fire(late);
    assert_eq!(bench.get(T0 + VALUE), 13_900);
    assert_eq!(bench.lines.take_rose(), 1);
    // Without the bit, only the period changes.
    bench.put(T0 + VALUE, 1000);
    assert_eq!(bench.get(T0 + VALUE), 13_900);
    assert_eq!(bench.ticks(3000)[0], 3);
    assert_eq!(bench.get(T0 + VALUE), 16_900);
}

#[test]
fn a_level_stays_until_it_is_cleared() {
    let mut bench = block();
    bench.put(CONFIG, 1);
    bench.put(T1, ENABLE | LEVEL | PERIODIC | SET | PIN_20);
    bench.put(T1 + VALUE, 10);
    bench.put(T1, ENABLE | LEVEL | PERIODIC | SET | PIN_20);
    bench.put(T1 + VALUE + 4, 0);
    assert_eq!(bench.ticks(35)[0], 1);
    assert_eq!((bench.get(STATUS), bench.lines.levels()), (2, 1));
    bench.put(STATUS, 1);
    assert_eq!(bench.get(STATUS), 2);
    bench.put(STATUS, 2);
    assert_eq!((bench.get(STATUS), bench.lines.levels()), (0, 0));
    bench.ticks(5);
    assert_eq!(bench.lines.levels(), 1);
    // Off, it is silent, and its status shows all the same.
    bench.put(T1, LEVEL | PERIODIC | PIN_20);
    assert_eq!((bench.get(STATUS), bench.lines.levels()), (2, 0));
}

#[test]
fn the_legacy_route_takes_over_two_interrupts() {
    let mut bench = block();
    bench.put(CONFIG, 2);
    assert_eq!(bench.lines.levels(), 0, "only while it is enabled");
    bench.put(CONFIG, 3);
    assert_eq!(bench.lines.levels(), 1 << LEGACY);
    bench.lines.take_rose();
    for (timer, value) in [(T0, 10), (T1, 20), (T2, 30)] {
        bench.put(timer, ENABLE | MODE_32 | PIN_20);
        bench.put(timer + VALUE, value);
    }
    assert_eq!(bench.ticks(100), [1, 0, 0, 0, 1, 1, 0, 0]);
    bench.put(CONFIG, 1);
    assert_eq!(bench.lines.levels(), 0);
}

#[test]
fn survives_anything() {
    shake(make, |hpet, random| {
        // The main registers, or little would happen among a thousand bytes.
        let what = random.next_u64();
        let offset =
            [CONFIG, STATUS, COUNTER, T0, T0 + VALUE, T1, T1 + VALUE, T2 + VALUE][(what & 7) as usize];
        let _ = Mmio::write(hpet, 0, offset, Width::Dword, (what >> 32) as u32 >> (what >> 8 & 31));
    });
}
