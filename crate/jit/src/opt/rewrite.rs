//! Making a block from another, operation by operation.

use crate::ir::{Block, Op, Value};

/// A block being rewritten. Each operation of the old block is asked for with [`Rewrite::next`], already with the
/// new numbers of its operands, and answered: kept, replaced by a value, or left out.
pub(super) struct Rewrite<'a> {
    from: &'a Block,
    at: usize,
    out: Vec<Op>,
    /// New numbers of the old results.
    map: Vec<Value>,
    /// Conditional parts at work: where they end in the old block, and where they begin in the new one.
    open: Vec<(usize, usize)>,
}

/// The number of a result that is not there: the verifier finds those who use it.
const NONE: Value = Value(u32::MAX);

impl<'a> Rewrite<'a> {
    pub(super) fn new(from: &'a Block) -> Self {
        let (out, map) = (Vec::with_capacity(from.ops.len()), vec![NONE; from.ops.len()]);
        Self { from, at: 0, out, map, open: Vec::new() }
    }

    /// The next operation of the old block, and its number there.
    pub(super) fn next(&mut self) -> Option<(usize, Op)> {
        self.close();
        let n = self.at;
        let op = *self.from.ops.get(n)?;
        self.at += 1;
        Some((n, op.map(|v| self.map.get(v.0 as usize).copied().unwrap_or(NONE))))
    }

    fn close(&mut self) {
        while let Some(&(end, begin)) = self.open.last()
            && end <= self.at
        {
            self.open.pop();
            let made = (self.out.len() - begin - 1) as u32;
            if let Some(Op::when { len, .. }) = self.out.get_mut(begin) {
                *len = made;
            }
        }
    }

    /// Operation `n` becomes this one.
    pub(super) fn keep(&mut self, n: usize, op: Op) -> Value {
        if let Op::when { len, .. } = op {
            self.open.push((n + 1 + len as usize, self.out.len()));
        }
        let v = self.add(op);
        self.map[n] = v;
        v
    }

    /// The result of operation `n` is this value.
    pub(super) fn alias(&mut self, n: usize, v: Value) {
        self.map[n] = v;
    }

    /// An operation that was not there.
    pub(super) fn add(&mut self, op: Op) -> Value {
        self.out.push(op);
        Value(self.out.len() as u32 - 1)
    }

    /// Leaves out the next operations of the old block.
    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// The operation that makes a new value.
    pub(super) fn op(&self, v: Value) -> Option<&Op> {
        self.out.get(v.0 as usize)
    }

    /// The constant that a new value is.
    pub(super) fn constant(&self, v: Value) -> Option<u64> {
        match self.op(v) {
            Some(Op::imm { w, value }) => Some(value & w.mask()),
            _ => None,
        }
    }

    /// How many conditional parts the operation at hand is in.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn finish(mut self) -> Block {
        self.close();
        Block { ops: self.out }
    }
}
