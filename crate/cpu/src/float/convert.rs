//! x87 conversions: to and from integers, the 32- and 64-bit formats, and packed decimal (SDM vol. 1, 4.2, 4.7,
//! 8.3.3).

use super::arith::nan_of_one;
use super::f80::{BIAS, Class, EXP_MAX, F80, INTEGER, QUIET, SIGN};
use super::kernel::Number;
use super::rounding::{self, Rounded, Target, rounds_up};
use super::{Control, Flags, Outcome, Round};

/// FILD, and the integer operand of FIADD and its kin: exact, no exceptions (SDM vol. 2, FILD).
pub const fn from_i64(value: i64) -> F80 {
    if value == 0 {
        return F80::ZERO;
    }
    let magnitude = value.unsigned_abs();
    let shift = magnitude.leading_zeros();
    let sign = if value < 0 { SIGN } else { 0 };
    F80 { mant: magnitude << shift, se: sign | (BIAS as u16 + 63 - shift as u16) }
}

/// A finite number's integral part and its fraction in units of 2⁻⁶⁴, sticky; `None` from 2⁶⁴ on.
pub(super) fn split(a: F80) -> Option<(u64, u64)> {
    if a.mant == 0 {
        return Some((0, 0));
    }
    match a.exponent() as i32 - BIAS {
        64.. => None,
        63 => Some((a.mant, 0)),
        power @ 0..63 => Some((a.mant >> (63 - power), a.mant << (power + 1))),
        -1 => Some((0, a.mant)),
        _ => Some((0, 1)),
    }
}

/// A value rounded to an integer of at most 64 bits: magnitude, inexact, rounded up. `None` for what is not
/// finite or reaches 2⁶⁴.
fn to_magnitude(a: F80, round: Round) -> Option<(u64, bool, bool)> {
    if matches!(a.class(), Class::Unsupported | Class::Infinity | Class::QuietNan | Class::SignalingNan) {
        return None;
    }
    let (integral, fraction) = split(a)?;
    let up = rounds_up(round, a.is_negative(), integral & 1 != 0, fraction);
    Some((integral.checked_add(up as u64)?, fraction != 0, up))
}

/// Rounds to an integer between -limit and limit - 1; `None` if it does not fit.
fn to_integer(a: F80, round: Round, limit: u64) -> Option<Outcome<i64>> {
    let (magnitude, inexact, up) = to_magnitude(a, round)?;
    if magnitude >= limit + a.is_negative() as u64 {
        return None;
    }
    let value = if a.is_negative() { (magnitude as i64).wrapping_neg() } else { magnitude as i64 };
    Some(Outcome { value, flags: Flags::PRECISION.when(inexact), rounded_up: up })
}

/// FIST m16 and FISTP m16; FISTTP with [`Round::Zero`]. What does not fit raises IE and gives the integer
/// indefinite (SDM vol. 2, FIST).
pub fn to_i16(a: F80, round: Round) -> Outcome<i16> {
    match to_integer(a, round, 1 << 15) {
        Some(Outcome { value, flags, rounded_up }) => Outcome { value: value as i16, flags, rounded_up },
        None => Outcome::raising(i16::MIN, Flags::INVALID),
    }
}

/// FIST m32 and FISTP m32; FISTTP with [`Round::Zero`] (SDM vol. 2, FIST).
pub fn to_i32(a: F80, round: Round) -> Outcome<i32> {
    match to_integer(a, round, 1 << 31) {
        Some(Outcome { value, flags, rounded_up }) => Outcome { value: value as i32, flags, rounded_up },
        None => Outcome::raising(i32::MIN, Flags::INVALID),
    }
}

/// FISTP m64; FISTTP with [`Round::Zero`] (SDM vol. 2, FIST).
pub fn to_i64(a: F80, round: Round) -> Outcome<i64> {
    to_integer(a, round, 1 << 63).unwrap_or(Outcome::raising(i64::MIN, Flags::INVALID))
}

