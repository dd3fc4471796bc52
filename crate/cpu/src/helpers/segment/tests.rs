use super::testing::*;
use crate::insn::Width;
use crate::state::{Segment, event, mode};
use x86::vector::{GP, NP, SS};
use x86::{Seg, eflags, gpr};

/// MOV Sreg, AX.
fn mov(seg: Seg) -> [u8; 2] {
    [0x8E, 0xC0 | (seg as u8) << 3]
}

/// Vector and error code of a refusal.
type Loaded = Result<(), (u8, u32)>;

fn load(m: &mut Machine, seg: Seg, selector: u16) -> Loaded {
    m.cpu.regs[usize::from(gpr::AX)] = u64::from(selector);
    m.step(&mov(seg)).map_err(|f| (f.vector, f.error))
}

#[test]
fn data_segments_are_checked_in_order() {
    // CPL, selector, result
    let cases: &[(u8, u16, Loaded)] = &[
        (0, DATA0, Ok(())),
        (0, DATA0 | 3, Err((GP, DATA0.into()))),
        (3, DATA0, Err((GP, DATA0.into()))),
        (3, DATA3, Ok(())),
        (0, DATA3, Ok(())),
        (1, DATA0, Err((GP, DATA0.into()))),
        (1, DATA1, Ok(())),
        (0, READ_ONLY0, Ok(())),
        (0, CODE0, Ok(())),
        (0, EXECUTE_ONLY0, Err((GP, EXECUTE_ONLY0.into()))),
        (3, CONFORMING0 | 3, Ok(())),
        (0, TASK_B, Err((GP, TASK_B.into()))),
        (0, LDT_SEL, Err((GP, LDT_SEL.into()))),
        (0, ABSENT_DATA0, Err((NP, ABSENT_DATA0.into()))),
        (3, ABSENT_DATA0, Err((GP, ABSENT_DATA0.into()))),
        (0, OUTSIDE, Err((GP, OUTSIDE.into()))),
        (0, LOCAL0, Ok(())),
        (3, LOCAL3, Ok(())),
        (3, LOCAL0, Err((GP, LOCAL0.into()))),
        (0, LOCAL3 + 8, Err((GP, (LOCAL3 + 8) as u32 & 0xFFFC))),
        (0, 0, Ok(())),
        (3, 3, Ok(())),
    ];
    for &(cpl, selector, expected) in cases {
        for seg in [Seg::Ds, Seg::Es, Seg::Fs, Seg::Gs] {
            let mut m = Machine::protected(cpl);
            let before = *m.cpu.seg(seg);
            assert_eq!(load(&mut m, seg, selector), expected, "CPL {cpl}, {seg:?} <- {selector:#x}");
            if expected.is_ok() {
                assert_eq!(m.selector(seg), selector);
            } else {
                assert_eq!(*m.cpu.seg(seg), before, "unchanged");
            }
        }
    }
}

#[test]
fn the_stack_segment_is_checked_more_strictly() {
    let cases: &[(u8, u16, Loaded)] = &[
        (0, DATA0, Ok(())),
        (0, 0, Err((GP, 0))),
        (3, 3, Err((GP, 0))),
        (0, DATA0 | 3, Err((GP, DATA0.into()))),
        (0, DATA3, Err((GP, (DATA3 & !3).into()))),
        (0, DATA3 & !3, Err((GP, (DATA3 & !3).into()))),
        (3, DATA3, Ok(())),
        (3, DATA0, Err((GP, DATA0.into()))),
        (1, DATA1, Ok(())),
        (0, READ_ONLY0, Err((GP, READ_ONLY0.into()))),
        (0, CODE0, Err((GP, CODE0.into()))),
        (0, TASK_B, Err((GP, TASK_B.into()))),
        (0, ABSENT_DATA0, Err((SS, ABSENT_DATA0.into()))),
        (0, OUTSIDE, Err((GP, OUTSIDE.into()))),
    ];
    for &(cpl, selector, expected) in cases {
        let mut m = Machine::protected(cpl);
        assert_eq!(load(&mut m, Seg::Ss, selector), expected, "CPL {cpl}, SS <- {selector:#x}");
    }
}

#[test]
fn a_load_sets_the_accessed_bit_and_the_hidden_part() {
    let mut m = Machine::protected(0);
    assert_eq!(m.access(LOCAL0), 0x92);
    load(&mut m, Seg::Fs, LOCAL0).unwrap();
    assert_eq!(m.access(LOCAL0), 0x93);
    let fs = *m.cpu.seg(Seg::Fs);
    assert_eq!((fs.base, fs.limit, fs.rights.0), (0x1234, 0xFFFF, 0x4093));
    load(&mut m, Seg::Fs, 2).unwrap();
    assert_eq!(*m.cpu.seg(Seg::Fs), Segment::null(2));
    // Reading through the null selector: MOV EAX, FS:[0].
    m.faults(&[0x64, 0xA1, 0, 0, 0, 0], GP, 0, "null segment");
}

