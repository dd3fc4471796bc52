//! What JavaScript sees: one class, `Vm`, as `www/vm/wasm-interface.md` describes it.
//!
//! Nothing is decided here: values are converted, errors become `Error` objects with a `code`, and the rest
//! is `machine`.

#![deny(unsafe_code)]

mod convert;
mod error;
#[cfg(feature = "harness")]
mod harness;
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "calls translated code through the table; see the module documentation")]
pub mod wasm_host;

#[cfg(feature = "harness")]
pub use harness::Harness;

use convert::Options;
use error::Thrown;
use js_sys::{Uint8Array, Uint8ClampedArray};
use machine::{DriveName, Machine, MachineError, Module, Outcome};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The host's clock, in milliseconds: how long a slice really took.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Reports a panic, which is a bug of ours, with its message.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// One virtual machine.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Vm {
    machine: Machine,
    /// Host milliseconds spent in `run`.
    running_ms: f64,
    slices: f64,
}

/// Has a machine's hot code translated, where wasm may be compiled at run time.
#[cfg(target_arch = "wasm32")]
fn translate(machine: &mut Machine, settings: jit::engine::Options) {
    if let Some(host) = wasm_host::WasmHost::new() {
        machine.set_translator(Box::new(jit::engine::Engine::new(host, settings)));
    }
}

/// There is no wasm around.
#[cfg(not(target_arch = "wasm32"))]
fn translate(_: &mut Machine, _: jit::engine::Options) {}

/// Numbers that `run` returns.
const fn number(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Time => 0,
        Outcome::Idle => 1,
        Outcome::PowerOff => 2,
        Outcome::Exit(_) => 3,
        Outcome::TripleFault => 4,
        Outcome::Reset => 5,
        Outcome::HaltedForever => 6,
        Outcome::InstructionLimit => 7,
    }
}

/// Milliseconds as nanoseconds; what makes no sense is zero.
fn nanoseconds(ms: f64) -> u64 {
    (ms * 1e6) as u64
}

