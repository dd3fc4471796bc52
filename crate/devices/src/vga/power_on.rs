//! Mode 3 as a VGA BIOS sets it: 80 columns by 25 rows of 9x16 dots at B8000h, 16 colours. PS/2 Hardware
//! Interface Technical Reference, "Video Subsystem", the tables of register values by mode (mode 3+).

use super::crtc::REGISTERS;

pub(super) struct Mode {
    pub(super) miscellaneous: u8,
    pub(super) sequencer: [u8; 5],
    pub(super) crtc: [u8; REGISTERS],
    pub(super) graphics: [u8; 9],
    pub(super) attribute: [u8; 21],
}

pub(super) const MODE_3: Mode = Mode {
    miscellaneous: 0x67,
    sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
    crtc: [
        0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00, 0x9C,
        0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
    ],
    graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF],
    attribute: [
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x0C,
        0x00, 0x0F, 0x08, 0x00,
    ],
};

/// The 64 colours of mode 3: bits 0 to 2 of the number are blue, green and red at two thirds, bits 3 to 5
/// the same at one third. The rest of the DAC is black.
pub(super) fn palette() -> [[u8; 3]; 256] {
    let mut entries = [[0; 3]; 256];
    for (number, entry) in (0u8..64).zip(&mut entries) {
        let component = |bit: u8| (number >> bit & 1) * 0x2A + (number >> (bit + 3) & 1) * 0x15;
        *entry = [component(2), component(1), component(0)];
    }
    entries
}
