//! Far transfers of control: JMP, CALL and RET between segments, call gates, tasks, SYSENTER and SYSEXIT
//! (SDM vol. 2; vol. 3, 5.8 and 7.3).

#[cfg(test)]
mod tests;

use super::interrupt;
use super::segment::{
    Entry, Frame, check_stack, drop_stack, fetch, peek_stack, real_mode_segment, v86_segment,
};
use super::task::{self, Reason};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Kind, Width};
use crate::micro::Micro;
use crate::state::Segment;
use x86::descriptor::{Rights, Selector, system};
use x86::{Seg, cr0, eflags, gpr, vector};

/// Writes CS and where execution goes on.
pub(crate) fn enter_code(x: &mut Exec<'_>, cs: Segment, eip: u64) {
    x.cpu.segs[Seg::Cs as usize] = cs;
    x.cpu.next_eip = eip;
    x.mode_changed();
}

/// #GP(0) unless `eip` lies in the code segment.
///
/// # Errors
/// #GP(0).
pub(crate) fn check_limit(x: &mut Exec<'_>, cs: &Segment, eip: u64) -> Result<(), Stop> {
    if eip <= u64::from(cs.limit) { Ok(()) } else { Err(x.gp0()) }
}

/// CS as real or virtual-8086 mode loads it.
pub(crate) fn unprotected_code(x: &Exec<'_>, selector: u16) -> Segment {
    if x.cpu.is_v86() {
        v86_segment(selector, true)
    } else {
        real_mode_segment(x.cpu.seg(Seg::Cs), selector, true)
    }
}

/// The far pointer an instruction names: immediate, or in memory.
fn far_pointer(x: &mut Exec<'_>, i: &Insn) -> Result<(Selector, u64), Stop> {
    if i.k0 != Kind::Mem {
        return Ok((Selector(i.imm2), i.imm as u32 as u64 & i.w.mask()));
    }
    let ea = x.ea(i.mem);
    let offset = x.load(i.w, i.mem.seg, ea)?;
    let at = ea.wrapping_add(u64::from(i.w.bytes())) & i.mem.asz.mask();
    let selector = x.load(Width::W16, i.mem.seg, at)? as u16;
    Ok((Selector(selector), offset))
}

/// The checks of a code segment reached without a gate (SDM vol. 3, 5.8.1). CPL does not change.
fn check_direct(x: &mut Exec<'_>, entry: &Entry) -> Result<(), Stop> {
    let rights = entry.rights();
    let (cpl, rpl) = (x.cpu.cpl, entry.selector.rpl());
    let privileged =
        if rights.is_conforming() { rights.dpl() <= cpl } else { rpl <= cpl && rights.dpl() == cpl };
    if !rights.is_code() || !privileged {
        return Err(entry.fault(x, vector::GP));
    }
    present(x, entry)
}

/// #NP unless the descriptor is present.
fn present(x: &mut Exec<'_>, entry: &Entry) -> Result<(), Stop> {
    if entry.rights().present() { Ok(()) } else { Err(entry.fault(x, vector::NP)) }
}

/// A gate or TSS must be accessible from CPL and RPL (SDM vol. 3, 5.8.4).
fn check_gate_privilege(x: &mut Exec<'_>, gate: &Entry) -> Result<(), Stop> {
    if gate.rights().dpl() < x.cpu.cpl.max(gate.selector.rpl()) {
        return Err(gate.fault(x, vector::GP));
    }
    Ok(())
}

/// What a call gate leads to.
#[derive(Debug)]
struct Gate {
    w: Width,
    offset: u64,
    params: u32,
    code: Entry,
}

