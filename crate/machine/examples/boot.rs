//! Boots a Linux kernel natively and prints what COM1 says: for debugging.
//!
//! Options by environment: KERNEL, INITRD (default: images/linux32/out), CMDLINE, MULTIBOOT, MEMORY (MB), CPU (model), NOAPIC=1,
//! MAXI (instructions), INPUT (typed once a prompt shows, "\n" for enter), PROMPT (default "# "), CLOCK=real, HASH (comma-separated counts),
//! BIOS, VGABIOS (firmware instead of a kernel), HDA, CDROM, FDA (images), BOOT (order), SCREEN=1 (print the text screen at the end),
//! TRACE=1 (counts before each piece of output; counted clock only), SNAPSHOT (go on in a restored machine from this count).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]
#![expect(clippy::disallowed_types, reason = "the host's side of the real clock")]

use host::block::{BlockError, Completion, Operation, Request};
use machine::{ClockMode, Config, DriveConfig, DriveName, Machine, Outcome};
use std::io::Write;
use std::time::Instant;

/// The drives given by HDA, HDC, CDROM (as hdc) and FDA, with what is on them.
fn drives() -> Vec<(DriveConfig, Vec<u8>)> {
    let places = [("HDA", DriveName::Hda), ("CDROM", DriveName::Hdc), ("FDA", DriveName::Fda)];
    let drive = |(var, name): (&str, DriveName)| {
        let path = std::env::var(var).ok()?;
        let mut image = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        image.resize(image.len().next_multiple_of(512), 0);
        let sectors = Some(image.len() as u64 / 512);
        let cdrom = var == "CDROM";
        Some((DriveConfig { name, cdrom, sectors, read_only: false, write_through: false }, image))
    };
    places.into_iter().filter_map(drive).collect()
}

/// Answers what the drives ask for; whether that was anything.
fn serve(machine: &mut Machine, drives: &[(DriveConfig, Vec<u8>)]) -> bool {
    let requests = machine.disk_requests();
    let any = !requests.is_empty();
    for (name, Request { id, operation }) in requests {
        let Some((_, image)) = drives.iter().find(|(config, _)| config.name == name) else { continue };
        let result = match operation {
            Operation::Read { first, sectors } => {
                let at = first as usize * 512;
                image.get(at..at + sectors as usize * 512).map(<[u8]>::to_vec).ok_or(BlockError::OutOfRange)
            }
            Operation::Write { .. } => Err(BlockError::ReadOnly),
            Operation::Flush => Ok(Vec::new()),
        };
        machine.answer_disk(name, Completion { id, result });
    }
    any
}

