//! x87 instructions, and the images of the x87 and SSE state.

use crate::insn::{Cond, Helper, Insn, Kind, Op, Width, X87Env};
use crate::micro::{X87Bin, X87Constant, X87Pair, X87Un};
use crate::semantics::x87::X87Op;
use iced_x86::{Code, Instruction, MemorySize, Mnemonic, OpKind};

/// Fills in the operands of an x87 instruction and says what it does; `None` if it is none.
pub(super) fn decode_x87(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    if let Some(env) = image(ins, out) {
        return Some(Op::Helper(Helper::X87Env(env)));
    }
    operands(ins, out);
    let op = memory(ins)
        .or_else(|| unary(ins.mnemonic()))
        .or_else(|| implied(ins.mnemonic(), out))
        .or_else(|| registers(ins.mnemonic(), out))
        .or_else(|| control(ins.mnemonic()))?;
    if let Some(pops) = pops(ins.mnemonic()) {
        out.imm = pops;
    }
    Some(Op::X87(op))
}

/// The low 11 bits of the opcode, as FOP has them (SDM vol. 1, 8.1.9): three of the first byte, and ModR/M.
pub(super) fn opcode(bytes: &[u8]) -> u16 {
    let at = bytes.iter().position(|b| (0xD8..=0xDF).contains(b)).unwrap_or(0);
    let byte = |n: usize| u16::from(bytes.get(n).copied().unwrap_or(0));
    (byte(at) & 7) << 8 | byte(at + 1)
}

/// Operands: a place in memory and its width, or registers.
fn operands(ins: &Instruction, out: &mut Insn) {
    (out.r0, out.r1) = (0, 1);
    for n in 0..ins.op_count() {
        match ins.op_kind(n) {
            OpKind::Memory => {
                out.k0 = Kind::Mem;
                out.w = match ins.memory_size() {
                    MemorySize::Float32 | MemorySize::Int32 => Width::W32,
                    MemorySize::Float64 | MemorySize::Int64 => Width::W64,
                    _ => Width::W16,
                };
            }
            OpKind::Register => {
                out.k0 = Kind::Reg;
                let r = ins.op_register(n).number() as u8;
                if n == 0 {
                    out.r0 = r;
                } else {
                    out.r1 = r;
                }
            }
            _ => {}
        }
    }
}

/// Environment and state images: `w` is the operand size.
fn image(ins: &Instruction, out: &mut Insn) -> Option<X87Env> {
    let (env, w) = match ins.code() {
        Code::Fldenv_m14byte => (X87Env::Fldenv, Width::W16),
        Code::Fldenv_m28byte => (X87Env::Fldenv, Width::W32),
        Code::Fnstenv_m14byte => (X87Env::Fnstenv, Width::W16),
        Code::Fnstenv_m28byte => (X87Env::Fnstenv, Width::W32),
        Code::Frstor_m94byte => (X87Env::Frstor, Width::W16),
        Code::Frstor_m108byte => (X87Env::Frstor, Width::W32),
        Code::Fnsave_m94byte => (X87Env::Fnsave, Width::W16),
        Code::Fnsave_m108byte => (X87Env::Fnsave, Width::W32),
        Code::Xsave_mem => (X87Env::Xsave, Width::W32),
        Code::Xrstor_mem => (X87Env::Xrstor, Width::W32),
        Code::Fxsave_m512byte => (X87Env::Fxsave, Width::W32),
        Code::Fxrstor_m512byte => (X87Env::Fxrstor, Width::W32),
        _ => return None,
    };
    out.k0 = Kind::Mem;
    out.w = w;
    Some(env)
}

/// How many registers an instruction pops, if any.
const fn pops(mnemonic: Mnemonic) -> Option<i32> {
    match mnemonic {
        Mnemonic::Fcompp | Mnemonic::Fucompp => Some(2),
        Mnemonic::Faddp
        | Mnemonic::Fmulp
        | Mnemonic::Fsubp
        | Mnemonic::Fsubrp
        | Mnemonic::Fdivp
        | Mnemonic::Fdivrp
        | Mnemonic::Fcomp
        | Mnemonic::Fucomp
        | Mnemonic::Ficomp
        | Mnemonic::Fcomip
        | Mnemonic::Fucomip
        | Mnemonic::Fstp
        | Mnemonic::Fstpnce
        | Mnemonic::Fistp
        | Mnemonic::Fisttp
        | Mnemonic::Fbstp
        | Mnemonic::Ffreep
        | Mnemonic::Fpatan
        | Mnemonic::Fyl2x
        | Mnemonic::Fyl2xp1 => Some(1),
        _ => None,
    }
}

