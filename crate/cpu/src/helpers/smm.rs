//! System management mode (SDM vol. 3, chapter 35 "System Management Mode"): entering it, and RSM.
//!
//! The state is saved in the 512 bytes that end at SMBASE + FFFFh, by the 32-bit map (table 35-1). What the manual reserves
//! holds the hidden parts of the segment registers, CR4 and the tables' registers. Firmware edits it and copies it as a whole,
//! so nothing there is believed: RSM takes what a processor can hold, and shuts down where the manual says so.
//!
//! The chipset decides where system management memory lies: the machine is told that the mode begins before the state is
//! written ([`crate::Processor::wants_smm`]), and that it has ended by [`event::MAP`].
//!
//! What is absent: restarting an I/O instruction (the revision does not announce it, the word at FF00h is zero), and the
//! I/O state field at FFA4h.

#[cfg(test)]
mod tests;

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Width};
use crate::state::{Segment, TableRegister, event};
use x86::descriptor::Rights;
use x86::smm::{AUTO_HALT, REVISION, REVISION_VALUE, SAVED, SMBASE, save};
use x86::{Seg, cr0, eflags, gpr};

/// Where the handler begins, from SMBASE.
const ENTRY: u64 = 0x8000;
/// Kept with a segment's rights: it may be read through, written through.
const READABLE: u32 = 1 << 16;
const WRITABLE: u32 = 1 << 17;

/// The segment registers in the order of the save map's hidden parts, with their selectors' places.
const SEGMENTS: [(Seg, u64); 6] = [
    (Seg::Es, save::ES),
    (Seg::Cs, save::CS),
    (Seg::Ss, save::SS),
    (Seg::Ds, save::DS),
    (Seg::Fs, save::FS),
    (Seg::Gs, save::GS),
];

/// The general registers' places, by number.
const GENERAL: [u64; 8] =
    [save::EAX, save::ECX, save::EDX, save::EBX, save::ESP, save::EBP, save::ESI, save::EDI];

/// The save map of a processor: where it lies, and access to it by physical address.
struct Map<'x, 'a> {
    x: &'x mut Exec<'a>,
    base: u64,
}

impl Map<'_, '_> {
    fn put(&mut self, at: u64, v: u32) {
        self.x.write_phys(self.place(at), Width::W32, u64::from(v));
    }

    fn get(&mut self, at: u64) -> u32 {
        self.x.read_phys(self.place(at), Width::W32) as u32
    }

    const fn place(&self, at: u64) -> u64 {
        self.base.wrapping_add(at) & 0xFFFF_FFFF
    }

    fn put_segment(&mut self, selector: u64, hidden: u64, s: &Segment) {
        let flag = |on: u8, bit: u32| if on == 0 { 0 } else { bit };
        self.put(selector, u32::from(s.selector));
        self.put(hidden, s.base as u32);
        self.put(hidden + 4, s.limit);
        let usable = flag(s.readable, READABLE) | flag(s.writable, WRITABLE);
        self.put(hidden + 8, u32::from(s.rights.0) | usable);
    }

    fn get_segment(&mut self, selector: u64, hidden: u64) -> Segment {
        let selector = self.get(selector) as u16;
        let rights = self.get(hidden + 8);
        if !Rights(rights as u16).present() {
            return Segment::null(selector);
        }
        let (base, limit) = (self.get(hidden), self.get(hidden + 4));
        Segment {
            readable: u8::from(rights & READABLE != 0),
            writable: u8::from(rights & WRITABLE != 0),
            ..Segment::new(selector, u64::from(base), limit, Rights(rights as u16))
        }
    }
}

/// Enters system management mode: saves the state, and goes on at SMBASE + 8000h in the mode's own (section 35.4 and 35.5).
pub fn enter(x: &mut Exec<'_>) {
    let halted = x.cpu.events & event::HALT != 0;
    save_state(x, halted);
    let c = &mut x.cpu;
    c.smm.active = 1;
    c.smm.nmi_was_blocked = c.nmi_blocked;
    c.nmi_blocked = 1;
    c.events &= !(event::SMI | event::HALT | event::SHADOW | event::SHADOW_SS);
    let paged = c.cr0 & cr0::PG != 0;
    c.cr0 &= !(cr0::PE | cr0::EM | cr0::TS | cr0::PG);
    c.cr4 = 0;
    c.dr[7] = 0x400;
    c.cpl = 0;
    c.set_eflags(eflags::ONE);
    let base = c.smm.base;
    for (seg, _) in SEGMENTS {
        let limits = Segment { limit: u32::MAX, max: u32::MAX, ..Segment::real(0, seg == Seg::Cs) };
        c.segs[seg as usize] = limits;
    }
    let code = &mut c.segs[Seg::Cs as usize];
    (code.selector, code.base) = ((base >> 4) as u16, u64::from(base));
    c.eip = ENTRY;
    c.next_eip = ENTRY;
    if paged {
        x.mmu.flush_all();
    }
    x.mode_changed();
}

