//! The adapter as firmware and drivers find it on the PCI bus.

use super::*;
use bus::{PciFunction, PciWindow, PhysAddr};

fn on_the_bus(rom: &[u8]) -> PciVga {
    let (_, vga) = mode_3();
    PciVga::new(vga, rom)
}

#[test]
fn it_says_who_it_is_and_what_it_needs() {
    let mut function = on_the_bus(&[0x55, 0xAA, 0x50]);
    assert_eq!(function.config_read(0x00), 0x1111_1234);
    assert_eq!(function.config_read(0x08) >> 8, 0x03_0000);
    for (offset, size) in [(0x10, 0xFF00_0008), (0x14, 0), (0x18, 0xFFFF_F000), (0x30, 0xFFFF_0001)] {
        function.config_write(offset, !0, !0);
        assert_eq!(function.config_read(offset), size);
    }
    let mut bare = on_the_bus(&[]);
    bare.config_write(0x30, !0, !0);
    assert_eq!(bare.config_read(0x30), 0, "no BIOS, no expansion ROM");
}

#[test]
fn windows_follow_the_registers() {
    let mut function = on_the_bus(&[0x55, 0xAA, 0x50]);
    assert!(function.windows().is_empty() && function.frame_buffer_base().is_none());
    function.assign(PhysAddr(0xFD00_0000), PhysAddr(0xFEBF_0000));
    assert!(function.take_remapped());
    let buffer = PciWindow::Memory { region: FRAME_BUFFER, base: PhysAddr(0xFD00_0000) };
    let registers = PciWindow::Memory { region: REGISTERS_BLOCK, base: PhysAddr(0xFEBF_0000) };
    assert_eq!(function.windows(), [buffer, registers]);
    assert_eq!(function.frame_buffer_base(), Some(PhysAddr(0xFD00_0000)));
    function.config_write(0x30, 0xFEB0_0000, !0);
    assert!(!function.take_remapped());
    function.config_write(0x30, 0xFEB0_0001, !0);
    assert!(function.take_remapped());
    let rom = PciWindow::Memory { region: ROM, base: PhysAddr(0xFEB0_0000) };
    assert_eq!(function.windows(), [buffer, registers, rom]);
    assert_eq!(function.regions()[ROM].len, 0x1_0000);
}

#[test]
fn the_rom_holds_the_bios() {
    let mut function = on_the_bus(&[0x55, 0xAA, 0x50]);
    let read = |function: &mut PciVga, offset, width| Mmio::read(function, ROM, offset, width);
    assert_eq!(read(&mut function, 0, Width::Word), Ok(0xAA55));
    assert_eq!(read(&mut function, 2, Width::Dword), Ok(0xFFFF_FF50));
    assert_eq!(read(&mut function, 0x1_0000, Width::Byte), Err(IoError::NoRegister));
    assert!(Mmio::write(&mut function, ROM, 0, Width::Byte, 0).is_err());
    function.set_rom([1, 2, 3, 4]);
    assert_eq!(read(&mut function, 0, Width::Dword), Ok(0x0403_0201));
}

#[test]
fn the_chip_is_reached_through_the_socket() {
    let mut function = on_the_bus(&[]);
    print(function.vga_mut(), 0, 7, b"here");
    assert_eq!(Mmio::read(&mut function, WINDOW, 0x1_8000, Width::Byte), Ok(u32::from(b'h')));
    assert_eq!(function.port_io().map(|io| io.read(VBE, 1, Width::Word)), Some(Ok(0xB0C5)));
    assert!(function.vga().screen_text().starts_with("here\n"));
    function.reset();
    assert!(function.windows().is_empty() && !function.vga().screen_text().contains("here"));
}

#[test]
fn a_function_of_another_kind_is_refused() {
    let mut function = on_the_bus(&[]);
    let (_, version) = function.saved_as();
    let bytes = function.save();
    assert_eq!(function.restore(Saved { version, bytes: &bytes }), Ok(()));
    let mut other = bytes.clone();
    // The vendor, behind the length of the space.
    other[2] ^= 1;
    print(function.vga_mut(), 0, 7, b"kept");
    assert!(function.restore(Saved { version, bytes: &other }).is_err());
    assert!(function.vga().screen_text().starts_with("kept\n"), "nothing has changed");
}

#[test]
fn random_accesses_do_no_harm() {
    let make = |control: &ClockControl, _: &bus::Lines| {
        let mut vga = Vga::with_memory(control.clock(), Box::new(OwnMemory::new(1 << 20)));
        vga.set_text_mode_3();
        PciVga::new(vga, [0x55, 0xAA, 1])
    };
    shake(make, |function, random| {
        let word = random.next_u64();
        match word % 64 {
            0 => drop(function.vga_mut().show(&mut display::Null)),
            // Modes that random registers seldom make.
            1..8 => {
                let (register, value) = (word >> 8 & 15, word >> 16 & 0xFFF >> (word >> 28 & 7));
                let offset = 0x500 + 2 * register;
                let _ = Mmio::write(function, REGISTERS_BLOCK, offset, Width::Word, value as u32);
            }
            _ => {}
        }
    });
}
