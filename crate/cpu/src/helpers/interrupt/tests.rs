use super::*;
use crate::helpers::segment::testing::*;
use x86::vector::{AC, BP, BR, DB, DE, DF, GP, MF, NM, NMI, NP, OF, PF, SS, TS, UD};

/// Where the handler of a vector begins.
fn handler(vector: u8) -> u64 {
    u64::from(HANDLER) + u64::from(vector)
}

fn raise(m: &mut Machine, fault: Fault) -> Delivered {
    m.cpu.fault = fault;
    m.with(deliver_fault)
}

#[test]
fn faults_push_their_frame() {
    let mut m = Machine::protected(0);
    m.cpu.set_eflags(eflags::IF | eflags::CF | eflags::NT);
    assert_eq!(raise(&mut m, Fault::with(GP, 0x1238)), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.sp(), m.selector(Seg::Cs)), (handler(GP), SP0 - 16, CODE0));
    let flags = eflags::IF | eflags::CF | eflags::NT | eflags::RF | eflags::ONE;
    assert_eq!(m.stack32(), [0x1238, CODE as u32, CODE0.into(), flags]);
    assert_eq!(m.cpu.eflags(), eflags::CF | eflags::ONE, "IF, NT and RF are cleared");
    let mut m = Machine::protected(0);
    assert_eq!(raise(&mut m, Fault::new(UD)), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.sp()), (handler(UD), SP0 - 12), "no error code");
}

#[test]
fn an_inner_handler_gets_its_own_stack() {
    let mut m = Machine::protected(3);
    m.cpu.set_eflags(eflags::IF);
    assert_eq!(raise(&mut m, Fault::with(PF, 4)), Delivered::Handler);
    assert_eq!((m.cpu.cpl, m.selector(Seg::Ss), m.sp()), (0, DATA0, SP0 - 24));
    let flags = eflags::IF | eflags::RF | eflags::ONE;
    assert_eq!(m.stack32(), [4, CODE as u32, CODE3.into(), flags, SP3, DATA3.into()]);
    assert_eq!(m.selector(Seg::Ds), DATA3);
    // ADD ESP, 4; IRET
    m.step(&[0x83, 0xC4, 0x04]).unwrap();
    m.step(&[0xCF]).unwrap();
    assert_eq!((m.cpu.cpl, m.cpu.eip, m.sp(), m.selector(Seg::Ss)), (3, CODE, SP3, DATA3));
    assert!(m.flag(eflags::RF) && m.flag(eflags::IF));
}

#[test]
fn interrupt_gates_close_the_door_and_trap_gates_do_not() {
    for (access, w, is_open) in [(0x8E, 4, false), (0x8F, 4, true), (0x86, 2, false), (0x87, 2, true)] {
        let mut m = Machine::protected(0);
        m.set_gate(0x40, gate(CODE0, 0x2_1234, access, 0));
        m.cpu.set_eflags(eflags::IF | eflags::TF);
        assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
        assert_eq!(m.flag(eflags::IF), is_open, "{access:#x}");
        assert!(!m.flag(eflags::TF));
        assert_eq!(m.sp(), SP0 - 3 * w);
        assert_eq!(m.cpu.eip, if w == 4 { 0x2_1234 } else { 0x1234 });
    }
}

#[test]
fn software_interrupts_return_behind_themselves() {
    // INT 40h, INT3, INTO, INT1
    let rows: &[(&[u8], u8)] = &[(&[0xCD, 0x40], 0x40), (&[0xCC], BP), (&[0xCE], OF), (&[0xF1], DB)];
    for &(bytes, vector) in rows {
        let mut m = Machine::protected(0);
        m.cpu.set_eflags(eflags::OF | eflags::RF);
        m.step(bytes).unwrap();
        assert_eq!(m.cpu.eip, handler(vector));
        let flags = eflags::OF | eflags::ONE;
        assert_eq!(m.stack32(), [CODE as u32 + bytes.len() as u32, CODE0.into(), flags], "{bytes:x?}");
    }
    let mut m = Machine::protected(0);
    m.step(&[0xCE]).unwrap();
    assert_eq!(m.cpu.eip, CODE + 1, "INTO without overflow");
}

