//! A marketplace from the outside: training with goals and markets, the lab, new listings, types, and what is refused.

mod common;

use common::{answer, answer_and_talk, refused};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const COLUMNS: &str = "session=session,item=listing,event=event,time=day";

/// Two markets of twelve listings. In each, even listings are cheap and odd ones dear; a guest looks at four neighbours of one
/// price, is sometimes rejected, and every second one books.
fn stays(folder: &Path) {
    let mut events = String::from("session\tuser\tlisting\tevent\tday\n");
    let mut listings = String::from("listing\tmarket\tx\ty\tprice\n");
    for market in 0..2 {
        for at in 0..13 {
            let _ = writeln!(listings, "m{market}l{at}\t{market}\t{at}\t0\t{}", if at % 2 == 0 { 40 } else { 90 });
        }
    }
    let mut chance = vecinity::rng::Rng::new(3, 0);
    for session in 0..600 {
        let (market, odd, first) = (chance.below(2), chance.below(2), chance.below(3));
        let clicks: Vec<u32> = (0..4).map(|step| 2 * ((first + step) % 6) + odd).collect();
        let mut say = |at: u32, kind: &str| {
            let _ = writeln!(events, "s{session}\tu{}\tm{market}l{at}\t{kind}\t{}", session % 90, session / 10);
        };
        clicks.iter().for_each(|&at| say(at, "click"));
        if session % 5 == 0 {
            say(clicks[0], "rejected");
        }
        if session % 2 == 0 {
            say(clicks[(session as usize / 2) % 4], "booked");
        }
    }
    let users: String = (0..90).map(|user| format!("u{user}\t{}\n", user % 3)).collect();
    fs::write(folder.join("events.tsv"), events).unwrap();
    fs::write(folder.join("listings.tsv"), listings).unwrap();
    fs::write(folder.join("users.tsv"), format!("user\tcountry\n{users}")).unwrap();
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    String::from_utf8(common::vecinity(folder, arguments).stdout).unwrap()
}

fn all<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let market = [
        "--columns",
        COLUMNS,
        "--metadata",
        "listings.tsv",
        "--global-context",
        "booked",
        "--local-negatives",
        "market",
    ];
    command
        .iter()
        .chain(&market)
        .chain(&["--reject", "rejected", "--dim", "16", "--threads", "1"])
        .chain(more)
        .copied()
        .collect()
}

#[test]
fn a_model_of_listings_is_trained_asked_and_made_larger() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let (done, talk) = answer_and_talk(folder, &all(&["train", "events.tsv", "-o", "m.model"], &["--epochs", "20"]));
    assert!(talk.contains("600 sessions of 2,400 clicks · 300 end in the goal · 120 rejections"), "{talk}");
    assert_eq!(done["evaluation"]["holdout"], "goal:0.1");
    let config = fs::read_to_string(folder.join("m.model/config.toml")).unwrap();
    assert!(config.contains("family = \"airbnb\"") && config.contains("local_negatives = 5"), "{config}");
    assert!(config.contains("goal_weight = 3.0"), "{config}");
    // The other even listings of the market are what sessions with 2 hold.
    let near = answer(folder, &["neighbors", "m.model", "m0l2", "-k", "1"]);
    assert!(["m0l0", "m0l4", "m0l6", "m0l8", "m0l10"].contains(&near["results"][0]["id"].as_str().unwrap()), "{near}");
    // Listing 12 of each market was never clicked: at x = 12, the nearest three of its price are 10, 8 and 6.
    let added = answer(
        folder,
        &[
            "add",
            "m.model",
            "--metadata",
            "listings.tsv",
            "--place",
            "x,y",
            "--same",
            "market",
            "--range",
            "price",
            "--buckets",
            "2",
        ],
    );
    assert_eq!(added["added"], 2);
    assert_eq!(added["new"][0]["of"], serde_json::json!(["m0l10", "m0l8", "m0l6"]));
    let near = answer(folder, &["neighbors", "m.model", "m0l12", "-k", "1"]);
    assert!(["m0l10", "m0l8", "m0l6"].contains(&near["results"][0]["id"].as_str().unwrap()), "{near}");
    answer(folder, &["verify", "m.model"]);
    // A model that was made larger is trained again from its own settings.
    answer(folder, &["train", "--config", "m.model/config.toml", "-o", "again.model", "--epochs", "2"]);
}

