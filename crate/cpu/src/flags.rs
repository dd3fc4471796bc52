//! The status flags, kept lazily.
//!
//! Most instructions set six flags that nobody reads. Two words hold them: `res`, the result
//! sign-extended to 64 bits, from which ZF, SF and PF follow, and `aux`, in which an operation leaves its
//! carries. Computing `aux` is a few logic operations without a branch, and so is reading any condition:
//! nothing has to remember *which* operation it was.
//!
//! | bits of `aux` | meaning |
//! |---|---|
//! | 31 | CF: carry (borrow) out of the top bit |
//! | 30 | carry into the top bit; OF is this exclusive-or CF |
//! | 8 to 15 | exclusive-ored into the low byte of `res` for PF |
//! | 3 | AF: carry out of bit 3 |
//! | 0 | exclusive-ored into the sign for SF |
//!
//! Bits 0 and 8 to 15 are zero after arithmetic; they are there so that any combination of flags (POPF,
//! SAHF) has a representation.

use crate::insn::Width;
use crate::micro::FlagOp;
use x86::Cond;
use x86::eflags::{AF, CF, OF, PF, SF, ZF};

/// The lazy flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Flags {
    /// Last result, sign-extended.
    pub res: u64,
    /// Carries; see the module documentation.
    pub aux: u32,
}

#[inline(always)]
const fn aux_of_carries(w: Width, carries: u64) -> u32 {
    ((carries >> (w.bits() - 2)) as u32) << 30 | carries as u32 & 8
}

impl Flags {
    /// The flags after an operation of width `w` on zero-extended operands (SDM vol. 1, appendix A).
    #[inline(always)]
    #[must_use]
    pub const fn after(self, op: FlagOp, w: Width, a: u64, b: u64, r: u64) -> Self {
        let res = w.sign_extend(r);
        let aux = match op {
            FlagOp::Add => aux_of_carries(w, a & b | (a | b) & !r),
            FlagOp::Sub => aux_of_carries(w, !a & b | !(a ^ b) & r),
            FlagOp::Logic => 0,
            FlagOp::Explicit => (a as u32) << 31 | ((a ^ b) as u32 & 1) << 30,
            // Only bit 30 and 31 of the carries are needed: OF, with CF put back as it was.
            FlagOp::Inc => self.keep_carry(aux_of_carries(w, a & !r | 1 & a)),
            FlagOp::Dec => self.keep_carry(aux_of_carries(w, !a & r | !a & 1)),
        };
        Self { res, aux }
    }

    /// `aux` with CF replaced by the present one, OF unchanged.
    #[inline(always)]
    const fn keep_carry(self, aux: u32) -> u32 {
        let flip = (aux ^ self.aux) & 1 << 31;
        aux ^ (flip | flip >> 1)
    }

    /// All six flags, laid out as EFLAGS.
    #[inline]
    #[must_use]
    pub const fn status(self) -> u32 {
        let cf = self.aux >> 31;
        let of = (self.aux ^ self.aux << 1) >> 31;
        let zf = (self.res == 0) as u32;
        let sf = (self.res >> 63) as u32 ^ self.aux & 1;
        let pf = ((self.res as u8 ^ (self.aux >> 8) as u8).count_ones() & 1) ^ 1;
        cf | pf << 2 | (self.aux & 8) << 1 | zf << 6 | sf << 7 | of << 11
    }

    /// The representation of these flags (other bits of `eflags` are ignored).
    #[inline]
    #[must_use]
    pub const fn of_status(eflags: u32) -> Self {
        let cf = (eflags & CF != 0) as u32;
        let of = (eflags & OF != 0) as u32;
        // A result that is zero, or not, with an even low byte; sign and parity are then flipped to fit.
        let res = if eflags & ZF != 0 { 0 } else { 0x100 };
        let aux = cf << 31
            | (cf ^ of) << 30
            | ((eflags & PF == 0) as u32) << 8
            | (eflags & AF) >> 1
            | (eflags & SF != 0) as u32;
        Self { res, aux }
    }