/// The bits of an IEEE format from a rounded significand.
pub(super) fn pack(rounded: &Rounded, fraction_bits: u32, bias: i32, negative: bool) -> u64 {
    let exponent_bits = if fraction_bits == 23 { 8 } else { 11 };
    let field = if rounded.mant & INTEGER == 0 { 0 } else { (rounded.exp - BIAS + bias) as u64 };
    let fraction = (rounded.mant & !INTEGER) >> (63 - fraction_bits);
    (negative as u64) << (fraction_bits + exponent_bits) | field << fraction_bits | fraction
}

/// FST m64 and FSTP m64, as bits (SDM vol. 2, FST). An unmasked OE or UE stands alone, and nothing is stored.
pub fn to_f64(a: F80, control: Control) -> Outcome<u64> {
    to_ieee(a, control, rounding::DOUBLE, 52, 1023)
}

/// FST m32 and FSTP m32, as bits (SDM vol. 2, FST). An unmasked OE or UE stands alone, and nothing is stored.
pub fn to_f32(a: F80, control: Control) -> Outcome<u32> {
    let Outcome { value, flags, rounded_up } = to_ieee(a, control, rounding::SINGLE, 23, 127);
    Outcome { value: value as u32, flags, rounded_up }
}

#[inline(always)]
fn to_ieee(a: F80, control: Control, target: Target, fraction_bits: u32, bias: i32) -> Outcome<u64> {
    if a.is_normal() {
        let n = a.normal_number();
        let field = n.exp - BIAS + bias;
        if matches!(control.round, Round::Nearest) && field.wrapping_sub(1) as u32 <= 2 * bias as u32 - 2 {
            let (mant, carry, inexact, rounded_up) = rounding::round_nearest(n.mant, 0, fraction_bits + 1);
            // The integer bit goes into the exponent, and so does a carry out of it.
            let field = (field - 1 + 2 * carry as i32) as u64;
            let magnitude = (field << fraction_bits) + (mant >> (63 - fraction_bits));
            let sign = (a.is_negative() as u64) << if fraction_bits == 23 { 31 } else { 63 };
            let flags = Flags::PRECISION.when(inexact);
            return Outcome { value: sign | magnitude, flags, rounded_up };
        }
        return narrow(n, control, target, fraction_bits, bias);
    }
    to_ieee_special(a, control, target, fraction_bits, bias)
}

#[cold]
fn to_ieee_special(a: F80, control: Control, target: Target, fraction_bits: u32, bias: i32) -> Outcome<u64> {
    let sized = |mant: u64, negative: bool| {
        let rounded = Rounded { exp: BIAS + bias + 1, mant, flags: Flags::NONE, up: false, tiny: false };
        pack(&rounded, fraction_bits, bias, negative)
    };
    if let Some(nan) = nan_of_one(a) {
        return Outcome::raising(sized(nan.value.mant, nan.value.is_negative()), nan.flags);
    }
    if a.is_infinite() {
        return Outcome::exact(sized(INTEGER, a.is_negative()));
    }
    if a.is_zero() {
        return Outcome::exact(sized(0, a.is_negative()));
    }
    narrow(a.number(), control, target, fraction_bits, bias)
}

#[inline(always)]
fn narrow(n: Number, control: Control, target: Target, fraction_bits: u32, bias: i32) -> Outcome<u64> {
    let rounded = rounding::round(n.into(), target, control.round, control.masks);
    let value = pack(&rounded, fraction_bits, bias, n.sign != 0);
    let out_of_range = rounded.flags & (Flags::OVERFLOW | Flags::UNDERFLOW);
    if control.unmasks(out_of_range) {
        return Outcome::raising(value, out_of_range);
    }
    Outcome { value, flags: rounded.flags, rounded_up: rounded.up }
}

