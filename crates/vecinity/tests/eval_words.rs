//! Evaluation against figures of an independent scorer.
//!
//! `data/words` holds made-up words with made-up vectors: some capitalised, two that differ only in case, the
//! end-of-line token, a zero vector. The expected figures come from the project's reference scorer, a
//! Python script on numpy and scipy (3CosMul: from its formula in numpy, in double precision).

use std::path::{Path, PathBuf};
use vecinity::ask::Method;
use vecinity::embeddings::Which;
use vecinity::eval::{Options, Pairs, Questions, Words, stats};
use vecinity::{Embeddings, Matrix, Vocab};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/words").join(name)
}

fn words() -> Words {
    let text = std::fs::read_to_string(data("vectors.txt")).unwrap();
    let (mut vocab, mut values) = (Vocab::default(), Vec::new());
    for line in text.lines().skip(1) {
        let mut fields = line.split(' ');
        vocab.push(fields.next().unwrap(), 1).unwrap();
        values.extend(fields.map(|value| value.parse::<f32>().unwrap()));
    }
    let matrix = Matrix::new(vocab.len(), 12, values);
    Words::new(&Embeddings::new(vocab, matrix, None).unwrap(), Which::Input, false).unwrap()
}

/// Percent, right answers, questions asked: of all, of meaning, of syntax.
fn figures(options: &Options) -> [(f64, usize, usize); 3] {
    let report = Questions::read(&data("questions.txt")).unwrap().evaluate(&words(), options);
    assert_eq!(report.all.all, 227);
    [report.all, report.semantic, report.syntactic]
        .map(|share| (stats::round2(share.percent.unwrap()), share.correct, share.seen))
}

#[test]
fn analogies_agree_with_the_reference_scorer() {
    let options = Options::default();
    assert_eq!(figures(&options), [(58.48, 131, 224), (54.17, 91, 168), (71.43, 40, 56)]);
    let options = Options { restrict: 40, ..options };
    assert_eq!(figures(&options), [(69.3, 79, 114), (66.67, 68, 102), (91.67, 11, 12)]);

    let report = Questions::read(&data("questions.txt")).unwrap().evaluate(&words(), &options);
    let sections: Vec<_> = report.sections.iter().map(|s| (s.name.as_str(), s.share.correct, s.share.seen)).collect();
    assert_eq!(sections, [("being-an", 15, 30), ("being-el", 32, 42), ("being-ush", 21, 30), ("gram1-plural", 11, 12)]);
}

#[test]
fn products_of_cosines_agree_with_their_formula() {
    let options = Options { method: Method::CosMul, ..Options::default() };
    assert_eq!(figures(&options)[0].1, 111);
}

#[test]
fn similarity_agrees_with_the_reference_scorer() {
    let report = Pairs::read(&data("pairs.txt")).unwrap().evaluate(&words(), &Options::default());
    assert_eq!(stats::round2(report.spearman.unwrap()), 72.55);
    assert_eq!((report.seen, report.all), (60, 61));
    assert_eq!(report.unknown, ["zorko"]);
}

#[test]
fn intervals_hold_the_figure_and_repeat_with_the_seed() {
    let report = |seed| {
        let options = Options { seed, ..Options::default() };
        Questions::read(&data("questions.txt")).unwrap().evaluate(&words(), &options).all.interval.unwrap()
    };
    let [low, high] = report(1);
    // The normal interval is 58.48 +- 1.96 * sqrt(0.5848 * 0.4152 / 224) = 52.0 .. 64.9.
    assert!((low - 52.0).abs() < 1.0 && (high - 64.9).abs() < 1.0, "{low} {high}");
    assert_eq!(report(1), [low, high]);
}
