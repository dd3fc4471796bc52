use crate::helpers::segment::testing::*;
use crate::insn::Width;
use x86::Seg;
use x86::gpr;
use x86::vector::{GP, NP, SS, TS};

/// JMP or CALL ptr16:32.
fn far(opcode: u8, selector: u16, offset: u32) -> [u8; 7] {
    let [a, b, c, d] = offset.to_le_bytes();
    let [e, f] = selector.to_le_bytes();
    [opcode, a, b, c, d, e, f]
}

const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;
const NEXT: u32 = CODE as u32 + 7;
/// A call gate for every level: present, DPL 3, 32-bit.
const OPEN: u8 = 0xEC;

#[test]
fn direct_targets_are_checked() {
    // CPL, selector, CS afterwards or vector and error code
    type Row = (u8, u16, Result<u16, (u8, u16)>);
    let rows: &[Row] = &[
        (0, CODE0, Ok(CODE0)),
        (0, CODE0 | 3, Err((GP, CODE0))),
        (3, CODE3, Ok(CODE3)),
        (3, CODE3 & !3, Ok(CODE3)),
        (3, CODE0, Err((GP, CODE0))),
        (0, CODE3, Err((GP, CODE3 & !3))),
        (0, CODE3 & !3, Err((GP, CODE3 & !3))),
        (3, CONFORMING0, Ok(CONFORMING0 | 3)),
        (3, CONFORMING0 | 3, Ok(CONFORMING0 | 3)),
        (0, CONFORMING0 | 3, Ok(CONFORMING0)),
        (0, DATA0, Err((GP, DATA0))),
        (0, ABSENT_CODE0, Err((NP, ABSENT_CODE0))),
        (0, SMALL_CODE0, Err((GP, 0))),
        (0, LDT_SEL, Err((GP, LDT_SEL))),
        (0, TASK_A, Err((GP, TASK_A))),
        (0, OUTSIDE, Err((GP, OUTSIDE))),
        (0, 0, Err((GP, 0))),
        (3, 3, Err((GP, 0))),
    ];
    for &(cpl, selector, expected) in rows {
        for opcode in [JMP, CALL] {
            let what = format!("{opcode:#x} from CPL {cpl} to {selector:#x}");
            let mut m = Machine::protected(cpl);
            let bytes = far(opcode, selector, 0x3_0000);
            match expected {
                Err((vector, error)) => m.faults(&bytes, vector, error.into(), &what),
                Ok(cs) => {
                    let (sp, old) = (m.sp(), m.selector(Seg::Cs));
                    m.step(&bytes).unwrap_or_else(|f| panic!("{what}: {f:?}"));
                    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.cpu.cpl), (cs, 0x3_0000, cpl), "{what}");
                    assert_eq!(m.access(selector) & 1, 1, "accessed");
                    if opcode == CALL {
                        assert_eq!(m.sp(), sp - 8);
                        assert_eq!(m.stack32(), [NEXT, old.into()]);
                    } else {
                        assert_eq!(m.sp(), sp);
                    }
                }
            }
        }
    }
}

#[test]
fn real_mode_far_transfers() {
    let mut m = Machine::real();
    m.step(&[JMP, 0x34, 0x12, 0x00, 0x20]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.seg(Seg::Cs).base, m.cpu.eip), (0x2000, 0x2_0000, 0x1234));
    m.step(&[CALL, 0x10, 0x00, 0x00, 0x30]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip), (0x3000, 0x10));
    assert_eq!(m.stack16(), [0x1239, 0x2000]);
    // RETF 4
    m.step(&[0xCA, 4, 0]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.sp()), (0x2000, 0x1239, SP0 + 4));
    // JMP m16:16 at DS:6000h
    m.put(Width::W32, 0x6000, 0x4000_0042);
    m.step(&[0xFF, 0x2E, 0x00, 0x60]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip), (0x4000, 0x42));
    // A 32-bit offset past the limit.
    m.faults(&[0x66, JMP, 0, 0, 1, 0, 0, 0x20], GP, 0, "limit");
}

