//! Analogies and similarity sets for every pair of matrix and metric.

use super::Compare;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use vecinity::Error;
use vecinity::embeddings::Which;
use vecinity::error::shown;
use vecinity::eval::{AnalogyReport, Options, Pairs, Questions, SimilarityReport, Words};
use vecinity::index::Metric;
use vecinity::model_dir::Model;

#[derive(serde::Serialize)]
struct Asked {
    vectors: &'static str,
    metric: &'static str,
    analogies: Vec<AnalogyReport>,
    similarity: Vec<SimilarityReport>,
}

impl Compare {
    pub(super) fn words(self, output: Output) -> Result<()> {
        let questions: vecinity::Result<Vec<_>> = self.analogies.iter().map(|path| Questions::read(path)).collect();
        let pairs: vecinity::Result<Vec<_>> = self.similarity.iter().map(|path| Pairs::read(path)).collect();
        let (questions, pairs) = (questions?, pairs?);
        let embeddings = Model::open(&self.model)?.embeddings;
        let mut asked = Vec::new();
        for (name, which) in Which::ALL {
            if which != Which::Input && embeddings.output().is_none() {
                continue;
            }
            for (metric_name, metric) in Metric::ALL {
                if !self.wants(which, metric) {
                    continue;
                }
                let words = Words::new(&embeddings, which, false)?.compared_by(metric);
                let options = Options::default();
                asked.push(Asked {
                    vectors: name,
                    metric: metric_name,
                    analogies: questions.iter().map(|set| set.evaluate(&words, &options)).collect(),
                    similarity: pairs.iter().map(|set| set.evaluate(&words, &options)).collect(),
                });
            }
        }
        if asked.is_empty() {
            let advice = "it was imported from a file with one matrix; use --vectors input";
            return Err(Error::data("this model has no output matrix", advice).into());
        }
        output.answer(&asked, |to| {
            let mut header = vec!["vectors".to_owned(), "metric".to_owned()];
            header.extend(questions.iter().map(|set| format!(">{} %", shown(&set.name))));
            header.extend(pairs.iter().map(|set| format!(">{} rho %", shown(&set.name))));
            let header: Vec<&str> = header.iter().map(String::as_str).collect();
            let rows: Vec<_> = asked.iter().map(row).collect();
            table::write(to, &header, &rows)
        })
    }
}

/// Figures with half the width of their 95 % interval.
fn row(asked: &Asked) -> Vec<String> {
    let figure = |value: Option<f64>, interval: Option<[f64; 2]>| match (value, interval) {
        (Some(value), Some([low, high])) => format!("{value:.1} ±{:.1}", (high - low) / 2.0),
        (Some(value), None) => format!("{value:.1}"),
        _ => "-".to_owned(),
    };
    let mut row = vec![asked.vectors.to_owned(), asked.metric.to_owned()];
    row.extend(asked.analogies.iter().map(|set| figure(set.all.percent, set.all.interval)));
    row.extend(asked.similarity.iter().map(|set| figure(set.spearman, set.interval)));
    row
}
