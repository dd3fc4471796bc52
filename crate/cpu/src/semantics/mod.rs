//! The manual, once: what every instruction does, written against [`Micro`].
//!
//! Each function's comment gives the manual's syntax and the flags it defines, in the order O S Z A P C
//! (`*` by result, `0`, `1`, `-` kept, `?` undefined). Undefined flags are what is cheapest.
//!
//! A [`Form`] says which kinds and widths the operands have. The general path takes it from the
//! instruction; the interpreter's specialised arms pass constants, which the compiler folds.

mod arith;
mod bcd;
mod bits;
mod branch;
mod flag_ops;
pub mod mmx;
mod moves;
mod shift;
pub mod sse;
mod stack;
pub mod x87;

pub use arith::{
    alu, cbw, cmpxchg, cmpxchg8b, cwd, divide, inc_dec, multiply, multiply_truncating, neg, not, xadd,
};
pub use branch::{call, call_indirect, jcc, jmp, jmp_indirect, ret};
pub use moves::{cmov, lea, mov, movsx, movzx, setcc};
pub use shift::shift;
pub use stack::{leave, pop, push};

use crate::insn::{Insn, Kind, Mem, NO_INDEX, Op, Width};
use crate::micro::Micro;
use x86::{Seg, vector};

/// Operand kinds and widths of an instruction, as far as they choose between code paths.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Operand width.
    pub w: Width,
    /// First operand.
    pub k0: Kind,
    /// Second operand.
    pub k1: Kind,
    /// Segment of the memory operand.
    pub seg: Seg,
    /// Address size of the memory operand.
    pub asz: Width,
    /// The memory operand may have an index.
    pub indexed: bool,
    /// Width of the stack pointer.
    pub stack: Width,
    /// Segment of the stack.
    pub stack_seg: Seg,
}

impl Form {
    /// The form an instruction has.
    #[inline(always)]
    #[must_use]
    pub const fn of(i: &Insn) -> Self {
        Self {
            w: i.w,
            k0: i.k0,
            k1: i.k1,
            seg: i.mem.seg,
            asz: i.mem.asz,
            indexed: true,
            stack: i.stack,
            stack_seg: i.stack_seg(),
        }
    }

    /// Flat segments, 32-bit addresses and stack: the form of specialised arms.
    #[must_use]
    pub const fn flat(w: Width, k0: Kind, k1: Kind) -> Self {
        Self {
            w,
            k0,
            k1,
            seg: Seg::Flat,
            asz: Width::W32,
            indexed: true,
            stack: Width::W32,
            stack_seg: Seg::Flat,
        }
    }

    /// The same for memory operands without an index.
    #[must_use]
    pub const fn plain(self) -> Self {
        Self { indexed: false, ..self }
    }

    /// The memory operand, with what the form knows about it.
    #[inline(always)]
    const fn mem(self, i: &Insn) -> Mem {
        let scale = if self.indexed { i.mem.scale & 3 } else { NO_INDEX };
        Mem { seg: self.seg, asz: self.asz, scale, ..i.mem }
    }
}

/// Effective address of the memory operand.
#[inline(always)]
fn ea<M: Micro>(m: &mut M, i: &Insn, f: Form) -> M::I {
    m.ea(f.mem(i))
}

/// A small constant.
#[inline(always)]
fn num<M: Micro>(m: &mut M, w: Width, v: u64) -> M::I {
    m.imm(w, v)
}

/// Reads the first operand.
#[inline(always)]
fn read0<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<M::I, M::Stop> {
    match f.k0 {
        Kind::Mem => {
            let at = ea(m, i, f);
            m.load(f.w, f.seg, at)
        }
        _ => Ok(m.reg(f.w, i.r0)),
    }
}

/// Reads the second operand at width `w`.
#[inline(always)]
fn read1_as<M: Micro>(m: &mut M, i: &Insn, f: Form, w: Width) -> Result<M::I, M::Stop> {
    match f.k1 {
        Kind::Mem => {
            let at = ea(m, i, f);
            m.load(w, f.seg, at)
        }
        Kind::Imm => Ok(m.imm(w, i.imm as u64)),
        _ => Ok(m.reg(w, i.r1)),
    }
}

/// Reads the second operand.
#[inline(always)]
fn read1<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<M::I, M::Stop> {
    read1_as(m, i, f, f.w)
}

/// Where to write an operand back (`None`: to its register), and its value.
type Opened<M> = (Option<<M as Micro>::P>, <M as Micro>::I);

/// Reads the first operand to replace it: memory is checked once, with write intent. What [`close`] needs to
/// write it back comes first. (Two functions rather than one with a closure: closures are not always
/// inlined, and the specialised arms live from that.)
#[inline(always)]
fn open<M: Micro>(m: &mut M, i: &Insn, f: Form) -> Result<Opened<M>, M::Stop> {
    if f.k0 == Kind::Mem {
        let at = ea(m, i, f);
        let place = m.rmw(f.w, f.seg, at)?;
        let a = m.peek(f.w, place);
        Ok((Some(place), a))
    } else {
        Ok((None, m.reg(f.w, i.r0)))
    }
}

