//! The task-state segment: inner stacks, the I/O permission bitmap, hardware task switches
//! (SDM vol. 3, chapter 7).
//!
//! A task switch has a point of no return. Everything the old task can be blamed for is checked before it,
//! and so is every page that the switch itself touches. After it, the new task's registers are loaded; what
//! is wrong with them is a fault *of the new task*, with its EIP, and the old one is gone. That is why
//! [`switch`] has two ways to fail: `Err` before the point, [`Outcome::Faulted`] after it.

#[cfg(test)]
mod tests;

use super::segment::{self, Entry, Frame, check_data, check_stack, fetch, v86_segment};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Width;
use crate::state::{Segment, event};
use x86::descriptor::{Selector, system};
use x86::{Seg, cr0, cr4, eflags, vector};

/// Bit of a system type that tells 32-bit from 16-bit TSSs and gates.
const WIDE: u8 = 8;
/// The busy bit in a TSS type.
const BUSY: u16 = 2;
/// DR6: the trap is that of a task switch to a TSS with the T bit.
pub(crate) const DR6_BT: u32 = 1 << 15;
/// L0 to L3 and LE of DR7, which every task switch clears (SDM vol. 3, 17.2.4).
const DR7_LOCAL: u64 = 0x155;

/// Why a task switch happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// JMP: the old task is no longer busy.
    Jump,
    /// CALL, INT, an exception or interrupt: nested; the new task returns to the old one by IRET.
    Nest,
    /// IRET with NT set.
    Return,
}

/// How something that cannot be undone ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Done,
    /// In the new task, which raised the exception in `cpu.fault` at `cpu.next_eip`.
    Faulted,
}

/// Where a TSS keeps things (SDM vol. 3, figures 7-2 and 7-10).
#[derive(Debug)]
struct Layout {
    w: Width,
    /// Least valid limit.
    limit: u32,
    /// EIP; EFLAGS, the general registers and the segment selectors follow, each in a slot of width `w`.
    eip: u64,
    /// Segment selectors kept, in the numbering of `Seg`.
    segments: usize,
    /// LDT selector.
    ldt: u64,
}

const LAYOUT16: Layout = Layout { w: Width::W16, limit: 0x2B, eip: 0x0E, segments: 4, ldt: 0x2A };
const LAYOUT32: Layout = Layout { w: Width::W32, limit: 0x67, eip: 0x20, segments: 6, ldt: 0x60 };
/// CR3 in a 32-bit TSS.
const CR3: u64 = 0x1C;
/// The word with the T bit in a 32-bit TSS.
const TRAP: u64 = 0x64;
/// Offset of the I/O permission bitmap in a 32-bit TSS.
const IO_MAP_BASE: u64 = 0x66;

const fn layout(kind: u8) -> &'static Layout {
    if kind & WIDE != 0 { &LAYOUT32 } else { &LAYOUT16 }
}

impl Layout {
    const fn flags(&self) -> u64 {
        self.eip + self.w.bytes() as u64
    }
    const fn register(&self, n: usize) -> u64 {
        self.eip + (2 + n as u64) * self.w.bytes() as u64
    }
    const fn selector(&self, n: usize) -> u64 {
        self.eip + (10 + n as u64) * self.w.bytes() as u64
    }
}

/// The registers a TSS holds.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    eip: u64,
    eflags: u32,
    regs: [u64; 8],
    selectors: [u16; 6],
    ldt: u16,
    cr3: u64,
    trap: bool,
}

fn read_context(x: &mut Exec<'_>, l: &Layout, base: u64) -> Result<Context, Stop> {
    let mut c = Context {
        eip: x.read_system(l.w, base + l.eip)?,
        eflags: x.read_system(l.w, base + l.flags())? as u32,
        ldt: x.read_system(Width::W16, base + l.ldt)? as u16,
        ..Context::default()
    };
    for (n, r) in c.regs.iter_mut().enumerate() {
        *r = x.read_system(l.w, base + l.register(n))?;
    }
    for (n, s) in c.selectors.iter_mut().enumerate().take(l.segments) {
        *s = x.read_system(Width::W16, base + l.selector(n))? as u16;
    }
    if l.w == Width::W32 {
        c.cr3 = x.read_system(Width::W32, base + CR3)?;
        c.trap = x.read_system(Width::W16, base + TRAP)? & 1 != 0;
    }
    Ok(c)
}

