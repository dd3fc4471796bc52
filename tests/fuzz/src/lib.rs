//! What a guest could do, made from bytes: the same entry points for a fuzzer that is led by coverage (libfuzzer/), and for the
//! tests here, which give them random bytes.
//!
//! Nothing is asserted but that it ends: a panic, an overflow (tests are built with checks) or a loop without bound is the bug.

mod machine;
mod processor;

pub use machine::machine;
pub use processor::processor;

/// The bytes, taken one by one; zeros when they are used up.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let n = N.min(self.0.len());
        bytes[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        bytes
    }

    fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn dword(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}
