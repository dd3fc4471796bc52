//! Several translated functions as one wasm module.
//!
//! A module imports the VMM's memory and the functions of [`IMPORTS`] and exports its regions as `f0`, `f1`,
//! ... It owns no table and no memory.

use crate::imports::{IMPORTS, Import};
use cpu::micro::FlagOp;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, MemoryType, Module, TypeSection, ValType,
};

/// Module name of all imports.
pub const FROM: &str = "vmm";
/// Name of the imported memory.
pub const MEMORY: &str = "memory";

/// Builds a module.
#[must_use]
pub fn module<'a>(functions: impl IntoIterator<Item = &'a Function>) -> Vec<u8> {
    use ValType::I32;
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let memory =
        MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    imports.import(FROM, MEMORY, EntityType::Memory(memory));
    for f in IMPORTS {
        let ty = types.len();
        types.ty().function(f.parameters.iter().copied(), [f.result]);
        imports.import(FROM, f.name, EntityType::Function(ty));
    }
    let ty_carry = types.len();
    types.ty().function([I32; 5], [I32]); // kind, operands, carries; CF
    let ty_region = types.len();
    types.ty().function([I32; 4], [I32]); // state, budget, block, pages; the number of the exit
    let (mut declared, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    declared.function(ty_carry);
    code.function(&carry());
    for (n, function) in functions.into_iter().enumerate() {
        declared.function(ty_region);
        exports.export(&format!("f{n}"), ExportKind::Func, Import::Carry as u32 + 1 + n as u32);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&declared).section(&exports).section(&code);
    module.finish()
}

/// CF from the number of the operation that set the flags, its operands, and the carries that hold if the
/// number is 0: as `cpu::flags` defines it.
fn carry() -> Function {
    use Instruction as W;
    const KIND: u32 = 0;
    const A: u32 = 1;
    const B: u32 = 2;
    const R: u32 = 3;
    const AUX: u32 = 4;
    const OP: u32 = 5;
    let mut f = Function::new([(1, ValType::I32)]);
    let mut put = |list: &[Instruction<'static>]| {
        for i in list {
            f.instruction(i);
        }
    };
    let when = |op: FlagOp| [W::LocalGet(OP), W::I32Const(op as i32), W::I32Eq, W::If(BlockType::Empty)];
    put(&[W::LocalGet(KIND), W::I32Eqz, W::If(BlockType::Empty)]);
    put(&[W::LocalGet(AUX), W::I32Const(31), W::I32ShrU, W::Return, W::End]);
    put(&[W::LocalGet(KIND), W::I32Const(1), W::I32Sub, W::I32Const(2), W::I32ShrU, W::LocalSet(OP)]);
    // The top bit of the carries: shifted out by the width.
    let top = [
        W::I32Const(8),
        W::LocalGet(KIND),
        W::I32Const(1),
        W::I32Sub,
        W::I32Const(3),
        W::I32And,
        W::I32Shl,
        W::I32Const(1),
        W::I32Sub,
        W::I32ShrU,
        W::I32Const(1),
        W::I32And,
        W::Return,
        W::End,
    ];
    let not = [W::I32Const(-1), W::I32Xor];
    put(&when(FlagOp::Add));
    put(&[W::LocalGet(A), W::LocalGet(B), W::I32And, W::LocalGet(A), W::LocalGet(B), W::I32Or]);
    put(&[W::LocalGet(R)]);
    put(&not);
    put(&[W::I32And, W::I32Or]);
    put(&top);
    put(&when(FlagOp::Sub));
    put(&[W::LocalGet(A)]);
    put(&not);
    put(&[W::LocalGet(B), W::I32And, W::LocalGet(A), W::LocalGet(B), W::I32Xor]);
    put(&not);
    put(&[W::LocalGet(R), W::I32And, W::I32Or]);
    put(&top);
    put(&when(FlagOp::Logic));
    put(&[W::I32Const(0), W::Return, W::End]);
    put(&when(FlagOp::Explicit));
    put(&[W::LocalGet(A), W::Return, W::End]);
    // Increments keep it; it is their second operand.
    put(&[W::LocalGet(B), W::End]);
    f
}
