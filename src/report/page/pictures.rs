//! The pictures of the page: then and now, over time, by segment.

use crate::html::thousands;
use crate::plot::{Axis, DIGIT, Interval, Pair, Plot, intervals, pairs};
use crate::report::change::percent;
use crate::report::{Bin, Portrait, Segment, Series, Standing, Unit, Window, Worth};

const WIDTH: f64 = 480.0;
/// Of bins.
const HEIGHT: f64 = 210.0;
/// What stands apart is so much wider than a bin, for its name.
const APART: f64 = 3.2;
/// Of a figure over time.
const SMALL: (f64, f64) = (340.0, 150.0);
/// Each window has a dot, where they are few.
const DOTS: usize = 60;
/// Groups of a segment that are drawn.
pub const GROUPS: usize = 15;

/// A column, in the baseline and now.
pub fn then_and_now(portrait: &Portrait) -> String {
    match portrait.numbers {
        true => numbers(portrait),
        false => categories(portrait),
    }
}

fn categories(portrait: &Portrait) -> String {
    let rows: Vec<Pair> = portrait
        .bins
        .iter()
        .map(|bin| Pair {
            name: &bin.name,
            shares: [bin.then, bin.now],
            text: format!("{} \u{2192} {}", percent(bin.then), percent(bin.now)),
        })
        .collect();
    pairs(&portrait.name, &rows)
}

/// Each bin as wide as the others, whatever its edges: its share is its height.
fn numbers(portrait: &Portrait) -> String {
    let mut ticks: Vec<(f64, String)> = Vec::new();
    let (mut then, mut now) = (Vec::new(), Vec::new());
    let mut at = 0.0;
    let inner = portrait.bins.iter().filter(|bin| bin.edges.is_some()).count();
    let edges = portrait
        .bins
        .iter()
        .filter_map(|bin| bin.edges)
        .flat_map(|(low, high)| [low, high]);
    let longest = edges.map(|at| edge(at).chars().count()).max().unwrap_or(0) as f64;
    // As many bins as the longest edge has room in, or a fifth of them.
    let all = inner as f64 + APART * (portrait.bins.len() - inner) as f64 + 0.2 + 0.17 * longest;
    let room = (DIGIT * longest + 8.0) * all / (WIDTH - 60.0);
    let every = (inner / 5).max(room.ceil() as usize).max(1);
    for (i, bin) in portrait.bins.iter().enumerate() {
        let width = if bin.edges.is_some() { 1.0 } else { APART };
        // Its name has no room beside the last edge.
        if i == inner && inner > 0 {
            at += ticks
                .last()
                .map_or(0.0, |(_, label)| 0.2 + 0.17 * label.chars().count() as f64);
        }
        match bin.edges {
            Some((low, high)) => {
                // The last edge has the room of one that is left out before it.
                if i % every == 0 && (i + every < inner || i == 0) {
                    ticks.push((at, edge(low)));
                }
                if i + 1 == inner && low < high {
                    ticks.push((at + 1.0, edge(high)));
                }
            }
            None => ticks.push((at + width / 2.0, bin.name.trim_matches(['(', ')']).to_string())),
        }
        let (from, middle, to) = (at + 0.1, at + width / 2.0, at + width - 0.1);
        let thick = |side: f64| side.min(0.5);
        then.push((middle - thick(middle - from), middle, bin.then * 100.0));
        now.push((middle, middle + thick(to - middle), bin.now * 100.0));
        at += width;
    }
    let shares = portrait.bins.iter().flat_map(|bin: &Bin| [bin.then, bin.now]);
    let most = shares.fold(0.0, f64::max).max(1e-6) * 105.0;
    let mut x = Axis::linear("", 0.0, at.max(1.0));
    x.ticks = ticks;
    let mut plot = Plot::sized(WIDTH, HEIGHT, x, few(Axis::linear("% of cells", 0.0, most)));
    plot.bars("second", &then);
    plot.bars("first", &now);
    plot.svg(&portrait.name)
}

fn edge(edge: f64) -> String {
    thousands(crate::digits::short(edge, 3))
}

/// A low picture has room for few ticks.
fn few(mut axis: Axis) -> Axis {
    while axis.ticks.len() > 5 {
        axis.ticks = axis.ticks.into_iter().step_by(2).collect();
    }
    axis
}

/// Windows in their order, each with the same room.
fn over_windows(windows: &[Window]) -> Axis {
    let n = windows.len();
    let mut axis = Axis::linear("", -0.5, n.max(1) as f64 - 0.5);
    let day = |i: usize| windows[i].at.get(..10).unwrap_or_default();
    let days = n > 0 && day(0) != day(n - 1);
    let mut places = vec![0, n / 2, n.saturating_sub(1)];
    places.dedup();
    if n < 3 {
        places.truncate(1);
    }
    let label = |i: usize| {
        let at = windows[i].at.as_str();
        if days { at.get(5..10) } else { at.get(11..16) }
            .unwrap_or(at)
            .to_string()
    };
    let places = places.into_iter().filter(|&i| i < n);
    axis.ticks = places.map(|i| (i as f64, label(i))).collect();
    axis
}

