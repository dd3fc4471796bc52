//! Copy on write: a source that is only read, and what was written over it.
//!
//! The difficulty is that a source answers late, and that how late must not show. So a write never waits for
//! the source: it goes into memory when it is submitted, sector by sector, and a sector is either written
//! whole or not at all. What was written, and with it a machine's state, then follows from the requests
//! alone, however slow the source is and whether it answers at all.
//!
//! A read takes what is written when it is submitted. If sectors are missing, the source is asked for them,
//! in one request from the first that is missing to the last; what lies between and was written is not taken
//! from the answer. Since a read has its part of the written sectors from the start and the source never
//! changes, each read gives what the medium held when it was submitted, in whatever order answers come.
//!
//! Requests under way are no part of what is saved: a device saves its own and asks anew. A read that a later
//! write has overtaken would then see the write; a device that works on one command at a time has none.
//!
//! Absent: nothing is ever written to the source, and what is read from it is not kept.

mod changes;

pub use changes::{Changes, ChangesError};

use super::{Block, BlockError, Completion, Medium, Operation, Request, RequestId, SECTOR};
use std::collections::VecDeque;
use std::ops::Range;

/// A medium that can be written, over one that need not be.
#[derive(Debug)]
pub struct Overlay<B> {
    source: B,
    /// The source's, but it can be written.
    medium: Option<Medium>,
    changes: Changes,
    /// Reads that the source has been asked for.
    waiting: Vec<Waiting>,
    answers: VecDeque<Completion>,
}

/// A read whose source has not answered. The source knows it by the same number.
#[derive(Debug)]
struct Waiting {
    id: RequestId,
    /// Which of its sectors the source was asked for.
    asked: Range<usize>,
    /// What was written, if any of it was.
    written: Option<Written>,
}

/// The written part of a read.
#[derive(Debug)]
struct Written {
    /// The whole read, with zeros in the place of what is missing.
    bytes: Vec<u8>,
    /// Which sectors are missing.
    missing: Vec<bool>,
}

impl<B: Block> Overlay<B> {
    /// Nothing is written yet over `source`, whose size is taken to be what it is now.
    #[must_use]
    pub fn new(source: B) -> Self {
        let sectors = source.medium().map_or(0, |medium| medium.sectors);
        Self::with(source, Changes::new(sectors))
    }

    /// Shows `source` with changes made before. They count only if they are for a medium of this size.
    #[must_use]
    pub fn with(source: B, changes: Changes) -> Self {
        let medium = source.medium().map(|Medium { sectors, .. }| Medium { sectors, read_only: false });
        let fits = medium.is_some_and(|medium| medium.sectors == changes.sectors());
        let changes = if fits { changes } else { Changes::new(medium.map_or(0, |medium| medium.sectors)) };
        Self { source, medium, changes, waiting: Vec::new(), answers: VecDeque::new() }
    }

    /// What has been written; stays valid when `self` is given away.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// The answer, or `None` if the source has been asked for it.
    fn perform(&mut self, id: RequestId, operation: Operation) -> Result<Option<Vec<u8>>, BlockError> {
        let medium = self.medium.ok_or(BlockError::NoMedium)?;
        match operation {
            Operation::Read { first, sectors } => {
                medium.check(first, sectors.into())?;
                Ok(self.read(id, first, sectors))
            }
            Operation::Write { first, data } => {
                medium.check_write(first, &data)?;
                self.changes.write(first, &data)?;
                Ok(Some(Vec::new()))
            }
            // What is in memory is as safe as it will ever be.
            Operation::Flush => Ok(Some(Vec::new())),
        }
    }

    /// Reads sectors that are on the medium.
    fn read(&mut self, id: RequestId, first: u64, sectors: u32) -> Option<Vec<u8>> {
        let count = sectors as usize;
        let written = self.changes.touch(first, sectors).then(|| {
            let mut written = Written { bytes: vec![0; count * SECTOR], missing: vec![true; count] };
            self.changes.visit(first, sectors, |at, sector| {
                let place = at * SECTOR..(at + 1) * SECTOR;
                if let (Some(to), Some(missing)) = (written.bytes.get_mut(place), written.missing.get_mut(at))
                {
                    to.copy_from_slice(sector);
                    *missing = false;
                }
            });
            written
        });
        let asked = written.as_ref().map_or(0..count, Written::gap);
        if asked.is_empty() {
            return Some(written.map_or_else(Vec::new, |written| written.bytes));
        }
        let (from, sectors) = (first + asked.start as u64, asked.len() as u32);
        self.waiting.push(Waiting { id, asked, written });
        self.source.submit(Request { id, operation: Operation::Read { first: from, sectors } });
        None
    }

    /// The source has answered; ours, if it is to something that waits.
    fn answered(&mut self, Completion { id, result }: Completion) -> Option<Completion> {
        let at = self.waiting.iter().position(|waiting| waiting.id == id)?;
        let waiting = self.waiting.remove(at);
        Some(Completion { id, result: result.and_then(|bytes| waiting.complete(bytes)) })
    }
}

impl Waiting {
    /// The whole read, now that the source's part is here.
    fn complete(self, from_source: Vec<u8>) -> Result<Vec<u8>, BlockError> {
        let Self { id: _, asked, written } = self;
        if from_source.len() != asked.len() * SECTOR {
            return Err(BlockError::Failed);
        }
        let Some(Written { mut bytes, missing }) = written else { return Ok(from_source) };
        let places = bytes.chunks_exact_mut(SECTOR).zip(missing).skip(asked.start);
        for ((to, missing), from) in places.zip(from_source.chunks_exact(SECTOR)) {
            if missing {
                to.copy_from_slice(from);
            }
        }
        Ok(bytes)
    }
}

impl Written {
    /// From the first sector that is missing to the last.
    fn gap(&self) -> Range<usize> {
        let first = self.missing.iter().position(|&missing| missing);
        let last = self.missing.iter().rposition(|&missing| missing);
        first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
    }
}

impl<B: Block> Block for Overlay<B> {
    fn medium(&self) -> Option<Medium> {
        self.medium
    }

    fn submit(&mut self, Request { id, operation }: Request) {
        if let Some(result) = self.perform(id, operation).transpose() {
            self.answers.push_back(Completion { id, result });
        }
    }

    fn poll(&mut self) -> Option<Completion> {
        while self.answers.is_empty() {
            let completion = self.source.poll()?;
            let ours = self.answered(completion);
            self.answers.extend(ours);
        }
        self.answers.pop_front()
    }
}
