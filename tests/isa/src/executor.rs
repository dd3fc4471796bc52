//! The ways an instruction is run.

use cpu::exec::Exec;
use cpu::insn::Insn;
use cpu::{Stop, semantics};

/// Runs one decoded instruction, `cpu.eip` being its address; `cpu.next_eip` is where it goes on.
pub trait Executor {
    /// For messages.
    fn name(&self) -> &'static str;
    /// Does it.
    ///
    /// # Errors
    /// What it raises, undelivered.
    fn step(&mut self, x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop>;
}

/// The semantics on numbers: the interpreter's general path.
#[derive(Debug)]
pub struct General;

impl Executor for General {
    fn name(&self) -> &'static str {
        "Exec"
    }
    fn step(&mut self, x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
        semantics::step(x, i)
    }
}

/// The interpreter's specialised arms, where the instruction has one.
#[derive(Debug)]
pub struct Specialised;

impl Executor for Specialised {
    fn name(&self) -> &'static str {
        "specialised"
    }
    fn step(&mut self, x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
        x.step_specialised(i)
    }
}

/// Written down as IR, and that evaluated.
#[derive(Debug)]
pub struct Evaluated;

impl Executor for Evaluated {
    fn name(&self) -> &'static str {
        "IR evaluator"
    }
    fn step(&mut self, x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
        jit::ir::eval::step(x, i)
    }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Box<dyn Executor>> {
    vec![Box::new(General), Box::new(Specialised), Box::new(Evaluated)]
}
