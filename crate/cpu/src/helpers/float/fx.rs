//! The image of x87 and SSE registers in 512 bytes (SDM vol. 1, table 10-2), alone (FXSAVE, FXRSTOR) or as the first region
//! of an XSAVE area (SDM vol. 1, chapter 13); and XCR0, which says which of them there are to be saved.
//!
//! Both components count as in use always, which the manual leaves to the processor: XSAVE writes what it is asked for.
//!
//! Not there: the compacted form, XSAVEOPT, and components other than these two.

use super::{Image, MXCSR_MASK, set_registers};
use crate::exec::Exec;
use crate::fault::Stop;
use crate::float::F80;
use crate::helpers::cpuid::Identity;
use crate::insn::{Insn, Width};
use crate::micro::Micro;
use crate::state::Fpu;
use x86::cpuid::Feature;
use x86::{cr0, cr4, gpr, vector};

/// XCR0 and XSTATE_BV: x87 registers.
pub const X87: u64 = 1 << 0;
/// XCR0 and XSTATE_BV: SSE registers.
pub const SSE: u64 = 1 << 1;

/// Bytes of the image.
const FX_SIZE: u32 = 512;
/// Where MXCSR and its mask are in it.
const FX_MXCSR: u64 = 24;
/// Where the x87 registers begin in it, each in 16 bytes.
const FX_ST: u64 = 32;
/// Where the XMM registers begin in it.
const FX_XMM: u64 = 160;
/// XMM registers outside 64-bit mode.
const XMM_COUNT: usize = 8;

/// Bytes of an XSAVE area: the image, and the header.
pub const XSAVE_SIZE: u32 = FX_SIZE + 64;
/// Where XSTATE_BV is in it, first in the header.
const XSTATE_BV: u64 = 512;

fn word(v: u16) -> u64 {
    u64::from(v)
}

/// Checks the range, which an address that is not aligned makes #GP(0).
fn open(x: &mut Exec<'_>, i: &Insn, len: u32, align: u64, write: bool) -> Result<Image, Stop> {
    if x.cpu.cr0 & cr0::TS != 0 {
        return Err(x.exception(vector::NM));
    }
    let image = Image { seg: i.mem.seg, at: x.ea(i.mem), asz: i.mem.asz };
    let linear = x.linear(image.seg, image.at, len, write)?;
    if linear & (align - 1) != 0 {
        return Err(x.gp0());
    }
    x.probe_mem(image.seg, image.at, len, write)?;
    Ok(image)
}

impl Image {
    fn store_x87(self, x: &mut Exec<'_>) -> Result<(), Stop> {
        let f = x.cpu.fpu;
        let head = word(f.control) | word(f.status) << 16 | u64::from(!f.empty) << 32 | word(f.opcode) << 48;
        self.write(x, Width::W64, 0, head)?;
        self.write(x, Width::W64, 8, f.code_offset & 0xFFFF_FFFF | word(f.code_selector) << 32)?;
        self.write(x, Width::W64, 16, f.data_offset & 0xFFFF_FFFF | word(f.data_selector) << 32)?;
        for n in 0..8 {
            let v = f.st[f.physical(n)];
            let at = FX_ST + 16 * u64::from(n);
            self.write(x, Width::W64, at, v.mant)?;
            self.write(x, Width::W64, at + 8, word(v.se))?;
        }
        Ok(())
    }

    fn store_sse(self, x: &mut Exec<'_>) -> Result<(), Stop> {
        let mxcsr = u64::from(x.cpu.mxcsr) | u64::from(MXCSR_MASK) << 32;
        self.write(x, Width::W64, FX_MXCSR, mxcsr)?;
        for (n, [low, high]) in (0..).zip(x.cpu.xmm).take(XMM_COUNT) {
            self.write(x, Width::W64, FX_XMM + 16 * n, low)?;
            self.write(x, Width::W64, FX_XMM + 16 * n + 8, high)?;
        }
        Ok(())
    }

