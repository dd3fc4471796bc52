//! What each operation of the IR becomes. Instructions with an operation that is not here are interpreted, in
//! the middle of the region.

use super::values::{Bin, Id, Ty, Un};
use super::{Emitter, Go, Val, float, local, mmx, vector, x87};
use crate::ir::{self, Op};
use cpu::insn::{HIGH_BYTE, Width};
use cpu::micro::{BinOp, CmpOp, FlagOp, UnOp, VecOp};
use cpu::state::mode;
use x86::eflags::{CF, OF, STATUS};

/// Whether all of an instruction's operations become wasm.
pub(super) fn translates(all: &[Op], from: usize, mode_bits: u32) -> bool {
    let ops = &all[from..];
    if x87::is_one(ops) {
        return x87::translates(all, from, mode_bits);
    }
    // A condition settles the flags, which has to happen always or never.
    let asks = |op: &Op| matches!(op, Op::cond { .. });
    let conditional = ops.iter().any(|op| matches!(op, Op::when { .. }));
    if conditional && ops.iter().any(asks) {
        return false;
    }
    ops.iter().all(|op| match op {
        Op::when { .. }
        | Op::imm { .. }
        | Op::ea { .. }
        | Op::zext { .. }
        | Op::sext { .. }
        | Op::trunc { .. }
        | Op::compare { .. }
        | Op::select { .. }
        | Op::cond { .. }
        | Op::selector { .. }
        | Op::peek { .. }
        | Op::poke { .. }
        | Op::load { .. }
        | Op::store { .. }
        | Op::rmw { .. }
        | Op::xmm { .. }
        | Op::set_xmm { .. }
        | Op::xmm_part { .. }
        | Op::set_xmm_part { .. }
        | Op::vec_join { .. }
        | Op::vec_part { .. }
        | Op::vec_with { .. }
        | Op::vec_shuffle { .. }
        | Op::vec_signs { .. }
        | Op::vec_blend { .. }
        | Op::vec_test { .. }
        | Op::vec_strings { .. }
        | Op::crc32 { .. }
        | Op::load_vec { .. }
        | Op::store_vec { .. }
        | Op::sse_scalar { .. }
        | Op::sse_packed { .. }
        | Op::sse_round { .. }
        | Op::sse_round_packed { .. }
        | Op::sse_dot { .. }
        | Op::sse_convert { .. }
        | Op::sse_convert_packed { .. }
        | Op::sse_compare_flags { .. }
        | Op::mxcsr {}
        | Op::set_mxcsr { .. } => true,
        Op::sse_enter {} => mode_bits & mode::NO_SSE == 0,
        Op::vec_int { op, b, .. } => vector::translates(all, *op, b.0),
        Op::store_masked { bytes, .. } => *bytes == 16,
        Op::un { op, w, .. } => *w != Width::W64 && !(matches!(op, UnOp::Bswap) && *w != Width::W32),
        Op::reg { w, r } | Op::set_reg { w, r, .. } => *w != Width::W64 && r & !HIGH_BYTE < 8,
        Op::bin { op, w, .. } => {
            *w != Width::W64
                || !matches!(op, BinOp::MulHiU | BinOp::MulHiS | BinOp::Sar | BinOp::Rol | BinOp::Ror)
        }
        Op::set_flags { w, .. } => *w != Width::W64,
        Op::put_flags { mask, .. } => mask & !(CF | OF) == 0 && mask & CF != 0 || *mask == STATUS,
        // A branch of 32-bit code that cuts EIP off is rare.
        Op::eip { w, .. } | Op::jump { w, .. } | Op::branch { w, .. } | Op::branch_if { w, .. } => {
            *w == Width::W32 || *w == Width::W16 && mode_bits & mode::CODE32 == 0
        }
        Op::quot { w, .. } => *w == Width::W32,
        Op::div_check { w, .. } => *w == Width::W32,
        op => mmx::translates(op, mode_bits),
    })
}

