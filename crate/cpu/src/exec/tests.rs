//! The hot loop against one instruction at a time, which goes the general way.

use crate::harness::{Ended, Harness, SegmentState, State};
use x86::{cr0, gpr};

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
