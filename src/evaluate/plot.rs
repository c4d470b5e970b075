//! Drawing in SVG: axes with round ticks, points, lines, bars. Knows nothing of what is drawn.
//!
//! Colours are classes; the page's style sheet gives them, for light, dark and paper.

use std::fmt::{self, Write};

/// Text for HTML or SVG, in elements and quoted attributes.
pub(super) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No document may hold these.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f' => f.write_char('\u{fffd}')?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A whole number with commas.
pub(super) fn thousands(number: impl fmt::Display) -> String {
    let text = number.to_string();
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |digits| ("\u{2212}", digits));
    let (whole, rest) = digits.split_at(digits.find(['.', 'e']).unwrap_or(digits.len()));
    let mut grouped = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    // A minus sign is as wide as a digit, a hyphen is not.
    grouped + &rest.replace('-', "\u{2212}")
}

/// 1, 2 or 5 times a power of ten, not below `size`.
pub(super) fn round_step(size: f64) -> f64 {
    let power = 10f64.powf(size.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= size * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A direction of a plot: what values it spans, and where its ticks are.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub label: String,
    low: f64,
    high: f64,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From the lowest to the highest of finite values, of which those beyond 1e300 are taken as that.
    pub fn linear(label: &str, low: f64, high: f64) -> Axis {
        Axis::spaced(label, low, high, 0.0)
    }

    /// From none to the most of something that is counted.
    pub fn counts(label: &str, most: f64) -> Axis {
        Axis::spaced(label, 0.0, most, 1.0)
    }

    /// Ticks lie at least `least` apart.
    fn spaced(label: &str, low: f64, high: f64, least: f64) -> Axis {
        let (mut low, mut high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
        let size = low.abs().max(high.abs());
        // No room between the ends, or none that an axis could show.
        if high - low <= size * 1e-9 || high - low < 1e-290 {
            let room = if size < 1e-280 { 1.0 } else { size * 0.1 };
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / 6.0).max(least);
        let first = (low / step).ceil() as i64;
        let places = (first..)
            .map(|k| k as f64 * step)
            .take_while(|&tick| tick <= high * (1.0 + 1e-12) + step * 1e-9);
        let places: Vec<f64> = places.take(12).collect();
        let ticks = places
            .iter()
            .map(|&tick| (tick, tick_label(tick, step, size)))
            .collect();
        Axis {
            label: label.into(),
            low,
            high,
            logarithmic: false,
            ticks,
        }
    }

    /// The same with a little room at both ends.
    pub fn roomy(label: &str, low: f64, high: f64) -> Axis {
        let room = 0.04 * (high.min(1e300) - low.max(-1e300)).max(0.0);
        Axis::linear(label, low - room, high + room)
    }

    /// Of positive values.
    pub fn logarithmic(label: &str, low: f64, high: f64) -> Axis {
        let (mut first, mut last) = (low.log10(), high.log10());
        if last - first < 0.1 {
            (first, last) = (first - 0.5, last + 0.5);
        }
        let every = (((last - first) / 7.0).ceil() as usize).max(1);
        let decades = (first - 1e-9).ceil() as i32..=(last + 1e-9).floor() as i32;
        let factors: &[f64] = if last - first < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut ticks = vec![];
        for decade in ((first.floor() as i32)..=*decades.end()).step_by(every) {
            for factor in factors {
                let tick = factor * 10f64.powi(decade);
                if tick.log10() >= first - 1e-9 && tick.log10() <= last + 1e-9 {
                    ticks.push((tick, tick_label(tick, tick, tick)));
                }
            }
        }
        Axis {
            label: label.into(),
            low: first,
            high: last,
            logarithmic: true,
            ticks,
        }
    }

    /// 0 at the low end, 1 at the high one.
    fn place(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.log10()
        } else {
            value.clamp(-1e300, 1e300)
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// `step` tells how many digits a tick needs, `size` how large the axis's numbers are.
fn tick_label(tick: f64, step: f64, size: f64) -> String {
    let magnitude = |number: f64| number.log10().floor().max(-320.0) as i32;
    let decimals = -magnitude(step * (1.0 + 1e-9));
    if tick == 0.0 {
        "0".into()
    } else if size < 1e6 && decimals <= 4 {
        thousands(format_args!("{tick:.0$}", decimals.max(0) as usize))
    } else {
        let digits = (magnitude(tick.abs() * (1.0 + 1e-9)) + decimals).clamp(0, 12) as usize;
        thousands(format_args!("{tick:.digits$e}"))
    }
}

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
const DIGIT: f64 = 6.7;

/// Up to this many points are drawn one by one; more as density, so that a page stays small and nothing is hidden below
/// something else.
const POINTS: usize = 3_000;
/// The side of a cell of a density.
const CELL: f64 = 5.0;
const STRENGTHS: usize = 6;

/// A plot of two axes.
pub(super) struct Plot {
    x: Axis,
    y: Axis,
    left: f64,
    body: String,
}

impl Plot {
    pub fn new(x: Axis, y: Axis) -> Plot {
        let digits = y.ticks.iter().map(|tick| tick.1.chars().count()).max().unwrap_or(0);
        let left = 30.0 + DIGIT * digits as f64;
        let mut plot = Plot {
            x,
            y,
            left,
            body: String::new(),
        };
        plot.axes();
        plot
    }

    fn across(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (WIDTH - RIGHT - self.left)
    }

    fn down(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * (HEIGHT - BOTTOM - TOP)
    }

    /// Writing to a String can't fail.
    fn put(&mut self, what: fmt::Arguments) {
        let _ = self.body.write_fmt(what);
    }

    fn axes(&mut self) {
        let (left, right, bottom) = (self.left, WIDTH - RIGHT, HEIGHT - BOTTOM);
        let (x, y) = (self.x.clone(), self.y.clone());
        let mut grid = String::new();
        for (tick, label) in &x.ticks {
            let at = self.across(*tick);
            let _ = write!(grid, "M{} {TOP}V{bottom}", Px(at));
            // Within the drawing, however long it is.
            let (x, y) = (
                Px(at.min(WIDTH - DIGIT * label.chars().count() as f64 / 2.0)),
                bottom + 16.0,
            );
            self.put(format_args!(
                "<text class=\"tick middle\" x=\"{x}\" y=\"{y}\">{label}</text>"
            ));
        }
        for (tick, label) in &y.ticks {
            let at = self.down(*tick);
            let _ = write!(grid, "M{} {}H{right}", Px(left), Px(at));
            let (x, y) = (Px(left - 7.0), Px(at + 4.0));
            self.put(format_args!(
                "<text class=\"tick end\" x=\"{x}\" y=\"{y}\">{label}</text>"
            ));
        }
        self.put(format_args!("<path class=\"grid\" d=\"{grid}\"/>"));
        self.put(format_args!(
            "<path class=\"axis\" d=\"M{} {TOP}V{bottom}H{right}\"/>",
            Px(left)
        ));
        let (across, down) = (Px((left + right) / 2.0), Px((TOP + bottom) / 2.0));
        let below = HEIGHT - 10.0;
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
        let columns = ((WIDTH - RIGHT - self.left) / CELL).ceil() as usize;
        let rows = ((HEIGHT - BOTTOM - TOP) / CELL).ceil() as usize;
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
        let fits = x + right + DIGIT * text.chars().count() as f64 <= WIDTH;
        let (class, x) = if fits {
            ("note", x + right)
        } else {
            ("note end", x - right)
        };
        let y = y.clamp(TOP + 12.0, HEIGHT - BOTTOM - 6.0);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            Px(x),
            Px(y),
            Escaped(text)
        ));
    }

    pub fn svg(self, title: &str) -> String {
        svg(WIDTH, HEIGHT, title, &self.body)
    }
}

fn svg(width: f64, height: f64, title: &str, body: &str) -> String {
    let title = Escaped(title);
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">{body}</svg>\n")
}

/// The height of a row of [`named_bars`].
const ROW: f64 = 19.0;
const NAME_MAX: usize = 26;

/// Bars that lie, to the left of zero or the right, each with its name and its value as text; `title` for those who
/// can't see it.
pub(super) fn named_bars(title: &str, bars: &[(&str, f64, String)]) -> String {
    let names = bars
        .iter()
        .map(|bar| bar.0.chars().count().min(NAME_MAX))
        .max()
        .unwrap_or(0);
    let values = bars.iter().map(|bar| bar.2.chars().count()).max().unwrap_or(0);
    let (name, value) = (14.0 + DIGIT * names as f64, 8.0 + DIGIT * values as f64);
    let ends = bars
        .iter()
        .fold((0.0f64, 0.0f64), |ends, bar| (ends.0.min(bar.1), ends.1.max(bar.1)));
    // Values stand at the outer ends of their bars.
    let left = name + if ends.0 < 0.0 { value } else { 0.0 };
    let right = WIDTH - if ends.1 > 0.0 { value } else { 0.0 };
    let axis = Axis {
        label: String::new(),
        low: ends.0,
        high: ends.1,
        logarithmic: false,
        ticks: vec![],
    };
    let flat = ends.0 == ends.1;
    let across = |value: f64| left + if flat { 0.0 } else { axis.place(value) * (right - left) };
    let height = ROW * bars.len() as f64 + 8.0;
    let mut body = String::new();
    for (i, (label, number, text)) in bars.iter().enumerate() {
        let top = 4.0 + ROW * i as f64;
        let (from, to) = (across(0.0), across(*number));
        let short = shorten(label);
        let (class, at) = if *number < 0.0 {
            ("note end", to - 5.0)
        } else {
            ("note", to + 5.0)
        };
        let colour = if *number < 0.0 { "second" } else { "first" };
        let (x, width, baseline) = (Px(from.min(to)), Px((to - from).abs()), Px(top + 13.0));
        let _ = write!(
            body,
            "<g><title>{}: {text}</title><text class=\"tick end\" x=\"{}\" y=\"{baseline}\">{}</text>\
             <rect class=\"bar {colour}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\"/>\
             <text class=\"{class}\" x=\"{}\" y=\"{baseline}\">{text}</text></g>",
            Escaped(label),
            Px(name - 8.0),
            Escaped(&short),
            Px(top + 2.0),
            ROW - 5.0,
            Px(at),
        );
    }
    let zero = Px(across(0.0));
    let _ = write!(body, "<path class=\"axis\" d=\"M{zero} 2V{}\"/>", height - 2.0);
    svg(WIDTH, height, title, &body)
}

/// A long name keeps its ends: names often differ in the last letters.
fn shorten(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= NAME_MAX {
        return name.into();
    }
    let (head, tail) = (NAME_MAX / 2, NAME_MAX - NAME_MAX / 2 - 1);
    letters[..head]
        .iter()
        .chain(&['\u{2026}'])
        .chain(&letters[letters.len() - tail..])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        for (low, high, expected) in [
            (0.0, 1.0, "0 0.2 0.4 0.6 0.8 1.0"),
            (-37.0, 262.0, "0 50 100 150 200 250"),
            (0.0, 0.00031, "0 0.0001 0.0002 0.0003"),
            (0.0, 0.000031, "0 1e\u{2212}5 2e\u{2212}5 3e\u{2212}5"),
            (0.0, 12_345.0, "0 5,000 10,000"),
            (-2.6e9, 1e9, "\u{2212}2e9 \u{2212}1e9 0 1e9"),
            (3.0, 3.0, "2.7 2.8 2.9 3.0 3.1 3.2 3.3"),
            (0.0, 0.0, "\u{2212}1.0 \u{2212}0.5 0 0.5 1.0"),
        ] {
            assert_eq!(labels(&Axis::linear("", low, high)).join(" "), expected, "{low} {high}");
        }
    }

    #[test]
    fn counts_have_whole_ticks() {
        assert_eq!(labels(&Axis::counts("rows", 2.1)).join(" "), "0 1 2");
    }

    #[test]
    fn a_logarithmic_axis_ticks_at_powers_of_ten() {
        let axis = Axis::logarithmic("", 0.02, 30_000.0);
        assert_eq!(labels(&axis).join(" "), "0.1 1 10 100 1,000 10,000");
        assert_eq!(labels(&Axis::logarithmic("", 3.0, 60.0)).join(" "), "5 10 20 50");
        assert!((axis.place(0.02), axis.place(30_000.0)) == (0.0, 1.0));
        assert!(labels(&Axis::logarithmic("", 1e-250, 1e250)).len() <= 9);
    }

    #[test]
    fn numbers_have_commas_and_true_minus_signs() {
        for (number, text) in [
            ("-1234567.25", "\u{2212}1,234,567.25"),
            ("999", "999"),
            ("-1.5e-7", "\u{2212}1.5e\u{2212}7"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(
            shorten("a_very_long_name_of_a_feature=Oslo"),
            "a_very_long_n\u{2026}feature=Oslo"
        );
    }

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
        fn any_axis_places_its_ticks_in_order(low in prop::num::f64::NORMAL, high in prop::num::f64::NORMAL) {
            let (low, high) = (low.min(high), low.max(high));
            let axis = Axis::roomy("x", low, high);
            prop_assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= 12, "{:?}", axis);
            prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1), "{:?}", axis);
            prop_assert!(axis.ticks.iter().all(|tick| (0.0..=1.0).contains(&axis.place(tick.0)) && tick.1.len() < 24));
        }

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
