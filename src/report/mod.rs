//! What was counted of a version's inputs, as a report for people: what changed, then and now by column, over time, by segment,
//! what the model is worth, and what to do next.
//!
//! [`Subject`] (windows of counts, a baseline, a policy) -> [`Report`] -> [`page::page`] or [`text::lines`]. Pure: no clock, no file.

mod advice;
mod bias;
mod change;
mod column;
pub mod page;
mod segment;
mod series;
pub mod text;
mod trail;
mod worth;

pub use advice::Step;
pub use bias::Labelled;
pub use change::{Change, percent};
pub use column::{Bin, Portrait, Role, Side};
pub use segment::{Group, Segment, Standing};
pub use series::{Series, Unit};
pub use trail::Point;
pub use worth::Worth;

use crate::digits::count;
use crate::evaluate::Evaluation;
use crate::monitor::performance::Measured;
use crate::monitor::sizes::Sizes;
use crate::monitor::{Action, Baseline, Basis, Compare, Counts, Policy, Then};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use trail::Trails;

/// Of `--json`; a new one where a reader of the old would be misled.
const FORMAT_VERSION: u32 = 1;

/// What a report is made of.
pub struct Subject<'a> {
    /// `group/version`
    pub model: &'a str,
    pub version: u32,
    pub baseline: &'a Baseline,
    /// SHA-256 of the baseline's file, hexadecimal.
    pub sha256: &'a str,
    pub policy: &'a Policy,
    /// Only what was first seen from then on was asked for, in microseconds since 1970.
    pub since: Option<i64>,
    /// Oldest first.
    pub windows: &'a [Seen],
    /// Windows of the period that are older than these, and aren't looked at.
    pub older: usize,
    /// Results that are kept back now.
    pub kept_back: &'a [KeptBack],
    /// Results that a person let out, in the order of names.
    pub released: &'a [Released],
    /// The metrics that the version was registered with, by name.
    pub approved: &'a BTreeMap<String, f64>,
    /// Its evaluation then, where there is one.
    pub evaluation: Option<&'a Evaluation>,
    /// What came true, in the order in which the inputs were first seen.
    pub truths: &'a [Truth],
}

/// What came true of an input's rows.
#[derive(Clone, Debug)]
pub struct Truth {
    pub input: String,
    /// When it was first seen, in microseconds since 1970.
    pub at: i64,
    pub measured: Measured,
}

/// What was counted of an input, or of small ones that were judged together.
#[derive(Clone, Debug)]
pub struct Seen {
    /// None: of small ones.
    pub input: Option<String>,
    /// When the first of them was first seen, in microseconds since 1970.
    pub at: i64,
    /// Rows of the whole input, of which a part may be another version's.
    pub of: u64,
    pub counts: Counts,
    /// What they are held against.
    pub then: Then,
}

/// A result that a person must decide on.
#[derive(Clone, Debug, Serialize)]
pub struct KeptBack {
    pub input: String,
    /// `hold` or `block`.
    pub action: Action,
    /// RFC 3339.
    pub since: String,
    /// What was found.
    pub found: String,
    /// Since before the time that was asked for.
    pub earlier: bool,
}

/// A result that was held, and let out.
#[derive(Clone, Debug, Serialize)]
pub struct Released {
    pub input: String,
    /// RFC 3339.
    pub at: String,
    /// user@host
    pub by: String,
    pub reason: String,
}

/// All that a report says. Texts may hold anything: whoever writes them escapes them.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub headline: String,
    pub model: String,
    pub baseline: Against,
    pub period: Period,
    pub kept_back: Vec<KeptBack>,
    pub released: Vec<Released>,
    /// The most important first.
    pub changes: Vec<Change>,
    pub next: Vec<Step>,
    pub windows: Vec<Window>,
    /// Those that changed first, then the model's outputs, then the rest in the baseline's order.
    pub columns: Vec<Portrait>,
    pub series: Vec<Series>,
    pub segments: Vec<Segment>,
    pub performance: Vec<Worth>,
    /// What labels say of groups, by column.
    pub bias: Vec<Labelled>,
}

/// What everything is held against.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    pub sha256: String,
    pub rows: u64,
    pub rows_of: Option<String>,
    pub compare: Compare,
    /// Windows that are held against the baseline's own rows: under `last-week` those of days for which too few rows are known of
    /// the week before.
    pub windows: usize,
}

