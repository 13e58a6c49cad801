//! What `bench/items` times beside the program itself: fits of baselines, rankings of whole catalogues, exact neighbours.
//!
//! ```text
//! items baseline ease|als|item-knn TRAIN ASKED LISTS THREADS
//! items evaluate ITEMS QUERIES THREADS
//! items neighbours ROWS DIM QUESTIONS THREADS
//! items reference EVENTS HOLDOUT sequence|set LAMBDA SHRINK NEIGHBOURS
//! ```
//!
//! `TRAIN` has the items of one owner a line; `ASKED` has an owner, a tab, and the items of a history; `LISTS` gets
//! the ten best for each of these. Seconds are printed as JSON; CPU seconds are those of the whole process.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;
use vecinity::Vocab;
use vecinity::baselines::{Als, AlsSettings, Ease, ItemKnn, Memory, Popularity};
use vecinity::corpus::Source;
use vecinity::embeddings::{Embeddings, Matrix};
use vecinity::eval::recommend::{Fold, Measured, Query, Scorer, Split, rank};
use vecinity::events::{self, Format};
use vecinity::histories::Histories;
use vecinity::index::{Exact, Metric};
use vecinity::recommend::{Recipe, Recommender};
use vecinity::rng::Rng;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["baseline", kind, train, asked, lists, threads] => baseline(kind, train, asked, lists, threads.parse()?),
        ["evaluate", items, queries, threads] => evaluate(items.parse()?, queries.parse()?, threads.parse()?),
        ["neighbours", rows, dim, questions, threads] => {
            neighbours(rows.parse()?, dim.parse()?, questions.parse()?, threads.parse()?)
        }
        ["reference", events, holdout, kind, lambda, shrink, neighbours] => {
            reference(events, holdout, kind == "set", lambda.parse()?, shrink.parse()?, neighbours.parse()?)
        }
        _ => Err("usage: items baseline KIND TRAIN ASKED LISTS THREADS | items evaluate ITEMS QUERIES THREADS | items neighbours \
                  ROWS DIM QUESTIONS THREADS | items reference EVENTS HOLDOUT KIND LAMBDA SHRINK NEIGHBOURS"
            .into()),
    }
}

/// Fits a baseline, and lists ten items for everybody.
fn baseline(kind: &str, train: &str, asked: &str, lists: &str, threads: usize) -> Result<(), Box<dyn Error>> {
    let options = events::Options { format: Some(Format::Lines), threads, ..events::Options::default() };
    let (histories, _) = events::read(&[Source::File(train.into())], &options)?;
    let text = std::fs::read_to_string(asked)?;
    let mut fold = Fold::everything(&histories);
    let mut owners = Vec::new();
    for (owner, line) in text.lines().enumerate() {
        let (name, items) = line.split_once('\t').ok_or("expected an owner, a tab, and items")?;
        owners.push(name);
        fold.queries.push(Query { owner, history: rows(&histories, items), targets: Vec::new(), event: 0 });
    }
    let clock = Clock::start();
    let scorer: Box<dyn Scorer> = match kind {
        "ease" => Box::new(Ease::fit(&fold, 200.0, Memory::ALL, threads)?),
        "als" => Box::new(Als::fit(&fold, AlsSettings::default(), Memory::ALL, threads)),
        "item-knn" => Box::new(ItemKnn::fit(&fold, 0.0, 200, Memory::ALL, threads)),
        _ => return Err("KIND is ease, als or item-knn".into()),
    };
    let fit = clock.stop();
    let clock = Clock::start();
    let ranked = rank(&*scorer, &fold, threads);
    let listed = clock.stop();
    let mut out = String::new();
    for (name, list) in owners.iter().zip(&ranked.lists) {
        let items: Vec<&str> = list.iter().map(|&item| histories.items().token(vecinity::TokenId(item))).collect();
        writeln!(out, "{name}\t{}", items.join(" "))?;
    }
    std::fs::write(lists, out)?;
    println!("{{\"fit\": {fit}, \"lists\": {listed}}}");
    Ok(())
}

/// The distinct items that were in the training part.
fn rows(histories: &Histories, items: &str) -> Vec<u32> {
    let known = items.split_whitespace().filter_map(|item| histories.items().get(item)).map(|id| id.0);
    vecinity::recommend::first_of_each(known)
}

