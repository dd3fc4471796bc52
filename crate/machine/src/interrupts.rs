//! How interrupts get to the processor: wires, interrupt controllers, messages.
//!
//! The wires of ISA lead to the pair of 8259A and to the I/O APIC, to the input of the same number. The exceptions: the timer's
//! has input 2, as on every PC; input 0, where other boards have the 8259A, is not connected. PCI's wires join ISA's where the
//! south bridge routes them, so that their interrupts have the same numbers for both controllers, and are active high for both.
//! Inputs 20 to 23 are the HPET's.
//!
//! The 8259A's output is LINT0 of the local APIC, which is what INTR comes from. Nothing drives LINT1: the board has no source
//! of non-maskable interrupts, and nothing for the mask at port 70h to hold back.
//!
//! Messages of bus masters (MSI) are writes to where interrupt messages go. No device of the board announces that it can send
//! any; one that does writes them as it writes to RAM ([`bus::Dma::write`], four bytes).

use crate::board::{Apic, Board, hpet_wire, irq};
use bus::PhysAddr;
use devices::local_apic::{Lint, Message};

impl Board {
    /// Carries the wires' levels to where they lead. The processor is told if its INTR input changes; its
    /// level is returned.
    pub(crate) fn sync_lines(&mut self) -> bool {
        let routes_changed = self.parts.get_mut(self.isa).take_routes_changed();
        let changed = self.irq.take_changed() | self.pirq.take_changed() | self.hpet.take_changed();
        if changed || routes_changed {
            self.irqs_changed();
        }
        let pic = self.parts.get(self.pics).intr();
        let intr = match self.apic {
            Some(apic) => self.sync_apics(apic, pic),
            None => pic,
        };
        self.attention |= intr != self.intr;
        if self.control.take_changed() {
            self.stop = true;
            self.attention = true;
            self.map_changed = true;
        }
        intr
    }

    fn irqs_changed(&mut self) {
        // A level that comes by a PCI interrupt wire is seen by the controllers like any other.
        self.pirq.take_rose();
        let routed = u64::from(self.parts.get(self.isa).routed(self.pirq.levels()));
        let (hpet, hpet_rose) = (self.hpet.levels(), self.hpet.take_rose());
        let (mut levels, mut rose) = (self.irq.levels(), self.irq.take_rose());
        if hpet >> hpet_wire::LEGACY & 1 != 0 {
            // Its first two timers are in the places of the 8254 and the real-time clock.
            let [first, second] = hpet_wire::REPLACEMENTS;
            let replace = |irqs: u64, wires: u64| {
                let others = irqs & !(1 << irq::TIMER | 1 << irq::RTC);
                others | (wires >> first & 1) << irq::TIMER | (wires >> second & 1) << irq::RTC
            };
            (levels, rose) = (replace(levels, hpet), replace(rose, hpet_rose));
        }
        levels |= routed;
        self.parts.get_mut(self.pics).inputs(levels as u16, rose as u16);
        if let Some(apic) = self.apic {
            let pins = |irqs: u64, hpet: u64| {
                let timer = (irqs >> irq::TIMER & 1) << irq::TIMER_INPUT;
                let others = irqs & 0xFFFF & !(1 << irq::TIMER | 1 << irq::TIMER_INPUT);
                (others | timer | hpet & 0xFF_0000) as u32
            };
            self.parts.get_mut(apic.io).inputs(pins(levels, hpet), pins(rose, hpet_rose));
        }
    }

    /// Carries the 8259A's output and the I/O APIC's messages to the local APIC, and the ends of interrupts back; the processor's
    /// INTR. A pin of the I/O APIC that nobody accepted asks again with every call, so that calls more or less change nothing.
    fn sync_apics(&mut self, apic: Apic, pic: bool) -> bool {
        let local = self.parts.get_mut(apic.local);
        local.set_lint(Lint::Lint0, pic);
        if let Some(vector) = local.take_ended() {
            self.parts.get_mut(apic.io).end_of_interrupt(vector);
        }
        let mut requests = self.parts.get(apic.io).requests();
        while requests != 0 {
            let pin = requests.trailing_zeros();
            requests &= requests - 1;
            if let Some(message) = self.parts.get(apic.io).message(pin) {
                let accepted = self.parts.get_mut(apic.local).accept(message);
                self.parts.get_mut(apic.io).sent(pin, accepted);
            }
        }
        let local = self.parts.get(apic.local);
        self.attention |= local.nmi();
        local.intr()
    }

