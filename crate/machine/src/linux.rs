//! Loading a Linux kernel: the 32-bit entry of the x86 boot protocol (Documentation/arch/x86/boot.rst).
//!
//! A bzImage is a real-mode part with the setup header, which we only read, and the protected-mode part,
//! which we load and enter.

use crate::config::Config;
use crate::error::MachineError;
use crate::firmware::{GDT_LEN, enter_flat};
use crate::memory_map::{self, HIGH, TABLES};
use cpu::Processor;
use serde::{Deserialize, Serialize};
use x86::gpr;

/// Where things lie below 640 KB.
const GDT: u64 = 0x1000;
const ZERO_PAGE: u64 = 0x1_0000;
const CMDLINE: u64 = 0x2_0000;
const SETUP_DATA: u64 = 0x1_8000;
/// The protected-mode part is loaded here. A relocatable kernel moves itself to where it prefers to be.
const KERNEL: u64 = HIGH;

/// Offsets of the setup header's fields; the same in the file and in the zero page.
mod field {
    pub(super) const SETUP_SECTS: usize = 0x1F1;
    pub(super) const SYSSIZE: usize = 0x1F4;
    pub(super) const VID_MODE: usize = 0x1FA;
    pub(super) const BOOT_FLAG: usize = 0x1FE;
    pub(super) const JUMP: usize = 0x200;
    pub(super) const HEADER: usize = 0x202;
    pub(super) const VERSION: usize = 0x206;
    pub(super) const TYPE_OF_LOADER: usize = 0x210;
    pub(super) const LOADFLAGS: usize = 0x211;
    pub(super) const CODE32_START: usize = 0x214;
    pub(super) const RAMDISK_IMAGE: usize = 0x218;
    pub(super) const RAMDISK_SIZE: usize = 0x21C;
    pub(super) const CMD_LINE_PTR: usize = 0x228;
    pub(super) const INITRD_ADDR_MAX: usize = 0x22C;
    pub(super) const CMDLINE_SIZE: usize = 0x238;
    pub(super) const SETUP_DATA: usize = 0x250;
    pub(super) const PREF_ADDRESS: usize = 0x258;
    pub(super) const INIT_SIZE: usize = 0x260;
    /// As much of the file as the newest field we read needs.
    pub(super) const END: usize = 0x264;
}

/// Offsets in the zero page that are not of the setup header.
mod zero_page {
    pub(super) const ORIG_VIDEO_PAGE: usize = 0x04;
    pub(super) const ORIG_VIDEO_MODE: usize = 0x06;
    pub(super) const ORIG_VIDEO_COLS: usize = 0x07;
    pub(super) const ORIG_VIDEO_EGA_BX: usize = 0x0A;
    pub(super) const ORIG_VIDEO_LINES: usize = 0x0E;
    pub(super) const ORIG_VIDEO_ISVGA: usize = 0x0F;
    pub(super) const ORIG_VIDEO_POINTS: usize = 0x10;
    pub(super) const EXT_MEM_K: usize = 0x02;
    pub(super) const ACPI_RSDP_ADDR: usize = 0x70;
    pub(super) const ALT_MEM_K: usize = 0x1E0;
    pub(super) const E820_ENTRIES: usize = 0x1E8;
    pub(super) const E820_TABLE: usize = 0x2D0;
}

const LOADED_HIGH: u8 = 1;
const UNKNOWN_LOADER: u8 = 0xFF;
const NORMAL_VGA: u16 = 0xFFFF;
const SETUP_RNG_SEED: u32 = 9;

/// A kernel that has been checked, with what goes with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Linux {
    kernel: Vec<u8>,
    initrd: Option<Vec<u8>>,
    cmdline: String,
}

/// What the setup header says.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Bytes of the real-mode part.
    setup_len: usize,
    /// Bytes of the protected-mode part, by the header.
    payload_len: u64,
    initrd_max: u64,
    cmdline_max: u32,
    /// Up to where the running kernel needs memory before it knows the memory map.
    needs: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Says what is wrong with a kernel image, if anything is.
///
/// # Errors
/// The reason, in words.
pub fn check(kernel: &[u8]) -> Result<(), MachineError> {
    Header::read(kernel).map(|_| ())
}

