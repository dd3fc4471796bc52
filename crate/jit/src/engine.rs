//! The translator at work: which code is translated, where its translation is, and when it goes.

mod observe;

use crate::emit::{self, Emitted, Exit, GOES_ON, Linkage, To};
pub use crate::found::Call;
use crate::found::{Found, FoundTable};
use crate::module::{self, Links};
use crate::region::{self, Block, Page, Region, Source};
use cpu::blocks::{BlockCache, key};
use cpu::exec::Exec;
use cpu::mmu::{PageMap, Tags};
use cpu::translator::{Entered, Translator};
use std::collections::VecDeque;
use std::rc::Rc;
use x86::Seg;

/// What compiles and calls wasm. The functions that translated code calls are its business too: it has them call
/// those of [`imports`](crate::imports).
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
    /// Where in this process's memory that of translated code begins: at its very beginning, if they are the same.
    fn memory_base(&self) -> usize {
        0
    }
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
    /// Instructions of a region at the most.
    pub region_insns: usize,
    /// Passes over the IR.
    pub passes: crate::opt::Enabled,
    /// How regions get to each other; what the host does best unless given.
    pub linkage: Option<Linkage>,
}

impl Options {
    /// Measured: docs/jit.md.
    pub const USUAL: Self = Self {
        threshold: 5000,
        cache_bytes: 32 << 20,
        batch: 16,
        region_insns: 320,
        passes: crate::opt::Enabled::ALL,
        linkage: None,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::USUAL
    }
}

#[derive(Debug)]
struct Translation {
    handle: u32,
    insns: usize,
    /// How many times it has been formed again, with neighbours that have become hot.
    grown: u32,
    /// The count of instructions when it was compiled.
    born: u64,
    place: Place,
    /// Samples that found the processor in it.
    samples: u64,
    exits: Box<[Exit]>,
    entries: Box<[Entry]>,
    pages: Box<[Page]>,
    /// Pages of RAM by number, and the chunks it was made from.
    made_from: Box<[(u32, u64)]>,
}

/// What does not matter for running a region.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Linear address of its first block when it was translated.
    lin: u64,
    mode_bits: u32,
}

/// A block of a region, by which it may be entered.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u64,
    delta: i32,
    mode: u32,
    /// The region's pages that it lies in.
    pages: u32,
    /// Instructions of the block: a smaller budget gets nowhere.
    insns: u32,
    /// Where it lies in RAM.
    phys: u64,
    bytes: u16,
}

#[derive(Debug)]
struct Pending {
    number: u32,
    insns: usize,
    grown: u32,
    place: Place,
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
/// A region is formed again, with a neighbour, so many times at the most.
const MOST_GROWN: u32 = 8;
/// Fewer regions than these wait for company, so many slices at the most: a module costs more than a region.
const FEW: usize = 4;
const PATIENCE: u32 = 4;
/// They no longer wait when one of them was asked for so many times, each time after [`UNTIL_COMPILED`] entries.
const IMPATIENCE: u32 = 10;
/// Instructions executed while a translation exists after which it has paid off.
const PAID_OFF: u64 = 200_000;
/// Entries before an untranslatable block is looked at again.
const RARELY: u32 = 1 << 20;
/// Entries between two looks at a block that waits to be compiled.
const UNTIL_COMPILED: u32 = 100;

/// How often regions were left to Rust, by reason.
#[derive(Debug, Default)]
struct Exits {
    /// To code that no region holds.
    no_region: u64,
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
    grown: u64,
    invalidated: u64,
    evicted: u64,
    /// Where the processor was when slices began: in a region, or not.
    in_regions: u64,
    elsewhere: u64,
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
    /// Slices that have begun since the last compilation.
    waited: u32,
    /// How often one of the regions was asked for since.
    asked: u32,
    modules: VecDeque<Compiled>,
    live_bytes: usize,
    figures: Figures,
}

impl<H: Host> Engine<H> {
    /// A translator with nothing translated.
    pub fn new(mut host: H, options: Options) -> Self {
        Self {
            linkage: options
                .linkage
                .unwrap_or_else(|| if host.shares_table() { Linkage::TailCall } else { Linkage::Return }),
            host,
            options,
            regions: Vec::new(),
            free: Vec::new(),
            by_key: PageMap::default(),
            by_page: PageMap::default(),
            found: FoundTable::default(),
            pending: Vec::new(),
            waited: 0,
            asked: 0,
            modules: VecDeque::new(),
            live_bytes: 0,
            figures: Figures::default(),
        }
    }

