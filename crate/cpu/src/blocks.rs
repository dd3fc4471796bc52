//! Decoded blocks: found by physical address and mode bits, holding no linear address.
//!
//! A block is a run of instructions within one page, ending at the first unconditional transfer of control;
//! a conditional branch that is taken leaves it early. Decoding
//! costs some 45 ns an instruction, twenty times executing it, so blocks are kept until their bytes are
//! written, or until the cache is full and is emptied whole.
//!
//! In front lies the jump cache: direct-mapped by linear address, valid for one generation of the MMU (which
//! changes whenever a translation may have gone, or code was overwritten). A hit there means that the
//! architectural TLB holds the page for fetching, so no check is left to be made. Before that one is asked,
//! there are the same entries by where the jump *comes from*. Where that entry lies does not depend on the
//! target's address, so the host's processor need not compute the one before it can load the other: it goes
//! ahead with the block found, and the comparison is a branch it predicts. (The addresses of the
//! instructions to run are otherwise one long chain of dependent loads, and that chain is the speed.)
//!
//! Code that is not flat has entries there too, for its heat and so that it is found again, but under numbers that
//! are no addresses, so that the hot loop never finds it: each of its instructions has to be checked against the
//! segment's limit.
//!
//! An instruction that crosses a page boundary is a block of its own. Its second page may change under it,
//! so that is checked each time it is entered into the jump cache.

use crate::decode::{BlockDecoder, MAX_LEN};
use crate::exec::{Exec, Fast, fuse};
use crate::fault::Stop;
use crate::insn::{Insn, Prefix, Seg};
use crate::mmu::{Access, Mmu, PageMap, Tags, Target, chunks};
use crate::state::mode;
use std::cell::Cell;

/// Most instructions in a block.
pub const MAX_INSNS: usize = 64;
/// Decoded instructions held before the cache is emptied (36 bytes each).
const CAPACITY: usize = 1 << 19;
const JUMP_SLOTS: usize = 1 << 13;

/// Where a block's instructions lie, and how many bytes they decode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockRef {
    /// Index of the first instruction.
    pub first: u32,
    /// Instructions.
    pub insns: u16,
    /// Bytes.
    pub bytes: u16,
}

#[derive(Clone, Debug)]
#[repr(align(32))]
struct Jump {
    lin: u64,
    /// Generation and mode bits.
    tag: u64,
    block: BlockRef,
    /// Which block it is, for its heat.
    number: u32,
    /// Entries left before the block is hot; hot blocks are looked at each time.
    heat: Cell<u32>,
}

/// What a jump from a site led to last.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Site {
    lin: u64,
    tag: u64,
    block: BlockRef,
}

const NO_SITE: Site = Site { lin: 0, tag: u64::MAX, block: BlockRef { first: 0, insns: 0, bytes: 0 } };

#[derive(Clone, Copy, Debug)]
struct Block {
    at: BlockRef,
    /// RAM offset of the first byte.
    start: u64,
    /// RAM offset of the second page, for an instruction that crosses into it.
    second: Option<u64>,
    /// Index of its heat.
    number: u32,
}

impl Block {
    /// The chunks of `page` that the block was decoded from.
    fn chunks_in(&self, page: u64) -> u64 {
        let bytes = u64::from(self.at.bytes);
        if self.start >> 12 == page {
            chunks(self.start, bytes)
        } else {
            chunks(0, ((self.start & 0xFFF) + bytes).saturating_sub(0x1000))
        }
    }
}

/// The cache of decoded blocks.
#[derive(Debug)]
pub struct BlockCache {
    insns: Vec<Insn>,
    by_key: PageMap<u64, Block>,
    by_page: PageMap<u64, Vec<u64>>,
    jumps: Box<[Jump; JUMP_SLOTS]>,
    sites: Box<[Cell<Site>; JUMP_SLOTS]>,
    /// Entries left before each block is hot, but for those in the jump cache, which counts itself.
    heats: Vec<u32>,
    /// What a new block starts with.
    threshold: u32,
    /// How often translations of a block had to go because it was overwritten.
    overwritten: PageMap<u64, u32>,
    cleared: bool,
    scratch: Vec<u8>,
    decoded: u64,
}

