//! Where the guest's picture goes.
//!
//! The display adapter renders; the host shows. In a text mode it hands over both: the characters, for
//! people who read by ear, copy text, or run without a screen, and the pixels the character generator
//! makes of them. Frames are borrowed: what a host wants to keep it copies.

use crate::Tape;

/// A rectangle of pixels; `x`, `y` is its top left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width; zero is an empty rectangle.
    pub width: u32,
    /// Height; zero is an empty rectangle.
    pub height: u32,
}

impl Rect {
    /// The whole of a picture of that size.
    #[must_use]
    pub const fn of_size(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// True if it holds no pixel.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = self.x.saturating_add(self.width).max(other.x.saturating_add(other.width));
        let bottom = self.y.saturating_add(self.height).max(other.y.saturating_add(other.height));
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// What lies within a picture of that size.
    #[must_use]
    pub fn clip(self, width: u32, height: u32) -> Self {
        let (x, y) = (self.x.min(width), self.y.min(height));
        Self { x, y, width: self.width.min(width - x), height: self.height.min(height - y) }
    }
}

/// One character cell as the adapter's memory has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TextCell {
    /// Character code: code page 437 unless the guest loaded another font.
    pub code: u8,
    /// Attribute byte: foreground in bits 0 to 3, background above.
    pub attribute: u8,
}

/// A visible text cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Column, from 0.
    pub column: u32,
    /// Row, from 0.
    pub row: u32,
}

/// A screen of characters.
#[derive(Clone, Copy, Debug)]
pub struct TextFrame<'a> {
    /// Cells in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// `columns * rows` cells, row by row.
    pub cells: &'a [TextCell],
    /// The cursor, if it is shown.
    pub cursor: Option<Cursor>,
}

impl TextFrame<'_> {
    /// The rows as text, trailing blanks removed.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.cells.chunks(self.columns.max(1) as usize).map(|row| {
            let line: String = row.iter().map(|cell| cp437(cell.code)).collect();
            line.trim_end().to_owned()
        })
    }
}

/// A picture.
#[derive(Clone, Copy, Debug)]
pub struct PixelFrame<'a> {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` pixels, row by row, each 0xFFBBGGRR: in little-endian memory that is the byte
    /// order R, G, B, A of a canvas, so that a page copies and does not convert.
    pub pixels: &'a [u32],
    /// What changed since the last frame; all of it when the size changed. Never beyond the picture.
    pub dirty: &'a [Rect],
}

/// Shows frames.
pub trait Display {
    /// The characters on the screen changed. The pixels follow by [`Display::pixels`].
    fn text(&mut self, frame: &TextFrame<'_>);
    /// The picture changed.
    fn pixels(&mut self, frame: &PixelFrame<'_>);
    /// The adapter left text mode: there are no characters to read any more.
    fn text_gone(&mut self) {}
}

/// No screen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Display for Null {
    fn text(&mut self, _frame: &TextFrame<'_>) {}
    fn pixels(&mut self, _frame: &PixelFrame<'_>) {}
}

/// What a [`Memory`] display shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// The rows of text, empty in a graphics mode.
    pub text: Vec<String>,
    /// Where the cursor is, if it is shown.
    pub cursor: Option<Cursor>,
    /// Width of the picture.
    pub width: u32,
    /// Height of the picture.
    pub height: u32,
    /// The picture, as in [`PixelFrame::pixels`].
    pub pixels: Vec<u32>,
}

/// A screen in memory, updated only where frames say it is dirty; clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Memory(std::rc::Rc<std::cell::RefCell<Screen>>);

impl Memory {
    /// A dark screen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is on it.
    #[must_use]
    pub fn screen(&self) -> Screen {
        self.0.borrow().clone()
    }
}

impl Display for Memory {
    fn text(&mut self, frame: &TextFrame<'_>) {
        let mut screen = self.0.borrow_mut();
        screen.text = frame.lines().collect();
        screen.cursor = frame.cursor;
    }

    fn pixels(&mut self, frame: &PixelFrame<'_>) {
        let mut screen = self.0.borrow_mut();
        let size = frame.width as usize * frame.height as usize;
        if (screen.width, screen.height) != (frame.width, frame.height) {
            (screen.width, screen.height) = (frame.width, frame.height);
            screen.pixels.clear();
            screen.pixels.resize(size, 0);
        }
        for rect in frame.dirty.iter().map(|r| r.clip(frame.width, frame.height)) {
            for y in rect.y..rect.y + rect.height {
                let start = y as usize * frame.width as usize + rect.x as usize;
                let row = start..start + rect.width as usize;
                if let (Some(to), Some(from)) = (screen.pixels.get_mut(row.clone()), frame.pixels.get(row)) {
                    to.copy_from_slice(from);
                }
            }
        }
    }

    fn text_gone(&mut self) {
        let mut screen = self.0.borrow_mut();
        screen.text.clear();
        screen.cursor = None;
    }
}

/// What a recording display has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Characters.
    Text(Vec<String>),
    /// Pixels: the size of the picture and what was dirty.
    Pixels {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// What changed.
        dirty: Vec<Rect>,
    },
    /// Text mode was left.
    TextGone,
}

/// Notes every frame (not its pixels) and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<D> {
    inner: D,
    tape: Tape<Shown>,
}

