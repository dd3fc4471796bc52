//! Delivery of exceptions and interrupts (SDM vol. 3, chapter 6), and the instructions that have to do with
//! it.
//!
//! [`attempt`] tries once to enter a handler: every check, then the commit. If it fails, nothing has changed
//! (a task gate may fail later, in the new task: [`Outcome::Faulted`]), and the new exception takes its turn:
//! [`chain`] is a loop over "which event is being delivered", in which a second exception replaces the first,
//! becomes a double fault, or ends in shutdown (SDM vol. 3, table 6-5). Nothing recurses.

mod debug;
mod instructions;
mod iret;
#[cfg(test)]
mod tests;
mod v86;

pub use debug::{deliver_trap_debug, instruction_breakpoint};
pub use instructions::{bound, int, int1, int3, into};
pub use iret::iret;

use super::segment::{Frame, fetch};
use super::task::{self, DR6_BT, Outcome, Reason};
use super::transfer::{check_limit, enter_code, unprotected_code};
use crate::exec::Exec;
use crate::fault::{Fault, Stop};
use crate::insn::Width;
use crate::state::{Segment, event};
use x86::descriptor::{Descriptor, Selector, system};
use x86::{Seg, cr0, eflags, gpr, vector};

/// Error code bit: the event came from outside the program (SDM vol. 3, 6.13).
const EXT: u32 = 1;
/// Error code bit: the selector part is an index into the IDT.
const IDT: u32 = 2;

/// What kind of event is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault: the handler returns to the instruction, with RF set.
    Fault,
    /// A debug trap, or an instruction breakpoint.
    Debug,
    /// An interrupt from a device, or NMI.
    External,
    /// INT n.
    Software,
    /// INT3 and INTO: like INT n, but virtual-8086 mode does not restrict them.
    SoftwareTrap,
    /// INT1: no privilege is needed.
    Icebp,
}

impl Kind {
    /// The gate's DPL must allow the program to come in.
    const fn checks_privilege(self) -> bool {
        matches!(self, Self::Software | Self::SoftwareTrap)
    }
    /// The program did not ask for it.
    const fn is_external(self) -> bool {
        !self.checks_privilege()
    }
    /// An exception, so that another one during its delivery may be a double fault.
    const fn is_exception(self) -> bool {
        matches!(self, Self::Fault | Self::Debug)
    }
}

/// An event on its way to its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Vector.
    pub vector: u8,
    /// Error code to push.
    pub error: Option<u32>,
    /// Where it comes from.
    pub kind: Kind,
    /// EIP the handler returns to.
    pub return_eip: u64,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// At the first instruction of a handler; or where it began, if the delivery would never end.
    Handler,
    /// In shutdown, after a triple fault; `event::SHUTDOWN` is set.
    Shutdown,
    /// Guest memory that is needed is not loaded yet; nothing has changed.
    NotHere,
}

/// Tries once to deliver an event. `cpu.next_eip` is the handler's entry then.
///
/// # Errors
/// The exception that delivery raised, or `NotHere`; nothing has changed.
pub fn deliver(x: &mut Exec<'_>, ev: Event) -> Result<(), Stop> {
    let outcome = attempt(x, &ev)?;
    settle(x, outcome)
}

/// Delivers the exception in `cpu.fault`, raised by the instruction at `cpu.eip`, and whatever exceptions
/// that leads to. `cpu.eip` is the handler's entry then.
pub fn deliver_fault(x: &mut Exec<'_>) -> Delivered {
    let ev = fault_event(x, x.cpu.fault);
    chain(x, ev)
}

/// Delivers an interrupt that a controller acknowledged with `vector`; `cpu.eip` is where to return to.
pub fn deliver_external(x: &mut Exec<'_>, vector: u8) -> Delivered {
    let ev = Event { vector, error: None, kind: Kind::External, return_eip: x.cpu.eip };
    chain(x, ev)
}

/// Delivers a non-maskable interrupt, and blocks further ones until IRET; `cpu.eip` is where to return to.
pub fn deliver_nmi(x: &mut Exec<'_>) -> Delivered {
    let delivered = deliver_external(x, vector::NMI);
    if delivered != Delivered::NotHere {
        x.cpu.nmi_blocked = 1;
        x.cpu.events &= !event::NMI;
    }
    delivered
}

/// After something that cannot be undone: if it left a fault of a new task behind, or a debug trap because
/// the new TSS has the T bit, that is delivered now.
///
/// # Errors
/// `NotHere` while that is delivered.
pub(crate) fn settle(x: &mut Exec<'_>, outcome: Outcome) -> Result<(), Stop> {
    let delivered = if outcome == Outcome::Faulted {
        x.cpu.eip = x.cpu.next_eip;
        deliver_fault(x)
    } else if x.debug_hits & DR6_BT != 0 {
        let hits = x.debug_hits;
        x.cpu.eip = x.cpu.next_eip;
        deliver_trap_debug(x, hits)
    } else {
        return Ok(());
    };
    match delivered {
        Delivered::Handler | Delivered::Shutdown => Ok(()),
        Delivered::NotHere => Err(Stop::NotHere),
    }
}

