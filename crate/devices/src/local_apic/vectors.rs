//! A set of vectors: IRR, ISR and TMR, 256 bits each.

/// A set of vectors, as eight registers hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vectors(pub(super) [u32; 8]);

impl Vectors {
    pub(super) fn put(&mut self, vector: u8, on: bool) {
        if let Some(word) = self.0.get_mut(usize::from(vector >> 5)) {
            let bit = 1 << (vector & 31);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    pub(super) fn has(&self, vector: u8) -> bool {
        self.word(vector >> 5) >> (vector & 31) & 1 != 0
    }

    /// One of the eight registers.
    pub(super) fn word(&self, n: u8) -> u32 {
        self.0.get(usize::from(n)).copied().unwrap_or(0)
    }

    /// The highest vector: the one of the highest priority.
    pub(super) fn highest(&self) -> Option<u8> {
        let (n, word) = (0u8..8).zip(self.0).rev().find(|(_, word)| *word != 0)?;
        Some(n << 5 | 31 - word.leading_zeros() as u8)
    }

    /// Whether a vector below 16 is in it, which no state can have.
    pub(super) fn has_illegal(&self) -> bool {
        self.word(0) & 0xFFFF != 0
    }
}
