//! Events as objects or arrays, one a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vecinity::events::Format;

mod events;

fuzz_target!(|bytes: &[u8]| events::read_as(Format::Jsonl, bytes));
