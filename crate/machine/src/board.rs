//! The board: which parts the PC has, and where they sit.
//!
//! This is the only place with port numbers, interrupt numbers and PCI slots. The first half is the parts
//! list; the second what the rest of the machine asks of particular parts.

use crate::clock::VirtualTime;
use crate::config::{ClockMode, Config};
use crate::drives::DriveName;
use crate::parts::{Handle, Parts};
use crate::{Wiring, acpi};
use bus::{Device, Lines, PhysAddr, Port, Time};
use cpu::mmu::LowPage;
use devices::acpi_pm::{self, AcpiPm, TimerWidth};
use devices::debug_ports::{DebugConsole, ExitPort, PostCode};
use devices::dma8237::Dma8237;
use devices::floppy::Floppy;
use devices::fpu_error::FpuError;
use devices::fw_cfg::{FwCfg, Key};
use devices::hpet::{self, Hpet};
use devices::i8042::{I8042, Wires};
use devices::ide::{Attached, Cable, Piix4Ide, Place};
use devices::io_apic::{self, IoApic};
use devices::local_apic::LocalApic;
use devices::pci::{HostBridge, PciBus, slot};
use devices::pic::Pics;
use devices::piix::{Piix4Isa, Piix4Power};
use devices::pit::Pit;
use devices::port92::Port92;
use devices::rtc::Rtc;
use devices::uart::Uart;
use devices::vga::frame_buffer::FrameBuffer;
use devices::vga::{PciVga, Vga};
use host::block::Block;
use host::display::Display;
use host::entropy::Keyed;
use host::input::MouseButtons;
use host::log::Level;
use host::{KeyCode, Logger};
use x86::cpuid::Feature;

/// Interrupt request lines.
pub(crate) mod irq {
    pub(crate) const TIMER: u32 = 0;
    pub(crate) const KEYBOARD: u32 = 1;
    pub(crate) const COM2: u32 = 3;
    pub(crate) const COM1: u32 = 4;
    pub(crate) const RTC: u32 = 8;
    pub(crate) const SCI: u32 = devices::acpi_pm::SCI_IRQ as u32;
    pub(crate) const FLOPPY: u32 = 6;
    pub(crate) const MOUSE: u32 = 12;
    pub(crate) const FPU: u32 = 13;
    /// Primary and secondary channel.
    pub(crate) const IDE: [u32; 2] = [14, 15];
    /// Where a firmware routes PIRQA# to PIRQD#.
    pub(crate) const PIRQ: [u8; 4] = [10, 10, 11, 11];
    /// All that they may be routed to.
    pub(crate) const PIRQ_CHOICES: [u8; 2] = [10, 11];
    /// The I/O APIC's input of the timer. All others have the number of their interrupt; input 0 is not connected.
    pub(crate) const TIMER_INPUT: u32 = 2;
}

/// Wires of the HPET: its own inputs of the I/O APIC by their numbers, and what replaces other interrupts.
pub(crate) mod hpet_wire {
    pub(crate) const REPLACEMENTS: [u32; 2] = [32, 33];
    pub(crate) const LEGACY: u32 = 34;
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
    pub(crate) const FPU_ERROR: u16 = 0xF0;
    pub(crate) const APM: u16 = devices::acpi_pm::SMI_COMMAND_PORT;
    pub(crate) const COM1: u16 = 0x3F8;
    pub(crate) const COM2: u16 = 0x2F8;
    /// Where SeaBIOS writes its messages.
    pub(crate) const FIRMWARE_CONSOLE: u16 = 0x402;
    pub(crate) const PCI_ADDRESS: u16 = 0xCF8;
    pub(crate) const RESET_CONTROL: u16 = 0xCF9;
    pub(crate) const PCI_DATA: u16 = 0xCFC;
    /// Where a firmware may put the IDE bus masters.
    pub(crate) const BUS_MASTER_IDE: u16 = 0xC000;
    /// Where the power management block is for a kernel that is booted directly.
    pub(crate) const PM_BASE: u16 = devices::acpi_pm::SUGGESTED_PM_BASE;
    /// Where SeaBIOS puts it if it is handed tables.
    pub(crate) const FIRMWARE_PM_BASE: u16 = 0x600;
}

