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

/// A region to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Call {
    /// The host's handle of it.
    pub handle: u32,
    /// The block to begin with.
    pub block: u32,
    /// Those of its pages that the TLB holds, a bit each.
    pub pages: u32,
    /// Distance of the block from the region's entry.
    pub delta: i32,
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
        let call = Call { handle: 0, block: 0, pages: 0, delta: 0 };
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
    pub handle: u32,
    pub block: u32,
    pub pages: u32,
    pub delta: u32,
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

    /// Where translated code finds it.
    #[must_use]
    pub fn place(&self) -> Where {
        let call = offset_of!(Found, call);
        let at = |n: usize| n as u32;
        Where {
            table: at(self.0.as_ptr() as usize),
            mask: at(SLOTS - 1),
            shift: size_of::<Found>().trailing_zeros(),
            tag: at(offset_of!(Found, tag)),
            lin: at(offset_of!(Found, lin)),
            insns: at(offset_of!(Found, insns)),
            handle: at(call + offset_of!(Call, handle)),
            block: at(call + offset_of!(Call, block)),
            pages: at(call + offset_of!(Call, pages)),
            delta: at(call + offset_of!(Call, delta)),
        }
    }
}
