//! The way of text: lines become a corpus, a corpus becomes vectors.

use super::{Conduct, How, checkpoint_path, finish, load_metadata, origin};
use crate::output::Output;
use anyhow::Result;
use std::path::Path;
use std::time::Instant;
use vecinity::TokenId;
use vecinity::config::Config;
use vecinity::corpus::{self, Corpus, Tokens};
use vecinity::error::grouped;
use vecinity::model_dir::{self, NewModel};
use vecinity::train::{Beside, Checkpoint};

/// Trains word vectors and writes the model.
pub(crate) fn train(config: &Config, path: &Path, how: How, output: Output) -> Result<()> {
    let metadata = load_metadata(config)?;
    let corpus = read(config, path.parent(), output)?;
    if let Some(metadata) = &metadata {
        metadata.say(corpus.vocab(), output)?;
    }
    warn(config, &corpus, output);
    if how.dry_run {
        return crate::commands::inspect::dry_run(config, &corpus, output);
    }
    model_dir::check_space(path, corpus.vocab().len(), config.train.dim)?;
    let run = config.identity(corpus.fingerprint());
    let mut conduct = Conduct::new(how, path, output)?;
    let from = conduct.resume(&run)?.map(|resumed| resumed.checkpoint);
    let folder = checkpoint_path(path);
    let mut save = |state: &Checkpoint| state.save(&folder, &run, &Beside::default());
    let result = config.model.fit(&corpus, &config.train, from, &mut |progress| conduct.observe(progress), &mut save);
    let trained = conduct.ended(result)?;
    let model = NewModel {
        metadata: metadata.as_ref().map(|found| &found.metadata),
        config: Some(config),
        training: conduct.log(),
        ..NewModel::trained(corpus.vocab(), &trained, origin(&corpus, &trained, &conduct))
    };
    model.save(path)?;
    conduct.remove_checkpoint()?;
    finish(config, path, corpus.vocab(), &trained.progress, "neighbors", output)
}

/// Reads the data and says what was found.
pub(crate) fn read(config: &Config, beside: Option<&Path>, output: Output) -> Result<Corpus> {
    let begun = Instant::now();
    let sources = corpus::expand(&config.data.files)?;
    let work = beside.map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p }).map(Path::to_owned);
    let corpus = corpus::read(&sources, &config.reading(work)?)?;
    let report = corpus.report();
    let seconds = begun.elapsed().as_secs_f64();
    output.say(format_args!(
        "read    {} lines, {} tokens, {:.1} MB from {} file{}   {seconds:.1} s",
        grouped(report.lines),
        grouped(report.tokens),
        report.bytes as f64 / 1e6,
        report.files,
        if report.files == 1 { "" } else { "s" },
    ));
    output.say(format_args!(
        "vocab   {} of {} distinct tokens (min-count {}), {} occurrences kept",
        grouped(corpus.vocab().len() as u64),
        grouped(report.distinct),
        config.data.min_count,
        grouped(report.kept_tokens),
    ));
    Ok(corpus)
}

/// Says aloud what will probably disappoint.
pub(crate) fn warn(config: &Config, corpus: &Corpus, output: Output) {
    let report = corpus.report();
    if report.skipped_lines > 0 {
        output.say(format_args!("note    {} lines left out: not UTF-8", grouped(report.skipped_lines)));
    }
    if report.pruned_below > 0 {
        output.say(format_args!(
            "note    counting ran over --max-vocab: tokens seen {} times or less may have been forgotten",
            report.pruned_below
        ));
    }
    if report.han_runs * 20 > report.tokens && config.data.tokens == Tokens::Whitespace {
        output.say("warning Chinese or Japanese text without spaces: each 'token' is a phrase. --tokens chinese cuts it into words");
    }
    let keep = vecinity::train::survival(corpus.vocab(), config.train.subsample);
    let survivors: f64 = corpus.vocab().iter().map(|(TokenId(row), _, n)| keep[row as usize] * n as f64).sum();
    let per_sequence = survivors / corpus.sequences().max(1) as f64;
    if per_sequence < 2.0 {
        output.say(format_args!(
            "warning {per_sequence:.2} tokens a sequence are left after subsampling; at least 2 are needed to learn from one. \
             --subsample 0 keeps all"
        ));
    }
}
