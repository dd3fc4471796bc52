//! Keyboard controller 8042, with a PS/2 keyboard and a PS/2 mouse plugged in.
//!
//! IBM Personal System/2 Hardware Interface Technical Reference (May 1988), "Keyboard and auxiliary device
//! controller". `spec` has the registers, `keyboard` and `mouse` what is at the cables' ends, `scan_codes`
//! the keys, `channel` the timing.
//!
//! Time. A byte that the guest writes is taken at once (IBF is never seen set), but an answer takes
//! its time: the next byte enters the output buffer some microseconds after the last was read, and
//! its wire rises then, not earlier. Drivers that clear what is there before they ask, or turn interrupts on
//! between asking and answer, so find what they find on hardware. Controller answers go before the
//! keyboard's, those before the mouse's.
//!
//! The wires: 1 and 12 are high while the byte to read is the keyboard's (or the controller's) or the mouse's
//! and its interrupt is on. A20 is a level that the board joins with port 92h's; reset is a pulse.
//!
//! Not here: the fake shifts that some keyboards put around cursor keys in sets 1 and 2 while num lock or
//! shift is on; passwords (none is loaded); the polling commands C1h and C2h; the mouse's resolution changes
//! what is reported of it, not its counts.

mod channel;
mod keyboard;
mod mouse;
mod scan_codes;
mod spec;

pub use keyboard::Leds;

use bus::{Clock, Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Time};
use bus::{Timer, Width};
use channel::{Channel, ChannelV1};
use host::KeyCode;
use host::input::MouseButtons;
use keyboard::{Keyboard, KeyboardV1};
use mouse::{Mouse, MouseV1};
use serde::{Deserialize, Serialize};
use spec::{Command, CommandByte, OutputPort, Status, answer};

/// An answer of the controller itself.
const ANSWER_NS: u32 = 10_000;
/// From one byte being read to the next entering the output buffer.
const GAP_NS: u64 = 20_000;
/// Bytes of the controller's RAM.
const RAM: usize = 32;

/// Who sent the byte in the output buffer, as far as the guest can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    /// The keyboard or the controller.
    Keyboard,
    Aux,
}

/// The wires the controller drives.
#[derive(Clone, Debug)]
pub struct Wires {
    /// IRQ 1.
    pub keyboard: Line,
    /// IRQ 12.
    pub mouse: Line,
    /// A pulse resets the processor.
    pub reset: Line,
    /// High lets address line 20 through.
    pub a20: Line,
}

/// The regions, in the order of [`Device::regions`].
const REGIONS: [Region; 2] = [Region { name: "data", len: 1 }, Region { name: "command", len: 1 }];

/// The controller and its two devices.
#[derive(Debug)]
pub struct I8042 {
    // Glue.
    wires: Wires,
    clock: Clock,
    // Parts.
    keyboard: Keyboard,
    mouse: Mouse,
    // Controller.
    /// RAM but byte 0, which is the command byte.
    ram: [u8; RAM],
    command_byte: CommandByte,
    /// The last byte written was a command.
    last_was_command: bool,
    /// The command whose byte comes next at the data port.
    awaiting: Option<u8>,
    /// Translation has seen the prefix of a released key.
    releasing: bool,
    answers: Channel,
    // Output buffer.
    full: Option<Source>,
    byte: u8,
    /// No next byte sooner.
    next_byte: Time,
}

impl I8042 {
    /// A controller with a keyboard and a mouse. A20 is open, as firmware leaves it.
    #[must_use]
    pub fn new(wires: Wires, clock: Clock) -> Self {
        let mut controller = Self {
            wires,
            clock,
            keyboard: Keyboard::new(),
            mouse: Mouse::new(),
            ram: [0; RAM],
            command_byte: Self::POWER_ON,
            last_was_command: false,
            awaiting: None,
            releasing: false,
            answers: Channel::new(),
            full: None,
            byte: 0,
            next_byte: Time(0),
        };
        controller.wires.a20.set(true);
        controller.update_irq();
        controller
    }

