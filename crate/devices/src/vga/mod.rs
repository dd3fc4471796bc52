//! VGA with the Bochs VBE extension: sequencer, CRT controller, graphics controller, attribute controller,
//! DAC, and up to 16 MB of video memory.
//!
//! Source: IBM Personal System/2 Hardware Interface Technical Reference, "Video Subsystem" (October 1990);
//! for VBE see `vbe`, for the PCI function see `pci`.
//!
//! By file: `spec` the registers; `registers`, `crtc` and `memory` the parts with their behaviour;
//! `frame_buffer` the bytes of video memory; `vbe` the extension; `pci` the socket; `saved` the saved form.
//! A picture is drawn by one of three: `text`, `graphics` (planes, by VGA's registers alone) and `linear`
//! (VBE); `picture` is what they draw on. `power_on` and `font` are what a VGA BIOS would have set up
//! ([`Vga::set_text_mode_3`], for a kernel that is booted directly).
//!
//! Showing is pulled: the machine calls [`Vga::show`] as often as its host wants frames, and what changed
//! since then goes to the display. If only memory has changed, only the lines in whose memory it did are
//! drawn (text, whose fonts lie between the characters, is drawn whole). Nothing the display does can reach
//! the guest, and what was last shown is no part of the state. Retrace and blinking are functions of the
//! clock; no timer is needed. So is the moment at which a new start address counts: the next vertical
//! retrace.
//!
//! A picture has a pixel per dot of the screen: mode 13h is 640 by 400, as the monitor has it.
//!
//! Absent: the vertical interrupt (input status 0 says there is none), light pen, the monitor sensing behind
//! switch sense (a colour monitor answers), the border around the picture, blanking that begins before the
//! picture ends, shift registers loaded every second or fourth character, and pixel panning within a frame.

mod crtc;
mod font;
mod font_data;
pub mod frame_buffer;
mod graphics;
mod linear;
mod memory;
mod pci;
mod picture;
mod power_on;
mod registers;
mod saved;
mod spec;
mod text;
mod vbe;

pub use pci::PciVga;

use bus::{Clock, Device, IoError, IoResult, Mmio, PortIo, Region, Time, Width};
use crtc::{Crtc, Timing};
use frame_buffer::{DirtyPages, FrameBuffer, OwnMemory};
use graphics::{GraphicsView, Shift};
use host::display::{Display, PixelFrame, TextFrame, cp437};
use linear::LinearView;
use memory::{Access, Memory};
use picture::{MAX_WIDTH, Picture};
use registers::{Attribute, Dac, GRAPHICS_BITS, Graphics, SEQUENCER_BITS, Sequencer, access};
use spec::{AttributeAddress, CrtcPort, InputStatus0, MiscellaneousOutput, Port};
use text::{Characters, Phase, TextView};
use vbe::Vbe;

const MONO: usize = 0;
const VGA: usize = 1;
const COLOR: usize = 2;
const WINDOW: usize = 3;
const VBE: usize = 4;
const FRAME_BUFFER: usize = 5;
const REGISTERS_BLOCK: usize = 6;
const ROM: usize = 7;

const REGISTERS_LEN: u64 = 0x1000;
const ROM_LEN: u64 = 0x1_0000;

/// All regions; the last is only there on the PCI bus.
const REGIONS: &[Region] = &[
    Region { name: "mono", len: 0x0C },
    Region { name: "vga", len: 0x10 },
    Region { name: "color", len: 0x10 },
    Region { name: "window", len: 0x2_0000 },
    Region { name: "vbe", len: 4 },
    Region { name: "frame_buffer", len: frame_buffer::MAX_LEN as u64 },
    Region { name: "registers", len: REGISTERS_LEN },
    Region { name: "rom", len: ROM_LEN },
];

/// The display adapter.
#[derive(Debug)]
pub struct Vga {
    // Glue.
    clock: Clock,
    shown: Shown,
    // Parts.
    memory: Memory,
    sequencer: Sequencer,
    crtc: Crtc,
    graphics: Graphics,
    attribute: Attribute,
    dac: Dac,
    vbe: Vbe,
    // State.
    miscellaneous: MiscellaneousOutput,
    feature_control: u8,
    /// The subsystem as a whole (port 3C3h): on at power-on, as a PCI adapter's; its BIOS does not switch it on.
    enabled: bool,
    latch: Latch,
    // Derived from sequencer, graphics controller and VBE, so that a memory access need not gather it.
    access: Access,
}

