//! The x87 unit (SDM vol. 1, chapter 8).
//!
//! Every instruction but the control instructions goes the same way: [`Micro::x87_enter`] (is there a unit,
//! is an exception pending), the operand in memory, the note of where the instruction was, then what it does
//! to the stack. A result is stored, and the stack popped, only where no unmasked exception forbids it
//! ([`Micro::x87_delivers`]). Status flags in EFLAGS change with FCOMI and its kin only.
//!
//! Register operands are [`Insn::r0`] and [`Insn::r1`], counted from the top of the stack; [`Insn::imm`] is the
//! number of registers popped; [`Insn::w`] is the width of the operand in memory; [`Insn::imm2`] the low 11 bits of
//! the opcode.

use super::{Form, ea, num};
use crate::insn::{Insn, Kind, Width};
use crate::micro::{BinOp, Micro, X87Bin, X87Constant, X87Format, X87Pair, X87Target, X87Un};
use x86::{Cond, eflags, gpr};

/// What an x87 instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Op {
    /// ST(r0) = ST(r0) op ST(r1).
    Arith(X87Bin),
    /// ST(0) = ST(0) op m, a floating-point number.
    ArithReal(X87Bin),
    /// ST(0) = ST(0) op m, an integer.
    ArithInt(X87Bin),
    /// FPREM; FPREM1 if true.
    Remainder(bool),
    /// ST(0) = op ST(0).
    Unary(X87Un),
    /// FPTAN, FSINCOS, FXTRACT.
    Pair(X87Pair),
    /// FCOM ST(r1); FUCOM if true.
    Compare(bool),
    /// FCOM m, a floating-point number.
    CompareReal,
    /// FICOM m.
    CompareInt,
    /// FCOMI ST(r1); FUCOMI if true.
    CompareFlags(bool),
    /// FTST.
    Test,
    /// FXAM.
    Examine,
    /// FLD m32, m64.
    LoadReal,
    /// FILD.
    LoadInt,
    /// FLD m80.
    LoadExtended,
    /// FBLD.
    LoadDecimal,
    /// FLD ST(r0).
    Load,
    /// FLDZ, FLD1 and their kin.
    LoadConstant(X87Constant),
    /// FST m32, m64.
    StoreReal,
    /// FIST.
    StoreInt,
    /// FISTTP.
    StoreTruncated,
    /// FSTP m80.
    StoreExtended,
    /// FBSTP.
    StoreDecimal,
    /// FST ST(r0).
    Store,
    /// FXCH ST(r0).
    Exchange,
    /// FCMOVcc ST(0), ST(r1).
    Move(Cond),
    /// FFREE ST(r0).
    Free,
    /// FINCSTP.
    Increment,
    /// FDECSTP.
    Decrement,
    /// FNOP.
    Nop,
    /// WAIT.
    Wait,
    /// FNINIT.
    Init,
    /// FNCLEX.
    Clear,
    /// FLDCW.
    LoadControl,
    /// FNSTCW.
    StoreControl,
    /// FNSTSW m16 or AX.
    StoreStatus,
}

/// Does one x87 instruction.
///
/// # Errors
/// Why it did not finish.
pub fn x87<M: Micro>(m: &mut M, i: &Insn, op: X87Op) -> Result<(), M::Stop> {
    match op {
        X87Op::Wait => return m.x87_wait(),
        X87Op::Init | X87Op::Clear | X87Op::StoreControl | X87Op::StoreStatus => {
            m.x87_enter(false)?;
            return control(m, i, op);
        }
        _ => m.x87_enter(true)?,
    }
    match op {
        X87Op::Arith(op) => arith(m, i, op),
        X87Op::ArithReal(op) => arith_mem(m, i, op, real(i)),
        X87Op::ArithInt(op) => arith_mem(m, i, op, integer(i)),
        X87Op::Remainder(nearest) => {
            note(m, i);
            let r = m.x87_remainder(nearest);
            deliver(m, 0, count(i), r)
        }
        X87Op::Unary(op) => {
            note(m, i);
            let r = m.x87_unary(op);
            deliver(m, 0, count(i), r)
        }
        X87Op::Pair(op) => {
            note(m, i);
            m.x87_pair(op);
            Ok(())
        }
        X87Op::Compare(quiet) => {
            note(m, i);
            m.x87_compare(quiet, i.r1);
            pops(m, count(i))
        }
        X87Op::CompareReal => compare_mem(m, i, real(i)),
        X87Op::CompareInt => compare_mem(m, i, integer(i)),
        X87Op::CompareFlags(quiet) => compare_flags(m, i, quiet),
        X87Op::Test => {
            note(m, i);
            m.x87_test();
            Ok(())
        }
        X87Op::Examine => {
            note(m, i);
            m.x87_examine();
            Ok(())
        }
        X87Op::LoadReal => load(m, i, real(i)),
        X87Op::LoadInt => load(m, i, integer(i)),
        X87Op::LoadExtended => load_ten(m, i, false),
        X87Op::LoadDecimal => load_ten(m, i, true),
        X87Op::Load => {
            note(m, i);
            m.x87_push_copy(i.r0);
            Ok(())
        }
        X87Op::LoadConstant(c) => {
            note(m, i);
            push_constant(m, c);
            Ok(())
        }
        X87Op::StoreReal => store(m, i, real(i), false),
        X87Op::StoreInt => store(m, i, integer(i), false),
        X87Op::StoreTruncated => store(m, i, integer(i), true),
        X87Op::StoreExtended => store_ten(m, i, false),
        X87Op::StoreDecimal => store_ten(m, i, true),
        X87Op::Store => {
            note(m, i);
            copy(m, i.r0, count(i))
        }
        X87Op::Exchange => {
            note(m, i);
            exchange(m, i.r0)
        }
        X87Op::Move(cc) => move_if(m, i, cc),
        X87Op::Free => {
            note(m, i);
            m.x87_free(i.r0);
            if i.imm != 0 {
                m.x87_pop();
            }
            Ok(())
        }
        X87Op::Increment => {
            note(m, i);
            m.x87_rotate(1);
            Ok(())
        }
        X87Op::Decrement => {
            note(m, i);
            m.x87_rotate(7);
            Ok(())
        }
        X87Op::Nop => {
            note(m, i);
            Ok(())
        }
        _ => control(m, i, op),
    }
}

