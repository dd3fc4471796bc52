//! Video memory: four planes of 64 KB, and the way of a processor access through sequencer and graphics
//! controller (PS/2 Technical Reference, "Video Memory Addressing" and "Graphics Controller").
//!
//! The same address of all four planes is one `u32` (plane 0 in the low byte), as the hardware has it:
//! the latches are one such word, and a write in any mode is a handful of operations on whole words.
//!
//! Odd/even addressing keeps the address and clears its low bit, chain-4 clears its low two bits; the
//! CRTC's word and doubleword modes skip the same places (see `crtc::Addressing`). So a byte of mode 13h
//! lies elsewhere in the linear frame buffer than at its own address.
//!
//! The planes are the first 256 KB of the frame buffer; the VBE modes reach all of it, and their window
//! (but for that of four bits) leads past all this.

use super::frame_buffer::{self, FrameBuffer};
use super::spec::{DataRotate, GraphicsMiscellaneous, GraphicsMode, MemoryMode};
use serde::{Deserialize, Serialize};

/// Addresses in one plane.
pub(super) const PLANE: usize = 0x1_0000;

/// The registers that an access depends on, gathered from sequencer and graphics controller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) memory_mode: MemoryMode,
    pub(super) map_mask: u8,
    pub(super) set_reset: u8,
    pub(super) enable_set_reset: u8,
    pub(super) color_compare: u8,
    pub(super) rotate: DataRotate,
    pub(super) read_map: u8,
    pub(super) mode: GraphicsMode,
    pub(super) miscellaneous: GraphicsMiscellaneous,
    pub(super) color_dont_care: u8,
    pub(super) bit_mask: u8,
    /// The 64 KB of each plane (or of memory, if linear) that the window shows.
    pub(super) bank: usize,
    /// The window shows bytes of memory as they are.
    pub(super) linear: bool,
}

/// The planes and their latches.
#[derive(Debug)]
pub(super) struct Memory {
    buffer: Box<dyn FrameBuffer>,
    latches: u32,
}

/// One bit per plane to one byte per plane.
const fn planes(mask: u8) -> u32 {
    const BYTES: [u32; 16] = {
        let mut bytes = [0; 16];
        let mut mask = 0;
        while mask < 16 {
            let mut plane = 0;
            while plane < 4 {
                if mask >> plane & 1 != 0 {
                    bytes[mask] |= 0xFF << (8 * plane);
                }
                plane += 1;
            }
            mask += 1;
        }
        bytes
    };
    BYTES[(mask & 15) as usize]
}

/// The same byte in every plane.
const fn all(byte: u8) -> u32 {
    byte as u32 * 0x0101_0101
}

impl Access {
    /// Whether the bytes of a write reach memory as they are.
    fn writes_plainly(self) -> bool {
        let Self { map_mask, enable_set_reset, bit_mask, rotate, mode, .. } = self;
        map_mask == 15
            && enable_set_reset == 0
            && bit_mask == 0xFF
            && (rotate.count(), rotate.function(), mode.write_mode()) == (0, 0, 0)
    }

    /// The place in the frame buffer of a whole access through the window, if it is one piece there: in VBE
    /// modes, and in mode 13h, whose four planes at an address are four bytes that follow each other.
    fn in_one_piece(self, offset: u64, bytes: u32) -> Option<usize> {
        let at = self.in_window(offset)?;
        self.in_window(offset.saturating_add(u64::from(bytes) - 1))?;
        if self.linear {
            return Some(self.bank << 16 | at as usize);
        }
        let (at, byte) = (at as u16 & !3, at & 3);
        (self.memory_mode.chain_4() && byte + bytes <= 4).then_some(4 * usize::from(at) + byte as usize)
    }

    /// Where an offset into A0000h-BFFFFh lies in the window that is mapped, if in it.
    fn in_window(self, offset: u64) -> Option<u32> {
        let (base, len) = match self.miscellaneous.memory_map() {
            0 => (0, 0x2_0000),
            1 => (0, 0x1_0000),
            2 => (0x1_0000, 0x8000),
            _ => (0x1_8000, 0x8000),
        };
        let inside = offset.checked_sub(base)?;
        (inside < len).then_some(inside as u32)
    }

    /// The address in a plane with the low bit of odd/even addressing replaced.
    fn odd_even_address(self, offset: u32) -> u16 {
        // With the 128 KB window the replacement is bit 16; in the smaller ones the display reads even
        // addresses, whatever the page bit of miscellaneous output says.
        let high = self.miscellaneous.chain_odd_even() && self.miscellaneous.memory_map() == 0;
        offset as u16 & !1 | u16::from(high && offset >> 16 & 1 != 0)
    }
}

impl Memory {
    pub(super) fn new(buffer: Box<dyn FrameBuffer>) -> Self {
        Self { buffer, latches: 0 }
    }

