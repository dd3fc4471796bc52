//! 82441FX: the host bridge, function 0 of device 0.
//!
//! Source: Intel 440FX PCISET, 82441FX PMC data sheet (order 290549), section 3.2. What works: the
//! programmable attribute map (PAM[6:0], 59h-5Fh) and SMRAM control (SMRAM, 72h), which the board
//! reads to map shadow RAM and A0000h-BFFFFh. All other registers keep what is written and do nothing:
//! DRAM geometry, cache and arbitration have no counterpart here.

use super::config_space::{ConfigSpace, ConfigSpaceV1, Identity};
use super::spec::{Command, Status, header};
use bitfield_struct::bitfield;
use bus::{Device, PciFunction, PciWindow, PhysAddr, Saved, Snapshot, SnapshotError, decode, encode};
use serde::{Deserialize, Serialize};

/// Offsets of the registers beyond the header (section 3.2, the configuration space map).
mod register {
    pub(super) const PMCCFG: u8 = 0x50;
    pub(super) const DETURBO: u8 = 0x52;
    pub(super) const DRAM: u8 = 0x54;
    pub(super) const PAM0: u8 = 0x59;
    pub(super) const DRB: u8 = 0x60;
    pub(super) const FDHC: u8 = 0x68;
    pub(super) const MTT: u8 = 0x70;
    pub(super) const SMRAM: u8 = 0x72;
    pub(super) const ERRCMD: u8 = 0x90;
}

/// One segment's attributes in a PAM register (offsets 59h-5Fh).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct PamAttributes {
    /// Reads go to DRAM; else to PCI (the firmware ROM, option ROMs).
    pub read_enable: bool,
    /// Writes go to DRAM; else to PCI.
    pub write_enable: bool,
    pub cache_enable: bool,
    #[bits(5)]
    __: u8,
}

/// A range of the first megabyte with its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PamSegment {
    pub base: PhysAddr,
    pub len: u64,
    pub attributes: PamAttributes,
}

/// The SMRAM control register (offset 72h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub struct Smram {
    /// C_BASE_SEG: 2 means A0000h, the only value there is.
    #[bits(3)]
    pub base_segment: u8,
    /// G_SMRAME: SMRAM exists.
    pub enable: bool,
    /// D_LCK: `open` is off, and neither it nor this can be written until reset.
    pub lock: bool,
    /// D_CLS: in SMM, data accesses go to PCI (the screen), code comes from SMRAM.
    pub close: bool,
    /// D_OPEN: SMRAM is visible outside SMM.
    pub open: bool,
    __: bool,
}

const SMRAM_AT_RESET: Smram = Smram::new().with_base_segment(2);
const SMRAM_WRITABLE: Smram = Smram::new().with_enable(true).with_lock(true).with_close(true).with_open(true);

/// The host bridge.
#[derive(Debug)]
pub struct HostBridge {
    // Parts.
    config: ConfigSpace,
    // Glue: the memory map has to be looked at again.
    changed: bool,
}

impl Default for HostBridge {
    fn default() -> Self {
        Self::new()
    }
}

impl HostBridge {
    /// As after power-on.
    #[must_use]
    pub fn new() -> Self {
        let command = Command::new().with_memory_space(true).with_bus_master(true);
        let status = Status::new().with_fast_back_to_back(true).with_devsel_timing(1);
        let mut config = ConfigSpace::new(Identity {
            vendor: 0x8086,
            device: 0x1237,
            revision: 2,
            class: (0x06, 0x00, 0x00),
            // Not in the data sheet: PC virtual machines say so here, and firmware tells them by it.
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        })
        .with_value(header::COMMAND, u32::from(command.into_bits()))
        .with_value(header::STATUS, u32::from(status.into_bits()))
        .with_writable(register::PMCCFG, 0xFFFF)
        .with_writable(register::DETURBO, 0xFFFF)
        .with_value(register::DRAM, 0x0100_0000)
        .with_writable(register::DRAM, 0xFFFF_FFFF)
        .with_value(register::DRAM + 4, 0x10)
        .with_writable(register::DRAM + 4, 0xFF)
        .with_writable(register::FDHC, 0xFF)
        .with_value(register::MTT, 0x1020)
        .with_writable(register::MTT, 0xFFFF)
        .with_value(register::SMRAM, u32::from(SMRAM_AT_RESET.into_bits()))
        .with_writable(register::SMRAM, u32::from(SMRAM_WRITABLE.into_bits()))
        .with_writable(register::ERRCMD, 0xFF)
        .with_cleared_by_ones(register::ERRCMD + 1, 0xFF);
        for n in 0..7 {
            config = config.with_writable(register::PAM0 + n, if n == 0 { 0x70 } else { 0x77 });
        }
        for n in 0..8 {
            config = config.with_value(register::DRB + n, 0x01).with_writable(register::DRB + n, 0xFF);
        }
        Self { config, changed: true }
    }

