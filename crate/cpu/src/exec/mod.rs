//! `Exec`: the `Micro` that does it now, on numbers. With the semantics it *is* the interpreter.
//!
//! This file holds the processor's access to memory and the micro-operations; `run` the main loop,
//! `hot` the part of it where the time goes.

mod fast;
mod hot;
mod memory;
mod quick;
mod run;
mod simd;
#[cfg(test)]
mod tests;
mod translated;
mod x87;
mod x87_calls;

pub use fast::{Fast, fuse, specialise};
pub use memory::Place;
pub(crate) use memory::bus_width;
pub use run::{Exit, Processor};
pub use translated::{FastTables, Layout, Link, SseCall, SseDone, kind_bits};
pub use x87_calls::X87Call;

use crate::fault::{Fault, Stop};
use crate::float::F80;
use crate::helpers;
use crate::insn::{Gpr, Helper, Insn, Mem, NO_INDEX, Width};
use crate::micro::{
    BinOp, CmpOp, FlagOp, Micro, UnOp, X87Bin, X87Constant, X87Format, X87Pair, X87Target, X87Un,
};
use crate::micro::{Shuffle, SseArith, SseConvert, VecOp};
use crate::mmu::Mmu;
use crate::platform::Platform;
use crate::state::Cpu;
use crate::translator::StepRuns;
use memory::SlowPlace;
use x86::{Cond, Seg, eflags, vector};

/// One processor at work: its state, its memory, the machine around it. One block of memory, reached by one
/// pointer, so that a field access is one load and the compiler never has to look up where the rest is.
#[repr(C)]
pub struct Exec<'a> {
    /// State.
    pub cpu: Cpu,
    /// The count of instructions at which the run ends.
    pub limit: u64,
    /// Leave the block after the current instruction: its own code was overwritten, the platform wants
    /// attention, the mode changed.
    pub leave: bool,
    /// Position in the block of the instruction at work.
    pub index: u8,
    /// Debug-register hits (DR6 bits 0 to 3) of the instruction at work.
    pub debug_hits: u32,
    /// A conditional branch was taken in the middle of a block.
    pub jumped: bool,
    slow: SlowPlace,
    /// What the slow path read.
    loaded: u64,
    /// What translated code shares.
    pub link: Link,
    /// What it has interpreted.
    pub step_runs: StepRuns,
    /// Memory.
    pub mmu: Mmu,
    /// The machine.
    pub plat: Box<dyn Platform>,
    lifetime: std::marker::PhantomData<&'a ()>,
}

impl std::fmt::Debug for Exec<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("cpu", &self.cpu).finish_non_exhaustive()
    }
}

impl Exec<'_> {
    /// A processor at reset.
    #[must_use]
    pub fn new(mmu: Mmu, plat: Box<dyn Platform>) -> Self {
        Self {
            cpu: Cpu::new(),
            limit: u64::MAX,
            leave: false,
            index: 0,
            debug_hits: 0,
            jumped: false,
            slow: SlowPlace::default(),
            loaded: 0,
            link: Link::default(),
            step_runs: StepRuns::new(),
            mmu,
            plat,
            lifetime: std::marker::PhantomData,
        }
    }

    /// Instructions executed before the one at work.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cpu.count + u64::from(self.index)
    }

    /// Records an exception with error code.
    #[cold]
    #[inline(never)]
    pub fn fault(&mut self, vector: u8, error: u32) -> Stop {
        self.cpu.fault = Fault::with(vector, error);
        Stop::Fault
    }

    /// Records an exception without error code.
    #[cold]
    #[inline(never)]
    pub fn exception(&mut self, vector: u8) -> Stop {
        self.cpu.fault = Fault::new(vector);
        Stop::Fault
    }

    /// #GP(0).
    #[cold]
    pub fn gp0(&mut self) -> Stop {
        self.fault(vector::GP, 0)
    }

    /// #UD.
    #[cold]
    pub fn ud(&mut self) -> Stop {
        self.exception(vector::UD)
    }

    /// After anything that changes segments, CPL, control registers or EFLAGS.AC/TF: mode bits, access
    /// class and events follow, and the block is left, because code may now decode or translate otherwise.
    pub fn mode_changed(&mut self) {
        self.cpu.update_mode();
        self.cpu.update_events();
        self.mmu.update_class(&self.cpu);
        self.leave = true;
    }

    /// After the platform was accessed: leaves the block if it has something to say.
    #[inline]
    pub fn platform_touched(&mut self) {
        if self.plat.needs_attention() {
            self.leave = true;
        }
    }

    /// The EIP of the instruction at work and of the one after it. In 16-bit code too it runs on past FFFFh, into
    /// the segment's limit if that is there: only branches cut it.
    #[must_use]
    pub fn eip_of(&self, offset: i32) -> u64 {
        self.cpu.eip.wrapping_add(offset as u64) & Width::W32.mask()
    }

    #[inline(always)]
    fn go_to(&mut self, target: u64) -> Result<(), Stop> {
        if target > u64::from(self.cpu.segs[Seg::Cs as usize].max) {
            return Err(self.gp0());
        }
        self.cpu.next_eip = target;
        Ok(())
    }
}

