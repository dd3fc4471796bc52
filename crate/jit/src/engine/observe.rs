//! The translator observed: where the processor is found when slices begin, and a region shown stage by stage.
//!
//! A sample is taken once a slice, every few milliseconds, which costs nothing. It says where time goes only as far as
//! slices end anywhere; a processor that waits is not counted. Nothing here changes what the guest sees, or walks.

use super::{At, Engine, Entry, Host, Place};
use crate::region::{self, Block, Region, Source};
use crate::{dump, emit};
use cpu::blocks::BlockCache;
use cpu::exec::Exec;
use cpu::state::event;
use std::fmt::Write;

/// Regions that are named in the figures.
const HOTTEST: usize = 10;

impl<H: Host> Engine<H> {
    /// The live region that holds the code at a physical address, and which of its blocks does.
    fn holding(&self, phys: u64, mode_bits: u32) -> Option<At> {
        self.by_page.get(&(phys >> 12))?.iter().find_map(|&region| {
            let t = self.regions.get(region as usize)?.as_ref()?;
            let block = t.entries.iter().position(|e| e.mode == mode_bits && e.holds(phys))? as u32;
            Some(At { region, block })
        })
    }

    /// Notes where the processor is.
    pub(super) fn sample(&mut self, x: &Exec<'static>) {
        if x.cpu.events & (event::HALT | event::SHUTDOWN) != 0 {
            return;
        }
        let phys = x.mmu.known_code(&x.cpu, x.linear_eip());
        let at = phys.and_then(|phys| self.holding(phys, x.cpu.mode));
        match at.and_then(|at| self.regions.get_mut(at.region as usize)?.as_mut()) {
            Some(t) => {
                t.samples += 1;
                self.figures.in_regions += 1;
            }
            None => self.figures.elsewhere += 1,
        }
    }
}

impl Entry {
    fn holds(&self, phys: u64) -> bool {
        (self.phys..self.phys + u64::from(self.bytes)).contains(&phys)
    }
}

/// See `Translator::report`.
pub(super) fn report<H: Host>(engine: &Engine<H>) -> String {
    let f = &engine.figures;
    let samples = f.in_regions + f.elsewhere;
    let share = |n: u64| if samples == 0 { 0.0 } else { n as f64 / samples as f64 };
    let e = &f.exits;
    let mut text = format!(
        ",\"exits_by_reason\":{{\"no_region\":{},\"undone\":{},\"stepped\":{},\"page\":{},\"budget\":{}}}",
        e.no_region, e.undone, e.stepped, e.page, e.budget
    );
    let _ = write!(
        text,
        ",\"samples\":{samples},\"time_share\":{{\"translated\":{:.4},\"interpreted\":{:.4},\"sampled\":true}}",
        share(f.in_regions),
        share(f.elsewhere)
    );
    let mut hottest: Vec<_> = engine.regions.iter().flatten().filter(|t| t.samples > 0).collect();
    hottest.sort_unstable_by_key(|t| std::cmp::Reverse((t.samples, t.place.lin)));
    let one = |t: &&super::Translation| {
        let insns: u32 = t.entries.iter().map(|e| e.insns).sum();
        format!(
            "{{\"address\":\"{:08x}\",\"physical\":\"{:08x}\",\"instructions\":{insns},\"share\":{:.4}}}",
            t.place.lin,
            t.entries.first().map_or(0, |e| e.phys),
            share(t.samples)
        )
    };
    let hottest: Vec<String> = hottest.iter().take(HOTTEST).map(one).collect();
    let _ = write!(text, ",\"hottest\":[{}]", hottest.join(","));
    text
}

/// A region's blocks as they are decoded now.
struct Again<'a> {
    entries: &'a [Entry],
    blocks: &'a BlockCache,
    place: Place,
}

impl Source for Again<'_> {
    fn block(&mut self, delta: i32, mode: u32) -> Option<Block> {
        let e = self.entries.iter().find(|e| e.delta == delta && e.mode == mode)?;
        let lin = super::distant(self.place.lin, delta);
        let (at, second, _) = self.blocks.known(e.phys, mode, lin)?;
        // A block of the region may end where another begins, before the decoded one does.
        let insns = self.blocks.insns(at).get(..e.insns as usize)?;
        let same = insns.last().is_some_and(|i| i.end() == i32::from(e.bytes));
        same.then(|| Block {
            mode,
            delta,
            phys: e.phys,
            bytes: e.bytes,
            second,
            insns: insns.into(),
            pages: 0,
        })
    }

    fn companions(&mut self, _: i32, _: u32) -> Vec<(i32, u32)> {
        self.entries.iter().map(|e| (e.delta, e.mode)).collect()
    }
}

/// See `Translator::dump`.
pub(super) fn dump<H: Host>(engine: &Engine<H>, x: &Exec<'static>, blocks: &BlockCache, lin: u64) -> String {
    let live = (0..).zip(&engine.regions).filter_map(|(n, t)| Some((n, t.as_ref()?)));
    let live = live.map(|(n, t)| (n, t.place, &t.entries[..]));
    let waiting = engine.pending.iter().map(|p| (p.number, p.place, &p.entries[..]));
    let all: Vec<_> = live.chain(waiting).collect();
    // By what the TLB holds; if it does not hold the page, by where the code was when it was translated.
    let now = x.mmu.known_code(&x.cpu, lin);
    let holds = |&(_, place, entries): &(u32, Place, &[Entry])| match now {
        Some(phys) => entries.iter().any(|e| e.holds(phys)),
        None => entries.iter().any(|e| {
            let begin = super::distant(place.lin, e.delta);
            (begin..begin + u64::from(e.bytes)).contains(&lin)
        }),
    };
    let Some(&(number, place, entries)) = all.iter().find(|r| holds(r)) else {
        return format!("No translation holds the code at {lin:08x}h.\n");
    };
    let region = region::form(place.mode_bits, usize::MAX, &mut Again { entries, blocks, place });
    let Some(region) = region.filter(|r| r.blocks.len() == entries.len()) else {
        return format!(
            "The code at {lin:08x}h is translated, but no longer decoded, so that there is nothing to show.\n"
        );
    };
    let base = engine.host.memory_base();
    let layout = x.layout(base);
    let passes = engine.options.passes;
    let found = engine.found.place(base);
    let target = emit::Target { layout: &layout, linkage: engine.linkage, found, passes };
    let bytes = |phys: u64, len: usize| x.mmu.ram().slice(phys, len).unwrap_or_default().to_vec();
    format!(
        "{}\n{}\n{}\n{}",
        title(number, place, &region),
        dump::instructions(&region, place.lin as u32, bytes),
        dump::ir(&region, passes, true),
        dump::wasm(&region, &target, number)
    )
}

fn title(number: u32, place: Place, region: &Region) -> String {
    let insns: usize = region.blocks.iter().map(|b| b.insns.len()).sum();
    let blocks = region.blocks.len();
    format!("region {number} at {:08x}h: {blocks} blocks, {insns} instructions\n", place.lin)
}
