//! Arithmetic on constants is done now; operations without effect go.

use super::rewrite::Rewrite;
use crate::ir::{Block, I, Op, Value};
use cpu::exec;
use cpu::insn::Width;
use cpu::micro::BinOp;

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let mut r = Rewrite::new(block);
    let mut ended = false;
    while let Some((n, op)) = r.next() {
        if ended && matches!(op, Op::insn { .. } | Op::step { .. }) {
            break;
        }
        if let Some(v) = same(&r, &op) {
            r.alias(n, v);
            continue;
        }
        match op {
            Op::when { c, len } => match r.constant(c.0) {
                Some(0) => r.skip(len as usize),
                // Its operations simply follow.
                Some(_) => {}
                None => {
                    r.keep(n, op);
                }
            },
            Op::branch_if { w, offset, c } => match r.constant(c.0) {
                Some(0) => {}
                // Nothing after its instruction happens.
                Some(_) => {
                    r.keep(n, Op::branch { w, offset });
                    ended = true;
                }
                None => {
                    r.keep(n, op);
                }
            },
            op => {
                let op = folded(&r, &op).unwrap_or(op);
                r.keep(n, op);
            }
        }
    }
    r.finish()
}

/// The constant an operation gives.
fn folded(r: &Rewrite<'_>, op: &Op) -> Option<Op> {
    let c = |v: I| r.constant(v.0);
    let imm = |w: Width, value: u64| Some(Op::imm { w, value: value & w.mask() });
    match *op {
        Op::bin { op: BinOp::Xor | BinOp::Sub, w, a, b } if a == b => imm(w, 0),
        Op::bin { op: BinOp::And, w, a, b } if c(a) == Some(0) || c(b) == Some(0) => imm(w, 0),
        Op::bin { op, w, a, b } => imm(w, exec::bin(op, w, c(a)?, c(b)?)),
        Op::un { op, w, a } => imm(w, exec::un(op, w, c(a)?)),
        Op::zext { to, a, .. } | Op::trunc { to, a, .. } => imm(to, c(a)?),
        Op::sext { from, to, a } => imm(to, from.sign_extend(c(a)?)),
        Op::compare { op, w, a, b } => imm(Width::W32, exec::compare(op, w, c(a)?, c(b)?).into()),
        _ => None,
    }
}

/// The operand that an operation's result is equal to.
fn same(r: &Rewrite<'_>, op: &Op) -> Option<Value> {
    let c = |v: I| r.constant(v.0);
    match *op {
        Op::bin { op, w, a, b } => match (op, c(a), c(b)) {
            (BinOp::Add | BinOp::Or | BinOp::Xor, Some(0), _) => Some(b.0),
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, _, Some(0)) => Some(a.0),
            (BinOp::Shl | BinOp::Shr | BinOp::Sar | BinOp::Rol | BinOp::Ror, _, Some(0)) => Some(a.0),
            (BinOp::And, _, Some(m)) if m == w.mask() => Some(a.0),
            (BinOp::And, Some(m), _) if m == w.mask() => Some(b.0),
            (BinOp::And | BinOp::Or, ..) if a == b => Some(a.0),
            _ => None,
        },
        Op::select { c: condition, a, b, .. } => match c(condition) {
            Some(0) => Some(b.0),
            Some(_) => Some(a.0),
            None => (a == b).then_some(a.0),
        },
        Op::trunc { to, a, .. } => match r.op(a.0) {
            Some(Op::zext { from, a, .. } | Op::sext { from, a, .. }) if *from == to => Some(a.0),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::opt::testing::after;

    const PASSES: [&str; 3] = ["lower_addresses", "forward_registers", "fold_constants"];

    #[test]
    fn arithmetic_on_constants_is_done() {
        // xor eax, eax; add eax, 7; mov ebx, eax
        let code = [0x31, 0xC0, 0x83, 0xC0, 7, 0x89, 0xC3];
        let ir = after(&code, &PASSES);
        assert!(!ir.contains("bin"), "{ir}");
        assert!(ir.contains("imm W32 7"), "{ir}");
    }

    #[test]
    fn a_branch_that_is_always_taken_ends_the_block() {
        // mov ecx, 2; loop +5; add eax, ebx; ret
        let ir = after(&[0xB9, 2, 0, 0, 0, 0xE2, 5, 0x01, 0xD8, 0xC3], &PASSES);
        assert!(ir.ends_with("branch W32 12\nset_reg W32 1 v5"), "{ir}");
        // mov ecx, 1; loop +5; add eax, ebx; ret
        let ir = after(&[0xB9, 1, 0, 0, 0, 0xE2, 5, 0x01, 0xD8, 0xC3], &PASSES);
        assert!(!ir.contains("branch") && ir.contains("jump"), "{ir}");
    }

    #[test]
    fn a_shift_by_nothing_has_no_conditional_part() {
        // mov cl, 0; shl eax, cl
        let ir = after(&[0xB1, 0, 0xD3, 0xE0], &PASSES);
        assert!(!ir.contains("when") && !ir.contains("set_flags"), "{ir}");
        // mov cl, 3; shl eax, cl
        let ir = after(&[0xB1, 3, 0xD3, 0xE0], &PASSES);
        assert!(!ir.contains("when") && ir.contains("set_flags"), "{ir}");
    }
}
