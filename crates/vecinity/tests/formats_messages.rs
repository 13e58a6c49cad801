//! What is said about vector files that cannot be used: one fixture a message, and the remedy.

use std::path::{Path, PathBuf};
use vecinity::embeddings::Which;
use vecinity::formats::{Format, ReadOptions, export, import};
use vecinity::{Embeddings, Matrix, Vocab};

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures").join(name)
}

/// Message and advice of the refusal, without the folder.
fn refusal(name: &str, format: Option<Format>) -> (String, String) {
    let error = import(&fixture(name), format, &ReadOptions::default()).expect_err(name);
    assert_eq!(error.exit_code(), 2, "{name}");
    let text = error.to_string();
    (text.replace("tests/fixtures/bad/", "").replace("tests/fixtures/", ""), error.advice().unwrap_or_default())
}

const CUT: &str = "the file was cut or is damaged: copy or download it again";
const NOT_FINITE: &str = "the training diverged or the file is damaged; leave the row out or train again";
const TWICE: &str = "a token has one vector: remove one of the two";
const UTF8: &str = "--bad-utf8 skip leaves such rows out, --bad-utf8 replace puts U+FFFD in";
const ROW: &str = "expected: token, then its values, parted by spaces; a token must not end in ' ' and a number";

#[test]
fn text_files() {
    for (name, message, advice) in [
        (
            "cut.txt",
            "cut.txt: the header claims 100 rows of 3 values (at least 799 bytes), the file has 16 bytes after it",
            CUT,
        ),
        (
            "fewer-rows.txt",
            "fewer-rows.txt: the header claims 3 rows, the file has 2",
            "the file was cut: copy or download it again, or correct the header",
        ),
        (
            "more-rows.txt",
            "more-rows.txt, line 3: one row more than the 1 that the header promised",
            "correct the header or remove the rows",
        ),
        ("short-row.txt", "short-row.txt, line 3: 'b' has 1 value, the header has 2", ROW),
        ("title-with-number.txt", "title-with-number.txt, line 2: 'Toy Story' has 3 values, the header has 2", ROW),
        (
            "no-number.txt",
            "no-number.txt, line 3: value 2 of 'b' is 'x', expected a number",
            "expected: token, then its values, parted by spaces",
        ),
        ("nan.txt", "nan.txt, line 3: value 2 of 'b' is NaN, expected a finite number", NOT_FINITE),
        ("infinite.txt", "infinite.txt, line 2: value 1 of 'a' is inf, expected a finite number", NOT_FINITE),
        ("twice.txt", "twice.txt, line 4: the token 'a' is also on line 2", TWICE),
        ("latin1.txt", "latin1.txt, line 3, byte 4: the token 'caf\u{fffd}' is not UTF-8", UTF8),
        ("empty-token.txt", "empty-token.txt, line 2: the token is empty", "give every row a name"),
        (
            "no-rows.txt",
            "no-rows.txt, line 1: the header promises 0 rows of 5 values: the file holds no vectors",
            "is it the right file?",
        ),
        (
            "utf16.txt",
            "utf16.txt: the file is UTF-16, expected UTF-8",
            "convert it, for example: iconv -f utf-16 -t utf-8",
        ),
        (
            "glove.txt",
            "glove.txt, line 1: the header is 'a 0.5 1', expected two numbers: rows and values",
            "--format glove reads files without a header",
        ),
    ] {
        let name = format!("bad/{name}");
        assert_eq!(refusal(&name, Some(Format::Word2vec)), (message.to_owned(), advice.to_owned()), "{name}");
    }
    let short = "glove.txt, line 2: 'b' has 1 value, the first line has 2";
    assert_eq!(refusal("bad/glove.txt", None), (short.to_owned(), ROW.to_owned()));
}

