//! Floppy disk controller: 82077AA, with two drives.
//!
//! Intel 82077AA data sheet (290166): section 2 for registers, 4 for the phases of a command, 5 for the commands, 6
//! for the status bytes. `spec` has registers and commands, `commands` those without data, `transfer` those with,
//! `drive` what is behind the cable, `geometry` which disks there are.
//!
//! The wires are those of an AT, where the gate in DOR lets interrupt and DRQ out. Status registers A and B can be
//! read as in a PS/2, because some software looks; what an AT's bus lets float reads as ones. Port 3F6h belongs to
//! the hard disk controller: the regions leave it out.
//!
//! Time. Mechanics are 50 to 100 times faster than real ones, see the constants below; but an interrupt never comes as
//! soon as the command is written. The sector that is wanted is always the next to pass. Data rate and format must be
//! right. A request for data leaves the guest 100 ms until it counts as overrun.
//!
//! The host is asked for all sectors to the end of the track when a command to read is complete, and for a write when
//! the last sector of a track has come. The answer is due with the disk's own time, and is looked at only then. If
//! there is none, the command waits.
//!
//! A drive without a disk, or whose motor is off, finds no address mark after a while; the real controller would wait
//! for an index pulse until it is reset. Each disk has the tracks and sectors of its format and no others. FORMAT
//! TRACK takes the format that the disk has, in any order of sectors, and fails with another.
//!
//! Not here: the scan commands (they are invalid, as in later controllers); deleted data marks, which an image has no
//! place for (WRITE DELETED DATA writes data, READ DELETED DATA finds every sector unmarked); FM; sectors of other
//! sizes than 512; a disk of 40 tracks in a drive that steps by 80; tape drives, power-down and precompensation
//! (registers only); toggles of data in status register B; timing that SPECIFY asks for.

mod commands;
mod drive;
mod geometry;
mod snapshot;
mod spec;
mod transfer;

#[cfg(test)]
mod tests;

pub use drive::InsertError;
pub use geometry::{Geometry, UnknownSize};

use bus::{Clock, Device, DmaChannel, HostWait, IoError, IoResult, Line, PortIo, Region, Time, Timer, Width};
use drive::Drive;
use host::Block;
use host::block::RequestId;
use spec::{Configuration, Dor, Dsr, Msr, Perpendicular, Register, Sra, Srb, St0, code};
use std::collections::VecDeque;
use std::fmt;
use transfer::Transfer;

/// From the end of a reset to its interrupt.
const RESET_NS: u64 = 50_000;
/// One step of the heads.
const STEP_NS: u64 = 50_000;
/// Until the heads are quiet after steps, or a seek without steps is noticed.
const SETTLE_NS: u64 = 200_000;
/// From a command to the sector it looks for.
const LATENCY_NS: u64 = 300_000;
/// A sector passes under the heads.
const SECTOR_NS: u64 = 125_000;
/// Until the controller gives up looking: on hardware, two turns of the disk.
const NOT_FOUND_NS: u64 = 20_000_000;
/// From one request for a byte, or as many as FIFO and threshold let go at once, to the next.
const BURST_NS: u64 = 1_000;
/// How long a request for data may be left alone.
const OVERRUN_NS: u64 = 100_000_000;

/// Drives that the controller can tell apart. Two can be fitted.
const DRIVES: usize = 4;

/// The regions, in the order of [`Device::regions`]: 3F0h and 3F7h.
const REGIONS: [Region; 2] = [Region { name: "registers", len: 6 }, Region { name: "input", len: 1 }];
const INPUT: usize = 1;

/// A seek that is under way.
#[derive(Clone, Copy, Debug)]
struct Seek {
    due: Time,
    inwards: bool,
    steps: u8,
    /// Where the controller believes the heads are afterwards.
    cylinder: u8,
    /// It looks for track 0, and can fail.
    recalibrate: bool,
}

/// What the controller knows of a drive.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// "Present cylinder number".
    cylinder: u8,
    seek: Option<Seek>,
    /// Status register 0, for SENSE INTERRUPT STATUS to fetch.
    attention: Option<u8>,
}

