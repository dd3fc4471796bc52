//! A processor in any mode, over tables that are sound but for a few bytes, executing any code.

use crate::Input;
use cpu::state::{Segment, TableRegister, event};
use cpu::{EmptyBus, Exit, Processor};
use x86::descriptor::{Descriptor, Rights};
use x86::{Seg, cr0, cr4, eflags, msr};

const GDT: u32 = 0x1000;
const IDT: u32 = 0x2000;
const LDT: u32 = 0x3000;
/// Of 32 bits, of 32 bits and of 16.
const TSS: [u32; 3] = [0x4000, 0x5000, 0x6000];
const HANDLER: u32 = 0x7000;
const CODE: u32 = 0x8000;
const STACK: u32 = 0xF000;
/// Page directory and table; page-directory pointers, directory and tables of PAE.
const DIRECTORY: u32 = 0x1_0000;
const TABLE: u32 = 0x1_1000;
const POINTERS: u32 = 0x1_2000;
const DIRECTORY_PAE: u32 = 0x1_3000;
const TABLE_PAE: u32 = 0x1_4000;
/// What of all this the input may change.
const PATCHED: u32 = 0x1_5000;

/// The 32-bit flat segments by level, in the GDT.
const CODE0: u16 = 0x08;
const DATA0: u16 = 0x10;
const CODE3: u16 = 0x1B;
const DATA3: u16 = 0x23;
const TASK: u16 = 0x30;

fn put(p: &mut Processor, at: u32, v: u64, bytes: usize) {
    p.mmu.load_ram(at.into(), &v.to_le_bytes()[..bytes.min(8)]);
}

/// Descriptors of every kind, gates, tasks, and pages that map every address to itself.
fn tables(p: &mut Processor) {
    let gdt = [
        Descriptor(0),
        Descriptor::segment(0, 0xF_FFFF, 0x9A, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0x92, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0xFA, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0xF2, 0xC),
        Descriptor::segment(LDT, 0x7F, 0x82, 0),
        Descriptor::segment(TSS[0], 0x2FF, 0x8B, 0),
        Descriptor::segment(TSS[1], 0x67, 0x89, 0),
        Descriptor::segment(TSS[2], 0x2B, 0x81, 0),
        Descriptor::gate(CODE0, CODE, 0xEC, 3),
        Descriptor::gate(CODE0, CODE, 0xE4, 2),
        Descriptor::gate(0x38, 0, 0xE5, 0),
        Descriptor::segment(0, 0xFFFF, 0x9A, 0),
        Descriptor::segment(0, 0xFFF, 0x96, 0),
        Descriptor::segment(0, 0xF_FFFF, 0x9E, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0xDA, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0xD2, 0xC),
        Descriptor::segment(0, 0xF_FFFF, 0x12, 0xC),
    ];
    for (n, d) in (0..).zip(gdt) {
        put(p, GDT + 8 * n, d.0, 8);
        put(p, LDT + 8 * n, d.0, 8);
    }
    for vector in 0..64 {
        let kind = [0x8E, 0xEE, 0x8F, 0x86, 0xE5][vector as usize % 5];
        let selector = if kind == 0xE5 { 0x38 } else { CODE0 };
        put(p, IDT + 8 * vector, Descriptor::gate(selector, HANDLER, kind, 0).0, 8);
    }
    for (n, at) in TSS.into_iter().enumerate() {
        let stacks: &[(u32, u64)] = if n == 2 {
            &[(2, STACK as u64), (4, DATA0 as u64), (14, CODE as u64), (0x12, CODE0 as u64)]
        } else {
            &[(4, STACK as u64), (8, DATA0 as u64), (0x1C, DIRECTORY as u64), (0x20, CODE as u64)]
        };
        for (offset, v) in stacks {
            put(p, at + offset, *v, 2);
        }
        for (offset, selector) in [(0x48, DATA0), (0x4C, CODE0), (0x50, DATA0), (0x54, DATA0)] {
            put(p, at + offset, selector.into(), 2);
        }
        put(p, at + 0x66, 0x68, 2);
    }
    put(p, HANDLER, 0xCF_4444_04C4_83FB, 8);
    put(p, DIRECTORY, u64::from(TABLE | 7), 4);
    put(p, DIRECTORY + 4, 0x87, 4);
    put(p, POINTERS, u64::from(DIRECTORY_PAE | 1), 8);
    put(p, DIRECTORY_PAE, u64::from(TABLE_PAE | 7), 8);
    put(p, DIRECTORY_PAE + 8, 0x87, 8);
    for page in 0..256 {
        put(p, TABLE + 4 * page, u64::from(page << 12 | 7), 4);
        put(p, TABLE_PAE + 8 * page, u64::from(page << 12 | 7), 8);
    }
}

