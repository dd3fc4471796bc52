//! The whole machine: the board as a parts list, guest RAM, the run loop, direct boot, snapshots.
//!
//! A [`Machine`] is run in slices: [`Machine::run`] executes for about as long as it is told and says why it
//! came back. Between slices the host takes what the guest sent and gives what the user typed. Nothing
//! here knows which host that is.
//!
//! Architecture invariant: this is the only crate that knows ports, interrupt numbers and PCI slots, and
//! `board` the only module.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod acpi;
mod bios;
mod board;
mod clock;
mod config;
mod drives;
mod error;
mod firmware;
mod interrupts;
mod linux;
mod memory_map;
mod multiboot;
mod parts;
mod platform;
mod run_loop;
mod screen;
#[cfg(test)]
mod shaken;
mod snapshot;
mod video;

pub use bios::check_bios;
pub use config::{ClockMode, Config};
pub use drives::{DriveConfig, DriveName, sectors_of_disk};
pub use error::{ErrorCode, MachineError};
pub use linux::check as check_linux;
pub use multiboot::Module;
pub use multiboot::check as check_multiboot;
pub use run_loop::{IDLE_QUANTUM, Outcome, QUANTUM};
pub use screen::Screen;

use board::Board;
use cpu::Processor;
use cpu::exec::Exec;
use cpu::mmu::{Mmu, Ram};
use drives::Drives;
use firmware::Boot;
use host::block::{Completion, Request};
use host::input::MouseButtons;
use host::log::{Level, Memory as LogMemory};
use host::serial::Memory as SerialMemory;
use host::{KeyCode, Logger};
use run_loop::Run;
use std::any::Any;

/// Bytes behind RAM: the flash, then the screen's memory.
const BEHIND_RAM: u64 = bios::FLASH_LEN + video::LEN;

/// Messages kept until somebody reads them.
const LOG_KEEP: usize = 1000;

/// What the parts are connected to outside; shared with the board.
#[derive(Clone, Debug)]
struct Wiring {
    serial: [SerialMemory; 2],
    console: SerialMemory,
    drives: Drives,
    log: Logger,
}

/// A virtual PC.
#[derive(Debug)]
pub struct Machine {
    config: Config,
    wiring: Wiring,
    log: LogMemory,
    /// The board is the platform that it runs on.
    processor: Processor,
    boot: Boot,
    /// Tells `boot` from other images; part of the state hash.
    boot_identity: u64,
    run: Run,
    screen: Screen,
}

impl Machine {
    /// A machine that is powered on with nothing loaded: it stays halted until something is.
    ///
    /// # Errors
    /// An option that is not possible, or not enough memory on the host.
    pub fn new(config: Config) -> Result<Self, MachineError> {
        config.check()?;
        let bytes = config.memory_bytes();
        let log = LogMemory::new(Level::Info, LOG_KEEP);
        let wiring = Wiring {
            serial: [SerialMemory::new(), SerialMemory::new()],
            console: SerialMemory::new(),
            drives: Drives::new(&config.drives)?,
            log: Logger::new(Box::new(log.clone()), "machine"),
        };
        let memory = Ram::with_more(bytes, BEHIND_RAM).map_err(|_| {
            let mb = config.memory_mb;
            MachineError::new(
                ErrorCode::NoMemory,
                format!("the host has no {mb} MB of memory for the machine"),
            )
        })?;
        let mut mmu = Mmu::new(memory);
        let board = Board::new(&config, &wiring, video::memory(&mut mmu));
        let mut processor = Processor::with_memory(mmu, Box::new(board));
        processor.set_identity(config.identity());
        let run = Run::new(&config);
        let boot = Boot::Nothing;
        let boot_identity = boot.identity();
        let screen = Screen::default();
        let mut machine = Self { config, wiring, log, processor, boot, boot_identity, run, screen };
        machine.start();
        Ok(machine)
    }

    /// Loads a Linux kernel (bzImage) with its initial RAM disk and command line, and resets the machine
    /// into it.
    ///
    /// # Errors
    /// What is wrong with the image, in words; the machine is unchanged then.
    pub fn load_linux(
        &mut self,
        kernel: Vec<u8>,
        initrd: Option<Vec<u8>>,
        cmdline: &str,
    ) -> Result<(), MachineError> {
        let loaded = linux::Linux::new(kernel, initrd, cmdline, self.config.memory_bytes())?;
        self.load(Boot::Linux(loaded));
        Ok(())
    }