#[test]
fn gates_guard_against_software_interrupts_only() {
    let error = |vector: u8| u32::from(vector) * 8 + 2;
    for (bytes, vector) in [(&[0xCD, 0x40][..], 0x40), (&[0xCC], BP), (&[0xCE], OF)] {
        let mut m = Machine::protected(3);
        m.cpu.set_eflags(eflags::OF);
        m.faults(bytes, GP, error(vector), "gate of DPL 0");
        m.set_gate(vector, gate(CODE0, HANDLER, 0xEE, 0));
        m.step(bytes).unwrap();
        assert_eq!(m.cpu.cpl, 0);
    }
    let mut m = Machine::protected(3);
    m.step(&[0xF1]).unwrap();
    assert_eq!(m.cpu.eip, handler(DB), "INT1 needs no privilege");
    assert_eq!(m.cpu.dr[6] & 0xE00F, 0);
    let mut m = Machine::protected(3);
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
}

#[test]
fn gates_are_checked() {
    const V: u8 = 0x40;
    const IDT_ERROR: u32 = 0x40 * 8 + 2;
    // CPL, gate, vector, error code of INT 40h; with EXT when the interrupt is external
    type Row = (u8, u64, u8, u32, &'static str);
    let rows: &[Row] = &[
        (0, gate(CODE0, 0, 0x0E, 0), NP, IDT_ERROR, "not present"),
        (0, gate(CODE0, 0, 0x8C, 0), GP, IDT_ERROR, "call gate"),
        (0, descriptor(0, 0, 0x92, 0), GP, IDT_ERROR, "data segment"),
        (0, 0, GP, IDT_ERROR, "nothing"),
        (0, gate(0, 0, 0x8E, 0), GP, 0, "null code"),
        (0, gate(OUTSIDE, 0, 0x8E, 0), GP, OUTSIDE as u32, "code outside"),
        (0, gate(DATA0, 0, 0x8E, 0), GP, DATA0 as u32, "no code"),
        (0, gate(CODE3, 0, 0x8E, 0), GP, CODE3 as u32 & !3, "outer code"),
        (0, gate(ABSENT_CODE0, 0, 0x8E, 0), NP, ABSENT_CODE0 as u32, "absent code"),
        (0, gate(SMALL_CODE0, SMALL_LIMIT + 1, 0x8E, 0), GP, 0, "past the limit"),
        (0, gate(OUTSIDE, 0, 0x85, 0), GP, OUTSIDE as u32, "task outside"),
    ];
    for &(cpl, d, vector, error, what) in rows {
        let mut m = Machine::protected(cpl);
        m.set_gate(V, d);
        m.faults(&[0xCD, V], vector, error, what);
        let before = m.cpu.regs;
        assert_eq!(m.with(|x| deliver_external(x, V)), Delivered::Handler);
        assert_eq!(m.cpu.eip, handler(vector), "{what}");
        assert_eq!(m.stack32(), [error | 1, CODE as u32], "{what}: EXT");
        assert_eq!(before[0], m.cpu.regs[0]);
    }
    let mut m = Machine::protected(0);
    m.cpu.idtr.limit = u16::from(V) * 8 + 6;
    m.faults(&[0xCD, V], GP, IDT_ERROR, "past the table");
}

#[test]
fn the_inner_stack_is_checked() {
    let rows: &[(u32, u16, u8, u16)] = &[
        (SP0, 0, TS, 0),
        (SP0, DATA3, TS, DATA3 & !3),
        (SP0, ABSENT_DATA0, SS, ABSENT_DATA0),
        (18, FREE, SS, FREE),
    ];
    for &(sp, ss, vector, error) in rows {
        let mut m = Machine::protected(3);
        m.define(FREE, descriptor(0, 0xFFF, 0x92, 4));
        m.set_gate(0x40, gate(CODE0, 0, 0xEE, 0));
        m.put(Width::W32, TSS + 4, sp.into());
        m.put(Width::W16, TSS + 8, ss.into());
        m.faults(&[0xCD, 0x40], vector, error.into(), &format!("{ss:#x}"));
    }
}

#[test]
fn conforming_handlers_stay_at_the_level() {
    let mut m = Machine::protected(3);
    m.set_gate(0x40, gate(CONFORMING0, HANDLER, 0xEE, 0));
    m.step(&[0xCD, 0x40]).unwrap();
    assert_eq!((m.cpu.cpl, m.selector(Seg::Cs), m.sp()), (3, CONFORMING0 | 3, SP3 - 12));
}

#[test]
fn second_exceptions_follow_the_table() {
    // first, second, what is delivered (None: shutdown)
    let rows: &[(u8, u8, Option<u8>)] = &[
        (UD, GP, Some(GP)),
        (NM, PF, Some(PF)),
        (DB, NP, Some(NP)),
        (MF, SS, Some(SS)),
        (AC, GP, Some(GP)),
        (DE, GP, Some(DF)),
        (TS, NP, Some(DF)),
        (NP, SS, Some(DF)),
        (SS, TS, Some(DF)),
        (GP, GP, Some(DF)),
        (GP, PF, Some(PF)),
        (DE, PF, Some(PF)),
        (PF, PF, Some(DF)),
        (PF, GP, Some(DF)),
        (PF, NP, Some(DF)),
        (PF, DB, Some(DB)),
        (GP, DB, Some(DB)),
        (DF, GP, None),
        (DF, PF, None),
        (DF, NP, None),
    ];
    for &(first, second, expected) in rows {
        let outcome = combine(first, Fault::with(second, 0x77)).map(|f| f.vector);
        assert_eq!(outcome, expected, "{first} then {second}");
    }
    assert_eq!(combine(GP, Fault::with(GP, 0x77)), Some(Fault::with(DF, 0)));
}

#[test]
fn double_and_triple_faults() {
    let broken = gate(CODE0, 0, 0x0E, 0);
    // #GP with an absent gate is #NP, contributory: #DF at the instruction that raised #GP.
    let mut m = Machine::protected(0);
    m.set_gate(GP, broken);
    assert_eq!(raise(&mut m, Fault::with(GP, 0)), Delivered::Handler);
    assert_eq!(m.cpu.eip, handler(DF));
    assert_eq!(m.stack32(), [0, CODE as u32]);
    // #UD is benign: #NP has its turn, with EXT and the index into the IDT.
    let mut m = Machine::protected(0);
    m.set_gate(UD, broken);
    assert_eq!(raise(&mut m, Fault::new(UD)), Delivered::Handler);
    assert_eq!(m.cpu.eip, handler(NP));
    assert_eq!(m.stack32(), [u32::from(UD) * 8 + 3, CODE as u32]);
    // Without a handler for #DF, that is the end.
    let mut m = Machine::protected(0);
    m.set_gate(GP, broken);
    m.set_gate(DF, broken);
    let sp = m.sp();
    assert_eq!(raise(&mut m, Fault::with(GP, 0)), Delivered::Shutdown);
    assert_ne!(m.cpu.events & event::SHUTDOWN, 0);
    assert_eq!((m.cpu.eip, m.sp()), (CODE, sp));
    // The reboot of last resort: no IDT at all.
    for mut m in [Machine::protected(0), Machine::real()] {
        m.cpu.idtr.limit = 0;
        let fault = m.step(&[0xCC]).unwrap_err();
        assert_eq!(fault.vector, GP);
        assert_eq!(m.with(deliver_fault), Delivered::Shutdown);
    }
}

#[test]
fn a_stack_that_faults_makes_a_double_fault_on_a_task() {
    // #PF whose frame hits a missing page: #DF through a task gate still works.
    let mut m = Machine::protected(0);
    for page in 0..256u64 {
        m.put(Width::W32, 0x8_1000 + 4 * page, page << 12 | 3);
    }
    m.put(Width::W32, 0x8_0000, 0x8_1003);
    m.put(Width::W32, 0x8_1000 + 4 * 7, 0);
    m.cpu.cr3 = 0x8_0000;
    m.cpu.cr0 |= cr0::PG;
    m.set_gate(DF, gate(TASK_B, 0, 0x85, 0));
    for (at, v) in
        [(0x1C, 0x8_0000), (0x20, 0x5_0000), (0x38, 0xA000), (0x4C, CODE0.into()), (0x50, DATA0.into())]
    {
        m.put(Width::W32, TSS_B + at, v);
    }
    m.cpu.cr2 = 0x1234;
    assert_eq!(raise(&mut m, Fault::with(PF, 2)), Delivered::Handler);
    assert_eq!((m.cpu.tr.selector, m.cpu.eip), (TASK_B, 0x5_0000));
    assert_eq!(m.stack32(), [0], "the error code of #DF");
    assert_eq!(m.cpu.cr2, u64::from(SP0) - 4, "the second fault's address");
}

#[test]
fn real_mode_uses_the_vector_table() {
    let mut m = Machine::real();
    m.put(Width::W32, 0x40 * 4, 0x3000_0123);
    m.cpu.set_eflags(eflags::IF | eflags::TF | eflags::AC | eflags::CF);
    m.step(&[0xCD, 0x40]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.cpu.seg(Seg::Cs).base), (0x3000, 0x123, 0x3_0000));
    let flags = (eflags::IF | eflags::TF | eflags::CF | eflags::ONE) as u16;
    assert_eq!(m.stack16(), [2, (CODE >> 4) as u16, flags]);
    assert_eq!(m.cpu.eflags(), eflags::CF | eflags::ONE);
    m.step(&[0xCF]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.sp()), ((CODE >> 4) as u16, 2, SP0));
    assert_eq!(m.cpu.eflags() as u16, flags);
    // No error codes, and EIP is the instruction's.
    m.put(Width::W32, u64::from(GP) * 4, 0x3000_0200);
    assert_eq!(raise(&mut m, Fault::with(GP, 0x77)), Delivered::Handler);
    assert_eq!(m.stack16(), [2, (CODE >> 4) as u16]);
    assert_eq!(m.sp(), SP0 - 6);
    // INT past the end of a moved, short table.
    let mut m = Machine::real();
    m.cpu.idtr.limit = 0x40 * 4 + 2;
    m.faults(&[0xCD, 0x40], GP, 0x202, "past the table");
}

