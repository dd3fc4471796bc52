use super::*;
use crate::testing::{Bench, shake};
use bus::{ClockControl, Lines, Snapshot};

const NS: u64 = 1;
/// The wire that resets the processor.
const INIT: u32 = 5;
const SMI: u32 = INIT + 1;

fn make(clock: &ClockControl, lines: &Lines) -> LocalApic {
    LocalApic::new(clock.clock(), lines.line(INIT), lines.line(SMI))
}

fn off() -> Bench<LocalApic> {
    Bench::new(make)
}

/// Enabled by software, with spurious vector FFh.
fn ready() -> Bench<LocalApic> {
    let mut bench = off();
    bench.put(Register::SVR, 0x1FF);
    bench
}

impl Bench<LocalApic> {
    fn get(&mut self, register: Register) -> u32 {
        Mmio::read(&mut self.device, 0, u64::from(register.0) << 4, Width::Dword).expect("a register")
    }

    fn put(&mut self, register: Register, value: u32) {
        Mmio::write(&mut self.device, 0, u64::from(register.0) << 4, Width::Dword, value)
            .expect("a register");
    }

    fn fixed(&mut self, vector: u8) -> bool {
        self.device.accept(fixed(vector))
    }

    /// The vector that is taken into service.
    fn take(&mut self) -> u8 {
        assert!(self.device.intr());
        match self.device.acknowledge() {
            Acknowledged::Vector(vector) => vector,
            Acknowledged::External => panic!("the 8259A was to answer"),
        }
    }

    /// Switches x2APIC mode on.
    fn x2apic(&mut self) {
        self.device.msr_write(msr::APIC_BASE, 0xFEE0_0D00).expect("from xAPIC mode");
    }

    fn wr(&mut self, register: Register, value: u64) -> Option<()> {
        self.device.msr_write(0x800 + u32::from(register.0), value)
    }

    fn rd(&mut self, register: Register) -> Option<u64> {
        self.device.msr_read(0x800 + u32::from(register.0))
    }

    /// What has come since the last look.
    fn errors(&mut self) -> u32 {
        self.put(Register::ESR, 0);
        self.get(Register::ESR)
    }
}

fn fixed(vector: u8) -> Message {
    Message { destination: 0, logical: false, mode: DeliveryMode::FIXED, vector, level: false }
}

fn level(vector: u8) -> Message {
    Message { level: true, ..fixed(vector) }
}

#[test]
fn power_on_is_as_the_manual_says() {
    let mut bench = off();
    assert_eq!(bench.device.msr_read(msr::APIC_BASE), Some(0xFEE0_0900));
    assert_eq!(bench.device.place(), Some(DEFAULT_BASE));
    for (register, value) in [
        (Register::ID, 0),
        (Register::VERSION, 0x0005_0014),
        (Register::TPR, 0),
        (Register::LDR, 0),
        (Register::DFR, u32::MAX),
        (Register::SVR, 0xFF),
        (Register::ICR_LOW, 0),
        (Register::LVT_TIMER, 0x1_0000),
        (Register::LVT_THERMAL, 0x1_0000),
        (Register::LVT_PERFORMANCE, 0x1_0000),
        (Register::LVT_LINT1, 0x1_0000),
        (Register::LVT_ERROR, 0x1_0000),
        (Register::INITIAL_COUNT, 0),
        (Register::CURRENT_COUNT, 0),
        (Register::DIVIDE, 0),
    ] {
        assert_eq!(bench.get(register), value, "{register:?}");
    }
    // But for LINT0, which lets the 8259A through.
    assert_eq!(bench.get(Register::LVT_LINT0), 0x700);
}

