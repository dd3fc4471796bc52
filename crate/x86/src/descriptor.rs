//! Segment descriptors, gates and selectors (SDM vol. 3, 3.4 and 6.11).

/// A segment selector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub u16);

impl Selector {
    /// Requested privilege level.
    #[must_use]
    pub const fn rpl(self) -> u8 {
        (self.0 & 3) as u8
    }
    /// True when the index is into the LDT.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0 & 4 != 0
    }
    /// Byte offset of the descriptor in its table.
    #[must_use]
    pub const fn offset(self) -> u32 {
        (self.0 & 0xFFF8) as u32
    }
    /// A null selector: index 0 of the GDT, any RPL.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 & 0xFFFC == 0
    }
    /// As an exception's error code: RPL cleared.
    #[must_use]
    pub const fn error_code(self) -> u32 {
        (self.0 & 0xFFFC) as u32
    }
}

/// Access rights of a segment: the descriptor's bytes 5 and 6 as LAR shows them, shifted down by 8
/// (bits 0 to 7 access byte, 12 to 15 flags).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(pub u16);

impl Rights {
    /// Accessed (code and data).
    pub const ACCESSED: u16 = 1 << 0;
    /// Writable data, readable code.
    pub const RW: u16 = 1 << 1;
    /// Expand-down data, conforming code.
    pub const DC: u16 = 1 << 2;
    /// Code.
    pub const CODE: u16 = 1 << 3;
    /// Code or data, not a system segment.
    pub const S: u16 = 1 << 4;
    /// Present.
    pub const PRESENT: u16 = 1 << 7;
    /// Available to software.
    pub const AVL: u16 = 1 << 12;
    /// 64-bit code.
    pub const L: u16 = 1 << 13;
    /// 32-bit default operand size, stack pointer, or upper bound.
    pub const DB: u16 = 1 << 14;
    /// Limit counts 4 KB units.
    pub const G: u16 = 1 << 15;

    /// Type field: four bits.
    #[must_use]
    pub const fn kind(self) -> u8 {
        (self.0 & 15) as u8
    }
    /// Descriptor privilege level.
    #[must_use]
    pub const fn dpl(self) -> u8 {
        (self.0 >> 5 & 3) as u8
    }
    /// Present.
    #[must_use]
    pub const fn present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }
    /// System segment or gate.
    #[must_use]
    pub const fn is_system(self) -> bool {
        self.0 & Self::S == 0
    }
    /// Code segment.
    #[must_use]
    pub const fn is_code(self) -> bool {
        self.0 & (Self::S | Self::CODE) == Self::S | Self::CODE
    }
    /// Data segment.
    #[must_use]
    pub const fn is_data(self) -> bool {
        self.0 & (Self::S | Self::CODE) == Self::S
    }
    /// Conforming code.
    #[must_use]
    pub const fn is_conforming(self) -> bool {
        self.is_code() && self.0 & Self::DC != 0
    }
    /// Data that may be written.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.is_data() && self.0 & Self::RW != 0
    }
    /// Data, or code that may be read.
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.is_data() || (self.is_code() && self.0 & Self::RW != 0)
    }
    /// Data whose valid offsets lie above the limit.
    #[must_use]
    pub const fn is_expand_down(self) -> bool {
        self.is_data() && self.0 & Self::DC != 0
    }
    /// The D/B flag.
    #[must_use]
    pub const fn is_32(self) -> bool {
        self.0 & Self::DB != 0
    }
}

/// System descriptor types (SDM vol. 3, table 3-2).
pub mod system {
    /// 16-bit TSS, available.
    pub const TSS16: u8 = 1;
    /// LDT.
    pub const LDT: u8 = 2;
    /// 16-bit TSS, busy.
    pub const TSS16_BUSY: u8 = 3;
    /// 16-bit call gate.
    pub const CALL_GATE16: u8 = 4;
    /// Task gate.
    pub const TASK_GATE: u8 = 5;
    /// 16-bit interrupt gate.
    pub const INT_GATE16: u8 = 6;
    /// 16-bit trap gate.
    pub const TRAP_GATE16: u8 = 7;
    /// 32-bit TSS, available.
    pub const TSS32: u8 = 9;
    /// 32-bit TSS, busy.
    pub const TSS32_BUSY: u8 = 11;
    /// 32-bit call gate.
    pub const CALL_GATE32: u8 = 12;
    /// 32-bit interrupt gate.
    pub const INT_GATE32: u8 = 14;
    /// 32-bit trap gate.
    pub const TRAP_GATE32: u8 = 15;
}

/// A descriptor as it lies in memory: eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor(pub u64);

impl Descriptor {
    /// Of a segment. `limit` is the 20 bits as they lie there, `access` byte 5, `flags` the high half of byte 6 (8 = G,
    /// 4 = D/B).
    #[must_use]
    pub const fn segment(base: u32, limit: u32, access: u8, flags: u8) -> Self {
        let (base, limit) = (base as u64, limit as u64);
        Self(
            limit & 0xFFFF
                | (base & 0xFF_FFFF) << 16
                | (access as u64) << 40
                | (limit >> 16 & 15) << 48
                | (flags as u64) << 52
                | base >> 24 << 56,
        )
    }
    /// Of a gate. `access` is byte 5, `parameters` what a call gate copies.
    #[must_use]
    pub const fn gate(selector: u16, offset: u32, access: u8, parameters: u8) -> Self {
        let offset = offset as u64;
        Self(
            offset & 0xFFFF
                | (selector as u64) << 16
                | (parameters as u64) << 32
                | (access as u64) << 40
                | offset >> 16 << 48,
        )
    }
    /// Segment base.
    #[must_use]
    pub const fn base(self) -> u32 {
        (self.0 >> 16 & 0xFF_FFFF) as u32 | (self.0 >> 32 & 0xFF00_0000) as u32
    }
    /// Segment limit in bytes (granularity applied).
    #[must_use]
    pub const fn limit(self) -> u32 {
        let raw = (self.0 & 0xFFFF) as u32 | (self.0 >> 32 & 0xF_0000) as u32;
        if self.rights().0 & Rights::G != 0 { raw << 12 | 0xFFF } else { raw }
    }
    /// Access rights.
    #[must_use]
    pub const fn rights(self) -> Rights {
        Rights((self.0 >> 40) as u16 & 0xF0FF)
    }
    /// Offset of a gate; the upper half counts only in 32-bit gates.
    #[must_use]
    pub const fn gate_offset(self) -> u32 {
        (self.0 & 0xFFFF) as u32 | (self.0 >> 32 & 0xFFFF_0000) as u32
    }
    /// Selector in a gate.
    #[must_use]
    pub const fn gate_selector(self) -> Selector {
        Selector((self.0 >> 16) as u16)
    }
    /// Parameter count of a call gate.
    #[must_use]
    pub const fn gate_params(self) -> u32 {
        (self.0 >> 32 & 31) as u32
    }
}
