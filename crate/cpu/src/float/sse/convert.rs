//! SSE conversions and rounding to integral values (SDM vol. 1, 11.4.1.6, 12.10.3; the indefinites: 4.8.3.7).

use super::super::f80::{BIAS, SIGN};
use super::super::kernel::Number;
use super::super::rounding::rounds_up;
use super::{Flags, Ieee, Mxcsr, Operand, Round, after_denormal, decode, finish, flushed, sign_of};

/// CVTSI2SS, CVTSI2SD with a 32-bit source; an element of CVTDQ2PS, CVTDQ2PD (SDM vol. 2, CVTSI2SD).
#[inline]
pub fn from_i32<T: Ieee>(value: i32, env: Mxcsr) -> (T, Flags) {
    from_i64(i64::from(value), env)
}

/// CVTSI2SS, CVTSI2SD with a 64-bit source (SDM vol. 2, CVTSI2SD).
#[inline]
pub fn from_i64<T: Ieee>(value: i64, env: Mxcsr) -> (T, Flags) {
    if value == 0 {
        return (T::zero(false), Flags::NONE);
    }
    let magnitude = value.unsigned_abs();
    let shift = magnitude.leading_zeros();
    let sign = if value < 0 { SIGN } else { 0 };
    let number = Number { sign, exp: BIAS + 63 - shift as i32, mant: magnitude << shift };
    if 64 - shift <= T::FRACTION_BITS + 1 {
        // It fits: no rounding.
        let field = (number.exp - BIAS + T::BIAS) as u64;
        let fraction = number.mant << 1 >> (64 - T::FRACTION_BITS);
        return (T::from_raw(T::zero(value < 0).raw() | field << T::FRACTION_BITS | fraction), Flags::NONE);
    }
    finish(number.into(), env)
}

/// Rounds to an integer in [-limit, limit).
#[inline(always)]
fn to_integer<T: Ieee>(a: T, round: Round, limit: u64, env: Mxcsr) -> (i64, Flags) {
    let indefinite = ((limit as i64).wrapping_neg(), Flags::INVALID);
    let a = flushed(a, env);
    let negative = a.is_negative();
    let power = a.field() as i32 - T::BIAS;
    let (integral, fraction) = match power {
        64.. => return indefinite,
        0..64 => {
            let mant = a.fraction() << (63 - T::FRACTION_BITS) | 1 << 63;
            (mant >> (63 - power), if power == 63 { 0 } else { mant << (power + 1) })
        }
        -1 => (0, a.fraction() << (63 - T::FRACTION_BITS) | 1 << 63),
        _ => (0, u64::from(a.magnitude() != 0)),
    };
    let up = rounds_up(round, negative, integral & 1 != 0, fraction);
    match integral.checked_add(u64::from(up)) {
        Some(magnitude) if magnitude < limit + u64::from(negative) => {
            let value = magnitude as i64;
            (if negative { value.wrapping_neg() } else { value }, Flags::PRECISION.when(fraction != 0))
        }
        _ => indefinite,
    }
}

/// CVTSS2SI, CVTSD2SI to 32 bits; an element of CVTPS2DQ, CVTPD2DQ and the MMX forms: rounded as MXCSR says;
/// what does not fit is invalid and gives the integer indefinite (SDM vol. 2, CVTSD2SI).
#[inline]
pub fn to_i32<T: Ieee>(a: T, env: Mxcsr) -> (i32, Flags) {
    let (value, flags) = to_integer(a, env.round(), 1 << 31, env);
    (value as i32, flags)
}

/// CVTSS2SI, CVTSD2SI to 64 bits (SDM vol. 2, CVTSD2SI).
#[inline]
pub fn to_i64<T: Ieee>(a: T, env: Mxcsr) -> (i64, Flags) {
    to_integer(a, env.round(), 1 << 63, env)
}

/// CVTTSS2SI, CVTTSD2SI to 32 bits; an element of CVTTPS2DQ, CVTTPD2DQ and the MMX forms: truncated
/// (SDM vol. 2, CVTTSD2SI).
#[inline]
pub fn to_i32_trunc<T: Ieee>(a: T, env: Mxcsr) -> (i32, Flags) {
    let (value, flags) = to_integer(a, Round::Zero, 1 << 31, env);
    (value as i32, flags)
}

