//! What the tests of all chips share: a bench to put one on, and a way to shake it.
//!
//! [`shake`] is the property test every chip passes: thousands of random accesses (any region, offset,
//! width and value), at random times, with timers fired when due or long after, never panic; a copy
//! restored from a snapshot in the middle of it goes on exactly as the original does; and a damaged
//! snapshot is either refused or leads to a state that survives the same treatment.

use bus::{ClockControl, Device, Dma, DmaError, IoError, Lines, PhysAddr, Saved, Time, Width};
use host::entropy::Seeded;

/// A chip with a clock and wires of its own.
pub(crate) struct Bench<D> {
    pub(crate) control: ClockControl,
    pub(crate) lines: Lines,
    pub(crate) device: D,
}

impl<D: Device> Bench<D> {
    /// Puts the chip that `make` builds on a bench.
    pub(crate) fn new(make: impl Fn(&ClockControl, &Lines) -> D) -> Self {
        let (control, lines) = (ClockControl::new(), Lines::new());
        let device = make(&control, &lines);
        Self { control, lines, device }
    }

    /// Reads a byte register.
    pub(crate) fn read(&mut self, region: usize, offset: u16) -> u8 {
        let io = self.device.port_io().expect("a chip with ports");
        io.read(region, offset, Width::Byte).map_or(0xFF, |value| value as u8)
    }

    /// Writes a byte register.
    pub(crate) fn write(&mut self, region: usize, offset: u16, value: u8) {
        let io = self.device.port_io().expect("a chip with ports");
        let _ = io.write(region, offset, Width::Byte, value.into());
    }

    /// Lets `ns` nanoseconds pass, firing the timer exactly when due, and counts the rises of wire 0.
    pub(crate) fn run(&mut self, ns: u64) -> u32 {
        let end = self.control.clock().now().after(ns);
        let mut rises = 0;
        while let Some(due) = self.device.timer().and_then(|t| t.deadline()).filter(|&due| due <= end) {
            self.control.advance_to(due);
            let now = self.control.clock().now();
            if let Some(timer) = self.device.timer() {
                timer.fire(now);
                assert!(timer.deadline().is_none_or(|next| next > now), "the deadline must move on");
            }
            rises += u32::from(self.lines.take_rose() & 1 != 0);
        }
        self.control.advance_to(end);
        rises
    }

    /// One random step; returns what was read.
    fn step(
        &mut self,
        random: &mut Seeded,
        outside: &impl Fn(&mut D, &mut Seeded),
    ) -> Option<Result<u32, IoError>> {
        let what = random.next_u64();
        match what & 15 {
            0..=2 => {
                let shift = what >> 8 & 31;
                let now = self.control.clock().now().after(what >> 32 >> shift);
                self.control.advance_to(now);
                None
            }
            3..=5 => {
                let now = self.control.clock().now();
                let late = what >> 8 & 3 == 0;
                let timer = self.device.timer()?;
                let due = timer.deadline()?;
                if due <= now {
                    timer.fire(now);
                } else if late {
                    let now = due.after(what >> 44);
                    self.control.advance_to(now);
                    timer.fire(now);
                }
                None
            }
            6 => {
                outside(&mut self.device, random);
                None
            }
            7 if what >> 4 & 0x3FF == 0 => {
                self.device.reset();
                None
            }
            8 if what >> 4 & 1 == 0 && self.device.pci().is_some() => {
                let pci = self.device.pci()?;
                let offset = (what >> 8) as u8 & !3;
                let mask = [0xFF, 0xFF00, 0xFF_0000, 0xFF00_0000, 0xFFFF, 0xFFFF_0000, !0]
                    [(what >> 16) as usize % 7];
                pci.config_write(offset, random.next_u64() as u32 & mask, mask);
                if pci.take_remapped() {
                    pci.windows();
                }
                Some(Ok(pci.config_read(offset)))
            }
            9 | 12 if self.device.mmio().is_some() => {
                let regions = self.device.regions();
                let region = (what >> 8) as usize % (regions.len() + 1);
                let len = regions.get(region).map_or(4, |r| r.len) + 3;
                let offset = (what >> 16) % len;
                let width = [Width::Byte, Width::Word, Width::Dword][(what >> 60) as usize % 3];
                let value = random.next_u64() as u32;
                let mmio = self.device.mmio()?;
                match what & 15 {
                    9 => Some(mmio.read(region, offset, width)),
                    _ => Some(mmio.write(region, offset, width, value).map(|()| 0)),
                }
            }
            kind => {
                let regions = self.device.regions();
                let region =
                    (what >> 8) as usize % (regions.len() + usize::from(what >> 16 & 63 == 0)).max(1);
                let len = regions.get(region).map_or(4, |r| r.len) + u64::from(what >> 24 & 15 == 0) * 3;
                let offset = ((what >> 32) % len) as u16;
                let width = [
                    Width::Byte,
                    Width::Byte,
                    Width::Byte,
                    Width::Byte,
                    Width::Byte,
                    Width::Word,
                    Width::Dword,
                ][(what >> 48) as usize % 7];
                let value = random.next_u64() as u32;
                let io = self.device.port_io()?;
                if kind < 12 {
                    Some(io.read(region, offset, width))
                } else {
                    Some(io.write(region, offset, width, value).map(|()| 0))
                }
            }
        }
    }

