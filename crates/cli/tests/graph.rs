//! Graphs from the outside: edge lists, walks over sequences, and what is refused.

mod common;

use common::{answer, answer_and_talk, refused};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Two rings of twenty nodes, `a` and `b`, that one edge links.
fn rings(folder: &Path) {
    let mut edges = String::from("source,target,weight\n");
    for ring in ["a", "b"] {
        for at in 0..20 {
            for step in 1..4 {
                let _ = writeln!(edges, "{ring}{at},{ring}{},{}", (at + step) % 20, 4 - step);
            }
        }
    }
    edges.push_str("a0,b0,0.5\n");
    fs::write(folder.join("edges.csv"), edges).unwrap();
}

#[test]
fn nodes_of_a_ring_are_near_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rings(folder);
    let train = ["train", "edges.csv", "-o", "g.model", "--kind", "graph", "--dim", "16", "--threads", "1"];
    let (done, talk) = answer_and_talk(folder, &[&train[..], &["--q", "0.5", "--epochs", "3"]].concat());
    assert_eq!(done["tokens"], 40);
    assert!(talk.contains("121 edges of 40 nodes") && talk.contains("both ways, weighted"), "{talk}");
    let near = answer(folder, &["neighbors", "g.model", "a7", "-k", "4"]);
    for at in 0..4 {
        assert!(near["results"][at]["id"].as_str().unwrap().starts_with('a'), "{near}");
    }
    let config = fs::read_to_string(folder.join("g.model/config.toml")).unwrap();
    assert!(config.contains("[graph]") && config.contains("q = 0.5") && config.contains("walks = 10"), "{config}");
    // From its own settings, on any number of threads for the walks: the same model.
    let again = ["train", "--config", "g.model/config.toml", "-o", "again.model", "--threads", "1"];
    answer(folder, &again);
    let bytes = |model: &str| fs::read(folder.join(model).join("vectors.safetensors")).unwrap();
    assert_eq!(bytes("g.model"), bytes("again.model"));
    let plan = answer(folder, &["inspect", "edges.csv", "--kind", "graph"]);
    assert_eq!((&plan["vocabulary"], &plan["sequences"]), (&40.into(), &400.into()));
}

#[test]
fn a_run_over_a_graph_that_was_killed_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rings(folder);
    let train = ["train", "edges.csv", "--kind", "graph", "--q", "0.5", "--walks", "200", "--walk-length", "40"];
    let train = [&train[..], &["--dim", "64", "--epochs", "4", "--threads", "1", "--quiet"]].concat();
    let killed = [&train[..], &["-o", "killed.model"]].concat();
    answer(folder, &[&train[..], &["-o", "whole.model"]].concat());
    // A checkpoint as often as possible; killed as soon as there is one.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vecinity"))
        .current_dir(folder)
        .args([&killed[..], &["--checkpoint-every", "0.01s"]].concat())
        .spawn()
        .unwrap();
    let checkpoint = folder.join("killed.model.checkpoint/state.json");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(checkpoint.exists() && !folder.join("killed.model").exists(), "the run ended before it was killed");
    // Other walks are another run.
    let message = refused(folder, &[&killed[..], &["--resume", "--p", "2"]].concat());
    assert!(message.contains("belongs to another run"), "{message}");
    answer(folder, &[&killed[..], &["--resume"]].concat());
    let bytes = |model: &str| fs::read(folder.join(model).join("vectors.safetensors")).unwrap();
    assert!(bytes("whole.model") == bytes("killed.model"));
    assert!(!folder.join("killed.model.checkpoint").exists(), "a finished run leaves no checkpoint");
}

#[test]
fn sequences_are_learned_from_walks_over_what_follows_what() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut chance = vecinity::rng::Rng::new(5, 0);
    let mut lines = String::new();
    for _ in 0..300 {
        let first = chance.below(30);
        let steps: Vec<String> = (0..6).map(|step| format!("i{}", (first + step) % 30)).collect();
        let _ = writeln!(lines, "{}", steps.join(" "));
    }
    fs::write(folder.join("sessions.txt"), lines).unwrap();
    let train = ["train", "sessions.txt", "-o", "s.model", "--kind", "sequence", "--walks", "5", "--walk-length", "10"];
    let found = answer(folder, &[&train[..], &["--epochs", "10", "--dim", "16", "--baselines", "popularity"]].concat());
    // What comes next is what came next: one item in thirty is right by chance in three lists of ten.
    let hit = found["evaluation"]["rows"][0]["test"]["hr"][0].as_f64().unwrap();
    assert!(hit > 0.8, "{found}");
}

#[test]
fn what_is_wrong_with_a_graph_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rings(folder);
    fs::write(folder.join("bad.tsv"), "a\tb\t1\na\tc\tmany\n").unwrap();
    let train = |data: &'static str, more: &[&'static str]| {
        refused(folder, &[&["train", data, "-o", "g.model", "--kind", "graph"][..], more].concat())
    };
    let message = train("bad.tsv", &[]);
    assert!(message.contains("bad.tsv, line 2: the weight is 'many'"), "{message}");
    assert!(train("edges.csv", &["--p", "0"]).contains("p is 0, expected 0.01 to 100"));
    assert!(train("edges.csv", &["--epochs", "auto"]).contains("a number for text and graphs"));
    assert!(train("edges.csv", &["--min-count", "3"]).contains("nothing of the kind for graphs"));
    assert!(train("edges.csv", &["--model", "youtube"]).contains("--kind sequence"));
    let message = refused(folder, &["train", "edges.csv", "-o", "g.model", "--kind", "text", "--q", "2"]);
    assert!(message.contains("--kind graph"), "{message}");
    let message = refused(folder, &["tune", "edges.csv", "-o", "t.toml", "--kind", "graph"]);
    assert!(message.contains("text and graphs"), "{message}");
    let market = ["train", "edges.csv", "-o", "g.model", "--kind", "sequence", "--walks", "5", "--min-dwell", "3s"];
    assert!(refused(folder, &market).contains("walks is given"), "walks are for skip-gram");
}
