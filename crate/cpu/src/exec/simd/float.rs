//! SSE floating point: the library's scalar arithmetic on elements, exceptions into MXCSR (SDM vol. 1, 11.5).

use super::super::Exec;
use super::{halves, join};
use crate::fault::Stop;
use crate::float::sse::{self, Ieee, Mxcsr, Predicate};
use crate::float::{Flags, Round};
use crate::insn::Width;
use crate::micro::{SseArith, SseConvert};
use x86::{cr4, vector};

/// One operation on one element.
#[inline(always)]
fn scalar<T: Ieee>(op: SseArith, a: T, b: T, env: Mxcsr) -> (T, Flags) {
    let test = |p: Predicate| {
        let (holds, flags) = sse::compare(a, b, p, env);
        (T::from_raw(if holds { u64::MAX } else { 0 }), flags)
    };
    match op {
        SseArith::Add => sse::add(a, b, env),
        SseArith::Mul => sse::mul(a, b, env),
        SseArith::Sub => sse::sub(a, b, env),
        // An element of it is one of the two.
        SseArith::AddSub => sse::add(a, b, env),
        SseArith::Min => sse::min(a, b, env),
        SseArith::Div => sse::div(a, b, env),
        SseArith::Max => sse::max(a, b, env),
        SseArith::Sqrt => sse::sqrt(b, env),
        // Single precision only.
        SseArith::Rcp => (T::from_raw(u64::from(sse::rcp(b.raw() as u32))), Flags::NONE),
        SseArith::Rsqrt => (T::from_raw(u64::from(sse::rsqrt(b.raw() as u32))), Flags::NONE),
        SseArith::Equal => test(Predicate::Equal),
        SseArith::Less => test(Predicate::Less),
        SseArith::LessOrEqual => test(Predicate::LessOrEqual),
        SseArith::Unordered => test(Predicate::Unordered),
        SseArith::NotEqual => test(Predicate::NotEqual),
        SseArith::NotLess => test(Predicate::NotLess),
        SseArith::NotLessOrEqual => test(Predicate::NotLessOrEqual),
        SseArith::Ordered => test(Predicate::Ordered),
    }
}

/// The elements of a vector of single precision or of 32-bit integers.
#[inline(always)]
const fn singles(v: u128) -> [u32; 4] {
    [v as u32, (v >> 32) as u32, (v >> 64) as u32, (v >> 96) as u32]
}

/// The vector of four elements.
#[inline(always)]
const fn of_singles(v: [u32; 4]) -> u128 {
    v[0] as u128 | (v[1] as u128) << 32 | (v[2] as u128) << 64 | (v[3] as u128) << 96
}

/// Elements and the flags they raise together.
#[inline(always)]
fn each<A: Copy, B: Copy + Default, const N: usize>(
    env: Mxcsr,
    a: [A; N],
    f: impl Fn(usize, A) -> (B, Flags),
) -> ([B; N], Flags) {
    let mut values = [B::default(); N];
    let mut flags = [Flags::NONE; N];
    for n in 0..N {
        (values[n], flags[n]) = f(n, a[n]);
    }
    (values, env.united(flags))
}

/// An operation on all elements; the choice of operation is outside the loop.
#[inline(always)]
fn lanes<T: Ieee + Default, const N: usize>(
    op: SseArith,
    a: [T; N],
    b: [T; N],
    env: Mxcsr,
) -> ([T; N], Flags) {
    macro_rules! choose {
        ($($op:ident)*) => {
            match op {
                $(SseArith::$op => each(env, a, |n, a| scalar(SseArith::$op, a, b[n], env)),)*
            }
        };
    }
    if op == SseArith::AddSub {
        let one = |n: usize, a: T| {
            if n.is_multiple_of(2) { sse::sub(a, b[n], env) } else { sse::add(a, b[n], env) }
        };
        return each(env, a, one);
    }
    choose!(AddSub Add Mul Sub Min Div Max Sqrt Rcp Rsqrt Equal Less LessOrEqual Unordered NotEqual NotLess NotLessOrEqual
        Ordered)
}

