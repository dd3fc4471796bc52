//! Interrupt messages: what I/O APICs and devices send to local APICs over the system bus.

use super::spec::DeliveryMode;
use bitfield_struct::bitfield;

/// An interrupt message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which local APICs are meant; FFh is all of them.
    pub destination: u8,
    /// The destination is a logical one.
    pub logical: bool,
    /// What is to happen there.
    pub mode: DeliveryMode,
    /// The vector, for the modes that have one.
    pub vector: u8,
    /// A level: its end is to be told to the I/O APICs.
    pub level: bool,
}

/// Figure 10-24, "Layout of the MSI message address register".
#[bitfield(u32)]
struct MessageAddress {
    #[bits(2)]
    __: u8,
    logical: bool,
    /// Redirection hint: with one processor there is nothing to redirect to.
    redirect: bool,
    __: u8,
    destination: u8,
    #[bits(12)]
    window: u16,
}

/// Figure 10-25, "Layout of the MSI message data register".
#[bitfield(u32)]
struct MessageData {
    vector: u8,
    #[bits(3)]
    mode: u8,
    #[bits(3)]
    __: u8,
    assert: bool,
    level: bool,
    __: u16,
}

/// Bits 20 to 31 of the addresses that are messages.
const WINDOW: u16 = 0xFEE;

impl Message {
    /// Whether a write to this address is an interrupt message (section 10.11.1).
    #[must_use]
    pub const fn is_address(address: u64) -> bool {
        address >> 20 == WINDOW as u64
    }

    /// The message that a write of `data` to `address` is (sections 10.11.1 and 10.11.2). `None` if it is none, or says that a
    /// level has ended, which nobody acts on.
    #[must_use]
    pub fn of_write(address: u64, data: u32) -> Option<Self> {
        if !Self::is_address(address) {
            return None;
        }
        let (address, data) = (MessageAddress::from_bits(address as u32), MessageData::from_bits(data));
        (!data.level() || data.assert()).then(|| Self {
            destination: address.destination(),
            logical: address.logical(),
            mode: DeliveryMode(data.mode()),
            vector: data.vector(),
            level: data.level(),
        })
    }
}
