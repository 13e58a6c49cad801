//! A Parquet table with the columns `id` and `vector`, and perhaps `count`, `title` and other fields.
//!
//! Read: `id` (strings or integers; the first column that is not the vectors if none is called so),
//! `vector` (a list of `f32` or `f64`, of fixed length or not, or else the only list of such), `count`
//! (integers). All other columns of strings, numbers and booleans become metadata; columns of other
//! types are left out. Written: `id`, `vector` as a fixed-size list of `f32`, `count`, the metadata
//! as strings.
//!
//! The decoding is done by the `parquet` crate, with the types of the Parquet schema itself: what a
//! writer may have added about Arrow is passed over. It panics on some damaged files; here, and only
//! here, a panic is caught and becomes the error that it should have been.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{ReadOptions, require_rows};
use crate::TokenId;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, counted, grouped, shown};
use crate::metadata::{Builder, Metadata};
use crate::publish;
use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::reader::ChunkReader;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

/// Rows decoded or encoded at a time.
const BATCH: usize = 1024;

/// Reads a table.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the row.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    // Refuses folders, in the words of all formats.
    drop(Source::open(path)?);
    parse(File::open(path).map_err(Error::io(path, "open"))?, path, options)
}

/// As [`read`], from anything the Parquet library reads, called `name` in messages.
///
/// # Errors
/// As [`read`].
pub fn parse(reader: impl ChunkReader + 'static, name: &Path, options: &ReadOptions) -> Result<Embeddings> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let what = format!("not readable as Parquet: {error}");
        Error::input(name, what, "the file was cut or is damaged: copy or download it again")
    };
    let arrow = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new_with_options(reader, arrow));
    let builder = builder.map_err(|error| unreadable(&error))?;
    let columns = Columns::choose(builder.schema(), name)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns.all());
    let batches = guarded(|| builder.with_projection(mask).with_batch_size(BATCH).build());
    let mut batches = batches.map_err(|error| unreadable(&error))?;
    let mut table = Table::new(&columns, name, options)?;
    while !table.rows.full() {
        let batch = guarded(|| batches.next().transpose().map_err(ParquetError::from));
        let Some(batch) = batch.map_err(|error| unreadable(&error))? else { break };
        table.add(&batch)?;
    }
    table.finish()
}

/// Calls into the Parquet library; a panic there becomes an error.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    // What `call` has changed is not looked at again after an error.
    std::panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(ParquetError::General(said.unwrap_or("the decoder gave up").to_owned()))
    })
}

/// What each column of the file is for, by its number.
struct Columns {
    id: usize,
    vector: usize,
    count: Option<usize>,
    fields: Vec<(usize, String)>,
}

