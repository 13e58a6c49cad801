//! `vecinity recommend` from the outside: one history, files of histories, filters, and what goes wrong.

mod common;

use common::{answer_and_talk as answer, command, refused, talk, vecinity};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::process::Stdio;

fn ids(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|result| result["id"].as_str().unwrap()).collect()
}

/// A folder with `clicks.csv`, `films.csv` and the model `m`: two tastes, whose followers go through ten films
/// each in a circle. No tables are blended in: they would know it all. Film `a1,5` has a comma, and film `=b1` looks like a formula.
fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let id = |taste: &str, at: usize| match (taste, at) {
        ("a", 5) => "a1,5".to_owned(),
        ("b", 1) => "=b1".to_owned(),
        _ => format!("{taste}{at}"),
    };
    let mut clicks = String::from("user,item,time\n");
    for user in 0..120 {
        let taste = if user % 2 == 0 { "a" } else { "b" };
        for step in 0..6 {
            clicks.push_str(&format!("u{user:03},\"{}\",{}\n", id(taste, (user / 2 + step) % 10), 1000 + step));
        }
    }
    fs::write(folder.path().join("clicks.csv"), clicks).unwrap();
    let mut films = String::from("id,title,year,genre\n");
    for at in 0..10 {
        films.push_str(&format!(
            "\"{}\",\"Alpha {at}, The ({})\",{},Action|Sci-Fi\n",
            id("a", at),
            1980 + at,
            1980 + at
        ));
        films.push_str(&format!("{},Beta {at} ({}),{},Drama\n", id("b", at), 1990 + at, 1990 + at));
    }
    fs::write(folder.path().join("films.csv"), films).unwrap();
    let train = "train clicks.csv -o m --metadata films.csv --kind sequence --dim 8 --epochs 5 --threads 1 --seed 3 --baselines popularity --quiet";
    let (_, _) = answer(folder.path(), &train.split(' ').collect::<Vec<_>>());
    folder
}