/// Instructions with an operand in memory; the same mnemonics with registers are in [`registers`].
fn memory(ins: &Instruction) -> Option<X87Op> {
    if ins.op_count() != 1 || ins.op_kind(0) != OpKind::Memory {
        return None;
    }
    let ten = matches!(ins.memory_size(), MemorySize::Float80 | MemorySize::Bcd);
    Some(match ins.mnemonic() {
        Mnemonic::Fadd => X87Op::ArithReal(X87Bin::Add),
        Mnemonic::Fmul => X87Op::ArithReal(X87Bin::Mul),
        Mnemonic::Fsub => X87Op::ArithReal(X87Bin::Sub),
        Mnemonic::Fsubr => X87Op::ArithReal(X87Bin::SubR),
        Mnemonic::Fdiv => X87Op::ArithReal(X87Bin::Div),
        Mnemonic::Fdivr => X87Op::ArithReal(X87Bin::DivR),
        Mnemonic::Fcom | Mnemonic::Fcomp => X87Op::CompareReal,
        Mnemonic::Fiadd => X87Op::ArithInt(X87Bin::Add),
        Mnemonic::Fimul => X87Op::ArithInt(X87Bin::Mul),
        Mnemonic::Fisub => X87Op::ArithInt(X87Bin::Sub),
        Mnemonic::Fisubr => X87Op::ArithInt(X87Bin::SubR),
        Mnemonic::Fidiv => X87Op::ArithInt(X87Bin::Div),
        Mnemonic::Fidivr => X87Op::ArithInt(X87Bin::DivR),
        Mnemonic::Ficom | Mnemonic::Ficomp => X87Op::CompareInt,
        Mnemonic::Fld if ten => X87Op::LoadExtended,
        Mnemonic::Fld => X87Op::LoadReal,
        Mnemonic::Fild => X87Op::LoadInt,
        Mnemonic::Fbld => X87Op::LoadDecimal,
        Mnemonic::Fstp if ten => X87Op::StoreExtended,
        Mnemonic::Fst | Mnemonic::Fstp => X87Op::StoreReal,
        Mnemonic::Fist | Mnemonic::Fistp => X87Op::StoreInt,
        Mnemonic::Fisttp => X87Op::StoreTruncated,
        Mnemonic::Fbstp => X87Op::StoreDecimal,
        Mnemonic::Fldcw => X87Op::LoadControl,
        Mnemonic::Fnstcw => X87Op::StoreControl,
        Mnemonic::Fnstsw => X87Op::StoreStatus,
        _ => return None,
    })
}

/// Instructions on ST(0) alone.
fn unary(mnemonic: Mnemonic) -> Option<X87Op> {
    Some(match mnemonic {
        Mnemonic::Fchs => X87Op::Unary(X87Un::Chs),
        Mnemonic::Fabs => X87Op::Unary(X87Un::Abs),
        Mnemonic::Fsqrt => X87Op::Unary(X87Un::Sqrt),
        Mnemonic::Frndint => X87Op::Unary(X87Un::Round),
        Mnemonic::F2xm1 => X87Op::Unary(X87Un::Exp),
        Mnemonic::Fsin => X87Op::Unary(X87Un::Sin),
        Mnemonic::Fcos => X87Op::Unary(X87Un::Cos),
        Mnemonic::Fptan => X87Op::Pair(X87Pair::Tan),
        Mnemonic::Fsincos => X87Op::Pair(X87Pair::SinCos),
        Mnemonic::Fxtract => X87Op::Pair(X87Pair::Extract),
        Mnemonic::Ftst => X87Op::Test,
        Mnemonic::Fxam => X87Op::Examine,
        Mnemonic::Fldz => X87Op::LoadConstant(X87Constant::Zero),
        Mnemonic::Fld1 => X87Op::LoadConstant(X87Constant::One),
        Mnemonic::Fldpi => X87Op::LoadConstant(X87Constant::Pi),
        Mnemonic::Fldl2e => X87Op::LoadConstant(X87Constant::Log2E),
        Mnemonic::Fldl2t => X87Op::LoadConstant(X87Constant::Log2Ten),
        Mnemonic::Fldlg2 => X87Op::LoadConstant(X87Constant::Lg2),
        Mnemonic::Fldln2 => X87Op::LoadConstant(X87Constant::Ln2),
        _ => return None,
    })
}

