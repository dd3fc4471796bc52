//! The IR evaluator: runs what was written down, without wasm.
//!
//! Each operation is given to `Exec`, one by one, with operands looked up by number. That the result is the
//! same as running the semantics on `Exec` directly proves that nothing in them depends on a value where
//! only the instruction may decide. It is the translator's oracle.

use super::{Block, Op, W};
use crate::lift;
use cpu::Stop;
use cpu::exec::{Exec, Place};
use cpu::float::F80;
use cpu::insn::{Insn, Prefix, Width};
use cpu::micro::Micro;
use x86::Seg;

/// A value at run time.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Nothing,
    I(u64),
    X(F80),
    V(u128),
    P(Place),
    /// Where a window begins, how many bytes it has, and whether it may be written to.
    W(u32, u32, bool),
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

/// The segment of accesses through a window.
const WINDOWS: Seg = Seg::Flat;

/// What translated code relies on without looking: an access through a window lies where it says, and inside. Only tests
/// evaluate, so this may end them.
fn assert_inside(slots: &[Slot], win: W, offset: u32, w: Width, ea: u64, write: bool) {
    let Some(&Slot::W(begin, len, writable)) = slots.get((win.0).0 as usize) else {
        panic!("{win:?} is no window");
    };
    assert_eq!(begin.wrapping_add(offset), ea as u32, "an access is not where its window has it");
    assert!(u64::from(offset) + u64::from(w.bytes()) <= len.into(), "an access leaves its window");
    assert!(writable || !write, "a write goes through a window for reading");
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
                // What marks and promises, and does nothing.
                Op::when { .. } | Op::insn { .. } | Op::step { .. } => Slot::Nothing,
                Op::window { write, lo, len, root } => {
                    Slot::W((operand!(slots, root, I) as u32).wrapping_add_signed(lo), len, write)
                }
                Op::load_in { w, offset, win, ea } => {
                    assert_inside(slots, win, offset, w, operand!(slots, ea, I), false);
                    Slot::I(x.load(w, WINDOWS, operand!(slots, ea, I))?)
                }
                Op::rmw_in { w, offset, win, ea } => {
                    assert_inside(slots, win, offset, w, operand!(slots, ea, I), true);
                    Slot::P(x.rmw(w, WINDOWS, operand!(slots, ea, I))?)
                }
                Op::store_in { w, offset, win, ea, v } => {
                    assert_inside(slots, win, offset, w, operand!(slots, ea, I), true);
                    result!(x.store(w, WINDOWS, operand!(slots, ea, I), operand!(slots, v, I))?, U)
                }
                $(Op::$in { $($is,)* $($iv),* } => result!(x.$in($($is,)* $(operand!(slots, $iv, $ik)),*), $ir),)*
                $(Op::$fn { $($fs,)* $($fv),* } => result!(x.$fn($($fs,)* $(operand!(slots, $fv, $fk)),*)?, $fr),)*
            })
        }
    };
}

cpu::for_each_micro_op!(define_eval);

/// Evaluates the operations of one instruction.
///
/// # Errors
/// What one of them raises.
pub fn run(x: &mut Exec<'_>, block: &Block) -> Result<(), Stop> {
    let mut slots = vec![Slot::Nothing; block.ops.len()];
    some(x, block, 0..block.ops.len(), &mut slots)
}

/// Evaluates operations, given the results of those before.
fn some(
    x: &mut Exec<'_>,
    block: &Block,
    range: std::ops::Range<usize>,
    slots: &mut [Slot],
) -> Result<(), Stop> {
    let mut n = range.start;
    while n < range.end {
        let op = &block.ops[n];
        if let Op::when { c, len } = op
            && operand!(slots, *c, I) == 0
        {
            n += *len as usize;
        } else {
            slots[n] = evaluate(x, op, slots)?;
        }
        n += 1;
    }
    Ok(())
}

/// Evaluates a whole block, written down from these instructions, and settles the state as the interpreter does
/// when it leaves a block.
///
/// # Errors
/// What one of its instructions raises.
pub fn block(x: &mut Exec<'_>, block: &Block, insns: &[Insn]) -> Result<(), Stop> {
    let mut slots = vec![Slot::Nothing; block.ops.len()];
    let mut n = 0;
    while let Some(op) = block.ops.get(n) {
        let (first, count) = match *op {
            Op::insn { index } => (usize::from(index), 1),
            Op::step { first, n } => (first.into(), n.into()),
            _ => (insns.len(), 0),
        };
        let marks = |op: &Op| matches!(op, Op::insn { .. } | Op::step { .. });
        let ops = n + 1..block.ops[n + 1..].iter().position(marks).map_or(block.ops.len(), |p| n + 1 + p);
        for i in insns.iter().skip(first).take(count) {
            let result = if matches!(op, Op::step { .. }) {
                x.step(i)
            } else {
                x.begin(i);
                let result = some(x, block, ops.clone(), &mut slots);
                // A pass may have found that a conditional branch is always taken: it ends the block there.
                x.jumped |= block.ops[ops.clone()].iter().any(|op| matches!(op, Op::branch { .. }));
                result
            };
            if x.ends(i, &result) || usize::from(i.index) + 1 == insns.len() || i.prefix.has(Prefix::LAST) {
                return x.left(i, result);
            }
        }
        n = ops.end;
    }
    Ok(())
}
