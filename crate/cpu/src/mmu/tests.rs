//! Paging: who may access what, reserved bits, and physical addresses above 4 GB.

use crate::exec::Exec;
use crate::fault::{Fault, Stop};
use crate::helpers::cpuid::Identity;
use crate::helpers::segment::testing::Machine;
use crate::insn::{Seg, Width};
use crate::mmu::Access;
use x86::paging::{A, D, G, NX, P, PS, RW, US, error};
use x86::vector::PF;
use x86::{cr0, cr4, eflags, msr};

/// The directory (or the pointers to the directories), and what lies below it.
const ROOT: u64 = 0x8_0000;
const DIRECTORY: u64 = 0x8_1000;
const TABLE: u64 = 0x8_2000;
/// The linear address that is looked at: entry 5 of table 0.
const LIN: u64 = 0x5000;

/// A machine at a CPL with paging on, and its entries for [`LIN`].
fn paged(cpl: u8, bits: u32, directory: u64, entry: u64) -> Machine {
    let mut m = Machine::protected(cpl);
    m.cpu.cr3 = ROOT;
    m.cpu.cr4 = bits;
    m.cpu.cr0 |= cr0::PG | cr0::WP;
    if bits & cr4::PAE != 0 {
        m.cpu.pdpte = [DIRECTORY | P, 0, 0, 0];
        m.put(Width::W64, DIRECTORY, directory);
        m.put(Width::W64, TABLE + 8 * 5, entry);
    } else {
        m.put(Width::W32, ROOT, directory);
        m.put(Width::W32, TABLE + 4 * 5, entry);
    }
    m
}

/// The error code of the page fault that an access raises, or none.
fn access(m: &mut Machine, a: Access) -> Option<u32> {
    m.cpu.update_mode();
    m.with(|x| match x.translate(LIN, a) {
        Ok(_) => None,
        Err(Stop::Fault) => {
            assert_eq!((x.cpu.fault.vector, x.cpu.cr2), (PF, LIN));
            Some(x.cpu.fault.error)
        }
        Err(Stop::NotHere) => panic!("memory is all here"),
    })
}

const READ: Access = Access { write: false, fetch: false, user: false, implicit: false };
const WRITE: Access = Access { write: true, ..READ };
const FETCH: Access = Access { fetch: true, ..READ };
const IMPLICIT: Access = Access { implicit: true, ..READ };
const USER: Access = Access { user: true, ..READ };
const USER_FETCH: Access = Access { fetch: true, ..USER };

#[test]
fn smep_and_smap_keep_supervisors_from_user_pages() {
    const PROTECTION: u32 = error::P;
    // CPL, CR4, AC, the page's bits, the access, the error code
    type Row = (u8, u32, bool, u64, Access, Option<u32>);
    let rows: &[Row] = &[
        (0, 0, false, RW | US, FETCH, None),
        (0, cr4::SMEP, false, RW | US, FETCH, Some(PROTECTION | error::I)),
        (0, cr4::SMEP, true, RW | US, FETCH, Some(PROTECTION | error::I)),
        (0, cr4::SMEP, false, RW | US, WRITE, None),
        (0, cr4::SMEP, false, RW, FETCH, None),
        (3, cr4::SMEP, false, RW | US, USER_FETCH, None),
        (3, cr4::SMEP, false, RW, USER_FETCH, Some(PROTECTION | error::U | error::I)),
        (3, 0, false, RW, USER_FETCH, Some(PROTECTION | error::U)),
        (0, cr4::SMAP, false, RW | US, READ, Some(PROTECTION)),
        (0, cr4::SMAP, false, RW | US, WRITE, Some(PROTECTION | error::W)),
        (0, cr4::SMAP, true, RW | US, READ, None),
        (0, cr4::SMAP, true, RW | US, WRITE, None),
        (0, cr4::SMAP, true, US, WRITE, Some(PROTECTION | error::W)),
        (0, cr4::SMAP, false, RW, WRITE, None),
        (0, cr4::SMAP, false, RW | US, FETCH, None),
        (1, cr4::SMAP, false, RW | US, READ, Some(PROTECTION)),
        (1, cr4::SMAP, true, RW | US, READ, None),
        (3, cr4::SMAP, false, RW | US, USER, None),
        (0, cr4::SMAP, true, RW | US, IMPLICIT, Some(PROTECTION)),
        (3, cr4::SMAP, true, RW | US, IMPLICIT, Some(PROTECTION)),
        // The handler's stack, pushed to from a user program.
        (3, cr4::SMAP, true, RW | US, WRITE, Some(PROTECTION | error::W)),
        (3, cr4::SMAP, true, RW, WRITE, None),
    ];
    for &(cpl, bits, ac, page, a, expected) in rows {
        for pae in [0, cr4::PAE] {
            for level in [0, 1] {
                // The bits of both levels count.
                let (upper, lower) = if level == 0 { (RW | US, page) } else { (page, RW | US) };
                let mut m = paged(cpl, bits | pae, TABLE | P | upper, 0x6000 | P | lower);
                m.cpu.set_eflags(if ac { eflags::AC } else { 0 });
                let what = format!("CPL {cpl}, CR4 {bits:#x}, AC {ac}, page {page:#x}, {a:?}, PAE {pae}");
                assert_eq!(access(&mut m, a), expected, "{what}");
            }
        }
    }
}

