//! SSE comparison, minimum and maximum (SDM vol. 1, 4.8.3.4, 10.4.1.5, 11.4.1.3).

use super::super::Relation;
use super::{Flags, Ieee, Mxcsr, flushed};

/// The predicates of the SSE compare instructions (SDM vol. 2, CMPPD). The others of AVX do not exist here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Predicate {
    /// Equal, quiet.
    Equal = 0,
    /// Less than, signaling.
    Less = 1,
    /// Less than or equal, signaling.
    LessOrEqual = 2,
    /// Unordered, quiet.
    Unordered = 3,
    /// Not equal or unordered, quiet.
    NotEqual = 4,
    /// Not less than, or unordered; signaling.
    NotLess = 5,
    /// Not less than or equal, or unordered; signaling.
    NotLessOrEqual = 6,
    /// Ordered, quiet.
    Ordered = 7,
}

impl Predicate {
    /// From the immediate byte; bits 3 to 7 are reserved and ignored (SDM vol. 2, CMPPD).
    pub const fn from_immediate(immediate: u8) -> Predicate {
        match immediate & 7 {
            0 => Predicate::Equal,
            1 => Predicate::Less,
            2 => Predicate::LessOrEqual,
            3 => Predicate::Unordered,
            4 => Predicate::NotEqual,
            5 => Predicate::NotLess,
            6 => Predicate::NotLessOrEqual,
            _ => Predicate::Ordered,
        }
    }

    const fn is_signaling(self) -> bool {
        matches!(
            self,
            Predicate::Less | Predicate::LessOrEqual | Predicate::NotLess | Predicate::NotLessOrEqual
        )
    }

    const fn holds(self, relation: Relation) -> bool {
        use Relation::{Equal, Less, Unordered};
        match self {
            Predicate::Equal => matches!(relation, Equal),
            Predicate::Less => matches!(relation, Less),
            Predicate::LessOrEqual => matches!(relation, Less | Equal),
            Predicate::Unordered => matches!(relation, Unordered),
            Predicate::NotEqual => !matches!(relation, Equal),
            Predicate::NotLess => !matches!(relation, Less),
            Predicate::NotLessOrEqual => !matches!(relation, Less | Equal),
            Predicate::Ordered => !matches!(relation, Unordered),
        }
    }
}

#[inline(always)]
fn relate<T: Ieee>(a: T, b: T, signaling: bool, env: Mxcsr) -> (Relation, Flags) {
    let (a, b) = (flushed(a, env), flushed(b, env));
    if a.is_nan() || b.is_nan() {
        let invalid = signaling || a.is_signaling() || b.is_signaling();
        return (Relation::Unordered, Flags::INVALID.when(invalid));
    }
    let relation = if a.native_equal(b) {
        Relation::Equal
    } else if a.native_less(b) {
        Relation::Less
    } else {
        Relation::Greater
    };
    (relation, Flags::DENORMAL.when(a.is_denormal() || b.is_denormal()))
}

/// CMPSS, CMPSD and an element of CMPPS, CMPPD: whether the predicate holds, that is whether the element becomes
/// all ones (SDM vol. 2, CMPPD).
#[inline]
pub fn compare<T: Ieee>(a: T, b: T, predicate: Predicate, env: Mxcsr) -> (bool, Flags) {
    let (relation, flags) = relate(a, b, predicate.is_signaling(), env);
    (predicate.holds(relation), flags)
}

/// COMISS and COMISD: any NaN is invalid (SDM vol. 2, COMISD). For the flags see [`Relation::eflags`].
#[inline]
pub fn comi<T: Ieee>(a: T, b: T, env: Mxcsr) -> (Relation, Flags) {
    relate(a, b, true, env)
}

/// UCOMISS and UCOMISD: only a signaling NaN is invalid (SDM vol. 2, UCOMISD).
#[inline]
pub fn ucomi<T: Ieee>(a: T, b: T, env: Mxcsr) -> (Relation, Flags) {
    relate(a, b, false, env)
}

/// MINSS, MINSD and an element of MINPS, MINPD: the second operand if either is a NaN (which is invalid, quiet
/// or not) or both are zeros (SDM vol. 2, MINSD).
#[inline]
pub fn min<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    let (relation, flags) = relate(a, b, true, env);
    (flushed(if relation == Relation::Less { a } else { b }, env), flags)
}

/// MAXSS, MAXSD and an element of MAXPS, MAXPD; see [`min`] (SDM vol. 2, MAXSD).
#[inline]
pub fn max<T: Ieee>(a: T, b: T, env: Mxcsr) -> (T, Flags) {
    let (relation, flags) = relate(a, b, true, env);
    (flushed(if relation == Relation::Greater { a } else { b }, env), flags)
}
