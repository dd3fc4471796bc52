//! Disks and other media: asynchronous from the first day.
//!
//! A device submits a request under a number of its choosing and goes on. The host answers whenever it can;
//! the board collects the answers with [`Block::poll`] between slices and gives each to the device that
//! asked, at a virtual time that the clock's mode decides. Nothing ever waits in place, so a medium may lie
//! in a file, behind a network, or in a page's storage.

use crate::Tape;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

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

/// A drive's way to its medium.
pub trait Block {
    /// The medium in the drive, if there is one.
    fn medium(&self) -> Option<Medium>;
    /// Takes a request. It will be answered exactly once, in any order, unless the medium is dropped.
    fn submit(&mut self, request: Request);
    /// The next answer, if there is one.
    fn poll(&mut self) -> Option<Completion>;
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

/// A medium in memory; clones share contents, each has its own requests.
#[derive(Clone, Debug)]
pub struct Memory {
    contents: Rc<RefCell<Vec<u8>>>,
    read_only: bool,
    answers: VecDeque<Completion>,
}

impl Memory {
    /// A medium with these contents; the last sector is filled up with zeros.
    #[must_use]
    pub fn new(mut contents: Vec<u8>, read_only: bool) -> Self {
        contents.resize(contents.len().next_multiple_of(SECTOR), 0);
        Self { contents: Rc::new(RefCell::new(contents)), read_only, answers: VecDeque::new() }
    }

    /// A copy of what is on it now.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.contents.borrow().clone()
    }

    /// Where `len` bytes from sector `first` lie, if that is on the medium.
    fn range(&self, first: u64, len: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(first).ok()?.checked_mul(SECTOR)?;
        let end = start.checked_add(len)?;
        let fits = len.is_multiple_of(SECTOR) && len / SECTOR <= MAX_SECTORS as usize;
        (fits && end <= self.contents.borrow().len()).then_some(start..end)
    }

    fn perform(&mut self, operation: Operation) -> Result<Vec<u8>, BlockError> {
        match operation {
            Operation::Read { first, sectors } => {
                let len = (sectors as usize).checked_mul(SECTOR).ok_or(BlockError::OutOfRange)?;
                let range = self.range(first, len).ok_or(BlockError::OutOfRange)?;
                self.contents.borrow().get(range).map(<[u8]>::to_vec).ok_or(BlockError::OutOfRange)
            }
            Operation::Write { .. } if self.read_only => Err(BlockError::ReadOnly),
            Operation::Write { first, data } => {
                let range = self.range(first, data.len()).ok_or(BlockError::OutOfRange)?;
                let mut contents = self.contents.borrow_mut();
                contents.get_mut(range).ok_or(BlockError::OutOfRange)?.copy_from_slice(&data);
                Ok(Vec::new())
            }
            Operation::Flush => Ok(Vec::new()),
        }
    }
}

impl Block for Memory {
    fn medium(&self) -> Option<Medium> {
        let sectors = (self.contents.borrow().len() / SECTOR) as u64;
        Some(Medium { sectors, read_only: self.read_only })
    }

    fn submit(&mut self, Request { id, operation }: Request) {
        let result = self.perform(operation);
        self.answers.push_back(Completion { id, result });
    }

    fn poll(&mut self) -> Option<Completion> {
        self.answers.pop_front()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(block: &mut dyn Block, operation: Operation) -> Result<Vec<u8>, BlockError> {
        block.submit(Request { id: RequestId(7), operation });
        let completion = block.poll().expect("memory answers at once");
        assert_eq!(completion.id, RequestId(7));
        assert_eq!(block.poll(), None);
        completion.result
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut disk = Recording::new(Memory::new(vec![1; 1000], false));
        assert_eq!(disk.medium(), Some(Medium { sectors: 2, read_only: false }));
        assert_eq!(ask(&mut disk, Operation::Write { first: 1, data: vec![9; 512] }), Ok(vec![]));
        let read = ask(&mut disk, Operation::Read { first: 0, sectors: 2 });
        assert_eq!(read, Ok([[1; 512], [9; 512]].concat()));
        assert_eq!(ask(&mut disk, Operation::Flush), Ok(vec![]));
        assert_eq!(disk.tape().len(), 6);
    }

    #[test]
    fn bad_requests_are_answered_too() {
        let mut disk = Memory::new(vec![0; 1024], false);
        for (first, sectors) in [(2, 1), (1, 2), (u64::MAX, 1), (0, u32::MAX)] {
            assert_eq!(ask(&mut disk, Operation::Read { first, sectors }), Err(BlockError::OutOfRange));
        }
        let odd = Operation::Write { first: 0, data: vec![0; 100] };
        assert_eq!(ask(&mut disk, odd), Err(BlockError::OutOfRange));
        let mut rom = Memory::new(vec![0; 512], true);
        let write = Operation::Write { first: 0, data: vec![0; 512] };
        assert_eq!(ask(&mut rom, write.clone()), Err(BlockError::ReadOnly));
        assert_eq!(ask(&mut Null::default(), write), Err(BlockError::NoMedium));
    }
}
