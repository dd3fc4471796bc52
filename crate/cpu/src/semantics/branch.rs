//! Jumps, calls and returns within a segment (SDM vol. 1, 7.3.8).
//!
//! A branch says where the block goes on; it takes effect at the end of the instruction. It may fault (the
//! target lies outside the code segment), so it comes before anything that commits.

use super::{Form, num, read0, stack};
use crate::insn::{Insn, Width};
use crate::micro::{BinOp, CmpOp, Micro};
use x86::{Cond, gpr};

/// JMP rel.
#[inline(always)]
pub fn jmp<M: Micro>(m: &mut M, i: &Insn, w: Width) -> Result<(), M::Stop> {
    m.branch(w, i.imm)
}

/// JMP r/m.
#[inline(always)]
pub fn jmp_indirect<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let target = read0(m, i, f)?;
    m.jump(f.w, target)
}

/// CALL rel.
#[inline(always)]
pub fn call<M: Micro>(m: &mut M, i: &Insn, f: Form, w: Width) -> Result<(), M::Stop> {
    m.branch(w, i.imm)?;
    let back = m.eip(w, i.end());
    stack::push_value(m, Form { w, ..f }, back)
}

/// CALL r/m.
#[inline(always)]
pub fn call_indirect<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let target = read0(m, i, f)?;
    m.jump(f.w, target)?;
    let back = m.eip(f.w, i.end());
    stack::push_value(m, f, back)
}

/// RET; RET imm16.
#[inline(always)]
pub fn ret<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let sp = m.reg(f.stack, gpr::SP);
    let target = m.load(f.w, f.stack_seg, sp)?;
    m.jump(f.w, target)?;
    let n = num(m, f.stack, u64::from(f.w.bytes()) + u64::from(i.imm as u16));
    let sp = m.bin(BinOp::Add, f.stack, sp, n);
    m.set_reg(f.stack, gpr::SP, sp);
    Ok(())
}

/// Jcc rel.
#[inline(always)]
pub fn jcc<M: Micro>(m: &mut M, i: &Insn, w: Width, cc: Cond) -> Result<(), M::Stop> {
    let c = m.cond(cc);
    m.branch_if(w, i.imm, c)
}

/// LOOP, LOOPE, LOOPNE rel8: the counter has the address size.
pub(super) fn loop_while<M: Micro>(m: &mut M, i: &Insn, cc: Option<Cond>) -> Result<(), M::Stop> {
    let w = i.w;
    let c = m.reg(w, gpr::CX);
    let one = num(m, w, 1);
    let c = m.bin(BinOp::Sub, w, c, one);
    let zero = num(m, w, 0);
    let mut go = m.compare(CmpOp::Ne, w, c, zero);
    if let Some(cc) = cc {
        let also = m.cond(cc);
        go = m.bin(BinOp::And, Width::W32, go, also);
    }
    m.branch_if(i.w2, i.imm, go)?;
    m.set_reg(w, gpr::CX, c);
    Ok(())
}

/// JCXZ, JECXZ rel8.
pub(super) fn jcxz<M: Micro>(m: &mut M, i: &Insn) -> Result<(), M::Stop> {
    let c = m.reg(i.w, gpr::CX);
    let zero = num(m, i.w, 0);
    let go = m.compare(CmpOp::Eq, i.w, c, zero);
    m.branch_if(i.w2, i.imm, go)
}
