//! System control port A at port 92h: fast A20 and fast reset.
//!
//! Source: IBM Personal System/2 Hardware Interface Technical Reference, "System Control Port A"; 82371AB
//! data sheet (order 290562), section 4.2, "P92". The keyboard controller has an A20 output too; each
//! drives a wire of its own, and address line 20 is open when either is high: the board joins them.

use bitfield_struct::bitfield;
use bus::{
    Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Width, decode, encode,
};
use serde::{Deserialize, Serialize};

/// The register.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
struct SystemControlPortA {
    /// FAST_INIT: a change from 0 to 1 resets the processor.
    fast_init: bool,
    /// FAST_A20: address line 20 is not masked.
    fast_a20: bool,
    #[bits(6)]
    __: u8,
}

/// The port.
#[derive(Debug)]
pub struct Port92 {
    // Glue.
    a20: Line,
    init: Line,
    // State.
    register: SystemControlPortA,
}

impl Port92 {
    /// With its A20 wire and the wire that resets the processor, which is pulsed.
    #[must_use]
    pub fn new(a20: Line, init: Line) -> Self {
        let mut port = Self { a20, init, register: SystemControlPortA::new() };
        port.reset();
        port
    }

    /// Stands in for firmware: address line 20 is open when a kernel is entered.
    pub fn open_a20(&mut self) {
        self.register.set_fast_a20(true);
        self.a20.set(true);
    }
}

impl Device for Port92 {
    fn reset(&mut self) {
        let Self { a20, init: _, register } = self;
        *register = SystemControlPortA::new();
        a20.set(false);
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "control", len: 1 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for Port92 {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match (region, offset, width) {
            (0, 0, Width::Byte) => Ok(self.register.into_bits().into()),
            (0, 0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (region, offset, width) {
            (0, 0, Width::Byte) => {
                let written = SystemControlPortA::from_bits(value as u8);
                let rises = written.fast_init() && !self.register.fast_init();
                self.register = SystemControlPortA::new()
                    .with_fast_init(written.fast_init())
                    .with_fast_a20(written.fast_a20());
                self.a20.set(written.fast_a20());
                if rises {
                    self.init.pulse();
                }
                Ok(())
            }
            (0, 0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Port92V1 {
    register: u8,
}

impl Snapshot for Port92 {
    fn saved_as(&self) -> (&'static str, u16) {
        ("port92", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { a20: _, init: _, register } = self;
        encode(&Port92V1 { register: register.into_bits() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let Port92V1 { register: saved } = decode(part, saved.bytes)?;
        let Self { a20, init: _, register } = self;
        *register = SystemControlPortA::from_bits(saved);
        a20.set(register.fast_a20());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};
    use bus::{ClockControl, Lines};

    fn make(_: &ClockControl, lines: &Lines) -> Port92 {
        Port92::new(lines.line(0), lines.line(1))
    }

    #[test]
    fn a20_is_a_level_and_init_an_edge() {
        let mut bench = Bench::new(make);
        bench.write(0, 0, 0xFE);
        assert_eq!((bench.lines.levels(), bench.lines.take_rose()), (1, 1));
        assert_eq!(bench.read(0, 0), 2);
        bench.write(0, 0, 3);
        assert_eq!((bench.lines.levels(), bench.lines.take_rose()), (1, 2));
        bench.write(0, 0, 3);
        bench.write(0, 0, 0);
        assert_eq!((bench.lines.levels(), bench.lines.take_rose()), (0, 0));
        bench.device.open_a20();
        assert_eq!(bench.lines.levels(), 1);
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(make, |_, _| {});
    }
}
