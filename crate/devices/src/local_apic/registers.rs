//! Access to the registers: in memory in xAPIC mode (table 10-1), as model-specific registers in x2APIC mode (table 10-6), and
//! the two that are always model-specific.

use super::spec::{
    ApicBase, Divide, Esr, Icr, LVT_ENTRIES, Lvt, Register, Svr, TimerMode, Version, lvt as entry, msr,
};
use super::{LocalApic, Vectors};

/// DFR's bits that are not its model.
const DFR_ONES: u32 = 0x0FFF_FFFF;

/// The entry of the local vector table that a register is.
fn lvt_entry(register: Register) -> Option<usize> {
    let n = register.0.checked_sub(Register::LVT_TIMER.0)?;
    Some(usize::from(n)).filter(|n| *n < LVT_ENTRIES)
}

/// Which of the eight registers of a set of vectors it is.
fn part_of(register: Register, first: Register) -> Option<u8> {
    register.0.checked_sub(first.0).filter(|n| *n < 8)
}

impl LocalApic {
    // ---- in memory ----

    pub(super) fn read_xapic(&mut self, register: Register) -> u32 {
        self.advance();
        match register {
            Register::ID => u32::from(self.id) << 24,
            Register::APR => self.arbitration_priority().into(),
            Register::EOI | Register::RRD => 0,
            Register::DFR => u32::from(self.dfr) << 28 | DFR_ONES,
            Register::ICR_HIGH => self.icr_high,
            _ => self.read_common(register).unwrap_or_else(|| {
                self.error(Esr::new().with_illegal_register(true));
                0
            }),
        }
    }

    pub(super) fn write_xapic(&mut self, register: Register, value: u32) {
        self.advance();
        match register {
            Register::ID => self.id = (value >> 24) as u8,
            Register::EOI => self.end_of_interrupt(),
            Register::LDR => self.ldr = (value >> 24) as u8,
            Register::DFR => self.dfr = (value >> 28) as u8,
            Register::ICR_HIGH => self.icr_high = value & 0xFF00_0000,
            Register::ICR_LOW => {
                self.icr = Icr::from_bits(value & Icr::WRITABLE);
                self.send();
            }
            // Read only.
            Register::VERSION | Register::APR | Register::PPR | Register::RRD | Register::CURRENT_COUNT => {}
            _ if self.vectors(register).is_some() => {}
            _ => {
                if !self.write_common(register, value) {
                    self.error(Esr::new().with_illegal_register(true));
                }
            }
        }
    }

    // ---- model-specific ----

    /// RDMSR; `None` if there is no such register now, which is #GP(0).
    pub fn msr_read(&mut self, number: u32) -> Option<u64> {
        self.advance();
        match number {
            msr::APIC_BASE => Some(self.base.into_bits()),
            msr::TSC_DEADLINE => Some(self.timer.deadline),
            _ if self.in_x2apic(number) => self.read_x2apic(Register(number as u8)),
            _ => None,
        }
    }

    /// WRMSR; `None` if there is no such register now, or it does not take the value: #GP(0), and nothing has changed.
    pub fn msr_write(&mut self, number: u32, value: u64) -> Option<()> {
        self.advance();
        match number {
            msr::APIC_BASE => self.write_base(value),
            msr::TSC_DEADLINE => {
                // Ignored in the other modes (section 10.5.4.1).
                if self.timer_mode() == TimerMode::TscDeadline {
                    self.timer.set_deadline(self.clock.now(), value);
                }
                Some(())
            }
            _ if self.in_x2apic(number) => self.write_x2apic(Register(number as u8), value),
            _ => None,
        }
    }

    fn in_x2apic(&self, number: u32) -> bool {
        msr::X2APIC.contains(&number) && self.base.enable() && self.base.x2apic()
    }

    /// The transitions between disabled, xAPIC and x2APIC that there are (section 10.12.5, figure 10-27).
    fn write_base(&mut self, value: u64) -> Option<()> {
        let (old, new) = (self.base, ApicBase::from_bits(value));
        let allowed = value & !ApicBase::EXISTING == 0
            && match (new.enable(), new.x2apic()) {
                (false, x2apic) => !x2apic,
                (true, true) => old.enable(),
                (true, false) => !(old.enable() && old.x2apic()),
            };
        if !allowed {
            return None;
        }
        self.base = new;
        self.moved = true;
        if !new.enable() {
            self.clear();
        }
        // The pins mean something else now.
        self.sense();
        self.update();
        Some(())
    }

    /// Section 10.12.1.2 and table 10-6.
    fn read_x2apic(&mut self, register: Register) -> Option<u64> {
        match register {
            Register::ID => Some(0),
            Register::ICR_LOW => Some(u64::from(self.icr.into_bits()) | u64::from(self.icr_high) << 32),
            _ => self.read_common(register).map(u64::from),
        }
    }

