//! The intermediate representation: what instructions do, written down.
//!
//! One variant of [`Op`] per row of the table of micro-operations (`cpu::for_each_micro_op`), with the row's static
//! parameters and the numbers of its operands, and a few that only the translator has. The result of an operation is
//! named by its position in the block. Values are typed by kind, so that what the lifter returns cannot be mixed up.
//!
//! A block of the IR is a decoded block: [`Op::insn`] marks where each instruction begins. Whatever comes after a mark
//! may stop the block there (a fault, a device, a breakpoint), with the effects of the instructions before it and
//! none of its own; that is what passes have to keep.

pub mod eval;
mod print;
mod verify;

pub use verify::verify;

use cpu::insn::{Gpr, Helper, Insn, Mem, Width};
use cpu::micro::{BinOp, CmpOp, FlagOp, UnOp};
use cpu::micro::{Shuffle, SseArith, SseConvert, VecOp};
use x86::{Cond, Seg};

/// The result of the operation at this position of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
/// A stretch of memory that may be reached directly, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct W(pub Value);

/// What kind of result an operation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// None.
    U,
    /// [`I`].
    I,
    /// [`X`].
    X,
    /// [`V`].
    V,
    /// [`P`].
    P,
    /// [`W`].
    W,
}

macro_rules! define_ops {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:ident),*) -> $ir:ident;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:ident),*) -> $fr:ident;)* }
     translator { $($(#[$td:meta])* $tn:ident { $($ts:ident : $tst:ty),* } ($($tv:ident : $tk:ident),*) -> $tr:ident;)* }) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(non_camel_case_types, reason = "named exactly as the rows of the table")]
        #[expect(missing_docs, reason = "the fields are the row's parameters, documented there")]
        pub enum Op {
            $($(#[$td])* $tn { $($ts: $tst,)* $($tv: $tk),* },)*
            $($(#[$id])* $in { $($is: $ist,)* $($iv: $ik),* },)*
            $($(#[$fd])* $fn { $($fs: $fst,)* $($fv: $fk),* },)*
        }

        impl Op {
            /// Hands over the operations whose results this one takes, and the kinds it needs them to be.
            pub fn operands(&self, mut each: impl FnMut(Value, Kind)) {
                match *self {
                    $(Self::$tn { $($tv,)* .. } => { $(each($tv.0, Kind::$tk);)* })*
                    $(Self::$in { $($iv,)* .. } => { $(each($iv.0, Kind::$ik);)* })*
                    $(Self::$fn { $($fv,)* .. } => { $(each($fv.0, Kind::$fk);)* })*
                }
            }

            /// The same operation on other operands.
            #[must_use]
            pub fn map(self, mut to: impl FnMut(Value) -> Value) -> Self {
                // Operations without operands do not call it.
                let _ = &mut to;
                match self {
                    $(Self::$tn { $($ts,)* $($tv),* } => Self::$tn { $($ts,)* $($tv: $tk(to($tv.0))),* },)*
                    $(Self::$in { $($is,)* $($iv),* } => Self::$in { $($is,)* $($iv: $ik(to($iv.0))),* },)*
                    $(Self::$fn { $($fs,)* $($fv),* } => Self::$fn { $($fs,)* $($fv: $fk(to($fv.0))),* },)*
                }
            }

            /// What kind of result it has.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$tn { .. } => Kind::$tr,)*
                    $(Self::$in { .. } => Kind::$ir,)*
                    $(Self::$fn { .. } => Kind::$fr,)*
                }
            }

            /// Whether it may stop the block.
            #[must_use]
            pub const fn may_stop(&self) -> bool {
                match self {
                    Self::step { .. } | Self::load_in { .. } | Self::store_in { .. } | Self::rmw_in { .. } => true,
                    $(Self::$fn { .. } => true,)*
                    _ => false,
                }
            }

            /// Its name and static parameters.
            fn words(&self) -> (&'static str, Vec<String>) {
                match self {
                    $(Self::$tn { $($ts,)* .. } => (stringify!($tn), vec![$(format!("{:?}", $ts)),*]),)*
                    $(Self::$in { $($is,)* .. } => (stringify!($in), vec![$(format!("{:?}", $is)),*]),)*
                    $(Self::$fn { $($fs,)* .. } => (stringify!($fn), vec![$(format!("{:?}", $fs)),*]),)*
                }
            }
        }
    };
}

/// The table of micro-operations with the translator's own operations after it, handed to the macro named.
macro_rules! for_each_op {
    ($then:ident, $($rows:tt)*) => {
        $then! {
            $($rows)*
            translator {
                /// The next `len` operations happen only if `c` is not zero.
                when { len: u32 } (c: I) -> U;
                /// Instruction number `index` of the block begins.
                insn { index: u8 } () -> U;
                /// So many instructions of the block, from number `first` on, are done by the interpreter.
                step { first: u8, n: u8 } () -> U;
                /// Looks whether `len` bytes from `root + lo` on can be reached directly, for writing too if
                /// `write`. Has no effect.
                window { write: bool, lo: i32, len: u32 } (root: I) -> W;
                /// As `load`; `ea` is `offset` bytes into the window.
                load_in { w: Width, offset: u32 } (win: W, ea: I) -> I;
                /// As `store`.
                store_in { w: Width, offset: u32 } (win: W, ea: I, v: I) -> U;
                /// As `rmw`.
                rmw_in { w: Width, offset: u32 } (win: W, ea: I) -> P;
            }
        }
    };
}
macro_rules! define {
    ($($rows:tt)*) => { for_each_op! { define_ops, $($rows)* } };
}
cpu::for_each_micro_op!(define);

/// Instructions written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The operations in order.
    pub ops: Vec<Op>,
}

impl Block {
    /// The operation that makes a value.
    #[must_use]
    pub fn op(&self, v: Value) -> Option<&Op> {
        self.ops.get(v.0 as usize)
    }

    /// The constant that an operation gives, if it gives one.
    #[must_use]
    pub fn constant(&self, v: Value) -> Option<u64> {
        match self.op(v) {
            Some(Op::imm { w, value }) => Some(value & w.mask()),
            _ => None,
        }
    }
}
