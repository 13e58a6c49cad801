//! ALS: implicit matrix factorisation (Hu, Koren, Volinsky 2008, equations 4 and 5).
//!
//! Minimises `sum_ui c_ui (p_ui - x_u . y_i)^2 + reg (|x|^2 + |y|^2)` with `p = 1` and `c = 1 + alpha` where an
//! owner has an item, otherwise `p = 0` and `c = 1`. Rows are solved by a few steps of conjugate gradients
//! from where they stand (Takács et al. 2011). Whoever asks is folded in: solved for against fixed items.

use super::{Catalogue, Memory, sequences_of_items};
use crate::eval::recommend::{Fold, Query, Scorer};
use crate::rng::Rng;
use crate::stop::Stop;
use std::sync::Arc;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::{axpy, dot, scan};

/// Settings of [`Als::fit`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlsSettings {
    /// Length of the vectors.
    pub factors: usize,
    /// Weight of what an owner has against what it has not.
    pub alpha: f32,
    /// Regularisation.
    pub regularisation: f32,
    /// Rounds over owners and items.
    pub rounds: usize,
    /// Seed of the first vectors.
    pub seed: u64,
}

impl Default for AlsSettings {
    fn default() -> Self {
        Self { factors: 64, alpha: 10.0, regularisation: 1.0, rounds: 12, seed: 1 }
    }
}

/// Vectors of the items, and how they are asked.
#[derive(Debug, Clone)]
pub struct Als {
    /// Shape `[catalogue, factors]`.
    items: Arc<Vec<f32>>,
    /// `items^T items`, shape `[factors, factors]`.
    gram: Arc<Vec<f32>>,
    catalogue: Arc<Catalogue>,
    settings: AlsSettings,
    memory: Memory,
}

/// Steps of conjugate gradients a row and round; those of somebody new, from zero.
const STEPS: usize = 3;
const FOLD_IN_STEPS: usize = 12;

impl Als {
    /// Factorises the training part.
    #[must_use]
    pub fn fit(fold: &Fold, settings: AlsSettings, memory: Memory, threads: usize) -> Self {
        let AlsSettings { factors, rounds, seed, .. } = settings;
        let catalogue = Catalogue::of(&fold.counts);
        let n = catalogue.items.len();
        let (ends, owners) = sequences_of_items(&fold.train, fold.counts.len());
        let of_owner: Vec<Vec<u32>> =
            fold.train.iter().map(|row| row.iter().map(|&item| catalogue.place[item as usize]).collect()).collect();
        let of_item = |place: usize| {
            let item = catalogue.items[place] as usize;
            &owners[if item == 0 { 0 } else { ends[item - 1] }..ends[item]]
        };
        let mut rng = Rng::new(seed, 0);
        let mut draw = |rows: usize| -> Vec<f32> {
            (0..rows * factors).map(|_| (rng.f32() - 0.5) / (factors as f32).sqrt()).collect()
        };
        let (mut users, mut items) = (draw(of_owner.len()), draw(n));
        for _ in 0..rounds {
            half(&mut users, &items, settings, threads, |row| &of_owner[row]);
            half(&mut items, &users, settings, threads, of_item);
        }
        let gram = gram(&items, factors);
        Self { items: items.into(), gram: gram.into(), catalogue: catalogue.into(), settings, memory }
    }

    /// The same vectors asked with another memory.
    #[must_use]
    pub fn asked(&self, memory: Memory) -> Self {
        Self { memory, ..self.clone() }
    }
}

/// `rows^T rows`.
fn gram(rows: &[f32], factors: usize) -> Vec<f32> {
    let mut gram = vec![0.0; factors * factors];
    let view = View::new(rows, rows.len() / factors, factors);
    multiply(1.0, view.transposed(), view, 0.0, &mut gram);
    gram
}

