//! Control flow: a region's blocks as nested loops.
//!
//! Blocks stand in an order in which most edges lead forward. Where one leads back, everything from its target to its
//! source becomes a wasm loop, and loops that overlap are made to nest. At each level the parts stand one after the
//! other, each inside the labels of those that follow: an edge forward is a branch to the label of a part, an edge back a
//! branch to its loop.
//!
//! A region may be entered at any of its blocks: `NEXT` says at which. At the head of the region a `br_table` leads to the
//! part that holds it; at the head of a loop another one does, if `NEXT` is not 0, to the part inside. Every block sets
//! `NEXT` to 0, so that later rounds of a loop only test it. (Block 0 is never inside another part's loop.) An edge into the
//! middle of a loop goes the same way.

use super::{Emitter, local};
use wasm_encoder::{BlockType, Instruction};

/// A part of the region at some level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Block(usize),
    /// A loop; the first part begins with the block that edges lead back to.
    Loop(Vec<Part>),
}

impl Part {
    fn first(&self) -> usize {
        match self {
            Self::Block(n) => *n,
            Self::Loop(parts) => parts.first().map_or(0, Self::first),
        }
    }

    fn last(&self) -> usize {
        match self {
            Self::Block(n) => *n,
            Self::Loop(parts) => parts.last().map_or(0, Self::last),
        }
    }

    fn dispatches(&self) -> bool {
        match self {
            Self::Block(_) => false,
            Self::Loop(parts) => parts.len() > 1 || parts.iter().any(Self::dispatches),
        }
    }
}

/// What a branch to a label that is open does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    /// Leaves the region.
    Exit,
    /// Goes to the head of the region.
    Top,
    /// Goes to the part with these blocks, first to last.
    Part(usize, usize),
    /// Goes back to the loop that begins with this block.
    Loop(usize),
}

