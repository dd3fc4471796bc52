//! The status flags in translated code.
//!
//! Which operation set them is known while a block is emitted, so a condition becomes a comparison of that
//! operation's operands, and flags nobody asks for cost nothing. Between blocks and at exits the operation's
//! number and operands lie in locals; what they mean is then `cpu::flags` in Rust. A carry that was set by itself, over flags
//! of whatever origin, lies beside the number. Flags that neither describes lie where Rust has them, in `cpu.flags`.

use super::values::{Bin, Id, Ty, Un};
use super::{Emitter, local, mem};
use crate::imports::Import;
use cpu::exec::kind_bits;
use cpu::insn::Width;
use cpu::micro::FlagOp;
use wasm_encoder::{Instruction, ValType};
use x86::{Cond, eflags};

/// What is known about the flags.
#[derive(Clone, Debug)]
pub(super) enum Flags {
    /// Nothing: the locals say.
    Dynamic,
    /// `cpu.flags` holds them, whatever `KIND` says.
    Settled,
    /// An operation set them.
    After(Box<After>),
    /// CF, or CF and OF, was set by itself (BT, rotates, STC).
    Over(Box<Over>),
}

/// The operation that set the flags.
#[derive(Clone, Debug)]
pub(super) struct After {
    op: FlagOp,
    w: Width,
    a: Id,
    b: Id,
    r: Id,
    /// `r` is exactly a + b or a - b, without a carry in.
    exact: bool,
    /// For `Inc` and `Dec`, which keep CF: the flags before.
    before: Flags,
}

/// Flags set by themselves, each 0 or 1.
#[derive(Clone, Debug)]
pub(super) struct Over {
    cf: Id,
    /// If it was set, too.
    of: Option<Id>,
    /// The others.
    before: Flags,
}

impl Flags {
    /// The values they depend on.
    pub(super) fn values(&self, into: &mut Vec<Id>) {
        match self {
            Self::Dynamic | Self::Settled => {}
            Self::After(after) => {
                into.extend([after.a, after.b, after.r]);
                after.before.values(into);
            }
            Self::Over(over) => {
                into.push(over.cf);
                into.extend(over.of);
                over.before.values(into);
            }
        }
    }
}

/// Number of an operation and width in the `KIND` local: 1 and up. Above it may be flags set by themselves ([`kind_bits`]).
#[must_use]
pub(super) const fn kind(op: FlagOp, w: Width) -> u32 {
    1 + (op as u32) * 4 + w as u32
}