/// How ROUNDSS's immediate says to round, and whether without PE (SDM vol. 2, ROUNDPD).
const fn rounding(imm: u8, env: Mxcsr) -> (Round, bool) {
    let round = if imm & 4 != 0 { env.round() } else { Round::from_field(imm & 3) };
    (round, imm & 8 != 0)
}

/// One element converted; its width in and out is the operation's.
#[inline(always)]
fn convert(op: SseConvert, v: u64, env: Mxcsr) -> (u64, Flags) {
    let wide = |(v, f): (u32, Flags)| (u64::from(v), f);
    let int = |(v, f): (i32, Flags)| (u64::from(v as u32), f);
    match op {
        SseConvert::I32ToF32 => wide(sse::from_i32(v as i32, env)),
        SseConvert::I32ToF64 => sse::from_i32(v as i32, env),
        SseConvert::F32ToF64 => sse::f32_to_f64(v as u32, env),
        SseConvert::F64ToF32 => wide(sse::f64_to_f32(v, env)),
        SseConvert::F32ToI32 => int(sse::to_i32(v as u32, env)),
        SseConvert::F32TruncI32 => int(sse::to_i32_trunc(v as u32, env)),
        SseConvert::F64ToI32 => int(sse::to_i32(v, env)),
        SseConvert::F64TruncI32 => int(sse::to_i32_trunc(v, env)),
    }
}

