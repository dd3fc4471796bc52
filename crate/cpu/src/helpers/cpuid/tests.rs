use super::*;
use crate::fault::Fault;
use crate::helpers::segment::testing::*;
use x86::cpuid::{Features, MODELS};
use x86::eflags;

fn cpu(text: &str) -> Cpu {
    Cpu::of(Identity::parse(text).unwrap())
}

fn text(words: &[u32]) -> String {
    words.iter().flat_map(|w| w.to_le_bytes()).filter(|b| *b != 0).map(char::from).collect()
}

#[test]
fn names_itself() {
    let cpu = cpu("");
    let [max, b, c, d] = leaf(&cpu, 0, 0);
    assert!(max >= 7);
    assert_eq!(text(&[b, d, c]), "GenuineIntel");
    let brand: Vec<u32> = (0x8000_0002..=0x8000_0004).flat_map(|n| leaf(&cpu, n, 0)).collect();
    assert_eq!(text(&brand), "PageVM virtual processor");
    assert_eq!(leaf(&cpu, 0x8000_0000, 0)[0], 0x8000_0008);
}

#[test]
fn each_model_announces_what_it_has_and_nothing_else() {
    // name, signature, last leaf, EDX of leaf 1
    let rows = [
        ("486", 0x480, 1, 0x0000_0003),
        ("pentium", 0x543, 1, 0x0080_03BF),
        ("pentium3", 0x686, 2, 0x0383_FBFF),
    ];
    for (name, signature, last, edx) in rows {
        let cpu = cpu(name);
        assert_eq!(leaf(&cpu, 0, 0)[0], last, "{name}");
        assert_eq!(leaf(&cpu, 1, 0), [signature, 0, 0, edx], "{name}");
        assert_eq!(cpu.regs[usize::from(gpr::DX)], u64::from(signature), "EDX after reset");
        assert_eq!(leaf(&cpu, 0x8000_0000, 0), leaf(&cpu, last, 0), "no extended leaves");
    }
}

#[test]
fn leaves_past_the_end_answer_like_the_last_basic_one() {
    for name in ["486", "pentium3", "core2"] {
        let cpu = cpu(name);
        let last = leaf(&cpu, 0, 0)[0];
        for n in [last + 1, 0x20, 0x4000_0000, 0x8000_0009, u32::MAX] {
            assert_eq!(leaf(&cpu, n, 0), leaf(&cpu, last, 0), "{name}: {n:#x}");
        }
    }
}

#[test]
fn both_cache_leaves_tell_the_same() {
    let cpu = cpu("core2");
    let sizes: Vec<u32> = (0..3)
        .map(|sub| {
            let [_, b, c, _] = leaf(&cpu, 4, sub);
            ((b >> 22) + 1) * ((b & 0xFFF) + 1) * (c + 1) >> 10
        })
        .collect();
    assert_eq!(sizes, [32, 32, 512]);
    assert_eq!(leaf(&cpu, 4, 3), [0; 4]);
    assert_eq!(leaf(&cpu, 0x8000_0006, 0)[2] >> 16, 512);
}

#[test]
fn features_can_be_taken_away_by_name() {
    let whole = Identity::default();
    let less = Identity::parse("core2,-sse2,-PAE").unwrap();
    for gone in [Feature::Sse2, Feature::Pae, Feature::Nx] {
        assert!(!less.has(gone), "{gone:?}");
    }
    assert!(less.has(Feature::Sse));
    assert_eq!(whole.cr4() & !less.cr4(), cr4::PAE);
    assert_eq!(less.physical_bits(), 36);
    assert_eq!(Identity::parse("core2,-pae,-pse").unwrap().physical_bits(), 32);
    assert_eq!(
        Identity::parse("core2,-tsc_deadline,-sse4_1"),
        Identity::parse(" core2, -tsc-deadline,-sse41")
    );
    assert_eq!(leaf(&Cpu::of(Identity::parse("core2,-nx").unwrap()), 0x8000_0001, 0), [0; 4]);
}

