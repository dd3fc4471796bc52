//! The picture that the host was last shown, and which of its lines have changed.
//!
//! Whoever draws gives lines from the top; only lines that differ from what was shown count as changed.

use host::display::Rect;

/// The largest picture; registers that ask for more get this.
pub(super) const MAX_WIDTH: u32 = 2560;
pub(super) const MAX_HEIGHT: u32 = 1600;
/// Pixels that may be drawn beyond a line, for panning: one character of nine dots at half the dot clock.
pub(super) const MARGIN: usize = 18;
/// Rectangles in which changes are told.
const MAX_RECTS: usize = 16;

/// A picture that is drawn again and again.
#[derive(Debug, Default)]
pub(super) struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u32>,
    /// The line drawn last, from `skip` on.
    line: Vec<u32>,
    skip: usize,
    /// Changed lines: first and end.
    changed: Vec<(u32, u32)>,
}

impl Picture {
    /// Begins to draw a picture of a size. True if it had another one: then everything has to be drawn.
    pub(super) fn begin(&mut self, width: u32, height: u32) -> bool {
        let (width, height) = (width.min(MAX_WIDTH), height.min(MAX_HEIGHT));
        if (width, height) == (self.width, self.height) {
            return false;
        }
        (self.width, self.height) = (width, height);
        self.pixels.clear();
        self.pixels.resize(width as usize * height as usize, 0);
        self.line.clear();
        self.line.resize(width as usize + MARGIN, 0);
        self.changed.clear();
        self.changed.push((0, height));
        true
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    pub(super) fn into_pixels(self) -> Vec<u32> {
        self.pixels
    }

    /// Draws line `y`: `draw` fills a line that is [`MARGIN`] longer, and it is shown from `skip` on.
    pub(super) fn line(&mut self, y: u32, skip: usize, draw: impl FnOnce(&mut [u32])) {
        draw(&mut self.line);
        self.skip = skip.min(MARGIN);
        self.again(y);
    }

    /// Line `y` is as the line drawn last.
    pub(super) fn again(&mut self, y: u32) {
        let width = self.width as usize;
        let Some(new) = self.line.get(self.skip..self.skip + width) else { return };
        let start = y as usize * width;
        let Some(old) = self.pixels.get_mut(start..start + width) else { return };
        if old == new {
            return;
        }
        old.copy_from_slice(new);
        let full = self.changed.len() >= MAX_RECTS;
        match self.changed.last_mut() {
            Some((_, end)) if *end >= y || full => *end = (*end).max(y + 1),
            _ => self.changed.push((y, y + 1)),
        }
    }

    /// All lines are of one color.
    pub(super) fn fill(&mut self, color: u32) {
        self.line.fill(color);
        (0..self.height).for_each(|y| self.again(y));
    }

    /// What has changed since this was last asked, or all of it.
    pub(super) fn take_changed(&mut self, all: bool) -> Vec<Rect> {
        let (width, height) = self.size();
        let changed = std::mem::take(&mut self.changed);
        if all {
            return vec![Rect::of_size(width, height)];
        }
        changed.iter().map(|(y, end)| Rect { x: 0, y: *y, width, height: end - y }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_told() {
        let mut picture = Picture::default();
        assert!(picture.begin(4, 100));
        assert_eq!(picture.take_changed(false), [Rect::of_size(4, 100)]);
        assert!(!picture.begin(4, 100));
        picture.line(3, 1, |line| line[..5].copy_from_slice(&[9, 1, 2, 3, 4]));
        picture.again(4);
        picture.line(6, 0, |line| line.fill(0));
        picture.line(8, 0, |line| line.fill(7));
        let rect = |y, height| Rect { x: 0, y, width: 4, height };
        assert_eq!(picture.take_changed(false), [rect(3, 2), rect(8, 1)]);
        assert_eq!(picture.pixels()[16..20], [1, 2, 3, 4]);
        assert!(picture.take_changed(false).is_empty());
        for y in (0..100).step_by(2) {
            picture.line(y, 0, |line| line.fill(y + 10));
        }
        let told = picture.take_changed(false);
        assert_eq!((told.len(), told[15]), (MAX_RECTS, rect(30, 69)));
    }

    #[test]
    fn pictures_are_not_too_large() {
        let mut picture = Picture::default();
        picture.begin(u32::MAX, u32::MAX);
        assert_eq!(picture.size(), (MAX_WIDTH, MAX_HEIGHT));
        picture.line(u32::MAX, usize::MAX, |_| {});
        picture.fill(3);
        assert_eq!(picture.pixels().last(), Some(&3));
    }
}
