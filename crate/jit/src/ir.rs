//! The intermediate representation: what an instruction does, written down.
//!
//! One variant of [`Op`] per row of the table of micro-operations (`cpu::for_each_micro_op`), with the row's
//! static parameters and the numbers of its operands, plus [`Op::when`]. The result of an operation is
//! named by its position. Values are typed by kind, so that what the lifter returns cannot be mixed up.

use cpu::insn::{Gpr, Helper, Insn, Mem, Width};
use cpu::micro::{BinOp, CmpOp, FlagOp, UnOp};
use cpu::micro::{Shuffle, SseArith, SseConvert, VecOp};
use std::fmt;
use x86::{Cond, Seg};

/// The result of the operation at this position of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub u32);

/// An integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct I(pub Value);
/// An 80-bit extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct X(pub Value);
/// A 128-bit vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct V(pub Value);
/// A checked place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct P(pub Value);

macro_rules! define_ops {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:ident),*) -> $ir:ident;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:ident),*) -> $fr:ident;)* }) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(non_camel_case_types, reason = "named exactly as the rows of the table")]
        #[expect(missing_docs, reason = "the fields are the row's parameters, documented there")]
        pub enum Op {
            /// The next `len` operations happen only if `c` is not zero.
            when { c: I, len: u32 },
            $($(#[$id])* $in { $($is: $ist,)* $($iv: $ik),* },)*
            $($(#[$fd])* $fn { $($fs: $fst,)* $($fv: $fk),* },)*
        }
    };
}

cpu::for_each_micro_op!(define_ops);

macro_rules! define_operands {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:ident),*) -> $ir:ident;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:ident),*) -> $fr:ident;)* }) => {
        impl Op {
            /// The operations whose results this one takes.
            #[must_use]
            pub fn operands(&self) -> Vec<Value> {
                match *self {
                    Self::when { c, .. } => vec![c.0],
                    $(Self::$in { $($iv,)* .. } => vec![$($iv.0),*],)*
                    $(Self::$fn { $($fv,)* .. } => vec![$($fv.0),*],)*
                }
            }
        }
    };
}

cpu::for_each_micro_op!(define_operands);

/// Instructions written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The operations in order.
    pub ops: Vec<Op>,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ends = Vec::new();
        for (n, op) in self.ops.iter().enumerate() {
            ends.retain(|&end| n < end);
            writeln!(f, "{:indent$}v{n} = {op:?}", "", indent = 2 * ends.len())?;
            if let Op::when { len, .. } = op {
                ends.push(n + 1 + *len as usize);
            }
        }
        Ok(())
    }
}
