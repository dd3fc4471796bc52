//! SSE and SSE2 scalar arithmetic on bit patterns (SDM vol. 1, 10.2, 11.5; exceptions: 11.5.2).
//!
//! Every function is generic over the width: `u32` bits are single precision, `u64` bits double. Each gives the
//! result and the flags it raises. A packed instruction calls them per element and unites the flags; if any
//! element raises an unmasked pre-computation exception, the union of those alone counts
//! ([`Mxcsr::united`]).
//!
//! **The fast path.** Under round-to-nearest the host's own operation gives the same bits as long as no operand is
//! denormal and the result is finite and above the least normal number, or a zero that follows from a zero
//! operand. Then IE, DE, ZE, OE and UE are known to be clear. PE needs no thought if it is already set and
//! masked, as it is nearly always; otherwise a test particular to the operation decides whether the result is exact.
//! Everything else takes the exact integer path that the x87 unit uses too.

mod compare;
mod convert;
mod estimate;
mod fast;

pub use compare::{Predicate, comi, compare, max, min, ucomi};
pub use convert::{
    f32_to_f64, f64_to_f32, from_i32, from_i64, round_to_int, to_i32, to_i32_trunc, to_i64, to_i64_trunc,
};
pub use estimate::{rcp, rsqrt};
pub use fast::Ieee;

use super::f80::{BIAS, INTEGER};
use super::kernel::{self, Number};
use super::rounding::{self, Unrounded};
use super::{Flags, Round};

/// The MXCSR register as an operation sees it (SDM vol. 1, 10.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mxcsr(pub u32);

impl Mxcsr {
    /// The value after reset: nearest, everything masked, no flag set (SDM vol. 1, 10.2.3).
    pub const DEFAULT: Mxcsr = Mxcsr(0x1f80);

    /// Bits 0 to 5: the flags that are already set (SDM vol. 1, 10.2.3.1).
    pub const fn sticky(self) -> Flags {
        Flags(self.0 as u8 & Flags::ALL.0)
    }

