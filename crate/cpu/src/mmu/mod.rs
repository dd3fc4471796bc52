//! Memory as the processor sees it: guest RAM, the physical map, translation and write tracking.
//!
//! UNSAFETY: this is the one module of the crate that opts in to unsafe code, for RAM reached by pointer and
//! offset (`ram.rs`). What makes it sound: a [`RamOffset`] is only made for a checked range or from a fast
//! entry, a fast entry only for a whole page inside RAM, and RAM neither moves nor shrinks.

mod code_pages;
#[expect(
    unsafe_code,
    reason = "guest RAM is reached by base pointer and offset; see the module documentation"
)]
mod ram;
#[cfg(test)]
mod tests;
mod tlb;
mod walk;

pub use code_pages::{CodePages, chunks};
pub use ram::{OutOfMemory, PAGE, Ram, RamOffset, Shared};
pub use tlb::{CLASSES, Class, FAST_SLOTS, PageMap, Tlb, Translation};
pub use walk::Access;

use crate::insn::Width;
use crate::state::{Cpu, mode};
use ram::Written;
use std::rc::Rc;
use tlb::FastTable;
use walk::permits;
use x86::cr0;

/// Where an access to a physical address goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// RAM (or, for reads, ROM kept in RAM) at this offset.
    Ram(u64),
    /// A device, at this physical address.
    Device(u64),
    /// Nowhere: the write is lost (ROM).
    Ignored,
}

/// How the page at a physical address below 1 MB answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowPage {
    /// RAM.
    Ram,
    /// Contents kept in RAM, read-only.
    Rom,
    /// The firmware's flash ([`Mmu::set_flash`]).
    Flash,
    /// Reads find the flash, and writes go to the RAM under it.
    FlashOverRam,
    /// Devices.
    Device,
    /// Devices, but code is fetched from RAM (system management memory, closed to data).
    RamForCode,
}

/// The end of the 32-bit address space, below which the flash lies.
const FLASH_END: u64 = 1 << 32;
/// The end of what 16-bit code reaches: the end of the flash is seen there too.
const LOW_FLASH_END: u64 = 0x10_0000;
/// How much of it, at the most: the two segments that the south bridge decodes for a BIOS.
pub const LOW_FLASH: u64 = 0x2_0000;

/// Tags for what was found through the TLB: one of these two is given to it, and it holds as long as that is still one
/// of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags {
    /// Given to what any translation led to.
    pub any: u64,
    /// Given to what global translations alone led to.
    pub global: u64,
}

impl Tags {
    /// Whether what has this tag still holds.
    #[inline(always)]
    #[must_use]
    pub const fn hold(self, tag: u64) -> bool {
        tag == self.any || tag == self.global
    }

    /// The tag for something.
    #[inline]
    #[must_use]
    pub const fn of(self, global: bool) -> u64 {
        if global { self.global } else { self.any }
    }
}

/// The memory system of one processor.
#[derive(Debug)]
pub struct Mmu {
    ram: Ram,
    low: [LowPage; 256],
    /// Where the flash begins in the block, and its bytes.
    flash: (u64, u64),
    /// What a device shares, and where the guest sees it.
    shared: Option<Rc<Written>>,
    shared_at: Option<u64>,
    a20_mask: u64,
    tlb: Tlb,
    read: FastTable,
    write: FastTable,
    /// Where decoded code lies.
    pub code: CodePages,
    /// Changes whenever a translation that code was found through may have gone.
    generation: u64,
    /// Changes whenever a global one may have.
    global_generation: u64,
    /// Data breakpoints are armed, or alignment is checked: every access takes the slow path.
    watch: bool,
    /// The architectural TLB was full and has been flushed.
    overflowed: bool,
}

