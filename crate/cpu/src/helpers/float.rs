//! Images of the x87 and SSE state: FLDENV, FNSTENV, FNSAVE, FRSTOR (SDM vol. 1, 8.1.10 and 8.1.11), and in `fx` those
//! that have the SSE registers too.

mod fx;
#[cfg(test)]
mod tests;

use crate::exec::Exec;
use crate::fault::Stop;
use crate::float::F80;
use crate::insn::{Insn, Width, X87Env};
use crate::micro::Micro;
use crate::state::Fpu;
pub use fx::{SSE, X87, XSAVE_SIZE, supported, xgetbv, xsetbv};
use x86::Seg;

/// Bits of MXCSR that exist (MXCSR_MASK of the FXSAVE image).
pub const MXCSR_MASK: u32 = 0xFFFF;

/// Above fields of 16 bits in the 32-bit environment: reserved, but ones in silicon.
const ONES: u32 = 0xFFFF_0000;

/// Does one of them.
///
/// # Errors
/// #NM, #MF, #UD, #GP and memory faults, before anything is changed.
pub fn x87_env(x: &mut Exec<'_>, i: &Insn, op: X87Env) -> Result<(), Stop> {
    environment(x, i, op)?;
    x.fpu_changed();
    Ok(())
}

fn environment(x: &mut Exec<'_>, i: &Insn, op: X87Env) -> Result<(), Stop> {
    match op {
        X87Env::Fldenv => {
            let image = Image::open(x, i, true, environment_size(i), false)?;
            let env = image.load_environment(x, i.w)?;
            env.restore(&mut x.cpu.fpu);
            Ok(())
        }
        X87Env::Fnstenv => {
            let image = Image::open(x, i, false, environment_size(i), true)?;
            image.store_environment(x, i.w)?;
            // All exceptions are masked afterwards (SDM vol. 2, FSTENV).
            x.cpu.fpu.control |= 0x3F;
            x.cpu.fpu.settle();
            Ok(())
        }
        X87Env::Fnsave => {
            let size = environment_size(i);
            let image = Image::open(x, i, false, size + 80, true)?;
            image.store_environment(x, i.w)?;
            for n in 0..8 {
                let v = x.cpu.fpu.st[x.cpu.fpu.physical(n)];
                image.write_f80(x, u64::from(size) + 10 * u64::from(n), v)?;
            }
            x.cpu.fpu.init();
            Ok(())
        }
        X87Env::Frstor => {
            let size = environment_size(i);
            let image = Image::open(x, i, true, size + 80, false)?;
            let env = image.load_environment(x, i.w)?;
            let mut st = [F80::ZERO; 8];
            for (n, v) in (0..).zip(&mut st) {
                *v = image.read_f80(x, u64::from(size) + 10 * n)?;
            }
            env.restore(&mut x.cpu.fpu);
            set_registers(&mut x.cpu.fpu, st);
            Ok(())
        }
        X87Env::Fxsave => fx::fxsave(x, i),
        X87Env::Fxrstor => fx::fxrstor(x, i),
        X87Env::Xsave => fx::xsave(x, i),
        X87Env::Xrstor => fx::xrstor(x, i),
    }
}

/// 14 or 28 bytes.
fn environment_size(i: &Insn) -> u32 {
    if i.w == Width::W16 { 14 } else { 28 }
}

/// Sets the registers in the order of the stack; tags are left alone.
fn set_registers(f: &mut Fpu, st: [F80; 8]) {
    for (n, v) in (0..).zip(st) {
        let r = f.physical(n);
        f.st[r] = v;
    }
}

/// A checked range of memory.
#[derive(Clone, Copy)]
struct Image {
    seg: Seg,
    at: u64,
    asz: Width,
}

/// What FLDENV loads.
struct Environment {
    control: u16,
    status: u16,
    tags: u16,
    opcode: u16,
    code_selector: u16,
    data_selector: u16,
    code_offset: u32,
    data_offset: u32,
}

impl Environment {
    fn restore(&self, f: &mut Fpu) {
        f.set_control(self.control);
        f.set_status(self.status);
        f.empty = (0..8).fold(0, |e, n| e | u8::from(self.tags >> (2 * n) & 3 == 3) << n);
        f.opcode = self.opcode;
        f.code_selector = self.code_selector;
        f.data_selector = self.data_selector;
        f.code_offset = self.code_offset.into();
        f.data_offset = self.data_offset.into();
    }
}

/// The two-bit tags (SDM vol. 1, 8.1.7).
fn tag_word(f: &Fpu) -> u16 {
    (0..8).zip(f.st).fold(0, |tags, (n, v)| {
        use crate::float::Class;
        let tag = match v.class() {
            _ if f.empty >> n & 1 != 0 => 3,
            Class::Normal => 0,
            Class::Zero => 1,
            _ => 2,
        };
        tags | tag << (2 * n)
    })
}

