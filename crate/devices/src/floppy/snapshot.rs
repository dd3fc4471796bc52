//! Saved state of the controller. Disks are not in it: whoever restores has put the same ones into the drives. If a
//! drive holds another, the guest is told that the disk was changed.

use super::spec::{Command, Configuration, Dor, Dsr, LONGEST_COMMAND, Perpendicular};
use super::transfer::{LARGEST_BUFFER, Step, Task, Then, Transfer};
use super::{DRIVES, Floppy, Position, Seek};
use bus::{DmaChannelV1, Saved, Snapshot, SnapshotError, Time};
use host::block::SECTOR;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SeekV1 {
    due: u64,
    inwards: bool,
    steps: u8,
    cylinder: u8,
    recalibrate: bool,
}

#[derive(Serialize, Deserialize)]
struct DriveV1 {
    /// Sectors of the disk, and whether it is read-only.
    medium: Option<(u64, bool)>,
    heads_at: u8,
    changed: bool,
    cylinder: u8,
    seek: Option<SeekV1>,
    attention: Option<u8>,
}

#[derive(Serialize, Deserialize)]
struct TransferV1 {
    task: Task,
    options: u8,
    drive: u8,
    head: u8,
    id: [u8; 4],
    eot: u8,
    left: u16,
    fill: u8,
    sought: bool,
    st1: u8,
    st2: u8,
    step: Step,
    then: Then,
    by_processor: bool,
    from: u8,
    buffer: Vec<u8>,
    at: u16,
    piece: u16,
    burst: u16,
    patience: u64,
}

#[derive(Serialize, Deserialize)]
struct FloppyV1 {
    channel: DmaChannelV1,
    drives: [DriveV1; DRIVES],
    dor: u8,
    tape: u8,
    dsr: u8,
    specified: [u8; 2],
    configuration: u8,
    precompensation_track: u8,
    locked: bool,
    perpendicular: u8,
    last_count: u8,
    interrupt: bool,
    reset_due: Option<u64>,
    command: Vec<u8>,
    results: Vec<u8>,
    transfer: Option<TransferV1>,
    due: Option<u64>,
    late: bool,
}

const PART: &str = "floppy";
/// DUMPREG has the most results.
const MOST_RESULTS: usize = 10;

impl Transfer {
    fn save(&self) -> TransferV1 {
        let Self {
            task,
            options,
            drive,
            head,
            id,
            eot,
            left,
            fill,
            sought,
            st1,
            st2,
            step,
            then,
            by_processor,
            from,
            buffer,
            at,
            piece,
            burst,
            patience,
        } = self;
        TransferV1 {
            task: *task,
            options: *options,
            drive: *drive,
            head: *head,
            id: *id,
            eot: *eot,
            left: *left,
            fill: *fill,
            sought: *sought,
            st1: *st1,
            st2: *st2,
            step: *step,
            then: *then,
            by_processor: *by_processor,
            from: *from,
            buffer: buffer.clone(),
            at: *at,
            piece: *piece,
            burst: *burst,
            patience: patience.0,
        }
    }

    /// The saved one, if it is a state of a transfer.
    fn restored(saved: TransferV1) -> Option<Self> {
        let TransferV1 {
            task,
            options,
            drive,
            head,
            id,
            eot,
            left,
            fill,
            sought,
            st1,
            st2,
            step,
            then,
            by_processor,
            from,
            buffer,
            at,
            piece,
            burst,
            patience,
        } = saved;
        let real = usize::from(drive) < DRIVES
            && head < 2
            && left <= 256
            && buffer.len() <= LARGEST_BUFFER
            && usize::from(at) <= LARGEST_BUFFER
            && usize::from(piece) <= SECTOR
            && burst <= piece;
        real.then_some(Self {
            task,
            options,
            drive,
            head,
            id,
            eot,
            left,
            fill,
            sought,
            st1,
            st2,
            step,
            then,
            by_processor,
            from,
            buffer,
            at,
            piece,
            burst,
            patience: Time(patience),
        })
    }
}

impl Floppy {
    fn saved_drive(&self, number: usize) -> DriveV1 {
        let position = self.positions.get(number).copied().unwrap_or_default();
        let Position { cylinder, seek, attention } = position;
        let drive = self.drives.get(number);
        DriveV1 {
            medium: drive.and_then(|drive| drive.medium()),
            heads_at: drive.map_or(0, |drive| drive.cylinder),
            changed: drive.is_some_and(|drive| drive.changed),
            cylinder,
            seek: seek.map(|Seek { due, inwards, steps, cylinder, recalibrate }| SeekV1 {
                due: due.0,
                inwards,
                steps,
                cylinder,
                recalibrate,
            }),
            attention,
        }
    }

