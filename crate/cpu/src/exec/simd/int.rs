//! Packed integers: pure functions on vectors (SDM vol. 2, under the instructions of MMX, SSE2, SSSE3 and SSE4).
//!
//! Loops over arrays of known length, so that the compiler makes vector code of them.

use super::{aes, carryless, halves, join};
use crate::insn::Width;
use crate::micro::{Shuffle, VecOp};
use x86::eflags::{CF, ZF};

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
fn pack_dwords(a: u128, b: u128, f: impl Fn(i32) -> u16) -> u128 {
    let (a, b) = (dwords(a), dwords(b));
    let mut r = [0; 8];
    for n in 0..4 {
        (r[n], r[n + 4]) = (f(a[n] as i32), f(b[n] as i32));
    }
    of_words(r)
}

/// Neighbours taken together: those of `a`, then those of `b`.
#[inline(always)]
fn neighbours_w(a: u128, b: u128, f: impl Fn(u16, u16) -> u16) -> u128 {
    let (a, b) = (words(a), words(b));
    let mut r = [0; 8];
    for n in 0..4 {
        (r[n], r[n + 4]) = (f(a[2 * n], a[2 * n + 1]), f(b[2 * n], b[2 * n + 1]));
    }
    of_words(r)
}

/// The same for doublewords.
#[inline(always)]
fn neighbours_d(a: u128, b: u128, f: impl Fn(u32, u32) -> u32) -> u128 {
    let (a, b) = (dwords(a), dwords(b));
    of_dwords([f(a[0], a[1]), f(a[2], a[3]), f(b[0], b[1]), f(b[2], b[3])])
}

fn horizontal(op: VecOp, a: u128, b: u128) -> u128 {
    match op {
        VecOp::HAddW => neighbours_w(a, b, u16::wrapping_add),
        VecOp::HAddD => neighbours_d(a, b, u32::wrapping_add),
        VecOp::HAddSW => neighbours_w(a, b, |a, b| (a as i16).saturating_add(b as i16) as u16),
        VecOp::HSubW => neighbours_w(a, b, u16::wrapping_sub),
        VecOp::HSubD => neighbours_d(a, b, u32::wrapping_sub),
        _ => neighbours_w(a, b, |a, b| (a as i16).saturating_sub(b as i16) as u16),
    }
}

/// Two neighbouring products of unsigned and signed bytes.
#[inline(always)]
fn multiply_add_bytes(a: u16, b: u16) -> u16 {
    let product = |a: u16, b: u16| i16::from(a as u8) * i16::from(b as i8);
    product(a, b).saturating_add(product(a >> 8, b >> 8)) as u16
}

/// The high half of twice a signed product, rounded.
#[inline(always)]
fn high_rounded(a: u16, b: u16) -> u16 {
    ((i32::from(a as i16) * i32::from(b as i16) >> 14) + 1 >> 1) as u16
}

/// `a` with the sign that `b` gives it.
macro_rules! with_sign {
    ($each:ident, $t:ty, $a:expr, $b:expr) => {
        $each($a, $b, |a, b| (a as $t).wrapping_mul((b as $t).signum()) as _)
    };
}

/// Each byte of `a` chosen by one of `b`.
fn shuffle_bytes(a: u128, b: u128) -> u128 {
    let (a, b) = (bytes(a), bytes(b));
    of_bytes(b.map(|n| if n & 0x80 != 0 { 0 } else { a[usize::from(n & 15)] }))
}

/// The least word and its number; the first of several.
fn least_word(b: u128) -> u128 {
    let least = (0..).zip(words(b)).map(|(n, w)| u128::from(w) | n << 16).min_by_key(|v| *v as u16);
    least.unwrap_or_default()
}

/// Low elements of so many bits, widened to more: sign-extended or zero-extended.
#[inline(always)]
fn widen(b: u128, from: u32, to: u32, signed: bool) -> u128 {
    let mut r = 0;
    for n in 0..128 / to {
        let element = (b >> (n * from)) as u64 & (u64::MAX >> (64 - from));
        let sign = if signed { 64 - from } else { 0 };
        let wide = if signed { ((element << sign) as i64 >> sign) as u64 } else { element };
        r |= u128::from(wide & (u64::MAX >> (64 - to))) << (n * to);
    }
    r
}

