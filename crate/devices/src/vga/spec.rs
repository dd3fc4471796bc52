//! VGA registers: IBM Personal System/2 Hardware Interface Technical Reference, "Video Subsystem"
//! (October 1990). The names are that manual's; its sections have the registers' names.

use bitfield_struct::bitfield;
use open_enum::open_enum;

/// Ports of the region that is always decoded (3C0h-3CFh), as offsets. Reading and writing differ for some.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Port {
    /// Address and data (write) of the attribute controller; address (read).
    ATTRIBUTE = 0x0,
    /// Data of the attribute controller (read).
    ATTRIBUTE_DATA = 0x1,
    /// Input status 0 (read), miscellaneous output (write).
    INPUT_STATUS_0 = 0x2,
    SUBSYSTEM_ENABLE = 0x3,
    SEQUENCER_ADDRESS = 0x4,
    SEQUENCER_DATA = 0x5,
    PEL_MASK = 0x6,
    /// Read address (write), DAC state (read).
    DAC_READ_ADDRESS = 0x7,
    DAC_WRITE_ADDRESS = 0x8,
    DAC_DATA = 0x9,
    FEATURE_CONTROL = 0xA,
    MISCELLANEOUS_OUTPUT = 0xC,
    GRAPHICS_ADDRESS = 0xE,
    GRAPHICS_DATA = 0xF,
}

/// Ports of the regions that follow the miscellaneous output register (3B0h-3BBh, 3D0h-3DFh).
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum CrtcPort {
    ADDRESS = 0x4,
    DATA = 0x5,
    /// Input status 1 (read), feature control (write).
    INPUT_STATUS_1 = 0xA,
}

/// Miscellaneous output register.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct MiscellaneousOutput {
    /// The CRTC answers at 3Dxh, else at 3Bxh.
    pub(super) color: bool,
    /// The processor reaches video memory.
    pub(super) enable_ram: bool,
    /// 0: 25.175 MHz, 1: 28.322 MHz.
    #[bits(2)]
    pub(super) clock_select: u8,
    __: bool,
    pub(super) odd_even_page: bool,
    pub(super) hsync_negative: bool,
    pub(super) vsync_negative: bool,
}

/// Input status register 0.
#[bitfield(u8)]
pub(super) struct InputStatus0 {
    #[bits(4)]
    __: u8,
    /// What the DAC's comparators say of the monitor.
    pub(super) switch_sense: bool,
    #[bits(2)]
    __: u8,
    pub(super) crt_interrupt: bool,
}

/// Input status register 1.
#[bitfield(u8)]
pub(super) struct InputStatus1 {
    /// No picture is being drawn: horizontal or vertical blanking.
    pub(super) display_disabled: bool,
    #[bits(2)]
    __: u8,
    pub(super) vertical_retrace: bool,
    #[bits(4)]
    __: u8,
}

/// Clocking mode register (sequencer 01h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct ClockingMode {
    /// Characters of eight dots, else nine.
    pub(super) eight_dots: bool,
    __: bool,
    pub(super) shift_load_2: bool,
    /// The dot clock is halved: 40-column modes, 320 dots.
    pub(super) dot_clock_half: bool,
    pub(super) shift_4: bool,
    pub(super) screen_off: bool,
    #[bits(2)]
    __: u8,
}

/// Character map select register (sequencer 03h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct CharacterMapSelect {
    #[bits(2)]
    map_b_low: u8,
    #[bits(2)]
    map_a_low: u8,
    map_b_high: bool,
    map_a_high: bool,
    #[bits(2)]
    __: u8,
}

impl CharacterMapSelect {
    /// Address in plane 2 of the font for characters whose attribute bit 3 is set (map A) or not (map B).
    pub(super) const fn font_address(self, attribute_bit_3: bool) -> u16 {
        let (low, high) = if attribute_bit_3 {
            (self.map_a_low(), self.map_a_high())
        } else {
            (self.map_b_low(), self.map_b_high())
        };
        low as u16 * 0x4000 + high as u16 * 0x2000
    }
}

/// Memory mode register (sequencer 04h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct MemoryMode {
    __: bool,
    pub(super) extended_memory: bool,
    /// Addresses run through the planes chosen by the map mask; else even addresses go to planes 0 and
    /// 2, odd ones to 1 and 3.
    pub(super) sequential: bool,
    /// The low two address bits choose the plane.
    pub(super) chain_4: bool,
    #[bits(4)]
    __: u8,
}

/// Graphics mode register (graphics controller 05h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct GraphicsMode {
    #[bits(2)]
    pub(super) write_mode: u8,
    __: bool,
    /// Read mode 1: colour compare.
    pub(super) read_compare: bool,
    /// Reads: the low address bit chooses between an even and an odd plane.
    pub(super) odd_even: bool,
    pub(super) shift_interleave: bool,
    pub(super) color_256: bool,
    __: bool,
}

/// Data rotate register (graphics controller 03h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct DataRotate {
    #[bits(3)]
    pub(super) count: u8,
    /// 0: as written, 1: AND, 2: OR, 3: XOR with the latches.
    #[bits(2)]
    pub(super) function: u8,
    #[bits(3)]
    __: u8,
}

/// Miscellaneous register (graphics controller 06h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct GraphicsMiscellaneous {
    pub(super) graphics: bool,
    /// The low address bit is replaced by a higher one.
    pub(super) chain_odd_even: bool,
    /// 0: A0000h, 128 KB; 1: A0000h, 64 KB; 2: B0000h, 32 KB; 3: B8000h, 32 KB.
    #[bits(2)]
    pub(super) memory_map: u8,
    #[bits(4)]
    __: u8,
}