    fn write_x2apic(&mut self, register: Register, value: u64) -> Option<()> {
        if register == Register::ICR_LOW {
            let low = value as u32;
            if low & !Icr::WRITABLE != 0 {
                return None;
            }
            (self.icr, self.icr_high) = (Icr::from_bits(low), (value >> 32) as u32);
            self.send();
            return Some(());
        }
        let value = u32::try_from(value).ok()?;
        let existing = match register {
            Register::EOI | Register::ESR => 0,
            Register::TPR | Register::SELF_IPI => 0xFF,
            Register::SVR => Svr::WRITABLE,
            Register::DIVIDE => Divide::WRITABLE,
            Register::INITIAL_COUNT => u32::MAX,
            _ => Lvt::WRITABLE.get(lvt_entry(register)?)? | Lvt::READ_ONLY,
        };
        if value & !existing != 0 {
            return None;
        }
        match register {
            Register::EOI => self.end_of_interrupt(),
            Register::SELF_IPI => {
                self.icr = Icr::new().with_vector(value as u8).with_shorthand(super::Shorthand::SELF.0);
                self.send();
            }
            _ => return self.write_common(register, value).then_some(()),
        }
        Some(())
    }

    // ---- what both modes have ----

    /// A part of ISR, TMR or IRR.
    fn vectors(&self, register: Register) -> Option<u32> {
        let of = |set: &Vectors, first| part_of(register, first).map(|n| set.word(n));
        of(&self.isr, Register::ISR)
            .or_else(|| of(&self.tmr, Register::TMR))
            .or_else(|| of(&self.irr, Register::IRR))
    }

    fn read_common(&self, register: Register) -> Option<u32> {
        let value = match register {
            Register::VERSION => {
                let version = Version::new().with_version(0x14).with_max_lvt_entry(LVT_ENTRIES as u8 - 1);
                version.into_bits()
            }
            Register::TPR => self.tpr.into(),
            Register::PPR => self.processor_priority().into(),
            Register::LDR => self.logical_id(),
            Register::SVR => self.svr.into_bits(),
            Register::ESR => self.esr.into_bits(),
            Register::ICR_LOW => self.icr.into_bits(),
            Register::INITIAL_COUNT => self.timer.initial,
            Register::CURRENT_COUNT => self.timer.current(self.clock.now(), self.timer_mode()),
            Register::DIVIDE => self.timer.divide.into_bits(),
            _ => match lvt_entry(register) {
                Some(n) => self.lvt.get(n)?.into_bits(),
                None => return self.vectors(register),
            },
        };
        Some(value)
    }

    /// False if there is no such register, or it cannot be written.
    fn write_common(&mut self, register: Register, value: u32) -> bool {
        match register {
            Register::TPR => self.tpr = value as u8,
            Register::SVR => self.write_svr(Svr::from_bits(value & Svr::WRITABLE)),
            // A write shows what has come since the last (section 10.5.3).
            Register::ESR => self.esr = std::mem::take(&mut self.errors),
            Register::INITIAL_COUNT => {
                if self.timer_mode() != TimerMode::TscDeadline {
                    self.timer.start(self.clock.now(), value);
                }
            }
            Register::DIVIDE => {
                let divide = Divide::from_bits(value & Divide::WRITABLE);
                self.timer.set_divide(self.clock.now(), divide, self.timer_mode());
            }
            _ => match lvt_entry(register) {
                Some(n) => self.write_lvt(n, value),
                None => return false,
            },
        }
        self.update();
        true
    }

    /// Off by software, all local interrupts are masked (section 10.4.7.2).
    fn write_svr(&mut self, svr: Svr) {
        self.svr = svr;
        if !svr.enable() {
            for entry in &mut self.lvt {
                entry.set_mask(true);
            }
        }
        self.sense();
    }

    fn write_lvt(&mut self, n: usize, value: u32) {
        let mode = self.timer_mode();
        let (Some(entry), Some(writable)) = (self.lvt.get_mut(n), Lvt::WRITABLE.get(n)) else { return };
        let mut new = Lvt::from_bits(entry.into_bits() & Lvt::READ_ONLY | value & writable);
        if !self.svr.enable() {
            new.set_mask(true);
        }
        if !new.level() {
            new.set_remote_irr(false);
        }
        *entry = new;
        let deadline = |mode| mode == TimerMode::TscDeadline;
        if n == entry::TIMER && deadline(mode) != deadline(self.timer_mode()) {
            self.timer.disarm();
        }
        self.sense();
    }
}
