//! The oracle's vectors of classes with floating point, as states to begin from: for comparing two ways of running
//! an instruction with each other, in all they leave behind. (What processors do with them is compared in
//! `tests/float_oracle.rs`.)

use crate::silicon::{bytes, hex, places};
use cpu::harness::{Harness, SegmentState};
use serde_json::Value;
use x86::{cr0, cr4, eflags};

/// Linear address of the code.
const CODE: u32 = 0x40_1000;
/// The window that vectors lie in.
pub const WINDOW: u32 = 0x40_0000;
/// Its length.
pub const SPAN: usize = 0x1_0000;
/// RAM that holds it.
pub const RAM: u64 = 0x41_0000;

/// A state to begin from.
#[derive(Clone, Debug)]
pub struct Start {
    /// The instruction.
    pub code: Vec<u8>,
    gpr: Vec<u32>,
    flags: u32,
    control: u16,
    status: u16,
    used: u8,
    mxcsr: u32,
    st: Vec<[u8; 10]>,
    xmm: Vec<[u8; 16]>,
    ram: Vec<(u32, Vec<u8>)>,
}

impl Start {
    /// Reads one line of the oracle; `None` if it is not one of 32-bit code.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let v: Value = serde_json::from_str(line).ok()?;
        let i = &v["i"];
        let number = |name: &str| i[name].as_u64().unwrap_or_default() as u32;
        let list = |name: &str| i[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
        (v["m"].as_u64() == Some(32)).then(|| Self {
            code: bytes(&v["b"]),
            gpr: names.iter().map(|name| hex(&i[name]) as u32).collect(),
            flags: hex(&i["fl"]) as u32,
            control: number("fcw") as u16,
            status: number("fsw") as u16,
            used: number("ftw") as u8,
            mxcsr: number("mxcsr"),
            st: list("st").iter().filter_map(|v| bytes(v).try_into().ok()).collect(),
            xmm: list("xmm").iter().filter_map(|v| bytes(v).try_into().ok()).collect(),
            ram: places(&v["ram"]),
        })
    }

    /// Loads code and data; a HLT follows the instruction.
    pub fn load(&self, h: &mut Harness) {
        h.write_memory(WINDOW.into(), &vec![0; SPAN]);
        h.write_memory(CODE.into(), &[&self.code[..], &[0xF4]].concat());
    }

    /// Flat 32-bit code of the kernel, about to run the instruction; any exception ends in shutdown. Memory at the
    /// operands is as in the vector again.
    pub fn put(&self, h: &mut Harness) {
        for (at, data) in &self.ram {
            h.write_memory((*at).into(), data);
        }
        h.reset();
        let mut s = h.state();
        let segment = |rights| SegmentState { selector: 8, base: 0, limit: u32::MAX, rights };
        s.segments = [segment(0xC093); 6];
        s.segments[1] = segment(0xC09B);
        s.cr0 = cr0::PE | cr0::NE | cr0::MP | cr0::ET;
        s.cr4 = cr4::OSFXSR | cr4::OSXMMEXCPT;
        s.eip = CODE.into();
        s.eflags = self.flags & (eflags::STATUS | eflags::DF) | eflags::ONE;
        for (to, v) in s.gpr.iter_mut().zip(&self.gpr) {
            *to = (*v).into();
        }
        (s.x87.control, s.x87.status, s.x87.empty) = (self.control, self.status, !self.used);
        let top = usize::from(self.status >> 11);
        for (n, v) in self.st.iter().enumerate() {
            s.x87.registers[(top + n) & 7] = *v;
        }
        for (to, v) in s.xmm.iter_mut().zip(&self.xmm) {
            *to = *v;
        }
        s.mxcsr = self.mxcsr;
        h.set_state(&s);
    }
}
