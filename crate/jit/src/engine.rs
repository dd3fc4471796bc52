//! The translator at work: which code is translated, where its translation is, and when it goes.

use crate::emit::{self, Emitted, Exit, GOES_ON, Linkage, To};
pub use crate::found::Call;
use crate::found::{Found, FoundTable};
use crate::module::{self, Links};
use crate::region::{self, Block, Page, Region, Source};
use cpu::blocks::{BlockCache, key};
use cpu::exec::Exec;
use cpu::mmu::{Class, PageMap, Tags, chunks};
use cpu::translator::{Entered, Translator};
use std::collections::VecDeque;
use std::rc::Rc;
use x86::Seg;

/// What compiles and calls wasm. The functions that translated code calls are its business too: it has them call
/// `Exec`'s `translated_*` methods.
pub trait Host: std::fmt::Debug {
    /// Compiles a module of so many regions and makes them callable; their handles. `None` if that fails.
    fn install(&mut self, module: &[u8], regions: usize) -> Option<Vec<u32>>;
    /// Gives handles back.
    fn release(&mut self, handles: &[u32]);
    /// Whether regions may call each other through the host's table, and a module that imports it costs little.
    fn shares_table(&mut self) -> bool;
    /// Calls a region whose first block is at an EIP; what it returned.
    fn call(&mut self, at: Call, x: &mut Exec<'static>, budget: u32, eip: u32) -> u32;
    /// Milliseconds since some moment, for figures.
    fn now_ms(&self) -> f64;
}

/// Settings.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Entries of a block before it is translated; 0 is at first sight.
    pub threshold: u32,
    /// Bytes of wasm kept.
    pub cache_bytes: usize,
    /// Regions compiled together at the most.
    pub batch: usize,
    /// Passes over the IR.
    pub passes: crate::opt::Enabled,
}

impl Default for Options {
    fn default() -> Self {
        Self { threshold: 5000, cache_bytes: 32 << 20, batch: 16, passes: crate::opt::Enabled::default() }
    }
}

#[derive(Debug)]
struct Translation {
    handle: u32,
    exits: Box<[Exit]>,
    entries: Box<[Entry]>,
    pages: Box<[Page]>,
    /// Pages of RAM by number, and the chunks it was made from.
    made_from: Box<[(u32, u64)]>,
}

/// A block of a region, by which it may be entered.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    delta: i32,
    page: u32,
    /// Instructions of the block: a smaller budget gets nowhere.
    insns: u32,
}

#[derive(Debug)]
struct Pending {
    number: u32,
    flat: bool,
    emitted: Emitted,
    entries: Box<[Entry]>,
    pages: Box<[Page]>,
    made_from: Box<[(u32, u64)]>,
}

/// A region, and a block of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    region: u32,
    block: u32,
}

/// A compiled module: the unit of eviction.
#[derive(Debug)]
struct Compiled {
    bytes: usize,
    regions: Vec<u32>,
}

/// Instructions a call may run at the most.
const MOST: u64 = 1 << 30;
/// Entries before an untranslatable block is looked at again.
const RARELY: u32 = 1 << 20;
/// Entries between two looks at a block that waits to be compiled.
const UNTIL_COMPILED: u32 = 100;

/// How often regions were left to Rust, by reason.
#[derive(Debug, Default)]
struct Exits {
    /// An instruction that the interpreter has to do.
    undone: u64,
    /// An interpreted instruction that stopped or changed the mode.
    stepped: u64,
    /// To a page whose translation was not known.
    page: u64,
    /// The budget did not cover the block.
    budget: u64,
}

#[derive(Debug, Default)]
struct Figures {
    regions: u64,
    instructions: u64,
    bytes: u64,
    modules: u64,
    compile_ms: f64,
    translate_ms: f64,
    calls: u64,
    executed: u64,
    exits: Exits,
    invalidated: u64,
    evicted: u64,
}

