//! The local APIC of the one processor: requests by priority, local interrupts, a timer, interrupts between processors.
//!
//! Source: Intel SDM vol. 3 (order 325384), chapter 10; sections named in this folder are its. The chip is that of a P6
//! successor with the system bus as its way to other APICs: version 14h, and six entries in the local vector table (timer,
//! thermal sensor, performance counters, LINT0, LINT1, error), in xAPIC and in x2APIC mode.
//!
//! Where an interrupt comes from. Messages of I/O APICs and devices come by [`LocalApic::accept`], the pins by
//! [`LocalApic::set_lint`]; timer, errors and the processor's own commands arise here. What is for the processor is looked at
//! after each of them: [`LocalApic::intr`], [`LocalApic::nmi`]. The 8259A is at LINT0: its vector is asked for where
//! [`LocalApic::acknowledge`] says so.
//!
//! At power-on LINT0 is open for the 8259A (ExtINT, not masked), where the manual has it masked. Every PC's firmware opens it
//! first thing; one that knows of no APIC works as well like this.
//!
//! The registers in memory answer to any width that lies within a register when read, and to 32 bits when written. (The manual
//! promises nothing for other widths.)
//!
//! Not here: system management interrupts are accepted and lost, as the processor has no such mode; start-up messages are for
//! processors that wait for one. Nothing raises the thermal and the performance interrupt. The timer's clock has a frequency of
//! 100 MHz, of which CPUID says nothing. An illegal vector in the local vector table is an error when its interrupt comes, not
//! when it is written. Remote reads, arbitration, the CMCI entry, suppression of EOI broadcasts.

mod message;
mod registers;
mod saved;
mod spec;
#[cfg(test)]
mod tests;
mod timer;
mod vectors;

pub use message::Message;
pub use spec::{DeliveryMode, msr};
pub use timer::TICK_NS;

use bus::{Clock, Device, IoError, IoResult, Line, Mmio, PhysAddr, Region, Time, Timer, Width};
use spec::{
    ApicBase, DFR_CLUSTER, DFR_FLAT, Esr, FIRST_VECTOR, Icr, LVT_ENTRIES, Lvt, Register, Shorthand, Svr,
    TimerMode, lvt,
};
use timer::ApicTimer;
use vectors::Vectors;

/// Where the registers are after a reset (section 10.4.1).
pub const DEFAULT_BASE: PhysAddr = PhysAddr(0xFEE0_0000);
/// A destination that is every local APIC, in xAPIC mode and in x2APIC mode.
const BROADCAST: [u32; 2] = [0xFF, u32::MAX];

/// A pin of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lint {
    /// LINT0, INTR without a local APIC.
    Lint0,
    /// LINT1, NMI without a local APIC.
    Lint1,
}

/// What the processor gets for its interrupt acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// This vector.
    Vector(u8),
    /// What the 8259A answers.
    External,
}

/// The local APIC.
#[derive(Debug)]
pub struct LocalApic {
    // Glue.
    clock: Clock,
    init: Line,
    smi: Line,
    moved: bool,
    // Identity and modes.
    base: ApicBase,
    /// The xAPIC identity; x2APIC mode has the one of the reset, zero.
    id: u8,
    /// Logical identity of xAPIC mode.
    ldr: u8,
    /// DFR's model.
    dfr: u8,
    svr: Svr,
    // Priorities and requests.
    tpr: u8,
    irr: Vectors,
    isr: Vectors,
    tmr: Vectors,
    // Errors as they are shown, and those since.
    esr: Esr,
    errors: Esr,
    // Interrupts between processors.
    icr: Icr,
    icr_high: u32,
    // Local interrupts.
    lvt: [Lvt; LVT_ENTRIES],
    timer: ApicTimer,
    lint: [bool; 2],
    // For the processor and the I/O APICs.
    /// A message said that the 8259A has an interrupt.
    external: bool,
    nmi: bool,
    /// A level whose end is to be told.
    ended: Option<u8>,
    /// Follows from the rest.
    intr: bool,
}

impl LocalApic {
    /// The local APIC of the bootstrap processor; `init` resets the processor, `smi` is its SMI#.
    #[must_use]
    pub fn new(clock: Clock, init: Line, smi: Line) -> Self {
        let mut apic = Self {
            clock,
            init,
            smi,
            moved: true,
            base: ApicBase::new(),
            id: 0,
            ldr: 0,
            dfr: 0,
            svr: Svr::new(),
            tpr: 0,
            irr: Vectors::default(),
            isr: Vectors::default(),
            tmr: Vectors::default(),
            esr: Esr::new(),
            errors: Esr::new(),
            icr: Icr::new(),
            icr_high: 0,
            lvt: [Lvt::new(); LVT_ENTRIES],
            timer: ApicTimer::default(),
            lint: [false; 2],
            external: false,
            nmi: false,
            ended: None,
            intr: false,
        };
        apic.reset();
        apic
    }

