//! An index that changes: a folder with a segment, and logs of what changed since.
//!
//! ```text
//! INDEX.json     the current generation g, the effort, checksums of attached files
//! segment.g      the vectors and the graph
//! log.g, ...     changes since, in order; a merge that is going on begins another log
//! LOCK           held by the process that changes the index
//! ```
//!
//! A change is on disk before it is acknowledged, and seen by every search that begins afterwards. A merge builds segment
//! `g + 1` from what there is while searches and changes go on; `INDEX.json` is then replaced in one step.

use super::build::{next, on_threads};
use super::head::Head;
use super::log::{self, Log};
use super::manifest::{Manifest, Tuned};
use super::pass::{Pass, Rows};
use super::search::{Neighbor, Scratch, nearest, scored};
use super::segment::{Segment, prepared};
use super::{Queries, Settings, sample, tune};
use crate::error::{Error, Result};
use crate::{checksum, publish};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Queries of a segment's own vectors for tuning.
const SAMPLE: usize = 2000;
/// Neighbours that a recall counts.
const LIMIT: usize = 10;

/// A change of an index.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Adds a vector, or replaces that of the same key.
    Put {
        /// Its key.
        key: u64,
        /// Shape `[dim]`.
        vector: Vec<f32>,
    },
    /// Removes a vector; nothing happens if there is none.
    Delete {
        /// Its key.
        key: u64,
    },
}

/// Which keys may be answers. The rows that pass are found once a generation and kept.
pub struct Filter {
    keep: Box<dyn Fn(u64) -> bool + Send + Sync>,
    rows: Mutex<Option<(u64, Arc<Rows>)>>,
}

impl Filter {
    /// A filter by key.
    pub fn new(keep: impl Fn(u64) -> bool + Send + Sync + 'static) -> Self {
        Self { keep: Box::new(keep), rows: Mutex::new(None) }
    }

    fn rows(&self, state: &State) -> Arc<Rows> {
        let mut kept = lock(&self.rows);
        match &*kept {
            Some((generation, rows)) if *generation == state.generation => Arc::clone(rows),
            _ => {
                let rows = Arc::new(Rows::of(&state.segment, &self.keep));
                *kept = Some((state.generation, Arc::clone(&rows)));
                rows
            }
        }
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").finish_non_exhaustive()
    }
}

/// What searches see.
#[derive(Debug)]
struct State {
    generation: u64,
    segment: Arc<Segment>,
    tuned: Tuned,
    /// Rows of the segment that were neither deleted nor replaced.
    live: Rows,
    head: Head,
    /// The changes since a merge began, which its segment does not have.
    since: Option<Vec<Change>>,
}

impl State {
    fn new(generation: u64, segment: Segment, tuned: Tuned) -> Self {
        let live = Rows::of(&segment, |_| true);
        Self { generation, segment: Arc::new(segment), tuned, live, head: Head::default(), since: None }
    }

    fn apply(&mut self, change: &Change) {
        let (Change::Put { key, .. } | Change::Delete { key }) = change;
        if let Some(row) = self.segment.row_of(*key) {
            self.live.remove(row);
        }
        match change {
            Change::Put { key, vector } => self.head.put(*key, vector, self.segment.metric()),
            Change::Delete { key } => {
                self.head.remove(*key, self.segment.dim());
            }
        }
        if let Some(since) = &mut self.since {
            since.push(change.clone());
        }
    }
}

/// An index in a folder, searched and changed by any number of threads.
///
/// One process may change it; any number may open it to search. A newer folder is taken by opening it and dropping the
/// old index when the last search is done: nothing is shared between the two.
#[derive(Debug)]
pub struct Index {
    folder: PathBuf,
    state: RwLock<State>,
    /// `None`: opened to search only.
    log: Option<Mutex<Log>>,
    /// Held by a merge.
    merging: Mutex<()>,
    files: BTreeMap<String, String>,
    scratches: Mutex<Vec<Scratch>>,
    _lock: Option<File>,
}

impl Index {
    /// Writes an index folder, whole or not at all: the segment, tuned to a recall, and attached files by their names.
    ///
    /// * `recall`: of the nearest ten, from 0 to 1; `queries`: to tune with, the segment's own vectors if `None`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a recall out of its range, [`Error::Input`] if something else is in the place, [`Error::Io`].
    pub fn create(
        folder: &Path,
        segment: &Segment,
        recall: f64,
        queries: Option<&Queries>,
        attached: &[(&str, &[u8])],
    ) -> Result<Tuned> {
        let tuned = Tuned::reaching(recall, segment, queries)?;
        Self::create_tuned(folder, segment, tuned, attached)?;
        Ok(tuned)
    }

