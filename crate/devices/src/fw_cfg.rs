//! The firmware configuration device: named items that the machine hands to firmware and kernel.
//!
//! Source: the interface is public in QEMU's documentation, docs/specs/fw_cfg.rst (registers, keys, file
//! directory, DMA structure). A guest selects an item by its key and reads it byte by byte, or has it
//! copied to memory: it writes the address of a structure to the DMA register, and the device carries it
//! out as a bus master.
//!
//! When RAM is not loaded yet the request stays pending and is run again from its beginning; nothing of
//! it has been taken over then.
//!
//! Items are the machine's configuration, made when it is built, and no guest can change them: a snapshot
//! holds the registers only.

use bitfield_struct::bitfield;
use bus::{
    BusMaster, Device, Dma, DmaError, IoError, IoResult, PhysAddr, PortIo, Region, Saved, Snapshot,
    SnapshotError, Width, decode, encode,
};
use open_enum::open_enum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PORTS: usize = 0;
const DMA: usize = 1;

/// Keys of items with a fixed meaning. Numbers are little-endian unless the name says otherwise.
#[open_enum]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub enum Key {
    /// The four bytes that say that the device is there.
    SIGNATURE = 0x00,
    /// [`Features`], 32 bits.
    ID = 0x01,
    UUID = 0x02,
    /// 64 bits, in bytes.
    RAM_SIZE = 0x03,
    /// 16 bits: there is no screen.
    NO_GRAPHICS = 0x04,
    /// 16 bits: processors that are there.
    CPUS = 0x05,
    KERNEL_ADDRESS = 0x07,
    KERNEL_SIZE = 0x08,
    INITRD_ADDRESS = 0x0A,
    INITRD_SIZE = 0x0B,
    /// 16 bits: the first boot device, as a letter.
    BOOT_DEVICE = 0x0C,
    NUMA = 0x0D,
    /// 16 bits: whether to show the boot menu.
    BOOT_MENU = 0x0E,
    /// 16 bits: processors that there may be.
    MAX_CPUS = 0x0F,
    KERNEL_ENTRY = 0x10,
    KERNEL_DATA = 0x11,
    INITRD_DATA = 0x12,
    CMDLINE_ADDRESS = 0x13,
    CMDLINE_SIZE = 0x14,
    CMDLINE_DATA = 0x15,
    SETUP_ADDRESS = 0x16,
    SETUP_SIZE = 0x17,
    SETUP_DATA = 0x18,
    FILE_DIRECTORY = 0x19,
    /// The first file; the others follow.
    FILE_FIRST = 0x20,
    /// The first key for one architecture only; on a PC, ACPI tables.
    ACPI_TABLES = 0x8000,
    SMBIOS_ENTRIES = 0x8001,
    IRQ0_OVERRIDE = 0x8002,
    E820_TABLE = 0x8003,
}

/// What the item [`Key::ID`] says.
#[bitfield(u32)]
struct Features {
    /// Selector and data ports.
    ports: bool,
    dma: bool,
    #[bits(30)]
    __: u32,
}

/// The control word of a DMA structure.
#[bitfield(u32)]
struct DmaControl {
    error: bool,
    read: bool,
    skip: bool,
    select: bool,
    write: bool,
    #[bits(11)]
    __: u16,
    /// The item, with `select`.
    key: u16,
}

/// The device's name for itself, an item and the value of the DMA register.
const SIGNATURE: [u8; 4] = *b"QEMU";
const DMA_SIGNATURE: u64 = u64::from_be_bytes(*b"QEMU CFG");
/// Longest name of a file, without the closing zero.
const NAME_LEN: usize = 55;
/// Bytes copied at a time.
const CHUNK: usize = 0x1000;

/// The device.
#[derive(Debug)]
pub struct FwCfg {
    // Parts.
    items: BTreeMap<Key, Vec<u8>>,
    files: Vec<(String, Key)>,
    // State.
    selected: Key,
    position: u64,
    dma_high: u32,
    pending: Option<PhysAddr>,
}

impl Default for FwCfg {
    fn default() -> Self {
        Self::new()
    }
}

