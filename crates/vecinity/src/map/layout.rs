//! A layout that keeps near ones together: UMAP's (McInnes, Healy and Melville 2018, arXiv:1802.03426, section 3.2).
//!
//! Points start at their principal components. In every round each edge of the graph pulls its ends together, as often as
//! it is sure, and pushes one end from five points drawn by chance. Points move at once, one after another, so that the
//! same seed gives the same picture.

use super::graph::edges;
use super::{Point, Settings, directions, principal};
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::rng::Rng;

/// Nearness in the picture is `1 / (1 + A d^2B)`: UMAP's curve for a smallest distance of 0.1.
const A: f32 = 1.576_943;
const B: f32 = 0.895_061;
/// Points pushed away for each pull.
const PUSHED: usize = 5;
/// The picture at the start is as wide as `[-START, START]`.
const START: f32 = 10.0;
/// No step is longer.
const LONGEST: f32 = 4.0;

/// Lays out the first rows of a matrix; the picture is centred.
///
/// * `goes_on`: called before every round with the share that is done, 0 to 1; `false` gives up.
///
/// # Errors
/// As [`principal`]; [`Error::Setting`] without neighbours; [`Error::Interrupted`] if given up.
pub fn layout(matrix: &Matrix, settings: &Settings, goes_on: &mut dyn FnMut(f32) -> bool) -> Result<Vec<Point>> {
    if settings.neighbors < 2 {
        return Err(Error::setting("neighbors", settings.neighbors, "2 or more"));
    }
    let rows = directions(matrix, settings.points)?;
    let stopped = || Error::Interrupted { checkpoint: None };
    if !goes_on(0.0) {
        return Err(stopped());
    }
    let edges = edges(&rows, settings.neighbors.min(rows.rows() - 1), settings.threads);
    let mut places = principal(matrix, settings.points)?;
    places.iter_mut().flatten().for_each(|value| *value *= START);
    let rounds = settings.rounds.unwrap_or(if places.len() <= 10_000 { 500 } else { 200 });
    let strongest = edges.iter().fold(f32::MIN_POSITIVE, |most, edge| most.max(edge.weight));
    // An edge is due every so many rounds; too weak ones never are.
    let every: Vec<f32> = edges.iter().map(|edge| strongest / edge.weight.max(f32::MIN_POSITIVE)).collect();
    let mut due = every.clone();
    let mut rng = Rng::new(settings.seed, 0x006d_6170);
    for round in 0..rounds {
        let done = round as f32 / rounds as f32;
        if !goes_on(done) {
            return Err(stopped());
        }
        let rate = 1.0 - done;
        for (at, edge) in edges.iter().enumerate() {
            if due[at] > (round + 1) as f32 {
                continue;
            }
            due[at] += every[at];
            let (a, b) = (edge.from as usize, edge.to as usize);
            let step = pull(places[a], places[b]);
            for axis in 0..2 {
                places[a][axis] += rate * step[axis];
                places[b][axis] -= rate * step[axis];
            }
            // Either end in turn, so that both are kept from the others.
            let pushed = if round % 2 == 0 { a } else { b };
            for _ in 0..PUSHED {
                let other = rng.below(places.len() as u32) as usize;
                if other != pushed {
                    let step = push(places[pushed], places[other]);
                    for axis in 0..2 {
                        places[pushed][axis] += rate * step[axis];
                    }
                }
            }
        }
    }
    centre(&mut places);
    Ok(places)
}

fn between(a: Point, b: Point) -> (Point, f32) {
    let difference = [a[0] - b[0], a[1] - b[1]];
    (difference, difference[0] * difference[0] + difference[1] * difference[1])
}

/// The step of `a` towards `b`: the gradient of the logarithm of nearness.
fn pull(a: Point, b: Point) -> Point {
    let (difference, square) = between(a, b);
    if square <= 0.0 {
        return [0.0; 2];
    }
    let power = square.powf(B);
    let factor = -2.0 * A * B * (power / square) / (1.0 + A * power);
    difference.map(|d| (factor * d).clamp(-LONGEST, LONGEST))
}

/// The step of `a` away from `b`.
fn push(a: Point, b: Point) -> Point {
    let (difference, square) = between(a, b);
    if square <= 0.0 {
        return [0.0; 2];
    }
    let factor = 2.0 * B / ((0.001 + square) * (1.0 + A * square.powf(B)));
    difference.map(|d| (factor * d).clamp(-LONGEST, LONGEST))
}

fn centre(places: &mut [Point]) {
    for axis in 0..2 {
        let mean = (places.iter().map(|place| f64::from(place[axis])).sum::<f64>() / places.len() as f64) as f32;
        places.iter_mut().for_each(|place| place[axis] -= mean);
    }
}
