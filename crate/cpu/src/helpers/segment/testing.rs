//! A processor with small descriptor tables, for the tests of everything that has to do with protection.
//!
//! Instructions are given as bytes, and go through the decoder and the semantics like any other.

use crate::decode::BlockDecoder;
use crate::exec::Exec;
use crate::fault::{Fault, Stop};
use crate::insn::Width;
use crate::mmu::{Mmu, Ram};
use crate::platform::{EmptyBus, Platform, Poll};
use crate::semantics;
use crate::state::{Cpu, Segment, TableRegister};
use x86::descriptor::{Descriptor, Rights, Selector};
use x86::{Seg, cr0, eflags, gpr};

/// Where things lie.
pub(crate) const GDT: u64 = 0x1000;
pub(crate) const IDT: u64 = 0x2000;
pub(crate) const LDT: u64 = 0x3000;
pub(crate) const TSS: u64 = 0x4000;
pub(crate) const TSS_B: u64 = 0x5000;
pub(crate) const CODE: u64 = 0x1_0000;
pub(crate) const HANDLER: u32 = 0x2_0000;
/// Stack pointers of levels 0, 1 and 3.
pub(crate) const SP0: u32 = 0x8000;
pub(crate) const SP1: u32 = 0x9000;
pub(crate) const SP3: u32 = 0xA000;

/// Selectors of the GDT, RPL 0 but for those of level 1 and 3.
pub(crate) const CODE0: u16 = 0x08;
pub(crate) const DATA0: u16 = 0x10;
pub(crate) const CODE3: u16 = 0x1B;
pub(crate) const DATA3: u16 = 0x23;
pub(crate) const TASK_A: u16 = 0x28;
pub(crate) const TASK_B: u16 = 0x30;
pub(crate) const LDT_SEL: u16 = 0x38;
pub(crate) const CONFORMING0: u16 = 0x40;
pub(crate) const CODE1: u16 = 0x49;
pub(crate) const DATA1: u16 = 0x51;
pub(crate) const CODE16: u16 = 0x58;
pub(crate) const READ_ONLY0: u16 = 0x60;
pub(crate) const ABSENT_DATA0: u16 = 0x68;
pub(crate) const STACK16: u16 = 0x70;
pub(crate) const EXECUTE_ONLY0: u16 = 0x78;
pub(crate) const ABSENT_CODE0: u16 = 0x80;
pub(crate) const SMALL_CODE0: u16 = 0x88;
/// Free for a test to define.
pub(crate) const FREE: u16 = 0x90;
/// The first selector outside the GDT.
pub(crate) const OUTSIDE: u16 = 0x100;
/// Data of level 0 and 3 in the LDT.
pub(crate) const LOCAL0: u16 = 0x04;
pub(crate) const LOCAL3: u16 = 0x0F;

/// Limit of [`SMALL_CODE0`].
pub(crate) const SMALL_LIMIT: u32 = 0xFFF;

/// [`Descriptor::segment`] as it lies in memory.
pub(crate) const fn descriptor(base: u32, limit: u32, access: u8, flags: u8) -> u64 {
    Descriptor::segment(base, limit, access, flags).0
}

/// [`Descriptor::gate`] as it lies in memory.
pub(crate) const fn gate(selector: u16, offset: u32, access: u8, params: u8) -> u64 {
    Descriptor::gate(selector, offset, access, params).0
}

