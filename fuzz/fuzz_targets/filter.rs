//! Filters, as JSON and as typed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vecinity::recommend::filter::{Condition, Filter};

fuzz_target!(|text: &str| {
    let _ = text.parse::<Filter>();
    let _ = text.parse::<Condition>();
});
