//! I/O APIC: 24 inputs, each with an entry that says which interrupt message it becomes.
//!
//! Intel 82093AA data sheet (order 290566); section numbers in this folder are its. Version 11h: the end of a level-triggered
//! interrupt comes as a message of the local APIC ([`IoApic::end_of_interrupt`]), and there is no EOI register.
//!
//! The chip does not send by itself. After wires or registers changed, [`IoApic::requests`] says which inputs have something to
//! send; the board takes [`IoApic::message`] to the local APIC and tells whether it was accepted ([`IoApic::sent`]). An edge is
//! gone then in any case. A level is sent again as long as nobody takes it.
//!
//! What the data sheet does not say but systems rely on: an entry that is made edge-triggered forgets that a level was
//! accepted. That is how they end a level without a message, on this version of the chip.
//!
//! Not here: the APIC bus (messages go over the system bus, so that the arbitration register shows the identity and decides
//! nothing), and the second chip that a larger board would have.

mod spec;
#[cfg(test)]
mod tests;

pub use spec::PINS;

use crate::local_apic::{DeliveryMode, Message};
use bus::{Device, IoError, IoResult, Mmio, PhysAddr, Region, Saved, Snapshot, SnapshotError, Width};
use serde::{Deserialize, Serialize};
use spec::{Id, Redirection, Register, VERSION, Version, Window};

/// Where PCs have the chip (section 3.1).
pub const DEFAULT_BASE: PhysAddr = PhysAddr(0xFEC0_0000);

/// The I/O APIC.
#[derive(Debug)]
pub struct IoApic {
    // Registers.
    select: u8,
    id: u8,
    table: [Redirection; PINS],
    // Inputs.
    levels: u32,
    /// Edges to be sent.
    edges: u32,
    // What follows from the table: inputs whose level is to be sent while it is active, and inputs that are active low.
    ready: u32,
    active_low: u32,
}

impl Default for IoApic {
    fn default() -> Self {
        Self::new()
    }
}

/// Edge-triggered: because it says so, or because the delivery mode knows nothing else (section 3.2.4, "Delivery mode").
const fn is_edge(entry: Redirection) -> bool {
    let levels = matches!(DeliveryMode(entry.mode()), DeliveryMode::FIXED | DeliveryMode::LOWEST_PRIORITY);
    !entry.level() || !levels
}

