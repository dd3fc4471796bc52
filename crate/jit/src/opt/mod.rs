//! Passes over a block's IR: each a file, with a switch of its own and tests that show a block before and after.
//!
//! A pass takes a block and gives one that does the same: the same effects in the same order, and at every place where
//! the block may stop, the same state (see [`crate::ir`]). Any subset of them, in this order, gives a right program;
//! `Lift` alone already does. Tests run random code through them and compare in the IR evaluator.

pub mod drop_dead_code;
pub mod drop_dead_flags;
pub mod fold_constants;
pub mod forward_registers;
pub mod group_checks;
pub mod lower_addresses;
mod rewrite;

use crate::ir::Block;

/// A pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Its name: that of its file.
    pub name: &'static str,
    /// It.
    pub run: fn(&Block) -> Block,
}

/// All passes, in the order in which they run.
pub const PASSES: [Pass; 6] = [
    Pass { name: "lower_addresses", run: lower_addresses::run },
    Pass { name: "forward_registers", run: forward_registers::run },
    Pass { name: "fold_constants", run: fold_constants::run },
    Pass { name: "drop_dead_flags", run: drop_dead_flags::run },
    Pass { name: "group_checks", run: group_checks::run },
    Pass { name: "drop_dead_code", run: drop_dead_code::run },
];

/// Which passes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enabled(u32);

impl Enabled {
    /// All of them.
    pub const ALL: Self = Self(u32::MAX);

    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of these but the one named; `None` if there is none of that name.
    #[must_use]
    pub fn without(self, name: &str) -> Option<Self> {
        let n = PASSES.iter().position(|p| p.name == name)?;
        Some(Self(self.0 & !(1 << n)))
    }

    /// Whether the pass of this name runs.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        PASSES.iter().zip(0..).any(|(p, n)| p.name == name && self.0 >> n & 1 != 0)
    }

    /// These passes, in order.
    fn passes(self) -> impl Iterator<Item = &'static Pass> {
        PASSES.iter().zip(0..).filter_map(move |(p, n)| (self.0 >> n & 1 != 0).then_some(p))
    }
}

/// Runs passes over a block; `watch` is shown what each of them made.
#[must_use]
pub fn run(block: Block, enabled: Enabled, mut watch: impl FnMut(&Pass, &Block)) -> Block {
    enabled.passes().fold(block, |block, pass| {
        let block = (pass.run)(&block);
        debug_assert_eq!(crate::ir::verify(&block), Ok(()), "{} made\n{block}", pass.name);
        watch(pass, &block);
        block
    })
}

#[cfg(test)]
pub(crate) mod testing {
    //! Blocks of a few instructions, before and after a pass.

    use super::*;
    use cpu::decode::BlockDecoder;
    use cpu::state::mode;

    /// The IR of flat 32-bit code.
    pub(crate) fn lifted(code: &[u8]) -> Block {
        let mode_bits = mode::CODE32 | mode::STACK32 | mode::FLAT | mode::FLAT_CODE;
        let mut decoder = BlockDecoder::new(code, mode_bits);
        let mut insns = Vec::new();
        while let Ok(i) = decoder.next_insn() {
            insns.push(i);
            if usize::try_from(i.end()).is_ok_and(|end| end >= code.len()) {
                break;
            }
        }
        crate::lift::block(&insns, |_, _| true)
    }

    /// The IR of code after the passes named, as text without indentation.
    pub(crate) fn after(code: &[u8], names: &[&str]) -> String {
        let block = PASSES.iter().filter(|p| names.contains(&p.name)).fold(lifted(code), |b, p| {
            let b = (p.run)(&b);
            assert_eq!(crate::ir::verify(&b), Ok(()), "{} made\n{b}", p.name);
            b
        });
        text(&block)
    }

    /// A block as text without indentation and instruction marks.
    pub(crate) fn text(block: &Block) -> String {
        let text = block.to_string();
        let lines = text.lines().filter(|l| !l.starts_with(';')).map(str::trim);
        lines.collect::<Vec<_>>().join("\n")
    }
}
