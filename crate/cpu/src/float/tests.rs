//! What silicon did (`vectors.txt`), and what must hold everywhere.

use super::sse::{self, Ieee, Mxcsr, Predicate};
use super::*;

const VECTORS: &str = include_str!("vectors.txt");

fn f80(text: &str) -> F80 {
    let (se, mant) = text.split_once('.').unwrap();
    F80 { mant: u64::from_str_radix(mant, 16).unwrap(), se: u16::from_str_radix(se, 16).unwrap() }
}

fn hex(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap()
}

/// The status word's part that an outcome decides: C1, ES and the flags.
fn status<T>(outcome: &Outcome<T>, control: Control) -> u16 {
    u16::from(outcome.flags.bits())
        | u16::from(outcome.rounded_up) << 9
        | u16::from(outcome.is_pending(control)) << 7
}

fn show(value: F80) -> String {
    format!("{:04x}.{:016x}", value.se, value.mant)
}

/// What a row's instruction leaves, in the row's own form; `None` for an instruction of another section.
fn x87_row(op: &str, control: Control, operands: &[&str]) -> Option<String> {
    let register = |outcome: Outcome<F80>| {
        let value = if outcome.stores_register(control) { show(outcome.value) } else { "=".into() };
        format!("{value} {:04x}", status(&outcome, control))
    };
    let angle = |a: F80, outcome: Option<Outcome<F80>>| match outcome {
        Some(outcome) => register(outcome),
        None => format!("{} 0400", show(a)),
    };
    let pair = |outcome: Outcome<(F80, F80)>| {
        let (top, next) = outcome.value;
        let status = status(&outcome, control);
        if outcome.stores_register(control) {
            format!("{} {} {status:04x}", show(top), show(next))
        } else {
            format!("= = {status:04x}")
        }
    };
    let compared = |a: F80, (relation, flags): (Relation, Flags)| {
        let outcome = Outcome::raising((), flags);
        let value = if outcome.stores_register(control) { show(a) } else { "=".into() };
        format!("{value} {:04x}", relation.condition_codes() | status(&outcome, control))
    };
    let remainder = |r: Remainder| {
        let value = if r.stores_register(control) { show(r.value) } else { "=".into() };
        let status = status(&Outcome::raising((), r.flags), control);
        format!("{value} {:04x}", r.condition_codes() | status)
    };
    let loaded = |outcome: Outcome<F80>| {
        let value = if outcome.stores_load(control) { show(outcome.value) } else { "=".into() };
        format!("{value} {:04x}", status(&outcome, control))
    };
    fn map<T, U>(outcome: Outcome<T>, f: impl Fn(T) -> U) -> Outcome<U> {
        Outcome { value: f(outcome.value), flags: outcome.flags, rounded_up: outcome.rounded_up }
    }
    let stored = |outcome: Outcome<String>| {
        let status = status(&outcome, control);
        let value = if outcome.stores_memory(control) { outcome.value } else { "=".into() };
        format!("{value} {status:04x}")
    };
    let a = operands[0];
    let b = operands.get(1).copied().unwrap_or_default();
    Some(match op {
        "fadd" => register(add(f80(a), f80(b), control)),
        "fsub" => register(sub(f80(a), f80(b), control)),
        "fmul" => register(mul(f80(a), f80(b), control)),
        "fdiv" => register(div(f80(a), f80(b), control)),
        "fsqrt" => register(sqrt(f80(a), control)),
        "frndint" => register(round_to_int(f80(a), control)),
        "fscale" => register(scale(f80(a), f80(b), control)),
        "fprem" => remainder(rem_trunc(f80(a), f80(b), control)),
        "fprem1" => remainder(rem_nearest(f80(a), f80(b), control)),
        "fcom" => compared(f80(a), compare(f80(a), f80(b), false)),
        "fucom" => compared(f80(a), compare(f80(a), f80(b), true)),
        "fxam" => {
            let sign = u16::from(f80(a).is_negative()) << 9;
            format!("{a} {:04x}", f80(a).class().examine() | sign)
        }
        "fsin" => angle(f80(a), sin(f80(a), control)),
        "fcos" => angle(f80(a), cos(f80(a), control)),
        "f2xm1" => register(exp2m1(f80(a), control)),
        "fpatan" => register(atan2(f80(b), f80(a), control)),
        "fyl2x" => register(log2(f80(a), f80(b), control)),
        "fyl2xp1" => register(log2p1(f80(a), f80(b), control)),
        "fxtract" => pair(map(extract(f80(a), control), |x| (x.significand, x.exponent))),
        "fsincos" => pair(map(sin_cos(f80(a), control)?, |x| (x.pushed, x.value))),
        "fptan" => pair(map(tan(f80(a), control)?, |x| (x.pushed, x.value))),
        "fst32" => stored(map(to_f32(f80(a), control), |bits| format!("{bits:08x}"))),
        "fst64" => stored(map(to_f64(f80(a), control), |bits| format!("{bits:016x}"))),
        "fist16" => stored(map(to_i16(f80(a), control.round), |n| format!("{n:04x}"))),
        "fist32" => stored(map(to_i32(f80(a), control.round), |n| format!("{n:08x}"))),
        "fistp64" => stored(map(to_i64(f80(a), control.round), |n| format!("{n:016x}"))),
        "fbstp" => stored(map(to_bcd(f80(a), control.round), |bytes| {
            bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect()
        })),
        "fld32" => loaded(from_f32(hex(a) as u32)),
        "fld64" => loaded(from_f64(hex(a) as u64)),
        "fild64" => loaded(Outcome::exact(from_i64(hex(a) as i64))),
        "fbld" => {
            let [bytes @ .., _, _, _, _, _, _] = hex(a).to_le_bytes();
            loaded(Outcome::exact(from_bcd(bytes)))
        }
        "fadd32" => {
            let (operand, denormal) = widen_f32(hex(b) as u32);
            register(add(f80(a), operand, control).with_denormal_operand(denormal, control))
        }
        "fdiv64" => {
            let (operand, denormal) = widen_f64(hex(b) as u64);
            register(div(f80(a), operand, control).with_denormal_operand(denormal, control))
        }
        _ => return None,
    })
}

