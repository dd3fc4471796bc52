//! Facts of the x86 architecture: names, numbers and layouts, and no behaviour.
//!
//! References are to the Intel 64 and IA-32 Architectures Software Developer's Manual ("SDM").

#![forbid(unsafe_code)]

pub mod cpuid;
pub mod descriptor;
pub mod msr;
pub mod paging;
pub mod smm;

/// EFLAGS (SDM vol. 1, 3.4.3).
pub mod eflags {
    /// Carry.
    pub const CF: u32 = 1 << 0;
    /// Always one.
    pub const ONE: u32 = 1 << 1;
    /// Parity of the low byte.
    pub const PF: u32 = 1 << 2;
    /// Auxiliary (BCD) carry.
    pub const AF: u32 = 1 << 4;
    /// Zero.
    pub const ZF: u32 = 1 << 6;
    /// Sign.
    pub const SF: u32 = 1 << 7;
    /// Trap: single step.
    pub const TF: u32 = 1 << 8;
    /// Interrupt enable.
    pub const IF: u32 = 1 << 9;
    /// Direction of string instructions.
    pub const DF: u32 = 1 << 10;
    /// Overflow.
    pub const OF: u32 = 1 << 11;
    /// I/O privilege level, two bits.
    pub const IOPL: u32 = 3 << 12;
    /// Nested task.
    pub const NT: u32 = 1 << 14;
    /// Resume: suppresses instruction breakpoints once.
    pub const RF: u32 = 1 << 16;
    /// Virtual-8086 mode.
    pub const VM: u32 = 1 << 17;
    /// Alignment check; access control under SMAP.
    pub const AC: u32 = 1 << 18;
    /// Virtual interrupt flag.
    pub const VIF: u32 = 1 << 19;
    /// Virtual interrupt pending.
    pub const VIP: u32 = 1 << 20;
    /// CPUID available.
    pub const ID: u32 = 1 << 21;
    /// The six status flags.
    pub const STATUS: u32 = CF | PF | AF | ZF | SF | OF;
    /// Everything that exists.
    pub const ALL: u32 = STATUS | TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID;
}

/// CR0 (SDM vol. 3, 2.5).
pub mod cr0 {
    /// Protection enable.
    pub const PE: u32 = 1 << 0;
    /// Monitor coprocessor.
    pub const MP: u32 = 1 << 1;
    /// Emulation: no x87.
    pub const EM: u32 = 1 << 2;
    /// Task switched.
    pub const TS: u32 = 1 << 3;
    /// Extension type: always one.
    pub const ET: u32 = 1 << 4;
    /// Numeric error by exception 16.
    pub const NE: u32 = 1 << 5;
    /// Supervisor obeys read-only pages.
    pub const WP: u32 = 1 << 16;
    /// Alignment mask.
    pub const AM: u32 = 1 << 18;
    /// Not write-through.
    pub const NW: u32 = 1 << 29;
    /// Cache disable.
    pub const CD: u32 = 1 << 30;
    /// Paging.
    pub const PG: u32 = 1 << 31;
    /// Everything that exists.
    pub const ALL: u32 = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;
}

/// CR4 (SDM vol. 3, 2.5).
pub mod cr4 {
    /// Virtual-8086 extensions.
    pub const VME: u32 = 1 << 0;
    /// Protected-mode virtual interrupts.
    pub const PVI: u32 = 1 << 1;
    /// RDTSC only at CPL 0.
    pub const TSD: u32 = 1 << 2;
    /// DR4 and DR5 are #UD.
    pub const DE: u32 = 1 << 3;
    /// 4 MB pages.
    pub const PSE: u32 = 1 << 4;
    /// Physical address extension.
    pub const PAE: u32 = 1 << 5;
    /// Machine check enable.
    pub const MCE: u32 = 1 << 6;
    /// Global pages.
    pub const PGE: u32 = 1 << 7;
    /// RDPMC at any CPL.
    pub const PCE: u32 = 1 << 8;
    /// FXSAVE and SSE.
    pub const OSFXSR: u32 = 1 << 9;
    /// #XM for SSE exceptions.
    pub const OSXMMEXCPT: u32 = 1 << 10;
    /// User-mode instruction prevention.
    pub const UMIP: u32 = 1 << 11;
    /// XSAVE.
    pub const OSXSAVE: u32 = 1 << 18;
    /// No supervisor execution of user pages.
    pub const SMEP: u32 = 1 << 20;
    /// No supervisor access to user pages.
    pub const SMAP: u32 = 1 << 21;
}

