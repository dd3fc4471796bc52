//! Several translated functions as one wasm module.
//!
//! A module imports the VMM's memory and the functions of [`IMPORTS`] and exports its regions as `f0`, `f1`,
//! ... It owns no table and no memory. Where regions call each other ([`Linkage::TailCall`]) it imports the table
//! they are in.

use crate::emit::{GOES_ON, Linkage, mem};
use crate::found::{BLOCK_BITS, Where};
use crate::imports::{IMPORTS, Import};
use cpu::exec::{Layout, kind_bits};
use cpu::micro::FlagOp;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, MemoryType, Module, RefType, TableType, TypeSection, ValType,
};
use x86::Seg;

/// Module name of all imports.
pub const FROM: &str = "vmm";
/// Name of the imported memory.
pub const MEMORY: &str = "memory";
/// Name of the imported table.
pub const TABLE: &str = "table";

/// How the regions of a module get to others.
#[derive(Clone, Copy, Debug)]
pub struct Links<'a> {
    /// Whether they call them.
    pub linkage: Linkage,
    /// Where the state is.
    pub layout: &'a Layout,
    /// Where regions are found.
    pub found: Where,
    /// Whether EIP is the linear address in all of them.
    pub flat: bool,
}

impl Links<'_> {
    /// Whether a module works at all can be tried with these, and a call of its functions cannot.
    #[must_use]
    pub fn trial(linkage: Linkage) -> Vec<u8> {
        let layout = Layout::default();
        module(Links { linkage, layout: &layout, found: Where::default(), flat: true }, [])
    }
}

/// Builds a module.
#[must_use]
pub fn module<'a>(links: Links<'_>, functions: impl IntoIterator<Item = &'a Function>) -> Vec<u8> {
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
    if links.linkage == Linkage::TailCall {
        let table = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 0,
            maximum: None,
            shared: false,
        };
        imports.import(FROM, TABLE, EntityType::Table(table));
    }
    let ty_carry = types.len();
    types.ty().function([I32; 5], [I32]); // kind, operands, carries; CF
    let ty_go = types.len();
    types.ty().function([I32; 3], [I32]); // state, budget, linear address; the number of the exit
    let ty_region = types.len();
    types.ty().function([I32; 5], [I32]); // state, budget, block, pages, EIP; the number of the exit
    let (mut declared, mut exports, mut code) =
        (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    declared.function(ty_carry);
    code.function(&carry());
    declared.function(ty_go);
    code.function(&go(links, ty_region));
    for (n, function) in functions.into_iter().enumerate() {
        declared.function(ty_region);
        exports.export(&format!("f{n}"), ExportKind::Func, Import::Go as u32 + 1 + n as u32);
        code.function(function);
    }
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&declared).section(&exports).section(&code);
    module.finish()
}

/// Goes on at an EIP: to the region that holds the code there, or back to Rust.
fn go(links: Links<'_>, ty_region: u32) -> Function {
    use Instruction as W;
    const CTX: u32 = 0;
    const BUDGET: u32 = 1;
    const EIP: u32 = 2;
    const AT: u32 = 3;
    const CALL: u32 = 4;
    const TAG: u32 = 5;
    const IN_SEGMENT: u32 = 6;
    let locals = [(2, ValType::I32), (1, ValType::I64), (1, ValType::I32)];
    let mut f = Function::new(locals.into_iter().take(if links.flat { 2 } else { 3 }));
    let mut put = |list: &[Instruction<'static>]| {
        for i in list {
            f.instruction(i);
        }
    };
    let Links { linkage, layout, found, flat } = links;
    if linkage == Linkage::TailCall {
        let field = |offset: u32| W::I32Load(mem(found.table + offset, 2));
        let lin = if flat { EIP } else { IN_SEGMENT };
        if !flat {
            put(&[W::LocalGet(CTX), W::I32Load(mem(layout.segment(Seg::Cs), 2))]);
            put(&[W::LocalGet(EIP), W::I32Add, W::LocalSet(lin)]);
        }
        put(&found.entry(lin));
        put(&[W::LocalTee(AT), field(found.lin), W::LocalGet(lin), W::I32Eq, W::If(BlockType::Empty)]);
        put(&[W::LocalGet(AT), W::I64Load(mem(found.table + found.tag, 3)), W::LocalTee(TAG)]);
        put(&[W::LocalGet(CTX), W::I64Load(mem(layout.tag_any, 3)), W::I64Eq]);
        put(&[W::LocalGet(TAG), W::LocalGet(CTX), W::I64Load(mem(layout.tag_global, 3)), W::I64Eq, W::I32Or]);
        // Where there is nothing, no budget is large enough.
        put(&[W::LocalGet(BUDGET), W::LocalGet(AT), field(found.insns), W::I32GeU, W::I32And]);
        put(&[W::If(BlockType::Empty), W::LocalGet(CTX), W::LocalGet(BUDGET)]);
        put(&[W::LocalGet(AT), field(found.at), W::LocalTee(CALL), W::I32Const((1 << BLOCK_BITS) - 1)]);
        put(&[W::I32And, W::LocalGet(AT), field(found.pages)]);
        put(&[W::LocalGet(EIP), W::LocalGet(AT), field(found.delta), W::I32Sub]);
        put(&[W::LocalGet(CALL), W::I32Const(BLOCK_BITS as i32), W::I32ShrU]);
        put(&[W::ReturnCallIndirect { type_index: ty_region, table_index: 0 }, W::End, W::End]);
    }
    put(&[W::LocalGet(CTX), W::LocalGet(EIP), W::I64ExtendI32U, W::I64Store(mem(layout.eip, 3))]);
    put(&[W::LocalGet(CTX), W::LocalGet(BUDGET), W::I32Store(mem(layout.left, 2))]);
    put(&[W::I32Const(GOES_ON as i32), W::End]);
    f
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
    // Set by itself since, or of what the number says.
    put(&[W::LocalGet(KIND), W::I32Const(kind_bits::CF_SET as i32), W::I32And, W::If(BlockType::Empty)]);
    let at = kind_bits::CF.trailing_zeros() as i32;
    put(&[W::LocalGet(KIND), W::I32Const(at), W::I32ShrU, W::I32Const(1), W::I32And, W::Return, W::End]);
    put(&[W::LocalGet(KIND), W::I32Const(kind_bits::OPERATION as i32), W::I32And, W::LocalSet(KIND)]);
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
