//! The controller as drivers use it.

use super::*;
use crate::testing::{Bench, shake};
use bus::{ClockControl, Lines};

const DATA: usize = 0;
const COMMAND: usize = 1;
const KEYBOARD_IRQ: u64 = 1;
const MOUSE_IRQ: u64 = 2;
const RESET: u64 = 4;
const A20: u64 = 8;
const MS: u64 = 1_000_000;

fn make(control: &ClockControl, lines: &Lines) -> I8042 {
    let wires =
        Wires { keyboard: lines.line(0), mouse: lines.line(1), reset: lines.line(2), a20: lines.line(3) };
    I8042::new(wires, control.clock())
}

fn bench() -> Bench<I8042> {
    Bench::new(make)
}

/// Command byte: both interrupts on, with or without translation.
fn ready(translate: bool) -> Bench<I8042> {
    let mut bench = bench();
    command(&mut bench, 0x60);
    bench.write(DATA, 0, if translate { 0x47 } else { 0x07 });
    bench
}

fn command(bench: &mut Bench<I8042>, value: u8) {
    bench.write(COMMAND, 0, value);
}

/// Reads all that comes within 20 ms of silence; `aux` says from whom it must be.
fn drain(bench: &mut Bench<I8042>, aux: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        bench.run(20 * MS);
        let status = Status::from_bits(bench.read(COMMAND, 0));
        if !status.obf() {
            return bytes;
        }
        assert_eq!(status.aux(), aux);
        bytes.push(bench.read(DATA, 0));
    }
}

fn ask(bench: &mut Bench<I8042>, value: u8) -> Vec<u8> {
    command(bench, value);
    drain(bench, false)
}

fn keyboard(bench: &mut Bench<I8042>, bytes: &[u8]) -> Vec<u8> {
    let mut replies = Vec::new();
    for &byte in bytes {
        bench.write(DATA, 0, byte);
        replies.extend(drain(bench, false));
    }
    replies
}

fn mouse(bench: &mut Bench<I8042>, bytes: &[u8]) -> Vec<u8> {
    let mut replies = Vec::new();
    for &byte in bytes {
        command(bench, 0xD4);
        bench.write(DATA, 0, byte);
        replies.extend(drain(bench, true));
    }
    replies
}

/// Presses and releases a key.
fn tap(bench: &mut Bench<I8042>, code: KeyCode) -> Vec<u8> {
    bench.device.key(code, true);
    bench.device.key(code, false);
    drain(bench, false)
}

#[test]
fn the_controller_answers_its_commands() {
    let mut bench = bench();
    assert_eq!(ask(&mut bench, 0xAA), [0x55]);
    assert_eq!(ask(&mut bench, 0xAB), [0]);
    assert_eq!(ask(&mut bench, 0xA9), [0]);
    assert_eq!(ask(&mut bench, 0xA4), [0xF1]);
    assert_eq!(ask(&mut bench, 0x20), [0x44]);
    assert_eq!(ask(&mut bench, 0xC0), [0xA0]);
    assert_eq!(ask(&mut bench, 0xA7), []);
    assert_eq!(ask(&mut bench, 0xAD), []);
    assert_eq!(ask(&mut bench, 0x20), [0x74]);
    assert_eq!(ask(&mut bench, 0xA8), []);
    assert_eq!(ask(&mut bench, 0xAE), []);
    assert_eq!(ask(&mut bench, 0x20), [0x44]);
    command(&mut bench, 0x6A);
    bench.write(DATA, 0, 0x99);
    assert_eq!(ask(&mut bench, 0x2A), [0x99]);
}

#[test]
fn an_answer_takes_its_time() {
    let mut bench = ready(true);
    command(&mut bench, 0xAA);
    assert_eq!(bench.read(COMMAND, 0) & 1, 0);
    assert_eq!(bench.lines.levels(), A20);
    assert_eq!(bench.run(11_000), 1);
    assert_eq!(bench.read(COMMAND, 0) & 1, 1);
    assert_eq!(bench.lines.levels(), A20 | KEYBOARD_IRQ);
    assert_eq!(bench.read(DATA, 0), 0x55);
    assert_eq!(bench.lines.levels(), A20);
}

#[test]
fn a20_and_reset_are_wires() {
    let mut bench = bench();
    assert_eq!(ask(&mut bench, 0xD0)[0] & 3, 3);
    command(&mut bench, 0xD1);
    bench.write(DATA, 0, 0xDD);
    assert_eq!(bench.lines.levels() & A20, 0);
    assert_eq!(ask(&mut bench, 0xD0)[0] & 3, 1);
    command(&mut bench, 0xDF);
    assert_eq!(bench.lines.levels() & A20, A20);
    command(&mut bench, 0xFF);
    assert_eq!(bench.lines.take_rose() & RESET, 0);
    command(&mut bench, 0xFE);
    assert_eq!(bench.lines.take_rose() & RESET, RESET);
    assert_eq!(bench.lines.levels() & RESET, 0);
}