    /// The 13 segments of C0000h-FFFFFh, by rising address: twelve of 16 KB, then the 64 KB at F0000h.
    #[must_use]
    pub fn pam(&self) -> [PamSegment; 13] {
        std::array::from_fn(|n| {
            // PAM0 holds the system segment in its upper half; each of PAM1 to PAM6 two segments.
            let (base, len, offset, high) = match n as u8 {
                12 => (0xF0000, 0x10000, register::PAM0, true),
                n => (0xC0000 + 0x4000 * u64::from(n), 0x4000, register::PAM0 + 1 + n / 2, n % 2 == 1),
            };
            let byte = self.config.byte(offset);
            let attributes = PamAttributes::from_bits(if high { byte >> 4 } else { byte } & 7);
            PamSegment { base: PhysAddr(base), len, attributes }
        })
    }

    /// SMRAM control. A0000h-BFFFFh is DRAM outside SMM when `enable` and `open` are set; in SMM when
    /// `enable` is set, for code only if `close` is.
    #[must_use]
    pub fn smram(&self) -> Smram {
        Smram::from_bits(self.config.byte(register::SMRAM))
    }

    /// True once after [`Self::pam`] or [`Self::smram`] may have changed.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

impl Device for HostBridge {
    fn reset(&mut self) {
        let Self { config, changed } = self;
        config.reset();
        *changed = true;
    }
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
}

impl PciFunction for HostBridge {
    fn config_read(&self, offset: u8) -> u32 {
        self.config.read(offset)
    }

    fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
        let (smram, pam) = (self.smram(), self.pam());
        self.config.write(offset, value, mask);
        let mut now = self.smram();
        if smram.lock() {
            now = now.with_lock(true);
        }
        if now.lock() {
            now = now.with_open(false);
        }
        self.config.set_byte(register::SMRAM, now.into_bits());
        self.changed |= now != smram || self.pam() != pam;
    }

    fn windows(&self) -> Vec<PciWindow> {
        self.config.windows()
    }

    fn take_remapped(&mut self) -> bool {
        self.config.take_remapped()
    }
}

#[derive(Serialize, Deserialize)]
struct HostBridgeV1 {
    config: ConfigSpaceV1,
}

impl Snapshot for HostBridge {
    fn saved_as(&self) -> (&'static str, u16) {
        ("host_bridge", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { config, changed: _ } = self;
        encode(&HostBridgeV1 { config: config.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let HostBridgeV1 { config: saved } = decode(part, saved.bytes)?;
        let Self { config, changed } = self;
        config.restore(&saved).map_err(|why| SnapshotError::Invalid { part, why })?;
        *changed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::shake;

    #[test]
    fn it_is_the_bridge_that_firmware_knows() {
        let bridge = HostBridge::new();
        assert_eq!(bridge.config_read(0x00), 0x1237_8086);
        assert_eq!(bridge.config_read(0x08) >> 8, 0x06_0000);
        assert_eq!(bridge.config_read(0x2C), 0x1100_1AF4);
        assert_eq!(bridge.config_read(0x70), 0x0002_1020);
    }

    #[test]
    fn pam_registers_name_thirteen_segments() {
        let mut bridge = HostBridge::new();
        assert!(bridge.take_changed());
        bridge.config_write(0x58, 0x0000_3000, 0x0000_FF00);
        bridge.config_write(0x5C, 0x1200_0000, 0xFF00_0000);
        assert!(bridge.take_changed());
        assert!(!bridge.take_changed());
        let pam = bridge.pam();
        let rw = PamAttributes::new().with_read_enable(true).with_write_enable(true);
        assert_eq!(pam[12], PamSegment { base: PhysAddr(0xF0000), len: 0x10000, attributes: rw });
        assert_eq!(pam[10].base, PhysAddr(0xE8000));
        assert!(pam[10].attributes.write_enable() && !pam[10].attributes.read_enable());
        assert_eq!(pam[11].base, PhysAddr(0xEC000));
        assert!(pam[11].attributes.read_enable() && !pam[11].attributes.write_enable());
        assert!(pam[..10].iter().all(|segment| segment.attributes == PamAttributes::new()));
    }

    #[test]
    fn a_locked_smram_stays_closed_until_reset() {
        let mut bridge = HostBridge::new();
        bridge.take_changed();
        bridge.config_write(0x70, 0x004A_0000, 0x00FF_0000);
        assert!(bridge.smram().open() && bridge.smram().enable() && bridge.take_changed());
        bridge.config_write(0x70, 0x005A_0000, 0x00FF_0000);
        assert!(!bridge.smram().open() && bridge.smram().lock());
        bridge.config_write(0x70, 0x006A_0000, 0x00FF_0000);
        assert!(!bridge.smram().open() && bridge.smram().lock() && bridge.smram().close());
        bridge.reset();
        assert_eq!(bridge.smram(), SMRAM_AT_RESET);
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(|_, _| HostBridge::new(), |_, _| {});
    }
}