/// Control registers, flags and segments of a mode.
fn mode(p: &mut Processor, input: &mut Input<'_>) {
    let (kind, bits) = (input.byte(), input.word());
    let c = &mut p.cpu;
    c.gdtr = TableRegister { base: GDT.into(), limit: 0x8F };
    c.idtr = TableRegister { base: IDT.into(), limit: 0x1FF };
    c.eip = CODE.into();
    c.set_eflags(u32::from(input.word()) & eflags::ALL & !eflags::VM);
    c.cr0 = cr0::ET | u32::from(bits & 0x2E);
    c.cr4 = cr4::OSFXSR;
    if bits & 0x40 != 0 {
        c.cr0 |= cr0::WP | cr0::AM;
        c.set_eflags(c.eflags() | eflags::AC);
    }
    if bits & 0x80 != 0 {
        c.cr4 |= cr4::PSE | cr4::PGE | cr4::DE | cr4::OSXMMEXCPT | cr4::OSXSAVE;
    }
    for (n, bit) in [cr4::VME, cr4::PVI, cr4::SMEP, cr4::SMAP, cr4::UMIP, cr4::TSD].into_iter().enumerate() {
        if bits & 0x200 << n != 0 {
            c.cr4 |= bit;
        }
    }
    for n in 0..4 {
        c.dr[n] = u64::from(CODE) + u64::from(input.byte());
    }
    if bits & 0x100 != 0 {
        c.dr[7] |= u64::from(input.dword() & 0xFFFF_23FF);
    }
    let level3 = kind & 1 != 0;
    let flat = |selector, limit, access: u16| Segment::new(selector, 0, limit, Rights(access));
    match kind >> 1 & 3 {
        0 => {
            c.segs = [Segment::real(0, false); 6];
            c.segs[Seg::Cs as usize] = Segment::real(0, true);
            if level3 {
                // Big real mode.
                let big = Segment { limit: u32::MAX, max: u32::MAX, ..Segment::real(0, false) };
                c.segs[Seg::Ds as usize] = big;
            }
        }
        1 => {
            c.cr0 |= cr0::PE;
            c.set_eflags(c.eflags() | eflags::VM);
            c.segs = [Segment::new(0, 0, 0xFFFF, Rights(0xF3)); 6];
            c.cpl = 3;
        }
        wide => {
            c.cr0 |= cr0::PE;
            c.cpl = if level3 { 3 } else { 0 };
            let (code, data) = if level3 { (CODE3, DATA3) } else { (CODE0, DATA0) };
            let dpl = if level3 { 0x60 } else { 0 };
            let size = if wide == 3 { 0xC000 } else { 0 };
            c.segs = [flat(data, u32::MAX, 0x93 | dpl | size); 6];
            c.segs[Seg::Cs as usize] = flat(code, u32::MAX, 0x9B | dpl | size);
        }
    }
    if c.cr0 & cr0::PE != 0 {
        c.tr = Segment::new(TASK, TSS[0].into(), 0x2FF, Rights(0x8B));
        match kind >> 3 & 3 {
            1 => {
                c.cr0 |= cr0::PG;
                c.cr3 = DIRECTORY.into();
            }
            2 => {
                c.cr0 |= cr0::PG;
                c.cr4 |= cr4::PAE;
                c.cr3 = POINTERS.into();
                c.msr.efer = msr::efer::NXE;
                c.pdpte = [u64::from(DIRECTORY_PAE | 1), 0, 0, 0];
            }
            _ => {}
        }
    }
}

/// Sets a processor up from the first bytes, and has it execute the others.
pub fn processor(data: &[u8]) {
    let mut input = Input(data);
    let Ok(mut p) = Processor::new(1 << 20, Box::new(EmptyBus)) else { return };
    tables(&mut p);
    mode(&mut p, &mut input);
    for n in 0..8 {
        let v = input.word();
        p.cpu.regs[n] = match v >> 13 {
            0 => u64::from(v & 0xFF),
            1 => u64::from(u32::MAX - u32::from(v & 0xFFF)),
            2 => u64::from(GDT + u32::from(v & 0xFFF)),
            3 => u64::from(0x7FFF_F000 + u32::from(v & 0x1FFF)),
            _ => u64::from(v),
        };
    }
    p.cpu.regs[4] = u64::from(STACK - u32::from(input.byte()));
    for _ in 0..input.byte() & 15 {
        let (at, v) = (u32::from(input.word()), input.dword());
        let at = GDT + at * 8 % (PATCHED - GDT) + u32::from(input.byte() & 7);
        let old = p.mmu.ram().slice(at.into(), 4).map_or([0; 4], |b| [b[0], b[1], b[2], b[3]]);
        put(&mut p, at, u64::from(u32::from_le_bytes(old) ^ v), 4);
    }
    let code = input.0;
    p.mmu.load_ram(CODE.into(), &code[..code.len().min(0x4000)]);
    p.state_changed();
    for round in 0..12 {
        let limit = p.cpu.count + 300;
        match p.run(limit) {
            Exit::Limit => p.raise_smi(),
            Exit::Platform => p.enter_smm(),
            Exit::Halted => p.cpu.events |= if round & 1 == 0 { event::NMI } else { event::SMI },
            Exit::Shutdown | Exit::NotHere => break,
        }
    }
}