    /// The region that holds the code at a linear address, and how many instructions it begins with.
    #[inline]
    fn find(&mut self, x: &Exec<'static>, lin: u64, tags: Tags) -> Option<(Call, u32)> {
        let found = self.found.get(lin, tags).or_else(|| {
            let found = self.search(x, lin, tags)?;
            self.found.set(lin, found);
            Some(found)
        });
        found?.call()
    }

    /// What is at a linear address. `None` if the TLB does not hold its page, which may change any time.
    #[inline(never)]
    fn search(&self, x: &Exec<'static>, lin: u64, tags: Tags) -> Option<Found> {
        let start = x.mmu.known_code(&x.cpu, lin)?;
        let found = || {
            let at = *self.by_key.get(&key(start, x.cpu.mode))?;
            let t = self.regions.get(at.region as usize)?.as_ref()?;
            let entry = *t.entries.get(at.block as usize)?;
            let origin = back(lin, entry.delta);
            // An instruction that crosses the end of the address space is the interpreter's.
            let held = |p: &Page| {
                let lin = distant(origin, p.delta);
                (p.delta < 0) == (lin < origin) && x.mmu.known_code(&x.cpu, lin) == Some(p.ram)
            };
            let pages = (0..).zip(&t.pages).fold(0, |mask, (n, p)| mask | u32::from(held(p)) << n);
            let call = Call::new(t.handle, at.region, at.block, pages, entry.delta);
            let global = |p: &Page| x.mmu.is_global(&x.cpu, distant(origin, p.delta));
            let held_ones = (0..).zip(&t.pages).filter(|(n, _)| pages >> n & 1 != 0);
            let tag = tags.of(held_ones.into_iter().all(|(_, p)| global(p)));
            (pages & entry.pages == entry.pages).then(|| Found::region(lin, tag, entry.insns, call))
        };
        Some(found().unwrap_or(Found::nothing(lin, tags.any)))
    }

    /// Forms and emits the region at the present EIP, which is this linear address. False if there is none.
    fn translate(&mut self, x: &mut Exec<'static>, blocks: &BlockCache, lin: u64) -> bool {
        let mode_bits = x.cpu.mode;
        let Some(start) = x.mmu.known_code(&x.cpu, lin) else { return false };
        let at = key(start, mode_bits);
        let waits = |p: &Pending| p.entries.iter().any(|e| e.key == at);
        if self.by_key.contains_key(&at) || self.pending.iter().any(waits) {
            return true;
        }
        let began = self.host.now_ms();
        let Some(region) =
            region::form(mode_bits, self.options.region_insns, &mut Decoded { engine: self, x, blocks, lin })
        else {
            return false;
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.regions.push(None);
            x.step_runs.push(Rc::new([]));
            self.regions.len() as u32 - 1
        });
        let layout = x.layout(self.host.memory_base());
        let target = emit::Target {
            layout: &layout,
            linkage: self.linkage,
            found: self.found.place(self.host.memory_base()),
            passes: self.options.passes,
        };
        let emitted = emit::emit(&region, &target, number);
        let entry = |b: &Block| Entry {
            key: key(b.phys, b.mode),
            mode: b.mode,
            delta: b.delta,
            pages: b.pages,
            insns: b.insns.len() as u32,
            phys: b.phys,
            bytes: b.bytes,
        };
        let entries: Box<[Entry]> = region.blocks.iter().map(entry).collect();
        let made_from = made_from(&region);
        let insns = region.blocks.iter().map(|b| b.insns.len()).sum();
        let grown = self.held_whole(&entries).map(|(_, t)| t.grown + 1).max().unwrap_or(0);
        let flat = region.is_flat();
        let (place, pages) = (Place { lin, mode_bits }, region.pages.into());
        self.pending.push(Pending { number, flat, place, insns, grown, emitted, entries, pages, made_from });
        self.figures.translate_ms += self.host.now_ms() - began;
        true
    }

