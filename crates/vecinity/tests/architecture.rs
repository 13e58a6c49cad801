//! The floor plan: who may import whom, where `unsafe` lives, and whether the plan on paper is the house.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of the library and what each may import, beside `id`, `rng`, `error` and `stop`, which are open to all.
const PLAN: [(&str, &[&str]); 33] = [
    ("ask", &["embeddings", "index", "vocab", "metadata"]),
    ("baselines", &["eval"]),
    ("checksum", &[]),
    ("cluster", &["embeddings", "formats", "index", "publish", "vocab"]),
    ("config", &["baselines", "corpus", "eval", "events", "graph", "histories", "models", "train"]),
    ("corpus", &["histories", "vocab", "publish"]),
    ("deep", &[]),
    ("diff", &["config", "embeddings", "eval", "index", "model_dir", "recommend", "vocab"]),
    ("embeddings", &["vocab", "metadata"]),
    ("error", &[]),
    ("eval", &["ask", "embeddings", "histories", "index", "vocab"]),
    ("events", &["corpus", "formats", "histories", "vocab"]),
    ("formats", &["embeddings", "vocab", "metadata", "publish", "tensors", "corpus"]),
    ("graph", &["corpus", "vocab"]),
    ("histories", &["vocab"]),
    ("id", &[]),
    ("index", &["checksum", "publish"]),
    (
        "lab",
        &[
            "config",
            "corpus",
            "deep",
            "embeddings",
            "eval",
            "histories",
            "models",
            "publish",
            "recommend",
            "report",
            "train",
        ],
    ),
    ("map", &["embeddings", "index"]),
    ("market", &["embeddings", "histories", "index", "metadata", "vocab"]),
    ("metadata", &["vocab"]),
    (
        "model_dir",
        &[
            "baselines",
            "checksum",
            "config",
            "embeddings",
            "index",
            "metadata",
            "models",
            "publish",
            "recommend",
            "report",
            "tensors",
            "train",
            "vocab",
        ],
    ),
    ("models", &["deep", "eval", "histories", "train", "corpus", "vocab", "embeddings"]),
    ("publish", &[]),
    (
        "recommend",
        &[
            "ask",
            "baselines",
            "config",
            "corpus",
            "embeddings",
            "eval",
            "formats",
            "graph",
            "histories",
            "index",
            "metadata",
            "models",
            "publish",
            "train",
            "vocab",
        ],
    ),
    (
        "report",
        &["baselines", "config", "embeddings", "eval", "index", "metadata", "models", "recommend", "tune", "vocab"],
    ),
    ("rng", &[]),
    (
        "run",
        &[
            "baselines",
            "config",
            "corpus",
            "deep",
            "eval",
            "events",
            "graph",
            "histories",
            "market",
            "metadata",
            "model_dir",
            "models",
            "recommend",
            "train",
            "vocab",
        ],
    ),
    ("stop", &[]),
    ("tensors", &["embeddings"]),
    ("train", &["checksum", "corpus", "embeddings", "publish", "tensors", "vocab"]),
    ("tune", &["config", "eval", "histories", "models", "recommend", "train"]),
    ("vocab", &[]),
];
const OPEN: [&str; 7] = ["id", "rng", "stop", "error", "Error", "Place", "Result"];
/// Names that the crate's root gives to things of a room.
const SHORT: [(&str, &str); 5] =
    [("TokenId", "id"), ("Vocab", "vocab"), ("Embeddings", "embeddings"), ("Matrix", "embeddings"), ("Error", "error")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of code: without comments, and without the tests at the end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The room a file belongs to.
fn room(src: &Path, file: &Path) -> String {
    let first = file.strip_prefix(src).unwrap().components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Rooms named after `crate::` in a piece of code, `use crate::{a, b}` included.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') || code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + 7..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = &list[..list.find('}').unwrap_or(list.len())];
            found.extend(list.split(',').map(|item| item.trim().split("::").next().unwrap_or("").to_owned()));
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
        .iter()
        .map(|name| SHORT.iter().find(|(short, _)| short == name).map_or(name.clone(), |(_, room)| (*room).into()))
        .collect()
}

#[test]
fn rooms_import_only_what_the_plan_allows() {
    let plan: BTreeMap<_, _> = PLAN.into_iter().collect();
    let src = root().join("crates/vecinity/src");
    let mut wrong = Vec::new();
    for file in files(&src, ".rs") {
        let own = room(&src, &file);
        if own == "lib" {
            continue;
        }
        let allowed = plan.get(own.as_str()).unwrap_or_else(|| panic!("the room '{own}' is not in the plan"));
        for import in imports(&code(&file)) {
            if import != own && !OPEN.contains(&import.as_str()) && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_lives_in_the_kernel() {
    for krate in ["vecinity", "server", "cli", "python"] {
        let src = root().join("crates").join(krate).join("src");
        let start = fs::read_to_string(src.join(if krate == "cli" { "main.rs" } else { "lib.rs" })).unwrap();
        assert!(start.contains("#![forbid(unsafe_code)]"), "{krate}");
        for file in files(&src, ".rs") {
            assert!(!code(&file).contains("unsafe "), "{}", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    for file in files(&root().join("crates"), ".rs") {
        let text = fs::read_to_string(&file).unwrap();
        let tests =
            file.components().any(|c| ["tests", "tests.rs"].contains(&c.as_os_str().to_string_lossy().as_ref()));
        assert!(text.starts_with("//!") || tests, "{} has no header", file.display());
        // The kernel's lanes repeat a dozen short methods an instruction set.
        let limit = if file.ends_with("lanes.rs") { 600 } else { 520 };
        assert!(tests || code(&file).lines().count() <= limit, "{} is too long for one job", file.display());
    }
}

#[test]
fn the_plan_on_paper_names_every_room_and_all_links_lead_somewhere() {
    let paper = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (room, _) in PLAN {
        assert!(paper.contains(&format!("`{room}`")), "ARCHITECTURE.md does not name {room}");
    }
    for page in files(&root(), ".md") {
        let text = fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = &text[at + 2..];
            let link = link[..link.find(')').unwrap()].split('#').next().unwrap();
            if !link.is_empty() && !link.contains("://") {
                assert!(page.parent().unwrap().join(link).exists(), "{}: {link} leads nowhere", page.display());
            }
        }
    }
}

#[test]
fn the_imports_of_a_line_are_found() {
    assert_eq!(imports("use crate::vocab::Vocab; use crate::{TokenId, index};"), ["vocab", "id", "index"]);
    assert_eq!(imports("let x = crate::Matrix::new();"), ["embeddings"]);
    assert!(imports("$crate::lanes").is_empty());
}
