//! VBE modes as a guest sets, fills and sees them.

use super::modes::{self, MODE_13, color};
use super::*;
use host::entropy::Seeded;
use vbe::Register;

const MEMORY: usize = 16 << 20;

fn vbe_out(vga: &mut Vga, register: Register, value: u16) {
    PortIo::write(vga, VBE, 0, Width::Word, register.0.into()).unwrap();
    PortIo::write(vga, VBE, 1, Width::Word, value.into()).unwrap();
}

fn vbe_in(vga: &mut Vga, register: Register) -> u16 {
    PortIo::write(vga, VBE, 0, Width::Word, register.0.into()).unwrap();
    PortIo::read(vga, VBE, 1, Width::Word).unwrap() as u16
}

fn set(vga: &mut Vga, [width, height, bpp]: [u16; 3], flags: u16) {
    vbe_out(vga, Register::ENABLE, 0);
    vbe_out(vga, Register::XRES, width);
    vbe_out(vga, Register::YRES, height);
    vbe_out(vga, Register::BPP, bpp);
    vbe_out(vga, Register::ENABLE, flags);
}

/// An adapter that a VGA BIOS has set up before.
fn ready() -> (ClockControl, Vga) {
    let (time, mut vga) = mode_3();
    modes::set(&mut vga, &MODE_13);
    (time, vga)
}

fn poke(vga: &mut Vga, offset: u64, value: u32) {
    Mmio::write(vga, FRAME_BUFFER, offset, Width::Dword, value).unwrap();
}

#[test]
fn depths() {
    // Depth, a value of a pixel, its bytes, what it looks like.
    let all = [
        (8, 0xC7, 1u32, color(0xC7)),
        (15, 0x7C1F, 2, 0xFFFF_00FF),
        (15, 0x0210, 2, 0xFF84_8400),
        (16, 0xF81F, 2, 0xFFFF_00FF),
        (16, 0x0400, 2, 0xFF00_8200),
        (24, 0x12_3456, 3, 0xFF56_3412),
        (32, 0xAB12_3456, 4, 0xFF56_3412),
    ];
    for (bpp, value, bytes, expected) in all {
        let (_, mut vga) = ready();
        set(&mut vga, [800, 600, bpp], 0x41);
        for n in 0..bytes {
            let offset = (599 * 800 + 799) * u64::from(bytes) + u64::from(n);
            Mmio::write(&mut vga, FRAME_BUFFER, offset, Width::Byte, value >> (8 * n) & 0xFF).unwrap();
        }
        let mut pixels = Vec::new();
        assert_eq!(vga.render(&mut pixels), (800, 600));
        assert_eq!(pixels[800 * 600 - 1], expected, "{bpp} bits, {value:X}h");
        assert!(pixels[..800 * 600 - 1].iter().all(|pixel| *pixel == color(0) | 0xFF00_0000));
    }
}

#[test]
fn sixteen_colors_lie_in_planes() {
    let (_, mut vga) = ready();
    // As a BIOS does: the palette of mode 12h stays.
    modes::set(&mut vga, &modes::MODE_12);
    set(&mut vga, [1024, 768, 4], 1);
    // The last line is in the second bank of 64 KB.
    let at: u64 = 767 * 128 + 127;
    vbe_out(&mut vga, Register::BANK, (at >> 16) as u16);
    port_out(&mut vga, VGA, 4, 2);
    port_out(&mut vga, VGA, 5, 0b1001);
    Mmio::write(&mut vga, WINDOW, at & 0xFFFF, Width::Byte, 0b11).unwrap();
    assert_eq!(Mmio::read(&mut vga, WINDOW, at & 0xFFFF, Width::Byte), Ok(0b11));
    let mut pixels = Vec::new();
    assert_eq!(vga.render(&mut pixels), (1024, 768));
    assert_eq!(pixels[1024 * 768 - 3..], [color(0), color(0x39), color(0x39)]);
    assert_eq!(vbe_in(&mut vga, Register::VIRT_WIDTH), 1024);
}

