//! Operations whose results nobody takes go, if they have no other effect.

use crate::ir::{Block, Op};
use crate::opt::rewrite::Rewrite;

/// Whether an operation does nothing but give a result.
fn is_pure(op: &Op) -> bool {
    matches!(
        op,
        Op::imm { .. }
            | Op::reg { .. }
            | Op::ea { .. }
            | Op::bin { .. }
            | Op::un { .. }
            | Op::zext { .. }
            | Op::sext { .. }
            | Op::trunc { .. }
            | Op::compare { .. }
            | Op::select { .. }
            | Op::quot { .. }
            | Op::status_flags {}
            | Op::cond { .. }
            | Op::selector { .. }
            | Op::eip { .. }
            | Op::peek { .. }
            | Op::window { .. }
            | Op::xmm { .. }
            | Op::xmm_part { .. }
            | Op::mmx { .. }
            | Op::mxcsr {}
            | Op::vec_join { .. }
            | Op::vec_part { .. }
            | Op::vec_with { .. }
            | Op::vec_int { .. }
            | Op::vec_shuffle { .. }
            | Op::vec_signs { .. }
            | Op::vec_blend { .. }
            | Op::vec_test { .. }
            | Op::vec_strings { .. }
            | Op::crc32 { .. }
    )
}

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let mut wanted = vec![false; block.ops.len()];
    for (n, op) in block.ops.iter().enumerate().rev() {
        if wanted[n] || !is_pure(op) {
            wanted[n] = true;
            op.operands(|v, _| {
                if let Some(w) = wanted.get_mut(v.0 as usize) {
                    *w = true;
                }
            });
        }
    }
    let mut r = Rewrite::new(block);
    while let Some((n, op)) = r.next() {
        if wanted[n] {
            r.keep(n, op);
        }
    }
    r.finish()
}

#[cfg(test)]
mod tests {
    use crate::opt::testing::after;

    #[test]
    fn what_nobody_takes_goes() {
        // mov eax, 5; mov ebx, eax: the read of EAX was forwarded, the constant is still needed
        let ir = after(&[0xB8, 5, 0, 0, 0, 0x89, 0xC3], &["forward_registers", "drop_dead_code"]);
        assert_eq!(ir, "v1 = imm W32 5\nset_reg W32 0 v1\nset_reg W32 3 v1");
    }

    #[test]
    fn a_read_of_memory_stays() {
        // cmp eax, [ebx]; add eax, eax
        let ir = after(&[0x3B, 0x03, 0x01, 0xC0], &["drop_dead_flags", "drop_dead_code"]);
        assert!(ir.contains("load"), "{ir}");
    }
}
