//! FRNDINT, FSCALE and FXTRACT (SDM vol. 1, 8.3.5 and 8.3.10).

use super::arith::{denormal_check, invalid, nan_of_one, nan_of_two, with_flags};
use super::convert::{from_i64, split};
use super::f80::{BIAS, F80, SIGN};
use super::kernel::Number;
use super::rounding::{rounds_up, to_f80_extended};
use super::{Control, Flags, Outcome};

/// FRNDINT: to an integral value, as RC says (SDM vol. 2, FRNDINT).
pub fn round_to_int(a: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_one(a) {
        return nan;
    }
    if a.is_zero() || a.exponent() as i32 >= BIAS + 63 {
        return Outcome::exact(a);
    }
    let denormal = match denormal_check(a.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let (integral, fraction) = split(a).unwrap_or((0, 0));
    let up = rounds_up(control.round, a.is_negative(), integral & 1 != 0, fraction);
    // Below 2⁶³, so that adding one and being signed are no matter.
    let magnitude = from_i64((integral + up as u64) as i64);
    let magnitude = if magnitude.is_negative() { magnitude.negate() } else { magnitude };
    let value = F80 { se: magnitude.se | a.sign(), ..magnitude };
    Outcome { value, flags: Flags::PRECISION.when(fraction != 0) | denormal, rounded_up: up }
}

/// FSCALE: a × 2^trunc(b) (SDM vol. 2, FSCALE).
pub fn scale(a: F80, b: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(a, b) {
        return nan;
    }
    if b.is_infinite() && if b.is_negative() { a.is_infinite() } else { a.is_zero() } {
        return invalid();
    }
    let flags = match denormal_check(a.is_denormal() || b.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let outcome = if a.is_zero() || a.is_infinite() {
        Outcome::exact(a)
    } else if b.is_infinite() {
        Outcome::exact(if b.is_negative() { F80::zero(a.sign()) } else { F80::infinity(a.sign()) })
    } else {
        // Far beyond any exponent is far enough.
        let (power, _) = split(b).unwrap_or((u64::MAX, 0));
        let power = power.min(0x2_0000) as i32;
        let mut number = a.number();
        number.exp += if b.is_negative() { -power } else { power };
        to_f80_extended(number.into(), control)
    };
    with_flags(outcome, flags)
}

/// What FXTRACT leaves in ST(0) and ST(1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extracted {
    /// The significand, with the exponent of one: pushed, so that it becomes ST(0).
    pub significand: F80,
    /// The unbiased exponent, as a number: replaces the operand.
    pub exponent: F80,
}

/// FXTRACT: significand and exponent apart (SDM vol. 2, FXTRACT).
pub fn extract(a: F80, control: Control) -> Outcome<Extracted> {
    if let Some(Outcome { value, flags, .. }) = nan_of_one(a) {
        return Outcome::raising(Extracted { significand: value, exponent: value }, flags);
    }
    if a.is_infinite() {
        return Outcome::exact(Extracted { significand: a, exponent: F80::INFINITY });
    }
    if a.is_zero() {
        let exponent = F80::infinity(SIGN);
        return Outcome::raising(Extracted { significand: a, exponent }, Flags::ZERO_DIVIDE);
    }
    let flags = match denormal_check(a.is_denormal(), control) {
        Ok(flags) => flags,
        Err(Outcome { value, flags, .. }) => {
            return Outcome::raising(Extracted { significand: value, exponent: value }, flags);
        }
    };
    let Number { sign, exp, mant } = a.number();
    let significand = F80 { mant, se: sign | BIAS as u16 };
    Outcome::raising(Extracted { significand, exponent: from_i64(i64::from(exp - BIAS)) }, flags)
}
