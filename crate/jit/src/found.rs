//! The table of regions by linear address: how a region is found without asking the TLB.
//!
//! Direct-mapped. An entry says under which tag it holds: the MMU's generation when it was made, which changes
//! whenever a translation that code was found through may have gone or code was overwritten, with the mode bits. Both
//! the engine and translated code look into it, the latter at the offsets of [`Where`]; only the engine writes.
//!
//! An entry for "no region here" holds as long as any other, so that code without a translation is not searched for
//! again and again.

use cpu::mmu::Tags;
use std::mem::{offset_of, size_of};
use wasm_encoder::Instruction;

/// A region to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Call {
    /// The host's handle of it, and the block to begin with in the low [`BLOCK_BITS`].
    at: u32,
    /// The engine's number of it.
    pub region: u32,
    /// Those of its pages that the TLB holds, a bit each.
    pub pages: u32,
    /// Distance of the block from the region's entry.
    pub delta: i32,
}

/// Bits of a block's number in a region.
pub const BLOCK_BITS: u32 = 5;

impl Call {
    /// A call of a region by its handle and number, at a block with its distance from the entry.
    #[must_use]
    pub const fn new(handle: u32, region: u32, block: u32, pages: u32, delta: i32) -> Self {
        Self { at: handle << BLOCK_BITS | block & (1 << BLOCK_BITS) - 1, region, pages, delta }
    }

    /// The host's handle.
    #[inline(always)]
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.at >> BLOCK_BITS
    }

    /// The block to begin with.
    #[inline(always)]
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.at & (1 << BLOCK_BITS) - 1
    }
}

/// What was found at a linear address.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Found {
    tag: u64,
    lin: u32,
    /// Instructions of the block: a smaller budget gets nowhere.
    insns: u32,
    call: Call,
}

/// Budgets are smaller than this.
const NOWHERE: u32 = u32::MAX;

impl Found {
    /// A region at a linear address.
    #[must_use]
    pub const fn region(lin: u64, tag: u64, insns: u32, call: Call) -> Self {
        Self { tag, lin: lin as u32, insns, call }
    }

    /// No region at a linear address.
    #[must_use]
    pub const fn nothing(lin: u64, tag: u64) -> Self {
        let call = Call::new(0, u32::MAX, 0, 0, 0);
        Self { tag, lin: lin as u32, insns: NOWHERE, call }
    }

    /// How to call it, if it is one, and how many instructions its first block has.
    #[inline(always)]
    #[must_use]
    pub const fn call(&self) -> Option<(Call, u32)> {
        if self.insns == NOWHERE { None } else { Some((self.call, self.insns)) }
    }
}

const SLOTS: usize = 1 << 12;
const _: () = assert!(size_of::<Found>() == 32, "translated code shifts by 5");

/// The table.
#[derive(Debug)]
pub struct FoundTable(Box<[Found; SLOTS]>);

/// Where translated code finds the table and the fields of an entry.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of an entry")]
pub struct Where {
    /// Address of the first entry.
    pub table: u32,
    /// Mask of the number of an entry.
    pub mask: u32,
    /// Bits to shift that number by.
    pub shift: u32,
    pub tag: u32,
    pub lin: u32,
    pub insns: u32,
    pub at: u32,
    pub region: u32,
    pub pages: u32,
    pub delta: u32,
}

impl Where {
    /// Pushes the address of the entry (but for [`Where::table`]) for the linear address in a local.
    #[must_use]
    pub fn entry(&self, lin: u32) -> [Instruction<'static>; 9] {
        use Instruction as W;
        [
            W::LocalGet(lin),
            W::LocalGet(lin),
            W::I32Const(12),
            W::I32ShrU,
            W::I32Xor,
            W::I32Const(self.mask as i32),
            W::I32And,
            W::I32Const(self.shift as i32),
            W::I32Shl,
        ]
    }
}

/// Tag of an empty entry: no generation comes this far.
const NO_TAG: u64 = u64::MAX;

impl Default for FoundTable {
    fn default() -> Self {
        Self(Box::new([Found::nothing(0, NO_TAG); SLOTS]))
    }
}

/// Which entry is that of an address; translated code computes the same.
const fn slot(lin: u64) -> usize {
    let lin = lin as u32;
    (lin ^ lin >> 12) as usize & (SLOTS - 1)
}

impl FoundTable {
    /// The entry for an address, if it holds.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, lin: u64, tags: Tags) -> Option<Found> {
        let f = self.0[slot(lin)];
        (f.lin == lin as u32 && tags.hold(f.tag)).then_some(f)
    }

    /// Remembers.
    pub fn set(&mut self, lin: u64, found: Found) {
        self.0[slot(lin)] = found;
    }

    /// Forgets what was found at an address.
    pub fn forget(&mut self, lin: u64) {
        self.set(lin, Found::nothing(0, NO_TAG));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.fill(Found::nothing(0, NO_TAG));
    }

    /// Where translated code finds it, if its memory begins at `base` in this process's.
    #[must_use]
    pub fn place(&self, base: usize) -> Where {
        let call = offset_of!(Found, call);
        let at = |n: usize| n as u32;
        Where {
            table: at((self.0.as_ptr() as usize).wrapping_sub(base)),
            mask: at(SLOTS - 1),
            shift: size_of::<Found>().trailing_zeros(),
            tag: at(offset_of!(Found, tag)),
            lin: at(offset_of!(Found, lin)),
            insns: at(offset_of!(Found, insns)),
            at: at(call + offset_of!(Call, at)),
            region: at(call + offset_of!(Call, region)),
            pages: at(call + offset_of!(Call, pages)),
            delta: at(call + offset_of!(Call, delta)),
        }
    }
}
