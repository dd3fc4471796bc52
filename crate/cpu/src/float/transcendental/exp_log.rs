//! F2XM1, FYL2X, FYL2XP1 (SDM vol. 1, 8.3.9).

use super::super::arith::{denormal_check, invalid, nan_of_one, nan_of_two, with_flags};
use super::super::convert::from_i64;
use super::super::f80::{BIAS, F80, INTEGER, SIGN};
use super::super::kernel::{self, mul_words};
use super::super::{Control, Flags, Outcome};
use super::wide::{ONE, Series, Wide, inverse_factorials, inverse_odds, series};
use super::{finish, finish_exact};

/// ln 2 and 1 / ln 2, to 128 bits.
const LN_2: Wide = Wide { negative: false, exp: -1, mant: 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af };
const LOG2_E: Wide = Wide { negative: false, exp: 0, mant: 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88 };

/// (ln 2 / 64)ᵏ / (k + 1)! is below 2⁻⁸⁰ from k = 9 on; from k = 3 on 62 bits are 86 of the sum.
static EXPONENTIAL: Series<3, 6> = Series::new(&inverse_factorials::<9>(1, 1));

/// 2⁻⁶ᵏ / (k + 1) is below 2⁻⁸¹ from k = 13 on; from k = 3 on 62 bits are 82 of the sum.
static LOGARITHM: Series<3, 10> = Series::new(&inverses::<13>());

/// 1, 1 / 2, 1 / 3, … in fixed point.
const fn inverses<const N: usize>() -> [u128; N] {
    let mut table = [0; N];
    let mut i = 0;
    while i < N {
        table[i] = ONE / (i as u128 + 1);
        i += 1;
    }
    table
}

/// 2 to the k / 32, minus 1, for k from 1 to 32, and the same for -k, negated.
static POWERS: [u128; 32] = powers(false);
static INVERSE_POWERS: [u128; 32] = powers(true);

const fn powers(negative: bool) -> [u128; 32] {
    let coefficients: [u128; 34] = inverse_factorials(1, 1);
    let mut table = [0; 32];
    let mut k = 0;
    while k < 32 {
        let t = Wide::from_scaled(negative, k as u128 + 1, 5).mul(LN_2);
        let factor = series(&coefficients, t.to_fixed(), negative);
        table[k] = t.mul(Wide::from_fixed(factor)).to_fixed();
        k += 1;
    }
    table
}

/// For m in [1 + k / 64, 1 + (k + 1) / 64): c, in units of 1 / 128, so that |m c - 1| is at most 1 / 64, and log₂ 1 / c
/// in fixed point. At both ends nothing is added, so that what is next to a power of two stays exact.
static RECIPROCALS: [(u8, u128); 64] = reciprocals();

const fn reciprocals() -> [(u8, u128); 64] {
    let coefficients: [u128; 42] = inverse_odds();
    let mut table = [(128, 0); 64];
    let mut k = 1;
    while k < 63 {
        // The nearest to the reciprocal of the middle, (128 + 2k + 1) / 128.
        let middle = 129 + 2 * k as u128;
        let c = (2 * 128 * 128 + middle) / (2 * middle);
        // log₂ 1 / c = 2 / ln 2 × artanh ((128 - c) / (128 + c)).
        let z = Wide::from_scaled(false, ONE / (128 + c) * (128 - c), 127);
        let factor = Wide::from_fixed(series(&coefficients, z.mul(z).to_fixed(), false));
        let artanh = z.mul(factor).mul(LOG2_E);
        table[k] = (c as u8, Wide { exp: artanh.exp + 1, ..artanh }.to_fixed());
        k += 1;
    }
    table[63] = (64, ONE);
    table
}

