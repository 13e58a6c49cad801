//! A model with another recipe (the same vectors, asked in another way), or with more tokens.

use super::indexes::{FOLDER, Indexes};
use super::{
    BLEND, Manifest, Model, NewModel, Outputs, RECIPE, REPORT, SKIPPED, TRAINING, check_output, read_blend, save,
};
use crate::baselines::Sparse;
use crate::embeddings::Embeddings;
use crate::error::{Error, Result};
use crate::publish::{self, Staging};
use crate::recommend::{Pair, Recipe};
use std::path::Path;

impl Model {
    /// Stores another recipe in the model's folder, in one step, and writes its report anew. All other files stay; an index for
    /// recommendations only if it serves the new recipe too.
    ///
    /// # Errors
    /// [`Error::Data`] if the recipe needs an output matrix or a table that the model does not have;
    /// [`Error::Io`]. The folder is untouched then.
    pub fn store_recipe(&mut self, recipe: &Recipe) -> Result<()> {
        if recipe.vectors != Pair::Input {
            self.embeddings.require_output()?;
        }
        let tables = self.metrics.as_ref().and_then(|metrics| metrics.tables_for(recipe));
        let blend = self.path.join(BLEND);
        let blended = match tables {
            _ if recipe.blend.is_empty() => Vec::new(),
            Some(tables) if self.manifest.files.contains_key(BLEND) => {
                read_blend(&blend, &tables, self.embeddings.len())?
            }
            _ => {
                let what = "the model does not hold all the tables of this blend".to_owned();
                let advice = "only those of the recipe that training chose are stored: choose another blend, or none";
                return Err(Error::data(what, advice));
            }
        };
        let kept = self.kept_by(recipe);
        (self.recipe, self.blended) = (Some(recipe.clone()), blended);
        let staging = Staging::new(&self.path)?;
        let folder = staging.path();
        let mut manifest = self.manifest.clone();
        for name in manifest.files.keys().filter(|name| ![RECIPE, REPORT].contains(&name.as_str())) {
            same_file(&self.path.join(name), &folder.join(name))?;
        }
        let json = serde_json::to_vec_pretty(recipe).map_err(|e| Error::io(&self.path, "write")(e.into()))?;
        let mut changed = vec![(RECIPE, json)];
        if manifest.files.contains_key(REPORT) {
            changed.push((REPORT, self.report()?.into_bytes()));
        }
        for (name, bytes) in changed {
            let file = folder.join(name);
            publish::file(&file, |to| publish::write_all(to, &file, &bytes))?;
            manifest.files.insert(name.to_owned(), save::entry(&file)?);
        }
        for of in kept {
            link_index(&self.path.join(FOLDER).join(of.name()), &folder.join(FOLDER).join(of.name()))?;
        }
        manifest.uuid = save::uuid(&manifest.files);
        save::seal(folder, &self.path, &manifest)?;
        staging.publish()?;
        (self.manifest, self.indexes) = (manifest, Indexes::default());
        Ok(())
    }

    /// Writes the model to another place, where an older model is replaced in one step.
    ///
    /// # Errors
    /// [`Error::Input`] if something that is no model stands at `path`, or [`Error::Io`].
    pub fn copy_to(&self, path: &Path) -> Result<()> {
        check_output(path)?;
        let staging = Staging::new(path)?;
        for name in self.manifest.files.keys() {
            same_file(&self.path.join(name), &staging.path().join(name))?;
        }
        save::seal(staging.path(), path, &self.manifest)?;
        staging.publish()
    }

    /// Writes the model with more tokens behind its own to `path`, where an older model is replaced in one step. Figures,
    /// recipe and settings stay: they were measured without the new tokens. Tables of a blend say nothing about those.
    ///
    /// # Errors
    /// [`Error::Data`] if the first tokens are not those of the model; otherwise as [`NewModel::save`].
    pub fn save_with(&self, larger: &Embeddings, path: &Path) -> Result<Manifest> {
        let same = self.embeddings.vocab().iter().all(|(id, token, _)| larger.vocab().get(token) == Some(id));
        if !same || self.manifest.outputs == Outputs::Nodes {
            let what = "these vectors do not go on where the model ends".to_owned();
            return Err(Error::data(
                what,
                "give the model's own tokens first; a model of hierarchical softmax has none to add",
            ));
        }
        let text = |name: &str| {
            let file = self.path.join(name);
            let there = self.manifest.files.contains_key(name);
            if there { std::fs::read_to_string(&file).map_err(Error::io(file, "read")) } else { Ok(String::new()) }
        };
        let blended: Vec<Sparse> = (self.blended.iter())
            .map(|table| {
                let mut table = table.clone();
                let end = table.ends.last().copied().unwrap_or(0);
                table.ends.resize(larger.len(), end);
                table
            })
            .collect();
        let model = NewModel {
            tower: self.tower.as_ref(),
            parts: self.parts.as_ref(),
            config: self.config.as_ref(),
            origin: self.manifest.origin.clone(),
            recipe: self.recipe.as_ref().map(|recipe| (recipe, blended.as_slice())),
            metrics: self.metrics.as_ref(),
            types: self.types.clone().unwrap_or_default(),
            skipped: text(SKIPPED)?,
            training: text(TRAINING)?,
            ..NewModel::imported(larger, "")
        };
        model.save(path)
    }
}

/// The files of an index under another name.
fn link_index(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).map_err(Error::io(to, "create"))?;
    for entry in from.read_dir().map_err(Error::io(from, "read"))? {
        let name = entry.map_err(Error::io(from, "read"))?.file_name();
        same_file(&from.join(&name), &to.join(&name))?;
    }
    publish::sync_folder(to)
}

/// The same file under another name: files of a model are never changed in place, so that a link will do. Where the
/// system has none it is copied.
fn same_file(from: &Path, to: &Path) -> Result<()> {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).map_err(Error::io(to, "write"))?;
    }
    Ok(())
}
