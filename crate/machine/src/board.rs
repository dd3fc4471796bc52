//! The board: which parts the PC has, and where they sit.
//!
//! This is the only place with port numbers, interrupt numbers and PCI slots. The first half is the parts
//! list; the second what the rest of the machine asks of particular parts.

use crate::Wiring;
use crate::clock::VirtualTime;
use crate::config::Config;
use crate::parts::{Handle, Parts};
use bus::{Device, Lines, PhysAddr, Port};
use cpu::mmu::LowPage;
use devices::acpi_pm::{self, AcpiPm, TimerWidth};
use devices::debug_ports::{DebugConsole, ExitPort, PostCode};
use devices::fw_cfg::{FwCfg, Key};
use devices::i8042::{I8042, Wires};
use devices::pci::{HostBridge, PciBus, slot};
use devices::pic::Pics;
use devices::piix::{Piix4Isa, Piix4Power};
use devices::pit::Pit;
use devices::port92::Port92;
use devices::rtc::Rtc;
use devices::uart::Uart;
use devices::vga::Vga;
use host::display::Display;
use host::input::MouseButtons;
use host::log::Level;
use host::{KeyCode, Logger};
use std::collections::VecDeque;

/// Interrupt request lines.
pub(crate) mod irq {
    pub(crate) const TIMER: u32 = 0;
    pub(crate) const KEYBOARD: u32 = 1;
    pub(crate) const COM2: u32 = 3;
    pub(crate) const COM1: u32 = 4;
    pub(crate) const RTC: u32 = 8;
    pub(crate) const SCI: u32 = devices::acpi_pm::SCI_IRQ as u32;
    pub(crate) const MOUSE: u32 = 12;
    /// Where a firmware routes PIRQA# to PIRQD#.
    pub(crate) const PIRQ: [u8; 4] = [10, 10, 11, 11];
}

/// Fixed ports that tables for the guest name too.
pub(crate) mod port {
    pub(crate) const PIC_MASTER: u16 = 0x20;
    pub(crate) const PIC_SLAVE: u16 = 0xA0;
    pub(crate) const PIC_ELCR: u16 = 0x4D0;
    pub(crate) const PIT: u16 = 0x40;
    pub(crate) const PORT61: u16 = 0x61;
    pub(crate) const KBC_DATA: u16 = 0x60;
    pub(crate) const KBC_COMMAND: u16 = 0x64;
    pub(crate) const RTC: u16 = 0x70;
    pub(crate) const PORT92: u16 = 0x92;
    pub(crate) const APM: u16 = devices::acpi_pm::SMI_COMMAND_PORT;
    pub(crate) const COM1: u16 = 0x3F8;
    pub(crate) const COM2: u16 = 0x2F8;
    pub(crate) const PCI_ADDRESS: u16 = 0xCF8;
    pub(crate) const RESET_CONTROL: u16 = 0xCF9;
    pub(crate) const PCI_DATA: u16 = 0xCFC;
    /// Where a firmware puts the power management block.
    pub(crate) const PM_BASE: u16 = devices::acpi_pm::SUGGESTED_PM_BASE;
}

/// Wires that are not interrupts.
mod wire {
    pub(super) const A20_KBC: u32 = 0;
    pub(super) const A20_PORT92: u32 = 1;
    pub(super) const RESET: u32 = 2;
    pub(super) const INIT: u32 = 3;
    pub(super) const POWER_OFF: u32 = 4;
}

/// What the run loop has to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The machine (or, as there is no firmware to go on from, only the processor) is to be reset.
    Reset,
    PowerOff,
    /// The exit port was written.
    Exit(u32),
}