/// Two-operand arithmetic on zero-extended operands.
#[inline(always)]
#[must_use]
pub fn bin(op: BinOp, w: Width, a: u64, b: u64) -> u64 {
    let mask = w.mask();
    match op {
        BinOp::Add => a.wrapping_add(b) & mask,
        BinOp::Sub => a.wrapping_sub(b) & mask,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Mul => a.wrapping_mul(b) & mask,
        BinOp::MulHiU => match w {
            Width::W64 => (u128::from(a) * u128::from(b) >> 64) as u64,
            _ => a.wrapping_mul(b) >> w.bits() & mask,
        },
        BinOp::MulHiS => match w {
            Width::W64 => (i128::from(a as i64) * i128::from(b as i64) >> 64) as u64,
            _ => w.sign_extend(a).wrapping_mul(w.sign_extend(b)) >> w.bits() & mask,
        },
        BinOp::Shl => a << (b & 63) & mask,
        BinOp::Shr => a >> (b & 63),
        BinOp::Sar => (w.sign_extend(a) as i64 >> (b & 63)) as u64 & mask,
        BinOp::Rol => {
            let n = b as u32 % w.bits();
            if n == 0 { a } else { (a << n | a >> (w.bits() - n)) & mask }
        }
        BinOp::Ror => {
            let n = b as u32 % w.bits();
            if n == 0 { a } else { (a >> n | a << (w.bits() - n)) & mask }
        }
    }
}

/// One-operand arithmetic on a zero-extended operand.
#[inline(always)]
#[must_use]
pub fn un(op: UnOp, w: Width, a: u64) -> u64 {
    let mask = w.mask();
    match op {
        UnOp::Not => !a & mask,
        UnOp::Neg => a.wrapping_neg() & mask,
        UnOp::Bswap => a.swap_bytes() >> (64 - w.bits()),
        UnOp::Ctz => u64::from(a.trailing_zeros().min(w.bits())),
        UnOp::Clz => u64::from(a.leading_zeros() - (64 - w.bits())),
        UnOp::Popcnt => u64::from(a.count_ones()),
    }
}

/// A comparison of zero-extended operands.
#[inline(always)]
#[must_use]
pub fn compare(op: CmpOp, w: Width, a: u64, b: u64) -> bool {
    let signed = |v| w.sign_extend(v) as i64;
    match op {
        CmpOp::Eq => a == b,
        CmpOp::Ne => a != b,
        CmpOp::LtU => a < b,
        CmpOp::LeU => a <= b,
        CmpOp::LtS => signed(a) < signed(b),
        CmpOp::LeS => signed(a) <= signed(b),
    }
}

