//! Examples: the next event of a history, from the past only.

use super::features::{Contexts, Known};
use crate::eval::recommend::Fold;
use crate::rng::Rng;

/// The items that occur in training, numbered without gaps, by item.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalogue {
    /// The items, rising.
    pub(super) items: Vec<u32>,
    /// How often each occurs.
    pub(super) counts: Vec<u64>,
    /// The number of each item; `u32::MAX` for the others.
    place: Vec<u32>,
}

impl Catalogue {
    pub(super) fn of(counts: &[u64]) -> Self {
        let items: Vec<u32> = (0..counts.len() as u32).filter(|&item| counts[item as usize] > 0).collect();
        let mut place = vec![u32::MAX; counts.len()];
        for (at, &item) in items.iter().enumerate() {
            place[item as usize] = at as u32;
        }
        let counts = items.iter().map(|&item| counts[item as usize]).collect();
        Self { items, counts, place }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The number of an item; one behind the last for an item that training does not know.
    pub(super) fn number(&self, item: u32) -> u32 {
        match self.place.get(item as usize) {
            Some(&place) if place != u32::MAX => place,
            _ => self.len() as u32,
        }
    }
}

/// A history up to an event, and the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Example {
    /// Where the history begins among all events.
    pub(super) start: usize,
    /// Where the event is that has to be predicted.
    pub(super) target: usize,
}

/// All events in the catalogue's numbers, and the examples in them.
#[derive(Debug, Clone, Default)]
pub(super) struct Examples {
    events: Vec<u32>,
    /// Where each history begins, and the end of the last.
    bounds: Vec<usize>,
    per_owner: usize,
    /// What is known beside the events, in their order.
    contexts: Option<Contexts>,
    /// Where the past of each event ends, if that is not the event itself.
    pasts: Option<Vec<usize>>,
}

impl Examples {
    pub(super) fn of(fold: &Fold, catalogue: &Catalogue, per_owner: usize) -> Self {
        let mut all = Self { bounds: vec![0], per_owner, ..Self::default() };
        for history in fold.train.iter() {
            all.events.extend(history.iter().map(|&item| catalogue.number(item)));
            all.bounds.push(all.events.len());
        }
        all
    }

    /// With what is known beside the events of the fold, in their order.
    pub(super) fn beside(self, contexts: Option<Contexts>) -> Self {
        Self { contexts, ..self }
    }

    /// With a past that ends before all events of the same time, such as the rest of a basket.
    ///
    /// * `times`: of the events of the fold, in their order.
    pub(super) fn strictly_earlier(mut self, times: &[i64]) -> Self {
        let mut pasts = Vec::with_capacity(times.len());
        for (start, end) in self.owners() {
            for at in start..end {
                let same = at > start && times[at] == times[at - 1];
                pasts.push(if same { pasts[at - 1] } else { at });
            }
        }
        self.pasts = Some(pasts);
        self
    }

    /// Where the past of an event ends.
    fn past(&self, event: usize) -> usize {
        self.pasts.as_ref().map_or(event, |pasts| pasts[event])
    }

    /// The events of an owner that have a past.
    fn predictable(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        // Events of the first moment stand at the front.
        (start..end).find(|&event| self.past(event) > start).unwrap_or(end)..end
    }

