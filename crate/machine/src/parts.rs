//! Where the parts sit: devices by name, and the maps from ports, addresses and PCI slots to them.
//!
//! A port access finds its device by one look into a table of 64 K bytes. What a device does not
//! answer, the bus decides here: an access at a width the register does not have is split into bytes, an
//! undecoded read floats high, an undecoded write is lost.

use bus::{Device, Dma, IoError, IoResult, PciFunction, PciWindow, PhysAddr, Port, Time, Width};
use devices::pci::{PciAddress, PciFunctions};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

/// A device that can be found again by its type.
pub(crate) trait Part: Device + Any {}
impl<T: Device + Any> Part for T {}

/// A part's place in the list, with its type.
pub(crate) struct Handle<T>(usize, PhantomData<fn() -> T>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Handle<T> {}
impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.0)
    }
}
impl<T> Handle<T> {
    /// The part's number in the list.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

struct Slot {
    name: &'static str,
    device: Box<dyn Part>,
    /// Has timers.
    timed: bool,
    /// Reads and writes RAM by itself.
    masters: bool,
    /// Asks the host for what it cannot go on without.
    asks: bool,
    deadline: Option<Time>,
    pci: Option<PciAddress>,
    windows: Vec<PciWindow>,
}

/// A range of ports that lead to a region of a part.
#[derive(Clone, Copy, Debug)]
struct PortRange {
    part: usize,
    region: usize,
    base: u16,
    len: u32,
}

/// A range of physical addresses that lead to a region of a part.
#[derive(Clone, Copy, Debug)]
struct MemoryRange {
    part: usize,
    region: usize,
    base: u64,
    len: u64,
}

/// Who answers at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortTarget {
    /// Nobody.
    None,
    /// The part of that number.
    Part(usize),
}

/// The parts and their places.
pub(crate) struct Parts {
    slots: Vec<Slot>,
    fixed_ports: Vec<PortRange>,
    fixed_memory: Vec<MemoryRange>,
    /// Fixed ranges and windows that the guest has placed; number 0 is nobody.
    ranges: Vec<PortRange>,
    ports: Box<[u8]>,
    memory: Vec<MemoryRange>,
    next: Option<Time>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.slots.iter().map(|slot| slot.name)).finish()
    }
}

const NOBODY: PortRange = PortRange { part: usize::MAX, region: 0, base: 0, len: 0 };