#[test]
fn v86_interrupts_save_the_data_segments() {
    let mut m = Machine::v86(0);
    for (n, seg) in [Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs].into_iter().enumerate() {
        m.cpu.segs[seg as usize] = crate::helpers::segment::v86_segment(0x111 * (n as u16 + 1), false);
    }
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!((m.cpu.cpl, m.selector(Seg::Ss), m.cpu.is_v86()), (0, DATA0, false));
    let flags = eflags::VM | eflags::ONE;
    assert_eq!(m.stack32(), [0, (CODE >> 4) as u32, flags, SP3, 0, 0x111, 0x222, 0x333, 0x444]);
    assert_eq!([Seg::Es, Seg::Ds, Seg::Fs, Seg::Gs].map(|seg| m.selector(seg)), [0; 4]);
    assert_eq!(m.cpu.seg(Seg::Ds).readable, 0);
    // And back.
    m.step(&[0xCF]).unwrap();
    assert!(m.cpu.is_v86());
    assert_eq!((m.cpu.cpl, m.cpu.eip, m.sp()), (3, 0, SP3));
    let selectors = Seg::ALL.map(|seg| m.selector(seg));
    assert_eq!(selectors, [0x111, (CODE >> 4) as u16, 0, 0x222, 0x333, 0x444]);
    assert_eq!(m.cpu.seg(Seg::Ds).base, 0x2220);
}

