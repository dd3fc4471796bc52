//! The first half of every operation: exact arithmetic on normalized significands, 64 bits in, 128 bits and a
//! sticky bit out. Formats, special values and exceptions are unknown here.
//!
//! Everything is in 64-bit words with one 64×64→128 product, so that it is also good WebAssembly.

use super::f80::{BIAS, INTEGER};
use super::rounding::{Unrounded, shift_right_sticky};

/// A finite number other than zero: significand with its top bit set, exponent biased as in the 80-bit format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// The sign bit in place, as in [`super::F80::se`].
    pub(super) sign: u16,
    pub(super) exp: i32,
    pub(super) mant: u64,
}

impl From<Number> for Unrounded {
    fn from(n: Number) -> Unrounded {
        Unrounded { sign: n.sign, exp: n.exp, hi: n.mant, lo: 0 }
    }
}

/// a + b; `None` where they cancel to zero.
#[inline(always)]
pub(super) fn add(a: Number, b: Number) -> Option<Unrounded> {
    let swap = (a.exp, a.mant) < (b.exp, b.mant);
    let (big, small) = if swap { (b, a) } else { (a, b) };
    let (small_hi, small_lo) = match (big.exp - small.exp) as u32 {
        shift @ 0..=63 => (small.mant >> shift, small.mant << (63 - shift) << 1),
        shift => shift_right_sticky(small.mant, 0, shift),
    };
    if a.sign == b.sign {
        let (hi, carry) = big.mant.overflowing_add(small_hi);
        let lo = small_lo;
        return Some(if carry {
            let lo = (lo >> 1) | (lo & 1) | (hi << 63);
            Unrounded { sign: big.sign, exp: big.exp + 1, hi: (hi >> 1) | INTEGER, lo }
        } else {
            Unrounded { sign: big.sign, exp: big.exp, hi, lo }
        });
    }
    let (lo, borrow) = 0u64.overflowing_sub(small_lo);
    let hi = big.mant.wrapping_sub(small_hi).wrapping_sub(borrow as u64);
    if hi & INTEGER != 0 {
        return Some(Unrounded { sign: big.sign, exp: big.exp, hi, lo });
    }
    // Cancellation. More than one place is lost only if at most one bit was shifted out, so `lo` is exact.
    if hi == 0 {
        if lo == 0 {
            return None;
        }
        let shift = lo.leading_zeros();
        return Some(Unrounded { sign: big.sign, exp: big.exp - 64 - shift as i32, hi: lo << shift, lo: 0 });
    }
    let shift = hi.leading_zeros();
    Some(Unrounded {
        sign: big.sign,
        exp: big.exp - shift as i32,
        hi: (hi << shift) | (lo >> (64 - shift)),
        lo: lo << shift,
    })
}

/// The product of two words: upper and lower half. WebAssembly's compilers call a function for it, so there it is
/// put together from four products.
#[inline(always)]
pub(super) const fn mul_wide(a: u64, b: u64) -> (u64, u64) {
    const LOW: u64 = 0xffff_ffff;
    if !cfg!(target_arch = "wasm32") {
        let product = a as u128 * b as u128;
        return ((product >> 64) as u64, product as u64);
    }
    let (a1, a0, b1, b0) = (a >> 32, a & LOW, b >> 32, b & LOW);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 32);
    let other = a0 * b1 + (middle & LOW);
    (a1 * b1 + (middle >> 32) + (other >> 32), other << 32 | low & LOW)
}

/// The same as one number.
#[inline(always)]
pub(super) const fn mul_words(a: u64, b: u64) -> u128 {
    let (hi, lo) = mul_wide(a, b);
    (hi as u128) << 64 | lo as u128
}

/// a × b.
#[inline(always)]
pub(super) fn mul(a: Number, b: Number) -> Unrounded {
    let (hi, lo) = mul_wide(a.mant, b.mant);
    let carry = hi >> 63;
    let shift = 1 - carry as u32;
    Unrounded {
        sign: a.sign ^ b.sign,
        exp: a.exp + b.exp - BIAS + carry as i32,
        hi: (hi << shift) | ((lo >> 63) & u64::from(shift)),
        lo: lo << shift,
    }
}

