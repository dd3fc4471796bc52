//! VGA: sequencer, CRT controller, graphics controller, attribute controller, DAC and 256 KB of memory.
//!
//! Source: IBM Personal System/2 Hardware Interface Technical Reference, "Video Subsystem" (October 1990).
//!
//! By file: `spec` the registers; `registers`, `crtc` and `memory` the parts with their behaviour; `text`
//! the picture of the text modes; `power_on` and `font` what a VGA BIOS would have set up
//! ([`Vga::set_text_mode_3`], for a kernel that is booted directly). Graphics modes can be set, written and
//! read, but are shown black for now: their picture goes beside `text`, as a second reader of the same
//! [`crtc::Crtc::scan_lines`], and extensions with a frame buffer of their own go beside `memory`.
//!
//! Showing is pulled: the machine calls [`Vga::show`] as often as its host wants frames, and what changed
//! since then goes to the display. Nothing the display does can reach the guest, and what was last shown
//! is no part of the state. Retrace and blinking are functions of the clock; no timer is needed.
//!
//! Absent: the vertical interrupt (input status 0 says there is none), light pen, and the monitor
//! sensing behind switch sense (a colour monitor answers).

mod crtc;
mod font;
mod font_data;
mod memory;
mod power_on;
mod registers;
mod spec;
mod text;

use bus::{
    Clock, Device, IoError, IoResult, Mmio, PortIo, Region, Saved, Snapshot, SnapshotError, Width, decode,
    encode,
};
use crtc::{Crtc, REGISTERS, Timing};
use host::display::{Display, PixelFrame, Rect, TextFrame, cp437};
use memory::{Access, Memory};
use registers::{Attribute, Dac, GRAPHICS_BITS, Graphics, SEQUENCER_BITS, Sequencer, access};
use serde::{Deserialize, Serialize};
use spec::{AttributeAddress, CrtcPort, DacState, InputStatus0, MiscellaneousOutput, Port};
use text::{Characters, Phase, TextView};

const MONO: usize = 0;
const VGA: usize = 1;
const COLOR: usize = 2;
const WINDOW: usize = 3;

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
    // State.
    miscellaneous: MiscellaneousOutput,
    feature_control: u8,
    enabled: bool,
    // Derived from sequencer and graphics controller, so that a memory access need not gather it.
    access: Access,
}

/// What the display has seen.
#[derive(Debug, Default)]
struct Shown {
    /// Memory or a register that matters has changed since.
    stale: bool,
    /// All of the picture has to be sent, whatever was shown.
    anew: bool,
    phase: Phase,
    text: Option<Characters>,
    size: (u32, u32),
    pixels: Vec<u32>,
    scratch: Vec<u32>,
}

