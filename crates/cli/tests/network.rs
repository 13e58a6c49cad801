//! `vecinity train --model youtube` from the outside: the network on the same surface as every model.

mod common;

use common::{answer, circles, refused, talk, vecinity};
use serde_json::Value;
use std::fs;
use std::path::Path;

const TRAIN: [&str; 12] = [
    "train",
    "clicks.csv",
    "--model",
    "youtube",
    "--epochs",
    "30",
    "--batch",
    "256",
    "--learning-rate",
    "0.01",
    "--progress",
    "none",
];

fn train(folder: &Path, model: &str, more: &[&str]) -> Value {
    answer(folder, &[&TRAIN[..], &["-o", model, "--no-blend"], more].concat())
}

#[test]
fn a_network_is_trained_measured_stored_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    let done = train(folder, "m", &["--threads", "1", "--hidden", "40,20", "--history", "6"]);
    let rows = done["evaluation"]["rows"].as_array().unwrap();
    assert_eq!(rows[0]["settings"], "tower, dot, last 6 items");
    assert!(rows[0]["test"]["hr"][0].as_f64().unwrap() > 0.95, "{}", rows[0]);
    assert!(vecinity(folder, &["verify", "m"]).status.success());
    let bytes = |model: &str| {
        ["vectors.safetensors", "tower.safetensors", "recipe.json"]
            .map(|file| fs::read(folder.join(model).join(file)).unwrap())
    };
    train(folder, "two", &["--threads", "3", "--hidden", "40,20", "--history", "6"]);
    assert!(bytes("m") == bytes("two"), "threads change nothing");

    let next = answer(folder, &["recommend", "m", "--history", "a3,a4", "-k", "3"]);
    assert_eq!(next["results"][0]["id"], "a5", "{next}");
    assert_eq!(next["reasons_exact"], false);
    let shares: f64 =
        next["results"][0]["reasons"].as_array().unwrap().iter().map(|reason| reason["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-4, "{next}");

    // The lists of a file are those of single histories, and users meet items as the recommender does.
    answer(folder, &["recommend", "m", "--input", "clicks.csv", "--output", "lists.csv", "-k", "1"]);
    let lists = fs::read_to_string(folder.join("lists.csv")).unwrap();
    let listed = lists.lines().find(|line| line.starts_with("u0,")).unwrap();
    answer(folder, &["export", "m", "--format", "word2vec", "-o", "users.txt", "--users", "clicks.csv"]);
    answer(folder, &["export", "m", "--format", "word2vec", "-o", "items.txt", "--vectors", "output"]);
    let vectors = |file: &str| -> Vec<(String, Vec<f32>)> {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let parse = |line: &str| {
            let mut parts = line.split(' ').filter(|part| !part.is_empty());
            let name = parts.next().unwrap().to_owned();
            (name, parts.map(|value| value.parse().unwrap()).collect())
        };
        text.lines().skip(1).map(parse).collect()
    };
    let (users, items) = (vectors("users.txt"), vectors("items.txt"));
    let user = &users.iter().find(|(name, _)| name == "u0").unwrap().1;
    assert_eq!(user.last(), Some(&1.0), "against the items' biases");
    let seen: Vec<String> = (0..8).map(|step| format!("a{step}")).collect();
    let score = |item: &[f32]| user.iter().zip(item).map(|(a, b)| a * b).sum::<f32>();
    let best = (items.iter().filter(|(name, _)| !seen.contains(name)))
        .max_by(|a, b| score(&a.1).total_cmp(&score(&b.1)))
        .unwrap();
    assert_eq!(listed.split(',').nth(1), Some(best.0.as_str()), "{listed}");

    let message = refused(folder, &["export", "m", "--format", "onnx", "-o", "tower.onnx", "--users", "clicks.csv"]);
    assert!(message.contains("users is given"), "{message}");
    let onnx = answer(folder, &["export", "m", "--format", "onnx", "-o", "tower.onnx"]);
    assert_eq!(onnx["files"][0], "tower.onnx");
    let bytes = fs::read(folder.join("tower.onnx")).unwrap();
    assert!(
        ["Gather", "Softmax", "Gemm", "layer2.weight", "history", "user"]
            .iter()
            .all(|name| { bytes.windows(name.len()).any(|window| window == name.as_bytes()) })
    );
}

#[test]
fn items_have_one_vector_for_histories_and_answers_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    for (flags, one) in [(&[][..], true), (&["--tied"], true), (&["--tied", "false"], false)] {
        // Scores are products here: with cosines the rows of answers are scaled to length one.
        train(folder, "m", &[flags, &["--temperature", "0"]].concat());
        let table = |which: &str| {
            answer(folder, &["export", "m", "--format", "npy", "-o", "t.npy", "--vectors", which]);
            let bytes = fs::read(folder.join("t.npy")).unwrap();
            let ids = fs::read_to_string(folder.join("t.ids.txt")).unwrap().lines().count();
            // A header, then rows that end in a bias, which only answers have.
            let row = (bytes.len() - 128) / ids;
            bytes[128..].chunks(row).flat_map(|row| row[..row.len() - 4].to_vec()).collect::<Vec<u8>>()
        };
        assert_eq!(table("input") == table("output"), one, "{flags:?}");
    }
}

