//! `vecinity index`: built from a file, asked, measured; and what it refuses.

mod common;

use common::vecinity;
use std::fs;

/// Vectors of 40 ids on a circle: `at07` has `at06` and `at08` beside it.
fn circle(folder: &std::path::Path) {
    let line = |i: u32| {
        let angle = f64::from(i) * 0.05;
        format!("at{i:02} {:.6} {:.6}\n", angle.cos(), angle.sin())
    };
    let lines: String = (0..40).map(line).collect();
    fs::write(folder.join("v.txt"), format!("40 2\n{lines}")).unwrap();
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn an_index_is_built_asked_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    circle(folder.path());
    let run = |words: &[&str]| {
        let done = vecinity(folder.path(), words);
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    };
    let built = json(&run(&["index", "build", "v.txt", "-o", "v.index"]));
    assert_eq!((&built["vectors"], &built["unreachable"]), (&40.into(), &0.into()));
    assert_eq!(built["tuned"]["recall"], 1.0);
    let found = json(&run(&["index", "search", "v.index", "at07", "-k", "2"]));
    let mut ids: Vec<_> =
        found["results"].as_array().unwrap().iter().map(|near| near["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["at06", "at08"]);
    let measured = json(&run(&["index", "measure", "v.index", "-k", "3"]));
    assert_eq!(measured["measured"][0]["recall"], 1.0);
    let text =
        String::from_utf8(run(&["index", "search", "v.index", "--queries", "v.txt", "-k", "1", "--text"])).unwrap();
    assert!(text.contains("at39") && text.contains("1.0000"), "{text}");
}

#[test]
fn what_cannot_be_asked_is_said_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    circle(folder.path());
    fs::write(folder.path().join("w.txt"), "1 3\na 1 2 3\n").unwrap();
    let run = |words: &[&str], code: i32, message: &str| {
        let done = vecinity(folder.path(), words);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(message), "{words:?}: {said}");
    };
    run(&["index", "build", "v.txt", "-o", "v.index", "--recall", "1.5"], 2, "recall is 1.5");
    run(&["index", "build", "v.txt", "-o", "v.txt"], 2, "it is there and is no index");
    run(&["index", "build", "v.txt", "-o", "v.index", "--degree", "1"], 2, "degree is 1, expected 2 to 1024");
    assert!(vecinity(folder.path(), &["index", "build", "v.txt", "-o", "v.index"]).status.success());
    run(&["index", "search", "v.index", "nobody"], 2, "'nobody' is not in this model");
    run(&["index", "search", "v.index", "at007"], 2, "at07");
    run(&["index", "delete", "v.index", "at01", "zz"], 2, "'zz' is not in this model");
    run(&["index", "add", "v.index", "w.txt"], 2, "its vectors have 3 values, those of the index 2");
    run(&["index", "build", "v.txt"], 2, "name a place for the index: -o INDEX");
    run(&["index", "search", "v.index", "--queries", "w.txt"], 2, "its vectors have 3 values, those of the index 2");
    run(&["index", "search", ".", "a"], 2, "INDEX.json is missing");
    let segment = folder.path().join("v.index/segment.1");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    run(&["index", "measure", "v.index"], 3, "checksum does not agree");
}

#[test]
fn vectors_are_added_replaced_and_deleted_and_survive_a_merge() {
    let folder = tempfile::tempdir().unwrap();
    circle(folder.path());
    // One that is new, and one that moves to the other side of the circle.
    fs::write(folder.path().join("w.txt"), "2 2\nnew 0.94 0.342\nat30 1 0.001\n").unwrap();
    let run = |words: &[&str]| common::answer(folder.path(), words);
    let near = |id: &str| {
        let found = run(&["index", "search", "v.index", id, "-k", "2"]);
        let ids = found["results"].as_array().unwrap().iter().map(|near| near["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    run(&["index", "build", "v.txt", "-o", "v.index"]);
    let added = run(&["index", "add", "v.index", "w.txt"]);
    let figures = ["added", "replaced", "vectors", "pending"].map(|name| added[name].as_u64().unwrap());
    assert_eq!(figures, [1, 1, 41, 3]);
    let deleted = run(&["index", "delete", "v.index", "at06"]);
    assert_eq!((&deleted["deleted"], &deleted["vectors"]), (&1.into(), &40.into()));
    for merged in [false, true] {
        if merged {
            assert_eq!(run(&["index", "merge", "v.index"])["pending"], 0);
        }
        assert_eq!(near("new"), ["at07", "at08"]);
        assert_eq!(near("at30")[0], "at00");
        assert!(!near("at07").contains(&"at06".to_owned()));
        let done = vecinity(folder.path(), &["index", "search", "v.index", "at06"]);
        assert_eq!(done.status.code(), Some(2));
        assert!(common::talk(&done).contains("'at06' was deleted"), "{}", common::talk(&done));
    }
    // A line that a crash cut is dropped; a damaged one is an error.
    let more = folder.path().join("v.index/ids.more.jsonl");
    let good = fs::read_to_string(&more).unwrap();
    fs::write(&more, format!("{good}[\"ha")).unwrap();
    assert_eq!(near("new"), ["at07", "at08"]);
    fs::write(folder.path().join("x.txt"), "1 2\nnewer 0.95 0.312\n").unwrap();
    run(&["index", "add", "v.index", "x.txt"]);
    assert_eq!(near("newer")[0], "new");
    fs::write(&more, good.replace("new", "old")).unwrap();
    let done = vecinity(folder.path(), &["index", "search", "v.index", "at01"]);
    assert_eq!(done.status.code(), Some(3), "{}", common::talk(&done));
}