/// A processor and its memory, nothing around it.
pub(crate) struct Machine(Box<Exec<'static>>);

impl std::ops::Deref for Machine {
    type Target = Exec<'static>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Machine {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Machine {
    /// Real mode, at 0000:CODE & FFFF, stack at 0000:SP0.
    pub(crate) fn real() -> Self {
        let ram = Ram::new(1 << 20).expect("a megabyte");
        let mut m = Self(Box::new(Exec::new(Mmu::new(ram), Box::new(EmptyBus))));
        m.cpu.segs = [Segment::real(0, false); 6];
        m.cpu.segs[Seg::Cs as usize] = Segment::real((CODE >> 4) as u16, true);
        m.cpu.eip = 0;
        m.cpu.regs = [0; 32];
        m.cpu.regs[usize::from(gpr::SP)] = u64::from(SP0);
        m.cpu.update_mode();
        m
    }

    /// Protected mode at `cpl` (0, 1 or 3), flat, no paging, with GDT, LDT, IDT and two TSSs.
    pub(crate) fn protected(cpl: u8) -> Self {
        let mut m = Self::real();
        for (selector, d) in [
            (CODE0, descriptor(0, 0xF_FFFF, 0x9A, 0xC)),
            (DATA0, descriptor(0, 0xF_FFFF, 0x92, 0xC)),
            (CODE3, descriptor(0, 0xF_FFFF, 0xFA, 0xC)),
            (DATA3, descriptor(0, 0xF_FFFF, 0xF2, 0xC)),
            (TASK_A, descriptor(TSS as u32, 0x2FF, 0x8B, 0)),
            (TASK_B, descriptor(TSS_B as u32, 0x67, 0x89, 0)),
            (LDT_SEL, descriptor(LDT as u32, 0xF, 0x82, 0)),
            (CONFORMING0, descriptor(0, 0xF_FFFF, 0x9E, 0xC)),
            (CODE1, descriptor(0, 0xF_FFFF, 0xBA, 0xC)),
            (DATA1, descriptor(0, 0xF_FFFF, 0xB2, 0xC)),
            (CODE16, descriptor(0, 0xFFFF, 0x9A, 0)),
            (READ_ONLY0, descriptor(0, 0xF_FFFF, 0x90, 0xC)),
            (ABSENT_DATA0, descriptor(0, 0xF_FFFF, 0x12, 0xC)),
            (STACK16, descriptor(0, 0xFFFF, 0x92, 0)),
            (EXECUTE_ONLY0, descriptor(0, 0xF_FFFF, 0x98, 0xC)),
            (ABSENT_CODE0, descriptor(0, 0xF_FFFF, 0x1A, 0xC)),
            (SMALL_CODE0, descriptor(0, SMALL_LIMIT, 0x9A, 4)),
        ] {
            m.define(selector, d);
        }
        m.cpu.gdtr = TableRegister { base: GDT, limit: OUTSIDE - 1 };
        m.cpu.idtr = TableRegister { base: IDT, limit: 0x7FF };
        m.cpu.ldtr = Segment::new(LDT_SEL, LDT, 0xF, Rights(0x82));
        m.cpu.tr = Segment::new(TASK_A, TSS, 0x2FF, Rights(0x8B));
        m.define(LOCAL0, descriptor(0x1234, 0xFFFF, 0x92, 4));
        m.define(LOCAL3, descriptor(0x5678, 0xFFFF, 0xF2, 4));
        for (at, v) in [(4, SP0), (8, u32::from(DATA0)), (12, SP1), (16, u32::from(DATA1))] {
            m.put(Width::W32, TSS + at, u64::from(v));
        }
        for v in 0..=255 {
            m.set_gate(v, gate(CODE0, HANDLER + u32::from(v), 0x8E, 0));
        }
        m.cpu.cr0 |= cr0::PE;
        let (code, data, sp) = match cpl {
            0 => (CODE0, DATA0, SP0),
            1 => (CODE1, DATA1, SP1),
            _ => (CODE3, DATA3, SP3),
        };
        let access = 0x93 | u16::from(cpl) << 5;
        let flat = |selector, access| Segment::new(selector, 0, u32::MAX, Rights(0xC000 | access));
        m.cpu.segs = [flat(data, access); 6];
        m.cpu.segs[Seg::Cs as usize] = flat(code, access | 8);
        m.cpu.cpl = cpl;
        m.cpu.eip = CODE;
        m.cpu.regs[usize::from(gpr::SP)] = u64::from(sp);
        m.cpu.update_mode();
        m
    }

    /// Virtual-8086 mode under the same tables, at CODE >> 4 : 0 with the stack at 0000:SP3.
    pub(crate) fn v86(iopl: u32) -> Self {
        let mut m = Self::protected(3);
        m.cpu.set_eflags(eflags::VM | iopl << 12);
        m.cpu.segs = [super::v86_segment(0, false); 6];
        m.cpu.segs[Seg::Cs as usize] = super::v86_segment((CODE >> 4) as u16, true);
        m.cpu.eip = 0;
        m.cpu.update_mode();
        m
    }

    pub(crate) fn define(&mut self, selector: u16, d: u64) {
        let table = if Selector(selector).is_local() { LDT } else { GDT };
        self.put(Width::W64, table + u64::from(Selector(selector).offset()), d);
    }

    pub(crate) fn set_gate(&mut self, vector: u8, d: u64) {
        self.put(Width::W64, IDT + 8 * u64::from(vector), d);
    }

    pub(crate) fn put(&mut self, w: Width, at: u64, v: u64) {
        self.mmu.write_ram(at, w, v);
    }

    pub(crate) fn get(&self, w: Width, at: u64) -> u64 {
        self.mmu.read_ram(at, w)
    }

    /// The access byte of a descriptor.
    pub(crate) fn access(&self, selector: u16) -> u8 {
        let table = if Selector(selector).is_local() { LDT } else { GDT };
        self.get(Width::W8, table + u64::from(Selector(selector).offset()) + 5) as u8
    }

    /// The doublewords from the top of the stack up.
    pub(crate) fn stack32<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|n| self.get(Width::W32, self.stack_top() + 4 * n as u64) as u32)
    }

    /// The words from the top of the stack up.
    pub(crate) fn stack16<const N: usize>(&self) -> [u16; N] {
        std::array::from_fn(|n| self.get(Width::W16, self.stack_top() + 2 * n as u64) as u16)
    }

    fn stack_top(&self) -> u64 {
        let ss = self.cpu.seg(Seg::Ss);
        let mask = if ss.rights.is_32() { 0xFFFF_FFFF } else { 0xFFFF };
        ss.base + (self.cpu.regs[usize::from(gpr::SP)] & mask)
    }

    pub(crate) fn sp(&self) -> u32 {
        self.cpu.regs[usize::from(gpr::SP)] as u32
    }

    /// Puts values on the stack, the first one lowest.
    pub(crate) fn push_all(&mut self, w: Width, values: &[u32]) {
        let bytes = u64::from(w.bytes());
        self.cpu.regs[usize::from(gpr::SP)] -= bytes * values.len() as u64;
        for (n, v) in values.iter().enumerate() {
            let at = self.stack_top() + bytes * n as u64;
            self.put(w, at, u64::from(*v));
        }
    }

    pub(crate) fn with<R>(&mut self, f: impl FnOnce(&mut Exec<'static>) -> R) -> R {
        let x = &mut *self.0;
        x.mmu.update_class(&x.cpu);
        x.leave = false;
        x.debug_hits = 0;
        f(x)
    }

    /// Executes one instruction. After a fault, `cpu.eip` is still the instruction's.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut padded = bytes.to_vec();
        padded.resize(16, 0x90);
        let mut decoder = BlockDecoder::new(&padded, self.cpu.mode).of(self.cpu.identity);
        let i = decoder.next_insn().expect("whole instruction");
        assert_eq!(usize::from(i.len), bytes.len(), "{i:?}");
        self.cpu.next_eip = self.cpu.eip + u64::from(i.len);
        let result = self.with(|x| semantics::step(x, &i));
        match result {
            Ok(()) => {
                self.cpu.eip = self.cpu.next_eip;
                Ok(())
            }
            Err(Stop::Fault) => Err(self.cpu.fault),
            Err(Stop::NotHere) => panic!("memory is all here"),
        }
    }

    /// Executes one instruction that must fault with this error code and change nothing else.
    pub(crate) fn faults(&mut self, bytes: &[u8], vector: u8, error: u32, what: &str) {
        let before = self.cpu.clone();
        assert_eq!(self.step(bytes), Err(Fault::with(vector, error)), "{what}");
        let after = Cpu { fault: before.fault, next_eip: before.next_eip, ..self.cpu.clone() };
        assert_eq!(after, before, "{what}: state changed");
    }

    /// The same for #UD.
    pub(crate) fn is_undefined(&mut self, bytes: &[u8], what: &str) {
        assert_eq!(self.step(bytes), Err(Fault::new(x86::vector::UD)), "{what}");
    }

    pub(crate) fn selector(&self, seg: Seg) -> u16 {
        self.cpu.seg(seg).selector
    }

    pub(crate) fn flag(&self, bit: u32) -> bool {
        self.cpu.eflags() & bit != 0
    }
}

