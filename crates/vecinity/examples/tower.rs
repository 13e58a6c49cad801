//! What `bench/tower` times: steps of the network on histories of numbers, and the vectors of a trained one.
//!
//! ```text
//! tower time RUN.toml DATA WARM EXAMPLES        seconds of EXAMPLES examples behind WARM others
//! tower train RUN.toml DATA ASKED OUT           all epochs; vectors of the histories in ASKED and of the items to OUT
//! ```
//!
//! `DATA` and `ASKED` are little-endian u32: items, histories, the length of each history, and all events. Figures are
//! printed as JSON; CPU seconds and peak memory are those of the process, as Linux counts them.

use std::error::Error;
use std::fs;
use std::time::Instant;
use vecinity::eval::recommend::{Fold, Sequences};
use vecinity::models::youtube::{Config, Epoch, Youtube, fit, memory};
use vecinity::train::{Control, Progress, Settings};

/// The two tables of `RUN.toml`.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Run {
    network: Config,
    train: Settings,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["time", run, data, warm, examples] => {
            time(&toml::from_str(&fs::read_to_string(run)?)?, &read(data)?, warm.parse()?, examples.parse()?)
        }
        ["train", run, data, asked, out] => {
            train(&toml::from_str(&fs::read_to_string(run)?)?, &read(data)?, &read(asked)?, out)
        }
        _ => Err("usage: tower time RUN.toml DATA WARM EXAMPLES | tower train RUN.toml DATA ASKED OUT".into()),
    }
}

/// Histories; an item that does not occur counts as one that occurs once, so that tables are as large as is said.
fn read(path: &str) -> Result<Fold, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let numbers: Vec<u32> = bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
    let [items, histories, rest @ ..] = numbers.as_slice() else { return Err("no header".into()) };
    let (lengths, mut events) = rest.split_at_checked(*histories as usize).ok_or("lengths are missing")?;
    let (mut train, mut counts) = (Sequences::default(), vec![0; *items as usize]);
    for &length in lengths {
        let (history, behind) = events.split_at_checked(length as usize).ok_or("events are missing")?;
        for &item in history {
            *counts.get_mut(item as usize).ok_or("an item beyond the catalogue")? += 1;
        }
        train.push(history);
        events = behind;
    }
    counts.iter_mut().for_each(|count: &mut u64| *count = (*count).max(1));
    Ok(Fold { train, counts, ..Fold::default() })
}

/// Examples and clocks at a moment.
struct Moment {
    examples: u64,
    wall: Instant,
    cpu: f64,
}

impl Moment {
    fn now(examples: u64) -> Result<Self, Box<dyn Error>> {
        Ok(Self { examples, wall: Instant::now(), cpu: cpu_seconds()? })
    }

    fn since(&self, start: &Self) -> String {
        let (examples, wall) = (self.examples - start.examples, (self.wall - start.wall).as_secs_f64());
        let cpu = self.cpu - start.cpu;
        format!("\"examples\": {examples}, \"wall\": {wall:.4}, \"cpu\": {cpu:.2}")
    }
}

fn time(run: &Run, fold: &Fold, warm: u64, examples: u64) -> Result<(), Box<dyn Error>> {
    let (mut start, mut end, mut peak) = (None, None, 0.0);
    let mut observe = |progress: &Progress| {
        let now = Moment::now(progress.tokens).ok();
        if start.is_none() && progress.tokens >= warm {
            start = now;
        } else if progress.tokens >= warm + examples {
            (end, peak) = (now, peak_mib().unwrap_or(0.0));
            return Control::Stop;
        }
        Control::Continue
    };
    // A run that was stopped is what is wanted here.
    let ended = fit(fold, None, &run.network, &run.train, None, &mut observe, &mut |_, _| Ok(()), &mut |_, _| Ok(true));
    let (Some(start), Some(end)) = (start, end) else {
        return Err(ended.err().map_or_else(|| "too few examples".into(), Into::into));
    };
    println!("{{{}, \"peak_mib\": {peak:.0}, \"memory_line_mib\": {}}}", end.since(&start), line(run, fold));
    Ok(())
}

fn train(run: &Run, fold: &Fold, asked: &Fold, out: &str) -> Result<(), Box<dyn Error>> {
    let start = Moment::now(0)?;
    let (mut losses, mut peak) = (Vec::new(), 0.0);
    let mut observe = |_: &Progress| {
        peak = peak_mib().unwrap_or(0.0);
        Control::Continue
    };
    let mut epoch = |epoch: &Epoch, _: &Youtube| {
        losses.push(epoch.loss);
        Ok(true)
    };
    let model = fit(fold, None, &run.network, &run.train, None, &mut observe, &mut |_, _| Ok(()), &mut epoch)?;
    let examples = fold.train.iter().map(|history| history.len().saturating_sub(1) as u64).sum::<u64>();
    let end = Moment::now(examples * u64::from(run.train.epochs))?;
    let histories: Vec<&[u32]> = asked.train.iter().collect();
    for (ending, values) in [
        ("users", &model.user_vectors(&histories)[..]),
        ("items", model.item_vectors()),
        ("biases", model.item_biases()),
    ] {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(format!("{out}.{ending}"), bytes)?;
    }
    println!(
        "{{{}, \"peak_mib\": {peak:.0}, \"memory_line_mib\": {}, \"width\": {}, \"losses\": {losses:?}}}",
        end.since(&start),
        line(run, fold),
        model.width()
    );
    Ok(())
}

/// What training says beforehand that it takes at most, MiB.
fn line(run: &Run, fold: &Fold) -> u64 {
    memory(&run.network, &run.train, fold.catalogue(), fold.train.events()) >> 20
}

/// User and system time of this process so far: fields 14 and 15 of `/proc/self/stat`, in hundredths.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let behind = text.rsplit(')').next().ok_or("no name in /proc/self/stat")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).ok_or("no ticks");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory that this process has had, MiB.
fn peak_mib() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}
