//! The data of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-6, sections 8.15 and 8.16).

use super::disk::{Disk, LBA28_SECTORS, MULTIPLE_MAX};
use super::front::Front;

/// Words, by the number they have in the standard.
struct Words([u16; 256]);

impl Words {
    fn set(&mut self, word: usize, value: u16) {
        if let Some(at) = self.0.get_mut(word) {
            *at = value;
        }
    }

    /// A string of `words` words, filled up with blanks; the first character of each pair is the high byte.
    fn text(&mut self, word: usize, words: usize, text: &str) {
        let mut characters = text.bytes().chain(std::iter::repeat(b' '));
        for at in self.0.iter_mut().skip(word).take(words) {
            let (first, second) = (characters.next(), characters.next());
            *at = u16::from_be_bytes([first.unwrap_or(b' '), second.unwrap_or(b' ')]);
        }
    }

    fn long(&mut self, word: usize, value: u32) {
        self.set(word, value as u16);
        self.set(word + 1, (value >> 16) as u16);
    }

    /// The bytes, with the checksum in word 255.
    fn finish(mut self) -> Vec<u8> {
        self.set(255, 0x00A5);
        let bytes = |words: &[u16; 256]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        let sum = bytes(&self.0).iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        self.set(255, u16::from(sum.wrapping_neg()) << 8 | 0x00A5);
        bytes(&self.0)
    }

    /// What both kinds of drive say alike.
    fn common(front: &Front, model: &str) -> Self {
        let mut words = Self([0; 256]);
        words.text(10, 10, &format!("PAGEVM{:04}", front.number));
        words.text(23, 4, "1.0");
        words.text(27, 20, model);
        // PIO cycle timing mode 2; words 64-70 and 88 are valid.
        words.set(51, 0x0200);
        words.set(53, 0x0006);
        // Multiword DMA 0 to 2.
        words.set(63, front.settings.multiword() << 8 | 0x0007);
        // PIO 3 and 4, and cycle times of 120 ns.
        words.set(64, 0x0003);
        for word in 65..=68 {
            words.set(word, 120);
        }
        // ATA-1 to ATA/ATAPI-6.
        words.set(80, 0x007E);
        // A cable of 80 wires; device 0 or 1 by its jumper, diagnostics passed.
        words.set(93, if front.number & 1 == 0 { 0x600B } else { 0x6B00 });
        words
    }
}

pub(super) fn disk(front: &Front, disk: &Disk) -> Vec<u8> {
    let sectors = front.medium.sectors();
    let mut words = Words::common(front, "PageVM Disk");
    // A fixed device.
    words.set(0, 0x0040);
    words.set(1, disk.geometry.cylinders);
    words.set(3, disk.geometry.heads.into());
    words.set(6, disk.geometry.sectors.into());
    words.set(47, 0x8000 | u16::from(MULTIPLE_MAX));
    // The data port takes 32 bits (obsolete, but looked at).
    words.set(48, 1);
    // DMA, LBA, IORDY which can be switched off, standby timer as the standard has it.
    words.set(49, 0x2F00);
    words.set(50, 0x4000);
    words.set(53, 0x0007);
    words.set(54, disk.translation.cylinders);
    words.set(55, disk.translation.heads.into());
    words.set(56, disk.translation.sectors.into());
    words.long(57, disk.translation.reach());
    let multiple = u16::from(disk.multiple);
    words.set(59, if multiple == 0 { 0 } else { 0x0100 | multiple });
    words.long(60, sectors.min(LBA28_SECTORS) as u32);
    // NOP, look-ahead, write cache, power management.
    words.set(82, 0x4068);
    // FLUSH CACHE (EXT), 48-bit addresses.
    words.set(83, 0x7400);
    words.set(84, 0x4000);
    let (look_ahead, write_cache) =
        (u16::from(front.settings.look_ahead), u16::from(front.settings.write_cache));
    words.set(85, 0x4008 | look_ahead << 6 | write_cache << 5);
    words.set(86, 0x3400);
    words.set(87, 0x4000);
    words.set(88, front.settings.ultra() << 8 | 0x003F);
    words.long(100, sectors as u32);
    words.long(102, (sectors >> 32) as u32);
    words.finish()
}

pub(super) fn cdrom(front: &Front) -> Vec<u8> {
    let mut words = Words::common(front, "PageVM CD-ROM");
    // A packet device, CD-ROM, removable, which asks for its 12-byte packet within 50 us.
    words.set(0, 0x85C0);
    // DMA, LBA, IORDY which can be switched off.
    words.set(49, 0x0F00);
    // NOP, DEVICE RESET, PACKET, power management.
    for word in [82, 85] {
        words.set(word, 0x4218);
    }
    for word in [83, 84, 87] {
        words.set(word, 0x4000);
    }
    // Ultra DMA 0 to 2.
    words.set(88, front.settings.ultra() << 8 | 0x0007);
    words.finish()
}
