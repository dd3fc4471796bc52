//! The x87 unit for translated code: one call does all that an instruction does to the unit once its operand in
//! memory is read, or the place of its result is known.
//!
//! A call is a few rows of the table of micro-operations with their static parameters, packed in a number. Which
//! rows follow each other, and what depends on what, is the semantics' business: what is done here is done by
//! the functions of `semantics::x87`, on [`Exec`].
//!
//! Absent: packed decimal, images of the unit (helpers), everything that reads or writes memory.

use super::Exec;
use crate::flags::Flags;
use crate::insn::Width;
use crate::micro::{Micro, X87Bin, X87Constant, X87Format, X87Pair, X87Target, X87Un};
use crate::semantics::x87;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum X87Call {
    /// ST(to) = ST(a) op ST(b).
    Arith {
        /// What is computed.
        op: X87Bin,
        /// First operand.
        a: u8,
        /// Second operand.
        b: u8,
        /// Where the result goes.
        to: u8,
        /// Registers popped then.
        pops: u8,
    },
    /// ST(0) = ST(0) op a number from memory.
    ArithMem(X87Bin, X87Format),
    /// ST(0) = op ST(0).
    Unary(X87Un),
    /// FPREM; FPREM1 if true.
    Remainder(bool),
    /// FPTAN, FSINCOS, FXTRACT.
    Pair(X87Pair),
    /// FCMOVcc ST(0), ST(i): the condition is the operand.
    Select(u8),
    /// FST ST(to).
    Copy {
        /// The register written.
        to: u8,
        /// Registers popped then.
        pops: u8,
    },
    /// FXCH ST(i).
    Exchange(u8),
    /// FCOM ST(b).
    Compare {
        /// FUCOM.
        quiet: bool,
        /// Second operand.
        b: u8,
        /// Registers popped then.
        pops: u8,
    },
    /// FCOM with a number from memory.
    CompareMem {
        /// Its format.
        from: X87Format,
        /// Registers popped then.
        pops: u8,
    },
    /// FCOMI ST(b): the flags, as `cpu.flags` has them, in halves of what was "loaded".
    CompareFlags {
        /// FUCOMI.
        quiet: bool,
        /// Second operand.
        b: u8,
        /// Registers popped then.
        pops: u8,
    },
    /// FTST.
    Test,
    /// FXAM.
    Examine,
    /// FLD or FILD of a number from memory.
    PushMem(X87Format),
    /// FLD ST(i).
    PushCopy(u8),
    /// FLDPI and its kin.
    PushConstant(X87Constant),
    /// FLD of what is in [`super::Link::x`].
    Push,
    /// FST to memory, all but the store: the bits are what was "loaded".
    Convert {
        /// The format in memory.
        to: X87Format,
        /// FISTTP.
        truncated: bool,
        /// Registers popped then.
        pops: u8,
    },
    /// FSTP m80, all but store and pop: the value is in [`super::Link::x`].
    Read,
    /// Pops.
    Pop,
    /// FFREE ST(i).
    Free(u8),
    /// FINCSTP, FDECSTP.
    Rotate(u8),
    /// FNCLEX.
    Clear,
    /// FNINIT.
    Init,
}

const BINS: [X87Bin; 10] = [
    X87Bin::Add,
    X87Bin::Mul,
    X87Bin::Sub,
    X87Bin::SubR,
    X87Bin::Div,
    X87Bin::DivR,
    X87Bin::Scale,
    X87Bin::Atan,
    X87Bin::Log,
    X87Bin::LogP1,
];
const UNS: [X87Un; 7] =
    [X87Un::Chs, X87Un::Abs, X87Un::Sqrt, X87Un::Round, X87Un::Exp, X87Un::Sin, X87Un::Cos];
const PAIRS: [X87Pair; 3] = [X87Pair::Tan, X87Pair::SinCos, X87Pair::Extract];
const FORMATS: [X87Format; 5] =
    [X87Format::F32, X87Format::F64, X87Format::I16, X87Format::I32, X87Format::I64];
const CONSTANTS: [X87Constant; 7] = [
    X87Constant::Zero,
    X87Constant::One,
    X87Constant::Pi,
    X87Constant::Log2E,
    X87Constant::Log2Ten,
    X87Constant::Lg2,
    X87Constant::Ln2,
];

