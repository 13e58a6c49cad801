//! Hugging Face safetensors: named tensors behind a JSON header.
//!
//! Read: the tensor `input` (or `vectors`, or else the only tensor of two dimensions) as the input
//! matrix, `output` if it is there as the output matrix; `F32` or `F64`. The tokens are in the `U8`
//! tensor `vocab.bytes`, one behind the other, each ending where the `U64` tensor `vocab.ends` says,
//! their counts in the `U64` tensor `vocab.counts`; a file without these has its ids in a text file
//! beside it. Written: all of these, so that nothing is lost.
//!
//! Source: the format description of the `safetensors` crate, whose own code checks the header.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{ReadOptions, require_rows, token_list};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, grouped, shown};
use crate::publish;
use ::safetensors::tensor::{Dtype, Metadata, TensorInfo};
use std::io::{self, Write};
use std::path::Path;

/// The library's own limit.
const LONGEST_HEADER: u64 = 100_000_000;
const BYTES: &str = "vocab.bytes";
const ENDS: &str = "vocab.ends";
const COUNTS: &str = "vocab.counts";

/// Reads a file; ids that are not in it are in [`ReadOptions::ids`] or in `NAME.ids.txt` beside it.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the tensor: damaged, missing, of another type or shape.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse_with(Source::open(path)?, || token_list::open_ids(path, options.ids.as_ref()), options)
}

/// As [`read`], from any bytes; `ids` are those of a file that has none in itself.
///
/// # Errors
/// As [`read`].
pub fn parse(source: Source<'_>, ids: Option<Source<'_>>, options: &ReadOptions) -> Result<Embeddings> {
    let place = Place::file(source.path());
    parse_with(source, || ids.ok_or_else(|| Error::input(place, "the vectors have no names", "give --ids")), options)
}

fn parse_with<'s>(
    mut source: Source<'_>,
    open_ids: impl FnOnce() -> Result<Source<'s>>,
    options: &ReadOptions,
) -> Result<Embeddings> {
    let header = header(&mut source)?;
    let wanted = Wanted::choose(&header, source.path(), options.ids.is_some())?;
    let tensors = wanted.read(&header, &mut source)?;
    let (path, count) = (source.path(), wanted.rows as u64);
    let (rows, kept) = if wanted.own_ids {
        let mut rows = Rows::new(path, Unit::Row, options);
        let kept = own_ids(&tensors, wanted.rows, path, &mut rows)?;
        (rows, kept)
    } else {
        let mut ids = open_ids()?;
        let mut rows = Rows::new(ids.path(), Unit::Line, options);
        let kept = token_list::read_ids(&mut ids, count, path, &mut rows)?;
        (rows, kept)
    };
    let Tensors { mut input, mut output, .. } = tensors;
    for values in [Some(&mut input), output.as_mut()].into_iter().flatten() {
        token_list::keep_rows(values, wanted.dim, &kept);
        for row in 0..rows.len() {
            rows.check_row(row, &values[row * wanted.dim..][..wanted.dim], Place::file(path))?;
        }
    }
    rows.finish(wanted.dim, input, output)
}

fn damaged(path: &Path, what: String) -> Error {
    Error::input(path, what, "the file was cut or is damaged: copy or download it again")
}

/// Reads the header and holds it against the length of the file.
fn header(source: &mut Source<'_>) -> Result<Metadata> {
    let length = u64::from_le_bytes(source.array("the header")?);
    let mut json = Vec::new();
    if length > LONGEST_HEADER || !source.take(length, &mut json)? {
        return Err(source.cut("the header"));
    }
    let header: Metadata = serde_json::from_slice(&json)
        .map_err(|error| damaged(source.path(), format!("the header is not one of safetensors: {error}")))?;
    // `Metadata` has checked shapes, types and offsets against each other; the rest is the length.
    let claimed = header.data_len() as u64;
    if let Some(found) = source.remaining().filter(|found| *found != claimed) {
        let (claimed, found) = (grouped(claimed), grouped(found));
        return Err(damaged(
            source.path(),
            format!("the header claims {claimed} bytes of tensors, the file has {found}"),
        ));
    }
    Ok(header)
}