/// The board.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) time: VirtualTime,
    pub(crate) parts: Parts,
    // Wires.
    pub(crate) irq: Lines,
    pub(crate) pirq: Lines,
    pub(crate) control: Lines,
    // Parts that are asked for something in particular.
    pub(crate) pics: Handle<Pics>,
    pub(crate) host_bridge: Handle<HostBridge>,
    pub(crate) isa: Handle<Piix4Isa>,
    power: Handle<Piix4Power>,
    pub(crate) pci: Handle<PciBus>,
    kbc: Handle<I8042>,
    rtc: Handle<Rtc>,
    port92: Handle<Port92>,
    pub(crate) com: [Handle<Uart>; 2],
    pub(crate) vga: Handle<Vga>,
    pub(crate) fw_cfg: Handle<FwCfg>,
    post: Handle<PostCode>,
    exit: Handle<ExitPort>,
    /// Bytes for the guest that a UART had no room for.
    pub(crate) waiting: [VecDeque<u8>; 2],
    // What the processor was told, and what it has to be told.
    pub(crate) intr: bool,
    pub(crate) attention: bool,
    pub(crate) stop: bool,
    /// Something changed in how addresses lead to memory.
    pub(crate) map_changed: bool,
    log: Logger,
}

impl Board {
    /// The parts list.
    pub(crate) fn new(config: &Config, wiring: &Wiring) -> Self {
        let (irqs, pirq, control) = (Lines::new(), Lines::new(), Lines::new());
        let time = VirtualTime::new();
        let clock = || time.clock();
        let mut board = Parts::new();

        // North and south bridge. Slots and identities are those that firmware knows this board by.
        let pci = board.add("pci_bus", PciBus::new(), [("address", port::PCI_ADDRESS)]);
        let host_bridge = board.add("host_bridge", HostBridge::new(), []);
        board.place_on_pci(host_bridge, slot(0, 0));
        let isa = Piix4Isa::new(control.line(wire::RESET), control.line(wire::INIT));
        let isa = board.add("isa_bridge", isa, [("reset_control", port::RESET_CONTROL)]);
        board.place_on_pci(isa, slot(1, 0));
        let (sci, off) = (irqs.line(irq::SCI), control.line(wire::POWER_OFF));
        let power = Piix4Power::new(AcpiPm::new(clock(), sci, off, TimerWidth::Bits24));
        let power = board.add("power", power, [("apm", port::APM)]);
        board.place_on_pci(power, slot(1, 3));

        // The AT's own.
        let pics = [("master", port::PIC_MASTER), ("slave", port::PIC_SLAVE), ("elcr", port::PIC_ELCR)];
        let pics = board.add("pics", Pics::new(), pics);
        let pit = Pit::new(irqs.line(irq::TIMER), clock());
        board.add("pit", pit, [("timers", port::PIT), ("port61", port::PORT61)]);
        let rtc = Rtc::new(irqs.line(irq::RTC), clock(), config.rtc);
        let rtc = board.add("rtc", rtc, [("index", port::RTC), ("data", port::RTC + 1)]);
        let wires = Wires {
            keyboard: irqs.line(irq::KEYBOARD),
            mouse: irqs.line(irq::MOUSE),
            reset: control.line(wire::RESET),
            a20: control.line(wire::A20_KBC),
        };
        let kbc = [("data", port::KBC_DATA), ("command", port::KBC_COMMAND)];
        let kbc = board.add("i8042", I8042::new(wires, clock()), kbc);
        let port92 = Port92::new(control.line(wire::A20_PORT92), control.line(wire::INIT));
        let port92 = board.add("port92", port92, [("control", port::PORT92)]);

        // Serial ports and screen.
        let [com1, com2] = &wiring.serial;
        let com1 = Uart::new(irqs.line(irq::COM1), clock(), Box::new(com1.clone()));
        let com1 = board.add("com1", com1, [("registers", port::COM1)]);
        let com2 = Uart::new(irqs.line(irq::COM2), clock(), Box::new(com2.clone()));
        let com2 = board.add("com2", com2, [("registers", port::COM2)]);
        let vga = [("mono", 0x3B0), ("vga", 0x3C0), ("color", 0x3D0)];
        let vga = board.add("vga", Vga::new(clock()), vga);
        board.place_in_memory(vga, "window", 0xA_0000);

        // What only a virtual machine has.
        let fw_cfg = board.add("fw_cfg", FwCfg::new(), [("ports", 0x510), ("dma", 0x514)]);
        let console = DebugConsole::new(Box::new(wiring.console.clone()));
        board.add("debug_console", console, [("console", 0xE9)]);
        let exit = board.add("exit", ExitPort::new(), [("exit", 0xF4)]);
        let post = board.add("post_code", PostCode::new(), [("post", 0x80)]);

        let mut board = Self {
            time,
            parts: board,
            irq: irqs,
            pirq,
            control,
            pics,
            host_bridge,
            isa,
            power,
            pci,
            kbc,
            rtc,
            port92,
            com: [com1, com2],
            vga,
            fw_cfg,
            post,
            exit,
            waiting: [VecDeque::new(), VecDeque::new()],
            intr: false,
            attention: false,
            stop: false,
            map_changed: true,
            log: wiring.log.target("board"),
        };
        board.describe_memory(config.memory_bytes());
        board.parts.remap();
        board.parts.touched_all();
        board
    }

