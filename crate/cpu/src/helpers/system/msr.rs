//! RDTSC, RDPMC, RDMSR, WRMSR, and the model-specific registers there are (SDM vol. 4, chapter 2).
//!
//! Registers that hold a value have a field in `state::Msrs`. A few more exist because systems touch them
//! without asking CPUID on a processor of this family; they read as zero. What is not here the platform is asked for: the local
//! APIC's registers are its. All others are #GP(0), which systems that probe expect.

use super::{mtrr, privileged};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use x86::cpuid::Feature;
use x86::msr::{self, apic_base, efer};
use x86::{cr4, gpr};

/// System-bus configuration of the P6 family.
const EBL_CR_POWERON: u32 = 0x2A;
/// Loads new microcode: accepted and ignored, the revision stays 0.
const BIOS_UPDT_TRIG: u32 = 0x79;
/// The one machine-check bank: control, status, address. It never reports anything.
const MC0_CTL: u32 = 0x400;
const MC0_STATUS: u32 = 0x401;
const MC0_ADDR: u32 = 0x402;

/// Number of machine-check banks, as MCG_CAP shows it.
const MCG_BANKS: u64 = 1;
/// Bits of MCG_STATUS: RIPV, EIPV, MCIP.
const MCG_STATUS_BITS: u64 = 7;
/// Bits of MISC_ENABLE that can be written: fast strings, and the CPUID limit, which has no effect.
const MISC_ENABLE_BITS: u64 = 1 | 1 << 22;

/// The Pentium's machine-check address and type. Nothing is ever reported.
const P5_MC_ADDR: u32 = 0;
const P5_MC_TYPE: u32 = 1;

/// Whether the model has a register, of those that some model has.
fn exists(x: &Exec<'_>, number: u32) -> bool {
    let identity = &x.cpu.identity;
    let family = identity.model().family();
    match number {
        P5_MC_ADDR | P5_MC_TYPE => family == 5 && identity.has(Feature::Mce),
        msr::TSC => identity.has(Feature::Tsc),
        msr::SYSENTER_CS | msr::SYSENTER_ESP | msr::SYSENTER_EIP => identity.has(Feature::Sep),
        msr::PAT => identity.has(Feature::Pat),
        n if mtrr::read(&x.cpu, n).is_some() => identity.has(Feature::Mtrr),
        msr::EFER => identity.has(Feature::Nx),
        msr::APIC_BASE => identity.has(Feature::Apic),
        msr::TSC_DEADLINE => identity.has(Feature::TscDeadline),
        n if msr::X2APIC.contains(&n) => identity.has(Feature::X2apic),
        msr::MCG_CAP | msr::MCG_STATUS | MC0_CTL | MC0_STATUS | MC0_ADDR => identity.has(Feature::Mca),
        // Came with the Pentium 4, as the extended leaves of CPUID did.
        msr::MISC_ENABLE => identity.model().max_extended_leaf != 0,
        _ => family >= 6,
    }
}

/// EDX:EAX.
fn pair(x: &mut Exec<'_>) -> u64 {
    x.reg(Width::W32, gpr::AX) | x.reg(Width::W32, gpr::DX) << 32
}

fn set_pair(x: &mut Exec<'_>, v: u64) {
    x.set_reg(Width::W32, gpr::AX, v & 0xFFFF_FFFF);
    x.set_reg(Width::W32, gpr::DX, v >> 32);
}

fn time_stamp(x: &mut Exec<'_>) -> u64 {
    let count = x.count();
    x.plat.tsc(count).wrapping_add(x.cpu.msr.tsc_offset)
}

/// RDTSC.
///
/// # Errors
/// #GP(0) above CPL 0 if CR4.TSD is set.
pub fn rdtsc(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    if x.cpu.cr4 & cr4::TSD != 0 {
        privileged(x)?;
    }
    let v = time_stamp(x);
    set_pair(x, v);
    Ok(())
}

/// RDPMC: there are no performance counters to read.
///
/// # Errors
/// Always #GP(0).
pub fn rdpmc(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    Err(x.gp0())
}

