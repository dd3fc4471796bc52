//! A PS/2 mouse: two or three buttons, a wheel once the guest has knocked for it, five buttons after a second
//! knock.
//!
//! Movement adds up until the guest's sample rate allows the next report and the last one has been read; a
//! change of buttons begins a new entry, so that a click between two reports is not lost.

use super::channel::{Channel, ChannelV1};
use super::spec::{MouseCommand, MouseStatus, Report, ReportExtra, reply};
use bus::Time;
use host::input::MouseButtons;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Entries that wait; beyond, movement goes on adding up and buttons take their last state.
const ENTRIES: usize = 64;
/// Bytes of the longest report.
const REPORT: usize = 4;
/// A byte on the wire. (A real one takes about a millisecond.)
const BYTE_NS: u32 = 60_000;
/// The basic assurance test.
const BAT_NS: u32 = 10_000_000;
/// The most counts in one report; what is left goes into the next.
const MOST: i32 = 255;
/// The most notches in one report.
const MOST_NOTCHES: i32 = 7;

/// What the mouse can say; the values are its identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Protocol {
    Standard = 0,
    Wheel = 3,
    FiveButtons = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    /// Reports by itself.
    Stream,
    /// Reports when asked.
    Remote,
}

/// Movement with the same buttons held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Motion {
    dx: i32,
    dy: i32,
    wheel: i32,
    buttons: u8,
}

impl Motion {
    fn buttons(self) -> MouseButtons {
        MouseButtons(self.buttons)
    }
}

#[derive(Debug)]
pub(super) struct Mouse {
    pub(super) out: Channel,
    // What the user does.
    waiting: VecDeque<Motion>,
    /// The buttons of the last entry.
    buttons: u8,
    /// The buttons last reported.
    reported: u8,
    /// No report sooner.
    next_report: Time,
    // What the guest has set.
    mode: Mode,
    wrap: bool,
    reporting: bool,
    scaling_2_1: bool,
    resolution: u8,
    rate: u8,
    protocol: Protocol,
    /// The two sample rates before this one: the knock.
    rates: [u8; 2],
    /// The command whose parameter comes next.
    awaiting: Option<u8>,
}

impl Mouse {
    pub(super) const fn new() -> Self {
        Self {
            out: Channel::new(),
            waiting: VecDeque::new(),
            buttons: 0,
            reported: 0,
            next_report: Time(0),
            mode: Mode::Stream,
            wrap: false,
            reporting: false,
            scaling_2_1: false,
            resolution: 2,
            rate: 100,
            protocol: Protocol::Standard,
            rates: [0; 2],
            awaiting: None,
        }
    }

    /// Power was off: only the buttons stay as they are.
    pub(super) fn reset(&mut self) {
        let Self {
            out: _,
            waiting: _,
            buttons,
            reported: _,
            next_report: _,
            mode: _,
            wrap: _,
            reporting: _,
            scaling_2_1: _,
            resolution: _,
            rate: _,
            protocol: _,
            rates: _,
            awaiting: _,
        } = *self;
        *self = Self { buttons, reported: buttons, ..Self::new() };
    }

    /// The user's movement: right, down and towards the user are positive.
    pub(super) fn moved(&mut self, dx: i32, dy: i32, wheel: i32, buttons: MouseButtons) {
        let buttons = buttons.0 & 0x1F;
        let same = self.buttons == buttons;
        self.buttons = buttons;
        if !self.reporting && self.mode == Mode::Stream {
            return;
        }
        if dx == 0 && dy == 0 && wheel == 0 && same {
            return;
        }
        let full = self.waiting.len() >= ENTRIES;
        match self.waiting.back_mut() {
            Some(last) if same || full => {
                last.dx = last.dx.saturating_add(dx);
                last.dy = last.dy.saturating_add(dy);
                last.wheel = last.wheel.saturating_add(wheel);
                last.buttons = buttons;
            }
            _ => self.waiting.push_back(Motion { dx, dy, wheel, buttons }),
        }
    }

