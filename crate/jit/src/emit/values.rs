//! Values while a function is emitted: small expression trees, written to wasm where they are needed.
//!
//! A value is a constant, a wasm local or an operation on other values. Nothing is emitted when a value is
//! made, so what nobody needs costs nothing, and a value used once needs no local. The constructors fold
//! constants and drop operations without effect.

use cpu::insn::Width;
use wasm_encoder::{Instruction, ValType};

/// A value of the block being emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ty {
    I32,
    I64,
}

impl Ty {
    /// The type that holds integers of a width.
    pub(super) const fn of(w: Width) -> Self {
        if matches!(w, Width::W64) { Self::I64 } else { Self::I32 }
    }
}

impl From<Ty> for ValType {
    fn from(ty: Ty) -> Self {
        match ty {
            Ty::I32 => Self::I32,
            Ty::I64 => Self::I64,
        }
    }
}

/// Two operands of the operation's type; comparisons give an `I32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bin {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Mul,
    Shl,
    ShrU,
    ShrS,
    Rotl,
    Rotr,
    DivU,
    DivS,
    Eq,
    Ne,
    LtU,
    LeU,
    LtS,
    LeS,
}

impl Bin {
    const fn compares(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::LtU | Self::LeU | Self::LtS | Self::LeS)
    }
}

/// One operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Un {
    Eqz,
    Clz,
    Ctz,
    Popcnt,
    /// The low 8 bits, sign-extended.
    Sext8,
    /// The low 16 bits, sign-extended.
    Sext16,
    /// `I32` from the low half of an `I64`.
    Wrap,
    /// `I64` from an `I32`, zero-extended.
    ExtendU,
    /// `I64` from an `I32`, sign-extended.
    ExtendS,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Const(Ty, u64),
    Local(Ty, u32),
    Bin(Bin, Ty, Id, Id),
    Un(Un, Id),
    /// The second if the first is not zero, else the third.
    Select(Id, Id, Id),
}

/// All values of a block.
#[derive(Debug, Default)]
pub(super) struct Values {
    nodes: Vec<Node>,
}

