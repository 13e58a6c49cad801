//! The vectors of items, turned so that they lie ready for single questions.
//!
//! A product of many histories and all items copies the items into panels first, which costs little beside the product. For
//! one history the copies are ten times as dear as the product. So the items are turned once, tile by tile, and single
//! questions are register tiles over them ([`vecinity_kernel::tile`]). Both sum a value in the order of the dimensions, a
//! fused multiply-add a term; that they do so on this machine is checked when the tiles are made, and if not there are none:
//! what is served must be what was measured, bit by bit.

use super::recommender::Vectors;
use crate::embeddings::Matrix;
use crate::index::BLOCK;
use std::ops::Range;
use vecinity_kernel::matrix::{self, View};
use vecinity_kernel::tile;

/// More histories at once are multiplied as they are.
const FEW: usize = 8;
/// Longer vectors are summed in parts by one of the two.
const LONGEST: usize = 256;

/// Tiles of [`BLOCK`] items, each of the shape `[dim, BLOCK]`; zeros behind the last item.
#[derive(Debug)]
pub(super) struct Turned {
    tiles: Vec<f32>,
    dim: usize,
}

impl Turned {
    /// `None` if products would have other bits than those of [`matrix::multiply`].
    pub(super) fn new(items: &Matrix) -> Option<Self> {
        let dim = items.dim();
        if dim == 0 || dim > LONGEST || items.rows() == 0 {
            return None;
        }
        let mut tiles = vec![0.0; items.rows().div_ceil(BLOCK) * BLOCK * dim];
        let mut whole = vec![0.0; BLOCK * dim];
        for (rows, to) in items.as_slice().chunks(BLOCK * dim).zip(tiles.chunks_exact_mut(BLOCK * dim)) {
            whole[..rows.len()].copy_from_slice(rows);
            whole[rows.len()..].fill(0.0);
            tile::transpose(&whole, BLOCK, dim, to);
        }
        let turned = Self { tiles, dim };
        let rows = 0..items.rows().min(BLOCK);
        let (mut a, mut b) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        // Each of some items as a user: products of all signs and sizes.
        let same = (0..items.rows()).step_by(items.rows().div_ceil(16)).all(|user| {
            let user = items.row(user);
            turned.multiply(user, 1, rows.clone(), &mut a);
            let first = View::new(&items.as_slice()[..rows.len() * dim], rows.len(), dim);
            matrix::multiply(1.0, View::new(user, 1, dim), first.transposed(), 0.0, &mut b);
            a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits())
        });
        same.then_some(turned)
    }

    /// Whether a product of so many histories with these items is done here.
    pub(super) fn serves(histories: usize, rows: &Range<usize>) -> bool {
        histories <= FEW && rows.start.is_multiple_of(BLOCK) && rows.len() <= BLOCK
    }

    /// The products of histories, shape `[histories, dim]`, with the items `rows` of one tile, shape `[histories, rows.len()]`.
    pub(super) fn multiply(&self, users: &[f32], histories: usize, rows: Range<usize>, scores: &mut [f32]) {
        let tile = &self.tiles[rows.start * self.dim..][..BLOCK * self.dim];
        let users = View::new(users, histories, self.dim);
        if rows.len() == BLOCK {
            return tile::multiply(users, tile, false, scores);
        }
        let mut whole = vec![0.0; histories * BLOCK];
        tile::multiply(users, tile, false, &mut whole);
        for (scores, whole) in scores.chunks_exact_mut(rows.len().max(1)).zip(whole.chunks_exact(BLOCK)) {
            scores.copy_from_slice(&whole[..rows.len()]);
        }
    }
}

impl Vectors {
    /// The products of histories, shape `[histories, dim]`, with the items `rows`, shape `[histories, rows.len()]`.
    pub(super) fn products(&self, users: &[f32], histories: usize, rows: Range<usize>, scores: &mut [f32]) {
        let few = Turned::serves(histories, &rows);
        if let Some(turned) = few.then(|| self.turned.get_or_init(|| Turned::new(&self.to)).as_ref()).flatten() {
            return turned.multiply(users, histories, rows, scores);
        }
        let dim = self.to.dim();
        let items = View::new(&self.to.as_slice()[rows.start * dim..rows.end * dim], rows.len(), dim).transposed();
        matrix::multiply(1.0, View::new(users, histories, dim), items, 0.0, scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_questions_have_the_bits_of_many() {
        for (rows, dim) in [(1, 1), (700, 33), (1024, 64), (1500, 256)] {
            let values = |times: f32| (0..rows * dim).map(|i| (i as f32 * times).sin()).collect();
            let items = Matrix::new(rows, dim, values(0.37));
            let users: Vec<f32> = values(0.11);
            let users = &users[..dim * rows.min(FEW)];
            let Some(turned) = Turned::new(&items) else { continue };
            let histories = users.len() / dim;
            for start in (0..rows).step_by(BLOCK) {
                let range = start..rows.min(start + BLOCK);
                assert!(Turned::serves(histories, &range) && !Turned::serves(FEW + 1, &range));
                let mut found = vec![0.0; histories * range.len()];
                turned.multiply(users, histories, range.clone(), &mut found);
                let part = View::new(&items.as_slice()[range.start * dim..range.end * dim], range.len(), dim);
                let mut expected = vec![0.0; found.len()];
                matrix::multiply(1.0, View::new(users, histories, dim), part.transposed(), 0.0, &mut expected);
                assert_eq!(found, expected, "{rows} x {dim}");
            }
        }
        assert!(Turned::new(&Matrix::new(2, 300, vec![1.0; 600])).is_none(), "summed in parts");
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("fma") {
            assert!(Turned::new(&Matrix::new(700, 64, (0..700 * 64).map(|i| (i as f32).cos()).collect())).is_some());
        }
    }
}