fn fault_event(x: &Exec<'_>, f: Fault) -> Event {
    Event {
        vector: f.vector,
        error: f.has_error.then_some(f.error),
        kind: Kind::Fault,
        return_eip: x.cpu.eip,
    }
}

/// How many events one delivery may lead to. Some never end: #AC on a misaligned stack of level 3 raises #AC, and as
/// that is no contributory exception there is no double fault. Silicon hangs then, deaf to interrupts; here the
/// instruction begins anew, so that [`crate::Processor::run`] ends at its limit.
const LONGEST_CHAIN: u32 = 16;

/// The loop around [`attempt`].
fn chain(x: &mut Exec<'_>, mut ev: Event) -> Delivered {
    for _ in 0..LONGEST_CHAIN {
        // What the interrupted instruction met is told already, or lost with its fault.
        x.debug_hits = 0;
        match attempt(x, &ev) {
            Ok(Outcome::Done) => {
                x.cpu.eip = x.cpu.next_eip;
                let mut hits = std::mem::take(&mut x.debug_hits);
                if ev.kind == Kind::Debug {
                    // What #DB pushes itself meets no breakpoint: its handler would come twice for one access.
                    hits &= DR6_BT;
                }
                if hits == 0 {
                    return Delivered::Handler;
                }
                // A data breakpoint on the frame, or the handler is a task with the T bit: a debug trap before the first
                // instruction.
                ev = debug::event(x, hits);
                continue;
            }
            Ok(Outcome::Faulted) => x.cpu.eip = x.cpu.next_eip,
            Err(Stop::NotHere) => return Delivered::NotHere,
            Err(Stop::Fault) => {}
        }
        let second = x.cpu.fault;
        let next = if ev.kind.is_exception() { combine(ev.vector, second) } else { Some(second) };
        match next {
            Some(f) => ev = fault_event(x, f),
            None => {
                x.cpu.events |= event::SHUTDOWN;
                x.leave = true;
                return Delivered::Shutdown;
            }
        }
    }
    x.debug_hits = 0;
    x.cpu.next_eip = x.cpu.eip;
    Delivered::Handler
}

/// What an exception raised while another is delivered becomes (SDM vol. 3, tables 6-4 and 6-5): `None` is
/// shutdown.
fn combine(first: u8, second: Fault) -> Option<Fault> {
    let contributory = |v| matches!(v, vector::DE | vector::TS | vector::NP | vector::SS | vector::GP);
    let page = |v| v == vector::PF;
    let severe = contributory(second.vector) || page(second.vector);
    match first {
        vector::DF if severe => None,
        v if contributory(v) && contributory(second.vector) => Some(Fault::with(vector::DF, 0)),
        v if page(v) && severe => Some(Fault::with(vector::DF, 0)),
        _ => Some(second),
    }
}

/// Tries once, and says so in the error code if the event was not the program's doing.
fn attempt(x: &mut Exec<'_>, ev: &Event) -> Result<Outcome, Stop> {
    let result = if x.cpu.cr0 & cr0::PE == 0 {
        through_vector_table(x, ev).map(|()| Outcome::Done)
    } else {
        through_gate(x, ev)
    };
    let faulted = matches!(result, Ok(Outcome::Faulted) | Err(Stop::Fault));
    let selects = matches!(x.cpu.fault.vector, vector::TS | vector::NP | vector::SS | vector::GP);
    if faulted && selects && ev.kind.is_external() {
        x.cpu.fault.error |= EXT;
    }
    if result.is_ok() {
        x.cpu.events &= !(event::SHADOW | event::SHADOW_SS | event::HALT);
        if ev.vector == vector::DB && ev.kind.is_external() {
            debug::entered(x);
        }
    }
    result
}

/// EFLAGS as the handler finds them on its stack (SDM vol. 3, 17.3.1.1).
fn pushed_flags(x: &Exec<'_>, kind: Kind) -> u32 {
    let flags = x.cpu.eflags();
    match kind {
        Kind::Fault => flags | eflags::RF,
        Kind::External => flags,
        Kind::Debug | Kind::Software | Kind::SoftwareTrap | Kind::Icebp => flags & !eflags::RF,
    }
}

/// Real mode (SDM vol. 3, 20.1.4): four bytes a vector, three words pushed, no error codes.
fn through_vector_table(x: &mut Exec<'_>, ev: &Event) -> Result<(), Stop> {
    let at = u32::from(ev.vector) * 4;
    if at + 3 > u32::from(x.cpu.idtr.limit) {
        return Err(x.fault(vector::GP, u32::from(ev.vector) << 3 | IDT));
    }
    let entry = x.read_system(Width::W32, x.cpu.idtr.base + u64::from(at))?;
    let mut frame = Frame::current(x, Width::W16);
    frame.push(u64::from(pushed_flags(x, ev.kind)));
    frame.push(u64::from(x.cpu.seg(Seg::Cs).selector));
    frame.push(ev.return_eip);
    frame.check(x)?;
    let cs = unprotected_code(x, (entry >> 16) as u16);
    check_limit(x, &cs, entry & 0xFFFF)?;
    frame.commit(x);
    x.cpu.eflags &= !(eflags::IF | eflags::TF | eflags::AC | eflags::RF);
    enter_code(x, cs, entry & 0xFFFF);
    Ok(())
}

