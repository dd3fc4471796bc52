//! What the translator says of itself: figures, samples, dumps. Its host here compiles nothing, and leaves all code undone.

use cpu::exec::Exec;
use cpu::harness::{Harness, SegmentState};
use jit::engine::{Call, Engine, Host, Options};

#[derive(Debug)]
struct Nothing;

impl Host for Nothing {
    fn install(&mut self, _: &[u8], regions: usize) -> Option<Vec<u32>> {
        Some((0..regions as u32).collect())
    }
    fn release(&mut self, _: &[u32]) {}
    fn shares_table(&mut self) -> bool {
        true
    }
    fn call(&mut self, _: Call, _: &mut Exec<'static>, _: u32, _: u32) -> u32 {
        // No region has so many exits: the interpreter carries on.
        u32::MAX - 1
    }
    fn now_ms(&self) -> f64 {
        0.0
    }
}

const CODE: u64 = 0x8000;

/// Flat 32-bit code, with everything translated at first sight.
fn running(code: &[u8]) -> Harness {
    let mut h = Harness::new(1 << 18).expect("host memory");
    let mut s = h.state();
    s.segments = [SegmentState { selector: 8, base: 0, limit: u32::MAX, rights: 0xC093 }; 6];
    s.segments[1].rights = 0xC09B;
    s.cr0 |= 1;
    s.eip = CODE;
    h.set_state(&s);
    h.write_memory(CODE, code);
    let options = Options { threshold: 0, batch: 1, ..Options::default() };
    h.processor().set_translator(Box::new(Engine::new(Nothing, options)));
    h
}

/// again: inc eax; add ebx, eax; jmp again
const LOOP: [u8; 5] = [0x40, 0x01, 0xC3, 0xEB, 0xFB];

#[test]
fn a_region_is_shown_stage_by_stage() {
    let mut h = running(&LOOP);
    h.run(100);
    // Not only by its first instruction.
    for at in [CODE, CODE + 1, CODE + 4] {
        let text = h.processor().dump_region(at);
        for part in [
            "1 blocks, 3 instructions",
            "  00008001  01 c3 ",
            "to 00008000h",
            "block 0 as written down:",
            "block 0 after forward_registers:",
            "function of ",
            "i32.add",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
    assert_eq!(h.processor().dump_region(CODE + 5), "No translation holds the code at 00008005h.\n");
}

#[test]
fn looking_changes_nothing() {
    let (mut h, mut other) = (running(&LOOP), running(&LOOP));
    for _ in 0..20 {
        h.run(50);
        other.run(50);
        let _ = (h.processor().dump_region(CODE), h.processor().translator_report());
    }
    assert_eq!(h.state(), other.state());
}

#[test]
fn samples_say_where_the_processor_was() {
    let mut h = running(&LOOP);
    // The first slice begins before there is a region.
    for _ in 0..10 {
        h.run(50);
    }
    let report = h.processor().translator_report();
    for part in [
        "\"samples\":10,\"time_share\":{\"translated\":0.9000,\"interpreted\":0.1000,\"sampled\":true}",
        "\"hottest\":[{\"address\":\"00008003\",\"physical\":\"00008003\",\"instructions\":3,\"share\":0.9000}]",
        "\"exits_by_reason\":{\"no_region\":0,",
    ] {
        assert!(report.contains(part), "no {part} in {report}");
    }
}

#[test]
fn a_processor_that_waits_is_not_sampled() {
    let mut h = running(&[0xF4]);
    for _ in 0..10 {
        h.run(50);
    }
    assert!(h.processor().translator_report().contains("\"samples\":1,"));
}

#[test]
fn without_a_translator_there_is_nothing_to_show() {
    let mut h = Harness::new(1 << 16).expect("host memory");
    assert_eq!(h.processor().dump_region(0), "There is no translator: all code is interpreted.\n");
    assert_eq!(h.processor().translator_report(), "");
}
