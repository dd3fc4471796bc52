//! Interrupt controllers: two 8259A, the second behind input 2 of the first.
//!
//! Intel 8259A data sheet (231468); the edge/level registers are those of the 82371AB (PIIX4) data sheet
//! (290562), ELCR1 and ELCR2. Section names in this file are the 8259A's.
//!
//! One type holds the pair, because the pair is what a PC has: the cascade bus between them carries the
//! number of the slave and is not visible elsewhere.
//!
//! What an input does. An edge-triggered input asks for service from its rise until it is acknowledged or
//! falls ("Edge and level triggered modes": the request must stay high until the acknowledge). A pulse
//! that came and went between two looks at the wires is kept. A level-triggered input asks as long as it
//! is high. The slave's output is seen by the master as a level, which is what an edge input makes of an
//! output that drops for a moment after each acknowledge.
//!
//! Not here: the 8080 mode (ICW4 bit 0 clear) answers with the 8086 vector all the same, since the
//! processor knows no other; ICW1's LTIM is ignored, as the PIIX4 does (ELCR replaces it).

use bitfield_struct::bitfield;
use bus::{Device, IoError, IoResult, PortIo, Region, Saved, Snapshot, SnapshotError, Width};
use serde::{Deserialize, Serialize};

// Registers.

/// "Initialization command words", ICW1; bit 4 tells it from OCW2 and OCW3.
#[bitfield(u8)]
struct Icw1 {
    /// ICW4 will follow.
    ic4: bool,
    /// A single 8259A: no ICW3.
    sngl: bool,
    /// Call address interval (8080 only).
    adi: bool,
    /// Level triggered.
    ltim: bool,
    one: bool,
    #[bits(3)]
    a7_a5: u8,
}

/// ICW4.
#[bitfield(u8)]
struct Icw4 {
    /// 8086 mode.
    upm: bool,
    /// Automatic end of interrupt.
    aeoi: bool,
    #[bits(2)]
    buffered: u8,
    /// Special fully nested mode.
    sfnm: bool,
    #[bits(3)]
    __: u8,
}

/// "Operation command words", OCW2.
#[bitfield(u8)]
struct Ocw2 {
    /// Which level a specific command means.
    #[bits(3)]
    level: u8,
    #[bits(2)]
    zero: u8,
    /// The command acts on an interrupt in service.
    eoi: bool,
    /// The command names a level.
    sl: bool,
    /// The command rotates priorities.
    rotate: bool,
}

/// OCW3; bit 3 tells it from OCW2.
#[bitfield(u8)]
struct Ocw3 {
    /// The next reads see the in-service register.
    ris: bool,
    /// `ris` counts.
    rr: bool,
    /// The next read is an acknowledge.
    poll: bool,
    one: bool,
    zero: bool,
    /// Special mask mode on.
    smm: bool,
    /// `smm` counts.
    esmm: bool,
    __: bool,
}

/// The answer to a poll ("Poll command").
#[bitfield(u8)]
struct PollWord {
    #[bits(3)]
    level: u8,
    #[bits(4)]
    __: u8,
    interrupt: bool,
}

/// Which initialization word the next write to the odd port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Ready,
    Icw2,
    Icw3,
    Icw4,
}

/// What a read of the even port sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ReadSelect {
    Irr,
    Isr,
}

/// The master's input at which the slave is.
const CASCADE: u8 = 2;
/// The input whose vector answers an acknowledge when nothing asks any more.
const SPURIOUS: u8 = 7;
/// Bits the ELCR has: timer, keyboard, cascade, clock and coprocessor are always edge-triggered.
const ELCR_MASK: [u8; 2] = [0xF8, 0xDE];

/// One 8259A.
#[derive(Clone, Debug)]
struct Pic {
    // Wires.
    levels: u8,
    edges: u8,
    elcr: u8,
    // Registers.
    imr: u8,
    isr: u8,
    vector_base: u8,
    icw1: Icw1,
    icw3: u8,
    icw4: Icw4,
    // Modes.
    stage: Stage,
    read_select: ReadSelect,
    poll: bool,
    special_mask: bool,
    rotate_on_aeoi: bool,
    lowest: u8,
}