#[test]
fn a_damaged_network_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    train(folder, "m", &[]);
    let path = folder.join("m/tower.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    for line in [&["verify", "m"][..], &["recommend", "m", "--history", "a1"]] {
        let output = vecinity(folder, line);
        assert_eq!(output.status.code(), Some(3), "{}", talk(&output));
        assert!(talk(&output).contains("tower.safetensors"), "{}", talk(&output));
    }
}

#[test]
fn what_does_not_belong_to_a_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    circles(folder);
    fs::write(folder.join("sg.toml"), "[data]\nkind = \"sequence\"\n[model]\nfamily = \"word2vec\"\n").unwrap();
    for (more, expected) in [
        (&["--window", "3"][..], "window is given, expected no such setting for --model youtube"),
        (&["--subsample", "0.1"], "subsample is given"),
        (&["--weighted"], "weighted is given"),
        (&["--loss", "hs"], "expected full, sampled, in-batch, mixed or gbce"),
        (&["--kind", "set"], "a network learns what comes next"),
        (&["--kind", "text"], "a network learns what comes next"),
        (&["--pools", "0"], "pools is 0, expected 1 to 64"),
        (&["--hidden", "64,x"], "'x' is no width"),
        (&["--dropout", "2"], "dropout is 2"),
        (&["--config", "sg.toml"], "word2vec, which is the family of the model in the file"),
    ] {
        let message = refused(folder, &[&TRAIN[..], &["-o", "m"], more].concat());
        assert!(message.contains(expected), "{more:?}: {message}");
    }
    let message = refused(folder, &["train", "clicks.csv", "-o", "m", "--pools", "3"]);
    assert!(message.contains("no such setting but with --model youtube"), "{message}");
    let message = refused(folder, &["train", "clicks.csv", "-o", "m", "--loss", "full"]);
    assert!(message.contains("ns or hs, or --model youtube"), "{message}");
    answer(folder, &["train", "clicks.csv", "-o", "sg", "--epochs", "1", "--progress", "none"]);
    let message = refused(folder, &["export", "sg", "--format", "onnx"]);
    assert!(message.contains("output is missing"), "{message}");
    let message = refused(folder, &["export", "sg", "--format", "onnx", "-o", "t.onnx"]);
    assert!(message.contains("the model has no network"), "{message}");
}

