//! The state of one processor: the only description of it.
//!
//! `#[repr(C)]`, so that translated code can address fields by `offset_of!`; nobody else uses offsets.
//! Caches (TLB, decoded blocks) are elsewhere and are not state.

use crate::fault::Fault;
use crate::flags::Flags;
use crate::float::F80;
use crate::helpers::cpuid::Identity;
use x86::descriptor::Rights;
use x86::{Seg, cr0, cr4, eflags};

/// A segment register with its hidden part (SDM vol. 3, 3.4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Segment {
    /// Base address.
    pub base: u64,
    /// Lowest valid offset.
    pub min: u32,
    /// Highest valid offset.
    pub max: u32,
    /// Limit in bytes, as loaded.
    pub limit: u32,
    /// Access rights.
    pub rights: Rights,
    /// The visible selector.
    pub selector: u16,
    /// May be read through: usable, and data or readable code. 1 or 0.
    pub readable: u8,
    /// May be written through. 1 or 0.
    pub writable: u8,
}

impl Segment {
    /// A usable segment with the derived fields filled in.
    #[must_use]
    pub const fn new(selector: u16, base: u64, limit: u32, rights: Rights) -> Self {
        let (min, max) = if rights.is_expand_down() {
            let top = if rights.is_32() { u32::MAX } else { 0xFFFF };
            // limit = top leaves no valid offset at all: min above max.
            if limit >= top { (1, 0) } else { (limit + 1, top) }
        } else {
            (0, limit)
        };
        Self {
            base,
            min,
            max,
            limit,
            rights,
            selector,
            readable: rights.is_readable() as u8,
            writable: rights.is_writable() as u8,
        }
    }

    /// A null selector: any access faults.
    #[must_use]
    pub const fn null(selector: u16) -> Self {
        Self { base: 0, min: 1, max: 0, limit: 0, rights: Rights(0), selector, readable: 0, writable: 0 }
    }

    /// A real-mode (or virtual-8086) segment: base from the selector, everything allowed, limit kept by
    /// the caller's choice (64 KB unless "unreal").
    #[must_use]
    pub const fn real(selector: u16, code: bool) -> Self {
        let mut s =
            Self::new(selector, (selector as u64) << 4, 0xFFFF, Rights(if code { 0x9B } else { 0x93 }));
        // CS is writable in real mode and executable through every segment.
        s.writable = 1;
        s
    }

    /// Base 0, every 32-bit offset valid.
    #[must_use]
    pub const fn is_flat(&self) -> bool {
        self.base == 0 && self.min == 0 && self.max == u32::MAX
    }
}

/// GDTR or IDTR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TableRegister {
    /// Linear base.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u16,
}

/// The x87 unit (SDM vol. 1, 8.1). `st[i]` is physical register R*i*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Fpu {
    /// Registers R0 to R7.
    pub st: [F80; 8],
    /// Control word.
    pub control: u16,
    /// Status word, TOP included.
    pub status: u16,
    /// Bit i set: physical register i is empty.
    pub empty: u8,
    /// Last non-control instruction's opcode (11 bits).
    pub opcode: u16,
    /// Its selector.
    pub code_selector: u16,
    /// Its last data operand's selector.
    pub data_selector: u16,
    /// Its offset.
    pub code_offset: u64,
    /// Its last data operand's offset.
    pub data_offset: u64,
}

/// Model-specific registers that hold a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[expect(missing_docs, reason = "named as in x86::msr")]
pub struct Msrs {
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub efer: u64,
    pub pat: u64,
    pub apic_base: u64,
    pub misc_enable: u64,
    pub mtrr_def_type: u64,
    pub mcg_status: u64,
    /// Added to the platform's time-stamp counter (set by WRMSR to the TSC).
    pub tsc_offset: u64,
}

impl Msrs {
    /// The values in the order of the fields.
    #[must_use]
    pub const fn values(&self) -> [u64; 10] {
        let Self {
            sysenter_cs,
            sysenter_esp,
            sysenter_eip,
            efer,
            pat,
            apic_base,
            misc_enable,
            mtrr_def_type,
            mcg_status,
            tsc_offset,
        } = *self;
        [
            sysenter_cs,
            sysenter_esp,
            sysenter_eip,
            efer,
            pat,
            apic_base,
            misc_enable,
            mtrr_def_type,
            mcg_status,
            tsc_offset,
        ]
    }

