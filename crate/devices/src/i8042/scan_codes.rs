//! What each key sends, in the three scan code sets.
//!
//! IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards", "Scan code set 1" to 3; keys
//! that are younger than that: Microsoft, "Keyboard Scan Code Specification", revision 1.3a (2000).

use host::KeyCode;
use serde::{Deserialize, Serialize};

/// Which codes a keyboard sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ScanSet {
    One = 1,
    Two = 2,
    Three = 3,
}

/// When a key in set 3 sends ("Scan code set 3": default key types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyType {
    /// Repeats.
    pub(super) typematic: bool,
    /// Says that it is released.
    pub(super) breaks: bool,
}

impl KeyType {
    pub(super) const TYPEMATIC: Self = Self { typematic: true, breaks: false };
    pub(super) const MAKE_BREAK: Self = Self { typematic: false, breaks: true };
    pub(super) const MAKE: Self = Self { typematic: false, breaks: false };
    pub(super) const ALL: Self = Self { typematic: true, breaks: true };

    /// The type that a set 3 code has by default.
    pub(super) const fn default_of(code: u8) -> Self {
        match code {
            // Both shifts, left control, left alt, caps lock.
            0x11 | 0x12 | 0x14 | 0x19 | 0x59 => Self::MAKE_BREAK,
            // Right control and alt, Windows keys, escape, function keys, print screen, scroll lock, pause.
            0x58
            | 0x39
            | 0x8B..=0x8D
            | 0x08
            | 0x07
            | 0x0F
            | 0x17
            | 0x1F
            | 0x27
            | 0x2F
            | 0x37
            | 0x3F
            | 0x47 => Self::MAKE,
            0x4F | 0x56 | 0x5E | 0x57 | 0x5F | 0x62 => Self::MAKE,
            // Insert, home, page up, end, page down; the keypad but plus.
            0x67 | 0x6E | 0x6F | 0x65 | 0x6D => Self::MAKE,
            0x76 | 0x77 | 0x7E | 0x84 | 0x6C | 0x75 | 0x7D | 0x6B | 0x73 | 0x74 | 0x69 | 0x72 | 0x7A
            | 0x70 => Self::MAKE,
            0x71 | 0x79 => Self::MAKE,
            _ => Self::TYPEMATIC,
        }
    }
}

/// A key's codes; the high byte of sets 1 and 2 is the prefix E0h or nothing.
struct Key {
    code: KeyCode,
    set_1: u16,
    set_2: u16,
    /// 0: the key does not exist in set 3.
    set_3: u8,
}

macro_rules! keys {
    ($($code:ident $set_1:literal $set_2:literal $set_3:literal),* $(,)?) => {
        const KEYS: &[Key] =
            &[$(Key { code: KeyCode::$code, set_1: $set_1, set_2: $set_2, set_3: $set_3 }),*];
    };
}

