//! A model of your own: say what to do with one sequence. `cargo run --release --example own_model`.
//!
//! Here: *what comes next*. The input row of an item meets the output row of its successor, and noise
//! (the factorised Markov chain of Rendle et al. 2010, FPMC, without its users). Threads, epochs, noise, learning
//! rate, loss, checkpoints and progress are those of every other model.

use std::fmt::Write as _;
use vecinity::corpus::{self, Source};
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::rng::Rng;
use vecinity::train::{Control, Model, Noise, Settings, Step, fit};
use vecinity::{TokenId, Vocab};
use vecinity_kernel::{Labels, Rows};

/// The model for one vocabulary.
struct NextItem {
    noise: Noise,
    negatives: usize,
}

impl NextItem {
    fn new(vocab: &Vocab) -> vecinity::Result<Self> {
        Ok(Self { noise: Noise::new(vocab, 0.5)?, negatives: 8 })
    }
}

impl Model for NextItem {
    /// What a thread keeps from sequence to sequence: here the rows of the output table of one step.
    type Scratch = Vec<u32>;

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, candidates: &mut Vec<u32>) {
        for pair in sequence.windows(2) {
            // The successor first, the noise behind it; noise that hits the successor is no noise.
            candidates.clear();
            candidates.push(pair[1]);
            let noise = (0..self.negatives).map(|_| self.noise.draw(&mut step.rng));
            candidates.extend(noise.filter(|&item| item != pair[1]));

            let mut bound = step.block.bind(Rows::new(step.input, &pair[..1]), Rows::new(step.output, candidates));
            bound.score(Labels::FirstIsTrue, step.rate, None);
            if step.loss.is_due() {
                step.loss.add(&bound, 1, candidates.len(), step.rate, |_| 1.0, 1.0);
            }
            bound.update();
        }
    }
}

fn main() -> vecinity::Result<()> {
    // Walks around a ring of twelve months, of which every tenth step is a leap.
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut rng, mut text) = (Rng::new(1, 0), String::new());
    for _ in 0..2000 {
        let mut month = rng.below(12) as usize;
        for _ in 0..10 {
            let _ = write!(text, "{} ", months[month]);
            month = if rng.below(10) == 0 { rng.below(12) as usize } else { (month + 1) % 12 };
        }
        text.push('\n');
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("walks.txt");
    std::fs::write(&file, text).expect("a file in a temporary folder");
    let corpus = corpus::read(&[Source::File(file)], &corpus::Options::default())?;

    let settings = Settings { dim: 16, epochs: 5, subsample: 0.0, learning_rate: 0.1, ..Settings::default() };
    let model = NextItem::new(corpus.vocab())?;
    let trained = fit(&model, &corpus, &settings, None, &mut |_| Control::Continue, &mut |_| Ok(()), None)?;
    let embeddings = trained.into_embeddings(corpus.vocab().clone())?;

    // From the input vector of a month to the output vectors of all: what comes next?
    let asker = vecinity::ask::Asker::new(&embeddings, Which::InOut, Metric::Dot)?;
    for (at, month) in months.iter().enumerate() {
        let best: Vec<TokenId> = asker
            .neighbors(embeddings.vocab().require(month)?, vecinity::ask::Want::best(1))
            .iter()
            .map(|hit| hit.id)
            .collect();
        println!("{month} -> {}", embeddings.vocab().token(best[0]));
        assert_eq!(embeddings.vocab().token(best[0]), months[(at + 1) % 12]);
    }
    Ok(())
}