/// Solves all rows of one side against the other.
fn half<'a>(
    rows: &mut [f32],
    fixed: &[f32],
    settings: AlsSettings,
    threads: usize,
    has: impl Fn(usize) -> &'a [u32] + Sync,
) {
    const BLOCK: usize = 64;
    let factors = settings.factors;
    let gram = gram(fixed, factors);
    let (waiting, stop) = (std::sync::Mutex::new(rows.chunks_mut(BLOCK * factors).enumerate()), Stop::current());
    let work = || {
        let (mut room, mut known) = (Room::new(factors), Vec::new());
        loop {
            let next = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some((block, rows)) = next.filter(|_| !stop.requested()) else { break };
            for (at, row) in rows.chunks_exact_mut(factors).enumerate() {
                known.clear();
                known.extend(has(block * BLOCK + at).iter().map(|&k| (k, 1.0)));
                solve(row, &gram, fixed, &known, settings, STEPS, &mut room);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

/// Working memory of [`solve`].
struct Room {
    residual: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
}

impl Room {
    fn new(factors: usize) -> Self {
        let zeros = vec![0.0; factors];
        Self { residual: zeros.clone(), direction: zeros.clone(), product: zeros }
    }
}

/// Steps of conjugate gradients on `(Y^T Y + reg I + alpha sum w y y^T) x = sum (1 + alpha w) y`, where the
/// sums go over what is known and `w` is its weight.
fn solve(
    x: &mut [f32],
    gram: &[f32],
    fixed: &[f32],
    known: &[(u32, f32)],
    settings: AlsSettings,
    steps: usize,
    room: &mut Room,
) {
    let factors = x.len();
    let AlsSettings { alpha, regularisation, .. } = settings;
    let row = |k: u32| &fixed[k as usize * factors..][..factors];
    let Room { residual, direction, product } = room;
    scan(x, gram, residual, None);
    for (r, &x) in residual.iter_mut().zip(&*x) {
        *r = -*r - regularisation * x;
    }
    for &(k, weight) in known {
        let y = row(k);
        axpy(1.0 + alpha * weight - alpha * weight * dot(y, x), y, residual);
    }
    direction.copy_from_slice(residual);
    let mut squared = dot(residual, residual);
    for _ in 0..steps {
        if squared < 1e-20 {
            break;
        }
        scan(direction, gram, product, None);
        axpy(regularisation, direction, product);
        for &(k, weight) in known {
            let y = row(k);
            axpy(alpha * weight * dot(y, direction), y, product);
        }
        let step = squared / dot(direction, product);
        axpy(step, direction, x);
        axpy(-step, product, residual);
        let now = dot(residual, residual);
        for (d, &r) in direction.iter_mut().zip(&*residual) {
            *d = r + now / squared * *d;
        }
        squared = now;
    }
}

impl Scorer for Als {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let (factors, n) = (self.settings.factors, self.catalogue.items.len());
        let mut users = vec![0.0; queries.len() * factors];
        let mut room = Room::new(factors);
        for (query, user) in queries.iter().zip(users.chunks_exact_mut(factors)) {
            let known: Vec<(u32, f32)> = (self.memory.of(&query.history))
                .filter_map(|(item, weight)| self.catalogue.place(item).map(|place| (place as u32, weight)))
                .collect();
            solve(user, &self.gram, &self.items, &known, self.settings, FOLD_IN_STEPS, &mut room);
        }
        let mut products = vec![0.0; queries.len() * n];
        let (users, items) = (View::new(&users, queries.len(), factors), View::new(&self.items, n, factors));
        multiply(1.0, users, items.transposed(), 0.0, &mut products);
        let rows = scores.chunks_exact_mut(self.catalogue.place.len().max(1));
        for (products, row) in products.chunks_exact(n.max(1)).zip(rows) {
            self.catalogue.spread(products, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::recommend::Sequences;

    #[test]
    fn a_row_is_the_solution_of_its_equation() {
        let factors = 5;
        let mut rng = Rng::new(3, 0);
        let fixed: Vec<f32> = (0..8 * factors).map(|_| rng.f32() - 0.5).collect();
        let known = [(1u32, 1.0f32), (4, 0.5), (6, 1.0)];
        let settings = AlsSettings { factors, alpha: 7.0, regularisation: 0.1, ..AlsSettings::default() };
        let mut x = vec![0.0; factors];
        solve(&mut x, &gram(&fixed, factors), &fixed, &known, settings, 40, &mut Room::new(factors));
        // The gradient of the loss as it is written above, item by item.
        let mut gradient: Vec<f32> = x.iter().map(|x| 0.1 * x).collect();
        for (item, y) in fixed.chunks_exact(factors).enumerate() {
            let weight = known.iter().find(|(k, _)| *k as usize == item).map_or(0.0, |k| k.1);
            let (p, c) = (f32::from(u8::from(weight > 0.0)), 1.0 + 7.0 * weight);
            axpy(-c * (p - dot(&x, y)), y, &mut gradient);
        }
        assert!(gradient.iter().all(|g| g.abs() < 1e-3), "{gradient:?}");
    }

    #[test]
    fn two_circles_of_taste_are_found() {
        let mut train = Sequences::default();
        for user in 0..40u32 {
            let first = if user % 2 == 0 { 0 } else { 5 };
            let items: Vec<u32> = (0..5).filter(|i| (user / 2 + i) % 5 != 0).map(|i| first + i).collect();
            train.push(&items);
        }
        let fold = Fold { train, queries: Vec::new(), counts: vec![16; 10] };
        let settings = AlsSettings { factors: 2, ..AlsSettings::default() };
        let mut scores = vec![0.0; 10];
        let query = Query { owner: 0, history: vec![0, 1], targets: vec![], event: 0 };
        Als::fit(&fold, settings, Memory::ALL, 2).score(&[query], &mut scores);
        assert!((2..5).all(|i| (5..10).all(|j| scores[i] > scores[j] + 0.2)), "{scores:?}");
    }
}
