//! FPATAN (SDM vol. 1, 8.3.7).
//!
//! The lesser of |y| and |x| is divided by the greater. Where the ratio t is near k / 32,
//! atan t = atan k/32 + atan ((32n - kd) / (32d + kn)) for t = n / d, with numerator and denominator exact and a
//! quotient of at most 1/64, whose series is short.

use super::super::arith::{denormal_check, nan_of_two, with_flags};
use super::super::f80::F80;
use super::super::kernel::Number;
use super::super::{Control, Outcome};
use super::finish;
use super::wide::{ONE, Series, Wide, inverse_odds, mul_fixed, series};

/// π to 128 bits.
const PI: Wide = Wide { negative: false, exp: 1, mant: 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1 };
const HALF_PI: Wide = Wide { exp: 0, ..PI };
const QUARTER_PI: Wide = Wide { exp: -1, ..PI };

/// 2⁻¹²ᵏ / (2k + 1) is below 2⁻¹²⁰ from k = 10 on.
const SERIES: [u128; 11] = inverse_odds();
/// The same, below 2⁻⁸⁷ from k = 7 on; from k = 2 on 62 bits are 88 of the sum.
static SHORT: Series<2, 5> = Series::new(&SERIES);

/// atan k / 32, in fixed point.
const ARCTANGENTS: [u128; 33] = arctangents();

const fn arctangents() -> [u128; 33] {
    let mut table = [0; 33];
    let mut k = 1;
    while k <= 32 {
        // The difference of two neighbours is atan (32 / (1024 + k(k - 1))).
        let divisor = 1024 + (k as u128) * (k as u128 - 1);
        let z = ONE / divisor * 32 + ONE % divisor * 32 / divisor;
        table[k] = table[k - 1] + mul_fixed(z, series(&SERIES, mul_fixed(z, z), true));
        k += 1;
    }
    table
}

/// FPATAN: the angle of the point (x, y), y being ST(1) and x being ST(0), between -π and π
/// (SDM vol. 2, FPATAN).
pub fn atan2(y: F80, x: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(x, y) {
        return nan;
    }
    let denormal = match denormal_check(x.is_denormal() || y.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let angle = match (y.is_infinite(), x.is_infinite()) {
        (true, true) if x.is_negative() => Some(HALF_PI.add(QUARTER_PI)),
        (true, true) => Some(QUARTER_PI),
        (true, false) => Some(HALF_PI),
        (false, true) if x.is_negative() => Some(PI),
        (false, true) => None,
        (false, false) if y.is_zero() => x.is_negative().then_some(PI),
        (false, false) if x.is_zero() => Some(HALF_PI),
        (false, false) => Some(angle(y.number(), x.number())),
    };
    let outcome = match angle {
        Some(angle) => finish(angle.signed(y.is_negative()), control),
        None => Outcome::exact(F80::zero(y.sign())),
    };
    with_flags(outcome, denormal)
}

/// The angle's magnitude.
fn angle(y: Number, x: Number) -> Wide {
    let steep = (y.exp, y.mant) > (x.exp, x.mant);
    let small = if steep { arctangent(x, y) } else { arctangent(y, x) };
    match (steep, x.sign != 0) {
        (false, false) => small,
        (true, false) => HALF_PI.add(small.negate()),
        (true, true) => HALF_PI.add(small),
        (false, true) => PI.add(small.negate()),
    }
}

/// atan n / d for magnitudes n ≤ d.
fn arctangent(n: Number, d: Number) -> Wide {
    let distance = d.exp - n.exp;
    let k = if distance <= 6 {
        let ratio = n.mant as f64 / d.mant as f64 / f64::from(1 << distance);
        ((ratio * 32.0 + 0.5) as usize).min(32)
    } else {
        0
    };
    if k == 0 {
        let ratio = Wide::from(n).div(Wide::from(d)).signed(false);
        // Below that, the series' second term is no more than a direction to round in.
        return if ratio.exp < -56 { ratio.just_below() } else { short_arctangent(ratio) };
    }
    let (numerator, denominator) = (u128::from(n.mant), u128::from(d.mant) << distance);
    let (a, b) = (32 * numerator, k as u128 * denominator);
    let base = ARCTANGENTS[k];
    if a == b {
        return Wide::from_fixed(base);
    }
    let quotient = Wide::from_scaled(false, a.abs_diff(b), 0).div(Wide::from_scaled(
        false,
        32 * denominator + k as u128 * numerator,
        0,
    ));
    let rest = short_arctangent(quotient).to_fixed();
    Wide::from_fixed(if a > b { base + rest } else { base - rest })
}

/// The series, for at most 1/64.
fn short_arctangent(z: Wide) -> Wide {
    z.mul(Wide::from_fixed(SHORT.at(z.mul(z).to_fixed(), true)))
}
