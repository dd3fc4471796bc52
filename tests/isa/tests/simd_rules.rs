//! MMX and SSE where user mode on silicon cannot go: availability, exceptions, MXCSR, pages.

use cpu::decode::BlockDecoder;
use cpu::harness::Harness;
use cpu::semantics::step;
use cpu::{Cpu, Stop};
use x86::{cr0, cr4, vector};

/// Real mode over 1 MB, SSE switched on.
fn machine() -> Harness {
    let mut h = Harness::new(1 << 20).expect("host memory");
    let mut s = h.state();
    s.cr0 |= cr0::NE;
    s.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
    h.set_state(&s);
    h
}

/// Runs one instruction after a change of the state: the vector it raises.
fn run(h: &mut Harness, code: &[u8], change: impl FnOnce(&mut Cpu)) -> Option<u8> {
    let p = h.processor();
    change(&mut p.cpu);
    p.cpu.update_mode();
    let mut code = code.to_vec();
    code.resize(32, 0x90);
    let i = BlockDecoder::new(&code, p.cpu.mode).next_insn().expect("bytes enough");
    match step(&mut **p, &i) {
        Ok(()) => None,
        Err(Stop::Fault) => Some(p.cpu.fault.vector),
        Err(Stop::NotHere) => panic!("all memory is here"),
    }
}

const PADDB_MM: &[u8] = &[0x0F, 0xFC, 0xC1];
const MOVAPS: &[u8] = &[0x0F, 0x28, 0xC1];
const ADDPS: &[u8] = &[0x0F, 0x58, 0xC1];
const EMMS: &[u8] = &[0x0F, 0x77];
const CVTPI2PS: &[u8] = &[0x0F, 0x2A, 0xC1];
/// LDMXCSR [1000h].
const LDMXCSR: &[u8] = &[0x0F, 0xAE, 0x16, 0x00, 0x10];
/// STMXCSR [1000h].
const STMXCSR: &[u8] = &[0x0F, 0xAE, 0x1E, 0x00, 0x10];

#[test]
fn mmx_needs_an_x87_unit_at_peace() {
    for code in [PADDB_MM, EMMS, CVTPI2PS] {
        assert_eq!(run(&mut machine(), code, |_| ()), None);
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::EM), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::EM | cr0::TS), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::TS), Some(vector::NM));
        // ZE, unmasked and pending.
        let pending = |c: &mut Cpu| (c.fpu.control, c.fpu.status) = (0x37B, 0x8084);
        assert_eq!(run(&mut machine(), code, pending), Some(vector::MF));
    }
    // MMX proper does not ask for CR4.OSFXSR.
    assert_eq!(run(&mut machine(), PADDB_MM, |c| c.cr4 = 0), None);
    assert_eq!(run(&mut machine(), CVTPI2PS, |c| c.cr4 = 0), Some(vector::UD));
}

#[test]
fn sse_needs_osfxsr() {
    for code in [MOVAPS, ADDPS, LDMXCSR, STMXCSR] {
        assert_eq!(run(&mut machine(), code, |_| ()), None);
        assert_eq!(run(&mut machine(), code, |c| c.cr4 = 0), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::EM), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::TS), Some(vector::NM));
    }
    // Fences, prefetches, CLFLUSH and MOVNTI are there without it: LFENCE, PREFETCHT0, CLFLUSH, MOVNTI.
    let free: [&[u8]; 4] =
        [&[0x0F, 0xAE, 0xE8], &[0x0F, 0x18, 0x0C], &[0x0F, 0xAE, 0x3C], &[0x0F, 0xC3, 0x04]];
    for code in free {
        assert_eq!(run(&mut machine(), code, |c| (c.cr0, c.cr4) = (c.cr0 | cr0::EM | cr0::TS, 0)), None);
    }
}

const PSHUFB_MM: &[u8] = &[0x0F, 0x38, 0x00, 0xC1];
const PSHUFB_XMM: &[u8] = &[0x66, 0x0F, 0x38, 0x00, 0xC1];
const ROUNDSS_DOWN: &[u8] = &[0x66, 0x0F, 0x3A, 0x0A, 0xC1, 0x01];
const ROUNDSS_DOWN_QUIET: &[u8] = &[0x66, 0x0F, 0x3A, 0x0A, 0xC1, 0x09];
const PTEST: &[u8] = &[0x66, 0x0F, 0x38, 0x17, 0xC1];
const PCMPISTRI: &[u8] = &[0x66, 0x0F, 0x3A, 0x63, 0xC1, 0x00];
const AESENC: &[u8] = &[0x66, 0x0F, 0x38, 0xDC, 0xC1];
const PCLMULQDQ: &[u8] = &[0x66, 0x0F, 0x3A, 0x44, 0xC1, 0x00];
const ADDSUBPS: &[u8] = &[0xF2, 0x0F, 0xD0, 0xC1];
const POPCNT: &[u8] = &[0xF3, 0x0F, 0xB8, 0xC1];
const CRC32: &[u8] = &[0xF2, 0x0F, 0x38, 0xF1, 0xC1];
/// MOVBE AX, [1000h].
const MOVBE: &[u8] = &[0x0F, 0x38, 0xF0, 0x06, 0x00, 0x10];
/// FISTTP word [1000h].
const FISTTP: &[u8] = &[0xDF, 0x0E, 0x00, 0x10];

