//! Commands without data: they are done at once, or they move heads.

use super::spec::{Command, Configuration, LONGEST_COMMAND, Perpendicular, St0, St3, Unit, code};
use super::{DRIVES, Floppy, SETTLE_NS, STEP_NS, Seek};
use bus::Time;

/// VERSION's answer: an enhanced controller.
const VERSION: u8 = 0x90;
/// The most steps of RECALIBRATE.
const RECALIBRATE_STEPS: u8 = 79;

impl Floppy {
    /// A byte of the command phase.
    pub(super) fn write_command(&mut self, byte: u8) {
        self.command.push(byte);
        let first = self.command.first().copied().unwrap_or(byte);
        match Command::decode(first) {
            Some((command, following)) if self.command.len() > following => {
                let mut bytes = [0; LONGEST_COMMAND];
                bytes.iter_mut().zip(self.command.drain(..)).for_each(|(to, from)| *to = from);
                self.execute(command, bytes);
            }
            Some(_) => {}
            None => {
                self.command.clear();
                self.invalid();
            }
        }
    }

    fn invalid(&mut self) {
        self.results.push_back(St0::new().with_code(code::INVALID).into_bits());
    }

    fn execute(&mut self, command: Command, bytes: [u8; LONGEST_COMMAND]) {
        let [first, one, two, three, ..] = bytes;
        match command {
            Command::SPECIFY => self.specified = [one, two],
            Command::SENSE_DRIVE_STATUS => self.sense_drive(Unit::from_bits(one)),
            Command::RECALIBRATE => self.recalibrate(Unit::from_bits(one)),
            Command::SENSE_INTERRUPT => self.sense_interrupt(),
            Command::DUMPREG => self.dump(),
            Command::SEEK => self.seek(Unit::from_bits(one), two),
            Command::RELATIVE_SEEK => self.relative_seek(first & 0x40 != 0, Unit::from_bits(one), two),
            Command::VERSION => self.results.push_back(VERSION),
            Command::PERPENDICULAR_MODE => self.set_perpendicular(Perpendicular::from_bits(one)),
            Command::CONFIGURE => {
                self.configuration = Configuration::from_bits(two & 0x7F);
                self.precompensation_track = three;
            }
            Command::LOCK => {
                self.locked = first & 0x80 != 0;
                self.results.push_back(u8::from(self.locked) << 4);
            }
            _ => self.begin_transfer(command, bytes),
        }
    }

    fn sense_drive(&mut self, unit: Unit) {
        let Some(drive) = self.drives.get(usize::from(unit.drive())) else { return };
        let st3 = St3::new()
            .with_drive(unit.drive())
            .with_head(unit.head() != 0)
            .with_two_sides(true)
            .with_track_0(drive.at_track_0())
            .with_ready(true)
            .with_protected(drive.read_only());
        self.results.push_back(st3.into_bits());
    }

    fn sense_interrupt(&mut self) {
        let found = self.positions.iter_mut().find_map(|position| {
            let st0 = position.attention.take()?;
            Some((st0, position.cylinder))
        });
        let Some((st0, cylinder)) = found else { return self.invalid() };
        self.results.extend([st0, cylinder]);
        // The four of a reset are one interrupt; the end of each seek is one.
        self.interrupt = false;
        self.update_wires();
        self.interrupt = self.sought();
    }

    fn dump(&mut self) {
        let cylinders = self.positions.map(|position| position.cylinder);
        let perpendicular = self.perpendicular.with_overwrite(self.locked).into_bits();
        self.results.extend(cylinders);
        self.results.extend(self.specified);
        let configuration = self.configuration.into_bits();
        self.results.extend([self.last_count, perpendicular, configuration, self.precompensation_track]);
    }

    fn set_perpendicular(&mut self, written: Perpendicular) {
        self.perpendicular.set_gap(written.gap());
        self.perpendicular.set_write_gate(written.write_gate());
        if written.overwrite() {
            self.perpendicular.set_drives(written.drives());
        }
    }

    fn recalibrate(&mut self, unit: Unit) {
        let Some(drive) = self.drives.get(usize::from(unit.drive())) else { return };
        let steps = if drive.fitted() { drive.cylinder.min(RECALIBRATE_STEPS) } else { RECALIBRATE_STEPS };
        self.begin_seek(unit, false, steps, 0, true);
    }

    fn seek(&mut self, unit: Unit, to: u8) {
        let from = self.positions.get(usize::from(unit.drive())).map_or(0, |position| position.cylinder);
        self.begin_seek(unit, to > from, to.abs_diff(from), to, false);
    }

    fn relative_seek(&mut self, inwards: bool, unit: Unit, steps: u8) {
        let from = self.positions.get(usize::from(unit.drive())).map_or(0, |position| position.cylinder);
        let to = if inwards { from.wrapping_add(steps) } else { from.wrapping_sub(steps) };
        self.begin_seek(unit, inwards, steps, to, false);
    }

    fn begin_seek(&mut self, unit: Unit, inwards: bool, steps: u8, cylinder: u8, recalibrate: bool) {
        self.forget_polled();
        let due = self.clock.now().after(SETTLE_NS + STEP_NS * u64::from(steps));
        if let Some(position) = self.positions.get_mut(usize::from(unit.drive())) {
            position.attention = None;
            position.seek = Some(Seek { due, inwards, steps, cylinder, recalibrate });
        }
    }

    /// Ends a seek that was due.
    pub(super) fn end_seek(&mut self, number: usize, now: Time) {
        let (Some(position), Some(drive)) = (self.positions.get_mut(number), self.drives.get_mut(number))
        else {
            return;
        };
        let Some(seek) = position.seek.filter(|seek| seek.due <= now) else { return };
        let Seek { due: _, inwards, steps, cylinder, recalibrate } = seek;
        drive.step(inwards, steps);
        let failed = recalibrate && !drive.at_track_0();
        position.seek = None;
        position.cylinder = cylinder;
        let st0 = St0::new()
            .with_drive((number % DRIVES) as u8)
            .with_seek_end(true)
            .with_equipment_check(failed)
            .with_code(if failed { code::ABNORMAL } else { code::NORMAL });
        position.attention = Some(st0.into_bits());
        self.interrupt = true;
    }
}
