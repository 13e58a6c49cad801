//! `vecinity demo`: the whole way once, on real data that comes with the program.
//!
//! The demo is a list of ordinary commands, run one after the other: what it shows is what they do.

use crate::output::Output;
use anyhow::Result;
use clap::{Args, Parser};
use std::io::Read;
use std::path::{Path, PathBuf};
use vecinity::{Error, publish};

/// Train on real data that comes with the program, and walk through everything.
///
/// Shop baskets with titles (UCI Online Retail, CC BY 4.0) and text (World Factbook, public domain). Takes less
/// than a minute on two cores. Every step is an ordinary command that you can run again.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Only the baskets.
    #[arg(long, conflicts_with_all = ["words", "stays"])]
    items: bool,
    /// Only the text.
    #[arg(long, conflicts_with = "stays")]
    words: bool,
    /// Only the marketplace: sessions that end in bookings, listings in markets (made up).
    #[arg(long)]
    stays: bool,
    /// The folder for data and models.
    #[arg(short, long, default_value = "vecinity-demo", value_name = "FOLDER")]
    output: PathBuf,
}

const BASKETS: &[u8] = include_bytes!("../../../../data/demo/baskets.txt.gz");
const ITEMS: &[u8] = include_bytes!("../../../../data/demo/items.tsv");
const FACTBOOK: &[u8] = include_bytes!("../../../../data/demo/factbook.txt.gz");
const QUESTIONS: &[u8] = include_bytes!("../../../../data/demo/factbook-questions.txt");
const STAYS: &[u8] = include_bytes!("../../../../data/demo/stays-events.tsv.gz");
const LISTINGS: &[u8] = include_bytes!("../../../../data/demo/stays-listings.tsv");
const GUESTS: &[u8] = include_bytes!("../../../../data/demo/stays-guests.tsv");
const TYPES: &[u8] = include_bytes!("../../../../data/demo/stays-types.toml");
const SOURCES: &[u8] = include_bytes!("../../../../data/demo/README.md");

