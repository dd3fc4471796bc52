//! Data movement (SDM vol. 1, 7.3.1).

use super::{Form, ea, num, read0, read1, read1_as, write0};
use crate::insn::{Insn, Kind, Width};
use crate::micro::{BinOp, Micro, UnOp};
use x86::{Cond, Seg, gpr};

/// MOV r/m, r; r, r/m; r/m, imm. `------`.
#[inline(always)]
pub fn mov<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = read1(m, i, f)?;
    write0(m, i, f, v)
}

/// MOVBE r, m; m, r: bytes in reverse order. `------`.
pub(super) fn movbe<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = read1(m, i, f)?;
    let v = if f.w == Width::W16 {
        let half = num(m, f.w, 8);
        m.bin(BinOp::Rol, f.w, v, half)
    } else {
        m.un(UnOp::Bswap, f.w, v)
    };
    write0(m, i, f, v)
}

/// MOVZX r, r/m. `------`.
#[inline(always)]
pub fn movzx<M: Micro>(m: &mut M, i: &Insn, f: Form, from: Width) -> Result<(), M::Stop> {
    let v = read1_as(m, i, f, from)?;
    let v = m.zext(from, f.w, v);
    m.set_reg(f.w, i.r0, v);
    Ok(())
}

/// MOVSX r, r/m. `------`.
#[inline(always)]
pub fn movsx<M: Micro>(m: &mut M, i: &Insn, f: Form, from: Width) -> Result<(), M::Stop> {
    let v = read1_as(m, i, f, from)?;
    let v = m.sext(from, f.w, v);
    m.set_reg(f.w, i.r0, v);
    Ok(())
}

/// LEA r, m. `------`.
#[inline(always)]
pub fn lea<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let v = ea(m, i, f);
    let v = if f.w < f.asz {
        m.trunc(f.asz, f.w, v)
    } else if f.w > f.asz {
        m.zext(f.asz, f.w, v)
    } else {
        v
    };
    m.set_reg(f.w, i.r0, v);
    Ok(())
}

/// XCHG r/m, r. `------`.
pub(super) fn xchg<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let b = m.reg(f.w, i.r1);
    let (place, a) = super::open(m, i, f)?;
    m.set_reg(f.w, i.r1, a);
    super::close(m, i, f, place, b);
    Ok(())
}

/// CMOVcc r, r/m: memory is read either way. `------`.
#[inline(always)]
pub fn cmov<M: Micro>(m: &mut M, i: &Insn, f: Form, cc: Cond) -> Result<(), M::Stop> {
    let b = read1(m, i, f)?;
    let a = m.reg(f.w, i.r0);
    let c = m.cond(cc);
    let r = m.select(f.w, c, b, a);
    m.set_reg(f.w, i.r0, r);
    Ok(())
}

/// SETcc r/m8. `------`.
#[inline(always)]
pub fn setcc<M: Micro>(m: &mut M, i: &Insn, f: Form, cc: Cond) -> Result<(), M::Stop> {
    let c = m.cond(cc);
    let c = m.trunc(Width::W32, Width::W8, c);
    write0(m, i, f, c)
}

/// MOV r/m, Sreg: a register gets the whole width, memory 16 bits. `------`.
pub(super) fn mov_from_seg<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let seg = Seg::from_number(i.r1).unwrap_or(Seg::Es);
    let v = m.selector(seg);
    if f.k0 == Kind::Mem {
        let at = ea(m, i, f);
        return m.store(Width::W16, f.seg, at, v);
    }
    let v = if f.w == Width::W16 { v } else { m.zext(Width::W16, f.w, v) };
    m.set_reg(f.w, i.r0, v);
    Ok(())
}

/// XLAT: AL = [BX + AL]. `------`.
pub(super) fn xlat<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<(), M::Stop> {
    let base = ea(m, i, f);
    let al = m.reg(Width::W8, gpr::AX);
    let al = m.zext(Width::W8, f.asz, al);
    let at = m.bin(BinOp::Add, f.asz, base, al);
    let v = m.load(Width::W8, f.seg, at)?;
    m.set_reg(Width::W8, gpr::AX, v);
    Ok(())
}

/// A pushed operand: register, memory or immediate.
#[inline(always)]
pub(super) fn pushed<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<M::I, M::Stop> {
    if f.k0 == Kind::Imm { Ok(num(m, f.w, i.imm as u64)) } else { read0(m, i, f) }
}
