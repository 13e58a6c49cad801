//! Parquet tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use vecinity::formats::{ReadOptions, parquet};

fuzz_target!(|bytes: &[u8]| {
    let _ = parquet::parse(bytes::Bytes::copy_from_slice(bytes), Path::new("fuzz"), &ReadOptions::default());
});
