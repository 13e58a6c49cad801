//! Clusters as a file: a row a token with its cluster, from 1, and its distance from the centroid.

use super::Clusters;
use crate::error::{Error, Result};
use crate::formats::safe_cell;
use crate::publish;
use crate::vocab::Vocab;
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

/// How the file is written, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Delimited(u8),
    JsonLines,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows, without the header.
    pub rows: usize,
    /// Ids that got a `'` in front, since a spreadsheet would run them as formulas.
    pub marked: usize,
}

fn format_of(path: &Path) -> Result<Format> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" => Ok(Format::Delimited(b',')),
        "tsv" | "tab" => Ok(Format::Delimited(b'\t')),
        "jsonl" | "ndjson" => Ok(Format::JsonLines),
        _ => Err(Error::setting("output", path.display(), "a name that ends in .csv, .tsv, .jsonl or .ndjson")),
    }
}

/// Whether clusters can be written under this name.
///
/// # Errors
/// [`Error::Setting`] if not.
pub fn check(path: &Path) -> Result<()> {
    format_of(path).map(drop)
}

#[derive(serde::Serialize)]
struct Row<'a> {
    id: &'a str,
    cluster: u32,
    distance: f32,
}

/// Writes the columns `id`, `cluster` and `distance`, in the order of the vocabulary.
///
/// # Errors
/// [`Error::Setting`] if the name has no ending that is known; [`Error::Io`]. An older file is untouched then.
///
/// # Panics
/// If the clusters are those of another vocabulary.
pub fn write(path: &Path, clusters: &Clusters, vocab: &Vocab) -> Result<Written> {
    assert_eq!(vocab.len(), clusters.of.len(), "one cluster for each token");
    let format = format_of(path)?;
    let mut marked = 0;
    let rows = vocab.iter().map(|(id, token, _)| Row {
        id: token,
        cluster: clusters.of[id.row()] + 1,
        distance: clusters.distances[id.row()],
    });
    publish::file(path, |file| {
        match format {
            Format::JsonLines => rows.into_iter().try_for_each(|row| {
                serde_json::to_writer(&mut *file, &row)?;
                file.write_all(b"\n")
            }),
            Format::Delimited(delimiter) => {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(file);
                let header = writer.write_record(["id", "cluster", "distance"]);
                let written = header.and_then(|()| {
                    rows.into_iter().try_for_each(|Row { id, cluster, distance }| {
                        let id = safe_cell(id);
                        marked += usize::from(matches!(id, Cow::Owned(_)));
                        writer.write_record([&*id, &cluster.to_string(), &distance.to_string()])
                    })
                });
                written.map_err(std::io::Error::from).and_then(|()| writer.flush())
            }
        }
        .map_err(Error::io(path, "write"))
    })?;
    Ok(Written { rows: vocab.len(), marked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_form_and_formulas_are_marked() {
        let vocab = Vocab::from_counts([("007", 2), ("=1+1", 1), ("a,\"b", 1)]).unwrap();
        let clusters = Clusters {
            of: vec![1, 0, 0],
            distances: vec![0.0, 0.25, 0.5],
            centroids: vec![0.0; 2],
            sizes: vec![2, 1],
            explained: 1.0,
            rounds: 1,
        };
        let folder = tempfile::tempdir().unwrap();
        let text = |name: &str| {
            let path = folder.path().join(name);
            let written = write(&path, &clusters, &vocab).unwrap();
            (std::fs::read_to_string(path).unwrap(), written.marked)
        };
        assert_eq!(text("c.csv"), ("id,cluster,distance\n007,2,0\n'=1+1,1,0.25\n\"a,\"\"b\",1,0.5\n".into(), 1));
        assert_eq!(
            text("c.tsv"),
            ("id\tcluster\tdistance\n007\t2\t0\n'=1+1\t1\t0.25\n\"a,\"\"b\"\t1\t0.5\n".into(), 1)
        );
        let (jsonl, marked) = text("c.jsonl");
        assert_eq!((jsonl.lines().nth(1), marked), (Some(r#"{"id":"=1+1","cluster":1,"distance":0.25}"#), 0));
        let error = write(&folder.path().join("c.xlsx"), &clusters, &vocab).unwrap_err().to_string();
        assert!(error.ends_with("expected a name that ends in .csv, .tsv, .jsonl or .ndjson"), "{error}");
    }
}