// Print screen and pause are no rows: what they send depends on what else is held.
keys! {
    Backquote 0x29 0x0E 0x0E, Digit1 0x02 0x16 0x16, Digit2 0x03 0x1E 0x1E, Digit3 0x04 0x26 0x26,
    Digit4 0x05 0x25 0x25, Digit5 0x06 0x2E 0x2E, Digit6 0x07 0x36 0x36, Digit7 0x08 0x3D 0x3D,
    Digit8 0x09 0x3E 0x3E, Digit9 0x0A 0x46 0x46, Digit0 0x0B 0x45 0x45, Minus 0x0C 0x4E 0x4E,
    Equal 0x0D 0x55 0x55, Backspace 0x0E 0x66 0x66,
    Tab 0x0F 0x0D 0x0D, KeyQ 0x10 0x15 0x15, KeyW 0x11 0x1D 0x1D, KeyE 0x12 0x24 0x24, KeyR 0x13 0x2D 0x2D,
    KeyT 0x14 0x2C 0x2C, KeyY 0x15 0x35 0x35, KeyU 0x16 0x3C 0x3C, KeyI 0x17 0x43 0x43, KeyO 0x18 0x44 0x44,
    KeyP 0x19 0x4D 0x4D, BracketLeft 0x1A 0x54 0x54, BracketRight 0x1B 0x5B 0x5B, Backslash 0x2B 0x5D 0x5C,
    CapsLock 0x3A 0x58 0x14, KeyA 0x1E 0x1C 0x1C, KeyS 0x1F 0x1B 0x1B, KeyD 0x20 0x23 0x23, KeyF 0x21 0x2B 0x2B,
    KeyG 0x22 0x34 0x34, KeyH 0x23 0x33 0x33, KeyJ 0x24 0x3B 0x3B, KeyK 0x25 0x42 0x42, KeyL 0x26 0x4B 0x4B,
    Semicolon 0x27 0x4C 0x4C, Quote 0x28 0x52 0x52, Enter 0x1C 0x5A 0x5A,
    ShiftLeft 0x2A 0x12 0x12, IntlBackslash 0x56 0x61 0x13, KeyZ 0x2C 0x1A 0x1A, KeyX 0x2D 0x22 0x22,
    KeyC 0x2E 0x21 0x21, KeyV 0x2F 0x2A 0x2A, KeyB 0x30 0x32 0x32, KeyN 0x31 0x31 0x31, KeyM 0x32 0x3A 0x3A,
    Comma 0x33 0x41 0x41, Period 0x34 0x49 0x49, Slash 0x35 0x4A 0x4A, ShiftRight 0x36 0x59 0x59,
    ControlLeft 0x1D 0x14 0x11, AltLeft 0x38 0x11 0x19, Space 0x39 0x29 0x29, AltRight 0xE038 0xE011 0x39,
    ControlRight 0xE01D 0xE014 0x58, MetaLeft 0xE05B 0xE01F 0x8B, MetaRight 0xE05C 0xE027 0x8C,
    ContextMenu 0xE05D 0xE02F 0x8D,
    Insert 0xE052 0xE070 0x67, Delete 0xE053 0xE071 0x64, Home 0xE047 0xE06C 0x6E, End 0xE04F 0xE069 0x65,
    PageUp 0xE049 0xE07D 0x6F, PageDown 0xE051 0xE07A 0x6D, ArrowUp 0xE048 0xE075 0x63,
    ArrowLeft 0xE04B 0xE06B 0x61, ArrowDown 0xE050 0xE072 0x60, ArrowRight 0xE04D 0xE074 0x6A,
    NumLock 0x45 0x77 0x76, NumpadDivide 0xE035 0xE04A 0x77, NumpadMultiply 0x37 0x7C 0x7E,
    NumpadSubtract 0x4A 0x7B 0x84, NumpadAdd 0x4E 0x79 0x7C, NumpadEnter 0xE01C 0xE05A 0x79,
    NumpadDecimal 0x53 0x71 0x71, Numpad0 0x52 0x70 0x70, Numpad1 0x4F 0x69 0x69, Numpad2 0x50 0x72 0x72,
    Numpad3 0x51 0x7A 0x7A, Numpad4 0x4B 0x6B 0x6B, Numpad5 0x4C 0x73 0x73, Numpad6 0x4D 0x74 0x74,
    Numpad7 0x47 0x6C 0x6C, Numpad8 0x48 0x75 0x75, Numpad9 0x49 0x7D 0x7D, NumpadComma 0x7E 0x6D 0x7B,
    NumpadEqual 0x59 0x0F 0,
    Escape 0x01 0x76 0x08, F1 0x3B 0x05 0x07, F2 0x3C 0x06 0x0F, F3 0x3D 0x04 0x17, F4 0x3E 0x0C 0x1F,
    F5 0x3F 0x03 0x27, F6 0x40 0x0B 0x2F, F7 0x41 0x83 0x37, F8 0x42 0x0A 0x3F, F9 0x43 0x01 0x47,
    F10 0x44 0x09 0x4F, F11 0x57 0x78 0x56, F12 0x58 0x07 0x5E, F13 0x64 0x08 0, F14 0x65 0x10 0,
    F15 0x66 0x18 0, F16 0x67 0x20 0, F17 0x68 0x28 0, F18 0x69 0x30 0, F19 0x6A 0x38 0, F20 0x6B 0x40 0,
    F21 0x6C 0x48 0, F22 0x6D 0x50 0, F23 0x6E 0x57 0, F24 0x76 0x5F 0, ScrollLock 0x46 0x7E 0x5F,
    IntlRo 0x73 0x51 0x51, IntlYen 0x7D 0x6A 0x5D, KanaMode 0x70 0x13 0x87, Convert 0x79 0x64 0x86,
    NonConvert 0x7B 0x67 0x85, Lang1 0xF2 0xF2 0, Lang2 0xF1 0xF1 0, Lang3 0x78 0x63 0, Lang4 0x77 0x62 0,
    Lang5 0x76 0x5F 0,
    MediaTrackNext 0xE019 0xE04D 0, MediaTrackPrevious 0xE010 0xE015 0, MediaStop 0xE024 0xE03B 0,
    MediaPlayPause 0xE022 0xE034 0, MediaSelect 0xE06D 0xE050 0, AudioVolumeMute 0xE020 0xE023 0,
    AudioVolumeUp 0xE030 0xE032 0, AudioVolumeDown 0xE02E 0xE021 0, LaunchMail 0xE06C 0xE048 0,
    LaunchApp1 0xE06B 0xE040 0, LaunchApp2 0xE021 0xE02B 0, BrowserSearch 0xE065 0xE010 0,
    BrowserHome 0xE032 0xE03A 0, BrowserBack 0xE06A 0xE038 0, BrowserForward 0xE069 0xE030 0,
    BrowserStop 0xE068 0xE028 0, BrowserRefresh 0xE067 0xE020 0, BrowserFavorites 0xE066 0xE018 0,
    Power 0xE05E 0xE037 0, Sleep 0xE05F 0xE03F 0, WakeUp 0xE063 0xE05E 0,
}

