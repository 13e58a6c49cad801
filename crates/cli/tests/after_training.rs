//! What is asked of a trained model of items: report, compare, cluster, diff.

mod common;

use common::{answer, talk, vecinity};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Users walk along a ring of thirty items, of which one has a hostile title; two models of it, and one of half the data.
fn models() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let mut events = String::from("user,item,time\n");
            for user in 0..80u64 {
                for step in 0..12 {
                    // Every fourth step goes astray.
                    let stray = if (user * 7 + step * 5) % 4 == 0 { user * step % 11 } else { 0 };
                    events +=
                        &format!("u{user},i{},{}\n", (user * 3 + step + stray) % 30, 1_700_000_000 + user + 60 * step);
                }
            }
            let half = events.lines().take(481).collect::<Vec<_>>().join("\n");
            fs::write(folder.path().join("events.csv"), events).unwrap();
            fs::write(folder.path().join("half.csv"), half).unwrap();
            fs::write(folder.path().join("titles.csv"), "id,title\ni3,<script>alert(3)</script>\ni4,Four\n").unwrap();
            for (model, data, seed) in [("a", "events.csv", "1"), ("b", "events.csv", "2"), ("half", "half.csv", "1")] {
                let name = format!("{model}.model");
                let epochs = if model == "b" { "auto" } else { "4" };
                let how =
                    ["--metadata", "titles.csv", "--dim", "8", "--epochs", epochs, "--threads", "1", "--seed", seed];
                let train = ["train", data, "-o", &name, "--kind", "sequence", "--quiet"];
                answer(folder.path(), &[&train[..], &how].concat());
            }
            folder
        })
        .path()
}

