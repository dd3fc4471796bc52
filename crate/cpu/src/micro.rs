//! Micro-operations: all that an instruction may do.
//!
//! [`for_each_micro_op`] is the table. From it come the trait [`Micro`], which semantics are written
//! against, and elsewhere the IR's operations, the lifter that records them, the printer and the IR
//! evaluator. Only `Exec` (and later the emitter) gives each row a meaning.
//!
//! A row is `name { static parameters } (values) -> result`. Static parameters are facts of the
//! instruction; values are opaque and typed by kind:
//!
//! | kind | what | in `Exec` |
//! |---|---|---|
//! | `I` | integer of the width the row says, zero-extended | `u64` |
//! | `X` | 80-bit extended | `F80` |
//! | `V` | 128-bit vector | `u128` |
//! | `P` | a place in memory checked for reading and writing | `Place` |
//! | `U` | nothing | `()` |
//!
//! Rules for semantics, so that recording them once gives the instruction's meaning for every value: branch on the
//! instruction, never on a value; everything that may fault comes before anything that commits; the only conditional on
//! a value is [`Micro::when`].

mod x87;

pub use x87::{X87Bin, X87Constant, X87Format, X87Pair, X87Target, X87Un};

mod vector;

pub use vector::{Shuffle, SseArith, SseConvert, VecOp};

use crate::insn::{Gpr, Helper, Insn, Mem, Width};
use x86::{Cond, Seg};

/// Two-operand integer operations; operands and result have the row's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinOp {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a & b.
    And,
    /// a | b.
    Or,
    /// a ^ b.
    Xor,
    /// Low half of a * b.
    Mul,
    /// High half of the unsigned product.
    MulHiU,
    /// High half of the signed product.
    MulHiS,
    /// a << b; b is below 32 (64 for W64); bits shifted out of the width are lost.
    Shl,
    /// Logical a >> b; b as for `Shl`.
    Shr,
    /// Arithmetic a >> b; b as for `Shl`.
    Sar,
    /// Rotate left; the count is taken modulo the width.
    Rol,
    /// Rotate right; the count is taken modulo the width.
    Ror,
}

/// One-operand integer operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnOp {
    /// !a.
    Not,
    /// -a.
    Neg,
    /// Bytes in reverse order.
    Bswap,
    /// Index of the lowest set bit; the width if there is none.
    Ctz,
    /// Number of leading zeros in the width.
    Clz,
    /// Number of set bits.
    Popcnt,
}

/// Comparisons: 1 if true, else 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CmpOp {
    /// a == b.
    Eq,
    /// a != b.
    Ne,
    /// Unsigned a < b.
    LtU,
    /// Unsigned a <= b.
    LeU,
    /// Signed a < b.
    LtS,
    /// Signed a <= b.
    LeS,
}

/// How the six status flags follow from an operation (see [`crate::flags`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlagOp {
    /// r = a + b (+ carry).
    Add,
    /// r = a - b (- borrow).
    Sub,
    /// r is a logical result: CF, OF and AF are 0. `a` and `b` do not matter.
    Logic,
    /// As `Logic`, but CF is `a` and OF is `b` (0 or 1).
    Explicit,
    /// r = a + 1: CF is kept. `b` does not matter.
    Inc,
    /// r = a - 1: CF is kept.
    Dec,
}

