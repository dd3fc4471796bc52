//! A function's configuration space: the standard header, which bits can be written, and the base
//! address registers with their sizing.
//!
//! Every function builds one with `new` and the `with_` methods and forwards its configuration accesses
//! here. What a bit does on a write is data (a mask per kind), so that the header exists once. Sizing
//! needs no code of its own: the low bits of a base address register cannot be written, so that a guest
//! that writes all ones reads back the size (PCI 2.1, section 6.2.5.1).

use super::spec::{Command, HeaderType, InterruptPin, Status, header};
use bus::{PciWindow, PhysAddr, Port};
use serde::{Deserialize, Serialize};

const SIZE: usize = 256;

/// What a function says it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub vendor: u16,
    pub device: u16,
    pub revision: u8,
    /// Base class, subclass, programming interface.
    pub class: (u8, u8, u8),
    pub subsystem_vendor: u16,
    pub subsystem: u16,
}

#[derive(Clone, Copy, Debug)]
enum Bar {
    Io { region: usize, len: u32 },
    Memory { region: usize },
}

/// 256 bytes of configuration space.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    // Parts: what the function is, fixed once built.
    power_on: [u8; SIZE],
    writable: [u8; SIZE],
    clears: [u8; SIZE],
    bars: [Option<Bar>; 6],
    // State.
    bytes: [u8; SIZE],
    remapped: bool,
}

impl ConfigSpace {
    /// The header of a function with no registers of its own yet: the command register's space and
    /// master enables, the cache line size's neighbours and the interrupt line can be written, the
    /// status register's error bits are cleared by writing ones.
    #[must_use]
    pub fn new(id: Identity) -> Self {
        let (base, sub, interface) = id.class;
        Self {
            power_on: [0; SIZE],
            writable: [0; SIZE],
            clears: [0; SIZE],
            bars: [None; 6],
            bytes: [0; SIZE],
            remapped: true,
        }
        .with_value(header::VENDOR_ID, u32::from(id.vendor) | u32::from(id.device) << 16)
        .with_value(header::REVISION_ID, u32::from_le_bytes([id.revision, interface, sub, base]))
        .with_value(
            header::SUBSYSTEM_VENDOR_ID,
            u32::from(id.subsystem_vendor) | u32::from(id.subsystem) << 16,
        )
        .with_writable(
            header::COMMAND,
            u32::from(
                Command::new().with_io_space(true).with_memory_space(true).with_bus_master(true).into_bits(),
            ),
        )
        .with_cleared_by_ones(
            header::STATUS,
            u32::from(
                Status::new()
                    .with_data_parity_detected(true)
                    .with_signaled_target_abort(true)
                    .with_received_target_abort(true)
                    .with_received_master_abort(true)
                    .with_signaled_system_error(true)
                    .with_detected_parity_error(true)
                    .into_bits(),
            ),
        )
        .with_writable(header::LATENCY_TIMER, 0xF8)
    }

    /// Bits that are set after power-on, counted from the byte at `offset`.
    #[must_use]
    pub fn with_value(mut self, offset: u8, bits: u32) -> Self {
        each_byte(&mut self.power_on, offset, bits, |byte, bits| *byte |= bits);
        self.bytes = self.power_on;
        self
    }

    /// Bits that the guest can write.
    #[must_use]
    pub fn with_writable(mut self, offset: u8, bits: u32) -> Self {
        each_byte(&mut self.writable, offset, bits, |byte, bits| *byte |= bits);
        self
    }

    /// Bits that the guest clears by writing ones.
    #[must_use]
    pub fn with_cleared_by_ones(mut self, offset: u8, bits: u32) -> Self {
        each_byte(&mut self.clears, offset, bits, |byte, bits| *byte |= bits);
        self
    }

    /// This is function 0 of a device with several.
    #[must_use]
    pub fn multi_function(self) -> Self {
        self.with_value(
            header::HEADER_TYPE,
            u32::from(HeaderType::new().with_multi_function(true).into_bits()),
        )
    }

    /// The function raises an interrupt on `pin`; the line register can be written.
    #[must_use]
    pub fn with_interrupt(self, pin: InterruptPin) -> Self {
        self.with_value(header::INTERRUPT_PIN, pin as u32).with_writable(header::INTERRUPT_LINE, 0xFF)
    }