/// Where the frame buffer is put for a kernel that is booted directly: the beginning of PCI's memory.
const FRAME_BUFFER: u64 = 0xFD00_0000;

/// The floppy controller's DMA channel.
const FLOPPY_DMA: usize = 2;
const FLOPPIES: [DriveName; 2] = [DriveName::Fda, DriveName::Fdb];

/// Where the end of the flash is seen below 1 MB.
const LOW_FLASH_BASE: u64 = 0x10_0000 - cpu::mmu::LOW_FLASH;

/// Wires that are not interrupts.
mod wire {
    pub(super) const A20_KBC: u32 = 0;
    pub(super) const A20_PORT92: u32 = 1;
    pub(super) const RESET: u32 = 2;
    pub(super) const INIT: u32 = 3;
    pub(super) const POWER_OFF: u32 = 4;
    pub(super) const SMI: u32 = 5;
}

/// The parts that are there with a local APIC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apic {
    pub(crate) local: Handle<LocalApic>,
    pub(crate) io: Handle<IoApic>,
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
    pub(crate) hpet: Lines,
    pub(crate) control: Lines,
    // Parts that are asked for something in particular.
    pub(crate) pics: Handle<Pics>,
    pub(crate) apic: Option<Apic>,
    pub(crate) host_bridge: Handle<HostBridge>,
    pub(crate) isa: Handle<Piix4Isa>,
    power: Handle<Piix4Power>,
    pub(crate) pci: Handle<PciBus>,
    kbc: Handle<I8042>,
    rtc: Handle<Rtc>,
    port92: Handle<Port92>,
    pub(crate) fpu_error: Handle<FpuError>,
    pub(crate) com: [Handle<Uart>; 2],
    pub(crate) vga: Handle<PciVga>,
    ide: Handle<Piix4Ide>,
    dma: Handle<Dma8237>,
    floppy: Handle<Floppy>,
    pub(crate) fw_cfg: Handle<FwCfg>,
    post: Handle<PostCode>,
    exit: Handle<ExitPort>,
    /// What RDRAND gives.
    pub(crate) random: Option<Keyed>,
    // What the processor was told, and what it has to be told.
    pub(crate) intr: bool,
    pub(crate) attention: bool,
    pub(crate) stop: bool,
    /// SMI# rose.
    pub(crate) smi: bool,
    /// Memory is seen as in system management mode.
    smm: bool,
    /// Something changed in how addresses lead to memory.
    pub(crate) map_changed: bool,
    log: Logger,
}

