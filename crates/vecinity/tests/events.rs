//! Event logs of all kinds become the histories that they tell.

use std::io::Write;
use std::path::{Path, PathBuf};
use vecinity::corpus::{Source, expand};
use vecinity::events::{BadRows, Format, Grouping, Options, Report, is_table, read};
use vecinity::histories::{Histories, Values};

struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn sources(&self) -> Vec<Source> {
        expand(&[self.folder.path().display().to_string()]).unwrap()
    }

    fn read(&self, options: &Options) -> Result<(Histories, Report), String> {
        read(&self.sources(), options)
            .map_err(|error| error.to_string().replace(&format!("{}/", self.folder.path().display()), ""))
    }
}

/// `owner: item item; owner: ...`
fn shown(histories: &Histories) -> String {
    let name = |item: &u32| histories.items().token(vecinity::TokenId(*item)).to_owned();
    let one = |h: vecinity::histories::History| {
        format!("{}: {}", h.owner, h.items.iter().map(name).collect::<Vec<_>>().join(" "))
    };
    histories.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn histories(files: &[(&str, &str)], options: &Options) -> String {
    match Case::new(files).read(options) {
        Ok((histories, _)) => shown(&histories),
        Err(error) => format!("error: {error}"),
    }
}

const EXPECTED: &str = "ann: 007 b; bob: b 007";

#[test]
fn every_format_tells_the_same() {
    let options = Options { threads: 2, ..Options::default() };
    let csv = "user,item,ts\nbob,007,20\nann,007,5\nbob,b,10\nann,b,6\n";
    for (name, text) in [
        ("a.csv", csv.to_owned()),
        ("a.csv", csv.replace('\n', "\r\n")),
        ("a.csv", format!("\u{feff}{}", csv.trim_end())),
        ("a.csv", csv.replace(',', ";")),
        ("a.tsv", csv.replace(',', "\t")),
        ("no-ending", csv.to_owned()),
        ("a.csv", csv.replace("007", "\"007\"").replace("bob,", "\"bob\",")),
        ("a.csv", "time;title;item_id;user_id\n20;x;007;bob\n5;x;007;ann\n10;\"y;\nz\";b;bob\n6;;b;ann\n".to_owned()),
        ("a.tsv", "bob\t007\t20\nbob\tb\t10\nann\t007\t5\nann\tb\t6\n".replace("bob\t007\t20\nbob\tb\t10", "bob\tb\t10\nbob\t007\t20")),
        ("a.jsonl", "{\"user\":\"bob\",\"item\":\"007\",\"ts\":20}\n{\"user\":\"ann\",\"item\":\"007\",\"ts\":5}\n\n{\"ts\":10,\"user\":\"bob\",\"item\":\"b\"}\n{\"user\":\"ann\",\"item\":\"b\",\"ts\":6}".to_owned()),
        ("a.jsonl", "{\"user\":\"bob\",\"items\":[\"b\",\"007\"]}\n{\"user\":\"ann\",\"items\":[\"007\",\"b\"]}\n".to_owned()),
        ("a.jsonl", "{\"user\":\"bob\",\"items\":[\"007\",\"b\"],\"ts\":[20,10]}\n{\"user\":\"ann\",\"items\":[\"007\",\"b\"],\"ts\":[5,6]}\n".to_owned()),
    ] {
        assert_eq!(histories(&[(name, &text)], &options), EXPECTED, "{name}: {text}");
    }
}

#[test]
fn lines_are_histories_with_their_numbers() {
    let options = Options { format: Some(Format::Lines), ..Options::default() };
    assert_eq!(histories(&[("a.txt", "x y x\n\n z \n"), ("b.txt", "y")], &options), "1: x y x; 2: ; 3: z; 4: y");
    let arrays = [("a.jsonl", "[\"x\",\"y\"]\n[7]\n")];
    assert_eq!(histories(&arrays, &Options::default()), "1: x y; 2: 7");
}

#[test]
fn files_may_come_in_any_order_and_packed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"user,item,ts\nbob,b,10\nann,b,6\n").unwrap();
    let case = Case::new(&[("z.csv", "user,item,ts\nbob,007,20\nann,007,5\n")]);
    std::fs::write(case.folder.path().join("zz.csv.gz"), packed.finish().unwrap()).unwrap();
    assert_eq!(shown(&case.read(&Options::default()).unwrap().0), EXPECTED);
}

