//! PIIX4 function 3: power management and SMBus, the socket of [`crate::acpi_pm::AcpiPm`].
//!
//! Source: 82371AB data sheet (order 290562), section 7.1. The two I/O blocks have base registers of
//! their own (PMBA at 40h with its enable in PMREGMISC, SMBBA at 90h with its enable in SMBHSTCFG)
//! instead of standard base address registers. The APM ports have a fixed place.

use super::smbus::{SMBUS_LEN, SmbusHost, SmbusHostV1};
use super::spec::{DeviceActivityB, PmMiscellaneous, SmbusHostConfiguration, power as register};
use crate::acpi_pm::{AcpiPm, AcpiPmV1, PM_BLOCK_LEN};
use crate::pci::spec::{Command, Status, header};
use crate::pci::{ConfigSpace, ConfigSpaceV1, Identity, InterruptPin};
use bus::{
    Device, IoError, IoResult, Line, PciFunction, PciWindow, Port, PortIo, Region, Saved, Snapshot,
    SnapshotError, Time, Timer, Width, decode, encode,
};
use serde::{Deserialize, Serialize};

const PM: usize = 0;
const SMBUS: usize = 1;
const APM: usize = 2;

/// Bits of PMBA and SMBBA that are an address, and the bit that says "I/O space".
const PMBA_MASK: u32 = 0xFFC0;
const SMBBA_MASK: u32 = 0xFFF0;
const IO_SPACE: u32 = 1;

/// The power management function.
#[derive(Debug)]
pub struct Piix4Power {
    // Parts.
    config: ConfigSpace,
    pm: AcpiPm,
    smbus: SmbusHost,
    // Glue.
    smi: Line,
}

impl Piix4Power {
    /// The function around its chip, with the wire SMI#, of which a rise counts.
    #[must_use]
    pub fn new(pm: AcpiPm, smi: Line) -> Self {
        let status = Status::new().with_fast_back_to_back(true).with_devsel_timing(1);
        let config = ConfigSpace::new(Identity {
            vendor: 0x8086,
            device: 0x7113,
            revision: 3,
            class: (0x06, 0x80, 0x00),
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        })
        .with_value(header::STATUS, u32::from(status.into_bits()))
        .with_interrupt(InterruptPin::A)
        .with_value(register::PMBA, IO_SPACE)
        .with_writable(register::PMBA, PMBA_MASK)
        .with_writable(register::CNTA, !0)
        .with_writable(register::CNTA + 4, !0)
        .with_writable(register::CNTA + 8, !0)
        .with_writable(register::DEVRESD, 0x00FF_FFFF)
        .with_writable(register::DEVACTA, !0)
        .with_writable(register::DEVACTB, !0)
        .with_writable(
            register::PMREGMISC,
            u32::from(PmMiscellaneous::new().with_pm_io_enable(true).into_bits()),
        )
        .with_value(register::SMBBA, IO_SPACE)
        .with_writable(register::SMBBA, SMBBA_MASK)
        .with_writable(
            register::SMBHSTCFG,
            u32::from(
                SmbusHostConfiguration::new().with_host_enable(true).with_interrupt_select(7).into_bits(),
            ),
        )
        .with_writable(register::SMBSLVC, 0x00FF_FFFF);
        let config = (0..8).fold(config, |config, n| config.with_writable(register::DEVRESA + 4 * n, !0));
        Self { config, pm, smbus: SmbusHost::default(), smi }
    }

    /// Stands in for firmware: places the power management block at `base` (a multiple of 64) and
    /// switches it on.
    pub fn assign_pm_base(&mut self, base: Port) {
        self.config.write(register::PMBA, u32::from(base.0), !0);
        self.config.write(register::PMREGMISC, 1, 0xFF);
        let command = u32::from(Command::new().with_io_space(true).into_bits());
        self.config.write(header::COMMAND, command, 0xFFFF);
        self.config.mark_remapped();
    }

    /// Whether a write to APMC raises SMI# (APMC_EN of DEVACTB, SMI_EN of GLBCTL).
    fn apmc_raises_smi(&self) -> bool {
        let enable = DeviceActivityB::from_bits(self.config.read(register::DEVACTB));
        enable.apmc_enable() && self.pm.smi_enabled()
    }

    /// See [`AcpiPm::press_power_button`].
    pub fn press_power_button(&mut self) -> bool {
        self.pm.press_power_button()
    }

    /// See [`AcpiPm::raise_gpe`].
    pub fn raise_gpe(&mut self, bit: u8) {
        self.pm.raise_gpe(bit);
    }
}

impl Device for Piix4Power {
    fn reset(&mut self) {
        let Self { config, pm, smbus, smi: _ } = self;
        config.reset();
        pm.reset();
        smbus.reset();
    }
    fn regions(&self) -> &'static [Region] {
        &[
            Region { name: "pm", len: PM_BLOCK_LEN },
            Region { name: "smbus", len: SMBUS_LEN },
            Region { name: "apm", len: 2 },
        ]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
}

impl PortIo for Piix4Power {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match region {
            PM => self.pm.read(offset, width),
            SMBUS => self.smbus.read(offset, width),
            APM => self.pm.read_apm(offset, width),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match region {
            PM => self.pm.write(offset, width, value),
            SMBUS => self.smbus.write(offset, width, value),
            APM => {
                self.pm.write_apm(offset, width, value)?;
                if offset == 0 && self.apmc_raises_smi() {
                    self.smi.pulse();
                }
                Ok(())
            }
            _ => Err(IoError::NoRegister),
        }
    }
}