    /// A write to where interrupt messages go, by a bus master or by the processor (outside the local APIC's own page).
    pub(crate) fn message(&mut self, addr: PhysAddr, data: u32) {
        let Some(apic) = self.apic else { return };
        if let Some(message) = Message::of_write(addr.0, data) {
            self.parts.get_mut(apic.local).accept(message);
            self.sync_lines();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::{Wiring, memory_map};
    use bus::{Dma, Port, Width};
    use cpu::{LocalApic, Platform};
    use devices::vga::frame_buffer::OwnMemory;
    use host::Logger;
    use host::serial::Memory;

    const LOCAL: u64 = 0xFEE0_0000;
    const IO: u64 = 0xFEC0_0000;
    const HPET: u64 = 0xFED0_0000;
    const APIC_BASE: u32 = 0x1B;

    fn board(apic: bool) -> Board {
        let wiring = Wiring {
            serial: [Memory::new(), Memory::new()],
            console: Memory::new(),
            drives: crate::Drives::default(),
            log: Logger::null(),
        };
        let config = Config { memory_mb: 64, apic, ..Config::default() };
        let mut board = Board::new(&config, &wiring, Box::new(OwnMemory::new(0)));
        board.stand_in_for_firmware();
        for port in [0x21, 0xA1] {
            board.port_write(0, Port(port), Width::Byte, 0xFF);
        }
        board
    }

    impl Board {
        fn put(&mut self, at: u64, value: u32) {
            self.mmio_write(0, PhysAddr(at), Width::Dword, value);
        }

        fn get(&mut self, at: u64) -> u32 {
            self.mmio_read(0, PhysAddr(at), Width::Dword)
        }

        fn entry(&mut self, pin: u32, low: u32) {
            self.put(IO, 0x10 + 2 * pin);
            self.put(IO + 0x10, low);
        }

        /// The vector that is acknowledged and ended at `count`.
        fn vector(&mut self, count: u64) -> Option<u8> {
            self.poll(count).intr.then(|| {
                let vector = self.acknowledge(count);
                self.put(LOCAL + 0xB0, 0);
                vector
            })
        }

        /// Counter 0 of the 8254 interrupts every millisecond.
        fn start_timer(&mut self) {
            for (port, value) in [(0x43, 0x34), (0x40, 0xA9), (0x40, 0x04)] {
                self.port_write(0, Port(port), Width::Byte, value);
            }
        }

        /// The next time that something happens, as a count of instructions.
        fn next(&self) -> u64 {
            self.time.count_at(self.parts.next_deadline().expect("a timer"))
        }
    }

    #[test]
    fn the_timer_is_at_input_two() {
        let mut board = board(true);
        board.entry(0, 0x30);
        board.entry(2, 0x32);
        board.start_timer();
        let at = board.next();
        assert_eq!(board.vector(at - 1), None);
        assert_eq!(board.vector(at), Some(0x32));
        assert_eq!(board.vector(at), None);
    }

    #[test]
    fn the_8259a_comes_through_in_virtual_wire_mode_and_without_the_apic() {
        for disabled in [false, true] {
            let mut board = board(true);
            for (port, value) in [(0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, 0xFE)] {
                board.port_write(0, Port(port), Width::Byte, value);
            }
            if disabled {
                assert_eq!(board.local_apic(), LocalApic::Enabled);
                assert_eq!(board.msr_write(0, APIC_BASE, 0xFEE0_0100), Some(()));
                assert_eq!(board.local_apic(), LocalApic::Disabled);
            }
            board.start_timer();
            let at = board.next();
            assert_eq!(board.vector(at), Some(8));
            assert_eq!(board.vector(at), None);
        }
    }

    #[test]
    fn a_pci_interrupt_is_a_level_at_the_input_of_its_number() {
        let mut board = board(true);
        board.entry(10, 0x0000_8051);
        board.pirq.line(1).set(true);
        assert_eq!(board.vector(0), Some(0x51));
        assert_eq!(board.vector(0), Some(0x51), "it is still active when it is ended");
        board.pirq.line(1).set(false);
        assert_eq!(board.vector(0), Some(0x51), "which was asked for with the end of the last");
        assert_eq!(board.vector(0), None);
    }

    #[test]
    fn raising_the_task_priority_takes_the_request_away() {
        let mut board = board(true);
        board.put(LOCAL + 0x300, 0x0004_4041);
        assert!(board.poll(0).intr);
        board.put(LOCAL + 0x80, 0x50);
        assert!(board.needs_attention() && !board.poll(0).intr);
        board.put(LOCAL + 0x80, 0);
        assert!(board.needs_attention());
        assert_eq!(board.vector(0), Some(0x41));
    }

    #[test]
    fn the_local_timer_is_a_deadline() {
        let mut board = board(true);
        board.put(LOCAL + 0x3E0, 0xB);
        board.put(LOCAL + 0x320, 0x60);
        board.put(LOCAL + 0x380, 1000);
        assert!(board.needs_attention() && board.poll(0).stop, "the next deadline has moved");
        let at = board.next();
        assert_eq!(board.time.at(at).0, 10_000);
        assert_eq!(board.vector(at - 1), None);
        assert_eq!(board.vector(at), Some(0x60));
    }

    #[test]
    fn the_registers_move_and_vanish() {
        let mut board = board(true);
        assert_eq!(board.get(LOCAL + 0x30), 0x0005_0014);
        assert_eq!(board.msr_write(0, APIC_BASE, 0xE000_0900), Some(()));
        assert_eq!(board.get(LOCAL + 0x30), u32::MAX);
        assert_eq!(board.get(0xE000_0030), 0x0005_0014);
        assert_eq!(board.msr_write(0, APIC_BASE, 0xE000_0D00), Some(()));
        assert_eq!(board.get(0xE000_0030), u32::MAX);
        assert_eq!(board.msr_read(0, 0x803), Some(0x0005_0014));
        assert_eq!(board.msr_write(0, APIC_BASE, 0xFEE0_0900), None, "only by way of disabling it");
        board.reset();
        assert_eq!(board.get(LOCAL + 0x30), 0x0005_0014);
    }

    #[test]
    fn messages_come_from_processor_and_bus_masters() {
        let mut board = board(true);
        board.put(LOCAL + 0x1000, 0x4071);
        assert_eq!(board.vector(0), None, "to processor 1");
        board.put(LOCAL + 0xF_F000, 0x4071);
        assert_eq!(board.vector(0), Some(0x71));
        let Ok(memory) = cpu::mmu::Ram::new(1 << 20) else { panic!("a megabyte") };
        let mut mmu = cpu::mmu::Mmu::new(memory);
        let mut ram = memory_map::RamDma::new(&mut mmu);
        assert_eq!(ram.write(PhysAddr(LOCAL), &0x4072u32.to_le_bytes()), Ok(()));
        assert!(ram.write(PhysAddr(LOCAL), &[0; 8]).is_err());
        for (at, data) in ram.messages() {
            board.message(at, data);
        }
        assert_eq!(board.vector(0), Some(0x72));
        // NMI.
        board.put(LOCAL + 0xF_F000, 0x4400);
        assert!(board.needs_attention() && board.poll(0).nmi && !board.poll(0).nmi);
        // SMI.
        board.put(LOCAL + 0xF_F000, 0x4200);
        assert!(board.poll(0).stop && board.take_request().is_none() && board.smi);
    }

    #[test]
    fn the_hpet_replaces_timer_and_clock() {
        let mut board = board(true);
        board.entry(2, 0x32);
        board.entry(8, 0x38);
        board.entry(20, 0x40);
        board.start_timer();
        let pit = board.next();
        // Timer 0 and 1 after 100 µs, timer 2 at its own input.
        for (timer, route, value) in [(0x100, 0, 10_000), (0x120, 0, 10_000), (0x140, 20 << 9, 5_000)] {
            board.put(HPET + timer, 0x104 | route);
            board.put(HPET + timer + 8, value);
        }
        board.put(HPET + 0x10, 3);
        let at = board.next();
        assert_eq!(board.time.at(at).0, 50_000);
        assert_eq!([board.vector(at), board.vector(at)], [Some(0x40), None]);
        let at = board.next();
        assert_eq!(board.time.at(at).0, 100_000);
        assert_eq!([board.vector(at), board.vector(at), board.vector(at)], [Some(0x38), Some(0x32), None]);
        assert_eq!(board.vector(pit), None, "nobody hears the 8254");
        board.put(HPET + 0x10, 1);
        let at = board.next();
        assert_eq!(board.vector(at), Some(0x32), "but now");
    }

    #[test]
    fn without_an_apic_there_is_nothing_of_it() {
        let mut board = board(false);
        assert_eq!(board.local_apic(), LocalApic::Absent);
        assert_eq!(board.msr_read(0, APIC_BASE), None);
        assert_eq!(board.msr_write(0, APIC_BASE, 0xFEE0_0900), None);
        for at in [LOCAL + 0x30, IO, HPET] {
            assert_eq!(board.get(at), u32::MAX);
        }
        board.put(LOCAL + 0xF_F000, 0x4071);
        assert!(!board.poll(0).intr);
    }
}
