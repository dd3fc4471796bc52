//! Floating point as the x87 unit and SSE define it, on bit patterns.
//!
//! **The problem.** A guest sees every bit of its floating-point results, and the six exception flags. The host
//! gives neither: WebAssembly has no 80-bit format, no rounding modes, no exception flags, and leaves the sign
//! and payload of a NaN open.
//!
//! **The method.** All is integer arithmetic on significands. An operation is two steps, each written once:
//! a *kernel* (`kernel`) computes the result to 128 bits plus a sticky bit, knowing nothing of formats; a
//! *rounding* (`rounding`) brings it to the target (80-bit with precision control, 64-bit, 32-bit), with
//! overflow, underflow and the inexact flag. Special operands (NaN, infinity, zero, denormal, unsupported) are
//! sorted out before the kernel, in cold code. SSE additionally has a native fast path, taken only where the host's
//! result is provably the same bits and the flags are known ([`sse`]).
//!
//! **Invariants.** No input panics. A native NaN never leaves this module. The same input gives the same
//! output on every host: of the host's floating point only the correctly rounded operations of IEEE 754 are
//! used.
//!
//! **Exceptions.** Functions return the flags they raise; the caller adds them to the status word or MXCSR.
//! Pre-computation exceptions (IE, DE, ZE) that are unmasked stop the operation: only they are reported, and the
//! value returned is not to be stored ([`Outcome::stores_register`], [`Outcome::stores_memory`]).

mod arith;
mod convert;
mod f80;
mod kernel;
mod remainder;
mod rounding;
mod scale;
pub mod sse;
#[cfg(test)]
mod tests;
mod transcendental;

pub use arith::{Relation, add, compare, div, mul, sqrt, sub};
pub use convert::{
    from_bcd, from_f32, from_f64, from_i64, to_bcd, to_f32, to_f64, to_i16, to_i32, to_i64, widen_f32,
    widen_f64,
};
pub use f80::{Class, Constant, F80};
pub use remainder::{Remainder, rem_nearest, rem_trunc};
pub use scale::{Extracted, extract, round_to_int, scale};
pub use transcendental::{Pair, atan2, cos, exp2m1, log2, log2p1, sin, sin_cos, tan};

use core::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of floating-point exceptions, in the bit order shared by the x87 status word, the x87 control word's
/// masks, and MXCSR (SDM vol. 1, 8.1.3.3, 8.1.5.1 and 10.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// IE: invalid operation.
    pub const INVALID: Flags = Flags(1);
    /// DE: denormal operand.
    pub const DENORMAL: Flags = Flags(2);
    /// ZE: division by zero.
    pub const ZERO_DIVIDE: Flags = Flags(4);
    /// OE: overflow.
    pub const OVERFLOW: Flags = Flags(8);
    /// UE: underflow.
    pub const UNDERFLOW: Flags = Flags(16);
    /// PE: inexact result.
    pub const PRECISION: Flags = Flags(32);
    /// All six.
    pub const ALL: Flags = Flags(63);

    /// The bits, as they stand in a status or control word.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether no exception is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the two sets have an exception in common.
    pub const fn any(self, of: Flags) -> bool {
        self.0 & of.0 != 0
    }

    /// The set if `condition` holds, else the empty one.
    pub(crate) const fn when(self, condition: bool) -> Flags {
        if condition { self } else { Flags::NONE }
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

impl BitAnd for Flags {
    type Output = Flags;
    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Flags;
    fn not(self) -> Flags {
        Flags(!self.0 & Flags::ALL.0)
    }
}

/// Rounding control: the RC field of the x87 control word and of MXCSR (SDM vol. 1, 4.8.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Round {
    /// To the nearest, ties to even.
    #[default]
    Nearest = 0,
    /// Toward minus infinity.
    Down = 1,
    /// Toward plus infinity.
    Up = 2,
    /// Toward zero.
    Zero = 3,
}

impl Round {
    /// The mode of a two-bit RC field; higher bits are ignored.
    pub const fn from_field(field: u8) -> Round {
        match field & 3 {
            0 => Round::Nearest,
            1 => Round::Down,
            2 => Round::Up,
            _ => Round::Zero,
        }
    }
}

