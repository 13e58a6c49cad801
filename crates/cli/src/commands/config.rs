//! `vecinity config`: which settings a run would have, and where each comes from.

use crate::output::Output;
use crate::settings::{Resolved, Settings};
use anyhow::Result;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Subcommand};
use std::collections::BTreeMap;
use std::path::PathBuf;
use vecinity::config::File;

/// Show the settings of a run, and where each comes from.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity config show --kind text > vecinity.toml                 (a file to start from)
  vecinity config show clicks.csv --config vecinity.toml --dim 32 --effective

A setting is taken from its flag, else from the environment (VECINITY_DIM=32),
else from the file (--config), else from the profile of the kind of data.")]
pub(crate) struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Show(Box<Show>),
}

/// Print the configuration that `vecinity train` would run with, as TOML.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
struct Show {
    /// The data, as for `vecinity train`; only looked at to guess its kind.
    data: Vec<String>,
    /// Say of every value where it comes from: flag, environment, file, profile.
    #[arg(long)]
    effective: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(serde::Serialize)]
struct Answer {
    config: toml::Table,
    #[serde(skip_serializing_if = "Option::is_none")]
    origins: Option<BTreeMap<String, String>>,
}

impl Config {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let What::Show(show) = self.what;
        show.run(output)
    }
}

impl Show {
    fn run(self, output: Output) -> Result<()> {
        let Resolved { config, guessed_kind } = self.settings.resolve(&self.data)?;
        let profile = toml::Table::try_from(vecinity::config::Config::profile(config.data.kind))?;
        let whole = toml::Table::try_from(&config)?;
        let origins = Origins::new(self.settings.file(), profile, config.data.kind.name(), guessed_kind)?;
        let mut found = BTreeMap::new();
        for (section, keys) in entries(&whole) {
            for (key, value) in keys {
                found.insert(format!("{section}.{key}"), origins.of(section, key, value));
            }
        }
        let answer = Answer { config: whole, origins: self.effective.then_some(found) };
        output.text_by_nature().answer(&answer, |to| {
            for (section, keys) in entries(&answer.config) {
                writeln!(to, "[{section}]")?;
                for (key, value) in keys {
                    let line = format!("{key} = {value}");
                    match answer.origins.as_ref().and_then(|origins| origins.get(&format!("{section}.{key}"))) {
                        Some(origin) => writeln!(to, "{line:<34} # {origin}")?,
                        None => writeln!(to, "{line}")?,
                    }
                }
                writeln!(to)?;
            }
            Ok(())
        })
    }
}

fn entries(table: &toml::Table) -> impl Iterator<Item = (&String, &toml::Table)> {
    table.iter().filter_map(|(name, section)| Some((name, section.as_table()?)))
}

/// What is needed to tell where a value comes from.
struct Origins {
    given: ArgMatches,
    file: Option<(PathBuf, File)>,
    profile: toml::Table,
    kind: &'static str,
    guessed_kind: bool,
}

impl Origins {
    fn new(
        file: Option<&PathBuf>,
        profile: toml::Table,
        kind: &'static str,
        guessed_kind: bool,
    ) -> vecinity::Result<Self> {
        // The words of this process once more: only the parser knows which of them were given.
        let mut given = crate::command().get_matches();
        while let Some((_, inner)) = given.remove_subcommand() {
            given = inner;
        }
        let file = file.map(|path| Ok::<_, vecinity::Error>((path.clone(), File::read(path)?))).transpose()?;
        Ok(Self { given, file, profile, kind, guessed_kind })
    }

    /// Where the value of a key comes from, for people.
    fn of(&self, section: &str, key: &str, value: &toml::Value) -> String {
        // Flags that say no to what is so without them.
        let flag = match key {
            "files" => "data",
            "blend" => "no_blend",
            "refit" => "no_refit",
            "shrink_windows" => "fixed_window",
            key => key,
        };
        let source = self.given.try_contains_id(flag).ok().and_then(|_| self.given.value_source(flag));
        match source {
            Some(ValueSource::CommandLine) if flag == "data" => return "named".into(),
            Some(ValueSource::CommandLine) => return format!("flag --{}", flag.replace('_', "-")),
            Some(ValueSource::EnvVariable) => return format!("environment VECINITY_{}", flag.to_uppercase()),
            _ => {}
        }
        if let Some((path, _)) = self.file.as_ref().filter(|(_, file)| file.says(section, key)) {
            return format!("file {}", path.display());
        }
        match (section, key) {
            ("data", "kind") if self.guessed_kind => "guessed from the data".into(),
            ("train", "threads") => "cores of this machine".into(),
            _ if self.profile.get(section).and_then(|keys| keys.get(key)) == Some(value) => {
                format!("profile {}", self.kind)
            }
            _ => "follows from the others".into(),
        }
    }
}
