//! Random code, and the world it runs in: one page of page tables, a few pages of data, each mapped in another way.
//!
//! Addresses in registers mostly lie near the boundaries of those pages, so that accesses hit, cross pages and fault.
//! There is no code in memory: what runs is handed over decoded.

use cpu::harness::{Harness, SegmentState, State};
use x86::{cr0, cr4};

/// A small generator of numbers, the same every time.
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut numbers = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        numbers.draw();
        numbers
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.draw() >> 16) as usize % n
    }

    /// Whether something happens that does one time in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        (self.draw() >> 24) as u8
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// Bytes of RAM.
pub const RAM: usize = 1 << 16;
/// Linear address of the first page of data.
const DATA: u64 = 0x1_0000;
/// Linear address of the code.
const CODE: u64 = 0x8000;

/// What the pages of data are: where they lie, and their bits (present, writable, user).
const PAGES: [(u64, u64); 12] = [
    (0x8, 7),
    (0x9, 7),
    (0xA, 5),
    (0xB, 3),
    (0x0, 0),
    (0x8, 7), // the first once more
    (0xC, 7),
    (0xD, 5),
    (0xE, 7),
    (0xF, 7),
    (0x1_0000, 7), // beyond RAM
    (0x2, 7),
];

/// Memory as a run finds it.
#[must_use]
pub fn memory(n: &mut Numbers) -> Vec<u8> {
    let mut ram: Vec<u8> = (0..RAM / 8).flat_map(|_| n.draw().to_le_bytes()).collect();
    let mut put = |at: u64, entry: u64| {
        let at = at as usize;
        ram[at..at + 4].copy_from_slice(&(entry as u32).to_le_bytes());
    };
    for entry in 0..1024 {
        put(4 * entry, 0);
        put(0x1000 + 4 * entry, 0);
    }
    put(0, 0x1007);
    for (page, (to, bits)) in (DATA >> 12..).zip(PAGES) {
        put(0x1000 + 4 * page, to << 12 | bits);
    }
    ram
}

/// The processor as a run finds it: protected mode with paging, mostly flat, 32 bits and with everything on.
pub fn state(h: &Harness, n: &mut Numbers) -> State {
    let mut s = h.state();
    s.cpl = if n.one_in(2) { 3 } else { 0 };
    let dpl = u16::from(s.cpl) << 5;
    let segment = |rights: u16| SegmentState {
        selector: 8 | u16::from(s.cpl),
        base: 0,
        limit: u32::MAX,
        rights: rights | dpl,
    };
    s.segments = [segment(0xC093); 6];
    s.segments[1] = segment(if n.one_in(12) { 0x809B } else { 0xC09B });
    if n.one_in(12) {
        s.segments[2].rights &= !0x4000;
    }
    // FS and GS are never flat; the others now and then are not.
    for seg in [0, 2, 3, 4, 5] {
        if seg >= 4 || n.one_in(12) {
            let base = n.of(&[0, 0x10, 0xF000, DATA]);
            s.segments[seg] = SegmentState { base, limit: 0x1_BFFF, ..segment(0x4093) };
        }
    }
    s.cr0 = cr0::PE | cr0::PG | cr0::NE | if n.one_in(2) { cr0::WP } else { 0 };
    s.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
    match n.below(16) {
        0 => s.cr0 |= cr0::TS,
        1 => s.cr0 |= cr0::EM,
        2 => s.cr4 = 0,
        _ => {}
    }
    s.cr3 = 0;
    s.eflags = 2 | n.draw() as u32 & 0x8D5 | if n.one_in(8) { 0x400 } else { 0 };
    s.eip = CODE;
    for r in 0..8 {
        s.gpr[r] = match n.below(8) {
            _ if r >= 3 && !n.one_in(8) => {
                DATA + (n.of(&[0, 1, 1, 2, 3, 5, 7, 8, 9]) << 12) + 0x20 - (n.draw() & 0x3F)
            }
            0 => n.of(&[0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]),
            1 => n.draw() & 0xFFFF_FFFF,
            2 => n.draw() & 0x3F,
            3 => DATA + (n.draw() & 0xBFFF),
            _ => DATA + (n.draw() % 12 << 12) + 0x20 - (n.draw() & 0x3F),
        };
    }
    for xmm in &mut s.xmm[..8] {
        *xmm = std::array::from_fn(|_| if n.one_in(4) { 0 } else { n.byte() });
    }
    for register in &mut s.x87.registers {
        *register = [0, 0, 0, 0, 0, 0, n.byte(), 0x80 | n.byte(), n.byte() & 7, 0x40];
    }
    s.x87.control = n.of(&[0x37F, 0x27F, 0x37F, 0x1372]);
    s.x87.status = (n.draw() as u16 & 7) << 11;
    s.x87.empty = n.byte() & n.byte();
    s
}

