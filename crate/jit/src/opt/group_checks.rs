//! One check for several accesses off the same value: a window, found once, in which each of them lies.
//!
//! The window looks into the fast table and no further. If the table does not hold the page, or the window crosses into
//! another, each access is done on its own, slowly; so the window has no effect that a guest could see, wherever it
//! stands. It holds to the end of the block or the next interpreted instruction: within these, translations are only
//! ever added.
//!
//! A write may join a window for reading (which then becomes one for writing) only before a branch: where code reads
//! and then decides not to write, pages are often not writable.

use super::rewrite::Rewrite;
use crate::ir::{Block, I, Op, Value, W};
use cpu::insn::Width;
use cpu::micro::BinOp;
use x86::Seg;

/// Bytes a window may have: the longer, the more often it crosses a page.
const MOST: i64 = 128;
/// Steps from a value back to its root.
const STEPS: usize = 64;

/// An access to flat memory.
#[derive(Clone, Copy, Debug)]
struct Access {
    root: Value,
    lo: i64,
    bytes: i64,
    write: bool,
}

#[derive(Clone, Debug)]
struct Group {
    root: Value,
    lo: i64,
    hi: i64,
    write: bool,
    members: Vec<usize>,
    /// A branch came after it began.
    branched: bool,
}

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let groups = groups(block);
    let mut of: Vec<Option<usize>> = vec![None; block.ops.len()];
    for (g, group) in groups.iter().enumerate() {
        for &n in &group.members {
            of[n] = Some(g);
        }
    }
    let mut windows: Vec<Option<Value>> = vec![None; groups.len()];
    // New numbers of the roots.
    let mut roots: Vec<Option<Value>> = vec![None; block.ops.len()];
    let mut r = Rewrite::new(block);
    while let Some((n, op)) = r.next() {
        let Some(g) = of[n] else {
            roots[n] = Some(r.keep(n, op));
            continue;
        };
        let group = &groups[g];
        let (Some(access), Some(root)) = (access(block, n), roots[group.root.0 as usize]) else {
            roots[n] = Some(r.keep(n, op));
            continue;
        };
        let win = W(*windows[g].get_or_insert_with(|| {
            let len = (group.hi - group.lo) as u32;
            r.add(Op::window { write: group.write, lo: group.lo as i32, len, root: I(root) })
        }));
        let offset = (access.lo - group.lo) as u32;
        let op = match op {
            Op::load { w, ea, .. } => Op::load_in { w, offset, win, ea },
            Op::store { w, ea, v, .. } => Op::store_in { w, offset, win, ea, v },
            Op::rmw { w, ea, .. } => Op::rmw_in { w, offset, win, ea },
            op => op,
        };
        roots[n] = Some(r.keep(n, op));
    }
    r.finish()
}

/// Accesses that one check can serve, two or more in each group.
fn groups(block: &Block) -> Vec<Group> {
    let mut done: Vec<Group> = Vec::new();
    let mut open: Vec<Group> = Vec::new();
    let mut n = 0;
    while let Some(op) = block.ops.get(n) {
        match op {
            Op::when { len, .. } => {
                n += 1 + *len as usize;
                continue;
            }
            Op::step { .. } => done.append(&mut open),
            Op::branch_if { .. } => open.iter_mut().for_each(|g| g.branched = true),
            _ => {}
        }
        if let Some(a) = access(block, n) {
            match open.iter_mut().find(|g| g.root == a.root) {
                Some(g) if joins(g, &a) => {
                    g.lo = g.lo.min(a.lo);
                    g.hi = g.hi.max(a.lo + a.bytes);
                    g.write |= a.write;
                    g.members.push(n);
                }
                other => {
                    let (hi, members) = (a.lo + a.bytes, vec![n]);
                    let new = Group { root: a.root, lo: a.lo, hi, write: a.write, members, branched: false };
                    match other {
                        Some(g) => done.push(std::mem::replace(g, new)),
                        None => open.push(new),
                    }
                }
            }
        }
        n += 1;
    }
    done.append(&mut open);
    done.retain(|g| g.members.len() > 1);
    done
}

fn joins(g: &Group, a: &Access) -> bool {
    let (lo, hi) = (g.lo.min(a.lo), g.hi.max(a.lo + a.bytes));
    hi - lo <= MOST && (!a.write || g.write || !g.branched)
}

/// The access that operation `n` makes, if it is one that a window can serve.
fn access(block: &Block, n: usize) -> Option<Access> {
    let (w, ea, write) = match *block.ops.get(n)? {
        Op::load { w, seg: Seg::Flat, ea } => (w, ea, false),
        Op::store { w, seg: Seg::Flat, ea, .. } | Op::rmw { w, seg: Seg::Flat, ea } => (w, ea, true),
        _ => return None,
    };
    let (root, lo) = root(block, ea.0);
    Some(Access { root, lo, bytes: w.bytes().into(), write })
}

/// A value as another one plus a constant.
fn root(block: &Block, mut v: Value) -> (Value, i64) {
    let mut sum = 0i32;
    for _ in 0..STEPS {
        let Some(&Op::bin { op, w: Width::W32, a, b }) = block.op(v) else { break };
        let (next, c) = match (op, block.constant(a.0), block.constant(b.0)) {
            (BinOp::Add, _, Some(c)) => (a, c as i32),
            (BinOp::Add, Some(c), _) => (b, c as i32),
            (BinOp::Sub, _, Some(c)) => (a, (c as i32).wrapping_neg()),
            _ => break,
        };
        v = next.0;
        sum = sum.wrapping_add(c);
    }
    (v, sum.into())
}

#[cfg(test)]
mod tests {
    use crate::opt::testing::after;

    const PASSES: [&str; 4] = ["lower_addresses", "forward_registers", "fold_constants", "group_checks"];

    #[test]
    fn accesses_off_one_register_share_a_check() {
        // mov eax, [ebx]; mov ecx, [ebx + 8]
        let ir = after(&[0x8B, 0x03, 0x8B, 0x4B, 8], &PASSES);
        assert!(ir.contains("window false 0 12 v1"), "{ir}");
        assert_eq!(ir.matches("load_in").count(), 2, "{ir}");
    }

    #[test]
    fn pushes_share_one() {
        // push eax; push ebx; push ecx
        let ir = after(&[0x50, 0x53, 0x51], &PASSES);
        assert!(ir.contains("window true -12 12"), "{ir}");
        assert_eq!(ir.matches("store_in").count(), 3, "{ir}");
    }

    #[test]
    fn a_changed_register_is_another_one() {
        // mov eax, [ebx]; mov ebx, [eax]; mov eax, [ebx + 4]
        let ir = after(&[0x8B, 0x03, 0x8B, 0x18, 0x8B, 0x43, 4], &PASSES);
        assert!(!ir.contains("window"), "{ir}");
    }

    #[test]
    fn what_lies_far_apart_has_checks_of_its_own() {
        // mov eax, [ebx]; mov ecx, [ebx + 200h]
        let ir = after(&[0x8B, 0x03, 0x8B, 0x8B, 0, 2, 0, 0], &PASSES);
        assert!(!ir.contains("window"), "{ir}");
    }

    #[test]
    fn a_write_after_a_branch_does_not_share_with_a_read_before_it() {
        // mov eax, [ebx]; jz +0; mov [ebx + 4], eax
        let ir = after(&[0x8B, 0x03, 0x74, 0, 0x89, 0x43, 4], &PASSES);
        assert!(!ir.contains("window"), "{ir}");
    }
}
