//! How lists and real choices are shared among the tenths of a catalogue.

use super::super::svg::{Scale, Svg};
use super::WIDTH;

const LEFT: f64 = 78.0;
const RIGHT: f64 = 356.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 128.0;

/// A column for each tenth of what is recommended, a mark for what was chosen; the values stand below, in percent.
pub(in super::super) fn columns(label: &str, listed: &[f64], chosen: &[f64]) -> String {
    let most = listed.iter().chain(chosen).copied().fold(1e-9, f64::max);
    let scale = Scale { from: [0.0, most], to: [BOTTOM, TOP] };
    let mut svg = Svg::new(WIDTH, BOTTOM + 58.0, label);
    let step = (RIGHT - LEFT) / listed.len().max(1) as f64;
    for (at, (&listed, &chosen)) in listed.iter().zip(chosen).enumerate() {
        let (x, y) = (LEFT + step * at as f64, scale.at(listed));
        svg.rect([x + 3.0, y], [step - 6.0, BOTTOM - y], "bar");
        svg.mark([x + 1.0, scale.at(chosen)], [x + step - 1.0, scale.at(chosen)]);
        svg.text(x + step / 2.0, BOTTOM + 16.0, "mid small blue strong", &percent(listed));
        svg.text(x + step / 2.0, BOTTOM + 32.0, "mid small", &percent(chosen));
    }
    svg.line([LEFT, BOTTOM], [RIGHT, BOTTOM], "axis");
    svg.text(LEFT - 8.0, BOTTOM + 16.0, "end small blue strong", "listed, %");
    svg.text(LEFT - 8.0, BOTTOM + 32.0, "end small", "— chosen, %");
    svg.text(LEFT + 3.0, BOTTOM + 50.0, "quiet small", "most popular tenth");
    svg.text(RIGHT - 3.0, BOTTOM + 50.0, "end quiet small", "least popular tenth");
    svg.finish()
}

/// A share in percent: whole numbers, but one decimal below 1 %.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p > 0.0 && p < 0.05 => "<.1".into(),
        p if (0.05..0.95).contains(&p) => format!("{p:.1}"),
        p => format!("{p:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_shares_are_not_shown_as_nothing() {
        assert_eq!([0.0, 0.0002, 0.004, 0.0096, 0.126].map(percent), ["0", "<.1", "0.4", "1", "13"]);
    }
}
