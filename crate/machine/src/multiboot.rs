//! Loading a multiboot kernel (Multiboot Specification 0.6.96, "multiboot 1").
//!
//! The kernel says where it goes either by the addresses in its multiboot header (flag 16) or by being a
//! 32-bit ELF file. Modules follow the kernel, each on its own pages; what we tell the kernel lies in low
//! memory, or after the modules if the kernel itself is there.

use crate::config::Config;
use crate::error::MachineError;
use crate::firmware::{GDT_LEN, enter_flat};
use crate::memory_map::{self, HIGH, LOW_END};
use cpu::Processor;
use serde::{Deserialize, Serialize};
use x86::gpr;

const HEADER_MAGIC: u32 = 0x1BAD_B002;
const LOADER_MAGIC: u32 = 0x2BAD_B002;
/// The header lies in the first 8 KB.
const SEARCH: usize = 8192;
/// Where the information goes unless the kernel is there.
const INFO: u64 = 0x1_0000;
const LOADER_NAME: &str = "PageVM";

/// Flags of the header.
mod wants {
    pub(super) const VIDEO: u32 = 1 << 2;
    /// Bits whose meaning a loader has to know to go on.
    pub(super) const REQUIRED: u32 = 0xFFFF;
    /// Modules on page boundaries, memory information, video information.
    pub(super) const KNOWN: u32 = 7;
    /// Load addresses are in the header.
    pub(super) const ADDRESSES: u32 = 1 << 16;
}

/// Flags of the information structure.
mod has {
    pub(super) const MEMORY: u32 = 1 << 0;
    pub(super) const CMDLINE: u32 = 1 << 2;
    pub(super) const MODULES: u32 = 1 << 3;
    pub(super) const ELF_SECTIONS: u32 = 1 << 5;
    pub(super) const MEMORY_MAP: u32 = 1 << 6;
    pub(super) const LOADER_NAME: u32 = 1 << 9;
    pub(super) const FRAMEBUFFER: u32 = 1 << 12;
}

/// A range of the image and the address it is put at.
type PlacedRange = (u64, std::ops::Range<usize>);

/// A module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Module {
    /// Its contents.
    pub bytes: Vec<u8>,
    /// The string that goes with it.
    pub cmdline: String,
}

/// A kernel that has been checked, with what goes with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Multiboot {
    image: Vec<u8>,
    cmdline: String,
    modules: Vec<Module>,
}

/// A piece of the image and where it goes.
#[derive(Clone, Debug)]
struct Segment {
    at: u64,
    /// In the image.
    from: usize,
    len: usize,
    /// In memory; the rest is zero.
    memory_len: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.at + self.memory_len.max(self.len as u64)
    }
}

/// What the kernel says about itself.
#[derive(Clone, Debug)]
struct Kernel {
    flags: u32,
    entry: u32,
    segments: Vec<Segment>,
    sections: Option<Sections>,
}

/// The section header table of an ELF kernel.
#[derive(Clone, Copy, Debug)]
struct Sections {
    from: usize,
    count: u32,
    entry_len: u32,
    names: u32,
}

/// Everything with its place.
struct Layout {
    kernel: Kernel,
    /// Address and length of each module.
    modules: Vec<(u64, u64)>,
    /// ELF section headers with the addresses of the sections, and the sections loaded for them.
    sections: Option<(u64, Vec<u8>)>,
    extra: Vec<(u64, std::ops::Range<usize>)>,
    info: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn bad(message: impl std::fmt::Display) -> MachineError {
    MachineError::bad_image(format!("multiboot kernel: {message}"))
}

fn truncated() -> MachineError {
    bad("the image is too short; it seems to be truncated")
}

/// Says what is wrong with an image, if anything is.
///
/// # Errors
/// The reason, in words.
pub fn check(image: &[u8]) -> Result<(), MachineError> {
    Kernel::read(image).map(|_| ())
}

impl Kernel {
    fn read(image: &[u8]) -> Result<Self, MachineError> {
        if image.is_empty() {
            return Err(bad("the image is empty"));
        }
        let word = |at| u32_at(image, at);
        let is_header = |at: &usize| {
            let sum = |(a, b): (u32, u32), c: u32| a.wrapping_add(b).wrapping_add(c) == 0;
            word(*at) == Some(HEADER_MAGIC)
                && word(at + 4).zip(word(at + 8)).is_some_and(|(f, c)| sum((HEADER_MAGIC, f), c))
        };
        let Some(at) = (0..image.len().min(SEARCH)).step_by(4).find(is_header) else {
            return Err(bad("not a multiboot kernel: no multiboot header in the first 8 KB"));
        };
        let flags = word(at + 4).unwrap_or(0);
        let unknown = flags & wants::REQUIRED & !wants::KNOWN;
        if unknown != 0 {
            return Err(bad(format!("its header asks for features that do not exist (flags {unknown:#x})")));
        }
        if flags & wants::ADDRESSES != 0 {
            Self::by_header(image, at, flags)
        } else {
            Self::by_elf(image, flags)
        }
    }