#[test]
fn higher_classes_come_first_and_hold_back_lower_ones() {
    let mut bench = ready();
    for vector in [0x31, 0x52, 0x55, 0x80] {
        assert!(bench.fixed(vector));
    }
    assert_eq!(bench.take(), 0x80);
    assert_eq!(bench.get(Register::PPR), 0x80);
    assert!(!bench.device.intr());
    bench.put(Register::EOI, 0);
    assert_eq!(bench.take(), 0x55);
    // The same class waits, whatever its subclass.
    bench.fixed(0x5F);
    assert!(!bench.device.intr());
    bench.fixed(0x60);
    assert_eq!(bench.take(), 0x60);
    bench.put(Register::EOI, 0);
    assert!(!bench.device.intr());
    bench.put(Register::EOI, 0);
    assert_eq!(
        [bench.take(), {
            bench.put(Register::EOI, 0);
            bench.take()
        }],
        [0x5F, 0x52]
    );
    assert_eq!(bench.get(Register(Register::ISR.0 + 2)), 1 << 0x12);
    assert_eq!(bench.get(Register(Register::IRR.0 + 1)), 1 << 0x11);
}

#[test]
fn the_task_priority_masks_classes() {
    let mut bench = ready();
    bench.put(Register::TPR, 0x5F);
    bench.fixed(0x5F);
    assert!(!bench.device.intr());
    assert_eq!(bench.get(Register::PPR), 0x5F);
    bench.put(Register::TPR, 0x4F);
    assert!(bench.device.intr());
    bench.put(Register::TPR, 0x50);
    assert!(!bench.device.intr());
    assert_eq!(bench.device.acknowledge(), Acknowledged::Vector(0xFF), "gone by now: spurious");
    assert_eq!(bench.get(Register(Register::ISR.0 + 7)), 0, "and nothing is in service");
    assert_eq!(bench.get(Register::APR), 0x50);
    bench.put(Register::TPR, 0x10);
    assert_eq!(bench.get(Register::APR), 0x50);
    assert_eq!(bench.take(), 0x5F);
    bench.put(Register::TPR, 0x53);
    assert_eq!(bench.get(Register::PPR), 0x53);
    bench.put(Register::TPR, 0x43);
    assert_eq!(bench.get(Register::PPR), 0x50);
}

#[test]
fn a_request_comes_once_more_while_it_is_served() {
    let mut bench = ready();
    bench.fixed(0x40);
    bench.fixed(0x40);
    assert_eq!(bench.take(), 0x40);
    bench.fixed(0x40);
    assert!(!bench.device.intr());
    bench.put(Register::EOI, 0);
    assert_eq!(bench.take(), 0x40);
    bench.put(Register::EOI, 0);
    assert!(!bench.device.intr());
}

#[test]
fn the_end_of_a_level_is_told() {
    let mut bench = ready();
    bench.device.accept(level(0x61));
    bench.fixed(0x72);
    assert_eq!(bench.get(Register(Register::TMR.0 + 3)), 1 << 1);
    bench.take();
    bench.put(Register::EOI, 0);
    assert_eq!(bench.device.take_ended(), None);
    bench.take();
    bench.put(Register::EOI, 0);
    assert_eq!(bench.device.take_ended(), Some(0x61));
    assert_eq!(bench.device.take_ended(), None);
    // An edge of the same vector clears its bit.
    bench.fixed(0x61);
    assert_eq!(bench.get(Register(Register::TMR.0 + 3)), 0);
}

#[test]
fn off_by_software_it_takes_no_vectors_and_masks_its_own() {
    let mut bench = ready();
    bench.put(Register::LVT_TIMER, 0x40);
    bench.put(Register::LVT_LINT0, 0x700);
    bench.fixed(0x50);
    bench.put(Register::SVR, 0xFF);
    assert_eq!(bench.get(Register::LVT_TIMER), 0x1_0040);
    assert_eq!(bench.get(Register::LVT_LINT0), 0x1_0700);
    bench.put(Register::LVT_TIMER, 0x41);
    assert_eq!(bench.get(Register::LVT_TIMER), 0x1_0041, "the mask cannot be cleared");
    assert!(!bench.fixed(0x60));
    assert!(bench.device.accept(Message { mode: DeliveryMode::NMI, ..fixed(0) }));
    assert!(bench.device.take_nmi() && !bench.device.take_nmi());
    assert_eq!(bench.take(), 0x50, "what was accepted is kept");
}

