//! RCP and RSQRT: our own estimates, the same on every host.
//!
//! The manual allows a relative error of 1.5 × 2⁻¹² and leaves the rest to the maker. Ours: the operand is cut to
//! 11 bits of fraction and taken at the middle of its interval, an error of at most 2⁻¹²; the estimate is
//! computed with correctly rounded operations and cut to 14 bits of fraction, another 2⁻¹⁴ at most. MXCSR has no
//! influence, and no exception is raised (SDM vol. 2, RCPSS and RSQRTSS).

use super::Ieee;

/// The middle of the operand's interval.
fn middle(a: u32) -> f64 {
    f64::from(f32::from_bits((a & !0xfff) | 0x800))
}

/// The estimate, cut to 14 bits of fraction. It is normal.
fn cut(estimate: f64) -> u32 {
    ((estimate as f32).to_bits() + 0x100) & !0x1ff
}

/// RCPSS and an element of RCPPS: about 1 / a. A denormal counts as zero; a tiny result is zero
/// (SDM vol. 2, RCPSS).
pub fn rcp(a: u32) -> u32 {
    if a.is_nan() {
        return a.quieted();
    }
    match a.field() {
        0 => u32::infinity(a.is_negative()),
        // From 2¹²⁶ on, and infinity.
        253.. => u32::zero(a.is_negative()),
        _ => cut(1.0 / middle(a)),
    }
}

/// RSQRTSS and an element of RSQRTPS: about 1 / √a. A denormal counts as zero; negative numbers give the default
/// NaN (SDM vol. 2, RSQRTSS).
pub fn rsqrt(a: u32) -> u32 {
    if a.is_nan() {
        return a.quieted();
    }
    match a.field() {
        0 => u32::infinity(a.is_negative()),
        _ if a.is_negative() => u32::indefinite(),
        u32::FIELD_MAX => 0,
        _ => cut(1.0 / middle(a).sqrt()),
    }
}
