//! x87, MMX and SSE instructions.

use crate::insn::{Insn, Op};
use iced_x86::Instruction;

/// What an x87, MMX or SSE instruction does; `None` if it is none.
pub(super) fn decode_float(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    super::x87::decode_x87(ins, out).or_else(|| super::simd::decode_simd(ins, out))
}
