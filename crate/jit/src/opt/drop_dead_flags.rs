//! Flags that nobody looks at before they are set again are not set.
//!
//! Whoever may stop the block looks at them, as does the block's end.

use crate::ir::{Block, Op};
use crate::opt::rewrite::Rewrite;
use cpu::micro::FlagOp;
use x86::eflags::STATUS;

/// What an operation does with the flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Nothing.
    None,
    /// Sets all of them.
    Sets,
    /// Sets some of them, and keeps the others.
    SetsSome,
    /// Looks at them.
    Looks,
}

fn use_of(op: &Op) -> Use {
    match op {
        Op::set_flags { op: FlagOp::Inc | FlagOp::Dec, .. } => Use::SetsSome,
        // (Those of a floating-point comparison are one with it for the emitter.)
        Op::put_flags { mask, .. } if *mask != STATUS => Use::SetsSome,
        Op::set_flags { .. } => Use::Sets,
        // A read of memory that cannot be done directly is done again by the interpreter: a stop like any other.
        op if op.may_stop() => Use::Looks,
        Op::cond { .. } | Op::status_flags {} | Op::put_flags { .. } => Use::Looks,
        _ => Use::None,
    }
}

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let conditional = conditional(block);
    let mut dead = vec![false; block.ops.len()];
    let mut set_again = false;
    for (n, op) in block.ops.iter().enumerate().rev() {
        match use_of(op) {
            Use::Sets => {
                dead[n] = set_again;
                set_again |= !conditional[n];
            }
            // If it need not be done, it keeps nothing either.
            Use::SetsSome => dead[n] = set_again,
            Use::Looks => set_again = false,
            Use::None => {}
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

/// Which operations do not always happen.
fn conditional(block: &Block) -> Vec<bool> {
    let mut conditional = vec![false; block.ops.len()];
    for (n, op) in block.ops.iter().enumerate() {
        if let Op::when { len, .. } = op {
            conditional[n + 1..=n + *len as usize].fill(true);
        }
    }
    conditional
}

/// Whether a block may look at the flags it is entered with.
#[must_use]
pub fn looks_at_flags(block: &Block) -> bool {
    let conditional = conditional(block);
    let used = block.ops.iter().zip(conditional).map(|(op, conditional)| (use_of(op), conditional));
    used.into_iter().find(|(u, _)| *u != Use::None) != Some((Use::Sets, false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opt::testing::{after, lifted};

    fn flags(code: &[u8]) -> usize {
        after(code, &["drop_dead_flags"]).matches("_flags").count()
    }

    #[test]
    fn flags_that_are_set_again_are_not_set() {
        // add eax, ebx; add eax, ecx
        assert_eq!(flags(&[0x01, 0xD8, 0x01, 0xC8]), 1);
        // inc eax; add eax, ecx
        assert_eq!(flags(&[0x40, 0x01, 0xC8]), 1);
        // add eax, ebx; shl eax, cl; add eax, ecx: the shift by zero keeps them
        assert_eq!(flags(&[0x01, 0xD8, 0xD3, 0xE0, 0x01, 0xC8]), 1);
        // ror eax, 1; add eax, ecx
        assert_eq!(flags(&[0xD1, 0xC8, 0x01, 0xC8]), 1);
        // add eax, ebx; ror eax, cl; add eax, ecx
        assert_eq!(flags(&[0x01, 0xD8, 0xD3, 0xC8, 0x01, 0xC8]), 1);
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
        // ror eax, 1; inc eax
        assert_eq!(flags(&[0xD1, 0xC8, 0x40]), 2);
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
