//! What to read: files, globs, folders, standard input; plain, `.gz` or `.zst`.

use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// One stream of bytes to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file; packed if its first bytes say so, whatever its name.
    File(PathBuf),
    /// Standard input, written `-`.
    Stdin,
}

/// The sources named by `arguments`: a file, a folder (all files below it, hidden ones left out), a
/// glob (`logs/*.txt.gz`), or `-`. Files of a folder or glob go by name, so that every run reads the same order.
///
/// # Errors
/// [`Error::Input`] if nothing matches; [`Error::Data`] for an empty name; [`Error::Io`] if something named cannot be looked at.
pub fn expand(arguments: &[impl AsRef<str>]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for argument in arguments.iter().map(AsRef::as_ref) {
        let path = Path::new(argument);
        let before = sources.len();
        if argument.is_empty() {
            let advice = "an empty shell variable? name a file, or - for standard input";
            return Err(Error::data("the name of a file is empty", advice));
        }
        if argument == "-" {
            if sources.contains(&Source::Stdin) {
                return Err(Error::input(Place::file("-"), "named twice", "standard input can be read only once"));
            }
            sources.push(Source::Stdin);
        } else if path.is_dir() {
            walk(path, &mut sources)?;
        } else if !path.exists() && argument.contains(['*', '?', '[']) {
            let found = glob::glob(argument).map_err(|e| {
                Error::input(path, format!("not a valid pattern: {}", e.msg), "quote the name if it is a file")
            })?;
            for entry in found {
                let path =
                    entry.map_err(|e| Error::Io { path: e.path().to_owned(), action: "read", source: e.into() })?;
                if path.is_file() {
                    sources.push(Source::File(path));
                }
            }
        } else if path.exists() {
            sources.push(Source::File(path.to_owned()));
        } else {
            return Err(Error::input(path, "no such file", "check the name; '-' reads standard input"));
        }
        if sources.len() == before {
            return Err(Error::input(path, "no file found", "folders and patterns must match at least one file"));
        }
    }
    Ok(sources)
}

fn walk(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let mut entries = Vec::new();
    for entry in folder.read_dir().map_err(Error::io(folder, "read"))? {
        entries.push(entry.map_err(Error::io(folder, "read"))?.path());
    }
    entries.sort();
    for path in entries {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            walk(&path, sources)?;
        } else {
            sources.push(Source::File(path));
        }
    }
    Ok(())
}

impl Source {
    /// The name to show: the path, or `-`.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stdin => Path::new("-"),
        }
    }

    /// Size on disk, if it is a regular file.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => path.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len()),
            Self::Stdin => None,
        }
    }

    /// Whether it can be read again from the start, as a guess by its first bytes must: true for regular files, not
    /// for standard input, pipes and devices.
    #[must_use]
    pub fn rereadable(&self) -> bool {
        self.size().is_some()
    }

    /// Opens the stream and unpacks it if it begins with the magic bytes of gzip or zstd.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let mut raw: Box<dyn Read + Send> = match self {
            Self::File(path) => Box::new(File::open(path).map_err(Error::io(path, "open"))?),
            Self::Stdin => Box::new(io::stdin()),
        };
        let mut magic = [0u8; 4];
        let mut read = 0;
        while read < magic.len() {
            match raw.read(&mut magic[read..]) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(self.path(), "read")(e)),
            }
        }
        let whole = io::Cursor::new(magic[..read].to_vec()).chain(raw);
        Ok(match magic {
            [0x1f, 0x8b, ..] => {
                Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(1 << 18, whole)))
            }
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole).map_err(Error::io(self.path(), "unpack"))?),
            _ => Box::new(whole),
        })
    }
}

/// Unpacks a gzip stream from memory.
#[must_use]
pub fn unpack(packed: &[u8]) -> impl Read {
    flate2::bufread::MultiGzDecoder::new(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_globs_give_files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.txt", "a.txt", ".hidden", "sub/c.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let names = |argument: String| -> Vec<String> {
            let found = expand(&[argument]).unwrap();
            found.iter().map(|s| s.path().file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(folder.path().display().to_string()), ["a.txt", "b.txt", "c.txt"]);
        assert_eq!(names(format!("{}/*.txt", folder.path().display())), ["a.txt", "b.txt"]);
        let error = expand(&[format!("{}/*.csv", folder.path().display())]).unwrap_err();
        assert!(error.to_string().ends_with("*.csv: no file found"), "{error}");
        let error = expand(&[format!("{}/gone", folder.path().display())]).unwrap_err();
        assert!(error.to_string().ends_with("gone: no such file"), "{error}");
    }
}
