//! The stack (SDM vol. 1, 6.2 and 7.3.1.4).

use super::{Form, moves, num};
use crate::insn::{Insn, Kind};
use crate::micro::{BinOp, Micro};
use x86::{Seg, gpr};

/// Pushes a value of the form's width.
#[inline(always)]
pub(super) fn push_value<M: Micro>(m: &mut M, f: Form, v: M::I) -> Result<(), M::Stop> {
    let sp = m.reg(f.stack, gpr::SP);
    let n = num(m, f.stack, u64::from(f.w.bytes()));
    let sp = m.bin(BinOp::Sub, f.stack, sp, n);
    m.store(f.w, f.stack_seg, sp, v)?;
    m.set_reg(f.stack, gpr::SP, sp);
    Ok(())
}

/// PUSH r/m; PUSH imm.
#[inline(always)]
pub fn push<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = moves::pushed(m, i, f)?;
    push_value(m, f, v)
}

/// PUSH Sreg.
pub(super) fn push_seg<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let seg = Seg::from_number(i.r0).unwrap_or(Seg::Es);
    let v = m.selector(seg);
    let v = m.zext(crate::insn::Width::W16, f.w, v);
    push_value(m, f, v)
}

/// POP r/m. A memory operand based on the stack pointer sees it already incremented.
#[inline(always)]
pub fn pop<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let sp = m.reg(f.stack, gpr::SP);
    let v = m.load(f.w, f.stack_seg, sp)?;
    let n = num(m, f.stack, u64::from(f.w.bytes()));
    let sp = m.bin(BinOp::Add, f.stack, sp, n);
    if f.k0 == Kind::Mem {
        let mut mem = f.mem(i);
        if mem.base == gpr::SP {
            mem.disp = mem.disp.wrapping_add(f.w.bytes() as i32);
        }
        let at = m.ea(mem);
        m.store(f.w, f.seg, at, v)?;
        m.set_reg(f.stack, gpr::SP, sp);
    } else {
        m.set_reg(f.stack, gpr::SP, sp);
        m.set_reg(f.w, i.r0, v);
    }
    Ok(())
}

/// PUSHA, PUSHAD: all slots are checked before the first is written.
pub(super) fn pusha<M: Micro>(m: &mut M, _: &Insn, f: Form) -> Result<(), M::Stop> {
    let sp = m.reg(f.stack, gpr::SP);
    let old = m.reg(f.w, gpr::SP);
    let slot = |m: &mut M, n: u64| {
        let n = num(m, f.stack, n * u64::from(f.w.bytes()));
        m.bin(BinOp::Sub, f.stack, sp, n)
    };
    for n in 1..=8 {
        let at = slot(m, n);
        m.probe(f.stack_seg, f.w.bytes(), true, at)?;
    }
    for n in 1..=8 {
        let r = n as u8 - 1;
        let v = if r == gpr::SP { old } else { m.reg(f.w, r) };
        let at = slot(m, n);
        m.store(f.w, f.stack_seg, at, v)?;
    }
    let sp = slot(m, 8);
    m.set_reg(f.stack, gpr::SP, sp);
    Ok(())
}

/// POPA, POPAD: the stored stack pointer is skipped.
pub(super) fn popa<M: Micro>(m: &mut M, _: &Insn, f: Form) -> Result<(), M::Stop> {
    let sp = m.reg(f.stack, gpr::SP);
    let slot = |m: &mut M, n: u64| {
        let n = num(m, f.stack, n * u64::from(f.w.bytes()));
        m.bin(BinOp::Add, f.stack, sp, n)
    };
    let mut values = [None; 8];
    for (n, value) in values.iter_mut().enumerate() {
        let at = slot(m, n as u64);
        *value = Some(m.load(f.w, f.stack_seg, at)?);
    }
    let sp = slot(m, 8);
    m.set_reg(f.stack, gpr::SP, sp);
    for (n, value) in values.into_iter().enumerate() {
        let r = 7 - n as u8;
        if let Some(v) = value
            && r != gpr::SP
        {
            m.set_reg(f.w, r, v);
        }
    }
    Ok(())
}

/// LEAVE.
#[inline(always)]
pub fn leave<M: Micro>(m: &mut M, _: &Insn, f: Form) -> Result<(), M::Stop> {
    let frame = m.reg(f.stack, gpr::BP);
    let v = m.load(f.w, f.stack_seg, frame)?;
    let n = num(m, f.stack, u64::from(f.w.bytes()));
    let sp = m.bin(BinOp::Add, f.stack, frame, n);
    m.set_reg(f.stack, gpr::SP, sp);
    m.set_reg(f.w, gpr::BP, v);
    Ok(())
}
