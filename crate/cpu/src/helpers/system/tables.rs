//! GDTR and IDTR: LGDT, LIDT, SGDT, SIDT.

use super::{not_for_users, privileged};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use crate::state::TableRegister;

/// Reads limit and base; a 16-bit operand has 24 bits of base.
fn load(x: &mut Exec<'_>, i: &Insn) -> Result<TableRegister, Stop> {
    privileged(x)?;
    let ea = x.ea(i.mem);
    let limit = x.load(Width::W16, i.mem.seg, ea)? as u16;
    let base = x.load(Width::W32, i.mem.seg, ea.wrapping_add(2) & i.mem.asz.mask())?;
    let base = if i.w == Width::W16 { base & 0xFF_FFFF } else { base };
    Ok(TableRegister { base, limit })
}

/// Writes limit and base. All 32 bits of the base are stored at either operand size: what processors do,
/// whatever the manual's "fill with 0s" says.
fn store(x: &mut Exec<'_>, i: &Insn, table: TableRegister) -> Result<(), Stop> {
    let ea = x.ea(i.mem);
    let at = ea.wrapping_add(2) & i.mem.asz.mask();
    x.probe(i.mem.seg, 2, true, ea)?;
    x.store(Width::W32, i.mem.seg, at, table.base)?;
    x.store(Width::W16, i.mem.seg, ea, u64::from(table.limit))
}

/// LGDT m16&32.
///
/// # Errors
/// #GP(0) above CPL 0; those of the access.
pub fn lgdt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    x.cpu.gdtr = load(x, i)?;
    Ok(())
}

/// LIDT m16&32.
///
/// # Errors
/// #GP(0) above CPL 0; those of the access.
pub fn lidt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    x.cpu.idtr = load(x, i)?;
    Ok(())
}

/// SGDT m. Any CPL without UMIP.
///
/// # Errors
/// #GP(0); those of the access.
pub fn sgdt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    not_for_users(x)?;
    store(x, i, x.cpu.gdtr)
}

/// SIDT m. Any CPL without UMIP.
///
/// # Errors
/// #GP(0); those of the access.
pub fn sidt(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    not_for_users(x)?;
    store(x, i, x.cpu.idtr)
}
