//! Errors as JavaScript expects them: `Error` objects, with a `code` for programs.

use js_sys::{Error, Reflect};
use machine::MachineError;
use wasm_bindgen::JsValue;

/// An error on its way to JavaScript.
#[derive(Debug)]
pub(crate) struct Thrown(pub(crate) MachineError);

impl From<Thrown> for JsValue {
    fn from(Thrown(MachineError { code, message }): Thrown) -> Self {
        let error = Error::new(&message);
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&error, &"code".into(), &code.name().into());
        error.into()
    }
}
