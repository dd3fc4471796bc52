//! The register files of sequencer, graphics controller, attribute controller and DAC: an address, data
//! behind it, and which bits exist.

use super::memory::Access;
use super::spec::{
    AttributeAddress, AttributeMode, CharacterMapSelect, ClockingMode, ColorSelect, DacState, DataRotate,
    GraphicsMiscellaneous, GraphicsMode, MemoryMode,
};
use super::vbe::{PixelFormat, Vbe};

/// An address register and the data registers behind it. The names of these are methods of the parts.
#[derive(Clone, Debug)]
pub(super) struct Indexed<const N: usize> {
    pub(super) index: u8,
    pub(super) registers: [u8; N],
}

impl<const N: usize> Default for Indexed<N> {
    fn default() -> Self {
        Self { index: 0, registers: [0; N] }
    }
}

impl<const N: usize> Indexed<N> {
    /// The selected register; those that do not exist read as zero.
    pub(super) fn read(&self) -> u8 {
        self.registers.get(usize::from(self.index)).copied().unwrap_or(0)
    }

    /// Writes the selected register, keeping the bits that it has; true if it changed.
    pub(super) fn write(&mut self, bits: &[u8; N], value: u8) -> bool {
        let at = usize::from(self.index);
        let (Some(register), Some(bits)) = (self.registers.get_mut(at), bits.get(at)) else { return false };
        let old = std::mem::replace(register, value & bits);
        old != *register
    }
}

/// Sequencer registers: reset, clocking mode, map mask, character map select, memory mode.
pub(super) type Sequencer = Indexed<5>;
/// Bits of each sequencer register.
pub(super) const SEQUENCER_BITS: [u8; 5] = [0x03, 0x3D, 0x0F, 0x3F, 0x0E];

impl Sequencer {
    pub(super) fn clocking(&self) -> ClockingMode {
        ClockingMode::from_bits(self.registers[1])
    }

    pub(super) fn character_map(&self) -> CharacterMapSelect {
        CharacterMapSelect::from_bits(self.registers[3])
    }
}

/// Graphics controller registers: set/reset, its enable, color compare, data rotate, read map select,
/// mode, miscellaneous, color don't care, bit mask.
pub(super) type Graphics = Indexed<9>;
/// Bits of each graphics controller register.
pub(super) const GRAPHICS_BITS: [u8; 9] = [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF];

impl Graphics {
    pub(super) fn mode(&self) -> GraphicsMode {
        GraphicsMode::from_bits(self.registers[5])
    }

    pub(super) fn miscellaneous(&self) -> GraphicsMiscellaneous {
        GraphicsMiscellaneous::from_bits(self.registers[6])
    }
}

/// What a processor access to memory depends on.
pub(super) fn access(sequencer: &Sequencer, graphics: &Graphics, vbe: &Vbe) -> Access {
    let [_, _, map_mask, _, memory_mode] = sequencer.registers;
    let [set_reset, enable_set_reset, color_compare, rotate, read_map, mode, _, color_dont_care, bit_mask] =
        graphics.registers;
    let access = Access {
        memory_mode: MemoryMode::from_bits(memory_mode),
        map_mask,
        set_reset,
        enable_set_reset,
        color_compare,
        rotate: DataRotate::from_bits(rotate),
        read_map,
        mode: GraphicsMode::from_bits(mode),
        miscellaneous: graphics.miscellaneous(),
        color_dont_care,
        bit_mask,
        bank: 0,
        linear: false,
    };
    let Some(geometry) = vbe.geometry() else { return access };
    // A VBE mode has its window at A0000h, 64 KB, and addresses run on: with the registers that VGA has,
    // nothing else would come of it.
    Access {
        memory_mode: access.memory_mode.with_sequential(true).with_chain_4(false),
        mode: access.mode.with_odd_even(false),
        miscellaneous: access.miscellaneous.with_memory_map(1),
        bank: vbe.bank(),
        linear: geometry.format != PixelFormat::Planar,
        ..access
    }
}

/// Attribute controller: palette 00h-0Fh, mode control, overscan color, color plane enable, horizontal
/// PEL panning, color select.
#[derive(Clone, Debug, Default)]
pub(super) struct Attribute {
    pub(super) address: AttributeAddress,
    /// The next write to the shared port is data. Reading input status 1 clears it.
    pub(super) data_next: bool,
    pub(super) registers: [u8; 21],
}

impl Attribute {
    /// Writes the shared port; true if the picture may have changed.
    pub(super) fn write(&mut self, value: u8) -> bool {
        self.data_next = !self.data_next;
        if self.data_next {
            let old = std::mem::replace(&mut self.address, AttributeAddress::from_bits(value & 0x3F));
            return old.display_enable() != self.address.display_enable();
        }
        const PALETTE: u8 = 0x3F;
        let bits = match self.address.index() {
            0x00..=0x0F => PALETTE,
            0x10 => 0xEF,
            0x11 => 0xFF,
            0x12 => 0x3F,
            _ => 0x0F,
        };
        let Some(register) = self.registers.get_mut(usize::from(self.address.index())) else { return false };
        let old = std::mem::replace(register, value & bits);
        old != *register
    }