impl Image {
    /// Checks the unit, then the range.
    fn open(x: &mut Exec<'_>, i: &Insn, wait: bool, len: u32, write: bool) -> Result<Self, Stop> {
        x.fpu_enter(wait)?;
        let image = Self { seg: i.mem.seg, at: x.ea(i.mem), asz: i.mem.asz };
        if image.at + u64::from(len) - 1 <= image.asz.mask() {
            x.probe_mem(image.seg, image.at, len, write)?;
            return Ok(image);
        }
        // The fields wrap around the address size, each by itself.
        let environment = environment_size(i);
        let w = i.w.bytes();
        for offset in (0..environment).step_by(w as usize) {
            x.probe_mem(image.seg, image.address(offset.into()), w, write)?;
        }
        for offset in (environment..len).step_by(10) {
            x.probe_mem(image.seg, image.address(offset.into()), 8, write)?;
            x.probe_mem(image.seg, image.address(u64::from(offset) + 8), 2, write)?;
        }
        Ok(image)
    }

    fn address(self, offset: u64) -> u64 {
        self.at + offset & self.asz.mask()
    }

    fn read(self, x: &mut Exec<'_>, w: Width, offset: u64) -> Result<u64, Stop> {
        x.read_mem(w, self.seg, self.address(offset))
    }

    fn write(self, x: &mut Exec<'_>, w: Width, offset: u64, v: u64) -> Result<(), Stop> {
        x.write_mem(w, self.seg, self.address(offset), v)
    }

    fn read_f80(self, x: &mut Exec<'_>, offset: u64) -> Result<F80, Stop> {
        let mant = self.read(x, Width::W64, offset)?;
        let se = self.read(x, Width::W16, offset + 8)? as u16;
        Ok(F80 { mant, se })
    }

    fn write_f80(self, x: &mut Exec<'_>, offset: u64, v: F80) -> Result<(), Stop> {
        self.write(x, Width::W64, offset, v.mant)?;
        self.write(x, Width::W16, offset + 8, u64::from(v.se))
    }

    /// Writes the environment in one of four formats (SDM vol. 1, figures 8-9 to 8-12).
    fn store_environment(self, x: &mut Exec<'_>, w: Width) -> Result<(), Stop> {
        let f = x.cpu.fpu;
        let (code, data) = (f.code_offset as u32, f.data_offset as u32);
        let (cs, ds) = (u32::from(f.code_selector), u32::from(f.data_selector));
        let opcode = u32::from(f.opcode);
        let (low, high) = (|v: u32| v & 0xFFFF, |v: u32| v >> 16);
        let mut fields = [u32::from(f.control), u32::from(f.status), u32::from(tag_word(&f)), 0, 0, 0, 0];
        let pointers = if x.cpu.is_protected() {
            [code, if w == Width::W16 { cs } else { cs | opcode << 16 }, data, ds | ONES]
        } else {
            // Linear addresses; the 16-bit format has 20 bits of them.
            let code = (cs << 4).wrapping_add(code);
            let data = (ds << 4).wrapping_add(data);
            [low(code), high(code) << 12 | opcode, low(data), high(data) << 12]
        };
        for field in &mut fields[..3] {
            *field |= ONES;
        }
        fields[3..].copy_from_slice(&pointers);
        for (n, v) in (0u64..).zip(fields) {
            if w == Width::W16 {
                self.write(x, Width::W16, 2 * n, u64::from(low(v)))?;
            } else {
                self.write(x, Width::W32, 4 * n, u64::from(v))?;
            }
        }
        Ok(())
    }

    /// Reads the environment.
    fn load_environment(self, x: &mut Exec<'_>, w: Width) -> Result<Environment, Stop> {
        let mut fields = [0; 7];
        for (n, v) in (0..).zip(&mut fields) {
            *v = self.read(x, w, n * u64::from(w.bytes()))? as u32;
        }
        let [control, status, tags, code, code_high, data, data_high] = fields;
        let mut env = Environment {
            control: control as u16,
            status: status as u16,
            tags: tags as u16,
            opcode: 0,
            code_selector: code_high as u16,
            data_selector: data_high as u16,
            code_offset: code,
            data_offset: data,
        };
        if x.cpu.is_protected() {
            if w != Width::W16 {
                env.opcode = (code_high >> 16) as u16 & 0x7FF;
            }
        } else {
            env.opcode = code_high as u16 & 0x7FF;
            env.code_selector = 0;
            env.data_selector = 0;
            env.code_offset = code & 0xFFFF | (code_high & 0x0FFF_F000) << 4;
            env.data_offset = data & 0xFFFF | (data_high & 0x0FFF_F000) << 4;
        }
        Ok(env)
    }
}
