//! The whole way from histories to a measured recommender, stopped in every stage and gone on with.

use std::collections::BTreeSet;
use std::path::PathBuf;
use vecinity::baselines::BaselineKind;
use vecinity::config::{Config, Kind};
use vecinity::corpus::Source;
use vecinity::histories::Histories;
use vecinity::models::Tower;
use vecinity::recommend::{EpochReport, Evaluation, Learned, Stage, Watch, learn};
use vecinity::rng::Rng;
use vecinity::train::{Beside, Checkpoint, Control, Progress, Resumed};
use vecinity::{Error, events};

/// A log of people who walk through their own of four shelves, mostly forward.
fn histories() -> Histories {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let (mut rng, mut text) = (Rng::new(7, 0), "user,item,time\n".to_owned());
    for user in 0..400 {
        let (shelf, mut at) = (user % 4, rng.below(40));
        for step in 0..45 {
            at = (at + 1 + rng.below(3)) % 50;
            text.push_str(&format!("u{user},{shelf}-{at},{}\n", 1_000_000_000 + 1000 * step + user));
        }
    }
    std::fs::write(&path, text).unwrap();
    events::read(&[Source::File(path)], &events::Options::default()).unwrap().0
}

fn config(mut config: Config, dim: usize, epochs: u32) -> Config {
    config.train.dim = dim;
    config.train.epochs = epochs;
    config.evaluate.holdout = Some("time:0.2".parse().unwrap());
    config.evaluate.baselines = Some(vec![BaselineKind::Popularity, BaselineKind::NextItem]);
    config
}

/// Stops once in each stage, and then at every third look of a process.
struct Stopping {
    folder: PathBuf,
    /// The stages that were stopped before; nothing is stopped without.
    stopped: Option<BTreeSet<String>>,
    looks: u32,
    stage: Option<Stage>,
}

impl Watch for Stopping {
    fn stage(&mut self, stage: Stage) {
        self.stage = Some(stage);
    }

    fn observe(&mut self, _: &Progress) -> Control {
        self.looks += 1;
        let fresh = |stopped: &BTreeSet<String>| !stopped.contains(&format!("{:?}", self.stage.unwrap()));
        let stop = self.stopped.as_ref().is_some_and(|stopped| self.looks.is_multiple_of(3) || fresh(stopped));
        if stop { Control::Stop } else { Control::Continue }
    }

    fn epoch(&mut self, _: &EpochReport) {}

    fn judged(&mut self, _: &Evaluation) {}

    fn resume(&mut self, run: &str) -> vecinity::Result<Option<Resumed>> {
        if self.folder.exists() { Checkpoint::load(&self.folder, run).map(Some) } else { Ok(None) }
    }

    fn save(&mut self, run: &str, checkpoint: &Checkpoint, beside: &Beside<'_>) -> vecinity::Result<()> {
        checkpoint.save(&self.folder, run, beside)
    }
}

/// Everything that is stored of a model.
fn stored(learned: &Learned) -> (Vec<u32>, String) {
    let mut bits = Vec::new();
    for table in [&learned.trained.input, &learned.trained.output] {
        let mut row = vec![0.0; table.dim()];
        for number in 0..table.rows() {
            table.read_into(number, &mut row);
            bits.extend(row.iter().map(|value| value.to_bits()));
        }
    }
    for (_, matrix) in learned.tower.iter().flat_map(Tower::parameters) {
        bits.extend(matrix.as_slice().iter().map(|value| value.to_bits()));
    }
    (bits, serde_json::to_string(&(&learned.recipe, &learned.metrics)).unwrap())
}

#[test]
fn a_run_that_is_stopped_in_every_stage_gives_the_same_model_and_the_same_figures() {
    // Epochs that last: a run is looked at behind its first five milliseconds.
    same_if_stopped(&config(Config::profile(Kind::Sequence), 400, 6));
}

#[test]
fn a_network_that_is_stopped_in_every_stage_is_the_same_too() {
    same_if_stopped(&config(Config::network(), 16, 3));
}

fn same_if_stopped(config: &Config) {
    let histories = histories();
    let folder = tempfile::tempdir().unwrap();
    let watch = |name: &str, stopped| Stopping { folder: folder.path().join(name), stopped, looks: 0, stage: None };
    let whole = stored(&learn(&histories, config, &mut watch("whole", None)).unwrap());
    let mut stages = BTreeSet::new();
    for _ in 0..500 {
        let mut stopping = watch("stopped", Some(stages.clone()));
        match learn(&histories, config, &mut stopping) {
            Ok(learned) => {
                let (tables, figures) = stored(&learned);
                assert_eq!(figures, whole.1, "stopped in {stages:?}");
                assert!(tables == whole.0, "the tables differ, stopped in {stages:?}");
                for stage in [Stage::Train, Stage::TrainForTest, Stage::TrainOnAll] {
                    assert!(stages.contains(&format!("{stage:?}")), "never stopped in {stage:?}, only in {stages:?}");
                }
                return;
            }
            Err(Error::Interrupted { .. }) => stages.insert(format!("{:?}", stopping.stage.unwrap())),
            Err(other) => panic!("{other}"),
        };
    }
    panic!("the run does not come forward: {stages:?}");
}