#[test]
fn fetching_is_told_when_something_depends_on_it() {
    let not_present = |bits, efer| {
        let mut m = paged(0, bits, TABLE | P | RW, 0);
        m.cpu.msr.efer = efer;
        access(&mut m, FETCH)
    };
    assert_eq!(not_present(0, 0), Some(0));
    assert_eq!(not_present(cr4::SMEP, 0), Some(error::I));
    assert_eq!(not_present(cr4::PAE, msr::efer::NXE), Some(error::I));
    assert_eq!(not_present(cr4::PAE, 0), Some(0));
    assert_eq!(not_present(0, msr::efer::NXE), Some(0), "without PAE there is no NX");
    let mut m = paged(0, cr4::PAE, TABLE | P | RW, 0x6000 | P | RW | NX);
    m.cpu.msr.efer = msr::efer::NXE;
    assert_eq!(access(&mut m, READ), None);
    assert_eq!(access(&mut m, FETCH), Some(error::P | error::I));
}

#[test]
fn stac_and_clac_change_what_a_supervisor_may_access() {
    let load = [0x8B, 0x1D, 0, 0x50, 0, 0];
    let mut m = paged(0, cr4::SMAP, TABLE | P | RW | US, 0x6000 | P | RW | US);
    for page in [0x10, 0x20] {
        m.put(Width::W32, TABLE + 4 * page, page << 12 | P | RW);
    }
    m.cpu.update_mode();
    let fault = Err(Fault::with(PF, error::P));
    assert_eq!(m.step(&load), fault);
    m.step(&[0x0F, 0x01, 0xCB]).unwrap();
    assert!(m.flag(eflags::AC));
    m.step(&load).unwrap();
    // What was found while AC was set does not hold any more.
    m.step(&[0x0F, 0x01, 0xCA]).unwrap();
    assert_eq!(m.step(&load), fault);
    m.step(&[0x0F, 0x01, 0xCB]).unwrap();
    m.step(&load).unwrap();
    for cpl in [1, 3] {
        Machine::protected(cpl).is_undefined(&[0x0F, 0x01, 0xCB], "STAC");
        Machine::protected(cpl).is_undefined(&[0x0F, 0x01, 0xCA], "CLAC");
    }
    Machine::v86(3).is_undefined(&[0x0F, 0x01, 0xCB], "STAC in virtual-8086 mode");
    Machine::real().step(&[0x0F, 0x01, 0xCB]).unwrap();
    let mut m = Machine::protected(0);
    m.cpu.identity = Identity::parse("core2,-smap").unwrap();
    m.is_undefined(&[0x0F, 0x01, 0xCB], "STAC without SMAP");
}

