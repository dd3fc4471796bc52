use crate::fault::Fault;
use crate::helpers::interrupt::{self, Delivered};
use crate::helpers::segment::testing::*;
use crate::insn::Width;
use crate::state::Segment;
use x86::vector::{GP, NP, SS, TS};
use x86::{Seg, cr0, eflags};

const NEXT: u32 = CODE as u32 + 7;
const ENTRY: u32 = 0x5_0000;

fn far(opcode: u8, selector: u16) -> [u8; 7] {
    let [e, f] = selector.to_le_bytes();
    [opcode, 0, 0, 0, 0, e, f]
}
const JMP: u8 = 0xEA;
const CALL: u8 = 0x9A;
const IRET: [u8; 1] = [0xCF];

/// Fields of task B's TSS that tests change: offset, value.
type Field = (u64, u32);
const EFLAGS: u64 = 0x24;
const ES: u64 = 0x48;
const CS: u64 = 0x4C;
const SS_: u64 = 0x50;
const DS: u64 = 0x54;
const FS: u64 = 0x58;
const GS: u64 = 0x5C;
const LDTR: u64 = 0x60;
const TRAP: u64 = 0x64;

/// A machine with task B ready to run at level 0.
fn machine(cpl: u8) -> Machine {
    let mut m = Machine::protected(cpl);
    fill(&mut m, &[]);
    m
}

fn fill(m: &mut Machine, changes: &[Field]) {
    let fields: [Field; 12] = [
        (0x20, ENTRY),
        (EFLAGS, eflags::CF | eflags::ONE),
        (0x28, 0xAAAA_0000),
        (0x38, 0x7800),
        (0x44, 0xDDDD_1111),
        (ES, DATA3.into()),
        (CS, CODE0.into()),
        (SS_, DATA0.into()),
        (DS, LOCAL0.into()),
        (FS, 0),
        (GS, DATA0.into()),
        (LDTR, LDT_SEL.into()),
    ];
    for (at, v) in fields.iter().chain(changes) {
        m.put(Width::W32, TSS_B + at, u64::from(*v));
    }
}

fn assert_in_b(m: &Machine) {
    assert_eq!((m.cpu.eip, m.cpu.cpl), (ENTRY.into(), 0));
    assert_eq!([m.cpu.regs[0], m.cpu.regs[4], m.cpu.regs[7]], [0xAAAA_0000, 0x7800, 0xDDDD_1111]);
    let selectors = Seg::ALL.map(|seg| m.selector(seg));
    assert_eq!(selectors, [DATA3, CODE0, DATA0, LOCAL0, 0, DATA0]);
    assert_eq!((m.cpu.tr.selector, m.cpu.tr.base, m.cpu.ldtr.selector), (TASK_B, TSS_B, LDT_SEL));
    assert_eq!(m.cpu.seg(Seg::Ds).base, 0x1234);
    assert_ne!(m.cpu.cr0 & cr0::TS, 0);
    assert_eq!(m.access(TASK_B), 0x8B, "busy");
}

#[test]
fn a_jump_leaves_the_old_task_free() {
    let mut m = machine(0);
    m.cpu.regs[3] = 0xBBBB_BBBB;
    m.cpu.set_eflags(eflags::ZF | eflags::IF);
    m.cpu.dr[7] = 0x403;
    m.step(&far(JMP, TASK_B)).unwrap();
    assert_in_b(&m);
    assert_eq!(m.cpu.eflags(), eflags::CF | eflags::ONE);
    assert_eq!(m.access(TASK_A), 0x89, "no longer busy");
    let saved = |at| m.get(Width::W32, TSS + at) as u32;
    assert_eq!(saved(0x20), NEXT);
    assert_eq!(saved(0x24), eflags::ZF | eflags::IF | eflags::ONE);
    assert_eq!((saved(0x34), saved(0x38)), (0xBBBB_BBBB, SP0));
    assert_eq!((saved(0x4C), saved(0x50)), (CODE0.into(), DATA0.into()));
    assert_eq!(m.cpu.dr[7], 0x402, "local breakpoints are off");
}

