//! The arithmetic of Vecinity, and every line of `unsafe` the project has.
//!
//! | module | what it is for |
//! |---|---|
//! | [`isa`] | which instruction set this process uses; found once, at run time |
//! | [`vector`] | products of vectors: dot, norm, one query against many rows |
//! | [`codes`] | vectors of one byte a value, and the distances of a query to many of them |
//! | [`pq`] | vectors of four bits a pair of values, and rough scores of all of them |
//! | [`matrix`] | products of matrices |
//! | [`tile`] | products of small matrices that lie ready: no packing, register tiles |
//! | [`split`] | products of training: by matrix tiles where the machine has them, of floats split in two |
//! | [`softmax`] | exponentials and their sums, for a softmax that is never whole in memory |
//! | [`step`] | a step of Adam and of Adagrad on a run of parameters |
//! | [`block`] | the training block: some inputs against some candidates, forward and backward |
//! | [`rows`] | parameter tables that several threads read and write at once |
//! | [`copies`] | a thread's own copies of the rows that are written all the time |
//! | [`prefetch`] | asking for memory before it is read |
//! | [`mapped`] | a file, or fresh memory, as bytes, `u32`, `u64` or `f32`, checked for size and alignment |
//!
//! The numeric code is written once, over the small `lanes::Lanes` trait, and instantiated for a portable
//! eight-lane array, AVX2+FMA, AVX-512F and NEON. Released binaries need no `target-cpu` flag.
//!
//! May import: nothing of the project.  Used by: `vecinity`.

#[cfg(target_endian = "big")]
compile_error!("the project's files hold little-endian numbers that are used in place");

pub mod block;
pub mod codes;
pub mod copies;
pub mod isa;
mod lanes;
pub mod mapped;
pub mod matrix;
pub mod pq;
pub mod prefetch;
pub mod rows;
pub mod softmax;
pub mod split;
pub mod step;
pub mod tile;
pub mod vector;

pub use block::{Block, Labels};
pub use copies::Copies;
pub use isa::Isa;
pub use rows::{Rows, SharedRows, Table};