/// A heat that is never used up.
const NEVER: u32 = u32::MAX;
/// Blocks of which it is remembered that they were overwritten, and how often their threshold doubles for it.
const MOST_OVERWRITTEN: usize = 1 << 14;
const MOST_DOUBLED: u32 = 10;
const NO_BLOCK: u32 = u32::MAX;

impl Jump {
    const fn none() -> Self {
        let block = BlockRef { first: 0, insns: 0, bytes: 0 };
        Self { lin: 0, tag: u64::MAX, block, number: NO_BLOCK, heat: Cell::new(NEVER) }
    }
}

impl Default for BlockCache {
    fn default() -> Self {
        Self {
            insns: Vec::new(),
            by_key: PageMap::default(),
            by_page: PageMap::default(),
            jumps: Box::new([const { Jump::none() }; JUMP_SLOTS]),
            sites: Box::new([const { Cell::new(NO_SITE) }; JUMP_SLOTS]),
            heats: Vec::new(),
            threshold: NEVER,
            overwritten: PageMap::default(),
            cleared: false,
            scratch: Vec::new(),
            decoded: 0,
        }
    }
}

#[inline(always)]
fn slot(lin: u64) -> usize {
    (lin ^ lin >> 13) as usize & (JUMP_SLOTS - 1)
}

/// What the jump cache calls the code at a linear address.
#[inline(always)]
fn name(lin: u64, mode_bits: u32) -> u64 {
    if mode_bits & mode::FLAT_CODE != 0 { lin } else { lin | 1 << 32 }
}

/// What a block is found by: the RAM offset of its first byte, and the mode bits it is decoded under.
#[must_use]
pub fn key(start: u64, mode_bits: u32) -> u64 {
    start | u64::from(mode_bits) << 48
}

impl BlockCache {
    /// Whether the block at the present EIP is hot.
    #[must_use]
    pub fn is_hot(&self, x: &Exec<'_>) -> bool {
        self.jump_to_here(x).is_some_and(|j| j.heat.get() == 0)
    }

    /// The jump cache's entry for the present EIP, if it holds.
    fn jump_to_here(&self, x: &Exec<'_>) -> Option<&Jump> {
        let (lin, mode_bits) = (x.linear_eip(), x.cpu.mode);
        let j = &self.jumps[slot(lin)];
        (j.lin == name(lin, mode_bits) && x.mmu.tags(mode_bits).hold(j.tag)).then_some(j)
    }

    /// Whether the jump cache has the block at the present EIP.
    #[must_use]
    pub fn knows(&self, x: &Exec<'_>) -> bool {
        self.jump_to_here(x).is_some()
    }

    /// Lets the block at the present EIP cool down: it is hot again after so many entries.
    pub fn cool(&self, x: &Exec<'_>, entries: u32) {
        let lin = x.linear_eip();
        let j = &self.jumps[slot(lin)];
        if j.lin == name(lin, x.cpu.mode) {
            j.heat.set(entries);
        }
    }

    /// The block at the present EIP, if its code is not flat and the jump cache knows it; counts that it is entered.
    pub(crate) fn entered_again(&self, x: &Exec<'_>) -> Option<BlockRef> {
        let j = self.jump_to_here(x).filter(|_| x.cpu.mode & mode::FLAT_CODE == 0)?;
        j.heat.set(j.heat.get().saturating_sub(1));
        Some(j.block)
    }

    /// Sets how many entries make a new block hot. What is decoded already stays as it is.
    pub fn set_threshold(&mut self, entries: u32) {
        self.threshold = entries;
    }

    /// Whether everything was dropped since this was last asked.
    pub fn take_cleared(&mut self) -> bool {
        std::mem::take(&mut self.cleared)
    }

