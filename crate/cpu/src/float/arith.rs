//! x87 basic arithmetic and comparison (SDM vol. 1, 8.3.5 and 8.3.6).

use super::f80::{Class, F80, SIGN};
use super::kernel::{self, Number};
use super::rounding::{to_f80, to_f80_extended};
use super::{Control, Flags, Outcome, Round};

impl F80 {
    /// A number's parts, where the exponent field can be taken as it is.
    #[inline(always)]
    pub(super) const fn normal_number(self) -> Number {
        Number { sign: self.sign(), exp: self.exponent() as i32, mant: self.mant }
    }

    /// The parts of any finite number other than zero.
    pub(super) const fn number(self) -> Number {
        let (exp, mant) = self.normalized();
        Number { sign: self.sign(), exp, mant }
    }

    pub(super) const fn is_unsupported(self) -> bool {
        matches!(self.class(), Class::Unsupported)
    }

    pub(super) const fn is_signaling(self) -> bool {
        matches!(self.class(), Class::SignalingNan)
    }

    pub(super) const fn is_infinite(self) -> bool {
        matches!(self.class(), Class::Infinity)
    }

    pub(super) const fn is_zero(self) -> bool {
        self.exponent() == 0 && self.mant == 0
    }

    /// Whether this raises DE as an operand.
    pub(super) const fn is_denormal(self) -> bool {
        self.exponent() == 0 && self.mant != 0
    }
}

/// The masked response to an invalid operation.
pub(super) const fn invalid() -> Outcome<F80> {
    Outcome::raising(F80::INDEFINITE, Flags::INVALID)
}

/// The result if an operand is a NaN or unsupported (SDM vol. 1, table 4-7): the quiet one before the
/// signaling one, then the larger significand, then the positive one; always made quiet. (A quiet NaN's
/// significand is always the larger.)
pub(super) fn nan_of_two(a: F80, b: F80) -> Option<Outcome<F80>> {
    if a.is_unsupported() || b.is_unsupported() {
        return Some(invalid());
    }
    let chosen = match (a.is_nan(), b.is_nan()) {
        (false, false) => return None,
        (true, false) => a,
        (false, true) => b,
        (true, true) => pick_nan(a, b),
    };
    let flags = Flags::INVALID.when(a.is_signaling() || b.is_signaling());
    Some(Outcome::raising(chosen.quieted(), flags))
}

fn pick_nan(a: F80, b: F80) -> F80 {
    if a.mant > b.mant || (a.mant == b.mant && a.se < b.se) { a } else { b }
}

/// The same for one operand.
pub(super) fn nan_of_one(a: F80) -> Option<Outcome<F80>> {
    match a.class() {
        Class::Unsupported => Some(invalid()),
        Class::SignalingNan => Some(Outcome::raising(a.quieted(), Flags::INVALID)),
        Class::QuietNan => Some(Outcome::exact(a)),
        _ => None,
    }
}

/// DE if an operand is denormal, as an error if that stops the operation. The value with it is not stored.
pub(super) fn denormal_check(any_denormal: bool, control: Control) -> Result<Flags, Outcome<F80>> {
    let flags = Flags::DENORMAL.when(any_denormal);
    if control.unmasks(flags) { Err(Outcome::raising(F80::INDEFINITE, flags)) } else { Ok(flags) }
}

/// Adds flags raised before the computation.
pub(super) fn with_flags<T>(outcome: Outcome<T>, flags: Flags) -> Outcome<T> {
    Outcome { flags: outcome.flags | flags, ..outcome }
}

/// FADD, FADDP, FIADD: a + b (SDM vol. 2, FADD).
pub fn add(a: F80, b: F80, control: Control) -> Outcome<F80> {
    sum(a, b, 0, control)
}

/// FSUB and, with the operands exchanged, FSUBR: a - b (SDM vol. 2, FSUB).
pub fn sub(a: F80, b: F80, control: Control) -> Outcome<F80> {
    sum(a, b, SIGN, control)
}

