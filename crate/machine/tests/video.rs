//! Pictures in every video mode: the floppy of `tests/guests/video.asm` with Debian's SeaBIOS, against the table of hashes that
//! `tests/boot/video/reference.mjs` computes. The same floppy and table are used in Node and in a browser.
//!
//! Needs nasm and the Debian package seabios, which `./build.sh` installs.

use host::block::{BlockError, Completion, Operation, Request};
use machine::{ClockMode, Config, DriveConfig, DriveName, Machine, Outcome, Screen};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const SLICE_NS: u64 = 4_000_000;
/// So long a picture may take to come: blinking takes half a second.
const PATIENCE_NS: u64 = 1_200_000_000;

/// A line of the table.
struct Expected<'a> {
    name: &'a str,
    size: (u32, u32),
    /// Two for what blinks.
    hashes: BTreeSet<&'a str>,
}

fn table(text: &str) -> impl Iterator<Item = Expected<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("the table's line is too short: {line}"));
        let (name, width, height) = (word(), word(), word());
        let size = [width, height].map(|side| side.parse().expect("a size in the table"));
        Expected { name, size: size.into(), hashes: words.collect() }
    })
}

/// As `hashOf` in `reference.mjs`.
fn hash(screen: &Screen) -> String {
    let (mut a, mut b) = (0x811C_9DC5u32, 0x9E37_79B1u32);
    for pixel in screen.rgba().as_chunks::<4>().0 {
        let pixel = u32::from_le_bytes(*pixel);
        a = (a ^ pixel).wrapping_mul(0x0100_0193);
        b = (b ^ pixel).wrapping_mul(0x85EB_CA6B);
        b ^= b >> 13;
    }
    format!("{a:08x}{b:08x}")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e} (./build.sh setup installs what is missing)"))
}

fn floppy() -> Vec<u8> {
    let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/");
    let image = Path::new(env!("CARGO_TARGET_TMPDIR")).join("video.img");
    let nasm = Command::new("nasm")
        .args(["-f", "bin", "-Wall", "-Werror", "-I", guests, "-o"])
        .arg(&image)
        .arg(format!("{guests}video.asm"))
        .status();
    assert!(nasm.is_ok_and(|status| status.success()), "nasm is missing or refuses the guest");
    std::fs::read(image).expect("what nasm has just made")
}

struct Guest {
    machine: Machine,
    image: Vec<u8>,
    said: String,
}

impl Guest {
    fn new(image: Vec<u8>) -> Self {
        let sectors = Some(image.len() as u64 / 512);
        let drive = DriveConfig {
            name: DriveName::Fda,
            cdrom: false,
            sectors,
            read_only: true,
            write_through: false,
        };
        let config = Config {
            memory_mb: 32,
            clock: ClockMode::Counted,
            drives: vec![drive],
            boot_order: "a".into(),
            ..Config::default()
        };
        let mut machine = Machine::new(config).unwrap();
        let [bios, vga] =
            ["bios-256k.bin", "vgabios-stdvga.bin"].map(|name| read(&format!("/usr/share/seabios/{name}")));
        machine.load_firmware(bios, vga).unwrap();
        Self { machine, image, said: String::new() }
    }

    fn run(&mut self) {
        let machine = &mut self.machine;
        let outcome = machine.run(0, SLICE_NS);
        assert!(matches!(outcome, Outcome::Time | Outcome::Idle), "the machine stopped: {outcome:?}");
        for (name, Request { id, operation }) in machine.disk_requests() {
            let Operation::Read { first, sectors } = operation else { panic!("the guest only reads") };
            let at = first as usize * 512;
            let bytes = self.image.get(at..at + sectors as usize * 512);
            let result = bytes.map(<[u8]>::to_vec).ok_or(BlockError::OutOfRange);
            machine.answer_disk(name, Completion { id, result });
        }
        self.said.push_str(&String::from_utf8_lossy(&machine.serial_output(0)));
        drop(machine.debug_output());
    }

    /// What the guest says next.
    fn line(&mut self) -> String {
        loop {
            if let Some((line, rest)) = self.said.split_once('\n') {
                let line = line.to_owned();
                self.said = rest.to_owned();
                return line;
            }
            self.run();
        }
    }

    /// Looks until everything that is expected has been on the screen; what is there in the end, if it has not.
    fn look(&mut self, Expected { size, mut hashes, .. }: Expected<'_>) -> Result<(), String> {
        let end = self.machine.virtual_ns() + PATIENCE_NS;
        let mut looked = false;
        while self.machine.virtual_ns() < end {
            if self.machine.frame() || !looked {
                let screen = self.machine.screen();
                if (screen.width(), screen.height()) == size {
                    hashes.remove(hash(screen).as_str());
                }
                if hashes.is_empty() {
                    return Ok(());
                }
            }
            looked = true;
            self.run();
        }
        let screen = self.machine.screen();
        Err(format!("{}x{} {}", screen.width(), screen.height(), hash(screen)))
    }
}

#[test]
fn pictures_in_every_video_mode_are_as_computed() {
    let text = read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/boot/video/pictures.txt"));
    let text = String::from_utf8(text).unwrap();
    let mut guest = Guest::new(floppy());
    let mut wrong = Vec::new();
    for expected in table(&text) {
        let name = expected.name;
        assert_eq!(guest.line(), format!("drawn {name}"));
        if let Err(shown) = guest.look(expected) {
            wrong.push(format!("{name} is {shown}"));
        }
        guest.machine.serial_input(0, b"\n");
    }
    assert_eq!(guest.line(), "no more");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
