//! The whole way from histories to a measured recommender.
//!
//! 1. Split; tune the baselines by validation.
//! 2. Train on what validation leaves, stop when validation no longer gets better, keep the best epoch.
//! 3. Choose the recipe by validation, with the tuned baselines that are tables as candidates for a blend.
//! 4. Measure on test, once: the model, its vectors alone, and every baseline. Judge.
//! 5. Train again on everything, with the same settings and epochs: what is served should know today's items.

use super::choose::{Choice, choose, sample};
use super::recipe::{Pair, Recipe};
use super::recommender::{OnItems, Recommender};
use super::{Blend, Trial};
use crate::baselines::{Baseline, BaselineKind, Ease, Memory, Partner, Sparse, tune};
use crate::config::Config;
use crate::corpus::Corpus;
use crate::error::Result;
use crate::eval::recommend::{Fold, Holdout, Measured, Metrics, Split, Verdict, judge, mean_ndcg, rank};
use crate::histories::Histories;
use crate::index::Metric;
use crate::train::{Checkpoint, Control, Progress, Trained};
use crate::vocab::Vocab;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vecinity_kernel::SharedRows;

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A baseline is tuned.
    Baseline(BaselineKind),
    /// The model learns from the training part.
    Train,
    /// The recipe is chosen.
    Recipe,
    /// The model learns from the (longer) training part of the test.
    TrainForTest,
    /// The model learns from everything.
    TrainOnAll,
}

/// Who looks on while a model is made. All of it is optional; `()` looks on in silence.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, _stage: Stage) {}
    /// Called ten times a second while a model is trained.
    fn observe(&mut self, _progress: &Progress) -> Control {
        Control::Continue
    }
    /// Called behind every epoch that was measured.
    fn epoch(&mut self, _report: &EpochReport) {}
    /// A checkpoint of the run with this identity, if there is one to go on from.
    ///
    /// # Errors
    /// If it cannot be read.
    fn resume(&mut self, _run: &str) -> Result<Option<Checkpoint>> {
        Ok(None)
    }
    /// Writes a checkpoint.
    ///
    /// # Errors
    /// If it cannot be written.
    fn save(&mut self, _checkpoint: &Checkpoint, _run: &str) -> Result<()> {
        Ok(())
    }
}

impl Watch for () {}

/// An epoch, measured on validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Its number, from 1.
    pub epoch: u32,
    /// NDCG@10 on (a sample of) validation, asked in a fixed simple way.
    pub ndcg: f64,
    /// Whether it is the best so far.
    pub best: bool,
}

/// A line of the evaluation: the model or a baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What validation chose for it.
    pub settings: String,
    /// NDCG@10 on (a sample of) validation.
    pub valid_ndcg: f64,
    /// Its figures on test.
    pub test: Metrics,
}

/// How good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was held out.
    pub holdout: Holdout,
    /// The model, its vectors alone if it blends, and the baselines.
    pub rows: Vec<Row>,
    /// What to think of it.
    pub verdict: Verdict,
    /// The epochs, if they were measured.
    pub epochs: Vec<EpochReport>,
    /// The epoch that was kept.
    pub best_epoch: u32,
    /// Whether the model was then trained again on everything.
    pub refit: bool,
}

/// A model that is ready to be stored.
#[derive(Debug)]
pub struct Learned {
    /// What it was trained on last.
    pub corpus: Corpus,
    /// Its tables.
    pub trained: Trained,
    /// How to ask it.
    pub recipe: Recipe,
    /// The table of the recipe's blend, by rows of the vocabulary.
    pub table: Option<Sparse>,
    /// How good it is; absent without a holdout.
    pub evaluation: Option<Evaluation>,
    /// All recipes that were tried.
    pub trials: Vec<Trial>,
}

/// Queries by which an epoch is measured, at most.
const EPOCH_QUERIES: usize = 3000;

