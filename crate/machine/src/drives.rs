//! The drives as the host sees them: which there are, what is in them, and what they ask for.
//!
//! Each drive with a medium asks by a handle that the board's chips and this module share. What a guest writes goes into
//! an overlay in memory, which is part of the machine's state, unless the drive is said to write its source.
//!
//! Invariant: the numbers of a drive's requests never come again, whatever is restored or inserted, so that an answer which
//! is late by that is nobody's.

use crate::error::{ErrorCode, MachineError};
use crate::snapshot::{PartV1, part};
use bus::{SnapshotError, decode, encode};
use devices::floppy::Geometry;
use host::block::{Block, Changes, Completion, Medium, Overlay, Remote, Request};
use serde::{Deserialize, Serialize};

/// The drives a PC has places for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DriveName {
    /// Primary master.
    Hda,
    /// Primary slave.
    Hdb,
    /// Secondary master.
    Hdc,
    /// Secondary slave.
    Hdd,
    /// Floppy drive A.
    Fda,
    /// Floppy drive B.
    Fdb,
}

impl DriveName {
    /// All of them, in the order of the board's parts.
    pub const ALL: [Self; 6] = [Self::Hda, Self::Hdb, Self::Hdc, Self::Hdd, Self::Fda, Self::Fdb];

    /// As an option is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hda => "hda",
            Self::Hdb => "hdb",
            Self::Hdc => "hdc",
            Self::Hdd => "hdd",
            Self::Fda => "fda",
            Self::Fdb => "fdb",
        }
    }

    /// By that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|drive| drive.name() == name)
    }

    pub(crate) const fn is_floppy(self) -> bool {
        matches!(self, Self::Fda | Self::Fdb)
    }
}

/// Sectors of the disk that an image of so many is of, in a drive: a floppy's image may end before its disk does. The rest
/// reads as zeros.
#[must_use]
pub fn sectors_of_disk(name: DriveName, sectors: u64) -> u64 {
    let format = Geometry::holding(sectors.saturating_mul(512)).filter(|_| name.is_floppy());
    format.map_or(sectors, |format| format.total_sectors())
}

/// A drive, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveConfig {
    /// Where it is.
    pub name: DriveName,
    /// A CD-ROM drive (for the places of disks).
    pub cdrom: bool,
    /// Sectors of 512 bytes of what is in it; `None` if it is empty, which a hard disk cannot be.
    pub sectors: Option<u64>,
    /// Cannot be written.
    pub read_only: bool,
    /// What the guest writes goes to the source itself.
    pub write_through: bool,
}

impl DriveConfig {
    fn check(&self) -> Result<(), MachineError> {
        let name = self.name.name();
        let bad = |why: String| Err(MachineError::new(ErrorCode::BadImage, format!("{name}: {why}")));
        match self.sectors {
            Some(0) => bad("the image is empty".into()),
            Some(sectors) if self.name.is_floppy() => {
                let bytes = sectors.saturating_mul(512);
                Geometry::of_size(bytes).map(|_| ()).or_else(|e| bad(e.to_string()))
            }
            None if !self.cdrom && !self.name.is_floppy() => bad("a hard disk needs an image".into()),
            _ => Ok(()),
        }
    }

    fn medium(&self) -> Option<Medium> {
        let read_only = self.read_only || self.cdrom;
        self.sectors.map(|sectors| Medium { sectors, read_only })
    }
}

/// A drive with its handles.
#[derive(Clone, Debug)]
struct Drive {
    config: DriveConfig,
    remote: Option<Remote>,
    changes: Option<Changes>,
    /// Where the numbers of requests of its next medium begin.
    next: u64,
}

impl Drive {
    fn new(config: DriveConfig, next: u64) -> Self {
        let remote = config.medium().map(|medium| Remote::counting_from(medium, next));
        // A CD cannot be written; a medium that is read-only for the host can, in the overlay.
        let over = config.sectors.filter(|_| !config.write_through && !config.cdrom);
        Self { config, remote, changes: over.map(Changes::new), next }
    }

    /// The same drive for another board. The old one's requests are nobody's from then on.
    fn anew(&self) -> Self {
        Self::new(self.config, self.numbers())
    }

    fn numbers(&self) -> u64 {
        self.remote.as_ref().map_or(self.next, Remote::next_number)
    }
}

/// The drives of a machine; clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drives(Vec<Drive>);