    /// The addresses in the header ("a.out kludge").
    fn by_header(image: &[u8], at: usize, flags: u32) -> Result<Self, MachineError> {
        let word = |n: usize| u32_at(image, at + 12 + 4 * n).ok_or_else(truncated);
        let (header, load, load_end, bss_end, entry) = (word(0)?, word(1)?, word(2)?, word(3)?, word(4)?);
        // The header's own address says where in the image `load` is.
        let from = header
            .checked_sub(load)
            .and_then(|before| at.checked_sub(before as usize))
            .ok_or_else(|| bad("its load address does not fit its header's address"))?;
        let len = match load_end {
            0 => image.len() - from,
            end => end.checked_sub(load).ok_or_else(|| bad("it ends before it begins"))? as usize,
        };
        if image.len() - from < len {
            return Err(truncated());
        }
        let memory_len = u64::from(bss_end.saturating_sub(load)).max(len as u64);
        let segments = vec![Segment { at: load.into(), from, len, memory_len }];
        Ok(Self { flags, entry, segments, sections: None })
    }

    fn by_elf(image: &[u8], flags: u32) -> Result<Self, MachineError> {
        const EXECUTABLE: u16 = 2;
        const I386: u16 = 3;
        const LOAD: u32 = 1;
        if image.get(..4) != Some(b"\x7FELF") {
            return Err(bad("it neither has load addresses in its header nor is an ELF file"));
        }
        let half = |at| u16_at(image, at).ok_or_else(truncated);
        let word = |at| u32_at(image, at).ok_or_else(truncated);
        if image.get(4..6) != Some(&[1, 1]) || half(18)? != I386 {
            return Err(bad("an ELF file for another processor: 32-bit x86 is needed"));
        }
        if half(16)? != EXECUTABLE {
            return Err(bad("an ELF file, but not an executable one"));
        }
        let entry = word(24)?;
        let (table, entry_len, count) = (word(28)? as usize, usize::from(half(42)?), usize::from(half(44)?));
        let mut physical_entry = entry;
        let mut segments = Vec::new();
        for n in 0..count {
            let at = table.saturating_add(n * entry_len);
            if word(at)? != LOAD {
                continue;
            }
            let (from, virt, phys) = (word(at + 4)? as usize, word(at + 8)?, word(at + 12)?);
            let (len, memory_len) = (word(at + 16)? as usize, word(at + 20)?);
            if from.checked_add(len).is_none_or(|end| end > image.len()) {
                return Err(truncated());
            }
            if entry.wrapping_sub(virt) < memory_len {
                // The entry point is a virtual address; paging is off.
                physical_entry = entry.wrapping_sub(virt).wrapping_add(phys);
            }
            let memory_len = u64::from(memory_len).max(len as u64);
            if memory_len != 0 {
                segments.push(Segment { at: phys.into(), from, len, memory_len });
            }
        }
        if segments.is_empty() {
            return Err(bad("an ELF file with nothing to load"));
        }
        let (from, sections) = (word(32)? as usize, u32::from(half(48)?));
        let (section_len, names) = (u32::from(half(46)?), u32::from(half(50)?));
        let inside = from.saturating_add((sections * section_len) as usize) <= image.len();
        let sections = (from != 0 && sections != 0 && section_len >= 40 && inside).then_some(Sections {
            from,
            count: sections,
            entry_len: section_len,
            names,
        });
        Ok(Self { flags, entry: physical_entry, segments, sections })
    }
}

fn page_up(at: u64) -> u64 {
    at.div_ceil(0x1000) * 0x1000
}

impl Multiboot {
    /// Checks that it can be booted in `ram` bytes.
    pub(crate) fn new(
        image: Vec<u8>,
        cmdline: &str,
        modules: Vec<Module>,
        ram: u64,
    ) -> Result<Self, MachineError> {
        let multiboot = Self { image, cmdline: cmdline.to_owned(), modules };
        multiboot.layout(ram)?;
        Ok(multiboot)
    }

