//! The CRT controller: where on the screen the beam is, and which memory it shows.
//!
//! The registers are kept as they are written, since many counts are spread over several; the accessors
//! put them together. Time on the screen is derived from the clock, so that there is nothing to fire:
//! a frame begins at power-on and every frame's length later.

use super::spec::{
    ClockingMode, Crtc as Register, CrtcMode, CursorEnd, CursorStart, InputStatus1, MaximumScanLine,
    MiscellaneousOutput, Overflow, PresetRowScan, UnderlineLocation, VerticalRetraceEnd,
};
use bus::Time;

/// Registers 00h to 18h.
pub(super) const REGISTERS: usize = 0x19;

#[derive(Clone, Debug, Default)]
pub(super) struct Crtc {
    pub(super) index: u8,
    pub(super) registers: [u8; REGISTERS],
}

/// One line of the visible picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanLine {
    /// The memory counter at its left edge.
    pub(super) counter: u16,
    /// The line of the character row.
    pub(super) row_scan: u8,
    /// It lies below the line at which the screen is split.
    pub(super) below_split: bool,
}

/// How the memory counter becomes an address in the planes (PS/2 Technical Reference, "CRT Mode Control
/// Register": byte, word and doubleword mode, and the address bits that the row scan counter replaces).
#[derive(Clone, Copy, Debug)]
pub(super) struct Addressing {
    mode: CrtcMode,
    doubleword: bool,
    /// The counter moves on with every character, every second or every fourth: the columns' shift.
    slow: u32,
}

/// Lengths of a frame, in nanoseconds and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) frame_ns: u64,
    /// When in the frame the vertical retrace begins.
    retrace_ns: u64,
    total_lines: u64,
    total_characters: u64,
}

impl Crtc {
    /// A register; those that do not exist read as zero.
    pub(super) fn get(&self, register: Register) -> u8 {
        self.registers.get(usize::from(register.0)).copied().unwrap_or(0)
    }

    /// Reads the register that the address register selects.
    pub(super) fn read_selected(&self) -> u8 {
        self.get(Register(self.index))
    }

    /// Writes the selected register; true if it changed.
    pub(super) fn write_selected(&mut self, value: u8) -> bool {
        let protected = VerticalRetraceEnd::from_bits(self.get(Register::VERTICAL_RETRACE_END)).protect();
        let selected = Register(self.index);
        let Some(register) = self.registers.get_mut(usize::from(self.index)) else { return false };
        let old = *register;
        if !protected || selected.0 > Register::OVERFLOW.0 {
            *register = value;
        } else if selected == Register::OVERFLOW {
            let line_compare = Overflow::from_bits(value).line_compare_8();
            *register = Overflow::from_bits(old).with_line_compare_8(line_compare).into_bits();
        }
        *register != old
    }

    fn overflow(&self) -> Overflow {
        Overflow::from_bits(self.get(Register::OVERFLOW))
    }

    fn maximum_scan_line(&self) -> MaximumScanLine {
        MaximumScanLine::from_bits(self.get(Register::MAXIMUM_SCAN_LINE))
    }

    fn mode(&self) -> CrtcMode {
        CrtcMode::from_bits(self.get(Register::MODE_CONTROL))
    }

    fn pair(&self, high: Register, low: Register) -> u16 {
        u16::from_be_bytes([self.get(high), self.get(low)])
    }

    /// Characters in a line.
    pub(super) fn columns(&self) -> u32 {
        u32::from(self.get(Register::HORIZONTAL_DISPLAY_END)) + 1
    }

    /// Visible lines.
    pub(super) fn lines(&self) -> u32 {
        let overflow = self.overflow();
        let low = u32::from(self.get(Register::VERTICAL_DISPLAY_END));
        (low | u32::from(overflow.vertical_display_end_8()) << 8
            | u32::from(overflow.vertical_display_end_9()) << 9)
            + 1
    }

    /// Lines of a character row.
    pub(super) fn character_height(&self) -> u32 {
        u32::from(self.maximum_scan_line().lines()) + 1
    }

