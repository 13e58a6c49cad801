//! How settings that were given make a whole configuration: over the file, which is over the profile of the kind.

use super::given::{Given, LossName, ModelName};
use super::{Data, Resolved};
use crate::config::{Config, File, Kind};
use crate::corpus::{Source, expand};
use crate::error::{Error, Result};
use crate::eval::recommend::Holdout;
use crate::events;
use crate::models::word2vec::{Architecture, Objective};
use crate::models::{ModelConfig, airbnb, youtube};
use std::io::Read;

/// Bytes looked at to guess the kind of data.
const PEEK: usize = 1 << 16;

/// Takes a given value over a setting, if there is one.
fn set<T: Clone>(setting: &mut T, given: Option<&T>) {
    if let Some(value) = given {
        *setting = value.clone();
    }
}

impl Given {
    /// Whether it is said which contexts are learned from.
    pub(super) fn says_directed(&self) -> Result<bool> {
        Ok(self.directed.is_some() || self.file()?.is_some_and(|file| file.says("model", "directed")))
    }

    fn file(&self) -> Result<Option<File>> {
        self.config.as_deref().map(File::read).transpose()
    }

    /// The whole configuration: what is given over the file over the profile of the kind.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that do not fit together or the data, and what reading the file says.
    pub fn resolve(&self, data: &Data) -> Result<Resolved> {
        let file = self.file()?;
        let named;
        let data = match (data, &file) {
            (Data::Files(files), Some(file)) if files.is_empty() => {
                named = Data::Files(file.files());
                &named
            }
            (data, _) => data,
        };
        let all = self.window.as_deref() == Some("all");
        let market = self.of_market().next().map(|_| Kind::Sequence);
        let told = self.kind.or(all.then_some(Kind::Set)).or(market).or_else(|| file.as_ref().and_then(File::kind));
        let (kind, guessed_kind) = match told {
            Some(kind) => (kind, false),
            None if self.model == Some(ModelName::Youtube) || self.is_table(data)? => (Kind::Sequence, true),
            None => (guess_kind(data)?, true),
        };
        let config = self.with_kind(data, kind, file.as_ref())?;
        Ok(Resolved { config, guessed_kind })
    }

    /// The same for a kind of data that was found out.
    pub(super) fn resolve_as(&self, data: &Data, kind: Kind) -> Result<Config> {
        self.with_kind(data, kind, self.file()?.as_ref())
    }

    fn with_kind(&self, data: &Data, kind: Kind, file: Option<&File>) -> Result<Config> {
        let all = self.window.as_deref() == Some("all");
        let rate_is_told = file.is_some_and(|file| file.says("train", "learning_rate"));
        let network = self.model == Some(ModelName::Youtube);
        let mut config = match file {
            Some(file) => file.over_profile(kind)?,
            None if network => Config::network(),
            None if self.of_market().next().is_some() && kind == Kind::Sequence => Config::listings(),
            None => Config::profile(kind),
        };
        if network && !matches!(config.model, ModelConfig::Youtube(_)) {
            let expected = format!("{}, which is the family of the model in the file", config.model.family());
            return Err(Error::setting("model", "youtube", expected));
        }
        if matches!(config.model, ModelConfig::Youtube(_)) && kind != Kind::Sequence {
            let expected = "skipgram or cbow: a network learns what comes next, from --kind sequence";
            return Err(Error::setting("model", "youtube", expected));
        }
        if let Some(name) = self.of_market().next().filter(|_| !matches!(config.model, ModelConfig::Airbnb(_))) {
            let expected = "nothing of the kind for this model; it is for --kind sequence with skip-gram";
            return Err(Error::setting(name, "given", expected));
        }
        config.data.kind = kind;
        match data {
            Data::Files(files) if files.is_empty() => {}
            Data::Files(files) => config.data.files.clone_from(files),
            // What is in memory has no name.
            _ => config.data.files.clear(),
        }
        self.refuse_foreign(kind)?;
        data.refuse_foreign(self, kind)?;
        self.apply_data(&mut config);
        self.apply_events(&mut config);
        self.check_market(&config)?;
        self.apply_judging(&mut config);
        self.apply_train(&mut config, rate_is_told)?;
        self.apply_model(&mut config, all)?;
        self.apply_graph(&mut config)?;
        config.train.check()?;
        if config.data.weighted && matches!(config.model, ModelConfig::Youtube(_)) {
            return Err(Error::setting("weighted", "given", "no such setting for --model youtube"));
        }
        Ok(config)
    }