/// Opcodes with a ModRM byte, and how many bytes of immediate follow (4: as wide as the operand).
const ONE_BYTE: [(u8, usize); 44] = [
    (0x00, 0),
    (0x01, 0),
    (0x02, 0),
    (0x03, 0),
    (0x08, 0),
    (0x0B, 0),
    (0x10, 0),
    (0x11, 0),
    (0x13, 0),
    (0x18, 0),
    (0x19, 0),
    (0x1B, 0),
    (0x20, 0),
    (0x21, 0),
    (0x29, 0),
    (0x2A, 0),
    (0x2B, 0),
    (0x30, 0),
    (0x31, 0),
    (0x33, 0),
    (0x38, 0),
    (0x39, 0),
    (0x3A, 0),
    (0x3B, 0),
    (0x69, 4),
    (0x6B, 1),
    (0x80, 1),
    (0x81, 4),
    (0x83, 1),
    (0x84, 0),
    (0x85, 0),
    (0x86, 0),
    (0x87, 0),
    (0x88, 0),
    (0x89, 0),
    (0x8A, 0),
    (0x8B, 0),
    (0x8D, 0),
    (0xC6, 1),
    (0xC7, 4),
    (0xF6, 1),
    (0xF7, 4),
    (0xFE, 0),
    (0xFF, 0),
];
const SHIFTS: [(u8, usize); 6] = [(0xC0, 1), (0xC1, 1), (0xD0, 0), (0xD1, 0), (0xD2, 0), (0xD3, 0)];
/// The same after 0F.
const TWO_BYTE: [(u8, usize); 24] = [
    (0xA3, 0),
    (0xA4, 1),
    (0xA5, 0),
    (0xAB, 0),
    (0xAC, 1),
    (0xAD, 0),
    (0xAF, 0),
    (0xB0, 0),
    (0xB1, 0),
    (0xB3, 0),
    (0xB6, 0),
    (0xB7, 0),
    (0xB8, 0),
    (0xBA, 1),
    (0xBB, 0),
    (0xBC, 0),
    (0xBD, 0),
    (0xBE, 0),
    (0xBF, 0),
    (0xC0, 0),
    (0xC1, 0),
    (0xC3, 0),
    (0xC7, 0),
    (0x1F, 0),
];
/// MMX, SSE and SSE2 lie in these opcodes, with whatever prefix.
const VECTOR: [std::ops::RangeInclusive<u8>; 7] =
    [0x10..=0x17, 0x28..=0x2F, 0x50..=0x77, 0x7C..=0x7F, 0xC2..=0xC6, 0xD0..=0xEF, 0xF0..=0xFE];
/// Without operands, or with one in the opcode.
const PLAIN: [u8; 30] = [
    0x06, 0x0E, 0x16, 0x1E, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61, 0x90, 0x98, 0x99, 0x9B, 0x9C, 0x9D, 0x9E,
    0x9F, 0xC9, 0xCC, 0xCE, 0xD7, 0xF5, 0xF8, 0xF9, 0xFC, 0xFD, 0x07, 0x1F, 0x17,
];
const STRINGS: [u8; 10] = [0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF];

/// A ModRM byte with what belongs to it, and an immediate.
fn operands(n: &mut Numbers, code: &mut Vec<u8>, imm: usize) {
    // Mostly EAX, ECX, EDX are written, so that the others go on holding addresses.
    let one_of_three = |n: &mut Numbers| if n.one_in(4) { n.byte() & 7 } else { n.below(3) as u8 };
    // Some opcodes say there what is to be done.
    let reg = match code[..] {
        [.., 0x0F, 0xBA] => 4 | n.byte() & 3,
        [.., 0x0F, 0xC7] => 1,
        [.., 0x0F, 0x71..=0x73] => n.of(&[2, 4, 6, 3, 7]),
        [.., 0x0F, _] => one_of_three(n),
        [.., 0x80..=0x83 | 0xC0 | 0xC1 | 0xD0..=0xD3 | 0xD8..=0xDF | 0xF6 | 0xF7] => n.byte() & 7,
        [.., 0xC6 | 0xC7] => 0,
        [.., 0xFE] => n.byte() & 1,
        [.., 0xFF] => n.of(&[0, 1, 6, 6, 2, 4]),
        _ => one_of_three(n),
    } << 3;
    match n.below(8) {
        0..3 => code.push(0xC0 | reg | one_of_three(n)),
        3 | 4 => code.extend([0x40 | reg | n.of(&[3, 5, 6, 7, 3, 5, 6, 7, 0]), n.byte() & 0x9F]),
        5 => code.push(reg | n.of(&[3, 6, 7, 3, 6, 7, 0])),
        // SIB: often [ESP + n].
        6 => code.extend([0x44 | reg, if n.one_in(2) { 0x24 } else { n.byte() }, n.byte() & 0x9F]),
        _ => {
            code.push(0x05 | reg);
            code.extend((DATA as u32 + (n.draw() as u32 & 0xBFFF)).to_le_bytes());
        }
    }
    code.extend((0..imm).map(|_| n.byte()));
}

