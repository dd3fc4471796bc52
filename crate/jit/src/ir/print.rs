//! The IR as text: a line an operation, `v3 = bin Add W32 v1 v2`.

use super::{Block, Kind, Op};
use std::fmt;

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ends = Vec::new();
        for (n, op) in self.ops.iter().enumerate() {
            ends.retain(|&end| n < end);
            if let Op::insn { index } = op {
                writeln!(f, "; {index}")?;
                continue;
            }
            write!(f, "{:indent$}", "", indent = 2 + 2 * ends.len())?;
            if op.kind() != Kind::U {
                write!(f, "v{n} = ")?;
            }
            let (name, words) = op.words();
            write!(f, "{name}")?;
            for word in words {
                write!(f, " {word}")?;
            }
            let mut operands = Vec::new();
            op.operands(|v, _| operands.push(v.0));
            for v in operands {
                write!(f, " v{v}")?;
            }
            writeln!(f)?;
            if let Op::when { len, .. } = op {
                ends.push(n + 1 + *len as usize);
            }
        }
        Ok(())
    }
}
