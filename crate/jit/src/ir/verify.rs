//! What must hold for every block of the IR.

use super::{Block, Op};

/// Checks a block: operands are results of the right kind that came before and were certainly computed, conditional
/// parts end where they should, and instructions come in order.
///
/// # Errors
/// What does not hold, in words.
pub fn verify(block: &Block) -> Result<(), String> {
    // Ends of the conditional parts at work, and for each result in which of them it was made.
    let mut open: Vec<usize> = Vec::new();
    let mut made_in: Vec<Vec<usize>> = Vec::new();
    let mut last = None;
    for (n, op) in block.ops.iter().enumerate() {
        open.retain(|&end| n < end);
        let mut wrong = None;
        op.operands(|v, kind| {
            let at = v.0 as usize;
            wrong = wrong.take().or(match block.ops.get(at).filter(|_| at < n) {
                None => Some(format!("v{at} does not come before")),
                Some(from) if from.kind() != kind => Some(format!("v{at} is no {kind:?}")),
                Some(_) if !open.starts_with(&made_in[at]) => {
                    Some(format!("v{at} may not have been computed"))
                }
                Some(_) => None,
            });
        });
        if let Some(wrong) = wrong {
            return Err(format!("operation {n}, {op:?}: {wrong}"));
        }
        match op {
            Op::when { len, .. } => {
                let end = n + 1 + *len as usize;
                if end > block.ops.len() || open.last().is_some_and(|&outer| end > outer) {
                    return Err(format!("operation {n}: the conditional part does not end in the block"));
                }
                made_in.push(open.clone());
                open.push(end);
                continue;
            }
            Op::insn { index } | Op::step { first: index, .. } => {
                if !open.is_empty() {
                    return Err(format!("operation {n}: an instruction begins in a conditional part"));
                }
                if last.is_some_and(|last| last >= *index) {
                    return Err(format!("operation {n}: instruction {index} is out of order"));
                }
                last = Some(*index);
            }
            _ => {}
        }
        made_in.push(open.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{I, Value};
    use super::*;
    use cpu::insn::Width;

    fn block(ops: &[Op]) -> Block {
        Block { ops: ops.to_vec() }
    }

    const ONE: Op = Op::imm { w: Width::W32, value: 1 };

    fn set(r: u8, v: u32) -> Op {
        Op::set_reg { w: Width::W32, r, v: I(Value(v)) }
    }

    #[test]
    fn a_value_is_used_after_it_was_made() {
        assert_eq!(verify(&block(&[ONE, set(0, 0)])), Ok(()));
        assert!(verify(&block(&[set(0, 1), ONE])).is_err());
        assert!(verify(&block(&[ONE, set(0, 0), set(1, 1)])).is_err(), "a write has no result");
    }

    #[test]
    fn what_may_not_have_been_computed_is_not_used() {
        let when = |len| Op::when { len, c: I(Value(0)) };
        assert_eq!(verify(&block(&[ONE, when(2), ONE, set(0, 2)])), Ok(()));
        assert!(verify(&block(&[ONE, when(1), ONE, set(0, 2)])).is_err());
        assert!(verify(&block(&[ONE, when(3), ONE, set(0, 2)])).is_err(), "it ends after the block");
    }

    #[test]
    fn instructions_come_in_order() {
        let insn = |index| Op::insn { index };
        assert_eq!(verify(&block(&[insn(0), ONE, insn(1)])), Ok(()));
        assert!(verify(&block(&[insn(1), insn(0)])).is_err());
    }
}
