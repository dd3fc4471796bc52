//! Numbers with 128 bits of significand, for the insides of transcendental functions, and the series on them.
//!
//! Operations truncate: each is off by a few units of 2⁻¹²⁷ at most. With a few dozen of them behind a result, some
//! 55 bits below the 64 that are kept are still right.

use super::super::f80::{BIAS, SIGN};
use super::super::kernel::{Number, divide};
use super::super::rounding::Unrounded;

/// One, in the fixed-point form of the series: 127 bits after the point.
pub(super) const ONE: u128 = 1 << 127;

/// A number other than zero: mant / 2¹²⁷ × 2^exp, the top bit of `mant` set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    pub(super) negative: bool,
    pub(super) exp: i32,
    pub(super) mant: u128,
}

impl From<Number> for Wide {
    fn from(n: Number) -> Wide {
        Wide { negative: n.sign != 0, exp: n.exp - BIAS, mant: u128::from(n.mant) << 64 }
    }
}

impl Wide {
    /// value / 2^point.
    pub(super) const fn from_scaled(negative: bool, value: u128, point: i32) -> Wide {
        let shift = value.leading_zeros() & 127;
        Wide { negative, exp: 127 - shift as i32 - point, mant: value << shift }
    }

    /// A fixed-point number.
    pub(super) const fn from_fixed(value: u128) -> Wide {
        Wide::from_scaled(false, value, 127)
    }

    /// The magnitude, which must be less than 2, in fixed point.
    pub(super) const fn to_fixed(self) -> u128 {
        match self.exp {
            0.. => self.mant,
            -127..0 => self.mant >> -self.exp,
            _ => 0,
        }
    }

    /// With this sign.
    pub(super) const fn signed(self, negative: bool) -> Wide {
        Wide { negative, ..self }
    }

    pub(super) const fn negate(self) -> Wide {
        self.signed(!self.negative)
    }

    /// The neighbour toward zero: a number less by something too small to be expressed.
    pub(super) const fn just_below(self) -> Wide {
        let less = self.mant - 1;
        if less & ONE != 0 {
            Wide { mant: less, ..self }
        } else {
            Wide { mant: less << 1 | 1, exp: self.exp - 1, ..self }
        }
    }

    pub(super) const fn mul(self, other: Wide) -> Wide {
        let product = mul_high(self.mant, other.mant);
        let carry = (product >> 127) as i32;
        Wide {
            negative: self.negative != other.negative,
            exp: self.exp + other.exp + carry,
            mant: product << (1 - carry),
        }
    }

    pub(super) const fn div(self, other: Wide) -> Wide {
        let less = self.mant < other.mant;
        let dividend = if less { self.mant } else { self.mant >> 1 };
        let (high, rest) = divide_digit(dividend, other.mant);
        let (low, _) = divide_digit(rest, other.mant);
        // The dividend cut short by a bit may leave the quotient just short of its top bit.
        let mant = (high as u128) << 64 | low as u128 | ONE;
        Wide { negative: self.negative != other.negative, exp: self.exp - other.exp - less as i32, mant }
    }

    /// The sum, which must not be zero.
    pub(super) const fn add(self, other: Wide) -> Wide {
        let swap = self.exp < other.exp || (self.exp == other.exp && self.mant < other.mant);
        let (big, small) = if swap { (other, self) } else { (self, other) };
        let shift = (big.exp - small.exp) as u32;
        let shifted = match shift {
            0 => small.mant,
            1..128 => small.mant >> shift | (small.mant << (128 - shift) != 0) as u128,
            _ => 1,
        };
        if big.negative == small.negative {
            let (sum, carry) = big.mant.overflowing_add(shifted);
            return if carry {
                Wide { mant: sum >> 1 | ONE, exp: big.exp + 1, ..big }
            } else {
                Wide { mant: sum, ..big }
            };
        }
        Wide::from_scaled(big.negative, big.mant - shifted, 127 - big.exp)
    }

    /// For rounding, marked as inexact.
    pub(super) const fn unrounded(self) -> Unrounded {
        Unrounded {
            sign: if self.negative { SIGN } else { 0 },
            exp: self.exp + BIAS,
            hi: (self.mant >> 64) as u64,
            lo: self.mant as u64 | 1,
        }
    }
}

/// The upper half of a 256-bit product.
const fn mul_high(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = (a0 * b0) >> 64;
    let middle = a1 * b0 + low;
    let other = a0 * b1 + (middle & LOW);
    a1 * b1 + (middle >> 64) + (other >> 64)
}

/// One 64-bit digit of a / b, where a < b and b has its top bit set.
const fn divide_digit(a: u128, b: u128) -> (u64, u128) {
    let (a1, a0) = ((a >> 64) as u64, a as u64);
    let (b1, b0) = ((b >> 64) as u64, b as u64);
    // As in the kernel's division: the estimate is at most two too large.
    let (mut digit, mut rest) = if a1 >= b1 {
        (u64::MAX, a0 as u128 + b1 as u128)
    } else {
        let (digit, rest) = divide(a1, a0, b1);
        (digit, rest as u128)
    };
    while rest >> 64 == 0 && digit as u128 * b0 as u128 > rest << 64 {
        digit -= 1;
        rest += b1 as u128;
    }
    (digit, (a << 64).wrapping_sub((digit as u128).wrapping_mul(b)))
}

/// The product of two fixed-point numbers.
pub(super) const fn mul_fixed(a: u128, b: u128) -> u128 {
    mul_high(a, b) << 1
}

/// c₀ + c₁x + c₂x² + …, all in fixed point; with alternating signs if asked. The partial sums are in [0, 2).
pub(super) const fn series(coefficients: &[u128], x: u128, alternating: bool) -> u128 {
    let mut sum = 0;
    let mut rest = coefficients;
    while let [head @ .., last] = rest {
        let term = mul_fixed(sum, x);
        sum = if alternating { last.wrapping_sub(term) } else { last.wrapping_add(term) };
        rest = head;
    }
    sum
}

/// 1 / first!, 1 / (first + step)!, … in fixed point.
pub(super) const fn inverse_factorials<const N: usize>(first: u128, step: u128) -> [u128; N] {
    let mut table = [0; N];
    let (mut i, mut n, mut value) = (0, 1, ONE);
    while i < N {
        while n < first + step * i as u128 {
            n += 1;
            value /= n;
        }
        table[i] = value;
        i += 1;
    }
    table
}

/// 1, 1 / 3, 1 / 5, … in fixed point.
pub(super) const fn inverse_odds<const N: usize>() -> [u128; N] {
    let mut table = [0; N];
    let mut i = 0;
    while i < N {
        table[i] = ONE / (2 * i as u128 + 1);
        i += 1;
    }
    table
}
