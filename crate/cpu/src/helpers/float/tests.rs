use crate::fault::Fault;
use crate::float::F80;
use crate::helpers::segment::testing::*;
use crate::insn::Width;
use crate::state::Fpu;
use x86::vector::{GP, MF, NM, UD};
use x86::{cr0, cr4, gpr};

const AX: usize = gpr::AX as usize;
const BX: usize = gpr::BX as usize;

const FLD1: &[u8] = &[0xD9, 0xE8];
const FLDZ: &[u8] = &[0xD9, 0xEE];
/// FDIVP ST(1), ST(0).
const FDIVP: &[u8] = &[0xDE, 0xF9];
const FNSTSW_AX: &[u8] = &[0xDF, 0xE0];
const WAIT: &[u8] = &[0x9B];
/// With the address in (E)BX.
const FNSTENV: &[u8] = &[0xD9, 0x33];
const FXSAVE: &[u8] = &[0x0F, 0xAE, 0x03];
const FXRSTOR: &[u8] = &[0x0F, 0xAE, 0x0B];

fn machine() -> Machine {
    let mut m = Machine::protected(0);
    m.step(&[0xDB, 0xE3]).expect("FNINIT");
    m
}

/// Leaves an unmasked division by zero pending.
fn divide_by_zero(m: &mut Machine) {
    m.cpu.fpu.set_control(0x37B);
    for bytes in [FLD1, FLDZ, FDIVP] {
        m.step(bytes).expect("nothing is pending yet");
    }
}

#[test]
fn an_unmasked_exception_waits_for_the_next_waiting_instruction() {
    let mut m = machine();
    divide_by_zero(&mut m);
    assert_eq!(m.cpu.fpu.status, 0xB084, "ES, B, ZE, nothing stored or popped");
    for bytes in [FLD1, WAIT, &[0xD9, 0x23], &[0xD9, 0xD0], &[0xD9, 0x2B]] {
        assert_eq!(m.step(bytes), Err(Fault::new(MF)), "{bytes:x?}");
    }
    m.step(FNSTSW_AX).expect("does not wait");
    assert_eq!(m.cpu.regs[AX] as u16, 0xB084);
    m.step(&[0xDB, 0xE2]).expect("FNCLEX does not wait");
    assert_eq!(m.cpu.fpu.status, 0x3000);
    m.step(FLD1).expect("nothing is pending");
}

#[test]
fn a_unit_that_is_not_available_is_reported() {
    let mut m = machine();
    let rows: [(u32, &[u8], Option<u8>); 11] = [
        (cr0::TS, FLD1, Some(NM)),
        (cr0::EM, FLD1, Some(NM)),
        (cr0::TS, FNSTSW_AX, Some(NM)),
        (cr0::TS, FNSTENV, Some(NM)),
        (cr0::TS, WAIT, None),
        (cr0::EM | cr0::MP, WAIT, None),
        (cr0::TS | cr0::MP, WAIT, Some(NM)),
        (cr0::TS, FXSAVE, Some(NM)),
        (cr0::EM, FXSAVE, Some(UD)),
        (cr0::TS, FXRSTOR, Some(NM)),
        (0, FXRSTOR, None),
    ];
    let before = m.cpu.cr0 & !(cr0::TS | cr0::EM | cr0::MP);
    m.cpu.regs[BX] = 0x7000;
    for (bits, bytes, vector) in rows {
        m.cpu.cr0 = before | bits;
        m.cpu.update_mode();
        assert_eq!(m.step(bytes), vector.map_or(Ok(()), |v| Err(Fault::new(v))), "{bits:x} {bytes:x?}");
    }
}

#[test]
fn fxsave_and_fxrstor_are_inverse_and_check_alignment_and_mxcsr() {
    let mut m = machine();
    m.cpu.cr4 |= cr4::OSFXSR;
    m.cpu.update_mode();
    m.step(FLD1).expect("FLD1");
    m.cpu.xmm[7] = [1, 2];
    m.cpu.mxcsr = 0x1F81;
    let (fpu, xmm) = (m.cpu.fpu, m.cpu.xmm);
    m.cpu.regs[BX] = 0x7008;
    m.faults(FXSAVE, GP, 0, "aligned to 8 only");
    m.cpu.regs[BX] = 0x7000;
    m.step(FXSAVE).expect("FXSAVE");
    assert_eq!(m.get(Width::W32, 0x7004), 0x01E8_0080, "one register in use; FOP of FLD1");
    assert_eq!(m.get(Width::W16, 0x7028), 0x3FFF);
    m.step(&[0xDB, 0xE3]).expect("FNINIT");
    m.cpu.xmm[7] = [0; 2];
    m.cpu.mxcsr = 0x1F80;
    m.step(FXRSTOR).expect("FXRSTOR");
    assert_eq!((m.cpu.fpu, m.cpu.xmm, m.cpu.mxcsr), (fpu, xmm, 0x1F81));
    m.put(Width::W32, 0x7018, 0x1_0000);
    m.faults(FXRSTOR, GP, 0, "reserved bit of MXCSR");
    m.cpu.cr4 &= !cr4::OSFXSR;
    m.step(FXRSTOR).expect("MXCSR does not matter");
    assert_eq!(m.cpu.mxcsr, 0x1F81);
}

#[test]
fn a_real_mode_environment_has_linear_addresses() {
    for (bytes, w) in [(&[0xD9, 0x37][..], Width::W16), (&[0x66, 0xD9, 0x37], Width::W32)] {
        let mut m = Machine::real();
        m.step(&[0xDB, 0xE3]).expect("FNINIT");
        // FADD dword [bx]
        m.cpu.regs[BX] = 0x7000;
        m.step(&[0xD8, 0x07]).expect("FADD");
        m.cpu.fpu.code_selector = 0x1234;
        m.cpu.fpu.code_offset = 0xFFFF;
        m.cpu.fpu.data_selector = 0xF000;
        m.cpu.fpu.data_offset = 0x8765;
        m.cpu.regs[BX] = 0x7100;
        m.step(bytes).expect("FNSTENV");
        let n = u64::from(w.bytes());
        let field = |k| m.get(w, 0x7100 + k * n) as u32;
        let fill = if w == Width::W32 { 0xFFFF_0000 } else { 0 };
        assert_eq!(field(0), fill | 0x37F);
        assert_eq!(field(2), fill | 0xFFFE, "R0 holds the indefinite");
        assert_eq!([field(3), field(4), field(5), field(6)], [0x233F, 0x2007, 0x8765, 0xF000], "{w:?}");
    }
}

#[test]
fn fnsave_and_frstor_are_inverse() {
    for prefix in [&[][..], &[0x66]] {
        let mut m = machine();
        divide_by_zero(&mut m);
        let before = m.cpu.fpu;
        m.cpu.regs[BX] = 0x7000;
        m.step(&[prefix, &[0xDD, 0x33]].concat()).expect("FNSAVE does not wait");
        assert_eq!((m.cpu.fpu.status, m.cpu.fpu.control, m.cpu.fpu.empty), (0, 0x37F, 0xFF));
        m.cpu.fpu.st = [F80::ZERO; 8];
        m.step(&[prefix, &[0xDD, 0x23]].concat()).expect("FRSTOR");
        // The short format has less.
        let (opcode, mask) = if prefix.is_empty() { (before.opcode, u64::MAX) } else { (0, 0xFFFF) };
        let code_offset = before.code_offset & mask;
        assert_eq!(m.cpu.fpu, Fpu { opcode, code_offset, ..before });
    }
}
