//! Scaffold: times the reading of events.
use vecinity::corpus::Source;
use vecinity::events::{Options, read};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let source = Source::File(args[1].clone().into());
    let threads = args.get(2).and_then(|t| t.parse().ok()).unwrap_or(2);
    let memory = args.get(3).and_then(|t| t.parse::<u64>().ok()).unwrap_or(8192);
    let begin = std::time::Instant::now();
    let (histories, report) =
        read(&[source], &Options { threads, memory_limit: memory << 20, ..Options::default() }).unwrap();
    let mut sum = 0u64;
    for h in histories.iter() {
        for (at, item) in h.items.iter().enumerate() {
            sum = sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(
                u64::from(*item)
                    ^ h.times.map_or(0, |t| t[at] as u64)
                    ^ u64::from(h.weights.map_or(0, |w| w[at].to_bits())),
            );
        }
    }
    println!(
        "{} histories {} events {} items, disk {}, {:?}, sum {sum:x}",
        histories.len(),
        histories.events(),
        histories.items().len(),
        report.sorted_on_disk,
        begin.elapsed()
    );
}
