//! A trained model in memory: the vocabulary, the input matrix, the output matrix, the metadata.
//!
//! May import: `id`, `vocab`, `metadata`, `error`.  Used by: `train`, `model_dir`, `ask`, `eval`, `formats`.

use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::vocab::Vocab;
use std::ops::Range;
use std::sync::Arc;
use vecinity_kernel::SharedRows;
use vecinity_kernel::mapped::Mapped;

/// Rows of `f32`, row-major and without padding: in memory of its own, or mapped from a file.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    dim: usize,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Owned(Arc<Vec<f32>>),
    /// A range of bytes of a file, checked for alignment and length when the matrix was made.
    Mapped(Arc<Mapped>, Range<usize>),
}

impl Matrix {
    /// A matrix from its values, shape `[rows, dim]`, row-major.
    ///
    /// # Panics
    /// If `values.len()` is not `rows * dim`.
    #[must_use]
    pub fn new(rows: usize, dim: usize, values: Vec<f32>) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(dim), "shape and length must agree");
        Self { rows, dim, values: Values::Owned(Arc::new(values)) }
    }

    /// A copy of a table in training; while threads train, a mixture of old and new values.
    #[must_use]
    pub fn copied(table: &SharedRows) -> Self {
        let mut values = vec![0.0; table.rows() * table.dim()];
        for (row, to) in values.chunks_exact_mut(table.dim().max(1)).enumerate() {
            table.read_into(row, to);
        }
        Self::new(table.rows(), table.dim(), values)
    }

    /// A copy as a table for training.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no memory.
    pub fn to_table(&self) -> Result<SharedRows> {
        let mut table = SharedRows::zeroed(self.rows, self.dim).map_err(Error::io("memory", "allocate"))?;
        for row in 0..self.rows {
            table.row_mut(row).copy_from_slice(self.row(row));
        }
        Ok(table)
    }

    /// A matrix in the bytes `range` of a mapped file (this machine's byte order).
    ///
    /// `None` if the range does not hold exactly `rows * dim` aligned floats.
    #[must_use]
    pub fn mapped(file: Arc<Mapped>, range: Range<usize>, rows: usize, dim: usize) -> Option<Self> {
        let length = file.numbers::<f32>(range.clone())?.len();
        (Some(length) == rows.checked_mul(dim)).then_some(Self { rows, dim, values: Values::Mapped(file, range) })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Floats in a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All values, shape `[rows, dim]`, row-major.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        match &self.values {
            Values::Owned(values) => values,
            Values::Mapped(file, range) => file.numbers(range.clone()).unwrap_or(&[]),
        }
    }

    /// One row, shape `[dim]`.
    ///
    /// # Panics
    /// If `row` is out of range.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.as_slice()[row * self.dim..][..self.dim]
    }

    /// The first row that holds a value that is not finite, if any.
    #[must_use]
    pub fn first_bad_row(&self) -> Option<usize> {
        let at = self.as_slice().iter().position(|v| !v.is_finite())?;
        Some(at / self.dim.max(1))
    }
}

/// Which vectors a question is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The input matrix (`syn0` of word2vec.c): the usual word vectors.
    #[default]
    Input,
    /// The output matrix (`syn1neg` of word2vec.c).
    Output,
    /// The sum of both rows.
    Sum,
    /// Both rows, one behind the other: `2 * dim` values.
    Concat,
    /// The question's vector from the input matrix, the answers' from the output matrix: what the
    /// model was trained to predict.
    InOut,
}

impl Which {
    /// All kinds, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 5] = [
        ("input", Self::Input),
        ("output", Self::Output),
        ("sum", Self::Sum),
        ("concat", Self::Concat),
        ("in-out", Self::InOut),
    ];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, which)| *which == self).map_or("input", |(name, _)| name)
    }
}

/// A vocabulary with a vector or two for each of its tokens.
#[derive(Debug, Clone)]
pub struct Embeddings {
    vocab: Vocab,
    input: Matrix,
    output: Option<Matrix>,
    metadata: Option<Metadata>,
}

impl Embeddings {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Error::Data`] if a matrix has not one row for each token, the matrices differ in `dim`, or
    /// a value is not finite.
    pub fn new(vocab: Vocab, input: Matrix, output: Option<Matrix>) -> Result<Self> {
        for (name, matrix) in [("input", Some(&input)), ("output", output.as_ref())] {
            let Some(matrix) = matrix else { continue };
            if matrix.rows() != vocab.len() || matrix.dim() != input.dim() {
                return Err(Error::data(
                    format!(
                        "the {name} matrix has the shape [{}, {}], expected [{}, {}]",
                        matrix.rows(),
                        matrix.dim(),
                        vocab.len(),
                        input.dim()
                    ),
                    "vectors and vocabulary do not belong together",
                ));
            }
            if let Some(row) = matrix.first_bad_row() {
                let token = vocab.token(crate::TokenId(row as u32));
                return Err(Error::data(
                    format!("the {name} vector of '{token}' (row {row}) holds NaN or infinity"),
                    "the training diverged or the file is damaged; train again with a lower --learning-rate",
                ));
            }
        }
        Ok(Self { vocab, input, output, metadata: None })
    }

    /// Adds titles and fields to the tokens.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Option<Metadata>) -> Self {
        self.metadata = metadata;
        self
    }

    /// The tokens.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The input matrix, shape `[len, dim]`.
    #[must_use]
    pub fn input(&self) -> &Matrix {
        &self.input
    }

    /// The output matrix, shape `[len, dim]`; absent in models imported from files that have only one.
    #[must_use]
    pub fn output(&self) -> Option<&Matrix> {
        self.output.as_ref()
    }

    /// The output matrix.
    ///
    /// # Errors
    /// [`Error::Data`] if the model has none.
    pub fn require_output(&self) -> Result<&Matrix> {
        self.output.as_ref().ok_or_else(|| {
            Error::data(
                "this model has no output matrix",
                "it was imported from a file with one matrix; use --vectors input",
            )
        })
    }

    /// Titles and fields, if known.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vocab.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vocab.is_empty()
    }

    /// Values in a vector of the input matrix.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.input.dim()
    }

    /// The vectors of one kind: input and output are borrowed matrices, sum and concat are made.
    /// For [`Which::InOut`] these are the answers' vectors: the output matrix.
    ///
    /// # Errors
    /// [`Error::Data`] if the output matrix is needed and the model has none.
    pub fn vectors(&self, which: Which) -> Result<Matrix> {
        let dim = self.dim();
        Ok(match which {
            Which::Input => self.input.clone(),
            Which::Output | Which::InOut => self.require_output()?.clone(),
            Which::Sum => {
                let pairs = self.input.as_slice().iter().zip(self.require_output()?.as_slice());
                Matrix::new(self.len(), dim, pairs.map(|(a, b)| a + b).collect())
            }
            Which::Concat => {
                let output = self.require_output()?;
                let mut values = Vec::with_capacity(2 * dim * self.len());
                for row in 0..self.len() {
                    values.extend_from_slice(self.input.row(row));
                    values.extend_from_slice(output.row(row));
                }
                Matrix::new(self.len(), 2 * dim, values)
            }
        })
    }
}
