//! A model folder is complete or absent, and every changed byte of it is noticed.

use std::fs;
use std::path::Path;
use vecinity::embeddings::{Embeddings, Matrix};
use vecinity::error::Error;
use vecinity::model_dir::{Model, NewModel};
use vecinity::vocab::Vocab;

fn embeddings() -> Embeddings {
    let vocab = Vocab::from_counts([("paris", 20), ("007", 5), ("東京", 1)]).unwrap();
    let matrix = |from: u8| Matrix::new(3, 2, (from..from + 6).map(f32::from).collect());
    Embeddings::new(vocab, matrix(0), Some(matrix(10))).unwrap()
}

fn save(path: &Path) {
    NewModel::imported(&embeddings(), "test").save(path).unwrap();
}

#[test]
fn what_is_saved_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.model");
    save(&path);
    let model = Model::open(&path).unwrap();
    let (found, expected) = (&model.embeddings, embeddings());
    assert_eq!(found.input().as_slice(), expected.input().as_slice());
    assert_eq!(found.output().unwrap().as_slice(), expected.output().unwrap().as_slice());
    assert!(found.vocab().iter().eq(expected.vocab().iter()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing hidden stays behind");
}

#[test]
fn every_flipped_byte_and_every_cut_of_every_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.model");
    save(&path);
    let files: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    for file in files {
        let good = fs::read(&file).unwrap();
        let refuse = |bytes: &[u8], how: String| {
            // A new file each time: mapped ones must not be changed in place.
            fs::remove_file(&file).unwrap();
            fs::write(&file, bytes).unwrap();
            match Model::open(&path) {
                Err(Error::Model { .. }) => {}
                other => panic!("{}: {how}: {other:?}", file.display()),
            }
        };
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            refuse(&bad, format!("byte {at} flipped"));
            refuse(&good[..at], format!("cut to {at} bytes"));
        }
        refuse(&[good.as_slice(), b" "].concat(), "a byte added".into());
        fs::remove_file(&file).unwrap();
        if file.file_name().unwrap() == "MANIFEST.json" {
            assert!(matches!(Model::open(&path), Err(Error::Input { .. })), "without a manifest it is no model");
        } else {
            assert!(matches!(Model::open(&path), Err(Error::Model { .. })), "{} is missing", file.display());
        }
        fs::write(&file, good).unwrap();
    }
    Model::open(&path).unwrap();
}

#[test]
fn a_newer_format_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.model");
    save(&path);
    let manifest = path.join("MANIFEST.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&manifest, &text).unwrap();
    let sum = blake3_line(text.as_bytes());
    fs::write(path.join("MANIFEST.b3"), sum).unwrap();
    let error = Model::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("model format 2, this program reads up to 1"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

fn blake3_line(bytes: &[u8]) -> String {
    format!("{}  MANIFEST.json\n", vecinity::checksum::of_bytes(bytes))
}

#[test]
fn only_models_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.txt"), "years of work").unwrap();
    let error = NewModel::imported(&embeddings(), "test").save(&path).unwrap_err();
    assert!(error.to_string().ends_with("exists and is no model; it will not be replaced"), "{error}");
    assert_eq!(fs::read_to_string(path.join("thesis.txt")).unwrap(), "years of work");
    let model = folder.path().join("m.model");
    save(&model);
    save(&model);
    Model::open(&model).unwrap();
}

#[test]
fn what_is_no_model_gets_advice() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.bin");
    fs::write(&file, "3 2\n").unwrap();
    for (path, message) in [
        (folder.path().join("gone"), "no such model"),
        (file, "a file, expected a model folder"),
        (folder.path().to_owned(), "no model folder: it has no MANIFEST.json"),
    ] {
        let error = Model::open(&path).unwrap_err();
        assert!(error.to_string().ends_with(message), "{error}");
        assert_eq!(error.exit_code(), 2);
        assert!(error.advice().is_some());
    }
}

#[test]
fn diverged_vectors_are_refused_with_the_token() {
    let vocab = Vocab::from_counts([("a", 1), ("b", 1)]).unwrap();
    let error = Embeddings::new(vocab, Matrix::new(2, 1, vec![0.0, f32::NAN]), None).unwrap_err();
    assert_eq!(error.to_string(), "the input vector of 'b' (row 1) holds NaN or infinity");
}
