//! SSE: vectors against the silicon, and random sequences of floating point, with something of all else among it, in a
//! loop against the interpreter.

use super::{Numbers, Workbench, random_sequences};
use crate::oracle::not_comparable_sse;
use crate::tally::Tally;
use cpu::harness::{Harness, SegmentState};

const RAM: usize = 1 << 18;
/// Instructions that a sequence runs at the most.
const MOST: u64 = 300;

/// Runs the oracle's vectors of class `sse` or `ext`. The results, and how many instructions translated code has executed.
///
/// # Panics
/// If a line is not a vector.
pub fn vectors(bench: &impl Workbench, lines: impl IntoIterator<Item = impl AsRef<str>>) -> (Tally, f64) {
    super::vectors(bench, lines, not_comparable_sse)
}

/// A number's bits: ordinary ones, integers, zeros, and what needs care; of either precision.
fn float(n: &mut Numbers, double: bool) -> u64 {
    let (fraction, bias) = if double { (52, 1023u64) } else { (23, 127) };
    let field_max = 2 * bias + 1;
    let sign = (n.next() >> 40 & 1) << if double { 63 } else { 31 };
    let random = n.next() & ((1 << fraction) - 1);
    let number = |field: u64, fraction_bits: u64| sign | field << fraction | fraction_bits;
    match n.below(24) {
        0 => sign,
        1 => number(0, random),
        2 => number(0, 1),
        3 => number(field_max, 0),
        4 => number(field_max, random | 1),
        5 => number(field_max, random | 1 << (fraction - 1)),
        6 => number(1, if n.below(2) == 0 { 0 } else { random }),
        7 => number(field_max - 1, random),
        // Near the ends of the range, or such that products get there.
        8 => number(1 + n.next() % 60, random),
        9 => number(field_max - 1 - n.next() % 60, random),
        10 => number(bias / 2 + n.next() % 8, random),
        // Integers, halves, and the ends of the 32-bit integers.
        11..=14 => {
            let v = [n.next() as i32 >> n.below(32), i32::MIN, i32::MAX, 3][n.below(4)];
            let v = f64::from(v) + [0.0, 0.5, -0.5, 1.0][n.below(4)];
            if double { v.to_bits() } else { u64::from((v as f32).to_bits()) }
        }
        // Few bits, so that results are often exact.
        15 | 16 => number(bias - 8 + n.next() % 16, random >> (fraction - 4) << (fraction - 4)),
        _ => number(bias - 20 + n.next() % 40, random),
    }
}

/// Eight bytes of numbers, mostly of one precision.
fn floats(n: &mut Numbers) -> [u8; 8] {
    if n.below(2) == 0 {
        float(n, true).to_le_bytes()
    } else {
        (float(n, false) | float(n, false) << 32).to_le_bytes()
    }
}

/// Mostly as programs have it.
fn mxcsr(n: &mut Numbers) -> u32 {
    let random = n.next() as u32;
    match n.below(8) {
        0 => 0x1F80 | random & 0xE07F,
        1 => 0x1F80,
        2 => 0x1FA0 | random & 0x8040,
        3 if n.below(4) == 0 => random & 0xFFFF | 0x1000,
        _ => 0x1FA0 | random & 0x1F,
    }
}

/// Opcodes after 0F whose prefix (none, 66, F3, F2) chooses precision and whether all elements count.
const ANY_PREFIX: [u8; 9] = [0x51, 0x58, 0x59, 0x5A, 0x5C, 0x5D, 0x5E, 0x5F, 0xC2];
/// Prefixes (0: none) and opcodes of the others; no form reaches the MMX registers.
const OTHERS: [(u8, u8); 40] = [
    (0x00, 0x52),
    (0xF3, 0x52),
    (0x00, 0x53),
    (0xF3, 0x53),
    (0x00, 0x5B),
    (0x66, 0x5B),
    (0xF3, 0x5B),
    (0xF2, 0x2A),
    (0xF3, 0x2A),
    (0xF2, 0x2C),
    (0xF3, 0x2C),
    (0xF2, 0x2D),
    (0xF3, 0x2D),
    (0x00, 0x2E),
    (0x66, 0x2E),
    (0x00, 0x2F),
    (0x66, 0x2F),
    (0x66, 0xE6),
    (0xF2, 0xE6),
    (0xF3, 0xE6),
    (0xF2, 0x10),
    (0xF3, 0x10),
    (0xF2, 0x11),
    (0xF3, 0x11),
    (0x00, 0x28),
    (0x66, 0x29),
    (0x66, 0xD6),
    (0xF3, 0x7E),
    (0x66, 0x6E),
    (0x00, 0x14),
    (0x66, 0x15),
    (0x66, 0xC6),
    (0x00, 0x54),
    (0x00, 0x57),
    (0x66, 0xF6),
    (0x66, 0xE4),
    (0x66, 0xE5),
    (0x66, 0x16),
    (0x00, 0x50),
    (0x66, 0xFA),
];

