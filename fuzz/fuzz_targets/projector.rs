//! Projector vectors and metadata: two files, parted by the first zero byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, Source, projector};

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (vectors, names) = bytes.split_at(end);
    let names = names.get(1..).unwrap_or_default();
    let source = |bytes| Source::bytes(Path::new("fuzz"), bytes);
    let _ = projector::parse(source(vectors), source(names), &ReadOptions::default());
});