    /// Self-test passed, keyboard on and translated, both interrupts off: what a system without firmware
    /// would want to find.
    const POWER_ON: CommandByte = CommandByte::new().with_sys(true).with_translate(true);

    /// A key goes down or up. False if too many wait already.
    pub fn key(&mut self, code: KeyCode, down: bool) -> bool {
        let taken = self.keyboard.key(code, down);
        self.advance();
        taken
    }

    /// The host has listened to the user: it is now `now`, and since it last did, `ns` have passed in which it would have heard of
    /// a key's release. A key that is held repeats by that time, so that no host that stood still for a while, with the
    /// release on its way, makes a tap look held. Who never calls this has keys repeat by the clock.
    pub fn listened(&mut self, now: Time, ns: u64) {
        self.keyboard.listened(now, ns);
    }

    /// The mouse moves: right, down and towards the user (scrolling down) are positive.
    pub fn mouse(&mut self, dx: i32, dy: i32, wheel: i32, buttons: MouseButtons) {
        self.mouse.moved(dx, dy, wheel, buttons);
        self.advance();
    }

    /// The lamps on the keyboard.
    #[must_use]
    pub const fn leds(&self) -> Leds {
        self.keyboard.leds()
    }

    /// When each sender that may send has its next byte, in order of priority.
    fn senders(&self) -> [Option<Time>; 3] {
        let on = |off: bool, ready: Option<Time>| ready.filter(|_| !off).map(|at| at.max(self.next_byte));
        [
            on(false, self.answers.ready()),
            on(self.command_byte.keyboard_off(), self.keyboard.out.ready()),
            on(self.command_byte.aux_off(), self.mouse.out.ready()),
        ]
    }

    /// Brings devices and output buffer up to now.
    fn advance(&mut self) {
        let now = self.clock.now();
        self.keyboard.advance(now);
        self.mouse.advance(now);
        while self.full.is_none() {
            let ready = self.senders().map(|at| at.is_some_and(|at| at <= now));
            match ready {
                [true, ..] => self.fill_from_controller(now),
                [_, true, _] => self.fill_from_keyboard(now),
                [_, _, true] => self.fill_from_mouse(now),
                _ => break,
            }
        }
        // What was taken may have made room for the next key or report.
        self.keyboard.advance(now);
        self.mouse.advance(now);
        self.update_irq();
    }

    fn fill_from_controller(&mut self, now: Time) {
        if let Some(byte) = self.answers.take(now) {
            self.fill(byte, Source::Keyboard);
        }
    }

    fn fill_from_keyboard(&mut self, now: Time) {
        let Some(byte) = self.keyboard.out.take(now) else { return };
        if !self.command_byte.translate() {
            self.fill(byte, Source::Keyboard);
        } else if byte == scan_codes::BREAK {
            self.releasing = true;
        } else {
            let released = if std::mem::take(&mut self.releasing) { 0x80 } else { 0 };
            self.fill(scan_codes::translate(byte) | released, Source::Keyboard);
        }
    }

    fn fill_from_mouse(&mut self, now: Time) {
        if let Some(byte) = self.mouse.out.take(now) {
            self.fill(byte, Source::Aux);
        }
    }

    fn fill(&mut self, byte: u8, source: Source) {
        self.byte = byte;
        self.full = Some(source);
    }

    fn update_irq(&mut self) {
        let Wires { keyboard, mouse, reset: _, a20: _ } = &self.wires;
        keyboard.set(self.full == Some(Source::Keyboard) && self.command_byte.keyboard_interrupt());
        mouse.set(self.full == Some(Source::Aux) && self.command_byte.aux_interrupt());
    }

    fn status(&self) -> u8 {
        Status::new()
            .with_obf(self.full.is_some())
            .with_sys(self.command_byte.sys())
            .with_command(self.last_was_command)
            .with_unlocked(true)
            .with_aux(self.full == Some(Source::Aux))
            .into_bits()
    }

    fn read_data(&mut self) -> u8 {
        if self.full.take().is_some() {
            self.next_byte = self.clock.now().after(GAP_NS);
        }
        self.byte
    }

