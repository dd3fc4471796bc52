//! A drive's way to its medium: one request at a time, answered when it is due.
//!
//! When a request is made, the time of its answer is fixed by [`Latency`]. An answer that is early waits with the host; if
//! it is late, the drive says so and takes it when it comes. Where time follows the host's, a request takes as long as the host
//! takes for it and no longer ([`MediumPort::as_fast_as_the_host`]). A request is kept until it is answered, so that a
//! restored drive can make it anew. Each one has a number of its own as long as the drive lives: an answer to a request
//! that has been given up, or that was made before the drive was restored, is nobody's.

use bus::Time;
use host::block::{Block, BlockError, MAX_SECTORS, Medium, Operation, Request, RequestId, SECTOR};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a request takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    /// Nanoseconds until the first byte.
    pub(super) access_ns: u64,
    /// Nanoseconds for each byte.
    pub(super) byte_ns: u64,
}

impl Latency {
    pub(super) const DISK: Self = Self { access_ns: 20_000, byte_ns: 1 };
    pub(super) const CD: Self = Self { access_ns: 100_000, byte_ns: 5 };

    const fn of(self, bytes: u64) -> u64 {
        self.access_ns.saturating_add(self.byte_ns.saturating_mul(bytes))
    }
}

#[derive(Debug)]
struct InFlight {
    id: RequestId,
    operation: Operation,
    due: Time,
    /// It was due and had no answer.
    late: bool,
    /// The medium was taken away.
    lost: bool,
}

/// What came of a request.
pub(super) type Outcome = (Operation, Result<Vec<u8>, BlockError>);

/// The medium, and what has been asked of it.
pub(super) struct MediumPort {
    // Glue.
    block: Option<Box<dyn Block>>,
    next_id: u64,
    // Parts.
    latency: Latency,
    medium: Option<Medium>,
    // State.
    in_flight: Option<InFlight>,
}

impl fmt::Debug for MediumPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block: _, next_id, latency, medium, in_flight } = self;
        f.debug_struct("MediumPort")
            .field("next_id", next_id)
            .field("latency", latency)
            .field("medium", medium)
            .field("in_flight", in_flight)
            .finish_non_exhaustive()
    }
}

impl MediumPort {
    pub(super) fn new(block: Option<Box<dyn Block>>, latency: Latency) -> Self {
        let medium = block.as_ref().and_then(|block| block.medium());
        Self { block, next_id: 0, latency, medium, in_flight: None }
    }

    /// Another medium, or none. What was asked of the old one will not be answered.
    pub(super) fn replace(&mut self, block: Option<Box<dyn Block>>) {
        self.medium = block.as_ref().and_then(|block| block.medium());
        self.block = block;
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.lost = true;
        }
    }

    /// No time is modelled: guest time would run ahead of the host's at each request, and the machine would have to wait for
    /// the host's to come after it.
    pub(super) fn as_fast_as_the_host(&mut self) {
        self.latency = Latency { access_ns: 0, byte_ns: 0 };
    }

    pub(super) const fn medium(&self) -> Option<Medium> {
        self.medium
    }

    /// Sectors on the medium, zero without one.
    pub(super) fn sectors(&self) -> u64 {
        self.medium.map_or(0, |medium| medium.sectors)
    }

    pub(super) fn read_only(&self) -> bool {
        self.medium.is_some_and(|medium| medium.read_only)
    }

    /// Makes a request at `now`.
    pub(super) fn ask(&mut self, operation: Operation, now: Time) {
        let bytes = match &operation {
            Operation::Read { sectors, .. } => u64::from(*sectors) * SECTOR as u64,
            Operation::Write { data, .. } => data.len() as u64,
            Operation::Flush => 0,
        };
        let due = now.after(self.latency.of(bytes));
        let id = self.submit(&operation);
        self.in_flight = Some(InFlight { id, operation, due, late: false, lost: self.block.is_none() });
    }

    fn submit(&mut self, operation: &Operation) -> RequestId {
        let id = RequestId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        if let Some(block) = &mut self.block {
            block.submit(Request { id, operation: operation.clone() });
        }
        id
    }

    /// Forgets what was asked.
    pub(super) fn give_up(&mut self) {
        self.in_flight = None;
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.in_flight.as_ref().filter(|in_flight| !in_flight.late).map(|in_flight| in_flight.due)
    }

    /// An answer that was due is missing.
    pub(super) fn waits(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.late)
    }

    /// Takes the answer, if it is due and there.
    pub(super) fn collect(&mut self, now: Time) -> Option<Outcome> {
        let in_flight = self.in_flight.as_mut().filter(|in_flight| in_flight.due <= now)?;
        let mut answer = in_flight.lost.then_some(Err(BlockError::NoMedium));
        if let Some(block) = &mut self.block {
            while answer.is_none()
                && let Some(completion) = block.poll()
            {
                answer = (completion.id == in_flight.id).then_some(completion.result);
            }
        }
        let Some(result) = answer else {
            in_flight.late = true;
            return None;
        };
        let InFlight { operation, .. } = self.in_flight.take()?;
        let wanted = match operation {
            Operation::Read { sectors, .. } => sectors as usize * SECTOR,
            Operation::Write { .. } | Operation::Flush => 0,
        };
        let result =
            result.and_then(|data| if data.len() == wanted { Ok(data) } else { Err(BlockError::Failed) });
        Some((operation, result))
    }
}

