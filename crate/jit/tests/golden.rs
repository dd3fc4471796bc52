//! What becomes of small pieces of code, IR and wasm, pinned by files: `tests/golden/NAME/{input.asm, ir.txt, wat.txt}`.
//!
//! A change of the translator shows as a diff there. `BLESS=1` writes the files anew.

use cpu::decode::BlockDecoder;
use cpu::exec::{FastTables, Layout};
use cpu::insn::{Insn, Prefix};
use cpu::state::mode;
use jit::dump;
use jit::emit::{Linkage, Target};
use jit::found::Where;
use jit::opt::Enabled;
use jit::region::{self, Block, Region, Source};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const MODE: u32 = mode::CODE32 | mode::STACK32 | mode::FLAT | mode::FLAT_CODE;

/// The fast tables where nothing is kept from a supervisor.
const TABLES: FastTables = FastTables { read: 0x1_0000, write: 0x2_0000 };

/// Where everything lies, so that each number can be told from the others.
const LAYOUT: Layout = Layout {
    regs: 0x100,
    eip: 0x200,
    flags_res: 0x208,
    flags_aux: 0x210,
    loaded: 0x220,
    xmm: 0x300,
    st: 0x600,
    x87_control: 0x680,
    x87_status: 0x682,
    x87_empty: 0x684,
    x87_opcode: 0x686,
    x87_code_selector: 0x688,
    x87_code_offset: 0x690,
    x87_data_selector: 0x68A,
    x87_data_offset: 0x698,
    x: 0x6A0,
    mxcsr: 0x6C0,
    vectors: 0x6D0,
    left: 0x400,
    kind: 0x404,
    a: 0x408,
    b: 0x40C,
    r: 0x410,
    region: 0x414,
    tag_any: 0x418,
    tag_global: 0x420,
    segs: 0x500,
    seg_size: 0x20,
    seg_min: 8,
    seg_max: 0xC,
    seg_readable: 0x1A,
    seg_writable: 0x1B,
    seg_selector: 0x18,
    tables: [TABLES, TABLES, FastTables { read: 0x4_0000, write: 0x5_0000 }],
    slots: 1023,
    ram: 0x100_0000,
};

const FOUND: Where = Where {
    table: 0x3_0000,
    mask: 0xFFF,
    shift: 5,
    tag: 0,
    lin: 8,
    insns: 12,
    at: 16,
    region: 20,
    pages: 24,
    delta: 28,
};

/// Code at a flat address: its bytes, all of them reachable.
struct Code<'a>(&'a [u8]);

impl Source for Code<'_> {
    fn block(&mut self, delta: i32, mode: u32) -> Option<Block> {
        let at = usize::try_from(delta).ok()?;
        let bytes = self.0.get(at..)?;
        let mut decoder = BlockDecoder::new(bytes, MODE);
        let mut insns: Vec<Insn> = Vec::new();
        while let Ok(i) = decoder.next_insn() {
            insns.push(i);
            if i.prefix.has(Prefix::LAST) || i.end() as usize >= bytes.len() {
                break;
            }
        }
        let bytes = u16::try_from(insns.last()?.end()).ok()?;
        Some(Block { mode, delta, phys: at as u64, bytes, second: None, insns: insns.into(), pages: 0 })
    }
}

fn assembled(source: &Path) -> Vec<u8> {
    let name = source.parent().and_then(Path::file_name).unwrap_or_default();
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("bin");
    let made = Command::new("nasm").args(["-f", "bin", "-o"]).arg(&to).arg(source).status();
    assert!(made.is_ok_and(|status| status.success()), "{}: nasm refuses it", source.display());
    fs::read(to).expect("what nasm has just made")
}

/// What is to be in the file is there, or is now.
fn compare(file: &Path, text: &str) -> Result<(), String> {
    if env::var_os("BLESS").is_some() {
        fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        return Ok(());
    }
    let wanted = fs::read_to_string(file).unwrap_or_default();
    let Some(line) =
        (0..).zip(wanted.lines().zip(text.lines())).find_map(|(n, (a, b))| (a != b).then_some((n, a, b)))
    else {
        let (wanted, got) = (wanted.lines().count(), text.lines().count());
        return if wanted == got {
            Ok(())
        } else {
            Err(format!("{}: {wanted} lines, now {got}", file.display()))
        };
    };
    let (n, was, is) = line;
    Err(format!("{} line {}:\n  was {was}\n  is  {is}", file.display(), n + 1))
}

fn region(code: &[u8]) -> Region {
    region::form(MODE, 320, &mut Code(code)).expect("code")
}

#[test]
fn translations_are_golden() {
    if Command::new("nasm").arg("-v").output().is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no nasm");
        return;
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folders = fs::read_dir(&golden).expect("tests/golden");
    let mut folders: Vec<PathBuf> =
        folders.filter_map(|f| Some(f.ok()?.path())).filter(|p| p.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 10, "only {folders:?}");
    let mut differ = Vec::new();
    for folder in folders {
        let code = assembled(&folder.join("input.asm"));
        let region = region(&code);
        let target =
            Target { layout: &LAYOUT, linkage: Linkage::TailCall, found: FOUND, passes: Enabled::ALL };
        differ.extend(compare(&folder.join("ir.txt"), &dump::ir(&region, target.passes, false)).err());
        differ.extend(compare(&folder.join("wat.txt"), &dump::wasm(&region, &target, 1)).err());
    }
    assert!(differ.is_empty(), "{}\n`./build.sh bless` accepts what is now", differ.join("\n"));
}
