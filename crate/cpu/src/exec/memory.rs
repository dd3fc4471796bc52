//! Memory access by the interpreter: segments, the fast path, and what happens off it.

use super::Exec;
use crate::fault::Stop;
use crate::insn::Width;
use crate::mmu::{Access, RamOffset, Target};
use bus::PhysAddr;
use x86::{Seg, cr4, vector};

/// A place in memory checked for reading and writing: RAM that may be accessed directly, or whatever
/// [`SlowPlace`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(Option<RamOffset>);

/// A checked place off the fast path: one part, or two across a page boundary.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowPlace {
    /// Physical addresses of the two parts.
    phys: [u64; 2],
    /// Bytes in the first part; the rest lies in the second.
    first: u32,
}

impl Default for SlowPlace {
    fn default() -> Self {
        Self { phys: [0; 2], first: 8 }
    }
}

const fn crosses_page(lin: u64, bytes: u64) -> bool {
    (lin & 0xFFF) + bytes > 0x1000
}

impl Exec<'_> {
    /// The linear address of an access, checked against its segment (SDM vol. 3, 5.3).
    ///
    /// # Errors
    /// #GP(0), or #SS(0) for the stack segment.
    #[inline]
    pub fn linear(&mut self, seg: Seg, ea: u64, bytes: u32, write: bool) -> Result<u64, Stop> {
        if seg == Seg::Flat {
            return Ok(ea);
        }
        let s = self.cpu.seg(seg);
        let allowed = if write { s.writable } else { s.readable };
        let last = ea + u64::from(bytes) - 1;
        if allowed != 0 && ea >= u64::from(s.min) && last <= u64::from(s.max) && s.min <= s.max {
            Ok(s.base.wrapping_add(ea) & 0xFFFF_FFFF)
        } else {
            Err(self.segment_fault(seg))
        }
    }

    #[cold]
    fn segment_fault(&mut self, seg: Seg) -> Stop {
        self.fault(if seg == Seg::Ss { vector::SS } else { vector::GP }, 0)
    }

    pub(super) fn data_access(&self, write: bool) -> Access {
        Access { write, fetch: false, user: self.cpu.cpl == 3, implicit: false }
    }

    /// Translates a linear address; a failure is recorded as #PF.
    ///
    /// # Errors
    /// #PF with CR2 set.
    pub fn translate(&mut self, lin: u64, a: Access) -> Result<u64, Stop> {
        match self.mmu.translate(&self.cpu, lin, a) {
            Ok(phys) => {
                // Where code lies has to be found anew, at the same instruction whoever executes.
                self.leave |= self.mmu.take_overflowed();
                Ok(phys)
            }
            Err(code) => {
                self.cpu.cr2 = lin;
                Err(self.fault(vector::PF, code))
            }
        }
    }

    /// Reads memory.
    ///
    /// # Errors
    /// Segment and page faults.
    #[inline(always)]
    pub fn read_mem(&mut self, w: Width, seg: Seg, ea: u64) -> Result<u64, Stop> {
        let lin = self.linear(seg, ea, w.bytes(), false)?;
        match self.mmu.fast_load(lin, w) {
            Some(v) => Ok(v),
            None => {
                self.read_slow(w, lin)?;
                Ok(self.loaded)
            }
        }
    }

    /// Writes memory.
    ///
    /// # Errors
    /// Segment and page faults; nothing is written then.
    #[inline(always)]
    pub fn write_mem(&mut self, w: Width, seg: Seg, ea: u64, v: u64) -> Result<(), Stop> {
        let lin = self.linear(seg, ea, w.bytes(), true)?;
        if self.mmu.fast_store(lin, w, v) { Ok(()) } else { self.write_slow(w, lin, v) }
    }

    /// Reads a linear address as the processor itself does (descriptor tables, TSS), whatever the CPL.
    ///
    /// # Errors
    /// #PF.
    pub fn read_system(&mut self, w: Width, lin: u64) -> Result<u64, Stop> {
        let a = Access { write: false, fetch: false, user: false, implicit: true };
        self.read_with(w, lin & 0xFFFF_FFFF, a)?;
        Ok(self.loaded)
    }

    /// Writes a linear address as the processor itself does.
    ///
    /// # Errors
    /// #PF; nothing is written then.
    pub fn write_system(&mut self, w: Width, lin: u64, v: u64) -> Result<(), Stop> {
        let a = Access { write: true, fetch: false, user: false, implicit: true };
        self.write_with(w, lin & 0xFFFF_FFFF, v, a)
    }

    /// Checks that a linear range could be accessed by the processor itself.
    ///
    /// # Errors
    /// #PF.
    pub fn probe_system(&mut self, lin: u64, len: u32, write: bool) -> Result<(), Stop> {
        self.probe_linear(lin & 0xFFFF_FFFF, len, Access { write, fetch: false, user: false, implicit: true })
    }

    /// Checks a range of at most a page, touching nothing.
    ///
    /// # Errors
    /// Segment and page faults.
    pub fn probe_mem(&mut self, seg: Seg, ea: u64, len: u32, write: bool) -> Result<(), Stop> {
        if len == 0 {
            return Ok(());
        }
        let lin = self.linear(seg, ea, len, write)?;
        // What is made of parts is aligned as they are.
        self.check_alignment(lin, 1 << len.trailing_zeros().min(4))?;
        self.probe_linear(lin, len, self.data_access(write))
    }

    fn probe_linear(&mut self, lin: u64, len: u32, a: Access) -> Result<(), Stop> {
        self.translate(lin, a)?;
        if crosses_page(lin, u64::from(len)) {
            self.translate((lin | 0xFFF) + 1 & 0xFFFF_FFFF, a)?;
        }
        Ok(())
    }

    /// Checks a place for reading and writing.
    ///
    /// # Errors
    /// Segment and page faults, as for a write.
    #[inline(always)]
    pub fn place(&mut self, w: Width, seg: Seg, ea: u64) -> Result<Place, Stop> {
        let lin = self.linear(seg, ea, w.bytes(), true)?;
        match self.mmu.fast_place(lin, w) {
            Some(at) => Ok(Place(Some(at))),
            None => {
                self.place_slow(w, lin)?;
                // What the slow path filled in may have made it plain RAM.
                Ok(Place(self.mmu.fast_place(lin, w)))
            }
        }
    }

    /// # Errors
    /// #AC(0) if data has to be aligned and an access of so many bytes at a linear address is not.
    pub(crate) fn check_alignment(&mut self, lin: u64, bytes: u32) -> Result<(), Stop> {
        if lin & u64::from(bytes - 1) != 0 && self.cpu.checks_alignment() {
            return Err(self.fault(vector::AC, 0));
        }
        Ok(())
    }

    #[inline(never)]
    fn place_slow(&mut self, w: Width, lin: u64) -> Result<(), Stop> {
        let a = self.data_access(true);
        self.check_alignment(lin, w.bytes())?;
        self.slow = self.resolve(w, lin, a)?;
        self.watch(lin, w.bytes(), true);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn peek_place(&mut self, w: Width, p: Place) -> u64 {
        match p.0 {
            Some(at) => self.mmu.peek(at, w),
            None => self.read_parts_slow(w),
        }
    }

    #[inline(always)]
    pub(super) fn poke_place(&mut self, w: Width, p: Place, v: u64) {
        match p.0 {
            Some(at) => self.mmu.poke(at, w, v),
            None => self.write_parts_slow(w, v),
        }
    }

    #[inline(never)]
    fn read_parts_slow(&mut self, w: Width) -> u64 {
        self.read_parts(w, self.slow)
    }

    #[inline(never)]
    fn write_parts_slow(&mut self, w: Width, v: u64) {
        self.write_parts(w, self.slow, v);
    }

    /// Translates both parts of an access, and caches what may be cached.
    pub(super) fn resolve(&mut self, w: Width, lin: u64, a: Access) -> Result<SlowPlace, Stop> {
        let bytes = u64::from(w.bytes());
        let phys = self.translate(lin, a)?;
        if !crosses_page(lin, bytes) {
            self.mmu.fill_fast(&self.cpu, lin, phys, a);
            return Ok(SlowPlace { phys: [phys, 0], first: bytes as u32 });
        }
        let first = 0x1000 - (lin & 0xFFF);
        let second = self.translate(lin + first & 0xFFFF_FFFF, a)?;
        Ok(SlowPlace { phys: [phys, second], first: first as u32 })
    }

    // The slow paths return one byte and leave a value in a field: a result in memory would have the hot
    // loop keep stack slots for it.

    #[inline(never)]
    fn read_slow(&mut self, w: Width, lin: u64) -> Result<(), Stop> {
        self.check_alignment(lin, w.bytes())?;
        self.read_with(w, lin, self.data_access(false))
    }

    #[inline(never)]
    fn write_slow(&mut self, w: Width, lin: u64, v: u64) -> Result<(), Stop> {
        self.check_alignment(lin, w.bytes())?;
        self.write_with(w, lin, v, self.data_access(true))
    }

    fn read_with(&mut self, w: Width, lin: u64, a: Access) -> Result<(), Stop> {
        let parts = self.resolve(w, lin, a)?;
        self.watch(lin, w.bytes(), false);
        self.loaded = self.read_parts(w, parts);
        Ok(())
    }

    fn write_with(&mut self, w: Width, lin: u64, v: u64, a: Access) -> Result<(), Stop> {
        let parts = self.resolve(w, lin, a)?;
        self.watch(lin, w.bytes(), true);
        self.write_parts(w, parts, v);
        Ok(())
    }

    #[inline(never)]
    pub(super) fn read_parts(&mut self, w: Width, parts: SlowPlace) -> u64 {
        if parts.first >= w.bytes() {
            return self.read_phys(parts.phys[0], w);
        }
        (0..w.bytes()).rev().fold(0, |v, i| v << 8 | self.read_phys(parts.byte(i), Width::W8))
    }

    #[inline(never)]
    pub(super) fn write_parts(&mut self, w: Width, parts: SlowPlace, v: u64) {
        if parts.first >= w.bytes() {
            return self.write_phys(parts.phys[0], w, v);
        }
        for i in 0..w.bytes() {
            self.write_phys(parts.byte(i), Width::W8, v >> (8 * i) & 0xFF);
        }
    }

    /// Reads a physical address that does not cross a page.
    pub fn read_phys(&mut self, phys: u64, w: Width) -> u64 {
        match self.mmu.read_target(phys) {
            Target::Ram(at) => self.mmu.read_ram(at, w),
            Target::Ignored => w.mask(),
            Target::Device(addr) => {
                let count = self.count();
                let v = match bus_width(w) {
                    Some(width) => u64::from(self.plat.mmio_read(count, PhysAddr(addr), width)),
                    None => {
                        let low = self.plat.mmio_read(count, PhysAddr(addr), bus::Width::Dword);
                        let high = self.plat.mmio_read(count, PhysAddr(addr + 4), bus::Width::Dword);
                        u64::from(low) | u64::from(high) << 32
                    }
                };
                self.platform_touched();
                v & w.mask()
            }
        }
    }

    /// Writes a physical address that does not cross a page.
    pub fn write_phys(&mut self, phys: u64, w: Width, v: u64) {
        match self.mmu.write_target(phys) {
            Target::Ram(at) => {
                if self.mmu.write_ram(at, w, v) {
                    self.leave = true;
                }
            }
            Target::Ignored => {}
            Target::Device(addr) => {
                let count = self.count();
                match bus_width(w) {
                    Some(width) => self.plat.mmio_write(count, PhysAddr(addr), width, v as u32),
                    None => {
                        self.plat.mmio_write(count, PhysAddr(addr), bus::Width::Dword, v as u32);
                        self.plat.mmio_write(count, PhysAddr(addr + 4), bus::Width::Dword, (v >> 32) as u32);
                    }
                }
                self.platform_touched();
            }
        }
    }

    /// Notes data breakpoints that an access hits (SDM vol. 3, 17.2.4).
    #[inline]
    pub(crate) fn watch(&mut self, lin: u64, bytes: u32, write: bool) {
        self.note_breakpoints(lin, bytes, |kind| kind == 3 || kind == 1 && write);
    }

    /// Notes breakpoints on ports, which are those of kind 2 with CR4.DE set.
    pub(crate) fn watch_port(&mut self, port: u16, w: Width) {
        if self.cpu.cr4 & cr4::DE != 0 {
            self.note_breakpoints(port.into(), w.bytes(), |kind| kind == 2);
        }
    }

    fn note_breakpoints(&mut self, at: u64, bytes: u32, wanted: impl Fn(u64) -> bool) {
        let dr7 = self.cpu.dr[7];
        if dr7 & 0xFF == 0 {
            return;
        }
        for n in 0..4 {
            let enabled = dr7 >> (2 * n) & 3 != 0;
            let len = [1u64, 2, 8, 4][(dr7 >> (18 + 4 * n) & 3) as usize];
            let start = self.cpu.dr[n] & !(len - 1);
            if enabled && wanted(dr7 >> (16 + 4 * n) & 3) && at < start + len && start < at + u64::from(bytes)
            {
                self.debug_hits |= 1 << n;
                self.leave = true;
            }
        }
    }
}

impl SlowPlace {
    /// Whether something holds of all the bytes.
    pub(super) fn all(&self, w: Width, holds: impl Fn(u64) -> bool) -> bool {
        if self.first >= w.bytes() {
            let last = u64::from(w.bytes()) - 1;
            return holds(self.phys[0]) && holds(self.phys[0] + last);
        }
        (0..w.bytes()).all(|i| holds(self.byte(i)))
    }

    fn byte(&self, i: u32) -> u64 {
        if i < self.first { self.phys[0] + u64::from(i) } else { self.phys[1] + u64::from(i - self.first) }
    }
}

/// The bus width of an access, if one access does it.
pub(crate) const fn bus_width(w: Width) -> Option<bus::Width> {
    match w {
        Width::W8 => Some(bus::Width::Byte),
        Width::W16 => Some(bus::Width::Word),
        Width::W32 => Some(bus::Width::Dword),
        Width::W64 => None,
    }
}
