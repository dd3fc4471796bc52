//! The board as the processor sees it.

use crate::board::{Apic, Board, port};
use crate::parts::PortTarget;
use bus::{IoError, IoResult, PhysAddr, Port, Width};
use cpu::{LocalApic, Platform, Poll};
use devices::local_apic::{Acknowledged, Message};
use host::entropy::Keyed;

impl Board {
    /// After a part was accessed: its timers, its wires, what it wants of the run loop.
    #[inline]
    fn after(&mut self, part: usize) {
        if self.parts.touched(part) || self.parts.part_wants_bus(part) {
            self.stop = true;
            self.attention = true;
        }
        self.sync_lines();
    }

    fn after_port(&mut self, part: usize) {
        if part == self.exit_index() {
            self.stop = true;
            self.attention = true;
        }
        self.after(part);
    }

    /// After a configuration write.
    fn after_config(&mut self, part: usize) {
        if self.parts.take_remapped(part) {
            self.parts.remap();
            // The screen's memory may have moved.
            self.map_changed = true;
            self.stop = true;
            self.attention = true;
        }
        if part == self.host_bridge.index() {
            let changed = self.parts.get_mut(self.host_bridge).take_changed();
            self.map_changed |= changed;
            self.stop |= changed;
            self.attention |= changed;
        }
        self.after(part);
    }

    fn is_pci_data(port: Port) -> bool {
        port.0 & !3 == port::PCI_DATA
    }

    fn read_once(&mut self, port: Port, width: Width) -> IoResult<u32> {
        if Self::is_pci_data(port) {
            let pci = std::mem::take(self.parts.get_mut(self.pci));
            let answer = pci.read_data(port.0 & 3, width, &mut self.parts);
            *self.parts.get_mut(self.pci) = pci;
            return answer;
        }
        match self.parts.target(port) {
            // Wide accesses to nobody may still reach somebody with their later bytes.
            PortTarget::None if width != Width::Byte => Err(IoError::BadWidth),
            PortTarget::None => Err(IoError::NoRegister),
            PortTarget::Part(part) => {
                let answer = self.parts.read_port(port, width);
                self.after_port(part);
                answer
            }
        }
    }

    fn write_once(&mut self, port: Port, width: Width, value: u32) -> IoResult<()> {
        if Self::is_pci_data(port) {
            let pci = std::mem::take(self.parts.get_mut(self.pci));
            let answer = pci.write_data(port.0 & 3, width, value, &mut self.parts);
            *self.parts.get_mut(self.pci) = pci;
            if let Some(part) = answer?.and_then(|at| self.parts.at_pci(at)) {
                self.after_config(part);
            }
            return Ok(());
        }
        match self.parts.target(port) {
            PortTarget::None if width != Width::Byte => Err(IoError::BadWidth),
            PortTarget::None => Err(IoError::NoRegister),
            PortTarget::Part(part) => {
                let answer = self.parts.write_port(port, width, value);
                self.after_port(part);
                answer
            }
        }
    }
}

impl Platform for Board {
    fn port_read(&mut self, count: u64, port: Port, width: Width) -> u32 {
        self.time.show(count);
        match self.read_once(port, width) {
            Ok(value) => value & width.ones(),
            Err(IoError::BadWidth) => (0..width.bytes()).fold(0, |value, n| {
                let byte = self.read_once(Port(port.0.wrapping_add(n as u16)), Width::Byte).unwrap_or(0xFF);
                value | (byte & 0xFF) << (8 * n)
            }),
            Err(IoError::NoRegister) => width.ones(),
        }
    }

    fn port_write(&mut self, count: u64, port: Port, width: Width, value: u32) {
        self.time.show(count);
        if let Err(IoError::BadWidth) = self.write_once(port, width, value & width.ones()) {
            for n in 0..width.bytes() {
                // Lost where nobody is: that is what the bus does.
                let _ = self.write_once(
                    Port(port.0.wrapping_add(n as u16)),
                    Width::Byte,
                    value >> (8 * n) & 0xFF,
                );
            }
        }
    }