#[test]
fn extensions_need_what_they_extend() {
    assert_eq!(run(&mut machine(), PSHUFB_MM, |c| c.cr4 = 0), None);
    assert_eq!(run(&mut machine(), PSHUFB_MM, |c| c.cr0 |= cr0::EM), Some(vector::UD));
    assert_eq!(run(&mut machine(), PSHUFB_MM, |c| c.cr0 |= cr0::TS), Some(vector::NM));
    let pending = |c: &mut Cpu| (c.fpu.control, c.fpu.status) = (0x37B, 0x8084);
    assert_eq!(run(&mut machine(), PSHUFB_MM, pending), Some(vector::MF));
    for code in [PSHUFB_XMM, ROUNDSS_DOWN, PTEST, PCMPISTRI, AESENC, PCLMULQDQ, ADDSUBPS] {
        assert_eq!(run(&mut machine(), code, |_| ()), None);
        assert_eq!(run(&mut machine(), code, |c| c.cr4 = 0), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::EM), Some(vector::UD));
        assert_eq!(run(&mut machine(), code, |c| c.cr0 |= cr0::TS), Some(vector::NM));
        let locked = [&[0xF0], code].concat();
        assert_eq!(run(&mut machine(), &locked, |_| ()), Some(vector::UD));
    }
    // Those on general registers do not ask.
    for code in [POPCNT, CRC32, MOVBE] {
        assert_eq!(run(&mut machine(), code, |c| (c.cr0, c.cr4) = (c.cr0 | cr0::EM | cr0::TS, 0)), None);
        let locked = [&[0xF0], code].concat();
        assert_eq!(run(&mut machine(), &locked, |_| ()), Some(vector::UD));
    }
    assert_eq!(run(&mut machine(), FISTTP, |c| c.cr4 = 0), None);
    assert_eq!(run(&mut machine(), FISTTP, |c| c.cr0 |= cr0::EM), Some(vector::NM));
    assert_eq!(run(&mut machine(), FISTTP, |c| c.cr0 |= cr0::TS), Some(vector::NM));
    // MOVBE between registers does not exist.
    assert_eq!(run(&mut machine(), &[0x0F, 0x38, 0xF0, 0xC1], |_| ()), Some(vector::UD));
}

#[test]
fn operands_of_extensions_are_aligned_but_for_some() {
    let at = |opcode: &[u8]| [opcode, &[0x06, 0x01, 0x10, 0x00]].concat();
    // PSHUFB, MOVNTDQA, PTEST, MPSADBW, AESENC, HADDPS.
    let aligned: [&[u8]; 6] = [
        &[0x66, 0x0F, 0x38, 0x00],
        &[0x66, 0x0F, 0x38, 0x2A],
        &[0x66, 0x0F, 0x38, 0x17],
        &[0x66, 0x0F, 0x3A, 0x42],
        &[0x66, 0x0F, 0x38, 0xDC],
        &[0xF2, 0x0F, 0x7C],
    ];
    for code in aligned {
        assert_eq!(run(&mut machine(), &at(code), |_| ()), Some(vector::GP), "{code:02x?}");
    }
    // LDDQU, MOVDDUP, PMOVSXBW, INSERTPS, ROUNDSD, the comparisons of strings, PSHUFB of MMX.
    let free: [&[u8]; 10] = [
        &[0xF2, 0x0F, 0xF0],
        &[0xF2, 0x0F, 0x12],
        &[0x66, 0x0F, 0x38, 0x20],
        &[0x66, 0x0F, 0x3A, 0x21],
        &[0x66, 0x0F, 0x3A, 0x0B],
        &[0x66, 0x0F, 0x3A, 0x60],
        &[0x66, 0x0F, 0x3A, 0x61],
        &[0x66, 0x0F, 0x3A, 0x62],
        &[0x66, 0x0F, 0x3A, 0x63],
        &[0x0F, 0x38, 0x00],
    ];
    for code in free {
        assert_eq!(run(&mut machine(), &at(code), |_| ()), None, "{code:02x?}");
    }
}