    fn load_x87(self, x: &mut Exec<'_>) -> Result<Fpu, Stop> {
        let head = self.read(x, Width::W64, 0)?;
        let code = self.read(x, Width::W64, 8)?;
        let data = self.read(x, Width::W64, 16)?;
        let mut st = [F80::ZERO; 8];
        for (n, v) in (0..).zip(&mut st) {
            *v = self.read_f80(x, FX_ST + 16 * n)?;
        }
        let mut f = x.cpu.fpu;
        f.set_control(head as u16);
        f.set_status((head >> 16) as u16);
        f.empty = !((head >> 32) as u8);
        f.opcode = (head >> 48) as u16 & 0x7FF;
        f.code_offset = code & 0xFFFF_FFFF;
        f.code_selector = (code >> 32) as u16;
        f.data_offset = data & 0xFFFF_FFFF;
        f.data_selector = (data >> 32) as u16;
        set_registers(&mut f, st);
        Ok(f)
    }

    /// MXCSR; a reserved bit is #GP(0).
    fn load_mxcsr(self, x: &mut Exec<'_>) -> Result<u32, Stop> {
        let v = self.read(x, Width::W32, FX_MXCSR)? as u32;
        if v & !MXCSR_MASK == 0 { Ok(v) } else { Err(x.gp0()) }
    }

    fn load_xmm(self, x: &mut Exec<'_>) -> Result<[[u64; 2]; 16], Stop> {
        let mut xmm = x.cpu.xmm;
        for (n, v) in (0..).zip(&mut xmm).take(XMM_COUNT) {
            let at = FX_XMM + 16 * n;
            *v = [self.read(x, Width::W64, at)?, self.read(x, Width::W64, at + 8)?];
        }
        Ok(xmm)
    }
}

/// FXSAVE and FXRSTOR: #UD with CR0.EM, #NM with CR0.TS; pending exceptions do not matter.
fn open_fx(x: &mut Exec<'_>, i: &Insn, write: bool) -> Result<Image, Stop> {
    if x.cpu.cr0 & cr0::EM != 0 {
        return Err(x.ud());
    }
    open(x, i, FX_SIZE, 16, write)
}

/// FXSAVE m512 (SDM vol. 2, FXSAVE). Without CR4.OSFXSR, SSE state is left out.
pub(super) fn fxsave(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let image = open_fx(x, i, true)?;
    image.store_x87(x)?;
    if x.cpu.cr4 & cr4::OSFXSR != 0 { image.store_sse(x) } else { Ok(()) }
}

/// FXRSTOR m512: a reserved bit of MXCSR is #GP(0) (SDM vol. 2, FXRSTOR). Without CR4.OSFXSR, SSE state is left
/// alone.
pub(super) fn fxrstor(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let image = open_fx(x, i, false)?;
    let sse =
        if x.cpu.cr4 & cr4::OSFXSR != 0 { Some((image.load_mxcsr(x)?, image.load_xmm(x)?)) } else { None };
    x.cpu.fpu = image.load_x87(x)?;
    if let Some(sse) = sse {
        (x.cpu.mxcsr, x.cpu.xmm) = sse;
    }
    Ok(())
}

/// The components that a processor has.
#[must_use]
pub fn supported(identity: &Identity) -> u64 {
    if !identity.has(Feature::Xsave) {
        0
    } else if identity.has(Feature::Sse) {
        X87 | SSE
    } else {
        X87
    }
}

/// #UD unless CR4.OSXSAVE is set.
fn enabled(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.cr4 & cr4::OSXSAVE != 0 { Ok(()) } else { Err(x.ud()) }
}

/// EDX:EAX.
fn pair(x: &mut Exec<'_>) -> u64 {
    x.reg(Width::W32, gpr::AX) | x.reg(Width::W32, gpr::DX) << 32
}

/// An XSAVE area, and the components that are asked for.
fn open_area(x: &mut Exec<'_>, i: &Insn, write: bool) -> Result<(Image, u64), Stop> {
    enabled(x)?;
    let image = open(x, i, XSAVE_SIZE, 64, write)?;
    Ok((image, pair(x) & x.cpu.xcr0))
}

/// XSAVE mem (SDM vol. 1, 13.7): of the header, only the bits of what is written change.
pub(super) fn xsave(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let (image, asked) = open_area(x, i, true)?;
    let present = image.read(x, Width::W64, XSTATE_BV)?;
    if asked & X87 != 0 {
        image.store_x87(x)?;
    }
    if asked & SSE != 0 {
        image.store_sse(x)?;
    }
    image.write(x, Width::W64, XSTATE_BV, present | asked)
}

