//! `vecinity train --model youtube` from the outside: the network on the same surface as every model.

mod common;

use common::{answer, circles, refused, talk, vecinity};
use serde_json::Value;
use std::fs;
use std::path::Path;

const TRAIN: [&str; 12] = [
    "train",
    "clicks.csv",
    "--model",
    "youtube",
    "--epochs",
    "30",
    "--batch",
    "256",
    "--learning-rate",
    "0.01",
    "--progress",
    "none",
];

fn train(folder: &Path, model: &str, more: &[&str]) -> Value {
    answer(folder, &[&TRAIN[..], &["-o", model, "--no-blend"], more].concat())
}

#[test]
fn a_network_is_trained_measured_stored_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    let done = train(folder, "m", &["--threads", "1", "--hidden", "40,20", "--history", "6"]);
    let rows = done["evaluation"]["rows"].as_array().unwrap();
    assert_eq!(rows[0]["settings"], "tower, dot, last 6 items");
    assert!(rows[0]["test"]["hr"][0].as_f64().unwrap() > 0.95, "{}", rows[0]);
    assert!(vecinity(folder, &["verify", "m"]).status.success());
    let bytes = |model: &str| {
        ["vectors.safetensors", "tower.safetensors", "recipe.json"]
            .map(|file| fs::read(folder.join(model).join(file)).unwrap())
    };
    train(folder, "two", &["--threads", "3", "--hidden", "40,20", "--history", "6"]);
    assert!(bytes("m") == bytes("two"), "threads change nothing");

    let next = answer(folder, &["recommend", "m", "--history", "a3,a4", "-k", "3"]);
    assert_eq!(next["results"][0]["id"], "a5", "{next}");
    assert_eq!(next["reasons_exact"], false);
    let shares: f64 =
        next["results"][0]["reasons"].as_array().unwrap().iter().map(|reason| reason["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-4, "{next}");

    // The lists of a file are those of single histories, and users meet items as the recommender does.
    answer(folder, &["recommend", "m", "--input", "clicks.csv", "--output", "lists.csv", "-k", "1"]);
    let lists = fs::read_to_string(folder.join("lists.csv")).unwrap();
    let listed = lists.lines().find(|line| line.starts_with("u0,")).unwrap();
    answer(folder, &["export", "m", "--format", "word2vec", "-o", "users.txt", "--users", "clicks.csv"]);
    answer(folder, &["export", "m", "--format", "word2vec", "-o", "items.txt", "--vectors", "output"]);
    let vectors = |file: &str| -> Vec<(String, Vec<f32>)> {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let parse = |line: &str| {
            let mut parts = line.split(' ').filter(|part| !part.is_empty());
            let name = parts.next().unwrap().to_owned();
            (name, parts.map(|value| value.parse().unwrap()).collect())
        };
        text.lines().skip(1).map(parse).collect()
    };
    let (users, items) = (vectors("users.txt"), vectors("items.txt"));
    let user = &users.iter().find(|(name, _)| name == "u0").unwrap().1;
    assert_eq!(user.last(), Some(&1.0), "against the items' biases");
    let seen: Vec<String> = (0..8).map(|step| format!("a{step}")).collect();
    let score = |item: &[f32]| user.iter().zip(item).map(|(a, b)| a * b).sum::<f32>();
    let best = (items.iter().filter(|(name, _)| !seen.contains(name)))
        .max_by(|a, b| score(&a.1).total_cmp(&score(&b.1)))
        .unwrap();
    assert_eq!(listed.split(',').nth(1), Some(best.0.as_str()), "{listed}");

    let message = refused(folder, &["export", "m", "--format", "onnx", "-o", "tower.onnx", "--users", "clicks.csv"]);
    assert!(message.contains("users is given"), "{message}");
    let onnx = answer(folder, &["export", "m", "--format", "onnx", "-o", "tower.onnx"]);
    assert_eq!(onnx["files"][0], "tower.onnx");
    let bytes = fs::read(folder.join("tower.onnx")).unwrap();
    assert!(
        ["Gather", "Softmax", "Gemm", "layer2.weight", "history", "user"]
            .iter()
            .all(|name| { bytes.windows(name.len()).any(|window| window == name.as_bytes()) })
    );
}

#[test]
fn a_damaged_network_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    train(folder, "m", &[]);
    let path = folder.join("m/tower.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    for line in [&["verify", "m"][..], &["recommend", "m", "--history", "a1"]] {
        let output = vecinity(folder, line);
        assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
        assert!(talk(&output).contains("tower.safetensors"), "{}", talk(&output));
    }
}

#[test]
fn what_does_not_belong_to_a_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    fs::write(folder.join("sg.toml"), "[data]\nkind = \"sequence\"\n[model]\nfamily = \"word2vec\"\n").unwrap();
    for (more, expected) in [
        (&["--window", "3"][..], "window is given, expected no such setting for --model youtube"),
        (&["--subsample", "0.1"], "subsample is given"),
        (&["--weighted"], "weighted is given"),
        (&["--loss", "hs"], "expected full, sampled, in-batch, mixed or gbce"),
        (&["--kind", "set"], "a network learns what comes next"),
        (&["--kind", "text"], "a network learns what comes next"),
        (&["--pools", "0"], "pools is 0, expected 1 to 64"),
        (&["--hidden", "64,x"], "'x' is no width"),
        (&["--dropout", "2"], "dropout is 2"),
        (&["--config", "sg.toml"], "word2vec, which is the family of the model in the file"),
    ] {
        let message = refused(folder, &[&TRAIN[..], &["-o", "m"], more].concat());
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let message = refused(folder, &["train", "clicks.csv", "-o", "m", "--pools", "3"]);
    assert!(message.contains("no such setting but with --model youtube"), "{message}");
    let message = refused(folder, &["train", "clicks.csv", "-o", "m", "--loss", "full"]);
    assert!(message.contains("ns or hs, or --model youtube"), "{message}");
    answer(folder, &["train", "clicks.csv", "-o", "sg", "--epochs", "1", "--progress", "none"]);
    let message = refused(folder, &["export", "sg", "--format", "onnx"]);
    assert!(message.contains("output is missing"), "{message}");
    let message = refused(folder, &["export", "sg", "--format", "onnx", "-o", "t.onnx"]);
    assert!(message.contains("the model has no network"), "{message}");
}