#[test]
fn a_refused_load_leaves_the_accessed_bit_alone() {
    let mut m = Machine::protected(3);
    load(&mut m, Seg::Ds, DATA0).unwrap_err();
    assert_eq!(m.access(DATA0), 0x92);
}

#[test]
fn expand_down_segments_are_valid_above_their_limit() {
    let mut m = Machine::protected(0);
    m.define(FREE, descriptor(0, 0x0FFF, 0x96, 4));
    load(&mut m, Seg::Ds, FREE).unwrap();
    m.faults(&[0xA1, 0xFC, 0x0F, 0, 0], GP, 0, "below");
    m.step(&[0xA1, 0, 0x10, 0, 0]).unwrap();
}

#[test]
fn loading_ss_casts_a_shadow_and_others_do_not() {
    let mut m = Machine::protected(0);
    load(&mut m, Seg::Ds, DATA0).unwrap();
    assert_eq!(m.cpu.events & (event::SHADOW | event::SHADOW_SS), 0);
    load(&mut m, Seg::Ss, STACK16).unwrap();
    assert_eq!(m.cpu.events & (event::SHADOW | event::SHADOW_SS), event::SHADOW | event::SHADOW_SS);
    assert_eq!(m.cpu.mode & (mode::STACK32 | mode::FLAT), 0, "a 16-bit stack");
}

#[test]
fn code_segment_is_no_destination() {
    let mut m = Machine::protected(0);
    m.is_undefined(&[0x8E, 0xC8], "MOV CS, AX");
}

#[test]
fn pop_moves_the_stack_pointer_by_the_operand_size() {
    let mut m = Machine::protected(0);
    m.push_all(Width::W32, &[0xDEAD_0000 | u32::from(DATA3)]);
    m.step(&[0x1F]).unwrap();
    assert_eq!((m.selector(Seg::Ds), m.sp()), (DATA3, SP0));
    m.push_all(Width::W16, &[DATA0.into()]);
    m.step(&[0x66, 0x0F, 0xA1]).unwrap();
    assert_eq!((m.selector(Seg::Fs), m.sp()), (DATA0, SP0));
    m.push_all(Width::W32, &[OUTSIDE.into()]);
    m.faults(&[0x07], GP, OUTSIDE.into(), "POP ES");
    m.push_all(Width::W32, &[STACK16.into()]);
    m.step(&[0x17]).unwrap();
    assert_eq!(m.selector(Seg::Ss), STACK16);
    assert_ne!(m.cpu.events & event::SHADOW_SS, 0);
}

#[test]
fn far_pointers_load_both_or_nothing() {
    let mut m = Machine::protected(0);
    m.put(Width::W32, 0x6000, 0x1122_3344);
    m.put(Width::W16, 0x6004, LOCAL0.into());
    // LGS EBX, [6000h]
    m.step(&[0x0F, 0xB5, 0x1D, 0, 0x60, 0, 0]).unwrap();
    assert_eq!((m.cpu.regs[3], m.selector(Seg::Gs)), (0x1122_3344, LOCAL0));
    m.put(Width::W16, 0x6004, OUTSIDE.into());
    m.faults(&[0xC5, 0x0D, 0, 0x60, 0, 0], GP, OUTSIDE.into(), "LDS ECX");
    // LES DX, [6000h]: 16-bit offset.
    m.put(Width::W16, 0x6002, DATA0.into());
    m.cpu.regs[2] = 0xFFFF_FFFF;
    m.step(&[0x66, 0xC4, 0x15, 0, 0x60, 0, 0]).unwrap();
    assert_eq!((m.cpu.regs[2], m.selector(Seg::Es)), (0xFFFF_3344, DATA0));
}

#[test]
fn real_mode_keeps_the_limit() {
    let mut m = Machine::real();
    m.cpu.segs[Seg::Ds as usize] = Segment::new(0, 0, u32::MAX, x86::descriptor::Rights(0xC093));
    load(&mut m, Seg::Ds, 0x1234).unwrap();
    let ds = *m.cpu.seg(Seg::Ds);
    assert_eq!((ds.base, ds.max, ds.writable), (0x1_2340, u32::MAX, 1), "unreal mode");
    m.cpu.segs[Seg::Es as usize] = Segment::null(0);
    load(&mut m, Seg::Es, 0x10).unwrap();
    assert_eq!(m.cpu.seg(Seg::Es).max, 0xFFFF, "a null segment has no limit to keep");
}