/// After 66 0F 38, all that is so encoded.
const THREE_BYTE: [std::ops::RangeInclusive<u8>; 9] = [
    0x00..=0x0B,
    0x10..=0x10,
    0x14..=0x15,
    0x17..=0x17,
    0x1C..=0x1E,
    0x20..=0x25,
    0x28..=0x29,
    0x30..=0x35,
    0x37..=0x41,
];
/// After 66 0F 3A, with an immediate.
const WITH_IMMEDIATE: [std::ops::RangeInclusive<u8>; 5] =
    [0x08..=0x0F, 0x14..=0x17, 0x20..=0x22, 0x40..=0x42, 0x60..=0x63];
/// With prefixes of their own: HADDPS and its kin, ADDSUBPS, moves, AES, CRC32, POPCNT, MOVBE.
const ALONE: [&[u8]; 22] = [
    &[0xF2, 0x0F, 0x7C],
    &[0x66, 0x0F, 0x7C],
    &[0xF2, 0x0F, 0x7D],
    &[0x66, 0x0F, 0x7D],
    &[0xF2, 0x0F, 0xD0],
    &[0x66, 0x0F, 0xD0],
    &[0xF2, 0x0F, 0x12],
    &[0xF3, 0x0F, 0x12],
    &[0xF3, 0x0F, 0x16],
    &[0x66, 0x0F, 0x38, 0xDB],
    &[0x66, 0x0F, 0x38, 0xDC],
    &[0x66, 0x0F, 0x38, 0xDD],
    &[0x66, 0x0F, 0x38, 0xDE],
    &[0x66, 0x0F, 0x38, 0xDF],
    &[0xF3, 0x0F, 0xB8],
    &[0x66, 0xF3, 0x0F, 0xB8],
    &[0xF2, 0x0F, 0x38, 0xF0],
    &[0xF2, 0x0F, 0x38, 0xF1],
    &[0x66, 0xF2, 0x0F, 0x38, 0xF1],
    &[0x0F, 0x38, 0xF0],
    &[0x0F, 0x38, 0xF1],
    &[0x66, 0x0F, 0x38, 0xF0],
];

/// An opcode of SSE3 and later; whether an immediate follows, and whether the operand has to be memory.
fn extension(n: &mut Numbers, code: &mut Vec<u8>) -> (bool, bool) {
    let one_of = |n: &mut Numbers, ranges: &[std::ops::RangeInclusive<u8>]| {
        let all: Vec<u8> = ranges.iter().cloned().flatten().collect();
        all[n.below(all.len())]
    };
    match n.below(8) {
        0..3 => {
            let op = one_of(n, &THREE_BYTE);
            code.extend([0x66, 0x0F, 0x38, op]);
            (false, false)
        }
        3 | 4 => {
            // Rounding is frequent.
            let op = if n.below(3) == 0 { 0x08 + n.byte() % 4 } else { one_of(n, &WITH_IMMEDIATE) };
            code.extend([0x66, 0x0F, 0x3A, op]);
            (true, false)
        }
        _ => {
            let op = ALONE[n.below(ALONE.len())];
            code.extend(op);
            (false, matches!(op, [0x0F, 0x38, ..] | [0x66, 0x0F, 0x38, 0xF0]))
        }
    }
}