    /// What is known when the item of an example is asked for; of earlier words the last `most`.
    pub(super) fn known(&self, example: Example, most: usize) -> Known<'_> {
        match &self.contexts {
            Some(all) => all.at(example.target, example.start, self.past(example.target), most),
            None => Known::default(),
        }
    }

    fn owners(&self) -> impl Iterator<Item = (usize, usize)> {
        self.bounds.windows(2).map(|bounds| (bounds[0], bounds[1]))
    }

    /// Examples in an epoch: the first event of a history has no past.
    pub(super) fn in_an_epoch(&self) -> usize {
        let most = if self.per_owner == 0 { usize::MAX } else { self.per_owner };
        self.owners().map(|(start, end)| self.predictable(start, end).len().min(most)).sum()
    }

    /// The examples of an epoch in random order.
    pub(super) fn draw(&self, rng: &mut Rng) -> Vec<Example> {
        let (mut examples, mut own) = (Vec::with_capacity(self.in_an_epoch()), Vec::new());
        for (start, end) in self.owners() {
            own.clear();
            own.extend(self.predictable(start, end));
            if self.per_owner > 0 && own.len() > self.per_owner {
                rng.shuffle(&mut own);
                own.truncate(self.per_owner);
            }
            examples.extend(own.iter().map(|&target| Example { start, target }));
        }
        rng.shuffle(&mut examples);
        examples
    }

    /// How often each item is the one to be predicted, as a share of all examples.
    pub(super) fn target_shares(&self, items: usize) -> Vec<f64> {
        let mut shares = vec![0.0; items];
        for events in self.owners().map(|(start, end)| self.predictable(start, end)) {
            let all = events.len();
            let taken = if self.per_owner == 0 { all } else { all.min(self.per_owner) };
            for &item in &self.events[events] {
                shares[item as usize] += taken as f64 / all as f64;
            }
        }
        let total = self.in_an_epoch().max(1) as f64;
        shares.iter_mut().for_each(|share| *share /= total);
        shares
    }

    /// The item to be predicted.
    pub(super) fn target(&self, example: Example) -> u32 {
        self.events[example.target]
    }

    /// The last `most` items before it, oldest first.
    pub(super) fn history(&self, example: Example, most: usize) -> &[u32] {
        let end = self.past(example.target);
        &self.events[example.start.max(end.saturating_sub(most))..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::recommend::Sequences;

    fn examples(per_owner: usize) -> Examples {
        let mut train = Sequences::default();
        for history in [&[7u32, 9, 4][..], &[9], &[4, 9]] {
            train.push(history);
        }
        let mut counts = vec![0; 10];
        (counts[4], counts[7], counts[9]) = (2, 1, 3);
        let fold = Fold { train, counts, ..Fold::default() };
        Examples::of(&fold, &Catalogue::of(&fold.counts), per_owner)
    }

    #[test]
    fn an_event_is_predicted_from_what_was_before_it() {
        let examples = examples(0);
        let mut found: Vec<(Vec<u32>, u32)> = examples
            .draw(&mut Rng::new(1, 0))
            .into_iter()
            .map(|e| (examples.history(e, 2).to_vec(), examples.target(e)))
            .collect();
        found.sort();
        // The items 4, 7, 9 have the numbers 0, 1, 2.
        assert_eq!(found, [(vec![0], 2), (vec![1], 2), (vec![1, 2], 0)]);
        assert_eq!(examples.in_an_epoch(), 3);
    }

    #[test]
    fn what_has_the_same_time_is_not_the_past() {
        // Histories 7 9 4, 9 and 4 9; 9 and 4 of the first one share their time, both of the last one too.
        let examples = examples(0).strictly_earlier(&[1, 5, 5, 2, 8, 8]);
        let mut found: Vec<(Vec<u32>, u32)> = examples
            .draw(&mut Rng::new(1, 0))
            .into_iter()
            .map(|e| (examples.history(e, 2).to_vec(), examples.target(e)))
            .collect();
        found.sort();
        assert_eq!(found, [(vec![1], 0), (vec![1], 2)]);
        assert_eq!((examples.in_an_epoch(), examples.target_shares(3)), (2, vec![0.5, 0.0, 0.5]));
    }

    #[test]
    fn no_owner_gives_more_examples_than_it_may() {
        let examples = examples(1);
        let starts: Vec<usize> = examples.draw(&mut Rng::new(2, 0)).iter().map(|e| e.start).collect();
        assert_eq!((starts.len(), examples.in_an_epoch()), (2, 2));
        assert!(starts.contains(&0) && starts.contains(&4));
        // One of 9 and 4, each half the time, and 9.
        assert_eq!(examples.target_shares(3), [0.25, 0.0, 0.75]);
    }
}
