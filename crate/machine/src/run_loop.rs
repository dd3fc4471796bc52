//! Slices: running the processor until there is a reason to go back to the host.
//!
//! Between two runs of the processor everything that is due happens: timers fire, wires are carried to
//! where they lead, the memory map follows the chipset, a waiting DMA transfer is done. The processor
//! then runs to the next of: the end of the slice, the next timer, the next checkpoint.
//!
//! In the counted clock a slice ends at a multiple of [`QUANTUM`] instructions; of a guest that idles, where virtual time
//! reaches a multiple of [`IDLE_QUANTUM`]; or where the guest gives a reason. Never because of the host's speed, nor of
//! how the slices before were cut. A host that only ever acts on what a slice brought out (answers a
//! prompt, say) therefore acts at the same instruction in every run.

use crate::Machine;
use crate::board::Request;
use crate::clock::HostTime;
use crate::config::{ClockMode, Config};
use crate::memory_map::{self, RamDma};
use bus::Time;
use cpu::Exit;
use host::log::Level;
use x86::eflags;

/// Instructions of a slice of the counted clock.
pub const QUANTUM: u64 = 1 << 18;
/// Virtual nanoseconds that an idle processor passes at most in a slice of the counted clock: 16.8 ms. Input of the
/// user's waits that long for a guest that sleeps.
pub const IDLE_QUANTUM: u64 = 1 << 24;
/// Instructions of the real clock between two timers. One that is due more often than the host can serve it (the PIT with a
/// divisor of 2) would else leave the guest one instruction for each, and as that takes longer still, ever more of them.
const LEAST_BETWEEN_TIMERS: u64 = 500;
/// Nobody is asked to wait longer than this.
const LONGEST_WAIT: u64 = 1_000_000_000;
/// Waits shorter than this are not worth the way to the host.
const SHORTEST_WAIT: u64 = 1_000_000;

/// Why [`Machine::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The budget is used up: call again.
    Time,
    /// Nothing to do for [`Machine::idle_ns`], unless input arrives.
    Idle,
    /// Clean power-off.
    PowerOff,
    /// The guest wrote this value to the exit port.
    Exit(u32),
    /// Triple fault (if it does not reboot).
    TripleFault,
    /// The guest asked for a reset (if it does not reboot).
    Reset,
    /// Halted with interrupts off: nothing but a reset can wake the guest.
    HaltedForever,
    /// The limit of instructions is reached.
    InstructionLimit,
}

/// State of the run, as far as it is not the guest's.
#[derive(Debug)]
pub(crate) struct Run {
    host: HostTime,
    idle_ns: u64,
    exit_value: u32,
    /// Why the machine is off.
    pub(crate) ended: Option<Outcome>,
    /// Checkpoints still to come, in order.
    hash_at: std::collections::VecDeque<u64>,
    hashes: String,
    max: u64,
    /// Instructions executed by the last slice.
    ran: u64,
    /// In this slice, an idle guest's time has jumped.
    skipped: bool,
    /// The host knows that parts wait for it.
    waits: bool,
    reboots: u64,
}

impl Run {
    pub(crate) fn new(config: &Config) -> Self {
        let mut hash_at = config.hash_at.clone();
        hash_at.sort_unstable();
        hash_at.dedup();
        Self {
            host: HostTime::default(),
            idle_ns: 0,
            exit_value: 0,
            ended: None,
            hash_at: hash_at.into(),
            hashes: String::new(),
            max: config.max_instructions.unwrap_or(u64::MAX),
            ran: 0,
            skipped: false,
            waits: false,
            reboots: 0,
        }
    }

    /// After a snapshot was restored at `count`.
    pub(crate) fn restored(&mut self, count: u64) {
        self.host.forget();
        self.idle_ns = 0;
        self.ended = None;
        while self.hash_at.front().is_some_and(|at| *at < count) {
            self.hash_at.pop_front();
        }
    }
}

/// Where the slice at work ends.
#[derive(Clone, Copy)]
enum End {
    /// At this count of instructions.
    Count(u64),
    /// At this virtual time.
    Time(Time),
}

