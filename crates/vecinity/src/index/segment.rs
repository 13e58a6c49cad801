//! An immutable index: vectors, their codes and the graph in one file, which is mapped and used in place.

use super::build::{self, Settings};
use super::coarse::{self, Coarse};
use super::graph::Graph;
use super::layout::{CHECKSUM, Layout};
use super::{Metric, inverse_norm, repair};
use crate::error::{Error, Result, grouped};
use crate::rng::Rng;
use crate::{checksum, publish};
use std::path::Path;
use vecinity_kernel::codes::{encode, set_tail, tail};
use vecinity_kernel::mapped::{Buffer, Mapped, as_bytes, as_numbers, as_numbers_mut};
use vecinity_kernel::vector::dot;

/// Inner products: walks begin with the rows of the largest norms, this many of them.
const LARGEST: usize = 64;

/// An immutable index of vectors by 64-bit keys.
///
/// # Example
/// ```
/// use vecinity::index::{Effort, Metric, Scratch, Segment, Settings};
/// let rows = [1.0, 0.0, /**/ 0.0, 2.0, /**/ 3.0, 4.0];
/// let segment = Segment::build(&rows, 2, &[10, 20, 30], Metric::Cosine, &Settings::for_metric(Metric::Cosine))?;
/// let found = segment.search(&mut Scratch::new(2), &[1.0, 0.0], 2, Effort::walk(10), None);
/// assert_eq!((found[0].key, found[1].key), (10, 30));
/// assert!((found[1].score - 0.6).abs() < 1e-6);         // 3 / 5
/// # Ok::<(), vecinity::Error>(())
/// ```
#[derive(Debug)]
pub struct Segment {
    bytes: Bytes,
    pub(super) layout: Layout,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapped),
    Built(Buffer),
}

impl Segment {
    /// Builds an index in memory.
    ///
    /// * `rows`: shape `[n, dim]`, row-major; `keys`: shape `[n]`, no two alike.
    ///
    /// The same input gives the same bytes on any number of threads.
    ///
    /// # Errors
    /// [`Error::Data`] if the shapes do not agree, a value is not finite or a key comes twice; [`Error::Setting`];
    /// [`Error::Io`] if there is no memory.
    pub fn build(rows: &[f32], dim: usize, keys: &[u64], metric: Metric, settings: &Settings) -> Result<Self> {
        settings.check()?;
        check(rows, dim, keys)?;
        let n = keys.len();
        let degree = if n < settings.least_rows { 0 } else { settings.degree };
        let entries = settings.entries.min(n);
        let coarse = n >= settings.least_rows && coarse::fits(dim);
        let layout = Layout::new(metric, n, dim, degree, entries, coarse).ok_or_else(|| {
            Error::data(format!("{} vectors of {dim} values are too many", grouped(n as u64)), "index fewer vectors")
        })?;
        let memory = |error| Error::io("memory", "allocate")(error);
        let mut order: Vec<u32> = (0..n as u32).collect();
        if degree > 0 {
            arrange(&mut order, rows, dim, metric, settings);
        }
        let mean = mean(rows, dim, metric);
        let mut first = Buffer::zeroed(layout.codes.len()).map_err(memory)?;
        encode_all(first.bytes_mut(), &order, rows, dim, metric, &mean);
        let stride = vecinity_kernel::codes::stride(dim);
        let (mut links, mut walked) = (Vec::new(), (0..n as u32).collect());
        if degree > 0 {
            links = build::link(first.bytes(), stride, dim, settings);
            // In the order in which a breadth-first search finds them, rows that are looked at together lie together.
            walked = repair::reach_all(first.bytes(), stride, dim, &mut links, degree, entries);
        }
        let parts = Parts { rows, keys, mean, order, walked, codes: first.bytes(), links };
        let buffer = assemble(&layout, &parts, settings.threads).map_err(memory)?;
        Ok(Self { bytes: Bytes::Built(buffer), layout })
    }