/// Which tensors to read.
struct Wanted {
    input: String,
    rows: usize,
    dim: usize,
    own_ids: bool,
}

impl Wanted {
    fn choose(header: &Metadata, path: &Path, ids_given: bool) -> Result<Self> {
        let mut names = header.offset_keys();
        names.retain(|name| header.info(name).is_some_and(|info| info.shape.len() == 2));
        let named = ["input", "vectors"].into_iter().find(|name| names.iter().any(|known| known == name));
        let input = match (named, &names[..]) {
            (Some(name), _) => name.to_owned(),
            (None, [only]) => only.clone(),
            (None, _) => {
                let listed: Vec<_> = header.offset_keys().iter().take(5).map(|name| shown(name)).collect();
                let what = format!("no tensor 'input' of two dimensions among: {}", listed.join(", "));
                return Err(Error::input(path, what, "name the matrix 'input', shape [tokens, values]"));
            }
        };
        let (rows, dim) = match header.info(&input).map(|info| &info.shape[..]) {
            Some([rows, dim]) if *rows > 0 && *dim > 0 => (*rows, *dim),
            _ => {
                return Err(Error::input(
                    path,
                    format!("the tensor '{}' is empty", shown(&input)),
                    "is it the right file?",
                ));
            }
        };
        if let Some(output) = header.info("output").filter(|info| info.shape != [rows, dim]) {
            let what = format!("'output' has the shape {:?}, '{}' has [{rows}, {dim}]", output.shape, shown(&input));
            return Err(Error::input(path, what, "both matrices must be of the same tokens"));
        }
        let own_ids = !ids_given && header.info(BYTES).is_some() && header.info(ENDS).is_some();
        Ok(Self { input, rows, dim, own_ids })
    }

    /// Reads the tensors in the order of the file and passes over the others.
    fn read(&self, header: &Metadata, source: &mut Source<'_>) -> Result<Tensors> {
        let mut tensors = Tensors::default();
        for name in header.offset_keys() {
            let Some(info) = header.info(&name) else { continue };
            if name == self.input {
                tensors.input = floats(source, &name, info)?;
            } else if name == "output" {
                tensors.output = Some(floats(source, &name, info)?);
            } else if self.own_ids && name == BYTES {
                require_type(source, &name, info, Dtype::U8)?;
                let length = info.data_offsets.1 - info.data_offsets.0;
                if !source.take(length as u64, &mut tensors.bytes)? {
                    return Err(source.cut("a tensor"));
                }
            } else if self.own_ids && name == ENDS {
                tensors.ends = integers(source, &name, info, self.rows)?;
            } else if self.own_ids && name == COUNTS {
                tensors.counts = Some(integers(source, &name, info, self.rows)?);
            } else if !source.skip((info.data_offsets.1 - info.data_offsets.0) as u64)? {
                return Err(source.cut("a tensor"));
            }
        }
        Ok(tensors)
    }
}

/// What was read.
#[derive(Default)]
struct Tensors {
    input: Vec<f32>,
    output: Option<Vec<f32>>,
    bytes: Vec<u8>,
    ends: Vec<u64>,
    counts: Option<Vec<u64>>,
}

fn require_type(source: &Source<'_>, name: &str, info: &TensorInfo, expected: Dtype) -> Result<()> {
    if info.dtype == expected {
        return Ok(());
    }
    let what = format!("the tensor '{}' has the type {:?}, expected {expected:?}", shown(name), info.dtype);
    Err(Error::input(source.path(), what, "convert it, in PyTorch for example: tensor.to(torch.float32)"))
}

/// Reads a tensor of values; the header was held against the length of the file before.
fn floats(source: &mut Source<'_>, name: &str, info: &TensorInfo) -> Result<Vec<f32>> {
    let count: usize = info.shape.iter().product();
    let mut values = Vec::new();
    let whole = if info.dtype == Dtype::F64 {
        values.reserve_exact(source.room(count as u64, 8));
        source.numbers(count, &mut values, |bytes| f64::from_le_bytes(bytes) as f32)?
    } else {
        require_type(source, name, info, Dtype::F32)?;
        values.reserve_exact(source.room(count as u64, 4));
        source.floats(count, &mut values)?
    };
    if whole { Ok(values) } else { Err(source.cut("a tensor")) }
}