impl<D: Display> Recording<D> {
    /// Records what goes to `inner`.
    #[must_use]
    pub fn new(inner: D) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The frames.
    #[must_use]
    pub fn tape(&self) -> Tape<Shown> {
        self.tape.clone()
    }
}

impl<D: Display> Display for Recording<D> {
    fn text(&mut self, frame: &TextFrame<'_>) {
        self.tape.push(Shown::Text(frame.lines().collect()));
        self.inner.text(frame);
    }

    fn pixels(&mut self, frame: &PixelFrame<'_>) {
        let PixelFrame { width, height, dirty, .. } = *frame;
        self.tape.push(Shown::Pixels { width, height, dirty: dirty.to_vec() });
        self.inner.pixels(frame);
    }

    fn text_gone(&mut self) {
        self.tape.push(Shown::TextGone);
        self.inner.text_gone();
    }
}

/// The character that code page 437, the font of the PC's character generator, has at `code`. Zero reads
/// as a blank, as it looks.
#[must_use]
pub fn cp437(code: u8) -> char {
    const LOW: [char; 32] = [
        ' ', '☺', '☻', '♥', '♦', '♣', '♠', '•', '◘', '○', '◙', '♂', '♀', '♪', '♫', '☼', '►', '◄', '↕', '‼',
        '¶', '§', '▬', '↨', '↑', '↓', '→', '←', '∟', '↔', '▲', '▼',
    ];
    const HIGH: [char; 129] = [
        '⌂', 'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ',
        'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª',
        'º', '¿', '⌐', '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║',
        '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬',
        '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ',
        'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥', '≤', '⌠', '⌡', '÷',
        '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', ' ',
    ];
    match code {
        0..=0x1F => LOW[code as usize],
        0x20..=0x7E => code as char,
        0x7F..=0xFF => HIGH[code as usize - 0x7F],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_join_and_are_cut() {
        let a = Rect { x: 2, y: 3, width: 4, height: 5 };
        let b = Rect { x: 10, y: 1, width: 1, height: 1 };
        assert_eq!(a.union(b), Rect { x: 2, y: 1, width: 9, height: 7 });
        assert_eq!(a.union(Rect::default()), a);
        assert_eq!(Rect::default().union(a), a);
        assert_eq!(a.clip(4, 4), Rect { x: 2, y: 3, width: 2, height: 1 });
        assert!(b.clip(3, 3).is_empty());
        let edge = Rect { x: u32::MAX, y: 0, width: u32::MAX, height: 1 };
        assert!(edge.clip(8, 8).is_empty());
        assert_eq!(edge.union(a).x, 2);
    }

    #[test]
    fn a_screen_in_memory_takes_only_what_is_dirty() {
        let memory = Memory::new();
        let mut display = Recording::new(memory.clone());
        let dirty = [Rect { x: 1, y: 0, width: 1, height: 9 }];
        display.pixels(&PixelFrame { width: 2, height: 2, pixels: &[1, 2, 3, 4], dirty: &dirty });
        assert_eq!(memory.screen().pixels, [0, 2, 0, 4]);
        assert_eq!(display.tape().take(), [Shown::Pixels { width: 2, height: 2, dirty: dirty.to_vec() }]);
    }

    #[test]
    fn text_is_readable() {
        let memory = Memory::new();
        let mut display = Recording::new(memory.clone());
        let cells = [0x41, 0xE4, 0x20, 0xDB, 0xFF, 0].map(|code| TextCell { code, attribute: 7 });
        let cursor = Some(Cursor { column: 1, row: 1 });
        display.text(&TextFrame { columns: 3, rows: 2, cells: &cells, cursor });
        assert_eq!(memory.screen().text, ["AΣ", "█"]);
        assert_eq!(memory.screen().cursor, cursor);
        display.text_gone();
        assert!(memory.screen().text.is_empty());
        assert_eq!(display.tape().len(), 2);
    }
}
