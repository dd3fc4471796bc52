//! The functions that translated code calls, each written once.
//!
//! A row of [`for_each_import`](crate::for_each_import) is all that a function takes. What a module declares, the
//! number emission calls it by, and the functions a host hands to its engine follow from the row; the first argument
//! is always the address of the processor's state, as translated code got it.
//!
//! How a host makes a processor of that address is its own affair: the one thing that is not here.

use cpu::exec::Exec;
use cpu::insn::Width;
use wasm_encoder::ValType;

/// The table of imported functions, handed to the macro named as argument. Arguments and result are `u32` or `u64`.
#[macro_export]
macro_rules! for_each_import {
    ($then:ident) => {
        $then! {
            /// A read that missed the fast table; 0 if it must be left.
            load = Load(x, lin: u32, w: u32) -> u32 { x.translated_load(lin, width(w)).into() }
            /// A write that missed the fast table; likewise.
            store = Store(x, lin: u32, w: u32, v: u64) -> u32 { x.translated_store(lin, width(w), v).into() }
            /// Has the fast table for writing hold a place; likewise.
            place = Place(x, lin: u32, w: u32) -> u32 { x.translated_place(lin, width(w)).into() }
            /// Interprets a run of a region; not 0 if the region is left.
            step = Step(x, region: u32, run: u32, left: u32) -> u32 {
                x.translated_step(region, run, left).into()
            }
            /// Settles the flags from the number of the operation that set them and its operands; the carries.
            settle = Settle(x, kind: u32, a: u32, b: u32, r: u32) -> u32 {
                (x.link.kind, x.link.a, x.link.b, x.link.r) = (kind, a, b, r);
                x.settle_link();
                x.cpu.flags.aux
            }
            /// What an x87 instruction does to the unit, from its number and its operand; 0 if its result must not be
            /// stored.
            x87 = X87(x, call: u32, bits: u64) -> u32 { x.translated_x87(call, bits).into() }
            /// An operation of SSE, from its number and its operands; how it ended.
            sse = Sse(x, operation: u32, a: u64, b: u64) -> u32 { x.translated_sse(operation, a, b) as u32 }
        }
    };
}

/// An imported function as a module declares it.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, the address of the state first.
    pub parameters: &'static [ValType],
    /// Its result.
    pub result: ValType,
}

const fn width(w: u32) -> Width {
    match w {
        0 => Width::W8,
        1 => Width::W16,
        2 => Width::W32,
        _ => Width::W64,
    }
}

macro_rules! val_type {
    (u32) => {
        ValType::I32
    };
    (u64) => {
        ValType::I64
    };
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $variant:ident($x:ident $(, $p:ident: $t:ident)*) -> $r:ident $body:block)*) => {
        $($(#[$doc])* pub fn $name($x: &mut Exec<'_> $(, $p: $t)*) -> $r $body)*

        /// Functions that translated code calls, by index in its module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Import {
            $($(#[$doc])* $variant,)*
            /// CF as `cpu::flags` defines it: not imported, but the first function of every module.
            Carry,
            /// Goes on at a linear address: the second.
            Go,
        }

        /// The imported functions, in the order of their indices.
        pub const IMPORTS: &[Declared] = &[$(Declared {
            name: stringify!($name),
            parameters: &[ValType::I32 $(, val_type!($t))*],
            result: val_type!($r),
        }),*];
    };
}
for_each_import!(functions);
