//! MMX, SSE to SSE4.2, AES and PCLMULQDQ (SDM vol. 2, chapters 3 and 4).

use super::{operand, register};
use crate::insn::{Insn, Kind, NO_REG, Op, Width};
use crate::micro::{Shuffle, SseArith, SseConvert, VecOp};
use crate::semantics::mmx::MmxOp;
use crate::semantics::sse::{SseOp, StringResult};
use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

/// Decodes an instruction on MMX or SSE registers.
pub(super) fn decode_simd(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let op = hint(ins.mnemonic())
        .or_else(|| integer(ins, out))
        .or_else(|| shuffle(ins, out))
        .or_else(|| arithmetic(ins, out))
        .or_else(|| conversion(ins, out))
        .or_else(|| moves(ins, out))
        .or_else(|| element(ins, out))
        .or_else(|| later(ins, out))
        .or_else(|| other(ins, out))?;
    if !matches!(op, Op::Mmx(MmxOp::StoreMasked) | Op::Sse(SseOp::StoreMasked)) {
        // A third operand is an immediate, or XMM0.
        for n in (0..ins.op_count()).filter(|n| *n < 2 || ins.op_kind(*n) != OpKind::Register) {
            operand(ins, n, out);
        }
    }
    Some(op)
}

fn has_mmx(ins: &Instruction) -> bool {
    (0..ins.op_count()).any(|n| ins.op_kind(n) == OpKind::Register && ins.op_register(n).is_mm())
}

/// Instructions that order or prefetch: nothing to do here, where memory is in order.
fn hint(mnemonic: Mnemonic) -> Option<Op> {
    matches!(
        mnemonic,
        Mnemonic::Lfence
            | Mnemonic::Mfence
            | Mnemonic::Sfence
            | Mnemonic::Prefetchnta
            | Mnemonic::Prefetcht0
            | Mnemonic::Prefetcht1
            | Mnemonic::Prefetcht2
            | Mnemonic::Prefetchw
    )
    .then_some(Op::Nop)
}

/// Packed integers and logic.
fn integer(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let op = vec_op(ins.mnemonic())?;
    let immediate = ins.op_kind(1) == OpKind::Immediate8;
    if has_mmx(ins) {
        // PUNPCKL* of MMX reads four bytes of memory only.
        let low = matches!(op, VecOp::UnpackLowB | VecOp::UnpackLowW | VecOp::UnpackLowD);
        out.w = if low { Width::W32 } else { Width::W64 };
        return Some(Op::Mmx(if immediate { MmxOp::IntImm(op) } else { MmxOp::Int(op) }));
    }
    Some(Op::Sse(if immediate { SseOp::IntImm(op) } else { SseOp::Int(op) }))
}