    fn restore_drive(&mut self, number: usize, saved: DriveV1) {
        let DriveV1 { medium, heads_at, changed, cylinder, seek, attention } = saved;
        let (Some(position), Some(drive)) = (self.positions.get_mut(number), self.drives.get_mut(number))
        else {
            return;
        };
        drive.cylinder = heads_at;
        drive.changed = changed || medium != drive.medium();
        let seek = seek.map(|SeekV1 { due, inwards, steps, cylinder, recalibrate }| Seek {
            due: Time(due),
            inwards,
            steps,
            cylinder,
            recalibrate,
        });
        *position = Position { cylinder, seek, attention };
    }
}

impl Snapshot for Floppy {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self {
            irq: _,
            dma,
            clock: _,
            drives: _,  // with `positions`
            request: _, // the host is asked again
            dor,
            tape,
            dsr,
            specified,
            configuration,
            precompensation_track,
            locked,
            perpendicular,
            last_count,
            interrupt,
            reset_due,
            positions: _,
            command,
            results,
            transfer,
            due,
            late,
        } = self;
        bus::encode(&FloppyV1 {
            channel: dma.save(),
            drives: [0, 1, 2, 3].map(|number| self.saved_drive(number)),
            dor: dor.into_bits(),
            tape: *tape,
            dsr: dsr.into_bits(),
            specified: *specified,
            configuration: configuration.into_bits(),
            precompensation_track: *precompensation_track,
            locked: *locked,
            perpendicular: perpendicular.into_bits(),
            last_count: *last_count,
            interrupt: *interrupt,
            reset_due: reset_due.map(|due| due.0),
            command: command.clone(),
            results: results.iter().copied().collect(),
            transfer: transfer.as_ref().map(Transfer::save),
            due: due.map(|due| due.0),
            late: *late,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let FloppyV1 {
            channel,
            drives,
            dor,
            tape,
            dsr,
            specified,
            configuration,
            precompensation_track,
            locked,
            perpendicular,
            last_count,
            interrupt,
            reset_due,
            command,
            results,
            transfer,
            due,
            late,
        } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        if channel.bytes() > SECTOR as u64 {
            return invalid("more bytes on their way than a sector has");
        }
        if tape > 3 || results.len() > MOST_RESULTS {
            return invalid("a register has bits that do not exist, or there are too many results");
        }
        if drives.iter().any(|drive| drive.heads_at > super::drive::LAST_CYLINDER) {
            return invalid("heads beyond the last cylinder");
        }
        let complete = |&first: &u8| Command::decode(first).is_none_or(|(_, more)| command.len() > more);
        if command.len() >= LONGEST_COMMAND || command.first().is_some_and(complete) {
            return invalid("a command that would have begun");
        }
        let transfer = match transfer.map(Transfer::restored) {
            None => None,
            Some(Some(transfer)) => Some(transfer),
            Some(None) => return invalid("a transfer that cannot be"),
        };
        let waits_for_host = transfer.as_ref().is_some_and(Transfer::at_host);
        if due.is_some() == late && transfer.is_some()
            || transfer.is_none() && due.is_some()
            || late && !waits_for_host
        {
            return invalid("a command that waits for nothing");
        }
        for (number, drive) in drives.into_iter().enumerate() {
            self.restore_drive(number, drive);
        }
        self.dma.restore(channel);
        self.dor = Dor::from_bits(dor);
        self.tape = tape;
        self.dsr = Dsr::from_bits(dsr);
        self.specified = specified;
        self.configuration = Configuration::from_bits(configuration);
        self.precompensation_track = precompensation_track;
        self.locked = locked;
        self.perpendicular = Perpendicular::from_bits(perpendicular);
        self.last_count = last_count;
        self.interrupt = interrupt;
        self.reset_due = reset_due.map(Time);
        self.command = command;
        self.results = results.into();
        if let Some(transfer) = &transfer {
            self.ask_host(transfer);
        } else {
            self.request = None;
        }
        self.transfer = transfer;
        self.due = due.map(Time);
        self.late = late;
        self.update_wires();
        Ok(())
    }
}
