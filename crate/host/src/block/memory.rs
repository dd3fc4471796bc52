//! A medium whose contents are here.

use super::{Block, BlockError, Completion, Medium, Operation, Request, SECTOR};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

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

    /// What is known of it.
    fn known(&self) -> Medium {
        let sectors = (self.contents.borrow().len() / SECTOR) as u64;
        Medium { sectors, read_only: self.read_only }
    }

    fn perform(&mut self, operation: Operation) -> Result<Vec<u8>, BlockError> {
        let medium = self.known();
        match operation {
            Operation::Read { first, sectors } => {
                medium.check(first, sectors.into())?;
                let range = range(first, sectors as usize * SECTOR).ok_or(BlockError::OutOfRange)?;
                self.contents.borrow().get(range).map(<[u8]>::to_vec).ok_or(BlockError::OutOfRange)
            }
            Operation::Write { first, data } => {
                medium.check_write(first, &data)?;
                let range = range(first, data.len()).ok_or(BlockError::OutOfRange)?;
                let mut contents = self.contents.borrow_mut();
                contents.get_mut(range).ok_or(BlockError::OutOfRange)?.copy_from_slice(&data);
                Ok(Vec::new())
            }
            Operation::Flush => Ok(Vec::new()),
        }
    }
}

/// Where `len` bytes from sector `first` lie in the contents.
fn range(first: u64, len: usize) -> Option<Range<usize>> {
    let start = usize::try_from(first).ok()?.checked_mul(SECTOR)?;
    Some(start..start.checked_add(len)?)
}

impl Block for Memory {
    fn medium(&self) -> Option<Medium> {
        Some(self.known())
    }

    fn submit(&mut self, Request { id, operation }: Request) {
        let result = self.perform(operation);
        self.answers.push_back(Completion { id, result });
    }

    fn poll(&mut self) -> Option<Completion> {
        self.answers.pop_front()
    }
}
