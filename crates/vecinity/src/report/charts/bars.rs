//! Values as bars, perhaps each with another value as a mark.

use super::super::svg::{Scale, Svg};
use super::{WIDTH, short};

/// A value with its name.
#[derive(Debug, Clone)]
pub(in super::super) struct Bar<'a> {
    pub(in super::super) name: &'a str,
    /// A few words below the name.
    pub(in super::super) note: String,
    pub(in super::super) value: f64,
    /// What it is compared with.
    pub(in super::super) other: Option<f64>,
}

const LEFT: f64 = 112.0;
const RIGHT: f64 = 318.0;
const ROW: f64 = 34.0;

/// A bar for each value.
pub(in super::super) fn bars(label: &str, rows: &[Bar<'_>]) -> String {
    let most = rows.iter().map(|row| row.value.max(row.other.unwrap_or(0.0))).fold(1e-9, f64::max);
    let scale = Scale { from: [0.0, most], to: [LEFT, RIGHT] };
    let mut svg = Svg::new(WIDTH, ROW * rows.len() as f64, label);
    for (at, row) in rows.iter().enumerate() {
        let y = ROW * at as f64;
        svg.text(LEFT - 10.0, y + 14.0, "end", &short(row.name, 20));
        svg.text(LEFT - 10.0, y + 26.0, "end quiet small", &short(&row.note, 24));
        svg.rect([LEFT, y + 6.0], [scale.at(row.value) - LEFT, 18.0], "bar");
        let mut end = scale.at(row.value);
        if let Some(other) = row.other {
            let x = scale.at(other);
            svg.mark([x, y + 3.0], [x, y + 27.0]);
            end = end.max(x);
        }
        svg.text(end + 7.0, y + 18.5, "strong", &format!("{:.3}", row.value));
    }
    svg.finish()
}
