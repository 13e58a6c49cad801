//! A picture of many vectors: two numbers a token, near where the vectors are near.
//!
//! | file | job |
//! |---|---|
//! | `principal` | at once: the two directions in which the vectors differ most (principal components) |
//! | `graph` | who is near whom, and how sure that is |
//! | `layout` | in a while: a layout that keeps near ones together, by attraction along that graph and repulsion |
//!
//! Vectors are compared by direction, as neighbours are: all of them are scaled to length 1 first. Pictures are drawn of
//! the first rows of a matrix, the most frequent tokens, and are the same on any number of threads.
//!
//! May import: `embeddings`, `index`, `id`, `rng`, `error`.  Used by: `server`.

mod graph;
mod layout;
mod principal;

pub use layout::layout;
pub use principal::principal;

use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::index::inverse_norm;
use vecinity_kernel::vector::dot;

/// A place in the picture.
pub type Point = [f32; 2];

/// How a layout is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Rows drawn: the first so many, at most all.
    pub points: usize,
    /// Neighbours of each point in the graph.
    pub neighbors: usize,
    /// Rounds over the graph; `None`: 500 up to 10,000 points, 200 beyond, as UMAP does.
    pub rounds: Option<u32>,
    /// Seed of the repulsion.
    pub seed: u64,
    /// Threads for finding neighbours; they change nothing in the picture.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { points: 20_000, neighbors: 15, rounds: None, seed: 1, threads: 1 }
    }
}

/// The first `points` rows scaled to length 1.
fn directions(matrix: &Matrix, points: usize) -> Result<Matrix> {
    let (rows, dim) = (points.min(matrix.rows()), matrix.dim());
    if dim == 0 || rows < 2 {
        let what = format!("{rows} vectors of {dim} values make no picture");
        return Err(Error::data(what, "it takes two vectors of one value or more"));
    }
    let mut values = matrix.as_slice()[..rows * dim].to_vec();
    for row in values.chunks_exact_mut(dim) {
        let scale = inverse_norm(dot(row, row));
        row.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(Matrix::new(rows, dim, values))
}

#[cfg(test)]
mod tests;