    /// From the values in that order.
    #[must_use]
    pub const fn of(values: [u64; 10]) -> Self {
        let [
            sysenter_cs,
            sysenter_esp,
            sysenter_eip,
            efer,
            pat,
            apic_base,
            misc_enable,
            mtrr_def_type,
            mcg_status,
            tsc_offset,
        ] = values;
        Self {
            sysenter_cs,
            sysenter_esp,
            sysenter_eip,
            efer,
            pat,
            apic_base,
            misc_enable,
            mtrr_def_type,
            mcg_status,
            tsc_offset,
        }
    }
}

/// System management mode (SDM vol. 3, chapter 35).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Smm {
    /// The processor is in it. 1 or 0.
    pub active: u8,
    /// NMIs were blocked when it was entered. 1 or 0.
    pub nmi_was_blocked: u8,
    /// SMBASE.
    pub base: u32,
}

/// Memory-type ranges; the default type is in [`Msrs`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Mtrrs {
    /// Those fixed below 1 MB, in the order of [`x86::msr::MTRR_FIXED`].
    pub fixed: [u64; 11],
    /// Base and mask of each variable one.
    pub ranges: [[u64; 2]; 8],
}

/// Bits of [`Cpu::events`]: reasons to look before the next block.
pub mod event {
    /// The interrupt controller's INTR line is high, and IF allows it: a line that has to wait costs nothing.
    pub const INTR: u32 = 1 << 0;
    /// A non-maskable interrupt is waiting.
    pub const NMI: u32 = 1 << 1;
    /// The next instruction runs without interrupts (after STI, MOV SS, POP SS).
    pub const SHADOW: u32 = 1 << 2;
    /// TF or RF is set: one instruction at a time.
    pub const TRAP: u32 = 1 << 3;
    /// Debug registers are armed: one instruction at a time.
    pub const DEBUG: u32 = 1 << 4;
    /// The shadow is of MOV SS or POP SS: it holds back debug traps too.
    pub const SHADOW_SS: u32 = 1 << 5;
    /// Halted: waiting for an interrupt.
    pub const HALT: u32 = 1 << 6;
    /// In shutdown after a triple fault.
    pub const SHUTDOWN: u32 = 1 << 7;
    /// A system management interrupt is waiting.
    pub const SMI: u32 = 1 << 8;
    /// System management mode has ended: the machine has to say anew where memory is before anything else runs.
    pub const MAP: u32 = 1 << 9;
    /// VIF and VIP are both set for a program that has them: #GP before its next instruction.
    pub const VIRTUAL: u32 = 1 << 10;
    /// Data breakpoints that MOV SS or POP SS met, as DR6 has them: the trap comes after the next instruction.
    pub const HELD: u32 = 0xF << HELD_SHIFT;
    /// Where [`HELD`] begins.
    pub const HELD_SHIFT: u32 = 16;
}

/// Bits of [`Cpu::mode`]: what decoding and finding code depends on.
pub mod mode {
    /// Default operand and address size is 32 bits.
    pub const CODE32: u32 = 1 << 0;
    /// The stack pointer is ESP.
    pub const STACK32: u32 = 1 << 1;
    /// ES, SS and DS are flat: base 0, limit 4 GB, writable.
    pub const FLAT: u32 = 1 << 2;
    /// CPL is 3.
    pub const USER: u32 = 1 << 3;
    /// CR0.EM or CR0.TS: x87 and MMX raise #NM (or SSE #UD).
    pub const NO_X87: u32 = 1 << 4;
    /// CR4.OSFXSR clear, CR0.EM or CR0.TS set: SSE raises #UD or #NM.
    pub const NO_SSE: u32 = 1 << 5;
    /// CS is flat and its code 32-bit: EIP is the linear address, wraps as it does, and needs no limit check.
    pub const FLAT_CODE: u32 = 1 << 6;
    /// SMAP at work: a supervisor's access to a user page faults (CR4.SMAP set, EFLAGS.AC clear).
    pub const NO_USER: u32 = 1 << 7;
    /// All of them.
    pub const BITS: u32 = 8;
}

