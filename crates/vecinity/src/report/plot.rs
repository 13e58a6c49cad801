//! Charts as files of their own, for pages that are no HTML: with a style of their own.

use super::charts::{Axes, Line, Range, lines, ranges};

const STYLE: &str = include_str!("plot.css");

/// Several curves as an SVG file; see [`lines`].
pub(crate) fn curves(label: &str, axes: Axes, names: [&str; 2], all: &[Line]) -> String {
    alone(&lines(label, names, axes, all))
}

/// Values with their intervals as an SVG file.
pub(crate) fn intervals(label: &str, rows: &[(&str, f64, [f64; 2])]) -> String {
    let rows: Vec<Range<'_>> = rows
        .iter()
        .enumerate()
        .map(|(at, &(name, value, interval))| Range { name, value, interval, this: at == 0 })
        .collect();
    alone(&ranges(label, &rows))
}

/// A picture of a page as a file.
fn alone(svg: &str) -> String {
    let svg = svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"540\" ", 1);
    svg.replacen('>', &format!("><style>{STYLE}</style>"), 1) + "\n"
}