    /// Bit 6: denormal operands are zero (SDM vol. 1, 10.2.3.4).
    pub const fn denormals_are_zero(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    /// Bits 7 to 12: the exceptions that are masked (SDM vol. 1, 10.2.3.1).
    pub const fn masks(self) -> Flags {
        Flags((self.0 >> 7) as u8 & Flags::ALL.0)
    }

    /// Bits 13 and 14: rounding control (SDM vol. 1, 10.2.3.2).
    pub const fn round(self) -> Round {
        Round::from_field((self.0 >> 13) as u8)
    }

    /// Bit 15: tiny results are zero, where underflow is masked (SDM vol. 1, 10.2.3.3).
    pub const fn flush_to_zero(self) -> bool {
        self.0 & 1 << 15 != 0
    }

    /// Whether a set of flags raises #XM (SDM vol. 1, 11.5.2).
    pub const fn unmasks(self, flags: Flags) -> bool {
        flags.0 & !self.masks().0 != 0
    }

    /// The flags of a packed operation from those of its elements: if a pre-computation exception is unmasked, no
    /// element gets as far as the post-computation ones (SDM vol. 1, 11.5.3).
    pub fn united(self, elements: impl IntoIterator<Item = Flags>) -> Flags {
        let all = elements.into_iter().fold(Flags::NONE, |union, flags| union | flags);
        let before = all & (Flags::INVALID | Flags::DENORMAL | Flags::ZERO_DIVIDE);
        if self.unmasks(before) { before } else { all }
    }

    const fn is_nearest(self) -> bool {
        self.0 & 3 << 13 == 0
    }

    /// PE is set and masked: raising it again changes nothing.
    const fn ignores_precision(self) -> bool {
        self.0 & 0x1020 == 0x1020
    }
}

/// What a bit pattern stands for; DAZ has been applied.
#[derive(Clone, Copy)]
pub(super) enum Operand {
    Zero,
    Finite(Number),
    Infinity,
    Quiet,
    Signaling,
}

/// The sign bit in the place where kernels have it.
pub(super) fn sign_of<T: Ieee>(x: T) -> u16 {
    if x.is_negative() { super::f80::SIGN } else { 0 }
}

/// Takes a bit pattern apart; also whether it raises DE.
fn decode<T: Ieee>(x: T, env: Mxcsr) -> (Operand, bool) {
    let field = x.field();
    let fraction = x.fraction() << (63 - T::FRACTION_BITS);
    let sign = sign_of(x);
    if field == T::FIELD_MAX {
        let kind = match fraction {
            0 => Operand::Infinity,
            _ if fraction >> 62 != 0 => Operand::Quiet,
            _ => Operand::Signaling,
        };
        return (kind, false);
    }
    if field != 0 {
        let exp = field as i32 - T::BIAS + BIAS;
        return (Operand::Finite(Number { sign, exp, mant: fraction | INTEGER }), false);
    }
    if fraction == 0 || env.denormals_are_zero() {
        return (Operand::Zero, false);
    }
    let shift = fraction.leading_zeros();
    let exp = 1 - T::BIAS + BIAS - shift as i32;
    (Operand::Finite(Number { sign, exp, mant: fraction << shift }), true)
}

/// The operand as the operation reads it: zero in place of a denormal under DAZ (SDM vol. 1, 10.2.3.4).
pub(super) fn flushed<T: Ieee>(x: T, env: Mxcsr) -> T {
    if env.denormals_are_zero() && x.field() == 0 { T::zero(x.is_negative()) } else { x }
}

/// The result with a NaN operand: the first one, made quiet (SDM vol. 1, table 4-7).
fn nan_of_two<T: Ieee>(a: T, x: Operand, b: T, y: Operand) -> Option<(T, Flags)> {
    use Operand::{Quiet, Signaling};
    let flags = Flags::INVALID.when(matches!(x, Signaling) || matches!(y, Signaling));
    match (x, y) {
        (Quiet | Signaling, _) => Some((a.quieted(), flags)),
        (_, Quiet | Signaling) => Some((b.quieted(), flags)),
        _ => None,
    }
}

/// The masked response to an invalid operation: the real indefinite (SDM vol. 1, 4.8.3.7).
fn invalid<T: Ieee>() -> (T, Flags) {
    (T::indefinite(), Flags::INVALID)
}

/// Rounds to the format, with flush-to-zero (SDM vol. 1, 4.9.1.4 to 4.9.1.6, 10.2.3.3).
pub(super) fn finish<T: Ieee>(x: Unrounded, env: Mxcsr) -> (T, Flags) {
    let target = if T::FRACTION_BITS == 23 { rounding::SINGLE } else { rounding::DOUBLE };
    let rounded = rounding::round(x, target, env.round(), env.masks());
    let negative = x.sign != 0;
    if rounded.tiny && env.flush_to_zero() && env.masks().any(Flags::UNDERFLOW) {
        return (T::zero(negative), Flags::UNDERFLOW | Flags::PRECISION);
    }
    (T::from_raw(super::convert::pack(&rounded, T::FRACTION_BITS, T::BIAS, negative)), rounded.flags)
}

/// Adds the flags raised before the computation, or stops at them if they are unmasked.
fn after_denormal<T: Ieee>(denormal: bool, env: Mxcsr, compute: impl FnOnce() -> (T, Flags)) -> (T, Flags) {
    let before = Flags::DENORMAL.when(denormal);
    if env.unmasks(before) {
        return (T::indefinite(), before);
    }
    let (value, flags) = compute();
    (value, flags | before)
}

/// The zero that a sum of opposites is (SDM vol. 1, 4.8.3.1).
fn cancelled<T: Ieee>(env: Mxcsr) -> (T, Flags) {
    (T::zero(env.round() == Round::Down), Flags::NONE)
}

/// ADDSS, ADDSD and an element of ADDPS, ADDPD: a + b (SDM vol. 2, ADDSD).
#[inline]
pub fn add<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    fast::add(a, b, env).unwrap_or_else(|| sum(a, b, false, env))
}

/// SUBSS, SUBSD and an element of SUBPS, SUBPD: a - b (SDM vol. 2, SUBSD).
#[inline]
pub fn sub<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    fast::sub(a, b, env).unwrap_or_else(|| sum(a, b, true, env))
}

