//! The tables as firmware takes them: three files of fw_cfg, of which one is a script that says where the others go and
//! which pointers and sums in them have to be put right then.
//!
//! The script's commands are those that SeaBIOS knows (its src/fw/romfile_loader.h has the layout); it carries them out
//! instead of making tables of its own.

use super::{FADT, FADT_POINTERS, HEADER, RSDP_CHECKSUM, RSDP_POINTER, RSDT, TABLE_CHECKSUM, listed, tables};
use crate::board::port;
use crate::config::Config;

const ROOT: &str = "etc/acpi/rsdp";
const TABLES: &str = "etc/acpi/tables";
const SCRIPT: &str = "etc/table-loader";

/// Bytes of a command, and of a file's name in it.
const COMMAND: usize = 128;
const NAME: usize = 56;

/// Where a file is put.
#[derive(Clone, Copy)]
enum Zone {
    High = 1,
    /// The segment at F0000h.
    Low = 2,
}

struct Script(Vec<u8>);

impl Script {
    fn command(&mut self, number: u32, parts: &[&[u8]]) {
        let begin = self.0.len();
        self.0.extend(number.to_le_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
        self.0.resize(begin + COMMAND, 0);
    }

    fn allocate(&mut self, file: &str, align: u32, zone: Zone) {
        self.command(1, &[&name(file), &align.to_le_bytes(), &[zone as u8]]);
    }

    /// Adds the address of a file to the four bytes at an offset of another.
    fn add_pointer(&mut self, into: &str, of: &str, offset: u32) {
        self.command(2, &[&name(into), &name(of), &offset.to_le_bytes(), &[4]]);
    }

    fn add_checksum(&mut self, file: &str, at: u32, start: u32, len: u32) {
        self.command(3, &[&name(file), &at.to_le_bytes(), &start.to_le_bytes(), &len.to_le_bytes()]);
    }
}

fn name(file: &str) -> [u8; NAME] {
    let mut out = [0; NAME];
    for (to, from) in out.iter_mut().zip(file.bytes()) {
        *to = from;
    }
    out
}

/// The files for a machine, each with its name.
pub(crate) fn files(config: &Config) -> [(&'static str, Vec<u8>); 3] {
    let mut root = Vec::new();
    let mut all = Vec::new();
    let mut lengths = Vec::new();
    // Made as if they lay at 0: pointers are offsets then.
    for (at, bytes) in tables(config, 0, port::FIRMWARE_PM_BASE) {
        if at == 0 {
            root = bytes;
            continue;
        }
        lengths.push((at, bytes.len() as u32));
        all.resize(at as usize, 0);
        all.extend(bytes);
    }
    let len = |table: u64| lengths.iter().find(|(at, _)| *at == table).map_or(0, |(_, len)| *len);
    let mut script = Script(Vec::new());
    script.allocate(ROOT, 16, Zone::Low);
    script.allocate(TABLES, 64, Zone::High);
    for offset in FADT_POINTERS {
        script.add_pointer(TABLES, TABLES, FADT as u32 + offset);
    }
    for n in 0..listed(config).len() as u32 {
        script.add_pointer(TABLES, TABLES, RSDT as u32 + HEADER + 4 * n);
    }
    for table in [FADT, RSDT] {
        let at = table as u32;
        script.add_checksum(TABLES, at + TABLE_CHECKSUM, at, len(table));
    }
    script.add_pointer(ROOT, TABLES, RSDP_POINTER);
    script.add_checksum(ROOT, RSDP_CHECKSUM, 0, root.len() as u32);
    [(ROOT, root), (TABLES, all), (SCRIPT, script.0)]
}