/// Instructions on ST(0) and ST(1).
fn implied(mnemonic: Mnemonic, out: &mut Insn) -> Option<X87Op> {
    let (registers, op) = match mnemonic {
        Mnemonic::Fprem => ((0, 1), X87Op::Remainder(false)),
        Mnemonic::Fprem1 => ((0, 1), X87Op::Remainder(true)),
        Mnemonic::Fscale => ((0, 1), X87Op::Arith(X87Bin::Scale)),
        Mnemonic::Fpatan => ((1, 0), X87Op::Arith(X87Bin::Atan)),
        Mnemonic::Fyl2x => ((1, 0), X87Op::Arith(X87Bin::Log)),
        Mnemonic::Fyl2xp1 => ((1, 0), X87Op::Arith(X87Bin::LogP1)),
        Mnemonic::Fcompp => ((0, 1), X87Op::Compare(false)),
        Mnemonic::Fucompp => ((0, 1), X87Op::Compare(true)),
        _ => return None,
    };
    (out.r0, out.r1) = registers;
    Some(op)
}

/// Instructions on registers they name.
fn registers(mnemonic: Mnemonic, out: &mut Insn) -> Option<X87Op> {
    Some(match mnemonic {
        Mnemonic::Fadd | Mnemonic::Faddp => X87Op::Arith(X87Bin::Add),
        Mnemonic::Fmul | Mnemonic::Fmulp => X87Op::Arith(X87Bin::Mul),
        Mnemonic::Fsub | Mnemonic::Fsubp => X87Op::Arith(X87Bin::Sub),
        Mnemonic::Fsubr | Mnemonic::Fsubrp => X87Op::Arith(X87Bin::SubR),
        Mnemonic::Fdiv | Mnemonic::Fdivp => X87Op::Arith(X87Bin::Div),
        Mnemonic::Fdivr | Mnemonic::Fdivrp => X87Op::Arith(X87Bin::DivR),
        Mnemonic::Fcom | Mnemonic::Fcomp => X87Op::Compare(false),
        Mnemonic::Fucom | Mnemonic::Fucomp => X87Op::Compare(true),
        Mnemonic::Fcomi | Mnemonic::Fcomip => X87Op::CompareFlags(false),
        Mnemonic::Fucomi | Mnemonic::Fucomip => X87Op::CompareFlags(true),
        Mnemonic::Fcmovb => X87Op::Move(Cond::B),
        Mnemonic::Fcmove => X87Op::Move(Cond::E),
        Mnemonic::Fcmovbe => X87Op::Move(Cond::Be),
        Mnemonic::Fcmovu => X87Op::Move(Cond::P),
        Mnemonic::Fcmovnb => X87Op::Move(Cond::Ae),
        Mnemonic::Fcmovne => X87Op::Move(Cond::Ne),
        Mnemonic::Fcmovnbe => X87Op::Move(Cond::A),
        Mnemonic::Fcmovnu => X87Op::Move(Cond::Np),
        Mnemonic::Fxch => {
            out.r0 = out.r1;
            X87Op::Exchange
        }
        Mnemonic::Fld => X87Op::Load,
        Mnemonic::Fst | Mnemonic::Fstp | Mnemonic::Fstpnce => X87Op::Store,
        Mnemonic::Ffree | Mnemonic::Ffreep => X87Op::Free,
        _ => return None,
    })
}

/// Instructions without operands in memory that control the unit. What the 287 had for protected mode and the
/// 8087 for interrupts does nothing (SDM vol. 3, 23.18.7).
fn control(mnemonic: Mnemonic) -> Option<X87Op> {
    Some(match mnemonic {
        Mnemonic::Fincstp => X87Op::Increment,
        Mnemonic::Fdecstp => X87Op::Decrement,
        Mnemonic::Fnop | Mnemonic::Fneni | Mnemonic::Fndisi | Mnemonic::Fnsetpm => X87Op::Nop,
        Mnemonic::Wait => X87Op::Wait,
        Mnemonic::Fninit => X87Op::Init,
        Mnemonic::Fnclex => X87Op::Clear,
        Mnemonic::Fnstsw => X87Op::StoreStatus,
        _ => return None,
    })
}
