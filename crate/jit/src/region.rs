//! Regions: what is translated as one function.
//!
//! A region is a set of decoded blocks joined along direct jumps, calls and fall-throughs, formed from one of them.
//! Like a block it holds no linear address: its blocks lie at distances from the entry.

use cpu::insn::{Helper, Insn, Op, Prefix, Width};
use cpu::mmu::chunks;
use cpu::state::{Segment, mode};

/// Most blocks of a region; their pages are numbered in 32 bits.
pub const MAX_BLOCKS: usize = 1 << crate::found::BLOCK_BITS;

/// A block of a region.
#[derive(Clone, Debug)]
pub struct Block {
    /// Mode bits it was decoded under.
    pub mode: u32,
    /// Distance of its first byte from the region's entry.
    pub delta: i32,
    /// Physical address of its first byte.
    pub phys: u64,
    /// Bytes.
    pub bytes: u16,
    /// Where the page lies in RAM that its only instruction crosses into.
    pub second: Option<u64>,
    /// Its instructions.
    pub insns: Box<[Insn]>,
    /// Which of the region's pages it lies in, a bit each.
    pub pages: u32,
}

/// A page a region has code in, as it was mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Distance of its first byte from the region's entry.
    pub delta: i32,
    /// Where it lies in RAM.
    pub ram: u64,
}

impl Block {
    /// How many pages it has bytes in.
    fn places(&self) -> usize {
        1 + usize::from(self.second.is_some())
    }

    /// The pages it has bytes in.
    fn lies_in(&self) -> impl Iterator<Item = Page> + use<> {
        let (delta, ram) = (self.delta.wrapping_sub((self.phys & 0xFFF) as i32), self.phys & !0xFFF);
        let second = self.second.map(|ram| Page { delta: delta.wrapping_add(0x1000), ram });
        [Page { delta, ram }].into_iter().chain(second)
    }

    /// The chunks of RAM that it was made from, by page number.
    pub(crate) fn made_from(&self) -> impl Iterator<Item = (u32, u64)> {
        let end = (self.phys & 0xFFF) + u64::from(self.bytes);
        let first = ((self.phys >> 12) as u32, chunks(self.phys, self.bytes.into()));
        let second = self.second.map(|ram| ((ram >> 12) as u32, chunks(0, end.saturating_sub(0x1000))));
        [first].into_iter().chain(second)
    }

    /// Distance of the byte after the block.
    #[must_use]
    pub fn end(&self) -> i32 {
        self.insns.last().map_or(self.delta, |i| self.delta.wrapping_add(i.end()))
    }

    /// Whether it ends in a call, which returns to the byte after it.
    pub(crate) fn calls(&self) -> bool {
        self.insns.last().is_some_and(|i| matches!(i.op, Op::Call | Op::CallInd))
    }

    /// Whether it ends in a return.
    pub(crate) fn returns(&self) -> bool {
        self.insns.last().is_some_and(|i| i.op == Op::Ret)
    }

    /// Which of its instructions, but for the first, is the one at `delta` under these mode bits.
    fn position(&self, delta: i32, mode_bits: u32) -> Option<usize> {
        let at = self.insns.iter().position(|i| self.delta.wrapping_add(i.start.into()) == delta);
        at.filter(|at| *at > 0 && self.mode == mode_bits)
    }

    /// Has it end where the code at `delta` under these mode bits begins, if that is one of its instructions.
    fn end_before(&mut self, delta: i32, mode_bits: u32) {
        if let Some(at) = self.position(delta, mode_bits) {
            self.insns = self.insns[..at].into();
            self.bytes = u16::try_from(self.end().wrapping_sub(self.delta)).unwrap_or(self.bytes);
        }
    }

    /// Where it leads within the region, and the mode there: branches, where its call returns to, what follows it.
    fn edges(&self) -> Vec<(i32, u32)> {
        let mut edges: Vec<_> = self.targets().map(|delta| (delta, self.mode)).collect();
        if self.calls() || self.insns.last().is_some_and(|i| !i.prefix.has(Prefix::LAST) || falls_through(i))
        {
            edges.push((self.end(), self.mode_after()));
        }
        edges
    }