#[test]
fn destinations_are_physical_or_logical() {
    let mut bench = ready();
    let to = |bench: &mut Bench<LocalApic>, destination, logical| {
        bench.device.accept(Message { destination, logical, ..fixed(0x40) })
    };
    assert!(to(&mut bench, 0, false) && to(&mut bench, 0xFF, false) && !to(&mut bench, 1, false));
    assert!(!to(&mut bench, 1, true), "no logical identity yet");
    bench.put(Register::LDR, 0x0600_0000);
    assert!(to(&mut bench, 2, true) && to(&mut bench, 0xFF, true) && !to(&mut bench, 0xF9, true));
    bench.put(Register::DFR, 0x0FFF_FFFF);
    bench.put(Register::LDR, 0x3600_0000);
    assert!(to(&mut bench, 0x32, true) && !to(&mut bench, 0x31, true) && !to(&mut bench, 0x22, true));
    assert_eq!(bench.get(Register::DFR), 0x0FFF_FFFF);
    bench.put(Register::ID, 0x0700_0000);
    assert!(to(&mut bench, 7, false) && !to(&mut bench, 0, false));
}

#[test]
fn commands_reach_the_only_processor_there_is() {
    let mut bench = ready();
    // To itself, to all, to the others; by its number, to another.
    for (high, low, here) in [
        (0, 0x0004_4041, true),
        (0, 0x0008_4042, true),
        (0, 0x000C_4043, false),
        (0, 0x0000_4044, true),
        (0x0100_0000, 0x0000_4045, false),
        (0xFF00_0000, 0x0000_4146, true),
    ] {
        bench.put(Register::ICR_HIGH, high);
        bench.put(Register::ICR_LOW, low);
        assert_eq!(bench.get(Register::ICR_LOW), low, "and it is idle");
        assert_eq!(bench.device.intr(), here, "{low:#x}");
        if here {
            assert_eq!(bench.take(), low as u8);
            bench.put(Register::EOI, 0);
        }
    }
    // NMI, SMI, start-up, INIT off, INIT.
    bench.put(Register::ICR_HIGH, 0);
    for (low, nmi, rose) in [
        (0x4400, true, 0),
        (0x4200, false, 1 << SMI),
        (0x4600, false, 0),
        (0x8500, false, 0),
        (0xC_4500, false, 0),
        (0x4_4500, false, 0),
        (0x4500, false, 1 << INIT),
    ] {
        bench.put(Register::ICR_LOW, low);
        assert_eq!(bench.device.take_nmi(), nmi, "{low:#x}");
        assert_eq!(bench.lines.take_rose(), rose, "{low:#x}");
        assert!(!bench.device.intr());
    }
}

#[test]
fn errors_are_noted_and_interrupt() {
    let mut bench = ready();
    bench.put(Register::LVT_ERROR, 0xE3);
    bench.put(Register::ICR_LOW, 0x4_400F);
    assert_eq!(bench.take(), 0xE3);
    bench.put(Register::EOI, 0);
    assert_eq!(bench.get(Register::ESR), 0, "shown after a write only");
    bench.put(Register::ICR_LOW, 0x4_400F);
    assert!(!bench.device.intr(), "that error is noted already");
    bench.fixed(3);
    assert_eq!(bench.take(), 0xE3);
    bench.put(Register::EOI, 0);
    assert_eq!(bench.errors(), 1 << 5 | 1 << 6);
    assert_eq!(bench.errors(), 0);
    for register in [0x00, 0x01, 0x2F, 0x3A, 0x3F] {
        assert_eq!(bench.get(Register(register)), 0);
        assert_eq!(bench.errors(), 1 << 7, "{register:#x}");
        bench.put(Register(register), 0);
        assert_eq!(bench.errors(), 1 << 7, "{register:#x}");
    }
}

