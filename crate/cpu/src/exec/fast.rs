//! Specialised forms for the interpreter's main loop.
//!
//! The semantics are generic over operand kinds and widths, which they read from the instruction. For the
//! most frequent combinations the main loop has an arm of its own that calls the same semantics with
//! constants, so that the compiler folds the choices away. Which arm an instruction may use is decided
//! once, at decoding. An instruction without one (`Fast::None`) goes the general way and means the same.

use crate::insn::{AluOp, Insn, Kind, NO_REG, Op, ShiftOp, Width};
use x86::Seg;

macro_rules! fast_forms {
    ($($name:ident),* $(,)?) => {
        /// A specialised form.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "named by mnemonic, width and operand kinds: register, memory, immediate")]
        pub enum Fast { None, $($name),* }
    };
}

fast_forms! {
    MovRR, MovRI, MovRM, MovMR, MovMI, Mov8RM, Mov8MR, Mov8RR, Mov8MI, Mov8RI, Mov16RM, Mov16MR, Lea,
    Movzx8R, Movzx8M, Movzx16R, Movzx16M, Movsx8R, Movsx8M, Movsx16R, Movsx16M, AddRR, AddRI, AddRM, AddMR,
    AddMI, SubRR, SubRI, SubRM, SubMR, SubMI, AndRR, AndRI, AndRM, AndMR, AndMI, OrRR, OrRI, OrRM, OrMR,
    OrMI, XorRR, XorRI, XorRM, XorMR, AdcRR, AdcRI, AdcRM, SbbRR, SbbRI, SbbRM, CmpRR, CmpRI, CmpRM, CmpMR,
    CmpMI, TestRR, TestRI, TestMI, TestMR, Cmp8RR, Cmp8RI, Cmp8RM, Cmp8MR, Cmp8MI, Test8RR, Test8RI, Test8MI,
    And8RI, Or8RI, Or8RR, Xor8RR, Add8RI, Sub8RI, IncR, DecR, IncM, DecM, NegR, NotR, ShlRI, ShrRI, SarRI,
    RolRI, RorRI, ShlRC, ShrRC, ImulRR, ImulRM, ImulRRI, PushR, PushI, PushM, PopR, Leave, Call, CallR,
    CallM, Ret, Jmp, JmpR, JmpM, Nop, JccO, JccNo, JccB, JccAe, JccE, JccNe, JccBe, JccA, JccS, JccNs, JccP,
    JccNp, JccL, JccGe, JccLe, JccG, SetccR, CmovRR, CmovRM, Xor8RM, Shr16RI, SarRC, MulR, MulM, Cdq,
    // The same without an index.
    MovRMPlain, MovMRPlain, MovMIPlain, Mov16RMPlain, Mov16MRPlain, Movzx16MPlain, Movzx8MPlain, LeaPlain,
    AddRMPlain, CmpRMPlain, CmpMRPlain, CmpMIPlain,
    // The first of two, done together.
    CmpRRJccB, CmpRRJccAe, CmpRRJccE, CmpRRJccNe, CmpRRJccBe, CmpRRJccA, CmpRRJccS, CmpRRJccNs, CmpRRJccL,
    CmpRRJccGe, CmpRRJccLe, CmpRRJccG, CmpRIJccB, CmpRIJccAe, CmpRIJccE, CmpRIJccNe, CmpRIJccBe, CmpRIJccA,
    CmpRIJccS, CmpRIJccNs, CmpRIJccL, CmpRIJccGe, CmpRIJccLe, CmpRIJccG, TestRRJccB, TestRRJccAe, TestRRJccE,
    TestRRJccNe, TestRRJccBe, TestRRJccA, TestRRJccS, TestRRJccNs, TestRRJccL, TestRRJccGe, TestRRJccLe,
    TestRRJccG,
    // Not an instruction: the end of a block that goes on with the next byte.
    End,
}

const JCC: [Fast; 16] = [
    Fast::JccO,
    Fast::JccNo,
    Fast::JccB,
    Fast::JccAe,
    Fast::JccE,
    Fast::JccNe,
    Fast::JccBe,
    Fast::JccA,
    Fast::JccS,
    Fast::JccNs,
    Fast::JccP,
    Fast::JccNp,
    Fast::JccL,
    Fast::JccGe,
    Fast::JccLe,
    Fast::JccG,
];