impl Mmu {
    /// A memory system over `ram`, with everything below 1 MB as RAM.
    #[must_use]
    pub fn new(ram: Ram) -> Self {
        let pages = ram.all() >> 12;
        Self {
            ram,
            low: [LowPage::Ram; 256],
            flash: (0, 0),
            shared: None,
            shared_at: None,
            a20_mask: u64::MAX,
            tlb: Tlb::default(),
            read: FastTable::default(),
            write: FastTable::default(),
            code: CodePages::new(pages),
            generation: 1,
            global_generation: 1,
            watch: false,
            overflowed: false,
        }
    }

    /// Guest RAM.
    #[must_use]
    pub fn ram(&self) -> &Ram {
        &self.ram
    }

    /// Says how the pages of `[start, end)` below 1 MB answer. Caches are dropped.
    pub fn set_low_pages(&mut self, start: u64, end: u64, kind: LowPage) {
        for page in (start >> 12)..(end >> 12).min(256) {
            self.low[page as usize] = kind;
        }
        self.flush_fast(false);
    }

    /// Puts a firmware into the flash, which lies `behind` bytes behind RAM. It ends at 4 GB, and is seen below 1 MB where
    /// that is said to be [`LowPage::Flash`]. False, and nothing done, if there is no room for it.
    pub fn set_flash(&mut self, behind: u64, contents: &[u8]) -> bool {
        let at = self.ram.size() + behind;
        let fits = self.load_ram(at, contents);
        if fits {
            self.flash = (at, contents.len() as u64);
            self.flush_fast(false);
        }
        fits
    }

    /// Gives a device a part of what lies `behind` bytes behind RAM; the guest sees it where [`Mmu::place_shared`] says.
    /// `None` if it does not lie there.
    pub fn share(&mut self, behind: u64, len: u64) -> Option<Shared> {
        let (shared, written) = self.ram.share(behind, len)?;
        self.shared = Some(written);
        Some(shared)
    }

    /// Says at which physical address the guest sees what a device shares, if at any. Caches are dropped.
    pub fn place_shared(&mut self, at: Option<u64>) {
        if at != self.shared_at {
            self.shared_at = at;
            self.flush_fast(false);
        }
    }

    /// Before the processor runs: pages that the device has looked at are to be noted again when they are written.
    pub fn begin_run(&mut self) {
        if let Some(shared) = self.shared.as_ref().filter(|shared| shared.take_looked_at()) {
            self.write.drop_ram_range(shared.at, shared.len);
        }
    }

    fn note_shared(&self, at: u64, len: u64) {
        if at >= self.ram.size()
            && let Some(shared) = &self.shared
        {
            shared.note(at, len);
        }
    }

    /// Where code at a physical address is read. What a device shares it writes without regard to code, so that there none
    /// is kept.
    #[must_use]
    pub fn code_target(&self, phys: u64) -> Target {
        let low = self.low.get((phys >> 12) as usize);
        if low == Some(&LowPage::RamForCode) {
            return Target::Ram(phys);
        }
        match self.read_target(phys) {
            Target::Ram(at) if self.is_shared(at) => Target::Device(phys),
            target => target,
        }
    }

    fn is_shared(&self, at: u64) -> bool {
        self.shared.as_ref().is_some_and(|shared| at.wrapping_sub(shared.at) < shared.len)
    }

    /// Where a place in the flash lies in the block, by its distance from the end; a device's place if there is none.
    fn flash_at(&self, from_end: u64, phys: u64) -> Target {
        let (at, len) = self.flash;
        if from_end <= len { Target::Ram(at + len - from_end) } else { Target::Device(phys) }
    }

    /// Opens or closes the A20 gate. Caches are dropped.
    pub fn set_a20(&mut self, open: bool) {
        let mask = if open { u64::MAX } else { !(1 << 20) };
        if mask != self.a20_mask {
            self.a20_mask = mask;
            self.flush_fast(false);
        }
    }

    /// Whether the A20 gate is open.
    #[must_use]
    pub fn a20(&self) -> bool {
        self.a20_mask == u64::MAX
    }

