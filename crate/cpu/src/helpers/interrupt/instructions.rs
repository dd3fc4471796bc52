//! INT n, INT3, INTO, INT1, BOUND (SDM vol. 2).

use super::{Event, Kind, deliver};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Insn;
use crate::micro::Micro;
use x86::{eflags, vector};

fn software(x: &mut Exec<'_>, i: &Insn, vector: u8, kind: Kind) -> Result<(), Stop> {
    let return_eip = x.eip_of(i.end());
    deliver(x, Event { vector, error: None, kind, return_eip })
}

/// INT imm8.
///
/// # Errors
/// What delivery raises.
pub fn int(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    software(x, i, i.imm as u8, Kind::Software)
}

/// INT1: #DB without a look at the gate's DPL. DR6 does not change.
///
/// # Errors
/// What delivery raises.
pub fn int1(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    software(x, i, vector::DB, Kind::Icebp)
}

/// INT3.
///
/// # Errors
/// What delivery raises.
pub fn int3(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    software(x, i, vector::BP, Kind::SoftwareTrap)
}

/// INTO: interrupt 4 if OF is set.
///
/// # Errors
/// What delivery raises.
pub fn into(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    if x.cpu.eflags() & eflags::OF == 0 {
        return Ok(());
    }
    software(x, i, vector::OF, Kind::SoftwareTrap)
}

/// BOUND r, m: #BR unless lower bound <= index <= upper bound, signed.
///
/// # Errors
/// #BR; those of the access.
pub fn bound(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let signed = |v| i.w.sign_extend(v) as i64;
    let ea = x.ea(i.mem);
    let lower = signed(x.load(i.w, i.mem.seg, ea)?);
    let at = ea.wrapping_add(u64::from(i.w.bytes())) & i.mem.asz.mask();
    let upper = signed(x.load(i.w, i.mem.seg, at)?);
    let index = signed(x.reg(i.w, i.r0));
    if index < lower || index > upper {
        return Err(x.exception(vector::BR));
    }
    Ok(())
}
