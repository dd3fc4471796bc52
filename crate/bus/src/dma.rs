//! Direct memory access: how a device reads and writes guest RAM.

use crate::PhysAddr;

/// Why a transfer did not happen. Nothing has been moved then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmaError {
    /// No RAM at (part of) that range.
    NoMemory,
    /// The page is not loaded yet: try again once the host has brought it.
    NotHere,
}

/// Guest RAM as a bus master sees it. Writes invalidate translated code like the processor's own.
pub trait Dma {
    /// Fills `into` from guest RAM at `from`.
    ///
    /// # Errors
    /// [`DmaError`]; `into` is then unspecified.
    fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError>;
    /// Copies `data` to guest RAM at `to`.
    ///
    /// # Errors
    /// [`DmaError`]; RAM is then unchanged.
    fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError>;
}
