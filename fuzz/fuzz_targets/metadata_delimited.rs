//! Metadata as CSV or TSV, by their header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::metadata::Metadata;

fuzz_target!(|bytes: &[u8]| {
    let _ = Metadata::read(bytes, Path::new("fuzz.csv"));
});