#[test]
fn what_is_known_of_users_is_read_asked_and_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The first item says nothing; the country says which one follows, and the hour of the click which after that.
    let mut clicks = "user,item,ts,hour\n".to_owned();
    let mut users = "user,country\n".to_owned();
    for user in 0..240 {
        let (country, late) = (user % 2, user / 2 % 2);
        let day = 1_700_000_000 + user * 60;
        for (step, item) in
            [format!("start{}", user % 5), format!("c{country}"), format!("h{late}"), format!("end{}", user % 3)]
                .iter()
                .enumerate()
        {
            clicks += &format!("u{user},{item},{},{}\n", day + step, ["day", "night"][late]);
        }
        users += &format!("u{user},{}\n", ["FR", "DE"][country]);
    }
    fs::write(folder.join("clicks.csv"), clicks).unwrap();
    fs::write(folder.join("users.csv"), users).unwrap();
    let reads = ["--features", "country,hour", "--example-age", "--user-metadata", "users.csv", "--history", "2"];
    train(folder, "m", &reads);
    let top = |context: &str| {
        let found = answer(folder, &["recommend", "m", "--history", "start1", "--context", context, "-k", "1"]);
        found["results"][0]["id"].as_str().unwrap().to_owned()
    };
    assert_eq!((top("country=FR"), top("country=DE")), ("c0".into(), "c1".into()));
    let known = ["--history", "start1,c0", "--context"];
    for (hour, item) in [("day", "h0"), ("night", "h1")] {
        let context = format!("hour={hour}");
        let found = answer(folder, &[&["recommend", "m", "-k", "1"], &known[..], &[&context]].concat());
        assert_eq!(found["results"][0]["id"], item, "{found}");
    }
    // The lists of a file know what the questions know.
    fs::write(folder.join("new.csv"), "user,item,ts,hour\nu0,start1,1,day\nu1,start1,1,day\n").unwrap();
    let lists = ["recommend", "m", "--input", "new.csv", "--output", "lists.csv", "-k", "1"];
    answer(folder, &lists);
    let listed = || fs::read_to_string(folder.join("lists.csv")).unwrap();
    assert!(listed().contains("u0,c0,1") && listed().contains("u1,c1,1"), "{}", listed());
    answer(folder, &["export", "m", "--format", "onnx", "-o", "tower.onnx"]);
    let onnx = fs::read(folder.join("tower.onnx")).unwrap();
    assert!(
        onnx.windows(10).any(|window| window == b"categories") && onnx.windows(7).any(|window| window == b"numbers")
    );
    fs::rename(folder.join("users.csv"), folder.join("gone.csv")).unwrap();
    let output = vecinity(folder, &lists);
    assert!(talk(&output).contains("the model reads country, of which nothing is known here"), "{}", talk(&output));
    fs::write(folder.join("others.csv"), "user,country\nnobody,FR\n").unwrap();
    let message = refused(folder, &[&lists[..], &["--user-metadata", "others.csv"]].concat());
    assert!(
        message.contains("none of the 2 users is in the file: it begins with 'nobody', the events with 'u0'"),
        "{message}"
    );

    // Over HTTP too.
    let (_server, address) = common::serve(folder, &["m"]);
    let mut client = common::Client::new(&address);
    let mut ask = |context: Value| {
        let body = serde_json::json!({"history": ["start1"], "limit": 1, "context": context});
        let (status, answer, _) = client.ask("POST", "/v1/models/m/recommend", &body, "").unwrap();
        (status, answer)
    };
    for (country, item) in [("FR", "c0"), ("DE", "c1")] {
        let (_, found) = ask(serde_json::json!({"country": country, "hour": "day"}));
        assert_eq!(found["results"][0]["id"], item, "{found}");
    }
    let (status, problem) = ask(serde_json::json!({"town": "X"}));
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("country, hour"), "{status} {problem}");

    for (context, expected) in
        [("town=X", "columns that the model reads: country, hour"), ("country", "expected COLUMN=VALUE")]
    {
        let message = refused(folder, &["recommend", "m", "--history", "c0", "--context", context]);
        assert!(message.contains(expected), "{message}");
    }
    let wrong = |more: &[&str]| refused(folder, &[&TRAIN[..], &["-o", "x"], more].concat());
    let message = wrong(&["--features", "town"]);
    assert!(message.contains("there is no column 'town' to learn from; there are: none"), "{message}");
    let message = wrong(&["--features", "country:town"]);
    assert!(message.contains("COLUMN:category, number or words"), "{message}");
    let message = wrong(&["--features", "hour:number"]);
    assert!(message.contains("'day' in the column 'hour' is no number"), "{message}");
    fs::rename(folder.join("gone.csv"), folder.join("users.csv")).unwrap();
    let message = wrong(&["--user-metadata", "users.csv"]);
    assert!(message.contains("unless the network reads its fields: --features"), "{message}");
    fs::write(folder.join("untimed.csv"), "user,item\na,x\na,y\na,z\nb,x\nb,y\nb,z\n").unwrap();
    let message = refused(folder, &["train", "untimed.csv", "-o", "x", "--model", "youtube", "--example-age"]);
    assert!(message.contains("example_age needs the times of events"), "{message}");
}

