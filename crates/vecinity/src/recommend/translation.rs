//! From histories to what a model is asked: rows of its vocabulary, and what else it reads.

use super::batch::first_of_each;
use super::recommender::Recommender;
use crate::config::Config;
use crate::corpus::Corpus;
use crate::error::Result;
use crate::eval::recommend::{Fold, Query, Scorer};
use crate::graph::{self, Graph};
use crate::histories::{Histories, Side};
use crate::models::youtube::{Contexts, Known};
use crate::models::{Tower, User};
use crate::vocab::Vocab;

/// What is learned from a fold: walks over what follows what, or its sequences, with goals and groups, if they are known, and what the model reads beside them.
pub(super) fn corpus(histories: &Histories, config: &Config, fold: &Fold) -> Result<Corpus> {
    let (train, items) = (&fold.train, histories.items());
    let corpus = match &config.graph {
        Some(walks) => {
            let graph = Graph::of_sequences(items, train.iter(), config.data.min_count)?;
            graph::corpus(&graph, walks, config.train.seed, config.train.threads, None)?
        }
        None => {
            let corpus = Corpus::from_sequences(items, train.iter(), train.weights(), config.data.min_count)?;
            corpus.with_outcomes(items, train.iter(), train.outcomes(), histories.groups())
        }
    };
    let (columns, any) = config.model.reads();
    let Some(events) = train.traced().filter(|_| any) else {
        let side = Side { events: corpus.tokens().len(), ..Side::default() };
        let items = histories.beside_items(corpus.vocab());
        return if items.is_empty() { Ok(corpus) } else { corpus.with_side(Side { items, ..side }) };
    };
    let rows = corpus.vocab().rows_of(items);
    let kept = train.iter().flatten().zip(events).filter(|(item, _)| rows[**item as usize] != u32::MAX);
    let side = histories.side(&kept.map(|(_, &event)| event).collect::<Vec<_>>(), &columns);
    let items = histories.beside_items(corpus.vocab());
    corpus.with_side(Side { items, ..side })
}

/// How a model is asked about some histories.
#[derive(Debug)]
pub(super) struct Translation<'a> {
    histories: &'a Histories,
    /// The row in the vocabulary of each item; `u32::MAX` if it is not in it.
    pub(super) rows: Vec<u32>,
    /// What stands beside all events, and how many words are looked at.
    contexts: Option<(Contexts, usize)>,
}

impl<'a> Translation<'a> {
    /// * `tower`: the model's network, if it has one.
    pub(super) fn new(histories: &'a Histories, vocab: &Vocab, tower: Option<&Tower>) -> Self {
        let contexts = tower.filter(|tower| tower.schema().reads_users()).map(|tower| {
            let names: Vec<&str> = tower.schema().names().collect();
            let events: Vec<u64> = (0..histories.events() as u64).collect();
            (tower.schema().read(&histories.side(&events, &names), false), tower.words())
        });
        Self { histories, rows: vocab.rows_of(histories.items()), contexts }
    }

    /// The rows that a model knows.
    fn known<'b>(&'b self, items: &'b [u32]) -> impl Iterator<Item = u32> + 'b {
        items.iter().map(|&item| self.rows[item as usize]).filter(|&row| row != u32::MAX)
    }

    /// The items of a history that the model knows, each once.
    pub(super) fn history(&self, row: usize) -> Vec<u32> {
        first_of_each(self.known(self.histories.history(row).items))
    }

    /// What is known behind the last event of a history.
    pub(super) fn behind(&self, row: usize) -> Option<Known<'_>> {
        let (contexts, words) = self.contexts.as_ref()?;
        let events = self.histories.history(row).events;
        let last = events.end.checked_sub(1).filter(|last| events.contains(last))?;
        Some(contexts.at(last, events.start, events.end, *words))
    }

    /// What is known when the answer of a question is asked for.
    fn before(&self, query: &Query) -> Option<Known<'_>> {
        let (contexts, words) = self.contexts.as_ref()?;
        let events = self.histories.history(query.owner).events;
        Some(contexts.at(query.event, events.start, query.event, *words))
    }

    /// A recommender that is asked in items of the histories, for measurements.
    pub(super) fn scorer<'b>(&'b self, recommender: &'b Recommender) -> OnItems<'b> {
        OnItems { recommender, translation: self }
    }
}

/// See [`Translation::scorer`].
pub(super) struct OnItems<'a> {
    recommender: &'a Recommender,
    translation: &'a Translation<'a>,
}

impl Scorer for OnItems<'_> {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let Self { recommender, translation } = self;
        let rows = &translation.rows;
        let histories: Vec<Vec<u32>> =
            queries.iter().map(|query| translation.known(&query.history).collect()).collect();
        let users = queries.iter().zip(&histories);
        let users: Vec<User<'_>> =
            users.map(|(query, history)| User { history, known: translation.before(query), weights: None }).collect();
        let n = recommender.len();
        let mut found = vec![0.0; queries.len() * n];
        recommender.score(&users, &mut found);
        for (found, scores) in found.chunks_exact(n.max(1)).zip(scores.chunks_exact_mut(rows.len().max(1))) {
            for (score, &row) in scores.iter_mut().zip(rows) {
                *score = if row == u32::MAX { f32::NEG_INFINITY } else { found[row as usize] };
            }
        }
    }
}
