//! x87 and MMX against the interpreter: vectors with exceptions unmasked at random, and random sequences of them in a loop.

use super::sequences::flat;
use super::{AT_FIRST_SIGHT, Numbers, Workbench, figure, harness, random_sequences};
use crate::float::{RAM as VECTOR_RAM, SPAN, Start, WINDOW};
use cpu::harness::Harness;
use x86::gpr;

const RAM: usize = 1 << 18;
/// Instructions that a sequence runs at the most.
const MOST: u64 = 300;

/// Runs vectors, interpreted and translated: all state must be equal. (That the interpreter agrees with processors is
/// tested elsewhere.) How many they were, and how many instructions translated code has executed.
///
/// # Panics
/// If one of them ends otherwise, or a line is not a vector.
pub fn vectors_end_as_in_the_interpreter(
    bench: &impl Workbench,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
) -> (u32, f64) {
    let mut plain = Harness::new(VECTOR_RAM).expect("host memory");
    let mut other = harness(bench, VECTOR_RAM, AT_FIRST_SIGHT);
    let mut vectors = 0;
    for line in lines {
        let line = line.as_ref();
        let v = Start::parse(line).unwrap_or_else(|| panic!("not a vector: {line}"));
        vectors += 1;
        for h in [&mut plain, &mut other] {
            v.load(h);
        }
        // Found, compiled, known.
        for round in 0..3 {
            for h in [&mut plain, &mut other] {
                v.put(h);
                h.run(2);
            }
            let (a, b) = (plain.state(), other.state());
            assert_eq!(a, b, "{:02x?}, round {round}: {line}", v.code);
        }
        let same = {
            let [a, b] = [&mut plain, &mut other].map(|h| h.processor().mmu.ram().slice(WINDOW.into(), SPAN));
            a.is_some() && a == b
        };
        assert!(same, "memory of {:02x?}: {line}", v.code);
    }
    (vectors, figure(other.processor(), "executed"))
}

/// A number of ten bytes: ordinary, or one of the others.
fn ten_bytes(n: &mut Numbers) -> [u8; 10] {
    let random = n.next();
    let mantissa = match n.below(8) {
        0 => 1 << 63,
        1 => u64::MAX,
        2 => random & (u64::MAX >> 1),
        3 => 0,
        4 => 1 << 63 | random & !0 << 52,
        _ => 1 << 63 | random,
    };
    let exponent = match n.below(10) {
        0 => 0,
        1 => 0x7FFF,
        2 => random as u16 & 0x7FFF,
        _ => 0x3FF0 + (n.byte() & 0x3F) as u16,
    };
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&mantissa.to_le_bytes());
    bytes[8..].copy_from_slice(&(exponent | u16::from(n.byte() & 0x80) << 8).to_le_bytes());
    bytes
}

/// One x87 or MMX instruction, or what stands around them. Memory operands lie near EBX, ESI or EDI.
fn float_instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    let memory = |n: &mut Numbers, code: &mut Vec<u8>, reg: u8| {
        code.extend([0x40 | reg << 3 | [3, 6, 7][n.below(3)], n.byte()]);
    };
    match n.below(40) {
        // FNINIT, FNCLEX, EMMS, WAIT
        0 => code.extend([0xDB, [0xE3, 0xE2][n.below(2)]]),
        1 => code.extend([[0x0F, 0x77], [0x9B, 0x90]][n.below(2)]),
        // FNSTSW AX; SAHF
        2 | 3 => code.extend([0xDF, 0xE0, 0x9E]),
        // FNSTCW m; FLDCW m
        4 => {
            code.push(0xD9);
            let reg = 5 + 2 * u8::from(n.below(8) != 0);
            memory(n, code, reg);
        }
        // PADDW mm, mm; PMULHW mm, m; MOVD mm, r
        5 => code.extend([0x0F, [0xFD, 0xE5, 0x6E, 0x7E, 0x61, 0x71][n.below(5)], 0xC0 | n.byte()]),
        6 => {
            code.extend([0x0F, [0x6F, 0x7F, 0xEF, 0x63, 0x69, 0xF9][n.below(6)]]);
            let reg = n.byte() & 7;
            memory(n, code, reg);
        }
        // LEA, ADD and a short jump on a condition: past the next instruction, mostly.
        7 => {
            code.push([0x8D, 0x03][n.below(2)]);
            memory(n, code, 0);
        }
        8 => code.extend([0x70 | n.byte() & 15, 3]),
        9..20 => {
            code.push(0xD8 | n.byte() & 7);
            let reg = n.byte() & 7;
            memory(n, code, reg);
        }
        // Pushes, so that the stack is not empty all the time.
        20..24 => match n.below(3) {
            0 => code.extend([0xD9, [0xE8, 0xEE, 0xEB][n.below(3)]]),
            1 => code.extend([0xD9, 0xC0 | n.byte() & 7]),
            _ => {
                code.push(0xDD);
                memory(n, code, 0);
            }
        },
        _ => code.extend([0xD8 | n.byte() & 7, 0xC0 | n.byte()]),
    }
}

/// Flat code at `CODE` that goes through a sequence of instructions a few times.
fn float_loop(h: &mut Harness, n: &mut Numbers) {
    const CODE: u64 = 0x8000;
    h.reset();
    let mut s = flat(h, n, CODE);
    for r in [gpr::BX, gpr::SP, gpr::SI, gpr::DI] {
        s.gpr[usize::from(r)] = 0x2_0000 + (n.next() & 0xFFFF);
    }
    // Mostly all exceptions are masked; rounding and precision are random.
    s.x87.control =
        0x40 | (n.next() as u16 & 0xF00) | if n.below(3) == 0 { n.next() as u16 & 0x3F } else { 0x3F };
    s.x87.status = n.next() as u16 & 0x7F00;
    s.x87.empty = [0, 0xFF, n.byte()][n.below(3)];
    s.x87.registers = [0; 8].map(|_| ten_bytes(n));
    s.cr4 = 0x200;
    s.gpr[1] = 2 + n.next() % 4;
    let mut code = Vec::new();
    let length = 8 + n.below(70);
    while code.len() < length {
        float_instruction(n, &mut code);
    }
    // DEC ECX; JNZ to the first.
    let back = -(code.len() as i32 + 7);
    code.extend([0x49, 0x0F, 0x85]);
    code.extend(back.to_le_bytes());
    code.push(0xF4);
    let mut data = Vec::new();
    while data.len() < 0x1_0200 {
        match n.below(3) {
            0 => data.extend(ten_bytes(n)),
            1 => data.extend((n.next() as i64 as f64 / 4096.0).to_le_bytes()),
            _ => data.extend([n.next().to_le_bytes(), (n.next() % 1000).to_le_bytes()].concat()),
        }
    }
    h.write_memory(0x1_FF00, &data);
    h.write_memory(CODE, &[0; 160]);
    h.write_memory(CODE, &code);
    h.set_state(&s);
}

/// Runs so many sequences; how many instructions translated code has executed.
///
/// # Panics
/// If one of them ends otherwise than in the interpreter.
pub fn sequences_end_as_in_the_interpreter(bench: &impl Workbench, sequences: std::ops::Range<u64>) -> f64 {
    random_sequences(bench, RAM, MOST, sequences, float_loop)
}