fn instruction(n: &mut Numbers, code: &mut Vec<u8>) {
    match n.below(40) {
        0..5 => code.push(0x66),
        5 => code.push(0x67),
        6 => code.push(n.of(&[0x26, 0x36, 0x3E, 0x64, 0x65])),
        7 if n.one_in(4) => code.push(0xF0),
        _ => {}
    }
    match n.below(28) {
        0..8 => {
            let (op, imm) = n.of(&ONE_BYTE);
            code.push(op);
            operands(n, code, imm);
        }
        8 | 9 => {
            let (op, imm) = n.of(&SHIFTS);
            code.push(op);
            operands(n, code, imm);
        }
        10..12 => {
            let (op, imm) = n.of(&TWO_BYTE);
            code.extend([0x0F, op]);
            operands(n, code, imm);
        }
        12 => {
            // SETcc, CMOVcc
            code.extend([0x0F, n.of(&[0x40, 0x90]) | n.byte() & 15]);
            operands(n, code, 0);
        }
        13 | 14 => {
            if n.one_in(2) {
                code.push(n.of(&[0x66, 0xF2, 0xF3]));
            }
            let range = &VECTOR[n.below(VECTOR.len())];
            let op = range.start() + n.byte() % (range.end() - range.start() + 1);
            code.extend([0x0F, op]);
            let imm = matches!(op, 0x70..=0x73 | 0xC2 | 0xC4..=0xC6);
            operands(n, code, imm.into());
        }
        15 if n.one_in(2) => {
            // What came after SSE2 has maps of its own, and POPCNT.
            code.extend([n.of(&[0x66, 0x66, 0x66, 0xF2, 0xF3, 0x90]), 0x0F]);
            match n.below(8) {
                0..4 => code.extend([0x38, n.byte() & 0x3F]),
                4 => code.extend([0x38, n.of(&[0x40, 0x41, 0xDB, 0xDC, 0xDF, 0xF0, 0xF1])]),
                5 | 6 => code.extend([
                    0x3A,
                    n.of(&[
                        8, 9, 10, 11, 12, 13, 14, 15, 0x14, 0x15, 0x16, 0x17, 0x20, 0x21, 0x22, 0x40, 0x42,
                        0x44, 0x61, 0x63,
                    ]),
                ]),
                _ => code.push(0xB8),
            }
            let imm = code[code.len() - 2] == 0x3A;
            operands(n, code, imm.into());
        }
        15 => {
            code.push(0xD8 | n.byte() & 7);
            operands(n, code, 0);
        }
        16 => {
            // INC, DEC, PUSH, POP, XCHG of a register.
            let op = n.of(&[0x40, 0x48, 0x50, 0x50, 0x58, 0x58, 0x90]);
            code.push(op | n.byte() & 7);
        }
        17 => {
            // MOV of constants, arithmetic on the accumulator, PUSH of a constant.
            let (op, imm) = n.of(&[(0xB0, 1), (0xB8, 4), (0xB9, 4), (0x05, 4), (0x3C, 1), (0x15, 4)]);
            let (op, imm) =
                if n.one_in(4) { n.of(&[(0x6A, 1), (0x68, 4), (0xA1, 4), (0xA2, 4)]) } else { (op, imm) };
            code.push(op);
            let address = DATA as u32 + (n.draw() as u32 & 0xBFFF);
            let constant = if n.one_in(2) { n.draw() as u32 & 0x1F } else { n.draw() as u32 };
            let value = if matches!(op, 0xA1 | 0xA2) { address } else { constant };
            code.extend(&value.to_le_bytes()[..imm]);
        }
        18 => code.push(n.of(&PLAIN)),
        19 => {
            if n.one_in(2) {
                code.push(n.of(&[0xF2, 0xF3]));
            }
            code.push(n.of(&STRINGS));
        }
        20 | 21 => code.extend([0x70 | n.byte() & 15, n.byte()]),
        22 => match n.below(4) {
            0 => code.extend([n.of(&[0xE0, 0xE1, 0xE2, 0xE3, 0xEB]), n.byte()]),
            1 => code.extend([n.of(&[0xE8, 0xE9]), n.byte(), 0, 0, 0]),
            2 => code.extend([0xC2, n.byte(), 0]),
            _ => code.extend([0xC8, n.byte(), 0, n.byte() & 3]),
        },
        // Stack accesses, side by side.
        23..27 => code.extend([0x50 | n.byte() & 15, 0x50 | n.byte() & 15]),
        // Whatever it is.
        _ => code.extend([n.byte(), n.byte(), n.byte(), n.byte(), n.byte()]),
    }
}

/// Bytes of a few instructions.
pub fn code(n: &mut Numbers) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..2 + n.below(12) {
        instruction(n, &mut code);
    }
    code
}
