//! What the MMX and SSE rows of the table take as static parameters.
//!
//! Elements of a vector are numbered from the low end. MMX instructions use the low half of a vector; where
//! a 64-bit form differs from the low half of the 128-bit one, semantics arrange the halves.

use crate::insn::Width;

/// Packed integer operations on two vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(
    missing_docs,
    reason = "named by operation and element: B 8, W 16, D 32, Q 64 bits; S and U saturate"
)]
pub enum VecOp {
    AddB,
    AddW,
    AddD,
    AddQ,
    AddSB,
    AddSW,
    AddUB,
    AddUW,
    SubB,
    SubW,
    SubD,
    SubQ,
    SubSB,
    SubSW,
    SubUB,
    SubUW,
    /// Low halves of the products.
    MulLowW,
    /// High halves of the signed products.
    MulHighW,
    /// High halves of the unsigned products.
    MulHighUW,
    /// Unsigned products of the even doublewords.
    MulUD,
    /// Sums of two neighbouring signed products.
    MulAddW,
    /// Averages, rounded up.
    AvgB,
    AvgW,
    MinUB,
    MaxUB,
    MinSW,
    MaxSW,
    /// Sum of absolute differences of each eight bytes.
    SadB,
    And,
    /// !a & b.
    AndNot,
    Or,
    Xor,
    EqB,
    EqW,
    EqD,
    GtB,
    GtW,
    GtD,
    /// Shifts of each element by the low 64 bits of `b`.
    ShlW,
    ShlD,
    ShlQ,
    ShrW,
    ShrD,
    ShrQ,
    SarW,
    SarD,
    /// Shifts of the whole vector by bytes.
    ShlBytes,
    ShrBytes,
    /// Narrow with saturation: `a` to the low half, `b` to the high half.
    PackSWB,
    PackSDW,
    PackUWB,
    /// Interleave the low halves, `a` first.
    UnpackLowB,
    UnpackLowW,
    UnpackLowD,
    UnpackLowQ,
    /// Interleave the high halves, `a` first.
    UnpackHighB,
    UnpackHighW,
    UnpackHighD,
    UnpackHighQ,
    /// Bytes of `a` chosen by the low four bits of those of `b`; zero where bit 7 is set.
    ShuffleB,
    /// Sums and differences of neighbours: of `a` to the low half, of `b` to the high half.
    HAddW,
    HAddD,
    HAddSW,
    HSubW,
    HSubD,
    HSubSW,
    /// Sums, saturated, of two neighbouring products of unsigned bytes of `a` and signed ones of `b`.
    MulAddUB,
    /// High halves of twice the signed products, rounded.
    MulHighRoundW,
    /// `a`, its sign changed where `b` is negative; zero where `b` is.
    SignB,
    SignW,
    SignD,
    /// Absolute values of `b`.
    AbsB,
    AbsW,
    AbsD,
    MulLowD,
    /// Signed products of the even doublewords.
    MulD,
    MinSB,
    MaxSB,
    MinUW,
    MaxUW,
    MinSD,
    MaxSD,
    MinUD,
    MaxUD,
    PackUDW,
    EqQ,
    GtQ,
    /// The least unsigned word of `b`, and after it its number; zeros above.
    MinPosW,
    /// The low elements of `b`, sign-extended: from, to.
    WidenSBW,
    WidenSBD,
    WidenSBQ,
    WidenSWD,
    WidenSWQ,
    WidenSDQ,
    /// The same, zero-extended.
    WidenUBW,
    WidenUBD,
    WidenUBQ,
    WidenUWD,
    WidenUWQ,
    WidenUDQ,
    /// All ones where a bit of `b`, from the lowest on, is set.
    BitsB,
    BitsW,
    /// Rounds of AES: `a` is the state, `b` the key.
    AesEnc,
    AesEncLast,
    AesDec,
    AesDecLast,
    /// InvMixColumns of `b`.
    AesMix,
}

/// Operations on two vectors that an immediate steers: shuffles, and what takes its operands from a place so chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shuffle {
    /// PSHUFD: of `b`.
    D,
    /// PSHUFLW, PSHUFW: of the low half of `b`; the high half is kept.
    LowW,
    /// PSHUFHW: of the high half of `b`; the low half is kept.
    HighW,
    /// SHUFPS: two of `a`, two of `b`.
    Ps,
    /// SHUFPD: one of `a`, one of `b`.
    Pd,
    /// PALIGNR: of the 32 bytes that `b` and after it `a` make, zeros behind, 16 from a place on.
    Align,
    /// PBLENDW: of `b` where a bit is set, else of `a`.
    BlendW,
    /// BLENDPS.
    BlendPs,
    /// BLENDPD.
    BlendPd,
    /// MPSADBW: sums of absolute differences of four bytes of `b` and each eight times four of `a`.
    SadBlocks,
    /// PCLMULQDQ: the carry-less product of one half of each.
    MulCarryless,
    /// AESKEYGENASSIST: of `b`.
    AesKey,
}

/// Floating-point operations on two operands. Of those with one operand it is `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum SseArith {
    Add,
    Mul,
    Sub,
    Min,
    Div,
    Max,
    Sqrt,
    Rcp,
    Rsqrt,
    /// Difference of even elements, sum of odd ones: of whole vectors only.
    AddSub,
    /// Comparisons, in the order of CMPPS's immediate: all ones where they hold.
    Equal,
    Less,
    LessOrEqual,
    Unordered,
    NotEqual,
    NotLess,
    NotLessOrEqual,
    Ordered,
}

impl SseArith {
    /// Whether the result is a mask.
    #[must_use]
    pub const fn compares(self) -> bool {
        self as u8 >= Self::Equal as u8
    }
}

/// Conversions between element formats. Where the widths differ, the low two elements count; a narrower
/// result has zeros above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SseConvert {
    /// 32-bit integer to single precision.
    I32ToF32,
    /// 32-bit integer to double precision.
    I32ToF64,
    /// Single to double precision.
    F32ToF64,
    /// Double to single precision.
    F64ToF32,
    /// Single precision to 32-bit integer, rounded.
    F32ToI32,
    /// Single precision to 32-bit integer, truncated.
    F32TruncI32,
    /// Double precision to 32-bit integer, rounded.
    F64ToI32,
    /// Double precision to 32-bit integer, truncated.
    F64TruncI32,
}

impl SseConvert {
    /// The width of the floating-point numbers that result, if these are no integers.
    #[must_use]
    pub const fn result(self) -> Option<Width> {
        match self {
            Self::I32ToF32 | Self::F64ToF32 => Some(Width::W32),
            Self::I32ToF64 | Self::F32ToF64 => Some(Width::W64),
            _ => None,
        }
    }
}