impl Header {
    fn read(kernel: &[u8]) -> Result<Self, MachineError> {
        let bad = |message: String| Err(MachineError::bad_image(format!("kernel: {message}")));
        let len = kernel.len();
        if len == 0 {
            return bad("the image is empty".into());
        }
        if len >= field::HEADER + 4 && u32_at(kernel, field::HEADER) != u32::from_le_bytes(*b"HdrS") {
            return bad("not a Linux kernel: no HdrS signature".into());
        }
        if len < field::END {
            return bad(format!("the image is too short: {len} bytes do not even hold a setup header"));
        }
        if u16_at(kernel, field::BOOT_FLAG) != 0xAA55 {
            return bad("not a Linux kernel: no boot signature".into());
        }
        let version = u16_at(kernel, field::VERSION);
        if version < 0x206 {
            let (major, minor) = (version >> 8, version & 0xFF);
            return bad(format!(
                "boot protocol {major}.{minor:02} is too old: 2.06 (Linux 2.6.22) is needed"
            ));
        }
        if kernel[field::LOADFLAGS] & LOADED_HIGH == 0 {
            return bad("a zImage, which is loaded low: a bzImage is needed".into());
        }
        let sectors = match kernel[field::SETUP_SECTS] {
            0 => 4,
            n => usize::from(n),
        };
        let setup_len = (sectors + 1) * 512;
        let payload_len = u64::from(u32_at(kernel, field::SYSSIZE)) * 16;
        let there = len.saturating_sub(setup_len) as u64;
        if payload_len == 0 || there + 15 < payload_len {
            let should = setup_len as u64 + payload_len;
            return bad(format!("the image is too short: {len} bytes of {should}; it seems to be truncated"));
        }
        let prefers = if version >= 0x20A { u64_at(kernel, field::PREF_ADDRESS) } else { KERNEL };
        let init_size = if version >= 0x20A { u32_at(kernel, field::INIT_SIZE).into() } else { payload_len };
        // A kernel that was not loaded where it prefers to be moves there, if it was loaded below.
        let needs = (prefers.max(KERNEL).saturating_add(init_size)).max(KERNEL + payload_len);
        Ok(Self {
            setup_len,
            payload_len,
            initrd_max: u32_at(kernel, field::INITRD_ADDR_MAX).into(),
            cmdline_max: u32_at(kernel, field::CMDLINE_SIZE),
            needs,
        })
    }
}

/// Megabytes, rounded up.
fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

impl Linux {
    /// Checks that it can be booted in `ram` bytes.
    pub(crate) fn new(
        kernel: Vec<u8>,
        initrd: Option<Vec<u8>>,
        cmdline: &str,
        ram: u64,
    ) -> Result<Self, MachineError> {
        let header = Header::read(&kernel)?;
        if header.needs > ram {
            return Err(MachineError::too_large(format!(
                "kernel: it needs {} MB to start, and the machine has {} MB",
                mb(header.needs),
                mb(ram)
            )));
        }
        if cmdline.contains('\0') {
            return Err(MachineError::bad_image("cmdline: it contains a NUL character"));
        }
        let most = header.cmdline_max.min((TABLES - CMDLINE) as u32 - 1);
        if cmdline.len() as u64 > u64::from(most) {
            let len = cmdline.len();
            return Err(MachineError::too_large(format!(
                "cmdline: {len} bytes, and this kernel takes at most {most}"
            )));
        }
        let initrd = initrd.filter(|bytes| !bytes.is_empty());
        let linux = Self { kernel, initrd, cmdline: cmdline.to_owned() };
        if linux.initrd_place(&header, ram).is_none() {
            let len = linux.initrd.as_ref().map_or(0, Vec::len) as u64;
            return Err(MachineError::too_large(format!(
                "initrd: {} MB do not fit beside the kernel ({} MB) into the machine's {} MB of memory",
                mb(len),
                mb(header.needs),
                mb(ram)
            )));
        }
        Ok(linux)
    }

    /// The initial RAM disk's address: as high as it may be. `None` if it does not fit; without one, 0.
    fn initrd_place(&self, header: &Header, ram: u64) -> Option<u64> {
        let Some(initrd) = &self.initrd else { return Some(0) };
        let top = ram.min(header.initrd_max.saturating_add(1));
        let at = top.checked_sub(initrd.len() as u64)? & !0xFFF;
        (at >= header.needs).then_some(at)
    }

