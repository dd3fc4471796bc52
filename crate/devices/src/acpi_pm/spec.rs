//! Registers of the PIIX4 power management I/O block: 82371AB data sheet (Intel order 290562), section 7.2
//! ("Power Management I/O Space Registers"), and ACPI 1.0 section 4.7 for the meaning of the ACPI parts.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// The block's registers, by the dword they lie in.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Dword {
    /// PMSTS, and PMEN above it.
    EVENTS = 0x00,
    /// PMCNTRL.
    CONTROL = 0x04,
    /// PMTMR.
    TIMER = 0x08,
    /// GPSTS, and GPEN above it.
    GENERAL_PURPOSE = 0x0C,
    /// PCNTRL.
    PROCESSOR = 0x10,
    /// PLVL2, PLVL3.
    LEVELS = 0x14,
    /// GLBSTS.
    GLOBAL_STATUS = 0x18,
    /// DEVSTS.
    DEVICE_STATUS = 0x1C,
    /// GLBEN.
    GLOBAL_ENABLE = 0x20,
    /// GLBCTL.
    GLOBAL_CONTROL = 0x28,
    /// DEVCTL.
    DEVICE_CONTROL = 0x2C,
    /// GPIREG.
    INPUTS = 0x30,
    /// GPOREG.
    OUTPUTS = 0x34,
}

/// PMSTS and PMEN: the fixed events (ACPI's PM1a status and enable).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct PmEvents {
    /// TMROF: the timer's top bit changed.
    pub timer_overflow: bool,
    #[bits(3)]
    __: u8,
    /// BM: a bus master asked for the bus.
    pub bus_master: bool,
    /// GBL: the firmware released the global lock.
    pub global: bool,
    #[bits(2)]
    __: u8,
    /// PWRBTN.
    pub power_button: bool,
    __: bool,
    pub rtc: bool,
    #[bits(4)]
    __: u8,
    /// RSM: the machine came back from a sleep (status only).
    pub resume: bool,
}

impl PmEvents {
    /// The bits of PMEN: those that can raise the SCI.
    pub(super) const ENABLES: Self =
        Self::new().with_timer_overflow(true).with_global(true).with_power_button(true).with_rtc(true);
}

/// PMCNTRL (ACPI's PM1a control).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub struct PmControl {
    /// SCI_EN: events raise the SCI instead of the SMI.
    pub sci_enable: bool,
    /// BRLD_EN_BM.
    pub bus_master_reload: bool,
    /// GBL_RLS: write only.
    pub global_release: bool,
    #[bits(7)]
    __: u8,
    /// SUS_TYP, ACPI's SLP_TYP.
    #[bits(3)]
    pub sleep_type: u8,
    /// SUS_EN, ACPI's SLP_EN: write only, enters the sleep.
    pub sleep_enable: bool,
    #[bits(2)]
    __: u8,
}

/// GLBCTL, as far as it means something here.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub struct GlobalControl {
    /// SMI_EN.
    pub smi_enable: bool,
    #[bits(31)]
    __: u32,
}

/// Values of SUS_TYP.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SleepType {
    /// Soft off, ACPI's S5.
    SOFT_OFF = 0,
    /// Suspend to RAM.
    SUSPEND_TO_RAM = 1,
    /// Powered on suspend, context lost.
    POWERED_ON_CONTEXT_LOST = 2,
    /// Powered on suspend, processor context lost.
    POWERED_ON_CPU_CONTEXT_LOST = 3,
    /// Powered on suspend, context kept.
    POWERED_ON = 4,
    /// Working.
    WORKING = 5,
}

/// Values written to APMC, by agreement between the tables and whoever answers the SMI. The data sheet
/// leaves them to the firmware.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ApmCommand {
    ACPI_DISABLE = 0xF0,
    ACPI_ENABLE = 0xF1,
}