    /// Writes the index to a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<()> {
        publish::check_space(path, self.layout.bytes as u64)?;
        publish::file(path, |to| publish::write_all(to, path, self.bytes()))
    }

    /// Maps the file of an index after checking every byte of it.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Model`] if it is no index, or damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(Error::io(path, "open"))?;
        let bytes = Bytes::Mapped(Mapped::open(&file).map_err(Error::io(path, "map"))?);
        Self::new(bytes).map_err(|what| damaged(path, what))
    }

    /// An index from the bytes of its file.
    ///
    /// # Errors
    /// [`Error::Model`] as from [`Segment::open`], [`Error::Io`] if there is no memory.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let name = Path::new("index");
        Layout::read(bytes).map_err(|what| damaged(name, what))?;
        let mut buffer = Buffer::zeroed(bytes.len()).map_err(Error::io("memory", "allocate"))?;
        buffer.bytes_mut().copy_from_slice(bytes);
        Self::new(Bytes::Built(buffer)).map_err(|what| damaged(name, what))
    }

    fn new(bytes: Bytes) -> Result<Self, String> {
        let segment = Self { layout: Layout::read(bytes.get())?, bytes };
        let (content, sum) = segment.bytes().split_at(segment.layout.bytes - CHECKSUM);
        if checksum::of_bytes(content).as_bytes() != sum {
            return Err("its checksum does not agree with its bytes".into());
        }
        segment.check_content()?;
        Ok(segment)
    }

    /// A right checksum says that a file is whole, not who wrote it: nothing in it may lead out of it.
    fn check_content(&self) -> Result<(), String> {
        let rows = self.len();
        if self.links().iter().any(|&link| link as usize >= rows) {
            return Err("a link leads to no row".into());
        }
        if self.layout.entries > rows || (self.layout.entries == 0 && rows > 0) {
            return Err(format!("walks begin with {} of {rows} rows", self.layout.entries));
        }
        let (keys, by_key) = (self.keys(), self.by_key());
        let rising =
            |pair: &[u32]| keys.get(pair[0] as usize).zip(keys.get(pair[1] as usize)).is_some_and(|(a, b)| a < b);
        if !by_key.windows(2).all(rising) || by_key.iter().any(|&row| row as usize >= rows) {
            return Err("its keys are not in order".into());
        }
        let sections = [&self.layout.mean, &self.layout.books, &self.layout.scales, &self.layout.squares];
        let floats = sections.into_iter().flat_map(|section| self.numbers::<f32>(section.clone()));
        let floats = floats.chain(self.vectors());
        if !floats.fold(true, |good, value| good & value.is_finite()) {
            return Err("a value is not finite".into());
        }
        let stride = vecinity_kernel::codes::stride(self.dim());
        let tails = self.codes().chunks_exact(stride).map(tail);
        if !tails.fold(true, |good, (factor, bias)| good & factor.is_finite() & bias.is_finite()) {
            return Err("a scale is not finite".into());
        }
        Ok(())
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.rows
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values in a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.layout.dim
    }

    /// How vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.layout.metric
    }

    /// Links of a row; 0 if there is no graph, and everything is scanned.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.layout.degree
    }

    /// Bytes of the file.
    #[must_use]
    pub fn size(&self) -> usize {
        self.layout.bytes
    }

    /// Rows that no walk can reach: 0, which every build sees to.
    #[must_use]
    pub fn unreachable(&self) -> usize {
        self.graph().map_or(0, |graph| repair::unreachable(&graph))
    }

    /// The keys, shape `[len]`, in the order of the rows.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        self.numbers(self.layout.keys.clone())
    }

    /// The vectors, shape `[len, dim]`; of unit length where the metric is the cosine.
    #[must_use]
    pub fn vectors(&self) -> &[f32] {
        self.numbers(self.layout.vectors.clone())
    }

    /// The row of a key.
    #[must_use]
    pub fn row_of(&self, key: u64) -> Option<usize> {
        let keys = self.keys();
        let by_key = self.by_key();
        let at = by_key.binary_search_by_key(&key, |&row| keys[row as usize]).ok()?;
        Some(by_key[at] as usize)
    }

    /// The vector of a row, shape `[dim]`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.vectors()[row * self.dim()..][..self.dim()]
    }

    pub(super) fn mean(&self) -> &[f32] {
        self.numbers(self.layout.mean.clone())
    }

    pub(super) fn codes(&self) -> &[u8] {
        &self.bytes()[self.layout.codes.clone()]
    }

    pub(super) fn graph(&self) -> Option<Graph<'_>> {
        let Layout { dim, degree, entries, .. } = self.layout;
        let stride = vecinity_kernel::codes::stride(dim);
        (degree > 0).then(|| Graph { codes: self.codes(), stride, links: self.links(), degree, entries })
    }

    pub(super) fn coarse(&self) -> Option<Coarse<'_>> {
        let Layout { books, scales, squares, blocks, .. } = &self.layout;
        self.layout.coarse.then(|| Coarse {
            books: self.numbers(books.clone()),
            scales: self.numbers(scales.clone()),
            squares: self.numbers(squares.clone()),
            codes: &self.bytes()[blocks.clone()],
        })
    }

    fn links(&self) -> &[u32] {
        self.numbers(self.layout.links.clone())
    }

    fn by_key(&self) -> &[u32] {
        self.numbers(self.layout.by_key.clone())
    }

    /// A section; sections begin on cache lines and have whole numbers.
    fn numbers<T: vecinity_kernel::mapped::Plain>(&self, range: std::ops::Range<usize>) -> &[T] {
        as_numbers(&self.bytes()[range]).unwrap_or(&[])
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get()
    }
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Mapped(file) => file.bytes(),
            Self::Built(buffer) => buffer.bytes(),
        }
    }
}

