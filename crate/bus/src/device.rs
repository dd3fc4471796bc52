//! The contract between a device and the board.

use crate::{Mmio, PciFunction, PortIo, Snapshot, Time};

/// A named range of registers of a device. The board says where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The name the board uses, such as `"data"`.
    pub name: &'static str,
    /// Length in bytes (ports or memory).
    pub len: u64,
}

/// A device with something to do at a known time. The state says when; nothing is armed or cancelled, so
/// nothing about it has to be saved.
pub trait Timer {
    /// When the device next changes by itself (raises a line, ends a transfer); `None` if never.
    fn deadline(&self) -> Option<Time>;
    /// Does what was due up to `now`, which is never before the deadline, and may be well after it.
    fn fire(&mut self, now: Time);
}

/// A device, as the board sees it: what it can do is what it returns `Some` for.
pub trait Device: Snapshot {
    /// Back to the state after power-on or a hard reset.
    fn reset(&mut self);
    /// The register ranges, in the order their numbers are used in accesses.
    fn regions(&self) -> &'static [Region] {
        &[]
    }
    /// Registers in I/O space.
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        None
    }
    /// Registers or memory in physical address space.
    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        None
    }
    /// A configuration space.
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        None
    }
    /// Things due at a time.
    fn timer(&mut self) -> Option<&mut dyn Timer> {
        None
    }
}
