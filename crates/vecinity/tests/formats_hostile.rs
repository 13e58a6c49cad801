//! Whatever the bytes, reading them ends: in embeddings or an error, soon, and in little memory.
//!
//! For each format a small good file is cut at every length and has every byte set to several other
//! values. The same parsers are the fuzz targets of `fuzz/`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};
use vecinity::embeddings::Which;
#[cfg(feature = "parquet")]
use vecinity::formats::parquet;
use vecinity::formats::{BadUtf8, Format, ReadOptions, Source, export};
use vecinity::formats::{fasttext, glove, npy, projector, safetensors, word2vec};
use vecinity::metadata::Metadata;
use vecinity::{Embeddings, Matrix, Place, Vocab};

thread_local! {
    /// Bytes held by this thread, and the most of them since the last reset.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
struct Counting;

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: all work is the system allocator's, with the arguments as they came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Runs `work` and returns the most memory it held at a time, in bytes.
fn memory_of(work: impl FnOnce()) -> usize {
    let before = HELD.with(|held| {
        let (now, _) = held.get();
        held.set((now, now));
        now
    });
    work();
    (HELD.with(|held| held.get().1) - before) as usize
}

/// More than any parser takes for files of a few hundred bytes: its buffers and tables.
const LITTLE: usize = 256 << 10;

fn options() -> [ReadOptions; 2] {
    let skip = ReadOptions { bad_utf8: BadUtf8::Skip, max_vocab: Some(3), ..ReadOptions::default() };
    [ReadOptions::default(), skip]
}

/// Reads `good`, all its beginnings, and all files that differ from it in one byte.
fn torment(good: &[u8], most_memory: usize, read: impl Fn(&[u8])) {
    let try_one = |bytes: &[u8], what: &dyn Fn() -> String| {
        let start = Instant::now();
        let memory = memory_of(|| read(bytes));
        assert!(memory <= most_memory, "{memory} bytes of memory for {}", what());
        assert!(start.elapsed() < Duration::from_secs(2), "{:?} for {}", start.elapsed(), what());
    };
    for length in 0..=good.len() {
        try_one(&good[..length], &|| format!("the first {length} bytes"));
    }
    let mut bytes = good.to_vec();
    for at in 0..good.len() {
        let old = good[at];
        for new in [0, 0xff, 0x7f, 0x80, b' ', b'\n', b'\t', b'9', b'"', old ^ 1, old ^ 0x10, old.wrapping_add(1)] {
            bytes[at] = new;
            try_one(&bytes, &|| format!("byte {at} set to {new}"));
        }
        bytes[at] = old;
    }
}

fn name() -> &'static Path {
    Path::new("hostile")
}

fn small() -> Embeddings {
    let vocab = Vocab::from_counts([("the", 9), ("of", 5), ("naïve", 3), ("007", 1), ("日本", 1)]).unwrap();
    let values = |by: f32| Matrix::new(5, 3, (0..15).map(|at| at as f32 * by - 2.0).collect());
    let metadata = Metadata::read("id,title\nthe,The\n007,Bond\n".as_bytes(), name()).unwrap();
    Embeddings::new(vocab, values(0.25), Some(values(0.5))).unwrap().with_metadata(Some(metadata))
}

/// The bytes of a small good file, and of the one beside it if the format has one.
fn good(format: Format, which: Option<Which>) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good");
    export(&path, format, &small(), which).unwrap();
    let companion = format.companion(&path).map(|path| std::fs::read(path).unwrap());
    (std::fs::read(&path).unwrap(), companion.unwrap_or_default())
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// Runs one of the parsers that read one source.
fn torment_with(bytes: &[u8], parse: impl Fn(Source<'_>, &ReadOptions) -> vecinity::Result<Embeddings>) {
    assert!(parse(Source::bytes(name(), bytes), &ReadOptions::default()).is_ok());
    torment(bytes, LITTLE, |bytes| {
        for options in options() {
            let _ = parse(Source::bytes(name(), bytes), &options);
        }
    });
}

#[test]
fn word2vec_text() {
    torment_with(&good(Format::Word2vec, None).0, word2vec::parse_text);
}

#[test]
fn word2vec_binary() {
    torment_with(&good(Format::Word2vecBinary, None).0, word2vec::parse_binary);
    torment_with(&fixture("gensim.bin"), word2vec::parse_binary);
}

#[test]
fn glove_text() {
    torment_with(&good(Format::Glove, None).0, glove::parse);
}

#[test]
fn fasttext_models() {
    for file in ["fasttext.bin", "fasttext-words.bin", "fasttext-hs.bin", "fasttext-supervised.bin"] {
        torment_with(&fixture(file), fasttext::parse);
    }
}

#[test]
fn numpy_arrays_and_their_ids() {
    let (array, ids) = good(Format::Npy, None);
    let parse = |array: &[u8], ids: &[u8]| {
        for options in options() {
            let _ = npy::parse(Source::bytes(name(), array), Source::bytes(name(), ids), &options);
        }
    };
    torment(&array, LITTLE, |array| parse(array, &ids));
    torment(&fixture("numpy-f8.npy"), LITTLE, |array| parse(array, &ids));
    torment(&ids, LITTLE, |ids| parse(&array, ids));
}

#[test]
fn safetensors_files() {
    torment_with(&good(Format::Safetensors, None).0, |source, options| safetensors::parse(source, None, options));
    let ids = fixture("python.ids.txt");
    torment_with(&fixture("python.safetensors"), |source, options| {
        safetensors::parse(source, Some(Source::bytes(name(), &ids)), options)
    });
}

#[test]
fn projector_files() {
    let (vectors, names) = good(Format::Projector, None);
    let parse = |vectors: &[u8], names: &[u8]| {
        for options in options() {
            let _ = projector::parse(Source::bytes(name(), vectors), Source::bytes(name(), names), &options);
        }
    };
    torment(&vectors, LITTLE, |vectors| parse(vectors, &names));
    torment(&names, LITTLE, |names| parse(&vectors, names));
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_tables() {
    // The library makes room for what a page claims; a single byte can make it claim some megabytes.
    let most = 40 << 20;
    // It also panics on damage; the parser catches that, and the test does without the backtraces.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| place.file().contains("vecinity")) {
            usual(panic);
        }
    }));
    for table in [good(Format::Parquet, None).0, fixture("pyarrow.parquet"), fixture("pyarrow-f64.parquet")] {
        torment(&table, most, |bytes| {
            let _ = parquet::parse(bytes::Bytes::copy_from_slice(bytes), name(), &ReadOptions::default());
        });
    }
}

