//! A listing that nobody has clicked yet: the mean of the nearest known listings of its kind.
//!
//! Grbovic & Cheng 2018, section 3.4: the three geographically nearest listings within a radius that have vectors, the same
//! type and the same price range. Where too few are of the same price range, it is left out of the conditions; where none
//! is near, the listing gets no vector, and that is said.

use crate::TokenId;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result, shown};
use crate::metadata::Metadata;
use std::collections::HashMap;

/// Kilometres of a degree on a great circle of the Earth.
const KM_A_DEGREE: f64 = 111.195;

/// Which listings are near and of the same kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// The columns of the place: two or more numbers, or latitude and longitude in degrees if `km`.
    pub place: Vec<String>,
    /// Distances are kilometres on the Earth.
    pub km: bool,
    /// Columns whose values must be the same: the type, the market.
    pub same: Vec<String>,
    /// Columns of numbers whose range must be the same: the price.
    pub ranges: Vec<String>,
    /// Into how many ranges of equally many known listings a column is cut, at least 1.
    pub buckets: usize,
    /// The farthest that a listing may lie away; infinity for any.
    pub radius: f64,
    /// Of how many listings the mean is taken, at least 1.
    pub neighbors: usize,
}

impl Default for Nearest {
    fn default() -> Self {
        Self {
            place: Vec::new(),
            km: false,
            same: Vec::new(),
            ranges: Vec::new(),
            buckets: 5,
            radius: f64::INFINITY,
            neighbors: 3,
        }
    }
}

/// A new listing with what its vector is the mean of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct New {
    /// Its id.
    pub id: String,
    /// The known listings, the nearest first; empty if it got no vector.
    pub of: Vec<String>,
}

/// The known listings, ready to be asked.
struct Known<'a> {
    metadata: &'a Metadata,
    rules: &'a Nearest,
    columns: Columns,
    /// Edges of the ranges of each column of `ranges`.
    edges: Vec<Vec<f64>>,
    /// Rows by the values of `same`.
    kinds: HashMap<Vec<&'a str>, Vec<Listing>>,
}

struct Columns {
    place: Vec<usize>,
    same: Vec<usize>,
    ranges: Vec<usize>,
}

struct Listing {
    row: usize,
    place: Vec<f64>,
    ranges: Vec<usize>,
}

/// The model with a vector for every listing of the metadata that it does not know, as the mean of known ones.
///
/// Known rows keep their numbers; new ones come behind them with the count 0, in the order of the metadata.
///
/// # Errors
/// [`Error::Setting`] for columns that do not exist or are no numbers, [`Error::Data`] if there is nothing to add.
pub fn add_nearest(model: &Embeddings, metadata: &Metadata, rules: &Nearest) -> Result<(Embeddings, Vec<New>)> {
    if rules.place.is_empty() || (rules.km && rules.place.len() != 2) {
        let expected = "the columns of the place, such as x,y; with kilometres latitude,longitude";
        return Err(Error::setting("place", rules.place.join(","), expected));
    }
    if rules.neighbors == 0 || rules.buckets == 0 || rules.radius.is_nan() || rules.radius <= 0.0 {
        return Err(Error::setting("neighbors, buckets, radius", "0", "more than 0"));
    }
    let known = Known::new(model, metadata, rules)?;
    let (mut vocab, mut new) = (model.vocab().clone(), Vec::new());
    let mut input = model.input().as_slice().to_vec();
    let mut output = model.output().map(|matrix| matrix.as_slice().to_vec());
    for id in metadata.ids().filter(|id| model.vocab().get(id).is_none()) {
        let rows = known.nearest(id);
        if !rows.is_empty() {
            vocab.push(id, 0)?;
            push_mean(model.input(), &rows, &mut input);
            if let (Some(values), Some(matrix)) = (&mut output, model.output()) {
                push_mean(matrix, &rows, values);
            }
        }
        let of = rows.iter().map(|&row| model.vocab().token(TokenId(row as u32)).to_owned()).collect();
        new.push(New { id: id.to_owned(), of });
    }
    if new.is_empty() {
        return Err(Error::data("the model knows all ids of the metadata", "there is nothing to add"));
    }
    let (rows, dim) = (vocab.len(), model.dim());
    let output = output.map(|values| Matrix::new(rows, dim, values));
    let made = Embeddings::new(vocab, Matrix::new(rows, dim, input), output)?.with_metadata(Some(metadata.clone()));
    Ok((made, new))
}

