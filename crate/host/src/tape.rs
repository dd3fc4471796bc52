//! A shared list of things that happened, for back ends that remember.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A list with two ends: the back end writes, whoever kept a clone reads. Clones share the list.
#[derive(Debug)]
pub struct Tape<T>(Rc<RefCell<VecDeque<T>>>);

impl<T> Tape<T> {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// Adds to the end.
    pub fn push(&self, item: T) {
        self.0.borrow_mut().push_back(item);
    }

    /// Adds all of `items` to the end.
    pub fn extend(&self, items: impl IntoIterator<Item = T>) {
        self.0.borrow_mut().extend(items);
    }

    /// Takes the oldest.
    pub fn pop(&self) -> Option<T> {
        self.0.borrow_mut().pop_front()
    }

    /// Takes all, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        self.0.borrow_mut().drain(..).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the oldest until at most `len` are left.
    pub fn keep_last(&self, len: usize) {
        let mut items = self.0.borrow_mut();
        let surplus = items.len().saturating_sub(len);
        items.drain(..surplus);
    }
}

impl<T> Clone for Tape<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_list() {
        let tape = Tape::new();
        tape.clone().extend([1, 2, 3, 4]);
        tape.keep_last(3);
        assert_eq!(tape.pop(), Some(2));
        assert_eq!(tape.take(), [3, 4]);
        assert!(tape.is_empty());
    }
}
