//! Flags that nobody looks at before they are set again are not set.
//!
//! Whoever may stop the block looks at them, as does the block's end.

use crate::ir::{Block, Op};
use crate::opt::rewrite::Rewrite;
use cpu::micro::FlagOp;

/// What an operation does with the flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Nothing.
    None,
    /// Sets all of them.
    Sets,
    /// Looks at them, or keeps some.
    Looks,
}

fn use_of(op: &Op) -> Use {
    match op {
        Op::set_flags { op: FlagOp::Inc | FlagOp::Dec, .. } => Use::Looks,
        Op::set_flags { .. } => Use::Sets,
        // A read of memory that cannot be done directly is done again by the interpreter: a stop like any other.
        op if op.may_stop() => Use::Looks,
        Op::cond { .. } | Op::status_flags {} | Op::put_flags { .. } | Op::when { .. } => Use::Looks,
        _ => Use::None,
    }
}

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let mut dead = vec![false; block.ops.len()];
    let mut set_again = false;
    for (n, op) in block.ops.iter().enumerate().rev() {
        match use_of(op) {
            Use::Sets => {
                dead[n] = set_again;
                set_again = true;
            }
            Use::Looks => {
                // An increment that is not looked at need not be done, and looks at nothing then.
                if matches!(op, Op::set_flags { .. }) && set_again {
                    dead[n] = true;
                } else {
                    set_again = false;
                }
            }
            Use::None => {}
        }
    }
    // Within a conditional part, what follows does not always set them again.
    for (n, op) in block.ops.iter().enumerate() {
        if let Op::when { len, .. } = op {
            dead[n + 1..=n + *len as usize].fill(false);
        }
    }
    let mut r = Rewrite::new(block);
    while let Some((n, op)) = r.next() {
        if !dead[n] {
            r.keep(n, op);
        }
    }
    r.finish()
}

/// Whether a block may look at the flags it is entered with.
#[must_use]
pub fn looks_at_flags(block: &Block) -> bool {
    block.ops.iter().map(use_of).find(|u| *u != Use::None) != Some(Use::Sets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opt::testing::{after, lifted};

    fn flags(code: &[u8]) -> usize {
        after(code, &["drop_dead_flags"]).matches("set_flags").count()
    }

    #[test]
    fn flags_that_are_set_again_are_not_set() {
        // add eax, ebx; add eax, ecx
        assert_eq!(flags(&[0x01, 0xD8, 0x01, 0xC8]), 1);
        // inc eax; add eax, ecx
        assert_eq!(flags(&[0x40, 0x01, 0xC8]), 1);
    }

    #[test]
    fn flags_that_are_looked_at_stay() {
        // add eax, ebx; adc eax, ecx
        assert_eq!(flags(&[0x01, 0xD8, 0x11, 0xC8]), 2);
        // add eax, ebx; inc eax
        assert_eq!(flags(&[0x01, 0xD8, 0x40]), 2);
        // add eax, ebx; mov eax, [eax]; add eax, ecx: the read may fault
        assert_eq!(flags(&[0x01, 0xD8, 0x8B, 0x00, 0x01, 0xC8]), 2);
        // add eax, ebx; shl eax, cl
        assert_eq!(flags(&[0x01, 0xD8, 0xD3, 0xE0]), 2);
    }

    #[test]
    fn a_block_that_begins_with_a_comparison_does_not_look() {
        // cmp eax, ebx; jz
        assert!(!looks_at_flags(&lifted(&[0x39, 0xD8, 0x74, 0])));
        // cmp eax, [ebx]; jz: the read may fault
        assert!(looks_at_flags(&lifted(&[0x3B, 0x03, 0x74, 0])));
        // jz
        assert!(looks_at_flags(&lifted(&[0x74, 0])));
        // nop
        assert!(looks_at_flags(&lifted(&[0x90])));
    }
}
