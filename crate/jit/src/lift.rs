//! `Lift`: the `Micro` that writes it down.

use crate::ir::{Block, I, Op, P, V, Value, X};
use cpu::insn::{Gpr, Helper, Insn, Mem, Width};
use cpu::micro::{BinOp, CmpOp, FlagOp, Micro, UnOp};
use cpu::micro::{Shuffle, SseArith, SseConvert, VecOp};
use cpu::semantics;
use std::convert::Infallible;
use x86::{Cond, Seg};

/// Records micro-operations.
#[derive(Debug, Default)]
pub struct Lift {
    block: Block,
}

impl Lift {
    /// What has been recorded.
    #[must_use]
    pub fn finish(self) -> Block {
        self.block
    }

    fn push(&mut self, op: Op) -> Value {
        self.block.ops.push(op);
        Value(self.block.ops.len() as u32 - 1)
    }
}

/// Writes one instruction down.
#[must_use]
pub fn instruction(i: &Insn) -> Block {
    let mut lift = Lift::default();
    let Ok(()) = semantics::step(&mut lift, i);
    lift.finish()
}

/// Writes a block's instructions down. Those that the predicate does not want are to be done by the interpreter; it is
/// given all operations so far, and where those of the instruction begin.
#[must_use]
pub fn block(insns: &[Insn], wanted: impl Fn(&[Op], usize) -> bool) -> Block {
    let mut lift = Lift::default();
    for (index, i) in (0..).zip(insns) {
        let begin = lift.block.ops.len();
        lift.push(Op::insn { index });
        let Ok(()) = semantics::step(&mut lift, i);
        if wanted(&lift.block.ops, begin + 1) {
            continue;
        }
        lift.block.ops.truncate(begin);
        match lift.block.ops.last_mut() {
            Some(Op::step { n, .. }) => *n += 1,
            _ => {
                lift.push(Op::step { first: index, n: 1 });
            }
        }
    }
    lift.finish()
}

macro_rules! wrap {
    ($v:expr, U) => {{
        let _: Value = $v;
    }};
    ($v:expr, $kind:ident) => {
        $kind($v)
    };
}

macro_rules! kind {
    (U) => {
        ()
    };
    ($kind:ident) => {
        $kind
    };
}

macro_rules! define_lift {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:ident),*) -> $ir:ident;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:ident),*) -> $fr:ident;)* }) => {
        impl Micro for Lift {
            type I = I;
            type X = X;
            type V = V;
            type P = P;
            type Stop = Infallible;

            fn when(
                &mut self,
                c: I,
                body: impl FnOnce(&mut Self) -> Result<(), Infallible>,
            ) -> Result<(), Infallible> {
                let at = self.push(Op::when { c, len: 0 }).0;
                body(self)?;
                let body_len = self.block.ops.len() as u32 - at - 1;
                if let Some(Op::when { len, .. }) = self.block.ops.get_mut(at as usize) {
                    *len = body_len;
                }
                Ok(())
            }

            $(fn $in(&mut self $(, $is: $ist)* $(, $iv: $ik)*) -> kind!($ir) {
                wrap!(self.push(Op::$in { $($is,)* $($iv),* }), $ir)
            })*
            $(fn $fn(&mut self $(, $fs: $fst)* $(, $fv: $fk)*) -> Result<kind!($fr), Infallible> {
                Ok(wrap!(self.push(Op::$fn { $($fs,)* $($fv),* }), $fr))
            })*
        }
    };
}

cpu::for_each_micro_op!(define_lift);
