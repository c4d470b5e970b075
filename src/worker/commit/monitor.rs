//! Results are held against a baseline before they are published: what is out of the ordinary is told of, held, or blocked.

use super::Commit;
use super::open::Open;
use super::record::Finding;
use super::usual::Usual;
use crate::checksum::Sha256Sum;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, Wanted, Windows};
use crate::monitor::alert::Alerts;
use crate::monitor::check::{Check, NAMED, worst};
use crate::monitor::sizes::Sizes;
use crate::monitor::{Action, Basis, Counts, Judgement, Policy, Window};
use crate::registry::baseline::InForce;
use crate::shell;
use crate::spool::publish::{Earlier, Product};
use crate::spool::{Dir, Draft, Name, results};
use crate::transform::Report;
use crate::transform::problem::{Code, Problem};
use crate::transform::{Summary, Verdict};
use crate::worker::job::{Job, Pin, Setup};
use crate::worker::look::now;
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;

/// What is known of a lineup's inputs. Begins with what the ledger has.
pub struct Monitor {
    watched: InForce,
    made_by: String,
    /// Of small inputs, since the last ones were judged.
    pub open: Open,
    /// As they were recorded.
    pub alerts: Alerts,
    /// Of the inputs that were published, whoever scored them.
    /// None until they are asked for.
    sizes: Option<Sizes>,
    /// What is usual on a day.
    usual: Option<Usual>,
}

/// What inputs are judged by that are published together, after others which aren't recorded yet.
#[derive(Default)]
pub struct Judging {
    pub open: Open,
    /// Are there others before, and small?
    pub follows: bool,
    /// New files, with their rows.
    pub sizes: Vec<(Name, u64)>,
}

/// What a small input does to the windows once it is recorded.
pub struct Small<'a> {
    pub first_seen: i64,
    pub counts: &'a Counts,
    pub basis: Basis,
    /// A window was judged with it.
    pub completes: bool,
    pub verdict: Verdict,
}

/// A judgement, and of what.
pub struct Judged {
    pub judgement: Judgement,
    pub files: u64,
    pub rows: u64,
    /// So many of its checks, the first ones, are beyond their bars in a way that matters; none: they were judged before.
    pub relevant: Option<usize>,
    /// Were all checks made?
    pub whole: bool,
    /// Of the window.
    pub counts: Counts,
    /// Somebody released it.
    released: bool,
    /// It was judged before, and this was found.
    pub before: Option<String>,
    /// The day that it was held against, where that wasn't the baseline.
    day: Option<String>,
}

impl Monitor {
    pub fn begin(ledger: &Ledger, watched: InForce, made_by: String) -> Result<Monitor> {
        Ok(Monitor {
            open: Open::new(ledger.window(&made_by, watched.sha256)?),
            alerts: ledger.alerts(&made_by, watched.sha256)?,
            sizes: None,
            usual: None,
            watched,
            made_by,
        })
    }

    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    pub fn watched(&self) -> &InForce {
        &self.watched
    }

    /// What rows are held against, where that isn't the baseline.
    pub fn usual(&self) -> Option<&Counts> {
        self.usual.as_ref().and_then(|usual| usual.then.counts())
    }

    /// SHA-256 of the baseline.
    pub fn baseline(&self) -> Sha256Sum {
        self.watched.sha256
    }

    /// What a result is worth, if it is judged now. Of a small one its size alone is looked at; the rest waits for others.
    fn judge(&self, job: &Job, counts: &Counts, judging: &Judging, policy: &Policy) -> Option<Judged> {
        let own = basis(job);
        let mut checks = match own {
            Basis::New => {
                let newer = judging.sizes.iter().map(|(name, rows)| (name.bytes(), *rows));
                let last = self
                    .sizes
                    .as_ref()
                    .map(|sizes| sizes.last_with(job.name.bytes(), newer));
                policy.checks_of_file(counts, &last.unwrap_or_default())
            }
            Basis::Rescored => Vec::new(),
        };
        let outputs = self.watched.baseline.outputs();
        let window = match counts.rows < policy.min_rows {
            true => judging.open.judged(counts, own, policy.min_rows),
            false => {
                let mut alone = Window::default();
                alone.add(counts, 0, own);
                Some(alone)
            }
        };
        let Some(window) = window else {
            let judgement = policy.judge(checks, own, outputs);
            let found = judgement.over().next().is_some();
            return found.then(|| Judged {
                relevant: Some(policy.relevant(&judgement, own, outputs)),
                judgement,
                files: 1,
                rows: counts.rows,
                whole: false,
                counts: Counts::default(),
                released: false,
                before: None,
                day: None,
            });
        };
        let usual = self.usual();
        checks.extend(policy.checks(&self.watched.baseline, usual, &window.counts));
        let basis = if window.rescored { Basis::Rescored } else { Basis::New };
        let judgement = policy.judge(checks, basis, outputs);
        Some(Judged {
            relevant: Some(policy.relevant(&judgement, basis, outputs)),
            judgement,
            files: window.files,
            rows: window.counts.rows,
            whole: true,
            counts: window.counts,
            released: false,
            before: None,
            day: self.usual.as_ref().and_then(|usual| usual.then.day()).map(String::from),
        })
    }