/// Ranks a target for each of many histories of 20 items within a catalogue of random vectors of 64 values.
fn evaluate(items: usize, queries: usize, threads: usize) -> Result<(), Box<dyn Error>> {
    const DIM: usize = 64;
    let mut rng = Rng::new(1, 0);
    let mut matrix = || Matrix::new(items, DIM, (0..items * DIM).map(|_| rng.f32() - 0.5).collect());
    let (input, output) = (matrix(), matrix());
    // Zipf's law; a vocabulary goes by falling count.
    let counts: Vec<u64> = (1..=items as u64).map(|rank| 1 + items as u64 * 10 / rank).collect();
    let vocab = Vocab::from_counts(counts.iter().enumerate().map(|(item, &count)| (format!("i{item}"), count)))?;
    let model = Recommender::new(&Embeddings::new(vocab, input, Some(output))?, Recipe::default(), Vec::new(), None)?;
    let mut draw = |many: usize| (0..many).map(|_| rng.below(items as u32)).collect::<Vec<u32>>();
    let queries = (0..queries).map(|owner| Query { owner, history: draw(20), targets: draw(1), event: 0 }).collect();
    let fold = Fold { queries, counts, ..Fold::default() };
    let clock = Clock::start();
    let measured = Measured::new(&rank(&Model(&model), &fold, threads), &fold);
    let seconds = clock.stop();
    println!("{{\"evaluate\": {seconds}, \"queries\": {}}}", measured.hits().len());
    Ok(())
}

/// Asks for the ten nearest of random vectors, one question at a time; prints milliseconds a question.
fn neighbours(rows: usize, dim: usize, questions: usize, threads: usize) -> Result<(), Box<dyn Error>> {
    let mut rng = Rng::new(1, 0);
    let matrix: Vec<f32> = (0..rows * dim).map(|_| rng.f32() - 0.5).collect();
    let norms = Exact::new(&matrix, dim, Metric::Cosine).inverse_norms();
    let index = Exact::new(&matrix, dim, Metric::Cosine).with_inverse_norms(&norms).with_threads(threads);
    let mut times: Vec<f64> = (0..questions)
        .map(|_| {
            let asked = rng.below(rows as u32);
            let clock = Instant::now();
            let found = index.nearest(&matrix[asked as usize * dim..][..dim], 10, &[vecinity::TokenId(asked)]);
            assert_eq!(found.len(), 10);
            1000.0 * clock.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{{\"median\": {:.4}, \"least\": {:.4}}}", times[times.len() / 2], times[0]);
    Ok(())
}

/// HR@10 on test of baselines that need no choice, asked with whole histories.
fn reference(
    events: &str,
    holdout: &str,
    set: bool,
    lambda: f32,
    shrink: f32,
    neighbours: usize,
) -> Result<(), Box<dyn Error>> {
    let grouping = if set { events::Grouping::Basket } else { events::Grouping::Owner };
    let options = events::Options { threads: 2, grouping, ..events::Options::default() };
    let (histories, _) = events::read(&[Source::File(events.into())], &options)?;
    let fold = Split::new(&histories, holdout.parse()?)?.test;
    let popularity: Box<dyn Scorer> = Box::new(Popularity::new(&fold.counts));
    let knn: Box<dyn Scorer> = Box::new(ItemKnn::fit(&fold, shrink, neighbours, Memory::ALL, 2));
    let ease: Box<dyn Scorer> = Box::new(Ease::fit(&fold, lambda, Memory::ALL, 2)?);
    let hr = |scorer: &dyn Scorer| Measured::new(&rank(scorer, &fold, 2), &fold).metrics.hr[0];
    let [popularity, knn, ease] = [popularity, knn, ease].map(|scorer| hr(&*scorer));
    println!("{{\"popularity\": {popularity:.5}, \"item-knn\": {knn:.5}, \"ease\": {ease:.5}}}");
    Ok(())
}

struct Model<'a>(&'a Recommender);

impl Scorer for Model<'_> {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let histories: Vec<&[u32]> = queries.iter().map(|query| query.history.as_slice()).collect();
        self.0.score(&histories, scores);
    }
}

/// Wall and CPU seconds of the process.
struct Clock(Instant, f64);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), Self::cpu())
    }

    fn stop(&self) -> String {
        format!("{{\"wall\": {:.4}, \"cpu\": {:.2}}}", self.0.elapsed().as_secs_f64(), Self::cpu() - self.1)
    }

    /// User and system time so far, in hundredths of seconds: fields 14 and 15 of Linux's `/proc/self/stat`.
    fn cpu() -> f64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let behind = stat.rsplit(')').next().unwrap_or_default();
        behind.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }
}
