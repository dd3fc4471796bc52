//! A whole machine whose guest is the input: code at 1 MB with all ports and devices around it.

use host_answer::answer;
use machine::{ClockMode, Config, DriveConfig, DriveName, Machine, Outcome};

/// A multiboot kernel with its addresses in the header, entered behind it.
fn kernel(code: &[u8]) -> Vec<u8> {
    let (magic, flags, at) = (0x1BAD_B002u32, 0x1_0000u32, 0x10_0000u32);
    let words = [magic, flags, 0u32.wrapping_sub(magic.wrapping_add(flags)), at, at, 0, 0, at + 32];
    let mut image: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    image.extend(code);
    image
}

/// Runs the input for a few slices.
pub fn machine(data: &[u8]) {
    let drive =
        |name, sectors, cdrom| DriveConfig { name, cdrom, sectors, read_only: false, write_through: false };
    let config = Config {
        memory_mb: 4,
        clock: ClockMode::Counted,
        reboot: false,
        drives: vec![
            drive(DriveName::Hda, Some(5000), false),
            drive(DriveName::Hdc, Some(4000), true),
            drive(DriveName::Fda, Some(2880), false),
        ],
        max_instructions: Some(30_000),
        ..Config::default()
    };
    let Ok(mut machine) = Machine::new(config) else { return };
    if machine.load_multiboot(kernel(data), "", Vec::new()).is_err() {
        return;
    }
    for n in 0..8 {
        let outcome = machine.run(n * 1_000_000, 1_000_000);
        for (drive, request) in machine.disk_requests() {
            machine.answer_disk(drive, answer(request));
        }
        if !matches!(outcome, Outcome::Time | Outcome::Idle) {
            break;
        }
    }
}

/// What a host answers.
mod host_answer {
    use host::block::{BlockError, Completion, Operation, Request, SECTOR};

    pub(super) fn answer(request: Request) -> Completion {
        let result = match request.operation {
            Operation::Read { first, .. } if first % 5 == 4 => Err(BlockError::Failed),
            Operation::Read { sectors, .. } => Ok(vec![0xA5; sectors as usize * SECTOR]),
            Operation::Write { .. } | Operation::Flush => Ok(Vec::new()),
        };
        Completion { id: request.id, result }
    }
}
