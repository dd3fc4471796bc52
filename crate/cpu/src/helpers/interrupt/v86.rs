//! INT n in virtual-8086 mode with CR4.VME: to the program's own handler, if the monitor has said so
//! (SDM vol. 3, 20.3.3; its table of methods has no. 5 and 6 here).

use super::Event;
use crate::exec::Exec;
use crate::fault::Stop;
use crate::helpers::segment::{Frame, v86_segment};
use crate::helpers::system::flags_of_8086;
use crate::helpers::transfer::{check_limit, enter_code};
use crate::insn::Width;
use x86::{Seg, cr4, eflags};

/// Offset in a 32-bit TSS of where the I/O permission bitmap begins, below which the redirection bitmap lies.
const IO_MAP_BASE: u32 = 102;
/// Bytes of the redirection bitmap: a bit for each vector.
const BITMAP: u32 = 32;

/// Whether a vector goes to the program's own handler: its bit in the redirection bitmap is 0.
///
/// # Errors
/// #GP(0) if the TSS does not reach that far, #PF.
pub(super) fn is_redirected(x: &mut Exec<'_>, vector: u8) -> Result<bool, Stop> {
    if x.cpu.cr4 & cr4::VME == 0 {
        return Ok(false);
    }
    let tss = x.cpu.tr;
    if tss.limit < IO_MAP_BASE + 1 {
        return Err(x.gp0());
    }
    let map = x.read_system(Width::W16, tss.base + u64::from(IO_MAP_BASE))? as u32;
    let at = map.checked_sub(BITMAP).map(|bitmap| bitmap + u32::from(vector / 8));
    let Some(at) = at.filter(|at| *at <= tss.limit) else { return Err(x.gp0()) };
    let bits = x.read_system(Width::W8, tss.base + u64::from(at))?;
    Ok(bits >> (vector % 8) & 1 == 0)
}

