//! Parquet: row groups on all cores. A column of lists of items makes each row a whole history.
//!
//! The decoding is done by the `parquet` crate.

use super::batch::{Batch, Has, Row};
use super::columns::{Columns, Role};
use super::table::Table;
use super::{Options, time};
use crate::corpus::Source;
use crate::error::{Error, Result};
use crate::formats::parquet::guarded;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::errors::ParquetError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Rows decoded at a time.
const ROWS: usize = 1 << 16;

/// Reads a Parquet file.
pub(super) fn read(source: &Source, options: &Options, table: &mut Table) -> Result<()> {
    if !source.rereadable() {
        let advice = "write it to a file first: Parquet is read from its end";
        return Err(Error::input(source.path(), "Parquet cannot be read from standard input or a pipe", advice));
    }
    let path = source.path();
    let unreadable = |error: &ParquetError| {
        let what = format!("not readable as Parquet: {error}");
        Error::input(path, what, "the file was cut or is damaged: copy or download it again")
    };
    let open = || File::open(path).map_err(Error::io(path, "open"));
    let arrow = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let file = open()?;
    let metadata = guarded(|| ArrowReaderMetadata::load(&file, arrow)).map_err(|error| unreadable(&error))?;
    let names: Vec<String> = metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
    let columns = Columns::of_names(names, &options.columns).map_err(|error| error.at(source.path()))?;
    let has = columns.has();
    table.columns(source, &columns, has)?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.roles.values().copied());
    let roles: Vec<(Role, String)> =
        columns.roles.iter().map(|(&role, &at)| (role, columns.names[at].clone())).collect();
    let groups = metadata.metadata().num_row_groups();
    let next = AtomicUsize::new(0);
    let mut lines = 0;
    std::thread::scope(|scope| {
        type Part = std::result::Result<Option<Batch>, ParquetError>;
        let (parsed, done) = mpsc::sync_channel::<(usize, Part)>(4);
        for _ in 0..options.threads.clamp(1, groups.max(1)) {
            let (parsed, metadata, mask, roles, next) = (parsed.clone(), &metadata, &mask, &roles, &next);
            let file = open()?;
            scope.spawn(move || {
                loop {
                    let group = next.fetch_add(1, Ordering::Relaxed);
                    if group >= groups {
                        break;
                    }
                    let read = guarded(|| {
                        let builder =
                            ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone());
                        let reader =
                            builder.with_projection(mask.clone()).with_row_groups(vec![group]).with_batch_size(ROWS);
                        for batch in reader.build()? {
                            if parsed.send((group, Ok(Some(parse(&batch?, roles, has)?)))).is_err() {
                                return Ok(());
                            }
                        }
                        Ok(())
                    });
                    if parsed.send((group, read.map(|()| None))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(parsed);
        // Batches of later groups wait for those of earlier ones.
        let mut early: BTreeMap<usize, Vec<Option<Batch>>> = BTreeMap::new();
        let mut now = 0;
        for (group, part) in done {
            early.entry(group).or_default().push(part.map_err(|error| unreadable(&error))?);
            while let Some(parts) = early.get_mut(&now) {
                let mut ended = false;
                for part in parts.drain(..) {
                    match part {
                        Some(batch) => table.merge(&batch, source, &mut lines)?,
                        None => ended = true,
                    }
                }
                if !ended {
                    break;
                }
                early.remove(&now);
                now += 1;
            }
        }
        Ok(())
    })
}

/// Rows of a record batch as events.
fn parse(rows: &RecordBatch, roles: &[(Role, String)], has: Has) -> Result<Batch, ParquetError> {
    let mut batch = Batch::new(has);
    let mut columns = Vec::with_capacity(roles.len());
    for (role, name) in roles {
        let array = rows.column_by_name(name).ok_or_else(|| ParquetError::General(format!("column {name} is gone")))?;
        columns.push((*role, Cells::new(array)?));
    }
    let items = columns.iter().find(|(role, _)| *role == Role::Item).map(|(_, cells)| cells);
    let mut texts: Vec<Vec<u8>> = vec![Vec::new(); columns.len()];
    for at in 0..rows.num_rows() {
        batch.lines += 1;
        let list = items.and_then(|cells| cells.list(at));
        for place in 0..list.as_ref().map_or(1, std::iter::ExactSizeIterator::len) {
            for ((_, cells), text) in columns.iter().zip(&mut texts) {
                text.clear();
                cells.write(at, place, text);
            }
            let mut row = Row::default();
            for ((role, _), text) in columns.iter().zip(&texts) {
                row.set(*role, text);
            }
            batch.push(&row, batch.lines);
        }
    }
    batch.bytes = rows.get_array_memory_size() as u64;
    Ok(batch)
}

/// A column whose cells can be written as text; cells may be lists.
enum Cells<'a> {
    One(&'a dyn Array),
    List(Vec<std::ops::Range<usize>>, &'a dyn Array),
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array) -> Result<Self, ParquetError> {
        let cells = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let ranges = list.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize).collect();
                Self::List(ranges, list.values().as_ref())
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let ranges = list.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize).collect();
                Self::List(ranges, list.values().as_ref())
            }
            _ => Self::One(array),
        };
        let (Self::One(values) | Self::List(_, values)) = &cells;
        let kind = values.data_type();
        let known = kind.is_integer()
            || matches!(
                kind,
                DataType::Utf8
                    | DataType::LargeUtf8
                    | DataType::Utf8View
                    | DataType::Binary
                    | DataType::LargeBinary
                    | DataType::Float32
                    | DataType::Float64
                    | DataType::Boolean
                    | DataType::Timestamp(..)
                    | DataType::Date32
                    | DataType::Date64
            );
        if known {
            Ok(cells)
        } else {
            Err(ParquetError::General(format!("columns of type {kind} cannot be ids, times or weights")))
        }
    }

    /// Where the cells of a row's list are.
    fn list(&self, row: usize) -> Option<std::ops::Range<usize>> {
        match self {
            Self::List(ranges, _) => ranges.get(row).cloned(),
            Self::One(_) => None,
        }
    }

    /// Writes a cell as text: of a list the one at `place`; nothing for a null.
    fn write(&self, row: usize, place: usize, text: &mut Vec<u8>) {
        match self {
            Self::One(values) => write_value(*values, row, text),
            Self::List(ranges, values) => {
                let range = &ranges[row];
                if place < range.len() {
                    write_value(*values, range.start + place, text);
                }
            }
        }
    }
}