/// Makes a model of histories, with everything around it.
///
/// # Errors
/// What the steps say: nothing to hold out, settings out of range, no item frequent enough, divergence,
/// [`Error::Interrupted`](crate::Error::Interrupted) if the watch stopped it.
pub fn learn(histories: &Histories, config: &Config, watch: &mut dyn Watch) -> Result<Learned> {
    config.train.check()?;
    let holdout = config.evaluate.holdout.unwrap_or(if histories.ordered() { Holdout::Last } else { Holdout::Basket });
    let run = Run { histories, config };
    if holdout == Holdout::None {
        let everything = Fold::everything(histories);
        let (corpus, trained) = run.train(&everything, None, Stage::TrainOnAll, watch)?;
        let recipe = start(histories.ordered());
        return Ok(Learned { corpus, trained, recipe, table: None, evaluation: None, trials: Vec::new() });
    }
    let split = Split::new(histories, holdout)?;
    let baselines = run.baselines(&split, watch)?;
    let (corpus, mut trained, snapshot) = run.train_by_validation(&split.valid, watch)?;
    let best_epoch = snapshot.epoch;
    watch.stage(Stage::Recipe);
    let rows = rows_of(histories.items(), corpus.vocab());
    let tables = run.tables(&split.valid, &baselines, &rows, corpus.vocab())?;
    let model = snapshot.recommender(corpus.vocab(), histories.ordered());
    let choice = choose(&model, &rows, &split.valid, histories.ordered(), &tables, config.train.threads);
    let mut tested = Tested { corpus, model, tables, rows };
    if split.one_training {
        snapshot.restore(&mut trained);
    } else {
        let (corpus, again) = run.train(&split.test, Some(best_epoch), Stage::TrainForTest, watch)?;
        let rows = rows_of(histories.items(), corpus.vocab());
        let tables = run.tables(&split.test, &baselines, &rows, corpus.vocab())?;
        let model =
            Snapshot::of(best_epoch, &again.input, &again.output).recommender(corpus.vocab(), histories.ordered());
        tested = Tested { corpus, model, tables, rows };
        trained = again;
    }
    let rows = run.measure(&split.test, &tested, &choice, &baselines);
    let verdict = verdict(&rows);
    let rows = rows.into_iter().map(|(row, _)| row).collect();
    let refit = config.evaluate.refit;
    let evaluation = Evaluation { holdout, rows, verdict, epochs: snapshot.epochs.clone(), best_epoch, refit };
    let recipe = choice.best.recipe;
    let of_blend = |tables: &[(Partner, Arc<Sparse>)]| {
        let wanted = recipe.blend.map(|blend| blend.partner);
        tables.iter().find(|(partner, _)| Some(*partner) == wanted).map(|(_, table)| (**table).clone())
    };
    let (corpus, trained, table) = if refit {
        let everything = Fold::everything(histories);
        let (corpus, trained) = run.train(&everything, Some(best_epoch), Stage::TrainOnAll, watch)?;
        let rows = rows_of(histories.items(), corpus.vocab());
        let table =
            recipe.blend.map(|blend| run.table(&everything, blend.partner, &rows, corpus.vocab())).transpose()?;
        (corpus, trained, table)
    } else {
        let table = of_blend(&tested.tables);
        (tested.corpus, trained, table)
    };
    Ok(Learned { corpus, trained, recipe, table, evaluation: Some(evaluation), trials: choice.trials })
}

/// The recipe before anything is known: what training brought together, asked of the newest items.
fn start(ordered: bool) -> Recipe {
    let memory = if ordered { Memory { last: 5, decay: 0.8 } } else { Memory::ALL };
    Recipe { vectors: Pair::InOut, metric: Metric::Dot, memory, popularity: 0.0, blend: None }
}

/// The row in `vocab` of each item; `u32::MAX` if it is not in it.
fn rows_of(items: &Vocab, vocab: &Vocab) -> Vec<u32> {
    items.iter().map(|(_, token, _)| vocab.get(token).map_or(u32::MAX, |id| id.0)).collect()
}

