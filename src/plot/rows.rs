//! Drawings of a row for each of several names: bars, pairs of bars, intervals.

use super::{DIGIT, Px, WIDTH, svg};
use crate::html::Escaped;
use std::fmt::Write;

/// The height of a row of [`named_bars`].
const ROW: f64 = 19.0;
/// In digits.
const NAME_MAX: f64 = 26.0;

/// Bars of finite numbers that lie, to the left of zero or the right, each with its name and its value as text; `title` for those who
/// can't see it.
pub fn named_bars(title: &str, bars: &[(&str, f64, String)]) -> String {
    let values = longest(bars.iter().map(|bar| bar.2.as_str()));
    let (name, value) = (room(bars.iter().map(|bar| bar.0)), 8.0 + DIGIT * values);
    let ends = bars
        .iter()
        .fold((0.0f64, 0.0f64), |ends, bar| (ends.0.min(bar.1), ends.1.max(bar.1)));
    // Values stand at the outer ends of their bars.
    let left = name + if ends.0 < 0.0 { value } else { 0.0 };
    let right = WIDTH - if ends.1 > 0.0 { value } else { 0.0 };
    // Halves, so that the span of two finite numbers is finite.
    let (low, span) = (ends.0 / 2.0, (ends.1 / 2.0 - ends.0 / 2.0).max(f64::MIN_POSITIVE));
    let across = |value: f64| left + (value / 2.0 - low) / span * (right - left);
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
    if breadth(name) <= NAME_MAX {
        return name.into();
    }
    let head = fitting(name.chars(), NAME_MAX / 2.0);
    let tail = fitting(name.chars().rev(), NAME_MAX / 2.0 - 1.0);
    head.into_iter()
        .chain(['\u{2026}'])
        .chain(tail.into_iter().rev())
        .collect()
}

/// The first letters that have the room of so many digits.
fn fitting(letters: impl Iterator<Item = char>, most: f64) -> Vec<char> {
    let mut sum = 0.0;
    let fits = |letter: &char| {
        sum += letter_breadth(*letter);
        sum <= most
    };
    letters.take_while(fits).collect()
}

/// About how many digits a letter is as broad as.
fn letter_breadth(letter: char) -> f64 {
    match letter {
        'M' | 'W' | 'm' | 'w' | '@' | '%' => 1.6,
        // From Hangul on most scripts are written in squares, and so are emoji.
        '\u{1100}'.. => 1.8,
        _ => 1.0,
    }
}

fn breadth(text: &str) -> f64 {
    text.chars().map(letter_breadth).sum()
}

/// What names take at the left, in pixels.
fn room<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    14.0 + DIGIT * longest(names).min(NAME_MAX)
}

/// Two shares of one name: before, and after.
pub struct Pair<'a> {
    pub name: &'a str,
    pub shares: [f64; 2],
    /// Beside the bars.
    pub text: String,
}

/// The height of a row of [`pairs`].
const PAIR: f64 = 27.0;

/// The breadth of the longest text, in digits.
fn longest<'a>(texts: impl Iterator<Item = &'a str>) -> f64 {
    texts.map(breadth).fold(0.0, f64::max)
}