impl FwCfg {
    /// With no items but those that describe the device.
    #[must_use]
    pub fn new() -> Self {
        let mut fw_cfg = Self {
            items: BTreeMap::new(),
            files: Vec::new(),
            selected: Key::SIGNATURE,
            position: 0,
            dma_high: 0,
            pending: None,
        };
        fw_cfg.set(Key::SIGNATURE, SIGNATURE.to_vec());
        fw_cfg.set_u32(Key::ID, Features::new().with_ports(true).with_dma(true).into_bits());
        fw_cfg.write_directory();
        fw_cfg
    }

    /// Gives an item its bytes.
    pub fn set(&mut self, key: Key, bytes: Vec<u8>) {
        self.items.insert(key, bytes);
    }

    /// Gives an item a 16-bit number.
    pub fn set_u16(&mut self, key: Key, value: u16) {
        self.set(key, value.to_le_bytes().to_vec());
    }

    /// Gives an item a 32-bit number.
    pub fn set_u32(&mut self, key: Key, value: u32) {
        self.set(key, value.to_le_bytes().to_vec());
    }

    /// Gives an item a 64-bit number.
    pub fn set_u64(&mut self, key: Key, value: u64) {
        self.set(key, value.to_le_bytes().to_vec());
    }

    /// RAM in bytes.
    pub fn set_ram_size(&mut self, bytes: u64) {
        self.set_u64(Key::RAM_SIZE, bytes);
    }

    /// Processors.
    pub fn set_cpus(&mut self, count: u16) {
        self.set_u16(Key::CPUS, count);
        self.set_u16(Key::MAX_CPUS, count);
    }

    /// The order in which firmware tries the devices, one Open Firmware path each.
    pub fn set_boot_order(&mut self, paths: &[&str]) {
        let mut bytes = paths.join("\n").into_bytes();
        bytes.push(0);
        self.add_file("bootorder", bytes);
    }

    /// A file, such as `etc/e820`; one of the same name is replaced. A name is cut after 55 bytes.
    pub fn add_file(&mut self, name: &str, bytes: Vec<u8>) {
        let end = (0..=name.len().min(NAME_LEN)).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        let name = &name[..end];
        let known = self.files.iter().find(|(known, _)| known == name).map(|(_, key)| *key);
        let key = known.unwrap_or(Key(Key::FILE_FIRST.0.saturating_add(self.files.len() as u16)));
        if known.is_none() {
            self.files.push((name.to_owned(), key));
        }
        self.set(key, bytes);
        self.write_directory();
    }

    /// The directory: a count and for each file size, key and name, all big-endian.
    fn write_directory(&mut self) {
        let mut files: Vec<&(String, Key)> = self.files.iter().collect();
        files.sort();
        let mut bytes = (files.len() as u32).to_be_bytes().to_vec();
        for (name, key) in files {
            let size = self.items.get(key).map_or(0, Vec::len) as u32;
            bytes.extend(size.to_be_bytes());
            bytes.extend(key.0.to_be_bytes());
            bytes.extend([0; 2]);
            let end = bytes.len() + NAME_LEN + 1;
            bytes.extend(name.bytes());
            bytes.resize(end, 0);
        }
        self.set(Key::FILE_DIRECTORY, bytes);
    }

    fn select(&mut self, key: Key) {
        (self.selected, self.position) = (key, 0);
    }

    /// What an item has from `position` on.
    fn rest(&self, key: Key, position: u64) -> &[u8] {
        let item = self.items.get(&key).map_or(&[][..], Vec::as_slice);
        usize::try_from(position).ok().and_then(|position| item.get(position..)).unwrap_or(&[])
    }

    /// The address of a DMA structure that the guest has handed over, once.
    fn take_dma(&mut self) -> Option<PhysAddr> {
        self.pending.take()
    }

    /// Carries out the DMA structure at `at`: control (32 bits), length (32) and address (64), big-endian.
    /// When part of it is not loaded, nothing has changed but RAM that will be written again with the
    /// same bytes, and the request is pending as before.
    ///
    /// # Errors
    /// [`DmaError::NotHere`]: run it again later. A structure outside RAM is dropped without a word, as
    /// there is nowhere to report it.
    fn run_dma(&mut self, dma: &mut dyn Dma, at: PhysAddr) -> Result<(), DmaError> {
        match self.try_dma(dma, at) {
            Err(DmaError::NotHere) => {
                self.pending = Some(at);
                Err(DmaError::NotHere)
            }
            Ok(()) | Err(DmaError::NoMemory) => Ok(()),
        }
    }

