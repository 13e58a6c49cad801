//! A table of values as colours, with the values in it.

use super::super::svg::{Scale, Svg};
use super::{WIDTH, short};

/// Values by row and column; columns stand in groups.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Heat {
    /// Names of the groups, each with those of its columns.
    pub(in super::super) groups: Vec<(String, Vec<String>)>,
    /// Names of the rows, each with a value a column where there is one.
    pub(in super::super) rows: Vec<(String, Vec<Option<f64>>)>,
}

const LEFT: f64 = 104.0;
const GAP: f64 = 6.0;
const ROW: f64 = 21.0;
const TOP: f64 = 34.0;

/// The colours are spread over the values that occur; the best has a ring.
pub(in super::super) fn heat(label: &str, heat: &Heat) -> String {
    let all: Vec<f64> = heat.rows.iter().flat_map(|(_, values)| values.iter().flatten().copied()).collect();
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let colour = Scale { from: [low, high], to: [0.04, 1.0] };
    let columns: usize = heat.groups.iter().map(|(_, columns)| columns.len()).sum();
    let gaps = GAP * heat.groups.len().saturating_sub(1) as f64;
    let step = ((WIDTH - LEFT - gaps - 2.0) / columns.max(1) as f64).min(52.0);
    let mut svg = Svg::new(WIDTH, TOP + ROW * heat.rows.len() as f64 + 2.0, label);
    let (mut x, mut places) = (LEFT, Vec::new());
    for (group, columns) in &heat.groups {
        let width = step * columns.len() as f64;
        svg.text(x + width / 2.0, 11.0, "mid strong", group);
        for name in columns {
            svg.text(x + step / 2.0, 27.0, "mid quiet small", name);
            places.push(x);
            x += step;
        }
        x += GAP;
    }
    let mut ring = None;
    for (at, (name, values)) in heat.rows.iter().enumerate() {
        let y = TOP + ROW * at as f64;
        svg.text(LEFT - 8.0, y + 14.5, "end", &short(name, 20));
        for (value, &x) in values.iter().zip(&places) {
            let Some(value) = *value else { continue };
            let strength = colour.at(value);
            svg.cell([x + 0.5, y + 0.5], [step - 1.0, ROW - 1.0], strength, &format!("{name}: {value:.4}"));
            let class = if strength > 0.68 { "mid small on" } else { "mid small" };
            // Three digits behind the point, without the zero before it.
            svg.text(x + step / 2.0, y + 14.0, class, format!("{value:.3}").trim_start_matches('0'));
            if value == high && ring.is_none() {
                ring = Some([x, y]);
            }
        }
    }
    if let Some(corner) = ring {
        svg.rect(corner, [step, ROW], "ring");
    }
    svg.finish()
}