fn write_context(x: &mut Exec<'_>, l: &Layout, base: u64, eip: u64, flags: u32) -> Result<(), Stop> {
    x.write_system(l.w, base + l.eip, eip)?;
    x.write_system(l.w, base + l.flags(), u64::from(flags))?;
    for n in 0..8 {
        let v = x.cpu.regs[n];
        x.write_system(l.w, base + l.register(n), v & l.w.mask())?;
    }
    for n in 0..l.segments {
        let v = x.cpu.segs.get(n).map_or(0, |s| s.selector);
        x.write_system(Width::W16, base + l.selector(n), u64::from(v))?;
    }
    Ok(())
}

/// The TSS descriptor a task gate, far pointer or back link names.
///
/// # Errors
/// `bad` with the selector if it is local, outside the GDT, or not a TSS that is busy (or not) as wanted;
/// #NP; #PF.
pub(crate) fn find(x: &mut Exec<'_>, selector: Selector, busy: bool, bad: u8) -> Result<Entry, Stop> {
    if selector.is_local() || selector.is_null() {
        return Err(x.fault(bad, selector.error_code()));
    }
    let entry = fetch(x, selector, bad)?;
    let wanted = match entry.system_type() {
        Some(system::TSS16 | system::TSS32) => !busy,
        Some(system::TSS16_BUSY | system::TSS32_BUSY) => busy,
        _ => false,
    };
    if !wanted {
        return Err(entry.fault(x, bad));
    }
    if !entry.rights().present() {
        return Err(entry.fault(x, vector::NP));
    }
    Ok(entry)
}

/// The TSS descriptor behind a task gate already found accessible and present.
///
/// # Errors
/// #GP, #NP with the TSS selector; #PF.
pub(crate) fn behind_gate(x: &mut Exec<'_>, gate: &Entry) -> Result<Entry, Stop> {
    find(x, gate.descriptor.gate_selector(), false, vector::GP)
}

/// IRET with NT set: back to the task the back link names.
///
/// # Errors
/// #TS, #NP, #PF, before anything changed.
pub(crate) fn switch_back(x: &mut Exec<'_>, eip: u64) -> Result<Outcome, Stop> {
    let base = x.cpu.tr.base;
    let link = Selector(x.read_system(Width::W16, base)? as u16);
    let to = find(x, link, true, vector::TS)?;
    let flags = x.cpu.eflags() & !eflags::NT;
    switch(x, &to, Reason::Return, eip, flags, None)
}

/// Switches to the task whose TSS descriptor is `to`, found fit by [`find`]. The old task is saved with
/// `eip` and `flags`; `error` is pushed on the new task's stack.
///
/// # Errors
/// #TS, #GP, #PF, before anything changed.
pub(crate) fn switch(
    x: &mut Exec<'_>,
    to: &Entry,
    reason: Reason,
    eip: u64,
    flags: u32,
    error: Option<u32>,
) -> Result<Outcome, Stop> {
    let old = x.cpu.tr;
    let old_layout = layout(old.rights.kind());
    let l = layout(to.rights().kind());
    let base = u64::from(to.descriptor.base());
    if to.descriptor.limit() < l.limit {
        return Err(to.fault(x, vector::TS));
    }
    if old.limit < old_layout.limit {
        return Err(x.fault(vector::TS, u32::from(old.selector) & 0xFFFC));
    }
    let saved = (old_layout.ldt - old_layout.eip) as u32;
    x.probe_system(old.base + old_layout.eip, saved, true)?;
    let context = read_context(x, l, base)?;
    let old_descriptor = descriptor_of_tr(x);
    if reason == Reason::Nest {
        x.probe_system(base, 2, true)?;
    }
    if let (Some(at), Reason::Jump | Reason::Return) = (old_descriptor, reason) {
        x.probe_system(at + 5, 1, true)?;
    }
    x.probe_system(to.at + 5, 1, true)?;
    let paging = x.cpu.cr0 & cr0::PG != 0;
    let new_cr3 = (paging && l.w == Width::W32).then_some(context.cr3);
    let pdptes = match new_cr3 {
        Some(cr3) if x.cpu.cr4 & cr4::PAE != 0 => match x.mmu.load_pdptes(cr3) {
            Some(entries) => Some(entries),
            None => return Err(x.gp0()),
        },
        _ => None,
    };

    // Nothing below can fail for a reason the old task would see.
    if let (Some(at), Reason::Jump | Reason::Return) = (old_descriptor, reason) {
        let access = x.read_system(Width::W8, at + 5)?;
        x.write_system(Width::W8, at + 5, access & !u64::from(BUSY))?;
    }
    write_context(x, old_layout, old.base, eip, flags)?;
    if reason == Reason::Nest {
        x.write_system(Width::W16, base, u64::from(old.selector))?;
    }
    if reason != Reason::Return {
        x.write_system(Width::W8, to.at + 5, u64::from((to.rights().0 | BUSY) & 0xFF))?;
    }
    if let Some(cr3) = new_cr3 {
        if let Some(entries) = pdptes {
            x.cpu.pdpte = entries;
        }
        if x.cpu.cr3 != cr3 {
            x.cpu.cr3 = cr3;
            x.mmu.flush_non_global();
        }
    }
    enter(x, to, l, &context, reason);
    let loaded = load(x, l, &context, error);
    // Also after a failure: some segments may have been loaded before it.
    x.mode_changed();
    match loaded {
        Ok(()) => {
            if context.trap {
                x.debug_hits |= DR6_BT;
            }
            Ok(Outcome::Done)
        }
        Err(Stop::Fault) => Ok(Outcome::Faulted),
        Err(stop) => Err(stop),
    }
}