/// One instruction of floating-point SSE, or one that looks at what it did.
fn sse_instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let operands = |n: &mut Numbers, code: &mut Vec<u8>, memory: bool| {
        // The few registers used make results operands.
        let reg = (n.byte() & 3) << 3;
        if memory {
            code.extend([0x40 | reg | [3, 6, 7][n.below(3)], n.byte() & 0xF0]);
        } else {
            code.push(0xC0 | reg | n.byte() & 3);
        }
    };
    let memory = n.below(3) == 0;
    match n.below(19) {
        16.. => {
            let (immediate, in_memory) = extension(n, code);
            // What writes general registers writes EAX, ECX or EDX.
            let memory = memory || in_memory;
            let reg = [0, 1, 2][n.below(3)] << 3;
            if memory {
                code.extend([0x40 | reg | [3, 6, 7][n.below(3)], n.byte() & 0xF0]);
            } else {
                code.push(0xC0 | reg | [0, 1, 2][n.below(3)]);
            }
            code.extend(immediate.then(|| n.byte()));
        }
        0..8 => {
            let prefix = [0, 0x66, 0xF3, 0xF2][n.below(4)];
            code.extend((prefix != 0).then_some(prefix));
            let op = ANY_PREFIX[n.below(ANY_PREFIX.len())];
            code.extend([0x0F, op]);
            operands(n, code, memory);
            if op == 0xC2 {
                code.push(n.byte() & 7);
            }
        }
        8..13 => {
            let (prefix, op) = OTHERS[n.below(OTHERS.len())];
            code.extend((prefix != 0).then_some(prefix));
            code.extend([0x0F, op]);
            operands(n, code, op == 0x16 || memory && op != 0x50);
            if op == 0xC6 {
                code.push(n.byte());
            }
        }
        // MASKMOVDQU to EDI; PSLLDQ, PSRLDQ; STMXCSR and, from the table at EBP, LDMXCSR.
        13 => match n.below(6) {
            0 => code.extend([0x66, 0x0F, 0xF7, 0xC1]),
            1 | 2 => code.extend([0x66, 0x0F, 0x73, [0xD8, 0xF8][n.below(2)] | n.byte() & 3, n.byte() % 18]),
            3 | 4 => code.extend([0x0F, 0xAE, 0x5B, n.byte() & 0xFC]),
            _ => code.extend([0x0F, 0xAE, 0x55, n.byte() & 0x7C]),
        },
        // A condition, stored, or jumped on.
        14 => code.extend([0x0F, 0x90 | n.byte() & 15, 0x43, n.byte()]),
        _ => {
            let mut over = Vec::new();
            sse_instruction(n, &mut over);
            code.extend([0x70 | n.byte() & 15, over.len() as u8]);
            code.extend(over);
        }
    }
}

/// A processor in flat 32-bit code, an endless loop of floating point; any exception ends in shutdown.
fn flat_floats(h: &mut Harness, n: &mut Numbers) {
    const CODE: u64 = 0x8000;
    const CONTROLS: u64 = 0x4000;
    h.reset();
    let mut s = h.state();
    let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(0xC09B);
    s.cr0 |= 1;
    s.cr4 = 1 << 9 | 1 << 10;
    s.eflags = 2 | n.next() as u32 & 0x8D5;
    s.eip = CODE;
    for r in s.gpr.iter_mut().take(3) {
        *r = n.next() & 0xFFFF_FFFF;
    }
    for r in [3, 4, 6, 7] {
        s.gpr[r] = 0x2_0000 + (n.next() & 0xFFF0);
    }
    s.gpr[5] = CONTROLS;
    s.mxcsr = mxcsr(n);
    for r in s.xmm.iter_mut().take(8) {
        let (low, high) = r.split_at_mut(8);
        low.copy_from_slice(&floats(n));
        high.copy_from_slice(&floats(n));
    }
    let mut code = Vec::new();
    while code.len() < 110 {
        sse_instruction(n, &mut code);
    }
    code.extend([0x90; 16]);
    let back = -(code.len() as i32 + 5);
    code.push(0xE9);
    code.extend(back.to_le_bytes());
    h.set_state(&s);
    h.write_memory(CODE, &code);
    for word in 0..32 {
        h.write_memory(CONTROLS + 4 * word, &mxcsr(n).to_le_bytes());
    }
    for r in [3, 6, 7] {
        for at in (0..0x100u64).step_by(8) {
            h.write_memory(s.gpr[r] + at - 0x80, &floats(n));
        }
    }
}

/// Runs so many sequences; how many instructions translated code has executed.
///
/// # Panics
/// If one of them ends otherwise than in the interpreter.
pub fn sequences_end_as_in_the_interpreter(bench: &impl Workbench, sequences: std::ops::Range<u64>) -> f64 {
    random_sequences(bench, RAM, MOST, sequences, flat_floats)
}