/// RDMSR.
///
/// # Errors
/// #GP(0) above CPL 0, or if there is no such register.
pub fn rdmsr(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    let number = x.cpu.regs[usize::from(gpr::CX)] as u32;
    if !exists(x, number) {
        return Err(x.gp0());
    }
    let m = &x.cpu.msr;
    let v = match number {
        msr::TSC => time_stamp(x),
        msr::SYSENTER_CS => m.sysenter_cs,
        msr::SYSENTER_ESP => m.sysenter_esp,
        msr::SYSENTER_EIP => m.sysenter_eip,
        msr::PAT => m.pat,
        msr::EFER => m.efer,
        msr::MISC_ENABLE => m.misc_enable,
        msr::MCG_CAP => MCG_BANKS,
        msr::MCG_STATUS => m.mcg_status,
        msr::PLATFORM_ID | msr::BIOS_SIGN_ID | EBL_CR_POWERON | MC0_CTL | MC0_STATUS | MC0_ADDR => 0,
        P5_MC_ADDR | P5_MC_TYPE => 0,
        n => match mtrr::read(&x.cpu, n) {
            Some(v) => v,
            None => {
                let count = x.count();
                let answer = x.plat.msr_read(count, number);
                x.platform_touched();
                match answer {
                    Some(v) => v,
                    None => return Err(x.gp0()),
                }
            }
        },
    };
    set_pair(x, v);
    Ok(())
}

/// The memory types a PAT entry may name (SDM vol. 3, table 11-10).
fn valid_pat(v: u64) -> bool {
    v.to_le_bytes().iter().all(|t| matches!(t, 0 | 1 | 4 | 5 | 6 | 7))
}

/// WRMSR.
///
/// # Errors
/// #GP(0) above CPL 0, if there is no such register, or if it does not take the value.
pub fn wrmsr(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    privileged(x)?;
    let v = pair(x);
    let number = x.cpu.regs[usize::from(gpr::CX)] as u32;
    if exists(x, number) && mtrr::write(&mut x.cpu, number, v) {
        return Ok(());
    }
    let allowed = exists(x, number)
        && match number {
            msr::PAT => valid_pat(v),
            msr::EFER => v & !efer::NXE == 0,
            msr::APIC_BASE if v & apic_base::EXTD != 0 && !x.cpu.identity.has(Feature::X2apic) => false,
            msr::MCG_STATUS => v & !MCG_STATUS_BITS == 0,
            MC0_STATUS | MC0_ADDR => v == 0,
            msr::TSC
            | msr::SYSENTER_CS
            | msr::SYSENTER_ESP
            | msr::SYSENTER_EIP
            | msr::MISC_ENABLE
            | msr::BIOS_SIGN_ID
            | EBL_CR_POWERON
            | BIOS_UPDT_TRIG
            | MC0_CTL => true,
            _ => {
                let count = x.count();
                let taken = x.plat.msr_write(count, number, v).is_some();
                x.platform_touched();
                taken
            }
        };
    if !allowed {
        return Err(x.gp0());
    }
    if number == msr::TSC {
        let count = x.count();
        let offset = v.wrapping_sub(x.plat.tsc(count));
        x.cpu.msr.tsc_offset = offset;
        x.plat.set_tsc_offset(count, offset);
        x.platform_touched();
        return Ok(());
    }
    let m = &mut x.cpu.msr;
    match number {
        msr::SYSENTER_CS => m.sysenter_cs = v,
        msr::SYSENTER_ESP => m.sysenter_esp = v & 0xFFFF_FFFF,
        msr::SYSENTER_EIP => m.sysenter_eip = v & 0xFFFF_FFFF,
        msr::PAT => m.pat = v,
        msr::MISC_ENABLE => m.misc_enable = v & MISC_ENABLE_BITS,
        msr::MCG_STATUS => m.mcg_status = v,
        msr::EFER => {
            let changed = m.efer != v;
            m.efer = v;
            if changed {
                // Bit 63 of page-table entries changes its meaning.
                x.mmu.flush_all();
                x.leave = true;
            }
        }
        _ => {}
    }
    Ok(())
}