/// The translator.
#[derive(Debug)]
pub struct Engine<H> {
    host: H,
    linkage: Linkage,
    options: Options,
    regions: Vec<Option<Translation>>,
    free: Vec<u32>,
    by_key: PageMap<u64, At>,
    by_page: PageMap<u64, Vec<u32>>,
    found: FoundTable,
    pending: Vec<Pending>,
    modules: VecDeque<Compiled>,
    live_bytes: usize,
    figures: Figures,
}

impl<H: Host> Engine<H> {
    /// A translator with nothing translated.
    pub fn new(mut host: H, options: Options) -> Self {
        Self {
            linkage: if host.shares_table() { Linkage::TailCall } else { Linkage::Return },
            host,
            options,
            regions: Vec::new(),
            free: Vec::new(),
            by_key: PageMap::default(),
            by_page: PageMap::default(),
            found: FoundTable::default(),
            pending: Vec::new(),
            modules: VecDeque::new(),
            live_bytes: 0,
            figures: Figures::default(),
        }
    }

    /// The region that holds the code at a linear address, and how many instructions it begins with.
    #[inline]
    fn find(&mut self, x: &Exec<'static>, lin: u64) -> Option<(Call, u32)> {
        let tags = x.mmu.tags(x.cpu.mode);
        let found = self.found.get(lin, tags).unwrap_or_else(|| {
            let found = self.search(x, lin, tags);
            self.found.set(lin, found);
            found
        });
        found.call()
    }

    #[inline(never)]
    fn search(&self, x: &Exec<'static>, lin: u64, tags: Tags) -> Found {
        let found = || {
            let start = x.mmu.known_code(&x.cpu, lin)?;
            let at = *self.by_key.get(&key(start, x.cpu.mode))?;
            let t = self.regions.get(at.region as usize)?.as_ref()?;
            let entry = *t.entries.get(at.block as usize)?;
            let origin = back(lin, entry.delta);
            let held = |p: &Page| x.mmu.known_code(&x.cpu, distant(origin, p.delta)) == Some(p.ram);
            let pages = (0..).zip(&t.pages).fold(0, |mask, (n, p)| mask | u32::from(held(p)) << n);
            let call = Call { handle: t.handle, block: at.block, pages, delta: entry.delta };
            let global = |p: &Page| x.mmu.is_global(&x.cpu, distant(origin, p.delta));
            let held_ones = (0..).zip(&t.pages).filter(|(n, _)| pages >> n & 1 != 0);
            let tag = tags.of(held_ones.into_iter().all(|(_, p)| global(p)));
            (pages >> entry.page & 1 != 0).then(|| Found::region(lin, tag, entry.insns, call))
        };
        found().unwrap_or(Found::nothing(lin, tags.any))
    }

