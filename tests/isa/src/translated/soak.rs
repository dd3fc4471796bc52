//! A small cache under everything that makes translations go, against the interpreter.
//!
//! There are some pages of random code, and the guest keeps overwriting them: by chance, because its pointers point
//! there as often as not, and on purpose, by copying other code over them, with string instructions and with single
//! stores, and jumping into what it has just written. Each page is mapped at several addresses, which change. Every
//! address is mapped to something, so that random code runs on. After every burst of some hundred instructions state
//! and memory have to be the interpreter's.
//!
//! Not here: DMA, several access classes, 16-bit code.

use super::sequences::{flat, instruction};
use super::{Numbers, Workbench, assert_same, figure, harness, run_in_pieces};
use cpu::harness::{Harness, State};
use jit::engine::Options;
use x86::{cr0, gpr};

const PAGE: usize = 0x1000;
const RAM: usize = 1 << 20;
const DIRECTORY: usize = 0x1000;
/// The one page table: what it maps is repeated in every 4 MB.
const TABLE: usize = 0x2000;
/// What copies code, one page each.
const COPY: usize = 0x4000;
/// Code that runs, and is overwritten.
const CODE: usize = 0x1_0000;
const CODE_PAGES: usize = 16;
/// Code to overwrite it with.
const FRESH: usize = 0x6_0000;
const FRESH_PAGES: usize = 16;
/// Data.
const DATA: usize = 0x8_0000;
/// From here on code and data are mapped once more, in random order.
const AGAIN: usize = RAM;
const AGAIN_PAGES: usize = 1024 - RAM / PAGE;
/// Bursts between two changes of that order.
const ORDERED: u32 = 24;
/// Instructions of a burst, at the most.
const MOST: usize = 500;

/// ```text
///   rep movsd
///   jmp edx
/// ```
const STRING: [u8; 4] = [0xF3, 0xA5, 0xFF, 0xE2];
/// ```text
/// next:
///   mov eax, [esi]
///   mov [edi], eax
///   add esi, 4
///   add edi, 4
///   dec ecx
///   jnz next
///   jmp edx
/// ```
const STORES: [u8; 15] =
    [0x8B, 0x06, 0x89, 0x07, 0x83, 0xC6, 0x04, 0x83, 0xC7, 0x04, 0x49, 0x75, 0xF3, 0xFF, 0xE2];

/// Bytes of wasm kept: little enough for translations to be evicted all the time.
const CACHE: usize = 96 << 10;

/// What the translator had to do.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Regions compiled.
    pub regions: f64,
    /// Instructions executed in them.
    pub executed: f64,
    /// Regions dropped because their code was overwritten.
    pub invalidated: f64,
    /// Regions dropped for want of room.
    pub evicted: f64,
}

/// What is done next, with both processors.
#[derive(Debug)]
struct Burst {
    /// Page addresses and the pages mapped there.
    mapped: Vec<(usize, usize)>,
    state: State,
    most: u64,
    pieces: Numbers,
}

/// The guest's author.
#[derive(Debug)]
struct Author {
    numbers: Numbers,
    /// Where code was last written to or run.
    recent: [usize; 4],
}

/// Code of a page. At multiples of 64 an instruction begins; those that would soon end it all are left out.
fn page_of_code(n: &mut Numbers) -> Vec<u8> {
    const NOP: u8 = 0x90;
    let mut code = Vec::with_capacity(PAGE + 16);
    while code.len() < PAGE {
        let mut one = Vec::new();
        instruction(n, &mut one);
        let opcode = one.iter().find(|b| **b != 0x66);
        // Divisions, and LEA, which may have a register for operand here.
        if matches!(opcode, Some(0xF7 | 0x8D)) {
            continue;
        }
        if code.len() % 64 + one.len() > 64 {
            code.resize(code.len().next_multiple_of(64), NOP);
        }
        code.extend(one);
    }
    code.truncate(PAGE);
    code
}

fn map(h: &mut Harness, lin: usize, page: usize) {
    const PRESENT_WRITABLE: usize = 3;
    let entry = (page | PRESENT_WRITABLE) as u32;
    h.write_memory((TABLE + lin / PAGE * 4) as u64, &entry.to_le_bytes());
}

