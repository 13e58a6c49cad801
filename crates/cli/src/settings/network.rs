//! The flags of networks.

use clap::Args;
use std::path::PathBuf;
use vecinity::deep::Activation;
use vecinity::models::youtube;
use vecinity::run::{Fields, Given, parse_widths};

/// What only networks have.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Network (--model youtube)")]
pub(super) struct Network {
    /// Items of a history that are looked at, the newest ones [default: 50].
    #[arg(long, value_name = "N")]
    history: Option<usize>,
    /// Learned weightings of them; each gives a mean of the history [default: 4].
    #[arg(long, value_name = "N")]
    pools: Option<usize>,
    /// Weightings look at what the items are, not at their places alone: the newest one asks the others [default: true].
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    attention: Option<bool>,
    /// The plain mean of the history as a further pool, as in the paper.
    #[arg(long)]
    mean: bool,
    /// The newest item alone as a further pool.
    #[arg(long)]
    last: bool,
    /// Widths of the hidden layers, such as 512,256; or none [default: 256].
    #[arg(long, value_name = "N,...|none", value_parser = widths)]
    hidden: Option<Widths>,
    /// What hidden layers do to their sums: relu, identity, sigmoid or tanh [default: relu].
    #[arg(long, value_parser = crate::choices::choice(&Activation::ALL))]
    activation: Option<Activation>,
    /// Share of the values left out at random in training [default: 0.3].
    #[arg(long, value_name = "X")]
    dropout: Option<f32>,
    /// Share of the items of a history left out at random in training [default: 0].
    #[arg(long, value_name = "X")]
    item_dropout: Option<f32>,
    /// Columns of the events, or fields of --user-metadata, that are read beside the history; the kind of a column is found
    /// from its values, or said as in age:number, zip:category, query:words. Of words the bag of all earlier events is read.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    features: Vec<youtube::Feature>,
    /// Read how old an example is; 0 when the network is asked, so that what was popular once is not listed now.
    #[arg(long)]
    example_age: bool,
    /// Learn what comes in a later moment: an event is predicted from events of earlier times only, not from the rest of its
    /// basket.
    #[arg(long)]
    strictly_earlier: bool,
    /// Words of earlier events that are looked at, the newest ones [default: 50].
    #[arg(long, value_name = "N")]
    words: Option<usize>,
    /// Fields of the users for --features: CSV, TSV or JSON Lines with a column 'id', or 'user' as the first one.
    #[arg(long, value_name = "FILE")]
    user_metadata: Option<PathBuf>,
    /// Items have one vector for histories and answers; false: one each [default: true].
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    tied: Option<bool>,
    /// Scores are cosines divided by this; 0: products, as in the paper [default: 0.1].
    #[arg(long, value_name = "X")]
    temperature: Option<f32>,
    /// Examples of an owner in an epoch, at most, drawn anew each time; 0: all [default: 0].
    #[arg(long, value_name = "N")]
    per_owner: Option<usize>,
    /// Examples of a step [default: 1024].
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// What weights lose at each step, times the rate [default: 0.01].
    #[arg(long, value_name = "X")]
    weight_decay: Option<f32>,
    /// Gradients of a larger norm are scaled down to it; 0: none are [default: 0].
    #[arg(long, value_name = "X")]
    clip: Option<f32>,
}

/// Widths of layers; a list of its own kind, since a list of flags would be several flags.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Widths(Vec<usize>);

fn widths(text: &str) -> Result<Widths, String> {
    parse_widths(text).map(Widths)
}

impl Network {
    pub(super) fn add_to(&self, given: &mut Given) {
        let flags = self.clone();
        given.history = flags.history;
        given.pools = flags.pools;
        given.attention = flags.attention;
        given.mean = flags.mean;
        given.last = flags.last;
        given.hidden = flags.hidden.map(|widths| widths.0);
        given.activation = flags.activation;
        given.dropout = flags.dropout;
        given.item_dropout = flags.item_dropout;
        given.features = flags.features;
        given.example_age = flags.example_age;
        given.strictly_earlier = flags.strictly_earlier;
        given.words = flags.words;
        given.user_metadata = flags.user_metadata.map(Fields::File);
        given.tied = flags.tied;
        given.temperature = flags.temperature;
        given.per_owner = flags.per_owner;
        given.batch = flags.batch;
        given.weight_decay = flags.weight_decay;
        given.clip = flags.clip;
    }
}
