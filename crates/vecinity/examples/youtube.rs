//! From a file of events to a measured network, step by step.
//!
//! ```text
//! cargo run --release --example youtube -- EVENTS [network.toml]
//! ```
//!
//! `EVENTS` is CSV, TSV, JSON Lines or Parquet with columns for user, item and (better) time. The optional second file
//! changes settings, in two tables:
//!
//! ```toml
//! [network]          # vecinity::models::youtube::Config
//! history = 50
//! hidden = [256]
//!
//! [train]            # vecinity::deep::Settings
//! epochs = 12
//! threads = 2
//! ```

use vecinity::corpus::expand;
use vecinity::deep::Settings;
use vecinity::eval::recommend::{Holdout, Measured, Split, rank};
use vecinity::events::{Options, read};
use vecinity::models::youtube::{Config, Epoch, Youtube, fit, memory};
use vecinity::train::{Control, Progress};

/// The two tables of the second file.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Run {
    network: Config,
    train: Settings,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [events, rest @ ..] = arguments.as_slice() else {
        return Err("usage: youtube EVENTS [network.toml]".into());
    };
    let run: Run = match rest.first() {
        Some(path) => toml::from_str(&std::fs::read_to_string(path)?)?,
        None => Run::default(),
    };

    // Who did what, in order.
    let (histories, report) = read(&expand(&[events])?, &Options::default())?;
    eprintln!("{} events of {} owners", report.events, report.histories);

    // The last event of everybody is test, the one before validation. Nothing is learned from either.
    let split = Split::new(&histories, Holdout::Last)?;
    let (items, known) = (split.valid.catalogue(), split.valid.train.events());
    eprintln!("{items} items; training takes at most {} MB", memory(&run.network, &run.train, items, known) >> 20);

    // Epochs of steps; validation chooses the one that is kept.
    let (mut best, mut kept) = (-1.0, None);
    let mut epoch = |epoch: &Epoch, model: &Youtube| {
        let valid = Measured::new(&rank(model, &split.valid, run.train.threads), &split.valid).metrics;
        let better = valid.ndcg[0] > best;
        if better {
            (best, kept) = (valid.ndcg[0], Some(model.clone()));
        }
        eprintln!(
            "epoch {:3}  loss {:.4}  validation HR@10 {:.4}  NDCG@10 {:.4}{}  {:.1} k examples/s",
            epoch.epoch,
            epoch.loss,
            valid.hr[0],
            valid.ndcg[0],
            if better { " *" } else { "  " },
            epoch.examples as f64 / epoch.seconds / 1e3,
        );
        Ok(true)
    };
    let mut go_on = |_: &Progress| Control::Continue;
    fit(&split.valid, None, &run.network, &run.train, None, &mut go_on, &mut |_, _| Ok(()), &mut epoch)?;
    let model = kept.ok_or("no epoch")?;

    // Test is asked once, at the end. With this holdout its training part is the same.
    let figures = Measured::new(&rank(&model, &split.test, run.train.threads), &split.test).metrics;
    println!(
        "test: HR@10 {:.4} ({:.4} to {:.4})  NDCG@10 {:.4} ({:.4} to {:.4})  coverage {:.3}",
        figures.hr[0],
        figures.hr_interval[0],
        figures.hr_interval[1],
        figures.ndcg[0],
        figures.ndcg_interval[0],
        figures.ndcg_interval[1],
        figures.coverage,
    );

    // The last layer is the user: vectors for whoever asks, to be compared with the items' vectors.
    let history = histories.history(0);
    let user = model.user_vectors(&[history.items]);
    println!("the vector of {} begins with {:.3?}", history.owner, &user[..4]);
    Ok(())
}
