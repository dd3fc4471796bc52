//! ACPI's tables for a directly booted kernel (ACPI 6.3, chapter 5): how to switch the machine off and reset
//! it, and which devices it has.
//!
//! There is no MADT: interrupts go through the pair of 8259A. For a kernel that is booted directly the tables lie in the
//! BIOS area, where it looks for the root pointer; a firmware takes them as files and puts them where it likes.

mod aml;
mod loader;

pub(crate) use loader::files;

use crate::board::{irq, pm_blocks, port};
use devices::acpi_pm::{ApmCommand, S5_SLEEP_TYPE};

/// Table offsets from the root pointer.
const RSDT: u64 = 0x40;
const FACS: u64 = 0x80;
const FADT: u64 = 0x100;
const DSDT: u64 = 0x200;
/// Bytes of a table's header, and the offset of its checksum.
const HEADER: u32 = 36;
const TABLE_CHECKSUM: u32 = 9;
/// Offsets of the root pointer's checksum and pointer.
const RSDP_CHECKSUM: u32 = 8;
const RSDP_POINTER: u32 = 16;
/// Offsets of the FADT's pointers: FACS and DSDT, and both again as 64 bits.
const FADT_POINTERS: [u32; 4] = [36, 40, 132, 140];
/// Where PCI's memory may begin at the earliest.
const PCI_MEMORY: u32 = 0xC000_0000;
/// Where the chipset's own registers and the firmware ROM begin.
const PCI_MEMORY_END: u32 = 0xFEC0_0000;

/// The tables of a machine with `ram` bytes and its power management block at a port, each with its address; the root pointer is the first,
/// at `at`.
pub(crate) fn tables(ram: u64, at: u64, pm_base: u16) -> Vec<(u64, Vec<u8>)> {
    let dsdt = table(*b"DSDT", 2, &dsdt(ram, pm_base));
    let fadt = table(*b"FACP", 3, &fadt((at + FACS) as u32, (at + DSDT) as u32, pm_base));
    let rsdt = table(*b"RSDT", 1, &((at + FADT) as u32).to_le_bytes());
    vec![
        (at, rsdp((at + RSDT) as u32)),
        (at + RSDT, rsdt),
        (at + FACS, facs()),
        (at + FADT, fadt),
        (at + DSDT, dsdt),
    ]
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0u8, |sum, b| sum.wrapping_add(*b)).wrapping_neg()
}

/// Section 5.2.5.3, revision 0: the root pointer.
fn rsdp(rsdt: u32) -> Vec<u8> {
    let mut out = b"RSD PTR \0PAGEVM\0".to_vec();
    out.extend(rsdt.to_le_bytes());
    out[8] = checksum(&out);
    out
}

