//! The ids of an index folder: line `key`, from 0, is that of the vector with this key.
//!
//! ```text
//! ids.jsonl        those that the index was built with, a JSON string a line; the index has its checksum
//! ids.more.jsonl   those that came later: ["id", "the first 16 digits of the BLAKE3 of key and id"] a line, only ever appended
//! ```
//!
//! An id is on disk before its vector is: an id without a vector is one that is not in the index.

use std::io::Write;
use std::path::{Path, PathBuf};
use vecinity::error::{Error, shown};
use vecinity::index::Index;
use vecinity::vocab::Vocab;
use vecinity::{TokenId, checksum};

/// The attached file.
pub(super) const NAME: &str = "ids.jsonl";
const MORE: &str = "ids.more.jsonl";
const DIGITS: usize = 16;

/// The attached file for the tokens of a vocabulary.
pub(super) fn file(vocab: &Vocab) -> String {
    vocab.iter().map(|(_, id, _)| serde_json::Value::from(id).to_string() + "\n").collect()
}

/// The ids of an index folder.
pub(super) struct Ids {
    vocab: Vocab,
    more: PathBuf,
    /// Bytes of the later ones that are whole.
    whole: u64,
}

impl Ids {
    pub(super) fn open(index: &Index, folder: &Path) -> vecinity::Result<Self> {
        let wrong = |file: &str, what: &str| Error::model(folder.join(file), what, "build the index again");
        let mut vocab = Vocab::default();
        for line in index.attached(NAME)?.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let id: String =
                serde_json::from_slice(line).map_err(|_| wrong(NAME, "it does not hold a JSON string a line"))?;
            vocab.push(&id, 0).map_err(|error| wrong(NAME, &error.to_string()))?;
        }
        let more = folder.join(MORE);
        let bytes = if more.exists() { std::fs::read(&more).map_err(Error::io(&more, "read"))? } else { Vec::new() };
        // What has no end of line was never acknowledged.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        for line in bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let read: Option<(String, String)> = serde_json::from_slice(line).ok();
            let good = read.filter(|(id, sum)| *sum == check(vocab.len(), id));
            let (id, _) = good.ok_or_else(|| wrong(MORE, "the checksum of a line does not agree with it"))?;
            vocab.push(&id, 0).map_err(|error| wrong(MORE, &error.to_string()))?;
        }
        Ok(Self { vocab, more, whole: whole as u64 })
    }

    /// The id of a key; nothing, if it has none.
    pub(super) fn id(&self, key: u64) -> &str {
        let known = usize::try_from(key).is_ok_and(|key| key < self.vocab.len());
        if known { self.vocab.token(TokenId(key as u32)) } else { "" }
    }

    /// The key of an id that is in the index, and its vector.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] with what may have been meant.
    pub(super) fn vector(&self, index: &Index, id: &str) -> vecinity::Result<(u64, Vec<f32>)> {
        let key = u64::from(self.vocab.require(id)?.0);
        let vector = index.vector(key);
        let gone = || Error::data(format!("'{}' was deleted from this index", shown(id)), "add its vector again");
        vector.map(|vector| (key, vector)).ok_or_else(gone)
    }

    /// The keys of ids; those that are new get one, and are on disk when this returns.
    pub(super) fn keys(&mut self, ids: &[&str]) -> vecinity::Result<Vec<u64>> {
        let (mut keys, mut lines) = (Vec::with_capacity(ids.len()), String::new());
        for id in ids {
            let key = match self.vocab.get(id) {
                Some(key) => key,
                None => {
                    let line = serde_json::json!([id, check(self.vocab.len(), id)]);
                    lines.push_str(&format!("{line}\n"));
                    self.vocab.push(id, 0)?
                }
            };
            keys.push(u64::from(key.0));
        }
        if !lines.is_empty() {
            let mut file = std::fs::File::options().create(true).append(true).open(&self.more);
            let written = file.as_mut().map_err(|error| std::io::Error::new(error.kind(), error.to_string()));
            let written = written.and_then(|file| {
                file.set_len(self.whole)?;
                file.write_all(lines.as_bytes())?;
                file.sync_all()
            });
            written.map_err(Error::io(&self.more, "write"))?;
            self.whole += lines.len() as u64;
        }
        Ok(keys)
    }
}

fn check(key: usize, id: &str) -> String {
    checksum::of_bytes(format!("{key} {id}").as_bytes())[..DIGITS].to_owned()
}
