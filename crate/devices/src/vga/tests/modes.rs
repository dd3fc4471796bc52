//! Modes as a VGA BIOS sets them: PS/2 Hardware Interface Technical Reference, "Video Subsystem", the tables
//! of register values by mode; and the unchained modes that programs made of mode 13h.

use super::super::power_on::Mode;
use super::*;

const COLORS_EGA: [u8; 16] = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F];
const COLORS_200: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
const COLORS_CGA: [u8; 16] =
    [0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
const COLORS_256: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MONO_0F: [u8; 16] = [0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0];
const MONO_11: [u8; 16] = [0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F, 0, 0x3F];
const MONO_6: [u8; 16] = [0, 0x17, 0, 0x17, 0, 0x17, 0, 0x17, 0, 0x17, 0, 0x17, 0, 0x17, 0, 0x17];

/// Palette, mode control, overscan, plane enable.
const fn attribute(palette: [u8; 16], mode: u8, enable: u8) -> [u8; 21] {
    let mut all = [0; 21];
    let mut n = 0;
    while n < 16 {
        all[n] = palette[n];
        n += 1;
    }
    (all[16], all[18]) = (mode, enable);
    all
}

/// Registers 00h to 07h, 09h, 10h to 18h; the rest is zero.
const fn crtc(low: [u8; 8], row: u8, high: [u8; 9]) -> [u8; 25] {
    let mut all = [0; 25];
    let mut n = 0;
    while n < 8 {
        (all[n], all[0x10 + n]) = (low[n], high[n]);
        n += 1;
    }
    (all[9], all[0x18]) = (row, high[8]);
    all
}

const fn graphics(mode: u8, miscellaneous: u8, dont_care: u8) -> [u8; 9] {
    [0, 0, 0, 0, 0, mode, miscellaneous, dont_care, 0xFF]
}

const WIDE: [u8; 8] = [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F];
const NARROW: [u8; 8] = [0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F];
const WIDE_480: [u8; 8] = [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E];

pub(super) const MODE_04: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [3, 9, 3, 0, 2],
    crtc: crtc(NARROW, 0xC1, [0x9C, 0x8E, 0x8F, 0x14, 0, 0x96, 0xB9, 0xA2, 0xFF]),
    graphics: graphics(0x30, 0x0F, 0x0F),
    attribute: attribute(COLORS_CGA, 1, 3),
};

pub(super) const MODE_06: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [3, 1, 1, 0, 6],
    crtc: crtc(WIDE, 0xC1, [0x9C, 0x8E, 0x8F, 0x28, 0, 0x96, 0xB9, 0xC2, 0xFF]),
    graphics: graphics(0, 0x0D, 0x0F),
    attribute: attribute(MONO_6, 1, 1),
};

pub(super) const MODE_0D: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [3, 9, 15, 0, 6],
    crtc: crtc(NARROW, 0xC0, [0x9C, 0x8E, 0x8F, 0x14, 0, 0x96, 0xB9, 0xE3, 0xFF]),
    graphics: graphics(0, 5, 15),
    attribute: attribute(COLORS_200, 1, 15),
};

pub(super) const MODE_0E: Mode = Mode {
    sequencer: [3, 1, 15, 0, 6],
    crtc: crtc(WIDE, 0xC0, [0x9C, 0x8E, 0x8F, 0x28, 0, 0x96, 0xB9, 0xE3, 0xFF]),
    ..MODE_0D
};

pub(super) const MODE_0F: Mode = Mode {
    miscellaneous: 0xA2,
    graphics: graphics(0, 5, 5),
    attribute: attribute(MONO_0F, 0x0B, 5),
    ..MODE_10
};

pub(super) const MODE_10: Mode = Mode {
    miscellaneous: 0xA3,
    sequencer: [3, 1, 15, 0, 6],
    crtc: crtc(WIDE, 0x40, [0x83, 0x85, 0x5D, 0x28, 0x0F, 0x63, 0xBA, 0xE3, 0xFF]),
    graphics: graphics(0, 5, 15),
    attribute: attribute(COLORS_EGA, 1, 15),
};