/// Writes back what [`open`] read.
#[inline(always)]
fn close<M: Micro>(m: &mut M, i: &Insn, f: Form, place: Option<M::P>, r: M::I) {
    match place {
        Some(place) => m.poke(f.w, place, r),
        None => m.set_reg(f.w, i.r0, r),
    }
}

/// Writes the first operand.
#[inline(always)]
fn write0<M: Micro>(m: &mut M, i: &Insn, f: Form, v: M::I) -> Result<(), M::Stop> {
    match f.k0 {
        Kind::Mem => {
            let at = ea(m, i, f);
            m.store(f.w, f.seg, at, v)
        }
        _ => {
            m.set_reg(f.w, i.r0, v);
            Ok(())
        }
    }
}

/// Does one instruction.
///
/// # Errors
/// Why it did not finish.
pub fn step<M: Micro>(m: &mut M, i: &Insn) -> Result<(), M::Stop> {
    let f = Form::of(i);
    match i.op {
        Op::Alu(op) => alu(m, i, f, op),
        Op::Mov => mov(m, i, f),
        Op::Movzx => movzx(m, i, f, i.w2),
        Op::Movsx => movsx(m, i, f, i.w2),
        Op::Lea => lea(m, i, f),
        Op::Xchg => moves::xchg(m, i, f),
        Op::Xadd => xadd(m, i, f),
        Op::Cmpxchg => cmpxchg(m, i, f),
        Op::Cmpxchg8b => cmpxchg8b(m, i, f),
        Op::Inc => inc_dec(m, i, f, true),
        Op::Dec => inc_dec(m, i, f, false),
        Op::Not => not(m, i, f),
        Op::Neg => neg(m, i, f),
        Op::Shift(op) => shift(m, i, f, op),
        Op::Shld => shift::shift_double(m, i, f, true),
        Op::Shrd => shift::shift_double(m, i, f, false),
        Op::Mul => multiply(m, i, f, false),
        Op::Imul1 => multiply(m, i, f, true),
        Op::Imul => multiply_truncating(m, i, f, i.imm2 != 0),
        Op::Div => divide(m, i, f, false),
        Op::Idiv => divide(m, i, f, true),
        Op::Bit(op) => bits::bit(m, i, f, op),
        Op::Bsf => bits::scan(m, i, f, true),
        Op::Bsr => bits::scan(m, i, f, false),
        Op::Popcnt => bits::popcnt(m, i, f),
        Op::Crc32 => bits::crc32(m, i, f),
        Op::Bswap => bits::bswap(m, i, f),
        Op::Movbe => moves::movbe(m, i, f),
        Op::Push => push(m, i, f),
        Op::Pop => pop(m, i, f),
        Op::Pusha => stack::pusha(m, i, f),
        Op::Popa => stack::popa(m, i, f),
        Op::PushSeg => stack::push_seg(m, i, f),
        Op::MovFromSeg => moves::mov_from_seg(m, i, f),
        Op::Leave => leave(m, i, f),
        Op::Jmp => jmp(m, i, i.w2),
        Op::JmpInd => jmp_indirect(m, i, f),
        Op::Call => call(m, i, f, i.w2),
        Op::CallInd => call_indirect(m, i, f),
        Op::Ret => ret(m, i, f),
        Op::Jcc(cc) => jcc(m, i, i.w2, cc),
        Op::Loop => branch::loop_while(m, i, None),
        Op::Loope => branch::loop_while(m, i, Some(x86::Cond::E)),
        Op::Loopne => branch::loop_while(m, i, Some(x86::Cond::Ne)),
        Op::Jcxz => branch::jcxz(m, i),
        Op::Setcc(cc) => setcc(m, i, f, cc),
        Op::Cmovcc(cc) => cmov(m, i, f, cc),
        Op::Cbw => cbw(m, i, f),
        Op::Cwd => cwd(m, i, f),
        Op::Lahf => flag_ops::lahf(m),
        Op::Sahf => flag_ops::sahf(m),
        Op::Salc => flag_ops::salc(m),
        Op::Clc => flag_ops::set_carry(m, false),
        Op::Stc => flag_ops::set_carry(m, true),
        Op::Cmc => flag_ops::cmc(m),
        Op::Cld => flag_ops::set_direction(m, false),
        Op::Std => flag_ops::set_direction(m, true),
        Op::Bcd(op) => bcd::adjust(m, i, op),
        Op::Xlat => moves::xlat(m, i, f),
        Op::Nop => Ok(()),
        Op::Helper(h) => m.helper(h, *i),
        Op::X87(op) => x87::x87(m, i, op),
        Op::Mmx(op) => mmx::mmx(m, i, op),
        Op::Sse(op) => sse::sse(m, i, op),
        Op::Undefined => m.raise(vector::UD),
        Op::TooLong => m.raise_error(vector::GP, 0),
    }
}