#[test]
fn the_8259a_comes_through_lint0() {
    let mut bench = off();
    bench.device.set_lint(Lint::Lint0, true);
    assert!(bench.device.intr());
    assert_eq!(bench.device.acknowledge(), Acknowledged::External);
    bench.device.set_lint(Lint::Lint0, false);
    assert!(!bench.device.intr());
    bench.device.virtual_wire();
    bench.put(Register::TPR, 0xFF);
    bench.device.set_lint(Lint::Lint0, true);
    assert!(bench.device.intr(), "no priority holds it back");
    bench.put(Register::LVT_LINT0, 0x1_0700);
    assert!(!bench.device.intr());
    // Without the local APIC it is the processor's own pin.
    bench.device.msr_write(msr::APIC_BASE, 0xFEE0_0100).expect("disabling");
    assert!(bench.device.intr());
    bench.device.set_lint(Lint::Lint1, true);
    assert!(bench.device.take_nmi());
}

#[test]
fn local_pins_have_entries() {
    let mut bench = ready();
    bench.put(Register::LVT_LINT1, 0x400);
    bench.device.set_lint(Lint::Lint1, true);
    assert!(bench.device.take_nmi() && !bench.device.wakes_by_lint0());
    bench.put(Register::LVT_LINT1, 0x45);
    bench.device.set_lint(Lint::Lint1, false);
    bench.device.set_lint(Lint::Lint1, true);
    assert_eq!(bench.take(), 0x45);
    bench.put(Register::EOI, 0);
    // A level asks again after its end.
    bench.put(Register::LVT_LINT0, 0x8046);
    bench.device.set_lint(Lint::Lint0, true);
    assert_eq!(bench.get(Register::LVT_LINT0), 0xC046);
    assert_eq!(bench.take(), 0x46);
    assert!(!bench.device.intr());
    bench.put(Register::EOI, 0);
    assert_eq!(bench.take(), 0x46);
    bench.device.set_lint(Lint::Lint0, false);
    bench.put(Register::EOI, 0);
    assert!(!bench.device.intr());
    // Active low.
    bench.put(Register::LVT_LINT0, 0xA047);
    assert_eq!(bench.take(), 0x47);
}

#[test]
fn the_timer_counts_down_once() {
    let mut bench = ready();
    bench.put(Register::DIVIDE, 0x3); // by 16: 160 ns
    bench.put(Register::LVT_TIMER, 0x30);
    bench.put(Register::INITIAL_COUNT, 1000);
    bench.run(400 * 160 * NS);
    assert_eq!(bench.get(Register::CURRENT_COUNT), 600);
    // From here on twice as fast.
    bench.put(Register::DIVIDE, 0x2);
    bench.run(600 * 80 - 1);
    assert_eq!(bench.get(Register::CURRENT_COUNT), 1);
    assert!(!bench.device.intr());
    bench.run(1);
    assert_eq!(bench.get(Register::CURRENT_COUNT), 0);
    assert_eq!(bench.take(), 0x30);
    bench.put(Register::EOI, 0);
    bench.run(1_000_000);
    assert!(!bench.device.intr());
    assert_eq!(bench.get(Register::INITIAL_COUNT), 1000);
}

#[test]
fn every_divisor_counts_as_it_says() {
    for (bits, divisor) in [(0, 2), (1, 4), (2, 8), (3, 16), (8, 32), (9, 64), (10, 128), (11, 1)] {
        let mut bench = ready();
        bench.put(Register::DIVIDE, bits);
        bench.put(Register::INITIAL_COUNT, 100);
        bench.run(10 * divisor * TICK_NS);
        assert_eq!(bench.get(Register::CURRENT_COUNT), 90, "{divisor}");
    }
}

