//! What the x87 rows of the table mean for `Exec` (SDM vol. 1, chapter 8).
//!
//! One invariant carries the handling of exceptions: an instruction that computes begins only when no unmasked
//! exception is pending ([`Exec::fpu_enter`]), so an unmasked one found afterwards is its own.

use super::Exec;
use crate::fault::Stop;
use crate::float::{self, Constant, Control, F80, Flags, Outcome, Relation, Round};
use crate::micro::{X87Bin, X87Constant, X87Format, X87Pair, X87Target, X87Un};
use crate::state::{Fpu, mode};
use x86::{Seg, cr0, vector};

/// Bits of the status word (SDM vol. 1, figure 8-4).
mod status {
    /// Stack fault.
    pub(super) const SF: u16 = 1 << 6;
    /// Error summary.
    pub(super) const ES: u16 = 1 << 7;
    /// Condition codes.
    pub(super) const C0: u16 = 1 << 8;
    pub(super) const C1: u16 = 1 << 9;
    pub(super) const C2: u16 = 1 << 10;
    pub(super) const C3: u16 = 1 << 14;
    /// Busy: the same as ES.
    pub(super) const B: u16 = 1 << 15;
    /// Where TOP begins.
    pub(super) const TOP: u32 = 11;
    /// The exceptions.
    pub(super) const EXCEPTIONS: u16 = 0x3F;
}

/// The control word after FNINIT.
const CONTROL: u16 = 0x37F;
/// Bits of the control word that exist; bit 6 is always set.
const CONTROL_BITS: u16 = 0x1F3F;
const CONTROL_ONE: u16 = 0x40;

impl Fpu {
    /// TOP.
    #[inline(always)]
    #[must_use]
    pub const fn top(&self) -> u8 {
        (self.status >> status::TOP & 7) as u8
    }

    /// The number of the physical register that is ST(i).
    #[inline(always)]
    #[must_use]
    pub const fn physical(&self, i: u8) -> usize {
        (self.top().wrapping_add(i) & 7) as usize
    }

    /// Whether ST(i) is empty.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self, i: u8) -> bool {
        self.empty >> self.physical(i) & 1 != 0
    }

    /// Marks ST(i) as empty.
    pub fn set_empty(&mut self, i: u8) {
        self.empty |= 1 << self.physical(i);
    }

    /// Moves the top of the stack.
    pub fn rotate(&mut self, by: u8) {
        let top = u16::from(self.top().wrapping_add(by) & 7);
        self.status = self.status & !(7 << status::TOP) | top << status::TOP;
    }

    /// The unmasked exceptions that are pending.
    #[inline(always)]
    #[must_use]
    pub const fn pending(&self) -> u16 {
        self.status & !self.control & status::EXCEPTIONS
    }

    /// Makes ES and B follow from the exceptions and masks; to be called after either changes.
    pub fn settle(&mut self) {
        self.status &= !(status::ES | status::B);
        if self.pending() != 0 {
            self.status |= status::ES | status::B;
        }
    }

    /// Sets the control word as FLDCW does.
    pub fn set_control(&mut self, v: u16) {
        self.control = v & CONTROL_BITS | CONTROL_ONE;
        self.settle();
    }

    /// Sets the status word as FLDENV does.
    pub fn set_status(&mut self, v: u16) {
        self.status = v;
        self.settle();
    }

    /// FNINIT: the registers' values stay (SDM vol. 2, FINIT).
    pub fn init(&mut self) {
        let st = self.st;
        *self = Self {
            st,
            control: CONTROL,
            status: 0,
            empty: 0xFF,
            opcode: 0,
            code_selector: 0,
            data_selector: 0,
            code_offset: 0,
            data_offset: 0,
        };
    }

    #[inline(always)]
    fn get(&self, i: u8) -> Option<F80> {
        if self.is_empty(i) { None } else { Some(self.st[self.physical(i)]) }
    }

    #[inline(always)]
    fn set(&mut self, i: u8, v: F80) {
        let r = self.physical(i);
        self.st[r] = v;
        self.empty &= !(1 << r);
    }

    fn control_fields(&self) -> Control {
        Control::from_word(self.control)
    }

    /// Adds the exceptions of an instruction, and sets C1.
    #[inline(always)]
    fn raise(&mut self, flags: Flags, c1: bool) {
        self.status = self.status & !status::C1 | u16::from(flags.bits()) | u16::from(c1) << 9;
        if self.pending() != 0 {
            self.settle();
        }
    }

    /// Adds what an operation raises, and hands on its value.
    #[inline(always)]
    fn take<T>(&mut self, o: Outcome<T>) -> T {
        self.raise(o.flags, o.rounded_up);
        o.value
    }

    /// Sets the condition codes but for C1.
    fn set_codes(&mut self, codes: u16) {
        let all = status::C0 | status::C2 | status::C3;
        self.status = self.status & !all | codes & all;
    }

    /// Stack overflow or underflow (SDM vol. 1, 8.5.1.1).
    #[cold]
    fn stack_fault(&mut self, overflow: bool) {
        self.status |= status::SF;
        self.raise(Flags::INVALID, overflow);
    }

    fn unmasks(&self, flags: Flags) -> bool {
        self.pending() & u16::from(flags.bits()) != 0
    }

    /// Pushes, unless an unmasked IE of this instruction forbids it.
    fn push_anyway(&mut self, v: F80) {
        if !self.unmasks(Flags::INVALID) {
            self.rotate(7);
            self.set(0, v);
        }
    }

    /// Pushes what raises nothing.
    fn push(&mut self, v: F80) {
        if self.is_empty(7) {
            self.status &= !status::C1;
            self.push_anyway(v);
        } else {
            self.stack_fault(true);
            self.push_anyway(F80::INDEFINITE);
        }
    }

    /// The outcome of a comparison; an unmasked IE leaves the codes alone (SDM vol. 2, FCOM).
    fn compared(&mut self, relation: Relation, flags: Flags) {
        self.raise(flags, false);
        if self.delivers(X87Target::Codes) {
            self.set_codes(relation.condition_codes());
        }
    }

    /// Stack underflow of a comparison.
    #[cold]
    fn compared_with_nothing(&mut self) {
        self.stack_fault(false);
        self.compared(Relation::Unordered, Flags::NONE);
    }
}