    /// The regions all of whose entries are among these.
    fn held_whole(&self, entries: &[Entry]) -> impl Iterator<Item = (u32, &Translation)> {
        let mut regions: Vec<u32> =
            entries.iter().filter_map(|e| Some(self.by_key.get(&e.key)?.region)).collect();
        regions.sort_unstable();
        regions.dedup();
        regions.into_iter().filter_map(move |n| {
            let t = self.regions.get(n as usize)?.as_ref()?;
            t.entries.iter().all(|e| entries.iter().any(|f| f.key == e.key)).then_some((n, t))
        })
    }

    /// Compiles what waits. Flat code goes on in a simpler way, and gets modules of its own.
    fn compile(&mut self, x: &mut Exec<'static>) {
        (self.waited, self.asked) = (0, 0);
        let (flat, other) = std::mem::take(&mut self.pending).into_iter().partition(|p| p.flat);
        self.compile_together(x, true, flat);
        self.compile_together(x, false, other);
    }

    fn compile_together(&mut self, x: &mut Exec<'static>, flat: bool, pending: Vec<Pending>) {
        if pending.is_empty() {
            return;
        }
        let base = self.host.memory_base();
        let layout = x.layout(base);
        let links = Links { linkage: self.linkage, layout: &layout, found: self.found.place(base), flat };
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
            self.figures.instructions += p.insns as u64;
            let replaced: Vec<u32> = self.held_whole(&p.entries).map(|(n, _)| n).collect();
            let mut samples = 0;
            for number in replaced {
                samples += self.regions[number as usize].as_ref().map_or(0, |t| t.samples);
                self.figures.grown += 1;
                self.drop_region(x, number);
            }
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
                insns: p.insns,
                grown: p.grown,
                born: x.cpu.count,
                place: p.place,
                samples,
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
        let mut exit = self.host.call(call, x, budget as u32, eip as u32);
        // From region to region, as long as nothing else is needed.
        while exit == GOES_ON
            && let Some((call, insns)) = self.found.get(x.linear_eip(), x.link.tags()).and_then(|f| f.call())
            && x.link.left >= insns
        {
            self.figures.calls += 1;
            exit = self.host.call(call, x, x.link.left, back(x.cpu.eip, call.delta) as u32);
        }
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
                if x.goes_on() { None } else { Some(Entered::Stepped) }
            }
        }
    }

    /// Runs translated code from the present EIP on, as far as there is any.
    fn run(&mut self, x: &mut Exec<'static>) -> Option<Entered> {
        let mut called = false;
        loop {
            // Translations do not change before a region is left by an exit; where the mode does, the link's tags follow.
            let tags = x.mmu.tags(x.cpu.mode);
            x.link.tag(tags);
            let Some(found) = self.find(x, x.linear_eip(), tags) else { break };
            let entered = self.call(x, found);
            if entered.is_some() {
                return entered;
            }
            called = true;
        }
        self.figures.exits.no_region += u64::from(called);
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
    for (page, mask) in region.blocks.iter().flat_map(Block::made_from) {
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
}

impl<H: Host> Decoded<'_, H> {
    /// The region that holds the block at a distance, and the block's number in it.
    fn holder(&self, delta: i32, mode_bits: u32) -> Option<(&Translation, At)> {
        let phys = self.x.mmu.known_code(&self.x.cpu, distant(self.lin, delta))?;
        let at = *self.engine.by_key.get(&key(phys, mode_bits))?;
        Some((self.engine.regions.get(at.region as usize)?.as_ref()?, at))
    }

    /// Whether a region may become part of another.
    fn may_grow(&self, t: &Translation) -> bool {
        t.grown < MOST_GROWN && t.insns <= self.engine.options.region_insns * 3 / 4
    }
}

