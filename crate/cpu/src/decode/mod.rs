//! Bytes to [`Insn`]. iced-x86 stays behind this door.
//!
//! Instructions are decoded at offsets from the entry of a block, so that relative targets come out as
//! offsets too and nothing depends on the address the block is found at.

mod announced;
pub mod float;
mod simd;
mod x87;

use crate::exec::specialise;
use crate::helpers::cpuid::Identity;
use crate::insn::{
    AluOp, BcdOp, BitOp, Cond, HIGH_BYTE, Helper, Insn, Kind, Mem, NO_REG, Op, Prefix, Seg, ShiftOp,
    StringOp, Width,
};
use crate::state::mode;
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

/// An instruction that could not be decoded because the bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoreBytes;

/// Decodes consecutive instructions of one block.
pub struct BlockDecoder<'a> {
    bytes: &'a [u8],
    decoder: Decoder<'a>,
    mode: u32,
    identity: Identity,
    index: u8,
}

impl std::fmt::Debug for BlockDecoder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockDecoder").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// What later processors made of old encodings by a prefix is not announced, and decodes as before: TZCNT as
/// BSF, LZCNT as BSR, WBNOINVD as WBINVD.
const OPTIONS: u32 =
    DecoderOptions::NO_MPFX_0FBC | DecoderOptions::NO_MPFX_0FBD | DecoderOptions::NO_WBNOINVD;

/// Longest instruction (SDM vol. 2, 2.3.11).
pub const MAX_LEN: usize = 15;

impl<'a> BlockDecoder<'a> {
    /// Over the bytes from a block's entry on, under the mode bits of [`mode`].
    #[must_use]
    pub fn new(bytes: &'a [u8], mode_bits: u32) -> Self {
        let bits = if mode_bits & mode::CODE32 != 0 { 32 } else { 16 };
        let decoder = Decoder::with_ip(bits, bytes, 0, OPTIONS);
        Self { bytes, decoder, mode: mode_bits, identity: Identity::default(), index: 0 }
    }

