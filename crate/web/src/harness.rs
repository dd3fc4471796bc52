//! The processor harness for JavaScript: one processor over flat RAM and an empty bus, all of whose state can be set
//! and read. Only tests want it, so it is behind the feature `harness` and in no build that is shipped.
//!
//! State is a plain object whose properties are the fields of [`cpu::harness::State`]: numbers, bigints where there are
//! 64 bits, arrays (of bytes too) and objects of those.

use crate::bad_option;
use crate::error::Thrown;
use cpu::harness::{Ended, Harness as Processor, SegmentState, State, TableState, X87State};
use js_sys::{Array, BigInt, Object, Reflect};
use wasm_bindgen::prelude::*;

/// What crosses to JavaScript and back without loss.
trait Plain: Sized {
    fn to_js(&self) -> JsValue;
    /// `None` if the value is of another kind or too large.
    fn from_js(value: &JsValue) -> Option<Self>;
}

macro_rules! plain_numbers {
    ($($type:ty),*) => {$(
        impl Plain for $type {
            fn to_js(&self) -> JsValue {
                f64::from(*self).into()
            }
            fn from_js(value: &JsValue) -> Option<Self> {
                let number = value.as_f64()?;
                let whole = number as $type;
                (f64::from(whole) == number).then_some(whole)
            }
        }
    )*};
}
plain_numbers!(u8, u16, u32);

impl Plain for u64 {
    fn to_js(&self) -> JsValue {
        BigInt::from(*self).into()
    }
    fn from_js(value: &JsValue) -> Option<Self> {
        Self::try_from(value.dyn_ref::<BigInt>()?.clone()).ok()
    }
}

impl Plain for bool {
    fn to_js(&self) -> JsValue {
        (*self).into()
    }
    fn from_js(value: &JsValue) -> Option<Self> {
        value.as_bool()
    }
}

impl<T: Plain, const N: usize> Plain for [T; N] {
    fn to_js(&self) -> JsValue {
        self.iter().map(Plain::to_js).collect::<Array>().into()
    }
    fn from_js(value: &JsValue) -> Option<Self> {
        // Typed arrays are as good as arrays.
        let values = js_sys::try_iter(value).ok()??.map(|item| T::from_js(&item.ok()?));
        values.collect::<Option<Vec<T>>>()?.try_into().ok()
    }
}

macro_rules! plain_object {
    ($type:ident: $($field:ident)*) => {
        impl Plain for $type {
            fn to_js(&self) -> JsValue {
                let Self { $($field),* } = self;
                let object = Object::new();
                $(
                    // Setting a property of a fresh object cannot fail.
                    let _ = Reflect::set(&object, &stringify!($field).into(), &$field.to_js());
                )*
                object.into()
            }
            fn from_js(value: &JsValue) -> Option<Self> {
                let get = |name: &str| Reflect::get(value, &name.into()).ok();
                Some(Self { $($field: Plain::from_js(&get(stringify!($field))?)?),* })
            }
        }
    };
}
plain_object!(SegmentState: selector base limit rights);
plain_object!(TableState: base limit);
plain_object!(X87State: registers control status empty opcode code_selector code_offset data_selector data_offset);
plain_object!(State: gpr eip eflags segments ldtr tr gdtr idtr cr0 cr2 cr3 cr4 pdpte dr cpl msr mtrr_fixed mtrr_ranges xcr0 x87 xmm mxcsr halted shutdown
    shadow nmi_blocked);

fn word(ended: Ended) -> String {
    match ended {
        Ended::Done => "done",
        Ended::Halted => "halted",
        Ended::Shutdown => "shutdown",
    }
    .into()
}

/// One processor, its RAM at physical address 0, and nothing else.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Harness {
    processor: Processor,
}

#[wasm_bindgen]
impl Harness {
    /// A processor at reset.
    #[wasm_bindgen(constructor)]
    pub fn new(ram_bytes: u32) -> Result<Harness, JsValue> {
        let processor = Processor::new(ram_bytes.into());
        let processor =
            processor.map_err(|_| Thrown(bad_option("the host has not that much memory".into()).0))?;
        Ok(Self { processor })
    }

    /// Back to the state after power-on; memory keeps its content.
    pub fn reset(&mut self) {
        self.processor.reset();
    }

    /// All state.
    pub fn state(&self) -> JsValue {
        self.processor.state().to_js()
    }

    /// Sets all state, of an object like those that `state` returns.
    #[wasm_bindgen(js_name = setState)]
    pub fn set_state(&mut self, state: &JsValue) -> Result<(), JsValue> {
        let state = State::from_js(state).ok_or_else(|| bad_option("state: not the whole state".into()))?;
        self.processor.set_state(&state);
        Ok(())
    }

    /// Executes so many instructions at most; answers "done", "halted" or "shutdown".
    pub fn run(&mut self, most: f64) -> String {
        word(self.processor.run(most as u64))
    }

    /// Executes until HLT, but no more than so many instructions.
    #[wasm_bindgen(js_name = runToHalt)]
    pub fn run_to_halt(&mut self, most: f64) -> String {
        word(self.processor.run_to_halt(most as u64))
    }

    /// Executes one instruction.
    pub fn step(&mut self) -> String {
        word(self.processor.step())
    }

    /// Instructions executed.
    pub fn count(&self) -> f64 {
        self.processor.count() as f64
    }

    /// Copies bytes to RAM; false if they do not fit.
    #[wasm_bindgen(js_name = writeMemory)]
    pub fn write_memory(&mut self, at: u32, bytes: &[u8]) -> bool {
        self.processor.write_memory(at.into(), bytes)
    }

    /// Copies bytes from RAM; empty if they are not all there.
    #[wasm_bindgen(js_name = readMemory)]
    pub fn read_memory(&self, at: u32, length: usize) -> Vec<u8> {
        self.processor.read_memory(at.into(), length)
    }
}
