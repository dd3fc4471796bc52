//! ENTER (SDM vol. 2).

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Insn;
use crate::micro::Micro;
use x86::gpr;

/// ENTER imm16, imm8: the frame pointers of the enclosing levels are copied, all slots checked first.
pub(super) fn enter(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let level = u64::from(i.imm2 & 31);
    let size = i.imm as u64 & 0xFFFF;
    let (w, stack, seg) = (i.w, i.stack, i.stack_seg());
    let bytes = u64::from(w.bytes());
    let (sp, bp) = (x.reg(stack, gpr::SP), x.reg(stack, gpr::BP));
    let mask = stack.mask();
    let slot = |n: u64| sp.wrapping_sub(n * bytes) & mask;
    let frame = slot(1);
    let slots = if level > 0 { 1 + level } else { 1 };
    let end = slot(slots).wrapping_sub(size) & mask;
    // Everything is checked in the order of the accesses, then done in that order: the frame pointers may be
    // copied from where this instruction has just pushed.
    let outer = |n: u64| bp.wrapping_sub(n * bytes) & mask;
    x.probe(seg, w.bytes(), true, frame)?;
    for n in 1..level {
        x.probe(seg, w.bytes(), false, outer(n))?;
        x.probe(seg, w.bytes(), true, slot(n + 1))?;
    }
    x.probe(seg, w.bytes(), true, slot(slots))?;
    // The processor checks that the new top of the stack can be written (SDM: "PUSH" would fault).
    x.probe(seg, w.bytes(), true, end)?;
    let old = x.reg(w, gpr::BP);
    x.store(w, seg, frame, old)?;
    for n in 1..level {
        let v = x.load(w, seg, outer(n))?;
        x.store(w, seg, slot(n + 1), v)?;
    }
    if level > 0 {
        x.store(w, seg, slot(level + 1), frame & w.mask())?;
    }
    x.set_reg(stack, gpr::SP, end);
    x.set_reg(w, gpr::BP, frame & w.mask());
    Ok(())
}
