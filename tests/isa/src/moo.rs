//! MOO files: tests captured from a processor, gzip-compressed or not.
//!
//! A file is chunks of `type[4] length[u32] payload`, little-endian. A `TEST` holds an index and chunks in
//! turn: `NAME`, `BYTS`, `INIT` and `FINA` (each with `REGS` and `RAM `), and `EXCP`. What a `FINA` does not
//! name has not changed.

use std::io::Read;

/// Registers in the order of a `REGS` mask.
pub const REGISTERS: [&str; 14] =
    ["ax", "bx", "cx", "dx", "cs", "ss", "ds", "es", "sp", "bp", "si", "di", "ip", "flags"];
/// Place of CS in it.
pub const CS: usize = 4;
/// Place of SS.
pub const SS: usize = 5;
/// Place of SP.
pub const SP: usize = 8;
/// Place of BP.
pub const BP: usize = 9;
/// Place of IP.
pub const IP: usize = 12;
/// Place of FLAGS.
pub const FLAGS: usize = 13;

/// State before or after.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Those that are named.
    pub registers: [Option<u16>; 14],
    /// Physical address and value.
    pub ram: Vec<(u32, u8)>,
}

/// One test.
#[derive(Clone, Debug, Default)]
pub struct Test {
    /// Number in the full set.
    pub index: u32,
    /// Disassembly.
    pub name: String,
    /// The instruction.
    pub bytes: Vec<u8>,
    /// Before.
    pub before: State,
    /// After.
    pub after: State,
    /// An exception's (or software interrupt's) vector.
    pub exception: Option<u8>,
}

/// A reader of chunks.
struct Chunks<'a>(&'a [u8]);

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8], &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        let length = word(self.0, 4)? as usize;
        let (kind, payload) = (self.0.get(..4)?, self.0.get(8..8 + length)?);
        self.0 = &self.0[8 + length..];
        Some((kind, payload))
    }
}

fn registers(p: &[u8]) -> Option<[Option<u16>; 14]> {
    let mask = u16::from_le_bytes([*p.first()?, *p.get(1)?]);
    let mut values = p[2..].chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let mut out = [None; 14];
    for (n, slot) in out.iter_mut().enumerate() {
        if mask >> n & 1 != 0 {
            *slot = Some(values.next()?);
        }
    }
    Some(out)
}

fn state(p: &[u8]) -> Option<State> {
    let mut out = State::default();
    for (kind, p) in Chunks(p) {
        match kind {
            b"REGS" => out.registers = registers(p)?,
            b"RAM " => {
                let entries = p.get(4..)?.chunks_exact(5);
                out.ram = entries.map(|e| Some((word(e, 0)?, e[4]))).collect::<Option<_>>()?;
            }
            _ => {}
        }
    }
    Some(out)
}

/// Text or bytes with their length in front.
fn counted(p: &[u8]) -> Option<Vec<u8>> {
    Some(p.get(4..4 + word(p, 0)? as usize)?.to_vec())
}

fn test(p: &[u8]) -> Option<Test> {
    let mut out = Test { index: word(p, 0)?, ..Test::default() };
    for (kind, p) in Chunks(p.get(4..)?) {
        match kind {
            b"NAME" => out.name = String::from_utf8_lossy(&counted(p)?).into_owned(),
            b"BYTS" => out.bytes = counted(p)?,
            b"INIT" => out.before = state(p)?,
            b"FINA" => out.after = state(p)?,
            b"EXCP" => out.exception = Some(*p.first()?),
            _ => {}
        }
    }
    Some(out)
}

/// Unpacks a file if it is gzip-compressed.
///
/// # Errors
/// When the compressed data are damaged.
pub fn unpack(file: &[u8]) -> std::io::Result<Vec<u8>> {
    if !file.starts_with(&[0x1F, 0x8B]) {
        return Ok(file.to_vec());
    }
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut out)?;
    Ok(out)
}

/// The tests of an unpacked file; `None` if it is not one, or damaged.
#[must_use]
pub fn parse(file: &[u8]) -> Option<Vec<Test>> {
    if !file.starts_with(b"MOO ") {
        return None;
    }
    Chunks(file).filter(|(kind, _)| *kind == b"TEST").map(|(_, p)| test(p)).collect()
}

/// The same file with about `n` of its tests, evenly taken.
#[must_use]
pub fn sample(file: &[u8], n: usize) -> Vec<u8> {
    let count = Chunks(file).filter(|(kind, _)| *kind == b"TEST").count();
    let step = (count / n.max(1)).max(1);
    let mut out = Vec::new();
    let mut seen = 0;
    for (kind, p) in Chunks(file) {
        let is_test = kind == b"TEST";
        if !is_test || (seen % step == 0 && seen / step < n) {
            out.extend_from_slice(kind);
            out.extend_from_slice(&(p.len() as u32).to_le_bytes());
            out.extend_from_slice(p);
        }
        seen += usize::from(is_test);
    }
    out
}