#[test]
fn the_timer_repeats_without_losing_phase() {
    let mut bench = ready();
    bench.put(Register::DIVIDE, 0xB);
    bench.put(Register::LVT_TIMER, 0x2_0031);
    bench.put(Register::INITIAL_COUNT, 100);
    let mut ticks = 0;
    for _ in 0..50 {
        bench.run(500);
        if bench.device.intr() {
            ticks += 1;
            bench.take();
            bench.put(Register::EOI, 0);
        }
    }
    assert_eq!(ticks, 25);
    // Nobody looked for a while.
    let now = bench.control.clock().now();
    bench.control.advance_to(now.after(12_345));
    let _ = bench.device.timer().map(|timer| timer.fire(now));
    assert_eq!(bench.device.deadline(), Some(Time(25_000 + 13_000)));
    bench.take();
    bench.put(Register::EOI, 0);
    bench.put(Register::INITIAL_COUNT, 0);
    assert_eq!(bench.device.deadline(), None);
    // Masked, it counts and is silent.
    bench.put(Register::LVT_TIMER, 0x3_0031);
    bench.put(Register::INITIAL_COUNT, 100);
    bench.run(5_250);
    assert_eq!(bench.get(Register::CURRENT_COUNT), 75);
    assert!(!bench.device.intr());
    bench.put(Register::LVT_TIMER, 0x2_0031);
    assert!(!bench.device.intr());
    bench.run(750);
    assert!(bench.device.intr());
}

#[test]
fn the_timer_waits_for_a_time_stamp() {
    let mut bench = ready();
    assert_eq!(bench.device.msr_write(msr::TSC_DEADLINE, 5000), Some(()));
    assert_eq!(bench.device.msr_read(msr::TSC_DEADLINE), Some(0), "ignored in other modes");
    bench.put(Register::LVT_TIMER, 0x4_0032);
    bench.put(Register::INITIAL_COUNT, 7);
    assert_eq!((bench.get(Register::INITIAL_COUNT), bench.get(Register::CURRENT_COUNT)), (0, 0));
    bench.device.msr_write(msr::TSC_DEADLINE, 5000);
    bench.run(4999);
    assert_eq!(bench.device.msr_read(msr::TSC_DEADLINE), Some(5000));
    assert!(!bench.device.intr());
    bench.run(1);
    assert_eq!(bench.device.msr_read(msr::TSC_DEADLINE), Some(0));
    assert_eq!(bench.take(), 0x32);
    bench.put(Register::EOI, 0);
    // One that has passed comes at once; zero disarms.
    bench.device.msr_write(msr::TSC_DEADLINE, 1);
    bench.run(0);
    assert_eq!(bench.take(), 0x32);
    bench.put(Register::EOI, 0);
    bench.device.msr_write(msr::TSC_DEADLINE, 9000);
    bench.device.msr_write(msr::TSC_DEADLINE, 0);
    bench.run(10_000);
    assert!(!bench.device.intr());
    // The processor sets its counter to 1 000 000 at 15 000 ns.
    bench.device.set_tsc_offset(985_000);
    bench.device.msr_write(msr::TSC_DEADLINE, 1_000_100);
    assert_eq!(bench.device.deadline(), Some(Time(15_100)));
    bench.device.set_tsc_offset(985_050);
    assert_eq!(bench.device.deadline(), Some(Time(15_050)));
    // Another mode disarms.
    bench.put(Register::LVT_TIMER, 0x32);
    assert_eq!(bench.device.deadline(), None);
}

