//! What the ledger is to know, with each commit, of the windows that were judged: alerts that open and close, and what people are told
//! of results that are kept back.

use super::Commit;
use super::found::Judgements;
use super::monitor::{Judged, Monitor};
use super::monitors::Monitors;
use crate::error::Result;
use crate::ledger::{self, Alerting, Event, Look, Record, Transformation, Wanted, Watch};
use crate::monitor::alert::{self, Change};
use crate::monitor::bins::{Bin, bins};
use crate::monitor::then::known;
use crate::monitor::{Check, Policy};
use crate::score::{Identity, Lineup};
use crate::transform::Verdict;
use crate::transform::problem::Code;
use crate::worker::alerts::event::{self, Window};

impl Commit {
    /// Of the rows of one version. `committed`: in the order in which they are recorded.
    pub(super) fn alerting(
        &self,
        who: usize,
        committed: &[(Record, Transformation)],
        judgements: &Judgements,
        policy: &Policy,
    ) -> Result<Option<Alerting>> {
        let monitor = self.monitors.get(who);
        let mut alerting = Alerting {
            made_by: monitor.made_by().into(),
            baseline: monitor.baseline(),
            alerts: monitor.alerts.clone(),
            last: None,
            events: Vec::new(),
        };
        let mut last = None;
        let mut any = false;
        for (_, done) in committed {
            let Some(found) = judgements.get(&done.input) else {
                continue;
            };
            let Some(judged) = found.of(who) else { continue };
            any = true;
            let window = Window {
                at: done.at,
                model: monitor.model(),
                file: done.input.to_string(),
                files: judged.files,
                rows: judged.rows,
            };
            // Once, by the first one for whose rows it is.
            let is_told = found.kept_back().next().is_some_and(|first| first.who == who);
            if let Some(kind) = kept_back(done).filter(|_| is_told)
                && !self.is_known(done)?
            {
                let worst = judged.judgement.over().next();
                let bins = worst.and_then(|check| monitor.bins(check, judged));
                alerting.events.push(event::of_result(
                    kind,
                    &window,
                    worst,
                    bins.as_deref(),
                    &found.message(),
                ));
            }
            // Those of a small input were made before, with others.
            let Some(relevant) = judged.relevant.filter(|_| monitor.is_at_work) else {
                continue;
            };
            if judged.whole {
                last = Some((judged, done));
            }
            // The same rows are no second window, however often they are made again.
            if let Some(of) = done.summary.input_hash
                && self.ledger.is_scored(&done.input, of, &done.recipe.made_by)?
            {
                continue;
            }
            let changes = alerting.alerts.take(
                &alert::Judged {
                    checks: &judged.judgement.checks,
                    relevant,
                    whole: judged.whole,
                    at: done.at,
                },
                policy,
            );
            let changes = changes.into_iter();
            let events = changes.map(|change| monitor.event(change, &window, judged, policy));
            alerting.events.extend(events);
        }
        alerting.last = last.map(|(judged, done)| {
            let Judged { files, rows, .. } = *judged;
            Look::of(&judged.judgement, done.at, done.input.clone(), files, rows)
        });
        Ok(any.then_some(alerting))
    }

    /// Was the same result of the same rows kept back before?
    fn is_known(&self, done: &Transformation) -> Result<bool> {
        let wanted = Wanted {
            input: Some(&done.input),
            most: Some(1),
            ..Wanted::default()
        };
        let last = self.ledger.history(&wanted)?.pop();
        Ok(last.is_some_and(|last| {
            last.verdict == done.verdict
                && last.problem == done.problem
                && last.summary.input_hash == done.summary.input_hash
                && last.recipe == done.recipe
        }))
    }

    /// Alerts of all that aren't at work any more, and by other baselines, end: nobody will know whether they are over.
    pub(super) fn end_alerts_of_others(&mut self, monitors: &mut Monitors, lineup: &Lineup, now: i64) -> Result<()> {
        let at_work = monitors.iter().filter(|monitor| monitor.is_at_work);
        let at_work: Vec<Watch> = at_work.map(Monitor::watch).collect();
        let is_watched = |identity: &Identity| at_work.iter().any(|watch| watch.made_by == identity.made_by());
        let champion = &lineup.champion.identity;
        let ended = |made_by: &str, subject: &alert::Subject, state: &alert::State| -> Event {
            let mut challengers = lineup.challengers.iter();
            let challenger = challengers.find(|challenger| challenger.identity.made_by() == made_by);
            let by = challenger.map_or(champion, |challenger| &challenger.identity);
            let why = match (challenger, is_watched(by)) {
                (Some(challenger), _) if !challenger.is_open => {
                    format!("{by} answers no keys of new inputs any more")
                }
                (_, true) => format!("what {by} makes is held against its own baseline from now on"),
                (_, false) => format!("what {by} makes isn't watched"),
            };
            event::of_end(now, ledger::champion(made_by), subject, state, &why)
        };
        self.ledger.end_alerts_of_others(&at_work, ended)?;
        for monitor in monitors.iter_mut().filter(|monitor| !monitor.is_at_work) {
            monitor.alerts = alert::Alerts::default();
        }
        Ok(())
    }
}

impl Monitor {
    /// What people are told of an alert that opens or closes with a window.
    fn event(&self, change: Change, window: &Window, judged: &Judged, policy: &Policy) -> Event {
        let of = |kind, check: &Check, since: i64, why: &str| {
            let bins = self.bins(check, judged);
            event::of_alert(kind, window, check, since, bins.as_deref(), why)
        };
        match change {
            Change::Opened(check) => {
                tracing::warn!(input = window.file, found = %check, model = window.model, "an alert opens");
                of(event::OPENED, check, window.at, &opened(policy))
            }
            Change::Closed(check, since) => {
                tracing::info!(input = window.file, found = %check, model = window.model, "an alert closes");
                of(event::CLOSED, check, since, "well within its bar again")
            }
            Change::Ended(subject, state) => {
                event::of_end(window.at, window.model, &subject, &state, "it isn't looked at any more")
            }
        }
    }

    /// A check's column then and now.
    fn bins(&self, check: &Check, judged: &Judged) -> Option<Vec<Bin>> {
        let columns = self.watched().baseline.columns();
        let at = columns.iter().position(|column| column.name == check.column)?;
        let now = judged.counts.columns.get(at)?;
        Some(bins(columns[at], &known(self.usual(), at, columns[at]), now))
    }
}

fn kept_back(done: &Transformation) -> Option<&'static str> {
    match done.verdict {
        Verdict::Hold => Some(event::HELD),
        Verdict::Fail if done.problem.as_deref() == Some(Code::Blocked.name()) => Some(event::BLOCKED),
        _ => None,
    }
}

fn opened(policy: &Policy) -> String {
    let alerting = &policy.alerting;
    format!(
        "beyond its bar in {} of the last {} windows",
        alerting.over, alerting.of
    )
}