    /// The block at a RAM offset and linear address, if it is decoded; where the page lies that it crosses into; and how
    /// often it was entered since it was decoded (or since it was hot).
    #[must_use]
    pub fn known(&self, start: u64, mode_bits: u32, lin: u64) -> Option<(BlockRef, Option<u64>, u32)> {
        let b = self.by_key.get(&key(start, mode_bits))?;
        let jump = &self.jumps[slot(lin)];
        let heat = if jump.number == b.number {
            jump.heat.get()
        } else {
            self.heats.get(b.number as usize).copied().unwrap_or(NEVER)
        };
        Some((b.at, b.second, self.threshold.saturating_sub(heat)))
    }

    /// The block at a linear address, if the jump cache knows it, for a jump from `site`: any number that goes with the
    /// instruction.
    #[inline(always)]
    #[must_use]
    pub fn jump_from(&self, site: usize, lin: u64, tags: Tags) -> Option<BlockRef> {
        let known = &self.sites[site & (JUMP_SLOTS - 1)];
        let s = known.get();
        if (s.lin != lin || !tags.hold(s.tag)) && !self.learn(known, lin, tags) {
            return None;
        }
        // Nobody waits for the heat.
        let jump = &self.jumps[slot(lin)];
        let heat = jump.heat.get().checked_sub(1)?;
        jump.heat.set(heat);
        Some(known.get().block)
    }

    #[inline(never)]
    fn learn(&self, known: &Cell<Site>, lin: u64, tags: Tags) -> bool {
        let j = &self.jumps[slot(lin)];
        let found = j.lin == lin && tags.hold(j.tag);
        if found {
            known.set(Site { lin, tag: j.tag, block: j.block });
        }
        found
    }

    /// All decoded instructions, blocks one after the other; in each, the last one leads elsewhere or is
    /// followed by `Fast::End`.
    #[inline(always)]
    #[must_use]
    pub fn all(&self) -> &[Insn] {
        &self.insns
    }

    /// The instructions of a block.
    #[inline(always)]
    #[must_use]
    pub fn insns(&self, b: BlockRef) -> &[Insn] {
        let first = b.first as usize;
        self.insns.get(first..first + usize::from(b.insns)).unwrap_or(&[])
    }

