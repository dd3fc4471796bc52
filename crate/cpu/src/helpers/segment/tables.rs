//! LDTR and TR: LLDT, LTR, SLDT, STR (SDM vol. 2).

use super::inspect::protected_only;
use super::{fetch, source16, store16};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::system::not_for_users;
use crate::insn::{Insn, Width};
use crate::state::Segment;
use x86::descriptor::{Selector, system};
use x86::vector;

/// The busy bit in a TSS descriptor's type.
pub(crate) const BUSY: u16 = 2;

/// LLDT r/m16.
///
/// # Errors
/// #UD outside protected mode, #GP, #NP; those of the access.
pub fn lldt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    if x.cpu.cpl != 0 {
        return Err(x.gp0());
    }
    let selector = Selector(source16(x, i, i.k0, i.r0)?);
    if selector.is_null() {
        x.cpu.ldtr = Segment::null(selector.0);
        return Ok(());
    }
    if selector.is_local() {
        return Err(x.fault(vector::GP, selector.error_code()));
    }
    let entry = fetch(x, selector, vector::GP)?;
    if entry.system_type() != Some(system::LDT) {
        return Err(entry.fault(x, vector::GP));
    }
    if !entry.rights().present() {
        return Err(entry.fault(x, vector::NP));
    }
    x.cpu.ldtr = entry.system_segment(0);
    Ok(())
}

/// LTR r/m16: loads TR and marks the TSS busy.
///
/// # Errors
/// #UD outside protected mode, #GP, #NP; those of the access.
pub fn ltr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    if x.cpu.cpl != 0 {
        return Err(x.gp0());
    }
    let selector = Selector(source16(x, i, i.k0, i.r0)?);
    if selector.is_null() {
        return Err(x.gp0());
    }
    if selector.is_local() {
        return Err(x.fault(vector::GP, selector.error_code()));
    }
    let entry = fetch(x, selector, vector::GP)?;
    if !matches!(entry.system_type(), Some(system::TSS16 | system::TSS32)) {
        return Err(entry.fault(x, vector::GP));
    }
    if !entry.rights().present() {
        return Err(entry.fault(x, vector::NP));
    }
    x.write_system(Width::W8, entry.at + 5, u64::from((entry.rights().0 | BUSY) & 0xFF))?;
    x.cpu.tr = entry.system_segment(BUSY);
    Ok(())
}

/// SLDT r/m.
///
/// # Errors
/// #UD outside protected mode, #GP(0) under UMIP; those of the access.
pub fn sldt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    not_for_users(x)?;
    store16(x, i, u64::from(x.cpu.ldtr.selector))
}

/// STR r/m.
///
/// # Errors
/// #UD outside protected mode, #GP(0) under UMIP; those of the access.
pub fn str(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    protected_only(x)?;
    not_for_users(x)?;
    store16(x, i, u64::from(x.cpu.tr.selector))
}
