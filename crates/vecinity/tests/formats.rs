//! Files of other tools are read as those tools read them, and what is written comes back as it was.
//!
//! The files in `fixtures/` were written by gensim 4.4, NumPy 2.4, safetensors 0.8, pyarrow 26 and
//! fastText 0.9.2; all but fastText's hold the vectors of [`VALUES`].

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use vecinity::embeddings::Which;
use vecinity::formats::{BadUtf8, Format, ReadOptions, export, import};
use vecinity::metadata::Metadata;
use vecinity::{Embeddings, Matrix, Vocab};

const TOKENS: [&str; 5] = ["the", "of", "naïve", "007", "日本"];
const VALUES: [f32; 15] = [0.5, -1.25, 3.0, 0.1, 0.2, 0.3, 1e-7, -2.5e8, 0.0, 7.0, 7.0, 7.0, -0.001, 1.0 / 3.0, 2.0];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> Embeddings {
    import(&fixture(name), None, &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// Parquet is a feature that the library can be built without.
fn readable(name: &str) -> bool {
    cfg!(feature = "parquet") || !name.ends_with(".parquet")
}

fn tokens(embeddings: &Embeddings) -> Vec<&str> {
    embeddings.vocab().iter().map(|(_, token, _)| token).collect()
}

#[test]
fn files_of_gensim_numpy_safetensors_and_pyarrow_are_read() {
    let files = ["gensim.txt", "gensim.bin", "numpy-f4.npy", "numpy-f8.npy", "python.safetensors", "pyarrow.parquet"];
    for name in files.into_iter().filter(|name| readable(name)) {
        let embeddings = read(name);
        assert_eq!(tokens(&embeddings), TOKENS, "{name}");
        assert_eq!(embeddings.input().as_slice(), VALUES, "{name}");
        assert!(embeddings.output().is_none(), "{name}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_table_of_another_shape_is_read_by_the_types_of_its_columns() {
    // The columns are `key` (integers) and `embedding` (lists of f64).
    let embeddings = read("pyarrow-f64.parquet");
    assert_eq!(tokens(&embeddings), ["0", "1", "2", "3", "4"]);
    assert_eq!(embeddings.input().as_slice(), VALUES);
}

#[cfg(feature = "parquet")]
#[test]
fn a_table_brings_counts_and_titles() {
    let embeddings = read("pyarrow.parquet");
    assert_eq!(embeddings.vocab().counts(), [50, 40, 30, 20, 10]);
    let metadata = embeddings.metadata().unwrap();
    assert_eq!(metadata.title("007"), Some("Bond"));
    assert_eq!(metadata.title("naïve"), None);
}

#[test]
fn words_of_fasttext_have_the_vectors_that_fasttext_prints() {
    // Each `.txt` holds what `getWordVector` of fastText gives for the words of the `.bin` beside it.
    for (name, counted, output) in [
        ("fasttext.bin", 40, true),
        ("fasttext-words.bin", 40, true),
        ("fasttext-hs.bin", 40, false),
        ("fasttext-supervised.bin", 16, false),
    ] {
        let (model, printed) = (read(name), read(&format!("{name}.txt")));
        assert_eq!(tokens(&model), tokens(&printed), "{name}");
        assert_eq!(model.input().as_slice(), printed.input().as_slice(), "{name}");
        assert_eq!(model.vocab().counts()[0], counted, "{name}");
        assert_eq!(model.output().is_some(), output, "{name}");
    }
}

#[test]
fn reading_may_stop_after_the_first_tokens() {
    let options = ReadOptions { max_vocab: Some(2), ..ReadOptions::default() };
    let files = ["gensim.txt", "gensim.bin", "numpy-f4.npy", "python.safetensors", "pyarrow.parquet", "fasttext.bin"];
    for name in files.into_iter().filter(|name| readable(name)) {
        let (all, some) = (read(name), import(&fixture(name), None, &options).unwrap());
        assert_eq!(tokens(&some), tokens(&all)[..2], "{name}");
        assert_eq!(some.input().as_slice(), &all.input().as_slice()[..6], "{name}");
        assert_eq!(some.output().is_some(), all.output().is_some(), "{name}");
    }
}

#[test]
fn tokens_that_are_not_utf8_are_skipped_or_replaced_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1.txt");
    std::fs::write(&path, b"3 1\ncaf\xe9 1\nb 2\nc 3\n").unwrap();
    let options = |bad_utf8| ReadOptions { bad_utf8, ..ReadOptions::default() };
    let skipped = import(&path, None, &options(BadUtf8::Skip)).unwrap();
    assert_eq!((tokens(&skipped), skipped.input().as_slice()), (vec!["b", "c"], &[2.0, 3.0][..]));
    let replaced = import(&path, None, &options(BadUtf8::Replace)).unwrap();
    assert_eq!((tokens(&replaced), replaced.input().as_slice()), (vec!["caf\u{fffd}", "b", "c"], &[1.0, 2.0, 3.0][..]));
}

#[test]
fn text_may_have_a_byte_order_mark_windows_line_ends_and_blank_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windows.txt");
    std::fs::write(&path, "\u{feff}2 2\r\na 1 2 \r\nb 3 4\r\n\r\n").unwrap();
    let embeddings = import(&path, None, &ReadOptions::default()).unwrap();
    assert_eq!((tokens(&embeddings), embeddings.input().as_slice()), (vec!["a", "b"], &[1.0, 2.0, 3.0, 4.0][..]));
}

/// Writes embeddings in a format and reads them again.
fn there_and_back(embeddings: &Embeddings, format: Format, which: Option<Which>) -> Embeddings {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vectors");
    export(&path, format, embeddings, which).unwrap_or_else(|error| panic!("{format}: {error}"));
    import(&path, Some(format), &ReadOptions::default()).unwrap_or_else(|error| panic!("{format}: {error}"))
}

fn written_here(format: Format) -> bool {
    cfg!(feature = "parquet") || format != Format::Parquet
}

/// Formats that are written.
const WRITTEN: [Format; 7] = [
    Format::Word2vec,
    Format::Word2vecBinary,
    Format::Glove,
    Format::Npy,
    Format::Safetensors,
    Format::Parquet,
    Format::Projector,
];

#[test]
fn the_format_of_a_file_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let vocab = Vocab::from_counts(TOKENS.map(|token| (token, 1))).unwrap();
    let embeddings = Embeddings::new(vocab, Matrix::new(5, 3, VALUES.to_vec()), None).unwrap();
    for format in WRITTEN.into_iter().filter(|format| written_here(*format)) {
        let path = folder.path().join(format!("{format}.tsv"));
        export(&path, format, &embeddings, None).unwrap();
        assert_eq!(Format::detect(&path).unwrap(), format);
    }
}

prop_compose! {
    /// Any finite values, any tokens without white space, any counts.
    fn embeddings()(dim in 1usize..5, tokens in prop::collection::hash_set("[^\\s\\p{C}\u{feff}]{1,9}", 1..20))
        (values in prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), dim * tokens.len() * 2),
         counts in prop::collection::vec(any::<u32>(), tokens.len()), dim in Just(dim), tokens in Just(tokens))
    -> Embeddings {
        let rows = tokens.len();
        let vocab = Vocab::from_counts(tokens.iter().zip(counts.into_iter().map(u64::from))).unwrap();
        let matrix = |values: &[f32]| Matrix::new(rows, dim, values.to_vec());
        let (input, output) = values.split_at(rows * dim);
        Embeddings::new(vocab, matrix(input), Some(matrix(output))).unwrap()
    }
}