    fn answer(&mut self, byte: u8) {
        self.answers.reply(self.clock.now(), byte, ANSWER_NS);
    }

    fn write_command(&mut self, value: u8) {
        self.last_was_command = true;
        self.awaiting = None;
        match Command(value) {
            Command(Command::READ_RAM_FIRST..=Command::READ_RAM_LAST) => {
                let byte = self.read_ram(value);
                self.answer(byte);
            }
            Command(Command::WRITE_RAM_FIRST..=Command::WRITE_RAM_LAST)
            | Command::LOAD_PASSWORD
            | Command::WRITE_OUTPUT_PORT
            | Command::WRITE_KEYBOARD_BUFFER
            | Command::WRITE_AUX_BUFFER
            | Command::WRITE_AUX => self.awaiting = Some(value),
            Command::TEST_PASSWORD => self.answer(answer::NO_PASSWORD),
            Command::DISABLE_AUX => self.command_byte.set_aux_off(true),
            Command::ENABLE_AUX => self.command_byte.set_aux_off(false),
            Command::TEST_AUX | Command::TEST_KEYBOARD => self.answer(answer::INTERFACE_PASSED),
            Command::SELF_TEST => {
                // The test begins by emptying the buffer, and ends with the system flag set.
                self.answers.clear();
                self.full = None;
                self.command_byte.set_sys(true);
                self.answer(answer::SELF_TEST_PASSED);
            }
            Command::DISABLE_KEYBOARD => self.command_byte.set_keyboard_off(true),
            Command::ENABLE_KEYBOARD => self.command_byte.set_keyboard_off(false),
            Command::READ_INPUT_PORT => self.answer(answer::INPUT_PORT),
            Command::READ_OUTPUT_PORT => {
                let byte = self.output_port();
                self.answer(byte);
            }
            Command::A20_OFF => self.wires.a20.set(false),
            Command::A20_ON => self.wires.a20.set(true),
            Command::READ_TEST_INPUTS => self.answer(answer::TEST_INPUTS),
            // Only the reset bit can be pulsed: A20 is latched on a PC.
            Command(Command::PULSE_FIRST..) if !OutputPort::from_bits(value).not_reset() => {
                self.wires.reset.pulse();
            }
            _ => {} // "enable password" without a password, and what is no command
        }
    }

    fn write_data(&mut self, value: u8) {
        self.last_was_command = false;
        let now = self.clock.now();
        match self.awaiting.take().map(Command) {
            None => {
                // Talking to the keyboard switches it on.
                self.command_byte.set_keyboard_off(false);
                self.keyboard.write(now, value);
            }
            Some(Command(command @ Command::WRITE_RAM_FIRST..=Command::WRITE_RAM_LAST)) => {
                self.write_ram(command, value);
            }
            Some(Command::WRITE_OUTPUT_PORT) => {
                let port = OutputPort::from_bits(value);
                self.wires.a20.set(port.a20());
                if !port.not_reset() {
                    self.wires.reset.pulse();
                }
            }
            // As if a device had sent it, and without a wait.
            Some(Command::WRITE_KEYBOARD_BUFFER) => self.fill(value, Source::Keyboard),
            Some(Command::WRITE_AUX_BUFFER) => self.fill(value, Source::Aux),
            Some(Command::WRITE_AUX) => {
                self.command_byte.set_aux_off(false);
                self.mouse.write(now, value);
            }
            // A password ends with a zero.
            Some(Command::LOAD_PASSWORD) if value != 0 => self.awaiting = Some(Command::LOAD_PASSWORD.0),
            _ => {}
        }
    }

    fn read_ram(&self, command: u8) -> u8 {
        match usize::from(command) % RAM {
            0 => self.command_byte.into_bits(),
            index => self.ram.get(index).copied().unwrap_or(0),
        }
    }

    fn write_ram(&mut self, command: u8, value: u8) {
        match usize::from(command) % RAM {
            0 => self.command_byte = CommandByte::from_bits(value & 0x77),
            index => {
                if let Some(byte) = self.ram.get_mut(index) {
                    *byte = value;
                }
            }
        }
    }