/// What to say, and the command to run.
type Step = (&'static str, &'static [&'static str]);

const BASKET_STEPS: [Step; 5] = [
    (
        "18,091 invoices of a shop, one a line. The order inside an invoice means nothing, so every item is paired with every other. \
         Simple recommenders are tuned and asked beside the model, and the verdict is honest.",
        &[
            "train",
            "baskets.txt",
            "-o",
            "baskets.model",
            "--kind",
            "set",
            "--metadata",
            "items.tsv",
            "--negatives",
            "5",
            "--epochs",
            "8",
        ],
    ),
    (
        "What to offer with these two? The shares say what each of them adds to the score.",
        &[
            "recommend",
            "baskets.model",
            "--history",
            "GREEN REGENCY TEACUP AND SAUCER",
            "--history",
            "PARTY BUNTING",
            "-k",
            "5",
        ],
    ),
    (
        "What is bought together with what? Ids and titles both work.",
        &["neighbors", "baskets.model", "REGENCY CAKESTAND 3 TIER", "JUMBO BAG RED RETROSPOT", "-k", "5"],
    ),
    (
        "Why are two items near? The items that both predict, read from the two matrices of the model.",
        &["why", "baskets.model", "GREEN REGENCY TEACUP AND SAUCER", "ROSES REGENCY TEACUP AND SAUCER", "-k", "5"],
    ),
    (
        "Which of these does not belong?",
        &[
            "outlier",
            "baskets.model",
            "SPOTTY BUNTING",
            "PARTY BUNTING",
            "RED RETROSPOT CAKE STAND",
            "BATHROOM METAL SIGN",
        ],
    ),
];

const WORD_STEPS: [Step; 6] = [
    (
        "693,000 words of text about countries, a paragraph a line.",
        &[
            "train",
            "factbook.txt",
            "-o",
            "words.model",
            "--kind",
            "text",
            "--dim",
            "64",
            "--epochs",
            "30",
            "--subsample",
            "1e-4",
        ],
    ),
    ("Words that are used alike.", &["neighbors", "words.model", "algeria", "wheat", "navy", "-k", "4"]),
    (
        "Arithmetic: Spanish is to Spain as what is to Portugal?",
        &["query", "words.model", "spanish - spain + portugal", "-k", "3"],
    ),
    (
        "And one that such a small text cannot answer: honest tools show these too.",
        &["query", "words.model", "berlin - germany + france", "-k", "3"],
    ),
    (
        "How good is it? 278 questions about this text, with 95 % intervals. Guessing would be right once in thousands.",
        &["evaluate", "words.model", "--analogies", "factbook-questions.txt"],
    ),
    ("Hand the vectors on to any other tool.", &["export", "words.model", "--format", "word2vec", "-o", "words.vec"]),
];

const STAY_STEPS: [Step; 4] = [
    (
        "8,000 sessions of a made-up marketplace. Every click learns the listing that its session ended in, and listings of its own \
         market as negatives. Then bookings of the last days are asked for, beside simple recommenders.",
        &[
            "train",
            "events.tsv",
            "-o",
            "stays.model",
            "--kind",
            "sequence",
            "--columns",
            "session=session,item=listing,event=event,time=time",
            "--metadata",
            "listings.tsv",
            "--global-context",
            "booked",
            "--local-negatives",
            "market",
            "--reject",
            "rejected",
            "--dim",
            "32",
            "--epochs",
            "20",
        ],
    ),
    (
        "Similar listings: the same market, and what guests weigh up against each other.",
        &["neighbors", "stays.model", "532", "57", "-k", "4"],
    ),
    (
        "Listings that nobody has clicked yet get the mean of the three nearest of their kind.",
        &[
            "add",
            "stays.model",
            "--metadata",
            "listings.tsv",
            "--place",
            "x,y",
            "--same",
            "market,room_type",
            "--range",
            "price",
        ],
    ),
    (
        "Which types of guests book which types of listings? Rejections by hosts are learned, too.",
        &[
            "types",
            "events.tsv",
            "--columns",
            "user=guest,item=listing,event=event,time=time",
            "--listings",
            "listings.tsv",
            "--users",
            "guests.tsv",
            "--rules",
            "types.toml",
            "--reject",
            "rejected",
            "-o",
            "types.model",
        ],
    ),
];

/// A command line of the demo, parsed as the user's would be.
#[derive(Debug, Parser)]
#[command(name = "vecinity")]
struct Line {
    #[command(subcommand)]
    command: super::Command,
}

impl Demo {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let folder = &self.output;
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "create"))?;
        write(folder, "README.md", SOURCES)?;
        if self.stays {
            write(folder, "events.tsv", &unpack(STAYS, folder)?)?;
            for (name, bytes) in [("listings.tsv", LISTINGS), ("guests.tsv", GUESTS), ("types.toml", TYPES)] {
                write(folder, name, bytes)?;
            }
            walk("Stays", &STAY_STEPS, folder, output)?;
            return Ok(());
        }
        if !self.words {
            write(folder, "baskets.txt", &unpack(BASKETS, folder)?)?;
            write(folder, "items.tsv", ITEMS)?;
            walk("Baskets", &BASKET_STEPS, folder, output)?;
        }
        if !self.items {
            write(folder, "factbook.txt", &unpack(FACTBOOK, folder)?)?;
            write(folder, "factbook-questions.txt", QUESTIONS)?;
            walk("Words", &WORD_STEPS, folder, output)?;
        }
        output.say(format_args!(
            "\nAll files are in {}. Run any of the lines above again, or `vecinity train` on data of your own.",
            folder.display()
        ));
        Ok(())
    }
}

fn walk(title: &str, steps: &[Step], folder: &Path, output: Output) -> Result<()> {
    output.say(format_args!("\n{title}\n{}", "-".repeat(title.len())));
    for (text, command) in steps {
        let arguments: Vec<String> = command.iter().map(|word| place(word, folder)).collect();
        let typed: Vec<String> =
            arguments.iter().map(|a| if a.contains(' ') { format!("'{a}'") } else { a.clone() }).collect();
        output.say(format_args!("\n{text}\n$ vecinity {}", typed.join(" ")));
        let line = Line::try_parse_from(std::iter::once("vecinity".to_owned()).chain(arguments))?;
        line.command.run(output)?;
    }
    Ok(())
}

/// Names of files of the demo are put into its folder.
fn place(word: &str, folder: &Path) -> String {
    let is_file = [".txt", ".tsv", ".toml", ".model", ".vec"].iter().any(|ending| word.ends_with(ending));
    if is_file { folder.join(word).display().to_string() } else { word.to_owned() }
}

fn unpack(packed: &[u8], folder: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    vecinity::corpus::unpack(packed).read_to_end(&mut bytes).map_err(Error::io(folder, "unpack the demo data for"))?;
    Ok(bytes)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = folder.join(name);
    publish::file(&path, |to| publish::write_all(to, &path, bytes))
}
