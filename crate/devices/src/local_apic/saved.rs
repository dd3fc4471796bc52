//! The saved state.

use super::spec::{ApicBase, Divide, Esr, Icr, LVT_ENTRIES, Lvt, Svr};
use super::{ApicTimer, LocalApic, Vectors};
use bus::{Saved, Snapshot, SnapshotError, Time};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct TimerV1 {
    initial: u32,
    divide: u32,
    due: Option<u64>,
    deadline: u64,
    tsc_offset: u64,
}

#[derive(Serialize, Deserialize)]
struct LocalApicV1 {
    base: u64,
    id: u8,
    ldr: u8,
    dfr: u8,
    svr: u32,
    tpr: u8,
    irr: [u32; 8],
    isr: [u32; 8],
    tmr: [u32; 8],
    esr: u32,
    errors: u32,
    icr: u32,
    icr_high: u32,
    lvt: [u32; LVT_ENTRIES],
    timer: TimerV1,
    lint: [bool; 2],
    external: bool,
    nmi: bool,
    ended: Option<u8>,
}

const PART: &str = "local_apic";

impl ApicTimer {
    fn save(&self) -> TimerV1 {
        let Self { initial, divide, due, deadline, tsc_offset } = *self;
        TimerV1 { initial, divide: divide.into_bits(), due: due.map(|at| at.0), deadline, tsc_offset }
    }

    fn restored(saved: TimerV1) -> Self {
        let TimerV1 { initial, divide, due, deadline, tsc_offset } = saved;
        let divide = Divide::from_bits(divide & Divide::WRITABLE);
        Self { initial, divide, due: due.map(Time), deadline, tsc_offset }
    }
}

impl Snapshot for LocalApic {
    fn saved_as(&self) -> (&'static str, u16) {
        (PART, 1)
    }

    fn save(&self) -> Vec<u8> {
        let Self {
            clock: _,
            init: _,
            smi: _,
            moved: _,
            base,
            id,
            ldr,
            dfr,
            svr,
            tpr,
            irr,
            isr,
            tmr,
            esr,
            errors,
            icr,
            icr_high,
            lvt,
            timer,
            lint,
            external,
            nmi,
            ended,
            intr: _,
        } = self;
        bus::encode(&LocalApicV1 {
            base: base.into_bits(),
            id: *id,
            ldr: *ldr,
            dfr: *dfr,
            svr: svr.into_bits(),
            tpr: *tpr,
            irr: irr.0,
            isr: isr.0,
            tmr: tmr.0,
            esr: esr.into_bits(),
            errors: errors.into_bits(),
            icr: icr.into_bits(),
            icr_high: *icr_high,
            lvt: lvt.map(Lvt::into_bits),
            timer: timer.save(),
            lint: *lint,
            external: *external,
            nmi: *nmi,
            ended: *ended,
        })
    }

    fn restore(&mut self, saved: Saved<'_>) -> Result<(), SnapshotError> {
        if saved.version != 1 {
            return Err(SnapshotError::Version { part: PART, found: saved.version });
        }
        let LocalApicV1 {
            base,
            id,
            ldr,
            dfr,
            svr,
            tpr,
            irr,
            isr,
            tmr,
            esr,
            errors,
            icr,
            icr_high,
            lvt,
            timer,
            lint,
            external,
            nmi,
            ended,
        } = bus::decode(PART, saved.bytes)?;
        let invalid = |why| Err(SnapshotError::Invalid { part: PART, why });
        let mode = ApicBase::from_bits(base);
        if base & !ApicBase::EXISTING != 0 || mode.x2apic() && !mode.enable() || dfr > 0xF {
            return invalid("a mode that there is not");
        }
        let (irr, isr, tmr) = (Vectors(irr), Vectors(isr), Vectors(tmr));
        if [irr, isr, tmr].iter().any(Vectors::has_illegal) {
            return invalid("a vector below 16");
        }
        let existing = |n: usize| Lvt::WRITABLE[n] | Lvt::READ_ONLY;
        if svr & !Svr::WRITABLE != 0
            || icr & !Icr::WRITABLE != 0
            || lvt.iter().enumerate().any(|(n, entry)| entry & !existing(n) != 0)
        {
            return invalid("bits set that do not exist");
        }
        self.moved = true;
        self.base = mode;
        (self.id, self.ldr, self.dfr, self.tpr) = (id, ldr, dfr, tpr);
        self.svr = Svr::from_bits(svr);
        (self.irr, self.isr, self.tmr) = (irr, isr, tmr);
        (self.esr, self.errors) = (Esr::from_bits(esr), Esr::from_bits(errors));
        (self.icr, self.icr_high) = (Icr::from_bits(icr), icr_high);
        self.lvt = lvt.map(Lvt::from_bits);
        self.timer = ApicTimer::restored(timer);
        (self.lint, self.external, self.nmi, self.ended) = (lint, external, nmi, ended);
        self.update();
        Ok(())
    }
}
