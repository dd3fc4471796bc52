use cpu::decode::BlockDecoder; use cpu::exec::Layout; use cpu::insn::{Insn, Prefix}; use cpu::state::mode;
use jit::emit::{self, Linkage, Target}; use jit::found::FoundTable; use jit::module; use jit::opt::Enabled; use jit::region::{self, Block, Source};
const MODE: u32 = mode::CODE32 | mode::STACK32 | mode::FLAT | mode::FLAT_CODE;
fn decode(bytes: &[u8]) -> Vec<Insn> { let mut d = BlockDecoder::new(bytes, MODE); let mut v = Vec::new(); while let Ok(i) = d.next_insn() { v.push(i); if i.prefix.has(Prefix::LAST) || v.len() == 64 || i.end() as usize >= bytes.len() { break; } } v }
struct Code(Vec<u8>);
impl Source for Code { fn block(&mut self, delta: i32) -> Option<Block> { let at = usize::try_from(delta).ok()?; let insns = decode(self.0.get(at..)?); let bytes = insns.last()?.end() as u16; Some(Block { delta, phys: at as u64, bytes, insns: insns.into(), page: 0 }) } }
fn main() { let code = std::fs::read(std::env::args().nth(1).unwrap()).unwrap(); let region = region::form(MODE, 160, &mut Code(code)).unwrap();
 for (n, b) in emit::lift(&region, Enabled::default(), |_,_,_| {}).iter().enumerate() { eprintln!("block {n} delta {:x}\n{b}", region.blocks[n].delta); }
 let layout = Layout { ram: 0x10_0000, slots: 1023, ..Layout::default() };
 let e = emit::emit(&region, &Target { layout: &layout, linkage: Linkage::TailCall, passes: Enabled::default() }, 7);
 let m = module::module(module::Links { linkage: Linkage::TailCall, layout: &layout, found: FoundTable::default().place() }, [&e.function]);
 std::fs::write("/tmp/region.wasm", &m).unwrap(); eprintln!("{} insns, {} bytes", region.blocks.iter().map(|b| b.insns.len()).sum::<usize>(), e.function.byte_len()); }