/// Precision control: the PC field of the x87 control word (SDM vol. 1, 8.1.5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Precision {
    /// 24 bits of significand.
    Single = 0,
    /// 53 bits of significand.
    Double = 2,
    /// 64 bits of significand. The reserved encoding 1 is taken as this too.
    #[default]
    Extended = 3,
}

/// What of the x87 control word bears on a result (SDM vol. 1, 8.1.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control {
    /// Rounding control.
    pub round: Round,
    /// Precision control; only add, subtract, multiply, divide and square root heed it.
    pub precision: Precision,
    /// The exceptions that are masked.
    pub masks: Flags,
}

impl Control {
    /// The state after FNINIT: nearest, extended, everything masked (control word 037FH).
    pub const DEFAULT: Control =
        Control { round: Round::Nearest, precision: Precision::Extended, masks: Flags::ALL };

    /// Takes the fields from a control word (SDM vol. 1, figure 8-6).
    pub const fn from_word(word: u16) -> Control {
        let precision = match (word >> 8) & 3 {
            0 => Precision::Single,
            2 => Precision::Double,
            _ => Precision::Extended,
        };
        Control {
            round: Round::from_field((word >> 10) as u8),
            precision,
            masks: Flags(word as u8 & Flags::ALL.0),
        }
    }

    /// Whether any exception of the set is unmasked.
    const fn unmasks(self, flags: Flags) -> bool {
        flags.0 & !self.masks.0 != 0
    }
}

impl Default for Control {
    fn default() -> Control {
        Control::DEFAULT
    }
}

/// What an x87 operation gives (SDM vol. 1, 8.1.3.3 for C1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome<T> {
    /// The result; the masked response where an exception is masked.
    pub value: T,
    /// The exceptions raised.
    pub flags: Flags,
    /// C1: the inexact result was rounded away from zero.
    pub rounded_up: bool,
}

impl<T> Outcome<T> {
    /// An exact result without exceptions.
    const fn exact(value: T) -> Outcome<T> {
        Outcome { value, flags: Flags::NONE, rounded_up: false }
    }

    /// A result that raises exceptions and is not rounded up.
    const fn raising(value: T, flags: Flags) -> Outcome<T> {
        Outcome { value, flags, rounded_up: false }
    }

    /// Whether a destination register is written: IE, DE and ZE, unmasked, leave it alone; OE, UE and PE
    /// deliver their result all the same (SDM vol. 1, 8.5).
    pub fn stores_register(&self, control: Control) -> bool {
        let before = Flags::INVALID | Flags::DENORMAL | Flags::ZERO_DIVIDE;
        !control.unmasks(self.flags & before)
    }

    /// Whether FLD m32 and FLD m64 push: only IE, unmasked, stops them (observed on silicon; the manual's general
    /// rule for DE, SDM vol. 1, 8.5.2, would have it otherwise).
    pub fn stores_load(&self, control: Control) -> bool {
        !control.unmasks(self.flags & Flags::INVALID)
    }

    /// Whether a destination in memory is written: only PE, unmasked, lets the store happen (SDM vol. 1, 8.5).
    pub fn stores_memory(&self, control: Control) -> bool {
        !control.unmasks(self.flags & !Flags::PRECISION)
    }

    /// Whether the operation leaves an unmasked exception pending (SDM vol. 1, 8.6: the ES flag).
    pub fn is_pending(&self, control: Control) -> bool {
        control.unmasks(self.flags)
    }
}

impl Outcome<F80> {
    /// Adds DE for an operand in memory that was denormal there but is normal as an [`F80`] (FADD m32fp and its
    /// kin; see [`widen_f32`]). NaN results, invalid operations and division by zero take precedence
    /// (SDM vol. 1, 4.9.2).
    #[must_use]
    pub fn with_denormal_operand(self, denormal: bool, control: Control) -> Outcome<F80> {
        if !denormal || self.value.is_nan() || self.flags.any(Flags::INVALID | Flags::ZERO_DIVIDE) {
            self
        } else if control.unmasks(Flags::DENORMAL) {
            Outcome::raising(self.value, Flags::DENORMAL)
        } else {
            Outcome { flags: self.flags | Flags::DENORMAL, ..self }
        }
    }
}
