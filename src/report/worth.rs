//! What the model is worth: as it is to be expected without labels, as labels measured it, and as it was when the version was
//! registered.

use super::trail::{Point, Trails};
use super::{Seen, Subject, Truth};
use crate::evaluate::Metric;
use crate::monitor::baseline::Outcomes;
use crate::monitor::check::bias::Allowed;
use crate::monitor::check::{Area, Check, labelled, performance};
use crate::monitor::performance::{METRICS, Measured, Reference, Tally};
use crate::monitor::{Baseline, Counts};
use serde::Serialize;

/// One metric.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Worth {
    /// `accuracy`...
    pub metric: &'static str,
    /// Of all rows of the period, with its band.
    pub estimated: Option<f64>,
    pub band: Option<(f64, f64)>,
    /// Where it usually lies, of as many rows.
    pub usual: Option<(f64, f64)>,
    /// Beyond that in the period as a whole.
    pub over: bool,
    /// Of the rows whose truth is known, with its 95 % interval.
    pub measured: Option<f64>,
    pub interval: Option<(f64, f64)>,
    pub labelled_rows: u64,
    /// Worse than before by more than chance explains.
    pub worse: bool,
    /// When the version was registered.
    pub approved: Option<f64>,
    /// By window: where it usually lies, estimated, and measured.
    pub limits: Vec<Option<(f64, f64)>>,
    pub points: Vec<Point>,
    pub truths: Vec<Point>,
}

fn reference(baseline: &Baseline) -> Option<&Reference> {
    let outcomes = baseline.outcomes.as_ref();
    outcomes.and_then(|Outcomes { performance, .. }| performance.as_ref())
}

/// Of each metric that is known in any way.
pub(super) fn performance(subject: &Subject, trails: &Trails, period: &Counts) -> Vec<Worth> {
    let baseline = subject.baseline;
    let estimated = match reference(baseline) {
        Some(reference) if reference.fits(&period.tallies) => performance::estimated(reference, &period.tallies),
        _ => Vec::new(),
    };
    let measured = measured(subject, subject.truths.iter());
    let by_window = by_window(subject);
    let mut names: Vec<&'static str> = Vec::new();
    let approved = subject
        .approved
        .keys()
        .filter_map(|name| Some(Metric::named(name)?.name()));
    let of_estimates = estimated.iter().filter(|check| check.value.is_some()).map(metric);
    for name in of_estimates.chain(measured.iter().map(metric)).chain(approved) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let each = names.into_iter().map(|name| {
        let mut worth = Worth {
            metric: name,
            approved: subject.approved.get(name).copied(),
            ..Worth::default()
        };
        if let Some(check) = estimated.iter().find(|check| metric(check) == name) {
            (worth.estimated, worth.band, worth.over) = (check.value, check.interval, check.over);
            let metric = METRICS.iter().find(|metric| metric.name() == name);
            let usual = |n| reference(baseline)?.bounds(*metric?, n);
            worth.usual = usual(check.n);
            let rows = |seen: &Seen| seen.counts.tallies.first().map_or(0, Tally::rows);
            worth.limits = subject.windows.iter().map(|seen| usual(rows(seen))).collect();
            worth.points = trails
                .get(check.check, "")
                .map_or(Vec::new(), |trail| trail.points.clone());
        }
        if let Some(check) = measured.iter().find(|check| metric(check) == name) {
            (worth.measured, worth.interval, worth.worse) = (check.value, check.interval, check.over);
            worth.labelled_rows = check.n;
            worth.truths = by_window.iter().map(|checks| point(checks, name)).collect();
        }
        worth
    });
    each.collect()
}

fn metric(check: &Check) -> &'static str {
    check.check.strip_prefix("estimated_").unwrap_or(check.check)
}

fn point(checks: &[Check], name: &str) -> Point {
    let check = checks.iter().find(|check| check.check == name);
    check.map_or_else(Point::default, |check| Point {
        value: check.value,
        bar: check.bar,
        interval: check.interval,
        over: check.over,
    })
}

/// The metrics of the rows whose truth is known, beside what they were.
fn measured<'a>(subject: &Subject, truths: impl Iterator<Item = &'a Truth>) -> Vec<Check> {
    let checks = labelled(subject, truths).into_iter();
    checks.filter(|check| check.area == Area::Performance).collect()
}

/// All that labels say of the version.
pub(super) fn labelled<'a>(subject: &Subject, truths: impl Iterator<Item = &'a Truth>) -> Vec<Check> {
    let mut sum: Option<Measured> = None;
    for truth in truths {
        match &mut sum {
            // Of other classes: it isn't of this version.
            Some(sum) => drop(sum.add(&truth.measured)),
            None => sum = Some(truth.measured.clone()),
        }
    }
    let worth = labelled::Worth {
        approved: subject.evaluation,
        baseline: Some(subject.baseline),
    };
    sum.map_or(Vec::new(), |sum| labelled::checks(&sum, &worth, &Allowed::default()))
}

/// Labels of a small input belong to the window that had begun when it was first seen.
fn by_window(subject: &Subject) -> Vec<Vec<Check>> {
    let windows = subject.windows;
    let mut of: Vec<Vec<&Truth>> = vec![Vec::new(); windows.len()];
    for truth in subject.truths {
        let own = windows
            .iter()
            .position(|seen| seen.input.as_ref() == Some(&truth.input));
        let begun = || {
            windows
                .iter()
                .rposition(|seen| seen.input.is_none() && seen.at <= truth.at)
        };
        if let Some(window) = own.or_else(begun) {
            of[window].push(truth);
        }
    }
    of.into_iter()
        .map(|truths| measured(subject, truths.into_iter()))
        .collect()
}