#[test]
fn bytes_can_be_put_into_the_buffer() {
    let mut bench = ready(true);
    command(&mut bench, 0xD3);
    bench.write(DATA, 0, 0x5A);
    assert_eq!(bench.lines.levels(), A20 | MOUSE_IRQ);
    assert_eq!(drain(&mut bench, true), [0x5A]);
    command(&mut bench, 0xD2);
    bench.write(DATA, 0, 0xA5);
    assert_eq!(bench.lines.levels(), A20 | KEYBOARD_IRQ);
    assert_eq!(drain(&mut bench, false), [0xA5]);
}

#[test]
fn the_keyboard_answers_its_commands() {
    let mut bench = ready(false);
    assert_eq!(keyboard(&mut bench, &[0xFF]), [0xFA, 0xAA]);
    assert_eq!(keyboard(&mut bench, &[0xF2]), [0xFA, 0xAB, 0x83]);
    assert_eq!(keyboard(&mut bench, &[0xEE]), [0xEE]);
    assert_eq!(keyboard(&mut bench, &[0xFE]), [0xEE]);
    assert_eq!(keyboard(&mut bench, &[0xED, 0x02]), [0xFA, 0xFA]);
    assert_eq!(bench.device.leds(), Leds { num_lock: true, ..Leds::default() });
    assert_eq!(keyboard(&mut bench, &[0xF0, 0]), [0xFA, 0xFA, 2]);
    assert_eq!(keyboard(&mut bench, &[0x42]), [0xFE]);
    // A command in place of a parameter is a command.
    assert_eq!(keyboard(&mut bench, &[0xED, 0xF4]), [0xFA, 0xFA]);
    let mut translated = ready(true);
    assert_eq!(keyboard(&mut translated, &[0xF2]), [0xFA, 0xAB, 0x41]);
}

#[test]
fn keys_come_in_the_chosen_set() {
    let mut bench = ready(true);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1E, 0x9E]);
    assert_eq!(tap(&mut bench, KeyCode::ArrowUp), [0xE0, 0x48, 0xE0, 0xC8]);
    assert_eq!(tap(&mut bench, KeyCode::Pause), [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5]);
    let mut bench = ready(false);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1C, 0xF0, 0x1C]);
    keyboard(&mut bench, &[0xF0, 1]);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1E, 0x9E]);
    keyboard(&mut bench, &[0xF0, 3]);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1C]);
    assert_eq!(tap(&mut bench, KeyCode::ShiftLeft), [0x12, 0xF0, 0x12]);
    keyboard(&mut bench, &[0xFC, 0x1C, 0x32, 0xF4]);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1C, 0xF0, 0x1C]);
    keyboard(&mut bench, &[0xF9]);
    assert_eq!(tap(&mut bench, KeyCode::KeyA), [0x1C]);
}

#[test]
fn a_held_key_repeats_until_it_is_released() {
    let mut bench = ready(true);
    keyboard(&mut bench, &[0xF3, 0x00]); // 250 ms, then every 33.36 ms
    bench.device.key(KeyCode::ShiftLeft, true);
    bench.device.key(KeyCode::KeyB, true);
    bench.device.key(KeyCode::KeyB, true);
    assert_eq!(drain(&mut bench, false), [0x2A, 0x30]);
    let mut repeats = 0;
    for _ in 0..1000 {
        bench.run(MS);
        if bench.read(COMMAND, 0) & 1 != 0 {
            assert_eq!(bench.read(DATA, 0), 0x30);
            repeats += 1;
        }
    }
    assert!((23..=25).contains(&repeats), "{repeats}");
    bench.device.key(KeyCode::KeyB, false);
    assert_eq!(drain(&mut bench, false), [0xB0]);
    assert_eq!(bench.device.deadline(), None);
}

#[test]
fn fast_typing_loses_nothing() {
    let mut bench = ready(true);
    let mut expected = Vec::new();
    for n in 0..400 {
        let (code, set_1) = [(KeyCode::KeyA, 0x1E), (KeyCode::KeyS, 0x1F)][n % 2];
        assert!(bench.device.key(code, true) && bench.device.key(code, false) || n >= 256);
        expected.extend([set_1, set_1 | 0x80]);
    }
    let got = drain(&mut bench, false);
    assert!(got.len() >= 512 && got.len().is_multiple_of(2), "no key is left hanging");
    assert_eq!(got, expected[..got.len()]);
}

#[test]
fn a_disabled_keyboard_waits_and_one_not_scanning_is_silent() {
    let mut bench = ready(true);
    command(&mut bench, 0xAD);
    assert_eq!(tap(&mut bench, KeyCode::KeyQ), []);
    command(&mut bench, 0xAE);
    assert_eq!(drain(&mut bench, false), [0x10, 0x90]);
    keyboard(&mut bench, &[0xF5]);
    assert_eq!(tap(&mut bench, KeyCode::KeyQ), []);
    keyboard(&mut bench, &[0xF4]);
    assert_eq!(tap(&mut bench, KeyCode::KeyQ), [0x10, 0x90]);
}