/// Picks the specialised form of an instruction, if it has one. All forms assume flat segments, 32-bit
/// addresses and stack, and (but for those named 8 and 16) 32-bit operands.
#[must_use]
pub fn specialise(i: &Insn) -> Fast {
    let fast = with_index(i);
    if i.mem.index != NO_REG {
        return fast;
    }
    match fast {
        Fast::MovRM => Fast::MovRMPlain,
        Fast::MovMR => Fast::MovMRPlain,
        Fast::MovMI => Fast::MovMIPlain,
        Fast::Mov16RM => Fast::Mov16RMPlain,
        Fast::Mov16MR => Fast::Mov16MRPlain,
        Fast::Movzx16M => Fast::Movzx16MPlain,
        Fast::Movzx8M => Fast::Movzx8MPlain,
        Fast::Lea => Fast::LeaPlain,
        Fast::AddRM => Fast::AddRMPlain,
        Fast::CmpRM => Fast::CmpRMPlain,
        Fast::CmpMR => Fast::CmpMRPlain,
        Fast::CmpMI => Fast::CmpMIPlain,
        _ => fast,
    }
}

fn with_index(i: &Insn) -> Fast {
    use Kind::{Imm, Mem, Reg};
    let uses_mem = i.k0 == Mem || i.k1 == Mem || i.op == Op::Lea;
    if uses_mem && (i.mem.asz != Width::W32 || i.mem.seg != Seg::Flat && i.op != Op::Lea) {
        return Fast::None;
    }
    let kinds = (i.k0, i.k1);
    match (i.op, i.w) {
        (Op::Mov, w) => match (w, kinds) {
            (Width::W32, (Reg, Reg)) => Fast::MovRR,
            (Width::W32, (Reg, Imm)) => Fast::MovRI,
            (Width::W32, (Reg, Mem)) => Fast::MovRM,
            (Width::W32, (Mem, Reg)) => Fast::MovMR,
            (Width::W32, (Mem, Imm)) => Fast::MovMI,
            (Width::W8, (Reg, Mem)) => Fast::Mov8RM,
            (Width::W8, (Mem, Reg)) => Fast::Mov8MR,
            (Width::W8, (Reg, Reg)) => Fast::Mov8RR,
            (Width::W8, (Mem, Imm)) => Fast::Mov8MI,
            (Width::W8, (Reg, Imm)) => Fast::Mov8RI,
            (Width::W16, (Reg, Mem)) => Fast::Mov16RM,
            (Width::W16, (Mem, Reg)) => Fast::Mov16MR,
            _ => Fast::None,
        },
        (Op::Lea, Width::W32) => Fast::Lea,
        (Op::Movzx | Op::Movsx, Width::W32) => match (i.op, i.w2, i.k1) {
            (Op::Movzx, Width::W8, Reg) => Fast::Movzx8R,
            (Op::Movzx, Width::W8, Mem) => Fast::Movzx8M,
            (Op::Movzx, Width::W16, Reg) => Fast::Movzx16R,
            (Op::Movzx, Width::W16, Mem) => Fast::Movzx16M,
            (Op::Movsx, Width::W8, Reg) => Fast::Movsx8R,
            (Op::Movsx, Width::W8, Mem) => Fast::Movsx8M,
            (Op::Movsx, Width::W16, Reg) => Fast::Movsx16R,
            (Op::Movsx, Width::W16, Mem) => Fast::Movsx16M,
            _ => Fast::None,
        },
        (Op::Alu(op), Width::W32) => alu(op, kinds),
        (Op::Alu(op), Width::W8) => match (op, kinds) {
            (AluOp::Cmp, (Reg, Reg)) => Fast::Cmp8RR,
            (AluOp::Cmp, (Reg, Imm)) => Fast::Cmp8RI,
            (AluOp::Cmp, (Reg, Mem)) => Fast::Cmp8RM,
            (AluOp::Cmp, (Mem, Reg)) => Fast::Cmp8MR,
            (AluOp::Cmp, (Mem, Imm)) => Fast::Cmp8MI,
            (AluOp::Test, (Reg, Reg)) => Fast::Test8RR,
            (AluOp::Test, (Reg, Imm)) => Fast::Test8RI,
            (AluOp::Test, (Mem, Imm)) => Fast::Test8MI,
            (AluOp::And, (Reg, Imm)) => Fast::And8RI,
            (AluOp::Or, (Reg, Imm)) => Fast::Or8RI,
            (AluOp::Or, (Reg, Reg)) => Fast::Or8RR,
            (AluOp::Xor, (Reg, Reg)) => Fast::Xor8RR,
            (AluOp::Xor, (Reg, Mem)) => Fast::Xor8RM,
            (AluOp::Add, (Reg, Imm)) => Fast::Add8RI,
            (AluOp::Sub, (Reg, Imm)) => Fast::Sub8RI,
            _ => Fast::None,
        },
        (Op::Inc, Width::W32) => {
            if i.k0 == Reg {
                Fast::IncR
            } else {
                Fast::IncM
            }
        }
        (Op::Dec, Width::W32) => {
            if i.k0 == Reg {
                Fast::DecR
            } else {
                Fast::DecM
            }
        }
        (Op::Neg, Width::W32) if i.k0 == Reg => Fast::NegR,
        (Op::Not, Width::W32) if i.k0 == Reg => Fast::NotR,
        (Op::Shift(op), Width::W32) if i.k0 == Reg => match (op, i.k1) {
            (ShiftOp::Shl, Imm) => Fast::ShlRI,
            (ShiftOp::Shr, Imm) => Fast::ShrRI,
            (ShiftOp::Sar, Imm) => Fast::SarRI,
            (ShiftOp::Rol, Imm) => Fast::RolRI,
            (ShiftOp::Ror, Imm) => Fast::RorRI,
            (ShiftOp::Shl, Reg) => Fast::ShlRC,
            (ShiftOp::Shr, Reg) => Fast::ShrRC,
            (ShiftOp::Sar, Reg) => Fast::SarRC,
            _ => Fast::None,
        },
        (Op::Imul, Width::W32) => match (i.k1, i.imm2) {
            (Reg, 0) => Fast::ImulRR,
            (Mem, 0) => Fast::ImulRM,
            (Reg, _) => Fast::ImulRRI,
            _ => Fast::None,
        },
        (Op::Cwd, Width::W32) => Fast::Cdq,
        (Op::Nop, _) if i.k0 != Mem => Fast::Nop,
        (Op::Setcc(_), _) if i.k0 == Reg => Fast::SetccR,
        (Op::Cmovcc(_), Width::W32) if i.k1 == Reg => Fast::CmovRR,
        (Op::Cmovcc(_), Width::W32) => Fast::CmovRM,
        (Op::Shift(ShiftOp::Shr), Width::W16) if kinds == (Reg, Imm) => Fast::Shr16RI,
        (Op::Mul, Width::W32) if i.k0 == Reg => Fast::MulR,
        (Op::Mul, Width::W32) => Fast::MulM,
        (Op::Jcc(cc), _) if i.w2 == Width::W32 => JCC[cc as usize & 15],
        (Op::Jmp, _) if i.w2 == Width::W32 => Fast::Jmp,
        (Op::JmpInd, Width::W32) => {
            if i.k0 == Reg {
                Fast::JmpR
            } else {
                Fast::JmpM
            }
        }
        _ => stack(i),
    }
}