    /// The state after power-on (section 10.4.7.1), but for IA32_APIC_BASE and the wires.
    fn clear(&mut self) {
        let Self {
            clock: _,
            init: _,
            smi: _,
            moved: _,
            base: _,
            id,
            ldr,
            dfr,
            svr,
            tpr,
            irr,
            isr,
            tmr,
            esr,
            errors,
            icr,
            icr_high,
            lvt,
            timer,
            lint: _,
            external,
            nmi: _,
            ended,
            intr: _,
        } = self;
        (*id, *ldr, *dfr, *tpr) = (0, 0, DFR_FLAT as u8, 0);
        *svr = Svr::new().with_vector(0xFF);
        (*irr, *isr, *tmr) = Default::default();
        (*esr, *errors) = (Esr::new(), Esr::new());
        (*icr, *icr_high) = (Icr::new(), 0);
        *lvt = [Lvt::new().with_mask(true); LVT_ENTRIES];
        lvt[lvt::LINT0] = Lvt::new().with_mode(DeliveryMode::EXT_INT.0);
        // The time-stamp counter is the processor's to reset.
        *timer = ApicTimer { tsc_offset: timer.tsc_offset, ..ApicTimer::default() };
        (*external, *ended) = (false, None);
        self.update();
    }

    /// Stands in for firmware: "virtual wire mode", in which the 8259A's interrupts and NMI come through (MP specification 1.4,
    /// section 3.6.2.2).
    pub fn virtual_wire(&mut self) {
        self.svr = Svr::new().with_vector(0xFF).with_enable(true);
        self.lvt[lvt::LINT0] = Lvt::new().with_mode(DeliveryMode::EXT_INT.0).with_level(true);
        self.lvt[lvt::LINT1] = Lvt::new().with_mode(DeliveryMode::NMI.0).with_level(true);
        self.update();
    }

    // ---- what the board asks ----

    /// The global enable: without it the pins are INTR and NMI, and CPUID shows no APIC.
    #[must_use]
    pub const fn enabled(&self) -> bool {
        self.base.enable()
    }

    /// Where the registers are in memory, if they are.
    #[must_use]
    pub const fn place(&self) -> Option<PhysAddr> {
        if self.base.enable() && !self.base.x2apic() {
            Some(PhysAddr((self.base.page() as u64) << 12))
        } else {
            None
        }
    }

    /// True once after [`LocalApic::place`] may have changed.
    pub const fn take_moved(&mut self) -> bool {
        std::mem::replace(&mut self.moved, false)
    }

    /// Whether there is an interrupt for the processor.
    #[must_use]
    pub const fn intr(&self) -> bool {
        self.intr
    }

    /// Whether there is a non-maskable interrupt for the processor.
    #[must_use]
    pub const fn nmi(&self) -> bool {
        self.nmi
    }

    /// The processor takes the non-maskable interrupt, if there is one.
    pub const fn take_nmi(&mut self) -> bool {
        std::mem::replace(&mut self.nmi, false)
    }

    /// Whether LINT0 leads to what EFLAGS.IF does not mask: then the 8259A may wake a processor that ignores interrupts.
    #[must_use]
    pub fn wakes_by_lint0(&self) -> bool {
        let entry = self.lvt[lvt::LINT0];
        self.enabled() && !entry.mask() && entry.delivery().ignores_if()
    }

    /// A level-triggered vector that has been ended since the last call: the I/O APICs are to be told.
    pub const fn take_ended(&mut self) -> Option<u8> {
        self.ended.take()
    }

    /// The processor's interrupt acknowledge (section 10.8.4). If there is nothing any more, it is the spurious vector.
    pub fn acknowledge(&mut self) -> Acknowledged {
        if self.external_pending() {
            self.external = false;
            self.update();
            return Acknowledged::External;
        }
        let Some(vector) = self.deliverable() else { return Acknowledged::Vector(self.svr.vector()) };
        self.irr.put(vector, false);
        self.isr.put(vector, true);
        self.update();
        Acknowledged::Vector(vector)
    }

    /// Takes a message off the bus; false if it is not for this processor, or cannot be taken (section 10.8).
    pub fn accept(&mut self, message: Message) -> bool {
        let Message { destination, logical, mode, vector, level } = message;
        let destination = match u32::from(destination) {
            0xFF => self.broadcast(),
            destination => destination,
        };
        self.enabled() && self.is_destination(destination, logical) && self.take(mode, vector, level)
    }