/// A platform without devices that answers some of the processor's questions.
#[derive(Debug, Default)]
pub(crate) struct Answering {
    /// Random numbers, the last first; then there are no more.
    pub numbers: Vec<u64>,
    /// Whether every model-specific register that the platform is asked for exists.
    pub msrs: bool,
}

impl Platform for Answering {
    fn set_ferr(&mut self, _: u64, _: bool) -> bool {
        false
    }
    fn port_read(&mut self, _: u64, _: bus::Port, w: bus::Width) -> u32 {
        w.ones()
    }
    fn port_write(&mut self, _: u64, _: bus::Port, _: bus::Width, _: u32) {}
    fn mmio_read(&mut self, _: u64, _: bus::PhysAddr, w: bus::Width) -> u32 {
        w.ones()
    }
    fn mmio_write(&mut self, _: u64, _: bus::PhysAddr, _: bus::Width, _: u32) {}
    fn needs_attention(&mut self) -> bool {
        false
    }
    fn poll(&mut self, _: u64) -> Poll {
        Poll { intr: false, nmi: false, stop: false }
    }
    fn acknowledge(&mut self, _: u64) -> u8 {
        0
    }
    fn tsc(&mut self, count: u64) -> u64 {
        count
    }
    fn msr_read(&mut self, _: u64, _: u32) -> Option<u64> {
        self.msrs.then_some(0)
    }
    fn msr_write(&mut self, _: u64, _: u32, _: u64) -> Option<()> {
        self.msrs.then_some(())
    }
    fn random(&mut self, _: u64) -> Option<u64> {
        self.numbers.pop()
    }
}
