//! One model, ready for questions: what is made once and shared by all of them.

use crate::complete::Complete;
use crate::overlay::Overlay;
use crate::picture::Pictures;
use crate::problem::Problem;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use vecinity::ask::{Asker, Ready, Resolver, Titles, Want};
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::model_dir::{IndexOf, Model};
use vecinity::recommend::{Recommender, Style};
use vecinity::{Embeddings, Error, TokenId};

/// A model as it is served. It never changes: a change makes another one, and requests in flight keep theirs.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) name: String,
    /// As it was trained.
    pub(crate) trained: Arc<Model>,
    /// With the items that were added.
    pub(crate) model: Arc<Model>,
    pub(crate) recommender: Recommender,
    pub(crate) overlay: Overlay,
    /// Rows that are never answers.
    pub(crate) hidden: HashSet<u32>,
    pub(crate) pictures: Arc<Pictures>,
    titles: Titles,
    complete: OnceLock<Complete>,
    /// By vectors and metric.
    ready: [[OnceLock<Ready>; 3]; 5],
}

impl Served {
    /// Makes a model ready, and asks it one question of each kind to see that it answers.
    pub(crate) fn new(name: &str, trained: Arc<Model>, overlay: Overlay) -> vecinity::Result<Self> {
        let model = overlay.apply(&trained)?;
        let hidden = overlay.hidden(model.embeddings.vocab());
        let recommender = model.recommender()?;
        let served = Self {
            name: name.to_owned(),
            trained,
            model,
            recommender,
            overlay,
            hidden,
            pictures: Arc::default(),
            titles: Titles::default(),
            complete: OnceLock::new(),
            ready: Default::default(),
        };
        served.smoke()?;
        Ok(served)
    }

    /// A question of each kind about the most frequent item.
    fn smoke(&self) -> vecinity::Result<()> {
        let broken = |what: &str| {
            let advice = "the model cannot be served: train it again";
            Error::model(&*self.model.path, format!("a trial question about {what} failed"), advice)
        };
        if self.embeddings().is_empty() {
            return Err(broken("an item, of which the model has none,"));
        }
        let near = self.asker(Which::Input, Metric::Cosine)?.neighbors(TokenId(0), Want::best(3));
        let listed = self.recommender.recommend(&[0], Want::best(3), Style { diversity: 0.0, explain: true });
        if near.iter().any(|hit| !hit.score.is_finite()) {
            return Err(broken("neighbours"));
        }
        if listed.iter().any(|item| !item.score.is_finite()) || (self.embeddings().len() > 1 && listed.is_empty()) {
            return Err(broken("recommendations"));
        }
        Ok(())
    }

    /// The same model with another overlay.
    pub(crate) fn changed(&self, overlay: Overlay) -> vecinity::Result<Self> {
        Self::new(&self.name, Arc::clone(&self.trained), overlay)
    }

    pub(crate) fn embeddings(&self) -> &Embeddings {
        &self.model.embeddings
    }

    /// Which bytes answer: the name of the trained model, and how often its overlay was changed.
    pub(crate) fn version(&self) -> String {
        let uuid = &self.model.manifest.uuid;
        let uuid = uuid.get(..12).unwrap_or(uuid);
        match self.overlay.changes() {
            0 => uuid.to_owned(),
            changes => format!("{uuid}+{changes}"),
        }
    }

    /// The model, ready to be asked in one way. Server threads answer one question each.
    pub(crate) fn asker(&self, which: Which, metric: Metric) -> vecinity::Result<Asker<'_>> {
        let place = |all: &[(&str, Which)]| all.iter().position(|(_, known)| *known == which).unwrap_or(0);
        let ready = &self.ready[place(&Which::ALL)][metric as usize];
        if ready.get().is_none() {
            let fresh = Asker::new(self.embeddings(), which, metric)?;
            let index = match (which, metric) {
                (Which::Input, Metric::Cosine) => self.model.index(IndexOf::Neighbors)?,
                _ => None,
            };
            let fresh = match index {
                Some(index) => fresh.with_index(index),
                None => fresh,
            };
            let _ = ready.set(fresh.ready());
        }
        let ready = ready.get().ok_or_else(|| Error::data("the model is not ready", "try again"))?;
        Ok(Asker::with(self.embeddings(), ready).with_threads(1))
    }

    pub(crate) fn resolver(&self) -> Resolver<'_> {
        Resolver::with(self.embeddings(), self.titles.clone())
    }

    /// The item that a client names by id or title.
    pub(crate) fn item(&self, text: &str) -> Result<TokenId, Problem> {
        Ok(self.resolver().resolve(text)?)
    }

    pub(crate) fn complete(&self) -> &Complete {
        self.complete.get_or_init(|| Complete::new(self.embeddings()))
    }

    /// Whether an item may be an answer at all.
    pub(crate) fn shows(&self, id: TokenId) -> bool {
        !self.hidden.contains(&id.0)
    }
}