/// Tables as they were behind an epoch.
struct Snapshot {
    epoch: u32,
    input: Vec<f32>,
    output: Vec<f32>,
    dim: usize,
    epochs: Vec<EpochReport>,
}

impl Snapshot {
    fn of(epoch: u32, input: &SharedRows, output: &SharedRows) -> Self {
        let copy = |table: &SharedRows| {
            let mut values = vec![0.0; table.rows() * table.dim()];
            for (row, to) in values.chunks_exact_mut(table.dim()).enumerate() {
                table.read_into(row, to);
            }
            values
        };
        Self { epoch, input: copy(input), output: copy(output), dim: input.dim(), epochs: Vec::new() }
    }

    fn recommender(&self, vocab: &Vocab, ordered: bool) -> Recommender {
        Recommender::in_training(vocab, self.input.clone(), self.output.clone(), self.dim, start(ordered))
    }

    /// Puts the tables back.
    fn restore(&self, trained: &mut Trained) {
        for (table, values) in [(&mut trained.input, &self.input), (&mut trained.output, &self.output)] {
            for (row, from) in values.chunks_exact(self.dim).enumerate() {
                table.row_mut(row).copy_from_slice(from);
            }
        }
    }
}

/// A model as it is asked about the test.
struct Tested {
    corpus: Corpus,
    model: Recommender,
    tables: Vec<(Partner, Arc<Sparse>)>,
    rows: Vec<u32>,
}

struct Run<'a> {
    histories: &'a Histories,
    config: &'a Config,
}