    /// Where a read of a physical address goes.
    #[inline]
    #[must_use]
    pub fn read_target(&self, phys: u64) -> Target {
        let phys = phys & self.a20_mask;
        if phys < 0x10_0000 {
            match self.low[(phys >> 12) as usize] {
                LowPage::Ram | LowPage::Rom => {}
                LowPage::Flash | LowPage::FlashOverRam => return self.flash_at(LOW_FLASH_END - phys, phys),
                LowPage::Device | LowPage::RamForCode => return Target::Device(phys),
            }
        }
        if phys < self.ram.size() { Target::Ram(phys) } else { self.above_ram(phys) }
    }

    /// Where a read above RAM goes.
    fn above_ram(&self, phys: u64) -> Target {
        if let (Some(base), Some(shared)) = (self.shared_at, &self.shared)
            && phys.wrapping_sub(base) < shared.len
        {
            return Target::Ram(shared.at + (phys - base));
        }
        if phys < FLASH_END { self.flash_at(FLASH_END - phys, phys) } else { Target::Device(phys) }
    }

    /// Where a write to a physical address goes.
    #[inline]
    #[must_use]
    pub fn write_target(&self, phys: u64) -> Target {
        let phys = phys & self.a20_mask;
        if phys < 0x10_0000 {
            match self.low[(phys >> 12) as usize] {
                LowPage::Ram | LowPage::FlashOverRam => {}
                LowPage::Rom | LowPage::Flash => return Target::Ignored,
                LowPage::Device | LowPage::RamForCode => return Target::Device(phys),
            }
        }
        if phys < self.ram.size() {
            return Target::Ram(phys);
        }
        match self.above_ram(phys) {
            Target::Device(phys) => Target::Device(phys),
            Target::Ram(at) if self.is_shared(at) => Target::Ram(at),
            // The flash is not written by the guest.
            Target::Ram(_) | Target::Ignored => Target::Ignored,
        }
    }

    // ---- the fast path ----

    /// Reads through the fast table.
    #[inline(always)]
    #[must_use]
    pub fn fast_load(&self, lin: u64, w: Width) -> Option<u64> {
        let at = self.read.hit(lin, u64::from(w.bytes()))?;
        Some(self.ram.read(RamOffset(at), w))
    }

    /// Writes through the fast table; false on a miss.
    #[inline(always)]
    #[must_use]
    pub fn fast_store(&mut self, lin: u64, w: Width, v: u64) -> bool {
        match self.write.hit(lin, u64::from(w.bytes())) {
            Some(at) => {
                self.ram.write(RamOffset(at), w, v);
                true
            }
            None => false,
        }
    }

    /// Reads 16 bytes through the fast table.
    #[inline(always)]
    #[must_use]
    pub fn fast_load_vec(&self, lin: u64) -> Option<[u64; 2]> {
        let at = self.read.hit(lin, 16)?;
        Some([self.ram.read(RamOffset(at), Width::W64), self.ram.read(RamOffset(at + 8), Width::W64)])
    }

    /// Writes 16 bytes through the fast table; false on a miss.
    #[inline(always)]
    #[must_use]
    pub fn fast_store_vec(&mut self, lin: u64, v: [u64; 2]) -> bool {
        match self.write.hit(lin, 16) {
            Some(at) => {
                self.ram.write(RamOffset(at), Width::W64, v[0]);
                self.ram.write(RamOffset(at + 8), Width::W64, v[1]);
                true
            }
            None => false,
        }
    }

    /// A place that may be read and written directly.
    #[inline(always)]
    #[must_use]
    pub fn fast_place(&self, lin: u64, w: Width) -> Option<RamOffset> {
        self.write.hit(lin, u64::from(w.bytes())).map(RamOffset)
    }

    /// RAM offset of the page of `lin` and how many bytes of it follow, if it may be read directly.
    #[inline]
    #[must_use]
    pub fn fast_read_run(&self, lin: u64) -> Option<u64> {
        self.read.hit(lin, 1)
    }