impl Board {
    /// The parts list.
    pub(crate) fn new(config: &Config, wiring: &Wiring, video: Box<dyn FrameBuffer>) -> Self {
        let (irqs, pirq, hpet, control) = (Lines::new(), Lines::new(), Lines::new(), Lines::new());
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
        let pm = AcpiPm::new(clock(), sci, off, TimerWidth::Bits24);
        let power = Piix4Power::new(pm, control.line(wire::SMI));
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
        let fpu_error = FpuError::new(irqs.line(irq::FPU));
        let fpu_error = board.add("fpu_error", fpu_error, [("clear", port::FPU_ERROR)]);

        // The processor's own interrupt controller, and what came with it.
        let apic = config.has_apic().then(|| {
            let local = LocalApic::new(clock(), control.line(wire::INIT), control.line(wire::SMI));
            let local = board.add("local_apic", local, []);
            let io = board.add("io_apic", IoApic::new(), []);
            board.place_in_memory(io, "registers", io_apic::DEFAULT_BASE.0);
            let first = u32::from(hpet::FIRST_PIN);
            let wires = hpet::Wires {
                pins: std::array::from_fn(|n| hpet.line(first + n as u32)),
                replacements: hpet_wire::REPLACEMENTS.map(|n| hpet.line(n)),
                legacy: hpet.line(hpet_wire::LEGACY),
            };
            let timers = board.add("hpet", Hpet::new(wires, clock()), []);
            board.place_in_memory(timers, "registers", hpet::DEFAULT_BASE.0);
            Apic { local, io }
        });

        // Serial ports and screen.
        let [com1, com2] = &wiring.serial;
        let com1 = Uart::new(irqs.line(irq::COM1), clock(), Box::new(com1.clone()));
        let com1 = board.add("com1", com1, [("registers", port::COM1)]);
        let com2 = Uart::new(irqs.line(irq::COM2), clock(), Box::new(com2.clone()));
        let com2 = board.add("com2", com2, [("registers", port::COM2)]);
        let vga = [("mono", 0x3B0), ("vga", 0x3C0), ("color", 0x3D0), ("vbe", 0x1CE)];
        let vga = board.add("vga", PciVga::new(Vga::with_memory(clock(), video), []), vga);
        board.place_in_memory(vga, "window", 0xA_0000);
        board.place_on_pci(vga, slot(2, 0));

        // Drives.
        let drives = &wiring.drives;
        let attached = |name| match drives.config(name) {
            Some(config) if config.cdrom => Attached::CdRom(drives.block(name)),
            Some(_) => drives.block(name).map_or(Attached::Nothing, Attached::Disk),
            None => Attached::Nothing,
        };
        let cables = [
            [attached(DriveName::Hda), attached(DriveName::Hdb)],
            [attached(DriveName::Hdc), attached(DriveName::Hdd)],
        ];
        let mut ide = Piix4Ide::new([irqs.line(irq::IDE[0]), irqs.line(irq::IDE[1])], &clock(), cables);
        if config.clock == ClockMode::Real {
            ide.as_fast_as_the_host();
        }
        let places = [
            ("primary", 0x1F0),
            ("primary_control", 0x3F6),
            ("secondary", 0x170),
            ("secondary_control", 0x376),
        ];
        let ide = board.add("ide", ide, places);
        board.place_on_pci(ide, slot(1, 1));
        let dma = Dma8237::new();
        let channel = dma.channel(FLOPPY_DMA);
        let dma = board.add("dma", dma, [("first", 0x00), ("second", 0xC0), ("pages", 0x81)]);
        let fitted = FLOPPIES.map(|name| drives.config(name).is_some());
        let mut floppy = Floppy::new(irqs.line(irq::FLOPPY), channel, clock(), fitted);
        for (number, name) in FLOPPIES.into_iter().enumerate() {
            if let Some(medium) = drives.block(name) {
                // Its size was looked at when the drive was configured.
                let _ = floppy.insert(number, medium);
            }
        }
        let floppy = board.add("floppy", floppy, [("registers", 0x3F0), ("input", 0x3F7)]);

        // What only a virtual machine has.
        let fw_cfg = board.add("fw_cfg", FwCfg::new(), [("ports", 0x510), ("dma", 0x514)]);
        let console = DebugConsole::new(Box::new(wiring.console.clone()));
        board.add("debug_console", console, [("console", 0xE9), ("console", port::FIRMWARE_CONSOLE)]);
        let exit = board.add("exit", ExitPort::new(), [("exit", 0xF4)]);
        let post = board.add("post_code", PostCode::new(), [("post", 0x80)]);

        let mut board = Self {
            time,
            parts: board,
            irq: irqs,
            pirq,
            hpet,
            control,
            pics,
            apic,
            host_bridge,
            isa,
            power,
            pci,
            kbc,
            rtc,
            port92,
            fpu_error,
            com: [com1, com2],
            vga,
            ide,
            dma,
            floppy,
            fw_cfg,
            post,
            exit,
            random: config.random_numbers(),
            intr: false,
            attention: false,
            stop: false,
            smi: false,
            smm: false,
            map_changed: true,
            log: wiring.log.target("board"),
        };
        board.describe_memory(config);
        board.describe_drives(config);
        board.place_local_apic();
        board.parts.remap();
        board.parts.touched_all();
        board
    }

