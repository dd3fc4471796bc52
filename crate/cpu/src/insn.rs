//! A decoded instruction: static facts only, 36 bytes, the same for every address it is found at.
//!
//! Semantics branch on these, never on guest values. Addresses are offsets from the entry of the block
//! the instruction was decoded in, so that a block holds no linear address.

use x86::gpr;

pub use x86::{Cond, Seg};

/// Operand width in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Width {
    /// 8 bits.
    W8,
    /// 16 bits.
    W16,
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
}

impl Width {
    /// Bits.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }
    /// Bytes.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(self) -> u32 {
        1 << self as u32
    }
    /// A value with all bits of this width set.
    #[inline(always)]
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }
    /// The sign bit.
    #[inline(always)]
    #[must_use]
    pub const fn sign(self) -> u64 {
        1 << (self.bits() - 1)
    }
    /// `v`, its low bits sign-extended to 64.
    #[inline(always)]
    #[must_use]
    pub const fn sign_extend(self, v: u64) -> u64 {
        let shift = 64 - self.bits();
        ((v << shift) as i64 >> shift) as u64
    }
}

/// A general register operand: the number, or for the high bytes AH to BH the number of AX to BX with
/// [`HIGH_BYTE`] set.
pub type Gpr = u8;

/// Marks the second byte of a register as the operand.
pub const HIGH_BYTE: u8 = 0x80;

/// Register slot that is always zero: an absent base or index.
pub const NO_REG: u8 = 16;

/// In place of [`Mem::scale`]: there is no index. Only specialised forms say so.
pub const NO_INDEX: u8 = 4;

/// A memory operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mem {
    /// Displacement, sign-extended where it matters.
    pub disp: i32,
    /// Base register or [`NO_REG`].
    pub base: u8,
    /// Index register or [`NO_REG`].
    pub index: u8,
    /// Shift of the index: 0 to 3.
    pub scale: u8,
    /// Segment register, or [`Seg::Flat`].
    pub seg: Seg,
    /// Address size.
    pub asz: Width,
}

/// What kind of operand stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// None.
    None,
    /// A register; its class follows from the operation.
    Reg,
    /// Memory at [`Insn::mem`].
    Mem,
    /// [`Insn::imm`].
    Imm,
}

/// Two-operand arithmetic and logic, in the order of the opcode map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum AluOp {
    Add,
    Or,
    Adc,
    Sbb,
    And,
    Sub,
    Xor,
    Cmp,
    Test,
}

/// Shifts and rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum ShiftOp {
    Rol,
    Ror,
    Rcl,
    Rcr,
    Shl,
    Shr,
    Sar,
}

/// Bit tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum BitOp {
    Bt,
    Bts,
    Btr,
    Btc,
}

/// String operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum StringOp {
    Movs,
    Cmps,
    Stos,
    Lods,
    Scas,
    Ins,
    Outs,
}

/// Decimal adjustments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum BcdOp {
    Daa,
    Das,
    Aaa,
    Aas,
    Aam,
    Aad,
}

/// Whole instructions too large or too rare for micro-operations: one Rust function each, called by the
/// interpreter directly and by translated code as an import. Operands are those of the [`Insn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
#[repr(u8)]
pub enum Helper {
    // helpers/transfer.rs
    JmpFar,
    CallFar,
    RetFar,
    Iret,
    Int,
    Int1,
    Int3,
    Into,
    Bound,
    Sysenter,
    Sysexit,
    // helpers/smm.rs
    Rsm,
    // helpers/segment.rs
    MovToSeg,
    PopSeg,
    LoadFarPointer,
    Lar,
    Lsl,
    Verr,
    Verw,
    Arpl,
    // helpers/system.rs
    Cli,
    Sti,
    Hlt,
    Pushf,
    Popf,
    Lgdt,
    Lidt,
    Sgdt,
    Sidt,
    Lldt,
    Ltr,
    Sldt,
    Str,
    Lmsw,
    Smsw,
    Clts,
    MovFromCr,
    MovToCr,
    MovFromDr,
    MovToDr,
    Rdtsc,
    Rdpmc,
    Rdmsr,
    Wrmsr,
    Cpuid,
    Invlpg,
    Invd,
    Wbinvd,
    Clac,
    Stac,
    Xgetbv,
    Xsetbv,
    Rdrand,
    // helpers/io.rs
    In,
    Out,
    // helpers/string.rs
    String(StringOp),
    // helpers/stack.rs
    Enter,
    // helpers/float.rs
    X87Env(X87Env),
}

