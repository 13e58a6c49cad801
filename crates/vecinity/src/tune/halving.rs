//! Which setting is tried next, on how much of the data: successive halving without waiting.
//!
//! Jamieson & Talwalkar 2016 (arXiv:1502.07943); in the asynchronous order of Li et al. 2020 (arXiv:1810.05934), which never has
//! to know how much time is left: whoever is in the best third of a rung goes up to the next one, which has three times
//! the data; if nobody is, somebody new begins at the bottom. Half of the new ones are drawn anywhere, half near the
//! best, since settings that are alike are alike in what they are good for.

use super::space::{Point, Space};
use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// How many times as much data the next rung has, and of how many on a rung the best goes up.
pub(super) const ETA: usize = 3;
/// Rungs, at most.
const RUNGS: usize = 3;
/// Before so many have been tried there is no best to be near to.
const SCATTERED: usize = 6;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The settings as they were given, or the defaults.
    Start,
    /// Drawn anywhere.
    Drawn,
    /// A step or two from one of the best.
    Near,
    /// From the rung below.
    Promoted,
}

/// A setting that was tried on a rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Where in the space.
    pub point: Point,
    /// On which rung, from 0.
    pub rung: usize,
    /// Where it comes from.
    pub origin: Origin,
    /// NDCG@10 on validation, 0 to 1; absent if it could not be trained.
    pub ndcg: Option<f64>,
    /// Seconds it took.
    pub seconds: f64,
    /// In words: its settings, and how its vectors were asked, or what went wrong.
    pub settings: String,
    /// How its vectors were asked best, or what went wrong.
    pub note: String,
}

/// What is to be tried.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Next {
    pub(super) point: Point,
    pub(super) rung: usize,
    pub(super) origin: Origin,
}

/// Shares of the training histories, rising: one for each rung.
///
/// * `sample`: the share of the last; `histories`: how many there are; `least`: how many the first has to have.
pub(super) fn rungs(sample: f64, histories: usize, least: usize) -> Vec<f64> {
    let count =
        (1..RUNGS).take_while(|&down| sample * histories as f64 / ETA.pow(down as u32) as f64 >= least as f64).count();
    (0..=count).rev().map(|down| sample / ETA.pow(down as u32) as f64).collect()
}

/// What to try next; nothing if all places have been tried.
///
/// * `closing`: time is short, so nobody new begins while somebody can still go up.
pub(super) fn next(trials: &[Trial], space: &Space, rungs: usize, seed: u64, closing: bool) -> Option<Next> {
    let top = rungs - 1;
    let start = space.start();
    if !trials.iter().any(|trial| trial.rung == top && trial.point == start) {
        return Some(Next { point: start, rung: top, origin: Origin::Start });
    }
    for rung in (0..top).rev() {
        if let Some(point) = promoted(trials, rung, closing) {
            return Some(Next { point, rung: rung + 1, origin: Origin::Promoted });
        }
    }
    let mut rng = Rng::new(seed, trials.len() as u64);
    let (point, origin) = (0..1000).find_map(|_| {
        let (point, origin) = match best(trials).filter(|_| trials.len() >= SCATTERED && rng.below(2) == 0) {
            Some(best) => (space.near(best, &mut rng), Origin::Near),
            None => (space.anywhere(&mut rng), Origin::Drawn),
        };
        let new = point != start && trials.iter().all(|trial| trial.point != point);
        new.then_some((point, origin))
    })?;
    Some(Next { point, rung: 0, origin })
}

/// The best of a rung that has not gone up, if it is in the best third.
fn promoted(trials: &[Trial], rung: usize, closing: bool) -> Option<Point> {
    let ranked = ranked(trials, rung);
    let above = |point: &Point| trials.iter().any(|trial| trial.rung > rung && trial.point == *point);
    let places = if closing { ranked.len() } else { ranked.len() / ETA };
    ranked.into_iter().take(places).map(|trial| &trial.point).find(|point| !above(point)).cloned()
}

/// The trials of a rung that could be trained, the best first.
pub(super) fn ranked(trials: &[Trial], rung: usize) -> Vec<&Trial> {
    let mut ranked: Vec<&Trial> = trials.iter().filter(|trial| trial.rung == rung && trial.ndcg.is_some()).collect();
    ranked.sort_by(|a, b| b.ndcg.partial_cmp(&a.ndcg).unwrap_or(std::cmp::Ordering::Equal));
    ranked
}

