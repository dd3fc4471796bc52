//! ACPI's tables for a directly booted kernel (ACPI 6.3, chapter 5): how to switch the machine off and reset
//! it, and which devices it has.
//!
//! With a local APIC there are an MADT and an HPET table. Interrupts have the same numbers whether they go through the pair of
//! 8259A or through the I/O APIC: those that PCI's are routed to, and the SCI, are levels that are active high, and the
//! timer's is at input 2. So `_PIC` has nothing to do, and one `_PRT` with links, which route PCI's interrupts, serves both.
//!
//! For a kernel that is booted directly the tables lie in the
//! BIOS area, where it looks for the root pointer; a firmware takes them as files and puts them where it likes.

mod aml;
mod loader;

pub(crate) use loader::files;

use crate::board::{irq, pm_blocks, port};
use crate::config::Config;
use devices::acpi_pm::{ApmCommand, S5_SLEEP_TYPE};
use devices::{hpet, io_apic, local_apic};

/// Table offsets from the root pointer.
const RSDT: u64 = 0x40;
const FACS: u64 = 0x80;
const FADT: u64 = 0x100;
const MADT: u64 = 0x200;
const HPET: u64 = 0x280;
const DSDT: u64 = 0x300;
/// Bytes of a table's header, and the offset of its checksum.
const HEADER: u32 = 36;
const TABLE_CHECKSUM: u32 = 9;
/// Offsets of the root pointer's checksum and pointer.
const RSDP_CHECKSUM: u32 = 8;
const RSDP_POINTER: u32 = 16;
/// Offsets of the FADT's pointers: FACS and DSDT, and both again as 64 bits.
const FADT_POINTERS: [u32; 4] = [36, 40, 132, 140];
/// Where PIRQRCA begins in the configuration space of the ISA bridge.
const PIRQ_REGISTERS: u32 = 0x60;
/// Where PCI's memory may begin at the earliest.
const PCI_MEMORY: u32 = 0xC000_0000;
/// Where the chipset's own registers and the firmware ROM begin.
const PCI_MEMORY_END: u32 = 0xFEC0_0000;

/// The tables that the RSDT names.
fn listed(config: &Config) -> &'static [u64] {
    if config.has_apic() { &[FADT, MADT, HPET] } else { &[FADT] }
}

