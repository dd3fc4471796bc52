//! The adapter as a guest and as a display see it.

mod extended;
mod graphics;
mod modes;
mod pci;
mod window;

use super::*;
use crate::testing::shake;
use bus::{ClockControl, Saved, Snapshot, Time};
use host::display::{self, Rect};

fn mode_3() -> (ClockControl, Vga) {
    let time = ClockControl::new();
    let mut vga = Vga::new(time.clock());
    vga.set_text_mode_3();
    (time, vga)
}

fn port_in(vga: &mut Vga, region: usize, offset: u16) -> u8 {
    PortIo::read(vga, region, offset, Width::Byte).unwrap() as u8
}

fn port_out(vga: &mut Vga, region: usize, offset: u16, value: u8) {
    PortIo::write(vga, region, offset, Width::Byte, u32::from(value)).unwrap();
}

fn crtc_out(vga: &mut Vga, index: u8, value: u8) {
    port_out(vga, COLOR, 4, index);
    port_out(vga, COLOR, 5, value);
}

/// Writes characters as a guest does, words at B8000h.
fn print(vga: &mut Vga, cell: u64, attribute: u8, text: &[u8]) {
    for (n, code) in (0u64..).zip(text) {
        let word = u32::from(*code) | u32::from(attribute) << 8;
        Mmio::write(vga, WINDOW, 0x1_8000 + 2 * (cell + n), Width::Word, word).unwrap();
    }
}

#[test]
fn what_is_written_at_b8000_can_be_read_on_the_screen() {
    let (_, mut vga) = mode_3();
    print(&mut vga, 0, 7, b"Hello,");
    print(&mut vga, 80 * 24 + 75, 7, b"\xE4 end");
    let text = vga.screen_text();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 25);
    assert_eq!(rows[0], "Hello,");
    assert_eq!(rows[24].trim_start(), "Σ end");
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_8000, Width::Dword), Ok(0x0765_0748));
}

#[test]
fn start_address_scrolls_and_cursor_is_found() {
    let (time, mut vga) = mode_3();
    print(&mut vga, 80, 7, b"second");
    crtc_out(&mut vga, 0x0D, 80);
    crtc_out(&mut vga, 0x0F, 80 + 3);
    assert!(vga.screen_text().starts_with("second\n"));
    let screen = display::Memory::new();
    assert!(vga.show(&mut screen.clone()));
    assert_eq!(screen.screen().cursor, Some(display::Cursor { column: 3, row: 1 }));
    time.advance_to(Time(vga.timing().frame_ns));
    assert!(vga.show(&mut screen.clone()), "with the retrace the start address counts");
    assert_eq!(screen.screen().cursor, Some(display::Cursor { column: 3, row: 0 }));
    crtc_out(&mut vga, 0x0A, 0x2D);
    assert!(vga.show(&mut screen.clone()));
    assert_eq!(screen.screen().cursor, None);
}

#[test]
fn pixels_are_the_font_in_the_colors_of_the_attribute() {
    let (_, mut vga) = mode_3();
    crtc_out(&mut vga, 0x0A, 0x20);
    print(&mut vga, 1, 0x1E, b"\xDB\xC4A");
    let mut pixels = Vec::new();
    assert_eq!(vga.render(&mut pixels), (720, 400));
    let (yellow, blue, black) = (0xFF55_FFFF, 0xFFAA_0000, 0xFF00_0000);
    let row = |y: usize, column: usize| &pixels[y * 720 + column * 9..y * 720 + column * 9 + 9];
    assert_eq!(row(0, 0), [black; 9]);
    assert_eq!(row(0, 1), [yellow; 9], "the ninth dot of a block repeats the eighth");
    assert_eq!(row(7, 2), [yellow; 9], "a line runs through");
    assert_eq!(row(8, 2), [blue; 9]);
    let expected: Vec<u32> = "#.....#..".chars().map(|dot| if dot == '#' { yellow } else { blue }).collect();
    assert_eq!(row(6, 3), expected);
}