#[test]
fn v86_handlers_must_be_at_level_0() {
    for selector in [CODE1, CONFORMING0, CODE3] {
        let mut m = Machine::v86(3);
        m.set_gate(0x40, gate(selector, 0, 0xEE, 0));
        m.faults(&[0xCD, 0x40], GP, u32::from(selector) & !3, "v86");
    }
}

#[test]
fn v86_needs_iopl_3_for_its_own_interrupts() {
    // INT n, IRET, PUSHF, POPF, CLI, STI
    for bytes in [&[0xCD, 0x40][..], &[0xCF], &[0x9C], &[0x9D], &[0xFA], &[0xFB]] {
        let mut m = Machine::v86(2);
        m.set_gate(0x40, gate(CODE0, HANDLER, 0xEE, 0));
        m.faults(bytes, GP, 0, "IOPL 2");
        let mut m = Machine::v86(3);
        m.set_gate(0x40, gate(CODE0, HANDLER, 0xEE, 0));
        m.step(bytes).unwrap();
    }
    let mut m = Machine::v86(0);
    m.set_gate(BP, gate(CODE0, HANDLER, 0xEE, 0));
    m.step(&[0xCC]).unwrap();
    assert_eq!(m.cpu.cpl, 0, "INT3 is not restricted");
}

