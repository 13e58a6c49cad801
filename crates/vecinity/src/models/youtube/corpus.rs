//! The network on the surface of every model: a corpus in, tables and a tower out.

use super::{Config, Epoch, State, Youtube, fit};
use crate::corpus::Corpus;
use crate::embeddings::Matrix;
use crate::error::Result;
use crate::eval::recommend::{Fold, Sequences};
use crate::models::{Behind, EndOfEpoch, Fitted};
use crate::train::{Checkpoint, Control, Progress, Settings, Trained};

/// Trains a network on the sequences of a corpus: items are rows of its vocabulary. Arguments and errors are those of
/// [`ModelConfig::fit_by_epoch`](crate::models::ModelConfig::fit_by_epoch).
pub fn fit_corpus(
    config: &Config,
    corpus: &Corpus,
    settings: &Settings,
    from: Option<Checkpoint>,
    observe: &mut dyn FnMut(&Progress) -> Control,
    save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
    mut epoch: Option<EndOfEpoch<'_>>,
) -> Result<Fitted> {
    let mut train = Sequences::default();
    let mut start = 0;
    for &end in corpus.ends() {
        train.push(&corpus.tokens()[start as usize..end as usize]);
        start = end;
    }
    let fold = Fold { train, queries: Vec::new(), counts: corpus.vocab().counts().to_vec() };
    let state = from.map(|checkpoint| State {
        steps: checkpoint.next_chunk as u32,
        parameters: checkpoint.more.iter().map(|table| Matrix::copied(table).as_slice().to_vec()).collect(),
    });
    let mut last = None;
    let mut observe = |progress: &Progress| {
        last = Some(*progress);
        observe(progress)
    };
    let mut save = |state: &State, model: &Youtube| {
        let (input, output) = model.tables()?;
        let row = |values: &Vec<f32>| Matrix::new(1, values.len(), values.clone()).to_table();
        let more = state.parameters.iter().map(row).collect::<Result<_>>()?;
        save(&Checkpoint { next_chunk: u64::from(state.steps), input, output, more })
    };
    let mut each = |report: &Epoch, model: &Youtube| {
        let Some(epoch) = &mut epoch else { return Ok(true) };
        let (input, output) = model.tables()?;
        epoch(report.epoch, Behind { input: &input, output: &output, tower: Some(&model.tower()) })
    };
    let model = fit(&fold, corpus.side(), config, settings, state, &mut observe, &mut save, &mut each)?;
    let (input, output) = model.tables()?;
    // A run whose checkpoint lay behind its last step had nothing to observe.
    let progress = last.unwrap_or(Progress {
        epoch: settings.epochs,
        epochs: settings.epochs,
        tokens: 0,
        total_tokens: 0,
        loss: None,
        learning_rate: 0.0,
        seconds: 0.0,
        tokens_per_second: 0.0,
    });
    Ok(Fitted {
        trained: Trained { input, output, more: Vec::new(), outputs_are_tokens: true, progress },
        tower: Some(model.tower()),
        parts: None,
    })
}
