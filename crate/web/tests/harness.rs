//! The processor as wasm: the harness's face, and a few instructions whose results are known to the bit, the x87's
//! 80 bits and the XMM registers among them. What instructions do is tested natively, with more vectors
//! than fit here; this shows that wasm computes the same and that all state crosses whole.

#![cfg(all(target_arch = "wasm32", feature = "harness"))]

use js_sys::{Array, BigInt, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use web::Harness;

/// Where code is, in real mode with segments at 0.
const CODE: u32 = 0x100;

/// The property at a path.
fn get(object: &JsValue, path: &[&str]) -> JsValue {
    path.iter().fold(object.clone(), |at, name| Reflect::get(&at, &(*name).into()).expect("an object"))
}

fn set(object: &JsValue, path: &[&str], value: impl Into<JsValue>) {
    let (name, at) = path.split_last().expect("a path");
    assert!(Reflect::set(&get(object, at), &(*name).into(), &value.into()).expect("an object"));
}

fn big(value: &JsValue) -> u64 {
    value.dyn_ref::<BigInt>().expect("a bigint").clone().try_into().expect("64 bits")
}

fn number(value: &JsValue) -> u32 {
    value.as_f64().expect("a number") as u32
}

fn bytes(value: &JsValue) -> Vec<u8> {
    value.dyn_ref::<Array>().expect("an array").iter().map(|b| b.as_f64().expect("a byte") as u8).collect()
}

fn text(value: &JsValue) -> String {
    // JSON has no bigints.
    let replacer =
        js_sys::Function::new_with_args("k, v", "return typeof v === 'bigint' ? v.toString() + 'n' : v");
    js_sys::JSON::stringify_with_replacer(value, &replacer).expect("JSON").into()
}

/// A processor in real mode at `code`, and its state.
fn at(code: &[u8]) -> (Harness, JsValue) {
    let mut harness = Harness::new(1 << 20).unwrap();
    let state = harness.state();
    set(&state, &["eip"], u64::from(CODE));
    set(&state, &["segments", "1", "selector"], 0);
    set(&state, &["segments", "1", "base"], 0u64);
    set(&state, &["cr4"], 1 << 9 | 1 << 10); // OSFXSR, OSXMMEXCPT
    harness.set_state(&state).unwrap();
    assert!(harness.write_memory(CODE, code));
    (harness, state)
}

/// The ten bytes of an 80-bit value.
fn real(sign_exponent: u16, significand: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&significand.to_le_bytes());
    bytes[8..].copy_from_slice(&sign_exponent.to_le_bytes());
    bytes
}

#[wasm_bindgen_test]
fn what_is_set_is_read_back() {
    let (mut harness, state) = at(&[]);
    for n in 0..16u32 {
        set(&state, &["gpr", &n.to_string()], 0x0123_4567_89AB_CDE0u64 + u64::from(n));
        set(
            &state,
            &["xmm", &n.to_string()],
            Uint8Array::from(&std::array::from_fn::<u8, 16, _>(|i| n as u8 * 16 + i as u8)[..]),
        );
    }
    for n in 0..8u32 {
        let value = real(0x8000 | n as u16, 0x8000_0000_0000_0001 + u64::from(n));
        set(&state, &["x87", "registers", &n.to_string()], Uint8Array::from(&value[..]));
    }
    for (path, value) in [
        (&["eflags"][..], 0x246),
        (&["mxcsr"], 0x7F80),
        (&["x87", "control"], 0x27F),
        (&["x87", "status"], 3 << 11),
        (&["x87", "empty"], 0xA5),
        (&["x87", "opcode"], 0x123),
        (&["segments", "3", "limit"], u32::MAX),
        (&["segments", "3", "rights"], 0xC093),
        (&["cr0"], 0x6000_0010),
        (&["shadow"], 3),
    ] {
        set(&state, path, value);
    }
    set(&state, &["cr2"], 0xDEAD_BEEF_u64);
    set(&state, &["nmi_blocked"], true);
    harness.set_state(&state).unwrap();
    let read = harness.state();
    // Typed arrays in, plain arrays out.
    for n in 0..16 {
        let path = ["xmm", &n.to_string()];
        set(&state, &path, Array::from(&get(&state, &path)));
    }
    for n in 0..8 {
        let path = ["x87", "registers", &n.to_string()];
        set(&state, &path, Array::from(&get(&state, &path)));
    }
    assert_eq!(text(&read), text(&state));
}