#[test]
fn a_call_nests_and_iret_returns() {
    for through_gate in [false, true] {
        let mut m = machine(0);
        m.define(FREE, gate(TASK_B, 0, 0x85, 0));
        m.step(&far(CALL, if through_gate { FREE } else { TASK_B })).unwrap();
        assert_in_b(&m);
        assert!(m.flag(eflags::NT));
        assert_eq!(m.access(TASK_A), 0x8B, "still busy");
        assert_eq!(m.get(Width::W16, TSS_B), TASK_A.into(), "back link");
        m.step(&IRET).unwrap();
        assert_eq!((m.cpu.eip, m.sp(), m.cpu.tr.selector), (NEXT.into(), SP0, TASK_A));
        assert!(!m.flag(eflags::NT));
        assert_eq!((m.access(TASK_A), m.access(TASK_B)), (0x8B, 0x89));
        assert_eq!(m.get(Width::W32, TSS_B + 0x24) as u32 & eflags::NT, 0, "saved without NT");
    }
}

#[test]
fn iret_with_nt_checks_the_back_link() {
    let rows: &[(u16, u8, u16)] = &[
        (LOCAL0, TS, LOCAL0),
        (OUTSIDE, TS, OUTSIDE),
        (TASK_B, TS, TASK_B),
        (DATA0, TS, DATA0),
        (0, TS, 0),
        (FREE, NP, FREE),
    ];
    for &(link, vector, error) in rows {
        let mut m = machine(0);
        m.define(FREE, descriptor(TSS_B as u32, 0x67, 0x0B, 0));
        m.cpu.set_eflags(eflags::NT);
        m.put(Width::W16, TSS, link.into());
        m.faults(&IRET, vector, error.into(), &format!("back to {link:#x}"));
    }
}

