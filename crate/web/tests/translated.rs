//! Translated code in the engine that ships: `isa::translated`, in Node. Natively, in `tests/isa`, there is more of it.
//!
//! Runs in Node alone, because it reads `build/oracle-int.jsonl`, which `./build.sh test` makes.

#![cfg(target_arch = "wasm32")]

use isa::translated::{self, Workbench, pages, sequences, soak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web::wasm_host::WasmHost;

#[wasm_bindgen(module = "fs")]
extern "C" {
    #[wasm_bindgen(js_name = readFileSync, catch)]
    fn read_file(path: &str, encoding: &str) -> Result<String, JsValue>;
}

struct Node;

impl Workbench for Node {
    type Host = WasmHost;
    fn set_up<T>(&self, make: impl FnOnce(WasmHost) -> T) -> T {
        make(WasmHost::new().expect("wasm may be compiled here"))
    }
}

#[wasm_bindgen_test]
fn integer_vectors_agree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/oracle-int.jsonl");
    let Ok(text) = read_file(path, "utf8") else {
        console_log!("SKIPPED: no vectors at {path}");
        return;
    };
    let (tally, executed) = translated::integer_vectors(&Node, text.lines());
    let (passed, failed) = tally.totals();
    console_log!("{passed} passed, {failed} failed; {executed} instructions in translated code");
    assert!(failed == 0, "{}", tally.report());
    assert!(executed > passed as f64 / 2.0, "hardly anything was translated");
}

#[wasm_bindgen_test]
fn integer_sequences_end_as_in_the_interpreter() {
    let executed = sequences::end_as_in_the_interpreter(&Node, 0..1500);
    assert!(executed > 5_000.0, "only {executed} instructions in translated code");
}

#[wasm_bindgen_test]
fn a_page_at_three_addresses_is_translated_once() {
    pages::are_translated_once(&Node);
}

#[wasm_bindgen_test]
fn a_small_cache_over_changing_code_ends_as_in_the_interpreter() {
    let done = soak::ends_as_in_the_interpreter(&Node, 1, 1, 500);
    console_log!("{done:?}");
    assert!(done.invalidated > 50.0 && done.evicted > 100.0, "hardly any translation had to go: {done:?}");
}
