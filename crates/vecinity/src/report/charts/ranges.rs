//! Values with their intervals, one below the other: is the difference more than chance?

use super::super::svg::{Scale, Svg, tick};
use super::{WIDTH, short};

/// A value with its interval.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Range<'a> {
    pub(in super::super) name: &'a str,
    pub(in super::super) value: f64,
    pub(in super::super) interval: [f64; 2],
    /// Whether it is the model that the report is about.
    pub(in super::super) this: bool,
}

const LEFT: f64 = 112.0;
const RIGHT: f64 = 320.0;
const ROW: f64 = 24.0;

/// A dot for each value, a line for its interval.
pub(in super::super) fn ranges(label: &str, rows: &[Range<'_>]) -> String {
    let most = rows.iter().map(|row| row.interval[1].max(row.value)).fold(1e-9, f64::max);
    let scale = Scale { from: [0.0, most * 1.02], to: [LEFT, RIGHT] };
    let height = ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, height + 20.0, label);
    for value in scale.ticks(4) {
        let x = scale.at(value);
        svg.line([x, 2.0], [x, height], "rule");
        svg.text(x, height + 14.0, "mid quiet small", &tick(value));
    }
    for (at, row) in rows.iter().enumerate() {
        let y = ROW * (at as f64 + 0.5);
        let this = if row.this { " this" } else { "" };
        svg.text(LEFT - 10.0, y + 3.5, if row.this { "end strong" } else { "end" }, &short(row.name, 18));
        svg.line([scale.at(row.interval[0]), y], [scale.at(row.interval[1]), y], &format!("span{this}"));
        svg.dot([scale.at(row.value), y], if row.this { 4.5 } else { 3.5 }, &format!("dot{this}"));
        let class = if row.this { "strong blue" } else { "quiet" };
        svg.text(scale.at(row.interval[1].max(row.value)) + 8.0, y + 3.5, class, &format!("{:.3}", row.value));
    }
    svg.finish()
}
