//! Transformations for programs: `history --json`, and the daily files in the status folder.
//! `config/schemas/history.schema.json` says what each member means.

use super::{Arms, Transformation};
use crate::checksum::Sha256Sum;
use crate::transform::{UnknownCounts, Verdict};
use jiff::Timestamp;
use serde::Serialize;

/// Of what it looks like: within a number, members come to be added, and none goes or changes.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
pub struct Entry<'a> {
    schema: u32,
    transformation: Option<i64>,
    input: String,
    at: Timestamp,
    took_seconds: f64,
    model_group: &'a str,
    version: Option<u32>,
    made_by: &'a str,
    artifact_sha256: Option<&'a str>,
    rows: u64,
    bad_rows: u64,
    not_finite: u64,
    unknown: &'a UnknownCounts,
    bytes: u64,
    input_blake3: Option<String>,
    output_blake3: Option<String>,
    output_sha256: Option<String>,
    verdict: Verdict,
    problem: Option<&'a str>,
    message: Option<&'a str>,
    phase: Option<&'a str>,
    arms: Option<Arms>,
}

impl Entry<'_> {
    /// `arms`: whose rows they were, if they were of two versions and that is kept.
    pub fn of(done: &Transformation, arms: Option<Arms>) -> Entry<'_> {
        let model = done.recipe.model();
        let (model_group, version) = model.split_once('/').unwrap_or((model, ""));
        let blake3 = |hash: Option<blake3::Hash>| hash.map(|hash| hash.to_hex().to_string());
        let summary = &done.summary;
        Entry {
            schema: SCHEMA,
            transformation: done.number,
            input: done.input.to_string(),
            at: Timestamp::from_microsecond(done.at).unwrap_or_default(),
            took_seconds: done.micros as f64 / 1e6,
            model_group,
            version: version.parse().ok(),
            made_by: &done.recipe.made_by,
            artifact_sha256: done.artifact.as_deref(),
            rows: summary.rows,
            bad_rows: summary.bad_rows,
            not_finite: summary.not_finite,
            unknown: &summary.unknown,
            bytes: summary.bytes,
            input_blake3: blake3(summary.input_hash),
            output_blake3: blake3(summary.output_hash),
            output_sha256: summary.output_sha256.as_ref().map(Sha256Sum::to_string),
            verdict: done.verdict,
            problem: done.problem.as_deref(),
            message: done.message.as_deref(),
            phase: done.phase.as_deref(),
            arms,
        }
    }
}
