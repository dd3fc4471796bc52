//! The two formats, and the native fast path (see [`super`] for when it is right).
//!
//! The tests of exactness, used while PE is not yet set: a sum's error term is itself exact (Møller, Knuth);
//! a product, quotient or root is exact if the odd parts of the significands multiply out.

use super::{Flags, Mxcsr};

/// Bit patterns of an IEEE 754 format: `u32` is single, `u64` double precision (SDM vol. 1, 4.2.2).
pub trait Ieee: Copy + Eq + Ord + core::fmt::Debug {
    /// Bits of fraction, the hidden bit not counted.
    const FRACTION_BITS: u32;
    /// The exponent field of numbers in [1, 2).
    const BIAS: i32;
    /// The exponent field of infinities and NaNs.
    const FIELD_MAX: u32 = 2 * Self::BIAS as u32 + 1;

    /// The bits, zero-extended.
    fn raw(self) -> u64;
    /// From zero-extended bits.
    fn from_raw(bits: u64) -> Self;
    /// The host's a + b: for finite results only.
    fn native_add(self, other: Self) -> Self;
    /// The host's a - b: for finite results only.
    fn native_sub(self, other: Self) -> Self;
    /// The host's a × b: for finite results only.
    fn native_mul(self, other: Self) -> Self;
    /// The host's a ÷ b: for finite results only.
    fn native_div(self, other: Self) -> Self;
    /// The host's √a: for finite results only.
    fn native_sqrt(self) -> Self;
    /// The host's a < b.
    fn native_less(self, other: Self) -> bool;
    /// The host's a = b.
    fn native_equal(self, other: Self) -> bool;

    /// The sign bit.
    fn is_negative(self) -> bool {
        self.raw() >> (Self::FRACTION_BITS + if Self::FRACTION_BITS == 23 { 8 } else { 11 }) != 0
    }
    /// The exponent field.
    fn field(self) -> u32 {
        (self.raw() >> Self::FRACTION_BITS) as u32 & Self::FIELD_MAX
    }
    /// The fraction.
    fn fraction(self) -> u64 {
        self.raw() & ((1 << Self::FRACTION_BITS) - 1)
    }
    /// The bits without the sign.
    fn magnitude(self) -> u64 {
        self.raw() & ((u64::from(Self::FIELD_MAX) << Self::FRACTION_BITS) | ((1 << Self::FRACTION_BITS) - 1))
    }
    /// Whether this is a NaN.
    fn is_nan(self) -> bool {
        self.magnitude() > u64::from(Self::FIELD_MAX) << Self::FRACTION_BITS
    }
    /// Whether this is a signaling NaN.
    fn is_signaling(self) -> bool {
        self.is_nan() && self.raw() >> (Self::FRACTION_BITS - 1) & 1 == 0
    }
    /// Whether this is denormal.
    fn is_denormal(self) -> bool {
        self.magnitude().wrapping_sub(1) < (1 << Self::FRACTION_BITS) - 1
    }
    /// The quiet form of a NaN.
    #[must_use]
    fn quieted(self) -> Self {
        Self::from_raw(self.raw() | 1 << (Self::FRACTION_BITS - 1))
    }
    /// Plus or minus zero.
    fn zero(negative: bool) -> Self {
        Self::from_raw(
            u64::from(negative) << (Self::FRACTION_BITS + if Self::FRACTION_BITS == 23 { 8 } else { 11 }),
        )
    }
    /// Plus or minus infinity.
    fn infinity(negative: bool) -> Self {
        Self::from_raw(Self::zero(negative).raw() | u64::from(Self::FIELD_MAX) << Self::FRACTION_BITS)
    }
    /// The real indefinite: the default NaN.
    fn indefinite() -> Self {
        Self::infinity(true).quieted()
    }
}

macro_rules! ieee {
    ($bits:ty, $float:ty, $fraction:literal, $bias:literal) => {
        impl Ieee for $bits {
            const FRACTION_BITS: u32 = $fraction;
            const BIAS: i32 = $bias;

            #[inline(always)]
            fn raw(self) -> u64 {
                u64::from(self)
            }
            #[inline(always)]
            fn from_raw(bits: u64) -> $bits {
                bits as $bits
            }
            #[inline(always)]
            fn native_add(self, other: $bits) -> $bits {
                (<$float>::from_bits(self) + <$float>::from_bits(other)).to_bits()
            }
            #[inline(always)]
            fn native_sub(self, other: $bits) -> $bits {
                (<$float>::from_bits(self) - <$float>::from_bits(other)).to_bits()
            }
            #[inline(always)]
            fn native_mul(self, other: $bits) -> $bits {
                (<$float>::from_bits(self) * <$float>::from_bits(other)).to_bits()
            }
            #[inline(always)]
            fn native_div(self, other: $bits) -> $bits {
                (<$float>::from_bits(self) / <$float>::from_bits(other)).to_bits()
            }
            #[inline(always)]
            fn native_sqrt(self) -> $bits {
                <$float>::from_bits(self).sqrt().to_bits()
            }
            #[inline(always)]
            fn native_less(self, other: $bits) -> bool {
                <$float>::from_bits(self) < <$float>::from_bits(other)
            }
            #[inline(always)]
            fn native_equal(self, other: $bits) -> bool {
                <$float>::from_bits(self) == <$float>::from_bits(other)
            }
        }
    };
}

