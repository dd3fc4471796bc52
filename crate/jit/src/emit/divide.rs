//! Division: checked first, so that wasm's own division cannot trap.

use super::Emitter;
use super::values::{Bin, Id, Ty, Un};

impl Emitter<'_> {
    /// Divides the 64-bit `hi:lo` by `d`; where the processor raises #DE, the instruction is left to the
    /// interpreter.
    pub(super) fn divide(&mut self, signed: bool, hi: Id, lo: Id, d: Id) {
        let n32 = self.values.num(Ty::I64, 32);
        let high = self.values.un(Un::ExtendU, hi);
        let high = self.values.bin(Bin::Shl, Ty::I64, high, n32);
        let low = self.values.un(Un::ExtendU, lo);
        let n = self.values.bin(Bin::Or, Ty::I64, high, low);
        let n = self.in_local(n);
        let d = self.values.un(if signed { Un::ExtendS } else { Un::ExtendU }, d);
        let d = self.in_local(d);
        let zero = self.values.num(Ty::I64, 0);
        let mut bad = self.values.bin(Bin::Eq, Ty::I64, d, zero);
        if signed {
            let min = self.values.num(Ty::I64, 1 << 63);
            let ones = self.values.num(Ty::I64, u64::MAX);
            let min = self.values.bin(Bin::Eq, Ty::I64, n, min);
            let minus = self.values.bin(Bin::Eq, Ty::I64, d, ones);
            let overflow = self.values.bin(Bin::And, Ty::I32, min, minus);
            bad = self.values.bin(Bin::Or, Ty::I32, bad, overflow);
        }
        self.leave_undone_if(bad);
        let q = self.values.bin(if signed { Bin::DivS } else { Bin::DivU }, Ty::I64, n, d);
        let q = self.in_local(q);
        let narrow = self.values.un(Un::Wrap, q);
        let back = self.values.un(if signed { Un::ExtendS } else { Un::ExtendU }, narrow);
        let bad = self.values.bin(Bin::Ne, Ty::I64, back, q);
        self.leave_undone_if(bad);
        self.quotient = Some(narrow);
    }

    /// The quotient of the division just checked.
    pub(super) fn quotient(&mut self) -> Id {
        match self.quotient.take() {
            Some(q) => q,
            None => self.values.i32(0),
        }
    }

    fn leave_undone_if(&mut self, c: Id) {
        self.push(c);
        self.open_if(None);
        self.leave_undone();
        self.end();
    }
}