/// The tables of a machine with its power management block at a port, each with its address; the root pointer is the first, at
/// `at`.
pub(crate) fn tables(config: &Config, at: u64, pm_base: u16) -> Vec<(u64, Vec<u8>)> {
    let dsdt = table(*b"DSDT", 2, &dsdt(config, pm_base));
    let fadt = table(*b"FACP", 3, &fadt((at + FACS) as u32, (at + DSDT) as u32, pm_base));
    let entries = listed(config).iter().flat_map(|table| ((at + table) as u32).to_le_bytes());
    let rsdt = table(*b"RSDT", 1, &entries.collect::<Vec<u8>>());
    let mut tables =
        vec![(at, rsdp((at + RSDT) as u32)), (at + RSDT, rsdt), (at + FACS, facs()), (at + FADT, fadt)];
    if config.has_apic() {
        tables.push((at + MADT, table(*b"APIC", 1, &madt())));
        tables.push((at + HPET, table(*b"HPET", 1, &hpet_table())));
    }
    tables.push((at + DSDT, dsdt));
    tables
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

/// Section 5.2.12, without the header: the local APIC, the I/O APIC, and which of its inputs are not as ISA has them.
fn madt() -> Vec<u8> {
    /// There is a pair of 8259A, too.
    const PCAT_COMPAT: u32 = 1;
    const ENABLED: u32 = 1;
    /// MPS INTI flags (table 5-46): as the bus has it; active high and level-triggered.
    const AS_BUS: u16 = 0;
    const HIGH_LEVEL: u16 = 1 | 3 << 2;
    let mut out = Vec::new();
    out.extend((local_apic::DEFAULT_BASE.0 as u32).to_le_bytes());
    out.extend(PCAT_COMPAT.to_le_bytes());
    // Processor 0 with APIC 0.
    out.extend([0, 8, 0, 0]);
    out.extend(ENABLED.to_le_bytes());
    // I/O APIC 0, whose first input is interrupt 0.
    out.extend([1, 12, 0, 0]);
    out.extend((io_apic::DEFAULT_BASE.0 as u32).to_le_bytes());
    out.extend(0u32.to_le_bytes());
    let mut replace = |isa: u8, input: u32, flags: u16| {
        out.extend([2, 10, 0, isa]);
        out.extend(input.to_le_bytes());
        out.extend(flags.to_le_bytes());
    };
    replace(irq::TIMER as u8, irq::TIMER_INPUT, AS_BUS);
    for number in [irq::SCI as u8].into_iter().chain(irq::PIRQ_CHOICES) {
        replace(number, number.into(), HIGH_LEVEL);
    }
    // NMI is at LINT1 of all processors.
    out.extend([4, 6, 0xFF, 0, 0, 1]);
    out
}

/// IA-PC HPET specification 1.0a, section 3.2.4, without the header.
fn hpet_table() -> Vec<u8> {
    /// The shortest period that loses no interrupt, in ticks: 10 microseconds.
    const SHORTEST: u16 = 1000;
    let mut out = hpet::BLOCK_ID.to_le_bytes().to_vec();
    // In memory, 64 bits wide.
    out.extend([0, 64, 0, 0]);
    out.extend(hpet::DEFAULT_BASE.0.to_le_bytes());
    // The first block, with no guarantee about the page.
    out.push(0);
    out.extend(SHORTEST.to_le_bytes());
    out.push(0);
    out
}

/// A PCI interrupt link: one of the PIRQ registers of the south bridge (ACPI's section 6.2.13 has links in `_PRT`).
fn link(number: u32, name: &str, register: &str) -> Vec<u8> {
    use aml::{device, dword_field, eisa_id, if_then, integer, interrupts, less, method, name_string};
    use aml::{resource_template, return_value, store};
    /// Set while the wire leads nowhere.
    const DISABLED: u32 = 0x80;
    const PRESENT: u32 = 0x09;
    const PRESENT_AND_ON: u32 = 0x0B;
    let choices = resource_template(&[interrupts(&irq::PIRQ_CHOICES)]);
    let on = less(register, DISABLED);
    device(
        name,
        &[
            aml::name("_HID", &eisa_id("PNP0C0F")),
            aml::name("_UID", &integer(number)),
            aml::name("_PRS", &choices),
            method(
                "_STA",
                0,
                &[if_then(&on, &[return_value(&integer(PRESENT_AND_ON))]), return_value(&integer(PRESENT))],
            ),
            method("_DIS", 0, &[aml::or_into(register, DISABLED)]),
            method(
                "_CRS",
                0,
                &[
                    aml::name("BUF", &resource_template(&[interrupts(&[0])])),
                    dword_field(&name_string("BUF"), aml::FIRST_INTERRUPT, "NUM"),
                    if_then(&on, &[store(&name_string(register), "NUM")]),
                    return_value(&name_string("BUF")),
                ],
            ),
            method(
                "_SRS",
                1,
                &[dword_field(&aml::ARG0, aml::FIRST_INTERRUPT, "NUM"), store(&name_string("NUM"), register)],
            ),
        ],
    )
}

/// The link of the power function, whose interrupt is the SCI: nothing about it can be changed.
fn fixed_link(name: &str) -> Vec<u8> {
    use aml::{device, eisa_id, integer, interrupts, method, resource_template};
    let only = resource_template(&[interrupts(&[irq::SCI as u8])]);
    device(
        name,
        &[
            aml::name("_HID", &eisa_id("PNP0C0F")),
            aml::name("_UID", &integer(4)),
            aml::name("_PRS", &only),
            aml::name("_CRS", &only),
            aml::name("_STA", &integer(0x0B)),
            method("_DIS", 0, &[]),
            method("_SRS", 1, &[]),
        ],
    )
}

/// The links of PIRQA# to PIRQD#, with the fields that are their registers.
const LINKS: [(&str, &str); 4] = [("LNKA", "PRQA"), ("LNKB", "PRQB"), ("LNKC", "PRQC"), ("LNKD", "PRQD")];
const SCI_LINK: &str = "LNKS";

/// The namespace.
fn dsdt(config: &Config, pm_base: u16) -> Vec<u8> {
    let ram = config.memory_bytes();
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
            aml::pci_config_region("PIRQ", PIRQ_REGISTERS, 4),
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
    // Which link a slot's pin has: PIRQ (slot - 1 + pin) modulo 4.
    let routes: Vec<Vec<u8>> = (1..32u32)
        .flat_map(|slot| (0..4u32).map(move |pin| (slot, pin)))
        .map(|(slot, pin)| {
            // The power function's own interrupt is the SCI.
            let link = match (slot, pin) {
                (1, 0) => SCI_LINK,
                _ => LINKS[((slot - 1 + pin) & 3) as usize].0,
            };
            package(&[integer(slot << 16 | 0xFFFF), integer(pin), aml::name_string(link), integer(0)])
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
    let mut system = vec![pci, aml::byte_fields("\\_SB.PCI0.ISA.PIRQ", &LINKS.map(|(_, register)| register))];
    system.extend((0..).zip(LINKS).map(|(number, (name, register))| link(number, name, register)));
    system.push(fixed_link(SCI_LINK));
    let mut terms = Vec::new();
    if config.has_apic() {
        let place = aml::fixed_memory(hpet::DEFAULT_BASE.0 as u32, 0x400);
        system.push(simple("HPET", "PNP0103", &[place]));
        terms.push(aml::scope("\\_PR", &[aml::processor("CPU0", 0)]));
        terms.push(aml::method("\\_PIC", 1, &[]));
    }
    let s5 = integer(S5_SLEEP_TYPE.into());
    terms.push(aml::scope("\\_SB", &system));
    terms.push(name("\\_S5", &package(&[s5.clone(), s5, integer(0), integer(0)])));
    terms.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_add_up_and_do_not_overlap() {
        for apic in [true, false] {
            let config = Config { apic, ..Config::default() };
            let tables = tables(&config, 0xE_0000, port::PM_BASE);
            assert_eq!(tables.len(), if apic { 7 } else { 5 });
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
}
