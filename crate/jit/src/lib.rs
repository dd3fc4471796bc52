//! The translator: hot guest code to wasm.
//!
//! Its stages, in order: hot blocks become a [`region`]; [`lift`] writes their semantics down in the [`ir`]; the passes
//! of [`opt`] improve it; [`emit`] makes a wasm function of it; [`module`] puts several of them together; the
//! [`engine`] has them compiled, finds them by way of [`found`], and drops them when their code is overwritten. [`dump`]
//! shows a region stage by stage.

#![forbid(unsafe_code)]

pub mod dump;
pub mod emit;
pub mod engine;
pub mod found;
pub mod imports;
pub mod ir;
pub mod lift;
pub mod module;
pub mod opt;
pub mod region;
