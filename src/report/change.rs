//! What changed, the most important first.

use super::trail::Trails;
use super::{Subject, Window};
use crate::digits::short;
use crate::monitor::baseline::{Column, Values};
use crate::monitor::check::{Area, Check};
use crate::monitor::{Action, Baseline, ColumnCounts, Then};
use serde::Serialize;
use std::cmp::Reverse;

/// A check that was beyond its bar, as it was in the last window where it was.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// What the policy makes of it.
    pub action: Action,
    #[serde(flatten)]
    pub check: Check,
    /// In words.
    pub words: String,
    /// In so many windows of those in which it had a value.
    pub windows: usize,
    pub of: usize,
    /// When the last windows in a row that are beyond the bar begin, RFC 3339.
    pub since: String,
    /// Their first one.
    #[serde(skip)]
    pub first: usize,
    /// The one whose figures these are.
    #[serde(skip)]
    pub last: usize,
    /// Also in the last window of the period.
    pub still: bool,
}

impl Change {
    /// How many times as far as the bar.
    pub fn times(&self) -> f64 {
        const MOST: f64 = 1e6;
        let (Some(value), Some(bar)) = (self.check.value, self.check.bar) else {
            return 1.0;
        };
        let ratio = value.abs() / bar.abs();
        let ratio = if ratio < 1.0 { 1.0 / ratio } else { ratio };
        if ratio.is_nan() { MOST } else { ratio.min(MOST) }
    }

    /// What a person looks at first: what the model is worth and broken data, then bias and what it predicts, then inputs.
    fn rank(&self, baseline: &Baseline) -> u8 {
        let output = || baseline.outputs().iter().any(|column| column.name == self.check.column);
        match self.check.area {
            Area::Performance | Area::Data => 0,
            Area::Bias => 1,
            Area::Drift if output() => 1,
            Area::Drift => 2,
        }
    }
}

/// By what the policy makes of it, then whether it lasts, then by what it is of, then by how far it is beyond its bar.
pub(super) fn changes(subject: &Subject, trails: &Trails, windows: &[Window]) -> Vec<Change> {
    let Subject { baseline, policy, .. } = *subject;
    let complement = complement(baseline);
    let told = trails.over().filter(|(check, _)| {
        // The other one says it, too.
        let same = match check.check {
            "distance" => "psi",
            "di" => "dppl",
            _ => "",
        };
        let twice = trails.is_over(same, &check.column, check.segment.as_deref());
        !twice && complement != Some(&check.column)
    });
    let changes = told.filter_map(|(check, trail)| {
        let (first, last) = (trail.since()?, *trail.over.last()?);
        let place = place(baseline, &check.column);
        let column = place.and_then(|place| baseline.columns().get(place).copied());
        let seen = &subject.windows[last];
        let of = place.zip(column).and_then(|(place, column)| {
            Some(Known {
                column,
                then: seen.then.column(place, column),
                now: seen.counts.columns.get(place)?,
            })
        });
        Some(Change {
            action: policy.action(check.area),
            words: words(check, of.as_ref(), &seen.then),
            check: check.clone(),
            windows: trail.over.len(),
            of: trail.measured,
            since: windows[first].at.clone(),
            first,
            last,
            still: last + 1 == windows.len(),
        })
    });
    let mut changes: Vec<Change> = changes.collect();
    changes.sort_by(|a, b| {
        let key = |change: &Change| (Reverse(change.action), !change.still, change.rank(baseline));
        let name = |change: &Change| {
            (
                change.check.column.clone(),
                change.check.check,
                change.check.segment.clone(),
            )
        };
        let by_size = b.times().total_cmp(&a.times());
        key(a).cmp(&key(b)).then(by_size).then_with(|| name(a).cmp(&name(b)))
    });
    changes
}

/// Of two probabilities the one that is all that the other isn't: nobody has to look at both.
pub(super) fn complement(baseline: &Baseline) -> Option<&str> {
    match baseline.outputs() {
        [label, no, yes] if !label.is_numbers() && no.is_numbers() && yes.is_numbers() => Some(&no.name),
        _ => None,
    }
}

/// A column's among those that are counted.
pub(super) fn place(baseline: &Baseline, name: &str) -> Option<usize> {
    baseline.columns().iter().position(|column| column.name == name)
}

