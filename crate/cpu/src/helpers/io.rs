//! IN and OUT (SDM vol. 1, chapter 19).

use super::segment::io_permitted;
use crate::exec::{Exec, bus_width};
use crate::fault::Stop;
use crate::insn::{Insn, Kind, Width};
use crate::micro::Micro;
use bus::Port;
use x86::gpr;

fn port_number(x: &mut Exec<'_>, i: &Insn) -> u16 {
    if i.k1 == Kind::Imm { i.imm as u16 & 0xFF } else { x.reg(Width::W16, gpr::DX) as u16 }
}

/// #GP(0) unless the port may be accessed at this privilege level.
pub(super) fn check_port(x: &mut Exec<'_>, port: u16, w: Width) -> Result<(), Stop> {
    if io_permitted(x, port, w.bytes())? { Ok(()) } else { Err(x.gp0()) }
}

/// Reads a port, permission already checked.
pub(super) fn read_port(x: &mut Exec<'_>, port: u16, w: Width) -> u64 {
    let count = x.count();
    let width = bus_width(w).unwrap_or(bus::Width::Dword);
    let v = x.plat.port_read(count, Port(port), width);
    x.platform_touched();
    x.watch_port(port, w);
    u64::from(v) & w.mask()
}

/// Writes a port, permission already checked.
pub(super) fn write_port(x: &mut Exec<'_>, port: u16, w: Width, v: u64) {
    let count = x.count();
    let width = bus_width(w).unwrap_or(bus::Width::Dword);
    x.plat.port_write(count, Port(port), width, v as u32);
    x.platform_touched();
    x.watch_port(port, w);
}

/// IN AL/AX/EAX, imm8 or DX.
pub(super) fn port_in(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let port = port_number(x, i);
    check_port(x, port, i.w)?;
    let v = read_port(x, port, i.w);
    x.set_reg(i.w, gpr::AX, v);
    Ok(())
}

/// OUT imm8 or DX, AL/AX/EAX.
pub(super) fn port_out(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let port = port_number(x, i);
    check_port(x, port, i.w)?;
    let v = x.reg(i.w, gpr::AX);
    write_port(x, port, i.w, v);
    Ok(())
}
