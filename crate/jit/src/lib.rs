//! The translator: hot guest code to wasm.
//!
//! So far its front end: the IR ([`ir`]), the lifter that writes the semantics down in it ([`lift`]) and the
//! evaluator that runs it ([`eval`]), which proves that the one set of semantics can be lifted.

#![forbid(unsafe_code)]

pub mod emit;
pub mod engine;
pub mod eval;
pub mod imports;
pub mod ir;
pub mod lift;
pub mod module;
pub mod region;
