//! Serial port: 16550A.
//!
//! National Semiconductor PC16550D data sheet (TL/C/8652, June 1995), chapter "Registers". Names of registers
//! and bits, and of sections quoted below, are the data sheet's.
//!
//! What a character costs. Sending is immediate: THRE and TEMT are set again by the time the write ends, so
//! that a console that polls LSR for each character does not spend 87 µs on it; the THRE interrupt is raised
//! as the data sheet says. Receiving is paced: bytes from the host wait in a queue (64 KB; nothing is lost
//! when somebody pastes a text) and enter the FIFO at the programmed rate, never sooner than the
//! one before them took on the wire and never into a full FIFO. So the guest's line discipline gets the
//! time it would have on a real line, and an overrun happens only in loopback.
//!
//! The wires to the modem look like a connected terminal: CTS, DSR and DCD on, RI off. As on the PC's
//! adapter, OUT2 switches the interrupt wire, and is off in loopback.
//!
//! Not here: DMA mode signals (no PC has them wired), break towards the host, 1.5 stop bits (counted as 2).

use bitfield_struct::bitfield;
use bus::{Clock, Device, IoError, IoResult, Line, PortIo, Region, Saved, Snapshot, SnapshotError, Time};
use bus::{Timer, Width};
use host::Serial;
use open_enum::open_enum;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

// Registers.

/// Register offsets, "Register addresses".
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Register {
    /// Receiver buffer (read), transmitter holding (write), divisor latch low (DLAB).
    DATA = 0,
    /// Interrupt enable, divisor latch high (DLAB).
    IER = 1,
    /// Interrupt identification (read), FIFO control (write).
    IIR_FCR = 2,
    LCR = 3,
    MCR = 4,
    LSR = 5,
    MSR = 6,
    SCR = 7,
}

/// "Interrupt enable register".
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
struct Ier {
    /// Received data available (and time-out).
    erbfi: bool,
    /// Transmitter holding register empty.
    etbei: bool,
    /// Receiver line status.
    elsi: bool,
    /// Modem status.
    edssi: bool,
    #[bits(4)]
    __: u8,
}

/// "Interrupt identification register".
#[bitfield(u8)]
struct Iir {
    /// Zero when an interrupt is pending.
    none: bool,
    #[bits(3)]
    id: u8,
    #[bits(2)]
    __: u8,
    /// Both set when the FIFOs are on.
    #[bits(2)]
    fifos: u8,
}

/// "FIFO control register".
#[bitfield(u8)]
struct Fcr {
    enable: bool,
    reset_receiver: bool,
    reset_transmitter: bool,
    dma_mode: bool,
    #[bits(2)]
    __: u8,
    #[bits(2)]
    trigger: u8,
}

/// "Line control register".
#[bitfield(u8)]
struct Lcr {
    /// Bits in a character, less 5.
    #[bits(2)]
    word_length: u8,
    /// Two stop bits.
    stop: bool,
    parity: bool,
    even: bool,
    stick: bool,
    set_break: bool,
    /// The first two registers are the divisor latch.
    dlab: bool,
}

/// "Modem control register".
#[bitfield(u8)]
struct Mcr {
    dtr: bool,
    rts: bool,
    out1: bool,
    out2: bool,
    loopback: bool,
    #[bits(3)]
    __: u8,
}

/// "Line status register".
#[bitfield(u8)]
struct Lsr {
    /// Data ready.
    dr: bool,
    /// Overrun error.
    oe: bool,
    /// Parity error.
    pe: bool,
    /// Framing error.
    fe: bool,
    /// Break interrupt.
    bi: bool,
    /// Transmitter holding register (FIFO) empty.
    thre: bool,
    /// Transmitter empty.
    temt: bool,
    /// Some character in the FIFO has an error.
    fifo_error: bool,
}

/// "Modem status register": four wires and whether each changed since the last read.
#[bitfield(u8)]
#[derive(PartialEq, Eq)]
struct Msr {
    dcts: bool,
    ddsr: bool,
    /// RI went off.
    teri: bool,
    ddcd: bool,
    cts: bool,
    dsr: bool,
    ri: bool,
    dcd: bool,
}

