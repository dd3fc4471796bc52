//! Segment registers: loading them, and the instructions that look at descriptors.
//!
//! A load in protected mode finds the descriptor, makes every check, sets the accessed bit, and only then
//! changes the register (SDM vol. 3, 5.5 to 5.7; vol. 2, MOV). In real and virtual-8086 mode the base
//! follows from the selector and nothing is looked up.

mod descriptor;
mod frame;
mod inspect;
mod tables;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use descriptor::{Entry, check_data, check_stack, fetch, real_mode_segment, v86_segment};
pub(crate) use frame::{Frame, drop_stack, peek_stack};
pub use inspect::{arpl, lar, lsl, verr, verw};
pub use tables::{lldt, ltr, sldt, str};

pub use super::task::io_permitted;

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Kind, Width};
use crate::micro::Micro;
use crate::state::{Segment, event};
use x86::descriptor::Selector;
use x86::{Seg, vector};

/// The segment a register will hold after a load of `selector` by MOV, POP or LDS and the like. The
/// accessed bit is set; the register is not.
///
/// # Errors
/// #GP, #NP or #SS of the checks; #PF.
pub(crate) fn prepare(x: &mut Exec<'_>, seg: Seg, selector: u16) -> Result<Segment, Stop> {
    if x.cpu.is_v86() {
        return Ok(v86_segment(selector, false));
    }
    if !x.cpu.is_protected() {
        return Ok(real_mode_segment(x.cpu.seg(seg), selector, false));
    }
    let wanted = Selector(selector);
    let cpl = x.cpu.cpl;
    let entry = if seg == Seg::Ss {
        check_stack(x, wanted, cpl, vector::GP)?
    } else {
        match check_data(x, wanted, cpl, vector::GP)? {
            Some(entry) => entry,
            None => return Ok(Segment::null(selector)),
        }
    };
    entry.mark_accessed(x)?;
    Ok(entry.segment(wanted.rpl()))
}

/// Puts a prepared segment into DS, ES, FS, GS or SS. The block is left only if code may now decode
/// otherwise: kernels reload data segments at every entry with what they already hold.
pub(crate) fn commit(x: &mut Exec<'_>, seg: Seg, s: Segment) {
    if let Some(slot) = x.cpu.segs.get_mut(seg as usize) {
        *slot = s;
    }
    let before = x.cpu.mode;
    x.cpu.update_mode();
    if x.cpu.mode != before {
        x.leave = true;
    }
}

/// After MOV SS and POP SS: no interrupt and no debug trap before the next instruction is done
/// (SDM vol. 3, 6.8.3).
fn shadow_after_ss(x: &mut Exec<'_>) {
    x.cpu.events |= event::SHADOW | event::SHADOW_SS;
    x.leave = true;
}

/// The segment register a decoded number names; #UD for CS and for numbers that name none.
fn register(x: &mut Exec<'_>, n: u8) -> Result<Seg, Stop> {
    match Seg::from_number(n) {
        Some(Seg::Cs) | None => Err(x.ud()),
        Some(seg) => Ok(seg),
    }
}

/// A 16-bit operand in a register or in memory.
///
/// # Errors
/// Those of the memory access.
pub(crate) fn source16(x: &mut Exec<'_>, i: &Insn, kind: Kind, r: u8) -> Result<u16, Stop> {
    let v = if kind == Kind::Mem {
        let ea = x.ea(i.mem);
        x.load(Width::W16, i.mem.seg, ea)?
    } else {
        x.reg(Width::W16, r)
    };
    Ok(v as u16)
}

/// Writes a 16-bit result: all of `i.w` in a register, 16 bits in memory.
///
/// # Errors
/// Those of the memory access.
pub(crate) fn store16(x: &mut Exec<'_>, i: &Insn, v: u64) -> Result<(), Stop> {
    if i.k0 == Kind::Mem {
        let ea = x.ea(i.mem);
        x.store(Width::W16, i.mem.seg, ea, v & 0xFFFF)
    } else {
        x.set_reg(i.w, i.r0, v & i.w.mask());
        Ok(())
    }
}

/// MOV Sreg, r/m16.
///
/// # Errors
/// #UD for CS; those of the load.
pub fn mov_to_seg(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let seg = register(x, i.r0)?;
    let selector = source16(x, i, i.k1, i.r1)?;
    let s = prepare(x, seg, selector)?;
    commit(x, seg, s);
    if seg == Seg::Ss {
        shadow_after_ss(x);
    }
    Ok(())
}

/// POP Sreg: 16 bits are read, the stack pointer moves by the operand size.
///
/// # Errors
/// #UD for CS; those of the stack and of the load.
pub fn pop_seg(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let seg = register(x, i.r0)?;
    let selector = peek_stack(x, Width::W16, 0)? as u16;
    let s = prepare(x, seg, selector)?;
    drop_stack(x, u64::from(i.w.bytes()));
    commit(x, seg, s);
    if seg == Seg::Ss {
        shadow_after_ss(x);
    }
    Ok(())
}

/// LDS, LES, LSS, LFS, LGS: a far pointer from memory into a segment and a general register.
///
/// # Errors
/// #UD for CS; those of the access and of the load.
pub fn load_far_pointer(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let seg = register(x, i.r1)?;
    let ea = x.ea(i.mem);
    let offset = x.load(i.w, i.mem.seg, ea)?;
    let at = ea.wrapping_add(u64::from(i.w.bytes())) & i.mem.asz.mask();
    let selector = x.load(Width::W16, i.mem.seg, at)? as u16;
    let s = prepare(x, seg, selector)?;
    x.set_reg(i.w, i.r0, offset);
    commit(x, seg, s);
    Ok(())
}