    fn line_compare(&self) -> u32 {
        u32::from(self.get(Register::LINE_COMPARE))
            | u32::from(self.overflow().line_compare_8()) << 8
            | u32::from(self.maximum_scan_line().line_compare_9()) << 9
    }

    /// The memory counter of the cell that the cursor is drawn in: its location, and skew to the right.
    pub(super) fn cursor_location(&self) -> u16 {
        let skew = CursorEnd::from_bits(self.get(Register::CURSOR_END)).skew();
        self.pair(Register::CURSOR_LOCATION_HIGH, Register::CURSOR_LOCATION_LOW).wrapping_add(skew.into())
    }

    /// The lines of the character row that the cursor covers; `None` if it is off.
    pub(super) fn cursor_lines(&self) -> Option<std::ops::RangeInclusive<u8>> {
        let start = CursorStart::from_bits(self.get(Register::CURSOR_START));
        let end = CursorEnd::from_bits(self.get(Register::CURSOR_END));
        let shown =
            !start.off() && start.line() <= end.line() && u32::from(start.line()) < self.character_height();
        shown.then(|| start.line()..=end.line())
    }

    /// The line of a character that is underlined.
    pub(super) fn underline(&self) -> u8 {
        UnderlineLocation::from_bits(self.get(Register::UNDERLINE_LOCATION)).line()
    }

    /// See [`Addressing`].
    pub(super) fn addressing(&self) -> Addressing {
        let underline = UnderlineLocation::from_bits(self.get(Register::UNDERLINE_LOCATION));
        let mode = self.mode();
        let slow = if underline.count_by_4() { 2 } else { u32::from(mode.count_by_2()) };
        Addressing { mode, doubleword: underline.doubleword(), slow }
    }

    /// The memory counter at the top left, as the registers have it.
    pub(super) fn start_address(&self) -> u16 {
        self.pair(Register::START_ADDRESS_HIGH, Register::START_ADDRESS_LOW)
    }

    /// Counts by which each line begins later.
    pub(super) fn byte_panning(&self) -> u16 {
        PresetRowScan::from_bits(self.get(Register::PRESET_ROW_SCAN)).byte_panning().into()
    }

    /// The visible lines from the top: each with its place in memory. `start` is the start address in effect.
    pub(super) fn scan_lines(&self, start: u16) -> impl Iterator<Item = ScanLine> + use<> {
        let preset = PresetRowScan::from_bits(self.get(Register::PRESET_ROW_SCAN));
        let (height, compare) = (self.character_height() as u8, self.line_compare());
        let pitch = u16::from(self.get(Register::OFFSET)) * 2;
        let double = self.maximum_scan_line().double_scan();
        let mut line = ScanLine { counter: start, row_scan: preset.row(), below_split: false };
        let mut repeat = false;
        (0..self.lines()).map(move |y| {
            let now = line;
            if y == compare {
                line = ScanLine { counter: 0, row_scan: 0, below_split: true };
                repeat = false;
            } else if double && !repeat {
                repeat = true;
            } else {
                repeat = false;
                line.row_scan = (line.row_scan + 1) & 31;
                // A preset beyond the last line runs through all 32.
                if line.row_scan == height & 31 {
                    line.row_scan = 0;
                    line.counter = line.counter.wrapping_add(pitch);
                }
            }
            now
        })
    }

    /// How long a frame takes. Counts that a guest has not set yet make a short frame, never an empty one.
    pub(super) fn timing(&self, misc: MiscellaneousOutput, clocking: ClockingMode) -> Timing {
        let hz: u64 = match misc.clock_select() {
            1 => 28_322_000,
            _ => 25_175_000,
        };
        let overflow = self.overflow();
        let total_characters = u64::from(self.get(Register::HORIZONTAL_TOTAL)) + 5;
        let total_lines = (u64::from(self.get(Register::VERTICAL_TOTAL))
            | u64::from(overflow.vertical_total_8()) << 8
            | u64::from(overflow.vertical_total_9()) << 9)
            + 2;
        let dots = if clocking.eight_dots() { 8 } else { 9 } << u32::from(clocking.dot_clock_half());
        let frame_ns = total_characters * total_lines * dots * 1_000_000_000 / hz;
        let frame_ns = frame_ns.max(1);
        let retrace_ns = frame_ns * self.vertical_retrace_start().min(total_lines - 1) / total_lines;
        Timing { frame_ns, retrace_ns, total_lines, total_characters }
    }

