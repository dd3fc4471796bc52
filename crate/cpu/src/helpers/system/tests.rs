use crate::fault::Fault;
use crate::helpers::cpuid::Identity;
use crate::helpers::segment::testing::*;
use crate::insn::Width;
use crate::state::{Segment, event, mode};
use x86::vector::{DB, GP};
use x86::{Seg, cr0, cr4, eflags, gpr, msr};

const AX: usize = gpr::AX as usize;
const CX: usize = gpr::CX as usize;
const DX: usize = gpr::DX as usize;

/// MOV CRn, EAX.
fn to_cr(n: u8) -> [u8; 3] {
    [0x0F, 0x22, 0xC0 | n << 3]
}

fn set_cr(m: &mut Machine, n: u8, v: u32) -> Result<(), Fault> {
    m.cpu.regs[AX] = v.into();
    m.step(&to_cr(n))
}

#[test]
fn privileged_instructions_need_level_0() {
    let rows: &[&[u8]] = &[
        &[0xF4],
        &[0x0F, 0x06],
        &[0x0F, 0x08],
        &[0x0F, 0x09],
        &[0x0F, 0x20, 0xC0],
        &[0x0F, 0x22, 0xC0],
        &[0x0F, 0x21, 0xC0],
        &[0x0F, 0x23, 0xC0],
        &[0x0F, 0x30],
        &[0x0F, 0x32],
        &[0x0F, 0x01, 0x15, 0, 0x60, 0, 0],
        &[0x0F, 0x01, 0x1D, 0, 0x60, 0, 0],
        &[0x0F, 0x01, 0x3D, 0, 0x60, 0, 0],
        &[0x0F, 0x01, 0xF0],
    ];
    for bytes in rows {
        for cpl in [1, 3] {
            Machine::protected(cpl).faults(bytes, GP, 0, &format!("{bytes:x?} at CPL {cpl}"));
        }
    }
    Machine::v86(3).faults(&[0xF4], GP, 0, "HLT in virtual-8086 mode");
    // SMSW and SGDT are for everybody.
    Machine::protected(3).step(&[0x0F, 0x01, 0xE0]).unwrap();
    Machine::protected(3).step(&[0x0F, 0x01, 0x05, 0, 0x60, 0, 0]).unwrap();
}

#[test]
fn cli_and_sti_obey_iopl() {
    for (cpl, iopl, ok) in [(0, 0, true), (1, 0, false), (1, 1, true), (3, 2, false), (3, 3, true)] {
        for bytes in [[0xFA], [0xFB]] {
            let mut m = Machine::protected(cpl);
            m.cpu.set_eflags(iopl << 12);
            if ok {
                m.step(&bytes).unwrap();
                assert_eq!(m.flag(eflags::IF), bytes == [0xFB]);
            } else {
                m.faults(&bytes, GP, 0, &format!("CPL {cpl}, IOPL {iopl}"));
            }
        }
    }
}

#[test]
fn umip_keeps_users_from_looking_at_system_registers() {
    let memory = |reg: u8| [0x0F, 0x01, 0x05 | reg << 3, 0, 0x60, 0, 0];
    let rows: [(&str, &[u8]); 5] = [
        ("SGDT", &memory(0)),
        ("SIDT", &memory(1)),
        ("SMSW", &[0x0F, 0x01, 0xE0]),
        ("SLDT", &[0x0F, 0x00, 0xC0]),
        ("STR", &[0x0F, 0x00, 0xC8]),
    ];
    for (what, bytes) in rows {
        for (cpl, umip) in [(0, true), (1, true), (3, true), (3, false)] {
            let mut m = Machine::protected(cpl);
            m.cpu.cr4 = if umip { cr4::UMIP } else { 0 };
            if umip && cpl != 0 {
                m.faults(bytes, GP, 0, what);
            } else {
                m.step(bytes).unwrap();
            }
        }
    }
    let mut m = Machine::v86(3);
    m.cpu.cr4 = cr4::UMIP;
    m.faults(&[0x0F, 0x01, 0xE0], GP, 0, "SMSW in virtual-8086 mode");
    m.is_undefined(&[0x0F, 0x00, 0xC0], "SLDT there");
}

