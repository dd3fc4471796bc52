use crate::{insn::Insn, micro::Micro};
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MmxOp {
    A,
    B,
}
pub fn mmx<M: Micro>(m: &mut M, _: &Insn, _: MmxOp) -> Result<(), M::Stop> {
    m.raise(6)
}
