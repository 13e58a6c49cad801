//! From histories to lists on real baskets: what is served is what was measured.

use std::io::Read;
use std::path::Path;
use vecinity::ask::Want;
use vecinity::config::{Config, Kind};
use vecinity::eval::recommend::{Holdout, Split};
use vecinity::histories::Histories;
use vecinity::model_dir::{Model, NewModel, Origin};
use vecinity::recommend::{EpochReport, Evaluation, Everybody, Stage, Watch, learn};
use vecinity::train::{Beside, Checkpoint, Control, Progress, Resumed};
use vecinity::{Result, TokenId, corpus};

/// Looks on and does nothing.
struct Silent;

impl Watch for Silent {
    fn stage(&mut self, _: Stage) {}
    fn observe(&mut self, _: &Progress) -> Control {
        Control::Continue
    }
    fn epoch(&mut self, _: &EpochReport) {}
    fn judged(&mut self, _: &Evaluation) {}
    fn resume(&mut self, _: &str) -> Result<Option<Resumed>> {
        Ok(None)
    }
    fn save(&mut self, _: &str, _: &Checkpoint, _: &Beside<'_>) -> Result<()> {
        Ok(())
    }
}

/// Invoices of the demo data, each with the first twelve of its items.
fn baskets(most: usize) -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demo/baskets.txt.gz");
    let mut text = String::new();
    corpus::unpack(&std::fs::read(path).unwrap()).read_to_string(&mut text).unwrap();
    let items = |line: &str| line.split_whitespace().take(12).map(str::to_owned).collect();
    text.lines().take(most).enumerate().map(|(at, line)| (at.to_string(), items(line))).collect()
}

#[test]
fn lists_for_everybody_hit_as_often_as_the_evaluation_says() {
    let histories = Histories::from_lists(&baskets(1500), true).unwrap();
    let mut config = Config::profile(Kind::Sequence);
    config.train.dim = 16;
    config.train.epochs = 3;
    config.train.threads = 2;
    config.data.min_count = 1;
    config.evaluate.holdout = Some(Holdout::Last);
    config.evaluate.baselines = Some(vec![vecinity::baselines::BaselineKind::ItemKnn]);
    config.evaluate.refit = false;
    let learned = learn(&histories, &config, &mut Silent).unwrap();
    let evaluation = learned.metrics.unwrap().evaluation;
    let measured = &evaluation.rows[0].test;
    let recipe = learned.recipe.unwrap();

    // Stored, opened, and asked with the histories of the test.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    let origin = Origin::Imported { format: "test".into() };
    let model = NewModel {
        recipe: Some((&recipe, learned.blended.as_slice())),
        ..NewModel::trained(learned.corpus.vocab(), &learned.trained, origin)
    };
    model.save(&path).unwrap();
    let model = Model::open(&path).unwrap();
    let queries = Split::new(&histories, Holdout::Last).unwrap().test.queries;
    let token = |item: u32| histories.items().token(TokenId(item));
    let asked: Vec<(String, Vec<&str>)> = queries
        .iter()
        .map(|query| (query.owner.to_string(), query.history.iter().map(|&i| token(i)).collect()))
        .collect();
    let asked = Histories::from_lists(&asked, true).unwrap();
    let vocab = model.embeddings.vocab();
    let mut lists = Vec::new();
    let everybody = Everybody { histories: &asked, vocab, want: Want::best(10), diversity: 0.0, threads: 2 };
    let summary = model
        .recommender()
        .unwrap()
        .for_everybody(everybody, &mut |_, hits| {
            lists.push(hits.iter().map(|hit| vocab.token(hit.id).to_owned()).collect::<Vec<_>>());
            Ok(())
        })
        .unwrap();
    assert_eq!((summary.histories as usize, summary.popular), (measured.queries, 0));
    let hits =
        queries.iter().zip(&lists).filter(|(query, list)| list.iter().any(|item| item == token(query.targets[0])));
    let rate = hits.count() as f64 / queries.len() as f64;
    assert!((rate - measured.hr[0]).abs() < 1e-12, "{rate} {}: {recipe}", measured.hr[0]);
    assert!(rate > 0.05, "a model that has learned something: {rate}");
}