fn damaged(path: &Path, what: String) -> Error {
    Error::model(path, what, "build the index again")
}

fn check(rows: &[f32], dim: usize, keys: &[u64]) -> Result<()> {
    if dim == 0 || Some(rows.len()) != dim.checked_mul(keys.len()) {
        let what = format!("{} values are not {} vectors of {dim}", rows.len(), keys.len());
        return Err(Error::data(what, "give one key for each vector"));
    }
    if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
        let what = format!("the vector of key {} holds NaN or infinity", keys[at / dim]);
        return Err(Error::data(what, "leave it out, or repair it"));
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(Error::data(format!("the key {} comes twice", pair[0]), "give every vector a key of its own"))
        }
        None => Ok(()),
    }
}

/// A vector as it is stored and asked: of unit length for the cosine.
pub(super) fn prepared(row: &[f32], metric: Metric, to: &mut Vec<f32>) {
    let scale = if metric == Metric::Cosine { inverse_norm(dot(row, row)) } else { 1.0 };
    to.clear();
    to.extend(row.iter().map(|value| value * scale));
}

/// Shuffles the rows. Inner products: the largest norms come first, since walks begin there.
fn arrange(order: &mut [u32], rows: &[f32], dim: usize, metric: Metric, settings: &Settings) {
    Rng::new(settings.seed, 0).shuffle(order);
    if metric == Metric::Dot {
        let row = |row: u32| &rows[row as usize * dim..][..dim];
        let largest = LARGEST.min(settings.entries).min(order.len());
        let by_norm = |a: &u32, b: &u32| dot(row(*b), row(*b)).total_cmp(&dot(row(*a), row(*a)));
        if largest < order.len() {
            order.select_nth_unstable_by(largest, by_norm);
        }
    }
}