#[wasm_bindgen_test]
fn half_a_state_is_refused() {
    let (mut harness, state) = at(&[]);
    let before = text(&harness.state());
    for (path, value) in [
        (&["eip"][..], JsValue::from(5)),
        (&["gpr"], Array::new().into()),
        (&["mxcsr"], JsValue::from(0.5)),
        (&["x87", "empty"], JsValue::from(256)),
        (&["x87"], JsValue::UNDEFINED),
    ] {
        let changed = Object::assign(&Object::new(), state.unchecked_ref()).into();
        if let [first, _] = path {
            let part = get(&state, &[first]);
            set(&changed, &[first], Object::assign(&Object::new(), part.unchecked_ref()));
        }
        set(&changed, path, value);
        assert!(harness.set_state(&changed).is_err(), "{path:?}");
        assert!(harness.set_state(&JsValue::NULL).is_err());
    }
    assert_eq!(text(&harness.state()), before);
}

#[wasm_bindgen_test]
fn steps_counts_and_runs_to_halt() {
    // mov ax, 7FFFh; inc ax; hlt
    let (mut harness, _) = at(&[0xB8, 0xFF, 0x7F, 0x40, 0xF4]);
    assert_eq!(harness.step(), "done");
    assert_eq!(big(&get(&harness.state(), &["eip"])), u64::from(CODE) + 3);
    assert_eq!(harness.run_to_halt(100.0), "halted");
    let state = harness.state();
    assert_eq!(big(&get(&state, &["gpr", "0"])), 0x8000);
    // Overflow, sign, auxiliary carry and parity; not zero.
    assert_eq!(number(&get(&state, &["eflags"])) & 0x8D4, 0x894);
    assert!(get(&state, &["halted"]).is_truthy());
    assert_eq!(harness.count(), 3.0);
    harness.reset();
    assert_eq!(big(&get(&harness.state(), &["eip"])), 0xFFF0);
}

#[wasm_bindgen_test]
fn a_fault_without_a_handler_shuts_down_and_memory_is_kept() {
    // lidt [0]: no vectors; ud2
    let (mut harness, _) = at(&[0x0F, 0x01, 0x1E, 0x00, 0x00, 0x0F, 0x0B]);
    assert!(harness.write_memory(0x8000, &[1, 2, 3]));
    assert_eq!(harness.run(10.0), "shutdown");
    assert!(get(&harness.state(), &["shutdown"]).is_truthy());
    assert_eq!(harness.read_memory(0x8000, 3), [1, 2, 3]);
    assert!(!harness.write_memory((1 << 20) - 1, &[1, 2]));
    assert!(harness.read_memory((1 << 20) - 1, 2).is_empty());
}

/// Runs `code` with ST(0) and ST(1) as given; returns ST(0) and the status word.
fn x87(code: &[u8], control: u16, st: [[u8; 10]; 2]) -> (Vec<u8>, u32) {
    let (mut harness, state) = at(&[code, &[0xF4]].concat());
    set(&state, &["x87", "control"], control);
    set(&state, &["x87", "status"], 6 << 11);
    set(&state, &["x87", "empty"], 0x3F);
    set(&state, &["x87", "registers", "6"], Uint8Array::from(&st[0][..]));
    set(&state, &["x87", "registers", "7"], Uint8Array::from(&st[1][..]));
    harness.set_state(&state).unwrap();
    assert_eq!(harness.run_to_halt(10.0), "halted");
    let state = harness.state();
    let status = number(&get(&state, &["x87", "status"]));
    let top = status >> 11 & 7;
    (bytes(&get(&state, &["x87", "registers", &top.to_string()])), status)
}

