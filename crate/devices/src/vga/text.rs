//! Text modes: from cells in planes 0 and 1 and fonts in plane 2 to characters and to pixels.

use super::crtc::{Crtc, ScanLine};
use super::font::BYTES_PER_CHARACTER;
use super::memory::Memory;
use super::registers::{Attribute, Dac, Sequencer};
use host::display::{Cursor, TextCell};

/// Frames for which the cursor is on, and then off.
const CURSOR_FRAMES: u64 = 8;
/// Frames for which blinking characters are on, and then off.
const BLINK_FRAMES: u64 = 16;

/// What blinks, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) cursor: bool,
    pub(super) characters: bool,
}

impl Phase {
    pub(super) fn at_frame(frame: u64) -> Self {
        Self {
            cursor: (frame / CURSOR_FRAMES).is_multiple_of(2),
            characters: (frame / BLINK_FRAMES).is_multiple_of(2),
        }
    }
}

/// The characters on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Characters {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) cells: Vec<TextCell>,
    pub(super) cursor: Option<Cursor>,
}

/// Everything that a text picture is made from.
pub(super) struct TextView<'a> {
    pub(super) memory: &'a Memory,
    pub(super) crtc: &'a Crtc,
    pub(super) sequencer: &'a Sequencer,
    pub(super) attribute: &'a Attribute,
    pub(super) dac: &'a Dac,
    pub(super) phase: Phase,
}

impl TextView<'_> {
    fn cell(&self, counter: u16, row_scan: u8) -> TextCell {
        let [code, attribute, ..] = self.memory.planes_at(self.crtc.memory_address(counter, row_scan));
        TextCell { code, attribute }
    }

    /// The cells by row. A row that begins above the screen (smooth scrolling) counts as one.
    pub(super) fn characters(&self) -> Characters {
        let columns = self.crtc.columns();
        let location = self.crtc.cursor_location();
        let mut text = Characters { columns, ..Characters::default() };
        let mut last = None;
        for line in self.crtc.scan_lines() {
            let row = (line.counter, line.below_split);
            if last == Some(row) {
                continue;
            }
            last = Some(row);
            let column = u32::from(location.wrapping_sub(line.counter));
            if column < columns && self.crtc.cursor_lines().is_some() {
                text.cursor = Some(Cursor { column, row: text.rows });
            }
            text.cells.extend((0..columns).map(|n| self.cell(line.counter.wrapping_add(n as u16), 0)));
            text.rows += 1;
        }
        text
    }

    /// Draws the picture into `pixels` and returns its width and height.
    pub(super) fn render(&self, pixels: &mut Vec<u32>) -> (u32, u32) {
        let clocking = self.sequencer.clocking();
        let dots = if clocking.eight_dots() { 8 } else { 9 };
        // Half the dot clock makes dots twice as wide.
        let scale = 1 + usize::from(clocking.dot_clock_half());
        let columns = self.crtc.columns();
        let width = columns * dots * scale as u32;
        let colors: [u32; 16] =
            std::array::from_fn(|dot| self.dac.pixel(self.attribute.dac_entry(dot as u8)));
        pixels.clear();
        let mut height = 0;
        for line in self.crtc.scan_lines() {
            let still = line.below_split && self.attribute.mode().panning_compatible();
            let panning = if still { 0 } else { self.attribute.panning(clocking.eight_dots()) };
            let start = pixels.len();
            // One cell more than the line has, of which panning shows a part.
            let mut skip = panning as usize * scale;
            for column in 0..columns + u32::from(panning > 0) {
                let (dot_bits, foreground, background) = self.dots(line, column as u16);
                let colors = [colors[usize::from(background & 15)], colors[usize::from(foreground & 15)]];
                for dot in (9 - dots..9).rev() {
                    // The ninth dot is bit 0, which characters of eight dots do not have.
                    let color = colors[usize::from(dot_bits >> dot & 1)];
                    for _ in 0..scale {
                        if skip > 0 {
                            skip -= 1;
                        } else {
                            pixels.push(color);
                        }
                    }
                }
            }
            pixels.resize(start + width as usize, self.dac.pixel(self.attribute.overscan()));
            height += 1;
        }
        (width, height)
    }

    /// Nine dots of a cell (bit 8 is the leftmost) with its foreground and background.
    fn dots(&self, line: ScanLine, column: u16) -> (u16, u8, u8) {
        let counter = line.counter.wrapping_add(column);
        let TextCell { code, attribute } = self.cell(counter, line.row_scan);
        let mode = self.attribute.mode();
        let font = self.sequencer.character_map().font_address(attribute & 8 != 0);
        let address = font.wrapping_add(u16::from(code) * BYTES_PER_CHARACTER + u16::from(line.row_scan));
        let [_, _, glyph, _] = self.memory.planes_at(address);
        let mut dots = u16::from(glyph) << 1;
        if mode.line_graphics() && (0xC0..=0xDF).contains(&code) {
            dots |= u16::from(glyph & 1);
        }
        const ALL_DOTS: u16 = 0x1FF;
        if attribute & 0x77 == 0x01 && line.row_scan == self.crtc.underline() {
            dots = ALL_DOTS;
        }
        let (mut foreground, mut background) = (attribute & 15, attribute >> 4);
        if mode.blink() {
            background &= 7;
            if attribute & 0x80 != 0 && !self.phase.characters {
                foreground = background;
            }
        }
        let cursor = self.phase.cursor && counter == self.crtc.cursor_location();
        if cursor && self.crtc.cursor_lines().is_some_and(|lines| lines.contains(&line.row_scan)) {
            dots = ALL_DOTS;
            foreground = attribute & 15;
        }
        (dots, foreground, background)
    }
}
