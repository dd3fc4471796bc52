//! PIIX4 function 0: the bridge to ISA.
//!
//! Source: 82371AB data sheet (order 290562), section 4.1 (configuration) and 4.2 (the reset control
//! register). What works: PIRQ routing, which the board applies to the PCI interrupt wires, and reset
//! control. The other configuration registers keep what is written and do nothing.

use super::spec::{PirqRoute, ResetControl, isa as register};
use crate::pci::spec::{Command, Status, header};
use crate::pci::{ConfigSpace, ConfigSpaceV1, Identity};
use bus::{
    Device, IoError, IoResult, Line, PciFunction, PciWindow, PortIo, Region, Saved, Snapshot, SnapshotError,
    Width, decode, encode,
};
use serde::{Deserialize, Serialize};

/// The ISA bridge.
#[derive(Debug)]
pub struct Piix4Isa {
    // Glue.
    reset: Line,
    init: Line,
    routes_changed: bool,
    // Parts.
    config: ConfigSpace,
    // State.
    reset_control: ResetControl,
}

impl Piix4Isa {
    /// The bridge with the wires that reset the system and, for a soft reset, only the processor
    /// (INIT). Both are pulsed.
    #[must_use]
    pub fn new(reset: Line, init: Line) -> Self {
        let status = Status::new().with_fast_back_to_back(true).with_devsel_timing(1);
        let command = Command::new()
            .with_io_space(true)
            .with_memory_space(true)
            .with_bus_master(true)
            .with_special_cycles(true);
        let mut config = ConfigSpace::new(Identity {
            vendor: 0x8086,
            device: 0x7110,
            revision: 1,
            class: (0x06, 0x01, 0x00),
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        })
        .multi_function()
        .with_value(header::COMMAND, u32::from(command.with_special_cycles(false).into_bits()))
        .with_writable(header::COMMAND, u32::from(command.into_bits()))
        .with_value(header::STATUS, u32::from(status.into_bits()))
        .with_value(register::IORT, 0x4D)
        .with_writable(register::IORT, 0xFF)
        .with_value(register::XBCS, 0x03)
        .with_writable(register::XBCS, 0x0FFF)
        .with_value(register::SERIRQC, 0x10)
        .with_writable(register::SERIRQC, 0xFF)
        .with_value(register::TOM, 0x02)
        .with_writable(register::TOM, 0xFF)
        .with_writable(register::MSTAT, 0x8080)
        .with_value(register::MBDMA, 0x0404)
        .with_writable(register::MBDMA, 0x8F8F)
        .with_writable(register::APICBASE, 0x7F)
        .with_writable(register::DLC, 0x0F)
        .with_writable(register::PDMACFG, 0xFFFF_FFFF)
        .with_writable(register::PDMACFG + 4, 0xFFFF)
        .with_writable(register::GENCFG, 0xFFFF_FFFF)
        .with_value(register::RTCCFG, 0x21)
        .with_writable(register::RTCCFG, 0x3D);
        for n in 0..4 {
            let writable = PirqRoute::new().with_irq(15).with_disabled(true);
            config = config
                .with_value(register::PIRQRC + n, u32::from(PirqRoute::new().with_disabled(true).into_bits()))
                .with_writable(register::PIRQRC + n, u32::from(writable.into_bits()));
        }
        Self { reset, init, routes_changed: true, config, reset_control: ResetControl::new() }
    }

    /// Where PIRQA# to PIRQD# go.
    #[must_use]
    pub fn pirq_routes(&self) -> [PirqRoute; 4] {
        [0, 1, 2, 3].map(|n| PirqRoute::from_bits(self.config.byte(register::PIRQRC + n)))
    }

    /// The ISA interrupts that are high when the PIRQ wires have these levels (bit 0 is PIRQA).
    #[must_use]
    pub fn routed(&self, pirq_levels: u64) -> u16 {
        let routes = self.pirq_routes();
        let high = routes.iter().enumerate().filter(|(n, _)| pirq_levels >> n & 1 != 0);
        high.filter_map(|(_, route)| route.target()).fold(0, |irqs, irq| irqs | 1 << (irq & 15))
    }

    /// Stands in for firmware: routes PIRQA to PIRQD to these interrupts.
    pub fn assign_pirqs(&mut self, irqs: [u8; 4]) {
        for (n, irq) in (0u8..).zip(irqs) {
            let route = PirqRoute::new().with_irq(irq & 15);
            self.config.set_byte(register::PIRQRC + n, route.into_bits());
        }
        self.routes_changed = true;
    }

