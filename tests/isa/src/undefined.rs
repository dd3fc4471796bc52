//! What the manual leaves undefined (SDM vol. 2, "Flags Affected", and vol. 1, appendix A), and who would notice.

use cpu::insn::{AluOp, BcdOp, Cond, Helper, Insn, Kind, Op, ShiftOp, StringOp, Width};
use cpu::semantics::sse::SseOp;
use cpu::semantics::x87::X87Op;
use x86::eflags::{AF, CF, OF, PF, SF, STATUS, ZF};

/// The shift count an instruction uses, given CL.
fn count(i: &Insn, cl: u8) -> u32 {
    let raw = if i.k1 == Kind::Imm { i.imm as u32 } else { u32::from(cl) };
    raw & 31
}

/// The status flags that are undefined after an instruction, CL having been `cl` before it.
#[must_use]
pub fn flags(i: &Insn, cl: u8) -> u32 {
    match i.op {
        Op::Alu(AluOp::And | AluOp::Or | AluOp::Xor | AluOp::Test) => AF,
        Op::Bcd(BcdOp::Daa | BcdOp::Das) => OF,
        Op::Bcd(BcdOp::Aaa | BcdOp::Aas) => OF | SF | ZF | PF,
        Op::Bcd(BcdOp::Aam | BcdOp::Aad) => OF | AF | CF,
        Op::Mul | Op::Imul1 | Op::Imul => SF | ZF | AF | PF,
        Op::Div | Op::Idiv => OF | SF | ZF | AF | CF | PF,
        Op::Bsf | Op::Bsr => OF | SF | AF | CF | PF,
        Op::Bit(_) => OF | SF | AF | PF,
        Op::Shift(op) => {
            let n = count(i, cl);
            if n == 0 {
                return 0;
            }
            let of = if n == 1 { 0 } else { OF };
            match op {
                ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr => of,
                ShiftOp::Sar => of | AF,
                ShiftOp::Shl | ShiftOp::Shr => of | AF | if n >= i.w.bits() { CF } else { 0 },
            }
        }
        Op::Shld | Op::Shrd => match count(i, cl) {
            0 => 0,
            1 => AF,
            _ => AF | OF,
        },
        _ => 0,
    }
}

/// Whether the result itself is undefined, whatever the operands.
#[must_use]
pub fn result(i: &Insn, cl: u8) -> bool {
    match i.op {
        Op::Bswap => i.w == Width::W16,
        Op::Shld | Op::Shrd => count(i, cl) > i.w.bits(),
        _ => false,
    }
}

/// The status flags that an instruction gives a defined value, CX having been `cx` before it; the rest it
/// leaves as they were, or (see [`flags`]) undefined.
#[must_use]
pub fn defines(i: &Insn, cx: u32) -> u32 {
    let all = match i.op {
        Op::Alu(_) | Op::Neg | Op::Xadd | Op::Cmpxchg | Op::Helper(Helper::Popf) => STATUS,
        Op::X87(X87Op::CompareFlags(_)) | Op::Sse(SseOp::Compare { .. }) => STATUS,
        Op::Popcnt | Op::Sse(SseOp::Test | SseOp::Strings { .. }) => STATUS,
        Op::Inc | Op::Dec => STATUS & !CF,
        Op::Mul | Op::Imul1 | Op::Imul => CF | OF,
        Op::Cmpxchg8b | Op::Bsf | Op::Bsr | Op::Helper(Helper::Arpl) => ZF,
        Op::Bit(_) | Op::Clc | Op::Stc | Op::Cmc => CF,
        Op::Sahf => STATUS & !OF,
        Op::Bcd(BcdOp::Daa | BcdOp::Das) => STATUS & !OF,
        Op::Bcd(BcdOp::Aaa | BcdOp::Aas) => AF | CF,
        Op::Bcd(BcdOp::Aam | BcdOp::Aad) => SF | ZF | PF,
        Op::Shift(_) | Op::Shld | Op::Shrd if count(i, cx as u8) == 0 => 0,
        Op::Shift(ShiftOp::Rol | ShiftOp::Ror | ShiftOp::Rcl | ShiftOp::Rcr) => CF | OF,
        Op::Shift(_) | Op::Shld | Op::Shrd => STATUS,
        Op::Helper(Helper::String(StringOp::Cmps | StringOp::Scas)) => {
            let none = i.repeats() && u64::from(cx) & i.mem.asz.mask() == 0;
            if none { 0 } else { STATUS }
        }
        _ => 0,
    };
    all & !flags(i, cx as u8)
}

/// The flags of a condition.
const fn condition(cc: Cond) -> u32 {
    match cc {
        Cond::O | Cond::No => OF,
        Cond::B | Cond::Ae => CF,
        Cond::E | Cond::Ne => ZF,
        Cond::Be | Cond::A => CF | ZF,
        Cond::S | Cond::Ns => SF,
        Cond::P | Cond::Np => PF,
        Cond::L | Cond::Ge => SF | OF,
        Cond::Le | Cond::G => SF | OF | ZF,
    }
}

/// The status flags on which what an instruction does depends, CL having been `cl` before it.
#[must_use]
pub fn reads(i: &Insn, cl: u8) -> u32 {
    match i.op {
        Op::Alu(AluOp::Adc | AluOp::Sbb) | Op::Cmc | Op::Salc => CF,
        Op::Shift(ShiftOp::Rcl | ShiftOp::Rcr) if count(i, cl) != 0 => CF,
        Op::Jcc(cc) | Op::Setcc(cc) | Op::Cmovcc(cc) | Op::X87(X87Op::Move(cc)) => condition(cc),
        Op::Loope | Op::Loopne => ZF,
        Op::Lahf => STATUS & !OF,
        Op::Helper(Helper::Pushf) => STATUS,
        Op::Helper(Helper::Into) => OF,
        Op::Bcd(BcdOp::Daa | BcdOp::Das) => AF | CF,
        Op::Bcd(BcdOp::Aaa | BcdOp::Aas) => AF,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpu::decode::BlockDecoder;
    use cpu::state::mode;

    fn decoded(code: &[u8]) -> Insn {
        let code = [code, &[0x90; 16]].concat();
        BlockDecoder::new(&code, mode::CODE32).next_insn().expect("enough bytes")
    }

    #[test]
    fn counts_decide_what_is_defined_and_read() {
        // shl eax, cl; rcl eax, cl; repne scasb
        let (shl, rcl, scas) = (decoded(&[0xD3, 0xE0]), decoded(&[0xD3, 0xD0]), decoded(&[0xF2, 0xAE]));
        assert_eq!([0, 1, 5].map(|n| defines(&shl, n)), [0, STATUS & !AF, STATUS & !(AF | OF)]);
        assert_eq!([0, 1, 5].map(|n| defines(&rcl, n)), [0, CF | OF, CF]);
        assert_eq!([0, 32, 1].map(|n| reads(&rcl, n)), [0, 0, CF]);
        assert_eq!([0, 0x1_0000].map(|n| defines(&scas, n)), [0, STATUS]);
    }
}
