//! The cable at a network card.
//!
//! Frames the guest sends go through the trait; frames for the guest are collected by the board with
//! [`Network::receive`] between slices and given to the card, so that a recorded run can give them again at
//! the same point.

use crate::Tape;

/// An Ethernet frame without its check sequence: at most 14 bytes of header, 4 of VLAN tag, 1500 of data.
pub const MAX_FRAME: usize = 1518;

/// Carries Ethernet frames.
pub trait Network {
    /// A frame from the guest, without the frame check sequence.
    fn send(&mut self, frame: &[u8]);
    /// The next frame for the guest, if one has come.
    fn receive(&mut self) -> Option<Vec<u8>>;
}

/// No cable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Network for Null {
    fn send(&mut self, _frame: &[u8]) {}

    fn receive(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// One end of a cable whose other end is in the same program.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    out: Tape<Vec<u8>>,
    back: Tape<Vec<u8>>,
}

impl Memory {
    /// The two ends of a cable.
    #[must_use]
    pub fn pair() -> (Self, Self) {
        let (a, b) = (Tape::new(), Tape::new());
        (Self { out: a.clone(), back: b.clone() }, Self { out: b, back: a })
    }
}

impl Network for Memory {
    fn send(&mut self, frame: &[u8]) {
        self.out.push(frame.to_vec());
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.back.pop()
    }
}

/// A frame that a recording has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// From the guest.
    Sent(Vec<u8>),
    /// To the guest.
    Received(Vec<u8>),
}

/// Notes every frame and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<N> {
    inner: N,
    tape: Tape<Passed>,
}

impl<N: Network> Recording<N> {
    /// Records what goes through `inner`.
    #[must_use]
    pub fn new(inner: N) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The frames, both ways.
    #[must_use]
    pub fn tape(&self) -> Tape<Passed> {
        self.tape.clone()
    }
}

impl<N: Network> Network for Recording<N> {
    fn send(&mut self, frame: &[u8]) {
        self.tape.push(Passed::Sent(frame.to_vec()));
        self.inner.send(frame);
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let frame = self.inner.receive()?;
        self.tape.push(Passed::Received(frame.clone()));
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_at_one_end_comes_out_at_the_other() {
        let (card, mut peer) = Memory::pair();
        let mut card = Recording::new(card);
        card.send(b"ping");
        assert_eq!(peer.receive(), Some(b"ping".to_vec()));
        peer.send(b"pong");
        assert_eq!(card.receive(), Some(b"pong".to_vec()));
        assert_eq!(card.receive(), None);
        assert_eq!(card.tape().take(), [Passed::Sent(b"ping".to_vec()), Passed::Received(b"pong".to_vec())]);
        Null.send(b"x");
        assert_eq!(Null.receive(), None);
    }
}