#[test]
fn a_history_of_ids_and_titles_gets_a_list_with_exact_reasons() {
    let folder = shop();
    let (found, said) = answer(folder.path(), &["recommend", "m", "--history", "a2, alpha 3, the", "-k", "4"]);
    assert_eq!(said, "note: 'alpha 3, the' is the title of Alpha 3, The (1983) (a3)\n");
    assert_eq!(ids(&found).len(), 4);
    assert!(ids(&found)[..2].iter().all(|id| id.starts_with('a') && *id != "a2" && *id != "a3"), "{found}");
    assert_eq!((&found["fallback"], &found["unknown"]), (&Value::Null, &serde_json::json!([])));
    let first = &found["results"][0];
    assert!(first["metadata"]["title"].as_str().unwrap().starts_with("Alpha "), "{first}");
    assert_eq!(first["metadata"]["genre"], "Action|Sci-Fi");
    let reasons = first["reasons"].as_array().unwrap();
    let shares: f64 = reasons.iter().map(|reason| reason["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-4, "{first}");
    assert!(reasons.iter().all(|reason| reason["id"].is_null() || reason["id"] == "a2" || reason["id"] == "a3"));

    // The same by single flags; in text; without reasons; with the history itself.
    let same = answer(folder.path(), &["recommend", "m", "--history", "a2", "--history", "a3", "-k", "4"]).0;
    assert_eq!(same["results"], found["results"]);
    let text = vecinity(folder.path(), &["recommend", "m", "--history", "a2,a3", "-k", "2", "--text"]);
    let text = String::from_utf8(text.stdout).unwrap();
    // Which of the two the recipe asks, validation has chosen.
    assert!(text.starts_with("because of your history: Alpha "), "{text}");
    assert!(text.contains("% Alpha 3, The"), "{text}");
    let bare = answer(folder.path(), &["recommend", "m", "--history", "a2,a3", "-k", "4", "--no-reasons"]).0;
    assert_eq!(ids(&bare), ids(&found));
    assert!(bare["results"][0].get("reasons").is_none());
    let all = answer(folder.path(), &["recommend", "m", "--history", "a2,a3", "-k", "20", "--include-history"]).0;
    assert!(ids(&all).contains(&"a2") && ids(&all).len() == 20);
}

#[test]
fn an_id_with_a_comma_is_one_item() {
    let folder = shop();
    for history in [&["--history", "a1,5"][..], &["--history", "a2,a1,5"], &["--history", "a2", "--history", "a1,5"]] {
        let (found, said) = answer(folder.path(), &[&["recommend", "m", "-k", "20"], history].concat());
        assert!(!ids(&found).contains(&"a1,5") && ids(&found).contains(&"a1"), "{history:?}: {found}");
        assert_eq!(said, "", "nothing is unknown");
    }
}

#[test]
fn unknown_items_are_reported_and_a_history_of_nothing_else_gets_what_is_popular() {
    let folder = shop();
    let (found, said) = answer(folder.path(), &["recommend", "m", "--history", "a2,Betta 3,zzzzzz", "-k", "3"]);
    assert_eq!(found["unknown"], serde_json::json!(["Betta 3", "zzzzzz"]));
    assert!(
        said.contains("'Betta 3' is not in this model (20 tokens), left out of the history; did you mean: Beta 3"),
        "{said}"
    );
    assert_eq!(found["results"], answer(folder.path(), &["recommend", "m", "--history", "a2", "-k", "3"]).0["results"]);
    let (found, said) = answer(folder.path(), &["recommend", "m", "--history", "Betta 3", "--fuzzy"]);
    assert!(found["fallback"].is_null() && said.contains("taken for Beta 3 (1993) (b3)"), "{said}");

    let (popular, said) = answer(folder.path(), &["recommend", "m", "--history", "zzzzzz", "-k", "3"]);
    assert!(said.contains("nothing of the history is known: listed is what is popular"), "{said}");
    assert_eq!((popular["fallback"].as_str(), ids(&popular).len()), (Some("popular"), 3));
    let (nobody, said) = answer(folder.path(), &["recommend", "m", "-k", "3"]);
    assert!(said.contains("no history given (--history ITEMS): listed is what is popular"), "{said}");
    assert_eq!(nobody["results"], popular["results"]);
}

#[test]
fn filters_and_exclusions_hold_and_an_empty_list_has_a_cause() {
    let folder = shop();
    let list = |arguments: &[&str]| {
        answer(folder.path(), &[&["recommend", "m", "--history", "a2", "-k", "20"], arguments].concat())
    };
    let (drama, _) = list(&["--must", "genre=Drama", "--must-not", "year<1995"]);
    assert_eq!(ids(&drama).len(), 5);
    assert!(drama["results"].as_array().unwrap().iter().all(|r| r["metadata"]["year"].as_str().unwrap() >= "1995"));
    let json =
        r#"{"must":[{"key":"genre","match":{"value":"Drama"}}],"must_not":[{"key":"year","range":{"lt":1995}}]}"#;
    fs::write(folder.path().join("filter.json"), json).unwrap();
    for filter in [json, "filter.json"] {
        assert_eq!(list(&["--filter", filter]).0["results"], drama["results"]);
    }
    let (some, _) = list(&["--should", "genre=Sci-Fi", "--should", "id==b1", "--exclude", "a3,Alpha 4, The"]);
    assert_eq!(ids(&some).len(), 10 - 3 + 1, "ten of one kind but the history and two, and one more");
    assert!(!ids(&some).contains(&"a3") && !ids(&some).contains(&"a4") && ids(&some).contains(&"=b1"));

    let (none, said) = list(&["--must", "genre=Dramma"]);
    assert_eq!(said, "note: nothing to list: genre=Dramma holds for none of 20 items; did you mean Drama?\n");
    assert_eq!(none["cause"], "genre=Dramma holds for none of 20 items; did you mean Drama?");
    let (_, said) = list(&["--must", "id=a2"]);
    assert!(
        said.contains("whatever passes the filter is in the history or excluded: Alpha 2, The (1982) (a2)"),
        "{said}"
    );

    let said = refused(folder.path(), &["recommend", "m", "--history", "a2", "--must", "gener=Drama"]);
    assert!(said.contains("there is no field 'gener' to filter by\n       did you mean genre? the fields are title, year, genre, id, count"), "{said}");
    let said = refused(folder.path(), &["recommend", "m", "--must", "year<soon"]);
    assert!(said.contains("expected a number or a date"), "{said}");
    let said = refused(folder.path(), &["recommend", "m", "--filter", r#"{"mst":[]}"#]);
    assert!(said.contains("filter is `mst`, expected must, should or must_not"), "{said}");
    let said = refused(folder.path(), &["recommend", "m", "--diversity", "1.5"]);
    assert!(said.contains("diversity is 1.5, expected 0 (by score alone) to 1"), "{said}");
}

/// The rows of a CSV file, without the header.
fn rows(text: &str) -> Vec<[String; 4]> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("user,item,rank,score"));
    // Only one id holds a comma, and the answers for it are not looked at in quotes.
    let row = |line: &str| {
        let line = line.replace("\"a1,5\"", "a1;5");
        let fields: Vec<String> = line.split(',').map(|field| field.replace("a1;5", "a1,5")).collect();
        <[String; 4]>::try_from(fields).unwrap()
    };
    lines.map(row).collect()
}

#[test]
fn the_training_file_gets_a_list_for_each_user_that_is_the_one_for_a_single_history() {
    let folder = shop();
    let arguments = ["recommend", "m", "--input", "clicks.csv", "--output", "recs.csv", "-k", "3"];
    let (done, said) = answer(folder.path(), &arguments);
    assert_eq!(
        (done["histories"].as_u64(), done["rows"].as_u64(), done["popular"].as_u64()),
        (Some(120), Some(360), Some(0))
    );
    assert!(said.contains("user -> user · item -> item · time -> time"), "{said}");
    assert!(said.contains("begin like a formula and got a ' in front"), "{said}");
    let all = rows(&fs::read_to_string(folder.path().join("recs.csv")).unwrap());
    assert_eq!(all.len(), 360);
    for user in [0, 1, 77] {
        let taste = if user % 2 == 0 { "a" } else { "b" };
        let history = (0..6).map(|step| match (taste, (user / 2 + step) % 10) {
            ("a", 5) => "a1,5".to_owned(),
            ("b", 1) => "=b1".to_owned(),
            (taste, at) => format!("{taste}{at}"),
        });
        let flags: Vec<String> = history.flat_map(|item| ["--history".to_owned(), item]).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let (single, _) = answer(folder.path(), &[&["recommend", "m", "-k", "3"], &flags[..]].concat());
        for (rank, (row, one)) in
            all[3 * user..3 * user + 3].iter().zip(single["results"].as_array().unwrap()).enumerate()
        {
            assert_eq!(row[0], format!("u{user:03}"));
            assert_eq!(row[1].trim_start_matches('\''), one["id"].as_str().unwrap());
            assert_eq!(row[2], (rank + 1).to_string());
            assert_eq!(row[3].parse::<f32>().unwrap(), one["score"].as_f64().unwrap() as f32);
        }
    }
}

#[test]
fn lists_are_written_in_the_form_of_their_name_from_lines_on_standard_input_too() {
    let folder = shop();
    let mut child = command(folder.path(), &["recommend", "m", "--input", "-", "-k", "2", "--exclude", "a4"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a2 a3\n\nb7 nowhere\nnowhere\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", talk(&output));
    let all = rows(&String::from_utf8(output.stdout.clone()).unwrap());
    let users: Vec<&str> = all.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(users, ["1", "1", "2", "2", "3", "3", "4", "4"], "lines by their number");
    assert!(all.iter().all(|row| row[1] != "a4"));
    let said = talk(&output);
    assert!(said.contains("2 events are of 1 item that the model does not know: nowhere"), "{said}");
    assert!(
        said.contains("4 histories -> standard output   8 rows")
            && said.contains("2 without a known item got 'popular'"),
        "{said}"
    );

    let input = ["recommend", "m", "--input", "clicks.csv", "-k", "2", "--output"];
    for name in ["recs.jsonl", "recs.tsv.gz", "recs.ndjson.zst", "recs.parquet"] {
        let (done, _) = answer(folder.path(), &[&input[..], &[name]].concat());
        assert_eq!(done["rows"], 240, "{name}");
        // What was written is itself a table that can be read back and answered.
        let columns = ["--columns", "user=user,item=item,weight=rank"];
        let (again, said) = answer(
            folder.path(),
            &[&["recommend", "m", "--input", name, "--output", "again.csv"], &columns[..]].concat(),
        );
        assert_eq!(again["histories"], 120, "{name}");
        assert_eq!(said.contains("does not know: '=b1"), name.contains("tsv"), "{name}: {said}");
    }
}

#[test]
fn a_file_that_cannot_be_answered_leaves_the_old_lists_alone() {
    let folder = shop();
    fs::write(folder.path().join("recs.csv"), "old").unwrap();
    let input = ["recommend", "m", "--input", "clicks.csv", "--output", "recs.csv"];
    let said = refused(folder.path(), &[&input[..], &["--columns", "user=who,item=item"]].concat());
    assert!(said.contains("there is no column 'who' for user"), "{said}");
    let said = refused(folder.path(), &[&input[..], &["--must", "genre=Dramma"]].concat());
    assert!(
        said.contains("there is nothing to list: genre=Dramma holds for none of 20 items; did you mean Drama?"),
        "{said}"
    );
    let said = refused(folder.path(), &["recommend", "m", "--input", "gone.csv", "--output", "recs.csv"]);
    assert!(said.contains("gone.csv: no such file"), "{said}");
    let said = refused(folder.path(), &["recommend", "m", "--input", "clicks.csv", "--output", "recs.txt"]);
    assert!(said.contains("output is recs.txt, expected a name that ends in .csv"), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("recs.csv")).unwrap(), "old");
    assert_eq!(
        vecinity(folder.path(), &["recommend", "m", "--history", "a1", "--input", "clicks.csv"]).status.code(),
        Some(2)
    );
    assert_eq!(vecinity(folder.path(), &["recommend", "gone", "--history", "a1"]).status.code(), Some(2));
}

#[test]
fn a_model_without_a_recipe_is_asked_by_a_usual_one_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = "the tea in a cup\nthe coffee in a cup\nthe nail in a wall\nthe picture on a wall\n".repeat(200);
    fs::write(folder.path().join("text.txt"), text).unwrap();
    answer(
        folder.path(),
        &["train", "text.txt", "-o", "m", "--kind", "text", "--dim", "8", "--threads", "1", "--subsample", "0"],
    );
    let (found, said) = answer(folder.path(), &["recommend", "m", "--history", "tea,coffee", "-k", "2"]);
    assert!(said.contains("no recipe of its own") && said.contains("in-out, dot, whole history"), "{said}");
    assert_eq!(ids(&found).len(), 2);
    // One matrix only: vectors of items alike in what surrounds them.
    answer(folder.path(), &["export", "m", "--format", "word2vec", "-o", "v.txt"]);
    answer(folder.path(), &["import", "v.txt", "-o", "n"]);
    let (found, said) = answer(folder.path(), &["recommend", "n", "--history", "tea", "-k", "1"]);
    assert!(said.contains("input, cosine, whole history"), "{said}");
    assert_eq!(ids(&found).len(), 1);
}
