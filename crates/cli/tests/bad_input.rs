//! The typical first mistakes: what is said, and the exit code.

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a file in it.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program in the folder; the code and what it said, without the folder's name.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = vecinity().current_dir(self.folder.path()).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said.replace(&self.folder.path().display().to_string(), ""))
    }

    /// Training must fail with code 2 and these words, and leave nothing behind.
    fn refuses(&self, arguments: &[&str], words: &[&str]) {
        let before = names(self.folder.path());
        let (code, said) = self.run(arguments);
        assert_eq!(code, 2, "{said}");
        for word in words {
            assert!(said.contains(word), "'{word}' is missing in: {said}");
        }
        assert_eq!(before, names(self.folder.path()), "nothing may be left behind");
    }
}

fn vecinity() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vecinity"))
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    names
}

const TRAIN: [&str; 6] = ["train", "a.txt", "-o", "m.model", "--kind", "text"];

#[test]
fn small_data_with_the_usual_min_count_says_which_would_do() {
    let words = ["error: 0 of 3 tokens occur >= 5 times; the largest count is 1", "use --min-count 1"];
    Fixture::new("a.txt", b"one two three\n").refuses(&TRAIN, &words);
}

#[test]
fn an_empty_file_holds_nothing_to_learn() {
    for bytes in [b"".as_slice(), b"\n\n \n", b"\xef\xbb\xbf"] {
        Fixture::new("a.txt", bytes).refuses(&TRAIN, &["nothing to read: the input holds no token"]);
    }
}

#[test]
fn bytes_that_are_no_utf8_are_named_with_line_and_byte() {
    let words = ["a.txt, line 2, byte 4: byte 0xe9 is not UTF-8 (looks like Latin-1)", "--encoding latin1"];
    Fixture::new("a.txt", b"fine\ncaf\xe9 au lait\n").refuses(&TRAIN, &words);
}

#[test]
fn utf16_and_binary_files_are_recognised() {
    Fixture::new("a.txt", b"\xff\xfea\0b\0")
        .refuses(&TRAIN, &["this is UTF-16, expected UTF-8", "--encoding utf-16le"]);
    Fixture::new("a.txt", b"a b\nc\0d\n").refuses(&TRAIN, &["line 2, byte 2: a NUL byte"]);
    Fixture::new("a.txt", b"PAR1....").refuses(&TRAIN, &["this is a Parquet file, expected text"]);
}

#[test]
fn a_cut_gzip_file_is_bad_input() {
    // The first bytes of a gzip stream, and no more.
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x54";
    Fixture::new("a.txt", packed).refuses(&TRAIN, &["a.txt: the packed data is cut or damaged"]);
}

#[test]
fn a_missing_file_and_an_empty_pattern_are_named() {
    let fixture = Fixture::new("b.txt", b"x");
    fixture.refuses(&TRAIN, &["error: a.txt: no such file"]);
    fixture.refuses(&["train", "*.csv", "-o", "m.model", "--kind", "text"], &["*.csv: no file found"]);
    fixture.refuses(&["train", "-o", "m.model", "--kind", "text"], &["no data given"]);
}

#[test]
fn a_mistyped_flag_or_value_gets_a_suggestion() {
    let fixture = Fixture::new("a.txt", b"a b c\n");
    fixture.refuses(&[&TRAIN[..], &["--epoch", "3"]].concat(), &["unexpected argument '--epoch'", "--epochs"]);
    fixture.refuses(&[&TRAIN[..], &["--dim", "abc"]].concat(), &["invalid value 'abc' for '--dim"]);
    fixture.refuses(&[&TRAIN[..], &["--model", "skipgran"]].concat(), &["invalid value 'skipgran'", "skipgram"]);
    fixture.refuses(&[&TRAIN[..], &["--dim", "0"]].concat(), &["dim is 0, expected 1 to 65536"]);
    fixture.refuses(&[&TRAIN[..], &["--window", "five"]].concat(), &["window is five, expected a number, or 'all'"]);
    fixture.refuses(&[&TRAIN[..], &["--subsample", "nan"]].concat(), &["subsample is NaN, expected 0 (off) to 1"]);
    fixture.refuses(&["trian", "a.txt"], &["unrecognized subcommand 'trian'", "train"]);
}

