//! String instructions (SDM vol. 1, 7.3.9), in bounded chunks.
//!
//! A repeated instruction runs as many iterations as the run's limit allows, each counting as one
//! instruction; if it is not done then, it goes on as the next instruction. Whole runs within a page are
//! moved, filled and compared in bulk. A fault leaves the registers as after the last complete iteration.

use super::io;
use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Insn, Prefix, Seg, StringOp, Width};
use crate::micro::{FlagOp, Micro};
use crate::state::event;
use x86::{Cond, eflags, gpr};

/// Most iterations of one chunk: bounds the time to the next look at interrupts.
const CHUNK: u64 = 1 << 16;

/// MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS with or without a repeat prefix.
pub(super) fn string(x: &mut Exec<'_>, i: &Insn, op: StringOp) -> Result<(), Stop> {
    if !i.prefix.repeats() {
        return iterate(x, i, op);
    }
    let asz = i.mem.asz;
    let mut left = x.reg(asz, gpr::CX);
    if left == 0 {
        return Ok(());
    }
    let one = event::TRAP | event::DEBUG;
    let budget = if x.cpu.events & one != 0 { 1 } else { x.limit.saturating_sub(x.count()).clamp(1, CHUNK) };
    let start = x.cpu.count;
    let mut done = 0;
    let finished = loop {
        let most = left.min(budget - done);
        let n = if compares(op) { bulk_compare(x, i, op, most) } else { bulk(x, i, op, most) };
        let n = if n > 0 {
            n
        } else {
            if let Err(stop) = iterate(x, i, op) {
                x.set_reg(asz, gpr::CX, left);
                x.cpu.count = start + done;
                return Err(stop);
            }
            1
        };
        left -= n;
        done += n;
        if left == 0 || stops(x, i, op) {
            break true;
        }
        if done >= budget || x.leave {
            break false;
        }
        // Register accesses of the next iteration happen one instruction later.
        x.cpu.count = start + done;
    };
    x.set_reg(asz, gpr::CX, left);
    // The last iteration is counted by the main loop.
    x.cpu.count = start + done - 1;
    if !finished {
        x.cpu.next_eip = x.eip_of(i32::from(i.start));
        x.leave = true;
    }
    Ok(())
}

fn compares(op: StringOp) -> bool {
    matches!(op, StringOp::Cmps | StringOp::Scas)
}

/// Whether a comparison ends the repetition.
fn stops(x: &Exec<'_>, i: &Insn, op: StringOp) -> bool {
    if !compares(op) {
        return false;
    }
    let equal = x.cpu.flags.holds(Cond::E);
    if i.prefix.has(Prefix::REPNE) { equal } else { !equal }
}

/// The destination segment, which cannot be overridden.
fn destination(i: &Insn) -> Seg {
    if i.flat_stack() { Seg::Flat } else { Seg::Es }
}

fn advance(x: &mut Exec<'_>, asz: Width, r: u8, bytes: u64) {
    let v = x.reg(asz, r);
    let v = if x.cpu.eflags & eflags::DF != 0 { v.wrapping_sub(bytes) } else { v.wrapping_add(bytes) };
    x.set_reg(asz, r, v & asz.mask());
}

fn iterate(x: &mut Exec<'_>, i: &Insn, op: StringOp) -> Result<(), Stop> {
    let (w, asz) = (i.w, i.mem.asz);
    let bytes = u64::from(w.bytes());
    let (si, di) = (x.reg(asz, gpr::SI), x.reg(asz, gpr::DI));
    let (src, dst) = (i.mem.seg, destination(i));
    match op {
        StringOp::Movs => {
            let v = x.load(w, src, si)?;
            x.store(w, dst, di, v)?;
        }
        StringOp::Stos => {
            let v = x.reg(w, gpr::AX);
            x.store(w, dst, di, v)?;
        }
        StringOp::Lods => {
            let v = x.load(w, src, si)?;
            x.set_reg(w, gpr::AX, v);
        }
        StringOp::Cmps => {
            let a = x.load(w, src, si)?;
            let b = x.load(w, dst, di)?;
            x.set_flags(FlagOp::Sub, w, a, b, a.wrapping_sub(b) & w.mask());
        }
        StringOp::Scas => {
            let a = x.reg(w, gpr::AX);
            let b = x.load(w, dst, di)?;
            x.set_flags(FlagOp::Sub, w, a, b, a.wrapping_sub(b) & w.mask());
        }
        StringOp::Ins => {
            let port = x.reg(Width::W16, gpr::DX) as u16;
            io::check_port(x, port, w)?;
            x.probe(dst, w.bytes(), true, di)?;
            let v = io::read_port(x, port, w);
            x.store(w, dst, di, v)?;
        }
        StringOp::Outs => {
            let port = x.reg(Width::W16, gpr::DX) as u16;
            io::check_port(x, port, w)?;
            let v = x.load(w, src, si)?;
            io::write_port(x, port, w, v);
        }
    }
    if matches!(op, StringOp::Movs | StringOp::Lods | StringOp::Cmps | StringOp::Outs) {
        advance(x, asz, gpr::SI, bytes);
    }
    if !matches!(op, StringOp::Lods | StringOp::Outs) {
        advance(x, asz, gpr::DI, bytes);
    }
    Ok(())
}