    /// RAM offset of `lin`, if it may be written directly.
    #[inline]
    #[must_use]
    pub fn fast_write_run(&self, lin: u64) -> Option<u64> {
        self.write.hit(lin, 1)
    }

    /// Reads a place.
    #[inline(always)]
    #[must_use]
    pub fn peek(&self, at: RamOffset, w: Width) -> u64 {
        self.ram.read(at, w)
    }

    /// Writes a place that `fast_place` gave out.
    #[inline(always)]
    pub fn poke(&mut self, at: RamOffset, w: Width, v: u64) {
        self.ram.write(at, w, v);
    }

    /// Addresses of the fast tables for reading and writing of an access class.
    #[must_use]
    pub fn fast_tables(&self, class: Class) -> (usize, usize) {
        (self.read.address(class), self.write.address(class))
    }

    /// The access class at work.
    #[inline]
    #[must_use]
    pub fn class(&self) -> Class {
        self.read.class()
    }

    // ---- translation ----

    /// Whether one more access might make the architectural TLB overflow.
    #[inline]
    #[must_use]
    pub fn tlb_nearly_full(&self) -> bool {
        self.tlb.lacks_room_for(2)
    }

    /// Whether the architectural TLB has overflowed since this was last asked.
    #[inline]
    pub fn take_overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    /// RAM offset of the code at `lin`, if that takes no walk.
    #[must_use]
    pub fn known_code(&self, cpu: &Cpu, lin: u64) -> Option<u64> {
        let a = Access { write: false, fetch: true, user: cpu.cpl == 3, implicit: false };
        let phys = if cpu.cr0 & cr0::PG == 0 {
            lin
        } else {
            let t = self.tlb.lookup(lin).filter(|t| permits(cpu, t, a))?;
            t.page | lin & ((1 << t.shift) - 1)
        };
        match self.code_target(phys) {
            Target::Ram(at) => Some(at),
            _ => None,
        }
    }

    /// Recomputes the access class, and whether every access takes the slow path: call after a change of CPL, CR0.AM, CR4.SMAP,
    /// EFLAGS.AC or the debug registers.
    #[inline]
    pub fn update_class(&mut self, cpu: &Cpu) {
        let class = Class::of(cpu.mode);
        self.read.set_class(class);
        self.write.set_class(class);
        let watch = cpu.watches_data() || cpu.checks_alignment();
        if self.watch != watch {
            self.watch = watch;
            self.flush_fast(false);
        }
    }

    /// The physical address of `lin`.
    ///
    /// # Errors
    /// The error code of a page fault.
    pub fn translate(&mut self, cpu: &Cpu, lin: u64, a: Access) -> Result<u64, u32> {
        if cpu.cr0 & cr0::PG == 0 {
            return Ok(lin);
        }
        // Otherwise the processor walks again, before it faults and to set the dirty bit.
        if let Some(t) = self.tlb.lookup(lin)
            && permits(cpu, &t, a)
            && (t.dirty || !a.write)
        {
            return Ok(t.page | lin & ((1 << t.shift) - 1));
        }
        let t = match self.walk(cpu, lin, a) {
            Ok(t) => t,
            Err(code) => {
                // A fault drops what was held for the page (SDM vol. 3, 4.10.4.1).
                self.drop_page(lin);
                return Err(code);
            }
        };
        if self.tlb.insert(lin, t) {
            self.flush_fast(false);
            self.overflowed = true;
        }
        Ok(t.page | lin & ((1 << t.shift) - 1))
    }

    /// Caches that the page of `lin` translates to `phys` for `a`, just translated, if it is plain RAM.
    pub fn fill_fast(&mut self, cpu: &Cpu, lin: u64, phys: u64, a: Access) {
        // An implicit or foreign-class access must not leave an entry in the current class.
        if self.watch || a.implicit || a.user != (cpu.cpl == 3) {
            return;
        }
        let global = self.is_global(cpu, lin);
        let page = phys & !0xFFF;
        if a.write {
            if let Target::Ram(at) = self.write_target(page)
                && !self.code.any(at >> 12)
                && self.read_target(page) == Target::Ram(at)
            {
                self.note_shared(at, PAGE);
                self.write.fill(lin, at, global);
            }
        } else if let Target::Ram(at) = self.read_target(page) {
            self.read.fill(lin, at, global);
        }
    }

