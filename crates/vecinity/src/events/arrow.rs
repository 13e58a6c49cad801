//! Record batches of Arrow: rows to events, on all cores. A column of lists of items makes each row a whole history.

use super::Options;
use super::batch::{Batch, Encoder, Row};
use super::columns::{Columns, Role};
use super::table::Table;
use super::time::{self, Unit};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use arrow_schema::{DataType, TimeUnit};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

/// Rows at a time.
pub(super) const ROWS: usize = 1 << 16;
/// Batches of events that wait for those of other threads, a thread.
const AHEAD: usize = 4;

/// Reads record batches of one table.
pub(super) fn read(batches: &[RecordBatch], options: &Options, table: &mut Table) -> Result<()> {
    let name = Path::new("the table");
    let names = batches.first().map_or_else(Vec::new, |batch| {
        batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    });
    let columns = Columns::of_names(names, &options.columns).map_err(|error| error.at(name))?;
    let columns = columns.with_beside(&options.beside);
    let has = columns.has();
    table.columns(name, &columns, has)?;
    let roles: Vec<(Role, String)> =
        columns.roles.iter().map(|(&role, &at)| (role, columns.names[at].clone())).collect();
    let parts: Vec<RecordBatch> = (batches.iter())
        .flat_map(|batch| {
            let starts = (0..batch.num_rows()).step_by(ROWS);
            starts.map(move |start| batch.slice(start, ROWS.min(batch.num_rows() - start)))
        })
        .collect();
    let threads = options.threads.clamp(1, parts.len().max(1));
    let mut lines = 0;
    std::thread::scope(|scope| {
        let mut parsed = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (to, from) = mpsc::sync_channel::<Result<Batch, String>>(AHEAD);
            parsed.push(from);
            let (parts, roles) = (&parts, &roles);
            scope.spawn(move || {
                let mut encoder = Encoder::new(thread, has);
                for part in parts.iter().skip(thread).step_by(threads) {
                    let batch = parse(part, roles, &mut encoder).map(|()| encoder.take());
                    if to.send(batch).is_err() {
                        break;
                    }
                }
            });
        }
        for part in 0..parts.len() {
            let Ok(batch) = parsed[part % threads].recv() else { break };
            let batch = batch.map_err(|what| Error::input(name, what, "cast the column first"))?;
            table.merge(&batch, name, &mut lines)?;
        }
        Ok(())
    })
}

/// Rows of a record batch as events.
pub(super) fn parse(rows: &RecordBatch, roles: &[(Role, String)], to: &mut Encoder) -> Result<(), String> {
    let mut columns = Vec::with_capacity(roles.len());
    for (role, name) in roles {
        let array = rows.column_by_name(name).ok_or_else(|| format!("column {name} is gone"))?;
        columns.push((*role, Cells::new(array)?));
    }
    let items = columns.iter().find(|(role, _)| *role == Role::Item).map(|(_, cells)| cells);
    let mut texts: Vec<Vec<u8>> = vec![Vec::new(); columns.len()];
    for at in 0..rows.num_rows() {
        to.batch.lines += 1;
        let list = items.and_then(|cells| cells.list(at));
        for place in 0..list.as_ref().map_or(1, std::iter::ExactSizeIterator::len) {
            let mut row = Row::default();
            for ((role, cells), text) in columns.iter().zip(&mut texts) {
                let Some(at) = cells.place(at, place) else { continue };
                let known = match role {
                    Role::Time => {
                        row.known_time = cells.values.time(at);
                        row.known_time.is_some()
                    }
                    Role::Weight => {
                        row.known_weight = cells.values.weight(at);
                        row.known_weight.is_some()
                    }
                    _ => false,
                };
                if !known {
                    row.set(*role, cells.values.text(at, text));
                }
            }
            to.push(&row, to.batch.lines);
        }
    }
    to.batch.bytes = rows.get_array_memory_size() as u64;
    Ok(())
}

/// A column; its cells may be lists.
struct Cells<'a> {
    /// Where the cells of each row's list are among the values.
    lists: Option<Vec<std::ops::Range<usize>>>,
    values: Typed<'a>,
}