    /// Reports, if it is time.
    pub(super) fn advance(&mut self, now: Time) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.next_report = now.after(1_000_000_000 / u64::from(self.rate.max(1)));
            let report = self.report(self.scaling_2_1);
            self.out.send(now, &report, BYTE_NS);
        }
    }

    /// When [`Mouse::advance`] has something to do by itself.
    pub(super) fn deadline(&self) -> Option<Time> {
        let streams = self.reporting && self.mode == Mode::Stream && !self.wrap;
        (streams && !self.waiting.is_empty() && self.out.is_empty()).then_some(self.next_report)
    }

    /// Takes the next report out of what waits.
    fn report(&mut self, scaling_2_1: bool) -> Vec<u8> {
        let idle = Motion { buttons: self.reported, ..Motion::default() };
        let mut motion = self.waiting.front().copied().unwrap_or(idle);
        let part = |counts: &mut i32, most: i32| {
            let part = (*counts).clamp(-most, most);
            *counts = counts.saturating_sub(part);
            part
        };
        let dx = part(&mut motion.dx, MOST);
        let dy = part(&mut motion.dy, MOST);
        let has_wheel = self.protocol != Protocol::Standard;
        let wheel = part(&mut motion.wheel, if has_wheel { MOST_NOTCHES } else { i32::MAX });
        self.reported = motion.buttons;
        if motion.dx == 0 && motion.dy == 0 && motion.wheel == 0 {
            self.waiting.pop_front();
        } else if let Some(front) = self.waiting.front_mut() {
            *front = motion;
        }
        let scale = |counts| if scaling_2_1 { double(counts) } else { counts };
        // The mouse counts upwards.
        let (dx, dy) = (scale(dx).clamp(-256, 255), scale(-dy).clamp(-256, 255));
        let buttons = motion.buttons();
        let head = Report::new()
            .with_left(buttons.contains(MouseButtons::LEFT))
            .with_right(buttons.contains(MouseButtons::RIGHT))
            .with_middle(buttons.contains(MouseButtons::MIDDLE))
            .with_one(true)
            .with_x_negative(dx < 0)
            .with_y_negative(dy < 0);
        let mut report = vec![head.into_bits(), dx as u8, dy as u8];
        match self.protocol {
            Protocol::Standard => {}
            Protocol::Wheel => report.push(wheel as u8),
            Protocol::FiveButtons => report.push(
                ReportExtra::new()
                    .with_wheel(wheel as u8 & 15)
                    .with_fourth(buttons.contains(MouseButtons::BACK))
                    .with_fifth(buttons.contains(MouseButtons::FORWARD))
                    .into_bits(),
            ),
        }
        report
    }

    fn set_defaults(&mut self) {
        self.mode = Mode::Stream;
        self.reporting = false;
        self.scaling_2_1 = false;
        self.resolution = 2;
        self.rate = 100;
        self.waiting.clear();
    }

    fn reply(&mut self, now: Time, byte: u8) {
        self.out.reply(now, byte, BYTE_NS);
    }

    /// A byte from the guest.
    pub(super) fn write(&mut self, now: Time, value: u8) {
        let command = MouseCommand(value);
        if self.wrap && command != MouseCommand::RESET && command != MouseCommand::RESET_WRAP_MODE {
            return self.reply(now, value);
        }
        match self.awaiting.take().map(MouseCommand) {
            Some(awaiting) if value < MouseCommand::SCALING_1_1.0 => self.parameter(now, awaiting, value),
            _ => self.command(now, command),
        }
    }

    fn command(&mut self, now: Time, command: MouseCommand) {
        if command == MouseCommand::RESEND {
            return self.reply(now, self.out.last());
        }
        let known = (MouseCommand::SCALING_1_1.0..=MouseCommand::RESET.0).contains(&command.0)
            && !matches!(command.0, 0xED | 0xEF | 0xF1 | 0xF7..=0xFD);
        if !known {
            return self.reply(now, reply::RESEND);
        }
        // A report on its way gives way to the command.
        self.out.clear();
        self.reply(now, reply::ACK);
        match command {
            MouseCommand::SCALING_1_1 => self.scaling_2_1 = false,
            MouseCommand::SCALING_2_1 => self.scaling_2_1 = true,
            MouseCommand::SET_RESOLUTION | MouseCommand::SET_SAMPLE_RATE => self.awaiting = Some(command.0),
            MouseCommand::STATUS_REQUEST => {
                for byte in self.status() {
                    self.reply(now, byte);
                }
            }
            MouseCommand::SET_STREAM_MODE => self.set_mode(Mode::Stream),
            MouseCommand::SET_REMOTE_MODE => self.set_mode(Mode::Remote),
            MouseCommand::READ_DATA => {
                for byte in self.report(false) {
                    self.reply(now, byte);
                }
            }
            MouseCommand::SET_WRAP_MODE => self.wrap = true,
            MouseCommand::RESET_WRAP_MODE => self.wrap = false,
            MouseCommand::READ_ID => self.reply(now, self.protocol as u8),
            MouseCommand::ENABLE => {
                self.waiting.clear();
                self.reporting = true;
            }
            MouseCommand::DISABLE => self.reporting = false,
            MouseCommand::SET_DEFAULT => self.set_defaults(),
            _ => {
                self.set_defaults();
                self.wrap = false;
                self.protocol = Protocol::Standard;
                self.rates = [0; 2];
                self.out.reply(now, reply::BAT_PASSED, BAT_NS);
                self.reply(now, self.protocol as u8);
            }
        }
    }

    fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.waiting.clear();
    }

    fn status(&self) -> [u8; 3] {
        let buttons = MouseButtons(self.buttons);
        let status = MouseStatus::new()
            .with_left(buttons.contains(MouseButtons::LEFT))
            .with_right(buttons.contains(MouseButtons::RIGHT))
            .with_middle(buttons.contains(MouseButtons::MIDDLE))
            .with_scaling_2_1(self.scaling_2_1)
            .with_enabled(self.reporting)
            .with_remote(self.mode == Mode::Remote);
        [status.into_bits(), self.resolution, self.rate]
    }

    fn parameter(&mut self, now: Time, command: MouseCommand, value: u8) {
        self.reply(now, reply::ACK);
        if command == MouseCommand::SET_RESOLUTION {
            self.resolution = value & 3;
            return;
        }
        self.rate = value.clamp(10, 200);
        let [first, second] = self.rates;
        self.protocol = match [first, second, value] {
            [200, 100, 80] if self.protocol == Protocol::Standard => Protocol::Wheel,
            [200, 200, 80] => Protocol::FiveButtons,
            _ => self.protocol,
        };
        self.rates = [second, value];
    }
}