    fn output_port(&self) -> u8 {
        OutputPort::new()
            .with_not_reset(true)
            .with_a20(self.wires.a20.level())
            .with_aux_data(true)
            .with_aux_clock(!self.command_byte.aux_off())
            .with_keyboard_interrupt(self.full == Some(Source::Keyboard))
            .with_aux_interrupt(self.full == Some(Source::Aux))
            .with_keyboard_clock(!self.command_byte.keyboard_off())
            .with_keyboard_data(true)
            .into_bits()
    }
}

impl Device for I8042 {
    fn reset(&mut self) {
        let Self {
            wires,
            clock: _,
            keyboard,
            mouse,
            ram,
            command_byte,
            last_was_command,
            awaiting,
            releasing,
            answers,
            full,
            byte,
            next_byte,
        } = self;
        wires.a20.set(true);
        keyboard.reset();
        mouse.reset();
        *ram = [0; RAM];
        *command_byte = Self::POWER_ON;
        *last_was_command = false;
        *awaiting = None;
        *releasing = false;
        answers.clear();
        *full = None;
        *byte = 0;
        *next_byte = Time(0);
        self.update_irq();
    }

    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }

    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }

    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
}

impl PortIo for I8042 {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if region > 1 || offset > 0 {
            return Err(IoError::NoRegister);
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let value = if region == 0 { self.read_data() } else { self.status() };
        self.advance();
        Ok(value.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if region > 1 || offset > 0 {
            return Err(IoError::NoRegister);
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let value = value as u8;
        if region == 0 {
            self.write_data(value);
        } else {
            self.write_command(value);
        }
        self.advance();
        Ok(())
    }
}

impl Timer for I8042 {
    fn deadline(&self) -> Option<Time> {
        let bytes = if self.full.is_some() { [None; 3] } else { self.senders() };
        let byte = bytes.into_iter().flatten().min();
        [byte, self.keyboard.deadline(), self.mouse.deadline()].into_iter().flatten().min()
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct I8042V1 {
    a20: bool,
    keyboard: KeyboardV1,
    mouse: MouseV1,
    ram: [u8; RAM],
    command_byte: u8,
    last_was_command: bool,
    awaiting: Option<u8>,
    releasing: bool,
    answers: ChannelV1,
    full: Option<Source>,
    byte: u8,
    next_byte: u64,
}

const PART: &str = "i8042";

impl Snapshot for I8042 {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self {
            wires,
            clock: _,
            keyboard,
            mouse,
            ram,
            command_byte,
            last_was_command,
            awaiting,
            releasing,
            answers,
            full,
            byte,
            next_byte,
        } = self;
        bus::encode(&I8042V1 {
            a20: wires.a20.level(),
            keyboard: keyboard.save(),
            mouse: mouse.save(),
            ram: *ram,
            command_byte: command_byte.into_bits(),
            last_was_command: *last_was_command,
            awaiting: *awaiting,
            releasing: *releasing,
            answers: answers.save(),
            full: *full,
            byte: *byte,
            next_byte: next_byte.0,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let I8042V1 {
            a20,
            keyboard,
            mouse,
            ram,
            command_byte,
            last_was_command,
            awaiting,
            releasing,
            answers,
            full,
            byte,
            next_byte,
        } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| SnapshotError::Invalid { part: PART, why };
        let keyboard = Keyboard::restored(keyboard).ok_or(invalid("a keyboard in no possible state"))?;
        let mouse = Mouse::restored(mouse).ok_or(invalid("a mouse in no possible state"))?;
        let answers = Channel::restored(answers, 0).ok_or(invalid("answers in no possible state"))?;
        self.keyboard = keyboard;
        self.mouse = mouse;
        self.answers = answers;
        self.ram = ram;
        self.command_byte = CommandByte::from_bits(command_byte & 0x77);
        self.last_was_command = last_was_command;
        self.awaiting = awaiting;
        self.releasing = releasing;
        self.full = full;
        self.byte = byte;
        self.next_byte = Time(next_byte);
        self.wires.a20.set(a20);
        self.update_irq();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
