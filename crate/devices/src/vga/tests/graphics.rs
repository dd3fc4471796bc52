//! The picture of each graphics mode, drawn through the window, against what the mode's layout says.

use super::modes::{self, MODE_0D, MODE_0E, MODE_0F, MODE_04, MODE_06, MODE_10, MODE_11, MODE_12, MODE_13};
use super::modes::{MODE_X, MODE_X_360, color};
use super::*;
use host::entropy::Seeded;

struct Shot {
    size: (u32, u32),
    pixels: Vec<u32>,
}

impl Shot {
    fn of(vga: &Vga) -> Self {
        let mut pixels = Vec::new();
        let size = vga.render(&mut pixels);
        Self { size, pixels }
    }

    fn at(&self, x: u32, y: u32) -> u32 {
        self.pixels[(y * self.size.0 + x) as usize]
    }
}

fn in_mode(mode: &power_on::Mode) -> (ClockControl, Vga) {
    let time = ClockControl::new();
    let mut vga = Vga::with_memory(time.clock(), Box::new(OwnMemory::new(256 << 10)));
    modes::set(&mut vga, mode);
    (time, vga)
}

fn poke(vga: &mut Vga, offset: u64, value: u8) {
    Mmio::write(vga, WINDOW, offset, Width::Byte, value.into()).unwrap();
}

fn map_mask(vga: &mut Vga, mask: u8) {
    port_out(vga, VGA, 4, 2);
    port_out(vga, VGA, 5, mask);
}

fn attribute_out(vga: &mut Vga, index: u8, value: u8) {
    port_in(vga, COLOR, 0xA);
    port_out(vga, VGA, 0, 0x20 | index);
    port_out(vga, VGA, 0, value);
}

/// Sets a pixel in planes of `pitch` bytes a line.
fn plot_planar(vga: &mut Vga, pitch: u64, (x, y): (u64, u64), value: u8) {
    port_out(vga, VGA, 0xE, 8);
    port_out(vga, VGA, 0xF, 0x80 >> (x % 8));
    Mmio::read(vga, WINDOW, y * pitch + x / 8, Width::Byte).unwrap();
    for (mask, byte) in [(0xF, 0), (value, 0xFF)] {
        map_mask(vga, mask);
        poke(vga, y * pitch + x / 8, byte);
    }
    port_out(vga, VGA, 0xF, 0xFF);
}

#[test]
fn modes_of_sixteen_colors() {
    let wide = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F];
    let old = [0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
    // Mode, size of the picture and of a pixel, palette.
    let all = [
        (&MODE_12, (640, 480), (1, 1), wide),
        (&MODE_10, (640, 350), (1, 1), wide),
        (&MODE_0E, (640, 400), (1, 2), old),
        (&MODE_0D, (640, 400), (2, 2), old),
    ];
    for (mode, size, (wide, high), palette) in all {
        let (_, mut vga) = in_mode(mode);
        let (columns, rows) = (size.0 / wide, size.1 / high);
        let points = [(0, 0), (7, 1), (8, 2), (columns / 2 + 3, rows / 2), (columns - 1, rows - 1)];
        for (value, (x, y)) in (11..).zip(points) {
            plot_planar(&mut vga, u64::from(columns / 8), (x.into(), y.into()), value);
        }
        let shot = Shot::of(&vga);
        assert_eq!(shot.size, size);
        for (value, (x, y)) in (11..).zip(points) {
            for (dx, dy) in [(0, 0), (wide - 1, high - 1)] {
                let pixel = shot.at(x * wide + dx, y * high + dy);
                assert_eq!(pixel, color(palette[value]), "{x},{y} of {size:?}");
            }
        }
        let black = shot.pixels.iter().filter(|pixel| **pixel == color(0)).count();
        assert_eq!(black as u32, size.0 * size.1 - 5 * wide * high);
    }
}

#[test]
fn mode_13h_and_its_palette() {
    let (_, mut vga) = in_mode(&MODE_13);
    let points = [(0, 0, 1), (1, 0, 255), (319, 0, 16), (0, 1, 0x80), (160, 100, 77), (319, 199, 0xF5)];
    for (x, y, value) in points {
        poke(&mut vga, y * 320 + x, value);
    }
    let shot = Shot::of(&vga);
    assert_eq!(shot.size, (640, 400));
    for (x, y, value) in points {
        let (x, y) = (2 * x as u32, 2 * y as u32);
        let block = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| shot.at(x + dx, y + dy));
        assert_eq!(block, [color(value); 4]);
    }
    assert_eq!(shot.pixels.iter().filter(|pixel| **pixel != color(0)).count(), 4 * points.len());
    port_out(&mut vga, VGA, 6, 0x0F);
    assert_eq!(Shot::of(&vga).at(2, 0), color(0x0F), "the mask is applied to what goes to the DAC");
}

