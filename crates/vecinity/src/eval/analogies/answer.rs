//! Answering analogies by the thousand.
//!
//! The questions of a set share few words: Google's 19,544 have 905. So not the questions are
//! multiplied with all rows, but their words, a block of rows at a time; a question's score is then
//! the sum (3CosAdd) or quotient (3CosMul) of three cosines that lie in the cache. For 30,000 rows of 100
//! values that is about a tenth of the arithmetic.

use crate::ask::{EPSILON, Method, shift};
use crate::eval::{Options, Words};
use crate::index::{Metric, threads_for};
use hashbrown::HashMap;
use std::ops::Range;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::dot;

/// Floats of one block of cosines, all words of the questions by some rows (1 MiB).
const COSINES: usize = 1 << 18;

/// Whether each question is answered right. A question is four places among the words, all below `limit`;
/// the answer is sought among the first `limit` words, without the three of the question.
pub(super) fn right(words: &Words, limit: usize, questions: &[[u32; 4]], options: &Options) -> Vec<bool> {
    // The words that occur in the questions, numbered by first occurrence.
    let mut numbers: HashMap<u32, u32, foldhash::fast::FixedState> = HashMap::default();
    let mut asked = Vec::new();
    let terms: Vec<[u32; 3]> = questions
        .iter()
        .map(|&[a, b, c, _]| {
            [a, b, c].map(|place| {
                *numbers.entry(place).or_insert_with(|| {
                    asked.extend(words.question(place as usize));
                    (asked.len() / words.dim() - 1) as u32
                })
            })
        })
        .collect();

    let work = limit.saturating_mul(asked.len() / 4 + questions.len());
    let threads = options.threads.unwrap_or_else(|| threads_for(work)).clamp(1, limit.max(1));
    let each = limit.div_ceil(threads).max(1);
    let job = Job { words, asked: &asked, questions, terms: &terms, method: options.method };
    let best = std::thread::scope(|scope| {
        let others: Vec<_> = (each..limit)
            .step_by(each)
            .map(|start| scope.spawn(move || job.best(start..limit.min(start + each))))
            .collect();
        let mut best = job.best(0..limit.min(each));
        for other in others {
            let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (best, other) in best.iter_mut().zip(other) {
                // Later rows win only if they are better.
                if other.0 > best.0 {
                    *best = other;
                }
            }
        }
        best
    });
    best.iter().zip(questions).map(|(&(_, place), &[.., answer])| place == answer).collect()
}

#[derive(Clone, Copy)]
struct Job<'a> {
    words: &'a Words,
    /// The vectors of the questions' words, at length 1.
    asked: &'a [f32],
    questions: &'a [[u32; 4]],
    /// The words of each question, as rows of `asked`.
    terms: &'a [[u32; 3]],
    method: Method,
}

impl Job<'_> {
    /// The best answer to each question among the words of a range: its score and its place.
    fn best(&self, range: Range<usize>) -> Vec<(f32, u32)> {
        let dim = self.words.dim();
        let count = self.asked.len() / dim;
        let width = (COSINES / count.max(1)).clamp(16, 1024);
        let mut best = vec![(f32::NEG_INFINITY, u32::MAX); self.questions.len()];
        let mut rows = Vec::with_capacity(width * dim);
        let (mut cosines, mut scores) = (vec![0.0; count * width], vec![0.0; width]);
        for start in range.clone().step_by(width) {
            let end = range.end.min(start + width);
            let width = end - start;
            rows.clear();
            (start..end).for_each(|place| rows.extend(self.words.answer(place)));
            let cosines = &mut cosines[..count * width];
            let halves: Vec<f32> = match self.words.metric() {
                Metric::Euclidean => rows.chunks_exact(dim).map(|row| 0.5 * dot(row, row)).collect(),
                _ => Vec::new(),
            };
            let rows = View::new(&rows, width, dim).transposed();
            multiply(1.0, View::new(self.asked, count, dim), rows, 0.0, cosines);
            if self.method == Method::CosMul {
                cosines.iter_mut().for_each(|cosine| *cosine = shift(*cosine));
            }
            let scores = &mut scores[..width];
            for ((question, terms), best) in self.questions.iter().zip(self.terms).zip(&mut best) {
                let [a, b, c] = terms.map(|term| &cosines[term as usize * width..][..width]);
                let all = scores.iter_mut().zip(a).zip(b).zip(c);
                match self.method {
                    Method::CosAdd => all.for_each(|(((score, a), b), c)| *score = b - a + c),
                    Method::CosMul => all.for_each(|(((score, a), b), c)| *score = b * c / (a + EPSILON)),
                }
                // |q - x|² is smallest where q . x - |x|² / 2 is largest.
                scores.iter_mut().zip(&halves).for_each(|(score, half)| *score -= half);
                for &place in &question[..3] {
                    if let Some(score) = (place as usize).checked_sub(start).and_then(|at| scores.get_mut(at)) {
                        *score = f32::NEG_INFINITY;
                    }
                }
                let top = largest(scores);
                if top > best.0 {
                    let at = scores.iter().position(|&score| score >= top).unwrap_or(0);
                    *best = (top, (start + at) as u32);
                }
            }
        }
        best
    }
}

/// The largest of some floats; -∞ if there is none. Sixteen running maxima, which the compiler keeps in registers.
fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (whole, rest) = values.as_chunks::<16>();
    let mut tops = [f32::NEG_INFINITY; 16];
    for chunk in whole {
        for (top, &value) in tops.iter_mut().zip(chunk) {
            *top = larger(*top, value);
        }
    }
    tops.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vocab;
    use crate::embeddings::{Embeddings, Matrix, Which};
    use proptest::prelude::*;

    proptest! {
        /// The definition, word by word.
        #[test]
        fn answers_are_those_of_the_definition(
            values in prop::collection::vec(-3i8..4, 4 * 30..4 * 60),
            questions in prop::collection::vec(prop::array::uniform4(0u32..30), 0..40),
            threads in 1usize..4, mul: bool,
        ) {
            let n = values.len() / 4;
            let values: Vec<f32> = values[..n * 4].iter().map(|&v| f32::from(v)).collect();
            let vocab = Vocab::from_counts((0..n).map(|i| (format!("w{i}"), 1))).unwrap();
            let embeddings = Embeddings::new(vocab, Matrix::new(n, 4, values), None).unwrap();
            let words = Words::new(&embeddings, Which::Input, false).unwrap();
            let method = if mul { Method::CosMul } else { Method::CosAdd };
            let options = Options { threads: Some(threads), method, ..Options::default() };
            let found = right(&words, n, &questions, &options);
            for (question, found) in questions.iter().zip(found) {
                let [a, b, c, d] = question.map(|place| place as usize);
                let score = |x: usize| {
                    let cosine = |y: usize| -> f64 {
                        words.answer(x).iter().zip(words.question(y)).map(|(p, q)| f64::from(*p) * f64::from(q)).sum()
                    };
                    let shifted = |y: usize| (cosine(y) + 1.0) / 2.0;
                    if mul { shifted(b) * shifted(c) / (shifted(a) + 0.001) } else { cosine(b) - cosine(a) + cosine(c) }
                };
                let others = (0..n).filter(|x| ![a, b, c].contains(x));
                let top = others.clone().map(score).fold(f64::NEG_INFINITY, f64::max);
                let tied = others.filter(|&x| (score(x) - top).abs() < 1e-5 * top.abs().max(1.0)).collect::<Vec<_>>();
                if found {
                    prop_assert!(tied.contains(&d));
                } else {
                    prop_assert!(tied != [d]);
                }
            }
        }
    }
}
