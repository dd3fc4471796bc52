//! The picture of the VBE modes: pixels one after another in video memory, or (4 bits) in planes.

use super::frame_buffer::DirtyPages;
use super::graphics::{dots_of_16, planar};
use super::picture::Picture;
use super::vbe::{Geometry, PixelFormat};

/// Everything that a VBE picture is made from.
pub(super) struct LinearView<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) geometry: Geometry,
    /// What the 256 entries of the DAC look like.
    pub(super) palette: [u32; 256],
    /// What the sixteen values of a dot in planes look like.
    pub(super) dots: [u32; 16],
}

const OPAQUE: u32 = 0xFF00_0000;

impl LinearView<'_> {
    /// Draws the lines whose memory is in `changed`, or all.
    pub(super) fn draw(&self, picture: &mut Picture, changed: Option<&DirtyPages>) {
        let Geometry { width, height, pitch, start, .. } = self.geometry;
        let len = self.geometry.format.bytes(width as usize);
        for y in 0..height {
            let offset = start + y as usize * pitch;
            if changed.is_some_and(|pages| !pages.any(offset, len)) {
                continue;
            }
            let row = self.bytes.get(offset..offset + len).unwrap_or(&[]);
            picture.line(y, 0, |out| self.line(row, out));
        }
    }

    fn line(&self, row: &[u8], out: &mut [u32]) {
        match self.geometry.format {
            PixelFormat::Planar => {
                for (out, cell) in out.as_chunks_mut::<8>().0.iter_mut().zip(row.as_chunks::<4>().0) {
                    *out = dots_of_16(planar(*cell), &self.dots);
                }
            }
            PixelFormat::Palette => {
                for (out, index) in out.iter_mut().zip(row) {
                    *out = self.palette[usize::from(*index)];
                }
            }
            PixelFormat::Rgb555 => each(row, out, |v: [u8; 2]| {
                let v = u32::from(u16::from_le_bytes(v));
                rgb(v >> 7 & 0xF8, v >> 2 & 0xF8, v << 3 & 0xF8)
            }),
            PixelFormat::Rgb565 => each(row, out, |v: [u8; 2]| {
                let v = u32::from(u16::from_le_bytes(v));
                let green = v >> 3 & 0xFC;
                rgb(v >> 8 & 0xF8, 0, v << 3 & 0xF8) | (green | green >> 6) << 8
            }),
            PixelFormat::Rgb24 => each(row, out, |[b, g, r]: [u8; 3]| u32::from_le_bytes([r, g, b, 0xFF])),
            PixelFormat::Rgb32 => each(row, out, |v: [u8; 4]| {
                let v = u32::from_le_bytes(v);
                OPAQUE | v & 0xFF00 | v >> 16 & 0xFF | (v & 0xFF) << 16
            }),
        }
    }
}

/// Five bits each, at the top of eight; full range stays full.
fn rgb(r: u32, g: u32, b: u32) -> u32 {
    OPAQUE | r | r >> 5 | (g | g >> 5) << 8 | (b | b >> 5) << 16
}

fn each<const N: usize>(row: &[u8], out: &mut [u32], pixel: impl Fn([u8; N]) -> u32) {
    for (out, bytes) in out.iter_mut().zip(row.as_chunks::<N>().0) {
        *out = pixel(*bytes);
    }
}
