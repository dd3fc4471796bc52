//! The far end of a serial line.
//!
//! Only what the guest sends goes through the trait. What the user types is given to the UART by the
//! board (`devices::Uart::receive`).

use crate::Tape;

/// Takes what the guest sends.
pub trait Serial {
    /// One byte from the guest.
    fn send(&mut self, byte: u8);
}

/// Nothing is connected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Serial for Null {
    fn send(&mut self, _byte: u8) {}
}

/// Keeps what the guest sent until somebody reads it through a clone.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    sent: Tape<u8>,
}

impl Memory {
    /// Nothing sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was sent since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.sent.take()
    }
}

impl Serial for Memory {
    fn send(&mut self, byte: u8) {
        self.sent.push(byte);
    }
}

/// Notes every byte and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<S> {
    inner: S,
    tape: Tape<u8>,
}

impl<S: Serial> Recording<S> {
    /// Records what goes to `inner`.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// What passed; a clone stays valid when `self` is given away.
    #[must_use]
    pub fn tape(&self) -> Tape<u8> {
        self.tape.clone()
    }
}

impl<S: Serial> Serial for Recording<S> {
    fn send(&mut self, byte: u8) {
        self.tape.push(byte);
        self.inner.send(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_can_be_read_through_a_clone() {
        let memory = Memory::new();
        let mut line = Recording::new(memory.clone());
        let tape = line.tape();
        for byte in *b"hi" {
            line.send(byte);
        }
        assert_eq!(memory.take(), b"hi");
        assert_eq!(tape.take(), b"hi");
        assert!(memory.take().is_empty());
    }
}
