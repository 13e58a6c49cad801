//! `vecinity serve` as a process: its end under load, and models that are still in training.
#![cfg(feature = "server")]

mod common;

use common::{Client, circles, command, serve};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TRAIN: [&str; 10] =
    ["train", "clicks.csv", "-o", "m", "--epochs", "3", "--progress", "none", "--holdout", "none"];

/// Connections that are in use end with an answer: no request is lost, however it meets the signal.
#[test]
fn the_end_under_load_loses_no_request() {
    let folder = tempfile::tempdir().unwrap();
    circles(folder.path());
    assert!(common::vecinity(folder.path(), &TRAIN).status.success());
    let (mut server, address) = serve(folder.path(), &["m"]);
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6u64)
            .map(|number| {
                let (address, answered) = (&address, &answered);
                scope.spawn(move || {
                    let mut client = Client::new(address);
                    loop {
                        let asked = client.ask("POST", "/v1/models/m/neighbors", &json!({"id": "a3"}), "");
                        let (status, _, closes) = asked.expect("a request was lost");
                        assert_eq!(status, 200);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if closes {
                            return;
                        }
                        // Some ask without a pause, some are idle for a while in between.
                        std::thread::sleep(Duration::from_millis(number * 20));
                    }
                })
            })
            .collect();
        while answered.load(Ordering::Relaxed) < 200 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = Command::new("kill").arg(server.0.id().to_string()).status().unwrap();
        assert!(ended.success());
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert!(server.0.wait().unwrap().success());
}

/// The curve is shown while a model is trained, and the model is served when it is there.
#[test]
fn a_model_in_training_is_watched_and_then_served() {
    let folder = tempfile::tempdir().unwrap();
    circles(folder.path());
    let (_server, address) = serve(folder.path(), &["--watch", "m"]);
    let get = |path: &str| Client::new(&address).ask("GET", path, &Value::Null, "").unwrap().1;
    assert_eq!(get("/v1/models")["training"], json!(["m"]));
    let mut training = command(folder.path(), &TRAIN);
    assert!(training.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    let until = Instant::now() + Duration::from_secs(60);
    while get("/v1/models")["models"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < until, "the model is not served");
        std::thread::sleep(Duration::from_millis(100));
    }
    let (status, answer, _) =
        Client::new(&address).ask("POST", "/v1/models/m/neighbors", &json!({"id": "a3"}), "").unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(get("/v1/models")["training"], json!([]));
}
