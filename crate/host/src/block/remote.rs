//! A medium that the embedder brings piece by piece: a file, a URL, a page's storage.

use super::{Block, BlockError, Completion, Medium, Operation, Request, RequestId, SECTOR};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// A medium whose requests are taken out by the embedder and answered later. Clones are handles to the same
/// medium: the drive gets one, the embedder keeps another.
///
/// What can be refused without the medium is refused here, so every request taken lies on the medium. To the
/// outside a request has a number of the medium's own, which never comes again: an answer that is late by a
/// reset cannot pass for that of a newer request, whatever numbers the device counts with.
///
/// The requests are in order. An embedder that works on several at a time must see to it that a read gives
/// what the writes before it wrote, and that a flush waits for those. It holds no data but what is on its way.
#[derive(Clone, Debug)]
pub struct Remote {
    medium: Medium,
    queue: Rc<RefCell<Queue>>,
}

/// What is on its way.
#[derive(Debug, Default)]
struct Queue {
    /// The number of the next request.
    next: u64,
    /// Asked and not yet taken out, by the numbers they will have.
    asked: VecDeque<Request>,
    /// Not yet answered, taken out or not, by the same numbers.
    open: BTreeMap<RequestId, Open>,
    answers: VecDeque<Completion>,
}

/// What is remembered of a request.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// The device's number.
    id: RequestId,
    /// How many bytes a good answer has.
    len: usize,
    /// The embedder knows of it.
    taken: bool,
}

impl Remote {
    /// A medium of this size; nothing is asked yet.
    #[must_use]
    pub fn new(medium: Medium) -> Self {
        Self { medium, queue: Rc::default() }
    }

    /// A medium whose requests have numbers from `next` on: one that takes the place of another.
    #[must_use]
    pub fn counting_from(medium: Medium, next: u64) -> Self {
        Self { medium, queue: Rc::new(RefCell::new(Queue { next, ..Queue::default() })) }
    }

    /// The number of the next request.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.queue.borrow().next
    }

    /// Takes what was asked since the last call, in order.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        let mut queue = self.queue.borrow_mut();
        let Queue { asked, open, .. } = &mut *queue;
        for request in asked.iter() {
            if let Some(open) = open.get_mut(&request.id) {
                open.taken = true;
            }
        }
        asked.drain(..).collect()
    }

    /// Gives the answer to a request taken out. One that nobody waits for is ignored; one of the wrong length
    /// counts as [`BlockError::Failed`].
    pub fn answer(&self, Completion { id, result }: Completion) {
        let mut queue = self.queue.borrow_mut();
        if !queue.open.get(&id).is_some_and(|open| open.taken) {
            return;
        }
        let Some(Open { id, len, .. }) = queue.open.remove(&id) else { return };
        let result = result.and_then(|bytes| (bytes.len() == len).then_some(bytes).ok_or(BlockError::Failed));
        queue.answers.push_back(Completion { id, result });
    }

    /// How many requests are not answered yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.queue.borrow().open.len()
    }

    /// Forgets all requests and answers, as when another state is put into the machine: its devices ask anew.
    /// Answers to what was taken out are ignored from then on.
    pub fn forget(&self) {
        let mut queue = self.queue.borrow_mut();
        let Queue { next: _, asked, open, answers } = &mut *queue;
        asked.clear();
        open.clear();
        answers.clear();
    }

    /// How many bytes a good answer has, or the answer itself where the medium is not needed for it.
    fn expected(&self, operation: &Operation) -> Result<usize, BlockError> {
        match *operation {
            Operation::Read { first, sectors } => {
                self.medium.check(first, sectors.into())?;
                Ok(sectors as usize * SECTOR)
            }
            Operation::Write { first, ref data } => self.medium.check_write(first, data).map(|()| 0),
            Operation::Flush => Ok(0),
        }
    }
}

impl Block for Remote {
    fn medium(&self) -> Option<Medium> {
        Some(self.medium)
    }

    fn submit(&mut self, Request { id, operation }: Request) {
        let expected = self.expected(&operation);
        let mut queue = self.queue.borrow_mut();
        match expected {
            Ok(len) => {
                let number = RequestId(queue.next);
                queue.next = queue.next.wrapping_add(1);
                queue.open.insert(number, Open { id, len, taken: false });
                queue.asked.push_back(Request { id: number, operation });
            }
            Err(error) => queue.answers.push_back(Completion { id, result: Err(error) }),
        }
    }

    fn poll(&mut self) -> Option<Completion> {
        self.queue.borrow_mut().answers.pop_front()
    }
}