/// A number from memory, and whether it was denormal there.
fn widen(from: X87Format, bits: u64) -> (F80, bool) {
    match from {
        X87Format::F32 => float::widen_f32(bits as u32),
        X87Format::F64 => float::widen_f64(bits),
        X87Format::I16 => (float::from_i64(i64::from(bits as i16)), false),
        X87Format::I32 => (float::from_i64(i64::from(bits as i32)), false),
        X87Format::I64 => (float::from_i64(bits as i64), false),
    }
}

/// Arithmetic of two operands.
fn arithmetic(op: X87Bin, a: F80, b: F80, c: Control) -> Outcome<F80> {
    match op {
        X87Bin::Add => float::add(a, b, c),
        X87Bin::Mul => float::mul(a, b, c),
        X87Bin::Sub => float::sub(a, b, c),
        X87Bin::SubR => float::sub(b, a, c),
        X87Bin::Div => float::div(a, b, c),
        X87Bin::DivR => float::div(b, a, c),
        X87Bin::Scale => float::scale(a, b, c),
        X87Bin::Atan => float::atan2(a, b, c),
        X87Bin::Log => float::log2(b, a, c),
        X87Bin::LogP1 => float::log2p1(b, a, c),
    }
}

impl Exec<'_> {
    pub(super) fn fpu_note(&mut self, offset: i32, opcode: u16) {
        self.cpu.fpu.opcode = opcode & 0x7FF;
        self.cpu.fpu.code_selector = self.cpu.seg(Seg::Cs).selector;
        self.cpu.fpu.code_offset = self.eip_of(offset);
    }

    pub(super) fn fpu_note_data(&mut self, seg: Seg, ea: u64) {
        // Where segments are flat the instruction no longer says which one: DS then.
        let seg = if seg == Seg::Flat { Seg::Ds } else { seg };
        self.cpu.fpu.data_selector = self.cpu.seg(seg).selector;
        self.cpu.fpu.data_offset = ea;
    }

    pub(super) fn fpu_read(&mut self, i: u8) -> F80 {
        let f = &mut self.cpu.fpu;
        f.get(i).unwrap_or_else(|| {
            f.stack_fault(false);
            F80::INDEFINITE
        })
    }

    pub(super) fn fpu_push_copy(&mut self, i: u8) {
        let f = &mut self.cpu.fpu;
        match f.get(i) {
            Some(v) => f.push(v),
            None => {
                f.stack_fault(false);
                f.push_anyway(F80::INDEFINITE);
            }
        }
    }

    pub(super) fn fpu_clear_c1(&mut self) {
        self.cpu.fpu.status &= !status::C1;
    }

    pub(super) fn fpu_set(&mut self, i: u8, v: F80) {
        self.cpu.fpu.set(i, v);
    }

    pub(super) fn fpu_push(&mut self, v: F80) {
        self.cpu.fpu.push(v);
    }

    pub(super) fn fpu_push_mem(&mut self, from: X87Format, bits: u64) {
        let f = &mut self.cpu.fpu;
        let outcome = match from {
            X87Format::F32 => float::from_f32(bits as u32),
            X87Format::F64 => float::from_f64(bits),
            _ => return f.push(widen(from, bits).0),
        };
        if f.is_empty(7) {
            let v = f.take(outcome);
            f.push_anyway(v);
        } else {
            // The operand does not matter.
            f.push(F80::INDEFINITE);
        }
    }

    pub(super) fn fpu_pop(&mut self) {
        self.cpu.fpu.set_empty(0);
        self.cpu.fpu.rotate(1);
    }

    pub(super) fn fpu_free(&mut self, i: u8) {
        self.cpu.fpu.set_empty(i);
        self.cpu.fpu.status &= !status::C1;
    }

    pub(super) fn fpu_rotate(&mut self, by: u8) {
        self.cpu.fpu.rotate(by);
        self.cpu.fpu.status &= !status::C1;
    }

    pub(super) fn fpu_arith(&mut self, op: X87Bin, a: u8, b: u8) -> F80 {
        let f = &mut self.cpu.fpu;
        let (Some(a), Some(b)) = (f.get(a), f.get(b)) else {
            f.stack_fault(false);
            return F80::INDEFINITE;
        };
        f.take(arithmetic(op, a, b, f.control_fields()))
    }

    pub(super) fn fpu_remainder(&mut self, nearest: bool) -> F80 {
        let f = &mut self.cpu.fpu;
        let (Some(a), Some(b)) = (f.get(0), f.get(1)) else {
            f.stack_fault(false);
            f.status &= !status::C2;
            return F80::INDEFINITE;
        };
        let control = f.control_fields();
        let remainder =
            if nearest { float::rem_nearest(a, b, control) } else { float::rem_trunc(a, b, control) };
        let codes = remainder.condition_codes();
        f.raise(remainder.flags, codes & status::C1 != 0);
        if remainder.value.is_nan() {
            // There is no quotient: the other codes stay.
            f.status &= !status::C2;
        } else {
            f.set_codes(codes);
        }
        remainder.value
    }

    pub(super) fn fpu_arith_mem(&mut self, op: X87Bin, from: X87Format, bits: u64) -> F80 {
        let f = &mut self.cpu.fpu;
        let Some(a) = f.get(0) else {
            f.stack_fault(false);
            return F80::INDEFINITE;
        };
        let control = f.control_fields();
        let (b, denormal) = widen(from, bits);
        f.take(arithmetic(op, a, b, control).with_denormal_operand(denormal, control))
    }

    pub(super) fn fpu_unary(&mut self, op: X87Un) -> F80 {
        let f = &mut self.cpu.fpu;
        let has_c2 = matches!(op, X87Un::Sin | X87Un::Cos);
        let Some(a) = f.get(0) else {
            f.stack_fault(false);
            if has_c2 {
                f.status &= !status::C2;
            }
            return F80::INDEFINITE;
        };
        let control = f.control_fields();
        let outcome = match op {
            X87Un::Chs | X87Un::Abs => {
                f.status &= !status::C1;
                return if op == X87Un::Chs { a.negate() } else { a.abs() };
            }
            X87Un::Sqrt => float::sqrt(a, control),
            X87Un::Round => float::round_to_int(a, control),
            X87Un::Exp => float::exp2m1(a, control),
            X87Un::Sin | X87Un::Cos => {
                let outcome = if op == X87Un::Sin { float::sin(a, control) } else { float::cos(a, control) };
                return match outcome {
                    Some(outcome) => {
                        f.status &= !status::C2;
                        f.take(outcome)
                    }
                    None => {
                        f.status = f.status & !status::C1 | status::C2;
                        a
                    }
                };
            }
        };
        f.take(outcome)
    }

    pub(super) fn fpu_pair(&mut self, op: X87Pair) {
        let f = &mut self.cpu.fpu;
        let control = f.control_fields();
        let operand = f.get(0);
        let (Some(a), true) = (operand, f.is_empty(7)) else {
            f.stack_fault(operand.is_some());
            if op != X87Pair::Extract {
                f.status &= !status::C2;
            }
            return f.put_pair(float::Pair { value: F80::INDEFINITE, pushed: F80::INDEFINITE });
        };
        let outcome = match op {
            X87Pair::Tan => float::tan(a, control),
            X87Pair::SinCos => float::sin_cos(a, control),
            X87Pair::Extract => {
                let Outcome { value, flags, rounded_up } = float::extract(a, control);
                let value = float::Pair { value: value.exponent, pushed: value.significand };
                let pair = f.take(Outcome { value, flags, rounded_up });
                return f.put_pair(pair);
            }
        };
        match outcome {
            Some(outcome) => {
                f.status &= !status::C2;
                let pair = f.take(outcome);
                f.put_pair(pair);
            }
            None => f.status = f.status & !status::C1 | status::C2,
        }
    }
}