#[test]
fn unchained_modes() {
    for (mode, size, pitch, (wide, high)) in
        [(&MODE_X, (640, 480), 80, (2, 2)), (&MODE_X_360, (720, 480), 90, (2, 1))]
    {
        let (_, mut vga) = in_mode(mode);
        let (columns, rows) = (u64::from(size.0 / wide), u64::from(size.1 / high));
        let points = [(0, 0), (1, 0), (2, 3), (columns / 2 + 3, rows / 2), (columns - 1, rows - 1)];
        for (value, (x, y)) in (0x91..).zip(points) {
            map_mask(&mut vga, 1 << (x % 4));
            poke(&mut vga, y * pitch + x / 4, value);
        }
        let shot = Shot::of(&vga);
        assert_eq!(shot.size, size);
        for (value, (x, y)) in (0x91..).zip(points) {
            assert_eq!(shot.at((x as u32 + 1) * wide - 1, (y as u32 + 1) * high - 1), color(value));
        }
    }
}

#[test]
fn cga_modes_interleave_bits_and_lines() {
    let (_, mut vga) = in_mode(&MODE_04);
    let palette = [0, 0x13, 0x15, 0x17];
    // Odd lines lie 8 KB further on.
    let at = |x: u64, y: u64| 0x1_8000 + y % 2 * 0x2000 + y / 2 * 80 + x / 4;
    poke(&mut vga, at(0, 0), 0b00_01_10_11);
    poke(&mut vga, at(4, 1), 0b11_10_01_00);
    poke(&mut vga, at(316, 199), 0b01_01_01_10);
    let shot = Shot::of(&vga);
    assert_eq!(shot.size, (640, 400));
    let four = |x: u32, y: u32| [0, 1, 2, 3].map(|n| shot.at(2 * (x + n) + 1, 2 * y + 1));
    assert_eq!(four(0, 0), [0, 1, 2, 3].map(|n: usize| color(palette[n])));
    assert_eq!(four(4, 1), [3, 2, 1, 0].map(|n: usize| color(palette[n])));
    assert_eq!(four(316, 199), [1, 1, 1, 2].map(|n: usize| color(palette[n])));
    assert_eq!(shot.pixels.iter().filter(|pixel| **pixel != color(0)).count(), 4 * (3 + 3 + 4));

    let (_, mut vga) = in_mode(&MODE_06);
    poke(&mut vga, 0x1_8000, 0b1010_0000);
    poke(&mut vga, 0x1_8000 + 0x2000 + 99 * 80 + 79, 1);
    let shot = Shot::of(&vga);
    assert_eq!(shot.size, (640, 400));
    let lit: Vec<usize> = (0..640 * 400).filter(|n| shot.pixels[*n] == color(0x17)).collect();
    assert_eq!(lit, [0, 2, 640, 642, 398 * 640 + 639, 399 * 640 + 639]);
}

#[test]
fn monochrome_modes() {
    let (_, mut vga) = in_mode(&MODE_11);
    poke(&mut vga, 479 * 80 + 79, 3);
    let shot = Shot::of(&vga);
    assert_eq!(shot.size, (640, 480));
    assert_eq!(
        (shot.at(637, 479), shot.at(638, 479), shot.at(639, 479)),
        (color(0), color(0x3F), color(0x3F))
    );

    // Mode 0Fh: off, on, blinking, bright in planes 0 and 2.
    let (time, mut vga) = in_mode(&MODE_0F);
    for (x, value) in [(0, 0), (1, 1), (2, 4), (3, 5)] {
        plot_planar(&mut vga, 80, (x, 0), value);
    }
    let four = |vga: &Vga| [0, 1, 2, 3].map(|x| Shot::of(vga).at(x, 0));
    assert_eq!(Shot::of(&vga).size, (640, 350));
    assert_eq!(four(&vga), [0, 8, 0x18, 0x18].map(color));
    time.advance_to(Time(16 * vga.timing().frame_ns));
    assert_eq!(four(&vga), [0, 8, 0, 0x18].map(color));
    assert!(vga.show(&mut display::Null), "blinking is seen");
}

#[test]
fn an_old_start_address_never_comes_back() {
    let (time, mut vga) = in_mode(&MODE_0D);
    time.advance_to(Time(vga.timing().frame_ns * 70));
    crtc_out(&mut vga, 0x0D, 40);
    time.advance_to(Time(vga.timing().frame_ns * 72));
    // From here on frames are longer: later, as many of those will have gone by as of the others had.
    for (index, value) in [(0x11, 0), (0x06, 0x0B), (0x07, 0x3E)] {
        crtc_out(&mut vga, index, value);
    }
    for _ in 0..30 {
        assert_eq!(vga.start_address(), 40);
        time.advance_to(time.clock().now().after(vga.timing().frame_ns / 2));
    }
}

