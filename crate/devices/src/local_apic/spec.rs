//! Registers of the local APIC: Intel SDM vol. 3 (order 325384), chapter 10; sections named below are its.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Model-specific registers that the chip answers (SDM vol. 4, table 2-2).
pub mod msr {
    /// IA32_APIC_BASE.
    pub const APIC_BASE: u32 = 0x1B;
    /// IA32_TSC_DEADLINE.
    pub const TSC_DEADLINE: u32 = 0x6E0;
    /// The first register in x2APIC mode (section 10.12.1.2), and the last.
    pub const X2APIC: std::ops::RangeInclusive<u32> = 0x800..=0x8FF;
}

/// Registers by number: the offset in memory divided by 16, and what is added to 800h for the MSR (tables 10-1 and 10-6).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    ID = 0x02,
    VERSION = 0x03,
    /// Task priority.
    TPR = 0x08,
    /// Arbitration priority.
    APR = 0x09,
    /// Processor priority.
    PPR = 0x0A,
    EOI = 0x0B,
    /// Remote read.
    RRD = 0x0C,
    /// Logical destination.
    LDR = 0x0D,
    /// Destination format.
    DFR = 0x0E,
    /// Spurious interrupt vector.
    SVR = 0x0F,
    /// In service; eight of them.
    ISR = 0x10,
    /// Trigger mode; eight of them.
    TMR = 0x18,
    /// Interrupt request; eight of them.
    IRR = 0x20,
    /// Error status.
    ESR = 0x28,
    ICR_LOW = 0x30,
    ICR_HIGH = 0x31,
    LVT_TIMER = 0x32,
    LVT_THERMAL = 0x33,
    LVT_PERFORMANCE = 0x34,
    LVT_LINT0 = 0x35,
    LVT_LINT1 = 0x36,
    LVT_ERROR = 0x37,
    INITIAL_COUNT = 0x38,
    CURRENT_COUNT = 0x39,
    DIVIDE = 0x3E,
    /// In x2APIC mode only.
    SELF_IPI = 0x3F,
}

/// How an interrupt is to be delivered (sections 10.5.1 and 10.6.1).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DeliveryMode {
    FIXED = 0,
    LOWEST_PRIORITY = 1,
    SMI = 2,
    NMI = 4,
    INIT = 5,
    START_UP = 6,
    /// The vector is the 8259A's.
    EXT_INT = 7,
}

impl DeliveryMode {
    /// Whether EFLAGS.IF has no say in it.
    #[must_use]
    pub fn ignores_if(self) -> bool {
        matches!(self, Self::SMI | Self::NMI | Self::INIT)
    }
}

/// IA32_APIC_BASE (section 10.4.4, and 10.12.1 for `x2apic`).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub(super) struct ApicBase {
    __: u8,
    /// This is the bootstrap processor.
    pub(super) bsp: bool,
    __: bool,
    /// EXTD.
    pub(super) x2apic: bool,
    /// EN: the global enable.
    pub(super) enable: bool,
    /// Bits 12 to 35 of the registers' address.
    #[bits(24)]
    pub(super) page: u32,
    #[bits(28)]
    __: u32,
}

impl ApicBase {
    /// Bits that may be set.
    pub(super) const EXISTING: u64 =
        Self::new().with_bsp(true).with_x2apic(true).with_enable(true).with_page(0xFF_FFFF).0;
}

/// Version register: version 14h, six entries in the local vector table, no suppression of EOI broadcasts (section 10.4.8).
#[bitfield(u32)]
pub(super) struct Version {
    pub(super) version: u8,
    __: u8,
    pub(super) max_lvt_entry: u8,
    pub(super) eoi_suppression: bool,
    #[bits(7)]
    __: u8,
}

/// Spurious interrupt vector register (section 10.9).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub(super) struct Svr {
    pub(super) vector: u8,
    /// Software enable.
    pub(super) enable: bool,
    /// Focus processor checking off; kept, without effect.
    pub(super) no_focus: bool,
    #[bits(22)]
    __: u32,
}

impl Svr {
    pub(super) const WRITABLE: u32 = Self::new().with_vector(0xFF).with_enable(true).with_no_focus(true).0;
}

