//! Model-specific registers (SDM vol. 4, chapter 2).

/// Time-stamp counter.
pub const TSC: u32 = 0x10;
/// Platform identification.
pub const PLATFORM_ID: u32 = 0x17;
/// Local APIC base.
pub const APIC_BASE: u32 = 0x1B;
/// Microcode revision.
pub const BIOS_SIGN_ID: u32 = 0x8B;
/// Memory-type ranges supported.
pub const MTRR_CAP: u32 = 0xFE;
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

/// Bits of [`EFER`].
pub mod efer {
    /// SYSCALL enable.
    pub const SCE: u64 = 1 << 0;
    /// No-execute enable.
    pub const NXE: u64 = 1 << 11;
}
