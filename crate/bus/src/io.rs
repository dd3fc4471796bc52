//! Register access: what a guest's IN, OUT, load or store becomes.

use crate::{PhysAddr, Port};

/// Width of one register access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Word,
    /// 32 bits.
    Dword,
}

impl Width {
    /// The width in bytes: 1, 2 or 4.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Word => 2,
            Self::Dword => 4,
        }
    }

    /// All ones in this width: what an undecoded read sees.
    #[must_use]
    pub const fn ones(self) -> u32 {
        match self {
            Self::Byte => 0xFF,
            Self::Word => 0xFFFF,
            Self::Dword => 0xFFFF_FFFF,
        }
    }
}

/// Why a device did not take an access. What the guest then sees is the bus's decision, not the device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoError {
    /// No register at this offset, or none that can be read (written). Reads float high, writes are lost.
    NoRegister,
    /// The register exists but not at this width: the bus splits the access into bytes.
    BadWidth,
}

/// A read value or the reason there is none.
pub type IoResult<T> = Result<T, IoError>;

/// A device with registers in I/O space. `region` indexes [`crate::Device::regions`], `offset` counts
/// bytes from that region's start; the device never learns the port number.
pub trait PortIo {
    /// Reads `width` at `offset`; the value is zero-extended.
    ///
    /// # Errors
    /// [`IoError`] when there is nothing to read there.
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32>;
    /// Writes the low `width` bits of `value` at `offset`.
    ///
    /// # Errors
    /// [`IoError`] when there is nothing to write there.
    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()>;
}

/// A device with registers (or device memory) in physical address space.
pub trait Mmio {
    /// Reads `width` at `offset` bytes from the region's start.
    ///
    /// # Errors
    /// [`IoError`] when there is nothing to read there.
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32>;
    /// Writes the low `width` bits of `value`.
    ///
    /// # Errors
    /// [`IoError`] when there is nothing to write there.
    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()>;
}

/// One function of a PCI device, seen from its configuration space (PCI 2.1 section 6).
pub trait PciFunction {
    /// Reads a whole dword of configuration space; `offset` is a multiple of 4 below 256. The bus
    /// extracts bytes and words.
    fn config_read(&self, offset: u8) -> u32;
    /// Writes the bytes of the dword at `offset` whose bits are set in `mask` (0xFF per byte).
    fn config_write(&mut self, offset: u8, value: u32, mask: u32);
    /// The regions that the guest has given a place and switched on.
    fn windows(&self) -> Vec<PciWindow> {
        Vec::new()
    }
    /// True once after `windows` may have changed; the board then maps them anew.
    fn take_remapped(&mut self) -> bool {
        false
    }
}

/// A region of a PCI function at the place that its configuration space gives it. The length is the
/// region's ([`crate::Device::regions`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciWindow {
    /// In I/O space.
    Io {
        /// Index of the region.
        region: usize,
        /// Its first port.
        base: Port,
    },
    /// In memory space.
    Memory {
        /// Index of the region.
        region: usize,
        /// Its first byte.
        base: PhysAddr,
    },
}
