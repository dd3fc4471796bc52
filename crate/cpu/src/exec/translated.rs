//! What translated code shares with the processor: where it finds the state, and the calls it makes.

mod sse;

use super::Exec;
use crate::fault::Stop;
use crate::flags::Flags;
use crate::float::F80;
use crate::insn::{Helper, Insn, Op, Width};
use crate::micro::FlagOp;
use crate::mmu::{CLASSES, Class, FAST_SLOTS, Tags, Target};
use crate::state::{Cpu, Fpu, Segment, event};
use std::mem::{offset_of, size_of};
use std::rc::Rc;
use x86::{Seg, eflags};

pub use sse::{SseCall, SseDone};

/// What a translated function leaves behind for the processor, and takes from it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Link {
    /// Budget left, in instructions.
    pub left: u32,
    /// How the flags were set, as [`kind_bits`] has it: 0 if they are in the state, else [`Link::flags`] says.
    pub kind: u32,
    /// Its operands.
    pub a: u32,
    /// For increments, which keep CF: CF.
    pub b: u32,
    /// Its result.
    pub r: u32,
    /// The region that was left.
    pub region: u32,
    /// The tags of what is found through the TLB at present.
    pub tag_any: u64,
    /// The other one.
    pub tag_global: u64,
    /// The count of instructions at which the budget is used up.
    pub base: u64,
    /// How the run that the interpreter did for translated code ended.
    pub stepped: Option<Stop>,
    /// What an x87 call takes or gives of ten bytes.
    pub x: F80,
    /// Vector operands of a call; the first is also where results go.
    pub vectors: [[u64; 2]; 2],
}

/// Where translated code finds things: offsets from the address of the [`Exec`], and addresses in its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// General register 0; eight bytes each.
    pub regs: u32,
    /// `cpu.eip`.
    pub eip: u32,
    /// `cpu.flags.res`.
    pub flags_res: u32,
    /// `cpu.flags.aux`.
    pub flags_aux: u32,
    /// What the last slow read gave.
    pub loaded: u32,
    /// SSE register 0; 16 bytes each.
    pub xmm: u32,
    /// x87 register R0; 16 bytes each.
    pub st: u32,
    /// The x87 control word.
    pub x87_control: u32,
    /// The x87 status word.
    pub x87_status: u32,
    /// Which x87 registers are empty.
    pub x87_empty: u32,
    /// Opcode of the last x87 instruction.
    pub x87_opcode: u32,
    /// Selector of its code.
    pub x87_code_selector: u32,
    /// Offset of its code.
    pub x87_code_offset: u32,
    /// Selector of its data.
    pub x87_data_selector: u32,
    /// Offset of its data.
    pub x87_data_offset: u32,
    /// [`Link::x`].
    pub x: u32,
    /// MXCSR.
    pub mxcsr: u32,
    /// [`Link::vectors`].
    pub vectors: u32,
    /// [`Link::left`].
    pub left: u32,
    /// [`Link::kind`].
    pub kind: u32,
    /// [`Link::a`].
    pub a: u32,
    /// [`Link::b`].
    pub b: u32,
    /// [`Link::r`].
    pub r: u32,
    /// [`Link::region`].
    pub region: u32,
    /// [`Link::tag_any`].
    pub tag_any: u32,
    /// [`Link::tag_global`].
    pub tag_global: u32,
    /// The first segment register.
    pub segs: u32,
    /// Bytes of a segment register.
    pub seg_size: u32,
    /// Offset in it of the lowest valid offset.
    pub seg_min: u32,
    /// Offset in it of the highest valid offset.
    pub seg_max: u32,
    /// Offset in it of whether it may be read.
    pub seg_readable: u32,
    /// Offset in it of whether it may be written.
    pub seg_writable: u32,
    /// Offset in it of the selector.
    pub seg_selector: u32,
    /// Addresses of the fast tables of each access class.
    pub tables: [FastTables; CLASSES],
    /// Mask of a table's slots.
    pub slots: u32,
    /// Address of guest RAM.
    pub ram: u32,
}

/// Where the fast tables of an access class are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastTables {
    /// Address of that for reading.
    pub read: u32,
    /// Address of that for writing.
    pub write: u32,
}

impl Layout {
    /// The fast tables of code under these mode bits.
    #[must_use]
    pub const fn tables(&self, mode_bits: u32) -> FastTables {
        self.tables[Class::of(mode_bits) as usize]
    }

    /// Offset of a segment register's base.
    #[must_use]
    pub const fn segment(&self, seg: Seg) -> u32 {
        self.segs + seg as u32 % 6 * self.seg_size
    }
}

