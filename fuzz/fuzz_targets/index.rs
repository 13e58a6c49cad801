//! Segments of an index with any bytes and a right checksum. One that opens must answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vecinity::checksum;
use vecinity::index::{Effort, Scratch, Segment};

fuzz_target!(|bytes: &[u8]| {
    let sum = checksum::of_bytes(bytes);
    let file = [bytes, sum.as_bytes()].concat();
    if let Ok(segment) = Segment::parse(&file) {
        let query = vec![0.5; segment.dim()];
        for effort in [Effort::walk(5), Effort::coarse(5)] {
            let found = segment.search(&mut Scratch::new(segment.dim()), &query, 3, effort, None);
            assert!(found.iter().all(|found| !found.score.is_nan()));
        }
    }
});