/// The result and flags of a scalar operation on two operands of one width.
fn sse_arithmetic<T: Ieee>(op: &str, a: T, b: T, env: Mxcsr) -> Option<(u64, Flags)> {
    let compared = |predicate: u8| {
        let (holds, flags) = sse::compare(a, b, Predicate::from_immediate(predicate), env);
        let ones = if T::FRACTION_BITS == 23 { u64::from(u32::MAX) } else { u64::MAX };
        (if holds { ones } else { 0 }, flags)
    };
    let (value, flags) = match op {
        "add" => sse::add(a, b, env),
        "sub" => sse::sub(a, b, env),
        "mul" => sse::mul(a, b, env),
        "div" => sse::div(a, b, env),
        "sqrt" => sse::sqrt(b, env),
        "min" => sse::min(a, b, env),
        "max" => sse::max(a, b, env),
        "round" => sse::round_to_int(b, env.round(), true, env),
        "cmpeq" => return Some(compared(0)),
        "cmplt" => return Some(compared(1)),
        "cmple" => return Some(compared(2)),
        "cmpunord" => return Some(compared(3)),
        "cmpneq" => return Some(compared(4)),
        "cmpnlt" => return Some(compared(5)),
        "cmpnle" => return Some(compared(6)),
        "cmpord" => return Some(compared(7)),
        "comi" | "ucomi" => {
            let (relation, flags) = if op == "comi" { sse::comi(a, b, env) } else { sse::ucomi(a, b, env) };
            return Some((u64::from(relation.eflags()), flags));
        }
        _ => return None,
    };
    Some((value.raw(), flags))
}

fn sse_row(op: &str, env: Mxcsr, operands: &[&str]) -> Option<(u64, Flags)> {
    let a = hex(operands[0]) as u64;
    let b = operands.get(1).map_or(0, |text| hex(text) as u64);
    let int = |(value, flags): (i64, Flags)| (value as u64, flags);
    let short = |(value, flags): (i32, Flags)| (u64::from(value as u32), flags);
    let single = |(bits, flags): (u32, Flags)| (u64::from(bits), flags);
    Some(match op {
        "cvtss2sd" => sse::f32_to_f64(b as u32, env),
        "cvtsd2ss" => single(sse::f64_to_f32(b, env)),
        "cvtss2si64" => int(sse::to_i64(a as u32, env)),
        "cvtsd2si64" => int(sse::to_i64(a, env)),
        "cvttss2si32" => short(sse::to_i32_trunc(a as u32, env)),
        "cvttsd2si32" => short(sse::to_i32_trunc(a, env)),
        "cvtsd2si32" => short(sse::to_i32(a, env)),
        "cvttsd2si64" => int(sse::to_i64_trunc(a, env)),
        "cvtsi2ss64" => single(sse::from_i64(a as i64, env)),
        "cvtsi2sd64" => sse::from_i64(a as i64, env),
        "cvtsi2ss32" => single(sse::from_i32(a as i32, env)),
        "cvtsi2sd32" => sse::from_i32(a as i32, env),
        _ => {
            let (family, width) = op.split_at(op.len() - 2);
            return if width == "ss" {
                sse_arithmetic(family, a as u32, b as u32, env)
            } else {
                sse_arithmetic(family, a, b, env)
            };
        }
    })
}