    /// Where its direct branches lead, in its own mode.
    pub(crate) fn targets(&self) -> impl Iterator<Item = i32> {
        self.insns.iter().filter_map(|i| target(self.mode, self.delta, i))
    }

    /// The mode of what follows it.
    pub(crate) fn mode_after(&self) -> u32 {
        self.insns.last().map_or(self.mode, |i| mode_after(self.mode, i))
    }

    /// Whether it is the code at `delta` under these mode bits.
    pub(crate) const fn is_at(&self, delta: i32, mode_bits: u32) -> bool {
        self.delta == delta && self.mode == mode_bits
    }
}

/// The mode bits under which the code after an instruction is translated. Where SMAP is off, CLAC leads out of the region.
pub(crate) const fn mode_after(mode_bits: u32, i: &Insn) -> u32 {
    match i.op {
        Op::Helper(Helper::Stac) => mode_bits & !mode::NO_USER,
        Op::Helper(Helper::Clac) => mode_bits | mode::NO_USER,
        _ => mode_bits,
    }
}

/// Code to be translated as one function.
#[derive(Clone, Debug)]
pub struct Region {
    /// Mode bits of the entry. Those of the blocks differ from them at most in [`mode::NO_USER`].
    pub mode: u32,
    /// The entry first, then in an order in which most edges lead forward.
    pub blocks: Vec<Block>,
    /// Its pages, at most 32. An edge from one to another is taken only while the TLB holds the other.
    pub pages: Vec<Page>,
}

/// Finds decoded blocks: the block at a distance from the entry, if it is decoded under these mode bits and its page's
/// translation is held by the TLB.
pub trait Source {
    /// The block at `delta` bytes from the entry.
    fn block(&mut self, delta: i32, mode_bits: u32) -> Option<Block>;
    /// What is to be looked at too, if that block becomes part of the region.
    fn companions(&mut self, delta: i32, mode_bits: u32) -> Vec<(i32, u32)> {
        let _ = (delta, mode_bits);
        Vec::new()
    }
}

impl Region {
    /// Whether EIP is the linear address, and needs no check.
    #[must_use]
    pub const fn is_flat(&self) -> bool {
        is_flat(self.mode)
    }

    /// Highest EIP that is not cut by branches of the code's own width.
    pub(crate) const fn last_eip(&self) -> u32 {
        last_eip(self.mode)
    }

    /// The block at a distance from the entry that is made for these mode bits.
    pub(crate) fn find(&self, delta: i32, mode_bits: u32) -> Option<usize> {
        self.blocks.iter().position(|b| b.is_at(delta, mode_bits))
    }

    /// Distance of the lowest byte of a region from its entry, and how many bytes there are to the highest.
    #[must_use]
    pub fn extent(&self) -> (i32, u32) {
        let lowest = self.blocks.iter().map(|b| b.delta).min().unwrap_or(0);
        let end = self.blocks.iter().map(Block::end).max().unwrap_or(0);
        (lowest, end.wrapping_sub(lowest) as u32)
    }
}

/// Whether code of this mode lies in a segment in which EIP is the linear address, and needs no check.
#[must_use]
pub const fn is_flat(mode_bits: u32) -> bool {
    mode_bits & mode::FLAT_CODE != 0
}

const fn last_eip(mode_bits: u32) -> u32 {
    if mode_bits & mode::CODE32 != 0 { u32::MAX } else { 0xFFFF }
}

/// Whether code at a distance from an EIP lies in its segment with all its bytes, and the byte after it where EIP is not
/// cut.
#[must_use]
pub fn fits(mode_bits: u32, cs: &Segment, eip: u64, delta: i32, bytes: u16) -> bool {
    let begin = eip.cast_signed() + i64::from(delta);
    let end = begin + i64::from(bytes);
    is_flat(mode_bits) || begin >= 0 && end <= i64::from(cs.max) + 1 && end <= last_eip(mode_bits).into()
}

/// Where a direct branch of a block leads. One that wraps around the end of 64 KB is said to lead out of the segment.
pub(crate) fn target(mode_bits: u32, delta: i32, i: &Insn) -> Option<i32> {
    let direct =
        matches!(i.op, Op::Jmp | Op::Call | Op::Jcc(_) | Op::Loop | Op::Loope | Op::Loopne | Op::Jcxz);
    let cut_off = i.w2 != Width::W32 && mode_bits & mode::CODE32 != 0;
    (direct && !cut_off).then(|| delta.wrapping_add(i.imm))
}

