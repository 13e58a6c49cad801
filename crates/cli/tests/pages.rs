//! The pages in a real browser: each page's main task, by clicks and by keys. Needs chromedriver and Chromium
//! (`.ci/test` installs them); without them the test says that it did nothing.
#![cfg(feature = "server")]

mod common;

use common::{Stopped, serve};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vecinity::metadata::Metadata;
use vecinity::model_dir::NewModel;
use vecinity::{Embeddings, Matrix, Vocab};

const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";
const XSS: &str = "<b id=xss>bold</b>";

/// Sixty films in three groups of directions.
fn save(path: &Path) {
    let names = || (0..60).map(|at| format!("f{at}"));
    let vocab = Vocab::from_counts(names().zip((1..=60).rev().map(|count| 7 * count))).unwrap();
    let row = |at: usize| {
        let mut row = [0.02 * (at as f32 * 1.7).sin(), 0.03 * (at as f32 * 0.9).cos(), 0.0, 0.0, 0.1];
        row[at % 3] += 1.0;
        row
    };
    let matrix = || Matrix::new(60, 5, (0..60).flat_map(row).collect());
    let mut titles = "id,title,genre\n".to_owned();
    for (at, name) in names().enumerate() {
        let title = if at == 3 { XSS.to_owned() } else { format!("Film {at}") };
        titles.push_str(&format!("{name},{title},{}\n", ["Drama", "Comedy", "Western"][at % 3]));
    }
    let metadata = Metadata::read(titles.as_bytes(), "t.csv".as_ref()).unwrap();
    let embeddings = Embeddings::new(vocab, matrix(), Some(matrix())).unwrap().with_metadata(Some(metadata));
    NewModel::imported(&embeddings, "test").save(path).unwrap();
}

/// A browser, driven as the WebDriver standard says.
struct Browser {
    port: u16,
    session: String,
    _driver: Stopped,
}

