//! The whole machine as bytes, and the hash of its state.
//!
//! ```text
//! magic       8 bytes "PAGEVM\r\n"
//! version     u32
//! checksum    u64     XXH3-64 of all that follows
//! parts       postcard: the header (HeaderV1), then each part (PartV1) in the order of the parts list
//! images      u64 length, LZ4 (with its own length): what a reset starts
//! RAM         runs of pages: u64 first page, u32 pages (at most 64), u32 length, LZ4; ended by u64::MAX
//! ```
//!
//! Pages of zeros are left out. The state hash is the XXH3-64 hash of the header, the parts and the pages
//! that are not zero, uncompressed: what it covers is what a guest can find out, now or later.
//!
//! Restoring checks everything first, the parts by restoring them into a new board, and only then
//! touches the machine.

use crate::board::Board;
use crate::config::RDRAND_STREAM;
use crate::firmware::Boot;
use crate::{Machine, MachineError, memory_map, video};
use bus::{Saved, SnapshotError, Time, decode, encode, is_zero};
use cpu::Processor;
use devices::vga::frame_buffer::OwnMemory;
use host::entropy::Keyed;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const MAGIC: [u8; 8] = *b"PAGEVM\r\n";
const VERSION: u32 = 1;
const PAGE: usize = 4096;
/// Pages compressed together.
const RUN: usize = 64;
const END: u64 = u64::MAX;
const HEADER: usize = 8 + 4 + 8;

#[derive(Serialize, Deserialize)]
struct HeaderV1 {
    memory_mb: u32,
    cpu: String,
    /// Which images are loaded.
    boot: u64,
    parts: u32,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PartV1 {
    /// The part's name on the board.
    name: String,
    /// The name and version it is saved as.
    kind: String,
    pub(crate) version: u16,
    pub(crate) bytes: Vec<u8>,
}

/// A part of the machine, saved.
pub(crate) fn part(name: &str, kind: &str, version: u16, bytes: Vec<u8>) -> PartV1 {
    PartV1 { name: name.into(), kind: kind.into(), version, bytes }
}

/// What belongs to no part: wires, time and random numbers.
#[derive(Serialize, Deserialize)]
struct BoardV3 {
    now: u64,
    irq: u64,
    pirq: u64,
    hpet: u64,
    control: u64,
    /// Key and position of what RDRAND gives, if that is the same every time.
    random: Option<([u8; 32], u64)>,
}

const BOARD: &str = "board";
const BOARD_VERSION: u16 = 3;
const CPU: &str = "cpu";

impl Machine {
    /// Header and parts, encoded.
    fn encode_parts(&mut self) -> Vec<u8> {
        let count = self.processor.cpu.count;
        self.settled();
        let board = self.board();
        let random = board.random.as_ref().filter(|_| self.config.is_repeatable());
        let own = BoardV3 {
            now: board.time.at(count).0,
            irq: board.irq.levels(),
            pirq: board.pirq.levels(),
            hpet: board.hpet.levels(),
            control: board.control.levels(),
            random: random.map(|r| (r.key(), r.position())),
        };
        let (kind, version) = Processor::saved_as();
        let mut parts = vec![
            part(BOARD, BOARD, BOARD_VERSION, encode(&own)),
            part(CPU, kind, version, self.processor.save()),
        ];
        parts.extend(self.wiring.drives.parts());
        for (name, device) in board.parts.iter() {
            let (kind, version) = device.saved_as();
            parts.push(part(name, kind, version, device.save()));
        }
        let mut out = encode(&HeaderV1 {
            memory_mb: self.config.memory_mb,
            cpu: self.processor.cpu.identity.name(),
            boot: self.boot_identity,
            parts: parts.len() as u32,
        });
        for part in &parts {
            out.extend(encode(part));
        }
        out
    }

    /// The pages that are not all zero, with their numbers.
    fn pages(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let ram = self.processor.mmu.ram();
        (0..ram.size() / PAGE as u64)
            .filter_map(|page| ram.slice(page * PAGE as u64, PAGE).map(|bytes| (page, bytes)))
            .filter(|(_, bytes)| !is_zero(bytes))
    }