#[test]
fn sti_casts_a_shadow_only_if_it_changes_something() {
    let mut m = Machine::protected(0);
    m.step(&[0xFB]).unwrap();
    assert_eq!(m.cpu.events, event::SHADOW);
    m.cpu.events = 0;
    m.step(&[0xFB]).unwrap();
    assert_eq!(m.cpu.events, 0);
}

#[test]
fn hlt_waits() {
    let mut m = Machine::protected(0);
    m.step(&[0xF4]).unwrap();
    assert_eq!((m.cpu.events, m.cpu.eip), (event::HALT, CODE + 1));
}

#[test]
fn popf_changes_what_its_level_may_change() {
    const ALL: u32 = eflags::ALL;
    let user = eflags::STATUS | eflags::TF | eflags::DF | eflags::NT;
    let wide = eflags::AC | eflags::ID;
    let rows: &[(u8, u32, u32)] = &[
        (0, 0, user | wide | eflags::IF | eflags::IOPL),
        (1, 0, user | wide),
        (1, 2, user | wide | eflags::IF),
        (3, 2, user | wide),
        (3, 3, user | wide | eflags::IF),
    ];
    for &(cpl, iopl, expected) in rows {
        let mut m = Machine::protected(cpl);
        m.cpu.set_eflags(iopl << 12 | eflags::RF);
        m.push_all(Width::W32, &[u32::MAX]);
        m.step(&[0x9D]).unwrap();
        assert_eq!(m.cpu.eflags() & ALL, expected | iopl << 12, "CPL {cpl}, IOPL {iopl}");
        assert_ne!(m.cpu.events & event::TRAP, 0, "TF is seen");
        let mut m = Machine::protected(cpl);
        m.cpu.set_eflags(iopl << 12 | eflags::AC | eflags::ID);
        m.push_all(Width::W16, &[0xFFFF]);
        m.step(&[0x66, 0x9D]).unwrap();
        assert_eq!(m.cpu.eflags() & ALL, expected | iopl << 12 | wide, "CPL {cpl}, IOPL {iopl}, POPFW");
    }
    let mut m = Machine::v86(3);
    m.push_all(Width::W16, &[0]);
    m.step(&[0x9D]).unwrap();
    assert_eq!((m.cpu.iopl(), m.cpu.is_v86()), (3, true));
}

#[test]
fn pushf_hides_rf_and_vm() {
    let mut m = Machine::v86(3);
    m.cpu.set_eflags(eflags::VM | eflags::RF | eflags::IOPL | eflags::CF | eflags::ID);
    m.step(&[0x66, 0x9C]).unwrap();
    assert_eq!(m.stack32(), [eflags::IOPL | eflags::CF | eflags::ID | eflags::ONE]);
    assert_eq!(m.sp(), SP3 - 4);
}

#[test]
fn cr0_refuses_what_makes_no_sense() {
    let mut m = Machine::real();
    m.cpu.regs[AX] = cr0::PG.into();
    m.faults(&to_cr(0), GP, 0, "PG without PE");
    m.cpu.regs[AX] = cr0::NW.into();
    m.faults(&to_cr(0), GP, 0, "NW without CD");
    set_cr(&mut m, 0, 0x1FF8_0000 | cr0::PE).unwrap();
    assert_eq!(m.cpu.cr0, cr0::PE | cr0::ET, "reserved bits are ignored, ET is one");
}

#[test]
fn protection_is_entered_and_left_with_the_segments_kept() {
    let mut m = Machine::real();
    let pe = m.cpu.cr0 | cr0::PE;
    set_cr(&mut m, 0, pe).unwrap();
    assert!(m.cpu.is_protected());
    assert_eq!(m.cpu.seg(Seg::Ds).writable, 1);
    assert_eq!(m.cpu.seg(Seg::Cs).writable, 0, "code is not data in protected mode");
    m.cpu.segs[Seg::Ds as usize] = Segment::new(READ_ONLY0, 0x500, u32::MAX, x86::descriptor::Rights(0xC091));
    m.cpu.segs[Seg::Es as usize] = Segment::null(0);
    let real = m.cpu.cr0 & !cr0::PE;
    set_cr(&mut m, 0, real).unwrap();
    let ds = *m.cpu.seg(Seg::Ds);
    assert_eq!((ds.base, ds.max, ds.writable), (0x500, u32::MAX, 1), "unreal mode");
    assert_eq!(m.cpu.seg(Seg::Es).readable, 0, "null stays unusable");
}

