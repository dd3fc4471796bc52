//! Whatever the code, the passes of the translator change nothing that a guest could see.
//!
//! Random code is written down, and evaluated as it is, after all passes, and with each of them switched off or alone:
//! state, memory, translations held and exceptions are those of the interpreter. That a block said not to look at the
//! flags does not is part of it.

use cpu::Stop;
use cpu::decode::BlockDecoder;
use cpu::exec::Exec;
use cpu::harness::{Harness, State};
use cpu::insn::{Insn, Op, Prefix};
use isa::random::{self, Numbers, RAM};
use jit::ir::{self, eval};
use jit::opt::{self, Enabled, PASSES};
use jit::region::{Page, Region};
use jit::{emit, lift};
use std::collections::BTreeMap;
use x86::cr0;

/// Instructions a repetition may take before it is interrupted.
const LIMIT: u64 = 5000;

/// What a run leaves.
#[derive(Debug, PartialEq)]
struct Outcome {
    result: Result<(), Stop>,
    fault: Option<cpu::Fault>,
    state: State,
    count: u64,
    leave: bool,
    translations: Vec<(u64, cpu::mmu::Translation)>,
}

/// Everything as it was before, and then this.
fn run(
    h: &mut Harness,
    before: &State,
    memory: &[u8],
    run: impl FnOnce(&mut Exec<'static>) -> Result<(), Stop>,
) -> Outcome {
    h.processor().cpu.count = 0;
    h.processor().cpu.fault = cpu::Fault::default();
    h.write_memory(0, memory);
    h.set_state(before);
    let x: &mut Exec<'static> = h.processor();
    (x.limit, x.leave, x.index, x.debug_hits) = (LIMIT, false, 0, 0);
    let result = run(x);
    let (count, leave) = (x.cpu.count, x.leave);
    let fault = result.is_err().then_some(x.cpu.fault);
    let translations = x.mmu.tlb().sorted();
    Outcome { result, fault, state: h.state(), count, leave, translations }
}

/// The interpreter's general way with a block.
fn interpret(x: &mut Exec<'_>, insns: &[Insn]) -> Result<(), Stop> {
    for i in insns {
        let result = x.step(i);
        if x.ends(i, &result) || usize::from(i.index) + 1 == insns.len() {
            return x.left(i, result);
        }
    }
    Ok(())
}

fn decode(code: &[u8], mode_bits: u32) -> Vec<Insn> {
    let mut decoder = BlockDecoder::new(code, mode_bits);
    let mut insns = Vec::new();
    while let Ok(i) = decoder.next_insn() {
        insns.push(i);
        if i.prefix.has(Prefix::LAST) || i.end() as usize >= code.len() {
            break;
        }
    }
    insns
}

/// All subsets of the passes that are tried, by name.
fn subsets() -> Vec<(String, Enabled)> {
    let but = |names: &mut dyn Iterator<Item = &'static str>| {
        names.fold(Enabled::ALL, |on, name| on.without(name).expect("the name of a pass"))
    };
    let mut all = vec![("no pass".into(), Enabled::NONE), ("all passes".into(), Enabled::ALL)];
    for pass in PASSES {
        all.push((format!("without {}", pass.name), but(&mut [pass.name].into_iter())));
        let others = &mut PASSES.iter().map(|p| p.name).filter(|name| *name != pass.name);
        all.push((format!("{} alone", pass.name), but(others)));
    }
    all
}

/// The IR of a block after the passes, each checked: all of it, or but for what the translator leaves to the interpreter.
fn written_down(insns: &[Insn], mode: u32, passes: Enabled, all: bool) -> ir::Block {
    let check = |pass: &opt::Pass, block: &ir::Block| {
        assert_eq!(ir::verify(block), Ok(()), "{} made\n{block}", pass.name);
    };
    if all {
        return opt::run(lift::block(insns, |_, _| true), passes, check);
    }
    let block =
        jit::region::Block { mode, delta: 0, phys: 0, bytes: 0, second: None, insns: insns.into(), pages: 0 };
    let region = Region { mode, blocks: vec![block], pages: vec![Page { delta: 0, ram: 0 }] };
    emit::lift(&region, passes, |_, pass, block| check(pass, block)).remove(0)
}

#[derive(Debug, Default)]
struct Seen {
    blocks: u64,
    instructions: u64,
    faults: BTreeMap<u8, u64>,
    /// Blocks that are not the same without a pass.
    changed: BTreeMap<String, u64>,
    windows: u64,
    steps: u64,
    blind: u64,
}

