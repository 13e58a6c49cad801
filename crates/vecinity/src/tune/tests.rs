use super::*;
use crate::config::Kind;
use std::path::Path;

/// People who walk along their own of four shelves.
fn histories(users: usize) -> Histories {
    let mut rng = crate::rng::Rng::new(7, 0);
    let lists: Vec<(String, Vec<String>)> = (0..users)
        .map(|user| {
            let mut at = rng.below(40);
            let items = (0..12).map(|_| {
                at = (at + 1 + rng.below(3)) % 50;
                format!("{}-{at}", user % 4)
            });
            (format!("u{user}"), items.collect())
        })
        .collect();
    Histories::from_lists(&lists, true).unwrap()
}

fn start() -> Config {
    let mut config = Config::profile(Kind::Sequence);
    // A start that learns next to nothing, so that there is something to find.
    config.train.learning_rate = 0.0001;
    config.train.epochs = 1;
    config.train.dim = 8;
    config
}

fn options(folder: &Path, search: &[&str]) -> Options {
    Options {
        budget: Duration::from_secs(3600),
        sample: None,
        wanted: search.iter().map(|text| text.parse().unwrap()).collect(),
        fixed: Vec::new(),
        journal: folder.join("trials.jsonl"),
        resume: false,
    }
}

const SEARCH: [&str; 2] = ["learning_rate=0.0001,0.05", "epochs=1,10"];

#[test]
fn a_search_finds_what_learns_and_says_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let tuned = tune(&histories(300), &start(), &options(folder.path(), &SEARCH), &mut ()).unwrap();
    assert_eq!((tuned.config.train.epochs, tuned.config.train.learning_rate), (10, 0.05));
    assert_eq!(tuned.trials.len(), 4, "a space of four places is tried whole");
    let confirmed = tuned.confirmed.unwrap();
    assert!(confirmed.better && confirmed.best > 2.0 * confirmed.start, "{confirmed:?}");
    assert_eq!(confirmed.questions, 300);
    let text = tuned.toml();
    let path = folder.path().join("tuned.toml");
    std::fs::write(&path, &text).unwrap();
    let read = Config::read(&path).unwrap();
    assert_eq!((read.train.epochs, read.train.learning_rate, read.train.dim), (10, 0.05, 8), "{text}");
    assert!(!text.contains("threads") && !text.contains("seed"), "{text}");
}

#[test]
fn test_events_have_no_say() {
    // The last item of everybody is the test: any other one there must change nothing.
    let lists = |last: &str| -> Histories {
        let all = histories(120);
        let ids = |items: &[u32]| {
            items.iter().map(|&item| all.items().token(crate::TokenId(item)).to_owned()).collect::<Vec<_>>()
        };
        let changed: Vec<(String, Vec<String>)> = (all.iter())
            .map(|history| {
                let mut items = ids(history.items);
                *items.last_mut().unwrap() = last.to_owned();
                (history.owner.to_owned(), items)
            })
            .collect();
        Histories::from_lists(&changed, true).unwrap()
    };
    let trials = |last: &str| {
        let folder = tempfile::tempdir().unwrap();
        let tuned = tune(&lists(last), &start(), &options(folder.path(), &SEARCH), &mut ()).unwrap();
        tuned.trials.into_iter().map(|trial| (trial.point, trial.ndcg, trial.note)).collect::<Vec<_>>()
    };
    assert_eq!(trials("zz-one"), trials("zz-two"));
}

/// Stops behind every second trial.
struct Stopping {
    ended: usize,
}

impl Watch for Stopping {
    fn tried(&mut self, _: &Trial, _: bool, _: Duration) -> Control {
        self.ended += 1;
        if self.ended == 2 { Control::Stop } else { Control::Continue }
    }
}

#[test]
fn a_search_that_is_stopped_goes_on_with_the_same_trials() {
    let (histories, folder) = (histories(300), tempfile::tempdir().unwrap());
    let search = ["learning_rate=0.0001,0.05", "epochs=1,5,10", "negatives=5,10"];
    let points = |tuned: &Tuned| tuned.trials.iter().map(|t| (t.point.clone(), t.ndcg)).collect::<Vec<_>>();
    let whole = tune(&histories, &start(), &options(folder.path(), &search), &mut ()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), &search);
    let mut runs = 0;
    let resumed = loop {
        runs += 1;
        assert!(runs < 50, "the search does not come forward");
        match tune(&histories, &start(), &options, &mut Stopping { ended: 0 }) {
            Ok(tuned) => break tuned,
            Err(Error::Interrupted { .. }) => options.resume = true,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(runs, whole.trials.len() / 2 + 1, "two trials a run, and the comparison in the last");
    assert_eq!(points(&resumed), points(&whole));
    assert_eq!(resumed.confirmed, whole.confirmed);
    options.resume = false;
    let message = tune(&histories, &start(), &options, &mut ()).unwrap_err().to_string();
    assert!(message.contains("there is a search already"), "{message}");
    options.resume = true;
    let mut other = start();
    other.train.dim = 9;
    let message = tune(&histories, &other, &options, &mut ()).unwrap_err().to_string();
    assert!(message.contains("trials of another search"), "{message}");
}

#[test]
fn a_budget_for_nothing_and_a_model_that_cannot_be_asked_are_refused() {
    let (histories, folder) = (histories(300), tempfile::tempdir().unwrap());
    let mut config = start();
    config.train.dim = 2000;
    config.train.epochs = 1000;
    let none = Options { budget: Duration::from_millis(1), ..options(folder.path(), &["epochs=1000,2000"]) };
    let error = tune(&histories, &config, &none, &mut ()).unwrap_err();
    assert!(error.to_string().contains("budget is 0.001 s, expected time to train once"), "{error}");
    let wide = Options { sample: Some(1.5), ..options(folder.path(), &SEARCH) };
    assert!(tune(&histories, &start(), &wide, &mut ()).unwrap_err().to_string().contains("sample is 1.5"));
}

#[test]
fn what_is_better_by_luck_is_no_better() {
    let start = [0.5; 50];
    let mut lucky = start;
    (lucky[3], lucky[4]) = (1.0, 0.3);
    let confirmed = compare(&start, &lucky);
    assert!(confirmed.best > confirmed.start && !confirmed.better, "{confirmed:?}");
    assert!(confirmed.interval > confirmed.best - confirmed.start);
    assert!(!compare(&start, &[]).better, "what could not be trained");
}