impl Position {
    /// A seek has ended, and SENSE INTERRUPT STATUS has not been told.
    fn sought(&self) -> bool {
        self.attention.is_some_and(|st0| St0::from_bits(st0).code() != code::POLLED)
    }
}

/// The controller and its drives.
pub struct Floppy {
    // Glue.
    irq: Line,
    dma: DmaChannel,
    clock: Clock,
    drives: [Drive; DRIVES],
    /// What the host was asked last and has not answered.
    request: Option<RequestId>,
    // Registers.
    dor: Dor,
    tape: u8,
    dsr: Dsr,
    // What commands have set.
    specified: [u8; 2],
    configuration: Configuration,
    precompensation_track: u8,
    locked: bool,
    perpendicular: Perpendicular,
    /// DUMPREG shows it: sectors of a track, or EOT.
    last_count: u8,
    // State.
    interrupt: bool,
    /// The reset ends.
    reset_due: Option<Time>,
    positions: [Position; DRIVES],
    /// Bytes of a command that is not complete.
    command: Vec<u8>,
    /// Bytes of the result phase that are still to be read.
    results: VecDeque<u8>,
    /// The command in its execution phase.
    transfer: Option<Transfer>,
    /// When that goes on.
    due: Option<Time>,
    /// It was due, and the host has not answered.
    late: bool,
}

impl fmt::Debug for Floppy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dor, transfer, due) = (&self.dor, &self.transfer, &self.due);
        let mut out = f.debug_struct("Floppy");
        out.field("dor", dor).field("transfer", transfer).field("due", due).finish_non_exhaustive()
    }
}

impl Floppy {
    /// A controller that interrupts by `irq` and moves data by `dma`, with the drives that are fitted, all empty.
    #[must_use]
    pub fn new(irq: Line, dma: DmaChannel, clock: Clock, fitted: [bool; 2]) -> Self {
        dma.end_at_terminal_count();
        let [first, second] = fitted;
        let drives = [first, second, false, false];
        let drives = [0, 1, 2, 3].map(|n: u8| Drive::new(n, drives.get(usize::from(n)) == Some(&true)));
        let mut controller = Self {
            irq,
            dma,
            clock,
            drives,
            request: None,
            dor: Dor::new(),
            tape: 0,
            dsr: Dsr::new(),
            specified: [0; 2],
            configuration: Configuration::new(),
            precompensation_track: 0,
            locked: false,
            perpendicular: Perpendicular::new(),
            last_count: 0,
            interrupt: false,
            reset_due: None,
            positions: [Position::default(); DRIVES],
            command: Vec::new(),
            results: VecDeque::new(),
            transfer: None,
            due: None,
            late: false,
        };
        controller.reset();
        controller
    }

    /// Puts a disk into a drive, in place of the one that is in it.
    ///
    /// # Errors
    /// [`InsertError`], in words; the drive is then empty.
    pub fn insert(&mut self, drive: usize, medium: Box<dyn Block>) -> Result<(), InsertError> {
        self.eject(drive);
        self.drives.get_mut(drive).ok_or(InsertError::NoDrive)?.insert(medium)
    }

    /// Takes the disk out of a drive. What was being transferred fails.
    pub fn eject(&mut self, drive: usize) -> Option<Box<dyn Block>> {
        let medium = self.drives.get_mut(drive)?.eject()?;
        self.disk_is_gone(drive);
        Some(medium)
    }

    /// The format of the disk in a drive.
    #[must_use]
    pub fn geometry(&self, drive: usize) -> Option<Geometry> {
        self.drives.get(drive).and_then(Drive::geometry)
    }

    /// Whether a drive's light is on.
    #[must_use]
    pub fn light(&self, drive: usize) -> bool {
        drive == usize::from(self.dor.select()) && self.motor(drive) && self.dor.not_reset()
    }

    fn motor(&self, drive: usize) -> bool {
        drive < DRIVES && self.dor.motors() >> drive & 1 != 0
    }

    fn in_reset(&self) -> bool {
        !self.dor.not_reset() || self.reset_due.is_some()
    }

    fn update_wires(&self) {
        self.irq.set(self.interrupt && self.dor.dma_gate() && !self.in_reset());
        self.dma.set_gate(self.dor.dma_gate());
    }

