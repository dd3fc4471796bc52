//! Which bytes of RAM hold decoded (or translated) code.
//!
//! Per page a mask of 64-byte chunks: a write to a page with code takes the slow path, but only a write to a
//! chunk with code invalidates anything, so data beside code does not thrash.

/// Bytes of a chunk.
pub(super) const CHUNK: u64 = 64;

/// Writes that hit code, in order, to be processed once the instruction is done.
#[derive(Debug, Default)]
pub struct CodePages {
    masks: Vec<u64>,
    hits: Vec<(u32, u64)>,
}

/// The chunks that `len` bytes at `offset` in a page touch (the page's end cuts the range).
#[must_use]
pub const fn chunks(offset: u64, len: u64) -> u64 {
    if len == 0 {
        return 0;
    }
    let first = (offset & 0xFFF) / CHUNK;
    let end = (offset & 0xFFF) + len - 1;
    let last = if end > 0xFFF { 63 } else { end / CHUNK };
    (u64::MAX << first) & (u64::MAX >> (63 - last))
}

impl CodePages {
    pub(super) fn new(pages: u64) -> Self {
        Self { masks: vec![0; pages as usize], hits: Vec::new() }
    }

    /// Whether a page (by number) holds code.
    #[inline]
    #[must_use]
    pub fn any(&self, page: u64) -> bool {
        self.masks.get(page as usize).is_some_and(|m| *m != 0)
    }

    /// Whether the byte at a RAM offset lies in a chunk with code.
    #[must_use]
    pub fn at(&self, at: u64) -> bool {
        self.masks.get((at >> 12) as usize).is_some_and(|m| m & chunks(at, 1) != 0)
    }

    /// Sets the mask of a page; true if it had none before.
    pub(super) fn add(&mut self, page: u64, mask: u64) -> bool {
        match self.masks.get_mut(page as usize) {
            Some(m) => {
                let first = *m == 0;
                *m |= mask;
                first
            }
            None => false,
        }
    }

    /// Replaces the mask of a page.
    pub fn set(&mut self, page: u64, mask: u64) {
        if let Some(m) = self.masks.get_mut(page as usize) {
            *m = mask;
        }
    }

    /// Notes a write of `len` bytes at RAM offset `at` (within one page). True if it hit code.
    #[inline]
    pub(super) fn written(&mut self, at: u64, len: u64) -> bool {
        let page = at >> 12;
        match self.masks.get(page as usize) {
            Some(&m) if m & chunks(at, len) != 0 => {
                self.hits.push((page as u32, m & chunks(at, len)));
                true
            }
            _ => false,
        }
    }

    /// Whether writes have hit code since the last [`Self::take_hits`].
    #[inline(always)]
    #[must_use]
    pub fn has_hits(&self) -> bool {
        !self.hits.is_empty()
    }

    /// The writes that hit code: page number and chunks.
    pub fn take_hits(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.hits)
    }
}

#[cfg(test)]
mod tests {
    use super::chunks;

    #[test]
    fn chunk_masks() {
        assert_eq!(chunks(0, 1), 1);
        assert_eq!(chunks(63, 2), 3);
        assert_eq!(chunks(0xFFF, 8), 1 << 63);
        assert_eq!(chunks(0, 4096), u64::MAX);
        assert_eq!(chunks(5, 0), 0);
    }
}
