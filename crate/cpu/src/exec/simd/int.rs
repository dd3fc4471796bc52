//! Packed integers: pure functions on vectors (SDM vol. 2, under the instructions of MMX and SSE2).
//!
//! Loops over arrays of known length, so that the compiler makes vector code of them.

use super::{halves, join};
use crate::insn::Width;
use crate::micro::{Shuffle, VecOp};

/// Conversions between a vector and its elements, and operations element by element.
macro_rules! elements {
    ($split:ident, $unite:ident, $each:ident, $t:ty, $n:literal) => {
        #[inline(always)]
        fn $split(v: u128) -> [$t; $n] {
            const SIZE: usize = size_of::<$t>();
            let bytes = v.to_le_bytes();
            let mut r = [0; $n];
            for n in 0..$n {
                let mut one = [0; SIZE];
                one.copy_from_slice(&bytes[n * SIZE..(n + 1) * SIZE]);
                r[n] = <$t>::from_le_bytes(one);
            }
            r
        }
        #[inline(always)]
        fn $unite(v: [$t; $n]) -> u128 {
            const SIZE: usize = size_of::<$t>();
            let mut bytes = [0; 16];
            for n in 0..$n {
                bytes[n * SIZE..(n + 1) * SIZE].copy_from_slice(&v[n].to_le_bytes());
            }
            u128::from_le_bytes(bytes)
        }
        #[inline(always)]
        fn $each(a: u128, b: u128, f: impl Fn($t, $t) -> $t) -> u128 {
            let (a, b) = ($split(a), $split(b));
            let mut r = [0; $n];
            for n in 0..$n {
                r[n] = f(a[n], b[n]);
            }
            $unite(r)
        }
    };
}

elements!(bytes, of_bytes, each_b, u8, 16);
elements!(words, of_words, each_w, u16, 8);
elements!(dwords, of_dwords, each_d, u32, 4);

#[inline(always)]
fn each_q(a: u128, b: u128, f: impl Fn(u64, u64) -> u64) -> u128 {
    let ([a0, a1], [b0, b1]) = (halves(a), halves(b));
    join(f(a0, b0), f(a1, b1))
}

/// The signed high half of a product.
#[inline(always)]
fn high_signed(a: u16, b: u16) -> u16 {
    (i32::from(a as i16) * i32::from(b as i16) >> 16) as u16
}

/// Two neighbouring products of signed words; only 8000h four times overflows, and wraps.
#[inline(always)]
fn multiply_add(a: u32, b: u32) -> u32 {
    let product = |a: u32, b: u32| i32::from(a as i16) * i32::from(b as i16);
    product(a, b).wrapping_add(product(a >> 16, b >> 16)) as u32
}

/// Sum of the absolute differences of eight bytes.
#[inline(always)]
fn differences(a: u64, b: u64) -> u64 {
    a.to_le_bytes().iter().zip(b.to_le_bytes()).map(|(a, b)| u64::from(a.abs_diff(b))).sum()
}

/// All ones if true.
macro_rules! mask {
    ($t:ty, $c:expr) => {
        if $c { <$t>::MAX } else { 0 }
    };
}

/// Shifts of elements by the low half of `b`, all by the same count; too large a count leaves zero or signs.
#[inline(always)]
fn shift(op: VecOp, a: u128, b: u128) -> u128 {
    let count = b as u64;
    let within = |bits: u64| count < bits;
    let n = count as u32;
    match op {
        VecOp::ShlW if within(16) => each_w(a, 0, |a, _| a << (n & 15)),
        VecOp::ShlD if within(32) => each_d(a, 0, |a, _| a << (n & 31)),
        VecOp::ShlQ if within(64) => each_q(a, 0, |a, _| a << (n & 63)),
        VecOp::ShrW if within(16) => each_w(a, 0, |a, _| a >> (n & 15)),
        VecOp::ShrD if within(32) => each_d(a, 0, |a, _| a >> (n & 31)),
        VecOp::ShrQ if within(64) => each_q(a, 0, |a, _| a >> (n & 63)),
        VecOp::SarW => {
            let n = count.min(15) as u32;
            each_w(a, 0, |a, _| (a as i16 >> n) as u16)
        }
        VecOp::SarD => {
            let n = count.min(31) as u32;
            each_d(a, 0, |a, _| (a as i32 >> n) as u32)
        }
        VecOp::ShlBytes if within(16) => a << (8 * n),
        VecOp::ShrBytes if within(16) => a >> (8 * n),
        _ => 0,
    }
}