/// a ÷ b.
#[inline(always)]
pub(super) fn div(a: Number, b: Number) -> Unrounded {
    // The dividend is placed so that the quotient has exactly 64 bits.
    let less = a.mant < b.mant;
    let (hi, lo) = if less { (a.mant, 0) } else { (a.mant >> 1, a.mant << 63) };
    let (quotient, remainder) = divide(hi, lo, b.mant);
    Unrounded {
        sign: a.sign ^ b.sign,
        exp: a.exp - b.exp + BIAS - less as i32,
        hi: quotient,
        lo: fraction(remainder, b.mant),
    }
}

/// remainder ÷ divisor as a 64-bit fraction, right as to being zero, below, at or above one half.
const fn fraction(remainder: u64, divisor: u64) -> u64 {
    if remainder == 0 {
        0
    } else {
        // Without forming 2 × remainder, which may not fit.
        let rest = divisor - remainder;
        if remainder > rest {
            INTEGER | 1
        } else if remainder == rest {
            INTEGER
        } else {
            1
        }
    }
}

/// Quotient and remainder of (hi, lo) by a divisor with its top bit set; needs hi < divisor. Two digits of
/// 32 bits, each from one 64-bit division.
#[inline(always)]
pub(super) const fn divide(hi: u64, lo: u64, divisor: u64) -> (u64, u64) {
    const LOW: u64 = 0xffff_ffff;
    let top = divisor >> 32;
    let bottom = divisor & LOW;
    let (first, rest) = divide_digit(hi, lo >> 32, divisor, top, bottom);
    let (second, rest) = divide_digit(rest, lo & LOW, divisor, top, bottom);
    (first << 32 | second, rest)
}

/// One digit: (high, next 32 bits) by the divisor.
#[inline(always)]
const fn divide_digit(high: u64, next: u64, divisor: u64, top: u64, bottom: u64) -> (u64, u64) {
    // The estimate from the divisor's upper half is never too small and at most two too large (Knuth).
    let mut digit = high / top;
    let mut rest = high - digit * top;
    while digit >> 32 != 0 || digit * bottom > (rest << 32 | next) {
        digit -= 1;
        rest += top;
        if rest >> 32 != 0 {
            break;
        }
    }
    (digit, (high << 32 | next).wrapping_sub(digit.wrapping_mul(divisor)))
}

/// √a, of a positive number.
#[inline(always)]
pub(super) fn sqrt(a: Number) -> Unrounded {
    let odd = (a.exp - BIAS) & 1;
    // A radicand in [2¹²⁶, 2¹²⁸) has a 64-bit root.
    let (hi, lo) = if odd == 0 { (a.mant >> 1, a.mant << 63) } else { (a.mant, 0) };
    let (root, rest) = integer_sqrt(u128::from(hi) << 64 | u128::from(lo));
    // (root + ½)² = root² + root + ¼: no remainder is a tie.
    let lo = if rest == 0 {
        0
    } else if rest <= u128::from(root) {
        1
    } else {
        INTEGER | 1
    };
    Unrounded { sign: 0, exp: BIAS + ((a.exp - BIAS - odd) >> 1), hi: root, lo }
}

/// The integer root of a number in [2¹²⁶, 2¹²⁸), and what is left. The host's correctly rounded square root gives
/// 53 bits, one Newton step in its division the rest to within one, and exact arithmetic settles it.
fn integer_sqrt(radicand: u128) -> (u64, u128) {
    /// 2⁶³: the upper part is in units of 2⁶⁵, and half a root is the root of a quarter.
    const HALF_SCALE: f64 = 9_223_372_036_854_775_808.0;
    // Half of it, so that it is signed: those conversions are cheap.
    let half = ((radicand >> 65) as i64 as f64 * HALF_SCALE).sqrt() as i64;
    let estimate = (half as u64) << 1;
    let square = mul_words(estimate, estimate);
    // At most 2⁷⁸ in magnitude, so that the upper part fits.
    let error = (radicand.wrapping_sub(square) as i128 >> 16) as i64;
    let correction = (error as f64 * 16384.0 / half as f64) as i64;
    let mut root = estimate.saturating_add_signed(correction);
    let mut rest = radicand.wrapping_sub(mul_words(root, root)) as i128;
    while rest < 0 {
        root -= 1;
        rest += 2 * i128::from(root) + 1;
    }
    while rest > 2 * i128::from(root) {
        rest -= 2 * i128::from(root) + 1;
        root += 1;
    }
    (root, rest as u128)
}
