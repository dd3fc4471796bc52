//! What the user does with keyboard and mouse.
//!
//! Keys are named by where they are, not by what they print: the `code` values of the W3C
//! recommendation "UI Events KeyboardEvent code Values", section 3. The guest's own keyboard layout decides
//! what a key means, as on a real PC.

use crate::Tape;

/// Something the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key went down or up. Hosts do not send repeats: the keyboard repeats by itself.
    Key {
        /// Which key.
        code: KeyCode,
        /// Down or up.
        down: bool,
    },
    /// The mouse moved or its buttons changed.
    Mouse {
        /// Counts to the right.
        dx: i32,
        /// Counts towards the user (down the screen).
        dy: i32,
        /// Notches towards the user (scroll down).
        wheel: i32,
        /// The buttons held now.
        buttons: MouseButtons,
    },
}

/// The mouse buttons held, one bit each, as in `MouseEvent.buttons`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MouseButtons(pub u8);

impl MouseButtons {
    /// No button.
    pub const NONE: Self = Self(0);
    /// The left button.
    pub const LEFT: Self = Self(1);
    /// The right button.
    pub const RIGHT: Self = Self(2);
    /// The middle button or wheel.
    pub const MIDDLE: Self = Self(4);
    /// The fourth button ("back").
    pub const BACK: Self = Self(8);
    /// The fifth button ("forward").
    pub const FORWARD: Self = Self(16);

    /// True if all of `other` are held.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Writes the enum, its list and its names from one table.
macro_rules! key_codes {
    ($($name:ident),* $(,)?) => {
        /// A key by its position; the names are those of the W3C recommendation. The order is kept:
        /// a key's [`KeyCode::number`] is stored in snapshots, new keys go to the end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "the names are the standard's; each says which key it is")]
        pub enum KeyCode { $($name),* }

        impl KeyCode {
            /// All keys, by number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The standard's name, such as `"KeyA"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }

            /// The key of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }
        }
    };
}

key_codes! {
    // 3.1.1 writing system keys
    Backquote, Backslash, BracketLeft, BracketRight, Comma, Digit0, Digit1, Digit2, Digit3, Digit4, Digit5,
    Digit6, Digit7, Digit8, Digit9, Equal, IntlBackslash, IntlRo, IntlYen, KeyA, KeyB, KeyC, KeyD, KeyE, KeyF,
    KeyG, KeyH, KeyI, KeyJ, KeyK, KeyL, KeyM, KeyN, KeyO, KeyP, KeyQ, KeyR, KeyS, KeyT, KeyU, KeyV, KeyW, KeyX,
    KeyY, KeyZ, Minus, Period, Quote, Semicolon, Slash,
    // 3.1.2 functional keys
    AltLeft, AltRight, Backspace, CapsLock, ContextMenu, ControlLeft, ControlRight, Enter, MetaLeft, MetaRight,
    ShiftLeft, ShiftRight, Space, Tab, Convert, KanaMode, Lang1, Lang2, Lang3, Lang4, Lang5, NonConvert,
    // 3.2 control pad, 3.3 arrow pad
    Delete, End, Help, Home, Insert, PageDown, PageUp, ArrowDown, ArrowLeft, ArrowRight, ArrowUp,
    // 3.4 numpad
    NumLock, Numpad0, Numpad1, Numpad2, Numpad3, Numpad4, Numpad5, Numpad6, Numpad7, Numpad8, Numpad9,
    NumpadAdd, NumpadComma, NumpadDecimal, NumpadDivide, NumpadEnter, NumpadEqual, NumpadMultiply,
    NumpadSubtract,
    // 3.5 function section
    Escape, F1, F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12, F13, F14, F15, F16, F17, F18, F19, F20, F21,
    F22, F23, F24, PrintScreen, ScrollLock, Pause,
    // 3.6 media keys
    BrowserBack, BrowserFavorites, BrowserForward, BrowserHome, BrowserRefresh, BrowserSearch, BrowserStop,
    LaunchApp1, LaunchApp2, LaunchMail, MediaPlayPause, MediaSelect, MediaStop, MediaTrackNext,
    MediaTrackPrevious, Power, Sleep, AudioVolumeDown, AudioVolumeMute, AudioVolumeUp, WakeUp,
}

impl KeyCode {
    /// The key's number, for snapshots and for crossing to the host.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The key of that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Gives what the user did, in order.
pub trait Input {
    /// The next event, if there is one.
    fn poll(&mut self) -> Option<InputEvent>;
}

/// Nobody there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Input for Null {
    fn poll(&mut self) -> Option<InputEvent> {
        None
    }
}

/// A queue of events; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    events: Tape<InputEvent>,
}

impl Memory {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event.
    pub fn push(&self, event: InputEvent) {
        self.events.push(event);
    }

    /// Adds a key going down and up again.
    pub fn tap(&self, code: KeyCode) {
        self.push(InputEvent::Key { code, down: true });
        self.push(InputEvent::Key { code, down: false });
    }
}

impl Input for Memory {
    fn poll(&mut self) -> Option<InputEvent> {
        self.events.pop()
    }
}

/// Notes every event and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<I> {
    inner: I,
    tape: Tape<InputEvent>,
}

impl<I: Input> Recording<I> {
    /// Records what comes from `inner`.
    #[must_use]
    pub fn new(inner: I) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The events given.
    #[must_use]
    pub fn tape(&self) -> Tape<InputEvent> {
        self.tape.clone()
    }
}

impl<I: Input> Input for Recording<I> {
    fn poll(&mut self) -> Option<InputEvent> {
        let event = self.inner.poll()?;
        self.tape.push(event);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back_to_the_key() {
        for (number, &code) in KeyCode::ALL.iter().enumerate() {
            assert_eq!(usize::from(code.number()), number);
            assert_eq!(KeyCode::from_number(code.number()), Some(code));
            assert_eq!(KeyCode::from_name(code.name()), Some(code));
        }
        assert_eq!(KeyCode::from_name("Key"), None);
        assert_eq!(KeyCode::from_number(u8::MAX), None);
    }

    #[test]
    fn numbers_are_those_that_snapshots_have() {
        assert_eq!(KeyCode::Backquote.number(), 0);
        assert_eq!(KeyCode::KeyA.number(), 19);
        assert_eq!(KeyCode::Escape.number(), 102);
        assert_eq!(KeyCode::WakeUp.number(), 150);
    }

    #[test]
    fn events_come_in_order() {
        let user = Memory::new();
        let mut input = Recording::new(user.clone());
        user.tap(KeyCode::Enter);
        user.push(InputEvent::Mouse { dx: 1, dy: -1, wheel: 0, buttons: MouseButtons::LEFT });
        assert_eq!(input.poll(), Some(InputEvent::Key { code: KeyCode::Enter, down: true }));
        assert_eq!(input.poll(), Some(InputEvent::Key { code: KeyCode::Enter, down: false }));
        assert!(matches!(input.poll(), Some(InputEvent::Mouse { dx: 1, .. })));
        assert_eq!(input.poll(), None);
        assert_eq!(input.tape().len(), 3);
        assert_eq!(Null.poll(), None);
        assert!(MouseButtons(5).contains(MouseButtons::MIDDLE));
    }
}