#[test]
fn an_output_that_is_no_model_is_never_replaced() {
    let fixture = Fixture::new("a.txt", b"a b c\n");
    fs::create_dir(fixture.path("m.model")).unwrap();
    fs::write(fixture.path("m.model/notes.txt"), "mine").unwrap();
    fixture.refuses(&TRAIN, &["m.model: exists and is no model; it will not be replaced"]);
    assert_eq!(fs::read_to_string(fixture.path("m.model/notes.txt")).unwrap(), "mine");
    fixture.refuses(
        &["train", "a.txt", "-o", "no/such/m.model", "--kind", "text"],
        &["no/such/m.model: the folder no/such does not exist"],
    );
}

#[test]
fn metadata_that_matches_nothing_is_refused() {
    let fixture = Fixture::new("a.txt", "1 2 3\n".repeat(9).as_bytes());
    fs::write(fixture.path("t.csv"), "id,title\nitem_1,One\nitem_2,Two\n").unwrap();
    let words = ["0 of 2 metadata ids occur in the model", "item_1"];
    fixture.refuses(&[&TRAIN[..], &["--metadata", "t.csv"]].concat(), &words);
}

#[test]
fn ids_stay_strings_and_unusual_ones_survive() {
    let ids =
        ["007", "1e3", "NaN", "naïve", "\u{1f600}", "\u{05d0}\u{05d1}", "a\u{0301}", "\u{e1}", "A", "a", "--x", "a,b"];
    let line = ids.join(" ") + "\n";
    let fixture = Fixture::new("a.txt", ["\u{feff}", &line.repeat(6)].concat().replace('\n', "\r\n").as_bytes());
    let (code, said) = fixture.run(&[&TRAIN[..], &["--epochs", "1", "--quiet"]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, said) = fixture.run(&["export", "m.model", "--format", "vocab", "-o", "v.tsv"]);
    assert_eq!(code, 0, "{said}");
    let mut found: Vec<String> = fs::read_to_string(fixture.path("v.tsv"))
        .unwrap()
        .lines()
        .filter_map(|l| l.split('\t').next().map(str::to_owned))
        .collect();
    let mut expected = ids.map(str::to_owned).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_damaged_model_ends_with_code_3() {
    let fixture = Fixture::new("a.txt", "a b c\n".repeat(9).as_bytes());
    assert_eq!(fixture.run(&[&TRAIN[..], &["--quiet"]].concat()).0, 0);
    let vectors = fixture.path("m.model/vectors.safetensors");
    let mut bytes = fs::read(&vectors).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&vectors, bytes).unwrap();
    for command in
        [&["verify", "m.model"][..], &["inspect", "m.model"], &["export", "m.model", "--format", "glove", "-o", "g"]]
    {
        let (code, said) = fixture.run(command);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("vectors.safetensors: the checksum is wrong"), "{said}");
    }
}

