//! What the targets of event logs have in common. Readers take files, so each input becomes one, in memory where
//! the system has it.

use std::path::PathBuf;
use std::sync::OnceLock;
use vecinity::corpus::Source;
use vecinity::events::{BadRows, Format, Grouping, Options, read};

fn file() -> &'static PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        folder.join(format!("vecinity-fuzz-{}", std::process::id()))
    })
}

/// Reads bytes as events, leniently and strictly; what is read must hold together.
pub fn read_as(format: Format, bytes: &[u8]) {
    std::fs::write(file(), bytes).unwrap();
    let source = [Source::File(file().clone())];
    for (grouping, share) in [(Grouping::Owner, 1.0), (Grouping::Basket, 0.0)] {
        let options = Options { format: Some(format), grouping, bad_rows: BadRows { share }, ..Options::default() };
        if let Ok((histories, report)) = read(&source, &options) {
            let events: usize = histories.iter().map(|history| history.items.len()).sum();
            assert_eq!(events, histories.events());
            assert!(report.events + report.bad_rows + report.other_events >= histories.events() as u64);
            for history in histories.iter() {
                assert!(history.items.iter().all(|&item| (item as usize) < histories.items().len()));
            }
        }
    }
}
