#!/usr/bin/env python3
"""Makes crate/devices/src/vga/font_data.rs: 256 glyphs of 8x16 dots in code page 437 order.

Source: the 9x15 font of font-misc-misc (public domain) in Debian's package xfonts-base, fetched with
`apt-get download` into a temporary folder. See README.md for the licence and for what is changed.
"""

import gzip
import pathlib
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "crate/devices/src/vga/font_data.rs"
PCF = "usr/share/fonts/X11/misc/9x15.pcf.gz"

# What code page 437 shows for 00h-1Fh and 7Fh; the rest is Python's own table.
LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
CP437 = LOW + bytes(range(0x20, 0x7F)).decode("cp437") + "⌂" + bytes(range(0x80, 0x100)).decode("cp437")


def read_pcf(path):
    """Code point -> (ascent, rows); a row is a string of '#' and '.', one per dot."""
    data = gzip.open(path).read()
    tables = {}
    for i in range(struct.unpack_from("<I", data, 4)[0]):
        kind, _, _, offset = struct.unpack_from("<4I", data, 8 + 16 * i)
        tables[kind] = offset

    def start(kind):
        offset = tables[kind]
        form = struct.unpack_from("<I", data, offset)[0]
        return offset + 4, form, ">" if form & 4 else "<"

    at, form, end = start(4)  # metrics: left, right, width, ascent, descent
    if form & 0x100:
        count = struct.unpack_from(end + "H", data, at)[0]
        metrics = [[b - 128 for b in data[at + 2 + 5 * i : at + 7 + 5 * i]] for i in range(count)]
    else:
        count = struct.unpack_from(end + "I", data, at)[0]
        metrics = [struct.unpack_from(end + "5h", data, at + 4 + 12 * i) for i in range(count)]

    at, form, end = start(8)  # bitmaps
    count = struct.unpack_from(end + "I", data, at)[0]
    offsets = struct.unpack_from(f"{end}{count}I", data, at + 4)
    bits = at + 4 + 4 * count + 16
    pad = 1 << (form & 3)
    assert form & 8 and not (form >> 4) & 3, "expected most significant bit first, in units of a byte"

    at, form, end = start(32)  # encodings
    low0, low1, high0, high1, _ = struct.unpack_from(end + "5H", data, at)
    glyphs = {}
    for n, (high, low) in enumerate((h, l) for h in range(high0, high1 + 1) for l in range(low0, low1 + 1)):
        index = struct.unpack_from(end + "H", data, at + 10 + 2 * n)[0]
        if index == 0xFFFF:
            continue
        left, right, _, ascent, descent = metrics[index]
        stride = ((right - left + 7) // 8 + pad - 1) // pad * pad
        rows = []
        for y in range(ascent + descent):
            row = bits + offsets[index] + y * stride
            dots = "".join(f"{b:08b}" for b in data[row : row + stride]).replace("1", "#").replace("0", ".")
            rows.append("." * left + dots[: right - left])
        glyphs[high << 8 | low] = (ascent, rows)
    return glyphs


def drawn(code):
    """Shades and blocks, which must tile the cell, as 16 rows; None for all others."""
    if code in (0xB0, 0xB1, 0xB2):
        light, medium = ("..#...#.", "#...#..."), ("#.#.#.#.", ".#.#.#.#")
        dark = tuple("".join(".#"[d == "."] for d in row) for row in light)
        return [{0xB0: light, 0xB1: medium, 0xB2: dark}[code][y % 2] for y in range(16)]
    return {
        0xDB: ["########"] * 16,
        0xDC: ["........"] * 8 + ["########"] * 8,
        0xDD: ["####...."] * 16,
        0xDE: ["....####"] * 16,
        0xDF: ["########"] * 8 + ["........"] * 8,
    }.get(code)


def cell(code, glyphs):
    """The 16 rows of one cell."""
    if rows := drawn(code):
        return rows
    ascent, rows = glyphs[ord(CP437[code])]
    rows = [row.ljust(9, ".") for row in rows]
    rows = ["." * 9] * (12 - ascent) + rows
    rows = (rows + ["." * 9] * 15)[:15]
    if 0xB3 <= code <= 0xDA:
        # Lines run on into the next cell: the ninth dot is made by the adapter, the last row repeats.
        return [row[:8] for row in rows + rows[-1:]]
    first, last = (any(row[x] == "#" for row in rows) for x in (0, 8))
    if not first:
        # The letters: dots 1 to 7 of 9. The free dot stays on the right, where the ninth one will be.
        rows = [row[1:] for row in rows]
    elif not last:
        rows = [row[:8] for row in rows]
    else:
        rows = [row[:4] + row[5:] for row in rows]  # as wide as the cell, and symmetrical
    return rows + ["." * 8]


def main():
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            pcf = sys.argv[1]
        else:
            subprocess.run(["apt-get", "download", "-qq", "xfonts-base"], cwd=folder, check=True)
            package = next(pathlib.Path(folder).glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
            pcf = pathlib.Path(folder) / PCF
        glyphs = read_pcf(pcf)
    lines = [
        "// Made by images/font/make-font.py from a public-domain font; licence and changes: images/font/README.md.",
        "",
        "/// Sixteen rows for each of the 256 characters; the leftmost dot is the top bit.",
        "#[rustfmt::skip]",
        "pub(super) const GLYPHS_8X16: [[u8; 16]; 256] = [",
    ]
    for code in range(256):
        rows = cell(code, glyphs)
        assert len(rows) == 16 and all(len(row) == 8 for row in rows), code
        values = ", ".join(f"0x{int(r.replace('#', '1').replace('.', '0'), 2):02X}" for r in rows)
        lines.append(f"    [{values}], // {code:02X}")
    TARGET.write_text("\n".join(lines) + "\n];\n")


main()
