//! Rounds of AES (FIPS 197; SDM vol. 2, AESENC and its kin). Byte `n` of a state is row `n % 4` of column `n / 4`.

/// A product in the field of bytes modulo x⁸ + x⁴ + x³ + x + 1.
const fn times(a: u8, b: u8) -> u8 {
    let (mut a, mut b, mut product) = (a, b, 0);
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = a << 1 ^ if a & 0x80 != 0 { 0x1B } else { 0 };
        b >>= 1;
    }
    product
}

/// The substitution: the inverse in the field (of zero, zero), then an affine map (FIPS 197, 5.1.1).
static FORWARD: [u8; 256] = {
    let mut table = [0x63; 256];
    // 3 generates all that is not zero, and F6h is its inverse.
    let (mut a, mut inverse) = (1u8, 1u8);
    let mut n = 0;
    while n < 255 {
        let mut v = 0x63;
        let mut turn = 0;
        while turn < 5 {
            v ^= inverse.rotate_left(turn);
            turn += 1;
        }
        table[a as usize] = v;
        a = times(a, 3);
        inverse = times(inverse, 0xF6);
        n += 1;
    }
    table
};

/// Its inverse.
static BACKWARD: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        table[FORWARD[n] as usize] = n as u8;
        n += 1;
    }
    table
};

/// Each byte substituted, each row turned: to the left by its number times `step`.
fn substitute_and_turn(state: u128, table: &[u8; 256], step: usize) -> u128 {
    let from = state.to_le_bytes();
    let to = std::array::from_fn(|n| table[usize::from(from[(n + 4 * step * (n % 4)) % 16])]);
    u128::from_le_bytes(to)
}

/// What a byte at the top of a column contributes to it, given the factors (FIPS 197, 5.1.3).
const fn column(factors: [u8; 4]) -> [u32; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let [a, b, c, d] = factors;
        let v = n as u8;
        table[n] = u32::from_le_bytes([times(v, a), times(v, b), times(v, c), times(v, d)]);
        n += 1;
    }
    table
}

static MIX: [u32; 256] = column([2, 1, 1, 3]);
static MIX_INVERSE: [u32; 256] = column([14, 9, 13, 11]);

/// Each column times a polynomial.
fn mix(state: u128, table: &[u32; 256]) -> u128 {
    let one = |column: u32| {
        let contribution = |(n, b): (u32, u8)| table[usize::from(b)].rotate_left(8 * n);
        (0..).zip(column.to_le_bytes()).map(contribution).fold(0, |sum, v| sum ^ v)
    };
    [0, 32, 64, 96].iter().fold(0, |r, at| r | u128::from(one((state >> at) as u32)) << at)
}

/// InvMixColumns.
pub(super) fn mix_inverse(state: u128) -> u128 {
    mix(state, &MIX_INVERSE)
}

/// A round; the last one does not mix.
pub(super) fn encrypt(state: u128, key: u128, mixes: bool) -> u128 {
    let state = substitute_and_turn(state, &FORWARD, 1);
    key ^ if mixes { mix(state, &MIX) } else { state }
}

/// A round of the equivalent inverse cipher.
pub(super) fn decrypt(state: u128, key: u128, mixes: bool) -> u128 {
    let state = substitute_and_turn(state, &BACKWARD, 3);
    key ^ if mixes { mix_inverse(state) } else { state }
}

/// AESKEYGENASSIST.
pub(super) fn key_assist(round: u8, v: u128) -> u128 {
    let word = |n: u32| (v >> (32 * n)) as u32;
    let substituted = |v: u32| u32::from_le_bytes(v.to_le_bytes().map(|b| FORWARD[usize::from(b)]));
    let [x, y] = [word(1), word(3)].map(substituted);
    let turned = |v: u32| u128::from(v.rotate_right(8) ^ u32::from(round));
    u128::from(x) | turned(x) << 32 | u128::from(y) << 64 | turned(y) << 96
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_the_standard() {
        // FIPS 197, appendix B: input, key, output.
        let bytes = |s: u128| s.swap_bytes();
        let mut key = bytes(0x2b7e1516_28aed2a6_abf71588_09cf4f3c);
        let mut state = bytes(0x3243f6a8_885a308d_313198a2_e0370734) ^ key;
        let mut round_constant = 1;
        for round in 1..=10 {
            let mut next = key_assist(round_constant, key) >> 96;
            let mut new = 0;
            for n in 0..4 {
                next ^= key >> (32 * n) & 0xFFFF_FFFF;
                new |= next << (32 * n);
            }
            (key, round_constant) = (new, times(round_constant, 2));
            let before = state;
            state = encrypt(state, key, round < 10);
            // And back, where nothing was mixed.
            if round == 10 {
                assert_eq!(decrypt(state ^ key, 0, false), before);
            }
        }
        assert_eq!(state, bytes(0x3925841d_02dc09fb_dc118597_196a0b32));
        assert_eq!(mix_inverse(mix(key, &MIX)), key);
    }
}
