//! Translated code against real processors: the oracle's vectors, each compiled at first sight.
//!
//! Runs in Node alone, because it reads `build/oracle-int.jsonl`, which `./build.sh test` makes.

#![cfg(target_arch = "wasm32")]

use isa::oracle::{Vector, World, not_comparable};
use isa::tally::Tally;
use jit::engine::{Engine, Options};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};
use web::wasm_host::WasmHost;

#[wasm_bindgen(module = "fs")]
extern "C" {
    #[wasm_bindgen(js_name = readFileSync, catch)]
    fn read_file(path: &str, encoding: &str) -> Result<String, JsValue>;
}

#[wasm_bindgen_test]
fn integer_vectors_agree() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/oracle-int.jsonl");
    let Ok(text) = read_file(path, "utf8") else {
        console_log!("SKIPPED: no vectors at {path}");
        return;
    };
    let mut world = World::new().unwrap();
    let host = WasmHost::new().expect("wasm may be compiled here");
    let options = Options { threshold: 0, batch: 1, cache_bytes: 1 << 20 };
    world.processor().set_translator(Box::new(Engine::new(host, options)));
    let mut tally = Tally::default();
    for line in text.lines() {
        let v = Vector::parse(line).expect("a vector");
        let i = world.decode(&v).expect("code");
        match not_comparable(&v, &i) {
            Some(reason) => tally.skip(reason),
            None => tally.note(&v.kind(), world.check_loop(&v, &i)),
        }
    }
    let (passed, failed) = tally.totals();
    let figures = world.processor().translator_figures();
    let executed = figures.iter().find(|(name, _)| *name == "executed").map_or(0.0, |(_, n)| *n);
    console_log!("{passed} passed, {failed} failed; {executed} instructions in translated code; {figures:?}");
    assert!(failed == 0, "{}", tally.report());
    assert!(executed > passed as f64 / 2.0, "hardly anything was translated");
}