    /// CMOS and fw_cfg say how much memory there is, as firmware wants to know (IBM PC AT Technical Reference,
    /// "CMOS RAM addresses"; above 16 MB by the later convention of bytes 34h and 35h).
    fn describe_memory(&mut self, config: &Config) {
        let bytes = config.memory_bytes();
        let kb_above_1m = ((bytes >> 10) - 1024).min(0xFFFF) as u16;
        let units_above_16m = (bytes.saturating_sub(16 << 20) >> 16).min(0xFFFF) as u16;
        let rtc = self.parts.get_mut(self.rtc);
        let words = [(0x15, 640), (0x17, kb_above_1m), (0x30, kb_above_1m), (0x34, units_above_16m)];
        for (index, word) in words {
            let [low, high] = u16::to_le_bytes(word);
            rtc.set_cmos(index, low);
            rtc.set_cmos(index + 1, high);
        }
        let fw_cfg = self.parts.get_mut(self.fw_cfg);
        fw_cfg.set_ram_size(bytes);
        fw_cfg.set_cpus(1);
        fw_cfg.set_u16(Key::NO_GRAPHICS, 0);
        // SeaBIOS writes it into its MP table: the timer is at another input of the I/O APIC than its number.
        fw_cfg.set_u16(Key::IRQ0_OVERRIDE, config.has_apic().into());
        for (name, bytes) in acpi::files(config) {
            fw_cfg.add_file(name, bytes);
        }
    }

    /// CMOS says which floppy drives there are, and what to boot from: the AT's bytes 10h and 14h, and the bytes 38h and 3Dh
    /// that SeaBIOS reads (three devices, a nibble each: 1 floppy, 2 disk, 3 CD-ROM, 4 network).
    fn describe_drives(&mut self, config: &Config) {
        let floppy = self.parts.get(self.floppy);
        let types =
            [0, 1].map(|n| match (config.drives.iter().any(|d| d.name == FLOPPIES[n]), floppy.geometry(n)) {
                (true, Some(geometry)) => geometry.cmos_type,
                // An empty drive of 3.5 inches, 1.44 MB.
                (true, None) => 4,
                (false, _) => 0,
            });
        let drives = types.iter().filter(|kind| **kind != 0).count() as u8;
        let floppies = if drives == 0 { 0 } else { 1 | (drives - 1) << 6 };
        let device = |letter| match letter {
            b'a' => 1,
            b'c' => 2,
            b'd' => 3,
            _ => 4,
        };
        let order: Vec<u8> = config.boot_order.bytes().map(device).collect();
        let nth = |n: usize| order.get(n).copied().unwrap_or(0);
        let rtc = self.parts.get_mut(self.rtc);
        rtc.set_cmos(0x10, types[0] << 4 | types[1]);
        // Equipment: a coprocessor, a PS/2 mouse, a display with its own BIOS.
        let coprocessor = if config.identity().has(Feature::Fpu) { 0x02 } else { 0 };
        rtc.set_cmos(0x14, 0x04 | coprocessor | floppies);
        // (Bit 0 of 38h: the disk's signature is not checked.)
        rtc.set_cmos(0x38, nth(2) << 4 | 1);
        rtc.set_cmos(0x3D, nth(1) << 4 | nth(0));
    }

    /// Puts another medium into a drive, or takes it out. False if the drive keeps what it has.
    pub(crate) fn change_medium(&mut self, name: DriveName, medium: Option<Box<dyn Block>>) -> bool {
        let disk = |cable, second| Some(Place { cable, second });
        let (place, number) = match name {
            DriveName::Hda => (disk(Cable::Primary, false), 0),
            DriveName::Hdb => (disk(Cable::Primary, true), 0),
            DriveName::Hdc => (disk(Cable::Secondary, false), 0),
            DriveName::Hdd => (disk(Cable::Secondary, true), 0),
            DriveName::Fda => (None, 0),
            DriveName::Fdb => (None, 1),
        };
        let changed = match (place, medium) {
            (Some(place), Some(medium)) => self.parts.get_mut(self.ide).insert(place, medium),
            (Some(place), None) => self.parts.get_mut(self.ide).eject(place),
            (None, Some(medium)) => self.parts.get_mut(self.floppy).insert(number, medium).is_ok(),
            (None, None) => {
                self.parts.get_mut(self.floppy).eject(number);
                true
            }
        };
        self.after_input(self.ide);
        self.after_input(self.floppy);
        changed
    }

