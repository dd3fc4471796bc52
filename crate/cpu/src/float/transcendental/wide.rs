//! Numbers with 128 bits of significand, for the insides of transcendental functions, and the series on them.
//!
//! Operations truncate: each is off by a few units of 2⁻¹²⁷ at most. Only of a series are the later terms, which
//! are small, computed to fewer bits: some eleven bits below the 64 that are kept are right.

use super::super::f80::{BIAS, SIGN};
use super::super::kernel::{Number, divide, mul_wide, mul_words};
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
        Wide { negative, exp: 127 - shift as i32 - point, mant: shift_left(value, shift) }
    }

    /// A fixed-point number.
    pub(super) const fn from_fixed(value: u128) -> Wide {
        Wide::from_scaled(false, value, 127)
    }

    /// The magnitude, which must be less than 2, in fixed point.
    pub(super) const fn to_fixed(self) -> u128 {
        match self.exp {
            0.. => self.mant,
            -127..0 => shift_right(self.mant, self.exp.unsigned_abs()),
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
            mant: if carry == 0 { product << 1 } else { product },
        }
    }

    pub(super) const fn div(self, other: Wide) -> Wide {
        let less = self.mant < other.mant;
        let dividend = if less { self.mant } else { self.mant >> 1 };
        let (high, rest) = divide_digit(dividend, other.mant);
        // Half a digit more: 96 bits.
        let low = (rest >> 64) as u64 / ((other.mant >> 96) as u64 + 1);
        // The dividend cut short by a bit may leave the quotient just short of its top bit.
        let mant = (high as u128) << 64 | (low as u128) << 32 | ONE;
        Wide { negative: self.negative != other.negative, exp: self.exp - other.exp - less as i32, mant }
    }

    /// The sum, which must not be zero.
    pub(super) const fn add(self, other: Wide) -> Wide {
        let swap = self.exp < other.exp || (self.exp == other.exp && self.mant < other.mant);
        let (big, small) = if swap { (other, self) } else { (self, other) };
        let shift = (big.exp - small.exp) as u32;
        let shifted = match shift {
            0 => small.mant,
            1..128 => shift_right(small.mant, shift) | (shift_left(small.mant, 128 - shift) != 0) as u128,
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

/// v << n for n below 128; where words have 64 bits, `<<` would be a call.
const fn shift_left(v: u128, n: u32) -> u128 {
    let (hi, lo) = ((v >> 64) as u64, v as u64);
    let (hi, lo) = match n {
        0 => (hi, lo),
        1..64 => (hi << n | lo >> (64 - n), lo << n),
        _ => (lo << (n & 63), 0),
    };
    (hi as u128) << 64 | lo as u128
}

/// v >> n for n below 128.
const fn shift_right(v: u128, n: u32) -> u128 {
    let (hi, lo) = ((v >> 64) as u64, v as u64);
    let (hi, lo) = match n {
        0 => (hi, lo),
        1..64 => (hi >> n, lo >> n | hi << (64 - n)),
        _ => (0, hi >> (n & 63)),
    };
    (hi as u128) << 64 | lo as u128
}

/// The upper half of a 256-bit product.
const fn mul_high(a: u128, b: u128) -> u128 {
    let (a1, a0, b1, b0) = ((a >> 64) as u64, a as u64, (b >> 64) as u64, b as u64);
    let (low, _) = mul_wide(a0, b0);
    let middle = mul_words(a1, b0) + low as u128;
    let other = mul_words(a0, b1) + middle as u64 as u128;
    mul_words(a1, b1) + (middle >> 64) + (other >> 64)
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
    while rest >> 64 == 0 && mul_words(digit, b0) > rest << 64 {
        digit -= 1;
        rest += b1 as u128;
    }
    (digit, (a << 64).wrapping_sub(mul_word(digit, b)))
}

/// The low 128 bits of a product.
const fn mul_word(a: u64, b: u128) -> u128 {
    mul_words(a, b as u64).wrapping_add((a.wrapping_mul((b >> 64) as u64) as u128) << 64)
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

/// A series of which the first terms are computed to 127 bits and the rest to 62 bits of the first of them, which
/// is so much smaller that the sum is right to some 75 bits.
#[derive(Debug)]
pub(super) struct Series<const HEAD: usize, const TAIL: usize> {
    head: [u128; HEAD],
    /// With bit 62 as their top bit.
    tail: [u64; TAIL],
    /// How much more each of them is scaled up than the one before; the first: than fixed point.
    shifts: [u32; TAIL],
}

impl<const HEAD: usize, const TAIL: usize> Series<HEAD, TAIL> {
    /// The first terms of a longer one.
    pub(super) const fn new(coefficients: &[u128]) -> Self {
        let mut new = Self { head: [0; HEAD], tail: [0; TAIL], shifts: [0; TAIL] };
        let mut n = 0;
        while n < HEAD {
            new.head[n] = coefficients[n];
            n += 1;
        }
        // A coefficient is at most one half from the second on.
        let (mut n, mut before) = (0, 0);
        while n < TAIL {
            let coefficient = coefficients[HEAD + n];
            let zeros = coefficient.leading_zeros();
            new.tail[n] = (coefficient << zeros >> 65) as u64;
            new.shifts[n] = zeros - before;
            before = zeros;
            n += 1;
        }
        new
    }

    /// Its value for x in fixed point, less than one; with alternating signs if asked.
    pub(super) fn at(&self, x: u128, alternating: bool) -> u128 {
        let short = (x >> 63) as u64;
        let (mut sum, mut shift) = (0, 0);
        for (coefficient, next) in self.tail.iter().zip(&self.shifts).rev() {
            let term = mul_wide(sum, short).0 >> shift;
            sum = if alternating { coefficient - term } else { coefficient + term };
            shift = *next;
        }
        // Bit 62 of the first is the top bit of a coefficient that has `shift` zeros before it.
        let mut sum = shift_left(sum.into(), 65 - shift);
        for coefficient in self.head.iter().rev() {
            let term = mul_fixed(sum, x);
            sum = if alternating { coefficient - term } else { coefficient + term };
        }
        sum
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest difference between a series and the same to full precision, for x up to a limit.
    fn difference<const HEAD: usize, const TAIL: usize>(
        short: &Series<HEAD, TAIL>,
        full: &[u128],
        limit: f64,
        alternating: bool,
    ) -> f64 {
        let mut state = 1u64;
        let mut most = 0u128;
        for n in 0..4000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let part = if n < 10 { 1.0 - f64::from(n) * 1e-9 } else { f64::from(n) / 4000.0 };
            let x = (limit * part * ONE as f64) as u128 + u128::from(state);
            most = most.max(short.at(x, alternating).abs_diff(series(full, x, alternating)));
        }
        most as f64 / ONE as f64
    }

    #[test]
    fn short_series_are_right_to_75_bits() {
        let most = 2f64.powi(-75);
        let sine = difference(
            &Series::<4, 7>::new(&inverse_factorials::<11>(1, 2)),
            &inverse_factorials::<20>(1, 2),
            0.6169,
            true,
        );
        let cosine = difference(
            &Series::<4, 8>::new(&inverse_factorials::<12>(0, 2)),
            &inverse_factorials::<20>(0, 2),
            0.6169,
            true,
        );
        let exponential = |alternating| {
            difference(
                &Series::<3, 6>::new(&inverse_factorials::<9>(1, 1)),
                &inverse_factorials::<20>(1, 1),
                0.6932 / 64.0,
                alternating,
            )
        };
        let arctangent =
            difference(&Series::<2, 5>::new(&inverse_odds::<7>()), &inverse_odds::<20>(), 1.0 / 4096.0, true);
        for found in [sine, cosine, exponential(false), exponential(true), arctangent] {
            assert!(found < most, "{} bits", found.log2());
            assert!(found > 0.0);
        }
    }
}
