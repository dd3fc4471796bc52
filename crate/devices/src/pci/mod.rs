//! PCI: configuration mechanism 1, configuration spaces, and the host bridge.
//!
//! Sources: PCI Local Bus Specification 2.1, sections 3.7.4.1 (mechanism 1) and 6; 82441FX data sheet
//! (Intel order 290549), section 3.1.
//!
//! [`PciBus`] is the chip: the address register at region `"address"`. The data register's four ports
//! are a window on functions that the board owns, so an access there is handed the functions:
//!
//! ```text
//! board: port in [data, data + 4)  →  pci_bus.read_data(port - data, width, &mut functions)
//! ```
//!
//! A board that gives out slots reads as `board.add_pci("ide", slot(1, 1), …)`; it implements
//! [`PciFunctions`] on whatever holds them. After a write the board asks the function written to
//! (`take_remapped`, `windows`) where its regions now lie.
//!
//! Both registers of mechanism 1 share the ports CF8h-CFFh with the reset control register at CF9h. The
//! address register is decoded only for a dword at its first port, so a byte-wide register of another
//! chip may lie inside (mechanism 1 was defined that way for this very neighbour).

mod config_space;
mod host_bridge;
pub mod spec;

pub use config_space::{ConfigSpace, ConfigSpaceV1, Identity};
pub use host_bridge::{HostBridge, PamAttributes, PamSegment, Smram};
pub use spec::InterruptPin;

use bus::{
    Device, IoError, IoResult, PciFunction, PortIo, Region, Saved, Snapshot, SnapshotError, Width, decode,
    encode,
};
use serde::{Deserialize, Serialize};
use spec::ConfigAddressRegister;

/// The place of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    pub bus: u8,
    /// 0 to 31.
    pub device: u8,
    /// 0 to 7.
    pub function: u8,
}

/// A function's place on bus 0.
#[must_use]
pub const fn slot(device: u8, function: u8) -> PciAddress {
    PciAddress { bus: 0, device: device & 31, function: function & 7 }
}

/// The owner of the functions: the board.
pub trait PciFunctions {
    /// The function at `at`, if one is there.
    fn function(&mut self, at: PciAddress) -> Option<&mut dyn PciFunction>;
}

/// Configuration mechanism 1.
#[derive(Debug, Default)]
pub struct PciBus {
    // State.
    address: ConfigAddressRegister,
}

impl PciBus {
    /// With configuration cycles off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The function that the address register selects; `None` while configuration cycles are off.
    #[must_use]
    pub fn selected(&self) -> Option<PciAddress> {
        let address = self.address;
        address.enable().then(|| PciAddress {
            bus: address.bus(),
            device: address.device(),
            function: address.function(),
        })
    }

    /// Reads the data register at `offset` (0 to 3). Where no function is, no one drives the bus: all
    /// ones.
    ///
    /// # Errors
    /// An access that crosses the dword is split by the bus.
    pub fn read_data(&self, offset: u16, width: Width, functions: &mut dyn PciFunctions) -> IoResult<u32> {
        let shift = shift_in_dword(offset, width)?;
        let dword = self
            .selected()
            .and_then(|at| functions.function(at))
            .map_or(u32::MAX, |function| function.config_read(self.dword()));
        Ok(dword >> shift & width.ones())
    }

    /// Writes the data register at `offset` (0 to 3). Returns the function that was written to, so that
    /// the board can ask it for its windows.
    ///
    /// # Errors
    /// An access that crosses the dword is split by the bus.
    pub fn write_data(
        &self,
        offset: u16,
        width: Width,
        value: u32,
        functions: &mut dyn PciFunctions,
    ) -> IoResult<Option<PciAddress>> {
        let shift = shift_in_dword(offset, width)?;
        let Some(at) = self.selected() else { return Ok(None) };
        let Some(function) = functions.function(at) else { return Ok(None) };
        function.config_write(self.dword(), (value & width.ones()) << shift, width.ones() << shift);
        Ok(Some(at))
    }

    fn dword(&self) -> u8 {
        self.address.register() << 2
    }
}

/// How far an access lies from the dword's low bit, if it stays inside.
pub(crate) fn shift_in_dword(offset: u16, width: Width) -> IoResult<u32> {
    let byte = u32::from(offset & 3);
    if byte + width.bytes() > 4 { Err(IoError::BadWidth) } else { Ok(8 * byte) }
}