    /// Moves what is in memory to another block of the same length; false, and nothing done, if it is not.
    pub(super) fn move_to(&mut self, mut to: Box<dyn FrameBuffer>) -> bool {
        let from = self.bytes();
        if to.bytes().len() != from.len() {
            return false;
        }
        if let Some(bytes) = to.bytes_mut(0, from.len()) {
            bytes.copy_from_slice(from);
        }
        self.buffer = to;
        true
    }

    /// All of memory.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The planes, for reading whole pictures.
    pub(super) fn cells(&self) -> Option<&[[u8; 4]; PLANE]> {
        self.bytes().as_chunks::<4>().0.first_chunk()
    }

    /// See [`FrameBuffer::take_dirty`].
    pub(super) fn take_dirty(&mut self) -> frame_buffer::DirtyPages {
        self.buffer.take_dirty()
    }

    /// Fills what is not zero in the first `len` bytes with zeros.
    pub(super) fn clear(&mut self, len: usize) {
        let len = len.min(self.bytes().len());
        let used = frame_buffer::used_pages(&self.bytes()[..len]).map(|(page, _)| page).collect::<Vec<_>>();
        for page in used {
            self.buffer
                .bytes_mut(page * frame_buffer::PAGE, frame_buffer::PAGE)
                .into_iter()
                .for_each(|bytes| bytes.fill(0));
        }
        let rest = len % frame_buffer::PAGE;
        self.buffer.bytes_mut(len - rest, rest).into_iter().for_each(|bytes| bytes.fill(0));
    }

    /// After a reset: all zero.
    pub(super) fn reset(&mut self) {
        self.clear(usize::MAX);
        self.latches = 0;
    }

    /// Sets one byte of a plane, as start-up without a VGA BIOS does.
    pub(super) fn set(&mut self, plane: u8, address: u16, value: u8) {
        let keep = !planes(1 << (plane & 3));
        let cell = self.cell(address.into()).unwrap_or(0) & keep | all(value) & !keep;
        self.set_cell(address.into(), cell);
    }

