//! The whole way from histories to a measured recommender.
//!
//! 1. Split; tune the baselines by validation.
//! 2. Train on what validation leaves. Stop if validation gets worse by more than chance, and go back to the best
//!    epoch then; otherwise the last one is kept: where the rate has fallen, a lead of an earlier epoch is luck.
//! 3. Choose the recipe by validation, with the tuned baselines that are tables as candidates for a blend, and where
//!    histories have goals, item-kNN that knows them.
//! 4. Measure on test, once: the model, its vectors alone, and every baseline. Judge.
//! 5. Train again on everything, with the same settings and epochs: what is served should know today's items.
//!
//! A stopped run goes on where its checkpoint says: the tables in training, the best so far, and the
//! choices already made ([`Note`]) are in it.

use super::choose::{Choice, Trial, beyond_chance, choose, sample};
use super::recipe::{Blend, Pair, Recipe};
use super::recommender::Recommender;
use super::snapshot::{Snapshot, recommender};
use super::translation::{Translation, corpus};
use super::watch::{Note, Stage, Watch};
use crate::baselines::{Baseline, BaselineKind, Ease, Memory, Partner, Sparse, tune};
use crate::config::Config;
use crate::corpus::Corpus;
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::eval::recommend::{Fold, Holdout, Measured, Metrics, Split, Verdict, judge, ndcg_of_each, rank};
use crate::histories::Histories;
use crate::index::Metric;
use crate::models::eges::Parts;
use crate::models::{Behind, Fitted, ModelConfig, Tower};
use crate::stop::{self, Stop};
use crate::train::{Beside, Checkpoint, Resumed, Trained};
use crate::vocab::Vocab;
use serde::{Deserialize, Serialize};
use std::cell::{OnceCell, RefCell};
use std::sync::Arc;
use vecinity_kernel::SharedRows;

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

impl Row {
    /// The name of the model's own line.
    pub const MODEL: &'static str = "this model";
    /// The name of the line of a blended model's vectors.
    pub const VECTORS: &'static str = "its vectors alone";
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

/// What the model folder keeps of it: `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricsFile {
    /// How good the model is.
    pub evaluation: Evaluation,
    /// All recipes that were tried, in the order of trial.
    pub trials: Vec<Trial>,
}

/// A model that is ready to be stored.
#[derive(Debug)]
pub struct Learned {
    /// What it was trained on last.
    pub corpus: Corpus,
    /// Its tables.
    pub trained: Trained,
    /// The network that makes user vectors, if it has one.
    pub tower: Option<Tower>,
    /// What makes vectors of new items of their fields, if it learned that.
    pub parts: Option<Parts>,
    /// How to ask it; absent if its output table belongs to no items (hierarchical softmax).
    pub recipe: Option<Recipe>,
    /// The tables of the recipe's blend in its order, by rows of the vocabulary.
    pub blended: Vec<Sparse>,
    /// How good it is; absent without a holdout.
    pub metrics: Option<MetricsFile>,
}

/// Queries by which an epoch is measured, at most.
const EPOCH_QUERIES: usize = 3000;

/// Makes a model of histories, with everything around it.
///
/// # Errors
/// What the steps say: nothing to hold out, settings out of range, no item frequent enough, divergence,
/// [`Error::Interrupted`] if the watch stopped it.
pub fn learn(histories: &Histories, config: &Config, watch: &mut dyn Watch) -> Result<Learned> {
    config.train.check()?;
    let identity = config.identity_of_items(&histories.fingerprint());
    let mut run = Run { histories, config, identity, resumed: None };
    if let Some(resumed) = watch.resume(&run.identity)? {
        run.resumed = Some((run.note(&resumed)?, resumed));
    }
    let holdout = config.evaluate.holdout.unwrap_or_else(|| Holdout::usual(histories));
    if holdout == Holdout::None {
        return run.without_holdout(watch);
    }
    if !config.model.outputs_are_tokens() {
        let allowed = "ns: a tree has no output vectors of items to recommend by; or --holdout none for vectors alone";
        return Err(Error::setting("loss", "hs", allowed));
    }
    let judged = match run.resumed.take() {
        Some((Note::TrainOnAll { evaluation, choice }, resumed)) => {
            watch.judged(&evaluation);
            run.resumed = Some((Note::TrainOnAll { evaluation: evaluation.clone(), choice: choice.clone() }, resumed));
            Judged { evaluation, choice, tested: None }
        }
        earlier => {
            run.resumed = earlier;
            run.judge(holdout, watch)?
        }
    };
    run.finish(judged, watch)
}