/// The start address that counts until the next vertical retrace.
#[derive(Clone, Copy, Debug, Default)]
struct Latch {
    start: u16,
    /// When that retrace begins, by the timing of the moment at which the registers were written.
    until: Time,
}

/// What the display has seen.
#[derive(Debug, Default)]
struct Shown {
    /// A register that matters has changed since.
    stale: bool,
    /// All of the picture has to be sent, whatever was shown.
    anew: bool,
    phase: Phase,
    text: Option<Characters>,
    picture: Picture,
}

impl Vga {
    /// As after power-on: a black screen, waiting for a VGA BIOS or for [`Self::set_text_mode_3`]. It has
    /// 16 MB of memory to itself.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::with_memory(clock, Box::new(OwnMemory::new(frame_buffer::MAX_LEN)))
    }

    /// The same with memory that others reach too.
    #[must_use]
    pub fn with_memory(clock: Clock, memory: Box<dyn FrameBuffer>) -> Self {
        let memory = Memory::new(memory);
        let (sequencer, graphics) = (Sequencer::default(), Graphics::default());
        let vbe = Vbe::new(memory.bytes().len());
        Self {
            clock,
            shown: Shown { stale: true, anew: true, ..Shown::default() },
            memory,
            access: access(&sequencer, &graphics, &vbe),
            sequencer,
            crtc: Crtc::default(),
            graphics,
            attribute: Attribute::default(),
            dac: Dac::default(),
            vbe,
            miscellaneous: MiscellaneousOutput::new(),
            feature_control: 0,
            enabled: true,
            latch: Latch::default(),
        }
    }

    /// Moves what is in video memory to another block, as a machine does that restores into a new board
    /// before it gives up the old one. False, and nothing done, if the block is of another length.
    pub fn move_memory(&mut self, to: Box<dyn FrameBuffer>) -> bool {
        self.shown.stale = true;
        self.memory.move_to(to)
    }

    /// Stands in for the VGA BIOS: mode 3 (80x25 characters at B8000h), its palette and font, and a blank
    /// screen with the cursor at the top left.
    pub fn set_text_mode_3(&mut self) {
        let mode = &power_on::MODE_3;
        self.enabled = true;
        self.miscellaneous = MiscellaneousOutput::from_bits(mode.miscellaneous);
        self.sequencer = Sequencer { index: 0, registers: mode.sequencer };
        self.crtc = Crtc { index: 0, registers: mode.crtc };
        self.graphics = Graphics { index: 0, registers: mode.graphics };
        let address = AttributeAddress::new().with_display_enable(true);
        self.attribute = Attribute { address, data_next: false, registers: mode.attribute };
        self.dac = Dac { entries: power_on::palette(), ..Dac::default() };
        self.vbe = Vbe::new(self.memory.bytes().len());
        self.latch = Latch::default();
        self.memory.reset();
        for cell in (0..0x8000).step_by(2) {
            self.memory.set(0, cell, b' ');
            self.memory.set(1, cell, 0x07);
        }
        font::load_8x16(&mut self.memory);
        self.changed();
    }

    /// Sends what changed since the last call to `display`. True if anything did.
    pub fn show(&mut self, display: &mut dyn Display) -> bool {
        let dirty = self.memory.take_dirty();
        let phase = self.phase();
        let blinked = phase != self.shown.phase && (self.is_text() || self.attribute.mode().blink());
        let all = self.shown.stale || self.shown.anew || blinked;
        if !all && dirty.is_empty() {
            return false;
        }
        let mut shown = std::mem::take(&mut self.shown);
        let start = self.start_address();
        let mut sent = self.show_text(start, &mut shown, display);
        self.draw(start, &mut shown.picture, if all { None } else { Some(&dirty) });
        let dirty = shown.picture.take_changed(shown.anew);
        if !dirty.is_empty() {
            let (width, height) = shown.picture.size();
            display.pixels(&PixelFrame { width, height, pixels: shown.picture.pixels(), dirty: &dirty });
            sent = true;
        }
        // A start address that does not count yet will be looked at again.
        let stale = start != self.crtc.start_address();
        self.shown = Shown { stale, anew: false, phase, ..shown };
        sent
    }

    fn show_text(&self, start: u16, shown: &mut Shown, display: &mut dyn Display) -> bool {
        let text = self.text_view(start).map(|view| view.characters());
        let changed = text != shown.text || shown.anew;
        match &text {
            Some(Characters { columns, rows, cells, cursor }) if changed => {
                display.text(&TextFrame { columns: *columns, rows: *rows, cells, cursor: *cursor });
            }
            None if changed => display.text_gone(),
            _ => {}
        }
        shown.text = text;
        changed
    }

    /// Makes the next [`Self::show`] send everything, as a new display needs it.
    pub fn show_anew(&mut self) {
        self.shown.anew = true;
    }

    /// The rows of text, trailing blanks removed, each ended by a line feed; empty in a graphics mode.
    #[must_use]
    pub fn screen_text(&self) -> String {
        // What the guest means to show, whether the screen is that far or not.
        let Some(view) = self.text_view(self.crtc.start_address()) else { return String::new() };
        let text = view.characters();
        let mut out = String::new();
        for row in text.cells.chunks(text.columns.max(1) as usize) {
            let line: String = row.iter().map(|cell| cp437(cell.code)).collect();
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Draws the picture into `pixels`, each 0xFFBBGGRR, and returns its width and height.
    pub fn render(&self, pixels: &mut Vec<u32>) -> (u32, u32) {
        let mut picture = Picture::default();
        self.draw(self.start_address(), &mut picture, None);
        let size = picture.size();
        *pixels = picture.into_pixels();
        size
    }

    /// Whether the mode is one of text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.graphics.miscellaneous().graphics() && self.vbe.geometry().is_none()
    }

    /// Draws what lies in `changed` pages, or everything.
    fn draw(&self, start: u16, picture: &mut Picture, changed: Option<&DirtyPages>) {
        let dots = self.dots_per_character();
        let (width, height) = match self.vbe.geometry() {
            Some(geometry) => (geometry.width, geometry.height),
            None => (self.columns() * dots, self.crtc.lines()),
        };
        let changed = if picture.begin(width, height) { None } else { changed };
        if self.sequencer.clocking().screen_off() {
            picture.fill(u32::from_le_bytes([0, 0, 0, 0xFF]));
        } else if !self.attribute.address.display_enable() {
            picture.fill(self.dac.pixel(self.attribute.overscan()));
        } else if let Some(geometry) = self.vbe.geometry() {
            let view = LinearView {
                bytes: self.memory.bytes(),
                geometry,
                palette: std::array::from_fn(|entry| self.dac.pixel(entry as u8)),
                dots: self.graphics_colors(),
            };
            view.draw(picture, changed);
        } else if let Some(view) = self.text_view(start) {
            if changed.is_none_or(|pages| pages.planes() != 0) {
                view.draw(picture);
            }
        } else if let Some(view) = self.graphics_view(start) {
            view.draw(picture, changed);
        }
    }

    fn text_view(&self, start: u16) -> Option<TextView<'_>> {
        let cells = self.memory.cells().filter(|_| self.is_text())?;
        let clocking = self.sequencer.clocking();
        Some(TextView {
            cells,
            crtc: &self.crtc,
            start,
            mode: self.attribute.mode(),
            character_map: self.sequencer.character_map(),
            eight_dots: clocking.eight_dots(),
            half: clocking.dot_clock_half(),
            panning: self.panning(self.attribute.panning(clocking.eight_dots())),
            byte_panning: self.panning(self.crtc.byte_panning()),
            colors: std::array::from_fn(|dot| self.dac.pixel(self.attribute.dac_entry(dot as u8))),
            columns: self.columns(),
            phase: self.phase(),
        })
    }

    fn graphics_view(&self, start: u16) -> Option<GraphicsView<'_>> {
        Some(GraphicsView {
            cells: self.memory.cells()?,
            crtc: &self.crtc,
            start,
            shift: Shift::of(self.graphics.mode()),
            half: self.sequencer.clocking().dot_clock_half(),
            color_256: self.attribute.mode().color_256(),
            panning: self.panning(self.attribute.panning(true)),
            byte_panning: self.panning(self.crtc.byte_panning()),
            dots: self.graphics_colors(),
            pairs: std::array::from_fn(|pair| self.dac.pixel(self.attribute.pair_entry(pair as u8))),
            columns: self.columns(),
        })
    }

    fn graphics_colors(&self) -> [u32; 16] {
        let flipped = self.attribute.mode().blink() && !self.phase().characters;
        std::array::from_fn(|dot| self.dac.pixel(self.attribute.graphics_entry(dot as u8, flipped)))
    }

    /// Panning above and below the line at which the screen is split.
    fn panning<T: Default + Copy>(&self, panning: T) -> [T; 2] {
        [panning, if self.attribute.mode().panning_compatible() { T::default() } else { panning }]
    }

    /// Pixels that a character clock makes.
    fn dots_per_character(&self) -> u32 {
        let clocking = self.sequencer.clocking();
        let dots = if clocking.eight_dots() || !self.is_text() { 8 } else { 9 };
        dots << u32::from(clocking.dot_clock_half())
    }

    /// Characters in a line, as many as a picture can have.
    fn columns(&self) -> u32 {
        self.crtc.columns().min(MAX_WIDTH / self.dots_per_character())
    }

    /// The start address in effect: that of the registers, once the retrace after their change has come.
    fn start_address(&self) -> u16 {
        let Latch { start, until } = self.latch;
        if self.clock.now() < until { start } else { self.crtc.start_address() }
    }

    fn write_crtc_data(&mut self, value: u8) {
        let (start, before) = (self.start_address(), self.crtc.start_address());
        if self.crtc.write_selected(value) {
            self.shown.stale = true;
        }
        if before != self.crtc.start_address() {
            self.latch = Latch { start, until: self.timing().next_retrace(self.clock.now()) };
        }
    }

    /// A register has changed that memory accesses or the picture depend on.
    fn changed(&mut self) {
        self.access = access(&self.sequencer, &self.graphics, &self.vbe);
        self.shown.stale = true;
    }

    fn write_vbe(&mut self, register: vbe::Register, value: u16) {
        let change = self.vbe.write(register, value);
        if change.clear > 0 {
            self.memory.clear(change.clear);
        }
        if change.picture {
            self.dac.set_eight_bits(self.vbe.dac_8_bit());
            self.changed();
        }
    }

    fn timing(&self) -> Timing {
        self.crtc.timing(self.miscellaneous, self.sequencer.clocking())
    }

    fn phase(&self) -> Phase {
        Phase::at_frame(self.timing().frame(self.clock.now()))
    }

    fn read_vga(&mut self, port: Port) -> IoResult<u8> {
        Ok(match port {
            Port::ATTRIBUTE => self.attribute.address.into_bits(),
            Port::ATTRIBUTE_DATA => self.attribute.read(),
            Port::INPUT_STATUS_0 => InputStatus0::new().with_switch_sense(true).into_bits(),
            Port::SUBSYSTEM_ENABLE => u8::from(self.enabled),
            Port::SEQUENCER_ADDRESS => self.sequencer.index,
            Port::SEQUENCER_DATA => self.sequencer.read(),
            Port::PEL_MASK => self.dac.mask,
            Port::DAC_READ_ADDRESS => self.dac.state.0,
            Port::DAC_WRITE_ADDRESS => self.dac.write_index,
            Port::DAC_DATA => self.dac.read_data(),
            Port::FEATURE_CONTROL => self.feature_control,
            Port::MISCELLANEOUS_OUTPUT => self.miscellaneous.into_bits(),
            Port::GRAPHICS_ADDRESS => self.graphics.index,
            Port::GRAPHICS_DATA => self.graphics.read(),
            _ => return Err(IoError::NoRegister),
        })
    }

    fn write_vga(&mut self, port: Port, value: u8) -> IoResult<()> {
        let changed = match port {
            Port::ATTRIBUTE => self.attribute.write(value),
            Port::INPUT_STATUS_0 => {
                let new = MiscellaneousOutput::from_bits(value);
                std::mem::replace(&mut self.miscellaneous, new) != new
            }
            Port::SUBSYSTEM_ENABLE => {
                self.enabled = value & 1 != 0;
                false
            }
            Port::SEQUENCER_ADDRESS => {
                self.sequencer.index = value;
                false
            }
            Port::SEQUENCER_DATA => self.sequencer.write(&SEQUENCER_BITS, value),
            Port::PEL_MASK => std::mem::replace(&mut self.dac.mask, value) != value,
            Port::DAC_READ_ADDRESS => {
                self.dac.set_read_index(value);
                false
            }
            Port::DAC_WRITE_ADDRESS => {
                self.dac.set_write_index(value);
                false
            }
            Port::DAC_DATA => self.dac.write_data(value),
            Port::GRAPHICS_ADDRESS => {
                self.graphics.index = value;
                false
            }
            Port::GRAPHICS_DATA => self.graphics.write(&GRAPHICS_BITS, value),
            _ => return Err(IoError::NoRegister),
        };
        if changed {
            self.changed();
        }
        Ok(())
    }

    fn read_crtc(&mut self, port: CrtcPort) -> IoResult<u8> {
        match port {
            CrtcPort::ADDRESS => Ok(self.crtc.index),
            CrtcPort::DATA => Ok(self.crtc.read_selected()),
            CrtcPort::INPUT_STATUS_1 => {
                self.attribute.data_next = false;
                Ok(self.crtc.status(self.timing(), self.clock.now()).into_bits())
            }
            _ => Err(IoError::NoRegister),
        }
    }

    fn write_crtc(&mut self, port: CrtcPort, value: u8) -> IoResult<()> {
        match port {
            CrtcPort::ADDRESS => self.crtc.index = value,
            CrtcPort::DATA => self.write_crtc_data(value),
            CrtcPort::INPUT_STATUS_1 => self.feature_control = value & 0x0B,
            _ => return Err(IoError::NoRegister),
        }
        Ok(())
    }

    /// The CRTC's registers answer at one of two places.
    fn decodes(&self, region: usize) -> bool {
        region == if self.miscellaneous.color() { COLOR } else { MONO }
    }

    fn memory_enabled(&self) -> bool {
        self.enabled && self.miscellaneous.enable_ram()
    }
}