    /// A hard reset of every part. Time goes on.
    pub(crate) fn reset(&mut self) {
        for (_, device) in self.parts.iter_mut() {
            device.reset();
        }
        self.control.take_rose();
        self.irq.take_rose();
        self.hpet.take_rose();
        self.map_changed = true;
        self.place_local_apic();
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
        self.parts.get_mut(self.ide).assign(Port(port::BUS_MASTER_IDE));
        self.parts.get_mut(self.dma).stand_in_for_firmware();
        self.parts.get_mut(self.port92).open_a20();
        if let Some(apic) = self.apic {
            self.parts.get_mut(apic.local).virtual_wire();
        }
        let vga = self.parts.get_mut(self.vga);
        vga.assign(PhysAddr(FRAME_BUFFER), PhysAddr(FRAME_BUFFER + 0x100_0000));
        vga.vga_mut().set_text_mode_3();
        self.map_changed = true;
        self.parts.remap();
        self.parts.touched_all();
        self.sync_lines();
    }

    /// Has the screen's memory lie elsewhere, with what is in it.
    pub(crate) fn move_video(&mut self, memory: Box<dyn FrameBuffer>) {
        self.parts.get_mut(self.vga).vga_mut().move_memory(memory);
    }

    /// Puts a VGA BIOS into the screen's ROM. Its place on the bus is looked at with [`Parts::remap`].
    pub(crate) fn fit_vga_rom(&mut self, rom: Vec<u8>) {
        self.parts.get_mut(self.vga).set_rom(rom);
    }

    // ---- memory ----

    /// Where the guest sees the screen's memory.
    pub(crate) fn frame_buffer(&self) -> Option<u64> {
        self.parts.get(self.vga).frame_buffer_base().map(|base| base.0)
    }

    /// A20 is open if either gate opens it.
    pub(crate) fn a20(&self) -> bool {
        self.smm || self.control.levels() & (1 << wire::A20_KBC | 1 << wire::A20_PORT92) != 0
    }

    /// Whether memory is seen as in system management mode, in which A20 counts as open too.
    pub(crate) fn set_smm(&mut self, on: bool) {
        self.map_changed |= self.smm != on;
        self.smm = on;
    }

    /// How the ranges below 1 MB answer.
    pub(crate) fn low_memory(&self) -> Vec<(u64, u64, LowPage)> {
        let bridge = self.parts.get(self.host_bridge);
        let smram = bridge.smram();
        let window = match (smram.enable(), smram.open(), self.smm, smram.close()) {
            (true, true, ..) | (true, _, true, false) => LowPage::Ram,
            (true, false, true, true) => LowPage::RamForCode,
            _ => LowPage::Device,
        };
        let mut ranges = vec![(0, 0xA_0000, LowPage::Ram), (0xA_0000, 0xC_0000, window)];
        for segment in bridge.pam() {
            let kind = match (segment.attributes.read_enable(), segment.attributes.write_enable()) {
                (true, true) => LowPage::Ram,
                (true, false) => LowPage::Rom,
                (false, true) if segment.base.0 >= LOW_FLASH_BASE => LowPage::FlashOverRam,
                (false, false) if segment.base.0 >= LOW_FLASH_BASE => LowPage::Flash,
                (false, _) => LowPage::Device,
            };
            ranges.push((segment.base.0, segment.base.0 + segment.len, kind));
        }
        ranges
    }

    /// The exit port's number in the list.
    pub(crate) fn exit_index(&self) -> usize {
        self.exit.index()
    }

    /// Has the local APIC's registers lie where IA32_APIC_BASE says. RAM that is there stays in front of them.
    pub(crate) fn place_local_apic(&mut self) {
        let Some(Apic { local, .. }) = self.apic else { return };
        let chip = self.parts.get_mut(local);
        if chip.take_moved() {
            let place = chip.place();
            self.parts.move_in_memory(local, "registers", place);
        }
    }

    // ---- what the run loop acts on ----

    /// Whether something may wake a processor that ignores interrupts. (Nothing on this board drives LINT1.)
    pub(crate) fn wakes_without_if(&self) -> bool {
        self.apic.is_some_and(|apic| {
            self.parts.get(apic.local).wakes_by_lint0() || self.parts.get(apic.io).wakes()
        })
    }