    /// Gets what is usual at that time (microseconds since 1970), and how large files were.
    fn find_usual(&mut self, ledger: &Ledger, at: i64, policy: &Policy) -> Result<()> {
        if self.sizes.is_none() {
            self.sizes = Some(ledger.sizes()?);
        }
        if self.usual.as_ref().is_none_or(|usual| !usual.is_of(at, policy)) {
            self.usual = Usual::find(ledger, &self.made_by, self.watched.sha256, at, policy)?;
        }
        Ok(())
    }

    /// An input was published.
    pub fn published(&mut self, name: &Name, rows: u64) {
        if let Some(sizes) = &mut self.sizes {
            sizes.push(name.bytes(), rows);
        }
    }

    /// What was judged before, and kept back for `message`. `counts`: of the input alone.
    pub fn judged_before(&self, counts: &Counts, action: Action, message: String, policy: &Policy) -> Judged {
        let checks = policy.checks(&self.watched.baseline, None, counts);
        Judged {
            judgement: Judgement { action, checks },
            files: 1,
            rows: counts.rows,
            relevant: None,
            whole: false,
            counts: counts.clone(),
            released: false,
            before: Some(message),
            day: None,
        }
    }

    /// Counts what is to be recorded, in this order. What becomes of the windows, and of the open one, once that is recorded.
    pub fn count<'a>(&self, recorded: impl Iterator<Item = Small<'a>>) -> Option<(Windows, Open)> {
        let mut open = self.open.clone();
        let mut closed = Vec::new();
        let mut counted = false;
        for small in recorded {
            counted = true;
            let window = open.record(small.counts, small.basis, small.first_seen, small.completes);
            closed.extend(window.map(|window| Window {
                kept_back: small.verdict != Verdict::Publish,
                ..window
            }));
        }
        let windows = Windows {
            made_by: self.made_by.clone(),
            baseline: self.watched.sha256,
            closed,
            open: open.window().clone(),
        };
        counted.then_some((windows, open))
    }
}

/// What is known of an input's rows.
pub fn basis(job: &Job) -> Basis {
    match job.recorded {
        Some(Verdict::Publish) if !job.touched => Basis::Rescored,
        _ => Basis::New,
    }
}

impl Commit {
    /// What became of these rows of this input when they were scored so before, and counted: small ones are counted and judged
    /// once, with others.
    pub(super) fn known(&self, job: &Job, summary: &Summary, pin: &Pin, setup: &Setup) -> Result<Option<Verdict>> {
        let is_large = summary.counts.rows >= setup.config.monitor.min_rows;
        if self.monitor.is_none() || job.recorded.is_none() || is_large {
            return Ok(None);
        }
        let wanted = Wanted {
            input: Some(&job.name),
            most: Some(1),
            ..Wanted::default()
        };
        let last = self.ledger.history(&wanted)?.pop();
        let same = last.filter(|done| {
            done.recipe == pin.recipe_of(job.phase.as_deref()) && done.summary.input_hash == summary.input_hash
        });
        Ok(same.map(|done| done.verdict))
    }

    /// Leaves counts that count; the baseline by which they count by themselves. `known`: they were counted before.
    pub(super) fn is_counted(&self, known: bool, counts: &mut Counts, setup: &Setup) -> Option<Sha256Sum> {
        match self.monitor.as_ref().filter(|_| !known) {
            Some(monitor) if counts.rows >= setup.config.monitor.min_rows => return Some(monitor.baseline()),
            Some(_) => {}
            None => *counts = Counts::default(),
        }
        None
    }

    /// Holds a result against the baseline. None: it isn't judged now.
    pub(super) fn judge(
        &mut self,
        job: &Job,
        summary: &Summary,
        known: Option<Verdict>,
        judging: &Judging,
        pin: &Pin,
        setup: &Setup,
    ) -> Result<Option<Judged>> {
        let policy = &setup.config.monitor;
        if known == Some(Verdict::Publish) {
            return Ok(None);
        }
        let before = self.kept_back(job, summary, pin, policy)?;
        let Some(monitor) = &mut self.monitor else {
            return Ok(None);
        };
        let judged = match before {
            Some((action, message)) => Some(monitor.judged_before(&summary.counts, action, message, policy)),
            None if known.is_some() => None,
            None => {
                monitor.find_usual(&self.ledger, now().time_of(job.since), policy)?;
                monitor.judge(job, &summary.counts, judging, policy)
            }
        };
        let Some(mut judged) = judged else { return Ok(None) };
        if judged.judgement.action == Action::Off {
            return Ok(Some(judged));
        }
        let made_by = &pin.recipe_of(job.phase.as_deref()).made_by;
        judged.released = match (judged.judgement.action, summary.input_hash, summary.output_hash) {
            (Action::Hold, Some(of), Some(output)) => self.ledger.is_released(&job.name, made_by, of, output)?,
            _ => false,
        };
        Ok(Some(judged))
    }