/// Bits of [`Link::kind`].
pub mod kind_bits {
    /// The number of the operation that set the flags; 0 if they are where they belong.
    pub const OPERATION: u32 = 0xFF;
    /// CF was set by itself since, and is [`CF`].
    pub const CF_SET: u32 = 1 << 8;
    /// The value of CF.
    pub const CF: u32 = 1 << 9;
    /// OF was set by itself since, and is [`OF`].
    pub const OF_SET: u32 = 1 << 10;
    /// The value of OF, where EFLAGS has it.
    pub const OF: u32 = x86::eflags::OF;
}

impl Link {
    /// What is found through the TLB has these tags from now on.
    pub fn tag(&mut self, tags: Tags) {
        (self.tag_any, self.tag_global) = (tags.any, tags.global);
    }

    /// Its tags.
    #[must_use]
    pub const fn tags(&self) -> Tags {
        Tags { any: self.tag_any, global: self.tag_global }
    }

    /// The flags left by an operation and by what set some of them since.
    #[must_use]
    pub fn flags(&self, now: Flags) -> Flags {
        let (cf, of) = (u32::from(self.kind & kind_bits::CF != 0), self.kind & kind_bits::OF);
        let set = |bit: u32, flag: u32| if self.kind & bit != 0 { flag } else { 0 };
        let mask = set(kind_bits::CF_SET, eflags::CF) | set(kind_bits::OF_SET, eflags::OF);
        self.operation(now).with(mask, cf | of)
    }

    /// The flags left by the operation. Numbers nobody gives out leave them as they are.
    fn operation(&self, now: Flags) -> Flags {
        let Some(n) = (self.kind & kind_bits::OPERATION).checked_sub(1) else { return now };
        let w = [Width::W8, Width::W16, Width::W32, Width::W64][n as usize & 3];
        let op = match n >> 2 {
            0 => FlagOp::Add,
            1 => FlagOp::Sub,
            2 => FlagOp::Logic,
            3 => FlagOp::Explicit,
            4 => FlagOp::Inc,
            5 => FlagOp::Dec,
            _ => return now,
        };
        let [a, b, r] = [self.a, self.b, self.r].map(u64::from);
        let before = Flags { res: 0, aux: self.b << 31 };
        before.after(op, w, a, b, r)
    }
}

