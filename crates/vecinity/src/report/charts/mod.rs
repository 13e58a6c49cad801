//! The charts of a report. All are 360 wide: readable on a phone, two side by side on a desk.
//!
//! What is shown is written at it (direct labels), there are no frames and no more lines than a reader needs.

mod bars;
mod columns;
mod curve;
mod heat;
mod lines;
mod ranges;
mod scatter;

pub(super) use bars::{Bar, bars};
pub(super) use columns::columns;
pub(super) use curve::{Marked, curve};
pub(super) use heat::{Heat, heat};
pub(super) use lines::lines;
pub(crate) use lines::{Axes, Line};
pub(super) use ranges::{Range, ranges};
pub(super) use scatter::scatter;

/// The width of all charts, in the units of their view boxes.
const WIDTH: f64 = 360.0;

/// A name that fits beside a chart.
fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let kept: String = name.chars().take(most - 1).collect();
    kept.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_by_characters() {
        assert_eq!((short("item-knn", 8), short("次の品目の数", 4)), ("item-knn".into(), "次の品…".into()));
        assert_eq!(short("one two", 5), "one…");
    }

    #[test]
    fn charts_of_nothing_and_of_zeros_are_still_pictures() {
        let zeros = [Range { name: "a", value: 0.0, interval: [0.0, 0.0], this: true }];
        let group = [Bar { name: "1 item", note: "3 queries".into(), value: 0.0, other: Some(0.0) }];
        let pictures = [
            ranges("x", &zeros),
            ranges("x", &[]),
            bars("x", &group),
            columns("x", &[0.0; 10], &[0.0; 10]),
            curve("x", &[], None, 3),
            curve("x", &[[1.0, 0.5]], None, 3),
            scatter("x", &[]),
            scatter("x", &[[1.0, 0.0]]),
            heat("x", &Heat::default()),
        ];
        for picture in pictures {
            assert!(picture.starts_with("<svg") && picture.ends_with("</svg>"), "{picture}");
            assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        }
    }
}