    /// True if it could have been made by [`Multiboot::new`]: for one that comes from a snapshot.
    pub(crate) fn is_sound(&self, ram: u64) -> bool {
        self.layout(ram).is_ok()
    }

    fn layout(&self, ram: u64) -> Result<Layout, MachineError> {
        let kernel = Kernel::read(&self.image)?;
        for segment in &kernel.segments {
            let low = segment.at >= 0x500 && segment.end() <= LOW_END;
            let high = segment.at >= HIGH && segment.end() <= ram;
            if !low && !high {
                let (at, end) = (segment.at, segment.end());
                let message =
                    format!("multiboot kernel: it wants memory at {at:#x} to {end:#x}, where there is none");
                return Err(MachineError::too_large(message));
            }
        }
        let kernel_end = kernel.segments.iter().map(Segment::end).max().unwrap_or(0);
        let mut free = page_up(kernel_end.max(HIGH));
        let (sections, extra) = self.place_sections(&kernel, &mut free);
        let mut modules = Vec::new();
        for module in &self.modules {
            let len = module.bytes.len() as u64;
            if len > ram.saturating_sub(free) {
                let n = modules.len() + 1;
                return Err(MachineError::too_large(format!(
                    "module {n}: its {len} bytes do not fit into the machine's {} MB of memory",
                    ram >> 20
                )));
            }
            modules.push((free, len));
            free = page_up(free + len);
        }
        // The size of the information does not depend on its place.
        let mut layout = Layout { kernel, modules, sections, extra, info: 0 };
        let len = self.info(&layout, ram).len() as u64;
        let taken = |s: &Segment| s.at < INFO + len && s.end() > INFO;
        layout.info =
            if INFO + len <= LOW_END && !layout.kernel.segments.iter().any(taken) { INFO } else { free };
        if layout.info + len > ram {
            return Err(MachineError::too_large("multiboot kernel: no room for the information it is given"));
        }
        Ok(layout)
    }

    /// Gives the sections that are not loaded (symbols, names) a place, and makes the table that says so.
    fn place_sections(&self, kernel: &Kernel, free: &mut u64) -> (Option<(u64, Vec<u8>)>, Vec<PlacedRange>) {
        const NO_CONTENTS: u32 = 8;
        let Some(Sections { from, count, entry_len, .. }) = kernel.sections else {
            return (None, Vec::new());
        };
        let Some(table) = self.image.get(from..from + (count * entry_len) as usize) else {
            return (None, Vec::new());
        };
        let mut table = table.to_vec();
        let mut extra = Vec::new();
        for header in table.chunks_exact_mut(entry_len as usize) {
            let field = |n: usize| u32_at(header, 4 * n).unwrap_or(0);
            let (kind, addr, offset, len) = (field(1), field(3), field(4) as usize, field(5) as usize);
            let inside = offset.checked_add(len).is_some_and(|end| end <= self.image.len());
            if addr == 0 && len != 0 && kind != 0 && kind != NO_CONTENTS && inside {
                extra.push((*free, offset..offset + len));
                if let Some(addr) = header.get_mut(12..16) {
                    addr.copy_from_slice(&(*free as u32).to_le_bytes());
                }
                *free += (len as u64).div_ceil(16) * 16;
            }
        }
        let at = *free;
        *free = page_up(at + table.len() as u64);
        (Some((at, table)), extra)
    }

