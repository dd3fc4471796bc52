//! Where the guest's sound goes.
//!
//! A sound device makes samples at the pace of virtual time and never asks whether the host kept up: a
//! host that is late drops, one that is early plays silence. So sound cannot change what the guest does.

use crate::Tape;

/// One moment of sound: left, right.
pub type StereoFrame = [i16; 2];

/// Plays sound.
pub trait Audio {
    /// The next frames, at `rate` frames a second. The rate may change from call to call.
    fn play(&mut self, rate: u32, frames: &[StereoFrame]);
}

/// No loudspeaker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Audio for Null {
    fn play(&mut self, _rate: u32, _frames: &[StereoFrame]) {}
}

/// Keeps the last frames; clones share them.
#[derive(Clone, Debug)]
pub struct Memory {
    keep: usize,
    frames: Tape<StereoFrame>,
}

impl Memory {
    /// Keeps the last `keep` frames.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self { keep, frames: Tape::new() }
    }

    /// Takes what was played, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<StereoFrame> {
        self.frames.take()
    }
}

impl Audio for Memory {
    fn play(&mut self, _rate: u32, frames: &[StereoFrame]) {
        self.frames.extend(frames.iter().copied());
        self.frames.keep_last(self.keep);
    }
}

/// A call that a recording has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// Frames a second.
    pub rate: u32,
    /// The frames.
    pub frames: Vec<StereoFrame>,
}

/// Notes every call and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<A> {
    inner: A,
    tape: Tape<Played>,
}

impl<A: Audio> Recording<A> {
    /// Records what goes to `inner`.
    #[must_use]
    pub fn new(inner: A) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// The calls.
    #[must_use]
    pub fn tape(&self) -> Tape<Played> {
        self.tape.clone()
    }
}

impl<A: Audio> Audio for Recording<A> {
    fn play(&mut self, rate: u32, frames: &[StereoFrame]) {
        self.tape.push(Played { rate, frames: frames.to_vec() });
        self.inner.play(rate, frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_frames_are_kept() {
        let memory = Memory::new(2);
        let mut audio = Recording::new(memory.clone());
        audio.play(44_100, &[[1, 1], [2, 2], [3, 3]]);
        assert_eq!(memory.take(), [[2, 2], [3, 3]]);
        assert_eq!(audio.tape().take(), [Played { rate: 44_100, frames: vec![[1, 1], [2, 2], [3, 3]] }]);
        Null.play(8000, &[]);
    }
}
