//! Random sequences in code that is not flat, for comparing two ways of running them: real and virtual-8086 mode,
//! 16-bit and 32-bit segments with odd bases and small limits, expand-down data, near the limit and near the end of
//! 64 KB.
//!
//! What an instruction does is not looked at here, so nothing is left out because it is undefined. Exceptions go to
//! handlers that halt, so that what they push is compared too.
//!
//! 16-bit code that runs past FFFFh, which a limit above that allows, does not occur.

use cpu::harness::{Harness, SegmentState, State, TableState};
use x86::{cr0, eflags};

/// Bytes of RAM.
pub const RAM: u64 = 1 << 18;
const GDT: u64 = 0x1000;
const TSS: u64 = 0x1100;
const IDT: u64 = 0x1200;
/// Handlers, a HLT each; in reach of real-mode vectors too.
const HANDLERS: u32 = 0x2000;
const STACK_0: u32 = 0x3000;
/// Where code and data lie, with 64 KB after it.
const LOWEST: u64 = 0x4000;
const PLACES: usize = 0x2_0000;

/// A small generator of numbers, the same every time.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// From a seed other than 0.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
    /// The next one.
    pub fn any(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    /// One below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.any() >> 16) as usize % n
    }
    fn byte(&mut self) -> u8 {
        (self.any() >> 24) as u8
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// The kinds of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Real mode.
    Real,
    /// The same with limits of 4 GB, as boot loaders leave them.
    Unreal,
    /// Virtual-8086 mode.
    Virtual86,
    /// 16-bit segments of protected mode.
    Protected16,
    /// 32-bit segments with bases and limits.
    Protected32,
    /// 32-bit code that is flat, on a stack that is not.
    OtherStack,
    /// Flat data, and 16-bit code in a segment with a base.
    FlatData,
}

/// All kinds.
pub const WORLDS: [World; 7] = [
    World::Real,
    World::Unreal,
    World::Virtual86,
    World::Protected16,
    World::Protected32,
    World::OtherStack,
    World::FlatData,
];

impl World {
    const fn is_wide(self) -> bool {
        matches!(self, Self::Protected32 | Self::OtherStack)
    }
    const fn is_real(self) -> bool {
        matches!(self, Self::Real | Self::Unreal | Self::Virtual86)
    }
}

/// Opcodes with a ModRM byte, and what immediate follows: none, a byte, or one of the operand's size.
const MODRM: [(&[u8], u8); 46] = [
    (&[0x01], 0),
    (&[0x03], 0),
    (&[0x0B], 0),
    (&[0x11], 0),
    (&[0x13], 0),
    (&[0x1B], 0),
    (&[0x21], 0),
    (&[0x29], 0),
    (&[0x2A], 0),
    (&[0x31], 0),
    (&[0x39], 0),
    (&[0x3B], 0),
    (&[0x38], 0),
    (&[0x85], 0),
    (&[0x87], 0),
    (&[0x88], 0),
    (&[0x89], 0),
    (&[0x89], 0),
    (&[0x8A], 0),
    (&[0x8B], 0),
    (&[0x8B], 0),
    (&[0x8C], 0),
    (&[0x8D], 0),
    (&[0x8F], 0),
    (&[0xC1], 1),
    (&[0xD1], 0),
    (&[0xD3], 0),
    (&[0xC0], 1),
    (&[0xF7], 0),
    (&[0xF6], 0),
    (&[0x83], 1),
    (&[0x81], 2),
    (&[0xC7], 2),
    (&[0xC6], 1),
    (&[0x69], 2),
    (&[0x0F, 0xAF], 0),
    (&[0x0F, 0xB6], 0),
    (&[0x0F, 0xBF], 0),
    (&[0x0F, 0x94], 0),
    (&[0x0F, 0x42], 0),
    (&[0x0F, 0xA3], 0),
    (&[0x0F, 0xBA], 1),
    (&[0x0F, 0xA4], 1),
    (&[0x0F, 0xAD], 0),
    (&[0x0F, 0xBC], 0),
    (&[0x0F, 0xC1], 0),
];
/// Without operands, or with one in the opcode.
const PLAIN: [u8; 40] = [
    0x40, 0x43, 0x4B, 0x49, 0x50, 0x51, 0x53, 0x54, 0x56, 0x58, 0x59, 0x5B, 0x5D, 0x5E, 0x5F, 0x98, 0x99,
    0x9F, 0x9E, 0xF5, 0xF8, 0xF9, 0x9C, 0x60, 0x61, 0x90, 0x06, 0x16, 0x1E, 0x0E, 0xA4, 0xA5, 0xAA, 0xAC,
    0xAD, 0xFC, 0xD7, 0xC9, 0x27, 0xC3,
];