/// Protected and virtual-8086 mode (SDM vol. 3, 6.12).
fn through_gate(x: &mut Exec<'_>, ev: &Event) -> Result<Outcome, Stop> {
    if ev.kind == Kind::Software && x.cpu.is_v86() {
        if v86::is_redirected(x, ev.vector)? {
            return v86::through_own_table(x, ev).map(|()| Outcome::Done);
        }
        // INT n is the monitor's unless IOPL is 3.
        if x.cpu.iopl() < 3 {
            return Err(x.gp0());
        }
    }
    let at = u32::from(ev.vector) * 8;
    let error = at | IDT;
    if at + 7 > u32::from(x.cpu.idtr.limit) {
        return Err(x.fault(vector::GP, error));
    }
    let gate = Descriptor(x.read_system(Width::W64, x.cpu.idtr.base + u64::from(at))?);
    let rights = gate.rights();
    let kind = if rights.is_system() { rights.kind() } else { 0 };
    let (w, is_trap) = match kind {
        system::TASK_GATE => (Width::W32, false),
        system::INT_GATE16 => (Width::W16, false),
        system::TRAP_GATE16 => (Width::W16, true),
        system::INT_GATE32 => (Width::W32, false),
        system::TRAP_GATE32 => (Width::W32, true),
        _ => return Err(x.fault(vector::GP, error)),
    };
    if ev.kind.checks_privilege() && rights.dpl() < x.cpu.cpl {
        return Err(x.fault(vector::GP, error));
    }
    if !rights.present() {
        return Err(x.fault(vector::NP, error));
    }
    if kind == system::TASK_GATE {
        let to = task::find(x, gate.gate_selector(), false, vector::GP)?;
        let flags = pushed_flags(x, ev.kind);
        return task::switch(x, &to, Reason::Nest, ev.return_eip, flags, ev.error);
    }
    enter_handler(x, ev, gate, w)?;
    let cleared = eflags::TF | eflags::NT | eflags::VM | eflags::RF | if is_trap { 0 } else { eflags::IF };
    x.cpu.eflags &= !cleared;
    x.mode_changed();
    Ok(Outcome::Done)
}

/// The stack switch, if there is one, and the frame. EFLAGS are the caller's to clear.
fn enter_handler(x: &mut Exec<'_>, ev: &Event, gate: Descriptor, w: Width) -> Result<(), Stop> {
    let selector = gate.gate_selector();
    if selector.is_null() {
        return Err(x.gp0());
    }
    let code = fetch(x, Selector(selector.0), vector::GP)?;
    let rights = code.rights();
    if !rights.is_code() || rights.dpl() > x.cpu.cpl {
        return Err(code.fault(x, vector::GP));
    }
    if !rights.present() {
        return Err(code.fault(x, vector::NP));
    }
    let from_v86 = x.cpu.is_v86();
    let inner = !rights.is_conforming() && rights.dpl() < x.cpu.cpl;
    if from_v86 && (!inner || rights.dpl() != 0) {
        return Err(code.fault(x, vector::GP));
    }
    let cpl = if inner { rights.dpl() } else { x.cpu.cpl };
    let (ss, sp, error) = if inner {
        let (ss, sp) = task::inner_stack(x, cpl)?;
        (ss, sp, u32::from(ss.selector) & 0xFFFC)
    } else {
        (*x.cpu.seg(Seg::Ss), x.cpu.regs[usize::from(gpr::SP)], 0)
    };
    let mut frame = Frame::new(w, ss, sp, cpl, error);
    let selector_of = |x: &Exec<'_>, seg| u64::from(x.cpu.seg(seg).selector);
    if from_v86 {
        for seg in [Seg::Gs, Seg::Fs, Seg::Ds, Seg::Es] {
            frame.push(selector_of(x, seg));
        }
    }
    if inner {
        frame.push(selector_of(x, Seg::Ss));
        frame.push(x.cpu.regs[usize::from(gpr::SP)]);
    }
    frame.push(u64::from(pushed_flags(x, ev.kind)));
    frame.push(selector_of(x, Seg::Cs));
    frame.push(ev.return_eip);
    if let Some(error) = ev.error {
        frame.push(u64::from(error));
    }
    frame.check(x)?;
    let cs = code.segment(cpl);
    let eip = u64::from(gate.gate_offset()) & w.mask();
    check_limit(x, &cs, eip)?;
    code.mark_accessed(x)?;
    frame.commit(x);
    if from_v86 {
        for seg in [Seg::Gs, Seg::Fs, Seg::Ds, Seg::Es] {
            x.cpu.segs[seg as usize] = Segment::null(0);
        }
    }
    x.cpu.segs[Seg::Ss as usize] = ss;
    x.cpu.cpl = cpl;
    x.cpu.segs[Seg::Cs as usize] = cs;
    x.cpu.next_eip = eip;
    Ok(())
}