    /// CMOS and fw_cfg say how much memory there is, as firmware wants to know (IBM PC AT Technical Reference,
    /// "CMOS RAM addresses"; above 16 MB by the later convention of bytes 34h and 35h).
    fn describe_memory(&mut self, bytes: u64) {
        let kb_above_1m = ((bytes >> 10) - 1024).min(0xFFFF) as u16;
        let units_above_16m = (bytes.saturating_sub(16 << 20) >> 16).min(0xFFFF) as u16;
        let rtc = self.parts.get_mut(self.rtc);
        let words = [(0x15, 640), (0x17, kb_above_1m), (0x30, kb_above_1m), (0x34, units_above_16m)];
        for (index, word) in words {
            let [low, high] = u16::to_le_bytes(word);
            rtc.set_cmos(index, low);
            rtc.set_cmos(index + 1, high);
        }
        // Equipment: a coprocessor, a PS/2 mouse, a display with its own BIOS.
        rtc.set_cmos(0x14, 0x06);
        let fw_cfg = self.parts.get_mut(self.fw_cfg);
        fw_cfg.set_ram_size(bytes);
        fw_cfg.set_cpus(1);
        fw_cfg.set_u16(Key::NO_GRAPHICS, 0);
    }

    /// A hard reset of every part. Time goes on.
    pub(crate) fn reset(&mut self) {
        for (_, device) in self.parts.iter_mut() {
            device.reset();
        }
        self.waiting = [VecDeque::new(), VecDeque::new()];
        self.control.take_rose();
        self.irq.take_rose();
        self.map_changed = true;
        self.parts.remap();
        self.parts.touched_all();
        self.sync_lines();
    }

    /// Stands in for the firmware that a directly booted kernel expects to have run.
    pub(crate) fn stand_in_for_firmware(&mut self) {
        // The segment at F0000h is read-only RAM, that at E0000h RAM: ACPI's tables are there.
        let bridge = self.parts.get_mut(self.host_bridge);
        if let Some(config) = bridge.pci() {
            // PAM0 is byte 59h, PAM5 and PAM6 (E0000h to EFFFFh) bytes 5Eh and 5Fh.
            config.config_write(0x58, 0x1000, 0xFF00);
            config.config_write(0x5C, 0x3333_0000, 0xFFFF_0000);
        }
        self.parts.get_mut(self.isa).assign_pirqs(irq::PIRQ);
        self.parts.get_mut(self.power).assign_pm_base(Port(port::PM_BASE));
        self.parts.get_mut(self.port92).open_a20();
        self.parts.get_mut(self.vga).set_text_mode_3();
        self.map_changed = true;
        self.parts.remap();
        self.parts.touched_all();
        self.sync_lines();
    }

    // ---- memory ----

    /// A20 is open if either gate opens it.
    pub(crate) fn a20(&self) -> bool {
        self.control.levels() & (1 << wire::A20_KBC | 1 << wire::A20_PORT92) != 0
    }

