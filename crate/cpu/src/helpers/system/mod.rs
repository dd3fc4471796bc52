//! System instructions: interrupt flag, EFLAGS, control and debug registers, MSRs, table registers
//! (SDM vol. 2; vol. 3, chapter 2).

mod control;
mod debug;
mod flags;
mod msr;
mod mtrr;
mod random;
mod tables;
#[cfg(test)]
mod tests;

pub use control::{clts, invlpg, lmsw, mov_from_cr, mov_to_cr, smsw, wbinvd};
pub use debug::{mov_from_dr, mov_to_dr};
pub use flags::{clac, cli, hlt, popf, pushf, stac, sti};
pub(crate) use flags::{flags_from_8086, flags_of_8086, v86_sees_virtual_if, writable_flags};
pub use msr::{rdmsr, rdpmc, rdtsc, wrmsr};
pub use random::rdrand;
pub use tables::{lgdt, lidt, sgdt, sidt};

use crate::exec::Exec;
use crate::fault::Stop;
use x86::cr4;

/// #GP(0) above CPL 0 if CR4.UMIP keeps user programs from looking at system registers (SDM vol. 3, 2.5).
pub(crate) fn not_for_users(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.cr4 & cr4::UMIP != 0 { privileged(x) } else { Ok(()) }
}

/// #GP(0) unless CPL is 0 (in real mode it is; in virtual-8086 mode never).
fn privileged(x: &mut Exec<'_>) -> Result<(), Stop> {
    if x.cpu.cpl == 0 { Ok(()) } else { Err(x.gp0()) }
}