fn vec_op(mnemonic: Mnemonic) -> Option<VecOp> {
    Some(match mnemonic {
        Mnemonic::Paddb => VecOp::AddB,
        Mnemonic::Paddw => VecOp::AddW,
        Mnemonic::Paddd => VecOp::AddD,
        Mnemonic::Paddq => VecOp::AddQ,
        Mnemonic::Paddsb => VecOp::AddSB,
        Mnemonic::Paddsw => VecOp::AddSW,
        Mnemonic::Paddusb => VecOp::AddUB,
        Mnemonic::Paddusw => VecOp::AddUW,
        Mnemonic::Psubb => VecOp::SubB,
        Mnemonic::Psubw => VecOp::SubW,
        Mnemonic::Psubd => VecOp::SubD,
        Mnemonic::Psubq => VecOp::SubQ,
        Mnemonic::Psubsb => VecOp::SubSB,
        Mnemonic::Psubsw => VecOp::SubSW,
        Mnemonic::Psubusb => VecOp::SubUB,
        Mnemonic::Psubusw => VecOp::SubUW,
        Mnemonic::Pmullw => VecOp::MulLowW,
        Mnemonic::Pmulhw => VecOp::MulHighW,
        Mnemonic::Pmulhuw => VecOp::MulHighUW,
        Mnemonic::Pmuludq => VecOp::MulUD,
        Mnemonic::Pmaddwd => VecOp::MulAddW,
        Mnemonic::Pavgb => VecOp::AvgB,
        Mnemonic::Pavgw => VecOp::AvgW,
        Mnemonic::Pminub => VecOp::MinUB,
        Mnemonic::Pmaxub => VecOp::MaxUB,
        Mnemonic::Pminsw => VecOp::MinSW,
        Mnemonic::Pmaxsw => VecOp::MaxSW,
        Mnemonic::Psadbw => VecOp::SadB,
        Mnemonic::Pand | Mnemonic::Andps | Mnemonic::Andpd => VecOp::And,
        Mnemonic::Pandn | Mnemonic::Andnps | Mnemonic::Andnpd => VecOp::AndNot,
        Mnemonic::Por | Mnemonic::Orps | Mnemonic::Orpd => VecOp::Or,
        Mnemonic::Pxor | Mnemonic::Xorps | Mnemonic::Xorpd => VecOp::Xor,
        Mnemonic::Pcmpeqb => VecOp::EqB,
        Mnemonic::Pcmpeqw => VecOp::EqW,
        Mnemonic::Pcmpeqd => VecOp::EqD,
        Mnemonic::Pcmpgtb => VecOp::GtB,
        Mnemonic::Pcmpgtw => VecOp::GtW,
        Mnemonic::Pcmpgtd => VecOp::GtD,
        Mnemonic::Psllw => VecOp::ShlW,
        Mnemonic::Pslld => VecOp::ShlD,
        Mnemonic::Psllq => VecOp::ShlQ,
        Mnemonic::Psrlw => VecOp::ShrW,
        Mnemonic::Psrld => VecOp::ShrD,
        Mnemonic::Psrlq => VecOp::ShrQ,
        Mnemonic::Psraw => VecOp::SarW,
        Mnemonic::Psrad => VecOp::SarD,
        Mnemonic::Pslldq => VecOp::ShlBytes,
        Mnemonic::Psrldq => VecOp::ShrBytes,
        Mnemonic::Packsswb => VecOp::PackSWB,
        Mnemonic::Packssdw => VecOp::PackSDW,
        Mnemonic::Packuswb => VecOp::PackUWB,
        Mnemonic::Punpcklbw => VecOp::UnpackLowB,
        Mnemonic::Punpcklwd => VecOp::UnpackLowW,
        Mnemonic::Punpckldq | Mnemonic::Unpcklps => VecOp::UnpackLowD,
        Mnemonic::Punpcklqdq | Mnemonic::Unpcklpd => VecOp::UnpackLowQ,
        Mnemonic::Punpckhbw => VecOp::UnpackHighB,
        Mnemonic::Punpckhwd => VecOp::UnpackHighW,
        Mnemonic::Punpckhdq | Mnemonic::Unpckhps => VecOp::UnpackHighD,
        Mnemonic::Punpckhqdq | Mnemonic::Unpckhpd => VecOp::UnpackHighQ,
        Mnemonic::Pshufb => VecOp::ShuffleB,
        Mnemonic::Phaddw => VecOp::HAddW,
        Mnemonic::Phaddd => VecOp::HAddD,
        Mnemonic::Phaddsw => VecOp::HAddSW,
        Mnemonic::Phsubw => VecOp::HSubW,
        Mnemonic::Phsubd => VecOp::HSubD,
        Mnemonic::Phsubsw => VecOp::HSubSW,
        Mnemonic::Pmaddubsw => VecOp::MulAddUB,
        Mnemonic::Pmulhrsw => VecOp::MulHighRoundW,
        Mnemonic::Psignb => VecOp::SignB,
        Mnemonic::Psignw => VecOp::SignW,
        Mnemonic::Psignd => VecOp::SignD,
        Mnemonic::Pabsb => VecOp::AbsB,
        Mnemonic::Pabsw => VecOp::AbsW,
        Mnemonic::Pabsd => VecOp::AbsD,
        Mnemonic::Pmulld => VecOp::MulLowD,
        Mnemonic::Pmuldq => VecOp::MulD,
        Mnemonic::Pminsb => VecOp::MinSB,
        Mnemonic::Pmaxsb => VecOp::MaxSB,
        Mnemonic::Pminuw => VecOp::MinUW,
        Mnemonic::Pmaxuw => VecOp::MaxUW,
        Mnemonic::Pminsd => VecOp::MinSD,
        Mnemonic::Pmaxsd => VecOp::MaxSD,
        Mnemonic::Pminud => VecOp::MinUD,
        Mnemonic::Pmaxud => VecOp::MaxUD,
        Mnemonic::Packusdw => VecOp::PackUDW,
        Mnemonic::Pcmpeqq => VecOp::EqQ,
        Mnemonic::Pcmpgtq => VecOp::GtQ,
        Mnemonic::Phminposuw => VecOp::MinPosW,
        Mnemonic::Aesenc => VecOp::AesEnc,
        Mnemonic::Aesenclast => VecOp::AesEncLast,
        Mnemonic::Aesdec => VecOp::AesDec,
        Mnemonic::Aesdeclast => VecOp::AesDecLast,
        Mnemonic::Aesimc => VecOp::AesMix,
        _ => return None,
    })
}

