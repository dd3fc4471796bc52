//! The options a machine is made with.

use crate::error::{ErrorCode, MachineError};

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
    /// Processor model; empty is the default one.
    pub cpu: String,
    /// Seconds since 1970 UTC at power-on.
    pub rtc: u64,
    /// The seed of the guest's random bytes, unless `entropy` is given.
    pub seed: u64,
    /// Random bytes from the host.
    pub entropy: Option<[u8; 32]>,
    /// A guest's reset (and a triple fault) starts what is loaded again; if not, it ends the run.
    pub reboot: bool,
    /// Stop at this count of instructions.
    pub max_instructions: Option<u64>,
    /// Counts of instructions at which the state is hashed.
    pub hash_at: Vec<u64>,
}

/// 1 January 2026: what the clock of a counted machine shows unless told otherwise.
pub(crate) const COUNTED_RTC: u64 = 1_767_225_600;

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_mb: 256,
            clock: ClockMode::default(),
            cpu: String::new(),
            rtc: COUNTED_RTC,
            seed: 0,
            entropy: None,
            reboot: true,
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
        if !matches!(self.cpu.as_str(), "" | "default") {
            return refuse(format!("cpu: the model \"{}\" is not available yet", self.cpu));
        }
        Ok(())
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_mb) << 20
    }

    /// 32 random bytes for the guest's own generator.
    pub(crate) fn random_seed(&self) -> [u8; 32] {
        use host::Entropy;
        self.entropy.unwrap_or_else(|| {
            let mut bytes = [0; 32];
            host::entropy::Seeded::new(self.seed).fill(&mut bytes);
            bytes
        })
    }
}
