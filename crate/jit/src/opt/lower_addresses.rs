//! Effective addresses become arithmetic, so that the passes after this one see what they are made of.

use super::rewrite::Rewrite;
use crate::ir::{Block, I, Op, Value};
use cpu::insn::{Mem, Width};
use cpu::micro::BinOp;

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let mut r = Rewrite::new(block);
    while let Some((n, op)) = r.next() {
        match op {
            // Of the 64-bit forms there are none yet.
            Op::ea { mem } if mem.asz != Width::W64 => {
                let v = lower(&mut r, mem);
                r.alias(n, v);
            }
            op => {
                r.keep(n, op);
            }
        }
    }
    r.finish()
}

fn lower(r: &mut Rewrite<'_>, m: Mem) -> Value {
    const W: Width = Width::W32;
    let mut sum: Option<Value> = None;
    let mut add = |r: &mut Rewrite<'_>, v: Value| {
        sum = Some(match sum {
            None => v,
            Some(sum) => r.add(Op::bin { op: BinOp::Add, w: W, a: I(sum), b: I(v) }),
        });
    };
    // Numbers from 16 on read as zero.
    if m.base < 8 {
        let base = r.add(Op::reg { w: W, r: m.base });
        add(r, base);
    }
    if m.index < 8 {
        let mut index = r.add(Op::reg { w: W, r: m.index });
        if m.scale & 3 != 0 {
            let scale = r.add(Op::imm { w: W, value: (m.scale & 3).into() });
            index = r.add(Op::bin { op: BinOp::Shl, w: W, a: I(index), b: I(scale) });
        }
        add(r, index);
    }
    let disp = u64::from(m.disp as u32);
    if disp != 0 || m.base >= 8 && m.index >= 8 {
        let disp = r.add(Op::imm { w: W, value: disp });
        add(r, disp);
    }
    let sum = sum.unwrap_or(Value(0));
    if m.asz == W {
        return sum;
    }
    let mask = r.add(Op::imm { w: W, value: m.asz.mask() });
    r.add(Op::bin { op: BinOp::And, w: W, a: I(sum), b: I(mask) })
}

#[cfg(test)]
mod tests {
    use crate::opt::testing::after;

    #[test]
    fn an_address_becomes_a_sum() {
        // mov eax, [ebx + ecx*4 + 8]
        assert_eq!(
            after(&[0x8B, 0x44, 0x8B, 8], &["lower_addresses"]),
            "v1 = reg W32 3\n\
             v2 = reg W32 1\n\
             v3 = imm W32 2\n\
             v4 = bin Shl W32 v2 v3\n\
             v5 = bin Add W32 v1 v4\n\
             v6 = imm W32 8\n\
             v7 = bin Add W32 v5 v6\n\
             v8 = load W32 Flat v7\n\
             set_reg W32 0 v8"
        );
    }

    #[test]
    fn a_short_address_wraps() {
        // mov eax, [bx + si]
        assert_eq!(
            after(&[0x67, 0x8B, 0x00], &["lower_addresses"]),
            "v1 = reg W32 3\n\
             v2 = reg W32 6\n\
             v3 = bin Add W32 v1 v2\n\
             v4 = imm W32 65535\n\
             v5 = bin And W32 v3 v4\n\
             v6 = load W32 Flat v5\n\
             set_reg W32 0 v6"
        );
    }
}