/// Where the current TSS's descriptor lies, if TR was ever loaded.
fn descriptor_of_tr(x: &Exec<'_>) -> Option<u64> {
    let selector = Selector(x.cpu.tr.selector);
    let inside = selector.offset() + 7 <= u32::from(x.cpu.gdtr.limit);
    (!selector.is_null() && inside).then(|| x.cpu.gdtr.base + u64::from(selector.offset()))
}

/// The new task's registers; its segments are selectors without descriptors yet.
fn enter(x: &mut Exec<'_>, to: &Entry, l: &Layout, c: &Context, reason: Reason) {
    x.cpu.tr = to.system_segment(BUSY);
    x.cpu.cr0 |= cr0::TS;
    x.cpu.dr[7] &= !DR7_LOCAL;
    x.cpu.next_eip = c.eip;
    for (r, v) in x.cpu.regs.iter_mut().zip(c.regs) {
        *r = v;
    }
    let nested = if reason == Reason::Nest { eflags::NT } else { 0 };
    x.cpu.set_eflags(c.eflags & l.w.mask() as u32 | nested);
    x.cpu.cpl = if x.cpu.is_v86() { 3 } else { Selector(c.selectors[Seg::Cs as usize]).rpl() };
    for (s, selector) in x.cpu.segs.iter_mut().zip(c.selectors) {
        *s = Segment::null(selector);
    }
    x.cpu.ldtr = Segment::null(c.ldt);
    x.cpu.events &= !(event::SHADOW | event::SHADOW_SS | event::HALT);
    x.mode_changed();
}

/// The new task's descriptors, in the order of SDM vol. 3, table 7-1; then what only a complete task can
/// do: take an error code on its stack, and begin inside its code segment.
fn load(x: &mut Exec<'_>, l: &Layout, c: &Context, error: Option<u32>) -> Result<(), Stop> {
    load_ldt(x, Selector(c.ldt))?;
    if x.cpu.is_v86() {
        for (n, (s, selector)) in x.cpu.segs.iter_mut().zip(c.selectors).enumerate() {
            *s = v86_segment(selector, n == Seg::Cs as usize);
        }
    } else {
        let cpl = x.cpu.cpl;
        let [es, cs, ss, ds, fs, gs] = c.selectors.map(Selector);
        let code = check_code(x, cs)?;
        code.mark_accessed(x)?;
        x.cpu.segs[Seg::Cs as usize] = code.segment(cpl);
        let stack = check_stack(x, ss, cpl, vector::TS)?;
        stack.mark_accessed(x)?;
        x.cpu.segs[Seg::Ss as usize] = stack.segment(cpl);
        for (seg, selector) in [(Seg::Ds, ds), (Seg::Es, es), (Seg::Fs, fs), (Seg::Gs, gs)] {
            if let Some(entry) = check_data(x, selector, cpl, vector::TS)? {
                entry.mark_accessed(x)?;
                x.cpu.segs[seg as usize] = entry.segment(selector.rpl());
            }
        }
    }
    if let Some(error) = error {
        let mut frame = Frame::current(x, l.w);
        frame.push(u64::from(error));
        frame.check(x)?;
        frame.commit(x);
    }
    if c.eip > u64::from(x.cpu.seg(Seg::Cs).limit) {
        return Err(x.gp0());
    }
    Ok(())
}

