//! Decimal arithmetic (SDM vol. 1, 7.3.3).

use super::num;
use crate::insn::{BcdOp, HIGH_BYTE, Insn, Width};
use crate::micro::{BinOp, CmpOp, FlagOp, Micro};
use x86::eflags::{AF, CF};
use x86::{Cond, gpr, vector};

const B: Width = Width::W8;
const AH: u8 = gpr::AX | HIGH_BYTE;

/// DAA, DAS: `?*****`. AAA, AAS: `???*?*`. AAM, AAD: `?**?*?`.
pub(super) fn adjust<M: Micro>(m: &mut M, i: &Insn, op: BcdOp) -> Result<(), M::Stop> {
    match op {
        BcdOp::Daa => decimal(m, BinOp::Add),
        BcdOp::Das => decimal(m, BinOp::Sub),
        BcdOp::Aaa => ascii(m, BinOp::Add),
        BcdOp::Aas => ascii(m, BinOp::Sub),
        BcdOp::Aam => return aam(m, i),
        BcdOp::Aad => aad(m, i),
    }
    Ok(())
}

/// 1 if the low digit of AL needs adjusting.
fn low_digit<M: Micro>(m: &mut M, al: M::I) -> M::I {
    let fifteen = num(m, B, 15);
    let nine = num(m, B, 9);
    let digit = m.bin(BinOp::And, B, al, fifteen);
    let over = m.compare(CmpOp::LtU, B, nine, digit);
    let status = m.status_flags();
    let four = num(m, Width::W32, u64::from(AF.trailing_zeros()));
    let one = num(m, Width::W32, 1);
    let af = m.bin(BinOp::Shr, Width::W32, status, four);
    let af = m.bin(BinOp::And, Width::W32, af, one);
    m.bin(BinOp::Or, Width::W32, over, af)
}

/// Sets AF and CF from 0 or 1.
fn put_carries<M: Micro>(m: &mut M, af: M::I, cf: M::I) {
    let four = num(m, Width::W32, u64::from(AF.trailing_zeros()));
    let af = m.bin(BinOp::Shl, Width::W32, af, four);
    let v = m.bin(BinOp::Or, Width::W32, af, cf);
    m.put_flags(AF | CF, v);
}

fn decimal<M: Micro>(m: &mut M, op: BinOp) {
    let al = m.reg(B, gpr::AX);
    let low = low_digit(m, al);
    let carry = m.cond(Cond::B);
    let limit = num(m, B, 0x99);
    let over = m.compare(CmpOp::LtU, B, limit, al);
    let high = m.bin(BinOp::Or, Width::W32, over, carry);
    let zero = num(m, B, 0);
    let six = num(m, B, 6);
    let sixty = num(m, B, 0x60);
    let a = m.select(B, low, six, zero);
    let b = m.select(B, high, sixty, zero);
    let sum = m.bin(BinOp::Add, B, a, b);
    let r = m.bin(op, B, al, sum);
    let mut cf = high;
    if op == BinOp::Sub {
        // The low adjustment itself may borrow.
        let borrows = m.compare(CmpOp::LtU, B, al, six);
        let borrows = m.bin(BinOp::And, Width::W32, borrows, low);
        cf = m.bin(BinOp::Or, Width::W32, cf, borrows);
    }
    m.set_reg(B, gpr::AX, r);
    m.set_flags(FlagOp::Logic, B, r, r, r);
    put_carries(m, low, cf);
}

fn ascii<M: Micro>(m: &mut M, op: BinOp) {
    let w = Width::W16;
    let al = m.reg(B, gpr::AX);
    let low = low_digit(m, al);
    let ax = m.reg(w, gpr::AX);
    let zero = num(m, w, 0);
    let step = num(m, w, 0x106);
    let step = m.select(w, low, step, zero);
    let ax = m.bin(op, w, ax, step);
    let mask = num(m, w, 0xFF0F);
    let ax = m.bin(BinOp::And, w, ax, mask);
    m.set_reg(w, gpr::AX, ax);
    let al = m.reg(B, gpr::AX);
    m.set_flags(FlagOp::Logic, B, al, al, al);
    put_carries(m, low, low);
}

fn aam<M: Micro>(m: &mut M, i: &Insn) -> Result<(), M::Stop> {
    let base = i.imm as u64 & 0xFF;
    if base == 0 {
        return m.raise(vector::DE);
    }
    let al = m.reg(B, gpr::AX);
    let d = num(m, B, base);
    let zero = num(m, B, 0);
    let q = m.quot(B, false, zero, al, d);
    let t = m.bin(BinOp::Mul, B, q, d);
    let r = m.bin(BinOp::Sub, B, al, t);
    m.set_reg(B, gpr::AX, r);
    m.set_reg(B, AH, q);
    m.set_flags(FlagOp::Logic, B, r, r, r);
    Ok(())
}

fn aad<M: Micro>(m: &mut M, i: &Insn) {
    let al = m.reg(B, gpr::AX);
    let ah = m.reg(B, AH);
    let base = num(m, B, i.imm as u64);
    let t = m.bin(BinOp::Mul, B, ah, base);
    let r = m.bin(BinOp::Add, B, al, t);
    let zero = num(m, B, 0);
    m.set_reg(B, gpr::AX, r);
    m.set_reg(B, AH, zero);
    m.set_flags(FlagOp::Logic, B, r, r, r);
}