#[wasm_bindgen_test]
fn the_x87_has_80_bits() {
    let (one, two, three) = (real(0x3FFF, 1 << 63), real(0x4000, 1 << 63), real(0x4000, 3 << 62));
    // The control words: nearest, up, towards zero; 64 and 53 bits of precision.
    let cases = [
        // fdiv st, st(1): 1 / 3
        (&[0xD8, 0xF1][..], 0x37F, [one, three], real(0x3FFD, 0xAAAA_AAAA_AAAA_AAAB), 0x220),
        (&[0xD8, 0xF1], 0xF7F, [one, three], real(0x3FFD, 0xAAAA_AAAA_AAAA_AAAA), 0x020),
        (&[0xD8, 0xF1], 0x27F, [one, three], real(0x3FFD, 0xAAAA_AAAA_AAAA_A800), 0x020),
        (&[0xD8, 0xF1], 0xA7F, [one, three], real(0x3FFD, 0xAAAA_AAAA_AAAA_B000), 0x220),
        // fsqrt: the root of 2
        (&[0xD9, 0xFA], 0x37F, [two, one], real(0x3FFF, 0xB504_F333_F9DE_6484), 0x020),
        // fldpi
        (&[0xD9, 0xEB], 0x37F, [one, two], real(0x4000, 0xC90F_DAA2_2168_C235), 0),
        // fmul st, st(1): a denormal times 2
        (&[0xD8, 0xC9], 0x37F, [real(0, 1), two], real(0, 2), 0x002),
        // fdiv st, st(1): 1 / 0
        (&[0xD8, 0xF1], 0x37F, [one, real(0, 0)], real(0x7FFF, 1 << 63), 0x004),
        // fadd st, st(1): a signalling NaN becomes quiet
        (
            &[0xD8, 0xC1],
            0x37F,
            [real(0x7FFF, 0x8000_0000_0000_1234), one],
            real(0x7FFF, 0xC000_0000_0000_1234),
            0x001,
        ),
    ];
    for (code, control, st, result, flags) in cases {
        let (found, status) = x87(code, control, st);
        assert_eq!(found, result, "{code:x?} with control word {control:x}");
        assert_eq!(status & 0x23F, flags, "{code:x?} with control word {control:x}");
    }
}

#[wasm_bindgen_test]
fn xmm_registers_and_mxcsr() {
    let floats = |v: [f32; 4]| v.map(f32::to_le_bytes).concat();
    let doubles = |v: [f64; 2]| v.map(f64::to_le_bytes).concat();
    let cases = [
        // paddb xmm0, xmm1
        (&[0x66, 0x0F, 0xFC, 0xC1][..], vec![0xF0; 16], (0..16).collect(), (0xF0..=0xFF).collect(), 0),
        // addps
        (
            &[0x0F, 0x58, 0xC1],
            floats([1.0, -2.5, 1e30, 0.0]),
            floats([0.5, 2.5, 1e30, -0.0]),
            floats([1.5, 0.0, 2e30, 0.0]),
            0,
        ),
        // divpd: a third is not exact
        (
            &[0x66, 0x0F, 0x5E, 0xC1],
            doubles([1.0, 6.0]),
            doubles([3.0, 2.0]),
            doubles([1.0 / 3.0, 3.0]),
            0x20,
        ),
        // sqrtsd: the upper half stays
        (
            &[0xF2, 0x0F, 0x51, 0xC1],
            doubles([9.0, 7.0]),
            doubles([2.0, 5.0]),
            doubles([2f64.sqrt(), 7.0]),
            0x20,
        ),
        // pshufd xmm0, xmm1, 1Bh
        (
            &[0x66, 0x0F, 0x70, 0xC1, 0x1B],
            vec![0; 16],
            (0..16).collect(),
            [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3].to_vec(),
            0,
        ),
    ];
    for (code, a, b, result, flags) in cases {
        let (mut harness, state) = at(&[code, &[0xF4]].concat());
        set(&state, &["xmm", "0"], Uint8Array::from(&a[..]));
        set(&state, &["xmm", "1"], Uint8Array::from(&b[..]));
        set(&state, &["mxcsr"], 0x1F80);
        harness.set_state(&state).unwrap();
        assert_eq!(harness.run_to_halt(10.0), "halted", "{code:x?}");
        let state = harness.state();
        assert_eq!(bytes(&get(&state, &["xmm", "0"])), result, "{code:x?}");
        assert_eq!(bytes(&get(&state, &["xmm", "1"])), b, "{code:x?}");
        assert_eq!(number(&get(&state, &["mxcsr"])), 0x1F80 | flags, "{code:x?}");
    }
}