impl Device for PciBus {
    fn reset(&mut self) {
        let Self { address } = self;
        *address = ConfigAddressRegister::new();
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "address", len: 4 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for PciBus {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match (region, offset, width) {
            (0, 0, Width::Dword) => Ok(self.address.into_bits()),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (region, offset, width) {
            (0, 0, Width::Dword) => {
                // Reserved bits read as zero.
                let written = ConfigAddressRegister::from_bits(value);
                self.address = ConfigAddressRegister::new()
                    .with_register(written.register())
                    .with_function(written.function())
                    .with_device(written.device())
                    .with_bus(written.bus())
                    .with_enable(written.enable());
                Ok(())
            }
            _ => Err(IoError::NoRegister),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PciBusV1 {
    address: u32,
}

impl Snapshot for PciBus {
    fn saved_as(&self) -> (&'static str, u16) {
        ("pci_bus", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { address } = self;
        encode(&PciBusV1 { address: address.into_bits() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let PciBusV1 { address } = decode(part, saved.bytes)?;
        *self = Self { address: ConfigAddressRegister::from_bits(address) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One([u32; 64]);

    impl PciFunction for One {
        fn config_read(&self, offset: u8) -> u32 {
            self.0[usize::from(offset / 4)]
        }
        fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
            let dword = &mut self.0[usize::from(offset / 4)];
            *dword = *dword & !mask | value & mask;
        }
    }

    impl PciFunctions for One {
        fn function(&mut self, at: PciAddress) -> Option<&mut dyn PciFunction> {
            if at == slot(2, 1) { Some(self) } else { None }
        }
    }

    fn select(bus: &mut PciBus, address: u32) {
        assert_eq!(bus.write(0, 0, Width::Dword, address), Ok(()));
    }

    #[test]
    fn bytes_and_words_are_cut_out_of_the_dword() {
        let mut bus = PciBus::new();
        let mut one = One([0; 64]);
        select(&mut bus, 0x8000_1144);
        assert_eq!(bus.write_data(0, Width::Dword, 0x4433_2211, &mut one), Ok(Some(slot(2, 1))));
        assert_eq!(bus.read_data(1, Width::Byte, &mut one), Ok(0x22));
        assert_eq!(bus.read_data(2, Width::Word, &mut one), Ok(0x4433));
        assert_eq!(bus.write_data(3, Width::Byte, 0xFFAA, &mut one), Ok(Some(slot(2, 1))));
        assert_eq!(bus.read_data(0, Width::Dword, &mut one), Ok(0xAA33_2211));
        assert_eq!(bus.read_data(3, Width::Word, &mut one), Err(IoError::BadWidth));
        assert_eq!(one.0[0x11], 0xAA33_2211);
    }

    #[test]
    fn missing_functions_read_all_ones() {
        let mut bus = PciBus::new();
        let mut one = One([0; 64]);
        select(&mut bus, 0x8000_1044);
        assert_eq!(bus.read_data(0, Width::Word, &mut one), Ok(0xFFFF));
        assert_eq!(bus.write_data(0, Width::Word, 1, &mut one), Ok(None));
        select(&mut bus, 0x0000_1144);
        assert_eq!(bus.read_data(0, Width::Dword, &mut one), Ok(0xFFFF_FFFF));
    }

    #[test]
    fn the_address_register_is_a_dword_only() {
        let mut bus = PciBus::new();
        select(&mut bus, 0xFFFF_FFFF);
        assert_eq!(PortIo::read(&mut bus, 0, 0, Width::Dword), Ok(0x80FF_FFFC));
        assert_eq!(PortIo::read(&mut bus, 0, 1, Width::Byte), Err(IoError::NoRegister));
        assert_eq!(bus.write(0, 0, Width::Byte, 0), Err(IoError::NoRegister));
        let saved = bus.save();
        bus.reset();
        assert_eq!(bus.selected(), None);
        assert_eq!(bus.restore(Saved { version: 1, bytes: &saved }), Ok(()));
        assert_eq!(bus.selected(), Some(PciAddress { bus: 255, device: 31, function: 7 }));
    }
}
