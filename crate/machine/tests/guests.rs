//! Whole machines with tiny guests: how runs end, that interrupts arrive, that time passes.

mod common;

use common::{ECHO, FILL, KEYS, POWER_OFF, TIMER, TRIPLE_FAULT, config, machine, run};
use machine::{ClockMode, Config, IDLE_QUANTUM, Machine, Outcome, QUANTUM};

#[test]
fn an_empty_machine_is_halted() {
    let mut machine = Machine::new(config()).unwrap();
    assert_eq!(machine.run(0, 4_000_000), Outcome::HaltedForever);
}

#[test]
fn the_timer_interrupts_through_controller_and_table() {
    for clock in [ClockMode::Counted, ClockMode::Real] {
        let mut machine = machine(TIMER, Config { clock, ..config() });
        assert_eq!(run(&mut machine), Outcome::Exit(42));
        assert_eq!(machine.exit_value(), 42);
        assert_eq!(machine.serial_output(0), b"!");
        let ms = machine.virtual_ns() / 1_000_000;
        assert!((9..=14).contains(&ms), "ten interrupts at 1 kHz took {ms} ms");
    }
}

#[test]
fn soft_off_powers_off_and_stays_off() {
    let mut machine = machine(POWER_OFF, config());
    assert_eq!(run(&mut machine), Outcome::PowerOff);
    assert_eq!(machine.run(9_000_000, 1_000_000), Outcome::PowerOff);
    machine.reset();
    assert_eq!(run(&mut machine), Outcome::PowerOff);
    assert!(machine.log().contains("switched the machine off"));
}

#[test]
fn a_triple_fault_ends_the_run_or_reboots() {
    assert_eq!(run(&mut machine(TRIPLE_FAULT, config())), Outcome::TripleFault);
    let mut forever = machine(TRIPLE_FAULT, Config { reboot: true, ..config() });
    assert_eq!(run(&mut forever), Outcome::Time);
    assert_eq!(forever.reboots(), 1000, "one in each slice");
}

#[test]
fn every_way_to_reset_resets() {
    let ways: [&[u8]; 3] = [
        &[0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE], // mov al, 0FEh; out 64h, al; jmp $
        &[0xB0, 0x01, 0xE6, 0x92, 0xEB, 0xFE], // mov al, 1; out 92h, al; jmp $
        &[0x66, 0xBA, 0xF9, 0x0C, 0xB0, 0x06, 0xEE, 0xEB, 0xFE], // mov dx, 0CF9h; mov al, 6; out dx, al; jmp $
    ];
    for way in ways {
        assert_eq!(run(&mut machine(way, config())), Outcome::Reset, "{way:x?}");
    }
}

#[test]
fn halted_with_interrupts_off_is_for_ever() {
    let mut halted = machine(&[0xFA, 0xF4], config());
    assert_eq!(run(&mut halted), Outcome::HaltedForever);
    // With interrupts on there is something to wait for.
    let mut waiting = machine(&[0xFB, 0xF4, 0xEB, 0xFD], config());
    assert_eq!(waiting.run(0, 4_000_000), Outcome::Idle);
    assert!(waiting.idle_ns() > 0);
}

#[test]
fn bytes_go_in_and_out_by_com1() {
    let mut machine = machine(ECHO, config());
    machine.serial_input(0, b"hello q");
    assert_eq!(run(&mut machine), Outcome::Exit(3072));
    assert_eq!(machine.serial_output(0), b"HELLO\0");
    assert_eq!(machine.serial_output(0), b"");
}

#[test]
fn the_limit_and_the_checkpoints_are_exact() {
    let hash_at = vec![1_000_000, 5, 777_777, 777_777];
    let mut machine = machine(FILL, Config { max_instructions: Some(1_000_003), hash_at, ..config() });
    assert_eq!(run(&mut machine), Outcome::InstructionLimit);
    assert_eq!(machine.instructions(), 1_000_003);
    let hashes = machine.hashes();
    let counts: Vec<_> = hashes.lines().map(|l| l.split(' ').nth(1).unwrap()).collect();
    assert_eq!(counts, ["5", "777777", "1000000"]);
}

#[test]
fn counted_slices_end_at_the_same_counts() {
    let mut machine = machine(FILL, config());
    for n in 1..5 {
        assert_eq!(machine.run(n, 1), Outcome::Time);
        assert_eq!(machine.instructions(), n * QUANTUM);
    }
}

#[test]
fn real_time_follows_the_host() {
    let mut machine = machine(FILL, Config { clock: ClockMode::Real, ..config() });
    let ms = 1_000_000;
    let mut now = 0;
    for _ in 0..100 {
        machine.run(now, 4 * ms);
        // The host says that each slice took 5 ms: the machine learns to do less, and keeps up.
        machine.slice_took(5 * ms);
        now += 5 * ms;
        let at = machine.virtual_ns();
        assert!(at <= now + 4 * ms && at + 9 * ms >= now, "{at} at {now}");
    }
}

