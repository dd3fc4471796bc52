//! Random accesses, commands, answers, media and memory.

use super::*;
use crate::testing::shake;
use host::entropy::Seeded;

/// Sectors of the media.
const SECTORS: usize = 64;

/// A disk whose host answers only now and then, by the clock: whoever asks at the same time gets the same.
struct Moody {
    inner: block::Memory,
    clock: Clock,
    answers: VecDeque<Completion>,
}

impl Moody {
    fn over(inner: &block::Memory, clock: Clock) -> Box<dyn Block> {
        Box::new(Self { inner: inner.clone(), clock, answers: VecDeque::new() })
    }
}

impl Block for Moody {
    fn medium(&self) -> Option<Medium> {
        self.inner.medium()
    }

    fn submit(&mut self, request: Request) {
        let error = match &request.operation {
            block::Operation::Read { first, .. } => first % 7 == 3,
            block::Operation::Write { first, .. } => first % 5 == 2,
            block::Operation::Flush => false,
        };
        if error {
            let errors =
                [BlockError::Failed, BlockError::ReadOnly, BlockError::OutOfRange, BlockError::NoMedium];
            let result = match &request.operation {
                block::Operation::Read { first, .. } if first % 4 == 0 => Ok(vec![1; 5]),
                block::Operation::Read { first, .. } | block::Operation::Write { first, .. } => {
                    Err(errors[*first as usize % 4])
                }
                block::Operation::Flush => Ok(vec![]),
            };
            return self.answers.push_back(Completion { id: request.id, result });
        }
        self.inner.submit(request);
        self.answers.extend(self.inner.poll());
    }

    fn poll(&mut self) -> Option<Completion> {
        if self.clock.now().0 >> 17 & 3 == 0 { None } else { self.answers.pop_front() }
    }
}

/// Memory that makes up its contents from the address, with holes.
struct Invented<'a>(&'a mut Seeded);

impl Dma for Invented<'_> {
    fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
        match self.0.next_u64() & 31 {
            0 => return Err(DmaError::NoMemory),
            1 => return Err(DmaError::NotHere),
            _ => {}
        }
        for (n, byte) in into.iter_mut().enumerate() {
            *byte = ((from.0 + n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as u8;
        }
        Ok(())
    }

    fn write(&mut self, _: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
        assert!(!data.is_empty());
        match self.0.next_u64() & 31 {
            0 => Err(DmaError::NoMemory),
            1 => Err(DmaError::NotHere),
            _ => Ok(()),
        }
    }
}

const COMMANDS: [u8; 40] = [
    0x00, 0x08, 0x10, 0x20, 0x24, 0x25, 0x27, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42, 0x70, 0x90, 0x91,
    0xA0, 0xA0, 0xA0, 0xA0, 0xA1, 0xB0, 0xC4, 0xC5, 0xC6, 0xC8, 0xC8, 0xCA, 0xE0, 0xE1, 0xE2, 0xE3, 0xE5,
    0xE6, 0xE7, 0xEA, 0xEC, 0xEF, 0xF8,
];

const PACKETS: [u8; 20] = [
    0x00, 0x03, 0x12, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x28, 0x2B, 0x42, 0x43, 0x46, 0x4A, 0x4E, 0x51, 0x5A,
    0xA8, 0xBD, 0xBE,
];

fn pick<const N: usize>(random: &mut Seeded, from: [u8; N]) -> u8 {
    from[random.next_u64() as usize % N]
}

