//! System instructions: interrupt flag, EFLAGS, control and debug registers, MSRs, table registers
//! (SDM vol. 2; vol. 3, chapter 2).

mod control;
mod debug;
mod flags;
mod msr;
mod tables;
#[cfg(test)]
mod tests;

pub use control::{clts, invlpg, lmsw, mov_from_cr, mov_to_cr, smsw, wbinvd};
pub(crate) use debug::update_watch;
pub use debug::{mov_from_dr, mov_to_dr};
pub use flags::{cli, hlt, popf, pushf, sti};
pub(crate) use flags::{flags_from_8086, flags_of_8086, v86_sees_virtual_if, writable_flags};
pub use msr::{rdmsr, rdpmc, rdtsc, wrmsr};
pub use tables::{lgdt, lidt, sgdt, sidt};

use crate::exec::Exec;
use crate::fault::Stop;

/// #GP(0) unless CPL is 0 (in real mode it is; in virtual-8086 mode never).
fn privileged(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.cpl == 0 { Ok(()) } else { Err(x.gp0()) }
}
