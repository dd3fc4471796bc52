//! Saved state: separate, versioned types, one encoding.
//!
//! A device's saved type is its own (`PitV1`), never the live struct, and has a name and a version. The
//! state hash is the hash of this encoding, so it must be the same bytes for the same state on every
//! target: integers of fixed size, no maps without order, no floats.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// One part of a snapshot as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Saved<'a> {
    /// The version the part was saved as.
    pub version: u16,
    /// Its encoding.
    pub bytes: &'a [u8],
}

/// Why a part of a snapshot cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotError {
    /// Saved by a version this build cannot read.
    Version {
        /// The part.
        part: &'static str,
        /// The version found.
        found: u16,
    },
    /// The bytes are not an encoding of that type, or some are left over.
    Malformed {
        /// The part.
        part: &'static str,
    },
    /// Well formed, but a value no device state can have.
    Invalid {
        /// The part.
        part: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { part, found } => {
                write!(f, "{part}: saved as version {found}, which this build cannot read")
            }
            Self::Malformed { part } => write!(f, "{part}: the saved state is damaged"),
            Self::Invalid { part, why } => write!(f, "{part}: the saved state is not valid: {why}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// State that can be saved and restored.
pub trait Snapshot {
    /// Name of the part and the version that `save` writes.
    fn saved_as(&self) -> (&'static str, u16);
    /// The state's encoding (see [`encode`]).
    fn save(&self) -> Vec<u8>;
    /// Takes over a saved state. On error the state is unchanged.
    ///
    /// # Errors
    /// [`SnapshotError`] names the part and the reason.
    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError>;
}

/// Whether all of a page of memory is zero, and need not be saved.
#[must_use]
pub fn is_zero(page: &[u8]) -> bool {
    page.chunks(64).all(|chunk| chunk.iter().fold(0, |all, b| all | b) == 0)
}

/// Encodes a saved type: compact, and the same bytes on every target.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Encoding into a growing vector fails only for types without a known length, which saved types are not.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Decodes a saved type; every byte must be used.
///
/// # Errors
/// [`SnapshotError::Malformed`] when the bytes are not one whole `T`.
pub fn decode<T: DeserializeOwned>(part: &'static str, bytes: &[u8]) -> Result<T, SnapshotError> {
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(SnapshotError::Malformed { part }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_over_bytes_are_refused() {
        let mut bytes = encode(&(1u32, 2u8));
        assert_eq!(decode::<(u32, u8)>("x", &bytes), Ok((1, 2)));
        bytes.push(0);
        assert_eq!(decode::<(u32, u8)>("x", &bytes), Err(SnapshotError::Malformed { part: "x" }));
        assert_eq!(decode::<(u32, u8)>("x", &bytes[..1]), Err(SnapshotError::Malformed { part: "x" }));
    }
}
