//! The page as a whole.

use super::*;
use crate::index::Metric;

const HOSTILE: &str = "<script>alert(1)</script>\" onmouseover='x' & \u{202e}";

/// Two items of which one has a hostile id and the other a hostile title.
fn page(metrics: Option<&MetricsFile>, recipe: Option<&Recipe>) -> String {
    let vocab = Vocab::from_counts([(HOSTILE, 9), ("b", 3)]).unwrap();
    let line = serde_json::json!({"id": "b", "title": HOSTILE}).to_string();
    let metadata = Metadata::read_jsonl(line.as_bytes(), &crate::Place::file("m.jsonl")).unwrap();
    let input = Matrix::new(2, 2, vec![6.0, 8.0, 4.0, 3.0]);
    let mut config = Config::profile(crate::config::Kind::Text);
    config.data.files = vec![HOSTILE.to_owned()];
    html(&Subject {
        name: HOSTILE,
        tool: "vecinity 0",
        created: "2026-01-02T03:04:05Z",
        run: Some(Run { sequences: 7, tokens: 12, seconds: 0.5 }),
        vocab: &vocab,
        input: &input,
        output: None,
        metadata: Some(&metadata),
        config: Some(&config),
        recipe,
        metrics,
        training: "{\"epochs\":2,\"tokens\":6,\"total_tokens\":12,\"loss\":1.5}\n",
    })
}

/// Whether every `<` begins one of the tags that the page uses, and no attribute but theirs occurs.
fn only_known_markup(html: &str) {
    let tags = [
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "p",
        "h1",
        "h2",
        "div",
        "strong",
        "ul",
        "li",
        "ol",
        "b",
        "br",
        "i",
        "small",
        "span",
        "bdi",
        "figure",
        "figcaption",
        "svg",
        "text",
        "line",
        "rect",
        "path",
        "circle",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
        "pre",
        "footer",
        "code",
    ];
    let body = &html[html.find("</style>").unwrap()..];
    for part in body.split('<').skip(1) {
        let name: String =
            part.trim_start_matches('/').chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '!').collect();
        assert!(tags.contains(&name.as_str()), "<{part}");
        let inside = &part[..part.find('>').unwrap()];
        let names: String = inside.split('"').step_by(2).collect();
        assert!(!names.contains(" on") && !inside.contains("javascript:"), "<{inside}>");
    }
    assert!(!html.contains("<script"));
    assert!(
        !html.contains("http://") && !html.contains("https://") && !html.contains("url("),
        "nothing from elsewhere"
    );
}

#[test]
fn ids_titles_names_and_settings_of_strangers_are_text() {
    let html = page(None, None);
    only_known_markup(&html);
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn a_text_model_shows_loss_norms_neighbours_and_settings() {
    let html = page(None, None);
    for part in [
        "Word vectors. No figures",
        "Loss by epoch",
        "1.500 at the end",
        "Input matrix, rank correlation +1.00",
        "0.96",
        "min_count = 5",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("Against simple baselines"));
}

#[test]
fn an_item_model_without_a_holdout_says_that_nothing_was_measured() {
    let recipe = Recipe { metric: Metric::Dot, ..Recipe::default() };
    let html = page(None, Some(&recipe));
    assert!(html.contains("Nothing was held out") && html.contains("in-out, dot, whole history"));
}

#[test]
fn figures_of_strangers_are_text_too_and_every_section_is_there() {
    use crate::recommend::tests::evaluation;
    use crate::recommend::{EpochReport, Row, Trial};
    let recipe = Recipe { metric: Metric::Dot, ..Recipe::default() };
    let settings = recipe.to_string();
    let rows = [(Row::MODEL, settings.as_str(), 0.2), (HOSTILE, HOSTILE, 0.3)];
    let mut evaluation = evaluation(&rows);
    evaluation.epochs =
        vec![EpochReport { epoch: 1, ndcg: 0.1, best: true }, EpochReport { epoch: 2, ndcg: 0.05, best: false }];
    let trials = vec![Trial { recipe: recipe.clone(), ndcg: 0.125 }, Trial { recipe: Recipe::default(), ndcg: 0.0625 }];
    let html = page(Some(&MetricsFile { evaluation, trials }), Some(&recipe));
    only_known_markup(&html);
    for part in [
        "No baseline to compare with.",
        "Chosen: in-out, dot, whole history, NDCG@10 0.125",
        ">.125<",
        ">.062<",
        "Epoch 1 of 2 was kept",
        "epoch 1: 0.100",
        "50 % of the catalogue",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(html.contains(part), "{part}");
    }
}