    /// [`Index::create`] with what is known of the effort already.
    ///
    /// # Errors
    /// [`Error::Input`] if something else is in the place, [`Error::Io`].
    pub fn create_tuned(folder: &Path, segment: &Segment, tuned: Tuned, attached: &[(&str, &[u8])]) -> Result<()> {
        if folder.exists() && Manifest::read(folder).is_err() {
            return Err(Error::input(folder, "it is there and is no index", "choose another place, or remove it"));
        }
        let staging = publish::Staging::new(folder)?;
        segment.save(&staging.path().join(segment_name(1)))?;
        for (name, bytes) in attached {
            let path = staging.path().join(name);
            fs::write(&path, bytes).map_err(Error::io(&path, "write"))?;
        }
        let files = attached.iter().map(|(name, bytes)| ((*name).to_owned(), checksum::of_bytes(bytes))).collect();
        Manifest::new(1, tuned, files).write(staging.path())?;
        staging.publish()
    }

    /// Opens an index to search it.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Input`] if it is no index, [`Error::Model`] if anything in it is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        // A merge of another process may take the segment away between two steps: then there is a newer one.
        for _ in 0..3 {
            let generation = Manifest::read(folder)?.generation;
            match Self::opened(folder, false) {
                Err(error) if Manifest::read(folder)?.generation == generation => return Err(error),
                Err(_) => {}
                opened => return opened,
            }
        }
        Self::opened(folder, false)
    }

    /// Opens an index to search and to change it; the torn tail of a log is cut off.
    ///
    /// # Errors
    /// As [`Index::open`], and [`Error::Input`] if another process has it open to change it.
    pub fn open_to_change(folder: &Path) -> Result<Self> {
        Self::opened(folder, true)
    }

    fn opened(folder: &Path, change: bool) -> Result<Self> {
        let mut lock = None;
        if change {
            Manifest::read(folder)?;
            let path = folder.join("LOCK");
            let file = File::options().create(true).append(true).open(&path).map_err(Error::io(&path, "create"))?;
            if file.try_lock().is_err() {
                let what = "another process has it open to change it";
                return Err(Error::input(folder, what, "wait for it to end, or open the index to search only"));
            }
            lock = Some(file);
        }
        let manifest = Manifest::read(folder)?;
        let segment = Segment::open(&folder.join(segment_name(manifest.generation)))?;
        for (name, sum) in &manifest.files {
            let path = folder.join(name);
            if checksum::of_file(&path)? != *sum {
                return Err(Error::model(path, "its checksum does not agree with its bytes", "build the index again"));
            }
        }
        let dim = segment.dim();
        let mut state = State::new(manifest.generation, segment, manifest.tuned);
        let (mut last, mut length) = (manifest.generation, 0);
        for number in manifest.generation.. {
            let path = folder.join(log::name(number));
            if !path.exists() {
                break;
            }
            let (changes, whole) = log::read(&path, dim)?;
            changes.iter().for_each(|change| state.apply(change));
            (last, length) = (number, whole);
        }
        let log = if change { Some(Mutex::new(Log::open(folder, last, length)?)) } else { None };
        if change {
            sweep(folder, manifest.generation);
        }
        Ok(Self {
            folder: folder.to_owned(),
            state: RwLock::new(state),
            log,
            merging: Mutex::new(()),
            files: manifest.files,
            scratches: Mutex::new(Vec::new()),
            _lock: lock,
        })
    }

    /// The bytes of an attached file.
    ///
    /// # Errors
    /// [`Error::Model`] if the index has no such file, or it changed; [`Error::Io`].
    pub fn attached(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        let Some(sum) = self.files.get(name) else {
            return Err(Error::model(path, "this index has no such file", "build the index again"));
        };
        let bytes = fs::read(&path).map_err(Error::io(&path, "read"))?;
        if checksum::of_bytes(&bytes) != *sum {
            return Err(Error::model(path, "its checksum does not agree with its bytes", "build the index again"));
        }
        Ok(bytes)
    }

    /// The segment that is searched.
    #[must_use]
    pub fn segment(&self) -> Arc<Segment> {
        Arc::clone(&self.read().segment)
    }

    /// How it is searched.
    #[must_use]
    pub fn tuned(&self) -> Tuned {
        self.read().tuned
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        let state = self.read();
        state.live.count() + state.head.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes since the segment was made that a merge would take into it: vectors of the head and rows that are gone.
    #[must_use]
    pub fn pending(&self) -> usize {
        let state = self.read();
        state.head.len() + (state.segment.len() - state.live.count())
    }

    /// Whether there is a vector of this key.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        let state = self.read();
        state.head.contains(key) || state.segment.row_of(key).is_some_and(|row| state.live.contains(row))
    }

    /// The vector of a key, shape `[dim]`; of unit length where the metric is the cosine.
    #[must_use]
    pub fn vector(&self, key: u64) -> Option<Vec<f32>> {
        let state = self.read();
        let dim = state.segment.dim();
        let of_head = state.head.vector(key, dim);
        let of_segment = || {
            let row = state.segment.row_of(key).filter(|&row| state.live.contains(row))?;
            Some(state.segment.vector(row))
        };
        of_head.or_else(of_segment).map(<[f32]>::to_vec)
    }

    /// The `limit` vectors nearest to `query` (shape `[dim]`), the nearest first, equal scores by key.
    ///
    /// # Panics
    /// If `query` has not `dim` values.
    #[must_use]
    pub fn search(&self, query: &[f32], limit: usize, filter: Option<&Filter>) -> Vec<Neighbor> {
        let state = self.read();
        let whole = state.live.count() == state.segment.len();
        let both;
        let pass = match filter.map(|filter| filter.rows(&state)) {
            None if whole => Pass::All,
            None => Pass::Rows(&state.live),
            Some(rows) => {
                both = if whole { rows } else { Arc::new(rows.and(&state.live)) };
                Pass::Rows(&both)
            }
        };
        self.answer(&state, query, limit, pass, &|key| filter.is_none_or(|filter| (filter.keep)(key)))
    }

    /// [`Index::search`] among the keys that pass a test, which is asked only of those that would be answers, and of a sample:
    /// for filters that come once. [`Filter`] is for those that come again.
    ///
    /// # Panics
    /// If `query` has not `dim` values.
    #[must_use]
    pub fn search_where(&self, query: &[f32], limit: usize, keep: &dyn Fn(u64) -> bool) -> Vec<Neighbor> {
        let state = self.read();
        let live = Some(&state.live).filter(|live| live.count() < state.segment.len());
        let pass = Pass::test(&state.segment, live, keep);
        self.answer(&state, query, limit, pass, keep)
    }

    /// Answers from the segment and the head.
    fn answer(
        &self,
        state: &State,
        query: &[f32],
        limit: usize,
        pass: Pass<'_>,
        keep: &dyn Fn(u64) -> bool,
    ) -> Vec<Neighbor> {
        let segment = &state.segment;
        let mut scratch = lock(&self.scratches).pop().unwrap_or_else(|| Scratch::new(segment.dim()));
        segment.shortlist(&mut scratch, query, limit, state.tuned.effort, pass);
        if state.head.len() > 0 {
            let mut asked = Vec::new();
            prepared(query, segment.metric(), &mut asked);
            state.head.search(&asked, segment.metric(), keep, &mut scratch.short);
            nearest(&mut scratch.short, limit);
        }
        let found = scored(segment.metric(), &scratch.short);
        lock(&self.scratches).push(scratch);
        found
    }

    /// As [`Index::search`] for each of `queries`, shape `[q, dim]`, on several threads; they change nothing in the answers.
    ///
    /// # Panics
    /// If a query has not `dim` values.
    #[must_use]
    pub fn search_batch(
        &self,
        queries: &[f32],
        limit: usize,
        filter: Option<&Filter>,
        threads: usize,
    ) -> Vec<Vec<Neighbor>> {
        let dim = self.read().segment.dim();
        assert!(queries.len().is_multiple_of(dim), "queries must have the shape [q, dim]");
        let mut answers = vec![Vec::new(); queries.len() / dim];
        let shares = Mutex::new(queries.chunks(16 * dim).zip(answers.chunks_mut(16)));
        on_threads(threads.max(1), || {
            while let Some((queries, answers)) = next(&shares) {
                for (query, answer) in queries.chunks_exact(dim).zip(answers) {
                    *answer = self.search(query, limit, filter);
                }
            }
        });
        answers
    }

    /// Makes changes, in their order. When this returns they are on disk, and every search sees them.
    ///
    /// # Errors
    /// [`Error::Data`] for a vector of another length or with a value that is not finite: nothing was changed then.
    /// [`Error::Io`].
    pub fn change(&self, changes: &[Change]) -> Result<()> {
        let dim = self.read().segment.dim();
        for change in changes {
            let Change::Put { key, vector } = change else { continue };
            if vector.len() != dim || !vector.iter().all(|value| value.is_finite()) {
                let what = if vector.len() == dim {
                    format!("the vector of key {key} holds NaN or infinity")
                } else {
                    format!("the vector of key {key} has {} values, this index has {dim}", vector.len())
                };
                return Err(Error::data(what, "nothing was changed"));
            }
        }
        let mut log = lock(self.log()?);
        log.append(changes)?;
        let mut state = self.write();
        changes.iter().for_each(|change| state.apply(change));
        Ok(())
    }

    /// Builds the next segment from the segment and all changes. Searches and changes go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`]: the index goes on as it is then. [`Error::Setting`].
    pub fn merge(&self, settings: &Settings) -> Result<()> {
        let _one = lock(&self.merging);
        let (generation, segment, live, head, target) = {
            let mut log = lock(self.log()?);
            let mut state = self.write();
            // Behind every log there is: one that a failed merge began has changes that were acknowledged.
            let next = log.number() + 1;
            *log = Log::open(&self.folder, next, 0)?;
            state.since = Some(Vec::new());
            (next, Arc::clone(&state.segment), state.live.clone(), state.head.clone(), state.tuned.target)
        };
        let built = self.next_segment(generation, (&segment, &live, &head), target, settings);
        let log = lock(self.log()?);
        let mut state = self.write();
        let since = state.since.take().unwrap_or_default();
        let (segment, tuned) = built?;
        Manifest::new(generation, tuned, self.files.clone()).write(&self.folder)?;
        *state = State::new(generation, segment, tuned);
        since.iter().for_each(|change| state.apply(change));
        drop((state, log));
        sweep(&self.folder, generation);
        Ok(())
    }

    /// Builds, saves and tunes a segment of all vectors that there are.
    fn next_segment(
        &self,
        generation: u64,
        (segment, live, head): (&Segment, &Rows, &Head),
        recall: f64,
        settings: &Settings,
    ) -> Result<(Segment, Tuned)> {
        let rows = (0..segment.len()).filter(|&row| live.contains(row));
        let rows = rows.map(|row| (segment.keys()[row], segment.vector(row))).chain(head.iter(segment.dim()));
        let (mut keys, mut vectors) = (Vec::new(), Vec::new());
        for (key, vector) in rows {
            keys.push(key);
            vectors.extend_from_slice(vector);
        }
        let path = self.folder.join(segment_name(generation));
        Segment::build(&vectors, segment.dim(), &keys, segment.metric(), settings)?.save(&path)?;
        let segment = Segment::open(&path)?;
        let tuned = tune(&segment, &sample(&segment, SAMPLE, 1), recall, LIMIT);
        Ok((segment, tuned))
    }

    fn log(&self) -> Result<&Mutex<Log>> {
        self.log.as_ref().ok_or_else(|| Error::data("this index was opened to search only", "open it to change it"))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tuned {
    /// The effort that reaches a recall of the nearest ten; see [`tune`].
    ///
    /// * `queries`: to tune with, a sample of the segment's own vectors if `None`.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `0 < recall <= 1`.
    pub fn reaching(recall: f64, segment: &Segment, queries: Option<&Queries>) -> Result<Self> {
        if !(recall > 0.0 && recall <= 1.0) {
            return Err(Error::setting("recall", recall, "a number above 0 and at most 1"));
        }
        Ok(match queries {
            Some(queries) => tune(segment, queries, recall, LIMIT),
            None => tune(segment, &sample(segment, SAMPLE, 1), recall, LIMIT),
        })
    }
}

fn segment_name(generation: u64) -> String {
    format!("segment.{generation}")
}

/// Removes what merges left behind: segments but the current one, and logs that it has. What cannot be removed is left.
fn sweep(folder: &Path, generation: u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((kind, Ok(number))) =
            name.to_str().and_then(|n| n.split_once('.')).map(|(k, n)| (k, n.parse::<u64>()))
        else {
            continue;
        };
        if (kind == "segment" && number != generation) || (kind == "log" && number < generation) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
