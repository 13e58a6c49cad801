//! The compiled half of the Python package: a thin layer over the library, without any logic of its own.
//!
//! | file | job |
//! |---|---|
//! | `errors` | errors of the library as Python's, with their advice |
//! | `view` | matrices as arrays, without a copy |
//! | `embeddings` | a vocabulary with its vectors: neighbours, arithmetic, reasons |
//! | `model` | a model folder: recommendations, user vectors, figures |
//! | `train` | Python data in, a model folder out |
//! | `index` | nearest neighbours of arrays |
//!
//! What Python people see is written in Python, in `python/vecinity`. Long work is done without the interpreter's lock.
#![forbid(unsafe_code)]
#![expect(clippy::needless_pass_by_value, reason = "Python hands values over")]

mod embeddings;
mod errors;
mod index;
mod model;
mod train;
mod view;

/// The compiled half of `vecinity`.
#[pyo3::pymodule]
mod _vecinity {
    #[pymodule_export]
    use super::embeddings::Embeddings;
    #[pymodule_export]
    use super::errors::ModelError;
    #[pymodule_export]
    use super::index::Index;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::train::{option_names, train};
    #[pymodule_export]
    use super::view::View;

    /// The version of the library.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "as Python writes it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
