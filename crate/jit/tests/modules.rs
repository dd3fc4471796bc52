//! Whatever code is translated, the module is valid; and what is known of regions.

use cpu::decode::BlockDecoder;
use cpu::exec::Layout;
use cpu::insn::{Insn, Prefix};
use cpu::state::{Segment, mode};
use jit::emit::{self, Linkage, Target};
use jit::found::{FoundTable, Where};
use jit::module;
use jit::opt::Enabled;
use jit::region::{self, Block, Region, Source};

const MODE: u32 = mode::CODE32 | mode::STACK32 | mode::FLAT | mode::FLAT_CODE;
/// Real mode.
const SIXTEEN: u32 = 0;

/// Decodes a block as the cache does: up to a transfer of control, or the end.
fn decode(bytes: &[u8], mode_bits: u32) -> Vec<Insn> {
    let mut decoder = BlockDecoder::new(bytes, mode_bits);
    let mut insns = Vec::new();
    while let Ok(i) = decoder.next_insn() {
        insns.push(i);
        let end = usize::try_from(i.end()).unwrap_or(0);
        if i.prefix.has(Prefix::LAST) || insns.len() == 64 || end >= bytes.len() {
            break;
        }
    }
    insns
}

/// Code at a flat address, every byte of it reachable.
struct Code<'a>(&'a [u8]);

impl Source for Code<'_> {
    fn block(&mut self, delta: i32, mode: u32) -> Option<Block> {
        let at = usize::try_from(delta).ok()?;
        let insns = decode(self.0.get(at..)?, mode);
        let bytes = u16::try_from(insns.last()?.end()).ok()?;
        Some(Block { mode, delta, phys: at as u64, bytes, second: None, insns: insns.into(), pages: 0 })
    }
}

fn translated(code: &[u8], mode_bits: u32) -> Option<Region> {
    let region = region::form(mode_bits, 160, &mut Code(code))?;
    let layout = Layout { ram: 0x10_0000, slots: 1023, ..Layout::default() };
    for linkage in [Linkage::TailCall, Linkage::Return] {
        for passes in [Enabled::ALL, Enabled::NONE] {
            let emitted = emit::emit(
                &region,
                &Target { layout: &layout, linkage, found: FoundTable::default().place(0), passes },
                7,
            );
            let links = module::Links {
                linkage,
                layout: &layout,
                found: FoundTable::default().place(0),
                flat: region.is_flat(),
            };
            let bytes = module::module(links, [&emitted.function]);
            if let Err(e) = wasmparser::validate(&bytes) {
                panic!("not valid: {e}\n{code:x?}\n{:?}", region.blocks);
            }
        }
    }
    Some(region)
}

/// A small generator of numbers, the same every time.
fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

#[test]
fn random_code_makes_valid_modules() {
    let mut next = numbers(0x1234_5678_9ABC_DEF1);
    let mut formed = 0;
    for round in 0..4000 {
        let code: Vec<u8> = (0..96).map(|_| next() as u8).collect();
        // With and without SSE, flat data segments, user mode.
        let extra = [0, mode::NO_SSE, mode::USER, mode::NO_X87][round % 4];
        let flat = if round % 3 == 0 { mode::FLAT } else { 0 };
        // A 16-bit stack, a code segment with a base, 16-bit code.
        let less = [0, mode::STACK32, mode::FLAT_CODE, mode::FLAT_CODE | mode::CODE32][round / 4 % 4];
        formed += usize::from(translated(&code, MODE & !flat & !less | extra).is_some());
    }
    assert!(formed > 3000, "only {formed} regions");
}

#[test]
fn every_opcode_makes_a_valid_module() {
    let mut next = numbers(99);
    for map in [&[][..], &[0x0F], &[0x66, 0x0F], &[0xF3, 0x0F], &[0xF2, 0x0F], &[0x66], &[0xF3]] {
        for opcode in 0..=255u8 {
            for _ in 0..8 {
                let mut code = map.to_vec();
                code.push(opcode);
                code.extend((0..12).map(|_| next() as u8));
                code.push(0xC3);
                translated(&code, MODE);
                translated(&code, SIXTEEN);
            }
        }
    }
}