impl Against {
    /// `2000 rows of orders.csv`
    fn rows(&self) -> String {
        let rows = count(self.rows, "row");
        match &self.rows_of {
            Some(of) if of.starts_with(&rows) => of.clone(),
            Some(of) => format!("{rows} ({of})"),
            None => rows,
        }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct Period {
    /// When its first window and its last one were first seen, RFC 3339; None without windows.
    pub from: Option<String>,
    pub to: Option<String>,
    pub windows: usize,
    /// Of them those that are one input each.
    pub inputs: usize,
    pub rows: u64,
    pub bad_rows: u64,
    /// Older windows that aren't looked at.
    pub older: usize,
    /// What was asked for, RFC 3339; None: all.
    pub since: Option<String>,
}

/// One window, and what the policy makes of it now.
#[derive(Clone, Debug, Serialize)]
pub struct Window {
    /// When it was first seen, RFC 3339.
    pub at: String,
    /// None: small inputs together.
    pub input: Option<String>,
    pub rows: u64,
    pub bad_rows: u64,
    pub action: Action,
    /// How many checks are beyond their bars.
    pub beyond: usize,
    /// It was held, and a person let it out.
    pub released: bool,
}

impl Window {
    /// As people call it: `2026-11-20 14:00, orders.csv`.
    pub fn name(&self) -> String {
        let input = self.input.as_deref().unwrap_or("small files together");
        format!("{}, {input}", minute(&self.at))
    }
}

impl Report {
    pub fn of(subject: &Subject) -> Report {
        let Subject {
            model,
            baseline,
            policy,
            windows: seen,
            ..
        } = *subject;
        let (mut trails, mut sizes) = (Trails::default(), Sizes::default());
        let mut windows = Vec::with_capacity(seen.len());
        let mut period = Counts::default();
        for (i, seen) in seen.iter().enumerate() {
            let mut checks = policy.checks(baseline, seen.then.counts(), &seen.counts);
            if let Some(input) = &seen.input {
                checks.extend(policy.checks_of_file(seen.of, &seen.counts, &sizes.last(input.as_bytes())));
                sizes.push(input.as_bytes(), seen.of);
            }
            let judgement = policy.judge(checks, Basis::New, baseline.outputs());
            windows.push(Window {
                at: time(seen.at),
                input: seen.input.clone(),
                rows: seen.counts.rows,
                bad_rows: seen.counts.bad_rows,
                action: judgement.action,
                beyond: judgement.over().count(),
                released: (subject.released.iter()).any(|released| seen.input.as_ref() == Some(&released.input)),
            });
            trails.take(i, judgement.checks.into_iter());
            period.add(&seen.counts);
        }
        let changes = change::changes(subject, &trails, &windows);
        let columns = column::portraits(subject, &trails, &changes);
        let segments = segment::segments(subject, &period);
        let performance = worth::performance(subject, &trails, &period);
        let period = Period {
            from: windows.first().map(|window| window.at.clone()),
            to: windows.last().map(|window| window.at.clone()),
            windows: windows.len(),
            inputs: seen.iter().filter(|seen| seen.input.is_some()).count(),
            rows: period.rows,
            bad_rows: period.bad_rows,
            older: subject.older,
            since: subject.since.map(time),
        };
        let mut report = Report {
            format_version: FORMAT_VERSION,
            headline: String::new(),
            model: model.into(),
            baseline: Against {
                sha256: subject.sha256.into(),
                rows: baseline.rows,
                rows_of: baseline.rows_of.clone(),
                compare: policy.compare,
                windows: seen.iter().filter(|seen| seen.then.day().is_none()).count(),
            },
            series: series::series(subject, &trails, &changes),
            kept_back: subject.kept_back.to_vec(),
            released: subject.released.to_vec(),
            bias: bias::labelled(subject),
            next: Vec::new(),
            period,
            changes,
            windows,
            columns,
            segments,
            performance,
        };
        report.headline = advice::headline(subject, &report);
        report.next = advice::next(subject, &report);
        report
    }
}

/// Microseconds since 1970 as RFC 3339, UTC.
pub fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros)
        .unwrap_or_default()
        .strftime("%FT%TZ")
        .to_string()
}

/// An RFC 3339 time to the minute.
pub fn minute(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

#[cfg(test)]
mod tests;