    /// Descriptor table, information structure, and all it points to but the modules.
    fn info(&self, layout: &Layout, ram: u64) -> Vec<u8> {
        const LEN: usize = 116;
        let Layout { kernel, modules, sections, extra: _, info: base } = layout;
        let gdt = GDT_LEN as usize;
        let mut out = vec![0; gdt + LEN + 4];
        let append = |out: &mut Vec<u8>, bytes: &[u8]| {
            let at = base + out.len() as u64;
            out.extend_from_slice(bytes);
            at as u32
        };
        let string = |out: &mut Vec<u8>, s: &str| {
            let bytes: Vec<u8> = s.bytes().take_while(|b| *b != 0).chain([0]).collect();
            append(out, &bytes)
        };
        let mut fields: Vec<(usize, u32)> = Vec::new();
        let mut flags = has::MEMORY | has::CMDLINE | has::MEMORY_MAP | has::LOADER_NAME;
        fields.push((4, (LOW_END >> 10) as u32));
        fields.push((8, ((ram - HIGH) >> 10) as u32));
        fields.push((16, string(&mut out, &self.cmdline)));
        fields.push((64, string(&mut out, LOADER_NAME)));
        let strings: Vec<u32> = self.modules.iter().map(|m| string(&mut out, &m.cmdline)).collect();
        out.resize(out.len().div_ceil(8) * 8, 0);
        if !modules.is_empty() {
            flags |= has::MODULES;
            let mut list = Vec::new();
            for ((at, len), string) in modules.iter().zip(strings) {
                for word in [*at as u32, (at + len) as u32, string, 0] {
                    list.extend(word.to_le_bytes());
                }
            }
            fields.push((20, modules.len() as u32));
            fields.push((24, append(&mut out, &list)));
        }
        if let (Some((at, _)), Some(s)) = (sections, kernel.sections) {
            flags |= has::ELF_SECTIONS;
            fields.extend([(28, s.count), (32, s.entry_len), (36, *at as u32), (40, s.names)]);
        }
        let mut map = Vec::new();
        for range in memory_map::e820(ram) {
            map.extend(20u32.to_le_bytes());
            map.extend(range.base.to_le_bytes());
            map.extend(range.len.to_le_bytes());
            map.extend((range.kind as u32).to_le_bytes());
        }
        fields.push((44, map.len() as u32));
        fields.push((48, append(&mut out, &map)));
        if kernel.flags & wants::VIDEO != 0 {
            // The text screen: address, bytes per row, columns, rows, bits per cell, type 2.
            flags |= has::FRAMEBUFFER;
            fields.extend([(88, 0xB8000), (96, 160), (100, 80), (104, 25), (108, 0x0000_0210)]);
        }
        fields.push((0, flags));
        for (at, value) in fields {
            if let Some(to) = out.get_mut(gdt + at..gdt + at + 4) {
                to.copy_from_slice(&value.to_le_bytes());
            }
        }
        out
    }

    /// Loads everything and sets the processor at the entry point.
    pub(crate) fn enter(&self, config: &Config, processor: &mut Processor) {
        let ram = config.memory_bytes();
        // Checked when it was made; the machine stays halted if that should not hold.
        let Ok(layout) = self.layout(ram) else { return };
        let mmu = &mut processor.mmu;
        for segment in &layout.kernel.segments {
            // RAM is zero, so what follows the contents is, too.
            mmu.load_ram(segment.at, self.image.get(segment.from..segment.from + segment.len).unwrap_or(&[]));
        }
        for ((at, _), module) in layout.modules.iter().zip(&self.modules) {
            mmu.load_ram(*at, &module.bytes);
        }
        for (at, range) in &layout.extra {
            mmu.load_ram(*at, self.image.get(range.clone()).unwrap_or(&[]));
        }
        if let Some((at, table)) = &layout.sections {
            mmu.load_ram(*at, table);
        }
        mmu.load_ram(layout.info, &self.info(&layout, ram));
        enter_flat(processor, layout.kernel.entry, layout.info);
        processor.cpu.regs[gpr::AX as usize] = LOADER_MAGIC.into();
        processor.cpu.regs[gpr::BX as usize] = layout.info + GDT_LEN;
    }
}