const E0: u8 = 0xE0;
const E1: u8 = 0xE1;
/// Sets 2 and 3: the key that follows is released.
pub(super) const BREAK: u8 = 0xF0;
/// Set 1: the key is released.
const RELEASED: u8 = 0x80;

/// The longest sequence a key sends.
pub(super) const LONGEST: usize = 8;

/// What else is held, as far as it changes what a key sends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Modifiers {
    pub(super) shift: bool,
    pub(super) control: bool,
    pub(super) alt: bool,
}

/// The code in set 3, if the key has one.
pub(super) fn set_3(code: KeyCode) -> Option<u8> {
    match code {
        KeyCode::PrintScreen => Some(0x57),
        KeyCode::Pause => Some(0x62),
        _ => KEYS.iter().find(|key| key.code == code).map(|key| key.set_3).filter(|&code| code != 0),
    }
}

/// One code with its prefix, in the set's form of pressing and releasing.
fn one(set: ScanSet, code: u16, down: bool, out: &mut Vec<u8>) {
    let [prefix, byte] = code.to_be_bytes();
    if prefix != 0 {
        out.push(prefix);
    }
    match (set, down) {
        (_, true) => out.push(byte),
        (ScanSet::One, false) => out.push(byte | RELEASED),
        (_, false) => out.extend([BREAK, byte]),
    }
}

/// What the keyboard sends when `code` goes down or up; nothing for a key it does not have.
pub(super) fn sequence(set: ScanSet, code: KeyCode, down: bool, modifiers: Modifiers) -> Vec<u8> {
    let mut out = Vec::with_capacity(LONGEST);
    if set == ScanSet::Three {
        if let Some(code) = set_3(code) {
            one(set, code.into(), down, &mut out);
        }
        return out;
    }
    let in_set = |set_1, set_2| if set == ScanSet::One { set_1 } else { set_2 };
    match code {
        KeyCode::PrintScreen if modifiers.alt => one(set, in_set(0x54, 0x84), down, &mut out),
        KeyCode::PrintScreen => {
            // The key pretends that shift is held, so that it is an asterisk's capital as on the oldest keyboard.
            let (shift, key) = (in_set(0xE02A, 0xE012), in_set(0xE037, 0xE07C));
            let pretend = !modifiers.shift && !modifiers.control;
            if pretend && down {
                one(set, shift, true, &mut out);
            }
            one(set, key, down, &mut out);
            if pretend && !down {
                one(set, shift, false, &mut out);
            }
        }
        // It sends its release together with its press, and nothing when it is released.
        KeyCode::Pause if !down => {}
        KeyCode::Pause if modifiers.control => {
            let code = in_set(0xE046, 0xE07E);
            one(set, code, true, &mut out);
            one(set, code, false, &mut out);
        }
        KeyCode::Pause => {
            for down in [true, false] {
                out.push(E1);
                one(set, in_set(0x1D, 0x14), down, &mut out);
                one(set, in_set(0x45, 0x77), down, &mut out);
            }
        }
        // Korean keys send only their press.
        KeyCode::Lang1 | KeyCode::Lang2 if !down => {}
        _ => {
            if let Some(key) = KEYS.iter().find(|key| key.code == code) {
                one(set, in_set(key.set_1, key.set_2), down, &mut out);
            }
        }
    }
    out
}