/// One processor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cpu {
    /// General registers 0 to 15; slots 16 to 31 are always zero (an absent base or index reads one).
    pub regs: [u64; 32],
    /// Instruction pointer. While a block runs: that of the block's entry.
    pub eip: u64,
    /// While a block runs: where it goes on.
    pub next_eip: u64,
    /// Status flags.
    pub flags: Flags,
    /// The other flags; status bits are zero here, bit 1 is set.
    pub eflags: u32,
    /// Mode bits ([`mode`]), derived from the segments and control registers.
    pub mode: u32,
    /// Reasons to look before the next block ([`event`]).
    pub events: u32,
    /// The level of the INTR line, as the platform last told.
    pub intr: bool,
    /// Current privilege level.
    pub cpl: u8,
    /// NMIs are blocked until IRET. 1 or 0.
    pub nmi_blocked: u8,
    /// System management mode.
    pub smm: Smm,
    /// Instructions executed. While a block runs: up to the block's entry.
    pub count: u64,
    /// Segment registers in the numbering of [`Seg`].
    pub segs: [Segment; 6],
    /// Local descriptor table.
    pub ldtr: Segment,
    /// Task register.
    pub tr: Segment,
    /// Global descriptor table.
    pub gdtr: TableRegister,
    /// Interrupt descriptor table.
    pub idtr: TableRegister,
    /// CR0.
    pub cr0: u32,
    /// CR4.
    pub cr4: u32,
    /// CR2.
    pub cr2: u64,
    /// CR3.
    pub cr3: u64,
    /// Page-directory-pointer entries, loaded with CR3 under PAE paging (SDM vol. 3, 4.4.1).
    pub pdpte: [u64; 4],
    /// Debug registers; 4 and 5 are unused.
    pub dr: [u64; 8],
    /// Model-specific registers.
    pub msr: Msrs,
    /// Memory-type ranges.
    pub mtrr: Mtrrs,
    /// XCR0: what XSAVE saves.
    pub xcr0: u64,
    /// x87 unit; MMX registers are its mantissas.
    pub fpu: Fpu,
    /// SSE registers, low half first.
    pub xmm: [[u64; 2]; 16],
    /// SSE control and status.
    pub mxcsr: u32,
    /// The exception an instruction stopped with; meaningful right after a `Stop::Fault`.
    pub fault: Fault,
    /// Which processor it is. Not state: it never changes.
    pub identity: Identity,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// The default processor after power-on.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Identity::default())
    }

    /// The state after power-on (SDM vol. 3, table 9-1): real mode at F000:FFF0, CS base FFFF0000h.
    #[must_use]
    pub fn of(identity: Identity) -> Self {
        let mut segs = [Segment::real(0, false); 6];
        segs[Seg::Cs as usize] = Segment { base: 0xFFFF_0000, ..Segment::real(0xF000, true) };
        let mut cpu = Self {
            regs: [0; 32],
            eip: 0xFFF0,
            next_eip: 0xFFF0,
            flags: Flags::of_status(0),
            eflags: eflags::ONE,
            mode: 0,
            events: 0,
            intr: false,
            cpl: 0,
            nmi_blocked: 0,
            smm: Smm { active: 0, nmi_was_blocked: 0, base: x86::smm::SMBASE_AT_RESET },
            count: 0,
            segs,
            ldtr: Segment::new(0, 0, 0xFFFF, Rights(0x82)),
            tr: Segment::new(0, 0, 0xFFFF, Rights(0x8B)),
            gdtr: TableRegister { base: 0, limit: 0xFFFF },
            idtr: TableRegister { base: 0, limit: 0xFFFF },
            cr0: cr0::CD | cr0::NW | cr0::ET,
            cr4: 0,
            cr2: 0,
            cr3: 0,
            pdpte: [0; 4],
            dr: [0, 0, 0, 0, 0, 0, 0xFFFF_0FF0, 0x400],
            msr: Msrs { pat: 0x0007_0406_0007_0406, apic_base: 0, misc_enable: 1, ..Msrs::default() },
            mtrr: Mtrrs::default(),
            xcr0: crate::helpers::float::X87,
            fpu: Fpu {
                st: [F80::ZERO; 8],
                control: 0x40,
                status: 0,
                empty: 0,
                opcode: 0,
                code_selector: 0,
                data_selector: 0,
                code_offset: 0,
                data_offset: 0,
            },
            xmm: [[0; 2]; 16],
            mxcsr: 0x1F80,
            fault: Fault::default(),
            identity,
        };
        cpu.regs[x86::gpr::DX as usize] = u64::from(identity.model().signature);
        cpu.update_mode();
        cpu
    }

    /// EFLAGS as PUSHF would push it (RF and VM included).
    #[inline]
    #[must_use]
    pub fn eflags(&self) -> u32 {
        self.eflags | self.flags.status()
    }

    /// Sets EFLAGS whole; bits that do not exist are ignored.
    pub fn set_eflags(&mut self, v: u32) {
        self.flags = Flags::of_status(v);
        self.eflags = v & self.identity.eflags() & !eflags::STATUS | eflags::ONE;
        self.update_events();
    }

    /// A segment register.
    #[inline(always)]
    #[must_use]
    pub fn seg(&self, s: Seg) -> &Segment {
        &self.segs[s as usize % 6]
    }

    /// Protected mode outside virtual-8086 mode.
    #[inline]
    #[must_use]
    pub fn is_protected(&self) -> bool {
        self.cr0 & cr0::PE != 0 && self.eflags & eflags::VM == 0
    }

    /// Virtual-8086 mode.
    #[inline]
    #[must_use]
    pub fn is_v86(&self) -> bool {
        self.eflags & eflags::VM != 0
    }

    /// A data breakpoint is armed (SDM vol. 3, 17.2.4).
    #[must_use]
    pub fn watches_data(&self) -> bool {
        let dr7 = self.dr[7];
        (0..4).any(|n| {
            let enabled = dr7 >> (2 * n) & 3 != 0;
            // 1: writes, 3: reads and writes; 0 is execution and 2 ports.
            enabled && dr7 >> (16 + 4 * n) & 1 != 0
        })
    }

    /// Data accesses have to be aligned (SDM vol. 3, 6.15, interrupt 17).
    #[inline]
    #[must_use]
    pub fn checks_alignment(&self) -> bool {
        self.cpl == 3 && self.cr0 & cr0::AM != 0 && self.eflags & eflags::AC != 0
    }

    /// Whether the program has VIF in place of an IF that it may not change (SDM vol. 3, 20.3 and 20.4).
    #[must_use]
    pub fn has_virtual_if(&self) -> bool {
        let on = if self.is_v86() { cr4::VME } else { cr4::PVI };
        self.is_v86() | (self.cpl == 3) && self.iopl() < 3 && self.cr4 & on != 0 && self.cr0 & cr0::PE != 0
    }

    /// I/O privilege level.
    #[inline]
    #[must_use]
    pub fn iopl(&self) -> u8 {
        (self.eflags >> 12 & 3) as u8
    }

    /// Recomputes [`Cpu::mode`]; call after any change of a segment, CPL, CR0, CR4 or EFLAGS.AC.
    pub fn update_mode(&mut self) {
        let mut m = 0;
        let [es, cs, ss, ds, ..] = &self.segs;
        let set = |on: bool, bit: u32| if on { bit } else { 0 };
        m |= set(cs.rights.is_32(), mode::CODE32);
        m |= set(ss.rights.is_32(), mode::STACK32);
        let flat = |s: &Segment| s.is_flat() && s.readable & s.writable == 1;
        m |= set(flat(es) && flat(ss) && flat(ds), mode::FLAT);
        m |= set(self.cpl == 3, mode::USER);
        m |= set(self.cr0 & (cr0::EM | cr0::TS) != 0, mode::NO_X87);
        m |= set(self.cr0 & (cr0::EM | cr0::TS) != 0 || self.cr4 & cr4::OSFXSR == 0, mode::NO_SSE);
        m |= set(cs.is_flat() && cs.rights.is_32(), mode::FLAT_CODE);
        let no_user = self.cpl != 3 && self.cr4 & cr4::SMAP != 0 && self.eflags & eflags::AC == 0;
        m |= set(no_user, mode::NO_USER);
        self.mode = m;
    }

    /// Recomputes the events that follow from state: call after a change of INTR, IF, TF, VIF, VIP, or the debug registers.
    pub fn update_events(&mut self) {
        self.events &= !(event::INTR | event::TRAP | event::DEBUG | event::VIRTUAL);
        if self.intr && self.eflags & eflags::IF != 0 {
            self.events |= event::INTR;
        }
        let pending = eflags::VIF | eflags::VIP;
        if self.eflags & pending == pending && self.has_virtual_if() {
            self.events |= event::VIRTUAL;
        }
        if self.eflags & (eflags::TF | eflags::RF) != 0 {
            self.events |= event::TRAP;
        }
        if self.dr[7] & 0xFF != 0 {
            self.events |= event::DEBUG;
        }
    }
}
