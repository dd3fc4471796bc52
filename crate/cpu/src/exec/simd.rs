//! MMX and SSE micro-operations on numbers: registers, memory, availability. Packed integers are in `int`,
//! floating point in `float`.

mod aes;
mod carryless;
mod float;
mod int;
mod strings;

use super::Exec;
use crate::fault::Stop;
use crate::float::F80;
use crate::insn::Width;
use crate::state::mode;
use x86::{Seg, cr0, cr4, vector};

pub(super) use carryless::crc32;
pub(super) use int::{blend, packed as int, shuffle, signs, test};
pub(super) use strings::compare as strings;

/// Bits of MXCSR that exist, DAZ included (SDM vol. 1, 10.2.3).
pub(crate) const MXCSR_BITS: u32 = 0xFFFF;
/// ES in the x87 status word: an unmasked exception is pending (SDM vol. 1, 8.1.3.3).
const ES: u16 = 1 << 7;
/// TOP in the x87 status word.
const TOP: u16 = 7 << 11;

/// The 128 bits of two halves.
#[inline(always)]
pub(super) const fn join(low: u64, high: u64) -> u128 {
    low as u128 | (high as u128) << 64
}

/// The two halves.
#[inline(always)]
const fn halves(v: u128) -> [u64; 2] {
    [v as u64, (v >> 64) as u64]
}

/// An element.
#[inline(always)]
pub(super) const fn part(w: Width, lane: u8, v: u128) -> u64 {
    (v >> (lane as u32 * w.bits() & 127)) as u64 & w.mask()
}

/// A vector with an element replaced.
#[inline(always)]
pub(super) const fn with(w: Width, lane: u8, v: u128, x: u64) -> u128 {
    let shift = lane as u32 * w.bits() & 127;
    v & !((w.mask() as u128) << shift) | ((x & w.mask()) as u128) << shift
}

// ---- registers ----

impl Exec<'_> {
    #[inline(always)]
    pub(super) fn get_mmx(&self, r: u8) -> u64 {
        self.cpu.fpu.st[usize::from(r & 7)].mant
    }

    #[inline(always)]
    pub(super) fn put_mmx(&mut self, r: u8, v: u64) {
        self.cpu.fpu.st[usize::from(r & 7)] = F80 { mant: v, se: 0xFFFF };
    }

    #[inline(always)]
    pub(super) fn touch_mmx(&mut self, empty: bool) {
        self.cpu.fpu.status &= !TOP;
        self.cpu.fpu.empty = if empty { 0xFF } else { 0 };
    }

    #[inline(always)]
    pub(super) fn get_xmm(&self, r: u8) -> u128 {
        let [low, high] = self.cpu.xmm[usize::from(r & 15)];
        join(low, high)
    }

    #[inline(always)]
    pub(super) fn put_xmm(&mut self, r: u8, v: u128) {
        self.cpu.xmm[usize::from(r & 15)] = halves(v);
    }

    #[inline(always)]
    pub(super) fn get_xmm_part(&self, w: Width, r: u8, lane: u8) -> u64 {
        let bit = u32::from(lane) * w.bits() & 127;
        self.cpu.xmm[usize::from(r & 15)][(bit >> 6) as usize] >> (bit & 63) & w.mask()
    }

    #[inline(always)]
    pub(super) fn put_xmm_part(&mut self, w: Width, r: u8, lane: u8, v: u64) {
        let bit = u32::from(lane) * w.bits() & 127;
        let half = &mut self.cpu.xmm[usize::from(r & 15)][(bit >> 6) as usize];
        *half = *half & !(w.mask() << (bit & 63)) | (v & w.mask()) << (bit & 63);
    }
}

// ---- availability ----

