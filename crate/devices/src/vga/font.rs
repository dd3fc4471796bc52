//! The character generator's first font: what a VGA BIOS would load into plane 2.
//!
//! Plane 2 holds eight fonts of 256 characters; each character has 32 bytes, one per line of dots, of
//! which the first sixteen are used here (PS/2 Technical Reference, "RAM-Loadable Character Generator").

use super::font_data::GLYPHS_8X16;
use super::memory::Memory;

/// Bytes of a character in plane 2.
pub(super) const BYTES_PER_CHARACTER: u16 = 32;

/// Puts the 8x16 font of code page 437 at the start of plane 2.
pub(super) fn load_8x16(memory: &mut Memory) {
    for (code, glyph) in (0u16..).zip(&GLYPHS_8X16) {
        for (line, dots) in (0u16..).zip(glyph) {
            memory.set(2, code * BYTES_PER_CHARACTER + line, *dots);
        }
    }
}