/// One instruction that mostly does not fault.
fn instruction(n: &mut Numbers, world: World, code: &mut Vec<u8>) {
    let mut wide = world.is_wide();
    let mut wide_address = wide;
    if n.one_in(6) {
        code.push(n.of(&[0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65]));
    }
    if n.one_in(5) {
        code.push(0x66);
        wide = !wide;
    }
    if n.one_in(12) {
        code.push(0x67);
        wide_address = !wide_address;
    }
    let size = if wide { 4 } else { 2 };
    match n.below(20) {
        0..10 => {
            let (op, imm) = n.of(&MODRM);
            code.extend(op);
            let reg = if op == [0x8F] { 0 } else { n.byte() & 0x38 };
            match n.below(8) {
                0..4 => code.push(0xC0 | reg | n.byte() & 7),
                4 if !wide_address => {
                    code.extend([reg | 6, n.byte(), n.byte() & 0x3F]);
                }
                5 if !wide_address => code.push(reg | n.of(&[0, 1, 2, 3, 4, 5, 7])),
                _ if wide_address => code.extend([0x40 | reg | n.of(&[3, 5, 6, 7]), n.byte() & 0x7F]),
                _ => code.extend([0x40 | reg | n.byte() & 7, n.byte() & 0x7F]),
            }
            let bytes = [0, 1, size][usize::from(imm)];
            code.extend((0..bytes).map(|_| n.byte()));
        }
        10..14 => code.push(n.of(&PLAIN)),
        14 => {
            code.push(n.of(&[0x05, 0x2D, 0x3D, 0xA9, 0xB8, 0xB9, 0x68]));
            code.extend((0..size).map(|_| n.byte()));
        }
        15 => {
            // Through memory at an offset.
            code.push(n.of(&[0xA0, 0xA1, 0xA2, 0xA3]));
            code.extend([n.byte(), n.byte() & 0x3F]);
            code.extend((0..if wide_address { 2 } else { 0 }).map(|_| 0));
        }
        16 => {
            // Pairs that keep a segment register, and once in a while one that changes it.
            let pair = n.of(&[[0x06u8, 0x07], [0x1E, 0x1F], [0x06, 0x1F], [0x1E, 0x07], [0x16, 0x07]]);
            code.extend(pair);
        }
        17 => {
            // Near: mostly a little ahead, or anywhere.
            let distance = if n.one_in(10) { n.any() as u32 } else { n.below(40) as u32 };
            let op: &[u8] = n.of(&[&[0xE9][..], &[0xE8], &[0x0F, 0x85], &[0x0F, 0x82]]);
            code.extend(op);
            code.extend(&distance.to_le_bytes()[..size]);
        }
        18 => {
            // Back: loops.
            code.extend([n.of(&[0xE2, 0xE2, 0xE0, 0xE1, 0xE3]), n.byte() & 31 | 0xE0]);
        }
        // A short jump, on any condition, mostly ahead.
        _ => code.extend([0x70 | n.byte() & 15, (n.byte() & 31).wrapping_sub(8)]),
    }
}

fn descriptor(base: u32, limit: u32, rights: u16) -> u64 {
    let (b, l) = (u64::from(base), u64::from(limit));
    l & 0xFFFF
        | (b & 0xFF_FFFF) << 16
        | u64::from(rights & 0xFF) << 40
        | (l >> 16 & 15) << 48
        | u64::from(rights >> 12) << 52
        | (b >> 24) << 56
}