    /// Loads a multiboot 1 image with its modules, and resets the machine into it.
    ///
    /// # Errors
    /// What is wrong with the image, in words; the machine is unchanged then.
    pub fn load_multiboot(
        &mut self,
        image: Vec<u8>,
        cmdline: &str,
        modules: Vec<Module>,
    ) -> Result<(), MachineError> {
        let loaded = multiboot::Multiboot::new(image, cmdline, modules, self.config.memory_bytes())?;
        self.load(Boot::Multiboot(loaded));
        Ok(())
    }

    /// Puts a BIOS into the flash and a VGA BIOS (or none, if it is empty) into the screen's ROM, and resets the machine
    /// into it.
    ///
    /// # Errors
    /// What is wrong with the image, in words; the machine is unchanged then.
    pub fn load_firmware(&mut self, bios: Vec<u8>, vgabios: Vec<u8>) -> Result<(), MachineError> {
        let loaded = bios::Firmware::new(bios, vgabios)?;
        self.load(Boot::Firmware(loaded));
        Ok(())
    }

    fn board(&self) -> &Board {
        let plat: &dyn Any = &*self.processor.plat;
        match plat.downcast_ref() {
            Some(board) => board,
            None => unreachable!("the processor is made with a board"),
        }
    }

    /// The board, and the memory it says the map of.
    fn board_and_memory(&mut self) -> (&mut Board, &mut Mmu) {
        let Exec { plat, mmu, .. } = &mut *self.processor;
        let plat: &mut dyn Any = &mut **plat;
        match plat.downcast_mut() {
            Some(board) => (board, mmu),
            None => unreachable!("the processor is made with a board"),
        }
    }

    fn board_mut(&mut self) -> &mut Board {
        self.board_and_memory().0
    }

    /// The board, with time and timers brought up to now.
    fn settled(&mut self) -> &mut Board {
        let count = self.processor.cpu.count;
        let board = self.board_mut();
        board.settle(count);
        board
    }

    fn load(&mut self, boot: Boot) {
        self.boot_identity = boot.identity();
        self.boot = boot;
        self.reset();
    }

    /// Hard reset: what is loaded starts again. Time goes on.
    pub fn reset(&mut self) {
        self.run.ended = None;
        self.start();
    }

    /// Bytes that the guest sent by COM1 (port 0) or COM2 (port 1) since the last call.
    #[must_use]
    pub fn serial_output(&self, port: usize) -> Vec<u8> {
        self.wiring.serial.get(port).map(SerialMemory::take).unwrap_or_default()
    }

    /// Bytes for the guest at COM1 (port 0) or COM2 (port 1). Returns how many were taken; there is room for
    /// 64 KB, and the rest is the caller's to give again when the guest has read some.
    pub fn serial_input(&mut self, port: usize, bytes: &[u8]) -> usize {
        self.settled().serial_input(port, bytes)
    }

    /// Bytes that the guest wrote to port E9h since the last call.
    #[must_use]
    pub fn debug_output(&self) -> Vec<u8> {
        self.wiring.console.take()
    }

    /// What the drives asked of their media since the last call, in order. To be answered with
    /// [`Machine::answer_disk`].
    #[must_use]
    pub fn disk_requests(&self) -> Vec<(DriveName, Request)> {
        self.wiring.drives.requests()
    }

    /// The answer to a drive's request.
    pub fn answer_disk(&mut self, drive: DriveName, completion: Completion) {
        self.wiring.drives.answer(drive, completion);
    }

