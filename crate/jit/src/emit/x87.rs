//! The x87 unit in translated code. Its registers, tags and control words stay in the processor's state.
//!
//! An instruction's operand in memory is read here, or the place of its result made sure of, and where it was is
//! noted; nothing can fault from then on. What it does to the unit is one call, of which only the number and
//! the operand's bits are passed: neither registers nor flags have to be where Rust finds them. Moves between
//! registers, loads and the control words are wasm, as long as no register is empty that should be full, or full that
//! should be empty.
//!
//! That no unmasked exception is pending is looked at before each instruction. So while one is at work, an
//! exception that prevents something can only be its own.
//!
//! Absent: packed decimal, and images of the unit, which are helpers; they are interpreted.

use super::flags::Flags;
use super::values::{Id, Ty};
use super::{Emitter, local, mem};
use crate::imports::Import;
use crate::ir::{self, Op, Value};
use cpu::exec::X87Call;
use cpu::insn::{HIGH_BYTE, Width};
use cpu::micro::{BinOp, X87Constant, X87Format, X87Target, X87Un};
use cpu::state::mode;
use wasm_encoder::{BlockType, Instruction as W};
use x86::{Seg, eflags};

/// C1 in the status word, and where TOP is in it.
const C1: u32 = 1 << 9;
const TOP: u32 = 11;
/// The exceptions, in the status word and as masks in the control word.
const EXCEPTIONS: u32 = 0x3F;
/// ES and B: an unmasked exception is pending.
const PENDING: u32 = 1 << 7 | 1 << 15;

/// Marks the opcode noted as one.
const NOTED: u32 = 1 << 16;

/// Rows that become one thing.
#[derive(Clone, Copy, Debug)]
enum Rows {
    /// Is an exception pending?
    Enter {
        wait: bool,
    },
    Probe {
        seg: Seg,
        len: u32,
        write: bool,
        ea: Value,
    },
    Note {
        offset: i32,
        opcode: u16,
    },
    NoteData {
        seg: Seg,
        ea: Value,
    },
    /// All by a call, and its operand.
    Call(X87Call, Option<Value>),
    /// The same, in wasm where nothing is out of the ordinary.
    Copy {
        to: u8,
        pops: u8,
    },
    Exchange(u8),
    PushCopy(u8),
    PushConstant(X87Constant),
    PushMem(X87Format, Value),
    Sign(X87Un),
    /// FCOMI.
    Compare(X87Call),
    /// To a place in memory.
    Store(X87Call, Width, Value),
    /// FSTP m80: the rows of the store follow.
    StoreTen(u32),
    /// FLD m80.
    LoadTen(Value, Value),
    Control,
    Status,
    SetControl(Value),
}

/// Pops at the end of rows.
fn pops(rows: &[Op]) -> Option<u8> {
    rows.iter().all(|op| matches!(op, Op::x87_pop {})).then_some(rows.len() as u8)
}

/// The body of a `when` at `n`, if it depends on whether `to` is reached, asked just before.
fn delivered(ops: &[Op], n: usize, to: X87Target) -> Option<&[Op]> {
    match ops.get(n..n + 2)? {
        [Op::x87_delivers { to: asked }, Op::when { c, len }] if *asked == to && c.0.0 as usize == n => {
            ops.get(n + 2..n + 2 + *len as usize)
        }
        _ => None,
    }
}

/// A result's way to a register: which one, pops, and rows.
fn to_register(ops: &[Op], n: usize, result: usize) -> Option<(u8, u8, usize)> {
    let body = delivered(ops, n, X87Target::Register)?;
    match body {
        [Op::x87_set { i, v }, rest @ ..] if v.0.0 as usize == result => {
            Some((*i, pops(rest)?, 2 + body.len()))
        }
        _ => None,
    }
}

/// Pops that depend on exceptions, if there are any: how many, and rows.
fn pops_after(ops: &[Op], n: usize) -> (u8, usize) {
    let found = delivered(ops, n, X87Target::Register).and_then(|body| Some((pops(body)?, 2 + body.len())));
    found.unwrap_or((0, 0))
}