    /// True once after the routing may have changed.
    pub fn take_routes_changed(&mut self) -> bool {
        std::mem::take(&mut self.routes_changed)
    }
}

impl Device for Piix4Isa {
    fn reset(&mut self) {
        let Self { reset: _, init: _, routes_changed, config, reset_control } = self;
        *routes_changed = true;
        config.reset();
        *reset_control = ResetControl::new();
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "reset_control", len: 1 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
    fn pci(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
}

impl PortIo for Piix4Isa {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match (region, offset, width) {
            (0, 0, Width::Byte) => Ok(u32::from(self.reset_control.into_bits())),
            (0, 0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (region, offset, width) {
            (0, 0, Width::Byte) => {
                let written = ResetControl::from_bits(value as u8);
                let rises = written.reset_cpu() && !self.reset_control.reset_cpu();
                self.reset_control = ResetControl::new()
                    .with_system_reset(written.system_reset())
                    .with_reset_cpu(written.reset_cpu());
                match (rises, written.system_reset()) {
                    (true, true) => self.reset.pulse(),
                    (true, false) => self.init.pulse(),
                    (false, _) => {}
                }
                Ok(())
            }
            (0, 0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }
}

impl PciFunction for Piix4Isa {
    fn config_read(&self, offset: u8) -> u32 {
        self.config.read(offset)
    }

    fn config_write(&mut self, offset: u8, value: u32, mask: u32) {
        let before = self.pirq_routes();
        self.config.write(offset, value, mask);
        self.routes_changed |= before != self.pirq_routes();
    }

    fn windows(&self) -> Vec<PciWindow> {
        self.config.windows()
    }

    fn take_remapped(&mut self) -> bool {
        self.config.take_remapped()
    }
}

#[derive(Serialize, Deserialize)]
struct Piix4IsaV1 {
    config: ConfigSpaceV1,
    reset_control: u8,
}

impl Snapshot for Piix4Isa {
    fn saved_as(&self) -> (&'static str, u16) {
        ("piix4_isa", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { reset: _, init: _, routes_changed: _, config, reset_control } = self;
        encode(&Piix4IsaV1 { config: config.save(), reset_control: reset_control.into_bits() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: Piix4IsaV1 = decode(part, saved.bytes)?;
        let Self { reset: _, init: _, routes_changed, config, reset_control } = self;
        config.restore(&saved.config).map_err(|why| SnapshotError::Invalid { part, why })?;
        *reset_control = ResetControl::from_bits(saved.reset_control);
        *routes_changed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::shake;
    use bus::Lines;

    fn bridge() -> (Lines, Piix4Isa) {
        let lines = Lines::new();
        let bridge = Piix4Isa::new(lines.line(0), lines.line(1));
        (lines, bridge)
    }

    #[test]
    fn it_is_function_0_of_several() {
        let (_, bridge) = bridge();
        assert_eq!(bridge.config_read(0), 0x7110_8086);
        assert_eq!(bridge.config_read(8) >> 8, 0x06_0100);
        assert_eq!(bridge.config_read(0x0C) >> 16 & 0xFF, 0x80);
    }

    #[test]
    fn pirqs_go_where_the_registers_say() {
        let (_, mut bridge) = bridge();
        assert_eq!(bridge.routed(0b1111), 0);
        assert_eq!(bridge.config_read(0x60), 0x8080_8080);
        bridge.take_routes_changed();
        bridge.config_write(0x60, 0x080B_0B0A, !0);
        assert!(bridge.take_routes_changed());
        assert_eq!(bridge.routed(0b0001), 1 << 10);
        assert_eq!(bridge.routed(0b0110), 1 << 11);
        assert_eq!(bridge.routed(0b1000), 0, "interrupt 8 is reserved");
        bridge.assign_pirqs([10, 10, 11, 5]);
        assert_eq!(bridge.routed(0b1001), 1 << 10 | 1 << 5);
    }

    #[test]
    fn a_rising_reset_bit_resets_hard_or_soft() {
        let (lines, mut bridge) = bridge();
        for (value, rose) in [(0x02, 0), (0x06, 1), (0x06, 0), (0x00, 0), (0x04, 2), (0x06, 0)] {
            bridge.write(0, 0, Width::Byte, value).unwrap();
            assert_eq!(lines.take_rose(), rose, "{value:#x}");
        }
        assert_eq!(bridge.read(0, 0, Width::Byte), Ok(6));
        assert_eq!(bridge.read(0, 0, Width::Dword), Err(IoError::BadWidth));
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(|_, lines| Piix4Isa::new(lines.line(0), lines.line(1)), |_, _| {});
    }
}
