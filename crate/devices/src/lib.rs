//! The chips of the virtual PC: one file or folder each.
//!
//! A chip knows its registers, its lines and the clock. Where it sits (ports, interrupt numbers, PCI
//! slots) is written in `machine::board` and nowhere else.

#![forbid(unsafe_code)]

pub mod acpi_pm;
pub mod debug_ports;
pub mod dma8237;
pub mod floppy;
pub mod fpu_error;
pub mod fw_cfg;
pub mod hpet;
pub mod i8042;
pub mod ide;
pub mod io_apic;
pub mod local_apic;
pub mod pci;
pub mod pic;
pub mod piix;
pub mod pit;
pub mod port92;
pub mod rtc;
pub mod uart;
pub mod vga;

#[cfg(test)]
mod testing;
