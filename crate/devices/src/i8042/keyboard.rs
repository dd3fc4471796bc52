//! A PS/2 keyboard of 101 keys and more.
//!
//! Keys wait in a queue until the keyboard's own buffer of 16 bytes has room, so that a program
//! that types fast loses nothing; a key that is held repeats as the guest has set it.

use super::channel::{Channel, ChannelV1};
use super::scan_codes::{self, KeyType, LONGEST, Modifiers, ScanSet};
use super::spec::{KeyboardCommand, Typematic, reply};
use bus::Time;
use host::KeyCode;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The keyboard's own buffer, in bytes.
const BUFFER: usize = 16;
/// Keys going down that wait; more are refused. Each may be followed by its release.
const DOWNS: usize = 512;
/// A byte on the wire. (A real one takes about a millisecond.)
const BYTE_NS: u32 = 60_000;
/// The basic assurance test. (A real one takes about half a second.)
const BAT_NS: u32 = 10_000_000;

/// A set of bytes: of key numbers, or of codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 != 0)
    }

    fn set(&mut self, byte: u8, member: bool) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            let mask = 1 << (byte & 63);
            *word = if member { *word | mask } else { *word & !mask };
        }
    }
}

/// The lamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leds {
    /// Scroll lock.
    pub scroll_lock: bool,
    /// Num lock.
    pub num_lock: bool,
    /// Caps lock.
    pub caps_lock: bool,
}

/// A key that is held and repeats.
#[derive(Clone, Copy, Debug)]
struct Repeat {
    code: KeyCode,
    /// When it does next.
    at: Time,
    /// For how long the user still has to hold it, in ns, for [`Keyboard::listened`].
    hold: u64,
    /// It has just gone down: when, in the host's time, is not known.
    new: bool,
}

#[derive(Debug)]
pub(super) struct Keyboard {
    pub(super) out: Channel,
    // What the user does.
    /// Keys the user holds.
    held: ByteSet,
    /// Keys not yet looked at.
    waiting: VecDeque<(KeyCode, bool)>,
    /// Keys held as far as the keyboard has looked.
    pressed: ByteSet,
    repeat: Option<Repeat>,
    // What the guest has set.
    set: ScanSet,
    leds: u8,
    typematic: Typematic,
    scanning: bool,
    /// The command whose parameter comes next.
    awaiting: Option<u8>,
    /// Set 3: codes that repeat and codes that say they are released.
    repeats: ByteSet,
    breaks: ByteSet,
}

impl Keyboard {
    pub(super) fn new() -> Self {
        let mut keyboard = Self {
            out: Channel::new(),
            held: ByteSet::default(),
            waiting: VecDeque::new(),
            pressed: ByteSet::default(),
            repeat: None,
            set: ScanSet::Two,
            leds: 0,
            typematic: Typematic::DEFAULT,
            scanning: true,
            awaiting: None,
            repeats: ByteSet::default(),
            breaks: ByteSet::default(),
        };
        keyboard.set_defaults();
        keyboard
    }

    /// Power was off: only what the user holds stays.
    pub(super) fn reset(&mut self) {
        let Self {
            out: _,
            held,
            waiting: _,
            pressed: _,
            repeat: _,
            set: _,
            leds: _,
            typematic: _,
            scanning: _,
            awaiting: _,
            repeats: _,
            breaks: _,
        } = *self;
        *self = Self { held, pressed: held, ..Self::new() };
    }

    pub(super) const fn leds(&self) -> Leds {
        Leds { scroll_lock: self.leds & 1 != 0, num_lock: self.leds & 2 != 0, caps_lock: self.leds & 4 != 0 }
    }

    /// The user's key. Repeats of the host are left out; false if too many wait.
    pub(super) fn key(&mut self, code: KeyCode, down: bool) -> bool {
        if self.held.contains(code.number()) == down {
            return true;
        }
        if down && self.waiting.len() >= DOWNS {
            return false;
        }
        self.held.set(code.number(), down);
        self.waiting.push_back((code, down));
        true
    }

    /// Takes waiting keys while the buffer has room, and repeats.
    pub(super) fn advance(&mut self, now: Time) {
        while self.out.data_len() + LONGEST <= BUFFER
            && let Some((code, down)) = self.waiting.pop_front()
        {
            self.scan(now, code, down);
        }
        // A repeat that nobody has read yet is enough.
        if let Some(Repeat { code, at, .. }) = self.repeat
            && at <= now
            && self.out.is_empty()
        {
            self.send(now, code, true);
            let hold = self.typematic.period_ns();
            self.repeat = Some(Repeat { code, at: now.after(hold), hold, new: false });
        }
    }

