//! Registers and commands of the keyboard controller and of what is plugged into it.
//!
//! IBM Personal System/2 Hardware Interface Technical Reference (May 1988), "Keyboard and auxiliary device
//! controller", "Keyboards" and "Mouse"; wheel and five buttons: Microsoft, "Intellimouse extensions" of the
//! same mouse protocol.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// "Status register", read at the command port.
#[bitfield(u8)]
pub(super) struct Status {
    /// Output buffer full: there is a byte to read.
    pub(super) obf: bool,
    /// Input buffer full. Always clear: a written byte is taken at once.
    pub(super) ibf: bool,
    /// The self-test has passed; a bit the firmware keeps in the controller command byte.
    pub(super) sys: bool,
    /// The last byte written was a command.
    pub(super) command: bool,
    /// The keyboard is not locked.
    pub(super) unlocked: bool,
    /// The byte to read is from the auxiliary device.
    pub(super) aux: bool,
    pub(super) time_out: bool,
    pub(super) parity: bool,
}

/// "Controller command byte": byte 0 of the controller's RAM.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct CommandByte {
    /// A byte from the keyboard interrupts.
    pub(super) keyboard_interrupt: bool,
    /// A byte from the auxiliary device interrupts.
    pub(super) aux_interrupt: bool,
    pub(super) sys: bool,
    __: bool,
    /// The keyboard's clock is held: it sends nothing.
    pub(super) keyboard_off: bool,
    /// The auxiliary device's clock is held.
    pub(super) aux_off: bool,
    /// Scan codes are translated from set 2 to set 1.
    pub(super) translate: bool,
    __: bool,
}

/// "Output port".
#[bitfield(u8)]
pub(super) struct OutputPort {
    /// Low resets the processor.
    pub(super) not_reset: bool,
    pub(super) a20: bool,
    pub(super) aux_data: bool,
    pub(super) aux_clock: bool,
    pub(super) keyboard_interrupt: bool,
    pub(super) aux_interrupt: bool,
    pub(super) keyboard_clock: bool,
    pub(super) keyboard_data: bool,
}

/// Controller commands.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Command {
    TEST_PASSWORD = 0xA4,
    LOAD_PASSWORD = 0xA5,
    DISABLE_AUX = 0xA7,
    ENABLE_AUX = 0xA8,
    TEST_AUX = 0xA9,
    SELF_TEST = 0xAA,
    TEST_KEYBOARD = 0xAB,
    DISABLE_KEYBOARD = 0xAD,
    ENABLE_KEYBOARD = 0xAE,
    READ_INPUT_PORT = 0xC0,
    READ_OUTPUT_PORT = 0xD0,
    WRITE_OUTPUT_PORT = 0xD1,
    WRITE_KEYBOARD_BUFFER = 0xD2,
    WRITE_AUX_BUFFER = 0xD3,
    WRITE_AUX = 0xD4,
    /// Not IBM's: many later controllers close and open A20 by these.
    A20_OFF = 0xDD,
    A20_ON = 0xDF,
    READ_TEST_INPUTS = 0xE0,
}

impl Command {
    /// 20h to 3Fh: read RAM.
    pub(super) const READ_RAM_FIRST: u8 = 0x20;
    pub(super) const READ_RAM_LAST: u8 = 0x3F;
    /// 60h to 7Fh: write RAM.
    pub(super) const WRITE_RAM_FIRST: u8 = 0x60;
    pub(super) const WRITE_RAM_LAST: u8 = 0x7F;
    /// F0h to FFh: the output port's low four bits, where the command has a 0, go low for 6 µs.
    pub(super) const PULSE_FIRST: u8 = 0xF0;
}

/// The controller's own answers.
pub(super) mod answer {
    /// The self-test found nothing.
    pub(in super::super) const SELF_TEST_PASSED: u8 = 0x55;
    /// An interface test found nothing.
    pub(in super::super) const INTERFACE_PASSED: u8 = 0x00;
    /// No password is loaded.
    pub(in super::super) const NO_PASSWORD: u8 = 0xF1;
    /// Input port: not locked, no manufacturing jumper, colour display.
    pub(in super::super) const INPUT_PORT: u8 = 0xA0;
    /// Test inputs: both clocks high.
    pub(in super::super) const TEST_INPUTS: u8 = 0x03;
}