#[test]
fn histories_are_cut_by_gaps_baskets_and_sessions() {
    let log = "user,item,ts,order\nu,a,0,1\nu,b,0,1\nu,c,60,2\nv,a,0,3\nu,d,4000,4\n";
    let by = |grouping| histories(&[("a.csv", log)], &Options { grouping, ..Options::default() });
    assert_eq!(by(Grouping::Owner), "u: a b c d; v: a");
    assert_eq!(by(Grouping::Gap(std::time::Duration::from_secs(1800))), "u#1: a b c; u#2: d; v: a");
    assert_eq!(by(Grouping::Basket), "1: a b; 2: c; 3: a; 4: d");
    let untitled = log
        .replace(",order", "")
        .replace(",1\n", "\n")
        .replace(",2\n", "\n")
        .replace(",3\n", "\n")
        .replace(",4\n", "\n");
    let options = Options { grouping: Grouping::Basket, ..Options::default() };
    assert_eq!(histories(&[("a.csv", &untitled)], &options), "u#1: a b; u#2: c; u#3: d; v: a");
}

#[test]
fn bad_rows_are_counted_and_refused_above_a_share() {
    let log = "user,item,ts,rating\nu,a,1,5\nu,,2,5\nu,b,soon,5\nu,c,3\nu,d,4,NaN\nu,e,5,-1\nv,\u{e9},6,\n";
    let lenient = Options { bad_rows: BadRows { share: 1.0 }, ..Options::default() };
    let (found, report) = Case::new(&[("a.csv", log)]).read(&lenient).unwrap();
    assert_eq!(shown(&found), "u: a; v: é");
    assert_eq!((report.rows, report.bad_rows, report.events), (7, 5, 2));
    let said: Vec<(u64, &str)> = report.bad.iter().map(|bad| (bad.line, bad.what.as_str())).collect();
    assert_eq!(said[0], (3, "the item is empty"));
    assert_eq!(said[1], (4, "the time is 'soon', expected seconds, milliseconds or ISO 8601"));
    assert_eq!(said[2], (5, "3 fields, expected 4"));
    assert_eq!(said[3], (6, "the weight is 'NaN', expected a number of at least 0"));
    assert_eq!(said[4], (7, "the weight is '-1', expected a number of at least 0"));
    let message = histories(&[("a.csv", log)], &Options::default());
    assert!(message.contains("5 of 7 rows cannot be read (71.43 %, allowed are 1 %); the first is"), "{message}");
    assert!(message.contains("a.csv, line 3: the item is empty"), "{message}");
}

#[test]
fn mistakes_are_explained() {
    let plain = Options::default();
    for (name, text, expected) in [
        ("a.csv", "", "a.csv: the table is empty"),
        ("a.csv", "user,item\n", "no events: the data has no rows"),
        ("a.csv", "user,thing\na,b\n", "a.csv: no column of items found among 'user', 'thing'"),
        ("a.csv", "item,ts\na,5\n", "a.csv: no column of users (or sessions) among item, ts"),
        ("a.jsonl", "{nonsense\n", "a.jsonl, line 1: not JSON"),
        ("a.csv", "\u{fffe}", "a.csv: "),
    ] {
        let message = histories(&[(name, text)], &plain);
        assert!(message.starts_with("error: ") && message.contains(expected), "{text}: {message}");
    }
    let columns = Options { columns: "user=uid,item=sku".parse().unwrap(), ..Options::default() };
    let message = histories(&[("a.csv", "uid,item\na,b\n")], &columns);
    assert!(message.contains("there is no column 'sku' for item; the columns are 'uid', 'item'"), "{message}");
    let wanted = Options { events: vec!["buy".into()], ..Options::default() };
    let message = histories(&[("a.csv", "user,item,event\na,b,click\n")], &wanted);
    assert!(message.contains("no row has one of the --events; there are click"), "{message}");
    let message = histories(&[("a.csv", "user,item\na,b\n"), ("b.csv", "user,item,ts\na,b,1\n")], &plain);
    assert!(message.contains("b.csv: has other columns than the files before it"), "{message}");
}

