//! What the manual leaves undefined (SDM vol. 2, "Flags Affected", and vol. 1, appendix A).

use cpu::insn::{AluOp, BcdOp, Insn, Kind, Op, ShiftOp, Width};
use x86::eflags::{AF, CF, OF, PF, SF, ZF};

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
