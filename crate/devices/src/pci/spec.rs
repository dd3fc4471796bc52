//! The configuration header and mechanism 1: PCI Local Bus Specification 2.1, sections 3.7.4.1 and 6.1.

use bitfield_struct::bitfield;

/// CONFADD, the address register of mechanism 1 (section 3.7.4.1; 82441FX data sheet, section 3.1).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct ConfigAddressRegister {
    #[bits(2)]
    __: u8,
    /// Dword of the configuration space.
    #[bits(6)]
    pub register: u8,
    #[bits(3)]
    pub function: u8,
    #[bits(5)]
    pub device: u8,
    pub bus: u8,
    #[bits(7)]
    __: u8,
    /// Accesses to the data register become configuration cycles.
    pub enable: bool,
}

/// Offsets in the type 00h header, as far as more than one place needs them (section 6.1, figure 6-1).
pub mod header {
    pub const VENDOR_ID: u8 = 0x00;
    pub const DEVICE_ID: u8 = 0x02;
    pub const COMMAND: u8 = 0x04;
    pub const STATUS: u8 = 0x06;
    pub const REVISION_ID: u8 = 0x08;
    pub const CLASS_CODE: u8 = 0x09;
    pub const LATENCY_TIMER: u8 = 0x0D;
    pub const HEADER_TYPE: u8 = 0x0E;
    pub const BASE_ADDRESS_0: u8 = 0x10;
    pub const SUBSYSTEM_VENDOR_ID: u8 = 0x2C;
    pub const SUBSYSTEM_ID: u8 = 0x2E;
    pub const INTERRUPT_LINE: u8 = 0x3C;
    pub const INTERRUPT_PIN: u8 = 0x3D;
}

/// The command register (section 6.2.2).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Command {
    pub io_space: bool,
    pub memory_space: bool,
    pub bus_master: bool,
    pub special_cycles: bool,
    pub memory_write_and_invalidate: bool,
    pub vga_palette_snoop: bool,
    pub parity_error_response: bool,
    pub stepping_control: bool,
    pub serr_enable: bool,
    pub fast_back_to_back: bool,
    #[bits(6)]
    __: u8,
}

/// The status register (section 6.2.3).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct Status {
    #[bits(7)]
    __: u8,
    pub fast_back_to_back: bool,
    pub data_parity_detected: bool,
    /// Speed of DEVSEL#: 0 fast, 1 medium, 2 slow.
    #[bits(2)]
    pub devsel_timing: u8,
    pub signaled_target_abort: bool,
    pub received_target_abort: bool,
    pub received_master_abort: bool,
    pub signaled_system_error: bool,
    pub detected_parity_error: bool,
}

/// The header type register (section 6.2.1).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct HeaderType {
    #[bits(7)]
    pub layout: u8,
    pub multi_function: bool,
}

/// The interrupt pin of a function (section 6.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptPin {
    A = 1,
    B = 2,
    C = 3,
    D = 4,
}
