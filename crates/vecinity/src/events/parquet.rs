//! Parquet: row groups on all cores. The decoding is done by the `parquet` crate.

use super::Options;
use super::arrow::{ROWS, parse};
use super::batch::{Batch, Encoder};
use super::columns::{Columns, Role};
use super::table::Table;
use crate::corpus::Source;
use crate::error::{Error, Result};
use crate::formats::parquet::guarded;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::errors::ParquetError;
use std::fs::File;
use std::sync::mpsc;

/// Batches that wait for those of earlier row groups, a thread and at most: about 80 MB.
const AHEAD: usize = 64;

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
    let columns = columns.with_beside(&options.beside);
    let has = columns.has();
    table.columns(source.path(), &columns, has)?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.roles.values().copied());
    let roles: Vec<(Role, String)> =
        columns.roles.iter().map(|(&role, &at)| (role, columns.names[at].clone())).collect();
    let groups = metadata.metadata().num_row_groups();
    let threads = options.threads.clamp(1, groups.max(1));
    // A thread may be ahead of what is merged by one row group, but not by more than so many batches.
    let largest = metadata
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .max()
        .unwrap_or(0);
    let ahead = (largest as usize / ROWS + 2).min(AHEAD);
    let mut lines = 0;
    std::thread::scope(|scope| {
        type Part = std::result::Result<Option<Batch>, ParquetError>;
        let mut parsed = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (to, from) = mpsc::sync_channel::<Part>(ahead);
            parsed.push(from);
            let (metadata, mask, roles) = (&metadata, &mask, &roles);
            let file = open()?;
            scope.spawn(move || {
                let mut encoder = Encoder::new(thread, has);
                for group in (thread..groups).step_by(threads) {
                    let read = guarded(|| {
                        let builder =
                            ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone());
                        let reader =
                            builder.with_projection(mask.clone()).with_row_groups(vec![group]).with_batch_size(ROWS);
                        for batch in reader.build()? {
                            parse(&batch?, roles, &mut encoder).map_err(ParquetError::General)?;
                            if to.send(Ok(Some(encoder.take()))).is_err() {
                                return Ok(());
                            }
                        }
                        Ok(())
                    });
                    if to.send(read.map(|()| None)).is_err() {
                        break;
                    }
                }
            });
        }
        for group in 0..groups {
            while let Ok(part) = parsed[group % threads].recv() {
                let Some(batch) = part.map_err(|error| unreadable(&error))? else { break };
                table.merge(&batch, source.path(), &mut lines)?;
            }
        }
        Ok(())
    })
}
