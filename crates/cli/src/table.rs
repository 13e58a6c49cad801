//! Answers in aligned columns, for people. Widths are those of the screen: a Chinese character has two columns.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use std::io::{self, Write};
use vecinity::ask::Answer;
use vecinity::error::{grouped, shown};

/// Writes rows under a header. A header that begins with `>` makes its column right-aligned.
pub(crate) fn write(to: &mut dyn Write, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let side = |title: &str| if title.starts_with('>') { CellAlignment::Right } else { CellAlignment::Left };
    table.set_header(header.iter().map(|title| Cell::new(title.trim_start_matches('>')).set_alignment(side(title))));
    for row in rows {
        table.add_row(row.iter().zip(header).map(|(cell, title)| Cell::new(cell).set_alignment(side(title))));
    }
    writeln!(to, "{}", table.trim_fmt())
}

/// Writes answers, the best first: rank, token, title (if any has one), score under the name of the metric, count.
pub(crate) fn answers(to: &mut dyn Write, score: &str, answers: &[Answer<'_>]) -> io::Result<()> {
    let titled = answers.iter().any(|answer| answer.title.is_some());
    let mut header = vec![">", "token"];
    header.extend(titled.then_some("title"));
    let score = format!(">{score}");
    header.extend([score.as_str(), ">count"]);
    let rows: Vec<_> = answers
        .iter()
        .enumerate()
        .map(|(at, answer)| {
            let mut row = vec![(at + 1).to_string(), shown(answer.id)];
            row.extend(titled.then(|| answer.title.map(shown).unwrap_or_default()));
            row.extend([format!("{:.4}", answer.score), grouped(answer.count)]);
            row
        })
        .collect();
    write(to, &header, &rows)
}
