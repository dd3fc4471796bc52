//! Flag control (SDM vol. 1, 7.3.13).

use super::num;
use crate::insn::{HIGH_BYTE, Width};
use crate::micro::{BinOp, Micro};
use x86::eflags::{AF, CF, ONE, PF, SF, ZF};
use x86::{Cond, gpr};

const LOW: u32 = SF | ZF | AF | PF | CF;

/// LAHF. `------`.
pub(super) fn lahf<M: Micro>(m: &mut M) -> Result<(), M::Stop> {
    let v = m.status_flags();
    let mask = num(m, Width::W32, u64::from(LOW));
    let one = num(m, Width::W32, u64::from(ONE));
    let v = m.bin(BinOp::And, Width::W32, v, mask);
    let v = m.bin(BinOp::Or, Width::W32, v, one);
    let v = m.trunc(Width::W32, Width::W8, v);
    m.set_reg(Width::W8, gpr::AX | HIGH_BYTE, v);
    Ok(())
}

/// SAHF. `-*****`.
pub(super) fn sahf<M: Micro>(m: &mut M) -> Result<(), M::Stop> {
    let v = m.reg(Width::W8, gpr::AX | HIGH_BYTE);
    let v = m.zext(Width::W8, Width::W32, v);
    m.put_flags(LOW, v);
    Ok(())
}

/// SALC (undocumented): AL = CF ? FFh : 0. `------`.
pub(super) fn salc<M: Micro>(m: &mut M) -> Result<(), M::Stop> {
    let cf = m.cond(Cond::B);
    let zero = num(m, Width::W8, 0);
    let v = m.bin(BinOp::Sub, Width::W8, zero, cf);
    m.set_reg(Width::W8, gpr::AX, v);
    Ok(())
}

/// CLC, STC. `-----*`.
pub(super) fn set_carry<M: Micro>(m: &mut M, on: bool) -> Result<(), M::Stop> {
    let v = num(m, Width::W32, u64::from(on));
    m.put_flags(CF, v);
    Ok(())
}

/// CMC. `-----*`.
pub(super) fn cmc<M: Micro>(m: &mut M) -> Result<(), M::Stop> {
    let v = m.cond(Cond::Ae);
    m.put_flags(CF, v);
    Ok(())
}

/// CLD, STD. `------`.
pub(super) fn set_direction<M: Micro>(m: &mut M, down: bool) -> Result<(), M::Stop> {
    m.set_direction(down);
    Ok(())
}
