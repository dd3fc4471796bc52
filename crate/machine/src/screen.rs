//! The last picture, as a page's canvas wants it.

use host::Display;
use host::display::{PixelFrame, TextFrame};

/// The last picture: bytes R, G, B, A.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
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

    /// `width * height` pixels, row by row, four bytes each: R, G, B, A.
    #[must_use]
    pub fn rgba(&self) -> &[u8] {
        &self.bytes
    }
}

impl Display for Screen {
    fn text(&mut self, _frame: &TextFrame<'_>) {}

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
    use host::display::Rect;

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
