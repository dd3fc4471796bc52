//! The picture of the graphics modes, from the registers alone: there is no list of modes.
//!
//! For every character clock the sequencer loads a byte from each plane and shifts them out in one of three
//! ways (graphics mode register, bits 5 and 6). What comes out is four bits per dot, here eight dots as one
//! `u32` with the leftmost in the top bits. The attribute controller makes a color of each four bits, or, in
//! its 256-color mode, of the bits of two dots (PS/2 Technical Reference, "Graphics Mode Register" and
//! "Attribute Controller Registers").

use super::crtc::{Addressing, Crtc, ScanLine};
use super::frame_buffer::DirtyPages;
use super::memory::PLANE;
use super::picture::Picture;
use super::spec::GraphicsMode;

/// Counters whose memory lies in one page, if the first is a multiple of this: four times as many
/// addresses of four bytes in doubleword mode, and no rewiring of address bits below.
const BLOCK: u32 = 64;

/// How the bytes of the planes become dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shift {
    /// A bit of each plane makes a dot.
    Planar,
    /// Two bits of planes 0 and 2 make a dot, then those of planes 1 and 3: CGA's four colors.
    Interleaved,
    /// Four bits make a dot, plane after plane.
    Nibbles,
}

impl Shift {
    pub(super) const fn of(mode: GraphicsMode) -> Self {
        if mode.color_256() {
            Self::Nibbles
        } else if mode.shift_interleave() {
            Self::Interleaved
        } else {
            Self::Planar
        }
    }
}

/// Everything that the picture of a graphics mode is made from.
pub(super) struct GraphicsView<'a> {
    pub(super) cells: &'a [[u8; 4]; PLANE],
    pub(super) crtc: &'a Crtc,
    /// The start address in effect.
    pub(super) start: u16,
    pub(super) shift: Shift,
    /// Dots are twice as wide.
    pub(super) half: bool,
    /// Two dots make a color.
    pub(super) color_256: bool,
    /// Dots by which the picture is moved to the left, above and below the split.
    pub(super) panning: [u32; 2],
    /// The same in counts of the memory counter.
    pub(super) byte_panning: [u16; 2],
    /// What the sixteen values of a dot look like.
    pub(super) dots: [u32; 16],
    /// What the 256 values of two dots look like.
    pub(super) pairs: [u32; 256],
    /// Characters in a line.
    pub(super) columns: u32,
}

impl GraphicsView<'_> {
    /// Draws the lines whose memory is in `changed`, or all.
    pub(super) fn draw(&self, picture: &mut Picture, changed: Option<&DirtyPages>) {
        let pages = changed.map_or(u64::MAX, DirtyPages::planes);
        let addressing = self.crtc.addressing();
        let (mut last, mut drawn) = (None, false);
        for (y, mut line) in (0u32..).zip(self.crtc.scan_lines(self.start)) {
            line.row_scan = addressing.significant(line.row_scan);
            let below = usize::from(line.below_split);
            line.counter = line.counter.wrapping_add(self.byte_panning[below]);
            if last == Some(line) {
                if drawn {
                    picture.again(y);
                }
                continue;
            }
            last = Some(line);
            drawn = changed.is_none() || self.pages(addressing, line) & pages != 0;
            if drawn {
                let skip = self.panning[below] as usize * (1 + usize::from(self.half));
                picture.line(y, skip, |out| self.line(addressing, line, out));
            }
        }
    }

    /// The pages of memory that a line shows, one bit each.
    fn pages(&self, addressing: Addressing, line: ScanLine) -> u64 {
        let counts = addressing.counts(self.columns);
        let first = u32::from(line.counter) & !(BLOCK - 1);
        let blocks = (first..=u32::from(line.counter) + counts).step_by(BLOCK as usize);
        blocks
            .fold(0, |pages, counter| pages | 1 << (addressing.address(counter as u16, line.row_scan) >> 10))
    }

    fn line(&self, addressing: Addressing, line: ScanLine, out: &mut [u32]) {
        // One more than the line has, of which panning shows a part.
        let words = (0..=self.columns as u16).map(|column| {
            let counter = line.counter.wrapping_add(addressing.count(column));
            let cell = self.cells[usize::from(addressing.address(counter, line.row_scan))];
            match self.shift {
                Shift::Planar => planar(cell),
                Shift::Interleaved => interleaved(cell),
                Shift::Nibbles => u32::from_be_bytes(cell),
            }
        });
        match (self.color_256, self.half) {
            (false, false) => emit(words, out, |word| dots_of_16(word, &self.dots)),
            (false, true) => emit(words, out, |word| doubled::<8, 16>(dots_of_16(word, &self.dots))),
            (true, false) => emit(words, out, |word| doubled::<4, 8>(pairs_of_256(word, &self.pairs))),
            (true, true) => {
                let dots = |word| doubled::<8, 16>(doubled::<4, 8>(pairs_of_256(word, &self.pairs)));
                emit(words, out, dots);
            }
        }
    }
}

fn emit<const N: usize>(words: impl Iterator<Item = u32>, out: &mut [u32], dots: impl Fn(u32) -> [u32; N]) {
    for (out, word) in out.as_chunks_mut::<N>().0.iter_mut().zip(words) {
        *out = dots(word);
    }
}

/// The colors of eight dots of four bits.
#[inline(always)]
pub(super) fn dots_of_16(word: u32, colors: &[u32; 16]) -> [u32; 8] {
    std::array::from_fn(|n| colors[(word >> (28 - 4 * n) & 15) as usize])
}

/// The colors of four pairs of dots.
#[inline(always)]
fn pairs_of_256(word: u32, colors: &[u32; 256]) -> [u32; 4] {
    word.to_be_bytes().map(|pair| colors[usize::from(pair)])
}

#[inline(always)]
fn doubled<const N: usize, const TWICE: usize>(colors: [u32; N]) -> [u32; TWICE] {
    std::array::from_fn(|n| colors[n / 2])
}

/// One bit of each plane per dot.
#[inline(always)]
pub(super) fn planar(cell: [u8; 4]) -> u32 {
    let [a, b, c, d] = cell.map(|byte| BITS[usize::from(byte)]);
    a | b << 1 | c << 2 | d << 3
}

/// Two bits of planes 0 and 2 per dot, then of 1 and 3.
#[inline(always)]
fn interleaved(cell: [u8; 4]) -> u32 {
    let [a, b, c, d] = cell.map(|byte| u32::from(PAIRS[usize::from(byte)]));
    (a | c << 2) << 16 | b | d << 2
}

/// Each bit of a byte as four bits.
const BITS: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= (byte as u32 >> bit & 1) << (4 * bit);
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Each two bits of a byte as four bits.
const PAIRS: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut pair = 0;
        while pair < 4 {
            table[byte] |= (byte as u16 >> (2 * pair) & 3) << (4 * pair);
            pair += 1;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_dots_from_the_left() {
        assert_eq!(planar([0b1000_0001, 0b1100_0000, 0, 0b0000_0001]), 0x3200_0009);
        assert_eq!(interleaved([0b11_10_01_00, 0b00_00_00_11, 0b01_00_00_00, 0b10_00_00_00]), 0x7210_8003);
        assert_eq!(u32::from_be_bytes([0x12, 0x34, 0x56, 0x78]), 0x1234_5678);
    }
}
