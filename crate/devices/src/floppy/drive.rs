//! A drive: where its heads are, and what is in it.

use super::DRIVES;
use super::geometry::{Geometry, UnknownSize};
use host::block::{Block, Completion, Medium, Operation, Request, RequestId, SECTOR};
use std::fmt;

/// The heads stop here, whatever steps are asked for.
pub(super) const LAST_CYLINDER: u8 = 83;

/// Why a medium was not put into a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError {
    /// There is no drive of that number.
    NoDrive,
    /// The host's drive is empty.
    NoMedium,
    /// No floppy disk has that size.
    UnknownSize(UnknownSize),
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDrive => f.write_str("there is no such floppy drive"),
            Self::NoMedium => f.write_str("there is no medium to be inserted"),
            Self::UnknownSize(unknown) => unknown.fmt(f),
        }
    }
}

impl std::error::Error for InsertError {}

/// A disk in a drive.
struct Disk {
    block: Box<dyn Block>,
    geometry: Geometry,
    read_only: bool,
}

/// A drive, or the place for one.
pub(super) struct Drive {
    fitted: bool,
    disk: Option<Disk>,
    /// The number of the next request. Not part of the guest's state: a number is never used again, whatever is
    /// restored.
    next_request: u64,
    // State.
    pub(super) cylinder: u8,
    /// The disk change line: set until the heads step with a disk in the drive.
    pub(super) changed: bool,
}

impl Drive {
    /// A drive with no disk, or none. Its number makes its requests' numbers its own.
    pub(super) fn new(number: u8, fitted: bool) -> Self {
        Self { fitted, disk: None, next_request: number.into(), cylinder: 0, changed: true }
    }

    pub(super) fn fitted(&self) -> bool {
        self.fitted
    }

    pub(super) fn insert(&mut self, block: Box<dyn Block>) -> Result<(), InsertError> {
        if !self.fitted {
            return Err(InsertError::NoDrive);
        }
        let Medium { sectors, read_only } = block.medium().ok_or(InsertError::NoMedium)?;
        let bytes = sectors.saturating_mul(SECTOR as u64);
        let geometry = Geometry::of_size(bytes).map_err(InsertError::UnknownSize)?;
        self.disk = Some(Disk { block, geometry, read_only });
        self.changed = true;
        Ok(())
    }

    pub(super) fn eject(&mut self) -> Option<Box<dyn Block>> {
        let disk = self.disk.take()?;
        self.changed = true;
        Some(disk.block)
    }

    pub(super) fn geometry(&self) -> Option<Geometry> {
        self.disk.as_ref().map(|disk| disk.geometry)
    }

    pub(super) fn read_only(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.read_only)
    }

    /// What is in the drive, for a snapshot.
    pub(super) fn medium(&self) -> Option<(u64, bool)> {
        self.disk.as_ref().map(|disk| (disk.geometry.total_sectors(), disk.read_only))
    }

    /// The sensor for track 0.
    pub(super) fn at_track_0(&self) -> bool {
        self.fitted && self.cylinder == 0
    }

    /// Steps the heads; returns how many steps that took.
    pub(super) fn step(&mut self, inwards: bool, steps: u8) -> u8 {
        if !self.fitted {
            return steps;
        }
        self.cylinder = match inwards {
            true => self.cylinder.saturating_add(steps).min(LAST_CYLINDER),
            false => self.cylinder.saturating_sub(steps),
        };
        if steps > 0 && self.disk.is_some() {
            self.changed = false;
        }
        steps
    }

    /// Asks the disk for something; the number under which it answers. `None` if there is no disk.
    pub(super) fn ask(&mut self, operation: Operation) -> Option<RequestId> {
        let disk = self.disk.as_mut()?;
        let id = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(DRIVES as u64);
        disk.block.submit(Request { id, operation });
        Some(id)
    }

    /// The answer to request `id`, if it is there. Answers that nobody waits for any more are dropped.
    pub(super) fn answer(&mut self, id: RequestId) -> Option<Completion> {
        let disk = self.disk.as_mut()?;
        std::iter::from_fn(|| disk.block.poll()).find(|completion| completion.id == id)
    }
}