    /// A bench in the same state, by way of a snapshot.
    pub(crate) fn twin(&self, make: impl Fn(&ClockControl, &Lines) -> D) -> Self {
        let mut twin = Self::new(make);
        twin.control.restore(self.control.clock().now());
        let (_, version) = self.device.saved_as();
        let bytes = self.device.save();
        twin.device.restore(Saved { version, bytes: &bytes }).expect("its own snapshot");
        assert_eq!(twin.device.save(), bytes, "what was restored saves as the same");
        assert_eq!(twin.lines.levels(), self.lines.levels(), "a restored chip drives its wires as before");
        twin.lines.restore(self.lines.levels());
        twin
    }
}

/// RAM for a bus master, from address 0.
pub(crate) struct TestRam {
    pub(crate) bytes: Vec<u8>,
    /// All of it is still to be loaded.
    pub(crate) not_here: bool,
}

impl TestRam {
    pub(crate) fn new(len: usize) -> Self {
        Self { bytes: vec![0; len], not_here: false }
    }

    fn range(&mut self, at: PhysAddr, len: usize) -> Result<&mut [u8], DmaError> {
        if self.not_here {
            return Err(DmaError::NotHere);
        }
        let start = usize::try_from(at.0).map_err(|_| DmaError::NoMemory)?;
        let end = start.checked_add(len).ok_or(DmaError::NoMemory)?;
        self.bytes.get_mut(start..end).ok_or(DmaError::NoMemory)
    }
}

impl Dma for TestRam {
    fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
        into.copy_from_slice(self.range(from, into.len())?);
        Ok(())
    }

    fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
        self.range(to, data.len())?.copy_from_slice(data);
        Ok(())
    }
}

/// Shakes the chip that `make` builds; `outside` does something random to it that is not an access.
pub(crate) fn shake<D: Device>(
    make: impl Fn(&ClockControl, &Lines) -> D,
    outside: impl Fn(&mut D, &mut Seeded),
) {
    for seed in 0..12 {
        let mut random = Seeded::new(seed);
        let mut bench = Bench::new(&make);
        for _ in 0..4000 {
            bench.step(&mut random, &outside);
        }
        bench.lines.take_rose();
        let mut twin = bench.twin(&make);
        let mut same = random.clone();
        for _ in 0..4000 {
            let (a, b) = (bench.step(&mut random, &outside), twin.step(&mut same, &outside));
            assert_eq!(a, b);
            assert_eq!(bench.lines.levels(), twin.lines.levels());
            assert_eq!(bench.lines.take_rose(), twin.lines.take_rose());
        }
        assert_eq!(bench.device.save(), twin.device.save());
        assert_eq!(bench.device.timer().map(|t| t.deadline()), twin.device.timer().map(|t| t.deadline()));
        damage(&bench, &make, &outside, &mut random);
    }
    // The end of time: nothing overflows there.
    let mut bench = Bench::new(&make);
    let mut random = Seeded::new(99);
    bench.control.advance_to(Time(u64::MAX - 1_000_000));
    for _ in 0..4000 {
        bench.step(&mut random, &outside);
    }
}

/// Restores damaged snapshots and, where they are taken, shakes on.
fn damage<D: Device>(
    bench: &Bench<D>,
    make: &impl Fn(&ClockControl, &Lines) -> D,
    outside: &impl Fn(&mut D, &mut Seeded),
    random: &mut Seeded,
) {
    let (_, version) = bench.device.saved_as();
    for _ in 0..60 {
        let mut bytes = bench.device.save();
        for _ in 0..1 + random.next_u64() % 4 {
            let at = random.next_u64() as usize % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next_u64() as u8;
            }
        }
        let mut victim = Bench::new(make);
        victim.control.restore(bench.control.clock().now());
        if victim.device.restore(Saved { version, bytes: &bytes }).is_ok() {
            for _ in 0..300 {
                victim.step(random, outside);
            }
        }
        let later = Saved { version: version + 1, bytes: &bytes };
        assert!(victim.device.restore(later).is_err(), "a version of the future");
    }
}
