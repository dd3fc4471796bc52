//! Registers of the HPET: IA-PC HPET specification 1.0a (October 2004), section 2.3.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Registers by offset (section 2.3.1); those of the timers begin at [`FIRST_TIMER`].
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Register {
    CAPABILITIES = 0x000,
    CONFIGURATION = 0x010,
    STATUS = 0x020,
    COUNTER = 0x0F0,
}

/// Registers of one timer, by their offset in its block.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum TimerRegister {
    CONFIGURATION = 0x00,
    COMPARATOR = 0x08,
    /// FSB interrupt route: there is none.
    FSB_ROUTE = 0x10,
}

/// Where the first timer's block is.
pub(super) const FIRST_TIMER: u64 = 0x100;
/// Bytes of a timer's block.
pub(super) const TIMER_BLOCK: u64 = 0x20;

/// General capabilities and ID register (section 2.3.4).
#[bitfield(u64)]
pub(super) struct Capabilities {
    /// REV_ID.
    pub(super) revision: u8,
    /// NUM_TIM_CAP: the last timer.
    #[bits(5)]
    pub(super) last_timer: u8,
    /// COUNT_SIZE_CAP.
    pub(super) counter_64: bool,
    __: bool,
    /// LEG_RT_CAP.
    pub(super) legacy_route: bool,
    pub(super) vendor: u16,
    /// COUNTER_CLK_PERIOD, in femtoseconds.
    pub(super) period: u32,
}

/// General configuration register (section 2.3.5).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub(super) struct Configuration {
    /// ENABLE_CNF: the counter runs, and interrupts come.
    pub(super) enable: bool,
    /// LEG_RT_CNF.
    pub(super) legacy_route: bool,
    #[bits(62)]
    __: u64,
}

impl Configuration {
    pub(super) const WRITABLE: u64 = Self::new().with_enable(true).with_legacy_route(true).0;
}

/// Timer configuration and capability register (section 2.3.8).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub(super) struct TimerConfiguration {
    __: bool,
    /// INT_TYPE_CNF.
    pub(super) level: bool,
    /// INT_ENB_CNF.
    pub(super) enable: bool,
    /// TYPE_CNF.
    pub(super) periodic: bool,
    /// PER_INT_CAP.
    pub(super) can_be_periodic: bool,
    /// SIZE_CAP.
    pub(super) is_64: bool,
    /// VAL_SET_CNF: the next write of a periodic timer's comparator sets what is compared, too.
    pub(super) set_value: bool,
    __: bool,
    /// 32MODE_CNF.
    pub(super) mode_32: bool,
    /// INT_ROUTE_CNF.
    #[bits(5)]
    pub(super) route: u8,
    /// FSB_EN_CNF.
    pub(super) fsb_enable: bool,
    /// FSB_INT_DEL_CAP.
    pub(super) can_fsb: bool,
    __: u16,
    /// INT_ROUTE_CAP.
    pub(super) routes: u32,
}

impl TimerConfiguration {
    pub(super) const WRITABLE: u64 = Self::new()
        .with_level(true)
        .with_enable(true)
        .with_periodic(true)
        .with_set_value(true)
        .with_mode_32(true)
        .with_route(31)
        .0;
}
