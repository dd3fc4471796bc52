//! Registers of the I/O APIC: Intel 82093AA data sheet (order 290566), section 3.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Registers in memory (section 3.1).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Window {
    /// IOREGSEL: which register the window shows.
    SELECT = 0x00,
    /// IOWIN.
    DATA = 0x10,
}

/// Registers behind the window (section 3.2).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    /// IOAPICID.
    ID = 0x00,
    /// IOAPICVER.
    VERSION = 0x01,
    /// IOAPICARB.
    ARBITRATION = 0x02,
    /// IOREDTBL: two registers an entry.
    TABLE = 0x10,
}

/// Inputs, and entries of the redirection table.
pub const PINS: usize = 24;

/// IOAPICID and IOAPICARB: bits 24 to 27.
#[bitfield(u32)]
pub(super) struct Id {
    #[bits(24)]
    __: u32,
    #[bits(4)]
    pub(super) id: u8,
    #[bits(4)]
    __: u8,
}

/// IOAPICVER.
#[bitfield(u32)]
pub(super) struct Version {
    pub(super) version: u8,
    __: u8,
    pub(super) last_entry: u8,
    __: u8,
}

/// The version of the 82093AA.
pub(super) const VERSION: u8 = 0x11;

/// An entry of the redirection table (section 3.2.4).
#[bitfield(u64)]
#[derive(PartialEq, Eq)]
pub(super) struct Redirection {
    pub(super) vector: u8,
    #[bits(3)]
    pub(super) mode: u8,
    /// Destination mode.
    pub(super) logical: bool,
    /// Delivery status: a level waits to be accepted. Not kept.
    pub(super) pending: bool,
    /// Polarity.
    pub(super) active_low: bool,
    /// A level was accepted, and its end has not been told.
    pub(super) remote_irr: bool,
    /// Trigger mode.
    pub(super) level: bool,
    pub(super) mask: bool,
    #[bits(39)]
    __: u64,
    pub(super) destination: u8,
}

impl Redirection {
    /// What a guest can write.
    pub(super) const WRITABLE: u64 = Self::new()
        .with_vector(0xFF)
        .with_mode(7)
        .with_logical(true)
        .with_active_low(true)
        .with_level(true)
        .with_mask(true)
        .with_destination(0xFF)
        .0;
    /// What is kept.
    pub(super) const KEPT: u64 = Self::WRITABLE | Self::new().with_remote_irr(true).0;
}
