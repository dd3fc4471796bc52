//! Vectors captured from an 80286 in real mode.

use isa::executor::Evaluated;
use isa::moo;
use isa::real_mode::RealMode;
use isa::tally::Tally;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The mask of defined flags, by form.
fn flags_mask(metadata: &Value, form: &str) -> u16 {
    let (opcode, extension) = form.split_once('.').map_or((form, None), |(o, e)| (o, Some(e)));
    let entry = &metadata["opcodes"][opcode];
    let entry = extension.map_or(entry, |e| &entry["reg"][e]);
    entry["flags-mask"].as_u64().map_or(0xFFFF, |m| m as u16)
}

fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).expect("the vectors' folder");
    let mut out: Vec<(String, PathBuf)> = entries
        .filter_map(|e| {
            let path = e.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".MOO.gz")?.to_owned();
            Some((name, path))
        })
        .collect();
    out.sort();
    out
}

#[test]
fn explore() {
    let folder = std::env::var_os("PAGEVM_SST286").map(PathBuf::from).expect("folder");
    let text = std::fs::read_to_string(folder.join("metadata.json")).expect("metadata");
    let metadata: Value = serde_json::from_str(&text).expect("JSON");
    let mut world = RealMode::new().expect("host memory");
    let mut tally = Tally::default();
    for (form, path) in files(&folder) {
        let data = moo::unpack(&std::fs::read(&path).expect("a file")).expect("gzip");
        let mask = flags_mask(&metadata, &form);
        for t in moo::parse(&data).expect("MOO") {
            tally.note(&form, world.check_loop(&t, mask));
            tally.note(&format!("{form} ir"), world.check(&t, mask, &mut Evaluated));
        }
    }
    panic!("{:?}\n{}", tally.totals(), tally.report());
}
