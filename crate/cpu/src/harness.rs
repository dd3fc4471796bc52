//! The processor harness: one processor over flat RAM and an empty bus, all of whose state can be set and
//! read. Tests drive it, natively and (everything that crosses its face is plain data) through wasm.

use crate::exec::{Exit, Processor};
use crate::float::F80;
use crate::mmu::OutOfMemory;
use crate::platform::EmptyBus;
use crate::state::{Cpu, Fpu, Msrs, Mtrrs, Segment, TableRegister, event};
use serde::{Deserialize, Serialize};
use x86::cr0;
use x86::descriptor::Rights;

/// A segment register: the selector and the hidden part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentState {
    /// Selector.
    pub selector: u16,
    /// Base.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u32,
    /// Access byte and, in bits 12 to 15, the flags of the descriptor. 0: the segment is not usable.
    pub rights: u16,
}

/// GDTR or IDTR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableState {
    /// Base.
    pub base: u64,
    /// Limit in bytes.
    pub limit: u16,
}

/// The x87 unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct X87State {
    /// Physical registers R0 to R7 as they stand in memory: significand, then sign and exponent. MMX
    /// registers are the first eight bytes.
    pub registers: [[u8; 10]; 8],
    /// Control word.
    pub control: u16,
    /// Status word, TOP included.
    pub status: u16,
    /// Bit i set: R*i* is empty.
    pub empty: u8,
    /// Last opcode.
    pub opcode: u16,
    /// Last instruction's selector.
    pub code_selector: u16,
    /// Last instruction's offset.
    pub code_offset: u64,
    /// Last data operand's selector.
    pub data_selector: u16,
    /// Last data operand's offset.
    pub data_offset: u64,
}