/// Interrupt sources by priority; the values are IIR's identification field ("Interrupt control functions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    LineStatus = 0b011,
    DataAvailable = 0b010,
    TimeOut = 0b110,
    HoldingEmpty = 0b001,
    ModemStatus = 0b000,
}

/// Characters in each FIFO.
const FIFO: usize = 16;
/// Bytes from the host that wait.
const QUEUE: usize = 65_536;
/// Input clock of the baud generator on a PC; a bit takes 16 × divisor periods.
const CRYSTAL_HZ: u64 = 1_843_200;
/// Receiver FIFO trigger levels ("FIFO control register", bits 6 and 7).
const TRIGGERS: [u8; 4] = [1, 4, 8, 14];

/// A character in the receiver, or on its way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Character {
    byte: u8,
    /// It is a break: a zero with no stop bit.
    is_break: bool,
}

/// The regions, in the order of [`Device::regions`].
const REGIONS: [Region; 1] = [Region { name: "registers", len: 8 }];

/// A 16550A with a line behind it.
pub struct Uart {
    // Glue.
    irq: Line,
    clock: Clock,
    peer: Box<dyn Serial>,
    // Registers.
    divisor: u16,
    ier: Ier,
    lcr: Lcr,
    mcr: Mcr,
    msr: Msr,
    scratch: u8,
    fifos: bool,
    trigger: u8,
    // Receiver.
    received: VecDeque<Character>,
    overrun: bool,
    /// When the oldest character has waited long enough without a read for a time-out.
    time_out: Option<Time>,
    queue: VecDeque<Character>,
    /// When the line is free for the next character.
    line_free: Time,
    // Transmitter.
    /// The THRE interrupt has been raised and not been seen.
    thre_pending: bool,
}

impl Uart {
    /// A port that interrupts by `irq` and sends to `peer`.
    #[must_use]
    pub fn new(irq: Line, clock: Clock, peer: Box<dyn Serial>) -> Self {
        Self {
            irq,
            clock,
            peer,
            divisor: 0,
            ier: Ier::new(),
            lcr: Lcr::new(),
            mcr: Mcr::new(),
            msr: Msr::new().with_cts(true).with_dsr(true).with_dcd(true),
            scratch: 0,
            fifos: false,
            trigger: 1,
            received: VecDeque::new(),
            overrun: false,
            time_out: None,
            queue: VecDeque::new(),
            line_free: Time(0),
            thre_pending: false,
        }
    }