/// The x87 rows at `n`, and how many they are.
fn rows(ops: &[Op], n: usize) -> Option<(Rows, usize)> {
    let simple = |rows| Some((rows, 1));
    // A result that goes to ST(0), and nothing is popped.
    let to_top = |call, operand| {
        let (to, pops, len) = to_register(ops, n + 1, n)?;
        (to == 0 && pops == 0).then_some((Rows::Call(call, operand), 1 + len))
    };
    match *ops.get(n)? {
        Op::x87_enter { wait } => simple(Rows::Enter { wait }),
        Op::x87_wait {} => simple(Rows::Enter { wait: true }),
        Op::probe { seg, len, write, ea } => simple(Rows::Probe { seg, len, write, ea: ea.0 }),
        Op::x87_note { offset, opcode } => simple(Rows::Note { offset, opcode }),
        Op::x87_note_data { seg, ea } => simple(Rows::NoteData { seg, ea: ea.0 }),
        Op::x87_arith { op, a, b } => {
            let (to, pops, len) = to_register(ops, n + 1, n)?;
            Some((Rows::Call(X87Call::Arith { op, a, b, to, pops }, None), 1 + len))
        }
        Op::x87_arith_mem { op, from, bits } => to_top(X87Call::ArithMem(op, from), Some(bits.0)),
        Op::x87_remainder { nearest } => to_top(X87Call::Remainder(nearest), None),
        Op::x87_unary { op } => match to_top(X87Call::Unary(op), None)? {
            (_, len) if matches!(op, X87Un::Chs | X87Un::Abs) => Some((Rows::Sign(op), len)),
            rows => Some(rows),
        },
        Op::x87_select { i, c } => to_top(X87Call::Select(i), Some(c.0)),
        Op::x87_pair { op } => simple(Rows::Call(X87Call::Pair(op), None)),
        Op::x87_compare { quiet, b } => {
            let (pops, len) = pops_after(ops, n + 1);
            Some((Rows::Call(X87Call::Compare { quiet, b, pops }, None), 1 + len))
        }
        Op::x87_compare_mem { from, bits } => {
            let (pops, len) = pops_after(ops, n + 1);
            Some((Rows::Call(X87Call::CompareMem { from, pops }, Some(bits.0)), 1 + len))
        }
        Op::x87_compare_flags { quiet, b } => {
            let body = delivered(ops, n + 1, X87Target::Codes)?;
            let all = matches!(body, [Op::put_flags { mask: eflags::STATUS, v }] if v.0.0 as usize == n);
            let (pops, len) = pops_after(ops, n + 4);
            all.then_some((Rows::Compare(X87Call::CompareFlags { quiet, b, pops }), 4 + len))
        }
        Op::x87_test {} => simple(Rows::Call(X87Call::Test, None)),
        Op::x87_examine {} => simple(Rows::Call(X87Call::Examine, None)),
        Op::x87_push_mem { from, bits } => simple(Rows::PushMem(from, bits.0)),
        Op::x87_push_copy { i } => simple(Rows::PushCopy(i)),
        Op::x87_constant { c } => match ops.get(n + 1)? {
            Op::x87_push { v } if v.0.0 as usize == n => Some((Rows::PushConstant(c), 2)),
            _ => None,
        },
        Op::x87_join { low, high } => match ops.get(n + 1)? {
            Op::x87_push { v } if v.0.0 as usize == n => Some((Rows::LoadTen(low.0, high.0), 2)),
            _ => None,
        },
        Op::x87_clear_c1 {} => moves(ops, n),
        Op::x87_convert { to, truncated } => match delivered(ops, n + 1, X87Target::Memory)? {
            [Op::poke { w, p, v }, rest @ ..] if v.0.0 as usize == n => {
                let pops = pops(rest)?;
                Some((Rows::Store(X87Call::Convert { to, truncated, pops }, *w, p.0), 4 + rest.len()))
            }
            _ => None,
        },
        Op::x87_free { i } => simple(Rows::Call(X87Call::Free(i), None)),
        Op::x87_rotate { by } => simple(Rows::Call(X87Call::Rotate(by), None)),
        Op::x87_pop {} => simple(Rows::Call(X87Call::Pop, None)),
        Op::x87_clear {} => simple(Rows::Call(X87Call::Clear, None)),
        Op::x87_init {} => simple(Rows::Call(X87Call::Init, None)),
        Op::x87_control {} => simple(Rows::Control),
        Op::x87_status {} => simple(Rows::Status),
        Op::set_x87_control { v } => simple(Rows::SetControl(v.0)),
        _ => None,
    }
}

