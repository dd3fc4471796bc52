use crate::{insn::Insn, micro::Micro};
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum X87Op {
    A,
    B,
}
pub fn x87<M: Micro>(m: &mut M, _: &Insn, _: X87Op) -> Result<(), M::Stop> {
    m.raise(6)
}