/// What an immediate steers.
fn shuffle(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let op = match ins.mnemonic() {
        Mnemonic::Pshufw => return Some(Op::Mmx(MmxOp::Shuffle)),
        Mnemonic::Palignr if has_mmx(ins) => return Some(Op::Mmx(MmxOp::Align)),
        Mnemonic::Pshufd => Shuffle::D,
        Mnemonic::Pshuflw => Shuffle::LowW,
        Mnemonic::Pshufhw => Shuffle::HighW,
        Mnemonic::Shufps => Shuffle::Ps,
        Mnemonic::Shufpd => Shuffle::Pd,
        Mnemonic::Palignr => Shuffle::Align,
        Mnemonic::Pblendw => Shuffle::BlendW,
        Mnemonic::Blendps => Shuffle::BlendPs,
        Mnemonic::Blendpd => Shuffle::BlendPd,
        Mnemonic::Mpsadbw => Shuffle::SadBlocks,
        Mnemonic::Pclmulqdq => Shuffle::MulCarryless,
        Mnemonic::Aeskeygenassist => Shuffle::AesKey,
        // Without an immediate: each odd element twice, each even one.
        Mnemonic::Movshdup | Mnemonic::Movsldup => {
            out.imm = if ins.mnemonic() == Mnemonic::Movshdup { 0b11_11_01_01 } else { 0b10_10_00_00 };
            Shuffle::D
        }
        _ => return None,
    };
    Some(Op::Sse(SseOp::Shuffle(op)))
}

/// Floating-point arithmetic and comparison.
fn arithmetic(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    const COMPARISONS: [SseArith; 8] = [
        SseArith::Equal,
        SseArith::Less,
        SseArith::LessOrEqual,
        SseArith::Unordered,
        SseArith::NotEqual,
        SseArith::NotLess,
        SseArith::NotLessOrEqual,
        SseArith::Ordered,
    ];
    use Mnemonic as M;
    if let Some(op) = horizontal(ins.mnemonic(), out) {
        return Some(Op::Sse(op));
    }
    let (op, w, packed) = match ins.mnemonic() {
        M::Addps => (SseArith::Add, Width::W32, true),
        M::Addpd => (SseArith::Add, Width::W64, true),
        M::Addss => (SseArith::Add, Width::W32, false),
        M::Addsd => (SseArith::Add, Width::W64, false),
        M::Mulps => (SseArith::Mul, Width::W32, true),
        M::Mulpd => (SseArith::Mul, Width::W64, true),
        M::Mulss => (SseArith::Mul, Width::W32, false),
        M::Mulsd => (SseArith::Mul, Width::W64, false),
        M::Subps => (SseArith::Sub, Width::W32, true),
        M::Subpd => (SseArith::Sub, Width::W64, true),
        M::Subss => (SseArith::Sub, Width::W32, false),
        M::Subsd => (SseArith::Sub, Width::W64, false),
        M::Minps => (SseArith::Min, Width::W32, true),
        M::Minpd => (SseArith::Min, Width::W64, true),
        M::Minss => (SseArith::Min, Width::W32, false),
        M::Minsd => (SseArith::Min, Width::W64, false),
        M::Divps => (SseArith::Div, Width::W32, true),
        M::Divpd => (SseArith::Div, Width::W64, true),
        M::Divss => (SseArith::Div, Width::W32, false),
        M::Divsd => (SseArith::Div, Width::W64, false),
        M::Maxps => (SseArith::Max, Width::W32, true),
        M::Maxpd => (SseArith::Max, Width::W64, true),
        M::Maxss => (SseArith::Max, Width::W32, false),
        M::Maxsd => (SseArith::Max, Width::W64, false),
        M::Sqrtps => (SseArith::Sqrt, Width::W32, true),
        M::Sqrtpd => (SseArith::Sqrt, Width::W64, true),
        M::Sqrtss => (SseArith::Sqrt, Width::W32, false),
        M::Sqrtsd => (SseArith::Sqrt, Width::W64, false),
        M::Rcpps => (SseArith::Rcp, Width::W32, true),
        M::Rcpss => (SseArith::Rcp, Width::W32, false),
        M::Rsqrtps => (SseArith::Rsqrt, Width::W32, true),
        M::Rsqrtss => (SseArith::Rsqrt, Width::W32, false),
        M::Cmpps | M::Cmppd | M::Cmpss | M::Cmpsd => {
            // Bits 3 to 7 of the immediate are reserved (SDM vol. 2, CMPPD).
            let op = COMPARISONS[usize::from(ins.immediate8() & 7)];
            let double = matches!(ins.mnemonic(), M::Cmppd | M::Cmpsd);
            let packed = matches!(ins.mnemonic(), M::Cmppd | M::Cmpps);
            (op, if double { Width::W64 } else { Width::W32 }, packed)
        }
        M::Comiss | M::Ucomiss => {
            out.w = Width::W32;
            return Some(Op::Sse(SseOp::Compare { quiet: ins.mnemonic() == M::Ucomiss }));
        }
        M::Comisd | M::Ucomisd => {
            out.w = Width::W64;
            return Some(Op::Sse(SseOp::Compare { quiet: ins.mnemonic() == M::Ucomisd }));
        }
        _ => return None,
    };
    out.w = w;
    Some(Op::Sse(if packed { SseOp::Packed(op) } else { SseOp::Scalar(op) }))
}

