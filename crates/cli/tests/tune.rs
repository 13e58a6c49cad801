//! `vecinity tune` from the outside: a search, what it writes, and what goes wrong.

mod common;

use common::{answer, circles, refused};
use std::fs;

const SEARCH: [&str; 6] = ["--search", "epochs=1,20", "--search", "learning-rate=0.0001,0.05", "--progress", "none"];

#[test]
fn a_search_writes_settings_that_train_takes_and_a_page_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    let start = ["tune", "clicks.csv", "-o", "tuned.toml", "--threads", "1", "--dim", "16", "--holdout", "last"];
    let line = [&start[..], &SEARCH[..]].concat();
    let found = answer(folder, &line);
    assert_eq!(found["trials"].as_array().unwrap().len(), 4, "{found}");
    assert!(found["confirmed"]["best"].as_f64() >= found["confirmed"]["start"].as_f64(), "{found}");
    assert_eq!(found["rungs"][0]["histories"], 300);
    let text = fs::read_to_string(folder.join("tuned.toml")).unwrap();
    assert!(text.contains("dim = 16") && text.contains("holdout = \"last\"") && !text.contains("threads"), "{text}");
    let page = fs::read_to_string(folder.join("tuned.html")).unwrap();
    assert!(page.contains("What each value came to") && page.contains("learning_rate"), "{page}");
    let shown = answer(folder, &["config", "show", "clicks.csv", "--config", "tuned.toml", "--json"]);
    assert_eq!(shown["config"]["train"]["dim"], 16);
    answer(folder, &["train", "clicks.csv", "-o", "m", "--config", "tuned.toml", "--progress", "none"]);
    // A flag goes before the file that was found.
    let shown = answer(folder, &["config", "show", "clicks.csv", "--config", "tuned.toml", "--dim", "4", "--json"]);
    assert_eq!(shown["config"]["train"]["dim"], 4);

    let message = refused(folder, &line);
    assert!(message.contains("there is a search already") && message.contains("--resume"), "{message}");
    let again = answer(folder, &[&line[..], &["--resume"]].concat());
    assert_eq!(again["trials"], found["trials"]);
    assert_eq!(again["confirmed"], found["confirmed"]);
    let message = refused(folder, &[&line[..], &["--resume", "--seed", "2"]].concat());
    assert!(message.contains("trials of another search"), "{message}");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    fs::write(folder.join("book.txt"), "the cat sat on the mat, and the dog sat on the log\n".repeat(50)).unwrap();
    let tune = |more: &[&str]| refused(folder, &[&["tune", "clicks.csv", "-o", "t.toml"], more].concat());
    for (more, expected) in [
        (&["--search", "sed=1,2"][..], "expected one of dim, epochs"),
        (&["--search", "dim"], "expected NAME=VALUE"),
        (&["--sample", "0%"], "above 0 %"),
        (&["--budget", "soon"], "is no unit of time"),
        (&["--loss", "hs"], "loss is hs"),
        (&["--holdout", "none"], "holdout is none"),
        (&["--budget", "1ms"], "'ms' is no unit of time"),
        (&["--dim", "0"], "dim is 0"),
    ] {
        let message = tune(more);
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let message = refused(folder, &["tune", "book.txt", "-o", "t.toml", "--kind", "text"]);
    assert!(message.contains("text and graphs have nothing held out"), "{message}");
    assert!(!folder.join("t.toml").exists());
    let message = refused(folder, &["tune", "clicks.csv", "-o", "nowhere/t.toml"]);
    assert!(message.contains("nowhere: no such folder"), "{message}");
    let message = refused(folder, &["tune", "clicks.csv", "-o", "t.html"]);
    assert!(message.contains("expected a name such as tuned.toml"), "{message}");
    fs::write(folder.join("index.html"), "mine").unwrap();
    let message = refused(folder, &["tune", "clicks.csv", "-o", "index.toml"]);
    assert!(message.contains("index.html: exists and comes from no search"), "{message}");
    fs::write(folder.join("mine.toml"), "[train]\ndim = 8\n").unwrap();
    let message = refused(folder, &["tune", "clicks.csv", "-o", "mine.toml"]);
    assert!(message.contains("will not be replaced"), "{message}");
    assert_eq!(fs::read_to_string(folder.join("mine.toml")).unwrap(), "[train]\ndim = 8\n");
}
