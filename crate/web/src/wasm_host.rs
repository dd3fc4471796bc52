//! Compiles and calls translated code: the browser's WebAssembly, used from inside.
//!
//! The VMM's instance owns the function table; translated functions are put into it, so that a call from here
//! is one indirect call and never passes through JavaScript. They call back the functions at the end of this
//! file, which are found by their place in the same table.
//!
//! UNSAFETY: a number is made a function pointer, and pointers that come back from translated code are made
//! references. What makes it sound: only handles that `install` gave out and `release` has not taken back are
//! called; those functions were emitted with this signature (wasm checks it at the call); and they hand the
//! pointer they were given to the functions below while nobody else uses it.

use cpu::exec::Exec;
use jit::engine::{Call, Host};
use jit::imports;
use jit::module::{FROM, MEMORY};
use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// Slots the table grows by.
const MORE: u32 = 1024;

type Region = extern "C" fn(*mut Exec<'static>, u32, u32, u32) -> u32;

/// The WebAssembly around this instance.
#[derive(Debug)]
pub struct WasmHost {
    table: Table,
    imports: Object,
    free: Vec<u32>,
}

impl WasmHost {
    /// `None` where wasm may not be compiled at run time.
    #[must_use]
    pub fn new() -> Option<Self> {
        let table: Table = wasm_bindgen::function_table().dyn_into().ok()?;
        let ours = Object::new();
        let set = |name: &str, value: &JsValue| Reflect::set(&ours, &name.into(), value).ok();
        set(MEMORY, &wasm_bindgen::memory())?;
        for (name, at) in functions() {
            set(name, &table.get(at as u32).ok()?.into())?;
        }
        let imports = Object::new();
        Reflect::set(&imports, &FROM.into(), &ours).ok()?;
        let mut host = Self { table, imports, free: Vec::new() };
        host.compile(&jit::module::module([]))?;
        Some(host)
    }

    fn compile(&mut self, module: &[u8]) -> Option<Object> {
        let module = Module::new(&Uint8Array::from(module)).ok()?;
        Some(Instance::new(&module, &self.imports).ok()?.exports())
    }

    fn slot(&mut self) -> Option<u32> {
        if self.free.is_empty() {
            let first = self.table.grow(MORE).ok()?;
            self.free.extend((first..first + MORE).rev());
        }
        self.free.pop()
    }
}

impl Host for WasmHost {
    fn install(&mut self, module: &[u8], regions: usize) -> Option<Vec<u32>> {
        let exports = self.compile(module)?;
        let mut slots = Vec::with_capacity(regions);
        for n in 0..regions {
            let function = Reflect::get(&exports, &format!("f{n}").into()).ok()?;
            let slot = self.slot()?;
            slots.push(slot);
            self.table.set(slot, function.unchecked_ref::<Function>()).ok()?;
        }
        Some(slots)
    }

    fn release(&mut self, handles: &[u32]) {
        for &slot in handles {
            // Overwritten, so that the module can go.
            if let Ok(none) = self.table.get(load as *const () as u32) {
                let _ = self.table.set(slot, &none);
            }
            self.free.push(slot);
        }
    }

    fn call(&mut self, at: Call, x: &mut Exec<'static>, budget: u32) -> u32 {
        // SAFETY: a handle is the table index of a function of this signature; see above.
        let region: Region = unsafe { std::mem::transmute(at.handle as usize) };
        region(x, budget, at.block, at.pages)
    }

    fn now_ms(&self) -> f64 {
        crate::performance_now()
    }
}

/// The processor that translated code was called with.
///
/// # Safety
/// `x` comes from [`WasmHost::call`], whose reference nobody uses until it returns.
unsafe fn processor<'a>(x: *mut Exec<'static>) -> &'a mut Exec<'static> {
    // SAFETY: as the caller says.
    unsafe { &mut *x }
}

/// A function of each import, and their names with their places in the table.
macro_rules! entries {
    ($($(#[$doc:meta])* $name:ident = $variant:ident($x:ident $(, $p:ident: $t:ident)*) -> $r:ident $body:block)*) => {
        $(extern "C" fn $name($x: *mut Exec<'static> $(, $p: $t)*) -> $r {
            // SAFETY: called by translated code only.
            let x = unsafe { processor($x) };
            imports::$name(x $(, $p)*)
        })*

        fn functions() -> [(&'static str, usize); imports::IMPORTS.len()] {
            [$((stringify!($name), $name as *const () as usize)),*]
        }
    };
}
jit::for_each_import!(entries);
