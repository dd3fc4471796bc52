//! Video memory as a block of bytes that remembers which of its pages were written.
//!
//! The adapter reaches its memory through [`FrameBuffer`] alone, so that the block can lie where the
//! processor writes it without asking the adapter. Reading is a slice: nothing is dispatched per pixel.
//!
//! The planes of VGA are the first 256 KB: the same address of all four planes is four bytes, plane 0 first.

use bus::is_zero;
use std::fmt;

/// Bytes of the largest video memory.
pub const MAX_LEN: usize = 16 << 20;
/// Bytes of the smallest: the four planes of VGA.
pub const MIN_LEN: usize = 256 << 10;
/// Bytes of a page, the unit in which changes are noted.
pub const PAGE: usize = 4096;

const WORDS: usize = MAX_LEN / PAGE / 64;

/// A set of pages of video memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirtyPages([u64; WORDS]);

impl DirtyPages {
    /// No page.
    pub const NONE: Self = Self([0; WORDS]);
    /// Every page.
    pub const ALL: Self = Self([u64::MAX; WORDS]);

    /// Adds the pages that `len` bytes at `offset` touch.
    pub fn add(&mut self, offset: usize, len: usize) {
        if len == 0 {
            return;
        }
        let (first, last) = (offset / PAGE, offset.saturating_add(len - 1) / PAGE);
        for page in first..=last.min(64 * WORDS - 1) {
            if let Some(word) = self.0.get_mut(page / 64) {
                *word |= 1 << (page % 64);
            }
        }
    }

    /// Sets which of 64 pages, from page `64 * n` on, are in the set.
    pub fn set_word(&mut self, n: usize, pages: u64) {
        if let Some(word) = self.0.get_mut(n) {
            *word = pages;
        }
    }

    /// Whether a page that `len` bytes at `offset` touch is in the set.
    #[must_use]
    pub fn any(&self, offset: usize, len: usize) -> bool {
        let (first, last) = (offset / PAGE, offset.saturating_add(len.saturating_sub(1)) / PAGE);
        (first..=last.min(64 * WORDS - 1))
            .any(|page| self.0.get(page / 64).is_some_and(|word| word >> (page % 64) & 1 != 0))
    }

    /// True if no page is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The first 64 pages, one bit each: the planes of VGA.
    pub(super) fn planes(&self) -> u64 {
        self.0[0]
    }
}

/// The bytes of video memory: at least [`MIN_LEN`] and at most [`MAX_LEN`], a multiple of 64 KB.
pub trait FrameBuffer: fmt::Debug {
    /// All of it.
    fn bytes(&self) -> &[u8];
    /// A range to write to, noted as written; `None` if it does not lie in the memory.
    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]>;
    /// The pages written since this was last asked, by whomever.
    fn take_dirty(&mut self) -> DirtyPages;
}

/// Video memory that nobody but the adapter reaches.
#[derive(Debug)]
pub struct OwnMemory {
    bytes: Vec<u8>,
    dirty: DirtyPages,
}

impl OwnMemory {
    /// `len` bytes of zeros, made a length that video memory can have.
    #[must_use]
    pub fn new(len: usize) -> Self {
        let len = len.clamp(MIN_LEN, MAX_LEN) & !0xFFFF;
        Self { bytes: vec![0; len], dirty: DirtyPages::ALL }
    }
}

impl FrameBuffer for OwnMemory {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        let bytes = self.bytes.get_mut(offset..offset.checked_add(len)?)?;
        self.dirty.add(offset, len);
        Some(bytes)
    }

    fn take_dirty(&mut self) -> DirtyPages {
        std::mem::replace(&mut self.dirty, DirtyPages::NONE)
    }
}

/// The pages that are not all zero, with their numbers.
pub(super) fn used_pages(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8; PAGE])> {
    bytes.as_chunks::<PAGE>().0.iter().enumerate().filter(|(_, page)| !is_zero(*page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_dirty_once() {
        let mut memory = OwnMemory::new(0);
        assert_eq!((memory.bytes().len(), memory.take_dirty()), (MIN_LEN, DirtyPages::ALL));
        assert!(memory.bytes_mut(2 * PAGE - 1, 2).is_some());
        assert!(memory.bytes_mut(MIN_LEN - 1, 2).is_none() && memory.bytes_mut(usize::MAX, 2).is_none());
        let dirty = memory.take_dirty();
        assert!(dirty.any(PAGE, 1) && dirty.any(0, 3 * PAGE) && dirty.any(2 * PAGE + 9, 0));
        assert!(!dirty.any(0, PAGE) && !dirty.any(3 * PAGE, MAX_LEN) && !dirty.any(usize::MAX, 9));
        assert_eq!((dirty.planes(), dirty.is_empty()), (0b110, false));
        assert!(memory.take_dirty().is_empty());
    }

    #[test]
    fn pages_of_zeros_are_not_used() {
        let mut memory = OwnMemory::new(usize::MAX);
        assert_eq!(memory.bytes().len(), MAX_LEN);
        if let Some(last) = memory.bytes_mut(MAX_LEN - 1, 1) {
            last.fill(1);
        }
        let used: Vec<usize> = used_pages(memory.bytes()).map(|(number, _)| number).collect();
        assert_eq!(used, [MAX_LEN / PAGE - 1]);
    }
}