#[test]
fn the_window_shows_a_bank_of_the_frame_buffer() {
    let (_, mut vga) = ready();
    set(&mut vga, [640, 480, 32], 0x41);
    vbe_out(&mut vga, Register::BANK, 18);
    Mmio::write(&mut vga, WINDOW, 0x1234, Width::Dword, 0x00AB_CDEF).unwrap();
    assert_eq!(Mmio::read(&mut vga, FRAME_BUFFER, 18 << 16 | 0x1234, Width::Dword), Ok(0x00AB_CDEF));
    assert_eq!(Mmio::read(&mut vga, WINDOW, 0x1_8000, Width::Byte), Err(IoError::NoRegister));
    let end = MEMORY as u64;
    assert_eq!(Mmio::read(&mut vga, FRAME_BUFFER, end - 1, Width::Word), Err(IoError::NoRegister));
    assert_eq!(Mmio::write(&mut vga, FRAME_BUFFER, u64::MAX, Width::Word, 0), Err(IoError::NoRegister));
    vbe_out(&mut vga, Register::ENABLE, 0);
    Mmio::write(&mut vga, WINDOW, 0, Width::Byte, 7).unwrap();
    assert_eq!(Mmio::read(&mut vga, FRAME_BUFFER, 0, Width::Byte), Ok(7), "the planes come first");
}

#[test]
fn the_picture_moves_in_a_larger_one() {
    let (_, mut vga) = ready();
    set(&mut vga, [320, 200, 32], 0x41);
    vbe_out(&mut vga, Register::VIRT_WIDTH, 640);
    poke(&mut vga, (10 * 640 + 20) * 4, 0x00FF_0000);
    let red = |vga: &Vga| {
        let mut pixels = Vec::new();
        vga.render(&mut pixels);
        pixels.iter().position(|pixel| *pixel == 0xFF00_00FF)
    };
    assert_eq!(red(&vga), Some(10 * 320 + 20));
    vbe_out(&mut vga, Register::X_OFFSET, 20);
    vbe_out(&mut vga, Register::Y_OFFSET, 7);
    assert_eq!(red(&vga), Some(3 * 320));
    vbe_out(&mut vga, Register::X_OFFSET, 21);
    assert_eq!(red(&vga), None);
}

#[test]
fn setting_a_mode_clears_or_keeps_memory() {
    let (_, mut vga) = ready();
    poke(&mut vga, 4 * (64 * 64 - 1), 0x55);
    poke(&mut vga, 4 * 64 * 64, 0x66);
    let read = |vga: &mut Vga, offset| Mmio::read(vga, FRAME_BUFFER, offset, Width::Dword).unwrap();
    set(&mut vga, [64, 64, 32], 0xC1);
    assert_eq!(read(&mut vga, 4 * (64 * 64 - 1)), 0x55);
    set(&mut vga, [64, 64, 32], 0x41);
    assert_eq!((read(&mut vga, 4 * (64 * 64 - 1)), read(&mut vga, 4 * 64 * 64)), (0, 0x66));
    // Not a whole number of pages.
    poke(&mut vga, 8 * 8 - 4, 0x77);
    poke(&mut vga, 8 * 8, 0x88);
    set(&mut vga, [8, 8, 8], 1);
    assert_eq!((read(&mut vga, 8 * 8 - 4), read(&mut vga, 8 * 8)), (0, 0x88));
}

#[test]
fn the_dac_can_have_eight_bits() {
    let (_, mut vga) = ready();
    set(&mut vga, [64, 64, 8], 0x61);
    poke(&mut vga, 0, 0x02_01);
    port_out(&mut vga, VGA, 8, 1);
    for value in [0x81, 0x02, 0xFF] {
        port_out(&mut vga, VGA, 9, value);
    }
    let mut pixels = Vec::new();
    vga.render(&mut pixels);
    assert_eq!(pixels[..2], [0xFFFF_0281, color(2)], "other colors are as before");
    vbe_out(&mut vga, Register::ENABLE, 0);
    port_out(&mut vga, VGA, 7, 1);
    assert_eq!(port_in(&mut vga, VGA, 9), 0x20);
}