impl Pic {
    const fn new() -> Self {
        Self {
            levels: 0,
            edges: 0,
            elcr: 0,
            imr: 0,
            isr: 0,
            vector_base: 0,
            icw1: Icw1::new(),
            icw3: 0,
            icw4: Icw4::new(),
            stage: Stage::Ready,
            read_select: ReadSelect::Irr,
            poll: false,
            special_mask: false,
            rotate_on_aeoi: false,
            lowest: 7,
        }
    }

    fn inputs(&mut self, levels: u8, rose: u8) {
        let fell = self.levels & !levels & !rose;
        self.edges = self.edges & !fell | rose;
        self.levels = levels;
    }

    /// The interrupt request register: latched edges, and levels as they are.
    fn irr(&self) -> u8 {
        self.edges & !self.elcr | self.levels & self.elcr
    }

    /// Priority of a level: 0 is the highest.
    fn priority(&self, level: u8) -> u8 {
        level.wrapping_sub(self.lowest).wrapping_sub(1) & 7
    }

    /// The highest-priority level in `set`.
    fn highest(&self, set: u8) -> Option<u8> {
        (0..8).map(|p| (self.lowest + 1 + p) & 7).find(|level| set >> level & 1 != 0)
    }

    /// The in-service levels that hold others back ("Special mask mode": not the masked ones).
    fn in_service(&self) -> u8 {
        if self.special_mask { self.isr & !self.imr } else { self.isr }
    }

    /// The level that would be acknowledged now. `slaves` are the inputs that have a slave.
    fn pending(&self, irr: u8, slaves: u8) -> Option<u8> {
        if self.stage != Stage::Ready {
            return None;
        }
        let level = self.highest(irr & !self.imr)?;
        let Some(serving) = self.highest(self.in_service()) else { return Some(level) };
        let nested = self.icw4.sfnm() && level == serving && slaves >> level & 1 != 0;
        (nested || self.priority(level) < self.priority(serving)).then_some(level)
    }

    /// Takes `level` into service.
    fn serve(&mut self, level: u8) {
        self.edges &= !(1 << level);
        if !self.icw4.aeoi() {
            self.isr |= 1 << level;
        } else if self.rotate_on_aeoi {
            self.lowest = level;
        }
    }

    fn write_command(&mut self, value: u8) {
        if Icw1::from_bits(value).one() {
            self.write_icw1(Icw1::from_bits(value));
        } else if Ocw3::from_bits(value).one() {
            self.write_ocw3(Ocw3::from_bits(value));
        } else {
            self.write_ocw2(Ocw2::from_bits(value));
        }
    }

    fn write_icw1(&mut self, icw1: Icw1) {
        // What is not named here survives: the wires' levels and the ELCR.
        let Self { levels, elcr, vector_base, icw3, .. } = *self;
        *self = Self { levels, elcr, vector_base, icw3, icw1, stage: Stage::Icw2, ..Self::new() };
    }

    fn write_ocw2(&mut self, ocw2: Ocw2) {
        let level = if ocw2.sl() { Some(ocw2.level()) } else { self.highest(self.in_service()) };
        match (ocw2.rotate(), ocw2.sl(), ocw2.eoi()) {
            // End of interrupt, with or without a level, with or without rotation.
            (rotate, _, true) => {
                if let Some(level) = level {
                    self.isr &= !(1 << level);
                    if rotate {
                        self.lowest = level;
                    }
                }
            }
            (rotate, false, false) => self.rotate_on_aeoi = rotate,
            (true, true, false) => self.lowest = ocw2.level(),
            (false, true, false) => {} // "No operation"
        }
    }

    fn write_ocw3(&mut self, ocw3: Ocw3) {
        if ocw3.esmm() {
            self.special_mask = ocw3.smm();
        }
        if ocw3.rr() {
            self.read_select = if ocw3.ris() { ReadSelect::Isr } else { ReadSelect::Irr };
        }
        self.poll = ocw3.poll();
    }