/// Bits of each field of a packed call.
const FIELD: u32 = 5;

const fn packed(row: u32, fields: [u8; 4]) -> u32 {
    let [a, b, c, d] = fields;
    row | (a as u32) << FIELD | (b as u32) << 2 * FIELD | (c as u32) << 3 * FIELD | (d as u32) << 4 * FIELD
}

impl X87Call {
    /// The number of a call.
    #[must_use]
    pub const fn pack(self) -> u32 {
        match self {
            Self::Arith { op, a, b, to, pops } => packed(0, [op as u8, a, b, to | pops << 3]),
            Self::ArithMem(op, from) => packed(1, [op as u8, from as u8, 0, 0]),
            Self::Unary(op) => packed(2, [op as u8, 0, 0, 0]),
            Self::Remainder(nearest) => packed(3, [nearest as u8, 0, 0, 0]),
            Self::Pair(op) => packed(4, [op as u8, 0, 0, 0]),
            Self::Select(i) => packed(5, [i, 0, 0, 0]),
            Self::Copy { to, pops } => packed(6, [to, pops, 0, 0]),
            Self::Exchange(i) => packed(7, [i, 0, 0, 0]),
            Self::Compare { quiet, b, pops } => packed(8, [quiet as u8, b, pops, 0]),
            Self::CompareMem { from, pops } => packed(9, [from as u8, pops, 0, 0]),
            Self::CompareFlags { quiet, b, pops } => packed(10, [quiet as u8, b, pops, 0]),
            Self::Test => packed(11, [0; 4]),
            Self::Examine => packed(12, [0; 4]),
            Self::PushMem(from) => packed(13, [from as u8, 0, 0, 0]),
            Self::PushCopy(i) => packed(14, [i, 0, 0, 0]),
            Self::PushConstant(c) => packed(15, [c as u8, 0, 0, 0]),
            Self::Push => packed(16, [0; 4]),
            Self::Convert { to, truncated, pops } => packed(17, [to as u8, pops, truncated as u8, 0]),
            Self::Read => packed(18, [0; 4]),
            Self::Pop => packed(19, [0; 4]),
            Self::Free(i) => packed(20, [i, 0, 0, 0]),
            Self::Rotate(by) => packed(21, [by, 0, 0, 0]),
            Self::Clear => packed(22, [0; 4]),
            Self::Init => packed(23, [0; 4]),
        }
    }

    /// The call of a number; `None` for numbers that are none.
    #[inline(always)]
    #[must_use]
    pub fn unpack(call: u32) -> Option<Self> {
        let field = |n: u32| (call >> (n * FIELD) & 31) as u8;
        let [a, b, c, d] = [field(1), field(2), field(3), field(4)];
        let format = |n: u8| FORMATS.get(usize::from(n)).copied();
        let quiet = a != 0;
        Some(match call & 31 {
            0 => Self::Arith { op: *BINS.get(usize::from(a))?, a: b, b: c, to: d & 7, pops: d >> 3 },
            1 => Self::ArithMem(*BINS.get(usize::from(a))?, format(b)?),
            2 => Self::Unary(*UNS.get(usize::from(a))?),
            3 => Self::Remainder(a != 0),
            4 => Self::Pair(*PAIRS.get(usize::from(a))?),
            5 => Self::Select(a),
            6 => Self::Copy { to: a, pops: b },
            7 => Self::Exchange(a),
            8 => Self::Compare { quiet, b, pops: c },
            9 => Self::CompareMem { from: format(a)?, pops: b },
            10 => Self::CompareFlags { quiet, b, pops: c },
            11 => Self::Test,
            12 => Self::Examine,
            13 => Self::PushMem(format(a)?),
            14 => Self::PushCopy(a),
            15 => Self::PushConstant(*CONSTANTS.get(usize::from(a))?),
            16 => Self::Push,
            17 => Self::Convert { to: format(a)?, truncated: c != 0, pops: b },
            18 => Self::Read,
            19 => Self::Pop,
            20 => Self::Free(a),
            21 => Self::Rotate(a),
            22 => Self::Clear,
            23 => Self::Init,
            _ => return None,
        })
    }
}