#[test]
fn paging_may_be_turned_on_and_tables_are_flushed() {
    let mut m = Machine::protected(0);
    m.put(Width::W32, 0x8_0000, 0x83);
    set_cr(&mut m, 4, cr4::PSE).unwrap();
    set_cr(&mut m, 3, 0x8_0000).unwrap();
    let pg = m.cpu.cr0 | cr0::PG;
    set_cr(&mut m, 0, pg).unwrap();
    // MOV EBX, [6000h] fills the TLB; each of these empties it.
    let fill = |m: &mut Machine| {
        m.step(&[0x8B, 0x1D, 0, 0x60, 0, 0]).unwrap();
        assert_eq!(m.mmu.tlb().sorted().len(), 1);
    };
    fill(&mut m);
    set_cr(&mut m, 3, 0x8_0000).unwrap();
    assert_eq!(m.mmu.tlb().sorted().len(), 0);
    fill(&mut m);
    let wp = m.cpu.cr0 | cr0::WP;
    set_cr(&mut m, 0, wp).unwrap();
    assert_eq!(m.mmu.tlb().sorted().len(), 0);
    fill(&mut m);
    let pge = m.cpu.cr4 | cr4::PGE;
    set_cr(&mut m, 4, pge).unwrap();
    assert_eq!(m.mmu.tlb().sorted().len(), 0);
    // A global page survives a CR3 write, not INVLPG.
    m.put(Width::W32, 0x8_0000, 0x183);
    fill(&mut m);
    set_cr(&mut m, 3, 0x8_0000).unwrap();
    assert_eq!(m.mmu.tlb().sorted().len(), 1);
    m.step(&[0x0F, 0x01, 0x3D, 0, 0x60, 0, 0]).unwrap();
    assert_eq!(m.mmu.tlb().sorted().len(), 0);
}

#[test]
fn pae_loads_the_directory_pointers() {
    let mut m = Machine::protected(0);
    m.put(Width::W64, 0x8_0020, 0x9_0001);
    m.cpu.cr3 = 0x8_0020;
    set_cr(&mut m, 4, cr4::PAE).unwrap();
    assert_eq!(m.cpu.pdpte[0], 0, "not before paging is on");
    let pg = m.cpu.cr0 | cr0::PG;
    m.put(Width::W64, 0x9_0000, 0x83);
    set_cr(&mut m, 0, pg).unwrap();
    assert_eq!(m.cpu.pdpte, [0x9_0001, 0, 0, 0]);
    // A reserved bit in an entry: nothing changes.
    m.put(Width::W64, 0xA_0008, 0x9_0003);
    m.cpu.regs[AX] = 0xA_0000;
    m.faults(&to_cr(3), GP, 0, "reserved bit");
    assert_eq!((m.cpu.cr3, m.cpu.pdpte[0]), (0x8_0020, 0x9_0001));
}

#[test]
fn cr4_bits_that_are_not_announced_fault() {
    for bit in 0..32 {
        let mut m = Machine::protected(0);
        m.cpu.regs[AX] = 1 << bit;
        if m.cpu.identity.cr4() & 1 << bit == 0 {
            m.faults(&to_cr(4), GP, 0, &format!("CR4 bit {bit}"));
        } else {
            m.step(&to_cr(4)).unwrap();
            assert_eq!(m.cpu.cr4, 1 << bit);
        }
    }
}

#[test]
fn there_are_four_control_registers() {
    for n in [1, 5, 6, 7] {
        Machine::protected(0).is_undefined(&to_cr(n), "MOV CRn, EAX");
        Machine::protected(0).is_undefined(&[0x0F, 0x20, 0xC0 | n << 3], "MOV EAX, CRn");
    }
    let mut m = Machine::protected(0);
    set_cr(&mut m, 2, 0x1234_5678).unwrap();
    m.cpu.regs[AX] = 0;
    m.step(&[0x0F, 0x20, 0xD0]).unwrap();
    assert_eq!(m.cpu.regs[AX], 0x1234_5678);
}

