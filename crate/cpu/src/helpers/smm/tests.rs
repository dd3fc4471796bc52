use super::*;
use crate::helpers::segment::testing::*;
use crate::state::Cpu;
use crate::{EmptyBus, Processor};
use x86::smm::SMBASE_AT_RESET;
use x86::vector::UD;
use x86::{cr4, msr};

const RSM: [u8; 2] = [0x0F, 0xAA];
const MAP: u64 = SMBASE_AT_RESET as u64 + SAVED;

fn saved(m: &mut Machine, at: u64) -> u32 {
    m.read_phys(MAP + at, Width::W32) as u32
}

fn save(m: &mut Machine, at: u64, v: u32) {
    m.write_phys(MAP + at, Width::W32, v.into());
}

fn rsm(m: &mut Machine) {
    m.step(&RSM).unwrap();
    m.cpu.eip = m.cpu.next_eip;
}

/// What RSM is to bring back: everything but what says that it did.
fn kept(c: &Cpu) -> Cpu {
    let mut c = Cpu { fault: crate::fault::Fault::default(), next_eip: c.eip, ..c.clone() };
    c.events &= !event::MAP;
    c.set_eflags(c.eflags());
    c
}

#[test]
fn entering_saves_the_state_and_sets_the_modes_own() {
    let mut m = Machine::protected(3);
    m.cpu.regs[..8].copy_from_slice(&[0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7]);
    m.cpu.eip = 0x1234;
    m.cpu.set_eflags(0x3246);
    m.cpu.cr4 = cr4::PSE;
    m.cpu.dr[7] = 0x401;
    let before = m.cpu.clone();
    enter(&mut m);
    let rows = [
        (0x1D0, 0xA0),
        (0x1D4, 0xA1),
        (0x1D8, 0xA2),
        (0x1DC, 0xA3),
        (0x1E0, 0xA4),
        (0x1E4, 0xA5),
        (0x1E8, 0xA6),
        (0x1EC, 0xA7),
        (0x1F0, 0x1234),
        (0x1F4, 0x3246),
        (0x1F8, before.cr3 as u32),
        (0x1FC, before.cr0),
        (0x1C8, 0x401),
        (0x1AC, u32::from(CODE3)),
        (0x1B0, u32::from(DATA3)),
        (0x1C4, u32::from(TASK_A)),
        (0x0FC, 1 << 17),
        (0x0F8, SMBASE_AT_RESET),
        (0x100, 0),
    ];
    for (at, v) in rows {
        assert_eq!(saved(&mut m, at), v, "{at:#x}");
    }
    let c = &m.cpu;
    assert_eq!((c.eip, c.eflags(), c.cpl, c.cr4, c.dr[7]), (0x8000, 2, 0, 0, 0x400));
    assert_eq!(c.cr0, before.cr0 & !(cr0::PE | cr0::EM | cr0::TS | cr0::PG));
    let cs = c.seg(Seg::Cs);
    assert_eq!((cs.selector, cs.base, cs.max), (0x3000, 0x3_0000, u32::MAX));
    assert_eq!((c.seg(Seg::Gs).selector, c.seg(Seg::Gs).base, c.seg(Seg::Gs).max), (0, 0, u32::MAX));
    assert!(!cs.rights.is_32() && c.nmi_blocked == 1 && c.smm.active == 1);
}

