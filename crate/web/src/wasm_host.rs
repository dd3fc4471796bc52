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
use jit::emit::Linkage;
use jit::engine::{Call, Host};
use jit::imports;
use jit::module::{FROM, Links, MEMORY, TABLE};
use js_sys::WebAssembly::{Instance, Module, Table};
use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

/// Slots for translated functions. The table gets them at once and never grows: some engines keep a copy of a table in
/// every instance that imports it.
const SLOTS: u32 = 1 << 15;
/// Modules made at a time to see what importing the table costs, and how often: the quickest time counts.
const TRIALS: (u32, u32) = (4, 4);
/// Milliseconds, and times of what modules cost that do not import it, within which it is cheap. (Measured: 0.5 ms in
/// Chromium 156 either way; 4.4 and 0.04 ms in Node 20.)
const CHEAP: (f64, f64) = (1.0, 4.0);

type Region = extern "C" fn(*mut Exec<'static>, u32, u32, u32, u32) -> u32;

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
        set(TABLE, &table)?;
        let imports = Object::new();
        Reflect::set(&imports, &FROM.into(), &ours).ok()?;
        let first = table.grow(SLOTS).ok()?;
        let host = Self { table, imports, free: (first..first + SLOTS).rev().collect() };
        host.compile(&Links::trial(Linkage::Return))?;
        Some(host)
    }

    /// Milliseconds it takes to make some modules of a linkage. `None` if they cannot be made.
    fn cost(&self, linkage: Linkage) -> Option<f64> {
        let module = Links::trial(linkage);
        let mut least = f64::INFINITY;
        for _ in 0..TRIALS.0 {
            let began = self.now_ms();
            for _ in 0..TRIALS.1 {
                self.compile(&module)?;
            }
            least = least.min(self.now_ms() - began);
        }
        Some(least)
    }

    fn compile(&self, module: &[u8]) -> Option<Object> {
        let module = Module::new(&Uint8Array::from(module)).ok()?;
        Some(Instance::new(&module, &self.imports).ok()?.exports())
    }
}

impl Host for WasmHost {
    fn install(&mut self, module: &[u8], regions: usize) -> Option<Vec<u32>> {
        let exports = self.compile(module)?;
        let slots = self.free.split_off(self.free.len().checked_sub(regions)?);
        for (n, slot) in slots.iter().enumerate() {
            let function = Reflect::get(&exports, &format!("f{n}").into()).ok()?;
            self.table.set(*slot, function.unchecked_ref::<Function>()).ok()?;
        }
        Some(slots)
    }

    fn shares_table(&mut self) -> bool {
        match (self.cost(Linkage::TailCall), self.cost(Linkage::Return)) {
            (Some(shared), Some(own)) => shared < CHEAP.0 + CHEAP.1 * own,
            _ => false,
        }
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

    fn call(&mut self, at: Call, x: &mut Exec<'static>, budget: u32, eip: u32) -> u32 {
        // SAFETY: a handle is the table index of a function of this signature; see above.
        let region: Region = unsafe { std::mem::transmute(at.handle() as usize) };
        region(x, budget, at.block(), at.pages, eip)
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
