//! What the ledger will have on a job that was done.

use crate::ledger::{HalfHash, Record, Transformation};
use crate::transform::problem::Code;
use crate::transform::{Summary, Verdict, shown};
use crate::worker::job::Job;
use crate::worker::look::now;
use crate::worker::pin::Pin;
use std::time::Duration;

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
        recipe: pin.recipe_of(job.phase.as_deref()),
        published: 0,
        problem: code.clone(),
        verdict,
        first_seen: now.time_of(job.since),
        phase: job.phase.clone(),
        taken: job.taken,
    };
    let done = Transformation {
        number: None,
        input: job.name.clone(),
        at,
        micros: took.as_micros() as i64,
        recipe: pin.recipe_of(job.phase.as_deref()),
        artifact: Some(identity.artifact.clone()),
        summary,
        counted: Vec::new(),
        verdict,
        phase: job.phase.clone(),
        problem: code,
        message,
    };
    (record, done)
}

/// What was done, for the log.
pub fn log(done: &Transformation) {
    match done.verdict {
        Verdict::Publish => {
            let Summary { rows, bad_rows, .. } = done.summary;
            if !done.summary.unknown.is_empty() {
                tracing::warn!(
                    input = %done.input,
                    cells = shown(&done.summary.unknown),
                    model = %done.recipe.model(),
                    "categories that the model doesn't know: scored as it takes what it doesn't know"
                );
            }
            let lacking = &done.summary.lacking;
            // What no row has may be misspelled; what some lack is how many say that a value is missing.
            match lacking.values().max() {
                None => {}
                Some(most) if rows > 0 && *most >= rows - bad_rows => tracing::warn!(
                    input = %done.input,
                    rows = shown(lacking),
                    "rows without a key that the model takes, and of one of them no row has it: their values are missing"
                ),
                Some(_) => tracing::info!(
                    input = %done.input,
                    rows = shown(lacking),
                    "rows without a key that the model takes: their values are missing"
                ),
            }
            tracing::info!(
                input = %done.input,
                rows,
                bad_rows,
                model = %done.recipe.model(),
                phase = done.phase,
                ms = done.micros as f64 / 1000.0,
                "scored"
            );
        }
        Verdict::Hold => tracing::warn!(input = %done.input, "held; the failed folder says why, and what to do"),
        Verdict::Fail => {
            let code = done.problem.as_deref().unwrap_or_default();
            let problem = done.message.as_deref().unwrap_or_default();
            tracing::error!(input = %done.input, code, problem, "failed; the report is in the failed folder");
        }
    }
}
