//! The words devices use.
//!
//! A device is a small struct that knows registers, lines and time, and nothing else: no address, no
//! other device, no host clock. This crate holds what such a struct may say: ports and physical
//! addresses as types, the access traits a device answers, wires it drives, the one clock it asks,
//! and the form in which it is saved. The board (`machine::board`) gives each device its place.
//!
//! Architecture invariant: nothing here has behaviour of its own beyond wires, channels and time.

#![forbid(unsafe_code)]

mod clock;
mod device;
mod dma;
mod dma_channel;
mod io;
mod line;
mod snapshot;

pub use clock::{Clock, ClockControl, Time};
pub use device::{BusMaster, Device, HostWait, Region, Timer};
pub use dma::{Dma, DmaError};
pub use dma_channel::{DmaChannel, DmaChannelV1, DmaPort};
pub use io::{IoError, IoResult, Mmio, PciFunction, PciWindow, PortIo, Width};
pub use line::{Line, Lines};
pub use snapshot::{Saved, Snapshot, SnapshotError, decode, encode, is_zero};

/// A port in the 64 KB I/O space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u16);

/// A guest physical address, before the A20 gate has been applied or after: the holder says which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysAddr(pub u64);

impl PhysAddr {
    /// The address `n` bytes further on.
    #[must_use]
    pub const fn offset(self, n: u64) -> Self {
        Self(self.0.wrapping_add(n))
    }
}