impl Exec<'_> {
    /// SDM vol. 3, table 12-1 and 12.5.1.
    #[inline(always)]
    pub(super) fn enter_mmx(&mut self) -> Result<(), Stop> {
        if self.cpu.mode & mode::NO_X87 == 0 && self.cpu.fpu.status & ES == 0 {
            Ok(())
        } else {
            self.mmx_refused()
        }
    }

    #[cold]
    fn mmx_refused(&mut self) -> Result<(), Stop> {
        if self.cpu.cr0 & cr0::EM != 0 {
            return Err(self.ud());
        }
        if self.cpu.cr0 & cr0::TS != 0 {
            return Err(self.exception(vector::NM));
        }
        self.fpu_enter(true)
    }

    /// SDM vol. 3, table 13-1.
    #[inline(always)]
    pub(super) fn enter_sse(&mut self) -> Result<(), Stop> {
        if self.cpu.mode & mode::NO_SSE == 0 { Ok(()) } else { Err(self.sse_refused()) }
    }

    #[cold]
    fn sse_refused(&mut self) -> Stop {
        if self.cpu.cr0 & cr0::EM != 0 || self.cpu.cr4 & cr4::OSFXSR == 0 {
            return self.ud();
        }
        self.exception(vector::NM)
    }

    /// LDMXCSR: #GP(0) for reserved bits (SDM vol. 1, 10.2.3).
    pub(super) fn put_mxcsr(&mut self, v: u64) -> Result<(), Stop> {
        if v as u32 & !MXCSR_BITS != 0 {
            return Err(self.gp0());
        }
        self.cpu.mxcsr = v as u32;
        Ok(())
    }
}

// ---- memory ----

impl Exec<'_> {
    /// The linear address of 16 bytes. Alignment is that of the linear address, and comes before the limit:
    /// #GP(0) also in the stack segment (observed on silicon).
    #[inline(always)]
    fn linear_vec(&mut self, seg: Seg, ea: u64, aligned: bool, write: bool) -> Result<u64, Stop> {
        match self.linear(seg, ea, 16, write) {
            Ok(lin) if aligned && lin & 15 != 0 => Err(self.gp0()),
            Ok(lin) => Ok(lin),
            Err(_) if aligned && self.cpu.seg(seg).base.wrapping_add(ea) & 15 != 0 => Err(self.gp0()),
            Err(stop) => Err(stop),
        }
    }

    #[inline(always)]
    pub(super) fn read_vec(&mut self, seg: Seg, ea: u64, aligned: bool) -> Result<u128, Stop> {
        let lin = self.linear_vec(seg, ea, aligned, false)?;
        match self.mmu.fast_load_vec(lin) {
            Some([low, high]) => Ok(join(low, high)),
            None => self.read_vec_slow(lin),
        }
    }

    #[inline(never)]
    fn read_vec_slow(&mut self, lin: u64) -> Result<u128, Stop> {
        self.check_alignment(lin, 16)?;
        let low = self.read_mem(Width::W64, Seg::Flat, lin)?;
        Ok(join(low, self.read_mem(Width::W64, Seg::Flat, lin + 8 & 0xFFFF_FFFF)?))
    }

    #[inline(always)]
    pub(super) fn write_vec(&mut self, seg: Seg, ea: u64, aligned: bool, v: u128) -> Result<(), Stop> {
        let lin = self.linear_vec(seg, ea, aligned, true)?;
        if self.mmu.fast_store_vec(lin, halves(v)) { Ok(()) } else { self.write_vec_slow(lin, v) }
    }

    #[inline(never)]
    fn write_vec_slow(&mut self, lin: u64, v: u128) -> Result<(), Stop> {
        self.check_alignment(lin, 16)?;
        // Both parts are checked before either is written.
        self.probe_mem(Seg::Flat, lin, 16, true)?;
        let [low, high] = halves(v);
        self.write_mem(Width::W64, Seg::Flat, lin, low)?;
        self.write_mem(Width::W64, Seg::Flat, lin + 8 & 0xFFFF_FFFF, high)
    }

    /// MASKMOVQ, MASKMOVDQU. The whole range is checked, whatever the mask: the manual leaves it open
    /// (SDM vol. 2, MASKMOVDQU).
    pub(super) fn write_masked(
        &mut self,
        seg: Seg,
        bytes: u8,
        ea: u64,
        v: u128,
        mask: u128,
    ) -> Result<(), Stop> {
        let lin = self.linear(seg, ea, u32::from(bytes), true)?;
        self.probe_mem(Seg::Flat, lin, u32::from(bytes), true)?;
        let (v, mask) = (v.to_le_bytes(), mask.to_le_bytes());
        for n in (0..usize::from(bytes.min(16))).filter(|&n| mask[n] & 0x80 != 0) {
            self.write_mem(Width::W8, Seg::Flat, lin + n as u64 & 0xFFFF_FFFF, u64::from(v[n]))?;
        }
        Ok(())
    }
}