#[test]
fn binary_files() {
    for (name, message, advice) in [
        (
            "cut.bin",
            "cut.bin: the header claims 2 rows of 2 values (at least 20 bytes), the file has 13 bytes after it",
            CUT,
        ),
        (
            "cut-in-row.bin",
            "cut-in-row.bin, byte 30: the file ends inside row 2 of the 2 that the header promised",
            CUT,
        ),
        ("nan.bin", "nan.bin, byte 16: row 2: value 1 of 'b' is NaN, expected a finite number", NOT_FINITE),
        ("twice.bin", "twice.bin, byte 16: row 2: the token 'a' is also in row 1", TWICE),
        ("latin1.bin", "latin1.bin, byte 8: the token 'caf\u{fffd}' is not UTF-8", UTF8),
        (
            "more-rows.bin",
            "more-rows.bin, byte 16: more bytes follow the 1 row that the header promised",
            "is the file text? --format word2vec; else it is damaged",
        ),
    ] {
        let name = format!("bad/{name}");
        assert_eq!(refusal(&name, Some(Format::Word2vecBinary)), (message.to_owned(), advice.to_owned()), "{name}");
    }
}

#[test]
fn numpy_arrays() {
    for (name, message, advice) in [
        (
            "numpy-fortran.npy",
            "numpy-fortran.npy: the array is in Fortran order, expected C order",
            "in Python: numpy.save(file, numpy.ascontiguousarray(array))",
        ),
        (
            "numpy-big-endian.npy",
            "numpy-big-endian.npy: the array has the type '>f4', expected '<f4' or '<f8'",
            "in Python: numpy.save(file, array.astype('<f4'))",
        ),
        (
            "numpy-3d.npy",
            "numpy-3d.npy: the array has 3 dimensions, expected 2: rows and values",
            "in Python: numpy.save(file, array.reshape(rows, -1))",
        ),
        (
            "bad/no-ids.npy",
            "no-ids.npy: the vectors have no names: there is no file no-ids.ids.txt",
            "--ids FILE names a text file with one id a line, in the order of the rows",
        ),
        (
            "bad/few-ids.npy",
            "few-ids.ids.txt: 4 ids for the 5 vectors of few-ids.npy",
            "expected one id a line, as many as there are vectors",
        ),
        ("bad/id-twice.npy", "id-twice.ids.txt, line 3: the token 'a' is also on line 1", TWICE),
        (
            "bad/cut.npy",
            "cut.npy: the header claims 5 rows of 3 values (at least 60 bytes), the file has 52 bytes after it",
            CUT,
        ),
        ("bad/nan.npy", "nan.npy: row 2: value 3 of 'b' is NaN, expected a finite number", NOT_FINITE),
    ] {
        assert_eq!(refusal(name, None), (message.to_owned(), advice.to_owned()), "{name}");
    }
}

#[test]
fn safetensors_files() {
    let convert = "convert it, in PyTorch for example: tensor.to(torch.float32)";
    let what = "python-f16.safetensors: the tensor 'input' has the type F16, expected F32";
    assert_eq!(refusal("python-f16.safetensors", None), (what.to_owned(), convert.to_owned()));
    let what = "cut.safetensors: the header claims 60 bytes of tensors, the file has 50";
    assert_eq!(refusal("bad/cut.safetensors", None), (what.to_owned(), CUT.to_owned()));
    let what = "two.safetensors: no tensor 'input' of two dimensions among: a, b";
    let advice = "name the matrix 'input', shape [tokens, values]";
    assert_eq!(refusal("bad/two.safetensors", None), (what.to_owned(), advice.to_owned()));
}

