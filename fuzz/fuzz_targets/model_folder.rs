//! A file of a model folder with any bytes and a right checksum: what a faulty or hostile program may have written.
//!
//! The first byte says which file; the others are what is in it. A model that opens must answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::OnceLock;
use vecinity::embeddings::{Embeddings, Matrix, Which};
use vecinity::index::Metric;
use vecinity::model_dir::{Model, NewModel};
use vecinity::recommend::Style;
use vecinity::{Vocab, ask, checksum};

const FILES: [&str; 8] = [
    "recipe.json",
    "blend.safetensors",
    "metrics.json",
    "config.toml",
    "vocab.safetensors",
    "vectors.safetensors",
    "metadata.jsonl",
    "MANIFEST.json",
];

/// A good model of four tokens, and its manifest.
fn good() -> &'static (PathBuf, serde_json::Value) {
    static GOOD: OnceLock<(PathBuf, serde_json::Value)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = folder.join(format!("vecinity-fuzz-{}.model", std::process::id()));
        let vocab = Vocab::from_counts([("the", 9), ("of", 5), ("007", 1), ("日本", 1)]).unwrap();
        let values = |by: f32| Matrix::new(4, 3, (0..12).map(|at| at as f32 * by - 2.0).collect());
        let embeddings = Embeddings::new(vocab, values(0.25), Some(values(0.5))).unwrap();
        NewModel::imported(&embeddings, "fuzz").save(&path).unwrap();
        let manifest = std::fs::read(path.join("MANIFEST.json")).unwrap();
        (path, serde_json::from_slice(&manifest).unwrap())
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let (path, manifest) = good();
    let name = FILES[usize::from(which) % FILES.len()];
    let file = path.join(name);
    let before = std::fs::read(&file).ok();
    // A new file each time: mapped ones must not be changed in place.
    let put = |name: &str, bytes: &[u8]| {
        let new = path.join(".new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, path.join(name)).unwrap();
    };
    put(name, bytes);
    let mut manifest = manifest.clone();
    let manifest = if name == "MANIFEST.json" {
        bytes.to_vec()
    } else {
        manifest["files"][name] = serde_json::json!({"bytes": bytes.len(), "blake3": checksum::of_bytes(bytes)});
        serde_json::to_vec(&manifest).unwrap()
    };
    put("MANIFEST.json", &manifest);
    put("MANIFEST.b3", format!("{}  MANIFEST.json\n", checksum::of_bytes(&manifest)).as_bytes());
    if let Ok(model) = Model::open(path) {
        if let Ok(asker) = ask::Asker::new(&model.embeddings, Which::Input, Metric::Cosine) {
            for (id, _, _) in model.embeddings.vocab().iter().take(2) {
                let hits = asker.neighbors(id, ask::Want::best(2));
                assert!(hits.iter().all(|hit| !hit.score.is_nan()));
            }
        }
        if let Ok(recommender) = model.recommender() {
            let found = recommender.recommend(&[0], ask::Want::best(2), Style { diversity: 0.5, explain: true });
            assert!(found.iter().all(|found| !found.score.is_nan()), "{found:?}");
        }
    }
    match before {
        Some(bytes) => put(name, &bytes),
        None => std::fs::remove_file(&file).unwrap(),
    }
});