#[test]
fn a_new_item_is_recommended_by_what_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Users like one genre; the item with the number 9 of each has no event.
    let mut clicks = "user,item,ts\n".to_owned();
    for user in 0..200 {
        for step in 0..5 {
            clicks += &format!("u{user},g{}i{},{}\n", user % 2, (user / 2 + step) % 9, 1000 + step);
        }
    }
    let mut items = "id,title,genre\n".to_owned();
    for item in 0..10 {
        items += &format!("g0i{item},Blue film {item},drama\ng1i{item},Red film {item},comedy|war\n");
    }
    fs::write(folder.join("clicks.csv"), clicks).unwrap();
    fs::write(folder.join("items.csv"), items).unwrap();
    let items = ["--metadata", "items.csv", "--item-features", "genre,title:words"];
    train(folder, "m", &items);
    let added = answer(folder, &["add", "m", "--metadata", "items.csv", "-o", "more"]);
    assert_eq!((&added["added"], &added["left_out"]), (&2.into(), &0.into()));
    assert!(vecinity(folder, &["verify", "more"]).status.success());
    for (genre, other) in [("g0", "g1"), ("g1", "g0")] {
        let history = format!("{genre}i0,{genre}i1,{genre}i2");
        let only = ["--must", "count<1"];
        let found = answer(folder, &[&["recommend", "more", "--history", &history], &only[..]].concat());
        assert_eq!(found["results"][0]["id"], format!("{genre}i9"), "{found}");
        assert_eq!(found["results"][1]["id"], format!("{other}i9"));
    }
    // Over HTTP a new item needs no more than its fields.
    fs::write(folder.join("admin"), "admin-token-1").unwrap();
    let (_server, address) = common::serve(folder, &["m", "--admin-token-file", "admin"]);
    let mut client = common::Client::new(&address);
    let mut ask = |path: &str, body: Value| {
        let (status, answer, _) = client.ask("POST", &format!("/v1/models/m/{path}"), &body, "admin-token-1").unwrap();
        (status, answer)
    };
    let item = |id: &str, name: &str, text: &str| serde_json::json!({"items": [{"id": id, "metadata": {name: text}}]});
    assert_eq!(ask("items", item("drama", "genre", "drama")).0, 200);
    assert_eq!(ask("items", item("war", "genre", "comedy|war")).0, 200);
    for (genre, first) in [("g0", "drama"), ("g1", "war")] {
        let must = serde_json::json!({"must": [{"key": "count", "range": {"lt": 1}}]});
        let body = serde_json::json!({"history": [format!("{genre}i0"), format!("{genre}i1")], "filter": must});
        let (_, found) = ask("recommend", body);
        assert_eq!(found["results"][0]["id"], first, "{found}");
    }
    let (status, problem) = ask("items", item("none", "colour", "red"));
    assert!(status == 422 && problem["detail"].as_str().unwrap().contains("has learned none"), "{status} {problem}");

    train(folder, "plain", &[]);
    let message = refused(folder, &["add", "plain", "--metadata", "items.csv"]);
    assert!(message.contains("train with --item-features"), "{message}");
    let message = refused(folder, &[&TRAIN[..], &["-o", "x", "--item-features", "genre"]].concat());
    assert!(message.contains("name their file with --metadata"), "{message}");
    let message =
        refused(folder, &[&TRAIN[..], &["-o", "x", "--metadata", "items.csv", "--item-features", "size"]].concat());
    assert!(message.contains("item_features is size, expected fields of --metadata: title, genre"), "{message}");
}
