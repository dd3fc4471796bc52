//! The last picture, as a page's canvas wants it, and the characters on it, as a terminal does.

use host::Display;
use host::display::{PixelFrame, TextFrame, cp437};

/// The last picture: bytes R, G, B, A; in a text mode also its characters.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
    columns: u32,
    /// Characters and attributes in turn.
    cells: Vec<u16>,
    cursor: Option<u32>,
}

impl Screen {
    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Characters in a row; 0 in a graphics mode.
    #[must_use]
    pub fn columns(&self) -> u32 {
        self.columns
    }

    /// The characters, row by row: for each a UTF-16 unit and its attribute byte.
    #[must_use]
    pub fn cells(&self) -> &[u16] {
        &self.cells
    }

    /// Which of them the cursor is on, if it is shown.
    #[must_use]
    pub fn cursor(&self) -> Option<u32> {
        self.cursor
    }

    /// `width * height` pixels, row by row, four bytes each: R, G, B, A.
    #[must_use]
    pub fn rgba(&self) -> &[u8] {
        &self.bytes
    }
}

impl Display for Screen {
    fn text(&mut self, frame: &TextFrame<'_>) {
        self.columns = frame.columns;
        self.cells.clear();
        // All of code page 437 has one unit.
        let unit = |code| u16::try_from(u32::from(cp437(code))).unwrap_or(u16::from(b' '));
        self.cells.extend(frame.cells.iter().flat_map(|cell| [unit(cell.code), u16::from(cell.attribute)]));
        self.cursor = frame.cursor.map(|cursor| cursor.row * frame.columns + cursor.column);
    }

    fn text_gone(&mut self) {
        (self.columns, self.cursor) = (0, None);
        self.cells.clear();
    }

    fn pixels(&mut self, frame: &PixelFrame<'_>) {
        let size = frame.width as usize * frame.height as usize * 4;
        (self.width, self.height) = (frame.width, frame.height);
        self.bytes.resize(size, 0);
        for rect in frame.dirty {
            let rect = rect.clip(frame.width, frame.height);
            for y in rect.y..rect.y + rect.height {
                let at = (y * frame.width + rect.x) as usize;
                let end = at + rect.width as usize;
                let from = frame.pixels.get(at..end).unwrap_or(&[]);
                let to = self.bytes.get_mut(4 * at..4 * end).unwrap_or(&mut []);
                for (to, from) in to.chunks_exact_mut(4).zip(from) {
                    to.copy_from_slice(&from.to_le_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::display::{Cursor, Rect, TextCell};

    #[test]
    fn characters_come_with_their_attributes_and_go_with_the_mode() {
        let mut screen = Screen::default();
        let cells = [TextCell { code: b'A', attribute: 7 }, TextCell { code: 0xDB, attribute: 0x1E }];
        let cursor = Some(Cursor { column: 0, row: 1 });
        screen.text(&TextFrame { columns: 1, rows: 2, cells: &cells, cursor });
        assert_eq!(
            (screen.columns(), screen.cells(), screen.cursor()),
            (1, &[65, 7, 0x2588, 0x1E][..], Some(1))
        );
        screen.text_gone();
        assert_eq!((screen.columns(), screen.cells(), screen.cursor()), (0, &[][..], None));
    }

    #[test]
    fn only_what_changed_is_copied() {
        let mut screen = Screen::default();
        let frame = PixelFrame { width: 2, height: 2, pixels: &[1, 2, 3, 4], dirty: &[Rect::of_size(2, 2)] };
        screen.pixels(&frame);
        let dirty = [Rect { x: 1, y: 1, width: 1, height: 9 }];
        screen.pixels(&PixelFrame { pixels: &[9, 9, 9, 0xFF00_0102], dirty: &dirty, ..frame });
        assert_eq!(screen.rgba(), [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, 1, 0, 0xFF]);
    }
}