#[test]
fn only_the_wanted_events_are_kept() {
    let log = "user,item,event,ts\nu,a,click,1\nu,b,buy,2\nu,c,click,3\n";
    let wanted = Options { events: vec!["click".into()], ..Options::default() };
    let (found, report) = Case::new(&[("a.csv", log)]).read(&wanted).unwrap();
    assert_eq!((shown(&found).as_str(), report.other_events), ("u: a c", 1));
}

#[test]
fn further_columns_stand_beside_the_events_in_every_format() {
    let csv = "user,item,ts,country,query,what\nbob,x,20,DE,,buy\nann,x,5,FR,blue hat,click\nbob,y,10,DE,a=b,click\nann,y,6,,hat,buy\n";
    let jsonl = csv.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [user, item, ts, country, query, what] = fields[..] else { panic!("{line}") };
        format!(
            r#"{{"user":"{user}","item":"{item}","ts":{ts},"country":"{country}","query":"{query}","what":"{what}"}}"#
        )
    });
    let jsonl = jsonl.collect::<Vec<_>>().join("\n");
    for (name, text) in [("a.csv", csv), ("a.jsonl", &jsonl)] {
        for memory_limit in [1, 8 << 30] {
            let beside = ["town", "query", "country"].map(str::to_owned).to_vec();
            let options =
                Options { columns: "event=what".parse().unwrap(), beside, memory_limit, ..Options::default() };
            let (histories, report) = Case::new(&[(name, text)]).read(&options).unwrap();
            assert_eq!(shown(&histories), "ann: x y; bob: y x");
            assert_eq!(report.event_values, [("buy".to_owned(), 2), ("click".to_owned(), 2)], "{name}");
            let columns: Vec<String> = histories
                .columns()
                .iter()
                .map(|column| {
                    let Values::Categories { names, codes } = &column.values else { panic!("{column:?}") };
                    let texts: Vec<&str> = codes.as_slice().iter().map(|&code| names.get(code as usize)).collect();
                    format!("{}: {}", column.name, texts.join("|"))
                })
                .collect();
            assert_eq!(
                columns,
                ["event: click|buy|click|buy", "query: blue hat|hat|a=b|", "country: FR||DE|DE"],
                "{name}"
            );
        }
    }
    let only = Options {
        columns: "event=what".parse().unwrap(),
        beside: vec!["country".into()],
        events: vec!["buy".into()],
        ..Options::default()
    };
    let (histories, report) = Case::new(&[("a.csv", csv)]).read(&only).unwrap();
    assert_eq!((shown(&histories).as_str(), report.other_events), ("ann: y; bob: x", 2));
    // What is known of users goes beside all of their events, and before a column of the same name.
    let histories = histories.with_column_of_owners("country", &|owner| (owner == "ann").then_some("CN"));
    let side = histories.side(&[1, 0], &["country", "town"]);
    let Values::Categories { names, codes } = &side.columns[0].values else { panic!("{side:?}") };
    assert_eq!(codes.as_slice().iter().map(|&code| names.get(code as usize)).collect::<Vec<_>>(), ["", "CN"]);
    assert_eq!((side.events, side.columns.len(), side.times.unwrap().len()), (2, 1, 2));
}