    fn mmio_read(&mut self, count: u64, addr: PhysAddr, width: Width) -> u32 {
        self.time.show(count);
        let (part, answer) = self.parts.read_memory(addr, width);
        let value = match answer {
            Ok(value) => value & width.ones(),
            Err(IoError::NoRegister) => width.ones(),
            Err(IoError::BadWidth) => (0..width.bytes()).fold(0, |value, n| {
                let (_, byte) = self.parts.read_memory(addr.offset(n.into()), Width::Byte);
                value | (byte.unwrap_or(0xFF) & 0xFF) << (8 * n)
            }),
        };
        if let Some(part) = part.filter(|part| *part != self.vga.index()) {
            self.after(part);
        }
        value
    }

    fn mmio_write(&mut self, count: u64, addr: PhysAddr, width: Width, value: u32) {
        self.time.show(count);
        let (part, answer) = self.parts.write_memory(addr, width, value & width.ones());
        if let Err(IoError::BadWidth) = answer {
            for n in 0..width.bytes() {
                let _ = self.parts.write_memory(addr.offset(n.into()), Width::Byte, value >> (8 * n) & 0xFF);
            }
        }
        match part {
            Some(part) if part != self.vga.index() => self.after(part),
            None if width == Width::Dword && Message::is_address(addr.0) => self.message(addr, value),
            _ => {}
        }
    }

    #[inline]
    fn needs_attention(&mut self) -> bool {
        self.attention
    }

    fn poll(&mut self, count: u64) -> Poll {
        self.time.show(count);
        self.stop |= self.parts.fire(self.time.at(count));
        self.intr = self.sync_lines();
        self.attention = false;
        let nmi = self.apic.is_some_and(|apic| self.parts.get_mut(apic.local).take_nmi());
        Poll { intr: self.intr, nmi, stop: std::mem::take(&mut self.stop) }
    }

    fn acknowledge(&mut self, count: u64) -> u8 {
        self.time.show(count);
        match self.apic.map(|apic| self.parts.get_mut(apic.local).acknowledge()) {
            Some(Acknowledged::Vector(vector)) => vector,
            Some(Acknowledged::External) | None => self.parts.get_mut(self.pics).acknowledge(),
        }
    }

    fn set_ferr(&mut self, count: u64, asserted: bool) -> bool {
        self.time.show(count);
        let ignore = self.parts.get_mut(self.fpu_error).set_ferr(asserted);
        self.after(self.fpu_error.index());
        ignore
    }

    fn tsc(&mut self, count: u64) -> u64 {
        self.time.at(count).0
    }

    fn set_tsc_offset(&mut self, count: u64, offset: u64) {
        if let Some(Apic { local, .. }) = self.apic {
            self.time.show(count);
            self.parts.get_mut(local).set_tsc_offset(offset);
            self.after(local.index());
        }
    }

    fn local_apic(&mut self) -> LocalApic {
        match self.apic.map(|apic| self.parts.get(apic.local).enabled()) {
            Some(true) => LocalApic::Enabled,
            Some(false) => LocalApic::Disabled,
            None => LocalApic::Absent,
        }
    }

    fn msr_read(&mut self, count: u64, number: u32) -> Option<u64> {
        let Apic { local, .. } = self.apic?;
        self.time.show(count);
        let answer = self.parts.get_mut(local).msr_read(number);
        self.after(local.index());
        answer
    }

    fn msr_write(&mut self, count: u64, number: u32, value: u64) -> Option<()> {
        let Apic { local, .. } = self.apic?;
        self.time.show(count);
        let answer = self.parts.get_mut(local).msr_write(number, value);
        self.place_local_apic();
        self.after(local.index());
        answer
    }

    fn random(&mut self, _: u64) -> Option<u64> {
        self.random.as_mut().map(Keyed::next_u64)
    }
}