fn tables(h: &mut Harness) {
    let zeros = vec![0; LOWEST as usize];
    h.write_memory(0, &zeros);
    for n in 0..256u32 {
        let vector = HANDLERS + n % 32 * 16;
        h.write_memory(u64::from(n * 4), &vector.to_le_bytes());
    }
    for n in 0..32u32 {
        let at = HANDLERS + n * 16;
        let gate = u64::from(at & 0xFFFF) | 8 << 16 | 0x8E00 << 32;
        h.write_memory(IDT + u64::from(n) * 8, &gate.to_le_bytes());
        h.write_memory(at.into(), &[0xF4]);
    }
    for (n, d) in [(1, descriptor(0, 0xF_FFFF, 0xC09B)), (2, descriptor(0, 0xF_FFFF, 0xC093))] {
        h.write_memory(GDT + n * 8, &d.to_le_bytes());
    }
    h.write_memory(TSS + 4, &STACK_0.to_le_bytes());
    h.write_memory(TSS + 8, &0x10u32.to_le_bytes());
    h.write_memory(TSS + 0x66, &0x68u16.to_le_bytes());
}

/// A data segment of protected mode.
fn data(n: &mut Numbers, big: bool) -> SegmentState {
    let base = LOWEST + n.below(PLACES) as u64;
    let flag = if big { 0x4000 } else { 0 };
    let (limit, rights) = match n.below(8) {
        0 => (n.below(0x400) as u32 + 0x3F00, 0x93),
        1 => (0x4100 + n.below(0x1000) as u32, 0x91),
        2 | 3 => (n.below(0x100) as u32, 0x97),
        _ => (0xFFFF, 0x93),
    };
    SegmentState { selector: 0x20 | n.byte() as u16 & 0x18, base, limit, rights: rights | flag }
}

/// Where code is entered, and the highest EIP there.
fn entry(n: &mut Numbers, world: World) -> (u32, u32) {
    let anywhere = n.below(0xF000) as u32;
    match world {
        World::Real | World::Virtual86 => {
            let eip = if n.one_in(2) { 0x1_0000 - 1 - n.below(200) as u32 } else { anywhere };
            (eip, 0xFFFF)
        }
        World::Unreal => (anywhere, u32::MAX),
        World::OtherStack => (LOWEST as u32 + anywhere, u32::MAX),
        World::Protected16 if n.one_in(3) => (0x1_0000 - 1 - n.below(200) as u32, 0xFFFF),
        _ if n.one_in(2) => (anywhere, anywhere + n.below(200) as u32),
        _ => (anywhere, 0xFFFF),
    }
}

/// A processor about to run random code.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which kind of code.
    pub world: World,
    state: State,
    code: Vec<(u64, u8)>,
}

impl Case {
    /// The case of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let n = &mut Numbers::new(seed);
        let world = WORLDS[seed as usize % WORLDS.len()];
        let (eip, limit) = entry(n, world);
        let mut state = user_state(n, world);
        state.eip = eip.into();
        let flat = world == World::OtherStack;
        let base = if flat { 0 } else { LOWEST + n.below(PLACES) as u64 };
        let cs = &mut state.segments[1];
        if world.is_real() {
            let selector = (base >> 4) as u16;
            *cs = SegmentState { selector, base: base & !15, limit, rights: 0x9B };
        } else {
            let rights = if world.is_wide() { 0x409B } else { 0x9B };
            *cs = SegmentState { selector: 0x18, base, limit, rights };
        }
        if world == World::Virtual86 {
            cs.rights = 0xF3;
        }
        let mut bytes = Vec::new();
        while bytes.len() < 170 {
            instruction(n, world, &mut bytes);
        }
        bytes.push(0xF4);
        let base = cs.base;
        let wrap = if world.is_wide() { u64::from(u32::MAX) } else { 0xFFFF };
        let place = |(at, b): (u64, u8)| (base + (u64::from(eip) + at & wrap), b);
        let code = (0..).zip(bytes).map(place).collect();
        Self { world, state, code }
    }

    /// Sets it up, with the code, or with the code left as it is.
    pub fn prepare(&self, h: &mut Harness, again: bool) {
        h.reset();
        tables(h);
        if !again {
            for (at, b) in &self.code {
                h.write_memory(*at, &[*b]);
            }
        }
        h.set_state(&self.state);
    }

    /// The same code at the same linear addresses, in a segment that lies elsewhere; the limit moves along with it,
    /// or a little further or less. Of flat code there is none.
    #[must_use]
    pub fn moved(&self, n: &mut Numbers) -> Option<Self> {
        let mut moved = self.clone();
        let s = &mut moved.state;
        let cs = &mut s.segments[1];
        let by = (n.below(0x1000) as u64).min(s.eip).min(0xFFFF - s.eip.min(0xFFFF)) & !15;
        if self.world == World::OtherStack || by == 0 {
            return None;
        }
        let down = n.one_in(2);
        if down && cs.base >= LOWEST + by && s.eip + by <= 0xFFFF {
            cs.base -= by;
            s.eip += by;
            // Not above FFFFh in 16-bit code; see the module's documentation.
            let most = if self.world.is_wide() { u32::MAX } else { 0xFFFF };
            let limit = cs.limit.saturating_add(by as u32).min(most);
            cs.limit = if self.world.is_real() { cs.limit } else { limit };
        } else {
            cs.base += by;
            s.eip -= by;
            let less = by as u32 + if n.one_in(3) { n.below(100) as u32 } else { 0 };
            cs.limit = if self.world.is_real() { cs.limit } else { cs.limit.saturating_sub(less) };
        }
        if self.world.is_real() {
            cs.selector = (cs.base >> 4) as u16;
        }
        Some(moved)
    }
}

