//! Random bytes for the guest (RDRAND, random devices), never for the machine's own decisions.

use crate::Tape;

/// A source of random bytes.
pub trait Entropy {
    /// Fills all of `into`.
    fn fill(&mut self, into: &mut [u8]);
}

/// Zeros: for machines that offer no random device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Entropy for Null {
    fn fill(&mut self, into: &mut [u8]) {
        into.fill(0);
    }
}

/// A repeatable stream from a seed.
///
/// The generator is a counter put through a mixing function, SplitMix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", OOPSLA 2014): the 64-bit state grows by
/// 9E3779B97F4A7C15h (2^64 divided by the golden ratio, odd) for each number, and the number is the state
/// after two rounds of xor-shift and multiply. The period is 2^64 numbers. It is **not** fit for secrets; a
/// run that may be repeated has none. Each number gives eight bytes, lowest first; a request takes
/// whole numbers, so that the stream depends only on the requests' lengths and the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// The stream of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The state: `new(state)` continues the stream from here.
    #[must_use]
    pub const fn state(&self) -> u64 {
        self.state
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.state;
        let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

/// Notes every answer and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<E> {
    inner: E,
    tape: Tape<Vec<u8>>,
}

impl<E: Entropy> Recording<E> {
    /// Records the answers of `inner`.
    #[must_use]
    pub fn new(inner: E) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// One entry per request.
    #[must_use]
    pub fn tape(&self) -> Tape<Vec<u8>> {
        self.tape.clone()
    }
}

impl<E: Entropy> Entropy for Recording<E> {
    fn fill(&mut self, into: &mut [u8]) {
        self.inner.fill(into);
        self.tape.push(into.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_follows_from_the_seed() {
        // The published test sequence for seed 1234567.
        let mut seeded = Seeded::new(1_234_567);
        assert_eq!(seeded.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(seeded.next_u64(), 3_203_168_211_198_807_973);
        let mut again = Seeded::new(seeded.state());
        assert_eq!(again.next_u64(), seeded.next_u64());
    }

    #[test]
    fn short_requests_are_filled() {
        let mut source = Recording::new(Seeded::new(1));
        let mut bytes = [0; 11];
        source.fill(&mut bytes);
        assert_ne!(bytes[8..], [0; 3]);
        assert_eq!(source.tape().take(), [bytes.to_vec()]);
        Null.fill(&mut bytes);
        assert_eq!(bytes, [0; 11]);
    }
}