    /// Bytes of the linear frame buffer; `None` beyond its end.
    pub(super) fn read_linear(&self, offset: usize, bytes: u32) -> Option<u32> {
        let bytes = self.bytes().get(offset..offset.checked_add(bytes as usize)?)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// Writes bytes of the linear frame buffer; `None` beyond its end.
    pub(super) fn write_linear(&mut self, offset: usize, bytes: u32, value: u32) -> Option<()> {
        let to = self.buffer.bytes_mut(offset, bytes as usize)?;
        to.iter_mut().zip(value.to_le_bytes()).for_each(|(to, byte)| *to = byte);
        Some(())
    }

    /// A processor's read at `offset` in A0000h-BFFFFh, if it can be done at once.
    pub(super) fn read_whole(&mut self, access: Access, offset: u64, bytes: u32) -> Option<u32> {
        let at =
            access.in_one_piece(offset, bytes).filter(|_| access.linear || !access.mode.read_compare())?;
        if !access.linear {
            self.latches = self.cell(at / 4)?;
        }
        self.read_linear(at, bytes)
    }

    /// A processor's write at `offset`, if it can be done at once.
    pub(super) fn write_whole(&mut self, access: Access, offset: u64, bytes: u32, value: u32) -> Option<()> {
        let at = access.in_one_piece(offset, bytes).filter(|_| access.linear || access.writes_plainly())?;
        self.write_linear(at, bytes, value)
    }

    /// A processor's read of the byte at `offset` in A0000h-BFFFFh; `None` outside the window.
    pub(super) fn read(&mut self, access: Access, offset: u64) -> Option<u8> {
        let at = access.in_window(offset)?;
        if access.linear {
            return self.read_linear(access.bank << 16 | at as usize, 1).map(|byte| byte as u8);
        }
        let (address, plane) = if access.memory_mode.chain_4() {
            (at as u16 & !3, at as u8 & 3)
        } else if access.mode.odd_even() {
            (access.odd_even_address(at), access.read_map & 2 | at as u8 & 1)
        } else {
            (at as u16, access.read_map & 3)
        };
        self.latches = self.cell(access.bank << 16 | usize::from(address)).unwrap_or(u32::MAX);
        if access.mode.read_compare() {
            let differs = (self.latches ^ planes(access.color_compare)) & planes(access.color_dont_care);
            let [a, b, c, d] = differs.to_le_bytes();
            return Some(!(a | b | c | d));
        }
        Some((self.latches >> (8 * plane)) as u8)
    }

    /// A processor's write of the byte at `offset`; `None` outside the window.
    pub(super) fn write(&mut self, access: Access, offset: u64, value: u8) -> Option<()> {
        let at = access.in_window(offset)?;
        if access.linear {
            return self.write_linear(access.bank << 16 | at as usize, 1, value.into());
        }
        let (address, reached) = if access.memory_mode.chain_4() {
            (at as u16 & !3, 1 << (at & 3))
        } else if !access.memory_mode.sequential() {
            (access.odd_even_address(at), 0b0101 << (at & 1))
        } else {
            (at as u16, 0b1111)
        };
        let rotated = value.rotate_right(access.rotate.count().into());
        let latches = self.latches;
        let combine = |data: u32| match access.rotate.function() {
            0 => data,
            1 => data & latches,
            2 => data | latches,
            _ => data ^ latches,
        };
        let (data, bits) = match access.mode.write_mode() {
            0 => {
                let set = planes(access.enable_set_reset);
                let data = all(rotated) & !set | planes(access.set_reset) & set;
                (combine(data), all(access.bit_mask))
            }
            1 => (latches, !0),
            2 => (combine(planes(value)), all(access.bit_mask)),
            _ => (combine(planes(access.set_reset)), all(rotated & access.bit_mask)),
        };
        let data = data & bits | latches & !bits;
        let mask = planes(access.map_mask & reached);
        let address = access.bank << 16 | usize::from(address);
        let old = self.cell(address)?;
        let new = old & !mask | data & mask;
        if new != old {
            self.set_cell(address, new);
        }
        Some(())
    }

    fn cell(&self, address: usize) -> Option<u32> {
        self.bytes().as_chunks::<4>().0.get(address).map(|cell| u32::from_le_bytes(*cell))
    }

    fn set_cell(&mut self, address: usize, cell: u32) {
        if let Some(bytes) = self.buffer.bytes_mut(4 * address, 4) {
            bytes.copy_from_slice(&cell.to_le_bytes());
        }
    }

    /// Length, the pages that are not all zero, and the latches, to be saved.
    pub(super) fn save(&self) -> MemoryV1 {
        let Self { buffer, latches } = self;
        MemoryV1 {
            len: buffer.bytes().len() as u32,
            pages: frame_buffer::used_pages(buffer.bytes())
                .map(|(number, bytes)| (number as u32, bytes.to_vec()))
                .collect(),
            latches: *latches,
        }
    }

    /// Whether [`Self::restore`] can take it.
    pub(super) fn check(&self, saved: &MemoryV1) -> Result<(), &'static str> {
        let MemoryV1 { len, pages, latches: _ } = saved;
        let here = self.bytes().len();
        if *len as usize != here {
            return Err("video memory is of another size");
        }
        let sound = |(number, bytes): &(u32, Vec<u8>)| {
            (*number as usize) < here / frame_buffer::PAGE
                && bytes.len() == frame_buffer::PAGE
                && bytes.iter().any(|byte| *byte != 0)
        };
        if !pages.iter().all(sound) || !pages.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("a page of video memory is not one");
        }
        Ok(())
    }

    /// Takes over what was saved and has been checked.
    pub(super) fn restore(&mut self, saved: &MemoryV1) {
        self.clear(usize::MAX);
        for (number, bytes) in &saved.pages {
            let offset = *number as usize * frame_buffer::PAGE;
            if let Some(page) = self.buffer.bytes_mut(offset, bytes.len()) {
                page.copy_from_slice(bytes);
            }
        }
        self.latches = saved.latches;
    }
}

/// Saved [`Memory`]: pages with their numbers; those left out are zero.
#[derive(Serialize, Deserialize)]
pub(super) struct MemoryV1 {
    len: u32,
    pages: Vec<(u32, Vec<u8>)>,
    latches: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> Memory {
        Memory::new(Box::new(frame_buffer::OwnMemory::new(0)))
    }

    impl Memory {
        fn planes_at(&self, address: u16) -> [u8; 4] {
            self.cell(address.into()).unwrap_or(0).to_le_bytes()
        }
    }

    /// Planar graphics at A0000h, everything written as it comes.
    fn planar() -> Access {
        Access {
            memory_mode: MemoryMode::new().with_extended_memory(true).with_sequential(true),
            map_mask: 0xF,
            set_reset: 0,
            enable_set_reset: 0,
            color_compare: 0,
            rotate: DataRotate::new(),
            read_map: 0,
            mode: GraphicsMode::new(),
            miscellaneous: GraphicsMiscellaneous::new().with_graphics(true).with_memory_map(1),
            color_dont_care: 0xF,
            bit_mask: 0xFF,
            bank: 0,
            linear: false,
        }
    }