#[test]
fn lmsw_sets_pe_and_cannot_clear_it() {
    let mut m = Machine::real();
    m.cpu.regs[AX] = (cr0::PE | cr0::TS | 0xFFF0).into();
    m.step(&[0x0F, 0x01, 0xF0]).unwrap();
    assert_eq!(m.cpu.cr0 & 0xFFFF, cr0::PE | cr0::TS | cr0::ET);
    assert_ne!(m.cpu.mode & mode::NO_X87, 0);
    m.cpu.regs[AX] = 0;
    m.step(&[0x0F, 0x01, 0xF0]).unwrap();
    assert_eq!(m.cpu.cr0 & 0xFFFF, cr0::PE | cr0::ET);
    m.cpu.cr0 |= cr0::TS;
    m.step(&[0x0F, 0x06]).unwrap();
    assert_eq!(m.cpu.cr0 & cr0::TS, 0, "CLTS");
    // SMSW EAX shows all of CR0, SMSW AX and memory the low word.
    let all = u64::from(m.cpu.cr0);
    m.cpu.segs[Seg::Cs as usize] = Segment::new(CODE0, CODE, u32::MAX, x86::descriptor::Rights(0xC09B));
    m.cpu.update_mode();
    m.step(&[0x0F, 0x01, 0xE0]).unwrap();
    assert_eq!(m.cpu.regs[AX], all);
    m.put(Width::W32, 0x6000, 0xFFFF_FFFF);
    m.step(&[0x0F, 0x01, 0x25, 0, 0x60, 0, 0]).unwrap();
    assert_eq!(m.get(Width::W32, 0x6000), 0xFFFF_0000 | all & 0xFFFF);
}

#[test]
fn table_registers_have_24_bits_of_base_with_a_16_bit_operand() {
    let mut m = Machine::protected(0);
    m.put(Width::W16, 0x6000, 0x1234);
    m.put(Width::W32, 0x6002, 0xAABB_CCDD);
    m.step(&[0x0F, 0x01, 0x1D, 0, 0x60, 0, 0]).unwrap();
    assert_eq!((m.cpu.idtr.limit, m.cpu.idtr.base), (0x1234, 0xAABB_CCDD));
    m.step(&[0x66, 0x0F, 0x01, 0x15, 0, 0x60, 0, 0]).unwrap();
    assert_eq!((m.cpu.gdtr.limit, m.cpu.gdtr.base), (0x1234, 0xBB_CCDD));
    m.step(&[0x0F, 0x01, 0x0D, 0x10, 0x60, 0, 0]).unwrap();
    assert_eq!(m.get(Width::W64, 0x6010), 0xAABB_CCDD_1234);
}

#[test]
fn debug_registers() {
    let mut m = Machine::protected(0);
    // MOV DR7, EAX: reserved bits are forced, and execution breakpoints make events but watch no data.
    m.cpu.regs[AX] = 0xFFFF_FFFF;
    m.step(&[0x0F, 0x23, 0xF8]).unwrap();
    assert_eq!(m.cpu.dr[7], 0xFFFF_27FF);
    assert_ne!(m.cpu.events & event::DEBUG, 0);
    // GD is set: the next access is a fault, at any register.
    assert_eq!(m.step(&[0x0F, 0x21, 0xC0]), Err(Fault::new(DB)));
    assert_ne!(m.cpu.dr[6] & 1 << 13, 0);
    m.cpu.dr[7] = 0x400;
    m.cpu.regs[AX] = 0xFFFF_FFFF;
    m.step(&[0x0F, 0x23, 0xF0]).unwrap();
    assert_eq!(m.cpu.dr[6], 0xFFFF_EFFF);
    m.cpu.regs[AX] = 0;
    m.step(&[0x0F, 0x23, 0xF0]).unwrap();
    assert_eq!(m.cpu.dr[6], 0xFFFF_0FF0);
    // DR4 is DR6 until DE is set.
    m.step(&[0x0F, 0x21, 0xE0]).unwrap();
    assert_eq!(m.cpu.regs[AX], 0xFFFF_0FF0);
    m.cpu.cr4 |= cr4::DE;
    m.is_undefined(&[0x0F, 0x21, 0xE0], "DR4 with DE");
    m.is_undefined(&[0x0F, 0x23, 0xE8], "DR5 with DE");
    m.cpu.regs[AX] = 0x1234;
    m.step(&[0x0F, 0x23, 0xC0]).unwrap();
    assert_eq!(m.cpu.dr[0], 0x1234);
}

