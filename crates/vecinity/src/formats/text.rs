//! Rows of text, one vector a line: `token v1 v2 .. vD`, parted by spaces (or tabs).
//!
//! The token is all before the last `D` fields, so that it may hold spaces itself, as some of GloVe's
//! do; but a token that ends in a number cannot be told from a row with a value too many, and is refused.

use super::rows::Rows;
use super::source::Source;
use crate::error::{Error, Place, Result, counted, grouped, shown};

/// What [`parse`] found wrong with a line.
#[derive(Debug, PartialEq)]
pub(super) enum Bad {
    /// So many values in the place of `dim`; the token ends at `token`.
    Count { token: usize, found: usize },
    /// Value `number`, from 1, is not one; it is `field`.
    Value { token: usize, number: usize, field: String },
}

/// Appends the values of a line and returns where its token ends.
///
/// Without a `dim`, every number at the end of the line but its first field is a value.
pub(super) fn parse(line: &[u8], dim: Option<usize>, values: &mut Vec<f32>) -> Result<usize, Bad> {
    let line = trim_end(line);
    // The separator is what stands before the last value: a token may hold the other one.
    let separator = line.iter().rev().copied().find(|b| is_separator(*b)).unwrap_or(b' ');
    let start = values.len();
    if let Some(dim) = dim {
        let token = memchr::memchr(separator, line).unwrap_or(line.len());
        if parse_all(&line[token..], separator, values) && values.len() - start == dim {
            return Ok(token);
        }
        values.truncate(start);
    }
    parse_from_end(line, separator, dim, values)
}

/// Appends the values of all fields; `false` if one is not a number.
fn parse_all(fields: &[u8], separator: u8, values: &mut Vec<f32>) -> bool {
    let mut at = 0;
    for end in memchr::memchr_iter(separator, fields).chain([fields.len()]) {
        if end > at {
            let Some(value) = number(&fields[at..end]) else { return false };
            values.push(value);
        }
        at = end + 1;
    }
    true
}

/// The careful way: looks from the end of the line for values.
fn parse_from_end(line: &[u8], separator: u8, dim: Option<usize>, values: &mut Vec<f32>) -> Result<usize, Bad> {
    let start = values.len();
    let mut bad = None;
    let mut token = line.len();
    while let Some(before) = memchr::memrchr(separator, &line[..token]) {
        let field = &line[before + 1..token];
        if !field.is_empty() {
            match number(field) {
                Some(value) => values.push(value),
                None => {
                    bad = Some(field);
                    break;
                }
            }
        }
        token = before;
    }
    let found = values.len() - start;
    let wanted = dim.unwrap_or(found);
    if found == wanted && found > 0 {
        values[start..].reverse();
        return Ok(token);
    }
    values.truncate(start);
    // One field too few, and the next is no number: if all before it is one token, it is a bad value.
    let fields = line.split(|b| *b == separator).skip(1).filter(|field| !field.is_empty()).count();
    match bad {
        Some(field) if fields == wanted || dim.is_none() => {
            let token = memchr::memchr(separator, line).unwrap_or(line.len());
            Err(Bad::Value { token, number: fields - found, field: shown(&String::from_utf8_lossy(field)) })
        }
        _ => Err(Bad::Count { token, found }),
    }
}