/// F2XM1: 2ᵃ - 1 for a from -1 to 1 (SDM vol. 2, F2XM1).
pub fn exp2m1(a: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_one(a) {
        return nan;
    }
    if a.is_zero() {
        return Outcome::exact(a);
    }
    if a.is_infinite() {
        let minus_one = F80 { se: F80::ONE.se | SIGN, ..F80::ONE };
        return Outcome::exact(if a.is_negative() { minus_one } else { a });
    }
    let denormal = match denormal_check(a.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let number = a.number();
    if number.exp >= BIAS {
        // Minus one gives minus one half; one gives one; beyond, the result is undefined.
        let mut result = number;
        if number.exp == BIAS && number.mant == INTEGER && a.is_negative() {
            result.exp -= 1;
        }
        return with_flags(finish_exact(result.into(), control), denormal);
    }
    with_flags(finish(power(number.into()), control), denormal)
}

/// 2ᵃ - 1 for a magnitude below 1, not zero.
fn power(a: Wide) -> Wide {
    // The nearest k / 32 is taken out.
    let fixed = a.to_fixed();
    let k = (fixed + (1 << 121) >> 122) as usize;
    let Some(k) = k.checked_sub(1) else { return exponential(a) };
    let base = if a.negative { INVERSE_POWERS[k] } else { POWERS[k] };
    let base = Wide::from_fixed(base).signed(a.negative);
    let near = (k as u128 + 1) << 122;
    if fixed == near {
        return base;
    }
    let rest = Wide::from_scaled(a.negative != (fixed < near), fixed.abs_diff(near), 127);
    // (b + 1) (e + 1) - 1 = b + e + b e
    let e = exponential(rest);
    base.add(e.add(e.mul(base)))
}

/// The same for at most 1 / 64: e^t - 1 = t (1 + t / 2! + t² / 3! + …).
fn exponential(a: Wide) -> Wide {
    let t = a.mul(LN_2);
    t.mul(Wide::from_fixed(EXPONENTIAL.at(t.to_fixed(), a.negative)))
}

/// A binary logarithm.
enum Logarithm {
    /// Of a power of two.
    Integer(i32),
    Other(Wide),
}

/// The logarithm of a positive number.
fn logarithm(x: Wide) -> Logarithm {
    // log₂ m = log₂ 1 / c + log₂ (1 + (m c - 1))
    let (c, base) = RECIPROCALS[(x.mant >> 121) as usize & 63];
    // m c is below 2, so that what is shifted out of the upper part is zero.
    let product =
        (mul_words((x.mant >> 64) as u64, c.into()) << 57) + (mul_words(x.mant as u64, c.into()) >> 7);
    let power = x.exp + i32::from(c == 64);
    let base = if c == 64 { 0 } else { base };
    let whole = (power != 0).then(|| Wide::from_scaled(power < 0, power.unsigned_abs().into(), 0));
    let base = match (whole, base) {
        (whole, 0) => whole,
        (None, base) => Some(Wide::from_fixed(base)),
        (Some(whole), base) => Some(whole.add(Wide::from_fixed(base))),
    };
    if product == ONE {
        return base.filter(|_| c != 128 && c != 64).map_or(Logarithm::Integer(power), Logarithm::Other);
    }
    let rest = log2_near_one(Wide::from_scaled(product < ONE, product.abs_diff(ONE), 127));
    Logarithm::Other(match base {
        Some(base) => base.add(rest),
        None => rest,
    })
}

/// log₂ (1 + u) for at most 1 / 64: u / ln 2 × (1 - u / 2 + u² / 3 - …).
fn log2_near_one(u: Wide) -> Wide {
    u.mul(Wide::from_fixed(LOGARITHM.at(u.to_fixed(), !u.negative))).mul(LOG2_E)
}

/// logarithm × y.
fn times(logarithm: Logarithm, y: F80, control: Control) -> Outcome<F80> {
    match logarithm {
        Logarithm::Integer(0) => Outcome::exact(F80::zero(y.sign())),
        Logarithm::Integer(power) => {
            let power = from_i64(i64::from(power)).number();
            finish_exact(kernel::mul(power, y.number()), control)
        }
        Logarithm::Other(value) => finish(value.mul(y.number().into()), control),
    }
}

/// The product of a logarithm other than zero, of which only the sign counts, with an infinity or zero.
fn signed_limit(negative: bool, y: F80) -> Outcome<F80> {
    Outcome::exact(if negative { y.negate() } else { y })
}

/// FYL2X: y × log₂ x, x being ST(0) and y being ST(1) (SDM vol. 2, FYL2X).
pub fn log2(x: F80, y: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(x, y) {
        return nan;
    }
    if x.is_zero() {
        return if y.is_zero() {
            invalid()
        } else {
            let infinity = F80::infinity(y.sign() ^ SIGN);
            Outcome::raising(infinity, Flags::ZERO_DIVIDE.when(!y.is_infinite()))
        };
    }
    let is_one = x == F80::ONE;
    if x.is_negative() || (x.is_infinite() && y.is_zero()) || (is_one && y.is_infinite()) {
        return invalid();
    }
    let denormal = match denormal_check(x.is_denormal() || y.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let outcome = if x.is_infinite() {
        Outcome::exact(F80::infinity(y.sign()))
    } else if y.is_infinite() || y.is_zero() {
        signed_limit((x.exponent() as i32) < BIAS, y)
    } else {
        times(logarithm(x.number().into()), y, control)
    };
    with_flags(outcome, denormal)
}

/// FYL2XP1: y × log₂ (x + 1), x being ST(0) and y being ST(1), for x between √½ - 1 and √2 - 1
/// (SDM vol. 2, FYL2XP1).
pub fn log2p1(x: F80, y: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(x, y) {
        return nan;
    }
    if x.is_infinite() && (x.is_negative() || y.is_zero()) || (x.is_zero() && y.is_infinite()) {
        return invalid();
    }
    let denormal = match denormal_check(x.is_denormal() || y.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let outcome = if x.is_infinite() {
        Outcome::exact(F80::infinity(y.sign()))
    } else if x.is_zero() {
        Outcome::exact(F80::zero(x.sign() ^ y.sign()))
    } else if y.is_infinite() || y.is_zero() {
        signed_limit(x.is_negative(), y)
    } else {
        let number = x.number();
        let wide = Wide::from(number);
        if wide.exp < -6 {
            times(Logarithm::Other(log2_near_one(wide)), y, control)
        } else if x.is_negative() && wide.exp >= 0 {
            // The logarithm of zero, or of a negative number: undefined.
            finish_exact(number.into(), control)
        } else {
            times(logarithm(Wide::from_fixed(ONE).add(wide)), y, control)
        }
    };
    with_flags(outcome, denormal)
}
