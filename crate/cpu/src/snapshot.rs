//! The processor's saved state: `CpuV2`, with the architectural TLB.

use crate::exec::Processor;
use crate::flags::Flags;
use crate::float::F80;
use crate::mmu::Translation;
use crate::state::{Fpu, Msrs, Mtrrs, Segment, Smm, TableRegister};
use bus::{Saved, SnapshotError, decode, encode};
use serde::{Deserialize, Serialize};
use x86::descriptor::Rights;
use x86::eflags;

const PART: &str = "cpu";
const VERSION: u16 = 2;

#[derive(Serialize, Deserialize)]
struct SegmentV1 {
    selector: u16,
    base: u64,
    limit: u32,
    rights: u16,
    min: u32,
    max: u32,
    readable: u8,
    writable: u8,
}

#[derive(Serialize, Deserialize)]
struct TranslationV1 {
    lin: u64,
    page: u64,
    /// writable, user, no-execute, dirty, global.
    bits: u8,
    shift: u8,
}

#[derive(Serialize, Deserialize)]
struct FpuV1 {
    st: [(u64, u16); 8],
    control: u16,
    status: u16,
    empty: u8,
    opcode: u16,
    code_selector: u16,
    data_selector: u16,
    code_offset: u64,
    data_offset: u64,
}

#[derive(Serialize, Deserialize)]
struct CpuV2 {
    regs: [u64; 16],
    eip: u64,
    eflags: u32,
    events: u32,
    cpl: u8,
    nmi_blocked: u8,
    /// In system management mode, NMIs blocked before it, SMBASE.
    smm: (u8, u8, u32),
    count: u64,
    segs: [SegmentV1; 6],
    ldtr: SegmentV1,
    tr: SegmentV1,
    gdtr: (u64, u16),
    idtr: (u64, u16),
    cr0: u32,
    cr4: u32,
    cr2: u64,
    cr3: u64,
    pdpte: [u64; 4],
    dr: [u64; 8],
    msr: [u64; 10],
    mtrr_fixed: [u64; 11],
    mtrr_ranges: [[u64; 2]; 8],
    xcr0: u64,
    fpu: FpuV1,
    xmm: [[u64; 2]; 16],
    mxcsr: u32,
    tlb: Vec<TranslationV1>,
}

fn save_segment(s: &Segment) -> SegmentV1 {
    let Segment { base, min, max, limit, rights, selector, readable, writable } = *s;
    SegmentV1 { selector, base, limit, rights: rights.0, min, max, readable, writable }
}

fn load_segment(s: &SegmentV1) -> Segment {
    let SegmentV1 { selector, base, limit, rights, min, max, readable, writable } = *s;
    Segment { base, min, max, limit, rights: Rights(rights), selector, readable, writable }
}

impl Processor {
    /// Name and version of the saved part.
    #[must_use]
    pub const fn saved_as() -> (&'static str, u16) {
        (PART, VERSION)
    }

