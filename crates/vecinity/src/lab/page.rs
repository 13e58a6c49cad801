//! An answer as Markdown, JSON and pictures.

use crate::error::{Error, Result};
use crate::publish;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The answer to one question.
#[derive(Debug, Clone)]
pub struct Page {
    /// The name of the question: that of the files.
    pub name: &'static str,
    /// The answer in a few lines, for a terminal.
    pub summary: Vec<String>,
    /// All figures.
    pub figures: serde_json::Value,
    markdown: String,
    pictures: Vec<(String, String)>,
}

impl Page {
    pub(super) fn new(name: &'static str, question: &str) -> Self {
        let markdown = format!("# {question}\n");
        Self { name, summary: Vec::new(), figures: serde_json::Value::Null, markdown, pictures: Vec::new() }
    }

    /// The page as Markdown; pictures are files beside it.
    #[must_use]
    pub fn markdown(&self) -> &str {
        &self.markdown
    }

    pub(super) fn section(&mut self, heading: &str) {
        let _ = write!(self.markdown, "\n## {heading}\n");
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        let _ = write!(self.markdown, "\n{text}\n");
    }

    pub(super) fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        self.markdown.push('\n');
        self.markdown += &line(&header.iter().map(|&title| title.to_owned()).collect::<Vec<_>>());
        self.markdown += &format!("|{}\n", " --- |".repeat(header.len()));
        rows.iter().for_each(|row| self.markdown += &line(row));
    }

    /// A picture, named `<page>-<name>.svg`, and what it shows in words.
    pub(super) fn picture(&mut self, name: &str, about: &str, svg: String) {
        let file = format!("{}-{name}.svg", self.name);
        let _ = write!(self.markdown, "\n![{about}]({file})\n");
        self.pictures.push((file, svg));
    }

    /// Writes `<name>.md`, `<name>.json` and the pictures into a folder, which is made if it is not there; each file is
    /// replaced at once. Returns them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "create"))?;
        let figures = serde_json::to_string_pretty(&self.figures).unwrap_or_default() + "\n";
        let texts = [(format!("{}.json", self.name), figures.as_str())];
        let pictures = self.pictures.iter().map(|(name, svg)| (name.clone(), svg.as_str()));
        // The page comes last: whoever finds it finds all that it shows.
        let page = (format!("{}.md", self.name), self.markdown());
        let mut written = Vec::new();
        for (name, text) in texts.into_iter().chain(pictures).chain([page]) {
            let path = folder.join(name);
            publish::file(&path, |to| publish::write_all(to, &path, text.as_bytes()))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// `mean ± deviation` over seeds.
pub(super) fn spread(values: &[f64], digits: usize) -> String {
    let (mean, deviation) = mean_and_deviation(values);
    if values.len() < 2 {
        return format!("{mean:.digits$}");
    }
    format!("{mean:.digits$} ± {deviation:.digits$}")
}

/// The mean, and the standard deviation of a sample.
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_its_pictures_are_files_of_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut page = Page::new("thing", "Is it a thing?");
        page.section("Figures");
        page.table(&["a", "b"], &[vec!["1".into(), "2".into()]]);
        page.picture("curve", "a curve", "<svg/>".into());
        let target = folder.path().join("new");
        let written = page.write(&target).unwrap();
        assert_eq!(written.len(), 3);
        let text = std::fs::read_to_string(target.join("thing.md")).unwrap();
        assert_eq!(
            text,
            "# Is it a thing?\n\n## Figures\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n![a curve](thing-curve.svg)\n"
        );
        assert_eq!(std::fs::read_to_string(target.join("thing-curve.svg")).unwrap(), "<svg/>");
    }

    #[test]
    fn spreads_are_those_of_samples() {
        // Deviations from 2 are -1, 0, 1: a variance of 2 / 2.
        assert_eq!(spread(&[1.0, 2.0, 3.0], 2), "2.00 ± 1.00");
        assert_eq!(spread(&[0.5], 1), "0.5");
    }
}
