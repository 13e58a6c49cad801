//! Several curves, each with its name at its end.

use super::super::svg::{Scale, Svg, tick};
use super::{WIDTH, short};

/// A curve and its name.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<[f64; 2]>,
}

/// How the axes are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axes {
    Linear,
    /// Both by powers of ten; what is not above zero is left out.
    Powers,
}

const LEFT: f64 = 44.0;
const RIGHT: f64 = 262.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 166.0;
/// Least distance of two names.
const APART: f64 = 13.0;
/// Colours of curves; further ones begin again.
const COLOURS: usize = 4;

/// Curves through points; `x` and `y` say what the axes are.
pub(in super::super) fn lines(label: &str, [x_name, y_name]: [&str; 2], axes: Axes, lines: &[Line]) -> String {
    let mapped = |point: &[f64; 2]| match axes {
        Axes::Linear => Some(*point),
        Axes::Powers => (point[0] > 0.0 && point[1] > 0.0).then(|| point.map(f64::log10)),
    };
    let all: Vec<Vec<[f64; 2]>> = lines.iter().map(|line| line.points.iter().filter_map(mapped).collect()).collect();
    let [x, y] = [0, 1].map(|axis| {
        let values = all.iter().flatten().map(|point| point[axis]).filter(|value| value.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let margin = if axis == 1 { ((high - low) * 0.06).max(1e-9) } else { 0.0 };
        let to = if axis == 0 { [LEFT, RIGHT] } else { [BOTTOM, TOP] };
        Scale { from: [low - margin, high + margin], to }
    });
    let mut svg = Svg::new(WIDTH, BOTTOM + 34.0, label);
    svg.text(LEFT - 38.0, TOP - 12.0, "quiet small", y_name);
    svg.text((LEFT + RIGHT) / 2.0, BOTTOM + 30.0, "mid quiet small", x_name);
    for value in ticks(y, axes) {
        svg.line([LEFT, y.at(value)], [RIGHT, y.at(value)], "rule");
        svg.text(LEFT - 6.0, y.at(value) + 3.5, "end quiet small", &named(value, axes));
    }
    for value in ticks(x, axes) {
        svg.text(x.at(value), BOTTOM + 15.0, "mid quiet small", &named(value, axes));
    }
    let mut names = Vec::new();
    for (number, (line, points)) in lines.iter().zip(&all).enumerate() {
        let colour = number % COLOURS;
        let places: Vec<[f64; 2]> = points.iter().map(|point| [x.at(point[0]), y.at(point[1])]).collect();
        let Some(&[_, end]) = places.last() else { continue };
        svg.curve(&places, &format!("line c{colour}"));
        names.push((end, colour, &line.name));
    }
    // Names that would meet are pushed down.
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = f64::NEG_INFINITY;
    for (end, colour, name) in names {
        above = (end + 3.5).max(above + APART);
        svg.text(RIGHT + 6.0, above, &format!("strong c{colour}"), &short(name, 17));
    }
    svg.finish()
}

fn ticks(scale: Scale, axes: Axes) -> Vec<f64> {
    let ticks = scale.ticks(5);
    match axes {
        Axes::Linear => ticks,
        Axes::Powers => ticks.into_iter().filter(|power| power.fract().abs() < 1e-9).collect(),
    }
}

/// A value of an axis: of powers the number itself, with `k` and `M`.
fn named(value: f64, axes: Axes) -> String {
    if axes == Axes::Linear {
        return tick(value);
    }
    let number = 10f64.powf(value);
    match value.round() as i32 {
        9.. => format!("{} G", tick(number / 1e9)),
        6..9 => format!("{} M", tick(number / 1e6)),
        3..6 => format!("{} k", tick(number / 1e3)),
        -3..3 => tick(number),
        power => format!("1e{power}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_named_as_people_say_them() {
        let names = [-4.0, -2.0, 0.0, 2.0, 3.0, 5.0, 6.0, 9.0].map(|power| named(power, Axes::Powers));
        assert_eq!(names, ["1e-4", "0.01", "1", "100", "1 k", "100 k", "1 M", "1 G"]);
    }

    #[test]
    fn names_keep_apart_and_values_without_a_logarithm_are_left_out() {
        let line = |name: &str, end: f64| Line { name: name.into(), points: vec![[0.0, 5.0], [1.0, 1.0], [10.0, end]] };
        let svg = lines("x", ["a", "b"], Axes::Powers, &[line("one", 100.0), line("two", 101.0)]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let heights: Vec<f64> = ["two", "one"]
            .map(|name| {
                let before = &svg[..svg.find(&format!(">{name}<")).unwrap()];
                before.rsplit("y=\"").next().unwrap().split('"').next().unwrap().parse().unwrap()
            })
            .to_vec();
        assert!((heights[1] - heights[0]).abs() >= APART - 0.1, "{heights:?}");
        assert!(lines("x", ["a", "b"], Axes::Linear, &[]).starts_with("<svg"));
    }
}
