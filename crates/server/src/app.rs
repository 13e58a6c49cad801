//! The models being served, and the pool that computes: as many questions at once as there are cores, a bounded number in
//! wait, the rest refused.

use crate::metrics::Metrics;
use crate::overlay::Overlay;
use crate::problem::Problem;
use crate::served::Served;
use crate::settings::Settings;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Mutex, Semaphore};
use vecinity::model_dir::{IndexOf, Model, WORTH_AN_INDEX};
use vecinity::{Error, Result};

/// Everything that requests share.
#[derive(Debug)]
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) models: ArcSwap<BTreeMap<String, Arc<Served>>>,
    /// Models in training, by name.
    pub(crate) watched: BTreeMap<String, PathBuf>,
    pub(crate) metrics: Metrics,
    /// Held by whoever changes a model.
    pub(crate) changes: Mutex<()>,
    /// Whether new work should go elsewhere: the server is ending.
    pub(crate) ending: AtomicBool,
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl App {
    /// Opens the models. Every byte of them is checked, and each is asked a question.
    ///
    /// # Errors
    /// What [`Model::open`] says; [`Error::Setting`] for two models of one name, or an address that needs a token.
    pub fn new(settings: Settings) -> Result<Self> {
        let mut models = BTreeMap::new();
        for path in &settings.models {
            let name = name_of(path)?;
            let served = open(&settings, &name, path)?;
            if models.insert(name.clone(), Arc::new(served)).is_some() {
                return Err(Error::setting("model", format!("'{name}' twice"), "folders of different names"));
            }
        }
        let mut watched = BTreeMap::new();
        for path in &settings.watched {
            watched.insert(name_of(path)?, path.clone());
        }
        if models.is_empty() && watched.is_empty() {
            return Err(Error::setting("model", "nothing", "a model folder, or --watch with one in training"));
        }
        let workers = Arc::new(Semaphore::new(settings.limits.workers.max(1)));
        Ok(Self {
            settings,
            models: ArcSwap::from_pointee(models),
            watched,
            metrics: Metrics::new(),
            changes: Mutex::new(()),
            ending: AtomicBool::new(false),
            workers,
            waiting: AtomicUsize::new(0),
        })
    }

    /// A model by its name.
    pub(crate) fn model(&self, name: &str) -> std::result::Result<Arc<Served>, Problem> {
        let models = self.models.load();
        models.get(name).cloned().ok_or_else(|| {
            let known: Vec<String> = models.keys().cloned().collect();
            if self.watched.contains_key(name) {
                return Problem::unknown_model(name, &[]).advised("it is still in training: GET its /events");
            }
            Problem::unknown_model(name, &known)
        })
    }

    /// Serves a model in place of what had its name.
    pub(crate) fn put(&self, served: Served) -> Arc<Served> {
        let served = Arc::new(served);
        self.models.rcu(|models| {
            let mut models = BTreeMap::clone(models);
            models.insert(served.name.clone(), Arc::clone(&served));
            models
        });
        served
    }

    /// Opens another model under a name, with the changes made by requests as far as they still make sense; returns the ids
    /// of items that do not.
    pub(crate) fn replacement(&self, name: &str, path: &Path) -> Result<(Served, Vec<String>)> {
        let model = Arc::new(Model::open(path)?);
        let before = self.models.load().get(name).map(|served| served.overlay.clone());
        let before = match (before, &self.settings.state) {
            (Some(overlay), _) => overlay,
            (None, Some(state)) => Overlay::load(state, name)?,
            (None, None) => Overlay::default(),
        };
        let (overlay, dropped) = before.carried(&model);
        Ok((Served::new(name, model, overlay)?, dropped))
    }

    /// Computes in the pool.
    ///
    /// # Errors
    /// What `work` says; 503 if too many wait already.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, Problem> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let permit = match Arc::clone(&self.workers).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _place = self.queue_up()?;
                let permit = Arc::clone(&self.workers).acquire_owned();
                let permit = tokio::time::timeout(self.settings.limits.patience, permit).await;
                permit.map_err(|_| self.refuse())?.map_err(|_| Problem::internal())?
            }
        };
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.unwrap_or_else(|panic| {
            tracing::error!("a question made the server stumble: {panic}");
            Err(Problem::internal())
        })
    }

    fn queue_up(&self) -> std::result::Result<Place<'_>, Problem> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.settings.limits.queue {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(self.refuse());
        }
        Ok(Place(&self.waiting))
    }

    fn refuse(&self) -> Problem {
        self.metrics.refused.fetch_add(1, Ordering::Relaxed);
        Problem::busy()
    }

    /// Questions in wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue, given back even if the client goes away.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Opens a model with the items that requests have added to it before.
fn open(settings: &Settings, name: &str, path: &Path) -> Result<Served> {
    let model = Arc::new(Model::open(path)?);
    let overlay = match &settings.state {
        Some(state) => Overlay::load(state, name)?,
        None => Overlay::default(),
    };
    let (overlay, dropped) = overlay.carried(&model);
    if model.embeddings.len() >= WORTH_AN_INDEX && model.index(IndexOf::Recommend)?.is_none() {
        let advice = format!("vecinity index build {} makes answers faster", path.display());
        tracing::info!(model = name, "every question looks at all {} items: {advice}", model.embeddings.len());
    }
    if !dropped.is_empty() {
        tracing::warn!(model = name, "items added before do not fit the model and were dropped: {dropped:?}");
    }
    Served::new(name, model, overlay)
}

/// The name under which a folder is served.
fn name_of(path: &Path) -> Result<String> {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name =
        whole.file_name().or(path.file_name()).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    check_name(&name)?;
    Ok(name)
}

/// Names are parts of addresses and of file names.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fine = |c: char| c.is_alphanumeric() || "-_.@+ ".contains(c);
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(fine) {
        let expected = "letters, digits and - _ . @ +, not beginning with a dot";
        return Err(Error::setting("model", format!("named '{}'", vecinity::error::shown(name)), expected));
    }
    Ok(())
}