/// Of neighbours; rounding; dot products.
fn horizontal(mnemonic: Mnemonic, out: &mut Insn) -> Option<SseOp> {
    use Mnemonic as M;
    let (op, w) = match mnemonic {
        M::Haddps => (SseOp::Horizontal(SseArith::Add), Width::W32),
        M::Haddpd => (SseOp::Horizontal(SseArith::Add), Width::W64),
        M::Hsubps => (SseOp::Horizontal(SseArith::Sub), Width::W32),
        M::Hsubpd => (SseOp::Horizontal(SseArith::Sub), Width::W64),
        M::Addsubps => (SseOp::Packed(SseArith::AddSub), Width::W32),
        M::Addsubpd => (SseOp::Packed(SseArith::AddSub), Width::W64),
        M::Roundss => (SseOp::Round, Width::W32),
        M::Roundsd => (SseOp::Round, Width::W64),
        M::Roundps => (SseOp::RoundAll, Width::W32),
        M::Roundpd => (SseOp::RoundAll, Width::W64),
        M::Dpps => (SseOp::Dot, Width::W32),
        M::Dppd => (SseOp::Dot, Width::W64),
        _ => return None,
    };
    out.w = w;
    Some(op)
}

/// Conversions; `w` is the width of what is read: of an element for scalar ones, else of the whole operand,
/// if that is not a vector.
fn conversion(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    use Mnemonic as M;
    use SseConvert as C;
    let (op, w) = match ins.mnemonic() {
        M::Cvtss2sd => (SseOp::Convert(C::F32ToF64), Width::W32),
        M::Cvtsd2ss => (SseOp::Convert(C::F64ToF32), Width::W64),
        M::Cvtsi2ss => (SseOp::FromInt(C::I32ToF32), Width::W32),
        M::Cvtsi2sd => (SseOp::FromInt(C::I32ToF64), Width::W32),
        M::Cvtss2si => (SseOp::ToInt(C::F32ToI32), Width::W32),
        M::Cvttss2si => (SseOp::ToInt(C::F32TruncI32), Width::W32),
        M::Cvtsd2si => (SseOp::ToInt(C::F64ToI32), Width::W64),
        M::Cvttsd2si => (SseOp::ToInt(C::F64TruncI32), Width::W64),
        M::Cvtps2pd => (SseOp::ConvertLow(C::F32ToF64), Width::W64),
        M::Cvtdq2pd => (SseOp::ConvertLow(C::I32ToF64), Width::W64),
        M::Cvtpd2ps => (SseOp::ConvertAll(C::F64ToF32), Width::W64),
        M::Cvtdq2ps => (SseOp::ConvertAll(C::I32ToF32), Width::W32),
        M::Cvtps2dq => (SseOp::ConvertAll(C::F32ToI32), Width::W32),
        M::Cvttps2dq => (SseOp::ConvertAll(C::F32TruncI32), Width::W32),
        M::Cvtpd2dq => (SseOp::ConvertAll(C::F64ToI32), Width::W64),
        M::Cvttpd2dq => (SseOp::ConvertAll(C::F64TruncI32), Width::W64),
        M::Cvtpi2ps => (SseOp::FromMmx(C::I32ToF32), Width::W64),
        M::Cvtpi2pd => (SseOp::FromMmx(C::I32ToF64), Width::W64),
        M::Cvtps2pi => (SseOp::ToMmx(C::F32ToI32), Width::W64),
        M::Cvttps2pi => (SseOp::ToMmx(C::F32TruncI32), Width::W64),
        M::Cvtpd2pi => (SseOp::ToMmx(C::F64ToI32), Width::W64),
        M::Cvttpd2pi => (SseOp::ToMmx(C::F64TruncI32), Width::W64),
        _ => return None,
    };
    out.w = w;
    Some(Op::Sse(op))
}