    /// Instructions decoded so far.
    #[must_use]
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Bytes the cache holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.insns.capacity() * size_of::<Insn>() + self.by_key.capacity() * size_of::<(u64, Block)>()
    }

    /// Finds or decodes the block at EIP, whose linear address is `lin`, and enters it into the jump cache. If it was not
    /// there, this counts as an entry of the block.
    ///
    /// # Errors
    /// What fetching the first instruction raises: outside the segment, or a page fault.
    #[inline(never)]
    pub fn find(&mut self, x: &mut Exec<'_>, lin: u64) -> Result<BlockRef, Stop> {
        if x.cpu.eip > u64::from(x.cpu.seg(Seg::Cs).max) {
            return Err(x.gp0());
        }
        let a = Access { write: false, fetch: true, user: x.cpu.cpl == 3, implicit: false };
        let phys = x.translate(lin, a)?;
        let Target::Ram(start) = x.mmu.code_target(phys) else {
            return self.uncached(x, phys);
        };
        let mode_bits = x.cpu.mode;
        let key = key(start, mode_bits);
        let mut block = match self.by_key.get(&key) {
            Some(b) => *b,
            None => self.decode(x, lin, start, key)?,
        };
        if let Some(second) = block.second {
            let now = next_page(x, lin)?;
            if x.mmu.code_target(now) != Target::Ram(second) {
                self.remove(key);
                block = self.decode(x, lin, start, key)?;
            }
        }
        let Block { at, number, .. } = block;
        // An instruction that crosses into a page of its own is looked at again whenever anything changes.
        let global = block.second.is_none() && x.mmu.is_global(&x.cpu, lin);
        let tag = x.mmu.tags(mode_bits).of(global);
        let first = u32::from(self.jump_to_here(x).is_none());
        let jump = &mut self.jumps[slot(lin)];
        if jump.number != number {
            if let Some(heat) = self.heats.get_mut(jump.number as usize) {
                *heat = jump.heat.get();
            }
            jump.heat = Cell::new(self.heats.get(number as usize).copied().unwrap_or(NEVER));
        }
        if jump.heat.get() != NEVER {
            jump.heat.set(jump.heat.get().saturating_sub(first));
        }
        *jump = Jump { lin: name(lin, mode_bits), tag, block: at, number, heat: jump.heat.clone() };
        Ok(at)
    }

    /// Decodes the block at RAM offset `start`.
    fn decode(&mut self, x: &mut Exec<'_>, lin: u64, start: u64, key: u64) -> Result<Block, Stop> {
        if self.insns.len() + MAX_INSNS + 1 > CAPACITY {
            self.clear(&mut x.mmu);
        }
        let mode_bits = x.cpu.mode;
        let left = (0x1000 - (start & 0xFFF)) as usize;
        let page = x.mmu.ram().slice(start, left).unwrap_or(&[]);
        let first = self.insns.len();
        decode_run(&mut self.insns, BlockDecoder::new(page, mode_bits).of(x.cpu.identity), page.len());
        let mut second = None;
        if self.insns.len() == first {
            // The first instruction crosses into the next page.
            let next = next_page(x, lin)?;
            self.scratch.clear();
            self.scratch.extend_from_slice(x.mmu.ram().slice(start, left).unwrap_or(&[]));
            if let Target::Ram(at) = x.mmu.code_target(next) {
                self.scratch.extend_from_slice(x.mmu.ram().slice(at, MAX_LEN).unwrap_or(&[]));
                second = Some(at);
            } else {
                // Fetching from a device or past RAM: floating bus.
                self.scratch.extend_from_slice(&[0xFF; MAX_LEN]);
            }
            decode_one(&mut self.insns, BlockDecoder::new(&self.scratch, mode_bits).of(x.cpu.identity));
        }
        let at = block_ref(&self.insns, first);
        let bytes = at.bytes;
        self.decoded += u64::from(at.insns);
        let number = self.heats.len() as u32;
        // Code that keeps being overwritten has to be the hotter to be translated again.
        let times = self.overwritten.get(&key).copied().unwrap_or(0);
        let heat = self.threshold.saturating_mul(1 << times);
        self.heats.push(if self.threshold == NEVER { NEVER } else { heat.min(NEVER - 1) });
        let block = Block { at, start, second, number };
        x.mmu.note_code(start, u64::from(bytes));
        self.by_page.entry(start >> 12).or_default().push(key);
        if let Some(second) = second {
            let rest = u64::from(bytes).saturating_sub(left as u64);
            x.mmu.note_code(second, rest);
            self.by_page.entry(second >> 12).or_default().push(key);
        }
        self.by_key.insert(key, block);
        Ok(block)
    }

    /// Code outside RAM (a device, or nothing there): decoded anew each time, kept by nobody.
    fn uncached(&mut self, x: &mut Exec<'_>, phys: u64) -> Result<BlockRef, Stop> {
        if self.insns.len() + MAX_INSNS + 1 > CAPACITY {
            self.clear(&mut x.mmu);
        }
        self.scratch.clear();
        let left = 0x1000 - (phys & 0xFFF);
        for n in 0..MAX_LEN as u64 {
            let byte = if n < left { x.read_phys(phys + n, crate::insn::Width::W8) as u8 } else { 0xFF };
            self.scratch.push(byte);
        }
        let first = self.insns.len();
        decode_one(&mut self.insns, BlockDecoder::new(&self.scratch, x.cpu.mode).of(x.cpu.identity));
        Ok(block_ref(&self.insns, first))
    }

    fn remove(&mut self, key: u64) {
        if let Some(b) = self.by_key.remove(&key) {
            for page in [Some(b.start), b.second].into_iter().flatten() {
                if let Some(keys) = self.by_page.get_mut(&(page >> 12)) {
                    keys.retain(|k| *k != key);
                }
            }
        }
    }

    /// Drops the blocks whose bytes were written, forgets the writes, and says which they were.
    pub fn invalidate_written(&mut self, mmu: &mut Mmu) -> Vec<(u32, u64)> {
        let hits = mmu.code.take_hits();
        for &(page, hit) in &hits {
            let page = u64::from(page);
            let keys = self.by_page.get(&page).cloned().unwrap_or_default();
            for key in keys {
                if self.by_key.get(&key).is_some_and(|b| b.chunks_in(page) & hit != 0) {
                    self.remove(key);
                }
            }
            let left = self.by_page.get(&page).map_or(0, |keys| {
                keys.iter().filter_map(|k| self.by_key.get(k)).fold(0, |m, b| m | b.chunks_in(page))
            });
            mmu.code.set(page, left);
        }
        mmu.code_changed();
        hits
    }

    /// A translation of this block is gone because its code was overwritten.
    pub fn overwritten(&mut self, key: u64) {
        if self.overwritten.len() >= MOST_OVERWRITTEN {
            self.overwritten.clear();
        }
        let times = self.overwritten.entry(key).or_default();
        *times = (*times + 1).min(MOST_DOUBLED);
    }

    /// Drops everything.
    pub fn clear(&mut self, mmu: &mut Mmu) {
        for &page in self.by_page.keys() {
            mmu.code.set(page, 0);
        }
        self.insns.clear();
        self.by_key.clear();
        self.by_page.clear();
        *self.jumps = [const { Jump::none() }; JUMP_SLOTS];
        *self.sites = [const { Cell::new(NO_SITE) }; JUMP_SLOTS];
        self.heats.clear();
        self.cleared = true;
        mmu.code_changed();
    }
}