#[test]
fn each_processor_has_one_name() {
    for text in ["", "default", "core2", "486", "pentium,-mmx", "core2,-sse2,-nx,-pae", "486,-cpuid"] {
        let identity = Identity::parse(text).unwrap();
        assert_eq!(Identity::parse(&identity.name()), Ok(identity), "{text}");
    }
    assert_eq!(Identity::parse("").unwrap().name(), "core2");
    assert_eq!(Identity::parse("core2,-pae,-nx").unwrap().name(), "core2,-pae,-nx");
    assert_eq!(Identity::parse("core2,-pae").unwrap().name(), "core2,-pae,-nx", "what depended on it");
}

#[test]
fn wrong_names_are_refused_with_the_known_ones() {
    for (text, words) in [
        ("i986", ["\"i986\"", "486, pentium, pentium3, core2"]),
        ("486,-sse", ["486 has no feature \"sse\"", "it has cpuid, fpu"]),
        ("core2,-foo", ["core2 has no feature \"foo\"", "pse36"]),
        ("core2,sse2", ["\"sse2\"", "-sse2"]),
        ("core2,", ["\"\"", "take away"]),
    ] {
        let error = Identity::parse(text).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}

#[test]
fn flags_that_do_not_exist_stay_zero() {
    let without = Identity::parse("486,-cpuid").unwrap();
    assert_eq!(without.features(), Features::of(&[Feature::Fpu]));
    let mut cpu = Cpu::of(without);
    cpu.set_eflags(u32::MAX);
    assert_eq!(cpu.eflags() & (eflags::ID | eflags::VIF | eflags::VIP | eflags::AC), eflags::AC);
    let mut cpu = Cpu::of(Identity::parse("486").unwrap());
    cpu.set_eflags(u32::MAX);
    assert_ne!(cpu.eflags() & eflags::ID, 0);
}

#[test]
fn instructions_that_are_not_announced_do_not_exist() {
    // bytes, the first model that has it, and what of the later ones does not
    let rows: &[(&str, &[u8], &str, &[&str])] = &[
        ("CPUID", &[0x0F, 0xA2], "486", &["486,-cpuid"]),
        ("BSWAP", &[0x0F, 0xC8], "486", &[]),
        ("INVLPG", &[0x0F, 0x01, 0x3D, 0, 0x60, 0, 0], "486", &[]),
        ("PAUSE", &[0xF3, 0x90], "486", &[]),
        ("MOV EAX, CR4", &[0x0F, 0x20, 0xE0], "486", &["486,-cpuid", "486,-vme"]),
        ("RDTSC", &[0x0F, 0x31], "pentium", &["pentium,-tsc"]),
        ("CMPXCHG8B", &[0x0F, 0xC7, 0x0D, 0, 0x60, 0, 0], "pentium", &["core2,-cx8"]),
        ("EMMS", &[0x0F, 0x77], "pentium", &["pentium,-mmx", "core2,-fpu"]),
        ("CMOVE", &[0x0F, 0x44, 0xC1], "pentium3", &["core2,-cmov"]),
        ("FCOMI", &[0xDB, 0xF1], "pentium3", &["core2,-cmov"]),
        ("NOP r/m", &[0x0F, 0x1F, 0xC0], "pentium3", &[]),
        ("PREFETCHNTA", &[0x0F, 0x18, 0x05, 0, 0x60, 0, 0], "pentium3", &[]),
        ("FXSAVE", &[0x0F, 0xAE, 0x05, 0, 0x60, 0, 0], "pentium3", &["pentium3,-fxsr"]),
        ("ADDPS", &[0x0F, 0x58, 0xC1], "pentium3", &["pentium3,-sse", "core2,-mmx"]),
        ("SFENCE", &[0x0F, 0xAE, 0xF8], "pentium3", &["pentium3,-sse"]),
        ("ADDPD", &[0x66, 0x0F, 0x58, 0xC1], "core2", &["core2,-sse2"]),
        ("MOVNTI", &[0x0F, 0xC3, 0x05, 0, 0x60, 0, 0], "core2", &["core2,-sse"]),
        ("LFENCE", &[0x0F, 0xAE, 0xE8], "core2", &["core2,-sse2"]),
        ("STAC", &[0x0F, 0x01, 0xCB], "core2", &["core2,-smap"]),
        ("RDRAND", &[0x0F, 0xC7, 0xF0], "core2", &["core2,-rdrand"]),
        // What undefined instructions are made of: UD0 and UD1 with a ModRM byte and what it brings, UD2 without.
        ("UD0", &[0x0F, 0xFF, 0x05, 0, 0x60, 0, 0], "", &["486", "pentium", "pentium3", "core2"]),
        ("UD1", &[0x0F, 0xB9, 0x44, 0x24, 1], "", &["486", "pentium", "pentium3", "core2"]),
        ("UD2", &[0x0F, 0x0B], "", &["486", "pentium", "pentium3", "core2"]),
        ("CLFLUSH", &[0x0F, 0xAE, 0x3D, 0, 0x60, 0, 0], "core2", &["core2,-clflush"]),
    ];
    let nth = |name: &str| MODELS.iter().position(|m| m.name == name);
    for (what, bytes, first, less) in rows {
        for name in MODELS.map(|m| m.name).iter().chain(*less) {
            let mut m = Machine::protected(0);
            m.cpu.identity = Identity::parse(name).unwrap();
            m.cpu.cr4 = cr4::OSFXSR;
            m.cpu.update_mode();
            let result = m.step(bytes);
            let undefined = result == Err(Fault::new(x86::vector::UD));
            let expected = less.contains(name) || nth(name) < nth(first);
            assert_eq!(undefined, expected, "{what} on {name}: {result:?}");
        }
    }
    let mut m = Machine::protected(0);
    m.cpu.identity = Identity::parse("pentium3,-sse").unwrap();
    m.step(&[0x0F, 0x18, 0x05, 0, 0x60, 0, 0]).unwrap();
}

#[test]
fn without_an_x87_unit_nothing_is_done_or_somebody_else_does_it() {
    let mut m = Machine::protected(0);
    m.cpu.identity = Identity::parse("486,-fpu").unwrap();
    m.cpu.regs[usize::from(gpr::AX)] = 0x5A5A;
    m.step(&[0xDB, 0xE3]).unwrap();
    m.step(&[0xDF, 0xE0]).unwrap();
    assert_eq!(m.cpu.regs[usize::from(gpr::AX)], 0x5A5A, "FNSTSW AX");
    m.cpu.cr0 |= x86::cr0::EM;
    m.cpu.update_mode();
    assert_eq!(m.step(&[0xDB, 0xE3]), Err(Fault::new(x86::vector::NM)));
}

#[test]
fn registers_of_features_that_are_not_there_fault() {
    use x86::msr;
    let rows: &[(u32, &[&str], &[&str])] = &[
        (msr::TSC, &["pentium", "core2"], &["pentium,-tsc"]),
        (0, &["pentium"], &["pentium3", "core2", "pentium,-mce"]),
        (msr::SYSENTER_CS, &["pentium3"], &["pentium", "core2,-sep"]),
        (msr::PAT, &["pentium3"], &["pentium", "core2,-pat"]),
        (msr::EFER, &["core2"], &["pentium3", "core2,-nx", "core2,-pae"]),
        (msr::MCG_CAP, &["pentium3"], &["pentium", "core2,-mca"]),
        (msr::MISC_ENABLE, &["core2"], &["pentium3", "pentium"]),
        (msr::BIOS_SIGN_ID, &["pentium3"], &["pentium"]),
    ];
    for &(number, there, missing) in rows {
        for (name, exists) in there.iter().map(|n| (n, true)).chain(missing.iter().map(|n| (n, false))) {
            let mut m = Machine::protected(0);
            m.cpu.identity = Identity::parse(name).unwrap();
            m.cpu.regs[usize::from(gpr::CX)] = number.into();
            let result = m.step(&[0x0F, 0x32]);
            assert_eq!(result.is_ok(), exists, "{number:#x} on {name}: {result:?}");
        }
    }
    let mut m = Machine::protected(0);
    m.cpu.identity = Identity::parse("486").unwrap();
    m.is_undefined(&[0x0F, 0x32], "RDMSR on a 486");
}