#[test]
fn real_mode_calls_fault_without_a_trace() {
    let mut m = Machine::real();
    // SP = 1: the second word would wrap within itself.
    m.cpu.regs[usize::from(gpr::SP)] = 3;
    m.faults(&[CALL, 0, 0, 0, 0x20], SS, 0, "wraps inside a word");
}

#[test]
fn call_gates_to_the_same_level() {
    let mut m = Machine::protected(0);
    m.define(FREE, gate(CODE0 | 3, 0x4_1234, OPEN, 0));
    m.step(&far(CALL, FREE, 0xFFFF_FFFF)).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.sp()), (CODE0, 0x4_1234, SP0 - 8));
    assert_eq!(m.stack32(), [NEXT, CODE0.into()]);
    let mut m = Machine::protected(0);
    // A 16-bit gate pushes words, and has a 16-bit offset.
    m.define(FREE, gate(CODE0, 0x4_1234, 0xE4, 0));
    m.step(&far(CALL, FREE, 0)).unwrap();
    assert_eq!((m.cpu.eip, m.sp()), (0x1234, SP0 - 4));
    assert_eq!(m.stack16(), [NEXT as u16, CODE0]);
    m.step(&far(JMP, FREE, 0)).unwrap();
    assert_eq!((m.cpu.eip, m.sp()), (0x1234, SP0 - 4));
}

#[test]
fn call_gates_change_level_and_copy_parameters() {
    let mut m = Machine::protected(3);
    m.define(FREE, gate(CODE0, 0x4_1234, OPEN, 3));
    m.push_all(Width::W32, &[11, 22, 33]);
    m.step(&far(CALL, FREE | 3, 0)).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.cpl, m.cpu.eip), (CODE0, 0, 0x4_1234));
    assert_eq!((m.selector(Seg::Ss), m.sp()), (DATA0, SP0 - 28));
    assert_eq!(m.stack32(), [NEXT, CODE3.into(), 11, 22, 33, SP3 - 12, DATA3.into()]);
    assert_eq!(m.selector(Seg::Ds), DATA3, "data segments stay");
    // And back: RETF 12 drops the parameters from both stacks.
    m.step(&[0xCA, 12, 0]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.cpl, m.cpu.eip), (CODE3, 3, NEXT.into()));
    assert_eq!((m.selector(Seg::Ss), m.sp()), (DATA3, SP3));
}

#[test]
fn sixteen_bit_gates_copy_words() {
    let mut m = Machine::protected(3);
    m.define(FREE, gate(CODE0, 0x1234, 0xE4, 2));
    m.push_all(Width::W16, &[11, 22]);
    m.step(&far(CALL, FREE | 3, 0)).unwrap();
    assert_eq!(m.stack16(), [NEXT as u16, CODE3, 11, 22, (SP3 - 4) as u16, DATA3]);
    assert_eq!((m.sp(), m.cpu.cpl), (SP0 - 12, 0));
}

#[test]
fn call_gates_to_conforming_code_keep_the_level() {
    let mut m = Machine::protected(3);
    m.define(FREE, gate(CONFORMING0, 0x4000, OPEN, 3));
    m.step(&far(CALL, FREE | 3, 0)).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.cpl, m.sp()), (CONFORMING0 | 3, 3, SP3 - 8));
}

