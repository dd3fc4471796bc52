//! Exceptions as values.

/// Why an instruction did not finish. One byte, so that a result travels in a register; the particulars of
/// a fault are in [`crate::Cpu::fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// An exception: see [`crate::Cpu::fault`].
    Fault = 1,
    /// A page of guest RAM is not loaded yet; without visible effect, the instruction starts again later.
    NotHere = 2,
}

/// An exception on its way to being delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Fault {
    /// Vector (`x86::vector`).
    pub vector: u8,
    /// Whether an error code is pushed.
    pub has_error: bool,
    /// The error code.
    pub error: u32,
}

impl Fault {
    /// An exception without error code.
    #[must_use]
    pub const fn new(vector: u8) -> Self {
        Self { vector, has_error: false, error: 0 }
    }
    /// An exception with error code.
    #[must_use]
    pub const fn with(vector: u8, error: u32) -> Self {
        Self { vector, has_error: true, error }
    }
}
