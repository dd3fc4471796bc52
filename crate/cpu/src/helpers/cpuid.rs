//! CPUID (SDM vol. 2): what this processor says it is.
//!
//! It announces exactly what exists. The signature is that of a late 32-bit Atom (family 6, model 1Ch,
//! stepping 10): an in-order processor, which systems know not to speculate, so that they leave out the
//! costly workarounds against speculation (separate page tables, retpolines); and a stepping without the
//! errata for which they would switch large pages off.

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use crate::platform::LocalApic;
use x86::cpuid::{ecx1, edx1, edx8};
use x86::{cr4, gpr};

/// Type, family, model and stepping: EAX of leaf 1, and EDX after reset.
pub const SIGNATURE: u32 = 0x0001_06CA;

/// EDX of leaf 1.
pub const FEATURES: u32 = edx1::FPU
    | edx1::DE
    | edx1::PSE
    | edx1::TSC
    | edx1::MSR
    | edx1::PAE
    | edx1::MCE
    | edx1::CX8
    | edx1::SEP
    | edx1::PGE
    | edx1::MCA
    | edx1::CMOV
    | edx1::PAT
    | edx1::PSE36
    | edx1::CLFSH
    | edx1::MMX
    | edx1::FXSR
    | edx1::SSE
    | edx1::SSE2;

/// The CR4 bits that the announced features bring with them; setting another is #GP(0). PCE needs no
/// feature bit.
pub const CR4_EXISTING: u32 =
    cr4::TSD | cr4::DE | cr4::PSE | cr4::PAE | cr4::MCE | cr4::PGE | cr4::PCE | cr4::OSFXSR | cr4::OSXMMEXCPT;

const MAX_LEAF: u32 = 2;
const MAX_EXTENDED_LEAF: u32 = 0x8000_0004;
/// EBX of leaf 1: CLFLUSH line of 64 bytes (in units of 8, bits 8 to 15), one logical processor.
const LEAF1_EBX: u32 = 8 << 8 | 1 << 16;
const VENDOR: &[u8; 12] = b"GenuineIntel";
const BRAND: &[u8; 48] = b"PageVM virtual processor\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Four bytes of a text, as a register holds them.
fn word(text: &[u8], at: usize) -> u32 {
    text.iter().skip(at).take(4).rev().fold(0, |v, b| v << 8 | u32::from(*b))
}

/// EAX, EBX, ECX, EDX of a leaf. Past the last one of its kind, the last basic one answers, as Intel's do.
#[must_use]
pub fn leaf(n: u32) -> [u32; 4] {
    match n {
        0 => [MAX_LEAF, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)],
        1 => [SIGNATURE, LEAF1_EBX, 0, FEATURES],
        0x8000_0000 => [MAX_EXTENDED_LEAF, 0, 0, 0],
        0x8000_0001 => [0, 0, 0, edx8::NX],
        0x8000_0002..=MAX_EXTENDED_LEAF => {
            let at = (n - 0x8000_0002) as usize * 16;
            [0, 4, 8, 12].map(|part| word(BRAND, at + part))
        }
        // Caches and TLBs: 32 KB instructions, 32 KB data, 512 KB unified, 64-byte lines.
        _ => [0x02B3_B001, 0, 0, 0x2C04_307F],
    }
}

/// CPUID.
///
/// # Errors
/// None.
pub fn cpuid(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    let n = x.reg(Width::W32, gpr::AX) as u32;
    let [a, b, mut c, mut d] = leaf(n);
    if n == 1 {
        // The local APIC is the platform's, and can be switched off (SDM vol. 3, 10.4.3).
        let apic = x.plat.local_apic();
        c |= if apic == LocalApic::Absent { 0 } else { ecx1::X2APIC | ecx1::TSC_DEADLINE };
        d |= if apic == LocalApic::Enabled { edx1::APIC } else { 0 };
    }
    for (r, v) in [(gpr::AX, a), (gpr::BX, b), (gpr::CX, c), (gpr::DX, d)] {
        x.set_reg(Width::W32, r, u64::from(v));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: &[u32]) -> String {
        words.iter().flat_map(|w| w.to_le_bytes()).filter(|b| *b != 0).map(char::from).collect()
    }

    #[test]
    fn names_itself() {
        let [max, b, c, d] = leaf(0);
        assert_eq!(max, 2);
        assert_eq!(text(&[b, d, c]), "GenuineIntel");
        let brand: Vec<u32> = (0x8000_0002..=0x8000_0004).flat_map(leaf).collect();
        assert_eq!(text(&brand), "PageVM virtual processor");
    }

    #[test]
    fn announces_nothing_that_is_missing() {
        let [signature, _, ecx, edx] = leaf(1);
        assert_eq!(signature >> 8 & 15, 6, "family");
        assert_eq!(ecx, 0);
        assert_eq!(edx & (edx1::APIC | edx1::MTRR | edx1::VME), 0);
        assert_eq!(CR4_EXISTING & (cr4::VME | cr4::PVI | cr4::SMEP | cr4::SMAP | cr4::UMIP), 0);
    }

    #[test]
    fn leaves_past_the_end_answer_like_the_last_basic_one() {
        for n in [3, 0x20, 0x4000_0000, 0x8000_0005, u32::MAX] {
            assert_eq!(leaf(n), leaf(2), "{n:#x}");
        }
    }
}
