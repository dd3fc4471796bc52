//! Tiny guests: multiboot kernels of a few instructions, and how to run them.
//!
//! Each is given as its bytes, with the source (for nasm) above them; the code runs at 100020h, after the multiboot header.

#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]
#![allow(
    clippy::allow_attributes,
    reason = "which ones are unused differs by file, so `expect` cannot be met"
)]

use machine::{ClockMode, Config, Machine, Outcome};

/// A multiboot kernel with its addresses in the header.
pub fn kernel(code: &[u8]) -> Vec<u8> {
    let flags = 0x1_0000u32;
    let at = 0x10_0000u32;
    let words = [0x1BAD_B002, flags, 0u32.wrapping_sub(0x1BAD_B002 + flags), at, at, 0, 0, at + 32];
    let mut image: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    image.extend(code);
    image
}

/// 4 MB, counted clock, no reboot.
pub fn config() -> Config {
    Config { memory_mb: 4, clock: ClockMode::Counted, reboot: false, ..Config::default() }
}

/// A machine with a guest loaded.
pub fn machine(code: &[u8], config: Config) -> Machine {
    let mut machine = Machine::new(config).unwrap();
    machine.load_multiboot(kernel(code), "", Vec::new()).unwrap();
    machine
}

/// Runs until something other than the time ends it, for at most 1000 slices of 4 ms.
pub fn run(machine: &mut Machine) -> Outcome {
    for n in 0..1000 {
        let outcome = machine.run(n * 4_000_000, 4_000_000);
        if !matches!(outcome, Outcome::Time | Outcome::Idle) {
            return outcome;
        }
    }
    Outcome::Time
}

/// Programs the timer to 1 kHz and counts ten interrupts; between them it mixes the time-stamp counter and the
/// timer's counter into a sum. Then sends "!" by COM1 and writes 42 to the exit port.
///
/// ```text
/// %define IDT 0x200000
/// %define COUNT 0x201000
/// %define SUM 0x201004
/// start:
///   mov esp, 0x300000
///   mov dword [COUNT], 0
///   mov eax, handler
///   mov word [IDT+0x20*8], ax
///   mov word [IDT+0x20*8+2], cs
///   mov word [IDT+0x20*8+4], 0x8E00
///   shr eax, 16
///   mov word [IDT+0x20*8+6], ax
///   lidt [idtr]
///   mov al, 0x11
///   out 0x20, al
///   mov al, 0x20
///   out 0x21, al
///   mov al, 4
///   out 0x21, al
///   mov al, 1
///   out 0x21, al
///   mov al, 0xFE
///   out 0x21, al
///   mov al, 0x34
///   out 0x43, al
///   mov al, 1193 & 255
///   out 0x40, al
///   mov al, 1193 >> 8
///   out 0x40, al
///   sti
/// .loop:
///   hlt
///   ; work: mix time into a sum
///   mov ecx, 500
/// .work:
///   rdtsc
///   xor [SUM], eax
///   rol dword [SUM], 3
///   in al, 0x40
///   add [SUM], al
///   loop .work
///   cmp dword [COUNT], 10
///   jb .loop
///   ; say so: "!" to COM1
///   mov dx, 0x3F8
///   mov al, '!'
///   out dx, al
///   mov al, 42
///   out 0xF4, al
///   hlt
/// handler:
///   push eax
///   inc dword [COUNT]
///   mov al, 0x20
///   out 0x20, al
///   pop eax
///   iret
/// idtr: dw 0x107
///   dd IDT
/// ```
#[rustfmt::skip]
pub const TIMER: &[u8] = &[
    0xBC, 0x00, 0x00, 0x30, 0x00, 0xC7, 0x05, 0x00, 0x10, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0xB8,
    0xAE, 0x00, 0x10, 0x00, 0x66, 0xA3, 0x00, 0x01, 0x20, 0x00, 0x8C, 0x0D, 0x02, 0x01, 0x20, 0x00,
    0x66, 0xC7, 0x05, 0x04, 0x01, 0x20, 0x00, 0x00, 0x8E, 0xC1, 0xE8, 0x10, 0x66, 0xA3, 0x06, 0x01,
    0x20, 0x00, 0x0F, 0x01, 0x1D, 0xBB, 0x00, 0x10, 0x00, 0xB0, 0x11, 0xE6, 0x20, 0xB0, 0x20, 0xE6,
    0x21, 0xB0, 0x04, 0xE6, 0x21, 0xB0, 0x01, 0xE6, 0x21, 0xB0, 0xFE, 0xE6, 0x21, 0xB0, 0x34, 0xE6,
    0x43, 0xB0, 0xA9, 0xE6, 0x40, 0xB0, 0x04, 0xE6, 0x40, 0xFB, 0xF4, 0xB9, 0xF4, 0x01, 0x00, 0x00,
    0x0F, 0x31, 0x31, 0x05, 0x04, 0x10, 0x20, 0x00, 0xC1, 0x05, 0x04, 0x10, 0x20, 0x00, 0x03, 0xE4,
    0x40, 0x00, 0x05, 0x04, 0x10, 0x20, 0x00, 0xE2, 0xE7, 0x83, 0x3D, 0x00, 0x10, 0x20, 0x00, 0x0A,
    0x72, 0xD8, 0x66, 0xBA, 0xF8, 0x03, 0xB0, 0x21, 0xEE, 0xB0, 0x2A, 0xE6, 0xF4, 0xF4, 0x50, 0xFF,
    0x05, 0x00, 0x10, 0x20, 0x00, 0xB0, 0x20, 0xE6, 0x20, 0x58, 0xCF, 0x07, 0x01, 0x00, 0x00, 0x20,
    0x00,
];