/// Interleaves elements of two halves.
#[inline(always)]
fn unpack(op: VecOp, a: u64, b: u64) -> u128 {
    let (a, b) = (u128::from(a), u128::from(b));
    match op {
        VecOp::UnpackLowB | VecOp::UnpackHighB => {
            let (a, b) = (bytes(a), bytes(b));
            let mut r = [0; 16];
            for n in 0..8 {
                (r[2 * n], r[2 * n + 1]) = (a[n], b[n]);
            }
            of_bytes(r)
        }
        VecOp::UnpackLowW | VecOp::UnpackHighW => {
            let (a, b) = (words(a), words(b));
            of_words([a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]])
        }
        VecOp::UnpackLowD | VecOp::UnpackHighD => {
            let (a, b) = (dwords(a), dwords(b));
            of_dwords([a[0], b[0], a[1], b[1]])
        }
        _ => a | b << 64,
    }
}

/// Narrows words to bytes.
#[inline(always)]
fn pack_words(a: u128, b: u128, f: impl Fn(i16) -> u8) -> u128 {
    let (a, b) = (words(a), words(b));
    let mut r = [0; 16];
    for n in 0..8 {
        (r[n], r[n + 8]) = (f(a[n] as i16), f(b[n] as i16));
    }
    of_bytes(r)
}

/// Narrows doublewords to words.
#[inline(always)]
fn pack_dwords(a: u128, b: u128) -> u128 {
    let (a, b) = (dwords(a), dwords(b));
    let f = |v: u32| (v as i32).clamp(-0x8000, 0x7FFF) as u16;
    let mut r = [0; 8];
    for n in 0..4 {
        (r[n], r[n + 4]) = (f(a[n]), f(b[n]));
    }
    of_words(r)
}