#[inline(always)]
fn sum(a: F80, b: F80, flip: u16, control: Control) -> Outcome<F80> {
    if a.is_normal() && b.is_normal() {
        let (x, mut y) = (a.normal_number(), b.normal_number());
        y.sign ^= flip;
        return match kernel::add(x, y) {
            Some(sum) => to_f80(sum, control),
            None => Outcome::exact(cancelled(control.round)),
        };
    }
    sum_special(a, b, flip, control)
}

/// The zero that a sum of opposites is (SDM vol. 1, 4.8.3.1).
const fn cancelled(round: Round) -> F80 {
    F80::zero(if matches!(round, Round::Down) { SIGN } else { 0 })
}

#[cold]
fn sum_special(a: F80, b: F80, flip: u16, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(a, b) {
        return nan;
    }
    let b = F80 { se: b.se ^ flip, ..b };
    if a.is_infinite() && b.is_infinite() && a.sign() != b.sign() {
        return invalid();
    }
    let flags = match denormal_check(a.is_denormal() || b.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let outcome = if a.is_infinite() {
        Outcome::exact(a)
    } else if b.is_infinite() {
        Outcome::exact(b)
    } else {
        match (a.is_zero(), b.is_zero()) {
            (true, true) if a.sign() == b.sign() => Outcome::exact(a),
            (true, true) => Outcome::exact(cancelled(control.round)),
            (true, false) => to_f80(b.number().into(), control),
            (false, true) => to_f80(a.number().into(), control),
            (false, false) => match kernel::add(a.number(), b.number()) {
                Some(sum) => to_f80(sum, control),
                None => Outcome::exact(cancelled(control.round)),
            },
        }
    };
    with_flags(outcome, flags)
}

/// FMUL, FMULP, FIMUL: a × b (SDM vol. 2, FMUL).
pub fn mul(a: F80, b: F80, control: Control) -> Outcome<F80> {
    if a.is_normal() && b.is_normal() {
        return to_f80(kernel::mul(a.normal_number(), b.normal_number()), control);
    }
    mul_special(a, b, control)
}

#[cold]
fn mul_special(a: F80, b: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(a, b) {
        return nan;
    }
    if (a.is_infinite() && b.is_zero()) || (a.is_zero() && b.is_infinite()) {
        return invalid();
    }
    let flags = match denormal_check(a.is_denormal() || b.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let sign = a.sign() ^ b.sign();
    let outcome = if a.is_infinite() || b.is_infinite() {
        Outcome::exact(F80::infinity(sign))
    } else if a.is_zero() || b.is_zero() {
        Outcome::exact(F80::zero(sign))
    } else {
        to_f80(kernel::mul(a.number(), b.number()), control)
    };
    with_flags(outcome, flags)
}

/// FDIV and, with the operands exchanged, FDIVR: a ÷ b (SDM vol. 2, FDIV).
pub fn div(a: F80, b: F80, control: Control) -> Outcome<F80> {
    if a.is_normal() && b.is_normal() {
        return to_f80(kernel::div(a.normal_number(), b.normal_number()), control);
    }
    div_special(a, b, control)
}

#[cold]
fn div_special(a: F80, b: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_two(a, b) {
        return nan;
    }
    if (a.is_infinite() && b.is_infinite()) || (a.is_zero() && b.is_zero()) {
        return invalid();
    }
    let sign = a.sign() ^ b.sign();
    if b.is_zero() && !a.is_infinite() {
        return Outcome::raising(F80::infinity(sign), Flags::ZERO_DIVIDE);
    }
    let flags = match denormal_check(a.is_denormal() || b.is_denormal(), control) {
        Ok(flags) => flags,
        Err(stop) => return stop,
    };
    let outcome = if a.is_infinite() {
        Outcome::exact(F80::infinity(sign))
    } else if a.is_zero() || b.is_infinite() {
        Outcome::exact(F80::zero(sign))
    } else {
        to_f80(kernel::div(a.number(), b.number()), control)
    };
    with_flags(outcome, flags)
}

/// FSQRT (SDM vol. 2, FSQRT).
pub fn sqrt(a: F80, control: Control) -> Outcome<F80> {
    if a.is_normal() && !a.is_negative() {
        return to_f80(kernel::sqrt(a.normal_number()), control);
    }
    sqrt_special(a, control)
}

#[cold]
fn sqrt_special(a: F80, control: Control) -> Outcome<F80> {
    if let Some(nan) = nan_of_one(a) {
        return nan;
    }
    if a.is_zero() {
        return Outcome::exact(a);
    }
    if a.is_negative() {
        return invalid();
    }
    if a.is_infinite() {
        return Outcome::exact(a);
    }
    match denormal_check(a.is_denormal(), control) {
        Ok(flags) => with_flags(to_f80(kernel::sqrt(a.number()), control), flags),
        Err(stop) => stop,
    }
}

/// What a comparison finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// a < b
    Less,
    /// a = b
    Equal,
    /// a > b
    Greater,
    /// One of them is a NaN, or unsupported.
    Unordered,
}

impl Relation {
    /// C3, C2 and C0 at their places in the status word (SDM vol. 1, table 8-6).
    pub const fn condition_codes(self) -> u16 {
        const C0: u16 = 1 << 8;
        const C2: u16 = 1 << 10;
        const C3: u16 = 1 << 14;
        match self {
            Relation::Greater => 0,
            Relation::Less => C0,
            Relation::Equal => C3,
            Relation::Unordered => C3 | C2 | C0,
        }
    }

    /// ZF, PF and CF at their places in EFLAGS, for FCOMI and its kin and for COMISD and its kin
    /// (SDM vol. 1, table 8-7).
    pub const fn eflags(self) -> u32 {
        const CF: u32 = 1;
        const PF: u32 = 1 << 2;
        const ZF: u32 = 1 << 6;
        match self {
            Relation::Greater => 0,
            Relation::Less => CF,
            Relation::Equal => ZF,
            Relation::Unordered => ZF | PF | CF,
        }
    }
}

/// FCOM, FCOMI, FTST (with zero) and, with `quiet`, FUCOM and FUCOMI, which raise IE for signaling NaNs and
/// unsupported operands only (SDM vol. 1, 8.3.6).
pub fn compare(a: F80, b: F80, quiet: bool) -> (Relation, Flags) {
    if a.is_unsupported() || b.is_unsupported() {
        return (Relation::Unordered, Flags::INVALID);
    }
    if a.is_nan() || b.is_nan() {
        let invalid = !quiet || a.is_signaling() || b.is_signaling();
        return (Relation::Unordered, Flags::INVALID.when(invalid));
    }
    let flags = Flags::DENORMAL.when(a.is_denormal() || b.is_denormal());
    let relation = if a.is_zero() && b.is_zero() {
        Relation::Equal
    } else if a.sign() != b.sign() {
        if a.is_negative() { Relation::Less } else { Relation::Greater }
    } else {
        // A pseudo-denormal counts as having exponent 1.
        let key = |x: F80| (x.exponent().max((x.mant >> 63) as u16), x.mant);
        match key(a).cmp(&key(b)) {
            core::cmp::Ordering::Equal => Relation::Equal,
            core::cmp::Ordering::Less if a.is_negative() => Relation::Greater,
            core::cmp::Ordering::Less => Relation::Less,
            core::cmp::Ordering::Greater if a.is_negative() => Relation::Less,
            core::cmp::Ordering::Greater => Relation::Greater,
        }
    };
    (relation, flags)
}

/// Rounds an exact significand to 64 bits: for results that can only be out of range, not inexact.
pub(super) fn rounded_extended(number: Number, control: Control) -> Outcome<F80> {
    to_f80_extended(number.into(), control)
}