fn moves(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    use Mnemonic as M;
    let op = match ins.mnemonic() {
        M::Movaps | M::Movapd | M::Movdqa => SseOp::MovAligned,
        M::Movntps | M::Movntpd | M::Movntdq | M::Movntdqa => SseOp::MovAligned,
        M::Movups | M::Movupd | M::Movdqu | M::Lddqu => SseOp::MovUnaligned,
        M::Movddup => SseOp::MovTwice,
        M::Movss | M::Movsd => {
            out.w = if ins.mnemonic() == M::Movss { Width::W32 } else { Width::W64 };
            SseOp::MovScalar
        }
        M::Movlps | M::Movlpd => SseOp::MovHalf { high: false },
        M::Movhps | M::Movhpd => SseOp::MovHalf { high: true },
        M::Movhlps => SseOp::MovHighToLow,
        M::Movlhps => SseOp::MovLowToHigh,
        M::Movd | M::Movq => {
            let q = ins.mnemonic() == M::Movq;
            out.w = if q { Width::W64 } else { Width::W32 };
            if has_mmx(ins) {
                return Some(Op::Mmx(if q {
                    MmxOp::MovQ
                } else {
                    load_or_store(ins, MmxOp::MovDIn, MmxOp::MovDOut)
                }));
            }
            if q { SseOp::MovQ } else { load_or_store(ins, SseOp::MovDIn, SseOp::MovDOut) }
        }
        M::Movntq => {
            out.w = Width::W64;
            return Some(Op::Mmx(MmxOp::MovQ));
        }
        M::Movnti => {
            // Integer registers: an ordinary store, whatever CR0 and CR4 say (SDM vol. 2, MOVNTI).
            out.w = Width::W32;
            return Some(Op::Mov);
        }
        M::Movdq2q => SseOp::MovToMmx,
        M::Movq2dq => SseOp::MovFromMmx,
        _ => return None,
    };
    Some(Op::Sse(op))
}

/// `load` if the first operand is a register of MMX or SSE, else `store`.
fn load_or_store<T>(ins: &Instruction, load: T, store: T) -> T {
    let first = if ins.op_kind(0) == OpKind::Register { ins.op_register(0) } else { Register::None };
    if first.is_mm() || first.is_xmm() { load } else { store }
}