#[test]
fn every_vector_agrees_with_silicon() {
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in VECTORS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [op, environment, operands @ ..] = &words[..] else { panic!("bad row: {line}") };
        let environment = hex(environment) as u32;
        let ours = x87_row(op, Control::from_word(environment as u16), operands);
        let agrees = match &ours {
            Some(ours) => line.ends_with(&format!(" {ours}")),
            None => {
                let env = Mxcsr(environment);
                let (value, flags) = sse_row(op, env, operands).unwrap_or_else(|| panic!("unknown: {line}"));
                let [.., expected, after] = operands else { panic!("bad row: {line}") };
                hex(expected) == u128::from(value)
                    && hex(after) as u32 == environment | u32::from(flags.bits())
            }
        };
        rows += 1;
        if !agrees {
            wrong.push(format!("{line}  ours {ours:?}"));
        }
    }
    assert!(rows > 1000, "vectors are missing");
    assert!(wrong.is_empty(), "{} of {rows}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn constants_are_rounded_as_told() {
    // The significand's last byte for nearest, down, up, zero, from silicon.
    for (constant, last) in [
        (Constant::Zero, [0, 0, 0, 0]),
        (Constant::One, [0, 0, 0, 0]),
        (Constant::Pi, [0x35, 0x34, 0x35, 0x34]),
        (Constant::Log2E, [0xbc, 0xbb, 0xbc, 0xbb]),
        (Constant::Log2Ten, [0xfe, 0xfe, 0xff, 0xfe]),
        (Constant::Lg2, [0x99, 0x98, 0x99, 0x98]),
        (Constant::Ln2, [0xac, 0xab, 0xac, 0xab]),
    ] {
        for (field, last) in (0..).zip(last) {
            assert_eq!(constant.value(Round::from_field(field)).mant as u8, last, "{constant:?} {field}");
        }
    }
}

/// A few thousand patterns that are often special.
fn patterns() -> impl Iterator<Item = u64> {
    let mut state = 1u64;
    (0..3000).map(move |i| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = state ^ state >> 29;
        match i % 6 {
            0 => x,
            1 => x & !0 << (x % 61),
            2 => x & 0x800f_ffff_ffff_ffff,
            3 => x | 0x7ff0_0000_0000_0000,
            4 => x & 0x8000_0000_0000_000f,
            _ => (x & 0x803f_ffff_ffff_ffff) | 0x3fe0_0000_0000_0000,
        }
    })
}

#[test]
fn the_exact_path_agrees_with_the_host() {
    // Under round-to-nearest the host is an oracle for values; flags known and unknown must not change them.
    let list: Vec<u64> = patterns().collect();
    for (&a, &b) in list.iter().zip(list.iter().skip(7)) {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        for (native, ours, name) in [
            (x + y, sse::add(a, b, Mxcsr::DEFAULT), "+"),
            (x - y, sse::sub(a, b, Mxcsr::DEFAULT), "-"),
            (x * y, sse::mul(a, b, Mxcsr::DEFAULT), "*"),
            (x / y, sse::div(a, b, Mxcsr::DEFAULT), "/"),
            (y.sqrt(), sse::sqrt(b, Mxcsr::DEFAULT), "sqrt"),
        ] {
            let (value, flags) = ours;
            assert!(value.is_nan() && native.is_nan() || value == native.to_bits(), "{a:x} {name} {b:x}");
            let sticky = Mxcsr(0x1fa0);
            let again = match name {
                "+" => sse::add(a, b, sticky),
                "-" => sse::sub(a, b, sticky),
                "*" => sse::mul(a, b, sticky),
                "/" => sse::div(a, b, sticky),
                _ => sse::sqrt(b, sticky),
            };
            assert_eq!(again.0, value);
            assert_eq!(again.1 | Flags::PRECISION, flags | Flags::PRECISION, "{a:x} {name} {b:x}");
        }
    }
}

#[test]
fn division_and_remainder_undo_multiplication() {
    let list: Vec<u64> = patterns().collect();
    for (&m, &n) in list.iter().zip(list.iter().skip(5)) {
        let a = from_i64((m >> 33) as i64 + 1);
        let b = from_i64((n >> 33) as i64 + 1);
        let product = mul(a, b, Control::DEFAULT);
        assert!(product.flags.is_empty());
        assert_eq!(div(product.value, b, Control::DEFAULT), Outcome::exact(a));
        assert_eq!(rem_trunc(product.value, b, Control::DEFAULT).value, F80::ZERO);
        assert_eq!(sqrt(mul(a, a, Control::DEFAULT).value, Control::DEFAULT), Outcome::exact(a));
        assert_eq!(to_i64(product.value, Round::Zero).value, ((m >> 33) as i64 + 1) * ((n >> 33) as i64 + 1));
    }
}