    /// What the guest asked for since the last call.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        if let Some(value) = self.parts.get(self.exit).exit_request() {
            return Some(Request::Exit(value));
        }
        let rose = self.control.take_rose();
        self.smi |= rose & 1 << wire::SMI != 0;
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

    pub(crate) fn serial_input(&mut self, port: usize, bytes: &[u8]) -> usize {
        let Some(&com) = self.com.get(port) else { return 0 };
        let taken = self.parts.get_mut(com).receive(bytes);
        self.after_input(com);
        taken
    }

    pub(crate) fn key(&mut self, code: KeyCode, down: bool) {
        if !self.parts.get_mut(self.kbc).key(code, down) {
            self.log.log(Level::Warn, format_args!("the keyboard's queue is full: {} is lost", code.name()));
        }
        self.after_input(self.kbc);
    }

    /// See [`I8042::listened`].
    pub(crate) fn listened(&mut self, now: Time, ns: u64) {
        self.parts.get_mut(self.kbc).listened(now, ns);
        self.parts.touched(self.kbc.index());
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
        self.parts.get_mut(self.vga).vga_mut().show(display)
    }

    pub(crate) fn screen_text(&self) -> String {
        self.parts.get(self.vga).vga().screen_text()
    }

    pub(crate) fn post_codes(&self) -> Vec<u8> {
        self.parts.get(self.post).codes().collect()
    }
}

