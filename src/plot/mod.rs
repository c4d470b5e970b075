//! Drawing in SVG: points, lines, bars. Knows nothing of what is drawn.
//!
//! Colours are classes; the page's style sheet gives them, for light, dark and paper.

mod axis;
mod rows;

pub use axis::{Axis, round_step};
pub use rows::{Interval, Pair, intervals, named_bars, pairs};

use crate::html::{Escaped, thousands};
use std::fmt::{self, Write};

/// Pixels, to a tenth.
struct Px(f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 340.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 16.0;
const BOTTOM: f64 = 46.0;
/// The width of a digit of tick labels.
pub const DIGIT: f64 = 6.7;

/// Up to this many points are drawn one by one; more as density, so that a page stays small and nothing is hidden below
/// something else.
const POINTS: usize = 3_000;
/// The side of a cell of a density.
const CELL: f64 = 5.0;
const STRENGTHS: usize = 6;

/// A plot of two axes.
pub struct Plot {
    width: f64,
    height: f64,
    x: Axis,
    y: Axis,
    left: f64,
    bottom: f64,
    body: String,
}

impl Plot {
    pub fn new(x: Axis, y: Axis) -> Plot {
        Plot::sized(WIDTH, HEIGHT, x, y)
    }

    /// An axis without a label takes less room.
    pub fn sized(width: f64, height: f64, x: Axis, y: Axis) -> Plot {
        let digits = y.ticks.iter().map(|tick| tick.1.chars().count()).max().unwrap_or(0);
        let label = |axis: &Axis, with, without| if axis.label.is_empty() { without } else { with };
        let left = label(&y, 30.0, 12.0) + DIGIT * digits as f64;
        let bottom = height - label(&x, BOTTOM, 26.0);
        let mut plot = Plot {
            width,
            height,
            x,
            y,
            left,
            bottom,
            body: String::new(),
        };
        plot.axes();
        plot
    }

    fn across(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (self.width - RIGHT - self.left)
    }

    fn down(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * (self.bottom - TOP)
    }

    /// Writing to a String can't fail.
    fn put(&mut self, what: fmt::Arguments) {
        let _ = self.body.write_fmt(what);
    }

    fn axes(&mut self) {
        let (left, right, bottom) = (self.left, self.width - RIGHT, self.bottom);
        let (x, y) = (self.x.clone(), self.y.clone());
        let mut grid = String::new();
        for (tick, label) in &x.ticks {
            let at = self.across(*tick);
            let _ = write!(grid, "M{} {TOP}V{bottom}", Px(at));
            // Within the drawing, however long it is.
            let (x, y) = (
                Px(at.min(self.width - DIGIT * label.chars().count() as f64 / 2.0)),
                bottom + 16.0,
            );
            self.put(format_args!(
                "<text class=\"tick middle\" x=\"{x}\" y=\"{y}\">{}</text>",
                Escaped(label)
            ));
        }
        for (tick, label) in &y.ticks {
            let at = self.down(*tick);
            let _ = write!(grid, "M{} {}H{right}", Px(left), Px(at));
            let (x, y) = (Px(left - 7.0), Px(at + 4.0));
            self.put(format_args!(
                "<text class=\"tick end\" x=\"{x}\" y=\"{y}\">{}</text>",
                Escaped(label)
            ));
        }
        self.put(format_args!("<path class=\"grid\" d=\"{grid}\"/>"));
        self.put(format_args!(
            "<path class=\"axis\" d=\"M{} {TOP}V{bottom}H{right}\"/>",
            Px(left)
        ));
        let (across, down) = (Px((left + right) / 2.0), Px((TOP + bottom) / 2.0));
        let below = self.height - 10.0;
        self.put(format_args!(
            "<text class=\"label middle\" x=\"{across}\" y=\"{below}\">{}</text>\
             <text class=\"label middle\" transform=\"translate(13 {down}) rotate(-90)\">{}</text>",
            Escaped(&x.label),
            Escaped(&y.label)
        ));
    }

    /// Points, or their density if there are many. Returns what a reader of a density should know.
    pub fn scatter(&mut self, points: &[(f64, f64)]) -> Option<String> {
        if points.len() > POINTS {
            return Some(self.density(points));
        }
        let mut path = String::new();
        for &(x, y) in points {
            let _ = write!(path, "M{} {}h0", Px(self.across(x)), Px(self.down(y)));
        }
        let size = if points.len() <= 200 { "large" } else { "small" };
        self.put(format_args!("<path class=\"dots {size}\" d=\"{path}\"/>"));
        None
    }

    fn density(&mut self, points: &[(f64, f64)]) -> String {
        let columns = ((self.width - RIGHT - self.left) / CELL).ceil() as usize;
        let rows = ((self.bottom - TOP) / CELL).ceil() as usize;
        let mut counts = vec![0u64; columns * rows];
        for &(x, y) in points {
            let column = ((self.across(x) - self.left) / CELL) as usize;
            let row = ((self.down(y) - TOP) / CELL) as usize;
            counts[row.min(rows - 1) * columns + column.min(columns - 1)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(1);
        let strength = |count: u64| {
            let share = (count as f64).ln() / (most as f64).ln().max(f64::MIN_POSITIVE);
            ((share * STRENGTHS as f64) as usize).min(STRENGTHS - 1)
        };
        let mut paths = vec![String::new(); STRENGTHS];
        for (cell, &count) in counts.iter().enumerate().filter(|cell| *cell.1 > 0) {
            let (x, y) = (
                (cell % columns) as f64 * CELL + self.left,
                (cell / columns) as f64 * CELL + TOP,
            );
            let _ = write!(paths[strength(count)], "M{} {}h5v5h-5z", Px(x), Px(y));
        }
        for (strength, path) in paths.iter().enumerate().filter(|path| !path.1.is_empty()) {
            self.put(format_args!("<path class=\"cell strength{strength}\" d=\"{path}\"/>"));
        }
        format!(
            "The stronger the colour, the more rows: 1 to {} in a cell",
            thousands(most)
        )
    }

    pub fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            let _ = write!(
                path,
                "{}{} {}",
                if i == 0 { 'M' } else { 'L' },
                Px(self.across(x)),
                Px(self.down(y))
            );
        }
        self.put(format_args!("<path class=\"line {class}\" d=\"{path}\"/>"));
    }

    /// What lies between two lines: (x, lower, upper).
    pub fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let upper = points.iter().map(|&(x, _, upper)| (x, upper));
        let lower = points.iter().rev().map(|&(x, lower, _)| (x, lower));
        let mut path = String::new();
        for (i, (x, y)) in upper.chain(lower).enumerate() {
            let to = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{to}{} {}", Px(self.across(x)), Px(self.down(y)));
        }
        if !path.is_empty() {
            self.put(format_args!("<path class=\"band {class}\" d=\"{path}z\"/>"));
        }
    }

    /// A point of which the reader learns more by pointing at it.
    pub fn point(&mut self, class: &str, (x, y): (f64, f64), radius: f64, title: &str) {
        let (x, y) = (Px(self.across(x)), Px(self.down(y)));
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"><title>{}</title></circle>",
            Escaped(title)
        ));
    }

    /// Bars that stand on zero: (from, to, height).
    pub fn bars(&mut self, class: &str, bars: &[(f64, f64, f64)]) {
        let mut path = String::new();
        for &(from, to, height) in bars.iter().filter(|bar| bar.2 != 0.0) {
            let (left, right) = (self.across(from), self.across(to));
            // A gap between bars, where there is room for one.
            let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
            let (left, right, top, foot) = (left + gap, right - gap, self.down(height), self.down(0.0));
            let _ = write!(
                path,
                "M{} {}V{}H{}V{}z",
                Px(left),
                Px(foot),
                Px(top),
                Px(right),
                Px(foot)
            );
        }
        self.put(format_args!("<path class=\"bar {class}\" d=\"{path}\"/>"));
    }

    pub fn dot(&mut self, class: &str, x: f64, y: f64) {
        let (x, y) = (Px(self.across(x)), Px(self.down(y)));
        self.put(format_args!(
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4.5\"/>"
        ));
    }

    /// Text beside a point, in pixels from it; to its left where there is no room at its right.
    pub fn note(&mut self, x: f64, y: f64, right: f64, up: f64, text: &str) {
        let (x, y) = (self.across(x), self.down(y) - up);
        let fits = x + right + DIGIT * text.chars().count() as f64 <= self.width;
        let (class, x) = if fits {
            ("note", x + right)
        } else {
            ("note end", x - right)
        };
        let y = y.clamp(TOP + 12.0, self.bottom - 6.0);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            Px(x),
            Px(y),
            Escaped(text)
        ));
    }

    pub fn svg(self, title: &str) -> String {
        svg(self.width, self.height, title, &self.body)
    }
}

fn svg(width: f64, height: f64, title: &str, body: &str) -> String {
    let title = Escaped(title);
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">{body}</svg>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn many_points_become_a_density_of_bounded_size() {
        let points: Vec<(f64, f64)> = (0..200_000)
            .map(|i| (f64::from(i * 7919 % 1009), f64::from(i % 997)))
            .collect();
        let mut plot = Plot::new(Axis::roomy("x", 0.0, 1009.0), Axis::roomy("y", 0.0, 997.0));
        assert!(plot.scatter(&points).unwrap().starts_with("The stronger the colour"));
        assert!(plot.svg("").len() < 200_000);
    }

    proptest! {
        #[test]
        fn escaped_text_holds_nothing_that_opens_or_closes(text in any::<String>()) {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'', '\0']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            let printable = text.chars().map(|c| if c.is_ascii_control() && !"\t\n\r".contains(c) { '\u{fffd}' } else { c });
            prop_assert_eq!(back.replace("&amp;", "&"), printable.collect::<String>());
        }
    }
}
