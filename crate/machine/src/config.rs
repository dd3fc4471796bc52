//! The options a machine is made with.

use crate::drives::DriveConfig;
use crate::error::{ErrorCode, MachineError};
use cpu::helpers::cpuid::Identity;
use host::Entropy;
use host::entropy::{Keyed, Seeded};
use x86::cpuid::Feature;

/// How virtual time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// With the host's.
    #[default]
    Real,
    /// With the instructions executed: the same every time.
    Counted,
}

/// The options a machine is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Megabytes of RAM.
    pub memory_mb: u32,
    /// How time passes.
    pub clock: ClockMode,
    /// Processor model, and features taken away: `MODEL[,-FEATURE...]`. Empty is the default one.
    pub cpu: String,
    /// Seconds since 1970 UTC at power-on.
    pub rtc: u64,
    /// Where the guest's random bytes start from: with it they are the same every time. Without, the counted clock
    /// has a seed of its own, and the real clock takes `entropy`.
    pub seed: Option<u64>,
    /// Random bytes from the host, for a machine of the real clock without a seed.
    pub entropy: Option<[u8; 32]>,
    /// A guest's reset (and a triple fault) starts what is loaded again; if not, it ends the run.
    pub reboot: bool,
    /// Drives, and what is in them.
    pub drives: Vec<DriveConfig>,
    /// Local APIC, I/O APIC and HPET; without, interrupts go through the pair of 8259A alone.
    pub apic: bool,
    /// What a firmware tries to boot from, in this order: `a` floppy, `c` disk, `d` CD-ROM.
    pub boot_order: String,
    /// Stop at this count of instructions.
    pub max_instructions: Option<u64>,
    /// Counts of instructions at which the state is hashed.
    pub hash_at: Vec<u64>,
}

/// 1 January 2026: what the clock of a counted machine shows unless told otherwise.
pub(crate) const COUNTED_RTC: u64 = 1_767_225_600;

/// The seed of a counted machine unless told otherwise.
const COUNTED_SEED: u64 = 0;

/// Streams of random bytes, so that who has the first cannot foretell the second.
const SEED_STREAM: u32 = 0;
pub(crate) const RDRAND_STREAM: u32 = 1;

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_mb: 256,
            clock: ClockMode::default(),
            cpu: String::new(),
            rtc: COUNTED_RTC,
            seed: None,
            entropy: None,
            reboot: true,
            drives: Vec::new(),
            apic: true,
            boot_order: "cad".into(),
            max_instructions: None,
            hash_at: Vec::new(),
        }
    }
}

impl Config {
    /// The least and the most RAM: the first for any guest to fit, the second to leave the top of the
    /// 32-bit address space to PCI.
    const MEMORY_MB: std::ops::RangeInclusive<u32> = 2..=3072;

    pub(crate) fn check(&self) -> Result<(), MachineError> {
        let refuse = |message| Err(MachineError::new(ErrorCode::BadOption, message));
        if !Self::MEMORY_MB.contains(&self.memory_mb) {
            let (least, most) = (Self::MEMORY_MB.start(), Self::MEMORY_MB.end());
            return refuse(format!("memory: {} MB is not between {least} and {most}", self.memory_mb));
        }
        if let Err(why) = Identity::parse(&self.cpu) {
            return refuse(format!("cpu: {why}"));
        }
        let known = |letter: char| matches!(letter, 'a' | 'c' | 'd' | 'n');
        if let Some(letter) = self.boot_order.chars().find(|letter| !known(*letter)) {
            return refuse(format!(
                "boot: \"{letter}\" is not one of a (floppy), c (disk), d (CD-ROM), n (network)"
            ));
        }
        if self.boot_order.len() > 3 {
            return refuse(format!("boot: \"{}\" has more than three letters", self.boot_order));
        }
        Ok(())
    }

    /// The processor; the default one if what is asked for is not possible, which is refused before.
    pub(crate) fn identity(&self) -> Identity {
        Identity::parse(&self.cpu).unwrap_or_default()
    }

    /// Whether there are APICs and a HPET: they are wanted, and the processor is one that has such.
    pub(crate) fn has_apic(&self) -> bool {
        self.apic && self.identity().has(Feature::Apic)
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_mb) << 20
    }

    /// Whether the guest's random bytes are the same every time.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.seed.is_some() || self.clock == ClockMode::Counted
    }

    /// Random bytes for the guest. None if nobody gave any: bytes that are the same in every machine would do harm
    /// where the guest believes them.
    fn random(&self, stream: u32) -> Option<Keyed> {
        let key = if self.is_repeatable() {
            let mut key = [0; 32];
            Seeded::new(self.seed.unwrap_or(COUNTED_SEED)).fill(&mut key);
            key
        } else {
            self.entropy?
        };
        Some(Keyed::new(key, stream, 0))
    }

    /// 32 random bytes for the guest's own generator.
    pub(crate) fn random_seed(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        self.random(SEED_STREAM)?.fill(&mut bytes);
        Some(bytes)
    }

    /// What RDRAND gives.
    pub(crate) fn random_numbers(&self) -> Option<Keyed> {
        self.random(RDRAND_STREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_clock_hands_over_no_seed_that_nobody_gave() {
        let entropy = Some([7; 32]);
        let seed = |clock, seed, entropy| Config { clock, seed, entropy, ..Config::default() }.random_seed();
        assert_eq!(seed(ClockMode::Real, None, None), None);
        let given = seed(ClockMode::Real, None, entropy);
        assert!(given.is_some() && given != entropy && given != seed(ClockMode::Real, None, Some([8; 32])));
        let seeded = seed(ClockMode::Real, Some(5), entropy);
        assert_eq!(seeded, seed(ClockMode::Counted, Some(5), None));
        assert_ne!(seeded, entropy);
        let default = seed(ClockMode::Counted, None, entropy);
        assert!(default.is_some() && default != given && default != seeded);
        let config = Config { clock: ClockMode::Counted, ..Config::default() };
        let numbers: Vec<u8> = config.random_numbers().unwrap().next_u64().to_le_bytes().into();
        assert_ne!(default.unwrap()[..8], numbers, "the seed does not tell what RDRAND gives");
    }
}