    fn write_data(&mut self, value: u8) {
        self.stage = match self.stage {
            Stage::Ready => {
                self.imr = value;
                Stage::Ready
            }
            Stage::Icw2 => {
                self.vector_base = value & 0xF8;
                match (self.icw1.sngl(), self.icw1.ic4()) {
                    (false, _) => Stage::Icw3,
                    (true, true) => Stage::Icw4,
                    (true, false) => Stage::Ready,
                }
            }
            Stage::Icw3 => {
                self.icw3 = value;
                if self.icw1.ic4() { Stage::Icw4 } else { Stage::Ready }
            }
            Stage::Icw4 => {
                self.icw4 = Icw4::from_bits(value);
                Stage::Ready
            }
        };
    }

    fn read(&mut self, data: bool, irr: u8, slaves: u8) -> u8 {
        if std::mem::take(&mut self.poll) {
            let Some(level) = self.pending(irr, slaves) else { return PollWord::new().into_bits() };
            self.serve(level);
            return PollWord::new().with_level(level).with_interrupt(true).into_bits();
        }
        match (data, self.read_select) {
            (true, _) => self.imr,
            (false, ReadSelect::Irr) => irr,
            (false, ReadSelect::Isr) => self.isr,
        }
    }
}

/// The pair of 8259A of a PC: inputs 0 to 7 at the master, 8 to 15 at the slave. Wire 2 does not exist.
#[derive(Debug)]
pub struct Pics {
    master: Pic,
    slave: Pic,
}

/// The regions, in the order of [`Device::regions`].
const REGIONS: [Region; 3] =
    [Region { name: "master", len: 2 }, Region { name: "slave", len: 2 }, Region { name: "elcr", len: 2 }];

impl Default for Pics {
    fn default() -> Self {
        Self::new()
    }
}

impl Pics {
    /// A pair that nobody has initialized.
    #[must_use]
    pub const fn new() -> Self {
        Self { master: Pic::new(), slave: Pic::new() }
    }

    /// The wires as they are now, and which of them rose since the last call (bit n: IRQ n).
    pub fn inputs(&mut self, levels: u16, rose: u16) {
        let [low, high] = levels.to_le_bytes();
        let [low_rose, high_rose] = rose.to_le_bytes();
        let cascade = !(1 << CASCADE);
        self.master.inputs(low & cascade, low_rose & cascade);
        self.slave.inputs(high, high_rose);
    }

    /// The INTR wire to the processor.
    #[must_use]
    pub fn intr(&self) -> bool {
        self.master.pending(self.master_irr(), self.slaves()).is_some()
    }

    /// The processor's interrupt acknowledge: takes the request into service and gives its vector. When
    /// the request is gone by now, it is level 7's, and nothing is in service ("spurious").
    pub fn acknowledge(&mut self) -> u8 {
        let slaves = self.slaves();
        let Some(level) = self.master.pending(self.master_irr(), slaves) else {
            return self.master.vector_base | SPURIOUS;
        };
        self.master.serve(level);
        if slaves >> level & 1 == 0 {
            return self.master.vector_base | level;
        }
        // The master puts the slave's number on the cascade bus; a slave of another number stays silent.
        if self.slave.icw3 & 7 != level {
            return 0xFF;
        }
        match self.slave.pending(self.slave.irr(), 0) {
            Some(level) => {
                self.slave.serve(level);
                self.slave.vector_base | level
            }
            None => self.slave.vector_base | SPURIOUS,
        }
    }

    /// The master's inputs at which it knows a slave.
    fn slaves(&self) -> u8 {
        if self.master.icw1.sngl() { 0 } else { self.master.icw3 & 1 << CASCADE }
    }

    fn master_irr(&self) -> u8 {
        let slave = self.slave.pending(self.slave.irr(), 0).is_some();
        self.master.irr() | u8::from(slave) << CASCADE
    }
}