#[test]
fn the_mouse_answers_its_commands() {
    let mut bench = ready(true);
    assert_eq!(mouse(&mut bench, &[0xFF]), [0xFA, 0xAA, 0x00]);
    assert_eq!(mouse(&mut bench, &[0xF2]), [0xFA, 0x00]);
    assert_eq!(mouse(&mut bench, &[0xE8, 3, 0xF3, 60, 0xE7, 0xF4]), [0xFA; 6]);
    assert_eq!(mouse(&mut bench, &[0xE9]), [0xFA, 0x30, 3, 60]);
    assert_eq!(mouse(&mut bench, &[0xEE, 0x12, 0xEC]), [0xFA, 0x12, 0xFA]);
    assert_eq!(mouse(&mut bench, &[0x12, 0xE1]), [0xFE, 0xFE]);
    assert_eq!(mouse(&mut bench, &[0xF6, 0xE9]), [0xFA, 0xFA, 0x00, 2, 100]);
}

#[test]
fn movement_adds_up_to_reports() {
    let mut bench = ready(true);
    bench.device.mouse(9, 9, 0, MouseButtons::NONE);
    assert_eq!(drain(&mut bench, true), [], "not enabled");
    mouse(&mut bench, &[0xF4]);
    bench.device.mouse(5, 3, 0, MouseButtons::NONE);
    assert_eq!(drain(&mut bench, true), [0x28, 5, 0xFD]);
    bench.device.mouse(-300, -2, 0, MouseButtons::LEFT);
    assert_eq!(drain(&mut bench, true), [0x19, 0x01, 2, 0x19, 0xD3, 0]);
    // A click while no report can go is not lost.
    bench.device.mouse(1, 0, 0, MouseButtons::LEFT);
    bench.device.mouse(0, 0, 0, MouseButtons::NONE);
    bench.device.mouse(0, 0, 0, MouseButtons::RIGHT);
    bench.device.mouse(0, 0, 0, MouseButtons::NONE);
    let buttons: Vec<_> = drain(&mut bench, true).chunks(3).map(|report| report[0]).collect();
    assert_eq!(buttons, [0x09, 0x08, 0x0A, 0x08]);
}

#[test]
fn reports_keep_to_the_sample_rate() {
    let mut bench = ready(true);
    mouse(&mut bench, &[0xF3, 20, 0xF4]);
    let mut bytes = 0;
    for _ in 0..1000 {
        bench.device.mouse(1, 0, 0, MouseButtons::NONE);
        bench.run(MS);
        if bench.read(COMMAND, 0) & 1 != 0 {
            bench.read(DATA, 0);
            bytes += 1;
        }
    }
    assert!((57..=60).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_knock_opens_wheel_and_five_buttons() {
    let mut bench = ready(true);
    mouse(&mut bench, &[0xF3, 200, 0xF3, 100, 0xF3, 80]);
    assert_eq!(mouse(&mut bench, &[0xF2]), [0xFA, 3]);
    mouse(&mut bench, &[0xF4]);
    bench.device.mouse(0, 0, 9, MouseButtons::NONE);
    assert_eq!(drain(&mut bench, true), [0x08, 0, 0, 7, 0x08, 0, 0, 2]);
    bench.device.mouse(0, 0, -1, MouseButtons::NONE);
    assert_eq!(drain(&mut bench, true), [0x08, 0, 0, 0xFF]);
    mouse(&mut bench, &[0xF3, 200, 0xF3, 200, 0xF3, 80]);
    assert_eq!(mouse(&mut bench, &[0xF2]), [0xFA, 4]);
    bench.device.mouse(0, 0, -1, MouseButtons::BACK);
    assert_eq!(drain(&mut bench, true), [0x08, 0, 0, 0x1F]);
    mouse(&mut bench, &[0xFF]);
    assert_eq!(mouse(&mut bench, &[0xF2]), [0xFA, 0]);
}

#[test]
fn in_remote_mode_the_guest_asks() {
    let mut bench = ready(true);
    mouse(&mut bench, &[0xF0, 0xF4]);
    bench.device.mouse(4, 0, 0, MouseButtons::NONE);
    assert_eq!(drain(&mut bench, true), []);
    assert_eq!(mouse(&mut bench, &[0xEB]), [0xFA, 0x08, 4, 0]);
    assert_eq!(mouse(&mut bench, &[0xEB]), [0xFA, 0x08, 0, 0]);
}

#[test]
fn survives_anything() {
    shake(make, |controller, random| {
        let what = random.next_u64();
        if what & 1 == 0 {
            if let Some(code) = KeyCode::from_number((what >> 8) as u8) {
                controller.key(code, what & 2 != 0);
            }
        } else {
            let part = |shift: u32| (what >> shift) as u32 as i32 >> (what >> 1 & 31);
            controller.mouse(part(8), part(16), part(24), MouseButtons((what >> 56) as u8));
        }
    });
}
