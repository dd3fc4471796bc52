//! Registers and commands of the controller and its drives.
//!
//! ATA/ATAPI-6 (T13/1410D), sections 7 and 8; MMC-2 (NCITS 333) and SFF-8020i for packets; 82371AB data sheet (Intel
//! order 290562), section 5. Names are those of the standards.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Configuration space of function 1 beyond the header (82371AB, section 5.1).
pub(super) mod config {
    /// IDETIM, IDE timing: two bytes for the primary channel, two for the secondary.
    pub(crate) const IDETIM: u8 = 0x40;
    /// SIDETIM, timing of the drives 1.
    pub(crate) const SIDETIM: u8 = 0x44;
    /// UDMACTL, Ultra DMA control.
    pub(crate) const UDMACTL: u8 = 0x48;
    /// UDMATIM, Ultra DMA timing.
    pub(crate) const UDMATIM: u8 = 0x4A;
}

/// IDETIM (82371AB, section 5.1.10).
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub(super) struct IdeTiming {
    #[bits(4)]
    pub(super) drive_0: u8,
    #[bits(4)]
    pub(super) drive_1: u8,
    #[bits(2)]
    pub(super) recovery_time: u8,
    #[bits(2)]
    __: u8,
    #[bits(2)]
    pub(super) iordy_sample_point: u8,
    pub(super) slave_timing: bool,
    /// The channel's ports are decoded.
    pub(super) decode_enable: bool,
}

/// BMICX, bus master IDE command (82371AB, section 5.2.1).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct BusMasterCommand {
    /// SSBM: start or stop.
    pub(super) start: bool,
    #[bits(2)]
    __: u8,
    /// RWCON: the controller writes to memory (what it reads from the drive).
    pub(super) to_memory: bool,
    #[bits(4)]
    __: u8,
}

/// BMISX, bus master IDE status (82371AB, section 5.2.2).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct BusMasterStatus {
    /// BMIDEA: at work.
    pub(super) active: bool,
    /// Memory did not answer. Cleared by writing one.
    pub(super) error: bool,
    /// The drive has raised its interrupt. Cleared by writing one.
    pub(super) interrupt: bool,
    #[bits(2)]
    __: u8,
    /// Set by software for software.
    pub(super) drive_0_dma_capable: bool,
    pub(super) drive_1_dma_capable: bool,
    __: bool,
}

/// Second half of an entry of the descriptor table (82371AB, section 5.2.3; SFF-8038i).
#[bitfield(u32)]
pub(super) struct PrdCount {
    /// Bytes; zero is 64 KB.
    pub(super) bytes: u16,
    #[bits(15)]
    __: u16,
    /// EOT: the last entry.
    pub(super) last: bool,
}

/// Offsets in a channel's command block.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Register {
    DATA = 0,
    /// Error when read, Features when written.
    ERROR_FEATURES = 1,
    /// Sector Count; Interrupt Reason of a packet command.
    SECTOR_COUNT = 2,
    LBA_LOW = 3,
    /// LBA Mid; low byte of the Byte Count of a packet command.
    LBA_MID = 4,
    LBA_HIGH = 5,
    DEVICE = 6,
    /// Status when read, Command when written.
    STATUS_COMMAND = 7,
}

/// Status register (section 7.15).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct Status {
    /// CHK of a packet command.
    pub(super) err: bool,
    #[bits(2)]
    __: u8,
    pub(super) drq: bool,
    /// Seek complete (obsolete, but looked at); service of a packet device.
    pub(super) dsc: bool,
    pub(super) df: bool,
    pub(super) drdy: bool,
    pub(super) bsy: bool,
}

/// Error register (section 7.9 and the commands).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct Error {
    __: bool,
    /// No media.
    pub(super) nm: bool,
    pub(super) abrt: bool,
    __: bool,
    pub(super) idnf: bool,
    __: bool,
    /// UNC of a read; WP of a write.
    pub(super) unc: bool,
    pub(super) icrc: bool,
}

/// Error register after a reset or EXECUTE DEVICE DIAGNOSTIC: all is well with this device (and with device 1).
pub(super) const DIAGNOSTIC_PASSED: u8 = 0x01;

/// Device Control register (section 7.8).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct DeviceControl {
    __: bool,
    /// nIEN: no interrupts.
    pub(super) nien: bool,
    pub(super) srst: bool,
    #[bits(4)]
    __: u8,
    /// HOB: registers read as they were before their last write.
    pub(super) hob: bool,
}

/// Device register (section 7.7). Bits 7 and 5 are obsolete and read as ones.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct DeviceHead {
    /// Head, or bits 27:24 of an address.
    #[bits(4)]
    pub(super) head: u8,
    /// DEV: device 1.
    pub(super) dev: bool,
    #[bits(default = true)]
    pub(super) obsolete_5: bool,
    pub(super) lba: bool,
    #[bits(default = true)]
    pub(super) obsolete_7: bool,
}

/// Interrupt Reason register of a packet command (section 7.10).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct InterruptReason {
    /// C/D: a command packet or status, not data.
    pub(super) command: bool,
    /// I/O: to the host.
    pub(super) to_host: bool,
    #[bits(6)]
    __: u8,
}

/// Features register of PACKET (section 8.23).
#[bitfield(u8)]
pub(super) struct PacketFeatures {
    pub(super) dma: bool,
    pub(super) overlapped: bool,
    #[bits(6)]
    __: u8,
}

