//! Guest RAM: one block of zeroed bytes that never moves or shrinks.
//!
//! Reached by base pointer and offset, never as one slice: `isize` limits a slice to 2 GB on wasm32.

use crate::insn::Width;
use std::cell::Cell;
use std::rc::Rc;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// Why RAM could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub bytes: u64,
}

/// Guest RAM, and behind it what else guests see as memory: a firmware's flash, a screen's.
#[derive(Debug)]
pub struct Ram {
    base: *mut u8,
    size: u64,
    /// With what lies behind.
    all: u64,
    /// Goes with the last who has a part of it.
    block: Rc<Owned>,
}

/// The host's memory behind a [`Ram`].
#[derive(Debug)]
struct Owned {
    #[cfg(not(target_arch = "wasm32"))]
    base: *mut u8,
    #[cfg(not(target_arch = "wasm32"))]
    all: u64,
}

/// A part of the block behind RAM that a device of the board reads and writes too: the memory of a screen.
///
/// Which pages were written, by either side, is noted; see [`Shared::take_written`].
#[derive(Debug)]
pub struct Shared {
    base: *mut u8,
    len: usize,
    written: Rc<Written>,
    _block: Rc<Owned>,
}

/// The pages of a [`Shared`] that were written since it was last asked.
#[derive(Debug)]
pub(super) struct Written {
    /// Offset in the block.
    pub(super) at: u64,
    pub(super) len: u64,
    pages: Box<[Cell<u64>]>,
    /// They were looked at: the fast tables must not hold those pages for writing any more.
    looked_at: Cell<bool>,
}

impl Written {
    fn new(at: u64, len: u64) -> Self {
        let words = (len / PAGE).div_ceil(64);
        Self { at, len, pages: (0..words).map(|_| Cell::new(0)).collect(), looked_at: Cell::new(false) }
    }

    /// Notes a write to `len` bytes at an offset in the block, if that lies in the part.
    pub(super) fn note(&self, at: u64, len: u64) {
        let Some(offset) = at.checked_sub(self.at).filter(|offset| *offset < self.len) else { return };
        let last = offset.saturating_add(len.max(1) - 1).min(self.len - 1);
        for page in offset / PAGE..=last / PAGE {
            if let Some(word) = self.pages.get((page / 64) as usize) {
                word.set(word.get() | 1 << (page % 64));
            }
        }
    }

    /// Whether they were looked at since this was last asked.
    pub(super) fn take_looked_at(&self) -> bool {
        self.looked_at.replace(false)
    }
}

impl Shared {
    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the range lies in the block, which lives as long as `self` and is initialised (zeroed). The processor
        // writes it by pointer, while it runs; a device borrows this only while it is asked for something, and the
        // processor does not run meanwhile.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }

    /// A range to write to, which is noted as written; `None` if it does not lie in the part.
    pub fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        if len > self.len || offset > self.len - len {
            return None;
        }
        self.written.note(self.written.at + offset as u64, len as u64);
        // SAFETY: as in `bytes`, and `&mut self` is the device's only handle.
        Some(unsafe { std::slice::from_raw_parts_mut(self.base.add(offset), len) })
    }

    /// Calls `f` with 64 pages at a time, a bit each, that were written since the last call.
    pub fn take_written(&mut self, mut f: impl FnMut(usize, u64)) {
        for (n, word) in self.written.pages.iter().enumerate() {
            f(n, word.replace(0));
        }
        self.written.looked_at.set(true);
    }
}

/// An offset known to lie in RAM with room for the access it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamOffset(pub(super) u64);

impl Ram {
    /// Allocates `size` bytes, rounded up to whole pages, all zero.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the host does not have that much.
    pub fn new(size: u64) -> Result<Self, OutOfMemory> {
        Self::with_more(size, 0)
    }

    /// Allocates `size` bytes of RAM and `more` behind it, both rounded up to whole pages, all zero.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the host does not have that much.
    pub fn with_more(size: u64, more: u64) -> Result<Self, OutOfMemory> {
        let size = size.div_ceil(PAGE) * PAGE;
        let all = size + more.div_ceil(PAGE) * PAGE;
        let base = allocate(all).ok_or(OutOfMemory { bytes: all })?;
        #[cfg(not(target_arch = "wasm32"))]
        let block = Rc::new(Owned { base, all });
        #[cfg(target_arch = "wasm32")]
        let block = Rc::new(Owned {});
        Ok(Self { base, size, all, block })
    }