    /// The hash of the state: equal for two machines that will go on in the same way.
    #[must_use]
    pub fn state_hash(&mut self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&self.encode_parts());
        for (page, bytes) in self.pages() {
            hash.update(&page.to_le_bytes());
            hash.update(bytes);
        }
        hash.digest()
    }

    /// The whole machine as bytes.
    #[must_use]
    pub fn save(&mut self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 8]);
        out.extend(self.encode_parts());
        let images = lz4_flex::compress_prepend_size(&encode(&self.boot));
        out.extend((images.len() as u64).to_le_bytes());
        out.extend(images);
        let mut run: (u64, Vec<u8>) = (0, Vec::with_capacity(RUN * PAGE));
        for (page, bytes) in self.pages() {
            let pages = (run.1.len() / PAGE) as u64;
            if page != run.0 + pages || pages >= RUN as u64 {
                write_run(&mut out, &mut run);
                run.0 = page;
            }
            run.1.extend_from_slice(bytes);
        }
        write_run(&mut out, &mut run);
        out.extend(END.to_le_bytes());
        let sum = xxh3_64(&out[HEADER..]);
        out[12..HEADER].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Takes over a saved machine.
    ///
    /// # Errors
    /// Which part cannot be restored, and why; the machine is unchanged then.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), MachineError> {
        let bad = |why: &str| MachineError::bad_snapshot(format!("snapshot: {why}"));
        let of_part = |e: SnapshotError| MachineError::bad_snapshot(format!("snapshot: {e}"));
        let truncated = || bad("it is damaged: it ends too soon");

        // The file as a whole.
        if bytes.get(..8) != Some(&MAGIC) {
            return Err(bad("not a saved machine of PageVM"));
        }
        let mut rest = Reader(&bytes[8..]);
        let version = rest.u32().ok_or_else(truncated)?;
        if version != VERSION {
            return Err(bad(&format!("format version {version}, and this build reads version {VERSION}")));
        }
        let sum = rest.u64().ok_or_else(truncated)?;
        if xxh3_64(rest.0) != sum {
            return Err(bad("it is damaged: the checksum is wrong"));
        }
        let header: HeaderV1 = rest.decode().ok_or_else(|| bad("the header is damaged"))?;
        let (theirs, ours) = (header.memory_mb, self.config.memory_mb);
        if theirs != ours {
            return Err(bad(&format!("memory: it has {theirs} MB, and this machine {ours} MB")));
        }
        let (theirs, ours) = (header.cpu, self.processor.cpu.identity.name());
        if theirs != ours {
            return Err(bad(&format!("cpu: it has \"{theirs}\", and this machine \"{ours}\"")));
        }

        // The parts, into a new board and a copy of the processor's state.
        let mut parts = VecDeque::new();
        for _ in 0..header.parts {
            parts.push_back(rest.decode::<PartV1>().ok_or_else(|| bad("a part is damaged"))?);
        }
        let mut take = |name: &str, kind: &str| match parts.pop_front() {
            Some(part) if part.name == name && part.kind == kind => Ok(part),
            Some(part) => Err(bad(&format!(
                "part {} ({}) where this machine has {name} ({kind})",
                part.name, part.kind
            ))),
            None => Err(bad(&format!("part {name} is missing"))),
        };
        let own = take(BOARD, BOARD)?;
        if own.version != BOARD_VERSION {
            return Err(of_part(SnapshotError::Version { part: BOARD, found: own.version }));
        }
        let own: BoardV3 = decode(BOARD, &own.bytes).map_err(of_part)?;
        let cpu = take(CPU, Processor::saved_as().0)?;
        let mut wiring = self.wiring.clone();
        wiring.drives = wiring.drives.restored(&mut take)?;
        // What is restored lies elsewhere until nothing can go wrong any more.
        let mut board = Board::new(&self.config, &wiring, Box::new(OwnMemory::new(video::LEN as usize)));
        // Devices look at the clock when they are restored.
        board.time.restore(0, Time(own.now));
        for (name, device) in board.parts.iter_mut() {
            let part = take(name, device.saved_as().0)?;
            device.restore(Saved { version: part.version, bytes: &part.bytes }).map_err(of_part)?;
        }
        if let Some(part) = parts.pop_front() {
            return Err(bad(&format!("part {} ({}) is not in this machine", part.name, part.kind)));
        }

        // Images and RAM, looked through once before anything is touched.
        let len = rest.u64().ok_or_else(truncated)?;
        let images = rest.take(len).ok_or_else(truncated)?;
        let images = decompress(images, u64::MAX).ok_or_else(|| bad("the images are damaged"))?;
        let boot: Boot = decode("images", &images).map_err(of_part)?;
        let ram_bytes = self.config.memory_bytes();
        if boot.identity() != header.boot || !boot.is_sound(ram_bytes) {
            return Err(bad("the images are not those it was made with"));
        }
        let runs = rest.0;
        for_each_run(runs, ram_bytes, |_, _| {}).ok_or_else(|| bad("the memory is damaged"))?;
        self.processor.restore(Saved { version: cpu.version, bytes: &cpu.bytes }).map_err(of_part)?;

        // From here on nothing can go wrong.
        let count = self.processor.cpu.count;
        if let Some(firmware) = boot.firmware() {
            firmware.enter(&mut self.processor);
            board.fit_vga_rom(firmware.vgabios().to_vec());
        }
        memory_map::clear(&mut self.processor);
        let mmu = &mut self.processor.mmu;
        for_each_run(runs, ram_bytes, |at, bytes| {
            mmu.load_ram(at, bytes);
        });
        if let Some(memory) = video::shared(&mut self.processor.mmu) {
            board.move_video(memory);
        }
        board.time.restore(count, Time(own.now));
        board.irq.restore(own.irq);
        board.pirq.restore(own.pirq);
        board.hpet.restore(own.hpet);
        board.control.restore(own.control);
        // Random numbers that shall be random do not come twice, from two machines out of the same bytes.
        if self.config.is_repeatable() {
            board.random = own.random.map(|(key, position)| Keyed::new(key, RDRAND_STREAM, position));
        }
        board.map_changed = true;
        board.place_local_apic();
        board.parts.remap();
        board.parts.touched_all();
        board.sync_lines();
        memory_map::apply(&mut board, &mut self.processor.mmu);
        self.processor.plat = Box::new(board);
        self.wiring = wiring;
        self.boot = boot;
        self.boot_identity = header.boot;
        self.processor.state_changed();
        self.run.restored(count);
        Ok(())
    }
}