/// XRSTOR mem, the standard form (SDM vol. 1, 13.8): what is asked for and not in the image takes its initial state, but
/// for MXCSR, which is loaded.
pub(super) fn xrstor(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let (image, asked) = open_area(x, i, false)?;
    let present = image.read(x, Width::W64, XSTATE_BV)?;
    // What would be the compacted form, or is reserved.
    let others = image.read(x, Width::W64, XSTATE_BV + 8)? | image.read(x, Width::W64, XSTATE_BV + 16)?;
    if present & !x.cpu.xcr0 != 0 || others != 0 {
        return Err(x.gp0());
    }
    let (mut f, mut mxcsr, mut xmm) = (x.cpu.fpu, x.cpu.mxcsr, x.cpu.xmm);
    if asked & X87 != 0 {
        if present & X87 != 0 {
            f = image.load_x87(x)?;
        } else {
            f.init();
            f.st = [F80::ZERO; 8];
        }
    }
    if asked & SSE != 0 {
        mxcsr = image.load_mxcsr(x)?;
        if present & SSE != 0 {
            xmm = image.load_xmm(x)?;
        } else {
            xmm[..XMM_COUNT].fill([0; 2]);
        }
    }
    (x.cpu.fpu, x.cpu.mxcsr, x.cpu.xmm) = (f, mxcsr, xmm);
    Ok(())
}

/// XGETBV: there is XCR0.
///
/// # Errors
/// #UD without CR4.OSXSAVE, #GP(0) for other registers.
pub fn xgetbv(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    enabled(x)?;
    if x.reg(Width::W32, gpr::CX) != 0 {
        return Err(x.gp0());
    }
    let v = x.cpu.xcr0;
    x.set_reg(Width::W32, gpr::AX, v & 0xFFFF_FFFF);
    x.set_reg(Width::W32, gpr::DX, v >> 32);
    Ok(())
}