#[test]
fn reserved_bits_fault() {
    const RSVD: u32 = error::P | error::RSVD;
    let bit = |n: u32| 1u64 << n;
    // processor, CR4, EFER, entry of the directory, of the table; the bits reserved in the last one there
    type Row = (&'static str, u32, u64, u64, u64, u64);
    let high = (bit(63) - 1) & !(bit(36) - 1);
    let rows: &[Row] = &[
        ("core2", 0, 0, TABLE | P, P, 0),
        ("pentium", 0, 0, TABLE | P, P, 1 << 7),
        // PSE-36 with MAXPHYADDR 36: bits 17 to 21.
        ("core2", cr4::PSE, 0, PS | P, 0, 0x3E_0000),
        ("core2,-pse36", cr4::PSE, 0, PS | P, 0, 0x3F_E000),
        ("pentium", cr4::PSE, 0, PS | P, 0, 0x3F_F000),
        ("core2", cr4::PAE, 0, PS | P, 0, 0x1F_E000 | high | NX),
        ("core2", cr4::PAE, msr::efer::NXE, PS | P, 0, 0x1F_E000 | high),
        ("core2", cr4::PAE, 0, TABLE | P, P, high | NX),
        ("core2", cr4::PAE, msr::efer::NXE, TABLE | P, P, high),
        ("core2,-pat", cr4::PAE, msr::efer::NXE, TABLE | P, P, high | 1 << 7),
    ];
    for &(name, bits, efer, directory, entry, reserved) in rows {
        let last = if bits & cr4::PAE != 0 { 64 } else { 32 };
        for n in 1..last {
            let large = directory & PS != 0;
            if n == 7 && large {
                continue;
            }
            let (directory, entry) =
                if large { (directory | bit(n), entry) } else { (directory, entry | bit(n)) };
            let mut m = paged(0, bits, directory, entry);
            m.cpu.identity = Identity::parse(name).unwrap();
            m.cpu.msr.efer = efer;
            let expected = (reserved & bit(n) != 0).then_some(RSVD);
            assert_eq!(access(&mut m, READ), expected, "{name}, CR4 {bits:#x}, EFER {efer:#x}, bit {n}");
        }
    }
    // In an entry that leads to a table too.
    for n in 36..64 {
        let mut m = paged(0, cr4::PAE, TABLE | P | bit(n), P);
        assert_eq!(access(&mut m, READ), Some(RSVD), "bit {n}");
    }
}

#[test]
fn memory_above_4_gb_is_an_open_bus() {
    let beyond: u64 = 0xA_0000_0000;
    for (bits, directory, entry) in [
        // Bits 13 to 16 of a large page's entry are address bits 32 to 35.
        (cr4::PSE, PS | P | RW | 0xA << 13, 0),
        (cr4::PAE, PS | P | RW | beyond, 0),
        (cr4::PAE, TABLE | P | RW, beyond | 0x5000 | P | RW),
    ] {
        let mut m = paged(0, bits, directory, entry);
        let lin = LIN & 0xFFFF;
        let read = |x: &mut Exec<'static>, w| x.read_mem(w, Seg::Ds, lin).unwrap();
        m.put(Width::W32, 0x5000, 0x1234_5678);
        m.cpu.update_mode();
        m.with(|x| {
            assert_eq!(x.translate(LIN, READ), Ok(beyond | LIN));
            for w in [Width::W8, Width::W16, Width::W32, Width::W64] {
                x.write_mem(w, Seg::Ds, lin, 0).unwrap();
                assert_eq!(read(x, w), w.mask());
            }
        });
        assert_eq!(m.get(Width::W32, 0x5000), 0x1234_5678, "not the memory 40 GB below");
    }
    // A table up there: its entries are all ones, and so reserved bits are set.
    let mut m = paged(0, cr4::PAE, beyond | P | RW, 0);
    assert_eq!(access(&mut m, READ), Some(error::P | error::RSVD));
}

#[test]
fn invlpg_drops_the_page_of_any_size_also_a_global_one() {
    for (bits, directory, entry) in [
        (0, TABLE | P, 0x6000 | P | G),
        (cr4::PSE, PS | P | G, 0),
        (cr4::PAE, PS | P | G, 0),
        (cr4::PAE, TABLE | P, 0x6000 | P | G),
    ] {
        let mut m = paged(0, bits | cr4::PGE, directory | A | D, entry | A | D);
        assert_eq!(access(&mut m, READ), None);
        m.put(Width::W64, if bits & cr4::PAE != 0 { DIRECTORY } else { ROOT }, 0);
        assert_eq!(access(&mut m, READ), None, "held");
        // Any address in the page; what the operand's segment would say to an access does not matter.
        let at = if directory & PS != 0 {
            [0x0F, 0x01, 0x3D, 0, 0, 0x10, 0]
        } else {
            [0x0F, 0x01, 0x3D, 8, 0x50, 0, 0]
        };
        m.cpu.segs[Seg::Ds as usize] = crate::state::Segment::null(0);
        m.cpu.update_mode();
        m.step(&at).unwrap();
        assert_eq!(access(&mut m, READ), Some(0), "CR4 {bits:#x}");
    }
    Machine::protected(3).faults(&[0x0F, 0x01, 0x3D, 0, 0, 0, 0], x86::vector::GP, 0, "INVLPG");
}