/// Two bars for each name, `second` above `first`; `title` for those who can't see it.
pub fn pairs(title: &str, pairs: &[Pair]) -> String {
    let name = room(pairs.iter().map(|pair| pair.name));
    let right = WIDTH - 8.0 - DIGIT * longest(pairs.iter().map(|pair| pair.text.as_str()));
    let shares = pairs.iter().flat_map(|pair| pair.shares);
    let most = shares.fold(f64::MIN_POSITIVE, f64::max);
    let height = PAIR * pairs.len() as f64 + 8.0;
    let mut body = String::new();
    for (i, pair) in pairs.iter().enumerate() {
        let top = 4.0 + PAIR * i as f64;
        let baseline = Px(top + 16.0);
        let _ = write!(
            body,
            "<g><title>{}: {}</title><text class=\"tick end\" x=\"{}\" y=\"{baseline}\">{}</text>",
            Escaped(pair.name),
            Escaped(&pair.text),
            Px(name - 8.0),
            Escaped(&shorten(pair.name)),
        );
        let across = |share: f64| share / most * (right - name);
        for (&share, (class, down)) in pair.shares.iter().zip([("second", 3.0), ("first", 12.0)]) {
            // A sliver of what isn't nothing.
            let width = Px(if share > 0.0 { across(share).max(1.0) } else { 0.0 });
            let (x, y) = (Px(name), Px(top + down));
            let _ = write!(
                body,
                "<rect class=\"bar {class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"8.5\"/>"
            );
        }
        let widest = across(pair.shares[0].max(pair.shares[1]));
        let _ = write!(
            body,
            "<text class=\"note\" x=\"{}\" y=\"{baseline}\">{}</text></g>",
            Px(name + widest + 6.0),
            Escaped(&pair.text)
        );
    }
    let _ = write!(body, "<path class=\"axis\" d=\"M{} 2V{}\"/>", Px(name), height - 2.0);
    svg(WIDTH, height, title, &body)
}

/// A number with its interval, of one name.
pub struct Interval<'a> {
    pub name: &'a str,
    /// None: it isn't measured.
    pub value: Option<f64>,
    pub interval: (f64, f64),
    /// Of the dot and its whisker.
    pub class: &'a str,
    /// At the right.
    pub text: String,
}

/// A dot with a whisker for each name, between `low` and `high`; a dashed line at `usual`.
pub fn intervals(title: &str, rows: &[Interval], (low, high): (f64, f64), usual: Option<f64>) -> String {
    let name = room(rows.iter().map(|row| row.name));
    let right = WIDTH - 16.0 - DIGIT * longest(rows.iter().map(|row| row.text.as_str()));
    let across = |value: f64| name + ((value - low) / (high - low)).clamp(0.0, 1.0) * (right - name);
    let height = ROW * rows.len() as f64 + 8.0;
    let foot = height - 2.0;
    let mut body = format!("<path class=\"axis\" d=\"M{} 2V{foot}\"/>", Px(name));
    if let Some(usual) = usual {
        let x = Px(across(usual));
        let _ = write!(body, "<path class=\"line ideal\" d=\"M{x} 2V{foot}\"/>");
    }
    for (i, row) in rows.iter().enumerate() {
        let middle = 4.0 + ROW * i as f64 + 9.0;
        let baseline = Px(middle + 4.0);
        let _ = write!(
            body,
            "<g><title>{}: {}</title><text class=\"tick end\" x=\"{}\" y=\"{baseline}\">{}</text>",
            Escaped(row.name),
            Escaped(&row.text),
            Px(name - 8.0),
            Escaped(&shorten(row.name)),
        );
        if let Some(value) = row.value {
            let (class, y) = (row.class, Px(middle));
            let (low, high, at) = (
                Px(across(row.interval.0)),
                Px(across(row.interval.1)),
                Px(across(value)),
            );
            let _ = write!(
                body,
                "<path class=\"line whisker {class}\" d=\"M{low} {y}H{high}\"/>\
                 <circle class=\"dot {class}\" cx=\"{at}\" cy=\"{y}\" r=\"4.5\"/>"
            );
        }
        let _ = write!(
            body,
            "<text class=\"note end\" x=\"{}\" y=\"{baseline}\">{}</text></g>",
            WIDTH - 2.0,
            Escaped(&row.text)
        );
    }
    svg(WIDTH, height, title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(
            shorten("a_very_long_name_of_a_feature=Oslo"),
            "a_very_long_n\u{2026}feature=Oslo"
        );
        // Broad ones have fewer letters.
        assert_eq!(shorten(&"W".repeat(40)).chars().count(), 8 + 1 + 7);
        assert_eq!(shorten(&"\u{6771}".repeat(14)), "\u{6771}".repeat(14));
        assert_eq!(shorten(&"\u{6771}".repeat(15)).chars().count(), 7 + 1 + 6);
    }
}