/// Translates the page into which the instruction at EIP, whose linear address is `lin`, crosses. The segment may end
/// before it, and its limit is looked at first (SDM vol. 3, 5.3).
fn next_page(x: &mut Exec<'_>, lin: u64) -> Result<u64, Stop> {
    let next = (lin | 0xFFF) + 1;
    if x.cpu.eip + (next - lin) > u64::from(x.cpu.seg(Seg::Cs).max) {
        return Err(x.gp0());
    }
    let a = Access { write: false, fetch: true, user: x.cpu.cpl == 3, implicit: false };
    x.translate(next & 0xFFFF_FFFF, a)
}

/// The block whose instructions start at `first` and end where decoding has stopped.
fn block_ref(insns: &[Insn], first: usize) -> BlockRef {
    let marked = insns.len() - first;
    let end = insns.last().filter(|_| marked > 0);
    let real = marked - usize::from(end.is_some_and(|i| i.fast == Fast::End));
    BlockRef { first: first as u32, insns: real as u16, bytes: end.map_or(0, |i| i.end() as u16) }
}

/// Decodes one instruction as a block of its own.
fn decode_one(into: &mut Vec<Insn>, mut decoder: BlockDecoder<'_>) {
    if let Ok(insn) = decoder.next_insn() {
        into.push(insn);
        if !insn.prefix.has(Prefix::LAST) {
            into.push(decoder.end(&insn));
        }
    }
}

/// Decodes instructions until the block ends, or the bytes do.
fn decode_run(into: &mut Vec<Insn>, mut decoder: BlockDecoder<'_>, bytes: usize) {
    let mut last = None;
    for _ in 0..MAX_INSNS {
        let Ok(insn) = decoder.next_insn() else { break };
        if last.is_some()
            && let Some(before) = into.last_mut()
        {
            before.fast = fuse(before.fast, insn.fast);
        }
        into.push(insn);
        if insn.prefix.has(Prefix::LAST) {
            return;
        }
        last = Some(insn);
        if insn.end() as usize >= bytes {
            break;
        }
    }
    if let Some(last) = last {
        into.push(decoder.end(&last));
    }
}