#[test]
fn rounding_tells_of_lost_precision_unless_it_is_not_to() {
    let halves = |mxcsr: u32| {
        move |c: &mut Cpu| {
            c.mxcsr = mxcsr;
            c.xmm[1] = [1.5f32.to_bits().into(), 0];
        }
    };
    const PE: u32 = 1 << 5;
    const PM: u32 = 1 << 12;
    for (code, mxcsr, raises, flags) in [
        (ROUNDSS_DOWN, 0x1F80, None, PE),
        (ROUNDSS_DOWN_QUIET, 0x1F80, None, 0),
        (ROUNDSS_DOWN, 0x1F80 & !PM, Some(vector::XM), PE),
        (ROUNDSS_DOWN_QUIET, 0x1F80 & !PM, None, 0),
    ] {
        let mut h = machine();
        assert_eq!(run(&mut h, code, halves(mxcsr)), raises);
        assert_eq!(h.processor().cpu.mxcsr, mxcsr | flags);
        let low = h.processor().cpu.xmm[0][0] as u32;
        assert_eq!(f32::from_bits(low), if raises.is_some() { 0.0 } else { 1.0 });
    }
}

#[test]
fn simd_exceptions_are_ud_until_the_system_knows_them() {
    // Infinity minus infinity in one element, a denormal in another: the denormal counts only if IE does not stop.
    let operands = |mxcsr: u32| {
        move |c: &mut Cpu| {
            c.mxcsr = mxcsr;
            c.xmm[0] = [0x7F80_0000, 1];
            c.xmm[1] = [0xFF80_0000, 0];
        }
    };
    let mut h = machine();
    assert_eq!(run(&mut h, ADDPS, operands(0x1F80)), None);
    assert_eq!((h.processor().cpu.mxcsr, h.processor().cpu.xmm[0][0]), (0x1F83, 0xFFC0_0000));
    let mut h = machine();
    assert_eq!(run(&mut h, ADDPS, operands(0x1F00)), Some(vector::XM));
    assert_eq!((h.processor().cpu.mxcsr, h.processor().cpu.xmm[0][0]), (0x1F03, 0x7F80_0000));
    let mut h = machine();
    let unexpected = |c: &mut Cpu| {
        operands(0x1F00)(c);
        c.cr4 = cr4::OSFXSR;
    };
    assert_eq!(run(&mut h, ADDPS, unexpected), Some(vector::UD));
}

#[test]
fn mxcsr_has_sixteen_bits() {
    let mut h = machine();
    h.write_memory(0x1000, &0xFFFF_u32.to_le_bytes());
    assert_eq!(run(&mut h, LDMXCSR, |_| ()), None);
    h.write_memory(0x1000, &0x1_0000_u32.to_le_bytes());
    assert_eq!(run(&mut h, LDMXCSR, |_| ()), Some(vector::GP));
    assert_eq!(run(&mut h, STMXCSR, |_| ()), None);
    assert_eq!(h.read_memory(0x1000, 4), [0xFF, 0xFF, 0, 0]);
}

/// Paging from 0: pages 0 and 3 are there, 4 is not.
fn paged() -> Harness {
    let mut h = machine();
    h.write_memory(0x1_0000, &0x1_1007_u32.to_le_bytes());
    for page in 0..4_u32 {
        h.write_memory(0x1_1000 + u64::from(page) * 4, &(page << 12 | 7).to_le_bytes());
    }
    let mut s = h.state();
    s.cr0 |= cr0::PE | cr0::PG;
    s.cr3 = 0x1_0000;
    h.set_state(&s);
    h
}

#[test]
fn a_vector_across_a_missing_page_is_not_written_at_all() {
    let mut h = paged();
    // MOVDQU [3FF8h], xmm0.
    let code = [0xF3, 0x0F, 0x7F, 0x06, 0xF8, 0x3F];
    let ones = |c: &mut Cpu| c.xmm[0] = [u64::MAX; 2];
    assert_eq!(run(&mut h, &code, ones), Some(vector::PF));
    assert_eq!(h.processor().cpu.cr2, 0x4000);
    assert_eq!(h.read_memory(0x3FF8, 8), [0; 8]);
    // MOVDQU [2FF9h], xmm0: both pages are there.
    assert_eq!(run(&mut h, &[0xF3, 0x0F, 0x7F, 0x06, 0xF9, 0x2F], ones), None);
    assert_eq!(h.read_memory(0x2FF8, 18), [[0].as_slice(), &[0xFF; 16], &[0]].concat());
    // MOVDQU xmm1, [2FF9h]; then the same place, aligned.
    assert_eq!(run(&mut h, &[0xF3, 0x0F, 0x6F, 0x0E, 0xF9, 0x2F], |_| ()), None);
    assert_eq!(h.processor().cpu.xmm[1], [u64::MAX; 2]);
    assert_eq!(run(&mut h, &[0x66, 0x0F, 0x6F, 0x0E, 0xF9, 0x2F], |_| ()), Some(vector::GP));
    // MASKMOVDQU xmm0, xmm1 at 3FF8h.
    let at = |c: &mut Cpu| c.regs[7] = 0x3FF8;
    assert_eq!(run(&mut h, &[0x66, 0x0F, 0xF7, 0xC1], at), Some(vector::PF));
    assert_eq!(h.read_memory(0x3FF8, 8), [0; 8]);
}