#[test]
fn v86_segments_are_64_kb_at_level_3() {
    let mut m = Machine::v86(3);
    load(&mut m, Seg::Ds, 0xABCD).unwrap();
    let ds = *m.cpu.seg(Seg::Ds);
    assert_eq!((ds.base, ds.limit, ds.rights.dpl(), ds.writable), (0xA_BCD0, 0xFFFF, 3, 1));
}

#[test]
fn lar_lsl_verr_verw() {
    // CPL, selector, LAR (None: ZF clear), LSL, VERR, VERW
    type Row = (u8, u16, Option<u32>, Option<u32>, bool, bool);
    let rows: &[Row] = &[
        (0, DATA0, Some(0x00C0_9200), Some(u32::MAX), true, true),
        (3, DATA0, None, None, false, false),
        (0, DATA0 | 3, None, None, false, false),
        (3, DATA3, Some(0x00C0_F200), Some(u32::MAX), true, true),
        (0, READ_ONLY0, Some(0x00C0_9000), Some(u32::MAX), true, false),
        (0, CODE0, Some(0x00C0_9A00), Some(u32::MAX), true, false),
        (0, EXECUTE_ONLY0, Some(0x00C0_9800), Some(u32::MAX), false, false),
        (3, CONFORMING0 | 3, Some(0x00C0_9E00), Some(u32::MAX), true, false),
        (0, TASK_B, Some(0x0000_8900), Some(0x67), false, false),
        (0, TASK_A, Some(0x0000_8B00), Some(0x2FF), false, false),
        (0, LDT_SEL, Some(0x0000_8200), Some(0xF), false, false),
        (0, FREE, Some(0x0000_8C00), None, false, false),
        (0, FREE + 8, None, None, false, false),
        (0, ABSENT_DATA0, Some(0x00C0_1200), Some(u32::MAX), true, true),
        (0, SMALL_CODE0, Some(0x0040_9A00), Some(SMALL_LIMIT), true, false),
        (0, OUTSIDE, None, None, false, false),
        (0, 0, None, None, false, false),
        (3, 3, None, None, false, false),
    ];
    for &(cpl, selector, rights, limit, readable, writable) in rows {
        let mut m = Machine::protected(cpl);
        m.define(FREE, gate(CODE0, 0, 0x8C, 0));
        m.define(FREE + 8, gate(CODE0, 0, 0x8E, 0));
        let what = format!("CPL {cpl}, {selector:#x}");
        m.cpu.regs[0] = u64::from(selector);
        for (bytes, expected) in [([0x0F, 0x02, 0xC8], rights), ([0x0F, 0x03, 0xC8], limit)] {
            m.cpu.regs[1] = 0x5555_5555;
            m.step(&bytes).unwrap();
            assert_eq!(m.flag(eflags::ZF), expected.is_some(), "{what}, {bytes:x?}");
            assert_eq!(m.cpu.regs[1], u64::from(expected.unwrap_or(0x5555_5555)), "{what}, {bytes:x?}");
        }
        m.step(&[0x0F, 0x00, 0xE0]).unwrap();
        assert_eq!(m.flag(eflags::ZF), readable, "VERR {what}");
        m.step(&[0x0F, 0x00, 0xE8]).unwrap();
        assert_eq!(m.flag(eflags::ZF), writable, "VERW {what}");
    }
}

#[test]
fn arpl_raises_the_rpl_only() {
    for (dest, source, result, zf) in
        [(0x10u16, 3u16, 0x13u16, true), (0x13, 0, 0x13, false), (0x11, 1, 0x11, false)]
    {
        let mut m = Machine::protected(0);
        m.cpu.regs[0] = u64::from(dest);
        m.cpu.regs[3] = u64::from(source);
        m.step(&[0x63, 0xD8]).unwrap();
        assert_eq!((m.cpu.regs[0] as u16, m.flag(eflags::ZF)), (result, zf));
        m.put(Width::W16, 0x6000, dest.into());
        m.step(&[0x63, 0x1D, 0, 0x60, 0, 0]).unwrap();
        assert_eq!((m.get(Width::W16, 0x6000) as u16, m.flag(eflags::ZF)), (result, zf));
    }
}