impl Machine {
    /// Runs for about `budget_ns` of host time and says why it came back. `now_ns` is a clock of the host that does
    /// not run backwards. Tell [`Machine::slice_took`] afterwards how long it took.
    pub fn run(&mut self, now_ns: u64, budget_ns: u64) -> Outcome {
        let start = self.processor.cpu.count;
        self.processor.begin_slice();
        let end = match self.config.clock {
            ClockMode::Counted => End::Count((start / QUANTUM + 1).saturating_mul(QUANTUM)),
            ClockMode::Real => {
                let mut host = std::mem::take(&mut self.run.host);
                let board = self.board_mut();
                let end = host.begin(&mut board.time, start, now_ns, budget_ns.max(1));
                board.listened(host.passed, host.listened);
                self.run.host = host;
                End::Time(end)
            }
        };
        self.run.idle_ns = 0;
        self.run.skipped = false;
        let outcome = match self.run.ended {
            Some(ended) => ended,
            None => self.slice(start, end),
        };
        self.run.ran = self.processor.cpu.count.saturating_sub(start);
        self.run.host.asked = self.run.idle_ns;
        outcome
    }

    /// Tells how much host time the last [`Machine::run`] took, so that the next ones take as long as they are
    /// told. Only the real clock lets a guest notice.
    pub fn slice_took(&mut self, ns: u64) {
        self.run.host.measured(self.run.ran, ns);
    }

    /// After [`Outcome::Idle`]: nanoseconds until there is something to do.
    #[must_use]
    pub fn idle_ns(&self) -> u64 {
        self.run.idle_ns
    }

    /// After [`Outcome::Exit`]: the value written.
    #[must_use]
    pub fn exit_value(&self) -> u32 {
        self.run.exit_value
    }

    /// Lines "HASH n hex" of the checkpoints reached since the last call.
    #[must_use]
    pub fn hashes(&mut self) -> String {
        std::mem::take(&mut self.run.hashes)
    }

    /// How often the guest was started anew by itself.
    #[must_use]
    pub fn reboots(&self) -> u64 {
        self.run.reboots
    }

    /// Powers the parts on and enters what is loaded.
    pub(crate) fn start(&mut self) {
        memory_map::clear(&mut self.processor);
        self.restart();
    }

    /// Resets the parts and enters what is loaded. RAM keeps what it has, as a firmware expects.
    fn restart(&mut self) {
        self.settled().reset();
        self.processor.reset();
        let vgabios = self.boot.firmware().map(|firmware| firmware.vgabios().to_vec());
        let (board, mmu) = self.board_and_memory();
        match vgabios {
            Some(rom) => {
                board.fit_vga_rom(rom);
                board.parts.remap();
            }
            None => board.stand_in_for_firmware(),
        }
        memory_map::apply(board, mmu);
        self.boot.enter(&self.config, &mut self.processor);
        self.processor.state_changed();
    }

    fn slice(&mut self, start: u64, end: End) -> Outcome {
        loop {
            let count = self.processor.cpu.count;
            self.settled();
            if let Some(outcome) = self.answer_board() {
                return outcome;
            }
            if let Some(outcome) = self.waits_for_host() {
                return outcome;
            }
            self.checkpoints(count);
            if count >= self.run.max {
                return Outcome::InstructionLimit;
            }
            let end_count = match end {
                End::Count(n) => n,
                End::Time(t) => self.board().time.count_at(t),
            };
            if count >= end_count {
                return self.time_is_up(start, count);
            }
            let board = self.board();
            let timer = board.parts.next_deadline().map_or(u64::MAX, |at| board.time.count_at(at));
            let checkpoint = self.run.hash_at.front().copied().unwrap_or(u64::MAX);
            // At least one instruction, or a timer that is due again at once would hold everything up.
            let least = if self.config.clock == ClockMode::Real { LEAST_BETWEEN_TIMERS } else { 1 };
            let limit = end_count.min(timer.max(count + least)).min(checkpoint).min(self.run.max);
            match self.processor.run(limit) {
                Exit::Limit | Exit::Platform => {}
                Exit::Shutdown => {
                    self.wiring.log.log(Level::Warn, format_args!("triple fault"));
                    return self.reset_or(Outcome::TripleFault);
                }
                Exit::Halted => {
                    if let Some(outcome) = self.halted(start, end) {
                        return outcome;
                    }
                }
                Exit::NotHere => return Outcome::Time,
            }
        }
    }

    /// Gives the board's parts what their host has answered, and goes back to the host if they wait for more: in the counted
    /// clock until it comes, in the real one once, so that it is asked for without delay.
    fn waits_for_host(&mut self) -> Option<Outcome> {
        let count = self.processor.cpu.count;
        let board = self.board_mut();
        if !board.parts.waits() {
            self.run.waits = false;
            return None;
        }
        let now = board.time.at(count);
        board.parts.answered(now);
        board.sync_lines();
        if !board.parts.waits() {
            self.run.waits = false;
            return None;
        }
        if self.config.clock == ClockMode::Counted {
            self.run.idle_ns = LONGEST_WAIT;
            return Some(Outcome::Idle);
        }
        let known = std::mem::replace(&mut self.run.waits, true);
        (!known).then_some(Outcome::Time)
    }