fn integers(source: &mut Source<'_>, name: &str, info: &TensorInfo, rows: usize) -> Result<Vec<u64>> {
    require_type(source, name, info, Dtype::U64)?;
    if info.shape != [rows] {
        let what = format!("'{name}' has the shape {:?}, expected [{rows}]", info.shape);
        return Err(Error::input(source.path(), what, "expected one number for each row of the matrix"));
    }
    let mut numbers = Vec::new();
    numbers.reserve_exact(source.room(rows as u64, 8));
    let whole = source.numbers(rows, &mut numbers, u64::from_le_bytes)?;
    if whole { Ok(numbers) } else { Err(source.cut("a tensor")) }
}

/// The tokens in the file itself. Returns for each row whether it was kept.
fn own_ids(tensors: &Tensors, count: usize, path: &Path, rows: &mut Rows<'_>) -> Result<Vec<bool>> {
    let (mut kept, mut start) = (Vec::with_capacity(count), 0);
    for (row, end) in tensors.ends.iter().enumerate() {
        if rows.full() {
            return Ok(kept);
        }
        let token = usize::try_from(*end).ok().and_then(|end| tensors.bytes.get(start..end));
        let token = token.ok_or_else(|| {
            let length = grouped(tensors.bytes.len() as u64);
            let what =
                format!("'{ENDS}' of row {} is {end}, with '{BYTES}' of {length} bytes", grouped(row as u64 + 1));
            damaged(path, what)
        })?;
        let tokens_count = tensors.counts.as_ref().map_or(0, |counts| counts[row]);
        kept.push(rows.push(token, tokens_count, row as u64 + 1, Place::file(path))?);
        start += token.len();
    }
    Ok(kept)
}

/// Writes the matrices under their names, each of shape `[embeddings.len(), any]`, with tokens and counts.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, embeddings: &Embeddings, matrices: &[(&str, &Matrix)]) -> Result<()> {
    matrices.iter().try_for_each(|(_, matrix)| require_rows(embeddings, matrix))?;
    let vocab = embeddings.vocab();
    let mut ends = Vec::with_capacity(vocab.len());
    for (_, token, _) in vocab.iter() {
        ends.push(ends.last().unwrap_or(&0) + token.len());
    }
    // Wide numbers first: so every tensor begins at a multiple of its width.
    let mut tensors = Vec::new();
    let mut end = 0;
    let mut add = |name: &str, dtype, shape: Vec<usize>, bytes: usize| {
        let data_offsets = (end, end + bytes);
        end += bytes;
        tensors.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets }));
    };
    add(ENDS, Dtype::U64, vec![vocab.len()], vocab.len() * 8);
    add(COUNTS, Dtype::U64, vec![vocab.len()], vocab.len() * 8);
    for (name, matrix) in matrices {
        add(name, Dtype::F32, vec![matrix.rows(), matrix.dim()], matrix.as_slice().len() * 4);
    }
    let length = ends.last().copied().unwrap_or(0);
    add(BYTES, Dtype::U8, vec![length], length);
    let header = Metadata::new(None, tensors).map_err(|error| Error::data(error.to_string(), ""))?;
    let mut header = serde_json::to_string(&header).map_err(|error| Error::data(error.to_string(), ""))?;
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            writer.write_all(&(header.len() as u64).to_le_bytes())?;
            writer.write_all(header.as_bytes())?;
            ends.iter().try_for_each(|end| writer.write_all(&(*end as u64).to_le_bytes()))?;
            vocab.counts().iter().try_for_each(|count| writer.write_all(&count.to_le_bytes()))?;
            for (_, matrix) in matrices {
                matrix.as_slice().iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))?;
            }
            vocab.iter().try_for_each(|(_, token, _)| writer.write_all(token.as_bytes()))
        };
        write().map_err(Error::io(path, "write"))
    })
}