#[test]
fn the_market_may_be_a_column_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let events = fs::read_to_string(folder.join("events.tsv")).unwrap();
    let with_market: String = (events.lines().enumerate())
        .map(|(at, line)| match at {
            0 => format!("{line}\tmarket\n"),
            _ => format!("{line}\t{}\n", if line.contains("m0l") { "north" } else { "south" }),
        })
        .collect();
    fs::write(folder.join("wide.tsv"), with_market).unwrap();
    let train = |data: &'static str, metadata: bool, to: &'static str| {
        let mut arguments = vec!["train", data, "-o", to, "--columns", COLUMNS, "--global-context", "booked"];
        arguments.extend(["--local-negatives", "market", "--epochs", "2", "--threads", "1", "--holdout", "none"]);
        arguments.extend(if metadata { vec!["--metadata", "listings.tsv"] } else { vec![] });
        answer(folder, &arguments);
        fs::read(folder.join(to).join("vectors.safetensors")).unwrap()
    };
    // The same markets, from either place: the same vectors.
    assert_eq!(train("events.tsv", true, "a.model"), train("wide.tsv", false, "b.model"));
}

#[test]
fn the_lab_compares_the_parts_of_the_loss() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let more = ["--epochs", "5", "--seeds", "2", "-o", "lab.svg"];
    let found = answer(folder, &all(&["lab", "airbnb", "events.tsv"], &more));
    let names: Vec<&str> = found["variants"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["plain", "+ global context", "+ market", "both"]);
    for variant in found["variants"].as_array().unwrap() {
        let rank = variant["mean_rank"]["mean"].as_f64().unwrap();
        assert!((0.0..0.5).contains(&rank), "{variant}");
        let right = variant["right_market"]["mean"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&right), "{variant}");
    }
    assert_eq!(found["baselines"].as_array().unwrap().len(), 3);
    assert!(fs::read_to_string(folder.join("lab.svg")).unwrap().contains("<polyline"));
}

#[test]
fn items_made_of_their_fields_give_new_ones_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let train = |weights: &'static str, to: &'static str| {
        let more =
            ["--epochs", "20", "--holdout", "none", "--item-features", "market,price", "--item-weights", weights];
        answer(folder, &all(&["train", "events.tsv", "-o", to], &more));
    };
    train("learned", "eges.model");
    train("equal", "ges.model");
    for model in ["eges.model", "ges.model"] {
        let added = answer(folder, &["add", model, "--metadata", "listings.tsv"]);
        assert_eq!((&added["added"], &added["left_out"]), (&2.into(), &0.into()));
        // Listing 12 is cheap, as all even ones are.
        let near = answer(folder, &["neighbors", model, "m0l12", "-k", "3"]);
        for at in 0..3 {
            let id = near["results"][at]["id"].as_str().unwrap();
            let number: u32 = id.strip_prefix("m0l").unwrap_or_else(|| panic!("{near}")).parse().unwrap();
            assert!(number.is_multiple_of(2), "{near}");
        }
        answer(folder, &["verify", model]);
        let shown = stdout(folder, &["inspect", model, "--text"]);
        assert!(shown.contains("items get vectors of their fields: market"), "{shown}");
    }
    let message = refused(folder, &all(&["train", "events.tsv", "-o", "m.model"], &["--item-features", "town"]));
    assert!(message.contains("item_features is town") && message.contains("market, x, y, price"), "{message}");
    let message = refused(folder, &all(&["train", "events.tsv", "-o", "m.model"], &["--item-weights", "equal"]));
    assert!(message.contains("without --item-features"), "{message}");
    let message =
        refused(folder, &["train", "events.tsv", "-o", "m.model", "--kind", "set", "--item-features", "price"]);
    assert!(message.contains("item_features is given"), "{message}");
}