/// All state of the processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the registers' names are the documentation")]
pub struct State {
    /// In the order of their numbers: AX, CX, DX, BX, SP, BP, SI, DI, R8 to R15.
    pub gpr: [u64; 16],
    pub eip: u64,
    /// As PUSHF shows it, RF and VM included.
    pub eflags: u32,
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [SegmentState; 6],
    pub ldtr: SegmentState,
    pub tr: SegmentState,
    pub gdtr: TableState,
    pub idtr: TableState,
    pub cr0: u32,
    pub cr2: u64,
    pub cr3: u64,
    pub cr4: u32,
    /// Page-directory-pointer entries as loaded with CR3.
    pub pdpte: [u64; 4],
    pub dr: [u64; 8],
    pub cpl: u8,
    /// Model-specific registers: SYSENTER_CS, _ESP, _EIP, EFER, PAT, APIC_BASE, MISC_ENABLE,
    /// MTRR_DEF_TYPE, MCG_STATUS, and what WRMSR added to the time-stamp counter.
    pub msr: [u64; 10],
    /// Fixed memory-type ranges, then base and mask of each variable one.
    pub mtrr_fixed: [u64; 11],
    pub mtrr_ranges: [[u64; 2]; 8],
    /// XCR0.
    pub xcr0: u64,
    pub x87: X87State,
    pub xmm: [[u8; 16]; 16],
    pub mxcsr: u32,
    /// Waiting for an interrupt.
    pub halted: bool,
    /// In shutdown.
    pub shutdown: bool,
    /// The next instruction is in the shadow of STI (1) or of MOV SS or POP SS (3).
    pub shadow: u8,
    /// NMI is blocked until IRET.
    pub nmi_blocked: bool,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ended {
    /// All instructions asked for were executed.
    Done,
    /// At a HLT.
    Halted,
    /// By a triple fault.
    Shutdown,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Harness {
    processor: Processor,
}

impl Harness {
    /// A processor at reset over `ram_bytes` of RAM at physical address 0.
    ///
    /// # Errors
    /// When the host does not have that much memory.
    pub fn new(ram_bytes: u64) -> Result<Self, OutOfMemory> {
        Ok(Self { processor: Processor::new(ram_bytes, Box::new(EmptyBus))? })
    }

    /// Back to the state after power-on; memory keeps its content.
    pub fn reset(&mut self) {
        self.processor.reset();
        self.processor.state_changed();
    }

    /// Instructions executed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.processor.cpu.count
    }

    /// Executes `n` instructions at most.
    pub fn run(&mut self, n: u64) -> Ended {
        let limit = self.count().saturating_add(n);
        self.processor.begin_slice();
        match self.processor.run(limit) {
            // An empty bus never asks for anything, and all memory is there.
            Exit::Limit | Exit::Platform | Exit::NotHere => Ended::Done,
            Exit::Halted => Ended::Halted,
            Exit::Shutdown => Ended::Shutdown,
        }
    }

    /// Executes one instruction; of a repeated string instruction, one iteration.
    pub fn step(&mut self) -> Ended {
        self.run(1)
    }

    /// Executes until HLT, but no more than `most` instructions.
    pub fn run_to_halt(&mut self, most: u64) -> Ended {
        self.run(most)
    }

    /// Copies bytes to RAM; false if they do not fit.
    pub fn write_memory(&mut self, addr: u64, bytes: &[u8]) -> bool {
        let done = self.processor.mmu.load_ram(addr, bytes);
        self.processor.state_changed();
        done
    }

    /// Copies bytes from RAM; empty if they are not all there.
    #[must_use]
    pub fn read_memory(&self, addr: u64, len: usize) -> Vec<u8> {
        self.processor.mmu.ram().slice(addr, len).unwrap_or_default().to_vec()
    }

    /// The processor itself, for tests that reach further than this face.
    pub fn processor(&mut self) -> &mut Processor {
        &mut self.processor
    }

    /// All state.
    #[must_use]
    pub fn state(&self) -> State {
        let cpu = &self.processor.cpu;
        let Cpu {
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
            smm: _,
            count: _,
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
            mtrr,
            xcr0,
            fpu,
            xmm,
            mxcsr,
            fault: _,
            identity: _,
        } = cpu;
        State {
            gpr: std::array::from_fn(|n| regs[n]),
            eip: *eip,
            eflags: cpu.eflags(),
            segments: segs.map(segment_state),
            ldtr: segment_state(*ldtr),
            tr: segment_state(*tr),
            gdtr: TableState { base: gdtr.base, limit: gdtr.limit },
            idtr: TableState { base: idtr.base, limit: idtr.limit },
            cr0: *cr0,
            cr2: *cr2,
            cr3: *cr3,
            cr4: *cr4,
            pdpte: *pdpte,
            dr: *dr,
            cpl: *cpl,
            msr: msr.values(),
            mtrr_fixed: mtrr.fixed,
            mtrr_ranges: mtrr.ranges,
            xcr0: *xcr0,
            x87: x87_state(fpu),
            xmm: xmm.map(|[low, high]| (u128::from(high) << 64 | u128::from(low)).to_le_bytes()),
            mxcsr: *mxcsr,
            halted: events & event::HALT != 0,
            shutdown: events & event::SHUTDOWN != 0,
            shadow: (events & event::SHADOW != 0) as u8 | ((events & event::SHADOW_SS != 0) as u8) << 1,
            nmi_blocked: *nmi_blocked != 0,
        }
    }

    /// Sets all state; translations held are dropped.
    pub fn set_state(&mut self, s: &State) {
        let State {
            gpr,
            eip,
            eflags,
            segments,
            ldtr,
            tr,
            gdtr,
            idtr,
            cr0,
            cr2,
            cr3,
            cr4,
            pdpte,
            dr,
            cpl,
            msr,
            mtrr_fixed,
            mtrr_ranges,
            xcr0,
            x87,
            xmm,
            mxcsr,
            halted,
            shutdown,
            shadow,
            nmi_blocked,
        } = s;
        let set = |on: bool, bit: u32| if on { bit } else { 0 };
        let cpu = &mut self.processor.cpu;
        cpu.regs[..16].copy_from_slice(gpr);
        cpu.eip = *eip;
        cpu.next_eip = *eip;
        cpu.events = set(*halted, event::HALT)
            | set(*shutdown, event::SHUTDOWN)
            | set(*shadow & 1 != 0, event::SHADOW)
            | set(*shadow & 2 != 0, event::SHADOW_SS);
        cpu.dr = *dr;
        cpu.cr0 = *cr0;
        cpu.set_eflags(*eflags);
        let protected = cpu.is_protected();
        cpu.segs = segments.map(|s| segment(s, protected));
        cpu.ldtr = segment(*ldtr, true);
        cpu.tr = segment(*tr, true);
        cpu.gdtr = TableRegister { base: gdtr.base, limit: gdtr.limit };
        cpu.idtr = TableRegister { base: idtr.base, limit: idtr.limit };
        (cpu.cr2, cpu.cr3, cpu.cr4, cpu.pdpte, cpu.cpl) = (*cr2, *cr3, *cr4, *pdpte, *cpl);
        cpu.nmi_blocked = u8::from(*nmi_blocked);
        cpu.msr = Msrs::of(*msr);
        cpu.mtrr = Mtrrs { fixed: *mtrr_fixed, ranges: *mtrr_ranges };
        cpu.xcr0 = *xcr0;
        cpu.fpu = fpu(x87);
        cpu.xmm = xmm.map(|b| {
            let v = u128::from_le_bytes(b);
            [v as u64, (v >> 64) as u64]
        });
        cpu.mxcsr = *mxcsr;
        self.processor.mmu.flush_all();
        self.processor.state_changed();
    }
}

impl State {
    /// Whether paging is on.
    #[must_use]
    pub const fn paging(&self) -> bool {
        self.cr0 & cr0::PG != 0
    }
}

fn segment_state(s: Segment) -> SegmentState {
    // `min` and `max` follow from the limit and the rights, the permissions from the rights and the mode.
    let Segment { base, min: _, max: _, limit, rights, selector, readable: _, writable: _ } = s;
    SegmentState { selector, base, limit, rights: rights.0 }
}

fn segment(s: SegmentState, protected: bool) -> Segment {
    if s.rights == 0 {
        return Segment { base: s.base, limit: s.limit, ..Segment::null(s.selector) };
    }
    let mut out = Segment::new(s.selector, s.base, s.limit, Rights(s.rights));
    if !protected {
        (out.readable, out.writable) = (1, 1);
    }
    out
}

fn x87_state(f: &Fpu) -> X87State {
    let Fpu { st, control, status, empty, opcode, code_selector, data_selector, code_offset, data_offset } =
        *f;
    X87State {
        registers: st.map(F80::to_bytes),
        control,
        status,
        empty,
        opcode,
        code_selector,
        code_offset,
        data_selector,
        data_offset,
    }
}

fn fpu(s: &X87State) -> Fpu {
    let X87State {
        registers,
        control,
        status,
        empty,
        opcode,
        code_selector,
        code_offset,
        data_selector,
        data_offset,
    } = *s;
    Fpu {
        st: registers.map(F80::from_bytes),
        control,
        status,
        empty,
        opcode,
        code_selector,
        data_selector,
        code_offset,
        data_offset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86::gpr;

    const RAM: u64 = 1 << 20;

    fn real_mode(code: &[u8]) -> Harness {
        let mut h = Harness::new(RAM).expect("host memory");
        let mut s = h.state();
        s.eip = 0x100;
        s.segments[1] = SegmentState { selector: 0, base: 0, limit: 0xFFFF, rights: 0x9B };
        h.set_state(&s);
        assert!(h.write_memory(0x100, code));
        h
    }

    #[test]
    fn what_is_set_is_read_back() {
        let mut h = Harness::new(RAM).expect("host memory");
        let mut s = h.state();
        for (n, r) in s.gpr.iter_mut().enumerate() {
            *r = 0x1234_5678 + n as u64;
        }
        s.eflags = 0x246;
        s.cr2 = 0xDEAD_B000;
        s.mxcsr = 0x7F80;
        s.xmm[7] = std::array::from_fn(|n| n as u8);
        s.x87.registers[3] = [1, 2, 3, 4, 5, 6, 7, 0x88, 0xFF, 0x3F];
        s.x87.status = 3 << 11;
        s.x87.empty = 0xF7;
        s.segments[3] = SegmentState { selector: 0x1234, base: 0x5_4321, limit: 0xF_FFFF, rights: 0x4093 };
        s.shadow = 3;
        h.set_state(&s);
        assert_eq!(h.state(), s);
        let again = h.state();
        h.set_state(&again);
        assert_eq!(h.state(), s);
    }

    #[test]
    fn the_state_after_power_on_survives_a_round_trip() {
        let mut h = Harness::new(RAM).expect("host memory");
        let before = h.processor().cpu.clone();
        let s = h.state();
        h.set_state(&s);
        assert_eq!(h.processor().cpu, before);
    }

    #[test]
    fn runs_to_halt_counts_and_single_steps() {
        // mov ax, 5; inc ax; hlt
        let mut h = real_mode(&[0xB8, 5, 0, 0x40, 0xF4]);
        assert_eq!(h.step(), Ended::Done);
        assert_eq!((h.state().gpr[gpr::AX as usize], h.state().eip), (5, 0x103));
        assert_eq!(h.run_to_halt(100), Ended::Halted);
        let s = h.state();
        assert_eq!((s.gpr[gpr::AX as usize], s.eip, s.halted), (6, 0x105, true));
        assert_eq!(h.count(), 3);
    }

    #[test]
    fn changed_code_is_seen() {
        let mut h = real_mode(&[0x40, 0xEB, 0xFD]);
        assert_eq!(h.run(20), Ended::Done);
        assert!(h.write_memory(0x100, &[0xF4]));
        assert_eq!(h.run_to_halt(3), Ended::Halted);
    }

    #[test]
    fn memory_outside_ram_is_refused() {
        let mut h = Harness::new(RAM).expect("host memory");
        assert!(!h.write_memory(RAM - 1, &[1, 2]));
        assert!(h.read_memory(RAM - 1, 2).is_empty());
    }
}