    /// The level at a pin.
    pub fn set_lint(&mut self, pin: Lint, high: bool) {
        let (n, entry) = match pin {
            Lint::Lint0 => (0, lvt::LINT0),
            Lint::Lint1 => (1, lvt::LINT1),
        };
        match self.lint.get_mut(n) {
            Some(level) if *level != high => *level = high,
            _ => return,
        }
        let entry = self.lvt[entry];
        let rose = high != entry.active_low();
        if !self.enabled() {
            self.nmi |= pin == Lint::Lint1 && high;
        } else if rose && !entry.mask() {
            match entry.delivery() {
                DeliveryMode::FIXED if !entry.level() => self.request(entry.vector(), false),
                // By its level, in `update` and `sense`.
                DeliveryMode::FIXED | DeliveryMode::EXT_INT => {}
                mode => {
                    self.take(mode, entry.vector(), false);
                }
            }
        }
        self.sense();
        self.update();
    }

    // ---- destinations ----

    const fn broadcast(&self) -> u32 {
        BROADCAST[self.base.x2apic() as usize]
    }

    /// The logical destination register: in x2APIC mode it follows from the identity (section 10.12.10.2), which is zero.
    const fn logical_id(&self) -> u32 {
        if self.base.x2apic() { 1 } else { (self.ldr as u32) << 24 }
    }

    /// Sections 10.6.2.1, 10.6.2.2 and 10.12.10.
    fn is_destination(&self, destination: u32, logical: bool) -> bool {
        if destination == self.broadcast() {
            return true;
        }
        let x2apic = self.base.x2apic();
        if !logical {
            return destination == if x2apic { 0 } else { self.id.into() };
        }
        let same = destination & self.logical_id();
        let id = u32::from(self.ldr);
        match u32::from(self.dfr) {
            _ if x2apic => destination >> 16 == 0 && same & 0xFFFF != 0,
            DFR_FLAT => destination & id != 0,
            DFR_CLUSTER => destination >> 4 == id >> 4 && destination & id & 0xF != 0,
            _ => false,
        }
    }

    // ---- requests ----

    /// Does what a message or a pin asks for; false if it cannot be taken.
    fn take(&mut self, mode: DeliveryMode, vector: u8, level: bool) -> bool {
        match mode {
            DeliveryMode::FIXED | DeliveryMode::LOWEST_PRIORITY => {
                if !self.svr.enable() {
                    return false;
                }
                self.request(vector, level);
            }
            DeliveryMode::NMI => self.nmi = true,
            DeliveryMode::INIT => self.init.pulse(),
            DeliveryMode::SMI => self.smi.pulse(),
            DeliveryMode::EXT_INT => {
                self.external = true;
                self.update();
            }
            // There is nobody who would do anything about it.
            _ => {}
        }
        true
    }

    /// A vector is asked for (section 10.8.4).
    fn request(&mut self, vector: u8, level: bool) {
        if !self.svr.enable() {
            return;
        }
        if vector < FIRST_VECTOR {
            return self.error(Esr::new().with_receive_illegal_vector(true));
        }
        self.irr.put(vector, true);
        self.tmr.put(vector, level);
        self.update();
    }

    /// Notes an error. The interrupt comes with each that has not been noted yet (section 10.5.3).
    fn error(&mut self, error: Esr) {
        let before = self.errors;
        self.errors = Esr::from_bits(before.into_bits() | error.into_bits());
        let entry = self.lvt[lvt::ERROR];
        if self.errors == before || entry.mask() {
            return;
        }
        if entry.vector() < FIRST_VECTOR {
            self.errors.set_receive_illegal_vector(true);
        } else {
            self.request(entry.vector(), false);
        }
    }

    /// Asks for the vectors of pins that are level-triggered and active.
    fn sense(&mut self) {
        for (pin, n) in [lvt::LINT0, lvt::LINT1].into_iter().enumerate() {
            let (entry, high) = (self.lvt[n], self.lint[pin]);
            let fixed = entry.delivery() == DeliveryMode::FIXED && entry.level();
            let ready = self.enabled() && self.svr.enable() && !entry.mask() && !entry.remote_irr();
            if fixed && ready && high != entry.active_low() {
                self.lvt[n].set_remote_irr(true);
                self.request(entry.vector(), true);
            }
        }
    }

    /// Section 10.8.5.
    fn end_of_interrupt(&mut self) {
        let Some(vector) = self.isr.highest() else { return };
        self.isr.put(vector, false);
        if self.tmr.has(vector) {
            self.ended = Some(vector);
            for n in [lvt::LINT0, lvt::LINT1] {
                if self.lvt[n].vector() == vector {
                    self.lvt[n].set_remote_irr(false);
                }
            }
            self.sense();
        }
        self.update();
    }