fn write_run(out: &mut Vec<u8>, run: &mut (u64, Vec<u8>)) {
    let (first, bytes) = run;
    if !bytes.is_empty() {
        let packed = lz4_flex::compress(bytes);
        out.extend(first.to_le_bytes());
        out.extend(((bytes.len() / PAGE) as u32).to_le_bytes());
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
        bytes.clear();
    }
}

/// Calls `f` with the RAM offset and the bytes of each run; `None` if they are damaged.
fn for_each_run(runs: &[u8], ram: u64, mut f: impl FnMut(u64, &[u8])) -> Option<()> {
    let mut rest = Reader(runs);
    let mut bytes = vec![0; RUN * PAGE];
    let mut next = 0;
    loop {
        let first = rest.u64()?;
        if first == END {
            return rest.0.is_empty().then_some(());
        }
        let (pages, len) = (rest.u32()? as usize, rest.u32()?);
        let packed = rest.take(len.into())?;
        if pages == 0 || pages > RUN || first < next || first.checked_add(pages as u64)? > ram / PAGE as u64 {
            return None;
        }
        next = first + pages as u64;
        let into = bytes.get_mut(..pages * PAGE)?;
        if lz4_flex::decompress_into(packed, into).ok()? != into.len() {
            return None;
        }
        f(first * PAGE as u64, into);
    }
}

/// LZ4 with its length before it, refused where the length cannot be true.
fn decompress(bytes: &[u8], most: u64) -> Option<Vec<u8>> {
    let len = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    // LZ4 packs at most 255 to 1.
    if u64::from(len) > most.min((bytes.len() as u64).saturating_mul(256)) {
        return None;
    }
    lz4_flex::decompress_size_prepended(bytes).ok()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(now)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn decode<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let (value, rest) = postcard::take_from_bytes(self.0).ok()?;
        self.0 = rest;
        Some(value)
    }
}