    /// Forms and emits the region at the present EIP, which is this linear address. False if there is none.
    fn translate(&mut self, x: &mut Exec<'static>, blocks: &BlockCache, lin: u64) -> bool {
        let mode_bits = x.cpu.mode;
        let Some(start) = x.mmu.known_code(&x.cpu, lin) else { return false };
        if x.mmu.class() == Class::SupervisorNoUser {
            return false;
        }
        let at = key(start, mode_bits);
        let waits = |p: &Pending| p.entries.iter().any(|e| e.key == at);
        if self.by_key.contains_key(&at) || self.pending.iter().any(waits) {
            return true;
        }
        let began = self.host.now_ms();
        let Some(region) = region::form(mode_bits, &mut Decoded { engine: self, x, blocks, lin, mode_bits })
        else {
            return false;
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.regions.push(None);
            x.step_runs.push(Rc::new([]));
            self.regions.len() as u32 - 1
        });
        let layout = x.layout(mode_bits);
        let target = emit::Target { layout: &layout, linkage: self.linkage, passes: self.options.passes };
        let emitted = emit::emit(&region, &target, number);
        self.figures.instructions += region.blocks.iter().map(|b| b.insns.len() as u64).sum::<u64>();
        let entry = |b: &Block| Entry {
            key: key(b.phys, mode_bits),
            delta: b.delta,
            page: b.page as u32,
            insns: b.insns.len() as u32,
        };
        let entries = region.blocks.iter().map(entry).collect();
        let made_from = made_from(&region);
        let flat = region.is_flat();
        self.pending.push(Pending { number, flat, emitted, entries, pages: region.pages.into(), made_from });
        self.figures.translate_ms += self.host.now_ms() - began;
        true
    }

    /// Compiles what waits. Flat code goes on in a simpler way, and gets modules of its own.
    fn compile(&mut self, x: &mut Exec<'static>) {
        let (flat, other) = std::mem::take(&mut self.pending).into_iter().partition(|p| p.flat);
        self.compile_together(x, true, flat);
        self.compile_together(x, false, other);
    }

    fn compile_together(&mut self, x: &mut Exec<'static>, flat: bool, pending: Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        let layout = x.layout(x.cpu.mode);
        let links = Links { linkage: self.linkage, layout: &layout, found: self.found.place(), flat };
        let bytes = module::module(links, pending.iter().map(|p| &p.emitted.function));
        let began = self.host.now_ms();
        let handles = self.host.install(&bytes, pending.len());
        self.figures.compile_ms += self.host.now_ms() - began;
        let Some(handles) = handles else {
            self.free.extend(pending.iter().map(|p| p.number));
            return;
        };
        self.figures.modules += 1;
        self.figures.bytes += bytes.len() as u64;
        self.live_bytes += bytes.len();
        let mut compiled = Compiled { bytes: bytes.len(), regions: Vec::new() };
        for (p, handle) in pending.into_iter().zip(handles) {
            self.figures.regions += 1;
            if let Some(runs) = x.step_runs.get_mut(p.number as usize) {
                *runs = p.emitted.steps.into();
            }
            for (block, e) in (0..).zip(&p.entries) {
                let at = At { region: p.number, block };
                // The first block is why the region was made.
                if block == 0 {
                    self.by_key.insert(e.key, at);
                } else {
                    self.by_key.entry(e.key).or_insert(at);
                }
            }
            for (page, _) in &p.made_from {
                self.by_page.entry((*page).into()).or_default().push(p.number);
            }
            compiled.regions.push(p.number);
            self.regions[p.number as usize] = Some(Translation {
                handle,
                exits: p.emitted.exits.into(),
                entries: p.entries,
                pages: p.pages,
                made_from: p.made_from,
            });
        }
        self.modules.push_back(compiled);
        while self.live_bytes > self.options.cache_bytes && self.modules.len() > 1 {
            self.evict(x);
        }
        self.found.clear();
    }

    /// Drops the oldest module.
    fn evict(&mut self, x: &mut Exec<'static>) {
        if let Some(oldest) = self.modules.pop_front() {
            self.live_bytes -= oldest.bytes;
            for number in oldest.regions {
                self.figures.evicted += u64::from(self.drop_region(x, number));
                // Only now may another translation have the number.
                self.free.push(number);
            }
        }
    }

    /// Drops one translation; its number stays taken until its module goes.
    fn drop_region(&mut self, x: &mut Exec<'static>, number: u32) -> bool {
        let Some(t) = self.regions.get_mut(number as usize).and_then(Option::take) else { return false };
        for e in &t.entries {
            if self.by_key.get(&e.key).is_some_and(|at| at.region == number) {
                self.by_key.remove(&e.key);
            }
        }
        for (page, _) in &t.made_from {
            if let Some(regions) = self.by_page.get_mut(&u64::from(*page)) {
                regions.retain(|n| *n != number);
            }
        }
        self.host.release(&[t.handle]);
        if let Some(runs) = x.step_runs.get_mut(number as usize) {
            *runs = Rc::new([]);
        }
        true
    }

    /// Calls a region. What to do next, if that is not to look for another region. The flags stay where the region
    /// left them.
    #[inline]
    fn call(&mut self, x: &mut Exec<'static>, (call, insns): (Call, u32)) -> Option<Entered> {
        let budget = x.limit.saturating_sub(x.cpu.count).min(MOST);
        if budget < u64::from(insns) {
            self.figures.exits.budget += 1;
            return Some(Entered::One);
        }
        self.figures.calls += 1;
        let count = x.cpu.count;
        let eip = back(x.cpu.eip, call.delta);
        x.link.base = count + budget;
        let exit = self.host.call(call, x, budget as u32, eip as u32);
        let entered = if exit == GOES_ON {
            x.cpu.count = x.link.base - u64::from(x.link.left);
            None
        } else {
            self.left(x, exit)
        };
        self.figures.executed += x.cpu.count - count;
        entered
    }

    /// A region was left by one of its exits.
    fn left(&mut self, x: &mut Exec<'static>, exit: u32) -> Option<Entered> {
        let region = self.regions.get(x.link.region as usize).and_then(Option::as_ref);
        let Some((t, exit)) = region.and_then(|t| Some((t, t.exits.get(exit as usize)?))) else {
            return Some(Entered::Interpret(None));
        };
        let entry = x.cpu.eip;
        if exit.to != To::Settled {
            x.cpu.count = x.link.base - u64::from(x.link.left) + u64::from(exit.executed);
        }
        match exit.to {
            To::Page(delta) => {
                // By now the TLB may hold it.
                let base = x.linear_eip();
                for e in &t.entries {
                    self.found.forget(distant(base, e.delta));
                }
                x.cpu.eip = distant(entry, delta);
                self.figures.exits.page += 1;
                None
            }
            To::Interpreter(delta) => {
                x.cpu.eip = distant(entry, delta);
                self.figures.exits.undone += 1;
                Some(Entered::One)
            }
            To::Block(delta) => {
                x.cpu.eip = distant(entry, delta);
                self.figures.exits.undone += 1;
                Some(Entered::Interpret(None))
            }
            To::Settled => {
                self.figures.exits.stepped += 1;
                Some(Entered::Stepped)
            }
        }
    }

    /// Runs translated code from the present EIP on, as far as there is any.
    fn run(&mut self, x: &mut Exec<'static>) -> Option<Entered> {
        // Neither mode nor translations change before a region is left by an exit.
        let tags = x.mmu.tags(x.cpu.mode);
        (x.link.tag_any, x.link.tag_global) = (tags.any, tags.global);
        while let Some(found) = self.find(x, x.linear_eip()) {
            let entered = self.call(x, found);
            if entered.is_some() {
                return entered;
            }
        }
        None
    }
}