    /// Base address register `index` (0 to 5) places the device's `region` in I/O space; `len` is a
    /// power of two from 4.
    #[must_use]
    pub fn with_io_bar(self, index: u8, region: usize, len: u32) -> Self {
        let len = len.next_power_of_two().max(4);
        self.with_bar(index, Bar::Io { region, len }, 1, len)
    }

    /// Base address register `index` places the device's `region` in the first 4 GB of memory; `len`
    /// is a power of two from 16.
    #[must_use]
    pub fn with_memory_bar(self, index: u8, region: usize, len: u32, prefetchable: bool) -> Self {
        let len = len.next_power_of_two().max(16);
        self.with_bar(index, Bar::Memory { region }, u32::from(prefetchable) << 3, len)
    }

    fn with_bar(mut self, index: u8, bar: Bar, kind: u32, len: u32) -> Self {
        if let Some(slot) = self.bars.get_mut(usize::from(index)) {
            *slot = Some(bar);
            let offset = header::BASE_ADDRESS_0 + 4 * index;
            return self.with_value(offset, kind).with_writable(offset, !(len - 1));
        }
        self
    }

    /// Back to the values after power-on.
    pub fn reset(&mut self) {
        let Self { power_on, writable: _, clears: _, bars: _, bytes, remapped } = self;
        *bytes = *power_on;
        *remapped = true;
    }

    /// The dword at `offset`, rounded down to a multiple of four.
    #[must_use]
    pub fn read(&self, offset: u8) -> u32 {
        (0..4).rev().fold(0, |value, n| value << 8 | u32::from(self.byte(offset & !3 | n)))
    }

    /// A guest's write to the bits of the dword at `offset` that are set in `mask`.
    pub fn write(&mut self, offset: u8, value: u32, mask: u32) {
        let (value, mask) = (value.to_le_bytes(), mask.to_le_bytes());
        for (n, (value, mask)) in (0u8..).zip(value.into_iter().zip(mask)) {
            let at = usize::from(offset & !3 | n);
            let (writable, clears) = (self.writable[at] & mask, self.clears[at] & mask);
            self.bytes[at] = (self.bytes[at] & !writable | value & writable) & !(value & clears);
        }
        let offset = offset & !3;
        let bars = header::BASE_ADDRESS_0..header::BASE_ADDRESS_0 + 24;
        if offset == header::COMMAND || bars.contains(&offset) {
            self.remapped = true;
        }
    }

    /// The byte at `offset`.
    #[must_use]
    pub fn byte(&self, offset: u8) -> u8 {
        self.bytes[usize::from(offset)]
    }

    /// Sets the byte at `offset`, as the function itself does.
    pub fn set_byte(&mut self, offset: u8, value: u8) {
        self.bytes[usize::from(offset)] = value;
    }

    /// The command register.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::from_bits(u16::from_le_bytes([self.byte(header::COMMAND), self.byte(header::COMMAND + 1)]))
    }

    /// The regions behind base address registers that are placed and switched on. A register at zero
    /// or, in I/O space, beyond port FFFFh is not placed.
    #[must_use]
    pub fn windows(&self) -> Vec<PciWindow> {
        let command = self.command();
        let mut windows = Vec::new();
        for (index, bar) in (0u8..).zip(&self.bars) {
            let value = self.read(header::BASE_ADDRESS_0 + 4 * index);
            match *bar {
                Some(Bar::Io { region, len }) if command.io_space() => {
                    let base = value & !3;
                    if let Ok(port) = u16::try_from(base)
                        && port != 0
                        && base + len <= 0x1_0000
                    {
                        windows.push(PciWindow::Io { region, base: Port(port) });
                    }
                }
                Some(Bar::Memory { region }) if command.memory_space() && value & !0xF != 0 => {
                    windows.push(PciWindow::Memory { region, base: PhysAddr(u64::from(value & !0xF)) });
                }
                _ => {}
            }
        }
        windows
    }

    /// True once after a write that may have changed [`Self::windows`].
    pub fn take_remapped(&mut self) -> bool {
        std::mem::take(&mut self.remapped)
    }

    /// For a function with placement registers of its own.
    pub fn mark_remapped(&mut self) {
        self.remapped = true;
    }

    /// The saved form.
    #[must_use]
    pub fn save(&self) -> ConfigSpaceV1 {
        let Self { power_on: _, writable: _, clears: _, bars: _, bytes, remapped: _ } = self;
        ConfigSpaceV1 { bytes: bytes.to_vec() }
    }

    /// Takes over a saved form; bits that no write can change must be those of this function.
    ///
    /// # Errors
    /// The reason, in words; nothing has changed then.
    pub fn restore(&mut self, saved: &ConfigSpaceV1) -> Result<(), &'static str> {
        let ConfigSpaceV1 { bytes } = saved;
        let saved: [u8; SIZE] =
            bytes.as_slice().try_into().map_err(|_| "the configuration space is not 256 bytes")?;
        let Self { power_on, writable, clears, bars: _, bytes, remapped } = self;
        let fixed = |at: usize| !(writable[at] | clears[at]);
        if (0..SIZE).any(|at| (saved[at] ^ power_on[at]) & fixed(at) != 0) {
            return Err("the configuration space is that of another function");
        }
        *bytes = saved;
        *remapped = true;
        Ok(())
    }
}