/// The places of the power management block's registers and their bytes, for ACPI's tables: events, control, timer,
/// general-purpose events.
pub(crate) const fn pm_blocks(base: u16) -> [(u16, u8); 4] {
    [
        (base + acpi_pm::EVENT_BLOCK, 4),
        (base + acpi_pm::CONTROL_BLOCK, 2),
        (base + acpi_pm::TIMER_BLOCK, 4),
        (base + acpi_pm::GPE0_BLOCK, 4),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::PortTarget;
    use bus::Width;
    use cpu::Platform;
    use devices::vga::frame_buffer::OwnMemory;
    use host::entropy::Seeded;
    use host::serial::Memory;

    fn board() -> (Board, [Memory; 2]) {
        let serial = [Memory::new(), Memory::new()];
        let wiring = Wiring {
            serial: serial.clone(),
            console: Memory::new(),
            drives: crate::Drives::default(),
            log: Logger::null(),
        };
        let config = Config { memory_mb: 64, ..Config::default() };
        (Board::new(&config, &wiring, Box::new(OwnMemory::new(0))), serial)
    }

    #[test]
    fn ports_lead_where_the_list_says() {
        let (board, _) = board();
        let at = |port| match board.parts.target(Port(port)) {
            PortTarget::Part(part) => board.parts.iter().nth(part).map(|(name, _)| name),
            PortTarget::None => None,
        };
        for (port, name) in [
            (0x20, "pics"),
            (0x43, "pit"),
            (0x60, "i8042"),
            (0x61, "pit"),
            (0x71, "rtc"),
            (0x92, "port92"),
            (0xF0, "fpu_error"),
            (0xB2, "power"),
            (0x3F8, "com1"),
            (0x2FF, "com2"),
            (0x3C0, "vga"),
            (0xCF8, "pci_bus"),
            (0xCF9, "isa_bridge"),
            (0xE9, "debug_console"),
            (0xF7, "exit"),
            (0x514, "fw_cfg"),
            (0x00, "dma"),
            (0x87, "dma"),
            (0xDE, "dma"),
            (0x80, "post_code"),
            (0x1F7, "ide"),
            (0x3F6, "ide"),
            (0x376, "ide"),
            (0x3F2, "floppy"),
            (0x3F7, "floppy"),
            (0x1CE, "vga"),
            (0x402, "debug_console"),
        ] {
            assert_eq!(at(port), Some(name), "{port:#x}");
        }
        for port in [0x1F, 0x2E8, 0x3E8, 0x403, 0xB000, 0xFFFF] {
            assert_eq!(at(port), None, "{port:#x}");
        }
    }

    #[test]
    fn nobody_reads_as_ones_and_wide_accesses_are_split() {
        let (mut board, serial) = board();
        let mut read = |port, width| board.port_read(0, Port(port), width);
        for (width, ones) in [(Width::Byte, 0xFF), (Width::Word, 0xFFFF), (Width::Dword, u32::MAX)] {
            assert_eq!(read(0x3E8, width), ones);
            assert_eq!(read(0xFFF0, width), ones);
        }
        // The interrupt controller's mask, and the next port, where nobody is.
        board.port_write(0, Port(0x21), Width::Byte, 0xA5);
        assert_eq!(board.port_read(0, Port(0x21), Width::Word), 0xFFA5);
        // A word to COM1's data register is two bytes: data, then interrupt enable.
        board.port_write(0, Port(0x3F8), Width::Word, 0x0541);
        assert_eq!(serial[0].take(), b"A");
        assert_eq!(board.port_read(0, Port(0x3F9), Width::Byte), 0x05);
        // The byte before the first one of a part.
        assert_eq!(board.port_read(0, Port(0x3F7), Width::Dword) >> 16 & 0xFF, 0x05);
    }

    /// Reads configuration space.
    fn config(board: &mut Board, device: u32, function: u32, offset: u32) -> u32 {
        let address = 1 << 31 | device << 11 | function << 8 | offset;
        board.port_write(0, Port(0xCF8), Width::Dword, address);
        board.port_read(0, Port(0xCFC), Width::Dword)
    }

    #[test]
    fn the_bridges_are_in_their_slots() {
        let (mut board, _) = board();
        assert_eq!(config(&mut board, 0, 0, 0), 0x1237_8086);
        assert_eq!(config(&mut board, 1, 0, 0), 0x7110_8086);
        assert_eq!(config(&mut board, 1, 3, 0), 0x7113_8086);
        assert_eq!(config(&mut board, 1, 1, 0), 0x7111_8086);
        assert_eq!(config(&mut board, 2, 0, 0), 0x1111_1234);
        assert_eq!(config(&mut board, 1, 2, 0), u32::MAX);
        assert_eq!(config(&mut board, 3, 0, 0), u32::MAX);
        board.port_write(0, Port(0xCF8), Width::Dword, 0);
        assert_eq!(board.port_read(0, Port(0xCFC), Width::Dword), u32::MAX);
    }

    #[test]
    fn the_power_management_block_goes_where_the_guest_puts_it() {
        let (mut board, _) = board();
        let timer = |board: &mut Board, base: u16| board.port_read(1_000_000, Port(base + 8), Width::Dword);
        assert_eq!(timer(&mut board, 0xB000), u32::MAX);
        board.stand_in_for_firmware();
        let now = timer(&mut board, 0xB000);
        assert!(now > 0 && now < 0x100_0000, "{now:#x}");
        config(&mut board, 1, 3, 0x40);
        board.port_write(0, Port(0xCFC), Width::Word, 0xD001);
        assert_eq!(timer(&mut board, 0xB000), u32::MAX);
        assert_eq!(timer(&mut board, 0xD000), now);
        // What is soldered keeps its ports.
        config(&mut board, 1, 3, 0x40);
        board.port_write(0, Port(0xCFC), Width::Word, 0x03C1);
        assert_ne!(board.parts.target(Port(0x3C0)), board.parts.target(Port(0xB2)));
    }

    #[test]
    fn shadow_memory_and_a20_reach_the_memory_map() {
        let (mut board, _) = board();
        let kind = |board: &Board, at: u64| {
            board.low_memory().iter().find(|(start, end, _)| (*start..*end).contains(&at)).map(|r| r.2)
        };
        assert_eq!(kind(&board, 0xF_0000), Some(LowPage::Flash));
        assert_eq!(kind(&board, 0xC_8000), Some(LowPage::Device));
        board.map_changed = false;
        config(&mut board, 0, 0, 0x58);
        board.port_write(0, Port(0xCFD), Width::Byte, 0x30);
        assert!(board.map_changed && board.poll(0).stop);
        assert_eq!(kind(&board, 0xF_0000), Some(LowPage::Ram));
        assert_eq!(kind(&board, 0xA_0000), Some(LowPage::Device));
        // Closing A20 takes both gates.
        assert!(board.a20());
        board.port_write(0, Port(0x92), Width::Byte, 0);
        assert!(board.a20());
        board.port_write(0, Port(0x64), Width::Byte, 0xD1);
        board.port_write(0, Port(0x60), Width::Byte, 0xDD);
        assert!(!board.a20());
    }

    #[test]
    fn an_interrupt_reaches_the_processor_in_time() {
        let (mut board, _) = board();
        let mut out = |port, value| board.port_write(0, Port(port), Width::Byte, value);
        for (port, value) in [(0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, 0xFE)] {
            out(port, value);
        }
        for (port, value) in [(0x43, 0x34), (0x40, 0xA9), (0x40, 0x04)] {
            out(port, value);
        }
        assert!(board.needs_attention() && board.poll(0).stop, "the next deadline has moved");
        let Some(at) = board.parts.next_deadline() else { panic!("the timer is running") };
        assert!((900_000..1_200_000).contains(&at.0), "{at:?}");
        let count = board.time.count_at(at);
        assert!(!board.poll(count - 1).intr);
        assert!(board.poll(count).intr);
        assert_eq!(board.acknowledge(count), 8);
        assert!(!board.poll(count).intr);
    }

    #[test]
    fn a_serial_port_says_how_much_it_takes_and_loses_nothing_of_that() {
        let (mut board, _) = board();
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n * 7919 >> 5) as u8).collect();
        let mut given = board.serial_input(0, &bytes);
        assert!((60_000..70_000).contains(&given), "{given}");
        // The first byte has gone from the queue to the receiver.
        given += board.serial_input(0, &bytes[given..]);
        assert_eq!(board.serial_input(0, &bytes[given..]), 0);
        assert_eq!(board.serial_input(2, &bytes), 0, "there is no third port");
        let mut count = 0;
        let received: Vec<u8> = (0..bytes.len())
            .map(|n| {
                if n % 10_000 == 9_999 {
                    given += board.serial_input(0, &bytes[given..]);
                }
                while board.port_read(count, Port(port::COM1 + 5), Width::Byte) & 1 == 0 {
                    count += 100_000;
                }
                board.port_read(count, Port(port::COM1), Width::Byte) as u8
            })
            .collect();
        assert_eq!(received, bytes);
    }

    #[test]
    fn random_accesses_do_no_harm() {
        for seed in 0..20 {
            let (mut board, _) = board();
            let mut random = Seeded::new(seed);
            let known: Vec<u16> =
                (0..=u16::MAX).filter(|p| board.parts.target(Port(*p)) != PortTarget::None).collect();
            let mut count = 0;
            for _ in 0..20_000 {
                let r = random.next_u64();
                let width = [Width::Byte, Width::Word, Width::Dword][(r % 3) as usize];
                let value = random.next_u64() as u32;
                let port = match r >> 8 & 3 {
                    0 => Port(r as u16),
                    1 => Port(0xCF8 + (r >> 16 & 7) as u16),
                    _ => Port(known[(r >> 16) as usize % known.len()].wrapping_add((r >> 40 & 1) as u16)),
                };
                count += r >> 48 & 0xFF;
                match r >> 4 & 15 {
                    0..6 => {
                        board.port_read(count, port, width);
                    }
                    6..12 => board.port_write(count, port, width, value),
                    12 => {
                        board.mmio_read(count, PhysAddr(0xA_0000 + u64::from(value % 0x2_0000)), width);
                    }
                    13 => board.mmio_write(
                        count,
                        PhysAddr(0xA_0000 + u64::from(value % 0x2_0000)),
                        width,
                        value,
                    ),
                    14 if r & 16 != 0 => {
                        let window = [0xFEE0_0000, 0xFEC0_0000, 0xFED0_0000][(r >> 8) as usize % 3];
                        board.mmio_write(count, PhysAddr(window | u64::from(value & 0x3F0)), width, value);
                        board.msr_write(count, [0x1B, 0x6E0, 0x830][(r >> 10) as usize % 3], value.into());
                        board.mmio_read(count, PhysAddr(window | u64::from(value & 0x3FC)), width);
                    }
                    14 => {
                        board.acknowledge(count);
                    }
                    _ => {
                        board.poll(count);
                        board.key(KeyCode::ALL[(r >> 16) as usize % KeyCode::ALL.len()], r & 1 != 0);
                        board.mouse(value as i32, -(value as i32), 0, MouseButtons(r as u8));
                        board.serial_input((r & 3) as usize, &r.to_le_bytes());
                        board.take_request();
                        board.low_memory();
                    }
                }
            }
            for (_, device) in board.parts.iter_mut() {
                let (_, version) = device.saved_as();
                let bytes = device.save();
                assert_eq!(device.restore(bus::Saved { version, bytes: &bytes }), Ok(()));
                assert_eq!(device.save(), bytes);
            }
        }
    }
}