#[test]
fn gates_are_checked() {
    type Row = (u8, u8, u64, &'static str, u8, u16);
    let rows: &[Row] = &[
        (JMP, 3, gate(CODE0, 0, OPEN, 0), "JMP to an inner level", GP, CODE0),
        (CALL, 3, gate(CODE0, 0, 0x8C, 0), "gate of DPL 0", GP, FREE),
        (CALL, 3, gate(CODE0, 0, 0xCC, 0), "gate of DPL 2", GP, FREE),
        (CALL, 3, gate(CODE0, 0, 0x6C, 0), "gate not present", NP, FREE),
        (CALL, 3, gate(0, 0, OPEN, 0), "null code", GP, 0),
        (CALL, 3, gate(OUTSIDE, 0, OPEN, 0), "code outside", GP, OUTSIDE),
        (CALL, 3, gate(DATA0, 0, OPEN, 0), "no code", GP, DATA0),
        (CALL, 3, gate(ABSENT_CODE0, 0, OPEN, 0), "absent code", NP, ABSENT_CODE0),
        (CALL, 0, gate(CODE3, 0, OPEN, 0), "outer code", GP, CODE3 & !3),
        (CALL, 3, gate(SMALL_CODE0, SMALL_LIMIT + 1, OPEN, 0), "past the limit", GP, 0),
        (CALL, 0, gate(SMALL_CODE0, SMALL_LIMIT + 1, OPEN, 0), "past the limit", GP, 0),
        (CALL, 0, gate(CODE0, 0, 0x8E, 0), "interrupt gate", GP, FREE),
        (JMP, 0, gate(CODE0, 0, 0x8F, 0), "trap gate", GP, FREE),
    ];
    for &(opcode, cpl, descriptor, what, vector, error) in rows {
        let mut m = Machine::protected(cpl);
        m.define(FREE, descriptor);
        let selector = FREE | u16::from(cpl);
        m.faults(&far(opcode, selector, 0), vector, error.into(), what);
    }
    let mut m = Machine::protected(0);
    m.define(FREE, gate(CODE0, 0, 0x8C, 0));
    m.faults(&far(CALL, FREE | 1, 0), GP, FREE.into(), "RPL above the gate's DPL");
}

#[test]
fn the_inner_stack_is_checked() {
    // What the TSS says, and what comes of it.
    let rows: &[(u32, u16, u8, u16)] = &[
        (SP0, 0, TS, 0),
        (SP0, OUTSIDE, TS, OUTSIDE),
        (SP0, DATA0 | 1, TS, DATA0),
        (SP0, DATA3, TS, DATA3 & !3),
        (SP0, READ_ONLY0, TS, READ_ONLY0),
        (SP0, CODE0, TS, CODE0),
        (SP0, ABSENT_DATA0, SS, ABSENT_DATA0),
        (0x1_0010, STACK16, 0xFF, 0),
        (14, FREE + 8, SS, FREE + 8),
    ];
    for &(sp, ss, vector, error) in rows {
        let mut m = Machine::protected(3);
        m.define(FREE, gate(CODE0, 0, OPEN, 0));
        // Data of 4 KB: a frame of 16 bytes below 14 wraps out of it.
        m.define(FREE + 8, descriptor(0, 0xFFF, 0x92, 4));
        m.put(Width::W32, TSS + 4, sp.into());
        m.put(Width::W16, TSS + 8, ss.into());
        let bytes = far(CALL, FREE | 3, 0);
        if vector == 0xFF {
            m.step(&bytes).unwrap();
            assert_eq!(m.sp(), 0x1_0000, "16-bit stack: the low half of ESP moves");
        } else {
            m.faults(&bytes, vector, error.into(), &format!("{sp:#x} {ss:#x}"));
        }
    }
    let mut m = Machine::protected(3);
    m.define(FREE, gate(CODE0, 0, OPEN, 0));
    m.cpu.tr.limit = 8;
    m.faults(&far(CALL, FREE | 3, 0), TS, TASK_A.into(), "TSS too short");
    m.cpu.tr.limit = 9;
    m.step(&far(CALL, FREE | 3, 0)).unwrap();
}

#[test]
fn returns_are_checked() {
    // CPL, selector, vector, error
    let rows: &[(u8, u16, u8, u16)] = &[
        (0, 0, GP, 0),
        (0, OUTSIDE, GP, OUTSIDE),
        (3, CODE0, GP, CODE0),
        (0, DATA0, GP, DATA0),
        (0, CODE0 | 1, GP, CODE0),
        (0, CODE3 & !3, GP, CODE3 & !3),
        (0, ABSENT_CODE0, NP, ABSENT_CODE0),
        (0, SMALL_CODE0, GP, 0),
        (0, TASK_B, GP, TASK_B),
    ];
    for &(cpl, selector, vector, error) in rows {
        let mut m = Machine::protected(cpl);
        m.push_all(Width::W32, &[0x3_0000, selector.into()]);
        m.faults(&[0xCB], vector, error.into(), &format!("RETF {selector:#x} from {cpl}"));
        m.push_all(Width::W32, &[0x3_0000, selector.into(), 0]);
        m.faults(&[0xCF], vector, error.into(), &format!("IRET {selector:#x} from {cpl}"));
    }
}

#[test]
fn the_outer_stack_is_checked() {
    let rows: &[(u16, u8, u16)] = &[
        (0, GP, 0),
        (3, GP, 0),
        (OUTSIDE | 3, GP, OUTSIDE),
        (DATA3 & !3, GP, DATA3 & !3),
        (DATA0 | 3, GP, DATA0),
        (CODE3, GP, CODE3 & !3),
        (FREE | 3, SS, FREE),
    ];
    for &(ss, vector, error) in rows {
        let mut m = Machine::protected(0);
        m.define(FREE, descriptor(0, 0xF_FFFF, 0x72, 0xC));
        m.push_all(Width::W32, &[0x3_0000, CODE3.into(), SP3, ss.into()]);
        m.faults(&[0xCB], vector, error.into(), &format!("RETF, SS {ss:#x}"));
        m.push_all(Width::W32, &[0x3_0000, CODE3.into(), 0, SP3, ss.into()]);
        m.faults(&[0xCF], vector, error.into(), &format!("IRET, SS {ss:#x}"));
    }
}

#[test]
fn an_outer_level_inherits_no_inner_segment() {
    let mut m = Machine::protected(0);
    for (seg, selector) in [(Seg::Ds, DATA0), (Seg::Es, CONFORMING0), (Seg::Fs, DATA3), (Seg::Gs, CODE0)] {
        let s = m.with(|x| crate::helpers::segment::prepare(x, seg, selector)).unwrap();
        m.cpu.segs[seg as usize] = s;
    }
    m.push_all(Width::W32, &[0x3_0000, CODE3.into(), SP3, DATA3.into()]);
    m.step(&[0xCB]).unwrap();
    assert_eq!((m.cpu.cpl, m.sp()), (3, SP3));
    let left = [Seg::Ds, Seg::Es, Seg::Fs, Seg::Gs].map(|seg| m.selector(seg));
    assert_eq!(left, [0, CONFORMING0, DATA3, 0]);
    assert_eq!(m.cpu.seg(Seg::Ds).readable, 0);
}

#[test]
fn sysenter_and_sysexit() {
    let mut m = Machine::protected(3);
    m.faults(&[0x0F, 0x34], GP, 0, "no selector");
    m.cpu.msr.sysenter_cs = CODE0.into();
    m.cpu.msr.sysenter_esp = 0x7000;
    m.cpu.msr.sysenter_eip = 0x1234_5678;
    m.cpu.set_eflags(x86::eflags::IF | x86::eflags::DF);
    m.faults(&[0x0F, 0x35], GP, 0, "SYSEXIT at CPL 3");
    m.step(&[0x0F, 0x34]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.selector(Seg::Ss), m.cpu.cpl), (CODE0, CODE0 + 8, 0));
    assert_eq!((m.cpu.eip, m.sp()), (0x1234_5678, 0x7000));
    assert_eq!(m.cpu.eflags() & (x86::eflags::IF | x86::eflags::DF), x86::eflags::DF);
    assert!(m.cpu.seg(Seg::Ss).is_flat() && m.cpu.seg(Seg::Cs).is_flat());
    m.cpu.regs[1] = 0x6000;
    m.cpu.regs[2] = 0x8888;
    m.step(&[0x0F, 0x35]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.selector(Seg::Ss), m.cpu.cpl), (CODE0 + 19, CODE0 + 27, 3));
    assert_eq!((m.cpu.eip, m.sp()), (0x8888, 0x6000));
    let mut m = Machine::real();
    m.cpu.msr.sysenter_cs = 8;
    m.faults(&[0x0F, 0x34], GP, 0, "real mode");
}

#[test]
fn far_transfers_in_v86_mode_are_those_of_real_mode() {
    let mut m = Machine::v86(0);
    m.step(&[CALL, 0x10, 0x00, 0x00, 0x30]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip, m.cpu.cpl), (0x3000, 0x10, 3));
    assert_eq!(m.stack16(), [5, (CODE >> 4) as u16]);
    m.step(&[0xCB]).unwrap();
    assert_eq!((m.selector(Seg::Cs), m.cpu.eip), ((CODE >> 4) as u16, 5));
}