fn check(h: &mut Harness, subsets: &[(String, Enabled)], seed: u64, seen: &mut Seen) {
    let mut n = Numbers::new(seed);
    let memory = random::memory(&mut n);
    let before = random::state(h, &mut n);
    h.set_state(&before);
    let mode_bits = h.processor().cpu.mode;
    let code = random::code(&mut n);
    let insns = decode(&code, mode_bits);
    if insns.is_empty() {
        return;
    }
    let wanted = run(h, &before, &memory, |x| interpret(x, &insns));
    let ram = |h: &mut Harness| h.processor().mmu.ram().slice(0, RAM).map(<[u8]>::to_vec).unwrap_or_default();
    let ram_after = ram(h);
    seen.blocks += 1;
    seen.instructions += wanted.count;
    if let Some(fault) = wanted.fault {
        *seen.faults.entry(fault.vector).or_default() += 1;
    }
    let mut done: Vec<ir::Block> = Vec::new();
    let all = seed.is_multiple_of(2);
    let plain = written_down(&insns, mode_bits, Enabled::NONE, all);
    let best = written_down(&insns, mode_bits, Enabled::ALL, all);
    for (name, passes) in subsets {
        let block = written_down(&insns, mode_bits, *passes, all);
        if let Some(pass) = name.strip_prefix("without ") {
            *seen.changed.entry(pass.to_owned()).or_default() += u64::from(block != best);
        }
        if done.contains(&block) {
            continue;
        }
        seen.windows += block.ops.iter().filter(|op| matches!(op, ir::Op::window { .. })).count() as u64;
        seen.steps += block.ops.iter().filter(|op| matches!(op, ir::Op::step { .. })).count() as u64;
        let context =
            || format!("seed {seed}, {name}: {code:02x?}\n{insns:#?}\nfrom\n{plain}\ncame\n{block}");
        let got = run(h, &before, &memory, |x| eval::block(x, &block, &insns));
        assert!(got == wanted, "{}\ngave {got:#x?}\ninstead of {wanted:#x?}", context());
        assert!(h.processor().mmu.ram().slice(0, RAM) == Some(&ram_after[..]), "memory: {}", context());
        if !opt::drop_dead_flags::looks_at_flags(&block) {
            seen.blind += 1;
            let other = State { eflags: before.eflags ^ 0x8D5, ..before.clone() };
            let got = run(h, &other, &memory, |x| eval::block(x, &block, &insns));
            assert!(got == wanted, "it looks at the flags: {}", context());
        }
        done.push(block);
    }
}

fn check_all(seeds: std::ops::Range<u64>) {
    let mut h = Harness::new(RAM as u64).expect("host memory");
    let subsets = subsets();
    let mut seen = Seen::default();
    let many = seeds.end - seeds.start;
    for seed in seeds {
        check(&mut h, &subsets, seed, &mut seen);
    }
    isa::silicon::say(&format!("{seen:?}"));
    // The code is as rich as it is meant to be.
    assert!(seen.instructions > many * 3, "{seen:?}");
    for pass in PASSES {
        assert!(seen.changed.get(pass.name).is_some_and(|n| *n > many / 50), "{}: {seen:?}", pass.name);
    }
    for fault in [x86::vector::UD, x86::vector::GP, x86::vector::PF, x86::vector::DE, x86::vector::NM] {
        assert!(seen.faults.contains_key(&fault), "no exception {fault}: {seen:?}");
    }
    assert!(seen.windows > many / 10 && seen.steps > many / 10 && seen.blind > many / 50, "{seen:?}");
}

/// What came after SSE2, but for FISTTP: prefix, map and opcode, with a register and with memory.
fn later() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for map in [[0x0F, 0x38].as_slice(), &[0x0F, 0x3A], &[0x0F]] {
        for op in 0..=0xFF {
            if map.len() == 1 && !matches!(op, 0x12 | 0x16 | 0x7C | 0x7D | 0xB8 | 0xD0 | 0xF0) {
                continue;
            }
            for prefix in [[].as_slice(), &[0x66], &[0xF2], &[0xF3], &[0x66, 0xF2], &[0x66, 0xF3]] {
                for modrm in [0xC1, 0x03] {
                    all.push([prefix, map, &[op, modrm, 0x15]].concat());
                }
            }
        }
    }
    all
}

#[test]
fn what_came_after_sse2_is_translated() {
    let mut h = Harness::new(RAM as u64).expect("host memory");
    let mut n = Numbers::new(1);
    let flat = std::iter::repeat_with(|| random::state(&h, &mut n))
        .find(|s| s.cr4 != 0 && s.cr0 & (cr0::EM | cr0::TS) == 0 && s.segments[1].rights & 0x4000 != 0)
        .expect("most are so");
    h.set_state(&flat);
    let mode = h.processor().cpu.mode;
    let mut kinds = std::collections::BTreeSet::new();
    for code in later() {
        let padded = [&code[..], &[0x90; 16]].concat();
        let mut decoder = BlockDecoder::new(&padded, mode);
        let mut i = decoder.next_insn().expect("bytes enough");
        if i.op == Op::Undefined {
            continue;
        }
        i.prefix.0 |= Prefix::LAST;
        let block = written_down(&[i], mode, Enabled::ALL, false);
        let steps = block.ops.iter().any(|op| matches!(op, ir::Op::step { .. }));
        assert!(!steps, "{code:02x?} is left to the interpreter: {i:?}");
        kinds.insert(format!("{:?} {:?} {:?}", i.op, i.w, i.w2));
    }
    assert!(kinds.len() > 110, "{}: {kinds:#?}", kinds.len());
}

#[test]
fn passes_change_nothing() {
    check_all(1..3000);
}

#[test]
#[ignore = "takes minutes"]
fn passes_change_nothing_at_length() {
    check_all(3000..300_000);
}
