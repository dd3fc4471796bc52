//! CPUID (SDM vol. 2): what this processor says it is.
//!
//! A processor has an [`Identity`]: a model, less what was taken away from it. It announces exactly what exists, and
//! what it does not announce does not exist: instructions are #UD (`decode`), CR4 bits #GP, flags cannot be changed.
//! Which bits there are, and which model has them, are facts: `x86::cpuid`.
//!
//! Not there: serial numbers, performance counters, the power and thermal leaves (they read as zeros).

mod identity;
#[cfg(test)]
mod tests;

pub use identity::Identity;

use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::float::{XSAVE_SIZE, supported};
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use crate::platform::LocalApic;
use crate::state::Cpu;
use x86::cpuid::{CACHE_LINE, Feature, OSXSAVE, Place, Register};
use x86::{cr4, gpr};

const VENDOR: &[u8; 12] = b"GenuineIntel";
const BRAND: &[u8; 48] = b"PageVM virtual processor\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Four bytes of a text, as a register holds them.
fn word(text: &[u8], at: usize) -> u32 {
    text.iter().skip(at).take(4).rev().fold(0, |v, b| v << 8 | u32::from(*b))
}

/// The bits of a leaf's register that the features set.
fn bits(identity: &Identity, leaf: u32, register: Register) -> u32 {
    let of = |f: Feature| f.fact().place.filter(|p| p.leaf == leaf && p.register == register);
    identity.features().iter().filter_map(of).fold(0, |bits, Place { bit, .. }| bits | 1 << bit)
}

/// EAX, EBX, ECX, EDX of a leaf and sub-leaf. Past the last one of its kind, the last basic one answers, as Intel's do.
#[must_use]
pub fn leaf(cpu: &Cpu, n: u32, sub: u32) -> [u32; 4] {
    let identity = &cpu.identity;
    let model = identity.model();
    let last = identity.max_leaf();
    let n = if n <= last || (0x8000_0000..=model.max_extended_leaf).contains(&n) { n } else { last };
    let feature_bits = |register| bits(identity, n, register);
    match n {
        0 => [last, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)],
        1 => {
            let os_xsave = if cpu.cr4 & cr4::OSXSAVE != 0 { OSXSAVE } else { 0 };
            // EBX: the line of CLFLUSH in units of 8 bytes, and one logical processor.
            let flush = if identity.has(Feature::Clflush) { (CACHE_LINE / 8) << 8 | 1 << 16 } else { 0 };
            [model.signature, flush, feature_bits(Register::Ecx) | os_xsave, feature_bits(Register::Edx)]
        }
        2 => model.descriptors,
        4 => caches(identity, sub),
        0xD => saved_state(cpu, sub),
        7 if sub == 0 => [0, feature_bits(Register::Ebx), feature_bits(Register::Ecx), 0],
        0x8000_0000 => [model.max_extended_leaf, 0, 0, 0],
        0x8000_0001 => [0, 0, feature_bits(Register::Ecx), feature_bits(Register::Edx)],
        0x8000_0002..=0x8000_0004 => {
            let at = (n - 0x8000_0002) as usize * 16;
            [0, 4, 8, 12].map(|part| word(BRAND, at + part))
        }
        0x8000_0006 => [0, 0, unified_cache(identity), 0],
        0x8000_0008 => [u32::from(identity.physical_bits()) | 32 << 8, 0, 0, 0],
        _ => [0; 4],
    }
}

/// Leaf Dh: what XSAVE saves, and in how many bytes: as XCR0 is, and at most.
fn saved_state(cpu: &Cpu, sub: u32) -> [u32; 4] {
    match (sub, supported(&cpu.identity)) {
        (0, components) if components != 0 => [components as u32, XSAVE_SIZE, XSAVE_SIZE, 0],
        // Sub-leaf 1: no variants of the instructions. Above: both components lie in the legacy region.
        _ => [0; 4],
    }
}

/// Leaf 4: a cache each, then none.
fn caches(identity: &Identity, sub: u32) -> [u32; 4] {
    let Some(cache) = identity.model().caches.get(sub as usize) else { return [0; 4] };
    // Bit 8: needs no initialisation by software. All numbers are less one.
    let kind = u32::from(cache.kind) | u32::from(cache.level) << 5 | 1 << 8;
    [kind, (CACHE_LINE - 1) | (cache.ways - 1) << 22, cache.sets - 1, 0]
}

/// ECX of leaf 8000_0006h: size in KB, associativity, line.
fn unified_cache(identity: &Identity) -> u32 {
    let unified = identity.model().caches.iter().find(|c| c.level == 2);
    unified.map_or(0, |c| (c.ways * c.sets * CACHE_LINE >> 10) << 16 | c.ways << 12 | CACHE_LINE)
}

/// CPUID.
///
/// # Errors
/// None.
pub fn cpuid(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    let n = x.reg(Width::W32, gpr::AX) as u32;
    let sub = x.reg(Width::W32, gpr::CX) as u32;
    let [a, b, mut c, mut d] = leaf(&x.cpu, n, sub);
    if n == 1 {
        // The local APIC is the platform's, and can be switched off (SDM vol. 3, 10.4.3).
        let gone: &[Feature] = match x.plat.local_apic() {
            LocalApic::Enabled => &[],
            LocalApic::Disabled => &[Feature::Apic],
            LocalApic::Absent => &[Feature::Apic, Feature::X2apic, Feature::TscDeadline],
        };
        for place in gone.iter().filter_map(|f| f.fact().place) {
            let register = if place.register == Register::Ecx { &mut c } else { &mut d };
            *register &= !(1 << place.bit);
        }
    }
    for (r, v) in [(gpr::AX, a), (gpr::BX, b), (gpr::CX, c), (gpr::DX, d)] {
        x.set_reg(Width::W32, r, u64::from(v));
    }
    Ok(())
}