    /// Puts another medium into a CD-ROM or floppy drive, or none. What the guest wrote to the old one is gone.
    ///
    /// # Errors
    /// If there is no such drive, or it is no medium for it.
    pub fn change_medium(
        &mut self,
        name: DriveName,
        sectors: Option<u64>,
        read_only: bool,
    ) -> Result<(), MachineError> {
        let wrong = |why| MachineError::new(ErrorCode::BadOption, format!("{}: {why}", name.name()));
        let Some(config) = self.wiring.drives.config(name) else {
            return Err(wrong("the machine has no such drive"));
        };
        if !name.is_floppy() && !config.cdrom {
            return Err(wrong("a hard disk cannot be changed"));
        }
        self.wiring.drives.insert(name, DriveConfig { sectors, read_only, ..config })?;
        let block = self.wiring.drives.block(name);
        if self.settled().change_medium(name, block) {
            Ok(())
        } else {
            Err(wrong("its medium cannot be changed"))
        }
    }

    /// Messages about the machine since the last call, a line each.
    #[must_use]
    pub fn log(&self) -> String {
        let mut out = String::new();
        for entry in self.log.take() {
            out.push_str(&format!("{} {}: {}\n", entry.level, entry.target, entry.message));
        }
        out
    }

    /// A key goes down or up.
    pub fn key(&mut self, code: KeyCode, down: bool) {
        self.settled().key(code, down);
    }

    /// The mouse moves (right and down are positive) or its buttons change.
    pub fn mouse(&mut self, dx: i32, dy: i32, wheel: i32, buttons: u8) {
        self.settled().mouse(dx, dy, wheel, MouseButtons(buttons));
    }

    /// The power button. True if the guest listens to it; if not, nothing happens.
    pub fn power_button(&mut self) -> bool {
        self.settled().power_button()
    }

    /// Renders the screen into [`Machine::screen`]; false if it has not changed since the last call.
    pub fn frame(&mut self) -> bool {
        let mut screen = std::mem::take(&mut self.screen);
        let changed = self.settled().show(&mut screen);
        self.screen = screen;
        changed
    }

    /// The last frame.
    #[must_use]
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The text screen, a line per row; empty in a graphics mode.
    #[must_use]
    pub fn screen_text(&self) -> String {
        self.board().screen_text()
    }

    /// Instructions executed since power-on.
    #[must_use]
    pub fn instructions(&self) -> u64 {
        self.processor.cpu.count
    }

    /// Virtual nanoseconds since power-on.
    #[must_use]
    pub fn virtual_ns(&self) -> u64 {
        self.board().time.at(self.processor.cpu.count).0
    }

    /// The options the machine was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The processor, for debugging.
    #[must_use]
    pub fn processor(&self) -> &Processor {
        &self.processor
    }

    /// Has hot code translated. What the guest sees stays the same.
    pub fn set_translator(&mut self, translator: Box<dyn cpu::translator::Translator>) {
        self.processor.set_translator(translator);
    }

    /// The translation of the code at a linear address as text, or a sentence that says why there is none to show.
    #[must_use]
    pub fn dump_region(&self, lin: u32) -> String {
        self.processor.dump_region(lin.into())
    }

    /// POST codes (port 80h), oldest first.
    #[must_use]
    pub fn post_codes(&self) -> Vec<u8> {
        self.board().post_codes()
    }

    /// Figures for people who measure, as JSON. The host says how long the slices took in all, how many there were,
    /// and how much memory is in use.
    #[must_use]
    pub fn stats(&self, running_ms: f64, slices: f64, memory_bytes: f64) -> String {
        let figures = self.processor.translator_figures();
        let figure = |name: &str| figures.iter().find(|(n, _)| *n == name).map_or(0.0, |(_, v)| *v);
        let more: String = figures.iter().map(|(name, v)| format!(",\"{name}\":{v}")).collect();
        let more = more + &self.processor.translator_report();
        format!(
            "{{\"instructions\":{},\"memory_mb\":{:.1},\"phases\":{{\"running_ms\":{running_ms:.1},\"slices\":{slices},\
             \"virtual_ms\":{:.1},\"reboots\":{}}},\"jit\":{{\"enabled\":{},\"bytes\":{},\
             \"interpreted_instructions\":{},\"exits\":{}{more}}}}}",
            self.instructions(),
            memory_bytes / 1048576.0,
            self.virtual_ns() as f64 / 1e6,
            self.reboots(),
            !figures.is_empty(),
            figure("wasm_bytes"),
            self.instructions() as f64 - figure("executed"),
            figure("calls"),
        )
    }
}
