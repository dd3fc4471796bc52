//! F2XM1, FYL2X, FYL2XP1 (SDM vol. 1, 8.3.9).

use super::super::arith::{denormal_check, invalid, nan_of_one, nan_of_two, with_flags};
use super::super::convert::from_i64;
use super::super::f80::{BIAS, F80, INTEGER, SIGN};
use super::super::kernel;
use super::super::{Control, Flags, Outcome};
use super::wide::{ONE, Wide, inverse_factorials, inverse_odds, series};
use super::{finish, finish_exact};

/// ln 2 and 2 / ln 2, to 128 bits.
const LN_2: Wide = Wide { negative: false, exp: -1, mant: 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af };
const TWO_LOG2_E: Wide = Wide { negative: false, exp: 1, mant: 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88 };

/// (ln 2)ᵏ / (k + 1)! is below 2⁻¹¹⁸ from k = 28 on.
const EXPONENTIAL: [u128; 28] = inverse_factorials(1, 1);

/// 0.172²ᵏ / (2k + 1) is below 2⁻¹¹⁸ from k = 22 on.
const LOGARITHM: [u128; 23] = inverse_odds();

/// √2 in fixed point.
const SQRT_2: u128 = 0xb504_f333_f9de_6484 << 64;

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
    // e^t - 1 = t (1 + t / 2! + t² / 3! + …); the parenthesis is between 0.7 and 1.5 in all its parts.
    let t = Wide::from(number).mul(LN_2);
    let factor = series(&EXPONENTIAL, t.to_fixed(), a.is_negative());
    with_flags(finish(t.mul(Wide::from_fixed(factor)), control), denormal)
}

/// A binary logarithm.
enum Logarithm {
    /// Of a power of two.
    Integer(i32),
    Other(Wide),
}

/// The logarithm of a positive number.
fn logarithm(x: Wide) -> Logarithm {
    // m from √½ to √2, and log₂ m = 2 / ln 2 × artanh ((m - 1) / (m + 1)).
    let (power, m) = if x.mant > SQRT_2 { (x.exp + 1, x.mant >> 1) } else { (x.exp, x.mant) };
    if m == ONE {
        return Logarithm::Integer(power);
    }
    let difference = Wide::from_scaled(m < ONE, m.abs_diff(ONE), 127);
    let fraction = artanh(difference.div(Wide::from_fixed(m).add(Wide::from_fixed(ONE)))).mul(TWO_LOG2_E);
    Logarithm::Other(if power == 0 {
        fraction
    } else {
        Wide::from_scaled(power < 0, u128::from(power.unsigned_abs()), 0).add(fraction)
    })
}

/// The inverse hyperbolic tangent, for at most 0.172.
fn artanh(z: Wide) -> Wide {
    z.mul(Wide::from_fixed(series(&LOGARITHM, z.mul(z).to_fixed(), false)))
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
        if wide.exp < -2 {
            let two = Wide { negative: false, exp: 1, mant: ONE };
            let logarithm = artanh(wide.div(two.add(wide))).mul(TWO_LOG2_E);
            times(Logarithm::Other(logarithm), y, control)
        } else if x.is_negative() && wide.exp >= 0 {
            // The logarithm of zero, or of a negative number: undefined.
            finish_exact(number.into(), control)
        } else {
            times(logarithm(Wide::from_fixed(ONE).add(wide)), y, control)
        }
    };
    with_flags(outcome, denormal)
}
