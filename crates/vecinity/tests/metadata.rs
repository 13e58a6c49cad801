//! Metadata files: what is read from good ones, and what is said about bad ones.

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use vecinity::metadata::Metadata;
use vecinity::{Error, Place, Vocab};

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/metadata").join(name)
}

fn read(name: &str) -> Metadata {
    Metadata::parse(&fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// Message and advice, without the folder.
fn said(error: &Error) -> (String, String) {
    (error.to_string().replace("tests/fixtures/metadata/", ""), error.advice().unwrap_or_default())
}

#[test]
fn csv_may_have_a_byte_order_mark_quotes_and_line_breaks_in_fields() {
    let metadata = read("good.csv");
    assert_eq!(metadata.columns(), ["Title", "year"]);
    assert_eq!(metadata.ids().collect::<Vec<_>>(), ["007", "1e3", "b"]);
    assert_eq!(metadata.title("007"), Some("Dr. \"No\",\nagain"));
    assert_eq!(metadata.field("1e3", "year"), Some("1962"));
    assert_eq!(metadata.fields("b"), Some(vec!["", "0"]));
    assert_eq!(metadata.fields("c"), None);
}

#[test]
fn tsv_and_semicolons_are_known_by_extension_or_header() {
    for name in ["good.tsv", "semicolons.csv", "tabs.csv"] {
        let metadata = read(name);
        assert_eq!(metadata.title("1"), Some("Toy Story, the film"), "{name}");
        assert_eq!(metadata.field("1", "genre"), Some("Animation"), "{name}");
    }
}

#[test]
fn json_lines_keep_numbers_as_they_were_written() {
    let metadata = read("good.jsonl");
    assert_eq!(metadata.columns(), ["name", "price", "tags", "new"]);
    assert_eq!(metadata.title("7"), Some("Alien"));
    assert_eq!(metadata.field("7", "price"), Some("1.50"));
    assert_eq!(metadata.field("7", "tags"), Some("[\"a\", 1]"));
    assert_eq!(metadata.fields("x"), Some(vec!["", "", "", "true"]));
}

#[test]
fn a_title_is_found_whatever_its_case_and_else_by_a_part_of_it() {
    let csv = "id,title\n1,Alien\n2,Aliens\n3,ALIEN\n4,Blade Runner\n";
    let metadata = Metadata::read(csv.as_bytes(), "films.csv".as_ref()).unwrap();
    assert_eq!(metadata.find_title("alien"), ["1", "3"]);
    assert_eq!(metadata.find_title("runner"), ["4"]);
    assert_eq!(metadata.find_title("LIEN"), ["1", "2", "3"]);
    assert!(metadata.find_title("Brazil").is_empty());
    assert!(metadata.find_title("").is_empty());
}

#[test]
fn metadata_that_match_nothing_are_refused_with_the_first_ids_of_both() {
    let csv: String = (1..=3883).map(|id| format!("{id},film {id}\n")).collect();
    let metadata = Metadata::read(format!("movieId,title\n{csv}").as_bytes(), "movies.csv".as_ref()).unwrap();
    let vocab = Vocab::from_counts([("item_1", 5), ("item_2", 3)]).unwrap();
    let matching = metadata.matching(&vocab);
    let message = "0 of 3,883 metadata ids occur in the model; first: '1' vs 'item_1'";
    assert_eq!(matching.to_string(), message);
    let error = matching.require("movies.csv".as_ref()).unwrap_err();
    assert_eq!(said(&error).0, format!("movies.csv: {message}"));
    assert_eq!(said(&error).1, "the ids were taken from column 'movieId'; name the right column 'id'");
    assert_eq!(error.exit_code(), 2);
    let vocab = Vocab::from_counts([("17", 5), ("item_2", 3)]).unwrap();
    assert_eq!(metadata.matching(&vocab).to_string(), "1 of 3,883 metadata ids occur in the model");
    assert!(metadata.matching(&vocab).require("movies.csv".as_ref()).is_ok());
}

#[test]
fn bad_files_are_refused_with_the_line_and_a_remedy() {
    let quote = "put fields that hold separators, quotes or line breaks in double quotes";
    let form = "expected CSV, TSV or JSON Lines with a column 'id', for example: id,title";
    let json = "expected one JSON object a line, for example: {\"id\": \"1\", \"title\": \"Toy Story\"}";
    let latin1 = "convert the file, for example: iconv -f latin1 -t utf-8";
    for (name, message, advice) in [
        ("empty.csv", "empty.csv: the file is empty, expected a header and rows", form),
        ("header-only.csv", "header-only.csv: the file has no rows", form),
        ("ragged.csv", "ragged.csv, line 3: 3 fields, the header has 2", quote),
        ("ragged-after-line-break.csv", "ragged-after-line-break.csv, line 4: 1 field, the header has 2", quote),
        (
            "column-twice.csv",
            "column-twice.csv, line 1: the column 'title' occurs twice",
            "give every column a name of its own",
        ),
        ("no-id.csv", "no-id.csv, line 3: the id (column 'id') is empty", "give the row an id or remove it"),
        (
            "id-twice.csv",
            "id-twice.csv, line 4: the id '1' is also on line 2, with other fields",
            "keep one line for each id",
        ),
        ("latin1.csv", "latin1.csv, line 3: field 'title' is not UTF-8 (is the file Latin-1?)", latin1),
        ("latin1.jsonl", "latin1.jsonl, line 1, byte 24: not UTF-8 (is the file Latin-1?)", latin1),
        (
            "utf16.csv",
            "utf16.csv: the file is UTF-16, expected UTF-8",
            "convert it, for example: iconv -f utf-16 -t utf-8",
        ),
        ("broken.jsonl", "broken.jsonl, line 2, byte 10: not a JSON object", json),
        ("no-id.jsonl", "no-id.jsonl, line 2: the key 'id' (the id) is missing", json),
        ("key-twice.jsonl", "key-twice.jsonl, line 1: the key 'title' occurs twice", "give every key once"),
        (
            "two-ids.jsonl",
            "two-ids.jsonl, line 2: a key 'id', where the lines before have their ids in 'sku'",
            "give every line the same keys",
        ),
        (
            "surrogate.jsonl",
            "surrogate.jsonl, line 1: the text of 'title' is not valid Unicode",
            r"escapes like \ud800 must come in pairs",
        ),
    ] {
        let error = Metadata::parse(&fixture(name)).unwrap_err();
        assert_eq!(said(&error), (message.to_owned(), advice.to_owned()), "{name}");
        assert_eq!(error.exit_code(), 2, "{name}");
    }
}

#[test]
fn a_row_given_twice_alike_counts_once() {
    let metadata = Metadata::read("id,title\n1,a\n2,b\n1,a\n".as_bytes(), "m.csv".as_ref()).unwrap();
    assert_eq!(metadata.len(), 2);
}

#[test]
fn a_missing_file_is_named() {
    let error = Metadata::parse(Path::new("nowhere.csv")).unwrap_err();
    assert!(error.to_string().starts_with("nowhere.csv: cannot open: "), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_for_a_model_comes_back(
        columns in prop::collection::hash_set("[^\\p{C}]{1,6}", 1..4),
        rows in prop::collection::btree_map(".{1,8}", prop::collection::vec(".{0,8}", 4), 1..20),
    ) {
        let columns: Vec<_> = columns.into_iter().filter(|name| !name.eq_ignore_ascii_case("id")).collect();
        let mut lines = String::new();
        for (id, fields) in &rows {
            let mut object = serde_json::Map::new();
            object.insert("id".into(), id.clone().into());
            for (column, field) in columns.iter().zip(fields) {
                object.insert(column.clone(), field.clone().into());
            }
            lines += &format!("{}\n", serde_json::Value::from(object));
        }
        let place = Place::file("metadata.jsonl");
        let metadata = Metadata::read_jsonl(lines.as_bytes(), &place).unwrap();
        // Half of the ids are in the model, and one token has no metadata.
        let known = rows.keys().step_by(2).map(String::as_str).chain(["a token without metadata"]);
        let vocab = Vocab::from_counts(known.map(|id| (id, 1))).unwrap();
        let mut written = Vec::new();
        metadata.write_jsonl(&mut written, &vocab).unwrap();
        let read = Metadata::read_jsonl(&written, &place).unwrap();
        prop_assert_eq!(read.len(), rows.len().div_ceil(2));
        for id in read.ids() {
            prop_assert_eq!(read.title(id), metadata.title(id));
            for column in &columns {
                prop_assert_eq!(read.field(id, column), metadata.field(id, column));
            }
        }
    }
}
