//! What became of requests that versions on trial were to score, for Prometheus.

use super::histogram::{BOUNDS, Counts};
use crate::service::exposition::{Kind, Page};

/// How a version on trial stands, since it was put to use.
#[derive(Clone, Debug)]
pub struct Standing {
    /// `GROUP/VERSION`
    pub model: String,
    pub experiment: String,
    /// Requests that were scored and kept.
    pub scored: u64,
    /// For which there was no room.
    pub skipped: u64,
    /// That it couldn't score.
    pub failed: u64,
    /// What scoring took.
    pub seconds: Counts,
    pub seconds_sum: f64,
}

pub fn write(page: &mut Page, shadows: &[Standing]) {
    let help = "Requests that a version on trial was to score beside the one that answered: scored; skipped, for there was no room; \
                failed, for it can't.";
    let mut family = page.family("transform_shadow_requests_total", Kind::Counter, help);
    for shadow in shadows {
        let Standing { model, experiment, .. } = shadow;
        for (outcome, count) in [
            ("scored", shadow.scored),
            ("skipped", shadow.skipped),
            ("failed", shadow.failed),
        ] {
            let labels = [("model", &**model), ("experiment", experiment), ("outcome", outcome)];
            family.sample(&labels, count);
        }
    }
    let help = "What it takes a version on trial to read and score a request, after its answer.";
    let mut family = page.family("transform_shadow_request_seconds", Kind::Histogram, help);
    for shadow in shadows {
        let labels = [("model", &*shadow.model), ("experiment", &shadow.experiment)];
        family.histogram(&labels, &BOUNDS, &shadow.seconds, shadow.seconds_sum);
    }
}