#[test]
fn registers_are_words_at_three_places() {
    let (_, mut vga) = ready();
    assert_eq!(vbe_in(&mut vga, Register::ID), 0xB0C5);
    assert_eq!(PortIo::read(&mut vga, VBE, 2, Width::Word), Ok(0xB0C5));
    assert_eq!(Mmio::read(&mut vga, REGISTERS_BLOCK, 0x500, Width::Word), Ok(0xB0C5));
    assert_eq!(PortIo::read(&mut vga, VBE, 1, Width::Byte), Err(IoError::NoRegister));
    Mmio::write(&mut vga, REGISTERS_BLOCK, 0x502, Width::Word, 1024).unwrap();
    assert_eq!(vbe_in(&mut vga, Register::XRES), 1024);
    assert_eq!(Mmio::read(&mut vga, REGISTERS_BLOCK, 0x514, Width::Word), Ok(256));
    assert_eq!(Mmio::read(&mut vga, REGISTERS_BLOCK, 0x516, Width::Word), Err(IoError::NoRegister));
    // VGA's ports: blanking through the attribute controller, as a driver without ports does.
    assert_eq!(Mmio::read(&mut vga, REGISTERS_BLOCK, 0x41A, Width::Byte).map(|status| status & 0xF6), Ok(0));
    Mmio::write(&mut vga, REGISTERS_BLOCK, 0x400, Width::Byte, 0).unwrap();
    assert!(!vga.attribute.address.display_enable());
    assert_eq!(Mmio::write(&mut vga, REGISTERS_BLOCK, 0x404, Width::Word, 0), Err(IoError::BadWidth));
}

#[test]
fn leaving_vbe_shows_vga_again() {
    let (_, mut vga) = mode_3();
    set(&mut vga, [640, 480, 16], 0x41);
    assert!(!vga.is_text() && vga.screen_text().is_empty());
    let mut pixels = Vec::new();
    assert_eq!(vga.render(&mut pixels), (640, 480));
    vbe_out(&mut vga, Register::ENABLE, 0);
    assert_eq!(vga.render(&mut pixels), (720, 400));
    assert!(vga.is_text());
}

#[test]
fn pieces_add_up_to_the_picture() {
    let mut random = Seeded::new(8);
    for bpp in [4, 8, 15, 16, 24, 32] {
        let (_, mut vga) = ready();
        set(&mut vga, [408, 300, bpp], 0x41);
        let screen = display::Memory::new();
        for _ in 0..40 {
            for _ in 0..random.next_u64() % 5 {
                let word = random.next_u64();
                poke(&mut vga, word % 500_000, (word >> 32) as u32);
            }
            let word = random.next_u64();
            match word % 8 {
                0 => vbe_out(&mut vga, Register::Y_OFFSET, (word >> 8) as u16 % 64),
                1 => vbe_out(&mut vga, Register::X_OFFSET, (word >> 8) as u16 % 64),
                2 => vbe_out(&mut vga, Register::VIRT_WIDTH, (word >> 8) as u16),
                3 => port_out(&mut vga, VGA, 6, (word >> 8) as u8),
                _ => {}
            }
            vga.show(&mut screen.clone());
            let mut pixels = Vec::new();
            vga.render(&mut pixels);
            assert!(screen.screen().pixels == pixels, "{bpp} bits");
        }
    }
}

#[test]
fn only_lines_in_changed_memory_are_sent() {
    let (_, mut vga) = ready();
    set(&mut vga, [1024, 768, 32], 0x41);
    let mut display = display::Recording::new(display::Null);
    vga.show(&mut display);
    drop(display.tape().take());
    poke(&mut vga, 4096 * 500 + 12, 0x123);
    assert!(vga.show(&mut display));
    let dirty = vec![Rect { x: 0, y: 500, width: 1024, height: 1 }];
    assert_eq!(display.tape().take(), [display::Shown::Pixels { width: 1024, height: 768, dirty }]);
    poke(&mut vga, 4096 * 800, 0x123);
    assert!(!vga.show(&mut display), "beyond the picture");
}

#[test]
fn all_of_memory_is_saved() {
    let (_, mut vga) = ready();
    set(&mut vga, [2560, 1600, 32], 0x61);
    poke(&mut vga, MEMORY as u64 - 4, 0x0102_0304);
    let bytes = vga.save();
    assert!(bytes.len() < 16384, "{}: pages of zeros are left out", bytes.len());
    let (_, mut other) = mode_3();
    let (_, version) = vga.saved_as();
    other.restore(Saved { version, bytes: &bytes }).unwrap();
    assert!(other.save() == bytes);
    assert_eq!(Mmio::read(&mut other, FRAME_BUFFER, MEMORY as u64 - 4, Width::Dword), Ok(0x0102_0304));
    let mut pixels = Vec::new();
    assert_eq!(other.render(&mut pixels), (2560, 1600));
    let mut small = Vga::with_memory(ClockControl::new().clock(), Box::new(OwnMemory::new(1 << 20)));
    assert!(small.restore(Saved { version, bytes: &bytes }).is_err(), "memory of another size");
}
