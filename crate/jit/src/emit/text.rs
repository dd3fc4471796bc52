//! Wasm as text, an instruction a line, indented by its structure. It is for reading: no assembler has to take it.
//!
//! Names come from those of the encoder's variants, so that a new instruction needs no line here. Types, imports and
//! declarations of locals are not written; numbers of floating-point constants are their bits.

use wasm_encoder::Instruction;

/// Instructions as text.
#[derive(Debug, Default)]
pub struct Text {
    text: String,
    depth: usize,
}

impl Text {
    /// The next instruction.
    pub fn add(&mut self, i: &Instruction<'_>) {
        let line = instruction(i);
        let word = line.split(' ').next().unwrap_or_default();
        if matches!(word, "else" | "end") {
            self.depth = self.depth.saturating_sub(1);
        }
        self.text.push_str(&"  ".repeat(self.depth + 1));
        self.text.push_str(&line);
        self.text.push('\n');
        if matches!(word, "block" | "loop" | "if" | "else") {
            self.depth += 1;
        }
    }

    /// All of it.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// One instruction: `I32Load8U(MemArg { offset: 16, align: 0, .. })` is `i32.load8_u offset=16`.
fn instruction(i: &Instruction<'_>) -> String {
    let form = format!("{i:?}");
    let end = form.find(['(', ' ']).unwrap_or(form.len());
    let (variant, rest) = form.split_at(end);
    let mut text = name(variant);
    if let Instruction::TypedSelect(ty) = i {
        text = format!("select (result {})", format!("{ty:?}").to_ascii_lowercase());
    } else if let Some((_, ty)) = rest.split_once("Result(") {
        text += &format!(" (result {})", ty.trim_end_matches(')').to_ascii_lowercase());
    } else if let Some((_, access)) = rest.split_once("MemArg {") {
        let (access, lane) = access.split_once('}').unwrap_or((access, ""));
        let mut numbers = numbers(access).into_iter();
        let (offset, align) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        if offset != "0" {
            text += &format!(" offset={offset}");
        }
        let align = align.parse().map_or(1, |log: u32| 1u32 << log);
        if align != natural(&text) {
            text += &format!(" align={align}");
        }
        append(&mut text, lane);
    } else {
        append(&mut text, rest);
    }
    text
}

/// Operands that are numbers.
fn append(text: &mut String, rest: &str) {
    for n in numbers(rest) {
        text.push(' ');
        text.push_str(n);
    }
}

/// The numbers in a text that are no part of a word.
fn numbers(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    words.filter(|w| w.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())).collect()
}

/// The bytes that a memory access is aligned to if nothing is said.
fn natural(name: &str) -> u32 {
    let (ty, access) = name.split_once('.').unwrap_or((name, ""));
    let bits: String = access
        .trim_start_matches(|c: char| !c.is_ascii_digit() && c != ' ')
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    match (bits.as_str(), ty) {
        ("8", _) if access.contains("x8") => 8,
        ("16" | "32", _) if access.contains('x') => 8,
        ("", "v128") => 16,
        ("", "i64" | "f64") => 8,
        ("", _) => 4,
        (bits, _) => bits.parse().map_or(1, |bits: u32| bits / 8),
    }
}

/// `I32x4TruncSatF32x4S` is `i32x4.trunc_sat_f32x4_s`.
fn name(variant: &str) -> String {
    // What the specification writes as one word.
    let variant = variant.replace("AndNot", "Andnot").replace("ExtMul", "Extmul").replace("ExtAdd", "Extadd");
    let mut name = String::new();
    let mut words = 0;
    for c in variant.chars() {
        if c.is_ascii_uppercase() {
            if words > 0 {
                let value = name.starts_with(['i', 'f', 'v']) && name.contains(|c: char| c.is_ascii_digit());
                let of = value
                    || matches!(name.as_str(), "local" | "global" | "memory" | "table" | "ref" | "data");
                name.push(if words == 1 && of { '.' } else { '_' });
            }
            words += 1;
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::mem;
    use wasm_encoder::{BlockType, Instruction as W, ValType};

    #[test]
    fn instructions_have_the_names_of_the_specification() {
        for (i, text) in [
            (W::I32Add, "i32.add"),
            (W::I32Load8U(mem(16, 0)), "i32.load8_u offset=16"),
            (W::I32Load(mem(0, 0)), "i32.load align=1"),
            (W::I64Store(mem(8, 3)), "i64.store offset=8"),
            (W::I64Load32U(mem(8, 2)), "i64.load32_u offset=8"),
            (W::V128Load(mem(1, 4)), "v128.load offset=1"),
            (W::V128Load64Zero(mem(0, 3)), "v128.load64_zero"),
            (W::V128Load8Lane { memarg: mem(2, 0), lane: 5 }, "v128.load8_lane offset=2 5"),
            (W::I32Const(-1), "i32.const -1"),
            (W::LocalGet(3), "local.get 3"),
            (W::I64ExtendI32U, "i64.extend_i32_u"),
            (W::I32Extend8S, "i32.extend8_s"),
            (W::I32x4TruncSatF32x4S, "i32x4.trunc_sat_f32x4_s"),
            (W::V128AndNot, "v128.andnot"),
            (W::I16x8ExtMulLowI8x16U, "i16x8.extmul_low_i8x16_u"),
            (W::I8x16Shuffle([3; 16]), "i8x16.shuffle 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3"),
            (W::I32x4ExtractLane(2), "i32x4.extract_lane 2"),
            (W::BrIf(2), "br_if 2"),
            (W::BrTable(vec![0, 1].into(), 2), "br_table 0 1 2"),
            (W::ReturnCall(6), "return_call 6"),
            (W::If(BlockType::Result(ValType::I64)), "if (result i64)"),
            (W::Block(BlockType::Empty), "block"),
            (W::Select, "select"),
            (W::TypedSelect(ValType::V128), "select (result v128)"),
            (W::Unreachable, "unreachable"),
        ] {
            assert_eq!(instruction(&i), text);
        }
    }

    #[test]
    fn structure_is_indented() {
        let mut text = Text::default();
        for i in [
            W::Block(BlockType::Empty),
            W::LocalGet(0),
            W::If(BlockType::Empty),
            W::Nop,
            W::Else,
            W::End,
            W::End,
        ] {
            text.add(&i);
        }
        assert_eq!(text.finish(), "  block\n    local.get 0\n    if\n      nop\n    else\n    end\n  end\n");
    }
}