    /// Takes bytes for the guest, as many as fit; returns how many.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(QUEUE.saturating_sub(self.queue.len()));
        self.queue.extend(bytes.iter().take(taken).map(|&byte| Character { byte, is_break: false }));
        self.advance();
        taken
    }

    /// The terminal sends a break; returns false if the queue is full.
    pub fn receive_break(&mut self) -> bool {
        let fits = self.queue.len() < QUEUE;
        if fits {
            self.queue.push_back(Character { byte: 0, is_break: true });
            self.advance();
        }
        fits
    }

    /// Bytes from the host that the guest has not had yet, without those in the FIFO.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many characters the receiver holds.
    const fn capacity(&self) -> usize {
        if self.fifos { FIFO } else { 1 }
    }

    /// Nanoseconds a character takes on the line.
    fn character_ns(&self) -> u64 {
        let bits = 1
            + 5
            + u64::from(self.lcr.word_length())
            + u64::from(self.lcr.parity())
            + if self.lcr.stop() { 2 } else { 1 };
        bits * 16 * u64::from(self.divisor.max(1)) * 1_000_000_000 / CRYSTAL_HZ
    }

    /// Brings the receiver up to now: what arrived, and whether it waits too long.
    fn advance(&mut self) {
        let now = self.clock.now();
        // In loopback the line is cut off from the receiver ("Modem control register", bit 4).
        while !self.mcr.loopback() && self.line_free <= now && self.received.len() < self.capacity() {
            let Some(character) = self.queue.pop_front() else { break };
            // A line that was idle, or a receiver that was full, does not make up for lost time.
            self.line_free = now.after(self.character_ns());
            self.put(character);
        }
        self.update_irq();
    }

    /// A character enters the receiver.
    fn put(&mut self, character: Character) {
        if self.received.len() < self.capacity() {
            self.received.push_back(character);
        } else {
            self.overrun = true;
            if !self.fifos {
                self.received.clear();
                self.received.push_back(character);
            }
        }
        self.restart_time_out();
    }

    /// "FIFO interrupt mode operation", time-out: four character times since the last read or arrival.
    fn restart_time_out(&mut self) {
        let waiting = self.fifos && !self.received.is_empty();
        self.time_out = waiting.then(|| self.clock.now().after(4 * self.character_ns()));
    }

    fn timed_out(&self) -> bool {
        self.time_out.is_some_and(|at| at <= self.clock.now())
    }

    fn line_status(&self) -> Lsr {
        let at_top = self.received.front().is_some_and(|c| c.is_break);
        Lsr::new()
            .with_dr(!self.received.is_empty())
            .with_oe(self.overrun)
            .with_fe(at_top)
            .with_bi(at_top)
            .with_thre(true)
            .with_temt(true)
            .with_fifo_error(self.fifos && self.received.iter().any(|c| c.is_break))
    }

    /// The highest-priority interrupt that is enabled and pending.
    fn source(&self) -> Option<Source> {
        let lsr = self.line_status();
        let level = if self.fifos { usize::from(self.trigger) } else { 1 };
        if self.ier.elsi() && (lsr.oe() || lsr.pe() || lsr.fe() || lsr.bi()) {
            Some(Source::LineStatus)
        } else if self.ier.erbfi() && self.received.len() >= level {
            Some(Source::DataAvailable)
        } else if self.ier.erbfi() && self.timed_out() {
            Some(Source::TimeOut)
        } else if self.ier.etbei() && self.thre_pending {
            Some(Source::HoldingEmpty)
        } else if self.ier.edssi() && self.msr.into_bits() & 0x0F != 0 {
            Some(Source::ModemStatus)
        } else {
            None
        }
    }

    fn update_irq(&mut self) {
        self.irq.set(self.source().is_some() && self.mcr.out2() && !self.mcr.loopback());
    }

    fn read_data(&mut self) -> u8 {
        let byte = self.received.pop_front().map_or(0, |c| c.byte);
        self.restart_time_out();
        byte
    }

    fn read_iir(&mut self) -> u8 {
        let iir = Iir::new().with_fifos(if self.fifos { 3 } else { 0 });
        let Some(source) = self.source() else { return iir.with_none(true).into_bits() };
        if source == Source::HoldingEmpty {
            self.thre_pending = false;
        }
        iir.with_id(source as u8).into_bits()
    }

    fn read_lsr(&mut self) -> u8 {
        let lsr = self.line_status();
        self.overrun = false;
        // The error bits are seen once; the character stays.
        if let Some(character) = self.received.front_mut() {
            character.is_break = false;
        }
        lsr.into_bits()
    }

    fn read_msr(&mut self) -> u8 {
        let msr = self.msr;
        self.msr = Msr::from_bits(msr.into_bits() & 0xF0);
        msr.into_bits()
    }

    fn write_data(&mut self, byte: u8) {
        if self.mcr.loopback() {
            let unused = 3 - self.lcr.word_length();
            self.put(Character { byte: byte & 0xFF >> unused, is_break: false });
        } else {
            self.peer.send(byte);
        }
        self.thre_pending = true;
    }

    fn write_ier(&mut self, value: u8) {
        let ier = Ier::from_bits(value & 0x0F);
        // Enabling the interrupt while the register is empty, which it always is, raises it.
        if ier.etbei() && !self.ier.etbei() {
            self.thre_pending = true;
        }
        self.ier = ier;
    }

    fn write_fcr(&mut self, fcr: Fcr) {
        let switched = fcr.enable() != self.fifos;
        self.fifos = fcr.enable();
        if switched || self.fifos && fcr.reset_receiver() {
            self.received.clear();
            self.time_out = None;
        }
        if self.fifos {
            self.trigger = TRIGGERS[usize::from(fcr.trigger() & 3)];
        }
    }

    fn write_mcr(&mut self, value: u8) {
        self.mcr = Mcr::from_bits(value & 0x1F);
        let mcr = self.mcr;
        let (cts, dsr, ri, dcd) = if mcr.loopback() {
            (mcr.rts(), mcr.dtr(), mcr.out1(), mcr.out2())
        } else {
            (true, true, false, true)
        };
        let old = self.msr;
        self.msr = Msr::new()
            .with_cts(cts)
            .with_dsr(dsr)
            .with_ri(ri)
            .with_dcd(dcd)
            .with_dcts(old.dcts() || old.cts() != cts)
            .with_ddsr(old.ddsr() || old.dsr() != dsr)
            .with_teri(old.teri() || old.ri() && !ri)
            .with_ddcd(old.ddcd() || old.dcd() != dcd);
    }
}