#[test]
fn cursor_and_characters_blink_with_the_frames() {
    let (time, mut vga) = mode_3();
    print(&mut vga, 5, 0x87, b"x");
    let mut display = display::Recording::new(display::Null);
    assert!(vga.show(&mut display));
    assert!(!vga.show(&mut display), "nothing has changed");
    let frame = vga.timing().frame_ns;
    let lit = |vga: &Vga| {
        let mut pixels = Vec::new();
        vga.render(&mut pixels);
        pixels.iter().filter(|pixel| **pixel != 0xFF00_0000).count()
    };
    let (both, cursor) = (lit(&vga), 2 * 9);
    time.advance_to(Time(8 * frame));
    assert_eq!(lit(&vga), both - cursor);
    drop(display.tape().take());
    assert!(vga.show(&mut display));
    let dirty = vec![Rect { x: 0, y: 13, width: 720, height: 2 }];
    assert_eq!(display.tape().take(), [display::Shown::Pixels { width: 720, height: 400, dirty }]);
    time.advance_to(Time(16 * frame));
    assert_eq!(lit(&vga), cursor);
    // Without blinking, bit 7 is a bright background.
    port_in(&mut vga, COLOR, 0xA);
    port_out(&mut vga, VGA, 0, 0x30);
    port_out(&mut vga, VGA, 0, 0x04);
    assert!(lit(&vga) > both);
}

#[test]
fn underline_font_maps_and_panning_are_drawn() {
    let (_, mut vga) = mode_3();
    crtc_out(&mut vga, 0x0A, 0x20);
    crtc_out(&mut vga, 0x14, 0x0F);
    print(&mut vga, 0, 0x01, b" ");
    let mut pixels = Vec::new();
    vga.render(&mut pixels);
    assert_eq!(pixels[15 * 720..15 * 720 + 10], [[0xFFAA_0000; 9].as_slice(), &[0xFF00_0000]].concat());
    // A font at 4000h for characters with attribute bit 3 set.
    vga.memory.set(2, 0x4000 + 32 * 0x41, 0x80);
    port_out(&mut vga, VGA, 4, 3);
    port_out(&mut vga, VGA, 5, 0x04);
    print(&mut vga, 0, 0x0F, b"A");
    vga.render(&mut pixels);
    assert_eq!(pixels[..3], [0xFFFF_FFFF, 0xFF00_0000, 0xFF00_0000]);
    // Nine dots: panning 0 moves the picture by one.
    print(&mut vga, 1, 0x0F, b"A");
    port_in(&mut vga, COLOR, 0xA);
    port_out(&mut vga, VGA, 0, 0x33);
    port_out(&mut vga, VGA, 0, 0x00);
    vga.render(&mut pixels);
    assert_eq!(pixels[8], 0xFFFF_FFFF);
    assert_eq!(pixels.len(), 720 * 400);
}

#[test]
fn reading_status_resets_the_attribute_flip_flop() {
    let (_, mut vga) = mode_3();
    port_in(&mut vga, COLOR, 0xA);
    port_out(&mut vga, VGA, 0, 0x20 | 0x01);
    port_out(&mut vga, VGA, 0, 0x3A);
    assert_eq!(port_in(&mut vga, VGA, 1), 0x3A);
    port_out(&mut vga, VGA, 0, 0x22);
    port_in(&mut vga, COLOR, 0xA);
    port_out(&mut vga, VGA, 0, 0x21);
    assert_eq!(port_in(&mut vga, VGA, 0), 0x21);
    assert_eq!(port_in(&mut vga, VGA, 1), 0x3A);
}

#[test]
fn the_dac_counts_components_and_entries() {
    let (_, mut vga) = mode_3();
    port_out(&mut vga, VGA, 8, 0xFF);
    for value in [1, 2, 0xFF, 4, 5, 6] {
        port_out(&mut vga, VGA, 9, value);
    }
    assert_eq!(port_in(&mut vga, VGA, 8), 1);
    assert_eq!(port_in(&mut vga, VGA, 7), 0);
    port_out(&mut vga, VGA, 7, 0xFF);
    assert_eq!(port_in(&mut vga, VGA, 7), 3);
    let read: Vec<u8> = (0..6).map(|_| port_in(&mut vga, VGA, 9)).collect();
    assert_eq!(read, [1, 2, 0x3F, 4, 5, 6]);
}