/// The 32-bit operand of an arithmetic instruction: the same number, a signaling NaN left signaling, and whether
/// it was denormal (which it no longer is: hand that to [`Outcome::with_denormal_operand`] after the operation).
pub const fn widen_f32(bits: u32) -> (F80, bool) {
    widen(((bits >> 16) as u16) & SIGN, (bits >> 23) as u16 & 0xff, (bits as u64 & 0x7f_ffff) << 40, 127)
}

/// The 64-bit operand of an arithmetic instruction; see [`widen_f32`].
pub const fn widen_f64(bits: u64) -> (F80, bool) {
    widen(((bits >> 48) as u16) & SIGN, (bits >> 52) as u16 & 0x7ff, (bits & 0xf_ffff_ffff_ffff) << 11, 1023)
}

/// From an exponent field and a fraction that begins at bit 62.
#[inline(always)]
const fn widen(sign: u16, field: u16, fraction: u64, bias: u16) -> (F80, bool) {
    let rebias = BIAS as u16 - bias;
    if field == 0 {
        if fraction == 0 {
            return (F80::zero(sign), false);
        }
        let shift = fraction.leading_zeros();
        return (F80 { mant: fraction << shift, se: sign | (rebias + 1 - shift as u16) }, true);
    }
    let exponent = if field == 2 * bias + 1 { EXP_MAX } else { field + rebias };
    (F80 { mant: fraction | INTEGER, se: sign | exponent }, false)
}

/// What a load raises.
const fn loaded((value, denormal): (F80, bool)) -> Outcome<F80> {
    if value.is_nan() && value.mant & QUIET == 0 {
        return Outcome::raising(value.quieted(), Flags::INVALID);
    }
    Outcome::raising(value, Flags::DENORMAL.when(denormal))
}

/// FLD m32: exact; a signaling NaN is made quiet and raises IE, a denormal raises DE. A load with DE unmasked
/// is done all the same: ask [`Outcome::stores_load`] (SDM vol. 2, FLD).
pub const fn from_f32(bits: u32) -> Outcome<F80> {
    loaded(widen_f32(bits))
}

/// FLD m64; see [`from_f32`] (SDM vol. 2, FLD).
pub const fn from_f64(bits: u64) -> Outcome<F80> {
    loaded(widen_f64(bits))
}

/// FBLD: 18 packed decimal digits and a sign; exact, no exceptions (SDM vol. 1, 4.7). A digit above 9, whose
/// meaning the manual leaves open, counts as its value.
pub fn from_bcd(bytes: [u8; 10]) -> F80 {
    let [digits @ .., sign] = bytes;
    let magnitude = digits
        .iter()
        .rev()
        .fold(0u64, |sum, &pair| sum * 100 + u64::from(pair >> 4) * 10 + u64::from(pair & 15));
    let value = from_i64(magnitude as i64);
    if sign & 0x80 != 0 { value.negate() } else { value }
}

/// FBSTP: rounds to an integer of 18 decimal digits; what does not fit raises IE and gives the packed decimal
/// indefinite (SDM vol. 1, 4.7 and table 4-4).
pub fn to_bcd(a: F80, round: Round) -> Outcome<[u8; 10]> {
    const LIMIT: u64 = 1_000_000_000_000_000_000;
    const INDEFINITE: [u8; 10] = [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];
    let Some((mut rest, inexact, up)) = to_magnitude(a, round).filter(|&(magnitude, ..)| magnitude < LIMIT)
    else {
        return Outcome::raising(INDEFINITE, Flags::INVALID);
    };
    let mut value = [0; 10];
    let [digits @ .., sign] = &mut value;
    for pair in digits {
        let two = (rest % 100) as u8;
        *pair = (two / 10) << 4 | (two % 10);
        rest /= 100;
    }
    *sign = if a.is_negative() { 0x80 } else { 0 };
    Outcome { value, flags: Flags::PRECISION.when(inexact), rounded_up: up }
}