fn user_state(n: &mut Numbers, world: World) -> State {
    let mut h = Harness::new(0x1000).expect("host memory");
    h.reset();
    let mut s = h.state();
    s.eflags = eflags::ONE | n.any() as u32 & 0x8D5;
    for r in s.gpr.iter_mut().take(8) {
        *r = n.any() & 0xFFFF_FFFF;
    }
    // Addresses in the middle of segments; the upper halves stay what they are where only the lower count.
    for r in [3, 4, 5, 6, 7] {
        let near = 0x1000 + n.below(0x2F00) as u64;
        s.gpr[r] = if world.is_wide() || n.one_in(4) { near } else { s.gpr[r] & 0xFFFF_0000 | near };
    }
    s.gpr[1] = s.gpr[1] & 0xFFFF_0000 | n.below(30) as u64;
    s.gdtr = TableState { base: GDT, limit: 0x17 };
    s.ldtr = SegmentState::default();
    s.tr = SegmentState { selector: 0x18, base: TSS, limit: 0x67, rights: 0x8B };
    s.idtr = TableState { base: IDT, limit: 0xFF };
    if world.is_real() {
        let rights = if world == World::Virtual86 { 0xF3 } else { 0x93 };
        let limit = if world == World::Unreal { u32::MAX } else { 0xFFFF };
        for seg in &mut s.segments {
            let selector = (LOWEST >> 4) as u16 + n.below(PLACES >> 4) as u16;
            *seg = SegmentState { selector, base: u64::from(selector) << 4, limit, rights };
        }
        if world == World::Virtual86 {
            s.cr0 |= cr0::PE;
            s.eflags |= eflags::VM | 3 << 12;
            s.cpl = 3;
        } else {
            s.idtr = TableState { base: 0, limit: 0x3FF };
        }
        return s;
    }
    s.cr0 |= cr0::PE;
    let big_stack = n.one_in(2);
    for seg in &mut s.segments {
        let big = n.one_in(2);
        *seg = data(n, big);
    }
    s.segments[2] = SegmentState { rights: if big_stack { 0x4093 } else { 0x93 }, ..data(n, big_stack) };
    if world == World::FlatData {
        let flat = SegmentState { selector: 0x10, base: 0, limit: u32::MAX, rights: 0xC093 };
        for at in [0, 2, 3] {
            s.segments[at] = flat;
        }
        for r in [3, 4, 5, 6, 7] {
            s.gpr[r] |= LOWEST;
        }
        if n.one_in(2) {
            s.segments[2].rights = 0x8093;
        }
    }
    s
}

/// Memory, for a comparison.
pub fn memory(h: &mut Harness) -> Vec<u8> {
    h.read_memory(0, RAM as usize)
}

/// Runs up to so many instructions, in pieces, so that budgets end anywhere.
pub fn run(h: &mut Harness, n: &mut Numbers, most: u64) {
    let p = h.processor();
    let end = p.cpu.count + most;
    while p.cpu.count < end && p.run((p.cpu.count + 1 + n.any() % 90).min(end)) == cpu::Exit::Limit {}
}