/// Single elements and signs.
fn element(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    Some(match ins.code() {
        Code::Pinsrw_mm_r32m16_imm8 => Op::Mmx(MmxOp::Insert),
        Code::Pextrw_r32_mm_imm8 => Op::Mmx(MmxOp::Extract),
        Code::Pinsrb_xmm_r32m8_imm8 => sized(out, Width::W8, SseOp::Insert),
        Code::Pinsrw_xmm_r32m16_imm8 => sized(out, Width::W16, SseOp::Insert),
        Code::Pinsrd_xmm_rm32_imm8 => sized(out, Width::W32, SseOp::Insert),
        Code::Pextrb_r32m8_xmm_imm8 => sized(out, Width::W8, SseOp::Extract),
        Code::Pextrw_r32_xmm_imm8 | Code::Pextrw_r32m16_xmm_imm8 => sized(out, Width::W16, SseOp::Extract),
        Code::Pextrd_rm32_xmm_imm8 | Code::Extractps_rm32_xmm_imm8 => sized(out, Width::W32, SseOp::Extract),
        Code::Pmovmskb_r32_mm => Op::Mmx(MmxOp::Signs),
        Code::Pmovmskb_r32_xmm => sized(out, Width::W8, SseOp::Signs),
        Code::Movmskps_r32_xmm => sized(out, Width::W32, SseOp::Signs),
        Code::Movmskpd_r32_xmm => sized(out, Width::W64, SseOp::Signs),
        _ => return None,
    })
}

fn sized(out: &mut Insn, w: Width, op: SseOp) -> Op {
    out.w = w;
    Op::Sse(op)
}

/// What SSE4 brought, but for what is like something before it.
fn later(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    use Mnemonic as M;
    let string = |lengths: bool, result: StringResult| Some(Op::Sse(SseOp::Strings { lengths, result }));
    let (w, op) = match ins.mnemonic() {
        M::Pmovsxbw => (Width::W64, SseOp::Widen(VecOp::WidenSBW)),
        M::Pmovsxbd => (Width::W32, SseOp::Widen(VecOp::WidenSBD)),
        M::Pmovsxbq => (Width::W16, SseOp::Widen(VecOp::WidenSBQ)),
        M::Pmovsxwd => (Width::W64, SseOp::Widen(VecOp::WidenSWD)),
        M::Pmovsxwq => (Width::W32, SseOp::Widen(VecOp::WidenSWQ)),
        M::Pmovsxdq => (Width::W64, SseOp::Widen(VecOp::WidenSDQ)),
        M::Pmovzxbw => (Width::W64, SseOp::Widen(VecOp::WidenUBW)),
        M::Pmovzxbd => (Width::W32, SseOp::Widen(VecOp::WidenUBD)),
        M::Pmovzxbq => (Width::W16, SseOp::Widen(VecOp::WidenUBQ)),
        M::Pmovzxwd => (Width::W64, SseOp::Widen(VecOp::WidenUWD)),
        M::Pmovzxwq => (Width::W32, SseOp::Widen(VecOp::WidenUWQ)),
        M::Pmovzxdq => (Width::W64, SseOp::Widen(VecOp::WidenUDQ)),
        M::Pblendvb => (Width::W8, SseOp::Blend),
        M::Blendvps => (Width::W32, SseOp::Blend),
        M::Blendvpd => (Width::W64, SseOp::Blend),
        M::Insertps => (Width::W32, SseOp::InsertPs),
        M::Ptest => (Width::W64, SseOp::Test),
        M::Pcmpestri => return string(true, StringResult::Index),
        M::Pcmpestrm => return string(true, StringResult::Mask),
        M::Pcmpistri => return string(false, StringResult::Index),
        M::Pcmpistrm => return string(false, StringResult::Mask),
        _ => return None,
    };
    Some(sized(out, w, op))
}

fn other(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    Some(match ins.mnemonic() {
        Mnemonic::Emms => Op::Mmx(MmxOp::Empty),
        Mnemonic::Maskmovq | Mnemonic::Maskmovdqu => {
            // Stores to DS:(E)DI, which is not an encoded operand.
            out.mem.base = register(Register::DI);
            out.mem.index = NO_REG;
            out.mem.scale = 0;
            out.mem.disp = 0;
            out.k0 = Kind::Reg;
            out.k1 = Kind::Reg;
            out.r0 = register(ins.op_register(1));
            out.r1 = register(ins.op_register(2));
            let mmx = ins.mnemonic() == Mnemonic::Maskmovq;
            if mmx { Op::Mmx(MmxOp::StoreMasked) } else { Op::Sse(SseOp::StoreMasked) }
        }
        Mnemonic::Ldmxcsr => Op::Sse(SseOp::Ldmxcsr),
        Mnemonic::Stmxcsr => Op::Sse(SseOp::Stmxcsr),
        Mnemonic::Clflush => Op::Sse(SseOp::Clflush),
        _ => return None,
    })
}
