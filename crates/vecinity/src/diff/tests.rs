//! Whole models against each other.

use super::*;
use crate::eval::recommend::Holdout;
use crate::model_dir::NewModel;
use crate::recommend::tests::evaluation;
use crate::recommend::{Evaluation, Pair, Recipe, Row};
use crate::{Embeddings, Matrix, Vocab};
use std::path::Path;

type Tokens<'a> = &'a [(&'a str, u64, [f32; 2])];

fn metrics(hr: f64, holdout: Holdout) -> MetricsFile {
    let evaluation = Evaluation { holdout, ..evaluation(&[(Row::MODEL, "", hr)]) };
    MetricsFile { evaluation, trials: Vec::new() }
}

fn model(path: &Path, tokens: Tokens<'_>, metrics: Option<&MetricsFile>, recipe: &Recipe) -> Model {
    let vocab = Vocab::from_counts(tokens.iter().map(|(token, count, _)| (*token, *count))).unwrap();
    let input = Matrix::new(tokens.len(), 2, tokens.iter().flat_map(|(_, _, vector)| *vector).collect());
    let embeddings = Embeddings::new(vocab, input, None).unwrap();
    NewModel { metrics, recipe: Some((recipe, &[])), ..NewModel::imported(&embeddings, "test") }.save(path).unwrap();
    Model::open(path).unwrap()
}

const OLD: Tokens<'_> = &[
    ("a", 50, [1.0, 0.0]),
    ("b", 30, [0.9, 0.1]),
    ("c", 10, [0.0, 1.0]),
    ("d", 9, [0.1, 0.9]),
    ("gone", 1, [1.0, 1.0]),
];
/// Rotated by 90 degrees, and longer.
const TURNED: Tokens<'_> = &[
    ("a", 50, [0.0, 3.0]),
    ("b", 30, [-0.1, 0.9]),
    ("c", 10, [-2.0, 0.0]),
    ("d", 9, [-0.9, 0.1]),
    ("new", 4, [1.0, 1.0]),
];
/// `b` and `d` have changed places.
const CHANGED: Tokens<'_> =
    &[("a", 50, [1.0, 0.0]), ("b", 30, [0.1, 0.9]), ("c", 10, [0.0, 1.0]), ("d", 9, [0.9, 0.1])];

fn options() -> Options {
    Options { neighbors: 1, ..Options::default() }
}

#[test]
fn a_turned_model_is_the_same_model_with_other_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::default();
    let old = model(&folder.path().join("old"), OLD, Some(&metrics(0.2, Holdout::Last)), &recipe);
    let new = model(&folder.path().join("new"), TURNED, Some(&metrics(0.19, Holdout::Last)), &recipe);
    let found = diff(&old, &new, &options()).unwrap();
    assert_eq!((found.vocabulary.added, found.vocabulary.removed), (1, 1));
    assert_eq!(
        (found.vocabulary.first_added, found.vocabulary.first_removed),
        (vec!["new".into()], vec!["gone".into()])
    );
    assert_eq!(found.vocabulary.removed_share, 0.01);
    assert_eq!(found.overlap.unwrap().mean, 1.0);
    assert!((found.alignment.unwrap().cosine - 1.0).abs() < 1e-4);
    assert!((found.metrics[0].change + 0.05).abs() < 1e-12 && found.metrics[0].name == "hr@10");
    assert_eq!((found.recipe, found.settings.len(), found.incomparable), (None, 0, None));
}

#[test]
fn neighbours_that_changed_weigh_by_frequency_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let old = model(&folder.path().join("old"), OLD, None, &Recipe::default());
    let recipe = Recipe { vectors: Pair::Input, ..Recipe::default() };
    let new = model(&folder.path().join("new"), CHANGED, None, &recipe);
    let found = diff(&old, &new, &options()).unwrap();
    // The nearest of a, b, c, d were b, a, d, c and are d, c, b, a: nothing is left.
    let overlap = found.overlap.unwrap();
    assert_eq!((overlap.mean, overlap.tokens), (0.0, 4));
    assert_eq!(overlap.changed_most[0], Changed { id: "a".into(), overlap: 0.0 });
    assert!(found.alignment.unwrap().cosine < 0.8);
    assert_eq!(found.recipe, Some(["in-out, cosine, whole history".into(), "input, cosine, whole history".into()]));
}

#[test]
fn a_gate_holds_what_falls_and_what_cannot_be_measured() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe::default();
    let path = |name: &str| folder.path().join(name);
    let old = model(&path("old"), OLD, Some(&metrics(0.2, Holdout::Last)), &recipe);
    let new = model(&path("new"), TURNED, Some(&metrics(0.19, Holdout::Last)), &recipe);
    let found = diff(&old, &new, &options()).unwrap();
    let all = Limits {
        max_metric_drop: Some(0.06),
        min_overlap: Some(0.9),
        min_alignment: Some(0.9),
        max_removed: Some(0.02),
    };
    assert!(found.check(&all).iter().all(|gate| gate.passed), "{:?}", found.check(&all));
    assert!(found.check(&Limits::default()).is_empty());
    let strict = found.check(&Limits { max_metric_drop: Some(0.03), max_removed: Some(0.005), ..Limits::default() });
    assert_eq!(strict.iter().map(|gate| gate.passed).collect::<Vec<_>>(), [false, false, false]);

    let other = model(&path("other"), TURNED, Some(&metrics(0.3, Holdout::Basket)), &recipe);
    let found = diff(&old, &other, &options()).unwrap();
    assert_eq!(found.incomparable.as_deref(), Some("held out differently: last and basket"));
    assert!(!found.check(&all)[0].passed && found.check(&all)[0].value.is_none());

    let foreign = model(&path("foreign"), &[("x", 1, [1.0, 0.0])], None, &recipe);
    let found = diff(&old, &foreign, &options()).unwrap();
    assert_eq!((found.overlap.is_none(), found.alignment, found.vocabulary.removed_share), (true, None, 1.0));
    assert!(found.check(&all).iter().all(|gate| !gate.passed));
}
