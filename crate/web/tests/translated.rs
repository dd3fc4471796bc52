//! Translated code in the engine that ships: `isa::translated`, in Node. Natively, in `tests/isa`, there is more of it.
//!
//! Runs in Node alone, because it reads `build/oracle-*.jsonl`, which `./build.sh test` makes.

#![cfg(target_arch = "wasm32")]

use isa::tally::Tally;
use isa::translated::{self, Workbench, pages, sequences, soak, sse, x87};
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

/// The lines of a file of vectors; none, and a word, if it is not there.
fn vectors(class: &str) -> Vec<String> {
    let path = format!("{}/../../build/oracle-{class}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = read_file(&path, "utf8").unwrap_or_default();
    if text.is_empty() {
        console_log!("SKIPPED: no vectors at {path}");
    }
    text.lines().map(str::to_owned).collect()
}

fn all_passed(tally: &Tally, executed: f64, least: f64) {
    let (passed, failed) = tally.totals();
    console_log!("{passed} passed, {failed} failed; {executed} instructions in translated code");
    assert!(failed == 0, "{}", tally.report());
    assert!(executed >= least, "hardly anything was translated");
}

#[wasm_bindgen_test]
fn integer_vectors_agree() {
    for bits in [32, 16] {
        let (tally, executed) = translated::integer_vectors(&Node, vectors(&format!("int-{bits}")));
        all_passed(&tally, executed, tally.totals().0 as f64 / 2.0);
    }
}

#[wasm_bindgen_test]
fn sequences_of_the_real_processor_agree() {
    for class in ["seq", "seqfp"] {
        let (tally, compared, executed) = translated::real_sequences(&Node, vectors(class));
        all_passed(&tally, executed, compared as f64 / 2.0);
    }
}

#[wasm_bindgen_test]
fn x87_and_mmx_vectors_end_as_in_the_interpreter() {
    for class in ["x87", "mmx"] {
        let (vectors, executed) = x87::vectors_end_as_in_the_interpreter(&Node, vectors(class));
        console_log!("{class}: {vectors} vectors, {executed} instructions in translated code");
        assert!(executed >= f64::from(vectors) / 2.0, "hardly anything was translated");
    }
}

#[wasm_bindgen_test]
fn x87_sequences_end_as_in_the_interpreter() {
    let executed = x87::sequences_end_as_in_the_interpreter(&Node, 0..200);
    assert!(executed > 1_000.0, "only {executed} instructions in translated code");
}

#[wasm_bindgen_test]
fn sse_vectors_agree() {
    for class in ["sse", "ext"] {
        let (tally, executed) = sse::vectors(&Node, vectors(class));
        all_passed(&tally, executed, tally.totals().0 as f64 / 2.0);
    }
}

#[wasm_bindgen_test]
fn sse_sequences_end_as_in_the_interpreter() {
    let executed = sse::sequences_end_as_in_the_interpreter(&Node, 0..500);
    assert!(executed > 25_000.0, "only {executed} instructions in translated code");
}

#[wasm_bindgen_test]
fn integer_sequences_end_as_in_the_interpreter() {
    let executed = sequences::end_as_in_the_interpreter(&Node, 0..800);
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
