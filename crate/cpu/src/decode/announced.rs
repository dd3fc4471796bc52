//! What a processor does not announce it does not have.

use crate::helpers::cpuid::Identity;
use crate::insn::Op;
use crate::state::mode;
use iced_x86::{CpuidFeature, Instruction, Mnemonic};
use x86::cpuid::Feature;

/// What an instruction decoded as `op` is on this processor: itself, or [`Op::Undefined`].
pub(super) fn only(op: Op, ins: &Instruction, identity: &Identity, mode_bits: u32) -> Op {
    let features = ins.cpuid_features();
    let exists = if came_with_family(ins.mnemonic(), features) {
        identity.model().family() >= 6
    } else {
        !features.iter().any(|f| is_missing(*f, identity))
    };
    if !exists {
        return Op::Undefined;
    }
    if !identity.has(Feature::Fpu) && features.iter().any(|f| is_x87(*f)) && mode_bits & mode::NO_X87 == 0 {
        // With nobody there to do it, nothing is done: FNSTSW leaves its operand alone, which is how programs find out.
        // With CR0.EM or CR0.TS it is #NM as ever.
        return Op::Nop;
    }
    op
}

/// What came with the sixth family and has no bit: RDPMC, and opcodes set aside for hints, whose meaning as a hint may
/// have a bit.
fn came_with_family(mnemonic: Mnemonic, features: &[CpuidFeature]) -> bool {
    match mnemonic {
        Mnemonic::Nop => features.contains(&CpuidFeature::MULTIBYTENOP),
        Mnemonic::Prefetch | Mnemonic::Prefetchw | Mnemonic::Prefetchwt1 => true,
        Mnemonic::Prefetchnta | Mnemonic::Prefetcht0 | Mnemonic::Prefetcht1 | Mnemonic::Prefetcht2 => true,
        Mnemonic::Reservednop | Mnemonic::Endbr32 | Mnemonic::Endbr64 | Mnemonic::Rdpmc => true,
        _ => false,
    }
}

fn is_x87(feature: CpuidFeature) -> bool {
    matches!(
        feature,
        CpuidFeature::FPU
            | CpuidFeature::FPU287
            | CpuidFeature::FPU387
            | CpuidFeature::FPU287XL_ONLY
            | CpuidFeature::FPU387SL_ONLY
    )
}

/// Whether an instruction of this feature is not there. Features that are not listed exist on every processor (or on
/// none, and then nothing was decoded).
fn is_missing(feature: CpuidFeature, identity: &Identity) -> bool {
    let feature = match feature {
        CpuidFeature::CPUID => Feature::Cpuid,
        CpuidFeature::TSC => Feature::Tsc,
        CpuidFeature::MSR => Feature::Msr,
        CpuidFeature::CX8 => Feature::Cx8,
        CpuidFeature::SEP => Feature::Sep,
        CpuidFeature::CMOV => Feature::Cmov,
        CpuidFeature::CLFSH => Feature::Clflush,
        CpuidFeature::MMX => Feature::Mmx,
        CpuidFeature::FXSR => Feature::Fxsr,
        CpuidFeature::SSE => Feature::Sse,
        CpuidFeature::SSE2 => Feature::Sse2,
        CpuidFeature::SSE3 => Feature::Sse3,
        CpuidFeature::SSSE3 => Feature::Ssse3,
        CpuidFeature::SSE4_1 => Feature::Sse41,
        CpuidFeature::SSE4_2 => Feature::Sse42,
        CpuidFeature::AES => Feature::Aes,
        CpuidFeature::PCLMULQDQ => Feature::Pclmulqdq,
        CpuidFeature::POPCNT => Feature::Popcnt,
        CpuidFeature::MOVBE => Feature::Movbe,
        CpuidFeature::XSAVE => Feature::Xsave,
        CpuidFeature::RDRAND => Feature::Rdrand,
        CpuidFeature::SMAP => Feature::Smap,
        _ => return false,
    };
    !identity.has(feature)
}
