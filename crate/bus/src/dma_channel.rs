//! A channel of a DMA controller: DRQ, DACK and TC between a device and whoever moves its bytes.
//!
//! A channel has two ends that share it, like a wire's. The device offers bytes for RAM, or asks for some from RAM,
//! and later looks at what has become of it. The controller moves them between two runs of the processor, and says
//! when its count has run out. Neither end calls the other, and the device never learns which controller it is, or
//! which channel.
//!
//! What is on its way is part of the device's state: the device saves it.

use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// What a data bus that nobody drives reads as.
const FLOATING: u8 = 0xFF;

#[derive(Debug, Default)]
struct State {
    /// Bytes that the device offers, from the first that was not moved yet.
    offered: RefCell<VecDeque<u8>>,
    /// How many bytes the device still asks for.
    wanted: Cell<usize>,
    /// Bytes that came for the device.
    delivered: RefCell<Vec<u8>>,
    /// The count has run out since the device last looked.
    terminal_count: Cell<bool>,
    /// The device's DRQ is switched off.
    cut: Cell<bool>,
    /// The device withdraws DRQ at terminal count.
    ends_at_terminal_count: Cell<bool>,
}

/// The device's end.
#[derive(Clone, Debug)]
pub struct DmaChannel(Rc<State>);

impl DmaChannel {
    /// A channel that leads nowhere, for a chip on its own.
    #[must_use]
    pub fn unconnected() -> Self {
        DmaPort::new().channel()
    }

    /// Terminal count takes DRQ away, until the device has looked ([`Self::take_terminal_count`]).
    pub fn end_at_terminal_count(&self) {
        self.0.ends_at_terminal_count.set(true);
    }

    /// Offers bytes for RAM, after those that are offered already. DRQ goes high.
    pub fn offer(&self, bytes: &[u8]) {
        self.0.offered.borrow_mut().extend(bytes);
    }

    /// Asks for `count` bytes of RAM, beyond those that were asked for before. DRQ goes high.
    pub fn want(&self, count: usize) {
        self.0.wanted.set(self.0.wanted.get().saturating_add(count));
    }

    /// Bytes that were offered or asked for, and have not moved.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.offered.borrow().len().max(self.0.wanted.get())
    }

    /// Takes what has come.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.0.delivered.take()
    }

    /// Whether the controller's count has run out since the last call.
    #[must_use]
    pub fn take_terminal_count(&self) -> bool {
        self.0.terminal_count.replace(false)
    }

    /// Takes everything back. DRQ goes low.
    pub fn withdraw(&self) {
        let State { offered, wanted, delivered, terminal_count, cut: _, ends_at_terminal_count: _ } =
            &*self.0;
        offered.borrow_mut().clear();
        wanted.set(0);
        delivered.borrow_mut().clear();
        terminal_count.set(false);
    }

    /// Lets DRQ through to the controller, or not.
    pub fn set_gate(&self, open: bool) {
        self.0.cut.set(!open);
    }

    /// What is on its way, for the device to save.
    #[must_use]
    pub fn save(&self) -> DmaChannelV1 {
        let State { offered, wanted, delivered, terminal_count, cut: _, ends_at_terminal_count: _ } =
            &*self.0;
        DmaChannelV1 {
            offered: offered.borrow().iter().copied().collect(),
            wanted: wanted.get() as u64,
            delivered: delivered.borrow().clone(),
            terminal_count: terminal_count.get(),
        }
    }

    /// Puts back what was saved. The gate is the device's to set.
    pub fn restore(&self, saved: DmaChannelV1) {
        let DmaChannelV1 { offered, wanted, delivered, terminal_count } = saved;
        self.0.offered.replace(offered.into());
        self.0.wanted.set(usize::try_from(wanted).unwrap_or(usize::MAX));
        self.0.delivered.replace(delivered);
        self.0.terminal_count.set(terminal_count);
    }
}

/// The controller's end.
#[derive(Debug)]
pub struct DmaPort(Rc<State>);

impl Default for DmaPort {
    fn default() -> Self {
        Self::new()
    }
}