/// x87 and SSE state transfers (environment and state images).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
#[repr(u8)]
pub enum X87Env {
    Fldenv,
    Fnstenv,
    Fnsave,
    Frstor,
    Fxsave,
    Fxrstor,
    Xsave,
    Xrstor,
}

/// The general registers and status flags an instruction has to do with, as far as it is known; a bit each for the
/// registers. What it writes it may also read: parts of registers are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touches {
    /// Registers it may read.
    pub reads: u8,
    /// Registers it may write.
    pub writes: u8,
    /// Whether it may read or write status flags.
    pub flags: bool,
}

impl Touches {
    /// All that there is.
    pub const ALL: Self = Self { reads: 0xFF, writes: 0xFF, flags: true };
    /// Nothing.
    pub const NONE: Self = Self { reads: 0, writes: 0, flags: false };

    const fn of(registers: u8, flags: bool) -> Self {
        Self { reads: registers, writes: registers, flags }
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let (reads, writes) = (self.reads | other.reads, self.writes | other.writes);
        Self { reads, writes, flags: self.flags || other.flags }
    }
}

impl Insn {
    /// What it has to do with: exactly for a few frequent ones, for the others everything.
    #[must_use]
    pub const fn touches(&self) -> Touches {
        const AX: u8 = 1 << gpr::AX;
        const DX: u8 = 1 << gpr::DX;
        const SP: u8 = 1 << gpr::SP;
        const STRING: u8 = AX | 1 << gpr::CX | 1 << gpr::SI | 1 << gpr::DI;
        match self.op {
            Op::Cld | Op::Std => Touches::NONE,
            Op::Helper(Helper::Cli | Helper::Sti | Helper::Clac | Helper::Stac) => Touches::NONE,
            Op::Helper(Helper::Pushf | Helper::Popf) => Touches::of(SP, true),
            Op::Helper(Helper::In | Helper::Out) => Touches::of(AX | DX, false),
            Op::Helper(Helper::String(StringOp::Movs | StringOp::Stos | StringOp::Lods)) => {
                Touches::of(STRING, false)
            }
            Op::Helper(Helper::String(StringOp::Cmps | StringOp::Scas)) => Touches::of(STRING, true),
            _ => Touches::ALL,
        }
    }
}

/// What an instruction does. Operand kinds, widths and registers are in the other fields of [`Insn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the mnemonics are the documentation")]
pub enum Op {
    Alu(AluOp),
    Mov,
    Movzx,
    Movsx,
    Lea,
    Xchg,
    Xadd,
    Cmpxchg,
    Cmpxchg8b,
    Inc,
    Dec,
    Not,
    Neg,
    Shift(ShiftOp),
    Shld,
    Shrd,
    Mul,
    /// One operand: widening.
    Imul1,
    /// Two or three operands: truncating.
    Imul,
    Div,
    Idiv,
    Bit(BitOp),
    Bsf,
    Bsr,
    Popcnt,
    /// `w2` is the width of the second operand.
    Crc32,
    Bswap,
    Movbe,
    Push,
    Pop,
    Pusha,
    Popa,
    PushSeg,
    MovFromSeg,
    Leave,
    /// Relative; `imm` is the target's offset from the block's entry.
    Jmp,
    JmpInd,
    Call,
    CallInd,
    /// `imm` is the number of bytes to drop.
    Ret,
    Jcc(Cond),
    Loop,
    Loope,
    Loopne,
    Jcxz,
    Setcc(Cond),
    Cmovcc(Cond),
    /// Sign-extend the lower half of the accumulator: CBW, CWDE.
    Cbw,
    /// Spread the accumulator's sign into DX: CWD, CDQ.
    Cwd,
    Lahf,
    Sahf,
    Salc,
    Clc,
    Stc,
    Cmc,
    Cld,
    Std,
    Bcd(BcdOp),
    Xlat,
    Nop,
    Helper(Helper),
    X87(crate::semantics::x87::X87Op),
    Mmx(crate::semantics::mmx::MmxOp),
    Sse(crate::semantics::sse::SseOp),
    /// No such instruction, or one this processor does not have: #UD.
    Undefined,
    /// The instruction is longer than 15 bytes, or its bytes cannot be a valid encoding for that reason: #GP(0).
    TooLong,
}