impl Device for Vga {
    fn reset(&mut self) {
        let Self {
            clock: _,
            shown,
            memory,
            sequencer,
            crtc,
            graphics,
            attribute,
            dac,
            vbe,
            miscellaneous,
            feature_control,
            enabled,
            latch,
            access: _,
        } = self;
        memory.reset();
        (*sequencer, *crtc, *graphics) = (Sequencer::default(), Crtc::default(), Graphics::default());
        (*attribute, *dac) = (Attribute::default(), Dac::default());
        *vbe = Vbe::new(memory.bytes().len());
        (*miscellaneous, *feature_control, *enabled) = (MiscellaneousOutput::new(), 0, true);
        (*latch, shown.stale) = (Latch::default(), true);
        self.changed();
    }
    fn regions(&self) -> &'static [Region] {
        REGIONS.split_at(ROM).0
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        Some(self)
    }
}

impl PortIo for Vga {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if region == VBE {
            return match (offset, width) {
                (0, Width::Word) => Ok(self.vbe.index.into()),
                // The second place of the data register is for whoever cannot access an odd port.
                (1 | 2, Width::Word) => Ok(self.vbe.read(vbe::Register(self.vbe.index)).into()),
                _ => Err(IoError::NoRegister),
            };
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        match region {
            VGA => self.read_vga(Port(offset)).map(u32::from),
            MONO | COLOR if self.decodes(region) => self.read_crtc(CrtcPort(offset)).map(u32::from),
            // SeaBIOS sets a colour mode's palette while the registers are still at the monochrome place, and counts on
            // this. The data sheet has no such effect.
            MONO | COLOR if CrtcPort(offset) == CrtcPort::INPUT_STATUS_1 => {
                self.attribute.data_next = false;
                Err(IoError::NoRegister)
            }
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if region == VBE {
            match (offset, width) {
                (0, Width::Word) => self.vbe.index = value as u16,
                (1 | 2, Width::Word) => self.write_vbe(vbe::Register(self.vbe.index), value as u16),
                _ => return Err(IoError::NoRegister),
            }
            return Ok(());
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        match region {
            VGA => self.write_vga(Port(offset), value as u8),
            MONO | COLOR if self.decodes(region) => self.write_crtc(CrtcPort(offset), value as u8),
            _ => Err(IoError::NoRegister),
        }
    }
}

/// What the block of registers in memory has at an offset.
enum Mapped {
    /// A port, as region and offset: 400h on is 3C0h on.
    Port(usize, u16),
    /// A VBE register: two bytes each from 500h on.
    Vbe(vbe::Register),
}

impl Mapped {
    fn at(offset: u64, width: Width) -> IoResult<Self> {
        let offset = u16::try_from(offset).map_err(|_| IoError::NoRegister)?;
        match (offset, width) {
            (0x400..=0x40F, Width::Byte) => Ok(Self::Port(VGA, offset - 0x400)),
            (0x410..=0x41F, Width::Byte) => Ok(Self::Port(COLOR, offset - 0x410)),
            (0x400..=0x41F, _) => Err(IoError::BadWidth),
            (0x500..=0x515, Width::Word) if offset & 1 == 0 => {
                Ok(Self::Vbe(vbe::Register((offset - 0x500) / 2)))
            }
            _ => Err(IoError::NoRegister),
        }
    }
}

impl Vga {
    fn read_window(&mut self, offset: u64, width: Width) -> IoResult<u32> {
        if !self.memory_enabled() {
            return Err(IoError::NoRegister);
        }
        if let Some(value) = self.memory.read_whole(self.access, offset, width.bytes()) {
            return Ok(value);
        }
        let mut value = 0;
        for n in 0..width.bytes() {
            // A wide access that runs out of the window reads ones there.
            let byte = match self.memory.read(self.access, offset.saturating_add(n.into())) {
                Some(byte) => byte,
                None if n == 0 => return Err(IoError::NoRegister),
                None => 0xFF,
            };
            value |= u32::from(byte) << (8 * n);
        }
        Ok(value)
    }