    /// INVLPG: drops what translates `lin`.
    pub fn drop_page(&mut self, lin: u64) {
        match self.tlb.drop_page(lin) {
            // The fast tables hold nothing that it does not.
            None => {}
            Some(Translation { shift: 12, global, .. }) => {
                self.read.drop_page(lin);
                self.write.drop_page(lin);
                self.bump(global);
            }
            Some(_) => self.flush_fast(false),
        }
    }

    /// A CR3 write: drops everything that is not global.
    pub fn flush_non_global(&mut self) {
        self.tlb.flush_non_global();
        self.flush_fast(true);
    }

    /// Drops every translation.
    pub fn flush_all(&mut self) {
        self.tlb.flush();
        self.flush_fast(false);
    }

    fn flush_fast(&mut self, keep_global: bool) {
        self.read.flush(keep_global);
        self.write.flush(keep_global);
        self.bump(!keep_global);
    }

    /// Decoded code was dropped: whatever leads to it must be looked up anew.
    pub fn code_changed(&mut self) {
        self.bump(true);
    }

    fn bump(&mut self, global: bool) {
        self.generation += 1;
        self.global_generation += u64::from(global);
    }

    /// What tells, for code of these mode bits, whether something found through the TLB still holds.
    #[inline(always)]
    #[must_use]
    pub fn tags(&self, mode_bits: u32) -> Tags {
        let tag =
            |generation: u64, global: u64| (generation << 1 | global) << mode::BITS | u64::from(mode_bits);
        Tags { any: tag(self.generation, 0), global: tag(self.global_generation, 1) }
    }

    /// Whether the translation of `lin` survives CR3 writes.
    #[must_use]
    pub fn is_global(&self, cpu: &Cpu, lin: u64) -> bool {
        cpu.cr0 & cr0::PG == 0 || self.tlb.lookup(lin).is_some_and(|t| t.global)
    }

    /// The architectural TLB, for snapshots and tests.
    #[must_use]
    pub fn tlb(&self) -> &Tlb {
        &self.tlb
    }

    /// Replaces the architectural TLB's content.
    pub fn restore_tlb(&mut self, entries: &[(u64, Translation)]) {
        self.flush_all();
        for (lin, t) in entries {
            self.tlb.insert(*lin, *t);
        }
    }

    // ---- physical access ----

    /// Notes that code was decoded from RAM: writes there will be seen.
    pub fn note_code(&mut self, at: u64, len: u64) {
        let page = at >> 12;
        if self.code.add(page, chunks(at, len)) {
            self.write.drop_ram_page(page << 12);
        }
    }

    /// The same for chunks of a page.
    pub fn note_code_chunks(&mut self, page: u32, chunks: u64) {
        if chunks != 0 && self.code.add(page.into(), chunks) {
            self.write.drop_ram_page(u64::from(page) << 12);
        }
    }

    /// Writes RAM by the processor, page by page at most; true if it hit code.
    pub fn write_ram(&mut self, at: u64, w: Width, v: u64) -> bool {
        match self.ram.place(at, u64::from(w.bytes())) {
            Some(place) => {
                self.ram.write(place, w, v);
                self.note_shared(at, u64::from(w.bytes()));
                self.code.written(at, u64::from(w.bytes()))
            }
            None => false,
        }
    }

    /// Reads RAM at an offset; past its end, all ones.
    #[must_use]
    pub fn read_ram(&self, at: u64, w: Width) -> u64 {
        self.ram.place(at, u64::from(w.bytes())).map_or(w.mask(), |place| self.ram.read(place, w))
    }

