//! Page-table walks (SDM vol. 3, 4.3 and 4.4).

use super::{Mmu, Translation};
use crate::state::Cpu;
use x86::paging::{A, D, G, NX, P, PS, RW, US, error};
use x86::{cr0, cr4, eflags, msr};

/// Who accesses memory, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// A write (or a read with write intent).
    pub write: bool,
    /// An instruction fetch.
    pub fetch: bool,
    /// Made at CPL 3 (implicit accesses to system tables are not).
    pub user: bool,
    /// Made by the processor itself to a system table: AC does not lift SMAP.
    pub implicit: bool,
}

/// Whether a translation permits an access (SDM vol. 3, 4.6.1).
pub(super) fn permits(cpu: &Cpu, t: &Translation, a: Access) -> bool {
    if a.user {
        return t.user && (!a.write || t.writable) && !(a.fetch && t.no_execute);
    }
    if a.fetch {
        return !(t.no_execute || t.user && cpu.cr4 & cr4::SMEP != 0);
    }
    if t.user && cpu.cr4 & cr4::SMAP != 0 && (a.implicit || cpu.eflags & eflags::AC == 0) {
        return false;
    }
    !a.write || t.writable || cpu.cr0 & cr0::WP == 0
}

fn error_code(cpu: &Cpu, a: Access, bits: u32) -> u32 {
    let nx = cpu.cr4 & cr4::PAE != 0 && cpu.msr.efer & msr::efer::NXE != 0;
    bits | if a.write { error::W } else { 0 }
        | if a.user { error::U } else { 0 }
        | if a.fetch && (nx || cpu.cr4 & cr4::SMEP != 0) { error::I } else { 0 }
}

impl Mmu {
    /// Walks the tables for `lin`, sets accessed and dirty bits, and returns the translation.
    ///
    /// # Errors
    /// The error code of a page fault.
    pub(super) fn walk(&mut self, cpu: &Cpu, lin: u64, a: Access) -> Result<Translation, u32> {
        if cpu.cr4 & cr4::PAE != 0 { self.walk_pae(cpu, lin, a) } else { self.walk_legacy(cpu, lin, a) }
    }

    fn set_bits(&mut self, at: u64, entry: u64, bits: u64) {
        if entry & bits != bits {
            // A and D lie in the low half of both formats.
            self.write_phys32(at, (entry | bits) as u32);
        }
    }

    fn walk_legacy(&mut self, cpu: &Cpu, lin: u64, a: Access) -> Result<Translation, u32> {
        let fault = |bits| error_code(cpu, a, bits);
        let pde_at = (cpu.cr3 & 0xFFFF_F000) + (lin >> 22 & 0x3FF) * 4;
        let pde = u64::from(self.read_phys32(pde_at));
        if pde & P == 0 {
            return Err(fault(0));
        }
        let pge = cpu.cr4 & cr4::PGE != 0;
        if pde & PS != 0 && cpu.cr4 & cr4::PSE != 0 {
            // PSE-36 with a MAXPHYADDR of 36: bits 13 to 16 are physical address bits 32 to 35, those up to 21 are reserved.
            if pde & 0x3E_0000 != 0 {
                return Err(fault(error::P | error::RSVD));
            }
            let t = Translation {
                page: pde & 0xFFC0_0000 | (pde >> 13 & 0xF) << 32,
                writable: pde & RW != 0,
                user: pde & US != 0,
                no_execute: false,
                dirty: pde & D != 0 || a.write,
                global: pge && pde & G != 0,
                shift: 22,
            };
            if !permits(cpu, &t, a) {
                return Err(fault(error::P));
            }
            self.set_bits(pde_at, pde, if a.write { A | D } else { A });
            return Ok(t);
        }
        let pte_at = (pde & 0xFFFF_F000) + (lin >> 12 & 0x3FF) * 4;
        let pte = u64::from(self.read_phys32(pte_at));
        if pte & P == 0 {
            return Err(fault(0));
        }
        let t = Translation {
            page: pte & 0xFFFF_F000,
            writable: pde & pte & RW != 0,
            user: pde & pte & US != 0,
            no_execute: false,
            dirty: pte & D != 0 || a.write,
            global: pge && pte & G != 0,
            shift: 12,
        };
        if !permits(cpu, &t, a) {
            return Err(fault(error::P));
        }
        self.set_bits(pde_at, pde, A);
        self.set_bits(pte_at, pte, if a.write { A | D } else { A });
        Ok(t)
    }

    fn walk_pae(&mut self, cpu: &Cpu, lin: u64, a: Access) -> Result<Translation, u32> {
        let fault = |bits| error_code(cpu, a, bits);
        let nxe = cpu.msr.efer & msr::efer::NXE != 0;
        // MAXPHYADDR is 36: bits 36 to 62 are reserved, and 63 without NXE.
        let reserved = 0x7FFF_FFF0_0000_0000 | if nxe { 0 } else { NX };
        const FRAME: u64 = 0xF_FFFF_F000;
        let pdpte = cpu.pdpte[(lin >> 30 & 3) as usize];
        if pdpte & P == 0 {
            return Err(fault(0));
        }
        let pde_at = (pdpte & FRAME) + (lin >> 21 & 0x1FF) * 8;
        let pde = self.read_phys64(pde_at);
        if pde & P == 0 {
            return Err(fault(0));
        }
        let pge = cpu.cr4 & cr4::PGE != 0;
        if pde & PS != 0 {
            if pde & (reserved | 0x1F_E000) != 0 {
                return Err(fault(error::P | error::RSVD));
            }
            let t = Translation {
                page: pde & 0xF_FFE0_0000,
                writable: pde & RW != 0,
                user: pde & US != 0,
                no_execute: pde & NX != 0,
                dirty: pde & D != 0 || a.write,
                global: pge && pde & G != 0,
                shift: 21,
            };
            if !permits(cpu, &t, a) {
                return Err(fault(error::P));
            }
            self.set_bits(pde_at, pde, if a.write { A | D } else { A });
            return Ok(t);
        }
        if pde & reserved != 0 {
            return Err(fault(error::P | error::RSVD));
        }
        let pte_at = (pde & FRAME) + (lin >> 12 & 0x1FF) * 8;
        let pte = self.read_phys64(pte_at);
        if pte & P == 0 {
            return Err(fault(0));
        }
        if pte & reserved != 0 {
            return Err(fault(error::P | error::RSVD));
        }
        let t = Translation {
            page: pte & FRAME,
            writable: pde & pte & RW != 0,
            user: pde & pte & US != 0,
            no_execute: (pde | pte) & NX != 0,
            dirty: pte & D != 0 || a.write,
            global: pge && pte & G != 0,
            shift: 12,
        };
        if !permits(cpu, &t, a) {
            return Err(fault(error::P));
        }
        self.set_bits(pde_at, pde, A);
        self.set_bits(pte_at, pte, if a.write { A | D } else { A });
        Ok(t)
    }
}
