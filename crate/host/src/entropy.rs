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

/// A stream that nobody can foretell who does not know the key: the keystream of ChaCha20 (RFC 8439, 2.3), with the
/// stream's number as the nonce's last word and a block counter of 64 bits. Streams of one key do not tell of each other.
/// Each number gives eight bytes, lowest first; a request takes whole numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyed {
    key: [u8; 32],
    stream: u32,
    position: u64,
}

impl Keyed {
    /// The stream of this number under a key, from so many numbers on.
    #[must_use]
    pub const fn new(key: [u8; 32], stream: u32, position: u64) -> Self {
        Self { key, stream, position }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> [u8; 32] {
        self.key
    }

    /// How many numbers it has given.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        let counter = self.position / 8;
        let block = chacha20(&self.key, [counter as u32, (counter >> 32) as u32, 0, self.stream]);
        let at = (self.position % 8) as usize * 2;
        self.position = self.position.wrapping_add(1);
        let word = |n: usize| block.get(n).copied().map_or(0, u64::from);
        word(at) | word(at + 1) << 32
    }
}

impl Entropy for Keyed {
    fn fill(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

/// The block function of ChaCha20; `input` is the last row, counter and nonce.
fn chacha20(key: &[u8; 32], input: [u32; 4]) -> [u32; 16] {
    /// The words of the four quarter rounds down the columns, and along the diagonals.
    const QUARTERS: [[usize; 4]; 8] = [
        [0, 4, 8, 12],
        [1, 5, 9, 13],
        [2, 6, 10, 14],
        [3, 7, 11, 15],
        [0, 5, 10, 15],
        [1, 6, 11, 12],
        [2, 7, 8, 13],
        [3, 4, 9, 14],
    ];
    let mut start = [0u32; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646E, 0x7962_2D32, 0x6B20_6574]);
    for (word, bytes) in start[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b));
    }
    start[12..].copy_from_slice(&input);
    let mut s = start;
    for _ in 0..10 {
        for [a, b, c, d] in QUARTERS {
            for (x, y, z, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                s[x] = s[x].wrapping_add(s[y]);
                s[z] = (s[z] ^ s[x]).rotate_left(by);
            }
        }
    }
    for (word, first) in s.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    s
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
    fn keyed_streams_are_chacha20() {
        // RFC 8439, 2.3.2.
        let key = std::array::from_fn(|n| n as u8);
        let block = chacha20(&key, [1, 0x0900_0000, 0x4A00_0000, 0]);
        assert_eq!(block[..4], [0xE4E7_F110, 0x1559_3BD1, 0x1FDD_0F50, 0xC471_20A3]);
        assert_eq!(block[15], 0x4E3C_50A2);
        let mut stream = Keyed::new(key, 7, 0);
        let numbers: Vec<u64> = (0..20).map(|_| stream.next_u64()).collect();
        let mut later = Keyed::new(stream.key(), 7, 9);
        assert_eq!([later.next_u64(), later.next_u64()], numbers[9..11]);
        assert_ne!(Keyed::new(key, 8, 0).next_u64(), numbers[0]);
        assert_eq!(stream.position(), 20);
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
