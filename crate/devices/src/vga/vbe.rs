//! The VBE extension of the Bochs adapter ("dispi"): modes beyond VGA, set by eleven registers of 16 bits.
//!
//! Source: the interface's own description, "VBE Display API" of the Bochs VGA BIOS, and QEMU's
//! specification of its standard VGA, which gives the same registers a second place in memory.
//!
//! What a guest writes while no mode is set is kept as it is. Setting a mode, and writing while one is set,
//! corrects all values to what there is: a multiple of eight pixels, at most the largest picture, within
//! video memory. The guest reads back what it got.

use super::picture::{MAX_HEIGHT, MAX_WIDTH};
use bitfield_struct::bitfield;
use open_enum::open_enum;
use serde::{Deserialize, Serialize};

/// The registers.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Register {
    ID = 0x0,
    XRES = 0x1,
    YRES = 0x2,
    BPP = 0x3,
    ENABLE = 0x4,
    BANK = 0x5,
    VIRT_WIDTH = 0x6,
    VIRT_HEIGHT = 0x7,
    X_OFFSET = 0x8,
    Y_OFFSET = 0x9,
    VIDEO_MEMORY_64K = 0xA,
}

/// Revisions of the interface, of which a guest chooses one by writing it.
const IDS: std::ops::RangeInclusive<u16> = 0xB0C0..=0xB0C5;
const MAX_BPP: u16 = 32;

/// Enable register.
#[bitfield(u16)]
#[derive(PartialEq, Eq)]
pub(super) struct Enable {
    pub(super) enabled: bool,
    /// Resolution and depth read as the largest there are.
    pub(super) get_capabilities: bool,
    #[bits(3)]
    __: u8,
    /// The DAC has eight bits per component, else six.
    pub(super) dac_8_bit: bool,
    pub(super) linear: bool,
    /// Setting the mode leaves memory as it is.
    pub(super) keep_memory: bool,
    __: u8,
}

/// What a pixel is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PixelFormat {
    /// A bit in each of four planes.
    Planar,
    /// An entry of the DAC.
    Palette,
    Rgb555,
    Rgb565,
    /// Blue, green, red.
    Rgb24,
    /// Blue, green, red, nothing.
    Rgb32,
}

impl PixelFormat {
    fn of_depth(bpp: u16) -> Option<Self> {
        Some(match bpp {
            4 => Self::Planar,
            8 => Self::Palette,
            15 => Self::Rgb555,
            16 => Self::Rgb565,
            24 => Self::Rgb24,
            32 => Self::Rgb32,
            _ => return None,
        })
    }

    /// Bytes that some pixels take.
    pub(super) const fn bytes(self, pixels: usize) -> usize {
        match self {
            Self::Planar => pixels / 2,
            Self::Palette => pixels,
            Self::Rgb555 | Self::Rgb565 => pixels * 2,
            Self::Rgb24 => pixels * 3,
            Self::Rgb32 => pixels * 4,
        }
    }
}

/// Where the picture lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from one line to the next.
    pub(super) pitch: usize,
    /// Offset of the first line.
    pub(super) start: usize,
}

/// What a write means to the rest of the adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The picture, or how memory is reached, may have changed.
    pub(super) picture: bool,
    /// This many bytes of memory are to be cleared.
    pub(super) clear: usize,
}

/// The registers, and how much memory there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vbe {
    memory: usize,
    pub(super) index: u16,
    id: u16,
    width: u16,
    height: u16,
    bpp: u16,
    enable: Enable,
    bank: u16,
    virtual_width: u16,
    x: u16,
    y: u16,
}

impl Vbe {
    /// No mode set; for a memory of so many bytes.
    pub(super) fn new(memory: usize) -> Self {
        Self {
            memory,
            index: 0,
            id: *IDS.end(),
            width: 0,
            height: 0,
            bpp: 0,
            enable: Enable::new(),
            bank: 0,
            virtual_width: 0,
            x: 0,
            y: 0,
        }
    }

    pub(super) fn read(&self, register: Register) -> u16 {
        let capabilities = self.enable.get_capabilities();
        match register {
            Register::ID => self.id,
            Register::XRES if capabilities => MAX_WIDTH as u16,
            Register::XRES => self.width,
            Register::YRES if capabilities => MAX_HEIGHT as u16,
            Register::YRES => self.height,
            Register::BPP if capabilities => MAX_BPP,
            Register::BPP => self.bpp,
            Register::ENABLE => self.enable.into_bits(),
            Register::BANK => self.bank,
            Register::VIRT_WIDTH => self.virtual_width,
            Register::VIRT_HEIGHT => self
                .geometry()
                .map_or(0, |geometry| u16::try_from(self.memory / geometry.pitch.max(1)).unwrap_or(u16::MAX)),
            Register::X_OFFSET => self.x,
            Register::Y_OFFSET => self.y,
            Register::VIDEO_MEMORY_64K => self.banks(),
            _ => 0,
        }
    }

