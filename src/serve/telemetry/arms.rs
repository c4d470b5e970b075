//! How the arms of A/B tests do, for Prometheus.

use super::histogram::BOUNDS;
use crate::registry::Halt;
use crate::serve::division::{ALL, name};
use crate::serve::tally::Counted;
use crate::service::exposition::{Kind, Page};

/// How a test stands, since its phase began or this process did.
#[derive(Clone, Debug)]
pub struct Standing {
    /// `GROUP/VERSION`
    pub champion: String,
    pub challenger: String,
    pub experiment: String,
    /// `EXPERIMENT/NUMBER`
    pub phase: String,
    /// The challenger's, from 0 to 1.
    pub share: f64,
    /// Can the challenger be used? Else nobody answers its keys.
    pub is_usable: bool,
    /// In the order of [`ALL`].
    pub arms: [Counted; 3],
}

impl Standing {
    /// With its labels.
    fn labelled(&self) -> impl Iterator<Item = ([(&str, &str); 3], &Counted)> {
        let labels = |arm| {
            [
                ("experiment", &*self.experiment),
                ("phase", &*self.phase),
                ("arm", name(arm)),
            ]
        };
        ALL.into_iter().zip(&self.arms).map(move |(arm, of)| (labels(arm), of))
    }
}

/// What is halted, shadows among it.
pub fn write_halted(page: &mut Page, halted: &[Halt]) {
    let help = "1 while an experiment is halted by a guard, until a person resumes or stops it.";
    let mut family = page.family("transform_experiment_halted", Kind::Gauge, help);
    family.begin();
    for halt in halted {
        family.sample(&[("group", &halt.group), ("experiment", &halt.experiment)], 1);
    }
}

pub fn write(page: &mut Page, tests: &[Standing]) {
    let arms = || tests.iter().flat_map(Standing::labelled);
    let mut count = |name, help, of: fn(&Counted) -> u64| {
        let mut family = page.family(name, Kind::Counter, help);
        arms().for_each(|(labels, counted)| family.sample(&labels, of(counted)));
    };
    count(
        "transform_arm_requests_total",
        "Requests with rows of an arm of an A/B test: of the champion's, the challenger's, or none, for they have no key.",
        Counted::requests,
    );
    count(
        "transform_arm_rows_total",
        "Rows of an arm of an A/B test, bad ones among them.",
        |counted| counted.rows,
    );
    count(
        "transform_arm_bad_rows_total",
        "Rows of an arm of an A/B test that can't be scored.",
        |counted| counted.bad_rows,
    );
    let help = "What it takes to read and score a request's rows of an arm of an A/B test.";
    let mut family = page.family("transform_arm_seconds", Kind::Histogram, help);
    for (labels, counted) in arms() {
        family.histogram(&labels, &BOUNDS, &counted.seconds, counted.seconds_sum);
    }
}
