//! Instruction tests against real processors: captured vectors, and an oracle that runs on this machine's.
//!
//! * [`oracle`]: JSON vectors of `oracle/oracle.c` and `oracle/segments.c`, and the world their programs
//!   live in (user mode, one window of 64 KB);
//! * [`float`]: vectors with floating point, for comparing two ways of running them;
//! * [`moo`]: MOO files, captured from an 80286; [`real_mode`]: the world they live in;
//! * [`undefined`]: what the manual leaves undefined, so that it is not compared;
//! * [`segmented`]: random sequences in code that is not flat;
//! * [`silicon`]: compiles the oracle;
//! * [`random`]: random code, and the world it runs in;
//! * [`executor`]: the ways an instruction is run. Every test body runs through all of them;
//! * [`translated`]: translated code, for wherever it can run.

#![forbid(unsafe_code)]

pub mod executor;
pub mod float;
pub mod moo;
pub mod oracle;
pub mod random;
pub mod real_mode;
pub mod segmented;
pub mod silicon;
pub mod tally;
pub mod translated;
pub mod undefined;
