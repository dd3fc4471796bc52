//! Instructions that ask about a selector and answer in ZF: LAR, LSL, VERR, VERW, ARPL (SDM vol. 3, 5.10).

use super::{Entry, descriptor, source16};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Kind, Width};
use crate::micro::Micro;
use x86::descriptor::{Selector, system};
use x86::eflags;

/// #UD outside protected mode.
pub(super) fn protected_only(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.is_protected() { Ok(()) } else { Err(x.ud()) }
}

fn set_zf(x: &mut Exec<'_>, on: bool) {
    x.put_flags(eflags::ZF, u64::from(if on { eflags::ZF } else { 0 }));
}

/// The descriptor a program at this CPL may see through the selector. Conforming code is visible to all.
fn visible(x: &mut Exec<'_>, selector: u16) -> Result<Option<Entry>, Stop> {
    let selector = Selector(selector);
    if selector.is_null() {
        return Ok(None);
    }
    let cpl = x.cpu.cpl;
    Ok(descriptor::lookup(x, selector)?.filter(|entry| {
        let rights = entry.rights();
        rights.is_conforming() || cpl.max(selector.rpl()) <= rights.dpl()
    }))
}

/// Types LAR answers for: everything but interrupt and trap gates and what is reserved.
const fn has_rights(kind: u8) -> bool {
    use system::{CALL_GATE16, CALL_GATE32, LDT, TASK_GATE, TSS16, TSS16_BUSY, TSS32, TSS32_BUSY};
    matches!(kind, TSS16 | LDT | TSS16_BUSY | CALL_GATE16 | TASK_GATE | TSS32 | TSS32_BUSY | CALL_GATE32)
}

/// Types LSL answers for: those with a limit.
const fn has_limit(kind: u8) -> bool {
    use system::{LDT, TSS16, TSS16_BUSY, TSS32, TSS32_BUSY};
    matches!(kind, TSS16 | LDT | TSS16_BUSY | TSS32 | TSS32_BUSY)
}

/// LAR r, r/m16: access rights. Flags: ZF.
///
/// # Errors
/// #UD outside protected mode; those of the access.
pub fn lar(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    let selector = source16(x, i, i.k1, i.r1)?;
    let entry = visible(x, selector)?.filter(|e| e.system_type().is_none_or(has_rights));
    if let Some(entry) = entry {
        x.set_reg(i.w, i.r0, u64::from(entry.rights().0) << 8 & i.w.mask());
    }
    set_zf(x, entry.is_some());
    Ok(())
}

/// LSL r, r/m16: limit in bytes. Flags: ZF.
///
/// # Errors
/// #UD outside protected mode; those of the access.
pub fn lsl(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    let selector = source16(x, i, i.k1, i.r1)?;
    let entry = visible(x, selector)?.filter(|e| e.system_type().is_none_or(has_limit));
    if let Some(entry) = entry {
        x.set_reg(i.w, i.r0, u64::from(entry.descriptor.limit()) & i.w.mask());
    }
    set_zf(x, entry.is_some());
    Ok(())
}

/// VERR r/m16: may the segment be read? Flags: ZF.
///
/// # Errors
/// #UD outside protected mode; those of the access.
pub fn verr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    let selector = source16(x, i, i.k0, i.r0)?;
    let yes = visible(x, selector)?.is_some_and(|e| e.rights().is_readable());
    set_zf(x, yes);
    Ok(())
}

/// VERW r/m16: may the segment be written? Flags: ZF.
///
/// # Errors
/// #UD outside protected mode; those of the access.
pub fn verw(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    let selector = source16(x, i, i.k0, i.r0)?;
    let yes = visible(x, selector)?.is_some_and(|e| e.rights().is_writable());
    set_zf(x, yes);
    Ok(())
}

/// ARPL r/m16, r16: raises the destination's RPL to the source's. Flags: ZF.
///
/// # Errors
/// #UD outside protected mode; those of the access.
pub fn arpl(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    let rpl = x.reg(Width::W16, i.r1) & 3;
    let raised = |old: u64| if old & 3 < rpl { old & !3 | rpl } else { old };
    let changed = if i.k0 == Kind::Mem {
        let ea = x.ea(i.mem);
        let place = x.rmw(Width::W16, i.mem.seg, ea)?;
        let old = x.peek(Width::W16, place);
        x.poke(Width::W16, place, raised(old));
        raised(old) != old
    } else {
        let old = x.reg(Width::W16, i.r0);
        x.set_reg(Width::W16, i.r0, raised(old));
        raised(old) != old
    };
    set_zf(x, changed);
    Ok(())
}
