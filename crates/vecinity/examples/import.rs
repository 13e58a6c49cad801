//! Vectors of another tool: import, search, hand on. `cargo run --release --example import`.

use vecinity::ask::{Asker, Want, expression};
use vecinity::embeddings::Which;
use vecinity::formats::{self, Format, ReadOptions};
use vecinity::index::{Exact, Metric};
use vecinity::model_dir::{Model, NewModel};

/// A file as word2vec writes it. First number: how royal; second: how female; third: how edible.
const VECTORS: &str = "\
6 3
king 0.9 -0.6 0.0
queen 0.9 0.6 0.0
man 0.1 -0.7 0.0
woman 0.1 0.7 0.0
apple 0.0 0.0 0.9
pear 0.0 0.1 0.8
";

fn main() -> vecinity::Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("vectors.txt");
    std::fs::write(&file, VECTORS).expect("a file in a temporary folder");

    // 1. Import: the format is found by the first bytes, sizes are checked before memory is taken, NaN is refused.
    let embeddings = formats::import(&file, None, &ReadOptions::default())?;
    println!("{} vectors of {} values", embeddings.len(), embeddings.dim());

    // 2. Ask by token: an expression is parsed against the vocabulary, so that a token may hold a minus.
    let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
    let known = |text: &str| embeddings.vocab().get(text).is_some();
    let terms = expression::parse("king - man + woman", &known)?;
    let terms: vecinity::Result<Vec<_>> = (terms.into_iter())
        .map(|term| Ok(expression::Term { weight: term.weight, token: embeddings.vocab().require(&term.token)? }))
        .collect();
    let best = asker.combine(&terms?, vecinity::ask::Method::CosAdd, Want::best(1))?;
    println!("king - man + woman = {}", asker.answers(&best)[0].id);
    assert_eq!(asker.answers(&best)[0].id, "queen");

    // 3. Search with a vector of your own, straight on the matrix: exact, on all cores where it pays.
    let index = Exact::new(embeddings.input().as_slice(), embeddings.dim(), Metric::Dot);
    let hits = index.nearest(&[0.0, 0.0, 1.0], 2, &[]);
    let names: Vec<_> = hits.iter().map(|hit| embeddings.vocab().token(hit.id)).collect();
    println!("most edible: {}", names.join(", "));
    assert_eq!(names, ["apple", "pear"]);

    // 4. Keep them as a model folder, open it again, hand on to NumPy.
    let model = folder.path().join("fruit.model");
    NewModel::imported(&embeddings, "word2vec").save(&model)?;
    let opened = Model::open(&model)?.embeddings;
    let array = folder.path().join("vectors.npy");
    formats::export(&array, Format::Npy, &opened, Some(Which::Input))?;
    println!("wrote {} and, beside it, its ids", array.display());
    assert!(Format::Npy.companion(&array).is_some_and(|ids| ids.exists()));
    Ok(())
}