    /// Whether the data is a table of events, and not lines.
    fn is_table(&self, data: &Data) -> Result<bool> {
        let Data::Files(files) = data else { return Ok(!matches!(data, Data::Lists(_))) };
        let columns = self.columns.clone().unwrap_or_default();
        let options = events::Options { format: self.format, columns, ..events::Options::default() };
        Ok(match expand(files)?.first() {
            Some(source) => events::is_table(source, &options)?,
            None => false,
        })
    }

    /// Settings of text with items, and settings of items with text, are mistakes.
    fn refuse_foreign(&self, kind: Kind) -> Result<()> {
        let of_items = || {
            vec![
                ("format", self.format.is_some()),
                ("columns", self.columns.is_some()),
                ("events", !self.events.is_empty()),
                ("session_gap", self.session_gap.is_some()),
                ("repeats", self.repeats.is_some()),
                ("weighted", self.weighted),
                ("bad_rows", self.bad_rows.is_some()),
                ("memory_limit", self.memory_limit.is_some()),
                ("holdout", self.holdout.is_some_and(|holdout| holdout != Holdout::None)),
                ("baselines", !self.baselines.is_empty()),
                ("patience", self.patience.is_some()),
                ("no_blend", self.no_blend),
                ("no_refit", self.no_refit),
            ]
        };
        let of_text = || {
            vec![
                ("max_vocab", self.max_vocab.is_some()),
                ("tokens", self.tokens.is_some()),
                ("lowercase", self.lowercase),
                ("encoding", self.encoding.is_some()),
                ("bad_utf8", self.bad_utf8.is_some()),
                ("phrases", self.phrases.is_some()),
            ]
        };
        let (foreign, expected) = match kind {
            Kind::Text => (of_items(), "nothing of the kind for text; items are --kind sequence or set"),
            Kind::Graph => {
                let more = vec![("min_count", self.min_count.is_some()), ("largest_set", self.largest_set.is_some())];
                ([of_items(), of_text(), more].concat(), "nothing of the kind for graphs, whose lines are edges")
            }
            _ => (of_text(), "nothing of the kind for items; text is --kind text"),
        };
        match foreign.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => Err(Error::setting(name, "given", expected)),
        }
    }

    /// Puts what is given of graphs and walks into a configuration.
    fn apply_graph(&self, config: &mut Config) -> Result<()> {
        let kind = config.data.kind;
        if kind == Kind::Sequence && self.walks.is_some() {
            config.graph.get_or_insert_default();
        }
        let Some(graph) = &mut config.graph else {
            let expected = "nothing of the kind but with --kind graph, or with --walks and --kind sequence";
            return match self.of_graph().next() {
                None => Ok(()),
                Some(name) => Err(Error::setting(name, "given", expected)),
            };
        };
        if !matches!(kind, Kind::Graph | Kind::Sequence) {
            return Err(Error::setting("graph", "given", "no walks for this kind of data"));
        }
        if !matches!(config.model, ModelConfig::Word2vec(_)) {
            let family = config.model.family();
            let expected = format!("no walks for the model {family}: they are sequences for skip-gram and CBOW");
            return Err(Error::setting("walks", "given", expected));
        }
        set(&mut graph.walks, self.walks.as_ref());
        set(&mut graph.walk_length, self.walk_length.as_ref());
        set(&mut graph.p, self.p.as_ref());
        set(&mut graph.q, self.q.as_ref());
        graph.directed_edges |= self.directed_edges || kind == Kind::Sequence;
        graph.check()
    }

    fn apply_data(&self, config: &mut Config) {
        let data = &mut config.data;
        set(&mut data.min_count, self.min_count.as_ref());
        set(&mut data.tokens, self.tokens.as_ref());
        set(&mut data.encoding, self.encoding.as_ref());
        set(&mut data.bad_utf8, self.bad_utf8.as_ref());
        data.max_vocab = self.max_vocab.or(data.max_vocab);
        data.phrases = self.phrases.clone().or_else(|| data.phrases.take());
        for (given, setting) in [(&self.metadata, &mut data.metadata), (&self.user_metadata, &mut data.user_metadata)] {
            if let Some(given) = given {
                *setting = given.file();
            }
        }
        data.lowercase |= self.lowercase;
    }

    /// Puts what is given of events into a configuration.
    pub fn apply_events(&self, config: &mut Config) {
        let data = &mut config.data;
        data.format = self.format.or(data.format);
        set(&mut data.columns, self.columns.as_ref());
        if !self.events.is_empty() {
            data.events.clone_from(&self.events);
        }
        let told = |given: &Option<String>, setting: &mut Option<String>| *setting = given.clone().or(setting.take());
        told(&self.global_context, &mut data.global_context);
        told(&self.local_negatives, &mut data.local_negatives);
        told(&self.reject, &mut data.reject);
        data.min_dwell = self.min_dwell.map(|dwell| dwell.as_secs()).or(data.min_dwell);
        if let ModelConfig::Airbnb(model) = &mut config.model {
            model.global_context &= data.global_context.is_some();
            model.reject &= data.reject.is_some();
            set(&mut model.local_negatives, self.market_negatives.as_ref());
            if data.local_negatives.is_none() {
                model.local_negatives = 0;
            }
            set(&mut model.oversample, self.oversample.as_ref());
            set(&mut model.goal_weight, self.goal_weight.as_ref());
            set(&mut model.reject_weight, self.reject_weight.as_ref());
        }
        data.session_gap = self.session_gap.map(|gap| gap.as_secs()).or(data.session_gap);
        set(&mut data.repeats, self.repeats.as_ref());
        data.weighted |= self.weighted;
        set(&mut data.bad_rows, self.bad_rows.as_ref());
        set(&mut data.memory_limit, self.memory_limit.as_ref());
    }

    /// What goes with an event or a market that is not named would change nothing.
    fn check_market(&self, config: &Config) -> Result<()> {
        let data = &config.data;
        for (name, given, with, other) in [
            (
                "goal_weight",
                self.goal_weight.is_some(),
                &data.global_context,
                "global_context too: the event that it weighs",
            ),
            (
                "oversample",
                self.oversample.is_some(),
                &data.global_context,
                "global_context too: the event that sessions end in",
            ),
            ("reject_weight", self.reject_weight.is_some(), &data.reject, "reject too: the event that it weighs"),
            (
                "market_negatives",
                self.market_negatives.is_some(),
                &data.local_negatives,
                "local_negatives too: the column of markets",
            ),
        ] {
            if given && with.is_none() {
                return Err(Error::setting(name, "given", other));
            }
        }
        Ok(())
    }

    fn apply_judging(&self, config: &mut Config) {
        let evaluate = &mut config.evaluate;
        evaluate.holdout = self.holdout.or(evaluate.holdout);
        if !self.baselines.is_empty() {
            evaluate.baselines = Some(self.baselines.clone());
        }
        set(&mut evaluate.patience, self.patience.as_ref());
        evaluate.blend &= !self.no_blend;
        evaluate.refit &= !self.no_refit;
    }

    fn apply_train(&self, config: &mut Config, rate_is_told: bool) -> Result<()> {
        let train = &mut config.train;
        set(&mut train.dim, self.dim.as_ref());
        set(&mut train.subsample, self.subsample.as_ref());
        set(&mut train.seed, self.seed.as_ref());
        match self.epochs.as_deref() {
            Some("auto") if matches!(config.data.kind, Kind::Text | Kind::Graph) => {
                return Err(Error::setting(
                    "epochs",
                    "auto",
                    "a number for text and graphs: auto needs held-out items",
                ));
            }
            None | Some("auto") => {}
            Some(number) => {
                train.epochs = number.parse().map_err(|_| Error::setting("epochs", number, "a number, or 'auto'"))?;
                // A number is a wish: only --patience stops sooner then.
                config.evaluate.patience = self.patience.unwrap_or(0);
            }
        }
        train.threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
        if self.model == Some(ModelName::Word2vec(Architecture::Cbow)) && !rate_is_told {
            train.learning_rate = 0.05;
        }
        set(&mut train.learning_rate, self.learning_rate.as_ref());
        Ok(())
    }

    fn apply_model(&self, config: &mut Config, all: bool) -> Result<()> {
        // A window turns a set profile back into a sequence model.
        let windowed = self.window.is_some() && !all;
        if windowed && matches!(config.model, ModelConfig::Item2vec(_)) {
            if config.data.kind == Kind::Set && self.kind.is_some() {
                let window = self.window.as_deref().unwrap_or("");
                return Err(Error::setting("window", window, "'all' for --kind set"));
            }
            config.model = Config::profile(Kind::Sequence).model;
        }
        if all && matches!(config.model, ModelConfig::Airbnb(_)) {
            return Err(Error::setting("window", "all", "a number: sessions are sequences"));
        }
        if all && matches!(config.model, ModelConfig::Word2vec(_)) {
            config.model = Config::profile(Kind::Set).model;
        }
        match &mut config.model {
            ModelConfig::Word2vec(model) | ModelConfig::Airbnb(airbnb::Config { plain: model, .. }) => {
                if let Some(window) = &self.window {
                    let number = window.parse();
                    model.window = number.map_err(|_| Error::setting("window", window, "a number, or 'all'"))?;
                }
                match self.model {
                    Some(ModelName::Word2vec(architecture)) => model.model = architecture,
                    Some(ModelName::Youtube) | None => {}
                }
                match self.loss {
                    Some(LossName::Word2vec(objective)) => model.loss = objective,
                    Some(LossName::Youtube(loss)) => {
                        return Err(Error::setting("loss", loss.name(), "ns or hs, or --model youtube"));
                    }
                    None => {}
                }
                set(&mut model.directed, self.directed.as_ref());
                set(&mut model.negatives, self.negatives.as_ref());
                set(&mut model.noise_exponent, self.noise_exponent.as_ref());
                set(&mut model.noise_sharing, self.noise_sharing.as_ref());
                set(&mut model.cbow_gradient, self.cbow_gradient.as_ref());
                model.shrink_windows &= !self.fixed_window;
                if !self.item_features.is_empty() {
                    model.item_features.clone_from(&self.item_features);
                }
                set(&mut model.item_weights, self.item_weights.as_ref());
                if model.item_features.is_empty() && self.item_weights.is_some() {
                    let expected = "nothing of the kind without --item-features";
                    return Err(Error::setting("item_weights", "given", expected));
                }
                if !model.item_features.is_empty() && config.data.kind != Kind::Sequence {
                    return Err(Error::setting("item_features", "given", "no fields but with --kind sequence"));
                }
                if self.largest_set.is_some() {
                    return Err(Error::setting("largest_set", "given", "nothing of the kind but with --kind set"));
                }
            }
            ModelConfig::Item2vec(model) => {
                set(&mut model.negatives, self.negatives.as_ref());
                set(&mut model.noise_exponent, self.noise_exponent.as_ref());
                set(&mut model.largest_set, self.largest_set.as_ref());
                let skipgram = ModelName::Word2vec(Architecture::SkipGram);
                let foreign = [
                    ("model", self.model.is_some_and(|model| model != skipgram)),
                    ("loss", self.loss.is_some_and(|loss| loss != LossName::Word2vec(Objective::Ns))),
                    ("noise_sharing", self.noise_sharing.is_some()),
                    ("fixed_window", self.fixed_window),
                    ("directed", self.directed == Some(true)),
                    ("item_features", !self.item_features.is_empty()),
                    ("item_weights", self.item_weights.is_some()),
                ];
                if let Some((name, _)) = foreign.into_iter().find(|(_, given)| *given) {
                    let expected = "no such setting for --kind set: the set form is skip-gram with negative sampling over all pairs";
                    return Err(Error::setting(name, "given", expected));
                }
            }
            ModelConfig::Youtube(model) => return self.apply_network(model),
        }
        match self.of_network().next() {
            Some(name) => Err(Error::setting(name, "given", "no such setting but with --model youtube")),
            None => Ok(()),
        }
    }

    fn apply_network(&self, model: &mut youtube::Config) -> Result<()> {
        match self.loss {
            Some(LossName::Youtube(loss)) => model.loss = Some(loss),
            Some(LossName::Word2vec(_)) => {
                let expected = "full, sampled, in-batch, mixed or gbce for --model youtube";
                return Err(Error::setting("loss", "ns or hs", expected));
            }
            None => {}
        }
        set(&mut model.negatives, self.negatives.as_ref());
        set(&mut model.noise_exponent, self.noise_exponent.as_ref());
        set(&mut model.history, self.history.as_ref());
        set(&mut model.pools, self.pools.as_ref());
        set(&mut model.attention, self.attention.as_ref());
        set(&mut model.hidden, self.hidden.as_ref());
        set(&mut model.activation, self.activation.as_ref());
        set(&mut model.dropout, self.dropout.as_ref());
        set(&mut model.item_dropout, self.item_dropout.as_ref());
        set(&mut model.temperature, self.temperature.as_ref());
        set(&mut model.tied, self.tied.as_ref());
        set(&mut model.per_owner, self.per_owner.as_ref());
        set(&mut model.batch, self.batch.as_ref());
        set(&mut model.weight_decay, self.weight_decay.as_ref());
        set(&mut model.clip, self.clip.as_ref());
        set(&mut model.words, self.words.as_ref());
        if !self.features.is_empty() {
            model.features.clone_from(&self.features);
        }
        if !self.item_features.is_empty() {
            model.item_features.clone_from(&self.item_features);
        }
        model.example_age |= self.example_age;
        model.strictly_earlier |= self.strictly_earlier;
        model.mean |= self.mean;
        model.last |= self.last;
        let foreign = [
            ("model", matches!(self.model, Some(ModelName::Word2vec(_)))),
            ("window", self.window.is_some()),
            ("fixed_window", self.fixed_window),
            ("directed", self.directed.is_some()),
            ("noise_sharing", self.noise_sharing.is_some()),
            ("cbow_gradient", self.cbow_gradient.is_some()),
            ("largest_set", self.largest_set.is_some()),
            ("subsample", self.subsample.is_some()),
            ("item_weights", self.item_weights.is_some()),
        ];
        if let Some((name, _)) = foreign.into_iter().find(|(_, given)| *given) {
            return Err(Error::setting(name, "given", "no such setting for --model youtube"));
        }
        model.check()
    }
}

/// Guesses what lines are: ids (mostly with digits) are a sequence, all else is text.
/// Whether order means something cannot be seen, so sets must be named.
fn guess_kind(data: &Data) -> Result<Kind> {
    let (mut tokens, mut ids) = (0, 0);
    let mut look = |token: &str| {
        tokens += 1;
        ids += usize::from(token.bytes().any(|b| b.is_ascii_digit()));
    };
    match data {
        Data::Files(files) => {
            let Some(source) = expand(files)?.into_iter().next().filter(Source::rereadable) else {
                return Ok(Kind::Text);
            };
            let mut start = Vec::new();
            let unreadable = Error::io(source.path(), "read");
            source.open()?.take(PEEK as u64).read_to_end(&mut start).map_err(unreadable)?;
            String::from_utf8_lossy(&start).split_whitespace().for_each(&mut look);
        }
        Data::Lists(lists) => lists.start(PEEK).for_each(&mut look),
        #[cfg(feature = "parquet")]
        Data::Batches(_) => return Ok(Kind::Sequence),
    }
    Ok(if tokens > 0 && ids * 10 > tokens * 8 { Kind::Sequence } else { Kind::Text })
}