fn main() {
    let var = |name: &str| std::env::var(name).ok();
    let drives = drives();
    let out = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/linux32/out");
    let config = Config {
        memory_mb: var("MEMORY").and_then(|v| v.parse().ok()).unwrap_or(256),
        cpu: var("CPU").unwrap_or_default(),
        clock: if var("CLOCK").as_deref() == Some("real") { ClockMode::Real } else { ClockMode::Counted },
        max_instructions: var("MAXI").and_then(|v| v.replace('_', "").parse().ok()),
        hash_at: var("HASH").map_or(Vec::new(), |v| v.split(',').filter_map(|n| n.parse().ok()).collect()),
        reboot: var("REBOOT").is_some(),
        apic: var("NOAPIC").is_none(),
        drives: drives.iter().map(|(config, _)| *config).collect(),
        boot_order: var("BOOT").unwrap_or_else(|| "cad".into()),
        ..Config::default()
    };
    let read = |path: &str| std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut machine = Machine::new(config).unwrap_or_else(|e| panic!("{e}"));
    let cmdline = var("CMDLINE").unwrap_or_else(|| "console=ttyS0".into());
    let firmware =
        var("BIOS").map(|path| (read(&path), var("VGABIOS").map_or(Vec::new(), |path| read(&path))));
    let loaded = match var("MULTIBOOT") {
        _ if let Some((bios, vgabios)) = firmware => machine.load_firmware(bios, vgabios),
        Some(path) => machine.load_multiboot(read(&path), &cmdline, Vec::new()),
        None => {
            let kernel = read(&var("KERNEL").unwrap_or_else(|| format!("{out}/vmlinuz")));
            let initrd = read(&var("INITRD").unwrap_or_else(|| format!("{out}/initrd")));
            machine.load_linux(kernel, Some(initrd), &cmdline)
        }
    };
    loaded.unwrap_or_else(|e| panic!("{e}"));
    let mut input = var("INPUT").map(|s| s.replace("\\n", "\n"));
    let mut snapshot = var("SNAPSHOT").and_then(|v| v.parse::<u64>().ok());
    let trace = var("TRACE").is_some();
    let prompt = var("PROMPT").unwrap_or_else(|| "# ".into());
    let (mut seen, start) = (Vec::new(), Instant::now());
    let outcome = loop {
        let now = start.elapsed();
        let outcome = machine.run(now.as_nanos() as u64, 4_000_000);
        let served = serve(&mut machine, &drives);
        machine.slice_took((start.elapsed() - now).as_nanos() as u64);
        let bytes = machine.serial_output(0);
        if trace && !bytes.is_empty() {
            let (n, ns) = (machine.instructions(), machine.virtual_ns());
            eprint!("<{} M, {} ms idle>", n / 1_000_000, (ns - n * 4) / 1_000_000);
        }
        let mut stdout = std::io::stdout();
        let _ = stdout.write_all(&bytes).and_then(|()| stdout.flush());
        seen.extend(bytes);
        seen.drain(..seen.len().saturating_sub(4096));
        eprint!("{}", machine.hashes());
        eprint!("{}", String::from_utf8_lossy(&machine.debug_output()));
        if seen.windows(prompt.len()).any(|w| w == prompt.as_bytes())
            && let Some(text) = input.take()
        {
            machine.serial_input(0, text.as_bytes());
        }
        if snapshot.is_some_and(|at| machine.instructions() >= at) {
            snapshot = None;
            let bytes = machine.save();
            let mut other = Machine::new(machine.config().clone()).unwrap_or_else(|e| panic!("{e}"));
            other.restore(&bytes).unwrap_or_else(|e| panic!("{e}"));
            eprintln!("restored at {} from {} KB", other.instructions(), bytes.len() >> 10);
            machine = other;
        }
        match outcome {
            Outcome::Time => {}
            Outcome::Idle if served => {}
            Outcome::Idle => std::thread::sleep(std::time::Duration::from_nanos(machine.idle_ns())),
            outcome => break outcome,
        }
    };
    let (n, s) = (machine.instructions(), start.elapsed().as_secs_f64());
    if var("SCREEN").is_some() {
        println!("{}", machine.screen_text());
    }
    eprint!("{}", machine.log());
    let cpu = &machine.processor().cpu;
    eprintln!(
        "{outcome:?} after {n} instructions, {:.2} s virtual, {s:.2} s: {:.1} MIPS",
        machine.virtual_ns() as f64 / 1e9,
        n as f64 / s / 1e6,
    );
    let regs: Vec<String> = cpu.regs[..8].iter().map(|r| format!("{r:08x}")).collect();
    eprintln!(
        "cs:eip {:x}:{:08x} eflags {:08x} regs {} cr0 {:x} cr2 {:x} cr3 {:x} cr4 {:x} events {:x} fault {:?}",
        cpu.segs[1].selector,
        cpu.eip,
        cpu.eflags(),
        regs.join(" "),
        cpu.cr0,
        cpu.cr2,
        cpu.cr3,
        cpu.cr4,
        cpu.events,
        cpu.fault,
    );
    let mut code = [0; 16];
    if machine.processor().mmu.read_phys(cpu.eip & 0x3FFF_FFFF, &mut code) {
        eprintln!("code {code:02x?}");
    }
}
