use crate::{insn::Insn, micro::Micro};
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SseOp {
    A,
    B,
}
pub fn sse<M: Micro>(m: &mut M, _: &Insn, _: SseOp) -> Result<(), M::Stop> {
    m.raise(6)
}