    /// The processor's state, RAM left out.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let crate::state::Cpu {
            regs,
            eip,
            next_eip: _,
            flags: _,
            eflags: _,
            mode: _,
            events,
            intr: _,
            cpl,
            nmi_blocked,
            smm,
            count,
            segs,
            ldtr,
            tr,
            gdtr,
            idtr,
            cr0,
            cr4,
            cr2,
            cr3,
            pdpte,
            dr,
            msr,
            mtrr: Mtrrs { fixed: mtrr_fixed, ranges: mtrr_ranges },
            xcr0,
            fpu,
            xmm,
            mxcsr,
            fault: _,
            identity: _,
        } = &self.cpu;
        let Fpu {
            st,
            control,
            status,
            empty,
            opcode,
            code_selector,
            data_selector,
            code_offset,
            data_offset,
        } = *fpu;
        let mut gprs = [0; 16];
        gprs.copy_from_slice(&regs[..16]);
        encode(&CpuV2 {
            regs: gprs,
            eip: *eip,
            eflags: self.cpu.eflags(),
            events: *events,
            cpl: *cpl,
            nmi_blocked: *nmi_blocked,
            smm: (smm.active, smm.nmi_was_blocked, smm.base),
            count: *count,
            segs: std::array::from_fn(|n| save_segment(&segs[n])),
            ldtr: save_segment(ldtr),
            tr: save_segment(tr),
            gdtr: (gdtr.base, gdtr.limit),
            idtr: (idtr.base, idtr.limit),
            cr0: *cr0,
            cr4: *cr4,
            cr2: *cr2,
            cr3: *cr3,
            pdpte: *pdpte,
            dr: *dr,
            msr: msr.values(),
            mtrr_fixed: *mtrr_fixed,
            mtrr_ranges: *mtrr_ranges,
            xcr0: *xcr0,
            fpu: FpuV1 {
                st: st.map(|v| (v.mant, v.se)),
                control,
                status,
                empty,
                opcode,
                code_selector,
                data_selector,
                code_offset,
                data_offset,
            },
            xmm: *xmm,
            mxcsr: *mxcsr,
            tlb: self.mmu.tlb().sorted().into_iter().map(|(lin, t)| save_translation(lin, t)).collect(),
        })
    }

    /// Takes over a saved state. On error nothing has changed.
    ///
    /// # Errors
    /// Another version, damaged bytes, or values no processor can have.
    pub fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != VERSION {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let v: CpuV2 = decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        if v.cpl > 3 {
            return invalid("privilege level above 3");
        }
        if v.tlb.iter().any(|t| !matches!(t.shift, 12 | 21 | 22)) {
            return invalid("a page size that does not exist");
        }
        let c = &mut self.cpu;
        c.regs = [0; 32];
        c.regs[..16].copy_from_slice(&v.regs);
        c.eip = v.eip;
        c.next_eip = v.eip;
        c.flags = Flags::of_status(v.eflags);
        c.eflags = v.eflags & c.identity.eflags() & !eflags::STATUS | eflags::ONE;
        c.events = v.events;
        c.cpl = v.cpl;
        c.nmi_blocked = v.nmi_blocked;
        c.smm = Smm { active: v.smm.0, nmi_was_blocked: v.smm.1, base: v.smm.2 };
        c.count = v.count;
        c.segs = std::array::from_fn(|n| load_segment(&v.segs[n]));
        c.ldtr = load_segment(&v.ldtr);
        c.tr = load_segment(&v.tr);
        c.gdtr = TableRegister { base: v.gdtr.0, limit: v.gdtr.1 };
        c.idtr = TableRegister { base: v.idtr.0, limit: v.idtr.1 };
        (c.cr0, c.cr4, c.cr2, c.cr3, c.pdpte, c.dr) = (v.cr0, v.cr4, v.cr2, v.cr3, v.pdpte, v.dr);
        c.msr = Msrs::of(v.msr);
        c.mtrr = Mtrrs { fixed: v.mtrr_fixed, ranges: v.mtrr_ranges };
        c.xcr0 = v.xcr0;
        let FpuV1 {
            st,
            control,
            status,
            empty,
            opcode,
            code_selector,
            data_selector,
            code_offset,
            data_offset,
        } = v.fpu;
        c.fpu = Fpu {
            st: st.map(|(mant, se)| F80 { mant, se }),
            control,
            status,
            empty,
            opcode,
            code_selector,
            data_selector,
            code_offset,
            data_offset,
        };
        c.xmm = v.xmm;
        c.mxcsr = v.mxcsr;
        self.drop_blocks();
        let entries: Vec<_> = v.tlb.iter().map(load_translation).collect();
        self.mmu.restore_tlb(&entries);
        self.state_changed();
        Ok(())
    }
}

fn save_translation(lin: u64, t: Translation) -> TranslationV1 {
    let Translation { page, writable, user, no_execute, dirty, global, shift } = t;
    let bits =
        [writable, user, no_execute, dirty, global].iter().rev().fold(0, |b, &on| b << 1 | u8::from(on));
    TranslationV1 { lin, page, bits, shift }
}

fn load_translation(t: &TranslationV1) -> (u64, Translation) {
    let on = |n: u8| t.bits >> n & 1 != 0;
    let translation = Translation {
        page: t.page,
        writable: on(0),
        user: on(1),
        no_execute: on(2),
        dirty: on(3),
        global: on(4),
        shift: t.shift,
    };
    (t.lin, translation)
}