impl Device for Pics {
    fn reset(&mut self) {
        let Self { master, slave } = self;
        for pic in [master, slave] {
            // The wires are not the chip's to reset.
            *pic = Pic { levels: pic.levels, ..Pic::new() };
        }
    }

    fn regions(&self) -> &'static [Region] {
        &REGIONS
    }

    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
}

impl PortIo for Pics {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        let value = match (region, offset) {
            (0, 0 | 1) => {
                let (irr, slaves) = (self.master_irr(), self.slaves());
                self.master.read(offset == 1, irr, slaves)
            }
            (1, 0 | 1) => {
                let irr = self.slave.irr();
                self.slave.read(offset == 1, irr, 0)
            }
            (2, 0) => self.master.elcr,
            (2, 1) => self.slave.elcr,
            _ => return Err(IoError::NoRegister),
        };
        Ok(value.into())
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        if width != Width::Byte {
            return Err(IoError::BadWidth);
        }
        let value = value as u8;
        match (region, offset) {
            (0, 0) => self.master.write_command(value),
            (0, 1) => self.master.write_data(value),
            (1, 0) => self.slave.write_command(value),
            (1, 1) => self.slave.write_data(value),
            (2, 0) => self.master.elcr = value & ELCR_MASK[0],
            (2, 1) => self.slave.elcr = value & ELCR_MASK[1],
            _ => return Err(IoError::NoRegister),
        }
        Ok(())
    }
}

// Snapshot.

#[derive(Serialize, Deserialize)]
struct PicV1 {
    levels: u8,
    edges: u8,
    elcr: u8,
    imr: u8,
    isr: u8,
    vector_base: u8,
    icw1: u8,
    icw3: u8,
    icw4: u8,
    stage: Stage,
    read_select: ReadSelect,
    poll: bool,
    special_mask: bool,
    rotate_on_aeoi: bool,
    lowest: u8,
}

#[derive(Serialize, Deserialize)]
struct PicsV1 {
    master: PicV1,
    slave: PicV1,
}

const PART: &str = "pics";

impl Pic {
    fn save(&self) -> PicV1 {
        let Self {
            levels,
            edges,
            elcr,
            imr,
            isr,
            vector_base,
            icw1,
            icw3,
            icw4,
            stage,
            read_select,
            poll,
            special_mask,
            rotate_on_aeoi,
            lowest,
        } = *self;
        PicV1 {
            levels,
            edges,
            elcr,
            imr,
            isr,
            vector_base,
            icw1: icw1.into_bits(),
            icw3,
            icw4: icw4.into_bits(),
            stage,
            read_select,
            poll,
            special_mask,
            rotate_on_aeoi,
            lowest,
        }
    }

    fn restored(saved: PicV1, elcr_mask: u8) -> Result<Self, SnapshotError> {
        let PicV1 {
            levels,
            edges,
            elcr,
            imr,
            isr,
            vector_base,
            icw1,
            icw3,
            icw4,
            stage,
            read_select,
            poll,
            special_mask,
            rotate_on_aeoi,
            lowest,
        } = saved;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        if lowest > 7 {
            return invalid("a priority above 7");
        }
        if vector_base & 7 != 0 || elcr & !elcr_mask != 0 {
            return invalid("bits set that do not exist");
        }
        Ok(Self {
            levels,
            edges,
            elcr,
            imr,
            isr,
            vector_base,
            icw1: Icw1::from_bits(icw1),
            icw3,
            icw4: Icw4::from_bits(icw4),
            stage,
            read_select,
            poll,
            special_mask,
            rotate_on_aeoi,
            lowest,
        })
    }
}

