//! Registers, commands and status bytes of the 82077AA.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Register offsets from 3F0h ("Table 2-1, internal registers").
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Register {
    SRA = 0,
    SRB = 1,
    DOR = 2,
    TDR = 3,
    /// MSR (read), DSR (write).
    MSR_DSR = 4,
    FIFO = 5,
}

/// "Status register A", PS/2 mode.
#[bitfield(u8)]
pub(super) struct Sra {
    pub direction: bool,
    /// Low when protected.
    pub not_protected: bool,
    /// Low at the index hole.
    pub not_index: bool,
    pub head_select: bool,
    /// Low at track 0.
    pub not_track_0: bool,
    pub step: bool,
    /// Low when there is a second drive.
    pub no_second_drive: bool,
    pub interrupt: bool,
}

/// "Status register B", PS/2 mode.
#[bitfield(u8)]
pub(super) struct Srb {
    #[bits(2)]
    pub motors: u8,
    pub write_enable: bool,
    pub read_toggle: bool,
    pub write_toggle: bool,
    pub drive_select_0: bool,
    #[bits(2)]
    pub ones: u8,
}

/// "Digital output register".
#[bitfield(u8)]
pub(super) struct Dor {
    #[bits(2)]
    pub select: u8,
    /// Low holds the controller in reset.
    pub not_reset: bool,
    /// Lets the interrupt and DRQ out.
    pub dma_gate: bool,
    /// A bit for each drive.
    #[bits(4)]
    pub motors: u8,
}

/// "Main status register".
#[bitfield(u8)]
pub(super) struct Msr {
    /// Drives that seek.
    #[bits(4)]
    pub seeking: u8,
    pub command_busy: bool,
    pub non_dma: bool,
    /// The next byte goes to the processor.
    pub to_processor: bool,
    /// Request for master: a byte can go now.
    pub request: bool,
}

/// "Data rate select register".
#[bitfield(u8)]
pub(super) struct Dsr {
    #[bits(2)]
    pub rate: u8,
    #[bits(3)]
    pub precompensation: u8,
    __: bool,
    pub power_down: bool,
    pub reset: bool,
}

/// Status register 0.
#[bitfield(u8)]
pub(super) struct St0 {
    #[bits(2)]
    pub drive: u8,
    pub head: bool,
    __: bool,
    pub equipment_check: bool,
    pub seek_end: bool,
    /// One of `code`.
    #[bits(2)]
    pub code: u8,
}

/// How a command ended ("status register 0", IC).
pub(super) mod code {
    pub(crate) const NORMAL: u8 = 0;
    pub(crate) const ABNORMAL: u8 = 1;
    pub(crate) const INVALID: u8 = 2;
    /// By polling, after a reset.
    pub(crate) const POLLED: u8 = 3;
}

/// Status register 1.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct St1 {
    pub missing_address_mark: bool,
    pub not_writable: bool,
    pub no_data: bool,
    __: bool,
    pub overrun: bool,
    pub data_error: bool,
    __: bool,
    pub end_of_cylinder: bool,
}

/// Status register 2.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct St2 {
    pub missing_data_mark: bool,
    pub bad_cylinder: bool,
    #[bits(2)]
    __: u8,
    pub wrong_cylinder: bool,
    /// The data error is in the data, not in the address.
    pub data_error: bool,
    /// The data has the other mark than the one asked for.
    pub control_mark: bool,
    __: bool,
}

/// Status register 3.
#[bitfield(u8)]
pub(super) struct St3 {
    #[bits(2)]
    pub drive: u8,
    pub head: bool,
    /// Always set.
    pub two_sides: bool,
    pub track_0: bool,
    /// Always set.
    pub ready: bool,
    pub protected: bool,
    __: bool,
}

/// A command's first byte, without its options, and the options that it may have ("Table 5-1, command set").
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Command {
    READ_TRACK = 0x02,
    SPECIFY = 0x03,
    SENSE_DRIVE_STATUS = 0x04,
    WRITE_DATA = 0x05,
    READ_DATA = 0x06,
    RECALIBRATE = 0x07,
    SENSE_INTERRUPT = 0x08,
    WRITE_DELETED_DATA = 0x09,
    READ_ID = 0x0A,
    READ_DELETED_DATA = 0x0C,
    FORMAT_TRACK = 0x0D,
    DUMPREG = 0x0E,
    SEEK = 0x0F,
    VERSION = 0x10,
    PERPENDICULAR_MODE = 0x12,
    CONFIGURE = 0x13,
    /// With bit 7 it locks, without it unlocks.
    LOCK = 0x14,
    VERIFY = 0x16,
    /// Bit 6 is the direction, bit 7 is set.
    RELATIVE_SEEK = 0x8F,
}

/// Options in a command's first byte.
#[bitfield(u8)]
pub(super) struct Options {
    #[bits(5)]
    __: u8,
    pub skip: bool,
    pub mfm: bool,
    pub multi_track: bool,
}

const MT: u8 = 0x80;
const MFM: u8 = 0x40;
const SK: u8 = 0x20;

/// A command, the bits of its first byte that may vary, and how many bytes follow.
const COMMANDS: [(Command, u8, usize); 19] = [
    (Command::READ_TRACK, MFM | SK, 8),
    (Command::SPECIFY, 0, 2),
    (Command::SENSE_DRIVE_STATUS, 0, 1),
    (Command::WRITE_DATA, MT | MFM, 8),
    (Command::READ_DATA, MT | MFM | SK, 8),
    (Command::RECALIBRATE, 0, 1),
    (Command::SENSE_INTERRUPT, 0, 0),
    (Command::WRITE_DELETED_DATA, MT | MFM, 8),
    (Command::READ_ID, MFM, 1),
    (Command::READ_DELETED_DATA, MT | MFM | SK, 8),
    (Command::FORMAT_TRACK, MFM, 5),
    (Command::DUMPREG, 0, 0),
    (Command::SEEK, 0, 2),
    (Command::VERSION, 0, 0),
    (Command::PERPENDICULAR_MODE, 0, 1),
    (Command::CONFIGURE, 0, 3),
    (Command::LOCK, MT, 0),
    (Command::VERIFY, MT | MFM | SK, 8),
    (Command::RELATIVE_SEEK, MFM, 2),
];

/// The longest command, with its first byte.
pub(super) const LONGEST_COMMAND: usize = 9;

impl Command {
    /// The command that a first byte begins, and how many bytes follow.
    pub(super) fn decode(first: u8) -> Option<(Self, usize)> {
        let found = COMMANDS.iter().find(|(command, options, _)| first & !options == command.0);
        found.map(|&(command, _, length)| (command, length))
    }
}

/// The byte with drive and head in most commands.
#[bitfield(u8)]
pub(super) struct Unit {
    #[bits(2)]
    pub drive: u8,
    #[bits(1)]
    pub head: u8,
    #[bits(4)]
    __: u8,
    /// EC, of VERIFY alone: the last byte is a count of sectors.
    pub enable_count: bool,
}

/// CONFIGURE's second parameter.
#[bitfield(u8)]
pub(super) struct Configuration {
    #[bits(4)]
    pub threshold: u8,
    pub polling_off: bool,
    pub fifo_off: bool,
    pub implied_seek: bool,
    __: bool,
}

/// PERPENDICULAR MODE's parameter.
#[bitfield(u8)]
pub(super) struct Perpendicular {
    pub write_gate: bool,
    pub gap: bool,
    #[bits(4)]
    pub drives: u8,
    __: bool,
    /// `drives` is to be written.
    pub overwrite: bool,
}