impl DmaPort {
    /// A channel with nothing on its way.
    #[must_use]
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// The device's end.
    #[must_use]
    pub fn channel(&self) -> DmaChannel {
        DmaChannel(Rc::clone(&self.0))
    }

    /// How many bytes the device is ready to give or take; none if DRQ is low.
    #[must_use]
    pub fn ready(&self) -> usize {
        let state = &*self.0;
        let ended = state.terminal_count.get() && state.ends_at_terminal_count.get();
        if state.cut.get() || ended { 0 } else { state.offered.borrow().len().max(state.wanted.get()) }
    }

    /// The next bytes that the device puts on the bus, which stay with it. Where it has none the bus floats.
    pub fn peek(&self, into: &mut [u8]) {
        let offered = self.0.offered.borrow();
        let bytes = offered.iter().copied().chain(std::iter::repeat(FLOATING));
        into.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    }

    /// Bus cycles that put `bytes` on the bus: the device takes as many as it asked for, and what it offered goes by.
    pub fn give(&self, bytes: &[u8]) {
        let wanted = self.0.wanted.get();
        let taken = wanted.min(bytes.len());
        self.0.wanted.set(wanted - taken);
        self.0.delivered.borrow_mut().extend(bytes.iter().take(taken));
        let mut offered = self.0.offered.borrow_mut();
        let gone = offered.len().min(bytes.len());
        offered.drain(..gone);
    }

    /// Bus cycles that take `count` bytes from the device. If it asked for bytes instead, it reads a bus that floats.
    pub fn take(&self, count: usize) {
        let taken = self.0.wanted.get().min(count);
        self.0.wanted.set(self.0.wanted.get() - taken);
        self.0.delivered.borrow_mut().extend(std::iter::repeat_n(FLOATING, taken));
        let mut offered = self.0.offered.borrow_mut();
        let gone = offered.len().min(count);
        offered.drain(..gone);
    }

    /// The count has run out: TC.
    pub fn terminal_count(&self) {
        self.0.terminal_count.set(true);
    }
}

/// What is on its way in a [`DmaChannel`], a part of the saved state of its device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmaChannelV1 {
    offered: Vec<u8>,
    wanted: u64,
    delivered: Vec<u8>,
    terminal_count: bool,
}

impl DmaChannelV1 {
    /// The most bytes of one kind that are on their way, for a device to check against what it ever has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let Self { offered, wanted, delivered, terminal_count: _ } = self;
        (*wanted).max(offered.len() as u64).max(delivered.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_both_ways() {
        let port = DmaPort::new();
        let device = port.channel();
        device.offer(&[1, 2, 3]);
        assert_eq!(port.ready(), 3);
        let mut two = [0; 2];
        port.peek(&mut two);
        port.take(2);
        assert_eq!((two, device.pending()), ([1, 2], 1));
        device.withdraw();
        device.want(3);
        port.give(&[7, 8]);
        assert_eq!((device.received(), port.ready()), (vec![7, 8], 1));
        port.give(&[9, 10]);
        assert_eq!((device.received(), port.ready()), (vec![9], 0));
    }

    #[test]
    fn a_controller_that_goes_the_wrong_way_moves_what_floats() {
        let port = DmaPort::new();
        let device = port.channel();
        device.want(2);
        let mut bytes = [0; 2];
        port.peek(&mut bytes);
        port.take(2);
        assert_eq!((bytes, device.received()), ([0xFF; 2], vec![0xFF; 2]));
        device.offer(&[1, 2]);
        port.give(&[5, 6]);
        assert_eq!((device.received(), device.pending()), (vec![], 0));
    }

    #[test]
    fn terminal_count_ends_the_request_of_those_who_want_it() {
        for ends in [false, true] {
            let port = DmaPort::new();
            let device = port.channel();
            if ends {
                device.end_at_terminal_count();
            }
            device.offer(&[1; 4]);
            port.take(2);
            port.terminal_count();
            assert_eq!(port.ready(), if ends { 0 } else { 2 });
            let saved = device.save();
            assert!(device.take_terminal_count());
            assert_eq!(port.ready(), 2);
            device.set_gate(false);
            assert_eq!(port.ready(), 0);
            device.restore(saved.clone());
            assert_eq!(device.save(), saved);
        }
    }
}
