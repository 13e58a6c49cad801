//! word2vec binary.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, Source, word2vec};

fuzz_target!(|bytes: &[u8]| {
    let _ = word2vec::parse_binary(Source::bytes(Path::new("fuzz"), bytes), &ReadOptions::default());
});