fn write_value(values: &dyn Array, at: usize, text: &mut Vec<u8>) {
    if values.is_null(at) {
        return;
    }
    macro_rules! number {
        ($kind:ty) => {{
            let number = values.as_primitive::<$kind>().value(at);
            // Writing to memory does not fail.
            let _ = write!(text, "{number}");
        }};
    }
    let mut instant = |milliseconds: i64| {
        // In a form that is a time whatever its size: small numbers would be taken for seconds.
        let _ = write!(text, "{}", time::Exact(milliseconds));
    };
    match values.data_type() {
        DataType::Utf8 => text.extend_from_slice(values.as_string::<i32>().value(at).as_bytes()),
        DataType::LargeUtf8 => text.extend_from_slice(values.as_string::<i64>().value(at).as_bytes()),
        DataType::Utf8View => text.extend_from_slice(values.as_string_view().value(at).as_bytes()),
        DataType::Binary => text.extend_from_slice(values.as_binary::<i32>().value(at)),
        DataType::LargeBinary => text.extend_from_slice(values.as_binary::<i64>().value(at)),
        DataType::Boolean => number_of(values.as_boolean().value(at), text),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Date32 => instant(i64::from(values.as_primitive::<Date32Type>().value(at)) * 86_400_000),
        DataType::Date64 => instant(values.as_primitive::<Date64Type>().value(at)),
        DataType::Timestamp(TimeUnit::Second, _) => {
            instant(values.as_primitive::<TimestampSecondType>().value(at).saturating_mul(1000));
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            instant(values.as_primitive::<TimestampMillisecondType>().value(at));
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            instant(values.as_primitive::<TimestampMicrosecondType>().value(at) / 1000);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            instant(values.as_primitive::<TimestampNanosecondType>().value(at) / 1_000_000);
        }
        // Refused by `Cells::new`.
        _ => {}
    }
}

fn number_of(value: bool, text: &mut Vec<u8>) {
    text.push(if value { b'1' } else { b'0' });
}
