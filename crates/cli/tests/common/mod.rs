//! What the tests of the program from the outside have in common.
#![allow(dead_code, reason = "each file of tests needs a part of it")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The program with these arguments, in a folder.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vecinity"));
    command.args(arguments).current_dir(folder);
    command
}

/// What it printed, and how it ended.
pub(crate) fn vecinity(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// What it said on standard error.
pub(crate) fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The answer of a command that must succeed, as JSON.
pub(crate) fn answer(folder: &Path, arguments: &[&str]) -> Value {
    answer_and_talk(folder, arguments).0
}

/// The same with what was said.
pub(crate) fn answer_and_talk(folder: &Path, arguments: &[&str]) -> (Value, String) {
    let output = vecinity(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", talk(&output));
    (serde_json::from_slice(&output.stdout).unwrap(), talk(&output))
}

/// The message of a command that must fail with code 2 and print nothing else.
pub(crate) fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = vecinity(folder, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", talk(&output));
    assert!(output.stdout.is_empty(), "{arguments:?}");
    talk(&output)
}

/// Writes `clicks.csv`: everybody goes through eight places of one of two circles of twelve.
pub(crate) fn circles(folder: &Path) {
    let mut clicks = String::from("user,item,time\n");
    for user in 0..300 {
        let circle = if user % 2 == 0 { "a" } else { "b" };
        for step in 0..8 {
            clicks.push_str(&format!("u{user},{circle}{},{}\n", (user / 2 + step) % 12, 1000 + step));
        }
    }
    fs::write(folder.join("clicks.csv"), clicks).unwrap();
}