    /// The line at which the vertical retrace begins.
    fn vertical_retrace_start(&self) -> u64 {
        let overflow = self.overflow();
        u64::from(self.get(Register::VERTICAL_RETRACE_START))
            | u64::from(overflow.vertical_retrace_start_8()) << 8
            | u64::from(overflow.vertical_retrace_start_9()) << 9
    }

    /// Input status 1 at `now`.
    pub(super) fn status(&self, timing: Timing, now: Time) -> InputStatus1 {
        // The beam's place, in characters from the top left corner.
        let characters = timing.total_lines * timing.total_characters;
        let place = now.0 % timing.frame_ns * characters / timing.frame_ns;
        let (line, column) = (place / timing.total_characters, place % timing.total_characters);
        let start = self.vertical_retrace_start();
        // The end is given by its low four bits.
        let end = u64::from(VerticalRetraceEnd::from_bits(self.get(Register::VERTICAL_RETRACE_END)).line());
        let length = match end.wrapping_sub(start) & 15 {
            0 => 16,
            length => length,
        };
        let visible = line < u64::from(self.lines()) && column < u64::from(self.columns());
        InputStatus1::new()
            .with_display_disabled(!visible)
            .with_vertical_retrace((start..start + length).contains(&line))
    }
}

impl Addressing {
    /// The address in the planes that the memory counter stands for.
    #[inline]
    pub(super) fn address(self, counter: u16, row_scan: u8) -> u16 {
        let Self { mode, doubleword, slow: _ } = self;
        let mut address = if doubleword {
            counter.rotate_left(2)
        } else if mode.byte() {
            counter
        } else {
            let wrapped = if mode.address_wrap() { 15 } else { 13 };
            counter << 1 | counter >> wrapped & 1
        };
        if !mode.no_row_scan_13() {
            address = address & !(1 << 13) | u16::from(row_scan & 1) << 13;
        }
        if !mode.no_row_scan_14() {
            address = address & !(1 << 14) | u16::from(row_scan >> 1 & 1) << 14;
        }
        address
    }

    /// The bits of the row scan counter that make a difference to the address.
    pub(super) fn significant(self, row_scan: u8) -> u8 {
        row_scan & (u8::from(!self.mode.no_row_scan_13()) | u8::from(!self.mode.no_row_scan_14()) << 1)
    }

    /// How far the counter has moved at a column.
    #[inline]
    pub(super) fn count(self, column: u16) -> u16 {
        column >> self.slow
    }

    /// How far it moves in so many columns.
    pub(super) fn counts(self, columns: u32) -> u32 {
        columns >> self.slow
    }
}

impl Timing {
    /// Frames since power-on.
    pub(super) fn frame(self, now: Time) -> u64 {
        now.0 / self.frame_ns
    }

