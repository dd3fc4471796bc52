//! The x87 transcendental instructions (SDM vol. 1, 8.3.7 to 8.3.10).
//!
//! **The method.** The operand is reduced exactly to a small range; a series in 128-bit arithmetic ([`wide`])
//! gives the function to some 75 bits; that is rounded once, as RC says, to 64 bits whatever PC says. So results
//! are the exact ones rounded, but for one in a thousand or two, which is the exact one's other neighbour. The manual
//! asks for one unit in the last place.
//!
//! **π.** FSIN, FCOS, FSINCOS and FPTAN reduce their operand with π cut to 66 bits, as the processors do
//! (SDM vol. 1, 8.3.8); the reduction itself is exact. The sine of FLDPI's value is therefore -2⁻⁶⁴ and not the
//! sine of the number. FPATAN gives the arctangent with π in full.
//!
//! **Flags.** A result that is computed raises PE even where it happens to be exact (F2XM1 of 1, FYL2X of a power
//! of two), as silicon does. Operands beyond the range that the manual defines leave ST(0) as it is, with PE, where
//! the function makes no sense, and have the function's value otherwise.

mod atan;
mod exp_log;
mod trig;
mod wide;

pub use atan::atan2;
pub use exp_log::{exp2m1, log2, log2p1};
pub use trig::{cos, sin, sin_cos, tan};

use super::f80::{F80, INTEGER};
use super::rounding::{Unrounded, to_f80_extended};
use super::{Control, Flags, Outcome};
use wide::Wide;

/// The results of FPTAN and FSINCOS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// Replaces ST(0).
    pub value: F80,
    /// Is pushed then.
    pub pushed: F80,
}

/// Rounds a computed result.
fn finish(x: Wide, control: Control) -> Outcome<F80> {
    to_f80_extended(x.unrounded(), control)
}

/// Rounds a result that is exact, or may be, and reports it as inexact all the same.
fn finish_exact(x: Unrounded, control: Control) -> Outcome<F80> {
    let mut outcome = to_f80_extended(x, control);
    outcome.flags |= Flags::PRECISION | Flags::UNDERFLOW.when(outcome.value.mant & INTEGER == 0);
    outcome
}
