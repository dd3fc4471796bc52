//! Random sequences of integer instructions, in flat 32-bit code without paging, against the interpreter.

use super::{Numbers, Workbench, random_sequences};
use cpu::harness::{Harness, SegmentState, State};
use x86::{cr0, eflags, gpr};

/// Where the code is.
const CODE: u64 = 0x8000;
const RAM: usize = 1 << 18;
/// Instructions that a sequence runs at the most.
const MOST: u64 = 400;

/// Opcodes with a ModRM byte, and how many bytes of immediate follow.
const ONE_BYTE: [(u8, usize); 26] = [
    (0x01, 0),
    (0x03, 0),
    (0x0B, 0),
    (0x11, 0),
    (0x13, 0),
    (0x19, 0),
    (0x1B, 0),
    (0x21, 0),
    (0x29, 0),
    (0x2A, 0),
    (0x31, 0),
    (0x39, 0),
    (0x3B, 0),
    (0x38, 0),
    (0x85, 0),
    (0x87, 0),
    (0x88, 0),
    (0x89, 0),
    (0x8B, 0),
    (0x8D, 0),
    (0xC1, 1),
    (0xD1, 0),
    (0xD3, 0),
    (0xC0, 1),
    (0xF7, 0),
    (0x83, 1),
];
/// The same after 0F.
const TWO_BYTE: [(u8, usize); 16] = [
    (0xAF, 0),
    (0xB6, 0),
    (0xBF, 0),
    (0x94, 0),
    (0x9C, 0),
    (0x42, 0),
    (0x4F, 0),
    (0xA3, 0),
    (0xAB, 0),
    (0xBA, 1),
    (0xA4, 1),
    (0xAD, 0),
    (0xBC, 0),
    (0xBD, 0),
    (0xC1, 0),
    (0xB1, 0),
];
/// Without operands, or with one in the opcode.
const PLAIN: [u8; 18] = [
    0x40, 0x4B, 0x50, 0x5E, 0x98, 0x99, 0x9F, 0x9E, 0xF5, 0xF8, 0xF9, 0x41, 0x49, 0x53, 0x5A, 0x9C, 0x60,
    0x90,
];

/// One instruction that mostly does not fault. Memory operands lie near EBX, ESI or EDI.
pub(super) fn instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let operands = |n: &mut Numbers, code: &mut Vec<u8>, imm: usize| {
        let reg = n.byte() & 0x38;
        if n.below(2) == 0 {
            code.push(0xC0 | reg | n.byte() & 7);
        } else {
            code.extend([0x40 | reg | [3, 6, 7][n.below(3)], n.byte()]);
        }
        code.extend((0..imm).map(|_| n.byte()));
    };
    if n.below(8) == 0 {
        code.push(0x66);
    }
    match n.below(10) {
        0..5 => {
            let (op, imm) = ONE_BYTE[n.below(ONE_BYTE.len())];
            code.push(op);
            operands(n, code, imm);
        }
        5 | 6 => {
            let (op, imm) = TWO_BYTE[n.below(TWO_BYTE.len())];
            code.extend([0x0F, op]);
            operands(n, code, imm);
        }
        7 | 8 => code.push(PLAIN[n.below(PLAIN.len())]),
        // A short jump, on any condition, mostly forward.
        _ => code.extend([0x70 | n.byte() & 15, (n.byte() & 31).wrapping_sub(8)]),
    }
}

/// The state of flat 32-bit code at an address, with random flags and registers; any exception ends in shutdown.
pub(super) fn flat(h: &Harness, n: &mut Numbers, eip: u64) -> State {
    let mut s = h.state();
    let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(0xC09B);
    s.cr0 |= cr0::PE;
    s.eflags = eflags::ONE | n.next() as u32 & eflags::STATUS;
    s.eip = eip;
    for r in s.gpr.iter_mut().take(8) {
        *r = n.next() & 0xFFFF_FFFF;
    }
    s
}

/// A processor at a random sequence.
fn prepare(h: &mut Harness, n: &mut Numbers) {
    h.reset();
    let mut s = flat(h, n, CODE);
    for r in [gpr::BX, gpr::SP, gpr::SI, gpr::DI] {
        s.gpr[usize::from(r)] = 0x2_0000 + (n.next() & 0xFFFF);
    }
    let mut code = Vec::new();
    while code.len() < 150 {
        instruction(n, &mut code);
    }
    code.push(0xF4);
    h.set_state(&s);
    h.write_memory(CODE, &code);
}

/// Runs so many sequences; how many instructions translated code has executed.
///
/// # Panics
/// If one of them ends otherwise than in the interpreter.
pub fn end_as_in_the_interpreter(bench: &impl Workbench, sequences: std::ops::Range<u64>) -> f64 {
    random_sequences(bench, RAM, MOST, sequences, prepare)
}
