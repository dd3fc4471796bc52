//! The second half of every operation: from a 128-bit significand to a format.

use super::f80::{BIAS, F80, INTEGER};
use super::{Control, Flags, Outcome, Precision, Round};

/// A finite value other than zero, before rounding: (hi + lo / 2⁶⁴) × 2^(exp − bias − 63), where the bias is that
/// of the 80-bit format, `hi` has its top bit set, and the lowest bit of `lo` stands for all that is below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unrounded {
    /// The sign bit in place, as in [`F80::se`].
    pub(super) sign: u16,
    /// The biased exponent; any value.
    pub(super) exp: i32,
    /// The significand.
    pub(super) hi: u64,
    /// What follows the significand.
    pub(super) lo: u64,
}

/// A format to round to, its exponents biased as those of the 80-bit format.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// Bits of significand.
    width: u32,
    /// The least exponent of a normal number.
    min: i32,
    /// The greatest exponent of a finite number.
    max: i32,
    /// What an unmasked overflow subtracts from the exponent, and an unmasked underflow adds; 0 where they deliver
    /// no result.
    rebias: i32,
}

/// The 80-bit format, and the same with precision control's shorter significands.
pub(super) const EXTENDED: Target = Target { width: 64, min: 1, max: 0x7ffe, rebias: 24576 };
const EXTENDED_53: Target = Target { width: 53, ..EXTENDED };
const EXTENDED_24: Target = Target { width: 24, ..EXTENDED };
/// The 64-bit format.
pub(super) const DOUBLE: Target = Target { width: 53, min: BIAS - 1022, max: BIAS + 1023, rebias: 0 };
/// The 32-bit format.
pub(super) const SINGLE: Target = Target { width: 24, min: BIAS - 126, max: BIAS + 127, rebias: 0 };

/// The outcome of [`round`]: `mant` with its integer bit at 63; clear for denormals and zero, which have
/// `exp == min`; infinity has `exp == max + 1`.
pub(super) struct Rounded {
    pub(super) exp: i32,
    pub(super) mant: u64,
    pub(super) flags: Flags,
    pub(super) up: bool,
    /// Below the range of normal numbers, after rounding.
    pub(super) tiny: bool,
}

/// Whether a value is rounded away from zero: `fraction` is what is cut off, in units of 2⁻⁶⁴ of the last place.
#[inline(always)]
pub(super) const fn rounds_up(round: Round, negative: bool, odd: bool, fraction: u64) -> bool {
    match round {
        Round::Nearest => fraction > INTEGER || (fraction == INTEGER && odd),
        Round::Down => negative && fraction != 0,
        Round::Up => !negative && fraction != 0,
        Round::Zero => false,
    }
}

/// Shifts a 128-bit significand right; what falls out is kept as a sticky bit.
#[inline(always)]
pub(super) const fn shift_right_sticky(hi: u64, lo: u64, shift: u32) -> (u64, u64) {
    match shift {
        0 => (hi, lo),
        1..=63 => (hi >> shift, (hi << (64 - shift)) | (lo >> shift) | (lo << (64 - shift) != 0) as u64),
        64 => (0, hi | (lo != 0) as u64),
        65..=127 => (0, (hi >> (shift - 64)) | ((hi << (128 - shift)) | lo != 0) as u64),
        _ => (0, (hi | lo != 0) as u64),
    }
}

/// Rounds a significand to `width` bits: (significand, carry out of the top, inexact, rounded up).
#[inline(always)]
const fn round_bits(hi: u64, lo: u64, width: u32, round: Round, negative: bool) -> (u64, bool, bool, bool) {
    let drop = 64 - width;
    let (kept, fraction) = if drop == 0 {
        (hi, lo)
    } else {
        (hi >> drop << drop, (hi << (64 - drop)) | (lo >> drop) | (lo << (64 - drop) != 0) as u64)
    };
    let up = rounds_up(round, negative, kept >> drop & 1 != 0, fraction);
    let (mant, carry) = kept.overflowing_add((up as u64) << drop);
    (mant, carry, fraction != 0, up)
}

/// Rounds to a format (SDM vol. 1, 4.8.4, 4.9.1.4 to 4.9.1.6, 8.5.4 to 8.5.6). Tininess is detected after
/// rounding; a masked underflow is raised only if the result is also inexact.
pub(super) fn round(x: Unrounded, to: Target, round: Round, masks: Flags) -> Rounded {
    let negative = x.sign != 0;
    let (mant, carry, inexact, up) = round_bits(x.hi, x.lo, to.width, round, negative);
    let (mant, exp) = if carry { (INTEGER, x.exp + 1) } else { (mant, x.exp) };
    // As if the exponent had no bounds.
    let free = Rounded { exp, mant, flags: Flags::PRECISION.when(inexact), up, tiny: false };
    if exp > to.max {
        overflow(free, to, rounds_up(round, negative, true, INTEGER), masks)
    } else if exp >= to.min {
        free
    } else {
        underflow(x, free, to, round, masks)
    }
}