#[test]
fn data_breakpoints_are_noticed_on_the_fast_path_too() {
    let mut m = Machine::protected(0);
    let store = [0xA3, 0, 0x60, 0, 0];
    m.step(&store).unwrap();
    m.cpu.dr[0] = 0x6002;
    // Writes to DR0, two bytes long.
    m.cpu.regs[AX] = 0x0005_0001;
    m.step(&[0x0F, 0x23, 0xF8]).unwrap();
    let hits = m.with(|x| {
        x.write_mem(Width::W32, Seg::Ds, 0x6000, 0).unwrap();
        x.debug_hits
    });
    assert_eq!(hits, 1);
}

#[test]
fn time_stamps() {
    let mut m = Machine::protected(3);
    m.cpu.count = 0x1_2345_6789;
    m.step(&[0x0F, 0x31]).unwrap();
    assert_eq!((m.cpu.regs[AX], m.cpu.regs[DX]), (0x2345_6789, 1));
    m.cpu.cr4 |= cr4::TSD;
    m.faults(&[0x0F, 0x31], GP, 0, "TSD");
    let mut m = Machine::protected(0);
    m.cpu.count = 1000;
    m.cpu.regs[CX] = msr::TSC.into();
    m.cpu.regs[AX] = 5;
    m.step(&[0x0F, 0x30]).unwrap();
    m.cpu.count = 1010;
    m.step(&[0x0F, 0x31]).unwrap();
    assert_eq!((m.cpu.regs[AX], m.cpu.regs[DX]), (15, 0));
}

#[test]
fn msrs_hold_what_they_accept() {
    // register, value, what is read back (None: #GP)
    let rows: &[(u32, u64, Option<u64>)] = &[
        (msr::SYSENTER_CS, 0x60, Some(0x60)),
        (msr::SYSENTER_ESP, 0xC000_0000, Some(0xC000_0000)),
        (msr::SYSENTER_EIP, 0xC010_0000, Some(0xC010_0000)),
        (msr::EFER, msr::efer::NXE, Some(msr::efer::NXE)),
        (msr::EFER, msr::efer::SCE, None),
        (msr::EFER, 1 << 8, None),
        (msr::PAT, 0x0107_0500_0107_0506, Some(0x0107_0500_0107_0506)),
        (msr::PAT, 2, None),
        (msr::PAT, 8 << 56, None),
        (msr::MISC_ENABLE, 1, Some(1)),
        (msr::MCG_CAP, 0, None),
        (msr::MCG_STATUS, 0, Some(0)),
        (msr::MCG_STATUS, 8, None),
        (0x400, u64::MAX, Some(0)),
        (0x401, 0, Some(0)),
        (0x401, 1, None),
        (msr::BIOS_SIGN_ID, 0, Some(0)),
        (msr::APIC_BASE, 0, None),
        (msr::MTRR_CAP, 0, None),
        (msr::MTRR_CAP, 0x508, None),
        (msr::MTRR_DEF_TYPE, 0xC06, Some(0xC06)),
        (msr::MTRR_DEF_TYPE, 0x802, None),
        (msr::MTRR_DEF_TYPE, 0x1006, None),
        (0x250, 0x0605_0401_0006_0606, Some(0x0605_0401_0006_0606)),
        (0x26F, 0x0606_0606_0606_0606, Some(0x0606_0606_0606_0606)),
        (0x259, 7, None),
        (0x268, 3 << 56, None),
        (0x251, 0, None),
        (0x270, 0, None),
        (msr::MTRR_PHYS_BASE, 0xF_E000_0001, Some(0xF_E000_0001)),
        (msr::MTRR_PHYS_BASE, 0x10_0000_0000, None),
        (msr::MTRR_PHYS_BASE, 0x100, None),
        (msr::MTRR_PHYS_BASE, 2, None),
        (msr::MTRR_PHYS_BASE + 15, 0xF_E000_0800, Some(0xF_E000_0800)),
        (msr::MTRR_PHYS_BASE + 1, 0x400, None),
        (msr::MTRR_PHYS_BASE + 1, 0x10_0000_0800, None),
        (msr::MTRR_PHYS_BASE + 16, 0, None),
        (0xC000_0080 + 1, 0, None),
        (0x1234_5678, 0, None),
    ];
    for &(number, v, expected) in rows {
        let mut m = Machine::protected(0);
        m.cpu.regs[CX] = number.into();
        m.cpu.regs[AX] = v & 0xFFFF_FFFF;
        m.cpu.regs[DX] = v >> 32;
        match expected {
            None => m.faults(&[0x0F, 0x30], GP, 0, &format!("MSR {number:#x} <- {v:#x}")),
            Some(back) => {
                m.step(&[0x0F, 0x30]).unwrap();
                m.cpu.regs[AX] = 0x77;
                m.step(&[0x0F, 0x32]).unwrap();
                assert_eq!(m.cpu.regs[AX] | m.cpu.regs[DX] << 32, back, "MSR {number:#x}");
            }
        }
    }
    let mut m = Machine::protected(0);
    m.cpu.regs[CX] = 0x1B;
    m.faults(&[0x0F, 0x32], GP, 0, "no APIC");
    m.cpu.regs[CX] = msr::MCG_CAP.into();
    m.step(&[0x0F, 0x32]).unwrap();
    assert_eq!(m.cpu.regs[AX], 1, "one idle bank");
    m.cpu.regs[CX] = msr::MTRR_CAP.into();
    m.step(&[0x0F, 0x32]).unwrap();
    assert_eq!(m.cpu.regs[AX], 0x508, "eight ranges, fixed ones, write combining");
}