#[test]
fn candidates_are_compared_with_what_users_did_lately() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    answer(folder, &all(&["train", "events.tsv", "-o", "m.model"], &["--epochs", "20", "--holdout", "none"]));
    // The guests of the last sessions, before a cheap and a dear listing of either market, and one that nobody knows.
    let shown: String = (80..90)
        .flat_map(|user| ["m0l2", "m0l3", "m1l2", "m1l3", "new"].map(|item| format!("u{user}\t{item}\n")))
        .collect();
    fs::write(folder.join("shown.tsv"), format!("user\tlisting\n{shown}zoe\tm0l2\n")).unwrap();
    let asked = ["affinity", "m.model", "events.tsv", "--candidates", "shown.tsv"];
    let done = answer(folder, &[&asked[..], &["-o", "f.jsonl"]].concat());
    assert_eq!((&done["rows"], &done["unknown"], &done["without_events"]), (&41.into(), &10.into(), &1.into()));
    let lines = fs::read_to_string(folder.join("f.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows[40]["click"].is_null() && rows[40]["user"] == "zoe", "{}", rows[40]);
    for row in &rows[..40] {
        let value = row["click"].as_f64().unwrap();
        assert!((-1.0..=1.0001).contains(&value), "{row}");
    }
    let of = |more: &[&'static str]| answer(folder, &[&asked[..], more].concat());
    let sets = of(&["--sets", "click,last=last:click,wish=booked", "--within", "7d", "-o", "f.csv.gz"]);
    assert_eq!(sets["sets"], serde_json::json!(["click=click", "last=last:click", "wish=booked"]));
    of(&["-o", "f.parquet"]);
    let message = refused(folder, &[&asked[..], &["--sets", "wishlist", "-o", "f.csv"]].concat());
    assert!(message.contains("sets is wishlist") && message.contains("click"), "{message}");
    let message = refused(folder, &[&asked[..], &["-o", "f.txt"]].concat());
    assert!(message.contains("ends in .csv"), "{message}");
    let message = refused(folder, &[&asked[..], &["--market", "town", "-o", "f.csv"]].concat());
    assert!(message.contains("town"), "{message}");
}

#[test]
fn types_are_learned_with_and_without_rejections() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let rules = "[[listing]]\ncolumn = \"price\"\nedges = [60]\n[[user]]\ncolumn = \"country\"\n[[user]]\ncolumn = \"bookings\"\nedges = [2]\n";
    fs::write(folder.join("types.toml"), rules).unwrap();
    let mut arguments = vec!["types", "events.tsv", "--columns", "user=user,item=listing,event=event,time=day"];
    arguments.extend(["--listings", "listings.tsv", "--users", "users.tsv", "--rules", "types.toml"]);
    arguments.extend(["--reject", "rejected", "-o", "t.model"]);
    let found = answer(folder, &arguments);
    assert_eq!((&found["bookings"], &found["rejections"]), (&300.into(), &120.into()));
    assert_eq!(found["listing_types"], 2);
    assert_eq!(found["held_out"].as_array().unwrap().len(), 2);
    answer(folder, &["neighbors", "t.model", "listing:price=..60", "-k", "3"]);
    // Guests of the last day before a cheap and a dear listing: one more feature, if their types are known.
    answer(folder, &all(&["train", "events.tsv", "-o", "m.model"], &["--epochs", "2", "--holdout", "none"]));
    fs::write(folder.join("shown.tsv"), "user\tlisting\tday\nu80\tm0l2\t59\nu80\tm0l3\t59\nzoe\tm0l2\t59\n").unwrap();
    let named = ["--columns", "user=user,item=listing,event=event,time=day"];
    let asked = ["affinity", "m.model", "events.tsv", "--candidates", "shown.tsv", "--candidate-columns"];
    let asked =
        [&asked[..], &["user=user,item=listing,time=day", "--types", "t.model", "-o", "f.jsonl"], &named].concat();
    answer(folder, &[&asked[..], &["--users", "users.tsv"]].concat());
    let lines = fs::read_to_string(folder.join("f.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (cheap, dear) = (rows[0]["user_type"].as_f64().unwrap(), rows[1]["user_type"].as_f64().unwrap());
    assert!(cheap != dear && cheap.abs().max(dear.abs()) <= 1.0001, "{lines}");
    // The same cosine as between the types themselves; of country 2, with two bookings or more behind it.
    let types = ["user:country=2|bookings=2..", "listing:price=..60"];
    let alike = answer(folder, &["similarity", "t.model", types[0], types[1]]);
    assert!((alike["results"][0]["score"].as_f64().unwrap() - cheap).abs() < 1e-5, "{alike}, {lines}");
    assert!(rows[2]["user_type"].is_null(), "{lines}");
    let message = refused(folder, &asked);
    assert!(message.contains("--users"), "{message}");
    let message = refused(folder, &[&asked[..], &["--users", "users.tsv", "--goal", "bought"]].concat());
    assert!(message.contains("goal is bought") && message.contains("booked"), "{message}");
    let mut wrong = asked.clone();
    wrong[8] = "m.model";
    let message = refused(folder, &[&wrong[..], &["--users", "users.tsv"]].concat());
    assert!(message.contains("vecinity types"), "{message}");
    let shown = stdout(folder, &["inspect", "t.model", "--text"]);
    assert!(shown.contains("of listings: price at 60") && shown.contains("country · bookings at 2"), "{shown}");
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    stays(folder);
    let train = ["train", "events.tsv", "-o", "m.model", "--columns", COLUMNS];
    let with = |more: &[&'static str]| refused(folder, &[&train[..], more].concat());
    let message = with(&["--global-context", "bought"]);
    assert!(message.contains("global_context is bought") && message.contains("click"), "{message}");
    let message = with(&["--global-context", "booked", "--local-negatives", "town", "--metadata", "listings.tsv"]);
    assert!(message.contains("local_negatives is town") && message.contains("market, x, y, price"), "{message}");
    let message = with(&["--global-context", "booked", "--local-negatives", "town"]);
    assert!(message.contains("--metadata"), "{message}");
    let message = with(&["--global-context", "booked", "--min-dwell", "30s"]);
    assert!(message.contains("--min-dwell needs the time"), "{message}");
    let message = with(&["--global-context", "booked", "--kind", "set"]);
    assert!(message.contains("--kind sequence"), "{message}");
    let message = with(&["--goal-weight", "2", "--reject", "rejected"]);
    assert!(message.contains("goal_weight is given, expected global_context too"), "{message}");
    let message = with(&["--global-context", "booked", "--reject-weight", "2"]);
    assert!(message.contains("reject_weight is given, expected reject too"), "{message}");
    let message = with(&["--global-context", "booked", "--market-negatives", "2"]);
    assert!(message.contains("market_negatives is given, expected local_negatives too"), "{message}");
    let message = with(&["--goal-weight", "2", "--model", "youtube"]);
    assert!(message.contains("goal_weight is given"), "{message}");
    let message = with(&["--global-context", "booked", "--goal-weight", "0"]);
    assert!(message.contains("goal_weight is 0, expected above 0, at most 100"), "{message}");
    let message = refused(folder, &["lab", "airbnb", "events.tsv", "--columns", COLUMNS]);
    assert!(message.contains("the lab needs goals and markets"), "{message}");
}
