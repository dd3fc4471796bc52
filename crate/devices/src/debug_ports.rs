//! Ports for messages from below any driver: the E9h console, the F4h exit, and 80h POST codes.
//!
//! The first two are conventions of PC emulators (a byte written is printed, reading gives E9h to say that
//! someone listens; a value written ends the run). Port 80h is where PC firmware reports its progress (IBM
//! PC AT Technical Reference, "POST"). The board places them; none of them exists on a real board but the
//! last.

use bus::{Device, IoError, IoResult, PortIo, Region, Saved, Snapshot, SnapshotError, Width, decode, encode};
use host::Serial;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;

/// What the console port reads as.
const LISTENING: u32 = 0xE9;

/// The console at port E9h.
pub struct DebugConsole {
    // Glue.
    out: Box<dyn Serial>,
}

impl fmt::Debug for DebugConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DebugConsole").finish_non_exhaustive()
    }
}

impl DebugConsole {
    /// Sends what the guest writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Serial>) -> Self {
        Self { out }
    }
}

impl Device for DebugConsole {
    fn reset(&mut self) {
        let Self { out: _ } = self;
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "console", len: 1 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for DebugConsole {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        only_byte(region, offset, width)?;
        Ok(LISTENING)
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        only_byte(region, offset, width)?;
        self.out.send(value as u8);
        Ok(())
    }
}

/// For a chip with one register of one byte.
fn only_byte(region: usize, offset: u16, width: Width) -> IoResult<()> {
    match (region, offset, width) {
        (0, 0, Width::Byte) => Ok(()),
        (0, 0, _) => Err(IoError::BadWidth),
        _ => Err(IoError::NoRegister),
    }
}

#[derive(Serialize, Deserialize)]
struct DebugConsoleV1;

impl Snapshot for DebugConsole {
    fn saved_as(&self) -> (&'static str, u16) {
        ("debug_console", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { out: _ } = self;
        encode(&DebugConsoleV1)
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let DebugConsoleV1 = decode(part, saved.bytes)?;
        Ok(())
    }
}

/// The port at F4h by which a guest ends the run.
#[derive(Debug, Default)]
pub struct ExitPort {
    // State.
    request: Option<u32>,
}

impl ExitPort {
    /// With no request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The value that the guest has written. A command line that follows the convention exits with
    /// [`exit_status`] of it.
    #[must_use]
    pub fn exit_request(&self) -> Option<u32> {
        self.request
    }
}

/// The exit status for a value written to the exit port: odd, so that it is never success.
#[must_use]
pub const fn exit_status(value: u32) -> u32 {
    value << 1 | 1
}

impl Device for ExitPort {
    fn reset(&mut self) {
        let Self { request } = self;
        *request = None;
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "exit", len: 4 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for ExitPort {
    fn read(&mut self, region: usize, offset: u16, _width: Width) -> IoResult<u32> {
        if (region, offset) == (0, 0) { Ok(0) } else { Err(IoError::NoRegister) }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if (region, offset) != (0, 0) {
            return Err(IoError::NoRegister);
        }
        self.request = Some(value & width.ones());
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct ExitPortV1 {
    request: Option<u32>,
}

impl Snapshot for ExitPort {
    fn saved_as(&self) -> (&'static str, u16) {
        ("exit_port", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { request } = self;
        encode(&ExitPortV1 { request: *request })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let ExitPortV1 { request } = decode(part, saved.bytes)?;
        *self = Self { request };
        Ok(())
    }
}

/// POST codes kept for the log.
const KEPT_CODES: usize = 16;

/// The POST code latch at port 80h.
#[derive(Debug, Default)]
pub struct PostCode {
    // State.
    code: u8,
    last: VecDeque<u8>,
}

impl PostCode {
    /// With no code yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last codes, oldest first; a code that repeats is kept once. (Kernels write here to pass time,
    /// always the same value.)
    pub fn codes(&self) -> impl Iterator<Item = u8> {
        self.last.iter().copied()
    }
}

impl Device for PostCode {
    fn reset(&mut self) {
        let Self { code, last } = self;
        *code = 0;
        last.clear();
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "post", len: 1 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for PostCode {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        only_byte(region, offset, width)?;
        Ok(self.code.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        only_byte(region, offset, width)?;
        self.code = value as u8;
        if self.last.back() != Some(&self.code) {
            if self.last.len() >= KEPT_CODES {
                self.last.pop_front();
            }
            self.last.push_back(self.code);
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct PostCodeV1 {
    code: u8,
    last: Vec<u8>,
}

impl Snapshot for PostCode {
    fn saved_as(&self) -> (&'static str, u16) {
        ("post_code", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { code, last } = self;
        encode(&PostCodeV1 { code: *code, last: last.iter().copied().collect() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let PostCodeV1 { code, last } = decode(part, saved.bytes)?;
        if last.len() > KEPT_CODES {
            return Err(SnapshotError::Invalid { part, why: "more codes than are kept" });
        }
        *self = Self { code, last: last.into() };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};
    use host::serial;

    #[test]
    fn the_console_prints_and_says_that_it_listens() {
        let memory = serial::Memory::new();
        let mut bench = Bench::new(|_, _| DebugConsole::new(Box::new(memory.clone())));
        bench.write(0, 0, b'h');
        bench.write(0, 0, b'i');
        assert_eq!(memory.take(), b"hi");
        assert_eq!(bench.read(0, 0), 0xE9);
        shake(|_, _| DebugConsole::new(Box::new(serial::Null)), |_, _| {});
    }

    #[test]
    fn the_exit_port_keeps_the_value_until_reset() {
        let mut port = ExitPort::new();
        assert_eq!(port.exit_request(), None);
        port.write(0, 0, Width::Byte, 0x1_0010).unwrap();
        assert_eq!(port.exit_request().map(exit_status), Some(0x21));
        port.write(0, 0, Width::Dword, u32::MAX).unwrap();
        assert_eq!(port.exit_request().map(exit_status), Some(u32::MAX));
        port.reset();
        assert_eq!(port.exit_request(), None);
        shake(|_, _| ExitPort::new(), |_, _| {});
    }

    #[test]
    fn post_codes_are_kept_in_order() {
        let mut bench = Bench::new(|_, _| PostCode::new());
        for code in [1, 2, 2, 3] {
            bench.write(0, 0, code);
        }
        assert_eq!(bench.read(0, 0), 3);
        assert_eq!(bench.device.codes().collect::<Vec<_>>(), [1, 2, 3]);
        for code in 0..100 {
            bench.write(0, 0, code);
        }
        assert_eq!(bench.device.codes().collect::<Vec<_>>(), (84..100).collect::<Vec<_>>());
        shake(|_, _| PostCode::new(), |_, _| {});
    }
}