#[test]
fn no_pattern_panics() {
    let list: Vec<u64> = patterns().collect();
    for (i, &m) in list.iter().enumerate() {
        let n = list[(i * 7 + 3) % list.len()];
        let control = Control::from_word((n >> 16) as u16);
        let a = F80 { mant: m, se: (n >> 48) as u16 };
        let b = F80 { mant: n, se: (m >> 40) as u16 };
        let _ = (add(a, b, control), sub(a, b, control), mul(a, b, control), div(a, b, control));
        let _ = (sqrt(a, control), round_to_int(a, control), scale(a, b, control), extract(a, control));
        let _ = (rem_trunc(a, b, control), rem_nearest(a, b, control), compare(a, b, false));
        let _ = (to_i16(a, control.round), to_i32(a, control.round), to_i64(a, control.round));
        let _ = (to_bcd(a, control.round), to_f32(a, control), to_f64(a, control), a.class().examine());
        let _ = (sin(a, control), cos(a, control), sin_cos(a, control), tan(a, control));
        let _ = (exp2m1(a, control), atan2(b, a, control), log2(a, b, control), log2p1(a, b, control));
        let _ = (from_bcd(a.to_bytes()), from_f32(m as u32), from_f64(m), from_i64(m as i64));
        let env = Mxcsr(n as u32 & 0xffff);
        let _ = (
            sse::to_i32(m, env),
            sse::to_i64(m, env),
            sse::f64_to_f32(m, env),
            sse::f32_to_f64(m as u32, env),
        );
        let _ = (sse::from_i64::<u32>(m as i64, env), sse::round_to_int(m, env.round(), false, env));
        let _ = (sse::rcp(m as u32), sse::rsqrt(m as u32));
    }
}

#[test]
fn estimates_are_within_the_manuals_bound() {
    const BOUND: f64 = 1.5 / 4096.0;
    for fraction in (0..1 << 23).step_by(97) {
        for exponent in [1, 2, 126, 127, 128, 251, 252] {
            let a: u32 = exponent << 23 | fraction;
            let x = f64::from(f32::from_bits(a));
            let reciprocal = f64::from(f32::from_bits(sse::rcp(a)));
            assert!((reciprocal * x - 1.0).abs() <= BOUND, "{a:x}");
            let root = f64::from(f32::from_bits(sse::rsqrt(a)));
            assert!((root * x.sqrt() - 1.0).abs() <= BOUND, "{a:x}");
        }
    }
    for (a, reciprocal, root) in [
        (0x0000_0000, 0x7f80_0000, 0x7f80_0000),
        (0x8000_0000, 0xff80_0000, 0xff80_0000),
        // A denormal counts as zero.
        (0x807f_ffff, 0xff80_0000, 0xff80_0000),
        (0x7f80_0000, 0x0000_0000, 0x0000_0000),
        (0xff80_0000, 0x8000_0000, 0xffc0_0000),
        (0x7f80_0001, 0x7fc0_0001, 0x7fc0_0001),
        (0xffc0_0001, 0xffc0_0001, 0xffc0_0001),
        // 2¹²⁶: the reciprocal would be denormal.
        (0x7e80_0000, 0x0000_0000, 0x1fff_f800),
    ] {
        assert_eq!(sse::rcp(a), reciprocal, "{a:x}");
        assert_eq!(sse::rsqrt(a), root, "{a:x}");
    }
}

#[test]
fn unmasked_exceptions_of_sse_report_as_silicon_does() {
    // MXCSR, operands, the flags at the #XM.
    let check = |mxcsr: u32, ours: (u64, Flags), expected: u8| {
        assert!(Mxcsr(mxcsr).unmasks(ours.1));
        assert_eq!(ours.1.bits(), expected, "{mxcsr:x}");
    };
    // Overflow unmasked: PE tells whether the rounding was inexact.
    check(0x4850, sse::sub(0xffe0_0000_8000_0000, 0x7fe0_0000_8000_0000, Mxcsr(0x4850)), 0x08);
    // Underflow unmasked: also if exact.
    check(0x0148, sse::mul(0x06ff_ff00_0000_0000, 0x0280_0000_0000_0000, Mxcsr(0x0148)), 0x10);
    // Denormal unmasked: nothing after it.
    check(0x1e80, sse::div(0x0000_0000_0000_0001, 0x4008_0000_0000_0000, Mxcsr(0x1e80)), 0x02);
    // Of a packed operation, likewise: DE unmasked in one element hides PE of another.
    let env = Mxcsr(0x1e80);
    assert_eq!(env.united([Flags::DENORMAL, Flags::PRECISION]), Flags::DENORMAL);
    assert_eq!(Mxcsr::DEFAULT.united([Flags::DENORMAL, Flags::PRECISION]).bits(), 0x22);
}