/// Appends the mean of some rows of a matrix.
fn push_mean(matrix: &Matrix, rows: &[usize], to: &mut Vec<f32>) {
    let start = to.len();
    to.resize(start + matrix.dim(), 0.0);
    for &row in rows {
        to[start..].iter_mut().zip(matrix.row(row)).for_each(|(sum, value)| *sum += value / rows.len() as f32);
    }
}

impl<'a> Known<'a> {
    fn new(model: &Embeddings, metadata: &'a Metadata, rules: &'a Nearest) -> Result<Self> {
        let find = |name: &String| {
            metadata.columns().iter().position(|known| known == name).ok_or_else(|| {
                let known: Vec<String> = metadata.columns().iter().take(12).map(|name| shown(name)).collect();
                Error::setting("columns", shown(name), format!("columns of the metadata: {}", known.join(", ")))
            })
        };
        let all = |names: &[String]| names.iter().map(find).collect::<Result<Vec<usize>>>();
        let columns = Columns { place: all(&rules.place)?, same: all(&rules.same)?, ranges: all(&rules.ranges)? };
        let rows: Vec<(usize, &str)> =
            (metadata.ids().filter_map(|id| Some((model.vocab().get(id)?.row(), id)))).collect();
        let mut edges = Vec::new();
        for (&column, name) in columns.ranges.iter().zip(&rules.ranges) {
            let mut values: Vec<f64> = rows.iter().filter_map(|(_, id)| number(metadata, id, column)).collect();
            if values.is_empty() {
                return Err(Error::setting("ranges", shown(name), "a column of numbers"));
            }
            values.sort_by(f64::total_cmp);
            edges.push((1..rules.buckets).map(|cut| values[cut * values.len() / rules.buckets]).collect());
        }
        let mut known = Self { metadata, rules, columns, edges, kinds: HashMap::new() };
        for (row, id) in rows {
            if let Some(listing) = known.listing(row, id) {
                let kind = known.kind(id);
                known.kinds.entry(kind).or_default().push(listing);
            }
        }
        if known.kinds.is_empty() {
            let what = format!("no listing of the model has a place in the columns {}", rules.place.join(","));
            return Err(Error::data(what, "name columns of numbers of the metadata"));
        }
        Ok(known)
    }

    /// What must be the same.
    fn kind(&self, id: &str) -> Vec<&'a str> {
        self.columns.same.iter().map(|&column| self.metadata.value(id, column).unwrap_or("")).collect()
    }

    /// A listing that has a place.
    fn listing(&self, row: usize, id: &str) -> Option<Listing> {
        let place =
            self.columns.place.iter().map(|&column| number(self.metadata, id, column)).collect::<Option<Vec<f64>>>()?;
        let range = |(&column, edges): (&usize, &Vec<f64>)| {
            number(self.metadata, id, column).map_or(usize::MAX, |value| edges.partition_point(|edge| *edge <= value))
        };
        Some(Listing { row, place, ranges: self.columns.ranges.iter().zip(&self.edges).map(range).collect() })
    }

    /// Rows of the nearest listings of the kind of `id`.
    fn nearest(&self, id: &str) -> Vec<usize> {
        let (Some(new), Some(kind)) = (self.listing(0, id), self.kinds.get(&self.kind(id))) else { return Vec::new() };
        let among = |same_ranges: bool| {
            let mut found: Vec<(f64, usize)> = (kind.iter())
                .filter(|listing| !same_ranges || listing.ranges == new.ranges)
                .map(|listing| (self.distance(&new.place, &listing.place), listing.row))
                .filter(|(distance, _)| *distance <= self.rules.radius)
                .collect();
            found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            found.truncate(self.rules.neighbors);
            found.into_iter().map(|(_, row)| row).collect::<Vec<usize>>()
        };
        let same = among(true);
        if same.len() == self.rules.neighbors { same } else { among(false) }
    }

    fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        if !self.rules.km {
            return a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        }
        // The haversine formula: exact for near places, too.
        let (from, to) = (a[0].to_radians(), b[0].to_radians());
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let h = half(b[0] - a[0]) + from.cos() * to.cos() * half(b[1] - a[1]);
        2.0 * h.clamp(0.0, 1.0).sqrt().asin().to_degrees() * KM_A_DEGREE
    }
}

