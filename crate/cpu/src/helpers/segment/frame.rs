//! Pushing several values as one: a far call, an interrupt, a gate with parameters.
//!
//! The stack may be one that is not loaded yet (an inner privilege level's). All values are collected, then
//! every byte is checked, then nothing can fail any more and the frame is written.
//!
//! Data breakpoints on it are noted, and met after the instruction, or before the first instruction of an exception's or interrupt's
//! handler, that of #DB left out.

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Width;
use crate::mmu::Access;
use crate::state::Segment;
use x86::{Seg, gpr, vector};

/// The most values that are ever pushed: SS, ESP, 31 parameters, CS and EIP of a call gate.
const CAPACITY: usize = 35;

/// Where a value goes: its first byte, and if it crosses into another page the byte there.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    lin: u64,
    phys: u64,
    next_page: u64,
    /// Bytes in the first page.
    first: u32,
}

/// Values about to be pushed on a stack.
#[derive(Debug)]
pub(crate) struct Frame {
    w: Width,
    segment: Segment,
    sp: u64,
    user: bool,
    error: u32,
    count: usize,
    values: [u64; CAPACITY],
    slots: [Slot; CAPACITY],
}

impl Frame {
    /// A frame of values of width `w` below `sp` on the stack `segment`, accessed at `cpl`. Lack of room is
    /// #SS(`error`).
    pub(crate) fn new(w: Width, segment: Segment, sp: u64, cpl: u8, error: u32) -> Self {
        Self {
            w,
            segment,
            sp,
            user: cpl == 3,
            error,
            count: 0,
            values: [0; CAPACITY],
            slots: [Slot::default(); CAPACITY],
        }
    }

    /// A frame on the present stack.
    pub(crate) fn current(x: &Exec<'_>, w: Width) -> Self {
        Self::new(w, *x.cpu.seg(Seg::Ss), x.cpu.regs[usize::from(gpr::SP)], x.cpu.cpl, 0)
    }

    /// Adds a value, to be pushed after those before it.
    pub(crate) fn push(&mut self, v: u64) {
        if let Some(slot) = self.values.get_mut(self.count) {
            *slot = v & self.w.mask();
            self.count += 1;
        }
    }

    /// Bits of the stack pointer that count.
    const fn mask(&self) -> u64 {
        if self.segment.rights.is_32() { 0xFFFF_FFFF } else { 0xFFFF }
    }

    /// Checks that every value can be written.
    ///
    /// # Errors
    /// #SS with the frame's error code, #PF. Nothing has been written.
    pub(crate) fn check(&mut self, x: &mut Exec<'_>) -> Result<(), Stop> {
        let bytes = u64::from(self.w.bytes());
        let access = Access { write: true, fetch: false, user: self.user, implicit: false };
        let mask = self.mask();
        let mut sp = self.sp & mask;
        // The page translated last: linear and physical.
        let mut page = (u64::MAX, 0);
        for slot in self.slots.iter_mut().take(self.count) {
            sp = sp.wrapping_sub(bytes) & mask;
            let s = &self.segment;
            let inside = sp >= u64::from(s.min) && sp + bytes - 1 <= u64::from(s.max) && s.min <= s.max;
            if s.writable == 0 || !inside {
                return Err(x.fault(vector::SS, self.error));
            }
            let lin = s.base.wrapping_add(sp) & 0xFFFF_FFFF;
            if self.user {
                x.check_alignment(lin, bytes as u32)?;
            }
            if lin & !0xFFF != page.0 {
                page = (lin & !0xFFF, x.translate(lin, access)? & !0xFFF);
            }
            let first = (0x1000 - (lin & 0xFFF)).min(bytes);
            let next_page = if first < bytes { x.translate((lin + first) & 0xFFFF_FFFF, access)? } else { 0 };
            *slot = Slot { lin, phys: page.1 | lin & 0xFFF, next_page, first: first as u32 };
        }
        Ok(())
    }

    /// Writes the values and moves the stack pointer. After [`Self::check`] only.
    pub(crate) fn commit(&self, x: &mut Exec<'_>) {
        let bytes = self.w.bytes();
        for (slot, &v) in self.slots.iter().zip(&self.values).take(self.count) {
            x.watch(slot.lin, bytes, true);
            if slot.first == bytes {
                x.write_phys(slot.phys, self.w, v);
                continue;
            }
            for i in 0..bytes {
                let at = if i < slot.first {
                    slot.phys + u64::from(i)
                } else {
                    slot.next_page + u64::from(i - slot.first)
                };
                x.write_phys(at, Width::W8, v >> (8 * i) & 0xFF);
            }
        }
        let mask = self.mask();
        let below = self.sp.wrapping_sub(u64::from(bytes) * self.count as u64) & mask;
        x.cpu.regs[usize::from(gpr::SP)] = self.sp & !mask & 0xFFFF_FFFF | below;
    }
}

/// Reads the value of width `w` that lies `offset` bytes above the stack pointer.
///
/// # Errors
/// #SS(0), #PF.
pub(crate) fn peek_stack(x: &mut Exec<'_>, w: Width, offset: u64) -> Result<u64, Stop> {
    let at = x.cpu.regs[usize::from(gpr::SP)].wrapping_add(offset) & stack_mask(x);
    x.read_mem(w, Seg::Ss, at)
}

/// Drops `bytes` from the stack.
pub(crate) fn drop_stack(x: &mut Exec<'_>, bytes: u64) {
    let mask = stack_mask(x);
    let sp = &mut x.cpu.regs[usize::from(gpr::SP)];
    *sp = *sp & !mask | sp.wrapping_add(bytes) & mask;
}

/// Bits of the stack pointer that count in the present stack segment.
fn stack_mask(x: &Exec<'_>) -> u64 {
    if x.cpu.seg(Seg::Ss).rights.is_32() { 0xFFFF_FFFF } else { 0xFFFF }
}
