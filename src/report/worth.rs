//! What the model is worth: as it is to be expected without labels, and as it was when the version was registered.

use super::Subject;
use super::trail::{Point, Trails};
use crate::monitor::baseline::Outcomes;
use crate::monitor::check::{Check, performance};
use crate::monitor::performance::{METRICS, Reference};
use crate::monitor::{Baseline, Counts};
use serde::Serialize;

/// One metric.
#[derive(Clone, Debug, Serialize)]
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
    /// When the version was registered.
    pub approved: Option<f64>,
    /// By window.
    pub points: Vec<Point>,
}

fn reference(baseline: &Baseline) -> Option<&Reference> {
    baseline
        .outcomes
        .as_ref()
        .and_then(|Outcomes { performance, .. }| performance.as_ref())
}

fn estimated(baseline: &Baseline, counts: &Counts) -> Vec<Check> {
    match reference(baseline) {
        Some(reference) if reference.fits(&counts.tallies) => performance::estimated(reference, &counts.tallies),
        _ => Vec::new(),
    }
}

/// Empty for models whose worth can't be told without labels, and that weren't measured.
pub(super) fn performance(subject: &Subject, trails: &Trails, period: &Counts) -> Vec<Worth> {
    let baseline = subject.baseline;
    let checks = estimated(baseline, period);
    let each = METRICS.iter().zip(&checks).map(|(&metric, check)| Worth {
        metric: metric.name(),
        estimated: check.value,
        band: check.interval,
        usual: reference(baseline).and_then(|reference| reference.bounds(metric, check.n)),
        over: check.over,
        approved: subject.approved.get(metric.name()).copied(),
        points: trails
            .get(check.check, "")
            .map_or(Vec::new(), |trail| trail.points.clone()),
    });
    let mut worth: Vec<Worth> = each.filter(|worth| worth.estimated.is_some()).collect();
    if worth.is_empty() {
        let known = subject.approved.iter().filter_map(|(name, &value)| {
            Some(Worth {
                metric: crate::evaluate::Metric::named(name)?.name(),
                estimated: None,
                band: None,
                usual: None,
                over: false,
                approved: Some(value),
                points: Vec::new(),
            })
        });
        worth.extend(known);
    }
    worth
}