    #[test]
    fn windows_end_where_they_end() {
        let mut memory = new();
        for (map, first, last) in
            [(0, 0, 0x1_FFFF), (1, 0, 0xFFFF), (2, 0x1_0000, 0x1_7FFF), (3, 0x1_8000, 0x1_FFFF)]
        {
            let access =
                Access { miscellaneous: GraphicsMiscellaneous::new().with_memory_map(map), ..planar() };
            assert!(memory.read(access, first).is_some() && memory.read(access, last).is_some());
            assert!(memory.read(access, last + 1).is_none());
            assert!(first == 0 || memory.write(access, first - 1, 0).is_none());
        }
    }

    #[test]
    fn text_cells_lie_in_planes_0_and_1() {
        let mut memory = new();
        let access = Access {
            memory_mode: MemoryMode::new().with_extended_memory(true),
            map_mask: 0b0011,
            mode: GraphicsMode::new().with_odd_even(true),
            miscellaneous: GraphicsMiscellaneous::new().with_chain_odd_even(true).with_memory_map(3),
            ..planar()
        };
        assert_eq!(memory.write(access, 0x1_8004, 0x41), Some(()));
        memory.take_dirty();
        assert_eq!(memory.write(access, 0x1_8005, 0x1F), Some(()));
        assert!(!memory.take_dirty().is_empty());
        assert_eq!(memory.write(access, 0x1_8005, 0x1F), Some(()));
        assert!(memory.take_dirty().is_empty(), "nothing has changed");
        assert_eq!(memory.planes_at(4), [0x41, 0x1F, 0, 0]);
        assert_eq!(memory.read(access, 0x1_8004), Some(0x41));
        assert_eq!(memory.read(access, 0x1_8005), Some(0x1F));
    }

    #[test]
    fn write_mode_0_sets_rotates_combines_and_masks() {
        let mut memory = new();
        let access = Access { enable_set_reset: 0b0011, set_reset: 0b0001, bit_mask: 0xF0, ..planar() };
        memory.write(access, 0, 0xAA);
        assert_eq!(memory.planes_at(0), [0xF0, 0, 0xA0, 0xA0]);
        memory.read(access, 0);
        let access =
            Access { rotate: DataRotate::new().with_count(4).with_function(3), map_mask: 0b1100, ..planar() };
        memory.write(access, 0, 0x0F);
        assert_eq!(memory.planes_at(0), [0xF0, 0, 0x50, 0x50]);
    }

    #[test]
    fn write_modes_1_to_3_use_latches_colors_and_masks() {
        let mut memory = new();
        for plane in 0..4 {
            memory.set(plane, 7, 0x11 * (plane + 1));
        }
        let mode = |n| Access { mode: GraphicsMode::new().with_write_mode(n), ..planar() };
        memory.read(mode(1), 7);
        memory.write(mode(1), 8, 0xFF);
        assert_eq!(memory.planes_at(8), [0x11, 0x22, 0x33, 0x44]);
        memory.write(Access { bit_mask: 0x0F, ..mode(2) }, 9, 0b0101);
        assert_eq!(memory.planes_at(9), [0x1F, 0x20, 0x3F, 0x40]);
        memory.write(Access { set_reset: 0b1000, bit_mask: 0x3C, ..mode(3) }, 10, 0xF0);
        assert_eq!(memory.planes_at(10), [0x01, 0x02, 0x03, 0x74]);
    }

    #[test]
    fn chain_4_spreads_bytes_over_the_planes() {
        let mut memory = new();
        let access =
            Access { memory_mode: MemoryMode::new().with_sequential(true).with_chain_4(true), ..planar() };
        for n in 0..8 {
            memory.write(access, n, n as u8 + 1);
        }
        assert_eq!(memory.planes_at(0), [1, 2, 3, 4]);
        assert_eq!(memory.planes_at(4), [5, 6, 7, 8]);
        assert_eq!(memory.read(access, 6), Some(7));
        assert_eq!(memory.read_whole(access, 4, 4), Some(0x0807_0605));
        assert_eq!(memory.latches, 0x0807_0605);
        assert_eq!(memory.read_whole(access, 5, 4), None);
        assert_eq!(memory.write_whole(access, 6, 2, 0xABCD), Some(()));
        assert_eq!(memory.planes_at(4), [5, 6, 0xCD, 0xAB]);
        assert_eq!(memory.write_whole(Access { bit_mask: 0xFE, ..access }, 6, 2, 0), None);
        assert_eq!(memory.write_whole(access, 0xFFFE, 4, 0), None);
    }

    #[test]
    fn read_mode_1_compares_colors() {
        let mut memory = new();
        memory.set(0, 0, 0b1100);
        memory.set(2, 0, 0b1010);
        let access =
            Access { mode: GraphicsMode::new().with_read_compare(true), color_compare: 0b0101, ..planar() };
        assert_eq!(memory.read(access, 0), Some(0b1000));
        assert_eq!(memory.read(Access { color_dont_care: 0b0001, ..access }, 0), Some(0b1100));
    }
}