/// An entry of the local vector table (section 10.5.1, figure 10-8).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub(super) struct Lvt {
    pub(super) vector: u8,
    #[bits(3)]
    pub(super) mode: u8,
    __: bool,
    /// Delivery status: never pending here.
    pub(super) pending: bool,
    /// The pin is active low.
    pub(super) active_low: bool,
    /// A level has been accepted and not been ended.
    pub(super) remote_irr: bool,
    pub(super) level: bool,
    pub(super) mask: bool,
    #[bits(2)]
    pub(super) timer_mode: u8,
    #[bits(13)]
    __: u16,
}

impl Lvt {
    const COMMON: Self = Self::new().with_vector(0xFF).with_mask(true);
    /// What a guest can write to each entry, in their order.
    pub(super) const WRITABLE: [u32; LVT_ENTRIES] = [
        Self::COMMON.with_timer_mode(3).0,
        Self::COMMON.with_mode(7).0,
        Self::COMMON.with_mode(7).0,
        Self::COMMON.with_mode(7).with_active_low(true).with_level(true).0,
        Self::COMMON.with_mode(7).with_active_low(true).with_level(true).0,
        Self::COMMON.0,
    ];
    /// What a guest reads only.
    pub(super) const READ_ONLY: u32 = Self::new().with_pending(true).with_remote_irr(true).0;

    pub(super) const fn delivery(self) -> DeliveryMode {
        DeliveryMode(self.mode())
    }
}

/// Entries of the local vector table.
pub(super) const LVT_ENTRIES: usize = 6;
/// Their places in the table; register numbers are in the same order.
pub(super) mod lvt {
    pub(in super::super) const TIMER: usize = 0;
    pub(in super::super) const LINT0: usize = 3;
    pub(in super::super) const LINT1: usize = 4;
    pub(in super::super) const ERROR: usize = 5;
}

/// The timer's modes (section 10.5.4); the reserved one counts as one-shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerMode {
    OneShot,
    Periodic,
    TscDeadline,
}

impl TimerMode {
    pub(super) const fn of(lvt: Lvt) -> Self {
        match lvt.timer_mode() {
            1 => Self::Periodic,
            2 => Self::TscDeadline,
            _ => Self::OneShot,
        }
    }
}

/// Divide configuration register (figure 10-10): bit 2 is not part of the value.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub(super) struct Divide {
    #[bits(2)]
    pub(super) low: u8,
    __: bool,
    pub(super) high: bool,
    #[bits(28)]
    __: u32,
}

impl Divide {
    pub(super) const WRITABLE: u32 = Self::new().with_low(3).with_high(true).0;

    /// The logarithm of the divisor: 1 to 7 for 2 to 128, and 0 for 1.
    pub(super) const fn shift(self) -> u32 {
        (self.low() as u32 | (self.high() as u32) << 2) + 1 & 7
    }
}

/// Interrupt command register, low half (figure 10-12).
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub(super) struct Icr {
    pub(super) vector: u8,
    #[bits(3)]
    pub(super) mode: u8,
    pub(super) logical: bool,
    /// Delivery status: never pending here.
    pub(super) pending: bool,
    __: bool,
    pub(super) assert: bool,
    pub(super) level: bool,
    #[bits(2)]
    __: u8,
    #[bits(2)]
    pub(super) shorthand: u8,
    #[bits(12)]
    __: u16,
}

impl Icr {
    pub(super) const WRITABLE: u32 = Self::new()
        .with_vector(0xFF)
        .with_mode(7)
        .with_logical(true)
        .with_assert(true)
        .with_level(true)
        .with_shorthand(3)
        .0;
}

/// "Destination shorthand" of the ICR.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Shorthand {
    NONE = 0,
    SELF = 1,
    ALL = 2,
    OTHERS = 3,
}

/// Error status register (section 10.5.3). The lower bits are of the APIC bus, which is not there.
#[bitfield(u32)]
#[derive(PartialEq, Eq)]
pub(super) struct Esr {
    #[bits(5)]
    __: u8,
    pub(super) send_illegal_vector: bool,
    pub(super) receive_illegal_vector: bool,
    pub(super) illegal_register: bool,
    #[bits(24)]
    __: u32,
}

/// The lowest vector that is not reserved for the processor (section 10.5.2).
pub(super) const FIRST_VECTOR: u8 = 16;
/// DFR's model (section 10.6.2.2), bits 28 to 31.
pub(super) const DFR_FLAT: u32 = 0xF;
pub(super) const DFR_CLUSTER: u32 = 0;