#[wasm_bindgen]
impl Vm {
    /// Builds a machine, powered on but with nothing loaded.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &JsValue) -> Result<Vm, JsValue> {
        let options = Options::new(options)?;
        let mut machine = Machine::new(options.config()?).map_err(Thrown)?;
        if let Some(settings) = options.translator()? {
            translate(&mut machine, settings);
        }
        Ok(Self { machine, running_ms: 0.0, slices: 0.0 })
    }

    /// Loads a Linux kernel and resets into it.
    #[wasm_bindgen(js_name = loadLinux)]
    pub fn load_linux(
        &mut self,
        kernel: Vec<u8>,
        initrd: Option<Vec<u8>>,
        cmdline: &str,
    ) -> Result<(), JsValue> {
        Ok(self.machine.load_linux(kernel, initrd, cmdline).map_err(Thrown)?)
    }

    /// Loads a multiboot image and resets into it.
    #[wasm_bindgen(js_name = loadMultiboot)]
    pub fn load_multiboot(
        &mut self,
        image: Vec<u8>,
        cmdline: &str,
        modules: Option<js_sys::Array>,
    ) -> Result<(), JsValue> {
        let mut list = Vec::new();
        for module in modules.into_iter().flat_map(|array| array.to_vec()) {
            let (bytes, cmdline) = convert::module(&module)?;
            list.push(Module { bytes, cmdline });
        }
        Ok(self.machine.load_multiboot(image, cmdline, list).map_err(Thrown)?)
    }

    /// Puts a BIOS into the flash and a VGA BIOS into the screen's ROM, and resets into it.
    #[wasm_bindgen(js_name = loadFirmware)]
    pub fn load_firmware(&mut self, bios: Vec<u8>, vgabios: Option<Vec<u8>>) -> Result<(), JsValue> {
        Ok(self.machine.load_firmware(bios, vgabios.unwrap_or_default()).map_err(Thrown)?)
    }

    /// Sectors of the disk that an image of so many is of, in a drive; a floppy's image may end before its disk does.
    #[wasm_bindgen(js_name = sectorsOfDisk)]
    pub fn sectors_of_disk(drive: &str, sectors: f64) -> f64 {
        match DriveName::from_name(drive) {
            Some(drive) => machine::sectors_of_disk(drive, sectors as u64) as f64,
            None => sectors,
        }
    }

    /// Drains what the drives ask of their media.
    #[wasm_bindgen(js_name = takeDiskRequests)]
    pub fn take_disk_requests(&self) -> Result<js_sys::Array, JsValue> {
        self.machine
            .disk_requests()
            .into_iter()
            .map(|(drive, request)| convert::request(drive, request))
            .collect()
    }

    /// Answers a drive: the bytes of a read, none for a write or a flush; or the number of an error.
    #[wasm_bindgen(js_name = answerDisk)]
    pub fn answer_disk(&mut self, drive: &str, id: f64, bytes: Option<Vec<u8>>, error: u32) {
        if let Some(drive) = DriveName::from_name(drive) {
            self.machine.answer_disk(drive, convert::completion(id, bytes, error));
        }
    }

    /// Puts another medium into a CD-ROM or floppy drive, or none.
    #[wasm_bindgen(js_name = changeMedium)]
    pub fn change_medium(
        &mut self,
        drive: &str,
        sectors: Option<f64>,
        read_only: bool,
    ) -> Result<(), JsValue> {
        let Some(name) = DriveName::from_name(drive) else {
            return Err(bad_option(format!("{drive}: there is no such drive")).into());
        };
        let sectors = sectors.map(|sectors| sectors as u64);
        Ok(self.machine.change_medium(name, sectors, read_only).map_err(Thrown)?)
    }

    /// Runs a slice; returns why it came back.
    pub fn run(&mut self, now_ms: f64, budget_ms: f64) -> u32 {
        let start = performance_now();
        let outcome = self.machine.run(nanoseconds(now_ms), nanoseconds(budget_ms));
        let took = performance_now() - start;
        self.machine.slice_took(nanoseconds(took));
        self.running_ms += took;
        self.slices += 1.0;
        number(outcome)
    }

    /// Milliseconds until there is something to do.
    #[wasm_bindgen(js_name = idleMs)]
    pub fn idle_ms(&self) -> f64 {
        self.machine.idle_ns() as f64 / 1e6
    }

    /// What the guest wrote to the exit port.
    #[wasm_bindgen(js_name = exitValue)]
    pub fn exit_value(&self) -> u32 {
        self.machine.exit_value()
    }

    /// Drains what COM(port+1) sent.
    #[wasm_bindgen(js_name = serialOutput)]
    pub fn serial_output(&self, port: usize) -> Uint8Array {
        Uint8Array::from(self.machine.serial_output(port).as_slice())
    }

    /// Bytes for the guest at COM(port+1); returns how many were taken.
    #[wasm_bindgen(js_name = serialInput)]
    pub fn serial_input(&mut self, port: usize, bytes: &[u8]) -> usize {
        self.machine.serial_input(port, bytes)
    }

    /// Drains port E9h.
    #[wasm_bindgen(js_name = debugOutput)]
    pub fn debug_output(&self) -> Uint8Array {
        Uint8Array::from(self.machine.debug_output().as_slice())
    }

    /// Drains log lines.
    pub fn log(&self) -> String {
        self.machine.log()
    }

    /// A key goes down or up; false if there is no such key.
    pub fn key(&mut self, code: &str, down: bool) -> bool {
        let key = host::KeyCode::from_name(code);
        if let Some(key) = key {
            self.machine.key(key, down);
        }
        key.is_some()
    }

    /// The mouse moves or its buttons change.
    pub fn mouse(&mut self, dx: f64, dy: f64, wheel: f64, buttons: f64) {
        self.machine.mouse(dx as i32, dy as i32, wheel as i32, buttons as u8);
    }

    /// Presses the power button.
    #[wasm_bindgen(js_name = powerButton)]
    pub fn power_button(&mut self) {
        self.machine.power_button();
    }

    /// Hard reset.
    pub fn reset(&mut self) {
        self.machine.reset();
    }

    /// Renders the screen if it changed since the last call.
    pub fn frame(&mut self) -> bool {
        self.machine.frame()
    }

    /// Width of the last frame.
    #[wasm_bindgen(js_name = frameWidth)]
    pub fn frame_width(&self) -> u32 {
        self.machine.screen().width()
    }

    /// Height of the last frame.
    #[wasm_bindgen(js_name = frameHeight)]
    pub fn frame_height(&self) -> u32 {
        self.machine.screen().height()
    }

    /// A copy of the last frame.
    #[wasm_bindgen(js_name = framePixels)]
    pub fn frame_pixels(&self) -> Uint8ClampedArray {
        Uint8ClampedArray::from(self.machine.screen().rgba())
    }

    /// Copies the last frame into an array of the caller's; false, and nothing copied, if that has another size.
    #[wasm_bindgen(js_name = copyFrame)]
    pub fn copy_frame(&self, into: &Uint8ClampedArray) -> bool {
        let pixels = self.machine.screen().rgba();
        let fits = into.length() as usize == pixels.len();
        if fits {
            into.copy_from(pixels);
        }
        fits
    }

    /// Characters in a row of the last frame; 0 if it has none.
    #[wasm_bindgen(js_name = textColumns)]
    pub fn text_columns(&self) -> u32 {
        self.machine.screen().columns()
    }

    /// Its characters and attributes in turn.
    #[wasm_bindgen(js_name = textCells)]
    pub fn text_cells(&self) -> js_sys::Uint16Array {
        js_sys::Uint16Array::from(self.machine.screen().cells())
    }

    /// Which of them the cursor is on, or -1.
    #[wasm_bindgen(js_name = textCursor)]
    pub fn text_cursor(&self) -> i32 {
        self.machine.screen().cursor().map_or(-1, |at| i32::try_from(at).unwrap_or(-1))
    }

    /// The text screen.
    #[wasm_bindgen(js_name = screenText)]
    pub fn screen_text(&self) -> String {
        self.machine.screen_text()
    }

    /// Instructions executed.
    pub fn instructions(&self) -> f64 {
        self.machine.instructions() as f64
    }

    /// Virtual milliseconds since power-on.
    #[wasm_bindgen(js_name = virtualMs)]
    pub fn virtual_ms(&self) -> f64 {
        self.machine.virtual_ns() as f64 / 1e6
    }

    /// Drains the checkpoints reached.
    pub fn hashes(&mut self) -> String {
        self.machine.hashes()
    }

    /// The hash of the state.
    #[wasm_bindgen(js_name = stateHash)]
    pub fn state_hash(&mut self) -> String {
        format!("{:016x}", self.machine.state_hash())
    }

    /// Figures, as JSON.
    pub fn stats(&self) -> String {
        self.machine.stats(self.running_ms, self.slices, memory_bytes())
    }

    /// The translation of the code at a guest linear address as text, or a sentence that says why there is none.
    #[wasm_bindgen(js_name = dumpRegion)]
    pub fn dump_region(&self, address: u32) -> String {
        self.machine.dump_region(address)
    }

    /// The whole machine as bytes.
    pub fn save(&mut self) -> Uint8Array {
        Uint8Array::from(self.machine.save().as_slice())
    }

    /// Takes over a saved machine.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.machine.restore(bytes).map_err(Thrown)?)
    }
}

/// Bytes of linear memory.
fn memory_bytes() -> f64 {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size::<0>() as f64 * 65536.0;
    #[cfg(not(target_arch = "wasm32"))]
    0.0
}

/// A refused option.
fn bad_option(message: String) -> Thrown {
    Thrown(MachineError { code: machine::ErrorCode::BadOption, message })
}