fn prepare(h: &mut Harness, n: &mut Numbers) {
    for entry in 0..1024 {
        h.write_memory((DIRECTORY + entry * 4) as u64, &(TABLE as u32 | 3).to_le_bytes());
    }
    for page in (0..RAM).step_by(PAGE) {
        // Not the tables: who overwrites those has no code any more.
        map(h, page, if page == COPY || page == COPY + PAGE || page >= CODE { page } else { DATA + page });
    }
    for page in 0..CODE_PAGES + FRESH_PAGES {
        let at = if page < CODE_PAGES { CODE + page * PAGE } else { FRESH + (page - CODE_PAGES) * PAGE };
        h.write_memory(at as u64, &page_of_code(n));
    }
}

impl Author {
    fn code_address(&mut self) -> usize {
        let n = &mut self.numbers;
        if n.below(2) == 0 {
            return self.recent[n.below(4)];
        }
        let (first, pages) = if n.below(2) == 0 { (CODE, CODE_PAGES) } else { (AGAIN, AGAIN_PAGES) };
        let at = first + n.below(pages) * PAGE + n.below(PAGE / 64) * 64;
        self.recent[n.below(4)] = at;
        at
    }

    fn burst(&mut self, now: &Harness, number: u32) -> Burst {
        let target = self.code_address();
        let mut state = flat(now, &mut self.numbers, target as u64);
        (state.halted, state.shutdown) = (false, false);
        state.cr0 |= cr0::PG;
        state.cr3 = DIRECTORY as u64;
        for r in [gpr::BX, gpr::SP, gpr::SI, gpr::DI] {
            let code = self.code_address();
            let data = DATA + self.numbers.below(RAM - DATA - PAGE);
            let place = if self.numbers.below(3) == 0 { code } else { data };
            state.gpr[usize::from(r)] = (place + self.numbers.below(64)) as u64;
        }
        let n = &mut self.numbers;
        if n.below(3) == 0 {
            let from = FRESH + n.below((FRESH_PAGES - 1) * PAGE / 64) * 64;
            let words = 4 + n.below(200);
            let registers = [(gpr::SI, from), (gpr::DI, target), (gpr::CX, words), (gpr::DX, target)];
            for (r, v) in registers {
                state.gpr[usize::from(r)] = v as u64;
            }
            state.eip = (COPY + n.below(2) * PAGE) as u64;
        }
        let mut mapped = Vec::new();
        if number.is_multiple_of(ORDERED) {
            for page in 0..AGAIN_PAGES {
                let code = CODE + n.below(CODE_PAGES) * PAGE;
                let data = DATA + n.below((RAM - DATA) / PAGE) * PAGE;
                mapped.push((AGAIN + page * PAGE, if n.below(4) == 0 { data } else { code }));
            }
        }
        Burst { mapped, state, most: 50 + n.below(MOST - 50) as u64, pieces: Numbers::new(n.next()) }
    }
}

impl Burst {
    fn run(&self, h: &mut Harness) {
        for (lin, page) in &self.mapped {
            map(h, *lin, *page);
        }
        for (at, code) in [(COPY, &STRING[..]), (COPY + PAGE, &STORES)] {
            // Written only if it is damaged: it too is translated.
            if h.read_memory(at as u64, code.len()) != code {
                h.write_memory(at as u64, code);
            }
        }
        h.set_state(&self.state);
        run_in_pieces(h.processor(), &mut self.pieces.clone(), self.most);
    }
}

/// Runs so many bursts, with so many regions to a module.
///
/// # Panics
/// If one of them ends otherwise than in the interpreter.
pub fn ends_as_in_the_interpreter(bench: &impl Workbench, seed: u64, batch: usize, bursts: u32) -> Done {
    let mut plain = Harness::new(RAM as u64).expect("host memory");
    let mut other =
        harness(bench, RAM as u64, Options { threshold: 0, batch, cache_bytes: CACHE, ..Options::USUAL });
    let mut author = Author { numbers: Numbers::new(seed), recent: [CODE; 4] };
    for h in [&mut plain, &mut other] {
        prepare(h, &mut author.numbers.clone());
    }
    for number in 0..bursts {
        let burst = author.burst(&plain, number);
        burst.run(&mut plain);
        burst.run(&mut other);
        assert_same(&mut plain, &mut other, RAM, &format!("soak {seed}, burst {number}"));
    }
    let p = other.processor();
    let [regions, executed, invalidated, evicted] =
        ["regions", "executed", "invalidated", "evicted"].map(|name| figure(p, name));
    Done { regions, executed, invalidated, evicted }
}
