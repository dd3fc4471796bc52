//! What the x87 rows of the table take as static parameters.
//!
//! Register numbers in those rows are relative to the top of the stack, which is a value in the state. A row
//! that reads a register checks its tag: an empty one raises stack underflow, and the row goes on with the
//! masked response (the indefinite). Rows that compute add the exceptions they raise to the status word, C1
//! included. Whether an unmasked one keeps the result from being stored is asked afterwards
//! (`x87_delivers`): it follows from the status and control words alone, because an instruction that computes
//! only begins when no unmasked exception is pending (SDM vol. 1, 8.1.3.3, 8.5 and 8.6).

/// Two operands: `a` and `b` in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Bin {
    /// a + b.
    Add,
    /// a × b.
    Mul,
    /// a - b.
    Sub,
    /// b - a.
    SubR,
    /// a ÷ b.
    Div,
    /// b ÷ a.
    DivR,
    /// a × 2^trunc(b): FSCALE.
    Scale,
    /// The angle of the point (b, a): FPATAN.
    Atan,
    /// a × log₂ b: FYL2X.
    Log,
    /// a × log₂ (b + 1): FYL2XP1.
    LogP1,
}

/// One operand, ST(0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Un {
    /// FCHS.
    Chs,
    /// FABS.
    Abs,
    /// FSQRT.
    Sqrt,
    /// FRNDINT.
    Round,
    /// F2XM1.
    Exp,
    /// FSIN; sets C2 and leaves the operand if it is out of range.
    Sin,
    /// FCOS; sets C2 and leaves the operand if it is out of range.
    Cos,
}

/// One operand, ST(0), and two results: one in its place, one pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Pair {
    /// FPTAN.
    Tan,
    /// FSINCOS.
    SinCos,
    /// FXTRACT.
    Extract,
}

/// A number in memory that fits an integer value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Format {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// 16-bit integer.
    I16,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
}

/// Where a result goes: which unmasked exceptions keep it from getting there (SDM vol. 1, 8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Target {
    /// A register: IE, DE and ZE.
    Register,
    /// Memory: all but PE.
    Memory,
    /// The result of a comparison, to EFLAGS or the condition codes: IE.
    Codes,
}

/// The constants of the load-constant instructions (SDM vol. 1, 8.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum X87Constant {
    /// FLDZ.
    Zero,
    /// FLD1.
    One,
    /// FLDPI.
    Pi,
    /// FLDL2E.
    Log2E,
    /// FLDL2T.
    Log2Ten,
    /// FLDLG2.
    Lg2,
    /// FLDLN2.
    Ln2,
}
