//! How a PC reports x87 exceptions to programs that want them as an interrupt: FERR#, IRQ 13 and port F0h.
//!
//! Source: 82371AB data sheet (order 290562), section 4.2, "COPROCESSOR ERROR" (port F0h), and section 8.8; SDM vol. 1,
//! appendix D. The processor asserts FERR# when it meets an unmasked exception with CR0.NE clear. That latches the interrupt
//! request. A write to the port takes the request back, and holds IGNNE# active, by which the processor goes on in spite of the
//! exception, until FERR# is released.

use bus::{
    Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Width, decode, encode,
};
use serde::{Deserialize, Serialize};

/// The logic.
#[derive(Debug)]
pub struct FpuError {
    // Glue.
    irq: Line,
    // State.
    ferr: bool,
    request: bool,
    ignore: bool,
}

impl FpuError {
    /// With its interrupt request.
    #[must_use]
    pub fn new(irq: Line) -> Self {
        Self { irq, ferr: false, request: false, ignore: false }
    }

    /// FERR# as the processor drives it. Returns IGNNE#.
    pub fn set_ferr(&mut self, asserted: bool) -> bool {
        if asserted && !self.ferr {
            self.request = true;
            self.irq.set(true);
        }
        self.ferr = asserted;
        self.ignore &= asserted;
        self.ignore
    }
}

impl Device for FpuError {
    fn reset(&mut self) {
        let Self { irq, ferr, request, ignore } = self;
        (*ferr, *request, *ignore) = (false, false, false);
        irq.set(false);
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "clear", len: 1 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for FpuError {
    fn read(&mut self, _region: usize, _offset: u16, _width: Width) -> IoResult<u32> {
        // Write only.
        Err(IoError::NoRegister)
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, _value: u32) -> IoResult<()> {
        match (region, offset, width) {
            (0, 0, Width::Byte) => {
                self.request = false;
                self.irq.set(false);
                self.ignore = self.ferr;
                Ok(())
            }
            (0, 0, _) => Err(IoError::BadWidth),
            _ => Err(IoError::NoRegister),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FpuErrorV1 {
    ferr: bool,
    request: bool,
    ignore: bool,
}

impl Snapshot for FpuError {
    fn saved_as(&self) -> (&'static str, u16) {
        ("fpu_error", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { irq: _, ferr, request, ignore } = *self;
        encode(&FpuErrorV1 { ferr, request, ignore })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let FpuErrorV1 { ferr: was_asserted, request: was_requested, ignore: was_ignored } =
            decode(part, saved.bytes)?;
        let Self { irq, ferr, request, ignore } = self;
        (*ferr, *request, *ignore) = (was_asserted, was_requested, was_ignored);
        irq.set(*request);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};
    use bus::{ClockControl, Lines};

    fn make(_: &ClockControl, lines: &Lines) -> FpuError {
        FpuError::new(lines.line(0))
    }

    #[test]
    fn an_error_is_latched_until_it_is_taken_back() {
        let mut bench = Bench::new(make);
        assert!(!bench.device.set_ferr(true));
        assert_eq!(bench.lines.levels(), 1);
        assert!(!bench.device.set_ferr(false));
        assert_eq!(bench.lines.levels(), 1, "the request stays");
        bench.write(0, 0, 0);
        assert_eq!(bench.lines.levels(), 0);
        assert!(!bench.device.set_ferr(false));
    }

    #[test]
    fn the_processor_goes_on_from_the_write_until_the_error_is_gone() {
        let mut bench = Bench::new(make);
        bench.device.set_ferr(true);
        bench.write(0, 0, 0);
        assert!(bench.device.set_ferr(true), "still asserted: no new request");
        assert_eq!(bench.lines.levels(), 0);
        assert!(!bench.device.set_ferr(false));
        assert!(!bench.device.set_ferr(true), "another error");
        assert_eq!(bench.lines.levels(), 1);
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(make, |device, random| {
            let _ = device.set_ferr(random.next_u64() & 1 != 0);
        });
    }
}