/// Follows a call gate to its code segment. The code segment's privilege is the caller's to check.
fn follow_gate(x: &mut Exec<'_>, gate: &Entry, kind: u8) -> Result<Gate, Stop> {
    check_gate_privilege(x, gate)?;
    present(x, gate)?;
    let d = gate.descriptor;
    let selector = d.gate_selector();
    if selector.is_null() {
        return Err(x.gp0());
    }
    let code = fetch(x, selector, vector::GP)?;
    if !code.rights().is_code() || code.rights().dpl() > x.cpu.cpl {
        return Err(code.fault(x, vector::GP));
    }
    let w = if kind == system::CALL_GATE32 { Width::W32 } else { Width::W16 };
    Ok(Gate { w, offset: u64::from(d.gate_offset()) & w.mask(), params: d.gate_params(), code })
}

/// The TSS a far JMP or CALL leads to, directly or through a task gate.
fn task_target(x: &mut Exec<'_>, entry: &Entry, kind: u8) -> Result<Entry, Stop> {
    check_gate_privilege(x, entry)?;
    if kind != system::TASK_GATE {
        return task::find(x, entry.selector, false, vector::GP);
    }
    present(x, entry)?;
    task::behind_gate(x, entry)
}

/// JMP ptr16:16, ptr16:32, m16:16, m16:32.
///
/// # Errors
/// #GP, #NP, #SS, #TS, #PF.
pub fn jmp_far(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let (selector, offset) = far_pointer(x, i)?;
    if !x.cpu.is_protected() {
        let cs = unprotected_code(x, selector.0);
        check_limit(x, &cs, offset)?;
        enter_code(x, cs, offset);
        return Ok(());
    }
    if selector.is_null() {
        return Err(x.gp0());
    }
    let entry = fetch(x, selector, vector::GP)?;
    let (code, offset) = match entry.system_type() {
        None => {
            check_direct(x, &entry)?;
            (entry, offset)
        }
        Some(kind @ (system::CALL_GATE16 | system::CALL_GATE32)) => {
            let gate = follow_gate(x, &entry, kind)?;
            // A JMP cannot change CPL: non-conforming code must be of this level.
            if !gate.code.rights().is_conforming() && gate.code.rights().dpl() != x.cpu.cpl {
                return Err(gate.code.fault(x, vector::GP));
            }
            present(x, &gate.code)?;
            (gate.code, gate.offset)
        }
        Some(kind @ (system::TASK_GATE | system::TSS16 | system::TSS32)) => {
            let to = task_target(x, &entry, kind)?;
            return change_task(x, i, &to, Reason::Jump);
        }
        Some(_) => return Err(entry.fault(x, vector::GP)),
    };
    let cs = code.segment(x.cpu.cpl);
    check_limit(x, &cs, offset)?;
    code.mark_accessed(x)?;
    enter_code(x, cs, offset);
    Ok(())
}

fn change_task(x: &mut Exec<'_>, i: &Insn, to: &Entry, reason: Reason) -> Result<(), Stop> {
    let eip = x.eip_of(i.end());
    let flags = x.cpu.eflags();
    let outcome = task::switch(x, to, reason, eip, flags, None)?;
    interrupt::settle(x, outcome)
}

/// CALL ptr16:16, ptr16:32, m16:16, m16:32.
///
/// # Errors
/// #GP, #NP, #SS, #TS, #PF.
pub fn call_far(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let (selector, offset) = far_pointer(x, i)?;
    if !x.cpu.is_protected() {
        let cs = unprotected_code(x, selector.0);
        return call_same_level(x, i, i.w, cs, offset, None);
    }
    if selector.is_null() {
        return Err(x.gp0());
    }
    let entry = fetch(x, selector, vector::GP)?;
    match entry.system_type() {
        None => {
            check_direct(x, &entry)?;
            let cs = entry.segment(x.cpu.cpl);
            call_same_level(x, i, i.w, cs, offset, Some(entry))
        }
        Some(kind @ (system::CALL_GATE16 | system::CALL_GATE32)) => {
            let gate = follow_gate(x, &entry, kind)?;
            present(x, &gate.code)?;
            let rights = gate.code.rights();
            if !rights.is_conforming() && rights.dpl() < x.cpu.cpl {
                return call_inner_level(x, i, &gate);
            }
            let cs = gate.code.segment(x.cpu.cpl);
            call_same_level(x, i, gate.w, cs, gate.offset, Some(gate.code))
        }
        Some(kind @ (system::TASK_GATE | system::TSS16 | system::TSS32)) => {
            let to = task_target(x, &entry, kind)?;
            change_task(x, i, &to, Reason::Nest)
        }
        Some(_) => Err(entry.fault(x, vector::GP)),
    }
}