    /// Does what the board wants done between two runs of the processor.
    fn answer_board(&mut self) -> Option<Outcome> {
        let request = self.board_mut().take_request();
        if std::mem::take(&mut self.board_mut().smi) {
            self.processor.raise_smi();
        }
        let smm = self.processor.wants_smm();
        let (board, mmu) = self.board_and_memory();
        board.set_smm(smm);
        memory_map::apply(board, mmu);
        if board.parts.wants_bus() {
            let mut ram = RamDma::new(mmu);
            board.parts.run_masters(&mut ram);
            for (at, data) in ram.messages() {
                board.message(at, data);
            }
            board.sync_lines();
        }
        self.processor.enter_smm();
        match request? {
            Request::Reset => {
                self.wiring.log.log(Level::Info, format_args!("the guest reset the machine"));
                Some(self.reset_or(Outcome::Reset))
            }
            Request::PowerOff => {
                self.wiring.log.log(Level::Info, format_args!("the guest switched the machine off"));
                Some(self.end(Outcome::PowerOff))
            }
            Request::Exit(value) => {
                self.run.exit_value = value;
                Some(self.end(Outcome::Exit(value)))
            }
        }
    }

    fn end(&mut self, outcome: Outcome) -> Outcome {
        self.run.ended = Some(outcome);
        outcome
    }

    /// Reboots, if that is wanted. The slice ends in any case: a guest that reboots for ever must not keep
    /// the host.
    fn reset_or(&mut self, outcome: Outcome) -> Outcome {
        if !self.config.reboot {
            return self.end(outcome);
        }
        self.run.reboots += 1;
        if self.boot.firmware().is_some() {
            self.restart();
        } else {
            self.start();
        }
        Outcome::Time
    }

    fn checkpoints(&mut self, count: u64) {
        while self.run.hash_at.front().is_some_and(|at| *at <= count) {
            if let Some(at) = self.run.hash_at.pop_front() {
                let hash = self.state_hash();
                self.run.hashes.push_str(&format!("HASH {at} {hash:016x}\n"));
            }
        }
    }

    /// The slice is over. If virtual time is ahead of the host's because the guest was idle, there is time to wait. (If it
    /// was faster than expected, its time runs more slowly from here on.)
    fn time_is_up(&mut self, start: u64, count: u64) -> Outcome {
        if self.config.clock == ClockMode::Real && std::mem::take(&mut self.run.skipped) {
            let ahead = self.board().time.at(count).since(self.run.host.estimate(count - start));
            if ahead >= SHORTEST_WAIT {
                self.run.idle_ns = ahead.min(LONGEST_WAIT);
                return Outcome::Idle;
            }
        }
        Outcome::Time
    }

    /// The processor waits for an interrupt. Time jumps to the next timer, or the host has to wait.
    fn halted(&mut self, start: u64, end: End) -> Option<Outcome> {
        let count = self.processor.cpu.count;
        if self.processor.cpu.eflags & eflags::IF == 0 && !self.board().wakes_without_if() {
            return Some(Outcome::HaltedForever);
        }
        let next = self.board().parts.next_deadline();
        match (end, next) {
            (End::Count(_), next) => {
                let time = &mut self.board_mut().time;
                let quantum = Time((time.at(count).0 / IDLE_QUANTUM + 1).saturating_mul(IDLE_QUANTUM));
                match next {
                    Some(at) if at < quantum => {
                        time.skip_to(count, at);
                        None
                    }
                    Some(_) => {
                        time.skip_to(count, quantum);
                        Some(Outcome::Time)
                    }
                    None => {
                        time.skip_to(count, quantum);
                        self.run.idle_ns = LONGEST_WAIT;
                        Some(Outcome::Idle)
                    }
                }
            }
            (End::Time(end), Some(at)) if at <= end => {
                self.run.skipped = true;
                self.board_mut().time.skip_to(count, at);
                None
            }
            (End::Time(_), next) => {
                self.run.host.halted = true;
                let now = self.run.host.estimate(count - start);
                let wait = next.map_or(LONGEST_WAIT, |at| at.since(now));
                self.run.idle_ns = wait.min(LONGEST_WAIT);
                Some(Outcome::Idle)
            }
        }
    }
}
