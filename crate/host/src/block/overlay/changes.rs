//! What was written over a source: sectors, kept in clusters.

use crate::block::{BlockError, SECTOR};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::rc::Rc;

/// Sectors in a cluster: 4 KB, the block and page of most guests.
const CLUSTER: u64 = 8;

/// The sectors written over a source, by their place. Clones are handles to the same sectors: the drive has
/// one, whoever saves the machine has another.
///
/// The saved form is the same bytes for the same sectors, in whatever order they were written:
///
/// ```text
/// sectors     u64     of the medium
/// clusters    those with a written sector, in ascending order:
///   number    u64     of the cluster, eight sectors each
///   written   u8      which sectors of it were, the lowest bit being the first
///   contents  512 bytes for each of these
/// ```
///
/// Whoever stores it says which version of this it is, and for which source.
#[derive(Clone, Debug)]
pub struct Changes(Rc<RefCell<Store>>);

#[derive(Debug)]
struct Store {
    /// Sectors of the medium.
    sectors: u64,
    /// The most clusters there may be.
    limit: u64,
    clusters: BTreeMap<u64, Cluster>,
}

#[derive(Debug)]
struct Cluster {
    /// Which sectors are written. The others are zero.
    written: u8,
    sectors: Box<[[u8; SECTOR]; CLUSTER as usize]>,
}

/// Why saved changes cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesError {
    /// They were made on a medium of another size.
    OtherMedium {
        /// Sectors of that medium.
        sectors: u64,
    },
    /// The bytes are no saved changes.
    Malformed,
}

impl fmt::Display for ChangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMedium { sectors } => {
                write!(f, "the changes were made on a medium of another size, {sectors} sectors")
            }
            Self::Malformed => f.write_str("the saved changes are damaged"),
        }
    }
}

impl std::error::Error for ChangesError {}

impl Cluster {
    fn new() -> Self {
        Self { written: 0, sectors: Box::new([[0; SECTOR]; CLUSTER as usize]) }
    }

    /// Its written sectors, with their places in it.
    fn written(&self) -> impl Iterator<Item = (u64, &[u8; SECTOR])> {
        (0..CLUSTER).zip(self.sectors.iter()).filter(|(at, _)| self.written >> at & 1 != 0)
    }

    fn write(&mut self, at: u64, contents: &[u8]) {
        if let Some(sector) = self.sectors.get_mut(at as usize) {
            sector.copy_from_slice(contents);
            self.written |= 1 << at;
        }
    }
}

impl Changes {
    /// None yet, to a medium of so many sectors.
    #[must_use]
    pub fn new(sectors: u64) -> Self {
        Self(Rc::new(RefCell::new(Store { sectors, limit: u64::MAX, clusters: BTreeMap::new() })))
    }

    /// Lets them take no more than about so many bytes; a write that would need more fails. Without this the
    /// medium's size is the bound.
    pub fn limit(&self, bytes: u64) {
        self.0.borrow_mut().limit = bytes / (CLUSTER * SECTOR as u64);
    }

    /// Sectors of the medium.
    #[must_use]
    pub fn sectors(&self) -> u64 {
        self.0.borrow().sectors
    }

    /// Bytes of memory that they take, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.borrow().clusters.len() as u64 * CLUSTER * SECTOR as u64
    }

    /// Forgets all: the medium is its source again.
    pub fn clear(&self) {
        self.0.borrow_mut().clusters.clear();
    }

    /// Gives the saved form, piece by piece: to be hashed or compressed without a copy of the whole.
    pub fn save_to(&self, mut take: impl FnMut(&[u8])) {
        let store = self.0.borrow();
        take(&store.sectors.to_le_bytes());
        for (number, cluster) in &store.clusters {
            take(&number.to_le_bytes());
            take(&[cluster.written]);
            for (_, sector) in cluster.written() {
                take(sector);
            }
        }
    }

    /// The saved form.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut saved = Vec::new();
        self.save_to(|piece| saved.extend_from_slice(piece));
        saved
    }

    /// Takes over what was saved, in the place of what is here. Reads under way give what they would have given.
    ///
    /// # Errors
    /// [`ChangesError`] says why not. Nothing has changed then.
    pub fn restore(&self, saved: &[u8]) -> Result<(), ChangesError> {
        let mut reader = Reader(saved);
        let sectors = reader.u64()?;
        let mut store = self.0.borrow_mut();
        if sectors != store.sectors {
            return Err(ChangesError::OtherMedium { sectors });
        }
        let mut clusters = BTreeMap::new();
        while !reader.0.is_empty() {
            let number = reader.u64()?;
            if clusters.last_key_value().is_some_and(|(&last, _)| last >= number) {
                return Err(ChangesError::Malformed);
            }
            clusters.insert(number, reader.cluster(number, sectors)?);
        }
        store.clusters = clusters;
        Ok(())
    }

    /// Whether any of `count` sectors from sector `first` is written.
    pub(super) fn touch(&self, first: u64, count: u32) -> bool {
        let mut touch = false;
        self.visit(first, count, |_, _| touch = true);
        touch
    }

    /// Shows those of `count` sectors from sector `first` that are written, with their places among the `count`.
    pub(super) fn visit(&self, first: u64, count: u32, mut show: impl FnMut(usize, &[u8; SECTOR])) {
        let end = first.saturating_add(count.into());
        for (number, cluster) in self.0.borrow().clusters.range(first / CLUSTER..end.div_ceil(CLUSTER)) {
            for (at, contents) in cluster.written() {
                let sector = number * CLUSTER + at;
                if (first..end).contains(&sector) {
                    show((sector - first) as usize, contents);
                }
            }
        }
    }

    /// Writes whole sectors, which are on the medium.
    pub(super) fn write(&self, first: u64, data: &[u8]) -> Result<(), BlockError> {
        let mut store = self.0.borrow_mut();
        let end = first.saturating_add((data.len() / SECTOR) as u64);
        let numbers = first / CLUSTER..end.div_ceil(CLUSTER);
        let fresh = (numbers.end - numbers.start) - store.clusters.range(numbers).count() as u64;
        if fresh > 0 && store.clusters.len() as u64 + fresh > store.limit {
            return Err(BlockError::Failed);
        }
        let mut at = first;
        let mut rest = data;
        while !rest.is_empty() {
            let within = at % CLUSTER;
            let here = rest.len().min((CLUSTER - within) as usize * SECTOR);
            let (now, later) = rest.split_at(here);
            let cluster = match store.clusters.entry(at / CLUSTER) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Cluster::new()),
            };
            for (at, contents) in (within..).zip(now.chunks_exact(SECTOR)) {
                cluster.write(at, contents);
            }
            at += CLUSTER - within;
            rest = later;
        }
        Ok(())
    }
}

/// Reads the saved form.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], ChangesError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ChangesError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u64(&mut self) -> Result<u64, ChangesError> {
        Ok(u64::from_le_bytes(*self.take()?))
    }

    /// A cluster of a medium of `sectors` sectors.
    fn cluster(&mut self, number: u64, sectors: u64) -> Result<Cluster, ChangesError> {
        let [written] = *self.take()?;
        let first = number.checked_mul(CLUSTER).filter(|&first| first < sectors);
        let there = sectors - first.ok_or(ChangesError::Malformed)?;
        if written == 0 || there < CLUSTER && written >> there != 0 {
            return Err(ChangesError::Malformed);
        }
        let mut cluster = Cluster::new();
        for at in (0..CLUSTER).filter(|at| written >> at & 1 != 0) {
            cluster.write(at, self.take::<SECTOR>()?);
        }
        Ok(cluster)
    }
}
