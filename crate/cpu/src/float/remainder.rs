//! FPREM and FPREM1 (SDM vol. 1, 8.3.5).
//!
//! The remainder is exact, and found by one division of 128 bits by 64: of a significand of 64 bits, and less than
//! the divisor, shifted left by less than 64 places. Where the exponents differ by 64 or more, the instruction
//! reduces the dividend by between 32 and 63 powers of two and says so in C2; software loops.

use super::arith::{denormal_check, invalid, nan_of_two, rounded_extended, with_flags};
use super::f80::{F80, SIGN};
use super::kernel::{Number, divide};
use super::{Control, Flags, Outcome};

/// What a partial remainder gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remainder {
    /// The remainder, or the dividend reduced.
    pub value: F80,
    /// The exceptions raised.
    pub flags: Flags,
    /// The low three bits of the quotient's magnitude: zero unless the reduction is complete.
    pub quotient: u8,
    /// C2: the reduction is incomplete.
    pub partial: bool,
}

impl Remainder {
    /// C3, C2, C1 and C0 at their places in the status word: C0, C3 and C1 are the quotient's bits 2, 1 and 0
    /// (SDM vol. 2, FPREM).
    pub const fn condition_codes(&self) -> u16 {
        let q = self.quotient as u16;
        (q >> 2 & 1) << 8 | (q & 1) << 9 | (self.partial as u16) << 10 | (q >> 1 & 1) << 14
    }

    /// Whether ST(0) is written; see [`Outcome::stores_register`].
    pub fn stores_register(&self, control: Control) -> bool {
        Outcome::raising((), self.flags).stores_register(control)
    }
}

impl From<Outcome<F80>> for Remainder {
    fn from(Outcome { value, flags, rounded_up: _ }: Outcome<F80>) -> Remainder {
        Remainder { value, flags, quotient: 0, partial: false }
    }
}

/// FPREM: a - b × q with q truncated (SDM vol. 2, FPREM).
pub fn rem_trunc(a: F80, b: F80, control: Control) -> Remainder {
    remainder(a, b, false, control)
}

/// FPREM1: a - b × q with q rounded to nearest, as IEEE 754 has it (SDM vol. 2, FPREM1).
pub fn rem_nearest(a: F80, b: F80, control: Control) -> Remainder {
    remainder(a, b, true, control)
}

fn remainder(a: F80, b: F80, nearest: bool, control: Control) -> Remainder {
    if let Some(nan) = nan_of_two(a, b) {
        return nan.into();
    }
    if a.is_infinite() || b.is_zero() {
        return invalid().into();
    }
    let denormal = match denormal_check(a.is_denormal() || b.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop.into(),
    };
    if a.is_zero() {
        return with_flags(Outcome::exact(a), denormal).into();
    }
    let x = a.number();
    if b.is_infinite() {
        return with_flags(rounded_extended(x, control), denormal).into();
    }
    let y = b.number();
    let distance = x.exp - y.exp;
    let partial = distance >= 64;
    let (rest, quotient) = if distance < 0 {
        let kept = (Some(x), 0);
        if nearest && distance == -1 { nearest_below(x, y) } else { kept }
    } else {
        // An incomplete reduction takes off a multiple of 32 powers of two and the odd ones.
        let steps = if partial { distance & 31 | 32 } else { distance };
        reduce(x, y, steps as u32, distance - steps, nearest && !partial)
    };
    let outcome = match rest {
        Some(rest) => rounded_extended(rest, control),
        None => Outcome::exact(F80::zero(a.sign())),
    };
    let outcome = with_flags(outcome, denormal);
    Remainder { partial, quotient: if partial { 0 } else { quotient }, ..outcome.into() }
}

/// The remainder of x by y × 2^scale, where x is `steps` exponents above; `None` for zero. Also the quotient.
fn reduce(x: Number, y: Number, steps: u32, scale: i32, nearest: bool) -> (Option<Number>, u8) {
    // Both significands at y's exponent; the quotient's first bit apart, so that the rest is less than y.
    let first = x.mant >= y.mant;
    let rest = if first { x.mant - y.mant } else { x.mant };
    let (high, low) = if steps == 0 { (0, rest) } else { (rest >> (64 - steps), rest << steps) };
    let (quotient, rest) = divide(high, low, y.mant);
    let quotient = (if steps < 8 { (first as u64) << steps } else { 0 }).wrapping_add(quotient);
    let (rest, quotient, flip) = if nearest && rounds_away(rest, y.mant, quotient) {
        (y.mant - rest, quotient.wrapping_add(1), SIGN)
    } else {
        (rest, quotient, 0)
    };
    (normalize(x.sign ^ flip, y.exp + scale, rest), quotient as u8 & 7)
}

/// Whether rest / divisor is above one half, or at one half with an odd quotient.
fn rounds_away(rest: u64, divisor: u64, quotient: u64) -> bool {
    let other = divisor - rest;
    rest > other || (rest == other && quotient & 1 != 0)
}

/// FPREM1 of a dividend with its exponent just below the divisor's: the quotient is 0 or 1.
fn nearest_below(x: Number, y: Number) -> (Option<Number>, u8) {
    if x.mant <= y.mant {
        return (Some(x), 0);
    }
    // 2y - x in units of x's last place; between 0 and x.
    let rest = y.mant.wrapping_sub(x.mant).wrapping_add(y.mant);
    (normalize(x.sign ^ SIGN, x.exp, rest), 1)
}

fn normalize(sign: u16, exp: i32, mant: u64) -> Option<Number> {
    if mant == 0 {
        return None;
    }
    let shift = mant.leading_zeros();
    Some(Number { sign, exp: exp - shift as i32, mant: mant << shift })
}
