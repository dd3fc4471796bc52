//! The adapter as a PCI function: the socket of [`Vga`].
//!
//! Identity and places are those of the adapter that QEMU's specification calls standard VGA, which is the
//! one that firmware and guests have drivers for: base address register 0 is the linear frame buffer, 2 has
//! the registers (VGA's at 400h, VBE's at 500h), and the expansion ROM holds the VGA BIOS.
//!
//! VGA's own ports and window keep their place whatever the command register says, so that a kernel which
//! was booted without firmware finds its console. The registers' block has no EDID and no revision 2
//! extensions: both read as ones, which drivers take for their absence.

use super::frame_buffer::MAX_LEN;
use super::saved::VgaV3;
use super::{FRAME_BUFFER, REGIONS, ROM, ROM_LEN, Vga};
use crate::pci::spec::{Command, header};
use crate::pci::{ConfigSpace, ConfigSpaceV1, Identity};
use bus::{
    Device, IoError, IoResult, Mmio, PciFunction, PciWindow, PhysAddr, PortIo, Region, Saved, Snapshot,
    SnapshotError, Width, decode, encode,
};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Expansion ROM base address register (PCI 2.1, section 6.2.5.2).
const ROM_BASE: u8 = 0x30;
const ROM_ENABLE: u32 = 1;

/// The display adapter on the PCI bus.
#[derive(Debug)]
pub struct PciVga {
    // Parts.
    config: ConfigSpace,
    vga: Vga,
    rom: Rc<[u8]>,
}

impl PciVga {
    /// The function around its chip. `rom` is the VGA BIOS; at most 64 KB of it are reached. Without one
    /// the function has no expansion ROM.
    #[must_use]
    pub fn new(vga: Vga, rom: impl Into<Rc<[u8]>>) -> Self {
        let config = ConfigSpace::new(Identity {
            vendor: 0x1234,
            device: 0x1111,
            revision: 0,
            class: (0x03, 0x00, 0x00),
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        })
        .with_memory_bar(0, FRAME_BUFFER, MAX_LEN as u32, true)
        .with_memory_bar(2, super::REGISTERS_BLOCK, super::REGISTERS_LEN as u32, false)
        .with_writable(ROM_BASE, !(ROM_LEN as u32 - 1) | ROM_ENABLE);
        Self { config, vga, rom: rom.into() }
    }

    /// Puts another VGA BIOS into the expansion ROM.
    pub fn set_rom(&mut self, rom: impl Into<Rc<[u8]>>) {
        self.rom = rom.into();
        self.config.mark_remapped();
    }

    /// Stands in for firmware: places frame buffer and registers, and switches them on.
    pub fn assign(&mut self, frame_buffer: PhysAddr, registers: PhysAddr) {
        self.config.write(header::BASE_ADDRESS_0, frame_buffer.0 as u32, !0);
        self.config.write(header::BASE_ADDRESS_0 + 8, registers.0 as u32, !0);
        let command = Command::new().with_io_space(true).with_memory_space(true);
        self.config.write(header::COMMAND, u32::from(command.into_bits()), 0xFFFF);
    }

    /// Where the guest has put the linear frame buffer, if it has.
    #[must_use]
    pub fn frame_buffer_base(&self) -> Option<PhysAddr> {
        self.config.windows().into_iter().find_map(|window| match window {
            PciWindow::Memory { region: FRAME_BUFFER, base } => Some(base),
            _ => None,
        })
    }

    /// The chip.
    #[must_use]
    pub fn vga(&self) -> &Vga {
        &self.vga
    }

    /// The chip.
    pub fn vga_mut(&mut self) -> &mut Vga {
        &mut self.vga
    }

    fn rom_window(&self) -> Option<PciWindow> {
        let value = self.config.read(ROM_BASE);
        let base = value & !(ROM_LEN as u32 - 1);
        let on = value & ROM_ENABLE != 0 && self.config.command().memory_space() && !self.rom.is_empty();
        (on && base != 0).then(|| PciWindow::Memory { region: ROM, base: PhysAddr(base.into()) })
    }
}

impl Device for PciVga {
    fn reset(&mut self) {
        let Self { config, vga, rom: _ } = self;
        config.reset();
        vga.reset();
    }
    fn regions(&self) -> &'static [Region] {
        REGIONS
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        self.vga.port_io()
    }
    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        Some(self)
    }
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
}

impl Mmio for PciVga {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        if region != ROM {
            return Mmio::read(&mut self.vga, region, offset, width);
        }
        if offset >= ROM_LEN {
            return Err(IoError::NoRegister);
        }
        let byte = |n: u32| self.rom.get(offset as usize + n as usize).copied().unwrap_or(0xFF);
        Ok((0..width.bytes()).rev().fold(0, |value, n| value << 8 | u32::from(byte(n))))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        if region == ROM {
            return Err(IoError::NoRegister);
        }
        Mmio::write(&mut self.vga, region, offset, width, value)
    }
}

impl PciFunction for PciVga {
    fn config_read(&self, offset: u8) -> u32 {
        match offset & !3 {
            ROM_BASE if self.rom.is_empty() => 0,
            offset => self.config.read(offset),
        }
    }

    fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
        let before = self.rom_window();
        self.config.write(offset, value, mask);
        if before != self.rom_window() {
            self.config.mark_remapped();
        }
    }

    fn windows(&self) -> Vec<PciWindow> {
        let mut windows = self.config.windows();
        windows.extend(self.rom_window());
        windows
    }

    fn take_remapped(&mut self) -> bool {
        self.config.take_remapped()
    }
}

/// The ROM's contents come with the machine's configuration and are not saved.
#[derive(Serialize, Deserialize)]
struct PciVgaV2 {
    config: ConfigSpaceV1,
    vga: VgaV3,
}

impl Snapshot for PciVga {
    fn saved_as(&self) -> (&'static str, u16) {
        ("pci_vga", 2)
    }

    fn save(&self) -> Vec<u8> {
        let Self { config, vga, rom: _ } = self;
        encode(&PciVgaV2 { config: config.save(), vga: vga.to_saved() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 2) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: PciVgaV2 = decode(part, saved.bytes)?;
        let Self { config, vga, rom: _ } = self;
        let invalid = |why| SnapshotError::Invalid { part, why };
        let mut restored = config.clone();
        restored.restore(&saved.config).map_err(invalid)?;
        vga.take_over(saved.vga).map_err(invalid)?;
        *config = restored;
        Ok(())
    }
}
