//! Which addresses are memory: for the processor, for DMA, and in words for a guest (E820).

use crate::board::Board;
use bus::{Dma, DmaError, PhysAddr, is_zero};
use cpu::Processor;
use cpu::mmu::{Mmu, Target};
use devices::local_apic::Message;

/// The end of conventional memory; the BIOS keeps the last kilobyte below the screen.
pub(crate) const LOW_END: u64 = 0x9_FC00;
/// Where the BIOS's area with the tables for the guest begins.
pub(crate) const TABLES: u64 = 0xE_0000;
/// Extended memory.
pub(crate) const HIGH: u64 = 0x10_0000;

/// A range as INT 15h, E820h describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct E820 {
    pub(crate) base: u64,
    pub(crate) len: u64,
    pub(crate) kind: E820Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum E820Kind {
    Ram = 1,
    Reserved = 2,
}

/// The memory map of a machine with `ram` bytes.
pub(crate) fn e820(ram: u64) -> [E820; 4] {
    let range = |base, end, kind| E820 { base, len: end - base, kind };
    [
        range(0, LOW_END, E820Kind::Ram),
        range(LOW_END, 0xA_0000, E820Kind::Reserved),
        range(TABLES, HIGH, E820Kind::Reserved),
        range(HIGH, ram.max(HIGH), E820Kind::Ram),
    ]
}

/// Tells the processor's memory how the board's map stands.
pub(crate) fn apply(board: &mut Board, mmu: &mut Mmu) {
    if !std::mem::take(&mut board.map_changed) {
        return;
    }
    for (start, end, kind) in board.low_memory() {
        mmu.set_low_pages(start, end, kind);
    }
    mmu.set_a20(board.a20());
    mmu.place_shared(board.frame_buffer());
}

/// Fills all of RAM with zeros. Pages that hold nothing else are only read: what no guest has used takes no memory of the host.
pub(crate) fn clear(processor: &mut Processor) {
    const STEP: usize = 1 << 12;
    let size = processor.mmu.ram().size();
    for at in (0..size).step_by(STEP) {
        let written = processor.mmu.ram().slice(at, STEP).is_some_and(|page| !is_zero(page));
        if let Some(page) = processor.mmu.ram_mut().slice_mut(at, STEP).filter(|_| written) {
            page.fill(0);
            processor.mmu.ram_written(at, STEP as u64);
        }
    }
}

/// RAM as a bus master sees it: every page of a transfer leads to RAM, or nothing is moved. What it writes where interrupt
/// messages go is kept for the board.
pub(crate) struct RamDma<'a> {
    mmu: &'a mut Mmu,
    messages: Vec<(PhysAddr, u32)>,
}

impl<'a> RamDma<'a> {
    pub(crate) fn new(mmu: &'a mut Mmu) -> Self {
        Self { mmu, messages: Vec::new() }
    }

    /// The messages that were written.
    pub(crate) fn messages(self) -> Vec<(PhysAddr, u32)> {
        self.messages
    }

    /// The pieces of a range as RAM offset and length, one per page.
    fn pieces(&self, at: PhysAddr, len: usize, write: bool) -> Result<Vec<(u64, usize)>, DmaError> {
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < len {
            let addr = at.0.checked_add(done as u64).ok_or(DmaError::NoMemory)?;
            let n = (0x1000 - (addr & 0xFFF) as usize).min(len - done);
            let target = if write { self.mmu.write_target(addr) } else { self.mmu.read_target(addr) };
            match target {
                Target::Ram(offset) => pieces.push((offset, n)),
                Target::Device(_) | Target::Ignored => return Err(DmaError::NoMemory),
            }
            done += n;
        }
        Ok(pieces)
    }
}

impl Dma for RamDma<'_> {
    fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
        let mut rest = into;
        for (offset, n) in self.pieces(from, rest.len(), false)? {
            let (now, later) = rest.split_at_mut(n);
            now.copy_from_slice(self.mmu.ram().slice(offset, n).ok_or(DmaError::NoMemory)?);
            rest = later;
        }
        Ok(())
    }

    fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
        if Message::is_address(to.0)
            && let Ok(data) = data.try_into()
        {
            self.messages.push((to, u32::from_le_bytes(data)));
            return Ok(());
        }
        let mut rest = data;
        for (offset, n) in self.pieces(to, rest.len(), true)? {
            let (now, later) = rest.split_at(n);
            if !self.mmu.load_ram(offset, now) {
                return Err(DmaError::NoMemory);
            }
            rest = later;
        }
        Ok(())
    }
}