/// To the handler that the program's vector table names, which lies at linear address 0 and is the program's own memory.
///
/// # Errors
/// #PF, #SS(0), #GP(0).
pub(super) fn through_own_table(x: &mut Exec<'_>, ev: &Event) -> Result<(), Stop> {
    let entry = x.read_mem(Width::W32, Seg::Flat, u64::from(ev.vector) * 4)?;
    let restricted = x.cpu.iopl() < 3;
    let flags = x.cpu.eflags();
    let mut frame = Frame::current(x, Width::W16);
    frame.push(u64::from(if restricted { flags_of_8086(flags) } else { flags }));
    frame.push(u64::from(x.cpu.seg(Seg::Cs).selector));
    frame.push(ev.return_eip);
    frame.check(x)?;
    let cs = v86_segment((entry >> 16) as u16, true);
    check_limit(x, &cs, entry & 0xFFFF)?;
    frame.commit(x);
    let interrupts = if restricted { eflags::VIF } else { eflags::IF };
    x.cpu.eflags &= !(eflags::TF | eflags::RF | interrupts);
    enter_code(x, cs, entry & 0xFFFF);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::helpers::segment::testing::*;
    use x86::vector::GP;

    const CLI: &[u8] = &[0xFA];
    const STI: &[u8] = &[0xFB];
    const PUSHF: &[u8] = &[0x9C];
    const PUSHFD: &[u8] = &[0x66, 0x9C];
    const POPF: &[u8] = &[0x9D];
    const POPFD: &[u8] = &[0x66, 0x9D];
    const IRET: &[u8] = &[0xCF];
    const IRETD: &[u8] = &[0x66, 0xCF];
    const INT: &[u8] = &[0xCD, 0x40];

    const IF: u32 = eflags::IF;
    const VIF: u32 = eflags::VIF;
    const VIP: u32 = eflags::VIP;
    const TF: u32 = eflags::TF;
    const IOPL: u32 = eflags::IOPL;

    /// A virtual-8086 program with CR4.VME, these flags, and what it finds on its stack for POPF and IRET.
    fn program(iopl: u32, flags: u32, stacked: &[u32]) -> Machine {
        let mut m = Machine::v86(iopl);
        m.cpu.cr4 = cr4::VME;
        m.cpu.set_eflags(eflags::VM | iopl << 12 | flags);
        m.push_all(Width::W16, stacked);
        m
    }

    #[test]
    fn cli_and_sti_change_the_flag_that_is_lent() {
        // CPL 3 with VME or PVI; IOPL, flags, instruction, flags after (none: #GP(0))
        let rows: &[(u32, u32, &[u8], Option<u32>)] = &[
            (0, IF | VIF, CLI, Some(IF)),
            (2, IF, STI, Some(IF | VIF)),
            (2, 0, STI, Some(VIF)),
            (1, VIP, CLI, Some(VIP)),
            (1, VIP, STI, None),
            (1, IF | VIP, STI, None),
            (3, IF | VIF, CLI, Some(VIF)),
            (3, VIP, STI, Some(IF | VIP)),
        ];
        for v86 in [true, false] {
            for &(iopl, flags, bytes, after) in rows {
                let what = format!("v86 {v86}, IOPL {iopl}, {flags:#x}, {bytes:x?}");
                let mut m = if v86 { program(iopl, flags, &[]) } else { Machine::protected(3) };
                if !v86 {
                    m.cpu.cr4 = cr4::PVI;
                    m.cpu.set_eflags(iopl << 12 | flags);
                }
                match after {
                    None => m.faults(bytes, GP, 0, &what),
                    Some(after) => {
                        m.step(bytes).unwrap();
                        assert_eq!(m.cpu.eflags() & (IF | VIF | VIP), after, "{what}");
                    }
                }
            }
        }
        // Not lent: by the other bit, at another level, or at all.
        for (cpl, cr4) in [(3, cr4::VME), (1, cr4::PVI | cr4::VME), (3, 0)] {
            let mut m = Machine::protected(cpl);
            m.cpu.cr4 = cr4;
            m.faults(CLI, GP, 0, "CLI");
            m.faults(STI, GP, 0, "STI");
        }
        let mut m = program(0, 0, &[]);
        m.cpu.cr4 = cr4::PVI;
        m.faults(STI, GP, 0, "STI");
    }

    #[test]
    fn pushf_shows_vif_as_if_and_iopl_3() {
        for (iopl, flags, pushed) in [
            (0, IF, IOPL),
            (1, VIF, IOPL | IF),
            (2, IF | VIF | VIP, IOPL | IF),
            (3, IF, IOPL | IF),
            (3, VIF, IOPL),
        ] {
            let mut m = program(iopl, flags, &[]);
            m.step(PUSHF).unwrap();
            assert_eq!(m.stack16(), [(pushed | eflags::ONE) as u16], "IOPL {iopl}, {flags:#x}");
        }
        program(2, VIF, &[]).faults(PUSHFD, GP, 0, "PUSHFD");
        program(3, VIF, &[]).step(PUSHFD).unwrap();
    }

    #[test]
    fn popf_and_iret_load_if_into_vif() {
        // IOPL, flags, flags on the stack, IF, VIF and VIP after (none: #GP(0))
        let rows: &[(u32, u32, u32, Option<u32>)] = &[
            (0, 0, IF, Some(VIF)),
            (0, IF | VIF, 0, Some(IF)),
            (2, VIP, 0, Some(VIP)),
            (2, VIP, IF, None),
            (2, 0, TF, None),
            (2, VIF, IF | TF, None),
            (3, VIP, IF, Some(IF | VIP)),
            (3, VIF, 0, Some(VIF)),
        ];
        for &(iopl, flags, stacked, after) in rows {
            // Everything else changes as well, but for IOPL.
            let image = stacked | eflags::NT | eflags::CF | eflags::DF;
            for (bytes, stack) in [(POPF, &[image][..]), (IRET, &[0x42, 0x2000, image])] {
                let what = format!("IOPL {iopl}, {flags:#x}, {stacked:#x}, {bytes:x?}");
                let mut m = program(iopl, flags, stack);
                match after {
                    None => m.faults(bytes, GP, 0, &what),
                    Some(after) => {
                        m.step(bytes).unwrap();
                        assert_eq!(m.cpu.eflags() & (IF | VIF | VIP), after, "{what}");
                        assert_eq!(m.cpu.eflags() & (TF | IOPL), stacked & TF | iopl << 12, "{what}");
                        assert!(m.flag(eflags::NT) && m.flag(eflags::CF) && m.flag(eflags::DF), "{what}");
                    }
                }
            }
        }
        for bytes in [POPFD, IRETD] {
            program(2, 0, &[0; 6]).faults(bytes, GP, 0, "32 bits");
        }
        let mut m = program(0, 0, &[0x42, 0x2000, IF]);
        m.step(IRET).unwrap();
        assert_eq!((m.cpu.eip, m.selector(Seg::Cs), m.sp()), (0x42, 0x2000, SP3));
    }

    /// Gives the TSS a redirection bitmap right below its end, in which vector 40h has `bit`.
    fn redirect(m: &mut Machine, bit: u8) {
        let map = 0x100;
        m.cpu.tr.limit = map - 1;
        m.put(Width::W16, TSS + u64::from(IO_MAP_BASE), u64::from(map));
        for n in 0..BITMAP {
            m.put(Width::W8, TSS + u64::from(map - BITMAP + n), if bit == 0 { 0xFF } else { 0 });
        }
        m.put(Width::W8, TSS + u64::from(map - BITMAP + 8), if bit == 0 { 0xFE } else { 1 });
        m.put(Width::W32, 0x40 * 4, 0x3000_0123);
        m.set_gate(0x40, gate(CODE0, HANDLER, 0xEE, 0));
    }

    #[test]
    fn int_goes_where_the_monitor_has_said() {
        // VME, IOPL, bit of the bitmap, flags; the method (SDM vol. 3, table 20-2)
        let rows: &[(bool, u32, u8, u32, u32)] = &[
            (false, 3, 0, IF, 1),
            (false, 2, 0, IF, 2),
            (true, 2, 1, IF, 3),
            (true, 3, 1, IF, 4),
            (true, 3, 0, IF | VIF | TF, 5),
            (true, 3, 0, VIF, 5),
            (true, 2, 0, IF | VIF | TF, 6),
            (true, 0, 0, IF, 6),
        ];
        for &(vme, iopl, bit, flags, method) in rows {
            let mut m = program(iopl, flags | eflags::CF, &[]);
            m.cpu.cr4 = if vme { cr4::VME } else { 0 };
            redirect(&mut m, bit);
            let what = format!("VME {vme}, IOPL {iopl}, bit {bit}, {flags:#x}");
            match method {
                2 | 3 => m.faults(INT, GP, 0, &what),
                1 | 4 => {
                    m.step(INT).unwrap();
                    assert_eq!((m.cpu.cpl, m.cpu.is_v86(), m.cpu.eip), (0, false, HANDLER.into()), "{what}");
                }
                _ => {
                    m.step(INT).unwrap();
                    assert_eq!((m.cpu.cpl, m.cpu.is_v86()), (3, true), "{what}");
                    assert_eq!((m.selector(Seg::Cs), m.cpu.eip), (0x3000, 0x123), "{what}");
                    let lent = if method == 5 { flags & IF } else { IF * u32::from(flags & VIF != 0) };
                    let pushed = flags & TF | lent | IOPL | eflags::CF | eflags::ONE;
                    assert_eq!(m.stack16(), [2, (CODE >> 4) as u16, pushed as u16], "{what}");
                    let cleared = if method == 5 { IF | TF } else { VIF | TF };
                    assert_eq!(m.cpu.eflags() & (IF | VIF | TF), flags & !cleared, "{what}");
                    assert_eq!(m.cpu.iopl(), iopl as u8, "{what}");
                }
            }
        }
    }

    #[test]
    fn only_int_n_is_redirected() {
        for bytes in [&[0xCC][..], &[0xCE], &[0xF1]] {
            let mut m = program(0, eflags::OF, &[]);
            redirect(&mut m, 0);
            for vector in [1, 3, 4] {
                m.set_gate(vector, gate(CODE0, HANDLER, 0xEE, 0));
            }
            m.step(bytes).unwrap();
            assert!(!m.cpu.is_v86(), "{bytes:x?}");
        }
    }

    #[test]
    fn the_bitmap_must_lie_in_the_tss() {
        // limit, where the I/O permission bitmap begins
        for (limit, map) in [(102, 0x100), (0xE7, 0x100), (0xFFFF, 31), (0x2FF, 0xFFFF)] {
            let mut m = program(3, 0, &[]);
            redirect(&mut m, 0);
            m.cpu.tr.limit = limit;
            m.put(Width::W16, TSS + u64::from(IO_MAP_BASE), map);
            m.faults(INT, GP, 0, &format!("limit {limit:#x}, map at {map:#x}"));
        }
    }

    #[test]
    fn a_pending_interrupt_that_is_allowed_is_the_monitors_before_the_next_instruction() {
        use crate::state::event;
        // Where the monitor returns to: EFLAGS, and whether the program is stopped before it does anything
        for (flags, stopped) in [
            (eflags::VM | VIF | VIP, true),
            (eflags::VM | VIF, false),
            (eflags::VM | VIP, false),
            (eflags::VM | IOPL | VIF | VIP, false),
        ] {
            let mut m = Machine::protected(0);
            m.cpu.cr4 = cr4::VME;
            m.push_all(Width::W32, &[0x100, 0x1000, flags, SP3, 0, 0, 0, 0, 0]);
            m.step(&[0xCF]).unwrap();
            assert_eq!(m.cpu.events & event::VIRTUAL != 0, stopped, "{flags:#x}");
        }
        // Delivered by the main loop, and gone in the handler.
        let mut p = crate::Processor::new(1 << 20, Box::new(crate::EmptyBus)).unwrap();
        let mut m = program(0, VIF, &[]);
        for vector in 0..32 {
            m.set_gate(vector, gate(CODE0, HANDLER + u32::from(vector), 0x8E, 0));
        }
        let ram = m.mmu.ram().slice(0, 1 << 20).unwrap().to_vec();
        p.mmu.load_ram(0, &ram);
        p.cpu = m.cpu.clone();
        p.cpu.set_eflags(eflags::VM | VIF | VIP);
        p.state_changed();
        p.run(1);
        assert_eq!((p.cpu.eip, p.cpu.cpl), (u64::from(HANDLER) + u64::from(GP), 0));
        assert_eq!(p.cpu.events & event::VIRTUAL, 0);
        assert_eq!(p.cpu.fault, Fault::with(GP, 0));
    }
}
