//! NumPy arrays, with the ids `a` and `b`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, Source, npy};

fuzz_target!(|bytes: &[u8]| {
    let name = Path::new("fuzz");
    let _ = npy::parse(Source::bytes(name, bytes), Source::bytes(name, b"a\nb\n"), &ReadOptions::default());
});