impl Emitter<'_> {
    /// Emits operation `n` of an instruction.
    pub(super) fn op(&mut self, ir: &ir::Block, n: usize) {
        let id = match ir.ops[n] {
            Op::imm { w, value } => self.values.num(Ty::of(w), value & w.mask()),
            Op::reg { w, r } => self.read_reg(w, r),
            Op::set_reg { w, r, v } => return self.write_reg(w, r, v.0),
            Op::ea { mem } => self.ea(mem),
            Op::bin { op, w, a, b } => {
                let (a, b) = (self.take(a.0), self.take(b.0));
                self.arithmetic(op, w, a, b)
            }
            Op::un { op, w, a } => {
                let a = self.take(a.0);
                self.unary(op, w, a)
            }
            Op::zext { from, to, a } => {
                let a = self.take(a.0);
                if Ty::of(from) == Ty::of(to) { a } else { self.values.un(Un::ExtendU, a) }
            }
            Op::sext { from, to, a } => {
                let a = self.take(a.0);
                let a = self.signed(from, a);
                if to == Width::W64 && from != Width::W64 {
                    self.values.un(Un::ExtendS, a)
                } else {
                    self.masked(to, a)
                }
            }
            Op::trunc { from, to, a } => {
                let a = self.take(a.0);
                let a = if Ty::of(from) == Ty::of(to) { a } else { self.values.un(Un::Wrap, a) };
                self.masked(to, a)
            }
            Op::compare { op, w, a, b } => {
                let (a, b) = (self.take(a.0), self.take(b.0));
                self.comparison(op, w, a, b)
            }
            Op::select { c, a, b, .. } => {
                let (c, a, b) = (self.take(c.0), self.take(a.0), self.take(b.0));
                self.values.select(c, a, b)
            }
            Op::quot { hi, lo, d, .. } => {
                let _ = (self.take(hi.0), self.take(lo.0), self.take(d.0));
                self.quotient()
            }
            Op::div_check { signed, hi, lo, d, .. } => {
                let (hi, lo, d) = (self.take(hi.0), self.take(lo.0), self.take(d.0));
                return self.divide(signed, hi, lo, d);
            }
            Op::set_flags { op, w, a, b, r } => return self.flags_after(ir, op, w, [a.0, b.0, r.0]),
            Op::put_flags { mask: STATUS, v } => {
                let comparison = float::is_comparison(&ir.ops, v.0);
                let v = self.take(v.0);
                return self.put_status(v, comparison);
            }
            Op::put_flags { mask, v } => {
                let v = self.take(v.0);
                return self.put_flags(mask, v);
            }
            Op::cond { cc } => self.cond(cc),
            Op::selector { seg } => {
                self.get(local::CTX);
                let at = self.layout.segment(seg) + self.layout.seg_selector;
                self.put(wasm_encoder::Instruction::I32Load16U(super::mem(at, 1)));
                let temp = self.temp(Ty::I32);
                self.set(temp);
                self.values.local(Ty::I32, temp)
            }
            Op::eip { w, offset } => {
                let delta = self.region.blocks[self.at].delta.wrapping_add(offset);
                self.target(w, delta)
            }
            Op::peek { w, p } => {
                let p = self.take(p.0);
                self.peek(w, p)
            }
            Op::poke { w, p, v } => {
                let (p, v) = (self.take(p.0), self.take(v.0));
                return self.poke(w, p, v);
            }
            Op::load { w, seg, ea } => {
                let ea = self.take(ea.0);
                self.load(w, seg, ea)
            }
            Op::store { w, seg, ea, v } => {
                let (ea, v) = (self.take(ea.0), self.take(v.0));
                return self.store(w, seg, ea, v);
            }
            Op::rmw { w, seg, ea } => {
                let ea = self.take(ea.0);
                let place = self.rmw(w, seg, ea);
                return self.place(n, place);
            }
            Op::window { write, lo, len, root } => {
                let root = self.take(root.0);
                let win = self.window(write, lo, len, root);
                self.vals[n] = Val::Window(win);
                return;
            }
            Op::load_in { w, offset, win, ea } => {
                let (win, ea) = (self.take_window(win.0), self.take(ea.0));
                self.load_in(w, win, offset, ea)
            }
            Op::store_in { w, offset, win, ea, v } => {
                let (win, ea, v) = (self.take_window(win.0), self.take(ea.0), self.take(v.0));
                return self.store_in(w, win, offset, ea, v);
            }
            Op::rmw_in { w, offset, win, ea } => {
                let (win, ea) = (self.take_window(win.0), self.take(ea.0));
                let place = self.rmw_in(w, win, offset, ea);
                return self.place(n, place);
            }
            Op::jump { target, .. } => {
                let mut target = self.take(target.0);
                if !self.region.is_flat() {
                    target = self.in_local(target);
                    self.check_target(target);
                }
                self.go = Go::Dynamic(target);
                return;
            }
            Op::branch { w, offset } => {
                self.check_branch(w, self.region.blocks[self.at].delta.wrapping_add(offset), None);
                self.go = Go::To(w, offset);
                return;
            }
            Op::branch_if { w, offset, c } => {
                let mut c = self.take(c.0);
                if !self.region.is_flat() {
                    c = self.in_local(c);
                    self.check_branch(w, self.region.blocks[self.at].delta.wrapping_add(offset), Some(c));
                }
                self.go = Go::If(c, w, offset);
                return;
            }
            _ if self.float_op(ir, n) => return,
            _ => return self.vector_op(ir, n),
        };
        self.result(ir, n, id);
    }

    fn place(&mut self, n: usize, place: Id) {
        self.live.push(n as u32);
        self.vals[n] = Val::Place(place);
    }

    /// The same for operations on vectors.
    fn vector_op(&mut self, ir: &ir::Block, n: usize) {
        let v = match ir.ops[n] {
            Op::xmm { r } => self.xmm(r),
            Op::set_xmm { r, v } => {
                self.wrote_xmm(ir, r, v.0);
                let v = self.take_vector(v.0);
                return self.set_xmm(r, v);
            }
            Op::xmm_part { w, r, lane } => {
                let part = self.xmm_part(w, r, lane);
                return self.result(ir, n, part);
            }
            Op::set_xmm_part { w, r, lane, v } => {
                self.wrote_xmm_part(ir, w, r, lane, v.0);
                let v = self.take(v.0);
                return self.set_xmm_part(w, r, lane, v);
            }
            Op::vec_join { low, high } => {
                let (low, high) = (self.take(low.0), self.take(high.0));
                self.vec_join(low, high)
            }
            Op::vec_part { w, lane, v } => {
                let v = self.take_vector(v.0);
                let part = self.vec_part(w, lane, v);
                return self.result(ir, n, part);
            }
            Op::vec_with { w, lane, v, x } => {
                let (v, x) = (self.take_vector(v.0), self.take(x.0));
                self.vec_with(w, lane, v, x)
            }
            Op::vec_int { op, a, b } => {
                let bytes = vector::byte_count(&ir.ops, b.0);
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                match bytes {
                    Some(bytes) if matches!(op, VecOp::ShlBytes | VecOp::ShrBytes) => {
                        self.shift_bytes(op == VecOp::ShlBytes, a, bytes)
                    }
                    _ => self.vec_int(op, a, b),
                }
            }
            Op::vec_shuffle { op, imm, a, b } => {
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                self.vec_shuffle(op, imm, a, b)
            }
            Op::vec_blend { w, a, b, mask } => {
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                let mask = self.take_vector(mask.0);
                self.vec_blend(w, a, b, mask)
            }
            Op::vec_test { a, b } => {
                let (a, b) = (self.take_vector(a.0), self.take_vector(b.0));
                let flags = self.vec_test(a, b);
                return self.result(ir, n, flags);
            }
            Op::vec_signs { w, v } => {
                let v = self.take_vector(v.0);
                let signs = self.vec_signs(w, v);
                return self.result(ir, n, signs);
            }
            Op::load_vec { seg, aligned, ea } => {
                let ea = self.take(ea.0);
                self.load_vec(seg, aligned, ea)
            }
            Op::store_vec { seg, aligned, ea, v } => {
                let (ea, v) = (self.take(ea.0), self.take_vector(v.0));
                return self.store_vec(seg, aligned, ea, v);
            }
            Op::store_masked { seg, ea, v, mask, .. } => {
                let ea = self.take(ea.0);
                let (v, mask) = (self.take_vector(v.0), self.take_vector(mask.0));
                return self.store_masked(seg, ea, v, mask);
            }
            _ => return self.mmx_op(ir, n),
        };
        self.vals[n] = Val::V(v);
    }

    fn masked(&mut self, w: Width, v: Id) -> Id {
        match w {
            Width::W8 | Width::W16 => {
                let mask = self.values.i32(w.mask() as u32);
                self.values.bin(Bin::And, Ty::I32, v, mask)
            }
            Width::W32 | Width::W64 => v,
        }
    }

    /// A value's low bits, sign-extended to its type.
    pub(super) fn signed(&mut self, w: Width, v: Id) -> Id {
        match w {
            Width::W8 => self.values.un(Un::Sext8, v),
            Width::W16 => self.values.un(Un::Sext16, v),
            Width::W32 | Width::W64 => v,
        }
    }

    fn read_reg(&mut self, w: Width, r: u8) -> Id {
        let whole = self.reg(r & 7);
        if r & HIGH_BYTE != 0 {
            let eight = self.values.i32(8);
            let v = self.values.bin(Bin::ShrU, Ty::I32, whole, eight);
            return self.masked(Width::W8, v);
        }
        self.masked(w, whole)
    }

    fn write_reg(&mut self, w: Width, r: u8, v: ir::Value) {
        let n = usize::from(r & 7);
        let l = local::REGS + n as u32;
        let v = self.take(v);
        if w == Width::W32 {
            self.push(v);
            if self.conditional {
                self.set(l);
                self.regs[n] = None;
                return;
            }
            self.about_to_write(l);
            self.set(l);
            // What was an expression, or in a temporary, is now in the register.
            let elsewhere = match self.values.node(v) {
                super::values::Node::Const(..) => true,
                super::values::Node::Local(_, at) => at < local::TEMPS,
                _ => false,
            };
            if elsewhere {
                self.regs[n] = None;
            } else {
                self.values.rebind(v, l);
                self.regs[n] = Some(v);
            }
            return;
        }
        let (keep, shift) = match (w, r & HIGH_BYTE != 0) {
            (Width::W16, _) => (0xFFFF_0000, 0),
            (_, false) => (0xFFFF_FF00, 0),
            (_, true) => (0xFFFF_00FF, 8),
        };
        let old = self.values.local(Ty::I32, l);
        let keep = self.values.i32(keep);
        let kept = self.values.bin(Bin::And, Ty::I32, old, keep);
        let shift = self.values.i32(shift);
        let v = self.values.bin(Bin::Shl, Ty::I32, v, shift);
        let new = self.values.bin(Bin::Or, Ty::I32, kept, v);
        self.push(new);
        if !self.conditional {
            self.about_to_write(l);
        }
        self.set(l);
        self.regs[n] = None;
    }

    fn flags_after(&mut self, ir: &ir::Block, op: FlagOp, w: Width, [a, b, r]: [ir::Value; 3]) {
        let wanted = match op {
            FlagOp::Add => Some(BinOp::Add),
            FlagOp::Sub => Some(BinOp::Sub),
            _ => None,
        };
        let exact = match ir.ops[r.0 as usize] {
            Op::bin { op, a: x, b: y, .. } => Some(op) == wanted && x.0 == a && y.0 == b,
            Op::un { op: UnOp::Neg, a: x, .. } => x.0 == b,
            _ => false,
        };
        let ids = [self.take(a), self.take(b), self.take(r)];
        self.set_flags(op, w, ids, exact);
    }

    fn comparison(&mut self, op: CmpOp, w: Width, a: Id, b: Id) -> Id {
        let (cmp, signed) = match op {
            CmpOp::Eq => (Bin::Eq, false),
            CmpOp::Ne => (Bin::Ne, false),
            CmpOp::LtU => (Bin::LtU, false),
            CmpOp::LeU => (Bin::LeU, false),
            CmpOp::LtS => (Bin::LtS, true),
            CmpOp::LeS => (Bin::LeS, true),
        };
        let (a, b) = if signed { (self.signed(w, a), self.signed(w, b)) } else { (a, b) };
        self.values.bin(cmp, Ty::of(w), a, b)
    }

    fn unary(&mut self, op: UnOp, w: Width, a: Id) -> Id {
        let zero = self.values.i32(0);
        match op {
            UnOp::Not => {
                let ones = self.values.i32(w.mask() as u32);
                self.values.bin(Bin::Xor, Ty::I32, a, ones)
            }
            UnOp::Neg => {
                let v = self.values.bin(Bin::Sub, Ty::I32, zero, a);
                self.masked(w, v)
            }
            UnOp::Bswap => {
                let eight = self.values.i32(8);
                let odd = self.values.i32(0x00FF_00FF);
                let even = self.values.i32(0xFF00_FF00);
                let x = self.values.bin(Bin::Rotl, Ty::I32, a, eight);
                let x = self.values.bin(Bin::And, Ty::I32, x, odd);
                let y = self.values.bin(Bin::Rotr, Ty::I32, a, eight);
                let y = self.values.bin(Bin::And, Ty::I32, y, even);
                self.values.bin(Bin::Or, Ty::I32, x, y)
            }
            UnOp::Ctz => {
                // A bit above the operand stops the count at its width.
                let a = if w == Width::W32 {
                    a
                } else {
                    let stop = self.values.i32(1 << w.bits());
                    self.values.bin(Bin::Or, Ty::I32, a, stop)
                };
                self.values.un(Un::Ctz, a)
            }
            UnOp::Clz => {
                let n = self.values.un(Un::Clz, a);
                let less = self.values.i32(32 - w.bits());
                self.values.bin(Bin::Sub, Ty::I32, n, less)
            }
            UnOp::Popcnt => self.values.un(Un::Popcnt, a),
        }
    }

    fn arithmetic(&mut self, op: BinOp, w: Width, a: Id, b: Id) -> Id {
        let t = Ty::of(w);
        let simple = match op {
            BinOp::Add => Bin::Add,
            BinOp::Sub => Bin::Sub,
            BinOp::And => Bin::And,
            BinOp::Or => Bin::Or,
            BinOp::Xor => Bin::Xor,
            BinOp::Mul => Bin::Mul,
            BinOp::Shl => Bin::Shl,
            BinOp::Shr => Bin::ShrU,
            BinOp::Sar => {
                let a = self.signed(w, a);
                let v = self.values.bin(Bin::ShrS, t, a, b);
                return self.masked(w, v);
            }
            BinOp::Rol | BinOp::Ror => return self.rotate(op == BinOp::Rol, w, a, b),
            BinOp::MulHiU | BinOp::MulHiS => return self.high_product(op == BinOp::MulHiS, w, a, b),
        };
        let v = self.values.bin(simple, t, a, b);
        if matches!(op, BinOp::And | BinOp::Or | BinOp::Xor | BinOp::Shr) { v } else { self.masked(w, v) }
    }

    fn rotate(&mut self, left: bool, w: Width, a: Id, n: Id) -> Id {
        if w == Width::W32 {
            return self.values.bin(if left { Bin::Rotl } else { Bin::Rotr }, Ty::I32, a, n);
        }
        let bits = w.bits();
        let mask = self.values.i32(bits - 1);
        let n = self.values.bin(Bin::And, Ty::I32, n, mask);
        let bits = self.values.i32(bits);
        let rest = self.values.bin(Bin::Sub, Ty::I32, bits, n);
        let (l, r) = if left { (n, rest) } else { (rest, n) };
        let x = self.values.bin(Bin::Shl, Ty::I32, a, l);
        let y = self.values.bin(Bin::ShrU, Ty::I32, a, r);
        let v = self.values.bin(Bin::Or, Ty::I32, x, y);
        self.masked(w, v)
    }

    fn high_product(&mut self, signed: bool, w: Width, a: Id, b: Id) -> Id {
        let (a, b) = if signed { (self.signed(w, a), self.signed(w, b)) } else { (a, b) };
        if w == Width::W32 {
            let extend = if signed { Un::ExtendS } else { Un::ExtendU };
            let (a, b) = (self.values.un(extend, a), self.values.un(extend, b));
            let product = self.values.bin(Bin::Mul, Ty::I64, a, b);
            let n = self.values.num(Ty::I64, 32);
            let high = self.values.bin(Bin::ShrU, Ty::I64, product, n);
            return self.values.un(Un::Wrap, high);
        }
        let product = self.values.bin(Bin::Mul, Ty::I32, a, b);
        let n = self.values.i32(w.bits());
        let high = self.values.bin(Bin::ShrU, Ty::I32, product, n);
        self.masked(w, high)
    }
}