    /// How the ranges below 1 MB answer.
    pub(crate) fn low_memory(&self) -> Vec<(u64, u64, LowPage)> {
        let bridge = self.parts.get(self.host_bridge);
        let smram = bridge.smram();
        let window = if smram.enable() && smram.open() { LowPage::Ram } else { LowPage::Device };
        let mut ranges = vec![(0, 0xA_0000, LowPage::Ram), (0xA_0000, 0xC_0000, window)];
        for segment in bridge.pam() {
            let kind = match (segment.attributes.read_enable(), segment.attributes.write_enable()) {
                (true, true) => LowPage::Ram,
                (true, false) => LowPage::Rom,
                (false, _) => LowPage::Device,
            };
            ranges.push((segment.base.0, segment.base.0 + segment.len, kind));
        }
        ranges
    }

    /// A DMA structure for fw_cfg that waits.
    pub(crate) fn take_fw_cfg_dma(&mut self) -> Option<PhysAddr> {
        self.parts.get_mut(self.fw_cfg).take_dma()
    }

    /// The exit port's number in the list.
    pub(crate) fn exit_index(&self) -> usize {
        self.exit.index()
    }

    // ---- what the run loop acts on ----

    /// What the guest asked for since the last call.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if let Some(value) = self.parts.get(self.exit).exit_request() {
            return Some(Request::Exit(value));
        }
        let rose = self.control.take_rose();
        if self.control.levels() >> wire::POWER_OFF & 1 != 0 {
            return Some(Request::PowerOff);
        }
        (rose & (1 << wire::RESET | 1 << wire::INIT) != 0).then_some(Request::Reset)
    }

    /// Brings time and timers up to `count`.
    pub(crate) fn settle(&mut self, count: u64) {
        self.time.show(count);
        self.parts.fire(self.time.at(count));
        self.sync_lines();
    }

    // ---- input and output ----

    fn after_input<T>(&mut self, part: Handle<T>) {
        self.parts.touched(part.index());
        self.sync_lines();
    }

    pub(crate) fn serial_input(&mut self, port: usize, bytes: &[u8]) {
        if let Some(waiting) = self.waiting.get_mut(port) {
            waiting.extend(bytes);
            self.feed_serial(port);
            self.after_input(self.com[port]);
        }
    }

    /// Gives a UART what waits for it. It depends only on what the guest does and on when input came, so
    /// a run can be repeated.
    pub(crate) fn feed_serial(&mut self, port: usize) {
        if let (Some(waiting), Some(&com)) = (self.waiting.get_mut(port), self.com.get(port))
            && !waiting.is_empty()
        {
            let taken = self.parts.get_mut(com).receive(waiting.make_contiguous());
            waiting.drain(..taken.min(waiting.len()));
        }
    }

    pub(crate) fn key(&mut self, code: KeyCode, down: bool) {
        if !self.parts.get_mut(self.kbc).key(code, down) {
            self.log.log(Level::Warn, format_args!("the keyboard's queue is full: {} is lost", code.name()));
        }
        self.after_input(self.kbc);
    }

    pub(crate) fn mouse(&mut self, dx: i32, dy: i32, wheel: i32, buttons: MouseButtons) {
        self.parts.get_mut(self.kbc).mouse(dx, dy, wheel, buttons);
        self.after_input(self.kbc);
    }

    pub(crate) fn power_button(&mut self) -> bool {
        let heard = self.parts.get_mut(self.power).press_power_button();
        self.after_input(self.power);
        heard
    }

    pub(crate) fn show(&mut self, display: &mut dyn Display) -> bool {
        self.parts.get_mut(self.vga).show(display)
    }

    pub(crate) fn screen_text(&self) -> String {
        self.parts.get(self.vga).screen_text()
    }

    pub(crate) fn post_codes(&self) -> Vec<u8> {
        self.parts.get(self.post).codes().collect()
    }
}

/// The places of the power management block's registers, for ACPI's tables.
pub(crate) const PM_BLOCKS: [(u16, u8); 4] = [
    (port::PM_BASE + acpi_pm::EVENT_BLOCK, 4),
    (port::PM_BASE + acpi_pm::CONTROL_BLOCK, 2),
    (port::PM_BASE + acpi_pm::TIMER_BLOCK, 4),
    (port::PM_BASE + acpi_pm::GPE0_BLOCK, 4),
];
