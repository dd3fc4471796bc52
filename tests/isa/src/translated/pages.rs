//! One page of code at several linear addresses.

use super::{Workbench, assert_same, figure, harness};
use cpu::harness::{Harness, SegmentState};
use jit::engine::Options;
use x86::{cr0, gpr};

const RAM: usize = 1 << 18;
const DIRECTORY: u64 = 0x1000;
/// Tables, for the low megabytes and for two of the addresses.
const TABLES: [u64; 3] = [0x2000, 0x3000, 0x4000];
const STACK_TOP: u64 = 0x7000;
const CODE: u64 = 0x1_0000;
/// Offset of the code in its page.
const AT: u64 = 0x120;
/// Where the page is mapped.
const MAPPED: [u64; 3] = [0x0005_5000, 0x0840_3000, 0xC00F_F000];
const ROUNDS: u64 = 1000;

/// ```text
/// again:
///   add eax, [9000h]
///   inc dword [9004h]
///   call next
/// next:
///   pop edx
///   add ebx, edx
///   dec ecx
///   jnz again
///   hlt
/// ```
const LOOP: [u8; 24] = [
    0x03, 0x05, 0x00, 0x90, 0x00, 0x00, 0xFF, 0x05, 0x04, 0x90, 0x00, 0x00, 0xE8, 0x00, 0x00, 0x00, 0x00,
    0x5A, 0x01, 0xD3, 0x49, 0x75, 0xE9, 0xF4,
];
/// Distance of `next` from the beginning.
const NEXT: u64 = 17;

fn prepare(h: &mut Harness) {
    const PRESENT_WRITABLE: u32 = 3;
    h.reset();
    let mut map = |lin: u64, table: u64, page: u64| {
        let entry = |at: u64| at as u32 | PRESENT_WRITABLE;
        h.write_memory(DIRECTORY + (lin >> 22) * 4, &entry(table).to_le_bytes());
        h.write_memory(table + (lin >> 12 & 0x3FF) * 4, &entry(page).to_le_bytes());
    };
    for page in (0..0x5_0000).step_by(0x1000) {
        map(page, TABLES[0], page);
    }
    for (lin, table) in MAPPED.into_iter().zip(TABLES) {
        map(lin, table, CODE);
    }
    h.write_memory(CODE + AT, &LOOP);
    h.write_memory(0x9000, &7u32.to_le_bytes());
    let mut s = h.state();
    let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(0xC09B);
    s.cr0 |= cr0::PE | cr0::PG;
    s.cr3 = DIRECTORY;
    h.set_state(&s);
}

/// Runs the page at its addresses, each after the other.
///
/// # Panics
/// If anything but one translation ran, or it ended otherwise than it should.
pub fn are_translated_once(bench: &impl Workbench) {
    let options = Options { threshold: 10, batch: 1, cache_bytes: 1 << 18, ..Options::USUAL };
    let mut plain = Harness::new(RAM as u64).expect("host memory");
    let mut other = harness(bench, RAM as u64, options);
    prepare(&mut plain);
    prepare(&mut other);
    for (n, lin) in (1..).zip(MAPPED) {
        for h in [&mut plain, &mut other] {
            let p = h.processor();
            let registers = [(gpr::AX, 0), (gpr::BX, 0), (gpr::CX, ROUNDS), (gpr::SP, STACK_TOP)];
            for (r, v) in registers {
                p.cpu.regs[usize::from(r)] = v;
            }
            p.cpu.eip = lin + AT;
            p.cpu.events = 0;
            p.state_changed();
            assert_eq!(p.run(p.cpu.count + 100_000), cpu::Exit::Halted);
        }
        assert_same(&mut plain, &mut other, RAM, &format!("at {lin:#x}"));
        let p = other.processor();
        let sum = (ROUNDS * (lin + AT + NEXT)) as u32;
        assert_eq!(p.cpu.regs[usize::from(gpr::AX)], 7 * ROUNDS);
        assert_eq!(p.cpu.regs[usize::from(gpr::BX)], u64::from(sum));
        assert_eq!(figure(p, "regions"), 1.0, "at {lin:#x}");
        let executed = figure(p, "executed");
        let most = (6 * ROUNDS * n) as f64;
        assert!(executed > most, "at {lin:#x}: {executed} instructions in translated code");
    }
}
