//! What a host provides, as traits.
//!
//! The virtual machine knows nothing of browsers, terminals or operating systems: a device that needs
//! something from outside holds one of these traits. Each has, beside it, a `Null` (nothing there), one
//! over plain memory (works, in tests and headless) and a `Recording` that notes what passed and hands
//! it on. The browser is just one more implementor, in `crate/web`.
//!
//! Two rules keep a recorded run repeatable. Output is fire and forget: nothing the host answers to a
//! `send` or `play` can reach the guest. Input and completions never arrive by a call *into* the host's
//! side: the board collects them between slices, stamps them with virtual time and gives them to the
//! device.
//!
//! Architecture invariant: no trait here returns host time to a device, and none blocks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod audio;
pub mod block;
pub mod clock;
pub mod display;
pub mod entropy;
pub mod input;
pub mod log;
pub mod network;
pub mod serial;
mod tape;

pub use audio::Audio;
pub use block::Block;
pub use clock::HostClock;
pub use display::Display;
pub use entropy::Entropy;
pub use input::{Input, InputEvent, KeyCode};
pub use log::{Log, Logger};
pub use network::Network;
pub use serial::Serial;
pub use tape::Tape;