/// `41.3 %`
pub fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0, 3))
}

pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Of finite numbers.
pub(super) fn mean(counts: &ColumnCounts) -> Option<f64> {
    let mean = counts.sum / counts.present() as f64;
    (counts.present() > 0 && mean.is_finite()).then_some(mean)
}

/// A column then and now.
struct Known<'a> {
    column: &'a Column,
    then: ColumnCounts,
    now: &'a ColumnCounts,
}

/// `when`: then was.
fn words(check: &Check, of: Option<&Known>, when: &Then) -> String {
    let value = check.value.unwrap_or(f64::NAN);
    let of_cells = percent(value);
    let then = |part: fn(&ColumnCounts) -> u64| {
        let share = of.map_or(0.0, |of| share(part(&of.then), of.then.cells()));
        format!("{when} {}", percent(share))
    };
    match check.check {
        "missing" => format!("{of_cells} of the cells are missing; {}", then(|counts| counts.missing)),
        "infinite" => format!(
            "{of_cells} of the cells are infinite; {}",
            then(|counts| counts.infinite)
        ),
        "bad" => format!("{of_cells} of the rows have a cell here that can't be read"),
        "outside" => format!(
            "{of_cells} of the values are beyond what the baseline has{}",
            ranges(of)
        ),
        "negative" => format!(
            "{of_cells} of the values are below 0; {}",
            then(|counts| counts.negative)
        ),
        "type" => format!("{of_cells} of the values have fractions; the baseline's are whole"),
        "unseen" => format!("{of_cells} of the cells hold categories that the baseline doesn't have"),
        "bad_rows" => format!("{of_cells} of the rows can't be scored"),
        "duplicates" => format!("{of_cells} of the rows repeat a key of the same file"),
        "rows" => format!("{} times as many rows as the files before", short(value, 3)),
        "psi" | "distance" => match (of.map_or(String::new(), shift), when) {
            (shift, Then::Day { .. }) => format!("its values are spread otherwise than {when}{shift}"),
            (shift, _) => format!("its values are spread otherwise{shift}"),
        },
        "dppl" if value >= 0.0 => format!("called favourable {} points less often than all others", points(value)),
        "dppl" => format!("called favourable {} points more often than all others", points(-value)),
        "di" => format!("called favourable {} times as often as all others", short(value, 3)),
        name => match (name.strip_prefix("estimated_"), check.bar) {
            (Some(metric), Some(bar)) => {
                let end = if check.floor { "least" } else { "most" };
                let metric = metric.replace('_', " ");
                format!(
                    "the {metric} to be expected is {}; usual is at {end} {}",
                    short(value, 3),
                    short(bar, 3)
                )
            }
            _ => check.why.clone().unwrap_or_else(|| check.to_string()),
        },
    }
}

fn points(difference: f64) -> String {
    short(difference * 100.0, 3)
}

/// `: 0 to 50, now -3 to 70`
fn ranges(of: Option<&Known>) -> String {
    let ranges = of.and_then(|of| Some((of.column.counts().range?, of.now.range?)));
    ranges.map_or(String::new(), |(then, now)| {
        let [a, b, c, d] = [then.0, then.1, now.0, now.1].map(|end| short(end, 4));
        format!(": {a} to {b}, now {c} to {d}")
    })
}

/// `: mean 3.1, now 4.5`, or the category that changed most.
fn shift(known: &Known) -> String {
    let Known { column, then, now } = known;
    match &column.values {
        Values::Numbers { .. } => match (mean(then), mean(now)) {
            (Some(then), Some(now)) => format!(": mean {}, now {}", short(then, 4), short(now, 4)),
            _ => String::new(),
        },
        Values::Categories { categories, .. } => {
            let of = |bins: &ColumnCounts, i: usize| share(bins.bins.get(i).copied().unwrap_or(0), bins.cells());
            let moved = |&i: &usize| (of(now, i) - of(then, i)).abs();
            let most = (0..categories.len()).max_by(|a, b| moved(a).total_cmp(&moved(b)));
            most.map_or(String::new(), |i| {
                let (then, now) = (percent(of(then, i)), percent(of(now, i)));
                format!(": {:?} {then}, now {now}", categories[i].category)
            })
        }
    }
}