    /// A part of what lies behind RAM, `behind` bytes behind it, and who notes writes to it. `None` if it does not lie
    /// there.
    pub(super) fn share(&mut self, behind: u64, len: u64) -> Option<(Shared, Rc<Written>)> {
        let at = self.size.checked_add(behind)?;
        self.place(at, len)?;
        let written = Rc::new(Written::new(at, len));
        // SAFETY: the range lies in the block.
        let base = unsafe { self.base.add(at as usize) };
        let shared =
            Shared { base, len: len as usize, written: Rc::clone(&written), _block: Rc::clone(&self.block) };
        Some((shared, written))
    }

    /// Bytes of RAM.
    #[inline(always)]
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes with those behind RAM.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.all
    }

    /// Address of the first byte in the host's memory, for translated code.
    #[must_use]
    pub fn host_base(&self) -> usize {
        self.base as usize
    }

    /// `offset` as a checked place for an access of `len` bytes.
    #[inline]
    #[must_use]
    pub fn place(&self, offset: u64, len: u64) -> Option<RamOffset> {
        (len <= self.all && offset <= self.all - len).then_some(RamOffset(offset))
    }

    /// Reads a little-endian value.
    #[inline(always)]
    #[must_use]
    pub fn read(&self, at: RamOffset, w: Width) -> u64 {
        // SAFETY: a RamOffset lies in RAM with room for its access (it is made by `place` and by the TLB,
        // which maps whole pages of RAM), and RAM never shrinks.
        unsafe {
            let p = self.base.add(at.0 as usize);
            match w {
                Width::W8 => u64::from(p.read()),
                Width::W16 => u64::from(p.cast::<u16>().read_unaligned()),
                Width::W32 => u64::from(p.cast::<u32>().read_unaligned()),
                Width::W64 => p.cast::<u64>().read_unaligned(),
            }
        }
    }

    /// Writes a little-endian value.
    #[inline(always)]
    pub fn write(&mut self, at: RamOffset, w: Width, v: u64) {
        // SAFETY: as in `read`; `&mut self` makes the access exclusive.
        unsafe {
            let p = self.base.add(at.0 as usize);
            match w {
                Width::W8 => p.write(v as u8),
                Width::W16 => p.cast::<u16>().write_unaligned(v as u16),
                Width::W32 => p.cast::<u32>().write_unaligned(v as u32),
                Width::W64 => p.cast::<u64>().write_unaligned(v),
            }
        }
    }

    /// A range as a slice, if it lies in RAM.
    #[must_use]
    pub fn slice(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let at = self.place(offset, len as u64)?;
        // SAFETY: the range lies in RAM, which is initialised (zeroed), and is borrowed from self.
        Some(unsafe { std::slice::from_raw_parts(self.base.add(at.0 as usize), len) })
    }

    /// A range as a mutable slice, if it lies in RAM.
    pub fn slice_mut(&mut self, offset: u64, len: usize) -> Option<&mut [u8]> {
        let at = self.place(offset, len as u64)?;
        // SAFETY: as in `slice`, and exclusively borrowed.
        Some(unsafe { std::slice::from_raw_parts_mut(self.base.add(at.0 as usize), len) })
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn layout(size: u64) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(usize::try_from(size).ok()?.max(1), PAGE as usize).ok()
}

#[cfg(not(target_arch = "wasm32"))]
fn allocate(size: u64) -> Option<*mut u8> {
    let layout = layout(size)?;
    // SAFETY: the layout has a size of at least one byte.
    let p = unsafe { std::alloc::alloc_zeroed(layout) };
    (!p.is_null()).then_some(p)
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.all) {
            // SAFETY: allocated in `allocate` with this same layout.
            unsafe { std::alloc::dealloc(self.base, layout) }
        }
    }
}

/// On wasm, RAM is fresh pages of linear memory: zero without being touched, and not bound by the
/// allocator's limit of 2 GB. They are never returned; a machine's memory ends with its worker.
#[cfg(target_arch = "wasm32")]
fn allocate(size: u64) -> Option<*mut u8> {
    const WASM_PAGE: u64 = 65536;
    let pages = usize::try_from(size.div_ceil(WASM_PAGE)).ok()?;
    let first = core::arch::wasm32::memory_grow(0, pages);
    (first != usize::MAX).then(|| (first * WASM_PAGE as usize) as *mut u8)
}