/// The format of a floating-point operand in memory.
const fn real(i: &Insn) -> X87Format {
    match i.w {
        Width::W64 => X87Format::F64,
        _ => X87Format::F32,
    }
}

/// The format of an integer operand in memory.
const fn integer(i: &Insn) -> X87Format {
    match i.w {
        Width::W16 => X87Format::I16,
        Width::W64 => X87Format::I64,
        _ => X87Format::I32,
    }
}

/// Records an instruction without operand in memory.
fn note<M: Micro>(m: &mut M, i: &Insn) {
    m.x87_note(i32::from(i.start), i.imm2);
}

/// Records an instruction and its operand in memory.
fn note_mem<M: Micro>(m: &mut M, i: &Insn, at: M::I) {
    note(m, i);
    m.x87_note_data(i.mem.seg, at);
}

/// Reads the operand in memory and records the instruction.
fn operand<M: Micro>(m: &mut M, i: &Insn) -> Result<M::I, M::Stop> {
    let f = Form::of(i);
    let at = ea(m, i, f);
    let v = m.load(f.w, f.seg, at)?;
    note_mem(m, i, at);
    Ok(v)
}

/// How many registers an instruction pops.
const fn count(i: &Insn) -> u8 {
    i.imm as u8
}

/// Pops `n` registers.
#[inline(always)]
pub(crate) fn pop<M: Micro>(m: &mut M, n: u8) {
    for _ in 0..n {
        m.x87_pop();
    }
}

/// Pops `n` registers, unless an unmasked exception forbids it.
#[inline(always)]
pub(crate) fn pops<M: Micro>(m: &mut M, n: u8) -> Result<(), M::Stop> {
    if n == 0 {
        return Ok(());
    }
    let c = m.x87_delivers(X87Target::Register);
    m.when(c, |m| {
        pop(m, n);
        Ok(())
    })
}

/// Writes a result to ST(to) and pops `n` registers, unless an unmasked exception forbids it.
#[inline(always)]
pub(crate) fn deliver<M: Micro>(m: &mut M, to: u8, n: u8, r: M::X) -> Result<(), M::Stop> {
    let c = m.x87_delivers(X87Target::Register);
    m.when(c, |m| {
        m.x87_set(to, r);
        pop(m, n);
        Ok(())
    })
}

/// Writes ST(0) to ST(to) and pops `n` registers.
pub(crate) fn copy<M: Micro>(m: &mut M, to: u8, n: u8) -> Result<(), M::Stop> {
    m.x87_clear_c1();
    let v = m.x87_read(0);
    deliver(m, to, n, v)
}

/// Pushes a constant.
pub(crate) fn push_constant<M: Micro>(m: &mut M, c: X87Constant) {
    let v = m.x87_constant(c);
    m.x87_push(v);
}

/// FADD, FSUB, FMUL, FDIV and their kin, FSCALE, FPATAN, FYL2X, FYL2XP1, on registers.
fn arith<M: Micro>(m: &mut M, i: &Insn, op: X87Bin) -> Result<(), M::Stop> {
    note(m, i);
    let r = m.x87_arith(op, i.r0, i.r1);
    deliver(m, i.r0, count(i), r)
}

/// FADD m, FIADD m and their kin.
fn arith_mem<M: Micro>(m: &mut M, i: &Insn, op: X87Bin, from: X87Format) -> Result<(), M::Stop> {
    let v = operand(m, i)?;
    let r = m.x87_arith_mem(op, from, v);
    deliver(m, 0, count(i), r)
}