    /// When the next vertical retrace begins.
    pub(super) fn next_retrace(self, now: Time) -> Time {
        let before = now.0.saturating_add(self.frame_ns - self.retrace_ns) / self.frame_ns;
        Time(before.saturating_mul(self.frame_ns).saturating_add(self.retrace_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::super::power_on::MODE_3;
    use super::*;

    fn mode_3() -> (Crtc, Timing) {
        let crtc = Crtc { index: 0, registers: MODE_3.crtc };
        let timing = crtc.timing(
            MiscellaneousOutput::from_bits(MODE_3.miscellaneous),
            ClockingMode::from_bits(MODE_3.sequencer[1]),
        );
        (crtc, timing)
    }

    #[test]
    fn mode_3_is_720_by_400_at_70_hz() {
        let (crtc, timing) = mode_3();
        assert_eq!((crtc.columns(), crtc.lines(), crtc.character_height()), (80, 400, 16));
        assert_eq!((timing.total_characters, timing.total_lines), (100, 449));
        assert_eq!(1_000_000_000_000 / timing.frame_ns, 70_086);
    }

    #[test]
    fn retrace_comes_once_a_frame_for_two_lines() {
        let (crtc, timing) = mode_3();
        let line_ns = timing.frame_ns / timing.total_lines;
        let at = |line: u64| crtc.status(timing, Time(5 * timing.frame_ns + line * line_ns + line_ns / 3));
        assert!(!at(0).display_disabled() && !at(0).vertical_retrace());
        assert!(at(400).display_disabled() && !at(400).vertical_retrace());
        let lines: Vec<u64> = (0..449).filter(|&line| at(line).vertical_retrace()).collect();
        assert_eq!(lines, [412, 413]);
    }

    #[test]
    fn the_picture_is_blanked_at_the_end_of_each_line() {
        let (crtc, timing) = mode_3();
        let line_ns = timing.frame_ns / timing.total_lines;
        assert!(!crtc.status(timing, Time(line_ns * 10 + line_ns * 70 / 100)).display_disabled());
        assert!(crtc.status(timing, Time(line_ns * 10 + line_ns * 90 / 100)).display_disabled());
    }

    #[test]
    fn a_split_screen_starts_again_at_zero() {
        let (mut crtc, _) = mode_3();
        crtc.registers[0x0D] = 160;
        crtc.registers[0x18] = 99;
        crtc.registers[0x07] &= !0x10;
        crtc.registers[0x09] &= !0x40;
        let lines: Vec<ScanLine> = crtc.scan_lines(crtc.start_address()).collect();
        assert_eq!(lines.len(), 400);
        assert_eq!(lines[0], ScanLine { counter: 160, row_scan: 0, below_split: false });
        assert_eq!(lines[17], ScanLine { counter: 240, row_scan: 1, below_split: false });
        assert_eq!(lines[100], ScanLine { counter: 0, row_scan: 0, below_split: true });
        assert_eq!(lines[116].counter, 80);
    }

    #[test]
    fn the_first_eight_registers_can_be_protected() {
        let (mut crtc, _) = mode_3();
        assert!(!crtc.write_selected(0x12));
        crtc.index = Register::OVERFLOW.0;
        assert!(crtc.write_selected(0x00));
        assert_eq!(crtc.read_selected(), 0x0F);
        crtc.index = Register::VERTICAL_RETRACE_END.0;
        assert!(crtc.write_selected(0x0E));
        crtc.index = 0;
        assert!(crtc.write_selected(0x12));
        crtc.index = 0x40;
        assert!(!crtc.write_selected(0x12));
        assert_eq!(crtc.read_selected(), 0);
    }

    #[test]
    fn word_mode_skips_odd_addresses() {
        let (crtc, _) = mode_3();
        assert_eq!(crtc.addressing().address(5, 0), 10);
        assert_eq!(crtc.addressing().address(0x8000, 0), 1);
    }

    #[test]
    fn modes_of_addressing_move_and_replace_bits() {
        let (mut crtc, _) = mode_3();
        crtc.registers[0x17] = 0xA2;
        let address = crtc.addressing();
        assert_eq!(
            (address.address(1, 0), address.address(0x1001, 3), address.significant(3)),
            (2, 0x2002, 1)
        );
        crtc.registers[0x17] = 0xE3;
        assert_eq!(crtc.addressing().address(0xFFFF, 31), 0xFFFF);
        crtc.registers[0x14] = 0x60;
        assert_eq!(crtc.addressing().address(0x4001, 0), 5);
        assert_eq!(crtc.addressing().count(7), 1);
        crtc.registers[0x17] = 0xEB;
        crtc.registers[0x14] = 0;
        assert_eq!((crtc.addressing().count(7), crtc.addressing().counts(80)), (3, 40));
    }
}