impl Vga {
    /// As after power-on: a black screen, waiting for a VGA BIOS or for [`Self::set_text_mode_3`].
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let (sequencer, graphics) = (Sequencer::default(), Graphics::default());
        Self {
            clock,
            shown: Shown { stale: true, anew: true, ..Shown::default() },
            memory: Memory::new(),
            access: access(&sequencer, &graphics),
            sequencer,
            crtc: Crtc::default(),
            graphics,
            attribute: Attribute::default(),
            dac: Dac::default(),
            miscellaneous: MiscellaneousOutput::new(),
            feature_control: 0,
            enabled: false,
        }
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
        self.memory = Memory::new();
        for cell in (0..0x8000).step_by(2) {
            self.memory.set(0, cell, b' ');
            self.memory.set(1, cell, 0x07);
        }
        font::load_8x16(&mut self.memory);
        self.access = access(&self.sequencer, &self.graphics);
        self.shown.stale = true;
    }

    /// Sends what changed since the last call to `display`. True if anything did.
    pub fn show(&mut self, display: &mut dyn Display) -> bool {
        let phase = self.phase();
        let shown = &self.shown;
        if !shown.stale && !shown.anew && (phase == shown.phase || !self.is_text()) {
            return false;
        }
        let mut shown = std::mem::take(&mut self.shown);
        let mut sent = self.show_text(&mut shown, display);
        let size = self.render(&mut shown.scratch);
        let anew = shown.anew || size != shown.size;
        let dirty = changed_rows(size, anew, &shown.pixels, &shown.scratch);
        std::mem::swap(&mut shown.pixels, &mut shown.scratch);
        if let Some(dirty) = dirty {
            let (width, height) = size;
            display.pixels(&PixelFrame { width, height, pixels: &shown.pixels, dirty: &[dirty] });
            sent = true;
        }
        self.shown = Shown { stale: false, anew: false, phase, size, ..shown };
        sent
    }

    fn show_text(&self, shown: &mut Shown, display: &mut dyn Display) -> bool {
        let text = self.is_text().then(|| self.text_view().characters());
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
        if !self.is_text() {
            return String::new();
        }
        let text = self.text_view().characters();
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
        let blank = self.sequencer.clocking().screen_off() || !self.attribute.address.display_enable();
        if self.is_text() && !blank {
            return self.text_view().render(pixels);
        }
        let clocking = self.sequencer.clocking();
        let dots = if clocking.eight_dots() || !self.is_text() { 8 } else { 9 }
            << u32::from(clocking.dot_clock_half());
        let size = (self.crtc.columns() * dots, self.crtc.lines());
        let color = if self.sequencer.clocking().screen_off() || !self.is_text() {
            u32::from_le_bytes([0, 0, 0, 0xFF])
        } else {
            self.dac.pixel(self.attribute.overscan())
        };
        pixels.clear();
        pixels.resize(size.0 as usize * size.1 as usize, color);
        size
    }

    /// Whether the mode is one of text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.graphics.miscellaneous().graphics()
    }

    fn text_view(&self) -> TextView<'_> {
        TextView {
            memory: &self.memory,
            crtc: &self.crtc,
            sequencer: &self.sequencer,
            attribute: &self.attribute,
            dac: &self.dac,
            phase: self.phase(),
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
            self.access = access(&self.sequencer, &self.graphics);
            self.shown.stale = true;
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
            CrtcPort::DATA => self.shown.stale |= self.crtc.write_selected(value),
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

/// The rows in which two pictures of the same size differ, or all of them.
fn changed_rows((width, height): (u32, u32), all: bool, old: &[u32], new: &[u32]) -> Option<Rect> {
    if all {
        return Some(Rect::of_size(width, height));
    }
    let rows = old.chunks(width.max(1) as usize).zip(new.chunks(width.max(1) as usize));
    let mut changed = (0u32..).zip(rows).filter(|(_, (old, new))| old != new).map(|(y, _)| y);
    let first = changed.next()?;
    let last = changed.last().unwrap_or(first);
    Some(Rect { x: 0, y: first, width, height: last - first + 1 })
}

impl Device for Vga {
    fn reset(&mut self) {
        let Self {
            clock,
            shown,
            memory: _,
            sequencer: _,
            crtc: _,
            graphics: _,
            attribute: _,
            dac: _,
            miscellaneous: _,
            feature_control: _,
            enabled: _,
            access: _,
        } = self;
        let shown = Shown { stale: true, ..std::mem::take(shown) };
        *self = Self { shown, ..Self::new(clock.clone()) };
    }
    fn regions(&self) -> &'static [Region] {
        &[
            Region { name: "mono", len: 0x0C },
            Region { name: "vga", len: 0x10 },
            Region { name: "color", len: 0x10 },
            Region { name: "window", len: 0x2_0000 },
        ]
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
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        match region {
            VGA => self.read_vga(Port(offset)).map(u32::from),
            MONO | COLOR if self.decodes(region) => self.read_crtc(CrtcPort(offset)).map(u32::from),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
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

impl Mmio for Vga {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        if region != WINDOW || !self.memory_enabled() {
            return Err(IoError::NoRegister);
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

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        if region != WINDOW || !self.memory_enabled() {
            return Err(IoError::NoRegister);
        }
        for n in 0..width.bytes() {
            match self.memory.write(self.access, offset.saturating_add(n.into()), (value >> (8 * n)) as u8) {
                Some(changed) => self.shown.stale |= changed,
                None if n == 0 => return Err(IoError::NoRegister),
                None => {}
            }
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct VgaV1 {
    miscellaneous: u8,
    feature_control: u8,
    enabled: bool,
    sequencer: (u8, [u8; 5]),
    crtc: (u8, [u8; REGISTERS]),
    graphics: (u8, [u8; 9]),
    attribute: AttributeV1,
    dac: DacV1,
    memory: Vec<u8>,
    latches: u32,
}

#[derive(Serialize, Deserialize)]
struct AttributeV1 {
    address: u8,
    data_next: bool,
    registers: [u8; 21],
}

#[derive(Serialize, Deserialize)]
struct DacV1 {
    mask: u8,
    state: u8,
    read_index: u8,
    write_index: u8,
    component: u8,
    pending: [u8; 3],
    entries: Vec<[u8; 3]>,
}

impl Snapshot for Vga {
    fn saved_as(&self) -> (&'static str, u16) {
        ("vga", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self {
            clock: _,
            shown: _,
            memory,
            sequencer,
            crtc,
            graphics,
            attribute,
            dac,
            miscellaneous,
            feature_control,
            enabled,
            access: _,
        } = self;
        let (memory, latches) = memory.save();
        let Attribute { address, data_next, registers } = attribute;
        let Dac { mask, state, read_index, write_index, component, pending, entries } = dac;
        encode(&VgaV1 {
            miscellaneous: miscellaneous.into_bits(),
            feature_control: *feature_control,
            enabled: *enabled,
            sequencer: (sequencer.index, sequencer.registers),
            crtc: (crtc.index, crtc.registers),
            graphics: (graphics.index, graphics.registers),
            attribute: AttributeV1 {
                address: address.into_bits(),
                data_next: *data_next,
                registers: *registers,
            },
            dac: DacV1 {
                mask: *mask,
                state: state.0,
                read_index: *read_index,
                write_index: *write_index,
                component: *component,
                pending: *pending,
                entries: entries.to_vec(),
            },
            memory,
            latches,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let VgaV1 {
            miscellaneous,
            feature_control,
            enabled,
            sequencer,
            crtc,
            graphics,
            attribute,
            dac,
            memory,
            latches,
        } = decode(part, saved.bytes)?;
        let invalid = |why| SnapshotError::Invalid { part, why };
        let memory = Memory::restored(&memory, latches).ok_or(invalid("video memory is not 256 KB"))?;
        let entries = dac.entries.try_into().map_err(|_| invalid("the DAC has not 256 entries"))?;
        if dac.component > 2 {
            return Err(invalid("a colour has three components"));
        }
        let sequencer = Sequencer { index: sequencer.0, registers: sequencer.1 };
        let graphics = Graphics { index: graphics.0, registers: graphics.1 };
        *self = Self {
            clock: self.clock.clone(),
            shown: Shown { stale: true, ..std::mem::take(&mut self.shown) },
            memory,
            access: access(&sequencer, &graphics),
            sequencer,
            crtc: Crtc { index: crtc.0, registers: crtc.1 },
            graphics,
            attribute: Attribute {
                address: AttributeAddress::from_bits(attribute.address),
                data_next: attribute.data_next,
                registers: attribute.registers,
            },
            dac: Dac {
                mask: dac.mask,
                state: DacState(dac.state),
                read_index: dac.read_index,
                write_index: dac.write_index,
                component: dac.component,
                pending: dac.pending,
                entries,
            },
            miscellaneous: MiscellaneousOutput::from_bits(miscellaneous),
            feature_control,
            enabled,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