/// The recipe before anything is known: what training brought together, asked of the newest items.
pub(super) fn start(tower: Option<&Tower>, ordered: bool) -> Recipe {
    if let Some(tower) = tower {
        return Recipe::of_tower(tower);
    }
    let memory = if ordered { Memory { last: 5, decay: 0.8 } } else { Memory::ALL };
    Recipe { vectors: Pair::InOut, metric: Metric::Dot, memory, popularity: 0.0, blend: Vec::new() }
}

/// A model trained by validation.
struct Chosen {
    corpus: Corpus,
    fitted: Fitted,
    best: Snapshot,
    epochs: Vec<EpochReport>,
}

/// A model as it is asked about the test.
struct Tested<'a> {
    corpus: Corpus,
    fitted: Fitted,
    model: Recommender,
    tables: Vec<(Partner, Arc<Sparse>)>,
    translation: Translation<'a>,
}

/// A measured model; `tested` is absent if that happened in an earlier process.
struct Judged<'a> {
    evaluation: Evaluation,
    choice: Choice,
    tested: Option<Tested<'a>>,
}

struct Run<'a> {
    histories: &'a Histories,
    config: &'a Config,
    identity: String,
    /// The checkpoint of a stopped run, until the stage it belongs to begins.
    resumed: Option<(Note, Resumed)>,
}

impl<'a> Run<'a> {
    fn threads(&self) -> usize {
        self.config.train.threads
    }

    fn note(&self, resumed: &Resumed) -> Result<Note> {
        serde_json::from_str(&resumed.note).map_err(|error| {
            let what = format!("the note beside the checkpoint is damaged: {error}");
            Error::data(what, "delete the checkpoint and train from the start")
        })
    }

    fn without_holdout(&mut self, watch: &mut dyn Watch) -> Result<Learned> {
        let fold = Fold::everything(self.histories);
        let note = Note::Train { epochs: Vec::new(), each: Vec::new(), worse: 0 };
        let (corpus, Fitted { trained, tower, parts }) = self.train(&fold, None, Stage::TrainOnAll, &note, watch)?;
        let recipe = trained.outputs_are_tokens.then(|| start(tower.as_ref(), self.histories.ordered()));
        Ok(Learned { corpus, trained, tower, parts, recipe, blended: Vec::new(), metrics: None })
    }

