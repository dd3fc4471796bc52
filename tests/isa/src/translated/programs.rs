//! The oracle's instructions of any class, in user mode: singly from the state it chose for them, and several of them
//! joined to one program. With the translator they have to end as in the interpreter, which other tests compare with
//! the silicon; so it does not matter here what silicon leaves open.

use super::{Workbench, assert_same, figure, world};
use crate::oracle::World;
use crate::silicon::{bytes, hex, places};
use cpu::Cpu;
use cpu::float::F80;
use serde_json::Value;
use x86::eflags;

/// Instructions joined to a program.
const JOINED: usize = 4;
/// Instructions that a program runs at the most, repetitions counted.
const MOST: u64 = 300;
/// Page tables, the kernel's tables, the window.
const COMPARED: usize = 0x2_0000;

/// Two worlds, one of them with a translator.
#[derive(Debug)]
pub struct Pair {
    plain: World,
    other: World,
    last: Vec<Value>,
}

/// Puts the registers that a vector names into a processor.
fn put(v: &Value, cpu: &mut Cpu) {
    let named = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    for (slot, name) in cpu.regs.iter_mut().zip(named) {
        *slot = hex(&v[name]);
    }
    cpu.eip = hex(&v["ip"]);
    cpu.set_eflags(hex(&v["fl"]) as u32 & (eflags::STATUS | eflags::DF) | eflags::ONE | eflags::IF);
    let number = |name: &str| v[name].as_u64();
    cpu.fpu.control = number("fcw").map_or(cpu.fpu.control, |n| n as u16);
    cpu.fpu.status = number("fsw").map_or(cpu.fpu.status, |n| n as u16);
    cpu.fpu.empty = number("ftw").map_or(cpu.fpu.empty, |n| !n as u8);
    cpu.mxcsr = number("mxcsr").map_or(cpu.mxcsr, |n| n as u32);
    for (n, value) in (0..).zip(v["st"].as_array().into_iter().flatten().take(8)) {
        let r = cpu.fpu.physical(n);
        cpu.fpu.st[r] = F80::from_bytes(bytes(value).try_into().unwrap_or_default());
    }
    for (slot, value) in cpu.xmm.iter_mut().zip(v["xmm"].as_array().into_iter().flatten()) {
        let value = u128::from_le_bytes(bytes(value).try_into().unwrap_or_default());
        *slot = [value as u64, (value >> 64) as u64];
    }
}

impl Pair {
    /// Two worlds.
    ///
    /// # Panics
    /// Without memory.
    pub fn new(bench: &impl Workbench) -> Self {
        Self { plain: World::new().expect("host memory"), other: world(bench), last: Vec::new() }
    }

    /// Runs a vector's instruction, and every few vectors a program of the last ones.
    ///
    /// # Panics
    /// If the line is not a vector, or the worlds differ afterwards.
    pub fn check(&mut self, line: &str) {
        let v: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.run(std::slice::from_ref(&v));
        self.last.push(v);
        if self.last.len() == JOINED {
            let last = std::mem::take(&mut self.last);
            self.run(&last);
        }
    }

    /// Runs the instructions one after the other, from the state of the first, with the memory of all.
    fn run(&mut self, vectors: &[Value]) {
        let Some(first) = vectors.first() else { return };
        let mode = first["m"].as_u64().unwrap_or_default() as u32;
        let mut code: Vec<u8> = vectors.iter().flat_map(|v| bytes(&v["b"])).collect();
        code.push(0xF4);
        let ram: Vec<_> = vectors.iter().flat_map(|v| places(&v["ram"])).collect();
        for world in [&mut self.plain, &mut self.other] {
            world.run_program(mode, &code, &ram, MOST, |cpu| put(&first["i"], cpu));
        }
        let what = format!("{mode} bits, {code:02x?}, from {}", first["i"]);
        assert_same(self.plain.harness(), self.other.harness(), COMPARED, &what);
    }

    /// Instructions that translated code has executed.
    pub fn executed(&mut self) -> f64 {
        figure(self.other.processor(), "executed")
    }
}