fn mean(rows: &[f32], dim: usize, metric: Metric) -> Vec<f32> {
    let (mut sums, mut row) = (vec![0.0f64; dim], Vec::new());
    for values in rows.chunks_exact(dim) {
        prepared(values, metric, &mut row);
        sums.iter_mut().zip(&row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let count = (rows.len() / dim).max(1) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

/// Codes of squared distances, in the order given.
fn encode_all(codes: &mut [u8], order: &[u32], rows: &[f32], dim: usize, metric: Metric, mean: &[f32]) {
    let mut row = Vec::new();
    for (&from, to) in order.iter().zip(codes.chunks_exact_mut(vecinity_kernel::codes::stride(dim))) {
        prepared(&rows[from as usize * dim..][..dim], metric, &mut row);
        // A vector of zeros has no direction: its distance from all others is that of a right angle.
        let missing = if metric == Metric::Cosine { 1.0 - dot(&row, &row) } else { 0.0 };
        row.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
        encode(&row, 2.0, dot(&row, &row) + missing, to);
    }
}

struct Parts<'a> {
    rows: &'a [f32],
    keys: &'a [u64],
    mean: Vec<f32>,
    /// The vector of each row of the codes.
    order: Vec<u32>,
    /// The row of the codes of each row of the segment.
    walked: Vec<u32>,
    codes: &'a [u8],
    links: Vec<u32>,
}

/// Puts the file together.
fn assemble(layout: &Layout, parts: &Parts<'_>, threads: usize) -> std::io::Result<Buffer> {
    let Layout { metric, dim, degree, rows, .. } = *layout;
    let mut buffer = Buffer::zeroed(layout.bytes)?;
    let bytes = buffer.bytes_mut();
    let header = layout.header();
    bytes[..header.len()].copy_from_slice(&header);
    bytes[layout.mean.clone()].copy_from_slice(as_bytes(&parts.mean));
    let mut place = vec![0; rows];
    for (new, &old) in (0u32..).zip(&parts.walked) {
        place[old as usize] = new;
    }
    let from = |row: usize| parts.order[parts.walked[row] as usize] as usize;
    let keys: Vec<u64> = (0..rows).map(|row| parts.keys[from(row)]).collect();
    let mut by_key: Vec<u32> = (0..rows as u32).collect();
    by_key.sort_unstable_by_key(|&row| keys[row as usize]);
    bytes[layout.keys.clone()].copy_from_slice(as_bytes(&keys));
    bytes[layout.by_key.clone()].copy_from_slice(as_bytes(&by_key));
    let stride = vecinity_kernel::codes::stride(dim);
    for (to, &old) in bytes[layout.codes.clone()].chunks_exact_mut(stride).zip(&parts.walked) {
        to.copy_from_slice(&parts.codes[old as usize * stride..][..stride]);
        if metric == Metric::Dot {
            // The graph was made for distances; it is searched by inner products, whose centre is one constant a query.
            let (factor, _) = tail(to);
            set_tail(to, 0.5 * factor, 0.0);
        }
    }
    if degree > 0 {
        let links = as_numbers_mut::<u32>(&mut bytes[layout.links.clone()]).unwrap_or(&mut []);
        for (to, &old) in links.chunks_exact_mut(degree).zip(&parts.walked) {
            for (to, &link) in to.iter_mut().zip(&parts.links[old as usize * degree..]) {
                *to = place[link as usize];
            }
        }
    }
    let vectors = as_numbers_mut::<f32>(&mut bytes[layout.vectors.clone()]).unwrap_or(&mut []);
    let mut unit = Vec::new();
    for (row, to) in vectors.chunks_exact_mut(dim).enumerate() {
        prepared(&parts.rows[from(row) * dim..][..dim], metric, &mut unit);
        to.copy_from_slice(&unit);
    }
    if layout.coarse {
        let made = coarse::encode(vectors, &parts.mean, metric, threads);
        bytes[layout.books.clone()].copy_from_slice(as_bytes(&made.books));
        bytes[layout.scales.clone()].copy_from_slice(as_bytes(&made.scales));
        bytes[layout.squares.clone()].copy_from_slice(as_bytes(&made.squares));
        bytes[layout.blocks.clone()].copy_from_slice(&made.codes);
    }
    let (content, sum) = bytes.split_at_mut(layout.bytes - CHECKSUM);
    sum.copy_from_slice(checksum::of_bytes(content).as_bytes());
    Ok(buffer)
}