#[test]
fn standard_input_is_data_too() {
    let fixture = Fixture::new("unused", b"");
    let arguments = ["train", "-", "-o", "m.model", "--kind", "text", "--min-count", "1", "--quiet"];
    let run = vecinity().current_dir(fixture.folder.path()).args(arguments).write_stdin("a b a b\n").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(fixture.path("m.model/MANIFEST.json").exists());
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let text: String = (0..300_000u64).map(|i| format!("w{} ", (i * i + i / 7) % 997)).collect();
    let fixture = Fixture::new("a.txt", text.as_bytes());
    let more = ["--threads", "1", "--dim", "60", "--epochs", "12", "--quiet"];
    let whole = ["train", "a.txt", "-o", "whole.model", "--kind", "text"];
    assert_eq!(fixture.run(&[&whole[..], &more].concat()).0, 0);
    // A checkpoint as often as possible; kill as soon as there is one.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vecinity"))
        .current_dir(fixture.folder.path())
        .args([&TRAIN[..], &more, &["--checkpoint-every", "0.01s"]].concat())
        .spawn()
        .unwrap();
    let checkpoint = fixture.path("m.model.checkpoint/state.json");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(checkpoint.exists(), "the run must not have ended before it was killed");
    let (code, said) = fixture.run(&[&TRAIN[..], &more, &["--resume"]].concat());
    assert_eq!(code, 0, "{said}");
    let vectors = |model: &str| fs::read(fixture.path(model).join("vectors.safetensors")).unwrap();
    assert!(vectors("whole.model") == vectors("m.model"));
    assert!(!fixture.path("m.model.checkpoint").exists(), "a finished run leaves no checkpoint");
}

#[test]
fn other_encodings_are_checked_too() {
    let be: Vec<u8> = "a b c\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    Fixture::new("a.txt", &be).refuses(&TRAIN, &["a.txt, line 1, byte 1: a NUL byte", "--encoding utf-16be"]);
    let le: Vec<u8> = "a b c\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    Fixture::new("a.txt", &le).refuses(&TRAIN, &["a.txt, line 1, byte 2: a NUL byte", "--encoding utf-16le"]);
    // Half of a pair: as CESU-8, in UTF-16, and a character of GBK cut in two.
    let words = ["a.txt, line 1, byte 3: a lone surrogate (half of a UTF-16 pair), expected UTF-8"];
    Fixture::new("a.txt", b"a \xed\xa0\x80 b\n").refuses(&TRAIN, &words);
    let half: Vec<u8> = [0x61, 0x20, 0xd83d, 0x20, 0x62].iter().flat_map(|u: &u16| u.to_le_bytes()).collect();
    let fixture = Fixture::new("a.txt", &half);
    let utf16 = [&TRAIN[..], &["--encoding", "utf-16le"]].concat();
    fixture.refuses(&utf16, &["a.txt, byte 5: this is not UTF-16LE", "--bad-utf8 replace"]);
    let replace = ["--bad-utf8", "replace", "--min-count", "1", "--quiet"];
    assert_eq!(fixture.run(&[&utf16[..], &replace].concat()).0, 0);
    let gbk = [&TRAIN[..], &["--encoding", "gbk"]].concat();
    Fixture::new("a.txt", b"\xc4\xe3 \xba\xff \n").refuses(&gbk, &["a.txt, byte 4: this is not GBK"]);
    let skip = [&TRAIN[..], &["--bad-utf8", "skip"]].concat();
    Fixture::new("a.txt", b"caf\xe9\n").refuses(&skip, &["1 line left out since they are not UTF-8"]);
}

#[test]
fn what_teaches_nothing_is_refused() {
    let all = [&TRAIN[..], &["--min-count", "1"]].concat();
    let words = ["nothing to learn from: each of 3 sequences holds one token"];
    Fixture::new("a.txt", b"x\ny\nz\n").refuses(&all, &words);
    Fixture::new("a.txt", b"x x x x\n").refuses(&all, &["nothing to learn from: 'x' is the only token"]);
    Fixture::new("a.txt", b"x y x y\n").refuses(&[&all[..], &["--max-vocab", "0"]].concat(), &["max_vocab is 0"]);
}