#[test]
fn tasks_are_checked_before_the_switch() {
    type Row = (u8, u16, u64, u8, u16, &'static str);
    let tss = |limit, access| descriptor(TSS_B as u32, limit, access, 0);
    let rows: &[Row] = &[
        (3, FREE | 3, tss(0x67, 0x89), GP, FREE, "DPL 0 from CPL 3"),
        (0, FREE | 1, tss(0x67, 0x89), GP, FREE, "RPL 1"),
        (0, FREE, tss(0x67, 0x8B), GP, FREE, "busy"),
        (0, FREE, tss(0x67, 0x09), NP, FREE, "not present"),
        (0, FREE, tss(0x66, 0x89), TS, FREE, "too short"),
        (0, FREE, tss(0x2A, 0x81), TS, FREE, "too short for 16 bits"),
        (0, FREE, gate(TASK_B, 0, 0x05, 0), NP, FREE, "gate not present"),
        (3, FREE | 3, gate(TASK_B, 0, 0x85, 0), GP, FREE, "gate of DPL 0"),
        (0, FREE, gate(LOCAL0, 0, 0x85, 0), GP, LOCAL0, "TSS in the LDT"),
        (0, FREE, gate(OUTSIDE, 0, 0x85, 0), GP, OUTSIDE, "TSS outside"),
        (0, FREE, gate(TASK_A, 0, 0x85, 0), GP, TASK_A, "busy TSS"),
        (0, FREE, gate(DATA0, 0, 0x85, 0), GP, DATA0, "no TSS"),
    ];
    for &(cpl, selector, d, vector, error, what) in rows {
        for opcode in [JMP, CALL] {
            let mut m = machine(cpl);
            m.define(FREE, d);
            m.faults(&far(opcode, selector), vector, error.into(), what);
        }
    }
    let mut m = machine(3);
    m.define(FREE, gate(TASK_B, 0, 0xE5, 0));
    m.step(&far(CALL, FREE | 3)).unwrap();
    assert_in_b(&m);
}

/// Faults of the new task: they are delivered there, with its EIP. Task B is at level 0 and keeps its stack
/// only if SS was loaded; so the handler of each vector is a task gate's or not, as the row says.
#[test]
fn the_new_task_is_blamed_for_its_own_registers() {
    let rows: &[(&[Field], u8, u16, &str)] = &[
        (&[(DS, ABSENT_DATA0 as u32)], NP, ABSENT_DATA0, "absent DS"),
        (&[(ES, OUTSIDE as u32)], TS, OUTSIDE, "ES outside"),
        (&[(FS, EXECUTE_ONLY0 as u32)], TS, EXECUTE_ONLY0, "execute-only FS"),
        (&[(GS, TASK_A as u32)], TS, TASK_A, "TSS in GS"),
        (&[(CS, SMALL_CODE0 as u32)], GP, 0, "EIP past the limit"),
    ];
    for &(changes, vector, error, what) in rows {
        let mut m = machine(0);
        fill(&mut m, changes);
        m.step(&far(JMP, TASK_B)).unwrap();
        assert_eq!(m.cpu.eip, u64::from(HANDLER) + u64::from(vector), "{what}");
        let [pushed, eip] = m.stack32();
        assert_eq!((pushed, eip), (error.into(), ENTRY), "{what}");
        assert_eq!(m.cpu.tr.selector, TASK_B, "{what}");
    }
    // Without a stack there, the handler itself must be a task. Its TSS is A, free again after the jump.
    let rows: &[(&[Field], u8, u16, &str)] = &[
        (&[(CS, 0)], TS, 0, "null CS"),
        (&[(CS, OUTSIDE as u32)], TS, OUTSIDE, "CS outside"),
        (&[(CS, DATA0 as u32)], TS, DATA0, "CS is data"),
        (&[(CS, CODE3 as u32 & !3)], TS, CODE3 & !3, "DPL is not RPL"),
        (&[(CS, ABSENT_CODE0 as u32)], NP, ABSENT_CODE0, "absent CS"),
        (&[(SS_, 0)], TS, 0, "null SS"),
        (&[(SS_, OUTSIDE as u32)], TS, OUTSIDE, "SS outside"),
        (&[(SS_, READ_ONLY0 as u32)], TS, READ_ONLY0, "read-only SS"),
        (&[(SS_, DATA3 as u32)], TS, DATA3 & !3, "SS of level 3"),
        (&[(SS_, ABSENT_DATA0 as u32)], SS, ABSENT_DATA0, "absent SS"),
        (&[(LDTR, LOCAL0 as u32)], TS, LOCAL0, "LDT in the LDT"),
        (&[(LDTR, DATA0 as u32)], TS, DATA0, "LDT is data"),
        (&[(LDTR, FREE as u32)], TS, FREE, "absent LDT"),
    ];
    for &(changes, vector, error, what) in rows {
        let mut m = machine(0);
        m.define(FREE, descriptor(LDT as u32, 0xF, 0x02, 0));
        m.set_gate(vector, gate(TASK_A, 0, 0x85, 0));
        fill(&mut m, changes);
        m.step(&far(JMP, TASK_B)).unwrap();
        assert_eq!(m.cpu.tr.selector, TASK_A, "{what}");
        assert_eq!(m.cpu.eip, NEXT.into(), "{what}");
        assert_eq!(m.stack32(), [u32::from(error)], "{what}");
        assert_eq!(m.get(Width::W32, TSS_B + 0x20), ENTRY.into(), "{what}: the faulting EIP is task B's");
    }
}

#[test]
fn an_exception_through_a_task_gate_brings_its_error_code() {
    let mut m = machine(3);
    m.set_gate(GP, gate(TASK_B, 0, 0x85, 0));
    m.cpu.fault = Fault::with(GP, 0x1230);
    assert_eq!(m.with(interrupt::deliver_fault), Delivered::Handler);
    assert_eq!((m.cpu.tr.selector, m.cpu.eip, m.sp()), (TASK_B, ENTRY.into(), 0x7800 - 4));
    assert_eq!(m.stack32(), [0x1230]);
    assert!(m.flag(eflags::NT));
    assert_eq!(m.get(Width::W32, TSS + 0x20), CODE);
    assert_ne!(m.get(Width::W32, TSS + 0x24) as u32 & eflags::RF, 0, "to be resumed");
    // POP EAX, IRET
    m.step(&[0x58]).unwrap();
    m.step(&IRET).unwrap();
    assert_eq!((m.cpu.eip, m.cpu.cpl, m.sp(), m.selector(Seg::Cs)), (CODE, 3, SP3, CODE3));
}

#[test]
fn external_interrupts_mark_faults_of_the_switch() {
    let mut m = machine(0);
    m.set_gate(0x40, gate(TASK_A, 0, 0x85, 0));
    assert_eq!(m.with(|x| interrupt::deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!(m.cpu.eip, u64::from(HANDLER) + u64::from(GP), "task A is busy");
    assert_eq!(m.stack32(), [u32::from(TASK_A) | 1, CODE as u32]);
}

#[test]
fn the_t_bit_traps_before_the_first_instruction() {
    let mut m = machine(0);
    fill(&mut m, &[(TRAP, 1)]);
    m.step(&far(CALL, TASK_B)).unwrap();
    assert_eq!(m.cpu.eip, u64::from(HANDLER) + 1);
    assert_eq!(m.stack32::<1>(), [ENTRY]);
    assert_eq!(m.cpu.dr[6] & 0xE00F, 0x8000);
    let mut m = machine(0);
    fill(&mut m, &[(TRAP, 1)]);
    m.set_gate(0x40, gate(TASK_B, 0, 0x85, 0));
    assert_eq!(m.with(|x| interrupt::deliver_external(x, 0x40)), Delivered::Handler);
    assert_eq!(m.cpu.eip, u64::from(HANDLER) + 1);
    assert_eq!(m.cpu.tr.selector, TASK_B);
}

#[test]
fn sixteen_bit_tasks_hold_words() {
    let mut m = Machine::protected(0);
    m.define(FREE, descriptor(0x6000, 0x2B, 0x81, 0));
    m.put(Width::W16, 0x600E, 0x1234);
    m.put(Width::W16, 0x6010, u64::from(eflags::DF));
    for n in 0..8 {
        m.put(Width::W16, 0x6012 + 2 * n, 0x7000 + n);
    }
    for (n, selector) in [DATA0, CODE16, STACK16, DATA0].into_iter().enumerate() {
        m.put(Width::W16, 0x6022 + 2 * n as u64, selector.into());
    }
    m.step(&far(CALL, FREE)).unwrap();
    assert_eq!((m.cpu.eip, m.sp(), m.cpu.regs[7]), (0x1234, 0x7004, 0x7007));
    assert_eq!(Seg::ALL.map(|seg| m.selector(seg)), [DATA0, CODE16, STACK16, DATA0, 0, 0]);
    assert_eq!(m.cpu.eflags(), eflags::DF | eflags::NT | eflags::ONE);
    assert_eq!(m.cpu.tr.rights.0 & 0xF, 3);
    assert_eq!(m.get(Width::W16, 0x6000), TASK_A.into());
    // Back to the 32-bit task; the 16-bit one is saved in words.
    m.cpu.regs[6] = 0xFFFF_4321;
    m.step(&[0x66, 0xCF]).unwrap();
    assert_eq!((m.cpu.eip, m.sp(), m.cpu.tr.selector), (NEXT.into(), SP0, TASK_A));
    assert_eq!(m.get(Width::W32, 0x601E), 0x7007_4321);
    assert_eq!(m.get(Width::W16, 0x600E), 0x1236);
}

/// A 16-bit TSS whose task runs at level 0 from `ip` in the 16-bit segments.
fn fill16(m: &mut Machine, base: u64, ip: u64) {
    m.put(Width::W16, base + 0x0E, ip);
    m.put(Width::W16, base + 0x10, u64::from(eflags::CF));
    for n in 0..8 {
        m.put(Width::W16, base + 0x12 + 2 * n, 0x7000 + ip + n);
    }
    for (n, selector) in [DATA0, CODE16, STACK16, DATA0].into_iter().enumerate() {
        m.put(Width::W16, base + 0x22 + 2 * n as u64, selector.into());
    }
}

#[test]
fn from_one_sixteen_bit_task_to_another_and_back() {
    const SECOND: u16 = 0x98;
    let mut m = Machine::protected(0);
    m.define(FREE, descriptor(0x6000, 0x2B, 0x81, 0));
    m.define(SECOND, descriptor(0x6100, 0x2B, 0x81, 0));
    fill16(&mut m, 0x6000, 0x100);
    fill16(&mut m, 0x6100, 0x200);
    m.step(&far(JMP, FREE)).unwrap();
    assert_eq!((m.cpu.eip, m.access(FREE), m.access(TASK_A)), (0x100, 0x83, 0x89));
    // CALL 98h:0 in 16-bit code.
    m.step(&[0x9A, 0, 0, 0x98, 0]).unwrap();
    assert_eq!((m.cpu.eip, m.cpu.regs[7], m.cpu.tr.selector), (0x200, 0x7207, SECOND));
    assert_eq!(m.cpu.eflags(), eflags::CF | eflags::NT | eflags::ONE);
    assert_eq!((m.access(FREE), m.access(SECOND)), (0x83, 0x83), "nested: both are busy");
    assert_eq!((m.get(Width::W16, 0x600E), m.get(Width::W16, 0x6100)), (0x105, FREE.into()));
    // IRET: the back link's task goes on, and the second is free again.
    m.step(&IRET).unwrap();
    assert_eq!((m.cpu.eip, m.cpu.regs[7], m.cpu.tr.selector), (0x105, 0x7107, FREE));
    assert_eq!(m.cpu.eflags(), eflags::CF | eflags::ONE);
    assert_eq!((m.access(FREE), m.access(SECOND)), (0x83, 0x81));
    assert_eq!(m.get(Width::W16, 0x6110), u64::from(eflags::CF | eflags::ONE), "NT is not kept");
    assert_eq!(m.get(Width::W16, 0x6128), DATA0.into(), "DS in the last word but one");
    // A 16-bit TSS has no more than 2Ch bytes.
    m.define(SECOND, descriptor(0x6100, 0x2A, 0x81, 0));
    let f = m.step(&[0xEA, 0, 0, 0x98, 0]).unwrap_err();
    assert_eq!((f.vector, f.error), (TS, SECOND.into()));
}

#[test]
fn a_task_may_be_a_v86_one() {
    let mut m = machine(0);
    fill(
        &mut m,
        &[(EFLAGS, eflags::VM | 3 << 12), (CS, 0x1000), (SS_, 0x900), (0x20, 0x100), (DS, 0x1234), (LDTR, 0)],
    );
    m.step(&far(JMP, TASK_B)).unwrap();
    assert_eq!((m.cpu.eip, m.cpu.cpl), (0x100, 3));
    assert!(m.cpu.is_v86());
    assert_eq!((m.cpu.seg(Seg::Ds).base, m.cpu.seg(Seg::Cs).base), (0x1_2340, 0x1_0000));
}

#[test]
fn page_tables_change_with_the_task() {
    let mut m = machine(0);
    // Two directories that map the first 4 MB to itself by one large page.
    for directory in [0x8_0000u64, 0x9_0000] {
        m.put(Width::W32, directory, 0x83);
    }
    m.cpu.cr4 = x86::cr4::PSE;
    m.cpu.cr3 = 0x8_0000;
    m.cpu.cr0 |= cr0::PG;
    fill(&mut m, &[(0x1C, 0x9_0000)]);
    m.step(&far(JMP, TASK_B)).unwrap();
    assert_in_b(&m);
    assert_eq!(m.cpu.cr3, 0x9_0000);
}

#[test]
fn directory_pointers_are_read_and_checked_with_the_task() {
    let mut m = machine(0);
    // Two tables of pointers, whose directories map the first 2 MB to itself by one large page.
    for (pointers, directory) in [(0x8_0000u64, 0x8_1000u64), (0x9_0020, 0x9_1000)] {
        m.put(Width::W64, pointers, directory | 1);
        m.put(Width::W64, directory, 0x83);
    }
    m.cpu.cr4 = x86::cr4::PAE;
    m.cpu.cr3 = 0x8_0000;
    m.cpu.pdpte = [0x8_1001, 0, 0, 0];
    m.cpu.cr0 |= cr0::PG;
    m.cpu.update_mode();
    fill(&mut m, &[(0x1C, 0x9_0020)]);
    // A reserved bit: #GP(0) in the old task, of which nothing changed.
    m.put(Width::W64, 0x9_0028, 0x9_1003);
    let f = m.step(&far(JMP, TASK_B)).unwrap_err();
    assert_eq!((f.vector, f.error), (GP, 0));
    assert_eq!((m.cpu.tr.selector, m.cpu.cr3, m.access(TASK_B)), (TASK_A, 0x8_0000, 0x89));
    m.put(Width::W64, 0x9_0028, 0);
    m.step(&far(JMP, TASK_B)).unwrap();
    assert_in_b(&m);
    assert_eq!((m.cpu.cr3, m.cpu.pdpte), (0x9_0020, [0x9_1001, 0, 0, 0]));
}

#[test]
fn a_page_missing_under_a_tss_stops_the_switch_before_it_begins() {
    let mut m = machine(0);
    // 4 KB pages, identity; the page of task B's TSS is missing.
    m.put(Width::W32, 0x8_0000, 0x8_1003);
    for page in 0..256u64 {
        m.put(Width::W32, 0x8_1000 + 4 * page, page << 12 | 3);
    }
    m.put(Width::W32, 0x8_1000 + 4 * (TSS_B >> 12), 0);
    m.cpu.cr3 = 0x8_0000;
    m.cpu.cr0 |= cr0::PG;
    m.cpu.update_mode();
    let f = m.step(&far(JMP, TASK_B)).unwrap_err();
    assert_eq!((f.vector, f.error), (x86::vector::PF, 0));
    assert_eq!((m.cpu.tr.selector, m.access(TASK_A), m.access(TASK_B)), (TASK_A, 0x8B, 0x89));
    assert_eq!(m.get(Width::W32, TSS + 0x20), 0, "nothing saved");
    assert_eq!(m.cpu.cr2 & !0xFFF, TSS_B);
}

#[test]
fn the_old_tss_must_be_long_enough() {
    let mut m = machine(0);
    m.cpu.tr = Segment { limit: 0x66, ..m.cpu.tr };
    m.faults(&far(JMP, TASK_B), TS, TASK_A.into(), "old TSS");
}