    /// Steps 1 to 4.
    fn judge(&mut self, holdout: Holdout, watch: &mut dyn Watch) -> Result<Judged<'a>> {
        let split = Split::new(self.histories, holdout)?;
        let baselines = self.baselines(&split, watch)?;
        let ordered = self.histories.ordered();
        let (choice, epochs, best_epoch, mut tested) = match self.resumed.take() {
            Some((Note::TrainForTest { epochs, best_epoch, choice }, resumed)) => {
                let note = Note::TrainForTest { epochs: epochs.clone(), best_epoch, choice: choice.clone() };
                self.resumed = Some((note, resumed));
                (choice, epochs, best_epoch, None)
            }
            earlier => {
                self.resumed = earlier;
                let Chosen { corpus, mut fitted, best, epochs } = self.train_by_validation(&split.valid, watch)?;
                watch.stage(Stage::Recipe);
                let translation = Translation::new(self.histories, corpus.vocab(), fitted.tower.as_ref());
                let tables = self.tables(&split.valid, &baselines, &translation.rows, corpus.vocab())?;
                let model = best.recommender(corpus.vocab(), ordered);
                let choice = choose(&model, &translation, &split.valid, ordered, &tables, self.threads());
                stop::check()?;
                let best_epoch = best.epoch;
                best.restore(&mut fitted);
                (choice, epochs, best_epoch, Some(Tested { corpus, fitted, model, tables, translation }))
            }
        };
        if !split.one_training {
            let note = Note::TrainForTest { epochs: epochs.clone(), best_epoch, choice: choice.clone() };
            let (corpus, fitted) = self.train(&split.test, Some(best_epoch), Stage::TrainForTest, &note, watch)?;
            let translation = Translation::new(self.histories, corpus.vocab(), fitted.tower.as_ref());
            let tables = self.tables(&split.test, &baselines, &translation.rows, corpus.vocab())?;
            let model = recommender(corpus.vocab(), behind(&fitted), ordered);
            tested = Some(Tested { corpus, fitted, model, tables, translation });
        }
        let rows =
            tested.as_ref().map_or_else(Vec::new, |tested| self.measure(&split.test, tested, &choice, &baselines));
        stop::check()?;
        let verdict = verdict(&rows);
        let rows = rows.into_iter().map(|(row, _)| row).collect();
        let refit = self.config.evaluate.refit;
        let evaluation = Evaluation { holdout, rows, verdict, epochs, best_epoch, refit };
        watch.judged(&evaluation);
        Ok(Judged { evaluation, choice, tested })
    }

    /// Step 5, or what was tested as it is.
    fn finish(&mut self, judged: Judged<'_>, watch: &mut dyn Watch) -> Result<Learned> {
        let Judged { evaluation, choice, tested } = judged;
        let recipe = choice.best.recipe.clone();
        let best_epoch = evaluation.best_epoch;
        let metrics = MetricsFile { evaluation: evaluation.clone(), trials: choice.trials.clone() };
        let (corpus, fitted, blended) = match tested.filter(|_| !evaluation.refit) {
            Some(tested) => {
                let blended = blended(&recipe, &tested.tables).iter().map(|table| (**table).clone()).collect();
                (tested.corpus, tested.fitted, blended)
            }
            None => {
                let fold = Fold::everything(self.histories);
                let note = Note::TrainOnAll { evaluation, choice };
                let (corpus, fitted) = self.train(&fold, Some(best_epoch), Stage::TrainOnAll, &note, watch)?;
                let rows = corpus.vocab().rows_of(self.histories.items());
                let partners = recipe.blend.iter().map(|blend| blend.partner);
                let tables = partners.map(|partner| self.table(&fold, partner, &rows, corpus.vocab()));
                let blended = tables.collect::<Result<_>>()?;
                (corpus, fitted, blended)
            }
        };
        let Fitted { trained, tower, parts } = fitted;
        Ok(Learned { corpus, trained, tower, parts, recipe: Some(recipe), blended, metrics: Some(metrics) })
    }

    fn baselines(&self, split: &Split, watch: &mut dyn Watch) -> Result<Vec<Baseline>> {
        let too_large = split.test.catalogue().max(split.valid.catalogue()) > Ease::LIMIT;
        let kinds = match &self.config.evaluate.baselines {
            Some(kinds) => kinds.clone(),
            None => BaselineKind::ALL.into_iter().filter(|kind| !(*kind == BaselineKind::Ease && too_large)).collect(),
        };
        let tuned = kinds.into_iter().map(|kind| {
            watch.stage(Stage::Baseline(kind));
            let tuned = tune(kind, split, self.histories.ordered(), self.threads())?;
            stop::check()?;
            Ok(tuned)
        });
        tuned.collect()
    }

    /// The checkpoint of a stopped run, if it is of the stage that this note belongs to.
    fn checkpoint_of(&mut self, note: &Note) -> Option<Resumed> {
        let same = |found: &Note| std::mem::discriminant(found) == std::mem::discriminant(note);
        self.resumed.take_if(|(found, _)| same(found)).map(|(_, resumed)| resumed)
    }

    /// Trains on a fold, to the end or to the end of an epoch.
    fn train(
        &mut self,
        fold: &Fold,
        last: Option<u32>,
        stage: Stage,
        note: &Note,
        watch: &mut dyn Watch,
    ) -> Result<(Corpus, Fitted)> {
        watch.stage(stage);
        let corpus = corpus(self.histories, self.config, fold)?;
        let note_text = serde_json::to_string(note).unwrap_or_default();
        let from = self.checkpoint_of(note).map(|resumed| resumed.checkpoint);
        let watch = RefCell::new(watch);
        let fitted = self.config.model.fit_by_epoch(
            &corpus,
            &self.config.train,
            from,
            &mut |progress| watch.borrow_mut().observe(progress),
            &mut |state| watch.borrow_mut().save(&self.identity, state, &Beside { note: &note_text, kept: &[] }),
            Some(&mut |epoch, _| Ok(watch.borrow_mut().goes_on(epoch) && last.is_none_or(|last| epoch < last))),
        )?;
        Ok((corpus, fitted))
    }

    /// Trains while validation gets better, and keeps the tables behind the best epoch.
    fn train_by_validation(&mut self, valid: &Fold, watch: &mut dyn Watch) -> Result<Chosen> {
        watch.stage(Stage::Train);
        let corpus = corpus(self.histories, self.config, valid)?;
        let progress = RefCell::new(ByValidation::default());
        let mut from = None;
        if let Some((Note::Train { epochs, each, worse }, resumed)) =
            self.resumed.take_if(|(note, _)| matches!(note, Note::Train { .. }))
        {
            from = Some(resumed.checkpoint);
            *progress.borrow_mut() =
                ByValidation::again(&self.config.model, &corpus, epochs, each, worse, resumed.kept)?;
        }
        let asked = sample(valid).sampled(EPOCH_QUERIES);
        let translation = OnceCell::new();
        let patience = self.config.evaluate.patience;
        let watch = RefCell::new(watch);
        let mut end_of_epoch = |epoch: u32, model: Behind<'_>| {
            if patience == 0 {
                return Ok(watch.borrow_mut().goes_on(epoch));
            }
            let recommender = recommender(corpus.vocab(), model, self.histories.ordered());
            let translated = || Translation::new(self.histories, corpus.vocab(), model.tower);
            let scorer = translation.get_or_init(translated).scorer(&recommender);
            // Short, and a checkpoint needs it: who asks to stop is heard behind it, by the training.
            let ranked = Stop::default().during(|| rank(&scorer, &asked, self.threads()));
            let each = ndcg_of_each(&ranked);
            let mut progress = progress.borrow_mut();
            watch.borrow_mut().epoch(progress.add(epoch, each, model)?);
            Ok(watch.borrow_mut().goes_on(epoch) && progress.worse < patience)
        };
        let mut fitted = self.config.model.fit_by_epoch(
            &corpus,
            &self.config.train,
            from,
            &mut |progress| watch.borrow_mut().observe(progress),
            &mut |state| progress.borrow().save(&self.identity, state, &mut **watch.borrow_mut()),
            Some(&mut end_of_epoch),
        )?;
        let ByValidation { epochs, best, worse, .. } = progress.into_inner();
        let last = epochs.last().map_or(fitted.trained.progress.epoch, |report| report.epoch);
        let best = match best {
            Some(best) if worse > 0 => best,
            _ => Snapshot::of(last, behind(&fitted))?,
        };
        fitted.trained.progress.epoch = best.epoch;
        Ok(Chosen { corpus, fitted, best, epochs })
    }

    /// The tables that can be blended: those of the tuned baselines, and beside item-kNN the same with goals.
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
        let knn = baselines.iter().any(|baseline| baseline.kind == BaselineKind::ItemKnn);
        let of_goals = if knn { Partner::of_goals(&fold.train) } else { Vec::new() };
        let partners = baselines.iter().filter_map(|baseline| baseline.partner);
        partners
            .chain(of_goals)
            .map(|partner| Ok((partner, Arc::new(self.table(fold, partner, rows, vocab)?))))
            .collect()
    }

    fn table(&self, fold: &Fold, partner: Partner, rows: &[u32], vocab: &Vocab) -> Result<Sparse> {
        Ok(partner.fit(fold, self.threads())?.renumbered(rows, vocab.len()))
    }

    /// The model, its vectors alone if they are not all of it, and the baselines, on test.
    fn measure(
        &self,
        test: &Fold,
        tested: &Tested<'_>,
        choice: &Choice,
        baselines: &[Baseline],
    ) -> Vec<(Row, Measured)> {
        let mut rows = Vec::new();
        let mut add = |name: &str, settings: String, valid_ndcg: f64, measured: Measured| {
            let row = Row { name: name.to_owned(), settings, valid_ndcg, test: measured.metrics.clone() };
            rows.push((row, measured));
        };
        let ask = |trial: &Trial| {
            let blended = blended(&trial.recipe, &tested.tables);
            let recommender = tested.model.asked(trial.recipe.clone(), blended);
            let scorer = tested.translation.scorer(&recommender);
            Measured::new(&rank(&scorer, test, self.threads()), test)
        };
        add(Row::MODEL, choice.best.recipe.to_string(), choice.best.ndcg, ask(&choice.best));
        if !choice.best.recipe.blend.is_empty() {
            add(Row::VECTORS, choice.plain.recipe.to_string(), choice.plain.ndcg, ask(&choice.plain));
        }
        for baseline in baselines {
            let measured = Measured::new(&rank(&*baseline.scorer, test, self.threads()), test);
            add(baseline.kind.name(), baseline.settings.clone(), baseline.valid, measured);
        }
        rows
    }
}

