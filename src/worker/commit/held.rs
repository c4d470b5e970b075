//! What is published instead of a result that is kept back.

use super::Commit;
use super::found::Found;
use super::monitor::Judged;
use super::monitors::Monitors;
use super::record::Finding;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Wanted};
use crate::monitor::check::Check;
use crate::monitor::{Action, Policy};
use crate::shell;
use crate::spool::publish::{Earlier, Product};
use crate::spool::{Dir, Draft, Name, results};
use crate::transform::problem::{Code, Problem};
use crate::transform::{Report, Summary, Verdict};
use crate::worker::job::Job;
use crate::worker::pin::Pin;
use crate::worker::setup::Setup;
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;

impl Commit {
    /// What is published instead of a result that is kept back.
    pub(super) fn withhold(
        &self,
        job: &Job,
        summary: &Summary,
        found: &Found,
        pin: &Pin,
        setup: &Setup,
    ) -> Result<(Product, Finding)> {
        let config = &setup.config;
        let message = found.message();
        let file = config.input.path.join(job.name.path()).to_string_lossy().into_owned();
        if found.action() == Action::Block {
            let problem = Problem::new(
                Code::Blocked,
                message,
                "the policy in [monitor] publishes no such result: mend the file, approve a version that knows such data, or \
                 change the policy",
            );
            let report = Report::of(file, &problem, pin.scorer.lineup.to_string()).json();
            let report = self.report(job, &report, setup)?;
            return Ok((
                Product::Report(report),
                Finding::Failed(problem.code, problem.to_string()),
            ));
        }
        let standing = standing(&self.ledger, &job.name, summary, config)?;
        // What stands beside a held result is of the same rows, also where the history doesn't tell any more.
        let same = !job.touched && matches!(job.recorded, Some(Verdict::Publish | Verdict::Hold));
        let earlier = match standing {
            Some(_) => Earlier::Stays,
            None if same => Earlier::Stays,
            None => Earlier::Goes,
        };
        let report = HeldReport::of(job, file, &self.monitors, found, &config.monitor, standing).json();
        let report = self.report(job, &report, setup)?;
        Ok((Product::Held { report, earlier }, Finding::Held(message)))
    }

    fn report(&self, job: &Job, bytes: &[u8], setup: &Setup) -> Result<Draft> {
        let mut draft = setup.publisher.draft_failed(&job.name)?;
        let written = draft.write_all(bytes);
        written.map_err(Error::io("write to", &setup.config.failed))?;
        Ok(draft)
    }
}

/// `failed/X.csv.held.json`.
#[derive(Serialize)]
struct HeldReport<'a> {
    format_version: u32,
    file: String,
    /// The phase of an experiment that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    #[serde(flatten)]
    rows: HeldRows<'a>,
    /// The rows of the other version, if they are kept back, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<HeldRows<'a>>,
    /// What stands in the output folder meanwhile, if anything does.
    standing: Option<Standing>,
    message: String,
    hint: String,
}

/// Rows that a version answered, and that are kept back.
#[derive(Serialize)]
struct HeldRows<'a> {
    model: &'a str,
    /// SHA-256 of the baseline.
    baseline: String,
    /// What was judged: this file, or, if it is small, this one with others before it.
    files: u64,
    rows: u64,
    /// The day that it was held against; null: the baseline's own rows.
    day: Option<&'a str>,
    /// The checks that are beyond their bars and whose area is held.
    reasons: Vec<&'a Check>,
}

impl<'a> HeldRows<'a> {
    fn of(judged: &'a Judged, monitors: &'a Monitors, policy: &Policy) -> HeldRows<'a> {
        let monitor = monitors.get(judged.who);
        let held = |check: &&Check| policy.action(check.area) >= Action::Hold;
        HeldRows {
            model: monitor.model(),
            baseline: monitor.baseline().to_string(),
            files: judged.files,
            rows: judged.rows,
            day: judged.day.as_deref(),
            reasons: judged.judgement.over().filter(held).collect(),
        }
    }
}

impl<'a> HeldReport<'a> {
    fn of(
        job: &'a Job,
        file: String,
        monitors: &'a Monitors,
        found: &'a Found,
        policy: &Policy,
        standing: Option<Standing>,
    ) -> HeldReport<'a> {
        let mut rows = found.kept_back().map(|judged| HeldRows::of(judged, monitors, policy));
        let named = shell::file(&job.name.to_string());
        HeldReport {
            format_version: 1,
            file,
            phase: job.phase.as_deref(),
            rows: rows.next().expect("it is kept back for some"),
            also: rows.collect(),
            standing,
            message: found.message(),
            hint: format!(
                "look at it: transform monitor check {named}; then release it: transform monitor release {named} --reason WHY; or mend \
                 the file"
            ),
        }
    }

    /// The bytes of the file.
    fn json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a report is JSON");
        text.push(b'\n');
        text
    }
}

/// An earlier result of the same rows.
#[derive(Clone, Debug, Serialize)]
struct Standing {
    /// GROUP/VERSION
    model: String,
    /// When it was made, RFC 3339.
    at: String,
}

/// The one that stands in the output folder, if one does.
fn standing(ledger: &Ledger, name: &Name, summary: &Summary, config: &Config) -> Result<Option<Standing>> {
    let Some(root) = Dir::open_if_there(&config.output.path)? else {
        return Ok(None);
    };
    let wanted = Wanted {
        input: Some(name),
        ..Wanted::default()
    };
    let mut earlier = ledger.history(&wanted)?.into_iter();
    let last = earlier.find(|done| done.verdict == Verdict::Publish);
    let Some(done) = last.filter(|done| done.summary.input_hash == summary.input_hash) else {
        return Ok(None);
    };
    let output = done.recipe.output(name);
    let output = output.unwrap_or_else(|| results::output(name, config.shape.output));
    let stands = results::output_size(&root, &output, config.output.done_marker)?;
    Ok(stands.map(|_| Standing {
        model: done.recipe.model().to_string(),
        at: Timestamp::from_microsecond(done.at).unwrap_or_default().to_string(),
    }))
}