impl Snapshot for Pics {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { master, slave } = self;
        bus::encode(&PicsV1 { master: master.save(), slave: slave.save() })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let PicsV1 { master, slave } = bus::decode(PART, saved.bytes)?;
        let master = Pic::restored(master, ELCR_MASK[0])?;
        let slave = Pic::restored(slave, ELCR_MASK[1])?;
        *self = Self { master, slave };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, shake};

    const MASTER: usize = 0;
    const SLAVE: usize = 1;
    const ELCR: usize = 2;
    const EOI: u8 = 0x20;

    /// A pair as a PC's firmware sets it up: vectors 8 and 70h, nothing masked.
    fn ready(icw4: u8) -> Bench<Pics> {
        let mut bench = Bench::new(|_, _| Pics::new());
        for (region, base, icw3) in [(MASTER, 0x08, 1 << CASCADE), (SLAVE, 0x70, CASCADE)] {
            bench.write(region, 0, 0x11);
            bench.write(region, 1, base);
            bench.write(region, 1, icw3);
            bench.write(region, 1, icw4);
        }
        bench
    }

    /// The wires in `raise` go high, the others low.
    fn wires(bench: &mut Bench<Pics>, raise: u16) {
        let levels = u16::from_le_bytes([bench.device.master.levels, bench.device.slave.levels]);
        bench.device.inputs(raise, raise & !levels);
    }

    #[test]
    fn the_highest_priority_is_served_and_holds_lower_ones_back() {
        let mut bench = ready(1);
        wires(&mut bench, 1 << 4 | 1 << 1);
        assert_eq!(bench.device.acknowledge(), 0x09);
        assert!(!bench.device.intr());
        wires(&mut bench, 1 << 4 | 1 << 1 | 1);
        assert_eq!(bench.device.acknowledge(), 0x08);
        bench.write(MASTER, 0, EOI);
        assert!(!bench.device.intr());
        bench.write(MASTER, 0, EOI);
        assert_eq!(bench.device.acknowledge(), 0x0C);
        bench.write(MASTER, 0, EOI);
        assert!(!bench.device.intr(), "a level that stays is no new edge");
    }

    #[test]
    fn the_slave_answers_through_the_cascade() {
        let mut bench = ready(1);
        wires(&mut bench, 1 << 12);
        assert!(bench.device.intr());
        assert_eq!(bench.read(MASTER, 0), 1 << CASCADE);
        assert_eq!(bench.device.acknowledge(), 0x74);
        assert!(!bench.device.intr());
        wires(&mut bench, 1 << 12 | 1 << 8);
        assert!(!bench.device.intr(), "the master still serves input 2");
        bench.write(SLAVE, 0, EOI);
        bench.write(MASTER, 0, EOI);
        assert_eq!(bench.device.acknowledge(), 0x70);
    }

    #[test]
    fn special_fully_nested_mode_lets_the_slave_interrupt_itself() {
        let mut bench = ready(0x11);
        wires(&mut bench, 1 << 12);
        assert_eq!(bench.device.acknowledge(), 0x74);
        wires(&mut bench, 1 << 12 | 1 << 8 | 1 << 5);
        assert_eq!(bench.device.acknowledge(), 0x70);
        assert!(!bench.device.intr());
    }

    #[test]
    fn a_request_that_goes_away_is_spurious() {
        let mut bench = ready(1);
        wires(&mut bench, 1 << 3);
        assert!(bench.device.intr());
        wires(&mut bench, 0);
        assert!(!bench.device.intr());
        assert_eq!(bench.device.acknowledge(), 0x0F);
        bench.write(MASTER, 0, 0x0B);
        assert_eq!(bench.read(MASTER, 0), 0, "nothing is in service");
    }

    #[test]
    fn a_pulse_between_two_looks_is_kept() {
        let mut bench = ready(1);
        bench.device.inputs(0, 1 << 6);
        bench.device.inputs(0, 0);
        assert_eq!(bench.device.acknowledge(), 0x0E);
    }

    #[test]
    fn a_level_triggered_input_asks_until_it_falls() {
        let mut bench = ready(1);
        bench.write(ELCR, 1, 0xFF);
        assert_eq!(bench.read(ELCR, 1), 0xDE);
        wires(&mut bench, 1 << 11);
        for _ in 0..2 {
            assert_eq!(bench.device.acknowledge(), 0x73);
            bench.write(SLAVE, 0, EOI);
            bench.write(MASTER, 0, EOI);
        }
        wires(&mut bench, 0);
        assert!(!bench.device.intr());
    }

    #[test]
    fn masked_inputs_wait() {
        let mut bench = ready(1);
        bench.write(MASTER, 1, 0xFF);
        wires(&mut bench, 1 << 1);
        assert!(!bench.device.intr());
        assert_eq!(bench.read(MASTER, 0), 1 << 1);
        bench.write(MASTER, 1, 0xFD);
        assert_eq!(bench.read(MASTER, 1), 0xFD);
        assert_eq!(bench.device.acknowledge(), 0x09);
    }

    #[test]
    fn specific_end_of_interrupt_and_rotation() {
        let mut bench = ready(1);
        wires(&mut bench, 1 << 3);
        bench.device.acknowledge();
        wires(&mut bench, 1 << 3 | 1 << 1);
        bench.device.acknowledge();
        bench.write(MASTER, 0, 0x0B);
        assert_eq!(bench.read(MASTER, 0), 0b1010);
        bench.write(MASTER, 0, 0x63); // specific, level 3
        assert_eq!(bench.read(MASTER, 0), 0b0010);
        bench.write(MASTER, 0, 0xA0); // rotate on non-specific: 1 becomes the lowest
        wires(&mut bench, 0);
        wires(&mut bench, 0b11);
        bench.write(MASTER, 0, 0xC0); // set priority: 0 is the lowest
        assert_eq!(bench.device.acknowledge(), 0x09);
    }

    #[test]
    fn automatic_end_of_interrupt_rotates_if_asked() {
        let mut bench = ready(3);
        bench.write(MASTER, 0, 0x80);
        wires(&mut bench, 0b11);
        assert_eq!(bench.device.acknowledge(), 0x08);
        wires(&mut bench, 0b10);
        wires(&mut bench, 0b11);
        assert_eq!(bench.device.acknowledge(), 0x09);
        assert_eq!(bench.device.acknowledge(), 0x08);
        assert!(!bench.device.intr());
    }

    #[test]
    fn special_mask_mode_lets_lower_levels_through() {
        let mut bench = ready(1);
        wires(&mut bench, 1 << 1);
        bench.device.acknowledge();
        wires(&mut bench, 1 << 1 | 1 << 5);
        assert!(!bench.device.intr());
        bench.write(MASTER, 1, 1 << 1);
        bench.write(MASTER, 0, 0x68);
        assert_eq!(bench.device.acknowledge(), 0x0D);
        bench.write(MASTER, 0, EOI);
        bench.write(MASTER, 0, 0x0B);
        assert_eq!(bench.read(MASTER, 0), 1 << 1, "a masked level is not ended");
    }

    #[test]
    fn a_poll_is_an_acknowledge() {
        let mut bench = ready(1);
        bench.write(MASTER, 0, 0x0C);
        assert_eq!(bench.read(MASTER, 0), 0);
        wires(&mut bench, 1 << 6);
        bench.write(MASTER, 0, 0x0C);
        assert_eq!(bench.read(MASTER, 1), 0x86);
        assert!(!bench.device.intr());
        assert_eq!(bench.read(MASTER, 1), 0, "the mask again");
    }

    #[test]
    fn initialization_forgets_edges_and_mask() {
        let mut bench = ready(1);
        bench.write(MASTER, 1, 0xF0);
        wires(&mut bench, 1);
        bench.write(MASTER, 0, 0x11);
        assert!(!bench.device.intr());
        for word in [0x20, 4, 1] {
            bench.write(MASTER, 1, word);
        }
        assert_eq!(bench.read(MASTER, 1), 0);
        assert!(!bench.device.intr());
        wires(&mut bench, 0);
        wires(&mut bench, 1);
        assert_eq!(bench.device.acknowledge(), 0x20);
    }

    #[test]
    fn survives_anything() {
        shake(
            |_, _| Pics::new(),
            |pics, random| {
                let what = random.next_u64();
                if what & 1 != 0 {
                    pics.acknowledge();
                } else {
                    pics.inputs((what >> 8) as u16, (what >> 32) as u16);
                }
            },
        );
    }
}