    fn try_dma(&mut self, dma: &mut dyn Dma, at: PhysAddr) -> Result<(), DmaError> {
        let mut structure = [0; 16];
        dma.read(at, &mut structure)?;
        let word = u128::from_be_bytes(structure);
        let control = DmaControl::from_bits((word >> 96) as u32);
        let (len, address) = ((word >> 64) as u32, PhysAddr(word as u64));
        let (key, mut position) =
            if control.select() { (Key(control.key()), 0) } else { (self.selected, self.position) };
        let mut result = DmaControl::new();
        if control.read() {
            match copy(self.rest(key, position), u64::from(len), address, dma) {
                Ok(()) => {}
                Err(DmaError::NoMemory) => result.set_error(true),
                Err(DmaError::NotHere) => return Err(DmaError::NotHere),
            }
            position = position.saturating_add(len.into());
        } else if control.write() {
            // No item can be written.
            result.set_error(true);
        } else if control.skip() {
            position = position.saturating_add(len.into());
        }
        dma.write(at, &result.into_bits().to_be_bytes())?;
        (self.selected, self.position) = (key, position);
        Ok(())
    }
}

/// Copies `len` bytes to RAM: `data`, and zeros when it ends.
fn copy(data: &[u8], len: u64, to: PhysAddr, dma: &mut dyn Dma) -> Result<(), DmaError> {
    let len_of_data = usize::try_from(len).unwrap_or(usize::MAX).min(data.len());
    let (data, _) = data.split_at_checked(len_of_data).unwrap_or((data, &[]));
    let mut done = 0;
    for chunk in data.chunks(CHUNK) {
        dma.write(to.offset(done), chunk)?;
        done += chunk.len() as u64;
    }
    while done < len {
        let chunk = (len - done).min(CHUNK as u64);
        dma.write(to.offset(done), &[0; CHUNK][..chunk as usize])?;
        done += chunk;
    }
    Ok(())
}

impl Device for FwCfg {
    fn reset(&mut self) {
        let Self { items: _, files: _, selected, position, dma_high, pending } = self;
        (*selected, *position, *dma_high, *pending) = (Key::SIGNATURE, 0, 0, None);
    }
    fn regions(&self) -> &'static [Region] {
        &[Region { name: "ports", len: 2 }, Region { name: "dma", len: 8 }]
    }
    fn port_io(&mut self) -> Option<&mut dyn PortIo> {
        Some(self)
    }
    fn bus_master(&mut self) -> Option<&mut dyn BusMaster> {
        Some(self)
    }
}

impl BusMaster for FwCfg {
    fn wants_bus(&self) -> bool {
        self.pending.is_some()
    }

    fn master(&mut self, ram: &mut dyn Dma) {
        if let Some(at) = self.take_dma() {
            // If part of it is not here yet, the request stays pending.
            let _ = self.run_dma(ram, at);
        }
    }
}

