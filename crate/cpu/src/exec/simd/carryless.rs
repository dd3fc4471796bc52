//! Polynomials over the field of two elements: PCLMULQDQ and CRC32 (SDM vol. 2).

use crate::insn::Width;

/// The product of two polynomials, four terms of the second at a time.
pub(super) fn multiply(a: u64, b: u64) -> u128 {
    let mut multiples = [0; 16];
    for n in 1..16 {
        multiples[n] = multiples[n / 2] << 1 ^ u128::from(if n & 1 != 0 { a } else { 0 });
    }
    (0..16).rev().fold(0, |product, n| product << 4 ^ multiples[(b >> (4 * n) & 15) as usize])
}

/// 11EDC6F41h, the polynomial of CRC-32C, its bits in reverse order and without the highest.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// What each value of a byte leaves behind.
static REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut rest = n as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = rest >> 1 ^ if rest & 1 != 0 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[n] = rest;
        n += 1;
    }
    table
};

/// CRC-32C of what had `crc` and, after it, a value of some bytes. Nothing is inverted.
#[inline]
pub(in super::super) fn crc32(w: Width, crc: u32, v: u32) -> u32 {
    let bytes = v.to_le_bytes().into_iter().take(w.bytes() as usize);
    bytes.fold(crc, |crc, byte| crc >> 8 ^ REMAINDERS[usize::from(crc as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_crc_32c() {
        let crc = b"123456789".iter().fold(u32::MAX, |crc, b| crc32(Width::W8, crc, u32::from(*b)));
        assert_eq!(!crc, 0xE306_9283);
    }
}
