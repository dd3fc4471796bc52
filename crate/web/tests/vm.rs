//! What only wasm can show: that values and errors cross to JavaScript as the interface says. Runs in Node, and
//! with WASM_BINDGEN_USE_BROWSER=1 in a browser.

#![cfg(target_arch = "wasm32")]

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use web::Vm;

fn options(list: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in list {
        Reflect::set(&object, &(*name).into(), value).unwrap();
    }
    object.into()
}

fn small() -> Vm {
    Vm::new(&options(&[("memory", 4.into()), ("clock", "counted".into()), ("reboot", false.into())])).unwrap()
}

fn code(error: JsValue) -> (String, String) {
    let error = error.dyn_into::<js_sys::Error>().expect("an Error object");
    let code = Reflect::get(&error, &"code".into()).unwrap().as_string().expect("a code");
    (code, String::from(error.message()))
}

/// A multiboot kernel with its addresses in the header: `code` runs at 100000h + 32.
fn kernel(code: &[u8]) -> Vec<u8> {
    let flags = 0x1_0000u32;
    let at = 0x10_0000u32;
    let words = [0x1BAD_B002, flags, 0u32.wrapping_sub(0x1BAD_B002 + flags), at, at, 0, 0, at + 32];
    let mut image: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    image.extend(code);
    image
}

fn run(vm: &mut Vm) -> u32 {
    for n in 0..1000 {
        let outcome = vm.run(f64::from(n), 4.0);
        if outcome > 1 {
            return outcome;
        }
    }
    0
}

#[wasm_bindgen_test]
fn bad_options_are_refused_by_name() {
    for (name, value) in [
        ("memory", JsValue::from("much")),
        ("memory", 0.into()),
        ("clock", "fast".into()),
        ("cpu", "i986".into()),
        ("hashAt", 1.into()),
        ("jitWithout", "drop_dead_flags,fold".into()),
        ("jitWithout", 3.into()),
        ("entropy", Uint8Array::new_with_length(3).into()),
        ("memroy", 4.into()),
    ] {
        let (code, message) = code(Vm::new(&options(&[(name, value)])).unwrap_err());
        assert_eq!(code, "bad-option");
        assert!(message.starts_with(name), "{message}");
    }
}

#[wasm_bindgen_test]
fn numbers_may_be_bigints() {
    let hash_at = Array::of2(&10u64.into(), &20.into());
    let list = [("memory", 4.into()), ("maxInstructions", 50u64.into()), ("hashAt", hash_at.into())];
    let mut vm = Vm::new(&options(&[&list[..], &[("clock", "counted".into())]].concat())).unwrap();
    vm.load_multiboot(kernel(&[0xEB, 0xFE]), "", None).unwrap();
    assert_eq!(run(&mut vm), 7);
    assert_eq!(vm.instructions(), 50.0);
    let hashes = vm.hashes();
    assert!(hashes.starts_with("HASH 10 ") && hashes.contains("\nHASH 20 "), "{hashes}");
    assert_eq!(vm.hashes(), "");
}

#[wasm_bindgen_test]
fn a_text_file_is_not_a_kernel() {
    let mut vm = small();
    let (code, message) = code(vm.load_linux(b"hello\n".repeat(200), None, "").unwrap_err());
    assert_eq!(code, "bad-image");
    assert!(message.contains("HdrS"), "{message}");
}

#[wasm_bindgen_test]
fn output_ports_and_the_exit_port_reach_javascript() {
    let mut vm = small();
    // mov dx, 3F8h; mov al, 'A'; out dx, al; out E9h, al; mov al, 21; out F4h, al
    let code = [0x66, 0xBA, 0xF8, 0x03, 0xB0, b'A', 0xEE, 0xE6, 0xE9, 0xB0, 21, 0xE6, 0xF4, 0xF4];
    vm.load_multiboot(kernel(&code), "", Some(Array::new())).unwrap();
    assert_eq!(run(&mut vm), 3);
    assert_eq!(vm.exit_value(), 21);
    assert_eq!(vm.serial_output(0).to_vec(), b"A");
    assert_eq!(vm.debug_output().to_vec(), b"A");
    assert_eq!(vm.serial_output(7).length(), 0);
}

#[wasm_bindgen_test]
fn serial_input_says_how_much_was_taken() {
    let mut vm = small();
    let bytes = vec![b'x'; 100_000];
    let taken = vm.serial_input(0, &bytes);
    assert!((60_000..70_000).contains(&taken), "{taken}");
    assert!(vm.serial_input(0, &bytes) < 20);
    assert_eq!(vm.serial_input(1, b"abc"), 3);
    assert_eq!(vm.serial_input(7, b"abc"), 0);
}

#[wasm_bindgen_test]
fn virtual_time_passes() {
    let mut vm = small();
    vm.load_multiboot(kernel(&[0xEB, 0xFE]), "", None).unwrap();
    assert_eq!(vm.virtual_ms(), 0.0);
    vm.run(0.0, 4.0);
    assert_eq!(vm.virtual_ms(), vm.instructions() * 4.0 / 1e6);
}

#[wasm_bindgen_test]
fn the_screen_is_rgba() {
    let mut vm = small();
    // mov word [B8000h], 1F50h: a white P on blue
    vm.load_multiboot(kernel(&[0x66, 0xC7, 0x05, 0, 0x80, 0x0B, 0, 0x50, 0x1F, 0xF4]), "", None).unwrap();
    assert_eq!(run(&mut vm), 6);
    assert!(vm.frame());
    assert_eq!(vm.frame_pixels().length(), 4 * vm.frame_width() * vm.frame_height());
    assert!(vm.screen_text().starts_with("P\n"));
    assert_eq!(vm.frame_pixels().to_vec()[..4], [0, 0, 0xAA, 0xFF]);
}

#[wasm_bindgen_test]
fn keys_have_the_names_of_events() {
    let mut vm = small();
    assert!(vm.key("KeyA", true));
    assert!(!vm.key("KeyÄ", true));
    vm.mouse(1.0, -1.0, 0.0, 1.0);
    vm.power_button();
}

#[wasm_bindgen_test]
fn a_saved_machine_can_be_restored() {
    let mut vm = small();
    vm.load_multiboot(kernel(&[0x40, 0xEB, 0xFD]), "", None).unwrap();
    vm.run(0.0, 4.0);
    let (saved, hash) = (vm.save().to_vec(), vm.state_hash());
    let mut other = small();
    other.restore(&saved).unwrap();
    assert_eq!(other.state_hash(), hash);
    let (code, _) = code(other.restore(&saved[..saved.len() - 1]).unwrap_err());
    assert_eq!(code, "bad-snapshot");
    assert_eq!(other.state_hash(), hash);
    vm.run(0.0, 4.0);
    other.run(0.0, 4.0);
    assert_eq!(other.state_hash(), vm.state_hash());
}

#[wasm_bindgen_test]
fn stats_are_json() {
    let vm = small();
    let stats = js_sys::JSON::parse(&vm.stats()).unwrap();
    let memory = Reflect::get(&stats, &"memory_mb".into()).unwrap().as_f64().unwrap();
    assert!(memory >= 4.0);
    assert!(Reflect::has(&stats, &"jit".into()).unwrap());
}