fn bits(matrix: &Matrix) -> Vec<u32> {
    matrix.as_slice().iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_gives_back_the_same_bits(written in embeddings()) {
        for format in WRITTEN.into_iter().filter(|format| written_here(*format)) {
            let read = there_and_back(&written, format, Some(Which::Output));
            prop_assert_eq!(tokens(&read), tokens(&written), "{}", format);
            prop_assert_eq!(bits(read.input()), bits(written.output().unwrap()), "{}", format);
            prop_assert!(read.output().is_none());
            let counted = matches!(format, Format::Safetensors | Format::Parquet);
            let counts = if counted { written.vocab().counts().to_vec() } else { vec![0; written.len()] };
            prop_assert_eq!(read.vocab().counts(), counts, "{}", format);
        }
    }

    #[test]
    fn safetensors_keeps_both_matrices(written in embeddings()) {
        let read = there_and_back(&written, Format::Safetensors, None);
        prop_assert_eq!(bits(read.input()), bits(written.input()));
        prop_assert_eq!(bits(read.output().unwrap()), bits(written.output().unwrap()));
    }
}

#[test]
fn tokens_with_spaces_survive_where_the_format_allows_them() {
    let vocab = Vocab::from_counts([("Toy Story 2", 3), (" a\tb\n", 1)]).unwrap();
    let embeddings = Embeddings::new(vocab, Matrix::new(2, 1, vec![1.0, 2.0]), None).unwrap();
    for format in [Format::Safetensors, Format::Parquet].into_iter().filter(|format| written_here(*format)) {
        assert_eq!(tokens(&there_and_back(&embeddings, format, None)), ["Toy Story 2", " a\tb\n"]);
    }
}

#[cfg(feature = "parquet")]
#[test]
fn a_table_keeps_titles_and_fields() {
    let metadata = Metadata::read("id,title,year\na,Alien,1979\nb,,1986\n".as_bytes(), "m.csv".as_ref()).unwrap();
    let vocab = Vocab::from_counts([("b", 3), ("a", 1), ("c", 1)]).unwrap();
    let embeddings = Embeddings::new(vocab, Matrix::new(3, 1, vec![1.0, 2.0, 3.0]), None).unwrap();
    let read = there_and_back(&embeddings.with_metadata(Some(metadata)), Format::Parquet, None);
    let metadata = read.metadata().unwrap();
    assert_eq!(metadata.columns(), ["title", "year"]);
    assert_eq!(metadata.fields("a"), Some(vec!["Alien", "1979"]));
    assert_eq!(metadata.fields("b"), Some(vec!["", "1986"]));
    assert_eq!(metadata.title("c"), None);
}

#[test]
fn the_projector_gets_a_row_of_metadata_for_each_vector() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("films.tsv");
    let metadata = Metadata::read("id,title\na,Alien\n".as_bytes(), "m.csv".as_ref()).unwrap();
    let vocab = Vocab::from_counts([("a", 3), ("b", 1)]).unwrap();
    let embeddings = Embeddings::new(vocab, Matrix::new(2, 2, vec![1.0, 2.5, -3.0, 0.0]), None).unwrap();
    export(&path, Format::Projector, &embeddings.with_metadata(Some(metadata)), None).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\t2.5\n-3\t0\n");
    let names = std::fs::read_to_string(folder.path().join("films.metadata.tsv")).unwrap();
    assert_eq!(names, "id\tcount\ttitle\na\t3\tAlien\nb\t1\t\n");
}