fn call_same_level(
    x: &mut Exec<'_>,
    i: &Insn,
    w: Width,
    cs: Segment,
    offset: u64,
    entry: Option<Entry>,
) -> Result<(), Stop> {
    let mut frame = Frame::current(x, w);
    frame.push(u64::from(x.cpu.seg(Seg::Cs).selector));
    frame.push(x.eip_of(i.end()));
    frame.check(x)?;
    check_limit(x, &cs, offset)?;
    if let Some(entry) = entry {
        entry.mark_accessed(x)?;
    }
    frame.commit(x);
    enter_code(x, cs, offset);
    Ok(())
}

/// Through a call gate to a more privileged level: the stack comes from the TSS, and the parameters are
/// copied to it (SDM vol. 3, 5.8.5).
fn call_inner_level(x: &mut Exec<'_>, i: &Insn, gate: &Gate) -> Result<(), Stop> {
    let cpl = gate.code.rights().dpl();
    let (ss, sp) = task::inner_stack(x, cpl)?;
    let mut frame = Frame::new(gate.w, ss, sp, cpl, u32::from(ss.selector) & 0xFFFC);
    frame.push(u64::from(x.cpu.seg(Seg::Ss).selector));
    frame.push(x.cpu.regs[usize::from(gpr::SP)]);
    for n in (0..gate.params).rev() {
        let v = peek_stack(x, gate.w, u64::from(n * gate.w.bytes()))?;
        frame.push(v);
    }
    frame.push(u64::from(x.cpu.seg(Seg::Cs).selector));
    frame.push(x.eip_of(i.end()));
    frame.check(x)?;
    let cs = gate.code.segment(cpl);
    check_limit(x, &cs, gate.offset)?;
    gate.code.mark_accessed(x)?;
    frame.commit(x);
    x.cpu.segs[Seg::Ss as usize] = ss;
    x.cpu.cpl = cpl;
    enter_code(x, cs, gate.offset);
    Ok(())
}

/// The checks of the code segment a far return or IRET goes back to.
///
/// # Errors
/// #GP, #NP, #PF.
pub(crate) fn check_return_code(x: &mut Exec<'_>, selector: Selector) -> Result<Entry, Stop> {
    if selector.is_null() {
        return Err(x.gp0());
    }
    let entry = fetch(x, selector, vector::GP)?;
    let rights = entry.rights();
    let rpl = selector.rpl();
    let privileged = if rights.is_conforming() { rights.dpl() <= rpl } else { rights.dpl() == rpl };
    if !rights.is_code() || rpl < x.cpu.cpl || !privileged {
        return Err(entry.fault(x, vector::GP));
    }
    present(x, &entry)?;
    Ok(entry)
}

/// Reads and checks the outer stack that a return to another level finds `offset` bytes up, its accessed bit
/// set: the segment and the stack pointer.
///
/// # Errors
/// #GP, #SS, #PF.
pub(crate) fn return_stack(x: &mut Exec<'_>, w: Width, offset: u64, rpl: u8) -> Result<(Segment, u64), Stop> {
    let sp = peek_stack(x, w, offset)?;
    let selector = Selector(peek_stack(x, w, offset + u64::from(w.bytes()))? as u16);
    let entry = check_stack(x, selector, rpl, vector::GP)?;
    entry.mark_accessed(x)?;
    Ok((entry.segment(rpl), sp))
}

