//! The double extended-precision format (SDM vol. 1, 4.2.2 and 8.2).

use super::Round;

/// Bit 63 of the significand: the integer bit, explicit in this format.
pub(super) const INTEGER: u64 = 1 << 63;
/// Bit 62 of the significand: set in quiet NaNs.
pub(super) const QUIET: u64 = 1 << 62;
/// Bit 15 of the sign and exponent word.
pub(super) const SIGN: u16 = 0x8000;
/// The exponent of infinities and NaNs.
pub(super) const EXP_MAX: u16 = 0x7fff;
/// The exponent of numbers in [1, 2).
pub(super) const BIAS: i32 = 16383;

/// An 80-bit value as it stands in a register or in memory. `==` compares bits, not numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct F80 {
    /// The significand, integer bit included.
    pub mant: u64,
    /// The sign in bit 15, the biased exponent below.
    pub se: u16,
}

/// What an encoding stands for (SDM vol. 1, tables 4-3 and 8-3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Plus or minus zero.
    Zero,
    /// Exponent 0, integer bit clear.
    Denormal,
    /// Exponent 0, integer bit set: never produced, read as a denormal operand with exponent 1.
    PseudoDenormal,
    /// A finite number with its integer bit set.
    Normal,
    /// Unnormal, pseudo-infinity or pseudo-NaN: an invalid operand.
    Unsupported,
    /// Plus or minus infinity.
    Infinity,
    /// A quiet NaN.
    QuietNan,
    /// A signaling NaN.
    SignalingNan,
}

impl Class {
    /// C3, C2 and C0 as FXAM reports them, at their places in the status word (SDM vol. 2, FXAM).
    /// C1 is the sign; an empty register is the caller's business.
    pub const fn examine(self) -> u16 {
        const C0: u16 = 1 << 8;
        const C2: u16 = 1 << 10;
        const C3: u16 = 1 << 14;
        match self {
            Class::Unsupported => 0,
            Class::QuietNan | Class::SignalingNan => C0,
            Class::Normal => C2,
            Class::Infinity => C2 | C0,
            Class::Zero => C3,
            Class::Denormal | Class::PseudoDenormal => C3 | C2,
        }
    }
}

/// The constants of the load-constant instructions (SDM vol. 1, 8.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constant {
    /// FLDZ.
    Zero,
    /// FLD1.
    One,
    /// FLDPI.
    Pi,
    /// FLDL2E: the binary logarithm of e.
    Log2E,
    /// FLDL2T: the binary logarithm of ten.
    Log2Ten,
    /// FLDLG2: the decimal logarithm of two.
    Lg2,
    /// FLDLN2: the natural logarithm of two.
    Ln2,
}

impl Constant {
    /// The value that is loaded. It is rounded as RC says, without raising PE (SDM vol. 1, 8.3.4).
    pub const fn value(self, round: Round) -> F80 {
        // The significand truncated, and whether its nearest neighbour is the next one up.
        let (se, mant, nearest_is_up) = match self {
            Constant::Zero => return F80::ZERO,
            Constant::One => return F80::ONE,
            Constant::Pi => (0x4000, 0xc90f_daa2_2168_c234, true),
            Constant::Log2E => (0x3fff, 0xb8aa_3b29_5c17_f0bb, true),
            Constant::Log2Ten => (0x4000, 0xd49a_784b_cd1b_8afe, false),
            Constant::Lg2 => (0x3ffd, 0x9a20_9a84_fbcf_f798, true),
            Constant::Ln2 => (0x3ffe, 0xb172_17f7_d1cf_79ab, true),
        };
        let up = match round {
            Round::Nearest => nearest_is_up,
            Round::Up => true,
            Round::Down | Round::Zero => false,
        };
        F80 { mant: mant + up as u64, se }
    }
}