/// Section 5.2.6: a table with its header.
fn table(signature: [u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    out.extend((36 + body.len() as u32).to_le_bytes());
    out.extend([revision, 0]);
    out.extend(b"PAGEVMPAGEVMPC");
    out.extend(1u32.to_le_bytes());
    out.extend(b"PGVM");
    out.extend(1u32.to_le_bytes());
    out.extend(body);
    out[9] = checksum(&out);
    out
}

/// Section 5.2.10: no wake-up vector, global lock free.
fn facs() -> Vec<u8> {
    let mut out = b"FACS".to_vec();
    out.extend(64u32.to_le_bytes());
    out.resize(64, 0);
    out[32] = 1;
    out
}

/// A generic address structure in I/O space (section 5.2.3.2).
fn io_address(port: u16, bytes: u8) -> [u8; 12] {
    let mut out = [0; 12];
    let access = match bytes {
        1 => 1,
        2 => 2,
        _ => 3,
    };
    out[..4].copy_from_slice(&[1, bytes * 8, 0, access]);
    out[4..6].copy_from_slice(&port.to_le_bytes());
    out
}

/// Section 5.2.9, without the header.
fn fadt(facs: u32, dsdt: u32, pm_base: u16) -> Vec<u8> {
    const HEADER: usize = 36;
    /// WBINVD, C1, sleep button is not fixed, reset register.
    const FLAGS: u32 = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 10;
    /// Legacy devices, and an 8042.
    const BOOT: u16 = 1 << 0 | 1 << 1;
    /// SRST and RCPU of the reset control register.
    const RESET: u8 = 0x06;
    let [event, control, timer, gpe] = pm_blocks(pm_base);
    let mut out = vec![0; 244 - HEADER];
    let mut put =
        |at: usize, bytes: &[u8]| out[at - HEADER..at - HEADER + bytes.len()].copy_from_slice(bytes);
    put(36, &facs.to_le_bytes());
    put(40, &dsdt.to_le_bytes());
    put(46, &(irq::SCI as u16).to_le_bytes());
    put(48, &u32::from(port::APM).to_le_bytes());
    put(52, &[ApmCommand::ACPI_ENABLE.0, ApmCommand::ACPI_DISABLE.0]);
    put(56, &u32::from(event.0).to_le_bytes());
    put(64, &u32::from(control.0).to_le_bytes());
    put(76, &u32::from(timer.0).to_le_bytes());
    put(80, &u32::from(gpe.0).to_le_bytes());
    put(88, &[event.1, control.1, 0, timer.1, gpe.1, 0, 0, 0]);
    // C2 and C3 are not supported.
    put(96, &0xFFFu16.to_le_bytes());
    put(98, &0xFFFu16.to_le_bytes());
    // The century byte of the clock.
    put(108, &[0x32]);
    put(109, &BOOT.to_le_bytes());
    put(112, &FLAGS.to_le_bytes());
    put(116, &io_address(port::RESET_CONTROL, 1));
    put(128, &[RESET]);
    put(132, &u64::from(facs).to_le_bytes());
    put(140, &u64::from(dsdt).to_le_bytes());
    put(148, &io_address(event.0, event.1));
    put(172, &io_address(control.0, control.1));
    put(208, &io_address(timer.0, timer.1));
    put(220, &io_address(gpe.0, gpe.1));
    out
}

/// The namespace.
fn dsdt(ram: u64, pm_base: u16) -> Vec<u8> {
    use aml::{bus_numbers, device, eisa_id, integer, io, io_range, memory_range, name, package, resources};
    let hid = |id: &str| name("_HID", &eisa_id(id));
    let irq = |n: u32| aml::irq(n);
    let simple = |at: &str, id: &str, descriptors: &[Vec<u8>]| device(at, &[hid(id), resources(descriptors)]);
    let serial = |at: &str, uid: u32, base: u16, line: u32| {
        let uid = name("_UID", &integer(uid));
        device(at, &[hid("PNP0501"), uid, resources(&[io(base, 8), irq(line)])])
    };
    let isa = device(
        "ISA",
        &[
            name("_ADR", &integer(0x0001_0000)),
            simple(
                "PIC",
                "PNP0000",
                &[io(port::PIC_MASTER, 2), io(port::PIC_SLAVE, 2), io(port::PIC_ELCR, 2), irq(2)],
            ),
            simple("TMR", "PNP0100", &[io(port::PIT, 4), irq(irq::TIMER)]),
            simple("RTC", "PNP0B00", &[io(port::RTC, 2), irq(irq::RTC)]),
            simple("SPKR", "PNP0800", &[io(port::PORT61, 1)]),
            simple("KBD", "PNP0303", &[io(port::KBC_DATA, 1), io(port::KBC_COMMAND, 1), irq(irq::KEYBOARD)]),
            simple("MOU", "PNP0F13", &[irq(irq::MOUSE)]),
            serial("COM1", 1, port::COM1, irq::COM1),
            serial("COM2", 2, port::COM2, irq::COM2),
        ],
    );
    // Motherboard resources: what no other device claims.
    let motherboard = device(
        "MBRS",
        &[hid("PNP0C02"), resources(&[io(pm_base, 64), io(port::APM, 2), io(port::PORT92, 1)])],
    );
    // Which interrupt a slot's pin has: PIRQ (slot - 1 + pin) modulo 4.
    let routes: Vec<Vec<u8>> = (1..32u32)
        .flat_map(|slot| (0..4u32).map(move |pin| (slot, pin)))
        .map(|(slot, pin)| {
            // The power function's own interrupt is the SCI.
            let line = match (slot, pin) {
                (1, 0) => irq::SCI,
                _ => irq::PIRQ[((slot - 1 + pin) & 3) as usize].into(),
            };
            package(&[integer(slot << 16 | 0xFFFF), integer(pin), integer(0), integer(line)])
        })
        .collect();
    let pci_memory = PCI_MEMORY.max(u32::try_from(ram).unwrap_or(u32::MAX));
    let pci = device(
        "PCI0",
        &[
            hid("PNP0A03"),
            name("_UID", &integer(0)),
            name("_ADR", &integer(0)),
            resources(&[
                bus_numbers(0, 0xFF),
                io(port::PCI_ADDRESS, 8),
                io_range(0, port::PCI_ADDRESS - 1),
                io_range(port::PCI_ADDRESS + 8, 0xFFFF),
                memory_range(0xA_0000, 0xB_FFFF, true),
                memory_range(pci_memory, PCI_MEMORY_END - 1, false),
            ]),
            name("_PRT", &package(&routes)),
            isa,
            motherboard,
        ],
    );
    let s5 = integer(S5_SLEEP_TYPE.into());
    [aml::scope("\\_SB", &[pci]), name("\\_S5", &package(&[s5.clone(), s5, integer(0), integer(0)]))].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_add_up_and_do_not_overlap() {
        let tables = tables(256 << 20, 0xE_0000, port::PM_BASE);
        for (n, (at, bytes)) in tables.iter().enumerate() {
            if bytes.get(..4) != Some(b"FACS") {
                assert_eq!(checksum(bytes), 0, "table at {at:#x}");
            }
            assert!(at % 16 == 0 && at + bytes.len() as u64 <= 0x10_0000);
            if let Some((next, _)) = tables.get(n + 1) {
                assert!(at + bytes.len() as u64 <= *next);
            }
        }
    }
}