#[test]
fn an_idle_guest_waits_for_its_timer_in_real_time() {
    // The timer at 18.2 Hz, interrupts on, but the controller keeps its mask: only time passes.
    let code = [
        0xB0, 0xFF, 0xE6, 0x21, 0xFB, 0xB0, 0x34, 0xE6, 0x43, 0xB0, 0, 0xE6, 0x40, 0xE6, 0x40, 0xF4, 0xEB,
        0xFD,
    ];
    let mut machine = machine(&code, Config { clock: ClockMode::Real, ..config() });
    let ms = 1_000_000;
    assert_eq!(machine.run(0, 4 * ms), Outcome::Idle);
    let idle = machine.idle_ns();
    assert!((40 * ms..56 * ms).contains(&idle), "{idle}");
    assert_eq!(machine.run(idle, 4 * ms), Outcome::Idle);
}

#[test]
fn keys_reach_a_guest() {
    // Waits until the 8042 has a byte and exits with it: in al, 64h; test al, 1; jz; in al, 60h; out F4h, al
    let code = [0xE4, 0x64, 0xA8, 0x01, 0x74, 0xFA, 0xE4, 0x60, 0xE6, 0xF4];
    let mut machine = machine(&code, config());
    machine.key(host::KeyCode::KeyA, true);
    assert_eq!(run(&mut machine), Outcome::Exit(0x1E));
}

/// A guest that sleeps until a key moves, with the real clock, and its host, whose slices last 4 ms or as long as the guest sleeps.
struct Typing {
    machine: Machine,
    now: u64,
}

impl Typing {
    fn new() -> Self {
        let mut typing =
            Self { machine: machine(KEYS, Config { clock: ClockMode::Real, ..config() }), now: 0 };
        typing.run_for(50);
        typing
    }

    fn run_for(&mut self, ms: u64) {
        let end = self.now + ms * 1_000_000;
        while self.now < end {
            let slept = self.machine.run(self.now, 4_000_000) == Outcome::Idle;
            let took = if slept { self.machine.idle_ns() } else { 4_000_000 };
            self.now = (self.now + took.max(10_000)).min(end);
        }
    }

    /// Presses a key (or holds one still), and lets it go after so much time; what the keyboard sent.
    fn hold(&mut self, ms: u64) -> Vec<u8> {
        self.machine.key(host::KeyCode::KeyA, true);
        self.run_for(ms);
        self.machine.key(host::KeyCode::KeyA, false);
        self.run_for(20);
        self.machine.debug_output()
    }
}

#[test]
fn a_key_repeats_while_it_is_held() {
    // After 500 ms, then every 91.7 ms.
    let said = Typing::new().hold(1000);
    assert_eq!(said, [0x1E, 0x1E, 0x1E, 0x1E, 0x1E, 0x1E, 0x1E, 0x9E]);
}

#[test]
fn a_tap_is_no_repeat_though_the_guest_has_long_been_asleep() {
    let mut typing = Typing::new();
    typing.run_for(900);
    assert_eq!(typing.hold(40), [0x1E, 0x9E]);
}

#[test]
fn a_tap_is_no_repeat_though_the_host_stands_still_before_it_hears_of_the_release() {
    let mut typing = Typing::new();
    typing.machine.key(host::KeyCode::KeyA, true);
    for _ in 0..3 {
        typing.now += 900_000_000;
        typing.run_for(4);
    }
    assert_eq!(typing.hold(40), [0x1E, 0x9E]);
}

#[test]
fn the_screen_shows_what_is_written_to_b8000() {
    let mut machine = machine(&[0x66, 0xC7, 0x05, 0, 0x80, 0x0B, 0, 0x50, 0x1F, 0xF4], config());
    run(&mut machine);
    assert!(machine.screen_text().starts_with("P\n"));
    assert!(machine.frame());
    assert!(!machine.frame());
    assert_eq!(
        machine.screen().rgba().len() as u32,
        4 * machine.screen().width() * machine.screen().height()
    );
}

#[test]
fn the_time_of_day_is_as_asked_for() {
    // Exits with the clock's year: mov al, 9; out 70h, al; in al, 71h; out F4h, al
    let mut machine = machine(&[0xB0, 9, 0xE6, 0x70, 0xE4, 0x71, 0xE6, 0xF4], config());
    assert_eq!(run(&mut machine), Outcome::Exit(0x26));
}

#[test]
fn an_idle_guest_of_the_counted_clock_gets_its_turn_at_fixed_times() {
    // Halts, with interrupts on and none to come; then the same with the timer at 18.2 Hz, which the mask keeps away.
    let timer = [0xB0, 0xFF, 0xE6, 0x21, 0xFB, 0xB0, 0x34, 0xE6, 0x43, 0xB0, 0, 0xE6, 0x40, 0xE6, 0x40, 0xF4];
    for (code, outcome) in [(&[0xFB, 0xF4, 0xEB, 0xFD][..], Outcome::Idle), (&timer[..], Outcome::Time)] {
        let mut machine = machine(code, config());
        for n in 1..10 {
            assert_eq!(machine.run(0, 1), outcome);
            assert_eq!(machine.virtual_ns(), n * IDLE_QUANTUM);
        }
    }
}
