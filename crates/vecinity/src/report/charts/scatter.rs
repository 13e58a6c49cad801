//! Length of vectors by frequency.

use super::super::svg::{Scale, Svg, tick};
use super::WIDTH;
use crate::error::grouped;

const LEFT: f64 = 32.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 190.0;

/// Points `[count, norm]`; counts are at least 1 and on a logarithmic axis.
pub(in super::super) fn scatter(label: &str, points: &[[f64; 2]]) -> String {
    let fold = |of: usize, start: f64, pick: fn(f64, f64) -> f64| points.iter().map(|p| p[of]).fold(start, pick);
    let (least, most) = (fold(0, f64::INFINITY, f64::min), fold(0, 1.0, f64::max));
    let (least, most) = (least.min(most).max(1.0).log10(), most.log10());
    let x = Scale { from: [least, most], to: [LEFT + 6.0, RIGHT - 4.0] };
    let y = Scale { from: [0.0, fold(1, 1e-9, f64::max) * 1.04], to: [BOTTOM, TOP] };
    let mut svg = Svg::new(WIDTH, BOTTOM + 34.0, label);
    for value in y.ticks(4) {
        svg.line([LEFT, y.at(value)], [RIGHT, y.at(value)], "rule");
        svg.text(LEFT - 5.0, y.at(value) + 3.5, "end quiet small", &tick(value));
    }
    for power in (least.ceil() as i32)..=(most.floor() as i32) {
        let place = x.at(f64::from(power));
        svg.line([place, BOTTOM], [place, BOTTOM + 4.0], "axis");
        svg.text(place, BOTTOM + 15.0, "mid quiet small", &grouped(10u64.pow(power.clamp(0, 18) as u32)));
    }
    svg.text((LEFT + RIGHT) / 2.0, BOTTOM + 30.0, "mid quiet small", "times seen");
    let placed: Vec<[f64; 2]> =
        points.iter().map(|&[count, norm]| [x.at(count.max(1.0).log10()), y.at(norm)]).collect();
    svg.dots(&placed, "points");
    svg.finish()
}
