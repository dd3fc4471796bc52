pub fn decode_float(_: &iced_x86::Instruction, _: &mut crate::insn::Insn) -> Option<crate::insn::Op> { None }
