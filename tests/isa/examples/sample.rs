//! Takes a sample of a folder of MOO files: `cargo run -p isa --example sample FROM TO TESTS-OF-EACH-FORM`.
//! That is how `vectors/sst286` was made.

use flate2::Compression;
use flate2::write::GzEncoder;
use isa::moo;
use std::io::{Error, Write};
use std::path::PathBuf;

fn main() -> Result<(), Error> {
    let mut args = std::env::args_os().skip(1);
    let mut next = || args.next().ok_or_else(|| Error::other("usage: sample FROM TO TESTS-OF-EACH-FORM"));
    let (from, to, n) = (PathBuf::from(next()?), PathBuf::from(next()?), next()?);
    let n = n.to_str().and_then(|n| n.parse().ok()).ok_or_else(|| Error::other("not a number"))?;
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if !name.to_string_lossy().ends_with(".MOO.gz") {
            continue;
        }
        let data = moo::unpack(&std::fs::read(&path)?)?;
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        out.write_all(&moo::sample(&data, n))?;
        std::fs::write(to.join(name), out.finish()?)?;
    }
    Ok(())
}