/// FCOM m, FICOM m.
fn compare_mem<M: Micro>(m: &mut M, i: &Insn, from: X87Format) -> Result<(), M::Stop> {
    let v = operand(m, i)?;
    m.x87_compare_mem(from, v);
    pops(m, count(i))
}

/// FCOMI, FUCOMI. `00*0**`.
fn compare_flags<M: Micro>(m: &mut M, i: &Insn, quiet: bool) -> Result<(), M::Stop> {
    note(m, i);
    let r = m.x87_compare_flags(quiet, i.r1);
    let c = m.x87_delivers(X87Target::Codes);
    m.when(c, |m| {
        m.put_flags(eflags::STATUS, r);
        Ok(())
    })?;
    pops(m, count(i))
}

/// FLD m32, FLD m64, FILD.
fn load<M: Micro>(m: &mut M, i: &Insn, from: X87Format) -> Result<(), M::Stop> {
    let v = operand(m, i)?;
    m.x87_push_mem(from, v);
    Ok(())
}

/// Address of the last two of ten bytes.
fn upper<M: Micro>(m: &mut M, f: Form, at: M::I) -> M::I {
    let eight = num(m, f.asz, 8);
    m.bin(BinOp::Add, f.asz, at, eight)
}

/// FLD m80, FBLD.
fn load_ten<M: Micro>(m: &mut M, i: &Insn, decimal: bool) -> Result<(), M::Stop> {
    let f = Form::of(i);
    let at = ea(m, i, f);
    m.probe(f.seg, 10, false, at)?;
    let low = m.load(Width::W64, f.seg, at)?;
    let next = upper(m, f, at);
    let high = m.load(Width::W16, f.seg, next)?;
    note_mem(m, i, at);
    let v = m.x87_join(low, high);
    let v = if decimal { m.x87_from_decimal(v) } else { v };
    m.x87_push(v);
    Ok(())
}

/// FST m32, FST m64, FIST, FISTTP.
fn store<M: Micro>(m: &mut M, i: &Insn, to: X87Format, truncated: bool) -> Result<(), M::Stop> {
    let f = Form::of(i);
    let at = ea(m, i, f);
    let place = m.rmw(f.w, f.seg, at)?;
    note_mem(m, i, at);
    let v = m.x87_convert(to, truncated);
    let c = m.x87_delivers(X87Target::Memory);
    m.when(c, |m| {
        m.poke(f.w, place, v);
        pop(m, count(i));
        Ok(())
    })
}

/// FSTP m80, FBSTP.
fn store_ten<M: Micro>(m: &mut M, i: &Insn, decimal: bool) -> Result<(), M::Stop> {
    let f = Form::of(i);
    let at = ea(m, i, f);
    m.probe(f.seg, 10, true, at)?;
    note_mem(m, i, at);
    let v = if decimal {
        m.x87_to_decimal()
    } else {
        m.x87_clear_c1();
        m.x87_read(0)
    };
    let c = m.x87_delivers(X87Target::Memory);
    m.when(c, |m| {
        let low = m.x87_low(v);
        m.store(Width::W64, f.seg, at, low)?;
        let next = upper(m, f, at);
        let high = m.x87_high(v);
        m.store(Width::W16, f.seg, next, high)?;
        pop(m, count(i));
        Ok(())
    })
}

/// FXCH: empty registers give the indefinite.
pub(crate) fn exchange<M: Micro>(m: &mut M, with: u8) -> Result<(), M::Stop> {
    m.x87_clear_c1();
    let a = m.x87_read(0);
    let b = m.x87_read(with);
    let c = m.x87_delivers(X87Target::Register);
    m.when(c, |m| {
        m.x87_set(0, b);
        m.x87_set(with, a);
        Ok(())
    })
}

/// FCMOVcc: an empty register is stack underflow whatever the condition, and gives the indefinite.
fn move_if<M: Micro>(m: &mut M, i: &Insn, cc: Cond) -> Result<(), M::Stop> {
    note(m, i);
    let c = m.cond(cc);
    let r = m.x87_select(i.r1, c);
    deliver(m, 0, count(i), r)
}

/// Control instructions: they are not noted.
fn control<M: Micro>(m: &mut M, i: &Insn, op: X87Op) -> Result<(), M::Stop> {
    let f = Form::of(i);
    match op {
        X87Op::Init => m.x87_init(),
        X87Op::Clear => m.x87_clear(),
        X87Op::LoadControl => {
            let at = ea(m, i, f);
            let v = m.load(Width::W16, f.seg, at)?;
            m.set_x87_control(v);
        }
        _ => {
            let v = if op == X87Op::StoreControl { m.x87_control() } else { m.x87_status() };
            if i.k0 == Kind::Mem {
                let at = ea(m, i, f);
                return m.store(Width::W16, f.seg, at, v);
            }
            m.set_reg(Width::W16, gpr::AX, v);
        }
    }
    Ok(())
}
