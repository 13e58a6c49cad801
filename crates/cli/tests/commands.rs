//! Whole commands on small real input: phrases, the C program's flags, the demo.

use assert_cmd::Command;
use std::fs;
use std::path::Path;

fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vecinity")).current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with `a.txt`: three sentences, twenty times.
fn text() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines = "we saw new york today\nnew york is large\nthey came to new york\n".repeat(20);
    fs::write(folder.path().join("a.txt"), lines).unwrap();
    folder
}

#[test]
fn phrases_are_learned_applied_and_trained_with() {
    let folder = text();
    let (code, out, err) = run(
        folder.path(),
        &["phrases", "learn", "a.txt", "-o", "p.phrases", "--min-count", "30", "--threshold", "1.5", "--text"],
    );
    assert_eq!(code, 0, "{err}");
    // total 260, count(new) = count(york) = count(new york) = 60: (60 - 30) * 260 / 3600 = 2.17.
    assert!(out.contains("new_york 60 (score 2)"), "{out}");
    let (code, out, err) = run(folder.path(), &["phrases", "apply", "p.phrases", "a.txt", "-o", "-"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("new_york is large\n"), "{out}");
    assert_eq!(out.lines().count(), 60);
    let train = ["train", "a.txt", "-o", "m.model", "--phrases", "p.phrases", "--kind", "text", "--quiet"];
    assert_eq!(run(folder.path(), &train).0, 0);
    let (code, out, err) = run(folder.path(), &["neighbors", "m.model", "new_york", "--json"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"query\":\"new_york\""), "{out}");
    let (code, _, err) =
        run(folder.path(), &["train", "a.txt", "-o", "n.model", "--phrases", "a.txt", "--kind", "text"]);
    assert_eq!(code, 2);
    assert!(err.contains("a.txt, line 1: no phrase file"), "{err}");
}

#[test]
fn the_flags_of_the_c_program_work() {
    let folder = text();
    let flags = "word2vec -train a.txt -output v.txt -size 8 -window 3 -sample 0 -negative 5 -hs 0 -threads 1 -iter 3 \
                 -min-count 5 -alpha 0.05 -cbow 1 -debug 2 -binary 0 -save-vocab vocab.txt -classes 0";
    let arguments: Vec<&str> = flags.split_whitespace().collect();
    let (code, _, err) = run(folder.path(), &arguments);
    assert_eq!(code, 0, "{err}");
    let vectors = fs::read_to_string(folder.path().join("v.txt")).unwrap();
    let tokens = vectors.lines().count() - 1;
    assert_eq!(vectors.lines().next().unwrap(), format!("{tokens} 8"));
    let vocab = fs::read_to_string(folder.path().join("vocab.txt")).unwrap();
    assert!(vocab.starts_with("new 60\nyork 60\n"), "{vocab}");
    assert_eq!(vocab.lines().count(), tokens);
}

#[test]
fn the_c_programs_silent_mistakes_are_loud() {
    let folder = text();
    for (flags, words) in [
        ("-train a.txt -outptu v.bin", "'-outptu' is no flag of word2vec\n       did you mean -output?"),
        ("-train a.txt -output v.bin -size abc", "size is 'abc', expected a number"),
        ("-train a.txt -output v.bin -size 0", "dim is 0, expected 1 to 65536"),
        ("-train a.txt -output v.bin -size", "-size needs a value"),
        ("-train a.txt", "neither -output nor -save-vocab given"),
        ("-output v.bin", "-train is missing"),
        ("-train a.txt -output v.bin -hs 1 -negative 5", "train two losses at once"),
        ("-train a.txt -output v.bin -classes 100", "-classes is not supported"),
        ("-train a.txt -read-vocab v.txt", "-read-vocab is not supported"),
    ] {
        let arguments: Vec<&str> = std::iter::once("word2vec").chain(flags.split_whitespace()).collect();
        let (code, _, err) = run(folder.path(), &arguments);
        assert_eq!(code, 2, "{flags}: {err}");
        assert!(err.contains(words), "{flags}: {err}");
        assert!(!folder.path().join("v.bin").exists());
    }
}

#[test]
fn the_demo_walks_through_words() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = run(folder.path(), &["demo", "--words", "--text"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("portuguese"), "{out}");
    assert!(out.contains("278 of 278 questions asked"), "{out}");
    for name in ["README.md", "factbook.txt", "factbook-questions.txt", "words.model/MANIFEST.json", "words.vec"] {
        assert!(folder.path().join("vecinity-demo").join(name).exists(), "{name}");
    }
    let (code, _, err) = run(folder.path(), &["verify", "vecinity-demo/words.model"]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn the_demo_walks_through_baskets_with_titles() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = run(folder.path(), &["demo", "--items", "--text"]);
    assert_eq!(code, 0, "{err}");
    // A cake stand of the Regency tea set is bought with its teacups.
    assert!(out.contains("ROSES REGENCY TEACUP AND SAUCER"), "{out}");
}

#[test]
fn joined_text_is_packed_by_the_ending_of_its_name() {
    let folder = text();
    // A file without a line end must not run into the next one.
    fs::write(folder.path().join("b.txt"), "near new york").unwrap();
    let learn = ["phrases", "learn", "a.txt", "-o", "p.phrases", "--min-count", "30", "--threshold", "1.5", "--quiet"];
    assert_eq!(run(folder.path(), &learn).0, 0);
    let apply = |output: &str| {
        let (code, _, err) = run(folder.path(), &["phrases", "apply", "p.phrases", "b.txt", "a.txt", "-o", output]);
        assert_eq!(code, 0, "{err}");
        let mut bytes = Vec::new();
        let source = vecinity::corpus::Source::File(folder.path().join(output));
        std::io::Read::read_to_end(&mut source.open().unwrap(), &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let plain = apply("out.txt");
    assert!(plain.starts_with("near new_york\nwe saw new_york today\n"), "{plain}");
    for (name, magic) in [("out.txt.gz", &b"\x1f\x8b"[..]), ("out.txt.zst", b"\x28\xb5\x2f\xfd")] {
        assert_eq!(apply(name), plain);
        assert!(fs::read(folder.path().join(name)).unwrap().starts_with(magic), "{name}");
    }
    fs::write(folder.path().join("c.txt"), b"fine\ncaf\xe9\n").unwrap();
    let (code, _, err) = run(folder.path(), &["phrases", "apply", "p.phrases", "c.txt", "-o", "out.txt"]);
    assert_eq!(code, 2);
    assert!(err.contains("c.txt, line 2, byte 4: byte 0xe9 is not UTF-8"), "{err}");
    assert_eq!(fs::read_to_string(folder.path().join("out.txt")).unwrap(), plain, "the old file stays");
}

#[test]
fn shells_are_taught_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, out, err) = run(folder.path(), &["completions", shell]);
        assert_eq!(code, 0, "{err}");
        for word in ["neighbors", "completions", "min-count"] {
            assert!(out.contains(word), "{shell} does not know {word}");
        }
    }
    let (code, _, err) = run(folder.path(), &["completions", "bsh"]);
    assert_eq!(code, 2);
    assert!(err.contains("bash"), "{err}");
}

#[test]
fn every_setting_says_where_it_comes_from() {
    let folder = text();
    fs::write(
        folder.path().join("c.toml"),
        "[train]\nepochs = 7\nseed = 3\n[model]\nfamily = \"word2vec\"\nwindow = 4\n",
    )
    .unwrap();
    let show = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_vecinity"))
            .current_dir(folder.path())
            .args(["config", "show", "a.txt", "--config", "c.toml", "--effective", "--dim", "20", "--text"])
            .args(more)
            .env("VECINITY_DIM", "30")
            .env("VECINITY_SEED", "9")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let lines = show(&[]);
    for line in [
        "dim = 20 # flag --dim",
        "seed = 9 # environment VECINITY_SEED",
        "epochs = 7 # file c.toml",
        "window = 4 # file c.toml",
        "negatives = 5 # profile text",
        "kind = \"text\" # guessed from the data",
        "files = [\"a.txt\"] # named",
    ] {
        assert!(lines.iter().any(|found| found == line), "'{line}' is missing in: {lines:#?}");
    }
    let lines = show(&["--model", "cbow"]);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("learning_rate = 0.05") && line.ends_with("# follows from the others"))
    );

    // What is shown can be run, and a mistyped key is told from a right one.
    let (code, out, err) = run(folder.path(), &["config", "show", "--kind", "text", "--text"]);
    assert_eq!(code, 0, "{err}");
    fs::write(folder.path().join("whole.toml"), &out).unwrap();
    let train = ["train", "a.txt", "-o", "m.model", "--config", "whole.toml", "--quiet"];
    let (code, _, err) = run(folder.path(), &train);
    assert_eq!(code, 0, "{err}");
    fs::write(folder.path().join("whole.toml"), out.replace("epochs =", "epoch =")).unwrap();
    let (code, _, err) = run(folder.path(), &train);
    assert_eq!(code, 2);
    assert!(err.contains("unknown field `epoch`") && err.contains("did you mean `epochs`?"), "{err}");
}
