//! Memory-type range registers (SDM vol. 3, 12.11): they hold what firmware and systems agree on. There is no cache that
//! they would have an effect on.

use crate::state::Cpu;
use x86::msr;

/// What MTRRcap says: the ranges, fixed ones, and write combining.
const CAPABILITY: u64 = msr::MTRR_RANGES as u64 | 1 << 8 | 1 << 10;
/// Default type: the type, FE and E.
const DEF_TYPE_BITS: u64 = 0xFF | 1 << 10 | 1 << 11;
/// Bits 12 to 35 (MAXPHYADDR is 36): addresses.
const ADDRESS: u64 = 0xF_FFFF_F000;
/// Valid, in a mask.
const VALID: u64 = 1 << 11;

/// A register.
enum Place {
    Capability,
    DefType,
    Fixed(usize),
    Base(usize),
    Mask(usize),
}

fn place(number: u32) -> Option<Place> {
    let ranges = msr::MTRR_PHYS_BASE..msr::MTRR_PHYS_BASE + 2 * msr::MTRR_RANGES;
    Some(match number {
        msr::MTRR_CAP => Place::Capability,
        msr::MTRR_DEF_TYPE => Place::DefType,
        n if ranges.contains(&n) => {
            let range = ((n - msr::MTRR_PHYS_BASE) / 2) as usize;
            if n & 1 == 0 { Place::Base(range) } else { Place::Mask(range) }
        }
        n => Place::Fixed(msr::MTRR_FIXED.iter().position(|fixed| *fixed == n)?),
    })
}

/// The memory types there are for ranges (SDM vol. 3, table 12-2).
fn is_type(v: u64) -> bool {
    matches!(v & 0xFF, 0 | 1 | 4 | 5 | 6)
}

/// Reads a register, if it is one of these.
pub(super) fn read(cpu: &Cpu, number: u32) -> Option<u64> {
    Some(match place(number)? {
        Place::Capability => CAPABILITY,
        Place::DefType => cpu.msr.mtrr_def_type,
        Place::Fixed(n) => *cpu.mtrr.fixed.get(n)?,
        Place::Base(n) => cpu.mtrr.ranges.get(n)?[0],
        Place::Mask(n) => cpu.mtrr.ranges.get(n)?[1],
    })
}

/// Writes a register. False if it is none of these, or does not take the value.
pub(super) fn write(cpu: &mut Cpu, number: u32, v: u64) -> bool {
    let Some(place) = place(number) else { return false };
    let m = &mut cpu.mtrr;
    let (slot, allowed) = match place {
        Place::Capability => return false,
        Place::DefType => (Some(&mut cpu.msr.mtrr_def_type), v & !DEF_TYPE_BITS == 0 && is_type(v)),
        Place::Fixed(n) => (m.fixed.get_mut(n), v.to_le_bytes().iter().all(|t| is_type((*t).into()))),
        Place::Base(n) => (m.ranges.get_mut(n).map(|r| &mut r[0]), v & !(ADDRESS | 0xFF) == 0 && is_type(v)),
        Place::Mask(n) => (m.ranges.get_mut(n).map(|r| &mut r[1]), v & !(ADDRESS | VALID) == 0),
    };
    match slot {
        Some(slot) if allowed => {
            *slot = v;
            true
        }
        _ => false,
    }
}