/// A command with parameters that often make sense.
fn issue(ide: &mut Piix4Ide, random: &mut Seeded) {
    let command = pick(random, COMMANDS);
    let channel = if command == 0xA0 { 2 } else { random.next_u64() as usize & 2 };
    let lba = random.next_u64() as u8 & 0x3F;
    // Packets are for the drive that is there.
    let device = if command == 0xA0 { 0xA0 } else { 0xA0 | random.next_u64() as u8 & 0x51 };
    let count = random.next_u64() as u8 & 0xF;
    // The byte count limit of a packet; other commands are to find their sectors.
    let mid = if command == 0xA0 { random.next_u64() as u8 & 0x83 } else { 0 };
    let features = random.next_u64() as u8 & if command == 0xA0 { 1 } else { 3 };
    for (register, value) in [
        (6, device),
        (1, features),
        (2, 0),
        (2, count),
        (3, 0),
        (3, lba),
        (4, 0),
        (4, mid),
        (5, mid),
        (7, command),
    ] {
        let _ = ide.write(channel, register, Width::Byte, value.into());
    }
    if command == 0xA0 {
        let code = pick(random, PACKETS);
        let (second, third) = if code == 0x28 {
            (0, 0)
        } else {
            (random.next_u64() as u8 & 0x2A, 0x10 | random.next_u64() as u8 & 3)
        };
        let packet = [code, features, second, 0, third, lba & 0xF, 0, 0, count, 0x10, 0, 0];
        for pair in packet.chunks(2) {
            let value = u32::from(u16::from_le_bytes([pair[0], pair[1]]));
            let _ = ide.write(channel, 0, Width::Word, value);
        }
    }
}

/// A stretch of a driver's work, with mistakes.
fn outside(ide: &mut Piix4Ide, random: &mut Seeded, media: &[block::Memory; 2]) {
    let what = random.next_u64();
    // Random accesses have likely switched it off, or hold it in reset.
    if what & 3 != 0 {
        ide.assign(BASE);
    }
    for channel in [1, 3] {
        if what >> channel & 4 != 0 {
            let _ = ide.write(channel, 0, Width::Byte, 0);
        }
    }
    for _ in 0..what >> 8 & 0x1F {
        act(ide, random, media);
    }
}

fn act(ide: &mut Piix4Ide, random: &mut Seeded, media: &[block::Memory; 2]) {
    let what = random.next_u64();
    let clock = ide.primary.drive(false).expect("a disk").front.clock.clone();
    let channel = (what >> 16) as usize & 2;
    let place = Place { cable: Cable::Secondary, second: what >> 20 & 15 == 0 };
    match what & 15 {
        0..=3 => issue(ide, random),
        4..=6 => {
            if ide.waits() {
                ide.answered(clock.now());
            }
            if ide.deadline().is_some_and(|due| due <= clock.now()) {
                ide.fire(clock.now());
            }
        }
        7..=8 => {
            let offset = (channel * 4) as u16;
            for value in [0, (what >> 24) as u8 & 8, (what >> 24) as u8 & 8 | 1] {
                let _ = ide.write(BUS_MASTER, offset, Width::Byte, value.into());
            }
        }
        9..=10 => {
            if ide.wants_bus() {
                ide.master(&mut Invented(random));
            }
        }
        11..=14 => {
            for _ in 0..what >> 32 & 0x7FF {
                if what >> 8 & 1 == 0 {
                    let _ = ide.read(channel, 0, Width::Dword);
                } else {
                    let _ = ide.write(channel, 0, Width::Word, what as u32 >> 8);
                }
            }
        }
        _ => match what >> 24 & 63 {
            0 => drop(ide.press_eject(place)),
            1 => drop(ide.eject(place)),
            2..=6 => drop(ide.insert(place, Moody::over(&media[1], clock))),
            _ => {}
        },
    }
}

#[test]
fn random_accesses_do_no_harm() {
    let media = [block::Memory::new(pattern(SECTORS), false), block::Memory::new(pattern(SECTORS), true)];
    let [disk, disc] = &media;
    shake(
        |control, lines| {
            let moody = |inner| Moody::over(inner, control.clock());
            let primary = [Attached::Disk(moody(disk)), Attached::Disk(moody(disc))];
            make(control, lines, [primary, [Attached::CdRom(Some(moody(disc))), Attached::Nothing]])
        },
        |ide, random| outside(ide, random, &media),
    );
}