ieee!(u32, f32, 23, 127);
ieee!(u64, f64, 52, 1023);

/// Whether a result is finite and above the least normal number. That number itself may be a tiny result
/// rounded up.
#[inline(always)]
fn is_ordinary<T: Ieee>(x: T) -> bool {
    let least = (1u64 << T::FRACTION_BITS) + 1;
    x.magnitude().wrapping_sub(least) < (u64::from(T::FIELD_MAX) << T::FRACTION_BITS) - least
}

/// An ordinary or acceptable zero result, with PE where it matters.
#[inline(always)]
fn accept<T: Ieee>(
    result: T,
    zero_is_exact: bool,
    env: Mxcsr,
    exact: impl FnOnce() -> bool,
) -> Option<(T, Flags)> {
    if is_ordinary(result) {
        let inexact = !env.ignores_precision() && !exact();
        Some((result, Flags::PRECISION.when(inexact)))
    } else if zero_is_exact && result.magnitude() == 0 {
        Some((result, Flags::NONE))
    } else {
        None
    }
}

#[inline(always)]
pub(super) fn add<T: Ieee>(a: T, b: T, env: Mxcsr) -> Option<(T, Flags)> {
    if !env.is_nearest() || a.is_denormal() || b.is_denormal() {
        return None;
    }
    let sum = a.native_add(b);
    accept(sum, true, env, || {
        let b_part = sum.native_sub(a);
        let a_error = a.native_sub(sum.native_sub(b_part));
        let b_error = b.native_sub(b_part);
        a_error.native_add(b_error).magnitude() == 0
    })
}

#[inline(always)]
pub(super) fn sub<T: Ieee>(a: T, b: T, env: Mxcsr) -> Option<(T, Flags)> {
    if !env.is_nearest() || a.is_denormal() || b.is_denormal() {
        return None;
    }
    let difference = a.native_sub(b);
    accept(difference, true, env, || {
        let b_part = a.native_sub(difference);
        let a_error = a.native_sub(difference.native_add(b_part));
        let b_error = b_part.native_sub(b);
        a_error.native_add(b_error).magnitude() == 0
    })
}

#[inline(always)]
pub(super) fn mul<T: Ieee>(a: T, b: T, env: Mxcsr) -> Option<(T, Flags)> {
    if !env.is_nearest() || a.is_denormal() || b.is_denormal() {
        return None;
    }
    let has_zero = a.magnitude() == 0 || b.magnitude() == 0;
    accept(a.native_mul(b), has_zero, env, || {
        // As wide as a significand, the product is its own rounding.
        odd_product(a, b) >> (T::FRACTION_BITS + 1) == 0
    })
}

#[inline(always)]
pub(super) fn div<T: Ieee>(a: T, b: T, env: Mxcsr) -> Option<(T, Flags)> {
    if !env.is_nearest() || a.is_denormal() || b.is_denormal() {
        return None;
    }
    let quotient = a.native_div(b);
    accept(quotient, a.magnitude() == 0, env, || odd_product(quotient, b) == u128::from(odd_part(a)))
}

#[inline(always)]
pub(super) fn sqrt<T: Ieee>(a: T, env: Mxcsr) -> Option<(T, Flags)> {
    if !env.is_nearest() || a.is_denormal() {
        return None;
    }
    let root = a.native_sqrt();
    accept(root, true, env, || odd_product(root, root) == u128::from(odd_part(a)))
}

/// The significand of a normal number without its trailing zeros.
fn odd_part<T: Ieee>(x: T) -> u64 {
    let significand = x.fraction() | 1 << T::FRACTION_BITS;
    significand >> significand.trailing_zeros()
}

fn odd_product<T: Ieee>(x: T, y: T) -> u128 {
    u128::from(odd_part(x)) * u128::from(odd_part(y))
}
