//! What a processor needs from the machine around it.

use bus::{PhysAddr, Port, Width};

/// What the run loop should do after the platform was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Level of the INTR line.
    pub intr: bool,
    /// A non-maskable interrupt has come since the last call.
    pub nmi: bool,
    /// Return to the caller of `run`: a deadline moved, the memory map changed, the machine was reset,
    /// a DMA transfer waits, ...
    pub stop: bool,
}

/// The local APIC, as CPUID shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalApic {
    /// There is none.
    Absent,
    /// There is one, and IA32_APIC_BASE has switched it off.
    Disabled,
    /// It is there.
    Enabled,
}

/// The machine, as the processor sees it. `count` is the exact number of instructions executed before the
/// one that makes the access; time follows from it.
pub trait Platform: std::any::Any {
    /// IN.
    fn port_read(&mut self, count: u64, port: Port, width: Width) -> u32;
    /// OUT.
    fn port_write(&mut self, count: u64, port: Port, width: Width, value: u32);
    /// A read outside RAM and ROM.
    fn mmio_read(&mut self, count: u64, addr: PhysAddr, width: Width) -> u32;
    /// A write outside RAM.
    fn mmio_write(&mut self, count: u64, addr: PhysAddr, width: Width, value: u32);
    /// True if something happened in the last access that the run loop must look at (`poll`).
    fn needs_attention(&mut self) -> bool;
    /// The state of the lines now.
    fn poll(&mut self, count: u64) -> Poll;
    /// Interrupt acknowledge cycle: the vector.
    fn acknowledge(&mut self, count: u64) -> u8;
    /// FERR#: an unmasked x87 exception has been met with CR0.NE clear, or is gone. Returns IGNNE#: the processor is to go on
    /// in spite of it.
    fn set_ferr(&mut self, count: u64, asserted: bool) -> bool;
    /// The time-stamp counter before the processor's own offset.
    fn tsc(&mut self, count: u64) -> u64;
    /// The processor's own offset has changed.
    fn set_tsc_offset(&mut self, _count: u64, _offset: u64) {}
    /// The local APIC is the platform's: whether it is there.
    fn local_apic(&mut self) -> LocalApic {
        LocalApic::Absent
    }
    /// RDMSR of a register that is not the processor's own; `None` if there is none, which is #GP(0).
    fn msr_read(&mut self, _count: u64, _number: u32) -> Option<u64> {
        None
    }
    /// WRMSR of such a register; `None` if there is none, or it does not take the value: nothing has changed then.
    fn msr_write(&mut self, _count: u64, _number: u32, _value: u64) -> Option<()> {
        None
    }
    /// A random number, if there are any.
    fn random(&mut self, count: u64) -> Option<u64>;
}

/// A machine without devices, for tests and the processor harness: reads float high, the time-stamp
/// counter counts instructions, and there are no random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBus;

impl Platform for EmptyBus {
    fn port_read(&mut self, _: u64, _: Port, width: Width) -> u32 {
        width.ones()
    }
    fn port_write(&mut self, _: u64, _: Port, _: Width, _: u32) {}
    fn mmio_read(&mut self, _: u64, _: PhysAddr, width: Width) -> u32 {
        width.ones()
    }
    fn mmio_write(&mut self, _: u64, _: PhysAddr, _: Width, _: u32) {}
    fn needs_attention(&mut self) -> bool {
        false
    }
    fn poll(&mut self, _: u64) -> Poll {
        Poll { intr: false, nmi: false, stop: false }
    }
    fn acknowledge(&mut self, _: u64) -> u8 {
        0
    }
    fn set_ferr(&mut self, _: u64, _: bool) -> bool {
        false
    }
    fn tsc(&mut self, count: u64) -> u64 {
        count
    }
    fn random(&mut self, _: u64) -> Option<u64> {
        None
    }
}