    /// For this processor, not the default one.
    #[must_use]
    pub fn of(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// The next instruction.
    ///
    /// # Errors
    /// [`MoreBytes`] when it goes on past the bytes given.
    pub fn next_insn(&mut self) -> Result<Insn, MoreBytes> {
        let start = self.decoder.position();
        let ins = self.decoder.decode();
        if ins.is_invalid() && self.decoder.last_error() == DecoderError::NoMoreBytes {
            let left = self.bytes.len() - start;
            if left < MAX_LEN {
                return Err(MoreBytes);
            }
        }
        let mut out = blank(&ins, start, self.index, self.mode);
        if ins.is_invalid() {
            out.len = out.len.max(1);
            out.op = self.invalid(start);
        } else {
            out.op = decode(&ins, &mut out).unwrap_or(Op::Undefined);
            out.op = announced::only(out.op, &ins, &self.identity, self.mode);
            if matches!(out.op, Op::X87(_)) {
                out.imm2 = x87::opcode(&self.bytes[start..]);
            }
            if self.mode & (mode::FLAT | mode::FLAT_CODE) == mode::FLAT | mode::FLAT_CODE {
                out.fast = specialise(&out);
            }
        }
        if ends_block(out.op) || out.repeats() {
            out.prefix.0 |= Prefix::LAST;
        }
        self.index = self.index.wrapping_add(1);
        Ok(out)
    }

    /// What follows the last instruction of a block that ends without a transfer of control.
    #[must_use]
    pub fn end(&self, last: &Insn) -> Insn {
        let mut end = *last;
        end.start = last.end() as u16;
        end.len = 0;
        end.index = self.index;
        end.op = Op::Nop;
        end.fast = crate::exec::Fast::End;
        end.prefix.0 &= !Prefix::LAST;
        end
    }

    /// #UD or, if only its length makes the instruction invalid, #GP.
    fn invalid(&self, start: usize) -> Op {
        let bytes = &self.bytes[start..];
        let is_prefix = |b: &u8| matches!(b, 0x26 | 0x2E | 0x36 | 0x3E | 0x64..=0x67 | 0xF0 | 0xF2 | 0xF3);
        let prefixes = bytes.iter().take(MAX_LEN).take_while(|b| is_prefix(b)).count();
        if prefixes == MAX_LEN {
            return Op::TooLong;
        }
        let bits = if self.mode & mode::CODE32 != 0 { 32 } else { 16 };
        // Valid without one or more of its redundant leading prefixes: too long.
        let too_long = (1..=prefixes).any(|n| {
            let ins = Decoder::with_ip(bits, &bytes[n..], 0, OPTIONS).decode();
            !ins.is_invalid() && n + ins.len() > MAX_LEN
        });
        if too_long { Op::TooLong } else { Op::Undefined }
    }
}

fn blank(ins: &Instruction, start: usize, index: u8, mode_bits: u32) -> Insn {
    let mut prefix = 0;
    if ins.has_rep_prefix() {
        prefix |= Prefix::REP;
    }
    if ins.has_repne_prefix() {
        prefix |= Prefix::REPNE;
    }
    if ins.has_lock_prefix() {
        prefix |= Prefix::LOCK;
    }
    if mode_bits & mode::FLAT != 0 {
        prefix |= Prefix::FLAT_STACK;
    }
    let code = if mode_bits & mode::CODE32 != 0 { Width::W32 } else { Width::W16 };
    Insn {
        mem: memory(ins, mode_bits, code),
        imm: 0,
        start: start as u16,
        imm2: 0,
        op: Op::Undefined,
        fast: crate::exec::Fast::None,
        len: ins.len() as u8,
        index,
        w: code,
        w2: code,
        stack: if mode_bits & mode::STACK32 != 0 { Width::W32 } else { Width::W16 },
        k0: Kind::None,
        k1: Kind::None,
        r0: 0,
        r1: 0,
        prefix: Prefix(prefix),
    }
}

/// The width of a register or memory operand of that many bytes.
fn width(bytes: usize) -> Width {
    match bytes {
        1 => Width::W8,
        2 => Width::W16,
        8 => Width::W64,
        _ => Width::W32,
    }
}

fn memory(ins: &Instruction, mode_bits: u32, code: Width) -> Mem {
    let slot = |r: Register| if r == Register::None { NO_REG } else { r.number() as u8 };
    let (base, index) = (ins.memory_base(), ins.memory_index());
    let asz = string_address(ins).unwrap_or_else(|| {
        if base != Register::None {
            width(base.size())
        } else if index != Register::None && index.is_gpr() {
            width(index.size())
        } else {
            match ins.memory_displ_size() {
                2 => Width::W16,
                4 => Width::W32,
                _ => code,
            }
        }
    });
    let seg = Seg::from_number(ins.memory_segment().number() as u8).unwrap_or(Seg::Ds);
    let flat = mode_bits & mode::FLAT != 0 && matches!(seg, Seg::Es | Seg::Ss | Seg::Ds);
    Mem {
        disp: ins.memory_displacement64() as i32,
        base: slot(base),
        index: slot(index),
        scale: ins.memory_index_scale().trailing_zeros() as u8,
        seg: if flat { Seg::Flat } else { seg },
        asz,
    }
}

/// Address size of a string instruction's implied operands.
fn string_address(ins: &Instruction) -> Option<Width> {
    (0..ins.op_count()).find_map(|n| match ins.op_kind(n) {
        OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI => Some(Width::W16),
        OpKind::MemorySegESI | OpKind::MemorySegEDI | OpKind::MemoryESEDI => Some(Width::W32),
        _ => None,
    })
}

/// The operand number of a register of any class.
fn register(r: Register) -> u8 {
    match r {
        Register::AH | Register::CH | Register::DH | Register::BH => (r.number() as u8 & 3) | HIGH_BYTE,
        _ if r.is_gpr8() => r.full_register().number() as u8,
        _ => r.number() as u8,
    }
}

/// Fills in operand `n`; its width, where it has one.
fn operand(ins: &Instruction, n: u32, out: &mut Insn) -> Option<Width> {
    if n >= ins.op_count() {
        return None;
    }
    let (kind, w) = match ins.op_kind(n) {
        OpKind::Register => {
            let r = ins.op_register(n);
            if n == 0 {
                out.r0 = register(r);
            } else {
                out.r1 = register(r);
            }
            (Kind::Reg, Some(width(r.size())))
        }
        OpKind::Memory => (Kind::Mem, Some(width(ins.memory_size().size()))),
        OpKind::NearBranch16 => {
            out.imm = i32::from(ins.near_branch16() as i16);
            out.w2 = Width::W16;
            (Kind::Imm, None)
        }
        OpKind::NearBranch32 => {
            out.imm = ins.near_branch32() as i32;
            out.w2 = Width::W32;
            (Kind::Imm, None)
        }
        OpKind::Immediate8 => {
            out.imm = i32::from(ins.immediate8() as i8);
            (Kind::Imm, None)
        }
        OpKind::Immediate16 => {
            out.imm = i32::from(ins.immediate16() as i16);
            (Kind::Imm, Some(Width::W16))
        }
        OpKind::Immediate32 => {
            out.imm = ins.immediate32() as i32;
            (Kind::Imm, Some(Width::W32))
        }
        OpKind::Immediate8to16 => {
            out.imm = i32::from(ins.immediate8to16());
            (Kind::Imm, Some(Width::W16))
        }
        OpKind::Immediate8to32 => {
            out.imm = ins.immediate8to32();
            (Kind::Imm, Some(Width::W32))
        }
        _ => (Kind::None, None),
    };
    if n == 0 {
        out.k0 = kind;
    } else if n == 1 {
        out.k1 = kind;
    }
    w
}

/// Two operands, the first of which has the operand width.
fn two(ins: &Instruction, out: &mut Insn) {
    let w = operand(ins, 0, out);
    operand(ins, 1, out);
    out.w = w.unwrap_or(out.w);
}

/// Two operands of different widths.
fn two_widths(ins: &Instruction, out: &mut Insn) {
    out.w = operand(ins, 0, out).unwrap_or(out.w);
    out.w2 = operand(ins, 1, out).unwrap_or(out.w);
}

/// An instruction with a width of its own and no operands to fill in.
fn plain(out: &mut Insn, w: Width, op: Op) -> Op {
    out.w = w;
    op
}

fn decode(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    if let Some(op) = simple(ins.mnemonic()) {
        two(ins, out);
        return Some(op);
    }
    if let Some(op) = implied(ins.mnemonic(), out) {
        return Some(op);
    }
    if let Some(cc) = condition(ins, out) {
        return Some(cc);
    }
    if let Some(op) = string(ins, out) {
        return Some(op);
    }
    control(ins, out).or_else(|| system(ins, out)).or_else(|| float::decode_float(ins, out))
}

/// Instructions with one or two operands of one width, given by mnemonic alone.
fn simple(mnemonic: Mnemonic) -> Option<Op> {
    Some(match mnemonic {
        Mnemonic::Add => Op::Alu(AluOp::Add),
        Mnemonic::Or => Op::Alu(AluOp::Or),
        Mnemonic::Adc => Op::Alu(AluOp::Adc),
        Mnemonic::Sbb => Op::Alu(AluOp::Sbb),
        Mnemonic::And => Op::Alu(AluOp::And),
        Mnemonic::Sub => Op::Alu(AluOp::Sub),
        Mnemonic::Xor => Op::Alu(AluOp::Xor),
        Mnemonic::Cmp => Op::Alu(AluOp::Cmp),
        Mnemonic::Test => Op::Alu(AluOp::Test),
        // The hint not to cache does not matter here; unlike other SSE2 instructions it needs no CR4.OSFXSR.
        Mnemonic::Movnti => Op::Mov,
        Mnemonic::Lea => Op::Lea,
        Mnemonic::Xchg => Op::Xchg,
        Mnemonic::Xadd => Op::Xadd,
        Mnemonic::Cmpxchg => Op::Cmpxchg,
        Mnemonic::Inc => Op::Inc,
        Mnemonic::Dec => Op::Dec,
        Mnemonic::Not => Op::Not,
        Mnemonic::Neg => Op::Neg,
        Mnemonic::Rol => Op::Shift(ShiftOp::Rol),
        Mnemonic::Ror => Op::Shift(ShiftOp::Ror),
        Mnemonic::Rcl => Op::Shift(ShiftOp::Rcl),
        Mnemonic::Rcr => Op::Shift(ShiftOp::Rcr),
        Mnemonic::Shl | Mnemonic::Sal => Op::Shift(ShiftOp::Shl),
        Mnemonic::Shr => Op::Shift(ShiftOp::Shr),
        Mnemonic::Sar => Op::Shift(ShiftOp::Sar),
        Mnemonic::Mul => Op::Mul,
        Mnemonic::Div => Op::Div,
        Mnemonic::Idiv => Op::Idiv,
        Mnemonic::Bt => Op::Bit(BitOp::Bt),
        Mnemonic::Bts => Op::Bit(BitOp::Bts),
        Mnemonic::Btr => Op::Bit(BitOp::Btr),
        Mnemonic::Btc => Op::Bit(BitOp::Btc),
        Mnemonic::Bsf => Op::Bsf,
        Mnemonic::Bsr => Op::Bsr,
        Mnemonic::Popcnt => Op::Popcnt,
        Mnemonic::Bswap => Op::Bswap,
        Mnemonic::Movbe => Op::Movbe,
        _ => return None,
    })
}

/// Instructions without encoded operands.
fn implied(mnemonic: Mnemonic, out: &mut Insn) -> Option<Op> {
    let (w16, w32) = (Width::W16, Width::W32);
    Some(match mnemonic {
        Mnemonic::Cbw => plain(out, w16, Op::Cbw),
        Mnemonic::Cwde => plain(out, w32, Op::Cbw),
        Mnemonic::Cwd => plain(out, w16, Op::Cwd),
        Mnemonic::Cdq => plain(out, w32, Op::Cwd),
        Mnemonic::Pusha => plain(out, w16, Op::Pusha),
        Mnemonic::Pushad => plain(out, w32, Op::Pusha),
        Mnemonic::Popa => plain(out, w16, Op::Popa),
        Mnemonic::Popad => plain(out, w32, Op::Popa),
        Mnemonic::Pushf => plain(out, w16, Op::Helper(Helper::Pushf)),
        Mnemonic::Pushfd => plain(out, w32, Op::Helper(Helper::Pushf)),
        Mnemonic::Popf => plain(out, w16, Op::Helper(Helper::Popf)),
        Mnemonic::Popfd => plain(out, w32, Op::Helper(Helper::Popf)),
        Mnemonic::Iret => plain(out, w16, Op::Helper(Helper::Iret)),
        Mnemonic::Iretd => plain(out, w32, Op::Helper(Helper::Iret)),
        Mnemonic::Lahf => Op::Lahf,
        Mnemonic::Sahf => Op::Sahf,
        Mnemonic::Salc => Op::Salc,
        Mnemonic::Clc => Op::Clc,
        Mnemonic::Stc => Op::Stc,
        Mnemonic::Cmc => Op::Cmc,
        Mnemonic::Cld => Op::Cld,
        Mnemonic::Std => Op::Std,
        Mnemonic::Daa => Op::Bcd(BcdOp::Daa),
        Mnemonic::Das => Op::Bcd(BcdOp::Das),
        Mnemonic::Aaa => Op::Bcd(BcdOp::Aaa),
        Mnemonic::Aas => Op::Bcd(BcdOp::Aas),
        Mnemonic::Nop | Mnemonic::Pause | Mnemonic::Reservednop | Mnemonic::Endbr32 | Mnemonic::Endbr64 => {
            Op::Nop
        }
        // Hints. PREFETCHW goes unannounced, but every processor of this century takes it.
        Mnemonic::Prefetch | Mnemonic::Prefetchw | Mnemonic::Prefetchwt1 => Op::Nop,
        Mnemonic::Prefetchnta | Mnemonic::Prefetcht0 | Mnemonic::Prefetcht1 | Mnemonic::Prefetcht2 => Op::Nop,
        Mnemonic::Int1 => Op::Helper(Helper::Int1),
        Mnemonic::Int3 => Op::Helper(Helper::Int3),
        Mnemonic::Into => Op::Helper(Helper::Into),
        Mnemonic::Cli => Op::Helper(Helper::Cli),
        Mnemonic::Sti => Op::Helper(Helper::Sti),
        Mnemonic::Hlt => Op::Helper(Helper::Hlt),
        Mnemonic::Clts => Op::Helper(Helper::Clts),
        Mnemonic::Rdtsc => Op::Helper(Helper::Rdtsc),
        Mnemonic::Rdpmc => Op::Helper(Helper::Rdpmc),
        Mnemonic::Rdmsr => Op::Helper(Helper::Rdmsr),
        Mnemonic::Wrmsr => Op::Helper(Helper::Wrmsr),
        Mnemonic::Cpuid => Op::Helper(Helper::Cpuid),
        Mnemonic::Invd => Op::Helper(Helper::Invd),
        Mnemonic::Wbinvd => Op::Helper(Helper::Wbinvd),
        Mnemonic::Xgetbv => Op::Helper(Helper::Xgetbv),
        Mnemonic::Xsetbv => Op::Helper(Helper::Xsetbv),
        Mnemonic::Clac => Op::Helper(Helper::Clac),
        Mnemonic::Stac => Op::Helper(Helper::Stac),
        Mnemonic::Sysenter => Op::Helper(Helper::Sysenter),
        Mnemonic::Sysexit => Op::Helper(Helper::Sysexit),
        Mnemonic::Rsm => Op::Helper(Helper::Rsm),
        _ => return None,
    })
}

/// Jcc, SETcc, CMOVcc.
fn condition(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    // Three runs of the sixteen conditions, in the numbering of `Cond`.
    const JCC: [Mnemonic; 16] = [
        Mnemonic::Jo,
        Mnemonic::Jno,
        Mnemonic::Jb,
        Mnemonic::Jae,
        Mnemonic::Je,
        Mnemonic::Jne,
        Mnemonic::Jbe,
        Mnemonic::Ja,
        Mnemonic::Js,
        Mnemonic::Jns,
        Mnemonic::Jp,
        Mnemonic::Jnp,
        Mnemonic::Jl,
        Mnemonic::Jge,
        Mnemonic::Jle,
        Mnemonic::Jg,
    ];
    const SETCC: [Mnemonic; 16] = [
        Mnemonic::Seto,
        Mnemonic::Setno,
        Mnemonic::Setb,
        Mnemonic::Setae,
        Mnemonic::Sete,
        Mnemonic::Setne,
        Mnemonic::Setbe,
        Mnemonic::Seta,
        Mnemonic::Sets,
        Mnemonic::Setns,
        Mnemonic::Setp,
        Mnemonic::Setnp,
        Mnemonic::Setl,
        Mnemonic::Setge,
        Mnemonic::Setle,
        Mnemonic::Setg,
    ];
    const CMOVCC: [Mnemonic; 16] = [
        Mnemonic::Cmovo,
        Mnemonic::Cmovno,
        Mnemonic::Cmovb,
        Mnemonic::Cmovae,
        Mnemonic::Cmove,
        Mnemonic::Cmovne,
        Mnemonic::Cmovbe,
        Mnemonic::Cmova,
        Mnemonic::Cmovs,
        Mnemonic::Cmovns,
        Mnemonic::Cmovp,
        Mnemonic::Cmovnp,
        Mnemonic::Cmovl,
        Mnemonic::Cmovge,
        Mnemonic::Cmovle,
        Mnemonic::Cmovg,
    ];
    let find = |run: &[Mnemonic; 16]| {
        run.iter().position(|m| *m == ins.mnemonic()).map(|n| Cond::from_number(n as u8))
    };
    if let Some(cc) = find(&JCC) {
        two(ins, out);
        return Some(Op::Jcc(cc));
    }
    if let Some(cc) = find(&SETCC) {
        two(ins, out);
        return Some(Op::Setcc(cc));
    }
    let cc = find(&CMOVCC)?;
    two(ins, out);
    Some(Op::Cmovcc(cc))
}

/// String instructions; some share their mnemonic with SSE.
fn string(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let (w, op) = match ins.code() {
        Code::Movsb_m8_m8 => (Width::W8, StringOp::Movs),
        Code::Movsw_m16_m16 => (Width::W16, StringOp::Movs),
        Code::Movsd_m32_m32 => (Width::W32, StringOp::Movs),
        Code::Cmpsb_m8_m8 => (Width::W8, StringOp::Cmps),
        Code::Cmpsw_m16_m16 => (Width::W16, StringOp::Cmps),
        Code::Cmpsd_m32_m32 => (Width::W32, StringOp::Cmps),
        Code::Stosb_m8_AL => (Width::W8, StringOp::Stos),
        Code::Stosw_m16_AX => (Width::W16, StringOp::Stos),
        Code::Stosd_m32_EAX => (Width::W32, StringOp::Stos),
        Code::Lodsb_AL_m8 => (Width::W8, StringOp::Lods),
        Code::Lodsw_AX_m16 => (Width::W16, StringOp::Lods),
        Code::Lodsd_EAX_m32 => (Width::W32, StringOp::Lods),
        Code::Scasb_AL_m8 => (Width::W8, StringOp::Scas),
        Code::Scasw_AX_m16 => (Width::W16, StringOp::Scas),
        Code::Scasd_EAX_m32 => (Width::W32, StringOp::Scas),
        Code::Insb_m8_DX => (Width::W8, StringOp::Ins),
        Code::Insw_m16_DX => (Width::W16, StringOp::Ins),
        Code::Insd_m32_DX => (Width::W32, StringOp::Ins),
        Code::Outsb_DX_m8 => (Width::W8, StringOp::Outs),
        Code::Outsw_DX_m16 => (Width::W16, StringOp::Outs),
        Code::Outsd_DX_m32 => (Width::W32, StringOp::Outs),
        _ => return None,
    };
    out.w = w;
    Some(Op::Helper(Helper::String(op)))
}

/// Moves, the stack, and transfers of control.
fn control(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    match ins.mnemonic() {
        Mnemonic::Mov => return mov(ins, out),
        Mnemonic::Push | Mnemonic::Pop => return push_pop(ins, out),
        Mnemonic::Jmp | Mnemonic::Call => return jump(ins, out),
        Mnemonic::Imul => return Some(imul(ins, out)),
        _ => {}
    }
    let code = ins.code();
    Some(match ins.mnemonic() {
        Mnemonic::Movzx | Mnemonic::Movsx => {
            two_widths(ins, out);
            if ins.mnemonic() == Mnemonic::Movzx { Op::Movzx } else { Op::Movsx }
        }
        Mnemonic::Crc32 => {
            two_widths(ins, out);
            Op::Crc32
        }
        Mnemonic::Shld | Mnemonic::Shrd => {
            two(ins, out);
            // The second operand is the register the bits come from; k1 says where the count is.
            if ins.op_kind(2) == OpKind::Immediate8 {
                out.imm = i32::from(ins.immediate8());
                out.k1 = Kind::Imm;
            } else {
                out.k1 = Kind::Reg;
            }
            if ins.mnemonic() == Mnemonic::Shld { Op::Shld } else { Op::Shrd }
        }
        Mnemonic::Cmpxchg8b => {
            out.k0 = Kind::Mem;
            Op::Cmpxchg8b
        }
        Mnemonic::Xlatb => {
            out.mem.index = NO_REG;
            out.mem.scale = 0;
            Op::Xlat
        }
        Mnemonic::Aam | Mnemonic::Aad => {
            out.imm = i32::from(ins.immediate8());
            Op::Bcd(if ins.mnemonic() == Mnemonic::Aam { BcdOp::Aam } else { BcdOp::Aad })
        }
        Mnemonic::Leave => plain(out, if code == Code::Leavew { Width::W16 } else { Width::W32 }, Op::Leave),
        Mnemonic::Enter => {
            out.imm = i32::from(ins.immediate16());
            out.imm2 = u16::from(ins.immediate8_2nd());
            plain(
                out,
                if code == Code::Enterw_imm16_imm8 { Width::W16 } else { Width::W32 },
                Op::Helper(Helper::Enter),
            )
        }
        Mnemonic::Ret => {
            if matches!(code, Code::Retnw_imm16 | Code::Retnd_imm16) {
                out.imm = i32::from(ins.immediate16());
            }
            let short = matches!(code, Code::Retnw | Code::Retnw_imm16);
            plain(out, if short { Width::W16 } else { Width::W32 }, Op::Ret)
        }
        Mnemonic::Retf => {
            if matches!(code, Code::Retfw_imm16 | Code::Retfd_imm16) {
                out.imm = i32::from(ins.immediate16());
            }
            let short = matches!(code, Code::Retfw | Code::Retfw_imm16);
            plain(out, if short { Width::W16 } else { Width::W32 }, Op::Helper(Helper::RetFar))
        }
        Mnemonic::Loop | Mnemonic::Loope | Mnemonic::Loopne | Mnemonic::Jcxz | Mnemonic::Jecxz => {
            two(ins, out);
            out.w = counter(code);
            match ins.mnemonic() {
                Mnemonic::Loop => Op::Loop,
                Mnemonic::Loope => Op::Loope,
                Mnemonic::Loopne => Op::Loopne,
                _ => Op::Jcxz,
            }
        }
        Mnemonic::Int => {
            out.imm = i32::from(ins.immediate8());
            Op::Helper(Helper::Int)
        }
        Mnemonic::Bound => {
            two_widths(ins, out);
            Op::Helper(Helper::Bound)
        }
        _ => return None,
    })
}

/// Width of the counter of LOOP and JCXZ: the address size.
fn counter(code: Code) -> Width {
    match code {
        Code::Loop_rel8_16_CX
        | Code::Loop_rel8_32_CX
        | Code::Loope_rel8_16_CX
        | Code::Loope_rel8_32_CX
        | Code::Loopne_rel8_16_CX
        | Code::Loopne_rel8_32_CX
        | Code::Jcxz_rel8_16
        | Code::Jcxz_rel8_32 => Width::W16,
        _ => Width::W32,
    }
}

fn imul(ins: &Instruction, out: &mut Insn) -> Op {
    two(ins, out);
    match ins.op_count() {
        1 => Op::Imul1,
        2 => Op::Imul,
        _ => {
            out.imm = match ins.op_kind(2) {
                OpKind::Immediate8to16 => i32::from(ins.immediate8to16()),
                OpKind::Immediate8to32 => ins.immediate8to32(),
                OpKind::Immediate16 => i32::from(ins.immediate16() as i16),
                _ => ins.immediate32() as i32,
            };
            out.imm2 = 1;
            Op::Imul
        }
    }
}

fn mov(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let class = |n: u32| if ins.op_kind(n) == OpKind::Register { ins.op_register(n) } else { Register::None };
    let (a, b) = (class(0), class(1));
    if a.is_segment_register() {
        operand(ins, 0, out);
        operand(ins, 1, out);
        return (a != Register::CS).then_some(Op::Helper(Helper::MovToSeg));
    }
    if b.is_segment_register() {
        let w = operand(ins, 0, out).unwrap_or(Width::W16);
        operand(ins, 1, out);
        out.w = if out.k0 == Kind::Mem { Width::W16 } else { w };
        return Some(Op::MovFromSeg);
    }
    for (first, second, from, to) in
        [(a, b, Helper::MovToCr, Helper::MovToDr), (b, a, Helper::MovFromCr, Helper::MovFromDr)]
    {
        if first.is_cr() || first.is_dr() {
            out.w = Width::W32;
            out.r0 = register(second);
            out.r1 = first.number() as u8;
            return Some(Op::Helper(if first.is_cr() { from } else { to }));
        }
    }
    if a.is_tr() || b.is_tr() {
        return None;
    }
    two(ins, out);
    Some(Op::Mov)
}

fn push_pop(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let is_push = ins.mnemonic() == Mnemonic::Push;
    if ins.op_kind(0) == OpKind::Register && ins.op_register(0).is_segment_register() {
        out.r0 = ins.op_register(0).number() as u8;
        out.w = match ins.code() {
            Code::Pushw_ES
            | Code::Pushw_CS
            | Code::Pushw_SS
            | Code::Pushw_DS
            | Code::Pushw_FS
            | Code::Pushw_GS
            | Code::Popw_ES
            | Code::Popw_CS
            | Code::Popw_SS
            | Code::Popw_DS
            | Code::Popw_FS
            | Code::Popw_GS => Width::W16,
            _ => Width::W32,
        };
        if !is_push && out.r0 == Seg::Cs as u8 {
            return None;
        }
        return Some(if is_push { Op::PushSeg } else { Op::Helper(Helper::PopSeg) });
    }
    two(ins, out);
    Some(if is_push { Op::Push } else { Op::Pop })
}

fn jump(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let is_jmp = ins.mnemonic() == Mnemonic::Jmp;
    let far = Op::Helper(if is_jmp { Helper::JmpFar } else { Helper::CallFar });
    match ins.op_kind(0) {
        OpKind::FarBranch16 => {
            out.imm = i32::from(ins.far_branch16());
            out.imm2 = ins.far_branch_selector();
            out.k0 = Kind::Imm;
            return Some(plain(out, Width::W16, far));
        }
        OpKind::FarBranch32 => {
            out.imm = ins.far_branch32() as i32;
            out.imm2 = ins.far_branch_selector();
            out.k0 = Kind::Imm;
            return Some(plain(out, Width::W32, far));
        }
        _ => {}
    }
    match ins.code() {
        Code::Jmp_m1616 | Code::Call_m1616 => {
            out.k0 = Kind::Mem;
            Some(plain(out, Width::W16, far))
        }
        Code::Jmp_m1632 | Code::Call_m1632 => {
            out.k0 = Kind::Mem;
            Some(plain(out, Width::W32, far))
        }
        _ => {
            let w = operand(ins, 0, out);
            if out.k0 == Kind::Imm {
                out.w = out.w2;
                return Some(if is_jmp { Op::Jmp } else { Op::Call });
            }
            out.w = w?;
            Some(if is_jmp { Op::JmpInd } else { Op::CallInd })
        }
    }
}

/// Descriptor tables, selectors, I/O.
fn system(ins: &Instruction, out: &mut Insn) -> Option<Op> {
    let helper = match ins.mnemonic() {
        Mnemonic::In | Mnemonic::Out => return Some(port(ins, out)),
        Mnemonic::Lds | Mnemonic::Les | Mnemonic::Lss | Mnemonic::Lfs | Mnemonic::Lgs => {
            out.w = operand(ins, 0, out).unwrap_or(out.w);
            out.k1 = Kind::Mem;
            out.r1 = match ins.mnemonic() {
                Mnemonic::Les => Seg::Es,
                Mnemonic::Lss => Seg::Ss,
                Mnemonic::Lds => Seg::Ds,
                Mnemonic::Lfs => Seg::Fs,
                _ => Seg::Gs,
            } as u8;
            Helper::LoadFarPointer
        }
        Mnemonic::Lgdt | Mnemonic::Lidt | Mnemonic::Sgdt | Mnemonic::Sidt => {
            out.k0 = Kind::Mem;
            // The operand size decides whether a base has 24 or 32 bits.
            out.w = match ins.code() {
                Code::Lgdt_m1632_16 | Code::Lidt_m1632_16 | Code::Sgdt_m1632_16 | Code::Sidt_m1632_16 => {
                    Width::W16
                }
                _ => Width::W32,
            };
            match ins.mnemonic() {
                Mnemonic::Lgdt => Helper::Lgdt,
                Mnemonic::Lidt => Helper::Lidt,
                Mnemonic::Sgdt => Helper::Sgdt,
                _ => Helper::Sidt,
            }
        }
        Mnemonic::Lldt => Helper::Lldt,
        Mnemonic::Ltr => Helper::Ltr,
        Mnemonic::Sldt => Helper::Sldt,
        Mnemonic::Str => Helper::Str,
        Mnemonic::Lmsw => Helper::Lmsw,
        Mnemonic::Smsw => Helper::Smsw,
        Mnemonic::Verr => Helper::Verr,
        Mnemonic::Verw => Helper::Verw,
        Mnemonic::Lar => Helper::Lar,
        Mnemonic::Lsl => Helper::Lsl,
        Mnemonic::Arpl => Helper::Arpl,
        Mnemonic::Invlpg => Helper::Invlpg,
        Mnemonic::Rdrand => Helper::Rdrand,
        _ => return None,
    };
    if out.k0 == Kind::None && out.k1 == Kind::None {
        two(ins, out);
    }
    Some(Op::Helper(helper))
}

/// IN and OUT: `w` is the accumulator's width, `k1` says where the port number is.
fn port(ins: &Instruction, out: &mut Insn) -> Op {
    let is_in = ins.mnemonic() == Mnemonic::In;
    let (data, number) = if is_in { (0, 1) } else { (1, 0) };
    out.w = width(ins.op_register(data).size());
    if ins.op_kind(number) == OpKind::Immediate8 {
        out.imm = i32::from(ins.immediate8());
        out.k1 = Kind::Imm;
    } else {
        out.k1 = Kind::Reg;
    }
    Op::Helper(if is_in { Helper::In } else { Helper::Out })
}

/// Whether a block ends with this instruction (a conditional branch does not end it): it goes elsewhere, or what follows may have to be looked at
/// anew (mode, translation, interrupts).
#[must_use]
pub fn ends_block(op: Op) -> bool {
    match op {
        Op::Jmp | Op::JmpInd | Op::Call | Op::CallInd | Op::Ret | Op::Undefined | Op::TooLong => true,
        Op::Helper(h) => !matches!(
            h,
            Helper::Lar
                | Helper::Lsl
                | Helper::Verr
                | Helper::Verw
                | Helper::Arpl
                | Helper::Pushf
                | Helper::Cli
                | Helper::Sgdt
                | Helper::Sidt
                | Helper::Sldt
                | Helper::Str
                | Helper::Smsw
                | Helper::MovFromCr
                | Helper::Rdtsc
                | Helper::Rdrand
                | Helper::Xgetbv
                | Helper::Cpuid
                | Helper::In
                | Helper::Out
                | Helper::String(_)
                | Helper::Enter
                | Helper::X87Env(_)
        ),
        _ => false,
    }
}