/// Soft off: SLP_TYP 0 with SLP_EN to PM1a control at B004h.
///
/// ```text
///   ; SLP_TYP 0 | SLP_EN to PM1a control at B004h
///   mov dx, 0xB004
///   mov ax, 0x2000
///   out dx, ax
///   hlt
/// ```
#[rustfmt::skip]
pub const POWER_OFF: &[u8] = &[
    0x66, 0xBA, 0x04, 0xB0, 0x66, 0xB8, 0x00, 0x20, 0x66, 0xEF, 0xF4,
];

/// An invalid opcode with an empty interrupt table.
///
/// ```text
///   lidt [z]
///   ud2
/// z: dw 0
///    dd 0
/// ```
#[rustfmt::skip]
pub const TRIPLE_FAULT: &[u8] = &[
    0x0F, 0x01, 0x1D, 0x29, 0x00, 0x10, 0x00, 0x0F, 0x0B, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// Checks EAX, then sends back what comes by COM1 in capitals; "q" ends it with the memory above 1 MB (from the
/// multiboot information) as exit value.
///
/// ```text
///   ; multiboot: EAX magic, EBX info. Check, then echo COM1 upper-cased forever; "q" exits.
///   cmp eax, 0x2BADB002
///   jne bad
/// .poll:
///   mov dx, 0x3FD
///   in al, dx
///   test al, 1
///   jz .poll
///   mov dx, 0x3F8
///   in al, dx
///   cmp al, 'q'
///   je .quit
///   and al, 0xDF
///   out dx, al
///   jmp .poll
/// .quit:
///   mov eax, [ebx+8]   ; mem_upper
///   mov dx, 0xF4
///   out dx, eax
/// bad:
///   cli
///   hlt
/// ```
#[rustfmt::skip]
pub const ECHO: &[u8] = &[
    0x3D, 0x02, 0xB0, 0xAD, 0x2B, 0x75, 0x1F, 0x66, 0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xF7,
    0x66, 0xBA, 0xF8, 0x03, 0xEC, 0x3C, 0x71, 0x74, 0x05, 0x24, 0xDF, 0xEE, 0xEB, 0xE9, 0x8B, 0x43,
    0x08, 0x66, 0xBA, 0xF4, 0x00, 0xEF, 0xFA, 0xF4,
];

/// Writes to scattered places in the third and fourth megabyte, for ever.
///
/// ```text
///   mov ecx, 0x1234
/// .l:
///   mov eax, ecx
///   imul eax, 0x9E3779B1
///   and eax, 0x1FFFFC
///   mov [0x200000+eax], ecx
///   inc ecx
///   jmp .l
/// ```
#[rustfmt::skip]
pub const FILL: &[u8] = &[
    0xB9, 0x34, 0x12, 0x00, 0x00, 0x89, 0xC8, 0x69, 0xC0, 0xB1, 0x79, 0x37, 0x9E, 0x25, 0xFC, 0xFF,
    0x1F, 0x00, 0x89, 0x88, 0x00, 0x00, 0x20, 0x00, 0x41, 0xEB, 0xEA,
];
