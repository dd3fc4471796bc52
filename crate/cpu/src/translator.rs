//! What the processor needs from a translator. Without one, everything is interpreted.

use crate::blocks::BlockCache;
use crate::exec::Exec;
use crate::insn::Insn;
use std::rc::Rc;

/// What a translator did when it was asked about the code at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// Nothing, or it ran code and left it for code it does not have: to be interpreted. With a number, not to
    /// be asked about for so many entries of the block.
    Interpret(Option<u32>),
    /// It ran code as far as an instruction, at the present EIP, that the interpreter has to do.
    One,
    /// It ran code, and an interpreted instruction in it stopped or asked to be looked at: see `Exec::link`.
    Stepped,
}

/// Runs hot code in another way than the interpreter, with the same effect.
pub trait Translator: std::fmt::Debug {
    /// The code at the present EIP is hot, or translated.
    fn enter(&mut self, x: &mut Exec<'static>, blocks: &BlockCache) -> Entered;
    /// Code was overwritten: page numbers of RAM and chunks.
    /// The keys of the blocks whose translations are gone with it. What was found through the MMU before does not hold
    /// any more.
    fn written(&mut self, x: &mut Exec<'static>, hits: &[(u32, u64)]) -> Vec<u64>;
    /// Drops everything.
    fn clear(&mut self, x: &mut Exec<'static>);
    /// The chunks of a page of RAM that something was translated from, or all pages there are of them.
    fn watched(&self, page: u32) -> u64;
    /// The pages of RAM that something was translated from.
    fn watched_pages(&self) -> Vec<u32>;
    /// A slice begins: compiles what waits for it.
    fn slice(&mut self, x: &mut Exec<'static>);
    /// How often a block is entered before it is hot.
    fn threshold(&self) -> u32;
    /// Figures, by name.
    fn figures(&self) -> Vec<(&'static str, f64)>;
    /// More of them: members of a JSON object, each with a comma before it.
    fn report(&self) -> String;
    /// The translation of the code at a linear address, stage by stage, or a sentence that says why there is none to show.
    fn dump(&self, x: &Exec<'static>, blocks: &BlockCache, lin: u64) -> String;
}

/// Instructions that translated code has the interpreter do, in one call.
#[derive(Clone, Debug)]
pub struct StepRun {
    /// Distance of their block from the region's entry.
    pub delta: i32,
    /// Whether they have to do with the status flags, which then lie where Rust finds them.
    pub flags: bool,
    /// Whether the code that called goes on after the last of them, although it ends its block.
    pub goes_on: bool,
    /// Mode bits that the code goes on under.
    pub mode: u32,
    /// Them.
    pub insns: Box<[Insn]>,
}

/// The runs of every region, by its number.
pub type StepRuns = Vec<Rc<[StepRun]>>;