    /// Copies out of guest memory at a physical address (RAM and ROM only); false where there is none.
    pub fn read_phys(&self, phys: u64, into: &mut [u8]) -> bool {
        for (i, b) in into.iter_mut().enumerate() {
            match self.read_target(phys + i as u64) {
                Target::Ram(at) => *b = self.read_ram(at, Width::W8) as u8,
                _ => return false,
            }
        }
        true
    }

    /// Copies into RAM at an offset: DMA and loaders. ROM too can be filled this way; code there is
    /// noticed. False, and nothing copied, if the range is not in RAM.
    pub fn load_ram(&mut self, at: u64, data: &[u8]) -> bool {
        let Some(to) = self.ram.slice_mut(at, data.len()) else { return false };
        to.copy_from_slice(data);
        self.ram_written(at, data.len() as u64);
        true
    }

    /// Notes that `len` bytes of RAM at `at` were written behind the processor's back.
    pub fn ram_written(&mut self, at: u64, len: u64) {
        self.note_shared(at, len);
        let mut done = 0;
        while done < len {
            let here = at + done;
            let n = (PAGE - (here & 0xFFF)).min(len - done);
            self.code.written(here, n);
            done += n;
        }
    }

    /// Copies `len` bytes from one RAM offset to another in ascending elements of `element` bytes: where
    /// the ranges overlap, what was written is read again. Both ranges lie in pages without code that the
    /// fast tables gave out.
    pub fn copy_forward(&mut self, from: u64, to: u64, len: u64, element: u64) {
        let overlap = to > from && to < from + len;
        let (lo, span) = (from.min(to), from.max(to) + len - from.min(to));
        let Some(all) = self.ram.slice_mut(lo, span as usize) else { return };
        let (from, to, len) = ((from - lo) as usize, (to - lo) as usize, len as usize);
        if !overlap {
            all.copy_within(from..from + len, to);
            return;
        }
        let element = element as usize;
        for at in (0..len).step_by(element) {
            all.copy_within(from + at..from + at + element, to + at);
        }
    }

    /// Writes `n` copies of a value from a RAM offset on, in a page without code that the fast tables
    /// gave out.
    pub fn fill(&mut self, to: u64, n: u64, w: Width, v: u64) {
        let element = w.bytes() as usize;
        let bytes = v.to_le_bytes();
        let Some(all) = self.ram.slice_mut(to, n as usize * element) else { return };
        if bytes[..element].iter().all(|b| *b == bytes[0]) {
            all.fill(bytes[0]);
        } else {
            for at in all.chunks_exact_mut(element) {
                at.copy_from_slice(&bytes[..element]);
            }
        }
    }

    /// RAM for bulk writing by string operations; the caller calls [`Self::ram_written`].
    pub fn ram_mut(&mut self) -> &mut Ram {
        &mut self.ram
    }

    fn read_phys32(&self, phys: u64) -> u32 {
        match self.read_target(phys) {
            Target::Ram(at) => self.read_ram(at, Width::W32) as u32,
            _ => u32::MAX,
        }
    }

    fn read_phys64(&self, phys: u64) -> u64 {
        match self.read_target(phys) {
            Target::Ram(at) => self.read_ram(at, Width::W64),
            _ => u64::MAX,
        }
    }

    fn write_phys32(&mut self, phys: u64, v: u32) {
        if let Target::Ram(at) = self.write_target(phys) {
            self.write_ram(at, Width::W32, u64::from(v));
        }
    }

    /// Reads the page-directory-pointer table at CR3 (SDM vol. 3, 4.4.1); `None` when an entry has a reserved
    /// bit set, which is #GP(0).
    pub fn load_pdptes(&self, cr3: u64) -> Option<[u64; 4]> {
        let mut entries = [0; 4];
        for (i, e) in entries.iter_mut().enumerate() {
            *e = self.read_phys64((cr3 & 0xFFFF_FFE0) + 8 * i as u64);
            if *e & 1 != 0 && *e & 0xFFFF_FFF0_0000_01E6 != 0 {
                return None;
            }
        }
        Some(entries)
    }
}