#[test]
fn every_trained_model_holds_its_report_and_report_prints_it_again() {
    let folder = models();
    let stored = fs::read_to_string(folder.join("a.model/report.html")).unwrap();
    let written = answer(folder, &["report", "a.model", "-o", "again.html"]);
    assert_eq!(written["bytes"].as_u64(), Some(stored.len() as u64));
    assert!(fs::read_to_string(folder.join("again.html")).unwrap() == stored, "the same model, the same bytes");
    assert!(!stored.contains("<script") && stored.contains("&lt;script&gt;alert(3)&lt;/script&gt;"));
    for part in [
        "class=\"verdict",
        "Against simple baselines",
        "The recipe",
        "Loss of a pair, by epoch",
        "All 4 epochs were trained.",
        "For whom it works",
        "Recommendations by tenth of the catalogue",
        "Length of vectors by frequency",
        "Neighbours of ten at random",
        "config.toml",
    ] {
        assert!(stored.contains(part), "{part}");
    }
    // Without a fixed number the epochs are measured, and the best is kept.
    let early = fs::read_to_string(folder.join("b.model/report.html")).unwrap();
    assert!(early.contains("NDCG@10 on validation, by epoch") && early.contains("the best on validation"));
    let manifest = answer(folder, &["inspect", "a.model"]);
    assert!(manifest["files"]["report.html"]["blake3"].is_string(), "{manifest}");
    let output = vecinity(folder, &["report", "gone.model"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("gone.model: no such model"), "{}", talk(&output));
}

#[test]
fn recipes_are_listed_filtered_and_stored() {
    let folder = models();
    // A copy, since it is changed.
    let copy = folder.join("c.model");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(folder.join("a.model")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let all = answer(folder, &["compare", "c.model", "-k", "0"]);
    let recipes = all["recipes"].as_array().unwrap();
    assert_eq!(recipes.len() as u64, all["tried"].as_u64().unwrap());
    assert!(recipes.is_sorted_by(|a, b| a["ndcg"].as_f64() >= b["ndcg"].as_f64()));
    assert_eq!(recipes.iter().filter(|tried| tried["stored"] == true).count(), 1);

    let asked = ["compare", "c.model", "-k", "3", "--vectors", "input", "--metric", "cosine", "--last", "2,3"];
    let some = answer(folder, &asked);
    assert_eq!((some["matching"].as_u64(), some["recipes"].as_array().unwrap().len()), (Some(2), 2));
    let rank = some["recipes"][1]["rank"].to_string();
    let vectors = fs::read(copy.join("vectors.safetensors")).unwrap();
    let before = fs::read_to_string(copy.join("report.html")).unwrap();
    let stored = answer(folder, &["compare", "c.model", "--use", &rank]);
    assert_eq!(stored["recipe"], some["recipes"][1]["recipe"]);
    // The model is whole, and is asked by the new recipe; the report says so.
    assert_eq!(answer(folder, &["verify", "c.model"])["intact"], true);
    let now: Value = serde_json::from_slice(&fs::read(copy.join("recipe.json")).unwrap()).unwrap();
    assert_eq!(now, stored["recipe"]);
    assert!(fs::read(copy.join("vectors.safetensors")).unwrap() == vectors);
    let after = fs::read_to_string(copy.join("report.html")).unwrap();
    assert!(after.contains("Stored now is another one") && !before.contains("Stored now is another one"));
    answer(folder, &["recommend", "c.model", "--history", "i3", "-k", "2"]);

    // Back to what training chose, with its tables if it has any.
    let chosen = recipes.iter().find(|tried| tried["stored"] == true).unwrap();
    answer(folder, &["compare", "c.model", "--use", &chosen["rank"].to_string()]);
    assert!(fs::read_to_string(copy.join("report.html")).unwrap() == before.replace("a.model", "c.model"));
    let same = |model: &str| vecinity(folder, &["recommend", model, "--history", "i3"]).stdout;
    let unnamed = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace("c.model", "a.model");
    assert_eq!(unnamed(same("c.model")), unnamed(same("a.model")));

    for (arguments, words) in [
        (&["--use", "99999"][..], "use is 99999, expected 1 to"),
        (&["--vectors", "concat"], "none of"),
        (&["--vectors", "inptu"], "expected one of input, output, sum, concat, in-out"),
    ] {
        let output = vecinity(folder, &[&["compare", "a.model"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
        assert!(talk(&output).contains(words), "{}", talk(&output));
    }
    if let Some(other) = recipes.iter().find(|tried| tried["usable"] == false) {
        let output = vecinity(folder, &["compare", "c.model", "--use", &other["rank"].to_string()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(talk(&output).contains("does not hold all the tables of this blend"), "{}", talk(&output));
    }
}

#[test]
fn clusters_are_written_shown_and_the_same_on_any_number_of_threads() {
    let folder = models();
    let files: Vec<String> = ["1", "3"]
        .into_iter()
        .map(|threads| {
            let file = format!("clusters{threads}.csv");
            let found = answer(folder, &["cluster", "a.model", "-k", "4", "-o", &file, "--threads", threads]);
            let sizes: Vec<u64> =
                found["clusters"].as_array().unwrap().iter().map(|c| c["size"].as_u64().unwrap()).collect();
            assert_eq!((sizes.len(), sizes.iter().sum::<u64>()), (4, 30));
            assert!(sizes.is_sorted_by(|a, b| a >= b));
            fs::read_to_string(folder.join(file)).unwrap()
        })
        .collect();
    assert_eq!(files[0], files[1]);
    assert!(files[0].starts_with("id,cluster,distance\n") && files[0].lines().count() == 31);
    for (arguments, words) in [
        (&["-k", "31"][..], "clusters is 31, expected 1 to 30"),
        (&["-o", "clusters.xlsx"], "expected a name that ends in .csv, .tsv, .jsonl or .ndjson"),
        (&["--metric", "dot"], "invalid value 'dot'"),
    ] {
        let output = vecinity(folder, &[&["cluster", "a.model"], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(talk(&output).contains(words), "{}", talk(&output));
    }
}

#[test]
fn a_model_differs_not_from_itself_and_a_passed_limit_ends_with_code_4() {
    let folder = models();
    let strict = ["--max-metric-drop", "0", "--min-overlap", "1", "--min-alignment", "99.9%", "--max-removed", "0"];
    let same = answer(folder, &[&["diff", "a.model", "a.model"], &strict[..]].concat());
    assert_eq!((same["passed"].as_bool(), same["gates"].as_array().unwrap().len()), (Some(true), 5));
    assert_eq!((same["overlap"]["mean"].as_f64(), same["vocabulary"]["added"].as_u64()), (Some(1.0), Some(0)));

    let other = answer(folder, &["diff", "a.model", "b.model"]);
    let seed = serde_json::json!({"key": "train.seed", "old": "1", "new": "2"});
    assert!(other["settings"].as_array().unwrap().contains(&seed), "{}", other["settings"]);
    let output = vecinity(folder, &["diff", "a.model", "b.model", "--min-overlap", "1", "--text"]);
    assert_eq!(output.status.code(), Some(4), "{}", talk(&output));
    assert!(talk(&output).contains("error: overlap is 0."), "{}", talk(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("tokens +0 -0 · neighbour overlap 0.") && text.contains("FAIL     overlap"), "{text}");

    let output = vecinity(folder, &["diff", "a.model", "half.model", "--max-metric-drop", "300%"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("expected a share, 0 to 1, such as 0.03 or 3%"), "{}", talk(&output));
}

#[test]
fn words_are_compared_by_every_matrix_and_metric() {
    let folder = tempfile::tempdir().unwrap();
    let words = concat!(env!("CARGO_MANIFEST_DIR"), "/../vecinity/tests/data/words");
    answer(folder.path(), &["import", &format!("{words}/vectors.txt"), "-o", "m"]);
    let sets = [format!("{words}/questions.txt"), format!("{words}/pairs.txt")];
    let asked = answer(folder.path(), &["compare", "m", "--analogies", &sets[0], "--similarity", &sets[1]]);
    // One matrix was imported: three ways. By cosine the figures are those of `evaluate`.
    assert_eq!(asked.as_array().unwrap().len(), 3);
    assert_eq!((asked[0]["vectors"].as_str(), asked[0]["metric"].as_str()), (Some("input"), Some("cosine")));
    assert_eq!(asked[0]["similarity"][0]["spearman"], 72.55);
    assert_ne!(asked[1]["similarity"][0]["spearman"], 72.55);
    let output = vecinity(folder.path(), &["compare", "m"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("m holds no recipes that were tried"), "{}", talk(&output));
    let output = vecinity(folder.path(), &["compare", "m", "--analogies", &sets[0], "--vectors", "sum"]);
    assert!(talk(&output).contains("this model has no output matrix"), "{}", talk(&output));
}