impl Exec<'_> {
    #[inline(always)]
    fn env(&self) -> Mxcsr {
        Mxcsr(self.cpu.mxcsr)
    }

    /// Merges flags into MXCSR; unmasked ones are #XM, or #UD where the system does not expect that
    /// (SDM vol. 1, 11.5.2; vol. 3, 6.15, interrupt 19).
    #[inline(always)]
    fn raise_simd(&mut self, flags: Flags) -> Result<(), Stop> {
        let unmasked = self.env().unmasks(flags);
        self.cpu.mxcsr |= u32::from(flags.bits());
        if unmasked { Err(self.simd_exception()) } else { Ok(()) }
    }

    #[cold]
    fn simd_exception(&mut self) -> Stop {
        if self.cpu.cr4 & cr4::OSXMMEXCPT != 0 { self.exception(vector::XM) } else { self.ud() }
    }

    #[inline(never)]
    pub(in super::super) fn scalar(&mut self, op: SseArith, w: Width, a: u64, b: u64) -> Result<u64, Stop> {
        let env = self.env();
        let (r, flags) = if w == Width::W64 {
            scalar(op, a, b, env)
        } else {
            let (r, flags) = scalar(op, a as u32, b as u32, env);
            (u64::from(r), flags)
        };
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn packed(
        &mut self,
        op: SseArith,
        w: Width,
        a: u128,
        b: u128,
    ) -> Result<u128, Stop> {
        let env = self.env();
        let (r, flags) = if w == Width::W64 {
            let ([low, high], flags) = lanes(op, halves(a), halves(b), env);
            (join(low, high), flags)
        } else {
            let (r, flags) = lanes(op, singles(a), singles(b), env);
            (of_singles(r), flags)
        };
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn round(&mut self, w: Width, imm: u8, v: u64) -> Result<u64, Stop> {
        let env = self.env();
        let (round, quiet) = rounding(imm, env);
        let (r, flags) = if w == Width::W64 {
            sse::round_to_int(v, round, quiet, env)
        } else {
            let (r, flags) = sse::round_to_int(v as u32, round, quiet, env);
            (u64::from(r), flags)
        };
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn round_packed(&mut self, w: Width, imm: u8, v: u128) -> Result<u128, Stop> {
        let env = self.env();
        let (round, quiet) = rounding(imm, env);
        let (r, flags) = if w == Width::W64 {
            let ([low, high], flags) = each(env, halves(v), |_, x| sse::round_to_int(x, round, quiet, env));
            (join(low, high), flags)
        } else {
            let (r, flags) = each(env, singles(v), |_, x| sse::round_to_int(x, round, quiet, env));
            (of_singles(r), flags)
        };
        self.raise_simd(flags)?;
        Ok(r)
    }

    /// DPPS, DPPD: products of the elements that the upper half of the immediate names, their sum where the lower
    /// says. Exceptions are looked at after each step (SDM vol. 2, DPPS).
    #[inline(never)]
    pub(in super::super) fn dot(&mut self, w: Width, imm: u8, a: u128, b: u128) -> Result<u128, Stop> {
        if w == Width::W64 {
            let [low, high] = self.products(imm, halves(a), halves(b))?;
            let sum = self.sums([(low, high)])?[0];
            return Ok(join(sum * u64::from(imm & 1), sum * u64::from(imm >> 1 & 1)));
        }
        let [p, q, r, s] = self.products(imm, singles(a), singles(b))?;
        let [low, high] = self.sums([(p, q), (r, s)])?;
        let sum = self.sums([(low, high)])?[0];
        Ok(of_singles([0, 1, 2, 3].map(|n| sum * u32::from(imm >> n & 1))))
    }

    fn products<T: Ieee + Default, const N: usize>(
        &mut self,
        imm: u8,
        a: [T; N],
        b: [T; N],
    ) -> Result<[T; N], Stop> {
        let env = self.env();
        let named = |n: usize| imm >> (4 + n) & 1 != 0;
        let one =
            |n: usize, a: T| if named(n) { sse::mul(a, b[n], env) } else { (T::zero(false), Flags::NONE) };
        let (r, flags) = each(env, a, one);
        self.raise_simd(flags)?;
        Ok(r)
    }

    fn sums<T: Ieee + Default, const N: usize>(&mut self, terms: [(T, T); N]) -> Result<[T; N], Stop> {
        let env = self.env();
        let (r, flags) = each(env, terms, |_, (a, b)| sse::add(a, b, env));
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn convert(&mut self, op: SseConvert, v: u64) -> Result<u64, Stop> {
        let (r, flags) = convert(op, v, self.env());
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn convert_packed(&mut self, op: SseConvert, v: u128) -> Result<u128, Stop> {
        let env = self.env();
        let one = |_: usize, x: u64| convert(op, x, env);
        let (r, flags) = match op {
            SseConvert::I32ToF32 | SseConvert::F32ToI32 | SseConvert::F32TruncI32 => {
                let (r, flags) = each(env, singles(v), |n, x| one(n, u64::from(x)));
                (of_singles(r.map(|x| x as u32)), flags)
            }
            SseConvert::I32ToF64 | SseConvert::F32ToF64 => {
                let [a, b, ..] = singles(v);
                let ([low, high], flags) = each(env, [u64::from(a), u64::from(b)], one);
                (join(low, high), flags)
            }
            SseConvert::F64ToF32 | SseConvert::F64ToI32 | SseConvert::F64TruncI32 => {
                let ([low, high], flags) = each(env, halves(v), one);
                (u128::from(low | high << 32), flags)
            }
        };
        self.raise_simd(flags)?;
        Ok(r)
    }

    #[inline(never)]
    pub(in super::super) fn compare_flags(
        &mut self,
        w: Width,
        quiet: bool,
        a: u64,
        b: u64,
    ) -> Result<u64, Stop> {
        let env = self.env();
        let (relation, flags) = match (w, quiet) {
            (Width::W64, false) => sse::comi(a, b, env),
            (Width::W64, true) => sse::ucomi(a, b, env),
            (_, false) => sse::comi(a as u32, b as u32, env),
            (_, true) => sse::ucomi(a as u32, b as u32, env),
        };
        self.raise_simd(flags)?;
        Ok(u64::from(relation.eflags()))
    }
}
