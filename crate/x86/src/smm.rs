//! System management mode's save map, 32-bit form (SDM vol. 3, table 35-1 "SMRAM State Save Map").

/// Where the map begins, from SMBASE.
pub const SAVED: u64 = 0xFE00;
/// SMBASE after reset.
pub const SMBASE_AT_RESET: u32 = 0x3_0000;
/// SMM revision identifier, from the map's beginning. Bit 16: I/O instructions can be restarted; bit 17: SMBASE can be moved.
pub const REVISION: u64 = 0xFC;
/// What the processor says there: SMBASE can be moved; the map is the 32-bit one (revision 0).
pub const REVISION_VALUE: u32 = 1 << 17;
/// SMBASE as it will be after RSM.
pub const SMBASE: u64 = 0xF8;
/// Auto HALT restart, a word.
pub const AUTO_HALT: u64 = 0x102;

/// Offsets from the map's beginning, all of doublewords. The upper half is the manual's; where HIDDEN and what follows it lie
/// is ours, in what the manual reserves.
#[expect(missing_docs, reason = "named as the registers")]
pub mod save {
    /// Bytes of the map.
    pub const LEN: u64 = 0x200;
    pub const CR0: u64 = 0x1FC;
    pub const CR3: u64 = 0x1F8;
    pub const EFLAGS: u64 = 0x1F4;
    pub const EIP: u64 = 0x1F0;
    pub const EDI: u64 = 0x1EC;
    pub const ESI: u64 = 0x1E8;
    pub const EBP: u64 = 0x1E4;
    pub const ESP: u64 = 0x1E0;
    pub const EBX: u64 = 0x1DC;
    pub const EDX: u64 = 0x1D8;
    pub const ECX: u64 = 0x1D4;
    pub const EAX: u64 = 0x1D0;
    pub const DR6: u64 = 0x1CC;
    pub const DR7: u64 = 0x1C8;
    pub const TR: u64 = 0x1C4;
    pub const LDTR: u64 = 0x1C0;
    pub const GS: u64 = 0x1BC;
    pub const FS: u64 = 0x1B8;
    pub const DS: u64 = 0x1B4;
    pub const SS: u64 = 0x1B0;
    pub const CS: u64 = 0x1AC;
    pub const ES: u64 = 0x1A8;
    /// Base, limit and rights of ES, CS, SS, DS, FS and GS.
    pub const HIDDEN: u64 = 0x110;
    pub const HIDDEN_LDTR: u64 = HIDDEN + 6 * 12;
    pub const HIDDEN_TR: u64 = HIDDEN_LDTR + 12;
    pub const CR4: u64 = HIDDEN_TR + 12;
    pub const GDT_BASE: u64 = CR4 + 4;
    pub const GDT_LIMIT: u64 = CR4 + 8;
    pub const IDT_BASE: u64 = CR4 + 12;
    pub const IDT_LIMIT: u64 = CR4 + 16;
    const _: () = assert!(IDT_LIMIT < 0x1A4, "the I/O state field is the manual's");
}