impl Parts {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            fixed_ports: Vec::new(),
            fixed_memory: Vec::new(),
            ranges: vec![NOBODY],
            ports: vec![0; 0x1_0000].into_boxed_slice(),
            memory: Vec::new(),
            next: None,
        }
    }

    /// Adds a part and says where its register regions lie in I/O space. Where two overlap, the later has the
    /// port.
    pub(crate) fn add<T: Device + Any, const N: usize>(
        &mut self,
        name: &'static str,
        device: T,
        places: [(&'static str, u16); N],
    ) -> Handle<T> {
        let part = self.slots.len();
        for (region_name, base) in places {
            let (region, len) = find_region(name, &device, region_name);
            self.fixed_ports.push(PortRange { part, region, base, len: len as u32 });
        }
        let mut device: Box<dyn Part> = Box::new(device);
        let (timed, masters) = (device.timer().is_some(), device.bus_master().is_some());
        let asks = device.host_wait().is_some();
        self.slots.push(Slot {
            name,
            device,
            timed,
            masters,
            asks,
            deadline: None,
            pci: None,
            windows: Vec::new(),
        });
        Handle(part, PhantomData)
    }

    /// Says where one of a part's regions lies in memory.
    pub(crate) fn place_in_memory<T: Device + Any>(
        &mut self,
        part: Handle<T>,
        region_name: &'static str,
        base: u64,
    ) {
        let slot = &self.slots[part.0];
        let (region, len) = find_region(slot.name, &*slot.device, region_name);
        self.fixed_memory.push(MemoryRange { part: part.0, region, base, len });
    }

    /// Has a region that was given a place in memory lie elsewhere, or nowhere.
    pub(crate) fn move_in_memory<T: Device + Any>(
        &mut self,
        part: Handle<T>,
        region_name: &'static str,
        base: Option<PhysAddr>,
    ) {
        self.fixed_memory.retain(|range| range.part != part.0);
        if let Some(PhysAddr(base)) = base {
            self.place_in_memory(part, region_name, base);
        }
        self.rebuild();
    }

    /// Says at which place of the PCI bus a part is.
    pub(crate) fn place_on_pci<T>(&mut self, part: Handle<T>, at: PciAddress) {
        self.slots[part.0].pci = Some(at);
    }

    /// A part, with its own type.
    pub(crate) fn get<T: Device + Any>(&self, part: Handle<T>) -> &T {
        let device: &dyn Any = &*self.slots[part.0].device;
        match device.downcast_ref() {
            Some(device) => device,
            None => unreachable!("a handle is only made with its part"),
        }
    }

    /// A part, with its own type.
    pub(crate) fn get_mut<T: Device + Any>(&mut self, part: Handle<T>) -> &mut T {
        let device: &mut dyn Any = &mut *self.slots[part.0].device;
        match device.downcast_mut() {
            Some(device) => device,
            None => unreachable!("a handle is only made with its part"),
        }
    }

    /// The parts with their names, in the order of the list.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &dyn Device)> {
        self.slots.iter().map(|slot| (slot.name, &*slot.device as &dyn Device))
    }

    /// The parts with their names, in the order of the list.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut dyn Device)> {
        self.slots.iter_mut().map(|slot| (slot.name, &mut *slot.device as &mut dyn Device))
    }

    // ---- the maps ----

    /// Looks where the guest has placed PCI windows, and makes the maps anew if that has changed.
    pub(crate) fn remap(&mut self) {
        let mut changed = self.ranges.len() == 1;
        for slot in &mut self.slots {
            if let Some(function) = slot.device.pci() {
                function.take_remapped();
                let windows = function.windows();
                changed |= windows != slot.windows;
                slot.windows = windows;
            }
        }
        if changed {
            self.rebuild();
        }
    }

    fn rebuild(&mut self) {
        let Self { slots, fixed_ports, fixed_memory, ranges, ports, memory, next: _ } = self;
        ranges.clear();
        ranges.push(NOBODY);
        memory.clear();
        memory.extend_from_slice(fixed_memory);
        for (part, slot) in slots.iter().enumerate() {
            let lens = slot.device.regions();
            let len = |region: usize| lens.get(region).map_or(0, |r| r.len);
            for window in &slot.windows {
                match *window {
                    PciWindow::Io { region, base: Port(base) } => {
                        ranges.push(PortRange { part, region, base, len: len(region) as u32 });
                    }
                    PciWindow::Memory { region, base: PhysAddr(base) } => {
                        memory.push(MemoryRange { part, region, base, len: len(region) });
                    }
                }
            }
        }
        // What is soldered comes last: it has its ports whatever a guest places there.
        ranges.extend_from_slice(fixed_ports);
        ports.fill(0);
        for (number, range) in ranges.iter().enumerate().skip(1).take(255) {
            let base = usize::from(range.base);
            let end = (base + range.len as usize).min(ports.len());
            ports[base..end].fill(number as u8);
        }
    }

    /// True if a part's PCI windows may have moved.
    pub(crate) fn take_remapped(&mut self, part: usize) -> bool {
        self.slots
            .get_mut(part)
            .and_then(|slot| slot.device.pci())
            .is_some_and(|function| function.take_remapped())
    }

    /// The part at a place of the PCI bus.
    pub(crate) fn at_pci(&self, at: PciAddress) -> Option<usize> {
        self.slots.iter().position(|slot| slot.pci == Some(at))
    }

    // ---- accesses ----

    #[inline]
    fn range(&self, port: Port) -> &PortRange {
        let number = self.ports.get(usize::from(port.0)).map_or(0, |n| usize::from(*n));
        self.ranges.get(number).unwrap_or(&NOBODY)
    }

    /// Who answers at a port.
    #[inline]
    pub(crate) fn target(&self, port: Port) -> PortTarget {
        match self.range(port).part {
            usize::MAX => PortTarget::None,
            part => PortTarget::Part(part),
        }
    }

    /// Reads a port; the part's answer.
    pub(crate) fn read_port(&mut self, port: Port, width: Width) -> IoResult<u32> {
        let PortRange { part, region, base, len } = *self.range(port);
        let offset = port.0.wrapping_sub(base);
        check_inside(u64::from(offset), width, u64::from(len))?;
        let device = self.slots.get_mut(part).and_then(|slot| slot.device.port_io());
        device.map_or(Err(IoError::NoRegister), |device| device.read(region, offset, width))
    }

    /// Writes a port.
    pub(crate) fn write_port(&mut self, port: Port, width: Width, value: u32) -> IoResult<()> {
        let PortRange { part, region, base, len } = *self.range(port);
        let offset = port.0.wrapping_sub(base);
        check_inside(u64::from(offset), width, u64::from(len))?;
        let device = self.slots.get_mut(part).and_then(|slot| slot.device.port_io());
        device.map_or(Err(IoError::NoRegister), |device| device.write(region, offset, width, value))
    }

    #[inline]
    fn memory_range(&self, addr: PhysAddr) -> Option<MemoryRange> {
        self.memory.iter().copied().find(|range| addr.0.wrapping_sub(range.base) < range.len)
    }

    /// Reads device memory. Also the part, so that its wires can be looked at.
    pub(crate) fn read_memory(&mut self, addr: PhysAddr, width: Width) -> (Option<usize>, IoResult<u32>) {
        let Some(MemoryRange { part, region, base, len }) = self.memory_range(addr) else {
            return (None, Err(IoError::NoRegister));
        };
        let offset = addr.0 - base;
        let answer = check_inside(offset, width, len).and_then(|()| {
            let device = self.slots.get_mut(part).and_then(|slot| slot.device.mmio());
            device.map_or(Err(IoError::NoRegister), |device| device.read(region, offset, width))
        });
        (Some(part), answer)
    }

    /// Writes device memory.
    pub(crate) fn write_memory(
        &mut self,
        addr: PhysAddr,
        width: Width,
        value: u32,
    ) -> (Option<usize>, IoResult<()>) {
        let Some(MemoryRange { part, region, base, len }) = self.memory_range(addr) else {
            return (None, Err(IoError::NoRegister));
        };
        let offset = addr.0 - base;
        let answer = check_inside(offset, width, len).and_then(|()| {
            let device = self.slots.get_mut(part).and_then(|slot| slot.device.mmio());
            device.map_or(Err(IoError::NoRegister), |device| device.write(region, offset, width, value))
        });
        (Some(part), answer)
    }

    // ---- timers ----

    /// When the next timer is due.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.next
    }

    /// Asks a part when it next has something to do, after it was touched. True if the next deadline of all has
    /// moved.
    #[inline]
    pub(crate) fn touched(&mut self, part: usize) -> bool {
        let Some(slot) = self.slots.get_mut(part) else { return false };
        if !slot.timed {
            return false;
        }
        let deadline = slot.device.timer().and_then(|timer| timer.deadline());
        if deadline == slot.deadline {
            return false;
        }
        slot.deadline = deadline;
        self.update_next()
    }

    fn update_next(&mut self) -> bool {
        let next = self.slots.iter().filter_map(|slot| slot.deadline).min();
        let moved = next != self.next;
        self.next = next;
        moved
    }

    /// Asks every part when it next has something to do.
    pub(crate) fn touched_all(&mut self) {
        for part in 0..self.slots.len() {
            self.touched(part);
        }
    }

    /// Lets every part do what is due. True if the next deadline has moved.
    pub(crate) fn fire(&mut self, now: Time) -> bool {
        if self.next.is_none_or(|next| next > now) {
            return false;
        }
        for slot in &mut self.slots {
            if slot.deadline.is_some_and(|deadline| deadline <= now)
                && let Some(timer) = slot.device.timer()
            {
                timer.fire(now);
                slot.deadline = timer.deadline();
            }
        }
        self.update_next()
    }
}