/// Quotient of the double-width `hi:lo` by `d`, or `None` where the processor raises #DE.
#[inline]
#[must_use]
pub fn divide(w: Width, signed: bool, hi: u64, lo: u64, d: u64) -> Option<u64> {
    let n = u128::from(hi) << w.bits() | u128::from(lo);
    if d == 0 {
        return None;
    }
    if !signed {
        let q = if w == Width::W64 { n / u128::from(d) } else { u128::from(n as u64 / d) };
        return (q <= u128::from(w.mask())).then_some(q as u64);
    }
    let d = w.sign_extend(d) as i64;
    let q = if w == Width::W64 {
        (n as i128).checked_div(i128::from(d))?
    } else {
        let shift = 64 - 2 * w.bits();
        let n = ((n as u64) << shift) as i64 >> shift;
        i128::from(n.checked_div(d)?)
    };
    let limit = i128::from(w.sign());
    (-limit <= q && q < limit).then_some(q as u64 & w.mask())
}

impl Micro for Exec<'_> {
    type I = u64;
    type X = F80;
    type V = u128;
    type P = Place;
    type Stop = Stop;

    #[inline(always)]
    fn when(&mut self, c: u64, body: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        if c != 0 { body(self) } else { Ok(()) }
    }
    #[inline(always)]
    fn imm(&mut self, w: Width, value: u64) -> u64 {
        value & w.mask()
    }
    #[inline(always)]
    fn reg(&mut self, w: Width, r: Gpr) -> u64 {
        let v = self.cpu.regs[usize::from(r & 15)];
        match w {
            Width::W8 => v >> (r >> 4 & 8) & 0xFF,
            _ => v & w.mask(),
        }
    }
    #[inline(always)]
    fn set_reg(&mut self, w: Width, r: Gpr, v: u64) {
        let slot = &mut self.cpu.regs[usize::from(r & 15)];
        match w {
            Width::W8 => {
                let shift = r >> 4 & 8;
                *slot = *slot & !(0xFF << shift) | (v & 0xFF) << shift;
            }
            Width::W16 => *slot = *slot & !0xFFFF | v & 0xFFFF,
            Width::W32 | Width::W64 => *slot = v & w.mask(),
        }
    }
    #[inline(always)]
    fn ea(&mut self, mem: Mem) -> u64 {
        let base = self.cpu.regs[usize::from(mem.base & 31)];
        let index = match mem.scale {
            NO_INDEX => 0,
            scale => self.cpu.regs[usize::from(mem.index & 31)] << (scale & 3),
        };
        base.wrapping_add(index).wrapping_add(mem.disp as u64) & mem.asz.mask()
    }
    #[inline(always)]
    fn bin(&mut self, op: BinOp, w: Width, a: u64, b: u64) -> u64 {
        bin(op, w, a, b)
    }
    #[inline(always)]
    fn un(&mut self, op: UnOp, w: Width, a: u64) -> u64 {
        un(op, w, a)
    }
    #[inline(always)]
    fn zext(&mut self, _: Width, _: Width, a: u64) -> u64 {
        a
    }
    #[inline(always)]
    fn sext(&mut self, from: Width, to: Width, a: u64) -> u64 {
        from.sign_extend(a) & to.mask()
    }
    #[inline(always)]
    fn trunc(&mut self, _: Width, to: Width, a: u64) -> u64 {
        a & to.mask()
    }
    #[inline(always)]
    fn compare(&mut self, op: CmpOp, w: Width, a: u64, b: u64) -> u64 {
        u64::from(compare(op, w, a, b))
    }
    #[inline(always)]
    fn select(&mut self, _: Width, c: u64, a: u64, b: u64) -> u64 {
        if c != 0 { a } else { b }
    }
    #[inline(always)]
    fn quot(&mut self, w: Width, signed: bool, hi: u64, lo: u64, d: u64) -> u64 {
        divide(w, signed, hi, lo, d).unwrap_or(0)
    }
    #[inline(always)]
    fn set_flags(&mut self, op: FlagOp, w: Width, a: u64, b: u64, r: u64) {
        self.cpu.flags = self.cpu.flags.after(op, w, a, b, r);
    }
    #[inline(always)]
    fn put_flags(&mut self, mask: u32, v: u64) {
        self.cpu.flags = self.cpu.flags.with(mask & eflags::STATUS, v as u32);
    }
    #[inline(always)]
    fn status_flags(&mut self) -> u64 {
        u64::from(self.cpu.flags.status())
    }
    #[inline(always)]
    fn cond(&mut self, cc: Cond) -> u64 {
        u64::from(self.cpu.flags.holds(cc))
    }
    #[inline(always)]
    fn set_direction(&mut self, down: bool) {
        if down {
            self.cpu.eflags |= eflags::DF;
        } else {
            self.cpu.eflags &= !eflags::DF;
        }
    }
    #[inline(always)]
    fn selector(&mut self, seg: Seg) -> u64 {
        u64::from(self.cpu.seg(seg).selector)
    }
    #[inline(always)]
    fn eip(&mut self, w: Width, offset: i32) -> u64 {
        self.cpu.eip.wrapping_add(offset as u64) & w.mask()
    }
    #[inline(always)]
    fn peek(&mut self, w: Width, p: Place) -> u64 {
        self.peek_place(w, p)
    }
    #[inline(always)]
    fn poke(&mut self, w: Width, p: Place, v: u64) {
        self.poke_place(w, p, v);
    }
    #[inline(always)]
    fn load(&mut self, w: Width, seg: Seg, ea: u64) -> Result<u64, Stop> {
        self.read_mem(w, seg, ea)
    }
    #[inline(always)]
    fn store(&mut self, w: Width, seg: Seg, ea: u64, v: u64) -> Result<(), Stop> {
        self.write_mem(w, seg, ea, v)
    }
    #[inline(always)]
    fn rmw(&mut self, w: Width, seg: Seg, ea: u64) -> Result<Place, Stop> {
        self.place(w, seg, ea)
    }
    fn probe(&mut self, seg: Seg, len: u32, write: bool, ea: u64) -> Result<(), Stop> {
        self.probe_mem(seg, ea, len, write)
    }
    #[inline(always)]
    fn div_check(&mut self, w: Width, signed: bool, hi: u64, lo: u64, d: u64) -> Result<(), Stop> {
        match divide(w, signed, hi, lo, d) {
            Some(_) => Ok(()),
            None => Err(self.exception(vector::DE)),
        }
    }
    #[inline(always)]
    fn jump(&mut self, w: Width, target: u64) -> Result<(), Stop> {
        self.go_to(target & w.mask())
    }
    #[inline(always)]
    fn branch(&mut self, w: Width, offset: i32) -> Result<(), Stop> {
        let target = self.eip(w, offset);
        self.go_to(target)
    }
    #[inline(always)]
    fn branch_if(&mut self, w: Width, offset: i32, c: u64) -> Result<(), Stop> {
        if c != 0 {
            let target = self.eip(w, offset);
            self.go_to(target)?;
            self.jumped = true;
        }
        Ok(())
    }
    #[cold]
    fn raise(&mut self, vector: u8) -> Result<(), Stop> {
        Err(self.exception(vector))
    }
    #[cold]
    fn raise_error(&mut self, vector: u8, error: u32) -> Result<(), Stop> {
        Err(self.fault(vector, error))
    }

    // ---- MMX and SSE ----

    #[inline(always)]
    fn mmx(&mut self, r: u8) -> u64 {
        self.get_mmx(r)
    }
    #[inline(always)]
    fn set_mmx(&mut self, r: u8, v: u64) {
        self.put_mmx(r, v);
    }
    #[inline(always)]
    fn mmx_touch(&mut self, empty: bool) {
        self.touch_mmx(empty);
    }
    #[inline(always)]
    fn xmm(&mut self, r: u8) -> u128 {
        self.get_xmm(r)
    }
    #[inline(always)]
    fn set_xmm(&mut self, r: u8, v: u128) {
        self.put_xmm(r, v);
    }
    #[inline(always)]
    fn xmm_part(&mut self, w: Width, r: u8, lane: u8) -> u64 {
        self.get_xmm_part(w, r, lane)
    }
    #[inline(always)]
    fn set_xmm_part(&mut self, w: Width, r: u8, lane: u8, v: u64) {
        self.put_xmm_part(w, r, lane, v);
    }
    #[inline(always)]
    fn vec_join(&mut self, low: u64, high: u64) -> u128 {
        simd::join(low, high)
    }
    #[inline(always)]
    fn vec_part(&mut self, w: Width, lane: u8, v: u128) -> u64 {
        simd::part(w, lane, v)
    }
    #[inline(always)]
    fn vec_with(&mut self, w: Width, lane: u8, v: u128, x: u64) -> u128 {
        simd::with(w, lane, v, x)
    }
    fn vec_int(&mut self, op: VecOp, a: u128, b: u128) -> u128 {
        simd::int(op, a, b)
    }
    fn vec_shuffle(&mut self, op: Shuffle, imm: u8, a: u128, b: u128) -> u128 {
        simd::shuffle(op, imm, a, b)
    }
    fn vec_signs(&mut self, w: Width, v: u128) -> u64 {
        simd::signs(w, v)
    }
    fn vec_blend(&mut self, w: Width, a: u128, b: u128, mask: u128) -> u128 {
        simd::blend(w, a, b, mask)
    }
    fn vec_test(&mut self, a: u128, b: u128) -> u64 {
        u64::from(simd::test(a, b))
    }
    fn vec_strings(&mut self, imm: u8, lengths: bool, a: u128, b: u128, len_a: u64, len_b: u64) -> u64 {
        let lengths = lengths.then_some([len_a as u32, len_b as u32]);
        u64::from(simd::strings(imm, a, b, lengths))
    }
    fn crc32(&mut self, w: Width, crc: u64, v: u64) -> u64 {
        u64::from(simd::crc32(w, crc as u32, v as u32))
    }
    fn mxcsr(&mut self) -> u64 {
        u64::from(self.cpu.mxcsr)
    }
    #[inline(always)]
    fn mmx_enter(&mut self) -> Result<(), Stop> {
        self.enter_mmx()
    }
    #[inline(always)]
    fn sse_enter(&mut self) -> Result<(), Stop> {
        self.enter_sse()
    }
    #[inline(always)]
    fn load_vec(&mut self, seg: Seg, aligned: bool, ea: u64) -> Result<u128, Stop> {
        self.read_vec(seg, ea, aligned)
    }
    #[inline(always)]
    fn store_vec(&mut self, seg: Seg, aligned: bool, ea: u64, v: u128) -> Result<(), Stop> {
        self.write_vec(seg, ea, aligned, v)
    }
    fn store_masked(&mut self, seg: Seg, bytes: u8, ea: u64, v: u128, mask: u128) -> Result<(), Stop> {
        self.write_masked(seg, bytes, ea, v, mask)
    }
    #[inline(always)]
    fn sse_scalar(&mut self, op: SseArith, w: Width, a: u64, b: u64) -> Result<u64, Stop> {
        self.scalar(op, w, a, b)
    }
    #[inline(always)]
    fn sse_packed(&mut self, op: SseArith, w: Width, a: u128, b: u128) -> Result<u128, Stop> {
        self.packed(op, w, a, b)
    }
    fn sse_round(&mut self, w: Width, imm: u8, a: u64) -> Result<u64, Stop> {
        self.round(w, imm, a)
    }
    fn sse_round_packed(&mut self, w: Width, imm: u8, a: u128) -> Result<u128, Stop> {
        self.round_packed(w, imm, a)
    }
    fn sse_dot(&mut self, w: Width, imm: u8, a: u128, b: u128) -> Result<u128, Stop> {
        self.dot(w, imm, a, b)
    }
    fn sse_convert(&mut self, op: SseConvert, a: u64) -> Result<u64, Stop> {
        self.convert(op, a)
    }
    fn sse_convert_packed(&mut self, op: SseConvert, a: u128) -> Result<u128, Stop> {
        self.convert_packed(op, a)
    }
    fn sse_compare_flags(&mut self, w: Width, quiet: bool, a: u64, b: u64) -> Result<u64, Stop> {
        self.compare_flags(w, quiet, a, b)
    }
    fn set_mxcsr(&mut self, v: u64) -> Result<(), Stop> {
        self.put_mxcsr(v)
    }
    #[inline(never)]
    fn helper(&mut self, h: Helper, insn: Insn) -> Result<(), Stop> {
        helpers::call(self, h, &insn)
    }
    fn x87_note(&mut self, offset: i32, opcode: u16) {
        self.fpu_note(offset, opcode);
    }
    fn x87_note_data(&mut self, seg: Seg, ea: u64) {
        self.fpu_note_data(seg, ea);
    }
    fn x87_read(&mut self, i: u8) -> F80 {
        self.fpu_read(i)
    }
    fn x87_set(&mut self, i: u8, v: F80) {
        self.fpu_set(i, v);
    }
    fn x87_push_copy(&mut self, i: u8) {
        self.fpu_push_copy(i);
    }
    fn x87_push(&mut self, v: F80) {
        self.fpu_push(v);
    }
    fn x87_push_mem(&mut self, from: X87Format, bits: u64) {
        self.fpu_push_mem(from, bits);
    }
    fn x87_pop(&mut self) {
        self.fpu_pop();
    }
    fn x87_free(&mut self, i: u8) {
        self.fpu_free(i);
    }
    fn x87_rotate(&mut self, by: u8) {
        self.fpu_rotate(by);
    }
    fn x87_clear_c1(&mut self) {
        self.fpu_clear_c1();
    }
    fn x87_arith(&mut self, op: X87Bin, a: u8, b: u8) -> F80 {
        self.fpu_arith(op, a, b)
    }
    fn x87_arith_mem(&mut self, op: X87Bin, from: X87Format, bits: u64) -> F80 {
        self.fpu_arith_mem(op, from, bits)
    }
    fn x87_remainder(&mut self, nearest: bool) -> F80 {
        self.fpu_remainder(nearest)
    }
    fn x87_unary(&mut self, op: X87Un) -> F80 {
        self.fpu_unary(op)
    }
    fn x87_pair(&mut self, op: X87Pair) {
        self.fpu_pair(op);
    }
    fn x87_compare(&mut self, quiet: bool, b: u8) {
        self.fpu_compare(quiet, b);
    }
    fn x87_compare_mem(&mut self, from: X87Format, bits: u64) {
        self.fpu_compare_mem(from, bits);
    }
    fn x87_compare_flags(&mut self, quiet: bool, b: u8) -> u64 {
        self.fpu_compare_flags(quiet, b)
    }
    fn x87_test(&mut self) {
        self.fpu_test();
    }
    fn x87_examine(&mut self) {
        self.fpu_examine();
    }
    fn x87_delivers(&mut self, to: X87Target) -> u64 {
        self.fpu_delivers(to)
    }
    fn x87_constant(&mut self, c: X87Constant) -> F80 {
        self.fpu_constant(c)
    }
    fn x87_convert(&mut self, to: X87Format, truncated: bool) -> u64 {
        self.fpu_convert(to, truncated)
    }
    fn x87_to_decimal(&mut self) -> F80 {
        self.fpu_to_decimal()
    }
    fn x87_from_decimal(&mut self, v: F80) -> F80 {
        self.fpu_from_decimal(v)
    }
    fn x87_join(&mut self, low: u64, high: u64) -> F80 {
        self.fpu_join(low, high)
    }
    fn x87_low(&mut self, v: F80) -> u64 {
        self.fpu_low(v)
    }
    fn x87_high(&mut self, v: F80) -> u64 {
        self.fpu_high(v)
    }
    fn x87_select(&mut self, i: u8, c: u64) -> F80 {
        self.fpu_select(i, c)
    }
    fn x87_control(&mut self) -> u64 {
        self.fpu_control()
    }
    fn set_x87_control(&mut self, v: u64) {
        self.fpu_set_control(v);
    }
    fn x87_status(&mut self) -> u64 {
        self.fpu_status()
    }
    fn x87_clear(&mut self) {
        self.fpu_clear();
    }
    fn x87_init(&mut self) {
        self.fpu_init();
    }
    fn x87_enter(&mut self, wait: bool) -> Result<(), Stop> {
        self.fpu_enter(wait)
    }
    fn x87_wait(&mut self) -> Result<(), Stop> {
        self.fpu_wait()
    }
}
