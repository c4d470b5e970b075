//! Rows of one version are held against its baseline before they are published.

use super::open::Open;
use super::usual::Usual;
use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::ledger::{Ledger, Watch, Windows, champion};
use crate::monitor::alert::Alerts;
use crate::monitor::check::{Check, NAMED, worst};
use crate::monitor::{Action, Basis, Counts, Judgement, Policy, Window};
use crate::registry::baseline::InForce;
use crate::transform::Verdict;

/// What is known of the rows that a version answered. Begins with what the ledger has.
pub struct Monitor {
    watched: InForce,
    made_by: String,
    /// Are rows of new inputs its? Else no alert is made of what it answered.
    pub is_at_work: bool,
    /// Of small inputs, since the last ones were judged.
    pub open: Open,
    /// As they were recorded.
    pub alerts: Alerts,
    /// What is usual on a day.
    usual: Option<Usual>,
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
    /// Whose rows they are: the place of its monitor.
    pub who: usize,
    /// The same for people, `GROUP/VERSION`, where rows of the input are more than one version's.
    pub of: Option<String>,
    pub judgement: Judgement,
    pub files: u64,
    pub rows: u64,
    /// So many of its checks, the first ones, are beyond their bars in a way that matters; none: they were judged before.
    pub relevant: Option<usize>,
    /// Were all checks made?
    pub whole: bool,
    /// They were, with other small inputs.
    pub completes: bool,
    /// Of the window.
    pub counts: Counts,
    /// Somebody released it.
    pub released: bool,
    /// It was judged before, and this was found.
    pub before: Option<String>,
    /// The day that it was held against, where that wasn't the baseline.
    pub day: Option<String>,
}

impl Monitor {
    pub fn begin(ledger: &Ledger, watched: InForce, made_by: String, is_at_work: bool) -> Result<Monitor> {
        Ok(Monitor {
            open: Open::new(ledger.window(&made_by, watched.sha256)?),
            alerts: ledger.alerts(&made_by, watched.sha256)?,
            usual: None,
            watched,
            made_by,
            is_at_work,
        })
    }

    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    /// `GROUP/VERSION`
    pub fn model(&self) -> &str {
        champion(&self.made_by)
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

    pub fn watch(&self) -> Watch {
        Watch {
            made_by: self.made_by.clone(),
            baseline: self.watched.sha256,
        }
    }

    /// What rows are worth, if they are judged now. Of few ones `of_file` alone is looked at, what is so of the file as such; the rest
    /// waits for others. `open`: the window that they would join. None: there is nothing to judge.
    pub fn judge(
        &self,
        counts: &Counts,
        own: Basis,
        of_file: Vec<Check>,
        open: &Open,
        policy: &Policy,
    ) -> Option<Judged> {
        let mut checks = of_file;
        let outputs = self.watched.baseline.outputs();
        let is_small = counts.rows < policy.min_rows;
        let window = match is_small {
            true => open.judged(counts, own, policy.min_rows),
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
                ..Judged::of(judgement, counts.rows)
            });
        };
        let usual = self.usual();
        checks.extend(policy.checks(&self.watched.baseline, usual, &window.counts));
        let basis = if window.rescored { Basis::Rescored } else { Basis::New };
        let judgement = policy.judge(checks, basis, outputs);
        Some(Judged {
            relevant: Some(policy.relevant(&judgement, basis, outputs)),
            files: window.files,
            whole: true,
            completes: is_small,
            day: self.usual.as_ref().and_then(|usual| usual.then.day()).map(String::from),
            ..Judged::of(judgement, window.counts.rows).counted(window.counts)
        })
    }

    /// Gets what is usual at that time (microseconds since 1970).
    pub fn find_usual(&mut self, ledger: &Ledger, at: i64, policy: &Policy) -> Result<()> {
        if self.usual.as_ref().is_none_or(|usual| !usual.is_of(at, policy)) {
            self.usual = Usual::find(ledger, &self.made_by, self.watched.sha256, at, policy)?;
        }
        Ok(())
    }

    /// What was judged before, and kept back for `message`. `counts`: of the input alone.
    pub fn judged_before(&self, counts: &Counts, action: Action, message: String, policy: &Policy) -> Judged {
        let checks = policy.checks(&self.watched.baseline, None, counts);
        Judged {
            before: Some(message),
            ..Judged::of(Judgement { action, checks }, counts.rows).counted(counts.clone())
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

impl Judged {
    fn of(judgement: Judgement, rows: u64) -> Judged {
        Judged {
            who: 0,
            of: None,
            judgement,
            files: 1,
            rows,
            relevant: None,
            whole: false,
            completes: false,
            counts: Counts::default(),
            released: false,
            before: None,
            day: None,
        }
    }

    fn counted(self, counts: Counts) -> Judged {
        Judged { counts, ..self }
    }

    /// Is the result kept back for it?
    pub fn is_kept_back(&self) -> bool {
        self.judgement.action >= Action::Hold && !self.released
    }

    /// The worst findings, in a line.
    pub fn message(&self) -> String {
        if let Some(before) = &self.before {
            return before.clone();
        }
        let of = self.of.as_ref().map_or_else(String::new, |of| format!("{of}: "));
        let with = match self.files {
            1 => String::new(),
            files => format!(" (this file with {} small ones before it)", files - 1),
        };
        of + &worst(self.judgement.over(), NAMED) + &with
    }
}
