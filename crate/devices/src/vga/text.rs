//! Text modes: from cells in planes 0 and 1 and fonts in plane 2 to characters and to pixels.

use super::crtc::{Addressing, Crtc, ScanLine};
use super::font::BYTES_PER_CHARACTER;
use super::memory::PLANE;
use super::picture::Picture;
use super::spec::{AttributeMode, CharacterMapSelect};
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
    pub(super) cells: &'a [[u8; 4]; PLANE],
    pub(super) crtc: &'a Crtc,
    /// The start address in effect.
    pub(super) start: u16,
    pub(super) mode: AttributeMode,
    pub(super) character_map: CharacterMapSelect,
    /// Characters of eight dots, else nine.
    pub(super) eight_dots: bool,
    /// Dots are twice as wide.
    pub(super) half: bool,
    /// Dots by which the picture is moved to the left, above and below the split.
    pub(super) panning: [u32; 2],
    /// The same in counts of the memory counter.
    pub(super) byte_panning: [u16; 2],
    /// What the sixteen colors of attributes look like.
    pub(super) colors: [u32; 16],
    /// Characters in a line.
    pub(super) columns: u32,
    pub(super) phase: Phase,
}

/// What is the same for all characters of a line.
struct Line {
    scan: ScanLine,
    addressing: Addressing,
    underlined: bool,
    /// The counter of the cell that the cursor covers on this line.
    cursor: Option<u16>,
}

impl TextView<'_> {
    /// The lines from the top, where byte panning has put them.
    fn scan_lines(&self) -> impl Iterator<Item = ScanLine> {
        let panning = self.byte_panning;
        self.crtc.scan_lines(self.start).map(move |line| {
            let counter = line.counter.wrapping_add(panning[usize::from(line.below_split)]);
            ScanLine { counter, ..line }
        })
    }

    fn cell(&self, addressing: Addressing, counter: u16, row_scan: u8) -> TextCell {
        let [code, attribute, ..] = self.cells[usize::from(addressing.address(counter, row_scan))];
        TextCell { code, attribute }
    }

    /// The cells by row. A row that begins above the screen (smooth scrolling) counts as one.
    pub(super) fn characters(&self) -> Characters {
        let (columns, addressing) = (self.columns, self.crtc.addressing());
        let location = self.crtc.cursor_location();
        let mut text = Characters { columns, ..Characters::default() };
        let mut last = None;
        for line in self.scan_lines() {
            let row = (line.counter, line.below_split);
            if last == Some(row) {
                continue;
            }
            last = Some(row);
            let column = u32::from(location.wrapping_sub(line.counter));
            if column < columns && self.crtc.cursor_lines().is_some() {
                text.cursor = Some(Cursor { column, row: text.rows });
            }
            let counters = (0..columns).map(|n| line.counter.wrapping_add(addressing.count(n as u16)));
            text.cells.extend(counters.map(|counter| self.cell(addressing, counter, 0)));
            text.rows += 1;
        }
        text
    }

    /// Draws all lines.
    pub(super) fn draw(&self, picture: &mut Picture) {
        let addressing = self.crtc.addressing();
        let cursor_lines = self.crtc.cursor_lines().filter(|_| self.phase.cursor);
        let mut last = None;
        for (y, scan) in (0u32..).zip(self.scan_lines()) {
            if last == Some(scan) {
                picture.again(y);
                continue;
            }
            last = Some(scan);
            let cursor = cursor_lines.as_ref().is_some_and(|lines| lines.contains(&scan.row_scan));
            let line = Line {
                scan,
                addressing,
                underlined: scan.row_scan == self.crtc.underline(),
                cursor: cursor.then(|| self.crtc.cursor_location()),
            };
            let skip = self.panning[usize::from(scan.below_split)] as usize * (1 + usize::from(self.half));
            picture.line(y, skip, |out| match (self.eight_dots, self.half) {
                (true, false) => self.line::<8, 1>(&line, out),
                (true, true) => self.line::<16, 2>(&line, out),
                (false, false) => self.line::<9, 1>(&line, out),
                (false, true) => self.line::<18, 2>(&line, out),
            });
        }
    }

    /// A line of characters that are `WIDTH` pixels wide, and dots that are `SCALE` pixels wide.
    fn line<const WIDTH: usize, const SCALE: usize>(&self, line: &Line, out: &mut [u32]) {
        // One cell more than the line has, of which panning shows a part.
        for (out, column) in out.as_chunks_mut::<WIDTH>().0.iter_mut().zip(0..=self.columns as u16) {
            let (dots, foreground, background) = self.dots(line, column);
            let colors =
                [self.colors[usize::from(background & 15)], self.colors[usize::from(foreground & 15)]];
            // The ninth dot is bit 0, which characters of eight dots do not have.
            *out = std::array::from_fn(|n| colors[usize::from(dots >> (8 - n / SCALE) & 1)]);
        }
    }

    /// Nine dots of a cell (bit 8 is the leftmost) with its foreground and background.
    fn dots(&self, line: &Line, column: u16) -> (u16, u8, u8) {
        let row_scan = line.scan.row_scan;
        let counter = line.scan.counter.wrapping_add(line.addressing.count(column));
        let TextCell { code, attribute } = self.cell(line.addressing, counter, row_scan);
        let font = self.character_map.font_address(attribute & 8 != 0);
        let address = font.wrapping_add(u16::from(code) * BYTES_PER_CHARACTER + u16::from(row_scan));
        let [_, _, glyph, _] = self.cells[usize::from(address)];
        let mut dots = u16::from(glyph) << 1;
        if self.mode.line_graphics() && (0xC0..=0xDF).contains(&code) {
            dots |= u16::from(glyph & 1);
        }
        const ALL_DOTS: u16 = 0x1FF;
        if attribute & 0x77 == 0x01 && line.underlined {
            dots = ALL_DOTS;
        }
        let (mut foreground, mut background) = (attribute & 15, attribute >> 4);
        if self.mode.blink() {
            background &= 7;
            if attribute & 0x80 != 0 && !self.phase.characters {
                foreground = background;
            }
        }
        if line.cursor == Some(counter) {
            dots = ALL_DOTS;
            foreground = attribute & 15;
        }
        (dots, foreground, background)
    }
}