    /// What kept back these rows before, if they are few: others decided on them, and aren't asked again. While the policy keeps
    /// anything back.
    fn kept_back(&self, job: &Job, summary: &Summary, pin: &Pin, policy: &Policy) -> Result<Option<(Action, String)>> {
        let is_small = self.monitor.is_some() && summary.counts.rows < policy.min_rows;
        let Some(of) = summary.input_hash.filter(|_| is_small) else {
            return Ok(None);
        };
        let action = policy.strongest();
        let found = match action {
            Action::Off | Action::Warn => None,
            Action::Hold | Action::Block => self.ledger.kept_back(of, &pin.recipe_of(job.phase.as_deref()))?,
        };
        Ok(found.map(|found| match found.verdict {
            Verdict::Fail => (action, found.message),
            _ => (Action::Hold, found.message),
        }))
    }

    /// What is published instead of a result that is kept back.
    pub(super) fn withhold(
        &self,
        job: &Job,
        summary: &Summary,
        judged: &Judged,
        pin: &Pin,
        setup: &Setup,
    ) -> Result<(Product, Finding)> {
        let monitor = self.monitor.as_ref().expect("it judged");
        let config = &setup.config;
        let message = message(judged);
        let file = config.input.path.join(job.name.path()).to_string_lossy().into_owned();
        let model = pin.scorer.lineup.to_string();
        if judged.judgement.action == Action::Block {
            let problem = Problem::new(
                Code::Blocked,
                message,
                "the policy in [monitor] publishes no such result: mend the file, approve a version that knows such data, or \
                 change the policy",
            );
            let report = Report::of(file, &problem, model).json();
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
        let report = HeldReport::of(&job.name, file, model, monitor, judged, &config.monitor, standing).json();
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

impl Judged {
    /// Is the result kept back for it?
    pub fn is_kept_back(&self) -> bool {
        self.judgement.action >= Action::Hold && !self.released
    }
}

/// `failed/X.csv.held.json`.
#[derive(Serialize)]
pub struct HeldReport<'a> {
    format_version: u32,
    file: String,
    model: String,
    /// SHA-256 of the baseline.
    baseline: String,
    /// What was judged: this file, or, if it is small, this one with others before it.
    files: u64,
    rows: u64,
    /// The day that it was held against; null: the baseline's own rows.
    day: Option<&'a str>,
    /// The checks that are beyond their bars and whose area is held.
    reasons: Vec<&'a Check>,
    /// What stands in the output folder meanwhile, if anything does.
    standing: Option<Standing>,
    message: String,
    hint: String,
}

/// The earlier result of the same rows that stands in the output folder, if one does.
pub fn standing(ledger: &Ledger, name: &Name, summary: &Summary, config: &Config) -> Result<Option<Standing>> {
    let Some(root) = Dir::open_if_there(&config.output.path)? else {
        return Ok(None);
    };
    if results::output_size(&root, name, config.output.done_marker)?.is_none() {
        return Ok(None);
    }
    let wanted = Wanted {
        input: Some(name),
        ..Wanted::default()
    };
    let mut earlier = ledger.history(&wanted)?.into_iter();
    let last = earlier.find(|done| done.verdict == Verdict::Publish);
    let same = last.filter(|done| done.summary.input_hash == summary.input_hash);
    Ok(same.map(|done| Standing {
        model: done.recipe.model().to_string(),
        at: Timestamp::from_microsecond(done.at).unwrap_or_default().to_string(),
    }))
}

/// An earlier result of the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// GROUP/VERSION
    pub model: String,
    /// When it was made, RFC 3339.
    pub at: String,
}

impl<'a> HeldReport<'a> {
    pub fn of(
        name: &Name,
        file: String,
        model: String,
        monitor: &Monitor,
        judged: &'a Judged,
        policy: &Policy,
        standing: Option<Standing>,
    ) -> HeldReport<'a> {
        let held = |check: &&Check| policy.action(check.area) >= Action::Hold;
        HeldReport {
            format_version: 1,
            file,
            model,
            baseline: monitor.watched.sha256.to_string(),
            files: judged.files,
            rows: judged.rows,
            day: judged.day.as_deref(),
            reasons: judged.judgement.over().filter(held).collect(),
            standing,
            message: message(judged),
            hint: format!(
                "look at it: transform monitor check {file}; then release it: transform monitor release {file} --reason WHY; or mend the file",
                file = shell::file(&name.to_string()),
            ),
        }
    }

    /// The bytes of the file.
    pub fn json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("a report is JSON");
        text.push(b'\n');
        text
    }
}

/// The worst findings, in a line.
pub fn message(judged: &Judged) -> String {
    if let Some(before) = &judged.before {
        return before.clone();
    }
    let with = match judged.files {
        1 => String::new(),
        files => format!(" (this file with {} small ones before it)", files - 1),
    };
    worst(judged.judgement.over(), NAMED) + &with
}