impl<H: Host> Source for Decoded<'_, H> {
    fn block(&mut self, delta: i32, mode: u32) -> Option<Block> {
        let phys = self.x.mmu.known_code(&self.x.cpu, distant(self.lin, delta))?;
        let holder = self.holder(delta, mode).filter(|_| delta != 0);
        // What another region holds is called there, unless the two can be one.
        if holder.is_some_and(|(t, _)| !self.may_grow(t)) {
            return None;
        }
        let lin = distant(self.lin, delta);
        let (at, second, entered) = self.blocks.known(phys, mode, lin)?;
        let next = || self.x.mmu.known_code(&self.x.cpu, distant(lin | 0xFFF, 1));
        if second.is_some() && (lin >= 0xFFFF_F000 || next() != second) {
            return None;
        }
        let cpu = &self.x.cpu;
        if !region::fits(mode, cpu.seg(Seg::Cs), cpu.eip, delta, at.bytes) {
            return None;
        }
        if delta != 0 && holder.is_none() && entered < self.engine.options.threshold / 8 {
            return None;
        }
        let insns = self.blocks.insns(at);
        (!insns.is_empty()).then(|| Block {
            mode,
            delta,
            phys,
            bytes: at.bytes,
            second,
            insns: insns.into(),
            pages: 0,
        })
    }

    fn companions(&mut self, delta: i32, mode_bits: u32) -> Vec<(i32, u32)> {
        let holder = self.holder(delta, mode_bits).filter(|(t, _)| self.may_grow(t));
        let Some((t, at)) = holder else { return Vec::new() };
        let here = t.entries.get(at.block as usize).map_or(0, |e| e.delta);
        t.entries.iter().map(|e| (delta.wrapping_add(e.delta.wrapping_sub(here)), e.mode)).collect()
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
        self.asked += 1;
        if self.pending.len() >= self.options.batch || self.asked >= IMPATIENCE + self.pending.len() as u32 {
            self.compile(x);
            let entered = self.run(x);
            x.settle_link();
            return entered.unwrap_or(Entered::Interpret(None));
        }
        Entered::Interpret(Some(UNTIL_COMPILED))
    }

    fn written(&mut self, x: &mut Exec<'static>, hits: &[(u32, u64)]) -> Vec<u64> {
        let mut keys = Vec::new();
        for &(page, hit) in hits {
            let numbers = self.by_page.get(&u64::from(page)).cloned().unwrap_or_default();
            for number in numbers {
                let made_from_it = self.regions[number as usize]
                    .as_ref()
                    .is_some_and(|t| t.made_from.iter().any(|(p, m)| *p == page && m & hit != 0));
                if made_from_it {
                    self.figures.invalidated += 1;
                    let t = self.regions[number as usize].as_ref();
                    let vain = t.filter(|t| x.cpu.count.saturating_sub(t.born) < PAID_OFF);
                    keys.extend(vain.into_iter().flat_map(|t| &t.entries).map(|e| e.key));
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
        keys
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
        self.sample(x);
        self.waited += 1;
        if self.pending.len() >= FEW || self.waited >= PATIENCE {
            self.compile(x);
        }
    }

    fn threshold(&self) -> u32 {
        self.options.threshold
    }

    fn figures(&self) -> Vec<(&'static str, f64)> {
        let f = &self.figures;
        vec![
            ("regions", f.regions as f64),
            ("translated_instructions", f.instructions as f64),
            ("tail_calls", f64::from(u8::from(self.linkage == Linkage::TailCall))),
            ("modules", f.modules as f64),
            ("wasm_bytes", f.bytes as f64),
            ("live_bytes", self.live_bytes as f64),
            ("translate_ms", f.translate_ms),
            ("compile_ms", f.compile_ms),
            ("calls", f.calls as f64),
            ("executed", f.executed as f64),
            ("grown", f.grown as f64),
            ("invalidated", f.invalidated as f64),
            ("evicted", f.evicted as f64),
        ]
    }

    fn report(&self) -> String {
        observe::report(self)
    }

    fn dump(&self, x: &Exec<'static>, blocks: &BlockCache, lin: u64) -> String {
        observe::dump(self, x, blocks, lin)
    }
}
