//! The hot loop: decoded blocks one after the other, as long as there is nothing else to look at.
//!
//! It is one function, because what it keeps at hand (the next instruction, the processor) is then in
//! registers. Each arm says itself how it goes on: a value for that, put together at the end of an arm and
//! taken apart after the `match`, costs a third of the speed in V8.

use super::{Exec, Fast};
use crate::blocks::BlockCache;
use crate::fault::Stop;
use crate::insn::{AluOp, Insn, Kind, Op, Prefix, ShiftOp, Width};
use crate::semantics::{self, Form};
use x86::Cond;

impl Exec<'_> {
    /// Runs whole blocks one after the other, as long as there is nothing else to look at: no event, the
    /// block known to the jump cache, and the limit not within the block.
    #[inline(never)]
    pub(super) fn run_hot(&mut self, blocks: &BlockCache) -> Result<(), Stop> {
        let Some(first) = self.next_hot(blocks) else { return Ok(()) };
        self.run_from(blocks.all(), first, Some(blocks))
    }

    /// Runs from instruction `first` of `all` on. Arms go on with the next instruction (`continue`), in
    /// another block (`break`) or not at all (`return`).
    #[inline(always)]
    fn run_from(&mut self, all: &[Insn], first: usize, blocks: Option<&BlockCache>) -> Result<(), Stop> {
        use Kind::{Imm, Mem, None as No, Reg};
        const W: Width = Width::W32;
        const B: Width = Width::W8;
        macro_rules! form {
            ($w:expr, $k0:expr, $k1:expr) => {
                const { Form::flat($w, $k0, $k1) }
            };
        }
        let mut rest = all.get(first..).unwrap_or(&[]).iter();
        'blocks: loop {
            let index;
            'block: loop {
                let Some(i) = rest.next() else { break 'blocks };
                // What cannot fault needs no look back; what ends the block goes on elsewhere.
                macro_rules! flow {
                    (Reg, Reg, $result:expr) => {{
                        let _: Result<(), Stop> = $result;
                        continue 'block;
                    }};
                    (Reg, Imm, $result:expr) => {
                        flow!(Reg, Reg, $result)
                    };
                    (Reg, No, $result:expr) => {
                        flow!(Reg, Reg, $result)
                    };
                    (Jump, $result:expr) => {{
                        self.index = i.index;
                        let result: Result<(), Stop> = $result;
                        if result.is_err() || self.leave {
                            return self.left(i, result);
                        }
                        index = i.index;
                        break 'block;
                    }};
                    ($k0:tt, $k1:tt, $result:expr) => {{
                        self.index = i.index;
                        let result: Result<(), Stop> = $result;
                        if result.is_err() || self.leave {
                            return self.left(i, result);
                        }
                        continue 'block;
                    }};
                }
                macro_rules! alu {
                    ($op:ident, $w:expr, $k0:tt, $k1:tt) => {
                        flow!($k0, $k1, semantics::alu(self, i, form!($w, $k0, $k1), AluOp::$op))
                    };
                }
                macro_rules! shift {
                    ($op:ident, $k1:expr) => {
                        flow!(Reg, Reg, semantics::shift(self, i, form!(W, Reg, $k1), ShiftOp::$op))
                    };
                }
                macro_rules! jcc {
                    ($cc:ident) => {{
                        self.jumped = false;
                        let result = semantics::jcc(self, i, W, Cond::$cc);
                        if result.is_err() {
                            return self.left(i, result);
                        }
                        if !self.jumped {
                            continue 'block;
                        }
                        self.jumped = false;
                        index = i.index;
                        break 'block;
                    }};
                }
                match i.fast {
                    Fast::None => {
                        self.index = i.index;
                        let result = self.step_general(i);
                        if result.is_err() || self.leave {
                            return self.left(i, result);
                        }
                        if self.jumped || i.prefix.has(Prefix::LAST) {
                            self.jumped = false;
                            index = i.index;
                            break 'block;
                        }
                    }
                    Fast::End => {
                        // Not an instruction, so not counted.
                        self.cpu.next_eip = self.eip_of(i.end());
                        self.cpu.count = self.cpu.count.wrapping_sub(1);
                        index = i.index;
                        break 'block;
                    }
                    Fast::MovRR => flow!(Reg, Reg, semantics::mov(self, i, form!(W, Reg, Reg))),
                    Fast::MovRI => flow!(Reg, Imm, semantics::mov(self, i, form!(W, Reg, Imm))),
                    Fast::MovRM => flow!(Reg, Mem, semantics::mov(self, i, form!(W, Reg, Mem))),
                    Fast::MovMR => flow!(Mem, Reg, semantics::mov(self, i, form!(W, Mem, Reg))),
                    Fast::MovMI => flow!(Mem, Imm, semantics::mov(self, i, form!(W, Mem, Imm))),
                    Fast::Mov8RM => flow!(Reg, Mem, semantics::mov(self, i, form!(B, Reg, Mem))),
                    Fast::Mov8MR => flow!(Mem, Reg, semantics::mov(self, i, form!(B, Mem, Reg))),
                    Fast::Mov8RR => flow!(Reg, Reg, semantics::mov(self, i, form!(B, Reg, Reg))),
                    Fast::Mov8MI => flow!(Mem, Imm, semantics::mov(self, i, form!(B, Mem, Imm))),
                    Fast::Mov8RI => flow!(Reg, Imm, semantics::mov(self, i, form!(B, Reg, Imm))),
                    Fast::Mov16RM => flow!(Reg, Mem, semantics::mov(self, i, form!(Width::W16, Reg, Mem))),
                    Fast::Mov16MR => flow!(Mem, Reg, semantics::mov(self, i, form!(Width::W16, Mem, Reg))),
                    Fast::Lea => flow!(Reg, Reg, semantics::lea(self, i, form!(W, Reg, Mem))),
                    Fast::Movzx8R => flow!(Reg, Reg, semantics::movzx(self, i, form!(W, Reg, Reg), B)),
                    Fast::Movzx8M => flow!(Reg, Mem, semantics::movzx(self, i, form!(W, Reg, Mem), B)),
                    Fast::Movzx16R => {
                        flow!(Reg, Reg, semantics::movzx(self, i, form!(W, Reg, Reg), Width::W16))
                    }
                    Fast::Movzx16M => {
                        flow!(Reg, Mem, semantics::movzx(self, i, form!(W, Reg, Mem), Width::W16))
                    }
                    Fast::Movsx8R => flow!(Reg, Reg, semantics::movsx(self, i, form!(W, Reg, Reg), B)),
                    Fast::Movsx8M => flow!(Reg, Mem, semantics::movsx(self, i, form!(W, Reg, Mem), B)),
                    Fast::Movsx16R => {
                        flow!(Reg, Reg, semantics::movsx(self, i, form!(W, Reg, Reg), Width::W16))
                    }
                    Fast::Movsx16M => {
                        flow!(Reg, Mem, semantics::movsx(self, i, form!(W, Reg, Mem), Width::W16))
                    }
                    Fast::AddRR => alu!(Add, W, Reg, Reg),
                    Fast::AddRI => alu!(Add, W, Reg, Imm),
                    Fast::AddRM => alu!(Add, W, Reg, Mem),
                    Fast::AddMR => alu!(Add, W, Mem, Reg),
                    Fast::AddMI => alu!(Add, W, Mem, Imm),
                    Fast::SubRR => alu!(Sub, W, Reg, Reg),
                    Fast::SubRI => alu!(Sub, W, Reg, Imm),
                    Fast::SubRM => alu!(Sub, W, Reg, Mem),
                    Fast::SubMR => alu!(Sub, W, Mem, Reg),
                    Fast::SubMI => alu!(Sub, W, Mem, Imm),
                    Fast::AndRR => alu!(And, W, Reg, Reg),
                    Fast::AndRI => alu!(And, W, Reg, Imm),
                    Fast::AndRM => alu!(And, W, Reg, Mem),
                    Fast::AndMR => alu!(And, W, Mem, Reg),
                    Fast::AndMI => alu!(And, W, Mem, Imm),
                    Fast::OrRR => alu!(Or, W, Reg, Reg),
                    Fast::OrRI => alu!(Or, W, Reg, Imm),
                    Fast::OrRM => alu!(Or, W, Reg, Mem),
                    Fast::OrMR => alu!(Or, W, Mem, Reg),
                    Fast::OrMI => alu!(Or, W, Mem, Imm),
                    Fast::XorRR => alu!(Xor, W, Reg, Reg),
                    Fast::XorRI => alu!(Xor, W, Reg, Imm),
                    Fast::XorRM => alu!(Xor, W, Reg, Mem),
                    Fast::XorMR => alu!(Xor, W, Mem, Reg),
                    Fast::AdcRR => alu!(Adc, W, Reg, Reg),
                    Fast::AdcRI => alu!(Adc, W, Reg, Imm),
                    Fast::AdcRM => alu!(Adc, W, Reg, Mem),
                    Fast::SbbRR => alu!(Sbb, W, Reg, Reg),
                    Fast::SbbRI => alu!(Sbb, W, Reg, Imm),
                    Fast::SbbRM => alu!(Sbb, W, Reg, Mem),
                    Fast::CmpRR => alu!(Cmp, W, Reg, Reg),
                    Fast::CmpRI => alu!(Cmp, W, Reg, Imm),
                    Fast::CmpRM => alu!(Cmp, W, Reg, Mem),
                    Fast::CmpMR => alu!(Cmp, W, Mem, Reg),
                    Fast::CmpMI => alu!(Cmp, W, Mem, Imm),
                    Fast::TestRR => alu!(Test, W, Reg, Reg),
                    Fast::TestRI => alu!(Test, W, Reg, Imm),
                    Fast::TestMI => alu!(Test, W, Mem, Imm),
                    Fast::TestMR => alu!(Test, W, Mem, Reg),
                    Fast::Cmp8RR => alu!(Cmp, B, Reg, Reg),
                    Fast::Cmp8RI => alu!(Cmp, B, Reg, Imm),
                    Fast::Cmp8RM => alu!(Cmp, B, Reg, Mem),
                    Fast::Cmp8MR => alu!(Cmp, B, Mem, Reg),
                    Fast::Cmp8MI => alu!(Cmp, B, Mem, Imm),
                    Fast::Test8RR => alu!(Test, B, Reg, Reg),
                    Fast::Test8RI => alu!(Test, B, Reg, Imm),
                    Fast::Test8MI => alu!(Test, B, Mem, Imm),
                    Fast::And8RI => alu!(And, B, Reg, Imm),
                    Fast::Or8RI => alu!(Or, B, Reg, Imm),
                    Fast::Or8RR => alu!(Or, B, Reg, Reg),
                    Fast::Xor8RR => alu!(Xor, B, Reg, Reg),
                    Fast::Add8RI => alu!(Add, B, Reg, Imm),
                    Fast::Sub8RI => alu!(Sub, B, Reg, Imm),
                    Fast::IncR => flow!(Reg, No, semantics::inc_dec(self, i, form!(W, Reg, No), true)),
                    Fast::DecR => flow!(Reg, No, semantics::inc_dec(self, i, form!(W, Reg, No), false)),
                    Fast::IncM => flow!(Mem, No, semantics::inc_dec(self, i, form!(W, Mem, No), true)),
                    Fast::DecM => flow!(Mem, No, semantics::inc_dec(self, i, form!(W, Mem, No), false)),
                    Fast::NegR => flow!(Reg, No, semantics::neg(self, i, form!(W, Reg, No))),
                    Fast::NotR => flow!(Reg, No, semantics::not(self, i, form!(W, Reg, No))),
                    Fast::ShlRI => shift!(Shl, Imm),
                    Fast::ShrRI => shift!(Shr, Imm),
                    Fast::SarRI => shift!(Sar, Imm),
                    Fast::RolRI => shift!(Rol, Imm),
                    Fast::RorRI => shift!(Ror, Imm),
                    Fast::ShlRC => shift!(Shl, Reg),
                    Fast::ShrRC => shift!(Shr, Reg),
                    Fast::ImulRR => {
                        flow!(Reg, Reg, semantics::multiply_truncating(self, i, form!(W, Reg, Reg), false))
                    }
                    Fast::ImulRM => {
                        flow!(Reg, Mem, semantics::multiply_truncating(self, i, form!(W, Reg, Mem), false))
                    }
                    Fast::ImulRRI => {
                        flow!(Reg, Reg, semantics::multiply_truncating(self, i, form!(W, Reg, Reg), true))
                    }
                    Fast::PushR => flow!(Mem, Mem, semantics::push(self, i, form!(W, Reg, No))),
                    Fast::PushI => flow!(Mem, Mem, semantics::push(self, i, form!(W, Imm, No))),
                    Fast::PushM => flow!(Mem, Mem, semantics::push(self, i, form!(W, Mem, No))),
                    Fast::PopR => flow!(Mem, Mem, semantics::pop(self, i, form!(W, Reg, No))),
                    Fast::Leave => flow!(Mem, Mem, semantics::leave(self, i, form!(W, No, No))),
                    Fast::Call => flow!(Jump, semantics::call(self, i, form!(W, Imm, No), W)),
                    Fast::CallR => flow!(Jump, semantics::call_indirect(self, i, form!(W, Reg, No))),
                    Fast::CallM => flow!(Jump, semantics::call_indirect(self, i, form!(W, Mem, No))),
                    Fast::Ret => flow!(Jump, semantics::ret(self, i, form!(W, No, No))),
                    Fast::Jmp => flow!(Jump, semantics::jmp(self, i, W)),
                    Fast::JmpR => flow!(Jump, semantics::jmp_indirect(self, i, form!(W, Reg, No))),
                    Fast::JmpM => flow!(Jump, semantics::jmp_indirect(self, i, form!(W, Mem, No))),
                    Fast::Nop => {}
                    Fast::JccO => jcc!(O),
                    Fast::JccNo => jcc!(No),
                    Fast::JccB => jcc!(B),
                    Fast::JccAe => jcc!(Ae),
                    Fast::JccE => jcc!(E),
                    Fast::JccNe => jcc!(Ne),
                    Fast::JccBe => jcc!(Be),
                    Fast::JccA => jcc!(A),
                    Fast::JccS => jcc!(S),
                    Fast::JccNs => jcc!(Ns),
                    Fast::JccP => jcc!(P),
                    Fast::JccNp => jcc!(Np),
                    Fast::JccL => jcc!(L),
                    Fast::JccGe => jcc!(Ge),
                    Fast::JccLe => jcc!(Le),
                    Fast::JccG => jcc!(G),
                    Fast::SetccR => {
                        if let Op::Setcc(cc) = i.op {
                            flow!(Reg, No, semantics::setcc(self, i, form!(B, Reg, No), cc))
                        }
                    }
                    Fast::CmovRR => {
                        if let Op::Cmovcc(cc) = i.op {
                            flow!(Reg, Reg, semantics::cmov(self, i, form!(W, Reg, Reg), cc))
                        }
                    }
                    Fast::Cdq => flow!(Reg, Reg, semantics::cwd(self, i, form!(W, No, No))),
                }
            }
            self.cpu.count += u64::from(index) + 1;
            self.cpu.eip = self.cpu.next_eip;
            match blocks.and_then(|b| self.next_hot(b)).and_then(|at| all.get(at..)) {
                Some(next) => rest = next.iter(),
                None => break,
            }
        }
        self.index = 0;
        Ok(())
    }

    /// Index of the first instruction of the next block, if it can be run in the hot loop.
    #[inline(always)]
    fn next_hot(&self, blocks: &BlockCache) -> Option<usize> {
        if self.cpu.events != 0 {
            return None;
        }
        let b = blocks.jump(self.linear_eip(), self.cpu.mode, self.mmu.generation())?;
        (self.cpu.count + u64::from(b.insns) <= self.limit).then_some(b.first as usize)
    }

    /// One instruction through its specialised arm, as the main loop does it: for tests.
    ///
    /// # Errors
    /// Why it did not finish.
    #[inline(never)]
    pub fn step_specialised(&mut self, i: &Insn) -> Result<(), Stop> {
        let (eip, count) = (self.cpu.eip, self.cpu.count);
        self.cpu.next_eip = self.eip_of(i.end());
        let result = self.run_from(std::slice::from_ref(i), 0, None);
        (self.cpu.eip, self.cpu.count) = (eip, count);
        result
    }

    #[inline(never)]
    fn step_general(&mut self, i: &Insn) -> Result<(), Stop> {
        self.step_one(i)
    }
}
