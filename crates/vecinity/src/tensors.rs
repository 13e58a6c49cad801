//! safetensors files: written row by row without a copy of the table, read through a memory map.
//!
//! The format is eight bytes of header length, a JSON header, and the values. Files are opened with
//! the stock library, which checks that the tensors fill the file without holes or overlaps.
//! Ours pad the header so that the values start at a multiple of 64 bytes and can be used in place.
//!
//! May import: `error`.  Used by: `model_dir`, `train`, `formats`.

use crate::embeddings::Matrix;
use crate::error::{Error, Place, Result};
use safetensors::tensor::{Dtype, Metadata, SafeTensors};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vecinity_kernel::SharedRows;
use vecinity_kernel::mapped::Mapped;

/// Values start at a multiple of this many bytes.
const ALIGN: usize = 64;
/// Values converted at a time.
const BATCH: usize = 1 << 14;

/// Values to be written.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// A training table, shape `[rows, dim]`.
    Rows(&'a SharedRows),
    /// A matrix, shape `[rows, dim]`.
    Matrix(&'a Matrix),
    /// Bytes, shape `[n]`.
    U8(&'a [u8]),
    /// Numbers, shape `[n]`.
    U64(&'a [u64]),
    /// Numbers, shape `[n]`.
    U32(&'a [u32]),
    /// Values, shape `[n]`.
    F32(&'a [f32]),
}

impl Values<'_> {
    fn dtype(self) -> &'static str {
        match self {
            Self::Rows(_) | Self::Matrix(_) | Self::F32(_) => "F32",
            Self::U32(_) => "U32",
            Self::U8(_) => "U8",
            Self::U64(_) => "U64",
        }
    }

    fn shape(self) -> Vec<usize> {
        match self {
            Self::Rows(table) => vec![table.rows(), table.dim()],
            Self::Matrix(matrix) => vec![matrix.rows(), matrix.dim()],
            Self::U8(bytes) => vec![bytes.len()],
            Self::U64(numbers) => vec![numbers.len()],
            Self::U32(numbers) => vec![numbers.len()],
            Self::F32(values) => vec![values.len()],
        }
    }

    fn bytes(self) -> usize {
        let width = match self {
            Self::Rows(_) | Self::Matrix(_) | Self::U32(_) | Self::F32(_) => 4,
            Self::U8(_) => 1,
            Self::U64(_) => 8,
        };
        self.shape().iter().product::<usize>() * width
    }

    fn write(self, to: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::Rows(table) => {
                let mut row = vec![0.0; table.dim()];
                (0..table.rows()).try_for_each(|r| {
                    table.read_into(r, &mut row);
                    to.write_all(&le_bytes(&row))
                })
            }
            Self::Matrix(matrix) => matrix.as_slice().chunks(BATCH).try_for_each(|part| to.write_all(&le_bytes(part))),
            Self::U8(bytes) => to.write_all(bytes),
            Self::F32(values) => values.chunks(BATCH).try_for_each(|part| to.write_all(&le_bytes(part))),
            Self::U32(numbers) => numbers
                .chunks(BATCH)
                .try_for_each(|part| to.write_all(&part.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())),
            Self::U64(numbers) => numbers
                .chunks(BATCH)
                .try_for_each(|part| to.write_all(&part.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())),
        }
    }
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Writes tensors in the order given.
///
/// # Errors
/// [`Error::Io`] naming `path`.
pub fn write(to: &mut impl Write, path: &Path, tensors: &[(&str, Values<'_>)]) -> Result<()> {
    let mut header = serde_json::Map::new();
    let mut offset = 0;
    for (name, values) in tensors {
        let end = offset + values.bytes();
        let entry = serde_json::json!({
            "dtype": values.dtype(), "shape": values.shape(), "data_offsets": [offset, end],
        });
        header.insert((*name).to_owned(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize((header.len() + 8).next_multiple_of(ALIGN) - 8, b' ');
    let mut all = || -> std::io::Result<()> {
        to.write_all(&(header.len() as u64).to_le_bytes())?;
        to.write_all(&header)?;
        tensors.iter().try_for_each(|(_, values)| values.write(to))
    };
    all().map_err(Error::io(path, "write"))
}

/// An open safetensors file.
#[derive(Debug)]
pub struct Tensors {
    path: PathBuf,
    map: Arc<Mapped>,
    /// Bytes before the values.
    header: usize,
    metadata: Metadata,
}

impl Tensors {
    /// Opens a file and checks its header against its length.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Model`] if it is no safetensors file or is cut.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "open"))?;
        let map = Arc::new(Mapped::open(&file).map_err(Error::io(path, "map"))?);
        let (header, metadata) = SafeTensors::read_metadata(map.bytes())
            .map_err(|e| Error::model(path, format!("no valid safetensors file: {e}"), "the file is cut or damaged"))?;
        Ok(Self { path: path.to_owned(), map, header: header + 8, metadata })
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    fn find(&self, name: &str, dtype: Dtype) -> Result<(Vec<usize>, Range<usize>)> {
        let wrong = |what: String| Error::model(Place::file(&self.path), what, "the file is not what it should be");
        let info = self.metadata.info(name).ok_or_else(|| wrong(format!("no tensor '{name}'")))?;
        if info.dtype != dtype {
            return Err(wrong(format!("tensor '{name}' holds {:?}, expected {dtype:?}", info.dtype)));
        }
        let (start, end) = info.data_offsets;
        Ok((info.shape.clone(), self.header + start..self.header + end))
    }

    /// A tensor of floats with two axes, in place if it is aligned.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or of another kind.
    pub fn matrix(&self, name: &str) -> Result<Matrix> {
        let (shape, range) = self.find(name, Dtype::F32)?;
        let &[rows, dim] = shape.as_slice() else {
            return Err(Error::model(
                Place::file(&self.path),
                format!("tensor '{name}' has {} axes, expected 2", shape.len()),
                "expected the shape [tokens, dim]",
            ));
        };
        if let Some(matrix) = Matrix::mapped(Arc::clone(&self.map), range.clone(), rows, dim) {
            return Ok(matrix);
        }
        let bytes = self.bytes(range);
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok(Matrix::new(rows, dim, values))
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or of another kind.
    pub fn u8(&self, name: &str) -> Result<&[u8]> {
        Ok(self.bytes(self.find(name, Dtype::U8)?.1))
    }

    /// A tensor of numbers.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or of another kind.
    pub fn u64(&self, name: &str) -> Result<Vec<u64>> {
        let bytes = self.bytes(self.find(name, Dtype::U64)?.1);
        Ok(bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect())
    }

    /// A tensor of numbers.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or of another kind.
    pub fn u32(&self, name: &str) -> Result<Vec<u32>> {
        let bytes = self.bytes(self.find(name, Dtype::U32)?.1);
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
    }

    /// A tensor of values, whatever its shape.
    ///
    /// # Errors
    /// [`Error::Model`] if it is missing or of another kind.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>> {
        let bytes = self.bytes(self.find(name, Dtype::F32)?.1);
        Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.map.bytes().get(range).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        crate::publish::file(&path, |to| {
            let tensors = [
                ("a", Values::Matrix(&matrix)),
                ("b", Values::U64(&[7, 8])),
                ("c", Values::U8(b"xyz")),
                ("e", Values::U32(&[9])),
                ("f", Values::F32(&[0.5])),
            ];
            write(to, &path, &tensors)
        })
        .unwrap();
        let tensors = Tensors::open(&path).unwrap();
        assert_eq!(tensors.header % ALIGN, 0);
        let read = tensors.matrix("a").unwrap();
        assert_eq!((read.rows(), read.dim(), read.as_slice()), (2, 3, matrix.as_slice()));
        assert_eq!(tensors.u64("b").unwrap(), [7, 8]);
        assert_eq!(tensors.u8("c").unwrap(), b"xyz");
        assert_eq!((tensors.u32("e").unwrap(), tensors.f32("f").unwrap()), (vec![9], vec![0.5]));
        assert!(tensors.matrix("d").unwrap_err().to_string().ends_with("no tensor 'd'"));
        assert!(tensors.matrix("b").unwrap_err().to_string().ends_with("holds U64, expected F32"));
    }
}