/// Loads SS and the stack pointer of an outer level. A 16-bit stack takes only the low half of the pointer.
pub(crate) fn enter_outer_stack(x: &mut Exec<'_>, ss: Segment, sp: u64) {
    x.cpu.segs[Seg::Ss as usize] = ss;
    let w = if ss.rights.is_32() { Width::W32 } else { Width::W16 };
    x.set_reg(w, gpr::SP, sp & w.mask());
}

/// RET far, RET far imm16.
///
/// # Errors
/// #GP, #NP, #SS, #PF.
pub fn ret_far(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let step = u64::from(i.w.bytes());
    let drop = i.imm as u32 as u64 & 0xFFFF;
    let eip = peek_stack(x, i.w, 0)?;
    let selector = Selector(peek_stack(x, i.w, step)? as u16);
    if !x.cpu.is_protected() {
        let cs = unprotected_code(x, selector.0);
        check_limit(x, &cs, eip)?;
        drop_stack(x, 2 * step + drop);
        enter_code(x, cs, eip);
        return Ok(());
    }
    let entry = check_return_code(x, selector)?;
    let rpl = selector.rpl();
    let cs = entry.segment(rpl);
    if rpl == x.cpu.cpl {
        check_limit(x, &cs, eip)?;
        entry.mark_accessed(x)?;
        drop_stack(x, 2 * step + drop);
        enter_code(x, cs, eip);
        return Ok(());
    }
    let (ss, sp) = return_stack(x, i.w, 2 * step + drop, rpl)?;
    check_limit(x, &cs, eip)?;
    entry.mark_accessed(x)?;
    x.cpu.cpl = rpl;
    enter_outer_stack(x, ss, sp);
    drop_stack(x, drop);
    enter_code(x, cs, eip);
    task::empty_inner_segments(x);
    Ok(())
}

/// A flat segment as SYSENTER and SYSEXIT load it, without looking at a descriptor.
fn flat(selector: u16, dpl: u8, kind: u16) -> Segment {
    let rights = Rights::G | Rights::DB | Rights::PRESENT | Rights::S | Rights::RW | Rights::ACCESSED | kind;
    Segment::new(selector, 0, u32::MAX, Rights(rights | u16::from(dpl & 3) << 5))
}

/// SYSENTER (SDM vol. 2). EFLAGS: IF, VM and RF cleared.
///
/// # Errors
/// #GP(0) outside protected mode, or if the MSR holds no selector.
pub fn sysenter(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    let base = x.cpu.msr.sysenter_cs as u16 & 0xFFFC;
    if x.cpu.cr0 & cr0::PE == 0 || base == 0 {
        return Err(x.gp0());
    }
    x.cpu.eflags &= !(eflags::IF | eflags::VM | eflags::RF);
    x.cpu.cpl = 0;
    x.cpu.segs[Seg::Ss as usize] = flat(base.wrapping_add(8), 0, 0);
    x.cpu.regs[usize::from(gpr::SP)] = x.cpu.msr.sysenter_esp & 0xFFFF_FFFF;
    let eip = x.cpu.msr.sysenter_eip & 0xFFFF_FFFF;
    enter_code(x, flat(base, 0, Rights::CODE), eip);
    Ok(())
}

/// SYSEXIT (SDM vol. 2): to ECX and EDX.
///
/// # Errors
/// #GP(0) outside protected mode, above CPL 0, or if the MSR holds no selector.
pub fn sysexit(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    let base = x.cpu.msr.sysenter_cs as u16 & 0xFFFC;
    if x.cpu.cr0 & cr0::PE == 0 || base == 0 || x.cpu.cpl != 0 {
        return Err(x.gp0());
    }
    let (sp, eip) = (x.reg(Width::W32, gpr::CX), x.reg(Width::W32, gpr::DX));
    x.cpu.cpl = 3;
    x.cpu.segs[Seg::Ss as usize] = flat(base.wrapping_add(24) | 3, 3, 0);
    x.cpu.regs[usize::from(gpr::SP)] = sp;
    enter_code(x, flat(base.wrapping_add(16) | 3, 3, Rights::CODE), eip);
    Ok(())
}