// Snapshot.

#[derive(Clone, Debug, Serialize, Deserialize)]
enum OperationV1 {
    Read { first: u64, sectors: u32 },
    Write { first: u64, data: Vec<u8> },
    Flush,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct InFlightV1 {
    operation: OperationV1,
    due: u64,
    late: bool,
    lost: bool,
}

/// Saved [`MediumPort`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MediumPortV1 {
    /// Sectors, if there is a medium.
    sectors: Option<u64>,
    in_flight: Option<InFlightV1>,
}

impl MediumPortV1 {
    /// A request was not answered yet.
    pub(super) fn asked(&self) -> bool {
        self.in_flight.is_some()
    }
}

impl MediumPort {
    pub(super) fn save(&self) -> MediumPortV1 {
        let Self { block: _, next_id: _, latency: _, medium, in_flight } = self;
        let in_flight = in_flight.as_ref().map(|in_flight| {
            let InFlight { id: _, operation, due, late, lost } = in_flight;
            let operation = match operation {
                Operation::Read { first, sectors } => OperationV1::Read { first: *first, sectors: *sectors },
                Operation::Write { first, data } => OperationV1::Write { first: *first, data: data.clone() },
                Operation::Flush => OperationV1::Flush,
            };
            InFlightV1 { operation, due: due.0, late: *late, lost: *lost }
        });
        MediumPortV1 { sectors: medium.map(|medium| medium.sectors), in_flight }
    }

    pub(super) fn check(saved: &MediumPortV1) -> Result<(), &'static str> {
        let sectors = match saved.in_flight.as_ref().map(|in_flight| &in_flight.operation) {
            Some(OperationV1::Read { sectors, .. }) => *sectors as usize,
            Some(OperationV1::Write { data, .. }) if !data.len().is_multiple_of(SECTOR) => {
                return Err("a request for part of a sector");
            }
            Some(OperationV1::Write { data, .. }) => data.len() / SECTOR,
            Some(OperationV1::Flush) | None => 0,
        };
        if sectors > MAX_SECTORS as usize { Err("a request for too many sectors") } else { Ok(()) }
    }

    /// Whether the medium here is as large as the one that was here when this was saved.
    pub(super) fn same_medium(&self, saved: &MediumPortV1) -> bool {
        self.medium.map(|medium| medium.sectors) == saved.sectors
    }

    /// Takes over a saved form that [`Self::check`] has passed, and makes a request that was not answered anew.
    pub(super) fn restore(&mut self, saved: MediumPortV1) {
        let same = self.same_medium(&saved);
        let MediumPortV1 { sectors, in_flight } = saved;
        self.in_flight = None;
        if sectors.is_none() {
            self.replace(None);
        }
        if let Some(InFlightV1 { operation, due, late, lost }) = in_flight {
            let operation = match operation {
                OperationV1::Read { first, sectors } => Operation::Read { first, sectors },
                OperationV1::Write { first, data } => Operation::Write { first, data },
                OperationV1::Flush => Operation::Flush,
            };
            // One that was lost is lost again, and so is one of a medium that is no longer here.
            let lost = lost || !same || self.block.is_none();
            let id = if lost { RequestId(u64::MAX) } else { self.submit(&operation) };
            self.in_flight = Some(InFlight { id, operation, due: Time(due), late, lost });
        }
    }
}