/// The best on the highest rung that anybody new has reached, or the start.
fn best(trials: &[Trial]) -> Option<&Point> {
    let rung = trials.iter().filter(|trial| trial.origin != Origin::Start).map(|trial| trial.rung).max()?;
    ranked(trials, rung).first().map(|trial| &trial.point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Kind};

    fn space() -> Space {
        Space::new(&Config::profile(Kind::Sequence), &[], &[]).unwrap()
    }

    /// Plays a search in which the NDCG of a place is known.
    fn play(rungs: usize, steps: usize, closing_at: usize, ndcg: impl Fn(&Point) -> Option<f64>) -> Vec<Trial> {
        let (space, mut trials) = (space(), Vec::new());
        for step in 0..steps {
            let Some(Next { point, rung, origin }) = next(&trials, &space, rungs, 1, step >= closing_at) else { break };
            let ndcg = ndcg(&point);
            let (settings, note) = (String::new(), String::new());
            trials.push(Trial { point, rung, origin, ndcg, seconds: 1.0, settings, note });
        }
        trials
    }

    /// Near to a hidden place is good.
    fn hill(point: &Point) -> Option<f64> {
        let far: usize = point.iter().map(|&at| at.abs_diff(1)).sum();
        Some(1.0 / (1.0 + far as f64))
    }

    #[test]
    fn the_start_is_tried_in_full_and_a_third_of_each_rung_goes_up() {
        let trials = play(3, 300, 300, hill);
        assert_eq!((trials[0].rung, trials[0].origin), (2, Origin::Start));
        let on = |rung| ranked(&trials, rung).len();
        // Who was in the best third once has gone up, even if later ones were better: more than a third.
        for (below, above) in [(on(0), on(1)), (on(1), on(2))] {
            assert!(above + 1 >= below / 3 && above < below, "{} {} {}", on(0), on(1), on(2));
        }
        for rung in [1, 2] {
            let promoted = trials.iter().filter(|trial| trial.rung == rung && trial.origin == Origin::Promoted);
            for trial in promoted {
                assert!(trials.iter().any(|below| below.rung == rung - 1 && below.point == trial.point));
            }
        }
    }

    #[test]
    fn the_search_finds_a_hill_far_sooner_than_chance() {
        let best = |trials: &[Trial]| ranked(trials, 2).first().and_then(|trial| trial.ndcg).unwrap_or(0.0);
        let found = best(&play(3, 250, 250, hill));
        let (space, mut rng) = (space(), Rng::new(9, 9));
        let chance = (0..250).filter_map(|_| hill(&space.anywhere(&mut rng))).fold(0.0, f64::max);
        assert!(found > chance, "{found} against {chance}");
    }

    #[test]
    fn what_cannot_be_trained_never_goes_up() {
        let trials = play(2, 60, 60, |point| (point[0] != 0).then_some(0.1));
        assert!(trials.iter().any(|trial| trial.ndcg.is_none()));
        assert!(trials.iter().all(|trial| trial.rung == 0 || trial.point[0] != 0));
    }

    #[test]
    fn when_time_is_short_the_best_go_up_before_anybody_begins() {
        let trials = play(2, 12, 10, hill);
        assert_eq!(trials[10].origin, Origin::Promoted);
        assert_eq!(trials[11].origin, Origin::Promoted);
    }

    #[test]
    fn no_place_is_begun_twice_and_a_small_space_ends() {
        let wanted = ["dim=8,16".parse().unwrap(), "epochs=1,2".parse().unwrap()];
        let space = Space::new(&Config::profile(Kind::Sequence), &wanted, &[]).unwrap();
        let mut trials: Vec<Trial> = Vec::new();
        while let Some(Next { point, rung, origin }) = next(&trials, &space, 1, 1, false) {
            assert!(trials.iter().all(|trial| trial.point != point));
            let (settings, note) = (String::new(), String::new());
            trials.push(Trial { point, rung, origin, ndcg: Some(0.1), seconds: 1.0, settings, note });
        }
        assert_eq!(trials.len(), 4);
    }

    #[test]
    fn small_data_has_one_rung() {
        assert_eq!(rungs(1.0, 943, 2000), [1.0]);
        assert_eq!(rungs(1.0, 6040, 2000), [1.0 / 3.0, 1.0]);
        assert_eq!(rungs(0.5, 1_000_000, 2000), [0.5 / 9.0, 0.5 / 3.0, 0.5]);
    }
}