/// A 32-bit address at a distance from another.
fn distant(from: u64, delta: i32) -> u64 {
    u64::from((from as u32).wrapping_add_signed(delta))
}

/// The address from which this one is at a distance.
fn back(from: u64, delta: i32) -> u64 {
    u64::from((from as u32).wrapping_sub(delta as u32))
}

/// The chunks of RAM a region was made from, by page number.
fn made_from(region: &Region) -> Box<[(u32, u64)]> {
    let mut made_from: Vec<(u32, u64)> = Vec::new();
    for b in &region.blocks {
        let page = (b.phys >> 12) as u32;
        let mask = chunks(b.phys, b.bytes.into());
        match made_from.iter_mut().find(|(p, _)| *p == page) {
            Some((_, m)) => *m |= mask,
            None => made_from.push((page, mask)),
        }
    }
    made_from.into()
}

/// The decoded blocks around an address.
struct Decoded<'a, H> {
    engine: &'a Engine<H>,
    x: &'a Exec<'static>,
    blocks: &'a BlockCache,
    lin: u64,
    mode_bits: u32,
}

impl<H: Host> Source for Decoded<'_, H> {
    fn block(&mut self, delta: i32) -> Option<Block> {
        let phys = self.x.mmu.known_code(&self.x.cpu, distant(self.lin, delta))?;
        // What another region holds is called there.
        if delta != 0 && self.engine.by_key.contains_key(&key(phys, self.mode_bits)) {
            return None;
        }
        let (at, entered) = self.blocks.known(phys, self.mode_bits, distant(self.lin, delta))?;
        let cpu = &self.x.cpu;
        if !region::fits(self.mode_bits, cpu.seg(Seg::Cs), cpu.eip, delta, at.bytes) {
            return None;
        }
        if delta != 0 && entered < self.engine.options.threshold / 8 {
            return None;
        }
        let insns = self.blocks.insns(at);
        (!insns.is_empty()).then(|| Block { delta, phys, bytes: at.bytes, insns: insns.into(), page: 0 })
    }
}

