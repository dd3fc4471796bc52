use crate::{exec::Exec, fault::Stop, insn::Insn}; pub fn x87_env(x: &mut Exec<'_>, _: &Insn, _: crate::insn::X87Env) -> Result<(), Stop> { Err(x.ud()) }