fn stack(i: &Insn) -> Fast {
    if i.stack != Width::W32 || i.w != Width::W32 || !i.flat_stack() {
        return Fast::None;
    }
    match (i.op, i.k0) {
        (Op::Push, Kind::Reg) => Fast::PushR,
        (Op::Push, Kind::Imm) => Fast::PushI,
        (Op::Push, Kind::Mem) => Fast::PushM,
        (Op::Pop, Kind::Reg) => Fast::PopR,
        (Op::Leave, _) => Fast::Leave,
        (Op::Call, _) => Fast::Call,
        (Op::CallInd, Kind::Reg) => Fast::CallR,
        (Op::CallInd, Kind::Mem) => Fast::CallM,
        (Op::Ret, _) => Fast::Ret,
        _ => Fast::None,
    }
}

fn alu(op: AluOp, kinds: (Kind, Kind)) -> Fast {
    use Kind::{Imm, Mem, Reg};
    match (op, kinds) {
        (AluOp::Add, (Reg, Reg)) => Fast::AddRR,
        (AluOp::Add, (Reg, Imm)) => Fast::AddRI,
        (AluOp::Add, (Reg, Mem)) => Fast::AddRM,
        (AluOp::Add, (Mem, Reg)) => Fast::AddMR,
        (AluOp::Add, (Mem, Imm)) => Fast::AddMI,
        (AluOp::Sub, (Reg, Reg)) => Fast::SubRR,
        (AluOp::Sub, (Reg, Imm)) => Fast::SubRI,
        (AluOp::Sub, (Reg, Mem)) => Fast::SubRM,
        (AluOp::Sub, (Mem, Reg)) => Fast::SubMR,
        (AluOp::Sub, (Mem, Imm)) => Fast::SubMI,
        (AluOp::And, (Reg, Reg)) => Fast::AndRR,
        (AluOp::And, (Reg, Imm)) => Fast::AndRI,
        (AluOp::And, (Reg, Mem)) => Fast::AndRM,
        (AluOp::And, (Mem, Reg)) => Fast::AndMR,
        (AluOp::And, (Mem, Imm)) => Fast::AndMI,
        (AluOp::Or, (Reg, Reg)) => Fast::OrRR,
        (AluOp::Or, (Reg, Imm)) => Fast::OrRI,
        (AluOp::Or, (Reg, Mem)) => Fast::OrRM,
        (AluOp::Or, (Mem, Reg)) => Fast::OrMR,
        (AluOp::Or, (Mem, Imm)) => Fast::OrMI,
        (AluOp::Xor, (Reg, Reg)) => Fast::XorRR,
        (AluOp::Xor, (Reg, Imm)) => Fast::XorRI,
        (AluOp::Xor, (Reg, Mem)) => Fast::XorRM,
        (AluOp::Xor, (Mem, Reg)) => Fast::XorMR,
        (AluOp::Adc, (Reg, Reg)) => Fast::AdcRR,
        (AluOp::Adc, (Reg, Imm)) => Fast::AdcRI,
        (AluOp::Adc, (Reg, Mem)) => Fast::AdcRM,
        (AluOp::Sbb, (Reg, Reg)) => Fast::SbbRR,
        (AluOp::Sbb, (Reg, Imm)) => Fast::SbbRI,
        (AluOp::Sbb, (Reg, Mem)) => Fast::SbbRM,
        (AluOp::Cmp, (Reg, Reg)) => Fast::CmpRR,
        (AluOp::Cmp, (Reg, Imm)) => Fast::CmpRI,
        (AluOp::Cmp, (Reg, Mem)) => Fast::CmpRM,
        (AluOp::Cmp, (Mem, Reg)) => Fast::CmpMR,
        (AluOp::Cmp, (Mem, Imm)) => Fast::CmpMI,
        (AluOp::Test, (Reg, Reg)) => Fast::TestRR,
        (AluOp::Test, (Reg, Imm)) => Fast::TestRI,
        (AluOp::Test, (Mem, Imm)) => Fast::TestMI,
        (AluOp::Test, (Mem, Reg)) => Fast::TestMR,
        _ => Fast::None,
    }
}