pub fn over_time(series: &Series, windows: &[Window]) -> String {
    let scale = if series.unit == Unit::Share { 100.0 } else { 1.0 };
    let of = |get: &dyn Fn(&super::Point) -> Option<f64>| -> Vec<Option<f64>> {
        series
            .points
            .iter()
            .map(|point| get(point).map(|value| value * scale))
            .collect()
    };
    let (values, bars) = (of(&|point| point.value), of(&|point| point.bar));
    let usual: Vec<Option<f64>> = series
        .usual
        .iter()
        .map(|usual| usual.map(|usual| usual * scale))
        .collect();
    let (low, high) = ends(values.iter().chain(&bars).chain(&usual));
    let y = match series.unit {
        Unit::Number => Axis::roomy("", low, high),
        Unit::Share | Unit::Psi => Axis::linear("", 0.0, high.max(1e-6) * 1.05),
        Unit::Count => Axis::counts("", high * 1.05),
    };
    let mut plot = Plot::sized(SMALL.0, SMALL.1, over_windows(windows), few(y));
    runs(&usual).iter().for_each(|run| plot.line("ideal", &steps(run)));
    runs(&bars).iter().for_each(|run| plot.line("limit", &steps(run)));
    runs(&values).iter().for_each(|run| plot.line("first", run));
    dots(&mut plot, &series.points, windows, scale);
    plot.svg(&series.title)
}

/// With its band, and where it usually lies.
pub fn expected(worth: &Worth, windows: &[Window]) -> String {
    let points = &worth.points;
    let values: Vec<Option<f64>> = points.iter().map(|point| point.value).collect();
    let limits = [0, 1].map(|end| {
        let end = |limits: &Option<(f64, f64)>| limits.map(|limits| [limits.0, limits.1][end]);
        worth.limits.iter().map(end).collect::<Vec<Option<f64>>>()
    });
    let truths: Vec<Option<f64>> = worth.truths.iter().map(|point| point.value).collect();
    let bands = points.iter().filter_map(|point| point.interval);
    let bands: Vec<Option<f64>> = bands.flat_map(|(low, high)| [Some(low), Some(high)]).collect();
    let (low, high) = ends(
        values
            .iter()
            .chain(&limits[0])
            .chain(&limits[1])
            .chain(&bands)
            .chain(&truths)
            .chain([&worth.approved]),
    );
    let mut plot = Plot::sized(SMALL.0, SMALL.1, over_windows(windows), few(Axis::roomy("", low, high)));
    let ends = (-0.5, windows.len() as f64 - 0.5);
    let banded: Vec<Option<(f64, (f64, f64))>> = points
        .iter()
        .enumerate()
        .map(|(i, point)| point.interval.map(|band| (i as f64, band)))
        .collect();
    for run in banded.split(Option::is_none).filter(|run| !run.is_empty()) {
        let run: Vec<(f64, f64, f64)> = run.iter().flatten().map(|&(x, (low, high))| (x, low, high)).collect();
        plot.band("first", &run);
    }
    if let Some(approved) = worth.approved {
        plot.line("ideal", &[(ends.0, approved), (ends.1, approved)]);
    }
    for limit in &limits {
        runs(limit).iter().for_each(|run| plot.line("limit", &steps(run)));
    }
    runs(&values).iter().for_each(|run| plot.line("first", run));
    dots(&mut plot, points, windows, 1.0);
    for (truth, (i, window)) in worth.truths.iter().zip(windows.iter().enumerate()) {
        let Some(value) = truth.value else { continue };
        let title = format!("{}, measured: {}", window.name(), crate::digits::short(value, 3));
        plot.point("dot second", (i as f64, value), 3.5, &title);
    }
    plot.svg(worth.metric)
}

fn dots(plot: &mut Plot, points: &[super::Point], windows: &[Window], scale: f64) {
    for (i, (point, window)) in points.iter().zip(windows).enumerate() {
        let Some(value) = point.value.filter(|_| point.over || points.len() <= DOTS) else {
            continue;
        };
        let bar = point
            .bar
            .map_or(String::new(), |bar| format!(", bar {}", crate::digits::short(bar, 3)));
        let title = format!("{}: {}{bar}", window.name(), crate::digits::short(value, 3));
        let (class, radius) = if point.over { ("dot over", 3.5) } else { ("dot", 3.0) };
        plot.point(class, (i as f64, value * scale), radius, &title);
    }
}

/// What is there in a row, with its places.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let placed: Vec<Option<(f64, f64)>> = values
        .iter()
        .enumerate()
        .map(|(i, value)| value.map(|value| (i as f64, value)))
        .collect();
    let runs = placed.split(Option::is_none).filter(|run| !run.is_empty());
    runs.map(|run| run.iter().flatten().copied().collect()).collect()
}

/// A bar is of its window alone.
fn steps(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for &(x, y) in run {
        match steps.last_mut() {
            Some(last) if last.1 == y => last.0 = x + 0.5,
            _ => steps.extend([(x - 0.5, y), (x + 0.5, y)]),
        }
    }
    steps
}

fn ends<'a>(values: impl Iterator<Item = &'a Option<f64>>) -> (f64, f64) {
    let ends = values
        .flatten()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |ends, &value| {
            (ends.0.min(value), ends.1.max(value))
        });
    if ends.0 <= ends.1 { ends } else { (0.0, 1.0) }
}

/// The share of each group that is called favourable.
pub fn groups(segment: &Segment) -> String {
    let groups = segment.groups.iter().take(GROUPS);
    let high = groups
        .clone()
        .filter_map(|group| group.interval)
        .map(|interval| interval.1);
    let most = (high.fold(0.0, f64::max) * 1.1).clamp(0.01, 1.0);
    let rows: Vec<Interval> = groups
        .map(|group| Interval {
            name: &group.name,
            value: group.share.filter(|_| group.standing != Standing::Unmeasured),
            interval: group.interval.unwrap_or_default(),
            class: if group.standing == Standing::Outside {
                "over"
            } else {
                "first"
            },
            text: match (group.standing, group.share) {
                (Standing::Unmeasured, _) | (_, None) => "not measured".into(),
                (_, Some(share)) => format!("{} of {}", percent(share), thousands(group.rows)),
            },
        })
        .collect();
    intervals(&segment.column, &rows, (0.0, most), segment.share)
}
