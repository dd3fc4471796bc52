//! Just enough of ACPI machine language to describe the board (ACPI 6.3, chapter 20).
//!
//! A term is its bytes; terms are put together from inside out.

/// A name, or a path of names with dots between them; each is padded with underscores to four characters. A leading backslash is
/// the root (section 20.2.2).
pub(super) fn name_string(name: &str) -> Vec<u8> {
    let (root, rest) = match name.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let mut out = if root { vec![b'\\'] } else { Vec::new() };
    let segments: Vec<&str> = rest.split('.').collect();
    match segments.len() {
        1 => {}
        2 => out.push(0x2E),
        n => out.extend([0x2F, n as u8]),
    }
    for segment in segments {
        let mut segment = segment.as_bytes().to_vec();
        segment.resize(4, b'_');
        out.extend(segment);
    }
    out
}

/// PkgLength and what it counts (section 20.2.4).
fn package_of(op: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = op.to_vec();
    let len = body.len();
    if len + 1 < 0x40 {
        out.push((len + 1) as u8);
    } else if len + 2 < 0x1000 {
        let n = len + 2;
        out.extend([0x40 | (n & 15) as u8, (n >> 4) as u8]);
    } else {
        let n = len + 3;
        out.extend([0x80 | (n & 15) as u8, (n >> 4) as u8, (n >> 12) as u8]);
    }
    out.extend_from_slice(body);
    out
}

/// An integer, as short as it can be.
pub(super) fn integer(value: u32) -> Vec<u8> {
    match value {
        0 => vec![0x00],
        1 => vec![0x01],
        2..=0xFF => vec![0x0A, value as u8],
        0x100..=0xFFFF => [&[0x0B][..], &(value as u16).to_le_bytes()].concat(),
        _ => [&[0x0C][..], &value.to_le_bytes()].concat(),
    }
}

/// A compressed EISA identifier such as `PNP0A03` (section 19.6.36): three letters of five bits, four
/// hexadecimal digits, big-endian.
pub(super) fn eisa_id(id: &str) -> Vec<u8> {
    let letters = id.bytes().take(3).fold(0, |v: u32, b| v << 5 | u32::from(b & 0x1F));
    let number = u32::from_str_radix(id.get(3..).unwrap_or("0"), 16).unwrap_or(0);
    let value = (letters << 16 | number).swap_bytes();
    [&[0x0C][..], &value.to_le_bytes()].concat()
}

/// `Name (name, value)`.
pub(super) fn name(name: &str, value: &[u8]) -> Vec<u8> {
    [&[0x08][..], &name_string(name), value].concat()
}

/// `Package () { ... }`.
pub(super) fn package(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![elements.len() as u8];
    body.extend(elements.concat());
    package_of(&[0x12], &body)
}

/// `Scope (name) { ... }`.
pub(super) fn scope(name: &str, terms: &[Vec<u8>]) -> Vec<u8> {
    package_of(&[0x10], &[name_string(name), terms.concat()].concat())
}

/// `Device (name) { ... }`.
pub(super) fn device(name: &str, terms: &[Vec<u8>]) -> Vec<u8> {
    package_of(&[0x5B, 0x82], &[name_string(name), terms.concat()].concat())
}

/// `Method (name, arguments, Serialized) { ... }`.
pub(super) fn method(name: &str, arguments: u8, terms: &[Vec<u8>]) -> Vec<u8> {
    package_of(&[0x14], &[name_string(name), vec![arguments | 1 << 3], terms.concat()].concat())
}

/// `Processor (name, id, 0, 0) {}`.
pub(super) fn processor(name: &str, id: u8) -> Vec<u8> {
    package_of(&[0x5B, 0x83], &[name_string(name), vec![id, 0, 0, 0, 0, 0]].concat())
}

/// `OperationRegion (name, PCI_Config, offset, len)`.
pub(super) fn pci_config_region(name: &str, offset: u32, len: u32) -> Vec<u8> {
    [&[0x5B, 0x80][..], &name_string(name), &[0x02], &integer(offset), &integer(len)].concat()
}

/// `Field (region, ByteAcc, NoLock, Preserve) { ... }` of bytes with these names.
pub(super) fn byte_fields(region: &str, names: &[&str]) -> Vec<u8> {
    let fields: Vec<Vec<u8>> = names.iter().map(|name| [name_string(name), vec![8]].concat()).collect();
    package_of(&[0x5B, 0x81], &[name_string(region), vec![0x01], fields.concat()].concat())
}

/// `CreateDWordField (buffer, offset, name)`.
pub(super) fn dword_field(buffer: &[u8], offset: u32, name: &str) -> Vec<u8> {
    [&[0x8A][..], buffer, &integer(offset), &name_string(name)].concat()
}

/// `Arg0`.
pub(super) const ARG0: [u8; 1] = [0x68];

/// `to = from`.
pub(super) fn store(from: &[u8], to: &str) -> Vec<u8> {
    [&[0x70][..], from, &name_string(to)].concat()
}

