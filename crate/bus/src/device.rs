//! The contract between a device and the board.

use crate::{Dma, Mmio, PciFunction, PortIo, Snapshot, Time};

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

/// A device that reads or writes guest RAM by itself. The board gives it RAM between two runs of the processor.
pub trait BusMaster {
    /// Whether it has something to move now.
    fn wants_bus(&self) -> bool;
    /// Moves what it can, and stops at what [`crate::DmaError`] names.
    fn master(&mut self, ram: &mut dyn Dma);
}

/// A device that asks its host for something and cannot go on without the answer: a drive and its medium.
///
/// The answer is due at a virtual time which the device chooses when it asks, and which [`Timer::deadline`] tells. If the
/// host has not answered by then, the device waits, and has no deadline on account of that request.
pub trait HostWait {
    /// Whether an answer that was due is missing. The counted clock then stands still.
    fn waits(&self) -> bool;
    /// Takes the answers that are there, at `now`, and does what was due.
    fn answered(&mut self, now: Time);
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
    /// Access to guest RAM of its own.
    fn bus_master(&mut self) -> Option<&mut dyn BusMaster> {
        None
    }
    /// Requests to the host.
    fn host_wait(&mut self) -> Option<&mut dyn HostWait> {
        None
    }
}
