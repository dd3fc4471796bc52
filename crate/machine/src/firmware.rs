//! Direct boot: what stands in for firmware, and how a loaded kernel is entered.

use crate::acpi;
use crate::bios::Firmware;
use crate::board::port;
use crate::config::Config;
use crate::linux::Linux;
use crate::memory_map::TABLES;
use crate::multiboot::Multiboot;
use cpu::Processor;
use cpu::state::{Segment, TableRegister, event};
use serde::{Deserialize, Serialize};
use x86::cpuid::Feature;
use x86::descriptor::Rights;
use x86::{Seg, cr0, gpr};
use xxhash_rust::xxh3::xxh3_64;

/// What the machine starts when it is reset.
///
/// A snapshot keeps it, so that the machine can still be reset after it was restored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Boot {
    /// Nothing was loaded.
    Nothing,
    Linux(Linux),
    Multiboot(Multiboot),
    /// Whatever the firmware finds.
    Firmware(Firmware),
}

impl Boot {
    /// Lays out memory and sets the processor at the entry point.
    pub(crate) fn enter(&self, config: &Config, processor: &mut Processor) {
        if let Self::Firmware(firmware) = self {
            return firmware.enter(processor);
        }
        for (at, bytes) in acpi::tables(config, TABLES, port::PM_BASE) {
            processor.mmu.load_ram(at, &bytes);
        }
        bios_data_area(processor);
        memory_types(processor);
        match self {
            // As if halted by an empty BIOS.
            Self::Nothing => processor.cpu.events |= event::HALT,
            Self::Linux(linux) => linux.enter(config, processor),
            Self::Multiboot(multiboot) => multiboot.enter(config, processor),
            Self::Firmware(_) => {}
        }
    }

    /// The firmware, if the machine has one.
    pub(crate) fn firmware(&self) -> Option<&Firmware> {
        match self {
            Self::Firmware(firmware) => Some(firmware),
            _ => None,
        }
    }

    /// What tells these images from others, as far as the guest is concerned.
    pub(crate) fn identity(&self) -> u64 {
        xxh3_64(&bus::encode(self))
    }

    /// False for images, out of a snapshot, that could not have been loaded.
    pub(crate) fn is_sound(&self, ram: u64) -> bool {
        match self {
            Self::Nothing => true,
            Self::Linux(linux) => linux.is_sound(ram),
            Self::Multiboot(multiboot) => multiboot.is_sound(ram),
            Self::Firmware(firmware) => firmware.is_sound(),
        }
    }
}

/// The words of the BIOS data area that kernels read (IBM PC AT Technical Reference, "BIOS data area").
fn bios_data_area(processor: &mut Processor) {
    let coprocessor = if processor.cpu.identity.has(Feature::Fpu) { 0x02 } else { 0 };
    // COM1, COM2; the extended data area; equipment; kilobytes of memory; video mode, columns, CRTC port, rows.
    let words: [(u64, &[u8]); 8] = [
        (0x400, &[0xF8, 0x03, 0xF8, 0x02]),
        (0x40E, &[0xC0, 0x9F]),
        (0x410, &[0x24 | coprocessor, 0x04]),
        (0x413, &[0x7F, 0x02]),
        (0x449, &[0x03, 80, 0]),
        (0x44C, &[0x00, 0x10]),
        (0x463, &[0xD4, 0x03]),
        (0x484, &[24, 16, 0]),
    ];
    for (at, bytes) in words {
        processor.mmu.load_ram(at, bytes);
    }
    // The extended area says how long it is: 1 KB.
    processor.mmu.load_ram(0x9_FC00, &[1]);
}

/// Memory types as firmware leaves them: RAM is cached, what is for devices is not.
fn memory_types(processor: &mut Processor) {
    const UNCACHED: u64 = 0;
    const PROTECTED: u64 = 5;
    const CACHED: u64 = 6;
    /// In the register of the default type: the ranges are enabled, the fixed ones too.
    const ENABLED: u64 = 1 << 11 | 1 << 10;
    /// In a range's mask.
    const VALID: u64 = 1 << 11;
    /// From here to 4 GB there are devices and the flash.
    const DEVICES: u64 = 0xE000_0000;
    if !processor.cpu.identity.has(Feature::Mtrr) {
        return;
    }
    // Below 1 MB: conventional memory in units of 64 and 16 KB, then video memory, then ROM in units of 4 KB.
    let kinds = [CACHED, CACHED, UNCACHED, PROTECTED];
    for (n, eight) in processor.cpu.mtrr.fixed.iter_mut().enumerate() {
        *eight = kinds[n.min(3)] * 0x0101_0101_0101_0101;
    }
    processor.cpu.mtrr.ranges[0] = [DEVICES | UNCACHED, 0xF_E000_0000 | VALID];
    processor.cpu.msr.mtrr_def_type = ENABLED | CACHED;
}

/// Selectors of the flat segments that a kernel is entered with (the Linux boot protocol fixes them).
const CODE: u16 = 0x10;
const DATA: u16 = 0x18;
/// Bytes of the descriptor table.
pub(crate) const GDT_LEN: u64 = 32;

/// Sets the processor to 32-bit protected mode at `entry`: flat segments from a descriptor table at `gdt`, paging
/// and interrupts off.
pub(crate) fn enter_flat(processor: &mut Processor, entry: u32, gdt: u64) {
    let code: u64 = 0x00CF_9B00_0000_FFFF;
    let data: u64 = 0x00CF_9300_0000_FFFF;
    for (n, descriptor) in [0, 0, code, data].into_iter().enumerate() {
        processor.mmu.load_ram(gdt + 8 * n as u64, &descriptor.to_le_bytes());
    }
    let rights = |kind: u16| Rights(kind | Rights::S | Rights::PRESENT | Rights::DB | Rights::G);
    let cpu = &mut processor.cpu;
    let data = Segment::new(DATA, 0, u32::MAX, rights(Rights::ACCESSED | Rights::RW));
    cpu.segs = [data; 6];
    cpu.segs[Seg::Cs as usize] =
        Segment::new(CODE, 0, u32::MAX, rights(Rights::ACCESSED | Rights::RW | Rights::CODE));
    cpu.gdtr = TableRegister { base: gdt, limit: (GDT_LEN - 1) as u16 };
    cpu.idtr = TableRegister { base: 0, limit: 0 };
    cpu.cr0 = cr0::PE | cr0::ET;
    cpu.cpl = 0;
    cpu.eip = entry.into();
    cpu.next_eip = entry.into();
    cpu.set_eflags(0);
    cpu.regs = [0; 32];
    cpu.regs[gpr::SP as usize] = 0x7000;
}