    pub(super) fn write(&mut self, register: Register, value: u16) -> Change {
        let before = self.clone();
        let mut clear = 0;
        match register {
            Register::ID if IDS.contains(&value) => self.id = value,
            Register::XRES => self.width = value,
            Register::YRES => self.height = value,
            Register::BPP => self.bpp = value,
            Register::BANK => self.bank = value % self.banks().max(1),
            Register::VIRT_WIDTH => self.virtual_width = value,
            Register::X_OFFSET => self.x = value,
            Register::Y_OFFSET => self.y = value,
            Register::ENABLE => clear = self.write_enable(Enable::from_bits(value)),
            _ => {}
        }
        self.correct();
        Change { picture: *self != before, clear }
    }

    /// Returns how much memory is to be cleared.
    fn write_enable(&mut self, enable: Enable) -> usize {
        let written = Enable::new()
            .with_enabled(enable.enabled())
            .with_get_capabilities(enable.get_capabilities())
            .with_dac_8_bit(enable.dac_8_bit())
            .with_linear(enable.linear())
            .with_keep_memory(enable.keep_memory());
        let old = std::mem::replace(&mut self.enable, written);
        if !written.enabled() {
            self.bank = 0;
            return 0;
        }
        if old.enabled() {
            return 0;
        }
        (self.virtual_width, self.x, self.y, self.bank) = (0, 0, 0, 0);
        self.correct();
        match self.geometry() {
            Some(geometry) if !written.keep_memory() => geometry.pitch * geometry.height as usize,
            _ => 0,
        }
    }

    /// While a mode is set: makes all values such that the picture lies in memory.
    fn correct(&mut self) {
        if !self.enable.enabled() {
            return;
        }
        let format = PixelFormat::of_depth(self.bpp).unwrap_or_else(|| {
            self.bpp = 8;
            PixelFormat::Palette
        });
        self.width = (self.width & !7).clamp(8, MAX_WIDTH as u16);
        self.virtual_width = (self.virtual_width & !7).clamp(self.width, MAX_WIDTH as u16);
        let pitch = format.bytes(self.virtual_width.into());
        let most = u16::try_from(self.memory / pitch.max(1)).unwrap_or(u16::MAX);
        self.height = self.height.clamp(1, (MAX_HEIGHT as u16).min(most.max(1)));
        // What is shifted too far is not shifted.
        let end =
            |x: u16, y: u16| format.bytes(x.into()) + (usize::from(y) + usize::from(self.height)) * pitch;
        if end(self.x, self.y) > self.memory {
            self.y = 0;
            if end(self.x, 0) > self.memory {
                self.x = 0;
            }
        }
    }

    /// The mode that is set.
    pub(super) fn geometry(&self) -> Option<Geometry> {
        if !self.enable.enabled() {
            return None;
        }
        let format = PixelFormat::of_depth(self.bpp)?;
        let pitch = format.bytes(self.virtual_width.into());
        // Planes move by whole bytes of each.
        let x = if format == PixelFormat::Planar { self.x & !7 } else { self.x };
        Some(Geometry {
            format,
            width: self.width.into(),
            height: self.height.into(),
            pitch,
            start: format.bytes(x.into()) + usize::from(self.y) * pitch,
        })
    }

    /// The 64 KB that the window at A0000h shows: of memory, or (in planes) of each plane.
    pub(super) fn bank(&self) -> usize {
        usize::from(self.bank)
    }

    pub(super) fn dac_8_bit(&self) -> bool {
        self.enable.dac_8_bit()
    }

    fn banks(&self) -> u16 {
        (self.memory >> 16) as u16
    }

    pub(super) fn save(&self) -> VbeV1 {
        let Self { memory: _, index, id, width, height, bpp, enable, bank, virtual_width, x, y } = self;
        VbeV1 {
            index: *index,
            id: *id,
            size: (*width, *height),
            bpp: *bpp,
            enable: enable.into_bits(),
            bank: *bank,
            virtual_width: *virtual_width,
            offset: (*x, *y),
        }
    }

    /// A saved state for a memory of so many bytes; `None` if no write leads to it.
    pub(super) fn restored(saved: &VbeV1, memory: usize) -> Option<Self> {
        let VbeV1 { index, id, size, bpp, enable, bank, virtual_width, offset } = *saved;
        let restored = Self {
            memory,
            index,
            id,
            width: size.0,
            height: size.1,
            bpp,
            enable: Enable::from_bits(enable),
            bank,
            virtual_width,
            x: offset.0,
            y: offset.1,
        };
        let mut corrected = restored.clone();
        corrected.correct();
        let valid = corrected == restored && IDS.contains(&id) && bank < restored.banks().max(1);
        valid.then_some(restored)
    }
}