/// What was written to a drive's medium.
#[derive(Serialize, Deserialize)]
struct MediumV1 {
    config: DriveConfig,
    changes: Option<Vec<u8>>,
}

const MEDIUM: &str = "medium";
const MEDIUM_VERSION: u16 = 1;

impl Drives {
    pub(crate) fn new(configs: &[DriveConfig]) -> Result<Self, MachineError> {
        let mut drives: Vec<Drive> = Vec::new();
        for config in configs {
            config.check()?;
            if drives.iter().any(|drive| drive.config.name == config.name) {
                let name = config.name.name();
                return Err(MachineError::new(ErrorCode::BadOption, format!("{name}: given twice")));
            }
            drives.push(Drive::new(*config, 0));
        }
        drives.sort_by_key(|drive| drive.config.name);
        Ok(Self(drives))
    }

    fn get(&self, name: DriveName) -> Option<&Drive> {
        self.0.iter().find(|drive| drive.config.name == name)
    }

    /// What is said of a drive, if it is there.
    pub(crate) fn config(&self, name: DriveName) -> Option<DriveConfig> {
        self.get(name).map(|drive| drive.config)
    }

    /// The way to a drive's medium, if there is one in it.
    pub(crate) fn block(&self, name: DriveName) -> Option<Box<dyn Block>> {
        let Drive { remote, changes, .. } = self.get(name)?;
        let remote = remote.clone()?;
        Some(match changes {
            Some(changes) => Box::new(Overlay::with(remote, changes.clone())),
            None => Box::new(remote),
        })
    }

    /// Puts another medium into a drive, or none. What is asked of the old one is nobody's.
    pub(crate) fn insert(&mut self, name: DriveName, config: DriveConfig) -> Result<(), MachineError> {
        config.check()?;
        match self.0.iter_mut().find(|drive| drive.config.name == name) {
            Some(drive) => {
                *drive = Drive::new(config, drive.numbers());
                Ok(())
            }
            None => {
                let name = name.name();
                Err(MachineError::new(ErrorCode::BadOption, format!("{name}: the machine has no such drive")))
            }
        }
    }

    /// What the drives asked of their media since the last call.
    pub(crate) fn requests(&self) -> Vec<(DriveName, Request)> {
        let of = |drive: &Drive| {
            let name = drive.config.name;
            let requests = drive.remote.as_ref().map(Remote::take_requests).unwrap_or_default();
            requests.into_iter().map(move |request| (name, request))
        };
        self.0.iter().flat_map(of).collect()
    }

    /// An answer to a drive's request.
    pub(crate) fn answer(&self, name: DriveName, completion: Completion) {
        if let Some(remote) = self.get(name).and_then(|drive| drive.remote.as_ref()) {
            remote.answer(completion);
        }
    }

    // ---- saved state ----

    /// The media, as parts of the machine's state.
    pub(crate) fn parts(&self) -> Vec<PartV1> {
        let of = |drive: &Drive| {
            let changes = drive.changes.as_ref().map(Changes::save);
            let saved = MediumV1 { config: drive.config, changes };
            part(drive.config.name.name(), MEDIUM, MEDIUM_VERSION, encode(&saved))
        };
        self.0.iter().map(of).collect()
    }

    /// The same drives with what was saved of their media, for a new board. Each part is taken by its name.
    pub(crate) fn restored(
        &self,
        mut take: impl FnMut(&str, &str) -> Result<PartV1, MachineError>,
    ) -> Result<Self, MachineError> {
        let mut drives = Vec::new();
        for drive in &self.0 {
            let name = drive.config.name.name();
            let bad = |why: String| MachineError::bad_snapshot(format!("snapshot: {name}: {why}"));
            let saved = take(name, MEDIUM)?;
            if saved.version != MEDIUM_VERSION {
                let error = SnapshotError::Version { part: MEDIUM, found: saved.version };
                return Err(bad(error.to_string()));
            }
            let saved: MediumV1 = decode(MEDIUM, &saved.bytes).map_err(|e| bad(e.to_string()))?;
            if saved.config != drive.config {
                return Err(bad("it was saved with another drive or image".into()));
            }
            let anew = drive.anew();
            if let (Some(changes), Some(saved)) = (&anew.changes, &saved.changes) {
                changes.restore(saved).map_err(|e| bad(e.to_string()))?;
            }
            drives.push(anew);
        }
        Ok(Self(drives))
    }
}