#[test]
fn iret_changes_the_flags_its_level_may_change() {
    const ALL: u32 = eflags::ALL & !(eflags::VM | eflags::NT);
    let user = eflags::STATUS | eflags::TF | eflags::DF;
    let wide = eflags::AC | eflags::ID | eflags::RF;
    let virtual_interrupts = eflags::VIF | eflags::VIP;
    let rows: &[(u8, u32, u32)] = &[
        (0, 0, user | wide | virtual_interrupts | eflags::IF | eflags::IOPL),
        (1, 0, user | wide),
        (1, 1, user | wide | eflags::IF),
        (3, 0, user | wide),
        (3, 3, user | wide | eflags::IF),
    ];
    for &(cpl, iopl, expected) in rows {
        let mut m = Machine::protected(cpl);
        m.cpu.set_eflags(iopl << 12);
        let cs = m.selector(Seg::Cs).into();
        m.push_all(Width::W32, &[0x3_0000, cs, ALL]);
        m.step(&[0xCF]).unwrap();
        assert_eq!(m.cpu.eflags() & ALL, expected | iopl << 12, "CPL {cpl}, IOPL {iopl}");
        // The 16-bit form leaves the upper half alone.
        let mut m = Machine::protected(cpl);
        m.cpu.set_eflags(iopl << 12);
        m.push_all(Width::W16, &[0x1234, cs, ALL & 0xFFFF]);
        m.step(&[0x66, 0xCF]).unwrap();
        assert_eq!(m.cpu.eflags() & ALL, expected & 0xFFFF | iopl << 12, "CPL {cpl}, IOPL {iopl}, IRETW");
    }
}

#[test]
fn iret_to_v86_needs_level_0() {
    let mut m = Machine::protected(1);
    m.push_all(Width::W32, &[0x3_0000, CODE1.into(), eflags::VM]);
    m.step(&[0xCF]).unwrap();
    assert!(!m.cpu.is_v86(), "VM is ignored above level 0");
    let mut m = Machine::protected(0);
    m.push_all(Width::W32, &[0x1_0000, 0x1234, eflags::VM, 0, 0, 0, 0, 0, 0]);
    m.faults(&[0xCF], GP, 0, "EIP past 64 KB");
}

#[test]
fn iret_in_v86_mode_keeps_iopl() {
    let mut m = Machine::v86(3);
    m.push_all(Width::W16, &[0x42, 0x2000, 0]);
    m.step(&[0xCF]).unwrap();
    assert_eq!((m.cpu.iopl(), m.cpu.is_v86(), m.cpu.eip, m.selector(Seg::Cs)), (3, true, 0x42, 0x2000));
}