/// Copies of registers: what begins with clearing C1.
fn moves(ops: &[Op], n: usize) -> Option<(Rows, usize)> {
    match ops.get(n + 1..n + 3)? {
        [Op::x87_read { i: 0 }, Op::x87_read { i }] => {
            let body = delivered(ops, n + 3, X87Target::Register)?;
            let crosswise = matches!(body, [Op::x87_set { i: 0, v: b }, Op::x87_set { i: to, v: a }]
                if to == i && a.0.0 as usize == n + 1 && b.0.0 as usize == n + 2);
            crosswise.then_some((Rows::Exchange(*i), 7))
        }
        [Op::x87_read { i: 0 }, Op::x87_delivers { to: X87Target::Register }] => {
            let (to, pops, len) = to_register(ops, n + 2, n + 1)?;
            Some((Rows::Copy { to, pops }, 2 + len))
        }
        [Op::x87_read { i: 0 }, Op::x87_delivers { to: X87Target::Memory }] => {
            let body = delivered(ops, n + 2, X87Target::Memory)?;
            let of_this = |v: &ir::X| v.0.0 as usize == n + 1;
            let known = body.iter().all(|op| match op {
                Op::x87_low { v } | Op::x87_high { v } => of_this(v),
                Op::store { .. } | Op::x87_pop {} => true,
                other => computes_addresses(other),
            });
            known.then_some((Rows::StoreTen(body.len() as u32), 4 + body.len()))
        }
        _ => None,
    }
}

const fn computes_addresses(op: &Op) -> bool {
    match op {
        Op::imm { .. } | Op::ea { .. } | Op::reg { .. } => true,
        Op::bin { op: BinOp::Add, w, .. } => !matches!(w, Width::W64),
        _ => false,
    }
}

/// Whether an instruction is one of the x87 unit.
pub(super) fn is_one(ops: &[Op]) -> bool {
    ops.iter().any(|op| matches!(op, Op::x87_enter { .. } | Op::x87_wait {}))
}

/// Whether all of an instruction of the x87 unit becomes wasm.
pub(super) fn translates(ops: &[Op], from: usize, mode_bits: u32) -> bool {
    let known = |op: &Op| match op {
        Op::load { .. } | Op::rmw { .. } | Op::store { .. } | Op::cond { .. } => true,
        Op::set_reg { w, r, .. } => *w != Width::W64 && r & !HIGH_BYTE < 8,
        other => computes_addresses(other),
    };
    let mut n = from;
    while let Some(op) = ops.get(n) {
        n += match rows(ops, n) {
            Some((_, len)) => len,
            None if known(op) => 1,
            None => return false,
        };
    }
    // Elsewhere every one of them is #NM.
    mode_bits & mode::NO_X87 == 0
}

/// What wasm needs to know of the unit: locals.
#[derive(Clone, Copy)]
struct Unit {
    status: u32,
    /// Number of the register that is ST(0).
    top: u32,
    /// A bit for each empty register.
    empty: u32,
}