/// The epochs so far, and the tables behind the best of them.
#[derive(Default)]
struct ByValidation {
    epochs: Vec<EpochReport>,
    best: Option<Snapshot>,
    /// NDCG@10 of each question behind the best epoch.
    each: Vec<f64>,
    /// How many epochs in a row have been worse than the best by more than chance.
    worse: u32,
}

impl ByValidation {
    /// As a stopped run left it.
    fn again(
        model: &ModelConfig,
        corpus: &Corpus,
        epochs: Vec<EpochReport>,
        each: Vec<f64>,
        worse: u32,
        mut kept: Vec<SharedRows>,
    ) -> Result<Self> {
        let best = epochs.iter().rev().find(|report| report.best).map(|report| report.epoch);
        let mut snapshot = None;
        if let Some(epoch) = best.filter(|_| kept.len() >= 2) {
            let (input, output) = (kept.remove(0), kept.remove(0));
            let tower =
                model.tower(corpus, &Matrix::copied(&input), &kept.iter().map(Matrix::copied).collect::<Vec<_>>())?;
            snapshot = Some(Snapshot { epoch, input, output, tower });
        }
        Ok(Self { epochs, best: snapshot, each, worse })
    }

    /// * `each`: NDCG@10 of each question.
    fn add(&mut self, epoch: u32, each: Vec<f64>, model: Behind<'_>) -> Result<&EpochReport> {
        let ndcg = each.iter().sum::<f64>() / each.len().max(1) as f64;
        let before = self.epochs.iter().map(|report| report.ndcg).fold(-1.0, f64::max);
        let best = ndcg > before;
        self.worse = if !best && beyond_chance(&self.each, &each, 2.0) { self.worse + 1 } else { 0 };
        if best {
            self.best = Some(Snapshot::of(epoch, model)?);
            self.each = each;
        }
        self.epochs.push(EpochReport { epoch, ndcg, best });
        Ok(&self.epochs[self.epochs.len() - 1])
    }