#[test]
fn metadata_files() {
    let csv = "id,title,year\n007,\"Dr. \"\"No\"\"\nand more\",1962\n008,naïve,\n";
    let json = "{\"id\": 7, \"title\": \"Dr. \\u0041\", \"tags\": [\"a\", null]}\n{\"id\": \"8\", \"title\": null}\n";
    for (text, name) in [(csv, "a.csv"), (&csv.replace(',', "\t"), "a.tsv"), (json, "a.jsonl"), (json, "a")] {
        torment(text.as_bytes(), LITTLE, |bytes| {
            if let Ok(metadata) = Metadata::read(bytes, name.as_ref()) {
                for id in metadata.ids() {
                    assert!(metadata.fields(id).is_some());
                }
            }
            let _ = Metadata::read_jsonl(bytes, &Place::file(name));
        });
    }
}

#[test]
fn claims_are_held_against_the_length_before_memory_is_taken() {
    let claims: [&[u8]; 5] = [
        b"4000000000 300\na 1 2 3\n",
        b"18446744073709551615 18446744073709551615\na 1\n",
        b"1 9223372036854775807\na 1\n",
        b"2 2305843009213693952\na 1\n",
        b"100000000000000000000 1\na 1\n",
    ];
    for bytes in claims {
        let memory = memory_of(|| {
            assert!(word2vec::parse_text(Source::bytes(name(), bytes), &ReadOptions::default()).is_err());
            assert!(word2vec::parse_binary(Source::bytes(name(), bytes), &ReadOptions::default()).is_err());
        });
        assert!(memory < LITTLE, "{memory} bytes of memory");
    }
}

#[test]
fn a_large_file_takes_less_than_twice_its_size() {
    // 2,000 tokens of 100 values: what is not values hardly counts.
    let vocab = Vocab::from_counts((0..2000).map(|at| (format!("token{at}"), 1))).unwrap();
    let values = (0..200_000u32).map(|at| at as f32 / 7.0).collect();
    let embeddings = Embeddings::new(vocab, Matrix::new(2000, 100, values), None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Word2vec, Format::Word2vecBinary, Format::Glove, Format::Npy, Format::Safetensors] {
        let path = folder.path().join(format.name());
        export(&path, format, &embeddings, None).unwrap();
        let size = std::fs::metadata(&path).unwrap().len() as usize;
        let memory = memory_of(|| {
            vecinity::formats::import(&path, Some(format), &ReadOptions::default()).unwrap();
        });
        // 1 MiB of buffer, and of ids beside the file.
        assert!(memory < 2 * size + (2 << 20), "{format}: {memory} bytes of memory for {size} of file");
    }
}

#[test]
fn a_table_that_lies_on_its_side_takes_memory_for_its_cells_only() {
    use std::fmt::Write;
    let mut json = String::new();
    for line in 0..5000 {
        writeln!(json, "{{\"id\":{line},\"column{line}\":1}}").unwrap();
    }
    let memory = memory_of(|| {
        let metadata = Metadata::read(json.as_bytes(), "wide.jsonl".as_ref()).unwrap();
        assert_eq!((metadata.len(), metadata.columns().len()), (5000, 5000));
    });
    assert!(memory < 20 * json.len(), "{memory} bytes of memory for {} of file", json.len());
}
