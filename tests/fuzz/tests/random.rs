//! Random bytes, with what makes them go far: instructions that change modes, tables and devices.

use host::entropy::Seeded;

/// Pieces of code that random bytes would seldom be.
const PIECES: &[&[u8]] = &[
    &[0x0F, 0x22, 0xC0],             // mov cr0, eax
    &[0x0F, 0x22, 0xD8],             // mov cr3, eax
    &[0x0F, 0x22, 0xE0],             // mov cr4, eax
    &[0x0F, 0x20, 0xC0],             // mov eax, cr0
    &[0x0F, 0x23, 0xF8],             // mov dr7, eax
    &[0x0F, 0x30],                   // wrmsr
    &[0x0F, 0x32],                   // rdmsr
    &[0x0F, 0xAA],                   // rsm
    &[0x0F, 0x00, 0xD8],             // ltr ax
    &[0x0F, 0x00, 0xD0],             // lldt ax
    &[0x0F, 0x01, 0x10],             // lgdt [eax]
    &[0x0F, 0x01, 0x18],             // lidt [eax]
    &[0x0F, 0x01, 0x38],             // invlpg [eax]
    &[0x9A, 0, 0x80, 0, 0, 0x48, 0], // call 48h:8000h
    &[0x9A, 0, 0x80, 0, 0, 0x38, 0], // call 38h (a task)
    &[0xEA, 0, 0x80, 0, 0, 0x58, 0], // jmp 58h (a task gate)
    &[0x9D],                         // popf
    &[0xCF],                         // iret
    &[0xCB],                         // retf
    &[0xCD, 0x24],                   // int 24h
    &[0xF1],                         // int1
    &[0x8E, 0xD0],                   // mov ss, eax
    &[0x8E, 0xD8],                   // mov ds, eax
    &[0xF3, 0xA4],                   // rep movsb
    &[0xF3, 0x6C],                   // rep insb
    &[0xDB, 0xE3],                   // fninit
    &[0x0F, 0xAE, 0x00],             // fxsave [eax]
    &[0x0F, 0xAE, 0x08],             // fxrstor [eax]
    &[0xC8, 0, 0, 31],               // enter 0, 31
    &[0xF4],                         // hlt
    &[0xFB],                         // sti
    &[0xEE],                         // out dx, al
    &[0xEF],                         // out dx, eax
    &[0xEC],                         // in al, dx
    &[0xE6, 0xB2],                   // out 0b2h, al
    &[0xE6, 0x92],                   // out 92h, al
    &[0xE6, 0x64],                   // out 64h, al
    &[0xE6, 0x70],                   // out 70h, al
];

fn input(random: &mut Seeded) -> Vec<u8> {
    let mut bytes = Vec::new();
    let len = 40 + random.next_u64() as usize % 300;
    while bytes.len() < len {
        let r = random.next_u64();
        match r & 3 {
            0 => bytes.extend(PIECES[(r >> 8) as usize % PIECES.len()]),
            // mov r16 or r32, a number that is a port, a selector, an address or none
            1 => {
                bytes.push(0xB8 | (r >> 8 & 3) as u8);
                let values =
                    [0x1F0, 0x3F0, 0xCF8, 0xCFC, 0x3C4, 0x1000, 0x1_0000, 0x8000_0000, 0x174, 0xC000_0080];
                let v = values[(r >> 16) as usize % values.len()] + (r >> 24 & 15) as u32;
                bytes.extend(v.to_le_bytes());
            }
            _ => bytes.extend(&r.to_le_bytes()[1..1 + (r >> 61) as usize]),
        }
    }
    bytes
}

fn run(seeds: std::ops::Range<u64>, inputs: usize, target: fn(&[u8])) {
    for seed in seeds {
        let mut random = Seeded::new(seed);
        for _ in 0..inputs {
            target(&input(&mut random));
        }
    }
}

#[test]
fn a_processor_in_any_mode_survives_any_code() {
    run(0..4, 1000, fuzz::processor);
}

/// What fuzzing has found.
#[test]
fn a_processor_survives_what_was_found() {
    // #AC by the delivery of #AC, without end.
    fuzz::processor(&[
        0xD7, 0x64, 0x64, 0x2A, 0x63, 0x29, 0x63, 0x7A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x19, 0x63,
        0x63, 0x63, 0x63, 0x63, 0x63, 0x65, 0x63, 0x63, 0x63, 0x63, 0x01, 0x00, 0x00, 0x00, 0x63, 0x63, 0x63,
        0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x26,
        0x63, 0x63, 0x63, 0x80, 0xFB, 0x06, 0x73,
    ]);
}

#[test]
fn a_machine_survives_any_guest() {
    run(100..102, 100, fuzz::machine);
}

#[test]
#[ignore = "minutes: ./build.sh fuzz"]
fn for_longer() {
    run(1000..1100, 5000, fuzz::processor);
    run(2000..2050, 500, fuzz::machine);
}