    pub(super) fn read(&self) -> u8 {
        self.registers.get(usize::from(self.address.index())).copied().unwrap_or(0)
    }

    pub(super) fn mode(&self) -> AttributeMode {
        AttributeMode::from_bits(self.registers[0x10])
    }

    pub(super) fn overscan(&self) -> u8 {
        self.registers[0x11]
    }

    /// Dots by which the picture is moved to the left.
    pub(super) fn panning(&self, eight_dots: bool) -> u32 {
        match self.registers[0x13] {
            pan if eight_dots => u32::from(pan & 7),
            pan @ 0..8 => u32::from(pan) + 1,
            _ => 0,
        }
    }

    /// What the palette makes of four bits of dot data: six bits, of which a 256-color mode uses four.
    fn palette(&self, dot: u8) -> u8 {
        let enabled = dot & self.registers[0x12] & 15;
        self.registers.get(usize::from(enabled)).copied().unwrap_or(0)
    }

    /// The DAC entry that four bits of dot data lead to ("Attribute Controller", color select).
    pub(super) fn dac_entry(&self, dot: u8) -> u8 {
        self.selected(self.palette(dot))
    }

    fn selected(&self, palette: u8) -> u8 {
        let select = ColorSelect::from_bits(self.registers[0x14]);
        let low =
            if self.mode().p5_p4_select() { palette & 15 | select.bits_5_4() << 4 } else { palette & 63 };
        low | select.bits_7_6() << 6
    }

    /// The same in a graphics mode. While `flipped`, as every other moment where the mode control register
    /// has blinking on, bit 3 is turned over behind the plane enable: that is how the palette of mode 0Fh
    /// makes one of its four values blink.
    pub(super) fn graphics_entry(&self, dot: u8, flipped: bool) -> u8 {
        let index = dot & self.registers[0x12] & 15 ^ u8::from(flipped) << 3;
        self.selected(self.registers.get(usize::from(index)).copied().unwrap_or(0))
    }

    /// The DAC entry that two dots lead to in a 256-color mode.
    pub(super) fn pair_entry(&self, pair: u8) -> u8 {
        (self.palette(pair >> 4) & 15) << 4 | self.palette(pair & 15) & 15
    }
}

/// The digital-to-analog converter: 256 entries of three times six bits (or eight, for VBE).
#[derive(Clone, Debug)]
pub(super) struct Dac {
    pub(super) mask: u8,
    pub(super) state: DacState,
    pub(super) read_index: u8,
    pub(super) write_index: u8,
    /// Which of red, green and blue comes next.
    pub(super) component: u8,
    /// Components written so far.
    pub(super) pending: [u8; 3],
    pub(super) entries: [[u8; 3]; 256],
    pub(super) eight_bits: bool,
}

impl Default for Dac {
    fn default() -> Self {
        Self {
            mask: 0xFF,
            state: DacState::WRITE,
            read_index: 0,
            write_index: 0,
            component: 0,
            pending: [0; 3],
            entries: [[0; 3]; 256],
            eight_bits: false,
        }
    }
}

impl Dac {
    /// Changes the width of components. Colors stay as they are.
    pub(super) fn set_eight_bits(&mut self, eight_bits: bool) {
        if eight_bits != self.eight_bits {
            self.eight_bits = eight_bits;
            let convert = |value: u8| if eight_bits { widened(value) } else { value >> 2 };
            self.entries = self.entries.map(|entry| entry.map(convert));
            self.pending = self.pending.map(convert);
        }
    }

    pub(super) fn set_read_index(&mut self, index: u8) {
        (self.read_index, self.component, self.state) = (index, 0, DacState::READ);
    }

    pub(super) fn set_write_index(&mut self, index: u8) {
        (self.write_index, self.component, self.state) = (index, 0, DacState::WRITE);
    }

    pub(super) fn read_data(&mut self) -> u8 {
        let value = self.entries[usize::from(self.read_index)].get(usize::from(self.component)).copied();
        if self.next_component() {
            self.read_index = self.read_index.wrapping_add(1);
        }
        value.unwrap_or(0)
    }

    /// True if a colour changed.
    pub(super) fn write_data(&mut self, value: u8) -> bool {
        if let Some(component) = self.pending.get_mut(usize::from(self.component)) {
            *component = if self.eight_bits { value } else { value & 0x3F };
        }
        if !self.next_component() {
            return false;
        }
        let entry = &mut self.entries[usize::from(self.write_index)];
        let changed = *entry != self.pending;
        *entry = self.pending;
        self.write_index = self.write_index.wrapping_add(1);
        changed
    }

    /// Moves on; true after the third.
    fn next_component(&mut self) -> bool {
        self.component = if self.component >= 2 { 0 } else { self.component + 1 };
        self.component == 0
    }

    /// An entry as a pixel, 0xFFBBGGRR.
    pub(super) fn pixel(&self, entry: u8) -> u32 {
        let entry = self.entries[usize::from(entry & self.mask)];
        let [r, g, b] = if self.eight_bits { entry } else { entry.map(widened) };
        u32::from_le_bytes([r, g, b, 0xFF])
    }
}

/// Six bits as eight, so that the full range stays full.
const fn widened(six: u8) -> u8 {
    six << 2 | six >> 4 & 3
}