impl Parts {
    // ---- bus masters and the host ----

    /// Whether a part would move data now.
    pub(crate) fn wants_bus(&mut self) -> bool {
        let mut masters = self.slots.iter_mut().filter(|slot| slot.masters);
        masters.any(|slot| slot.device.bus_master().is_some_and(|master| master.wants_bus()))
    }

    /// Whether this part would.
    #[inline]
    pub(crate) fn part_wants_bus(&mut self, part: usize) -> bool {
        let slot = self.slots.get_mut(part).filter(|slot| slot.masters);
        slot.and_then(|slot| slot.device.bus_master()).is_some_and(|master| master.wants_bus())
    }

    /// Has the bus masters move what they can.
    pub(crate) fn run_masters(&mut self, ram: &mut dyn Dma) {
        for part in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(part).filter(|slot| slot.masters) else { continue };
            if let Some(master) = slot.device.bus_master().filter(|master| master.wants_bus()) {
                master.master(ram);
                self.touched(part);
            }
        }
    }

    /// Whether a part waits for its host.
    pub(crate) fn waits(&mut self) -> bool {
        let mut asking = self.slots.iter_mut().filter(|slot| slot.asks);
        asking.any(|slot| slot.device.host_wait().is_some_and(|wait| wait.waits()))
    }

    /// Gives parts that wait for their host what has come.
    pub(crate) fn answered(&mut self, now: Time) {
        for part in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(part).filter(|slot| slot.asks) else { continue };
            if let Some(wait) = slot.device.host_wait().filter(|wait| wait.waits()) {
                wait.answered(now);
                self.touched(part);
            }
        }
    }
}

impl PciFunctions for Parts {
    fn function(&mut self, at: PciAddress) -> Option<&mut dyn PciFunction> {
        self.slots.iter_mut().find(|slot| slot.pci == Some(at)).and_then(|slot| slot.device.pci())
    }
}

/// An access that runs out of its region is the bus's to split.
#[inline]
fn check_inside(offset: u64, width: Width, len: u64) -> IoResult<()> {
    let end = offset + u64::from(width.bytes());
    if end <= len {
        Ok(())
    } else if width == Width::Byte {
        Err(IoError::NoRegister)
    } else {
        Err(IoError::BadWidth)
    }
}

fn find_region(name: &str, device: &dyn Device, region_name: &str) -> (usize, u64) {
    let found = device.regions().iter().enumerate().find(|(_, region)| region.name == region_name);
    match found {
        Some((number, region)) => (number, region.len),
        None => unreachable!("the parts list gives a place to {name}.{region_name}, which does not exist"),
    }
}
