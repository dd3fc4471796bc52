//! Guest RAM: one block of zeroed bytes that never moves or shrinks.
//!
//! Reached by base pointer and offset, never as one slice: `isize` limits a slice to 2 GB on wasm32.

use crate::insn::Width;

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
        Ok(Self { base, size, all })
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
impl Drop for Ram {
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
