//! Compiles and calls translated code in an embedded engine.
//!
//! The engine keeps whatever it has compiled as long as it lives. So there is a new one now and then, whenever nothing
//! is installed.
//!
//! UNSAFETY: addresses that come back from translated code are made references, and the engine gets memory that others
//! have allocated in. What makes it sound: as in `wasm_host`, translated code hands on the address it was given, of a
//! processor that nobody uses until it returns; and the engine touches its memory only while it runs such code.

#![expect(unsafe_code, reason = "translated code knows the processor by its address; see above")]

use crate::arena::{Arena, WASM_PAGE};
use jit::engine::{Call, Host};
use jit::imports;
use jit::module::{FROM, MEMORY};
use wasmi::{Config, Engine, Linker, Memory, MemoryType, Module, Store, TypedFunc};

/// Modules that an engine may have compiled when there is another.
const MODULES: usize = 256;

type Region = TypedFunc<(u32, u32, u32, u32, u32), u32>;

/// An engine whose memory is an arena.
#[derive(Debug)]
pub struct NativeHost {
    arena: Arena,
    wasm: Wasm,
    regions: Vec<Option<Region>>,
    free: Vec<u32>,
}

/// The engine, and what it has compiled.
#[derive(Debug)]
struct Wasm {
    store: Store<()>,
    linker: Linker<()>,
    modules: usize,
}

/// Runs `make` with a host. What it allocates on this thread lies in the host's arena of so many bytes: it has to make
/// the processor and the translator there.
///
/// # Panics
/// If that does not fit.
pub fn within<T>(bytes: usize, make: impl FnOnce(NativeHost) -> T) -> T {
    let arena = Arena::new(bytes);
    let host = NativeHost { arena, wasm: Wasm::new(arena), regions: Vec::new(), free: Vec::new() };
    arena.open(|| make(host))
}

impl Wasm {
    fn new(arena: Arena) -> Self {
        let engine = Engine::new(&Config::default());
        let mut store = Store::new(&engine, ());
        let pages = u32::try_from(arena.bytes() / WASM_PAGE).expect("less than 4 GB");
        let memory = arena.kept(|| {
            // SAFETY: in `kept`; from then on it is used by translated code.
            let bytes = unsafe { arena.memory() };
            Memory::new_static(&mut store, MemoryType::new(pages, Some(pages)), bytes)
        });
        let mut linker = Linker::new(&engine);
        linker.define(FROM, MEMORY, memory.expect("as large as it says")).expect("the only one");
        link(&mut linker, arena).expect("names that differ");
        Self { store, linker, modules: 0 }
    }

    fn compile(&mut self, module: &[u8], regions: usize) -> Result<Vec<Region>, wasmi::Error> {
        self.modules += 1;
        let module = Module::new(self.linker.engine(), module)?;
        let instance = self.linker.instantiate_and_start(&mut self.store, &module)?;
        (0..regions).map(|n| instance.get_typed_func(&self.store, &format!("f{n}"))).collect()
    }
}

impl Host for NativeHost {
    fn install(&mut self, module: &[u8], regions: usize) -> Option<Vec<u32>> {
        if self.wasm.modules >= MODULES && self.free.len() == self.regions.len() {
            self.wasm = Wasm::new(self.arena);
        }
        let compiled =
            self.wasm.compile(module, regions).unwrap_or_else(|e| panic!("not a valid module: {e}"));
        let install = |region| {
            let handle = self.free.pop().unwrap_or_else(|| {
                self.regions.push(None);
                self.regions.len() as u32 - 1
            });
            self.regions[handle as usize] = Some(region);
            handle
        };
        Some(compiled.into_iter().map(install).collect())
    }

    fn release(&mut self, handles: &[u32]) {
        for &handle in handles {
            let region = self.regions[handle as usize].take();
            assert!(region.is_some(), "region {handle} is released twice");
            self.free.push(handle);
        }
    }

    /// There is no table: from region to region the engine's own loop leads.
    fn shares_table(&mut self) -> bool {
        false
    }

    fn call(&mut self, at: Call, x: &mut cpu::exec::Exec<'static>, budget: u32, eip: u32) -> u32 {
        let state = self.arena.address(x).expect("a processor made within the arena");
        let region = self.regions[at.handle() as usize].as_ref().expect("an installed region");
        let exit = region.call(&mut self.wasm.store, (state, budget, at.block(), at.pages, eip));
        exit.unwrap_or_else(|e| panic!("translated code trapped: {e}"))
    }

    /// Nobody looks at the time here.
    fn now_ms(&self) -> f64 {
        0.0
    }

    fn memory_base(&self) -> usize {
        self.arena.begin()
    }
}

/// A function of each import.
macro_rules! define_link {
    ($($(#[$doc:meta])* $name:ident = $variant:ident($x:ident $(, $p:ident: $t:ident)*) -> $r:ident $body:block)*) => {
        fn link(linker: &mut Linker<()>, arena: Arena) -> Result<(), wasmi::Error> {
            $(linker.func_wrap(FROM, stringify!($name), move |$x: u32 $(, $p: $t)*| -> $r {
                // SAFETY: called by translated code only, with the address it was given.
                let x = unsafe { arena.processor($x) };
                imports::$name(x $(, $p)*)
            })?;)*
            Ok(())
        }
    };
}
jit::for_each_import!(define_link);