/// "Scaling 2:1".
const fn double(counts: i32) -> i32 {
    match counts.abs() {
        1 | 3 => counts,
        2 => counts / 2,
        4 => counts / 4 * 6,
        5 => counts / 5 * 9,
        _ => counts * 2,
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct MouseV1 {
    out: ChannelV1,
    waiting: Vec<Motion>,
    buttons: u8,
    reported: u8,
    next_report: u64,
    mode: Mode,
    wrap: bool,
    reporting: bool,
    scaling_2_1: bool,
    resolution: u8,
    rate: u8,
    protocol: Protocol,
    rates: [u8; 2],
    awaiting: Option<u8>,
}

impl Mouse {
    pub(super) fn save(&self) -> MouseV1 {
        let Self {
            out,
            waiting,
            buttons,
            reported,
            next_report,
            mode,
            wrap,
            reporting,
            scaling_2_1,
            resolution,
            rate,
            protocol,
            rates,
            awaiting,
        } = self;
        MouseV1 {
            out: out.save(),
            waiting: waiting.iter().copied().collect(),
            buttons: *buttons,
            reported: *reported,
            next_report: next_report.0,
            mode: *mode,
            wrap: *wrap,
            reporting: *reporting,
            scaling_2_1: *scaling_2_1,
            resolution: *resolution,
            rate: *rate,
            protocol: *protocol,
            rates: *rates,
            awaiting: *awaiting,
        }
    }

    /// The live state, or nothing if it cannot be one.
    pub(super) fn restored(saved: MouseV1) -> Option<Self> {
        let MouseV1 {
            out,
            waiting,
            buttons,
            reported,
            next_report,
            mode,
            wrap,
            reporting,
            scaling_2_1,
            resolution,
            rate,
            protocol,
            rates,
            awaiting,
        } = saved;
        if waiting.len() > ENTRIES || !(10..=200).contains(&rate) {
            return None;
        }
        Some(Self {
            out: Channel::restored(out, REPORT)?,
            waiting: waiting.into(),
            buttons,
            reported,
            next_report: Time(next_report),
            mode,
            wrap,
            reporting,
            scaling_2_1,
            resolution,
            rate,
            protocol,
            rates,
            awaiting,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_is_the_data_sheets_table() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, -3, -4, -7].map(double), [0, 1, 1, 3, 6, 9, 12, -3, -6, -14]);
    }
}
