//! MMX and SSE instructions.

use crate::insn::{Insn, Op};
use iced_x86::Instruction;

/// What an MMX or SSE instruction does; `None` if it is none.
pub(super) fn decode_simd(_: &Instruction, _: &mut Insn) -> Option<Op> {
    None
}