#[test]
fn the_palette_is_set_from_a_monochrome_mode_as_the_bios_does_it() {
    let (_, mut vga) = in_mode(&MODE_0F);
    for index in 0..16 {
        // Its two writes and the one that turns the display on again are an odd number.
        let _ = PortIo::read(&mut vga, COLOR, 0xA, Width::Byte);
        port_out(&mut vga, VGA, 0, index);
        port_out(&mut vga, VGA, 0, 0x20 + index);
        port_out(&mut vga, VGA, 0, 0x20);
    }
    assert!((0..16).all(|index| vga.attribute.dac_entry(index) == 0x20 + (index & 5)));
    assert_eq!(PortIo::read(&mut vga, COLOR, 0xA, Width::Byte), Err(IoError::NoRegister));
}

#[test]
fn start_address_panning_and_wrap_around() {
    let (time, mut vga) = in_mode(&MODE_0D);
    // Bytes 40 and 42 of plane 0, and the first and the last there are.
    map_mask(&mut vga, 1);
    for (at, value) in [(0, 0xFF), (40, 0x80), (42, 0xFF), (0xFFFF, 0x01)] {
        poke(&mut vga, at, value);
    }
    let next = |vga: &Vga| time.advance_to(time.clock().now().after(vga.timing().frame_ns));
    let line = |vga: &Vga, y: u32| {
        let shot = Shot::of(vga);
        (0..24).map(|x| if shot.at(2 * x, 2 * y) == color(1) { '#' } else { '.' }).collect::<String>()
    };
    crtc_out(&mut vga, 0x0D, 40);
    assert_eq!(line(&vga, 0), "########................", "not before the retrace");
    next(&vga);
    assert_eq!(line(&vga, 0), "#...............########");
    attribute_out(&mut vga, 0x13, 3);
    assert_eq!(line(&vga, 0), ".............########...");
    crtc_out(&mut vga, 0x08, 0x20);
    assert_eq!(line(&vga, 0), ".....########...........");
    attribute_out(&mut vga, 0x13, 0);
    crtc_out(&mut vga, 0x08, 0);
    crtc_out(&mut vga, 0x0C, 0xFF);
    crtc_out(&mut vga, 0x0D, 0xFF);
    next(&vga);
    assert_eq!(line(&vga, 0), ".......#########........", "memory goes round");
    // Three lines a row, beginning with the last: double scanned.
    crtc_out(&mut vga, 0x0C, 0);
    crtc_out(&mut vga, 0x0D, 0);
    crtc_out(&mut vga, 0x09, 0xC2);
    crtc_out(&mut vga, 0x08, 2);
    next(&vga);
    assert_eq!(line(&vga, 0), "########................");
    assert_eq!(line(&vga, 1), "#...............########");
    assert_eq!(line(&vga, 3), line(&vga, 1));
    assert_eq!(line(&vga, 4), "........................");
}

#[test]
fn a_split_screen_shows_the_start_of_memory_below() {
    let (time, mut vga) = in_mode(&MODE_12);
    map_mask(&mut vga, 1);
    poke(&mut vga, 0, 0x0F);
    poke(&mut vga, 0x4000, 0xF0);
    crtc_out(&mut vga, 0x0C, 0x40);
    // Line compare 299: 12Bh.
    crtc_out(&mut vga, 0x18, 0x2B);
    crtc_out(&mut vga, 0x09, 0x00);
    attribute_out(&mut vga, 0x13, 2);
    time.advance_to(Time(vga.timing().frame_ns));
    let line = |vga: &Vga, y: u32| {
        let shot = Shot::of(vga);
        (0..8).map(|x| if shot.at(x, y) == color(1) { '#' } else { '.' }).collect::<String>()
    };
    assert_eq!([line(&vga, 0), line(&vga, 299), line(&vga, 300)], ["##......", "........", "..####.."]);
    attribute_out(&mut vga, 0x10, 0x21);
    assert_eq!([line(&vga, 0), line(&vga, 300)], ["##......", "....####"], "panning ends at the split");
}