/// CVTTSS2SI, CVTTSD2SI to 64 bits (SDM vol. 2, CVTTSD2SI).
#[inline]
pub fn to_i64_trunc<T: Ieee>(a: T, env: Mxcsr) -> (i64, Flags) {
    to_integer(a, Round::Zero, 1 << 63, env)
}

/// From one width to the other.
fn resize<A: Ieee, B: Ieee>(a: A, env: Mxcsr) -> (B, Flags) {
    let (x, denormal) = decode(a, env);
    match x {
        Operand::Quiet | Operand::Signaling => {
            let fraction = a.fraction() << (63 - A::FRACTION_BITS) >> (63 - B::FRACTION_BITS);
            let nan = B::from_raw(B::infinity(a.is_negative()).raw() | fraction).quieted();
            (nan, Flags::INVALID.when(matches!(x, Operand::Signaling)))
        }
        Operand::Infinity => (B::infinity(a.is_negative()), Flags::NONE),
        Operand::Zero => (B::zero(a.is_negative()), Flags::NONE),
        Operand::Finite(n) => after_denormal(denormal, env, || finish(n.into(), env)),
    }
}

/// CVTSS2SD and an element of CVTPS2PD: exact (SDM vol. 2, CVTSS2SD).
#[inline]
pub fn f32_to_f64(a: u32, env: Mxcsr) -> (u64, Flags) {
    let field = a.field();
    if field != 0 && field != u32::FIELD_MAX {
        return (f64::from(f32::from_bits(a)).to_bits(), Flags::NONE);
    }
    resize(a, env)
}

/// CVTSD2SS and an element of CVTPD2PS (SDM vol. 2, CVTSD2SS).
#[inline]
pub fn f64_to_f32(a: u64, env: Mxcsr) -> (u32, Flags) {
    // Exponents that stay normal whatever the rounding.
    if env.is_nearest() && (a.field()).wrapping_sub(1023 - 126) < 126 + 127 {
        let value = (f64::from_bits(a) as f32).to_bits();
        return (value, Flags::PRECISION.when(a & 0x1fff_ffff != 0));
    }
    resize(a, env)
}

/// ROUNDSS, ROUNDSD and an element of ROUNDPS, ROUNDPD: to an integral value. `quiet` is bit 3 of the immediate,
/// which suppresses PE; the mode is its bits 0 and 1, or MXCSR's where bit 2 is set (SDM vol. 2, ROUNDSD).
pub fn round_to_int<T: Ieee>(a: T, round: Round, quiet: bool, env: Mxcsr) -> (T, Flags) {
    if a.is_nan() {
        return (a.quieted(), Flags::INVALID.when(a.is_signaling()));
    }
    let a = flushed(a, env);
    let power = a.field() as i32 - T::BIAS;
    if a.magnitude() == 0 || power >= T::FRACTION_BITS as i32 {
        return (a, Flags::NONE);
    }
    let bits = a.magnitude();
    let (kept, fraction, odd) = if power < 0 {
        let fraction = if power == -1 { a.fraction() << (63 - T::FRACTION_BITS) | 1 << 63 } else { 1 };
        (0, fraction, false)
    } else {
        let drop = T::FRACTION_BITS - power as u32;
        let odd = if power == 0 { true } else { bits >> drop & 1 != 0 };
        (bits >> drop << drop, bits << (64 - drop), odd)
    };
    let up = rounds_up(round, sign_of(a) != 0, odd, fraction);
    let rounded = match (up, power < 0) {
        (false, _) => kept,
        // One.
        (true, true) => (T::BIAS as u64) << T::FRACTION_BITS,
        // A carry out of the fraction goes into the exponent, as it should.
        (true, false) => kept + (1 << (T::FRACTION_BITS - power as u32)),
    };
    let value = T::from_raw(rounded | T::zero(a.is_negative()).raw());
    (value, Flags::PRECISION.when(fraction != 0 && !quiet))
}