    /// As [`super::I8042::listened`].
    pub(super) fn listened(&mut self, now: Time, ns: u64) {
        if let Some(repeat) = &mut self.repeat {
            if !std::mem::take(&mut repeat.new) {
                repeat.hold = repeat.hold.saturating_sub(ns);
            }
            repeat.at = now.after(repeat.hold);
        }
    }

    /// When [`Keyboard::advance`] has something to do by itself.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.repeat.filter(|_| self.out.is_empty()).map(|repeat| repeat.at)
    }

    fn scan(&mut self, now: Time, code: KeyCode, down: bool) {
        self.pressed.set(code.number(), down);
        if !self.scanning {
            return;
        }
        if down {
            let repeats = self.key_type(code).typematic && code != KeyCode::Pause;
            let hold = self.typematic.delay_ns();
            self.repeat = repeats.then(|| Repeat { code, at: now.after(hold), hold, new: true });
        } else if self.repeat.is_some_and(|repeat| repeat.code == code) {
            self.repeat = None;
        }
        if down || self.key_type(code).breaks {
            self.send(now, code, down);
        }
    }

    fn send(&mut self, now: Time, code: KeyCode, down: bool) {
        let any = |codes: [KeyCode; 2]| codes.iter().any(|code| self.pressed.contains(code.number()));
        let modifiers = Modifiers {
            shift: any([KeyCode::ShiftLeft, KeyCode::ShiftRight]),
            control: any([KeyCode::ControlLeft, KeyCode::ControlRight]),
            alt: any([KeyCode::AltLeft, KeyCode::AltRight]),
        };
        self.out.send(now, &scan_codes::sequence(self.set, code, down, modifiers), BYTE_NS);
    }

    fn key_type(&self, code: KeyCode) -> KeyType {
        match (self.set, scan_codes::set_3(code)) {
            (ScanSet::Three, Some(code)) => {
                KeyType { typematic: self.repeats.contains(code), breaks: self.breaks.contains(code) }
            }
            _ => KeyType::ALL,
        }
    }

    fn set_type(&mut self, code: u8, key_type: KeyType) {
        self.repeats.set(code, key_type.typematic);
        self.breaks.set(code, key_type.breaks);
    }

    fn set_all_types(&mut self, key_type: impl Fn(u8) -> KeyType) {
        for code in 0..=u8::MAX {
            self.set_type(code, key_type(code));
        }
    }

    fn set_defaults(&mut self) {
        self.typematic = Typematic::DEFAULT;
        self.repeat = None;
        self.set_all_types(KeyType::default_of);
    }

    fn reply(&mut self, now: Time, byte: u8) {
        self.out.reply(now, byte, BYTE_NS);
    }

    /// A byte from the guest.
    pub(super) fn write(&mut self, now: Time, value: u8) {
        // Any command ends the wait for a parameter.
        let awaiting = self.awaiting.take().map(KeyboardCommand);
        match awaiting {
            Some(command) if value < KeyboardCommand::SET_LEDS.0 => self.parameter(now, command, value),
            _ => self.command(now, KeyboardCommand(value)),
        }
    }

    fn command(&mut self, now: Time, command: KeyboardCommand) {
        match command {
            KeyboardCommand::ECHO => return self.reply(now, reply::ECHO),
            KeyboardCommand::RESEND => return self.reply(now, self.out.last()),
            KeyboardCommand::SET_LEDS
            | KeyboardCommand::SELECT_SCAN_SET
            | KeyboardCommand::SET_TYPEMATIC
            | KeyboardCommand::KEY_TYPEMATIC
            | KeyboardCommand::KEY_MAKE_BREAK
            | KeyboardCommand::KEY_MAKE => self.awaiting = Some(command.0),
            KeyboardCommand::READ_ID => {
                self.reply(now, reply::ACK);
                for byte in reply::KEYBOARD_ID {
                    self.reply(now, byte);
                }
                return;
            }
            KeyboardCommand::ENABLE => {
                self.out.clear();
                self.scanning = true;
            }
            KeyboardCommand::DEFAULT_DISABLE => {
                self.out.clear();
                self.set_defaults();
                self.scanning = false;
            }
            KeyboardCommand::SET_DEFAULT => {
                self.out.clear();
                self.set_defaults();
            }
            KeyboardCommand::ALL_TYPEMATIC => self.set_all_types(|_| KeyType::TYPEMATIC),
            KeyboardCommand::ALL_MAKE_BREAK => self.set_all_types(|_| KeyType::MAKE_BREAK),
            KeyboardCommand::ALL_MAKE => self.set_all_types(|_| KeyType::MAKE),
            KeyboardCommand::ALL_TYPEMATIC_MAKE_BREAK => self.set_all_types(|_| KeyType::ALL),
            KeyboardCommand::RESET => {
                self.out.clear();
                self.set_defaults();
                self.set = ScanSet::Two;
                self.leds = 0;
                self.scanning = true;
                self.reply(now, reply::ACK);
                self.out.reply(now, reply::BAT_PASSED, BAT_NS);
                return;
            }
            _ => return self.reply(now, reply::RESEND),
        }
        self.reply(now, reply::ACK);
    }

    fn parameter(&mut self, now: Time, command: KeyboardCommand, value: u8) {
        self.reply(now, reply::ACK);
        match (command, value) {
            (KeyboardCommand::SET_LEDS, _) => self.leds = value & 7,
            (KeyboardCommand::SET_TYPEMATIC, _) => self.typematic = Typematic::from_bits(value & 0x7F),
            (KeyboardCommand::SELECT_SCAN_SET, 0) => self.reply(now, self.set as u8),
            (KeyboardCommand::SELECT_SCAN_SET, 1) => self.set = ScanSet::One,
            (KeyboardCommand::SELECT_SCAN_SET, 2) => self.set = ScanSet::Two,
            (KeyboardCommand::SELECT_SCAN_SET, 3) => self.set = ScanSet::Three,
            // Any number of keys may follow; the next command ends the list.
            (KeyboardCommand::KEY_TYPEMATIC, code) => {
                self.set_type(code, KeyType::TYPEMATIC);
                self.awaiting = Some(command.0);
            }
            (KeyboardCommand::KEY_MAKE_BREAK, code) => {
                self.set_type(code, KeyType::MAKE_BREAK);
                self.awaiting = Some(command.0);
            }
            (KeyboardCommand::KEY_MAKE, code) => {
                self.set_type(code, KeyType::MAKE);
                self.awaiting = Some(command.0);
            }
            _ => {}
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct KeyboardV1 {
    out: ChannelV1,
    held: ByteSet,
    waiting: Vec<(u8, bool)>,
    pressed: ByteSet,
    repeat: Option<(u8, u64)>,
    set: ScanSet,
    leds: u8,
    typematic: u8,
    scanning: bool,
    awaiting: Option<u8>,
    repeats: ByteSet,
    breaks: ByteSet,
}

impl Keyboard {
    pub(super) fn save(&self) -> KeyboardV1 {
        let Self {
            out,
            held,
            waiting,
            pressed,
            repeat,
            set,
            leds,
            typematic,
            scanning,
            awaiting,
            repeats,
            breaks,
        } = self;
        KeyboardV1 {
            out: out.save(),
            held: *held,
            waiting: waiting.iter().map(|(code, down)| (code.number(), *down)).collect(),
            pressed: *pressed,
            repeat: repeat.map(|repeat| (repeat.code.number(), repeat.at.0)),
            set: *set,
            leds: *leds,
            typematic: typematic.into_bits(),
            scanning: *scanning,
            awaiting: *awaiting,
            repeats: *repeats,
            breaks: *breaks,
        }
    }

    /// The live state, or nothing if it cannot be one.
    pub(super) fn restored(saved: KeyboardV1) -> Option<Self> {
        let KeyboardV1 {
            out,
            held,
            waiting,
            pressed,
            repeat,
            set,
            leds,
            typematic,
            scanning,
            awaiting,
            repeats,
            breaks,
        } = saved;
        if waiting.len() > 2 * DOWNS {
            return None;
        }
        let key = |(number, down)| Some((KeyCode::from_number(number)?, down));
        let typematic = Typematic::from_bits(typematic);
        Some(Self {
            out: Channel::restored(out, BUFFER)?,
            held,
            waiting: waiting.into_iter().map(key).collect::<Option<_>>()?,
            pressed,
            repeat: match repeat {
                Some((number, at)) => {
                    let (code, hold) = (KeyCode::from_number(number)?, typematic.period_ns());
                    Some(Repeat { code, at: Time(at), hold, new: true })
                }
                None => None,
            },
            set,
            leds,
            typematic,
            scanning,
            awaiting,
            repeats,
            breaks,
        })
    }
}
