//! Translated code in a native test: the twin of `crate/web`'s `wasm_host`, over an embedded engine.
//!
//! Translated code has addresses of 32 bits and finds the processor's state, the fast tables and guest RAM in its one
//! memory. Natively that memory is an [`arena`]: a stretch of this process's memory in which [`within`] has everything
//! allocated that is made under it, and which the embedded engine takes for its linear memory. An address in
//! translated code is the distance from the arena's beginning; nothing else differs from the wasm build.
//!
//! A program that uses this crate gets its global allocator, which outside of [`within`] is the system's.
//!
//! Not here: speed. The engine interprets, some ten times slower than a browser.

mod arena;
mod host;

pub use host::{NativeHost, within};