impl Columns {
    fn choose(schema: &Schema, path: &Path) -> Result<Self> {
        let listed = || {
            let columns = schema.fields().iter().take(8);
            columns
                .map(|field| format!("{}: {}", shown(field.name()), field.data_type()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let missing = |name: &str, kind: &str| {
            let what = format!("no column '{name}' of {kind} among: {}", listed());
            Error::input(path, what, "expected the columns id (strings) and vector (lists of floats)")
        };
        let of = |wanted: fn(&DataType) -> bool| {
            schema.fields().iter().enumerate().filter(move |(_, field)| wanted(field.data_type()))
        };
        let vectors: Vec<_> = of(is_vector).collect();
        let vector = match vectors.iter().find(|(_, field)| field.name() == "vector") {
            Some((at, _)) => *at,
            None if vectors.len() == 1 => vectors[0].0,
            None => return Err(missing("vector", "lists of floats")),
        };
        let ids: Vec<_> = of(|kind| is_text(kind) || kind.is_integer()).collect();
        let named = |wanted: fn(&str) -> bool| ids.iter().find(move |(_, field)| wanted(field.name()));
        let id = named(|n| n == "id").or_else(|| named(|n| n.eq_ignore_ascii_case("id"))).or(ids.first());
        let id = id.ok_or_else(|| missing("id", "strings"))?.0;
        let count = of(DataType::is_integer).find(|(at, field)| *at != id && field.name() == "count").map(|(at, _)| at);
        let fields = of(|kind| is_text(kind) || kind.is_numeric() || *kind == DataType::Boolean)
            .filter(|(at, _)| *at != id && Some(*at) != count);
        let fields = fields.map(|(at, field)| (at, field.name().clone())).collect();
        Ok(Self { id, vector, count, fields })
    }

    fn all(&self) -> Vec<usize> {
        let fields = self.fields.iter().map(|(at, _)| *at);
        [self.id, self.vector].into_iter().chain(self.count).chain(fields).collect()
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Binary)
}

fn is_vector(kind: &DataType) -> bool {
    matches!(kind, DataType::List(item) if matches!(item.data_type(), DataType::Float32 | DataType::Float64))
}

/// A table while it is read.
struct Table<'a> {
    path: &'a Path,
    rows: Rows<'a>,
    dim: usize,
    values: Vec<f32>,
    metadata: Builder,
    /// The chosen columns in the order of the file, which is that of a batch.
    order: Vec<usize>,
    columns: &'a Columns,
    /// Rows read so far, kept or not.
    read: u64,
}

impl<'a> Table<'a> {
    fn new(columns: &'a Columns, path: &'a Path, options: &'a ReadOptions) -> Result<Self> {
        let mut order = columns.all();
        order.sort_unstable();
        let mut metadata = Builder::new("id");
        for (at, (_, name)) in columns.fields.iter().enumerate() {
            if metadata.column(name, &Place::file(path))? != at {
                let what = format!("the column '{}' occurs twice", shown(name));
                return Err(Error::input(path, what, "give every column a name of its own"));
            }
        }
        let rows = Rows::new(path, Unit::Row, options);
        Ok(Self { path, rows, dim: 0, values: Vec::new(), metadata, order, columns, read: 0 })
    }

    fn error(&self, what: &str) -> Error {
        Error::input(
            self.path,
            format!("row {}: {what}", grouped(self.read)),
            "expected an id and a vector in every row",
        )
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let column = |at: usize| self.order.iter().position(|c| *c == at).and_then(|at| batch.columns().get(at));
        let (Some(ids), Some(vectors)) = (column(self.columns.id), column(self.columns.vector)) else {
            return Err(self.error("a column is missing"));
        };
        let counts = self.columns.count.and_then(column);
        let fields: Vec<_> = self.columns.fields.iter().filter_map(|(at, _)| column(*at)).collect();
        let Some(vectors) = vectors.as_list_opt::<i32>() else { return Err(self.error("the vectors are no lists")) };
        for row in 0..batch.num_rows() {
            if self.rows.full() {
                break;
            }
            self.read += 1;
            let token = bytes_at(ids, row).ok_or_else(|| self.error("the id is null"))?;
            let count = counts.map_or(Some(0), |counts| text_at(counts, row)?.parse().ok());
            let count = count.ok_or_else(|| self.error("the count is no number from 0 on"))?;
            let start = self.values.len();
            self.add_vector(vectors, row)?;
            if !self.rows.push(&token, count, self.read, Place::file(self.path))? {
                self.values.truncate(start);
                continue;
            }
            self.rows.check_finite(&self.values[start..], Place::file(self.path))?;
            let texts: Vec<_> = fields.iter().map(|field| text_at(field, row)).collect();
            let cells = texts.iter().enumerate().filter_map(|(at, text)| Some((at, text.as_deref()?)));
            self.metadata.push(self.rows.last_token(), self.read, &Place::file(self.path), cells)?;
        }
        Ok(())
    }

    fn add_vector(&mut self, vectors: &ListArray, row: usize) -> Result<()> {
        if vectors.is_null(row) {
            return Err(self.error("the vector is null"));
        }
        let vector = vectors.value(row);
        if vector.null_count() > 0 {
            return Err(self.error("the vector holds null"));
        }
        if let Some(values) = vector.as_primitive_opt::<Float32Type>() {
            self.values.extend_from_slice(values.values());
        } else if let Some(values) = vector.as_primitive_opt::<Float64Type>() {
            self.values.extend(values.values().iter().map(|value| *value as f32));
        }
        if self.read == 1 {
            self.dim = vector.len();
        }
        if vector.len() != self.dim || self.dim == 0 {
            return Err(self.error(&format!(
                "{}, the first row has {}",
                counted(vector.len() as u64, "value"),
                self.dim
            )));
        }
        Ok(())
    }

    fn finish(self) -> Result<Embeddings> {
        let metadata = (!self.columns.fields.is_empty()).then(|| self.metadata.finish());
        Ok(self.rows.finish(self.dim, self.values, None)?.with_metadata(metadata))
    }
}

/// An id as bytes; `None` if it is null.
fn bytes_at(column: &ArrayRef, row: usize) -> Option<Cow<'_, [u8]>> {
    match column.as_binary_opt::<i32>() {
        Some(binary) => binary.is_valid(row).then(|| binary.value(row).into()),
        None => Some(text_at(column, row)?.into_owned().into_bytes().into()),
    }
}

/// A field as text; `None` if it is null.
fn text_at(column: &ArrayRef, row: usize) -> Option<Cow<'_, str>> {
    macro_rules! numbers {
        ($($kind:ident => $type:ty),*) => {
            match column.data_type() {
                DataType::Utf8 => column.as_string::<i32>().value(row).into(),
                DataType::Binary => String::from_utf8_lossy(column.as_binary::<i32>().value(row)),
                DataType::Boolean => column.as_boolean().value(row).to_string().into(),
                $(DataType::$kind => column.as_primitive::<$type>().value(row).to_string().into(),)*
                _ => return None,
            }
        };
    }
    if column.is_null(row) {
        return None;
    }
    Some(numbers!(
        Int8 => Int8Type, Int16 => Int16Type, Int32 => Int32Type, Int64 => Int64Type,
        UInt8 => UInt8Type, UInt16 => UInt16Type, UInt32 => UInt32Type, UInt64 => UInt64Type,
        Float32 => Float32Type, Float64 => Float64Type
    ))
}