impl IoApic {
    /// A chip with all inputs masked.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            select: 0,
            id: 0,
            table: [Redirection::new().with_mask(true); PINS],
            levels: 0,
            edges: 0,
            ready: 0,
            active_low: 0,
        }
    }

    /// Brings what follows from the table up to date.
    fn follow(&mut self) {
        (self.ready, self.active_low) = (0, 0);
        for (pin, entry) in self.table.iter().enumerate() {
            let ready = !is_edge(*entry) && !entry.mask() && !entry.remote_irr();
            self.ready |= u32::from(ready) << pin;
            self.active_low |= u32::from(entry.active_low()) << pin;
        }
    }

    /// The wires as they are now, and which of them rose since the last call (bit n: input n). An edge at a masked input is lost
    /// (section 3.2.4, "Interrupt mask").
    pub fn inputs(&mut self, levels: u32, rose: u32) {
        let up = rose | levels & !self.levels;
        let down = (self.levels | rose) & !levels;
        let edges = up & !self.active_low | down & self.active_low;
        self.levels = levels;
        for (pin, entry) in self.table.iter().enumerate() {
            if edges >> pin & 1 != 0 && is_edge(*entry) && !entry.mask() {
                self.edges |= 1 << pin;
            }
        }
    }

    /// The inputs that have a message to send (bit n: input n).
    #[inline]
    #[must_use]
    pub const fn requests(&self) -> u32 {
        self.edges | (self.levels ^ self.active_low) & self.ready
    }

    /// The message of an input.
    #[must_use]
    pub fn message(&self, pin: u32) -> Option<Message> {
        let entry = self.table.get(pin as usize)?;
        Some(Message {
            destination: entry.destination(),
            logical: entry.logical(),
            mode: DeliveryMode(entry.mode()),
            vector: entry.vector(),
            level: !is_edge(*entry),
        })
    }

    /// The message of an input was sent; whether somebody accepted it.
    pub fn sent(&mut self, pin: u32, accepted: bool) {
        let Some(entry) = self.table.get_mut(pin as usize) else { return };
        self.edges &= !(1 << pin);
        if accepted && !is_edge(*entry) {
            entry.set_remote_irr(true);
            self.follow();
        }
    }

    /// A local APIC says that the handler of a level-triggered interrupt is done. Inputs that are still active ask again.
    pub fn end_of_interrupt(&mut self, vector: u8) {
        for entry in &mut self.table {
            if entry.vector() == vector && !is_edge(*entry) {
                entry.set_remote_irr(false);
            }
        }
        self.follow();
    }

    /// Whether an input may become what EFLAGS.IF does not mask.
    #[must_use]
    pub fn wakes(&self) -> bool {
        self.table.iter().any(|entry| !entry.mask() && DeliveryMode(entry.mode()).ignores_if())
    }

    /// The entry that the selected register is a half of, and which half.
    fn selected(&self) -> Option<(usize, bool)> {
        let n = self.select.checked_sub(Register::TABLE.0)?;
        Some((usize::from(n / 2), n & 1 != 0)).filter(|(pin, _)| *pin < PINS)
    }

    fn read_data(&self) -> u32 {
        let id = Id::new().with_id(self.id).into_bits();
        match Register(self.select) {
            // The identity is what arbitration begins with (section 3.2.3).
            Register::ID | Register::ARBITRATION => id,
            Register::VERSION => {
                Version::new().with_version(VERSION).with_last_entry(PINS as u8 - 1).into_bits()
            }
            _ => {
                let Some((pin, high)) = self.selected() else { return 0 };
                let Some(entry) = self.table.get(pin) else { return 0 };
                let waits = !is_edge(*entry) && self.requests() >> pin & 1 != 0;
                let entry = entry.with_pending(waits).into_bits();
                (if high { entry >> 32 } else { entry }) as u32
            }
        }
    }

    fn write_data(&mut self, value: u32) {
        if Register(self.select) == Register::ID {
            self.id = Id::from_bits(value).id();
        }
        let Some((pin, high)) = self.selected() else { return };
        let Some(entry) = self.table.get_mut(pin) else { return };
        let (value, half) = if high {
            (u64::from(value) << 32, 0xFFFF_FFFF_0000_0000)
        } else {
            (u64::from(value), 0xFFFF_FFFF)
        };
        let writable = Redirection::WRITABLE & half;
        *entry = Redirection::from_bits(entry.into_bits() & !writable | value & writable);
        if is_edge(*entry) {
            entry.set_remote_irr(false);
        }
        if entry.mask() || !is_edge(*entry) {
            self.edges &= !(1 << pin);
        }
        self.follow();
    }
}

impl Device for IoApic {
    fn reset(&mut self) {
        // The wires are not the chip's to reset.
        let Self { select: _, id: _, table: _, levels, edges: _, ready: _, active_low: _ } = *self;
        *self = Self { levels, ..Self::new() };
    }

    fn regions(&self) -> &'static [Region] {
        &[Region { name: "registers", len: 0x20 }]
    }

    fn mmio(&mut self) -> Option<&mut dyn Mmio> {
        Some(self)
    }
}

impl Mmio for IoApic {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> IoResult<u32> {
        match (region, Window(offset), width) {
            (0, Window::SELECT, _) => Ok(self.select.into()),
            (0, Window::DATA, Width::Dword) => Ok(self.read_data()),
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u32) -> IoResult<()> {
        match (region, Window(offset), width) {
            (0, Window::SELECT, _) => self.select = value as u8,
            (0, Window::DATA, Width::Dword) => self.write_data(value),
            _ => return Err(IoError::NoRegister),
        }
        Ok(())
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct IoApicV1 {
    select: u8,
    id: u8,
    table: [u64; PINS],
    levels: u32,
    edges: u32,
}

const PART: &str = "io_apic";

impl Snapshot for IoApic {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { select, id, table, levels, edges, ready: _, active_low: _ } = *self;
        bus::encode(&IoApicV1 { select, id, table: table.map(Redirection::into_bits), levels, edges })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let IoApicV1 { select, id, table, levels, edges } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        if id > 0xF || table.iter().any(|entry| entry & !Redirection::KEPT != 0) {
            return invalid("bits set that do not exist");
        }
        if edges >> PINS != 0 || levels >> PINS != 0 {
            return invalid("inputs that do not exist");
        }
        *self = Self { select, id, levels, edges, table: table.map(Redirection::from_bits), ..Self::new() };
        self.follow();
        Ok(())
    }
}