impl Fpu {
    /// Stores both results, as far as exceptions allow.
    fn put_pair(&mut self, pair: float::Pair) {
        if self.delivers(X87Target::Register) {
            self.set(0, pair.value);
            self.rotate(7);
            self.set(0, pair.pushed);
        }
    }

    fn delivers(&self, to: X87Target) -> bool {
        let preventing = match to {
            X87Target::Register => Flags::INVALID | Flags::DENORMAL | Flags::ZERO_DIVIDE,
            X87Target::Memory => !Flags::PRECISION,
            X87Target::Codes => Flags::INVALID,
        };
        !self.unmasks(preventing)
    }
}

impl Exec<'_> {
    pub(super) fn fpu_compare(&mut self, quiet: bool, b: u8) {
        let f = &mut self.cpu.fpu;
        let (Some(a), Some(b)) = (f.get(0), f.get(b)) else {
            return f.compared_with_nothing();
        };
        let (relation, flags) = float::compare(a, b, quiet);
        f.compared(relation, flags);
    }

    pub(super) fn fpu_compare_mem(&mut self, from: X87Format, bits: u64) {
        let f = &mut self.cpu.fpu;
        let Some(a) = f.get(0) else {
            return f.compared_with_nothing();
        };
        let (b, denormal) = widen(from, bits);
        let (relation, mut flags) = float::compare(a, b, false);
        if denormal && relation != Relation::Unordered {
            flags |= Flags::DENORMAL;
        }
        f.compared(relation, flags);
    }

    pub(super) fn fpu_compare_flags(&mut self, quiet: bool, b: u8) -> u64 {
        let f = &mut self.cpu.fpu;
        let (Some(a), Some(b)) = (f.get(0), f.get(b)) else {
            f.stack_fault(false);
            return u64::from(Relation::Unordered.eflags());
        };
        let (relation, flags) = float::compare(a, b, quiet);
        // C1 stays.
        f.raise(flags, f.status & status::C1 != 0);
        u64::from(relation.eflags())
    }

    pub(super) fn fpu_test(&mut self) {
        let f = &mut self.cpu.fpu;
        let Some(a) = f.get(0) else {
            return f.compared_with_nothing();
        };
        let (relation, flags) = float::compare(a, F80::ZERO, false);
        f.compared(relation, flags);
    }

    pub(super) fn fpu_examine(&mut self) {
        let f = &mut self.cpu.fpu;
        let v = f.st[f.physical(0)];
        // Empty: C3 and C0; the sign is that of whatever is in the register (SDM vol. 2, FXAM).
        let codes = if f.is_empty(0) { status::C3 | status::C0 } else { v.class().examine() };
        f.status = f.status & !status::C1 | u16::from(v.is_negative()) << 9;
        f.set_codes(codes);
    }

    pub(super) fn fpu_delivers(&mut self, to: X87Target) -> u64 {
        u64::from(self.cpu.fpu.delivers(to))
    }

    pub(super) fn fpu_constant(&mut self, c: X87Constant) -> F80 {
        let f = &mut self.cpu.fpu;
        let constant = match c {
            X87Constant::Zero => Constant::Zero,
            X87Constant::One => Constant::One,
            X87Constant::Pi => Constant::Pi,
            X87Constant::Log2E => Constant::Log2E,
            X87Constant::Log2Ten => Constant::Log2Ten,
            X87Constant::Lg2 => Constant::Lg2,
            X87Constant::Ln2 => Constant::Ln2,
        };
        constant.value(f.control_fields().round)
    }

    pub(super) fn fpu_convert(&mut self, to: X87Format, truncated: bool) -> u64 {
        let f = &mut self.cpu.fpu;
        let Some(a) = f.get(0) else {
            f.stack_fault(false);
            return match to {
                X87Format::F32 => 0xFFC0_0000,
                X87Format::F64 => 0xFFF8 << 48,
                X87Format::I16 => 1 << 15,
                X87Format::I32 => 1 << 31,
                X87Format::I64 => 1 << 63,
            };
        };
        let control = f.control_fields();
        let round = if truncated { Round::Zero } else { control.round };
        match to {
            X87Format::F32 => u64::from(f.take(float::to_f32(a, control))),
            X87Format::F64 => f.take(float::to_f64(a, control)),
            X87Format::I16 => u64::from(f.take(float::to_i16(a, round)) as u16),
            X87Format::I32 => u64::from(f.take(float::to_i32(a, round)) as u32),
            X87Format::I64 => f.take(float::to_i64(a, round)) as u64,
        }
    }

    pub(super) fn fpu_to_decimal(&mut self) -> F80 {
        let f = &mut self.cpu.fpu;
        let round = f.control_fields().round;
        let bytes = match f.get(0) {
            Some(a) => f.take(float::to_bcd(a, round)),
            None => {
                f.stack_fault(false);
                float::to_bcd(F80::INDEFINITE, round).value
            }
        };
        F80::from_bytes(bytes)
    }

    pub(super) fn fpu_from_decimal(&mut self, v: F80) -> F80 {
        float::from_bcd(v.to_bytes())
    }

    pub(super) fn fpu_join(&mut self, low: u64, high: u64) -> F80 {
        F80 { mant: low, se: high as u16 }
    }

    pub(super) fn fpu_low(&mut self, v: F80) -> u64 {
        v.mant
    }

    pub(super) fn fpu_high(&mut self, v: F80) -> u64 {
        u64::from(v.se)
    }

    pub(super) fn fpu_select(&mut self, i: u8, c: u64) -> F80 {
        let f = &mut self.cpu.fpu;
        let (Some(a), Some(b)) = (f.get(i), f.get(0)) else {
            f.stack_fault(false);
            return F80::INDEFINITE;
        };
        if c != 0 { a } else { b }
    }

    pub(super) fn fpu_control(&mut self) -> u64 {
        u64::from(self.cpu.fpu.control)
    }

    pub(super) fn fpu_set_control(&mut self, v: u64) {
        self.cpu.fpu.set_control(v as u16);
    }

    pub(super) fn fpu_status(&mut self) -> u64 {
        u64::from(self.cpu.fpu.status)
    }

    pub(super) fn fpu_clear(&mut self) {
        let f = &mut self.cpu.fpu;
        f.status &= !(status::EXCEPTIONS | status::SF | status::ES | status::B);
        self.fpu_changed();
    }

    pub(super) fn fpu_init(&mut self) {
        self.cpu.fpu.init();
        self.fpu_changed();
    }

    /// After the exceptions or their masks were set as a whole: FERR# is released if none is pending any more.
    pub(crate) fn fpu_changed(&mut self) {
        if self.cpu.cr0 & cr0::NE == 0 && self.cpu.fpu.pending() == 0 {
            let count = self.count();
            self.plat.set_ferr(count, false);
            self.platform_touched();
        }
    }

    /// An unmasked exception is pending: #MF, or by FERR# if CR0.NE is clear (SDM vol. 1, 8.7). In the latter case the fault
    /// stands for a processor that waits for an interrupt before the instruction.
    #[cold]
    #[inline(never)]
    fn fpu_error(&mut self) -> Result<(), Stop> {
        if self.cpu.cr0 & cr0::NE == 0 {
            let count = self.count();
            let ignore = self.plat.set_ferr(count, true);
            self.platform_touched();
            if ignore {
                return Ok(());
            }
        }
        Err(self.exception(vector::MF))
    }

    /// # Errors
    /// #NM; #MF if an exception is pending.
    #[inline(always)]
    pub(crate) fn fpu_enter(&mut self, wait: bool) -> Result<(), Stop> {
        if self.cpu.mode & mode::NO_X87 != 0 {
            return Err(self.exception(vector::NM));
        }
        if wait && self.cpu.fpu.pending() != 0 { self.fpu_error() } else { Ok(()) }
    }

    pub(super) fn fpu_wait(&mut self) -> Result<(), Stop> {
        if self.cpu.cr0 & (cr0::MP | cr0::TS) == cr0::MP | cr0::TS {
            return Err(self.exception(vector::NM));
        }
        if self.cpu.fpu.pending() != 0 { self.fpu_error() } else { Ok(()) }
    }
}
