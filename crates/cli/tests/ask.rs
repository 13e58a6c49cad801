//! The commands that ask a model, from the outside: answers, messages, exit codes.

mod common;

use common::{answer, talk, vecinity};
use serde_json::Value;

const WORDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vecinity/tests/data/words");

/// A model of made-up words, of which two have titles.
fn model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("titles.csv"), "id,title\nlomo,Lomo (1979)\nKivs,The Kivs\n").unwrap();
    let vectors = format!("{WORDS}/vectors.txt");
    answer(folder.path(), &["import", &vectors, "-o", "m", "--metadata", "titles.csv"]);
    folder
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap()).collect()
}

#[test]
fn neighbors_come_by_id_and_by_title_with_titles() {
    let folder = model();
    let by_id = answer(folder.path(), &["neighbors", "m", "lomo", "-k", "50"]);
    assert_eq!((by_id["query"].as_str(), by_id["metric"].as_str()), (Some("lomo"), Some("cosine")));
    assert_eq!(ids(&by_id).len(), 50, "all of 51 but the word itself");
    let titled = by_id["results"].as_array().unwrap().iter().find(|result| result["id"] == "Kivs").unwrap();
    assert_eq!(titled["title"], "The Kivs");
    assert_eq!(answer(folder.path(), &["nn", "m", "lomo (1979)", "-k", "50"]), by_id);
    assert_eq!(answer(folder.path(), &["similar", "m", "Lomo", "-k", "50"]), by_id);

    let near = answer(folder.path(), &["nn", "m", "lomo", "--metric", "euclidean"]);
    let scores: Vec<f64> = near["results"].as_array().unwrap().iter().map(|r| r["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted() && scores[0] > 0.0, "distances, the smallest first");
}

#[test]
fn an_unknown_word_is_refused_with_suggestions_unless_fuzzy() {
    let folder = model();
    let output = vecinity(folder.path(), &["nn", "m", "lommo"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(talk(&output).contains("'lommo' is not in this model"), "{}", talk(&output));
    assert!(talk(&output).contains("did you mean: lomo"), "{}", talk(&output));
    let output = vecinity(folder.path(), &["nn", "m", "lommo", "--fuzzy"]);
    assert!(output.status.success());
    assert_eq!(talk(&output), "note: 'lommo' is not in this model, taken for Lomo (1979) (lomo)\n");
}

#[test]
fn an_analogy_is_an_expression() {
    let folder = model();
    let analogy = answer(folder.path(), &["analogy", "m", "bim", "bims", "jick"]);
    let query = answer(folder.path(), &["query", "m", "bims - bim + jick"]);
    assert_eq!(analogy, query);
    assert_eq!(query["query"], "bims - bim + jick");
    assert_eq!(ids(&query)[0], "jicks");
    // A minus sign at the start is no flag, and flags may come before the expression.
    let query = answer(folder.path(), &["query", "m", "--method", "3cosmul", "-2*bim+bims", "-k", "1"]);
    assert_eq!((query["query"].as_str(), query["method"].as_str()), (Some("-2*bim + bims"), Some("3cosmul")));

    let output = vecinity(folder.path(), &["query", "m", "bim kiv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("there is no + or - between 'bim' and 'kiv'"), "{}", talk(&output));
}

#[test]
fn similarity_and_the_odd_one_out() {
    let folder = model();
    let same = answer(folder.path(), &["similarity", "m", "bims", "bims", "null"]);
    assert!((same["results"][0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    assert_eq!(same["results"][1]["score"], 0.0, "a zero vector is at right angles to all");
    let odd = answer(folder.path(), &["outlier", "m", "bimo", "Biman", "bimel", "null"]);
    assert_eq!((odd["outlier"].as_str(), ids(&odd).len()), (Some("null"), 4));
    assert_eq!(vecinity(folder.path(), &["outlier", "m", "bimo", "Biman"]).status.code(), Some(2));
}

#[test]
fn reasons_need_an_output_matrix() {
    let folder = model();
    let output = vecinity(folder.path(), &["why", "m", "bimo", "Biman"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("no output vectors"), "{}", talk(&output));
}

#[test]
fn reasons_are_the_contexts_that_two_words_share() {
    let folder = tempfile::tempdir().unwrap();
    let text = "the tea in a cup\nthe coffee in a cup\nthe nail in a wall\nthe picture on a wall\n".repeat(500);
    std::fs::write(folder.path().join("text.txt"), text).unwrap();
    let train = ["train", "text.txt", "-o", "m", "--dim", "8", "--epochs", "20", "--threads", "1", "--subsample", "0"];
    answer(folder.path(), &train);
    let why = answer(folder.path(), &["why", "m", "tea", "coffee"]);
    assert_eq!((why["query"][0].as_str(), why["query"][1].as_str()), (Some("tea"), Some("coffee")));
    assert!(ids(&why).contains(&"cup") && !ids(&why).contains(&"wall"), "{why}");
}

#[test]
fn evaluation_prints_the_figures_of_the_reference_scorer() {
    let folder = model();
    let (questions, pairs) = (format!("{WORDS}/questions.txt"), format!("{WORDS}/pairs.txt"));
    let arguments = ["evaluate", "m", "--analogies", &questions, "--similarity", &pairs, "--restrict", "40"];
    let report = answer(folder.path(), &arguments);
    let analogies = &report["analogies"][0];
    assert_eq!(analogies["all"]["percent"], 69.3);
    assert_eq!(analogies["semantic"]["percent"], 66.67);
    assert_eq!(analogies["syntactic"]["percent"], 91.67);
    assert_eq!(report["similarity"][0]["spearman"], 72.55);
}

#[test]
fn a_missed_gate_ends_with_code_4_after_the_report() {
    let folder = model();
    let pairs = format!("{WORDS}/pairs.txt");
    let gate = |min: &str| vecinity(folder.path(), &["evaluate", "m", "--similarity", &pairs, "--min", min]);
    assert_eq!(gate("pairs=72").status.code(), Some(0));
    let output = gate("similarity=72.6");
    assert_eq!(output.status.code(), Some(4));
    assert!(talk(&output).contains("error: similarity is 72.5452, below the minimum of 72.6"), "{}", talk(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["gates"][0]["passed"], false);
    let output = gate("analogies=1");
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("expected one of similarity, pairs"), "{}", talk(&output));
}
