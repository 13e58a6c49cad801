//! Sets of ids to item vectors, kept in a model folder: `cargo run --release --example baskets`.
//!
//! The baskets are those of a gift shop (Online Retail, CC BY 4.0), one a line, without any order.

use std::path::Path;
use vecinity::ask::{Asker, Resolver, Want};
use vecinity::config::{Config, Kind};
use vecinity::corpus::{self, Source};
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::metadata::Metadata;
use vecinity::model_dir::{Model, NewModel, Origin};
use vecinity::train::Control;

fn main() -> vecinity::Result<()> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demo");
    let mut config = Config::profile(Kind::Set);
    config.train.dim = 32;
    config.train.epochs = 4;
    config.train.threads = 2;

    // 1. Train: every pair of a basket is a positive.
    let corpus = corpus::read(&[Source::File(demo.join("baskets.txt.gz"))], &config.reading(None)?)?;
    let trained = config.model.fit(&corpus, &config.train, None, &mut |_| Control::Continue, &mut |_| Ok(()))?;

    // 2. Keep it: a folder that is complete or absent, with titles, settings and checksums.
    let metadata = Metadata::parse(&demo.join("items.tsv"))?;
    println!("titles: {}", metadata.matching(corpus.vocab()));
    let origin = Origin::Trained {
        data: corpus.fingerprint().to_owned(),
        corpus_tokens: corpus.tokens().len() as u64,
        sequences: corpus.sequences() as u64,
        loss: trained.progress.loss,
        seconds: trained.progress.seconds,
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("shop.model");
    let model = NewModel::trained(corpus.vocab(), &trained, origin);
    NewModel { metadata: Some(&metadata), config: Some(&config), ..model }.save(&path)?;

    // 3. Open it: every byte is checked, then the matrices are mapped.
    let Model { embeddings, .. } = Model::open(&path)?;

    // 4. Ask by title. What is bought *with* an item: from its input vector to all output vectors.
    let item = Resolver::new(&embeddings).resolve("GREEN REGENCY TEACUP AND SAUCER")?;
    for (question, which) in [("bought like it", Which::Input), ("bought with it", Which::InOut)] {
        let asker = Asker::new(&embeddings, which, Metric::Cosine)?;
        println!("{question}:");
        let found = asker.neighbors(item, Want::best(4));
        for answer in asker.answers(&found) {
            println!("  {:.3} {}", answer.score, answer.title.unwrap_or(answer.id));
        }
        let titles: Vec<_> = asker.answers(&found).iter().filter_map(|answer| answer.title).collect();
        assert!(titles.iter().any(|title| title.contains("REGENCY")), "{titles:?}");
    }

    // 5. Why are two items near? The items that both predict.
    let other = Resolver::new(&embeddings).resolve("ROSES REGENCY TEACUP AND SAUCER")?;
    let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
    for reason in asker.why(item, other, Want::best(3))? {
        println!(
            "  both predict {}",
            embeddings.metadata().and_then(|m| m.title(embeddings.vocab().token(reason.id))).unwrap_or("?")
        );
    }
    Ok(())
}
