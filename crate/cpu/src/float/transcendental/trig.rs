//! FSIN, FCOS, FSINCOS, FPTAN (SDM vol. 1, 8.3.7 and 8.3.8).

use super::super::arith::{denormal_check, invalid, nan_of_one, with_flags};
use super::super::f80::{BIAS, F80};
use super::super::kernel::mul_words;
use super::super::{Control, Flags, Outcome};
use super::wide::{ONE, Series, Wide, inverse_factorials};
use super::{Pair, finish};

/// π / 2, in units of 2⁻⁶⁵: π cut to 66 bits is 3.243F6A88 85A308D3 (hexadecimal).
const HALF_PI: u128 = 0x3_243f_6a88_85a3_08d3;

/// (π / 4)²ᵏ / (2k + 1)! is below 2⁻⁸¹ from k = 11 on; from k = 4 on 62 bits are 80 of the sum.
static SINE: Series<4, 7> = Series::new(&inverse_factorials::<11>(1, 2));
static COSINE: Series<4, 8> = Series::new(&inverse_factorials::<12>(0, 2));

/// Below 2⁻⁴⁰ the second term of a series is no more than a direction to round in.
const SMALL: i32 = -40;

/// An angle reduced: the operand is quadrant × π / 2 + rest, |rest| ≤ π / 4.
struct Reduced {
    quadrant: u8,
    rest: Wide,
}

/// What is left to do for an operand.
enum Operand {
    /// |a| ≥ 2⁶³: C2 is set and nothing else happens.
    OutOfRange,
    /// Plus or minus zero.
    Zero,
    /// A NaN, or invalid, or stopped by DE.
    Special(Outcome<F80>),
    /// An angle, and DE where it was denormal.
    Angle(Reduced, Flags),
}

fn classify(a: F80, control: Control) -> Operand {
    if let Some(nan) = nan_of_one(a) {
        return Operand::Special(nan);
    }
    if a.is_infinite() {
        return Operand::Special(invalid());
    }
    if a.is_zero() {
        return Operand::Zero;
    }
    if a.exponent() as i32 >= BIAS + 63 {
        return Operand::OutOfRange;
    }
    match denormal_check(a.is_denormal(), control) {
        Ok(flags) => Operand::Angle(reduce(a), flags),
        Err(stop) => Operand::Special(stop),
    }
}

/// Exact: the operand is an integer in units of 2⁻⁶⁵, or below 1/4 and needs nothing.
fn reduce(a: F80) -> Reduced {
    let number = a.number();
    let shift = number.exp - BIAS + 2;
    if shift < 0 {
        return Reduced { quadrant: 0, rest: number.into() };
    }
    let (quotient, rest) = quarters(number.mant, shift as u32);
    let quadrant = quotient as u8 & 3;
    // The rest is never zero: 66-bit π is odd in its last place, and no 64-bit significand is a multiple.
    let (quadrant, rest) = if rest > HALF_PI / 2 {
        (quadrant + 1, Wide::from_scaled(true, HALF_PI - rest, 65))
    } else {
        (quadrant, Wide::from_scaled(false, rest, 65))
    };
    if a.is_negative() {
        Reduced { quadrant: quadrant.wrapping_neg() & 3, rest: rest.negate() }
    } else {
        Reduced { quadrant: quadrant & 3, rest }
    }
}

/// Quotient and remainder of mant × 2^shift by π / 2.
fn quarters(mant: u64, shift: u32) -> (u64, u128) {
    let units = u128::from(mant) << (shift & 127);
    if shift > 32 {
        return ((units / HALF_PI) as u64, units % HALF_PI);
    }
    // Below 2³¹, so that the estimate is at most one off.
    let estimate = mant as f64 * (1u64 << shift) as f64 / HALF_PI as f64;
    let quotient = estimate as u64;
    let product = mul_words(quotient, HALF_PI as u64) + (u128::from(quotient * (HALF_PI >> 64) as u64) << 64);
    if product > units {
        (quotient - 1, units + HALF_PI - product)
    } else if units - product >= HALF_PI {
        (quotient + 1, units - product - HALF_PI)
    } else {
        (quotient, units - product)
    }
}

