//! CLI, STI, HLT, PUSHF, POPF.

use super::privileged;
use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::segment::{Frame, drop_stack, peek_stack};
use crate::insn::{Insn, Width};
use crate::state::event;
use x86::eflags;

/// #GP(0) unless the program may change IF: CPL at most IOPL, or IOPL 3 in virtual-8086 mode (CPL is 3
/// there, so it is the same test). CR4.VME and CR4.PVI would be looked at here; they are not announced.
fn may_change_if(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.cpl <= x.cpu.iopl() { Ok(()) } else { Err(x.gp0()) }
}

/// The flags that IRET, and POPF but for what it leaves alone, may change at this CPL and IOPL.
pub(crate) fn writable_flags(x: &Exec<'_>, w: Width) -> u32 {
    let wide = if w == Width::W32 { eflags::AC | eflags::ID } else { 0 };
    let iopl = if x.cpu.cpl == 0 { eflags::IOPL } else { 0 };
    let interrupts = if x.cpu.cpl <= x.cpu.iopl() { eflags::IF } else { 0 };
    eflags::STATUS | eflags::TF | eflags::DF | eflags::NT | wide | iopl | interrupts
}

/// CLI.
///
/// # Errors
/// #GP(0) without the privilege.
pub fn cli(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    may_change_if(x)?;
    x.cpu.eflags &= !eflags::IF;
    Ok(())
}

/// STI: interrupts are taken after the next instruction, if they were not allowed before.
///
/// # Errors
/// #GP(0) without the privilege.
pub fn sti(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    may_change_if(x)?;
    if x.cpu.eflags & eflags::IF == 0 {
        x.cpu.eflags |= eflags::IF;
        x.cpu.events |= event::SHADOW;
    }
    Ok(())
}

/// HLT.
///
/// # Errors
/// #GP(0) above CPL 0.
pub fn hlt(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    x.cpu.events |= event::HALT;
    x.leave = true;
    Ok(())
}

/// PUSHF, PUSHFD: RF and VM are pushed as zero.
///
/// # Errors
/// #GP(0) in virtual-8086 mode below IOPL 3; those of the stack.
pub fn pushf(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    if x.cpu.is_v86() && x.cpu.iopl() < 3 {
        return Err(x.gp0());
    }
    let mut frame = Frame::current(x, i.w);
    frame.push(u64::from(x.cpu.eflags() & !(eflags::RF | eflags::VM)));
    frame.check(x)?;
    frame.commit(x);
    Ok(())
}

/// POPF, POPFD (SDM vol. 2, table 4-21).
///
/// # Errors
/// #GP(0) in virtual-8086 mode below IOPL 3; those of the stack.
pub fn popf(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    if x.cpu.is_v86() && x.cpu.iopl() < 3 {
        return Err(x.gp0());
    }
    let popped = peek_stack(x, i.w, 0)? as u32;
    let mask = writable_flags(x, i.w);
    let cleared = if i.w == Width::W32 && !x.cpu.is_v86() {
        eflags::RF | eflags::VIF | eflags::VIP
    } else {
        eflags::RF
    };
    drop_stack(x, u64::from(i.w.bytes()));
    let old = x.cpu.eflags();
    let new = old & !(mask | cleared) | popped & mask;
    x.cpu.set_eflags(new);
    if (old ^ new) & (eflags::TF | eflags::AC) != 0 {
        x.mode_changed();
    }
    Ok(())
}
