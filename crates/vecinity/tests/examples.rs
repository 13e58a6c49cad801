//! The examples of the library run and say what they promise; each also ends with assertions of its own.

use std::path::PathBuf;
use std::process::Command;

/// What an example prints.
fn output_of(example: &str) -> String {
    let tests = std::env::current_exe().unwrap();
    let program: PathBuf = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    assert!(program.exists(), "a plain `cargo test` builds the examples; else run `cargo build --examples` first");
    let output = Command::new(program).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn words_answer_and_an_unknown_one_gets_a_suggestion() {
    let said = output_of("words");
    assert!(said.contains("near algeria:"), "{said}");
    assert!(said.contains("'algerai' is not in this model") && said.contains("did you mean: algeria"), "{said}");
}

#[test]
fn baskets_are_kept_and_asked_by_title() {
    let said = output_of("baskets");
    assert!(said.contains("bought with it:") && said.contains("  both predict "), "{said}");
}

#[test]
fn an_event_log_becomes_a_measured_recommender() {
    let said = output_of("recommend");
    for part in ["order -> session", "this model", "popularity", "verdict: ", "asked by: ", " % PARTY BUNTING"] {
        assert!(said.contains(part), "'{part}' is missing in: {said}");
    }
}

#[test]
fn foreign_vectors_are_searched_and_handed_on() {
    assert!(output_of("import").contains("king - man + woman = queen\nmost edible: apple, pear\n"));
}

#[test]
fn a_model_of_ones_own_learns_what_comes_next() {
    assert!(output_of("own_model").ends_with("dec -> jan\n"));
}