impl<H: Host> Translator for Engine<H> {
    fn enter(&mut self, x: &mut Exec<'static>, blocks: &BlockCache) -> Entered {
        let entered = self.run(x);
        x.settle_link();
        if let Some(entered) = entered {
            return entered;
        }
        let lin = x.linear_eip();
        if !blocks.is_hot(x) {
            return Entered::Interpret(None);
        }
        if !self.translate(x, blocks, lin) {
            return Entered::Interpret(Some(RARELY));
        }
        if self.pending.len() >= self.options.batch {
            self.compile(x);
            let entered = self.run(x);
            x.settle_link();
            return entered.unwrap_or(Entered::Interpret(None));
        }
        Entered::Interpret(Some(UNTIL_COMPILED))
    }

    fn written(&mut self, x: &mut Exec<'static>, hits: &[(u32, u64)]) {
        for &(page, hit) in hits {
            let numbers = self.by_page.get(&u64::from(page)).cloned().unwrap_or_default();
            for number in numbers {
                let made_from_it = self.regions[number as usize]
                    .as_ref()
                    .is_some_and(|t| t.made_from.iter().any(|(p, m)| *p == page && m & hit != 0));
                if made_from_it {
                    self.figures.invalidated += 1;
                    self.drop_region(x, number);
                }
            }
            self.pending.retain(|p| {
                let stays = !p.made_from.iter().any(|(q, m)| *q == page && m & hit != 0);
                if !stays {
                    self.free.push(p.number);
                }
                stays
            });
        }
        if !hits.is_empty() {
            self.found.clear();
        }
    }

    fn clear(&mut self, x: &mut Exec<'static>) {
        self.free.extend(self.pending.drain(..).map(|p| p.number));
        while !self.modules.is_empty() {
            self.evict(x);
        }
        self.found.clear();
    }

    fn watched(&self, page: u32) -> u64 {
        let live = self.by_page.get(&page.into()).into_iter().flatten();
        let live = live.filter_map(|n| Some(&self.regions.get(*n as usize)?.as_ref()?.made_from));
        let waiting = self.pending.iter().map(|p| &p.made_from);
        let here = live.chain(waiting).flatten().filter(|(p, _)| *p == page);
        here.fold(0, |all, (_, chunks)| all | chunks)
    }

    fn watched_pages(&self) -> Vec<u32> {
        let waiting = self.pending.iter().flat_map(|p| p.made_from.iter().map(|(page, _)| *page));
        self.by_page.keys().map(|page| *page as u32).chain(waiting).collect()
    }

    fn slice(&mut self, x: &mut Exec<'static>) {
        self.compile(x);
    }

    fn threshold(&self) -> u32 {
        self.options.threshold
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let f = &self.figures;
        vec![
            ("regions", f.regions as f64),
            ("translated_instructions", f.instructions as f64),
            ("modules", f.modules as f64),
            ("wasm_bytes", f.bytes as f64),
            ("live_bytes", self.live_bytes as f64),
            ("translate_ms", f.translate_ms),
            ("compile_ms", f.compile_ms),
            ("calls", f.calls as f64),
            ("executed", f.executed as f64),
            ("undone", f.exits.undone as f64),
            ("left_stepping", f.exits.stepped as f64),
            ("left_page", f.exits.page as f64),
            ("left_budget", f.exits.budget as f64),
            ("invalidated", f.invalidated as f64),
            ("evicted", f.evicted as f64),
        ]
    }
}
