//! Images that cannot be booted are refused in words, and what is booted gets what it was promised.

mod common;

use common::{config, kernel};
use machine::{Config, ErrorCode, Machine, Module};

/// A bzImage with a header that says `payload` bytes of protected-mode code, and that many bytes.
fn bz_image(payload: usize) -> Vec<u8> {
    let mut image = vec![0; 5 * 512 + payload];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1F1, &[4]);
    put(0x1F4, &((payload / 16) as u32).to_le_bytes());
    put(0x1FE, &[0x55, 0xAA, 0xEB, 0x66]);
    put(0x202, b"HdrS");
    put(0x206, &0x20Fu16.to_le_bytes());
    put(0x211, &[1]);
    put(0x22C, &0x37FF_FFFFu32.to_le_bytes());
    put(0x238, &255u32.to_le_bytes());
    put(0x258, &0x10_0000u64.to_le_bytes());
    put(0x260, &0x10_0000u32.to_le_bytes());
    // The payload: hlt.
    put(5 * 512, &[0xF4]);
    image
}

fn linux(kernel: Vec<u8>, initrd: Option<Vec<u8>>, cmdline: &str) -> Result<Machine, (ErrorCode, String)> {
    let mut machine = Machine::new(config()).unwrap();
    let before = machine.state_hash();
    match machine.load_linux(kernel, initrd, cmdline) {
        Ok(()) => Ok(machine),
        Err(e) => {
            assert_eq!(machine.state_hash(), before, "a refused image changes nothing");
            Err((e.code, e.message))
        }
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, (ErrorCode, String)>, code: ErrorCode, words: &str) {
    match result {
        Err((found, message)) => {
            assert_eq!(found, code, "{message}");
            assert!(message.contains(words), "{message}");
        }
        Ok(ok) => panic!("not refused: {ok:?}"),
    }
}

#[test]
fn kernels_that_are_none_are_refused() {
    refused(linux(Vec::new(), None, ""), ErrorCode::BadImage, "empty");
    refused(linux(vec![0; 100], None, ""), ErrorCode::BadImage, "too short");
    refused(linux(b"hello world\n".repeat(100), None, ""), ErrorCode::BadImage, "no HdrS signature");
    let whole = bz_image(4096);
    for len in [0x210, 0x263, 5 * 512, whole.len() - 16] {
        refused(linux(whole[..len].to_vec(), None, ""), ErrorCode::BadImage, "too short");
    }
    let mut old = whole.clone();
    old[0x206] = 5;
    old[0x207] = 2;
    refused(linux(old, None, ""), ErrorCode::BadImage, "2.05");
    let mut low = whole;
    low[0x211] = 0;
    refused(linux(low, None, ""), ErrorCode::BadImage, "zImage");
}

#[test]
fn what_does_not_fit_is_refused() {
    refused(linux(bz_image(4096), Some(vec![1; 3 << 20]), ""), ErrorCode::TooLarge, "initrd");
    refused(linux(bz_image(4096), None, &"x".repeat(256)), ErrorCode::TooLarge, "cmdline");
    let mut large = bz_image(4096);
    large[0x260..0x264].copy_from_slice(&0x1000_0000u32.to_le_bytes());
    refused(linux(large, None, ""), ErrorCode::TooLarge, "kernel");
}

#[test]
fn a_kernel_is_entered_as_the_protocol_says() {
    let initrd = vec![0xAB; 5000];
    let mut machine = linux(bz_image(4096), Some(initrd), "root=/dev/null quiet").unwrap();
    common::run(&mut machine);
    let processor = machine.processor();
    let cpu = &processor.cpu;
    assert_eq!(cpu.eip, 0x10_0001, "after the hlt at the entry point");
    let zero_page = cpu.regs[6];
    let read = |at: u64, len: usize| {
        let mut bytes = vec![0; len];
        assert!(processor.mmu.read_phys(at, &mut bytes));
        bytes
    };
    let word = |at: u64| u32::from_le_bytes(read(at, 4).try_into().unwrap());
    assert_eq!(read(zero_page + 0x202, 4), b"HdrS");
    assert_eq!(read(zero_page + 0x210, 1), [0xFF]);
    assert_eq!(read(word(zero_page + 0x228).into(), 21), b"root=/dev/null quiet\0");
    let (at, len) = (word(zero_page + 0x218), word(zero_page + 0x21C));
    assert_eq!((at % 4096, len), (0, 5000));
    assert!(at + len <= 4 << 20 && at + len > (4 << 20) - 8192, "at the top of memory");
    assert_eq!(read(at.into(), 5000), [0xAB; 5000]);
    assert_eq!(read(zero_page + 0x06, 2), [3, 80]);
    // E820: the last entry is extended memory.
    let n = u64::from(read(zero_page + 0x1E8, 1)[0]);
    let last = zero_page + 0x2D0 + 20 * (n - 1);
    assert_eq!((word(last), word(last + 8), word(last + 16)), (0x10_0000, 3 << 20, 1));
    assert_eq!(word(zero_page + 0x250 + 4), 0);
    let seed = u64::from(word(zero_page + 0x250));
    assert_eq!((word(seed + 8), word(seed + 12)), (9, 32));
    // ACPI's root pointer.
    assert_eq!(read(word(zero_page + 0x70).into(), 8), b"RSD PTR ");
}

fn multiboot(image: Vec<u8>, modules: Vec<Module>) -> Result<Machine, (ErrorCode, String)> {
    let mut machine = Machine::new(config()).unwrap();
    match machine.load_multiboot(image, "a b", modules) {
        Ok(()) => Ok(machine),
        Err(e) => Err((e.code, e.message)),
    }
}

#[test]
fn multiboot_kernels_that_are_none_are_refused() {
    refused(multiboot(Vec::new(), Vec::new()), ErrorCode::BadImage, "empty");
    refused(multiboot(b"hello\n".repeat(5000), Vec::new()), ErrorCode::BadImage, "no multiboot header");
    let mut unknown = kernel(&[0xF4]);
    unknown[4] = 8;
    let sum = 0u32.wrapping_sub(0x1BAD_B002 + 0x1_0008);
    unknown[8..12].copy_from_slice(&sum.to_le_bytes());
    refused(multiboot(unknown, Vec::new()), ErrorCode::BadImage, "features");
    let mut high = kernel(&[0xF4]);
    high[20..24].copy_from_slice(&0x200_0000u32.to_le_bytes());
    refused(multiboot(high, Vec::new()), ErrorCode::BadImage, "");
    let mut long = kernel(&[0xF4]);
    long[20..24].copy_from_slice(&0x20_0000u32.to_le_bytes());
    refused(multiboot(long, Vec::new()), ErrorCode::BadImage, "truncated");
    let mut bss = kernel(&[0xF4]);
    bss[24..28].copy_from_slice(&0x2000_0000u32.to_le_bytes());
    refused(multiboot(bss, Vec::new()), ErrorCode::TooLarge, "memory");
    let module = Module { bytes: vec![0; 4 << 20], cmdline: String::new() };
    refused(multiboot(kernel(&[0xF4]), vec![module]), ErrorCode::TooLarge, "module 1");
}

/// An ELF file with one segment at 1 MB: a multiboot header and code, linked at C0100000h.
fn elf(machine: u8, code: &[u8]) -> Vec<u8> {
    let header = [0x1BAD_B002u32, 0, 0u32.wrapping_sub(0x1BAD_B002)];
    let mut body: Vec<u8> = header.iter().flat_map(|w| w.to_le_bytes()).collect();
    body.extend(code);
    let len = body.len() as u32;
    let mut out = b"\x7FELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    out.extend([machine, 0, 1, 0, 0, 0]);
    for word in [0xC010_000Cu32, 52, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    for half in [52u16, 32, 1, 40, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    for word in [1, 84, 0xC010_0000, 0x10_0000, len, len + 0x1000, 7, 0x1000] {
        out.extend(word.to_le_bytes());
    }
    out.extend(body);
    out
}

#[test]
fn an_elf_kernel_is_entered_at_its_physical_address() {
    let modules = vec![
        Module { bytes: b"one".to_vec(), cmdline: "first".into() },
        Module { bytes: b"two".to_vec(), cmdline: "second".into() },
    ];
    refused(multiboot(elf(62, &[0xF4]), Vec::new()), ErrorCode::BadImage, "another processor");
    let whole = elf(3, &[0xF4]);
    refused(multiboot(whole[..whole.len() - 1].to_vec(), Vec::new()), ErrorCode::BadImage, "truncated");
    let mut machine = multiboot(whole, modules).unwrap();
    common::run(&mut machine);
    let processor = machine.processor();
    let cpu = &processor.cpu;
    assert_eq!((cpu.regs[0], cpu.eip), (0x2BAD_B002, 0x10_000D));
    let read = |at: u32, len: usize| {
        let mut bytes = vec![0; len];
        assert!(processor.mmu.read_phys(at.into(), &mut bytes));
        bytes
    };
    let word = |at: u32| u32::from_le_bytes(read(at, 4).try_into().unwrap());
    let info = cpu.regs[3] as u32;
    assert_eq!(word(info) & 0x24D, 0x24D);
    assert_eq!((word(info + 4), word(info + 8)), (639, 3072));
    assert_eq!(read(word(info + 16), 4), b"a b\0");
    assert_eq!(read(word(info + 64), 7), b"PageVM\0");
    assert_eq!(word(info + 20), 2);
    let list = word(info + 24);
    for (n, (bytes, cmdline)) in [(b"one", &b"first\0"[..]), (b"two", b"second\0")].into_iter().enumerate() {
        let at = list + 16 * n as u32;
        let (start, end) = (word(at), word(at + 4));
        assert_eq!((start % 4096, end - start), (0, 3));
        assert_eq!(read(start, 3), bytes);
        assert_eq!(read(word(at + 8), cmdline.len()), cmdline);
    }
    let (len, map) = (word(info + 44), word(info + 48));
    assert_eq!((len % 24, word(map), word(map + 4), word(map + 12)), (0, 20, 0, 0x9_FC00));
}

#[test]
fn options_that_are_not_possible_are_refused() {
    for (config, words) in [
        (Config { memory_mb: 0, ..Config::default() }, "memory"),
        (Config { memory_mb: 4096, ..Config::default() }, "memory"),
        (Config { cpu: "i986".into(), ..Config::default() }, "486, pentium, pentium3, core2"),
        (Config { cpu: "486,-mmx".into(), ..Config::default() }, "cpu: 486 has no feature \"mmx\""),
    ] {
        let e = Machine::new(config).unwrap_err();
        assert_eq!(e.code, ErrorCode::BadOption);
        assert!(e.message.contains(words), "{}", e.message);
    }
}

#[test]
fn damaged_images_are_refused_or_run_but_nothing_panics() {
    use host::entropy::Seeded;
    let mut random = Seeded::new(7);
    for image in [bz_image(4096), kernel(common::ECHO), elf(3, common::ECHO)] {
        for _ in 0..60 {
            let mut damaged = image.clone();
            for _ in 0..1 + random.next_u64() % 8 {
                let at = random.next_u64() as usize % damaged.len().min(700);
                damaged[at] = random.next_u64() as u8;
            }
            if let Ok(mut machine) = linux(damaged.clone(), None, "") {
                machine.run(0, 1_000_000);
            }
            if let Ok(mut machine) = multiboot(damaged, Vec::new()) {
                machine.run(0, 1_000_000);
            }
        }
    }
}