#[test]
fn the_local_apic_has_the_msrs_that_are_announced() {
    const APIC_BASE: (u32, u64) = (msr::APIC_BASE, 0xFEE0_0900);
    const EXTD: (u32, u64) = (msr::APIC_BASE, 0xFEE0_0D00);
    const DEADLINE: (u32, u64) = (msr::TSC_DEADLINE, 1);
    const EOI: (u32, u64) = (0x80B, 0);
    type Registers = &'static [(u32, u64)];
    // model, what exists of it, what does not
    let rows: &[(&str, Registers, Registers)] = &[
        ("core2", &[APIC_BASE, EXTD, DEADLINE, EOI], &[]),
        ("core2,-x2apic", &[APIC_BASE, DEADLINE], &[EXTD, EOI]),
        ("core2,-tsc_deadline", &[APIC_BASE, EXTD, EOI], &[DEADLINE]),
        ("pentium3", &[APIC_BASE], &[EXTD, DEADLINE, EOI]),
        ("pentium3,-apic", &[], &[APIC_BASE, EXTD, DEADLINE, EOI]),
    ];
    for &(model, there, missing) in rows {
        let mut m = Machine::protected(0);
        m.cpu.identity = Identity::parse(model).unwrap();
        m.plat = Box::new(Answering { msrs: true, ..Answering::default() });
        let set = |m: &mut Machine, (number, v): (u32, u64)| {
            m.cpu.regs[CX] = number.into();
            m.cpu.regs[AX] = v & 0xFFFF_FFFF;
            m.cpu.regs[DX] = v >> 32;
        };
        for &row in there {
            set(&mut m, row);
            m.step(&[0x0F, 0x30]).unwrap_or_else(|e| panic!("{model}: {row:x?}: {e:?}"));
            m.step(&[0x0F, 0x32]).unwrap_or_else(|e| panic!("{model}: {row:x?}: {e:?}"));
        }
        for &row in missing {
            set(&mut m, row);
            m.faults(&[0x0F, 0x30], GP, 0, &format!("{model}: WRMSR {row:x?}"));
            if row != EXTD {
                m.faults(&[0x0F, 0x32], GP, 0, &format!("{model}: RDMSR {row:x?}"));
            }
        }
    }
}

