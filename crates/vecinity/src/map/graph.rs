//! Who is near whom, and how sure that is: UMAP's fuzzy graph (McInnes, Healy and Melville 2018, arXiv:1802.03426, section 3.1).

use crate::embeddings::Matrix;
use crate::id::TokenId;
use crate::index::{Exact, Metric};

/// Two points and how sure it is that they belong together, in `(0, 1]`; `from < to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) weight: f32,
}

/// The edges among rows of length 1, by rising `from`, then `to`.
pub(super) fn edges(rows: &Matrix, neighbors: usize, threads: usize) -> Vec<Edge> {
    let search = Exact::new(rows.as_slice(), rows.dim(), Metric::Dot).with_threads(threads);
    let found = search.nearest_batch(rows.as_slice(), neighbors, &|query, id| id != TokenId(query as u32));
    let mut directed: Vec<Edge> = Vec::with_capacity(rows.rows() * neighbors);
    for (from, hits) in (0u32..).zip(&found) {
        let distances: Vec<f32> = hits.iter().map(|hit| (1.0 - hit.score).max(0.0)).collect();
        let weights = membership(&distances);
        directed.extend(hits.iter().zip(weights).map(|(hit, weight)| {
            let (from, to) = (from.min(hit.id.0), from.max(hit.id.0));
            Edge { from, to, weight }
        }));
    }
    // a + b - ab: the chance that one of the two is right, if they are independent.
    directed.sort_unstable_by_key(|edge| (edge.from, edge.to));
    let both = |of: &[Edge]| {
        let weight = of.iter().fold(0.0, |sum, edge| sum + edge.weight - sum * edge.weight);
        Edge { weight, ..of[0] }
    };
    directed.chunk_by(|a, b| (a.from, a.to) == (b.from, b.to)).map(both).collect()
}

/// How sure a point is of each neighbour: 1 for the nearest, and fading so fast that all together are `log2(k)`.
fn membership(distances: &[f32]) -> Vec<f32> {
    let nearest = distances.iter().copied().find(|&d| d > 0.0).unwrap_or(0.0);
    let target = (distances.len() as f32).log2();
    let sum = |scale: f32| distances.iter().map(|d| (-(d - nearest).max(0.0) / scale).exp()).sum::<f32>();
    let (mut low, mut high, mut scale) = (0.0f32, f32::INFINITY, 1.0f32);
    for _ in 0..64 {
        if sum(scale) > target {
            high = scale;
            scale = f32::midpoint(low, high);
        } else {
            low = scale;
            scale = if high.is_infinite() { scale * 2.0 } else { f32::midpoint(low, high) };
        }
    }
    // Never narrower than a thousandth of the mean: of many equal points all belong together.
    let mean = distances.iter().sum::<f32>() / distances.len().max(1) as f32;
    let scale = scale.clamp((1e-3 * mean).max(f32::MIN_POSITIVE), 1e6);
    distances.iter().map(|d| (-(d - nearest).max(0.0) / scale).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_as_sure_of_its_neighbours_as_log2_of_their_number() {
        let weights = membership(&[0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]);
        assert_eq!(weights[0], 1.0);
        assert!((weights.iter().sum::<f32>() - 3.0).abs() < 1e-3);
        assert!(weights.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn equal_points_belong_together() {
        assert_eq!(membership(&[0.0, 0.0, 0.0]), [1.0, 1.0, 1.0]);
    }
}