impl Values {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    fn make(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        Id(self.nodes.len() as u32 - 1)
    }

    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[id.0 as usize]
    }

    /// Says that a value now lies in a local.
    pub(super) fn rebind(&mut self, id: Id, local: u32) {
        let ty = self.ty(id);
        self.nodes[id.0 as usize] = Node::Local(ty, local);
    }

    /// All values bound to `from` are now found in `to`.
    pub(super) fn rebind_all(&mut self, from: u32, to: u32) {
        for node in &mut self.nodes {
            if let Node::Local(_, local) = node
                && *local == from
            {
                *local = to;
            }
        }
    }

    pub(super) fn ty(&self, id: Id) -> Ty {
        match self.node(id) {
            Node::Const(ty, _) | Node::Local(ty, _) => ty,
            Node::Bin(op, ty, ..) => {
                if op.compares() {
                    Ty::I32
                } else {
                    ty
                }
            }
            Node::Un(op, a) => match op {
                Un::Wrap | Un::Eqz => Ty::I32,
                Un::ExtendU | Un::ExtendS => Ty::I64,
                _ => self.ty(a),
            },
            Node::Select(_, a, _) => self.ty(a),
        }
    }

    pub(super) fn constant(&self, id: Id) -> Option<u64> {
        match self.node(id) {
            Node::Const(_, v) => Some(v),
            _ => None,
        }
    }

    /// Whether a value depends on a local.
    pub(super) fn reads(&self, id: Id, local: u32) -> bool {
        match self.node(id) {
            Node::Const(..) => false,
            Node::Local(_, l) => l == local,
            Node::Bin(_, _, a, b) => self.reads(a, local) || self.reads(b, local),
            Node::Un(_, a) => self.reads(a, local),
            Node::Select(c, a, b) => self.reads(c, local) || self.reads(a, local) || self.reads(b, local),
        }
    }

    pub(super) fn i32(&mut self, v: u32) -> Id {
        self.make(Node::Const(Ty::I32, v.into()))
    }

    pub(super) fn num(&mut self, ty: Ty, v: u64) -> Id {
        self.make(Node::Const(ty, if ty == Ty::I32 { v & 0xFFFF_FFFF } else { v }))
    }

    pub(super) fn local(&mut self, ty: Ty, local: u32) -> Id {
        self.make(Node::Local(ty, local))
    }

    pub(super) fn select(&mut self, c: Id, a: Id, b: Id) -> Id {
        match self.constant(c) {
            Some(0) => b,
            Some(_) => a,
            None => self.make(Node::Select(c, a, b)),
        }
    }

    pub(super) fn un(&mut self, op: Un, a: Id) -> Id {
        if let Some(v) = self.constant(a) {
            let ty = self.ty(a);
            let wide = ty == Ty::I64;
            let (ty, v) = match op {
                Un::Eqz => (Ty::I32, u64::from(v == 0)),
                Un::Clz => (ty, u64::from(v.leading_zeros() - if wide { 0 } else { 32 })),
                Un::Ctz => (ty, u64::from(v.trailing_zeros().min(if wide { 64 } else { 32 }))),
                Un::Popcnt => (ty, u64::from(v.count_ones())),
                Un::Sext8 => (ty, v as i8 as u64),
                Un::Sext16 => (ty, v as i16 as u64),
                Un::Wrap => (Ty::I32, v),
                Un::ExtendU => (Ty::I64, v),
                Un::ExtendS => (Ty::I64, v as i32 as u64),
            };
            return self.num(ty, v);
        }
        if op == Un::Eqz
            && let Node::Bin(cmp, ty, x, y) = self.node(a)
            && cmp.compares()
        {
            let (cmp, x, y) = match cmp {
                Bin::Eq => (Bin::Ne, x, y),
                Bin::Ne => (Bin::Eq, x, y),
                Bin::LtU => (Bin::LeU, y, x),
                Bin::LeU => (Bin::LtU, y, x),
                Bin::LtS => (Bin::LeS, y, x),
                _ => (Bin::LtS, y, x),
            };
            return self.make(Node::Bin(cmp, ty, x, y));
        }
        self.make(Node::Un(op, a))
    }

    pub(super) fn bin(&mut self, op: Bin, ty: Ty, a: Id, b: Id) -> Id {
        let (ca, cb) = (self.constant(a), self.constant(b));
        if let (Some(x), Some(y)) = (ca, cb)
            && let Some(v) = fold(op, ty, x, y)
        {
            return self.num(if op.compares() { Ty::I32 } else { ty }, v);
        }
        let ones = if ty == Ty::I32 { 0xFFFF_FFFF } else { u64::MAX };
        match (op, cb) {
            (
                Bin::Add
                | Bin::Sub
                | Bin::Or
                | Bin::Xor
                | Bin::Shl
                | Bin::ShrU
                | Bin::ShrS
                | Bin::Rotl
                | Bin::Rotr,
                Some(0),
            ) => return a,
            (Bin::And, Some(0)) => return b,
            (Bin::And, Some(v)) if v == ones => return a,
            // (x + c1) + c2
            (Bin::Add, Some(c2)) => {
                if let Node::Bin(Bin::Add, _, x, c1) = self.node(a)
                    && let Some(c1) = self.constant(c1)
                {
                    let c = self.num(ty, c1.wrapping_add(c2));
                    return self.bin(Bin::Add, ty, x, c);
                }
            }
            // (x & c1) & c2
            (Bin::And, Some(c2)) => {
                if let Node::Bin(Bin::And, _, x, c1) = self.node(a)
                    && let Some(c1) = self.constant(c1)
                {
                    let c = self.num(ty, c1 & c2);
                    return self.bin(Bin::And, ty, x, c);
                }
            }
            _ => {}
        }
        if ca == Some(0) && matches!(op, Bin::Add | Bin::Or | Bin::Xor) {
            return b;
        }
        self.make(Node::Bin(op, ty, a, b))
    }
}

/// An operation on constants; `None` where it would trap.
fn fold(op: Bin, ty: Ty, x: u64, y: u64) -> Option<u64> {
    if ty == Ty::I64 {
        return fold_64(op, x, y);
    }
    let (x, y) = (x as u32, y as u32);
    Some(u64::from(match op {
        Bin::Add => x.wrapping_add(y),
        Bin::Sub => x.wrapping_sub(y),
        Bin::And => x & y,
        Bin::Or => x | y,
        Bin::Xor => x ^ y,
        Bin::Mul => x.wrapping_mul(y),
        Bin::Shl => x << (y & 31),
        Bin::ShrU => x >> (y & 31),
        Bin::ShrS => (x as i32 >> (y & 31)) as u32,
        Bin::Rotl => x.rotate_left(y & 31),
        Bin::Rotr => x.rotate_right(y & 31),
        Bin::Eq => u32::from(x == y),
        Bin::Ne => u32::from(x != y),
        Bin::LtU => u32::from(x < y),
        Bin::LeU => u32::from(x <= y),
        Bin::LtS => u32::from((x as i32) < y as i32),
        Bin::LeS => u32::from(x as i32 <= y as i32),
        Bin::DivU | Bin::DivS => return None,
    }))
}

