//! Text to word vectors, and questions to them: `cargo run --release --example words`.
//!
//! The text is the World Factbook (public domain) of the demo: 690,000 words about countries.

use std::path::Path;
use vecinity::ask::{Asker, Method, Resolver, Want};
use vecinity::config::{Config, Kind};
use vecinity::corpus::{self, Source};
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::train::Control;

fn main() -> vecinity::Result<()> {
    // 1. Files become a vocabulary and a stream of ids. Packed files are unpacked on the way.
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demo/factbook.txt.gz");
    let corpus = corpus::read(&[Source::File(text)], &corpus::Options::default())?;
    println!("{} words, {} of them distinct and frequent", corpus.tokens().len(), corpus.vocab().len());

    // 2. A profile is a good start for a kind of data; each setting can be changed.
    let mut config = Config::profile(Kind::Text);
    config.train.dim = 48;
    config.train.epochs = 5;
    config.train.learning_rate = 0.05;
    config.train.threads = 2;

    // 3. Training tells ten times a second where it stands, and asks whether to go on.
    let mut observe = |progress: &vecinity::train::Progress| {
        if let Some(loss) = progress.loss {
            eprint!("\repoch {} of {}, loss {loss:.3} ", progress.epoch, progress.epochs);
        }
        Control::Continue
    };
    let trained = config.model.fit(&corpus, &config.train, None, &mut observe, &mut |_| Ok(()))?;
    let embeddings = trained.into_embeddings(corpus.vocab().clone())?;
    eprintln!();

    // 4. Names go in through a resolver, which knows what a mistyped one may mean.
    let resolver = Resolver::new(&embeddings);
    let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
    let near = asker.neighbors(resolver.resolve("algeria")?, Want::best(5));
    println!("near algeria:");
    for answer in asker.answers(&near) {
        println!("  {:<12} {:.3}  (occurs {} times)", answer.id, answer.score, answer.count);
    }

    // 5. Arithmetic: spain is to spanish as portugal is to ...
    let [spain, spanish, portugal] = ["spain", "spanish", "portugal"].map(|word| resolver.resolve(word));
    let found = asker.analogy(spain?, spanish?, portugal?, Method::CosAdd, Want::best(3))?;
    let names: Vec<_> = asker.answers(&found).iter().map(|answer| answer.id.to_owned()).collect();
    println!("spanish - spain + portugal = {}", names.join(", "));
    assert!(names.contains(&"portuguese".to_owned()), "{names:?}");

    // 6. What is unknown is an error that says what was meant.
    let error = resolver.resolve("algerai").unwrap_err();
    println!("{error}\n  {}", error.advice().unwrap_or_default());
    Ok(())
}
