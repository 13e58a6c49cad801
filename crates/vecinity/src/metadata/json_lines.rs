//! JSON Lines: one object a line. Strings stay as they are, numbers keep the digits they were written
//! with, `null` is the same as a missing field.

use super::{Builder, Metadata, id_column};
use crate::error::{Error, Place, Result, shown};
use crate::vocab::Vocab;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;
use std::io::{self, BufRead, Write};

const FORM: &str = r#"expected one JSON object a line, for example: {"id": "1", "title": "Toy Story"}"#;

/// Reads JSON Lines; blank lines are passed over.
pub(super) fn read(mut reader: impl BufRead, file: &Place) -> Result<Metadata> {
    let mut builder: Option<Builder> = None;
    let mut id_name = String::new();
    let (mut line, mut bytes) = (0, Vec::new());
    loop {
        bytes.clear();
        line += 1;
        if reader.read_until(b'\n', &mut bytes).map_err(Error::io(&*file.path, "read"))? == 0 {
            break;
        }
        let place = Place::line(&*file.path, line);
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let place = Place { byte: Some(error.valid_up_to() as u64 + 1), ..place.clone() };
            let advice = "convert the file, for example: iconv -f latin1 -t utf-8";
            Error::input(place, "not UTF-8 (is the file Latin-1?)", advice)
        })?;
        if text.trim().is_empty() {
            continue;
        }
        let Pairs(pairs) = serde_json::from_str(text.trim_end_matches(['\r', '\n'])).map_err(|error| {
            let place = Place { byte: Some(error.column() as u64), ..place.clone() };
            Error::input(place, "not a JSON object", FORM)
        })?;
        let builder = builder.get_or_insert_with(|| {
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            id_name = names.get(id_column(&names)).map_or_else(|| "id".to_owned(), ToString::to_string);
            Builder::new(&id_name)
        });
        read_row(builder, &pairs, &id_name, line, &place)?;
    }
    Ok(builder.unwrap_or_else(|| Builder::new("id")).finish())
}

fn read_row(
    builder: &mut Builder,
    pairs: &[(String, &RawValue)],
    id_name: &str,
    line: u64,
    place: &Place,
) -> Result<()> {
    let twice = |name: &str| {
        let what = format!("the key '{}' occurs twice", shown(name));
        Error::input(place.clone(), what, "give every key once")
    };
    let mut id = None;
    let mut cells = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let text = text_of(value).ok_or_else(|| {
            let what = format!("the text of '{}' is not valid Unicode", shown(name));
            Error::input(place.clone(), what, r"escapes like \ud800 must come in pairs")
        })?;
        if name == id_name {
            if id.replace(text).is_some() {
                return Err(twice(name));
            }
        } else if name == "id" {
            let what = format!("a key 'id', where the lines before have their ids in '{}'", shown(id_name));
            return Err(Error::input(place.clone(), what, "give every line the same keys"));
        } else {
            cells.push((builder.column(name, place)?, text));
        }
    }
    // In the order of the columns, so that a repeated row can be told from a different one.
    cells.sort_by_key(|(column, _)| *column);
    if let Some(pair) = cells.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(twice(builder.column_name(pair[0].0)));
    }
    let id = id.ok_or_else(|| {
        Error::input(place.clone(), format!("the key '{}' (the id) is missing", shown(id_name)), FORM)
    })?;
    builder.push(&id, line, place, cells.iter().map(|(column, text)| (*column, text.as_str())))
}

/// A value as text: strings without quotes, `null` as nothing, anything else as it was written.
fn text_of(value: &RawValue) -> Option<String> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).ok(),
        _ if raw == "null" => Some(String::new()),
        _ => Some(raw.to_owned()),
    }
}

/// The pairs of an object, in its order and with repetitions.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// Writes one object for each token of `vocab` that the metadata know, with the id first.
pub(super) fn write(metadata: &Metadata, writer: &mut impl Write, vocab: &Vocab) -> io::Result<()> {
    for (_, token, _) in vocab.iter() {
        let Some(row) = metadata.ids.get(token) else { continue };
        let mut json = serde_json::Serializer::new(&mut *writer);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("id", token)?;
        for (column, text) in metadata.cells(row.row()) {
            map.serialize_entry(&metadata.columns[column], text)?;
        }
        map.end()?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
