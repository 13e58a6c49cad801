//! The way of text: sentences become a corpus, a corpus becomes vectors.

use super::conduct::Conduct;
use super::{Data, Done, How, Show, Titles, nodes, work_dir};
use crate::config::{Config, Kind};
use crate::corpus::{Corpus, Tokens};
use crate::error::{Result, grouped};
use crate::id::TokenId;
use crate::model_dir::{self, NewModel, Origin};
use crate::models::Fitted;
use crate::train::{Beside, Checkpoint};
use std::cell::RefCell;
use std::path::Path;
use std::time::Instant;

/// Text that was read, or walks over a graph.
#[derive(Debug)]
pub struct Text {
    /// What is made of it.
    pub config: Config,
    /// Its tokens.
    pub corpus: Corpus,
    titles: Option<Titles>,
}

impl Text {
    pub(super) fn read(
        config: Config,
        data: &Data,
        titles: Option<Titles>,
        beside: Option<&Path>,
        show: &mut dyn Show,
    ) -> Result<Self> {
        let corpus = Self::corpus(&config, data, beside, show)?;
        if let Some(titles) = &titles {
            titles.say(corpus.vocab(), show)?;
        }
        if config.data.kind == Kind::Text {
            warn(&config, &corpus, show);
        }
        Ok(Self { config, corpus, titles })
    }

    /// Reads the data and says what was found.
    ///
    /// # Errors
    /// As [`corpus::read`](crate::corpus::read).
    pub fn corpus(config: &Config, data: &Data, beside: Option<&Path>, show: &mut dyn Show) -> Result<Corpus> {
        if let Some(settings) = &config.graph {
            return nodes::corpus(config, settings, data, beside, show);
        }
        let begun = Instant::now();
        let corpus = data.corpus(config, work_dir(beside))?;
        let report = corpus.report();
        let seconds = begun.elapsed().as_secs_f64();
        let from = match report.files {
            0 => String::new(),
            1 => " from 1 file".into(),
            files => format!(" from {files} files"),
        };
        show.say(&format!(
            "read    {} lines, {} tokens, {:.1} MB{from}   {seconds:.1} s",
            grouped(report.lines),
            grouped(report.tokens),
            report.bytes as f64 / 1e6,
        ));
        show.say(&format!(
            "vocab   {} of {} distinct tokens (min-count {}), {} occurrences kept",
            grouped(corpus.vocab().len() as u64),
            grouped(report.distinct),
            config.data.min_count,
            grouped(report.kept_tokens),
        ));
        Ok(corpus)
    }

    /// Trains word vectors and writes the model.
    ///
    /// # Errors
    /// What training and writing say.
    pub fn train(self, path: &Path, how: How, show: &mut dyn Show) -> Result<Done> {
        let Self { config, corpus, titles } = self;
        model_dir::check_space(path, corpus.vocab().len(), config.train.dim)?;
        let run = config.identity(corpus.fingerprint());
        let mut conduct = Conduct::new(how, path, show);
        let from = conduct.resume(&run)?.map(|resumed| resumed.checkpoint);
        let folder = conduct.folder().to_owned();
        let mut save = |state: &Checkpoint| state.save(&folder, &run, &Beside::default());
        let result = if conduct.show.looks_at_epochs() {
            let conduct = RefCell::new(&mut conduct);
            config.model.fit_by_epoch(
                &corpus,
                &config.train,
                from,
                &mut |progress| conduct.borrow_mut().observe(progress),
                &mut save,
                Some(&mut |epoch, _| Ok(conduct.borrow_mut().show.goes_on(epoch))),
            )
        } else {
            let observe = &mut |progress: &_| conduct.observe(progress);
            config.model.fit_by_epoch(&corpus, &config.train, from, observe, &mut save, None)
        };
        let Fitted { trained, .. } = conduct.ended(result)?;
        let origin = Origin::Trained {
            data: corpus.fingerprint().to_owned(),
            corpus_tokens: corpus.tokens().len() as u64,
            sequences: corpus.sequences() as u64,
            loss: conduct.last_loss(),
            seconds: trained.progress.seconds,
        };
        let model = NewModel {
            metadata: titles.as_ref().map(|found| &found.metadata),
            config: Some(&config),
            training: conduct.log(),
            ..NewModel::trained(corpus.vocab(), &trained, origin)
        };
        model.save(path)?;
        conduct.remove_checkpoint()?;
        Ok(Done::of(corpus.vocab(), config.train.dim, &trained.progress))
    }
}

/// Says aloud what will probably disappoint.
fn warn(config: &Config, corpus: &Corpus, show: &mut dyn Show) {
    let report = corpus.report();
    if report.skipped_lines > 0 {
        show.say(&format!("note    {} lines left out: not UTF-8", grouped(report.skipped_lines)));
    }
    if report.pruned_below > 0 {
        show.say(&format!(
            "note    counting ran over --max-vocab: tokens seen {} times or less may have been forgotten",
            report.pruned_below
        ));
    }
    if report.han_runs * 20 > report.tokens && config.data.tokens == Tokens::Whitespace {
        show.say("warning Chinese or Japanese text without spaces: each 'token' is a phrase. --tokens chinese cuts it into words");
    }
    let keep = crate::train::survival(corpus.vocab(), config.train.subsample);
    let survivors: f64 = corpus.vocab().iter().map(|(TokenId(row), _, n)| keep[row as usize] * n as f64).sum();
    let per_sequence = survivors / corpus.sequences().max(1) as f64;
    if per_sequence < 2.0 {
        show.say(&format!(
            "warning {per_sequence:.2} tokens a sequence are left after subsampling; at least 2 are needed to learn from one. \
             --subsample 0 keeps all"
        ));
    }
}