#[test]
fn tables_are_told_from_text() {
    let case = Case::new(&[
        ("a.csv", "x"),
        ("b.txt", "user,item\n1,2\n"),
        ("c.txt", "Call me Ishmael, some years ago.\nNever mind, how long precisely.\n"),
        ("d.txt", "12 7 5\n8 8\n"),
    ]);
    let told: Vec<bool> = case.sources().iter().map(|source| is_table(source, &Options::default()).unwrap()).collect();
    assert_eq!(told, [true, true, false, false]);
}

/// A log that does not fit into its memory limit gives the same histories as one that does, whatever
/// the number of threads.
#[test]
fn sorting_on_disk_changes_nothing() {
    let mut log = String::from("user,item,ts,rating,event\n");
    let mut state = 7u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % bound
    };
    for _ in 0..20_000 {
        let (user, item, time) = (next(300), next(1000), next(5000));
        log.push_str(&format!("u{user},i{item},{time},{},{}\n", next(6), ["click", "buy"][next(2) as usize]));
    }
    let case = Case::new(&[("a.csv", &log)]);
    let all = |memory_limit, threads| {
        let (histories, report) = case.read(&Options { memory_limit, threads, ..Options::default() }).unwrap();
        let values: Vec<_> = histories
            .iter()
            .map(|h| (h.owner.to_owned(), h.items.to_vec(), h.times.unwrap().to_vec(), h.weights.unwrap().to_vec()))
            .collect();
        let items: Vec<_> = histories.items().iter().map(|(_, id, n)| (id.to_owned(), n)).collect();
        (report.sorted_on_disk, values, items)
    };
    let (on_disk, values, items) = all(8 << 30, 1);
    assert!(!on_disk && values.len() == 300 && values.iter().all(|v| v.2.is_sorted()));
    for (limit, threads) in [(100_000, 1), (100_000, 2), (8 << 30, 2)] {
        let (on_disk, other, other_items) = all(limit, threads);
        assert_eq!(on_disk, limit == 100_000);
        assert!(other == values && other_items == items, "limit {limit}, {threads} threads");
    }
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
    use std::sync::Arc;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn shown_of(path: PathBuf) -> String {
        match read(&[Source::File(path)], &Options { threads: 2, ..Options::default() }) {
            Ok((histories, _)) => shown(&histories),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn rows_and_lists_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let users = text(&["bob", "ann", "bob", "ann"]);
        let items = text(&["007", "007", "b", "b"]);
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![20, 5, 10, 6]));
        write(&path, vec![("user_id", users), ("item_id", Arc::clone(&items)), ("timestamp", times)]);
        assert_eq!(shown_of(path.clone()), EXPECTED);

        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![2, 1, 2, 1]));
        write(&path, vec![("user_id", numbers), ("item_id", items)]);
        assert_eq!(shown_of(path.clone()), "1: 007 b; 2: 007 b");

        let mut lists = ListBuilder::new(StringBuilder::new());
        for list in [["b", "007"], ["007", "b"]] {
            list.iter().for_each(|id| lists.values().append_value(id));
            lists.append(true);
        }
        write(&path, vec![("user", text(&["bob", "ann"])), ("items", Arc::new(lists.finish()))]);
        assert_eq!(shown_of(path.clone()), EXPECTED);

        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(shown_of(path).contains("not readable as Parquet"));
    }

    /// Numbers of a Parquet file do not go through text, but mean, and are refused, as they are in a CSV.
    #[test]
    fn numbers_mean_what_their_text_means() {
        let times = [20, 1_700_000_000_000, -5, 1_700_000_000_000_000_000, i64::MAX, 7, 8, 9];
        let weights = [2.5, 0.1, 3.0, -0.0, 1.0, -1.0, f64::NAN, 1e39];
        let mut csv = String::from("user,item,time,weight\n");
        for (time, weight) in times.iter().zip(weights) {
            csv.push_str(&format!("u,7,{time},{weight}\n"));
        }
        let case = Case::new(&[("a.csv", &csv)]);
        let path = case.folder.path().join("a.parquet");
        write(
            &path,
            vec![
                ("user", Arc::new(StringArray::from(vec!["u"; 8]))),
                ("item", Arc::new(Int64Array::from(vec![7; 8]))),
                ("time", Arc::new(Int64Array::from(times.to_vec()))),
                ("weight", Arc::new(arrow_array::Float64Array::from(weights.to_vec()))),
            ],
        );
        let all = |name: &str| {
            let options = Options { bad_rows: BadRows { share: 1.0 }, ..Options::default() };
            let (histories, report) = read(&[Source::File(case.folder.path().join(name))], &options).unwrap();
            let bad: Vec<String> = report.bad.iter().map(|bad| bad.what.clone()).collect();
            let history = histories.history(0);
            (shown(&histories), history.times.unwrap().to_vec(), history.weights.unwrap().to_vec(), bad)
        };
        let (found, times, weights, bad) = all("a.parquet");
        assert_eq!(found, "u: 7 7 7 7");
        assert_eq!(times, [-5000, 20_000, 1_700_000_000_000, 1_700_000_000_000]);
        assert_eq!(
            weights.iter().map(|weight| weight.to_bits()).collect::<Vec<_>>(),
            [3.0f32, 2.5, 0.1, 0.0].map(f32::to_bits)
        );
        assert_eq!(bad.len(), 4, "{bad:?}");
        assert_eq!(all("a.csv"), (found, times, weights, bad));
    }
}

