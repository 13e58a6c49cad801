//! safetensors, with the ids `a` and `b` if there are none inside.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, Source, safetensors};

fuzz_target!(|bytes: &[u8]| {
    let name = Path::new("fuzz");
    let ids = Some(Source::bytes(name, b"a\nb\n"));
    let _ = safetensors::parse(Source::bytes(name, bytes), ids, &ReadOptions::default());
});