/// Whether an instruction that ends its block mostly leads to the next one, in a mode that is known.
pub(crate) fn falls_through(i: &Insn) -> bool {
    let op = matches!(
        i.op,
        Op::Helper(
            Helper::Sti
                | Helper::Popf
                | Helper::MovToSeg
                | Helper::PopSeg
                | Helper::LoadFarPointer
                | Helper::Stac
                | Helper::Clac
        )
    );
    i.repeats() || op && i.prefix.has(Prefix::LAST)
}

/// Forms a region of at most so many instructions from an entry. `None` if the entry itself is not there.
///
/// Decoded blocks overlap: each goes on to the next jump, also past where others begin. In a region every instruction is
/// there once under the same mode bits: a block ends where another begins. Only one block begins at an address.
pub fn form(mode: u32, max_insns: usize, source: &mut impl Source) -> Option<Region> {
    let mut found: Vec<Block> = Vec::new();
    let mut work = vec![(0, mode)];
    let (mut insns, mut places) = (0, 0);
    let mut next = 0;
    while let Some(&(delta, mode)) = work.get(next) {
        next += 1;
        if found.iter().any(|other| other.delta == delta) {
            continue;
        }
        let Some(mut block) = source.block(delta, mode) else { continue };
        for other in &found {
            block.end_before(other.delta, other.mode);
        }
        let twice = found.iter().filter_map(|other| Some(other.insns.len() - other.position(delta, mode)?));
        let all = (insns + block.insns.len()).saturating_sub(twice.sum());
        if all > max_insns && !found.is_empty() || places + block.places() > MAX_BLOCKS {
            break;
        }
        places += block.places();
        insns = all;
        for other in &mut found {
            other.end_before(delta, mode);
        }
        for edge in block.edges().into_iter().chain(source.companions(delta, mode)) {
            if !work.contains(&edge) {
                work.push(edge);
            }
        }
        found.push(block);
    }
    if found.first().is_none_or(|block| block.delta != 0) {
        return None;
    }
    let mut blocks = order(found);
    let pages = pages(&mut blocks);
    Some(Region { mode, blocks, pages })
}

/// The pages of blocks, which are told theirs.
fn pages(blocks: &mut [Block]) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for b in blocks {
        for page in b.lies_in() {
            let number = pages.iter().position(|p| *p == page).unwrap_or_else(|| {
                pages.push(page);
                pages.len() - 1
            });
            b.pages |= 1 << number;
        }
    }
    pages
}

/// Reverse post-order from the entry; blocks that only indirect jumps lead to come after it.
fn order(found: Vec<Block>) -> Vec<Block> {
    let at = |(delta, mode): (i32, u32)| found.iter().position(|b| b.is_at(delta, mode));
    let edges: Vec<Vec<(i32, u32)>> = found.iter().map(Block::edges).collect();
    let mut state = vec![0usize; found.len()];
    let mut done = vec![false; found.len()];
    let mut post = Vec::new();
    let mut visit = |root: usize, done: &mut [bool]| {
        let mut stack = vec![root];
        while let Some(&top) = stack.last() {
            if let Some(&edge) = edges[top].get(state[top]) {
                state[top] += 1;
                if let Some(to) = at(edge)
                    && !std::mem::replace(&mut done[to], true)
                {
                    stack.push(to);
                }
            } else {
                post.push(top);
                stack.pop();
            }
        }
    };
    // The entry, found first, is to be the last one finished.
    done[0] = true;
    let mut reached = vec![false; found.len()];
    let mut work = vec![0];
    while let Some(n) = work.pop() {
        if !std::mem::replace(&mut reached[n], true) {
            work.extend(edges[n].iter().filter_map(|edge| at(*edge)));
        }
    }
    for root in 1..found.len() {
        if !reached[root] && !std::mem::replace(&mut done[root], true) {
            visit(root, &mut done);
        }
    }
    visit(0, &mut done);
    let mut blocks: Vec<Option<Block>> = found.into_iter().map(Some).collect();
    post.into_iter().rev().filter_map(|n| blocks[n].take()).collect()
}