/// Values whose type is found once a column and not once a cell.
enum Typed<'a> {
    Utf8(&'a StringArray),
    Utf8View(&'a StringViewArray),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Other(&'a dyn Array),
    /// Categories: where the value of each row is, if it has one.
    Coded(Vec<Option<usize>>, Box<Self>),
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array) -> Result<Self, String> {
        let (lists, values) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let ends = list.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
                (Some(ends.collect()), list.values().as_ref())
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                let ends = list.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
                (Some(ends.collect()), list.values().as_ref())
            }
            _ => (None, array),
        };
        Ok(Self { lists, values: Typed::new(values)? })
    }

    /// Where the cells of a row's list are.
    fn list(&self, row: usize) -> Option<std::ops::Range<usize>> {
        self.lists.as_ref().and_then(|lists| lists.get(row).cloned())
    }

    /// Where the cell of a row is among the values, of a list the one at `place`; `None` behind its end.
    #[inline]
    fn place(&self, row: usize, place: usize) -> Option<usize> {
        match &self.lists {
            None => Some(row),
            Some(lists) => Some(lists[row].start + place).filter(|at| *at < lists[row].end),
        }
    }
}

impl<'a> Typed<'a> {
    fn new(values: &'a dyn Array) -> Result<Self, String> {
        if let Some(coded) = values.as_any_dictionary_opt() {
            let keys = if coded.values().is_empty() { vec![0; coded.len()] } else { coded.normalized_keys() };
            let places = keys.into_iter().enumerate().map(|(at, key)| coded.keys().is_valid(at).then_some(key));
            return Ok(Self::Coded(places.collect(), Box::new(Self::new(coded.values())?)));
        }
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
        if !known {
            return Err(format!("columns of type {kind} cannot be ids, times or weights"));
        }
        Ok(match kind {
            DataType::Utf8 => Self::Utf8(values.as_string()),
            DataType::Utf8View => Self::Utf8View(values.as_string_view()),
            DataType::Int64 => Self::Int64(values.as_primitive()),
            DataType::Float32 => Self::Float32(values.as_primitive()),
            DataType::Float64 => Self::Float64(values.as_primitive()),
            _ => Self::Other(values),
        })
    }

    /// A cell as text, written to `room` if it is none; nothing for a null.
    #[inline]
    fn text<'t>(&'t self, at: usize, room: &'t mut Vec<u8>) -> &'t [u8] {
        match self {
            Self::Utf8(values) if values.is_valid(at) => values.value(at).as_bytes(),
            Self::Utf8View(values) if values.is_valid(at) => values.value(at).as_bytes(),
            Self::Utf8(_) | Self::Utf8View(_) => &[],
            Self::Int64(values) => written(*values, at, room),
            Self::Float32(values) => written(*values, at, room),
            Self::Float64(values) => written(*values, at, room),
            Self::Other(values) => written(*values, at, room),
            Self::Coded(places, values) => places[at].map_or(&[], |at| values.text(at, room)),
        }
    }

    /// A time that needs no text: integers that [`time::parse`] would take for such.
    #[inline]
    fn time(&self, at: usize) -> Option<(i64, Unit)> {
        match self {
            Self::Int64(values) if values.is_valid(at) => {
                let number = values.value(at);
                (number.unsigned_abs() < 1_000_000_000_000_000_000)
                    .then(|| (time::from_number(number), Unit::of(number)))
            }
            _ => None,
        }
    }

    /// A weight that needs no text.
    #[inline]
    fn weight(&self, at: usize) -> Option<f32> {
        let weight = match self {
            Self::Float32(values) if values.is_valid(at) => values.value(at),
            Self::Float64(values) if values.is_valid(at) => values.value(at) as f32,
            Self::Int64(values) if values.is_valid(at) => values.value(at) as f32,
            _ => return None,
        };
        // Without the sign of -0.
        (weight.is_finite() && weight >= 0.0).then_some(weight + 0.0)
    }
}

fn written<'t>(values: &dyn Array, at: usize, room: &'t mut Vec<u8>) -> &'t [u8] {
    room.clear();
    write_value(values, at, room);
    room
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
