//! Events of a marketplace become sessions with goals, of items in markets.

use super::{Data, Fields, Given};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::events::{Named, Role};
use crate::histories::{Histories, Values};
use crate::market::{self, Rules, Summary};
use crate::metadata::Metadata;
use std::path::PathBuf;

/// The sessions of histories by the settings of the data, with the markets of the items.
pub(super) fn sessions_of(
    histories: &Histories,
    config: &Config,
    given: &Given,
    data: &Data,
    work: Option<PathBuf>,
) -> Result<(Histories, Summary)> {
    let rules = Rules {
        goal: config.data.global_context.clone(),
        reject: config.data.reject.clone(),
        min_dwell: config.data.min_dwell.map_or(0, |seconds| seconds as i64 * 1000),
    };
    let (mut made, summary) = market::sessions(histories, &rules)?;
    if let Some(column) = &config.data.local_negatives {
        let metadata = Fields::read("metadata", given.metadata.as_ref(), config.data.metadata.as_deref())?;
        let metadata = metadata.map(|(metadata, _)| metadata);
        let groups = match metadata {
            Some(metadata) if metadata.columns().contains(column) || !data.rereadable(config)? => {
                market::groups(made.items(), &metadata, column)?
            }
            metadata => groups_of_events(&made, config, data, work, column, metadata.as_ref())?,
        };
        made = made.with_groups(groups);
    }
    Ok((made, summary))
}

/// The market of each item by a column of the events, which are read again with it in the place of their kind.
fn groups_of_events(
    histories: &Histories,
    config: &Config,
    data: &Data,
    work: Option<PathBuf>,
    column: &str,
    metadata: Option<&Metadata>,
) -> Result<Vec<u32>> {
    let mut options = config.events(work);
    let mut named: Named = options.columns.clone();
    named.0.insert(Role::Event, column.to_owned());
    options.columns = named;
    let (events, _) = data.events(config, &options).map_err(|error| match metadata {
        // Both were looked at; the metadata is where it is usual.
        Some(metadata) => market::groups(histories.items(), metadata, column).err().unwrap_or(error),
        None => {
            let expected = "a column of the events, or of a file --metadata";
            let found = format!("{column}, which is not there ({error})");
            Error::setting("local_negatives", found, expected)
        }
    })?;
    let Some(Values::Categories { codes, .. }) = events.columns().first().map(|column| &column.values) else {
        return Err(Error::setting("local_negatives", column, "a column of the events, or of a file --metadata"));
    };
    let rows = histories.items().rows_of(events.items());
    let mut groups = vec![u32::MAX; histories.items().len()];
    for history in events.iter() {
        for (&item, &code) in history.items.iter().zip(&codes.as_slice()[history.events.clone()]) {
            if let Some(group) = groups.get_mut(rows[item as usize] as usize) {
                *group = code;
            }
        }
    }
    Ok(groups)
}
