//! One x86 processor: state, decoding, micro-operations, semantics, interpreter, memory, faults.
//!
//! An instruction's meaning is written once, in `semantics`, generic over [`micro::Micro`] (or, for large
//! and rare ones, in `helpers`). [`exec::Exec`] is the `Micro` that does it now; `jit::Lift` the one that
//! writes it down. [`exec::Processor`] puts the pieces together and runs them.

#![deny(unsafe_code)]

pub mod blocks;
pub mod decode;
pub mod exec;
pub mod fault;
pub mod flags;
pub mod float;
pub mod harness;
pub mod helpers;
pub mod insn;
pub mod micro;
pub mod mmu;
pub mod platform;
pub mod semantics;
pub mod snapshot;
pub mod state;
pub mod translator;

pub use exec::{Exit, Processor};
pub use fault::{Fault, Stop};
pub use platform::{EmptyBus, LocalApic, Platform, Poll};
pub use state::Cpu;
