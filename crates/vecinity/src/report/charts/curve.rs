//! A value by epoch.

use super::super::svg::{Scale, Svg, tick};
use super::WIDTH;

/// The point of a curve that is spoken of.
#[derive(Debug, Clone)]
pub(in super::super) struct Marked {
    pub(in super::super) at: [f64; 2],
    pub(in super::super) text: String,
}

const LEFT: f64 = 38.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 158.0;

/// A curve through points `[epoch, value]`; the axis of epochs ends with `epochs`.
pub(in super::super) fn curve(label: &str, points: &[[f64; 2]], marked: Option<&Marked>, epochs: u32) -> String {
    let low = points.iter().map(|point| point[1]).fold(f64::INFINITY, f64::min).min(1e300);
    let high = points.iter().map(|point| point[1]).fold(f64::NEG_INFINITY, f64::max).max(-1e300);
    let (low, high) = if points.is_empty() { (0.0, 1.0) } else { (low, high) };
    let margin = ((high - low) * 0.08).max(1e-9);
    let y = Scale { from: [(low - margin).max(0.0), high + margin], to: [BOTTOM, TOP] };
    let start = points.first().map_or(0.0, |first| first[0].min(1.0));
    let x = Scale { from: [start, f64::from(epochs.max(1))], to: [LEFT, RIGHT] };
    let mut svg = Svg::new(WIDTH, BOTTOM + 20.0, label);
    for value in y.ticks(4) {
        svg.line([LEFT, y.at(value)], [RIGHT, y.at(value)], "rule");
        svg.text(LEFT - 6.0, y.at(value) + 3.5, "end quiet small", &tick(value));
    }
    for epoch in x.ticks(6).into_iter().filter(|epoch| epoch.fract() == 0.0) {
        svg.text(x.at(epoch), BOTTOM + 14.0, "mid quiet small", &tick(epoch));
    }
    let line: Vec<[f64; 2]> = points.iter().map(|point| [x.at(point[0]), y.at(point[1])]).collect();
    match line.as_slice() {
        [] => svg.text((LEFT + RIGHT) / 2.0, 80.0, "mid quiet", "not recorded"),
        [only] => svg.dot(*only, 3.5, "dot this"),
        line => svg.curve(line, "curve"),
    }
    if let Some(Marked { at, text }) = marked {
        let (px, py) = (x.at(at[0]), y.at(at[1]));
        svg.dot([px, py], 4.5, "dot this");
        // The label stands above the dot, and at the end of a curve above all that lies below it.
        let end = px > RIGHT - 30.0;
        let above = line.iter().filter(|point| point[0] > px - 110.0).map(|point| point[1]).fold(py, f64::min);
        let class = if px > (LEFT + RIGHT) / 2.0 { "end strong blue" } else { "strong blue" };
        let (x, y) = if end { (RIGHT, above) } else { (px, py) };
        svg.text(x, (y - 10.0).max(10.0), class, text);
    }
    svg.finish()
}