impl PortIo for FwCfg {
    fn read(&mut self, region: usize, offset: u16, width: Width) -> IoResult<u32> {
        match (region, offset, width) {
            (PORTS, 0, Width::Word) => Ok(u32::from(self.selected.0)),
            (PORTS, 1, Width::Byte) => {
                let byte = self.rest(self.selected, self.position).first().copied().unwrap_or(0);
                self.position = self.position.saturating_add(1);
                Ok(byte.into())
            }
            (PORTS, 1, _) => Err(IoError::BadWidth),
            (DMA, 0..8, _) => {
                // The register is big-endian: its first byte is the top one.
                let bytes = DMA_SIGNATURE.to_be_bytes();
                let at = usize::from(offset)..usize::from(offset) + width.bytes() as usize;
                let read = bytes.get(at).ok_or(IoError::BadWidth)?;
                Ok(read.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
            }
            _ => Err(IoError::NoRegister),
        }
    }

    fn write(&mut self, region: usize, offset: u16, width: Width, value: u32) -> IoResult<()> {
        match (region, offset, width) {
            (PORTS, 0, Width::Word) => {
                self.select(Key(value as u16));
                Ok(())
            }
            // Writing data has been abolished; the port takes it and does nothing.
            (PORTS, 1, Width::Byte) => Ok(()),
            (DMA, 0, Width::Dword) => {
                self.dma_high = value.swap_bytes();
                Ok(())
            }
            (DMA, 4, Width::Dword) => {
                let high = std::mem::take(&mut self.dma_high);
                self.pending = Some(PhysAddr(u64::from(high) << 32 | u64::from(value.swap_bytes())));
                Ok(())
            }
            _ => Err(IoError::NoRegister),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FwCfgV1 {
    selected: u16,
    position: u64,
    dma_high: u32,
    pending: Option<u64>,
}

impl Snapshot for FwCfg {
    fn saved_as(&self) -> (&'static str, u16) {
        ("fw_cfg", 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self { items: _, files: _, selected, position, dma_high, pending } = self;
        encode(&FwCfgV1 {
            selected: selected.0,
            position: *position,
            dma_high: *dma_high,
            pending: pending.map(|at| at.0),
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        let (part, 1) = (self.saved_as().0, saved.version) else {
            return Err(SnapshotError::Version { part: self.saved_as().0, found: saved.version });
        };
        let saved: FwCfgV1 = decode(part, saved.bytes)?;
        let Self { items: _, files: _, selected, position, dma_high, pending } = self;
        *selected = Key(saved.selected);
        *position = saved.position;
        *dma_high = saved.dma_high;
        *pending = saved.pending.map(PhysAddr);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::shake;

    /// RAM from 0, of which a page may not be loaded.
    struct Ram {
        bytes: Vec<u8>,
        missing: Option<usize>,
    }

    impl Ram {
        fn range(&self, at: PhysAddr, len: usize) -> Result<std::ops::Range<usize>, DmaError> {
            let start = usize::try_from(at.0).map_err(|_| DmaError::NoMemory)?;
            let end =
                start.checked_add(len).filter(|end| *end <= self.bytes.len()).ok_or(DmaError::NoMemory)?;
            let missing = self.missing.is_some_and(|page| (start..end).any(|at| at / 0x1000 == page));
            if missing { Err(DmaError::NotHere) } else { Ok(start..end) }
        }
    }

    impl Dma for Ram {
        fn read(&mut self, from: PhysAddr, into: &mut [u8]) -> Result<(), DmaError> {
            into.copy_from_slice(&self.bytes[self.range(from, into.len())?]);
            Ok(())
        }
        fn write(&mut self, to: PhysAddr, data: &[u8]) -> Result<(), DmaError> {
            let range = self.range(to, data.len())?;
            self.bytes[range].copy_from_slice(data);
            Ok(())
        }
    }

    fn ram() -> Ram {
        Ram { bytes: vec![0xEE; 0x8000], missing: None }
    }

    fn device() -> FwCfg {
        let mut fw_cfg = FwCfg::new();
        fw_cfg.set_ram_size(64 << 20);
        fw_cfg.set_cpus(1);
        fw_cfg.add_file("etc/second", vec![2; 5000]);
        fw_cfg.add_file("etc/first", vec![1, 2, 3]);
        fw_cfg
    }

    fn read_item(fw_cfg: &mut FwCfg, key: Key, len: usize) -> Vec<u8> {
        fw_cfg.write(PORTS, 0, Width::Word, key.0.into()).unwrap();
        (0..len).map(|_| fw_cfg.read(PORTS, 1, Width::Byte).unwrap() as u8).collect()
    }

    /// Puts a structure at 100h, hands it over and runs it; returns the control word afterwards.
    fn dma(fw_cfg: &mut FwCfg, ram: &mut Ram, control: u32, len: u32, address: u64) -> u32 {
        let structure = u128::from(control) << 96 | u128::from(len) << 64 | u128::from(address);
        ram.bytes[0x100..0x110].copy_from_slice(&structure.to_be_bytes());
        fw_cfg.write(DMA, 4, Width::Dword, 0x100u32.swap_bytes()).unwrap();
        let at = fw_cfg.take_dma().unwrap();
        fw_cfg.run_dma(ram, at).unwrap();
        u32::from_be_bytes(ram.bytes[0x100..0x104].try_into().unwrap())
    }

    #[test]
    fn items_are_read_byte_by_byte_and_end_in_zeros() {
        let mut fw_cfg = device();
        assert_eq!(read_item(&mut fw_cfg, Key::SIGNATURE, 6), b"QEMU\0\0");
        assert_eq!(read_item(&mut fw_cfg, Key::ID, 4), [3, 0, 0, 0]);
        assert_eq!(read_item(&mut fw_cfg, Key::RAM_SIZE, 8), (64u64 << 20).to_le_bytes());
        assert_eq!(read_item(&mut fw_cfg, Key(0x4444), 2), [0, 0]);
    }

    #[test]
    fn the_directory_lists_files_by_name() {
        let mut fw_cfg = device();
        fw_cfg.set_boot_order(&["/pci@i0cf8/ide@1,1/drive@0/disk@0"]);
        let directory = read_item(&mut fw_cfg, Key::FILE_DIRECTORY, 4 + 3 * 64);
        assert_eq!(directory[..4], [0, 0, 0, 3]);
        assert_eq!(&directory[12..22], b"bootorder\0");
        let first = &directory[4 + 64..4 + 128];
        assert_eq!(first[..8], [0, 0, 0, 3, 0, 0x21, 0, 0]);
        assert_eq!(&first[8..18], b"etc/first\0");
        assert_eq!(read_item(&mut fw_cfg, Key(0x21), 3), [1, 2, 3]);
        fw_cfg.add_file("etc/first", vec![9]);
        assert_eq!(read_item(&mut fw_cfg, Key(0x21), 1), [9]);
        fw_cfg.add_file(&"ü".repeat(40), vec![]);
        assert_eq!(read_item(&mut fw_cfg, Key::FILE_DIRECTORY, 4), [0, 0, 0, 4]);
    }

    #[test]
    fn dma_selects_skips_and_copies() {
        let (mut fw_cfg, mut ram) = (device(), ram());
        assert_eq!(fw_cfg.read(DMA, 0, Width::Dword), Ok(u32::from_le_bytes(*b"QEMU")));
        assert_eq!(fw_cfg.read(DMA, 7, Width::Byte), Ok(u32::from(b'G')));
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x0021_000A, 2, 0x200), 0);
        assert_eq!(ram.bytes[0x200..0x203], [1, 2, 0xEE]);
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x02, 3, 0x300), 0);
        assert_eq!(ram.bytes[0x300..0x304], [3, 0, 0, 0xEE]);
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x0020_000C, 4999, 0), 0);
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x02, 2, 0x400), 0);
        assert_eq!(ram.bytes[0x400..0x402], [2, 0]);
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x10, 2, 0x400), 1, "writing is an error");
    }

    #[test]
    fn dma_beyond_memory_is_an_error_and_ends() {
        let (mut fw_cfg, mut ram) = (device(), ram());
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x0020_000A, u32::MAX, 0x1000), 1);
        assert_eq!(dma(&mut fw_cfg, &mut ram, 0x0020_000A, u32::MAX, u64::MAX - 3), 1);
        assert_eq!(fw_cfg.run_dma(&mut ram, PhysAddr(u64::MAX)), Ok(()));
        assert_eq!(fw_cfg.run_dma(&mut ram, PhysAddr(0x7FF8)), Ok(()));
    }

    #[test]
    fn dma_into_a_missing_page_is_run_again() {
        let (mut fw_cfg, mut ram) = (device(), ram());
        ram.bytes[0x100..0x110]
            .copy_from_slice(&(0x0020_000A_u128 << 96 | 5000 << 64 | 0x1800).to_be_bytes());
        ram.missing = Some(2);
        assert_eq!(fw_cfg.run_dma(&mut ram, PhysAddr(0x100)), Err(DmaError::NotHere));
        assert_eq!(ram.bytes[0x100..0x104], [0, 0x20, 0, 0x0A]);
        ram.missing = None;
        let at = fw_cfg.take_dma().unwrap();
        assert_eq!(fw_cfg.run_dma(&mut ram, at), Ok(()));
        assert_eq!(ram.bytes[0x100..0x104], [0; 4]);
        assert!(ram.bytes[0x1800..0x1800 + 5000].iter().all(|byte| *byte == 2));
    }

    #[test]
    fn random_accesses_do_no_harm() {
        shake(
            |_, _| device(),
            |fw_cfg, random| {
                let mut ram = ram();
                for byte in &mut ram.bytes[..0x400] {
                    *byte = (random.next_u64() & random.next_u64() & random.next_u64()) as u8;
                }
                let at = fw_cfg.take_dma().unwrap_or(PhysAddr(random.next_u64() % 0x400));
                let _ = fw_cfg.run_dma(&mut ram, at);
            },
        );
    }
}