fn number(metadata: &Metadata, id: &str, column: usize) -> Option<f64> {
    metadata.value(id, column)?.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Vocab;
    use std::path::Path;

    fn model() -> Embeddings {
        let vocab = Vocab::from_counts([("a", 3), ("b", 2), ("c", 1)]).unwrap();
        Embeddings::new(vocab, Matrix::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, 8.0, 8.0]), None).unwrap()
    }

    fn listings(text: &str) -> Metadata {
        Metadata::read(text.as_bytes(), Path::new("listings.csv")).unwrap()
    }

    fn rules(text: [&str; 3]) -> Nearest {
        let all = |text: &str| text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Nearest {
            place: all(text[0]),
            same: all(text[1]),
            ranges: all(text[2]),
            neighbors: 2,
            buckets: 2,
            ..Nearest::default()
        }
    }

    const LISTINGS: &str =
        "id,x,y,type,price\na,0,0,flat,10\nb,0,1,flat,20\nc,0,2,room,20\nn,0,0.2,flat,20\nf,50,0,flat,20\n";

    #[test]
    fn a_new_listing_is_the_mean_of_the_nearest_of_its_kind() {
        let (made, new) = add_nearest(&model(), &listings(LISTINGS), &rules(["x,y", "type", ""])).unwrap();
        assert_eq!(new[0], New { id: "n".into(), of: vec!["a".into(), "b".into()] });
        assert_eq!(made.input().row(made.vocab().get("n").unwrap().row()), [0.5, 0.5]);
        assert_eq!(made.input().row(0), [1.0, 0.0]);
        // Without the type `c` is one of the nearest to a place at y = 2.
        let near = listings("id,x,y\na,0,0\nb,0,1\nc,0,2\nn,0,2\n");
        assert_eq!(add_nearest(&model(), &near, &rules(["x,y", "", ""])).unwrap().1[0].of, ["c", "b"]);
    }

    #[test]
    fn ranges_are_left_out_where_they_leave_too_few_and_the_radius_is_not() {
        let one = Nearest { neighbors: 1, ..rules(["x,y", "type", "price"]) };
        // `a` is nearer than `b`, which costs as much as `n`.
        assert_eq!(add_nearest(&model(), &listings(LISTINGS), &one).unwrap().1[0].of, ["b"]);
        let two = rules(["x,y", "type", "price"]);
        assert_eq!(add_nearest(&model(), &listings(LISTINGS), &two).unwrap().1[0].of, ["a", "b"]);
        let (made, new) = add_nearest(&model(), &listings(LISTINGS), &Nearest { radius: 5.0, ..two }).unwrap();
        assert_eq!((new[1].id.as_str(), new[1].of.len()), ("f", 0));
        assert!(made.vocab().get("f").is_none() && made.len() == 4);
    }

    #[test]
    fn kilometres_are_those_of_the_earth() {
        let places = listings("id,lat,lon\na,48.8566,2.3522\nb,51.5074,-0.1278\nc,0,0\nn,48.9,2.4\n");
        let paris = Nearest { km: true, radius: 10.0, ..rules(["lat,lon", "", ""]) };
        assert_eq!(add_nearest(&model(), &places, &paris).unwrap().1[0].of, ["a"]);
        // Paris to London is 343.6 km.
        let known = Known::new(&model(), &places, &paris).unwrap();
        assert!((known.distance(&[48.8566, 2.3522], &[51.5074, -0.1278]) - 343.6).abs() < 0.5);
    }

    #[test]
    fn columns_that_are_not_there_are_named() {
        let message = add_nearest(&model(), &listings(LISTINGS), &rules(["lat", "", ""])).unwrap_err().to_string();
        assert!(message.contains("columns is lat") && message.contains("x, y, type, price"), "{message}");
        let known = listings("id,x\na,1\n");
        let message = add_nearest(&model(), &known, &rules(["x", "", ""])).unwrap_err().to_string();
        assert!(message.contains("knows all ids"), "{message}");
    }
}
