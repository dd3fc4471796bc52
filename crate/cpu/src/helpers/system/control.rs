//! Control registers, and what goes with them: MOV CRn, LMSW, SMSW, CLTS, INVLPG, INVD, WBINVD
//! (SDM vol. 3, 2.5).

use super::{not_for_users, privileged};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::segment::{source16, store16};
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use x86::{Seg, cr0, cr4};

/// CR4 bits whose change drops every translation (SDM vol. 3, 4.10.4.1).
const FLUSHING4: u32 = cr4::PSE | cr4::PAE | cr4::PGE | cr4::SMEP | cr4::SMAP;
/// The same of CR0.
const FLUSHING0: u32 = cr0::PE | cr0::WP | cr0::PG;

/// A processor that has none of the features that CR4 turns on does not have the register.
fn has_cr4(x: &Exec<'_>) -> bool {
    x.cpu.identity.cr4() != 0
}

/// MOV r32, CRn.
///
/// # Errors
/// #UD if there is no such register, #GP(0) above CPL 0.
pub fn mov_from_cr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let v = match i.r1 {
        0 => u64::from(x.cpu.cr0),
        2 => x.cpu.cr2,
        3 => x.cpu.cr3,
        4 if has_cr4(x) => u64::from(x.cpu.cr4),
        _ => return Err(x.ud()),
    };
    privileged(x)?;
    x.set_reg(Width::W32, i.r0, v);
    Ok(())
}

/// MOV CRn, r32.
///
/// # Errors
/// #UD if there is no such register, #GP(0) above CPL 0 or for a value that is not allowed.
pub fn mov_to_cr(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let v = x.reg(Width::W32, i.r0);
    let exists = matches!(i.r1, 0 | 2 | 3) || i.r1 == 4 && has_cr4(x);
    if !exists {
        return Err(x.ud());
    }
    privileged(x)?;
    match i.r1 {
        0 => set_cr0(x, v as u32),
        2 => {
            x.cpu.cr2 = v;
            Ok(())
        }
        3 => set_cr3(x, v),
        _ => set_cr4(x, v as u32),
    }
}

/// The page-directory-pointer entries, if the control registers to be will use them.
fn pdptes(x: &mut Exec<'_>, new_cr0: u32, new_cr4: u32, cr3: u64) -> Result<[u64; 4], Stop> {
    if new_cr0 & cr0::PG == 0 || new_cr4 & cr4::PAE == 0 {
        return Ok(x.cpu.pdpte);
    }
    x.mmu.load_pdptes(cr3).ok_or_else(|| x.gp0())
}

fn set_cr0(x: &mut Exec<'_>, v: u32) -> Result<(), Stop> {
    // Bits that do not exist are ignored, and ET is always one.
    let new = v & cr0::ALL | cr0::ET;
    let old = x.cpu.cr0;
    let paging_without_protection = new & (cr0::PG | cr0::PE) == cr0::PG;
    let write_back_without_cache = new & (cr0::NW | cr0::CD) == cr0::NW;
    if paging_without_protection || write_back_without_cache {
        return Err(x.gp0());
    }
    let changed = old ^ new;
    if changed & (cr0::PG | cr0::CD | cr0::NW) != 0 {
        x.cpu.pdpte = pdptes(x, new, x.cpu.cr4, x.cpu.cr3)?;
    }
    x.cpu.cr0 = new;
    if changed & cr0::PE != 0 {
        reinterpret_segments(x);
    }
    if changed & FLUSHING0 != 0 {
        x.mmu.flush_all();
    }
    x.mode_changed();
    Ok(())
}

/// When PE changes, the segment registers keep what they hold; but real mode lets every usable segment be
/// read and written, while protected mode obeys the type (SDM vol. 3, 9.9).
fn reinterpret_segments(x: &mut Exec<'_>) {
    let real = x.cpu.cr0 & cr0::PE == 0;
    for s in &mut x.cpu.segs {
        let usable = s.rights.present();
        s.readable = u8::from(usable && (real || s.rights.is_readable()));
        s.writable = u8::from(usable && (real || s.rights.is_writable()));
    }
}

fn set_cr3(x: &mut Exec<'_>, v: u64) -> Result<(), Stop> {
    x.cpu.pdpte = pdptes(x, x.cpu.cr0, x.cpu.cr4, v)?;
    x.cpu.cr3 = v;
    x.mmu.flush_non_global();
    // Code may lie elsewhere now.
    x.leave = true;
    Ok(())
}

fn set_cr4(x: &mut Exec<'_>, v: u32) -> Result<(), Stop> {
    if v & !x.cpu.identity.cr4() != 0 {
        return Err(x.gp0());
    }
    let changed = x.cpu.cr4 ^ v;
    if changed & (cr4::PAE | cr4::PSE | cr4::PGE | cr4::SMEP) != 0 {
        x.cpu.pdpte = pdptes(x, x.cpu.cr0, v, x.cpu.cr3)?;
    }
    x.cpu.cr4 = v;
    if changed & FLUSHING4 != 0 {
        x.mmu.flush_all();
    }
    x.mode_changed();
    Ok(())
}

/// LMSW r/m16: PE, MP, EM and TS; PE can be set, not cleared.
///
/// # Errors
/// #GP(0) above CPL 0; those of the access.
pub fn lmsw(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    let v = u32::from(source16(x, i, i.k0, i.r0)?);
    let low = cr0::PE | cr0::MP | cr0::EM | cr0::TS;
    set_cr0(x, x.cpu.cr0 & !(low & !cr0::PE) | v & low)
}

/// SMSW r/m: the low word of CR0 to memory, all of the operand size to a register. Any CPL without UMIP.
///
/// # Errors
/// #GP(0); those of the access.
pub fn smsw(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    not_for_users(x)?;
    store16(x, i, u64::from(x.cpu.cr0))
}

/// CLTS.
///
/// # Errors
/// #GP(0) above CPL 0.
pub fn clts(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    x.cpu.cr0 &= !cr0::TS;
    x.mode_changed();
    Ok(())
}

/// INVLPG m. The operand is an address, not an access.
///
/// # Errors
/// #GP(0) above CPL 0.
pub fn invlpg(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    let ea = x.ea(i.mem);
    let base = if i.mem.seg == Seg::Flat { 0 } else { x.cpu.seg(i.mem.seg).base };
    x.mmu.drop_page(base.wrapping_add(ea) & 0xFFFF_FFFF);
    x.leave = true;
    Ok(())
}

/// INVD, WBINVD: there is no cache to see.
///
/// # Errors
/// #GP(0) above CPL 0.
pub fn wbinvd(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    privileged(x)
}
