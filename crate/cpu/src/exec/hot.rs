//! The hot loop: decoded blocks one after the other, as long as there is nothing else to look at.
//!
//! It is one function, because what it keeps at hand (the next instruction, the processor) is then in
//! registers. Each arm says itself how it goes on: a value for that, put together at the end of an arm and
//! taken apart after the `match`, costs a third of the speed in V8.

use super::quick::Quick;
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
        let Some(first) = self.next_hot(blocks, 0) else { return Ok(()) };
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
            ($w:expr, $k0:expr, $k1:expr, plain) => {
                const { Form::flat($w, $k0, $k1).plain() }
            };
        }
        let mut rest = all.get(first..).unwrap_or(&[]).iter();
        loop {
            let (index, target);
            'block: loop {
                let Some(mut i) = rest.next() else {
                    self.index = 0;
                    return Ok(());
                };
                'general: {
                    // Does it, or leaves it to the general way.
                    macro_rules! quick {
                        ($q:ident, $result:expr) => {{
                            let mut quick = Quick::new(self);
                            let $q = &mut quick;
                            if $result.is_err() {
                                break 'general;
                            }
                            quick.target
                        }};
                    }
                    macro_rules! next {
                        ($q:ident, $result:expr) => {{
                            quick!($q, $result);
                            continue 'block;
                        }};
                    }
                    macro_rules! jump {
                        ($q:ident, $result:expr) => {{
                            if let Some(to) = quick!($q, $result) {
                                (index, target) = (i.index, to);
                                break 'block;
                            }
                            continue 'block;
                        }};
                    }
                    macro_rules! alu {
                        ($op:ident, $w:expr, $k0:tt, $k1:tt $(, $plain:ident)?) => {
                            next!(q, semantics::alu(q, i, form!($w, $k0, $k1 $(, $plain)?), AluOp::$op))
                        };
                    }
                    macro_rules! shift {
                        ($op:ident, $k1:expr) => {
                            next!(q, semantics::shift(q, i, form!(W, Reg, $k1), ShiftOp::$op))
                        };
                    }
                    // A comparison and the conditional branch after it.
                    macro_rules! fused {
                        ($op:ident, $w:expr, $k0:tt, $k1:tt, $cc:ident) => {{
                            quick!(q, semantics::alu(q, i, form!($w, $k0, $k1), AluOp::$op));
                            if let Some(second) = rest.next() {
                                i = second;
                                jcc!($cc)
                            }
                            continue 'block;
                        }};
                    }
                    macro_rules! jcc {
                        ($cc:ident) => {
                            jump!(q, semantics::jcc(q, i, W, Cond::$cc))
                        };
                    }
                    match i.fast {
                        Fast::None => {}
                        Fast::End => {
                            // Not an instruction, so not counted.
                            (index, target) = (i.index.wrapping_sub(1), self.eip_of(i.end()));
                            break 'block;
                        }
                        Fast::MovRR => next!(q, semantics::mov(q, i, form!(W, Reg, Reg))),
                        Fast::MovRI => next!(q, semantics::mov(q, i, form!(W, Reg, Imm))),
                        Fast::MovRM => next!(q, semantics::mov(q, i, form!(W, Reg, Mem))),
                        Fast::MovRMPlain => next!(q, semantics::mov(q, i, form!(W, Reg, Mem, plain))),
                        Fast::MovMR => next!(q, semantics::mov(q, i, form!(W, Mem, Reg))),
                        Fast::MovMRPlain => next!(q, semantics::mov(q, i, form!(W, Mem, Reg, plain))),
                        Fast::MovMI => next!(q, semantics::mov(q, i, form!(W, Mem, Imm))),
                        Fast::MovMIPlain => next!(q, semantics::mov(q, i, form!(W, Mem, Imm, plain))),
                        Fast::Mov8RM => next!(q, semantics::mov(q, i, form!(B, Reg, Mem))),
                        Fast::Mov8MR => next!(q, semantics::mov(q, i, form!(B, Mem, Reg))),
                        Fast::Mov8RR => next!(q, semantics::mov(q, i, form!(B, Reg, Reg))),
                        Fast::Mov8MI => next!(q, semantics::mov(q, i, form!(B, Mem, Imm))),
                        Fast::Mov8RI => next!(q, semantics::mov(q, i, form!(B, Reg, Imm))),
                        Fast::Mov16RM => next!(q, semantics::mov(q, i, form!(Width::W16, Reg, Mem))),
                        Fast::Mov16RMPlain => {
                            next!(q, semantics::mov(q, i, form!(Width::W16, Reg, Mem, plain)))
                        }
                        Fast::Mov16MR => next!(q, semantics::mov(q, i, form!(Width::W16, Mem, Reg))),
                        Fast::Mov16MRPlain => {
                            next!(q, semantics::mov(q, i, form!(Width::W16, Mem, Reg, plain)))
                        }
                        Fast::Lea => next!(q, semantics::lea(q, i, form!(W, Reg, Mem))),
                        Fast::LeaPlain => next!(q, semantics::lea(q, i, form!(W, Reg, Mem, plain))),
                        Fast::Movzx8R => next!(q, semantics::movzx(q, i, form!(W, Reg, Reg), B)),
                        Fast::Movzx8M => next!(q, semantics::movzx(q, i, form!(W, Reg, Mem), B)),
                        Fast::Movzx8MPlain => next!(q, semantics::movzx(q, i, form!(W, Reg, Mem, plain), B)),
                        Fast::Movzx16R => {
                            next!(q, semantics::movzx(q, i, form!(W, Reg, Reg), Width::W16))
                        }
                        Fast::Movzx16M => {
                            next!(q, semantics::movzx(q, i, form!(W, Reg, Mem), Width::W16))
                        }
                        Fast::Movzx16MPlain => {
                            next!(q, semantics::movzx(q, i, form!(W, Reg, Mem, plain), Width::W16))
                        }
                        Fast::Movsx8R => next!(q, semantics::movsx(q, i, form!(W, Reg, Reg), B)),
                        Fast::Movsx8M => next!(q, semantics::movsx(q, i, form!(W, Reg, Mem), B)),
                        Fast::Movsx16R => {
                            next!(q, semantics::movsx(q, i, form!(W, Reg, Reg), Width::W16))
                        }
                        Fast::Movsx16M => {
                            next!(q, semantics::movsx(q, i, form!(W, Reg, Mem), Width::W16))
                        }
                        Fast::AddRR => alu!(Add, W, Reg, Reg),
                        Fast::AddRI => alu!(Add, W, Reg, Imm),
                        Fast::AddRM => alu!(Add, W, Reg, Mem),
                        Fast::AddRMPlain => alu!(Add, W, Reg, Mem, plain),
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
                        Fast::CmpRMPlain => alu!(Cmp, W, Reg, Mem, plain),
                        Fast::CmpMR => alu!(Cmp, W, Mem, Reg),
                        Fast::CmpMRPlain => alu!(Cmp, W, Mem, Reg, plain),
                        Fast::CmpMI => alu!(Cmp, W, Mem, Imm),
                        Fast::CmpMIPlain => alu!(Cmp, W, Mem, Imm, plain),
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
                        Fast::IncR => next!(q, semantics::inc_dec(q, i, form!(W, Reg, No), true)),
                        Fast::DecR => next!(q, semantics::inc_dec(q, i, form!(W, Reg, No), false)),
                        Fast::IncM => next!(q, semantics::inc_dec(q, i, form!(W, Mem, No), true)),
                        Fast::DecM => next!(q, semantics::inc_dec(q, i, form!(W, Mem, No), false)),
                        Fast::NegR => next!(q, semantics::neg(q, i, form!(W, Reg, No))),
                        Fast::NotR => next!(q, semantics::not(q, i, form!(W, Reg, No))),
                        Fast::ShlRI => shift!(Shl, Imm),
                        Fast::ShrRI => shift!(Shr, Imm),
                        Fast::SarRI => shift!(Sar, Imm),
                        Fast::RolRI => shift!(Rol, Imm),
                        Fast::RorRI => shift!(Ror, Imm),
                        Fast::ShlRC => shift!(Shl, Reg),
                        Fast::ShrRC => shift!(Shr, Reg),
                        Fast::ImulRR => {
                            next!(q, semantics::multiply_truncating(q, i, form!(W, Reg, Reg), false))
                        }
                        Fast::ImulRM => {
                            next!(q, semantics::multiply_truncating(q, i, form!(W, Reg, Mem), false))
                        }
                        Fast::ImulRRI => {
                            next!(q, semantics::multiply_truncating(q, i, form!(W, Reg, Reg), true))
                        }
                        Fast::PushR => next!(q, semantics::push(q, i, form!(W, Reg, No))),
                        Fast::PushI => next!(q, semantics::push(q, i, form!(W, Imm, No))),
                        Fast::PushM => next!(q, semantics::push(q, i, form!(W, Mem, No))),
                        Fast::PopR => next!(q, semantics::pop(q, i, form!(W, Reg, No))),
                        Fast::Leave => next!(q, semantics::leave(q, i, form!(W, No, No))),
                        Fast::Call => jump!(q, semantics::call(q, i, form!(W, Imm, No), W)),
                        Fast::CallR => jump!(q, semantics::call_indirect(q, i, form!(W, Reg, No))),
                        Fast::CallM => jump!(q, semantics::call_indirect(q, i, form!(W, Mem, No))),
                        Fast::Ret => jump!(q, semantics::ret(q, i, form!(W, No, No))),
                        Fast::Jmp => jump!(q, semantics::jmp(q, i, W)),
                        Fast::JmpR => jump!(q, semantics::jmp_indirect(q, i, form!(W, Reg, No))),
                        Fast::JmpM => jump!(q, semantics::jmp_indirect(q, i, form!(W, Mem, No))),
                        Fast::Nop => continue 'block,
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
                        Fast::CmpRRJccB => fused!(Cmp, W, Reg, Reg, B),
                        Fast::CmpRRJccAe => fused!(Cmp, W, Reg, Reg, Ae),
                        Fast::CmpRRJccE => fused!(Cmp, W, Reg, Reg, E),
                        Fast::CmpRRJccNe => fused!(Cmp, W, Reg, Reg, Ne),
                        Fast::CmpRRJccBe => fused!(Cmp, W, Reg, Reg, Be),
                        Fast::CmpRRJccA => fused!(Cmp, W, Reg, Reg, A),
                        Fast::CmpRRJccS => fused!(Cmp, W, Reg, Reg, S),
                        Fast::CmpRRJccNs => fused!(Cmp, W, Reg, Reg, Ns),
                        Fast::CmpRRJccL => fused!(Cmp, W, Reg, Reg, L),
                        Fast::CmpRRJccGe => fused!(Cmp, W, Reg, Reg, Ge),
                        Fast::CmpRRJccLe => fused!(Cmp, W, Reg, Reg, Le),
                        Fast::CmpRRJccG => fused!(Cmp, W, Reg, Reg, G),
                        Fast::CmpRIJccB => fused!(Cmp, W, Reg, Imm, B),
                        Fast::CmpRIJccAe => fused!(Cmp, W, Reg, Imm, Ae),
                        Fast::CmpRIJccE => fused!(Cmp, W, Reg, Imm, E),
                        Fast::CmpRIJccNe => fused!(Cmp, W, Reg, Imm, Ne),
                        Fast::CmpRIJccBe => fused!(Cmp, W, Reg, Imm, Be),
                        Fast::CmpRIJccA => fused!(Cmp, W, Reg, Imm, A),
                        Fast::CmpRIJccS => fused!(Cmp, W, Reg, Imm, S),
                        Fast::CmpRIJccNs => fused!(Cmp, W, Reg, Imm, Ns),
                        Fast::CmpRIJccL => fused!(Cmp, W, Reg, Imm, L),
                        Fast::CmpRIJccGe => fused!(Cmp, W, Reg, Imm, Ge),
                        Fast::CmpRIJccLe => fused!(Cmp, W, Reg, Imm, Le),
                        Fast::CmpRIJccG => fused!(Cmp, W, Reg, Imm, G),
                        Fast::TestRRJccB => fused!(Test, W, Reg, Reg, B),
                        Fast::TestRRJccAe => fused!(Test, W, Reg, Reg, Ae),
                        Fast::TestRRJccE => fused!(Test, W, Reg, Reg, E),
                        Fast::TestRRJccNe => fused!(Test, W, Reg, Reg, Ne),
                        Fast::TestRRJccBe => fused!(Test, W, Reg, Reg, Be),
                        Fast::TestRRJccA => fused!(Test, W, Reg, Reg, A),
                        Fast::TestRRJccS => fused!(Test, W, Reg, Reg, S),
                        Fast::TestRRJccNs => fused!(Test, W, Reg, Reg, Ns),
                        Fast::TestRRJccL => fused!(Test, W, Reg, Reg, L),
                        Fast::TestRRJccGe => fused!(Test, W, Reg, Reg, Ge),
                        Fast::TestRRJccLe => fused!(Test, W, Reg, Reg, Le),
                        Fast::TestRRJccG => fused!(Test, W, Reg, Reg, G),
                        Fast::SetccR => {
                            if let Op::Setcc(cc) = i.op {
                                next!(q, semantics::setcc(q, i, form!(B, Reg, No), cc))
                            }
                        }
                        Fast::CmovRR => {
                            if let Op::Cmovcc(cc) = i.op {
                                next!(q, semantics::cmov(q, i, form!(W, Reg, Reg), cc))
                            }
                        }
                        Fast::CmovRM => {
                            if let Op::Cmovcc(cc) = i.op {
                                next!(q, semantics::cmov(q, i, form!(W, Reg, Mem), cc))
                            }
                        }
                        Fast::Xor8RM => alu!(Xor, B, Reg, Mem),
                        Fast::Shr16RI => {
                            next!(q, semantics::shift(q, i, form!(Width::W16, Reg, Imm), ShiftOp::Shr))
                        }
                        Fast::SarRC => shift!(Sar, Reg),
                        Fast::MulR => next!(q, semantics::multiply(q, i, form!(W, Reg, No), false)),
                        Fast::MulM => next!(q, semantics::multiply(q, i, form!(W, Mem, No), false)),
                        Fast::Cdq => next!(q, semantics::cwd(q, i, form!(W, No, No))),
                    }
                }
                self.index = i.index;
                let result = self.step_general(i);
                if result.is_err() || self.leave {
                    return self.left(i, result);
                }
                if self.jumped || i.prefix.has(Prefix::LAST) {
                    self.jumped = false;
                    (index, target) = (i.index, self.cpu.next_eip);
                    break 'block;
                }
            }
            self.cpu.count += u64::from(index.wrapping_add(1));
            self.cpu.eip = target;
            self.cpu.next_eip = target;
            // Where the next instruction lies: a number that goes with this one.
            let site = rest.as_slice().as_ptr().addr() >> 2;
            match blocks.and_then(|b| self.next_hot(b, site)).and_then(|at| all.get(at..)) {
                Some(next) => rest = next.iter(),
                None => break,
            }
        }
        self.index = 0;
        Ok(())
    }

    /// Index of the first instruction of the next block, if it can be run in the hot loop.
    #[inline(always)]
    fn next_hot(&self, blocks: &BlockCache, site: usize) -> Option<usize> {
        if self.cpu.events != 0 {
            return None;
        }
        let b = blocks.jump_from(site, self.linear_eip(), self.mmu.tags(self.cpu.mode))?;
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
        self.step(i)
    }
}