    /// These flags with those of `mask` taken from `eflags`.
    #[inline]
    #[must_use]
    pub const fn with(self, mask: u32, eflags: u32) -> Self {
        if mask & !(CF | OF) == 0 {
            // Carry and overflow alone (rotates, BT, STC): keep the rest lazy.
            let now = (self.aux >> 31) | ((self.aux ^ self.aux << 1) >> 31) << 11;
            let new = now & !mask | eflags & mask;
            let (cf, of) = (new & 1, new >> 11 & 1);
            return Self { res: self.res, aux: self.aux & !(3 << 30) | cf << 31 | (cf ^ of) << 30 };
        }
        Self::of_status(self.status() & !mask | eflags & mask)
    }

    /// Whether a condition holds.
    #[inline(always)]
    #[must_use]
    pub const fn holds(self, cc: Cond) -> bool {
        let Self { res, aux } = self;
        let sign = (res >> 32) as u32 ^ aux << 31;
        let overflow = aux ^ aux << 1;
        match cc {
            Cond::O => overflow >> 31 != 0,
            Cond::No => overflow >> 31 == 0,
            Cond::B => aux >> 31 != 0,
            Cond::Ae => aux >> 31 == 0,
            Cond::E => res == 0,
            Cond::Ne => res != 0,
            Cond::Be => aux >> 31 != 0 || res == 0,
            Cond::A => aux >> 31 == 0 && res != 0,
            Cond::S => sign >> 31 != 0,
            Cond::Ns => sign >> 31 == 0,
            Cond::P => self.status() & PF != 0,
            Cond::Np => self.status() & PF == 0,
            Cond::L => (sign ^ overflow) >> 31 != 0,
            Cond::Ge => (sign ^ overflow) >> 31 == 0,
            Cond::Le => (sign ^ overflow) >> 31 != 0 || res == 0,
            Cond::G => (sign ^ overflow) >> 31 == 0 && res != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_a_representation() {
        for bits in 0..64u32 {
            let e = bits & 1
                | (bits & 2) << 1
                | (bits & 4) << 2
                | (bits & 8) << 3
                | (bits & 16) << 3
                | (bits & 32) << 6;
            assert_eq!(Flags::of_status(e).status(), e);
            for carry in [0, CF] {
                assert_eq!(Flags::of_status(e).with(CF, carry).status(), e & !CF | carry);
            }
        }
    }

    #[test]
    fn arithmetic_matches_the_definition() {
        let values = [0u64, 1, 2, 7, 8, 0xF, 0x10, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF];
        for a in values {
            for b in values {
                for carry in [0, 1] {
                    let sum = (a + b + carry) & 0xFF;
                    let f = Flags::default().after(FlagOp::Add, Width::W8, a, b, sum).status();
                    assert_eq!(f & CF != 0, a + b + carry > 0xFF, "{a} + {b} + {carry}");
                    assert_eq!(f & AF != 0, (a & 15) + (b & 15) + carry > 15);
                    let signed = i64::from(a as i8) + i64::from(b as i8) + carry as i64;
                    assert_eq!(f & OF != 0, !(-128..=127).contains(&signed));
                    let diff = a.wrapping_sub(b).wrapping_sub(carry) & 0xFF;
                    let f = Flags::default().after(FlagOp::Sub, Width::W8, a, b, diff).status();
                    assert_eq!(f & CF != 0, a < b + carry, "{a} - {b} - {carry}");
                    assert_eq!(f & AF != 0, (a & 15) < (b & 15) + carry);
                    let signed = i64::from(a as i8) - i64::from(b as i8) - carry as i64;
                    assert_eq!(f & OF != 0, !(-128..=127).contains(&signed));
                }
            }
            for start in [0, CF] {
                let before = Flags::of_status(start);
                let r = (a + 1) & 0xFF;
                let f = before.after(FlagOp::Inc, Width::W8, a, 1, r).status();
                assert_eq!(f & CF, start);
                assert_eq!(f & OF != 0, a == 0x7F);
                assert_eq!(f & AF != 0, a & 15 == 15);
                let r = a.wrapping_sub(1) & 0xFF;
                let f = before.after(FlagOp::Dec, Width::W8, a, 1, r).status();
                assert_eq!(f & CF, start);
                assert_eq!(f & OF != 0, a == 0x80);
                assert_eq!(f & AF != 0, a & 15 == 0);
            }
        }
    }
}
