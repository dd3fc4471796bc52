//! Instruction tests against real processors: captured vectors, and an oracle that runs on this machine's.
//!
//! * [`oracle`]: JSON vectors of `oracle/oracle.c`, and the world its programs live in (user mode, one window
//!   of 64 KB);
//! * [`moo`]: MOO files, captured from an 80286; [`real_mode`]: the world they live in;
//! * [`undefined`]: what the manual leaves undefined, so that it is not compared;
//! * [`segmented`]: random sequences in code that is not flat;
//! * [`silicon`]: compiles the oracle;
//! * [`executor`]: the ways an instruction is run. Every test body runs through all of them.

#![forbid(unsafe_code)]

pub mod executor;
pub mod moo;
pub mod oracle;
pub mod real_mode;
pub mod segmented;
pub mod silicon;
pub mod tally;
pub mod undefined;