/// `name |= bits`.
pub(super) fn or_into(name: &str, bits: u32) -> Vec<u8> {
    [&[0x7D][..], &name_string(name), &integer(bits), &name_string(name)].concat()
}

/// `a < b`.
pub(super) fn less(a: &str, b: u32) -> Vec<u8> {
    [&[0x95][..], &name_string(a), &integer(b)].concat()
}

/// `If (condition) { ... }`.
pub(super) fn if_then(condition: &[u8], terms: &[Vec<u8>]) -> Vec<u8> {
    package_of(&[0xA0], &[condition, &terms.concat()].concat())
}

/// `Return (value)`.
pub(super) fn return_value(value: &[u8]) -> Vec<u8> {
    [&[0xA4][..], value].concat()
}

/// `Name (_CRS, ResourceTemplate () { ... })`.
pub(super) fn resources(descriptors: &[Vec<u8>]) -> Vec<u8> {
    name("_CRS", &resource_template(descriptors))
}

/// `ResourceTemplate () { ... }`.
pub(super) fn resource_template(descriptors: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = descriptors.concat();
    // The end tag; a checksum of zero is not checked.
    bytes.extend([0x79, 0x00]);
    let body = [integer(bytes.len() as u32), bytes].concat();
    package_of(&[0x11], &body)
}

/// `IO (Decode16, base, base, 1, len)`.
pub(super) fn io(base: u16, len: u8) -> Vec<u8> {
    let [low, high] = base.to_le_bytes();
    vec![0x47, 0x01, low, high, low, high, 1, len]
}

/// `IRQNoFlags () { irq }`: edge triggered, high.
pub(super) fn irq(number: u32) -> Vec<u8> {
    let [low, high] = (1u16 << (number & 15)).to_le_bytes();
    vec![0x22, low, high]
}

/// Where the first number of [`interrupts`] is in a template that begins with it.
pub(super) const FIRST_INTERRUPT: u32 = 5;

/// `Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { ... }`.
pub(super) fn interrupts(numbers: &[u8]) -> Vec<u8> {
    let len = 2 + 4 * numbers.len() as u16;
    let [low, high] = len.to_le_bytes();
    let mut out = vec![0x89, low, high, 1 << 0 | 1 << 3, numbers.len() as u8];
    for number in numbers {
        out.extend(u32::from(*number).to_le_bytes());
    }
    out
}

/// `Memory32Fixed (ReadWrite, base, len)`.
pub(super) fn fixed_memory(base: u32, len: u32) -> Vec<u8> {
    let mut out = vec![0x86, 9, 0, 1];
    out.extend(base.to_le_bytes());
    out.extend(len.to_le_bytes());
    out
}

/// `WordBusNumber` from `min` to `max`, produced by a bridge.
pub(super) fn bus_numbers(min: u16, max: u16) -> Vec<u8> {
    word_range(2, 0, min, max)
}

/// `WordIO` from `min` to `max`, the entire range, produced by a bridge.
pub(super) fn io_range(min: u16, max: u16) -> Vec<u8> {
    word_range(1, 3, min, max)
}

fn word_range(kind: u8, type_flags: u8, min: u16, max: u16) -> Vec<u8> {
    // Fixed limits, positive decode.
    let mut out = vec![0x88, 13, 0, kind, 0x0C, type_flags];
    for word in [0, min, max, 0, max.wrapping_sub(min).wrapping_add(1)] {
        out.extend(word.to_le_bytes());
    }
    out
}

/// `DWordMemory` from `min` to `max`, read and write, produced by a bridge.
pub(super) fn memory_range(min: u32, max: u32, cacheable: bool) -> Vec<u8> {
    let mut out = vec![0x87, 23, 0, 0, 0x0C, if cacheable { 3 } else { 1 }];
    for word in [0, min, max, 0, max.wrapping_sub(min).wrapping_add(1)] {
        out.extend(word.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_encoded_as_the_specification_says() {
        assert_eq!(eisa_id("PNP0A03"), [0x0C, 0x41, 0xD0, 0x0A, 0x03]);
        assert_eq!(
            name("\\_S5", &package(&[integer(0), integer(5)])),
            *b"\x08\\_S5_\x12\x05\x02\x00\x0A\x05"
        );
        let long = scope("\\_SB", &[vec![0xA3; 100]]);
        assert_eq!(name_string("\\A.BC.DEFG"), *b"\\\x2F\x03A___BC__DEFG");
        assert_eq!(name_string("A.B"), *b"\x2EA___B___");
        assert_eq!(method("_DIS", 0, &[or_into("PRQA", 0x80)]), *b"\x14\x11_DIS\x08\x7DPRQA\x0A\x80PRQA");
        assert_eq!(interrupts(&[10, 11]), [0x89, 10, 0, 9, 2, 10, 0, 0, 0, 11, 0, 0, 0]);
        assert_eq!(interrupts(&[9])[FIRST_INTERRUPT as usize], 9);
        assert_eq!(long[..8], [0x10, 0x4B, 0x06, b'\\', b'_', b'S', b'B', b'_']);
        assert_eq!(long.len(), 1 + 0x6B);
    }
}
