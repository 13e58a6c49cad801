//! Values of flags that are one of a few names.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Parses one of the names of a table; clap lists the names and suggests the nearest.
pub(crate) fn choice<T: Clone + Send + Sync + 'static, const N: usize>(
    table: &'static [(&'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(table.iter().map(|(name, _)| *name));
    names.try_map(|name| {
        let found = table.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).ok_or("no such choice")
    })
}