#[test]
fn modes_change_as_the_manual_allows() {
    const DISABLED: u64 = 0xFEE0_0100;
    const XAPIC: u64 = 0xFEE0_0900;
    const X2APIC: u64 = 0xFEE0_0D00;
    const INVALID: u64 = 0xFEE0_0500;
    for (from, to, allowed) in [
        (&[][..], XAPIC, true),
        (&[], DISABLED, true),
        (&[], X2APIC, true),
        (&[], INVALID, false),
        (&[DISABLED], XAPIC, true),
        (&[DISABLED], X2APIC, false),
        (&[DISABLED], INVALID, false),
        (&[X2APIC], XAPIC, false),
        (&[X2APIC], DISABLED, true),
        (&[X2APIC], INVALID, false),
        (&[X2APIC], X2APIC, true),
        (&[], XAPIC | 1, false),
        (&[], XAPIC | 1 << 9, false),
        (&[], XAPIC | 1 << 36, false),
        (&[], 0xF_FEC0_0900, true),
    ] {
        let mut bench = off();
        for value in from {
            bench.device.msr_write(msr::APIC_BASE, *value).expect("a way there");
        }
        let before = bench.device.msr_read(msr::APIC_BASE);
        let written = bench.device.msr_write(msr::APIC_BASE, to);
        assert_eq!(written.is_some(), allowed, "{from:x?} to {to:#x}");
        let after = bench.device.msr_read(msr::APIC_BASE);
        assert_eq!(after, if allowed { Some(to) } else { before });
    }
}

#[test]
fn disabled_it_is_not_there_and_forgets() {
    let mut bench = ready();
    bench.put(Register::TPR, 0x20);
    bench.fixed(0x50);
    assert!(bench.device.take_moved());
    bench.device.msr_write(msr::APIC_BASE, 0xFEE0_0100).expect("disabling");
    assert!(bench.device.take_moved() && bench.device.place().is_none() && !bench.device.enabled());
    assert!(!bench.device.intr() && !bench.fixed(0x60));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x20, Width::Dword), Err(IoError::NoRegister));
    bench.device.msr_write(msr::APIC_BASE, 0x1_2345_6900).expect("enabling, elsewhere");
    assert_eq!(bench.device.place(), Some(PhysAddr(0x1_2345_6000)));
    assert_eq!((bench.get(Register::TPR), bench.get(Register::SVR)), (0, 0xFF));
}

#[test]
fn x2apic_mode_has_the_registers_as_msrs() {
    let mut bench = ready();
    assert_eq!(bench.rd(Register::VERSION), None, "not in xAPIC mode");
    bench.put(Register::TPR, 0x30);
    bench.x2apic();
    assert_eq!(bench.device.place(), None);
    assert_eq!(bench.rd(Register::ID), Some(0));
    assert_eq!(bench.rd(Register::VERSION), Some(0x5_0014));
    assert_eq!(bench.rd(Register::TPR), Some(0x30), "what was set is kept");
    assert_eq!(bench.rd(Register::LDR), Some(1));
    let refused =
        [Register::APR, Register::RRD, Register::DFR, Register::EOI, Register::ICR_HIGH, Register::SELF_IPI];
    for register in refused {
        assert_eq!(bench.rd(register), None, "{register:?}");
    }
    for (register, value) in [
        (Register::ID, 0),
        (Register::VERSION, 0),
        (Register::PPR, 0),
        (Register::LDR, 0),
        (Register::DFR, 0),
        (Register::IRR, 0),
        (Register::CURRENT_COUNT, 0),
        (Register::TPR, 0x100),
        (Register::EOI, 1),
        (Register::ESR, 1),
        (Register::SVR, 0x1000),
        (Register::DIVIDE, 4),
        (Register::LVT_TIMER, 0x100),
        (Register::LVT_ERROR, 0x2_0000),
        (Register::ICR_LOW, 1 << 20),
        (Register::ICR_LOW, 1 << 12),
        (Register::INITIAL_COUNT, 1 << 32),
        (Register(0x2F), 0),
    ] {
        assert_eq!(bench.wr(register, value), None, "{register:?}");
    }
    assert_eq!(bench.wr(Register::SELF_IPI, 0x41), Some(()));
    assert_eq!(bench.take(), 0x41);
    assert_eq!(bench.wr(Register::EOI, 0), Some(()));
    // To processor 0, to cluster 0, to everyone, and to processor 1.
    for (value, here) in
        [(0x4042, true), (0x1_0000_4842, true), (0xFFFF_FFFF_0000_4042, true), (0x1_0000_4042, false)]
    {
        assert_eq!(bench.wr(Register::ICR_LOW, value), Some(()));
        assert_eq!(bench.device.intr(), here, "{value:#x}");
        assert_eq!(bench.rd(Register::ICR_LOW), Some(value));
        if here {
            bench.take();
            bench.wr(Register::EOI, 0);
        }
    }
    assert_eq!(bench.errors_x2(), 0);
    bench.wr(Register::SELF_IPI, 5);
    assert_eq!(bench.errors_x2(), 1 << 5);
}