impl Reduced {
    fn sine_of_rest(&self) -> Wide {
        if self.rest.exp < SMALL {
            return self.rest.just_below();
        }
        let square = self.rest.mul(self.rest).to_fixed();
        self.rest.mul(Wide::from_fixed(SINE.at(square, true)))
    }

    fn cosine_of_rest(&self) -> Wide {
        if self.rest.exp < SMALL {
            return Wide::from_fixed(ONE).just_below();
        }
        let square = self.rest.mul(self.rest).to_fixed();
        Wide::from_fixed(COSINE.at(square, true))
    }

    fn sine(&self) -> Wide {
        match self.quadrant {
            0 => self.sine_of_rest(),
            1 => self.cosine_of_rest(),
            2 => self.sine_of_rest().negate(),
            _ => self.cosine_of_rest().negate(),
        }
    }

    fn cosine(&self) -> Wide {
        match self.quadrant {
            0 => self.cosine_of_rest(),
            1 => self.sine_of_rest().negate(),
            2 => self.cosine_of_rest().negate(),
            _ => self.sine_of_rest(),
        }
    }

    fn tangent(&self) -> Wide {
        if self.quadrant & 1 != 0 {
            return self.cosine_of_rest().div(self.sine_of_rest()).negate();
        }
        if self.rest.exp < SMALL {
            // Just above: the mark of being inexact is enough.
            return self.rest;
        }
        self.sine_of_rest().div(self.cosine_of_rest())
    }
}

/// FSIN. `None` where C2 is set because |a| ≥ 2⁶³ (SDM vol. 2, FSIN).
pub fn sin(a: F80, control: Control) -> Option<Outcome<F80>> {
    match classify(a, control) {
        Operand::OutOfRange => None,
        Operand::Zero => Some(Outcome::exact(a)),
        Operand::Special(outcome) => Some(outcome),
        Operand::Angle(angle, flags) => Some(with_flags(finish(angle.sine(), control), flags)),
    }
}

/// FCOS. `None` where C2 is set because |a| ≥ 2⁶³ (SDM vol. 2, FCOS).
pub fn cos(a: F80, control: Control) -> Option<Outcome<F80>> {
    match classify(a, control) {
        Operand::OutOfRange => None,
        Operand::Zero => Some(Outcome::exact(F80::ONE)),
        Operand::Special(outcome) => Some(outcome),
        Operand::Angle(angle, flags) => Some(with_flags(finish(angle.cosine(), control), flags)),
    }
}

/// A special result stands in both places.
fn twice(outcome: Outcome<F80>) -> Outcome<Pair> {
    let Outcome { value, flags, rounded_up } = outcome;
    Outcome { value: Pair { value, pushed: value }, flags, rounded_up }
}

/// FSINCOS: the sine replaces ST(0), the cosine is pushed; C1 is that of the sine. `None` where C2 is set because
/// |a| ≥ 2⁶³ (SDM vol. 2, FSINCOS).
pub fn sin_cos(a: F80, control: Control) -> Option<Outcome<Pair>> {
    match classify(a, control) {
        Operand::OutOfRange => None,
        Operand::Zero => Some(Outcome::exact(Pair { value: a, pushed: F80::ONE })),
        Operand::Special(outcome) => Some(twice(outcome)),
        Operand::Angle(angle, flags) => {
            let sine = finish(angle.sine(), control);
            let cosine = finish(angle.cosine(), control);
            Some(Outcome {
                value: Pair { value: sine.value, pushed: cosine.value },
                flags: sine.flags | cosine.flags | flags,
                rounded_up: sine.rounded_up,
            })
        }
    }
}

/// FPTAN: the tangent replaces ST(0), 1.0 is pushed. A NaN is pushed as well as left. `None` where C2 is set
/// because |a| ≥ 2⁶³ (SDM vol. 2, FPTAN).
pub fn tan(a: F80, control: Control) -> Option<Outcome<Pair>> {
    match classify(a, control) {
        Operand::OutOfRange => None,
        Operand::Zero => Some(Outcome::exact(Pair { value: a, pushed: F80::ONE })),
        Operand::Special(outcome) => Some(twice(outcome)),
        Operand::Angle(angle, flags) => {
            let Outcome { value, flags: raised, rounded_up } = finish(angle.tangent(), control);
            Some(Outcome { value: Pair { value, pushed: F80::ONE }, flags: raised | flags, rounded_up })
        }
    }
}
