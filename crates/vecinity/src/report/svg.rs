//! A small writer of SVG: only what the charts of a report need.
//!
//! Not a plotting crate: those write colours and fonts into every element, so that one picture cannot be right in
//! light mode, in dark mode and in print. Here elements have classes and the page's style sheet has the colours.

use super::page::escape;
use std::fmt::Write;

/// A picture under construction. Lengths are those of its view box; it is drawn as wide as its place allows.
#[derive(Debug)]
pub(super) struct Svg(String);

impl Svg {
    /// An empty picture; `label` says in words what it shows, for those who cannot see it.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        let (width, height) = (number(width), number(height));
        Self(format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">", escape(label)))
    }

    /// Text whose baseline begins (class `end`: ends, class `mid`: is centred) at a point.
    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = escape(text);
        let _ = write!(self.0, "<text x=\"{}\" y=\"{}\" class=\"{class}\">{text}</text>", number(x), number(y));
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], class: &str) {
        let [x1, y1, x2, y2] = [from[0], from[1], to[0], to[1]].map(number);
        let _ = write!(self.0, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>");
    }

    /// A line that stands out from what it crosses.
    pub(super) fn mark(&mut self, from: [f64; 2], to: [f64; 2]) {
        self.line(from, to, "halo");
        self.line(from, to, "mark");
    }

    /// A rectangle by its upper left corner and size.
    pub(super) fn rect(&mut self, corner: [f64; 2], size: [f64; 2], class: &str) {
        let [x, y, width, height] = [corner[0], corner[1], size[0], size[1]].map(number);
        let _ = write!(self.0, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"/>");
    }

    /// A filled rectangle of a heat map: `heat`, 0 to 1, is how strong its colour is; `about` is shown on hovering.
    pub(super) fn cell(&mut self, corner: [f64; 2], size: [f64; 2], heat: f64, about: &str) {
        let [x, y, width, height] = [corner[0], corner[1], size[0], size[1]].map(number);
        let _ = write!(
            self.0,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"heat\" fill-opacity=\"{heat:.2}\">\
             <title>{}</title></rect>",
            escape(about)
        );
    }

    /// A disc.
    pub(super) fn dot(&mut self, at: [f64; 2], radius: f64, class: &str) {
        let [x, y, r] = [at[0], at[1], radius].map(number);
        let _ = write!(self.0, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" class=\"{class}\"/>");
    }

    /// A line through points.
    pub(super) fn curve(&mut self, points: &[[f64; 2]], class: &str) {
        let mut path = String::new();
        for (at, &[x, y]) in points.iter().enumerate() {
            let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, number(x), number(y));
        }
        let _ = write!(self.0, "<path d=\"{path}\" class=\"{class}\"/>");
    }

    /// Many points as one path of dots, which is a fifth of the bytes of as many discs.
    pub(super) fn dots(&mut self, points: &[[f64; 2]], class: &str) {
        let mut path = String::new();
        for &[x, y] in points {
            let _ = write!(path, "M{} {}h0", number(x), number(y));
        }
        let _ = write!(self.0, "<path d=\"{path}\" class=\"{class}\"/>");
    }

    /// The picture as text.
    pub(super) fn finish(self) -> String {
        self.0 + "</svg>"
    }
}

/// A length with at most one decimal.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// From values to lengths: `from` becomes `to`, linearly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: [f64; 2],
    pub(super) to: [f64; 2],
}

impl Scale {
    pub(super) fn at(self, value: f64) -> f64 {
        let width = self.from[1] - self.from[0];
        let share = if width == 0.0 { 0.5 } else { (value - self.from[0]) / width };
        self.to[0] + share * (self.to[1] - self.to[0])
    }

    /// Up to about `most` round values within the scale.
    pub(super) fn ticks(self, most: usize) -> Vec<f64> {
        let width = self.from[1] - self.from[0];
        if width.is_nan() || width <= 0.0 || !width.is_finite() {
            return vec![self.from[0]];
        }
        let rough = width / most.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&step| step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * power);
        let first = (self.from[0] / step - 1e-9).ceil() as i64;
        let last = (self.from[1] / step + 1e-9).floor() as i64;
        (first..=last).map(|at| at as f64 * step).collect()
    }
}

/// A value of an axis, without needless zeros.
pub(super) fn tick(value: f64) -> String {
    if value.abs() >= 1.0 || value == 0.0 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    format!("{value:.3}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_values() {
        let ticks = |from, to, most| Scale { from: [from, to], to: [0.0, 1.0] }.ticks(most);
        assert_eq!(ticks(0.0, 0.27, 4).iter().map(|&t| tick(t)).collect::<Vec<_>>(), ["0", "0.1", "0.2"]);
        assert_eq!(ticks(1.0, 40.0, 5), [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(ticks(3.0, 3.0, 5), [3.0]);
        assert_eq!(ticks(0.0, f64::INFINITY, 5), [0.0]);
        assert_eq!((tick(2.5), tick(1200.0), tick(0.025)), ("2.5".into(), "1200".into(), "0.025".into()));
    }

    #[test]
    fn a_scale_without_width_puts_everything_in_the_middle() {
        let scale = Scale { from: [2.0, 2.0], to: [0.0, 10.0] };
        assert_eq!(scale.at(2.0), 5.0);
        assert_eq!(Scale { from: [0.0, 4.0], to: [10.0, 0.0] }.at(1.0), 7.5);
    }

    #[test]
    fn text_in_a_picture_is_escaped() {
        let mut svg = Svg::new(10.0, 20.5, "a \"b\"");
        svg.text(1.0, 2.25, "end", "<script>");
        let text = svg.finish();
        assert_eq!(
            text,
            "<svg viewBox=\"0 0 10 20.5\" role=\"img\" aria-label=\"a &quot;b&quot;\">\
             <text x=\"1\" y=\"2.2\" class=\"end\">&lt;script&gt;</text></svg>"
        );
    }
}
