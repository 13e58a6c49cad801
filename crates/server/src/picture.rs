//! The map of a model: computed once for each way of drawing, in the background, and kept as long as the model.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use vecinity::cluster::{self, kmeans};
use vecinity::map::{self, Point, layout, principal};
use vecinity::{Embeddings, Matrix, Result};

/// Groups that points are coloured by.
const CLUSTERS: usize = 12;

/// How a map is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Principal components: at once.
    #[default]
    Pca,
    /// A layout of the graph of neighbours: in a while.
    Layout,
}

impl Method {
    /// Both, with their names.
    pub const ALL: [(&'static str, Self); 2] = [("pca", Self::Pca), ("layout", Self::Layout)];
}

/// A map, column by column.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Drawn {
    /// How it was drawn.
    method: Method,
    /// Items of the model, of which the first are drawn.
    total: usize,
    ids: Vec<String>,
    /// Titles, empty where there is none; absent if there are none at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    titles: Option<Vec<String>>,
    counts: Vec<u64>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// The group of each point (k-means of the vectors), from 1, the largest first.
    clusters: Vec<u32>,
    /// Fields with few values, to colour by: for each the values, and which of them each point has, from 1; 0 for none.
    fields: Vec<Field>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Field {
    name: String,
    values: Vec<String>,
    of: Vec<u32>,
}

impl Drawn {
    /// Draws the most frequent items of a model.
    ///
    /// * `goes_on`: as in [`layout`].
    ///
    /// # Errors
    /// As [`layout`].
    pub fn new(
        embeddings: &Embeddings,
        method: Method,
        settings: map::Settings,
        goes_on: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Self> {
        let points = settings.points.min(embeddings.len());
        let places = match method {
            Method::Pca => principal(embeddings.input(), points)?,
            Method::Layout => layout(embeddings.input(), &map::Settings { points, ..settings }, goes_on)?,
        };
        Self::of(embeddings, method, &places, settings.threads)
    }

    fn of(embeddings: &Embeddings, method: Method, places: &[Point], threads: usize) -> Result<Self> {
        let (vocab, metadata, dim) = (embeddings.vocab(), embeddings.metadata(), embeddings.dim());
        let ids: Vec<String> = vocab.iter().take(places.len()).map(|(_, id, _)| id.to_owned()).collect();
        let first = Matrix::new(places.len(), dim, embeddings.input().as_slice()[..places.len() * dim].to_vec());
        let groups = cluster::Settings {
            clusters: CLUSTERS.min(places.len()),
            threads,
            rounds: 30,
            ..cluster::Settings::default()
        };
        let titles = metadata
            .map(|metadata| ids.iter().map(|id| metadata.title(id).unwrap_or_default().to_owned()).collect::<Vec<_>>());
        Ok(Self {
            method,
            total: embeddings.len(),
            titles: titles.filter(|titles| titles.iter().any(|title| !title.is_empty())),
            counts: vocab.counts()[..places.len()].to_vec(),
            x: places.iter().map(|place| place[0]).collect(),
            y: places.iter().map(|place| place[1]).collect(),
            clusters: kmeans(&first, &groups)?.of.iter().map(|of| of + 1).collect(),
            fields: fields(embeddings, &ids),
            ids,
        })
    }
}

/// Fields in which at most 24 values cover most points. Of several values, the first counts: `Action|Sci-Fi`.
fn fields(embeddings: &Embeddings, ids: &[String]) -> Vec<Field> {
    let Some(metadata) = embeddings.metadata() else { return Vec::new() };
    let mut found = Vec::new();
    for (column, name) in metadata.columns().iter().enumerate() {
        let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        let value = |id: &String| metadata.value(id, column).and_then(|text| text.split('|').next());
        for id in ids {
            if let Some(text) = value(id) {
                *counts.entry(text).or_default() += 1;
            }
            if counts.len() > 200 {
                break;
            }
        }
        if counts.len() < 2 || counts.len() > 200 {
            continue;
        }
        let mut values: Vec<(&str, usize)> = counts.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        values.truncate(24);
        let covered: usize = values.iter().map(|(_, count)| count).sum();
        if 2 * covered < ids.len() || values[0].1 < 2 {
            continue;
        }
        let place = |text: &str| values.iter().position(|(known, _)| *known == text).map_or(0, |at| at as u32 + 1);
        let of = ids.iter().map(|id| value(id).map_or(0, place)).collect();
        found.push(Field {
            name: name.clone(),
            values: values.iter().map(|(text, _)| (*text).to_owned()).collect(),
            of,
        });
    }
    found
}

/// The maps of one model.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    known: Mutex<Vec<(Method, usize, Arc<State>)>>,
}

/// How far a map is.
#[derive(Debug, Default)]
struct State {
    /// The share that is done, in thousandths.
    done: AtomicU32,
    failed: AtomicBool,
    /// As JSON.
    drawn: Mutex<Option<Arc<Vec<u8>>>>,
}

/// What can be said about a map.
pub(crate) enum Answer {
    /// Here it is.
    Drawn(Arc<Vec<u8>>),
    /// It is being computed; the share that is done.
    Soon(f32),
    /// It cannot be drawn.
    Failed,
}

impl Pictures {
    /// The map, or how far it is; begins it if nobody has. It is given up when the model is.
    pub(crate) fn get(
        self: &Arc<Self>,
        model: &Arc<vecinity::model_dir::Model>,
        method: Method,
        settings: map::Settings,
    ) -> Answer {
        let points = settings.points;
        let state = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.iter().find(|(m, p, _)| (*m, *p) == (method, points)) {
                Some((.., state)) => Arc::clone(state),
                None => {
                    // A handful of sizes is enough; the oldest goes.
                    if known.len() >= 8 {
                        known.remove(0);
                    }
                    let state = Arc::new(State::default());
                    known.push((method, points, Arc::clone(&state)));
                    let (state_of, model) = (Arc::clone(&state), Arc::downgrade(model));
                    std::thread::spawn(move || draw(&state_of, &model, method, settings));
                    state
                }
            }
        };
        // Small ones are there in a moment: wait for them rather than have the client ask again.
        for _ in 0..20 {
            if state.failed.load(Ordering::Acquire) {
                return Answer::Failed;
            }
            if let Some(drawn) = &*state.drawn.lock().unwrap_or_else(PoisonError::into_inner) {
                return Answer::Drawn(Arc::clone(drawn));
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Answer::Soon(state.done.load(Ordering::Relaxed) as f32 / 1000.0)
    }
}

fn draw(state: &State, model: &Weak<vecinity::model_dir::Model>, method: Method, settings: map::Settings) {
    let Some(held) = model.upgrade() else { return };
    // The matrices are shared, not copied, so that the model itself may go while this works on.
    let embeddings = held.embeddings.clone();
    drop(held);
    let mut goes_on = |done: f32| {
        state.done.store((1000.0 * done) as u32, Ordering::Relaxed);
        model.strong_count() > 0
    };
    let drawn = Drawn::new(&embeddings, method, settings, &mut goes_on);
    match drawn.map(|drawn| serde_json::to_vec(&drawn)) {
        Ok(Ok(bytes)) => *state.drawn.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(bytes)),
        _ => state.failed.store(true, Ordering::Release),
    }
}

/// A page with a map that needs nothing else, for people without a server.
///
/// # Errors
/// [`vecinity::Error::Data`] if the map cannot be written as JSON.
pub fn page(title: &str, drawn: &Drawn) -> Result<String> {
    let json = serde_json::to_string(drawn).map_err(|error| vecinity::Error::data(error.to_string(), ""))?;
    // Inside of a script, only `<` could end it; JSON has another way of writing it.
    let json = json.replace('<', "\\u003c");
    let name = serde_json::to_string(title).unwrap_or_default().replace('<', "\\u003c");
    Ok(include_str!("../../../web/map.html")
        .replace("/*STYLE*/", include_str!("../../../web/style.css"))
        .replace("/*SCATTER*/", &include_str!("../../../web/js/scatter.js").replace("export ", ""))
        .replace("/*NAME*/null", &name)
        .replace("/*DATA*/null", &json))
}