impl Bench<LocalApic> {
    fn errors_x2(&mut self) -> u64 {
        self.wr(Register::ESR, 0).expect("a zero");
        self.rd(Register::ESR).expect("a register")
    }
}

#[test]
fn writes_to_the_bus_are_messages() {
    let message = Message::of_write(0xFEE0_1004, 0x4061).expect("a message");
    assert_eq!((message.destination, message.logical, message.vector, message.level), (1, true, 0x61, false));
    let message = Message::of_write(0xFEEF_F000, 0xC130).expect("a message");
    assert_eq!((message.mode, message.level), (DeliveryMode::LOWEST_PRIORITY, true));
    assert_eq!(Message::of_write(0xFEE0_0000, 0x8030), None, "a level that ends");
    assert_eq!(Message::of_write(0xFED0_0000, 0x4030), None);
    assert_eq!(Message::of_write(0x1_FEE0_0000, 0x4030), None);
}

#[test]
fn narrow_accesses_read_and_do_not_write() {
    let mut bench = ready();
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x30, Width::Byte), Ok(0x14));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x32, Width::Word), Ok(5));
    assert_eq!(Mmio::read(&mut bench.device, 0, 0x34, Width::Dword), Ok(0));
    assert!(Mmio::write(&mut bench.device, 0, 0x80, Width::Byte, 0x20).is_err());
    assert_eq!(bench.get(Register::TPR), 0);
}

#[test]
fn a_reset_begins_anew_where_it_was_at_first() {
    let mut bench = ready();
    let fresh = off().device.save();
    bench.x2apic();
    bench.wr(Register::SELF_IPI, 0x41);
    bench.device.reset();
    assert_eq!(bench.device.save(), fresh);
}

#[test]
fn survives_anything() {
    shake(make, |apic, random| {
        let what = random.next_u64();
        match what & 15 {
            0 | 1 => {
                apic.acknowledge();
            }
            2 => apic.set_lint(Lint::Lint0, what & 16 != 0),
            3 => apic.set_lint(Lint::Lint1, what & 16 != 0),
            4 => {
                let number = [0x1B, 0x6E0, 0x800 | (what >> 8) as u32 & 0xFF][(what >> 4) as usize % 3];
                let _ = apic.msr_read(number);
                let shift = what >> 56 & 63;
                let _ = apic.msr_write(number, random.next_u64() >> shift);
            }
            5 => {
                let _ = apic.msr_write(msr::APIC_BASE, 0xFEE0_0000 | what >> 4 & 0xD00);
            }
            6 => apic.set_tsc_offset(random.next_u64()),
            7 => {
                apic.take_ended();
                apic.take_nmi();
                apic.take_moved();
            }
            8 => {
                // Enabled, or there is little to shake.
                let _ = Mmio::write(apic, 0, 0xF0, Width::Dword, 0x1FF);
            }
            _ => {
                let mode = DeliveryMode((what >> 40) as u8 & 7);
                let (destination, vector) = ((what >> 8) as u8 & 3, (what >> 16) as u8);
                let (logical, level) = (what & 16 != 0, what & 32 != 0);
                apic.accept(Message { destination, logical, mode, vector, level });
            }
        }
    });
}
