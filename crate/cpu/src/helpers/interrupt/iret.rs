//! IRET (SDM vol. 2): from a handler, to an outer level, to virtual-8086 mode, to the task before.

use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::segment::{drop_stack, peek_stack, v86_segment};
use crate::helpers::system::{flags_from_8086, v86_sees_virtual_if, writable_flags};
use crate::helpers::task;
use crate::helpers::transfer::{
    check_limit, check_return_code, enter_code, enter_outer_stack, return_stack, unprotected_code,
};
use crate::insn::{Insn, Width};
use x86::descriptor::Selector;
use x86::{Seg, eflags};

/// What IRET finds on the stack.
#[derive(Clone, Copy, Debug)]
struct Popped {
    eip: u64,
    cs: Selector,
    flags: u32,
}

/// IRET, IRETD.
///
/// # Errors
/// #GP, #NP, #SS, #TS, #PF.
pub fn iret(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let virtual_if = v86_sees_virtual_if(x, i.w)?;
    if x.cpu.is_protected() && x.cpu.eflags & eflags::NT != 0 {
        let eip = x.eip_of(i.end());
        let outcome = task::switch_back(x, eip)?;
        unblock_nmi(x);
        return super::settle(x, outcome);
    }
    let step = u64::from(i.w.bytes());
    let popped = Popped {
        eip: peek_stack(x, i.w, 0)?,
        cs: Selector(peek_stack(x, i.w, step)? as u16),
        flags: peek_stack(x, i.w, 2 * step)? as u32,
    };
    if !x.cpu.is_protected() {
        unprotected(x, i.w, popped, virtual_if)?;
    } else if popped.flags & eflags::VM != 0 && x.cpu.cpl == 0 && i.w == Width::W32 {
        to_v86(x, popped)?;
    } else {
        protected(x, i.w, popped)?;
    }
    unblock_nmi(x);
    Ok(())
}

fn unblock_nmi(x: &mut Exec<'_>) {
    x.cpu.nmi_blocked = 0;
    // A waiting NMI, or an interrupt that IF now allows, is looked for before the next instruction.
    x.leave = true;
}

/// The bits of EFLAGS in `mask` from `flags`, the rest as they are.
fn merge_flags(x: &mut Exec<'_>, mask: u32, flags: u32) {
    let v = x.cpu.eflags() & !mask | flags & mask;
    x.cpu.set_eflags(v);
}

/// Real mode, and virtual-8086 mode, which cannot change IOPL and may have VIF in place of IF.
fn unprotected(x: &mut Exec<'_>, w: Width, popped: Popped, virtual_if: bool) -> Result<(), Stop> {
    let flags = if virtual_if { flags_from_8086(x, popped.flags)? } else { popped.flags };
    let interrupts = if virtual_if { eflags::VIF } else { eflags::IF };
    let cs = unprotected_code(x, popped.cs.0);
    check_limit(x, &cs, popped.eip)?;
    drop_stack(x, 3 * u64::from(w.bytes()));
    let wide = if w == Width::W32 { eflags::RF | eflags::AC | eflags::ID } else { 0 };
    let iopl = if x.cpu.is_v86() { 0 } else { eflags::IOPL };
    let mask = eflags::STATUS | eflags::TF | eflags::DF | eflags::NT | interrupts | wide | iopl;
    merge_flags(x, mask, flags);
    enter_code(x, cs, popped.eip);
    Ok(())
}

/// To virtual-8086 mode: six more doublewords.
fn to_v86(x: &mut Exec<'_>, popped: Popped) -> Result<(), Stop> {
    let mut above = [0; 6];
    for (n, v) in above.iter_mut().enumerate() {
        *v = peek_stack(x, Width::W32, 12 + 4 * n as u64)?;
    }
    let [sp, ss, es, ds, fs, gs] = above;
    let cs = v86_segment(popped.cs.0, true);
    check_limit(x, &cs, popped.eip)?;
    x.cpu.set_eflags(popped.flags);
    x.cpu.cpl = 3;
    for (seg, selector) in [(Seg::Es, es), (Seg::Ss, ss), (Seg::Ds, ds), (Seg::Fs, fs), (Seg::Gs, gs)] {
        x.cpu.segs[seg as usize] = v86_segment(selector as u16, false);
    }
    x.cpu.regs[usize::from(x86::gpr::SP)] = sp;
    enter_code(x, cs, popped.eip);
    Ok(())
}

/// To the same or an outer level. Which flags change is decided by the level left behind.
fn protected(x: &mut Exec<'_>, w: Width, popped: Popped) -> Result<(), Stop> {
    let step = u64::from(w.bytes());
    let entry = check_return_code(x, popped.cs)?;
    let rpl = popped.cs.rpl();
    let cs = entry.segment(rpl);
    let resume = if w == Width::W32 { eflags::RF } else { 0 };
    let virtual_interrupts = if w == Width::W32 && x.cpu.cpl == 0 { eflags::VIF | eflags::VIP } else { 0 };
    let mask = writable_flags(x, w) | resume | virtual_interrupts;
    let outer = if rpl == x.cpu.cpl { None } else { Some(return_stack(x, w, 3 * step, rpl)?) };
    check_limit(x, &cs, popped.eip)?;
    entry.mark_accessed(x)?;
    merge_flags(x, mask, popped.flags);
    match outer {
        None => {
            drop_stack(x, 3 * step);
            enter_code(x, cs, popped.eip);
        }
        Some((ss, sp)) => {
            x.cpu.cpl = rpl;
            enter_outer_stack(x, ss, sp);
            enter_code(x, cs, popped.eip);
            task::empty_inner_segments(x);
        }
    }
    Ok(())
}
