//! MOV DRn (SDM vol. 3, 17.2).

use super::privileged;
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use x86::{cr4, vector};

/// DR6 bits that can be written: B0 to B3, BD, BS, BT.
const DR6_WRITABLE: u64 = 0xE00F;
/// DR6 bits that are always one.
const DR6_ONES: u64 = 0xFFFF_0FF0;
/// DR6: a debug register was about to be accessed with DR7.GD set.
const DR6_BD: u64 = 1 << 13;
/// DR7 bits that can be written: enables, LE, GE, GD, conditions and lengths.
const DR7_WRITABLE: u64 = 0xFFFF_23FF;
/// DR7 bit that is always one.
const DR7_ONES: u64 = 1 << 10;
/// DR7: general detect.
const DR7_GD: u64 = 1 << 13;

/// The register a number names, after the checks common to both directions.
fn register(x: &mut Exec<'_>, n: u8) -> Result<usize, Stop> {
    let n = match n {
        0..=3 | 6 | 7 => usize::from(n),
        4 | 5 if x.cpu.cr4 & cr4::DE == 0 => usize::from(n) + 2,
        _ => return Err(x.ud()),
    };
    privileged(x)?;
    if x.cpu.dr[7] & DR7_GD != 0 {
        x.cpu.dr[6] |= DR6_BD;
        return Err(x.exception(vector::DB));
    }
    Ok(n)
}

/// MOV r32, DRn.
///
/// # Errors
/// #UD, #GP(0), #DB.
pub fn mov_from_dr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let n = register(x, i.r1)?;
    let v = x.cpu.dr[n & 7];
    x.set_reg(Width::W32, i.r0, v);
    Ok(())
}

/// MOV DRn, r32.
///
/// # Errors
/// #UD, #GP(0), #DB.
pub fn mov_to_dr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let n = register(x, i.r1)?;
    let v = x.reg(Width::W32, i.r0);
    x.cpu.dr[n & 7] = match n {
        6 => v & DR6_WRITABLE | DR6_ONES,
        7 => v & DR7_WRITABLE | DR7_ONES,
        _ => v,
    };
    x.mode_changed();
    Ok(())
}
