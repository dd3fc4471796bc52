//! The screen's memory: a part of the block behind RAM, which the processor reads and writes like RAM and the adapter draws
//! from.

use crate::bios::FLASH_LEN;
use cpu::mmu::{Mmu, Shared};
use devices::vga::frame_buffer::{DirtyPages, FrameBuffer, MAX_LEN, OwnMemory};

/// Bytes of it.
pub(crate) const LEN: u64 = MAX_LEN as u64;

/// That part as the adapter sees it.
#[derive(Debug)]
struct Video(Shared);

impl FrameBuffer for Video {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn bytes_mut(&mut self, offset: usize, len: usize) -> Option<&mut [u8]> {
        self.0.bytes_mut(offset, len)
    }

    fn take_dirty(&mut self) -> DirtyPages {
        let mut dirty = DirtyPages::NONE;
        self.0.take_written(|n, pages| dirty.set_word(n, pages));
        dirty
    }
}

/// The part for a new adapter.
pub(crate) fn shared(mmu: &mut Mmu) -> Option<Box<dyn FrameBuffer>> {
    mmu.share(FLASH_LEN, LEN).map(|shared| Box::new(Video(shared)) as Box<dyn FrameBuffer>)
}

/// The same; memory of the adapter's own if there is no such part.
pub(crate) fn memory(mmu: &mut Mmu) -> Box<dyn FrameBuffer> {
    shared(mmu).unwrap_or_else(|| Box::new(OwnMemory::new(MAX_LEN)))
}