impl Browser {
    fn start() -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut driver = Command::new("chromedriver");
        driver.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = driver.spawn().ok()?;
        let mut browser = Self { port, session: String::new(), _driver: Stopped(driver) };
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en-US", "--window-size=1280,900"];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}});
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        let answer = browser.send("POST", "/session", Some(&wanted));
        browser.session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned();
        Some(browser)
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap() > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap()["value"].take()
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, &format!("/session/{}{path}", self.session), (method == "POST").then_some(body));
        assert!(answer.get("error").is_none(), "{path} {body}: {answer}");
        answer
    }

    fn open(&self, address: &str) {
        self.command("POST", "/url", &json!({ "url": address }));
    }

    /// What a script returns.
    fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true.
    #[track_caller]
    fn wait(&self, expression: &str) {
        let until = Instant::now() + Duration::from_secs(15);
        while self.run(&format!("return Boolean({expression})")) != true {
            if Instant::now() > until {
                panic!("never: {expression}\n{}", self.run("return document.body.innerText"));
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// The first element that a selector finds and that has a text.
    #[track_caller]
    fn element(&self, selector: &str, text: &str) -> String {
        let find = format!(
            "[...document.querySelectorAll({})].find((e) => e.textContent.includes({}))",
            json!(selector),
            json!(text)
        );
        self.wait(&find);
        let found = self.run(&format!("return {find}"));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn click(&self, selector: &str, text: &str) {
        let element = self.element(selector, text);
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    #[track_caller]
    fn keys(&self, selector: &str, keys: &str) {
        let element = self.element(selector, "");
        self.command("POST", &format!("/element/{element}/value"), &json!({ "text": keys }));
    }

    #[track_caller]
    fn sees(&self, text: &str) {
        self.wait(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// Moves the mouse over places of an element, pressed.
    fn drag(&self, selector: &str, places: &[(i32, i32)]) {
        let element = self.element(selector, "");
        let origin = json!({"element-6066-11e4-a52e-4f735466cecf": element});
        let mut actions = Vec::new();
        for (at, (x, y)) in places.iter().enumerate() {
            actions.push(json!({"type": "pointerMove", "duration": 40, "x": x, "y": y, "origin": origin}));
            if at == 0 {
                actions.push(json!({"type": "pointerDown", "button": 0}));
            }
        }
        actions.push(json!({"type": "pointerUp", "button": 0}));
        self.command("POST", "/actions", &json!({"actions": [{"type": "pointer", "id": "mouse", "actions": actions}]}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.send("DELETE", &format!("/session/{}", self.session), None);
    }
}

#[test]
fn every_page_does_its_main_task_by_clicks_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("films"));
    save(&folder.path().join("films2"));
    let mut clicks = "user,item,time\n".to_owned();
    (0..400).for_each(|n| clicks.push_str(&format!("u{},x{},{}\n", n / 8, (n / 8 + n % 8) % 9, n)));
    std::fs::write(folder.path().join("admin"), "admin-token-1").unwrap();
    let (_server, address) = serve(folder.path(), &["films", "--root", ".", "--admin-token-file", "admin"]);
    let Some(browser) = Browser::start() else {
        eprintln!("chromedriver is not here (Debian: chromium-driver): the pages were not tested");
        return;
    };
    let page = |rest: &str| browser.open(&format!("{address}/#/{rest}"));

    // Search: completion by keys alone, then neighbours, the reason of one, an unknown id with its suggestion.
    page("search");
    browser.sees("Start with something frequent");
    browser.keys("[role=combobox]", "film 2");
    browser.wait("document.querySelectorAll('[role=option]').length > 3");
    browser.keys("[role=combobox]", &format!("{DOWN}{DOWN}{ENTER}"));
    browser.wait("document.querySelectorAll('.result').length === 20");
    browser.wait("location.hash.includes('q=f2')");
    browser.click(".result .actions button", "why?");
    browser.wait("document.querySelector('.why bdi, .why')?.textContent.length > 5");
    browser.click(".result .actions button", "to history");
    browser.sees("Added to the history");
    page("search?q=flim5");
    browser.sees("Not in this model");
    page("search?q=f3");
    browser.wait("document.querySelector('h2 bdi')?.textContent === '<b id=xss>bold</b>'");
    assert_eq!(browser.run("return document.querySelector('#xss')"), Value::Null, "a title is text");

    // Arithmetic: chips by keys, a sign turned by a click, the same written.
    page("arithmetic");
    browser.keys("[role=combobox]", &format!("f4{ENTER}"));
    browser
        .wait("document.querySelectorAll('.chip').length === 1 && document.querySelectorAll('.result').length === 12");
    browser.keys("[role=combobox]", &format!("-f5{ENTER}"));
    browser.wait("document.querySelectorAll('.chip.minus').length === 1");
    browser.click(".chip.minus .sign", "−");
    browser.wait("document.querySelectorAll('.chip.minus').length === 0");
    browser.keys("form input[type=text]", &format!("f4 - f5 + f7{ENTER}"));
    browser.wait("location.hash.includes('e=f4') && document.querySelectorAll('.result').length === 12");

    // Map: drawn, an item found by keys, a lasso around everything, a colour switched off.
    page("map?method=layout");
    browser.wait("document.querySelector('.frame')?.dataset.ready");
    browser.keys(".map aside [role=combobox]", "film 17");
    browser.wait("document.querySelectorAll('[role=option]').length > 0");
    browser.keys(".map aside [role=combobox]", &format!("{DOWN}{ENTER}"));
    browser.wait("document.querySelector('[data-enclosed=\"1\"]') && document.querySelector('aside ol').textContent.includes('Film 17')");
    browser.click(".tools button", "Whole map");
    browser.click(".tools button", "Lasso");
    browser.drag(".frame canvas[tabindex]", &[(-320, -250), (320, -250), (320, 290), (-320, 290), (-320, -240)]);
    browser.wait("Number(document.querySelector('[data-enclosed]')?.dataset.enclosed) > 10");
    browser.click(".key button", "");
    browser.wait("document.querySelector('.key button.off')");

    // Recommend: a history by keys, its order by a click, a filter, reasons that add up.
    page("recommend?history=%5B%5D");
    browser.sees("Popular items");
    for text in ["film 4", "film 7"] {
        browser.keys("[role=combobox]", text);
        browser.wait(&format!("document.querySelector('[role=option]')?.textContent.toLowerCase().includes('{text}')"));
        browser.keys("[role=combobox]", &format!("{DOWN}{ENTER}"));
    }
    browser.wait(
        "document.querySelectorAll('.history li').length === 2 && document.querySelectorAll('.stack').length > 5",
    );
    browser.click(".history li:first-child button", "↓");
    browser.wait("document.querySelector('.history li').textContent.includes('Film 7')");
    let widths = browser.run(
        "return [...document.querySelector('.stack').children].reduce((s, e) => s + parseFloat(e.style.width), 0)",
    );
    assert!((widths.as_f64().unwrap() - 100.0).abs() < 0.5, "{widths}");
    browser.click("button", "Add a condition");
    browser.keys(".filters input", "Film\t");
    browser.run("const s = document.querySelectorAll('.filters select')[2]; s.value = '~'; s.dispatchEvent(new Event('change'))");
    browser.wait("location.hash.includes('filter')");
    browser.keys("[role=combobox]", &format!("zzzz{ENTER}"));
    browser.sees("Not in this model: zzzz");
    let hash = browser.run("return location.hash");
    browser.open(&format!("{address}/{}", hash.as_str().unwrap()));
    browser.wait("document.querySelectorAll('.history li').length === 3");

    // Report, training, API: there, and in Chinese.
    page("report");
    browser.wait("document.querySelector('iframe.report')?.srcdoc.includes('<h1>')");
    page("training");
    browser.sees("This model has no log");
    browser.open(&format!("{address}/docs"));
    browser.click("summary", "/recommend");
    browser.wait("document.querySelector('details[open]')?.textContent.includes('history')");
    browser.click(".switches button", "中文");
    browser.sees("接口");
    assert_eq!(browser.run("return document.documentElement.lang"), "zh-CN");
    browser.click(".switches button", "English");
    browser.click(".switches button", "◐");
    browser.wait("document.documentElement.dataset.theme === 'dark'");

    // Status: the model is replaced; a wrong token is an error on the page.
    page("status");
    browser.click("summary", "Put another version");
    browser.keys("form input[type=text]", "films2");
    browser.keys("form input[type=password]", &format!("wrong-token{ENTER}"));
    browser.sees("this is not the admin token");
    browser.run("document.querySelector('form input[type=password]').value = ''");
    browser.keys("form input[type=password]", &format!("admin-token-1{ENTER}"));
    browser.sees("Now serving");

    // An unknown model and an unknown page say so.
    page("search?model=flims");
    browser.sees("flims");
    page("nothing");
    browser.sees("There is no such page");

    let log = browser.command("POST", "/se/log", &json!({"type": "browser"}));
    let bad: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["level"] == "SEVERE")
        .filter(|line| !line["message"].as_str().unwrap().contains("Failed to load resource"))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn a_token_is_asked_for_once_and_a_map_needs_no_server() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("films"));
    std::fs::write(folder.path().join("token"), "reading-1").unwrap();
    let map = common::answer(folder.path(), &["map", "films", "--neighbors", "8"]);
    assert_eq!(map["points"], 60);
    let (_server, address) = serve(folder.path(), &["films", "--token-file", "token"]);
    let Some(browser) = Browser::start() else { return };
    browser.open(&format!("{address}/#/search"));
    browser.keys("dialog input", &format!("reading-1{ENTER}"));
    browser.sees("Start with something frequent");
    browser.open(&format!("file://{}", folder.path().join("films.map.html").display()));
    browser.wait("document.querySelectorAll('.key button').length > 2");
    browser.keys("#find", &format!("film 17{ENTER}\t"));
    browser.wait("document.querySelector('#list ol')?.textContent === 'Film 17'");
    assert_eq!(browser.run("return document.querySelector('#xss')"), Value::Null, "a title is text");
}
