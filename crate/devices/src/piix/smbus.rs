//! The PIIX4's SMBus host controller, with nothing on the bus: every transfer ends at once with the
//! error that says no device answered.
//!
//! Source: 82371AB data sheet (order 290562), section 7.3.

use super::spec::{SmbusHostControl, SmbusHostStatus};
use bus::{IoError, IoResult, Width};
use open_enum::open_enum;
use serde::{Deserialize, Serialize};

/// Length of the register block.
pub(super) const SMBUS_LEN: u64 = 16;

#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Register {
    /// SMBHSTSTS
    HOST_STATUS = 0x00,
    /// SMBSLVSTS
    SLAVE_STATUS = 0x01,
    /// SMBHSTCNT
    HOST_CONTROL = 0x02,
    /// SMBHSTCMD
    HOST_COMMAND = 0x03,
    /// SMBHSTADD
    HOST_ADDRESS = 0x04,
    /// SMBHSTDAT0
    HOST_DATA_0 = 0x05,
    /// SMBHSTDAT1
    HOST_DATA_1 = 0x06,
    /// SMBBLKDAT
    BLOCK_DATA = 0x07,
}

#[derive(Debug, Default)]
pub(super) struct SmbusHost {
    status: SmbusHostStatus,
    control: SmbusHostControl,
    command: u8,
    address: u8,
    data: [u8; 2],
}

impl SmbusHost {
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(super) fn read(&mut self, offset: u16, width: Width) -> IoResult<u32> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        Ok(u32::from(match Register(offset) {
            Register::HOST_STATUS => self.status.into_bits(),
            Register::SLAVE_STATUS | Register::BLOCK_DATA => 0,
            Register::HOST_CONTROL => self.control.into_bits(),
            Register::HOST_COMMAND => self.command,
            Register::HOST_ADDRESS => self.address,
            Register::HOST_DATA_0 => self.data[0],
            Register::HOST_DATA_1 => self.data[1],
            _ => return Err(IoError::NoRegister),
        }))
    }

    pub(super) fn write(&mut self, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        let value = value as u8;
        match Register(offset) {
            Register::HOST_STATUS => {
                // The four results are cleared by ones; host_busy is never set here.
                self.status = SmbusHostStatus::from_bits(self.status.into_bits() & !value);
            }
            Register::HOST_CONTROL => {
                let written = SmbusHostControl::from_bits(value);
                self.control = written.with_start(false);
                if written.kill() {
                    self.status.set_failed(true);
                } else if written.start() {
                    self.status.set_device_error(true);
                }
            }
            Register::HOST_COMMAND => self.command = value,
            Register::HOST_ADDRESS => self.address = value,
            Register::HOST_DATA_0 => self.data[0] = value,
            Register::HOST_DATA_1 => self.data[1] = value,
            Register::SLAVE_STATUS | Register::BLOCK_DATA => {}
            _ => return Err(IoError::NoRegister),
        }
        Ok(())
    }

    pub(super) fn save(&self) -> SmbusHostV1 {
        let Self { status, control, command, address, data } = self;
        SmbusHostV1 {
            status: status.into_bits(),
            control: control.into_bits(),
            command: *command,
            address: *address,
            data: *data,
        }
    }

    pub(super) fn restore(&mut self, saved: SmbusHostV1) {
        let SmbusHostV1 { status, control, command, address, data } = saved;
        *self = Self {
            status: SmbusHostStatus::from_bits(status),
            control: SmbusHostControl::from_bits(control),
            command,
            address,
            data,
        };
    }
}

/// Saved [`SmbusHost`].
#[derive(Serialize, Deserialize)]
pub(super) struct SmbusHostV1 {
    status: u8,
    control: u8,
    command: u8,
    address: u8,
    data: [u8; 2],
}
