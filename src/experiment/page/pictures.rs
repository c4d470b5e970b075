//! The pictures of the page: predictions against each other, their differences, the lift as keys came.

use crate::experiment::difference::Column;
use crate::experiment::paired::{Paired, Point};
use crate::experiment::report::grouped;
use crate::html::thousands;
use crate::plot::{Axis, Plot};
use crate::report::minute;

/// Of the lift.
const LIFT: (f64, f64) = (480.0, 260.0);

/// The lowest and the highest; none of nothing.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// The shadow's values against the champion's, and what is to be said of it. None without a row.
pub fn against(column: &Column, probability: bool) -> Option<(String, String)> {
    let (low, high) = match probability {
        true => (0.0, 1.0),
        false => ends(column.points.iter().flat_map(|point| [point.0, point.1]))?,
    };
    let axis = |label| Axis::roomy(label, low, high);
    let mut plot = Plot::new(axis("champion"), axis("shadow"));
    let (low, high) = axis("").ends();
    plot.scatter(&column.points);
    plot.line("ideal", &[(low, low), (high, high)]);
    let of = match (column.points.len() as u64) < column.rows {
        true => format!(
            " {} of {} rows.",
            thousands(column.points.len()),
            thousands(column.rows)
        ),
        false => String::new(),
    };
    let note = format!("On the dashed line, both say the same.{of}");
    Some((plot.svg(&format!("{}: shadow against champion", column.name)), note))
}

/// How often which difference occurs. None without one.
pub fn differences(column: &Column) -> Option<(String, String)> {
    let bars: Vec<(f64, f64, f64)> = column
        .histogram
        .iter()
        .map(|bar| (bar.0, bar.1, bar.2 as f64))
        .collect();
    let (low, high) = ends(bars.iter().flat_map(|bar| [bar.0, bar.1]).chain([0.0]))?;
    let most = ends(bars.iter().map(|bar| bar.2))?.1;
    let x = Axis::linear("shadow \u{2212} champion", low, high);
    let mut plot = Plot::new(x, Axis::counts("rows", most * 1.05));
    plot.bars("first", &bars);
    plot.line("ideal", &[(0.0, 0.0), (0.0, most * 1.05)]);
    let same = match column.same {
        0 => "No row has the same value.".into(),
        same => format!("Not drawn: {} with the same value.", grouped(same, "row")),
    };
    let beyond = match column.beyond {
        0 => String::new(),
        rows => format!(" {} beyond the picture.", grouped(rows, "row")),
    };
    Some((plot.svg(&format!("{}: differences", column.name)), same + &beyond))
}

/// The lift and its interval as keys came. None of fewer than three points.
pub fn over_time(paired: &Paired) -> Option<(String, String)> {
    let points = &paired.over_time;
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 3 {
        return None;
    }
    // The first intervals are so wide that nothing else could be seen; they go beyond the picture.
    let settled = points.iter().filter(|point| 5 * point.keys >= last.keys);
    let margin = paired.margin;
    let shown = settled.flat_map(|point| [point.interval.low, point.interval.high]);
    let (low, high) = ends(shown.chain([0.0, -margin, margin]))?;
    let x = Axis::linear(
        "keys, in the order in which they were first seen",
        0.0,
        last.keys as f64,
    );
    let (left, right) = x.ends();
    let mut plot = Plot::sized(LIFT.0, LIFT.1, x, Axis::roomy("lift", low, high));
    let across = |point: &Point| point.keys as f64;
    let band: Vec<_> = points
        .iter()
        .map(|p| (across(p), p.interval.low, p.interval.high))
        .collect();
    plot.band("first", &band);
    let line: Vec<_> = points.iter().map(|p| (across(p), p.lift)).collect();
    plot.line("first", &line);
    plot.line("ideal", &[(left, 0.0), (right, 0.0)]);
    if margin > 0.0 {
        for end in [-margin, margin] {
            plot.line("limit", &[(left, end), (right, end)]);
        }
    }
    let day = |at: i64| minute(&crate::report::time(at))[..10].to_string();
    let margin = if margin > 0.0 { " Red: the margin." } else { "" };
    let days = match (day(first.at), day(last.at)) {
        (first, last) if first == last => format!("On {first}"),
        (first, last) => format!("From {first} to {last}"),
    };
    let note =
        format!("Above 0 the shadow is better. The band holds the true lift at all times with 95 %.{margin} {days}.");
    Some((plot.svg("Lift as keys came"), note))
}