#[test]
fn negative_numbers_and_empty_names_are_named() {
    let fixture = Fixture::new("a.txt", b"a b a b\n");
    for flag in ["--dim", "--seed", "--threads", "--epochs"] {
        fixture.refuses(&[&TRAIN[..], &[flag, "-1"]].concat(), &["-1"]);
        let (_, said) = fixture.run(&[&TRAIN[..], &[flag, "-1"]].concat());
        assert!(!said.contains("unexpected argument"), "{flag}: {said}");
    }
    fixture.refuses(&["train", "", "-o", "m.model", "--kind", "text"], &["the name of a file is empty"]);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once_and_whole() {
    let fixture = Fixture::new("unused", b"");
    let pipe = fixture.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for more in [&["--kind", "text"][..], &[], &["--kind", "sequence", "--holdout", "none"]] {
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::write(pipe, "1 2 3\n".repeat(9)).unwrap()
        });
        let common = ["train", "pipe", "-o", "m.model", "--epochs", "1", "--threads", "1", "--quiet"];
        let run = vecinity()
            .current_dir(fixture.folder.path())
            .args(common)
            .args(more)
            .timeout(std::time::Duration::from_secs(60))
            .output()
            .unwrap();
        assert!(run.status.success(), "{more:?}: {}", String::from_utf8_lossy(&run.stderr));
        writer.join().unwrap();
        let manifest = fs::read_to_string(fixture.path("m.model/MANIFEST.json")).unwrap();
        assert!(manifest.contains("\"corpus_tokens\": 27"), "{more:?}: {manifest}");
    }
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_or_written_is_said_once() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new("a.txt", "a b c\n".repeat(9).as_bytes());
    fs::create_dir(fixture.path("closed")).unwrap();
    fs::set_permissions(fixture.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(fixture.path("a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(fixture.path("a.txt")).is_ok() {
        // The superuser may read and write everything.
        return;
    }
    fixture.refuses(&TRAIN, &["error: a.txt: cannot open: Permission denied (os error 13)\n"]);
    fs::set_permissions(fixture.path("a.txt"), fs::Permissions::from_mode(0o644)).unwrap();
    fixture.refuses(
        &["train", "a.txt", "-o", "closed/m.model", "--kind", "text"],
        &["error: closed/m.model: cannot create: permission denied\n"],
    );
}

#[test]
fn many_files_are_read_one_after_another() {
    let fixture = Fixture::new("unused", b"");
    fs::create_dir(fixture.path("many")).unwrap();
    for number in 0..3000 {
        fs::write(fixture.path(&format!("many/{number}.txt")), "a b c\n").unwrap();
    }
    let arguments = ["train", "many", "-o", "m.model", "--kind", "text", "--epochs", "1", "--threads", "2"];
    let (code, said) = fixture.run(&arguments);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("read    3,000 lines, 9,000 tokens, 0.0 MB from 3000 files"), "{said}");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_as_far_as_it_came() {
    use std::io::Write;
    let fixture = Fixture::new("a.txt", "a b c\n".repeat(200_000).as_bytes());
    let mut file = fs::OpenOptions::new().append(true).open(fixture.path("a.txt")).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let stop = std::sync::Arc::clone(&stop);
        move || {
            // A slow log: the reader catches up with it.
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"a b c\n").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    });
    let (code, said) = fixture.run(&[&TRAIN[..], &["--epochs", "1", "--dim", "4"]].concat());
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_model_of_a_newer_version_ends_with_code_3() {
    let fixture = Fixture::new("a.txt", "a b c\n".repeat(9).as_bytes());
    assert_eq!(fixture.run(&[&TRAIN[..], &["--quiet"]].concat()).0, 0);
    let manifest = fs::read_to_string(fixture.path("m.model/MANIFEST.json")).unwrap();
    let newer = manifest.replacen("\"format\": 1", "\"format\": 99", 1);
    assert_ne!(newer, manifest);
    fs::write(fixture.path("m.model/MANIFEST.json"), &newer).unwrap();
    let sum = format!("{}  MANIFEST.json\n", vecinity::checksum::of_bytes(newer.as_bytes()));
    fs::write(fixture.path("m.model/MANIFEST.b3"), sum).unwrap();
    for command in [&["verify", "m.model"][..], &["neighbors", "m.model", "a"]] {
        let (code, said) = fixture.run(command);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("model format 99, this program reads up to 1"), "{said}");
        assert!(said.contains("made by a newer vecinity: update this one"), "{said}");
    }
}