#[test]
fn the_crtc_answers_where_miscellaneous_output_says() {
    let (_, mut vga) = mode_3();
    assert_eq!(PortIo::read(&mut vga, MONO, 4, Width::Byte), Err(IoError::NoRegister));
    let misc = port_in(&mut vga, VGA, 0xC);
    port_out(&mut vga, VGA, 2, misc & !1);
    assert_eq!(PortIo::read(&mut vga, COLOR, 4, Width::Byte), Err(IoError::NoRegister));
    assert_eq!(port_in(&mut vga, MONO, 4), 0);
    assert_eq!(PortIo::write(&mut vga, VGA, 4, Width::Word, 0x0F02), Err(IoError::BadWidth));
}

#[test]
fn memory_answers_only_when_enabled() {
    let time = ClockControl::new();
    let mut vga = Vga::new(time.clock());
    // The subsystem is on, but not its memory.
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_8000, Width::Byte), Err(IoError::NoRegister));
    vga.set_text_mode_3();
    port_out(&mut vga, VGA, 3, 0);
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_8000, Width::Byte), Err(IoError::NoRegister));
    port_out(&mut vga, VGA, 3, 1);
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_8000, Width::Word), Ok(0x0720));
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_FFFF, Width::Word), Ok(0xFF07));
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0, Width::Word), Err(IoError::NoRegister));
}

#[test]
fn leaving_text_mode_is_told() {
    let (_, mut vga) = mode_3();
    let screen = display::Memory::new();
    let mut display = screen.clone();
    print(&mut vga, 0, 7, b"text");
    vga.show(&mut display);
    assert_eq!(screen.screen().text[0], "text");
    port_out(&mut vga, VGA, 0xE, 6);
    port_out(&mut vga, VGA, 0xF, 0x05);
    assert!(vga.show(&mut display));
    assert!(screen.screen().text.is_empty() && vga.screen_text().is_empty());
    assert!(!vga.show(&mut display));
    vga.show_anew();
    assert!(vga.show(&mut display));
}

#[test]
fn a_restored_screen_is_the_same_screen() {
    let (_, mut vga) = mode_3();
    print(&mut vga, 3, 0x4F, b"saved");
    let (_, version) = vga.saved_as();
    let bytes = vga.save();
    let (_, mut other) = mode_3();
    other.restore(Saved { version, bytes: &bytes }).unwrap();
    assert_eq!(other.save(), bytes);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    assert_eq!(vga.render(&mut a), other.render(&mut b));
    assert_eq!(a, b);
    let len = bytes.len();
    assert!(other.restore(Saved { version, bytes: &bytes[..len - 1] }).is_err());
    assert!(other.restore(Saved { version: 1, bytes: &bytes }).is_err());
}

#[test]
fn memory_can_move() {
    let (_, mut vga) = mode_3();
    print(&mut vga, 0, 7, b"moved");
    assert!(!vga.move_memory(Box::new(OwnMemory::new(1 << 20))));
    assert!(vga.move_memory(Box::new(OwnMemory::new(frame_buffer::MAX_LEN))));
    assert!(vga.screen_text().starts_with("moved\n"));
}

#[test]
fn random_accesses_do_no_harm() {
    let make = |control: &ClockControl, _: &bus::Lines| {
        let mut vga = Vga::with_memory(control.clock(), Box::new(OwnMemory::new(512 << 10)));
        vga.set_text_mode_3();
        vga
    };
    shake(make, |vga, random| {
        if random.next_u64() % 64 == 0 {
            vga.show(&mut display::Null);
            drop(vga.screen_text());
        }
    });
}