    /// A reset by DOR or DSR. What LOCK guards stays.
    fn software_reset(&mut self) {
        let Self {
            irq: _,
            dma,
            clock: _,
            drives: _,
            request,
            dor: _,
            tape: _,
            dsr: _,
            specified: _,
            configuration,
            precompensation_track,
            locked,
            perpendicular,
            last_count: _,
            interrupt,
            reset_due: _,
            positions,
            command,
            results,
            transfer,
            due,
            late,
        } = self;
        if !*locked {
            configuration.set_fifo_off(true);
            configuration.set_threshold(0);
            *precompensation_track = 0;
        }
        perpendicular.set_gap(false);
        perpendicular.set_write_gate(false);
        dma.withdraw();
        *request = None;
        *interrupt = false;
        *positions = [Position::default(); DRIVES];
        command.clear();
        results.clear();
        *transfer = None;
        *due = None;
        *late = false;
    }

    /// The reset is over: each drive looks as if its READY had changed.
    fn end_reset(&mut self) {
        self.reset_due = None;
        if self.configuration.polling_off() {
            return;
        }
        for (drive, position) in (0u8..).zip(&mut self.positions) {
            let st0 = St0::new().with_code(code::POLLED).with_drive(drive & 3);
            position.attention = Some(st0.into_bits());
        }
        self.interrupt = true;
    }

    fn main_status(&self) -> Msr {
        if self.in_reset() {
            return Msr::new();
        }
        let seeking = self.positions.iter().enumerate().fold(0u8, |bits, (drive, position)| {
            bits | u8::from(position.seek.is_some() || position.sought()) << (drive & 3)
        });
        let msr = Msr::new().with_seeking(seeking);
        if let Some(transfer) = &self.transfer {
            let (request, pio) = (transfer.wants_processor(), transfer.by_processor());
            let to_processor = pio && transfer.to_processor();
            msr.with_command_busy(true)
                .with_non_dma(pio)
                .with_to_processor(to_processor)
                .with_request(request)
        } else if !self.results.is_empty() {
            msr.with_command_busy(true).with_to_processor(true).with_request(true)
        } else {
            msr.with_command_busy(!self.command.is_empty()).with_request(true)
        }
    }

    fn status_a(&self) -> Sra {
        let selected = self.drives.get(usize::from(self.dor.select()));
        let head = self.transfer.as_ref().is_some_and(|transfer| transfer.head() != 0);
        Sra::new()
            .with_not_protected(!selected.is_some_and(Drive::read_only))
            .with_not_index(true)
            .with_head_select(head)
            .with_not_track_0(!selected.is_some_and(Drive::at_track_0))
            .with_no_second_drive(!self.drives.get(1).is_some_and(Drive::fitted))
            .with_interrupt(self.interrupt)
    }

    fn status_b(&self) -> Srb {
        Srb::new()
            .with_motors(self.dor.motors() & 3)
            .with_drive_select_0(self.dor.select() & 1 != 0)
            .with_ones(3)
    }

    fn write_dor(&mut self, dor: Dor) {
        let was = std::mem::replace(&mut self.dor, dor);
        if was.not_reset() && !dor.not_reset() {
            self.software_reset();
            self.reset_due = None;
        } else if !was.not_reset() && dor.not_reset() {
            self.reset_due = Some(self.clock.now().after(RESET_NS));
        }
    }

    fn write_dsr(&mut self, dsr: Dsr) {
        self.dsr = dsr.with_reset(false);
        if dsr.reset() {
            self.software_reset();
            self.reset_due = self.dor.not_reset().then(|| self.clock.now().after(RESET_NS));
        }
    }

    fn read_fifo(&mut self) -> u8 {
        if self.in_reset() {
            return 0;
        }
        if self.transfer.is_some() {
            return self.read_data();
        }
        match self.results.pop_front() {
            // The first byte read takes the interrupt away.
            Some(byte) => {
                self.interrupt = self.interrupt && self.sought();
                byte
            }
            None => 0,
        }
    }

    /// The end of some seek waits for SENSE INTERRUPT STATUS.
    fn sought(&self) -> bool {
        self.positions.iter().any(Position::sought)
    }