impl Device for Uart {
    fn reset(&mut self) {
        let Self {
            irq: _,
            clock: _,
            peer: _,
            divisor: _, // master reset has no effect on it; nor on the scratch register
            ier,
            lcr,
            mcr: _,
            msr: _,
            scratch: _,
            fifos,
            trigger,
            received,
            overrun,
            time_out,
            queue: _, // what the user typed is still on its way
            line_free: _,
            thre_pending,
        } = self;
        *ier = Ier::new();
        *lcr = Lcr::new();
        *fifos = false;
        *trigger = 1;
        received.clear();
        *overrun = false;
        *time_out = None;
        *thre_pending = false;
        self.write_mcr(0);
        self.read_msr();
        self.update_irq();
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
}

impl PortIo for Uart {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if region != 0 || offset > 7 {
            return Err(IoError::NoRegister);
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let [divisor_low, divisor_high] = self.divisor.to_le_bytes();
        let value = match Register(offset) {
            Register::DATA if self.lcr.dlab() => divisor_low,
            Register::IER if self.lcr.dlab() => divisor_high,
            Register::DATA => self.read_data(),
            Register::IER => self.ier.into_bits(),
            Register::IIR_FCR => self.read_iir(),
            Register::LCR => self.lcr.into_bits(),
            Register::MCR => self.mcr.into_bits(),
            Register::LSR => self.read_lsr(),
            Register::MSR => self.read_msr(),
            _ => self.scratch,
        };
        self.advance();
        Ok(value.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if region != 0 || offset > 7 {
            return Err(IoError::NoRegister);
        }
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        self.advance();
        let value = value as u8;
        let [divisor_low, divisor_high] = self.divisor.to_le_bytes();
        match Register(offset) {
            Register::DATA if self.lcr.dlab() => self.divisor = u16::from_le_bytes([value, divisor_high]),
            Register::IER if self.lcr.dlab() => self.divisor = u16::from_le_bytes([divisor_low, value]),
            Register::DATA => self.write_data(value),
            Register::IER => self.write_ier(value),
            Register::IIR_FCR => self.write_fcr(Fcr::from_bits(value)),
            Register::LCR => self.lcr = Lcr::from_bits(value),
            Register::MCR => self.write_mcr(value),
            Register::SCR => self.scratch = value,
            _ => {} // LSR and MSR are for reading ("factory testing" otherwise)
        }
        self.advance();
        Ok(())
    }
}

impl Timer for Uart {
    fn deadline(&self) -> Option<Time> {
        let arrives = !self.queue.is_empty() && !self.mcr.loopback() && self.received.len() < self.capacity();
        let arrival = arrives.then_some(self.line_free);
        let time_out = self.time_out.filter(|_| self.ier.erbfi() && !self.irq.level() && self.mcr.out2());
        let time_out = time_out.filter(|&at| at > self.clock.now());
        [arrival, time_out].into_iter().flatten().min()
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct UartV1 {
    divisor: u16,
    ier: u8,
    lcr: u8,
    mcr: u8,
    msr: u8,
    scratch: u8,
    fifos: bool,
    trigger: u8,
    received: Vec<Character>,
    overrun: bool,
    time_out: Option<u64>,
    queue: Vec<Character>,
    line_free: u64,
    thre_pending: bool,
}

const PART: &str = "uart";

impl Snapshot for Uart {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self {
            irq: _,
            clock: _,
            peer: _,
            divisor,
            ier,
            lcr,
            mcr,
            msr,
            scratch,
            fifos,
            trigger,
            received,
            overrun,
            time_out,
            queue,
            line_free,
            thre_pending,
        } = self;
        bus::encode(&UartV1 {
            divisor: *divisor,
            ier: ier.into_bits(),
            lcr: lcr.into_bits(),
            mcr: mcr.into_bits(),
            msr: msr.into_bits(),
            scratch: *scratch,
            fifos: *fifos,
            trigger: *trigger,
            received: received.iter().copied().collect(),
            overrun: *overrun,
            time_out: time_out.map(|t| t.0),
            queue: queue.iter().copied().collect(),
            line_free: line_free.0,
            thre_pending: *thre_pending,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let UartV1 {
            divisor,
            ier,
            lcr,
            mcr,
            msr,
            scratch,
            fifos,
            trigger,
            received,
            overrun,
            time_out,
            queue,
            line_free,
            thre_pending,
        } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        if !TRIGGERS.contains(&trigger) {
            return invalid("no such trigger level");
        }
        if received.len() > if fifos { FIFO } else { 1 } || queue.len() > QUEUE {
            return invalid("more characters than fit");
        }
        if ier & 0xF0 != 0 || mcr & 0xE0 != 0 {
            return invalid("bits set that do not exist");
        }
        self.divisor = divisor;
        self.ier = Ier::from_bits(ier);
        self.lcr = Lcr::from_bits(lcr);
        self.mcr = Mcr::from_bits(mcr);
        self.msr = Msr::from_bits(msr);
        self.scratch = scratch;
        self.fifos = fifos;
        self.trigger = trigger;
        self.received = received.into();
        self.overrun = overrun;
        self.time_out = time_out.map(Time);
        self.queue = queue.into();
        self.line_free = Time(line_free);
        self.thre_pending = thre_pending;
        self.update_irq();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};
    use host::serial;

    /// A character of 10 bits at 115200 baud.
    const CHARACTER: u64 = 86_805;

    fn bench() -> (Bench<Uart>, serial::Memory) {
        let terminal = serial::Memory::new();
        let peer = terminal.clone();
        let bench = Bench::new(move |control, lines| {
            Uart::new(lines.line(0), control.clock(), Box::new(peer.clone()))
        });
        (bench, terminal)
    }

    /// 115200 baud, 8N1, FIFOs with trigger 8, OUT2, RTS and DTR on.
    fn opened() -> (Bench<Uart>, serial::Memory) {
        let (mut bench, terminal) = bench();
        for (offset, value) in [(3, 0x83), (0, 1), (1, 0), (3, 3), (2, 0x87), (4, 0x0B)] {
            bench.write(0, offset, value);
        }
        (bench, terminal)
    }

    #[test]
    fn is_recognized_as_16550a() {
        let (mut bench, _) = bench();
        assert_eq!(bench.read(0, 2), 0x01);
        bench.write(0, 1, 0xFF);
        assert_eq!(bench.read(0, 1), 0x0F);
        bench.write(0, 1, 0);
        bench.write(0, 2, 1);
        assert_eq!(bench.read(0, 2) >> 6, 3);
        bench.write(0, 2, 0x21);
        assert_eq!(bench.read(0, 2) >> 5, 6, "not a 16750");
        for value in [0x5A, 0xA5] {
            bench.write(0, 7, value);
            assert_eq!(bench.read(0, 7), value);
        }
    }

    #[test]
    fn loopback_turns_wires_and_characters_around() {
        let (mut bench, terminal) = opened();
        bench.write(0, 4, 0x1A);
        assert_eq!(bench.read(0, 6) & 0xF0, 0x90);
        bench.write(0, 4, 0x15);
        assert_eq!(bench.read(0, 6), 0x6B);
        bench.device.receive(b"held back");
        bench.write(0, 0, b'x');
        assert_eq!(bench.read(0, 5), 0x61);
        assert_eq!(bench.read(0, 0), b'x');
        assert_eq!(bench.read(0, 5), 0x60);
        for n in 0..17 {
            bench.write(0, 0, n);
        }
        assert_eq!(bench.read(0, 5), 0x63, "overrun, once");
        assert_eq!(bench.read(0, 5), 0x61);
        assert_eq!((0..16).map(|_| bench.read(0, 0)).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
        assert!(terminal.take().is_empty());
    }

    #[test]
    fn sent_bytes_leave_at_once_and_raise_the_interrupt_each_time() {
        let (mut bench, terminal) = opened();
        bench.write(0, 1, 2);
        assert_eq!(bench.lines.levels(), 1, "empty when enabled");
        assert_eq!(bench.read(0, 2), 0xC2);
        assert_eq!(bench.lines.levels(), 0, "reading IIR clears it");
        assert_eq!(bench.read(0, 2), 0xC1);
        bench.write(0, 0, b'!');
        assert_eq!(bench.lines.levels(), 1);
        assert_eq!(bench.read(0, 5), 0x60);
        bench.write(0, 1, 0);
        assert_eq!(bench.lines.levels(), 0);
        bench.write(0, 1, 2);
        assert_eq!(bench.read(0, 2), 0xC2, "enabling it again raises it again");
        assert_eq!(terminal.take(), b"!");
    }

    #[test]
    fn interrupts_come_at_the_trigger_level_or_after_a_time_out() {
        let (mut bench, _) = opened();
        bench.write(0, 1, 1);
        bench.device.receive(&[7; 9]);
        bench.run(7 * CHARACTER - 100);
        assert_eq!(bench.lines.levels(), 0);
        bench.run(200);
        assert_eq!(bench.lines.levels(), 1);
        assert_eq!(bench.read(0, 2), 0xC4);
        bench.run(CHARACTER);
        for _ in 0..8 {
            assert_eq!(bench.read(0, 0), 7);
        }
        assert_eq!(bench.lines.levels(), 0);
        bench.run(4 * CHARACTER - 1000);
        assert_eq!(bench.lines.levels(), 0);
        bench.run(1100);
        assert_eq!(bench.lines.levels(), 1);
        assert_eq!(bench.read(0, 2), 0xCC);
        assert_eq!(bench.read(0, 0), 7);
        assert_eq!(bench.read(0, 2), 0xC1);
    }

    #[test]
    fn a_pasted_text_arrives_whole() {
        let (mut bench, _) = opened();
        let text: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
        let taken = bench.device.receive(&text);
        assert_eq!((taken, bench.device.queued()), (QUEUE, QUEUE - 1));
        assert!(bench.device.receive_break());
        assert_eq!(bench.device.receive(&text), 0);
        let mut got = Vec::new();
        while got.len() <= taken {
            bench.run(20 * CHARACTER);
            while bench.read(0, 5) & 1 != 0 {
                got.push(bench.read(0, 0));
            }
        }
        assert_eq!(got[..taken], text[..taken]);
        assert_eq!(bench.device.queued(), 0);
    }

    #[test]
    fn without_fifos_one_character_waits() {
        let (mut bench, _) = opened();
        bench.write(0, 2, 0);
        bench.write(0, 1, 1);
        bench.device.receive(b"ab");
        assert_eq!(bench.read(0, 2), 0x04);
        bench.run(5 * CHARACTER);
        assert_eq!(bench.read(0, 0), b'a');
        assert_eq!(bench.read(0, 0), b'b');
    }

    #[test]
    fn a_break_is_a_line_status_interrupt() {
        let (mut bench, _) = opened();
        bench.write(0, 1, 5);
        assert!(bench.device.receive_break());
        assert_eq!(bench.read(0, 2), 0xC6);
        assert_eq!(bench.read(0, 5), 0xF9);
        assert_eq!(bench.read(0, 5), 0x61);
        assert_eq!(bench.read(0, 0), 0);
    }

    #[test]
    fn out2_switches_the_wire() {
        let (mut bench, _) = opened();
        bench.write(0, 1, 2);
        bench.write(0, 4, 0x03);
        assert_eq!(bench.lines.levels(), 0);
        bench.write(0, 4, 0x0B);
        assert_eq!(bench.lines.levels(), 1);
        bench.device.reset();
        assert_eq!(bench.lines.levels(), 0);
    }

    #[test]
    fn survives_anything() {
        shake(
            |control, lines| Uart::new(lines.line(0), control.clock(), Box::new(serial::Null)),
            |uart, random| {
                let what = random.next_u64();
                if what & 31 == 0 {
                    uart.receive_break();
                }
                uart.receive(&what.to_le_bytes());
            },
        );
    }
}
