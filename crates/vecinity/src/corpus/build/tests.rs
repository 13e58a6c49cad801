use super::*;

fn corpus(texts: &[&[u8]], options: &Options) -> Result<Corpus> {
    let folder = tempfile::tempdir().unwrap();
    let sources: Vec<Source> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| {
            let path = folder.path().join(format!("{i}.txt"));
            std::fs::write(&path, text).unwrap();
            Source::File(path)
        })
        .collect();
    read(&sources, options)
}

fn sequences(corpus: &Corpus) -> Vec<Vec<&str>> {
    let mut start = 0;
    let names = |from: u64, to: u64| {
        let ids = &corpus.tokens()[from as usize..to as usize];
        ids.iter().map(|&id| corpus.vocab().token(crate::TokenId(id))).collect()
    };
    corpus
        .ends()
        .iter()
        .map(|&end| {
            let sequence = names(start, end);
            start = end;
            sequence
        })
        .collect()
}

fn all() -> Options {
    Options { min_count: 1, ..Options::default() }
}

#[test]
fn lines_become_sequences_and_ids_go_by_falling_count() {
    let corpus = corpus(&[b"b a b\r\n\nc b\n", b"a c"], &all()).unwrap();
    assert_eq!(sequences(&corpus), [vec!["b", "a", "b"], vec!["c", "b"], vec!["a", "c"]]);
    let counts: Vec<_> = corpus.vocab().iter().map(|(_, t, n)| (t, n)).collect();
    assert_eq!(counts, [("b", 3), ("a", 2), ("c", 2)]);
    let report = corpus.report();
    assert_eq!((report.files, report.lines, report.tokens, report.longest_line), (2, 4, 7, 3));
}

#[test]
fn rare_tokens_leave_and_empty_sequences_with_them() {
    let options = Options { min_count: 2, ..all() };
    let corpus = corpus(&[b"a x\ny\na b b\n"], &options).unwrap();
    assert_eq!(sequences(&corpus), [vec!["a"], vec!["a", "b", "b"]]);
    assert_eq!(corpus.report().kept_tokens, 4);
}

#[test]
fn a_min_count_that_leaves_nothing_says_which_would() {
    let error = corpus(&[b"a b c"], &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "0 of 3 tokens occur >= 5 times; the largest count is 1");
    assert_eq!(error.advice().unwrap(), "use --min-count 1");
    let error = corpus(&[b" \n\n"], &all()).unwrap_err();
    assert_eq!(error.to_string(), "nothing to read: the input holds no token");
}

#[test]
fn one_line_longer_than_many_blocks_stays_one_sequence() {
    let text = "word ".repeat(3_000_000);
    for threads in [1, 3] {
        let corpus = corpus(&[text.as_bytes()], &Options { threads, ..all() }).unwrap();
        assert_eq!(corpus.ends(), [3_000_000]);
        assert_eq!(corpus.report().longest_line, 3_000_000);
    }
}

#[test]
fn threads_change_nothing() {
    let text: String =
        (0..2_000_000u64).map(|i| format!("w{}{}", (i * i) % 70_001, if i % 9 == 0 { "\n" } else { " " })).collect();
    let one = corpus(&[text.as_bytes()], &all()).unwrap();
    for threads in [2, 5] {
        let many = corpus(&[text.as_bytes()], &Options { threads, ..all() }).unwrap();
        assert_eq!(one.fingerprint(), many.fingerprint());
        assert_eq!(one.tokens(), many.tokens());
    }
}

#[test]
fn a_pruned_table_keeps_the_frequent_tokens_where_they_were() {
    // 300,000 tokens that occur once drown 50 frequent ones; the table holds 100,000.
    let text: String = (0..300_000).map(|i| format!("rare{i} often{} ", i % 50)).collect();
    let pruned = corpus(&[text.as_bytes()], &Options { max_vocab: Some(50), ..all() }).unwrap();
    let exact = corpus(&[text.as_bytes()], &Options { min_count: 2, ..all() }).unwrap();
    assert!(pruned.report().pruned_below >= 1);
    assert_eq!(pruned.vocab().len(), 50);
    assert_eq!(pruned.fingerprint(), exact.fingerprint());
}

#[test]
fn bytes_that_are_no_utf8_are_found_by_line_and_byte() {
    let text = b"good line\nna\xefve\nlast";
    let error = corpus(&[text], &all()).unwrap_err();
    assert!(
        error.to_string().ends_with("0.txt, line 2, byte 3: byte 0xef is not UTF-8 (looks like Latin-1)"),
        "{error}"
    );
    let skip = corpus(&[text], &Options { bad_utf8: BadUtf8::Skip, ..all() }).unwrap();
    assert_eq!(sequences(&skip), [vec!["good", "line"], vec!["last"]]);
    assert_eq!(skip.report().skipped_lines, 1);
    let replace = corpus(&[text], &Options { bad_utf8: BadUtf8::Replace, ..all() }).unwrap();
    assert_eq!(sequences(&replace)[1], ["na\u{fffd}ve"]);
    let latin = corpus(&[text], &Options { encoding: "latin1".into(), ..all() }).unwrap();
    assert_eq!(sequences(&latin)[1], ["naïve"]);
}

#[test]
fn byte_order_marks_are_understood() {
    let bom = corpus(&[b"\xef\xbb\xbfa b"], &all()).unwrap();
    assert_eq!(sequences(&bom), [vec!["a", "b"]]);
    let utf16: Vec<u8> = [0xfeffu16, 97, 32, 98].iter().flat_map(|u| u.to_le_bytes()).collect();
    let error = corpus(&[&utf16], &all()).unwrap_err();
    assert!(error.to_string().ends_with("this is UTF-16, expected UTF-8"), "{error}");
    let read = corpus(&[&utf16], &Options { encoding: "utf-16le".into(), ..all() }).unwrap();
    assert_eq!(sequences(&read), [vec!["a", "b"]]);
}

#[test]
fn nul_bytes_are_refused_with_their_place() {
    let error = corpus(&[b"a b\nc \0 d\n"], &all()).unwrap_err();
    assert!(error.to_string().ends_with("line 2, byte 3: a NUL byte; this is not text"), "{error}");
}

#[test]
fn a_token_without_end_is_refused() {
    let error = corpus(&[&vec![b'x'; 9 << 20]], &all()).unwrap_err();
    assert!(error.to_string().contains("byte 1: a token of more than 1048576 bytes"), "{error}");
}

#[test]
fn packed_files_are_unpacked_and_cut_ones_refused() {
    let text = "a b c\n".repeat(1000);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zst = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for packed in [&gz, &zst] {
        assert_eq!(corpus(&[packed], &all()).unwrap().report().tokens, 3000);
        let error = corpus(&[&packed[..packed.len() / 2]], &all()).unwrap_err();
        assert!(error.to_string().contains("the packed data is cut or damaged"), "{error}");
    }
}