impl Emitter<'_> {
    /// Emits the x87 rows at `n`, if there are any: where they end.
    pub(super) fn x87(&mut self, ir: &ir::Block, n: usize) -> Option<usize> {
        let (rows, len) = rows(&ir.ops, n)?;
        match rows {
            Rows::Enter { wait } => {
                if wait {
                    self.x87_enter();
                }
            }
            Rows::Probe { seg, len, write, ea } => {
                let ea = self.take(ea);
                self.probe(seg, len, write, ea);
            }
            Rows::Note { offset, opcode } => self.x87_note(offset, opcode),
            Rows::NoteData { seg, ea } => {
                let ea = self.take(ea);
                self.x87_note_data(seg, ea);
            }
            Rows::Call(call, operand) => {
                if call == X87Call::Init {
                    self.x87_forget_notes();
                }
                let bits = operand.map(|v| self.take(v));
                self.x87_call(call, bits);
                self.put(W::Drop);
            }
            Rows::Copy { to, pops } => self.x87_copy(to, pops),
            Rows::Exchange(i) => self.x87_exchange(i),
            Rows::PushCopy(i) => self.x87_push_copy(i),
            Rows::PushConstant(c) => self.x87_push_constant(c),
            Rows::PushMem(from, bits) => {
                let bits = self.take(bits);
                self.x87_push_mem(from, bits);
            }
            Rows::Sign(op) => self.x87_sign(op),
            Rows::Compare(call) => self.x87_compare_flags(call),
            Rows::Store(call, w, place) => {
                let place = self.take(place);
                self.x87_call(call, None);
                self.open_if(None);
                self.push(place);
                self.get(local::CTX);
                self.load_at(w, self.layout.loaded);
                self.store_at(w, self.layout.ram);
                self.end();
            }
            Rows::StoreTen(body) => self.x87_store_ten(ir, n + 4..n + 4 + body as usize),
            Rows::LoadTen(low, high) => {
                let (low, high) = (self.take(low), self.take(high));
                self.get(local::CTX);
                self.push(low);
                self.put(W::I64Store(mem(self.layout.x, 3)));
                self.get(local::CTX);
                self.push(high);
                self.put(W::I32Store16(mem(self.layout.x + 8, 1)));
                self.x87_call(X87Call::Push, None);
                self.put(W::Drop);
            }
            Rows::Control => self.x87_word(ir, self.layout.x87_control, n),
            Rows::Status => self.x87_word(ir, self.layout.x87_status, n),
            Rows::SetControl(v) => {
                let v = self.take(v);
                self.x87_set_control(v);
            }
        }
        Some(n + len)
    }

    /// A call; whether the result may go where it belongs is on the stack then.
    fn x87_call(&mut self, call: X87Call, bits: Option<Id>) {
        self.get(local::CTX);
        self.const_32(call.pack());
        match bits {
            Some(bits) => {
                self.push(bits);
                if self.values.ty(bits) == Ty::I32 {
                    self.put(W::I64ExtendI32U);
                }
            }
            None => self.put(W::I64Const(0)),
        }
        self.call(Import::X87);
    }

    /// Leaves the instruction to the interpreter if an unmasked exception is pending.
    fn x87_enter(&mut self) {
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(self.layout.x87_control, 1)));
        self.const_32(u32::MAX);
        self.put(W::I32Xor);
        self.put(W::I32And);
        self.const_32(EXCEPTIONS);
        self.put(W::I32And);
        self.open_if(None);
        self.leave_undone();
        self.end();
    }

    /// Makes sure that bytes can be accessed directly; those that cross a page are the interpreter's.
    fn probe(&mut self, seg: Seg, len: u32, write: bool, ea: Id) {
        let ea = self.in_local(ea);
        let lin = self.linear(seg, ea, len, write);
        self.reachable(lin, len, write);
    }

    /// Copies a selector.
    fn copy_16(&mut self, from: u32, to: u32) {
        self.get(local::CTX);
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(from, 1)));
        self.put(W::I32Store16(mem(to, 1)));
    }

    /// Where the instruction is. It is written down only where the region is left: until then locals hold it.
    fn x87_note(&mut self, offset: i32, opcode: u16) {
        self.const_32(NOTED | u32::from(opcode & 0x7FF));
        self.set(local::NOTE);
        self.const_32(self.region.blocks[self.at].delta.wrapping_add(offset) as u32);
        self.set(local::NOTE_AT);
    }

    fn x87_note_data(&mut self, seg: Seg, ea: Id) {
        // Where segments are flat the instruction no longer says which one: DS then.
        let seg = if seg == Seg::Flat { Seg::Ds } else { seg };
        self.const_32(1 + seg as u32);
        self.set(local::DATA_SEG);
        self.push(ea);
        self.set(local::DATA_AT);
    }

    /// Writes down what has been noted, before anybody else looks.
    pub(super) fn x87_store_notes(&mut self) {
        if !self.notes {
            return;
        }
        self.get(local::NOTE);
        self.open_if(None);
        self.get(local::CTX);
        self.get(local::NOTE);
        self.const_32(!NOTED);
        self.put(W::I32And);
        self.put(W::I32Store16(mem(self.layout.x87_opcode, 1)));
        self.copy_16(self.layout.segment(Seg::Cs) + self.layout.seg_selector, self.layout.x87_code_selector);
        self.get(local::CTX);
        self.get(local::EIP);
        self.get(local::NOTE_AT);
        self.put(W::I32Add);
        self.put(W::I64ExtendI32U);
        self.put(W::I64Store(mem(self.layout.x87_code_offset, 3)));
        self.get(local::DATA_SEG);
        self.open_if(None);
        self.get(local::CTX);
        self.get(local::DATA_SEG);
        self.const_32(1);
        self.put(W::I32Sub);
        self.const_32(self.layout.seg_size);
        self.put(W::I32Mul);
        self.get(local::CTX);
        self.put(W::I32Add);
        self.put(W::I32Load16U(mem(self.layout.segs + self.layout.seg_selector, 1)));
        self.put(W::I32Store16(mem(self.layout.x87_data_selector, 1)));
        self.get(local::CTX);
        self.get(local::DATA_AT);
        self.put(W::I64ExtendI32U);
        self.put(W::I64Store(mem(self.layout.x87_data_offset, 3)));
        self.end();
        self.end();
    }

    /// Nothing has been noted.
    pub(super) fn x87_forget_notes(&mut self) {
        if !self.notes {
            return;
        }
        for l in [local::NOTE, local::DATA_SEG] {
            self.const_32(0);
            self.set(l);
        }
    }

    /// Reads status and tags.
    fn x87_unit(&mut self) -> Unit {
        let unit = Unit { status: self.temp(Ty::I32), top: self.temp(Ty::I32), empty: self.temp(Ty::I32) };
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
        self.put(W::LocalTee(unit.status));
        self.const_32(TOP);
        self.put(W::I32ShrU);
        self.const_32(7);
        self.put(W::I32And);
        self.set(unit.top);
        self.get(local::CTX);
        self.put(W::I32Load8U(mem(self.layout.x87_empty, 0)));
        self.set(unit.empty);
        unit
    }

    /// The number of the register that is ST(i), in a local.
    fn x87_number(&mut self, unit: Unit, i: u8) -> u32 {
        if i & 7 == 0 {
            return unit.top;
        }
        let number = self.temp(Ty::I32);
        self.get(unit.top);
        self.const_32(u32::from(i & 7));
        self.put(W::I32Add);
        self.const_32(7);
        self.put(W::I32And);
        self.set(number);
        number
    }

    /// Pushes the tags moved so that the lowest bit says whether a register is empty.
    fn x87_is_empty(&mut self, unit: Unit, number: u32) {
        self.get(unit.empty);
        self.get(number);
        self.put(W::I32ShrU);
    }

    /// Pushes the address of a register.
    fn x87_at(&mut self, number: u32) {
        self.get(local::CTX);
        self.get(number);
        self.const_32(4);
        self.put(W::I32Shl);
        self.put(W::I32Add);
    }

    fn x87_load_mantissa(&mut self, number: u32) {
        self.x87_at(number);
        self.put(W::I64Load(mem(self.layout.st, 3)));
    }

    fn x87_load_exponent(&mut self, number: u32) {
        self.x87_at(number);
        self.put(W::I32Load16U(mem(self.layout.st + 8, 1)));
    }

    /// Stores what is on the stack, after the address.
    fn x87_store_mantissa(&mut self) {
        self.put(W::I64Store(mem(self.layout.st, 3)));
    }

    fn x87_store_exponent(&mut self) {
        self.put(W::I32Store16(mem(self.layout.st + 8, 1)));
    }

    /// Copies a register.
    fn x87_transfer(&mut self, from: u32, to: u32) {
        self.x87_at(to);
        self.x87_load_mantissa(from);
        self.x87_store_mantissa();
        self.x87_at(to);
        self.x87_load_exponent(from);
        self.x87_store_exponent();
    }

    /// Stores the status word with C1 clear, and with another top if told.
    fn x87_store_status(&mut self, unit: Unit, top: Option<u32>) {
        self.get(local::CTX);
        self.get(unit.status);
        self.const_32(!(C1 | if top.is_some() { 7 << TOP } else { 0 }));
        self.put(W::I32And);
        if let Some(top) = top {
            self.get(top);
            self.const_32(TOP);
            self.put(W::I32Shl);
            self.put(W::I32Or);
        }
        self.put(W::I32Store16(mem(self.layout.x87_status, 1)));
    }

    /// Pushes the tags with one changed; they are stored by [`Self::x87_store_tags`].
    fn x87_with_tag(&mut self, number: u32, empty: bool) {
        self.const_32(1);
        self.get(number);
        self.put(W::I32Shl);
        if empty {
            self.put(W::I32Or);
        } else {
            self.const_32(u32::MAX);
            self.put(W::I32Xor);
            self.put(W::I32And);
        }
    }

    fn x87_store_tags(&mut self) {
        self.put(W::I32Store8(mem(self.layout.x87_empty, 0)));
    }

    /// If the lowest bit of what is on the stack is set, a call does it; else the code that is put before
    /// [`Self::end`].
    fn x87_unless(&mut self, call: X87Call, bits: Option<Id>) {
        self.const_32(1);
        self.put(W::I32And);
        self.open_if(None);
        self.x87_call(call, bits);
        self.put(W::Drop);
        self.put(W::Else);
    }

    fn x87_copy(&mut self, to: u8, pops: u8) {
        let call = X87Call::Copy { to, pops };
        if pops > 1 {
            self.x87_call(call, None);
            self.put(W::Drop);
            return;
        }
        let unit = self.x87_unit();
        self.x87_is_empty(unit, unit.top);
        self.x87_unless(call, None);
        let number = self.x87_number(unit, to);
        if to & 7 != 0 {
            self.x87_transfer(unit.top, number);
        }
        self.get(local::CTX);
        self.get(unit.empty);
        self.x87_with_tag(number, false);
        if pops == 0 {
            self.x87_store_tags();
            self.x87_store_status(unit, None);
        } else {
            self.x87_with_tag(unit.top, true);
            self.x87_store_tags();
            let top = self.x87_number(unit, 1);
            self.x87_store_status(unit, Some(top));
        }
        self.end();
    }

    fn x87_exchange(&mut self, i: u8) {
        let unit = self.x87_unit();
        let other = self.x87_number(unit, i);
        self.x87_is_empty(unit, unit.top);
        self.x87_is_empty(unit, other);
        self.put(W::I32Or);
        self.x87_unless(X87Call::Exchange(i), None);
        self.x87_at(unit.top);
        self.x87_load_mantissa(other);
        self.x87_at(other);
        self.x87_load_mantissa(unit.top);
        self.x87_store_mantissa();
        self.x87_store_mantissa();
        self.x87_at(unit.top);
        self.x87_load_exponent(other);
        self.x87_at(other);
        self.x87_load_exponent(unit.top);
        self.x87_store_exponent();
        self.x87_store_exponent();
        self.x87_store_status(unit, None);
        self.end();
    }

    /// Pushes whether the register below the top is in use.
    fn x87_is_full(&mut self, unit: Unit, next: u32) {
        self.x87_is_empty(unit, next);
        self.const_32(1);
        self.put(W::I32Xor);
    }

    /// After a value was stored in the register below the top: it is the top.
    fn x87_pushed(&mut self, unit: Unit, next: u32) {
        self.get(local::CTX);
        self.get(unit.empty);
        self.x87_with_tag(next, false);
        self.x87_store_tags();
        self.x87_store_status(unit, Some(next));
    }

    fn x87_push_copy(&mut self, i: u8) {
        let unit = self.x87_unit();
        let (from, next) = (self.x87_number(unit, i), self.x87_number(unit, 7));
        self.x87_is_empty(unit, from);
        self.x87_is_full(unit, next);
        self.put(W::I32Or);
        self.x87_unless(X87Call::PushCopy(i), None);
        self.x87_transfer(from, next);
        self.x87_pushed(unit, next);
        self.end();
    }

    fn x87_push_constant(&mut self, c: X87Constant) {
        let call = X87Call::PushConstant(c);
        let (mantissa, exponent) = match c {
            X87Constant::Zero => (0, 0),
            X87Constant::One => (i64::MIN, 0x3FFF),
            // The others are rounded as RC says.
            _ => {
                self.x87_call(call, None);
                self.put(W::Drop);
                return;
            }
        };
        let unit = self.x87_unit();
        let next = self.x87_number(unit, 7);
        self.x87_is_full(unit, next);
        self.x87_unless(call, None);
        self.x87_at(next);
        self.put(W::I64Const(mantissa));
        self.x87_store_mantissa();
        self.x87_at(next);
        self.const_32(exponent);
        self.x87_store_exponent();
        self.x87_pushed(unit, next);
        self.end();
    }

    fn x87_push_mem(&mut self, from: X87Format, bits: Id) {
        let call = X87Call::PushMem(from);
        // Bits of fraction and of exponent.
        let (fraction, exponent) = match from {
            X87Format::F32 => (23, 8),
            X87Format::F64 => (52, 11),
            X87Format::I16 | X87Format::I32 | X87Format::I64 => {
                self.x87_call(call, Some(bits));
                self.put(W::Drop);
                return;
            }
        };
        let bits = self.in_local(bits);
        let narrow = self.values.ty(bits) == Ty::I32;
        let unit = self.x87_unit();
        let next = self.x87_number(unit, 7);
        let (high, field) = (self.temp(Ty::I32), self.temp(Ty::I32));
        // Sign and exponent.
        self.push(bits);
        if narrow {
            self.const_32(fraction);
            self.put(W::I32ShrU);
        } else {
            self.put(W::I64Const(fraction.into()));
            self.put(W::I64ShrU);
            self.put(W::I32WrapI64);
        }
        self.put(W::LocalTee(high));
        let greatest = (1 << exponent) - 1;
        self.const_32(greatest);
        self.put(W::I32And);
        self.put(W::LocalTee(field));
        // Anything but a normal number.
        self.const_32(1);
        self.put(W::I32Sub);
        self.const_32(greatest - 1);
        self.put(W::I32GeU);
        self.x87_is_full(unit, next);
        self.put(W::I32Or);
        self.x87_unless(call, Some(bits));
        self.x87_at(next);
        self.push(bits);
        if narrow {
            self.put(W::I64ExtendI32U);
        }
        self.put(W::I64Const(i64::from(63 - fraction)));
        self.put(W::I64Shl);
        self.put(W::I64Const(i64::MIN));
        self.put(W::I64Or);
        self.x87_store_mantissa();
        self.x87_at(next);
        self.get(high);
        self.const_32(exponent);
        self.put(W::I32ShrU);
        self.const_32(15);
        self.put(W::I32Shl);
        self.get(field);
        self.const_32(0x3FFF - (greatest >> 1));
        self.put(W::I32Add);
        self.put(W::I32Or);
        self.x87_store_exponent();
        self.x87_pushed(unit, next);
        self.end();
    }

    fn x87_sign(&mut self, op: X87Un) {
        let unit = self.x87_unit();
        self.x87_is_empty(unit, unit.top);
        self.x87_unless(X87Call::Unary(op), None);
        self.x87_at(unit.top);
        self.x87_load_exponent(unit.top);
        if op == X87Un::Chs {
            self.const_32(0x8000);
            self.put(W::I32Xor);
        } else {
            self.const_32(0x7FFF);
            self.put(W::I32And);
        }
        self.x87_store_exponent();
        self.x87_store_status(unit, None);
        self.end();
    }

    fn x87_compare_flags(&mut self, call: X87Call) {
        self.x87_call(call, None);
        self.put(W::I32Eqz);
        self.open_if(None);
        // The instruction is done, and the flags are as before.
        let next = self.eip_at(self.after);
        self.cold(|e| e.go_on(next, e.before + 1));
        self.end();
        self.flags = Flags::Settled;
        self.get(local::CTX);
        self.get(local::CTX);
        self.put(W::I64Load32S(mem(self.layout.loaded, 2)));
        self.put(W::I64Store(mem(self.layout.flags_res, 3)));
        self.get(local::CTX);
        self.get(local::CTX);
        self.put(W::I32Load(mem(self.layout.loaded + 4, 2)));
        self.put(W::I32Store(mem(self.layout.flags_aux, 2)));
    }

    /// The stores cannot miss: the bytes have been probed, and a call changes no table.
    fn x87_store_ten(&mut self, ir: &ir::Block, body: std::ops::Range<usize>) {
        self.get(local::CTX);
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
        self.const_32(!C1);
        self.put(W::I32And);
        self.put(W::I32Store16(mem(self.layout.x87_status, 1)));
        self.x87_call(X87Call::Read, None);
        self.put(W::If(BlockType::Empty));
        self.depth += 1;
        let outer = std::mem::replace(&mut self.conditional, true);
        for n in body {
            let (w, at) = match ir.ops[n] {
                Op::x87_low { .. } => (Width::W64, 0),
                Op::x87_high { .. } => (Width::W16, 8),
                Op::x87_pop {} => {
                    self.x87_call(X87Call::Pop, None);
                    self.put(W::Drop);
                    continue;
                }
                _ => {
                    self.op(ir, n);
                    continue;
                }
            };
            self.get(local::CTX);
            self.load_at(w, self.layout.x + at);
            let temp = self.temp(Ty::of(w));
            self.set(temp);
            let part = self.values.local(Ty::of(w), temp);
            self.result(ir, n, part);
        }
        self.conditional = outer;
        self.end();
    }

    /// The control or status word as a value.
    fn x87_word(&mut self, ir: &ir::Block, at: u32, n: usize) {
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(at, 1)));
        let temp = self.temp(Ty::I32);
        self.set(temp);
        let word = self.values.local(Ty::I32, temp);
        self.result(ir, n, word);
    }

    fn x87_set_control(&mut self, v: Id) {
        /// Bits that exist, and the one that is always set.
        const BITS: u32 = 0x1F3F;
        const ONE: u32 = 0x40;
        let (control, status) = (self.temp(Ty::I32), self.temp(Ty::I32));
        self.get(local::CTX);
        self.push(v);
        self.const_32(BITS);
        self.put(W::I32And);
        self.const_32(ONE);
        self.put(W::I32Or);
        self.put(W::LocalTee(control));
        self.put(W::I32Store16(mem(self.layout.x87_control, 1)));
        self.get(local::CTX);
        self.get(local::CTX);
        self.put(W::I32Load16U(mem(self.layout.x87_status, 1)));
        self.const_32(!PENDING);
        self.put(W::I32And);
        self.put(W::LocalTee(status));
        // ES and B follow from the exceptions and their masks.
        self.const_32(PENDING);
        self.const_32(0);
        self.get(status);
        self.get(control);
        self.const_32(u32::MAX);
        self.put(W::I32Xor);
        self.put(W::I32And);
        self.const_32(EXCEPTIONS);
        self.put(W::I32And);
        self.put(W::Select);
        self.put(W::I32Or);
        self.put(W::I32Store16(mem(self.layout.x87_status, 1)));
    }
}