pub(super) const MODE_11: Mode = Mode { attribute: attribute(MONO_11, 1, 15), ..MODE_12 };

pub(super) const MODE_12: Mode = Mode {
    miscellaneous: 0xE3,
    crtc: crtc(WIDE_480, 0x40, [0xEA, 0x8C, 0xDF, 0x28, 0, 0xE7, 0x04, 0xE3, 0xFF]),
    ..MODE_10
};

pub(super) const MODE_13: Mode = Mode {
    miscellaneous: 0x63,
    sequencer: [3, 1, 15, 0, 0x0E],
    crtc: crtc(WIDE, 0x41, [0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF]),
    graphics: graphics(0x40, 5, 15),
    attribute: attribute(COLORS_256, 0x41, 15),
};

/// 320 by 240, the mode X of M. Abrash's articles (Dr. Dobb's Journal, 1991).
pub(super) const MODE_X: Mode = Mode {
    miscellaneous: 0xE3,
    sequencer: [3, 1, 15, 0, 6],
    crtc: crtc(
        [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0D, 0x3E],
        0x41,
        [0xEA, 0xAC, 0xDF, 0x28, 0, 0xE7, 0x06, 0xE3, 0xFF],
    ),
    ..MODE_13
};

/// 360 by 480.
pub(super) const MODE_X_360: Mode = Mode {
    miscellaneous: 0xE7,
    crtc: crtc(
        [0x6B, 0x59, 0x5A, 0x8E, 0x5E, 0x8A, 0x0D, 0x3E],
        0x40,
        [0xEA, 0xAC, 0xDF, 0x2D, 0, 0xE7, 0x06, 0xE3, 0xFF],
    ),
    ..MODE_X
};

pub(super) const ALL: [&Mode; 11] = [
    &MODE_04,
    &MODE_06,
    &MODE_0D,
    &MODE_0E,
    &MODE_0F,
    &MODE_10,
    &MODE_11,
    &MODE_12,
    &MODE_13,
    &MODE_X,
    &MODE_X_360,
];

/// Programs a mode through the ports, in a VGA BIOS's order, and a DAC whose entries all differ (see
/// [`color`]). Memory is left as it is.
pub(super) fn set(vga: &mut Vga, mode: &Mode) {
    port_out(vga, VGA, 3, 1);
    port_out(vga, VGA, 2, mode.miscellaneous);
    let crtc = if mode.miscellaneous & 1 != 0 { COLOR } else { MONO };
    for (index, value) in (0..).zip(mode.sequencer) {
        port_out(vga, VGA, 4, index);
        port_out(vga, VGA, 5, value);
    }
    let unlock = [(0x11, 0)];
    for (index, value) in unlock.into_iter().chain((0..).zip(mode.crtc)) {
        port_out(vga, crtc, 4, index);
        port_out(vga, crtc, 5, value);
    }
    for (index, value) in (0..).zip(mode.graphics) {
        port_out(vga, VGA, 0xE, index);
        port_out(vga, VGA, 0xF, value);
    }
    port_in(vga, crtc, 0xA);
    for (index, value) in (0..).zip(mode.attribute) {
        port_out(vga, VGA, 0, index);
        port_out(vga, VGA, 0, value);
    }
    port_out(vga, VGA, 0, 0x20);
    port_out(vga, VGA, 6, 0xFF);
    port_out(vga, VGA, 8, 0);
    for entry in 0..=255u8 {
        for component in components(entry) {
            port_out(vga, VGA, 9, component);
        }
    }
}

fn components(entry: u8) -> [u8; 3] {
    [entry & 0x3F, entry >> 2, entry.wrapping_mul(7) & 0x3F]
}

/// What the pixel of a DAC entry looks like.
pub(super) fn color(entry: u8) -> u32 {
    let [r, g, b] = components(entry).map(|six| u32::from(six) * 4 + u32::from(six) / 16);
    0xFF00_0000 | b << 16 | g << 8 | r
}