#[test]
fn a_return_to_a_16_bit_stack_changes_sp_alone() {
    let mut m = Machine::protected(0);
    m.define(FREE, descriptor(0, 0xFFFF, 0xF2, 0));
    m.push_all(Width::W32, &[0x3_0000, CODE3.into(), 0, 0x1234_5678, u32::from(FREE) | 3]);
    m.cpu.regs[4] |= 0xABC0_0000;
    // The stack is flat: the frame must be found where ESP now points.
    m.cpu.regs[4] &= 0xFFFF;
    m.step(&[0xCF]).unwrap();
    assert_eq!(m.sp(), 0x5678);
}

#[test]
fn nmi_is_blocked_until_iret() {
    let mut m = Machine::protected(0);
    m.cpu.events |= event::NMI;
    assert_eq!(m.with(deliver_nmi), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.cpu.nmi_blocked, m.cpu.events & event::NMI), (handler(NMI), 1, 0));
    m.step(&[0xCF]).unwrap();
    assert_eq!((m.cpu.eip, m.cpu.nmi_blocked), (CODE, 0));
}

#[test]
fn delivery_ends_halt_and_shadow() {
    let mut m = Machine::protected(0);
    m.cpu.events |= event::HALT | event::SHADOW | event::SHADOW_SS;
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!(m.cpu.events, 0);
}

#[test]
fn bound_compares_signed() {
    for (index, ok) in [(-5i32, true), (-6, false), (7, true), (8, false), (0, true)] {
        let mut m = Machine::protected(0);
        m.put(Width::W32, 0x6000, -5i32 as u32 as u64);
        m.put(Width::W32, 0x6004, 7);
        m.cpu.regs[0] = u64::from(index as u32);
        let expected = if ok { Ok(()) } else { Err(Fault::new(BR)) };
        assert_eq!(m.step(&[0x62, 0x05, 0, 0x60, 0, 0]), expected, "{index}");
    }
}

#[test]
fn debug_traps_say_why_and_clear_gd() {
    let mut m = Machine::protected(3);
    m.cpu.dr[6] = 0xFFFF_0FF3;
    m.cpu.dr[7] = 0x2400;
    m.cpu.set_eflags(eflags::TF | eflags::RF);
    assert_eq!(m.with(|x| deliver_trap_debug(x, 1 << 14 | 4)), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.cpu.dr[6], m.cpu.dr[7]), (handler(DB), 0xFFFF_4FF4, 0x400));
    let [_, _, flags] = m.stack32();
    assert_eq!(flags, eflags::TF | eflags::ONE, "a trap pushes RF clear");
    assert!(!m.flag(eflags::TF));
}

#[test]
fn data_breakpoints_on_a_frame_are_met_before_the_handler() {
    // DR0: writes of four bytes where the interrupt pushes EFLAGS. DR1: accesses of one byte where the #DB from that pushes CS.
    let mut m = Machine::protected(0);
    let sp = u64::from(SP0);
    (m.cpu.dr[0], m.cpu.dr[1]) = (sp - 4, sp - 0x14);
    m.cpu.dr[7] = 0x003D_0400 | 1 | 1 << 2;
    m.set_gate(0x40, gate(CODE0, HANDLER + 0x40, 0x8E, 0));
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    // The latter is not met.
    assert_eq!((m.cpu.eip, m.sp(), m.cpu.dr[6] & 0xF), (handler(DB), SP0 - 24, 1));
    let [handler_of_40, _, _, interrupted] = m.stack32();
    assert_eq!([handler_of_40, interrupted].map(u64::from), [handler(0x40), CODE]);
}

#[test]
fn instruction_breakpoints_compare_linear_addresses() {
    let mut m = Machine::real();
    m.cpu.dr[1] = CODE + 5;
    m.cpu.dr[2] = CODE + 5;
    m.cpu.dr[3] = CODE + 5;
    m.cpu.eip = 5;
    // DR1 local, DR2 disabled, DR3 on writes.
    m.cpu.dr[7] = 0x1000_0400 | 1 << 2 | 1 << 7;
    assert_eq!(instruction_breakpoint(&m.cpu), 2);
    m.cpu.set_eflags(eflags::RF);
    assert_eq!(instruction_breakpoint(&m.cpu), 0, "resumed");
    m.cpu.set_eflags(0);
    m.cpu.eip = 6;
    assert_eq!(instruction_breakpoint(&m.cpu), 0);
}

