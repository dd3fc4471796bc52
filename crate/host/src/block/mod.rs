//! Disks and other media: asynchronous from the first day.
//!
//! A device submits a request under a number of its choosing and goes on. The host answers whenever it can;
//! the board collects the answers with [`Block::poll`] between slices and gives each to the device that
//! asked, at a virtual time that the clock's mode decides. Nothing ever waits in place, so a medium may lie
//! in a file, behind a network, or in a page's storage.
//!
//! Media: [`Null`] is an empty drive, [`Memory`] a medium in memory, [`Remote`] one that the embedder brings
//! piece by piece. An [`Overlay`] over any of them keeps what is written to itself, and what it keeps is part
//! of a machine's state.

mod memory;
mod overlay;
mod remote;
#[cfg(test)]
mod tests;

pub use memory::Memory;
pub use overlay::{Changes, ChangesError, Overlay};
pub use remote::Remote;

use crate::Tape;
use std::collections::VecDeque;
use std::fmt;

/// Bytes in a sector of requests. Media with larger sectors (CD-ROM) take several.
pub const SECTOR: usize = 512;

/// The most sectors one request may ask for; a device splits larger transfers.
pub const MAX_SECTORS: u32 = 2048;

/// The name of a request, chosen by the device, unique among those it has not had answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What is asked of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes of `sectors` sectors from sector `first`.
    Read {
        /// First sector.
        first: u64,
        /// How many, at most [`MAX_SECTORS`].
        sectors: u32,
    },
    /// Whole sectors to be stored from sector `first`.
    Write {
        /// First sector.
        first: u64,
        /// Their contents: a multiple of [`SECTOR`], at most [`MAX_SECTORS`] of them.
        data: Vec<u8>,
    },
    /// All that was written before is to be safe when this is answered.
    Flush,
}

/// A numbered request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number the answer will carry.
    pub id: RequestId,
    /// What is asked.
    pub operation: Operation,
}

/// Why a request was not done. The medium is unchanged, or in an unknown state after [`BlockError::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// There is no medium.
    NoMedium,
    /// Beyond the end of the medium, or not whole sectors, or too many.
    OutOfRange,
    /// The medium cannot be written.
    ReadOnly,
    /// The host could not do it.
    Failed,
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoMedium => "there is no medium",
            Self::OutOfRange => "beyond the end of the medium",
            Self::ReadOnly => "the medium is read-only",
            Self::Failed => "the host could not read or write the medium",
        })
    }
}

impl std::error::Error for BlockError {}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The request's number.
    pub id: RequestId,
    /// What was read (empty for a write or flush), or why it was not done.
    pub result: Result<Vec<u8>, BlockError>,
}

/// What is known of a medium before anything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Whole sectors on it.
    pub sectors: u64,
    /// Cannot be written.
    pub read_only: bool,
}

impl Medium {
    /// Whether a request for `sectors` sectors from sector `first` may be made.
    fn check(self, first: u64, sectors: u64) -> Result<(), BlockError> {
        let end = first.checked_add(sectors).ok_or(BlockError::OutOfRange)?;
        let fits = sectors <= u64::from(MAX_SECTORS) && end <= self.sectors;
        fits.then_some(()).ok_or(BlockError::OutOfRange)
    }

    /// Whether `data` may be written from sector `first`.
    fn check_write(self, first: u64, data: &[u8]) -> Result<(), BlockError> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        if !data.len().is_multiple_of(SECTOR) {
            return Err(BlockError::OutOfRange);
        }
        self.check(first, (data.len() / SECTOR) as u64)
    }
}

/// A drive's way to its medium.
pub trait Block {
    /// The medium in the drive, if there is one.
    fn medium(&self) -> Option<Medium>;
    /// Takes a request. It will be answered exactly once, in any order, unless the medium is dropped.
    fn submit(&mut self, request: Request);
    /// The next answer, if there is one.
    fn poll(&mut self) -> Option<Completion>;
}

impl<B: Block + ?Sized> Block for Box<B> {
    fn medium(&self) -> Option<Medium> {
        (**self).medium()
    }

    fn submit(&mut self, request: Request) {
        (**self).submit(request);
    }

    fn poll(&mut self) -> Option<Completion> {
        (**self).poll()
    }
}

/// An empty drive.
#[derive(Clone, Debug, Default)]
pub struct Null {
    answers: VecDeque<RequestId>,
}

impl Block for Null {
    fn medium(&self) -> Option<Medium> {
        None
    }

    fn submit(&mut self, request: Request) {
        self.answers.push_back(request.id);
    }

    fn poll(&mut self) -> Option<Completion> {
        let id = self.answers.pop_front()?;
        Some(Completion { id, result: Err(BlockError::NoMedium) })
    }
}

/// What a recording has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A request.
    Asked(Request),
    /// An answer.
    Answered(Completion),
}

/// Notes every request and answer and hands it on.
#[derive(Clone, Debug, Default)]
pub struct Recording<B> {
    inner: B,
    tape: Tape<Passed>,
}

impl<B: Block> Recording<B> {
    /// Records what goes through `inner`.
    #[must_use]
    pub fn new(inner: B) -> Self {
        Self { inner, tape: Tape::new() }
    }

    /// Requests and answers, in order.
    #[must_use]
    pub fn tape(&self) -> Tape<Passed> {
        self.tape.clone()
    }
}

impl<B: Block> Block for Recording<B> {
    fn medium(&self) -> Option<Medium> {
        self.inner.medium()
    }

    fn submit(&mut self, request: Request) {
        self.tape.push(Passed::Asked(request.clone()));
        self.inner.submit(request);
    }

    fn poll(&mut self) -> Option<Completion> {
        let completion = self.inner.poll()?;
        self.tape.push(Passed::Answered(completion.clone()));
        Some(completion)
    }
}