/// The parts of `count` blocks with these edges between them.
pub(super) fn parts(count: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Vec<Part> {
    // The last block of the loop that begins with each.
    let mut ends: Vec<Option<usize>> = vec![None; count];
    for (from, to) in edges {
        if to <= from {
            ends[to] = ends[to].max(Some(from));
        }
    }
    // A loop that begins inside another ends there too.
    for begin in (0..count).rev() {
        let Some(mut end) = ends[begin] else { continue };
        let mut n = begin + 1;
        while n <= end {
            end = end.max(ends[n].unwrap_or(0));
            n += 1;
        }
        ends[begin] = Some(end);
    }
    build(0, count, &ends, None)
}

fn build(begin: usize, end: usize, ends: &[Option<usize>], inside: Option<usize>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut n = begin;
    while n < end {
        match ends[n].filter(|_| inside != Some(n)) {
            Some(last) => {
                parts.push(Part::Loop(build(n, last + 1, ends, Some(n))));
                n = last + 1;
            }
            None => {
                parts.push(Part::Block(n));
                n += 1;
            }
        }
    }
    parts
}

impl Emitter<'_> {
    /// Emits all blocks.
    pub(super) fn blocks(&mut self) {
        let parts = parts(self.region.blocks.len(), self.edges());
        self.resets_next = parts.iter().any(Part::dispatches);
        self.open(Instruction::Block(BlockType::Empty), Label::Exit);
        self.check_limit();
        self.open(Instruction::Loop(BlockType::Empty), Label::Top);
        self.level(&parts, true);
        self.close();
        self.close();
    }

    /// All edges that [`Emitter::edge`] may be asked for.
    fn edges(&self) -> Vec<(usize, usize)> {
        let region = self.region;
        let mut edges = Vec::new();
        for (from, block) in region.blocks.iter().enumerate() {
            let sites = if block.returns() { self.return_sites(block.mode) } else { Vec::new() };
            let to = block.targets().chain(sites).map(|delta| (delta, block.mode));
            let to = to.chain([(block.end(), block.mode_after())]);
            edges.extend(to.filter_map(|(delta, mode)| Some((from, region.find(delta, mode)?))));
        }
        edges
    }

    fn open(&mut self, i: Instruction<'static>, label: Label) {
        self.put(i);
        self.labels.push(label);
    }

    fn close(&mut self) {
        self.put(Instruction::End);
        self.labels.pop();
    }

    fn level(&mut self, parts: &[Part], top: bool) {
        for part in parts.iter().rev() {
            self.open(Instruction::Block(BlockType::Empty), Label::Part(part.first(), part.last()));
        }
        if parts.len() > 1 {
            self.dispatch(parts, top);
        }
        for part in parts {
            self.close();
            match part {
                Part::Block(n) => self.block(*n),
                Part::Loop(inner) => {
                    self.open(Instruction::Loop(BlockType::Empty), Label::Loop(part.first()));
                    self.level(inner, false);
                    self.close();
                }
            }
        }
    }

    fn dispatch(&mut self, parts: &[Part], top: bool) {
        let numbered = (0..).zip(parts);
        let table: Vec<u32> = numbered
            .flat_map(|(n, p)| std::iter::repeat_n(n + u32::from(!top), p.last() + 1 - p.first()))
            .collect();
        if !top {
            self.get(local::NEXT);
            self.put(Instruction::If(BlockType::Empty));
        }
        self.get(local::NEXT);
        let first = parts.first().map_or(0, Part::first) as u32;
        if first != 0 {
            self.const_32(first);
            self.put(Instruction::I32Sub);
        }
        self.put(Instruction::BrTable(table.into(), u32::from(!top)));
        if !top {
            self.put(Instruction::End);
        }
    }

    /// Branches to a block of the region.
    pub(super) fn branch_to(&mut self, to: usize) {
        let labels = (0..).zip(self.labels.iter().rev());
        let found = labels.into_iter().find_map(|(distance, label)| match *label {
            Label::Loop(first) => (first == to).then_some((distance, false)),
            Label::Part(first, last) => (first..=last).contains(&to).then_some((distance, to != first)),
            Label::Top => Some((distance, true)),
            Label::Exit => None,
        });
        let (distance, inside) = found.unwrap_or_default();
        if inside {
            self.const_32(to as u32);
            self.set(local::NEXT);
        }
        self.put(Instruction::Br(self.depth + distance));
    }

    /// Branches to the block whose number is in `NEXT`.
    pub(super) fn branch_to_next(&mut self) {
        self.put(Instruction::Br(self.depth + self.labels.len() as u32 - 2));
    }

    /// Branches out of the region.
    pub(super) fn branch_out(&mut self) {
        self.put(Instruction::Br(self.depth + self.labels.len() as u32 - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::Part::{Block, Loop};
    use super::*;

    #[test]
    fn edges_forward_need_no_loop() {
        assert_eq!(parts(3, [(0, 1), (1, 2), (0, 2)]), [Block(0), Block(1), Block(2)]);
    }

    #[test]
    fn an_edge_back_makes_a_loop() {
        assert_eq!(parts(3, [(1, 1)]), [Block(0), Loop(vec![Block(1)]), Block(2)]);
        assert_eq!(parts(3, [(2, 0)]), [Loop(vec![Block(0), Block(1), Block(2)])]);
    }

    #[test]
    fn loops_nest() {
        // 1..=2 inside 0..=3
        let inner = Loop(vec![Block(1), Block(2)]);
        assert_eq!(parts(4, [(2, 1), (3, 0)]), [Loop(vec![Block(0), inner, Block(3)])]);
        // 1..=3 reaches out of 0..=2, which therefore grows
        let inner = Loop(vec![Block(1), Block(2), Block(3)]);
        assert_eq!(parts(4, [(3, 1), (2, 0)]), [Loop(vec![Block(0), inner])]);
    }

    #[test]
    fn two_edges_back_to_one_block_make_one_loop() {
        assert_eq!(parts(3, [(1, 0), (2, 0)]), [Loop(vec![Block(0), Block(1), Block(2)])]);
    }
}