/// Prefixes and modes that matter after decoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prefix(pub u8);

impl Prefix {
    /// F3: REP, REPE.
    pub const REP: u8 = 1;
    /// F2: REPNE.
    pub const REPNE: u8 = 2;
    /// F0.
    pub const LOCK: u8 = 4;
    /// Not a prefix: the stack segment is flat (see [`Seg::Flat`]).
    pub const FLAT_STACK: u8 = 8;

    /// Not a prefix: the block goes on elsewhere after this instruction.
    pub const LAST: u8 = 16;

    /// Any repeat prefix.
    #[inline(always)]
    #[must_use]
    pub const fn repeats(self) -> bool {
        self.0 & (Self::REP | Self::REPNE) != 0
    }
    /// Whether `bit` is set.
    #[inline(always)]
    #[must_use]
    pub const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// Memory operand, if any operand is memory.
    pub mem: Mem,
    /// Immediate, sign-extended to 32 bits where the encoding says so; the target of a relative branch
    /// as an offset from the block's entry; the offset of a far pointer.
    pub imm: i32,
    /// Offset of the first byte from the block's entry.
    pub start: u16,
    /// Second immediate: selector of a far pointer, nesting level of ENTER.
    pub imm2: u16,
    /// What to do.
    pub op: Op,
    /// Specialised form for the interpreter's main loop; [`crate::exec::Fast::None`] if there is none.
    pub fast: crate::exec::Fast,
    /// Length in bytes: 1 to 15.
    pub len: u8,
    /// Position in the block, counted in instructions.
    pub index: u8,
    /// Operand width.
    pub w: Width,
    /// Width of the source where it differs (MOVZX, MOVSX), or of a branch's instruction pointer.
    pub w2: Width,
    /// Width of the stack pointer.
    pub stack: Width,
    /// Kind of the first operand (usually the destination).
    pub k0: Kind,
    /// Kind of the second operand.
    pub k1: Kind,
    /// First operand's register.
    pub r0: u8,
    /// Second operand's register.
    pub r1: u8,
    /// Prefixes.
    pub prefix: Prefix,
}

impl Insn {
    /// Offset from the block's entry of the byte after the instruction.
    #[inline(always)]
    #[must_use]
    pub const fn end(&self) -> i32 {
        self.start as i32 + self.len as i32
    }

    /// Whether stack accesses need no segment check.
    #[inline(always)]
    #[must_use]
    pub const fn flat_stack(&self) -> bool {
        self.prefix.has(Prefix::FLAT_STACK)
    }

    /// The segment of stack accesses.
    #[inline(always)]
    #[must_use]
    pub const fn stack_seg(&self) -> Seg {
        if self.flat_stack() { Seg::Flat } else { Seg::Ss }
    }
}

impl Insn {
    /// A string instruction with a repeat prefix: it may have to go on in another block.
    #[must_use]
    pub const fn repeats(&self) -> bool {
        matches!(self.op, Op::Helper(Helper::String(_))) && self.prefix.repeats()
    }
}