#[test]
fn rsm_brings_all_of_it_back() {
    let machines: [fn() -> Machine; 5] = [
        Machine::real,
        || Machine::protected(0),
        || Machine::protected(1),
        || Machine::protected(3),
        || Machine::v86(3),
    ];
    for make in machines {
        let mut m = make();
        m.cpu.regs[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        m.cpu.eip = 0x4321;
        m.cpu.dr[7] = 0x400;
        // Big real: limits that no selector gives.
        m.cpu.segs[Seg::Fs as usize].limit = u32::MAX;
        m.cpu.segs[Seg::Fs as usize].max = u32::MAX;
        let before = kept(&m.cpu);
        enter(&mut m);
        m.cpu.regs[..8].fill(0x55);
        m.step(&[0x8E, 0xE0]).unwrap();
        rsm(&mut m);
        assert_eq!(kept(&m.cpu), before);
        assert_ne!(m.cpu.events & event::MAP, 0, "the machine has to look");
    }
}

#[test]
fn a_halted_processor_halts_again_unless_the_handler_says_otherwise() {
    for restart in [true, false] {
        let mut m = Machine::real();
        m.step(&[0xF4]).unwrap();
        enter(&mut m);
        assert_eq!(m.cpu.events & event::HALT, 0);
        assert_eq!(saved(&mut m, 0x100), 1 << 16);
        if !restart {
            save(&mut m, 0x100, 0);
        }
        rsm(&mut m);
        assert_eq!(m.cpu.events & event::HALT != 0, restart);
    }
}

#[test]
fn the_base_moves_with_the_next_entry() {
    let mut m = Machine::real();
    enter(&mut m);
    save(&mut m, 0xF8, 0x6_0000);
    assert_eq!(m.cpu.smm.base, SMBASE_AT_RESET);
    rsm(&mut m);
    assert_eq!(m.cpu.smm.base, 0x6_0000);
    enter(&mut m);
    assert_eq!((m.cpu.seg(Seg::Cs).selector, m.cpu.seg(Seg::Cs).base), (0x6000, 0x6_0000));
    assert_eq!(m.read_phys(0x6_FEF8, Width::W32), 0x6_0000);
}

#[test]
fn an_interrupt_waits_while_another_is_handled_and_for_the_shadow() {
    let mut m = Machine::real();
    assert!(!is_ready(&m), "none is there");
    m.cpu.events |= event::SMI | event::SHADOW;
    assert!(!is_ready(&m));
    m.cpu.events &= !event::SHADOW;
    assert!(is_ready(&m));
    enter(&mut m);
    m.cpu.events |= event::SMI;
    assert!(!is_ready(&m));
    rsm(&mut m);
    assert!(is_ready(&m));
}

#[test]
fn nmi_stays_blocked_as_it_was() {
    for blocked in [0, 1] {
        let mut m = Machine::real();
        m.cpu.nmi_blocked = blocked;
        enter(&mut m);
        assert_eq!(m.cpu.nmi_blocked, 1);
        rsm(&mut m);
        assert_eq!(m.cpu.nmi_blocked, blocked);
    }
}

#[test]
fn rsm_is_undefined_elsewhere() {
    let mut m = Machine::real();
    assert_eq!(m.step(&RSM).unwrap_err().vector, UD);
    Machine::protected(0).step(&RSM).unwrap_err();
}

#[test]
fn a_state_that_cannot_be_is_shutdown() {
    let rows = [
        (0x1FC, cr0::PG, "paging without protection"),
        (0x1FC, cr0::NW, "NW without CD"),
        (save::CR4, 1 << 30, "a bit of CR4 that does not exist"),
    ];
    for (at, v, what) in rows {
        let mut m = Machine::real();
        enter(&mut m);
        save(&mut m, at, v);
        m.step(&RSM).unwrap();
        assert_ne!(m.cpu.events & event::SHUTDOWN, 0, "{what}");
    }
}

#[test]
fn no_state_that_a_handler_leaves_harms_the_host() {
    let mut seed = 1u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 24
    };
    for _ in 0..300 {
        let mut p = Processor::new(1 << 20, Box::new(EmptyBus)).expect("a megabyte");
        for at in (0..1 << 20).step_by(8) {
            p.write_phys(at, Width::W64, random() << 32 ^ random());
        }
        p.cpu.msr.efer = msr::efer::NXE;
        enter(&mut p);
        for at in (0..save::LEN).step_by(4) {
            if random() % 4 == 0 {
                p.write_phys(MAP + at, Width::W32, random());
            }
        }
        p.write_phys(u64::from(SMBASE_AT_RESET) + ENTRY, Width::W16, 0xAA0F);
        for _ in 0..4 {
            p.raise_smi();
            p.enter_smm();
            let limit = p.cpu.count + 50;
            p.run(limit);
        }
    }
}