/// What keyboard and mouse answer.
pub(super) mod reply {
    /// Keyboard: nothing held here, and the answer to an echo.
    pub(in super::super) const ECHO: u8 = 0xEE;
    /// The byte was taken.
    pub(in super::super) const ACK: u8 = 0xFA;
    /// The byte was not understood.
    pub(in super::super) const RESEND: u8 = 0xFE;
    /// The basic assurance test has passed.
    pub(in super::super) const BAT_PASSED: u8 = 0xAA;
    /// The two bytes by which a keyboard of that generation is known.
    pub(in super::super) const KEYBOARD_ID: [u8; 2] = [0xAB, 0x83];
}

/// Commands to the keyboard.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum KeyboardCommand {
    SET_LEDS = 0xED,
    ECHO = 0xEE,
    SELECT_SCAN_SET = 0xF0,
    READ_ID = 0xF2,
    SET_TYPEMATIC = 0xF3,
    ENABLE = 0xF4,
    DEFAULT_DISABLE = 0xF5,
    SET_DEFAULT = 0xF6,
    ALL_TYPEMATIC = 0xF7,
    ALL_MAKE_BREAK = 0xF8,
    ALL_MAKE = 0xF9,
    ALL_TYPEMATIC_MAKE_BREAK = 0xFA,
    KEY_TYPEMATIC = 0xFB,
    KEY_MAKE_BREAK = 0xFC,
    KEY_MAKE = 0xFD,
    RESEND = 0xFE,
    RESET = 0xFF,
}

/// "Set typematic rate/delay".
#[bitfield(u8)]
pub(super) struct Typematic {
    #[bits(3)]
    pub(super) a: u8,
    #[bits(2)]
    pub(super) b: u8,
    #[bits(2)]
    pub(super) delay: u8,
    __: bool,
}

impl Typematic {
    /// 10.9 characters a second after half a second.
    pub(super) const DEFAULT: Self = Self::from_bits(0x2B);

    /// Nanoseconds from the key going down to its first repeat.
    pub(super) const fn delay_ns(self) -> u64 {
        (self.delay() as u64 + 1) * 250_000_000
    }

    /// Nanoseconds from repeat to repeat: (8 + A) × 2^B × 4.17 ms.
    pub(super) const fn period_ns(self) -> u64 {
        (8 + self.a() as u64) * (1 << self.b()) * 4_170_000
    }
}

/// Commands to the mouse.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum MouseCommand {
    SCALING_1_1 = 0xE6,
    SCALING_2_1 = 0xE7,
    SET_RESOLUTION = 0xE8,
    STATUS_REQUEST = 0xE9,
    SET_STREAM_MODE = 0xEA,
    READ_DATA = 0xEB,
    RESET_WRAP_MODE = 0xEC,
    SET_WRAP_MODE = 0xEE,
    SET_REMOTE_MODE = 0xF0,
    READ_ID = 0xF2,
    SET_SAMPLE_RATE = 0xF3,
    ENABLE = 0xF4,
    DISABLE = 0xF5,
    SET_DEFAULT = 0xF6,
    RESEND = 0xFE,
    RESET = 0xFF,
}

/// First byte of the answer to a status request.
#[bitfield(u8)]
pub(super) struct MouseStatus {
    pub(super) right: bool,
    pub(super) middle: bool,
    pub(super) left: bool,
    __: bool,
    pub(super) scaling_2_1: bool,
    pub(super) enabled: bool,
    pub(super) remote: bool,
    __: bool,
}

/// First byte of a report.
#[bitfield(u8)]
pub(super) struct Report {
    pub(super) left: bool,
    pub(super) right: bool,
    pub(super) middle: bool,
    pub(super) one: bool,
    pub(super) x_negative: bool,
    pub(super) y_negative: bool,
    pub(super) x_overflow: bool,
    pub(super) y_overflow: bool,
}

/// Fourth byte of a report of a mouse with five buttons.
#[bitfield(u8)]
pub(super) struct ReportExtra {
    #[bits(4)]
    pub(super) wheel: u8,
    pub(super) fourth: bool,
    pub(super) fifth: bool,
    #[bits(2)]
    __: u8,
}