/// The response to a result above the range. Unmasked, PE tells of the rounding as if there were no bounds; masked,
/// the result given is always inexact.
#[cold]
fn overflow(free: Rounded, to: Target, to_infinity: bool, masks: Flags) -> Rounded {
    let infinity = Rounded { exp: to.max + 1, mant: INTEGER, up: true, ..free };
    if !masks.any(Flags::OVERFLOW) {
        let flags = free.flags | Flags::OVERFLOW;
        return match to.rebias {
            0 => Rounded { flags, ..infinity },
            rebias if free.exp - rebias <= to.max => Rounded { exp: free.exp - rebias, flags, ..free },
            // A massive one, beyond even the adjusted exponents.
            _ => Rounded { flags: flags | Flags::PRECISION, ..infinity },
        };
    }
    let flags = Flags::OVERFLOW | Flags::PRECISION;
    if to_infinity {
        Rounded { flags, ..infinity }
    } else {
        Rounded { exp: to.max, mant: u64::MAX << (64 - to.width), flags, up: false, tiny: false }
    }
}

/// The response to a result below the range of normal numbers; flags as in [`overflow`].
#[cold]
fn underflow(x: Unrounded, free: Rounded, to: Target, round: Round, masks: Flags) -> Rounded {
    let unmasked = !masks.any(Flags::UNDERFLOW);
    if unmasked && to.rebias != 0 {
        let flags = free.flags | Flags::UNDERFLOW;
        return if free.exp + to.rebias >= to.min {
            Rounded { exp: free.exp + to.rebias, flags, tiny: true, ..free }
        } else {
            // A massive one.
            Rounded { exp: to.min, mant: 0, flags: flags | Flags::PRECISION, up: false, tiny: true }
        };
    }
    // Not from the rounded significand: that would round twice.
    let (hi, lo) = shift_right_sticky(x.hi, x.lo, to.min.saturating_sub(x.exp) as u32);
    let (mant, _, inexact, up) = round_bits(hi, lo, to.width, round, x.sign != 0);
    let flags = if unmasked {
        free.flags | Flags::UNDERFLOW
    } else {
        (Flags::PRECISION | Flags::UNDERFLOW).when(inexact)
    };
    Rounded { exp: to.min, mant, flags, up, tiny: true }
}

/// Rounds to nearest a value that is in the range of normal numbers whatever its rounding: (significand, carry,
/// inexact, rounded up).
#[inline(always)]
pub(super) const fn round_nearest(hi: u64, lo: u64, width: u32) -> (u64, bool, bool, bool) {
    if width == 64 {
        let up = lo >> 63 != 0 && (lo << 1 != 0 || hi & 1 != 0);
        let (mant, carry) = hi.overflowing_add(up as u64);
        return (mant, carry, lo != 0, up);
    }
    let unit = 1 << (64 - width);
    let (kept, rest) = (hi & !(unit - 1), hi & (unit - 1));
    let up = rest > unit / 2 || (rest == unit / 2 && (lo != 0 || hi & unit != 0));
    let (mant, carry) = kept.overflowing_add(if up { unit } else { 0 });
    (mant, carry, rest | lo != 0, up)
}

/// Rounds to the 80-bit format, heeding precision control (SDM vol. 1, 8.1.5.2).
#[inline(always)]
pub(super) fn to_f80(x: Unrounded, control: Control) -> Outcome<F80> {
    if matches!(control.round, Round::Nearest) && x.exp.wrapping_sub(1) as u32 <= 0x7ffc {
        let (mant, carry, inexact, up) = match control.precision {
            Precision::Extended => round_nearest(x.hi, x.lo, 64),
            Precision::Double => round_nearest(x.hi, x.lo, 53),
            Precision::Single => round_nearest(x.hi, x.lo, 24),
        };
        let value = F80 { mant: mant | (carry as u64) << 63, se: x.sign | (x.exp + carry as i32) as u16 };
        return Outcome { value, flags: Flags::PRECISION.when(inexact), rounded_up: up };
    }
    to_f80_general(x, control)
}

/// [`to_f80`] for the other rounding modes, and for results out of range.
#[cold]
#[inline(never)]
fn to_f80_general(x: Unrounded, control: Control) -> Outcome<F80> {
    let target = match control.precision {
        Precision::Extended => EXTENDED,
        Precision::Double => EXTENDED_53,
        Precision::Single => EXTENDED_24,
    };
    let Rounded { exp, mant, flags, up, tiny: _ } = round(x, target, control.round, control.masks);
    let exp = if mant & INTEGER == 0 { 0 } else { exp as u16 };
    Outcome { value: F80 { mant, se: x.sign | exp }, flags, rounded_up: up }
}

/// Rounds to the 80-bit format with all 64 bits, for the instructions that do not heed precision control
/// (SDM vol. 1, 8.1.5.2).
pub(super) fn to_f80_extended(x: Unrounded, control: Control) -> Outcome<F80> {
    to_f80(x, Control { precision: Precision::Extended, ..control })
}
