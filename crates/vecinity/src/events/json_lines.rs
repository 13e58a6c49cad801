//! JSON Lines: an object an event (`{"user":"u1","item":"i7","ts":1}`), an object a history
//! (`{"user":"u1","items":["i7","i8"]}`), or an array of ids a line.

use super::batch::{Encoder, Has, Row};
use super::columns::{Columns, Role};
use super::delimited::Form;
use super::table::Table;
use super::{Opened, Options, delimited};
use crate::corpus::Source;
use crate::error::{Error, Place, Result, shown};
use serde_json::Value;
use std::borrow::Cow;

/// What each key is for.
struct Keys {
    of: Vec<(Role, String)>,
    has: Has,
}

/// Reads JSON Lines.
pub(super) fn read(source: &Source, opened: Opened, options: &Options, table: &mut Table) -> Result<()> {
    let first = super::first_line(&opened.start);
    let example: Value = serde_json::from_slice(first).map_err(|error| {
        let what = format!("not JSON: {error}");
        let advice = "expected one object or array a line, such as {\"user\":\"u1\",\"item\":\"i7\",\"time\":1}";
        Error::input(Place::line(source.path(), 1), what, advice)
    })?;
    if example.is_array() {
        let has = Has { user: true, ..Has::default() };
        table.columns(source.path(), &Columns::lines(), has)?;
        table.lines();
        return delimited::blocks(source, opened, options.threads, Form::default(), table, &arrays);
    }
    let keys = keys(&example, options, source, table)?;
    let form = Form { has: keys.has, ..Form::default() };
    delimited::blocks(source, opened, options.threads, form, table, &|block, to| {
        objects(block, &keys, to);
    })
}

/// Finds the keys of the first object.
fn keys(example: &Value, options: &Options, source: &Source, table: &mut Table) -> Result<Keys> {
    let names: Vec<String> = example.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default();
    let columns = Columns::of_names(names, &options.columns).map_err(|error| error.at(source.path()))?;
    let columns = columns.with_beside(&options.beside);
    let has = columns.has();
    table.columns(source.path(), &columns, has)?;
    let of = columns.roles.iter().map(|(&role, &at)| (role, columns.names[at].clone())).collect();
    Ok(Keys { of, has })
}

fn lines(block: &[u8], to: &mut Encoder, mut each: impl FnMut(&mut Encoder, u64, Value)) {
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        to.batch.lines += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = to.batch.lines;
        match serde_json::from_slice(line) {
            Ok(value) => each(to, number, value),
            Err(error) => {
                to.batch.rows += 1;
                to.refuse(number, format!("not JSON: {error}"));
            }
        }
    }
}

fn arrays(block: &[u8], to: &mut Encoder) {
    lines(block, to, |to, line, value| {
        let Value::Array(ids) = value else {
            to.batch.rows += 1;
            return to.refuse(line, "expected an array of ids".into());
        };
        for id in &ids {
            to.batch.rows += 1;
            match text(id).filter(|id| !id.is_empty()) {
                Some(id) => {
                    to.batch.user.push(line as u32 - 1);
                    to.append("", &id, "", "", 0, 1.0);
                }
                None => to.refuse(line, format!("'{}' is no id", shown(&id.to_string()))),
            }
        }
    });
}

fn objects(block: &[u8], keys: &Keys, to: &mut Encoder) {
    lines(block, to, |to, line, value| {
        let field = |role: Role| keys.of.iter().find(|(known, _)| *known == role).and_then(|(_, key)| value.get(key));
        let list = |role: Role| field(role).and_then(Value::as_array);
        let items = list(Role::Item);
        for at in 0..items.map_or(1, Vec::len) {
            // A list beside the items belongs to them one by one, a single value to all of them.
            let values: Vec<(Role, Option<Cow<'_, str>>)> = (keys.of.iter())
                .map(|(role, _)| {
                    let value = match list(*role) {
                        Some(list) if items.is_some() => list.get(at),
                        _ => field(*role),
                    };
                    (*role, value.and_then(text))
                })
                .collect();
            let mut row = Row::default();
            for (role, value) in &values {
                row.set(*role, value.as_deref().unwrap_or("").as_bytes());
            }
            to.push(&row, line);
        }
    });
}

/// A string or a number as text; `None` for anything else.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        _ => None,
    }
}
