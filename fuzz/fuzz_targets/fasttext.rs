//! fastText models.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, Source, fasttext};

fuzz_target!(|bytes: &[u8]| {
    let _ = fasttext::parse(Source::bytes(Path::new("fuzz"), bytes), &ReadOptions::default());
});
