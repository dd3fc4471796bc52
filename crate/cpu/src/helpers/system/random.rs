//! RDRAND (SDM vol. 2).

use crate::exec::Exec;
use crate::fault::Stop;
use crate::insn::Insn;
use crate::micro::Micro;
use x86::eflags;

/// RDRAND r: a random number, or with CF clear none and zero. O S Z A P become 0.
///
/// # Errors
/// None.
pub fn rdrand(x: &mut Exec<'_>, i: &Insn) -> Result<(), Stop> {
    let count = x.count();
    let number = x.plat.random(count);
    x.set_reg(i.w, i.r0, number.unwrap_or(0) & i.w.mask());
    x.put_flags(eflags::STATUS, if number.is_some() { u64::from(eflags::CF) } else { 0 });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::helpers::segment::testing::*;
    use x86::{eflags, gpr};

    #[test]
    fn a_number_comes_with_carry() {
        let mut m = Machine::protected(3);
        m.plat = Box::new(Answering {
            numbers: vec![0x1111_2222_3333_4444, 0x5555_6666_7777_8888],
            ..Answering::default()
        });
        m.cpu.set_eflags(eflags::STATUS & !eflags::CF);
        // RDRAND ESI, RDRAND BX, RDRAND ESI
        m.step(&[0x0F, 0xC7, 0xF6]).unwrap();
        assert_eq!(m.cpu.regs[usize::from(gpr::SI)], 0x7777_8888);
        assert_eq!(m.cpu.eflags() & eflags::STATUS, eflags::CF);
        m.cpu.regs[usize::from(gpr::BX)] = 0xAAAA_BBBB;
        m.step(&[0x66, 0x0F, 0xC7, 0xF3]).unwrap();
        assert_eq!(m.cpu.regs[usize::from(gpr::BX)], 0xAAAA_4444);
        m.step(&[0x0F, 0xC7, 0xF6]).unwrap();
        assert_eq!((m.cpu.regs[usize::from(gpr::SI)], m.cpu.eflags() & eflags::STATUS), (0, 0), "none left");
        // It takes a register.
        m.is_undefined(&[0x0F, 0xC7, 0x35, 0, 0x60, 0, 0], "memory");
    }
}