impl F80 {
    /// Plus zero.
    pub const ZERO: F80 = F80 { mant: 0, se: 0 };
    /// One.
    pub const ONE: F80 = F80 { mant: INTEGER, se: BIAS as u16 };
    /// Plus infinity.
    pub const INFINITY: F80 = F80 { mant: INTEGER, se: EXP_MAX };
    /// The real indefinite: the quiet NaN of a masked invalid operation (SDM vol. 1, 4.2.2).
    pub const INDEFINITE: F80 = F80 { mant: INTEGER | QUIET, se: SIGN | EXP_MAX };

    /// The value in ten bytes of memory, little-endian (SDM vol. 1, 4.2.2).
    pub const fn from_bytes(bytes: [u8; 10]) -> F80 {
        let [a, b, c, d, e, f, g, h, i, j] = bytes;
        F80 { mant: u64::from_le_bytes([a, b, c, d, e, f, g, h]), se: u16::from_le_bytes([i, j]) }
    }

    /// The ten bytes in memory (SDM vol. 1, 4.2.2).
    pub const fn to_bytes(self) -> [u8; 10] {
        let [a, b, c, d, e, f, g, h] = self.mant.to_le_bytes();
        let [i, j] = self.se.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    /// Whether the sign bit is set (SDM vol. 1, 4.2.2).
    pub const fn is_negative(self) -> bool {
        self.se & SIGN != 0
    }

    /// FABS: the sign bit cleared, whatever the value; no exceptions (SDM vol. 1, 8.3.5).
    #[must_use]
    pub const fn abs(self) -> F80 {
        F80 { se: self.se & !SIGN, ..self }
    }

    /// FCHS: the sign bit turned over, whatever the value; no exceptions (SDM vol. 1, 8.3.5).
    #[must_use]
    pub const fn negate(self) -> F80 {
        F80 { se: self.se ^ SIGN, ..self }
    }

    /// What the encoding stands for (SDM vol. 1, table 8-3).
    pub const fn class(self) -> Class {
        let integer = self.mant & INTEGER != 0;
        match self.exponent() {
            0 if self.mant == 0 => Class::Zero,
            0 if integer => Class::PseudoDenormal,
            0 => Class::Denormal,
            _ if !integer => Class::Unsupported,
            EXP_MAX if self.mant == INTEGER => Class::Infinity,
            EXP_MAX if self.mant & QUIET != 0 => Class::QuietNan,
            EXP_MAX => Class::SignalingNan,
            _ => Class::Normal,
        }
    }

    /// Whether this is a NaN, quiet or signaling (SDM vol. 1, 4.8.3.4).
    pub const fn is_nan(self) -> bool {
        self.exponent() == EXP_MAX && self.mant > INTEGER
    }

    /// The biased exponent.
    pub(super) const fn exponent(self) -> u16 {
        self.se & EXP_MAX
    }

    /// The sign bit in place.
    pub(super) const fn sign(self) -> u16 {
        self.se & SIGN
    }

    /// Whether this is a normal finite number: the fast paths' condition.
    #[inline(always)]
    pub(super) const fn is_normal(self) -> bool {
        self.exponent().wrapping_sub(1) < EXP_MAX - 1 && self.mant & INTEGER != 0
    }

    /// Plus or minus zero.
    pub(super) const fn zero(sign: u16) -> F80 {
        F80 { mant: 0, se: sign }
    }

    /// Plus or minus infinity.
    pub(super) const fn infinity(sign: u16) -> F80 {
        F80 { mant: INTEGER, se: sign | EXP_MAX }
    }

    /// The quiet form of a NaN.
    pub(super) const fn quieted(self) -> F80 {
        F80 { mant: self.mant | QUIET, ..self }
    }

    /// Exponent and significand of a finite number other than zero, the significand's top bit set; the exponent
    /// of a denormal goes below 1.
    pub(super) const fn normalized(self) -> (i32, u64) {
        let shift = self.mant.leading_zeros();
        let exp = self.exponent() as i32;
        ((if exp == 0 { 1 } else { exp }) - shift as i32, self.mant << (shift & 63))
    }
}
