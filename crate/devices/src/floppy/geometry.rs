//! Formats of floppy disks, told apart by the size of an image.

use std::fmt;

/// How a disk is laid out. All formats have sectors of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// What people call it, such as `"1.44 MB"`.
    pub name: &'static str,
    /// Cylinders.
    pub cylinders: u8,
    /// Sides.
    pub heads: u8,
    /// Sectors of a track.
    pub sectors: u8,
    /// The type of drive that firmware is told of (CMOS byte 10h, a nibble for each drive).
    pub cmos_type: u8,
    /// Data rates that can read it, a bit for each value of DRATE.
    rates: u8,
}

/// DRATE 0: 500 kbit/s.
const RATE_500: u8 = 1 << 0;
/// DRATE 1: 300 kbit/s, for disks of double density in a drive that turns faster.
const RATE_300: u8 = 1 << 1;
/// DRATE 2: 250 kbit/s.
const RATE_250: u8 = 1 << 2;
/// DRATE 3: 1 Mbit/s.
const RATE_1000: u8 = 1 << 3;

const fn format(
    name: &'static str,
    (cylinders, heads, sectors): (u8, u8, u8),
    cmos_type: u8,
    rates: u8,
) -> Geometry {
    Geometry { name, cylinders, heads, sectors, cmos_type, rates }
}

/// Every format, the smallest first.
const FORMATS: [Geometry; 10] = [
    format("160 KB", (40, 1, 8), 1, RATE_250 | RATE_300),
    format("180 KB", (40, 1, 9), 1, RATE_250 | RATE_300),
    format("320 KB", (40, 2, 8), 1, RATE_250 | RATE_300),
    format("360 KB", (40, 2, 9), 1, RATE_250 | RATE_300),
    format("720 KB", (80, 2, 9), 3, RATE_250),
    format("1.2 MB", (80, 2, 15), 2, RATE_500),
    format("1.44 MB", (80, 2, 18), 4, RATE_500),
    format("1.68 MB", (80, 2, 21), 4, RATE_500),
    format("1.72 MB", (82, 2, 21), 4, RATE_500),
    format("2.88 MB", (80, 2, 36), 5, RATE_1000),
];

impl Geometry {
    /// The format of an image of that many bytes.
    ///
    /// # Errors
    /// [`UnknownSize`], which says in words what the sizes are.
    pub fn of_size(bytes: u64) -> Result<Self, UnknownSize> {
        FORMATS.into_iter().find(|format| format.bytes() == bytes).ok_or(UnknownSize(bytes))
    }

    /// The smallest format that holds that many bytes, for an image that ends before its disk does.
    #[must_use]
    pub fn holding(bytes: u64) -> Option<Self> {
        FORMATS.into_iter().find(|format| format.bytes() >= bytes)
    }

    /// Sectors in all.
    #[must_use]
    pub const fn total_sectors(&self) -> u64 {
        self.cylinders as u64 * self.heads as u64 * self.sectors as u64
    }

    /// Bytes in all.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.total_sectors() * host::block::SECTOR as u64
    }

    /// Whether the disk can be read at that value of DRATE.
    pub(super) const fn has_rate(&self, rate: u8) -> bool {
        self.rates >> (rate & 3) & 1 != 0
    }

    /// The number in the image of a track's first sector.
    pub(super) const fn first_sector(&self, cylinder: u8, head: u8) -> u64 {
        (cylinder as u64 * self.heads as u64 + head as u64) * self.sectors as u64
    }
}

/// No floppy disk has this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSize(pub u64);

impl fmt::Display for UnknownSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an image of {} bytes is no floppy disk; those have", self.0)?;
        for (n, format) in FORMATS.iter().enumerate() {
            let before = match n {
                0 => "",
                n if n + 1 == FORMATS.len() => " or",
                _ => ",",
            };
            write!(f, "{before} {} ({})", format.bytes(), format.name)?;
        }
        f.write_str(" bytes")
    }
}

impl std::error::Error for UnknownSize {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lead_to_formats() {
        for (kb, cylinders, heads, sectors, cmos) in [
            (160, 40, 1, 8, 1),
            (180, 40, 1, 9, 1),
            (320, 40, 2, 8, 1),
            (360, 40, 2, 9, 1),
            (720, 80, 2, 9, 3),
            (1200, 80, 2, 15, 2),
            (1440, 80, 2, 18, 4),
            (1680, 80, 2, 21, 4),
            (1722, 82, 2, 21, 4),
            (2880, 80, 2, 36, 5),
        ] {
            let found = Geometry::of_size(kb * 1024).unwrap();
            let Geometry { cylinders: c, heads: h, sectors: s, cmos_type, .. } = found;
            assert_eq!((c, h, s, cmos_type), (cylinders, heads, sectors, cmos), "{kb} KB");
        }
    }

    #[test]
    fn odd_sizes_are_refused_in_words() {
        for bytes in [0, 1, 1_474_559, 1_474_561, 1_500_000, u64::MAX] {
            let text = Geometry::of_size(bytes).unwrap_err().to_string();
            assert!(text.starts_with(&format!(
                "an image of {bytes} bytes is no floppy disk; those have 163840 (160 KB),"
            )));
            assert!(text.ends_with("1763328 (1.72 MB) or 2949120 (2.88 MB) bytes"), "{text}");
        }
    }
}
