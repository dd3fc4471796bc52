//! Configuration registers of the PIIX4: 82371AB data sheet (Intel order 290562), sections 4.1 (function 0)
//! and 7.1 (function 3), and the reset control register (section 4.2).

use bitfield_struct::bitfield;

/// Function 0: offsets beyond the header (section 4.1).
pub(super) mod isa {
    /// I/O recovery times.
    pub(crate) const IORT: u8 = 0x4C;
    /// X-bus chip select.
    pub(crate) const XBCS: u8 = 0x4E;
    /// PIRQRC[A:D], PIRQ route control.
    pub(crate) const PIRQRC: u8 = 0x60;
    /// Serial interrupt control.
    pub(crate) const SERIRQC: u8 = 0x64;
    /// Top of memory.
    pub(crate) const TOM: u8 = 0x69;
    /// Miscellaneous status.
    pub(crate) const MSTAT: u8 = 0x6A;
    /// Motherboard device DMA control.
    pub(crate) const MBDMA: u8 = 0x76;
    /// APIC base address relocation.
    pub(crate) const APICBASE: u8 = 0x80;
    /// Deterministic latency control.
    pub(crate) const DLC: u8 = 0x82;
    /// PCI DMA configuration and distributed DMA bases.
    pub(crate) const PDMACFG: u8 = 0x90;
    /// General configuration.
    pub(crate) const GENCFG: u8 = 0xB0;
    /// Real time clock configuration.
    pub(crate) const RTCCFG: u8 = 0xCB;
}

/// Function 3: offsets beyond the header (section 7.1).
pub(super) mod power {
    /// Power management base address.
    pub(crate) const PMBA: u8 = 0x40;
    /// Count A and B, general purpose input control.
    pub(crate) const CNTA: u8 = 0x44;
    /// Device resources D.
    pub(crate) const DEVRESD: u8 = 0x50;
    /// Device activity A and B.
    pub(crate) const DEVACTA: u8 = 0x54;
    pub(crate) const DEVACTB: u8 = 0x58;
    /// Device resources A to J.
    pub(crate) const DEVRESA: u8 = 0x5C;
    /// Miscellaneous power management.
    pub(crate) const PMREGMISC: u8 = 0x80;
    /// SMBus base address.
    pub(crate) const SMBBA: u8 = 0x90;
    /// SMBus host configuration.
    pub(crate) const SMBHSTCFG: u8 = 0xD2;
    /// SMBus slave command, shadow addresses.
    pub(crate) const SMBSLVC: u8 = 0xD3;
}

/// PIRQRCx, 60h-63h: where PIRQx# goes.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct PirqRoute {
    /// The ISA interrupt: 3 to 7, 9 to 12, 14, 15; other values are reserved.
    #[bits(4)]
    pub irq: u8,
    #[bits(3)]
    __: u8,
    /// Not routed.
    pub disabled: bool,
}

impl PirqRoute {
    /// The ISA interrupt, if routed to one that exists.
    #[must_use]
    pub const fn target(self) -> Option<u8> {
        if self.disabled() || matches!(self.irq(), 0..=2 | 8 | 13) { None } else { Some(self.irq()) }
    }
}

/// RC, the reset control register at CF9h.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct ResetControl {
    __: bool,
    /// SRST: the next reset is hard (the whole system), else soft (the processor's INIT).
    pub system_reset: bool,
    /// RCPU: a change from 0 to 1 resets.
    pub reset_cpu: bool,
    #[bits(5)]
    __: u8,
}

/// DEVACTB, as far as it means something here.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct DeviceActivityB {
    #[bits(25)]
    __: u32,
    /// APMC_EN: a write to APMC raises an SMI.
    pub apmc_enable: bool,
    #[bits(6)]
    __: u8,
}

/// PMREGMISC.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct PmMiscellaneous {
    /// PMIOSE: the power management I/O block is decoded.
    pub pm_io_enable: bool,
    #[bits(7)]
    __: u8,
}

/// SMBHSTCFG.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct SmbusHostConfiguration {
    /// SMB_HST_EN: the SMBus registers are decoded.
    pub host_enable: bool,
    /// 0 is SMI#, 4 is IRQ 9.
    #[bits(3)]
    pub interrupt_select: u8,
    #[bits(4)]
    __: u8,
}

/// SMBHSTSTS (section 7.3).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct SmbusHostStatus {
    pub host_busy: bool,
    /// The command is done.
    pub interrupt: bool,
    /// No device answered.
    pub device_error: bool,
    pub bus_error: bool,
    pub failed: bool,
    #[bits(3)]
    __: u8,
}

/// SMBHSTCNT (section 7.3).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct SmbusHostControl {
    pub interrupt_enable: bool,
    pub kill: bool,
    #[bits(3)]
    pub protocol: u8,
    __: bool,
    /// Write only: begins the transfer.
    pub start: bool,
    __: bool,
}
