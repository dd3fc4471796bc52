//! What goes wrong before a guest runs, in words.

use std::fmt;

/// Kinds of error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// An option that does not exist or is not possible.
    BadOption,
    /// An image that is damaged or of the wrong kind.
    BadImage,
    /// It does not fit into the machine's memory.
    TooLarge,
    /// A saved state that cannot be restored.
    BadSnapshot,
    /// The host has too little memory.
    NoMemory,
}

impl ErrorCode {
    /// The name, as JavaScript sees it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadOption => "bad-option",
            Self::BadImage => "bad-image",
            Self::TooLarge => "too-large",
            Self::BadSnapshot => "bad-snapshot",
            Self::NoMemory => "no-memory",
        }
    }
}

/// An error with a sentence that names the thing and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

impl MachineError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn bad_image(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadImage, message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::TooLarge, message)
    }

    pub(crate) fn bad_snapshot(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadSnapshot, message)
    }
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for MachineError {}