/// A packed operation.
#[inline]
pub(in super::super) fn packed(op: VecOp, a: u128, b: u128) -> u128 {
    match op {
        VecOp::And => a & b,
        VecOp::AndNot => !a & b,
        VecOp::Or => a | b,
        VecOp::Xor => a ^ b,
        VecOp::AddB => each_b(a, b, u8::wrapping_add),
        VecOp::AddW => each_w(a, b, u16::wrapping_add),
        VecOp::AddD => each_d(a, b, u32::wrapping_add),
        VecOp::AddQ => each_q(a, b, u64::wrapping_add),
        VecOp::AddSB => each_b(a, b, |a, b| (a as i8).saturating_add(b as i8) as u8),
        VecOp::AddSW => each_w(a, b, |a, b| (a as i16).saturating_add(b as i16) as u16),
        VecOp::AddUB => each_b(a, b, u8::saturating_add),
        VecOp::AddUW => each_w(a, b, u16::saturating_add),
        VecOp::SubB => each_b(a, b, u8::wrapping_sub),
        VecOp::SubW => each_w(a, b, u16::wrapping_sub),
        VecOp::SubD => each_d(a, b, u32::wrapping_sub),
        VecOp::SubQ => each_q(a, b, u64::wrapping_sub),
        VecOp::SubSB => each_b(a, b, |a, b| (a as i8).saturating_sub(b as i8) as u8),
        VecOp::SubSW => each_w(a, b, |a, b| (a as i16).saturating_sub(b as i16) as u16),
        VecOp::SubUB => each_b(a, b, u8::saturating_sub),
        VecOp::SubUW => each_w(a, b, u16::saturating_sub),
        VecOp::MulLowW => each_w(a, b, u16::wrapping_mul),
        VecOp::MulHighW => each_w(a, b, high_signed),
        VecOp::MulHighUW => each_w(a, b, |a, b| (u32::from(a) * u32::from(b) >> 16) as u16),
        VecOp::MulUD => each_q(a, b, |a, b| (a & 0xFFFF_FFFF) * (b & 0xFFFF_FFFF)),
        VecOp::MulAddW => each_d(a, b, multiply_add),
        VecOp::AvgB => each_b(a, b, |a, b| (u16::from(a) + u16::from(b) + 1 >> 1) as u8),
        VecOp::AvgW => each_w(a, b, |a, b| (u32::from(a) + u32::from(b) + 1 >> 1) as u16),
        VecOp::MinUB => each_b(a, b, u8::min),
        VecOp::MaxUB => each_b(a, b, u8::max),
        VecOp::MinSW => each_w(a, b, |a, b| (a as i16).min(b as i16) as u16),
        VecOp::MaxSW => each_w(a, b, |a, b| (a as i16).max(b as i16) as u16),
        VecOp::SadB => each_q(a, b, differences),
        VecOp::EqB => each_b(a, b, |a, b| mask!(u8, a == b)),
        VecOp::EqW => each_w(a, b, |a, b| mask!(u16, a == b)),
        VecOp::EqD => each_d(a, b, |a, b| mask!(u32, a == b)),
        VecOp::GtB => each_b(a, b, |a, b| mask!(u8, a as i8 > b as i8)),
        VecOp::GtW => each_w(a, b, |a, b| mask!(u16, a as i16 > b as i16)),
        VecOp::GtD => each_d(a, b, |a, b| mask!(u32, a as i32 > b as i32)),
        VecOp::ShlW
        | VecOp::ShlD
        | VecOp::ShlQ
        | VecOp::ShrW
        | VecOp::ShrD
        | VecOp::ShrQ
        | VecOp::SarW
        | VecOp::SarD
        | VecOp::ShlBytes
        | VecOp::ShrBytes => shift(op, a, b),
        VecOp::PackSWB => pack_words(a, b, |v| v.clamp(-0x80, 0x7F) as u8),
        VecOp::PackUWB => pack_words(a, b, |v| v.clamp(0, 0xFF) as u8),
        VecOp::PackSDW => pack_dwords(a, b),
        VecOp::UnpackLowB => unpack(VecOp::UnpackLowB, a as u64, b as u64),
        VecOp::UnpackLowW => unpack(VecOp::UnpackLowW, a as u64, b as u64),
        VecOp::UnpackLowD => unpack(VecOp::UnpackLowD, a as u64, b as u64),
        VecOp::UnpackLowQ => unpack(VecOp::UnpackLowQ, a as u64, b as u64),
        VecOp::UnpackHighB => unpack(VecOp::UnpackHighB, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighW => unpack(VecOp::UnpackHighW, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighD => unpack(VecOp::UnpackHighD, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighQ => unpack(VecOp::UnpackHighQ, (a >> 64) as u64, (b >> 64) as u64),
    }
}

/// Four words of a half, each chosen by two bits.
#[inline(always)]
fn shuffle_half(v: u64, imm: u8) -> u64 {
    (0..4).fold(0, |r, n| r | (v >> (16 * (imm >> (2 * n) & 3)) & 0xFFFF) << (16 * n))
}

/// A shuffle by an immediate.
#[inline]
pub(in super::super) fn shuffle(op: Shuffle, imm: u8, a: u128, b: u128) -> u128 {
    let pick = |n: u8| usize::from(imm >> (2 * n) & 3);
    match op {
        Shuffle::D => {
            let b = dwords(b);
            of_dwords([b[pick(0)], b[pick(1)], b[pick(2)], b[pick(3)]])
        }
        Shuffle::Ps => {
            let (a, b) = (dwords(a), dwords(b));
            of_dwords([a[pick(0)], a[pick(1)], b[pick(2)], b[pick(3)]])
        }
        Shuffle::Pd => {
            let (a, b) = (halves(a), halves(b));
            join(a[usize::from(imm & 1)], b[usize::from(imm >> 1 & 1)])
        }
        Shuffle::LowW => {
            let [low, high] = halves(b);
            join(shuffle_half(low, imm), high)
        }
        Shuffle::HighW => {
            let [low, high] = halves(b);
            join(low, shuffle_half(high, imm))
        }
    }
}

/// The sign bits of all elements, the lowest element's in bit 0.
#[inline]
pub(in super::super) fn signs(w: Width, v: u128) -> u64 {
    match w {
        Width::W8 => bytes(v).iter().rev().fold(0, |r, b| r << 1 | u64::from(b >> 7)),
        Width::W16 => words(v).iter().rev().fold(0, |r, b| r << 1 | u64::from(b >> 15)),
        Width::W32 => dwords(v).iter().rev().fold(0, |r, b| r << 1 | u64::from(b >> 31)),
        Width::W64 => (v >> 127 << 1 | v >> 63 & 1) as u64,
    }
}