#[test]
fn lists_in_memory_are_the_histories_of_a_file_with_one_a_line() {
    let text = "b a\n\nc a b\na\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lists.txt");
    std::fs::write(&path, text).unwrap();
    let mut lists = vecinity::corpus::Lists::default();
    for line in text.lines() {
        line.split_whitespace().try_for_each(|item| lists.push(item)).unwrap();
        lists.end();
    }
    let options = Options::default();
    let (of_file, told) = read(&[Source::File(path)], &options).unwrap();
    let (of_lists, report) = vecinity::events::read_lists(&lists, &options).unwrap();
    assert_eq!(of_lists.fingerprint(), of_file.fingerprint());
    assert_eq!((report.histories, report.single, report.longest), (told.histories, told.single, told.longest));
}

#[cfg(feature = "parquet")]
#[test]
fn record_batches_are_read_in_parts_and_categories_by_what_they_mean() {
    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;
    let users = StringArray::from(vec!["u", "v", "u", "v", "u"]);
    let items: DictionaryArray<Int32Type> =
        vec![Some("b"), Some("a"), None, Some("b"), Some("a")].into_iter().collect();
    let times = Int64Array::from(vec![50, 40, 30, 20, 10]);
    let columns: [(&str, ArrayRef); 3] =
        [("user", Arc::new(users)), ("item", Arc::new(items)), ("time", Arc::new(times))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let options = Options { threads: 2, bad_rows: "skip".parse().unwrap(), ..Options::default() };
    let (whole, report) = vecinity::events::read_batches(std::slice::from_ref(&batch), &options).unwrap();
    assert_eq!((report.events, report.bad_rows), (4, 1), "a row without an item is bad");
    let history = |row: usize| -> Vec<String> {
        let items = whole.history(row).items.iter();
        items.map(|&item| whole.items().token(vecinity::TokenId(item)).to_owned()).collect()
    };
    assert_eq!((history(0), history(1)), (vec!["a".into(), "b".into()], vec!["b".into(), "a".into()]), "by time");
    let (parts, _) = vecinity::events::read_batches(&[batch.slice(0, 2), batch.slice(2, 3)], &options).unwrap();
    assert_eq!(parts.fingerprint(), whole.fingerprint());
    let error = vecinity::events::read_batches(&[], &options).unwrap_err();
    assert!(error.to_string().starts_with("the table: "), "{error}");
}
