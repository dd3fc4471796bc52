//! A region as text, stage by stage: for people who want to see what became of their code, and for golden files.
//!
//! Instructions are shown as bytes and as what the decoder made of them. There is no disassembler:
//! its tables would be most of what this costs.

use crate::emit::{self, Target, Text, To};
use crate::ir;
use crate::opt::Enabled;
use crate::region::{Region, target};
use cpu::insn::{Insn, Kind, Mem};
use std::fmt::Write;

/// The guest's instructions, block by block; `origin` is the linear address of the region's first block, and `bytes` gives
/// those at a physical address.
#[must_use]
pub fn instructions(region: &Region, origin: u32, bytes: impl Fn(u64, usize) -> Vec<u8>) -> String {
    let mut text = String::new();
    for (n, b) in region.blocks.iter().enumerate() {
        let at = origin.wrapping_add_signed(b.delta);
        let _ = writeln!(text, "block {n} at {at:08x}h (physical {:08x}h):", b.phys);
        for i in &b.insns {
            let start = u64::from(i.start);
            let hex = bytes(b.phys + start, i.len.into());
            let hex: Vec<String> = hex.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(
                text,
                "  {:08x}  {:<24} {}",
                at.wrapping_add(start as u32),
                hex.join(" "),
                insn(i, target(b.mode, b.delta, i), origin)
            );
        }
    }
    text
}

/// An instruction in short: what to do, how wide, with what. Registers are numbers, as in the IR.
fn insn(i: &Insn, target: Option<i32>, origin: u32) -> String {
    let mut text = format!("{:?} {:?}", i.op, i.w);
    let mut add = |operand: String| {
        text.push(' ');
        text += &operand;
    };
    for (kind, r) in [(i.k0, i.r0), (i.k1, i.r1)] {
        match kind {
            Kind::None => {}
            Kind::Reg => add(format!("r{r}")),
            Kind::Mem => add(memory(i.mem)),
            Kind::Imm => add(format!("{:#x}", i.imm)),
        }
    }
    if let Some(delta) = target {
        add(format!("to {:08x}h", origin.wrapping_add_signed(delta)));
    }
    text
}

fn memory(m: Mem) -> String {
    let mut text = format!("[{:?}", m.seg);
    if m.base < 16 {
        let _ = write!(text, " r{}", m.base);
    }
    if m.index < 16 {
        let _ = write!(text, " r{}*{}", m.index, 1 << (m.scale & 3));
    }
    let _ = write!(text, " {:+#x}]", m.disp);
    text
}

/// The IR of each block as it was written down, and after each pass that changed it: `every` one of them, or only after
/// the last.
#[must_use]
pub fn ir(region: &Region, passes: Enabled, every: bool) -> String {
    let mut text = String::new();
    let plain = emit::lift(region, Enabled::NONE, |_, _, _| {});
    let mut stages: Vec<Vec<(&str, ir::Block)>> = plain.into_iter().map(|b| vec![("", b)]).collect();
    let _ = emit::lift(region, passes, |n, pass, block| {
        if let Some(stages) = stages.get_mut(n)
            && stages.last().is_none_or(|(_, last)| last != block)
        {
            stages.push((pass.name, block.clone()));
        }
    });
    for (n, stages) in stages.iter().enumerate() {
        let last = stages.len() - 1;
        for (at, (pass, block)) in stages.iter().enumerate() {
            let _ = match at {
                0 => writeln!(text, "block {n} as written down:\n{block}"),
                _ if every => writeln!(text, "block {n} after {pass}:\n{block}"),
                at if at == last => writeln!(text, "block {n} after all passes:\n{block}"),
                _ => Ok(()),
            };
        }
    }
    text
}

/// The wasm function, with a comment for what is not in it: its size and the meaning of its exits.
#[must_use]
pub fn wasm(region: &Region, target: &Target<'_>, number: u32) -> String {
    let mut body = Text::default();
    let emitted = emit::emit_watched(region, target, number, &mut |i| body.add(i));
    let mut text = format!("function of {} bytes:\n{}", emitted.function.byte_len(), body.finish());
    for (n, exit) in emitted.exits.iter().enumerate() {
        let executed = exit.executed;
        let _ = match exit.to {
            To::Page(delta) => writeln!(text, "exit {n}: to a page not known, {delta:+}, after {executed}"),
            To::Interpreter(delta) => {
                writeln!(text, "exit {n}: the interpreter does {delta:+}, after {executed}")
            }
            To::Block(delta) => writeln!(text, "exit {n}: the interpreter does the block {delta:+}"),
            To::Settled => writeln!(text, "exit {n}: wherever the interpreter led"),
        };
    }
    for (n, run) in emitted.steps.iter().enumerate() {
        let ops: Vec<String> = run.insns.iter().map(|i| format!("{:?}", i.op)).collect();
        let _ = writeln!(text, "interpreted run {n}: {}", ops.join(", "));
    }
    text
}