impl Run<'_> {
    fn threads(&self) -> usize {
        self.config.train.threads
    }

    fn baselines(&self, split: &Split, watch: &mut dyn Watch) -> Result<Vec<Baseline>> {
        let too_large = split.test.catalogue().max(split.valid.catalogue()) > Ease::LIMIT;
        let kinds = match &self.config.evaluate.baselines {
            Some(kinds) => kinds.clone(),
            None => BaselineKind::ALL.into_iter().filter(|kind| !(*kind == BaselineKind::Ease && too_large)).collect(),
        };
        let tuned = kinds.into_iter().map(|kind| {
            watch.stage(Stage::Baseline(kind));
            tune(kind, split, self.histories.ordered(), self.threads())
        });
        tuned.collect()
    }

    fn corpus(&self, fold: &Fold) -> Result<Corpus> {
        Corpus::from_sequences(self.histories.items(), fold.train.iter(), self.config.data.min_count)
    }

    /// Trains on a fold, to the end or to the end of an epoch.
    fn train(&self, fold: &Fold, last: Option<u32>, stage: Stage, watch: &mut dyn Watch) -> Result<(Corpus, Trained)> {
        watch.stage(stage);
        let corpus = self.corpus(fold)?;
        let trained = self.fit(&corpus, watch, &mut |epoch, _, _| Ok(last.is_none_or(|last| epoch < last)))?;
        Ok((corpus, trained))
    }

    fn fit(
        &self,
        corpus: &Corpus,
        watch: &mut dyn Watch,
        epoch: &mut dyn FnMut(u32, &Checkpoint, &mut dyn Watch) -> Result<bool>,
    ) -> Result<Trained> {
        let run = self.config.identity(corpus.fingerprint());
        let from = watch.resume(&run)?;
        let watch = std::cell::RefCell::new(watch);
        self.config.model.fit_by_epoch(
            corpus,
            &self.config.train,
            from,
            &mut |progress| watch.borrow_mut().observe(progress),
            &mut |checkpoint| watch.borrow_mut().save(checkpoint, &run),
            Some(&mut |number, checkpoint| epoch(number, checkpoint, &mut **watch.borrow_mut())),
        )
    }

    /// Trains while validation gets better; the tables behind the best epoch are in the snapshot.
    fn train_by_validation(&self, valid: &Fold, watch: &mut dyn Watch) -> Result<(Corpus, Trained, Snapshot)> {
        watch.stage(Stage::Train);
        let corpus = self.corpus(valid)?;
        let patience = self.config.evaluate.patience;
        let rows = rows_of(self.histories.items(), corpus.vocab());
        let asked = sample(valid).sampled(EPOCH_QUERIES);
        let (mut best, mut epochs, mut best_ndcg) = (None, Vec::new(), -1.0);
        let ordered = self.histories.ordered();
        let trained = self.fit(&corpus, watch, &mut |epoch, state, watch| {
            if patience == 0 {
                return Ok(true);
            }
            let snapshot = Snapshot::of(epoch, &state.input, &state.output);
            let recommender = snapshot.recommender(corpus.vocab(), ordered);
            let scorer = OnItems { recommender: &recommender, rows: &rows };
            let ndcg = mean_ndcg(&rank(&scorer, &asked, self.threads()));
            let report = EpochReport { epoch, ndcg, best: ndcg > best_ndcg };
            if report.best {
                best_ndcg = ndcg;
                best = Some(snapshot);
            }
            watch.epoch(&report);
            epochs.push(report);
            Ok(best.as_ref().is_none_or(|best: &Snapshot| epoch < best.epoch + patience))
        })?;
        let last = self.config.train.epochs;
        let mut best = best.unwrap_or_else(|| Snapshot::of(last, &trained.input, &trained.output));
        best.epochs = epochs;
        Ok((corpus, trained, best))
    }

    /// The tables that can be blended: those of the tuned baselines.
    fn tables(
        &self,
        fold: &Fold,
        baselines: &[Baseline],
        rows: &[u32],
        vocab: &Vocab,
    ) -> Result<Vec<(Partner, Arc<Sparse>)>> {
        if !self.config.evaluate.blend {
            return Ok(Vec::new());
        }
        let partners = baselines.iter().filter_map(|baseline| baseline.partner);
        partners.map(|partner| Ok((partner, Arc::new(self.table(fold, partner, rows, vocab)?)))).collect()
    }

    fn table(&self, fold: &Fold, partner: Partner, rows: &[u32], vocab: &Vocab) -> Result<Sparse> {
        Ok(partner.fit(fold, self.threads())?.renumbered(rows, vocab.len()))
    }

    /// The model, its vectors alone if they are not all of it, and the baselines, on test.
    fn measure(&self, test: &Fold, tested: &Tested, choice: &Choice, baselines: &[Baseline]) -> Vec<(Row, Measured)> {
        let mut rows = Vec::new();
        let mut add = |name: &str, settings: String, valid_ndcg: f64, measured: Measured| {
            let row = Row { name: name.to_owned(), settings, valid_ndcg, test: measured.metrics.clone() };
            rows.push((row, measured));
        };
        let ask = |trial: &Trial| {
            let wanted = trial.recipe.blend.map(|Blend { partner, .. }| partner);
            let table =
                tested.tables.iter().find(|(partner, _)| Some(*partner) == wanted).map(|(_, table)| Arc::clone(table));
            let recommender = tested.model.asked(trial.recipe, table);
            let scorer = OnItems { recommender: &recommender, rows: &tested.rows };
            Measured::new(&rank(&scorer, test, self.threads()), test)
        };
        add("this model", choice.best.recipe.to_string(), choice.best.ndcg, ask(&choice.best));
        if choice.best.recipe.blend.is_some() {
            add("its vectors alone", choice.plain.recipe.to_string(), choice.plain.ndcg, ask(&choice.plain));
        }
        for baseline in baselines {
            let measured = Measured::new(&rank(&*baseline.scorer, test, self.threads()), test);
            add(baseline.kind.name(), baseline.settings.clone(), baseline.valid, measured);
        }
        rows
    }
}

/// The first row against the baselines.
fn verdict(rows: &[(Row, Measured)]) -> Verdict {
    let baselines: Vec<(String, Measured)> = (rows.iter().skip(1))
        .filter(|(row, _)| row.name != "its vectors alone")
        .map(|(row, measured)| (row.name.clone(), measured.clone()))
        .collect();
    match rows.first() {
        Some((_, model)) => judge(model, &baselines),
        None => Verdict::Alone,
    }
}