#[test]
fn accesses_to_tables_do_not_obey_the_user_bit() {
    // All pages supervisor-only but the user's code; an interrupt from level 3 still finds IDT, GDT, TSS.
    let mut m = Machine::protected(3);
    for page in 0..256u64 {
        m.put(Width::W32, 0x8_1000 + 4 * page, page << 12 | 3);
    }
    m.put(Width::W32, 0x8_0000, 0x8_1007);
    m.cpu.cr3 = 0x8_0000;
    m.cpu.cr0 |= cr0::PG | cr0::WP;
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!((m.cpu.cpl, m.sp()), (0, SP0 - 20));
}

#[test]
fn frames_may_cross_pages_and_are_written_whole_or_not_at_all() {
    let mut m = Machine::protected(0);
    for page in 0..256u64 {
        m.put(Width::W32, 0x8_1000 + 4 * page, page << 12 | 3);
    }
    m.put(Width::W32, 0x8_0000, 0x8_1003);
    // Linear page 7 lies at physical 60000h.
    m.put(Width::W32, 0x8_1000 + 4 * 7, 0x6_0003);
    m.cpu.cr3 = 0x8_0000;
    m.cpu.cr0 |= cr0::PG;
    m.cpu.regs[4] = 0x8006;
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!(m.sp(), 0x7FFA);
    assert_eq!(m.get(Width::W32, 0x6_0FFA), CODE);
    assert_eq!(m.get(Width::W16, 0x6_0FFE), CODE0.into());
    assert_eq!(m.get(Width::W16, 0x8000), 0);
    assert_eq!(m.get(Width::W32, 0x8002), eflags::ONE.into());
    // Now that page is missing: the part above it must not be written either.
    m.put(Width::W32, 0x8_1000 + 4 * 7, 0);
    m.mmu.flush_all();
    m.cpu.regs[4] = 0x8006;
    m.put(Width::W32, 0x8002, 0x5555_5555);
    let ev = Event { vector: 0x40, error: None, kind: Kind::External, return_eip: 0 };
    assert_eq!(m.with(|x| deliver(x, ev)), Err(Stop::Fault));
    assert_eq!((m.cpu.fault.vector, m.cpu.cr2), (PF, 0x7FFE));
    assert_eq!(m.get(Width::W32, 0x8002), 0x5555_5555);
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 32) % n
    }
}