/// The table of micro-operations, handed to the macro named as argument.
#[macro_export]
macro_rules! for_each_micro_op {
    ($then:ident) => {
        $then! {
            infallible {
                /// A constant of width `w`.
                imm { w: Width, value: u64 } () -> I;
                /// A general register, or a part of it.
                reg { w: Width, r: Gpr } () -> I;
                /// Writes a general register: 8 and 16 bits merge, 32 bits clear the upper half.
                set_reg { w: Width, r: Gpr } (v: I) -> U;
                /// Effective address of a memory operand, wrapped to its address size.
                ea { mem: Mem } () -> I;
                /// Two-operand arithmetic.
                bin { op: BinOp, w: Width } (a: I, b: I) -> I;
                /// One-operand arithmetic.
                un { op: UnOp, w: Width } (a: I) -> I;
                /// Zero-extension.
                zext { from: Width, to: Width } (a: I) -> I;
                /// Sign-extension.
                sext { from: Width, to: Width } (a: I) -> I;
                /// The low bits.
                trunc { from: Width, to: Width } (a: I) -> I;
                /// A comparison: 1 or 0 (W32).
                compare { op: CmpOp, w: Width } (a: I, b: I) -> I;
                /// `a` if `c` is not zero, else `b`.
                select { w: Width } (c: I, a: I, b: I) -> I;
                /// Quotient of the double-width `hi:lo` by `d`, after `div_check`.
                quot { w: Width, signed: bool } (hi: I, lo: I, d: I) -> I;
                /// Sets all six status flags from an operation.
                set_flags { op: FlagOp, w: Width } (a: I, b: I, r: I) -> U;
                /// Sets the status flags of `mask` from a value laid out as EFLAGS.
                put_flags { mask: u32 } (v: I) -> U;
                /// The status flags, laid out as EFLAGS (W32).
                status_flags {} () -> I;
                /// A condition on the status flags: 1 or 0 (W32).
                cond { cc: Cond } () -> I;
                /// Sets or clears the direction flag.
                set_direction { down: bool } () -> U;
                /// Selector of a segment register (W16).
                selector { seg: Seg } () -> I;
                /// The block's entry EIP plus `offset`, wrapped to `w`.
                eip { w: Width, offset: i32 } () -> I;
                /// The value at a place.
                peek { w: Width } (p: P) -> I;
                /// Writes a place; cannot fail any more.
                poke { w: Width } (p: P, v: I) -> U;

                // ---- x87: semantics/x87.rs, exec/x87.rs ----

                /// Records the instruction at `offset` from the block's entry as the last one that was not a
                /// control instruction, with the low 11 bits of its opcode.
                x87_note { offset: i32, opcode: u16 } () -> U;
                /// Records its memory operand.
                x87_note_data { seg: Seg } (ea: I) -> U;
                /// ST(i); the indefinite after stack underflow, which clears C1.
                x87_read { i: u8 } () -> X;
                /// Writes ST(i), and marks it as in use.
                x87_set { i: u8 } (v: X) -> U;
                /// Pushes ST(i), or raises stack underflow or overflow. Sets C1.
                x87_push_copy { i: u8 } () -> U;
                /// Pushes, or raises stack overflow. Sets C1.
                x87_push {} (v: X) -> U;
                /// Converts and pushes, or raises stack overflow.
                x87_push_mem { from: $crate::micro::X87Format } (bits: I) -> U;
                /// Marks ST(0) as empty and moves the top of the stack.
                x87_pop {} () -> U;
                /// Marks ST(i) as empty; clears C1.
                x87_free { i: u8 } () -> U;
                /// Adds `by` to the number of the top of the stack; clears C1.
                x87_rotate { by: u8 } () -> U;
                /// Clears C1.
                x87_clear_c1 {} () -> U;
                /// ST(a) `op` ST(b).
                x87_arith { op: $crate::micro::X87Bin, a: u8, b: u8 } () -> X;
                /// ST(0) `op` a number from memory.
                x87_arith_mem { op: $crate::micro::X87Bin, from: $crate::micro::X87Format } (bits: I) -> X;
                /// The remainder of ST(0) by ST(1), FPREM or FPREM1: C0 to C3.
                x87_remainder { nearest: bool } () -> X;
                /// A function of ST(0).
                x87_unary { op: $crate::micro::X87Un } () -> X;
                /// Replaces ST(0) and pushes, as far as exceptions allow.
                x87_pair { op: $crate::micro::X87Pair } () -> U;
                /// Compares ST(0) with ST(b): C0, C2, C3.
                x87_compare { quiet: bool, b: u8 } () -> U;
                /// Compares ST(0) with a number from memory: C0, C2, C3.
                x87_compare_mem { from: $crate::micro::X87Format } (bits: I) -> U;
                /// Compares ST(0) with ST(b): the result at the places of ZF, PF and CF in EFLAGS (W32).
                x87_compare_flags { quiet: bool, b: u8 } () -> I;
                /// Compares ST(0) with zero: C0, C2, C3.
                x87_test {} () -> U;
                /// Classifies ST(0): C0 to C3.
                x87_examine {} () -> U;
                /// 1 unless an unmasked exception of this instruction keeps its result from `to` (W32).
                x87_delivers { to: $crate::micro::X87Target } () -> I;
                /// A constant, rounded as RC says.
                x87_constant { c: $crate::micro::X87Constant } () -> X;
                /// ST(0) in another format, rounded as RC says or truncated; the format's indefinite after stack underflow.
                x87_convert { to: $crate::micro::X87Format, truncated: bool } () -> I;
                /// ST(0) as ten bytes of packed decimal; the indefinite after stack underflow.
                x87_to_decimal {} () -> X;
                /// Ten bytes of packed decimal as a number.
                x87_from_decimal {} (v: X) -> X;
                /// Ten bytes from the low eight (W64) and the high two (W16).
                x87_join {} (low: I, high: I) -> X;
                /// The low eight bytes (W64).
                x87_low {} (v: X) -> I;
                /// The high two bytes (W16).
                x87_high {} (v: X) -> I;
                /// ST(i) if `c` is not zero, else ST(0); the indefinite if either is empty.
                x87_select { i: u8 } (c: I) -> X;
                /// The control word (W16).
                x87_control {} () -> I;
                /// Writes the control word; ES follows.
                set_x87_control {} (v: I) -> U;
                /// The status word (W16).
                x87_status {} () -> I;
                /// FNCLEX.
                x87_clear {} () -> U;
                /// FNINIT.
                x87_init {} () -> U;

                // ---- MMX and SSE: semantics/{mmx,sse}.rs, exec/simd.rs ----

                /// An MMX register (W64).
                mmx { r: u8 } () -> I;
                /// Writes an MMX register: its exponent becomes all ones.
                set_mmx { r: u8 } (v: I) -> U;
                /// What every MMX instruction does to the x87 unit: TOP is 0, all registers are in use (or,
                /// with `empty`, empty).
                mmx_touch { empty: bool } () -> U;
                /// An SSE register.
                xmm { r: u8 } () -> V;
                /// Writes an SSE register.
                set_xmm { r: u8 } (v: V) -> U;
                /// An element of an SSE register.
                xmm_part { w: Width, r: u8, lane: u8 } () -> I;
                /// Writes an element of an SSE register; the rest is kept.
                set_xmm_part { w: Width, r: u8, lane: u8 } (v: I) -> U;
                /// A vector of two halves (W64).
                vec_join {} (low: I, high: I) -> V;
                /// An element of a vector.
                vec_part { w: Width, lane: u8 } (v: V) -> I;
                /// A vector with an element replaced.
                vec_with { w: Width, lane: u8 } (v: V, x: I) -> V;
                /// Packed integers.
                vec_int { op: VecOp } (a: V, b: V) -> V;
                /// What an immediate steers.
                vec_shuffle { op: Shuffle, imm: u8 } (a: V, b: V) -> V;
                /// The sign bits of all elements (W32).
                vec_signs { w: Width } (v: V) -> I;
                /// Elements of `b` where the sign bit of `mask`'s is set, else of `a`.
                vec_blend { w: Width } (a: V, b: V, mask: V) -> V;
                /// ZF if `a & b` is zero, CF if `!a & b` is, at their places in EFLAGS (W32).
                vec_test {} (a: V, b: V) -> I;
                /// Compares strings as `imm` says: what matched, a bit an element, and from bit 16 on the flags, laid
                /// out as EFLAGS (W32). With `lengths`, their lengths are given (W32), else a zero ends them.
                vec_strings { imm: u8, lengths: bool } (a: V, b: V, len_a: I, len_b: I) -> I;
                /// CRC-32C, without inversion, of `crc` (W32) and after it an element of width `w` (W32).
                crc32 { w: Width } (crc: I, v: I) -> I;
                /// MXCSR (W32).
                mxcsr {} () -> I;
            }
            fallible {
                /// Reads memory at an effective address.
                load { w: Width, seg: Seg } (ea: I) -> I;
                /// Writes memory.
                store { w: Width, seg: Seg } (ea: I, v: I) -> U;
                /// Checks memory for reading and writing, with write intent.
                rmw { w: Width, seg: Seg } (ea: I) -> P;
                /// Checks `len` bytes (at most a page) for reading or writing, and touches nothing.
                probe { seg: Seg, len: u32, write: bool } (ea: I) -> U;
                /// #DE if the quotient of `hi:lo` by `d` does not fit.
                div_check { w: Width, signed: bool } (hi: I, lo: I, d: I) -> U;
                /// Continues at an EIP (#GP(0) if it is outside the code segment).
                jump { w: Width } (target: I) -> U;
                /// Continues at the block's entry EIP plus `offset`, wrapped to `w`.
                branch { w: Width, offset: i32 } () -> U;
                /// The same if `c` is not zero; else continues with the next instruction.
                branch_if { w: Width, offset: i32 } (c: I) -> U;
                /// Raises an exception without error code.
                raise { vector: u8 } () -> U;
                /// Raises an exception with error code.
                raise_error { vector: u8, error: u32 } () -> U;
                // ---- MMX and SSE ----

                /// #UD or #NM if MMX is not available; #MF if an x87 exception is pending.
                mmx_enter {} () -> U;
                /// #UD or #NM if SSE is not available.
                sse_enter {} () -> U;
                /// Reads 16 bytes; #GP(0) if `aligned` is asked for and not given.
                load_vec { seg: Seg, aligned: bool } (ea: I) -> V;
                /// Writes 16 bytes; #GP(0) if `aligned` is asked for and not given.
                store_vec { seg: Seg, aligned: bool } (ea: I, v: V) -> U;
                /// Writes those of `bytes` bytes whose byte in `mask` has its top bit set.
                store_masked { seg: Seg, bytes: u8 } (ea: I, v: V, mask: V) -> U;
                /// Arithmetic on one element (W32 or W64); #XM.
                sse_scalar { op: SseArith, w: Width } (a: I, b: I) -> I;
                /// Arithmetic on all elements (W32 or W64); #XM.
                sse_packed { op: SseArith, w: Width } (a: V, b: V) -> V;
                /// Rounds one element to an integral number, as ROUNDSS's immediate says; #XM.
                sse_round { w: Width, imm: u8 } (a: I) -> I;
                /// Rounds all elements; #XM.
                sse_round_packed { w: Width, imm: u8 } (a: V) -> V;
                /// The dot product of elements chosen by DPPS's immediate, where it says; #XM.
                sse_dot { w: Width, imm: u8 } (a: V, b: V) -> V;
                /// Converts one element; #XM.
                sse_convert { op: SseConvert } (a: I) -> I;
                /// Converts all elements; #XM.
                sse_convert_packed { op: SseConvert } (a: V) -> V;
                /// Compares elements of width `w`: the result at the places of ZF, PF and CF in EFLAGS; #XM.
                sse_compare_flags { w: Width, quiet: bool } (a: I, b: I) -> I;
                /// Writes MXCSR; #GP(0) if reserved bits are set.
                set_mxcsr {} (v: I) -> U;
                /// A whole instruction done by a Rust function.
                helper { h: Helper, insn: Insn } () -> U;

                /// #NM if the x87 unit is not available; with `wait`, #MF if an exception is pending.
                x87_enter { wait: bool } () -> U;
                /// WAIT: #NM if CR0.MP and CR0.TS; #MF if an exception is pending.
                x87_wait {} () -> U;
            }
        }
    };
}