    /// Whether the 8259A's interrupt comes through.
    fn external_pending(&self) -> bool {
        let [lint0, _] = self.lint;
        let entry = self.lvt[lvt::LINT0];
        let open = !entry.mask() && entry.delivery() == DeliveryMode::EXT_INT;
        if self.enabled() { self.external || open && lint0 != entry.active_low() } else { lint0 }
    }

    /// The vector that the processor would get now.
    fn deliverable(&self) -> Option<u8> {
        let ppr = self.processor_priority();
        self.irr.highest().filter(|vector| self.enabled() && vector >> 4 > ppr >> 4)
    }

    /// PPR (section 10.8.3.1).
    fn processor_priority(&self) -> u8 {
        let serving = self.isr.highest().unwrap_or(0);
        if self.tpr >> 4 >= serving >> 4 { self.tpr } else { serving & 0xF0 }
    }

    /// APR (section 10.6.2.4).
    fn arbitration_priority(&self) -> u8 {
        let (asked, serving) = (self.irr.highest().unwrap_or(0) >> 4, self.isr.highest().unwrap_or(0) >> 4);
        let task = self.tpr >> 4;
        if task >= asked && task > serving { self.tpr } else { (task & serving).max(asked) << 4 }
    }

    fn update(&mut self) {
        self.intr = self.external_pending() || self.deliverable().is_some();
    }

    // ---- interrupts between processors ----

    /// Carries out the interrupt command register (section 10.6.1). There is one processor to send to: this one.
    fn send(&mut self) {
        let (icr, mode) = (self.icr, DeliveryMode(self.icr.mode()));
        let fixed = matches!(mode, DeliveryMode::FIXED | DeliveryMode::LOWEST_PRIORITY);
        if fixed && icr.vector() < FIRST_VECTOR {
            return self.error(Esr::new().with_send_illegal_vector(true));
        }
        let destination = if self.base.x2apic() { self.icr_high } else { self.icr_high >> 24 };
        let here = match Shorthand(icr.shorthand()) {
            Shorthand::NONE => self.is_destination(destination, icr.logical()),
            // Only a fixed interrupt can be sent to oneself (table 10-3).
            Shorthand::SELF | Shorthand::ALL => fixed,
            _ => false,
        };
        // INIT with the level off was for arbitration on the APIC bus, and ExtINT cannot be sent.
        let deassert = mode == DeliveryMode::INIT && icr.level() && !icr.assert();
        if here && !deassert && mode != DeliveryMode::EXT_INT {
            // The trigger mode of an interrupt between processors is ignored: an edge.
            self.take(mode, icr.vector(), false);
        }
    }

    // ---- timer ----

    fn timer_mode(&self) -> TimerMode {
        TimerMode::of(self.lvt[lvt::TIMER])
    }

    /// Does what the timer had to do until now.
    fn advance(&mut self) {
        let entry = self.lvt[lvt::TIMER];
        if self.timer.advance(self.clock.now(), TimerMode::of(entry)) && !entry.mask() {
            self.request(entry.vector(), false);
        }
    }

    /// The processor's time-stamp counter is `offset` ahead of the nanoseconds since power-on.
    pub fn set_tsc_offset(&mut self, offset: u64) {
        self.advance();
        self.timer.set_tsc_offset(self.clock.now(), offset);
    }
}

impl Device for LocalApic {
    fn reset(&mut self) {
        let page = (DEFAULT_BASE.0 >> 12) as u32;
        self.base = ApicBase::new().with_bsp(true).with_enable(true).with_page(page);
        (self.moved, self.nmi, self.timer.tsc_offset) = (true, false, 0);
        self.clear();
    }

    fn regions(&self) -> &'static [Region] {
        &[Region { name: "registers", len: 0x1000 }]
    }

    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        Some(self)
    }

    fn timer(&mut self) -> Option<&mut dyn Timer> {
        Some(self)
    }
}

impl Mmio for LocalApic {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        if region != 0 || self.place().is_none() {
            return Err(IoError::NoRegister);
        }
        let shift = crate::pci::shift_in_dword(offset as u16 & 0xFFF, width)?;
        if offset & 0xC != 0 {
            // The rest of a register's 16 bytes.
            return Ok(0);
        }
        let value = self.read_xapic(Register((offset >> 4) as u8));
        Ok(value >> shift & width.ones())
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        if region != 0 || self.place().is_none() || width != Width::Dword || offset & 0xF != 0 {
            return Err(IoError::NoRegister);
        }
        self.write_xapic(Register((offset >> 4) as u8), value);
        Ok(())
    }
}

impl Timer for LocalApic {
    fn deadline(&self) -> Option<Time> {
        self.timer.due.filter(|_| !self.lvt[lvt::TIMER].mask())
    }

    fn fire(&mut self, _now: Time) {
        self.advance();
    }
}