/// Writes a table. `vectors` has the shape `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a column of the metadata is called as one of ours, [`Error::Io`].
pub fn write(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    let wide = i32::try_from(vectors.dim());
    let wide = wide.map_err(|_| Error::data("more than 2^31 values in a vector", "use another format"))?;
    let item = Arc::new(Field::new("element", DataType::Float32, false));
    let mut fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("vector", DataType::FixedSizeList(item.clone(), wide), false),
        Field::new("count", DataType::UInt64, false),
    ];
    for name in embeddings.metadata().map_or(&[][..], Metadata::columns) {
        if fields.iter().any(|field| field.name().eq_ignore_ascii_case(name)) {
            let what = format!("the metadata have a column '{}', a name that the table needs itself", shown(name));
            return Err(Error::data(what, "rename the column in the metadata file"));
        }
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_bytes(Some(64 << 20))
        .set_created_by(concat!("vecinity ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let failed = |error: ParquetError| Error::io(path, "write")(std::io::Error::other(error));
    publish::file(path, |writer| {
        let mut writer = ArrowWriter::try_new(writer, schema.clone(), Some(properties)).map_err(failed)?;
        for start in (0..embeddings.len()).step_by(BATCH) {
            let rows = start..(start + BATCH).min(embeddings.len());
            let mut columns = our_columns(embeddings, vectors, rows.clone(), &item, wide).map_err(failed)?;
            columns.extend(metadata_columns(embeddings, rows));
            let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|error| failed(error.into()))?;
            writer.write(&batch).map_err(failed)?;
        }
        writer.close().map_err(failed)?;
        Ok(())
    })
}

fn our_columns(
    embeddings: &Embeddings,
    vectors: &Matrix,
    rows: Range<usize>,
    item: &Arc<Field>,
    wide: i32,
) -> Result<Vec<ArrayRef>, ParquetError> {
    let ids = StringArray::from_iter_values(rows.clone().map(|row| embeddings.vocab().token(TokenId(row as u32))));
    let dim = vectors.dim();
    let values = Float32Array::from_iter_values(vectors.as_slice()[rows.start * dim..rows.end * dim].iter().copied());
    let values = FixedSizeListArray::try_new(item.clone(), wide, Arc::new(values), None)?;
    let counts = UInt64Array::from_iter_values(embeddings.vocab().counts()[rows].iter().copied());
    Ok(vec![Arc::new(ids), Arc::new(values), Arc::new(counts)])
}

fn metadata_columns(embeddings: &Embeddings, rows: Range<usize>) -> Vec<ArrayRef> {
    let Some(metadata) = embeddings.metadata() else { return Vec::new() };
    let mut columns: Vec<_> = metadata.columns().iter().map(|_| StringBuilder::new()).collect();
    for row in rows {
        let fields = metadata.fields(embeddings.vocab().token(TokenId(row as u32)));
        for (at, column) in columns.iter_mut().enumerate() {
            column.append_option(fields.as_ref().map(|fields| fields[at]).filter(|text| !text.is_empty()));
        }
    }
    columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect()
}
