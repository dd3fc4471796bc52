//! The hot loop against one instruction at a time, which goes the general way.

use crate::harness::TableState;
use crate::harness::{Ended, Harness, SegmentState, State};
use x86::{cr0, gpr, vector};

const CODE: u32 = 0x1000;

/// Flat 32-bit protected mode, about to run `code`.
fn start(h: &mut Harness, code: &[u8], a: u32, b: u32, sp: u32) {
    h.reset();
    let mut s = h.state();
    s.cr0 |= cr0::PE;
    for (n, segment) in s.segments.iter_mut().enumerate() {
        let rights = if n == 1 { 0xC09B } else { 0xC093 };
        *segment = SegmentState { selector: 8, base: 0, limit: 0xFFFF_FFFF, rights };
    }
    s.eip = CODE.into();
    s.gpr[gpr::AX as usize] = a.into();
    s.gpr[gpr::BX as usize] = b.into();
    s.gpr[gpr::DX as usize] = 4;
    s.gpr[gpr::SP as usize] = sp.into();
    h.set_state(&s);
    assert!(h.write_memory(CODE.into(), code));
}

/// Runs to the halt, `step` instructions at a time: the state then, and how many it were.
fn finish(h: &mut Harness, step: u64) -> (State, u64) {
    let before = h.count();
    for _ in 0..1000 {
        if h.run(step) == Ended::Halted {
            return (h.state(), h.count() - before);
        }
    }
    panic!("does not come to an end");
}

#[test]
fn fused_comparisons_do_what_the_two_do() {
    let mut h = Harness::new(1 << 20).expect("host memory");
    let values = [0, 1, 5, 0x7F, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFB, 0xFFFF_FFFF];
    // cmp eax, ebx; test eax, ebx; cmp eax, 5; cmp eax, 0x80000000
    let firsts: [&[u8]; 4] = [&[0x39, 0xD8], &[0x85, 0xD8], &[0x83, 0xF8, 5], &[0x3D, 0, 0, 0, 0x80]];
    for first in firsts {
        for cc in 0..16 {
            // again: first; jcc over; inc ecx; over: dec edx; jnz again; hlt
            let back = -(first.len() as i8 + 6);
            let mut code = first.to_vec();
            code.extend([0x70 | cc, 1, 0x41, 0x4A, 0x75, back as u8, 0xF4]);
            for a in values {
                for b in values {
                    start(&mut h, &code, a, b, 0x8000);
                    let slow = finish(&mut h, 1);
                    for step in [1000, 2, 3] {
                        start(&mut h, &code, a, b, 0x8000);
                        assert_eq!(finish(&mut h, step), slow, "{code:x?} of {a:x} and {b:x} by {step}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_access_off_the_fast_path_in_the_hot_loop_is_done_and_counted_once() {
    // again: add [ebx], eax; push eax; pop ecx; dec edx; jnz again; hlt. Both accesses cross a page.
    let code = [0x01, 0x03, 0x50, 0x59, 0x4A, 0x75, 0xF9, 0xF4];
    let mut h = Harness::new(1 << 20).expect("host memory");
    let mut all = |step| {
        start(&mut h, &code, 0x0102_0304, 0x2FFE, 0x5002);
        assert!(h.write_memory(0x2FFE, &[0; 4]));
        (finish(&mut h, step), h.read_memory(0x2FFE, 4))
    };
    let slow = all(1);
    assert_eq!(slow.1, 0x0408_0C10u32.to_le_bytes());
    assert_eq!(all(1000), slow);
}

/// 16-bit code of a segment that ends with a page, the next one missing, at its offset `eip`: the vector of what it
/// raises, and the EIP that is pushed.
fn raised_at_the_end(eip: u16, code: &[u8]) -> (u8, u32) {
    const DIRECTORY: u32 = 0x1000;
    const TABLE: u32 = 0x2000;
    const GDT: u32 = 0x3000;
    const IDT: u32 = 0x4000;
    const HANDLERS: u32 = 0x5000;
    const BASE: u32 = 0x1_0000;
    let mut h = Harness::new(1 << 20).expect("host memory");
    assert!(h.write_memory(DIRECTORY.into(), &(TABLE | 3).to_le_bytes()));
    for page in 0..0x20 {
        assert!(h.write_memory((TABLE + page * 4).into(), &(page << 12 | 3).to_le_bytes()));
    }
    assert!(h.write_memory((GDT + 8).into(), &0x00CF_9B00_0000_FFFFu64.to_le_bytes()));
    for n in 0..32 {
        let gate = u64::from(HANDLERS + n) | 8 << 16 | 0x8E00 << 32;
        assert!(h.write_memory((IDT + n * 8).into(), &gate.to_le_bytes()));
        assert!(h.write_memory((HANDLERS + n).into(), &[0xF4]));
    }
    start(&mut h, &[], 0, 0, 0x8000);
    let mut s = h.state();
    s.cr0 |= cr0::PG;
    s.cr3 = DIRECTORY.into();
    s.gdtr = TableState { base: GDT.into(), limit: 15 };
    s.idtr = TableState { base: IDT.into(), limit: 0xFF };
    s.segments[1] = SegmentState { selector: 8, base: BASE.into(), limit: 0xFFFF, rights: 0x9B };
    s.eip = eip.into();
    h.set_state(&s);
    assert!(h.write_memory((BASE + u32::from(eip)).into(), code));
    assert_eq!(h.run_to_halt(100), Ended::Halted);
    let s = h.state();
    let frame = h.read_memory(s.gpr[gpr::SP as usize] + 4, 4);
    (s.eip as u8 - 1, u32::from_le_bytes(frame.try_into().expect("four bytes")))
}

#[test]
fn code_that_runs_past_its_segment_raises_gp_there() {
    // Found by comparing with a real processor: EIP does not start again at 0, and the limit comes before paging.
    assert_eq!(raised_at_the_end(0xFFFE, &[0x40, 0x40]), (vector::GP, 0x1_0000));
    assert_eq!(raised_at_the_end(0xFFFE, &[0x40, 0xB8]), (vector::GP, 0xFFFF));
}