/// The branches that [`fuse`] knows, in the order of its rows.
const FUSED_JCC: [Fast; 12] = [
    Fast::JccB,
    Fast::JccAe,
    Fast::JccE,
    Fast::JccNe,
    Fast::JccBe,
    Fast::JccA,
    Fast::JccS,
    Fast::JccNs,
    Fast::JccL,
    Fast::JccGe,
    Fast::JccLe,
    Fast::JccG,
];

/// The form of `first` that does `second`, which follows it, as well; its own if there is none. The second
/// stays where it is, with its own form, for whoever comes to it alone.
#[must_use]
pub fn fuse(first: Fast, second: Fast) -> Fast {
    macro_rules! row {
        ($($fused:ident)*) => {
            [$(Fast::$fused),*]
        };
    }
    let row = match first {
        Fast::CmpRR => row![
            CmpRRJccB CmpRRJccAe CmpRRJccE CmpRRJccNe CmpRRJccBe CmpRRJccA CmpRRJccS CmpRRJccNs CmpRRJccL
            CmpRRJccGe CmpRRJccLe CmpRRJccG
        ],
        Fast::CmpRI => row![
            CmpRIJccB CmpRIJccAe CmpRIJccE CmpRIJccNe CmpRIJccBe CmpRIJccA CmpRIJccS CmpRIJccNs CmpRIJccL
            CmpRIJccGe CmpRIJccLe CmpRIJccG
        ],
        Fast::TestRR => row![
            TestRRJccB TestRRJccAe TestRRJccE TestRRJccNe TestRRJccBe TestRRJccA TestRRJccS TestRRJccNs
            TestRRJccL TestRRJccGe TestRRJccLe TestRRJccG
        ],
        _ => return first,
    };
    FUSED_JCC.iter().position(|&jcc| jcc == second).map_or(first, |n| row[n])
}