#[test]
fn color_select_plane_enable_and_blanking() {
    let (_, mut vga) = in_mode(&MODE_12);
    plot_planar(&mut vga, 80, (0, 0), 14);
    let pixel = |vga: &Vga| Shot::of(vga).at(0, 0);
    assert_eq!(pixel(&vga), color(0x3E));
    attribute_out(&mut vga, 0x14, 0x0D);
    assert_eq!(pixel(&vga), color(0xFE), "bits 7 and 6 are selected");
    attribute_out(&mut vga, 0x10, 0x81);
    assert_eq!(pixel(&vga), color(0xDE), "bits 5 and 4 too");
    attribute_out(&mut vga, 0x12, 0x07);
    assert_eq!(pixel(&vga), color(0xD4), "plane 3 is not shown");
    attribute_out(&mut vga, 0x11, 0x33);
    port_in(&mut vga, COLOR, 0xA);
    port_out(&mut vga, VGA, 0, 0x00);
    assert_eq!(pixel(&vga), color(0x33), "without the palette, overscan");
    port_out(&mut vga, VGA, 4, 1);
    port_out(&mut vga, VGA, 5, 0x21);
    assert_eq!(pixel(&vga), 0xFF00_0000, "screen off");
}

#[test]
fn sixteen_and_256_colors_mix_as_the_hardware_does() {
    // Mode 13h's shift registers without the attribute controller's pairing: a dot of four bits each.
    let (_, mut vga) = in_mode(&MODE_13);
    poke(&mut vga, 0, 0x12);
    poke(&mut vga, 1, 0x34);
    attribute_out(&mut vga, 0x10, 0x01);
    let shot = Shot::of(&vga);
    assert_eq!([0, 1, 2, 3, 4].map(|x| shot.at(x, 0)), [1, 2, 3, 4, 0].map(color));
}

#[test]
fn only_lines_in_changed_memory_are_sent() {
    let (_, mut vga) = in_mode(&MODE_13);
    let mut display = display::Recording::new(display::Null);
    vga.show(&mut display);
    assert!(!vga.show(&mut display));
    drop(display.tape().take());
    poke(&mut vga, 100 * 320 + 9, 3);
    poke(&mut vga, 150 * 320, 4);
    poke(&mut vga, 150 * 320, 4);
    assert!(vga.show(&mut display));
    let dirty = [200, 300].map(|y| Rect { x: 0, y, width: 640, height: 2 }).to_vec();
    assert_eq!(display.tape().take(), [display::Shown::Pixels { width: 640, height: 400, dirty }]);
    poke(&mut vga, 0xFFFF, 4);
    assert!(!vga.show(&mut display), "beyond the picture");
}

/// What is shown piece by piece is what is drawn at once: in each mode, with random registers of addressing,
/// after random writes.
#[test]
fn pieces_add_up_to_the_picture() {
    let mut random = Seeded::new(5);
    for mode in modes::ALL {
        let (time, mut vga) = in_mode(mode);
        let screen = display::Memory::new();
        for round in 0..60u32 {
            for _ in 0..random.next_u64() % 30 {
                let word = random.next_u64();
                let _ = Mmio::write(&mut vga, WINDOW, word & 0x1_FFFF, Width::Dword, (word >> 32) as u32);
            }
            let word = random.next_u64();
            match round % 4 {
                0 => {
                    const INDEX: [u8; 9] = [0x07, 0x08, 0x09, 0x0C, 0x0D, 0x13, 0x14, 0x17, 0x18];
                    let crtc = if vga.miscellaneous.color() { COLOR } else { MONO };
                    port_out(&mut vga, crtc, 4, INDEX[(word >> 8) as usize % 9]);
                    port_out(&mut vga, crtc, 5, word as u8);
                }
                1 => map_mask(&mut vga, word as u8),
                2 => time.advance_to(time.clock().now().after(word >> 40)),
                _ => {}
            }
            vga.show(&mut screen.clone());
            let shot = Shot::of(&vga);
            let shown = screen.screen();
            assert_eq!((shown.width, shown.height), shot.size);
            assert!(shown.pixels == shot.pixels, "round {round}");
        }
    }
}

/// Whatever the registers say, the picture has bounds.
#[test]
fn random_registers_make_a_picture() {
    let mut random = Seeded::new(77);
    for _ in 0..150 {
        let (time, mut vga) = in_mode(&MODE_13);
        for (region, address, count) in [(VGA, 4, 5), (COLOR, 4, 0x19), (VGA, 0xE, 9)] {
            for index in 0..count {
                port_out(&mut vga, region, address, index);
                port_out(&mut vga, region, address + 1, random.next_u64() as u8);
            }
        }
        for index in 0..21 {
            attribute_out(&mut vga, index, random.next_u64() as u8);
        }
        time.advance_to(Time(random.next_u64() >> 20));
        let shot = Shot::of(&vga);
        assert!(shot.size.0 <= MAX_WIDTH && shot.size.1 <= picture::MAX_HEIGHT);
        assert_eq!(shot.pixels.len(), (shot.size.0 * shot.size.1) as usize);
        vga.show(&mut display::Null);
        drop(vga.screen_text());
    }
}