impl Exec<'_> {
    /// Where things are, for code whose memory begins at the address `base` of ours. Holds as long
    /// as the processor exists.
    #[must_use]
    pub fn layout(&self, base: usize) -> Layout {
        let link = offset_of!(Self, link);
        let cpu = offset_of!(Self, cpu);
        let flags = cpu + offset_of!(Cpu, flags);
        let fpu = cpu + offset_of!(Cpu, fpu);
        let at = |n: usize| n as u32;
        let address = |n: usize| n.wrapping_sub(base) as u32;
        let tables = Class::ALL.map(|class| {
            let (read, write) = self.mmu.fast_tables(class);
            FastTables { read: address(read), write: address(write) }
        });
        Layout {
            regs: at(cpu + offset_of!(Cpu, regs)),
            eip: at(cpu + offset_of!(Cpu, eip)),
            flags_res: at(flags + offset_of!(Flags, res)),
            flags_aux: at(flags + offset_of!(Flags, aux)),
            loaded: at(offset_of!(Self, loaded)),
            xmm: at(cpu + offset_of!(Cpu, xmm)),
            st: at(fpu + offset_of!(Fpu, st)),
            x87_control: at(fpu + offset_of!(Fpu, control)),
            x87_status: at(fpu + offset_of!(Fpu, status)),
            x87_empty: at(fpu + offset_of!(Fpu, empty)),
            x87_opcode: at(fpu + offset_of!(Fpu, opcode)),
            x87_code_selector: at(fpu + offset_of!(Fpu, code_selector)),
            x87_code_offset: at(fpu + offset_of!(Fpu, code_offset)),
            x87_data_selector: at(fpu + offset_of!(Fpu, data_selector)),
            x87_data_offset: at(fpu + offset_of!(Fpu, data_offset)),
            x: at(link + offset_of!(Link, x)),
            mxcsr: at(cpu + offset_of!(Cpu, mxcsr)),
            vectors: at(link + offset_of!(Link, vectors)),
            left: at(link + offset_of!(Link, left)),
            kind: at(link + offset_of!(Link, kind)),
            a: at(link + offset_of!(Link, a)),
            b: at(link + offset_of!(Link, b)),
            r: at(link + offset_of!(Link, r)),
            region: at(link + offset_of!(Link, region)),
            tag_any: at(link + offset_of!(Link, tag_any)),
            tag_global: at(link + offset_of!(Link, tag_global)),
            segs: at(cpu + offset_of!(Cpu, segs)),
            seg_size: at(size_of::<Segment>()),
            seg_min: at(offset_of!(Segment, min)),
            seg_max: at(offset_of!(Segment, max)),
            seg_readable: at(offset_of!(Segment, readable)),
            seg_writable: at(offset_of!(Segment, writable)),
            seg_selector: at(offset_of!(Segment, selector)),
            tables,
            slots: at(FAST_SLOTS - 1),
            ram: address(self.mmu.ram().host_base()),
        }
    }

    /// Whether a slow access must be left to the interpreter, whatever it hits: breakpoints watch it, it has to be aligned, or
    /// it might empty the TLB.
    fn must_leave(&self) -> bool {
        self.cpu.dr[7] & 0xFF != 0 || self.cpu.checks_alignment() || self.mmu.tlb_nearly_full()
    }

    /// A read that missed the fast table. False, and nothing done that the guest could see, if it is not RAM alone.
    pub fn translated_load(&mut self, lin: u32, w: Width) -> bool {
        // Several accesses were checked as one, and it was another that missed.
        if let Some(v) = self.mmu.fast_load(lin.into(), w) {
            self.loaded = v;
            return true;
        }
        if self.must_leave() {
            return false;
        }
        let Ok(parts) = self.resolve(w, lin.into(), self.data_access(false)) else { return false };
        let ram = |phys: u64| matches!(self.mmu.read_target(phys), Target::Ram(_));
        if !parts.all(w, ram) {
            return false;
        }
        self.loaded = self.read_parts(w, parts);
        true
    }

    /// A write that missed the fast table. False, and nothing done, if it is not RAM alone or hits code.
    pub fn translated_store(&mut self, lin: u32, w: Width, v: u64) -> bool {
        if self.mmu.fast_store(lin.into(), w, v) {
            return true;
        }
        if self.must_leave() {
            return false;
        }
        let Ok(parts) = self.resolve(w, lin.into(), self.data_access(true)) else { return false };
        let plain = |phys: u64| match self.mmu.write_target(phys) {
            Target::Ram(at) => !self.mmu.code.at(at),
            _ => false,
        };
        if !parts.all(w, plain) {
            return false;
        }
        self.write_parts(w, parts, v);
        true
    }

    /// Has the fast table for writing hold the page of a place. False if it cannot.
    pub fn translated_place(&mut self, lin: u32, w: Width) -> bool {
        if self.must_leave() || self.resolve(w, lin.into(), self.data_access(true)).is_err() {
            return false;
        }
        self.mmu.fast_place(lin.into(), w).is_some()
    }

    /// The flags as translated code left them become state.
    pub fn settle_link(&mut self) {
        self.cpu.flags = self.link.flags(self.cpu.flags);
        self.link.kind = 0;
    }

    /// Interprets a run of instructions in the middle of translated code, which has `left` of its budget left at
    /// the start of their block. True if the code must be left: the state is then settled.
    pub fn translated_step(&mut self, region: u32, run: u32, left: u32) -> bool {
        let Some(runs) = self.step_runs.get(region as usize).map(Rc::clone) else { return true };
        let Some(run) = runs.get(run as usize) else { return true };
        if run.flags {
            self.settle_link();
        }
        let (entry, mode_bits) = (self.cpu.eip, self.cpu.mode);
        self.cpu.eip = self.eip_of(run.delta);
        self.cpu.count = self.link.base - u64::from(left);
        self.link.stepped = None;
        for i in &run.insns {
            let result = self.step(i);
            if self.ends(i, &result) {
                if run.goes_on && result.is_ok() && self.falls_through(i, left) && self.cpu.mode == run.mode {
                    break;
                }
                self.link.stepped = self.left(i, result).err();
                return true;
            }
        }
        if self.cpu.mode != mode_bits {
            self.link.tag(self.mmu.tags(self.cpu.mode));
        }
        self.index = 0;
        self.cpu.eip = entry;
        false
    }

    /// Whether an instruction that may be left for elsewhere, and is done, led to the next one, with nothing to be looked
    /// at before it. [`Link::left`] then is what is left of the budget at the start of the block, but for the iterations
    /// of a repeated instruction.
    fn falls_through(&mut self, i: &Insn, left: u32) -> bool {
        let iterations = self.cpu.count - (self.link.base - u64::from(left));
        let rest = u64::from(left) - iterations;
        // These are not left for anything but the other access class, which the code that follows is made for.
        self.leave &= !matches!(i.op, Op::Helper(Helper::Stac | Helper::Clac));
        if self.leave || self.jumped || self.cpu.next_eip != self.eip_of(i.end()) {
            return false;
        }
        // After STI the next instruction runs before an interrupt is taken. None can come before it is done.
        if self.cpu.events == event::SHADOW && rest > u64::from(i.index) + 1 {
            self.cpu.events = 0;
        }
        self.link.left = rest as u32;
        self.cpu.events == 0
    }

    /// Whether what an instruction did that translated code was left for asks for nothing but that the processor goes
    /// on at EIP.
    pub fn goes_on(&mut self) -> bool {
        let quiet = self.link.stepped.is_none()
            && self.cpu.events == 0
            && !self.mmu.code.has_hits()
            && !self.plat.needs_attention();
        self.leave &= !quiet;
        quiet
    }
}
