//! Whole instructions too large or too rare for micro-operations, one Rust function each, and the delivery
//! of exceptions and interrupts. The interpreter calls them directly, translated code as imports.
//!
//! A helper gets the processor and the decoded instruction. It either finishes, or returns a [`Stop`] with
//! nothing changed that the guest could see (the instruction then starts again or faults).

pub mod cpuid;
pub mod float;
pub mod interrupt;
pub mod io;
pub mod segment;
pub mod smm;
pub mod stack;
pub mod string;
pub mod system;
pub mod task;
pub mod transfer;

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::{Helper, Insn};

/// Runs one helper.
///
/// # Errors
/// What the instruction raises.
pub fn call(x: &mut Exec<'_>, h: Helper, i: &Insn) -> Result<(), Stop> {
    match h {
        Helper::JmpFar => transfer::jmp_far(x, i),
        Helper::CallFar => transfer::call_far(x, i),
        Helper::RetFar => transfer::ret_far(x, i),
        Helper::Iret => interrupt::iret(x, i),
        Helper::Int => interrupt::int(x, i),
        Helper::Int1 => interrupt::int1(x, i),
        Helper::Int3 => interrupt::int3(x, i),
        Helper::Into => interrupt::into(x, i),
        Helper::Bound => interrupt::bound(x, i),
        Helper::Sysenter => transfer::sysenter(x, i),
        Helper::Sysexit => transfer::sysexit(x, i),
        Helper::Rsm => smm::rsm(x, i),
        Helper::MovToSeg => segment::mov_to_seg(x, i),
        Helper::PopSeg => segment::pop_seg(x, i),
        Helper::LoadFarPointer => segment::load_far_pointer(x, i),
        Helper::Lar => segment::lar(x, i),
        Helper::Lsl => segment::lsl(x, i),
        Helper::Verr => segment::verr(x, i),
        Helper::Verw => segment::verw(x, i),
        Helper::Arpl => segment::arpl(x, i),
        Helper::Cli => system::cli(x, i),
        Helper::Sti => system::sti(x, i),
        Helper::Hlt => system::hlt(x, i),
        Helper::Pushf => system::pushf(x, i),
        Helper::Popf => system::popf(x, i),
        Helper::Lgdt => system::lgdt(x, i),
        Helper::Lidt => system::lidt(x, i),
        Helper::Sgdt => system::sgdt(x, i),
        Helper::Sidt => system::sidt(x, i),
        Helper::Lldt => segment::lldt(x, i),
        Helper::Ltr => segment::ltr(x, i),
        Helper::Sldt => segment::sldt(x, i),
        Helper::Str => segment::str(x, i),
        Helper::Lmsw => system::lmsw(x, i),
        Helper::Smsw => system::smsw(x, i),
        Helper::Clts => system::clts(x, i),
        Helper::MovFromCr => system::mov_from_cr(x, i),
        Helper::MovToCr => system::mov_to_cr(x, i),
        Helper::MovFromDr => system::mov_from_dr(x, i),
        Helper::MovToDr => system::mov_to_dr(x, i),
        Helper::Rdtsc => system::rdtsc(x, i),
        Helper::Rdpmc => system::rdpmc(x, i),
        Helper::Rdmsr => system::rdmsr(x, i),
        Helper::Wrmsr => system::wrmsr(x, i),
        Helper::Cpuid => cpuid::cpuid(x, i),
        Helper::Invlpg => system::invlpg(x, i),
        Helper::Invd | Helper::Wbinvd => system::wbinvd(x, i),
        Helper::Clac => system::clac(x, i),
        Helper::Stac => system::stac(x, i),
        Helper::Xgetbv => float::xgetbv(x, i),
        Helper::Xsetbv => float::xsetbv(x, i),
        Helper::Rdrand => system::rdrand(x, i),
        Helper::In => io::port_in(x, i),
        Helper::Out => io::port_out(x, i),
        Helper::String(op) => string::string(x, i, op),
        Helper::Enter => stack::enter(x, i),
        Helper::X87Env(op) => float::x87_env(x, i, op),
    }
}