impl PciFunction for Piix4Power {
    fn config_read(&self, offset: u8) -> u32 {
        self.config.read(offset)
    }

    fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
        let before = self.windows();
        self.config.write(offset, value, mask);
        if before != self.windows() {
            self.config.mark_remapped();
        }
    }

    fn windows(&self) -> Vec<PciWindow> {
        let mut windows = self.config.windows();
        let misc = PmMiscellaneous::from_bits(self.config.byte(register::PMREGMISC));
        let smbus = SmbusHostConfiguration::from_bits(self.config.byte(register::SMBHSTCFG));
        // The command register's I/O enable is for the SMBus registers only; PMREGMISC has the other.
        let blocks = [
            (PM, register::PMBA, PMBA_MASK, misc.pm_io_enable()),
            (SMBUS, register::SMBBA, SMBBA_MASK, smbus.host_enable() && self.config.command().io_space()),
        ];
        for (region, offset, mask, enabled) in blocks {
            let base = (self.config.read(offset) & mask) as u16;
            if enabled && base != 0 {
                windows.push(PciWindow::Io { region, base: Port(base) });
            }
        }
        windows
    }

    fn take_remapped(&mut self) -> bool {
        self.config.take_remapped()
    }
}

impl Timer for Piix4Power {
    fn deadline(&self) -> Option<Time> {
        self.pm.deadline()
    }

    fn fire(&mut self, _now: Time) {
        self.pm.fire();
    }
}

#[derive(Serialize, Deserialize)]
struct Piix4PowerV1 {
    config: ConfigSpaceV1,
    pm: AcpiPmV1,
    smbus: SmbusHostV1,
}

impl Snapshot for Piix4Power {
    fn saved_as(&self) -> (&'static str, u16) {
        ("piix4_power", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { config, pm, smbus, smi: _ } = self;
        encode(&Piix4PowerV1 { config: config.save(), pm: pm.save(), smbus: smbus.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: Piix4PowerV1 = decode(part, saved.bytes)?;
        let Self { config, pm, smbus, smi: _ } = self;
        let invalid = |why| SnapshotError::Invalid { part, why };
        pm.check(&saved.pm).map_err(invalid)?;
        config.restore(&saved.config).map_err(invalid)?;
        pm.restore(saved.pm);
        smbus.restore(saved.smbus);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acpi_pm::{SUGGESTED_PM_BASE, TimerWidth};
    use crate::testing::shake;
    use bus::{ClockControl, Lines};

    fn make(time: &ClockControl, lines: &Lines) -> Piix4Power {
        let pm = AcpiPm::new(time.clock(), lines.line(0), lines.line(1), TimerWidth::Bits24);
        Piix4Power::new(pm, lines.line(2))
    }

    fn function() -> Piix4Power {
        make(&ClockControl::new(), &Lines::new())
    }

    #[test]
    fn firmware_places_the_blocks() {
        let mut power = function();
        assert_eq!(power.config_read(0), 0x7113_8086);
        assert_eq!(power.config_read(0x40), 1);
        power.take_remapped();
        power.config_write(0x40, 0xB001, !0);
        assert_eq!(power.windows(), []);
        power.config_write(0x80, 1, 0xFF);
        assert!(power.take_remapped());
        assert_eq!(power.windows(), [PciWindow::Io { region: PM, base: Port(0xB000) }]);
        power.config_write(0x90, 0xB101, !0);
        power.config_write(0xD0, 0x0009_0000, 0x00FF_0000);
        power.config_write(4, 1, 0xFFFF);
        assert_eq!(power.windows().len(), 2);
        assert_eq!(power.config_read(0x90), 0xB101);
    }

    #[test]
    fn a_direct_boot_places_it_without_firmware() {
        let mut power = function();
        power.assign_pm_base(Port(SUGGESTED_PM_BASE));
        assert_eq!(power.windows(), [PciWindow::Io { region: PM, base: Port(0xB000) }]);
        assert_eq!(power.config_read(0x40), 0xB001);
    }

    #[test]
    fn a_command_raises_smi_when_both_enables_are_set() {
        let lines = Lines::new();
        let mut power = make(&ClockControl::new(), &lines);
        let command = |power: &mut Piix4Power| {
            power.write(APM, 0, Width::Byte, 0x55).unwrap();
            lines.take_rose() >> 2 & 1
        };
        assert_eq!(command(&mut power), 0);
        power.config_write(0x58, 1 << 25, !0);
        assert_eq!(command(&mut power), 0);
        power.write(PM, 0x28, Width::Dword, 1).unwrap();
        assert_eq!(command(&mut power), 1);
        power.write(APM, 1, Width::Byte, 0x55).unwrap();
        assert_eq!(lines.take_rose(), 0, "the status port raises none");
        power.config_write(0x58, 0, !0);
        assert_eq!(command(&mut power), 0);
    }

    #[test]
    fn nothing_answers_on_the_smbus() {
        let mut power = function();
        power.write(SMBUS, 2, Width::Byte, 0x48).unwrap();
        assert_eq!(power.read(SMBUS, 0, Width::Byte), Ok(4));
        power.write(SMBUS, 0, Width::Byte, 0xFF).unwrap();
        assert_eq!(power.read(SMBUS, 0, Width::Byte), Ok(0));
        assert_eq!(power.read(SMBUS, 2, Width::Byte), Ok(0x08));
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(make, |power, random| match random.next_u64() % 4 {
            0 => drop(power.press_power_button()),
            _ => power.raise_gpe(random.next_u64() as u8),
        });
    }
}
