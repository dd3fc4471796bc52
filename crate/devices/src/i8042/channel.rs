//! Bytes on their way to the output buffer, each some time after the one before.

use bus::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many replies wait; a guest that never reads loses what is beyond.
const REPLIES: usize = 32;

/// A byte and how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Byte {
    byte: u8,
    delay_ns: u32,
}

/// What one sender (controller, keyboard, mouse) has to send: replies to commands first, then what
/// it sends by itself.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    replies: VecDeque<Byte>,
    data: VecDeque<Byte>,
    /// When the next byte is there; `Some` while anything waits.
    ready: Option<Time>,
    /// The last byte sent, in case it is asked for again.
    last: u8,
}

impl Channel {
    pub(super) const fn new() -> Self {
        Self { replies: VecDeque::new(), data: VecDeque::new(), ready: None, last: 0 }
    }

    /// Adds a reply.
    pub(super) fn reply(&mut self, now: Time, byte: u8, delay_ns: u32) {
        if self.replies.len() < REPLIES {
            self.replies.push_back(Byte { byte, delay_ns });
            self.ready = self.ready.or(Some(now.after(delay_ns.into())));
        }
    }

    /// Adds bytes sent without being asked. The caller keeps their number in bounds.
    pub(super) fn send(&mut self, now: Time, bytes: &[u8], delay_ns: u32) {
        self.data.extend(bytes.iter().map(|&byte| Byte { byte, delay_ns }));
        if !bytes.is_empty() {
            self.ready = self.ready.or(Some(now.after(delay_ns.into())));
        }
    }

    /// When the next byte is there.
    pub(super) const fn ready(&self) -> Option<Time> {
        self.ready
    }

    /// Takes the next byte.
    pub(super) fn take(&mut self, now: Time) -> Option<u8> {
        let Byte { byte, .. } = self.replies.pop_front().or_else(|| self.data.pop_front())?;
        let next = self.replies.front().or_else(|| self.data.front());
        self.ready = next.map(|next| now.after(next.delay_ns.into()));
        self.last = byte;
        Some(byte)
    }

    /// The last byte taken.
    pub(super) const fn last(&self) -> u8 {
        self.last
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_none()
    }

    /// How many bytes wait that are no replies.
    pub(super) fn data_len(&self) -> usize {
        self.data.len()
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self) {
        self.replies.clear();
        self.data.clear();
        self.ready = None;
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ChannelV1 {
    replies: Vec<Byte>,
    data: Vec<Byte>,
    ready: Option<u64>,
    last: u8,
}

impl Channel {
    pub(super) fn save(&self) -> ChannelV1 {
        let Self { replies, data, ready, last } = self;
        ChannelV1 {
            replies: replies.iter().copied().collect(),
            data: data.iter().copied().collect(),
            ready: ready.map(|t| t.0),
            last: *last,
        }
    }

    /// The live state, or nothing if it cannot be one. `most` is the most bytes the sender lets wait.
    pub(super) fn restored(saved: ChannelV1, most: usize) -> Option<Self> {
        let ChannelV1 { replies, data, ready, last } = saved;
        let waits = !replies.is_empty() || !data.is_empty();
        let fits = replies.len() <= REPLIES && data.len() <= most;
        (fits && waits == ready.is_some()).then(|| Self {
            replies: replies.into(),
            data: data.into(),
            ready: ready.map(Time),
            last,
        })
    }
}