/// Whether it is flat, ascending and of 32 bits: at its destination, and at its source if it `reads` one.
fn is_straight(x: &Exec<'_>, i: &Insn, reads: bool) -> bool {
    let flat = i.flat_stack() && (!reads || i.mem.seg == Seg::Flat);
    i.mem.asz == Width::W32 && flat && x.cpu.eflags & eflags::DF == 0
}

/// Does up to `most` iterations of a flat, ascending MOVS or STOS at once, as far as the pages at both ends
/// are plain RAM known to the fast tables. How many; 0 where one iteration must go the ordinary way.
fn bulk(x: &mut Exec<'_>, i: &Insn, op: StringOp, most: u64) -> u64 {
    let w = i.w;
    let moves = op == StringOp::Movs;
    if !(moves || op == StringOp::Stos) || !is_straight(x, i, moves) {
        return 0;
    }
    let bytes = u64::from(w.bytes());
    let di = x.reg(Width::W32, gpr::DI);
    let Some(to) = x.mmu.fast_write_run(di) else { return 0 };
    let mut n = most.min((0x1000 - (di & 0xFFF)) / bytes);
    if moves {
        let si = x.reg(Width::W32, gpr::SI);
        let Some(from) = x.mmu.fast_read_run(si) else { return 0 };
        n = n.min((0x1000 - (si & 0xFFF)) / bytes);
        if n == 0 {
            return 0;
        }
        x.mmu.copy_forward(from, to, n * bytes, bytes);
        x.set_reg(Width::W32, gpr::SI, si.wrapping_add(n * bytes));
    } else {
        if n == 0 {
            return 0;
        }
        let v = x.reg(w, gpr::AX);
        x.mmu.fill(to, n, w, v);
    }
    x.set_reg(Width::W32, gpr::DI, di.wrapping_add(n * bytes));
    n
}

/// Does up to `most` iterations of a flat, ascending CMPS or SCAS at once, as far as the pages at both ends are plain RAM
/// known to the fast tables, and until one ends the repetition. How many; 0 where one must go the ordinary way.
fn bulk_compare(x: &mut Exec<'_>, i: &Insn, op: StringOp, most: u64) -> u64 {
    let (w, two) = (i.w, op == StringOp::Cmps);
    if !is_straight(x, i, two) {
        return 0;
    }
    let bytes = u64::from(w.bytes());
    let (si, di) = (x.reg(Width::W32, gpr::SI), x.reg(Width::W32, gpr::DI));
    let Some(second) = x.mmu.fast_read_run(di) else { return 0 };
    let mut n = most.min((0x1000 - (di & 0xFFF)) / bytes);
    let mut first = None;
    if two {
        let Some(at) = x.mmu.fast_read_run(si) else { return 0 };
        first = Some(at);
        n = n.min((0x1000 - (si & 0xFFF)) / bytes);
    }
    let accumulator = x.reg(w, gpr::AX);
    let while_equal = !i.prefix.has(Prefix::REPNE);
    let mut done = 0;
    let (mut a, mut b) = (0, 0);
    while done < n {
        a = first.map_or(accumulator, |at| x.mmu.read_ram(at + done * bytes, w));
        b = x.mmu.read_ram(second + done * bytes, w);
        done += 1;
        if (a == b) != while_equal {
            break;
        }
    }
    if done > 0 {
        x.set_flags(FlagOp::Sub, w, a, b, a.wrapping_sub(b) & w.mask());
        x.set_reg(Width::W32, gpr::DI, di.wrapping_add(done * bytes));
        if two {
            x.set_reg(Width::W32, gpr::SI, si.wrapping_add(done * bytes));
        }
    }
    done
}
