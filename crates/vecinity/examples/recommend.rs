//! An event log to a measured recommender that gives reasons: `cargo run --release --example recommend`.
//!
//! The log is a table `order,item` made of the demo's baskets, as a shop would export it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use vecinity::ask::{Resolver, Want};
use vecinity::baselines::BaselineKind;
use vecinity::config::{Config, Kind};
use vecinity::corpus::{self, Source};
use vecinity::metadata::Metadata;
use vecinity::recommend::{EpochReport, Recommender, Stage, Style, Watch, learn};
use vecinity::{Vocab, events};

/// Orders of the log: enough to learn from, few enough to be fast.
const ORDERS: usize = 1500;

/// Looks on while the model is made; all of it is optional, and `()` looks on in silence.
struct Log;

impl Watch for Log {
    fn stage(&mut self, stage: Stage) {
        println!("now: {stage:?}");
    }

    fn epoch(&mut self, report: &EpochReport) {
        println!("  epoch {:>2}: NDCG@10 {:.4}{}", report.epoch, report.ndcg, if report.best { " (best)" } else { "" });
    }
}

fn main() -> vecinity::Result<()> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demo");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("orders.csv");
    std::fs::write(&log, order_lines(&demo.join("baskets.txt.gz"))).expect("a file in a temporary folder");

    // 1. Events become histories: the columns are found by their names, bad rows are counted.
    let mut config = Config::profile(Kind::Set);
    config.train.dim = 32;
    config.train.epochs = 12;
    config.train.threads = 2;
    config.evaluate.baselines = Some(vec![BaselineKind::Popularity, BaselineKind::ItemKnn]);
    let (histories, report) = events::read(&[Source::File(log)], &config.events(None))?;
    println!("{} rows, columns {}", report.rows, report.columns.join(", "));

    // 2. Learn: hold items out, tune the baselines, train, choose how to ask, measure once, judge, train on all.
    let learned = learn(&histories, &config, &mut Log)?;
    if let Some(metrics) = &learned.metrics {
        for row in &metrics.evaluation.rows {
            println!("{:<20} HR@10 {:.3}  NDCG@10 {:.3}", row.name, row.test.hr[0], row.test.ndcg[0]);
        }
        println!("verdict: {:?}", metrics.evaluation.verdict);
    }

    // 3. Recommend. Each score is a sum over the basket, so the reasons are arithmetic.
    let vocab: Vocab = learned.corpus.vocab().clone();
    let embeddings =
        learned.trained.into_embeddings(vocab)?.with_metadata(Some(Metadata::parse(&demo.join("items.tsv"))?));
    let recommender =
        Recommender::new(&embeddings, learned.recipe.unwrap_or_default(), learned.blended, learned.tower)?;
    println!("asked by: {}", recommender.recipe());
    let title = |id| {
        let token = embeddings.vocab().token(id);
        embeddings.metadata().and_then(|metadata| metadata.title(token)).unwrap_or(token)
    };
    let resolver = Resolver::new(&embeddings);
    let basket = [resolver.resolve("GREEN REGENCY TEACUP AND SAUCER")?, resolver.resolve("PARTY BUNTING")?];
    let style = Style { explain: true, ..Style::default() };
    let found = recommender.recommend(&basket.map(|id| id.0)[..], Want::best(5), style);
    for recommendation in &found {
        let reasons: Vec<String> = (recommendation.reasons.iter())
            .map(|r| format!("{:.0} % {}", 100.0 * r.share, r.item.map_or("its popularity", title)))
            .collect();
        println!("{:.2}  {}  ({})", recommendation.score, title(recommendation.item), reasons.join(", "));
        let sum: f32 = recommendation.reasons.iter().map(|reason| reason.share).sum();
        assert!((sum - 1.0).abs() < 1e-3, "the shares add to {sum}");
    }
    assert_eq!(found.len(), 5);
    Ok(())
}

/// The first baskets as the table of events that a shop has.
fn order_lines(baskets: &Path) -> String {
    let packed = std::fs::read(baskets).expect("the demo's baskets");
    let lines = BufReader::new(corpus::unpack(&packed)).lines().map_while(Result::ok);
    let mut table = "order,item\n".to_owned();
    for (order, line) in lines.take(ORDERS).enumerate() {
        for item in line.split_whitespace() {
            let _ = writeln!(table, "{order},{item}");
        }
    }
    table
}