impl Emitter<'_> {
    /// The flags are those of an operation.
    pub(super) fn set_flags(&mut self, op: FlagOp, w: Width, [a, b, r]: [Id; 3], exact: bool) {
        let before =
            if matches!(op, FlagOp::Inc | FlagOp::Dec) { self.flags.clone() } else { Flags::Settled };
        // An increment after increments keeps the carry of what came before them all.
        let before = match before {
            Flags::After(after) if matches!(after.op, FlagOp::Inc | FlagOp::Dec) => after.before,
            // Nothing but the carry is asked of them.
            Flags::Over(over) => Flags::Over(Box::new(Over { before: Flags::Settled, of: None, ..*over })),
            before => before,
        };
        self.flags = Flags::After(Box::new(After { op, w, a, b, r, exact, before }));
    }

    /// Puts what is known into the locals.
    pub(super) fn flags_to_locals(&mut self) {
        let flags = self.flags.clone();
        self.put_in_locals(&flags);
        if !self.conditional {
            self.flags = Flags::Dynamic;
        }
    }

    fn put_in_locals(&mut self, flags: &Flags) {
        match flags {
            Flags::Dynamic => {}
            Flags::Settled => {
                self.const_32(0);
                self.set(local::KIND);
            }
            Flags::After(after) => {
                // The carry before an increment is found in the old locals.
                let b = match after.op {
                    FlagOp::Inc | FlagOp::Dec => Some(self.carry_of(&after.before)),
                    FlagOp::Logic => None,
                    _ => Some(after.b),
                };
                if let Some(b) = b {
                    self.push(b);
                }
                let needs_a = !matches!(after.op, FlagOp::Logic);
                if needs_a {
                    self.push(after.a);
                }
                self.push(after.r);
                self.set(local::R);
                if needs_a {
                    self.set(local::A);
                }
                if b.is_some() {
                    self.set(local::B);
                }
                self.const_32(kind(after.op, after.w));
                self.set(local::KIND);
            }
            Flags::Over(over) => {
                let cf = self.at_bit(over.cf, kind_bits::CF);
                let cf_set = self.values.i32(kind_bits::CF_SET);
                let mut set = self.op32(Bin::Or, cf, cf_set);
                let mut old = kind_bits::CF_SET | kind_bits::CF;
                if let Some(of) = over.of {
                    let of = self.at_bit(of, kind_bits::OF);
                    let of_set = self.values.i32(kind_bits::OF_SET);
                    set = self.op32(Bin::Or, set, of);
                    set = self.op32(Bin::Or, set, of_set);
                    old |= kind_bits::OF_SET | kind_bits::OF;
                }
                self.put_in_locals(&over.before);
                self.get(local::KIND);
                self.const_32(!old);
                self.put(Instruction::I32And);
                self.push(set);
                self.put(Instruction::I32Or);
                self.set(local::KIND);
            }
        }
    }

    /// A flag's value, 0 or 1, at a bit.
    fn at_bit(&mut self, flag: Id, bit: u32) -> Id {
        let n = self.values.i32(bit.trailing_zeros());
        self.op32(Bin::Shl, flag, n)
    }

    /// What `cpu.flags` holds: the last result, or the word of carries.
    fn state_word(&mut self, at: u32) -> Id {
        self.get(local::CTX);
        self.put(Instruction::I32Load(mem(at, 2)));
        let temp = self.temp(Ty::I32);
        self.set(temp);
        self.values.local(Ty::I32, temp)
    }

    fn state_aux(&mut self) -> Id {
        self.state_word(self.layout.flags_aux)
    }

    /// Makes `cpu.flags` hold the flags.
    pub(super) fn settle(&mut self) {
        match self.flags.clone() {
            Flags::Settled => return,
            Flags::Dynamic => {
                self.get(local::KIND);
                self.open_if(None);
                self.get(local::CTX);
                for l in [local::KIND, local::A, local::B, local::R] {
                    self.get(l);
                }
                self.call(Import::Settle);
                self.put(Instruction::Drop);
                self.end();
            }
            Flags::After(after) => {
                let res = self.signed(after.w, after.r);
                let aux = self.aux(&after);
                self.get(local::CTX);
                self.push(aux);
                self.put(Instruction::I32Store(mem(self.layout.flags_aux, 2)));
                self.get(local::CTX);
                self.push(res);
                self.put(Instruction::I64ExtendI32S);
                self.put(Instruction::I64Store(mem(self.layout.flags_res, 3)));
            }
            Flags::Over(over) => {
                let all = std::mem::replace(&mut self.flags, over.before.clone());
                self.settle();
                self.flags = all;
                self.settle_over(&over);
            }
        }
        if self.conditional {
            // Elsewhere they are not settled; here nobody asks twice.
            return;
        }
        self.flags = Flags::Settled;
    }

    fn op32(&mut self, op: Bin, a: Id, b: Id) -> Id {
        self.values.bin(op, Ty::I32, a, b)
    }

    fn not32(&mut self, a: Id) -> Id {
        let ones = self.values.i32(u32::MAX);
        self.op32(Bin::Xor, a, ones)
    }

    /// Bit `n` of a value.
    fn bit(&mut self, v: Id, n: u32) -> Id {
        let n32 = self.values.i32(n);
        let v = self.op32(Bin::ShrU, v, n32);
        if n == 31 {
            return v;
        }
        let one = self.values.i32(1);
        self.op32(Bin::And, v, one)
    }

    /// The carries out of every bit (see `cpu::flags`).
    fn carries(&mut self, op: FlagOp, a: Id, b: Id, r: Id) -> Id {
        if op == FlagOp::Add {
            // a & b | (a | b) & !r
            let both = self.op32(Bin::And, a, b);
            let any = self.op32(Bin::Or, a, b);
            let not_r = self.not32(r);
            let passed = self.op32(Bin::And, any, not_r);
            return self.op32(Bin::Or, both, passed);
        }
        // !a & b | !(a ^ b) & r
        let not_a = self.not32(a);
        let borrowed = self.op32(Bin::And, not_a, b);
        let differ = self.op32(Bin::Xor, a, b);
        let same = self.not32(differ);
        let passed = self.op32(Bin::And, same, r);
        self.op32(Bin::Or, borrowed, passed)
    }

    /// The `aux` word after an operation, as `cpu::flags` lays it out.
    fn aux(&mut self, after: &After) -> Id {
        let After { op, w, a, b, r, .. } = *after;
        let top = w.bits() - 1;
        match op {
            FlagOp::Logic => self.values.i32(0),
            FlagOp::Explicit => self.aux_of_flags(a, b),
            FlagOp::Add | FlagOp::Sub => {
                let carries = self.carries(op, a, b, r);
                self.aux_of(carries, top)
            }
            FlagOp::Inc | FlagOp::Dec => {
                let one = self.values.i32(1);
                let plain = if op == FlagOp::Inc { FlagOp::Add } else { FlagOp::Sub };
                let carries = self.carries(plain, a, one, r);
                let aux = self.aux_of(carries, top);
                // CF as it was, OF unchanged.
                let cf = self.carry_of(&after.before);
                let now = self.bit(aux, 31);
                let flip = self.op32(Bin::Xor, now, cf);
                let three = self.values.i32(30);
                let flip2 = self.op32(Bin::Shl, flip, three);
                let one = self.values.i32(31);
                let flip1 = self.op32(Bin::Shl, flip, one);
                let flip = self.op32(Bin::Or, flip1, flip2);
                self.op32(Bin::Xor, aux, flip)
            }
        }
    }

    fn aux_of(&mut self, carries: Id, top: u32) -> Id {
        let n = self.values.i32(top - 1);
        let high = self.op32(Bin::ShrU, carries, n);
        let n30 = self.values.i32(30);
        let high = self.op32(Bin::Shl, high, n30);
        let eight = self.values.i32(8);
        let half = self.op32(Bin::And, carries, eight);
        self.op32(Bin::Or, high, half)
    }

    /// What `aux` has of CF and OF, each 0 or 1.
    fn aux_of_flags(&mut self, cf: Id, of: Id) -> Id {
        let carry = self.at_bit(cf, 1 << 31);
        let flip = self.op32(Bin::Xor, cf, of);
        let flip = self.at_bit(flip, 1 << 30);
        self.op32(Bin::Or, carry, flip)
    }

    /// OF, 0 or 1, from `aux`.
    fn overflow_in(&mut self, aux: Id) -> Id {
        let one = self.values.i32(1);
        let shifted = self.op32(Bin::Shl, aux, one);
        let o = self.op32(Bin::Xor, aux, shifted);
        self.bit(o, 31)
    }

    /// CF, 0 or 1.
    pub(super) fn carry_of(&mut self, flags: &Flags) -> Id {
        match flags {
            Flags::Settled => {
                let aux = self.state_aux();
                self.bit(aux, 31)
            }
            Flags::Dynamic => {
                // What kept the carry has it at hand: loops that count up or down ask in every round.
                let first = kind(FlagOp::Inc, Width::W8);
                self.get(local::KIND);
                self.const_32(first);
                self.put(Instruction::I32Sub);
                self.const_32(kind(FlagOp::Dec, Width::W64) - first);
                self.put(Instruction::I32LeU);
                self.open_if(Some(ValType::I32));
                self.get(local::B);
                self.put(Instruction::Else);
                for l in [local::KIND, local::A, local::B, local::R] {
                    self.get(l);
                }
                self.get(local::CTX);
                self.put(Instruction::I32Load(mem(self.layout.flags_aux, 2)));
                self.call(Import::Carry);
                self.end();
                let temp = self.temp(Ty::I32);
                self.set(temp);
                self.values.local(Ty::I32, temp)
            }
            Flags::After(after) => self.carry_after(after),
            Flags::Over(over) => over.cf,
        }
    }

    fn carry_after(&mut self, after: &After) -> Id {
        let After { op, w, a, b, r, exact, .. } = *after;
        match op {
            FlagOp::Logic => self.values.i32(0),
            FlagOp::Explicit => a,
            FlagOp::Add if exact => self.op32(Bin::LtU, r, a),
            FlagOp::Sub if exact => self.op32(Bin::LtU, a, b),
            FlagOp::Add | FlagOp::Sub => {
                let carries = self.carries(op, a, b, r);
                self.bit(carries, w.bits() - 1)
            }
            FlagOp::Inc | FlagOp::Dec => self.carry_of(&after.before),
        }
    }

    /// OF, 0 or 1.
    fn overflow_after(&mut self, after: &After) -> Id {
        let After { op, w, a, b, r, .. } = *after;
        let top = w.bits() - 1;
        match op {
            FlagOp::Logic => self.values.i32(0),
            FlagOp::Explicit => b,
            FlagOp::Add => {
                let x = self.op32(Bin::Xor, a, r);
                let y = self.op32(Bin::Xor, b, r);
                let both = self.op32(Bin::And, x, y);
                self.bit(both, top)
            }
            FlagOp::Sub => {
                let x = self.op32(Bin::Xor, a, b);
                let y = self.op32(Bin::Xor, a, r);
                let both = self.op32(Bin::And, x, y);
                self.bit(both, top)
            }
            FlagOp::Inc | FlagOp::Dec => {
                let edge = if op == FlagOp::Inc { w.sign() } else { w.sign() - 1 };
                let edge = self.values.i32(edge as u32);
                self.op32(Bin::Eq, r, edge)
            }
        }
    }

    /// A condition: 0 or 1.
    pub(super) fn cond(&mut self, cc: Cond) -> Id {
        // Conditions come in pairs, the odd one the opposite.
        let n = cc as u8;
        let known = match self.flags.clone() {
            Flags::After(after) => Some(self.cond_after(n & !1, &after)),
            Flags::Over(over) => self.cond_over(n & !1, &over),
            Flags::Dynamic if n & !1 == 2 => Some(self.carry_of(&Flags::Dynamic)),
            Flags::Dynamic | Flags::Settled => None,
        };
        let yes = known.unwrap_or_else(|| {
            self.settle();
            self.cond_settled(n & !1)
        });
        if n & 1 == 0 { yes } else { self.values.un(Un::Eqz, yes) }
    }

    /// What follows from the flags set by themselves, or from an operation before them.
    fn cond_over(&mut self, n: u8, over: &Over) -> Option<Id> {
        match (n, over.of) {
            (0, Some(of)) => return Some(of),
            (2, _) => return Some(over.cf),
            _ => {}
        }
        let Flags::After(after) = &over.before else { return None };
        Some(match n {
            6 => {
                let z = self.cond_after(4, after);
                self.op32(Bin::Or, over.cf, z)
            }
            12 | 14 => {
                let s = self.cond_after(8, after);
                let o = over.of.unwrap_or_else(|| self.overflow_after(after));
                let z = self.cond_after(4, after);
                self.less(n, s, o, z)
            }
            _ => self.cond_after(n, after),
        })
    }

    fn cond_after(&mut self, n: u8, after: &After) -> Id {
        let After { op, w, a, b, r, exact, .. } = *after;
        let zero = self.values.i32(0);
        let sub = op == FlagOp::Sub && exact;
        let logic = op == FlagOp::Logic;
        match n {
            0 => self.overflow_after(after),
            2 => self.carry_after(after),
            4 if sub => self.op32(Bin::Eq, a, b),
            4 => self.op32(Bin::Eq, r, zero),
            6 if sub => self.op32(Bin::LeU, a, b),
            6 => {
                let z = self.op32(Bin::Eq, r, zero);
                let c = self.carry_after(after);
                self.op32(Bin::Or, c, z)
            }
            8 => self.bit(r, w.bits() - 1),
            10 => self.parity(r),
            12 | 14 if sub => {
                let (a, b) = (self.signed(w, a), self.signed(w, b));
                self.op32(if n == 12 { Bin::LtS } else { Bin::LeS }, a, b)
            }
            12 | 14 if logic => {
                let r = self.signed(w, r);
                self.op32(if n == 12 { Bin::LtS } else { Bin::LeS }, r, zero)
            }
            _ => {
                let s = self.bit(r, w.bits() - 1);
                let o = self.overflow_after(after);
                let z = self.op32(Bin::Eq, r, zero);
                self.less(n, s, o, z)
            }
        }
    }

    /// L (12) or LE, from SF, OF and ZF.
    fn less(&mut self, n: u8, s: Id, o: Id, z: Id) -> Id {
        let less = self.op32(Bin::Xor, s, o);
        if n == 12 { less } else { self.op32(Bin::Or, less, z) }
    }

    /// PF of a result.
    fn parity(&mut self, r: Id) -> Id {
        let byte = self.values.i32(0xFF);
        let low = self.op32(Bin::And, r, byte);
        let ones = self.values.un(Un::Popcnt, low);
        let one = self.values.i32(1);
        let odd = self.op32(Bin::And, ones, one);
        self.values.un(Un::Eqz, odd)
    }

    /// As `cpu::flags::Flags::holds`.
    fn cond_settled(&mut self, n: u8) -> Id {
        let res = self.state_word(self.layout.flags_res);
        let aux = self.state_aux();
        let (zero, one) = (self.values.i32(0), self.values.i32(1));
        let z = self.op32(Bin::Eq, res, zero);
        let c = self.bit(aux, 31);
        let o = self.overflow_in(aux);
        let s = self.bit(res, 31);
        let flip = self.op32(Bin::And, aux, one);
        let s = self.op32(Bin::Xor, s, flip);
        match n {
            0 => o,
            2 => c,
            4 => z,
            6 => self.op32(Bin::Or, c, z),
            8 => s,
            10 => {
                let eight = self.values.i32(8);
                let high = self.op32(Bin::ShrU, aux, eight);
                let x = self.op32(Bin::Xor, res, high);
                self.parity(x)
            }
            _ => self.less(n, s, o, z),
        }
    }

    /// Replaces CF, or CF and OF, from a value laid out as EFLAGS.
    pub(super) fn put_flags(&mut self, mask: u32, v: Id) {
        let v = self.in_local(v);
        let one = self.values.i32(1);
        let cf = self.op32(Bin::And, v, one);
        let of = (mask & eflags::OF != 0).then(|| self.bit(v, 11));
        let (earlier, before) = match std::mem::replace(&mut self.flags, Flags::Dynamic) {
            Flags::Over(over) => (over.of, over.before),
            before => (None, before),
        };
        self.flags = Flags::Over(Box::new(Over { cf, of: of.or(earlier), before }));
    }

    /// Puts flags set by themselves among the others, which `cpu.flags` holds.
    fn settle_over(&mut self, over: &Over) {
        let aux = self.state_aux();
        let of = over.of.unwrap_or_else(|| self.overflow_in(aux));
        let low = self.values.i32(0x3FFF_FFFF);
        let kept = self.op32(Bin::And, aux, low);
        let new = self.aux_of_flags(over.cf, of);
        let new = self.op32(Bin::Or, kept, new);
        self.get(local::CTX);
        self.push(new);
        self.put(Instruction::I32Store(mem(self.layout.flags_aux, 2)));
    }
}