#[test]
fn fasttext_models() {
    let quantised = "quantised.ftz: a quantised fastText model (.ftz), whose vectors are not stored";
    let advice = "import the .bin it was made from, or its .vec";
    assert_eq!(refusal("bad/quantised.ftz", None), (quantised.to_owned(), advice.to_owned()));
    let cut =
        "cut-fasttext.bin: the header claims 23 rows of 3 values (at least 276 bytes), the file has 226 bytes after it";
    assert_eq!(refusal("bad/cut-fasttext.bin", None), (cut.to_owned(), CUT.to_owned()));
    let version = "version.bin: fastText format version 13, expected 11 or 12";
    assert_eq!(refusal("bad/version.bin", None).0, version);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_tables() {
    let advice = "expected the columns id (strings) and vector (lists of floats)";
    let what = "no-vector.parquet: no column 'vector' of lists of floats among: id: Utf8, x: Float64";
    assert_eq!(refusal("bad/no-vector.parquet", None), (what.to_owned(), advice.to_owned()));
    let advice = "expected an id and a vector in every row";
    let what = "ragged.parquet: row 2: 1 value, the first row has 2";
    assert_eq!(refusal("bad/ragged.parquet", None), (what.to_owned(), advice.to_owned()));
    let what = "null-id.parquet: row 2: the id is null";
    assert_eq!(refusal("bad/null-id.parquet", None), (what.to_owned(), advice.to_owned()));
    let what = "twice.parquet: row 3: the token 'a' is also in row 1";
    assert_eq!(refusal("bad/twice.parquet", None), (what.to_owned(), TWICE.to_owned()));
    let (message, advice) = refusal("bad/cut.parquet", None);
    assert!(message.starts_with("cut.parquet: not readable as Parquet: "), "{message}");
    assert_eq!(advice, CUT);
}

#[test]
fn projector_files() {
    let what = "projector.tsv, line 2: 1 value, the first line has 2";
    assert_eq!(refusal("bad/projector.tsv", None).0, what);
    let what = "few-names.metadata.tsv: 1 row of metadata for more vectors of few-names.tsv";
    assert_eq!(refusal("bad/few-names.tsv", None).0, what);
}

#[test]
fn files_that_are_something_else() {
    for (name, message, advice) in [
        (
            "gensim.model",
            "gensim.model: a Python pickle, which can run any program and is never loaded",
            "in gensim: vectors.save_word2vec_format('NAME.bin', binary=True)",
        ),
        ("packed.gz", "packed.gz: gzip-compressed", "unpack it first: gunzip"),
        (
            "events.csv",
            "events.csv: the format is none that is known",
            "--format says what it is: word2vec, word2vec-binary, glove, fasttext, npy, safetensors, parquet or projector",
        ),
        ("empty.txt", "empty.txt: the file is empty", "is it the right file?"),
    ] {
        let name = format!("bad/{name}");
        assert_eq!(refusal(&name, None), (message.to_owned(), advice.to_owned()), "{name}");
    }
    assert_eq!(refusal("bad", None).1, "a model folder needs no import");
    assert_eq!(refusal("bad", Some(Format::Glove)).1, "a model folder needs no import");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for format in [None, Some(Format::Word2vec), Some(Format::Npy)] {
        let error = import(Path::new("nowhere.bin"), format, &ReadOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with("nowhere.bin: cannot open: "), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn what_cannot_be_written_is_refused_before_a_file_appears() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let vocab = |token: &str| Vocab::from_counts([("a", 1), (token, 1)]).unwrap();
    let embeddings = |token| Embeddings::new(vocab(token), Matrix::new(2, 1, vec![1.0, 2.0]), None).unwrap();
    let refusal = |token, format, which| {
        let error = export(&path, format, &embeddings(token), which).unwrap_err();
        (error.to_string(), error.advice().unwrap_or_default())
    };
    let remedy = "use --format safetensors or parquet, which hold any token";
    let message = "the token 'Toy Story' holds a space, which ends a token in the format";
    for format in [Format::Word2vec, Format::Word2vecBinary, Format::Glove] {
        assert_eq!(refusal("Toy Story", format, None), (format!("{message} {format}"), remedy.to_owned()));
    }
    let message = "the token 'a\\nb' holds a line break, which ends a token in the format npy";
    assert_eq!(refusal("a\nb", Format::Npy, None).0, message);
    let message = "the token 'a\\tb' holds a tab, which ends a token in the format projector";
    assert_eq!(refusal("a\tb", Format::Projector, None).0, message);
    let message = "vectors is in-out, expected input, output, sum or concat: a file holds one matrix";
    assert_eq!(refusal("b", Format::Npy, Some(Which::InOut)).0, message);
    let message = "format is fasttext, expected another format: fasttext is only read; its .vec is word2vec";
    assert_eq!(refusal("b", Format::Fasttext, None).0, message);
    assert_eq!(refusal("b", Format::Npy, Some(Which::Sum)).0, "this model has no output matrix");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
