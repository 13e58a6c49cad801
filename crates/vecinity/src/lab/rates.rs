//! A learning rate for each of several arms, chosen by validation.

use crate::error::Result;
use std::collections::BTreeMap;

/// Rates that can be chosen, about half a decade apart.
const LADDER: [f32; 7] = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1];
/// The rungs that every arm begins with.
const FIRST: [usize; 2] = [2, 3];

/// How rates are chosen, for pages.
pub(super) fn in_words() -> String {
    let [lowest, .., highest] = LADDER;
    format!("the learning rate, by the first seed: the best of {lowest} to {highest} with worse ones on either side")
}

/// The rates that were tried for one arm.
struct Grid<R> {
    /// What validation said by rung of the ladder.
    tried: BTreeMap<usize, f64>,
    best: Option<(usize, R)>,
}

impl<R> Grid<R> {
    /// The rungs to try next: beside the best one, until it has a worse one on either side or the ladder ends.
    fn wanted(&self) -> Vec<usize> {
        match &self.best {
            None => FIRST.to_vec(),
            Some((best, _)) => [best.wrapping_sub(1), best + 1]
                .into_iter()
                .filter(|rung| *rung < LADDER.len() && !self.tried.contains_key(rung))
                .collect(),
        }
    }

    fn put(&mut self, rung: usize, valid: f64, run: R) {
        if self.tried.values().all(|&before| valid > before) {
            self.best = Some((rung, run));
        }
        self.tried.insert(rung, valid);
    }
}

/// For each arm the rates that were tried, rising, with what validation said of them, and the best run.
pub(super) type Chosen<R> = (Vec<(f32, f64)>, R);

/// Tries rates for each of `arms` until the best one has a worse one below and above it.
///
/// * `train`: trains arms with rates, and returns the runs in their order; `valid`: what is to be large.
pub(super) fn choose<R>(
    arms: usize,
    mut train: impl FnMut(Vec<(usize, f32)>) -> Result<Vec<R>>,
    valid: impl Fn(&R) -> f64,
) -> Result<Vec<Chosen<R>>> {
    let mut grids: Vec<Grid<R>> = (0..arms).map(|_| Grid { tried: BTreeMap::new(), best: None }).collect();
    loop {
        let wanted: Vec<(usize, usize)> = grids
            .iter()
            .enumerate()
            .flat_map(|(arm, grid)| grid.wanted().into_iter().map(move |rung| (arm, rung)))
            .collect();
        if wanted.is_empty() {
            break;
        }
        let runs = train(wanted.iter().map(|&(arm, rung)| (arm, LADDER[rung])).collect())?;
        for ((arm, rung), run) in wanted.into_iter().zip(runs) {
            let valid = valid(&run);
            grids[arm].put(rung, valid, run);
        }
    }
    let rates = |tried: BTreeMap<usize, f64>| tried.into_iter().map(|(rung, valid)| (LADDER[rung], valid)).collect();
    Ok(grids.into_iter().filter_map(|Grid { tried, best }| best.map(|(_, run)| (rates(tried), run))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_rate_has_a_worse_one_on_either_side() {
        let mut rounds = Vec::new();
        // Arms that are best at 0.1, at 0.003, and at the end of the ladder.
        let peaks = [1e-1f32, 3e-3, 1.0];
        let mut train = |jobs: Vec<(usize, f32)>| {
            rounds.push(jobs.len());
            Ok(jobs.into_iter().map(|(arm, rate)| (rate, -f64::from((rate / peaks[arm]).ln().abs()))).collect())
        };
        let chosen = choose(3, &mut train, |run: &(f32, f64)| run.1).unwrap();
        assert_eq!(chosen.iter().map(|(_, run)| run.0).collect::<Vec<_>>(), [1e-1, 3e-3, 3e-1]);
        let tried: Vec<Vec<f32>> = chosen.iter().map(|(rates, _)| rates.iter().map(|rate| rate.0).collect()).collect();
        assert_eq!(tried[0], [3e-3, 1e-2, 3e-2, 1e-1, 3e-1]);
        assert_eq!(tried[1], [1e-3, 3e-3, 1e-2]);
        assert_eq!(tried[2], [3e-3, 1e-2, 3e-2, 1e-1, 3e-1]);
        // The second arm was done after one more round.
        assert_eq!(rounds, [6, 3, 2, 2]);
    }
}
