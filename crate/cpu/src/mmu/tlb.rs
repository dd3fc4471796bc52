//! The architectural TLB and the fast tables in front of it.
//!
//! To the guest, the architectural TLB holds everything walked since the last flush, up to [`CAPACITY`]
//! entries, then it is flushed whole: the same point in every executor. The fast tables are direct-mapped
//! caches of it, one for reads and one for writes, per access class; losing an entry of theirs costs time
//! and never a walk, so accessed and dirty bits come out the same whatever the caches do.

use crate::state::mode;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Entries the architectural TLB holds before it is flushed.
pub(super) const CAPACITY: usize = 4096;

/// A translation as walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Physical address of the page.
    pub page: u64,
    /// Writable at every level.
    pub writable: bool,
    /// User at every level.
    pub user: bool,
    /// Not executable at some level.
    pub no_execute: bool,
    /// The dirty bit is set in memory.
    pub dirty: bool,
    /// Survives CR3 writes.
    pub global: bool,
    /// log2 of the page size: 12, 21 or 22.
    pub shift: u8,
}

/// A multiplicative hash: keys are page numbers, not chosen to collide across maps.
#[derive(Default, Clone, Copy)]
pub struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u64(u64::from(b));
        }
    }
    fn write_u32(&mut self, v: u32) {
        self.write_u64(u64::from(v));
    }
    fn write_u64(&mut self, v: u64) {
        let x = (self.0.rotate_left(5) ^ v).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = x ^ x >> 32;
    }
}

/// A map keyed by page numbers or addresses.
pub type PageMap<K, V> = HashMap<K, V, BuildHasherDefault<PageHasher>>;

/// The architectural TLB.
#[derive(Debug, Default)]
pub struct Tlb {
    entries: PageMap<u64, Translation>,
    large: usize,
}

const fn key(lin: u64, shift: u8) -> u64 {
    (lin >> shift) << 6 | shift as u64
}

impl Tlb {
    /// The translation of `lin`, if one is held.
    #[inline]
    pub fn lookup(&self, lin: u64) -> Option<Translation> {
        if let Some(t) = self.entries.get(&key(lin, 12)) {
            return Some(*t);
        }
        if self.large == 0 {
            return None;
        }
        [21, 22].iter().find_map(|&shift| self.entries.get(&key(lin, shift)).copied())
    }

    /// Holds a translation. True if the TLB was full and has been flushed first.
    pub fn insert(&mut self, lin: u64, t: Translation) -> bool {
        let full = self.entries.len() >= CAPACITY;
        if full {
            self.flush();
        }
        let old = self.entries.insert(key(lin, t.shift), t);
        if t.shift != 12 && old.is_none() {
            self.large += 1;
        }
        full
    }

    /// Whether `more` entries might not find room.
    pub(super) fn lacks_room_for(&self, more: usize) -> bool {
        self.entries.len() + more > CAPACITY
    }

    /// Drops what translates `lin`: the largest of it.
    pub fn drop_page(&mut self, lin: u64) -> Option<Translation> {
        let mut dropped = None;
        for shift in [12, 21, 22] {
            if let Some(t) = self.entries.remove(&key(lin, shift)) {
                dropped = Some(t);
                if shift != 12 {
                    self.large -= 1;
                }
            }
        }
        dropped
    }

    /// Drops everything that is not global. True if anything global stays.
    pub fn flush_non_global(&mut self) -> bool {
        self.entries.retain(|_, t| t.global);
        self.large = self.entries.values().filter(|t| t.shift != 12).count();
        !self.entries.is_empty()
    }

    /// Drops everything.
    pub fn flush(&mut self) {
        self.entries.clear();
        self.large = 0;
    }

    /// All entries in an order that depends on nothing but their content.
    #[must_use]
    pub fn sorted(&self) -> Vec<(u64, Translation)> {
        let mut all: Vec<_> = self.entries.iter().map(|(k, t)| ((k >> 6) << t.shift, *t)).collect();
        all.sort_unstable_by_key(|(lin, t)| (*lin, t.shift));
        all
    }
}

/// Slots of each fast table per access class.
pub const FAST_SLOTS: usize = 1 << FAST_BITS;
const FAST_BITS: u32 = 12;

/// Access classes: who asks. Each has its own fast tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// CPL 0 to 2.
    Supervisor,
    /// CPL 3.
    User,
    /// CPL 0 to 2 under SMAP with AC clear: user pages fault.
    SupervisorNoUser,
}
/// How many there are.
pub const CLASSES: usize = 3;

impl Class {
    /// All, in the order of their numbers.
    pub const ALL: [Self; CLASSES] = [Self::Supervisor, Self::User, Self::SupervisorNoUser];

    /// That of code under these mode bits.
    #[inline]
    #[must_use]
    pub const fn of(mode_bits: u32) -> Self {
        if mode_bits & mode::USER != 0 {
            Self::User
        } else if mode_bits & mode::NO_USER != 0 {
            Self::SupervisorNoUser
        } else {
            Self::Supervisor
        }
    }
}