#[test]
fn lldt_and_ltr_check_their_descriptor() {
    // instruction (LLDT AX, LTR AX), selector, fault
    let lldt = [0x0F, 0x00, 0xD0];
    let ltr = [0x0F, 0x00, 0xD8];
    for (bytes, selector, vector, error) in [
        (lldt, TASK_B, GP, TASK_B),
        (lldt, DATA0, GP, DATA0),
        (lldt, LOCAL0, GP, LOCAL0),
        (lldt, OUTSIDE, GP, OUTSIDE),
        (lldt, FREE, NP, FREE),
        (ltr, 0, GP, 0),
        (ltr, 3, GP, 0),
        (ltr, LOCAL0, GP, LOCAL0),
        (ltr, LDT_SEL, GP, LDT_SEL),
        (ltr, TASK_A, GP, TASK_A),
        (ltr, FREE + 8, NP, FREE + 8),
        (ltr, OUTSIDE, GP, OUTSIDE),
    ] {
        let mut m = Machine::protected(0);
        m.define(FREE, descriptor(0, 0xF, 0x02, 0));
        m.define(FREE + 8, descriptor(0, 0x67, 0x09, 0));
        m.cpu.regs[0] = u64::from(selector);
        m.faults(&bytes, vector, error.into(), &format!("{bytes:x?} {selector:#x}"));
        let mut m = Machine::protected(3);
        m.faults(&bytes, GP, 0, "CPL 3");
    }
    let mut m = Machine::protected(0);
    m.cpu.regs[0] = TASK_B.into();
    m.step(&ltr).unwrap();
    assert_eq!(m.access(TASK_B), 0x8B, "busy");
    assert_eq!((m.cpu.tr.base, m.cpu.tr.limit, m.cpu.tr.rights.0), (TSS_B, 0x67, 0x8B));
    m.cpu.regs[0] = 0;
    m.step(&lldt).unwrap();
    m.cpu.regs[0] = LOCAL0.into();
    m.faults(&[0x8E, 0xD8], GP, LOCAL0.into(), "no LDT");
    m.cpu.regs[0] = LDT_SEL.into();
    m.step(&lldt).unwrap();
    assert_eq!(m.cpu.ldtr.base, LDT);
    // STR EAX, SLDT CX
    m.step(&[0x0F, 0x00, 0xC8]).unwrap();
    assert_eq!(m.cpu.regs[0], TASK_B.into());
    m.cpu.regs[1] = 0x7777_7777;
    m.step(&[0x66, 0x0F, 0x00, 0xC1]).unwrap();
    assert_eq!(m.cpu.regs[1], 0x7777_0000 | u64::from(LDT_SEL));
}

#[test]
fn selector_instructions_do_not_exist_outside_protected_mode() {
    for bytes in [
        &[0x0F, 0x02, 0xC8][..],
        &[0x0F, 0x03, 0xC8],
        &[0x0F, 0x00, 0xE0],
        &[0x0F, 0x00, 0xE8],
        &[0x0F, 0x00, 0xD0],
        &[0x0F, 0x00, 0xD8],
        &[0x0F, 0x00, 0xC0],
        &[0x0F, 0x00, 0xC8],
        &[0x63, 0xD8],
    ] {
        Machine::real().is_undefined(bytes, "real mode");
        Machine::v86(3).is_undefined(bytes, "virtual-8086 mode");
    }
}

#[test]
fn ports_are_guarded_by_iopl_and_bitmap() {
    let permitted = |m: &mut Machine, port, bytes| m.with(|x| super::io_permitted(x, port, bytes)).unwrap();
    let mut m = Machine::real();
    assert!(permitted(&mut m, 0x3F8, 1));
    let mut m = Machine::protected(0);
    assert!(permitted(&mut m, 0x3F8, 1));
    let mut m = Machine::protected(3);
    m.put(Width::W16, TSS + 0x66, 0x100);
    // Port 3F8h is byte 7Fh of the map, bit 0; it is clear in zeroed memory.
    assert!(permitted(&mut m, 0x3F8, 1));
    m.put(Width::W8, TSS + 0x100 + 0x80, 0x01);
    assert!(permitted(&mut m, 0x3FF, 1));
    assert!(!permitted(&mut m, 0x3FF, 2), "the second port is forbidden");
    assert!(!permitted(&mut m, 0x400, 1));
    assert!(permitted(&mut m, 0x401, 4));
    // The map ends with the TSS at 2FFh: byte 1FFh would be its last, and two are read.
    assert!(permitted(&mut m, 0xFF0, 1));
    assert!(!permitted(&mut m, 0xFF8, 1));
    m.cpu.set_eflags(3 << 12);
    assert!(permitted(&mut m, 0x400, 1), "IOPL 3");
    let mut m = Machine::v86(3);
    m.put(Width::W16, TSS + 0x66, 0x2FF);
    assert!(!permitted(&mut m, 0, 1), "IOPL does not matter in virtual-8086 mode");
    let mut m = Machine::protected(3);
    m.cpu.tr.rights.0 = 0x83;
    assert!(!permitted(&mut m, 0, 1), "a 16-bit TSS has no map");
}