#[cold]
fn sum<T: Ieee>(a: T, b: T, subtract: bool, env: Mxcsr) -> (T, Flags) {
    let ((x, x_denormal), (y, y_denormal)) = (decode(a, env), decode(b, env));
    if let Some(nan) = nan_of_two(a, x, b, y) {
        return nan;
    }
    let b_negative = b.is_negative() != subtract;
    let with_sign = |n: Number| Number { sign: if b_negative { super::f80::SIGN } else { 0 }, ..n };
    if matches!((x, y), (Operand::Infinity, Operand::Infinity)) && a.is_negative() != b_negative {
        return invalid();
    }
    after_denormal(x_denormal || y_denormal, env, || match (x, y) {
        (Operand::Infinity, _) => (T::infinity(a.is_negative()), Flags::NONE),
        (_, Operand::Infinity) => (T::infinity(b_negative), Flags::NONE),
        (Operand::Finite(n), Operand::Finite(m)) => {
            kernel::add(n, with_sign(m)).map_or_else(|| cancelled(env), |sum| finish(sum, env))
        }
        (Operand::Finite(n), _) => finish(n.into(), env),
        (_, Operand::Finite(m)) => finish(with_sign(m).into(), env),
        _ if a.is_negative() == b_negative => (T::zero(b_negative), Flags::NONE),
        _ => cancelled(env),
    })
}

/// MULSS, MULSD and an element of MULPS, MULPD: a × b (SDM vol. 2, MULSD).
#[inline]
pub fn mul<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    fast::mul(a, b, env).unwrap_or_else(|| product(a, b, env))
}

#[cold]
fn product<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    let ((x, x_denormal), (y, y_denormal)) = (decode(a, env), decode(b, env));
    if let Some(nan) = nan_of_two(a, x, b, y) {
        return nan;
    }
    let negative = a.is_negative() != b.is_negative();
    if matches!((x, y), (Operand::Infinity, Operand::Zero) | (Operand::Zero, Operand::Infinity)) {
        return invalid();
    }
    after_denormal(x_denormal || y_denormal, env, || match (x, y) {
        (Operand::Infinity, _) | (_, Operand::Infinity) => (T::infinity(negative), Flags::NONE),
        (Operand::Finite(n), Operand::Finite(m)) => finish(kernel::mul(n, m), env),
        _ => (T::zero(negative), Flags::NONE),
    })
}

/// DIVSS, DIVSD and an element of DIVPS, DIVPD: a ÷ b (SDM vol. 2, DIVSD).
#[inline]
pub fn div<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    fast::div(a, b, env).unwrap_or_else(|| quotient(a, b, env))
}

#[cold]
fn quotient<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    let ((x, x_denormal), (y, y_denormal)) = (decode(a, env), decode(b, env));
    if let Some(nan) = nan_of_two(a, x, b, y) {
        return nan;
    }
    let negative = a.is_negative() != b.is_negative();
    match (x, y) {
        (Operand::Infinity, Operand::Infinity) | (Operand::Zero, Operand::Zero) => return invalid(),
        (Operand::Finite(_), Operand::Zero) => return (T::infinity(negative), Flags::ZERO_DIVIDE),
        _ => {}
    }
    after_denormal(x_denormal || y_denormal, env, || match (x, y) {
        (Operand::Infinity, _) => (T::infinity(negative), Flags::NONE),
        (Operand::Finite(n), Operand::Finite(m)) => finish(kernel::div(n, m), env),
        _ => (T::zero(negative), Flags::NONE),
    })
}

/// SQRTSS, SQRTSD and an element of SQRTPS, SQRTPD (SDM vol. 2, SQRTSD).
#[inline]
pub fn sqrt<T: Ieee>(a: T, env: Mxcsr) -> (T, Flags) {
    fast::sqrt(a, env).unwrap_or_else(|| root(a, env))
}

#[cold]
fn root<T: Ieee>(a: T, env: Mxcsr) -> (T, Flags) {
    let (x, denormal) = decode(a, env);
    match x {
        Operand::Quiet => (a, Flags::NONE),
        Operand::Signaling => (a.quieted(), Flags::INVALID),
        Operand::Zero => (T::zero(a.is_negative()), Flags::NONE),
        _ if a.is_negative() => invalid(),
        Operand::Infinity => (a, Flags::NONE),
        Operand::Finite(n) => after_denormal(denormal, env, || finish(kernel::sqrt(n), env)),
    }
}