/// Saved [`Vbe`].
#[derive(Serialize, Deserialize)]
pub(super) struct VbeV1 {
    index: u16,
    id: u16,
    size: (u16, u16),
    bpp: u16,
    enable: u16,
    bank: u16,
    virtual_width: u16,
    offset: (u16, u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: usize = 16 << 20;

    fn set(vbe: &mut Vbe, values: [u16; 3], enable: u16) -> Change {
        vbe.write(Register::ENABLE, 0);
        vbe.write(Register::XRES, values[0]);
        vbe.write(Register::YRES, values[1]);
        vbe.write(Register::BPP, values[2]);
        vbe.write(Register::ENABLE, enable)
    }

    #[test]
    fn a_mode_has_a_pitch_and_clears_memory() {
        let mut vbe = Vbe::new(MEMORY);
        assert_eq!(vbe.geometry(), None);
        assert_eq!(set(&mut vbe, [800, 600, 24], 0x41).clear, 800 * 600 * 3);
        assert_eq!(vbe.write(Register::ENABLE, 0x41), Change::default());
        let geometry =
            Geometry { format: PixelFormat::Rgb24, width: 800, height: 600, pitch: 2400, start: 0 };
        assert_eq!(vbe.geometry(), Some(geometry));
        vbe.write(Register::VIRT_WIDTH, 1024);
        vbe.write(Register::X_OFFSET, 2);
        vbe.write(Register::Y_OFFSET, 3);
        assert_eq!(vbe.geometry(), Some(Geometry { pitch: 3072, start: 6 + 3 * 3072, ..geometry }));
        assert_eq!(vbe.read(Register::VIRT_HEIGHT), (MEMORY / 3072) as u16);
        assert_eq!(set(&mut vbe, [800, 600, 24], 0xC1).clear, 0);
        assert_eq!((vbe.read(Register::VIRT_WIDTH), vbe.read(Register::Y_OFFSET)), (800, 0));
        assert_eq!(set(&mut vbe, [2560, 1600, 32], 1).clear, 2560 * 1600 * 4);
    }

    #[test]
    fn wrong_values_become_right_ones() {
        let mut vbe = Vbe::new(MEMORY);
        set(&mut vbe, [0, 0, 0], 1);
        let read = |vbe: &Vbe| [Register::XRES, Register::YRES, Register::BPP].map(|r| vbe.read(r));
        assert_eq!(read(&vbe), [8, 1, 8]);
        set(&mut vbe, [0xFFFF, 0xFFFF, 32], 1);
        assert_eq!(read(&vbe), [2560, 1600, 32]);
        vbe.write(Register::X_OFFSET, 0xFFFF);
        vbe.write(Register::Y_OFFSET, 0xFFFF);
        assert_eq!((vbe.read(Register::X_OFFSET), vbe.read(Register::Y_OFFSET)), (0xFFFF, 0));
        vbe.write(Register::VIRT_WIDTH, 9);
        assert_eq!(vbe.read(Register::VIRT_WIDTH), 2560);
        let mut small = Vbe::new(256 << 10);
        set(&mut small, [2560, 1600, 32], 1);
        assert_eq!(read(&small), [2560, 25, 32]);
    }

    #[test]
    fn identity_capabilities_and_banks() {
        let mut vbe = Vbe::new(MEMORY);
        assert_eq!(vbe.read(Register::ID), 0xB0C5);
        vbe.write(Register::ID, 0xB0C0);
        vbe.write(Register::ID, 0xB0C6);
        assert_eq!(vbe.read(Register::ID), 0xB0C0);
        assert_eq!(vbe.read(Register::VIDEO_MEMORY_64K), 256);
        vbe.write(Register::ENABLE, 2);
        assert_eq!(
            [Register::XRES, Register::YRES, Register::BPP].map(|r| vbe.read(r)),
            [2560, 1600, 32],
            "and no mode is set"
        );
        assert_eq!(vbe.geometry(), None);
        set(&mut vbe, [640, 480, 8], 1);
        vbe.write(Register::BANK, 0x104);
        assert_eq!(vbe.bank(), 4);
        vbe.write(Register::ENABLE, 0);
        assert_eq!(vbe.bank(), 0);
    }

    #[test]
    fn every_value_leads_to_a_picture_in_memory() {
        for memory in [256 << 10, 1 << 20, MEMORY] {
            let mut vbe = Vbe::new(memory);
            let mut random = host::entropy::Seeded::new(1);
            for _ in 0..20_000 {
                let word = random.next_u64();
                let value = (word >> 16) as u16 >> (word >> 40 & 15);
                let change = vbe.write(Register((word % 12) as u16), value);
                assert!(change.clear <= memory);
                if let Some(g) = vbe.geometry() {
                    let end = g.start + g.pitch * g.height as usize;
                    assert!(end <= memory && g.width <= MAX_WIDTH && g.height <= MAX_HEIGHT, "{vbe:?}");
                }
                assert_eq!(Vbe::restored(&vbe.save(), memory).as_ref(), Some(&vbe));
            }
        }
    }
}
