//! What the tests of the program from the outside have in common.
#![allow(dead_code, reason = "each file of tests needs a part of it")]

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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

/// A process that ends with the test.
pub(crate) struct Stopped(pub(crate) Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server in a folder, and its address.
pub(crate) fn serve(folder: &Path, arguments: &[&str]) -> (Stopped, String) {
    let mut command = command(folder, &["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    (Stopped(child), answer["address"].as_str().unwrap().to_owned())
}

/// A connection to a server that stays open.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    /// Status, body, and whether the server said that it closes the connection; `None` if there was no answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value, token: &str) -> Option<(u16, Value, bool)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all(format!("{head}{body}").as_bytes()).ok()?;
        let mut line = String::new();
        if self.0.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut closes) = (0, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = bytes.parse().unwrap();
            }
            closes |= line == "connection: close";
        }
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null), closes))
    }
}