/// Whatever the tables, registers and instructions are: a result or an exception, and the exception is
/// delivered or shuts the processor down. The host never panics.
#[test]
fn garbage_is_survived() {
    const FIRST: &[&[u8]] = &[
        &[0x8E],
        &[0x9A],
        &[0xEA],
        &[0xCB],
        &[0xCA],
        &[0xCF],
        &[0xCD],
        &[0xCC],
        &[0xCE],
        &[0xF1],
        &[0x62],
        &[0x1F],
        &[0x17],
        &[0xC4],
        &[0xC5],
        &[0x9C],
        &[0x9D],
        &[0xFA],
        &[0xFB],
        &[0xF4],
        &[0x63],
        &[0xFF, 0x1D],
        &[0xFF, 0x2D],
        &[0x0F, 0x00],
        &[0x0F, 0x01],
        &[0x0F, 0x02],
        &[0x0F, 0x03],
        &[0x0F, 0x20],
        &[0x0F, 0x22],
        &[0x0F, 0x21],
        &[0x0F, 0x23],
        &[0x0F, 0x30],
        &[0x0F, 0x32],
        &[0x0F, 0x34],
        &[0x0F, 0x35],
        &[0x0F, 0xA2],
    ];
    let mut r = Random(0x1234_5678_9ABC_DEF1);
    for _ in 0..600 {
        let mut m = match r.below(6) {
            0 => Machine::real(),
            1 => Machine::v86(r.below(4) as u32),
            2 => Machine::protected(3),
            3 => Machine::protected(1),
            _ => Machine::protected(0),
        };
        for _ in 0..r.below(12) {
            let at = r.below(0x5000) & !7;
            let v = r.next();
            m.put(Width::W64, 0x1000 + at, v);
        }
        for _ in 0..60 {
            match r.below(8) {
                0 => {
                    let at = GDT + 8 * r.below(32);
                    let v = descriptor(
                        r.next() as u32 & 0xFFFF,
                        r.next() as u32,
                        r.next() as u8 | 0x80,
                        r.next() as u8 & 15,
                    );
                    m.put(Width::W64, at, v);
                }
                1 => {
                    let (to, kind) =
                        (8 * r.below(32) as u16, [0x84, 0x85, 0x86, 0x8C, 0xEE, 0xE5][r.below(6) as usize]);
                    let g = gate(to, r.next() as u32 & 0xFFFF, kind, r.next() as u8 & 31);
                    let at = if r.below(2) == 0 { GDT + 8 * r.below(32) } else { 0x2000 + 8 * r.below(32) };
                    m.put(Width::W64, at, g);
                }
                2 => m.cpu.set_eflags(r.next() as u32 & !eflags::VM),
                _ => {}
            }
            for _ in 0..3 {
                let at = r.below(8) as usize;
                let v = r.next();
                m.cpu.regs[at] = [v & 0x1FF, v & 0xFFFF, v & 0xFFFF_FFFF][r.below(3) as usize];
            }
            let mut bytes = [0; 16];
            for b in &mut bytes {
                *b = if r.below(2) == 0 { r.next() as u8 } else { (r.below(32) * 8) as u8 };
            }
            let first = FIRST[r.below(FIRST.len() as u64) as usize];
            bytes[..first.len()].copy_from_slice(first);
            let Ok(i) = crate::decode::BlockDecoder::new(&bytes, m.cpu.mode).next_insn() else { continue };
            m.cpu.next_eip = m.eip_of(i.end());
            let stop = m.with(|x| crate::semantics::step(x, &i));
            let delivered = match stop {
                Ok(()) => {
                    m.cpu.eip = m.cpu.next_eip;
                    if r.below(10) == 0 { m.with(|x| deliver_external(x, 0x20)) } else { Delivered::Handler }
                }
                Err(_) => m.with(deliver_fault),
            };
            // The mode follows from the state whatever happened.
            let mut derived = m.cpu.clone();
            derived.update_mode();
            assert_eq!(m.cpu.mode, derived.mode, "{i:?}");
            assert!(!m.cpu.is_v86() || m.cpu.cpl == 3);
            assert!(m.cpu.is_v86() || m.cpu.is_protected() || m.cpu.cpl == 0);
            if delivered == Delivered::Shutdown {
                break;
            }
        }
    }
}

#[test]
fn a_delivery_without_end_leaves_the_host_in_control() {
    let mut m = Machine::protected(3);
    m.cpu.cr0 |= cr0::AM;
    m.cpu.set_eflags(eflags::AC | eflags::IF);
    m.mode_changed();
    // The handler runs at level 3, on a stack that is misaligned.
    m.set_gate(AC, gate(CODE3, HANDLER, 0x8E, 0));
    m.cpu.regs[gpr::SP as usize] = u64::from(SP3) + 1;
    m.faults(&[0x50], AC, 0, "PUSH");
    let before = (m.cpu.regs, m.cpu.eflags());
    assert_eq!(raise(&mut m, Fault::with(AC, 0)), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.cpu.next_eip, m.cpu.cpl), (CODE, CODE, 3), "it begins anew");
    assert_eq!((m.cpu.regs, m.cpu.eflags()), before);
    // What has a stack of its own is still delivered.
    assert_eq!(m.with(|x| deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!((m.cpu.eip, m.cpu.cpl), (handler(0x40), 0));
}
