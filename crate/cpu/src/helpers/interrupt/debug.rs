//! Debug exceptions (SDM vol. 3, chapter 17).

use super::{Delivered, Event, Kind, chain};
use crate::exec::Exec;
use crate::state::Cpu;
use x86::{Seg, eflags, vector};

/// DR6: bits 0 to 3 say which breakpoints were met.
const DR6_HITS: u64 = 0xF;
/// DR7: general detect, cleared on entry to the handler so that it may use the debug registers.
const DR7_GD: u64 = 1 << 13;

/// Delivers #DB for the DR6 bits `hits` (B0 to B3, BS, BT): a trap after an instruction, or an instruction
/// breakpoint. `cpu.eip` is where to return to.
pub fn deliver_trap_debug(x: &mut Exec<'_>, hits: u32) -> Delivered {
    let ev = event(x, hits);
    chain(x, ev)
}

/// #DB at `cpu.eip`, with DR6 set for it.
pub(super) fn event(x: &mut Exec<'_>, hits: u32) -> Event {
    x.cpu.dr[6] = x.cpu.dr[6] & !DR6_HITS | u64::from(hits);
    Event { vector: vector::DB, error: None, kind: Kind::Debug, return_eip: x.cpu.eip }
}

/// The debug handler was entered.
pub(super) fn entered(x: &mut Exec<'_>) {
    x.cpu.dr[7] &= !DR7_GD;
}

/// DR6 bits of the instruction breakpoints on the instruction at `cpu.eip`; none while RF is set
/// (SDM vol. 3, 17.3.1.1).
#[must_use]
pub fn instruction_breakpoint(cpu: &Cpu) -> u32 {
    if cpu.eflags & eflags::RF != 0 {
        return 0;
    }
    let dr7 = cpu.dr[7];
    let lin = cpu.seg(Seg::Cs).base.wrapping_add(cpu.eip) & 0xFFFF_FFFF;
    (0..4)
        .filter(|n| {
            let enabled = dr7 >> (2 * n) & 3 != 0;
            let executes = dr7 >> (16 + 4 * n) & 3 == 0;
            enabled && executes && cpu.dr[*n] == lin
        })
        .fold(0, |hits, n| hits | 1 << n)
}
