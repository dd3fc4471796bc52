//! The IR evaluator: runs what was written down, without wasm.
//!
//! Each operation is given to `Exec`, one by one, with operands looked up by number. That the result is the
//! same as running the semantics on `Exec` directly proves that nothing in them depends on a value where
//! only the instruction may decide. It is the translator's oracle.

use crate::ir::{Block, Op};
use crate::lift;
use cpu::Stop;
use cpu::exec::{Exec, Place};
use cpu::float::F80;
use cpu::insn::Insn;
use cpu::micro::Micro;

/// A value at run time.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Nothing,
    I(u64),
    X(F80),
    V(u128),
    P(Place),
}

/// Does one instruction by writing it down and evaluating that.
///
/// # Errors
/// What the instruction raises.
pub fn step(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    run(x, &lift::instruction(i))
}

macro_rules! operand {
    ($slots:ident, $v:expr, $kind:ident, $none:expr) => {
        match $slots.get(($v.0).0 as usize) {
            Some(Slot::$kind(v)) => *v,
            // The lifter's types rule this out.
            _ => $none,
        }
    };
    ($slots:ident, $v:expr, I) => {
        operand!($slots, $v, I, 0)
    };
    ($slots:ident, $v:expr, X) => {
        operand!($slots, $v, X, F80::ZERO)
    };
    ($slots:ident, $v:expr, V) => {
        operand!($slots, $v, V, 0)
    };
    ($slots:ident, $v:expr, P) => {
        operand!($slots, $v, P, Place::default())
    };
}

macro_rules! result {
    ($v:expr, U) => {{
        $v;
        Slot::Nothing
    }};
    ($v:expr, $kind:ident) => {
        Slot::$kind($v)
    };
}

macro_rules! define_eval {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:ident),*) -> $ir:ident;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:ident),*) -> $fr:ident;)* }) => {
        fn evaluate(x: &mut Exec<'_>, op: &Op, slots: &[Slot]) -> Result<Slot, Stop> {
            Ok(match *op {
                Op::when { .. } => Slot::Nothing,
                $(Op::$in { $($is,)* $($iv),* } => result!(x.$in($($is,)* $(operand!(slots, $iv, $ik)),*), $ir),)*
                $(Op::$fn { $($fs,)* $($fv),* } => result!(x.$fn($($fs,)* $(operand!(slots, $fv, $fk)),*)?, $fr),)*
            })
        }
    };
}

cpu::for_each_micro_op!(define_eval);

/// Evaluates a block.
///
/// # Errors
/// What one of its operations raises.
pub fn run(x: &mut Exec<'_>, block: &Block) -> Result<(), Stop> {
    let mut slots = vec![Slot::Nothing; block.ops.len()];
    let mut n = 0;
    while let Some(op) = block.ops.get(n) {
        if let Op::when { c, len } = op
            && operand!(slots, *c, I) == 0
        {
            n += *len as usize;
        } else {
            slots[n] = evaluate(x, op, &slots)?;
        }
        n += 1;
    }
    Ok(())
}
