//! A register that is read gives the value last written to it, or read from it, in the block.

use super::rewrite::Rewrite;
use crate::ir::{Block, I, Op, Value};
use cpu::insn::{HIGH_BYTE, Width};
use cpu::micro::BinOp;

/// What is known about a register: values of its parts.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    whole: Option<Value>,
    word: Option<Value>,
    low: Option<Value>,
    high: Option<Value>,
}

/// The pass.
#[must_use]
pub fn run(block: &Block) -> Block {
    let mut r = Rewrite::new(block);
    let mut known = [Known::default(); 8];
    // What was known before each conditional part at work, without what it writes.
    let mut outside: Vec<[Known; 8]> = Vec::new();
    while let Some((n, op)) = r.next() {
        while outside.len() > r.depth() {
            known = outside.pop().unwrap_or_default();
        }
        match op {
            Op::reg { w, r: number } if number & !HIGH_BYTE < 8 => {
                let k = &mut known[usize::from(number & 7)];
                match value_of(&mut r, k, w, number) {
                    Some(v) => r.alias(n, v),
                    None => {
                        let v = r.keep(n, op);
                        learn(k, w, number, v);
                    }
                }
            }
            Op::set_reg { w, r: number, v } if number & !HIGH_BYTE < 8 => {
                r.keep(n, op);
                let number_of = usize::from(number & 7);
                write(&mut known[number_of], w, number, v.0);
                for before in &mut outside {
                    before[number_of] = Known::default();
                }
            }
            Op::when { .. } => {
                outside.push(known);
                r.keep(n, op);
            }
            // These may write any of them.
            Op::step { .. } | Op::helper { .. } => {
                known = [Known::default(); 8];
                outside.iter_mut().for_each(|before| *before = known);
                r.keep(n, op);
            }
            op => {
                r.keep(n, op);
            }
        }
    }
    r.finish()
}

fn value_of(r: &mut Rewrite<'_>, k: &Known, w: Width, number: u8) -> Option<Value> {
    let high = number & HIGH_BYTE != 0;
    let exact = match (w, high) {
        (Width::W32, _) => k.whole,
        (Width::W16, _) => k.word,
        (Width::W8, false) => k.low,
        (Width::W8, true) => k.high,
        (Width::W64, _) => None,
    };
    if exact.is_some() || matches!(w, Width::W32 | Width::W64) {
        return exact;
    }
    let whole = k.whole?;
    let from = if high {
        let eight = r.add(Op::imm { w: Width::W32, value: 8 });
        r.add(Op::bin { op: BinOp::Shr, w: Width::W32, a: I(whole), b: I(eight) })
    } else {
        whole
    };
    Some(r.add(Op::trunc { from: Width::W32, to: w, a: I(from) }))
}

fn learn(k: &mut Known, w: Width, number: u8, v: Value) {
    match (w, number & HIGH_BYTE != 0) {
        (Width::W32, _) => k.whole = Some(v),
        (Width::W16, _) => k.word = Some(v),
        (Width::W8, false) => k.low = Some(v),
        (Width::W8, true) => k.high = Some(v),
        (Width::W64, _) => {}
    }
}

fn write(k: &mut Known, w: Width, number: u8, v: Value) {
    let high = number & HIGH_BYTE != 0;
    *k = match w {
        Width::W8 if high => Known { low: k.low, ..Known::default() },
        Width::W8 => Known { high: k.high, ..Known::default() },
        _ => Known::default(),
    };
    learn(k, w, number, v);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opt::testing::{after, text};

    #[test]
    fn a_read_gives_what_was_written() {
        // mov eax, 5; mov ebx, eax; mov cl, bl; mov dl, bh
        assert_eq!(
            after(&[0xB8, 5, 0, 0, 0, 0x89, 0xC3, 0x88, 0xD9, 0x88, 0xFA], &["forward_registers"]),
            "v1 = imm W32 5\n\
             set_reg W32 0 v1\n\
             set_reg W32 3 v1\n\
             v6 = trunc W32 W8 v1\n\
             set_reg W8 1 v6\n\
             v9 = imm W32 8\n\
             v10 = bin Shr W32 v1 v9\n\
             v11 = trunc W32 W8 v10\n\
             set_reg W8 2 v11"
        );
    }

    #[test]
    fn writing_a_part_leaves_the_other_byte_known() {
        // mov ah, 1; mov al, 2; mov bl, ah; mov ecx, eax
        let ir = after(&[0xB4, 1, 0xB0, 2, 0x88, 0xE3, 0x89, 0xC1], &["forward_registers"]);
        assert!(ir.contains("set_reg W8 3 v1"), "{ir}");
        assert!(ir.ends_with("v9 = reg W32 0\nset_reg W32 1 v9"), "{ir}");
    }

    #[test]
    fn what_a_conditional_part_writes_is_not_known_after_it() {
        let (v, w) = (|n| I(Value(n)), Width::W32);
        let ops = [
            Op::imm { w, value: 1 },
            Op::set_reg { w, r: 0, v: v(0) },
            Op::when { len: 4, c: v(0) },
            Op::reg { w, r: 1 },
            Op::set_reg { w, r: 0, v: v(3) },
            Op::reg { w, r: 0 },
            Op::set_reg { w, r: 2, v: v(5) },
            Op::reg { w, r: 0 },
            Op::reg { w, r: 1 },
        ];
        let block = run(&Block { ops: ops.to_vec() });
        assert_eq!(crate::ir::verify(&block), Ok(()));
        assert_eq!(
            text(&block),
            "v0 = imm W32 1\n\
             set_reg W32 0 v0\n\
             when 3 v0\n\
             v3 = reg W32 1\n\
             set_reg W32 0 v3\n\
             set_reg W32 2 v3\n\
             v6 = reg W32 0\n\
             v7 = reg W32 1"
        );
    }
}