/// A fast entry. An access at `a` of `n` bytes hits if `(a + n - 1) & PAGE_MASK == tag`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct FastEntry {
    /// Linear page address; all ones when empty.
    pub(super) tag: u64,
    /// RAM offset minus linear address (wrapping).
    pub(super) addend: u64,
}

const EMPTY: FastEntry = FastEntry { tag: u64::MAX, addend: 0 };

type Entries = Box<[FastEntry; FAST_SLOTS]>;

/// One direct-mapped table per access class.
#[derive(Debug)]
pub(super) struct FastTable {
    /// Those of `class`: at hand, so that a hit need not look for them.
    entries: Entries,
    class: Class,
    /// Those of the other classes; in the place of `class` there are empty ones.
    others: [Entries; CLASSES],
    global: Box<[bool; FAST_SLOTS * CLASSES]>,
    /// Slots that may be filled, with the class in the bits above.
    filled: Vec<u16>,
}

impl Default for FastTable {
    fn default() -> Self {
        let empty = || Box::new([EMPTY; FAST_SLOTS]);
        Self {
            entries: empty(),
            class: Class::Supervisor,
            others: [empty(), empty(), empty()],
            global: Box::new([false; FAST_SLOTS * CLASSES]),
            filled: Vec::new(),
        }
    }
}

#[inline(always)]
fn slot(lin: u64) -> usize {
    (lin >> 12) as usize & (FAST_SLOTS - 1)
}

impl FastTable {
    /// RAM offset of an access, on a hit.
    #[inline(always)]
    pub(super) fn hit(&self, lin: u64, bytes: u64) -> Option<u64> {
        let e = &self.entries[slot(lin)];
        if lin.wrapping_add(bytes - 1) & !0xFFF == e.tag { Some(lin.wrapping_add(e.addend)) } else { None }
    }

    /// Says who asks from now on.
    #[inline]
    pub(super) fn set_class(&mut self, class: Class) {
        if class != self.class {
            std::mem::swap(&mut self.entries, &mut self.others[self.class as usize]);
            std::mem::swap(&mut self.entries, &mut self.others[class as usize]);
            self.class = class;
        }
    }

    /// Address of the entries of an access class; they do not move.
    pub(super) fn address(&self, class: Class) -> usize {
        let of_class = if class == self.class { &self.entries } else { &self.others[class as usize] };
        of_class.as_ptr().addr()
    }

    /// Who asks.
    #[inline]
    pub(super) fn class(&self) -> Class {
        self.class
    }

    fn entry(&mut self, class: usize, slot: usize) -> &mut FastEntry {
        let of_class = if class == self.class as usize { &mut self.entries } else { &mut self.others[class] };
        &mut of_class[slot]
    }

    /// Caches that the page of `lin` lies at RAM offset `page`.
    pub(super) fn fill(&mut self, lin: u64, page: u64, global: bool) {
        let slot = slot(lin);
        let number = (self.class as usize) << FAST_BITS | slot;
        let tag = lin & !0xFFF;
        if self.entries[slot].tag == u64::MAX {
            self.filled.push(number as u16);
        }
        self.entries[slot] = FastEntry { tag, addend: page.wrapping_sub(tag) };
        self.global[number] = global;
    }

    /// Empties all entries, or all that are not global.
    pub(super) fn flush(&mut self, keep_global: bool) {
        let mut filled = std::mem::take(&mut self.filled);
        filled.retain(|&s| {
            let s = usize::from(s);
            let keep = keep_global && self.global[s];
            if !keep {
                *self.entry(s >> FAST_BITS, s & (FAST_SLOTS - 1)) = EMPTY;
            }
            keep
        });
        self.filled = filled;
    }

    /// Empties the entries of one page, in every class.
    pub(super) fn drop_page(&mut self, lin: u64) {
        for class in 0..CLASSES {
            let e = self.entry(class, slot(lin));
            if e.tag == lin & !0xFFF {
                // Stays in `filled`; a duplicate there is harmless.
                e.tag = u64::MAX - 1;
            }
        }
    }

    /// Empties the entries that lead to the RAM page at offset `page`.
    pub(super) fn drop_ram_page(&mut self, page: u64) {
        self.drop_ram_range(page, 1);
    }

    /// Empties the entries that lead to pages of RAM that begin in a range.
    pub(super) fn drop_ram_range(&mut self, at: u64, len: u64) {
        for n in 0..self.filled.len() {
            let s = usize::from(self.filled[n]);
            let e = self.entry(s >> FAST_BITS, s & (FAST_SLOTS - 1));
            if e.tag & 0xFFF == 0 && e.tag.wrapping_add(e.addend).wrapping_sub(at) < len {
                e.tag = u64::MAX - 1;
            }
        }
    }
}
