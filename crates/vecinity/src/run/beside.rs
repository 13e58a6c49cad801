//! What a network reads beside histories: columns of the events, and fields of the users.

use super::Show;
use crate::error::{Error, Result, counted, shown};
use crate::histories::Histories;
use crate::metadata::Metadata;
use std::path::PathBuf;

/// Puts the wanted fields of items beside them.
pub(super) fn join_items(histories: Histories, fields: &[&str], metadata: Option<&Metadata>) -> Result<Histories> {
    let Some(metadata) = metadata else {
        return match fields.first() {
            None => Ok(histories),
            Some(field) => {
                Err(Error::setting("item_features", field, "fields of the items: name their file with --metadata"))
            }
        };
    };
    if let Some(missing) = fields.iter().find(|field| !metadata.columns().iter().any(|column| column == *field)) {
        let there = format!("fields of --metadata: {}", metadata.columns().join(", "));
        return Err(Error::setting("item_features", shown(missing), there));
    }
    let with =
        |histories: Histories, name: &&str| histories.with_column_of_items(name, &|item| metadata.field(item, name));
    Ok(fields.iter().fold(histories, with))
}

/// Puts the wanted fields of users beside their events.
///
/// * `columns`: what is wanted; those that the users do not have are columns of the events.
/// * `users`: their fields, with the name of what they come from.
///
/// # Errors
/// [`Error::Setting`] and [`Error::Input`] if the file has nothing of what is wanted, or nobody of the histories.
pub fn join(
    histories: Histories,
    columns: &[&str],
    users: Option<(Metadata, PathBuf)>,
    show: &mut dyn Show,
) -> Result<Histories> {
    let Some((metadata, file)) = users else { return Ok(histories) };
    let fields: Vec<&str> =
        columns.iter().copied().filter(|name| metadata.columns().iter().any(|c| c == name)).collect();
    if columns.is_empty() {
        let expected = "nothing of the kind unless the network reads its fields: --features";
        return Err(Error::setting("user_metadata", file.display(), expected));
    }
    if fields.is_empty() {
        let what = format!(
            "has none of the features {}: its fields are {}",
            columns.join(", "),
            metadata.columns().join(", ")
        );
        return Err(Error::input(file, what, "name its fields in --features, or leave --user-metadata out"));
    }
    let known = histories.iter().filter(|history| metadata.contains(history.owner)).count();
    if known == 0 {
        let of = |name: Option<&str>| name.map_or_else(String::new, |name| format!("'{}'", shown(name)));
        let what = format!(
            "none of the {} is in the file: it begins with {}, the events with {}",
            counted(histories.len() as u64, "user"),
            of(metadata.ids().next()),
            of(histories.iter().next().map(|history| history.owner))
        );
        return Err(Error::input(file, what, "check that both name users in the same way"));
    }
    let of = counted(histories.len() as u64, "user");
    show.say(&format!("users   {known} of {of} are in {}: {}", file.display(), fields.join(", ")));
    let with =
        |histories: Histories, name: &&str| histories.with_column_of_owners(name, &|owner| metadata.field(owner, name));
    Ok(fields.iter().fold(histories, with))
}