#[test]
fn a_region_follows_jumps_calls_and_returns() {
    // 0: call 8; 5: jmp 0; 7: hlt; 8: jz 12; 10: nop; 11: ret; 12: ret
    let code = [0xE8, 3, 0, 0, 0, 0xEB, 0xF9, 0xF4, 0x74, 2, 0x90, 0xC3, 0xC3];
    let region = translated(&code, MODE).unwrap();
    let mut deltas: Vec<i32> = region.blocks.iter().map(|b| b.delta).collect();
    assert_eq!(deltas[0], 0, "the entry comes first");
    deltas.sort_unstable();
    assert_eq!(deltas, [0, 5, 8, 12]);
    assert_eq!(region.pages.len(), 1);
}

/// The module of a region of code that branches, calls, returns and reaches memory, the segments lying here.
fn with_segments_at(segs: u32, mode_bits: u32) -> Vec<u8> {
    // call 12; jz 0; jmp far away; 12: push eax; mov eax, [ebx + 8]; ret
    let code = [0xE8, 7, 0, 0, 0, 0x74, 0xF9, 0xE9, 0, 0, 1, 0, 0x50, 0x8B, 0x43, 8, 0xC3];
    let region = region::form(mode_bits, 160, &mut Code(&code)).unwrap();
    let layout = Layout { segs, seg_size: 40, ..Layout::default() };
    let found = FoundTable::default().place(0);
    let target = Target { layout: &layout, linkage: Linkage::TailCall, found, passes: Enabled::ALL };
    let emitted = emit::emit(&region, &target, 0);
    let found = Where { table: 4096, ..Where::default() };
    let links = module::Links { linkage: target.linkage, layout: &layout, found, flat: region.is_flat() };
    module::module(links, [&emitted.function])
}

#[test]
fn flat_code_does_not_look_at_segments() {
    assert_eq!(with_segments_at(512, MODE), with_segments_at(1024, MODE));
    let based = MODE & !mode::FLAT_CODE;
    assert_ne!(with_segments_at(512, based), with_segments_at(1024, based));
    assert!(with_segments_at(512, MODE).len() < with_segments_at(512, based).len());
}

#[test]
fn a_region_of_16_bit_code_follows_its_jumps() {
    // 0: call 7; 3: jmp 0; 5: hlt; 6: nop; 7: jz 10; 9: ret; 10: call dword 3; as a real-mode compiler has it
    let code = [0xE8, 4, 0, 0xEB, 0xFB, 0xF4, 0x90, 0x74, 1, 0xC3, 0x66, 0xE8, 0xF3, 0xFF, 0xFF, 0xFF, 0xC3];
    let region = translated(&code, SIXTEEN).unwrap();
    let mut deltas: Vec<i32> = region.blocks.iter().map(|b| b.delta).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [0, 3, 7, 10, 16]);
    assert_eq!(region.extent(), (0, 17));
}

#[test]
fn code_fits_where_its_segment_and_64_kb_go() {
    let cs = |max| Segment { max, ..Segment::real(0, true) };
    let fits = |mode_bits, max, eip, delta, bytes| region::fits(mode_bits, &cs(max), eip, delta, bytes);
    assert!(fits(SIXTEEN, 0x1FF, 0x100, 0xF0, 0x10));
    assert!(!fits(SIXTEEN, 0x1FE, 0x100, 0xF0, 0x10), "the last byte lies outside");
    assert!(!fits(SIXTEEN, 0x1FF, 0x10, -0x11, 1), "it begins below 0");
    assert!(fits(SIXTEEN, u32::MAX, 0xFFFE, 0, 1));
    assert!(!fits(SIXTEEN, u32::MAX, 0xFFFE, 0, 2), "EIP may wrap after it");
    assert!(fits(mode::CODE32, u32::MAX, 0xFFFE, 0, 2));
    assert!(!fits(mode::CODE32, u32::MAX, 0xFFFF_FFF0, 0, 0x10));
    assert!(fits(MODE, u32::MAX, 0, -0x10, 0x10), "flat code wraps as linear addresses do");
}
