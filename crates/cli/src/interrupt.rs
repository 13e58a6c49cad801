//! Ctrl-C: the first asks for a checkpoint, the second ends the program at once.

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vecinity::stop::Stop;

/// Begins to watch for SIGINT and SIGTERM, which ask the work to stop.
pub(crate) fn watch() -> Result<Stop> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag is still unset when the first signal comes, set when the second does.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag.into())
}