fn widened(op: VecOp, b: u128) -> u128 {
    match op {
        VecOp::WidenSBW => widen(b, 8, 16, true),
        VecOp::WidenSBD => widen(b, 8, 32, true),
        VecOp::WidenSBQ => widen(b, 8, 64, true),
        VecOp::WidenSWD => widen(b, 16, 32, true),
        VecOp::WidenSWQ => widen(b, 16, 64, true),
        VecOp::WidenSDQ => widen(b, 32, 64, true),
        VecOp::WidenUBW => widen(b, 8, 16, false),
        VecOp::WidenUBD => widen(b, 8, 32, false),
        VecOp::WidenUBQ => widen(b, 8, 64, false),
        VecOp::WidenUWD => widen(b, 16, 32, false),
        VecOp::WidenUWQ => widen(b, 16, 64, false),
        _ => widen(b, 32, 64, false),
    }
}

/// All ones in the elements whose bit is set.
#[inline(always)]
fn spread(bits: u128, width: u32) -> u128 {
    (0..128 / width)
        .filter(|n| bits >> n & 1 != 0)
        .fold(0, |r, n| r | (u128::MAX >> (128 - width)) << (n * width))
}

/// What SSSE3 and later brought.
fn later(op: VecOp, a: u128, b: u128) -> u128 {
    match op {
        VecOp::ShuffleB => shuffle_bytes(a, b),
        VecOp::MulAddUB => each_w(a, b, multiply_add_bytes),
        VecOp::MulHighRoundW => each_w(a, b, high_rounded),
        VecOp::SignB => with_sign!(each_b, i8, a, b),
        VecOp::SignW => with_sign!(each_w, i16, a, b),
        VecOp::SignD => with_sign!(each_d, i32, a, b),
        VecOp::AbsB => each_b(b, 0, |b, _| (b as i8).unsigned_abs()),
        VecOp::AbsW => each_w(b, 0, |b, _| (b as i16).unsigned_abs()),
        VecOp::AbsD => each_d(b, 0, |b, _| (b as i32).unsigned_abs()),
        VecOp::MulLowD => each_d(a, b, u32::wrapping_mul),
        VecOp::MulD => each_q(a, b, |a, b| (i64::from(a as i32) * i64::from(b as i32)) as u64),
        VecOp::MinSB => each_b(a, b, |a, b| (a as i8).min(b as i8) as u8),
        VecOp::MaxSB => each_b(a, b, |a, b| (a as i8).max(b as i8) as u8),
        VecOp::MinUW => each_w(a, b, u16::min),
        VecOp::MaxUW => each_w(a, b, u16::max),
        VecOp::MinSD => each_d(a, b, |a, b| (a as i32).min(b as i32) as u32),
        VecOp::MaxSD => each_d(a, b, |a, b| (a as i32).max(b as i32) as u32),
        VecOp::MinUD => each_d(a, b, u32::min),
        VecOp::MaxUD => each_d(a, b, u32::max),
        VecOp::PackUDW => pack_dwords(a, b, |v| v.clamp(0, 0xFFFF) as u16),
        VecOp::EqQ => each_q(a, b, |a, b| mask!(u64, a == b)),
        VecOp::GtQ => each_q(a, b, |a, b| mask!(u64, a as i64 > b as i64)),
        VecOp::MinPosW => least_word(b),
        VecOp::BitsB => spread(b, 8),
        VecOp::BitsW => spread(b, 16),
        VecOp::AesEnc => aes::encrypt(a, b, true),
        VecOp::AesEncLast => aes::encrypt(a, b, false),
        VecOp::AesDec => aes::decrypt(a, b, true),
        VecOp::AesDecLast => aes::decrypt(a, b, false),
        VecOp::AesMix => aes::mix_inverse(b),
        VecOp::HAddW | VecOp::HAddD | VecOp::HAddSW | VecOp::HSubW | VecOp::HSubD | VecOp::HSubSW => {
            horizontal(op, a, b)
        }
        _ => widened(op, b),
    }
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
        VecOp::PackSDW => pack_dwords(a, b, |v| v.clamp(-0x8000, 0x7FFF) as u16),
        VecOp::UnpackLowB => unpack(VecOp::UnpackLowB, a as u64, b as u64),
        VecOp::UnpackLowW => unpack(VecOp::UnpackLowW, a as u64, b as u64),
        VecOp::UnpackLowD => unpack(VecOp::UnpackLowD, a as u64, b as u64),
        VecOp::UnpackLowQ => unpack(VecOp::UnpackLowQ, a as u64, b as u64),
        VecOp::UnpackHighB => unpack(VecOp::UnpackHighB, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighW => unpack(VecOp::UnpackHighW, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighD => unpack(VecOp::UnpackHighD, (a >> 64) as u64, (b >> 64) as u64),
        VecOp::UnpackHighQ => unpack(VecOp::UnpackHighQ, (a >> 64) as u64, (b >> 64) as u64),
        _ => later(op, a, b),
    }
}

/// Four words of a half, each chosen by two bits.
#[inline(always)]
fn shuffle_half(v: u64, imm: u8) -> u64 {
    (0..4).fold(0, |r, n| r | (v >> (16 * (imm >> (2 * n) & 3)) & 0xFFFF) << (16 * n))
}

/// Elements of `width` bits: of `b` where a bit of the immediate is set, else of `a`.
#[inline(always)]
fn choose(width: u32, imm: u8, a: u128, b: u128) -> u128 {
    let mask = spread(imm.into(), width);
    a & !mask | b & mask
}

/// 16 of the bytes of `b` and, after it, `a`; zeros behind.
#[inline(always)]
fn align(imm: u8, a: u128, b: u128) -> u128 {
    let bits = 8 * u32::from(imm);
    match imm {
        0 => b,
        1..16 => b >> bits | a << (128 - bits),
        16..32 => a >> (bits - 128),
        _ => 0,
    }
}

/// Four bytes of `b` against each eight times four of `a`: sums of absolute differences.
fn sad_blocks(imm: u8, a: u128, b: u128) -> u128 {
    let (a, b) = (bytes(a), bytes(b));
    let (from, block) = (usize::from(imm >> 2 & 1) * 4, usize::from(imm & 3) * 4);
    let mut r = [0; 8];
    for (n, sum) in r.iter_mut().enumerate() {
        *sum = (0..4).map(|k| u16::from(a[from + n + k].abs_diff(b[block + k]))).sum();
    }
    of_words(r)
}

/// Elements of `b` where those of `mask` are negative, else of `a`.
#[inline]
pub(in super::super) fn blend(w: Width, a: u128, b: u128, mask: u128) -> u128 {
    let mask = spread(signs(w, mask).into(), w.bits());
    a & !mask | b & mask
}

/// ZF if no bit is set in both, CF if none is set in `b` alone.
#[inline]
pub(in super::super) fn test(a: u128, b: u128) -> u32 {
    let flag = |none: bool, flag: u32| if none { flag } else { 0 };
    flag(a & b == 0, ZF) | flag(!a & b == 0, CF)
}

/// What an immediate steers.
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
        Shuffle::Align => align(imm, a, b),
        Shuffle::BlendW => choose(16, imm, a, b),
        Shuffle::BlendPs => choose(32, imm & 15, a, b),
        Shuffle::BlendPd => choose(64, imm & 3, a, b),
        Shuffle::SadBlocks => sad_blocks(imm, a, b),
        Shuffle::MulCarryless => {
            carryless::multiply(halves(a)[usize::from(imm & 1)], halves(b)[usize::from(imm >> 4 & 1)])
        }
        Shuffle::AesKey => aes::key_assist(imm, b),
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