/// The type of a value kind: `value_kind!(M, I)`.
#[macro_export]
macro_rules! value_kind {
    ($m:ty, I) => {
        <$m as $crate::micro::Micro>::I
    };
    ($m:ty, X) => {
        <$m as $crate::micro::Micro>::X
    };
    ($m:ty, V) => {
        <$m as $crate::micro::Micro>::V
    };
    ($m:ty, P) => {
        <$m as $crate::micro::Micro>::P
    };
    ($m:ty, U) => {
        ()
    };
}

macro_rules! define_micro {
    (infallible { $($(#[$id:meta])* $in:ident { $($is:ident : $ist:ty),* } ($($iv:ident : $ik:tt),*) -> $ir:tt;)* }
     fallible { $($(#[$fd:meta])* $fn:ident { $($fs:ident : $fst:ty),* } ($($fv:ident : $fk:tt),*) -> $fr:tt;)* }) => {
        /// What the meaning of an instruction is written in. See the module documentation.
        pub trait Micro {
            /// Integer.
            type I: Copy;
            /// 80-bit extended.
            type X: Copy;
            /// 128-bit vector.
            type V: Copy;
            /// A checked place in memory.
            type P: Copy;
            /// Why an instruction did not finish.
            type Stop;

            /// Runs `body` if `c` is not zero: the only conditional on a value.
            ///
            /// # Errors
            /// What `body` returns.
            fn when(
                &mut self,
                c: Self::I,
                body: impl FnOnce(&mut Self) -> Result<(), Self::Stop>,
            ) -> Result<(), Self::Stop>;

            $($(#[$id])* fn $in(&mut self $(, $is: $ist)* $(, $iv: value_kind!(Self, $ik))*) -> value_kind!(Self, $ir);)*
            $($(#[$fd])*
            ///
            /// # Errors
            /// A fault, or another reason to stop; nothing has been committed then.
            fn $fn(&mut self $(, $fs: $fst)* $(, $fv: value_kind!(Self, $fk))*) -> Result<value_kind!(Self, $fr), Self::Stop>;)*
        }
    };
}

for_each_micro_op!(define_micro);