/// The controller's translation of a byte from set 2 to set 1 (IBM PC AT Technical Reference, "Keyboard
/// controller", scan code translation). Bytes above its table pass.
pub(super) const fn translate(byte: u8) -> u8 {
    const TABLE: [u8; 0x85] = [
        0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29,
        0x59, //
        0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03,
        0x5B, //
        0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06,
        0x5D, //
        0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09,
        0x5F, //
        0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C,
        0x61, //
        0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63,
        0x76, //
        0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F,
        0x6F, //
        0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46,
        0x54, //
        0x80, 0x81, 0x82, 0x41, 0x54,
    ];
    if byte == E0 || byte as usize >= TABLE.len() { byte } else { TABLE[byte as usize] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Translates as the controller does.
    fn translated(bytes: &[u8]) -> Vec<u8> {
        let mut released = false;
        let mut out = Vec::new();
        for &byte in bytes {
            if byte == BREAK {
                released = true;
            } else {
                out.push(translate(byte) | if std::mem::take(&mut released) { RELEASED } else { 0 });
            }
        }
        out
    }

    #[test]
    fn set_2_translated_is_set_1() {
        for &code in KeyCode::ALL {
            for modifiers in [
                Modifiers::default(),
                Modifiers { alt: true, ..Modifiers::default() },
                Modifiers { control: true, ..Modifiers::default() },
            ] {
                for down in [true, false] {
                    let one = sequence(ScanSet::One, code, down, modifiers);
                    let two = sequence(ScanSet::Two, code, down, modifiers);
                    assert_eq!(translated(&two), one, "{}", code.name());
                    assert!(two.len() <= LONGEST);
                }
            }
        }
    }

    #[test]
    fn no_two_keys_send_the_same() {
        let mut seen = std::collections::BTreeMap::new();
        for &code in KeyCode::ALL {
            let sent = sequence(ScanSet::One, code, true, Modifiers::default());
            if sent.is_empty() {
                // No PS/2 keyboard has it.
                assert_eq!(code, KeyCode::Help);
            } else if let Some(other) = seen.insert(sent, code) {
                assert_eq!((other, code), (KeyCode::Lang5, KeyCode::F24), "the one known pair");
            }
        }
    }

    #[test]
    fn no_two_keys_send_the_same_in_set_3() {
        let mut seen = std::collections::BTreeMap::new();
        for &code in KeyCode::ALL {
            if let Some(three) = set_3(code) {
                assert_eq!(seen.insert(three, code), None, "{}", code.name());
            }
        }
    }

    #[test]
    fn the_special_keys() {
        let none = Modifiers::default();
        let sent = |set, code, down| sequence(set, code, down, none);
        assert_eq!(sent(ScanSet::One, KeyCode::Pause, true), [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]);
        assert_eq!(
            sent(ScanSet::Two, KeyCode::Pause, true),
            [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77]
        );
        assert_eq!(sent(ScanSet::Two, KeyCode::PrintScreen, true), [0xE0, 0x12, 0xE0, 0x7C]);
        assert_eq!(sent(ScanSet::One, KeyCode::PrintScreen, false), [0xE0, 0xB7, 0xE0, 0xAA]);
        assert_eq!(sent(ScanSet::Three, KeyCode::KeyA, false), [0xF0, 0x1C]);
        assert_eq!(sent(ScanSet::Two, KeyCode::ArrowUp, false), [0xE0, 0xF0, 0x75]);
    }
}
