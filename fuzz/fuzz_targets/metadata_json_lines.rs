//! Metadata as JSON Lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vecinity::Place;
use vecinity::metadata::Metadata;

fuzz_target!(|bytes: &[u8]| {
    let _ = Metadata::read_jsonl(bytes, &Place::file("fuzz"));
});