pub(super) fn number(field: &[u8]) -> Option<f32> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn is_separator(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Without separators at the end: `word2vec.c` writes one after each value.
fn trim_end(mut line: &[u8]) -> &[u8] {
    while let Some((last, rest)) = line.split_last()
        && is_separator(*last)
    {
        line = rest;
    }
    line
}

/// Reads lines up to the end of the source; `dim` is the number of values if known, `expected` the
/// number of lines that the header promised. Returns `dim` and all values.
pub(super) fn read(
    source: &mut Source<'_>,
    mut dim: Option<usize>,
    expected: Option<u64>,
    rows: &mut Rows<'_>,
) -> Result<(usize, Vec<f32>)> {
    let origin = if expected.is_some() { "the header" } else { "the first line" };
    let mut values = Vec::new();
    if let (Some(dim), Some(expected)) = (dim, expected) {
        let room = rows.wanted(expected).saturating_mul(dim as u64);
        values.reserve_exact(source.room(room, 2));
    }
    let (mut line, mut seen) = (Vec::new(), 0);
    while !rows.full() && source.line(&mut line)? {
        if trim_end(&line).is_empty() {
            continue;
        }
        let place = source.at_line();
        if expected == Some(seen) {
            let what = format!("one row more than the {} that the header promised", grouped(seen));
            return Err(Error::input(place, what, "correct the header or remove the rows"));
        }
        seen += 1;
        let start = values.len();
        let token = parse(&line, dim, &mut values).map_err(|bad| explain(bad, &line, dim, origin, &place))?;
        dim.get_or_insert(values.len() - start);
        let number = source.line_number();
        if !rows.push(&line[..token], 0, number, Place { byte: Some(1), ..place.clone() })? {
            values.truncate(start);
            continue;
        }
        rows.check_finite(&values[start..], place)?;
    }
    if let Some(expected) = expected.filter(|expected| *expected != seen && !rows.full()) {
        let what = format!("the header claims {}, the file has {}", counted(expected, "row"), grouped(seen));
        let advice = "the file was cut: copy or download it again, or correct the header";
        return Err(Error::input(source.path(), what, advice));
    }
    Ok((dim.unwrap_or(0), values))
}

fn explain(bad: Bad, line: &[u8], dim: Option<usize>, origin: &str, place: &Place) -> Error {
    let token = |end: usize| shown(&String::from_utf8_lossy(&line[..end]));
    match bad {
        Bad::Count { token: end, found } => {
            let what = match dim {
                Some(dim) => {
                    let found = counted(found as u64, "value");
                    format!("'{}' has {found}, {origin} has {}", token(end), grouped(dim as u64))
                }
                None => format!("'{}' has no values", token(end)),
            };
            let advice = "expected: token, then its values, parted by spaces; a token must not end in ' ' and a number";
            Error::input(place.clone(), what, advice)
        }
        Bad::Value { token: end, number, field } => {
            let what = format!("value {number} of '{}' is '{field}', expected a number", token(end));
            Error::input(place.clone(), what, "expected: token, then its values, parted by spaces")
        }
    }
}

/// Writes one line: the token, its values, `\n`. The values are written so that reading them again
/// gives the same bits.
pub(super) fn write_row(writer: &mut impl std::io::Write, token: &str, row: &[f32]) -> std::io::Result<()> {
    writer.write_all(token.as_bytes())?;
    write_values(writer, row, " ", " ")?;
    writer.write_all(b"\n")
}

/// Writes values, `first` before the first of them and `between` before the others.
pub(super) fn write_values(
    writer: &mut impl std::io::Write,
    row: &[f32],
    first: &str,
    between: &str,
) -> std::io::Result<()> {
    for (at, value) in row.iter().enumerate() {
        let before = if at == 0 { first } else { between };
        // Plain decimals where they are short, `1e-30` where they would be long.
        if *value != 0.0 && !(1e-5..1e7).contains(&value.abs()) {
            write!(writer, "{before}{value:e}")?;
        } else {
            write!(writer, "{before}{value}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str, dim: Option<usize>) -> Result<(&str, Vec<f32>), Bad> {
        let mut values = Vec::new();
        let token = parse(line.as_bytes(), dim, &mut values)?;
        Ok((&line[..token], values))
    }

    #[test]
    fn a_token_is_all_before_the_values() {
        assert_eq!(parsed("a 1 2.5", Some(2)), Ok(("a", vec![1.0, 2.5])));
        assert_eq!(parsed("a 1 -2e-3 ", Some(2)), Ok(("a", vec![1.0, -0.002])));
        assert_eq!(parsed("a\t1\t2", Some(2)), Ok(("a", vec![1.0, 2.0])));
        assert_eq!(parsed(". . 1 2", Some(2)), Ok((". .", vec![1.0, 2.0])));
        assert_eq!(parsed("New York\t1\t2", Some(2)), Ok(("New York", vec![1.0, 2.0])));
        assert_eq!(parsed("1984 1 2", Some(2)), Ok(("1984", vec![1.0, 2.0])));
    }

    #[test]
    fn the_first_line_tells_the_number_of_values() {
        assert_eq!(parsed("a 1 2 3", None), Ok(("a", vec![1.0, 2.0, 3.0])));
        assert_eq!(parsed("1984 1 2", None), Ok(("1984", vec![1.0, 2.0])));
        assert_eq!(parsed("a", None), Err(Bad::Count { token: 1, found: 0 }));
    }

    #[test]
    fn bad_lines_are_told_apart() {
        assert_eq!(parsed("a 1", Some(2)), Err(Bad::Count { token: 1, found: 1 }));
        assert_eq!(parsed("Toy Story 2 1 2", Some(2)), Err(Bad::Count { token: 9, found: 3 }));
        assert_eq!(parsed("a 1 x", Some(2)), Err(Bad::Value { token: 1, number: 2, field: "x".into() }));
        assert_eq!(parsed("a x 2", Some(2)), Err(Bad::Value { token: 1, number: 1, field: "x".into() }));
    }
}