fn load_ldt(x: &mut Exec<'_>, selector: Selector) -> Result<(), Stop> {
    if selector.is_null() {
        return Ok(());
    }
    if selector.is_local() {
        return Err(x.fault(vector::TS, selector.error_code()));
    }
    let entry = fetch(x, selector, vector::TS)?;
    if entry.system_type() != Some(system::LDT) || !entry.rights().present() {
        return Err(entry.fault(x, vector::TS));
    }
    x.cpu.ldtr = entry.system_segment(0);
    Ok(())
}

fn check_code(x: &mut Exec<'_>, selector: Selector) -> Result<Entry, Stop> {
    if selector.is_null() {
        return Err(x.fault(vector::TS, 0));
    }
    let entry = fetch(x, selector, vector::TS)?;
    let rights = entry.rights();
    let privileged =
        if rights.is_conforming() { rights.dpl() <= selector.rpl() } else { rights.dpl() == selector.rpl() };
    if !rights.is_code() || !privileged {
        return Err(entry.fault(x, vector::TS));
    }
    if !rights.present() {
        return Err(entry.fault(x, vector::NP));
    }
    Ok(entry)
}

/// The stack for privilege level `dpl` from the current TSS, checked (SDM vol. 3, 5.8.5): the segment, its
/// accessed bit set, and the stack pointer.
///
/// # Errors
/// #TS, #SS with the selector of the stack (or of the TSS, if it is too short); #PF.
pub(crate) fn inner_stack(x: &mut Exec<'_>, dpl: u8) -> Result<(Segment, u64), Stop> {
    let w = layout(x.cpu.tr.rights.kind()).w;
    // SP0, SS0, SP1, ... each in a slot of the TSS's width, after the back link.
    let at = u64::from(w.bytes()) * (1 + 2 * u64::from(dpl));
    let last = at + u64::from(w.bytes()) + 1;
    if last > u64::from(x.cpu.tr.limit) {
        return Err(x.fault(vector::TS, u32::from(x.cpu.tr.selector) & 0xFFFC));
    }
    let base = x.cpu.tr.base;
    let sp = x.read_system(w, base + at)?;
    let selector = Selector(x.read_system(Width::W16, base + at + u64::from(w.bytes()))? as u16);
    let entry = check_stack(x, selector, dpl, vector::TS)?;
    entry.mark_accessed(x)?;
    Ok((entry.segment(dpl), sp))
}

/// Whether the program may access `bytes` ports from `port` on: by privilege, else by the bitmap in a
/// 32-bit TSS (SDM vol. 1, 19.5). In real mode always.
///
/// # Errors
/// #PF on the TSS.
pub fn io_permitted(x: &mut Exec<'_>, port: u16, bytes: u32) -> Result<bool, Stop> {
    if x.cpu.cr0 & cr0::PE == 0 || !x.cpu.is_v86() && x.cpu.cpl <= x.cpu.iopl() {
        return Ok(true);
    }
    let tr = x.cpu.tr;
    let last_of_header = IO_MAP_BASE + 1;
    let wide = tr.rights.kind() & WIDE != 0;
    if !tr.rights.present() || !wide || u64::from(tr.limit) < last_of_header {
        return Ok(false);
    }
    let map = x.read_system(Width::W16, tr.base + IO_MAP_BASE)?;
    // Two bytes are always read, so that an access across a byte of the map needs no second look.
    let at = map + u64::from(port >> 3);
    if at + 1 > u64::from(tr.limit) {
        return Ok(false);
    }
    let bits = x.read_system(Width::W16, tr.base + at)? >> (port & 7);
    Ok(bits & ((1 << bytes.min(8)) - 1) == 0)
}

/// Segments that an outer level must not inherit are emptied: data and non-conforming code more privileged
/// than the new CPL (SDM vol. 3, 5.8.6).
pub(crate) fn empty_inner_segments(x: &mut Exec<'_>) {
    let cpl = x.cpu.cpl;
    for seg in [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs] {
        let rights = x.cpu.seg(seg).rights;
        if rights.present() && !rights.is_conforming() && rights.dpl() < cpl {
            segment::commit(x, seg, Segment::null(0));
        }
    }
}
