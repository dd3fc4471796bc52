//! Whatever code is translated, the module is valid; and what is known of regions.

use cpu::decode::BlockDecoder;
use cpu::exec::Layout;
use cpu::insn::{Insn, Prefix};
use cpu::state::mode;
use jit::emit::{self, Linkage, Target};
use jit::found::FoundTable;
use jit::module;
use jit::opt::Enabled;
use jit::region::{self, Block, Region, Source};

const MODE: u32 = mode::CODE32 | mode::STACK32 | mode::FLAT | mode::FLAT_CODE;

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
struct Code<'a>(&'a [u8], u32);

impl Source for Code<'_> {
    fn block(&mut self, delta: i32) -> Option<Block> {
        let at = usize::try_from(delta).ok()?;
        let insns = decode(self.0.get(at..)?, self.1);
        let bytes = u16::try_from(insns.last()?.end()).ok()?;
        Some(Block { delta, phys: at as u64, bytes, insns: insns.into(), page: 0 })
    }
}

fn translated(code: &[u8], mode_bits: u32) -> Option<Region> {
    let region = region::form(mode_bits, 160, &mut Code(code, mode_bits))?;
    let layout = Layout { ram: 0x10_0000, slots: 1023, ..Layout::default() };
    for linkage in [Linkage::TailCall, Linkage::Return] {
        for passes in [Enabled::ALL, Enabled::NONE] {
            let emitted = emit::emit(
                &region,
                &Target { layout: &layout, linkage, found: FoundTable::default().place(0), passes },
                7,
            );
            let links = module::Links { linkage, layout: &layout, found: FoundTable::default().place(0) };
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
        formed += usize::from(translated(&code, MODE & !flat | extra).is_some());
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

#[test]
fn sixteen_bit_code_is_not_translated() {
    assert!(region::translates(MODE));
    assert!(!region::translates(MODE & !mode::CODE32));
    assert!(!region::translates(MODE & !mode::FLAT_CODE));
}