    fn write_window(&mut self, offset: u64, width: Width, value: u32) -> IoResult<()> {
        if !self.memory_enabled() {
            return Err(IoError::NoRegister);
        }
        if self.memory.write_whole(self.access, offset, width.bytes(), value).is_some() {
            return Ok(());
        }
        for n in 0..width.bytes() {
            match self.memory.write(self.access, offset.saturating_add(n.into()), (value >> (8 * n)) as u8) {
                None if n == 0 => return Err(IoError::NoRegister),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Mmio for Vga {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        match region {
            WINDOW => self.read_window(offset, width),
            FRAME_BUFFER => usize::try_from(offset)
                .ok()
                .and_then(|offset| self.memory.read_linear(offset, width.bytes()))
                .ok_or(IoError::NoRegister),
            REGISTERS_BLOCK => match Mapped::at(offset, width)? {
                Mapped::Port(region, offset) => PortIo::read(self, region, offset, width),
                Mapped::Vbe(register) => Ok(self.vbe.read(register).into()),
            },
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        match region {
            WINDOW => self.write_window(offset, width, value),
            FRAME_BUFFER => usize::try_from(offset)
                .ok()
                .and_then(|offset| self.memory.write_linear(offset, width.bytes(), value))
                .ok_or(IoError::NoRegister),
            REGISTERS_BLOCK => match Mapped::at(offset, width)? {
                Mapped::Port(region, offset) => PortIo::write(self, region, offset, width, value),
                Mapped::Vbe(register) => {
                    self.write_vbe(register, value as u16);
                    Ok(())
                }
            },
            _ => Err(IoError::NoRegister),
        }
    }
}

#[cfg(test)]
mod tests;
