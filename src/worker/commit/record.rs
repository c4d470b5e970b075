//! What the ledger will have on a job that was done.

use crate::ledger::{HalfHash, Record, Transformation};
use crate::transform::problem::Code;
use crate::transform::{Summary, Verdict};
use crate::worker::job::{Job, Pin};
use crate::worker::look::now;
use std::time::Duration;

/// Small inputs are counted together.
pub fn is_counted_with_others(done: &Transformation) -> bool {
    done.baseline.is_none() && !done.summary.counts.columns.is_empty()
}

/// What was found of a result.
pub enum Finding {
    Fine,
    /// It is kept back for that.
    Held(String),
    Failed(Code, String),
}

pub fn record(
    pin: &Pin,
    job: &Job,
    summary: Summary,
    finding: Finding,
    racy: bool,
    took: Duration,
) -> (Record, Transformation) {
    let identity = &pin.scorer.lineup.champion.identity;
    let (verdict, code, message) = match finding {
        Finding::Fine => (Verdict::Publish, None, None),
        Finding::Held(message) => (Verdict::Hold, None, Some(message)),
        Finding::Failed(code, message) => (Verdict::Fail, Some(code.name().to_owned()), Some(message)),
    };
    let now = now();
    let at = now.wall / 1000;
    let record = Record {
        fingerprint: job.fingerprint,
        racy,
        input_hash: summary.input_hash.map(HalfHash::from),
        recipe: pin.recipe.clone(),
        published: 0,
        problem: code.clone(),
        verdict,
        first_seen: now.time_of(job.since),
        phase: None,
        taken: job.taken,
    };
    let done = Transformation {
        number: None,
        input: job.name.clone(),
        at,
        micros: took.as_micros() as i64,
        recipe: pin.recipe.clone(),
        artifact: Some(identity.artifact.clone()),
        summary,
        baseline: None,
        verdict,
        phase: None,
        problem: code,
        message,
    };
    (record, done)
}
