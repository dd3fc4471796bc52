//! Model-specific registers (SDM vol. 4, chapter 2).

/// Time-stamp counter.
pub const TSC: u32 = 0x10;
/// Platform identification.
pub const PLATFORM_ID: u32 = 0x17;
/// Local APIC base.
pub const APIC_BASE: u32 = 0x1B;
/// The local APIC timer's deadline.
pub const TSC_DEADLINE: u32 = 0x6E0;
/// The local APIC's registers in x2APIC mode, and those reserved for it (SDM vol. 3, 10.12.1.2).
pub const X2APIC: std::ops::RangeInclusive<u32> = 0x800..=0xBFF;
/// Microcode revision.
pub const BIOS_SIGN_ID: u32 = 0x8B;
/// Memory-type ranges supported.
pub const MTRR_CAP: u32 = 0xFE;
/// Base and type of the first variable memory-type range; its mask is the next, then the others.
pub const MTRR_PHYS_BASE: u32 = 0x200;
/// Variable ranges.
pub const MTRR_RANGES: u32 = 8;
/// The fixed ranges below 1 MB, of eight types each: 64 KB, 16 KB and 4 KB.
pub const MTRR_FIXED: [u32; 11] =
    [0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F];
/// SYSENTER code selector.
pub const SYSENTER_CS: u32 = 0x174;
/// SYSENTER stack pointer.
pub const SYSENTER_ESP: u32 = 0x175;
/// SYSENTER entry point.
pub const SYSENTER_EIP: u32 = 0x176;
/// Machine-check capability.
pub const MCG_CAP: u32 = 0x179;
/// Machine-check status.
pub const MCG_STATUS: u32 = 0x17A;
/// Miscellaneous enables.
pub const MISC_ENABLE: u32 = 0x1A0;
/// Page-attribute table.
pub const PAT: u32 = 0x277;
/// Default memory type.
pub const MTRR_DEF_TYPE: u32 = 0x2FF;
/// Extended feature enables.
pub const EFER: u32 = 0xC000_0080;

/// Bits of [`APIC_BASE`].
pub mod apic_base {
    /// x2APIC mode.
    pub const EXTD: u64 = 1 << 10;
}

/// Bits of [`EFER`].
pub mod efer {
    /// SYSCALL enable.
    pub const SCE: u64 = 1 << 0;
    /// No-execute enable.
    pub const NXE: u64 = 1 << 11;
}