    fn save(&self, run: &str, state: &Checkpoint, watch: &mut dyn Watch) -> Result<()> {
        let note = Note::Train { epochs: self.epochs.clone(), each: self.each.clone(), worse: self.worse };
        let note = serde_json::to_string(&note).unwrap_or_default();
        let tower = self.best.iter().flat_map(|best| &best.tower).flat_map(Tower::parameters);
        let tower = tower.map(|(_, matrix)| matrix.to_table()).collect::<Result<Vec<_>>>()?;
        let mut kept: Vec<_> = self.best.iter().flat_map(|best| [&best.input, &best.output]).collect();
        kept.extend(&tower);
        watch.save(run, state, &Beside { note: &note, kept: &kept })
    }
}

pub(super) fn behind(fitted: &Fitted) -> Behind<'_> {
    let Fitted { trained, tower, .. } = fitted;
    Behind { input: &trained.input, output: &trained.output, tower: tower.as_ref() }
}

/// The tables of a recipe's blend, in its order.
fn blended(recipe: &Recipe, tables: &[(Partner, Arc<Sparse>)]) -> Vec<Arc<Sparse>> {
    let table = |blend: &Blend| tables.iter().find(|(partner, _)| *partner == blend.partner);
    recipe.blend.iter().filter_map(table).map(|(_, table)| Arc::clone(table)).collect()
}

/// The first row against the baselines.
fn verdict(rows: &[(Row, Measured)]) -> Verdict {
    let baselines: Vec<(String, Measured)> = (rows.iter().skip(1))
        .filter(|(row, _)| row.name != Row::VECTORS)
        .map(|(row, measured)| (row.name.clone(), measured.clone()))
        .collect();
    match rows.first() {
        Some((_, model)) => judge(model, &baselines),
        None => Verdict::Alone,
    }
}