/// Exception vectors (SDM vol. 3, table 6-1).
pub mod vector {
    /// Divide error.
    pub const DE: u8 = 0;
    /// Debug.
    pub const DB: u8 = 1;
    /// Non-maskable interrupt.
    pub const NMI: u8 = 2;
    /// Breakpoint.
    pub const BP: u8 = 3;
    /// Overflow.
    pub const OF: u8 = 4;
    /// BOUND range exceeded.
    pub const BR: u8 = 5;
    /// Invalid opcode.
    pub const UD: u8 = 6;
    /// Device (x87) not available.
    pub const NM: u8 = 7;
    /// Double fault.
    pub const DF: u8 = 8;
    /// Invalid TSS.
    pub const TS: u8 = 10;
    /// Segment not present.
    pub const NP: u8 = 11;
    /// Stack fault.
    pub const SS: u8 = 12;
    /// General protection.
    pub const GP: u8 = 13;
    /// Page fault.
    pub const PF: u8 = 14;
    /// x87 error.
    pub const MF: u8 = 16;
    /// Alignment check.
    pub const AC: u8 = 17;
    /// Machine check.
    pub const MC: u8 = 18;
    /// SIMD floating-point exception.
    pub const XM: u8 = 19;
}

/// Segment registers in the numbering of ModRM.reg (SDM vol. 2, table B-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Seg {
    /// Extra.
    Es = 0,
    /// Code.
    Cs = 1,
    /// Stack.
    Ss = 2,
    /// Data.
    Ds = 3,
    /// Fs.
    Fs = 4,
    /// Gs.
    Gs = 5,
    /// No segment register: ES, SS or DS known to be flat (base 0, limit 4 GB, writable), so that
    /// neither base nor limit matters. Never names a register.
    Flat = 6,
}

impl Seg {
    /// The six segment registers in their numbering.
    pub const ALL: [Self; 6] = [Self::Es, Self::Cs, Self::Ss, Self::Ds, Self::Fs, Self::Gs];

    /// The register with this number (0 to 5), if there is one.
    #[must_use]
    pub const fn from_number(n: u8) -> Option<Self> {
        match n {
            0 => Some(Self::Es),
            1 => Some(Self::Cs),
            2 => Some(Self::Ss),
            3 => Some(Self::Ds),
            4 => Some(Self::Fs),
            5 => Some(Self::Gs),
            _ => None,
        }
    }
}

/// Numbers of the general registers (SDM vol. 2, table 2-2).
pub mod gpr {
    /// Accumulator.
    pub const AX: u8 = 0;
    /// Counter.
    pub const CX: u8 = 1;
    /// Data.
    pub const DX: u8 = 2;
    /// Base.
    pub const BX: u8 = 3;
    /// Stack pointer.
    pub const SP: u8 = 4;
    /// Base pointer.
    pub const BP: u8 = 5;
    /// Source index.
    pub const SI: u8 = 6;
    /// Destination index.
    pub const DI: u8 = 7;
}

/// Condition codes in the numbering of Jcc (SDM vol. 1, appendix B).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cond {
    /// OF.
    O = 0,
    /// Not OF.
    No = 1,
    /// CF: below.
    B = 2,
    /// Not CF.
    Ae = 3,
    /// ZF: equal.
    E = 4,
    /// Not ZF.
    Ne = 5,
    /// CF or ZF.
    Be = 6,
    /// Neither.
    A = 7,
    /// SF.
    S = 8,
    /// Not SF.
    Ns = 9,
    /// PF.
    P = 10,
    /// Not PF.
    Np = 11,
    /// SF differs from OF: less.
    L = 12,
    /// SF equals OF.
    Ge = 13,
    /// ZF, or SF differs from OF.
    Le = 14,
    /// Greater.
    G = 15,
}

impl Cond {
    /// The condition with the low four bits of `n` as its number.
    #[must_use]
    pub const fn from_number(n: u8) -> Self {
        const ALL: [Cond; 16] = [
            Cond::O,
            Cond::No,
            Cond::B,
            Cond::Ae,
            Cond::E,
            Cond::Ne,
            Cond::Be,
            Cond::A,
            Cond::S,
            Cond::Ns,
            Cond::P,
            Cond::Np,
            Cond::L,
            Cond::Ge,
            Cond::Le,
            Cond::G,
        ];
        ALL[(n & 15) as usize]
    }
}
