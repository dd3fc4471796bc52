//! Boot by firmware: a flat BIOS in the flash, a VGA BIOS in the screen's ROM, and the processor at its reset vector.
//!
//! The flash ends at 4 GB, and its last 128 KB are seen below 1 MB as well, until the host bridge's attribute registers
//! put RAM in their place. Nothing stands in for firmware then: it finds a board as after power-on.

use crate::error::MachineError;
use cpu::Processor;
use serde::{Deserialize, Serialize};

/// Bytes of the largest flash; so many lie behind RAM.
pub(crate) const FLASH_LEN: u64 = 4 << 20;
/// Bytes of the smallest: the segment that the processor starts in.
const SMALLEST: u64 = 64 << 10;
/// Bytes of the largest VGA BIOS.
const VGA_LARGEST: usize = 64 << 10;
/// What an option ROM begins with (Plug and Play BIOS Specification 1.0A, section 3.2), followed by its length in units
/// of 512 bytes.
const OPTION_ROM: [u8; 2] = [0x55, 0xAA];

/// The images of a machine that is started by its firmware.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Firmware {
    bios: Vec<u8>,
    vgabios: Vec<u8>,
}

/// Whether a BIOS can be put into the flash.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_bios(bytes: u64) -> Result<(), MachineError> {
    if (SMALLEST..=FLASH_LEN).contains(&bytes) && bytes.is_multiple_of(SMALLEST) {
        return Ok(());
    }
    Err(MachineError::bad_image(format!(
        "bios: it has {bytes} bytes; a BIOS image has 64 KB to 4 MB, in steps of 64 KB"
    )))
}

impl Firmware {
    pub(crate) fn new(bios: Vec<u8>, vgabios: Vec<u8>) -> Result<Self, MachineError> {
        let firmware = Self { bios, vgabios };
        firmware.check()?;
        Ok(firmware)
    }

    fn check(&self) -> Result<(), MachineError> {
        let Self { bios, vgabios } = self;
        check_bios(bios.len() as u64)?;
        if vgabios.len() > VGA_LARGEST {
            let len = vgabios.len();
            return Err(MachineError::bad_image(format!("vgabios: it has {len} bytes; at most 64 KB fit")));
        }
        if !vgabios.is_empty() && vgabios.get(..2) != Some(&OPTION_ROM) {
            return Err(MachineError::bad_image(
                "vgabios: not an option ROM: it does not begin with 55h AAh",
            ));
        }
        Ok(())
    }

    /// The VGA BIOS; empty if there is none.
    pub(crate) fn vgabios(&self) -> &[u8] {
        &self.vgabios
    }

    /// Puts the BIOS into the flash. The processor is at its reset vector already.
    pub(crate) fn enter(&self, processor: &mut Processor) {
        let behind = FLASH_LEN - self.bios.len() as u64;
        processor.mmu.set_flash(behind, &self.bios);
    }

    /// False for images, out of a snapshot, that could not have been loaded.
    pub(crate) fn is_sound(&self) -> bool {
        self.check().is_ok()
    }
}