impl Exec<'_> {
    /// Does what translated code asks for. False if an unmasked exception keeps a result from getting to memory or
    /// flags; for other calls it says nothing.
    pub fn translated_x87(&mut self, call: u32, bits: u64) -> bool {
        let Some(call) = X87Call::unpack(call) else { return false };
        match call {
            X87Call::Arith { op, a, b, to, pops } => {
                let r = self.x87_arith(op, a, b);
                x87::deliver(self, to, pops, r).is_ok()
            }
            X87Call::ArithMem(op, from) => {
                let r = self.x87_arith_mem(op, from, bits);
                x87::deliver(self, 0, 0, r).is_ok()
            }
            X87Call::PushMem(from) => {
                self.x87_push_mem(from, bits);
                true
            }
            X87Call::Convert { to, truncated, pops } => {
                self.loaded = self.x87_convert(to, truncated);
                let delivers = self.x87_delivers(X87Target::Memory) != 0;
                if delivers {
                    x87::pop(self, pops);
                }
                delivers
            }
            X87Call::CompareFlags { quiet, b, pops } => {
                let r = self.x87_compare_flags(quiet, b);
                let delivers = self.x87_delivers(X87Target::Codes) != 0;
                let Flags { res, aux } = Flags::of_status(r as u32);
                self.loaded = res & Width::W32.mask() | u64::from(aux) << 32;
                x87::pops(self, pops).is_ok() && delivers
            }
            X87Call::Compare { quiet, b, pops } => {
                self.x87_compare(quiet, b);
                x87::pops(self, pops).is_ok()
            }
            X87Call::CompareMem { from, pops } => {
                self.x87_compare_mem(from, bits);
                x87::pops(self, pops).is_ok()
            }
            _ => self.translated_x87_rarely(call, bits),
        }
    }

    /// The calls that take long anyway, and those that translated code makes only where its own way does not fit.
    #[inline(never)]
    fn translated_x87_rarely(&mut self, call: X87Call, bits: u64) -> bool {
        match call {
            X87Call::Unary(op) => {
                let r = self.x87_unary(op);
                return x87::deliver(self, 0, 0, r).is_ok();
            }
            X87Call::Remainder(nearest) => {
                let r = self.x87_remainder(nearest);
                return x87::deliver(self, 0, 0, r).is_ok();
            }
            X87Call::Select(i) => {
                let r = self.x87_select(i, bits);
                return x87::deliver(self, 0, 0, r).is_ok();
            }
            X87Call::Read => {
                self.link.x = self.x87_read(0);
                return self.x87_delivers(X87Target::Memory) != 0;
            }
            X87Call::Copy { to, pops } => return x87::copy(self, to, pops).is_ok(),
            X87Call::Exchange(i) => return x87::exchange(self, i).is_ok(),
            X87Call::Pair(op) => self.x87_pair(op),
            X87Call::Test => self.x87_test(),
            X87Call::Examine => self.x87_examine(),
            X87Call::PushCopy(i) => self.x87_push_copy(i),
            X87Call::PushConstant(c) => x87::push_constant(self, c),
            X87Call::Push => self.x87_push(self.link.x),
            X87Call::Pop => self.x87_pop(),
            X87Call::Free(i) => self.x87_free(i),
            X87Call::Rotate(by) => self.x87_rotate(by),
            X87Call::Clear => self.x87_clear(),
            X87Call::Init => self.x87_init(),
            X87Call::Arith { .. }
            | X87Call::ArithMem(..)
            | X87Call::PushMem(_)
            | X87Call::Convert { .. }
            | X87Call::CompareFlags { .. }
            | X87Call::Compare { .. }
            | X87Call::CompareMem { .. } => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_call() {
        let mut calls = 0;
        for n in 0..1 << 25 {
            if let Some(call) = X87Call::unpack(n) {
                // What a call does not use is ignored.
                assert_eq!(X87Call::unpack(call.pack()), Some(call));
                calls += usize::from(call.pack() == n);
            }
        }
        // Operands of up to five bits: more than there are registers.
        assert!(calls > 10_000, "{calls}");
    }
}