    /// What a reset left for SENSE INTERRUPT STATUS is forgotten when something else can interrupt: many drivers
    /// fetch only the first.
    fn forget_polled(&mut self) {
        for position in &mut self.positions {
            position.attention = position.attention.filter(|_| position.sought());
        }
    }

    fn write_fifo(&mut self, byte: u8) {
        if self.in_reset() || !self.results.is_empty() {
            return;
        }
        if self.transfer.is_some() {
            self.write_data(byte);
        } else {
            self.write_command(byte);
        }
    }

    /// The disk change line of the drive that DOR selects; what else is in the register floats.
    fn read_dir(&self) -> u8 {
        let drive = self.drives.get(usize::from(self.dor.select()));
        let changed = drive.is_some_and(|drive| drive.fitted() && drive.changed);
        u8::from(changed) << 7 | 0x7F
    }
}

impl Device for Floppy {
    fn reset(&mut self) {
        self.locked = false;
        self.software_reset();
        let Self {
            irq: _,
            dma: _,
            clock: _,
            drives: _, // heads and disks are where they are
            request: _,
            dor,
            tape,
            dsr,
            specified,
            configuration,
            precompensation_track: _,
            locked: _,
            perpendicular,
            last_count,
            interrupt: _,
            reset_due,
            positions: _,
            command: _,
            results: _,
            transfer: _,
            due: _,
            late: _,
        } = self;
        *dor = Dor::new();
        *tape = 0;
        // 250 kbit/s.
        *dsr = Dsr::new().with_rate(2);
        *specified = [0; 2];
        *configuration = Configuration::new().with_fifo_off(true);
        *perpendicular = Perpendicular::new();
        *last_count = 0;
        *reset_due = None;
        self.update_wires();
    }

    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }

    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }

    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }

    fn host_wait(&mut self) -> Option<&mut dyn HostWait> {
        Some(self)
    }
}

/// Every register is a byte.
fn check_access(region: usize, offset: u16, width: Width) -> IoResult<()> {
    match REGIONS.get(region) {
        Some(found) if u64::from(offset) < found.len && width == Width::Byte => Ok(()),
        Some(found) if u64::from(offset) < found.len => Err(IoError::BadWidth),
        _ => Err(IoError::NoRegister),
    }
}

impl PortIo for Floppy {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        check_access(region, offset, width)?;
        if region == INPUT {
            return Ok(self.read_dir().into());
        }
        let value = match Register(offset) {
            Register::SRA => self.status_a().into_bits(),
            Register::SRB => self.status_b().into_bits(),
            Register::DOR => self.dor.into_bits(),
            Register::TDR => self.tape | 0xFC,
            Register::MSR_DSR => self.main_status().into_bits(),
            _ => self.read_fifo(),
        };
        self.update_wires();
        Ok(value.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        check_access(region, offset, width)?;
        let value = value as u8;
        if region == INPUT {
            // "Configuration control register": the data rate alone.
            self.dsr.set_rate(value & 3);
            return Ok(());
        }
        match Register(offset) {
            Register::SRA | Register::SRB => return Err(IoError::NoRegister),
            Register::DOR => self.write_dor(Dor::from_bits(value)),
            Register::TDR => self.tape = value & 3,
            Register::MSR_DSR => self.write_dsr(Dsr::from_bits(value)),
            _ => self.write_fifo(value),
        }
        self.update_wires();
        Ok(())
    }
}

impl Timer for Floppy {
    fn deadline(&self) -> Option<Time> {
        let seeks = self.positions.iter().filter_map(|position| position.seek.map(|seek| seek.due));
        seeks.chain(self.reset_due).chain(self.due).min()
    }

    fn fire(&mut self, now: Time) {
        if self.reset_due.is_some_and(|due| due <= now) {
            self.end_reset();
        }
        for drive in 0..DRIVES {
            self.end_seek(drive, now);
        }
        if self.due.is_some_and(|due| due <= now) {
            self.transfer_due(now);
        }
        self.update_wires();
    }
}

impl HostWait for Floppy {
    fn waits(&self) -> bool {
        self.late
    }

    fn answered(&mut self, now: Time) {
        if self.late {
            self.transfer_due(now);
            self.update_wires();
        }
    }
}
