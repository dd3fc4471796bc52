//! CPUID feature bits (SDM vol. 2, CPUID).

/// Leaf 1, ECX.
pub mod ecx1 {
    /// The local APIC's registers as model-specific ones.
    pub const X2APIC: u32 = 1 << 21;
    /// The local APIC's timer runs to a time-stamp.
    pub const TSC_DEADLINE: u32 = 1 << 24;
}

/// Leaf 1, EDX.
pub mod edx1 {
    /// x87 on chip.
    pub const FPU: u32 = 1 << 0;
    /// Virtual-8086 extensions.
    pub const VME: u32 = 1 << 1;
    /// Debugging extensions.
    pub const DE: u32 = 1 << 2;
    /// 4 MB pages.
    pub const PSE: u32 = 1 << 3;
    /// Time-stamp counter.
    pub const TSC: u32 = 1 << 4;
    /// RDMSR and WRMSR.
    pub const MSR: u32 = 1 << 5;
    /// Physical address extension.
    pub const PAE: u32 = 1 << 6;
    /// Machine-check exception.
    pub const MCE: u32 = 1 << 7;
    /// CMPXCHG8B.
    pub const CX8: u32 = 1 << 8;
    /// On-chip APIC.
    pub const APIC: u32 = 1 << 9;
    /// SYSENTER and SYSEXIT.
    pub const SEP: u32 = 1 << 11;
    /// Memory-type range registers.
    pub const MTRR: u32 = 1 << 12;
    /// Global pages.
    pub const PGE: u32 = 1 << 13;
    /// Machine-check architecture.
    pub const MCA: u32 = 1 << 14;
    /// CMOVcc.
    pub const CMOV: u32 = 1 << 15;
    /// Page-attribute table.
    pub const PAT: u32 = 1 << 16;
    /// 36-bit page-size extension.
    pub const PSE36: u32 = 1 << 17;
    /// CLFLUSH.
    pub const CLFSH: u32 = 1 << 19;
    /// MMX.
    pub const MMX: u32 = 1 << 23;
    /// FXSAVE and FXRSTOR.
    pub const FXSR: u32 = 1 << 24;
    /// SSE.
    pub const SSE: u32 = 1 << 25;
    /// SSE2.
    pub const SSE2: u32 = 1 << 26;
}

/// Leaf 8000_0001h, EDX.
pub mod edx8 {
    /// No-execute pages.
    pub const NX: u32 = 1 << 20;
}
