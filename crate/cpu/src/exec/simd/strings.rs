//! String comparison of SSE4.2 (SDM vol. 1, 12.8; vol. 2, 4.1).

use x86::eflags::{CF, OF, SF, ZF};

/// Elements of a string, and how many of them count.
#[derive(Clone, Copy)]
struct Text {
    /// As numbers that compare as the elements do.
    elements: [i32; 16],
    len: usize,
}

impl Text {
    /// `length` is a length if one is given; else the first zero ends the string.
    fn new(v: u128, imm: u8, length: Option<u32>) -> Self {
        let bytes = v.to_le_bytes();
        let word = |n: usize| u16::from_le_bytes([bytes[2 * n % 16], bytes[(2 * n + 1) % 16]]);
        let elements = std::array::from_fn(|n| match imm & 3 {
            0 => bytes[n].into(),
            1 => word(n).into(),
            2 => (bytes[n] as i8).into(),
            _ => (word(n) as i16).into(),
        });
        let most = count(imm);
        let len = match length {
            Some(length) => (length as i32).unsigned_abs().min(most as u32) as usize,
            None => elements[..most].iter().position(|e| *e == 0).unwrap_or(most),
        };
        Self { elements, len }
    }

    /// The elements that count.
    fn valid(&self) -> &[i32] {
        self.elements.get(..self.len).unwrap_or_default()
    }

    /// An element, if it counts.
    fn at(&self, n: usize) -> Option<i32> {
        self.valid().get(n).copied()
    }
}

/// Elements of a vector.
const fn count(imm: u8) -> usize {
    if imm & 1 != 0 { 8 } else { 16 }
}

/// Whether element `n` of `b` matches: IntRes1 of the manual.
fn matches(imm: u8, a: &Text, b: &Text, n: usize) -> bool {
    match imm >> 2 & 3 {
        // Equal any.
        0 => b.at(n).is_some_and(|x| a.valid().contains(&x)),
        // Ranges. One without an end is none.
        1 => b.at(n).is_some_and(|x| a.valid().chunks_exact(2).any(|r| r[0] <= x && x <= r[1])),
        // Equal each: what lies behind both ends is equal.
        2 => a.at(n) == b.at(n),
        // Equal ordered: `a` begins here, as far as the vector goes.
        _ => (n..count(imm)).zip(a.valid()).all(|(at, x)| b.at(at) == Some(*x)),
    }
}

/// What matched, a bit for each element of `b` (IntRes2 of the manual), and from bit 16 on the flags.
pub(in super::super) fn compare(imm: u8, a: u128, b: u128, lengths: Option<[u32; 2]>) -> u32 {
    let a = Text::new(a, imm, lengths.map(|l| l[0]));
    let b = Text::new(b, imm, lengths.map(|l| l[1]));
    let most = count(imm);
    let mut bits = 0;
    for n in 0..most {
        let negates = imm & 0x10 != 0 && (imm & 0x20 == 0 || n < b.len);
        bits |= u32::from(matches(imm, &a, &b, n) != negates) << n;
    }
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    let flags =
        flag(bits != 0, CF) | flag(b.len < most, ZF) | flag(a.len < most, SF) | flag(bits & 1 != 0, OF);
    bits | flags << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(s: &[u8]) -> u128 {
        let mut bytes = [0; 16];
        bytes[..s.len()].copy_from_slice(s);
        u128::from_le_bytes(bytes)
    }

    #[test]
    fn the_four_ways_to_compare() {
        let both = |imm, a: &[u8], b: &[u8]| compare(imm, text(a), text(b), None);
        let ends = (ZF | SF) << 16;
        assert_eq!(both(0x00, b"aeiou", b"hello"), 0b10010 | ends | CF << 16);
        assert_eq!(both(0x04, b"azAZ", b"+a-Z"), 0b1010 | ends | CF << 16);
        assert_eq!(both(0x08, b"same", b"some"), 0xFFFD | ends | (CF | OF) << 16);
        assert_eq!(both(0x0C, b"lo", b"lolo"), 0b0101 | ends | (CF | OF) << 16);
        // Negated, and within the string only.
        assert_eq!(both(0x10, b"aeiou", b"hello"), 0xFFED | ends | (CF | OF) << 16);
        assert_eq!(both(0x30, b"aeiou", b"hello"), 0b01101 | ends | (CF | OF) << 16);
        // Lengths may be negative, and too large.
        assert_eq!(compare(0x08, 0, 0, Some([u32::MAX, i32::MIN as u32])), 1 | (SF | CF | OF) << 16);
    }
}