/// Commands (section 8 and annex B; those of earlier standards too).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Command {
    NOP = 0x00,
    DEVICE_RESET = 0x08,
    /// To 1Fh.
    RECALIBRATE = 0x10,
    READ_SECTORS = 0x20,
    READ_SECTORS_NO_RETRY = 0x21,
    READ_SECTORS_EXT = 0x24,
    READ_DMA_EXT = 0x25,
    READ_NATIVE_MAX_ADDRESS_EXT = 0x27,
    READ_MULTIPLE_EXT = 0x29,
    WRITE_SECTORS = 0x30,
    WRITE_SECTORS_NO_RETRY = 0x31,
    WRITE_SECTORS_EXT = 0x34,
    WRITE_DMA_EXT = 0x35,
    WRITE_MULTIPLE_EXT = 0x39,
    READ_VERIFY_SECTORS = 0x40,
    READ_VERIFY_SECTORS_NO_RETRY = 0x41,
    READ_VERIFY_SECTORS_EXT = 0x42,
    /// To 7Fh.
    SEEK = 0x70,
    EXECUTE_DEVICE_DIAGNOSTIC = 0x90,
    INITIALIZE_DEVICE_PARAMETERS = 0x91,
    STANDBY_IMMEDIATE_OLD = 0x94,
    IDLE_IMMEDIATE_OLD = 0x95,
    STANDBY_OLD = 0x96,
    IDLE_OLD = 0x97,
    CHECK_POWER_MODE_OLD = 0x98,
    SLEEP_OLD = 0x99,
    PACKET = 0xA0,
    IDENTIFY_PACKET_DEVICE = 0xA1,
    READ_MULTIPLE = 0xC4,
    WRITE_MULTIPLE = 0xC5,
    SET_MULTIPLE_MODE = 0xC6,
    READ_DMA = 0xC8,
    READ_DMA_NO_RETRY = 0xC9,
    WRITE_DMA = 0xCA,
    WRITE_DMA_NO_RETRY = 0xCB,
    STANDBY_IMMEDIATE = 0xE0,
    IDLE_IMMEDIATE = 0xE1,
    STANDBY = 0xE2,
    IDLE = 0xE3,
    CHECK_POWER_MODE = 0xE5,
    SLEEP = 0xE6,
    FLUSH_CACHE = 0xE7,
    FLUSH_CACHE_EXT = 0xEA,
    IDENTIFY_DEVICE = 0xEC,
    SET_FEATURES = 0xEF,
    READ_NATIVE_MAX_ADDRESS = 0xF8,
}

/// Subcommands of SET FEATURES (section 8.46).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Feature {
    ENABLE_WRITE_CACHE = 0x02,
    SET_TRANSFER_MODE = 0x03,
    DISABLE_LOOK_AHEAD = 0x55,
    KEEP_SETTINGS = 0x66,
    DISABLE_WRITE_CACHE = 0x82,
    ENABLE_LOOK_AHEAD = 0xAA,
    REVERT_SETTINGS = 0xCC,
}

/// Packet commands (MMC-2, SPC-2).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Packet {
    TEST_UNIT_READY = 0x00,
    REQUEST_SENSE = 0x03,
    INQUIRY = 0x12,
    MODE_SENSE_6 = 0x1A,
    START_STOP_UNIT = 0x1B,
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1E,
    READ_CAPACITY = 0x25,
    READ_10 = 0x28,
    SEEK_10 = 0x2B,
    READ_SUBCHANNEL = 0x42,
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT_STATUS_NOTIFICATION = 0x4A,
    STOP_PLAY_SCAN = 0x4E,
    READ_DISC_INFORMATION = 0x51,
    MODE_SENSE_10 = 0x5A,
    READ_12 = 0xA8,
    SET_CD_SPEED = 0xBB,
    MECHANISM_STATUS = 0xBD,
    READ_CD = 0xBE,
}

/// Sense key, additional sense code and its qualifier (MMC-2, annex A).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sense {
    pub(super) key: u8,
    pub(super) asc: u8,
    pub(super) ascq: u8,
}

impl Sense {
    const fn new(key: u8, asc: u8, ascq: u8) -> Self {
        Self { key, asc, ascq }
    }
    pub(super) const NONE: Self = Self::new(0, 0, 0);
    pub(super) const NO_MEDIUM_TRAY_CLOSED: Self = Self::new(2, 0x3A, 1);
    pub(super) const NO_MEDIUM_TRAY_OPEN: Self = Self::new(2, 0x3A, 2);
    pub(super) const UNRECOVERED_READ_ERROR: Self = Self::new(3, 0x11, 0);
    pub(super) const INVALID_COMMAND: Self = Self::new(5, 0x20, 0);
    pub(super) const ADDRESS_OUT_OF_RANGE: Self = Self::new(5, 0x21, 0);
    pub(super) const INVALID_FIELD: Self = Self::new(5, 0x24, 0);
    pub(super) const REMOVAL_PREVENTED: Self = Self::new(5, 0x53, 2);
    pub(super) const ILLEGAL_MODE_FOR_TRACK: Self = Self::new(5, 0x64, 0);
    pub(super) const MEDIUM_CHANGED: Self = Self::new(6, 0x28, 0);
    pub(super) const POWER_ON: Self = Self::new(6, 0x29, 0);
}