/// Applies `change` to up to four bytes from `offset`, each with its bits.
fn each_byte(bytes: &mut [u8; SIZE], offset: u8, bits: u32, change: impl Fn(&mut u8, u8)) {
    for (byte, bits) in bytes.iter_mut().skip(usize::from(offset)).zip(bits.to_le_bytes()) {
        change(byte, bits);
    }
}

/// Saved [`ConfigSpace`], a part of each function's own saved type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigSpaceV1 {
    bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> ConfigSpace {
        let id = Identity {
            vendor: 0x1234,
            device: 0x5678,
            revision: 3,
            class: (2, 0, 1),
            subsystem_vendor: 0x1AF4,
            subsystem: 0x1100,
        };
        ConfigSpace::new(id)
            .with_io_bar(0, 4, 32)
            .with_memory_bar(1, 5, 0x1000, false)
            .with_interrupt(InterruptPin::A)
    }

    #[test]
    fn the_header_says_who_it_is() {
        let space = space();
        assert_eq!(space.read(0), 0x5678_1234);
        assert_eq!(space.read(8), 0x0200_0103);
        assert_eq!(space.read(0x2C), 0x1100_1AF4);
        assert_eq!(space.read(0x3C), 0x0000_0100);
    }

    #[test]
    fn all_ones_read_back_as_the_size() {
        let mut space = space();
        space.write(0x10, !0, !0);
        space.write(0x14, !0, !0);
        space.write(0x18, !0, !0);
        assert_eq!(space.read(0x10), 0xFFFF_FFE1);
        assert_eq!(space.read(0x14), 0xFFFF_F000);
        assert_eq!(space.read(0x18), 0);
    }

    #[test]
    fn windows_follow_base_and_command() {
        let mut space = space();
        assert!(space.take_remapped());
        space.write(0x10, 0xC000, !0);
        space.write(0x14, 0xFEB0_0000, !0);
        assert_eq!(space.windows(), []);
        space.write(4, 3, 0xFFFF);
        assert!(space.take_remapped());
        assert!(!space.take_remapped());
        let io = PciWindow::Io { region: 4, base: Port(0xC000) };
        let memory = PciWindow::Memory { region: 5, base: PhysAddr(0xFEB0_0000) };
        assert_eq!(space.windows(), [io, memory]);
        space.write(0x10, 0x1_0000, !0);
        assert_eq!(space.windows(), [memory]);
    }

    #[test]
    fn only_masked_bytes_are_written() {
        let mut space = space();
        space.write(0x3C, 0x0B0B_0B0B, 0x0000_00FF);
        assert_eq!(space.read(0x3C), 0x0000_010B);
        space.write(0x3C, 0, 0xFFFF_FF00);
        assert_eq!(space.read(0x3C), 0x0000_010B);
    }

    #[test]
    fn a_saved_space_of_another_function_is_refused() {
        let mut space = space();
        space.write(0x10, 0xC000, !0);
        let saved = space.save();
        space.reset();
        assert_eq!(space.restore(&saved), Ok(()));
        assert_eq!(space.read(0x10), 0xC001);
        let mut other = saved.clone();
        other.bytes[0] ^= 1;
        assert!(space.restore(&other).is_err());
        assert!(space.restore(&ConfigSpaceV1 { bytes: vec![0; 255] }).is_err());
    }
}