/// XSETBV: the x87 registers cannot be left out.
///
/// # Errors
/// #UD without CR4.OSXSAVE; #GP(0) above CPL 0, for other registers, or for a value that is not allowed.
pub fn xsetbv(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    enabled(x)?;
    let v = pair(x);
    let allowed = v & X87 != 0 && v & !supported(&x.cpu.identity) == 0;
    if x.cpu.cpl != 0 || x.reg(Width::W32, gpr::CX) != 0 || !allowed {
        return Err(x.gp0());
    }
    x.cpu.xcr0 = v;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::helpers::segment::testing::*;
    use x86::vector::{GP, NM};

    const AX: usize = gpr::AX as usize;
    const CX: usize = gpr::CX as usize;
    const DX: usize = gpr::DX as usize;
    const AREA: u64 = 0x7000;
    const XSAVE: &[u8] = &[0x0F, 0xAE, 0x25, 0, 0x70, 0, 0];
    const XRSTOR: &[u8] = &[0x0F, 0xAE, 0x2D, 0, 0x70, 0, 0];
    const FXSAVE: &[u8] = &[0x0F, 0xAE, 0x05, 0, 0x70, 0, 0];
    const XGETBV: &[u8] = &[0x0F, 0x01, 0xD0];
    const XSETBV: &[u8] = &[0x0F, 0x01, 0xD1];

    /// A machine with something in its registers, and everything turned on.
    fn machine(cpl: u8) -> Machine {
        let mut m = Machine::protected(cpl);
        m.cpu.cr4 = cr4::OSFXSR | cr4::OSXSAVE;
        m.cpu.xcr0 = X87 | SSE;
        m.cpu.update_mode();
        m.step(&[0xDB, 0xE3]).expect("FNINIT");
        m.step(&[0xD9, 0xEB]).expect("FLDPI");
        for (n, v) in (0..).zip(&mut m.cpu.xmm[..8]) {
            *v = [0x1111 * n + 1, !n];
        }
        m.cpu.mxcsr = 0x1FA1;
        m.cpu.regs[AX] = 0xFFFF_FFFF;
        m.cpu.regs[DX] = 0xFFFF_FFFF;
        m
    }

    fn bytes(m: &Machine, len: u64) -> Vec<u8> {
        (0..len).map(|n| m.get(Width::W8, AREA + n) as u8).collect()
    }

    #[test]
    fn xsave_writes_the_image_of_fxsave_and_a_header() {
        let mut m = machine(3);
        m.step(FXSAVE).unwrap();
        let image = bytes(&m, 512);
        m.step(XSAVE).unwrap();
        assert_eq!(bytes(&m, 512), image);
        assert_eq!(m.get(Width::W64, AREA + XSTATE_BV), X87 | SSE);
        let (fpu, xmm) = (m.cpu.fpu, m.cpu.xmm);
        m.step(&[0xDB, 0xE3]).expect("FNINIT");
        m.cpu.xmm = [[7; 2]; 16];
        m.cpu.mxcsr = MXCSR_MASK;
        m.step(XRSTOR).unwrap();
        assert_eq!((m.cpu.fpu, m.cpu.mxcsr), (fpu, 0x1FA1));
        assert_eq!(m.cpu.xmm[..8], xmm[..8]);
        assert_eq!(m.cpu.xmm[8], [7; 2], "not a register outside 64-bit mode");
    }

    #[test]
    fn only_what_is_asked_for_and_enabled_is_written() {
        // EAX, XCR0, what is written
        for (asked, xcr0, written) in [(3, 1, X87), (1, 3, X87), (2, 3, SSE), (4, 3, 0), (2, 1, 0)] {
            let mut m = machine(3);
            for n in 0..u64::from(XSAVE_SIZE) {
                m.put(Width::W8, AREA + n, 0xEE);
            }
            m.put(Width::W64, AREA + XSTATE_BV, 0x100);
            (m.cpu.regs[AX], m.cpu.xcr0) = (asked, xcr0);
            m.step(XSAVE).unwrap();
            let image = bytes(&m, XSAVE_SIZE.into());
            for (n, byte) in (0u64..).zip(image) {
                let component = match n {
                    0..24 | 32..160 => X87,
                    24..32 | 160..288 => SSE,
                    512..520 => continue,
                    _ => 0,
                };
                let changes = component & written != 0;
                assert!(changes || byte == 0xEE, "byte {n}, {written:#x} is written");
            }
            assert_eq!(m.get(Width::W64, AREA + XSTATE_BV), 0x100 | written, "the rest of the header stays");
        }
    }

    #[test]
    fn what_is_not_in_the_image_takes_its_initial_state() {
        // XSTATE_BV, EAX; whether x87 and SSE registers are loaded (Some(true)), initial (Some(false)) or kept
        let rows = [
            (3, 3, Some(true), Some(true)),
            (1, 3, Some(true), Some(false)),
            (2, 3, Some(false), Some(true)),
            (0, 3, Some(false), Some(false)),
            (0, 1, Some(false), None),
            (3, 2, None, Some(true)),
            (0, 0, None, None),
        ];
        for (present, asked, x87, sse) in rows {
            let mut m = machine(3);
            m.step(XSAVE).unwrap();
            let (saved_fpu, saved_xmm) = (m.cpu.fpu, m.cpu.xmm);
            m.put(Width::W64, AREA + XSTATE_BV, present);
            m.step(&[0xD9, 0xE8]).expect("FLD1");
            m.cpu.xmm[3] = [5, 6];
            m.cpu.mxcsr = 0x1F80;
            let (fpu, xmm) = (m.cpu.fpu, m.cpu.xmm);
            m.cpu.regs[AX] = asked;
            m.step(XRSTOR).unwrap();
            let mut initial = fpu;
            initial.init();
            initial.st = [F80::ZERO; 8];
            let what = format!("XSTATE_BV {present}, EAX {asked}");
            assert_eq!(
                m.cpu.fpu,
                x87.map_or(fpu, |loaded| if loaded { saved_fpu } else { initial }),
                "{what}"
            );
            let expected = sse.map_or(xmm, |loaded| if loaded { saved_xmm } else { [[0; 2]; 16] });
            assert_eq!(m.cpu.xmm[..8], expected[..8], "{what}");
            assert_eq!(
                m.cpu.mxcsr,
                if sse.is_some() { 0x1FA1 } else { 0x1F80 },
                "{what}: loaded in any case"
            );
        }
    }

    #[test]
    fn xsave_and_xrstor_refuse() {
        for bytes in [XSAVE, XRSTOR] {
            let mut m = machine(3);
            m.cpu.cr4 &= !cr4::OSXSAVE;
            m.is_undefined(bytes, "OSXSAVE");
            let mut m = machine(3);
            m.cpu.cr0 |= cr0::TS;
            assert_eq!(m.step(bytes), Err(Fault::new(NM)));
            let mut unaligned = bytes.to_vec();
            unaligned[3] = 0x10;
            machine(3).faults(&unaligned, GP, 0, "16 bytes are not enough");
            let mut m = machine(3);
            m.cpu.identity = Identity::parse("core2,-xsave").unwrap();
            m.is_undefined(bytes, "not announced");
        }
        for (at, v) in [(0, 4), (0, 1 << 63), (8, 1), (8, 1 << 63), (16, 1)] {
            let mut m = machine(3);
            m.step(XSAVE).unwrap();
            m.put(Width::W64, AREA + XSTATE_BV + at, v);
            m.faults(XRSTOR, GP, 0, &format!("header at {at}: {v:#x}"));
        }
        let mut m = machine(3);
        m.step(XSAVE).unwrap();
        m.cpu.xcr0 = X87;
        m.faults(XRSTOR, GP, 0, "SSE is in the image and not enabled");
        let mut m = machine(3);
        m.step(XSAVE).unwrap();
        m.put(Width::W32, AREA + FX_MXCSR, 0x1_0000);
        m.faults(XRSTOR, GP, 0, "reserved bit of MXCSR");
        m.cpu.regs[AX] = X87;
        m.step(XRSTOR).expect("MXCSR does not matter");
    }

    #[test]
    fn xcr0() {
        let set = |m: &mut Machine, n: u64, v: u64| {
            (m.cpu.regs[CX], m.cpu.regs[AX], m.cpu.regs[DX]) = (n, v & 0xFFFF_FFFF, v >> 32);
        };
        for (n, v, allowed) in [
            (0, 1, true),
            (0, 3, true),
            (0, 2, false),
            (0, 0, false),
            (0, 7, false),
            (0, 1 << 32 | 1, false),
            (1, 1, false),
        ] {
            let mut m = machine(0);
            set(&mut m, n, v);
            if allowed {
                m.step(XSETBV).unwrap();
                (m.cpu.regs[AX], m.cpu.regs[DX]) = (9, 9);
                m.step(XGETBV).unwrap();
                assert_eq!((m.cpu.regs[AX], m.cpu.regs[DX]), (v, 0));
            } else {
                m.faults(XSETBV, GP, 0, &format!("XCR{n} <- {v:#x}"));
            }
        }
        let mut m = machine(3);
        set(&mut m, 0, 1);
        m.faults(XSETBV, GP, 0, "CPL 3");
        m.step(XGETBV).expect("any CPL");
        m.cpu.regs[CX] = 1;
        m.faults(XGETBV, GP, 0, "XINUSE");
        m.cpu.cr4 &= !cr4::OSXSAVE;
        m.is_undefined(XGETBV, "OSXSAVE");
        let mut m = machine(0);
        m.cpu.identity = Identity::parse("core2,-sse").unwrap();
        set(&mut m, 0, 3);
        m.faults(XSETBV, GP, 0, "no SSE");
        // CPUID tells programs that the system has turned it on, and how large an area is.
        use crate::helpers::cpuid::leaf;
        use x86::cpuid::OSXSAVE;
        assert_eq!(leaf(&m.cpu, 1, 0)[2] & OSXSAVE, OSXSAVE);
        m.cpu.cr4 = 0;
        assert_eq!(leaf(&m.cpu, 1, 0)[2] & OSXSAVE, 0);
        assert_eq!(leaf(&m.cpu, 0xD, 0), [1, 576, 576, 0]);
        assert_eq!(leaf(&machine(0).cpu, 0xD, 0), [3, 576, 576, 0]);
        assert_eq!(leaf(&machine(0).cpu, 0xD, 1), [0; 4]);
        assert_eq!(machine(0).cpu.identity.max_leaf(), 0xD);
    }
}