/// Address register of the attribute controller.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct AttributeAddress {
    #[bits(5)]
    pub(super) index: u8,
    /// Palette address source: the display owns the palette; off, the screen shows the overscan colour.
    pub(super) display_enable: bool,
    #[bits(2)]
    __: u8,
}

/// Mode control register (attribute controller 10h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct AttributeMode {
    pub(super) graphics: bool,
    pub(super) monochrome: bool,
    /// The ninth dot of characters C0h-DFh repeats the eighth.
    pub(super) line_graphics: bool,
    /// Attribute bit 7 blinks, else it is the background's intensity.
    pub(super) blink: bool,
    __: bool,
    /// Line compare resets pixel panning.
    pub(super) panning_compatible: bool,
    pub(super) color_256: bool,
    /// Palette bits 4 and 5 come from the colour select register.
    pub(super) p5_p4_select: bool,
}

/// Color select register (attribute controller 14h).
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct ColorSelect {
    #[bits(2)]
    pub(super) bits_5_4: u8,
    #[bits(2)]
    pub(super) bits_7_6: u8,
    #[bits(4)]
    __: u8,
}

/// Registers of the CRT controller.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Crtc {
    HORIZONTAL_TOTAL = 0x00,
    HORIZONTAL_DISPLAY_END = 0x01,
    VERTICAL_TOTAL = 0x06,
    OVERFLOW = 0x07,
    PRESET_ROW_SCAN = 0x08,
    MAXIMUM_SCAN_LINE = 0x09,
    CURSOR_START = 0x0A,
    CURSOR_END = 0x0B,
    START_ADDRESS_HIGH = 0x0C,
    START_ADDRESS_LOW = 0x0D,
    CURSOR_LOCATION_HIGH = 0x0E,
    CURSOR_LOCATION_LOW = 0x0F,
    VERTICAL_RETRACE_START = 0x10,
    VERTICAL_RETRACE_END = 0x11,
    VERTICAL_DISPLAY_END = 0x12,
    OFFSET = 0x13,
    UNDERLINE_LOCATION = 0x14,
    MODE_CONTROL = 0x17,
    LINE_COMPARE = 0x18,
}

/// Overflow register (CRTC 07h): the ninth and tenth bits of vertical counts.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
pub(super) struct Overflow {
    pub(super) vertical_total_8: bool,
    pub(super) vertical_display_end_8: bool,
    pub(super) vertical_retrace_start_8: bool,
    pub(super) vertical_blank_start_8: bool,
    pub(super) line_compare_8: bool,
    pub(super) vertical_total_9: bool,
    pub(super) vertical_display_end_9: bool,
    pub(super) vertical_retrace_start_9: bool,
}

/// Preset row scan register (CRTC 08h).
#[bitfield(u8)]
pub(super) struct PresetRowScan {
    #[bits(5)]
    pub(super) row: u8,
    #[bits(2)]
    pub(super) byte_panning: u8,
    __: bool,
}

/// Maximum scan line register (CRTC 09h).
#[bitfield(u8)]
pub(super) struct MaximumScanLine {
    /// Scan lines of a character row, less one.
    #[bits(5)]
    pub(super) lines: u8,
    pub(super) vertical_blank_start_9: bool,
    pub(super) line_compare_9: bool,
    /// Each scan line is drawn twice.
    pub(super) double_scan: bool,
}

/// Cursor start register (CRTC 0Ah).
#[bitfield(u8)]
pub(super) struct CursorStart {
    #[bits(5)]
    pub(super) line: u8,
    pub(super) off: bool,
    #[bits(2)]
    __: u8,
}

/// Cursor end register (CRTC 0Bh).
#[bitfield(u8)]
pub(super) struct CursorEnd {
    #[bits(5)]
    pub(super) line: u8,
    #[bits(2)]
    pub(super) skew: u8,
    __: bool,
}

/// Vertical retrace end register (CRTC 11h).
#[bitfield(u8)]
pub(super) struct VerticalRetraceEnd {
    /// Low four bits of the line at which the retrace ends.
    #[bits(4)]
    pub(super) line: u8,
    pub(super) clear_interrupt: bool,
    pub(super) disable_interrupt: bool,
    pub(super) refresh_5: bool,
    /// Registers 00h to 07h cannot be written, but for line compare bit 8.
    pub(super) protect: bool,
}

/// Underline location register (CRTC 14h).
#[bitfield(u8)]
pub(super) struct UnderlineLocation {
    #[bits(5)]
    pub(super) line: u8,
    pub(super) count_by_4: bool,
    /// Memory is addressed by doublewords.
    pub(super) doubleword: bool,
    __: bool,
}

/// CRT mode control register (CRTC 17h).
#[bitfield(u8)]
pub(super) struct CrtcMode {
    /// Off: row scan bit 0 replaces address bit 13 (CGA graphics).
    pub(super) no_row_scan_13: bool,
    /// Off: row scan bit 1 replaces address bit 14 (Hercules graphics).
    pub(super) no_row_scan_14: bool,
    pub(super) horizontal_retrace_select: bool,
    pub(super) count_by_2: bool,
    __: bool,
    /// Word mode: address bit 15 (not 13) moves to bit 0.
    pub(super) address_wrap: bool,
    /// Memory is addressed by bytes, else by words.
    pub(super) byte: bool,
    pub(super) sync_enable: bool,
}

/// DAC state register: which address register was written last.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum DacState {
    WRITE = 0,
    READ = 3,
}
