//! The bus master of a channel: 82371AB data sheet, section 5.2; SFF-8038i.
//!
//! A table in memory names the pieces of memory of a transfer. While it is started and the drive asks for it, the
//! controller moves data between the drive's buffer and these pieces, in order. A page that is not here yet stops it
//! in the middle, and it goes on from there.

use super::drive::{DmaDirection, Drive};
use super::spec::{BusMasterCommand, BusMasterStatus, PrdCount};
use bus::{Dma, DmaError, PhysAddr};
use serde::{Deserialize, Serialize};

/// Length of a channel's registers.
pub(super) const LEN: u16 = 8;

const COMMAND: u16 = 0;
const STATUS: u16 = 2;
/// BMIDTPX, the address of the table: four bytes.
const TABLE: u16 = 4;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BusMasterChannel {
    // State.
    command: BusMasterCommand,
    status: BusMasterStatus,
    table: u32,
    /// The next entry of the table.
    next: u32,
    /// What is left of the piece at work.
    at: u32,
    left: u32,
    /// It is the last piece.
    last: bool,
}

impl BusMasterChannel {
    pub(super) fn reset(&mut self) {
        let Self { command: _, status: _, table: _, next: _, at: _, left: _, last: _ } = *self;
        *self = Self::default();
    }

    pub(super) fn read(&self, offset: u16) -> u8 {
        match offset {
            COMMAND => self.command.into_bits(),
            STATUS => self.status.into_bits(),
            TABLE..LEN => (self.table >> (8 * (offset - TABLE))) as u8,
            _ => 0,
        }
    }

    pub(super) fn write(&mut self, offset: u16, value: u8) {
        match offset {
            COMMAND => self.write_command(BusMasterCommand::from_bits(value)),
            STATUS => {
                let written = BusMasterStatus::from_bits(value);
                let old = self.status;
                self.status = BusMasterStatus::new()
                    .with_active(old.active())
                    .with_error(old.error() && !written.error())
                    .with_interrupt(old.interrupt() && !written.interrupt())
                    .with_drive_0_dma_capable(written.drive_0_dma_capable())
                    .with_drive_1_dma_capable(written.drive_1_dma_capable());
            }
            TABLE..LEN => {
                let shift = 8 * (offset - TABLE);
                self.table = (self.table & !(0xFF << shift) | u32::from(value) << shift) & !3;
            }
            _ => {}
        }
    }

    fn write_command(&mut self, written: BusMasterCommand) {
        let started = self.command.start();
        self.command =
            BusMasterCommand::new().with_start(written.start()).with_to_memory(written.to_memory());
        match (started, written.start()) {
            (false, true) => {
                self.status.set_active(true);
                self.next = self.table;
                (self.at, self.left, self.last) = (0, 0, false);
            }
            (true, false) => self.status.set_active(false),
            _ => {}
        }
    }

    /// The drive has raised its interrupt.
    pub(super) fn interrupt(&mut self) {
        self.status.set_interrupt(true);
    }

    /// Whether it and the drive are ready to move data.
    pub(super) fn ready(&self, drive: &Drive) -> bool {
        let direction =
            if self.command.to_memory() { DmaDirection::ToMemory } else { DmaDirection::FromMemory };
        self.status.active() && drive.dma_request() == Some(direction)
    }

    /// Moves what can be moved now.
    pub(super) fn run(&mut self, drive: &mut Drive, ram: &mut dyn Dma) {
        while self.ready(drive) {
            match self.step(drive, ram) {
                Ok(()) => {}
                Err(DmaError::NotHere) => return,
                Err(DmaError::NoMemory) => {
                    self.status.set_active(false);
                    self.status.set_error(true);
                }
            }
        }
    }

    fn step(&mut self, drive: &mut Drive, ram: &mut dyn Dma) -> Result<(), DmaError> {
        if self.left == 0 {
            let mut entry = [0; 8];
            ram.read(PhysAddr(self.next.into()), &mut entry)?;
            let [a, b, c, d, e, f, g, h] = entry;
            let count = PrdCount::from_bits(u32::from_le_bytes([e, f, g, h]));
            self.at = u32::from_le_bytes([a, b, c, d]) & !1;
            self.left = match u32::from(count.bytes() & !1) {
                0 => 0x1_0000,
                bytes => bytes,
            };
            self.last = count.last();
            self.next = self.next.wrapping_add(8);
        }
        let moved = drive.dma(ram, PhysAddr(self.at.into()), self.left as usize)? as u32;
        self.at = self.at.wrapping_add(moved);
        self.left = self.left.saturating_sub(moved);
        if self.left == 0 && self.last {
            self.status.set_active(false);
        }
        Ok(())
    }
}

/// Saved [`BusMasterChannel`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BusMasterChannelV1 {
    command: u8,
    status: u8,
    table: u32,
    next: u32,
    at: u32,
    left: u32,
    last: bool,
}

impl BusMasterChannel {
    pub(super) fn save(&self) -> BusMasterChannelV1 {
        let Self { command, status, table, next, at, left, last } = *self;
        let (command, status) = (command.into_bits(), status.into_bits());
        BusMasterChannelV1 { command, status, table, next, at, left, last }
    }

    pub(super) fn restore(&mut self, saved: BusMasterChannelV1) {
        let BusMasterChannelV1 { command, status, table, next, at, left, last } = saved;
        let (command, status) = (BusMasterCommand::from_bits(command), BusMasterStatus::from_bits(status));
        *self = Self { command, status, table, next, at, left, last };
    }
}
