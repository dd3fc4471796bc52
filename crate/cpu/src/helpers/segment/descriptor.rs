//! Descriptors: finding them in their tables, and the checks before one is loaded (SDM vol. 3, chapter 5).

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Width;
use crate::state::Segment;
use x86::descriptor::{Descriptor, Rights, Selector};
use x86::vector;

/// A descriptor, the selector it was found by, and the linear address it lies at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Linear address of the descriptor.
    pub(crate) at: u64,
    /// The selector that named it.
    pub(crate) selector: Selector,
    /// Its content.
    pub(crate) descriptor: Descriptor,
}

impl Entry {
    /// Access rights.
    pub(crate) const fn rights(&self) -> Rights {
        self.descriptor.rights()
    }

    /// The system type, or `None` for code and data.
    pub(crate) const fn system_type(&self) -> Option<u8> {
        if self.rights().is_system() { Some(self.rights().kind()) } else { None }
    }

    /// What a segment register holds once loaded with this code or data segment, with `rpl` in the selector.
    pub(crate) const fn segment(&self, rpl: u8) -> Segment {
        let rights = Rights(self.rights().0 | Rights::ACCESSED);
        let selector = self.selector.0 & !3 | rpl as u16 & 3;
        Segment::new(selector, self.descriptor.base() as u64, self.descriptor.limit(), rights)
    }

    /// What LDTR or TR holds once loaded; `set` is added to the type (the busy bit).
    pub(crate) const fn system_segment(&self, set: u16) -> Segment {
        let rights = Rights(self.rights().0 | set);
        Segment::new(self.selector.0, self.descriptor.base() as u64, self.descriptor.limit(), rights)
    }

    /// Sets the accessed bit of a code or data descriptor, if it is clear. Last of the checks: it may still
    /// fault, and an accessed bit set too early is not an error (SDM vol. 3, 3.4.5.1).
    pub(crate) fn mark_accessed(&self, x: &mut Exec<'_>) -> Result<(), Stop> {
        let access = self.rights().0 & 0xFF;
        if access & Rights::ACCESSED == 0 {
            x.write_system(Width::W8, self.at + 5, u64::from(access | Rights::ACCESSED))?;
        }
        Ok(())
    }

    /// The exception `vector` with this selector as error code.
    pub(crate) fn fault(&self, x: &mut Exec<'_>, vector: u8) -> Stop {
        x.fault(vector, self.selector.error_code())
    }
}

/// The descriptor a selector names, or `None` if it lies outside its table. A null selector is entry 0 of
/// the GDT here: callers test for it first.
///
/// # Errors
/// #PF on the table.
pub(crate) fn lookup(x: &mut Exec<'_>, selector: Selector) -> Result<Option<Entry>, Stop> {
    let (base, limit) = if selector.is_local() {
        let ldt = &x.cpu.ldtr;
        (ldt.base, if ldt.rights.present() { ldt.limit } else { 0 })
    } else {
        (x.cpu.gdtr.base, u32::from(x.cpu.gdtr.limit))
    };
    if selector.offset() + 7 > limit {
        return Ok(None);
    }
    let at = base.wrapping_add(u64::from(selector.offset())) & 0xFFFF_FFFF;
    let descriptor = Descriptor(x.read_system(Width::W64, at)?);
    Ok(Some(Entry { at, selector, descriptor }))
}

/// The descriptor a selector names.
///
/// # Errors
/// `vector` with the selector as error code if it lies outside its table; #PF.
pub(crate) fn fetch(x: &mut Exec<'_>, selector: Selector, vector: u8) -> Result<Entry, Stop> {
    match lookup(x, selector)? {
        Some(entry) => Ok(entry),
        None => Err(x.fault(vector, selector.error_code())),
    }
}

/// Checks a selector for DS, ES, FS or GS at `cpl` (SDM vol. 3, 5.6): `None` for a null selector.
/// Violations raise `bad`: #GP, or #TS in a task switch.
///
/// # Errors
/// `bad` or #NP with the selector as error code; #PF.
pub(crate) fn check_data(
    x: &mut Exec<'_>,
    selector: Selector,
    cpl: u8,
    bad: u8,
) -> Result<Option<Entry>, Stop> {
    if selector.is_null() {
        return Ok(None);
    }
    let entry = fetch(x, selector, bad)?;
    let rights = entry.rights();
    let privilege_matters = !rights.is_conforming();
    if !rights.is_readable() || privilege_matters && cpl.max(selector.rpl()) > rights.dpl() {
        return Err(entry.fault(x, bad));
    }
    if !rights.present() {
        return Err(entry.fault(x, vector::NP));
    }
    Ok(Some(entry))
}

/// Checks a selector for SS at `cpl` (SDM vol. 3, 5.7). Violations raise `bad`: #GP, or #TS when the
/// selector comes from a TSS.
///
/// # Errors
/// `bad` or #SS with the selector as error code; #PF.
pub(crate) fn check_stack(x: &mut Exec<'_>, selector: Selector, cpl: u8, bad: u8) -> Result<Entry, Stop> {
    if selector.is_null() {
        return Err(x.fault(bad, 0));
    }
    let entry = fetch(x, selector, bad)?;
    let rights = entry.rights();
    if selector.rpl() != cpl || rights.dpl() != cpl || !rights.is_writable() {
        return Err(entry.fault(x, bad));
    }
    if !rights.present() {
        return Err(entry.fault(x, vector::SS));
    }
    Ok(entry)
}

/// A segment loaded in real mode: the base follows the selector; the limit, and the size of code and stack
/// addresses, stay what they were ("unreal mode"; SDM vol. 3, 9.9.2 relies on it).
#[must_use]
pub(crate) const fn real_mode_segment(old: &Segment, selector: u16, code: bool) -> Segment {
    let fresh = Segment::real(selector, code);
    if !old.rights.present() {
        // A null selector of protected mode left nothing to keep.
        return fresh;
    }
    let kept = old.rights.0 & (Rights::DB | Rights::G | Rights::AVL);
    let mut s = Segment::new(selector, fresh.base, old.limit, Rights(fresh.rights.0 | kept));
    s.writable = 1;
    s
}

/// A segment loaded in virtual-8086 mode (SDM vol. 3, 20.2.1): 64 KB, DPL 3.
#[must_use]
pub(crate) const fn v86_segment(selector: u16, code: bool) -> Segment {
    let mut s = Segment::real(selector, code);
    s.rights = Rights(s.rights.0 | 3 << 5);
    s
}
