//! Accesses through the window, whole and byte by byte.

use super::modes::{self, MODE_13};
use super::*;
use host::entropy::Seeded;

/// An access does the same whether it is done at once or byte by byte, with any registers.
#[test]
fn wide_accesses_are_their_bytes() {
    let mut random = Seeded::new(3);
    let make = || {
        let mut vga = Vga::with_memory(ClockControl::new().clock(), Box::new(OwnMemory::new(256 << 10)));
        modes::set(&mut vga, &MODE_13);
        vga
    };
    let (mut whole, mut bytes) = (make(), make());
    for _ in 0..20_000 {
        let word = random.next_u64();
        let (offset, value) = (word & 0x1_FFFF, random.next_u64() as u32);
        let width = [Width::Byte, Width::Word, Width::Dword][(word >> 20) as usize % 3];
        match word >> 24 & 63 {
            0 => {
                // Now and then back to mode 13h, where most is done at once.
                let (address, index, value) =
                    [(4, 2, 15), (4, 4, 0xE), (0xE, 5, 0x40), (0xE, 8, 0xFF), (0xE, 1, 0), (0xE, 3, 0)]
                        [(word >> 32) as usize % 6];
                for vga in [&mut whole, &mut bytes] {
                    port_out(vga, VGA, address, index);
                    port_out(vga, VGA, address + 1, value);
                }
            }
            1 => {
                let address = [4, 0xE][(word >> 32) as usize % 2];
                for vga in [&mut whole, &mut bytes] {
                    port_out(vga, VGA, address, (word >> 40) as u8 % 9);
                    port_out(vga, VGA, address + 1, value as u8);
                }
            }
            2..32 => {
                let read = Mmio::read(&mut whole, WINDOW, offset, width).ok();
                let each = (0..width.bytes()).map(|n| {
                    Mmio::read(&mut bytes, WINDOW, offset + u64::from(n), Width::Byte).unwrap_or(0xFF)
                        << (8 * n)
                });
                let each = each.fold(0, |value, byte| value | byte);
                assert_eq!(read.unwrap_or(width.ones()), each);
            }
            _ => {
                let _ = Mmio::write(&mut whole, WINDOW, offset, width, value);
                for n in 0..width.bytes() {
                    let byte = value >> (8 * n) & 0xFF;
                    let _ = Mmio::write(&mut bytes, WINDOW, offset + u64::from(n), Width::Byte, byte);
                }
            }
        }
    }
    assert!(whole.memory.bytes() == bytes.memory.bytes());
    assert!(whole.memory.bytes().iter().any(|byte| *byte != 0));
}