    /// True if it could have been made by [`Linux::new`]: for one that comes from a snapshot.
    pub(crate) fn is_sound(&self, ram: u64) -> bool {
        Header::read(&self.kernel).is_ok_and(|header| {
            header.needs <= ram
                && (self.cmdline.len() as u64) < TABLES - CMDLINE
                && self.initrd_place(&header, ram).is_some()
        })
    }

    /// Loads everything and sets the processor at the entry point.
    pub(crate) fn enter(&self, config: &Config, processor: &mut Processor) {
        let ram = config.memory_bytes();
        // Checked when it was made; the machine stays halted if that should not hold.
        let Ok(header) = Header::read(&self.kernel) else { return };
        let initrd_at = self.initrd_place(&header, ram).unwrap_or(0);
        let payload = self.kernel.get(header.setup_len..).unwrap_or(&[]);
        let payload = &payload[..payload.len().min(header.payload_len as usize)];

        let mut page = [0u8; 4096];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(to) = page.get_mut(at..at + bytes.len()) {
                to.copy_from_slice(bytes);
            }
        };
        // The header ends where the jump over it leads.
        let end = field::HEADER + usize::from(self.kernel[field::JUMP + 1]);
        put(field::SETUP_SECTS, self.kernel.get(field::SETUP_SECTS..end).unwrap_or(&[]));
        put(field::TYPE_OF_LOADER, &[UNKNOWN_LOADER]);
        put(field::VID_MODE, &NORMAL_VGA.to_le_bytes());
        put(field::CODE32_START, &(KERNEL as u32).to_le_bytes());
        put(field::CMD_LINE_PTR, &(CMDLINE as u32).to_le_bytes());
        let initrd_len = self.initrd.as_ref().map_or(0, Vec::len) as u32;
        put(field::RAMDISK_IMAGE, &(initrd_at as u32).to_le_bytes());
        put(field::RAMDISK_SIZE, &initrd_len.to_le_bytes());
        // VGA text mode 3.
        put(zero_page::ORIG_VIDEO_PAGE, &0u16.to_le_bytes());
        put(zero_page::ORIG_VIDEO_MODE, &[3]);
        put(zero_page::ORIG_VIDEO_COLS, &[80]);
        put(zero_page::ORIG_VIDEO_EGA_BX, &3u16.to_le_bytes());
        put(zero_page::ORIG_VIDEO_LINES, &[25]);
        put(zero_page::ORIG_VIDEO_ISVGA, &[1]);
        put(zero_page::ORIG_VIDEO_POINTS, &16u16.to_le_bytes());
        // Memory.
        let kb_above_1m = (ram - HIGH) >> 10;
        put(zero_page::EXT_MEM_K, &(kb_above_1m.min(0xFC00) as u16).to_le_bytes());
        put(zero_page::ALT_MEM_K, &(kb_above_1m as u32).to_le_bytes());
        let map = memory_map::e820(ram);
        put(zero_page::E820_ENTRIES, &[map.len() as u8]);
        for (n, range) in map.iter().enumerate() {
            let at = zero_page::E820_TABLE + 20 * n;
            put(at, &range.base.to_le_bytes());
            put(at + 8, &range.len.to_le_bytes());
            put(at + 16, &(range.kind as u32).to_le_bytes());
        }
        put(zero_page::ACPI_RSDP_ADDR, &TABLES.to_le_bytes());
        // Random bytes, if there are any: a list of one element (next, type, length, data).
        let mut element = Vec::new();
        if let Some(seed) = config.random_seed() {
            put(field::SETUP_DATA, &SETUP_DATA.to_le_bytes());
            element.extend(0u64.to_le_bytes());
            element.extend(SETUP_RNG_SEED.to_le_bytes());
            element.extend((seed.len() as u32).to_le_bytes());
            element.extend(seed);
        }

        let mut cmdline = self.cmdline.clone().into_bytes();
        cmdline.push(0);
        let mmu = &mut processor.mmu;
        mmu.load_ram(ZERO_PAGE, &page);
        mmu.load_ram(SETUP_DATA, &element);
        mmu.load_ram(CMDLINE, &cmdline);
        mmu.load_ram(KERNEL, payload);
        if let Some(initrd) = &self.initrd {
            mmu.load_ram(initrd_at, initrd);
        }
        const { assert!(GDT + GDT_LEN <= ZERO_PAGE) };
        enter_flat(processor, KERNEL as u32, GDT);
        processor.cpu.regs[gpr::SI as usize] = ZERO_PAGE;
    }
}