fn save_state(x: &mut Exec<'_>, halted: bool) {
    let c = x.cpu.clone();
    let mut map = Map { base: u64::from(c.smm.base) + SAVED, x };
    for at in (0..save::LEN).step_by(4) {
        map.put(at, 0);
    }
    for (n, at) in GENERAL.into_iter().enumerate() {
        map.put(at, c.regs[n] as u32);
    }
    for (n, (seg, selector)) in SEGMENTS.into_iter().enumerate() {
        map.put_segment(selector, save::HIDDEN + 12 * n as u64, c.seg(seg));
    }
    map.put_segment(save::LDTR, save::HIDDEN_LDTR, &c.ldtr);
    map.put_segment(save::TR, save::HIDDEN_TR, &c.tr);
    let values = [
        (save::CR0, c.cr0),
        (save::CR3, c.cr3 as u32),
        (save::CR4, c.cr4),
        (save::EFLAGS, c.eflags()),
        (save::EIP, c.eip as u32),
        (save::DR6, c.dr[6] as u32),
        (save::DR7, c.dr[7] as u32),
        (save::GDT_BASE, c.gdtr.base as u32),
        (save::GDT_LIMIT, u32::from(c.gdtr.limit)),
        (save::IDT_BASE, c.idtr.base as u32),
        (save::IDT_LIMIT, u32::from(c.idtr.limit)),
        (REVISION, REVISION_VALUE),
        (SMBASE, c.smm.base),
        (AUTO_HALT & !3, u32::from(halted) << (8 * (AUTO_HALT & 3))),
    ];
    for (at, v) in values {
        map.put(at, v);
    }
}

/// RSM: back to what was interrupted.
///
/// # Errors
/// #UD outside system management mode.
pub fn rsm(x: &mut Exec<'_>, _: &Insn) -> Result<(), Stop> {
    if x.cpu.smm.active == 0 {
        return Err(x.ud());
    }
    let base = u64::from(x.cpu.smm.base) + SAVED;
    let mut map = Map { x, base };
    let (cr0_new, cr3, cr4) = (map.get(save::CR0), map.get(save::CR3), map.get(save::CR4));
    let regs = GENERAL.map(|at| u64::from(map.get(at)));
    let mut n = 0;
    let segs = SEGMENTS.map(|(_, selector)| {
        n += 1;
        map.get_segment(selector, save::HIDDEN + 12 * (n - 1))
    });
    let (ldtr, tr) =
        (map.get_segment(save::LDTR, save::HIDDEN_LDTR), map.get_segment(save::TR, save::HIDDEN_TR));
    let (flags, eip) = (map.get(save::EFLAGS), map.get(save::EIP));
    let (dr6, dr7) = (map.get(save::DR6), map.get(save::DR7));
    let gdtr = TableRegister { base: map.get(save::GDT_BASE).into(), limit: map.get(save::GDT_LIMIT) as u16 };
    let idtr = TableRegister { base: map.get(save::IDT_BASE).into(), limit: map.get(save::IDT_LIMIT) as u16 };
    let halted = map.get(AUTO_HALT & !3) >> (8 * (AUTO_HALT & 3)) & 1 != 0;
    let smbase = map.get(SMBASE);
    let cr0_new = cr0_new & cr0::ALL | cr0::ET;
    let paged = cr0_new & cr0::PG != 0;
    let impossible = paged && cr0_new & cr0::PE == 0
        || cr0_new & (cr0::NW | cr0::CD) == cr0::NW
        || cr4 & !x.cpu.identity.cr4() != 0;
    let pae = paged && cr4 & x86::cr4::PAE != 0;
    let pdpte = if pae { x.mmu.load_pdptes(u64::from(cr3)) } else { Some(x.cpu.pdpte) };
    let (false, Some(pdpte)) = (impossible, pdpte) else {
        // "Shutdown state" (SDM vol. 2, RSM): the machine's business, like a triple fault.
        x.cpu.events |= event::SHUTDOWN;
        x.leave = true;
        return Ok(());
    };
    let c = &mut x.cpu;
    c.smm.active = 0;
    c.smm.base = smbase;
    c.nmi_blocked = c.smm.nmi_was_blocked;
    (c.cr0, c.cr3, c.cr4, c.pdpte) = (cr0_new, u64::from(cr3), cr4, pdpte);
    c.regs[..GENERAL.len()].copy_from_slice(&regs);
    for ((seg, _), s) in SEGMENTS.into_iter().zip(segs) {
        c.segs[seg as usize] = s;
    }
    (c.ldtr, c.tr, c.gdtr, c.idtr) = (ldtr, tr, gdtr, idtr);
    c.dr[6] = u64::from(dr6);
    c.dr[7] = u64::from(dr7);
    c.set_eflags(flags);
    let unprotected = c.cr0 & cr0::PE == 0;
    c.cpl = if unprotected {
        0
    } else if c.is_v86() {
        3
    } else {
        c.seg(Seg::Ss).rights.dpl()
    };
    c.next_eip = u64::from(eip);
    c.events |= event::MAP | if halted { event::HALT } else { 0 };
    x.mmu.flush_all();
    x.mode_changed();
    Ok(())
}

/// Whether an SMI would be taken now: it waits while another one is handled, and for the instruction after MOV SS or STI.
#[must_use]
pub fn is_ready(x: &Exec<'_>) -> bool {
    let held = event::SHADOW | event::SHADOW_SS | event::SHUTDOWN;
    x.cpu.smm.active == 0 && x.cpu.events & event::SMI != 0 && x.cpu.events & held == 0
}

const _: () = assert!(gpr::SP == 4, "the order of GENERAL is that of the numbers");