/// Level 3 with CR0.AM and EFLAGS.AC.
fn aligned() -> Machine {
    let mut m = Machine::protected(3);
    m.cpu.cr0 |= cr0::AM;
    m.cpu.set_eflags(eflags::AC);
    m.cpu.regs[gpr::BX as usize] = 0x6001;
    m.mode_changed();
    m
}

#[test]
fn data_that_has_to_be_aligned_is() {
    // The operand at [EBX], which is odd.
    let rows: &[(&[u8], &str)] = &[
        (&[0x66, 0x8B, 0x03], "MOV r16, m16"),
        (&[0x8B, 0x03], "MOV r32, m32"),
        (&[0x89, 0x03], "MOV m32, r32"),
        (&[0x01, 0x03], "ADD m32, r32"),
        (&[0x0F, 0xC7, 0x0B], "CMPXCHG8B"),
        (&[0xDD, 0x03], "FLD m64"),
        (&[0xD9, 0x33], "FNSTENV"),
        (&[0x0F, 0x6F, 0x03], "MOVQ"),
        (&[0x0F, 0x10, 0x03], "MOVUPS"),
        (&[0x8E, 0x03], "MOV Sreg, m16"),
    ];
    for (bytes, what) in rows {
        let mut m = aligned();
        m.cpu.cr4 |= cr4::OSFXSR;
        m.mode_changed();
        m.faults(bytes, x86::vector::AC, 0, what);
        m.cpu.regs[gpr::BX as usize] = 0x6000;
        let aligned = m.step(bytes);
        assert!(aligned.is_ok() || *what == "MOV Sreg, m16", "{what} aligned: {aligned:?}");
        // Not without all three: level, CR0.AM, EFLAGS.AC.
        let mut without = [aligned_but(|m| m.cpu.cr0 &= !cr0::AM), aligned_but(|m| m.cpu.set_eflags(0))];
        for m in &mut without {
            m.cpu.cr4 |= cr4::OSFXSR;
            m.mode_changed();
            assert!(m.step(bytes).is_ok() || *what == "MOV Sreg, m16", "{what}");
        }
    }
    aligned().step(&[0x8A, 0x03]).unwrap();
    let mut m = aligned();
    m.cpu.regs[gpr::SP as usize] = u64::from(SP3) + 1;
    m.faults(&[0x50], x86::vector::AC, 0, "PUSH");
    m.faults(&[0x60], x86::vector::AC, 0, "PUSHA");
    m.faults(&[0xE8, 0, 0, 0, 0], x86::vector::AC, 0, "CALL");
    let mut m = Machine::protected(0);
    m.cpu.cr0 |= cr0::AM;
    m.cpu.set_eflags(eflags::AC);
    m.cpu.regs[gpr::BX as usize] = 0x6001;
    m.mode_changed();
    m.step(&[0x8B, 0x03]).unwrap();
}

fn aligned_but(change: fn(&mut Machine)) -> Machine {
    let mut m = aligned();
    change(&mut m);
    m.mode_changed();
    m
}

#[test]
fn breakpoints_on_ports_need_debugging_extensions() {
    // DR7: L0, kind 2 (ports), length 2. DR0: port 60h.
    for (cr4, port, w, hit) in [
        (cr4::DE, 0x60, Width::W8, true),
        (cr4::DE, 0x61, Width::W8, true),
        (cr4::DE, 0x62, Width::W8, false),
        (cr4::DE, 0x5E, Width::W32, true),
        (cr4::DE, 0x5E, Width::W16, false),
        (0, 0x60, Width::W8, false),
    ] {
        for output in [0, 2] {
            let mut m = Machine::protected(0);
            m.cpu.cr4 = cr4;
            m.cpu.dr[0] = 0x60;
            m.cpu.dr[7] = 0x401 | 2 << 16 | 1 << 18;
            m.mode_changed();
            let bytes: &[u8] = match w {
                Width::W8 => &[0xE4 + output, port],
                Width::W16 => &[0x66, 0xE5 + output, port],
                _ => &[0xE5 + output, port],
            };
            m.debug_hits = 0;
            m.step(bytes).unwrap();
            assert_eq!(m.debug_hits, u32::from(hit), "{port:#x} {w:?} {output}");
        }
    }
}
