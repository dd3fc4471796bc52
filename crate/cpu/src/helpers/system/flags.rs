//! CLI, STI, HLT, PUSHF, POPF, and the virtual interrupt flag that they act on in place of IF where a monitor has lent
//! one (SDM vol. 3, 20.3 and 20.4).

use super::privileged;
use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::segment::{Frame, drop_stack, peek_stack};
use crate::insn::{Insn, Width};
use crate::state::event;
use x86::eflags;

/// The flag that CLI and STI change: IF at a CPL of at most IOPL (in virtual-8086 mode, where CPL is 3, IOPL 3), else
/// VIF if there is one.
fn interrupt_flag(x: &mut Exec<'_>) -> Result<u32, Stop> {
    if x.cpu.cpl <= x.cpu.iopl() {
        Ok(eflags::IF)
    } else if x.cpu.has_virtual_if() {
        Ok(eflags::VIF)
    } else {
        Err(x.gp0())
    }
}

/// PUSHF, POPF, IRET and their like in virtual-8086 mode below IOPL 3: allowed if the program has a VIF, which is 16-bit
/// instructions' alone. Whether it takes the place of IF.
///
/// # Errors
/// #GP(0).
pub(crate) fn v86_sees_virtual_if(x: &mut Exec<'_>, w: Width) -> Result<bool, Stop> {
    if !x.cpu.is_v86() || x.cpu.iopl() == 3 {
        Ok(false)
    } else if w == Width::W16 && x.cpu.has_virtual_if() {
        Ok(true)
    } else {
        Err(x.gp0())
    }
}

/// The flags as an 8086 program sees them that takes VIF for IF and itself to be at IOPL 3.
pub(crate) fn flags_of_8086(flags: u32) -> u32 {
    let interrupts = if flags & eflags::VIF != 0 { eflags::IF } else { 0 };
    flags & !eflags::IF | interrupts | eflags::IOPL
}

/// VIF out of the flags that such a program loads, which are otherwise as they are.
///
/// # Errors
/// #GP(0) where the monitor has to act: TF, or interrupts allowed while one is pending.
pub(crate) fn flags_from_8086(x: &mut Exec<'_>, flags: u32) -> Result<u32, Stop> {
    let enabled = flags & eflags::IF != 0;
    if flags & eflags::TF != 0 || enabled && x.cpu.eflags & eflags::VIP != 0 {
        return Err(x.gp0());
    }
    Ok(flags & !eflags::VIF | if enabled { eflags::VIF } else { 0 })
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
    let flag = interrupt_flag(x)?;
    x.cpu.eflags &= !flag;
    x.cpu.update_events();
    Ok(())
}

/// STI: interrupts are taken after the next instruction, if they were not allowed before.
///
/// # Errors
/// #GP(0) without the privilege, or for VIF while an interrupt is pending.
pub fn sti(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    if interrupt_flag(x)? == eflags::VIF {
        if x.cpu.eflags & eflags::VIP != 0 {
            return Err(x.gp0());
        }
        x.cpu.eflags |= eflags::VIF;
        return Ok(());
    }
    if x.cpu.eflags & eflags::IF == 0 {
        x.cpu.eflags |= eflags::IF;
        x.cpu.update_events();
        x.cpu.events |= event::SHADOW;
    }
    Ok(())
}

/// CLAC: user pages are out of bounds again.
///
/// # Errors
/// #UD above CPL 0.
pub fn clac(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    set_ac(x, 0)
}

/// STAC: a supervisor may access user pages despite SMAP.
///
/// # Errors
/// #UD above CPL 0.
pub fn stac(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    set_ac(x, eflags::AC)
}

fn set_ac(x: &mut Exec<'_>, ac: u32) -> Result<(), Stop> {
    if x.cpu.cpl != 0 {
        return Err(x.ud());
    }
    if x.cpu.eflags & eflags::AC != ac {
        x.cpu.eflags ^= eflags::AC;
        x.mode_changed();
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
/// #GP(0) in virtual-8086 mode below IOPL 3, unless there is a VIF; those of the stack.
pub fn pushf(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let flags = x.cpu.eflags() & !(eflags::RF | eflags::VM);
    let flags = if v86_sees_virtual_if(x, i.w)? { flags_of_8086(flags) } else { flags };
    let mut frame = Frame::current(x, i.w);
    frame.push(u64::from(flags));
    frame.check(x)?;
    frame.commit(x);
    Ok(())
}

/// POPF, POPFD (SDM vol. 2, table 4-21). RF is cleared; VM, VIF and VIP stay, but for a VIF that is loaded.
///
/// # Errors
/// #GP(0) in virtual-8086 mode below IOPL 3, unless there is a VIF, and where the monitor has to act; those of the stack.
pub fn popf(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let virtual_if = v86_sees_virtual_if(x, i.w)?;
    let mut popped = peek_stack(x, i.w, 0)? as u32;
    let mut mask = writable_flags(x, i.w);
    if virtual_if {
        popped = flags_from_8086(x, popped)?;
        mask |= eflags::VIF;
    }
    drop_stack(x, u64::from(i.w.bytes()));
    let old = x.cpu.eflags();
    let new = old & !(mask | eflags::RF) | popped & mask;
    x.cpu.set_eflags(new);
    if (old ^ new) & (eflags::TF | eflags::AC) != 0 {
        x.mode_changed();
    }
    Ok(())
}