fn fold_64(op: Bin, x: u64, y: u64) -> Option<u64> {
    Some(match op {
        Bin::Add => x.wrapping_add(y),
        Bin::Sub => x.wrapping_sub(y),
        Bin::And => x & y,
        Bin::Or => x | y,
        Bin::Xor => x ^ y,
        Bin::Mul => x.wrapping_mul(y),
        Bin::Shl => x << (y & 63),
        Bin::ShrU => x >> (y & 63),
        Bin::Eq => u64::from(x == y),
        Bin::Ne => u64::from(x != y),
        _ => return None,
    })
}

/// The wasm instruction of an operation.
pub(super) const fn bin_instruction(op: Bin, ty: Ty) -> Instruction<'static> {
    use Instruction as W;
    match (ty, op) {
        (Ty::I32, Bin::Add) => W::I32Add,
        (Ty::I32, Bin::Sub) => W::I32Sub,
        (Ty::I32, Bin::And) => W::I32And,
        (Ty::I32, Bin::Or) => W::I32Or,
        (Ty::I32, Bin::Xor) => W::I32Xor,
        (Ty::I32, Bin::Mul) => W::I32Mul,
        (Ty::I32, Bin::Shl) => W::I32Shl,
        (Ty::I32, Bin::ShrU) => W::I32ShrU,
        (Ty::I32, Bin::ShrS) => W::I32ShrS,
        (Ty::I32, Bin::Rotl) => W::I32Rotl,
        (Ty::I32, Bin::Rotr) => W::I32Rotr,
        (Ty::I32, Bin::DivU) => W::I32DivU,
        (Ty::I32, Bin::DivS) => W::I32DivS,
        (Ty::I32, Bin::Eq) => W::I32Eq,
        (Ty::I32, Bin::Ne) => W::I32Ne,
        (Ty::I32, Bin::LtU) => W::I32LtU,
        (Ty::I32, Bin::LeU) => W::I32LeU,
        (Ty::I32, Bin::LtS) => W::I32LtS,
        (Ty::I32, Bin::LeS) => W::I32LeS,
        (Ty::I64, Bin::Add) => W::I64Add,
        (Ty::I64, Bin::Sub) => W::I64Sub,
        (Ty::I64, Bin::And) => W::I64And,
        (Ty::I64, Bin::Or) => W::I64Or,
        (Ty::I64, Bin::Xor) => W::I64Xor,
        (Ty::I64, Bin::Mul) => W::I64Mul,
        (Ty::I64, Bin::Shl) => W::I64Shl,
        (Ty::I64, Bin::ShrU) => W::I64ShrU,
        (Ty::I64, Bin::ShrS) => W::I64ShrS,
        (Ty::I64, Bin::Rotl) => W::I64Rotl,
        (Ty::I64, Bin::Rotr) => W::I64Rotr,
        (Ty::I64, Bin::DivU) => W::I64DivU,
        (Ty::I64, Bin::DivS) => W::I64DivS,
        (Ty::I64, Bin::Eq) => W::I64Eq,
        (Ty::I64, Bin::Ne) => W::I64Ne,
        (Ty::I64, Bin::LtU) => W::I64LtU,
        (Ty::I64, Bin::LeU) => W::I64LeU,
        (Ty::I64, Bin::LtS) => W::I64LtS,
        (Ty::I64, Bin::LeS) => W::I64LeS,
    }
}

/// The wasm instruction of an operation on an operand of type `ty`.
pub(super) const fn un_instruction(op: Un, ty: Ty) -> Instruction<'static> {
    use Instruction as W;
    match (ty, op) {
        (_, Un::Wrap) => W::I32WrapI64,
        (_, Un::ExtendU) => W::I64ExtendI32U,
        (_, Un::ExtendS) => W::I64ExtendI32S,
        (Ty::I32, Un::Eqz) => W::I32Eqz,
        (Ty::I32, Un::Clz) => W::I32Clz,
        (Ty::I32, Un::Ctz) => W::I32Ctz,
        (Ty::I32, Un::Popcnt) => W::I32Popcnt,
        (Ty::I32, Un::Sext8) => W::I32Extend8S,
        (Ty::I32, Un::Sext16) => W::I32Extend16S,
        (Ty::I64, Un::Eqz) => W::I64Eqz,
        (Ty::I64, Un::Clz) => W::I64Clz,
        (Ty::I64, Un::Ctz) => W::I64Ctz,
        (Ty::I64, Un::Popcnt) => W::I64Popcnt,
        (Ty::I64, Un::Sext8) => W::I64Extend8S,
        (Ty::I64, Un::Sext16) => W::I64Extend16S,
    }
}
